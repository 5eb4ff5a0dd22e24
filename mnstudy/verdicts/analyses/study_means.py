"""The mean improvement of each of several studies from classes of percent, and their pooling.

What is known of a patient is a value or a class of percent. Where a normal distribution can be
fitted to the classes of a study, its mean is that of maximum likelihood. Where it cannot, because
one value would fit all classes, nothing is assumed inside the classes: the mean of the study is
then known between two bounds, and it enters with both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mnstudy.stats.meta.pooled_result import quantile, two_sided_p
from mnstudy.stats.meta.pooling import pool
from mnstudy.stats.missing.interval_mean import mean_bounds, mean_of_intervals
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, NotTestable
from mnstudy.words.notes import note

SCORE = "improvement_score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One study: its mean improvement, or the bounds of it where ``low`` is below ``high``."""

    label: str
    n: int
    low: float
    high: float
    std_error: float
    ci_low: float
    ci_high: float

    @property
    def bounded(self) -> bool:
        """True where only bounds of the mean are known."""
        return self.low < self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledStudies:
    """Studies taken together: mean between ``low`` and ``high``, interval outside both."""

    low: float
    high: float
    ci_low: float
    ci_high: float
    prediction_low: float
    prediction_high: float
    weights: tuple[float, ...]
    df: float
    p_value: float
    std_error: float

    @property
    def value(self) -> float:
        """Middle of the bounds of the mean."""
        return (self.low + self.high) / 2


def large_enough(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of studies with five patients or more, and the names of the others."""
    size = frame.groupby("clinic_id")["patient_id"].nunique()
    small = sorted(size.index[size < MIN_PATIENTS].astype("str"))
    return frame[~frame["clinic_id"].isin(small)], small


def study_means(frame: pd.DataFrame, level: float) -> list[Study]:
    """Return the mean of every study, in the order of their names.

    Patients are the unit: the sites of one are averaged. A study whose patients all have the same
    value has no spread of its own and is given that of the others.
    """
    found = []
    for label, rows in frame.groupby("clinic_id", observed=True, sort=True):
        low, high = bounds(rows)
        patients = rows["patient_id"].to_numpy()
        one = low.groupby(patients).mean(), high.groupby(patients).mean()
        found.append(_mean(str(label), one[0].to_numpy(), one[1].to_numpy(), level))
    spread = [(s.n - 1, s.n * s.std_error**2) for s in found if s.std_error > 0]
    if not spread:
        raise NotTestable(note("no_spread_known"))
    shared = sum(df * v for df, v in spread) / sum(df for df, _ in spread)
    return [s if s.std_error > 0 else _with_spread(s, shared, level) for s in found]


def _mean(label: str, low: np.ndarray, high: np.ndarray, level: float) -> Study:
    if low.max() > high.min():
        fitted = mean_of_intervals(low, high, confidence_level=level)
        ends, limits = (fitted.estimate, fitted.estimate), (fitted.ci_low, fitted.ci_high)
        error = fitted.std_error
    else:
        known = mean_bounds(low, high, confidence_level=level)
        ends, limits = (known.low, known.high), (known.ci_low, known.ci_high)
        error = known.std_error
    return Study(
        label=label,
        n=len(low),
        low=ends[0],
        high=ends[1],
        std_error=error,
        ci_low=limits[0],
        ci_high=limits[1],
    )


def _with_spread(study: Study, variance: float, level: float) -> Study:
    error = math.sqrt(variance / study.n)
    reach = quantile(study.n - 1.0, level) * error
    low, high = study.low - reach, study.high + reach
    return replace(study, std_error=error, ci_low=low, ci_high=high)


def class_ends(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the ends of each site's class; the score twice where it is not a class's middle.

    A score apart from the middle is known better than its class, or was set there on purpose.
    """
    score = frame[SCORE].astype("float64")
    if "improvement_low" not in frame or "improvement_high" not in frame:
        return score, score
    low, high = (frame[f"improvement_{end}"].astype("float64") for end in ("low", "high"))
    known = ((low + high) / 2 - score).abs() <= 0.5  # middles may be rounded
    return low.where(known, score), high.where(known, score)


def bounds(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the bounds of each site of one study, without gaps between its classes.

    Between classes printed as 0-25 and 26-50 the bound is 25.5.
    """
    low, high = class_ends(frame)
    coarse = low < high
    gaps = set(high[coarse]) & {start - 1 for start in low[coarse]}
    high = high.mask(coarse & high.isin(gaps), high + 0.5)
    low = low.mask(coarse & (low - 1).isin(gaps), low - 0.5)
    return low, high


def pool_studies(studies: Sequence[Study], level: float) -> PooledStudies:
    """Pool studies of which the mean, or bounds of it, is known; a single one stands alone."""
    if len(studies) == 1:
        return _alone(studies[0])
    variance = [s.std_error**2 for s in studies]
    # sampling errors are the largest that the classes allow, the same at both ends
    lower, upper = (
        pool(ends, variance, knapp_hartung="adhoc", confidence_level=level)
        for ends in ([s.low for s in studies], [s.high for s in studies])
    )
    p = 1.0
    if lower.estimate > 0 or upper.estimate < 0:
        p = lower.p_value if lower.estimate > 0 else upper.p_value
    return PooledStudies(
        low=lower.estimate,
        high=upper.estimate,
        ci_low=lower.ci_low,
        ci_high=upper.ci_high,
        prediction_low=lower.prediction_low,
        prediction_high=upper.prediction_high,
        weights=tuple((a + b) / 2 for a, b in zip(lower.weights, upper.weights, strict=True)),
        df=lower.df,
        p_value=p,
        std_error=lower.std_error if lower.estimate == upper.estimate else math.nan,
    )


def _alone(study: Study) -> PooledStudies:
    nearest = max(study.low, 0.0) + min(study.high, 0.0)
    return PooledStudies(
        low=study.low,
        high=study.high,
        ci_low=study.ci_low,
        ci_high=study.ci_high,
        prediction_low=math.nan,
        prediction_high=math.nan,
        weights=(100.0,),
        df=study.n - 1.0,
        p_value=two_sided_p(nearest, study.std_error, study.n - 1.0),
        std_error=math.nan if study.bounded else study.std_error,
    )
