"""Means of five neighbours or more: how the patients of a real cohort are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnstudy.cohort.small_counts import THRESHOLD

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def grouped(values: ArrayLike, *, single: bool) -> tuple[Floats, NDArray[np.int64]]:
    """Return the means of five or more neighbouring values, or every value by itself.

    Parameters
    ----------
    values : array of shape (n,)
        One value a patient, in any unit.
    single : bool
        True for a synthetic cohort, whose patients may be shown one by one.

    Returns
    -------
    means : array of shape (k,)
        In ascending order.
    counts : array of shape (k,)
        Patients behind each mean; never below five unless ``single``.

    Notes
    -----
    Missing values are left out. Sorted by value, n known values make n // 5 groups whose sizes
    differ by one at most: nothing rests on fewer than five people, and nobody is left out. Fewer
    than five known values give nothing. The mean of all is kept. Univariate microaggregation of
    sorted values: Domingo-Ferrer & Mateo-Sanz (2002), doi 10.1109/69.979982.

    Examples
    --------
    >>> grouped([9, 1, 2, 8, 3, 7, 4, 6, 5, 10, float("nan")], single=False)
    (array([3., 8.]), array([5, 5]))
    >>> grouped([2.0, 1.0], single=True)[0]
    array([1., 2.])
    >>> grouped([2.0, 1.0], single=False)[0]
    array([], dtype=float64)
    """
    known = np.asarray(values, dtype="float64")
    known = np.sort(known[~np.isnan(known)])
    groups = neighbours(known, single=single)
    means = np.array([known[g].mean() for g in groups], dtype="float64")
    return means, np.array([len(g) for g in groups], dtype="int64")


def at_least(counts: NDArray[np.int64], *, single: bool) -> NDArray[np.int64]:
    """Return how many patients at least are behind each mean: exact sizes would add up to totals.

    Examples
    --------
    >>> at_least(np.array([6, 5]), single=False)
    array([5, 5])
    """
    return counts if single else np.minimum(counts, THRESHOLD)


def neighbours(*keys: ArrayLike, single: bool) -> Sequence[Places]:
    """Return the places of the members of each group, groups in the order of the keys.

    Parameters
    ----------
    *keys : array of shape (n,)
        Numbers to sort by, the most important first; without missing values.
    single : bool
        True for a synthetic cohort: every place is a group by itself.

    Returns
    -------
    sequence of arrays of int
        Groups of five or more, empty where there are fewer than five.

    Examples
    --------
    >>> [group.tolist() for group in neighbours([3.0, 1.0, 2.0], single=True)]
    [[1], [2], [0]]
    """
    columns = [np.asarray(key, dtype="float64") for key in keys]
    order = np.lexsort(columns[::-1])
    pieces = len(order) if single else len(order) // THRESHOLD
    return np.array_split(order, pieces) if pieces else []
