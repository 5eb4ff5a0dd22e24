"""Rows for resampling: complete, in an order that does not depend on the order given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mnstudy.stats.mixed.design import Array, Codes, Mask
from mnstudy.stats.mixed.rows import complete, indicator

Rng = int | np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Complete rows sorted by group; ``treated`` is None without arms."""

    y: Array  # (n,)
    treated: Mask | None  # (n,)
    codes: Codes  # (n,): ascending
    n_groups: int
    n_missing: int

    def sums(self) -> Array:
        """Sum and number of rows by group, of the treated and then the untreated."""
        parts = [np.ones(len(self.y), bool)]
        if self.treated is not None:
            parts = [self.treated, ~self.treated]
        columns = [
            np.bincount(self.codes, weights=weight * part, minlength=self.n_groups)
            for part in parts
            for weight in (self.y, np.ones(len(self.y)))
        ]
        return np.column_stack(columns)

    def in_both(self) -> Mask:
        """Mark groups that have treated and untreated rows."""
        sums = self.sums()
        return (sums[:, 1] > 0) & (sums[:, 3] > 0)


def clusters(y: Any, groups: Any, arm: Any = None) -> Clusters:
    """Leave out and count incomplete rows, and sort by group label, arm and outcome."""
    rows = complete(y, {} if arm is None else {"arm": arm}, groups)
    if np.isinf(rows.y).any():
        raise ValueError("y holds infinite values; replace them or mark them as missing (nan)")
    treated = None if arm is None else _arm(rows.columns[0])
    keys = [rows.y] if treated is None else [rows.y, treated]
    n_groups = len(rows.labels)
    # By label, so that what the random numbers fall on does not depend on the order of rows.
    names = [str(label) for label in rows.labels]
    codes = np.argsort(np.argsort(names, kind="stable"))[rows.codes]
    order = np.lexsort(keys if groups is None else [*keys, codes])
    return Clusters(
        y=rows.y[order],
        treated=None if treated is None else treated[order],
        codes=np.arange(n_groups) if groups is None else codes[order],
        n_groups=n_groups,
        n_missing=rows.n_missing,
    )


def _arm(values: Array) -> Mask:
    try:
        return indicator(values) == 1.0
    except ValueError as error:
        raise ValueError(str(error).replace("treated", "arm", 1)) from None


def generator(rng: Rng | None, why: str) -> np.random.Generator:
    """Return a generator; none given is an error, since nobody could repeat the result."""
    if rng is None:
        raise ValueError(f"rng is needed for {why}: give a seed such as rng=1, or a Generator")
    return np.random.default_rng(rng)


def check_resamples(n_resamples: int) -> int:
    """Return a whole number of resamples from 1 up."""
    if not isinstance(n_resamples, int | np.integer) or n_resamples < 1:
        raise ValueError(f"n_resamples must be a whole number from 1 up, not {n_resamples}")
    return int(n_resamples)


def difference(sums: Array) -> Array:
    """Mean of all rows, or of treated minus untreated rows, from sums and counts."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[..., 0::2] / sums[..., 1::2]
    return means[..., 0] if means.shape[-1] == 1 else means[..., 0] - means[..., 1]
