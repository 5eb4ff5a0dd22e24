"""What each analysis estimates and which settings it takes, read from ``settings.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mnstudy.packaged import packaged

DEPTHS = {"needle_depth_at_most": "up to", "needle_depth_over": "over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of an analysis; the attributes are explained in ``settings.toml``."""

    name: str
    kind: str
    required: bool = False
    of: str = ""
    holds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    default: str = ""
    depth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an analysis estimates, and the settings it takes by name.

    ``unit`` is empty where it follows from the outcome or has to be given.
    """

    analysis: str
    estimand: str
    unit: str = ""
    rules: tuple[str, ...]
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def columns_for(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return every column the analysis cannot do without under these settings."""
        named = [c for s in self.settings.values() for c in _columns_of(s, params)]
        return tuple(dict.fromkeys([*self.columns, *named]))

    def in_words(self, params: Mapping[str, Any]) -> str:
        """Write the estimand with its settings; their order in the study file does not matter."""
        given = [
            f"{name.replace('_', ' ')}: {_in_words(params[name])}"
            for name in self.settings
            if name in params
        ]
        return "; ".join([self.estimand, *given])


@cache
def forms() -> Mapping[str, Form]:
    """Return what every analysis takes, by its name.

    Examples
    --------
    >>> list(forms()["share"].settings)
    ['outcome', 'at_least']
    """
    raw = packaged("verdicts/claims/settings.toml")
    return {analysis: _form(analysis, entry) for analysis, entry in raw.items()}


def _form(analysis: str, raw: Mapping[str, Any]) -> Form:
    settings = {n: Setting(name=n, **_tuples(s)) for n, s in raw["settings"].items()}
    return Form(analysis=analysis, **{**_tuples(raw), "settings": settings})


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}


def _columns_of(setting: Setting, params: Mapping[str, Any]) -> Iterator[str]:
    """Name the columns that one setting speaks of."""
    value = params.get(setting.name, setting.default)
    if not value:
        return
    if setting.kind == "column":
        yield value
    elif setting.kind == "events":
        yield from value
    elif setting.kind == "levels" and setting.of not in params:
        yield setting.of
    elif setting.kind == "arm":
        # a sheet without the column has no adjuncts, so that "none" needs no column
        free = value.get("adjunct") in (["none"], ("none",))
        yield from (column_of(key) for key in sorted(value) if key != "adjunct" or not free)


def column_of(key: str) -> str:
    """Return the column that a key of an arm speaks of."""
    return "needle_depth_mm" if key in DEPTHS else key.removesuffix("_not")


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_arm_in_words(key, value[key]) for key in sorted(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " or ".join(_in_words(word) for word in value)
    return f"{value:.10g}" if isinstance(value, int | float) else str(value).replace("_", " ")


def _arm_in_words(key: str, words: Any) -> str:
    if key in DEPTHS:
        return f"needle depth {DEPTHS[key]} {words:g} mm"
    negated = "not " if key.endswith("_not") else ""
    return f"{column_of(key).replace('_', ' ')} {negated}{_in_words(words)}"
