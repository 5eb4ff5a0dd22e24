"""Read a sheet as it stands: every cell, numbered by the row of the file, nothing interpreted."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pandas as pd

from mnstudy.cohort.schema.problems import Problem, ValidationReport, fail

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_table(path: Path, *, delimiter: str = ",") -> pd.DataFrame:
    """Read a table file into a frame of raw cells.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .xlsx, .xls, .parquet, .sav or .dta file; its first row is the header.
    delimiter : str
        What separates the columns of a .csv file.

    Returns
    -------
    DataFrame
        Cells as read; the index is the row number of the file (the header is row 1).

    Raises
    ------
    DataError
        The file is missing, empty, of an unknown kind or not separated as expected.
    """
    if not path.is_file():
        refuse(path, rule="an existing file", remedy="check the path and the spelling")
    if path.stat().st_size == 0:
        refuse(path, rule="a table with a header", remedy="the file is empty: export it again")
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _csv(path, "\t" if suffix == ".tsv" else delimiter)
    if suffix not in _READERS:
        kinds = ", ".join((".csv", ".tsv", *_READERS))
        refuse(path, rule=f"one of {kinds}", remedy="save the sheet as .csv")
    try:
        frame = _READERS[suffix](path)
    except ImportError as missing:
        refuse(
            path,
            rule=f"the reader {missing.name}",
            remedy="install it with: pip install 'mnstudy[io]', or save the sheet as .csv",
        )
    except (ValueError, OSError, KeyError) as error:
        refuse(path, rule=f"a readable {suffix} file", remedy=f"save it again ({error})")
    return number_rows(frame)


def number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the rows numbered as in a sheet: the first row of data is 2."""
    return frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)


def refuse(path: Path, *, rule: str, remedy: str) -> NoReturn:
    """Raise a DataError that says what the file should be and how to mend it."""
    fail(path.name, Problem(rule=rule, remedy=remedy, value=path.name))


def _csv(path: Path, delimiter: str) -> pd.DataFrame:
    rows, numbers = _csv_rows(path, delimiter)
    if not rows or not any(cell.strip() for cell in rows[0]):
        refuse(path, rule="a header in row 1", remedy="put the column names into the first row")
    header = [cell.strip() for cell in rows[0]]
    other = next((d for d in _DELIMITERS if len(header) == 1 and d in header[0]), None)
    if other and other != delimiter:
        refuse(
            path,
            rule="columns separated by commas",
            remedy=f"this file uses {_DELIMITERS[other]}: save it with commas, or write "
            f'delimiter = "{other}" into study.toml'.replace("\t", "\\t"),
        )
    if len(rows) == 1:
        refuse(path, rule="at least one row of data", remedy="the sheet has only a header")
    ragged = [n for row, n in zip(rows[1:], numbers[1:], strict=True) if len(row) != len(header)]
    problems = tuple(
        Problem(row=n, rule=f"{len(header)} cells", remedy="a comma inside a cell needs quotes")
        for n in ragged
    )
    ValidationReport(source=path.name, rows=len(rows) - 1, problems=problems).raise_if_bad()
    return pd.DataFrame(rows[1:], columns=header, index=numbers[1:], dtype="str")


def _csv_rows(path: Path, delimiter: str) -> tuple[list[list[str]], list[int]]:
    rows, numbers = [], []
    reader = csv.reader(_decode(path).splitlines(keepends=True), delimiter=delimiter)
    for row in reader:
        if any(cell.strip() for cell in row):
            rows.append(row)
            numbers.append(reader.line_num)
    return rows, numbers


def _decode(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # spreadsheets on Windows export in the Western code page by default
        return content.decode("cp1252", errors="replace")


def _excel(path: Path) -> pd.DataFrame:
    return pd.read_excel(path, dtype=object)


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".xlsx": _excel,
    ".xls": _excel,
    ".parquet": pd.read_parquet,
    ".sav": pd.read_spss,
    ".dta": pd.read_stata,
}
