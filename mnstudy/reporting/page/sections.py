"""What the sections of the page hold: tables, other choices, who was lost, trials, methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.figures.specification import curve_alt, curve_caption, is_a_curve
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.baseline import dropouts_table, flow_table
from mnstudy.reporting.tables.evidence import doi_link, doi_of, year_of
from mnstudy.reporting.tables.printed_table import PrintedTable, to_html
from mnstudy.reporting.tables.sensitivity import groups, summary
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.words.notes import sentences

SECTIONS = {"table1": "Table 1", "outcomes": "Outcomes", "harms": "Harms"}
APART = ("directions_of_effect", "certainty_rated")  # notes that stand apart on the page
RULES = {
    "superiority": "the effect must exceed",
    "difference": "the effect must exceed, in either direction,",
    "noninferiority": "the effect must not fall below",
    "below": "the value must lie below",
    "above": "the value must lie above",
}
OPEN_WORDS = {
    "inconclusive": "these data leave the question open",
    "too small to matter": "these data show an effect, if any, too small to matter",
    "contradicted": "these data speak against the claim as it is put",
}
# What a technical chart shows, by the folder of its files: those stay folded.
TECHNICAL = {
    "albatross": "every study by its size and p-value",
    "harvest": "which way each study points, and how well it was done",
    "funnel": "whether small studies differ from large ones",
    "residuals": "how well the model fits",
    "correlations": "how what was measured goes together",
}
STEPS = {-1: "1 step lower", 0: "no change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFigure:
    """A figure as a page shows it: size, where its files lie, and the words of a chart."""

    width: int
    height: int
    path: str
    files: tuple[str, ...]
    alt: str = ""
    caption: str = ""


Pictures = Mapping[tuple[str, str], PageFigure]  # by the keys of the body and the figure


def cohort_sections(sources: Sequence[EvidenceSource], pictures: Pictures) -> list[dict[str, Any]]:
    """Return the sections that have something to show, each cohort in them."""
    sections = []
    for key, title in SECTIONS.items():
        cohorts = [_cohort(key, b, pictures) for b in sources if has_section(key, b)]
        if cohorts:
            sections.append({"key": key, "title": title, "cohorts": cohorts})
    return sections


def has_section(key: str, source: EvidenceSource) -> bool:
    """Tell whether a cohort has anything to show in a section."""
    if source.trials is not None:
        return False
    return bool(section_tables(key, source)) or (key == "harms" and source.harms is not None)


def section_tables(key: str, source: EvidenceSource) -> list[PrintedTable]:
    """Return the tables of a cohort that stand in a section."""
    return [table for table in source.tables if table.section == key]


def section_id(key: str, source: EvidenceSource) -> str:
    """Return the id of the section of a cohort."""
    return f"{key}-{source.key}"


def _cohort(key: str, source: EvidenceSource, pictures: Pictures) -> dict[str, Any]:
    charts = [source.harms] if key == "harms" and source.harms is not None else []
    return {
        "id": section_id(key, source),
        "heading": source.heading,
        "synthetic": source.synthetic,
        "tables": [_table(source, t) for t in section_tables(key, source)],
        "charts": drawn_charts(source, charts, pictures),
    }


def other_tables(sources: Sequence[EvidenceSource]) -> list[dict[str, Any]]:
    """Return the tables of the published trials, which stand in no section of a cohort."""
    return [_table(b, t) for b in sources if b.trials is not None for t in b.tables]


def _table(source: EvidenceSource, table: PrintedTable) -> dict[str, str]:
    # The box of a table is no landmark: a page with one for every table has too many to be of use.
    html, path = to_html(table, role="group"), f"tables/{source.key}/{table.file}"
    return {"title": table.title, "html": html, "path": path}


def drawn_charts(
    source: EvidenceSource, charts: Iterable[Chart], pictures: Pictures
) -> list[dict[str, Any]]:
    """Return the charts of which there is a picture under the keys of the body and the chart.

    A picture that brings its words spares the chart from finding them again, which takes long.
    """
    found = ((chart, pictures.get((source.key, chart.key))) for chart in charts)
    return [
        {
            "picture": drawn,
            "alt": drawn.alt or chart.alt,
            "caption": drawn.caption or chart.caption,
            "technical": TECHNICAL.get(chart.key.partition("/")[0], ""),
        }
        for chart, drawn in found
        if drawn is not None
    ]


def overview(sources: Sequence[EvidenceSource], pictures: Pictures) -> list[dict[str, Any]]:
    """Return the charts of the published evidence as a whole."""
    return [
        chart for source in sources for chart in drawn_charts(source, source.overview, pictures)
    ]


def other_choices(source: EvidenceSource, finding: Finding) -> dict[str, Any]:
    """Return the sentences and the table of a finding under other choices; empty without them."""
    rows = source.checked.sensitivity.get(finding.claim.id) if source.checked else None
    if rows is None or not len(rows):
        return {}
    rows = rows.astype(object)  # small tables: twice as fast as columns of text
    said = " ".join(summary(finding, rows))
    return {"summary": said, "groups": groups(finding, rows)} if said else {}


def choices_anchor(answer: str) -> str:
    """Return the id of what other choices do to an answer, from the id of the answer."""
    return f"{answer}-choices"


def curve_figure(source: EvidenceSource, finding: Finding, pictures: Pictures) -> dict[str, Any]:
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


def curve_key(claim_id: str) -> str:
    """Return the key of the specification curve of a claim among the pictures of a body."""
    return f"specifications/{claim_id}"


def patient_flow(source: EvidenceSource) -> dict[str, Any]:
    """Return the tables of those who were lost; empty for data that are no cohort."""
    checked = source.checked
    if checked is None or checked.flow is None or checked.dropouts is None:
        return {}
    return {
        "key": source.key,
        "heading": source.heading,
        "synthetic": source.synthetic,
        "flow": flow_table(checked.flow),
        "dropouts": dropouts_table(checked.dropouts),
    }


def patient_flow_anchor(source: EvidenceSource) -> str:
    """Return the id of the tables of those who were lost; empty where there are none."""
    checked = source.checked
    if checked is None or checked.flow is None or checked.dropouts is None:
        return ""
    return f"lost-{source.key}"


def trials_beside(source: EvidenceSource, finding: Finding, pictures: Pictures) -> dict[str, Any]:
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


def doubts_section(sources: Sequence[EvidenceSource]) -> list[dict[str, Any]] | None:
    """Return the table of doubts about printed numbers; empty without published evidence."""
    trials = next((b.trials for b in sources if b.trials is not None), None)
    if trials is None:
        return None
    titles = {c.id: c.title for c in trials.claims}
    shown = {f.claim.id for b in sources for f in b.findings}
    return [_doubt(row, titles, shown) for row in trials.doubts.to_dict("records")]


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
