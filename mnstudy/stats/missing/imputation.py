"""Rubin's rules: one answer from the analyses of several imputed data sets.

``impute_clustered`` draws the missing outcomes, the analysis runs once on each completed data set,
and ``pool_imputations`` adds what the draws disagree about to what each analysis is unsure of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnstudy.stats.meta.pooling import quantile, two_sided_p
from mnstudy.stats.mixed.design import Array, as_float
from mnstudy.stats.result import SmallResult, check_level, interval


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PooledImputations(SmallResult):
    """An estimate from several imputed data sets.

    ``within`` is the mean variance of the analyses, ``between`` the variance of their estimates.
    ``fraction_missing`` is the share of the information about this estimate that the missing
    values took away; ``relative_increase`` is how much they added to its variance, relative to
    ``within``. ``df_complete`` are the degrees of freedom had nothing been missing.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    p_value: float
    null: float
    within: float
    between: float
    fraction_missing: float
    relative_increase: float
    df_complete: float
    m: int

    def _lines(self) -> list[str]:
        return [
            f"{interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)}, "
            f"p = {self.p_value:.3g}",
            f"{self.m} imputations, t with {self.df:.4g} df; "
            f"{100 * self.fraction_missing:.3g} % of the information missing",
        ]


def pool_imputations(
    estimates: Any,
    variances: Any,
    *,
    df_complete: Any = math.inf,
    null: float = 0.0,
    confidence_level: float = 0.95,
) -> PooledImputations:
    r"""Pool one estimate over imputed data sets by Rubin's rules.

    Parameters
    ----------
    estimates : array of shape (m,)
        The estimate in each imputed data set, at least two of them.
    variances : array of shape (m,)
        Its squared standard error in each.
    df_complete : float or array of shape (m,)
        Degrees of freedom of the analysis of one completed data set; infinite for a z-test. Where
        they differ between imputations, as Satterthwaite's do, their mean is taken.
    null : float
        The value that the p-value tests.
    confidence_level : float

    Returns
    -------
    PooledImputations

    Raises
    ------
    ValueError
        Fewer than two imputations, shapes that differ, a value that is missing or infinite, a
        variance that is not above zero, degrees of freedom that are not above zero or only some
        of them infinite.

    Notes
    -----
    With the mean variance :math:`\bar u`, the variance b of the estimates and
    :math:`t = \bar u + (1 + 1/m) b`, the interval is that of Student's t with standard error
    :math:`\sqrt t` and Barnard and Rubin's degrees of freedom

    .. math:: \frac{1}{\nu} = \frac{\lambda^2}{m - 1}
        + \left(\frac{\nu_c + 1}{\nu_c + 3}\,\nu_c\,(1 - \lambda)\right)^{-1},
        \qquad \lambda = \frac{(1 + 1/m)\,b}{t}

    where :math:`\nu_c` is ``df_complete``; for large samples the second term is zero. They never
    exceed :math:`\nu_c`. When all estimates agree (b = 0) they are
    :math:`\nu_c (\nu_c + 1)/(\nu_c + 3)`, a little fewer than :math:`\nu_c`, and the variance is
    that of the analyses. mice holds :math:`\lambda` at 0.0001 or above, the formula does not. With
    the relative increase :math:`r = (1 + 1/m) b / \bar u`, the fraction of missing information is
    :math:`(r + 2/(\nu + 3))/(1 + r)`, above zero even where b = 0 unless
    df are infinite. An analysis that failed on one of the completed data sets is an error here,
    not left out: the rest would no longer be a fair sample.

    References
    ----------
    Rubin (1987), doi 10.1002/9780470316696. Barnard & Rubin (1999), doi 10.1093/biomet/86.4.948.

    Examples
    --------
    >>> pool_imputations([4.1, 5.0, 4.6, 3.9], [1.2, 1.1, 1.3, 1.2], df_complete=28)
    4.4 (95 % CI 1.798 to 7.002), p = 0.00246
      4 imputations, t with 16.15 df; 28.8 % of the information missing
    """
    level = check_level(confidence_level)
    found, spread = _checked(estimates, "estimates"), _checked(variances, "variances")
    if len(found) != len(spread):
        raise ValueError(f"{len(found)} estimates and {len(spread)} variances; give one of each")
    if not (spread > 0).all():
        raise ValueError("variances must be above zero: squared standard errors of the analyses")
    m, complete = len(found), _complete(df_complete, len(found))
    within, between = float(spread.mean()), float(found.var(ddof=1))
    added = (1.0 + 1.0 / m) * between
    df = _barnard_rubin(added / (within + added), m, complete)
    estimate, error = float(found.mean()), math.sqrt(within + added)
    half, increase = quantile(df, level) * error, added / within
    return PooledImputations(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        confidence_level=level,
        std_error=error,
        df=df,
        p_value=two_sided_p(estimate - null, error, df),
        null=float(null),
        within=within,
        between=between,
        fraction_missing=(increase + 2.0 / (df + 3.0)) / (increase + 1.0),
        relative_increase=increase,
        df_complete=complete,
        m=m,
    )


def _barnard_rubin(share: float, m: int, complete: float) -> float:
    """Degrees of freedom; ``share`` is the part of the variance due to the missing values."""
    inverse = share**2 / (m - 1)
    if math.isfinite(complete):
        inverse += (complete + 3.0) / ((complete + 1.0) * complete * (1.0 - share))
    return 1.0 / inverse if inverse > 0 else math.inf


def _checked(values: Any, name: str) -> Array:
    array = as_float(values, name)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name} must be a list of at least two, one per imputed data set")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} must be numbers; number {place + 1} is {array[place]:g}: the analysis failed "
            "on that data set, so mend it there instead of leaving the data set out"
        )
    return array


def _complete(df_complete: Any, m: int) -> float:
    df = np.atleast_1d(as_float(df_complete, "df_complete"))
    if df.shape not in ((1,), (m,)):
        raise ValueError(f"df_complete must be one number or {m}, one per imputation")
    if not (df > 0).all():
        raise ValueError("df_complete must be above zero, infinite for a z-test")
    if np.isinf(df).any() and not np.isinf(df).all():
        raise ValueError("df_complete is infinite for some imputations only; use one kind of test")
    return float(df.mean())
