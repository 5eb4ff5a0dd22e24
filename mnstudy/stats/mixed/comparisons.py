"""The comparisons outcome studies ask for, each a contrast of one random-intercept model.

Paired and unpaired forms are separate functions: the caller's declared design chooses, and a
design that contradicts the function raises instead of switching form. ``confidence_level``, ``df``
and ``variance`` are those of `random_intercept` throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.mixed_difference import NAME, Difference, difference
from mnstudy.stats.mixed.mixed_levels import Heterogeneity, heterogeneity
from mnstudy.stats.mixed.mixed_pairs import paired_difference
from mnstudy.stats.mixed.mixed_slopes import WithinBetween, within_between
from mnstudy.stats.mixed.rows import Rows, complete, indicator, varies_within
from mnstudy.stats.mixed.solve import Df, Variance

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


def before_after(
    change: Any,
    groups: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MixedFit:
    """Estimate the mean change from baseline; several sites of a patient share an intercept.

    With one row per patient (``groups`` None) this is the one-sample, or paired, t-test.
    """
    rows = complete(change, {}, groups)
    return rows.fit({"mean change": np.ones(len(rows.y))}, confidence_level, df, variance)


def arm_difference(
    y: Any,
    treated: Any,
    groups: Any = None,
    covariates: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
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
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df, variance)
    return difference(rows, arm, fit, "two arms" + _adjusted(rows))


def ancova(
    outcome: Any,
    treated: Any,
    baseline: Any,
    groups: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
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
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df, variance)
    return difference(rows, arm, fit, "analysis of covariance on baseline")


def _adjusted(rows: Rows) -> str:
    names = ", ".join(rows.covariate_names)
    return f", adjusted for {names}" if names else ""
