"""Look at a sheet and propose a study file: which column is which, for a person to correct."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mnstudy.cohort.loading import privacy
from mnstudy.cohort.proposing import layout
from mnstudy.cohort.proposing.looking import Looked
from mnstudy.cohort.proposing.proposal import Proposal, Proposed
from mnstudy.cohort.proposing.study_text import study_text
from mnstudy.cohort.proposing.values import Column, gather
from mnstudy.cohort.proposing.workbooks import EXAMPLE_ID, TEMPLATE
from mnstudy.cohort.reading.delimited import TURKISH, assumed
from mnstudy.cohort.reading.read import (
    LABELLED,
    grids,
    header_row,
    read_sheet,
    sheet_of_frame,
)
from mnstudy.cohort.reading.redcap import dictionary_beside
from mnstudy.cohort.reading.sheet import Grid, Sheet
from mnstudy.cohort.study.reading import Reading


def propose(source: str | os.PathLike[str] | pd.DataFrame) -> Proposed:
    """Look at a sheet and propose how to read it.

    Parameters
    ----------
    source : path or DataFrame
        A sheet in any form that ``load`` reads, or a table with one's own headings.

    Returns
    -------
    Proposed
        Print it; ``study_text`` is the study file. No cell of an id column, of a column that
        identifies a person or of free text is shown.

    Raises
    ------
    DataError
        The file cannot be read.

    Examples
    --------
    >>> found = propose(pd.DataFrame({"Pat.-Nr.": ["P1"], "Narbentyp": ["eisp."]}))
    >>> [p.column for p in found.columns], found.levels["scar_type"]
    (['patient_id', 'scar_type'], {'eisp.': 'acne_icepick'})
    """
    if isinstance(source, pd.DataFrame):
        return propose_sheets({"": sheet_of_frame(source)}, "table")
    with privacy.kept_back():
        sheets, reading, asks = _tables(Path(source))
    return propose_sheets(sheets, Path(source).name, reading=reading, asks=asks)


def write_study(path: Path) -> tuple[Path, Proposed]:
    """Propose a study file for a sheet and write it beside it.

    Raises
    ------
    DataError
        The sheet cannot be read.
    FileExistsError
        There is a ``study.toml`` already; it is left alone.
    """
    target = path.parent / "study.toml"
    found = propose(path)
    if target.exists():
        raise FileExistsError(f"{target.name} exists already beside the sheet: it is left alone")
    target.write_text(found.study_text, encoding="utf-8", newline="\n")
    return target, found


def propose_sheets(
    sheets: Mapping[str, Sheet],
    name: str,
    *,
    reading: Mapping[str, Any] | None = None,
    asks: Sequence[str] = (),
) -> Proposed:
    """Propose how to read the worksheets of a file, whose headings are known."""
    sums = {worksheet: layout.totals(sheet.cells) for worksheet, sheet in sheets.items()}
    tables = {w: gather(replace(s, cells=s.cells.drop(index=sums[w]))) for w, s in sheets.items()}
    used, others = layout.worksheets(tables)
    first, found = sheets[used[0]], Looked(tables[used[0]])
    told = [*asks, *(f'worksheet "{other}" is not read' for other in others)]
    told += [
        f"row {r} looks like a total, a mean or a remark: delete it" for w in used for r in sums[w]
    ]
    rows, more = _rows(found, {worksheet: tables[worksheet] for worksheet in used})
    header = list(first.header)
    said: dict[str, Any] = {"sheet": used[0]} if others else {}
    said |= {"header": header[0] if len(header) == 1 else header} if header != [1] else {}
    told += _marked([sheets[worksheet] for worksheet in used], found.reading().get("fill_down", ()))
    design, reason, clear = found.design()
    said |= {**(reading or {}), **found.reading()}
    n_rows = sum(len(tables[w][0].cells) for w in used if tables[w])
    proposed = Proposed(
        name=name,
        n_rows=n_rows,
        columns=found.proposals,
        reading=said,
        rows=rows,
        other_rows=found.wide.others,
        dates=found.dates,
        units={p.column: p.unit for p in found.proposals if p.unit and not p.held},
        levels=_levels(found.proposals),
        design=design,
        design_reason=reason,
        design_clear=clear,
        lacking=found.lacking(rows),
        asks=tuple(dict.fromkeys([*told, *found.asks, *more])),
        where=_where(used, header, n_rows),
    )
    texts = frozenset().union(*(privacy.texts_of(sheet.cells) for sheet in sheets.values()))
    proposed = privacy.without(proposed, texts | privacy.told_in(proposed))
    return replace(proposed, name=name, study_text=study_text(replace(proposed, name=name)))


def _rows(
    found: Looked, tables: Mapping[str, Sequence[Column]]
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """Return the blocks of the study file; worksheets take the columns common to them."""
    own = found.wide.blocks
    if len(tables) == 1:
        return own, ()
    visits = layout.visits(tables, found.patient)
    if len(own) > 1:
        ask = "assessments stand in columns and in worksheets: list each pair under [[rows]]"
        return own, (*visits.asks, ask)
    both = own[0] if own else {"set": {}, "columns": {}}
    blocks = [
        {"sheet": b["sheet"], "set": {**both["set"], **b["set"]}, "columns": both["columns"]}
        for b in visits.blocks
    ]
    return tuple(blocks), visits.asks


def _marked(sheets: Sequence[Sheet], filled: Sequence[str]) -> list[str]:
    """Ask about cells that are read otherwise than they may be meant."""
    asks = {
        "cells_merged": 'under a merged cell, read as empty; fill_down = ["{}"]?',
        "cells_struck": "crossed out, and read all the same: empty what does not count?",
    }
    return [
        f'"{n["column"]}": {n["cells"]} {asks[n.kind].format(n["column"])}'
        for sheet in sheets
        for n in sheet.remarks
        if n.kind in asks and n["column"] not in filled
    ]


def _where(used: Sequence[str], header: Sequence[int], rows: int) -> str:
    named = ", ".join(f'"{name}"' for name in used if name)
    start = f"{'worksheets' if len(used) > 1 else 'sheet'} {named}, " if named else ""
    place = f"header in row{'s' if len(header) > 1 else ''} {' and '.join(map(str, header))}"
    return f"{start}{place}, {rows} rows read"


def _levels(proposals: Sequence[Proposal]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for p in proposals:
        if p.levels and not p.held:
            found.setdefault(p.column, {}).update(p.levels)
    return found


# The tables of a file, whose headings are found by looking


def _tables(path: Path) -> tuple[dict[str, Sheet], dict[str, Any], list[str]]:
    """Return the tables of a file by worksheet, how to read it, and what to ask."""
    dictionary = dictionary_beside(path)
    said: dict[str, Any] = {"dictionary": dictionary} if dictionary else {}
    if path.suffix.lower() in LABELLED:
        return {"": read_sheet(path)}, said, []
    every = grids(path, Reading(dictionary=dictionary))
    if tuple(grid.name for grid in every) == TEMPLATE:
        return _template(path, every)
    filled = [g for g in every if _filled_rows(g)]
    tables = [g for g in filled if g.visible] or filled
    sheets, asks = {}, []
    for grid in tables:
        if assumed(TURKISH) in grid.remarks:
            said["encoding"] = TURKISH
            asks.append("the letters are taken for Turkish (Windows-1254): are the words right?")
        how = Reading(dictionary=dictionary, header=header_row(grid))
        sheets[grid.name] = read_sheet(path, how, worksheet=grid.name, found=every)
        asks += _left_out(grid)
        asks += [
            f'column "{heading}" is hidden, and read all the same: is it the one that counts?'
            for note in sheets[grid.name].remarks
            if note.kind == "columns_hidden"
            for heading in note["columns"]
        ]
    asks += [
        f'worksheet "{g.name}" is not read' for g in every if len(g.cells) and g.name not in sheets
    ]
    return sheets or {"": read_sheet(path)}, said, asks


def _template(
    path: Path, every: Sequence[Grid]
) -> tuple[dict[str, Sheet], dict[str, Any], list[str]]:
    """Return the table of a filled template; its example row is nothing to ask about."""
    data = every[0]
    struck = [r for r in data.struck if data.cells.loc[r].iloc[0] != EXAMPLE_ID]
    sheet = read_sheet(path, Reading(sheet=data.name), found=every)
    return {data.name: sheet}, {"sheet": data.name}, _left_out(replace(data, struck=tuple(struck)))


def _filled_rows(grid: Grid) -> int:
    """Count the rows below the headings."""
    header = header_row(grid)
    return int((grid.cells.index > header[-1]).sum()) if header else 0


def _left_out(grid: Grid) -> list[str]:
    where = f' of "{grid.name}"' if grid.name else ""
    ways = (("hidden", "hidden", grid.hidden), ("struck", "struck through", grid.struck))
    return [
        f'rows{where} that are {how}, {len(rows)}: left out unless you write {key}_rows = "read"'
        for key, how, rows in ways
        if rows
    ]
