"""Difference and ratio of two proportions, of separate groups or of the same patients.

Pairs, two sides of a patient or one patient before and after, are counted as
``[[both, only first], [only second, neither]]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special
from scipy.optimize import brentq
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from mnstudy.stats.counts.proportions import check_counts, whole_number, wilson_limits
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Method = Literal["newcombe", "tango"]
Limits = tuple[float, float]
# Pairs: both, only first, only second, neither. Groups: events and size of the first, the second.
Counts = tuple[int, int, int, int]
REACH = 80.0  # of the logarithm of a ratio: no counts have a limit beyond it
BOTH_ZERO = "no event in either group: the counts say nothing about a ratio"
SHAPE = "table=[[both, only first], [only second, neither]]"


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
        return [f"{main}, p = {self.p_value:.3g}", _risks(self), self.method]


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
    mirror. :math:`\phi` is 0 for separate groups (computed by statsmodels'
    ``confint_proportions_2indep``); for pairs with counts a, b, c, d it is
    :math:`(ad-bc)/\sqrt{(a+b)(c+d)(a+c)(b+d)}`, with ad - bc replaced by
    :math:`\max(ad-bc-n/2, 0)` where positive. Tango's limits solve
    :math:`(b-c-n\Delta)/\sqrt{n(2\tilde q + \Delta(1-\Delta))} = \pm z`, where
    :math:`\tilde q` is the maximum likelihood estimate of P(only second) under :math:`\Delta`.
    p-values are those of ``scipy.stats.fisher_exact`` and, for pairs, statsmodels' ``mcnemar``. An
    exact p is the more cautious: with 15, 20 or 30 patients a group the 95 % limits leave out 0
    beside a p of 0.05 or more in 94 of 1,658 tables.

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
    counts = _counts((events1, n1, events0, n0), table, paired)
    if method == "tango" and not paired:
        raise ValueError('method="tango" is for pairs; use "newcombe" for separate groups')
    e1, n1, e0, n0 = _margins(counts) if paired else counts
    if paired:
        both, first, second, neither = counts
        p = mcnemar([[both, first], [second, neither]], exact=True).pvalue
        tango = tango_limits(first, second, n1, tail) if method == "tango" else None
        low, high = tango or _paired_newcombe(counts, tail)
        how = f"pairs, {'Tango score' if tango else 'Newcombe'} interval, exact McNemar p"
    else:
        p = fisher_exact([[e1, n1 - e1], [e0, n0 - e0]])[1]
        low, high = confint_proportions_2indep(e1, n1, e0, n0, method="newcomb", alpha=2 * tail)
        how = "separate groups, Newcombe interval, Fisher's exact p"
    return RiskDifference(
        estimate=e1 / n1 - e0 / n0,
        ci_low=float(low),
        ci_high=float(high),
        confidence_level=confidence_level,
        p_value=float(p),
        risk1=e1 / n1,
        risk0=e0 / n0,
        n1=n1,
        n0=n0,
        paired=paired,
        method=how,
    )


def _paired_newcombe(pairs: Counts, tail: float) -> Limits:
    """Limits of the difference from the Wilson limits of two correlated proportions."""
    a, b, c, d = pairs
    e1, n, e0, _ = _margins(pairs)
    cross, product = a * d - b * c, (a + b) * (c + d) * (a + c) * (b + d)
    # a positive correlation is corrected for continuity
    shared = max(cross - n / 2, 0.0) if cross > 0 else cross
    phi = shared / math.sqrt(product) if product else 0.0
    p1, p0 = e1 / n, e0 / n
    (l1, u1), (l0, u0) = wilson_limits(e1, n, tail), wilson_limits(e0, n, tail)

    def reach(one: float, other: float) -> float:
        return math.sqrt(one**2 - 2 * phi * one * other + other**2)

    return p1 - p0 - reach(p1 - l1, u0 - p0), p1 - p0 + reach(u1 - p1, p0 - l0)


def tango_limits(first: int, second: int, n: int, tail: float) -> Limits:
    """Score limits of the difference from the pairs that differ and the number of all pairs."""
    z = -float(special.ndtri(tail))
    estimate = (first - second) / n

    def score(delta: float) -> float:
        linear = (2 * n - first + second) * delta - first - second
        # At -1 and 1 the square and the variance are zero up to rounding, the score infinite.
        root = math.sqrt(max(linear**2 + 8 * n * second * delta * (1 - delta), 0.0))
        variance = n * ((root - linear) / (2 * n) + delta * (1 - delta))
        return (first - second - n * delta) / math.sqrt(max(variance, 1e-300))

    low = high = estimate
    if estimate > -1:
        low = float(brentq(lambda delta: score(delta) - z, -1.0, estimate, xtol=1e-14))
    if estimate < 1:
        high = float(brentq(lambda delta: score(delta) + z, estimate, 1.0, xtol=1e-14))
    return low, high


def score_limits(counts: Counts, tail: float) -> Limits:
    """Limits of the difference of two groups by Miettinen and Nurminen.

    Those of statsmodels' ``confint_proportions_2indep`` divide by 0, or fail, where a group has no
    event, or nothing but events.
    """
    e1, n1, e0, n0 = counts
    z, estimate = -float(special.ndtri(tail)), e1 / n1 - e0 / n0

    def score(delta: float) -> float:
        p0 = _reference_risk(counts, delta)
        p1 = p0 + delta
        variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * (n1 + n0) / (n1 + n0 - 1)
        return (estimate - delta) / math.sqrt(max(variance, 1e-300))

    low, high = -1.0, 1.0
    if estimate > -1:
        low = float(brentq(lambda delta: score(delta) - z, -1.0, estimate, xtol=1e-14))
    if estimate < 1:
        high = float(brentq(lambda delta: score(delta) + z, estimate, 1.0, xtol=1e-14))
    return low, high


def _reference_risk(counts: Counts, delta: float) -> float:
    """Likeliest risk of the second group given the difference: a root of its cubic equation."""
    e1, n1, e0, n0 = counts
    everyone, events = n1 + n0, e1 + e0
    a = ((n1 + 2 * n0) * delta - everyone - events) / (3 * everyone)
    b = ((n0 * delta - everyone - 2 * e0) * delta + events) / everyone
    turn = a**3 - a * b / 2 + e0 * delta * (1 - delta) / (2 * everyone)
    size = math.copysign(math.sqrt(max(a**2 - b / 3, 0.0)), turn)
    share = min(max(turn / size**3, -1.0), 1.0) if size else 0.0
    p0 = 2 * size * math.cos((math.pi + math.acos(share)) / 3) - a
    return min(max(p0, 0.0, -delta), 1.0, 1.0 - delta)


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
        return [main, _risks(self), self.method]


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
    the first the lower limit is 0. The limits of statsmodels' ``confint_proportions_2indep`` are
    the same, except that they fail where a group has no event, or nothing but events.

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
    counts = _counts((events1, n1, events0, n0), table, paired)
    e1, n1, e0, n0 = _margins(counts) if paired else counts
    nothing = e1 == e0 == 0
    low, high = 0.0, math.inf
    if not nothing:
        low, high = _bonett_price(counts, z) if paired else _koopman(counts, z)
    bonett_price, koopman = "pairs, Bonett-Price hybrid Wilson", "separate groups, Koopman score"
    return RiskRatio(
        estimate=(e1 / n1) / (e0 / n0) if e0 else math.nan if nothing else math.inf,
        ci_low=low,
        ci_high=high,
        confidence_level=confidence_level,
        risk1=e1 / n1,
        risk0=e0 / n0,
        n1=n1,
        n0=n0,
        paired=paired,
        method=f"{bonett_price if paired else koopman} interval",
        notes=(BOTH_ZERO,) if nothing else (),
    )


def _bonett_price(pairs: Counts, z: float) -> Limits:
    both, first, second, _ = pairs
    any_event = both + first + second
    events = both + first, both + second
    spread = math.sqrt((first + second + 2) / ((events[0] + 1) * (events[1] + 1)))
    parts = [math.sqrt((1 - (e + 1) / (any_event + 2)) / (e + 1)) for e in events]
    tail = float(special.ndtr(-z * spread / sum(parts)))
    (low1, high1), (low0, high0) = (wilson_limits(e, any_event, tail) for e in events)
    return low1 / high0, high1 / low0 if low0 > 0 else math.inf


def _koopman(counts: Counts, z: float) -> Limits:
    """Ratios at which the score statistic is z and minus z."""

    def score(log_ratio: float) -> float:
        return _score(counts, math.exp(log_ratio))

    low, high = 0.0, math.inf
    if counts[0]:
        low = math.exp(float(brentq(lambda t: score(t) - z, -REACH, REACH, xtol=1e-13)))
    if counts[2]:
        high = math.exp(float(brentq(lambda t: score(t) + z, -REACH, REACH, xtol=1e-13)))
    return low, high


def _score(counts: Counts, ratio: float) -> float:
    """Signed root of Pearson's statistic under a ratio: falls as the ratio grows."""
    e1, n1, e0, n0 = counts
    linear = ratio * (n1 + e0) + e1 + n0
    square = linear**2 - 4 * ratio * (n1 + n0) * (e1 + e0)
    # the smaller root, written so that nothing cancels where the ratio is tiny
    p0 = 2 * (e1 + e0) / (linear + math.sqrt(max(square, 0.0)))
    total = 0.0
    for events, n, p in ((e1, n1, ratio * p0), (e0, n0, p0)):
        variance = n * p * (1 - p)
        total += (events - n * p) ** 2 / variance if variance > 0 else 0.0
    return math.copysign(math.sqrt(total), e1 * n0 - ratio * e0 * n1)


def _risks(found: RiskDifference | RiskRatio) -> str:
    n = f"{found.n1} pairs" if found.paired else f"n = {found.n1} and {found.n0}"
    return f"{found.risk1:.4g} against {found.risk0:.4g}, {n}"


def _counts(
    groups: Sequence[int | None], table: Sequence[Sequence[int]] | None, paired: bool
) -> Counts:
    """Return the counts of the design asked for; refuse those of the other one, or too few."""
    if paired:
        if table is None or any(count is not None for count in groups):
            raise ValueError(f"paired=True needs {SHAPE} and no other counts")
        return _pairs(table)
    if table is not None or any(count is None for count in groups):
        raise ValueError("separate groups need events1, n1, events0, n0; paired=True is for pairs")
    e1, n1, e0, n0 = groups
    return *check_counts("events1", e1, "n1", n1), *check_counts("events0", e0, "n0", n0)


def _pairs(table: Sequence[Sequence[int]]) -> Counts:
    try:
        (a, b), (c, d) = table
    except (TypeError, ValueError) as error:
        raise ValueError(f"pairs are counted as {SHAPE}, not {table!r}") from error
    both, first, second, neither = (whole_number("a count of the table", x) for x in (a, b, c, d))
    if min(both, first, second, neither) < 0 or both + first + second + neither < 1:
        raise ValueError("counts of the table must be 0 or more, with at least one pair")
    return both, first, second, neither


def _margins(pairs: Counts) -> Counts:
    """Events and number of pairs, of the first member and of the second."""
    both, first, second, _ = pairs
    return both + first, sum(pairs), both + second, sum(pairs)
