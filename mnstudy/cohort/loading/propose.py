"""Look at a sheet and propose a study file: which column is which, for a person to correct."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mnstudy.cohort.loading import privacy
from mnstudy.cohort.loading.read import MISSING, as_text, read_table
from mnstudy.cohort.schema.columns import columns
from mnstudy.packaged import packaged

NEAR = 0.8  # how alike two headings must be to be proposed as the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a column of the sheet seems to be.

    ``certainty`` is certain (the contract's own name or a known word), likely (a similar word),
    ask (nothing fits) or refused (it identifies a person). ``levels`` proposes a meaning for the
    sheet's own words, ``unknown`` counts the words without one, ``unit`` is um where a depth
    looks like micrometres.
    """

    heading: str
    column: str
    certainty: str
    levels: Mapping[str, str]
    unknown: int = 0
    unit: str = ""

    def __str__(self) -> str:
        target = {"refused": "REFUSED", "ask": "?"}.get(self.certainty, self.column)
        words = [f'"{word}" -> {level}' for word, level in self.levels.items()]
        if self.unknown:
            words.append(f"{self.unknown} of its words fit no level")
        if self.unit:
            words.append("looks like micrometres")
        if self.certainty == "refused":
            words = ["identifies a person; leave it out of the sheet"]
        line = f"{self.heading:<22} -> {target:<24} {self.certainty:<8} {', '.join(words)}"
        return line.rstrip()


def propose(sheet: pd.DataFrame) -> list[Proposal]:
    """Propose what each column of a raw sheet is; each column of the contract is given once.

    Parameters
    ----------
    sheet : DataFrame
        As read by ``read_table``.

    Returns
    -------
    list of Proposal
        In the order of the sheet. No cell of an id column is ever shown.
    """
    refused = {p.column for p in privacy.identifying_headers(sheet, known=list(columns()))}
    taken: set[str] = set()
    found = {}
    for exact in (True, False):
        for heading in (str(c) for c in sheet.columns):
            if heading not in found and heading not in refused:
                column = _column_of(heading, exact=exact, taken=taken)
                if column:
                    taken.add(column)
                    found[heading] = (column, "certain" if exact else "likely")
    return [_proposal(sheet, str(c), found, refused) for c in sheet.columns]


def _proposal(
    sheet: pd.DataFrame, heading: str, found: Mapping[str, tuple[str, str]], refused: set[str]
) -> Proposal:
    if heading in refused:
        return Proposal(heading=heading, column="", certainty="refused", levels={})
    column, certainty = found.get(heading, ("", "ask"))
    levels, unknown = _levels(sheet[heading], column) if column else ({}, 0)
    unit = "um" if column == "needle_depth_mm" and _in_micrometres(sheet[heading]) else ""
    named = {"heading": heading, "column": column, "certainty": certainty, "unit": unit}
    return Proposal(**named, levels=levels, unknown=unknown)


def _aliases() -> Mapping[str, Any]:
    return packaged("cohort/loading/aliases.toml")


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9%]+", letters))


def _column_of(heading: str, *, exact: bool, taken: set[str]) -> str:
    words: dict[str, str] = {}
    for column in columns():
        if column not in taken:
            names = [column, *_aliases()["columns"].get(column, [])]
            words |= {_plain(name): column for name in reversed(names)}
    plain = _plain(heading)
    if exact:
        return words.get(plain, "")
    near = difflib.get_close_matches(plain, words, n=1, cutoff=NEAR)
    return words[near[0]] if near else ""


def _levels(cells: pd.Series, column: str) -> tuple[dict[str, str], int]:
    """Propose levels for words that are none; the adverse and free columns have no levels."""
    spec = columns()[column]
    if not spec.levels or column == "phototype":
        return {}, 0
    known = {_plain(level): level for level in spec.levels}
    words = dict(known)
    for level, names in _aliases()["levels"].get(column, {}).items():
        words |= {_plain(name): level for name in names}
    own = [w for w in dict.fromkeys(cells.map(as_text)) if w.lower() not in MISSING]
    strange = [w for w in own if _plain(w) not in known]
    proposed = {w: words[_plain(w)] for w in strange if _plain(w) in words}
    return proposed, len(strange) - len(proposed)


def _in_micrometres(cells: pd.Series) -> bool:
    numbers = pd.to_numeric(cells.map(as_text).str.replace(",", "."), errors="coerce")
    return bool((numbers.dropna() > 10).all() and numbers.notna().any())


def study_text(sheet: Path, proposals: list[Proposal]) -> str:
    """Write the proposed study file; what has to be decided by a person is left as a comment."""
    crossed = any(p.column == "period" for p in proposals)
    design = "crossover" if crossed else "single_arm"
    quoted = json.dumps  # a JSON string is a TOML basic string
    lines = [
        "# Proposed by looking at the sheet: correct it, then run: mnstudy validate study.toml",
        f"title = {quoted(sheet.stem, ensure_ascii=False)}",
        f'# design = "{design}"          # single_arm, parallel, split_body, crossover or registry',
        "randomised = false",
        'assessor = "unclear"              # blinded, unblinded, self or unclear',
        '# blinded = "double"              # where patients did not know their treatment either',
        f"file = {quoted(sheet.name, ensure_ascii=False)}",
        "",
        "[columns]                         # heading of the sheet = column of the contract",
    ]
    for p in proposals:
        name = quoted(p.heading, ensure_ascii=False)
        if p.certainty == "refused":
            lines.append(f"# {name} identifies a person: leave it out of the sheet")
        elif p.certainty == "ask":
            lines.append(f'# {name} = "?"')
        elif p.heading != p.column:
            lines.append(f"{name} = {quoted(p.column)}    # {p.certainty}")
    units = [f'{p.column} = "um"' for p in proposals if p.unit]
    lines += ["", "[units]", *units] if units else []
    for p in (p for p in proposals if p.levels):
        lines += ["", f"[levels.{p.column}]"]
        lines += [f"{quoted(w, ensure_ascii=False)} = {quoted(v)}" for w, v in p.levels.items()]
    return "\n".join(lines) + "\n"


def write_study(sheet: Path) -> tuple[Path, list[Proposal]]:
    """Propose a study file for a sheet and write it beside it.

    Raises
    ------
    DataError
        The sheet cannot be read.
    FileExistsError
        There is a ``study.toml`` already; it is left alone.
    """
    target = sheet.parent / "study.toml"
    proposals = propose(read_table(sheet))
    if target.exists():
        raise FileExistsError(f"{target.name} exists already beside the sheet: it is left alone")
    target.write_text(study_text(sheet, proposals), encoding="utf-8", newline="\n")
    return target, proposals
