"""Rates behind which 1 to 4 patients stand out: how they are known, and what is said instead."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mnstudy import formatting as fmt
from mnstudy.cohort.small_counts import THRESHOLD
from mnstudy.stats.proportion_limits import exact_limits

if TYPE_CHECKING:
    from mnstudy.verdicts.finding import Estimate, Part

MOST = THRESHOLD - 1
NAN = float("nan")
_SAME = 1e-7  # by which limits computed twice may differ

Rated = TypeVar("Rated", "Estimate", "Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Few:
    """1 to 4 of ``n`` had the event; or, where ``nearly_all``, 1 to 4 had it not."""

    n: int
    nearly_all: bool

    def limits(self, level: float) -> tuple[float, float]:
        """Return in percent what four would give: nothing of the count itself is in it."""
        few = min(MOST, self.n)
        tail = (1 - level) / 2
        if self.nearly_all:
            return 100 * exact_limits(self.n - few, self.n, tail)[0], 100.0
        return 0.0, 100 * exact_limits(few, self.n, tail)[1]

    def words(self, level: float) -> str:
        """Say what may be said.

        >>> Few(n=212, nearly_all=False).words(0.95)
        'fewer than 5 of 212 patients: at most 4.8 percent (exact limit that 4 would give)'
        """
        low, high = (fmt.number(x, 1) for x in self.limits(level))
        share = f"fewer than {THRESHOLD} of {self.n:,} patients"
        said = f"all but {share}: at least {low}" if self.nearly_all else f"{share}: at most {high}"
        return f"{said} percent (exact limit that {MOST} would give)"


def few_behind(number: Estimate | Part, n: int | None, level: float) -> Few | None:
    """Tell whether a number is a rate that gives away 1 to 4 patients.

    Parameters
    ----------
    number : Estimate or Part
        In percent; numbers in another unit are no rates.
    n : int or None
        Patients behind it.
    level : float
        Level of its interval.

    Returns
    -------
    Few or None

    Notes
    -----
    A rate is known by its numbers, so that none escapes because nobody marked it: a share of
    ``n`` that comes out as a whole number of patients, or exact (Clopper-Pearson) limits, from
    which count and size follow even where the size is not given. A share with bounds is taken by
    its limits.
    """
    if number.unit != "percent" or math.isnan(number.value):
        return None
    for nearly_all in (False, True):
        share, ends = number.value / 100, (number.ci_low / 100, number.ci_high / 100)
        if nearly_all:
            share, ends = 1 - share, (1 - ends[1], 1 - ends[0])
        for k in range(1, THRESHOLD):
            size = _size(k, share, ends, n, level, by_share=not hasattr(number, "kind"))
            if size is not None:
                return Few(n=size, nearly_all=nearly_all)
    return None


def _size(
    k: int, share: float, ends: tuple[float, float], n: int | None, level: float, *, by_share: bool
) -> int | None:
    """Return the size of the group of which this would be k; None where it is not k of any."""
    if n and n >= k:
        if by_share and math.isclose(share * n, k, rel_tol=_SAME):
            return n
        if any(_same_ends(k, n, ends, level)):
            return n
    size = round(k / share) if share * 1e9 > 1 else 0
    known = size >= k and math.isclose(share * size, k, rel_tol=_SAME)
    return size if known and all(_same_ends(k, size, ends, level)) else None


def _same_ends(k: int, n: int, ends: tuple[float, float], level: float) -> tuple[bool, bool]:
    low, high = exact_limits(k, n, (1 - level) / 2)
    return (
        math.isclose(low, ends[0], rel_tol=_SAME, abs_tol=1e-12),
        math.isclose(high, ends[1], rel_tol=_SAME, abs_tol=1e-12),
    )


def bounded(number: Rated, few: Few, level: float) -> Rated:
    """Return the number without its value, its interval what may be said."""
    low, high = few.limits(level)
    return replace(blanked(number), ci_low=low, ci_high=high)


def blanked(number: Rated) -> Rated:
    """Return the number without anything that was estimated."""
    names = ("value", "ci_low", "ci_high", "std_error", "df", "p_value")
    nothing: dict[str, Any] = {name: NAN for name in names if hasattr(number, name)}
    return replace(number, **nothing)


def written(estimate: Estimate, unit: str | None = None) -> str:
    """Write value, interval and unit; of a withheld value what may be said: ``at most 4.8 %``.

    >>> from mnstudy.verdicts.finding import Estimate
    >>> kept = {"confidence_level": 0.95, "unit": "percent", "method": "exact"}
    >>> written(Estimate(value=NAN, ci_low=0.0, ci_high=4.76, **kept))
    'at most 4.8 percent'
    """
    unit = estimate.unit if unit is None else unit
    if not math.isnan(estimate.value):
        return f"{fmt.interval(estimate)} {unit}"
    low, high = estimate.ci_low, estimate.ci_high
    if math.isnan(low) and math.isnan(high):
        return "not shown"
    digits = fmt.decimals_for(low, high)
    if low > 0:
        return f"at least {fmt.number(low, digits)} {unit}"
    return f"at most {fmt.number(high, digits)} {unit}"
