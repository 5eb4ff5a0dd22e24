"""A file as it was read: a grid of cells, and the table in it once its headings are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pandas as pd

from mnstudy.cohort.schema.problems import Line, Problem, fail
from mnstudy.words.notes import Note


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
    problems : tuple of Problem
        Cells that hold no value (an error, a formula without one), by row and column letter.
    remarks : tuple of Note
        What was not read or looked at, or read as shown (cells in percent).
    """

    name: str = ""
    cells: pd.DataFrame
    merged: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    struck: tuple[int, ...] = ()
    visible: bool = True
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
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Note, ...] = ()


def refuse(path: Path, *, rule: str, remedy: str, paste: tuple[Line, ...] = ()) -> NoReturn:
    """Raise a DataError that says what the file should be and how to mend it."""
    fail(path.name, Problem(rule=rule, remedy=remedy, value=path.name, paste=paste))
