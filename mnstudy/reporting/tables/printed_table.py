"""A table as it is printed: cells of text in groups of rows, with a title, heads and notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Align = Literal["left", "right", "center"]
SYNTHETIC = "SYNTHETIC"
WIDE = 104  # characters across: more does not fit an upright page at a readable size
WIDEST, AROUND = 40, 3  # characters of a column beyond which it wraps; the room around them


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its head, a head above it that it may share with its neighbours, alignment."""

    head: str
    over: str = ""
    align: Align = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; the first cell names it.

    ``indent`` sets it under the row above, ``strong`` sets the name of one that stands
    for those below it in bold.
    ``marks`` are the letters of the notes that belong to a cell, by the number of its column.
    """

    cells: tuple[str, ...]
    indent: int = 0
    strong: bool = False
    marks: tuple[tuple[int, str], ...] = ()

    def mark(self, column: int) -> str:
        """Return the letters of the notes of one cell, joined by commas."""
        return ",".join(letter for place, letter in self.marks if place == column)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows under one heading; an empty heading has none."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrintedTable:
    """A table for a paper: text only, nothing left to round or to withhold.

    Attributes
    ----------
    key : str
        Name of its files.
    title : str
        What stands above it; ``caption`` adds the mark of synthetic data.
    dataset : str
        Where the numbers come from.
    synthetic : bool
        True for invented data: every format says so.
    columns : tuple of Column
    groups : tuple of RowGroup
    lettered : tuple of (letter, text)
        Notes that cells point to.
    notes : tuple of str
        Notes on the whole table.
    profile : str
        Number format, see ``mnstudy.formatting_profiles``.
    section : str
        Where it stands on the page: table1, outcomes or harms; empty for published trials.

    Raises
    ------
    ValueError
        A row with more or fewer cells than there are columns.
    """

    key: str
    title: str
    dataset: str
    synthetic: bool
    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]
    lettered: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    profile: str = "default"
    section: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"a row of the table {self.key!r} has {len(row.cells)} cells, its head has "
                    f"{len(self.columns)}"
                )

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, those of the first group first."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def caption(self) -> str:
        """The title, opened by the mark of synthetic data where they are."""
        return f"{SYNTHETIC} DATA, not evidence. {self.title}" if self.synthetic else self.title

    @property
    def file(self) -> str:
        """Name of its files without their endings; it names the profile, and synthetic data."""
        profile = "" if self.profile == "default" else f"_{slug(self.profile)}"
        return f"{slug(self.key)}{profile}{'_synthetic' if self.synthetic else ''}"

    @property
    def over(self) -> list[tuple[str, int]]:
        """The heads above the heads with how many columns each spans; empty without any."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and column.over and spans[-1][0] == column.over:
                spans[-1] = (column.over, spans[-1][1] + 1)
            else:
                spans.append((column.over, 1))
        return spans if any(name for name, _ in spans) else []

    @property
    def characters(self) -> list[int]:
        """How many characters wide each column is at its best."""
        return [
            AROUND + min(WIDEST, max(_longest_word(c.head), *(len(r.cells[i]) for r in self.rows)))
            for i, c in enumerate(self.columns)
        ]

    @property
    def shares(self) -> list[float]:
        """The share of the page that each column takes; they add up to 1."""
        widths = self.characters
        return [w / sum(widths) for w in widths]

    @property
    def wide(self) -> bool:
        """Tell whether the table needs a page turned on its side."""
        return sum(self.characters) > WIDE

    def to_frame(self) -> pd.DataFrame:
        """Return the cells as text, one row a row; the notes are the last rows.

        Returns
        -------
        DataFrame of str
            ``dataset``, ``synthetic``, ``group``, then the columns by their heads. A letter in
            brackets points to a note.
        """
        heads = _heads(self.columns)
        rows = [
            [group.title, *(_bracketed(row, i) for i in range(len(heads)))]
            for group in self.groups
            for row in group.rows
        ]
        blank = [""] * (len(heads) - 1)
        rows += [["notes", f"[{letter}] {text}", *blank] for letter, text in self.lettered]
        rows += [["notes", text, *blank] for text in self.notes]
        frame = pd.DataFrame(rows, columns=["group", *heads])
        frame.insert(0, "synthetic", self.synthetic)
        frame.insert(0, "dataset", self.dataset)
        return frame

    def __repr__(self) -> str:
        shown = self.to_frame().drop(columns=["dataset", "synthetic"])
        with pd.option_context("display.max_colwidth", 40, "display.width", 160):
            return f"{self.caption}\n{shown.to_string(index=False)}"

    def _repr_html_(self) -> str:
        from mnstudy.reporting.tables.table_html import to_html

        return to_html(self)


class Lettered:
    """Letters for notes in the order they are first asked for: a to z, then aa."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Return the letter of a note."""
        if text not in self._letters:
            self._letters[text] = _letter(len(self._letters))
        return self._letters[text]

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """The notes with their letters."""
        return tuple((letter, text) for text, letter in self._letters.items())


def sentence(text: str) -> str:
    """Return a note as a sentence: a capital at the start of a word, a full stop at the end.

    >>> sentence("linear model, t intervals"), sentence("k: number of studies")
    ('Linear model, t intervals.', 'k: number of studies.')
    """
    word = text.split(" ", 1)[0].rstrip(":,;")
    opened = text[:1].upper() + text[1:] if word.isalpha() and len(word) > 1 else text
    return opened if opened.endswith((".", "?", "!")) else f"{opened}."


def _letter(place: int) -> str:
    more, last = divmod(place, 26)
    return ("" if not more else _letter(more - 1)) + chr(ord("a") + last)


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split(" ")), default=0)


def _bracketed(row: Row, column: int) -> str:
    mark = row.mark(column)
    text = f"{row.cells[column]} [{mark}]" if mark else row.cells[column]
    if column or not row.indent:
        return text
    # a spreadsheet may cut the spaces before a formula
    return f"{'  ' * row.indent}{_disarmed(text)}"


def _disarmed(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _heads(columns: Sequence[Column]) -> list[str]:
    """Return heads that tell the columns apart, the head above in front."""
    names = [f"{c.over}: {c.head}" if c.over else c.head for c in columns]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    ]


def slug(name: str) -> str:
    """Return a name that is safe as a folder and as an anchor.

    >>> slug("../Narben 2025 <b>")
    'narben-2025-b'
    """
    kept = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    return kept[:60] or "data"
