"""The tables of a report at full precision: findings, further numbers, other choices, who was lost.

Of the published evidence its groups of studies, directions and doubts, and a bibliography.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from mnstudy.disclosure import guarded_finding, shown_count, shown_sites
from mnstudy.disclosure.tables import without_told_sizes
from mnstudy.reporting.figures.specification import curve_data
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.evidence import bibtex
from mnstudy.reporting.tables.write import write_csv
from mnstudy.verdicts.evidence.trials import Trials
from mnstudy.verdicts.finding.finding import Finding, Part
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.rows import COLUMNS as SENSITIVITY

COUNTS: dict[str, Callable[[Finding], str]] = {
    "n_patients": lambda f: shown_count(f, f.n_patients, comma=""),
    "n_sites": lambda f: shown_sites(f, comma=""),
    "n_missing": lambda f: shown_count(f, f.n_missing, comma=""),
}
BESIDE = ("control", "null")  # of a part: in the file its group and unit say it
FILES = ("evidence.csv", "directions.csv", "doubts.csv", "references.bib")


def results_frame(sources: Iterable[Findings]) -> pd.DataFrame:
    """Return one row for every finding of every body of data.

    Counts of real cohorts below five are written ``<5``, and those a few short of a known total
    ``>`` that total less five; a column that holds one is text.
    """
    findings = [guarded_finding(f) for source in sources for f in source]
    table = Findings(findings).to_frame()
    table["n_studies"] = table["n_studies"].astype("Int64")
    for column, written in COUNTS.items():
        shown = [written(f) for f in findings]
        if shown != table[column].astype("str").tolist():
            table[column] = shown
    return table


def parts_frame(sources: Iterable[Findings]) -> pd.DataFrame:
    """Return one row for every further number: groups, sessions, studies, pooled values."""
    names = [f.name for f in dataclasses.fields(Part) if f.name not in BESIDE]
    rows = []
    for finding in (guarded_finding(f) for source in sources for f in source):
        named: dict[str, object] = {"claim": finding.claim.id, "dataset": finding.dataset}
        named["synthetic"] = finding.synthetic
        for part in finding.parts:
            values = {name: getattr(part, name) for name in names}
            rows.append(named | values | {"n": shown_count(finding, part.n, comma="")})
    return pd.DataFrame(rows, columns=["claim", "dataset", "synthetic", *names])


def sensitivity_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return every finding under other choices; ``withheld`` says why numbers are missing."""
    tables = [t for b in sources if b.checked for t in b.checked.sensitivity.values()]
    found = _stacked(tables, [*SENSITIVITY, "withheld"])
    return found.assign(**{c: found[c].map(str) for c in ("choice", "reason")})


def specifications_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return every specification of the primary claims, one row each, as the figures show them."""
    curves = [c for b in sources if b.checked for c in b.checked.curves]
    tables = [without_told_sizes(curve_data(c), c.finding) for c in curves]
    return _stacked(tables, ["claim", "dataset", "synthetic"])


def flow_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return who was left at every step of every cohort; ``shown`` stands for withheld counts."""
    return _of_cohorts(
        (b, b.checked.flow.drop(columns=["stage", "after"]))
        for b in sources
        if b.checked and b.checked.flow is not None
    )


def dropouts_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return completers beside drop-outs for every cohort."""
    return _of_cohorts(
        (b, b.checked.dropouts) for b in sources if b.checked and b.checked.dropouts is not None
    )


def _of_cohorts(tables: Iterable[tuple[EvidenceSource, pd.DataFrame]]) -> pd.DataFrame:
    named = []
    for source, table in tables:
        dataset = next((f.dataset for f in source.findings), source.key)
        named.append(table.assign(dataset=dataset, synthetic=source.synthetic))
    found = _stacked(named, ["dataset", "synthetic"])
    return found[["dataset", "synthetic", *(c for c in found if c not in ("dataset", "synthetic"))]]


def _stacked(tables: Sequence[pd.DataFrame], first: Sequence[str]) -> pd.DataFrame:
    """Stack tables; where there is none, one with these columns and no row."""
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(first))


def write_trials(sources: Sequence[EvidenceSource], folder: Path) -> list[str]:
    """Write the files of the published evidence; nothing where no body holds it."""
    trials = next((b.trials for b in sources if b.trials is not None), None)
    if trials is None:
        return []
    write_csv(trials.table, folder / "evidence.csv")
    write_csv(directions_frame(trials), folder / "directions.csv")
    write_csv(trials.doubts, folder / "doubts.csv")
    references = folder / "references.bib"
    references.write_text(bibtex(trials.cited()), encoding="utf-8", newline="\n")
    return list(FILES)


def directions_frame(trials: Trials) -> pd.DataFrame:
    """Return every direction of every claim; ``role`` says which test it, and why others do not."""
    tables = [
        found.rows.assign(claim=claim_id)[["claim", *found.rows]]
        for claim_id, found in trials.directions.items()
    ]
    return _stacked(tables, list(tables[0]))
