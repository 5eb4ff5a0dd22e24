"""Contours of the albatross plot: how many people give this p if the effect has this size."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mnstudy.stats.result import check_option

Measure = Literal["two groups", "one group", "correlation"]
_MEASURES = ("two groups", "one group", "correlation")


def contour_n(
    p_one_sided: ArrayLike, effect: float, *, measure: Measure = "two groups"
) -> NDArray[np.float64]:
    r"""Sample size at which an observed effect of this size has this one-sided p-value.

    Parameters
    ----------
    p_one_sided : array
        One-sided p-values, small where the study points in favour; strictly between 0 and 1.
    effect : float
        For "two groups" the difference of two means in standard deviations, both groups equally
        large; for "one group" the mean change in standard deviations of the change (before and
        after, or two sides of one body); for "correlation" a correlation. Negative effects are
        contours of the other wing, p above one half.
    measure : {"two groups", "one group", "correlation"}

    Returns
    -------
    array of the shape of ``p_one_sided``
        All people together (both groups), not rounded; nan where the effect and p lie on different
        sides, as no sample size leads there.

    Raises
    ------
    ValueError
        For an effect of 0 or one that is not finite, a correlation of 1 or beyond, and for p
        missing, 0 or 1.

    Notes
    -----
    The normal quantile of p is the effect over its large-sample standard error; solved for n:
    two groups :math:`n = z^2 (8 + d^2)/(2 d^2)`, one group :math:`n = z^2 (2 + d^2)/(2 d^2)`,
    correlation :math:`n = 1 + z^2 (1 - r^2)^2/r^2`. Below some ten people the p of a t-test
    departs from it. A contour reads off a rough size; it is no estimate.

    References
    ----------
    Harrison et al. (2017), doi 10.1002/jrsm.1239.

    Examples
    --------
    >>> contour_n([0.01, 0.05, 0.6], 0.5).round(1)
    array([89.3, 44.6,  nan])
    """
    check_option("measure", measure, _MEASURES)
    p = np.asarray(p_one_sided, dtype=float)
    if not ((p > 0) & (p < 1)).all():
        wrong = p[~((p > 0) & (p < 1))].ravel()[0]
        raise ValueError(f"p_one_sided must lie between 0 and 1, not {wrong:g}")
    if not np.isfinite(effect) or effect == 0:
        raise ValueError(f"effect must be a number other than 0, not {effect:g}")
    z = -special.ndtri(p)
    square = np.where(np.sign(z) * np.sign(effect) < 0, np.nan, z**2)
    if measure == "correlation":
        if abs(effect) >= 1:
            raise ValueError(f"a correlation lies between -1 and 1, not {effect:g}")
        return np.asarray(1.0 + square * (1.0 - effect**2) ** 2 / effect**2)
    flat = 8.0 if measure == "two groups" else 2.0
    return np.asarray(square * (flat + effect**2) / (2.0 * effect**2))
