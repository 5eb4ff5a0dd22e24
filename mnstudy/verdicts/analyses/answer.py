"""Put one claim to one cohort: refuse what the data cannot carry, else estimate and judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import ANALYSES, Answer, NotTestable, Question
from mnstudy.verdicts.analyses.models.assumptions import broken_assumptions
from mnstudy.verdicts.analyses.question import GRADES, unknown_arm
from mnstudy.verdicts.claims.settings import forms
from mnstudy.verdicts.finding.finding import Estimate, Finding, Hold, Part, interval_of
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import Count, Note, as_given, note

UNBLINDED = {"unblinded": "rater_knew", "self": "rated_by_patients"}
DELTA = ("improvement", "change", "arm_contrast", "depth_contrast")
FAR_APART, MANY = 0.10, 0.20  # of an arm not assessed; conventions
RATED = (
    "improvement", "change", "arm_contrast", "session_slope", "depth_contrast", "slope", "grades",
)  # fmt: skip


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
    if question.at_final_week:
        _require_week(question)
    try:
        return ANALYSES[claim.analysis](question)
    except NotTestable as refused:
        raise NotTestable(*refused.reasons, *unknown_arm(question)) from refused


def _require_week(question: Question) -> None:
    """Refuse a week at which nobody, or too few, of the compared arms were assessed."""
    week = question.week
    if week.chosen == "declared" and not any(there for there, _ in week.seen.values()):
        raise NotTestable(note("nobody_at_week", week=week.week))
    if week.chosen == "none":
        arms = tuple(_in_arm(name, *counts) for name, counts in week.seen.items())
        raise NotTestable(note("no_common_week", arms=arms, week=week.week))


def _in_arm(arm: str, n: int, of: int) -> Note:
    return note("lost_in_arm", sites=Count(n=n, of=of, noun="site"), arm=arm)


def _final_notes(question: Question) -> list[Note]:
    """Say which week counts, and how many sites of each arm were not assessed then."""
    week = question.week
    if not question.at_final_week:
        return []
    if week.chosen == "last":
        several = question.sites["n_assessments"].gt(1).any()
        return [note("last_assessment_counts")] if several else []
    lost = {name: (n - there, n) for name, (there, n) in week.seen.items() if there < n}
    arms = tuple(_in_arm(name, *counts) for name, counts in lost.items())
    remarks = [week.remark] if week.remark else []
    shares = [1 - there / everybody for there, everybody in week.seen.values()]
    apart = max(shares) - min(shares) > FAR_APART if shares else False
    kind = note("losses_differ" if apart else "not_assessed_then", arms=arms)
    return [*remarks, kind] if arms else remarks


def lost_hold(
    estimate: Estimate, share: float, *, analysis: str, rule: str, margin: float, comparison: str,
    null: float,
) -> tuple[Hold, ...]:  # fmt: skip
    """Hold back a verdict that rests on the lost doing as those who stayed.

    Where more than a fifth of an arm was not assessed (``share``), its lost are taken as one margin
    worse for the claim: the result moves by their share of it.
    """
    if share <= MANY or not margin or analysis not in DELTA:
        return ()
    worse = -1 if rule != "below" else 1
    if rule == "difference":
        worse = -1 if estimate.value >= null else 1
    ends = ("value", "ci_low", "ci_high")
    moved = {end: getattr(estimate, end) + worse * share * abs(margin) for end in ends}
    named: dict[str, Any] = {"rule": rule, "margin": margin, "comparison": comparison}
    usual, shifted = (judge(e, **named) for e in (estimate, replace(estimate, **moved)))
    if shifted.in_full == usual.in_full:
        return ()
    why = note("lost_would_turn", percent=100 * share, margin=abs(margin), unit=estimate.unit)
    return (Hold(why=why, adverse=False),)


def _but_coarser(question: Question, empty: Sequence[str]) -> tuple[Note, ...]:
    """Offer a way where only classes or grades are known: neither is a percentage."""
    data = question.cohort.data
    kinds = {"improvement_low": "classes_are_known", GRADES: "grades_are_known"}
    known = [kind for c, kind in kinds.items() if c in data and data[c].notna().any()]
    return tuple(map(note, known)) if "improvement_score" in empty else ()


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
            wider = estimate_claim(again)
            family_interval, found = wider.estimate, replace(found, holds=wider.holds)
    except NotTestable as refused:
        return replace(finding, reasons=refused.reasons)
    if question.at_final_week:
        found = replace(found, week=question.week.week)
    if question.brief:
        return _judged(question, finding, found, family_interval)
    remarks = (*found.remarks, *_common_notes(question, cautions))
    judged = _judged(question, finding, replace(found, remarks=remarks), family_interval)
    broken = broken_assumptions(question, judged, found)
    return replace(judged, remarks=(*judged.remarks, *broken))


def cautions_of(cohort: Cohort) -> list[Note]:
    """Return what has to be said beside every rated result: weeks that lack, and who rated."""
    assessor, blind = cohort.study.assessor, []
    if assessor in UNBLINDED and not cohort.study.double_blind:
        blind = [note(UNBLINDED[assessor])]
    if cohort.study.cluster == "clinic_id":  # what a study did not print is not lost to follow-up
        return blind
    return [*_week_notes(cohort), *blind]


def _week_notes(cohort: Cohort) -> list[Note]:
    """Say where the final week of the plan cannot be found in the table."""
    week, data = cohort.study.plan.final_week, cohort.data
    if week is None:
        return []
    if "weeks" not in data or data["weeks"].isna().all():
        return [note("final_week_without_weeks", week=week)]
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
        null=forms()[claim.analysis].null,
        planned=claim.id in plan.primary,
        family=len(plan.family_ids) if claim.id in plan.family_ids else 0,
        sha256=cohort.provenance.sha256,
        plan_sha256=cohort.study.plan_sha256,
    )


def _judged(
    question: Question, finding: Finding, found: Answer, family_interval: Estimate | None
) -> Finding:
    basis = family_interval or found.estimate
    compared = replace(finding, comparison=found.comparison)
    lost = lost_hold(
        basis, 1 - question.week.least, analysis=question.claim.analysis, rule=compared.rule,
        margin=compared.margin, comparison=compared.comparison, null=compared.null,
    )  # fmt: skip
    holds = (*found.holds, *lost)
    judged = judge(
        basis,
        rule=finding.rule,
        margin=finding.margin,
        comparison=found.comparison,
        null=finding.null,
        holds=holds,
    )
    parts, remarks = found.parts, found.remarks
    if family_interval is not None:
        parts = (_family_part(finding, family_interval), *parts)
        remarks = (_family_note(finding, family_interval), *remarks)
    return replace(
        finding,
        verdict=judged.word,
        lacking=judged.lacking,
        holds=holds,
        week=found.week,
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
    remarks = [*_final_notes(question), *unknown_arm(question)]
    if claim.contrary:
        remarks.append(note("articles_disagree", contrary=claim.contrary))
    if claim.analysis in RATED:
        remarks += cautions
    if not study.design_declared:
        remarks.append(note("design_inferred", design=study.design.replace("_", " ")))
    if question.cohort.synthetic:
        remarks.append(note("synthetic"))
    return remarks
