"""What the page says of the published trials: certainty, directions, studies, doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.reporting.page.page_figures import drawn_charts
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.bibliography import doi_link, doi_of, year_of
from mnstudy.verdicts.findings import Finding
from mnstudy.words.notes import sentences

APART = ("directions_of_effect", "certainty_rated")  # notes that stand apart on the page
STEPS = {-1: "1 step lower", 0: "no change"}
ABOUT_DOUBTS = (
    "Printed numbers that do not agree with one another. A doubt is a question, not an "
    "accusation: most figures were read in an abstract, and the reading, the rounding or a test "
    "that was not named may be the cause. Nothing was dropped or corrected for it."
)


def trials_beside(
    source: EvidenceSource, finding: Finding, pictures: Mapping[tuple[str, str], Any]
) -> dict[str, Any]:
    """Return what the trials say of one claim beside the estimate; empty for other data."""
    trials = source.trials
    if trials is None or finding.claim.id not in trials.states:
        return {}
    claim = finding.claim.id
    studies = trials.used(claim)
    return {
        "anchor": f"{claim}-{source.key}-trials",
        "state": f"{trials.states[claim].word}: {trials.states[claim].sentence}",
        "directions": trials.directions[claim].sentence,
        "certainty": finding.certainty,
        "domains": [_domain(d.name, d.steps, d.reason) for d in finding.domains],
        "studies": citations(studies),
        "counted": fmt.count(len(studies), "study", "studies"),
        "charts": drawn_charts(source, source.charts.get(claim, ()), pictures),
    }


def overview(
    sources: Sequence[EvidenceSource], pictures: Mapping[tuple[str, str], Any]
) -> list[dict[str, Any]]:
    """Return the charts of the published evidence as a whole."""
    return [
        chart for source in sources for chart in drawn_charts(source, source.overview, pictures)
    ]


def _domain(name: str, steps: int, reason: str) -> dict[str, Any]:
    words = STEPS.get(steps, f"{-steps} steps lower")
    return {"name": name, "steps": words, "reason": reason, "lowered": steps < 0}


def other_notes(finding: Finding) -> tuple[str, ...]:
    """Return the notes of a finding without its directions and certainty, which stand apart."""
    return sentences(n for n in finding.remarks if n.kind not in APART)


def citations(studies: pd.DataFrame) -> list[dict[str, str]]:
    """Return label, title, journal, year and DOI of studies, and what each serves for."""
    found = []
    for row in studies.to_dict("records"):
        text = {k: "" if pd.isna(row[k]) else str(row[k]) for k in ("label", "title", "journal")}
        doi = doi_of(row["doi"])
        uses = [word for word in ("number", "direction") if row.get(word)]
        where = ", ".join(x for x in (text["journal"], year_of(row["year"])) if x)
        found.append(
            text | {"where": where, "doi": doi, "link": doi_link(doi) if doi else "",
                    "use": " and ".join(uses)}
        )  # fmt: skip
    return found


def doubts_section(sources: Sequence[EvidenceSource]) -> dict[str, Any]:
    """Return the table of doubts about printed numbers; empty without published evidence."""
    trials = next((b.trials for b in sources if b.trials is not None), None)
    if trials is None:
        return {}
    titles = {c.id: c.title for c in trials.claims}
    shown = {f.claim.id for b in sources for f in b.findings}
    rows = [_doubt(row, titles, shown) for row in trials.doubts.to_dict("records")]
    return {"about": ABOUT_DOUBTS, "rows": rows}


def _doubt(row: dict[Any, Any], titles: Mapping[str, str], shown: set[str]) -> dict[str, Any]:
    doi = doi_of(row["doi"])
    claims = [c for c in str(row["claim_ids"]).split(";") if c in titles]
    return {
        "study": row["label"],
        "doi": doi,
        "link": doi_link(doi) if doi else "",
        "figure": row["figure"],
        "printed": row["printed"],
        "recomputed": row["recomputed"],
        "explanation": row["explanation"],
        "primary": bool(row["in_primary"]),
        "claims": [{"id": c if c in shown else "", "title": titles[c]} for c in claims],
    }
