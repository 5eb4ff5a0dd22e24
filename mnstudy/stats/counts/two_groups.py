"""Difference of two proportions, of separate groups or of the same patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import fisher_exact

from mnstudy.stats.counts.pairs import (
    Pairs,
    given_pairs,
    mcnemar_p,
    pair_correlation,
    require_groups,
    tango_limits,
)
from mnstudy.stats.counts.proportion_limits import check_counts, wilson_limits
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Method = Literal["newcombe", "tango"]


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
        fields = _of_pairs(given_pairs(table, counts), method, tail)
    else:
        require_groups(table, counts)
        if method == "tango":
            raise ValueError('method="tango" is for pairs; use "newcombe" for separate groups')
        fields = _of_groups(
            *check_counts("events1", events1, "n1", n1),
            *check_counts("events0", events0, "n0", n0),
            tail,
        )
    return RiskDifference(**fields, confidence_level=confidence_level, paired=paired)


def _of_groups(e1: int, n1: int, e0: int, n0: int, tail: float) -> dict[str, Any]:
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


def _of_pairs(pairs: Pairs, method: Method, tail: float) -> dict[str, Any]:
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
