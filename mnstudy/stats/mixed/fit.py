"""The fitted model: coefficients with intervals, contrasts, tests and predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.degrees_of_freedom import (
    DfMethod,
    Precision,
    contrast_df,
    f_p_value,
    f_test,
    standard_errors,
    t_p_value,
    t_quantile,
)
from mnstudy.stats.mixed.design import Array, Codes, ModelRows
from mnstudy.stats.result import check_level

COLUMNS = ("estimate", "std_error", "df", "t", "p_value", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LinearFit(ABC):
    """Coefficients with t-intervals, one row each, and what can be asked of them."""

    coefficients: pd.DataFrame
    covariance: Array
    n_obs: int
    n_groups: int
    n_missing: int
    confidence_level: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.coefficients.index)

    def contrast(
        self, weights: Any, *, name: str = "contrast", confidence_level: float | None = None
    ) -> Contrast:
        """Estimate a weighted sum of coefficients.

        Parameters
        ----------
        weights : array of shape (p,), mapping of column name to weight, or column name
        name : what the contrast is called in the result
        confidence_level : float, optional
            The fit's own when not given.

        Raises
        ------
        ValueError
            Weights for other columns, or a sum whose standard error cannot be estimated.
        """
        rows = weight_rows(weights, self.names)
        if len(rows) != 1:
            raise ValueError("contrast() takes one row of weights; use contrasts() for several")
        if why := self._why_not(rows, name):
            raise ValueError(why)
        level = self.confidence_level if confidence_level is None else confidence_level
        single = {column: float(values[0]) for column, values in self._infer(rows, level).items()}
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
        frame = pd.DataFrame(self._infer(weight_rows(weights, self.names), level))
        if names is not None:
            frame.index = pd.Index(list(names), name="name")
        return frame

    def _why_not(self, rows: Array, name: str) -> str:
        """Return why a contrast has no standard error, nothing where it has one."""
        return ""

    @abstractmethod
    def _infer(self, rows: Array, confidence_level: float) -> dict[str, Array]:
        """Estimate, error, df, t, p and interval of every row of weights: arrays (q,)."""

    @abstractmethod
    def _footer(self) -> list[str]:
        """Return the lines printed beneath the coefficients."""

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients, nothing rounded."""
        return self.coefficients.copy()

    def _rounded(self) -> pd.DataFrame:
        first = ["estimate", "ci_low", "ci_high", "std_error", "df", "t", "p_value"]
        return self.coefficients[first].map(lambda value: f"{value:.4g}")

    def __repr__(self) -> str:
        return "\n".join([self._rounded().to_string(), *self._footer()])

    def _repr_html_(self) -> str:
        return f"{self._rounded().to_html()}<p>{'<br>'.join(self._footer())}</p>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RemlFit(LinearFit):
    """A linear model fitted by REML, with the small-sample df of its variances."""

    log_likelihood: float
    df_method: DfMethod
    _precision: Precision
    _beta: Array
    _design: ModelRows

    @property
    def rows(self) -> pd.DataFrame:
        """The rows that entered, each under the label of its group, with what is left over.

        Their columns, then ``fitted``, ``residual`` and ``standardised``. A model of groups knows
        the predicted effect of each: ``fitted`` holds it, and the residual stands over the standard
        deviation within groups. A model of visits predicts nobody: the residual stands over the
        standard deviation at its visit (Pinheiro & Bates 2000, doi 10.1007/b98882, section 4.3).
        """
        design, (codes, labels), (rest, spread) = self._design, self._groups(), self._left_over()
        left = {"residual": rest, "standardised": rest / spread}
        rows = pd.DataFrame(design.x, labels[codes], self.names)
        return rows.assign(fitted=design.y[:, 0] - rest, **left)

    @property
    def influence(self) -> pd.DataFrame:
        """How much each group moves each coefficient: the fit less that without the group.

        With the variances as they were estimated from all, by (X'V^-1 X - X_g'V_g^-1 X_g)^-1
        X_g'V_g^-1 r_g (Cook & Weisberg 1982, Residuals and Influence in Regression, section 3.6.1).
        One row a group, by its label; nan for a group that determines a column alone.
        """
        x, (codes, labels), rest = self._design.x, self._groups(), self._marginal()
        groups = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        pulls = [np.linalg.solve(self._covariance_of(own), x[own]) for own in groups]
        inner = [x[own].T @ pull for own, pull in zip(groups, pulls, strict=True)]
        every, moved = sum(inner), np.full((len(groups), x.shape[1]), np.nan)
        for i, (own, pull) in enumerate(zip(groups, pulls, strict=True)):
            others = every - inner[i]
            if np.linalg.matrix_rank(others, hermitian=True) == len(others):
                moved[i] = np.linalg.solve(others, pull.T @ rest[own])
        return pd.DataFrame(moved, labels, self.names)

    def _groups(self) -> tuple[Codes, pd.Index]:
        """Return the number of the group of each row, and the labels of the groups."""
        return self._design.codes, pd.Index(self._design.labels)

    @abstractmethod
    def _left_over(self) -> tuple[Array, Array]:
        """Return the residual of each row, and the standard deviation it is compared with."""

    @abstractmethod
    def _covariance_of(self, rows: Codes) -> Array:
        """Return the covariance of the outcomes of these rows of one group."""

    def _marginal(self) -> Array:
        return self._design.y[:, 0] - self._design.x @ self._beta[0]

    def _infer(self, rows: Array, confidence_level: float) -> dict[str, Array]:
        found = inference(self._precision, self._beta, rows, confidence_level)
        return {column: array[0] for column, array in found.items()}

    def test(self, weights: Any) -> FTest:
        """Test that every weighted sum is zero, with a Satterthwaite or Kenward-Roger F.

        Parameters
        ----------
        weights : array of shape (q, p), or list of column names
            Rows that depend on the others are recognised and do not count.
        """
        f, q, df = f_test(self._precision, self._beta[0], weight_rows(weights, self.names))
        return FTest(f=f, df_num=q, df_den=df, p_value=f_p_value(f, q, df))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MixedFit(RemlFit):
    """A linear model with a random intercept per group, fitted by REML.

    ``boundary`` marks a between-group variance held at zero; df are then those of ordinary least
    squares, or of each stratum with ``variance="strata"``. An unbounded fit is never marked; its
    ``variance_between`` may be negative, which says that rows of one group are less alike than rows
    of different groups. When every group has one row the two variances cannot be told apart:
    ``variance_between`` is nan, ``variance_within`` holds their sum and ``df_method`` is
    "residual". ``variance_subgroups`` and ``n_subgroups``
    belong to nested intercepts (sites of a patient) and are None without them. The fit refers to
    the arrays it was given, uncopied.
    """

    variance_between: float
    variance_within: float
    boundary: bool
    variance_subgroups: float | None = None
    n_subgroups: int | None = None
    _intercepts: Intercepts

    @property
    def icc(self) -> float:
        """Share of the variance that lies between groups; correlation of two rows of one group."""
        rest = self.variance_within + (self.variance_subgroups or 0.0)
        return self.variance_between / (self.variance_between + rest)

    @property
    def group_effects(self) -> pd.Series:
        """Predicted deviation of each group from the population line (BLUP), by group label.

        It is what one more row of the group is expected to deviate by; with a negative variance
        that is opposite in sign to the rows seen.
        """
        effects = self._intercepts.effects(self._marginal())[0]
        return pd.Series(effects, index=pd.Index(self._intercepts.labels), name="group_effect")

    @property
    def fitted(self) -> Array:
        """Prediction for each row given, effects included; nan where a row was left out."""
        return self._full(self._design.y[:, 0] - self._rest())

    @property
    def residuals(self) -> Array:
        """Outcome minus ``fitted`` for each row given; nan where a row was left out."""
        return self._full(self._rest())

    def _groups(self) -> tuple[Codes, pd.Index]:
        own = self._intercepts
        codes = own.codes if own.parent is None else own.parent[own.codes]
        return codes, pd.Index(own.labels)

    def _left_over(self) -> tuple[Array, Array]:
        rest = self._rest()
        return rest, np.full(len(rest), np.sqrt(self.variance_within))

    def _covariance_of(self, rows: Codes) -> Array:
        between = 0.0 if np.isnan(self.variance_between) else self.variance_between
        own = self._intercepts.codes[rows]
        alike = (self.variance_subgroups or 0.0) * (own[:, None] == own)
        return self.variance_within * np.eye(len(rows)) + between + alike

    def _rest(self) -> Array:
        marginal = self._marginal()
        return marginal - self._intercepts.effects(marginal)[1]

    def _full(self, values: Array) -> Array:
        if self._design.kept is None:
            return values
        full = np.full(len(self._design.kept), np.nan)
        full[self._design.kept] = values
        return full

    def _footer(self) -> list[str]:
        between = "between groups not separable"
        if not np.isnan(self.variance_between):
            between = f"between groups {self.variance_between:.4g}"
        note = " (boundary: a variance is estimated as zero)" if self.boundary else ""
        if self.variance_between < 0:
            note = " (negative: rows of one group are less alike than rows of different groups)"
        if self.variance_subgroups is not None:
            between += f", between their subgroups {self.variance_subgroups:.4g}"
        return [
            f"{100 * self.confidence_level:g}% intervals, {self.df_method} df, REML",
            f"variance {between}, within {self.variance_within:.4g}{note}",
            f"n = {self.n_obs} rows in {self.n_groups} groups; {self.n_missing} left out (missing)",
        ]


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
    check_level(confidence_level)
    error, df = standard_errors(precision, rows), contrast_df(precision, rows)
    return t_inference(beta @ rows.T, error, df, confidence_level)


def t_inference(
    estimate: Array, error: Array, df: Array, confidence_level: float
) -> dict[str, Array]:
    """Estimate, error, df, t, p and interval by `COLUMNS`."""
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intercepts:
    """What predicted group effects need besides the rows.

    ``codes`` says to which unit a row belongs: a group, or a subgroup of the group ``parent``.
    """

    codes: Codes
    sizes: Array
    labels: Any
    theta: float
    parent: Codes | None = None
    theta_sub: float = 0.0

    def effects(self, marginal: Array) -> tuple[Array, Array]:
        """Predicted effects by group, and the sum of all effects by row."""
        total = np.bincount(self.codes, weights=marginal)
        if self.parent is None:
            group = self.theta / (1.0 + self.sizes * self.theta) * total
            return group, group[self.codes]
        shrink = 1.0 / (1.0 + self.sizes * self.theta_sub)
        weight = np.bincount(self.parent, weights=self.sizes * shrink)
        pulled = np.bincount(self.parent, weights=total * shrink)
        group = self.theta / (1.0 + self.theta * weight) * pulled
        of_group = group[self.parent]
        sub = self.theta_sub * shrink * (total - self.sizes * of_group)
        return group, (of_group + sub)[self.codes]


def single_fit(
    design: ModelRows,
    beta: Array,
    precision: Precision,
    intercepts: Intercepts,
    *,
    confidence_level: float,
    **values: Any,
) -> MixedFit:
    """Gather one outcome's solution into a fit; ``values`` are further fields of `MixedFit`."""
    found = inference(precision, beta, np.eye(len(design.names)), confidence_level)
    index = pd.Index(design.names, name="name")
    return MixedFit(
        coefficients=pd.DataFrame({key: a[0] for key, a in found.items()}, index=index),
        covariance=precision.covariance[0],
        n_obs=len(design.x),
        n_missing=design.n_missing,
        confidence_level=confidence_level,
        df_method=precision.method,
        _precision=precision,
        _beta=beta,
        _intercepts=intercepts,
        _design=design,
        **values,
    )
