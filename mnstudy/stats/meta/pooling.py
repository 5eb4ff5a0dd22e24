"""Meta-analysis of effects with known sampling variances.

Same numbers as metafor's ``rma(yi, vi, method=, test="knha")``. Effects with variances come from
``effect_sizes``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mnstudy.stats.meta import between_studies
from mnstudy.stats.meta.effect_result import Array, EffectSizes, require, study_columns
from mnstudy.stats.meta.pooled_parts import between_fields, mean_fields, method_notes
from mnstudy.stats.meta.pooled_result import ADJUSTMENTS, METHODS, Pooled
from mnstudy.stats.meta.small_studies import Egger, egger
from mnstudy.stats.result import check_level, check_option

__all__ = ["Egger", "Pooled", "correlation_grid", "egger", "leave_one_out", "pool"]

Method = Literal["reml", "pm", "dl", "common"]


def pool(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    method: Method = "reml",
    knapp_hartung: bool | Literal["adhoc"] = True,
    confidence_level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> Pooled:
    r"""Pool the effects of several studies.

    Parameters
    ----------
    effects, variances : array
        One effect and its sampling variance (the squared standard error) per study.
    method : {"reml", "pm", "dl", "common"}
        How the variance between studies is estimated; "common" assumes there is none.
    knapp_hartung : bool or "adhoc"
        True: standard error from the scatter of the effects, t with k - 1 df. "adhoc": the same,
        but never below the Wald error. False: Wald, normal. A common effect is always Wald; the
        result says so.
    confidence_level : float
    labels : sequence of str, optional
        Names of the studies, "1" to "k" when not given.

    Returns
    -------
    Pooled

    Raises
    ------
    ValueError
        For a missing effect, a variance that is not above 0, or an unknown option.

    Notes
    -----
    With :math:`w_i = 1/(v_i + \tau^2)` the estimate is :math:`\hat\mu = \sum w_i y_i/\sum w_i`,
    the Wald error :math:`(\sum w_i)^{-1/2}`; Knapp-Hartung multiplies it by
    :math:`\{\sum w_i (y_i - \hat\mu)^2/(k-1)\}^{1/2}`. That factor can be below 1, which makes
    the interval narrower than Wald's for few similar studies: the notes then say so, "adhoc" sets
    it to 1. Prediction interval: :math:`\hat\mu \pm c\,(\tau^2 + se^2)^{1/2}` with the quantile
    c of the test used, that is t with k - 1 df under Knapp-Hartung, else normal; k - 2 df is also
    in use (Higgins et al. 2009, doi 10.1111/j.1467-985X.2008.00552.x). Studies must be
    independent: one effect per group of patients.

    References
    ----------
    Knapp & Hartung (2003), doi 10.1002/sim.1482. Röver et al. (2015), doi
    10.1186/s12874-015-0091-1. Partlett & Riley (2017), doi 10.1002/sim.7140. Viechtbauer (2010),
    doi 10.18637/jss.v036.i03.

    Examples
    --------
    >>> pool([0.10, 0.55, 0.32, 0.75], [0.04, 0.05, 0.03, 0.06])
    0.4014 (95 % CI -0.03099 to 0.8337), p = 0.0598, k = 4
      new study: 95 % prediction interval -0.273 to 1.076
      between studies: tau² 0.02645 (0 to 1.053), I² 38 %, Q = 4.936, p = 0.177
      random effects (REML), Knapp-Hartung interval, t with 3 df
    """
    check_option("method", method, tuple(METHODS))
    check_option("knapp_hartung", knapp_hartung, tuple(ADJUSTMENTS))
    level = check_level(confidence_level)
    y, v, names = _studies(effects, variances, labels)
    adjusted = False if method == "common" or len(y) == 1 else knapp_hartung
    tau2 = between_studies.ESTIMATORS[method](y, v) if len(y) > 1 else math.nan
    w = 1.0 / (v if len(y) == 1 else v + tau2)
    return Pooled(
        **mean_fields(y, w, tau2, adjusted, level),
        **between_fields(y, v, tau2, method, level),
        confidence_level=level,
        k=len(y),
        method=method,
        knapp_hartung=adjusted,
        labels=names,
        weights=tuple((100.0 * w / w.sum()).tolist()),
        notes=method_notes(y, v, tau2, method, knapp_hartung),
    )


def leave_one_out(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Pool again without each study in turn.

    Parameters
    ----------
    effects, variances, labels
        As for ``pool``; at least two studies.
    **options
        Passed to ``pool``.

    Returns
    -------
    DataFrame
        One row per study left out (column ``left_out``), with the columns of
        ``Pooled.to_frame()``.

    References
    ----------
    Viechtbauer & Cheung (2010), doi 10.1002/jrsm.11.

    Examples
    --------
    >>> effects, variances = [0.10, 0.55, 0.32, 0.75], [0.04, 0.05, 0.03, 0.06]
    >>> leave_one_out(effects, variances)[["left_out", "estimate", "k"]].round(3)
      left_out  estimate  k
    0        1     0.495  3
    1        2     0.364  3
    2        3     0.448  3
    3        4     0.309  3
    """
    y, v, names = _studies(effects, variances, labels)
    if len(y) < 2:
        raise ValueError("leave_one_out needs at least 2 studies; there is 1")
    rows = []
    for index, name in enumerate(names):
        kept = np.arange(len(y)) != index
        rows.append(pool(y[kept], v[kept], **options).to_frame().assign(left_out=name))
    return _first("left_out", pd.concat(rows, ignore_index=True))


def correlation_grid(
    effects_at: Callable[[float], EffectSizes | Pooled],
    rs: Sequence[float] = (0.3, 0.5, 0.7),
    **options: Any,
) -> pd.DataFrame:
    """Pool again for each value of a within-person correlation that articles do not print.

    Parameters
    ----------
    effects_at : callable
        Takes a correlation and gives the ``EffectSizes`` under it (or a ``Pooled``).
    rs : sequence of float
        Correlations to try.
    **options
        Passed to ``pool``.

    Returns
    -------
    DataFrame
        One row per correlation (column ``r``), with the columns of ``Pooled.to_frame()``.

    Examples
    --------
    >>> from mnstudy.stats.meta.effect_sizes import standardised_mean_change
    >>> grid = correlation_grid(
    ...     lambda r: standardised_mean_change([12, 13], 10, 3, [20, 30], r), method="dl"
    ... )
    >>> grid[["r", "estimate", "std_error"]].round(3)
         r  estimate  std_error
    0  0.3     0.828      0.166
    1  0.5     0.824      0.166
    2  0.7     0.814      0.167
    """
    if not len(rs):
        raise ValueError("rs must hold at least one correlation, such as (0.3, 0.5, 0.7)")
    rows = []
    for r in rs:
        found = effects_at(r)
        pooled = (
            found if isinstance(found, Pooled) else pool(found.effect, found.variance, **options)
        )
        rows.append(pooled.to_frame().assign(r=float(r)))
    return _first("r", pd.concat(rows, ignore_index=True))


def _first(column: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[column, *frame.columns.drop(column)]]


def _studies(
    effects: ArrayLike, variances: ArrayLike, labels: Sequence[str] | None
) -> tuple[Array, Array, tuple[str, ...]]:
    y, v = study_columns(effects=effects, variances=variances)
    require(v > 0, "variances", v, "above 0")
    names = tuple(str(i + 1) for i in range(len(y))) if labels is None else tuple(labels)
    if len(names) != len(y):
        raise ValueError(f"{len(names)} labels for {len(y)} studies; give one each")
    return y, v, names
