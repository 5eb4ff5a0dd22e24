"""One proportion per study on a scale fit for pooling, and the way back.

A correction for zero cells touches only the studies that have one; which those are is in the
notes of the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from mnstudy.stats.meta.effect_cells import ZERO_CELL, corrected, no_zero_cell, require_counts
from mnstudy.stats.meta.effect_result import Array, EffectSizes, require, study_columns


def logit_proportion(events: ArrayLike, n: ArrayLike, *, correction: float = 0.5) -> EffectSizes:
    r"""Log odds of one proportion (metafor ``PLO``); back with ``proportion_from_logit``.

    Notes
    -----
    :math:`\log(e/(n-e))` with variance :math:`1/e + 1/(n-e)`. ``correction`` is added to both
    cells of a study with none or all events, and to no other; with 0 such a study is refused.

    References
    ----------
    Viechtbauer (2010), doi 10.18637/jss.v036.i03.

    Examples
    --------
    >>> logit_proportion([3, 0], [40, 25])
    -2.512 (SE 0.6), -3.932 (SE 1.43)
      log odds of a proportion
      note: 0.5 added to the cells of study 2 (zero cell)
    """
    e, size = study_columns(events=events, n=n)
    require_counts(e, size, "events", "n")
    (e, f), notes = corrected([e, size - e], correction)
    require(no_zero_cell(e, f), "events", e, ZERO_CELL)
    return EffectSizes(
        effect=np.log(e / f),
        variance=1 / e + 1 / f,
        measure="PLO",
        method="log odds of a proportion",
        notes=notes,
    )


def arcsine_proportion(events: ArrayLike, n: ArrayLike, *, double: bool = True) -> EffectSizes:
    r"""Arcsine of one proportion, whose variance does not depend on the proportion.

    Parameters
    ----------
    events, n : float or array
    double : bool
        Freeman-Tukey double arcsine (metafor ``PFT``), else the plain one (``PAS``). No zero cell
        needs a correction in either.

    Notes
    -----
    double: :math:`\tfrac12\left(\arcsin\sqrt{e/(n+1)} + \arcsin\sqrt{(e+1)/(n+1)}\right)`,
    variance :math:`1/(4n+2)`; plain: :math:`\arcsin\sqrt{e/n}`, variance :math:`1/(4n)`.
    Back-transforming a pooled double arcsine needs one n for all studies and can mislead when
    the studies differ much in size (Schwarzer et al. 2019, doi 10.1002/jrsm.1348).

    References
    ----------
    Freeman & Tukey (1950), doi 10.1214/aoms/1177729756.

    Examples
    --------
    >>> arcsine_proportion([3, 0], [40, 25])
    0.2958 (SE 0.0786), 0.0987 (SE 0.099)
      Freeman-Tukey double arcsine of a proportion
    """
    e, size = study_columns(events=events, n=n)
    require_counts(e, size, "events", "n")
    if double:
        low, high = np.sqrt(e / (size + 1)), np.sqrt((e + 1) / (size + 1))
        effect, variance = (np.arcsin(low) + np.arcsin(high)) / 2, 1 / (4 * size + 2)
    else:
        effect, variance = np.arcsin(np.sqrt(e / size)), 1 / (4 * size)
    kind = "Freeman-Tukey double arcsine" if double else "arcsine"
    return EffectSizes(
        effect=effect,
        variance=variance,
        measure="PFT" if double else "PAS",
        method=f"{kind} of a proportion",
    )


def proportion_from_logit(values: ArrayLike) -> Array:
    """Proportions from log odds.

    Examples
    --------
    >>> proportion_from_logit([0.0, -2.0]).round(4)
    array([0.5   , 0.1192])
    """
    return expit(np.asarray(values, dtype=float))


def proportion_from_arcsine(values: ArrayLike, *, n: ArrayLike | None = None) -> Array:
    r"""Proportions from arcsines; values outside the transform's range give 0 or 1.

    Parameters
    ----------
    values : array
        Effects of ``arcsine_proportion`` or a pooled one.
    n : float or array, optional
        Given, the values are double arcsines and n is the sample size: each study's own, or for
        a pooled value every study's n, of which the harmonic mean is taken.

    Notes
    -----
    plain: :math:`\sin^2 x`; double: :math:`\tfrac12\{1 - \mathrm{sgn}(\cos 2x)
    [1 - (\sin 2x + (\sin 2x - 1/\sin 2x)/n)^2]^{1/2}\}`.

    References
    ----------
    Miller (1978), doi 10.1080/00031305.1978.10479283.

    Examples
    --------
    >>> proportion_from_arcsine(arcsine_proportion([3, 0], [40, 25]).effect, n=[40, 25])
    array([0.075, 0.   ])
    >>> proportion_from_arcsine(0.2, n=[40, 25]).round(4)
    np.float64(0.0261)
    """
    x = np.asarray(values, dtype=float)
    if n is None:
        return np.sin(np.clip(x, 0, np.pi / 2)) ** 2
    size = np.asarray(n, dtype=float)
    if size.shape != x.shape:
        size = np.asarray(1 / np.mean(1 / size))
    low, high = np.arcsin(np.sqrt(1 / (size + 1))) / 2, np.pi / 2
    s = np.sin(2 * np.clip(x, low, high - low))
    inner = 1 - (s + (s - 1 / s) / size) ** 2
    return 0.5 * (1 - np.sign(np.cos(2 * x)) * np.sqrt(np.clip(inner, 0, 1)))
