"""Effects of two groups' counts: log odds ratio and risk difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_cells import ZERO_CELL, two_groups
from mnstudy.stats.meta.effect_result import EffectSizes, require


def log_odds_ratio(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    *,
    correction: float = 0.5,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Log odds ratio of an event, first group against second.

    Parameters
    ----------
    events1, n1, events0, n0 : float or array
        Patients (or sides) with the event, and in all.
    correction : float
        Added to the four cells of a table that has a zero cell, and to no other. With 0 such a
        table is refused.
    r : float or array, optional
        Correlation of the yes/no outcome between the two sides of a patient. Given, the margins
        are those of the same patients (n1 = n0).

    Notes
    -----
    .. math:: v = \frac1{e_1} + \frac1{n_1-e_1} + \frac1{e_0} + \frac1{n_0-e_0}
              - \frac{2 r}{n\sqrt{p_1 q_1 p_0 q_0}}

    the last term for the same patients only: the delta method with covariance
    :math:`r\sqrt{p_1 q_1 p_0 q_0}/n` of the two proportions. metafor: ``OR`` and ``MPORM``.

    References
    ----------
    Woolf (1955), doi 10.1111/j.1469-1809.1955.tb01348.x. Elbourne et al. (2002),
    doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> log_odds_ratio(12, 20, 6, 20)
    1.253 (SE 0.668)
      log odds ratio of separate groups
    """
    tables = two_groups(events1, n1, events0, n0, correction, r)
    require(tables.no_zero, "events1", tables.events1, ZERO_CELL)
    e1, f1, e0, f0 = tables.events1, tables.rest1, tables.events0, tables.rest0
    size1, size0 = e1 + f1, e0 + f0
    shared = 2 * tables.correlation * np.sqrt(size1 / (e1 * f1)) * np.sqrt(size0 / (e0 * f0))
    return EffectSizes(
        effect=np.log(e1 / f1) - np.log(e0 / f0),
        variance=1 / e1 + 1 / f1 + 1 / e0 + 1 / f0 - shared,
        measure="MPORM" if tables.paired else "OR",
        method=f"log odds ratio of {tables.whose}",
        notes=tables.notes,
    )


def risk_difference_effect(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    *,
    correction: float = 0.5,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Difference of two proportions with its Wald variance, for pooling.

    For the interval of one study use ``risk_difference``, which holds in small samples.

    Parameters
    ----------
    events1, n1, events0, n0 : float or array
        Patients (or sides) with the event, and in all.
    correction : float
        Added to the four cells of a table that has a zero cell, and to no other. With 0 the
        proportions stay as observed; a variance of zero is then refused.
    r : float or array, optional
        Correlation of the yes/no outcome between the two sides of a patient (n1 = n0).

    Notes
    -----
    .. math:: v = \frac{p_1 q_1}{n_1} + \frac{p_0 q_0}{n_0} - \frac{2 r\sqrt{p_1 q_1 p_0 q_0}}{n}

    metafor: ``RD`` and ``MPRD``.

    References
    ----------
    Elbourne et al. (2002), doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> risk_difference_effect(12, 20, 6, 20)
    0.3 (SE 0.15)
      risk difference of separate groups
    """
    tables = two_groups(events1, n1, events0, n0, correction, r)
    e1, f1, e0, f0 = tables.events1, tables.rest1, tables.events0, tables.rest0
    size1, size0 = e1 + f1, e0 + f0
    v1, v0 = e1 * f1 / size1**3, e0 * f0 / size0**3
    variance = v1 + v0 - 2 * tables.correlation * np.sqrt(v1 * v0)
    require(variance > 0, "variance", variance, "above 0, which needs correction=0.5 here")
    return EffectSizes(
        effect=e1 / size1 - e0 / size0,
        variance=variance,
        measure="MPRD" if tables.paired else "RD",
        method=f"risk difference of {tables.whose}",
        notes=tables.notes,
    )
