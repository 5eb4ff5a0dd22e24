"""How wide text is on paper, and how it is broken into lines: the same on every machine."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

LEADING = 1.32  # line height as a multiple of the size of the letters
SLACK = 1.01  # renderers differ a little in the widths of letters
CAPITAL = 0.73  # height of a capital, likewise
CLOSE = 0.25  # size of the letters by which a width may differ from the sum of those of its words


_UNIT = text_to_path.FONT_SCALE  # widths grow with the size: each text is measured at this one
_FONTS = {
    bold: FontProperties(family="DejaVu Sans", size=_UNIT, weight="bold" if bold else "normal")
    for bold in (False, True)
}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of one line in inches at this size in points."""
    return SLACK * (_measured(text, bold) * (size / _UNIT)) / 72


def box(text: str, font: FontProperties) -> tuple[float, float, float]:
    """Return width, height and descent of one line in points, as the renderer of SVG has them."""
    unit = font.copy()
    unit.set_size(_UNIT)
    times = font.get_size_in_points() / _UNIT
    width, height, descent = _box(text, unit)
    return width * times, height * times, descent * times


@lru_cache(maxsize=1 << 16)
def _box(text: str, unit: FontProperties) -> tuple[float, float, float]:
    found: tuple[float, float, float]
    found = text_to_path.get_text_width_height_descent(text, unit, ismath=False)
    return found


def _measured(text: str, bold: bool) -> float:
    return _box(text, _FONTS[bold])[0]


def line_height(size: float) -> float:
    """Return the height of one line in inches."""
    return LEADING * size / 72


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Break text into lines no wider than ``width`` inches; an overlong word is cut into pieces.

    No-break spaces hold words together.
    """
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        for piece in _pieces(word, width, size, bold=bold):
            longer = f"{current} {piece}" if current else piece
            if current and not _fits(longer, width, size, bold=bold):
                lines.append(current)
                current = piece
            else:
                current = longer
    return [*lines, current] if current else lines or [""]


def widest(lines: list[str], size: float, *, bold: bool = False) -> float:
    """Return the width of the widest of these lines in inches."""
    return max((text_width(line, size, bold=bold) for line in lines), default=0.0)


def _fits(text: str, width: float, size: float, *, bold: bool) -> bool:
    """Tell whether a line is no wider than this; a line is measured as a whole only when close.

    Measuring takes as long as the text is, and most words of a report occur many times.
    """
    words = text.split(" ")
    points = sum(_advance(word, bold) for word in words) + (len(words) - 1) * _advance(" ", bold)
    about = SLACK * points * (size / _UNIT) / 72
    if abs(about - width) > CLOSE * size / 72:
        return about < width
    return text_width(text, size, bold=bold) <= width


@lru_cache(maxsize=1 << 16)
def _advance(word: str, bold: bool) -> float:
    """Return how far a word moves what follows it; what it covers itself is a little less."""
    return _measured(f"|{word}|", bold) - _measured("||", bold)


def _pieces(word: str, width: float, size: float, *, bold: bool) -> list[str]:
    pieces = []
    while word and not _fits(word, width, size, bold=bold):
        cut = len(word) - 1
        while cut > 1 and not _fits(word[:cut], width, size, bold=bold):
            cut -= 1
        cut = max(cut, 1)
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word] if word else pieces
