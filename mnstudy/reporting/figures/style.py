"""One look for every figure: sizes, colours, type; and files that come out the same each time.

Text is measured and broken into lines as on paper, the same on every machine. SVG is made smaller
than matplotlib writes it, without a visible change. Matplotlib makes four ticks for every axes it
sets up, each of three lines and two texts: most of what axes cost. Axes here make a tick when one
is drawn, not before.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, Tick, XAxis, YAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.collections import Collection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.textpath import text_to_path
from PIL import Image

LEADING = 1.32  # line height as a multiple of the size of the letters
SLACK = 1.01  # renderers differ a little in the widths of letters
CAPITAL = 0.73  # height of a capital, likewise
CLOSE = 0.25  # size of the letters by which a width may differ from the sum of those of its words

_UNIT = text_to_path.FONT_SCALE  # widths grow with the size: each text is measured at this one
_FONTS = {
    bold: FontProperties(family="DejaVu Sans", size=_UNIT, weight="bold" if bold else "normal")
    for bold in (False, True)
}

_POINTS = 72  # dots per inch of an SVG
_FAMILY = b" font-family: 'DejaVu Sans', 'Verdana', sans-serif;"
_ONCE = b"text{font-family: 'DejaVu Sans', 'Verdana', sans-serif}</style>"
_NO_TURN = re.compile(rb' transform="rotate\(-0 [^)]*\)"')
_TAG = re.compile(rb"<[^>]+>")  # what a reader wrote stands between tags, never inside one
_STYLE = re.compile(rb' style="([^"]*)"')
_QUOTES = re.compile(rb"=\"([^'\"]*)\"")
_AS_IT_IS = "/:=,;()'!*+$@?"  # what an address, srcset and HTML take as it is
_DIGITS = re.compile(rb"(\.\d\d)\d+")
_UNSEEN = re.compile(
    rb'<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>| id="[a-zA-Z]\w*_\d+"', re.S
)

_LISTS = ("majorTicks", "minorTicks")  # where they are missing, asking for one fills it

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

_inside = ContextVar("inside", default=False)  # to set everything once costs milliseconds

SHADES = (1.0, 0.8, 0.6, 0.4, 0.2)  # of each colour, towards paper: the edges of letters and lines


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


class _Renderer(RendererSVG):
    """Remember how large a text is: matplotlib measures it again in every picture."""

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        return box(s, prop)


def drawn(picture: Figure, title: str) -> bytes:
    """Return a picture as SVG without a date; formulas are not set as such."""
    metadata: dict[str, Any] = {"Date": None, "Creator": None} | ({"Title": title} if title else {})
    buffer, dpi = io.StringIO(), picture.dpi
    try:
        picture.dpi = _POINTS
        width, height = picture.get_size_inches() * _POINTS
        renderer = _Renderer(width, height, buffer, image_dpi=dpi, metadata=metadata)
        picture.draw(renderer)
        renderer.finalize()
    finally:
        picture.dpi = dpi
    return buffer.getvalue().encode("utf-8")


def compact(svg: bytes) -> bytes:
    """Return an SVG with its type named once and places to a hundredth of a point."""
    content = _NO_TURN.sub(b"", svg).replace(_FAMILY, b"").replace(b"</style>", _ONCE, 1)
    return _TAG.sub(lambda tag: _DIGITS.sub(rb"\1", tag[0]), content)


def data_address(svg: bytes) -> str:
    """Return an SVG as an address that an ``img`` of a self-contained page can hold."""
    small = _classed(_UNSEEN.sub(b"", svg))
    small = re.sub(rb"\s*\n\s*", b" ", small).replace(b"> <", b"><")
    single = _TAG.sub(lambda tag: _QUOTES.sub(rb"='\1'", tag[0]), small.strip())
    return "data:image/svg+xml," + quote(single, safe=_AS_IT_IS)


def _classed(svg: bytes) -> bytes:
    """Name every style once in place of repeating it: a third of the size of a picture."""
    names: dict[bytes, bytes] = {}

    def named(tag: re.Match[bytes]) -> bytes:
        return _STYLE.sub(
            lambda m: b' class="%b"' % names.setdefault(m[1], b"c%d" % len(names)), tag[0]
        )

    content = _TAG.sub(named, svg)
    rules = b"".join(b".%b{%b}" % (name, style) for style, name in names.items())
    return content.replace(b"</style>", rules + b"</style>", 1)


def enlarge(picture: Figure, times: float) -> None:
    """Make everything on a picture so many times as large, in place.

    Matplotlib gives places as shares of the picture, but letters, lines and marks in points.
    """
    in_ticks = {part for tick in picture.findobj(Tick) for part in tick.findobj()}
    for artist in picture.findobj():
        if artist not in in_ticks:
            _grow(artist, times)
    width, height = picture.get_size_inches()
    picture.set_size_inches(times * width, times * height)


def _grow(artist: Artist, times: float) -> None:
    if isinstance(artist, Axis):
        _grow_axis(artist, times)
    elif isinstance(artist, Text):
        artist.set_fontsize(times * float(artist.get_fontsize()))
        if isinstance(artist, Annotation) and artist.anncoords == "offset points":
            x, y = artist.xyann
            artist.xyann = times * x, times * y
    elif isinstance(artist, Line2D):
        artist.set_linewidth(times * artist.get_linewidth())
        artist.set_markersize(times * artist.get_markersize())
        artist.set_markeredgewidth(times * artist.get_markeredgewidth())
    elif isinstance(artist, Patch):
        artist.set_linewidth(times * artist.get_linewidth())
    elif isinstance(artist, Collection):
        artist.set_linewidth((times * np.atleast_1d(artist.get_linewidth())).tolist())
    if isinstance(artist, PathCollection):
        artist.set_sizes(times**2 * artist.get_sizes())  # areas


def _grow_axis(axis: Axis, times: float) -> None:
    """Change what ticks are made by: most of them are made when the picture is drawn."""
    axis.labelpad *= times
    name, settings = "x" if isinstance(axis, XAxis) else "y", cast(Any, matplotlib.rcParams)
    ticks: dict[Literal["major", "minor"], Tick] = {
        "major": axis.get_major_ticks(1)[0],
        "minor": axis.get_minor_ticks(1)[0],
    }
    for which, tick in ticks.items():
        axis.set_tick_params(
            which=which,
            length=times * tick.tick1line.get_markersize(),
            width=times * tick.tick1line.get_markeredgewidth(),
            pad=times * settings[f"{name}tick.{which}.pad"],
            labelsize=times * float(tick.label1.get_fontsize()),
        )


class _Late(Axis):
    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        with self._as_they_are():
            super().set_clip_path(path, transform)

    def set_tick_params(self, *args: Any, **kwargs: Any) -> None:
        with self._as_they_are():
            super().set_tick_params(*args, **kwargs)

    def get_major_ticks(self, numticks: int | None = None) -> list[Tick]:
        wanted = len(self.get_majorticklocs()) if numticks is None else numticks
        return super().get_major_ticks(wanted) if wanted else []

    def get_minor_ticks(self, numticks: int | None = None) -> list[Tick]:
        wanted = len(self.get_minorticklocs()) if numticks is None else numticks
        return super().get_minor_ticks(wanted) if wanted else []

    @contextmanager
    def _as_they_are(self) -> Iterator[None]:
        """Let no tick be made inside: what is set is kept for those made later."""
        missing = [name for name in _LISTS if name not in vars(self)]
        vars(self).update({name: [] for name in missing})
        try:
            yield
        finally:
            for name in missing:
                vars(self).pop(name, None)


class _LateX(_Late, XAxis):
    pass


class _LateY(_Late, YAxis):
    pass


class LateAxes(Axes):
    """Axes whose ticks are made late; lines of a grid, which are not drawn here, are not cut."""

    def _init_axis(self) -> None:
        super()._init_axis()  # type: ignore[misc]
        self.xaxis.__class__, self.yaxis.__class__ = _LateX, _LateY


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
