"""What charts have in common: head, key, axes and the counts beneath them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_mark,
    inch_text,
    line_height,
    text_width,
    wrap,
)

MARGIN = 0.12  # inches around everything
BETWEEN = 0.16
GLYPH = 0.16  # inches that a mark of the key takes

SAMPLE = 0.28  # inches of a line in the key
LEFT = 0.42  # inches for the numbers of the upright axis
SYNTHETIC = "SYNTHETIC DATA"
DASHED = (0, (4, 2))
DOTTED = (0, (1, 1.6))
Look = Mapping[str, Any]


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
        return [(t, size + 2, style.INK, "bold") for t in title] + [
            (t, size - 0.5, style.MUTED, "normal") for t in words
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
    picture = style.new_picture(head.width, 2 * MARGIN + head.height + body, alt)
    head.draw(picture, MARGIN)
    return picture, MARGIN + head.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the key: a short sample, ``line`` and ``mark`` in matplotlib's words."""

    text: str
    line: Look = field(default_factory=dict)
    mark: Look = field(default_factory=dict)
    fill: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything above the axes, laid out for a width in inches."""

    width: float
    size: float
    title: str
    words: str
    entries: tuple[Entry, ...]

    @property
    def inner(self) -> float:
        """Width between the margins."""
        return self.width - 2 * MARGIN

    @property
    def height(self) -> float:
        """Height of head and key, in inches."""
        lines = sum(len(text) for text in self._texts())
        return self._head.height + lines * line_height(self.size - 0.5) + 0.04

    @property
    def _head(self) -> Head:
        return Head(width=self.width, size=self.size, title=self.title, words=self.words)

    def _texts(self) -> list[list[str]]:
        room = self.inner - SAMPLE - 0.08
        return [wrap(entry.text, room, self.size - 0.5) for entry in self.entries]

    def sheet(self, body: float, alt: str, *, synthetic: bool) -> tuple[Picture, float]:
        """Return a picture with this head, and where the body begins, in inches from the top."""
        picture = style.new_picture(self.width, 2 * MARGIN + self.height + body, alt)
        if synthetic:
            style.watermark(picture)
        self._head.draw(picture, MARGIN)
        top, small = MARGIN + self._head.height, self.size - 0.5
        for entry, lines in zip(self.entries, self._texts(), strict=True):
            _sample(picture, entry, top + line_height(small) / 2)
            for text in lines:
                inch_text(picture, MARGIN + SAMPLE + 0.08, top, text, fontsize=small)
                top += line_height(small)
        return picture, top + 0.04


def _sample(picture: Picture, entry: Entry, middle: float) -> None:
    axes = inch_axes(picture, MARGIN, middle - 0.05, SAMPLE, 0.1)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(-1, 1)
    if entry.fill:
        axes.fill_between([0, 1], -1, 1, color=entry.fill, linewidth=0)
    if entry.line:
        axes.plot([0, 1], [0, 0], **entry.line)
    if entry.mark:
        axes.plot([0.5], [0], clip_on=False, **entry.mark)


def left_axis(
    picture: Picture, box: tuple[float, float, float, float], label: str, size: float
) -> Axes:
    """Add axes with a horizontal label above the upright axis.

    ``box`` is left, top, width and height in inches, of the axes without numbers and labels.
    """
    left, top, width, height = box
    axes = inch_axes(picture, left, top, width, height)
    axes.spines["left"].set_visible(True)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.as_entered(float(y))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: fmt.as_entered(float(x))))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=max(4, int(width / 0.42)), steps=[1, 2, 5, 10]))
    axes.tick_params(labelsize=size - 0.5)
    for k, line in enumerate(label_lines(label, left + width - MARGIN, size)):
        start = top - label_height(label, left + width - MARGIN, size) + k * line_height(size)
        inch_text(picture, MARGIN, start, line, fontsize=size)
    return axes


def label_lines(label: str, room: float, size: float) -> list[str]:
    """Break the label of an upright axis."""
    return wrap(label, room, size)


def label_height(label: str, room: float, size: float) -> float:
    """Height of the label above an upright axis, in inches."""
    return len(label_lines(label, room, size)) * line_height(size) + 0.06


def under_axis(axes: Axes, label: str, size: float) -> None:
    """Name the lying axis."""
    axes.set_xlabel(label, fontsize=size, labelpad=2)


def axis_height(size: float) -> float:
    """Height of numbers and label of the lying axis, in inches."""
    return 0.1 + line_height(size - 0.5) + line_height(size)


def numbers_at_risk_height(size: float) -> float:
    """Height of a line of counts with its heading, in inches."""
    return 2 * line_height(size - 0.5) + 0.04


def numbers_at_risk(
    picture: Picture,
    axes: Axes,
    box: tuple[float, float, float],
    heading: str,
    shown: Sequence[tuple[float, str]],
    size: float,
) -> None:
    """Write counts beneath their places on the axis, those that would overlap left out.

    ``box`` is left, top and width of the line in inches, left and width as those of the axes.
    """
    left, top, width = box
    low, high = axes.get_xlim()
    small = size - 0.5
    inch_text(picture, MARGIN, top, heading, fontsize=small, color=style.MUTED)
    taken = -1.0
    for x, text in shown:
        at = left + width * (x - low) / (high - low)
        half = text_width(text, small) / 2
        if at - half < taken or not low <= x <= high:
            continue
        inch_text(picture, at, top + line_height(small), text, fontsize=small, ha="center")
        taken = at + half + 0.05


def source_line(dataset: str, *, synthetic: bool, size: str) -> str:
    """Say which data, how many, and that invented data are invented."""
    return " · ".join(x for x in (dataset, SYNTHETIC if synthetic else "", size) if x)


def confidence_band(
    axes: Axes, x: Sequence[float], ends: tuple[Sequence[float], Sequence[float]], *, first: bool
) -> None:
    """Draw the range around a line: filled for the first line, thin edges for the second."""
    low, high = ends
    if first:
        axes.fill_between(x, low, high, color=style.PART, alpha=0.2, linewidth=0, zorder=0.5)
        return
    for end in ends:
        axes.plot(x, end, color=style.INK, linewidth=0.7, linestyle=DOTTED, zorder=0.6)


def reference_line(axes: Axes, x: float) -> None:
    """Draw the upright line of a threshold that a claim names."""
    axes.axvline(x, color=style.INK, linewidth=0.8, linestyle=DASHED, zorder=1.5)
