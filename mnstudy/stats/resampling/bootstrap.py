"""Bootstrap of whole patients: groups are drawn, not rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from mnstudy.stats.mixed.design import Array, Codes
from mnstudy.stats.resampling.clusters import (
    Clusters,
    Rng,
    check_resamples,
    clusters,
    difference,
    generator,
)
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Method = Literal["percentile", "bca"]
# Groups drawn at a time: keeps the work in the cache and the memory flat.
BLOCK = 2**20
FEW_GROUPS = 20
# Which groups of each stratum a resample holds: an array (resamples, groups drawn) per stratum.
Drawn = list[Codes]
Evaluate = Callable[[Drawn], Array]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClusterBootstrap(SmallResult):
    """An estimate with limits from resampled groups."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    method: str
    n_resamples: int
    n_obs: int
    n_groups: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        return [
            interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level),
            f"{self.method}; {self.n_resamples} resamples of {self.n_groups} groups, "
            f"{self.n_obs} rows, {self.n_missing} missing",
            *(f"note: {note}" for note in self.notes),
        ]


def cluster_bootstrap(
    y: Any,
    groups: Any,
    arm: Any = None,
    *,
    rng: Rng,
    statistic: Callable[..., float] | None = None,
    n_resamples: int = 9999,
    confidence_level: float = 0.95,
    method: Method = "percentile",
) -> ClusterBootstrap:
    r"""Limits of a mean, a difference of means or any statistic, from resampled patients.

    Parameters
    ----------
    y : array of shape (n,)
    groups : array of shape (n,)
        The patient of each row; None takes each row as one patient.
    arm : array of shape (n,), optional
        1/0 or true/false. The default statistic is then the mean of treated rows minus the mean
        of the others, else the mean of all rows.
    rng : int or numpy.random.Generator
        A seed or a generator; the result does not depend on the order of rows.
    statistic : callable, optional
        ``statistic(y)``, or ``statistic(y, treated)`` when arm is given, for rows in any order.
        Called once per resample, so slower than the default.
    n_resamples : int
    confidence_level : float
    method : {"percentile", "bca"}

    Returns
    -------
    ClusterBootstrap

    Raises
    ------
    ValueError
        Fewer than two groups, arms that do not both occur, no rng.

    Notes
    -----
    Groups are drawn with replacement and bring all their rows. With arms they are drawn apart from
    among those with treated rows only, untreated rows only, and both, so that each resample has
    the design of the study. BCa limits are the quantiles at
    :math:`\Phi(z_0 + (z_0 + z_\alpha)/(1 - a (z_0 + z_\alpha)))`, with :math:`z_0` from the share
    of resamples below the estimate (ties half) and the acceleration a from leaving out one group at
    a time. Rows with a missing value are left out and counted. A mean over rows weighs patients by
    their rows; pass one mean per patient to weigh them alike.

    References
    ----------
    Efron (1987), doi 10.1080/01621459.1987.10478410. Davison & Hinkley (1997),
    doi 10.1017/CBO9780511802843, section 3.8.

    Examples
    --------
    >>> score = [20, 35, 40, 55, 30, 45, 25, 30, 60, 50]
    >>> patient = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    >>> cluster_bootstrap(score, patient, rng=1, n_resamples=999)
    39 (95 % CI 29.5 to 48.5)
      percentile; 999 resamples of 5 groups, 10 rows, 0 missing
      note: 5 groups only: bootstrap limits tend to be too narrow
    """
    check_option("method", method, ("percentile", "bca"))
    level, n_resamples = check_level(confidence_level), check_resamples(n_resamples)
    rows = clusters(y, groups, arm)
    if rows.n_groups < 2:
        raise ValueError("resampling groups needs at least two of them; there is one")
    strata = _strata(rows)
    evaluate = _by_sums(rows, strata) if statistic is None else _by_rows(rows, strata, statistic)
    estimate = float(evaluate(_everyone(strata))[0])
    random = generator(rng, "a bootstrap")
    found = np.concatenate([evaluate(drawn) for drawn in _draws(strata, n_resamples, random)])
    if not np.isfinite(found).all():
        raise ValueError(f"the statistic is not finite in {(~np.isfinite(found)).sum()} resamples")
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    if method == "bca":
        tails = _bca_tails(tails, found, estimate, strata, evaluate)
    low, high = np.quantile(found, tails)
    return ClusterBootstrap(
        estimate=estimate,
        ci_low=float(low),
        ci_high=float(high),
        confidence_level=level,
        std_error=float(found.std(ddof=1)) if n_resamples > 1 else float("nan"),
        method="BCa" if method == "bca" else "percentile",
        n_resamples=n_resamples,
        n_obs=len(rows.y),
        n_groups=rows.n_groups,
        n_missing=rows.n_missing,
        notes=_notes(rows, strata),
    )


def _by_sums(rows: Clusters, strata: list[Codes]) -> Evaluate:
    """Means of resamples from sums by group: no row is touched again."""
    sums = rows.sums()
    parts = [[np.ascontiguousarray(column) for column in sums[members].T] for members in strata]

    def total(column: Array, drawn: Codes) -> Array | float:
        # Such as the number of rows, when all groups have the same.
        if (column == column[0]).all():
            return float(column[0]) * drawn.shape[1]
        return column.take(drawn).sum(axis=1)

    def evaluate(drawn: Drawn) -> Array:
        totals = np.zeros((len(drawn[0]), sums.shape[1]))
        for columns, chosen in zip(parts, drawn, strict=True):
            for j, column in enumerate(columns):
                totals[:, j] += total(column, chosen)
        return difference(totals)

    return evaluate


def _by_rows(rows: Clusters, strata: list[Codes], statistic: Callable[..., float]) -> Evaluate:
    places = np.split(np.arange(len(rows.y)), np.flatnonzero(np.diff(rows.codes)) + 1)

    def once(groups: Codes) -> float:
        taken = np.concatenate([places[g] for g in groups])
        if rows.treated is None:
            return float(statistic(rows.y[taken]))
        return float(statistic(rows.y[taken], rows.treated[taken]))

    def evaluate(drawn: Drawn) -> Array:
        groups = [members[chosen] for members, chosen in zip(strata, drawn, strict=True)]
        return np.array([once(one) for one in np.concatenate(groups, axis=1)])

    return evaluate


def _strata(rows: Clusters) -> list[Codes]:
    """List groups with treated rows only, with untreated only, with both."""
    if rows.treated is None:
        return [np.arange(rows.n_groups)]
    sums = rows.sums()
    kind = 2 * (sums[:, 1] > 0) + (sums[:, 3] > 0)
    return [np.flatnonzero(kind == value) for value in (2, 1, 3) if (kind == value).any()]


def _everyone(strata: list[Codes]) -> Drawn:
    return [np.arange(len(members))[None] for members in strata]


def _draws(strata: list[Codes], n_resamples: int, rng: np.random.Generator) -> Iterator[Drawn]:
    sizes = [len(members) for members in strata]
    block = max(1, BLOCK // sum(sizes))
    for start in range(0, n_resamples, block):
        count = min(block, n_resamples - start)
        yield [rng.integers(size, size=(count, size)) for size in sizes]


def _bca_tails(
    tails: Array, found: Array, estimate: float, strata: list[Codes], evaluate: Evaluate
) -> Array:
    below = (np.mean(found < estimate) + np.mean(found <= estimate)) / 2.0
    if not 0.0 < below < 1.0:
        raise ValueError("all resamples lie on one side of the estimate: BCa has no limits there")
    shift = special.ndtri(below)
    skew = _acceleration(strata, evaluate)
    z = shift + special.ndtri(tails)
    return special.ndtr(shift + z / (1.0 - skew * z))


def _acceleration(strata: list[Codes], evaluate: Evaluate) -> float:
    """Skewness of the influence of single groups, stratum by stratum."""
    cubes = squares = 0.0
    for k, members in enumerate(strata):
        n = len(members)
        if n < 2:
            continue
        others = np.arange(n - 1) + (np.arange(n - 1) >= np.arange(n)[:, None])
        drawn = [np.repeat(every, n, axis=0) for every in _everyone(strata)]
        drawn[k] = others
        left = evaluate(drawn)
        influence = (n - 1) * (left.mean() - left)
        cubes += float((influence**3).sum()) / n**3
        squares += float((influence**2).sum()) / n**2
    return cubes / (6.0 * squares**1.5) if squares else 0.0


def _notes(rows: Clusters, strata: list[Codes]) -> tuple[str, ...]:
    notes = []
    if rows.n_groups < FEW_GROUPS:
        notes.append(f"{rows.n_groups} groups only: bootstrap limits tend to be too narrow")
    if any(len(members) == 1 for members in strata):
        notes.append("a single group has its arms: it is in every resample, limits are too narrow")
    return tuple(notes)
