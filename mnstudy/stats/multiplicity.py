"""Several questions at once: p-values and interval levels for a family declared beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnstudy.stats.result import check_level, check_number


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    r"""Adjust p-values so that the chance of any false finding in the family stays at the level.

    Parameters
    ----------
    p_values : array
        All p-values of the family, those of no interest too.

    Returns
    -------
    array
        Adjusted p-values in the order given.

    Raises
    ------
    ValueError
        For a missing p-value, or one outside 0 to 1: a question without an answer still belongs
        to the family, so decide whether it was asked.

    Notes
    -----
    For ordered :math:`p_{(1)} \le \ldots \le p_{(m)}` the adjusted value is
    :math:`\max_{j \le i} \min\{1, (m-j+1)\,p_{(j)}\}`. Valid under any dependence. There is no
    interval of matching width; use ``bonferroni_level`` for intervals. The same as
    ``statsmodels.stats.multitest.multipletests``, which collects garbage in every call: a tenth of
    a second each time, too long for thousands of simulated studies.

    References
    ----------
    Holm (1979), https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not len(p):
        raise ValueError("p_values must be a list of at least one p-value")
    if not ((p >= 0) & (p <= 1)).all():
        place = int(np.flatnonzero(~((p >= 0) & (p <= 1)))[0])
        raise ValueError(f"p_values must lie from 0 to 1; number {place + 1} is {p[place]:g}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(
        np.minimum((len(p) - np.arange(len(p))) * p[order], 1.0)
    )
    return adjusted


def bonferroni_level(confidence_level: float, m: int) -> float:
    r"""Level each of m intervals needs so that all hold together: :math:`1 - (1-c)/m`.

    References
    ----------
    Dunn (1961), doi 10.1080/01621459.1961.10482090.

    Examples
    --------
    >>> round(bonferroni_level(0.95, 5), 4)
    0.99
    """
    check_number(m=m)
    if int(m) != m or m < 1:
        raise ValueError(f"m must be a whole number of comparisons, at least 1, not {m}")
    return check_level(1.0 - (1.0 - check_level(confidence_level)) / int(m))
