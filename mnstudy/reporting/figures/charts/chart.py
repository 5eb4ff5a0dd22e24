"""Charts of the published evidence: what they have in common, and their head and key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.reporting.figures.style import Picture, inch_mark, inch_text

MARGIN = 0.12  # inches around everything
BETWEEN = 0.16
GLYPH = 0.16  # inches that a mark of the key takes


class Chart(ABC):
    """A chart that stands in a report: it computes nothing, it draws what it holds."""

    __slots__ = ()

    @property
    @abstractmethod
    def key(self) -> str:
        """Name among the files of its body of data."""

    @property
    @abstractmethod
    def caption(self) -> str:
        """What is shown, of how many, by which method."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """Description for those who do not see it."""

    @abstractmethod
    def data(self) -> pd.DataFrame:
        """Return every number that is drawn, full precision."""

    @abstractmethod
    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One entry of a key: the look of the mark, and its name."""

    look: tuple[tuple[str, Any], ...]
    name: str


def mark(name: str, **look: Any) -> Mark:
    """Return an entry of a key."""
    return Mark(look=tuple(sorted(look.items())), name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Title, words and key above a chart, laid out for a width in inches."""

    width: float
    size: float
    title: str
    words: str
    marks: tuple[Mark, ...] = ()

    @property
    def height(self) -> float:
        """Height of everything, in inches."""
        lines = sum(line_height(size) for _, size, _, _ in self._lines())
        return lines + len(self._key()) * line_height(self.size) + 0.04

    def draw(self, picture: Picture, top: float) -> None:
        """Draw at this distance from the top edge, in inches."""
        for text, size, colour, weight in self._lines():
            inch_text(picture, MARGIN, top, text, fontsize=size, color=colour, fontweight=weight)
            top += line_height(size)
        for line in self._key():
            for left, entry in line:
                _draw_mark(picture, left, top + line_height(self.size) / 2, entry)
                inch_text(picture, left + GLYPH, top, entry.name, fontsize=self.size - 0.5)
            top += line_height(self.size)

    def _lines(self) -> list[tuple[str, float, str, str]]:
        room, size = self.width - 2 * MARGIN, self.size
        title = wrap(self.title, room, size + 2, bold=True)
        words = wrap(self.words, room, size - 0.5) if self.words else []
        return [(t, size + 2, theme.INK, "bold") for t in title] + [
            (t, size - 0.5, theme.MUTED, "normal") for t in words
        ]

    def _key(self) -> list[list[tuple[float, Mark]]]:
        lines: list[list[tuple[float, Mark]]] = []
        at = self.width
        for entry in self.marks:
            needed = GLYPH + text_width(entry.name, self.size - 0.5)
            if at + needed > self.width - MARGIN:
                lines.append([])
                at = MARGIN
            lines[-1].append((at, entry))
            at += needed + BETWEEN
        return lines


def _draw_mark(picture: Picture, left: float, middle: float, entry: Mark) -> None:
    inch_mark(picture, left + 0.06, middle, **dict(entry.look))


def sheet(head: Head, body: float, alt: str) -> tuple[Picture, float]:
    """Return a picture with its head drawn, and where the body begins, in inches from the top."""
    picture = theme.new_picture(head.width, 2 * MARGIN + head.height + body, alt)
    head.draw(picture, MARGIN)
    return picture, MARGIN + head.height
