"""Units: what kind of number stands in them, and how they are written in a narrow table."""

from __future__ import annotations

from dataclasses import dataclass, field

RATIO = "ratio"
SHARE_DIFFERENCE = "percentage points"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its name, as it stands in a table of numbers.

    Attributes
    ----------
    name : str
    scale : str
        difference, ratio (drawn on a logarithmic axis, no effect is 1), percent (a share, or a
        score of 100), level (where no effect has another value) or time.
    short : str
        As it stands in a narrow table.
    axis : str
        As it names an axis for people who do not know the unit.
    of, per : str
        Of a slope: the unit of the outcome, and what one more of is asked for.
    one : str
        The singular of a unit of time.
    """

    name: str
    scale: str = "difference"
    short: str = field(default="", kw_only=True)
    axis: str = field(default="", kw_only=True)
    of: str = field(default="", kw_only=True)
    per: str = field(default="", kw_only=True)
    one: str = field(default="", kw_only=True)


def slope(of: str, per: str, short: str = "") -> Unit:
    """Return the unit of a slope: one unit of an outcome for one more of something."""
    return Unit(f"{of} per {per}", of=of, per=per, short=short or f"{of}/{per}")


UNITS = {
    declared.name: declared
    for declared in (
        Unit("percent", "percent", short="%"),
        Unit("percent of baseline", short="% of baseline"),
        Unit(SHARE_DIFFERENCE, short="% points", axis="difference in percentage points"),
        Unit("points"),
        Unit("points of 10", short="of 10"),
        Unit("SD", axis="standard deviations (SD)"),
        Unit("grades"),
        Unit("ratio", RATIO),
        Unit("odds ratio", RATIO),
        Unit("chance, 0.5 is no difference", "level"),
        Unit("weeks", "time", one="week"),
        Unit("days", "time", one="day"),
        slope("points", "session"),
        slope("points", "mm"),
        slope("points", "week"),
        slope("points", "grade"),
        slope("percent", "mm", short="% per mm"),
    )
}


def unit(name: str) -> Unit:
    """Return the unit of this name.

    A name that is not declared is somebody's own, of a study file: a plain difference, the slope
    of an outcome where it is written as one.

    Examples
    --------
    >>> unit("percentage points").short, unit("points per session").short
    ('% points', 'points/session')
    >>> unit("odds ratio").scale, unit("mmHg per month").per
    ('ratio', 'month')
    """
    if name in UNITS:
        return UNITS[name]
    of, _, per = name.partition(" per ")
    return slope(of, per, name.replace(" per ", "/")) if per else Unit(name)


def is_ratio(name: str) -> bool:
    """Tell whether numbers in this unit are ratios, drawn on a logarithmic axis."""
    return unit(name).scale == RATIO


def valued(number: str, name: str) -> str:
    """Write a number with its unit, a ratio behind its name.

    >>> valued("3.1", "points"), valued("2.5", "odds ratio")
    ('3.1 points', 'odds ratio 2.5')
    """
    return f"{name} {number}" if is_ratio(name) else f"{number} {name}"


def short(name: str) -> str:
    """Return a unit as it stands in a narrow table."""
    return unit(name).short or name


def axis_name(name: str) -> str:
    """Return a unit as it names an axis.

    >>> axis_name("SD"), axis_name("points")
    ('standard deviations (SD)', 'points')
    """
    return unit(name).axis or name
