"""Meta-analysis of effects with known sampling variances, such as those of ``effect_sizes``.

Same numbers as metafor's ``rma(yi, vi, method=, test="knha")``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from mnstudy.stats.meta.between_studies import (
    ESTIMATORS,
    i_squared,
    q_p_value,
    q_statistic,
    tau2_interval,
)
from mnstudy.stats.meta.effect_sizes import Array, weighted_studies
from mnstudy.stats.result import SmallResult, check_level, check_option, interval, percent

METHODS = {
    "reml": "random effects (REML)",
    "pm": "random effects (Paule-Mandel)",
    "dl": "random effects (DerSimonian-Laird)",
    "common": "common effect",
}
ADJUSTMENTS = {
    True: "Knapp-Hartung",
    False: "Wald",
    "adhoc": "Knapp-Hartung, never below the Wald error",
}
Method = Literal["reml", "pm", "dl", "common"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pooled(SmallResult):
    """Studies taken together: the mean effect, its interval, and how much studies differ.

    ``prediction_low`` and ``prediction_high`` enclose the true effect of a new study of the same
    kind; they, not the confidence interval, say what the next clinic may expect. ``tau2`` is the
    variance of true effects between studies with its Q-profile interval, ``i2`` its share of all
    variance in percent. ``weights`` are percents, in the order of ``labels``. A value that does
    not exist (one study; a common effect's tau² interval) is nan and ``notes`` says why.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    p_value: float
    prediction_low: float
    prediction_high: float
    tau2: float
    tau2_ci_low: float
    tau2_ci_high: float
    i2: float
    q: float
    q_p_value: float
    k: int
    method: str
    knapp_hartung: bool | str
    labels: tuple[str, ...]
    weights: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """All notes in one text, empty when there is none."""
        return "; ".join(self.notes)

    @property
    def description(self) -> str:
        """The method in words, from the arguments."""
        if self.k == 1:
            return "one study, Wald interval"
        law = "normal" if math.isinf(self.df) else f"t with {self.df:g} df"
        return f"{METHODS[self.method]}, {ADJUSTMENTS[self.knapp_hartung]} interval, {law}"

    def _lines(self) -> list[str]:
        level = percent(self.confidence_level)
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        lines = [f"{main}, p = {self.p_value:.3g}, k = {self.k}"]
        if self.k > 1:
            spread = f"{self.prediction_low:.4g} to {self.prediction_high:.4g}"
            lines.append(f"new study: {level} prediction interval {spread}")
            scale = f"{self.tau2:.4g} ({self.tau2_ci_low:.4g} to {self.tau2_ci_high:.4g})"
            test = f"Q = {self.q:.4g}, p = {self.q_p_value:.3g}"
            lines.append(f"between studies: tau² {scale}, I² {self.i2:.3g} %, {test}")
        return [*lines, self.description]


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
    tau2 = ESTIMATORS[method](y, v) if len(y) > 1 else math.nan
    w = 1.0 / (v if len(y) == 1 else v + tau2)
    return Pooled(
        **_mean_fields(y, w, tau2, adjusted, level),
        **_between_fields(y, v, tau2, method, level),
        confidence_level=level,
        k=len(y),
        method=method,
        knapp_hartung=adjusted,
        labels=names,
        weights=tuple((100.0 * w / w.sum()).tolist()),
        notes=_method_notes(y, v, tau2, method, knapp_hartung),
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
    rest = [pool(np.delete(y, i), np.delete(v, i), **options) for i in range(len(y))]
    frame = pd.concat([pooled.to_frame() for pooled in rest], ignore_index=True)
    frame.insert(0, "left_out", names)
    return frame


def _studies(
    effects: ArrayLike, variances: ArrayLike, labels: Sequence[str] | None
) -> tuple[Array, Array, tuple[str, ...]]:
    y, v = weighted_studies(effects, variances)
    names = tuple(str(i + 1) for i in range(len(y))) if labels is None else tuple(labels)
    if len(names) != len(y):
        raise ValueError(f"{len(names)} labels for {len(y)} studies; give one each")
    return y, v, names


def quantile(df: float, confidence_level: float) -> float:
    """Two-sided quantile of t, or of the normal distribution when df is infinite."""
    tail = (1.0 + confidence_level) / 2.0
    return float(special.ndtri(tail) if math.isinf(df) else special.stdtrit(df, tail))


def two_sided_p(estimate: float, std_error: float, df: float) -> float:
    """Two-sided p-value of t or z; an error of zero leaves no doubt except about zero itself."""
    if std_error == 0:
        return 1.0 if estimate == 0 else 0.0
    t = -abs(estimate) / std_error
    return float(2.0 * (special.ndtr(t) if math.isinf(df) else special.stdtr(df, t)))


def _mean_fields(
    y: Array, w: Array, tau2: float, adjusted: bool | str, level: float
) -> dict[str, float]:
    """Estimate, error, test, confidence and prediction interval."""
    mean = float(w @ y / w.sum())
    df = math.inf if adjusted is False else float(len(y) - 1)
    factor = 1.0
    if adjusted is not False:
        factor = float(w @ (y - mean) ** 2) / df
    if adjusted == "adhoc":
        factor = max(factor, 1.0)
    error = math.sqrt(factor / w.sum())
    reach = quantile(df, level)
    spread = reach * math.sqrt(tau2 + error**2)
    return {
        "estimate": mean,
        "ci_low": mean - reach * error,
        "ci_high": mean + reach * error,
        "std_error": error,
        "df": df,
        "p_value": two_sided_p(mean, error, df),
        "prediction_low": mean - spread,
        "prediction_high": mean + spread,
    }


def _between_fields(y: Array, v: Array, tau2: float, method: str, level: float) -> dict[str, float]:
    """How much the studies differ; nan throughout for one study."""
    low = high = i2 = q = p = math.nan
    df = len(y) - 1
    if df:
        q = q_statistic(y, v)
        p = q_p_value(q, df)
        i2 = i_squared(v, tau2)
        if method == "common":
            i2 = 100.0 * max(0.0, 1.0 - df / q) if q > 0 else 0.0
        else:
            low, high = tau2_interval(y, v, level)
    return {
        "tau2": tau2,
        "tau2_ci_low": low,
        "tau2_ci_high": high,
        "i2": i2,
        "q": q,
        "q_p_value": p,
    }


def _method_notes(
    y: Array, v: Array, tau2: float, method: str, asked: bool | str
) -> tuple[str, ...]:
    """Every decision that the reader did not make, in words."""
    if len(y) == 1:
        return (
            "one study: nothing is pooled; the interval is the study's own (normal), and tau², "
            "I² and a prediction interval do not exist",
        )
    if method == "common":
        rule = "tau² is taken as 0, so the prediction interval is the confidence interval"
        unused = ("Knapp-Hartung does not apply to a common effect",) if asked else ()
        return (rule, *unused)
    factor = q_statistic(y, v, tau2) / (len(y) - 1)
    # At an inner REML or Paule-Mandel solution the factor is about 1, give or take rounding.
    if not asked or factor > 1.0 - 1e-6:
        return ()
    done = "set to 1 (adhoc)" if asked == "adhoc" else "interval narrower than by the Wald error"
    return (f"Knapp-Hartung factor {factor:.3g} below 1: {done}",)
