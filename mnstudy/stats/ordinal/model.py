"""Ordinal grades: proportional odds with clustered errors, and tables of transitions.

``proportionality`` checks the assumption that the model is named for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnstudy.stats.mixed.design import Array, Codes
from mnstudy.stats.ordinal.ordinal_data import Grades, read_grades
from mnstudy.stats.ordinal.ordinal_model import Fit, NoMaximumError, maximise
from mnstudy.stats.ordinal.proportionality import Proportionality, proportionality
from mnstudy.stats.ordinal.transitions import GradeTransitions, grade_transitions
from mnstudy.stats.result import SmallResult, check_level, interval

__all__ = [
    "GradeTransitions",
    "ProportionalOdds",
    "Proportionality",
    "grade_transitions",
    "proportional_odds",
    "proportionality",
]

# Below this number of groups a clustered error is itself too uncertain to lean on.
FEW_GROUPS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProportionalOdds(SmallResult):
    """A proportional odds model.

    ``coefficients`` has one row per column of X: ``estimate`` is a log odds ratio, positive when
    the column goes with higher grades; ``ci_low`` and ``ci_high`` are its limits and
    ``odds_ratio``, ``odds_ratio_low``, ``odds_ratio_high`` the same on the scale of odds.
    ``thresholds`` has one row per boundary between levels. ``covariance`` belongs to thresholds,
    then coefficients. ``n_groups`` is None without groups.
    """

    coefficients: pd.DataFrame
    thresholds: pd.DataFrame
    covariance: Array
    log_likelihood: float
    levels: tuple[Any, ...]
    n_obs: int
    n_groups: int | None
    n_missing: int
    confidence_level: float
    method: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients, one row each, nothing rounded."""
        return self.coefficients.copy()

    def _lines(self) -> list[str]:
        rows = [
            f"{row.Index}: odds ratio "
            + interval(
                row.odds_ratio, row.odds_ratio_low, row.odds_ratio_high, self.confidence_level
            )
            + f", p = {row.p_value:.3g}"
            for row in self.coefficients.itertuples()
        ]
        groups = "" if self.n_groups is None else f" in {self.n_groups} groups"
        return [
            *rows,
            self.method,
            f"{len(self.levels)} levels, {self.n_obs} rows{groups}, {self.n_missing} missing; "
            f"log-likelihood {self.log_likelihood:.6g}",
            *(f"note: {note}" for note in self.notes),
        ]


def proportional_odds(
    y: Any,
    X: Any,
    groups: Any = None,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
) -> ProportionalOdds:
    r"""Odds ratios of a higher grade, the same at every boundary between grades.

    Parameters
    ----------
    y : array or ordered pandas.Categorical of shape (n,)
        Grades; numbers are ordered by size. Levels that do not occur are left out.
    X : array or DataFrame of shape (n, p)
        Columns without an intercept: thresholds are the intercepts.
    groups : array of shape (n,), optional
        The patient of each row. Errors are then clustered.
    names : sequence of str, optional
        Names of the columns, else those of the frame.
    confidence_level : float

    Returns
    -------
    ProportionalOdds

    Raises
    ------
    ValueError
        One level only, constant or collinear columns, columns that separate the levels (they are
        named), shapes that differ, fewer than two groups.

    Notes
    -----
    .. math:: \operatorname{logit} P(Y \le j) = \theta_j - x'\beta

    by maximum likelihood. Rows with a missing value are left out and counted. Without groups
    errors come from the observed information and p from the normal distribution. With groups the
    covariance is :math:`\frac{G}{G-1}\frac{n-1}{n-k} A^{-1} (\sum_g s_g s_g') A^{-1}`, with
    :math:`s_g` the score of a group, :math:`A` the information and k thresholds and coefficients
    together (the factor of statsmodels and of sandwich's HC1); p and limits use t with G - 1 df,
    since the normal ones are too narrow with few groups (10 patients of 4 rows, arms by patient, no
    effect: 8 % below 0.05 with z, 5 % with t, 16 % with errors that ignore the patient).
    Clustering mends the errors, not the question: an odds ratio is an average over patients
    and lies closer to 1 than that of a model with random effects.

    References
    ----------
    McCullagh (1980), doi 10.1111/j.2517-6161.1980.tb01109.x. Liang & Zeger (1986),
    doi 10.1093/biomet/73.1.13. Cameron & Miller (2015), doi 10.3368/jhr.50.2.317.

    Examples
    --------
    >>> grade = [1, 2, 2, 3, 1, 3, 3, 2, 1, 1, 2, 3]
    >>> sessions = [[1], [2], [4], [4], [3], [6], [3], [1], [2], [1], [5], [5]]
    >>> proportional_odds(grade, sessions, names=["sessions"])
    sessions: odds ratio 2.636 (95 % CI 1.094 to 6.351), p = 0.0307
      proportional odds (cumulative logit), maximum likelihood; errors from the information, z
      3 levels, 12 rows, 0 missing; log-likelihood -9.97777
    """
    level = check_level(confidence_level)
    rows = read_grades(y, X, groups, names)
    if rows.n_groups is not None and rows.n_groups < 2:
        raise ValueError("errors clustered by group need at least two groups; there is one")
    try:
        fit = maximise(rows.level, rows.x)
    except NoMaximumError as error:
        named = ", ".join(rows.names[j] for j in error.columns)
        raise ValueError(
            f"{named} separate{'s' if len(error.columns) == 1 else ''} the levels of y: an odds "
            "ratio grows without bound and has no estimate; merge levels or leave the column out"
        ) from error
    return _result(rows, fit, level)


def _result(rows: Grades, fit: Fit, confidence_level: float) -> ProportionalOdds:
    last = len(rows.levels) - 1
    back = _unscale(rows, last)
    params, covariance = back @ fit.params, back @ _covariance(fit, rows.codes) @ back.T
    df = math.inf if rows.n_groups is None else rows.n_groups - 1.0
    table = _inference(params, covariance, df, confidence_level)
    coefficients = table.iloc[last:].set_axis(pd.Index(rows.names, name="name"))
    limits = {
        "odds_ratio": coefficients["estimate"],
        "odds_ratio_low": coefficients["ci_low"],
        "odds_ratio_high": coefficients["ci_high"],
    }
    with np.errstate(over="ignore"):  # a log odds ratio per tiny unit may have no finite odds ratio
        ratios = {name: np.exp(values) for name, values in limits.items()}
    boundaries = [f"{a}|{b}" for a, b in zip(rows.levels, rows.levels[1:], strict=False)]
    return ProportionalOdds(
        coefficients=coefficients.assign(**ratios),
        thresholds=table.iloc[:last].set_axis(pd.Index(boundaries, name="threshold")),
        covariance=covariance,
        log_likelihood=fit.log_likelihood,
        levels=rows.levels,
        n_obs=len(rows.level),
        n_groups=rows.n_groups,
        n_missing=rows.n_missing,
        confidence_level=confidence_level,
        method=_method(rows.n_groups),
        notes=_notes(rows.n_groups),
    )


def _covariance(fit: Fit, codes: Codes | None) -> Array:
    inverse = np.linalg.inv(fit.information)
    if codes is None:
        return inverse
    n, k = fit.scores.shape
    if n <= k:
        raise ValueError(f"{n} complete rows cannot give clustered errors of {k} parameters")
    n_groups = int(codes.max()) + 1
    summed = np.zeros((n_groups, k))
    np.add.at(summed, codes, fit.scores)
    factor = n_groups / (n_groups - 1) * (n - 1) / (n - k)
    return factor * inverse @ (summed.T @ summed) @ inverse


def _unscale(rows: Grades, last: int) -> Array:
    """Matrix from thresholds and coefficients of scaled columns to those of the columns given."""
    matrix = np.diag(np.concatenate([np.ones(last), 1.0 / rows.scale]))
    matrix[:last, last:] = rows.centre / rows.scale
    return matrix


def _inference(params: Array, covariance: Array, df: float, level: float) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance))
    # scipy's t at infinite df is the normal distribution.
    half = stats.t.isf((1.0 - level) / 2.0, df) * error
    return pd.DataFrame(
        {
            "estimate": params,
            "std_error": error,
            "df": df,
            "statistic": params / error,
            "p_value": 2.0 * stats.t.sf(np.abs(params / error), df),
            "ci_low": params - half,
            "ci_high": params + half,
        }
    )


def _method(n_groups: int | None) -> str:
    errors = "errors from the information, z"
    if n_groups is not None:
        errors = f"errors clustered by group, factor G/(G-1) (n-1)/(n-k), t with {n_groups - 1} df"
    return f"proportional odds (cumulative logit), maximum likelihood; {errors}"


def _notes(n_groups: int | None) -> tuple[str, ...]:
    if n_groups is None or n_groups >= FEW_GROUPS:
        return ()
    return (f"{n_groups} groups only: clustered errors are uncertain themselves",)
