"""Counts small enough to point at a person, and those that would give them away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

THRESHOLD = 5  # counts below it could point at a person
FEW, NOT_SHOWN = f"<{THRESHOLD}", "not shown"


def is_small(n: float | None) -> bool:
    """Tell whether a count is small enough to point at a person."""
    return n is not None and 0 < n < THRESHOLD


def withheld(counts: pd.DataFrame) -> pd.DataFrame:
    """Say for every cell of a table of counts with its totals what stands in its place.

    Parameters
    ----------
    counts : DataFrame
        Counts of people; lines that hold a total hold it as one more cell.

    Returns
    -------
    DataFrame of str
        ``<5`` for a small count, ``not shown`` for one that would give a small one away, empty
        for what may be shown.

    Notes
    -----
    In a row or a column where one cell is withheld, where those withheld are fewer than five
    people together, or where their sum leaves each small one a single value, the next smallest
    cell is withheld too, until nothing follows by subtraction. Where rows and columns together
    would still pin a small one down, the smallest cell of its lines is withheld as well. Zeros are
    shown.

    Examples
    --------
    >>> table = pd.DataFrame({"all": [40, 12, 28], "men": [20, 9, 11], "women": [20, 3, 17]})
    >>> withheld(table).iloc[1].tolist()
    ['', 'not shown', '<5']
    """
    cells = counts.to_numpy()
    hidden = (cells > 0) & (cells < THRESHOLD)
    shown = pd.DataFrame("", index=counts.index, columns=counts.columns).mask(hidden, FEW)
    lines = [*zip(cells, hidden, strict=True), *zip(cells.T, hidden.T, strict=True)]
    while True:
        changed = False
        for numbers, gone in lines:
            place = _next(numbers, gone)
            if place is not None:
                gone[place] = changed = True  # a view: the table changes with it
        if not changed and not _hide_beside_pinned(cells, hidden):
            return shown.mask(hidden & shown.eq("").to_numpy(), NOT_SHOWN)


def _next(cells: NDArray[Any], hidden: NDArray[Any]) -> int | None:
    """Return which cell of a line must be withheld too; None where nothing can be worked out."""
    if not hidden.any() or hides_enough(cells[hidden]):
        return None
    rest = [i for i in range(len(cells)) if not hidden[i] and cells[i] > 0]
    return min(rest, key=lambda i: (cells[i], -i)) if rest else None


def hides_enough(counts: NDArray[Any]) -> bool:
    """Tell whether counts withheld from a line leave open what each small one is.

    Their sum follows from the line, and so does one alone. Small ones stand as one to four, the
    others as five or more: each small one must still be able to be one thing or another.
    """
    few = int((counts < THRESHOLD).sum())
    others, total = len(counts) - few, int(counts.sum())
    if len(counts) < 2 or total < THRESHOLD:
        return False
    least = 1 if others else total - (THRESHOLD - 1) * (few - 1)
    most = total - (few - 1) - THRESHOLD * others
    return not few or max(1, least) < min(THRESHOLD - 1, most)


def _hide_beside_pinned(cells: NDArray[Any], hidden: NDArray[Any]) -> bool:
    """Withhold the smallest cell in the lines of a small one that has one value left."""
    for i, j in _pinned(cells, hidden):
        beside = np.zeros_like(hidden)
        beside[i, :] = beside[:, j] = True
        for where in (beside, np.ones_like(hidden)):
            rest = [tuple(p) for p in np.argwhere(where & ~hidden & (cells > 0))]
            if rest:
                hidden[min(rest, key=lambda p: (cells[p], -p[0], -p[1]))] = True
                return True
    return False


def _pinned(cells: NDArray[Any], hidden: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield the small cells of which rows and columns together leave a reader one value.

    The least and the most that each can be, given what is shown and every line that adds up: a
    linear programme, whose ends are whole numbers in a table of rows and columns.
    """
    small = hidden & (cells < THRESHOLD)
    sums = _sums(cells)
    if not small.any() or not len(sums):
        return
    from scipy.optimize import linprog  # only tables with small cells need it

    most = np.where(small, THRESHOLD - 1.0, np.where(hidden, cells.sum(), cells))
    least = np.where(small, 1.0, np.where(hidden, THRESHOLD, cells))
    bounds = np.column_stack([least.ravel(), most.ravel()])
    for i, j in np.argwhere(small):
        wanted = np.zeros(cells.shape)
        wanted[i, j] = 1.0
        ends = [
            sign
            * linprog(sign * wanted.ravel(), A_eq=sums, b_eq=np.zeros(len(sums)), bounds=bounds).fun
            for sign in (1, -1)
        ]
        if ends[1] - ends[0] < 0.5:
            yield int(i), int(j)


def _sums(cells: NDArray[Any]) -> NDArray[Any]:
    """Return the lines of which one cell is the total of the others, one row of weights each."""
    places = np.arange(cells.size).reshape(cells.shape)
    rows = []
    for line in (*places, *places.T):
        numbers = cells.ravel()[line]
        if len(line) > 1 and 2 * numbers.max() == numbers.sum():
            weights = np.zeros(cells.size)
            weights[line] = 1.0
            weights[line[int(np.argmax(numbers))]] = -1.0
            rows.append(weights)
    return np.array(rows)
