"""Recompute the p-value of a printed interval, with all that rounding allows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy import special

from mnstudy.stats.measurement.consistency import Range, rounding_range
from mnstudy.stats.result import SmallResult, check_level

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
    if n is not None and df is None:
        df = n - 1.0
    freedom = math.inf if df is None else float(df)
    if freedom <= 0:
        raise ValueError("a p-value needs n of 2 or more")
    if not ci_low < ci_high:
        raise ValueError(f"ci_low must lie below ci_high, not {ci_low} and {ci_high}")
    if ratio and ci_low <= 0:
        raise ValueError(f"limits of a ratio must be above 0, not {ci_low}")
    quantile = _quantile((1 + level) / 2, freedom)
    ratios = _estimate_per_half_width((estimate, ci_low, ci_high), decimals, ratio)
    p = [two_sided_p(quantile * x, freedom) for x in ratios]
    span = [*p[1:], *([1.0] if min(ratios) < 0 < max(ratios) else [])]
    law = "normal" if math.isinf(freedom) else f"t with {freedom:g} degrees of freedom"
    return RecomputedP(
        p_value=p[0],
        p_low=min(span),
        p_high=max(span),
        df=freedom,
        method=f"from the {100 * level:g} % interval, {law}",
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


def two_sided_p(statistic: float, df: float) -> float:
    """Two-sided p-value of a t statistic; of a normal one where df is infinite."""
    size = -abs(statistic)
    tail = special.ndtr(size) if math.isinf(df) else special.stdtr(df, size)
    return float(min(2 * tail, 1.0))


def normal_size(p: float) -> float:
    """Size of the normal quantile with this two-sided p-value: the scale p-values differ on."""
    return float(-special.ndtri(min(max(p, _TINY), 1.0) / 2))


def _quantile(probability: float, df: float) -> float:
    if math.isinf(df):
        return float(special.ndtri(probability))
    return float(special.stdtrit(df, probability))
