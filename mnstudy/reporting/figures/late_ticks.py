"""Axes that make a tick when one is drawn, not before.

Matplotlib makes four ticks for every axes it sets up, each of three lines and two texts: most of
what axes cost, and most figures here consist of several axes with few ticks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, Tick, XAxis, YAxis

_LISTS = ("majorTicks", "minorTicks")  # where they are missing, asking for one fills it


class _Late(Axis):
    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        with self._as_they_are():
            super().set_clip_path(path, transform)

    def set_tick_params(self, *args: Any, **kwargs: Any) -> None:
        with self._as_they_are():
            super().set_tick_params(*args, **kwargs)

    def get_major_ticks(self, numticks: int | None = None) -> list[Tick]:
        wanted = len(self.get_majorticklocs()) if numticks is None else numticks
        return super().get_major_ticks(wanted) if wanted else []

    def get_minor_ticks(self, numticks: int | None = None) -> list[Tick]:
        wanted = len(self.get_minorticklocs()) if numticks is None else numticks
        return super().get_minor_ticks(wanted) if wanted else []

    @contextmanager
    def _as_they_are(self) -> Iterator[None]:
        """Let no tick be made inside: what is set is kept for those made later."""
        missing = [name for name in _LISTS if name not in vars(self)]
        vars(self).update({name: [] for name in missing})
        try:
            yield
        finally:
            for name in missing:
                vars(self).pop(name, None)


class _LateX(_Late, XAxis):
    pass


class _LateY(_Late, YAxis):
    pass


class LateAxes(Axes):
    """Axes whose ticks are made late; lines of a grid, which are not drawn here, are not cut."""

    def _init_axis(self) -> None:
        super()._init_axis()  # type: ignore[misc]
        self.xaxis.__class__, self.yaxis.__class__ = _LateX, _LateY
