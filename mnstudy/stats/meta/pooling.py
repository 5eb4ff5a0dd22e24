"""Meta-analysis of effects with known sampling variances, such as those of ``effect_sizes``.

Same numbers as metafor's ``rma(yi, vi, method=, test="knha")``; with a prior on the spread of true
effects those of bayesmeta's ``interval.type = "central"``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq

from mnstudy.packaged import packaged
from mnstudy.stats.meta.between_studies import (
    ESTIMATORS,
    i_squared,
    q_p_value,
    q_statistic,
    tau2_interval,
    tau_posterior,
)
from mnstudy.stats.meta.effect_sizes import HUGE, Array, weighted_studies
from mnstudy.stats.result import (
    SmallResult,
    check_level,
    check_number,
    check_option,
    interval,
    percent,
)

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
ONE_STUDY = (
    "one study: nothing is pooled; the interval is the study's own (normal), and tau², "
    "I² and a prediction interval do not exist"
)


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
    def interval_kind(self) -> str:
        """What the intervals are: "confidence"."""
        return "confidence"

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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PooledPosterior(SmallResult):
    """A few studies taken together with a half-normal prior on tau, the spread of true effects.

    ``estimate`` is the posterior median of the mean effect and ``std_error`` its posterior standard
    deviation; ``ci_low`` and ``ci_high`` are the limits of a central credible interval, as
    ``interval_kind`` says: not a promise about repeated studies. ``tau`` is the posterior median
    with central limits, which are above 0 even where the studies agree. ``prediction_low`` and
    ``prediction_high`` enclose the true effect of a new study. ``shrunken`` are the true effects of
    the studies themselves (posterior medians, with ``shrunken_low`` and ``shrunken_high``), in the
    order of ``labels``. One study is shown as it is, with its own confidence interval.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    prediction_low: float
    prediction_high: float
    tau: float
    tau_ci_low: float
    tau_ci_high: float
    tau_prior: float
    k: int
    interval_kind: str
    labels: tuple[str, ...]
    shrunken: tuple[float, ...]
    shrunken_low: tuple[float, ...]
    shrunken_high: tuple[float, ...]
    mixture: tuple[tuple[float, float, float], ...]
    notes: tuple[str, ...] = ()

    def chance_above(self, margin: float) -> float:
        """Posterior probability that the mean effect exceeds the margin.

        Examples
        --------
        >>> round(pool([0.35, 1.10], [0.05, 0.08], tau_prior=0.5).chance_above(0.5), 4)
        0.7188
        """
        check_number(margin=margin)
        share, mean, error = np.array(self.mixture).T
        return float(share @ special.ndtr((mean - margin) / error))

    @property
    def description(self) -> str:
        """The method in words, from the arguments."""
        if self.k == 1:
            return "one study, Wald interval"
        return f"half-normal prior on tau (scale {self.tau_prior:g}), flat prior on the mean"

    def _lines(self) -> list[str]:
        kind = "CI" if self.k == 1 else "credible interval"
        level = percent(self.confidence_level)
        spread = f"({level} {kind} {self.ci_low:.4g} to {self.ci_high:.4g})"
        lines = [f"{self.estimate:.4g} {spread}, k = {self.k}"]
        if self.k > 1:
            new = f"{self.prediction_low:.4g} to {self.prediction_high:.4g}"
            scale = f"{self.tau:.4g} ({self.tau_ci_low:.4g} to {self.tau_ci_high:.4g})"
            lines += [
                f"new study: {level} prediction interval {new}",
                f"between studies: tau {scale}",
            ]
        return [*lines, self.description]


@overload
def pool(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    method: Method = ...,
    knapp_hartung: bool | Literal["adhoc"] = ...,
    tau_prior: None = None,
    confidence_level: float = ...,
    labels: Sequence[str] | None = ...,
) -> Pooled: ...


@overload
def pool(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    tau_prior: float,
    confidence_level: float = ...,
    labels: Sequence[str] | None = ...,
) -> PooledPosterior: ...


def pool(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    method: Method = "reml",
    knapp_hartung: bool | Literal["adhoc"] = True,
    tau_prior: float | None = None,
    confidence_level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> Pooled | PooledPosterior:
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
    tau_prior : float, optional
        Scale of a half-normal prior on tau, the standard deviation of true effects, in the unit of
        the effects: for two to four studies, where neither of the two above can do well.
        ``tau_prior_scale`` has the usual ones. ``method`` and ``knapp_hartung`` are then left out.
    confidence_level : float
    labels : sequence of str, optional
        Names of the studies, "1" to "k" when not given.

    Returns
    -------
    Pooled or PooledPosterior
        The second with ``tau_prior``; its intervals are credible intervals.

    Raises
    ------
    ValueError
        For a missing effect, a variance or ``tau_prior`` not above 0, or an unknown option.

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

    With ``tau_prior`` = s and a flat prior on the mean, the posterior of tau is proportional to
    :math:`e^{-\tau^2/2s^2} \prod w_i^{1/2} (\sum w_i)^{-1/2} e^{-Q(\tau)/2}`; given tau, the mean
    is normal around :math:`\hat\mu` with variance :math:`1/\sum w_i`, and a study's true effect
    around :math:`\hat\mu + B_i (y_i - \hat\mu)`, :math:`B_i = \tau^2/(\tau^2 + v_i)`, with variance
    :math:`B_i v_i + (1 - B_i)^2/\sum w_i`. These mixtures are integrated over tau by Gauss-Legendre
    quadrature; nothing is drawn. bayesmeta's forest plots show the same medians; its intervals are
    the shortest ones unless ``interval.type = "central"`` is asked for.

    References
    ----------
    Knapp & Hartung (2003), doi 10.1002/sim.1482. Röver et al. (2015), doi
    10.1186/s12874-015-0091-1. Partlett & Riley (2017), doi 10.1002/sim.7140. Viechtbauer (2010),
    doi 10.18637/jss.v036.i03. Half-normal prior: Friede et al. (2017), doi 10.1002/jrsm.1217;
    Röver (2020), doi 10.18637/jss.v093.i06.

    Examples
    --------
    >>> pool([0.10, 0.55, 0.32, 0.75], [0.04, 0.05, 0.03, 0.06])
    0.4014 (95 % CI -0.03099 to 0.8337), p = 0.0598, k = 4
      new study: 95 % prediction interval -0.273 to 1.076
      between studies: tau² 0.02645 (0 to 1.053), I² 38 %, Q = 4.936, p = 0.177
      random effects (REML), Knapp-Hartung interval, t with 3 df
    >>> pool([0.35, 1.10], [0.05, 0.08], tau_prior=0.5)
    0.6834 (95 % credible interval -0.1287 to 1.554), k = 2
      new study: 95 % prediction interval -0.6752 to 2.102
      between studies: tau 0.3972 (0.03052 to 1.081)
      half-normal prior on tau (scale 0.5), flat prior on the mean
    """
    check_option("method", method, tuple(METHODS))
    check_option("knapp_hartung", knapp_hartung, tuple(ADJUSTMENTS))
    level = check_level(confidence_level)
    y, v, names = _studies(effects, variances, labels)
    if tau_prior is not None:
        if method != "reml" or knapp_hartung is not True:
            raise ValueError("tau_prior replaces method and knapp_hartung: leave those out")
        return _with_prior(y, v, _above_zero("tau_prior", tau_prior), level, names)
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
        return (ONE_STUDY,)
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


def tau_prior_scale(
    measure: Literal["smd", "log_odds_ratio", "mean", "risk_difference"],
    *,
    scale_range: float | None = None,
) -> float:
    """Scale of the half-normal prior on tau that is usual for a measure, for ``pool(tau_prior=)``.

    Parameters
    ----------
    measure : {"smd", "log_odds_ratio", "mean", "risk_difference"}
        Standardised difference or change: 0.5. Log odds ratio: 0.9, which is 0.5 SD. Mean, or
        difference of means, in points: a tenth of the range of the instrument. Difference of two
        risks: 0.1, that is 10 percentage points.
    scale_range : float
        Highest minus lowest value of the instrument; for means only, and needed there.

    Returns
    -------
    float
        In the unit of the effects.

    Raises
    ------
    ValueError
        For an unknown measure, and for a range that is missing, not above 0, or not needed.

    Notes
    -----
    With few studies the interval depends on the scale: show half and twice of it beside it. Half of
    the prior lies below 0.67 of the scale, 95 % below 1.96 of it.

    References
    ----------
    Röver et al. (2021), doi 10.1002/jrsm.1475. Friede et al. (2017), doi 10.1002/jrsm.1217, who
    recommend 0.5 or 1 for log odds ratios. The scales of means and of risks are conventions. The
    source of each, and whether it was seen there, is in ``tau_priors.toml`` beside this module.

    Examples
    --------
    >>> tau_prior_scale("smd"), tau_prior_scale("mean", scale_range=10)
    (0.5, 1.0)
    """
    known = packaged("stats/meta/tau_priors.toml")
    check_option("measure", measure, tuple(known))
    entry = known[measure]
    if ("share" in entry) != (scale_range is not None):
        need = "needs" if "share" in entry else "takes no"
        raise ValueError(f"the measure {measure!r} {need} scale_range")
    if scale_range is None:
        return float(entry["scale"])
    return float(entry["share"]) * _above_zero("scale_range", scale_range)


def _above_zero(name: str, value: float) -> float:
    check_number(**{name: value})
    if not 1 / HUGE < value < HUGE:
        raise ValueError(f"{name} must be above 0 and below {HUGE:g}, not {value:g}")
    return float(value)


def _with_prior(
    y: Array, v: Array, scale: float, level: float, names: tuple[str, ...]
) -> PooledPosterior:
    """Pool under a half-normal prior on tau; one study is itself."""
    levels = ((1.0 - level) / 2.0, 0.5, (1.0 + level) / 2.0)
    alone = len(y) == 1
    tau, share, taus = np.zeros(1), np.ones(1), [math.nan] * 3
    if not alone:
        tau, share, taus = tau_posterior(y, v, scale, levels)
    w = 1.0 / (v + tau[:, None] ** 2)
    variance = 1.0 / w.sum(axis=1)
    mean = w @ y * variance
    pull = tau**2 / (tau**2 + v[:, None])
    shrunk = mean + pull * (y[:, None] - mean)
    spread = pull * v[:, None] + (1.0 - pull) ** 2 * variance

    def quantiles(centre: Array, squared: Array) -> list[float]:
        return [_mixture_quantile(p, share, centre, np.sqrt(squared)) for p in levels]

    middle, new = quantiles(mean, variance), quantiles(mean, variance + tau**2)
    own = list(zip(*map(quantiles, shrunk, spread), strict=True))
    return PooledPosterior(
        estimate=middle[1],
        ci_low=middle[0],
        ci_high=middle[2],
        confidence_level=level,
        std_error=math.sqrt(float(share @ (variance + (mean - share @ mean) ** 2))),
        prediction_low=math.nan if alone else new[0],
        prediction_high=math.nan if alone else new[2],
        tau=taus[1],
        tau_ci_low=taus[0],
        tau_ci_high=taus[2],
        tau_prior=scale,
        k=len(y),
        interval_kind="confidence" if alone else "credible",
        labels=names,
        shrunken=own[1],
        shrunken_low=own[0],
        shrunken_high=own[2],
        mixture=tuple(zip(share.tolist(), mean.tolist(), np.sqrt(variance).tolist(), strict=True)),
        notes=(ONE_STUDY,) if alone else (),
    )


def _mixture_quantile(level: float, share: Array, mean: Array, error: Array) -> float:
    """Quantile of a mixture of normal distributions."""

    def above(value: float) -> float:
        return float(share @ special.ndtr((value - mean) / error)) - level

    low, high = float((mean - 40.0 * error).min()), float((mean + 40.0 * error).max())
    return float(brentq(above, low, high, xtol=1e-10 * float(error.min()), maxiter=500))
