"""Rows complete in everything a comparison uses, ready for one fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import Array, Codes, as_float, column_names, factorize
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.solve import Df, Variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompleteRows:
    """Complete rows; covariates are centred, so means are adjusted to the average covariate."""

    y: Array
    columns: tuple[Array, ...]
    covariates: Array
    covariate_names: tuple[str, ...]
    codes: Codes
    labels: Any
    n_missing: int

    def fit(
        self, columns: dict[str, Array], confidence_level: float, df: Df, variance: Variance
    ) -> MixedFit:
        """Fit the columns given, by name, and the covariates after them."""
        return random_intercept(
            self.y,
            np.column_stack([*columns.values(), self.covariates]),
            pd.Categorical.from_codes(self.codes, pd.Index(self.labels)),
            [*columns, *self.covariate_names],
            confidence_level=confidence_level,
            df=df,
            variance=variance,
        )


def complete(y: Any, columns: dict[str, Any], groups: Any, covariates: Any = None) -> CompleteRows:
    """Leave out and count rows with a missing value; ``groups`` None makes each row its own."""
    y_all = as_float(y, "y")
    codes, labels = factorize(np.arange(len(y_all)) if groups is None else groups)
    extra, names = _covariates(covariates, len(y_all))
    used = [as_float(column, name) for name, column in columns.items()]
    lengths = {len(y_all), len(extra), len(codes), *map(len, used)}
    if len(lengths) > 1:
        raise ValueError(f"inputs have different lengths {sorted(lengths)}; give one entry per row")
    table = np.column_stack([y_all, *used, extra])
    kept = ~np.isnan(table).any(axis=1) & (codes >= 0)
    if not kept.any():
        raise ValueError(f"no complete row among the {len(y_all)} given")
    table = table[kept]
    extra = table[:, 1 + len(used) :]
    present, codes = np.unique(codes[kept], return_inverse=True)
    return CompleteRows(
        y=table[:, 0],
        columns=tuple(table[:, 1 : 1 + len(used)].T),
        covariates=extra - extra.mean(axis=0),
        covariate_names=names,
        codes=codes,
        labels=labels[present],
        n_missing=len(y_all) - len(table),
    )


def _covariates(covariates: Any, n: int) -> tuple[Array, tuple[str, ...]]:
    if covariates is None:
        return np.empty((n, 0)), ()
    extra = as_float(covariates, "covariates")
    extra = extra[:, None] if extra.ndim == 1 else extra
    if isinstance(covariates, pd.DataFrame):
        return extra, column_names(covariates, extra.shape[1], None)
    return extra, tuple(f"covariate {j + 1}" for j in range(extra.shape[1]))


def indicator(treated: Array) -> Array:
    """Check that a column is 1/0 (or true/false) and that both occur."""
    values = np.unique(treated)
    if not np.array_equal(values, [0.0, 1.0]):
        raise ValueError(
            "treated must be true/false or 1/0 and both must occur among complete rows; "
            f"found {', '.join(f'{value:g}' for value in values[:5])}"
        )
    return treated


def group_means(values: Array, codes: Codes) -> Array:
    """Mean of each group."""
    return np.bincount(codes, weights=values) / np.bincount(codes)


def varies_within(values: Array, codes: Codes) -> bool:
    """Whether any group holds two different values."""
    first = np.empty(codes.max() + 1)
    first[codes] = values
    return bool(np.any(first[codes] != values))
