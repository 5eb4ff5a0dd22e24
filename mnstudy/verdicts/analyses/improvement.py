"""Does it work: needled against untreated where there is a control, else the mean change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.analyses import contrasts, model, studies
from mnstudy.verdicts.analyses.models.visits import OverVisits, over_visits
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    SCORE,
    UNIT,
    Answer,
    NotTestable,
    Question,
    at_baseline,
    complete_rows,
    missing_note,
    n_patients,
    raw_pairs,
    require_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.regression import regression_expected
from mnstudy.verdicts.claims.settings import arm_name, word_name
from mnstudy.verdicts.finding.finding import Part, interval_of
from mnstudy.words.notes import Count, Note, note


def improvement(question: Question) -> Answer:
    """Estimate the final improvement in percent: controlled where possible."""
    sites = scar_type_filter(question.sites, question.params)
    return _effect(question, sites, partial(question.visit_rows, SCORE), SCORE, [])


def change(question: Question) -> Answer:
    """Estimate the change of a raw measure from before to after, oriented so that up is better."""
    outcome = question.params["outcome"]
    changes = partial(_changes, question, outcome=outcome)
    sites = changes(question.sites)
    if sites["change"].isna().all():
        return _as_they_are(question)
    rows = partial(question.visit_rows, outcome)
    return _effect(question, sites, lambda: changes(rows()), "change", ["before"])


def _as_they_are(question: Question) -> Answer:
    """Compare final values where nobody was measured before the first session."""
    outcome = question.params["outcome"]
    if question.params.get("percent"):
        raise NotTestable(note("nobody_at_baseline", outcome=outcome))
    sign = -1.0 if question.params["better"] == "lower" else 1.0

    def as_change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(change=sign * frame[outcome].astype("float64"))

    rows = partial(question.visit_rows, outcome)
    answer = _effect(question, as_change(question.sites), lambda: as_change(rows()), "change", [])
    if answer.comparison == "uncontrolled":
        raise NotTestable(note("nobody_at_baseline", outcome=outcome))
    return replace(answer, remarks=(note("compared_as_they_are", outcome=outcome), *answer.remarks))


def _changes(question: Question, rows: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the rows with the value before the first session and the change, up is better."""
    rows = rows.merge(at_baseline(question.cohort.data, outcome), on=UNIT, how="left")
    before = rows["before"].astype("float64")
    rows["change"] = rows[outcome].astype("float64") - before
    if question.params.get("percent"):
        rows["change"] *= 100 / before.where(before > 0)
    if question.params["better"] == "lower":
        rows["change"] = -rows["change"]
    return rows


def _effect(
    question: Question,
    sites: pd.DataFrame,
    rows: Callable[[], pd.DataFrame],
    outcome: str,
    baseline: list[str],
) -> Answer:
    """Estimate from the sites, one row each, and their rows at all visits up to the week."""
    arms = [select_arm(sites, arm) for arm in (question.needled, question.control)]
    if "treated" in question.params:
        treated, control, missing = contrasts.named_arms(question, arms, outcome)
    else:
        (treated, gone), (control, unknown) = (complete_rows(arm, [outcome]) for arm in arms)
        _require_needled(question, treated)
        confounded = question.cohort.study.limit("between_groups") is not None
        if n_patients(control) < MIN_PATIENTS or confounded:
            return _uncontrolled(question, treated, outcome, gone)
        missing = gone + unknown
    over = over_visits(question, arms, rows, outcome, baseline)
    return _controlled(question, treated, control, outcome, baseline, missing, over)


def _require_needled(question: Question, treated: pd.DataFrame) -> None:
    """Refuse too few needled patients; say where two other arms could be compared."""
    try:
        require_patients(treated, note("needled_with_outcome"))
    except NotTestable as refused:
        study = question.cohort.study
        known = question.sites.groupby("treatment", observed=True)["patient_id"].nunique()
        enough = known.index[known >= MIN_PATIENTS].drop("needling", errors="ignore")
        others = tuple(word_name("treatment", word, study.arms) for word in enough)
        offered = len(others) > 1 and study.limit("between_groups") is None
        said = [note("arms_can_be_named", arms=others)] if offered else []
        raise NotTestable(*refused.reasons, *said) from refused


def _uncontrolled(question: Question, treated: pd.DataFrame, outcome: str, missing: int) -> Answer:
    if studies.applies(question, outcome):
        return studies.two_stage(question, treated, missing)
    fitted = model.mean(question, treated, treated[outcome])
    answer = model.answer(question, fitted, treated, "mean", "mean_change")
    expected, remarks, holds = regression_expected(question, treated, outcome, answer.estimate)
    remarks += [*_cluster_note(question, treated), *_interval_note(treated, outcome)]
    return replace(
        answer,
        comparison="uncontrolled",
        holds=(*answer.holds, *holds),
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
    over: OverVisits | None,
) -> Answer:
    both = pd.concat([treated, control], ignore_index=True)
    arm = np.repeat([1.0, 0.0], [len(treated), len(control)])
    question, _ = question.by_clinic(both, arm)
    answer = contrasts.contrast(question, both, arm, outcome, baseline, over)
    means = contrasts.arm_means(question, [treated, control], outcome, over)
    other = _other_control(question, treated, outcome, baseline)
    raw, remarks = raw_contrast(question, both, arm, outcome)
    graded, in_grades = contrasts.grades(question, treated, control)
    return replace(
        answer,
        n_missing=answer.n_missing + missing,
        parts=(
            *answer.parts,
            *other,
            *raw,
            *graded,
            *means,
            *contrasts.by_level(question, treated, outcome, "scar_type"),
        ),
        remarks=(
            *answer.remarks,
            *remarks,
            *in_grades,
            *contrasts.classes(both, arm, outcome),
            *missing_note(missing - (over.lost if over else 0)),
        ),
    )


def _other_control(
    question: Question, treated: pd.DataFrame, outcome: str, baseline: list[str]
) -> tuple[Part, ...]:
    """Estimate the contrast with the control that is not the reference, where there is one."""
    if outcome != SCORE or question.brief:
        return ()
    other = "untreated" if question.reference == "sham" else "sham"
    sites = scar_type_filter(question.sites, question.params)
    control, _ = complete_rows(select_arm(sites, question.control_of(other)), [outcome])
    if n_patients(control) < MIN_PATIENTS:
        return ()
    both = pd.concat([treated, control], ignore_index=True)
    arm = np.repeat([1.0, 0.0], [len(treated), len(control)])
    brief = replace(question, brief=True)
    answer = contrasts.contrast(brief, both, arm, outcome, baseline)
    unit = question.claim.unit
    label = f"against {arm_name(question.control_of(other), question.cohort.study.arms)}"
    return (Part(kind="contrast", label=label, n=answer.n_patients, unit=unit,
                 **interval_of(answer.estimate)),)  # fmt: skip


def raw_contrast(
    question: Question, frame: pd.DataFrame, arm: np.ndarray, outcome: str
) -> tuple[tuple[Part, ...], list[Note]]:
    """Estimate the contrast on the raw scale, adjusted for baseline, beside the percent change.

    Positive favours the treated, whichever way the scale runs. Empty where there is no raw scale
    with scores before and after in both arms.
    """
    wanted = outcome == SCORE and not question.brief
    found = raw_pairs(question.cohort.data, question.week) if wanted else None
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
    if outcome != SCORE or "improvement_low" not in frame:
        return []
    low, high = frame["improvement_low"], frame["improvement_high"]
    coarse = int((high > low).sum())
    if not coarse:
        return []
    sites, ends = Count(n=coarse, noun="site"), (float(low.mean()), float(high.mean()))
    return [note("mean_of_classes", sites=sites, low=ends[0], high=ends[1])]
