"""The mean of skewed values, by a transformation that takes the skewness out of the t statistic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.pooling import quantile
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import SmallResult, check_level, interval


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SkewedMean(SmallResult):
    """A mean with Hall's limits; ``skewness`` is that of the values, m3 over m2 to the 3/2."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    skewness: float
    n: int

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [f"mean {main}", f"Hall's limits, skewness {self.skewness:.3g}, n = {self.n}"]


def skewed_mean(values: ArrayLike, *, confidence_level: float = 0.95) -> SkewedMean:
    r"""Estimate the mean of skewed values, with limits that reach farther along the long tail.

    Parameters
    ----------
    values : array of length n
        One value a patient, independent of one another.
    confidence_level : float

    Returns
    -------
    SkewedMean

    Raises
    ------
    ValueError
        Fewer than three values, values that are all the same, or infinite ones.

    Notes
    -----
    With :math:`W = (\bar x - \mu)/s` and :math:`\hat\gamma` the skewness, the monotone

    .. math:: Q(W) = W + \tfrac13\hat\gamma W^2 + \tfrac1{27}\hat\gamma^2 W^3 + \hat\gamma/(6n)

    has no skewness to the order of :math:`1/n`; the limits are
    :math:`\bar x - s\,Q^{-1}(\pm t/\sqrt n)`, with t of n - 1 degrees of freedom in place of the
    normal quantile, so that without skewness they are those of the t interval. Missing values are
    left out; ``n`` counts the rest.

    References
    ----------
    Hall (1992), On the removal of skewness by transformation,
    doi 10.1111/j.2517-6161.1992.tb01872.x.

    Examples
    --------
    >>> skewed_mean([0, 0, 1, 1, 2, 2, 3, 9])
    mean 2.25 (95 % CI 0.5527 to 11.33)
      Hall's limits, skewness 1.73, n = 8
    """
    level = check_level(confidence_level)
    x = as_float(values, "values").ravel()
    x = x[~np.isnan(x)]
    n = len(x)
    if np.isinf(x).any():
        raise ValueError("values holds infinite values; mark missing ones as nan")
    if n < 3 or np.ptp(x) == 0.0:
        raise ValueError("at least three values that are not all the same are needed")
    mean, spread = float(x.mean()), float(x.std(ddof=1))
    skewness = float(((x - mean) ** 3).mean() / x.var() ** 1.5)
    reach = quantile(n - 1.0, level) / math.sqrt(n)
    low, high = _ends(mean, spread, reach, skewness, n)
    return SkewedMean(
        estimate=mean,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        skewness=skewness,
        n=n,
    )


def hall_limits(
    estimate: float, std_error: float, df: float, skewness: float, *, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return limits of an estimate whose skewness is known, such as a difference of two means.

    Parameters
    ----------
    estimate, std_error, df : float
        As of the t interval, which these limits are where there is no skewness.
    skewness : float
        Of the estimate: its third central moment over the cube of its standard error.
    confidence_level : float

    Returns
    -------
    tuple of float
        Both ends, by the transformation of ``skewed_mean`` (Hall 1992,
        doi 10.1111/j.2517-6161.1992.tb01872.x).

    Examples
    --------
    >>> [round(end, 2) for end in hall_limits(10.0, 4.0, 18.0, 0.0)]
    [1.6, 18.4]
    >>> [round(end, 2) for end in hall_limits(10.0, 4.0, 18.0, -0.4)]
    [-4.69, 16.59]
    """
    reach = quantile(df, check_level(confidence_level))
    return _ends(estimate, std_error, reach, skewness, 1)


def _ends(
    middle: float, scale: float, reach: float, skewness: float, n: int
) -> tuple[float, float]:
    low, high = (middle - scale * _back(q, skewness, n) for q in (reach, -reach))
    return low, high


def _back(q: float, skewness: float, n: int) -> float:
    """Return the W whose transformed value is q: Q(W) is ((1 + g W/3)^3 - 1)/g + g/(6n)."""
    away = q - skewness / (6 * n)
    cube = skewness * away
    if abs(cube) < 1e-8:  # the root, less 1, is a third of it to the last digit
        return away
    return 3 * (math.cbrt(1 + cube) - 1) / skewness
