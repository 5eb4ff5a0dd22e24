"""The rows of a sensitivity table: a defensible choice each, and the verdict it would give.

Here are those that need the finding or its question only: other margins, without each clinic, in
each scar type alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mnstudy.verdicts.analyses import NotTestable, Question
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.finding.finding import Estimate, Finding
from mnstudy.verdicts.finding.judge import Verdict, judge
from mnstudy.words.notes import Note, note
from mnstudy.words.units import is_ratio

COLUMNS = (
    "claim", "dataset", "check", "choice", "share", "margin", "estimate", "ci_low", "ci_high",
    "confidence_level", "p_value", "n_patients", "verdict", "reason", "lacking",
)  # fmt: skip
Row = dict[str, object]  # choice and reason are notes, until somebody reads them
SHARES = (0.5, 0.75, 1.0, 1.5, 2.0)  # of the margin


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """A finding with the question behind it, at the level its verdict rests on."""

    finding: Finding
    question: Question


def judged_row(
    finding: Finding, *, check: str, choice: Note, estimate: Estimate, n_patients: int | None = None
) -> Row:
    """Judge another estimate of the same finding."""
    found = verdict_of(finding, estimate, finding.margin)
    return {
        **_empty(finding, check, choice),
        "estimate": estimate.value,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "confidence_level": estimate.confidence_level,
        "p_value": estimate.p_value,
        "n_patients": finding.n_patients if n_patients is None else n_patients,
        "verdict": found.word,
        "reason": one_note(found.reasons),
        "lacking": ", ".join(found.lacking),
    }


def asked_again(
    asked: CheckContext, question: Question, *, check: str, choice: Note, other_method: bool = False
) -> list[Row]:
    """Ask another question for the same finding: the estimate judged, or why there is none.

    Where another method was asked for, nothing if the claim came by its estimate in this way.
    """
    named: dict[str, Any] = {"check": check, "choice": choice}
    try:
        found = estimate_claim(question)
    except NotTestable as refused:
        return [refused_row(asked.finding, reason=one_note(refused.reasons), **named)]
    usual = asked.finding.estimate
    if other_method and usual and found.estimate.how == usual.how:
        return []
    n = found.n_patients
    return [judged_row(asked.finding, estimate=found.estimate, n_patients=n, **named)]


def refused_row(finding: Finding, *, check: str, choice: Note, reason: Note) -> Row:
    """Say that another choice leaves the claim without an answer."""
    return {**_empty(finding, check, choice), "verdict": "not testable", "reason": reason}


def one_note(reasons: tuple[Note, ...]) -> Note:
    """Return several reasons as one note."""
    return reasons[0] if len(reasons) == 1 else note("several", said=reasons)


def verdict_of(finding: Finding, estimate: Estimate, margin: float) -> Verdict:
    """Judge an estimate as the finding was judged, against this margin."""
    return judge(
        estimate,
        rule=finding.rule,
        margin=margin,
        comparison=finding.comparison,
        null=finding.null,
        holds=finding.holds,
    )


def _empty(finding: Finding, check: str, choice: Note) -> Row:
    nothing = {**dict.fromkeys(COLUMNS, float("nan")), "lacking": ""}
    named = {"claim": finding.claim.id, "dataset": finding.dataset}
    return {**nothing, **named, "check": check, "choice": choice, "margin": finding.margin}


def over_margins(finding: Finding) -> list[Row]:
    """Judge a tested finding again with smaller and larger margins; once where the margin is 0."""
    estimate = finding.simultaneous or finding.estimate
    if estimate is None:
        return []
    rows = []
    for share in SHARES if finding.margin else (1.0,):
        margin = _margin(finding, estimate, share)
        if estimate.unit == "percent" and finding.rule == "above" and margin >= 100:
            continue  # no share lies above all patients
        found = verdict_of(finding, estimate, margin)
        usual = verdict_of(finding, estimate, finding.margin)
        if found.word == "supported" and (usual.word != finding.verdict or finding.few_studies):
            # what lowered the verdict, as too few studies, lowers it at every margin
            why = finding.reasons if usual.word != finding.verdict else found.reasons
            found = replace(found, word="partly supported", reasons=why, lacking=finding.lacking)
        choice = note("margin_of", margin=margin, unit=estimate.unit)
        row = judged_row(finding, check="margins", choice=choice, estimate=estimate)
        reason = one_note(found.reasons)
        changed = {"share": share, "margin": margin, "verdict": found.word, "reason": reason}
        changed["lacking"] = ", ".join(found.lacking)
        rows.append({**row, **changed})
    return rows


def _margin(finding: Finding, estimate: Estimate, share: float) -> float:
    """Return a share of the way from no effect to the margin, of a ratio on its log scale."""
    if is_ratio(estimate.unit) and finding.null > 0:
        return float(f"{finding.null * (finding.margin / finding.null) ** share:.3g}")
    return finding.null + share * (finding.margin - finding.null)


def without_each_clinic(asked: CheckContext) -> list[Row]:
    """Leave out one clinic at a time, those with five patients or more.

    Without a smaller one hardly anything changes, and the difference could point at a person.
    """
    return _over(asked, "clinic_id", "clinics", keep=False)


def in_each_scar_type(asked: CheckContext) -> list[Row]:
    """Keep one scar type at a time, those with five patients or more.

    A claim about one scar type, or about their spread, has no such rows.
    """
    params = asked.question.params
    if "scar_types" in params or params.get("factor") == "scar_type":
        return []
    return _over(asked, "scar_type", "scar types", keep=True)


def _over(asked: CheckContext, column: str, check: str, *, keep: bool) -> list[Row]:
    sites = asked.question.sites
    if column not in sites:
        return []
    patients = sites.groupby(column, observed=True)["patient_id"].nunique()
    if len(patients) < 2:
        return []
    levels = patients.index[patients >= MIN_PATIENTS]
    return [row for level in sorted(levels) for row in _one(asked, column, level, check, keep)]


def _one(asked: CheckContext, column: str, level: str, check: str, keep: bool) -> list[Row]:
    word = str(level).replace("_", " ")
    choice = note("only_level" if keep else "without_level", level=word)
    question = _restricted(asked.question, column, level, keep)
    rows = asked_again(asked, question, check=check, choice=choice)
    # a type that cannot answer the claim alone leaves nothing to compare
    return [row for row in rows if not (keep and row["verdict"] == "not testable")]


def _restricted(question: Question, column: str, level: str, keep: bool) -> Question:
    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        inside = frame[column].eq(level).fillna(False).to_numpy(dtype=bool)
        return frame[inside if keep else ~inside].reset_index(drop=True)

    cohort = replace(question.cohort, data=cut(question.cohort.data))
    return replace(question, cohort=cohort, sites=cut(question.sites))
