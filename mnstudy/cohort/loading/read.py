"""Read a sheet as it stands, every cell numbered by its row, and turn cells into typed values.

What cannot be read becomes a problem, never a guess.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem, ValidationReport, fail, row_problems
from mnstudy.cohort.study.study import Study
from mnstudy.errors import nearest

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MISSING = frozenset({"", "na", "nan", "n/a", "null", "none given", "<na>"})
_TRUE = frozenset({"true", "yes", "y", "1", "ja", "oui", "si"})
_FALSE = frozenset({"false", "no", "n", "0", "nein", "non"})
_ROMAN = dict(zip("123456", ("I", "II", "III", "IV", "V", "VI"), strict=True))
_UNIT_FACTOR = {("mm", "um"): 0.001, ("micrometres", "mm"): 1000.0}

Cells = tuple[pd.Series, list[Problem]]
_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+$")


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


def column(cells: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    """Convert one raw column to the type of its specification.

    Returns the typed column (same index) and a problem for every cell that could not be read.
    """
    if cells.dtype == np.float32:  # 0.3 is 0.30000001 in more digits than it has
        cells = cells.map(lambda x: float(str(np.float32(x))))
    text = cells.map(as_text).astype("str")
    missing = text.str.lower().isin(MISSING)
    convert: Callable[..., Cells] = {
        "id": _texts,
        "text": _texts,
        "category": _levels,
        "ordered": _levels,
        "number": _numbers,
        "integer": _numbers,
        "boolean": _booleans,
    }[spec.kind]
    return convert(text, missing, spec, study)


def as_text(value: Any) -> str:
    """Write a cell as the sheet shows it; missing cells are empty, 3.0 is 3."""
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value).strip()


def _texts(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    own = _own_words(spec, study) if spec.kind == "text" else {}
    typed = text.map(lambda cell: own.get(cell.lower(), cell)).astype("str").mask(missing)
    return typed, row_problems(typed, missing & spec.core, "never empty", "give a pseudonym")


def _levels(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    words = _own_words(spec, study)
    plain = {_plain(level): level for level in spec.levels}
    if spec.name == "phototype":
        plain |= _ROMAN
    if spec.name == "adjunct":
        # the word none is a level of this column, not a missing cell
        missing = text.eq("")

    def read(cell: str) -> str | None:
        own = words.get(cell.lower())
        return own if own is not None else plain.get(_plain(cell))

    codes = {cell: read(cell) for cell in text[~missing].unique()}
    values = text.map(codes)
    bad = ~missing & (values.isna() | ~values.isin(spec.levels))
    typed = pd.Categorical(
        values.where(~bad & ~missing), categories=list(spec.levels), ordered=spec.kind == "ordered"
    )
    remedy = text[bad].map(lambda cell: _nearest(cell, spec))
    return pd.Series(typed, index=text.index), row_problems(text, bad, spec.rule, remedy)


def _own_words(spec: ColumnSpec, study: Study) -> dict[str, str]:
    return {k.strip().lower(): v for k, v in study.levels.get(spec.name, {}).items()}


def _plain(word: str) -> str:
    return re.sub(r"[\s\-]+", "_", word.strip().lower())


def _nearest(cell: str, spec: ColumnSpec) -> str:
    own = f"or give the meaning under [levels.{spec.name}] in study.toml"
    return f"{nearest(_plain(cell), spec.levels, 'use one of the levels,', n=1)} {own}"


def _numbers(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    comma = text.str.match(_DECIMAL_COMMA).astype(bool)
    plain = text.where(~comma, text.str.replace(",", ".", regex=False)).mask(missing)
    values = pd.to_numeric(plain, errors="coerce").astype("float64")
    values = values.where(np.isfinite(values))
    if spec.name.startswith("improvement_"):
        values = values.round(9)  # typed by a formula, 2.7 of 3.0 is 9.999999999999995 percent
    values *= _UNIT_FACTOR.get((spec.unit, study.units.get(spec.name, spec.unit)), 1.0)
    bad, rule = ~missing & values.isna(), "a number"
    if spec.kind == "integer":
        bad |= values.notna() & (values % 1 != 0)
        values, rule = values.where(~bad).astype("Int64"), "a whole number"
    return values, row_problems(text, bad, rule, _number_remedy(spec))


def _number_remedy(spec: ColumnSpec) -> str:
    if spec.name == "session_count":
        return "write 0 for the baseline assessment, or leave the cell empty if not known"
    unit = f" in {spec.unit}" if spec.unit else ""
    return f"write the number alone{unit}, or leave the cell empty"


def _booleans(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    word = text.str.lower()
    yes, no = word.isin(_TRUE), word.isin(_FALSE)
    typed = pd.Series(pd.NA, index=text.index, dtype="boolean")
    typed[yes], typed[no] = True, False
    return typed, row_problems(text, ~missing & ~yes & ~no, spec.rule, "write true or false")
