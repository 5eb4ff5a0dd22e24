"""What a fit gives back: frozen results with the estimate and its interval first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.degrees_of_freedom import (
    Precision,
    contrast_df,
    standard_errors,
    t_p_value,
    t_quantile,
)
from mnstudy.stats.mixed.design import Array

COLUMNS = ("estimate", "std_error", "df", "t", "p_value", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A weighted sum of coefficients with its t-interval."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    t: float
    p_value: float
    name: str

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.estimate:.4g} ({100 * self.confidence_level:g}% CI "
            f"{self.ci_low:.4g} to {self.ci_high:.4g}), t = {self.t:.3g}, df = {self.df:.4g}, "
            f"p = {self.p_value:.3g}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row, nothing rounded."""
        values = {column: getattr(self, column) for column in (*COLUMNS, "confidence_level")}
        return pd.DataFrame(values, index=pd.Index([self.name], name="name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FTest:
    """Several contrasts tested to be zero together."""

    f: float
    df_num: int
    df_den: float
    p_value: float

    def __str__(self) -> str:
        return f"F({self.df_num}, {self.df_den:.4g}) = {self.f:.4g}, p = {self.p_value:.3g}"

    def to_frame(self) -> pd.DataFrame:
        """One row, nothing rounded."""
        values = {"f": self.f, "df_num": self.df_num, "df_den": self.df_den}
        return pd.DataFrame({**values, "p_value": self.p_value}, index=[0])


def inference(
    precision: Precision, beta: Array, rows: Array, confidence_level: float
) -> dict[str, Array]:
    """Estimate, error, df, t, p and interval of every row, per outcome: arrays (m, q)."""
    if not 0.0 < confidence_level < 1.0:
        raise ValueError(
            f"confidence_level must lie between 0 and 1, such as 0.95, not {confidence_level}"
        )
    estimate = beta @ rows.T
    error = standard_errors(precision, rows)
    df = contrast_df(precision, rows)
    t = estimate / error
    half = t_quantile(df, confidence_level) * error
    values = (estimate, error, df, t, t_p_value(t, df), estimate - half, estimate + half)
    return dict(zip(COLUMNS, values, strict=True))


def weight_rows(weights: Any, names: Sequence[str]) -> Array:
    """Weights as rows over the columns, from numbers, names or a mapping of names."""
    asked: list[str] = []
    if isinstance(weights, str):
        weights = [weights]
    if isinstance(weights, Mapping):
        asked = list(weights)
        rows = np.array([[float(weights.get(name, 0.0)) for name in names]])
    elif len(weights) and all(isinstance(item, str) for item in weights):
        asked = list(weights)
        rows = np.array([[float(name == item) for name in names] for item in weights])
    else:
        rows = np.atleast_2d(np.asarray(weights, dtype=float))
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ValueError(f"no column named {', '.join(unknown)}; there are {', '.join(names)}")
    if rows.shape[1] != len(names):
        raise ValueError(f"{rows.shape[1]} weights for {len(names)} columns; give one each")
    if not np.isfinite(rows).all() or not rows.any(axis=1).all():
        raise ValueError("weights must be finite and not all zero in any row")
    return rows
