"""The published evidence as files: tables of groups, directions and doubts, and a bibliography."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mnstudy.reporting.run.numbers import write_csv
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.run.trials import Trials
from mnstudy.reporting.tables.bibliography import bibtex

FILES = ("evidence.csv", "directions.csv", "doubts.csv", "references.bib")


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
    tables = []
    for claim_id, found in trials.directions.items():
        rows = found.rows.copy()
        rows.insert(0, "claim", claim_id)
        tables.append(rows)
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
