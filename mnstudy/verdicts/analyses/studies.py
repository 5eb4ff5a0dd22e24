"""Improvement of patients of several studies: each study's mean, then pooled over studies."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    NotTestable,
    Question,
    missing_note,
    n_patients,
    n_sites,
)
from mnstudy.verdicts.analyses.regression import regression_expected
from mnstudy.verdicts.analyses.study_means import (
    SCORE,
    PooledStudies,
    Study,
    class_ends,
    large_enough,
    pool_studies,
    study_means,
)
from mnstudy.verdicts.analyses.thresholds import shares
from mnstudy.verdicts.finding.finding import Estimate, Part
from mnstudy.words.notes import Count, Note, note

SCALE = (-100.0, 100.0)


def applies(question: Question, outcome: str) -> bool:
    """Tell whether patients are those of studies, and the usual engine is asked for."""
    usual = question.choices.engine == "mixed"
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
    found = pool_studies(studies, question.confidence_level)
    estimate = _estimate(question, studies, found)
    expected, remarks = regression_expected(question, kept, SCORE, estimate)
    reached, of_shares = shares(question, kept)
    remarks += [
        *_about_studies(studies, found),
        *_about_classes(kept, studies, found),
        *_about_small(small),
        *of_shares,
        *missing_note(missing),
    ]
    own = () if question.brief else _parts(question, studies, found)
    return Answer(
        estimate=estimate,
        comparison="uncontrolled",
        n_patients=n_patients(kept),
        n_sites=n_sites(kept),
        n_missing=missing,
        parts=(*own, *expected, *reached),
        remarks=tuple(remarks),
    )


def _estimate(question: Question, studies: Sequence[Study], found: PooledStudies) -> Estimate:
    known = {s.bounded for s in studies}
    means = note("between_class_bounds" if True in known else "maximum_likelihood")
    if known == {True, False}:
        means = note("likelihood_or_bounds")
    how = note("pooled_study_means" if len(studies) > 1 else "mean_of_one_study", means=means)
    return Estimate(
        value=found.value,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        confidence_level=question.confidence_level,
        std_error=found.std_error,
        df=found.df,
        p_value=found.p_value,
        unit=question.claim.unit,
        how=how,
    )


def _parts(question: Question, studies: Sequence[Study], found: PooledStudies) -> tuple[Part, ...]:
    """Return every study, the pooled value and what a further one may show; none for one study."""
    if len(studies) == 1:  # it is the estimate
        return ()
    unit, group = question.claim.unit, "improvement in each study"
    rows = [
        Part(
            kind="study",
            label=study.label,
            value=(study.low + study.high) / 2,
            ci_low=study.ci_low,
            ci_high=study.ci_high,
            n=study.n,
            weight=weight,
            unit=unit,
            group=group,
        )
        for study, weight in zip(studies, found.weights, strict=True)
    ]
    n = sum(s.n for s in studies)
    summary = {
        "pooled": (found.ci_low, found.ci_high),
        "prediction": (found.prediction_low, found.prediction_high),
    }
    rows += [
        Part(
            kind=kind,
            label=kind,
            value=found.value,
            ci_low=low,
            ci_high=high,
            n=n,
            unit=unit,
            group=group,
        )
        for kind, (low, high) in summary.items()
    ]
    return tuple(rows)


def _about_studies(studies: Sequence[Study], found: PooledStudies) -> list[Note]:
    if len(studies) == 1:
        return [note("one_named_study", study=studies[0].label)]
    said = note("mean_of_such_studies", studies=len(studies))
    if found.ci_low < SCALE[0] or found.ci_high > SCALE[1]:
        said = note("beyond_scale", said=said, low=SCALE[0], high=SCALE[1])
    return [said]


def _about_classes(
    frame: pd.DataFrame, studies: Sequence[Study], found: PooledStudies
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
    few = Count(n=len(small), noun="study", plural="studies", people=False)
    return [note("small_studies", studies=few, least=MIN_PATIENTS, names=tuple(small))]
