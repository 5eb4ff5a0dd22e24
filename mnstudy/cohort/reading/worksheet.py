"""The XML of one worksheet of a workbook, cell by cell, in bounded memory.

openpyxl reads the frame of a workbook (``workbook.py``); its worksheets pass through expat here,
because a formula without a stored value, a hidden row and the style of a cell are seen in one pass
only so, and because a cell far away, a merge over everything or ten million empty cells then cost
no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any
from xml.parsers import expat

MOST_ROWS, MOST_COLUMNS = 1_000_000, 2_000
_DIGITS = "0123456789"
_TRUTH = ("1", "true")


class EntityError(ValueError):
    """The XML declares a document type or an entity, which no spreadsheet program writes."""


@dataclass(slots=True)
class Cell:
    """A cell with a value, or with a formula that has none."""

    row: int
    column: int
    kind: str
    style: int
    text: str
    formula: bool = False
    stored: bool = False


@dataclass(slots=True)
class Found:
    """What a worksheet holds beside its cells; ``far`` is its last row and last column."""

    hidden: list[int] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    far: tuple[int, int] = (0, 0)

    @property
    def too_far(self) -> bool:
        """True where the used range is larger than any sheet of a study."""
        return self.far[0] > MOST_ROWS or self.far[1] >= MOST_COLUMNS


def parse(source: IO[bytes], take: Callable[[Cell], None]) -> Found:
    """Hand over every cell of a worksheet that has a value or a formula.

    Cells beyond the limits are counted in ``Found.far`` and not handed over.
    """
    reader = _Worksheet(take)
    _run(source, reader)
    return reader.found


def strings(source: IO[bytes]) -> list[str]:
    """Return the texts of the table of shared strings."""
    reader = _Strings()
    _run(source, reader)
    return reader.texts


def _run(source: IO[bytes], reader: _Strings) -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.ParseFile(source)


def _refuse(*_: Any) -> None:
    raise EntityError


@cache
def column_of(letters: str) -> int:
    """Return the number of a column from its letters, the first being 0.

    >>> column_of("A"), column_of("XFD")
    (0, 16383)
    """
    number = 0
    for character in letters or " ":
        if not "A" <= character <= "Z":
            raise ValueError("no reference to a cell")
        number = number * 26 + ord(character) - ord("A") + 1
    return number - 1


class _Strings:
    """Texts of rich or plain strings: the runs of each ``si``, without its phonetic ones."""

    ends = "si"

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._open: list[str] | None = None  # text of the element whose text counts
        self._text: list[str] = []  # runs of the string so far
        self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "t" and not self._phonetic:
            self._open = []
        elif tag == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "t" and self._open is not None:
            self._text.append("".join(self._open))
            self._open = None
        elif tag == "rPh":
            self._phonetic = False
        elif tag == self.ends:
            self.texts.append("".join(self._text))
            self._text = []

    def data(self, text: str) -> None:
        if self._open is not None:
            self._open.append(text)


class _Worksheet(_Strings):
    """Cells, hidden rows and columns, merged ranges of a worksheet."""

    ends = "is"

    def __init__(self, take: Callable[[Cell], None]) -> None:
        super().__init__()
        self.found = Found()
        self._take = take
        self._row, self._column = 0, -1
        self._cell: Cell | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "c":
            self._start_cell(attributes)
        elif tag == "v":
            self._open = []
        elif tag == "f" and self._cell is not None:
            self._cell.formula = True
        elif tag == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), -1
            if attributes.get("hidden") in _TRUTH:
                self.found.hidden.append(self._row)
        elif tag == "col" and attributes.get("hidden") in _TRUTH:
            self.found.hidden_columns.append((int(attributes["min"]) - 1, int(attributes["max"])))
        elif tag == "mergeCell":
            self.found.merged.append(attributes["ref"])
        else:
            super().start(name, attributes)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        self._column = column_of(place.rstrip(_DIGITS)) if place else self._column + 1
        kind, style = attributes.get("t", "n"), int(attributes.get("s", 0))
        self._cell = Cell(self._row, self._column, kind, style, "")

    def end(self, name: str) -> None:
        tag = name.rpartition(":")[2] if ":" in name else name
        if tag == "v" and self._cell is not None and self._open is not None:
            self._cell.text, self._cell.stored = "".join(self._open), True
            self._open = None
        elif tag == "c" and self._cell is not None:
            self._end_cell(self._cell)
            self._cell = None
        else:
            super().end(name)

    def _end_cell(self, cell: Cell) -> None:
        if self.texts:
            cell.text, self.texts = self.texts[-1], []
        if not cell.text and not cell.formula:
            return
        far = self.found.far
        if cell.row > far[0] or cell.column > far[1]:
            self.found.far = max(far[0], cell.row), max(far[1], cell.column)
        if cell.row <= MOST_ROWS and cell.column < MOST_COLUMNS:
            self._take(cell)
