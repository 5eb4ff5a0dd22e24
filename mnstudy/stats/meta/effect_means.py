"""Effects in the scale's own points or in percent: differences, single means, percent change."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_result import (
    EffectSizes,
    require,
    require_correlation,
    require_sample,
    require_spread,
    study_columns,
)


def mean_difference(
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n0: ArrayLike,
    *,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Difference of two means in the scale's own points.

    Parameters
    ----------
    mean1, sd1, n1, mean0, sd0, n0 : float or array
        First and second group, side or time.
    r : float or array, optional
        Correlation within a patient. Given, the two means are of the same patients (n1 = n0).

    Notes
    -----
    Separate groups: :math:`v = s_1^2/n_1 + s_0^2/n_0` (metafor ``MD``). Same patients:
    :math:`v = (s_1^2 + s_0^2 - 2 r s_1 s_0)/n` (metafor ``MC``).

    References
    ----------
    Elbourne et al. (2002), doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> mean_difference(62, 18, 20, 50, 20, 20, r=0.5)
    12 (SE 4.27)
      mean difference of the same patients
    """
    m1, s1, size1, m0, s0, size0, corr = study_columns(
        mean1=mean1, sd1=sd1, n1=n1, mean0=mean0, sd0=sd0, n0=n0, r=0.0 if r is None else r
    )
    require_spread(sd1=s1, sd0=s0)
    require_sample(n1=size1, n0=size0)
    require_correlation(corr)
    if r is not None:
        require(size1 == size0, "n0", size0, "equal to n1 when r is given (the same patients)")
    variance = s1**2 / size1 + s0**2 / size0 - 2 * corr * s1 * s0 / np.sqrt(size1 * size0)
    return EffectSizes(
        effect=m1 - m0,
        variance=variance,
        measure="MD" if r is None else "MC",
        method=f"mean difference of {'separate groups' if r is None else 'the same patients'}",
    )


def single_mean(mean: ArrayLike, sd: ArrayLike, n: ArrayLike) -> EffectSizes:
    r"""Mean of one group, variance :math:`s^2/n` (metafor ``MN``).

    Use it for a mean percent improvement that patients or raters gave directly.

    References
    ----------
    Viechtbauer (2010), doi 10.18637/jss.v036.i03.

    Examples
    --------
    >>> single_mean(62, 18, 20)
    62 (SE 4.02)
      mean of one group
    """
    mean_, sd_, size = study_columns(mean=mean, sd=sd, n=n)
    require_spread(sd=sd_)
    require_sample(n=size)
    return EffectSizes(
        effect=mean_, variance=sd_**2 / size, measure="MN", method="mean of one group"
    )


def mean_percent_change(
    mean_after: ArrayLike,
    sd_after: ArrayLike,
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
) -> EffectSizes:
    r"""Change of the group's mean in percent of the mean before; negative is a fall.

    Notes
    -----
    .. math:: 100\left(\frac{m_1}{m_0} - 1\right),\quad v = \left(100\frac{m_1}{m_0}\right)^2
              \frac{1}{n}\left(\frac{s_1^2}{m_1^2} + \frac{s_0^2}{m_0^2}
              - \frac{2 r s_1 s_0}{m_1 m_0}\right)

    The delta method on the log ratio (metafor ``ROMC``), brought to percent. It is the change of
    the mean, not the mean of the patients' changes; for that use ``single_mean``. Both means must
    be above 0 on a scale with a true zero.

    References
    ----------
    Lajeunesse (2011), doi 10.1890/11-0423.1.

    Examples
    --------
    >>> mean_percent_change(6, 2, 10, 2.5, 30, r=0.5)
    -40 (SE 3.29)
      change of the mean in percent of the mean before
    """
    m1, s1, m0, s0, size, corr = study_columns(
        mean_after=mean_after,
        sd_after=sd_after,
        mean_before=mean_before,
        sd_before=sd_before,
        n=n,
        r=r,
    )
    require_spread(mean_after=m1, sd_after=s1, mean_before=m0, sd_before=s0)
    require_sample(n=size)
    require_correlation(corr)
    c1, c0 = s1 / m1, s0 / m0
    relative = (c1**2 + c0**2 - 2 * corr * c1 * c0) / size
    return EffectSizes(
        effect=100 * (m1 / m0 - 1),
        variance=(100 * m1 / m0) ** 2 * relative,
        measure="PCTCHANGE",
        method="change of the mean in percent of the mean before",
    )
