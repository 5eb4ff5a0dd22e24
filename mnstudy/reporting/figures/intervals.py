"""Rows of numbers on an axis: a label, a dot with its interval, and the numbers as text.

The rows of a finding, and how they are drawn: against margin and no effect, with numbers beside the
axis, or beneath the labels where the figure is narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mnstudy import formatting as fmt
from mnstudy.formatting import NBSP
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import STEPS, Entry, Panel, name_rows, sample, verdict_sample
from mnstudy.reporting.figures.style import Look, line_height, text_width, wrap
from mnstudy.reporting.words import SYNTHETIC_WORDS, family_words, verdict_axis
from mnstudy.verdicts.finding.finding import Estimate, Finding

GAP = 0.14  # inches between columns
MIN_PLOT = 1.1  # inches; below it the numbers go under the labels
ROW_PAD = 0.075
HALF_DIAMOND = 0.058  # inches

ROOM = 6.0  # spans by which a whole interval may widen an axis; fewer on a log axis
LOG_ROOM = 1.2
RATIOS = (0.005, 200.0)  # ends of an axis of ratios: beyond them an arrow and the number tell it
ROOTS = (0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100)  # ticks of small percents spread out

ZONE_LABEL = "shaded: where the claim would hold"
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One row of a table of intervals.

    ``mark`` is how it is drawn: dot, diamond, bar, heading or nothing. ``verdict`` gives it the
    colours of a verdict; ``margin`` is its own, where those of the rows differ. ``whole`` keeps the
    whole interval inside the axis; other intervals may run off and end in an arrow. ``judged``
    tells that the margin of the table applies to it. ``small`` stands muted beneath the label;
    ``muted`` are rows beside the matter, ``dashed`` those whose interval is a credible one.
    """

    label: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    cells: tuple[str, ...] = ()
    mark: str = "dot"
    marker: str = "s"
    colour: str = style.PART
    edge: str = style.PART
    verdict: str = ""
    size: float = 4.5
    bold: bool = False
    whole: bool = False
    judged: bool = False
    margin: float | None = None
    small: str = ""
    muted: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalTable:
    """Rows that share an axis.

    ``keep`` are further values that the axis has to show; ``ends`` are those of the axis where
    something else decides them. ``log`` and ``root`` spread an axis: of ratios, and of percents of
    which the small ones matter. ``listed`` rows stand as text alone, without an axis.
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
    root: bool = False
    listed: bool = False
    keep: tuple[float, ...] = ()
    ends: Ends | None = None


def intervals_panel(table: IntervalTable, look: Look, room: float | None = None) -> Panel:
    """Return the panel of a table of intervals.

    Parameters
    ----------
    table : IntervalTable
    look : Look
    room : float, optional
        Inches for labels, axis and numbers together; the width of the figure when left out.
    """
    layout = _Layout(table, look, look.width - 0.15 if room is None else room)
    return Panel(draw=layout.draw, height=layout.tops[-1] / look.scale)


class _Layout:
    """The rows of a table fitted into a width; the upright axis runs down in inches."""

    def __init__(self, table: IntervalTable, look: Look, room: float) -> None:
        self.table, self.look, self.room, self.size = table, look, room, look.letters
        widths = self._cell_widths()
        beside = sum(widths) + GAP * len(widths)
        own = [r for r in table.rows if r.mark != "heading"]
        needed = max((text_width(r.label, self.size, bold=r.bold) for r in own), default=0.0)
        needed = max([needed, *(text_width(r.small, self.size - 1) for r in own)])
        label = min(needed, 0.34 * room)
        least = look.pt(MIN_PLOT)
        if room - label - beside - GAP < least:
            label = max(min(label, room - beside - GAP - least), 0.24 * room)
        self.stacked = bool(widths) and room - min(label, needed) - beside - GAP < least
        if self.stacked:
            joined = [text_width(self._joined(r), self.size) for r in own]
            label, widths = min(max([needed, *joined]), 0.5 * room), []
        self.label = min(label, max([needed, *([label] if self.stacked else [])])) + 0.02
        self.rights = list(accumulate(GAP + w for w in widths))
        self.lines = [self._lines(r) for r in table.rows]
        self.small = [wrap(r.small, self.label, self.size - 1) if r.small else []
                      for r in table.rows]  # fmt: skip
        heights = [look.pt(ROW_PAD) + sum(self._heights(i)) for i in range(len(table.rows))]
        self.title = wrap(table.title, room, self.size, bold=True) if table.title else []
        self.plot = max(room - self.label - GAP - (self.rights or [0.0])[-1], look.pt(0.8))
        self.change = _change(table)
        self.ends = table.ends or extent(table)
        self.names = self._line_names()
        strip = max([line + 1 for *_, line in self.names], default=1 if self.rights else 0)
        self.head = (len(self.title) + strip) * line_height(self.size) + look.pt(0.03)
        self.tops = [self.head, *accumulate(heights, initial=self.head)][1:]

    def _cell_widths(self) -> list[float]:
        widths = []
        for i, header in enumerate(self.table.headers):
            cells = [(r.cells[i], r.bold) for r in self.table.rows if len(r.cells) > i]
            needed = [text_width(text, self.size, bold=bold) for text, bold in cells]
            widths.append(max([text_width(header, self.size - 0.5), *needed]))
        return widths

    def _joined(self, row: IntervalRow) -> str:
        """Write the numbers in a line; of the weight the size of the mark tells enough."""
        named = zip(self.table.headers, map(fmt.unbroken, row.cells), strict=False)
        texts = (f"{h}{NBSP}{c}" if h == "n" else c for h, c in named if c and h != "weight")
        return ", ".join(texts)

    def _heights(self, i: int) -> tuple[float, float]:
        """Return how high the label of a row is, and the small words beneath it."""
        lines, small = self.lines[i], self.small[i]
        return len(lines) * line_height(self.size), len(small) * line_height(self.size - 1)

    def _lines(self, row: IntervalRow) -> list[str]:
        if row.mark == "heading":
            return wrap(row.label, self.room, self.size, bold=row.bold)
        lines = wrap(row.label, self.label, self.size - row.muted, bold=row.bold)
        if self.stacked and any(row.cells):
            lines += wrap(self._joined(row), self.label, self.size, bold=row.bold)
        return lines

    def draw(self, ax: Axes, look: Look) -> None:
        """Draw everything on an axes."""
        table, ends = self.table, self.ends
        if table.log or table.root:
            ax.set_xscale("log" if table.log else "function", **_ROOT if table.root else {})
        ax.set_xlim(*ends)
        ax.set_ylim(self.tops[-1], 0)
        ax.spines["left"].set_visible(False)
        ax.spines["bottom"].set_visible(not table.listed)
        _axis_lines(ax, table, self.tops, look)
        self._write_labels(ax)
        self._write_strip(ax)
        for row, top, bottom in zip(table.rows, self.tops, self.tops[1:], strict=False):
            middle = (top + bottom) / 2
            colour = style.MUTED if row.muted else style.INK
            self._write_cells(ax, middle, row.cells, bold=row.bold, color=colour)
            if not table.listed:
                draw_interval(ax, row, middle, ends, look)
        self._name_axis(ax)

    def _write_labels(self, ax: Axes) -> None:
        """Write the labels as those of the upright axis, flush left; small words beneath them."""
        title = len(self.title) * line_height(self.size) / 2
        found = [(title, self.title, True, False)]
        for i, (row, top) in enumerate(zip(self.table.rows, self.tops, strict=False)):
            high, low = self._heights(i)
            top += self.look.pt(ROW_PAD) / 2
            found.append((top + high / 2, self.lines[i], row.bold, row.muted))
            found.append((top + high + low / 2, self.small[i], False, True))
        found = [entry for entry in found if entry[1]]
        places, lines, bold, small = zip(*found, strict=True)
        texts = ["\n".join(own) for own in lines]
        name_rows(ax, places, texts, bold, width=self.label + GAP, size=self.size, small=small)

    def _line_names(self) -> list[tuple[float, str, str, int]]:
        """Return place, text, side and line of each name; two lines where they would touch."""
        found: list[tuple[float, str, str, int]] = []
        taken = -math.inf
        lines = _named_lines(self.table)
        for x, text in lines:
            share = _share(x, self.ends, self.change)
            side = "left" if share < 0.3 else "right" if share > 0.7 else "center"
            width = text_width(text, self.size - 0.5)
            if len(lines) == 2:  # of two lines, each name stands on the far side of its own
                room = self.plot * (share if not found else 1 - share)
                side = ("left", "right")[(room > width) != bool(found)]
            start = share * self.plot - {"left": 0, "center": 0.5, "right": 1}[side] * width
            above = bool(found) and found[-1][3] == 1
            line = int(start + width > self.plot or (start < taken + 0.1 and not above))
            taken = start + width
            found.append((x, text, side, line))
        return found

    def _write_strip(self, ax: Axes) -> None:
        """Name the lines above the rows, and head the columns of numbers."""
        step = line_height(self.size)
        for x, text, side, line in self.names:
            y = self.head - (line + 0.5) * step
            ax.text(x, y, text, fontsize=self.size - 0.5, color=style.MUTED, ha=side, va="center")
        self._write_cells(ax, self.head - 0.5 * step, self.table.headers, color=style.MUTED)

    def _write_cells(
        self,
        ax: Axes,
        y: float,
        cells: Sequence[str],
        *,
        bold: bool = False,
        color: str = style.INK,
    ) -> None:
        for right, text in zip(self.rights, cells, strict=False):
            ax.annotate(
                text, (1, y), xycoords=("axes fraction", "data"), xytext=(72 * right, 0),
                textcoords="offset points", ha="right", va="center", color=color,
                fontsize=self.size, fontweight="bold" if bold else "normal", annotation_clip=False,
            )  # fmt: skip

    def _name_axis(self, ax: Axes) -> None:
        ticks = [] if self.table.listed else axis_ticks(self.table, self.ends, self.plot, self.size)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(ticks, list(map(fmt.as_entered, ticks)))
        words = [x for x in (self.table.axis_label, self.table.zone_label) if x]
        label = " · ".join(words)
        fits = text_width(label, self.size) < self.plot
        room = self.label + GAP + self.plot
        lines = [label] if fits else [x for text in words for x in wrap(text, room, self.size)]
        fits = max(text_width(x, self.size) for x in lines or [""]) < self.plot
        ax.set_xlabel("\n".join(lines), loc="center" if fits else "right")


def log_numbers(axis: Axis, ends: Ends, count: int) -> None:
    """Put ticks on a logarithmic axis: 1, 2 and 5 of each decade where there is room."""
    subs = (1.0, 2.0, 5.0) if math.log10(ends[1] / ends[0]) * 3 <= count + 1 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=count))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda x, _: fmt.log_tick(float(x))))


def axis_ticks(table: IntervalTable, ends: Ends, inches: float, size: float) -> list[float]:
    """Return as many round ticks as leave room between their numbers.

    Of ratios 1, the decades round it, then 5s and 2s of each; of spread percents the fixed ones.
    """

    def span(x: float) -> tuple[float, float]:
        at, half = inches * _share(x, ends, _change(table)), text_width(fmt.as_entered(x), size) / 2
        return at - half - 0.04, at + half + 0.04

    found: list[float] = []
    if not (table.log or table.root):
        for count in range(2, 8):
            places = MaxNLocator(nbins=count, steps=STEPS, min_n_ticks=1).tick_values(*ends)
            more = [round(float(x), 10) for x in places if ends[0] <= x <= ends[1]]
            fits = not found or all(a[1] <= b[0] for a, b in pairwise(map(span, more)))
            found = more if fits and len(more) > len(found) else found
        return found
    whole = sorted(range(-3, 4), key=abs)
    for x in [f * 10.0**k for f in (1, 5, 2) for k in whole] if table.log else ROOTS:
        low, high = span(x) if ends[0] <= x <= ends[1] else (-math.inf, math.inf)
        if all(high <= a or low >= b for a, b in map(span, found)) and math.isfinite(low):
            found.append(x)
    return sorted(found)


def _named_lines(table: IntervalTable) -> list[tuple[float, str]]:
    lines = []
    if table.margin is not None:
        lines.append((table.margin, table.margin_label))
    if table.null is not None and table.null != table.margin:
        lines.append((table.null, table.null_label))
    return sorted((x, text) for x, text in lines if text)


def _root(x: Any) -> Any:
    """Return the square root, that of what lies below 0 below 0."""
    return np.sign(x) * np.sqrt(np.abs(x))


_ROOT: dict[str, Any] = {"functions": (_root, lambda x: x * np.abs(x))}


def _change(table: IntervalTable) -> Callable[[float], float]:
    """Return what turns a value into its place along the axis."""
    return math.log10 if table.log else _root if table.root else float


def _share(x: float, ends: Ends, change: Callable[[float], float]) -> float:
    low, high = map(change, ends)
    return (change(x) - low) / (high - low)


def _axis_lines(ax: Axes, table: IntervalTable, tops: Sequence[float], look: Look) -> None:
    """Draw no effect beside every row, margin and zone beside those that are judged."""
    low, high = ax.get_xlim()
    thin = look.pt(0.8)
    for row, *span in zip(table.rows, tops, tops[1:], strict=False):
        if table.null is not None and row.mark != "heading":
            ax.plot([table.null] * 2, span, color=style.LINE, linewidth=thin, zorder=1)
        if row.margin is not None:
            ax.plot([row.margin] * 2, span, color=style.INK, linewidth=thin,
                    linestyle=style.DASHED, zorder=1.5)  # fmt: skip
    judged = [i for i, row in enumerate(table.rows) if row.judged]
    span = [tops[judged[0]], tops[judged[-1] + 1]] if judged else [tops[0], tops[-1]]
    sides = ((table.margin, table.favours_lower), (table.other_margin, not table.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        ends = (low, margin) if lower else (margin, high)
        ax.fill_betweenx(span, *ends, color=style.ZONE, linewidth=0, zorder=-5)
        ax.plot([margin] * 2, span, color=style.INK, linewidth=thin, linestyle=style.DASHED,
                zorder=1.5)  # fmt: skip


def draw_interval(
    ax: Axes, row: IntervalRow, y: float, ends: Ends, look: Look, *, upright: bool = False
) -> None:
    """Draw one interval at height y, or upright at that place; one that runs off gets an arrow."""
    if row.mark == "heading" or math.isnan(row.value):
        return

    def plot(along: Sequence[float], **line: Any) -> None:
        across = [y] * len(along)
        ax.plot(*((across, along) if upright else (along, across)), **line)

    low, high = (min(max(row.value if math.isnan(x) else x, ends[0]), ends[1])
                 for x in (row.low, row.high))  # fmt: skip
    kept = look.verdicts[row.verdict] if row.verdict else None
    colour, edge = (kept.colour, kept.edge) if kept else (row.colour, row.edge)
    line = style.DASHED if row.dashed else "-"
    if row.mark == "diamond":
        half = look.pt(HALF_DIAMOND)
        ax.fill(
            [low, row.value, high, row.value], [y, y - half, y, y + half],
            facecolor=style.PAPER if row.dashed else colour, edgecolor=edge, linestyle=line,
            linewidth=look.pt(1.1 if row.dashed else 0.8), zorder=3,
        )  # fmt: skip
    else:
        thick = 3.2 if row.mark == "bar" else 1.6 if row.bold else 1.1
        faint = 0.55 if row.mark == "bar" else 1.0
        plot([low, high], color=edge, linewidth=look.pt(thick), zorder=2, alpha=faint,
             linestyle=line)  # fmt: skip
    if row.mark == "dot" and ends[0] <= row.value <= ends[1]:
        plot(
            [row.value], marker=kept.marker if kept else row.marker, color=colour, zorder=4,
            markersize=look.pt(row.size), markeredgecolor=edge, markeredgewidth=look.pt(0.8),
            clip_on=False,
        )  # fmt: skip
    arrows = (7, 6) if upright else (4, 5)
    for end, beyond, marker in zip(ends, (row.low < ends[0], row.high > ends[1]), arrows,
                                   strict=True):  # fmt: skip
        if beyond:
            plot([end], marker=marker, markersize=look.pt(4.5), color=edge, zorder=3,
                 clip_on=False)  # fmt: skip


def effect_table(finding: Finding, label: str) -> IntervalTable:
    """Return the estimate, and with the interval of the family, for the panel beside patients.

    Parameters
    ----------
    finding : Finding
    label : str
        What the estimate is, beneath its axis: difference, mean, largest difference.
    """
    assert finding.estimate is not None
    rows = [_effect_row(finding.estimate, verdict=finding.verdict, size=6.0, bold=True)]
    if finding.simultaneous is not None:
        rows.append(_effect_row(finding.simultaneous, marker="d", size=4.0))
    return IntervalTable(
        title="", rows=tuple(rows), headers=(), axis_label=f"{label}, {finding.estimate.unit}",
        **judged_axis(finding) | {"zone_label": ""},
    )  # fmt: skip


def _effect_row(estimate: Estimate, **more: Any) -> IntervalRow:
    return IntervalRow(
        label="", value=estimate.value, low=estimate.ci_low, high=estimate.ci_high, **more
    )


def estimate_words(finding: Finding) -> str:
    """Write the estimate, its interval, the verdict and whose it is, for the head of a chart."""
    estimate = finding.estimate
    assert estimate is not None
    found = f"{fmt.interval(estimate)} {estimate.unit}, {estimate.level_words}"
    return f"{found}; {finding.in_full} · {finding.dataset}, {finding.size}"


def source_words(finding: Finding) -> str:
    """Write where the data come from and how the estimate was made, for a caption."""
    estimate = finding.estimate
    assert estimate is not None
    mark_of_data = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    return (
        f"Data: {finding.dataset}, {finding.size}.{mark_of_data} Estimate: "
        f"{fmt.interval(estimate)} {estimate.unit}, {estimate.level_words}, against "
        f"{verdict_axis(finding).margin_label}; {estimate.method}.{family_words(finding)}"
    )


def estimate_key(finding: Finding, look: Look) -> tuple[Entry, ...]:
    """Return the entries of a key that the axis of an estimate needs."""
    found: list[Entry] = [(verdict_sample(look, finding.verdict, 5.5), "estimate")]
    if finding.simultaneous is not None:
        name = f"with the {finding.family} primary claims"
        found.append((sample(look, marker="d", markersize=4, color=style.PART), name))
    zone = sample(look, fill=style.ZONE, edge=style.RULE)
    return (*found, (zone, "where the claim would hold"))


def extent(panel: IntervalTable) -> tuple[float, float]:
    """Return the ends of the axis: every value, margin and null lie inside.

    Whole intervals may widen it by some spans of these; other intervals by one span, or one and a
    half times the width of the middle one where that is more; beyond, they run off.
    """
    log, change = panel.log, _change(panel)
    base = [row.value for row in panel.rows]
    base += [
        x for x in (panel.null, panel.margin, panel.other_margin, *panel.keep) if x is not None
    ]
    inner = [change(x) for x in base if _drawable(x, log=log)] or [0.0, 1.0]
    low, high = min(inner), max(inner)
    span = high - low
    whole = [x for row in panel.rows if row.whole for x in (row.low, row.high)]
    room = span * LOG_ROOM if log else max(span * ROOM, _widest(panel.rows))
    low, high = _widened(low, high, whole, room, panel)
    known = [r for r in panel.rows if _drawable(r.low, log=log) and _drawable(r.high, log=log)]
    widths = sorted(change(r.high) - change(r.low) for r in known if not r.whole) or [0.0]
    room = max(span, 1.5 * widths[len(widths) // 2])
    low, high = _widened(low, high, [x for r in panel.rows for x in (r.low, r.high)], room, panel)
    pad = 0.06 * ((high - low) or max(abs(high), 1.0))
    low, high = low - pad, high + pad
    if log:
        return max(10**low, RATIOS[0]), min(10**high, RATIOS[1])
    return (low * abs(low), high * abs(high)) if panel.root else (low, high)


def _widest(rows: Sequence[IntervalRow]) -> float:
    """Return how wide the widest known interval is that has to be whole."""
    widths = [row.high - row.low for row in rows if row.whole]
    return max((x for x in widths if math.isfinite(x)), default=0.0)


def _widened(
    low: float, high: float, ends: list[float], room: float, panel: IntervalTable
) -> tuple[float, float]:
    """Widen an axis to hold these ends, by no more than ``room`` on either side."""
    known = [_change(panel)(x) for x in ends if _drawable(x, log=panel.log)]
    room = room or math.inf
    return max(min([low, *known]), low - room), min(max([high, *known]), high + room)


def _drawable(x: float, *, log: bool) -> bool:
    return math.isfinite(x) and (x > 0 or not log)


def judged_axis(finding: Finding) -> dict[str, Any]:
    """Return the fields of a panel on whose axis the finding is judged: margin, null and zone."""
    axis, estimate = verdict_axis(finding), finding.estimate
    sign = f"{NBSP}%" if estimate is not None and estimate.unit == "percent" else ""
    return {
        "null": axis.null,
        "null_label": "no effect",
        "margin": axis.margin,
        "other_margin": axis.other_margin,
        "margin_label": axis.margin_label + sign,
        "zone_label": ZONE_LABEL,
        "favours_lower": axis.favours_lower,
        "log": axis.log,
        "keep": () if axis.log else (0.0,),
    }
