"""One look for every figure: sizes, colours, type; and files that come out the same each time."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from mnstudy.reporting.figures.enlarging import enlarge
from mnstudy.reporting.figures.late_ticks import LateAxes
from mnstudy.reporting.figures.lettering import CAPITAL, LEADING, text_width
from mnstudy.reporting.figures.svg import compact, drawn

COLUMN = 85 / 25.4  # inches: one column of a journal
FULL = 180 / 25.4  # both columns
SLIDE = 10.0  # a slide of 16 to 9
LETTERS = 8.0  # on paper, in points
# Width in inches, letters in points.
SIZES = {"full": (FULL, LETTERS), "column": (COLUMN, 7.0), "slide": (SLIDE, 14.0)}
PNG_DPI = 200

INK = "#1f1f1f"
MUTED = "#595959"
LINE = "#9a9a9a"
ZONE = "#e6f1ec"
PART = "#3d5a80"  # further numbers, which carry no verdict of their own
PAPER = "#ffffff"
BAND = "#faf7f2"  # behind whatever is synthetic
HATCH = "#ece5da"
WATERMARK = "#eae3d8"
RULE = "#dcdcdc"
SYNTHETIC = "SYNTHETIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictStyle:
    """Colour and marker of a verdict; the word always stands beside them."""

    colour: str
    edge: str
    marker: str


# Okabe and Ito's palette: told apart with every common form of colour blindness; the marker tells
# them apart without any colour.
VERDICT_STYLES: Mapping[str, VerdictStyle] = {
    "supported": VerdictStyle(colour="#009e73", edge="#009e73", marker="o"),
    "partly supported": VerdictStyle(colour="#0072b2", edge="#0072b2", marker="^"),
    "inconclusive": VerdictStyle(colour="#e69f00", edge="#8a5f00", marker="D"),
    "contradicted": VerdictStyle(colour="#d55e00", edge="#d55e00", marker="X"),
    "not testable": VerdictStyle(colour="#ffffff", edge="#767676", marker="o"),
}

# Letters stay letters in SVG: a tenth of the size, and they can be searched, read aloud and
# edited. Verdana has the widths of DejaVu Sans, which Windows and macOS lack.
RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "text.color": INK,
    "text.parse_math": False,
    "text.hinting": "no_hinting",  # widths as measured, at every resolution
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.linewidth": 0.6,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.color": INK,
    "xtick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.color": INK,
    "ytick.major.width": 0.6,
    "ytick.major.size": 2.5,
    "figure.facecolor": PAPER,
    "hatch.linewidth": 0.4,
    "lines.solid_capstyle": "butt",
    "pdf.fonttype": 42,  # letters as TrueType: searched and copied as text
    "svg.fonttype": "none",
    "svg.hashsalt": "mnstudy",
}


@contextmanager
def themed() -> Iterator[None]:
    """Draw inside this context: the settings of the reader's session are left alone."""
    if _inside.get():
        yield
        return
    token = _inside.set(True)
    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)
            yield
    finally:
        _inside.reset(token)


_inside = ContextVar("inside", default=False)  # to set everything once costs milliseconds


class Picture(Figure):
    """A figure that carries its alternative text and shows itself in a notebook."""

    alt: str = ""

    def draw(self, renderer: RendererBase) -> None:
        """Draw with the settings it was laid out for, whoever asks for it."""
        with themed():
            super().draw(renderer)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png = base64.b64encode(png_bytes(self)).decode("ascii")
        return {"image/png": png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def new_picture(width: float, height: float, alt: str = "") -> Picture:
    """Return an empty picture of this size in inches."""
    picture = Picture(figsize=(width, height), dpi=100)
    FigureCanvasAgg(picture)
    picture.alt = alt
    return picture


def check_width(width: str) -> None:
    """Refuse a width that is none of ``SIZES``."""
    if width not in SIZES:
        raise ValueError(f"width is {width!r}: give {' or '.join(map(repr, SIZES))}")


def at_width(draw: Callable[[float, float], Picture], width: str) -> Picture:
    """Draw at one of ``SIZES``.

    Parameters
    ----------
    draw : callable
        Draws for a width in inches and letters in points.
    width : str
        For a slide the picture is laid out as on paper and enlarged, so that lines and marks
        grow with the letters.
    """
    check_width(width)
    inches, letters = SIZES[width]
    times = max(1.0, letters / LETTERS)
    picture = draw(inches / times, letters / times)
    if times > 1:
        with themed():
            enlarge(picture, times)
    return picture


def inch_axes(picture: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes placed in inches from the left and the top edge of the picture."""
    full_width, full_height = picture.get_size_inches()
    bottom = full_height - top - height
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return picture.add_axes(box, axes_class=LateAxes)


def inch_mark(picture: Figure, left: float, top: float, **look: Any) -> None:
    """Draw one mark centred at this place in inches; it needs no axes, which cost much."""
    width, height = picture.get_size_inches()
    place = ([left / width], [1 - top / height])
    picture.add_artist(Line2D(*place, transform=picture.transFigure, **look))


def inch_text(
    picture: Figure, left: float, top: float, text: str, *, fontsize: float, **style: Any
) -> None:
    """Write one line of text, its line box beginning at this place in inches from the top left.

    The capitals are centred in the line box, so that text and what is drawn beside it align.
    """
    full_width, full_height = picture.get_size_inches()
    baseline = top + (LEADING / 2 + CAPITAL / 2) * fontsize / 72
    place = (left / full_width, 1 - baseline / full_height)
    picture.text(*place, text, fontsize=fontsize, va="baseline", **style)


def watermark(picture: Figure) -> None:
    """Write SYNTHETIC across the picture, behind everything else, as large as fits."""
    width, height = picture.get_size_inches()
    turn = min(24.0, 50 * height / width)
    along, up = text_width(SYNTHETIC, 1, bold=True), CAPITAL / 72
    sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    fits_up = 0.92 * height / (along * sine + up * cosine)
    fits_along = 0.92 * width / (along * cosine + up * sine)
    style: dict[str, Any] = {"color": WATERMARK, "fontweight": "bold", "rotation": turn}
    picture.text(
        0.5, 0.5, SYNTHETIC, fontsize=min(64.0, fits_up, fits_along),
        ha="center", va="center", zorder=-10, **style,
    )  # fmt: skip


def svg_bytes(picture: Figure) -> bytes:
    """Return the picture as SVG; the same picture gives the same bytes.

    Type is named once and places are given to a hundredth of a point.
    """
    with themed():
        return compact(drawn(picture, title=getattr(picture, "alt", "")))


SHADES = (1.0, 0.8, 0.6, 0.4, 0.2)  # of each colour, towards paper: the edges of letters and lines


@cache
def _palette() -> Image.Image:
    """Return the colours of a PNG: a few flat ones, so that the files stay small."""
    styles = VERDICT_STYLES.values()
    inks = [INK, MUTED, LINE, PART, *(s.colour for s in styles), *(s.edge for s in styles)]
    flat = [PAPER, ZONE, BAND, HATCH, WATERMARK, RULE]
    white = np.ones(3)
    shades = [white + (np.array(to_rgb(ink)) - white) * x for ink in inks for x in SHADES]
    colours = [*(np.array(to_rgb(c)) for c in flat), *shades]
    whole = np.unique(np.round(255 * np.array(colours)).astype(int), axis=0)
    palette = Image.new("P", (1, 1))
    palette.putpalette(whole.ravel().tolist())
    return palette


def png_bytes(picture: Figure, dpi: int = PNG_DPI) -> bytes:
    """Return the picture as PNG with few colours; the same picture gives the same bytes."""
    before, canvas = picture.dpi, FigureCanvasAgg(picture)
    try:
        picture.dpi = dpi
        with themed():
            canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    finally:
        picture.dpi = before
    small = image.quantize(palette=_palette(), dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    small.save(buffer, format="png", dpi=(dpi, dpi))
    return buffer.getvalue()


def pdf_bytes(picture: Figure) -> bytes:
    """Return the picture as PDF, its letters embedded; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"CreationDate": None, "Creator": None, "Producer": None}
    if isinstance(picture, Picture) and picture.alt:
        metadata["Title"] = picture.alt
    with themed():
        picture.savefig(buffer, format="pdf", metadata=metadata)
    return buffer.getvalue()


WRITERS: Mapping[str, Callable[[Figure], bytes]] = {
    "svg": svg_bytes,
    "png": png_bytes,
    "pdf": pdf_bytes,
}


def save(
    picture: Figure, path: Path, *, formats: Sequence[str] = tuple(WRITERS), dpi: int = PNG_DPI
) -> list[Path]:
    """Write ``path``.svg, ``path``.png and ``path``.pdf and return what was written.

    Parameters
    ----------
    picture : Figure
    path : Path
        Without suffix; the folder is made where it is missing.
    formats : sequence of str
        Some of svg, png and pdf.
    dpi : int
        Resolution of the PNG.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for ending in formats:
        content = png_bytes(picture, dpi) if ending == "png" else WRITERS[ending](picture)
        target = path.with_name(f"{path.name}.{ending}")
        target.write_bytes(content)
        written.append(target)
    return written
