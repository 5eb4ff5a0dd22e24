"""The tables of a file, whose headings are found by looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnstudy.cohort.proposing.workbooks import EXAMPLE_ID, TEMPLATE
from mnstudy.cohort.reading.delimited import TURKISH, assumed
from mnstudy.cohort.reading.read import LABELLED, grids, header_row, read_sheet
from mnstudy.cohort.reading.sheet import Grid, Sheet
from mnstudy.cohort.study.reading import Reading

_DICTIONARY = "Variable / Field Name"


def look(path: Path) -> tuple[dict[str, Sheet], dict[str, Any], list[str]]:
    """Return the tables of a file by worksheet, how to read it, and what to ask."""
    dictionary = _dictionary(path)
    said: dict[str, Any] = {"dictionary": dictionary} if dictionary else {}
    if path.suffix.lower() in LABELLED:
        return {"": read_sheet(path)}, said, []
    every = grids(path, Reading(dictionary=dictionary))
    if tuple(grid.name for grid in every) == TEMPLATE:
        return _template(path, every)
    tables = [g for g in every if g.visible and _rows(g)] or [g for g in every if _rows(g)]
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


def _rows(grid: Grid) -> int:
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


def _dictionary(path: Path) -> str:
    """Return the name of a data dictionary of REDCap beside the sheet, or an empty text."""
    if path.suffix.lower() != ".csv":
        return ""
    names: Sequence[Path] = sorted(p for p in path.parent.glob("*.csv") if p != path)
    return next((p.name for p in names if _is_dictionary(p)), "")


def _is_dictionary(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(200).decode("utf-8", "replace")
    return start.lstrip("\ufeff\"' ").startswith(_DICTIONARY)
