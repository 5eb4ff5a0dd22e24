"""Two sides of the same patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.design import Array
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.mixed_difference import NAME, Difference, difference
from mnstudy.stats.mixed.mixed_results import Contrast
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.rows import Rows, complete, group_means, indicator
from mnstudy.stats.mixed.solve import Df, Variance


def paired_difference(
    y: Any,
    treated: Any,
    groups: Any,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
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
        return _paired_t(sides, side, confidence_level, df, variance)
    method = (
        f"random-intercept model of side means: {both.sum()} patients with both sides, "
        f"{(~both).sum()} with one"
    )
    fit = sides.fit(columns, confidence_level, df, variance)
    return difference(sides, side, fit, method)


def _side_means(rows: Rows, side: Array) -> tuple[Array, Array, np.ndarray]:
    """Mean per patient and side, control rows before treated rows of each patient."""
    cell, inverse = np.unique(2 * rows.codes + side.astype(int), return_inverse=True)
    return group_means(rows.y, inverse), (cell % 2).astype(float), cell // 2


def _paired_t(
    sides: Rows, side: Array, confidence_level: float, df: Df, variance: Variance
) -> Difference:
    """Fit the differences of complete pairs, and each side, by their mean alone."""

    def mean(values: Array, name: str) -> MixedFit:
        return random_intercept(
            values,
            np.ones((len(values), 1)),
            pd.Index(sides.labels),
            [name],
            confidence_level=confidence_level,
            df=df,
            variance=variance,
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
