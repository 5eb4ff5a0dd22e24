"""Do printed numbers agree with one another: what rounding allows, percentages, spreads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mnstudy.stats.meta.effect_result import small_sample_factor
from mnstudy.stats.result import SmallResult

Range = tuple[float, float]
Agreement = Literal["rounded", "cut", "no"]

# guards comparisons at the edge of rounding against binary fractions
_EDGE = 1e-9


def rounding_range(value: float, decimals: int, *, cut: bool = False) -> Range:
    """Return the values that are printed as ``value``.

    Parameters
    ----------
    value : float
        The printed number.
    decimals : int
        Digits printed after the point.
    cut : bool
        Allow also for digits that were cut off instead of rounded.

    Returns
    -------
    low, high : float
        Both ends are allowed: halves may have been rounded up, down or to even. Digits are cut
        towards zero, and the next printed number itself is left out.

    Examples
    --------
    >>> rounding_range(2.4, 1)
    (2.35, 2.45)
    """
    if decimals < 0 or decimals != int(decimals):
        raise ValueError(f"decimals must be 0 or a whole number above it, not {decimals}")
    if not math.isfinite(value):
        raise ValueError(f"a printed number must be finite, not {value}")
    half = 0.5 * 10.0 ** -int(decimals)
    low, high = value - half, value + half
    if cut:
        # a printed 0 may have been cut from either side
        unit = 2 * half * (1 - 1e-6)
        low = value - unit if value <= 0 else low
        high = value + unit if value >= 0 else high
    return round(low, 12), round(high, 12)


def percent_agrees(percent: float, events: int, n: int, *, decimals: int) -> Agreement:
    """Tell whether a printed percentage is that of ``events`` in ``n``.

    Parameters
    ----------
    percent : float
        As printed, 0 to 100.
    events, n : int
        People counted, and people in all.
    decimals : int
        Digits printed after the point.

    Returns
    -------
    str
        "rounded", "cut" (digits cut off, as 66.6 for two thirds) or "no".

    Examples
    --------
    >>> [percent_agrees(p, 2, 3, decimals=1) for p in (66.7, 66.6, 66.8)]
    ['rounded', 'cut', 'no']
    """
    if n < 1 or not 0 <= events <= n:
        raise ValueError(f"events must lie between 0 and n and n be 1 or more, not {events} of {n}")
    share = 100 * events / n
    low, high = rounding_range(percent, decimals)
    if low - _EDGE <= share <= high + _EDGE:
        return "rounded"
    if percent - _EDGE <= share < percent + 10.0**-decimals - _EDGE:
        return "cut"
    return "no"


def counts_behind(percent: float, n: int, *, decimals: int) -> tuple[int, ...]:
    """Return the counts out of ``n`` that are printed as this percentage, rounded or cut.

    Parameters
    ----------
    percent : float
        As printed, 0 to 100.
    n : int
        People in all.
    decimals : int
        Digits printed after the point.

    Returns
    -------
    tuple of int
        Empty when no whole number of people gives the percentage. This is the idea of
        ``grim`` for shares: Brown and Heathers (2017), doi 10.1177/1948550616673876.

    Examples
    --------
    >>> counts_behind(73, 65, decimals=0), counts_behind(91.8, 36, decimals=1)
    ((48,), ())
    """
    low, high = rounding_range(percent, decimals, cut=True)
    candidates = range(max(math.floor(low * n / 100), 0), min(math.ceil(high * n / 100), n) + 1)
    return tuple(k for k in candidates if percent_agrees(percent, k, n, decimals=decimals) != "no")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpreadCheck(SmallResult):
    """A standardised effect with its spread read as a standard deviation, and as an error."""

    effect_if_sd: float
    effect_if_se: float
    suspicious: bool
    se_possible: bool

    def _lines(self) -> list[str]:
        reading = "may be a standard error" if self.suspicious else "can be a standard deviation"
        if self.suspicious and not self.se_possible:
            reading = "is too small for the effect, and a standard error is impossible on the scale"
        return [
            f"effect {self.effect_if_sd:.4g} with the spread as SD, {self.effect_if_se:.4g} as SE",
            f"the printed spread {reading}",
        ]


def spread_is_se(
    sd: float | Sequence[float],
    n: int,
    effect: float,
    *,
    limit: float = 3.0,
    low: float | None = None,
    high: float | None = None,
) -> SpreadCheck:
    """Ask whether a spread printed as standard deviation must be something else.

    Parameters
    ----------
    sd : float or sequence of float
        The printed spread, or those of two arms of one size (their mean square is used).
    n : int
        People behind the spread.
    effect : float
        Difference of means in the unit of the spread.
    limit : float
        Standardised effects (small-sample corrected) beyond it are doubted; a convention.
    low, high : float, optional
        Ends of the scale. Values between them cannot spread wider than with half at each end.

    Returns
    -------
    SpreadCheck
        effect_if_sd, effect_if_se (the spread times the root of n), suspicious, se_possible.

    Notes
    -----
    A large effect is possible, so this is a question and no proof. Correction for small samples:
    Hedges (1981), doi 10.3102/10769986006002107.

    Examples
    --------
    >>> spread_is_se(0.44, 15, -4.7, low=0, high=13)
    effect -10.1 with the spread as SD, -2.607 as SE
      the printed spread may be a standard error
    """
    values = [sd] if isinstance(sd, int | float) else list(sd)
    if n < 2 or not values or min(values) < 0 or not any(values):
        raise ValueError("n must be 2 or more, and a spread must not be negative nor all of them 0")
    spread = math.sqrt(math.fsum(x * x for x in values) / len(values))
    standardised = effect / spread * _correction(len(values) * (n - 1))
    possible = True
    if low is not None and high is not None:
        widest = (high - low) / 2 * math.sqrt(n / (n - 1))
        possible = spread * math.sqrt(n) <= widest
    return SpreadCheck(
        effect_if_sd=standardised,
        effect_if_se=standardised / math.sqrt(n),
        suspicious=abs(standardised) > limit,
        se_possible=possible,
    )


def _correction(df: int) -> float:
    return float(small_sample_factor(np.array([float(df)]))[0])
