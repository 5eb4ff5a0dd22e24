"""Do printed numbers agree with one another, and can whole numbers have them at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mnstudy.stats.meta.effect_sizes import small_sample_factor
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import SmallResult, check_number

Range = tuple[float, float]
Agreement = Literal["rounded", "cut", "no"]

# guards comparisons at the edge of rounding against binary fractions
_EDGE = 1e-9
Granularity = Literal["consistent", "inconsistent", "cannot tell"]


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
    values = np.atleast_1d(as_float(sd, "sd")).tolist()
    check_number(effect=effect, **{f"sd {place}": x for place, x in enumerate(values, 1)})
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


def grim(
    mean: float,
    n: int,
    *,
    decimals: int,
    items: int = 1,
    low: float | None = None,
    high: float | None = None,
    cut: bool = False,
) -> Granularity:
    """Ask whether ``n`` whole numbers can have this printed mean.

    Parameters
    ----------
    mean : float
        As printed.
    n : int
        People.
    decimals : int
        Digits printed after the point.
    items : int
        Whole numbers averaged for each person: items of a scale, or raters.
    low, high : float, optional
        Ends of the scale; a mean outside them is inconsistent whatever n is.
    cut : bool
        Allow also for digits cut off instead of rounded.

    Returns
    -------
    str
        "consistent", "inconsistent", or "cannot tell" where means lie closer than the digits
        printed: n times items is not below 10 to the power of decimals.

    Notes
    -----
    Halves may have been rounded up, down or to even. A mean that fails may come from half
    points, several raters, another n, or a slip in reading or printing.

    References
    ----------
    Brown and Heathers (2017), doi 10.1177/1948550616673876.

    Examples
    --------
    >>> grim(5.19, 28, decimals=2), grim(5.19, 32, decimals=2), grim(5.2, 28, decimals=1)
    ('inconsistent', 'consistent', 'cannot tell')
    """
    _check(n, items)
    if _outside(mean, decimals, low, high):
        return "inconsistent"
    if n * items >= 10**decimals:
        return "cannot tell"
    return "consistent" if _sums(mean, n * items, decimals, cut) else "inconsistent"


def grimmer(
    mean: float,
    sd: float,
    n: int,
    *,
    decimals: int,
    sd_decimals: int,
    items: int = 1,
    cut: bool = False,
) -> Granularity:
    """Ask whether ``n`` whole numbers can have this printed mean together with this printed SD.

    Parameters
    ----------
    mean, sd : float
        As printed.
    n : int
        People, 2 or more.
    decimals, sd_decimals : int
        Digits printed after the point.
    items : int
        Whole numbers averaged for each person.
    cut : bool
        Allow also for digits cut off instead of rounded.

    Returns
    -------
    str
        "consistent", "inconsistent", or "cannot tell" where every sum of squares could be had.

    Notes
    -----
    Whole numbers have a whole sum, and a whole sum of squares that is odd where the sum is odd.
    Every sum that gives the mean is tried for such a sum of squares within the rounding of the
    SD, with divisor n - 1 and with n. The conditions are necessary: "consistent" does not prove
    that such numbers exist.

    References
    ----------
    Anaya (2016), doi 10.7287/peerj.preprints.2400v1; the parity of the sums after Allard (2018).

    Examples
    --------
    >>> grimmer(3.5, 1.29, 4, decimals=2, sd_decimals=2)
    'consistent'
    >>> grimmer(3.5, 1.20, 4, decimals=2, sd_decimals=2)
    'inconsistent'
    """
    _check(n, items)
    if n < 2 or sd < 0:
        raise ValueError("a standard deviation needs n of 2 or more, and is not negative")
    low, high = (max(x, 0.0) * items for x in rounding_range(sd, sd_decimals, cut=cut))
    # sums of squares of one parity lie 2 apart: a wider window always holds one
    if (n - 1) * (high**2 - low**2) >= 2:
        return "cannot tell"
    windows = [(low**2 * divisor, high**2 * divisor) for divisor in (n - 1, n)]
    for total in _sums(mean, n * items, decimals, cut):
        within = total**2 / n
        if any(_same_parity(within + a, within + b, total) for a, b in windows):
            return "consistent"
    return "inconsistent"


def _check(n: int, items: int) -> None:
    if n < 1 or items < 1:
        raise ValueError(f"n and items must be 1 or more, not {n} and {items}")


def _outside(mean: float, decimals: int, low: float | None, high: float | None) -> bool:
    least, most = rounding_range(mean, decimals, cut=True)
    return (low is not None and most < low) or (high is not None and least > high)


def _sums(mean: float, cells: int, decimals: int, cut: bool) -> range:
    """Return the whole sums over all cells that are printed as this mean."""
    low, high = rounding_range(mean, decimals, cut=cut)
    first = math.ceil(low * cells - _EDGE)
    last = math.floor(high * cells + _EDGE)
    return range(first, last + 1)


def _same_parity(low: float, high: float, total: int) -> bool:
    """Tell whether a whole number as odd as ``total`` lies in the window."""
    first = math.ceil(low - _EDGE)
    first += (first - total) % 2
    return first <= high + _EDGE
