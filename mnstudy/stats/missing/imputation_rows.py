"""Rows for imputation: checked, in an order that does not depend on the order given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnstudy.stats.mixed.design import (
    Array,
    Codes,
    Design,
    Mask,
    as_float,
    column_names,
    factorize,
    read,
)
from mnstudy.stats.mixed.solve import solve

# Groups needed beyond the number of columns: the variance between groups then has a finite mean.
SPARE_GROUPS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """All rows in an order that does not depend on the one given; row i was ``order[i]``."""

    y: Array
    x: Array
    codes: Codes  # ascending
    n_groups: int
    missing: Mask
    order: Codes
    names: tuple[str, ...]


def read_rows(y: Any, x: Any, groups: Any, names: Sequence[str] | None) -> Rows:
    """Check all rows and sort them by group label, columns, and outcome."""
    outcome, columns = as_float(y, "y"), as_float(x, "X")
    if outcome.ndim != 1 or columns.ndim != 2:
        raise ValueError("y must be one-dimensional and X a table, rows by columns")
    chosen = column_names(x, columns.shape[1], names)
    codes, labels = factorize(groups)
    lengths = {len(outcome), len(columns), len(codes)}
    if len(lengths) > 1:
        raise ValueError(f"inputs have different lengths {sorted(lengths)}; give one entry per row")
    _refuse_gaps(outcome, columns, codes, chosen)
    # By label, so that what the random numbers fall on does not depend on the order of rows.
    keys = [(str(label), type(label).__name__) for label in labels]
    rank = np.empty(len(keys), dtype=np.intp)
    rank[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    codes, missing = rank[codes], np.isnan(outcome)
    order = np.lexsort([np.where(missing, 0.0, outcome), missing, *columns.T[::-1], codes])
    return Rows(
        y=outcome[order],
        x=columns[order],
        codes=codes[order],
        n_groups=len(keys),
        missing=missing[order],
        order=order,
        names=chosen,
    )


def _refuse_gaps(y: Array, x: Array, codes: Codes, names: tuple[str, ...]) -> None:
    if np.isinf(y).any() or np.isinf(x).any():
        raise ValueError("y or X holds infinite values; replace them or mark them as missing (nan)")
    gaps = np.isnan(x).sum(axis=0)
    if gaps.any():
        named = ", ".join(f"{names[j]!r} ({gaps[j]})" for j in np.flatnonzero(gaps))
        raise ValueError(
            f"X must be complete; missing values in {named}: leave out the columns, or the rows "
            "and count them"
        )
    if (codes < 0).any():
        raise ValueError(f"groups holds {(codes < 0).sum()} missing labels; every row needs one")


def observed_design(rows: Rows) -> Design:
    """Rows with an outcome, once it is certain that a model can be drawn from them."""
    codes = rows.codes[~rows.missing]
    found, needed = len(np.unique(codes)), rows.x.shape[1] + SPARE_GROUPS
    if found < needed:
        raise ValueError(
            f"{found} groups have an observed outcome; {rows.x.shape[1]} columns need {needed} "
            "of them to draw from: use fewer columns, or report the complete rows alone"
        )
    if len(codes) == found and len(rows.codes) > rows.n_groups:
        raise ValueError(
            "no group has two observed outcomes, so how alike rows of one group are is unknown; "
            "keep one row per group"
        )
    try:
        design = read(rows.y[~rows.missing], rows.x[~rows.missing], codes, rows.names)
        problem = solve(design, "satterthwaite", "bounded").problems[0]
    except ValueError as error:
        problem = str(error)
    if problem:
        raise ValueError(f"in the {len(codes)} rows with an observed outcome: {problem}")
    return design
