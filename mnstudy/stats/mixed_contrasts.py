"""The comparisons outcome studies ask for, each a contrast of one random-intercept model.

Paired and unpaired forms are separate functions: the caller's declared design chooses, and a
design that contradicts the function raises instead of switching form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed import random_intercept
from mnstudy.stats.mixed_design import Array
from mnstudy.stats.mixed_fit import MixedFit
from mnstudy.stats.mixed_levels import Heterogeneity, heterogeneity
from mnstudy.stats.mixed_results import Contrast
from mnstudy.stats.mixed_rows import Rows, complete, group_means, indicator, varies_within
from mnstudy.stats.mixed_slopes import WithinBetween, within_between
from mnstudy.stats.mixed_solve import Df

__all__ = [
    "Difference",
    "Heterogeneity",
    "WithinBetween",
    "ancova",
    "arm_difference",
    "before_after",
    "heterogeneity",
    "paired_difference",
    "within_between",
]

NAME = "treated - control"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """Treated minus control, with both means; ``method`` says which form was used."""

    difference: Contrast
    treated: Contrast
    control: Contrast
    n_treated: int
    n_control: int
    n_groups: int
    n_missing: int
    method: str
    fit: MixedFit

    def __str__(self) -> str:
        return (
            f"{self.difference}\n{self.method}; {self.n_treated} treated and {self.n_control} "
            f"control rows of {self.n_groups} groups, {self.n_missing} left out (missing)"
        )

    def to_frame(self) -> pd.DataFrame:
        """Difference and both means, one row each, nothing rounded."""
        return pd.concat([c.to_frame() for c in (self.difference, self.treated, self.control)])


def before_after(
    change: Any, groups: Any = None, *, confidence_level: float = 0.95, df: Df = "satterthwaite"
) -> MixedFit:
    """Estimate the mean change from baseline; several sites of a patient share an intercept.

    With one row per patient (``groups`` None) this is the one-sample, or paired, t-test.
    """
    rows = complete(change, {}, groups)
    return rows.fit({"mean change": np.ones(len(rows.y))}, confidence_level, df)


def arm_difference(
    y: Any,
    treated: Any,
    groups: Any = None,
    covariates: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
) -> Difference:
    """Compare two arms of different patients, adjusted for covariates.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the arm.
    groups : sequence of length n, optional
        Patient of each row; None when each row is a patient of its own (two-sample t-test).
    covariates : array or frame of n rows, optional

    Raises
    ------
    DesignError
        A patient is in both arms; that is `paired_difference`.
    """
    rows = complete(y, {"treated": treated}, groups, covariates)
    arm = indicator(rows.columns[0])
    if varies_within(arm, rows.codes):
        raise DesignError(
            "some patients have treated and control rows; use paired_difference for this design"
        )
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df)
    return _difference(rows, arm, fit, "two arms" + _adjusted(rows))


def ancova(
    outcome: Any,
    treated: Any,
    baseline: Any,
    groups: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
) -> Difference:
    """Compare final values (or changes) adjusted for baseline; both give the same difference.

    Parameters
    ----------
    outcome, treated, baseline : arrays of length n
    groups : sequence of length n, optional
        Patient of each row; sides of one patient may be in different arms.

    References
    ----------
    Vickers & Altman (2001), doi 10.1136/bmj.323.7321.1123.
    """
    frame = pd.DataFrame({"baseline": np.asarray(baseline)})
    rows = complete(outcome, {"treated": treated}, groups, frame)
    arm = indicator(rows.columns[0])
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df)
    return _difference(rows, arm, fit, "analysis of covariance on baseline")


def paired_difference(
    y: Any,
    treated: Any,
    groups: Any,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
) -> Difference:
    """Compare treated and control sides of the same patients.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the side.
    groups : sequence of length n
        Patient of each row.

    Notes
    -----
    Repeated rows of one side are averaged first, because they are more alike than the two sides
    are. When every patient has both sides this is the paired t-test, which allows sides to be
    negatively correlated. When some have one side only, a random-intercept model of the side
    means also uses what those say about the difference; ``method`` tells which was done.

    Raises
    ------
    DesignError
        No patient has both sides; that is `arm_difference`.

    Examples
    --------
    >>> score = [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5]
    >>> print(paired_difference(score, [0, 1] * 4, list("aabbccdd")))
    treated - control: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    paired t-test; 4 treated and 4 control rows of 4 groups, 0 left out (missing)
    """
    rows = complete(y, {"treated": treated}, groups)
    side = indicator(rows.columns[0])
    means, arm, codes = _side_means(rows, side)
    both = np.bincount(codes) == 2
    if not both.any():
        raise DesignError("no patient has both sides; use arm_difference for this design")
    sides = Rows(
        y=means,
        columns=(arm,),
        covariates=np.empty((len(arm), 0)),
        covariate_names=(),
        codes=codes,
        labels=rows.labels,
        n_missing=rows.n_missing,
    )
    columns = {"control": np.ones(len(arm)), NAME: arm}
    if both.all():
        return _paired_t(sides, side, confidence_level, df)
    method = (
        f"random-intercept model of side means: {both.sum()} patients with both sides, "
        f"{(~both).sum()} with one"
    )
    return _difference(sides, side, sides.fit(columns, confidence_level, df), method)


def _side_means(rows: Rows, side: Array) -> tuple[Array, Array, np.ndarray]:
    """Mean per patient and side, control rows before treated rows of each patient."""
    cell, inverse = np.unique(2 * rows.codes + side.astype(int), return_inverse=True)
    return group_means(rows.y, inverse), (cell % 2).astype(float), cell // 2


def _paired_t(sides: Rows, side: Array, confidence_level: float, df: Df) -> Difference:
    """Fit the differences of complete pairs, and each side, by their mean alone."""

    def mean(values: Array, name: str) -> MixedFit:
        return random_intercept(
            values,
            np.ones((len(values), 1)),
            pd.Index(sides.labels),
            [name],
            confidence_level=confidence_level,
            df=df,
        )

    def describe(values: Array, name: str) -> Contrast:
        if np.ptp(values) > 0:
            return mean(values, name).contrast([1.0], name=name)
        unknown = dict.fromkeys(("ci_low", "ci_high", "std_error", "df", "t", "p_value"), np.nan)
        level = confidence_level
        return Contrast(estimate=float(values[0]), name=name, confidence_level=level, **unknown)

    control, treated = sides.y[0::2], sides.y[1::2]
    fit = mean(treated - control, NAME)
    return Difference(
        difference=fit.contrast([1.0], name=NAME),
        treated=describe(treated, "treated"),
        control=describe(control, "control"),
        n_treated=int(side.sum()),
        n_control=int((1.0 - side).sum()),
        n_groups=fit.n_groups,
        n_missing=sides.n_missing,
        method="paired t-test of side means" if len(side) > len(sides.y) else "paired t-test",
        fit=fit,
    )


def _adjusted(rows: Rows) -> str:
    names = ", ".join(rows.covariate_names)
    return f", adjusted for {names}" if names else ""


def _difference(rows: Rows, treated: Array, fit: MixedFit, method: str) -> Difference:
    return Difference(
        difference=fit.contrast([NAME], name=NAME),
        treated=fit.contrast({"control": 1.0, NAME: 1.0}, name="treated"),
        control=fit.contrast(["control"], name="control"),
        n_treated=int(treated.sum()),
        n_control=int((1.0 - treated).sum()),
        n_groups=fit.n_groups,
        n_missing=rows.n_missing,
        method=method,
        fit=fit,
    )
