"""How the sheet is read: worksheet, headings, codes for a missing value, layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Check, Problem, key_problem, key_problems

ROWS = ("leave out", "read")
IDS = ("as written", "ignore capitals and leading zeros")
IMPROVEMENT = ("as typed", "from the scale")
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
    improvement : str
        Which counts where the sheet has both and they differ: the improvement ``as typed``, or
        what follows ``from the scale``. As typed, and filled from the scale, when empty.
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
    improvement: str = ""
    date_format: str = ""
    dates: Mapping[str, Span] = field(default_factory=dict)
    rows: tuple[Block, ...] = ()


KEYS = (
    "sheet", "header", "hidden_rows", "struck_rows", "delimiter", "encoding", "decimal", "missing",
    "dictionary", "fill_down", "ids", "improvement", "dates", "rows",
)  # fmt: skip


def parse_reading(raw: Mapping[str, Any]) -> Reading:
    """Turn what a checked study file says of reading the sheet into a ``Reading``."""
    plain = {k: raw[k] for k in KEYS if k in raw and k not in _PARSED}
    header = raw.get("header", ())
    missing = raw.get("missing", {})
    missing = missing if isinstance(missing, Mapping) else {ALL: missing}
    dates = dict(raw.get("dates", {}))
    return Reading(
        **plain,
        header=(header,) if isinstance(header, int) else tuple(header),
        missing={name: tuple(map(str, words)) for name, words in missing.items()},
        fill_down=tuple(raw.get("fill_down", ())),
        date_format=dates.pop("format", ""),
        dates={name: Span(**span) for name, span in dates.items()},
        rows=tuple(Block(**block) for block in raw.get("rows", ())),
    )


_PARSED = ("header", "missing", "fill_down", "dates", "rows")


def reading_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List what a study file says of reading the sheet that cannot be."""
    said = {key: raw[key] for key in KEYS if key in raw}
    problems = [
        key_problem(key, said[key], rule)
        for key, (good, rule) in _CHECKS.items()
        if key in said and not good(said[key])
    ]
    wrong = {p.column for p in problems}
    problems += [] if "missing" in wrong else _missing_problems(said.get("missing", ()))
    problems += [] if "dates" in wrong else _date_problems(said.get("dates", {}))
    for i, block in enumerate([] if "rows" in wrong else said.get("rows", ()), 1):
        problems += _block_problems(f"rows {i}", block)
    return problems


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in value)


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _rows_of_headings(value: Any) -> bool:
    rows = value if isinstance(value, list) else [value]
    whole = all(isinstance(x, int) and not isinstance(x, bool) and x > 0 for x in rows)
    return whole and 1 <= len(rows) <= 2 and rows == sorted(set(rows))


def _codes(value: Any) -> bool:
    good = (str, int, float)
    return isinstance(value, list) and all(
        isinstance(x, good) and not isinstance(x, bool) for x in value
    )


_CHECKS: dict[str, Check] = {
    "sheet": (_filled, "the name of a worksheet, in quotes"),
    "header": (_rows_of_headings, "the row of the headings (3), or two rows ([2, 3])"),
    "hidden_rows": (lambda x: x in ROWS, "one of " + ", ".join(ROWS)),
    "struck_rows": (lambda x: x in ROWS, "one of " + ", ".join(ROWS)),
    "delimiter": (
        lambda x: isinstance(x, str) and len(x) == 1 and x not in '\r\n"',
        "one sign that separates the cells",
    ),
    "encoding": (_filled, "the name of a code page, in quotes"),
    "decimal": (lambda x: x in (",", "."), 'a comma or a point: "," or "."'),
    "missing": (
        lambda x: _codes(x) or (isinstance(x, Mapping) and all(map(_codes, x.values()))),
        "a list of codes in quotes, or a table [missing] of such lists by column",
    ),
    "dictionary": (_filled, "the name of a .csv file beside the sheet"),
    "fill_down": (_texts, "a list of headings in quotes"),
    "improvement": (lambda x: x in IMPROVEMENT, "one of " + ", ".join(IMPROVEMENT)),
    "ids": (lambda x: x in IDS, "one of " + ", ".join(IDS)),
    "dates": (lambda x: isinstance(x, Mapping), "a table [dates]"),
    "rows": (
        lambda x: isinstance(x, list) and bool(x) and all(isinstance(b, Mapping) for b in x),
        "[[rows]] for each assessment that a row of the sheet holds",
    ),
}


def _missing_problems(missing: Any) -> list[Problem]:
    names = missing if isinstance(missing, Mapping) else ()
    return [
        key_problem(f"missing.{n}", n, "a column of the contract") for n in names if not _known(n)
    ]


def _known(name: str) -> bool:
    return name in columns()


def _date_problems(dates: Mapping[str, Any]) -> list[Problem]:
    if not dates:
        return []
    problems = []
    if not date_format(str(dates.get("format", ""))):
        rule = "day, month and year as they are written, such as DD.MM.YYYY"
        problems.append(key_problem("dates.format", dates.get("format", ""), rule))
    for name, span in dates.items():
        keys = {"to", "since"}
        if name == "format":
            continue
        if name not in DATES:
            problems.append(key_problem(f"dates.{name}", span, "one of " + ", ".join(DATES)))
        elif (
            not isinstance(span, Mapping)
            or not {"to"} <= set(span) <= keys
            or not all(map(_filled, span.values()))
        ):
            rule = '{ to = "heading", since = "heading" }'
            problems.append(key_problem(f"dates.{name}", span, rule))
    if not set(dates) - {"format"}:
        problems.append(
            key_problem("dates", "format", "a column that comes of dates, such as weeks")
        )
    return problems


def date_format(shown: str) -> str:
    """Return the format of ``strptime`` for one as DD.MM.YYYY; nothing where it is none.

    >>> date_format("DD.MM.YYYY")
    '%d.%m.%Y'
    """
    parts = re.fullmatch(r"(DD|MM|YYYY|YY)([./ -]+)(DD|MM)([./ -]+)(DD|MM|YYYY|YY)", shown)
    if not parts or {parts[i][0] for i in (1, 3, 5)} != set("DMY"):
        return ""
    return "".join(DATE_PARTS.get(part, part) for part in parts.groups())


def _block_problems(place: str, block: Mapping[str, Any]) -> list[Problem]:
    problems = key_problems(place, block, _BLOCK)
    if problems:
        return problems
    named = [*block.get("set", {}), *block.get("columns", {}).values()]
    unknown = [name for name in named if not _known(name) and name in block.get("set", {})]
    problems = [key_problem(f"{place}.set", n, "columns of the contract") for n in unknown]
    twice = sorted({name for name in named if named.count(name) > 1})
    problems += [key_problem(place, n, "each column once in a block") for n in twice]
    if not named and not block.get("sheet"):
        problems.append(key_problem(place, "", "a worksheet, set or columns"))
    return problems


_BLOCK: dict[str, Check] = {
    "sheet": (_filled, "the name of a worksheet, in quotes"),
    "set": (
        lambda x: (
            isinstance(x, Mapping) and all(isinstance(v, str | int | float) for v in x.values())
        ),
        "a table of columns of the contract and their values",
    ),
    "columns": (
        lambda x: isinstance(x, Mapping) and all(map(_filled, x.values())),
        'a table: "heading" = "column of the contract"',
    ),
}
