"""Least squares with errors that hold whatever the dependence of rows within a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnstudy.stats.mixed.cluster_robust_blocks import cluster_blocks
from mnstudy.stats.mixed.cluster_robust_results import RobustFit, robust_fit
from mnstudy.stats.mixed.design import as_float, read
from mnstudy.stats.mixed.solve import CONSTANT
from mnstudy.stats.mixed.sums import basis_sums

__all__ = ["RobustFit", "cluster_robust"]


def cluster_robust(
    y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
) -> RobustFit:
    r"""Fit y = X beta by least squares, with errors from the differences between clusters.

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

    Returns
    -------
    RobustFit

    Raises
    ------
    ValueError
        Shapes differ, columns are collinear (they are named), the outcome is constant, or there
        is one group only.

    Notes
    -----
    Rows with a missing value in y, X or groups are left out and counted in ``n_missing``.

    With :math:`H` the hat matrix and :math:`e` the residuals, the covariance is

    .. math:: (X'X)^{-1} \sum_g X_g' A_g e_g e_g' A_g X_g (X'X)^{-1}, \quad
        A_g = (I - H_{gg})^{-1/2},

    which is unbiased when rows are independent with equal variance (the working model), and
    consistent in the number of clusters when they are not. Degrees of freedom are found for each
    contrast from the working model; they are small where few clusters carry the contrast, such as
    a rare level, whatever the number of rows. With one row per cluster this is HC2 with the
    degrees of freedom of Bell & McCaffrey.

    Where a cluster determines a direction alone, :math:`A_g` is the pseudo-inverse. Coefficients
    that rest on such a direction (the indicator of a clinic, when clinics are the clusters) get
    no standard error rather than one that leaves out that cluster.

    References
    ----------
    Pustejovsky & Tipton (2018), doi 10.1080/07350015.2016.1247004.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5])
    >>> treated = np.tile([0.0, 1.0], 4)
    >>> X = np.column_stack([np.ones(8), treated])
    >>> fit = cluster_robust(y, X, np.repeat(list("abcd"), 2), names=["mean", "treated"])
    >>> print(fit.contrast("treated", name="treated"))
    treated: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    """
    y_array = as_float(y, "y")
    if y_array.ndim != 1:
        raise ValueError("y must be one-dimensional, one outcome per row of X")
    design = read(y_array, X, groups, names)
    if len(design.sizes) < 2:
        raise ValueError(
            "all rows belong to one group, so differences between groups cannot be estimated; "
            "pass the patient of each row as groups"
        )
    base = basis_sums(design)
    if base.exact[0]:
        raise ValueError(CONSTANT)
    blocks = cluster_blocks(design, base)
    return robust_fit(design, base.offset[:, 0], blocks, confidence_level)
