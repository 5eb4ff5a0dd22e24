"""Funnel-plot asymmetry: whether small studies find larger effects than large ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_sizes import Array, weighted_studies
from mnstudy.stats.meta.pooling import quantile, two_sided_p
from mnstudy.stats.result import SmallResult, check_level, interval

# Fewer studies than this leave the test with too little power to be of use.
FEW_STUDIES = 10
# Share of the squared effects under which what is left of a fit is rounding.
EXACT = 1e-20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Egger(SmallResult):
    """Egger's regression: ``estimate`` is the change of the effect per unit of standard error.

    0 means that small and large studies agree. ``limit_estimate`` is the effect the line reaches
    in a study without error.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    t: float
    p_value: float
    limit_estimate: float
    limit_low: float
    limit_high: float
    k: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        level = self.confidence_level
        slope = interval(self.estimate, self.ci_low, self.ci_high, level)
        limit = interval(self.limit_estimate, self.limit_low, self.limit_high, level)
        return [
            f"{slope} per unit of standard error, p = {self.p_value:.3g}, k = {self.k}",
            f"effect without error: {limit}",
            f"Egger's regression, t with {self.df:g} df",
        ]


def egger(effects: ArrayLike, variances: ArrayLike, *, confidence_level: float = 0.95) -> Egger:
    r"""Test funnel-plot asymmetry with Egger's regression.

    Parameters
    ----------
    effects, variances : array
        At least three studies, not all of the same precision.
    confidence_level : float

    Notes
    -----
    Least squares of :math:`y_i = \beta_0 + \beta_1 s_i` with weights :math:`1/s_i^2` and a free
    residual variance, t with k - 2 df: metafor's ``regtest(yi, vi, model="lm")``. Asymmetry can
    also come from true differences between small and large studies. For odds ratios and
    standardised effects the standard error depends on the effect itself, which alone makes the
    funnel lean.

    References
    ----------
    Egger et al. (1997), doi 10.1136/bmj.315.7109.629. Sterne et al. (2011), doi
    10.1136/bmj.d4002.

    Examples
    --------
    >>> egger([0.9, 0.5, 0.4, 0.2], [0.2, 0.09, 0.04, 0.01])
    1.837 (95 % CI 0.9969 to 2.678) per unit of standard error, p = 0.0111, k = 4
      effect without error: 0.01604 (95 % CI -0.1255 to 0.1575)
      Egger's regression, t with 2 df
      note: only 4 studies: below 10 the test has little power
    """
    level = check_level(confidence_level)
    y, v = weighted_studies(effects, variances)
    if len(y) < 3:
        raise ValueError(f"egger needs at least 3 studies; there are {len(y)}")
    if np.ptp(v) <= 1e-12 * v.max():
        raise ValueError("egger needs studies of different precision; all variances are equal")
    few = f"only {len(y)} studies: below {FEW_STUDIES} the test has little power"
    (limit, slope), (limit_error, error) = _line(y, np.sqrt(v))
    df = float(len(y) - 2)
    reach = quantile(df, level)
    return Egger(
        estimate=slope,
        ci_low=slope - reach * error,
        ci_high=slope + reach * error,
        confidence_level=level,
        std_error=error,
        df=df,
        t=slope / error,
        p_value=two_sided_p(slope, error, df),
        limit_estimate=limit,
        limit_low=limit - reach * limit_error,
        limit_high=limit + reach * limit_error,
        k=len(y),
        notes=(few,) if len(y) < FEW_STUDIES else (),
    )


def _line(y: Array, s: Array) -> tuple[list[float], list[float]]:
    """Coefficients (at zero error, per unit of error) and their standard errors."""
    x = np.column_stack([1.0 / s, np.ones_like(s)])
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ (y / s)
    rest = y / s - x @ beta
    if rest @ rest <= EXACT * float(y / s @ (y / s)):
        raise ValueError("the effects lie on one line exactly; egger has no scatter to judge by")
    variance = float(rest @ rest) / (len(y) - 2)
    return beta.tolist(), np.sqrt(variance * np.diag(inverse)).tolist()
