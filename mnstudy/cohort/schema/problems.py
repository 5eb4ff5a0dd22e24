"""Problems found in a sheet, all at once, each with the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pandas as pd

from mnstudy.errors import DataError
from mnstudy.words.notes import Note, sentences


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing to mend in the sheet.

    Attributes
    ----------
    row : int or None
        Row of the sheet as a spreadsheet numbers it (the header is row 1); None for a whole column.
    column, value, rule, remedy : str
        Where it stands, what is written there, what is expected, and how to mend it.
    paste : str
        Lines for the study file that mend it, where some do; empty otherwise. The first line is
        the table (``[levels.scar_type]``), or the line itself is a key of the file.
    """

    row: int | None = None
    column: str = ""
    value: str = ""
    rule: str
    remedy: str
    paste: str = ""


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
    """Return for each row of a table the first that has the same key."""
    rows = table.index.to_series()
    return rows.groupby([table[c] for c in key], dropna=False, sort=False).transform("first")


def column_problems(names: Iterable[object], rule: str, remedy: str) -> list[Problem]:
    """Return a problem for each column that is named."""
    return [Problem(column=str(name), rule=rule, remedy=remedy) for name in names]


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


_SHOWN = 20  # a terminal page; the report's table holds them all


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What ``validate`` found; ``ok`` is true when nothing needs mending.

    ``remarks`` hold what was assumed as data, ``notes`` say it.
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
        if self.ok:
            lines = [f"{self.source}: {self.rows} rows, no problem found"]
        else:
            bad = len({p.row for p in self.problems if p.row is not None})
            lines = [_headline(self, bad), *_table(self.problems[:_SHOWN])]
            if len(self.problems) > _SHOWN:
                lines.append(f"  ... and {len(self.problems) - _SHOWN} more")
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])

    __repr__ = __str__


def fail(source: str, *problems: Problem) -> NoReturn:
    """Raise a ``DataError`` that carries these problems of a source that could not be read."""
    report = ValidationReport(source=source, rows=0, problems=problems)
    raise DataError(str(report), report=report)


def _headline(report: ValidationReport, bad_rows: int) -> str:
    many = len(report.problems)
    fine = f" ({report.rows - bad_rows} rows are fine)" if report.rows else ""
    return f'{many} problem{"s" if many != 1 else ""} in "{report.source}"{fine}'


def _table(problems: Iterable[Problem]) -> list[str]:
    rows = [("row", "column", "value", "rule", "remedy")]
    rows += [
        ("" if p.row is None else str(p.row), p.column, p.value, p.rule, p.remedy) for p in problems
    ]
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    return [
        "  " + "  ".join([*(c.ljust(w) for c, w in zip(r[:4], widths, strict=True)), r[4]]).rstrip()
        for r in rows
    ]
