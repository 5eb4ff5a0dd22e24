"""Means of five neighbours or more: how the patients of a real cohort are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnstudy.disclosure.small_counts import THRESHOLD

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def grouped(values: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """Return the means of five or more neighbouring values.

    Parameters
    ----------
    values : array of shape (n,)
        One value a patient, in any unit.

    Returns
    -------
    means : array of shape (k,)
        In ascending order.
    counts : array of shape (k,)
        Patients behind each mean; never below five.

    Notes
    -----
    Missing values are left out. Sorted by value, n known values make n // 5 groups whose sizes
    differ by one at most: nothing rests on fewer than five people, and nobody is left out. Fewer
    than five known values give nothing. The mean of all is kept. Univariate microaggregation of
    sorted values: Domingo-Ferrer & Mateo-Sanz (2002), doi 10.1109/69.979982.

    Examples
    --------
    >>> grouped([9, 1, 2, 8, 3, 7, 4, 6, 5, 10, float("nan")])
    (array([3., 8.]), array([5, 5]))
    >>> grouped([2.0, 1.0])[0]
    array([], dtype=float64)
    """
    known = np.asarray(values, dtype="float64")
    known = np.sort(known[~np.isnan(known)])
    groups = neighbours(known)
    means = np.array([known[g].mean() for g in groups], dtype="float64")
    return means, np.array([len(g) for g in groups], dtype="int64")


def at_least(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many patients at least are behind each mean: exact sizes would add up to totals.

    Examples
    --------
    >>> at_least(np.array([6, 5]))
    array([5, 5])
    """
    return np.minimum(counts, THRESHOLD)


def neighbours(*keys: ArrayLike) -> Sequence[Places]:
    """Return the places of the members of each group, groups in the order of the keys.

    Parameters
    ----------
    *keys : array of shape (n,)
        Numbers to sort by, the most important first; without missing values.

    Returns
    -------
    sequence of arrays of int
        Groups of five or more, empty where there are fewer than five.

    Examples
    --------
    >>> [sorted(group.tolist()) for group in neighbours([9, 1, 2, 8, 3, 7, 4, 6, 5, 10])]
    [[1, 2, 4, 6, 8], [0, 3, 5, 7, 9]]
    """
    columns = [np.asarray(key, dtype="float64") for key in keys]
    order = np.lexsort(columns[::-1])
    pieces = len(order) // THRESHOLD
    return np.array_split(order, pieces) if pieces else []
