"""SVG as matplotlib writes it, made smaller without a visible change."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import quote

from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from mnstudy.reporting.figures.lettering import box

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
