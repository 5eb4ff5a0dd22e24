"""Standardised effects: a difference of means in standard deviations, bias-corrected."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_result import (
    EffectSizes,
    implausible,
    require_correlation,
    require_sample,
    require_spread,
    small_sample_factor,
    study_columns,
)
from mnstudy.stats.result import check_option


def standardised_mean_change(
    mean_after: ArrayLike,
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    *,
    sd_after: ArrayLike | None = None,
    standardiser: Literal["raw", "change"] = "raw",
) -> EffectSizes:
    r"""Change of one group in standard deviations, bias-corrected.

    Parameters
    ----------
    mean_after, mean_before, sd_before : float or array
        Mean after and before, and standard deviation before, in the scale's own points.
    n : float or array
        Patients measured at both times.
    r : float or array
        Correlation of a patient's two values; rarely printed, see ``correlation_grid``.
    sd_after : float or array, optional
        Needed for ``standardiser="change"``.
    standardiser : {"raw", "change"}
        Divide by the standard deviation before (comparable with Hedges' g), or by that of the
        change scores (larger when r is high; not comparable with g).

    Notes
    -----
    raw: :math:`g = J(n-1)(m_1 - m_0)/s_0`, variance :math:`2(1-r)/n + g^2/(2n)`.
    change: :math:`g = J(n-1)(m_1 - m_0)/s_d`, :math:`s_d^2 = s_1^2 + s_0^2 - 2 r s_1 s_0`,
    variance :math:`1/n + g^2/(2n)`. metafor: ``SMCR`` and ``SMCC``. The raw variance takes the
    two standard deviations as equal. A change without a control group holds natural healing and
    regression to the mean as well.

    References
    ----------
    Becker (1988), doi 10.1111/j.2044-8317.1988.tb00901.x.
    Gibbons et al. (1993), doi 10.3102/10769986018003271.

    Examples
    --------
    >>> standardised_mean_change(12, 10, 3, 20, 0.5)
    0.6399 (SE 0.245)
      mean change in standard deviations before, bias-corrected
    """
    check_option("standardiser", standardiser, ("raw", "change"))
    if standardiser == "change" and sd_after is None:
        raise ValueError('standardiser="change" needs sd_after, the standard deviation after')
    after, before, sd0, size, corr, sd1 = study_columns(
        mean_after=mean_after,
        mean_before=mean_before,
        sd_before=sd_before,
        n=n,
        r=r,
        sd_after=sd_before if sd_after is None else sd_after,
    )
    require_spread(sd_before=sd0, sd_after=sd1)
    require_sample(n=size, least=3)
    require_correlation(corr)
    raw = standardiser == "raw"
    unit = sd0 if raw else np.sqrt(sd1**2 + sd0**2 - 2 * corr * sd1 * sd0)
    effect = small_sample_factor(size - 1) * (after - before) / unit
    words = "standard deviations before" if raw else "standard deviations of the change"
    return EffectSizes(
        effect=effect,
        variance=(2 * (1 - corr) if raw else 1.0) / size + effect**2 / (2 * size),
        measure="SMCR" if raw else "SMCC",
        method=f"mean change in {words}, bias-corrected",
        notes=implausible(effect),
    )


def hedges_g(
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n0: ArrayLike,
) -> EffectSizes:
    r"""Difference of two separate groups in pooled standard deviations, bias-corrected.

    Notes
    -----
    .. math:: g = J(m)\,\frac{\bar x_1 - \bar x_0}{s_p},\quad m = n_1 + n_0 - 2,\quad
              v = \frac{1}{n_1} + \frac{1}{n_0} + \frac{g^2}{2(n_1 + n_0)}

    metafor: ``SMD`` with ``vtype="LS"``.

    References
    ----------
    Hedges (1981), doi 10.3102/10769986006002107.

    Examples
    --------
    >>> hedges_g(62, 18, 20, 50, 20, 20)
    0.6182 (SE 0.324)
      difference in pooled standard deviations (Hedges' g)
    """
    m1, s1, size1, m0, s0, size0 = study_columns(
        mean1=mean1, sd1=sd1, n1=n1, mean0=mean0, sd0=sd0, n0=n0
    )
    require_spread(sd1=s1, sd0=s0)
    require_sample(n1=size1, n0=size0)
    df = size1 + size0 - 2
    pooled = np.sqrt(((size1 - 1) * s1**2 + (size0 - 1) * s0**2) / df)
    effect = small_sample_factor(df) * (m1 - m0) / pooled
    return EffectSizes(
        effect=effect,
        variance=1 / size1 + 1 / size0 + effect**2 / (2 * (size1 + size0)),
        measure="SMD",
        method="difference in pooled standard deviations (Hedges' g)",
        notes=implausible(effect),
    )


def hedges_g_paired(
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
) -> EffectSizes:
    r"""Difference of two sides of the same patients in pooled standard deviations.

    Parameters
    ----------
    mean1, sd1, mean0, sd0 : float or array
        Treated and control side.
    n : float or array
        Patients, each with both sides.
    r : float or array
        Correlation between the two sides of a patient.

    Notes
    -----
    .. math:: g = J(m)\,\frac{\bar x_1 - \bar x_0}{s},\quad s^2 = \frac{s_1^2 + s_0^2}{2},\quad
              m = \frac{2(n-1)}{1+r^2}

    .. math:: v = \frac{s_1^2 + s_0^2 - 2 r s_1 s_0}{(n-1)\,s^2}
              + \frac{g^2 (s_1^4 + s_0^4 + 2 r^2 s_1^2 s_0^2)}{8 (n-1)\,s^4}

    The variance is Bonett's; m is the df of :math:`s^2` when both sides share one standard
    deviation. The unit is that of ``hedges_g``, so split-body and two-group trials can be pooled.

    References
    ----------
    Bonett (2008), doi 10.1037/1082-989X.13.2.99. Becker (1988),
    doi 10.1111/j.2044-8317.1988.tb00901.x.

    Examples
    --------
    >>> hedges_g_paired(62, 18, 50, 20, 20, r=0.5)
    0.615 (SE 0.243)
      difference of two sides in pooled standard deviations (Hedges' g, paired)
    """
    m1, s1, m0, s0, size, corr = study_columns(mean1=mean1, sd1=sd1, mean0=mean0, sd0=sd0, n=n, r=r)
    require_spread(sd1=s1, sd0=s0)
    require_sample(n=size, least=3)
    require_correlation(corr)
    a, b = s1**2, s0**2
    square = (a + b) / 2
    effect = small_sample_factor(2 * (size - 1) / (1 + corr**2)) * (m1 - m0) / np.sqrt(square)
    shift = (a + b - 2 * corr * s1 * s0) / ((size - 1) * square)
    scale = effect**2 * (a**2 + b**2 + 2 * corr**2 * a * b) / (8 * (size - 1) * square**2)
    return EffectSizes(
        effect=effect,
        variance=shift + scale,
        measure="SMDP",
        method="difference of two sides in pooled standard deviations (Hedges' g, paired)",
        notes=implausible(effect),
    )
