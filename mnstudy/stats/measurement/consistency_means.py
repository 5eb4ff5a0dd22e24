"""Recompute p-values from printed means and standard deviations: two visits, or two arms."""

from __future__ import annotations

import itertools
import math

from mnstudy.stats.measurement.consistency import Range
from mnstudy.stats.measurement.consistency_p import RecomputedP, spans, two_sided_p


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
        The range covers the rounding of all four figures and every r.

    Examples
    --------
    >>> p_from_change(2.87, 2.03, 0.83, 1.16, 40, r=0.5)
    p = 8.26e-06 (8.26e-06 to 8.26e-06 within rounding)
      paired t test, r = 0.5, 39 degrees of freedom
    """
    if n < 2 or min(sd_before, sd_after) < 0:
        raise ValueError("a paired t test needs n of 2 or more and no negative spread")
    ends = (r, r) if isinstance(r, int | float) else r
    if not -1 <= ends[0] <= ends[1] <= 1:
        raise ValueError(f"r must lie between -1 and 1, the lower end first, not {r}")
    boxes = [*spans((before, after, sd_before, sd_after), decimals), ends]
    t = [_paired_t(m0, m1, s0, s1, x, n) for m0, m1, s0, s1, x in itertools.product(*boxes)]
    p = [two_sided_p(x, n - 1) for x in t]
    p += [1.0] if min(t) < 0 < max(t) else []
    main = _paired_t(before, after, sd_before, sd_after, sum(ends) / 2, n)
    words = f"r = {ends[0]:g}" + ("" if ends[0] == ends[1] else f" to {ends[1]:g}")
    return RecomputedP(
        p_value=two_sided_p(main, n - 1),
        p_low=min(p),
        p_high=max(p),
        df=n - 1.0,
        method=f"paired t test, {words}, {n - 1} degrees of freedom",
    )


def _paired_t(before: float, after: float, s0: float, s1: float, r: float, n: int) -> float:
    s0, s1 = max(s0, 0.0), max(s1, 0.0)
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
        ``p_value`` of Welch's t test; the range covers rounding and the test with one variance.

    References
    ----------
    Welch (1947), doi 10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> p_from_arms(4.23, 1.3, 30, 4.98, 1.13, 30)
    p = 0.0204 (0.0204 to 0.0204 within rounding)
      two-sample t test, Welch or one variance
    """
    if min(n1, n2) < 2 or min(sd1, sd2) < 0:
        raise ValueError("two arms need 2 people or more each and no negative spread")
    corners = itertools.product(*spans((mean1, sd1, mean2, sd2), decimals))
    p: list[float] = []
    differences: list[float] = []
    for m1, s1, m2, s2 in corners:
        p += _two_sample(m1 - m2, max(s1, 0.0), n1, max(s2, 0.0), n2)
        differences.append(m1 - m2)
    p += [1.0] if min(differences) < 0 < max(differences) else []
    main = _two_sample(mean1 - mean2, sd1, n1, sd2, n2)[0]
    return RecomputedP(
        p_value=main,
        p_low=min(p),
        p_high=max(p),
        df=n1 + n2 - 2.0,
        method="two-sample t test, Welch or one variance",
    )


def _two_sample(difference: float, s1: float, n1: int, s2: float, n2: int) -> tuple[float, float]:
    """Return the p-values of Welch's test and of the test with one variance."""
    v1, v2 = s1**2 / n1, s2**2 / n2
    if v1 + v2 == 0:
        same = float(difference == 0)
        return same, same
    welch_df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    pooled = ((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / (n1 + n2 - 2) * (1 / n1 + 1 / n2)
    return (
        two_sided_p(difference / math.sqrt(v1 + v2), welch_df),
        two_sided_p(difference / math.sqrt(pooled), n1 + n2 - 2),
    )
