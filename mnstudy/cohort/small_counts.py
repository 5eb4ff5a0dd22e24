"""Counts small enough to point at a person, and those that would give them away."""

from __future__ import annotations

from typing import Any

import pandas as pd
from numpy.typing import NDArray

THRESHOLD = 5  # the limit of mnstudy.reporting.disclosure, which stands above this room
FEW, NOT_SHOWN = f"<{THRESHOLD}", "not shown"


def is_small(n: float) -> bool:
    """Tell whether a count is small enough to point at a person."""
    return 0 < n < THRESHOLD


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
    In a row or a column where one cell is withheld, or where those withheld are fewer than five
    people together, the next smallest cell is withheld too, until nothing follows by
    subtraction. Zeros are shown.

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
    changed = True
    while changed:
        changed = False
        for numbers, gone in lines:
            place = _next(numbers, gone)
            if place is not None:
                gone[place] = changed = True  # a view: the table changes with it
    return shown.mask(hidden & shown.eq("").to_numpy(), NOT_SHOWN)


def _next(cells: NDArray[Any], hidden: NDArray[Any]) -> int | None:
    """Return which cell of a line must be withheld too; None where nothing can be worked out."""
    if not hidden.any() or (hidden.sum() > 1 and cells[hidden].sum() >= THRESHOLD):
        return None
    rest = [i for i in range(len(cells)) if not hidden[i] and cells[i] > 0]
    return min(rest, key=lambda i: (cells[i], -i)) if rest else None
