"""Effect sizes of counts: of two groups, and of one proportion with the way back from its scale.

A correction for zero cells touches only the studies that have one; which those are is in the
notes of the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_sizes import (
    Array,
    EffectSizes,
    Mask,
    require,
    require_correlation,
    require_spread,
    study_columns,
)

ZERO_CELL = "such that no cell is zero when correction is 0"


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
    (e1, f1, e0, f0), correlation, notes = _two_groups(events1, n1, events0, n0, correction, r)
    require(_no_zero_cell(e1, f1, e0, f0), "events1", e1, ZERO_CELL)
    size1, size0 = e1 + f1, e0 + f0
    shared = 2 * correlation * np.sqrt(size1 / (e1 * f1)) * np.sqrt(size0 / (e0 * f0))
    return EffectSizes(
        effect=np.log(e1 / f1) - np.log(e0 / f0),
        variance=1 / e1 + 1 / f1 + 1 / e0 + 1 / f0 - shared,
        measure="OR" if r is None else "MPORM",
        method=f"log odds ratio of {_whose(r)}",
        notes=notes,
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
    (e1, f1, e0, f0), correlation, notes = _two_groups(events1, n1, events0, n0, correction, r)
    size1, size0 = e1 + f1, e0 + f0
    v1, v0 = e1 * f1 / size1**3, e0 * f0 / size0**3
    variance = v1 + v0 - 2 * correlation * np.sqrt(v1 * v0)
    require(variance > 0, "variance", variance, "above 0, which needs correction=0.5 here")
    return EffectSizes(
        effect=e1 / size1 - e0 / size0,
        variance=variance,
        measure="RD" if r is None else "MPRD",
        method=f"risk difference of {_whose(r)}",
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
    _require_counts(e, size, "events", "n")
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


def _whose(r: ArrayLike | None) -> str:
    return "separate groups" if r is None else "the same patients"


def _two_groups(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    correction: float,
    r: ArrayLike | None,
) -> tuple[list[Array], Array, tuple[str, ...]]:
    """Events and others of the first and the second group, zero cells corrected where asked.

    With them the correlation within patients, and notes on what was corrected.
    """
    e1, size1, e0, size0, correlation = study_columns(
        events1=events1, n1=n1, events0=events0, n0=n0, r=0.0 if r is None else r
    )
    _require_counts(e1, size1, "events1", "n1")
    _require_counts(e0, size0, "events0", "n0")
    require_correlation(correlation)
    if r is not None:
        require(size1 == size0, "n0", size0, "equal to n1 when r is given (the same patients)")
    cells, notes = _corrected([e1, size1 - e1, e0, size0 - e0], correction)
    return cells, correlation, notes


def _require_counts(events: Array, size: Array, events_name: str, size_name: str) -> None:
    """Require events between none and all."""
    require_spread(**{size_name: size})
    require((events >= 0) & (events <= size), events_name, events, f"from 0 to {size_name}")


def _no_zero_cell(*cells: Array) -> Mask:
    """Mark the studies where every cell is above zero."""
    return np.logical_and.reduce([cell > 0 for cell in cells])


def _corrected(cells: list[Array], correction: float) -> tuple[list[Array], tuple[str, ...]]:
    """Add the correction to all cells of the studies with a zero one, and note which those are."""
    if correction < 0:
        raise ValueError(f"correction must be 0 or more, not {correction:g}")
    zero = ~_no_zero_cell(*cells)
    if correction == 0 or not zero.any():
        return cells, ()
    studies = ", ".join(str(index + 1) for index in np.flatnonzero(zero))
    note = f"{correction:g} added to the cells of study {studies} (zero cell)"
    return [cell + correction * zero for cell in cells], (note,)
