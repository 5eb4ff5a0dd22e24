"""Workbooks written for people: an empty template, and a sheet with its problems marked."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mnstudy.cohort.loading import privacy
from mnstudy.cohort.loading.datasets import locate
from mnstudy.cohort.loading.vocabulary import plain, words_of
from mnstudy.cohort.proposing.values import free_text, gather
from mnstudy.cohort.reading.read import grids, worksheets_read
from mnstudy.cohort.reading.sheet import Sheet, as_text
from mnstudy.cohort.schema.columns import ColumnSpec, columns, dictionary
from mnstudy.cohort.schema.problems import HIDDEN, Kind, ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.errors import DataError
from mnstudy.fingerprints import packed_again, write_whole

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

THEN = datetime(2000, 1, 1)  # of every workbook; a date of today would change its bytes
MOST = 20_000  # rows of a sheet of which a marked copy is written
ROWS = 2000  # of a template that have drop-down lists
TEMPLATE = ("Data", "Dictionary", "Lists")  # worksheets, of which the first is read
EXAMPLE_ID = "EXAMPLE"
_CORE, _OPTIONAL, _BAD, _NOTED = "FFDDAA", "EEEEEE", "FFC7B0", "FFF2B3"
_GREY = "777777"
_FREE = "(text, not copied)"
_PROBLEMS = "Problems"
_YES_NO = ("yes", "no")
_WIDEST = 24  # characters of a column


def template(target: str | os.PathLike[str] = "template.xlsx", names: Sequence[str] = ()) -> Path:
    """Write an empty workbook with the columns of the contract.

    Parameters
    ----------
    target : path
        The .xlsx file to write.
    names : sequence of str, optional
        Columns beside the core ones; all of the contract when left out.

    Returns
    -------
    Path
        The file: a worksheet ``Data`` with headings, drop-down lists and an example row that is
        struck through (so that it is not read), and a worksheet ``Dictionary``.

    Raises
    ------
    ValueError
        A name is no column of the contract, or the file is no .xlsx.
    FileExistsError
        There is such a file already; it is left alone.

    Examples
    --------
    >>> import tempfile
    >>> import mnstudy as mn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mn.template(f"{folder}/mine.xlsx", ["weeks", "treatment"]).name
    'mine.xlsx'
    """
    from openpyxl import Workbook

    target = Path(target)
    unknown = [name for name in names if name not in columns()]
    if unknown:
        raise ValueError(f"no column {', '.join(unknown)}: mnstudy template without names has all")
    if target.suffix.lower() != ".xlsx":
        raise ValueError(f"{target.name}: a template is an .xlsx file")
    if target.exists():
        raise FileExistsError(f"{target} exists already: name another file")
    specs = [c for c in columns().values() if c.core or not names or c.name in names]
    book = Workbook()
    data, words, lists = (book.create_sheet(name) for name in TEMPLATE)
    book.remove(book.worksheets[0])
    _dictionary(words, [c.name for c in specs])
    for i, spec in enumerate(specs, 1):
        _template_column(data, lists, i, spec)
    _comment(data["A2"], "An example, struck through: it is not read. Begin in the next row.")
    data.freeze_panes = "B2"
    lists.sheet_state = "hidden"
    write_whole(target, workbook_bytes(book))
    return target


def workbook_bytes(book: Workbook) -> bytes:
    """Return a workbook as a file: the same bytes for the same cells."""
    from openpyxl.writer.excel import ExcelWriter

    book.properties.created = book.properties.modified = THEN
    file = io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)).save()
    return packed_again(file.getvalue())


def _template_column(data: Worksheet, lists: Worksheet, i: int, spec: ColumnSpec) -> None:
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    head = data.cell(1, i, spec.name)
    head.font = Font(bold=True)
    head.fill = PatternFill("solid", start_color=_CORE if spec.core else _OPTIONAL)
    core = "Has to be there; cells may be empty." if spec.core else "May stay empty."
    _comment(head, "\n".join([spec.meaning, _expected(spec), core]))
    example = data.cell(2, i, EXAMPLE_ID if spec.kind == "id" and spec.core else _example(spec))
    example.font = Font(strike=True, italic=True, color=_GREY)
    letter = get_column_letter(i)
    column = data.column_dimensions[letter]
    column.width = min(max(len(spec.name), 10), _WIDEST) + 2
    if not spec.numeric:
        column.number_format = "@"  # else 007 becomes 7
    check = _validation(lists, letter, spec)
    if check is not None:
        check.add(f"{letter}2:{letter}{ROWS}")
        data.add_data_validation(check)


def _example(spec: ColumnSpec) -> Any:
    return _YES_NO[0 if spec.example else 1] if spec.kind == "boolean" else spec.example


def _expected(spec: ColumnSpec) -> str:
    if spec.kind in ("id", "text"):
        return "Any text."
    return "yes or no" if spec.kind == "boolean" else spec.rule


def _validation(lists: Worksheet, letter: str, spec: ColumnSpec) -> Any:
    """Return the drop-down list, or the range, of a column; None where any text will do."""
    from openpyxl.worksheet.datavalidation import DataValidation

    words = spec.levels or (_YES_NO if spec.kind == "boolean" else ())
    told = "one of the list" if words else _expected(spec)
    error = {"error": told, "errorTitle": spec.name, "showErrorMessage": True}
    if words:
        for row, word in enumerate(words, 1):
            lists[f"{letter}{row}"] = word
        cells = f"{TEMPLATE[2]}!${letter}$1:${letter}${len(words)}"
        return DataValidation(type="list", formula1=cells, allow_blank=True, **error)
    if spec.low is None:
        return None
    kind = "whole" if spec.kind == "integer" else "decimal"
    low = max(spec.low, -10_000)  # a spreadsheet knows no infinity
    ends = {"formula1": f"{low:g}", "formula2": f"{spec.high:g}"}
    return DataValidation(type=kind, operator="between", allow_blank=True, **ends, **error)


def _dictionary(page: Worksheet, names: Sequence[str]) -> None:
    from openpyxl.styles import Alignment, Font

    page.append(list(dictionary()))
    for spec in (columns()[name] for name in names):
        core = "yes" if spec.core else ""
        said = (spec.unit, _expected(spec), spec.meaning, _example(spec))
        page.append([spec.name, core, spec.kind, *said])
    page.freeze_panes = "B2"
    for cell in page[1]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDEFG", (26, 6, 10, 14, 50, 70, 16), strict=True):
        page.column_dimensions[letter].width = width
        for cell in page[letter]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")


def mark(source: str, report: ValidationReport) -> Path | None:
    """Write the marked copy of what was validated; None where there is no sheet to copy.

    Parameters
    ----------
    source : str
        As given to ``validate``.
    report : ValidationReport

    Returns
    -------
    Path or None
        None where the sheet could not be read, or is one of more than ``MOST`` rows.
    """
    try:
        path, study, _ = locate(source)
        if not report.rows or report.rows > MOST:
            return None
        return write_marked(path, study, report)
    except (DataError, ImportError):
        return None


def write_marked(sheet: Path, study: Study, report: ValidationReport) -> Path:
    """Write a copy of a sheet in which every problem is coloured and its remedy a comment.

    Parameters
    ----------
    sheet : Path
        The file that was read; it is not touched.
    study : Study
        How it was read.
    report : ValidationReport
        What was found.

    Returns
    -------
    Path
        ``<name>.marked.xlsx`` beside the sheet, each cell where it stands there; a copy of an
        earlier check is replaced. What identifies a person is left out of it.
    """
    from openpyxl import Workbook

    target = sheet.with_name(sheet.stem + ".marked.xlsx")
    book = Workbook()
    front = book.active
    front.title = _PROBLEMS
    read = worksheets_read(sheet, study.reading)
    left = _left_out(sheet, study)
    for i, (name, table) in enumerate(read.items(), 1):
        shown = name or table.worksheet or "Sheet"
        telling = privacy.identifying(shown, prose=True)
        page = book.create_sheet(_sheet_name(f"Sheet {i}" if telling else shown))
        texts = privacy.texts_of(table.cells, _ids(study))
        _copy(page, table, _withheld(table, study), left.get(table.worksheet, {}), texts)
        for kind in report.kinds:
            if len(read) == 1 or kind.column.startswith(f"{name}: "):
                _mark(page, table, kind, f"{name}: ")
    _overview(front, sheet.name, report)
    write_whole(target, workbook_bytes(book))
    return target


def _sheet_name(name: str) -> str:
    allowed = "".join("_" if c in r"[]:*?/\'" else c for c in name)[:31] or "Sheet"
    return f"{allowed[:30]}_" if allowed == _PROBLEMS else allowed


def _withheld(table: Sheet, study: Study) -> dict[str, str]:
    """Return the headings whose cells are not copied: who somebody is, and free text."""
    found = privacy.identifying_headers(table.cells, known=list(columns()))
    dated = [h for span in study.reading.dates.values() for h in (span.to, span.since)]
    blocks = [h for block in study.reading.rows for h in block.columns]
    used = {*columns(), *study.measures, *study.columns, *blocks, *dated}
    loose = [c for c in gather(table) if c.heading not in used]
    text = [c.heading for c in loose if plain(c.heading) in words_of("free_text") or free_text(c)]
    return dict.fromkeys(text, _FREE) | {p.column: HIDDEN for p in found}


def _ids(study: Study) -> list[str]:
    """Return the headings under which the patients stand."""
    named = [study.columns, *(block.columns for block in study.reading.rows)]
    own = [heading for names in named for heading, c in names.items() if c == "patient_id"]
    return [*own, "patient_id"]


def _left_out(sheet: Path, study: Study) -> dict[str, dict[int, str]]:
    """Return by worksheet the rows that are hidden or struck through, and which of the two."""
    found = {}
    for grid in grids(sheet, study.reading):
        ways = (("hidden", grid.hidden), ("struck through", grid.struck))
        found[grid.name] = {row: why for why, rows in ways for row in rows}
    return found


def _places(table: Sheet) -> Sequence[int]:
    """Return the column of the file, from 1, for each column of a table."""
    width = table.cells.shape[1]
    known = len(table.places) == width
    return [j + 1 for j in table.places] if known else range(1, width + 1)


def _copy(
    page: Worksheet,
    table: Sheet,
    withheld: Mapping[str, str],
    left: Mapping[int, str],
    telling: Collection[str],
) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    head = table.header[-1] if table.header else 1
    for i, (j, heading) in enumerate(zip(_places(table), table.cells.columns, strict=True)):
        named = HIDDEN if str(heading) in telling else _plain(heading)
        page.cell(head, j, named).font = Font(bold=True)
        width = min(max(len(str(heading)), 10), _WIDEST) + 2
        page.column_dimensions[get_column_letter(j)].width = width
        for row, cell in table.cells.iloc[:, i].items():
            if text := as_text(cell):
                own = HIDDEN if text in telling else _plain(cell)
                copied = page.cell(int(row), j, withheld.get(heading) or own)
                if copied.is_date:
                    copied.number_format = "DD.MM.YYYY"
    for row in sorted(set(left) - set(table.cells.index)):
        if row > head:
            page.cell(row, 1, f"(left out: {left[row]})").font = Font(italic=True, color=_GREY)
    page.freeze_panes = page.cell(head + 1, 2)


def _plain(cell: Any) -> Any:
    """Return a cell as a workbook can hold it: no formula, no sign that it cannot show."""
    if isinstance(cell, int | float | bool) or hasattr(cell, "year"):
        return cell.replace(tzinfo=None) if hasattr(cell, "tzinfo") else cell
    text = "".join(c if c.isprintable() or c in "\n\t" else " " for c in as_text(cell))[:32_000]
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not _number(text) else text


def _number(text: str) -> bool:
    return bool(pd.notna(pd.to_numeric(text.replace(",", "."), errors="coerce")))


def _mark(page: Worksheet, table: Sheet, kind: Kind, prefix: str) -> None:
    from openpyxl.styles import PatternFill

    heading = kind.column.removeprefix(prefix)
    named = zip(_places(table), map(str, table.cells.columns), strict=True)
    places = [j for j, h in named if h.strip() == heading]
    head = table.header[-1] if table.header else 1
    for j in places:
        for row in kind.rows or (head,):
            cell = page.cell(row, j)
            cell.fill = PatternFill("solid", start_color=_BAD if kind.rows else _NOTED)
            if kind.masked and kind.rows:
                cell.value = HIDDEN
            said = f"{cell.comment.text}\n\n" if cell.comment else ""
            _comment(cell, f"{said}Expected: {kind.rule}.\n{kind.remedy}")


def _comment(cell: Any, text: str) -> None:
    from openpyxl.comments import Comment

    cell.comment = Comment(text, "mnstudy", width=320, height=140)


def _overview(page: Worksheet, name: str, report: ValidationReport) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    page.append([f"A copy of {name} to look at: nothing was changed in the sheet itself."])
    page.append(["Mend it there, or say in study.toml how it is to be read; then check again."])
    page.append(["Coloured cells on the next worksheets say in a comment what is expected."])
    page.append([])
    page.append(["where", "column", "value", "what is expected", "how to mend it"])
    for cell in page[page.max_row]:
        cell.font = Font(bold=True)
    for kind in report.kinds:
        page.append(
            [_plain(x) for x in (kind.where, kind.column, kind.value, kind.rule, kind.remedy)]
        )
        colour = _BAD if kind.rows else _NOTED
        page.cell(page.max_row, 1).fill = PatternFill("solid", start_color=colour)
    for letter, width in zip("ABCDE", (20, 26, 30, 50, 70), strict=True):
        page.column_dimensions[letter].width = width
        for cell in page[letter][4:]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for heading, lines in (
        ("lines for study.toml:", report.paste.split("\n")),
        ("notes:", report.notes),
    ):
        page.append([])
        page.append([heading])
        page.cell(page.max_row, 1).font = Font(bold=True)
        for line in lines:
            page.append([_plain(line)])
