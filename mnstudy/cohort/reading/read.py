"""From a file to the sheet in it: the worksheet, its headings, and the rows that are left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from mnstudy.cohort.reading.delimited import text_grid
from mnstudy.cohort.reading.labelled import labelled_sheet
from mnstudy.cohort.reading.redcap import with_dictionary
from mnstudy.cohort.reading.sheet import Grid, Sheet, letter, refuse, row_runs
from mnstudy.cohort.reading.workbook import workbook_grids
from mnstudy.cohort.schema.problems import Line, Problem, fail
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import nearest
from mnstudy.words.notes import Count, Note, note

TEXT = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
LABELLED = (".parquet", ".sav", ".zsav", ".dta")
_LOOKED_AT = 200  # rows from which the headings are guessed
_NAMED = 6  # headings of a worksheet that a sentence names
# settings that mean nothing for a kind of file
_IDLE = {
    TEXT: ("sheet", "hidden_rows", "struck_rows"),
    WORKBOOKS: ("delimiter", "encoding"),
    LABELLED: ("sheet", "header", "hidden_rows", "struck_rows", "delimiter"),
}


_ROWS = {
    ("hidden", True): "rows_hidden_read",
    ("hidden", False): "rows_hidden_left_out",
    ("struck", True): "rows_struck_read",
    ("struck", False): "rows_struck_left_out",
}


def read_sheet(
    path: Path, how: Reading | None = None, *, worksheet: str = "", found: Sequence[Grid] = ()
) -> Sheet:
    """Read the sheet of a study from a file.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .txt, .xlsx, .xlsm, .xls, .ods, .parquet, .sav, .zsav or .dta file.
    how : Reading
        How the study file says to read it; what it leaves open is found by looking.
    worksheet : str
        Read this one in place of the one named in ``how`` (a block of ``[[rows]]``).
    found : sequence of Grid
        The worksheets, where ``grids`` has read them before.

    Raises
    ------
    DataError
        The file cannot be read, or which worksheet, which headings or which delimiter count
        cannot be told.
    """
    how = how or Reading()
    kind = _kind(path)
    if kind is LABELLED:
        sheet = labelled_sheet(path, how)
    else:
        found = found or grids(path, how)
        grid = _chosen(path, found, worksheet or how.sheet)
        sheet = _table(path, grid, how, found if worksheet else (grid,))
        if not worksheet:
            sheet = replace(sheet, remarks=(*sheet.remarks, *not_read(found, (grid.name,))))
    idle = [key for key in _IDLE[kind] if getattr(how, key)]
    problems = (*_without_effect(path, idle, how), *sheet.problems)
    return with_dictionary(path, replace(sheet, problems=problems), how)


def worksheets_read(path: Path, how: Reading) -> dict[str, Sheet]:
    """Read each worksheet that the study file names, by that name; ``""`` for that of the file."""
    names = list(dict.fromkeys(block.sheet for block in how.rows)) or [""]
    if names == [""]:
        return {"": read_sheet(path, how)}
    found = () if _kind(path) is LABELLED else grids(path, how)
    sheets = {name: read_sheet(path, how, worksheet=name, found=found) for name in names}
    last = names[-1]
    idle = not_read(found, [sheet.worksheet for sheet in sheets.values()])
    sheets[last] = replace(sheets[last], remarks=(*sheets[last].remarks, *idle))
    return sheets


def sheet_of_frame(frame: pd.DataFrame) -> Sheet:
    """Take a table as a sheet: its first row of data is row 2, as under a header."""
    return Sheet(cells=frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0))


def grids(path: Path, how: Reading | None = None) -> tuple[Grid, ...]:
    """Read all worksheets of a file, in their order, hidden and empty ones too.

    A file without worksheets is one grid; of a file whose columns have names these are row 1.
    """
    kind = _kind(path)
    if kind is WORKBOOKS:
        return workbook_grids(path)
    if kind is TEXT:
        return (text_grid(path, how),)
    cells = labelled_sheet(path, how).cells
    width = range(cells.shape[1])
    head = pd.DataFrame([list(cells.columns)], index=[1], columns=width, dtype=object)
    return (Grid(cells=pd.concat([head, cells.set_axis(width, axis=1).astype(object)])),)


def not_read(found: Iterable[Grid], read: Sequence[str]) -> tuple[Note, ...]:
    """Say which worksheets with cells were not read."""
    others = tuple(g.name for g in found if len(g.cells) and g.name not in read)
    return (note("worksheets_not_read", read=tuple(read), others=others),) if others else ()


def _kind(path: Path) -> tuple[str, ...]:
    """Return the kinds of file to which a path belongs, once it is a file with something in it."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # not there, a loop of links, too long or no name at all
        refuse(path, rule="an existing file", remedy="check the path and the spelling")
    if not stat.S_ISREG(status.st_mode):
        refuse(path, rule="an existing file", remedy="name the sheet itself: this is no file")
    if status.st_size == 0:
        refuse(path, rule="a table with a header", remedy="the file is empty: export it again")
    kind = next((k for k in _IDLE if path.suffix.lower() in k), None)
    if kind is None:
        kinds = ", ".join((*TEXT, *WORKBOOKS, *LABELLED))
        refuse(path, rule=f"one of {kinds}", remedy="save the sheet as .csv")
    return kind


# Which worksheet


_DICTIONARY = {"name", "core", "kind", "unit", "rule", "meaning", "example"}


def _chosen(path: Path, found: Sequence[Grid], name: str) -> Grid:
    if name:
        return _named(path, found, name)
    filled = [g for g in found if len(g.cells)]
    if len(found) == 1 or not filled:
        return found[0] if found else Grid(cells=pd.DataFrame())
    tables = {g.name: sheet_of(g) for g in filled}
    some = [g for g in filled if _holds_table(tables[g.name])]
    # the dictionary of a template is no data
    seen = [g for g in some if g.visible and _headings(tables[g.name]) != _DICTIONARY]
    best = [g for g in seen if _is_candidate(g.name, tables)] or seen
    best = _outstanding(best, tables) or best or some or filled[:1]
    if len(best) > 1 or (some and not best[0].visible):
        _ask_worksheet(path, best, tables)
    return best[0]


def _named(path: Path, found: Sequence[Grid], name: str) -> Grid:
    grid = next((g for g in found if g.name == name), None)
    if grid is None:
        names = [g.name for g in found if g.name]
        known = ", ".join(names)
        rule = f"one of the worksheets {known}" if names else "a workbook with worksheets"
        remedy = nearest(name, names, "write its name as it stands in the workbook", n=1)
        fail(path.name, Problem(column="sheet", value=name, rule=rule, remedy=remedy))
    return grid


def _headings(table: Sheet) -> set[str]:
    return {h.lower() for h in table.cells.columns if h}


def _filled(table: Sheet) -> int:
    """Count the columns with a heading and something below it."""
    filled = (table.cells.notna() & (table.cells != "")).any(axis=0)
    return sum(bool(heading) and bool(any_) for heading, any_ in filled.items())


def _holds_table(table: Sheet) -> bool:
    return len(table.cells) > 0 and _filled(table) >= 2


def _is_candidate(name: str, tables: dict[str, Sheet]) -> bool:
    """Say whether a worksheet may be the data: of some size, or alike to another."""
    table = tables[name]
    others = [_headings(other) for key, other in tables.items() if key != name]
    alike = any(len(_headings(table) & other) >= 2 for other in others)
    large = len(table.cells) >= 3 and _filled(table) >= 3
    return _holds_table(table) and (large or alike)


def _outstanding(best: Sequence[Grid], tables: dict[str, Sheet]) -> list[Grid]:
    """Return the one that holds three quarters of the cells and no heading of another."""
    sizes = {g.name: len(g.cells) * g.cells.shape[1] for g in best}
    large = [g for g in best if sizes[g.name] >= 0.75 * sum(sizes.values())]
    others = [_headings(tables[g.name]) for g in best if g not in large]
    alike = large and any(_headings(tables[large[0].name]) & other for other in others)
    return [] if alike else large


def _ask_worksheet(path: Path, best: Sequence[Grid], tables: dict[str, Sheet]) -> NoReturn:
    problems = []
    for grid in best:
        table = tables[grid.name]
        heads = [h for h in table.cells.columns if h]
        named = ", ".join(heads[:_NAMED]) + (" ..." if len(heads) > _NAMED else "")
        hidden = "" if grid.visible else "it is hidden; "
        problems.append(
            Problem(
                column=grid.name,
                value=f"{len(table.cells)} rows",
                rule="one worksheet to read",
                remedy=f"{hidden}its headings are {named}: name the worksheet in the study file, "
                "or each of several under [[rows]]",
                paste=(Line("", "sheet", grid.name),),
            )
        )
    fail(path.name, *problems)


# Which headings


def header_row(grid: Grid) -> tuple[int, ...]:
    """Guess the rows of the headings: the first of which more than half of the columns are filled.

    Two rows where heads of groups, merged over several columns, stand above headings. Empty for a
    grid without cells.
    """
    cells = grid.cells.head(_LOOKED_AT)
    if not len(cells):
        return ()
    counts = (cells.notna() & ~cells.isin(["", " "])).sum(axis=1)
    for row, count in counts.items():
        below = counts.loc[row:].iloc[1:]
        if count > 0.5 * below.median() or not len(below):
            break
    else:
        row = counts.index[0]
    groups = _group_heads(grid, row - 1)
    if groups > 1 and row - 1 in counts.index:
        return int(row) - 1, int(row)
    under = row + 1 in counts.index and _group_heads(grid, row)
    if not under and _heads_below(cells, row):
        return (int(row) + 1,)
    return (int(row), int(row) + 1) if under and _names_groups(grid, row) else (int(row),)


def _heads_below(cells: pd.DataFrame, row: int) -> bool:
    """Say whether a row with gaps holds heads of groups: below is text throughout, then numbers."""
    gaps, rest = cells.loc[row].isin(["", " "]) | cells.loc[row].isna(), cells.loc[row:].iloc[1:]
    if not gaps.any() or len(rest) < 3 or rest.index[0] != row + 1:
        return False
    heads, body = rest.iloc[0], rest.iloc[1:]
    text = all(isinstance(x, str) and x.strip() and not _is_number(x) for x in heads)
    return text and any(body[c].map(_is_number).mean() > 0.5 for c in body)


def _is_number(value: Any) -> bool:
    text = str(value).replace(",", ".", 1).replace(".", "", 1)
    return text.isdecimal()


def _group_heads(grid: Grid, row: int) -> int:
    """Count the cells of a row that are merged over several of its columns."""
    return len({origin for place, origin in grid.merged.items() if place[0] == origin[0] == row})


def _names_groups(grid: Grid, row: int) -> bool:
    """Say whether below the merged heads of a row stands text alone, and under each column."""
    below = grid.cells.loc[row + 1]
    under = [place[1] for place, origin in grid.merged.items() if place[0] == origin[0] == row]
    text = all(isinstance(value, str) for value in below.dropna())
    return text and all(isinstance(below.get(column), str) for column in under)


def sheet_of(grid: Grid, header: tuple[int, ...] = ()) -> Sheet:
    """Take the headings of a grid and say of the cells below them what was not read.

    Two rows of headings are joined as "upper / lower", an upper one that is merged standing above
    all its columns. Columns without heading and cells are left out.

    Parameters
    ----------
    grid : Grid
    header : tuple of int
        Rows of the headings; guessed when empty.
    """
    header = header or header_row(grid)
    if not header:
        return Sheet(cells=pd.DataFrame(), worksheet=grid.name, remarks=grid.remarks)
    headings = _joined(grid, header)
    cells = grid.cells.loc[header[-1] + 1 :]
    bare = [c for c, heading in headings.items() if not heading]
    empty = [c for c in bare if not (cells[c].notna() & (cells[c] != "")).any()]
    left = [c for c in bare if c not in empty]
    cells = cells.drop(columns=empty)
    names = {c: heading or f"column {letter(c)}" for c, heading in headings.items()}
    remarks = [*_above(grid, header), *_renamed(grid.remarks, names)]
    if left:
        remarks.append(note("columns_without_heading", columns=tuple(map(letter, left))))
    return Sheet(
        cells=cells.set_axis([headings[c] for c in cells], axis=1),
        worksheet=grid.name,
        header=header,
        places=tuple(cells),
        problems=(*_problems(grid, header, names), *_shares(grid, cells.index, names)),
        remarks=(*remarks, *_marks(grid, cells.index, names)),
    )


def _joined(grid: Grid, header: tuple[int, ...]) -> dict[int, str]:
    """Return the heading of each column, from one row or two."""

    def text(row: int, column: int) -> str:
        if row != header[-1]:  # an upper one stands above all columns it is merged over
            row, column = grid.merged.get((row, column), (row, column))
        value = grid.cells[column].get(row)
        return _heading(value)

    parts = {c: [text(row, c) for row in header] for c in grid.cells}
    return {c: " / ".join(dict.fromkeys(filter(None, words))) for c, words in parts.items()}


def _heading(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).removesuffix(" 00:00:00").split())  # of a date


def _above(grid: Grid, header: tuple[int, ...]) -> list[Note]:
    rows = grid.cells.index[grid.cells.index < header[0]]
    return [note("rows_above_header", rows=row_runs(rows), header=header[0])] if len(rows) else []


def _renamed(remarks: Iterable[Note], names: dict[int, str]) -> list[Note]:
    """Put headings in place of the letters of columns."""
    by_letter = {letter(c): name for c, name in names.items()}
    return [
        remark.having(columns=tuple(by_letter.get(c, c) for c in remark["columns"]))
        if "columns" in dict(remark.values)
        else remark
        for remark in remarks
    ]


def _problems(grid: Grid, header: tuple[int, ...], names: dict[int, str]) -> tuple[Problem, ...]:
    by_letter = {letter(c): name for c, name in names.items()}
    return tuple(
        replace(p, column=by_letter.get(p.column, p.column))
        for p in grid.problems
        if p.row is None or p.row >= header[0]
    )


def _shares(grid: Grid, rows: pd.Index, names: dict[int, str]) -> list[Problem]:
    """List small numbers among cells that are shown in percent: 0.45 may be 45 of them."""
    rule = "shown in percent, as other cells of the column are"
    remedy = "write the number as it is meant (45), or give its cell the format of the others"
    return [
        Problem(row=int(row), column=names[column], value=f"{value:g}", rule=rule, remedy=remedy)
        for (kind, column, _), at in grid.marks.items()
        if kind == "percent_read_as_shown"
        for row, value in grid.cells.loc[rows.difference(at), column].items()
        if isinstance(value, int | float) and 0 < abs(value) < 1
    ]


def _marks(grid: Grid, rows: pd.Index, names: dict[int, str]) -> list[Note]:
    """Say of each column how many of its cells are marked, and how many stand under others."""
    kept = set(rows) if grid.marks or grid.merged else set()
    marks = {mark: kept & set(at) for mark, at in grid.marks.items()}
    for row, column in grid.merged:
        if row in kept:
            marks.setdefault(("cells_merged", column, ""), set()).add(row)
    notes = []
    for (kind, column, word), at in sorted(marks.items()):
        if at and column in names:
            cells = Count(n=len(at), noun="cell")
            more = {"word": word} if word else {}
            notes.append(note(kind, cells=cells, column=names[column], **more))
    return notes


def _header(path: Path, grid: Grid, how: Reading) -> tuple[int, ...]:
    """Return the rows of the headings as declared, or the first row if it looks like headings."""
    index = grid.cells.index
    if how.header:
        missing = [row for row in how.header if row not in index]
        if missing or how.header[-1] >= index[-1]:
            rule = f"rows of the sheet, which has cells in rows {index[0]} to {index[-1]}"
            value = ", ".join(map(str, how.header))
            remedy = "write the number of the row with the headings, which has rows below it"
            fail(path.name, Problem(column="header", value=value, rule=rule, remedy=remedy))
        return how.header
    guess = header_row(grid)
    if guess != (index[0],):
        rows = f"row{'s' if len(guess) > 1 else ''} {' and '.join(map(str, guess))}"
        paste = (Line("", "header", guess[0] if len(guess) == 1 else guess),)
        remedy = f"the headings seem to stand in {rows}: say so in the study file"
        rule = "headings, not a title or the heads of groups"
        problem = Problem(row=int(index[0]), rule=rule, remedy=remedy, paste=paste)
        fail(path.name, problem)
    return guess


# Which rows


def _table(path: Path, grid: Grid, how: Reading, same: Sequence[Grid]) -> Sheet:
    """Return the table of a grid without the rows that are hidden or struck through."""
    if not len(grid.cells):
        remedy = "put the column names into the first row"
        refuse(path, rule="a header in row 1", remedy=remedy)
    header = _header(path, grid, how)
    if len(grid.cells.loc[header[-1] :]) < 2:
        refuse(path, rule="at least one row of data", remedy="the sheet has only a header")
    left: set[int] = set()
    remarks, idle = [], []
    for key, rows, others in (
        ("hidden", grid.hidden, [g.hidden for g in same]),
        ("struck", grid.struck, [g.struck for g in same]),
    ):
        setting = f"{key}_rows"
        value, rows = getattr(how, setting), tuple(r for r in rows if r > header[-1])
        if value and not any(others):
            idle.append(setting)
        if rows:
            remarks.append(
                note(
                    _ROWS[key, value == "read"],
                    n=Count(n=len(rows), noun="row"),
                    rows=row_runs(rows),
                )
            )
            left |= set() if value == "read" else set(rows)
    if left:
        problems = tuple(p for p in grid.problems if p.row not in left)
        grid = replace(grid, cells=grid.cells.drop(index=sorted(left)), problems=problems)
    sheet = sheet_of(grid, header)
    idle = [key for key in idle if getattr(how, key)] if path.suffix.lower() in WORKBOOKS else []
    found = (*_without_effect(path, idle, how), *sheet.problems)
    return replace(sheet, problems=found, remarks=(*remarks, *sheet.remarks))


def _without_effect(path: Path, keys: Iterable[str], how: Reading) -> list[Problem]:
    reasons = {
        "hidden_rows": "no hidden row can be seen in this file",
        "struck_rows": "no row that is struck through can be seen in this file",
        "sheet": "the file has no worksheets",
        "header": "the columns of this kind of file have names",
        "delimiter": "it is no text file",
        "encoding": "it is no text file",
    }
    return [
        Problem(
            column=key,
            value=str(getattr(how, key)),
            rule="a setting that has an effect",
            remedy=f"{reasons[key]}: leave {key} out of the study file",
        )
        for key in keys
    ]
