"""The scorecard of the page: what it is sorted and filtered by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mnstudy.reporting.page.cells import ScorecardEntry
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.verdicts.claims.registry import ARTICLES, Claim
from mnstudy.verdicts.findings import VERDICTS, Finding

# What a column of a body of data is sorted by: its name in the cells, the label and the name of the
# button, how its first press goes, and what comes first either way.
SORTS = (
    ("verdict", "verdict", "verdict in", "ascending", "supported first", "not testable first"),
    ("estimate", "estimate", "estimate in", "descending", "lowest first", "highest first"),
    ("beyond", "margin", "distance beyond the margin in", "descending", "nearest or short of it "
     "first", "farthest beyond it first"),
)  # fmt: skip
ABOUT = (
    "Filters and order act on this table alone; the sections below stay. Buttons sort by verdict, "
    "by the printed number in whatever unit, or by how far it lies beyond its margin, as drawn; "
    "claims without a number come last. A print shows the rows that are left, and says which."
)


def sort_keys(shown: ScorecardEntry, finding: Finding | None) -> dict[str, str]:
    """Return what a cell is sorted by; empty where there is nothing, which always comes last.

    ``beyond`` is the distance of the estimate from the margin, in distances between margin and no
    effect, positive where the claim would hold: it can be compared between claims, unlike the
    estimates themselves.
    """
    estimate = finding.estimate if finding is not None else None
    return {
        "verdict": str(VERDICTS.index(shown.verdict)) if shown.verdict in VERDICTS else "",
        "estimate": _number(estimate.value) if estimate is not None else "",
        "beyond": _number(shown.track.value) if shown.track is not None else "",
    }


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def controls(
    claims: Sequence[Claim], sources: Sequence[EvidenceSource], groups: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the claims can be filtered by: only what some of them have."""
    said = {letter for c in claims for letter in (*c.articles, *c.against)}
    words = {f.verdict for b in sources for f in b.findings}
    return {
        "articles": [(letter, f"{letter}: {name}") for letter, name in ARTICLES.items()
                     if letter in said],
        "verdicts": [(str(i), word) for i, word in enumerate(VERDICTS) if word in words],
        "bodies": [(str(i), source.heading) for i, source in enumerate(sources)],
        "groups": [(group["key"], group["title"]) for group in groups],
        "sorts": SORTS,
        "about": ABOUT,
    }  # fmt: skip
