"""A table as it is printed: cells of text in groups of rows, with a title, heads and notes.

It shows itself as text and as HTML; Word and LaTeX are written by modules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import pandas as pd

Align = Literal["left", "right", "center"]
SYNTHETIC = "SYNTHETIC"
WIDE = 104  # characters across: more does not fit an upright page at a readable size
ACROSS = 170  # characters across a page on its side
WIDEST, AROUND = 40, 3  # characters of a column beyond which it wraps; the room around them
LEAST = 20  # characters of a column of text beyond which it gives way where room is short

STYLE = (
    "body{font:1rem/1.45 system-ui,'DejaVu Sans',sans-serif;margin:1.5rem;color:#1f1f1f;"
    "background:#fff}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;"
    "border-top:2px solid;border-bottom:2px solid}caption{text-align:left;padding:0 0 .6rem;"
    "font-weight:600}th,td{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;"
    "font-weight:400}thead th{font-weight:600;vertical-align:bottom}"
    "thead tr:last-child th{border-bottom:1px solid}tbody th.group{font-weight:600;"
    "padding-top:.7rem}.over{text-align:center;border-bottom:1px solid #999}"
    "caption span{display:block;max-width:calc(100vw - 4rem)}sup{line-height:0}"
    "tbody th[scope=row]{min-width:9rem}"
    ".number{white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".table-notes{font-size:.82rem;max-width:60rem}.table-notes p{margin:.25rem 0}"
    "@media print{body{margin:0}.scroll{overflow:visible}tr{break-inside:avoid}"
    "tr:has(>.group){break-after:avoid}.table-notes{max-width:none}}"
)
SIDEWAYS = "@page{size:A4 landscape;margin:12mm}"
SHEET = "@media print{html{font-size:7.5pt}th,td{padding:.15rem .6rem .15rem 0}}"
INDENT = 1.2  # em: in the cell itself, so that it is kept where the table is pasted


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
        Number format, see ``mnstudy.formatting``.
    section : str
        Where it stands on the page: table1, outcomes or harms; empty for published trials.
    one_page : bool
        A sheet of one A4 page on its side: as small as that needs.

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
    one_page: bool = False

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
            AROUND + min(WIDEST, max(_head_width(c.head), *(len(r.cells[i]) for r in self.rows)))
            for i, c in enumerate(self.columns)
        ]

    @property
    def shares(self) -> list[float]:
        """The share of the page that each column takes; they add up to 1.

        Where there is not enough room, text wraps before numbers do.
        """
        widths: list[float] = list(self.characters)
        over = sum(widths) - (ACROSS if self.wide else WIDE)
        text = [i for i, c in enumerate(self.columns) if c.align == "left" and widths[i] > LEAST]
        whole = sum(widths[i] for i in text)
        for i in text if over > 0 else ():
            widths[i] = max(widths[i] * (1 - over / whole), LEAST)
        return [w / sum(widths) for w in widths]

    @property
    def wide(self) -> bool:
        """Tell whether the table needs a page turned on its side."""
        return self.one_page or sum(self.characters) > WIDE

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
        return to_html(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows under one heading; an empty heading has none."""

    title: str
    rows: tuple[Row, ...]


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
class Column:
    """One column: its head, a head above it that it may share with its neighbours, alignment."""

    head: str
    over: str = ""
    align: Align = "left"


def slug(name: str) -> str:
    """Return a name that is safe as a folder and as an anchor.

    >>> slug("../Narben 2025 <b>")
    'narben-2025-b'
    """
    kept = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    return kept[:60] or "data"


def disarmed(text: str) -> str:
    """Return text with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def sentence(text: str) -> str:
    """Return a note as a sentence: a capital at the start of a word, a full stop at the end.

    >>> sentence("linear model, t intervals"), sentence("k: number of studies"), sentence("a group")
    ('Linear model, t intervals.', 'k: number of studies.', 'A group.')
    """
    word = text.split(" ", 1)[0].rstrip(":,;")
    plain = word.isalpha() and (len(word) > 1 or word == "a")
    opened = text[:1].upper() + text[1:] if plain else text
    return opened if opened.endswith((".", "?", "!")) else f"{opened}."


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


def to_html(table: PrintedTable, *, standalone: bool = False, role: str = "region") -> str:
    """Write a table as HTML.

    Parameters
    ----------
    table : PrintedTable
    standalone : bool
        A whole page with its style, to open or to paste from; else the part that goes into a page.
    role : str
        What its box is to screen readers: a region is a landmark, a group is none.

    Returns
    -------
    str
        Scrolls sideways in itself where it is too wide. Screen readers find the caption, the heads
        of columns, of groups and of rows.

    Examples
    --------
    >>> rows = (RowGroup(title="", rows=(Row(cells=("a < b", "1")),)),)
    >>> heads = (Column(head="what"), Column(head="n", align="right"))
    >>> table = PrintedTable(
    ...     key="t", title="T", dataset="d", synthetic=False, columns=heads, groups=rows
    ... )
    >>> "a &lt; b" in to_html(table)
    True
    """
    name = f"table-{table.file}"
    lines = [
        f'<div class="scroll" role="{role}" aria-labelledby="{name}" tabindex="0">',
        '<table class="compact printed">',
        f'<caption id="{name}"><span>{escape(table.caption)}</span></caption>',
        *_head(table),
        *(line for group in table.groups for line in _body(table, group)),
        "</table>",
        "</div>",
        *_notes(table),
    ]
    part = "\n".join(lines) + "\n"
    return _page(table, part) if standalone else part


def _letter(place: int) -> str:
    more, last = divmod(place, 26)
    return ("" if not more else _letter(more - 1)) + chr(ord("a") + last)


def _head_width(text: str) -> int:
    """Return how wide a head is on two lines, or one of a single word."""
    words = text.split(" ")
    lines = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(len(words))]
    return min(max(map(len, both)) for both in lines)


def _bracketed(row: Row, column: int) -> str:
    mark = row.mark(column)
    text = f"{row.cells[column]} [{mark}]" if mark else row.cells[column]
    if column or not row.indent:
        return text
    # a spreadsheet may cut the spaces before a formula
    return f"{'  ' * row.indent}{disarmed(text)}"


def _heads(columns: Sequence[Column]) -> list[str]:
    """Return heads that tell the columns apart, the head above in front."""
    names = [f"{c.over}: {c.head}" if c.over else c.head for c in columns]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    ]


def _head(table: PrintedTable) -> list[str]:
    lines = ["<thead>"]
    if table.over:
        cells = "".join(
            f'<th scope="colgroup" colspan="{span}" class="over">{escape(text)}</th>'
            if text
            else "<td></td>" * span
            for text, span in table.over
        )
        lines.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f'<th scope="col"{_class(c.align)}>{escape(c.head)}</th>' for c in table.columns
    )
    return [*lines, f"<tr>{heads}</tr>", "</thead>"]


def _class(align: str) -> str:
    return "" if align == "left" else f' style="text-align:{align}"'


def _body(table: PrintedTable, group: RowGroup) -> list[str]:
    lines = ["<tbody>"]
    if group.title:
        span = len(table.columns)
        head = f'<th scope="rowgroup" colspan="{span}" class="group">{escape(group.title)}</th>'
        lines.append(f"<tr>{head}</tr>")
    return [*lines, *(_row(table, row) for row in group.rows), "</tbody>"]


def _row(table: PrintedTable, row: Row) -> str:
    cells = []
    for i, column in enumerate(table.columns):
        text = escape(row.cells[i])
        if row.strong and i == 0:
            text = f"<strong>{text}</strong>" if text else text
        text += f"<sup>{escape(row.mark(i))}</sup>" if row.mark(i) else ""
        if i == 0:
            indent = f' style="padding-left:{INDENT * row.indent:g}em"' if row.indent else ""
            cells.append(f'<th scope="row"{indent}>{text}</th>')
        else:
            number = ' class="number"' if column.align != "left" else ""
            cells.append(f"<td{number}{_class(column.align)}>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _notes(table: PrintedTable) -> list[str]:
    lines = [
        f"<p><sup>{escape(x)}</sup> {escape(sentence(text))}</p>" for x, text in table.lettered
    ]
    lines += [f"<p>{escape(sentence(text))}</p>" for text in table.notes]
    return ['<div class="table-notes">', *lines, "</div>"] if lines else []


def _page(table: PrintedTable, part: str) -> str:
    style = STYLE + SIDEWAYS * table.wide + SHEET * table.one_page
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(table.caption)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{part}</body>\n</html>\n"
    )
