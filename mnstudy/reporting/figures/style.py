"""One look for every figure: sizes, colours, type; and files that come out the same each time."""

from __future__ import annotations

import base64
import difflib
import io
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np
import seaborn as sns
from cycler import cycler
from matplotlib import colormaps
from matplotlib import style as styles
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from PIL import Image

MILLIMETRES = 25.4  # in an inch
PAPER_LETTERS = 8.0  # points; larger letters enlarge lines and marks with them
# Width in millimetres, letters in points: one column of a journal, both, a slide of 16 to 9.
WIDTHS = {"column": (85.0, 7.0), "full": (180.0, 8.0), "slide": (254.0, 14.0)}
NARROWEST, WIDEST = 60.0, 500.0  # millimetres
NARROW = 120.0  # millimetres; below it letters are those of a column
LEADING = 1.32  # line height as a multiple of the size of the letters
PNG_DPI = 200
FLAT_COLOURS = 96  # of a PNG: the files stay small

INK = "#1f1f1f"
MUTED = "#595959"
LINE = "#9a9a9a"
ZONE = "#e6f1ec"
PART = "#3d5a80"  # further numbers, which carry no verdict of their own
PAPER = "#ffffff"
BAND = "#faf7f2"  # behind whatever is synthetic
STRIP = "#e3d3b4"  # along the edge of such a figure
HATCH = "#ece5da"
RULE = "#dcdcdc"
SYNTHETIC = "SYNTHETIC"
SKY, BLUE, ORANGE, VERMILION = "#56b4e9", "#0072b2", "#e69f00", "#d55e00"
DASHED = (0, (4, 2))
DOTTED = (0, (1, 1.6))

_UNIT = text_to_path.FONT_SCALE  # widths grow with the size: each text is measured at this one
_FONTS = {
    bold: FontProperties(family="DejaVu Sans", size=_UNIT, weight="bold" if bold else "normal")
    for bold in (False, True)
}
_FAMILY = b" font-family: 'DejaVu Sans', 'Verdana', sans-serif;"
_ONCE = b"text{font-family: 'DejaVu Sans', 'Verdana', sans-serif}</style>"
_TAG = re.compile(rb"<[^>]+>")  # what a reader wrote stands between tags, never inside one
_STYLE = re.compile(rb' style="([^"]*)"')
_QUOTES = re.compile(rb"=\"([^'\"]*)\"")
_AS_IT_IS = "/:=,;()'!*+$@?"  # what an address, srcset and HTML take as it is
_DIGITS = re.compile(rb"(\.\d\d)\d+")
_UNSEEN = re.compile(
    rb'<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>| id="[a-zA-Z]\w*_\d+"', re.S
)


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
    "partly supported": VerdictStyle(colour=BLUE, edge=BLUE, marker="^"),
    "inconclusive": VerdictStyle(colour=ORANGE, edge="#8a5f00", marker="D"),
    "too small to matter": VerdictStyle(colour="#cc79a7", edge="#8a4a6b", marker="s"),
    "contradicted": VerdictStyle(colour=VERMILION, edge=VERMILION, marker="X"),
    "not testable": VerdictStyle(colour=PAPER, edge="#767676", marker="o"),
}
GROUPS = (PART, INK, ORANGE, BLUE, VERMILION, SKY)  # of groups, in their order

# Letters stay letters in SVG: a tenth of the size, and they can be searched, read aloud and edited.
# Verdana has the widths of DejaVu Sans, which Windows and macOS lack.
SHEET: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "text.color": INK,
    "text.parse_math": False,
    "text.hinting": "no_hinting",  # widths as measured, at every resolution
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=GROUPS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": PAPER,
    "legend.borderaxespad": 0.5,
    "legend.borderpad": 0.2,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.25,
    "lines.solid_capstyle": "butt",
    "pdf.fonttype": 42,  # letters as TrueType: searched and copied as text
    "svg.fonttype": "none",
    "svg.hashsalt": "mnstudy",
}

Width = str | float | None
Palette = str | Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a figure is drawn with.

    Attributes
    ----------
    width : float
        Of the figure, in inches.
    letters : float
        Size of the letters in points.
    verdicts : mapping of str to VerdictStyle
    groups : tuple of str
        Colours of groups, in their order.
    """

    width: float
    letters: float
    verdicts: Mapping[str, VerdictStyle] = field(default_factory=lambda: VERDICT_STYLES)
    groups: tuple[str, ...] = GROUPS

    @property
    def scale(self) -> float:
        """How much larger than on paper lines and marks are."""
        return max(1.0, self.letters / PAPER_LETTERS)

    @property
    def wide(self) -> bool:
        """Tell whether there is room for two things beside each other."""
        return self.width / self.scale > NARROW / MILLIMETRES

    def pt(self, points: float) -> float:
        """Return the size of a line or mark that has so many points on paper."""
        return points * self.scale

    def theme(self) -> AbstractContextManager[None]:
        """Draw inside this context: the settings of the reader's session are left alone."""
        return styles.context(["default", settings(self.letters)])


def look(width: Width = None, palette: Palette = None) -> Look:
    """Return what a figure of this width is drawn with.

    Parameters
    ----------
    width : str or float, optional
        ``column`` (85 mm, letters of 7 points), ``full`` (180 mm, 8 points; the default), ``slide``
        (254 mm, 14 points) or millimetres.
    palette : str, sequence of colours or mapping, optional
        Name of a palette that seaborn knows, colours, or a colour for some verdicts; colours stand
        for the verdicts and for the groups, each in their order.

    Raises
    ------
    ValueError
        Either does not exist; the message names those that do.
    """
    inches, letters = _measures("full" if width is None else width)
    plain = Look(width=inches, letters=letters)
    if palette is None:
        return plain
    if isinstance(palette, Mapping):
        refuse_unknown(palette, VERDICT_STYLES, "palette", "verdict")
        own = {verdict: to_hex(colour) for verdict, colour in palette.items()}
        return replace(plain, verdicts=_recoloured(own))
    colours = tuple(_colours(palette))
    own = dict(zip(VERDICT_STYLES, colours, strict=False))
    return replace(plain, verdicts=_recoloured(own), groups=colours)


def _measures(width: str | float) -> tuple[float, float]:
    """Return a width in inches and the letters in points."""
    if isinstance(width, str):
        refuse_unknown([width], WIDTHS, "width", "width", "or a number of millimetres")
        millimetres, letters = WIDTHS[width]
    elif NARROWEST <= width <= WIDEST:
        millimetres = float(width)
        letters = WIDTHS["column" if millimetres < NARROW else "full"][1]
    else:
        raise ValueError(
            f"width is {width!r}: give {NARROWEST:g} to {WIDEST:g} millimetres, or "
            f"{', '.join(map(repr, WIDTHS))}"
        )
    return millimetres / MILLIMETRES, letters


def _colours(palette: str | Sequence[Any]) -> Iterator[str]:
    n = max(len(VERDICT_STYLES), len(GROUPS))
    try:
        yield from map(to_hex, sns.color_palette(palette, n))
    except ValueError:
        if isinstance(palette, str):
            known = [*sns.palettes.SEABORN_PALETTES, *colormaps]
            refuse_unknown([palette], known, "palette", "palette", "or a list of colours")
        raise ValueError(f"palette is {palette!r}: give names of colours or #rrggbb") from None


def refuse_unknown(
    given: Iterable[str], known: Iterable[str], what: str, kind: str, also: str = ""
) -> None:
    """Refuse words that do not exist; name those that do, the nearest where they are many."""
    words = list(known)
    for word in given:
        if word in words:
            continue
        near = words if len(words) < 10 else difflib.get_close_matches(word, words, cutoff=0.4)
        some = ", ".join(map(repr, near or words[:6]))
        raise ValueError(f"{what} {word!r} is no {kind}: give {some}{also and ' ' + also}")


def _recoloured(colours: Mapping[str, str]) -> Mapping[str, VerdictStyle]:
    return {
        verdict: replace(kept, colour=colours[verdict], edge=colours[verdict])
        if verdict in colours
        else kept
        for verdict, kept in VERDICT_STYLES.items()
    }


def style(width: Width = None) -> dict[str, Any]:
    """Return the settings of matplotlib that the figures are drawn with, for figures of your own.

    Parameters
    ----------
    width : str or float, optional
        See ``mnstudy.plot``: the size of letters and lines follows from it.

    Returns
    -------
    dict
        For ``matplotlib.style.context``, ``rcParams.update`` or the ``rc`` of
        ``seaborn.set_theme``; the colours are those of Okabe and Ito, told apart with every common
        form of colour blindness.

    Raises
    ------
    ValueError
        For a width that does not exist.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import mnstudy as mn
    >>> with plt.style.context(mn.style("slide")):
    ...     figure, axes = plt.subplots()
    >>> mn.style("column")["font.size"]
    7.0
    """
    inches, letters = _measures("full" if width is None else width)
    return settings(letters) | {"figure.figsize": (inches, 0.6 * inches)}


def settings(letters: float) -> dict[str, Any]:
    """Return the settings of matplotlib for letters of this size."""
    times, small = max(1.0, letters / PAPER_LETTERS), letters - 0.5
    ticks = {f"{axis}tick.{name}": value for axis in "xy" for name, value in (
        ("color", INK), ("labelsize", small), ("major.width", 0.6 * times),
        ("major.size", 2.5 * times), ("major.pad", 2.5 * times),
    )}  # fmt: skip
    return {
        **SHEET,
        "font.size": letters,
        "axes.labelpad": 2.0 * times,
        "axes.labelsize": letters,
        "axes.linewidth": 0.6 * times,
        "axes.titlesize": letters,
        "figure.constrained_layout.h_pad": 0.05 * times,
        "figure.constrained_layout.w_pad": 0.05 * times,
        "hatch.linewidth": 0.4 * times,
        "legend.fontsize": small,
        "legend.title_fontsize": letters + 2,
        "lines.linewidth": 1.2 * times,
        "lines.markersize": 4.5 * times,
        "patch.linewidth": 0.6 * times,
        **ticks,
    }


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of one line in inches at this size in points."""
    return _measured(text, bold) * size / _UNIT / 72


@lru_cache(maxsize=1 << 16)
def _measured(text: str, bold: bool) -> float:
    return float(text_to_path.get_text_width_height_descent(text, _FONTS[bold], ismath=False)[0])


def line_height(size: float) -> float:
    """Return the height of one line in inches."""
    return LEADING * size / 72


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Break text into lines no wider than ``width`` inches; no-break spaces hold words together."""
    whole = text_width(text, size, bold=bold)
    if whole <= width:
        return [text]
    for letters in range(max(1, int(1.3 * width / whole * len(text))), 0, -1):
        lines = textwrap.wrap(text, letters, break_on_hyphens=False) or [""]
        if max(text_width(line, size, bold=bold) for line in lines) <= width:
            break
    return lines


class Picture(Figure):
    """A matplotlib figure that carries its alternative text and shows itself in a notebook.

    It is drawn and saved with the settings it was made with, whatever the session has set since.
    """

    alt: str = ""
    look: Look = Look(width=WIDTHS["full"][0] / MILLIMETRES, letters=PAPER_LETTERS)

    def draw(self, renderer: RendererBase) -> None:
        """Draw with the settings it was made with, whoever asks for it."""
        with self.look.theme():
            super().draw(renderer)

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Save as ``Figure.savefig`` does, letters as letters and without a date."""
        with self.look.theme():
            super().savefig(*args, **kwargs)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png = base64.b64encode(png_bytes(self)).decode("ascii")
        return {"image/png": png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


class SteadyLayout(ConstrainedLayoutEngine):
    """Constrained layout to a millionth: its solver differs beyond that from run to run."""

    def execute(self, fig: Figure) -> Any:
        """Lay the figure out and round where everything lies."""
        layouts = super().execute(fig)
        for frame in fig.subfigs:
            frame.bbox_relative.p0 = np.round(frame.bbox_relative.p0, 6)
            frame.bbox_relative.p1 = np.round(frame.bbox_relative.p1, 6)
        for axes in fig.axes:
            if axes.get_in_layout():
                axes.set_position(np.round(axes.get_position(original=True).bounds, 6))
                axes.set_in_layout(True)  # placing takes it out of the layout
        return layouts


def new_picture(look: Look, height: float, alt: str = "") -> Picture:
    """Return an empty picture as wide as the look says and of this height in inches."""
    picture = Picture(figsize=(look.width, height), dpi=100, layout=SteadyLayout())
    FigureCanvasAgg(picture)
    picture.alt, picture.look = alt, look
    return picture


def mark_synthetic(drawn: Picture | Axes, look: Look) -> None:
    """Mark invented data where nothing else is written: a strip along the top edge of a figure.

    Its head leaves a line free for the strip. Paper of another colour stays when the strip is cut
    off. An Axes has the word above its right corner.
    """
    if isinstance(drawn, Axes):
        drawn.set_title(SYNTHETIC, loc="right", fontweight="bold", backgroundcolor=STRIP)
        return
    drawn.set_facecolor(BAND)
    low = 1 - line_height(look.letters + 2) / drawn.get_figheight()
    strip = Rectangle((0, low), 1, 1 - low, color=STRIP, transform=drawn.transFigure)
    drawn.add_artist(strip).set_in_layout(False)
    for x, side in ((0.02, "left"), (0.5, "center"), (0.98, "right")):
        mark = drawn.text(x, (1 + low) / 2, SYNTHETIC, fontsize=look.letters, ha=side,
                          va="center_baseline", fontweight="bold")  # fmt: skip
        mark.set_in_layout(False)


def svg_bytes(picture: Picture) -> bytes:
    """Return the picture as SVG; the same picture gives the same bytes.

    Type is named once and places are given to a hundredth of a point.
    """
    buffer, canvas, dpi = io.BytesIO(), picture.canvas, picture.dpi
    metadata = {"Date": None, "Creator": None} | ({"Title": picture.alt} if picture.alt else {})
    with picture.look.theme():  # savefig gives the same, but draws everything twice
        FigureCanvasSVG(picture).print_svg(buffer, metadata=metadata)
    picture.set_canvas(canvas)
    picture.set_dpi(dpi)
    content = buffer.getvalue().replace(_FAMILY, b"").replace(b"</style>", _ONCE, 1)
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


def png_bytes(picture: Picture, dpi: int = PNG_DPI) -> bytes:
    """Return the picture as PNG with few colours; the same picture gives the same bytes."""
    buffer, small = io.BytesIO(), io.BytesIO()
    picture.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB")
    rare = Image.Quantize.FASTOCTREE  # keeps colours that few marks have, such as of a verdict
    flat = image.quantize(FLAT_COLOURS, method=rare, dither=Image.Dither.NONE)
    flat.save(small, format="png", dpi=(dpi, dpi))
    return small.getvalue()


def pdf_bytes(picture: Picture) -> bytes:
    """Return the picture as PDF, its letters embedded; the same picture gives the same bytes."""
    buffer, alt = io.BytesIO(), picture.alt
    metadata: dict[str, Any] = {"CreationDate": None, "Creator": None, "Producer": None}
    picture.savefig(buffer, format="pdf", metadata=metadata | ({"Title": alt} if alt else {}))
    return buffer.getvalue()


WRITERS: Mapping[str, Callable[[Picture], bytes]] = {
    "svg": svg_bytes,
    "png": png_bytes,
    "pdf": pdf_bytes,
}
