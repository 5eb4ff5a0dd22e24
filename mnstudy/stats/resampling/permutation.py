"""Permutation tests of a mean difference, exact where all permutations can be counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.resampling.clusters import Clusters, Rng, clusters, difference
from mnstudy.stats.resampling.resampling_exact import halves, subset_sums, subsets, tails
from mnstudy.stats.resampling.resampling_tails import Asked, Permutation, counted
from mnstudy.stats.result import Alternative

# Divisions of patients into arms that are listed one by one: 10 and 10 are 184,756.
LISTED = 2**18


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
    asked = Asked(n_resamples=n_resamples, exact=exact, alternative=alternative, rng=rng)
    rows = clusters(differences, groups)
    sums = rows.sums()[:, 0]
    observed = float(sums.sum())
    moving = sums[sums != 0]

    def drawn(count: int, random: np.random.Generator) -> Array:
        signs = random.integers(2, size=(count, len(moving)), dtype=np.int8)
        return (2.0 * signs - 1.0) @ moving

    if asked.counts_all(halves([2] * len(moving)) is not None, "sign flips"):
        found, n_all = (
            tails([np.array([-value, value]) for value in moving], observed),
            2 ** len(sums),
        )
    else:
        found, n_all = asked.draw(drawn, observed, float(np.abs(sums).sum()), len(moving)), None
    return asked.result(
        rows, observed / len(rows.y), found, n_all=n_all, method="sign flips by group"
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
    asked = Asked(n_resamples=n_resamples, exact=exact, alternative=alternative, rng=rng)
    rows = clusters(y, groups, arm)
    return (_within if rows.in_both().any() else _between)(rows, asked)


def _between(rows: Clusters, asked: Asked) -> Permutation:
    sums = rows.sums()
    treated = (sums[:, 1] > 0).astype(float)
    totals = sums[:, :2] + sums[:, 2:]

    def statistic(marks: Array) -> Array:
        chosen = marks @ totals
        return difference(np.concatenate([chosen, totals.sum(axis=0) - chosen], axis=-1))

    def drawn(count: int, random: np.random.Generator) -> Array:
        return statistic(random.permuted(np.tile(treated, (count, 1)), axis=1))

    divisions = math.comb(rows.n_groups, int(treated.sum()))
    observed, scale = float(statistic(treated)), float(np.abs(rows.y).max())
    n_all = None
    if asked.counts_all(divisions <= LISTED, "divisions of groups into arms"):
        n_all = divisions
        every = statistic(subsets(rows.n_groups, int(treated.sum())))
        at_most, at_least = counted(every, observed, scale)
        found = at_most / n_all, at_least / n_all
    else:
        found = asked.draw(drawn, observed, scale, rows.n_groups)
    return asked.result(rows, observed, found, n_all=n_all, method="arms permuted between groups")


def _within(rows: Clusters, asked: Asked) -> Permutation:
    assert rows.treated is not None
    sums, both = rows.sums(), rows.in_both()
    moving = both[rows.codes]
    y, codes, treated = rows.y[moving], rows.codes[moving], rows.treated[moving]
    total, n_treated = float(y[treated].sum()), sums[both, 1].astype(int)
    sizes = (sums[both, 1] + sums[both, 3]).astype(int)
    divisions = [math.comb(int(n), int(k)) for n, k in zip(sizes, n_treated, strict=True)]

    def drawn(count: int, random: np.random.Generator) -> Array:
        # Codes ascend, so sorting code + random number shuffles rows within their group only.
        order = np.argsort(codes + random.random((count, len(y))), axis=1)
        return (treated[order] * y).sum(axis=1)

    n_all = None
    if asked.counts_all(halves(divisions) is not None, "permutations within groups"):
        n_all = math.prod(divisions)
        own = np.split(y, np.cumsum(sizes)[:-1])
        found = tails([subset_sums(*part) for part in zip(own, n_treated, strict=True)], total)
    else:
        found = asked.draw(drawn, total, float(np.abs(y).sum()), len(y))
    # The difference of means grows with the sum of treated rows, so their tails are the same.
    estimate, fixed = float(difference(sums.sum(axis=0))), int((~both).sum())
    notes = (f"{fixed} groups have one arm only and stay as they are",) if fixed else ()
    method = "arms permuted within groups"
    return asked.result(rows, estimate, found, n_all=n_all, method=method, notes=notes)
