"""Mean squares of subjects by raters, one rating in each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mnstudy.stats.mixed.design import Array, as_float

Form = Literal["2,1", "3,1"]
FORMS: tuple[str, ...] = get_args(Form)
MEANING = {
    "2,1": "two-way, raters random, absolute agreement, one rating",
    "3,1": "two-way, raters fixed, consistency, one rating",
}
# What centring leaves of equal ratings is rounding, and would pass for disagreement.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Two-way analysis of variance without replication: n subjects, k raters."""

    subjects: float
    raters: float
    error: float
    n: int
    k: int
    n_missing: int


def mean_squares(ratings: Any) -> MeanSquares:
    """Mean squares of complete subjects; the incomplete are counted.

    Examples
    --------
    >>> mean_squares([[1, 2], [3, 4], [5, 9]])
    MeanSquares(subjects=15.5, raters=6.0, error=1.5, n=3, k=2, n_missing=0)
    """
    table = as_float(ratings, "ratings")
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(
            "ratings must be a table of subjects by at least two raters, "
            f"not of shape {table.shape}"
        )
    if np.isinf(table).any():
        raise ValueError("ratings hold infinite values; mark missing ratings as nan")
    complete = table[~np.isnan(table).any(axis=1)]
    n, k = complete.shape
    if n < 2:
        raise ValueError(f"{n} of {len(table)} subjects are rated by all; at least two are needed")
    if np.ptp(complete) == 0:
        raise ValueError("all ratings are equal: reliability has no meaning without differences")
    by_subject, by_rater = complete.mean(axis=1), complete.mean(axis=0)
    rest = complete - by_subject[:, None] - by_rater + complete.mean()
    size = float(np.abs(complete).max())
    rest[np.abs(rest) < ROUNDING * size] = 0.0
    return MeanSquares(
        subjects=k * _variance(by_subject, size),
        raters=n * _variance(by_rater, size),
        error=float((rest**2).sum() / ((n - 1) * (k - 1))),
        n=n,
        k=k,
        n_missing=len(table) - n,
    )


def _variance(means: Array, size: float) -> float:
    return 0.0 if np.ptp(means) < ROUNDING * size else float(means.var(ddof=1))
