"""Rows of numbers: label, dot and interval on an axis, the numbers as text; placed in inches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mnstudy.formatting import NBSP
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.lettering import line_height, text_width, widest, wrap

GAP = 0.14  # inches between columns
MIN_PLOT = 1.1  # inches; below it the numbers go under the labels
ROW_PAD = 0.075


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One line of a panel.

    ``mark`` is how it is drawn: dot, diamond, bar, heading or nothing. ``whole`` keeps the whole
    interval inside the axis; other intervals may run off and end in an arrow. ``judged`` tells
    that the margin of the panel applies to it.
    """

    label: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    cells: tuple[str, ...] = ()
    mark: str = "dot"
    marker: str = "s"
    colour: str = theme.PART
    edge: str = theme.PART
    size: float = 4.5
    bold: bool = False
    whole: bool = False
    judged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Rows on a common axis, with the lines they are held against.

    ``keep`` are further values that the axis has to show; ``kind`` is that of the parts, where all
    are of one.
    """

    title: str
    rows: tuple[IntervalRow, ...]
    headers: tuple[str, ...]
    axis_label: str
    null: float | None = None
    null_label: str = ""
    margin: float | None = None
    other_margin: float | None = None
    margin_label: str = ""
    zone_label: str = ""
    favours_lower: bool = False
    log: bool = False
    keep: tuple[float, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLayout:
    """Where the columns and rows of a panel lie, in inches."""

    width: float
    size: float
    label_width: float
    plot_left: float
    plot_width: float
    cell_rights: tuple[float, ...]
    labels: tuple[tuple[str, ...], ...]
    under: tuple[tuple[str, ...], ...]
    row_heights: tuple[float, ...]
    title: tuple[str, ...]
    lines: bool
    axis_lines: tuple[str, ...]

    @property
    def head_height(self) -> float:
        """Height of title and column heads; the heads stand beside a short title."""
        title = len(self.title) * line_height(self.size + 0.5)
        if not self.cell_rights:
            return title
        return (
            max(title, line_height(self.size)) if self.heads_beside else title + self.heads_height
        )

    @property
    def heads_height(self) -> float:
        """Height of the column heads."""
        return line_height(self.size)

    @property
    def heads_beside(self) -> bool:
        """True where title and column heads fit on one line."""
        end = widest(list(self.title), self.size + 0.5, bold=True)
        return len(self.title) < 2 and end < self.plot_left + self.plot_width

    @property
    def strip_height(self) -> float:
        """Height of the strip that names the lines."""
        return line_height(self.size - 1) + 0.02 if self.lines else 0.06

    @property
    def plot_height(self) -> float:
        """Height of the rows together."""
        return sum(self.row_heights)

    @property
    def axis_height(self) -> float:
        """Height of tick labels and axis label."""
        return 0.06 + line_height(self.size - 0.5) + len(self.axis_lines) * line_height(self.size)

    @property
    def height(self) -> float:
        """Height of everything."""
        return self.head_height + self.strip_height + self.plot_height + self.axis_height


def lay_out(panel: Panel, width: float, size: float) -> PanelLayout:
    """Fit a panel into a width: labels wrapped, numbers beside the plot or under the labels."""
    columns = _cell_widths(panel, size)
    beside = sum(columns) + GAP * len(columns)
    label = _label_width(panel, size, 0.34 * width)
    for share, room in ((0.3, max(MIN_PLOT, 0.3 * width)), (0.24, MIN_PLOT)):
        if width - label - GAP - beside < room:
            label = max(min(label, share * width), 0.9)
    if width - label - GAP - beside < MIN_PLOT:
        return _stacked(panel, width, size)
    plot_left = label + GAP
    plot_width = width - plot_left - beside
    rights, at = [], plot_left + plot_width
    for column in columns:
        at += GAP + column
        rights.append(at)
    return _layout(panel, width, size, label, plot_left, plot_width, tuple(rights))


def _stacked(panel: Panel, width: float, size: float) -> PanelLayout:
    texts = [_joined(panel, row) for row in panel.rows]
    label = max(
        _label_width(panel, size, 0.46 * width), widest(texts, size - 0.5) if texts else 0.0
    )
    label = min(label, 0.52 * width)
    return _layout(panel, width, size, label, label + GAP, width - label - GAP - 0.06, ())


def _layout(
    panel: Panel,
    width: float,
    size: float,
    label: float,
    plot_left: float,
    plot_width: float,
    rights: tuple[float, ...],
) -> PanelLayout:
    stacked = not rights
    labels = [_lines(row, width if row.mark == "heading" else label, size) for row in panel.rows]
    under = [
        tuple(wrap(_joined(panel, row), label, size - 0.5)) if stacked and row.cells else ()
        for row in panel.rows
    ]
    heights = [
        ROW_PAD + len(a) * line_height(size) + len(b) * line_height(size - 0.5)
        for a, b in zip(labels, under, strict=True)
    ]
    axis = " · ".join(x for x in (panel.axis_label, panel.zone_label) if x)
    room = 2 * min(plot_left + plot_width / 2, width - plot_left - plot_width / 2)
    return PanelLayout(
        width=width,
        size=size,
        label_width=label,
        plot_left=plot_left,
        plot_width=plot_width,
        cell_rights=rights,
        labels=tuple(labels),
        under=tuple(under),
        row_heights=tuple(heights),
        title=tuple(wrap(panel.title, width, size + 0.5, bold=True)) if panel.title else (),
        lines=panel.null is not None or panel.margin is not None,
        axis_lines=tuple(wrap(axis, room, size)) if axis else (),
    )


def _lines(row: IntervalRow, width: float, size: float) -> tuple[str, ...]:
    return tuple(wrap(row.label, width, size, bold=row.bold))


def _joined(panel: Panel, row: IntervalRow) -> str:
    named = zip(panel.headers, row.cells, strict=False)
    return ", ".join(
        f"{h}{NBSP}{c}" if h in ("n", "weight", "blinded") else c for h, c in named if c
    )


def _label_width(panel: Panel, size: float, limit: float) -> float:
    own = [row for row in panel.rows if row.mark != "heading"]
    needed = max((text_width(r.label, size, bold=r.bold) for r in own), default=0.0)
    return min(needed + 0.02, limit)


def _cell_widths(panel: Panel, size: float) -> list[float]:
    widths = []
    for i, header in enumerate(panel.headers):
        cells = [(r.cells[i], r.bold) for r in panel.rows if len(r.cells) > i]
        needed = [text_width(text, size, bold=bold) for text, bold in cells]
        widths.append(max([text_width(header, size - 0.5), *needed]))
    return widths


ROOM = 6.0  # spans by which a whole interval may widen an axis; fewer on a log axis
LOG_ROOM = 1.2


def extent(panel: Panel) -> tuple[float, float]:
    """Return the ends of the axis: every value, margin and null lie inside.

    Whole intervals may widen it by some spans of these; other intervals by one span, or one and a
    half times the width of the middle one where that is more; beyond, they run off.
    """
    log, change = panel.log, math.log10 if panel.log else float
    base = [row.value for row in panel.rows]
    base += [
        x for x in (panel.null, panel.margin, panel.other_margin, *panel.keep) if x is not None
    ]
    inner = [change(x) for x in base if _drawable(x, log=log)] or [0.0, 1.0]
    low, high = min(inner), max(inner)
    span = high - low
    whole = [x for row in panel.rows if row.whole for x in (row.low, row.high)]
    low, high = _widened(low, high, whole, span * (LOG_ROOM if log else ROOM), log=log)
    known = [r for r in panel.rows if _drawable(r.low, log=log) and _drawable(r.high, log=log)]
    widths = sorted(change(r.high) - change(r.low) for r in known if not r.whole) or [0.0]
    room = max(span, 1.5 * widths[len(widths) // 2])
    low, high = _widened(low, high, [x for r in panel.rows for x in (r.low, r.high)], room, log=log)
    pad = 0.06 * ((high - low) or max(abs(high), 1.0))
    low, high = low - pad, high + pad
    return (10**low, 10**high) if log else (low, high)


def _widened(
    low: float, high: float, ends: list[float], room: float, *, log: bool
) -> tuple[float, float]:
    """Widen an axis to hold these ends, by no more than ``room`` on either side."""
    change = math.log10 if log else float
    known = [change(x) for x in ends if _drawable(x, log=log)]
    room = room or math.inf
    return max(min([low, *known]), low - room), min(max([high, *known]), high + room)


def _drawable(x: float, *, log: bool) -> bool:
    return math.isfinite(x) and (x > 0 or not log)
