"""Problems found in a sheet, all at once, each with the place and the remedy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, NoReturn

import pandas as pd

from mnstudy.errors import DataError
from mnstudy.words.notes import Note, sentences

# rows of a further block of the study file are numbered from a multiple of this on
ROWS_A_BLOCK = 10_000_000

HIDDEN = "(not shown)"  # in place of what may identify a person
ANOTHER = "another number"  # in place of one that is a guess

Value = str | float | tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of the study file that mends a problem.

    Attributes
    ----------
    table : str
        Its table; empty for a key of the file itself.
    key : str
    value : str, number or tuple of str
    otherwise : str
        What to write in its place where the other reading is the right one; empty where there is
        none.
    """

    table: str
    key: str
    value: Value
    otherwise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing to mend in the sheet.

    Attributes
    ----------
    row : int or None
        Row of the sheet as a spreadsheet numbers it (the header is row 1); None for a whole column.
    column, value, rule, remedy : str
        Where it stands, what is written there, what is expected, and how to mend it.
    paste : tuple of Line
        Lines for the study file that mend it, where some do.
    masked : bool
        True where the value itself may identify a person and is not repeated.
    also : tuple of int
        Further rows of a problem that is told once for all of them.
    """

    row: int | None = None
    column: str = ""
    value: str = ""
    rule: str
    remedy: str
    paste: tuple[Line, ...] = ()
    masked: bool = False
    also: tuple[int, ...] = ()

    @property
    def rows(self) -> tuple[int, ...]:
        """All its rows; empty for a whole column."""
        return () if self.row is None else (self.row, *self.also)


Check = tuple[Callable[[Any], bool], str]


def key_problem(
    key: str, value: Any, rule: str, remedy: str = "correct it in the study file"
) -> Problem:
    """Return what is wrong with a key of the study file."""
    return Problem(column=key, value=str(value), rule=rule, remedy=remedy)


def key_problems(table: str, raw: Mapping[str, Any], checks: Mapping[str, Check]) -> list[Problem]:
    """List the keys of a table of the study file that are unknown, or not what they have to be."""
    unknown = [
        key_problem(f"{table}.{key}", value, "one of " + ", ".join(checks))
        for key, value in raw.items()
        if key not in checks
    ]
    return unknown + [
        key_problem(f"{table}.{key}", raw[key], rule)
        for key, (good, rule) in checks.items()
        if key in raw and not good(raw[key])
    ]


def row_problems(
    cells: pd.Series,
    bad: pd.Series,
    rule: str | pd.Series,
    remedy: str | pd.Series,
    *,
    file: str = "",
) -> list[Problem]:
    """Return a problem for each marked row of a column, with what its cell holds.

    Texts are one for all rows, or one a row. One table of several has its ``file`` named before
    the column.
    """
    rows = bad.index[bad.fillna(False).astype(bool)]
    said = [x.loc[rows] if isinstance(x, pd.Series) else [x] * len(rows) for x in (rule, remedy)]
    place = f"{file}: {cells.name}" if file else str(cells.name)
    return [
        Problem(row=int(row), column=place, value=_cell(cell), rule=str(why), remedy=str(how))
        for row, cell, why, how in zip(rows, cells.loc[rows], *said, strict=True)
    ]


def first_row(table: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """Return for each row of a table the row of the sheet that first has the same key."""
    rows = table.index.to_series() % ROWS_A_BLOCK
    return rows.groupby([table[c] for c in key], dropna=False, sort=False).transform("first")


def column_problems(names: Iterable[object], rule: str, remedy: str) -> list[Problem]:
    """Return a problem for each column that is named."""
    return [Problem(column=str(name), rule=rule, remedy=remedy) for name in names]


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


MANY = 5  # values of one column under one rule, from which on they are told together
_ROWS_NAMED = 6
_LONGEST = 60  # characters of a cell that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Problems of one kind: the same rule for the same column, mended in the same way.

    Attributes
    ----------
    column, rule, remedy : str
    values : tuple of str
        What is written there, in the order of the sheet.
    rows : tuple of int
        Empty for a whole column.
    paste : tuple of Line
    masked : bool
    """

    column: str
    values: tuple[str, ...]
    rule: str
    remedy: str
    rows: tuple[int, ...]
    paste: tuple[Line, ...]
    masked: bool

    @property
    def value(self) -> str:
        """What is written there, in one line."""
        named = ", ".join(map(_shown, filter(None, self.values[:MANY])))
        more = len(self.values) - MANY
        named += f" and {more} more" if more > 0 else ""
        return named + (f" x {len(self.rows)}" if named and len(self.rows) > 1 else "")

    @property
    def where(self) -> str:
        """The rows, in words; the first of many."""
        rows = ", ".join(map(str, self.rows[:_ROWS_NAMED]))
        more = ", ..." if len(self.rows) > _ROWS_NAMED else ""
        return f"row{'s' if len(self.rows) > 1 else ''} {rows}{more}" if rows else ""


def _shown(value: str) -> str:
    """Write a cell on one line, a long one cut."""
    text = "".join(c if c.isprintable() else " " for c in value[:_LONGEST])
    more = "..." if len(value) > _LONGEST else ""
    return text if text.startswith("(") and text.endswith(")") else f'"{text}{more}"'


def kinds(problems: Iterable[Problem]) -> list[Kind]:
    """Put problems together that are mended in the same way, in the order of the sheet.

    Parameters
    ----------
    problems : iterable of Problem

    Returns
    -------
    list of Kind
        One for a value under a rule of a column; more than ``MANY`` values under one rule are
        told together.
    """
    by_value: dict[tuple[str, str, str], list[Problem]] = {}
    for p in problems:
        by_value.setdefault((p.column, p.rule, p.value), []).append(p)
    many = Counter(key[:2] for key in by_value)
    told: dict[tuple[str, ...], list[Problem]] = {}
    for key, group in by_value.items():
        told.setdefault(key[:2] if many[key[:2]] > MANY else key, []).extend(group)
    return [_kind(group) for group in told.values()]


def _kind(group: Sequence[Problem]) -> Kind:
    first, alike = group[0], len({p.remedy for p in group}) == 1
    place = "" if alike or first.row is None else f"row {first.row}: "
    return Kind(
        column=first.column,
        values=tuple(dict.fromkeys(p.value for p in group)),
        rule=first.rule,
        remedy=place + first.remedy + ("" if alike else "; the others likewise"),
        rows=tuple(sorted({row for p in group for row in p.rows})),
        paste=tuple(dict.fromkeys(line for p in group for line in p.paste)),
        masked=any(p.masked for p in group),
    )


def pasted(problems: Iterable[Problem]) -> str:
    """Return the lines of a study file that mend what they can, as TOML.

    What a person has to decide stands there as a comment; where a value could be read in another
    way, the line says so.
    """
    tables: dict[str, dict[str, list[Line]]] = {}
    for line in dict.fromkeys(line for p in problems for line in p.paste):
        same = tables.setdefault(line.table, {}).setdefault(line.key, [])
        if same and "missing" in (line.table, line.key):
            words = (*same.pop().value, *line.value)  # type: ignore[misc]
            line = replace(line, value=tuple(dict.fromkeys(words)))
        same.append(line)
    text: list[str] = []
    for name in sorted(tables):
        text += [*([""] if text else []), *([f"[{name}]"] if name else [])]
        for lines in tables[name].values():
            choice = "# " if len(lines) > 1 else ""  # one of them, for a person to say
            text += [choice + _toml_line(line) for line in lines]
    return "\n".join(text)


def _toml_line(line: Line) -> str:
    value = line.value
    shown = f"{value:g}" if isinstance(value, int | float) else _quoted(value)
    key = line.key if re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", line.key) else _quoted(line.key)
    if value == "?":
        return f"# {key} = {shown}     # what it means has to be said"
    if line.otherwise == ANOTHER:
        return f"# {key} = {shown}     # or another number: for you to say"
    other = line.otherwise if line.otherwise[:1] == "[" else _quoted(line.otherwise)
    return f"{key} = {shown}" + (f"     # or {other}" if line.otherwise else "")


def _quoted(value: Any) -> str:
    # a JSON text or list of texts is a TOML one
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What ``validate`` found; ``ok`` is true when nothing needs mending.

    ``remarks`` hold what was assumed, read as declared or not used, as data; ``notes`` say it.
    """

    source: str
    rows: int
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Note, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, in words."""
        return sentences(self.remarks)

    @property
    def ok(self) -> bool:
        """True when there is no problem."""
        return not self.problems

    @property
    def kinds(self) -> list[Kind]:
        """The problems, those that are mended in the same way together."""
        return kinds(self.problems)

    @property
    def paste(self) -> str:
        """Lines for the study file that mend what they can, as TOML; empty where none does."""
        return pasted(self.problems)

    def to_frame(self) -> pd.DataFrame:
        """Return the problems as a table of row, column, value, rule, remedy."""
        columns = ["row", "column", "value", "rule", "remedy"]
        cells = [[getattr(p, c) for c in columns] for p in self.problems]
        return pd.DataFrame(cells, columns=columns).astype({"row": "Int64"})

    def raise_if_bad(self) -> None:
        """Raise ``DataError`` carrying this report when there is any problem."""
        if not self.ok:
            raise DataError(str(self), report=self)

    def __str__(self) -> str:
        lines = [self._headline()]
        for kind in self.kinds:
            place = (kind.where, kind.column, kind.value, f"{kind.rule}: {kind.remedy}")
            lines.append("  " + "  ".join(x for x in place if x))
        if self.paste:
            lines += [
                "",
                f"  {PASTE}",
                *(f"    {line}".rstrip() for line in self.paste.split("\n")),
            ]
        lines += [""] if self.problems and self.notes else []
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])

    __repr__ = __str__

    def _headline(self) -> str:
        if self.ok:
            return f"{self.source}: {self.rows} rows, no problem found"
        bad = len({row for p in self.problems for row in p.rows})
        many = len(self.problems)
        fine = f" ({self.rows - bad} of {self.rows} rows are fine)" if self.rows else ""
        few = len(self.kinds)
        of = f" of {few} kind{'s' if few != 1 else ''}" if few != many else ""
        return f'{many} problem{"s" if many != 1 else ""}{of} in "{self.source}"{fine}'

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(self._headline())}</p>"]
        if self.problems:
            names = ("where", "column", "value", "rule", "remedy")
            head = "".join(f'<th style="text-align:left">{x}</th>' for x in names)
            rows = "".join(
                "<tr>"
                + "".join(
                    f'<td style="text-align:left">{escape(x)}</td>'
                    for x in (k.where, k.column, k.value, k.rule, k.remedy)
                )
                + "</tr>"
                for k in self.kinds
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
        if self.paste:
            parts.append(f"<p>{escape(PASTE)}</p>{_code(self.paste)}")
        notes = "".join(f"<li>{escape(n)}</li>" for n in self.notes)
        return "".join(parts) + (f"<ul>{notes}</ul>" if notes else "")


PASTE = "for study.toml, once you agree (into a [table] that is there, in place of the same key):"


def _code(text: str) -> str:
    return f'<pre style="font-family:monospace">{escape(text)}</pre>'


def fail(source: str, *problems: Problem) -> NoReturn:
    """Raise a ``DataError`` that carries these problems of a source that could not be read."""
    report = ValidationReport(source=source, rows=0, problems=problems)
    raise DataError(str(report), report=report)
