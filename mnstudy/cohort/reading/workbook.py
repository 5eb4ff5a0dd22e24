"""Workbooks: the worksheets of an .xlsx or .xlsm file, and the values of an .xls or .ods file."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.reading.sheet import Grid, Mark, foreign, letter, refuse
from mnstudy.cohort.reading.worksheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    EntityError,
    Found,
    column_of,
    parse,
    strings,
)
from mnstudy.cohort.schema.problems import Problem
from mnstudy.words.notes import note

OLE, ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK"
PASSWORD = "a workbook with a password, or an old .xls saved under another name"
_AS_XLSX = "save it as .xlsx without a password"
_MB = 1 << 20
_MOST_PART, _MOST_FRAME, _MOST_ALL = 150 * _MB, 10 * _MB, 400 * _MB
_MOST_RATIO = 300  # of XML a spreadsheet program wrote, packed; what deflate can reach is 1000
_MOST_CELLS = 50_000_000  # of the rectangle that holds all cells
_MOST_MERGED = 1_000_000
_WHITE = "FFFFFFFF"


def workbook_grids(path: Path) -> tuple[Grid, ...]:
    """Read every worksheet of a workbook, of whatever kind its first bytes say it is.

    Raises
    ------
    DataError
        It is no workbook, has a password, or is larger than any sheet of a study when unpacked.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(OLE):
        if path.suffix.lower() != ".xls":
            refuse(path, rule=f"a workbook that can be read, not {PASSWORD}", remedy=_AS_XLSX)
        return _values(path, ".xls")
    if not start.startswith(ZIP):
        _no_workbook(path, start)
    with foreign(path, path.suffix.lower()), zipfile.ZipFile(path) as archive:
        names = {part.filename for part in archive.infolist()}
        _check_size(path, archive.infolist())
        if "content.xml" in names:
            _check_ods(path, archive)
    if "content.xml" in names:
        return _values(path, ".ods")
    if "xl/workbook.bin" in names:
        refuse(path, rule="a workbook of kind .xlsx", remedy="save it as .xlsx: it is an .xlsb")
    with foreign(path, ".xlsx"):
        return _xlsx(path)


def _no_workbook(path: Path, start: bytes) -> None:
    text = start.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")):
        remedy = "it is a web page or XML under another name: open it in Excel and save it as .xlsx"
    elif b"\0" not in start and (b"," in start or b";" in start or b"\t" in start):
        remedy = "it is a text file under the name of a workbook: name it .csv"
    else:
        remedy = "it is no workbook, or cut off: save it again from the program it was made with"
    refuse(path, rule=f"a readable {path.suffix.lower()} file", remedy=remedy)


def _check_size(path: Path, parts: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what would not fit into memory, from the directory of the archive alone."""
    large = [part for part in parts if part.file_size > 20 * _MB]
    bomb = any(part.file_size > _MOST_RATIO * part.compress_size for part in large)
    if bomb or sum(part.file_size for part in parts) > _MOST_ALL:
        rule = f"a workbook of at most {_MOST_ALL // _MB} MB when unpacked"
        refuse(path, rule=rule, remedy="copy the sheet of the study alone into a new workbook")
    if any(part.file_size > _MOST_PART for part in large):
        rule = f"a worksheet of at most {_MOST_PART // _MB} MB when unpacked"
        refuse(path, rule=rule, remedy="save it as .csv")


# Of .xlsx


@dataclass(frozen=True, slots=True)
class _Style:
    """What of the look of a cell bears on its value."""

    percent: bool = False
    unit: str = ""
    date: bool = False
    duration: bool = False
    struck: bool = False
    coloured: bool = False


@dataclass(frozen=True, slots=True)
class _Book:
    """What all worksheets of a workbook share.

    ``pending`` is true where the program that wrote it left all formulas to be worked out by
    Excel (openpyxl, XlsxWriter): a 0 then stands for no value.
    """

    strings: Sequence[str]
    styles: Mapping[int, _Style]
    epoch: Any
    pending: bool


class _Archive(zipfile.ZipFile):
    """An archive of which small parts without entities are read whole, and no others."""

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        if self.getinfo(name).file_size > _MOST_FRAME:
            raise ValueError("the frame of a workbook is small")
        content = super().read(name, pwd)
        plain = content.replace(b"\0", b"")  # UTF-16 as well
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise EntityError
        return content


def _xlsx(path: Path) -> tuple[Grid, ...]:
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.stylesheet import apply_stylesheet

    try:
        with path.open("rb") as file, _Archive(file) as archive:
            reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
            reader.archive = archive
            reader.read_manifest()
            reader.read_workbook()
            apply_stylesheet(archive, reader.wb)
            book = _book(reader, archive)
            found = [
                _worksheet(path, archive, book, sheet, rel.target)
                for sheet, rel in reader.parser.find_sheets()
                if rel.Type.endswith("/worksheet") and rel.target in reader.valid_files
            ]
    except EntityError:
        remedy = "its XML declares entities, which no such program writes: save it again from Excel"
        refuse(path, rule="a workbook as a spreadsheet program writes it", remedy=remedy)
    return tuple(found)


def _book(reader: Any, archive: _Archive) -> _Book:
    from openpyxl.xml.constants import SHARED_STRINGS

    texts: list[str] = []
    part = reader.package.find(SHARED_STRINGS)
    if part is not None:
        with archive.open(part.PartName[1:]) as source:
            texts = strings(source)
    pending = b'fullCalcOnLoad="1"' in archive.read(reader.parser.workbook_part_name)
    return _Book(texts, dict(_styles(reader.wb)), reader.wb.epoch, pending)


def _styles(wb: Any) -> Iterator[tuple[int, _Style]]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    own = {164 + i: code for i, code in enumerate(wb._number_formats)}
    for i, style in enumerate(wb._cell_styles):
        code = own.get(style.numFmtId) or BUILTIN_FORMATS.get(style.numFmtId) or ""
        percent, unit = shown(code)
        yield (
            i,
            _Style(
                percent=percent,
                unit=unit,
                date=i in wb._date_formats,
                duration=i in wb._timedelta_formats,
                struck=bool(wb._fonts[style.fontId].strike),
                coloured=_coloured(wb._fills[style.fillId]),
            ),
        )


def _coloured(fill: Any) -> bool:
    if fill.fill_type in (None, "none"):
        return False
    colour = getattr(fill, "fgColor", None)  # none of a gradient
    white = colour is not None and (
        (colour.type == "rgb" and colour.rgb == _WHITE)
        or (colour.type == "theme" and colour.theme == 0 and not colour.tint)
    )
    return not white


def shown(code: str) -> tuple[bool, str]:
    r"""Say whether a number format shows percent, and with which text beside the number.

    Examples
    --------
    >>> shown("[Red]0.0%"), shown('0.0" mm"'), shown(r"0\ \w\k"), shown("#,##0.00")
    ((True, ''), (False, 'mm'), (False, 'wk'), (False, ''))
    """
    code = re.sub(r"\[[^\]]*\]|[_*].", "", code.split(";")[0])
    quoted = re.findall(r'"([^"]*)"|\\(.)', code)
    unit = "".join(text or one for text, one in quoted).strip(" ()-+./:,")
    plain = re.sub(r'"[^"]*"|\\.', "", code)
    return "%" in plain, unit


@dataclass(slots=True)
class _Collector:
    """Takes the cells of a worksheet: values by column, marks, and cells without a value."""

    book: _Book
    columns: dict[int, tuple[list[int], list[Any]]] = field(
        default_factory=lambda: defaultdict(lambda: ([], []))
    )
    marks: dict[Mark, list[int]] = field(default_factory=lambda: defaultdict(list))
    struck: list[tuple[int, int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self, cell: Cell) -> None:
        """Keep a cell as it is shown."""
        style = self.book.styles.get(cell.style, _PLAIN)
        if cell.formula and self._unstored(cell):
            self._problem(cell, "", "a value, not a formula without a stored value", _OPEN)
            return
        if cell.kind == "e" or (cell.kind == "n" and cell.text.startswith("#")):
            self._problem(cell, cell.text, "a value, not a formula error", _MEND)
            return
        value = self._value(cell, style)
        if value is None:
            return
        rows, values = self.columns[cell.column]
        rows.append(cell.row)
        values.append(value)
        if style is not _PLAIN:
            self._mark(cell, style)

    def _unstored(self, cell: Cell) -> bool:
        if not cell.text:
            return not (cell.kind == "str" and cell.stored)  # the text "" is a value
        return self.book.pending and cell.kind == "n" and cell.text == "0"

    def _problem(self, cell: Cell, value: str, rule: str, remedy: str) -> None:
        place = letter(cell.column)
        self.problems.append(
            Problem(row=cell.row, column=place, value=value, rule=rule, remedy=remedy)
        )

    def _value(self, cell: Cell, style: _Style) -> Any:
        from openpyxl.utils.datetime import from_ISO8601

        text = self.book.strings[int(cell.text)] if cell.kind == "s" else cell.text
        if cell.kind == "b":
            return text in ("1", "true")
        if cell.kind == "d":
            return from_ISO8601(text)
        if cell.kind != "n":
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
            return text if text.strip() else None
        if not text:
            return None
        number = float(text) if set(text) & set(".eE") else int(text)
        if style.date:
            return self._date(cell, number, style)
        return round(number * 100.0, 9) if style.percent else number

    def _date(self, cell: Cell, number: float, style: _Style) -> Any:
        from openpyxl.utils.datetime import from_excel

        try:
            return from_excel(number, self.book.epoch, timedelta=style.duration)
        except (OverflowError, ValueError):
            self._problem(cell, "", "a date that Excel can show", "write the date again")
            return None

    def _mark(self, cell: Cell, style: _Style) -> None:
        if style.percent and cell.kind == "n" and not style.date:
            self.marks["percent_read_as_shown", cell.column, ""].append(cell.row)
        if style.unit and cell.kind == "n" and not style.date:
            self.marks["shown_with_unit", cell.column, style.unit].append(cell.row)
        if style.coloured:
            self.marks["cells_coloured", cell.column, ""].append(cell.row)
        if style.struck:
            self.struck.append((cell.row, cell.column))


_PLAIN = _Style()
_ESCAPED = re.compile("_x(000[9AaDd]|005[Ff])_")  # line breaks, and the mark of this itself
_OPEN = "open and save the sheet in Excel"
_MEND = "mend the formula, or empty the cell"


def _worksheet(path: Path, archive: _Archive, book: _Book, sheet: Any, part: str) -> Grid:
    collector = _Collector(book)
    with archive.open(part) as source:
        found = parse(source, collector.take)
    if found.too_far:
        _too_far(path, sheet.name, found.far)
    cells = _frame(path, sheet.name, collector.columns)
    for row, column in _commented(archive, part):
        collector.marks["cells_commented", column, ""].append(row)
    struck = _struck(cells, collector)
    letters = tuple(letter(c) for c in cells if any(a <= c < b for a, b in found.hidden_columns))
    return Grid(
        name=sheet.name,
        cells=cells,
        merged=_merged(path, found),
        hidden=tuple(sorted(cells.index.intersection(found.hidden))),
        struck=struck,
        visible=sheet.state == "visible",
        marks=dict(collector.marks),
        problems=tuple(collector.problems),
        remarks=(note("columns_hidden", columns=letters),) if letters else (),
    )


def _too_far(path: Path, name: str, far: tuple[int, int]) -> None:
    most = f"{MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns"
    where = f'as far as {letter(far[1])}{far[0]} of the worksheet "{name}"'
    remedy = f"delete the rows and columns beyond the table: cells stand {where}"
    refuse(path, rule=f"a table of at most {most}", remedy=remedy)


def _frame(
    path: Path, name: str, columns: Mapping[int, tuple[list[int], list[Any]]]
) -> pd.DataFrame:
    """Put the cells of all columns into the rectangle that holds them."""
    width = max(columns, default=-1) + 1
    index = np.unique([row for rows, _ in columns.values() for row in rows]).astype(int)
    filled = sum(len(rows) for rows, _ in columns.values())
    if len(index) * width > max(_MOST_CELLS, 20 * filled):
        _too_far(path, name, (int(index[-1]), width - 1))
    frame = {}
    for column in range(width):
        rows, values = columns.get(column, ([], []))
        cells = np.full(len(index), None, dtype=object)
        for at, value in zip(np.searchsorted(index, rows), values, strict=True):
            cells[at] = value
        frame[column] = cells
    return pd.DataFrame(frame, index=index, dtype=object)


def _struck(cells: pd.DataFrame, collector: _Collector) -> tuple[int, ...]:
    """Return the rows all of whose cells are struck through; mark the other struck cells."""
    if not collector.struck:
        return ()
    counts = pd.Series([row for row, _ in collector.struck]).value_counts()
    filled = cells.loc[counts.index].notna().sum(axis=1)
    whole = set(counts.index[counts >= filled])
    for row, column in collector.struck:
        if row not in whole:
            collector.marks["cells_struck", column, ""].append(row)
    return tuple(sorted(map(int, whole)))


def _merged(path: Path, found: Found) -> dict[tuple[int, int], tuple[int, int]]:
    """Map each cell under a merged range, within what is used, to the cell that it shows."""
    from openpyxl.utils import range_boundaries

    merged: dict[tuple[int, int], tuple[int, int]] = {}
    for reference in found.merged:
        left, top, right, bottom = range_boundaries(reference)
        rows = range(top, min(bottom, found.far[0]) + 1)
        columns = range(left - 1, min(right - 1, found.far[1]) + 1)
        if len(merged) + len(rows) * len(columns) > _MOST_MERGED:
            rule = f"at most {_MOST_MERGED:,} merged cells"
            refuse(path, rule=rule, remedy="undo the merging of cells in the sheet")
        merged |= {(r, c): (top, left - 1) for r in rows for c in columns}
        merged.pop((top, left - 1), None)
    return merged


def _commented(archive: _Archive, part: str) -> list[tuple[int, int]]:
    from openpyxl.packaging.relationship import get_dependents, get_rels_path

    names = set(archive.namelist())
    if get_rels_path(part) not in names:
        return []
    rels = get_dependents(archive, get_rels_path(part))
    parts = [rel.target for rel in rels if rel.Type.endswith("/comments") and rel.target in names]
    pattern = re.compile(rb'<(?:\w+:)?comment\b[^>]*?\bref="([A-Z]{1,3})(\d{1,7})"')
    found = [place for name in parts for place in pattern.findall(archive.read(name))]
    return [(int(row), column_of(letters.decode())) for letters, row in found]


# Of .xls and .ods


def _values(path: Path, kind: str) -> tuple[Grid, ...]:
    """Read the values alone, which is all that can be seen of these kinds."""
    with foreign(path, kind):
        import python_calamine as calamine

        try:
            workbook = calamine.CalamineWorkbook.from_path(path)
            grids = [
                _value_grid(path, workbook.get_sheet_by_index(i), meta.visible)
                for i, meta in enumerate(workbook.sheets_metadata)
                if meta.typ == calamine.SheetTypeEnum.WorkSheet
            ]
        except calamine.PasswordError:
            refuse(path, rule=f"a workbook that can be read, not {PASSWORD}", remedy=_AS_XLSX)
    return tuple(replace(g, remarks=(note("values_only", format=kind),)) for g in grids)


def _value_grid(path: Path, sheet: Any, visible: Any) -> Grid:
    columns: dict[int, tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    top, left = sheet.start or (0, 0)
    last, right = sheet.end or (0, 0)
    if last >= MOST_ROWS or right >= MOST_COLUMNS:
        _too_far(path, sheet.name, (last + 1, right))
    for row, cells in enumerate(sheet.to_python(skip_empty_area=True) if sheet.start else ()):
        for column, value in enumerate(cells):
            if not (isinstance(value, str) and not value.strip()):
                columns[left + column][0].append(top + row + 1)
                columns[left + column][1].append(value)
    name = sheet.name
    return Grid(
        name=name,
        cells=_frame(path, name, columns),
        visible=str(visible).endswith("Visible"),
    )


def _check_ods(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what the values of an .ods file do not tell: percent and errors."""
    with archive.open("content.xml") as source:
        content = source.read()
    for mark, what in (
        (b'office:value-type="percentage"', "cells in percent"),
        (b'calcext:value-type="error"', "formula errors"),
        (b"<!DOCTYPE", "a document type"),
    ):
        if mark in content:
            remedy = f"save it as .xlsx: of an .ods file {what} cannot be read as they are shown"
            refuse(path, rule=f"an .ods file without {what}", remedy=remedy)
