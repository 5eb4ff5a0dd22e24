"""How the sheet is read: which worksheet, which rows, what stands for a missing value, the layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Problem, key_problem, key_problems

ROWS = ("leave out", "read")
IDS = ("as written", "ignore capitals and leading zeros")
DATES = ("weeks", "weeks_since_last_session", "session_interval_weeks")
DATE_PARTS = {"DD": "%d", "MM": "%m", "YYYY": "%Y", "YY": "%y"}
ALL = ""  # in place of a column: missing codes of every column


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What one row of the sheet is read as: a visit, a side, a scale, or a worksheet.

    Attributes
    ----------
    sheet : str
        Worksheet of its own, in place of the one named for the file.
    set : mapping
        Column of the contract to the value that all its rows have.
    columns : mapping
        Heading to column of the contract, beside those common to all blocks.
    """

    sheet: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Weeks between two dates of a row: headings of the later and of the earlier date.

    Without an earlier one, the patient's first date in the later column counts.
    """

    to: str
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a sheet is read, as the study file declares it; empty where it says nothing.

    Attributes
    ----------
    sheet : str
        Name of the worksheet.
    header : tuple of int
        Rows of the headings; the first row with cells when empty.
    hidden_rows, struck_rows : str
        ``read`` or ``leave out``; left out, and said, when empty.
    delimiter, encoding, decimal : str
        Of a text file; found by looking when empty. ``decimal`` also holds for numbers written as
        text in other files.
    missing : mapping
        Column of the contract to words and codes for a value that is not known; the key ``""``
        holds those of every column.
    dictionary : str
        Data dictionary of a REDCap export, a .csv file beside it.
    fill_down : tuple of str
        Headings whose empty cells repeat the cell above.
    ids : str
        Whether ids that differ in capitals or leading zeros only are different patients.
    date_format : str
        As DD.MM.YYYY.
    dates : mapping
        Column of the contract to the dates it is worked out from.
    rows : tuple of Block
        What each row of the sheet is read as; one assessment when empty.
    """

    sheet: str = ""
    header: tuple[int, ...] = ()
    hidden_rows: str = ""
    struck_rows: str = ""
    delimiter: str = ""
    encoding: str = ""
    decimal: str = ""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dictionary: str = ""
    fill_down: tuple[str, ...] = ()
    ids: str = ""
    date_format: str = ""
    dates: Mapping[str, Span] = field(default_factory=dict)
    rows: tuple[Block, ...] = ()
