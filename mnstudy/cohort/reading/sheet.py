"""A file as it was read: a grid of cells, and the table in it once its headings are known."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.problems import Line, Problem, fail
from mnstudy.errors import DataError
from mnstudy.words.notes import Note

Mark = tuple[str, int, str]  # kind of note, column, word of the note
_RUNS = 10  # runs of rows that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The cells of one worksheet, or of a text file, before anything is taken for a heading.

    Attributes
    ----------
    name : str
        Of the worksheet; empty for a file that has none.
    cells : DataFrame
        Columns 0, 1, ...; the index is the row as a spreadsheet numbers it, from 1. Rows without
        any cell are left out. Cells are text, numbers, truth values, dates or missing; text of a
        text file is as it stands there.
    merged : mapping
        For a cell under a merged range, by (row, column), the cell that the range shows.
    hidden, struck : tuple of int
        Rows that a filter or a person hides, and rows whose cells are all struck through.
    visible : bool
        False for a hidden worksheet.
    marks : mapping
        Rows of the cells of which something was not read, or which were read as shown: by kind of
        note, column and the word that the note takes. A sheet says those that are in its table.
    problems : tuple of Problem
        Cells that hold no value (an error, a formula without one), by row and column letter, and
        rows that have more or fewer cells than the others.
    remarks : tuple of Note
        What was not read or looked at in all of it; a blank ``columns`` holds column letters.
    """

    name: str = ""
    cells: pd.DataFrame
    merged: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    struck: tuple[int, ...] = ()
    visible: bool = True
    marks: Mapping[Mark, Sequence[int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table of a file, its headings known.

    Attributes
    ----------
    cells : DataFrame
        Raw cells under the headings as they stand in the file (a repeated one stands twice, one
        that is blank is empty); the index is the row as a spreadsheet numbers it.
    worksheet : str
        Where it stood; empty for a file without worksheets.
    header : tuple of int
        Rows of the headings.
    places : tuple of int
        Where each column stands in the file, the first being 0; empty where they stand in order.
    labels : mapping
        For a heading, what the file itself says its codes mean: code to label, both text (value
        labels of SPSS and Stata, choices of a REDCap dictionary). Codes are written as ``as_text``
        writes a cell.
    titles : mapping
        For a heading, what the file says the column is (variable label, field label).
    missing : mapping
        For a heading, codes that the file itself declares as missing.
    problems, remarks
        As in ``Grid``; a problem names the heading.
    """

    cells: pd.DataFrame
    worksheet: str = ""
    header: tuple[int, ...] = (1,)
    places: tuple[int, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Note, ...] = ()


def refuse(
    path: Path, *, rule: str, remedy: str, paste: tuple[Line, ...] = (), row: int | None = None
) -> NoReturn:
    """Raise a DataError that says what the file should be and how to mend it."""
    value = "" if row else path.name
    fail(path.name, Problem(row=row, rule=rule, remedy=remedy, value=value, paste=paste))


@contextmanager
def foreign(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever the reader of somebody else's format raises into one sentence.

    What it says may hold a value of a cell, so only the name of its error is repeated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DataError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except ImportError as missing:
        remedy = "install it with: pip install 'mnstudy[io]', or save the sheet as .csv"
        refuse(path, rule=f"the reader {missing.name}", remedy=remedy)
    except MemoryError:
        refuse(path, rule="a sheet that fits into memory", remedy="save the sheet alone as .csv")
    except BaseException as error:  # a panic of calamine (Rust) is no Exception
        remedy = "it may be cut off, or of another kind than its name says: save it again from the"
        why = f"{remedy} program it was made with ({type(error).__name__})"
        refuse(path, rule=f"a readable {kind} file", remedy=why)


def as_text(value: Any) -> str:
    """Write a cell as the sheet shows it; missing cells are empty, 3.0 is 3."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value).strip()


def row_runs(rows: Iterable[int]) -> str:
    """Write rows as a sheet numbers them, neighbours as a run.

    >>> row_runs([7, 3, 4, 5])
    '3 to 5, 7'
    """
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][-1] + 1:
            runs[-1][1:] = [row]
        else:
            runs.append([row])
    said = ", ".join(" to ".join(map(str, run)) for run in runs[:_RUNS])
    return said + (f" and {len(runs) - _RUNS} more places" if len(runs) > _RUNS else "")


def letter(column: int) -> str:
    """Name a column as a spreadsheet does, the first being 0.

    >>> letter(0), letter(26), letter(16383)
    ('A', 'AA', 'XFD')
    """
    name, rest = "", column + 1
    while rest:
        rest, last = divmod(rest - 1, 26)
        name = chr(ord("A") + last) + name
    return name
