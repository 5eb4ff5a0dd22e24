"""Designs of published studies, in words short enough for a column."""

from __future__ import annotations

from mnstudy.verdicts.findings import Part

# Short enough for a column; the caption spells them out.
DESIGNS = {
    "rct_split_body": "RCT, sides",
    "rct_parallel": "RCT",
    "nonrandomised": "not random.",
    "single_arm": "one arm",
    "retrospective": "looked back",
    "case_series": "cases",
}
LEGEND = (
    "Design: RCT, randomised groups; RCT, sides: randomised sides of one body; not random.: "
    "compared without randomisation; one arm: before and after; looked back: retrospective; "
    "cases: case series. Blinded: yes where the raters did not know the treatment, unclear where "
    "nothing is reported"
)
RANDOMISED = ("rct_parallel", "rct_split_body")


def design_cells(part: Part) -> tuple[str, str]:
    """Write how a study compared, and whether its raters were blinded."""
    return DESIGNS.get(part.design, part.design.replace("_", " ")), part.blinded
