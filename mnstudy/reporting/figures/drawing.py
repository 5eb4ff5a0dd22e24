"""Rows of numbers drawn onto a picture: a panel as laid out, or an estimate beside its patients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_size
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import Mark, mark
from mnstudy.reporting.figures.intervals import IntervalRow, Panel, PanelLayout, extent, judged_axis
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_mark,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.reporting.words import SYNTHETIC_WORDS, VerdictAxis, family_words, verdict_axis
from mnstudy.verdicts.finding.finding import Estimate, Finding

ROW = 0.2  # inches an interval takes
Ends = tuple[float, float]


def draw_panel(
    picture: Picture, panel: Panel, layout: PanelLayout, left: float, top: float
) -> None:
    """Draw a panel with its top left corner at this place, in inches."""
    _head(picture, panel, layout, left, top)
    plot_top = top + layout.head_height + layout.strip_height
    axes = inch_axes(
        picture, left + layout.plot_left, plot_top, layout.plot_width, layout.plot_height
    )
    low, high = extent(panel)
    if panel.log:
        axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(layout.plot_height, 0)
    axes.set_yticks([])
    _lines(axes, panel, layout)
    _ticks(axes, panel, layout)
    strip_top = top + layout.head_height
    _name_lines(picture, axes, panel, layout, left, strip_top)
    tops = [0.0, *accumulate(layout.row_heights)]
    for i, row in enumerate(panel.rows):
        _row_text(picture, layout, i, row, left, plot_top + tops[i])
        middle = tops[i] + layout.row_heights[i] / 2
        draw_interval(axes, row, middle, (low, high), clip_height=0.05)


def _head(picture: Picture, panel: Panel, layout: PanelLayout, left: float, top: float) -> None:
    step = line_height(layout.size + 0.5)
    title: dict[str, Any] = {"fontsize": layout.size + 0.5, "fontweight": "bold"}
    for i, line in enumerate(layout.title):
        inch_text(picture, left, top + i * step, line, **title)
    at = top + (0.0 if layout.heads_beside else len(layout.title) * step)
    head: dict[str, Any] = {"fontsize": layout.size - 0.5, "color": style.MUTED, "ha": "right"}
    for right, header in zip(layout.cell_rights, panel.headers, strict=False):
        inch_text(picture, left + right, at, header, **head)


def _lines(axes: Axes, panel: Panel, layout: PanelLayout) -> None:
    tops = [0.0, *accumulate(layout.row_heights)]
    if panel.null is not None:
        for i, row in enumerate(panel.rows):
            if row.mark != "heading":
                axes.plot(
                    [panel.null] * 2, tops[i : i + 2], color=style.LINE, linewidth=0.8, zorder=1
                )
    judged = [i for i, row in enumerate(panel.rows) if row.judged]
    first, last = (tops[judged[0]], tops[judged[-1] + 1]) if judged else (0, tops[-1])
    low, high = axes.get_xlim()
    sides = ((panel.margin, panel.favours_lower), (panel.other_margin, not panel.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        ends = (low, margin) if lower else (margin, high)
        axes.fill_betweenx([first, last], *ends, color=style.ZONE, linewidth=0, zorder=-5)
        line: dict[str, Any] = {"color": style.INK, "linewidth": 0.8, "linestyle": (0, (4, 2))}
        axes.plot([margin] * 2, [first, last], zorder=1.5, **line)


def _ticks(axes: Axes, panel: Panel, layout: PanelLayout) -> None:
    count = max(2, min(7, int(layout.plot_width / 0.5)))
    if panel.log:
        low, high = axes.get_xlim()
        decades = math.log10(high / low)
        subs = (1.0, 2.0, 5.0) if decades * 3 <= count + 1 else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=count + 2))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: fmt.log_tick(float(x))))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]))
        axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    axes.tick_params(axis="x", labelsize=layout.size - 0.5)
    axes.set_xlabel("\n".join(layout.axis_lines), fontsize=layout.size, labelpad=2)


def _name_lines(
    picture: Picture, axes: Axes, panel: Panel, layout: PanelLayout, left: float, top: float
) -> None:
    """Name null and margin above the plot; where they are close, each on its outer side."""
    named = [(x, t) for x, t in _named_lines(panel) if t]
    size = layout.size - 1
    places = [_inches(axes, x, layout.plot_width) for x, _ in named]
    needed = sum(text_width(t, size) for _, t in named) / 2 + 0.1
    crowded = len(named) == 2 and places[1] - places[0] < needed
    for i, (x, text) in enumerate(named):
        at = layout.plot_left + _inches(axes, x, layout.plot_width)
        width = text_width(text, size)
        start = at - width / 2
        if crowded:
            start = at - width - 0.03 if i == 0 else at + 0.03
        start = min(max(start, 0.0), layout.width - width)
        inch_text(picture, left + start, top, text, fontsize=size, color=style.MUTED)


def _named_lines(panel: Panel) -> list[tuple[float, str]]:
    lines = []
    if panel.margin is not None:
        lines.append((panel.margin, panel.margin_label))
    if panel.null is not None and panel.null != panel.margin:
        lines.append((panel.null, panel.null_label))
    return sorted(lines)


def _inches(axes: Axes, x: float, width: float) -> float:
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log":
        low, high, x = math.log(low), math.log(high), math.log(x)
    return width * (x - low) / (high - low)


def _row_text(
    picture: Picture, layout: PanelLayout, i: int, row: IntervalRow, left: float, top: float
) -> None:
    weight = "bold" if row.bold else "normal"
    lines = [(line, layout.size, style.INK, weight) for line in layout.labels[i]]
    lines += [(line, layout.size - 0.5, style.MUTED, "normal") for line in layout.under[i]]
    block = sum(line_height(size) for _, size, _, _ in lines)
    at = top + (layout.row_heights[i] - block) / 2
    for line, size, colour, face in lines:
        inch_text(picture, left, at, line, fontsize=size, color=colour, fontweight=face)
        at += line_height(size)
    middle = top + (layout.row_heights[i] - line_height(layout.size)) / 2
    for right, cell in zip(layout.cell_rights, row.cells, strict=False):
        look: dict[str, Any] = {"fontsize": layout.size, "ha": "right", "fontweight": weight}
        inch_text(picture, left + right, middle, cell, **look)


def draw_interval(
    axes: Axes, row: IntervalRow, y: float, ends: tuple[float, float], *, clip_height: float
) -> None:
    """Draw one interval at height y; what runs off the axis ends in an arrow."""
    if row.mark == "heading" or math.isnan(row.value):
        return
    low, high = (_inside(x, ends, row.value) for x in (row.low, row.high))
    if row.mark == "diamond":
        half = 1.15 * clip_height
        axes.fill(
            [low, row.value, high, row.value], [y, y - half, y, y + half],
            facecolor=row.colour, edgecolor=row.edge, linewidth=0.8, zorder=3,
        )  # fmt: skip
    else:
        thick = 3.2 if row.mark == "bar" else 1.6 if row.bold else 1.1
        line: dict[str, Any] = {"color": row.edge, "linewidth": thick, "zorder": 2}
        axes.plot([low, high], [y, y], alpha=0.55 if row.mark == "bar" else 1.0, **line)
    if row.mark == "dot" and ends[0] <= row.value <= ends[1]:
        axes.plot(
            [row.value], [y], marker=row.marker, markersize=row.size, color=row.colour,
            markeredgecolor=row.edge, markeredgewidth=0.8, zorder=4, clip_on=False,
        )  # fmt: skip
    _arrows(axes, row, y, ends)


def _arrows(axes: Axes, row: IntervalRow, y: float, ends: tuple[float, float]) -> None:
    look: dict[str, Any] = {"markersize": 4.5, "color": row.edge, "zorder": 3, "clip_on": False}
    if row.low < ends[0]:
        axes.plot([ends[0]], [y], marker=4, **look)
    if row.high > ends[1]:
        axes.plot([ends[1]], [y], marker=5, **look)


def _inside(x: float, ends: tuple[float, float], value: float) -> float:
    """Return an end of an interval kept on the axis; the value where the end is not known."""
    return min(max(value if math.isnan(x) else x, ends[0]), ends[1])


def draw_mark(picture: Picture, left: float, top: float, verdict: str, size: float = 6) -> None:
    """Draw the marker of a verdict centred at this place in inches."""
    look = style.VERDICT_STYLES[verdict]
    inch_mark(
        picture, left, top, marker=look.marker, markersize=size, color=look.colour,
        markeredgecolor=look.edge,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectAxis:
    """The estimate with its interval, margin and the value of no effect, laid out in inches.

    Attributes
    ----------
    finding : Finding
    label : str
        What the estimate is, beneath its axis: difference, mean, largest difference.
    left, width : float
        Where the axis lies.
    ends : tuple of two float, or None
        Ends of the axis; None where nothing else shares it.
    size : float
        Size of the letters in points.
    """

    finding: Finding
    label: str
    left: float
    width: float
    size: float
    ends: Ends | None = None

    @property
    def height(self) -> float:
        """Height of names, intervals, ticks and axis label."""
        axis = 0.07 + line_height(self.size - 0.5) + len(self._label()) * line_height(self.size)
        return len(self._names()) * line_height(self.size - 1) + self._plot_height + axis

    @property
    def shown(self) -> Ends:
        """Ends of the axis."""
        return self.ends or extent(self._panel())

    @property
    def _plot_height(self) -> float:
        return ROW * len(_rows(self.finding)) + 0.06

    def _panel(self) -> Panel:
        rows = tuple(_rows(self.finding))
        return Panel(title="", rows=rows, headers=(), axis_label="", **judged_axis(self.finding))

    def _label(self) -> list[str]:
        unit = self.finding.estimate.unit if self.finding.estimate else ""
        return wrap(f"{self.label}, {unit}", self.width, self.size)

    def _names(self) -> list[list[tuple[float, str]]]:
        """Place the names of the lines, in inches from the left; further lines where crowded."""
        low, high = self.shown
        size = self.size - 1
        lines: list[list[tuple[float, str]]] = []
        ends: list[float] = []
        for x, text in sorted(_named(verdict_axis(self.finding))):
            width = text_width(text, size)
            start = self.width * (x - low) / (high - low) - width / 2
            start = min(max(start, -self.left + 0.1), self.width - width)
            free = [i for i, end in enumerate(ends) if end + 0.08 <= start]
            if free:
                lines[free[0]].append((start, text))
                ends[free[0]] = start + width
            else:
                lines.append([(start, text)])
                ends.append(start + width)
        return lines

    def draw(self, picture: Picture, top: float) -> None:
        """Draw with the top edge at this place in inches."""
        for line in self._names():
            for start, text in line:
                look: dict[str, Any] = {"fontsize": self.size - 1, "color": style.MUTED}
                inch_text(picture, self.left + start, top, text, **look)
            top += line_height(self.size - 1)
        axes = inch_axes(picture, self.left, top, self.width, self._plot_height)
        axes.set_xlim(*self.shown)
        axes.set_ylim(self._plot_height, 0)
        axes.set_yticks([])
        _axis_lines(axes, verdict_axis(self.finding), self._plot_height)
        for i, row in enumerate(_rows(self.finding)):
            draw_interval(axes, row, 0.03 + (i + 0.5) * ROW, self.shown, clip_height=0.05)
        plain_ticks(axes, self.width, self.size)
        axes.set_xlabel("\n".join(self._label()), fontsize=self.size, labelpad=2)


def plain_ticks(axes: Axes, width: float, size: float) -> None:
    """Put a few round ticks on the horizontal axis."""
    count = max(2, min(7, int(width / 0.5)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: fmt.as_entered(round(float(x), 10))))
    axes.tick_params(axis="x", labelsize=size - 0.5)


def estimate_words(finding: Finding) -> str:
    """Write the estimate, its interval, the verdict and whose it is, for the head of a chart."""
    estimate = finding.estimate
    assert estimate is not None
    found = f"{fmt.interval(estimate)} {estimate.unit}, {fmt.level(estimate.confidence_level)}"
    return f"{found} interval; {finding.verdict} · {finding.dataset}, {shown_size(finding)}"


def source_words(finding: Finding) -> str:
    """Write where the data come from and how the estimate was made, for a caption."""
    estimate = finding.estimate
    assert estimate is not None
    mark_of_data = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    level = fmt.level(estimate.confidence_level)
    return (
        f"Data: {finding.dataset}, {shown_size(finding)}.{mark_of_data} Estimate: "
        f"{fmt.interval(estimate)} {estimate.unit}, {level} interval, against "
        f"{verdict_axis(finding).margin_label}; {estimate.method}.{family_words(finding)}"
    )


def estimate_marks(finding: Finding) -> tuple[Mark, ...]:
    """Return the entries of a key that the axis of an estimate needs."""
    look = style.VERDICT_STYLES[finding.verdict]
    found = [
        mark(
            "estimate", marker=look.marker, markersize=5.5, color=look.colour,
            markeredgecolor=look.edge,
        )
    ]  # fmt: skip
    if finding.simultaneous is not None:
        name = f"with the {finding.family} primary claims"
        found.append(mark(name, marker="d", markersize=4, color=style.PART))
    zone: dict[str, Any] = {"marker": "s", "markersize": 6, "markeredgecolor": style.RULE}
    return (*found, mark("where the claim would hold", color=style.ZONE, **zone))


def _rows(finding: Finding) -> list[IntervalRow]:
    assert finding.estimate is not None
    look = style.VERDICT_STYLES[finding.verdict]
    rows = [_row(finding.estimate, look.marker, look.colour, look.edge, bold=True)]
    if finding.simultaneous is not None:
        rows.append(_row(finding.simultaneous, "d", style.PART, style.PART, bold=False))
    return rows


def _row(estimate: Estimate, marker: str, colour: str, edge: str, *, bold: bool) -> IntervalRow:
    return IntervalRow(
        label="", value=estimate.value, low=estimate.ci_low, high=estimate.ci_high, bold=bold,
        marker=marker, colour=colour, edge=edge, size=6 if bold else 4,
    )  # fmt: skip


def _named(axis: VerdictAxis) -> list[tuple[float, str]]:
    named = [(axis.margin, axis.margin_label)]
    if axis.null is not None and axis.null != axis.margin:
        named.append((axis.null, "no effect"))
    return named


def _axis_lines(axes: Axes, axis: VerdictAxis, height: float) -> None:
    low, high = axes.get_xlim()
    if axis.null is not None:
        axes.plot([axis.null] * 2, [0, height], color=style.LINE, linewidth=0.8, zorder=1)
    sides = ((axis.margin, axis.favours_lower), (axis.other_margin, not axis.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        ends = (low, margin) if lower else (margin, high)
        axes.fill_betweenx([0, height], *ends, color=style.ZONE, linewidth=0, zorder=-5)
        dashes: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 1.5}
        axes.plot([margin] * 2, [0, height], color=style.INK, **dashes)
