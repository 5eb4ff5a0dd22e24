"""Which cells of a table of transitions stay hidden, so that no small one can be worked out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, is_small, withheld
from mnstudy.stats.ordinal_transitions import Better

Flags = NDArray[np.bool_]
Coefficients = NDArray[np.float64]


def withheld_transitions(people: pd.DataFrame, better: Better) -> pd.DataFrame:
    """Say for every cell of a table from grade to grade, with its totals, what stands in its place.

    Parameters
    ----------
    people : DataFrame
        People in each cell, grades before in rows and after in columns, with a last row and a
        last column of totals.
    better : {"lower", "higher"}
        Which grades are better.

    Returns
    -------
    DataFrame of str
        As ``withheld``: ``<5``, ``not shown`` or empty.

    Notes
    -----
    Beside the totals of rows and columns, the number of those who got better is taken as known
    unless it is small, since findings print it. A small cell that follows exactly from any
    combination of what is shown is protected by hiding the next smallest cell, until none
    follows: a cell follows where its unit vector lies in the span of the equations over the
    hidden cells.

    Examples
    --------
    >>> table = pd.DataFrame([[9, 2, 0, 11], [7, 8, 6, 21], [9, 6, 7, 22], [25, 16, 13, 54]])
    >>> withheld_transitions(table, "lower").iloc[:2].to_numpy().tolist()
    [['not shown', '<5', '', ''], ['not shown', '', 'not shown', '']]
    """
    counts = people.to_numpy()
    hidden = withheld(people).ne("").to_numpy()
    small = (counts > 0) & hidden & np.vectorize(is_small)(counts)
    known = _lines(counts, better)
    while (place := _next(counts, hidden, small, known)) is not None:
        hidden[place] = True
    shown = pd.DataFrame("", index=people.index, columns=people.columns)
    return shown.mask(hidden, NOT_SHOWN).mask(small, FEW)


def _next(
    counts: NDArray[np.int64], hidden: Flags, small: Flags, known: Sequence[Coefficients]
) -> tuple[int, int] | None:
    """Return which cell must be hidden too; None where no small one can be worked out."""
    for row, column in np.argwhere(small):
        if not _follows(hidden, (int(row), int(column)), known):
            continue
        free = (counts > 0) & ~hidden
        near = np.zeros_like(free)
        near[row, :] = near[:, column] = True
        for allowed in (near, np.ones_like(free)):
            places = np.argwhere(free & allowed)
            if len(places):
                best = min(places.tolist(), key=lambda p: (counts[p[0], p[1]], p))
                return int(best[0]), int(best[1])
    return None


def _follows(hidden: Flags, place: tuple[int, int], known: Sequence[Coefficients]) -> bool:
    """Tell whether a hidden cell is determined by the cells that are shown, and what adds up."""
    wanted = np.zeros(hidden.shape)
    wanted[place] = 1
    matrix = np.array([line[hidden] for line in known])
    rank = np.linalg.matrix_rank(matrix)
    return bool(rank == np.linalg.matrix_rank(np.vstack([matrix, wanted[hidden]])))


def _lines(counts: NDArray[np.int64], better: Better) -> list[Coefficients]:
    """Return the coefficients of all that adds up: rows, columns, and those who got better."""
    size = len(counts)
    lines = []
    for i in range(size):
        for line, total in ((np.s_[i, :], (i, -1)), (np.s_[:, i], (-1, i))):
            one = np.zeros((size, size))
            one[line] = 1
            one[total] = -1
            lines.append(one)
    inner = np.ones((size - 1, size - 1))
    cells = np.zeros((size, size))
    cells[:-1, :-1] = np.tril(inner, -1) if better == "lower" else np.triu(inner, 1)
    return lines if is_small(float((cells * counts).sum())) else [*lines, cells]
