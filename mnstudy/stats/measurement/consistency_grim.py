"""Granularity: which means and standard deviations whole numbers can have at all."""

from __future__ import annotations

import math
from typing import Literal

from mnstudy.stats.measurement.consistency import rounding_range

Granularity = Literal["consistent", "inconsistent", "cannot tell"]

_EDGE = 1e-9


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
