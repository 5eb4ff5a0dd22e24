"""Improvement of patients of several studies: each study's mean, then pooled over studies.

What is known of a patient is a value or a class of percent. Where a normal distribution can be
fitted to the classes of a study, its mean is that of maximum likelihood. Where it cannot, because
one value would fit all classes, nothing is assumed inside the classes: the mean of the study is
then known between two bounds, and it enters with both. So does the share of patients that reached
a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import load_published
from mnstudy.stats.counts.proportions import proportion
from mnstudy.stats.meta.pooling import pool, quantile, two_sided_p
from mnstudy.stats.missing import interval_mean
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    NotTestable,
    Question,
    missing_note,
    n_patients,
    n_sites,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.regression import regression_expected
from mnstudy.verdicts.finding.finding import Estimate, Part, interval_of
from mnstudy.words.notes import Count, Note, note

SCORE = "improvement_score"
SCALE = (-100.0, 100.0)  # its ends
PERCENT, GRADES = (50.0, 25.0), (1.0, 2.0)  # thresholds of which the share is told


def applies(question: Question, outcome: str) -> bool:
    """Tell whether patients are those of studies, and the usual engine is asked for."""
    usual = question.engine == "mixed"
    return usual and outcome == SCORE and question.cohort.study.cluster == "clinic_id"


def two_stage(question: Question, treated: pd.DataFrame, missing: int) -> Answer:
    """Estimate the mean improvement over studies: each study first, then random effects.

    The pooled mean lies between that of the lower and that of the upper ends of the studies; its
    interval runs from the lower limit of the one to the upper limit of the other, and so holds the
    mean at least as often as it says, whatever the values inside the classes are (Horowitz &
    Manski 2000, doi 10.1080/01621459.2000.10473902). REML, Knapp-Hartung interval never below the
    Wald error, as for published studies. Studies of fewer than five patients are left out.
    """
    kept, small = large_enough(treated)
    if kept.empty:
        raise NotTestable(note("no_large_study", least=MIN_PATIENTS))
    studies = study_means(kept, question.confidence_level)
    whole = pool_studies(studies, question.confidence_level)
    found = _within_scale(whole)
    estimate = _estimate(question, studies, found)
    expected, remarks, holds = regression_expected(question, kept, SCORE, estimate)
    reached, of_shares = shares(question, kept)
    remarks += [
        *_about_studies(studies, whole),
        *_about_classes(kept, studies, found),
        *_about_small(small),
        *of_shares,
        *missing_note(missing),
    ]
    own = () if question.brief else _parts(question, studies, found)
    return Answer(
        estimate=estimate,
        comparison="uncontrolled",
        holds=holds,
        n_patients=n_patients(kept),
        n_sites=n_sites(kept),
        n_missing=missing,
        parts=(*own, *expected, *reached),
        remarks=tuple(remarks),
    )


def _estimate(question: Question, studies: Sequence[StudyMean], found: PooledStudies) -> Estimate:
    known = {s.bounded for s in studies}
    means = note("between_class_bounds" if True in known else "maximum_likelihood")
    if known == {True, False}:
        means = note("likelihood_or_bounds")
    how = note("pooled_study_means" if len(studies) > 1 else "mean_of_one_study", means=means)
    return Estimate(
        **interval_of(found),
        confidence_level=question.confidence_level,
        std_error=found.std_error,
        df=found.df,
        p_value=found.p_value,
        unit=question.claim.unit,
        how=how,
    )


def _parts(
    question: Question, studies: Sequence[StudyMean], found: PooledStudies
) -> tuple[Part, ...]:
    """Return every study, the pooled value and what a further one may show; none for one study."""
    if len(studies) == 1:  # it is the estimate
        return ()
    shared: dict[str, Any] = {"unit": question.claim.unit, "group": "improvement in each study"}
    rows = [
        Part(kind="study", label=s.label, n=s.n, weight=weight, **interval_of(s), **shared)
        for s, weight in zip(studies, found.weights, strict=True)
    ]
    n = sum(s.n for s in studies)
    pooled = Part(kind="pooled", label="pooled", n=n, **interval_of(found), **shared)
    low, high = found.prediction_low, found.prediction_high
    further = replace(pooled, kind="prediction", label="prediction", ci_low=low, ci_high=high)
    return (*rows, pooled, further)


def _within_scale(found: PooledStudies) -> PooledStudies:
    """Cut limits that lie beyond the scale to its ends; the notes say that they were."""
    low, high = SCALE
    return replace(
        found,
        ci_low=max(found.ci_low, low),
        ci_high=min(found.ci_high, high),
        prediction_low=max(found.prediction_low, low),
        prediction_high=min(found.prediction_high, high),
    )


def _about_studies(studies: Sequence[StudyMean], found: PooledStudies) -> list[Note]:
    if len(studies) == 1:
        return [note("one_named_study", study=studies[0].label)]
    said = note("mean_of_such_studies", studies=len(studies))
    beyond = (found.ci_low < SCALE[0], found.ci_high > SCALE[1])
    if any(beyond):
        kind = "whole_scale" if all(beyond) else "beyond_scale"
        said = note(kind, said=said, low=SCALE[0], high=SCALE[1])
    return [said]


def _about_classes(
    frame: pd.DataFrame, studies: Sequence[StudyMean], found: PooledStudies
) -> list[Note]:
    low, high = class_ends(frame)
    coarse = int((low < high).sum())
    if not coarse:
        return []
    sites = Count(n=coarse, of=len(frame), noun="site")
    remarks = [note("known_to_a_class", sites=sites)]
    only = tuple(s.label for s in studies if s.bounded)
    if only:
        mean = note("one_mean" if len(studies) == 1 else "pooled_mean")
        bounds = {"low": found.low, "high": found.high}
        remarks.append(note("too_few_classes", studies=only, mean=mean, **bounds))
    return remarks


def _about_small(small: Sequence[str]) -> list[Note]:
    if not small:
        return []
    few = Count(n=len(small), noun="study", plural="studies")
    return [note("small_studies", studies=few, least=MIN_PATIENTS, names=tuple(map(named, small)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedMean:
    """A mean improvement, or the bounds of it where ``low`` is below ``high``."""

    low: float
    high: float
    std_error: float
    ci_low: float
    ci_high: float

    @property
    def bounded(self) -> bool:
        """True where only bounds of the mean are known."""
        return self.low < self.high

    @property
    def estimate(self) -> float:
        """Middle of the bounds of the mean."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyMean(BoundedMean):
    """The mean of one study."""

    label: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledStudies(BoundedMean):
    """Studies taken together: mean between ``low`` and ``high``, interval outside both."""

    df: float
    p_value: float
    weights: tuple[float, ...] = (100.0,)
    prediction_low: float = math.nan
    prediction_high: float = math.nan


def named(study: str) -> str:
    """Return the label of a published study by its id; of any other its id."""
    return _labels().get(study, study)


@cache
def _labels() -> dict[str, str]:
    return load_published().studies.set_index("study_id")["label"].to_dict()


def large_enough(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of studies with five patients or more, and the names of the others."""
    size = frame.groupby("clinic_id")["patient_id"].nunique()
    small = sorted(size.index[size < MIN_PATIENTS].astype("str"))
    return frame[~frame["clinic_id"].isin(small)], small


def study_means(frame: pd.DataFrame, level: float) -> list[StudyMean]:
    """Return the mean of every study, in the order of their ids.

    Patients are the unit: the sites of one are averaged. A study whose patients all have the same
    value has no spread of its own and is given that of the others.
    """
    found = []
    for label, rows in frame.groupby("clinic_id", observed=True, sort=True):
        low, high = bounds(rows)
        patients = rows["patient_id"].to_numpy()
        one = low.groupby(patients).mean(), high.groupby(patients).mean()
        found.append(_mean(named(str(label)), one[0].to_numpy(), one[1].to_numpy(), level))
    spread = [(s.n - 1, s.n * s.std_error**2) for s in found if s.std_error > 0]
    if not spread:
        raise NotTestable(note("no_spread_known"))
    shared = sum(df * v for df, v in spread) / sum(df for df, _ in spread)
    return [s if s.std_error > 0 else _with_spread(s, shared, level) for s in found]


def _mean(label: str, low: np.ndarray, high: np.ndarray, level: float) -> StudyMean:
    if low.max() > high.min():
        fitted: Any = interval_mean.mean_of_intervals(low, high, confidence_level=level)
        ends = {"low": fitted.estimate, "high": fitted.estimate}
    else:
        fitted = interval_mean.mean_bounds(low, high, confidence_level=level)
        ends = {"low": fitted.low, "high": fitted.high}
    limits = {"ci_low": fitted.ci_low, "ci_high": fitted.ci_high}
    return StudyMean(label=label, n=len(low), std_error=fitted.std_error, **ends, **limits)


def _with_spread(study: StudyMean, variance: float, level: float) -> StudyMean:
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


def pool_studies(studies: Sequence[StudyMean], level: float) -> PooledStudies:
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


def _alone(study: StudyMean) -> PooledStudies:
    nearest = max(study.low, 0.0) + min(study.high, 0.0)
    return PooledStudies(
        low=study.low,
        high=study.high,
        ci_low=study.ci_low,
        ci_high=study.ci_high,
        df=study.n - 1.0,
        p_value=two_sided_p(nearest, study.std_error, study.n - 1.0),
        std_error=math.nan if study.bounded else study.std_error,
    )


def shares(question: Question, frame: pd.DataFrame) -> tuple[tuple[Part, ...], list[Note]]:
    """Return shares of patients that reached a threshold, with bounds where classes hold it.

    A patient surely reached the threshold where the class begins at or above it, surely did not
    where the class ends at or below it; in between either may be. ``value`` is the middle of the
    bounds, the limits are the exact (Clopper-Pearson) ones at the outer ends, patients as the
    unit; several studies are taken as one, and the notes say how far apart they are. Patients
    known by grades only have shares of their own: a grade is not a percentage.
    """
    if question.brief:
        return (), []
    low, high = class_ends(frame)
    patients = frame["patient_id"].to_numpy()
    lower, upper = low.groupby(patients).mean(), high.groupby(patients).mean()
    study = frame.groupby("patient_id")["clinic_id"].first().astype("str")
    found = [
        _share(
            question,
            f"share with {fmt.as_entered(least)} % improvement or more",
            *_reached(lower, upper, least),
            study,
        )
        for least in PERCENT
    ]
    gained, where = _grades(question)
    if len(gained) >= MIN_PATIENTS:
        for least in GRADES:
            reached = gained >= least
            label = f"share better by {fmt.count(int(least), 'grade')} or more"
            found.append(_share(question, label, reached, reached, where))
    return tuple(part for part, _ in found), [remark for _, remark in found]


def _reached(low: pd.Series, high: pd.Series, least: float) -> tuple[pd.Series, pd.Series]:
    sure = low >= least
    return sure, sure | (high > least)


def _grades(question: Question) -> tuple[pd.Series, pd.Series]:
    """Return the grades gained by patients whose improvement in percent is not known."""
    sites = question.sites
    nothing = pd.Series(dtype="float64"), pd.Series(dtype="str")
    if "grade_change" not in sites:
        return nothing
    rows = select_arm(scar_type_filter(sites, question.params), question.needled)
    rows = rows[rows[SCORE].isna() & rows["grade_change"].notna()]
    if rows.empty:
        return nothing
    by_patient = rows.groupby("patient_id")
    gained = by_patient["grade_change"].mean().astype("float64")
    return gained, by_patient["clinic_id"].first().astype("str")


def _share(
    question: Question, label: str, sure: pd.Series, possible: pd.Series, study: pd.Series
) -> tuple[Part, Note]:
    n, level = len(sure), question.confidence_level
    least, most = (proportion(int(x.sum()), n, confidence_level=level) for x in (sure, possible))
    part = Part(
        kind="share",
        label=label,
        value=50 * (least.estimate + most.estimate),
        ci_low=100 * least.ci_low,
        ci_high=100 * most.ci_high,
        n=n,
        unit="percent",
    )
    remark = note(
        "share_reached",
        label=label,
        patients=Count(n=least.events, most=most.events, of=n, noun="patient"),
        low=part.ci_low,
        high=part.ci_high,
        studies=_by_study(sure, possible, study),
    )
    return part, remark


def _by_study(sure: pd.Series, possible: pd.Series, study: pd.Series) -> Note:
    """Say how far apart studies are: the limits take patients as alike."""
    labels = study.reindex(sure.index).to_numpy()
    names: Sequence[str] = np.unique(labels).tolist()
    if len(names) == 1:
        return note("of_one_study", study=named(names[0]))
    low = 100 * sure.groupby(labels).mean().min()
    high = 100 * possible.groupby(labels).mean().max()
    return note("studies_taken_as_one", studies=len(names), low=float(low), high=float(high))
