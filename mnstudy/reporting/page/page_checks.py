"""What the page says of other choices, and of those who were lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mnstudy.disclosure import THRESHOLD
from mnstudy.reporting.figures.specification_words import curve_alt, curve_caption, is_a_curve
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.lost import dropouts_table, flow_table
from mnstudy.reporting.tables.sensitivity import groups, summary
from mnstudy.verdicts.findings import Finding

QUESTION = "Would another choice change the verdict?"
NOT_COMPARED = (
    f"Completers and drop-outs are not compared: one of the two groups has fewer than {THRESHOLD} "
    "patients with a known value."
)


def curve_key(claim_id: str) -> str:
    """Return the key of the specification curve of a claim among the pictures of a body."""
    return f"specifications/{claim_id}"


def choices_anchor(answer: str) -> str:
    """Return the id of what other choices do to an answer, from the id of the answer."""
    return f"{answer}-choices"


def other_choices(source: EvidenceSource, finding: Finding) -> dict[str, Any]:
    """Return the sentences and the table of a finding under other choices; empty without them."""
    rows = source.checked.sensitivity.get(finding.claim.id) if source.checked else None
    if rows is None or not len(rows):
        return {}
    rows = rows.astype(object)  # small tables: twice as fast as columns of text
    said = " ".join(summary(finding, rows))
    return {"question": QUESTION, "summary": said, "groups": groups(finding, rows)} if said else {}


def curve_figure(
    source: EvidenceSource, finding: Finding, pictures: Mapping[tuple[str, str], Any]
) -> dict[str, Any]:
    """Return the figure of the specification curve of a finding, or why there is none."""
    curves = source.checked.curves if source.checked else ()
    curve = next((c for c in curves if c.finding.claim.id == finding.claim.id), None)
    if curve is None:
        return {}
    drawn = pictures.get((source.key, curve_key(finding.claim.id)))
    if drawn is None or not is_a_curve(curve):
        return {
            "picture": None,
            "words": f"No specification curve: all {curve.n_combinations} combinations of the "
            "declared choices come to the same numbers, or cannot be told apart here.",
        }
    return {"picture": drawn, "alt": curve_alt(curve), "caption": curve_caption(curve)}


def patient_flow_anchor(source: EvidenceSource) -> str:
    """Return the id of the tables of those who were lost; empty where there are none."""
    checked = source.checked
    if checked is None or checked.flow is None or checked.dropouts is None:
        return ""
    return f"lost-{source.key}"


def patient_flow(source: EvidenceSource) -> dict[str, Any]:
    """Return the tables of those who were lost; empty for data that are no cohort."""
    checked = source.checked
    if checked is None or checked.flow is None or checked.dropouts is None:
        return {}
    counts = checked.flow
    return {
        "key": source.key,
        "heading": source.heading,
        "synthetic": source.synthetic,
        "flow": flow_table(counts),
        "dropouts": dropouts_table(checked.dropouts),
        "not_compared": NOT_COMPARED,
        "hidden": not source.synthetic and bool(counts["shown"].ne("").any()),
    }
