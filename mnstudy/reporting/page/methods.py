"""The methods text of a report, made from what ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.disclosure import THRESHOLD
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.verdicts.finding.finding import Finding

MEANINGS = (
    ("supported", "the whole interval lies beyond the margin, and the design can show the cause"),
    (
        "partly supported",
        "the interval excludes no effect but not one too small to matter, or the design, or too "
        "few studies, leave the claim open",
    ),
    ("inconclusive", "the interval holds both what the claim says and its opposite"),
    ("contradicted", "the whole interval lies short of the margin"),
    ("not testable", "these data cannot answer; the reason is given"),
)
RULES = {
    "superiority": "the effect must exceed",
    "difference": "the effect must exceed, in either direction,",
    "noninferiority": "the effect must not fall below",
    "below": "the value must lie below",
    "above": "the value must lie above",
}


OPEN_WORDS = {
    "inconclusive": "that these data leave the question open",
    "contradicted": "that these data speak against the claim as it is put",
}


def may_be_said(finding: Finding) -> str:
    """Return how far a sentence may go; what is not shown is not put as if it were."""
    return OPEN_WORDS.get(finding.verdict, finding.wording)


def paragraphs(sources: Sequence[EvidenceSource]) -> list[str]:
    """Return the methods as paragraphs that hold for these data."""
    levels = {f.estimate.confidence_level for b in sources for f in b.findings if f.estimate}
    shown = " and ".join(fmt.level(x) for x in sorted(levels)) or "no"
    text = [
        f"Every claim was turned into a quantity that would test it, with a margin set beforehand "
        f"in the register of claims or in the plan of the study. A verdict compares the whole "
        f"interval ({shown} level) with that margin and never rests on a p-value alone. What a "
        "design cannot carry is taken back: without a comparison group, or without random "
        "allocation, no claim about a cause is called supported.",
        "Rows with a missing value that an analysis needs are left out of that analysis and "
        "counted; nothing is imputed unless the method says so. The patient is the unit: several "
        "sites or visits of one patient are never counted as several patients.",
    ]
    if any(not b.synthetic for b in sources):
        text.append(
            f"Counts of fewer than {THRESHOLD} people in real cohorts are shown as <{THRESHOLD}, "
            "and values that rest on so few are not shown. No row of a patient leaves the data."
        )
    if any(f.simultaneous for b in sources for f in b.findings):
        text.append(
            "The primary claims of a plan hold together: the verdict of each rests on an interval "
            "whose level was raised so that all of them cover together (Bonferroni); the p-value "
            "adjusted over the family (Holm) stands beside it."
        )
    text += _other_choices(sources)
    if any(f.n_studies for b in sources for f in b.findings):
        text.append(
            "Published contrasts are pooled within claim, measure and endpoint. Controlled and "
            "uncontrolled studies stand apart; the verdict rests on the controlled ones where "
            "there are any."
        )
    return text


def _other_choices(sources: Sequence[EvidenceSource]) -> list[str]:
    checked = [b.checked for b in sources if b.checked]
    text = []
    if any(c.sensitivity for c in checked):
        text.append(
            "Every tested claim was put again under other defensible choices: half to twice the "
            "margin, no covariates, least squares with errors robust to clustering (CR2), ranks, "
            "sites seen to the end only, lost results imputed and then pushed further, each clinic "
            "left out, each scar type alone; each where it applies. A single scar type has fewer "
            "patients, so that its verdict may change for that alone."
        )
    if any(c.curves for c in checked):
        text.append(
            "Primary claims were put to every combination of the declared choices, and these were "
            "tested together by flipping the signs of patients' contributions."
        )
    return text


def what_ran(source: EvidenceSource) -> dict[str, Any]:
    """Return each method that ran on these data, with the number of claims it answered."""
    counts = Counter(f.estimate.method for f in source.findings if f.estimate is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "heading": source.heading,
        "methods": [(method, fmt.count(n, "claim")) for method, n in ordered],
    }
