"""Small counts stay inside: what a real cohort may show of fewer than five people."""

from __future__ import annotations

import re
from dataclasses import replace

from mnstudy import formatting as fmt
from mnstudy.verdicts.findings import Finding, Part

THRESHOLD = 5  # counts below it could point at a person

_NOUN = r"(patient|site|assessment|visit|person|event)s?\b"
_COUNTED = re.compile(rf"(?<![\d.,])[1-{THRESHOLD - 1}] {_NOUN}")
_SHARE = re.compile(rf"(?<![\d.,])[1-{THRESHOLD - 1}](?= of [\d,]+ {_NOUN})")
_SEEN = re.compile(rf"(?<![\d.,])[1-{THRESHOLD - 1}](?= were\b)")


def is_guarded(finding: Finding) -> bool:
    """Tell whether small counts of this finding are hidden: real cohorts, not printed studies."""
    return not finding.synthetic and finding.n_studies is None


def is_small(n: int | None) -> bool:
    """Tell whether a count is small enough to point at a person."""
    return n is not None and 0 < n < THRESHOLD


def shown_count(finding: Finding, n: int | None) -> str:
    """Write a count of people or sites: ``<5`` where it must not be shown, empty where unknown."""
    if n is None:
        return ""
    return f"<{THRESHOLD}" if is_guarded(finding) and is_small(n) else f"{n:,}"


def shown_size(finding: Finding) -> str:
    """Write how much is behind the estimate: studies, patients, sites."""
    named = (
        (finding.n_studies, "study", "studies"),
        (finding.n_patients, "patient", "patients"),
        (finding.n_sites, "site", "sites"),
    )
    return ", ".join(
        f"{shown_count(finding, n)} {one if n == 1 and not is_guarded(finding) else many}"
        if is_small(n)
        else fmt.count(n, one, many)
        for n, one, many in named
        if n
    )


def safe(finding: Finding) -> Finding:
    """Return the finding without what it must not show.

    Values of parts with fewer than five people are blanked, their counts stay and are written as
    ``<5`` by ``shown_count``; small counts in the reason and the notes are replaced.
    """
    if not is_guarded(finding):
        return finding
    return replace(
        finding,
        reason=safe_text(finding.reason),
        notes=tuple(safe_text(note) for note in finding.notes),
        parts=tuple(_safe_part(part) for part in finding.parts),
    )


def safe_text(text: str) -> str:
    """Replace small counts of people in a sentence."""
    text = _COUNTED.sub(lambda m: f"<{THRESHOLD} {m.group(1)}s", text)
    text = _SHARE.sub(f"<{THRESHOLD}", text)
    return _SEEN.sub(f"<{THRESHOLD}", text)


def _safe_part(part: Part) -> Part:
    if not is_small(part.n):
        return part
    nothing = float("nan")
    return replace(part, value=nothing, ci_low=nothing, ci_high=nothing)
