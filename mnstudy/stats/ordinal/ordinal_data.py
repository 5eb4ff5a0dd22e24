"""Reading ordinal grades: their order, complete rows, and columns a model can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import Array, Codes, as_float, column_names, factorize

# A column whose part not explained by the others is below this share of itself is collinear.
COLLINEAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grades:
    """Complete rows; ``x`` is centred and divided by its range, which ``centre``, ``scale`` keep.

    ``codes`` is None without groups.
    """

    level: Codes  # (n,): 0 for the lowest level present
    levels: tuple[Any, ...]
    x: Array  # (n, p)
    centre: Array  # (p,)
    scale: Array  # (p,)
    names: tuple[str, ...]
    codes: Codes | None
    n_missing: int

    @property
    def n_groups(self) -> int | None:
        """Number of groups, None without groups."""
        return None if self.codes is None else int(self.codes.max()) + 1


def read_grades(y: Any, x: Any, groups: Any, names: Sequence[str] | None) -> Grades:
    """Check shapes, leave out and count incomplete rows, refuse what no model can use."""
    level, levels = ordered(y, "y")
    table = as_float(x, "X")
    if table.ndim != 2:
        raise ValueError(
            f"X must be a table, rows by columns, not {table.ndim}-dimensional; "
            "for one column pass X.reshape(-1, 1)"
        )
    chosen = column_names(x, table.shape[1], names)
    codes = None if groups is None else factorize(groups)[0]
    sizes = [len(level), len(table), *([] if codes is None else [len(codes)])]
    if len(set(sizes)) > 1:
        raise ValueError(f"y, X and groups have {sizes} rows; they must describe the same rows")
    if np.isinf(table).any():
        raise ValueError("X holds infinite values; replace them or mark them as missing (nan)")
    kept = (level >= 0) & ~np.isnan(table).any(axis=1)
    if codes is not None:
        kept &= codes >= 0
    level, levels = _present(level[kept], levels, len(kept))
    scaled, centre, scale = _scaled(table[kept], chosen)
    return Grades(
        level=level,
        levels=levels,
        x=scaled,
        centre=centre,
        scale=scale,
        names=chosen,
        codes=None if codes is None else np.unique(codes[kept], return_inverse=True)[1],
        n_missing=int((~kept).sum()),
    )


def ordered(values: Any, what: str, levels: Sequence[Any] | None = None) -> tuple[Codes, Any]:
    """Give grades numbers from the lowest, -1 when missing, and return the levels in order."""
    dtype = getattr(values, "dtype", None)
    if levels is None and isinstance(dtype, pd.CategoricalDtype):
        if not dtype.ordered:
            raise ValueError(f"{what} is categorical without an order; order it or pass numbers")
        categories = pd.Categorical(values)
        return categories.codes.astype(np.intp), tuple(categories.categories)
    series = pd.Series(values, dtype=None if dtype is not None else object)
    if levels is None:
        numbers = _numbers(series, what)
        levels = tuple(map(_plain, np.unique(numbers[~np.isnan(numbers)]).tolist()))
        series = pd.Series(numbers)
    order = pd.Index(list(levels))
    if not order.is_unique:
        raise ValueError(f"levels must differ from each other, not {list(levels)}")
    codes = order.get_indexer(pd.Index(series))
    unknown = (codes < 0) & series.notna().to_numpy()
    if unknown.any():
        raise ValueError(f"{what} holds {series[unknown].iloc[0]!r}, not one of {list(levels)}")
    return codes, tuple(levels)


def _plain(number: float) -> float | int:
    """2.0 is shown as 2."""
    return int(number) if number.is_integer() else number


def _numbers(series: pd.Series, what: str) -> Array:
    try:
        numbers = series.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} holds grades in words, whose order is not known; "
            "pass numbers or an ordered pandas.Categorical"
        ) from error
    if np.isinf(numbers).any():
        raise ValueError(f"{what} holds infinite values; mark missing grades as nan")
    return numbers


def _present(level: Codes, levels: tuple[Any, ...], n: int) -> tuple[Codes, tuple[Any, ...]]:
    used, level = np.unique(level, return_inverse=True)
    if len(used) == 0:
        raise ValueError(f"no complete row: {n} given, {n} with a missing value in y, X or groups")
    if len(used) == 1:
        raise ValueError(
            f"y is {levels[used[0]]!r} in all {len(level)} complete rows; "
            "an ordinal model needs at least two levels"
        )
    return level, tuple(levels[k] for k in used)


def _scaled(x: Array, names: tuple[str, ...]) -> tuple[Array, Array, Array]:
    if x.shape[1] == 0:
        raise ValueError("X has no columns; give at least one")
    centre, scale = x.mean(axis=0), np.ptp(x, axis=0)
    constant = [name for name, spread in zip(names, scale, strict=True) if spread == 0]
    if constant:
        raise ValueError(
            f"constant in all complete rows: {', '.join(constant)}; thresholds are the intercepts, "
            "leave constant columns out of X"
        )
    scaled = (x - centre) / scale
    left = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    left = np.append(left, np.zeros(x.shape[1] - len(left)))
    follows = left < COLLINEAR * np.linalg.norm(scaled, axis=0)
    if follows.any():
        found = ", ".join(name for name, bad in zip(names, follows, strict=True) if bad)
        raise ValueError(f"columns of X follow from those before them: {found}; leave them out")
    return scaled, centre, scale
