"""Reading outcomes, columns and groups: shapes checked, missing rows left out and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnstudy.stats.result import check_aligned

Array = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelRows:
    """Rows that enter a fit; ``kept`` is None when no row was left out."""

    y: Array  # (n, m): one column per outcome
    x: Array  # (n, p)
    codes: Codes  # (n,): which group a row belongs to
    sizes: Array  # (n_groups,): rows per group, as floats because they enter formulas
    labels: Any  # (n_groups,): the group labels as given
    names: tuple[str, ...]
    kept: Mask | None
    n_missing: int


def as_float(values: Any, what: str) -> Array:
    """Turn lists, arrays and frames into a float array; a missing value becomes nan."""
    dtypes = values.dtypes if isinstance(values, pd.DataFrame) else [getattr(values, "dtype", None)]
    try:
        if any(getattr(dtype, "kind", "-") in "cmM" for dtype in dtypes):
            raise TypeError("dates or complex numbers")
        if isinstance(values, pd.DataFrame | pd.Series):
            return values.to_numpy(dtype=float, na_value=np.nan)
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} holds values that are not numbers ({error}); "
            "code text as 0/1 columns first, as mixed_model(formula, data, groups) does"
        ) from error


def column_names(x: Any, p: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names given, else the frame's own, else x0, x1, …; they must be distinct."""
    if names is None:
        names = [str(c) for c in x.columns] if isinstance(x, pd.DataFrame) else None
    chosen = tuple(f"x{j}" for j in range(p)) if names is None else tuple(map(str, names))
    if len(chosen) != p:
        raise ValueError(f"names has {len(chosen)} entries for {p} columns of X; give one each")
    repeated = sorted({name for name in chosen if chosen.count(name) > 1})
    if repeated:
        raise ValueError(f"column names must differ; repeated: {', '.join(repeated)}")
    return chosen


def factorize(groups: Any, *, sort: bool = False) -> tuple[Codes, Any]:
    """Give groups numbers from 0 in order of appearance, or sorted; a missing label gets -1."""
    if isinstance(groups, list | tuple):
        # np.asarray would turn labels that are tuples into a table, and mixed labels into text.
        array = np.empty(len(groups), dtype=object)
        array[:] = groups
        groups = array
    elif not hasattr(groups, "ndim"):
        groups = np.asarray(groups)
    if groups.ndim != 1:
        raise ValueError("groups must be one label per row; combine several columns into tuples")
    codes, labels = pd.factorize(groups, sort=sort)
    return codes, labels


def read(y: Any, x: Any, groups: Any, names: Sequence[str] | None) -> ModelRows:
    """Check shapes and leave out rows in which y, X or the group is missing.

    A 2-d ``y`` must not differ between its columns in which rows are missing.
    """
    x_array, y_array = as_float(x, "X"), as_float(y, "y")
    if x_array.ndim != 2:
        raise ValueError(
            f"X must be a table, rows by columns, not {x_array.ndim}-dimensional; "
            "for one column pass X.reshape(-1, 1)"
        )
    chosen = column_names(x, x_array.shape[1], names)
    y_array = y_array[:, None] if y_array.ndim == 1 else y_array
    if not len(y_array) == len(x_array) == len(groups):
        raise ValueError(
            f"y has {len(y_array)} rows, X has {len(x_array)} and groups has {len(groups)}; "
            "they must describe the same rows"
        )
    codes, labels = factorize(groups)
    return _keep_complete(y_array, x_array, codes, labels, chosen)


def read_one(y: Any, x: Any, groups: Any, names: Sequence[str] | None) -> ModelRows:
    """Read a single outcome with its columns and groups."""
    check_aligned(y=y, X=x, groups=groups)
    outcome = as_float(y, "y")
    if outcome.ndim != 1:
        raise ValueError(
            "y must be one-dimensional, one outcome per row of X; "
            "a table of outcomes is for random_intercept_batch"
        )
    return read(outcome, x, groups, names)


def _keep_complete(
    y: Array, x: Array, codes: Codes, labels: Any, names: tuple[str, ...]
) -> ModelRows:
    n = len(y)
    kept = complete_rows(y, x, codes)
    if kept is not None:
        y, x, codes = y[kept], x[kept], codes[kept]
        used, codes = np.unique(codes, return_inverse=True)
        labels = labels[used]
    n_obs, p = x.shape
    if p == 0:
        raise ValueError("X has no columns; an intercept is a column of ones and is not added")
    if n_obs == 0:
        raise ValueError(f"no complete row: {n} given, {n} with a missing value in y, X or groups")
    if n_obs <= p:
        raise ValueError(
            f"{n_obs} complete rows cannot determine {p} columns and a variance; "
            "use fewer columns or collect more rows"
        )
    sizes = np.bincount(codes, minlength=len(labels)).astype(float)
    return ModelRows(
        y=y,
        x=x,
        codes=codes,
        sizes=sizes,
        labels=labels,
        names=names,
        kept=kept,
        n_missing=n - n_obs,
    )


def complete_rows(y: Array, x: Array, codes: Codes) -> Mask | None:
    """Mark rows without a missing value; None when all are complete."""
    # A sum is nan or infinite if any term is, and is far cheaper than testing every cell.
    with np.errstate(invalid="ignore", over="ignore"):
        clean = np.isfinite(x.sum()) and np.isfinite(y.sum())
    if clean and (codes.size == 0 or codes.min() >= 0):
        return None
    if np.isinf(x).any() or np.isinf(y).any():
        raise ValueError("y or X holds infinite values; replace them or mark them as missing (nan)")
    kept = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1) | (codes < 0))
    return None if kept.all() else kept


def independent_columns(kept: pd.DataFrame | np.ndarray, new: pd.DataFrame) -> list[str]:
    """Name the columns of ``new`` that are no combination of those before them."""
    basis, _ = np.linalg.qr(np.asarray(kept, dtype="float64"))
    names = []
    for name, column in zip(new.columns, new.to_numpy().T, strict=True):
        rest = column - basis @ (basis.T @ column)
        size = float(np.linalg.norm(rest))
        if size > 1e-8 * float(np.linalg.norm(column)):
            basis = np.column_stack([basis, rest / size])
            names.append(name)
    return names
