"""What a fit gives back: frozen results with the estimate and its interval first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed_design import Array, Design
from mnstudy.stats.mixed_df import (
    DfMethod,
    Precision,
    contrast_df,
    f_p_value,
    f_test,
    standard_errors,
    t_p_value,
    t_quantile,
)

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MixedFit:
    """A linear model with a random intercept per group, fitted by REML.

    ``boundary`` marks a between-group variance estimated as exactly zero; df are then those of
    ordinary least squares. When every group has one row the two variances cannot be told apart:
    ``variance_between`` is nan, ``variance_within`` holds their sum and ``df_method`` is
    "residual". The fit refers to the arrays it was given and does not copy them.
    """

    coefficients: pd.DataFrame
    covariance: Array
    variance_between: float
    variance_within: float
    log_likelihood: float
    boundary: bool
    n_obs: int
    n_groups: int
    n_missing: int
    confidence_level: float
    df_method: DfMethod
    _precision: Precision
    _beta: Array
    _theta: float
    _design: Design

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._design.names

    @property
    def icc(self) -> float:
        """Share of the variance that lies between groups."""
        return self.variance_between / (self.variance_between + self.variance_within)

    def contrast(
        self,
        weights: Any,
        *,
        name: str = "contrast",
        confidence_level: float | None = None,
    ) -> Contrast:
        """Estimate a weighted sum of coefficients.

        Parameters
        ----------
        weights : array of shape (p,) or mapping of column name to weight
        name : what the contrast is called in the result
        confidence_level : float, optional
            The fit's own when not given.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        rows = self._rows(weights)
        if len(rows) != 1:
            raise ValueError("contrast() takes one row of weights; use contrasts() for several")
        values = inference(self._precision, self._beta, rows, level)
        single = {column: float(array[0, 0]) for column, array in values.items()}
        return Contrast(**single, confidence_level=level, name=name)

    def contrasts(
        self,
        weights: Any,
        *,
        names: Sequence[str] | None = None,
        confidence_level: float | None = None,
    ) -> pd.DataFrame:
        """Estimate several weighted sums; one row each, with the columns of ``coefficients``."""
        level = self.confidence_level if confidence_level is None else confidence_level
        values = inference(self._precision, self._beta, self._rows(weights), level)
        frame = pd.DataFrame({column: array[0] for column, array in values.items()})
        if names is not None:
            frame.index = pd.Index(list(names), name="name")
        return frame

    def test(self, weights: Any) -> FTest:
        """Test that every weighted sum is zero, with a Satterthwaite or Kenward-Roger F.

        Parameters
        ----------
        weights : array of shape (q, p), or list of column names
            Rows that depend on the others are recognised and do not count.
        """
        f, q, df = f_test(self._precision, self._beta[0], self._rows(weights))
        return FTest(f=f, df_num=q, df_den=df, p_value=f_p_value(f, q, df))

    @property
    def group_effects(self) -> pd.Series:
        """Predicted deviation of each group from the population line (BLUP), by group label."""
        design = self._design
        rest = np.bincount(design.codes, weights=self._marginal())
        shrink = self._theta / (1.0 + design.sizes * self._theta)
        return pd.Series(shrink * rest, index=pd.Index(design.labels), name="group_effect")

    @property
    def fitted(self) -> Array:
        """Prediction for each row given, group effect included; nan where a row was left out."""
        effects = self.group_effects.to_numpy()
        return self._full(self._design.x @ self._beta[0] + effects[self._design.codes])

    @property
    def residuals(self) -> Array:
        """Outcome minus ``fitted`` for each row given; nan where a row was left out."""
        effects = self.group_effects.to_numpy()
        return self._full(self._marginal() - effects[self._design.codes])

    def _marginal(self) -> Array:
        return self._design.y[:, 0] - self._design.x @ self._beta[0]

    def _full(self, values: Array) -> Array:
        if self._design.kept is None:
            return values
        full = np.full(len(self._design.kept), np.nan)
        full[self._design.kept] = values
        return full

    def _rows(self, weights: Any) -> Array:
        """Weights as rows over the columns, from numbers, names or a mapping of names."""
        names = list(self.names)
        if isinstance(weights, str):
            weights = [weights]
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in names]
            rows = np.array([[float(weights.get(name, 0.0)) for name in names]])
        elif len(weights) and all(isinstance(item, str) for item in weights):
            unknown = [name for name in weights if name not in names]
            rows = np.array([[float(name == item) for name in names] for item in weights])
        else:
            unknown, rows = [], np.atleast_2d(np.asarray(weights, dtype=float))
        if unknown:
            raise ValueError(f"no column named {', '.join(unknown)}; there are {', '.join(names)}")
        if rows.shape[1] != len(names):
            raise ValueError(f"{rows.shape[1]} weights for {len(names)} columns; give one each")
        if not np.isfinite(rows).all() or not rows.any(axis=1).all():
            raise ValueError("weights must be finite and not all zero in any row")
        return rows

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients, nothing rounded."""
        return self.coefficients.copy()

    def __repr__(self) -> str:
        return f"{_rounded(self.coefficients).to_string()}\n" + "\n".join(self._footer())

    def _repr_html_(self) -> str:
        footer = "<br>".join(self._footer())
        return f"{_rounded(self.coefficients).to_html()}<p>{footer}</p>"

    def _footer(self) -> list[str]:
        between = "between groups not separable"
        if not np.isnan(self.variance_between):
            between = f"between groups {self.variance_between:.4g}"
        note = " (boundary: no variance between groups)" if self.boundary else ""
        return [
            f"{100 * self.confidence_level:g}% intervals, {self.df_method} df, REML",
            f"variance {between}, within {self.variance_within:.4g}{note}",
            f"n = {self.n_obs} rows in {self.n_groups} groups; {self.n_missing} left out (missing)",
        ]


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    first = ["estimate", "ci_low", "ci_high", "std_error", "df", "t", "p_value"]
    return frame[first].map(lambda value: f"{value:.4g}")
