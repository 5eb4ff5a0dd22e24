"""The methods text of a report, made from what ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.verdicts.finding.finding import Finding

RULES = {
    "superiority": "the effect must exceed",
    "difference": "the effect must exceed, in either direction,",
    "noninferiority": "the effect must not fall below",
    "below": "the value must lie below",
    "above": "the value must lie above",
}


OPEN_WORDS = {
    "inconclusive": "that these data leave the question open",
    "too small to matter": "that these data show an effect, if any, too small to matter",
    "contradicted": "that these data speak against the claim as it is put",
}


def may_be_said(finding: Finding) -> str:
    """Return how far a sentence may go; what is not shown is not put as if it were."""
    return OPEN_WORDS.get(finding.verdict, finding.wording)


def methods(sources: Sequence[EvidenceSource]) -> dict[str, Any]:
    """Return what ran, and which paragraphs of ``methods.html.j2`` hold for these data."""
    findings = [f for b in sources for f in b.findings]
    checked = [b.checked for b in sources if b.checked]
    levels = {f.estimate.confidence_level for f in findings if f.estimate}
    return {
        "levels": " and ".join(fmt.level(x) for x in sorted(levels)) or "no",
        "real": any(not b.synthetic for b in sources),
        "families": any(f.simultaneous for f in findings),
        "other_choices": any(c.sensitivity for c in checked),
        "specifications": any(c.curves for c in checked),
        "pooled": any(f.n_studies for f in findings),
        "ran": [_what_ran(b) for b in sources],
    }


def _what_ran(source: EvidenceSource) -> dict[str, Any]:
    """Return each method that ran on these data, with the number of claims it answered."""
    counts = Counter(f.estimate.method for f in source.findings if f.estimate is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "heading": source.heading,
        "methods": [(method, fmt.count(n, "claim")) for method, n in ordered],
    }
