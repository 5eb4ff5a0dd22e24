"""Random-effects meta-regression: how effects of studies go with what differs between them.

Same numbers as metafor's ``rma(yi, vi, mods=, method="REML", test=)``. In the private functions
``x`` holds the columns of the model, the intercept first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc

from mnstudy.stats.meta.between_studies import reml
from mnstudy.stats.meta.effect_sizes import Array, require, weighted_studies
from mnstudy.stats.meta.pooling import ADJUSTMENTS, quantile, two_sided_p
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import SmallResult, check_aligned, check_level, check_option, interval

INTERCEPT = "intercept"
# Weighted squares left of a line, as a share of all, that rounding alone can leave.
EXACT = 1e-24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaRegression(SmallResult):
    """Coefficients of a meta-regression, the intercept first.

    ``tau2`` is the variance between studies that the moderators leave, ``tau2_total`` that without
    them, ``r2`` the percent by which they lower it (nan where there is none to lower). ``q`` tests
    the residual scatter, ``f`` all moderators together; both nan where there is nothing to test.
    """

    names: tuple[str, ...]
    estimates: tuple[float, ...]
    std_errors: tuple[float, ...]
    ci_low: tuple[float, ...]
    ci_high: tuple[float, ...]
    p_values: tuple[float, ...]
    covariance: Array
    confidence_level: float
    df: float
    tau2: float
    tau2_total: float
    r2: float
    i2: float
    q: float
    q_p_value: float
    f: float
    f_p_value: float
    k: int
    knapp_hartung: bool | str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row per coefficient, nothing rounded; tau2, r2 and k are the same in all rows."""
        fields = ("estimates", "std_errors", "ci_low", "ci_high", "p_values")
        names = ("estimate", "std_error", "ci_low", "ci_high", "p_value")
        columns = {name: list(getattr(self, f)) for name, f in zip(names, fields, strict=True)}
        same = {"df": self.df, "tau2": self.tau2, "r2": self.r2, "k": self.k}
        return pd.DataFrame({"name": list(self.names), **columns}).assign(**same)

    def predict(self, moderators: ArrayLike) -> pd.DataFrame:
        """Predict the mean effect, and that of a single new study, at given moderators.

        Parameters
        ----------
        moderators : array of shape (m, p - 1)
            One row per prediction, columns as in the fit; a list of numbers for one moderator.

        Returns
        -------
        DataFrame
            estimate, std_error, ci_low, ci_high, prediction_low, prediction_high.
        """
        x = _with_intercept(_table(moderators, len(self.names) - 1))
        if x.shape[1] != len(self.names):
            raise ValueError(f"give {len(self.names) - 1} moderators per row, not {x.shape[1] - 1}")
        mean = x @ np.array(self.estimates)
        error = np.sqrt(np.einsum("ij,jk,ik->i", x, self.covariance, x))
        reach = quantile(self.df, self.confidence_level)
        spread = reach * np.sqrt(self.tau2 + error**2)
        return pd.DataFrame(
            {
                "estimate": mean,
                "std_error": error,
                "ci_low": mean - reach * error,
                "ci_high": mean + reach * error,
                "prediction_low": mean - spread,
                "prediction_high": mean + spread,
            }
        )

    def _lines(self) -> list[str]:
        rows = zip(
            self.names, self.estimates, self.ci_low, self.ci_high, self.p_values, strict=True
        )
        lines = [
            f"{name} {interval(b, low, high, self.confidence_level)}, p = {p:.3g}"
            for name, b, low, high, p in rows
        ]
        share = "" if math.isnan(self.r2) else f", R² {self.r2:.3g} %"
        left = f"between studies: tau² {self.tau2:.4g}{share}, k = {self.k}"
        law = "normal" if math.isinf(self.df) else f"t with {self.df:g} df"
        method = f"random effects (REML), {ADJUSTMENTS[self.knapp_hartung]} intervals, {law}"
        return [*lines, left, method]


def regress_effects(
    effects: ArrayLike,
    variances: ArrayLike,
    moderators: ArrayLike | pd.DataFrame,
    *,
    names: Sequence[str] | None = None,
    knapp_hartung: bool | Literal["adhoc"] = True,
    confidence_level: float = 0.95,
) -> MetaRegression:
    r"""Regress the effects of studies on what differs between them.

    Parameters
    ----------
    effects, variances : arrays of shape (k,)
        One effect and its sampling variance (the squared standard error) per study.
    moderators : array of shape (k,) or (k, m), or DataFrame
        What is known of each study, in its own units; an intercept is added. Without columns the
        result is that of ``pool``.
    names : sequence of str, optional
        Names of the moderators; those of the DataFrame, or x1 to xm, when left out.
    knapp_hartung : bool or "adhoc"
        As for ``pool``: t with k - p df, "adhoc" never below the Wald error, False for Wald.
    confidence_level : float

    Returns
    -------
    MetaRegression

    Raises
    ------
    ValueError
        A value is missing; there are fewer studies than coefficients plus two; a moderator is the
        same in all studies, or a combination of others; the effects lie on a line exactly, so
        that Knapp-Hartung has no scatter to take its error from.

    Notes
    -----
    With :math:`W = \mathrm{diag}\{1/(v_i + \tau^2)\}` the coefficients are
    :math:`b = (X'WX)^{-1}X'Wy`, their covariance :math:`s^2 (X'WX)^{-1}` with
    :math:`s^2 = (y - Xb)'W(y - Xb)/(k - p)` under Knapp-Hartung and 1 under Wald; tau² maximises
    the restricted likelihood, so that the highest point of a grid brackets it. Missing moderators
    are refused: choose the studies first, and say how many were left out. A slope between studies
    is ecological: studies that differ in the moderator differ in more than it, and nothing is said
    about patients within them (Thompson & Higgins 2002, doi 10.1002/sim.1187).

    References
    ----------
    Knapp & Hartung (2003), doi 10.1002/sim.1482. Viechtbauer (2010), doi 10.18637/jss.v036.i03.

    Examples
    --------
    >>> effects, variances = [0.1, 0.5, 0.3, 0.8, 0.9, 0.6], [0.04, 0.05, 0.03, 0.06, 0.1, 0.02]
    >>> found = regress_effects(effects, variances, [1, 3, 2, 4, 6, 3], names=["sessions"])
    >>> found.to_frame()[["name", "estimate", "p_value"]].round(3)
            name  estimate  p_value
    0  intercept    -0.031    0.754
    1   sessions     0.186    0.004
    """
    check_option("knapp_hartung", knapp_hartung, tuple(ADJUSTMENTS))
    level = check_level(confidence_level)
    y, v = weighted_studies(effects, variances)
    check_aligned(effects=effects, variances=variances, moderators=moderators)
    table, columns = _moderators(moderators, names, len(y))
    x = _with_intercept(table)
    _require_room(x, columns)
    tau2, total = reml(y, v, x), reml(y, v)
    b, covariance, factor = _fit(y, v, x, tau2, knapp_hartung)
    k, p = x.shape
    if knapp_hartung is True and factor * (k - p) <= EXACT * float(y**2 @ (1.0 / (v + tau2))):
        raise ValueError(
            "the effects lie on one line exactly: no scatter to judge by; use "
            "knapp_hartung='adhoc' or False"
        )
    df = math.inf if knapp_hartung is False else float(k - p)
    errors = np.sqrt(np.diag(covariance))
    reach = quantile(df, level) * errors
    return MetaRegression(
        names=(INTERCEPT, *columns),
        estimates=tuple(b.tolist()),
        std_errors=tuple(errors.tolist()),
        ci_low=tuple((b - reach).tolist()),
        ci_high=tuple((b + reach).tolist()),
        p_values=tuple(two_sided_p(e, s, df) for e, s in zip(b, errors, strict=True)),
        covariance=covariance,
        confidence_level=level,
        df=df,
        tau2=tau2,
        tau2_total=total,
        r2=100.0 * max(0.0, 1.0 - tau2 / total) if p > 1 and total > 0 else math.nan,
        **_heterogeneity(y, v, x, tau2),
        **_together(b, covariance, df),
        k=k,
        knapp_hartung=knapp_hartung,
        notes=_notes(factor, knapp_hartung),
    )


def _moderators(
    moderators: ArrayLike | pd.DataFrame, names: Sequence[str] | None, k: int
) -> tuple[Array, tuple[str, ...]]:
    if names is None and isinstance(moderators, pd.DataFrame):
        names = [str(name) for name in moderators.columns]
        text = moderators.map(lambda value: isinstance(value, str)).any()
        if text.any():
            raise ValueError(f"moderator {text.idxmax()!r} holds text: code its two groups 0 and 1")
    table = _table(moderators, None)
    if len(table) != k:
        raise ValueError(f"moderators have {len(table)} rows for {k} studies; give one each")
    columns = tuple(f"x{i + 1}" for i in range(table.shape[1])) if names is None else tuple(names)
    if len(columns) != table.shape[1]:
        raise ValueError(f"{len(columns)} names for {table.shape[1]} moderators; give one each")
    for name, column in zip(columns, table.T, strict=True):
        require(np.isfinite(column), name, column, "a number in every study")
    return table, columns


def _table(values: ArrayLike | pd.DataFrame, width: int | None) -> Array:
    """Return moderators as rows; a flat list is one moderator."""
    table = as_float(values, "moderators").astype("float64", copy=False)
    if table.ndim == 1 and width in (None, 1):
        table = table[:, None]
    if table.ndim != 2:
        raise ValueError("moderators must be a table: a row per study, a column per moderator")
    return table


def _with_intercept(table: Array) -> Array:
    return np.column_stack([np.ones(len(table)), table])


def _notes(factor: float, asked: bool | str) -> tuple[str, ...]:
    if not asked or factor > 1.0 - 1e-6:
        return ()
    done = "set to 1 (adhoc)" if asked == "adhoc" else "intervals narrower than by the Wald error"
    return (f"Knapp-Hartung factor {factor:.3g} below 1: {done}",)


def _require_room(x: Array, names: Sequence[str]) -> None:
    """Refuse too few studies, and moderators that cannot be told apart."""
    k, p = x.shape
    if k <= p + 1:
        raise ValueError(
            f"{k} studies are too few for {p} coefficients: use fewer moderators, or at least "
            f"{p + 2} studies"
        )
    size = np.abs(x).max(axis=0)
    centred = x[:, 1:] - x[:, 1:].mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    same = [names[int(i)] for i in np.flatnonzero(spread <= 1e-12 * size[1:])]
    if same:
        raise ValueError(f"{', '.join(same)} is the same in all studies: leave it out")
    if np.linalg.matrix_rank(centred / spread) < p - 1:
        raise ValueError(
            f"one of {', '.join(names)} is a combination of the others: leave one of them out"
        )


def _fit(
    y: Array, v: Array, x: Array, tau2: float, adjusted: bool | str
) -> tuple[Array, Array, float]:
    """Return coefficients, their covariance and the Knapp-Hartung factor."""
    root = 1.0 / np.sqrt(v + tau2)
    q, r = np.linalg.qr(x * root[:, None])
    b = np.linalg.solve(r, q.T @ (y * root))
    rest = (y - x @ b) * root
    factor = float(rest @ rest) / (len(y) - x.shape[1])
    inverse = np.linalg.inv(r)
    used = 1.0 if adjusted is False else max(factor, 1.0) if adjusted == "adhoc" else factor
    return b, used * inverse @ inverse.T, factor


def _heterogeneity(y: Array, v: Array, x: Array, tau2: float) -> dict[str, float]:
    """Residual scatter without tau², its test, and the share of it that is not sampling."""
    k, p = x.shape
    _, covariance, factor = _fit(y, v, x, 0.0, False)
    w = 1.0 / v
    trace = float(w.sum() - np.trace(covariance @ (x * (w**2)[:, None]).T @ x))
    typical = (k - p) / trace
    q = factor * (k - p)
    return {
        "i2": 100.0 * tau2 / (tau2 + typical),
        "q": q,
        "q_p_value": float(chdtrc(k - p, q)),
    }


def _together(b: Array, covariance: Array, df: float) -> dict[str, float]:
    """Test all moderators at once: F, or chi-squared over its df under Wald."""
    m = len(b) - 1
    if not m:
        return {"f": math.nan, "f_p_value": math.nan}
    f = float(b[1:] @ np.linalg.solve(covariance[1:, 1:], b[1:])) / m
    p = float(chdtrc(m, m * f) if math.isinf(df) else fdtrc(m, df, f))
    return {"f": f, "f_p_value": p}
