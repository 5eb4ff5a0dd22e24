"""Permutation tests of a mean difference, exact where all permutations can be counted.

Rows of one patient belong together: what is permuted is what chance could have assigned otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.resampling.clusters import (
    Clusters,
    Rng,
    check_resamples,
    clusters,
    difference,
    generator,
)
from mnstudy.stats.result import ALTERNATIVES, Alternative, SmallResult, check_option

# Sums held for each half of the groups: 2^20 of them, so that 40 pairs are still exact.
HALF = 2**20
# Sums equal up to rounding are equal.
SAME = 1e-12
Tails = tuple[float, float]
Draw = Callable[[int, np.random.Generator], Array]
# Numbers drawn at a time: keeps the work in the cache and the memory flat.
BLOCK = 2**20
# Divisions of patients into arms that are listed one by one: 10 and 10 are 184,756.
LISTED = 2**18


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
    asked = PermutationOptions(
        n_resamples=n_resamples, exact=exact, alternative=alternative, rng=rng
    )
    rows = clusters(differences, groups)
    sums = rows.sums()[:, 0]
    observed = float(sums.sum())
    moving = sums[sums != 0]

    def drawn(count: int, random: np.random.Generator) -> Array:
        signs = random.integers(2, size=(count, len(moving)), dtype=np.int8)
        return (2.0 * signs - 1.0) @ moving

    n_all = None
    if asked.counts_all(halves([2] * len(moving)) is not None, "sign flips"):
        n_all = 2 ** len(sums)
        found = tails([np.array([-value, value]) for value in moving], observed)
    else:
        found = asked.draw(drawn, observed, float(np.abs(sums).sum()), len(moving))
    estimate, method = observed / len(rows.y), "sign flips by group"
    return asked.result(rows, estimate, found, n_all=n_all, method=method)


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
    asked = PermutationOptions(
        n_resamples=n_resamples, exact=exact, alternative=alternative, rng=rng
    )
    rows = clusters(y, groups, arm)
    return (_within if rows.in_both().any() else _between)(rows, asked)


def _between(rows: Clusters, asked: PermutationOptions) -> Permutation:
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


def _within(rows: Clusters, asked: PermutationOptions) -> Permutation:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationOptions:
    """How the test was asked for; checked when made."""

    n_resamples: int
    exact: bool | None
    alternative: Alternative
    rng: Rng | None

    def __post_init__(self) -> None:
        check_option("alternative", self.alternative, ALTERNATIVES)
        check_resamples(self.n_resamples)

    def counts_all(self, possible: bool, what: str) -> bool:
        """Whether to count all permutations."""
        if self.exact and not possible:
            raise ValueError(f"there are too many {what} to count; use exact=False")
        return possible if self.exact is None else self.exact

    def draw(self, drawn: Draw, observed: float, scale: float, width: int) -> Tails:
        """Both tails among random permutations, ``width`` numbers each."""
        random = generator(self.rng, f"{self.n_resamples} random permutations")
        block = max(1, BLOCK // max(width, 1))
        counts = np.ones(2)
        for start in range(0, self.n_resamples, block):
            found = drawn(min(block, self.n_resamples - start), random)
            counts += counted(found, observed, scale)
        at_most, at_least = counts / (self.n_resamples + 1)
        return float(at_most), float(at_least)

    def result(
        self,
        rows: Clusters,
        estimate: float,
        tails: Tails,
        *,
        n_all: int | None,
        method: str,
        notes: tuple[str, ...] = (),
    ) -> Permutation:
        """Put the result together; ``n_all`` is the number of all permutations when counted."""
        low, high = tails
        sides = {"less": low, "greater": high, "two-sided": min(1.0, 2.0 * min(low, high))}
        return Permutation(
            estimate=estimate,
            p_value=sides[self.alternative],
            alternative=self.alternative,
            exact=n_all is not None,
            n_resamples=self.n_resamples if n_all is None else n_all,
            method=method,
            n_obs=len(rows.y),
            n_groups=rows.n_groups,
            n_missing=rows.n_missing,
            notes=notes,
        )


def counted(found: Array, observed: float, scale: float) -> tuple[int, int]:
    """How many are at most, and at least, what was observed; equal up to rounding is both."""
    slack = SAME * scale
    return int((found <= observed + slack).sum()), int((found >= observed - slack).sum())


def halves(sizes: Sequence[int]) -> tuple[list[int], list[int]] | None:
    """Divide groups in two so that both have few enough combinations; None when it cannot be."""
    split: tuple[list[int], list[int]] = ([], [])
    count = [1, 1]
    for place in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        side = 0 if count[0] <= count[1] else 1
        split[side].append(place)
        count[side] *= sizes[place]
    return split if max(count) <= HALF else None


def tails(parts: Sequence[Array], observed: float) -> tuple[float, float]:
    """Chance of a sum at most, and at least, as large as observed.

    Each part adds one of its values, all equally likely. All sums of one half of the parts are set
    against all sums of the other by sorting, so that 2^40 sums cost 2^20.

    References
    ----------
    Horowitz & Sahni (1974), doi 10.1145/321812.321823 (division into halves).

    Examples
    --------
    >>> tails([np.array([-1.0, 1.0]), np.array([-2.0, 2.0])], 1.0)
    (0.75, 0.5)
    """
    split = halves([len(part) for part in parts])
    if split is None:
        raise ValueError("too many permutations to count")
    first, second = (np.sort(_sums([parts[i] for i in side])) for side in split)
    slack = SAME * sum(float(np.abs(part).max()) for part in parts)
    wanted = observed - first
    at_most = int(np.searchsorted(second, wanted + slack, side="right").sum())
    less = int(np.searchsorted(second, wanted - slack, side="left").sum())
    total = len(first) * len(second)
    return at_most / total, (total - less) / total


def _sums(parts: Sequence[Array]) -> Array:
    total = np.zeros(1)
    for part in parts:
        total = np.add.outer(total, part).ravel()
    return total


def subset_sums(values: Array, size: int) -> Array:
    """Add up all subsets of one size.

    Examples
    --------
    >>> subset_sums(np.array([1.0, 2.0, 4.0]), 2)
    array([3., 5., 6.])
    """
    if size == 1:
        return values
    return np.array([sum(chosen) for chosen in combinations(values.tolist(), size)])


def subsets(n: int, size: int) -> Array:
    """All subsets of 0 to n - 1 of one size, a row of ones and zeros each."""
    count = math.comb(n, size)
    listed = chain.from_iterable(combinations(range(n), size))
    chosen = np.fromiter(listed, np.intp, count * size).reshape(count, size)
    marks = np.zeros((count, n))
    np.put_along_axis(marks, chosen, 1.0, axis=1)
    return marks
