"""Counting all permutations at once when each group decides on its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np

from mnstudy.stats.mixed.design import Array

# Sums held for each half of the groups: 2^20 of them, so that 40 pairs are still exact.
HALF = 2**20
# Sums equal up to rounding are equal.
SAME = 1e-12


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
