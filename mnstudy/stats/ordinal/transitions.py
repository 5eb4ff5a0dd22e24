"""Grades before and after: who moved where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from mnstudy.stats.ordinal.model import ordered
from mnstudy.stats.result import SmallResult, check_aligned, check_option

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GradeTransitions(SmallResult):
    """Counts of pairs of grades.

    ``counts`` has a row per level before and a column per level after, with margins "total".
    ``n_better``, ``n_same`` and ``n_worse`` add up to ``n_pairs``; ``n_missing`` pairs lack a
    grade before, after or both and are in none of them.
    """

    counts: pd.DataFrame
    n_better: int
    n_same: int
    n_worse: int
    n_pairs: int
    n_missing: int
    better: Better

    def to_frame(self) -> pd.DataFrame:
        """Return the table of counts with its margins."""
        return self.counts.copy()

    def _lines(self) -> list[str]:
        return [
            f"{self.n_better} better, {self.n_same} same, {self.n_worse} worse of {self.n_pairs} "
            f"({self.n_missing} missing; {self.better} grades are better)",
            *self.counts.rename_axis(index=None, columns="before, after").to_string().splitlines(),
        ]


def grade_transitions(
    before: Any, after: Any, levels: Sequence[Any] | None = None, *, better: Better = "lower"
) -> GradeTransitions:
    """Count grades before against grades after.

    Parameters
    ----------
    before, after : array of shape (n,)
        Grades of the same patients or sites, position by position; nan or None when missing.
    levels : sequence, optional
        All levels from lowest to highest, also those that do not occur; needed for grades in
        words. Else the categories of ordered categoricals, or the numbers found in either.
    better : {"lower", "higher"}
        Which grades are better; lower for a scale of severity.

    Returns
    -------
    GradeTransitions

    Raises
    ------
    ValueError
        Different lengths, or a grade that is not among the levels.

    Examples
    --------
    >>> grade_transitions([4, 4, 3, 2, 3], [2, 3, 3, 3, None])
    2 better, 1 same, 1 worse of 4 (1 missing; lower grades are better)
      before, after  2  3  4  total
      2              0  1  0      1
      3              0  1  0      1
      4              1  1  0      2
      total          1  3  0      4
    """
    check_option("better", better, ("lower", "higher"))
    check_aligned(before=before, after=after)
    order = _levels(before, after) if levels is None else tuple(levels)
    first, _ = ordered(before, "before", order)
    second, _ = ordered(after, "after", order)
    if len(first) != len(second):
        raise ValueError(
            f"before has {len(first)} grades and after {len(second)}; they are read in pairs"
        )
    whole = (first >= 0) & (second >= 0)
    table = np.zeros((len(order), len(order)), dtype=np.int64)
    np.add.at(table, (first[whole], second[whole]), 1)
    lower, higher = int(np.tril(table, -1).sum()), int(np.triu(table, 1).sum())
    return GradeTransitions(
        counts=_with_margins(table, order),
        n_better=lower if better == "lower" else higher,
        n_same=int(np.trace(table)),
        n_worse=higher if better == "lower" else lower,
        n_pairs=int(whole.sum()),
        n_missing=int((~whole).sum()),
        better=better,
    )


def _levels(before: Any, after: Any) -> tuple[Any, ...]:
    """Levels of both; two ordered categoricals must agree on them."""
    first, second = ordered(before, "before")[1], ordered(after, "after")[1]
    if first == second:
        return tuple(first)
    if any(isinstance(getattr(x, "dtype", None), pd.CategoricalDtype) for x in (before, after)):
        raise ValueError("before and after have different categories; pass levels")
    return tuple(sorted({*first, *second}))


def _with_margins(table: np.ndarray[Any, Any], order: tuple[Any, ...]) -> pd.DataFrame:
    full = np.zeros(np.add(table.shape, 1), dtype=np.int64)
    full[:-1, :-1] = table
    full[-1, :-1], full[:-1, -1], full[-1, -1] = table.sum(0), table.sum(1), table.sum()
    names = [*order, "total"]
    return pd.DataFrame(
        full, index=pd.Index(names, name="before"), columns=pd.Index(names, name="after")
    )
