"""The verdict over smaller and larger margins: does it hang on what counts as worth having."""

from __future__ import annotations

from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.finding.judge import Verdict
from mnstudy.verdicts.robustness.rows import Row, judged_row, one_note, verdict_of
from mnstudy.words.notes import note

SHARES = (0.5, 0.75, 1.0, 1.5, 2.0)


def over_margins(finding: Finding) -> list[Row]:
    """Judge a tested finding again with smaller and larger margins; once where the margin is 0."""
    estimate = finding.simultaneous or finding.estimate
    if estimate is None:
        return []
    rows = []
    for share in SHARES if finding.margin else (1.0,):
        margin = share * finding.margin
        found = verdict_of(finding, estimate, margin)
        usual = verdict_of(finding, estimate, finding.margin)
        if found.word == "supported" and usual.word != finding.verdict:
            # what lowered the verdict, as too few studies, lowers it at every margin
            found = Verdict(word="partly supported", reasons=finding.reasons)
        choice = note("margin_of", margin=margin, unit=estimate.unit)
        row = judged_row(finding, check="margins", choice=choice, estimate=estimate)
        reason = one_note(found.reasons)
        changed = {"share": share, "margin": margin, "verdict": found.word, "reason": reason}
        rows.append({**row, **changed})
    return rows
