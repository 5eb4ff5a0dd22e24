"""Does it work: needled against untreated where there is a control, else the mean change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.analyses import contrasts, model, studies
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    UNIT,
    UNTREATED,
    Answer,
    NotTestable,
    Question,
    before_after,
    complete_rows,
    missing_note,
    n_patients,
    raw_pairs,
    require_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.regression import regression_expected
from mnstudy.verdicts.finding.finding import Part, interval_of
from mnstudy.words.notes import Count, Note, note


def improvement(question: Question) -> Answer:
    """Estimate the final improvement in percent: controlled where possible."""
    sites = scar_type_filter(question.sites, question.params)
    return _effect(question, sites, "improvement_score", [])


def change(question: Question) -> Answer:
    """Estimate the change of a raw measure from before to after, oriented so that up is better."""
    outcome = question.params["outcome"]
    percent = bool(question.params.get("percent"))
    sites = _changes(question, outcome, percent=percent)
    if question.params["better"] == "lower":
        sites["change"] = -sites["change"]
    return _effect(question, sites, "change", ["before"])


def _changes(question: Question, outcome: str, *, percent: bool) -> pd.DataFrame:
    pairs = before_after(question.cohort.data, outcome)
    pairs["change"] = pairs[outcome] - pairs["before"]
    if percent:
        pairs = pairs[pairs["before"] > 0].copy()
        pairs["change"] *= 100 / pairs["before"]
    return pairs


def _effect(question: Question, sites: pd.DataFrame, outcome: str, baseline: list[str]) -> Answer:
    treated, missing = complete_rows(select_arm(sites, question.needled), [outcome])
    require_patients(treated, note("needled_with_outcome"))
    control, missing_control = complete_rows(select_arm(sites, UNTREATED), [outcome])
    confounded = question.cohort.study.limit("between_groups") is not None
    if n_patients(control) < MIN_PATIENTS or confounded:
        return _uncontrolled(question, treated, outcome, missing)
    return _controlled(question, treated, control, outcome, baseline, missing + missing_control)


def _uncontrolled(question: Question, treated: pd.DataFrame, outcome: str, missing: int) -> Answer:
    if studies.applies(question, outcome):
        return studies.two_stage(question, treated, missing)
    fitted = model.mean(question, treated, treated[outcome])
    answer = model.answer(question, fitted, treated, "mean", "mean_change")
    expected, remarks = regression_expected(question, treated, outcome, answer.estimate)
    remarks += [*_cluster_note(question, treated), *_interval_note(treated, outcome)]
    return replace(
        answer,
        comparison="uncontrolled",
        n_missing=missing,
        parts=(*expected, *contrasts.by_level(question, treated, outcome, "scar_type")),
        remarks=(*remarks, *missing_note(missing)),
    )


def _controlled(
    question: Question,
    treated: pd.DataFrame,
    control: pd.DataFrame,
    outcome: str,
    baseline: list[str],
    missing: int,
) -> Answer:
    both = pd.concat([treated, control])
    arm = pd.Series(0.0, index=both.index)
    arm.iloc[: len(treated)] = 1.0
    both = both.reset_index(drop=True)
    answer = contrasts.contrast(question, both, arm.to_numpy(), outcome, baseline)
    arms = () if question.brief else ((treated, "needling alone"), (control, "untreated"))
    means = [contrasts.group_mean(question, frame, outcome, label) for frame, label in arms]
    raw, remarks = raw_contrast(question, both, arm.to_numpy(), outcome)
    graded, in_grades = contrasts.grades(question, treated, control)
    return replace(
        answer,
        n_missing=missing,
        parts=(
            *answer.parts,
            *raw,
            *graded,
            *means,
            *contrasts.by_level(question, treated, outcome, "scar_type"),
        ),
        remarks=(
            *answer.remarks,
            *remarks,
            *in_grades,
            *contrasts.classes(both, arm.to_numpy(), outcome),
            *missing_note(missing),
        ),
    )


def raw_contrast(
    question: Question, frame: pd.DataFrame, arm: np.ndarray, outcome: str
) -> tuple[tuple[Part, ...], list[Note]]:
    """Estimate the contrast on the raw scale, adjusted for baseline, beside the percent change.

    Positive favours the treated, whichever way the scale runs. Empty where there is no raw scale
    with scores before and after in both arms.
    """
    wanted = outcome == "improvement_score" and not question.brief
    found = raw_pairs(question.cohort.data) if wanted else None
    if found is None:
        return (), []
    scale, pairs = found
    both = frame[UNIT].assign(arm=arm).merge(pairs.drop(columns="arm", errors="ignore"), on=UNIT)
    if both.groupby("arm")["patient_id"].nunique().reindex([0.0, 1.0]).lt(MIN_PATIENTS).any():
        return (), []
    try:
        answer = contrasts.contrast(question, both, both["arm"].to_numpy(), "now", ["before"])
    except NotTestable:
        return (), []
    part = Part(
        kind="contrast",
        label="raw scale, adjusted for baseline (ANCOVA)",
        n=answer.n_patients,
        unit=f"points of {scale.name}",
        **interval_of(answer.estimate),
    )
    return (part,), [note("raw_contrast", difference=fmt.ends(part), unit=part.unit)]


def _cluster_note(question: Question, frame: pd.DataFrame) -> list[Note]:
    if question.cohort.study.cluster != "clinic_id":
        return []
    studies = frame["clinic_id"].nunique()
    if studies == 1:
        return [note("one_study")]
    return [note("few_studies", studies=studies)]


def _interval_note(frame: pd.DataFrame, outcome: str) -> list[Note]:
    if outcome != "improvement_score" or "improvement_low" not in frame:
        return []
    low, high = frame["improvement_low"], frame["improvement_high"]
    coarse = int((high > low).sum())
    if not coarse:
        return []
    sites, ends = Count(n=coarse, noun="site"), (float(low.mean()), float(high.mean()))
    return [note("mean_of_classes", sites=sites, low=ends[0], high=ends[1])]
