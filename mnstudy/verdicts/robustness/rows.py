"""One line of a sensitivity table: another defensible choice, and the verdict it would give."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy.verdicts.analyses import NotTestable, Question
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.finding.finding import Estimate, Finding
from mnstudy.verdicts.finding.judge import Verdict, judge
from mnstudy.words.notes import Note, note

COLUMNS = (
    "claim", "dataset", "check", "choice", "share", "margin", "estimate", "ci_low", "ci_high",
    "confidence_level", "p_value", "n_patients", "verdict", "reason",
)  # fmt: skip
Row = dict[str, object]  # choice and reason are notes, until somebody reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A finding with the question behind it, at the level its verdict rests on."""

    finding: Finding
    question: Question


def judged_row(
    finding: Finding,
    *,
    check: str,
    choice: Note,
    estimate: Estimate,
    n_patients: int | None = None,
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
    }


def asked_again(asked: Asked, question: Question, *, check: str, choice: Note) -> Row:
    """Ask another question for the same finding: the estimate judged, or why there is none."""
    try:
        found = estimate_claim(question)
    except NotTestable as refused:
        reason = one_note(refused.reasons)
        return refused_row(asked.finding, check=check, choice=choice, reason=reason)
    return judged_row(
        asked.finding,
        check=check,
        choice=choice,
        estimate=found.estimate,
        n_patients=found.n_patients,
    )


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
    )


def _empty(finding: Finding, check: str, choice: Note) -> Row:
    nothing = dict.fromkeys(COLUMNS, float("nan"))
    named = {"claim": finding.claim.id, "dataset": finding.dataset}
    return {**nothing, **named, "check": check, "choice": choice, "margin": finding.margin}
