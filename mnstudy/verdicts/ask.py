"""Put one claim to one cohort: refuse what the data cannot carry, else estimate and judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts import judge as verdict
from mnstudy.verdicts.analyses import ANALYSES, Answer, NotTestable, Question
from mnstudy.verdicts.analyses.unplaced import unplaced_note
from mnstudy.verdicts.dropout import dropout_notes
from mnstudy.verdicts.finding import Estimate, Finding, Part

UNBLINDED = {
    "unblinded": "the rater knew the treatment: improvement may be rated higher for that alone",
    "self": "patients rated themselves and knew their treatment",
}
RATED = ("improvement", "change", "arm_contrast", "session_slope", "depth_contrast", "slope")


def answer(question: Question) -> Answer:
    """Answer a question, or raise ``NotTestable`` with what is missing."""
    claim, data = question.claim, question.cohort.data
    absent = [c for c in claim.columns if c not in data]
    if absent:
        raise NotTestable(f"the data have no column {', '.join(absent)}")
    empty = [c for c in claim.columns if data[c].isna().all()]
    if empty:
        raise NotTestable(
            f"nothing is known in the column {', '.join(empty)}{_but_coarser(question, empty)}"
        )
    for column in claim.columns:
        limit = question.cohort.study.limit(column)
        if limit is not None:
            raise NotTestable(limit.says)
    try:
        return ANALYSES[claim.analysis](question)
    except NotTestable as reason:
        raise NotTestable("; ".join([str(reason), *unplaced_note(question)])) from reason


def _but_coarser(question: Question, empty: Sequence[str]) -> str:
    """Offer a way where only classes or grades are known: a grade is not a percentage."""
    data = question.cohort.data
    if "improvement_score" not in empty:
        return ""
    if "improvement_low" in data and data["improvement_low"].notna().any():
        return (
            "; its classes are: write the middle of improvement_low and improvement_high into it, "
            "and every result will say how far the classes could carry it"
        )
    if "grade_change" not in data or data["grade_change"].isna().all():
        return ""
    return (
        "; grades are, but a grade is no percentage: a claim of your own can ask about "
        'grade_change (analysis "level")'
    )


def find(
    question: Question, *, together: float | None = None, cautions: Sequence[str] = ()
) -> Finding:
    """Return the finding of a question.

    Parameters
    ----------
    question : Question
    together : float, optional
        Level of the interval that holds together with those of the other claims of the plan's
        family. The verdict then rests on that interval.
    cautions : sequence of str
        What has to be said beside every rated result of the cohort, see ``cautions_of``.
    """
    finding = _open(question)
    try:
        found = answer(question)
        wide = None
        if together is not None:
            again = replace(question, confidence_level=together, brief=True)
            wide = answer(again).estimate
    except NotTestable as reason:
        return replace(finding, reason=str(reason))
    notes = [*found.notes, *_common_notes(question, cautions)]
    return _judged(finding, replace(found, notes=tuple(notes)), wide)


def cautions_of(cohort: Cohort) -> list[str]:
    """Return what has to be said beside every rated result: who was lost, and who rated."""
    assessor = cohort.study.assessor
    blind = [UNBLINDED[assessor]] if assessor in UNBLINDED else []
    if cohort.study.cluster == "clinic_id":  # what a study did not print is not lost to follow-up
        return blind
    return [*_week_notes(cohort), *dropout_notes(cohort), *blind]


def _week_notes(cohort: Cohort) -> list[str]:
    """Say where the final week of the plan cannot be found in the table."""
    week, data = cohort.study.plan.final_week, cohort.data
    if week is None:
        return []
    plan = f"the plan names week {week:g} as the final assessment"
    if "weeks" not in data or data["weeks"].isna().all():
        return [f"{plan}, but the table has no weeks: the last assessment of each site counts"]
    if not data["weeks"].ge(week).fillna(False).any():
        return [f"{plan}, but no site was seen then or later: every result is an earlier one"]
    return []


def _open(question: Question) -> Finding:
    claim, cohort = question.claim, question.cohort
    plan = cohort.study.plan
    return Finding(
        claim=claim,
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        verdict="not testable",
        reason="",
        rule=claim.rule,
        margin=question.margin(claim),
        planned=claim.id in plan.primary,
        family=len(plan.together) if claim.id in plan.together else 0,
        sha256=cohort.provenance.sha256,
        plan_sha256=cohort.study.plan_sha256,
    )


def _judged(finding: Finding, found: Answer, wide: Estimate | None) -> Finding:
    judged = verdict.judge(
        wide or found.estimate,
        rule=finding.rule,
        margin=finding.margin,
        comparison=found.comparison,
    )
    parts, notes = found.parts, found.notes
    if wide is not None:
        parts = (_together_part(finding, wide), *parts)
        notes = (_together_note(finding, wide), *notes)
    return replace(
        finding,
        verdict=judged.word,
        reason=judged.reason,
        wording=verdict.wording(finding.claim, found.comparison),
        comparison=found.comparison,
        estimate=found.estimate,
        simultaneous=wide,
        n_patients=found.n_patients,
        n_sites=found.n_sites,
        n_missing=found.n_missing,
        parts=parts,
        notes=notes,
    )


def _together_part(finding: Finding, wide: Estimate) -> Part:
    return Part(
        kind="together",
        label=f"together with the {finding.family} primary claims",
        value=wide.value,
        ci_low=wide.ci_low,
        ci_high=wide.ci_high,
        unit=wide.unit,
    )


def _together_note(finding: Finding, wide: Estimate) -> str:
    return (
        f"one of {finding.family} primary claims: the verdict rests on the interval that holds for "
        f"all of them together, {fmt.interval(wide)} {wide.unit} "
        f"({fmt.level(wide.confidence_level)}, Bonferroni)"
    )


def _common_notes(question: Question, cautions: Sequence[str]) -> list[str]:
    claim, study = question.claim, question.cohort.study
    notes = unplaced_note(question)
    if claim.contrary:
        notes.append(f"the articles disagree: {claim.contrary}")
    if claim.analysis in RATED:
        notes += cautions
    if not study.design_declared:
        design = study.design.replace("_", " ")
        notes.append(f"the study file declares no design: {design} is inferred from the table")
    if question.cohort.synthetic:
        notes.append("synthetic data: invented, never evidence")
    return notes
