"""How wide text is on paper, and how it is broken into lines: the same on every machine."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

LEADING = 1.32  # line height as a multiple of the size of the letters
SLACK = 1.01  # renderers differ a little in the widths of letters
CAPITAL = 0.73  # height of a capital, likewise


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of one line in inches at this size in points."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return SLACK * float(points) / 72


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
            if current and text_width(longer, size, bold=bold) > width:
                lines.append(current)
                current = piece
            else:
                current = longer
    return [*lines, current] if current else lines or [""]


def widest(lines: list[str], size: float, *, bold: bool = False) -> float:
    """Return the width of the widest of these lines in inches."""
    return max((text_width(line, size, bold=bold) for line in lines), default=0.0)


def _pieces(word: str, width: float, size: float, *, bold: bool) -> list[str]:
    pieces = []
    while word and text_width(word, size, bold=bold) > width:
        cut = len(word) - 1
        while cut > 1 and text_width(word[:cut], size, bold=bold) > width:
            cut -= 1
        cut = max(cut, 1)
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word] if word else pieces
