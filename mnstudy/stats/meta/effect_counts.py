"""Counts of studies: effect sizes of two groups and of one proportion, and counts pooled as such.

A correction for zero cells touches only the studies that have one; which those are is in the
notes of the result. Pooled rates and pooled counts need none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq, minimize_scalar

from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.stats.counts.two_groups import score_limits
from mnstudy.stats.meta.effect_sizes import (
    ROUNDING,
    Array,
    EffectSizes,
    Mask,
    require,
    require_correlation,
    require_spread,
    study_columns,
)
from mnstudy.stats.meta.pooling import quantile
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

# Highest correlation of two people of one study: that of true rates spread evenly over 0 to 1.
MOST_ALIKE = 1.0 / 3.0
RHOS = MOST_ALIKE * np.linspace(0.0, 1.0, 25) ** 2
MEANS = np.array([0.0, 0.5, 1.0])
ZERO_CELL = "such that no cell is zero when correction is 0"


def log_odds_ratio(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    *,
    correction: float = 0.5,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Log odds ratio of an event, first group against second.

    Parameters
    ----------
    events1, n1, events0, n0 : float or array
        Patients (or sides) with the event, and in all.
    correction : float
        Added to the four cells of a table that has a zero cell, and to no other. With 0 such a
        table is refused.
    r : float or array, optional
        Correlation of the yes/no outcome between the two sides of a patient. Given, the margins
        are those of the same patients (n1 = n0); one that they cannot have is refused
        (``feasible_correlation``).

    Notes
    -----
    .. math:: v = \frac1{e_1} + \frac1{n_1-e_1} + \frac1{e_0} + \frac1{n_0-e_0}
              - \frac{2 r}{n\sqrt{p_1 q_1 p_0 q_0}}

    the last term for the same patients only: the delta method with covariance
    :math:`r\sqrt{p_1 q_1 p_0 q_0}/n` of the two proportions. metafor: ``OR`` and ``MPORM``.

    References
    ----------
    Woolf (1955), doi 10.1111/j.1469-1809.1955.tb01348.x. Elbourne et al. (2002),
    doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> log_odds_ratio(12, 20, 6, 20)
    1.253 (SE 0.668)
      log odds ratio of separate groups
    """
    (e1, f1, e0, f0), correlation, notes = _two_groups(events1, n1, events0, n0, correction, r)
    require(_no_zero_cell(e1, f1, e0, f0), "events1", e1, ZERO_CELL)
    size1, size0 = e1 + f1, e0 + f0
    shared = 2 * correlation * np.sqrt(size1 / (e1 * f1)) * np.sqrt(size0 / (e0 * f0))
    return EffectSizes(
        effect=np.log(e1 / f1) - np.log(e0 / f0),
        variance=1 / e1 + 1 / f1 + 1 / e0 + 1 / f0 - shared,
        measure="OR" if r is None else "MPORM",
        method=f"log odds ratio of {_whose(r)}",
        notes=notes,
    )


def risk_difference_effect(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    *,
    correction: float = 0.5,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Difference of two proportions with its Wald variance, for pooling.

    For the interval of one study use ``risk_difference``, which holds in small samples.

    Parameters
    ----------
    events1, n1, events0, n0 : float or array
        Patients (or sides) with the event, and in all.
    correction : float
        Added to the four cells of a table that has a zero cell, and to no other. With 0 the
        proportions stay as observed; a variance of zero is then refused.
    r : float or array, optional
        Correlation of the yes/no outcome between the two sides of a patient (n1 = n0); one that
        the counts cannot have is refused (``feasible_correlation``).

    Notes
    -----
    .. math:: v = \frac{p_1 q_1}{n_1} + \frac{p_0 q_0}{n_0} - \frac{2 r\sqrt{p_1 q_1 p_0 q_0}}{n}

    metafor: ``RD`` and ``MPRD``.

    References
    ----------
    Elbourne et al. (2002), doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> risk_difference_effect(12, 20, 6, 20)
    0.3 (SE 0.15)
      risk difference of separate groups
    """
    (e1, f1, e0, f0), correlation, notes = _two_groups(events1, n1, events0, n0, correction, r)
    size1, size0 = e1 + f1, e0 + f0
    v1, v0 = e1 * f1 / size1**3, e0 * f0 / size0**3
    variance = v1 + v0 - 2 * correlation * np.sqrt(v1 * v0)
    require(variance > 0, "variance", variance, "above 0, which needs correction=0.5 here")
    return EffectSizes(
        effect=e1 / size1 - e0 / size0,
        variance=variance,
        measure="RD" if r is None else "MPRD",
        method=f"risk difference of {_whose(r)}",
        notes=notes,
    )


def arcsine_proportion(events: ArrayLike, n: ArrayLike, *, double: bool = True) -> EffectSizes:
    r"""Arcsine of one proportion, whose variance does not depend on the proportion.

    Parameters
    ----------
    events, n : float or array
    double : bool
        Freeman-Tukey double arcsine (metafor ``PFT``), else the plain one (``PAS``). No zero cell
        needs a correction in either.

    Notes
    -----
    double: :math:`\tfrac12\left(\arcsin\sqrt{e/(n+1)} + \arcsin\sqrt{(e+1)/(n+1)}\right)`,
    variance :math:`1/(4n+2)`; plain: :math:`\arcsin\sqrt{e/n}`, variance :math:`1/(4n)`.
    Back-transforming a pooled double arcsine needs one n for all studies and can mislead when
    the studies differ much in size (Schwarzer et al. 2019, doi 10.1002/jrsm.1348).

    References
    ----------
    Freeman & Tukey (1950), doi 10.1214/aoms/1177729756.

    Examples
    --------
    >>> arcsine_proportion([3, 0], [40, 25])
    0.2958 (SE 0.0786), 0.0987 (SE 0.099)
      Freeman-Tukey double arcsine of a proportion
    """
    e, size = study_columns(events=events, n=n)
    _require_counts(e, size, "events", "n")
    if double:
        low, high = np.sqrt(e / (size + 1)), np.sqrt((e + 1) / (size + 1))
        effect, variance = (np.arcsin(low) + np.arcsin(high)) / 2, 1 / (4 * size + 2)
    else:
        effect, variance = np.arcsin(np.sqrt(e / size)), 1 / (4 * size)
    kind = "Freeman-Tukey double arcsine" if double else "arcsine"
    return EffectSizes(
        effect=effect,
        variance=variance,
        measure="PFT" if double else "PAS",
        method=f"{kind} of a proportion",
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PooledRate(SmallResult):
    """The mean rate of an event over studies whose true rates differ.

    ``rho`` is the correlation of two people of one study, which says how much true rates differ:
    their variance is rho times mean times one minus mean. ``exact_low`` and ``exact_high`` are the
    Clopper-Pearson limits of all people taken together, given where no study has the event, or all
    have nothing else; else nan. ``rho`` and its limits are nan for one study.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    rho: float
    rho_ci_low: float
    rho_ci_high: float
    exact_low: float
    exact_high: float
    events: int
    n: int
    k: int
    notes: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The method in words."""
        if self.k == 1:
            return "one study, exact limits (Clopper-Pearson)"
        return "beta-binomial, profile-likelihood limits"

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        lines = [f"{main}, {self.events} of {self.n}, k = {self.k}"]
        if self.k > 1:
            spread = f"{self.rho:.4g} ({self.rho_ci_low:.4g} to {self.rho_ci_high:.4g})"
            lines.append(f"between studies: rho {spread}")
        return [*lines, self.description]


def pool_rates(events: ArrayLike, n: ArrayLike, *, confidence_level: float = 0.95) -> PooledRate:
    r"""Pool the rates of an event over studies by their counts, also where most have none.

    Parameters
    ----------
    events, n : array
        People with the event, and all people, of each study: whole numbers.
    confidence_level : float

    Returns
    -------
    PooledRate

    Raises
    ------
    ValueError
        For a count that is missing, negative or not whole, more events than people (a rate above
        1), a study without people, and for lists of different length.

    Notes
    -----
    Beta-binomial: the true rates of studies follow a beta distribution with mean :math:`\mu` and
    parameters :math:`\mu(1-\rho)/\rho` and :math:`(1-\mu)(1-\rho)/\rho`, so that with e of n people

    .. math:: \ell = \sum_{j<e}\log\{\mu(1-\rho)+j\rho\} +
              \sum_{j<n-e}\log\{(1-\mu)(1-\rho)+j\rho\} - \sum_{j<n}\log\{1-\rho+j\rho\}

    summed over studies; 0 is the binomial. Maximum likelihood with :math:`0 \le \rho \le 1/3`, the
    value of a flat beta: beyond it rates would crowd at 0 and 1, and a few studies without events
    could not bound the mean. Limits are where the profile likelihood has fallen by half the
    quantile of chi-squared with 1 df. Every person counts alike at rho = 0, every study alike as
    rho grows. One study has the exact limits of ``proportion``. R: VGAM's ``betabinomial``.

    Examples
    --------
    >>> pool_rates([3, 0, 1, 0], [40, 25, 60, 18])
    0.02752 (95 % CI 0.00576 to 0.1323), 4 of 143, k = 4
      between studies: rho 0.006933 (0 to 0.3333)
      beta-binomial, profile-likelihood limits
    >>> pool_rates([0, 0], [40, 25]).notes
    ('no study has the event: exact limits of all people together 0 to 0.05517',)
    """
    level = check_level(confidence_level)
    e, size = study_columns(events=events, n=n)
    _require_counts(e, size, "events", "n")
    _require_whole(events=e, n=size)
    total, everyone, k = int(e.sum()), int(size.sum()), len(e)
    exact = exact_limits(total, everyone, (1.0 - level) / 2.0)
    fields = (total / everyone, *exact, *[math.nan] * 3)
    notes = ["one study: nothing is pooled"]
    if k > 1:
        fields = _beta_binomial(e, size, 0.5 * quantile(math.inf, level) ** 2)
        uniform = total in (0, everyone)
        exact = exact if uniform else (math.nan, math.nan)
        notes = ["rho is held at its highest value, 1/3"] if fields[3] == MOST_ALIKE else []
        if uniform:
            who = "no study has the event" if total == 0 else "nobody is without the event"
            notes = [f"{who}: exact limits of all people together {exact[0]:.4g} to {exact[1]:.4g}"]
    names = ("estimate", "ci_low", "ci_high", "rho", "rho_ci_low", "rho_ci_high")
    return PooledRate(
        **dict(zip(names, fields, strict=True)),
        confidence_level=level,
        exact_low=exact[0],
        exact_high=exact[1],
        events=total,
        n=everyone,
        k=k,
        notes=tuple(notes),
    )


def _beta_binomial(e: Array, size: Array, drop: float) -> tuple[float, ...]:
    """Mean, its limits, rho, its limits: where a profile has fallen by ``drop``."""
    steps = np.arange(size.max())
    up, down, both = ((c[:, None] > steps).sum(axis=0) for c in (e, size - e, size))

    def height(mean: float, rho: float) -> float:
        rest, more = 1.0 - rho, rho * steps
        terms = special.xlogy(up, mean * rest + more) + special.xlogy(
            down, (1 - mean) * rest + more
        )
        return float((terms - special.xlogy(both, rest + more)).sum())

    def of_rho(rho: float) -> float:
        return _highest(lambda mean: height(mean, rho), MEANS)[1]

    def of_mean(mean: float) -> float:
        return _highest(lambda rho: height(mean, rho), RHOS)[1] - floor

    rho, top = _highest(of_rho, RHOS)
    mean, floor = _highest(lambda mean: height(mean, rho), MEANS)[0], top - drop
    low, high, ends = 0.0, 1.0, [0.0, MOST_ALIKE]
    # Both ends on the logarithmic scale of what is left to 0, and to 1.
    if mean > 0.0:
        start = math.log(mean)
        low = math.exp(brentq(lambda x: of_mean(math.exp(x)), start - 20.0, start))
    if mean < 1.0:
        start = math.log1p(-mean)
        high = -math.expm1(brentq(lambda x: of_mean(-math.expm1(x)), start - 20.0, start))
    for side, end in enumerate(ends):
        if of_rho(end) < floor:
            ends[side] = brentq(lambda x: of_rho(x) - floor, end, rho)
    return mean, low, high, rho, *ends


def _highest(height: Callable[[float], float], points: Array) -> tuple[float, float]:
    """Highest point of a curve that has one top between neighbours of the best of the points."""
    values = np.array([height(x) for x in points])
    # A curve that is level but for rounding has its top at its beginning.
    top = int(np.argmax(values >= values.max() - 1e-12))
    ends = points[max(top - 1, 0)], points[min(top + 1, len(points) - 1)]
    found = minimize_scalar(
        lambda x: -height(x), bounds=ends, method="bounded", options={"xatol": 1e-12}
    )
    if -found.fun > values[top] + 1e-12:
        return float(found.x), -float(found.fun)
    return float(points[top]), float(values[top])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PooledCounts(SmallResult):
    """One odds ratio or risk difference of counted events, over studies of two separate groups.

    ``p_value`` is exact, of no association in any study, for either measure. ``description`` is
    the method in words; ``events`` to ``reference_n`` are sums over studies, ``k`` counts those.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    p_value: float
    measure: str
    events: int
    n: int
    reference_events: int
    reference_n: int
    k: int
    description: str
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        first, other = (
            f"{self.events} of {self.n}",
            f"{self.reference_events} of {self.reference_n}",
        )
        return [f"{main}, p = {self.p_value:.3g}", f"{first} against {other}, k = {self.k}",
                self.description]  # fmt: skip


def pool_counts(
    events: ArrayLike,
    n: ArrayLike,
    reference_events: ArrayLike,
    reference_n: ArrayLike,
    *,
    measure: Literal["odds_ratio", "risk_difference"] = "odds_ratio",
    confidence_level: float = 0.95,
) -> PooledCounts:
    r"""Compare counted events between two separate groups, in one study or several, zeros included.

    Parameters
    ----------
    events, n : array of shape (k,), or a number
        People with the event, and all people, of the first group of each study: whole numbers.
    reference_events, reference_n : array of shape (k,), or a number
        The same of the group it is compared with: other people, never the other side of a body.
    measure : {"odds_ratio", "risk_difference"}
        The difference is of shares, from -1 to 1.
    confidence_level : float

    Returns
    -------
    PooledCounts

    Raises
    ------
    ValueError
        For a count that is missing, negative or not whole, more events than people, a group
        without people, lists of different length, and another measure.

    Notes
    -----
    The true odds ratio, or difference, is taken to be the same in all studies. Odds ratio: given
    all its events :math:`m_i`, those of the first group of a study are noncentral hypergeometric,
    :math:`P(x) \propto \binom{n_i}{x}\binom{n_{i0}}{m_i - x}\psi^x`; their sum T over studies has
    the convolution of these. The estimate solves :math:`E_\psi(T) = t`, the limits are the exact
    ones, :math:`P_\psi(T \ge t)` and :math:`P_\psi(T \le t)` of half of 1 minus the level. No cell
    is corrected. Where t is the least (greatest) sum that can be, the estimate is 0 (infinite)
    and one limit with it. A study where nobody has the event, or everybody, adds nothing and is
    named in the notes; where no study is left, the estimate is nan, with limits 0 and infinity.

    Risk difference: one study has the score limits of Miettinen and Nurminen. Several have the
    difference of Mantel and Haenszel, with :math:`N_i = n_i + n_{i0}`,

    .. math:: \frac{\sum (e_i n_{i0} - e_{i0} n_i)/N_i}{\sum n_i n_{i0}/N_i}

    and Sato's variance, cut to -1 and 1. Where that is zero, as without any event, the limits are
    the score limits of all people together. R: ``fisher.test``, ``mantelhaen.test(exact=TRUE)``,
    metafor's ``rma.mh``.

    ``p_value``: sum of the probabilities of sums no likelier than t where no odds ratio differs
    from 1 (Fisher). It can be above 1 minus the level beside an interval that leaves out no
    difference, and the other way round.

    References
    ----------
    Gart (1970), doi 10.1093/biomet/57.3.471. Miettinen & Nurminen (1985),
    doi 10.1002/sim.4780040211. Sato, Greenland & Robins (1989), Biometrics 45:1323-1324.

    Examples
    --------
    >>> pool_counts([0, 2, 1], [20, 30, 25], [3, 6, 2], [20, 30, 25])
    0.2442 (95 % CI 0.04185 to 0.9809), p = 0.0461
      3 of 75 against 11 of 75, k = 3
      common odds ratio, conditional maximum likelihood, exact limits (Gart)
    >>> pool_counts(0, 20, 3, 20, measure="risk_difference")
    -0.15 (95 % CI -0.3635 to 0.0271), p = 0.231
      0 of 20 against 3 of 20, k = 1
      risk difference, score limits (Miettinen-Nurminen)
    """
    check_option("measure", measure, ("odds_ratio", "risk_difference"))
    level = check_level(confidence_level)
    cells = study_columns(
        events=events, n=n, reference_events=reference_events, reference_n=reference_n
    )
    e1, n1, e0, n0 = cells
    _require_counts(e1, n1, "events", "n")
    _require_counts(e0, n0, "reference_events", "reference_n")
    _require_whole(events=e1, n=n1, reference_events=e0, reference_n=n0)
    weights, place = _sums_of_events(*cells)
    find = _common_odds_ratio if measure == "odds_ratio" else _common_difference
    (estimate, low, high), description, notes = find(cells, (weights, place), (1.0 - level) / 2.0)
    chances = _tilted(weights, 0.0)
    # Sums as likely as the one found but for rounding count as well, as in R's fisher.test.
    p_value = float(chances[chances <= chances[place] * (1 + 1e-7)].sum())
    events1, size1, events0, size0 = (int(counts.sum()) for counts in cells)
    return PooledCounts(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        p_value=min(p_value, 1.0),
        measure=measure,
        events=events1,
        n=size1,
        reference_events=events0,
        reference_n=size0,
        k=len(cells[0]),
        description=description,
        notes=notes,
    )


Found = tuple[tuple[float, float, float], str, tuple[str, ...]]


def _sums_of_events(e1: Array, n1: Array, e0: Array, n0: Array) -> tuple[Array, int]:
    """Log weights of all sums of events in the first groups given the margins; place of ours."""
    least = np.maximum(0, e1 + e0 - n0)
    most = np.minimum(n1, e1 + e0)

    def of_study(i: int) -> Array:
        x = np.arange(least[i], most[i] + 1)
        return _log_choose(n1[i], x) + _log_choose(n0[i], e1[i] + e0[i] - x)

    weights = reduce(_convolved, map(of_study, range(len(e1))))
    return weights - weights.max(), int((e1 - least).sum())


def _log_choose(n: float, x: Array) -> Array:
    return -special.betaln(n - x + 1, x + 1) - math.log1p(n)


def _convolved(one: Array, other: Array) -> Array:
    """Log weights of the sum of two independent counts, from those of each."""
    found = np.full(len(one) + len(other) - 1, -np.inf)
    for start, weight in enumerate(one):
        part = slice(start, start + len(other))
        found[part] = np.logaddexp(found[part], weight + other)
    return found


def _tilted(weights: Array, log_ratio: float) -> Array:
    """Probabilities of the sums at an odds ratio."""
    return special.softmax(weights + log_ratio * np.arange(len(weights)))


def _common_odds_ratio(cells: list[Array], sums: tuple[Array, int], tail: float) -> Found:
    weights, place = sums
    last = len(weights) - 1
    # Beyond this reach one end holds all but less than a tail of the probability.
    reach = 1.0 - weights.min() + 2 * math.log(last + 1) - math.log(tail)

    def solved(gap: Callable[[Array], float]) -> float:
        found = brentq(lambda t: gap(_tilted(weights, t)), -reach, reach, xtol=1e-13)
        return math.exp(min(float(found), 709.0))

    low, middle, high = 0.0, 0.0 if place == 0 else math.inf, math.inf
    if place > 0:
        low = solved(lambda chances: float(chances[place:].sum()) - tail)
    if place < last:
        high = solved(lambda chances: tail - float(chances[: place + 1].sum()))
    if 0 < place < last:
        middle = solved(lambda chances: float(chances @ np.arange(last + 1)) - place)
    one = len(cells[0]) == 1
    words = f"{'' if one else 'common '}odds ratio, conditional maximum likelihood, exact limits"
    notes = _silent_studies(*cells)
    if last and place in (0, last):
        notes += (f"as {'many' if place else 'few'} events in the first groups as there can be: "
                  f"no {'upper' if place else 'lower'} limit",)  # fmt: skip
    estimate = middle if last else math.nan
    return (estimate, low, high), f"{words} ({'Cornfield' if one else 'Gart'})", notes


def _silent_studies(e1: Array, n1: Array, e0: Array, n0: Array) -> tuple[str, ...]:
    """Name the studies that say nothing about an odds ratio."""
    silent = (e1 + e0 == 0) | (e1 + e0 == n1 + n0)
    if silent.all():
        return ("nobody has the event, or everybody: the counts say nothing about an odds ratio",)
    studies = ", ".join(str(index + 1) for index in np.flatnonzero(silent))
    note = f"study {studies}: nobody has the event, or everybody; adds nothing to the odds ratio"
    return (note,) if studies else ()


def _common_difference(cells: list[Array], sums: tuple[Array, int], tail: float) -> Found:
    e1, n1, e0, n0 = (int(counts.sum()) for counts in cells)
    table = e1, n1, e0, n0
    if len(cells[0]) == 1:
        found = (e1 / n1 - e0 / n0, *score_limits(table, tail))
        return found, "risk difference, score limits (Miettinen-Nurminen)", ()
    estimate, variance = _mantel_haenszel(*cells)
    words = "Mantel-Haenszel risk difference"
    if variance <= 1e-12 / (n1 + n0):
        note = "no spread within any study: score limits of all people together"
        found = (estimate, *score_limits(table, tail))
        return found, f"{words}, score limits of all people", (note,)
    reach = -float(special.ndtri(tail)) * math.sqrt(variance)
    low, high = estimate - reach, estimate + reach
    notes = ("limits are cut to -1 and 1",) if max(-low, high) > 1 else ()
    return (estimate, max(low, -1.0), min(high, 1.0)), f"{words}, Sato's variance", notes


def _mantel_haenszel(e1: Array, n1: Array, e0: Array, n0: Array) -> tuple[float, float]:
    """Risk difference over studies with Sato's variance."""
    everyone, weight = n1 + n0, float((n1 * n0 / (n1 + n0)).sum())
    estimate = float(((e1 * n0 - e0 * n1) / everyone).sum()) / weight
    tilt = (n1**2 * e0 - n0**2 * e1 + n1 * n0 * (n0 - n1) / 2) / everyone**2
    mixed = (e1 * (n0 - e0) + e0 * (n1 - e1)) / (2 * everyone)
    return estimate, (estimate * float(tilt.sum()) + float(mixed.sum())) / weight**2


def correlation_bounds_of_counts(
    events1: ArrayLike, events2: ArrayLike, n: ArrayLike
) -> tuple[Array, Array]:
    r"""Bound the correlation of a yes/no outcome within people by what is counted on each side.

    Parameters
    ----------
    events1, events2 : float or array of shape (k,)
        People with the event on the first and on the second side.
    n : float or array of shape (k,)
        People, each with both sides.

    Returns
    -------
    least, greatest : arrays of shape (k,)
        0 and 0 where a side has nobody with the event, or everybody: it correlates with nothing.

    Raises
    ------
    ValueError
        For a count that is missing or negative, and more events than people.

    Notes
    -----
    The number b of people with the event on both sides is at least
    :math:`\max(0, e_1 + e_2 - n)` and at most :math:`\min(e_1, e_2)`, and

    .. math:: \phi = \frac{n b - e_1 e_2}{\sqrt{e_1 (n - e_1) e_2 (n - e_2)}}

    References
    ----------
    Ferguson (1941), doi 10.1007/BF02288588.

    Examples
    --------
    >>> least, greatest = correlation_bounds_of_counts(2, 9, 30)
    >>> (least.round(3), greatest.round(3))
    (array([-0.175]), array([0.408]))
    """
    e1, e2, size = study_columns(events1=events1, events2=events2, n=n)
    _require_counts(e1, size, "events1", "n")
    _require_counts(e2, size, "events2", "n")
    spread = np.sqrt(e1 * (size - e1) * e2 * (size - e2))
    both = np.array([np.maximum(0.0, e1 + e2 - size), np.minimum(e1, e2)])
    fixed = spread == 0
    least, greatest = np.where(fixed, 0.0, size * both - e1 * e2) / np.where(fixed, 1.0, spread)
    return least, greatest


def feasible_correlation(
    events1: ArrayLike, events2: ArrayLike, n: ArrayLike, r: ArrayLike
) -> Array:
    """Bring an assumed correlation within people inside what the counts of both sides allow.

    Parameters
    ----------
    events1, events2, n : float or array of shape (k,)
        As in ``correlation_bounds_of_counts``.
    r : float or array of shape (k,)
        The correlation assumed.

    Returns
    -------
    array of shape (k,)
        r, or the nearest of the bounds, for ``log_odds_ratio`` and ``risk_difference_effect``.

    Raises
    ------
    ValueError
        As ``correlation_bounds_of_counts``, and for r not between -1 and 1.

    Examples
    --------
    >>> feasible_correlation([2, 10], [9, 10], 30, 0.5).round(3)
    array([0.408, 0.5  ])
    """
    e1, e2, size, correlation = study_columns(events1=events1, events2=events2, n=n, r=r)
    require_correlation(correlation)
    return np.clip(correlation, *correlation_bounds_of_counts(e1, e2, size))


def _whose(r: ArrayLike | None) -> str:
    return "separate groups" if r is None else "the same patients"


def _two_groups(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    correction: float,
    r: ArrayLike | None,
) -> tuple[list[Array], Array, tuple[str, ...]]:
    """Events and others of the first and the second group, zero cells corrected where asked.

    With them the correlation within patients, and notes on what was corrected.
    """
    e1, size1, e0, size0, correlation = study_columns(
        events1=events1, n1=n1, events0=events0, n0=n0, r=0.0 if r is None else r
    )
    _require_counts(e1, size1, "events1", "n1")
    _require_counts(e0, size0, "events0", "n0")
    require_correlation(correlation)
    if r is not None:
        require(size1 == size0, "n0", size0, "equal to n1 when r is given (the same patients)")
        _require_feasible(e1, e0, size1, correlation)
    cells, notes = _corrected([e1, size1 - e1, e0, size0 - e0], correction)
    return cells, correlation, notes


def _require_feasible(e1: Array, e0: Array, size: Array, r: Array) -> None:
    """Require a correlation within patients that the counts of both sides can have."""
    least, greatest = correlation_bounds_of_counts(e1, e0, size)
    good = (r >= least - ROUNDING) & (r <= greatest + ROUNDING)
    worst = int(np.argmin(good))
    counts = f"{e1[worst]:g} and {e0[worst]:g} of {size[worst]:g} patients"
    rule = f"from {least[worst]:.4g} to {greatest[worst]:.4g} with {counts}"
    require(good, "r", r, f"{rule} (see feasible_correlation)")


def _require_counts(events: Array, size: Array, events_name: str, size_name: str) -> None:
    """Require events between none and all."""
    require_spread(**{size_name: size})
    require((events >= 0) & (events <= size), events_name, events, f"from 0 to {size_name}")


def _require_whole(**counts: Array) -> None:
    """Require whole numbers of people."""
    for name, values in counts.items():
        require(values == np.floor(values), name, values, "a whole number")


def _no_zero_cell(*cells: Array) -> Mask:
    """Mark the studies where every cell is above zero."""
    return np.logical_and.reduce([cell > 0 for cell in cells])


def _corrected(cells: list[Array], correction: float) -> tuple[list[Array], tuple[str, ...]]:
    """Add the correction to all cells of the studies with a zero one, and note which those are."""
    if correction < 0:
        raise ValueError(f"correction must be 0 or more, not {correction:g}")
    zero = ~_no_zero_cell(*cells)
    if correction == 0 or not zero.any():
        return cells, ()
    studies = ", ".join(str(index + 1) for index in np.flatnonzero(zero))
    note = f"{correction:g} added to the cells of study {studies} (zero cell)"
    return [cell + correction * zero for cell in cells], (note,)
