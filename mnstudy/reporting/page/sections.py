"""Printed tables on the page: Table 1, outcomes and harms of cohorts; what the trials print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mnstudy.reporting.page.page_figures import drawn_charts
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.printed_table import PrintedTable
from mnstudy.reporting.tables.table_html import to_html

# Key of a section, its title, and what it shows.
SECTIONS = (
    (
        "table1",
        "Table 1",
        "Who the patients are and what they received. No p-values: chance differences at the "
        "start are no findings.",
    ),
    (
        "outcomes",
        "Outcomes",
        "For every outcome and arm: who was analysed, who had data, the result, and the effect "
        "with its interval; for yes-or-no outcomes absolute and relative.",
    ),
    (
        "harms",
        "Harms",
        "Every harm that was recorded, with its denominator and exact limits, also where none "
        "was seen.",
    ),
)


def section_id(key: str, source: EvidenceSource) -> str:
    """Return the id of the section of a cohort."""
    return f"{key}-{source.key}"


def section_tables(key: str, source: EvidenceSource) -> list[PrintedTable]:
    """Return the tables of a cohort that stand in a section."""
    return [table for table in source.tables if table.section == key]


def has_section(key: str, source: EvidenceSource) -> bool:
    """Tell whether a cohort has anything to show in a section."""
    if source.trials is not None:
        return False
    return bool(section_tables(key, source)) or (key == "harms" and source.harms is not None)


def cohort_sections(
    sources: Sequence[EvidenceSource], pictures: Mapping[tuple[str, str], Any]
) -> list[dict[str, Any]]:
    """Return the sections that have something to show, each cohort in them."""
    sections = []
    for key, title, about in SECTIONS:
        cohorts = [_cohort(key, b, pictures) for b in sources if has_section(key, b)]
        if cohorts:
            sections.append({"key": key, "title": title, "about": about, "cohorts": cohorts})
    return sections


def other_tables(sources: Sequence[EvidenceSource]) -> list[dict[str, Any]]:
    """Return the tables of the published trials, which stand in no section of a cohort."""
    return [_table(b, t) for b in sources if b.trials is not None for t in b.tables]


def _cohort(
    key: str, source: EvidenceSource, pictures: Mapping[tuple[str, str], Any]
) -> dict[str, Any]:
    charts = [source.harms] if key == "harms" and source.harms is not None else []
    return {
        "id": section_id(key, source),
        "heading": source.heading,
        "synthetic": source.synthetic,
        "tables": [_table(source, t) for t in section_tables(key, source)],
        "charts": drawn_charts(source, charts, pictures),
    }


def _table(source: EvidenceSource, table: PrintedTable) -> dict[str, str]:
    return {"title": table.title, "html": printed(table), "path": table_path(source, table)}


def table_path(source: EvidenceSource, table: PrintedTable) -> str:
    """Return where the files of a table lie, without the ending."""
    return f"tables/{source.key}/{table.file}"


def printed(table: PrintedTable) -> str:
    """Return a table as HTML, everything in it escaped; it scrolls by itself.

    Its box is no landmark here: a page with a landmark for every table has too many to be of use.
    """
    return to_html(table, role="group")
