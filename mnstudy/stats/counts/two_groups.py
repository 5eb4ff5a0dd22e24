"""Difference and ratio of two proportions, of separate groups or of the same patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy import special
from scipy.optimize import brentq
from scipy.stats import fisher_exact

from mnstudy.stats.counts.pairs import (
    Pairs,
    given_pairs,
    mcnemar_p,
    pair_correlation,
    require_groups,
    tango_limits,
)
from mnstudy.stats.counts.proportions import check_counts, wilson_limits
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Method = Literal["newcombe", "tango"]
REACH = 80.0  # of the logarithm of a ratio: no counts have a limit beyond it
BOTH_ZERO = "no event in either group: the counts say nothing about a ratio"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RiskDifference(SmallResult):
    """First proportion minus second. ``p_value`` is exact: McNemar for pairs, else Fisher."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    p_value: float
    risk1: float
    risk0: float
    n1: int
    n0: int
    paired: bool
    method: str

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        n = f"{self.n1} pairs" if self.paired else f"n = {self.n1} and {self.n0}"
        risks = f"{self.risk1:.4g} against {self.risk0:.4g}, {n}"
        return [f"{main}, p = {self.p_value:.3g}", risks, self.method]


def risk_difference(
    events1: int | None = None,
    n1: int | None = None,
    events0: int | None = None,
    n0: int | None = None,
    *,
    table: Sequence[Sequence[int]] | None = None,
    paired: bool = False,
    method: Method = "newcombe",
    confidence_level: float = 0.95,
) -> RiskDifference:
    r"""Estimate the difference of two proportions with an interval that holds in small samples.

    Parameters
    ----------
    events1, n1, events0, n0 : int
        Separate groups: units with the event and all units, first and second group.
    table : 2 by 2 counts of pairs
        Same patients, with ``paired=True``: ``[[both, only first], [only second, neither]]``.
    paired : bool
        Which of the two designs it is; never guessed.
    method : {"newcombe", "tango"}
        "newcombe" puts together the Wilson limits of the two proportions, for pairs with their
        correlation; "tango" is the score interval, for pairs only, and agrees with the
        McNemar test without continuity correction.
    confidence_level : float

    Returns
    -------
    RiskDifference

    Notes
    -----
    With Wilson limits :math:`(l_j, u_j)` of :math:`p_j`, Newcombe's lower limit is
    :math:`D - \{(p_1-l_1)^2 - 2\phi(p_1-l_1)(u_0-p_0) + (u_0-p_0)^2\}^{1/2}`, the upper one its
    mirror. :math:`\phi` is 0 for separate groups; for pairs with counts a, b, c, d it is
    :math:`(ad-bc)/\sqrt{(a+b)(c+d)(a+c)(b+d)}`, with ad - bc replaced by
    :math:`\max(ad-bc-n/2, 0)` where positive. Tango's limits solve
    :math:`(b-c-n\Delta)/\sqrt{n(2\tilde q + \Delta(1-\Delta))} = \pm z`, where
    :math:`\tilde q` is the maximum likelihood estimate of P(only second) under :math:`\Delta`.

    References
    ----------
    Newcombe (1998), unpaired doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I,
    paired doi 10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.
    Tango (1998), doi 10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Examples
    --------
    >>> risk_difference(56, 70, 48, 80)
    0.2 (95 % CI 0.05243 to 0.3339), p = 0.0125
      0.8 against 0.6, n = 70 and 80
      separate groups, Newcombe interval, Fisher's exact p
    >>> risk_difference(table=[[1, 1], [7, 12]], paired=True, method="tango")
    -0.2857 (95 % CI -0.5172 to -0.026), p = 0.0703
      0.09524 against 0.381, 21 pairs
      pairs, Tango score interval, exact McNemar p
    """
    check_option("method", method, ("newcombe", "tango"))
    tail = (1.0 - check_level(confidence_level)) / 2.0
    counts = (events1, n1, events0, n0)
    if paired:
        fields = _difference_of_pairs(given_pairs(table, counts), method, tail)
    else:
        require_groups(table, counts)
        if method == "tango":
            raise ValueError('method="tango" is for pairs; use "newcombe" for separate groups')
        fields = _difference_of_groups(
            *check_counts("events1", events1, "n1", n1),
            *check_counts("events0", events0, "n0", n0),
            tail,
        )
    return RiskDifference(**fields, confidence_level=confidence_level, paired=paired)


def _difference_of_groups(e1: int, n1: int, e0: int, n0: int, tail: float) -> dict[str, Any]:
    low, high = _square_and_add(e1, n1, e0, n0, 0.0, tail)
    return {
        "estimate": e1 / n1 - e0 / n0,
        "ci_low": low,
        "ci_high": high,
        "p_value": float(fisher_exact([[e1, n1 - e1], [e0, n0 - e0]])[1]),
        "risk1": e1 / n1,
        "risk0": e0 / n0,
        "n1": n1,
        "n0": n0,
        "method": "separate groups, Newcombe interval, Fisher's exact p",
    }


def _difference_of_pairs(pairs: Pairs, method: Method, tail: float) -> dict[str, Any]:
    both, first, second, _ = pairs
    n = sum(pairs)
    if method == "tango":
        low, high = tango_limits(first, second, n, tail)
    else:
        low, high = _square_and_add(
            both + first, n, both + second, n, pair_correlation(pairs), tail
        )
    name = "Tango score" if method == "tango" else "Newcombe"
    return {
        "estimate": (first - second) / n,
        "ci_low": low,
        "ci_high": high,
        "p_value": mcnemar_p(first, second),
        "risk1": (both + first) / n,
        "risk0": (both + second) / n,
        "n1": n,
        "n0": n,
        "method": f"pairs, {name} interval, exact McNemar p",
    }


def _square_and_add(
    e1: int, n1: int, e0: int, n0: int, phi: float, tail: float
) -> tuple[float, float]:
    """Limits of the difference from the Wilson limits of the two proportions."""
    p1, p0 = e1 / n1, e0 / n0
    (l1, u1), (l0, u0) = wilson_limits(e1, n1, tail), wilson_limits(e0, n0, tail)

    def reach(one: float, other: float) -> float:
        return math.sqrt(one**2 - 2 * phi * one * other + other**2)

    return p1 - p0 - reach(p1 - l1, u0 - p0), p1 - p0 + reach(u1 - p1, p0 - l0)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RiskRatio(SmallResult):
    """First proportion over second; infinite where only the second is zero, nan for two zeros."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    risk1: float
    risk0: float
    n1: int
    n0: int
    paired: bool
    method: str
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        n = f"{self.n1} pairs" if self.paired else f"n = {self.n1} and {self.n0}"
        risks = f"{self.risk1:.4g} against {self.risk0:.4g}, {n}"
        return [main, risks, self.method, *(f"note: {note}" for note in self.notes)]


def risk_ratio(
    events1: int | None = None,
    n1: int | None = None,
    events0: int | None = None,
    n0: int | None = None,
    *,
    table: Sequence[Sequence[int]] | None = None,
    paired: bool = False,
    confidence_level: float = 0.95,
) -> RiskRatio:
    r"""Estimate the ratio of two proportions with an interval that holds in small samples.

    Parameters
    ----------
    events1, n1, events0, n0 : int
        Separate groups: units with the event and all units, first and second group.
    table : 2 by 2 counts of pairs
        Same patients, with ``paired=True``: ``[[both, only first], [only second, neither]]``.
    paired : bool
        Which of the two designs it is; never guessed.
    confidence_level : float

    Returns
    -------
    RiskRatio

    Raises
    ------
    ValueError
        Counts that are none, or those of the other design.

    Notes
    -----
    Separate groups: Koopman's score limits, the ratios :math:`\theta` for which

    .. math:: \sum_{j=0,1} \frac{(e_j - n_j \tilde p_j)^2}{n_j \tilde p_j (1 - \tilde p_j)} = z^2,

    where :math:`\tilde p_1 = \theta \tilde p_0` are the maximum likelihood estimates under
    :math:`\theta`. Pairs: Bonett and Price's limits :math:`(l_1/u_0, u_1/l_0)` from Wilson limits
    of :math:`e_1` and :math:`e_0` among the :math:`n^*` pairs with any event, taken at
    :math:`z\,A/(B_1+B_0)` with :math:`A^2 = (b+c+2)/\{(e_1+1)(e_0+1)\}` and
    :math:`B_j^2 = \{1-(e_j+1)/(n^*+2)\}/(e_j+1)`; b and c are the pairs that differ. No cell is
    corrected: without an event in the second group the upper limit is infinite, without one in
    the first the lower limit is 0.

    References
    ----------
    Koopman (1984), doi 10.2307/2531405. Bonett & Price (2006), doi 10.1002/sim.2440.

    Examples
    --------
    >>> risk_ratio(7, 34, 1, 34)
    7 (95 % CI 1.221 to 42.58)
      0.2059 against 0.02941, n = 34 and 34
      separate groups, Koopman score interval
    >>> risk_ratio(table=[[59, 6], [16, 80]], paired=True)
    0.8667 (95 % CI 0.7579 to 0.991)
      0.4037 against 0.4658, 161 pairs
      pairs, Bonett-Price hybrid Wilson interval
    """
    z = -float(special.ndtri((1.0 - check_level(confidence_level)) / 2.0))
    counts = (events1, n1, events0, n0)
    if paired:
        fields = _ratio_of_pairs(given_pairs(table, counts), z)
    else:
        require_groups(table, counts)
        fields = _ratio_of_groups(
            *check_counts("events1", events1, "n1", n1),
            *check_counts("events0", events0, "n0", n0),
            z,
        )
    return RiskRatio(**fields, confidence_level=confidence_level, paired=paired)


def _ratio_of_groups(e1: int, n1: int, e0: int, n0: int, z: float) -> dict[str, Any]:
    low, high = _koopman(e1, n1, e0, n0, z) if e1 or e0 else (0.0, math.inf)
    method = "separate groups, Koopman score interval"
    return _ratio_fields(e1 / n1, e0 / n0, low, high) | {"n1": n1, "n0": n0, "method": method}


def _ratio_of_pairs(pairs: Pairs, z: float) -> dict[str, Any]:
    both, first, second, neither = pairs
    any_event, n = both + first + second, both + first + second + neither
    e1, e0 = both + first, both + second
    low, high = 0.0, math.inf
    if any_event:
        spread = math.sqrt((first + second + 2) / ((e1 + 1) * (e0 + 1)))
        parts = [math.sqrt((1 - (e + 1) / (any_event + 2)) / (e + 1)) for e in (e1, e0)]
        narrow = z * spread / sum(parts)
        (low1, high1), (low0, high0) = (_wilson(e, any_event, narrow) for e in (e1, e0))
        low, high = low1 / high0, high1 / low0 if low0 > 0 else math.inf
    method = "pairs, Bonett-Price hybrid Wilson interval"
    return _ratio_fields(e1 / n, e0 / n, low, high) | {"n1": n, "n0": n, "method": method}


def _ratio_fields(risk1: float, risk0: float, low: float, high: float) -> dict[str, Any]:
    nothing = risk1 == risk0 == 0
    estimate = risk1 / risk0 if risk0 else math.nan if nothing else math.inf
    return {
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "risk1": risk1,
        "risk0": risk0,
        "notes": (BOTH_ZERO,) if nothing else (),
    }


def _wilson(events: int, n: int, z: float) -> tuple[float, float]:
    """Wilson limits at a normal quantile; exactly 0 and 1 where no event or every event."""
    reach = z * math.sqrt(z**2 + 4 * events * (1 - events / n))
    low, high = ((2 * events + z**2 + s * reach) / (2 * (n + z**2)) for s in (-1, 1))
    return 0.0 if events == 0 else low, 1.0 if events == n else high


def _koopman(e1: int, n1: int, e0: int, n0: int, z: float) -> tuple[float, float]:
    """Ratios at which the score statistic is z and minus z."""

    def score(log_ratio: float) -> float:
        return _score(e1, n1, e0, n0, math.exp(log_ratio))

    low, high = 0.0, math.inf
    if e1:
        low = math.exp(float(brentq(lambda t: score(t) - z, -REACH, REACH, xtol=1e-13)))
    if e0:
        high = math.exp(float(brentq(lambda t: score(t) + z, -REACH, REACH, xtol=1e-13)))
    return low, high


def _score(e1: int, n1: int, e0: int, n0: int, ratio: float) -> float:
    """Signed root of Pearson's statistic under a ratio: falls as the ratio grows."""
    linear = ratio * (n1 + e0) + e1 + n0
    square = linear**2 - 4 * ratio * (n1 + n0) * (e1 + e0)
    # the smaller root, written so that nothing cancels where the ratio is tiny
    p0 = 2 * (e1 + e0) / (linear + math.sqrt(max(square, 0.0)))
    total = 0.0
    for events, n, p in ((e1, n1, ratio * p0), (e0, n0, p0)):
        variance = n * p * (1 - p)
        total += (events - n * p) ** 2 / variance if variance > 0 else 0.0
    return math.copysign(math.sqrt(total), e1 * n0 - ratio * e0 * n1)
