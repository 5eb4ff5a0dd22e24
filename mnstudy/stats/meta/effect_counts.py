"""Counts of studies: effect sizes of two groups and of one proportion, and rates pooled as counts.

A correction for zero cells touches only the studies that have one; which those are is in the
notes of the result. Pooled rates need none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq, minimize_scalar

from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.stats.meta.effect_sizes import (
    Array,
    EffectSizes,
    Mask,
    require,
    require_correlation,
    require_spread,
    study_columns,
)
from mnstudy.stats.meta.pooling import quantile
from mnstudy.stats.result import SmallResult, check_level, interval

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
        are those of the same patients (n1 = n0).

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
        Correlation of the yes/no outcome between the two sides of a patient (n1 = n0).

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
    for name, counts in (("events", e), ("n", size)):
        require(counts == np.floor(counts), name, counts, "a whole number")
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
    cells, notes = _corrected([e1, size1 - e1, e0, size0 - e0], correction)
    return cells, correlation, notes


def _require_counts(events: Array, size: Array, events_name: str, size_name: str) -> None:
    """Require events between none and all."""
    require_spread(**{size_name: size})
    require((events >= 0) & (events <= size), events_name, events, f"from 0 to {size_name}")


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
