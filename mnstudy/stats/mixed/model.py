"""Linear model with a random intercept per group: REML with small-sample degrees of freedom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnstudy.stats.mixed.design import as_float, read
from mnstudy.stats.mixed.fit import Intercepts, MixedFit, single_fit
from mnstudy.stats.mixed.mixed_batch import BatchFit, random_intercept_batch
from mnstudy.stats.mixed.mixed_results import Contrast, FTest
from mnstudy.stats.mixed.solve import Df, Variance, check_df, check_variance, solve

__all__ = [
    "BatchFit",
    "Contrast",
    "FTest",
    "MixedFit",
    "random_intercept",
    "random_intercept_batch",
]


def random_intercept(
    y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MixedFit:
    """Fit y = X beta + u[group] + e by REML.

    Parameters
    ----------
    y : array of shape (n,)
        Outcome, in its own unit.
    X : array of shape (n, p)
        All columns; an intercept is a column of ones and is not added.
    groups : sequence of length n
        Label of the patient (or other cluster) of each row; any hashable values.
    names : sequence of str, optional
        Names of the columns; a frame's own, or x0, x1, …, when not given.
    confidence_level : float
        Level of the two-sided intervals.
    df : {"satterthwaite", "kenward-roger"}
        How degrees of freedom are found; Kenward-Roger also corrects the standard errors.
    variance : {"bounded", "unbounded"}
        Whether the variance between groups stops at zero, as in lme4, or may become negative,
        when rows of one group are less alike than rows of different groups.

    Returns
    -------
    MixedFit

    Raises
    ------
    ValueError
        Shapes differ, columns are collinear (they are named), the outcome is constant, there is
        one group only, or the columns leave no variance between or within groups to estimate.
        Unbounded: the likelihood has no maximum, which happens where the columns fit the means of
        all the largest groups, such as when one group has more rows than any other.

    Notes
    -----
    Rows with a missing value in y, X or groups are left out and counted in ``n_missing``. With
    one row in every group this is ordinary least squares with n - p df. On balanced pairs it is
    the paired t-test whenever the between-group variance is estimated above zero, and always when
    unbounded.

    The bound at zero shifts the rate of false positives when groups hardly differ: where 5 % is
    promised, up to 5.8 % for a column that varies within groups and down to 2.9 % for one that
    does not. Unbounded gives exactly 5 % in balanced designs, but with few groups of unequal size
    up to 7 % for a column that is constant within groups; keep the bound there (table in
    benchmarks/README.md).

    Unbounded is the bounded fit wherever that has a variance above zero. Otherwise the ratio
    between / within goes from zero down to the first maximum of the likelihood, short of -1 / (rows
    of the largest group), where the model's covariance becomes singular.

    Variances are assumed equal across groups and normal; with ordinal scores of few steps look
    at the residuals or use ranks beside it.

    References
    ----------
    Bates et al. (2015), doi 10.18637/jss.v067.i01. Kuznetsova et al. (2017),
    doi 10.18637/jss.v082.i13. Kenward & Roger (1997), doi 10.2307/2533558. Molenberghs & Verbeke
    (2011), doi 10.1177/1471082X1001100501, on variances below zero.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5])
    >>> treated = np.tile([0.0, 1.0], 4)
    >>> X = np.column_stack([np.ones(8), treated])
    >>> fit = random_intercept(y, X, np.repeat(list("abcd"), 2), names=["mean", "treated"])
    >>> print(fit.contrast("treated", name="treated"))
    treated: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    """
    check_df(df)
    check_variance(variance)
    y_array = as_float(y, "y")
    if y_array.ndim != 1:
        raise ValueError(
            "y must be one-dimensional; for a table of outcomes use random_intercept_batch"
        )
    design = read(y_array, X, groups, names)
    solved = solve(design, df, variance)
    if solved.problems[0]:
        raise ValueError(solved.problems[0])
    intercepts = Intercepts(
        codes=design.codes,
        sizes=design.sizes,
        labels=design.labels,
        theta=float(solved.theta[0]),
    )
    return single_fit(
        design,
        solved.beta,
        solved.precision,
        intercepts,
        confidence_level=confidence_level,
        variance_between=float(solved.variance_between[0]),
        variance_within=float(solved.variance_within[0]),
        log_likelihood=float(solved.log_likelihood[0]),
        boundary=bool(solved.boundary[0]),
        n_groups=len(design.sizes),
    )
