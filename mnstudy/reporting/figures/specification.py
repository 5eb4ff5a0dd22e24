"""The figure of a specification curve: estimates above, beneath them the choices behind each."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import specification_words as words
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.drawing import draw_mark
from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.reporting.figures.rows import IntervalRow, Panel, extent
from mnstudy.reporting.figures.specification_plan import (
    GAP,
    MARGIN,
    PLOT_HEIGHT,
    ROW_PAD,
    TICKS,
    CurvePlan,
)
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.reporting.reading import VerdictAxis, verdict_axis
from mnstudy.verdicts.robustness.specification import SpecificationCurve


def plot_curve(curve: SpecificationCurve, width: float, size: float) -> Picture:
    """Draw a specification curve on a picture of this width in inches, letters in points."""
    plan = CurvePlan(curve, words.shown(curve), width, size)
    with theme.themed():
        picture = theme.new_picture(width, plan.height, words.curve_alt(curve))
        if curve.finding.synthetic:
            theme.watermark(picture)
        _draw_head(picture, plan)
        _draw_estimates(picture, plan)
        _draw_choices(picture, plan)
    return picture


def _draw_head(picture: Picture, plan: CurvePlan) -> None:
    at = MARGIN
    for text, size, colour, weight in plan.head:
        inch_text(picture, MARGIN, at, text, fontsize=size, color=colour, fontweight=weight)
        at += line_height(size)
    for verdict, n in words.counted_verdicts(plan.table):
        draw_mark(picture, MARGIN + 0.05, at + line_height(plan.size) / 2, verdict)
        text = f"{verdict}: {fmt.count(n, 'specification')}"
        inch_text(picture, MARGIN + 0.16, at, text, fontsize=plan.size)
        at += line_height(plan.size)


def _draw_estimates(picture: Picture, plan: CurvePlan) -> None:
    axis, ends = verdict_axis(plan.curve.finding), _ends(plan)
    axes = inch_axes(picture, plan.plot_left, plan.plot_top, plan.plot_width, PLOT_HEIGHT)
    if axis.log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.power(float(y))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.given(float(y))))
    axes.set_ylim(*ends)
    plan.set_columns(axes)
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="y", labelsize=plan.size - 0.5)
    _draw_lines(axes, axis, ends)
    for i, row in enumerate(plan.table.to_dict("records")):
        _draw_one(axes, i, row, plan, ends)
    _name(picture, plan, axis, ends)


def _draw_lines(axes: Axes, axis: VerdictAxis, ends: tuple[float, float]) -> None:
    low, high = ends
    sides = ((axis.margin, axis.favours_lower), (axis.other_margin, not axis.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        zone = (low, margin) if lower else (margin, high)
        axes.axhspan(*zone, color=theme.ZONE, linewidth=0, zorder=-5)
        axes.axhline(margin, color=theme.INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1.5)
    if axis.null is not None:
        axes.axhline(axis.null, color=theme.LINE, linewidth=0.8, zorder=1)


def _draw_one(
    axes: Axes, i: int, row: dict[Any, Any], plan: CurvePlan, ends: tuple[float, float]
) -> None:
    style = theme.VERDICT_STYLES[row["verdict"]]
    usual = i == plan.usual
    value = float(row["estimate"])
    raw = [value if math.isnan(x) else float(x) for x in (row["ci_low"], row["ci_high"])]
    low, high = (min(max(x, ends[0]), ends[1]) for x in raw)
    line: dict[str, Any] = {"color": style.edge, "zorder": 2, "clip_on": False}
    axes.plot([i, i], [low, high], linewidth=1.8 if usual else 0.9, **line)
    size = min(4.5, max(2.0, 50 * plan.plot_width / len(plan.table)))
    axes.plot(
        [i], [value], marker=style.marker, markersize=size + 1.5 if usual else size,
        color=style.colour, markeredgecolor=theme.INK if usual else style.edge,
        markeredgewidth=0.9 if usual else 0.6, zorder=4 if usual else 3, clip_on=False,
    )  # fmt: skip
    for end, beyond, marker in (
        (ends[0], raw[0] < ends[0], 7),
        (ends[1], raw[1] > ends[1], 6),
    ):
        if beyond:
            axes.plot([i], [end], marker=marker, markersize=size, **line)


def _ends(plan: CurvePlan) -> tuple[float, float]:
    axis = verdict_axis(plan.curve.finding)
    rows = tuple(
        IntervalRow(label="", value=float(v), low=float(low), high=float(high), whole=True)
        for v, low, high in plan.table[list(words.INTERVAL)].itertuples(index=False)
    )
    panel = Panel(
        title="", rows=rows, headers=(), axis_label="", null=axis.null, margin=axis.margin,
        other_margin=axis.other_margin, log=axis.log,
    )  # fmt: skip
    return extent(panel)


def _name(picture: Picture, plan: CurvePlan, axis: VerdictAxis, ends: tuple[float, float]) -> None:
    """Write the unit above the axis, the names of the lines left of it, and the usual choices."""
    above = plan.plot_top - line_height(plan.size) - 0.04
    unit = plan.curve.finding.claim.unit
    width = text_width(unit, plan.size)
    start = max(plan.plot_left - width, MARGIN)
    inch_text(picture, start, above, unit, fontsize=plan.size)
    if plan.usual is not None:
        _name_usual(picture, plan, above, start + width + GAP)
    small = plan.size - 1
    room = plan.labels - TICKS + GAP
    named = [(axis.margin, axis.margin_label)]
    if axis.null is not None and axis.null != axis.margin:
        named.append((axis.null, "no effect"))
    blocks = []
    for value, text in named:
        lines = wrap(text, room, small)
        middle = plan.plot_top + PLOT_HEIGHT * (1 - _share(value, ends, log=axis.log))
        blocks.append((middle - len(lines) * line_height(small) / 2, lines))
    for top, lines in _apart(sorted(blocks), line_height(small)):
        for k, text in enumerate(lines):
            place = (plan.plot_left - TICKS, top + k * line_height(small))
            inch_text(picture, *place, text, fontsize=small, color=theme.MUTED, ha="right")


def _name_usual(picture: Picture, plan: CurvePlan, above: float, left: float) -> None:
    assert plan.usual is not None
    text, small = "usual choices", plan.size - 1
    width = text_width(text, small)
    at = plan.plot_left + plan.plot_width * (plan.usual + 0.7) / (len(plan.table) + 0.4)
    start = min(max(at - width / 2, left), plan.width - MARGIN - width)
    inch_text(picture, start, above, text, fontsize=small, color=theme.MUTED)


def _apart(blocks: list[tuple[float, list[str]]], step: float) -> list[tuple[float, list[str]]]:
    """Move names of lines that lie close apart, each half of the way."""
    if len(blocks) < 2:
        return blocks
    (first, above), (second, beneath) = blocks
    overlap = first + len(above) * step + 0.02 - second
    if overlap > 0:
        first, second = first - overlap / 2, second + overlap / 2
    return [(first, above), (second, beneath)]


def _share(value: float, ends: tuple[float, float], *, log: bool) -> float:
    low, high = ends
    if log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def _draw_choices(picture: Picture, plan: CurvePlan) -> None:
    place = (plan.plot_left, plan.choices_top, plan.plot_width, plan.choices_height or 0.01)
    axes = inch_axes(picture, *place)
    plan.set_columns(axes)
    axes.set_ylim(plan.choices_height or 0.01, 0)
    axes.set_yticks([])
    at = 0.0
    size = min(4.0, max(1.6, 46 * plan.plot_width / len(plan.table)))
    for row in plan.choices:
        kind, option, lines = row
        height = plan.row_height(row)
        small = plan.size if option else plan.size - 0.5
        for k, text in enumerate(lines):
            top = plan.choices_top + at + ROW_PAD / 2 + k * line_height(small)
            look: dict[str, Any] = {"color": theme.INK} if option else {"color": theme.MUTED}
            left = MARGIN + (0.1 if option else 0.0)
            inch_text(picture, left, top, text, fontsize=small, **look)
        if option:
            there = plan.table.index[plan.table[kind] == option]
            middle = at + height / 2
            axes.plot(
                [-0.5, len(plan.table) - 0.5], [middle, middle],
                color=theme.RULE, linewidth=0.5, zorder=-4,
            )  # fmt: skip
            axes.plot(
                list(there), [middle] * len(there), linestyle="none", marker="s",
                markersize=size, color=theme.PART, zorder=2,
            )  # fmt: skip
        at += height
    label = "specifications, by rising estimate"
    top = plan.choices_top + plan.choices_height + 0.04
    right = plan.width - MARGIN
    inch_text(picture, right, top, label, fontsize=plan.size - 0.5, color=theme.MUTED, ha="right")
