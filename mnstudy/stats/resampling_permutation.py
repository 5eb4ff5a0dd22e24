"""Permutation tests of a mean difference, exact where all permutations can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnstudy.stats.mixed_design import Array
from mnstudy.stats.resampling_exact import SAME, halves, subset_sums, subsets, tails
from mnstudy.stats.resampling_rows import (
    Clusters,
    Rng,
    check_resamples,
    clusters,
    difference,
    generator,
)
from mnstudy.stats.small_result import ALTERNATIVES, Alternative, SmallResult, check_option

Tails = tuple[float, float]
# Divisions of patients into arms that are listed one by one: 10 and 10 are 184,756.
LISTED = 2**18
BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Permutation(SmallResult):
    """A permutation test of a mean or a difference of means.

    ``n_resamples`` is the number of all permutations when ``exact``, else of those drawn.
    """

    estimate: float
    p_value: float
    alternative: Alternative
    exact: bool
    n_resamples: int
    method: str
    n_obs: int
    n_groups: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        how = "all" if self.exact else "random"
        return [
            f"{self.estimate:.4g}, p = {self.p_value:.3g} ({self.alternative})",
            f"{self.method}, {how} {self.n_resamples:.7g} permutations; {self.n_groups} groups, "
            f"{self.n_obs} rows, {self.n_missing} missing",
            *(f"note: {note}" for note in self.notes),
        ]


def sign_flip(
    differences: Any,
    groups: Any = None,
    *,
    n_resamples: int = 9999,
    exact: bool | None = None,
    alternative: Alternative = "two-sided",
    rng: Rng | None = None,
) -> Permutation:
    r"""Test that paired differences lie symmetrically around zero, by their mean.

    Parameters
    ----------
    differences : array of shape (n,)
        Treated minus untreated, a pair each.
    groups : array of shape (n,), optional
        The patient of each pair, when patients have several; their signs flip together.
    n_resamples : int
        Random sign flips, when not exact.
    exact : bool, optional
        Count all sign flips; by default where possible, up to 40 patients with a difference.
    alternative : {"two-sided", "less", "greater"}
    rng : int or numpy.random.Generator, optional
        Needed when not exact; the result does not depend on the order of rows.

    Returns
    -------
    Permutation

    Raises
    ------
    ValueError
        No rng when signs are drawn, or too many patients for ``exact=True``.

    Notes
    -----
    p is the share of sign flips whose mean is at least as extreme. Drawn at random it is
    :math:`(b + 1)/(B + 1)`. Two-sided is twice the smaller tail. Means equal up to rounding are
    equal. The test takes differences as symmetric under the hypothesis, which random assignment of
    sides grants. Missing differences are left out and counted.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21. Phipson & Smyth (2010),
    doi 10.2202/1544-6115.1585.

    Examples
    --------
    >>> sign_flip([3.1, -0.4, 2.2, 1.8, 0.9, 2.7])
    1.717, p = 0.0625 (two-sided)
      sign flips by group, all 64 permutations; 6 groups, 6 rows, 0 missing
    """
    rows = clusters(differences, groups)
    sums = rows.sums()[:, 0]
    observed = float(sums.sum())
    moving = sums[sums != 0]
    parts = [np.array([-value, value]) for value in moving]
    exact = _is_exact(exact, halves([2] * len(parts)) is not None, "sign flips of all groups")

    def drawn(count: int, random: np.random.Generator) -> Array:
        signs = random.integers(2, size=(count, len(moving)), dtype=np.int8)
        return (2.0 * signs - 1.0) @ moving

    if exact:
        found, n_done = tails(parts, observed), 2 ** len(sums)
    else:
        n_done = check_resamples(n_resamples)
        scale = float(np.abs(sums).sum())
        found = _drawn_tails(drawn, observed, scale, n_done, len(moving), rng)
    return _result(
        rows, observed / len(rows.y), found, alternative, exact, n_done, "sign flips by group"
    )


def permute_arms(
    y: Any,
    arm: Any,
    groups: Any = None,
    *,
    n_resamples: int = 9999,
    exact: bool | None = None,
    alternative: Alternative = "two-sided",
    rng: Rng | None = None,
) -> Permutation:
    r"""Test a difference of means by permuting what treatment patients, or their sites, had.

    Parameters
    ----------
    y : array of shape (n,)
    arm : array of shape (n,)
        1/0 or true/false. When it is constant in every patient, arms are permuted between
        patients; when it varies, between the rows of each patient.
    groups : array of shape (n,), optional
        The patient of each row; None takes each row as one patient.
    n_resamples : int
        Random permutations, when not exact.
    exact : bool, optional
        Count all permutations; by default where possible: up to 262,144 divisions of patients, and
        within patients up to some 40 pairs.
    alternative : {"two-sided", "less", "greater"}
    rng : int or numpy.random.Generator, optional
        Needed when not exact; the result does not depend on the order of rows.

    Returns
    -------
    Permutation

    Raises
    ------
    ValueError
        Arms that do not both occur, no rng when permutations are drawn, or too many for
        ``exact=True``.

    Notes
    -----
    The statistic is the mean of treated minus the mean of other rows. p is the share of
    permutations at least as extreme, :math:`(b + 1)/(B + 1)` when drawn; two-sided is twice the
    smaller tail. Between patients, each keeps its rows and the number of treated patients stays;
    within patients, each keeps its number of treated rows, and patients with one arm only stay as
    they are. Rows with a missing value are left out and counted.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21. Phipson & Smyth (2010),
    doi 10.2202/1544-6115.1585.

    Examples
    --------
    >>> patient = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    >>> score = [40, 30, 55, 35, 30, 32, 60, 45, 50, 42, 35, 20]
    >>> permute_arms(score, [1, 0] * 6, patient)
    11, p = 0.0625 (two-sided)
      arms permuted within groups, all 64 permutations; 6 groups, 12 rows, 0 missing
    >>> permute_arms(score, [1] * 6 + [0] * 6, patient).n_resamples
    20
    """
    rows = clusters(y, groups, arm)
    test = _within if rows.in_both().any() else _between
    return test(rows, n_resamples, exact, alternative, rng)


def _between(
    rows: Clusters, n_resamples: int, exact: bool | None, alternative: Alternative, rng: Rng | None
) -> Permutation:
    sums = rows.sums()
    treated = sums[:, 1] > 0
    totals = sums[:, :2] + sums[:, 2:]
    n_treated = int(treated.sum())

    def statistic(marks: Array) -> Array:
        chosen = marks @ totals
        return difference(np.concatenate([chosen, totals.sum(axis=0) - chosen], axis=-1))

    def drawn(count: int, random: np.random.Generator) -> Array:
        return statistic(random.permuted(np.tile(treated.astype(float), (count, 1)), axis=1))

    divisions = math.comb(rows.n_groups, n_treated)
    exact = _is_exact(exact, divisions <= LISTED, "divisions of groups into arms")
    observed = float(statistic(treated[None].astype(float))[0])
    scale = float(np.abs(rows.y).max())
    if exact:
        found = statistic(subsets(rows.n_groups, n_treated))
        at_most, at_least = _counts(found, observed, scale)
        result, n_done = (at_most / divisions, at_least / divisions), divisions
    else:
        n_done = check_resamples(n_resamples)
        result = _drawn_tails(drawn, observed, scale, n_done, rows.n_groups, rng)
    return _result(
        rows, observed, result, alternative, exact, n_done, "arms permuted between groups"
    )


def _within(
    rows: Clusters, n_resamples: int, exact: bool | None, alternative: Alternative, rng: Rng | None
) -> Permutation:
    assert rows.treated is not None
    sums, both = rows.sums(), rows.in_both()
    moving = both[rows.codes]
    y, codes, treated = rows.y[moving], rows.codes[moving], rows.treated[moving]
    total, n_treated = float(y[treated].sum()), sums[both, 1].astype(int)
    sizes = (sums[both, 1] + sums[both, 3]).astype(int)
    divisions = [math.comb(int(n), int(k)) for n, k in zip(sizes, n_treated, strict=True)]
    exact = _is_exact(exact, halves(divisions) is not None, "permutations within groups")

    def drawn(count: int, random: np.random.Generator) -> Array:
        # Codes ascend, so sorting code + random number shuffles rows within their group only.
        order = np.argsort(codes + random.random((count, len(y))), axis=1)
        return (treated[order] * y).sum(axis=1)

    if exact:
        own = np.split(y, np.cumsum(sizes)[:-1])
        parts = [subset_sums(values, k) for values, k in zip(own, n_treated, strict=True)]
        found, n_done = tails(parts, total), math.prod(divisions)
    else:
        n_done = check_resamples(n_resamples)
        found = _drawn_tails(drawn, total, float(np.abs(y).sum()), n_done, len(y), rng)
    fixed = int((~both).sum())
    notes = (f"{fixed} groups have one arm only and stay as they are",) if fixed else ()
    # The difference of means grows with the sum of treated rows, so their tails are the same.
    estimate = float(difference(sums.sum(axis=0)))
    method = "arms permuted within groups"
    return _result(rows, estimate, found, alternative, exact, n_done, method, notes)


def _is_exact(asked: bool | None, possible: bool, what: str) -> bool:
    if asked and not possible:
        raise ValueError(f"there are too many {what} to count; use exact=False with n_resamples")
    return possible if asked is None else asked


def _drawn_tails(
    drawn: Callable[[int, np.random.Generator], Array],
    observed: float,
    scale: float,
    n_resamples: int,
    width: int,
    rng: Rng | None,
) -> Tails:
    random = generator(rng, f"{n_resamples} random permutations")
    counts = np.sum(
        [
            _counts(drawn(count, random), observed, scale)
            for count in _blocks(n_resamples, max(1, BLOCK // max(width, 1)))
        ],
        axis=0,
    )
    at_most, at_least = (counts + 1) / (n_resamples + 1)
    return float(at_most), float(at_least)


def _blocks(n: int, block: int) -> Iterator[int]:
    for start in range(0, n, block):
        yield min(block, n - start)


def _counts(found: Array, observed: float, scale: float) -> tuple[int, int]:
    """How many are at most, and at least, what was observed; equal up to rounding is both."""
    slack = SAME * scale
    return int((found <= observed + slack).sum()), int((found >= observed - slack).sum())


def _result(
    rows: Clusters,
    estimate: float,
    found: Tails,
    alternative: Alternative,
    exact: bool,
    n_done: int,
    method: str,
    notes: tuple[str, ...] = (),
) -> Permutation:
    check_option("alternative", alternative, ALTERNATIVES)
    low, high = found
    sides = {"less": low, "greater": high, "two-sided": min(1.0, 2.0 * min(low, high))}
    return Permutation(
        estimate=estimate,
        p_value=sides[alternative],
        alternative=alternative,
        exact=exact,
        n_resamples=n_done,
        method=method,
        n_obs=len(rows.y),
        n_groups=rows.n_groups,
        n_missing=rows.n_missing,
        notes=notes,
    )
