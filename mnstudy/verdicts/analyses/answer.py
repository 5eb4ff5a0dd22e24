"""Put one claim to one cohort: refuse what the data cannot carry, else estimate and judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import ANALYSES, Answer, NotTestable, Question
from mnstudy.verdicts.analyses.dropouts import dropout_notes
from mnstudy.verdicts.analyses.question import unknown_arm
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part, interval_of
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import Note, as_given, note

UNBLINDED = {"unblinded": "rater_knew", "self": "rated_by_patients"}
RATED = ("improvement", "change", "arm_contrast", "session_slope", "depth_contrast", "slope")


def estimate_claim(question: Question) -> Answer:
    """Answer a question, or raise ``NotTestable`` with what is missing."""
    claim, data = question.claim, question.cohort.data
    absent = [c for c in claim.columns if c not in data]
    if absent:
        raise NotTestable(note("no_column", columns=tuple(absent)))
    empty = [c for c in claim.columns if data[c].isna().all()]
    if empty:
        nothing = note("empty_column", columns=tuple(empty))
        raise NotTestable(nothing, *_but_coarser(question, empty))
    for column in claim.columns:
        limit = question.cohort.study.limit(column)
        if limit is not None:
            raise NotTestable(as_given(limit.says))
    try:
        return ANALYSES[claim.analysis](question)
    except NotTestable as refused:
        raise NotTestable(*refused.reasons, *unknown_arm(question)) from refused


def _but_coarser(question: Question, empty: Sequence[str]) -> tuple[Note, ...]:
    """Offer a way where only classes or grades are known: a grade is not a percentage."""
    data = question.cohort.data
    if "improvement_score" not in empty:
        return ()
    if "improvement_low" in data and data["improvement_low"].notna().any():
        return (note("classes_are_known"),)
    if "grade_change" not in data or data["grade_change"].isna().all():
        return ()
    return (note("grades_are_known"),)


def finding_for(
    question: Question, *, family_level: float | None = None, cautions: Sequence[Note] = ()
) -> Finding:
    """Return the finding of a question.

    Parameters
    ----------
    question : Question
    family_level : float, optional
        Level of the interval that holds together with those of the other claims of the plan's
        family. The verdict then rests on that interval.
    cautions : sequence of Note
        What has to be said beside every rated result of the cohort, see ``cautions_of``.
    """
    finding = _open(question)
    try:
        found = estimate_claim(question)
        family_interval = None
        if family_level is not None:
            again = replace(question, confidence_level=family_level, brief=True)
            family_interval = estimate_claim(again).estimate
    except NotTestable as refused:
        return replace(finding, reasons=refused.reasons)
    remarks = (*found.remarks, *_common_notes(question, cautions))
    return _judged(finding, replace(found, remarks=remarks), family_interval)


def cautions_of(cohort: Cohort) -> list[Note]:
    """Return what has to be said beside every rated result: who was lost, and who rated."""
    assessor = cohort.study.assessor
    blind = [note(UNBLINDED[assessor])] if assessor in UNBLINDED else []
    if cohort.study.cluster == "clinic_id":  # what a study did not print is not lost to follow-up
        return blind
    return [*_week_notes(cohort), *dropout_notes(cohort), *blind]


def _week_notes(cohort: Cohort) -> list[Note]:
    """Say where the final week of the plan cannot be found in the table."""
    week, data = cohort.study.plan.final_week, cohort.data
    if week is None:
        return []
    if "weeks" not in data or data["weeks"].isna().all():
        return [note("final_week_without_weeks", week=week)]
    if not data["weeks"].ge(week).fillna(False).any():
        return [note("final_week_not_seen", week=week)]
    return []


def _open(question: Question) -> Finding:
    claim, cohort = question.claim, question.cohort
    plan = cohort.study.plan
    return Finding(
        claim=claim,
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        verdict="not testable",
        rule=claim.rule,
        margin=question.margin(claim),
        planned=claim.id in plan.primary,
        family=len(plan.family_ids) if claim.id in plan.family_ids else 0,
        sha256=cohort.provenance.sha256,
        plan_sha256=cohort.study.plan_sha256,
    )


def _judged(finding: Finding, found: Answer, family_interval: Estimate | None) -> Finding:
    judged = judge(
        family_interval or found.estimate,
        rule=finding.rule,
        margin=finding.margin,
        comparison=found.comparison,
    )
    parts, remarks = found.parts, found.remarks
    if family_interval is not None:
        parts = (_family_part(finding, family_interval), *parts)
        remarks = (_family_note(finding, family_interval), *remarks)
    return replace(
        finding,
        verdict=judged.word,
        reasons=judged.reasons,
        comparison=found.comparison,
        estimate=found.estimate,
        simultaneous=family_interval,
        n_patients=found.n_patients,
        n_sites=found.n_sites,
        n_missing=found.n_missing,
        parts=parts,
        remarks=remarks,
    )


def _family_part(finding: Finding, family_interval: Estimate) -> Part:
    return Part(
        kind="together",
        label=f"together with the {finding.family} primary claims",
        unit=family_interval.unit,
        **interval_of(family_interval),
    )


def _family_note(finding: Finding, family_interval: Estimate) -> Note:
    return note(
        "one_of_family",
        claims=finding.family,
        interval=fmt.ends(family_interval),
        unit=family_interval.unit,
        level=family_interval.confidence_level,
    )


def _common_notes(question: Question, cautions: Sequence[Note]) -> list[Note]:
    claim, study = question.claim, question.cohort.study
    remarks = [*unknown_arm(question)]
    if claim.contrary:
        remarks.append(note("articles_disagree", contrary=claim.contrary))
    if claim.analysis in RATED:
        remarks += cautions
    if not study.design_declared:
        remarks.append(note("design_inferred", design=study.design.replace("_", " ")))
    if question.cohort.synthetic:
        remarks.append(note("synthetic"))
    return remarks
