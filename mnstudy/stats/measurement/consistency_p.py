"""Recompute p-values from printed figures, with all that rounding allows.

The figures are an estimate with its interval, or means and standard deviations of two visits or
two arms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import ttest_ind_from_stats

from mnstudy.stats.counts.proportions import whole_number
from mnstudy.stats.measurement.consistency import Range, rounding_range
from mnstudy.stats.meta.pooling import quantile, two_sided_p
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import SmallResult, check_level, check_number

# p-values are kept off 0 and 1 where they are turned into normal quantiles
_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RecomputedP(SmallResult):
    """A two-sided p-value from printed figures, and the range that their rounding leaves."""

    p_value: float
    p_low: float
    p_high: float
    df: float
    method: str

    def _lines(self) -> list[str]:
        return [
            f"p = {self.p_value:.3g} ({self.p_low:.3g} to {self.p_high:.3g} within rounding)",
            self.method,
        ]


def p_from_interval(
    estimate: float,
    ci_low: float,
    ci_high: float,
    *,
    n: int | None = None,
    df: float | None = None,
    level: float = 0.95,
    ratio: bool = False,
    decimals: tuple[int, int, int] | None = None,
) -> RecomputedP:
    """Recompute the p-value that belongs to an estimate with its confidence interval.

    Parameters
    ----------
    estimate, ci_low, ci_high : float
        As printed.
    n : int, optional
        People behind one mean (or the pairs): t with n - 1 degrees of freedom.
    df : float, optional
        Degrees of freedom instead of ``n``; the normal distribution when neither is given.
    level : float
        Level of the interval.
    ratio : bool
        The figures are ratios: logarithms are compared with 0.
    decimals : tuple of three int, optional
        Digits printed after the point of estimate, ci_low and ci_high; without them the figures
        count as exact.

    Returns
    -------
    RecomputedP

    Raises
    ------
    ValueError
        The limits are turned round, or the estimate lies outside them; a ratio is not above 0.

    Notes
    -----
    The standard error is half the width of the interval over its quantile. Where the estimate is
    the middle of the interval within rounding, the range uses the limits alone, which is the
    sharper bound; the interval then excludes 0 exactly when p is below 1 - level. Altman and
    Bland (2011), doi 10.1136/bmj.d2304, with t in place of the normal where df is known.

    Examples
    --------
    >>> p_from_interval(3.4, 0.2, 6.5, n=15, decimals=(1, 1, 1))
    p = 0.0363 (0.0361 to 0.0414 within rounding)
      from the 95 % interval, t with 14 degrees of freedom
    """
    level = check_level(level)
    check_number(estimate=estimate, ci_low=ci_low, ci_high=ci_high)
    if n is not None and df is None:
        df = n - 1.0
    freedom = math.inf if df is None else float(df)
    if freedom <= 0:
        raise ValueError("a p-value needs n of 2 or more")
    if not ci_low < ci_high:
        raise ValueError(f"ci_low must lie below ci_high, not {ci_low} and {ci_high}")
    if ratio and min(estimate, ci_low) <= 0:
        raise ValueError(
            f"a ratio and its limits must be above 0, not {estimate} with {ci_low} to {ci_high}"
        )
    if not ci_low <= estimate <= ci_high:
        raise ValueError(f"the estimate {estimate} lies outside its interval {ci_low} to {ci_high}")
    half_width = quantile(freedom, level)
    ratios = _estimate_per_half_width((estimate, ci_low, ci_high), decimals, ratio)
    p = [two_sided_p(half_width * x, 1.0, freedom) for x in ratios]
    law = "normal" if math.isinf(freedom) else f"t with {freedom:g} degrees of freedom"
    return _recomputed(p[0], p[1:], ratios, freedom, f"from the {100 * level:g} % interval, {law}")


def _estimate_per_half_width(
    printed: tuple[float, float, float], decimals: tuple[int, int, int] | None, ratio: bool
) -> list[float]:
    """Return the estimate in half widths as printed, then at the corners of the rounding."""
    scale = math.log if ratio else float
    boxes = spans(printed, decimals)
    if ratio:
        boxes = [(max(a, _TINY), b) for a, b in boxes]
    middles, lows, highs = ([scale(x) for x in box] for box in boxes)
    half = (scale(printed[2]) - scale(printed[1])) / 2
    found = [scale(printed[0]) / half]
    centre = [(lows[i] + highs[i]) / 2 for i in (0, 1)]
    agrees = max(centre[0], middles[0]) <= min(centre[1], middles[1]) + 1e-12
    for low, high in itertools.product(lows, highs):
        width = max((high - low) / 2, 1e-12)
        ends = [(low + high) / 2] if agrees else middles
        found += [x / width for x in ends]
    return found


def p_from_change(
    before: float,
    after: float,
    sd_before: float,
    sd_after: float,
    n: int,
    *,
    r: float | Range = (0.0, 0.99),
    decimals: tuple[int, int, int, int] | None = None,
) -> RecomputedP:
    """Recompute the p-value of a paired t test from two means and their standard deviations.

    Parameters
    ----------
    before, after, sd_before, sd_after : float
        As printed: two visits, or two sides of one body.
    n : int
        Pairs, 2 or more.
    r : float or pair of float
        Correlation within the person; usually unknown, then the range of those that count as
        possible. ``p_value`` is that of the middle of the range.
    decimals : tuple of four int, optional
        Digits printed after the point, in the order of the figures.

    Returns
    -------
    RecomputedP
        The range covers the rounding of all four figures and every r, also where p is smallest or
        largest inside the rounding and not at an end of it.

    Examples
    --------
    >>> p_from_change(2.87, 2.03, 0.83, 1.16, 40, r=0.5)
    p = 8.26e-06 (8.26e-06 to 8.26e-06 within rounding)
      paired t test, r = 0.5, 39 degrees of freedom
    """
    check_number(before=before, after=after, sd_before=sd_before, sd_after=sd_after)
    n = whole_number("n", n)
    if n < 2 or min(sd_before, sd_after) < 0:
        raise ValueError("a paired t test needs n of 2 or more and no negative spread")
    ends = tuple(np.broadcast_to(as_float(r, "r"), 2).tolist())
    if not -1 <= ends[0] <= ends[1] <= 1:
        raise ValueError(f"r must lie between -1 and 1, the lower end first, not {r}")
    *means, box0, box1 = spans((before, after, sd_before, sd_after), decimals)
    box0, box1 = ((max(a, 0.0), b) for a, b in (box0, box1))
    t = [
        _paired_t(m0, m1, s0, s1, x, n)
        for m0, m1, x in itertools.product(*means, ends)
        for s0, s1 in _extreme_spreads(box0, box1, x)
    ]
    p = [two_sided_p(x, 1.0, n - 1.0) for x in t]
    main = two_sided_p(
        _paired_t(before, after, sd_before, sd_after, sum(ends) / 2, n), 1.0, n - 1.0
    )
    words = f"r = {ends[0]:g}" + ("" if ends[0] == ends[1] else f" to {ends[1]:g}")
    how = f"paired t test, {words}, {n - 1} degrees of freedom"
    return _recomputed(main, p, t, n - 1.0, how)


def _extreme_spreads(box0: Range, box1: Range, r: float) -> Iterator[Range]:
    """Pairs of spreads among which the variance of the change is largest and smallest.

    It is convex in the spreads: largest at a corner, smallest there or where one spread is at an
    end and the other r times as large. In r it is a line, so that the ends of r do.
    """
    yield from itertools.product(box0, box1)
    yield from ((min(max(r * s1, box0[0]), box0[1]), s1) for s1 in box1)
    yield from ((s0, min(max(r * s0, box1[0]), box1[1])) for s0 in box0)


def _paired_t(before: float, after: float, s0: float, s1: float, r: float, n: int) -> float:
    variance = max(s0**2 + s1**2 - 2 * r * s0 * s1, 0.0) / n
    difference = before - after
    if variance == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(variance)


def p_from_arms(
    mean1: float,
    sd1: float,
    n1: int,
    mean2: float,
    sd2: float,
    n2: int,
    *,
    decimals: tuple[int, int, int, int] | None = None,
) -> RecomputedP:
    """Recompute the p-value of two arms of different people from means, SDs and sizes.

    Parameters
    ----------
    mean1, sd1, n1, mean2, sd2, n2
        As printed.
    decimals : tuple of four int, optional
        Digits printed after the point of mean1, sd1, mean2 and sd2.

    Returns
    -------
    RecomputedP
        ``p_value`` of Welch's t test (``scipy.stats.ttest_ind_from_stats``); the range covers
        rounding and the test with one variance.

    References
    ----------
    Welch (1947), doi 10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> p_from_arms(4.23, 1.3, 30, 4.98, 1.13, 30)
    p = 0.0204 (0.0204 to 0.0204 within rounding)
      two-sample t test, Welch or one variance
    """
    check_number(mean1=mean1, sd1=sd1, mean2=mean2, sd2=sd2)
    n1, n2 = whole_number("n1", n1), whole_number("n2", n2)
    if min(n1, n2) < 2 or min(sd1, sd2) < 0:
        raise ValueError("two arms need 2 people or more each and no negative spread")
    printed = (mean1, sd1, mean2, sd2)
    corners = np.array([printed, *itertools.product(*spans(printed, decimals))]).T
    p = _two_sample(corners, n1, n2)
    differences = corners[0] - corners[2]
    how = "two-sample t test, Welch or one variance"
    return _recomputed(
        p[0, 0], p[:, 1:].ravel().tolist(), differences[1:].tolist(), n1 + n2 - 2.0, how
    )


def _two_sample(figures: NDArray[np.float64], n1: int, n2: int) -> NDArray[np.float64]:
    """Return the p-values of Welch's test and of the test with one variance, a column a figure."""
    m1, s1, m2, s2 = figures
    arms = (m1, np.maximum(s1, 0.0), n1, m2, np.maximum(s2, 0.0), n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = [ttest_ind_from_stats(*arms, equal_var=same).pvalue for same in (False, True)]
    return np.nan_to_num(p, nan=1.0)  # nothing spreads, and nothing differs


def _recomputed(
    main: float, within: Sequence[float], statistics: Sequence[float], df: float, method: str
) -> RecomputedP:
    """Gather the p-value and those within rounding; 1 is among them where the sign can change."""
    span = [*within, *([1.0] if min(statistics) < 0 < max(statistics) else [])]
    return RecomputedP(
        p_value=float(main), p_low=float(min(span)), p_high=float(max(span)), df=df, method=method
    )


def midpoint(
    ci_low: float, ci_high: float, decimals: tuple[int, int] | None = None, *, ratio: bool = False
) -> Range:
    """Return the middles an interval can have within rounding; on the log scale for ratios.

    Examples
    --------
    >>> midpoint(-2.3, 3.5, (1, 1))
    (0.55, 0.65)
    """
    low, high = spans((ci_low, ci_high), decimals)
    if ratio:
        middle = [math.sqrt(max(a, 0.0) * max(b, 0.0)) for a, b in zip(low, high, strict=True)]
    else:
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return round(middle[0], 12), round(middle[1], 12)


def spans(values: Iterable[float], decimals: Iterable[int] | None) -> list[Range]:
    """Return what each figure can have been before it was rounded."""
    if decimals is None:
        return [(x, x) for x in values]
    return [rounding_range(x, d) for x, d in zip(values, decimals, strict=True)]


def normal_size(p: float) -> float:
    """Size of the normal quantile with this two-sided p-value: the scale p-values differ on."""
    return float(-special.ndtri(min(max(p, _TINY), 1.0) / 2))
