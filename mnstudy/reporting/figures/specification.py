"""The figure of a specification curve: estimates above, beneath them the choices behind each.

Also what may be shown of a curve, its caption, its alternative text and its data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from mnstudy import formatting as fmt
from mnstudy.disclosure import THRESHOLD
from mnstudy.disclosure.tables import guarded_specifications
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.drawing import draw_mark
from mnstudy.reporting.figures.intervals import IntervalRow, Panel, extent
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.reporting.words import SYNTHETIC_WORDS, VerdictAxis, verdict_axis
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.robustness.specification import SpecificationCurve, declared_choices

KINDS = {
    "result": "which result counts",
    "covariates": "adjusted for",
    "errors": "several sites of a patient",
    "topicals": "who counts as needled",
    "class": "improvement known to a class",
}
INTERVAL = ("estimate", "ci_low", "ci_high")

MARGIN = 0.12  # inches around everything
GAP = 0.1
PLOT_HEIGHT = 1.75
TICKS = 0.42  # room for the numbers of the axis
LABELS = 0.43  # share of the width that the names of the choices may take
ROW_PAD = 0.03
BAND = 0.16  # at most, behind the usual choices
Line = tuple[str, float, str, str]  # text, size, colour, weight


def plot_curve(curve: SpecificationCurve, width: float, size: float) -> Picture:
    """Draw a specification curve on a picture of this width in inches, letters in points."""
    plan = CurvePlan(curve, shown(curve), width, size)
    with style.themed():
        picture = style.new_picture(width, plan.height, curve_alt(curve))
        if curve.finding.synthetic:
            style.watermark(picture)
        _draw_head(picture, plan)
        _draw_estimates(picture, plan)
        _draw_choices(picture, plan)
    return picture


def is_a_curve(curve: SpecificationCurve) -> bool:
    """Tell whether there is more than one specification to draw."""
    return len(shown(curve)) > 1


def curve_caption(curve: SpecificationCurve) -> str:
    """Return the caption: what was varied, of whom, by which method, and the joint test."""
    finding, table = curve.finding, shown(curve)
    estimate = finding.estimate
    assert estimate is not None
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    few = len(curve.table) - len(table)
    held = (
        f" {fmt.count(few, 'specification')} not shown: fewer than {THRESHOLD} patients apart from "
        "another."
        if few
        else ""
    )
    margin = verdict_axis(finding).margin_label
    return (
        f"{finding.claim.title}, under other defensible choices. Each column is one combination of "
        f"the choices marked beneath it, by rising estimate; those that come to the same numbers "
        f"count once ({fmt.count(len(curve.table), 'specification')} of "
        f"{fmt.count(curve.n_combinations, 'combination')}).{held} Data: {finding.dataset}, "
        f"{patients(table)}.{mark} Usual choices: {fmt.interval(estimate)} {estimate.unit}, "
        f"{fmt.level(estimate.confidence_level)} interval; {estimate.method}. "
        f"{margin[:1].upper()}{margin[1:]} {estimate.unit}. Held together, "
        f"{joint_words(curve)}. No interval is adjusted "
        "for the number of specifications."
    )


def curve_alt(curve: SpecificationCurve) -> str:
    """Return a description of the figure for those who do not see it."""
    finding, table = curve.finding, shown(curve)
    mark = "synthetic data, " if finding.synthetic else ""
    found = table["estimate"]
    digits = fmt.decimals_for(*found)
    low, middle, high = (fmt.number(x, digits) for x in found.quantile([0, 0.5, 1]))
    words = ", ".join(f"{n} {verdict}" for verdict, n in counted_verdicts(table))
    margin = verdict_axis(finding).margin_label
    return (
        f"Specification curve. {finding.claim.title}, {mark}{finding.dataset}: "
        f"{fmt.count(len(table), 'specification')}, estimates from {low} to {high} "
        f"{finding.claim.unit}, median {middle}, against {margin}; {words}."
    )


def curve_data(curve: SpecificationCurve) -> pd.DataFrame:
    """Return every number of the curve, full precision, one row a specification."""
    finding, joint = curve.finding, curve.joint
    table = guarded_specifications(curve)
    estimate = finding.estimate
    assert estimate is not None
    table.insert(0, "claim", finding.claim.id)
    table.insert(1, "dataset", finding.dataset)
    table.insert(2, "synthetic", finding.synthetic)
    table.insert(3, "usual", is_usual(table))
    return table.assign(
        unit=estimate.unit,
        margin=finding.margin,
        confidence_level=estimate.confidence_level,
        joint_p_median=math.nan if joint is None else joint.p_median,
        joint_p_strongest=math.nan if joint is None else joint.p_global,
    ).replace({None: np.nan})


def shown(curve: SpecificationCurve) -> pd.DataFrame:
    """Return the specifications whose numbers may be drawn, by rising estimate."""
    table = guarded_specifications(curve)
    return table[table["estimate"].notna()].reset_index(drop=True)


def is_usual(table: pd.DataFrame) -> pd.Series:
    """Tell which specification is the usual one: the first option of every kind of choice."""
    usual = pd.Series(True, index=table.index)
    for kind, options in declared_choices().items():
        usual &= table[kind] == next(iter(options))
    return usual


def varied(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the kinds of choices that differ between these specifications, options in words."""
    found = {}
    for kind, options in declared_choices().items():
        used = {option: words for option, words in options.items() if table[kind].eq(option).any()}
        if len(used) > 1:
            found[kind] = used
    return found


def counted_verdicts(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each verdict with the number of specifications that come to it."""
    words = table["verdict"].tolist()
    return [(v, words.count(v)) for v in VERDICTS if v in words]


def patients(table: pd.DataFrame) -> str:
    """Write the number of patients behind the specifications: one number or a range."""
    low, high = int(table["n_patients"].min()), int(table["n_patients"].max())
    return fmt.count(low, "patient") if low == high else f"{low:,} to {high:,} patients"


def joint_words(curve: SpecificationCurve, opening: str = "") -> str:
    """Say what the test of all specifications together found."""
    joint = curve.joint
    if joint is None:
        return "no joint test: no single coefficient answers this claim"
    return (
        f"{opening}{fmt.p_value(joint.p_median)} for the median, "
        f"{fmt.p_value(joint.p_global)} for the strongest (sign flips of "
        f"{fmt.count(joint.n_patients, 'patient')})"
    )


@dataclass(frozen=True)
class CurvePlan:
    """Where everything lies, in inches."""

    curve: SpecificationCurve
    table: pd.DataFrame
    width: float
    size: float

    @property
    def inner(self) -> float:
        """Width inside the margins."""
        return self.width - 2 * MARGIN

    @cached_property
    def head(self) -> list[Line]:
        """Title and what lies behind the curve, wrapped."""
        finding, small = self.curve.finding, self.size - 0.5
        mark = " · SYNTHETIC DATA" if finding.synthetic else ""
        n = fmt.count(len(self.table), "specification")
        few = len(self.curve.table) - len(self.table)
        hidden = f", {few} more not shown" if few else ""
        muted = [
            "the same question under other defensible choices",
            f"{finding.dataset}{mark} · {n}{hidden} · {patients(self.table)}",
            joint_words(self.curve, "all together: "),
        ]
        title = wrap(finding.claim.title, self.inner, self.size + 2, bold=True)
        lines: list[Line] = [(t, self.size + 2, style.INK, "bold") for t in title]
        for text in muted:
            broken = wrap(text, self.inner, small)
            lines += [(t, small, style.MUTED, "normal") for t in broken]
        return lines

    @property
    def head_height(self) -> float:
        """Height of title and verdicts."""
        verdicts = len(counted_verdicts(self.table)) * line_height(self.size)
        return sum(line_height(size) for _, size, _, _ in self.head) + verdicts

    @cached_property
    def choices(self) -> list[tuple[str, str, list[str]]]:
        """Kind, option and wrapped words of every row; the option is empty in a heading."""
        rows: list[tuple[str, str, list[str]]] = []
        for kind, options in varied(self.table).items():
            rows.append((kind, "", wrap(KINDS.get(kind, kind), self.inner, self.size - 0.5)))
            rows += [(kind, o, wrap(t, self.labels - 0.1, self.size)) for o, t in options.items()]
        return rows

    @cached_property
    def labels(self) -> float:
        """Width of the names of the choices."""
        texts = [t for options in varied(self.table).values() for t in options.values()]
        needed = max((text_width(t, self.size) for t in texts), default=0.0) + 0.14
        return min(max(needed, 0.9 + TICKS), LABELS * self.inner)

    @property
    def plot_left(self) -> float:
        """Left edge of both panels."""
        return MARGIN + self.labels + GAP

    @property
    def plot_width(self) -> float:
        """Width of both panels."""
        return self.width - self.plot_left - MARGIN - 0.05

    @property
    def plot_top(self) -> float:
        """Top of the estimates; above it the unit, and the name of the usual choices."""
        return MARGIN + self.head_height + GAP + line_height(self.size) + 0.04

    @property
    def choices_top(self) -> float:
        """Top of the choices."""
        return self.plot_top + PLOT_HEIGHT + GAP

    def row_height(self, row: tuple[str, str, list[str]]) -> float:
        """Height of one row of the choices."""
        size = self.size if row[1] else self.size - 0.5
        return ROW_PAD + len(row[2]) * line_height(size)

    @property
    def choices_height(self) -> float:
        """Height of all choices."""
        return sum(self.row_height(row) for row in self.choices)

    @property
    def height(self) -> float:
        """Height of everything."""
        return self.choices_top + self.choices_height + 0.06 + line_height(self.size) + MARGIN

    @cached_property
    def usual(self) -> int | None:
        """Place of the usual choices; None where the study file leaves them out."""
        found = self.table.index[is_usual(self.table)]
        return int(found[0]) if len(found) else None

    def set_columns(self, axes: Axes) -> None:
        """Give both panels the same columns, the band of the usual choices behind them."""
        axes.set_xlim(-0.7, len(self.table) - 0.3)
        axes.xaxis.set_major_locator(NullLocator())
        axes.spines["bottom"].set_visible(False)
        if self.usual is not None:
            half = min(0.5, BAND / 2 * (len(self.table) + 0.4) / self.plot_width)
            ends = (self.usual - half, self.usual + half)
            axes.axvspan(*ends, color=style.RULE, linewidth=0, zorder=-3)


def _draw_head(picture: Picture, plan: CurvePlan) -> None:
    at = MARGIN
    for text, size, colour, weight in plan.head:
        inch_text(picture, MARGIN, at, text, fontsize=size, color=colour, fontweight=weight)
        at += line_height(size)
    for verdict, n in counted_verdicts(plan.table):
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
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.log_tick(float(y))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.as_entered(float(y))))
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
        axes.axhspan(*zone, color=style.ZONE, linewidth=0, zorder=-5)
        axes.axhline(margin, color=style.INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1.5)
    if axis.null is not None:
        axes.axhline(axis.null, color=style.LINE, linewidth=0.8, zorder=1)


def _draw_one(
    axes: Axes, i: int, row: dict[Any, Any], plan: CurvePlan, ends: tuple[float, float]
) -> None:
    look = style.VERDICT_STYLES[row["verdict"]]
    usual = i == plan.usual
    value = float(row["estimate"])
    raw = [value if math.isnan(x) else float(x) for x in (row["ci_low"], row["ci_high"])]
    low, high = (min(max(x, ends[0]), ends[1]) for x in raw)
    line: dict[str, Any] = {"color": look.edge, "zorder": 2, "clip_on": False}
    axes.plot([i, i], [low, high], linewidth=1.8 if usual else 0.9, **line)
    size = min(4.5, max(2.0, 50 * plan.plot_width / len(plan.table)))
    axes.plot(
        [i], [value], marker=look.marker, markersize=size + 1.5 if usual else size,
        color=look.colour, markeredgecolor=style.INK if usual else look.edge,
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
        for v, low, high in plan.table[list(INTERVAL)].itertuples(index=False)
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
            inch_text(picture, *place, text, fontsize=small, color=style.MUTED, ha="right")


def _name_usual(picture: Picture, plan: CurvePlan, above: float, left: float) -> None:
    assert plan.usual is not None
    text, small = "usual choices", plan.size - 1
    width = text_width(text, small)
    at = plan.plot_left + plan.plot_width * (plan.usual + 0.7) / (len(plan.table) + 0.4)
    start = min(max(at - width / 2, left), plan.width - MARGIN - width)
    inch_text(picture, start, above, text, fontsize=small, color=style.MUTED)


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
            look: dict[str, Any] = {"color": style.INK} if option else {"color": style.MUTED}
            left = MARGIN + (0.1 if option else 0.0)
            inch_text(picture, left, top, text, fontsize=small, **look)
        if option:
            there = plan.table.index[plan.table[kind] == option]
            middle = at + height / 2
            axes.plot(
                [-0.5, len(plan.table) - 0.5], [middle, middle],
                color=style.RULE, linewidth=0.5, zorder=-4,
            )  # fmt: skip
            axes.plot(
                list(there), [middle] * len(there), linestyle="none", marker="s",
                markersize=size, color=style.PART, zorder=2,
            )  # fmt: skip
        at += height
    label = "specifications, by rising estimate"
    top = plan.choices_top + plan.choices_height + 0.04
    right = plan.width - MARGIN
    inch_text(picture, right, top, label, fontsize=plan.size - 0.5, color=style.MUTED, ha="right")
