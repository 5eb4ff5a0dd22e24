"""The course over sessions: the mean after each session, joined, and the gain of each beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_count
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.drawing import draw_panel
from mnstudy.reporting.figures.lettering import line_height, text_width
from mnstudy.reporting.figures.rows import Panel, PanelLayout, lay_out
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.verdicts.findings import Finding, Part

SIDE_BY_SIDE = 5.0  # inches of room from which the two panels stand beside each other
BETWEEN = 0.3
PLOT_HEIGHT = 1.7


@dataclass(frozen=True, slots=True)
class SessionMeans:
    """Means by session and, where there are any, the gains."""

    finding: Finding
    sessions: tuple[Part, ...]
    gains: Panel | None
    left: float
    width: float
    size: float

    @property
    def beside(self) -> bool:
        """True where the gains stand beside the course, not beneath it."""
        return self.gains is not None and self.width >= SIDE_BY_SIDE

    @property
    def course_width(self) -> float:
        """Width of the course in inches."""
        return 0.46 * self.width if self.beside else self.width

    @property
    def course_height(self) -> float:
        """Height of the course in inches."""
        return line_height(self.size + 0.5) + 0.08 + PLOT_HEIGHT + 3.4 * line_height(self.size)

    @property
    def height(self) -> float:
        """Height of everything in inches."""
        layout = self._gains_layout()
        if layout is None:
            return self.course_height
        if self.beside:
            return max(self.course_height, layout.height)
        return self.course_height + BETWEEN + layout.height

    def _gains_layout(self) -> PanelLayout | None:
        if self.gains is None:
            return None
        room = self.width - self.course_width - BETWEEN if self.beside else self.width
        return lay_out(self.gains, room, self.size)

    def draw(self, picture: Picture, top: float) -> None:
        """Draw both at this height."""
        _draw_course(self, picture, top)
        layout = self._gains_layout()
        if self.gains is None or layout is None:
            return
        if self.beside:
            left = self.left + self.course_width + BETWEEN
            draw_panel(picture, self.gains, layout, left, top)
        else:
            draw_panel(picture, self.gains, layout, self.left, top + self.course_height + BETWEEN)


def _draw_course(block: SessionMeans, picture: Picture, top: float) -> None:
    sessions = [p for p in block.sessions if not math.isnan(p.value)]
    size = block.size
    title: dict[str, Any] = {"fontsize": size + 0.5, "fontweight": "bold"}
    inch_text(picture, block.left, top, "mean after each session", **title)
    plot_top = top + line_height(size + 0.5) + 0.08
    room = 0.55
    axes = inch_axes(
        picture, block.left + room, plot_top, block.course_width - room - 0.1, PLOT_HEIGHT
    )
    axes.spines["left"].set_visible(True)
    low, high = _extent(sessions)
    axes.set_ylim(low, high)
    xs = [p.x for p in sessions]
    pad = 0.5 if len(xs) < 2 else 0.06 * (max(xs) - min(xs)) + 0.2
    axes.set_xlim(min(xs, default=0) - pad, max(xs, default=1) + pad)
    _draw_means(axes, sessions, (low, high))
    _label(axes, block, sessions)


def _draw_means(axes: Axes, sessions: Sequence[Part], ends: tuple[float, float]) -> None:
    line: dict[str, Any] = {"color": theme.PART, "zorder": 2}
    axes.plot([p.x for p in sessions], [p.value for p in sessions], linewidth=1.0, **line)
    for part in sessions:
        low, high = (
            min(max(part.value if math.isnan(x) else x, ends[0]), ends[1])
            for x in (part.ci_low, part.ci_high)
        )
        axes.plot([part.x, part.x], [low, high], linewidth=1.1, **line)
        axes.plot([part.x], [part.value], marker="s", markersize=4.5, **line)
        for end, beyond, marker in (
            (ends[0], part.ci_low < ends[0], 6),
            (ends[1], part.ci_high > ends[1], 7),
        ):
            if beyond:
                axes.plot([part.x], [end], marker=marker, markersize=4.5, clip_on=False, **line)


def _label(axes: Axes, block: SessionMeans, sessions: Sequence[Part]) -> None:
    size = block.size
    counts = [shown_count(block.finding, p.n) for p in sessions]
    widest = max((text_width(c, size - 0.5) for c in counts), default=0.1) + 0.06
    room = block.course_width - 0.65
    step = max(1, math.ceil(len(sessions) * widest / room))
    shown = list(zip(sessions, counts, strict=True))[::step]
    axes.set_xticks([p.x for p, _ in shown], [f"{p.label}\n{c}" for p, c in shown])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.given(float(y))))
    axes.tick_params(labelsize=size - 0.5)
    axes.set_xlabel("sessions; beneath: number of patients", fontsize=size - 0.5, labelpad=2)
    axes.set_ylabel(sessions[0].unit if sessions else "", fontsize=size, labelpad=2)


def _extent(sessions: Sequence[Part]) -> tuple[float, float]:
    values = [p.value for p in sessions] or [0.0, 1.0]
    ends = [x for p in sessions for x in (p.ci_low, p.ci_high) if math.isfinite(x)]
    span = (max(values) - min(values)) or max(abs(values[0]), 1.0)
    low = max(min([*values, *ends]), min(values) - 1.5 * span)
    high = min(max([*values, *ends]), max(values) + 1.5 * span)
    pad = 0.08 * (high - low or 1.0)
    return low - pad, high + pad
