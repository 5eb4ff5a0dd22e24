"""The parts a pooled result is put together from."""

from __future__ import annotations

import math

from mnstudy.stats.meta import between_studies
from mnstudy.stats.meta.effect_result import Array
from mnstudy.stats.meta.pooled_result import quantile, two_sided_p


def mean_fields(
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


def between_fields(y: Array, v: Array, tau2: float, method: str, level: float) -> dict[str, float]:
    """How much the studies differ; nan throughout for one study."""
    low = high = i2 = q = p = math.nan
    df = len(y) - 1
    if df:
        q = between_studies.q_statistic(y, v)
        p = between_studies.q_p_value(q, df)
        i2 = between_studies.i_squared(v, tau2)
        if method == "common":
            i2 = 100.0 * max(0.0, 1.0 - df / q) if q > 0 else 0.0
        else:
            low, high = between_studies.tau2_interval(y, v, level)
    return {
        "tau2": tau2,
        "tau2_ci_low": low,
        "tau2_ci_high": high,
        "i2": i2,
        "q": q,
        "q_p_value": p,
    }


def method_notes(
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
    factor = between_studies.q_statistic(y, v, tau2) / (len(y) - 1)
    # At an inner REML or Paule-Mandel solution the factor is about 1, give or take rounding.
    if not asked or factor > 1.0 - 1e-6:
        return ()
    done = "set to 1 (adhoc)" if asked == "adhoc" else "interval narrower than by the Wald error"
    return (f"Knapp-Hartung factor {factor:.3g} below 1: {done}",)
