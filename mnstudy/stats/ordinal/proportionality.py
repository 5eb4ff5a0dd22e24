"""Whether an odds ratio may be one number for all boundaries between grades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnstudy.stats.mixed.design import Array, Codes
from mnstudy.stats.ordinal.model import (
    Fit,
    Grades,
    NoMaximumError,
    at,
    bounds,
    maximise,
    read_grades,
)
from mnstudy.stats.result import SmallResult

Test = tuple[float, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Proportionality(SmallResult):
    """Tests that effects are the same at every threshold, by column and for all together.

    ``tests`` has the columns statistic, df and p_value; a small p speaks against proportional
    odds. ``n_groups`` is None without groups.
    """

    tests: pd.DataFrame
    method: str
    n_obs: int
    n_groups: int | None
    n_missing: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the tests, one row each, nothing rounded."""
        return self.tests.copy()

    def _lines(self) -> list[str]:
        rows = [
            f"{row.Index}: chi2({row.df:.0f}) = {row.statistic:.4g}, p = {row.p_value:.3g}"
            for row in self.tests.itertuples()
        ]
        groups = "" if self.n_groups is None else f" in {self.n_groups} groups"
        return [
            *rows,
            f"{self.method}; {self.n_obs} rows{groups}, {self.n_missing} missing",
        ]


def proportionality(
    y: Any,
    X: Any,
    groups: Any = None,
    names: Sequence[str] | None = None,
) -> Proportionality:
    r"""Test the assumption of proportional odds, column by column and for all columns.

    Parameters
    ----------
    y, X, groups, names
        As for ``proportional_odds``.

    Returns
    -------
    Proportionality

    Raises
    ------
    ValueError
        Fewer than three levels, columns that separate them, and what ``proportional_odds`` refuses.

    Notes
    -----
    The wider model has :math:`\operatorname{logit} P(Y \le j) = \theta_j - x'\beta - x_c'\delta_j`
    with :math:`\delta_1 = 0`. Without groups: likelihood-ratio test of :math:`\delta = 0`. With
    groups the likelihood ratio counts dependent rows as independent, so the test is the score test
    with the scores' own covariance between groups,

    .. math:: T = e'\left(\sum_g e_g e_g'\right)^{-1} e, \quad
              e_g = s_{\delta,g} - A_{\delta\beta} A_{\beta\beta}^{-1} s_{\beta,g}, \quad
              e = \sum_g e_g,

    against chi-squared with one df per deviation; it errs on the side of too few rejections when
    groups are few. A test that the sample cannot give is nan, with a note. Not rejecting is no
    proof: small studies see only gross departures.

    References
    ----------
    Peterson & Harrell (1990), doi 10.2307/2347760. Boos (1992), doi 10.1080/00031305.1992.10475921
    (score tests that allow for clustering).

    Examples
    --------
    >>> grade = [1, 2, 2, 3, 1, 3, 3, 2, 1, 1, 2, 3]
    >>> sessions = [[1], [2], [4], [4], [3], [6], [3], [1], [2], [1], [5], [5]]
    >>> proportionality(grade, sessions, names=["sessions"])
    sessions: chi2(1) = 1.997e-06, p = 0.999
      likelihood ratio; 12 rows, 0 missing
    """
    rows = read_grades(y, X, groups, names)
    last = len(rows.levels) - 1
    if last < 2:
        raise ValueError(
            f"proportional odds is an assumption from three levels on; y has {last + 1}"
        )
    fit = _common(rows)
    choices: dict[str, tuple[int, ...]] = {name: (j,) for j, name in enumerate(rows.names)}
    if len(choices) > 1:
        choices["all columns"] = tuple(range(len(rows.names)))
    found = {
        name: _ratio(rows, fit, free) if rows.codes is None else _score(rows, fit, free)
        for name, free in choices.items()
    }
    statistic = np.array([value for value, _ in found.values()])
    df = np.array([(last - 1) * len(free) for free in choices.values()])
    return Proportionality(
        tests=pd.DataFrame(
            {"statistic": statistic, "df": df, "p_value": stats.chi2.sf(statistic, df)},
            index=pd.Index(list(choices), name="name"),
        ),
        method="likelihood ratio" if rows.codes is None else "score test clustered by group",
        n_obs=len(rows.level),
        n_groups=rows.n_groups,
        n_missing=rows.n_missing,
        notes=tuple(f"{name}: {why}" for name, (_, why) in found.items() if why),
    )


def _common(rows: Grades) -> Fit:
    try:
        return maximise(rows.level, rows.x)
    except NoMaximumError as error:
        named = ", ".join(rows.names[j] for j in error.columns)
        raise ValueError(
            f"{named}: the levels of y are separated, so there is no model to check"
        ) from error


def _ratio(rows: Grades, fit: Fit, free: tuple[int, ...]) -> Test:
    try:
        wider = maximise(rows.level, rows.x, free)
    except NoMaximumError:
        return math.nan, "the wider model separates the levels; no likelihood ratio"
    return max(0.0, 2.0 * (wider.log_likelihood - fit.log_likelihood)), ""


def _score(rows: Grades, fit: Fit, free: tuple[int, ...]) -> Test:
    k = len(fit.params)
    layout = bounds(rows.level, rows.x, free)
    start = np.zeros(layout.upper.shape[1])
    start[:k] = fit.params
    wide = at(layout, start)
    through = np.linalg.solve(wide.information[:k, :k], wide.information[:k, k:])
    scores = wide.scores[:, k:] - wide.scores[:, :k] @ through
    assert rows.codes is not None
    return _clustered(scores, rows.codes)


def _clustered(scores: Array, codes: Codes) -> Test:
    n_groups, df = int(codes.max()) + 1, scores.shape[1]
    summed = np.zeros((n_groups, df))
    np.add.at(summed, codes, scores)
    # With as many groups as deviations the statistic is their number whatever the data say.
    if n_groups <= df or np.linalg.matrix_rank(summed) < df:
        return math.nan, f"{n_groups} groups do not determine the covariance of {df} deviations"
    total = summed.sum(axis=0)
    return float(total @ np.linalg.solve(summed.T @ summed, total)), ""
