"""Many outcomes on one design: permutations, simulated trials, alternative scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import Array, Design, as_float, column_names, read
from mnstudy.stats.mixed.mixed_results import COLUMNS, inference
from mnstudy.stats.mixed.solve import Df, Variance, check_df, check_variance, solve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BatchFit:
    """Fits of many outcomes on one design: arrays (m, p), variances (m,), row per outcome.

    An outcome that cannot be fitted is nan throughout and has its reason in ``problems``.
    """

    names: tuple[str, ...]
    estimate: Array
    std_error: Array
    df: Array
    t: Array
    p_value: Array
    ci_low: Array
    ci_high: Array
    covariance: Array
    variance_between: Array
    variance_within: Array
    log_likelihood: Array
    boundary: np.ndarray
    n_obs: np.ndarray
    n_groups: np.ndarray
    n_missing: np.ndarray
    problems: tuple[str, ...]
    confidence_level: float

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome and column name, nothing rounded."""
        m = len(self.estimate)
        index = pd.MultiIndex.from_product([range(m), self.names], names=["outcome", "name"])
        columns = {column: getattr(self, column).ravel() for column in COLUMNS}
        return pd.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        failed = sum(map(bool, self.problems))
        return (
            f"BatchFit: {len(self.estimate)} outcomes, columns {', '.join(self.names)}; "
            f"{int(self.boundary.sum())} at the boundary, {failed} not fitted"
        )


def random_intercept_batch(
    Y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> BatchFit:
    """Fit every column of Y on one design and grouping in one vectorised call.

    Parameters are those of `random_intercept`, with ``Y`` of shape (n, m).

    Returns
    -------
    BatchFit
        Column j holds what ``random_intercept(Y[:, j], X, groups)`` gives. Where that would
        raise because of the outcome, the row is nan and ``problems[j]`` says why.

    Notes
    -----
    Missing values may differ between outcomes: outcomes missing in the same rows are fitted
    together, so many different patterns cost as much as single fits.
    """
    check_df(df)
    check_variance(variance)
    table, x = as_float(Y, "Y"), as_float(X, "X")
    if table.ndim != 2 or x.ndim != 2:
        raise ValueError("Y and X must be tables; use random_intercept for a single outcome")
    chosen = column_names(X, x.shape[1], names)
    values, problems = _empty(table.shape[1], x.shape[1]), [""] * table.shape[1]
    for columns, complete in _missing_patterns(table):
        try:
            design = read(table[:, columns], x, groups, chosen)
            found, reasons = _fit(design, confidence_level, df, variance)
        except ValueError as error:
            if complete:
                raise
            found, reasons = {}, (str(error),) * len(columns)
        for column, reason in zip(columns, reasons, strict=True):
            problems[column] = reason
        fitted = columns[[not reason for reason in reasons]]
        for key, array in found.items():
            values[key][fitted] = array
    return BatchFit(
        names=chosen, problems=tuple(problems), confidence_level=confidence_level, **values
    )


def _empty(m: int, p: int) -> dict[str, Any]:
    """Results before any fit: nan, no rows, no boundary."""
    per_column = {column: np.full((m, p), np.nan) for column in COLUMNS}
    scalars = ("variance_between", "variance_within", "log_likelihood")
    counts = ("n_obs", "n_groups", "n_missing")
    return {
        **per_column,
        **{key: np.full(m, np.nan) for key in scalars},
        **{key: np.zeros(m, dtype=int) for key in counts},
        "covariance": np.full((m, p, p), np.nan),
        "boundary": np.zeros(m, dtype=bool),
    }


def _missing_patterns(table: Array) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield outcomes that are missing in the same rows, and whether they are complete."""
    missing = np.isnan(table)
    if not missing.any():
        yield np.arange(table.shape[1]), True
        return
    _, pattern = np.unique(np.packbits(missing, axis=0), axis=1, return_inverse=True)
    for code in range(pattern.max() + 1):
        columns = np.flatnonzero(pattern == code)
        yield columns, not missing[:, columns[0]].any()


def _fit(
    design: Design, confidence_level: float, df: Df, variance: Variance
) -> tuple[dict[str, Any], tuple[str, ...]]:
    solved = solve(design, df, variance)
    found = inference(solved.precision, solved.beta, np.eye(design.x.shape[1]), confidence_level)
    return {
        **found,
        "covariance": solved.precision.covariance,
        "variance_between": solved.variance_between,
        "variance_within": solved.variance_within,
        "log_likelihood": solved.log_likelihood,
        "boundary": solved.boundary,
        "n_obs": len(design.x),
        "n_groups": len(design.sizes),
        "n_missing": design.n_missing,
    }, solved.problems
