"""The tables of a report at full precision: findings, further numbers, other choices, who was lost.

Of the published evidence its groups of studies, directions and doubts, and a bibliography.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from mnstudy.reporting.figures.specification import curve_data
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.evidence import bibtex
from mnstudy.reporting.tables.write import write_csv
from mnstudy.verdicts.evidence.trials import ROBVIS, Trials
from mnstudy.verdicts.finding.finding import Part
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.rows import COLUMNS as SENSITIVITY

BESIDE = ("control", "null")  # of a part: in the file its group and unit say it
FILES = (
    "evidence.csv", "effects.csv", "directions.csv", "doubts.csv", "meta_analyses.csv",
    *(f"robvis_{name}.csv" for name in ROBVIS), "references.bib",
)  # fmt: skip


def results_frame(sources: Iterable[Findings]) -> pd.DataFrame:
    """Return one row for every finding of every source of data."""
    table = Findings([f for source in sources for f in source]).to_frame()
    return table.astype({"n_studies": "Int64"})


def parts_frame(sources: Iterable[Findings]) -> pd.DataFrame:
    """Return one row for every further number: groups, sessions, studies, pooled values."""
    names = [f.name for f in dataclasses.fields(Part) if f.name not in BESIDE]
    rows = [
        [f.claim.id, f.dataset, f.synthetic, *(getattr(part, name) for name in names)]
        for source in sources
        for f in source
        for part in f.parts
    ]
    found = pd.DataFrame(rows, columns=["claim", "dataset", "synthetic", *names])
    return found.astype({"n": "Int64"})


def sensitivity_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return every finding under other choices."""
    tables = [t for b in sources if b.checked for t in b.checked.sensitivity.values()]
    found = _stacked(tables, SENSITIVITY)
    return found.assign(**{c: found[c].map(str) for c in ("choice", "reason")})


def specifications_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return every specification of the primary claims, one row each, as the figures show them."""
    curves = [c for b in sources if b.checked for c in b.checked.curves]
    return _stacked([curve_data(c) for c in curves], ["claim", "dataset", "synthetic"])


def flow_frame(sources: Iterable[EvidenceSource]) -> pd.DataFrame:
    """Return who was left at every step of every cohort."""
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
    write_csv(trials.effects, folder / "effects.csv")
    write_csv(trials.reviews, folder / "meta_analyses.csv")
    for name, table in trials.bias.items():
        write_csv(table, folder / f"robvis_{name}.csv")
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
