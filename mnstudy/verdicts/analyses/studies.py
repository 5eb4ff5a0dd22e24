"""Improvement of patients of several studies: each study's mean, then pooled over studies."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    NotTestable,
    Question,
    n_patients,
    n_sites,
)
from mnstudy.verdicts.analyses.regression import regression_beside
from mnstudy.verdicts.analyses.study_means import (
    SCORE,
    Study,
    Together,
    class_ends,
    large_enough,
    means,
    together,
)
from mnstudy.verdicts.analyses.thresholds import shares
from mnstudy.verdicts.finding import Estimate, Part

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
        raise NotTestable(
            f"no study has {MIN_PATIENTS} patients or more treated with needling alone and a known "
            "outcome"
        )
    studies = means(kept, question.confidence_level)
    found = together(studies, question.confidence_level)
    estimate = _estimate(question, studies, found)
    expected, notes = regression_beside(question, kept, SCORE, estimate)
    reached, in_words = shares(question, kept)
    notes += [
        *_about_studies(studies, found),
        *_about_classes(kept, studies, found),
        *_about_small(small),
        *in_words,
    ]
    if missing:
        notes.append(f"{fmt.count(missing, 'site')} without a known outcome left out")
    own = () if question.brief else _parts(question, studies, found)
    return Answer(
        estimate=estimate,
        comparison="uncontrolled",
        n_patients=n_patients(kept),
        n_sites=n_sites(kept),
        n_missing=missing,
        parts=(*own, *expected, *reached),
        notes=tuple(notes),
    )


def _estimate(question: Question, studies: Sequence[Study], found: Together) -> Estimate:
    known = {s.bounded for s in studies}
    how = "between the bounds of its classes" if True in known else "by maximum likelihood"
    if known == {True, False}:
        how = "by maximum likelihood, or between the bounds of its classes"
    method = f"mean of the patients of a single study, {how}, t interval"
    if len(studies) > 1:
        method = (
            f"mean of the patients of each study, {how}; studies pooled by random effects (REML), "
            "Knapp-Hartung interval"
        )
    return Estimate(
        value=found.value,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        confidence_level=question.confidence_level,
        std_error=found.std_error,
        df=found.df,
        p_value=found.p_value,
        unit=question.claim.unit,
        method=method,
    )


def _parts(question: Question, studies: Sequence[Study], found: Together) -> tuple[Part, ...]:
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


def _about_studies(studies: Sequence[Study], found: Together) -> list[str]:
    if len(studies) == 1:
        only = studies[0].label
        return [f"all patients come from one study, {only}: nothing is known about other studies"]
    text = f"{len(studies)} studies; the interval speaks of the mean of such studies"
    if found.ci_low < SCALE[0] or found.ci_high > SCALE[1]:
        text += (
            f", and reaches beyond the scale of {fmt.given(SCALE[0])} to {fmt.given(SCALE[1])} "
            "where nothing can be: so few studies that differ so much allow no narrower one"
        )
    return [text]


def _about_classes(frame: pd.DataFrame, studies: Sequence[Study], found: Together) -> list[str]:
    low, high = class_ends(frame)
    coarse = int((low < high).sum())
    if not coarse:
        return []
    notes = [f"improvement of {coarse:,} of {len(frame):,} sites is known only to a class"]
    only = [s.label for s in studies if s.bounded]
    if only:
        ends = f"{fmt.number(found.low, 0)} and {fmt.number(found.high, 0)}"
        notes.append(
            f"the classes are too few to estimate a spread in {', '.join(only)}: there the mean is "
            "known between bounds, with the largest spread that the classes allow; "
            f"{'the' if len(studies) == 1 else 'pooled, the'} mean lies between {ends} whatever "
            "the true values are, and the estimate is the middle"
        )
    return notes


def _about_small(small: Sequence[str]) -> list[str]:
    if not small:
        return []
    named = fmt.count(len(small), "study", "studies")
    return [f"{named} of fewer than {MIN_PATIENTS} patients left out: {', '.join(small)}"]
