"""Grade flow: how many went from which grade before to which one at the final assessment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, Mark, mark, sheet
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.grades import GradeFlow, GradeTable

TALL = 1.5  # inches that all sites together take
NOMINAL = 0.07  # inches of a band whose count is suppressed: the same for all
GAP = 0.07
LABELS = 0.33  # share of the width that names may take on either side

Heights = Mapping[tuple[int, int], float]

SIDE_BY_SIDE = 5.0  # inches of room from which two arms stand beside each other
BETWEEN = 0.3
NODE = 0.09  # inches, the width of a bar
# Okabe and Ito; better goes down and worse goes up, whatever the colour
COLOURS = {"better": "#56b4e9", "same": style.LINE, "worse": "#e69f00"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradeChart(Chart):
    """Transitions between grades beside a claim."""

    flow: GradeFlow

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"grades/{self.flow.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        flow, finding = self.flow, self.flow.finding
        mark_of_data = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
        small = (
            " Dotted: counts not shown, fewer than five patients or what would give them away."
            if self._suppressed()
            else ""
        )
        control = (
            " One group without a control: natural course and regression to the mean are in it."
            if len(flow.arms) == 1
            else ""
        )
        return (
            f"{finding.claim.title}: sites by grade on {flow.scale} before the first session and "
            f"at the final assessment, {flow.better} grades are better. "
            f"{' '.join(self._size(a) for a in flow.arms)}{self._too_few()} "
            f"Data: {finding.dataset}.{mark_of_data} The height of a band is the number of sites, "
            f"counted and not adjusted; no interval belongs to a count.{small}{control} A grade is "
            "no percentage: these need not be the sites behind the estimate."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        flow, finding = self.flow, self.flow.finding
        synthetic = "synthetic data, " if finding.synthetic else ""
        arms = "; ".join(f"{arm.label}: {self._moves(arm)}" for arm in flow.arms)
        return (
            f"Bands from grades before to grades after. {finding.claim.title}, {synthetic}"
            f"{finding.dataset}, {flow.scale}; {arms}."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a pair of grades, totals included; a count that is suppressed is empty."""
        flow, finding = self.flow, self.flow.finding
        rows = [
            {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic,
             "scale": flow.scale, "group": arm.label, "before": str(before), "after": str(after),
             "n": arm.counts.loc[before, after], "shown": arm.words.loc[before, after],
             "move": _move(flow, before, after)}
            for arm in flow.arms
            for before in arm.counts.index
            for after in arm.counts.columns
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)

    def _suppressed(self) -> bool:
        return any(bool(arm.counts.isna().any(axis=None)) for arm in self.flow.arms)

    def _size(self, arm: GradeTable) -> str:
        left_out = f" ({arm.missing} without both grades left out)" if arm.missing else ""
        return f"{arm.label[:1].upper()}{arm.label[1:]}: {arm.size}{left_out}."

    def _too_few(self) -> str:
        return "".join(
            f" Not drawn: {label}, most cells hold fewer than five." for label in self.flow.too_few
        )

    def _moves(self, arm: GradeTable) -> str:
        pairs = [
            f"{arm.words.loc[a, b]} from {self.flow.names[a]} to {self.flow.names[b]}"
            for a in self.flow.names
            for b in self.flow.names
            if arm.words.loc[a, b] != "0"
        ]
        return ", ".join(pairs)


def _move(flow: GradeFlow, before: object, after: object) -> str:
    if not isinstance(before, int) or not isinstance(after, int):
        return "total"
    if before == after:
        return "same"
    return "better" if (after < before) == (flow.better == "lower") else "worse"


def _draw(chart: GradeChart, width: float, size: float) -> Picture:
    flow, inner = chart.flow, width - 2 * MARGIN
    beside = len(flow.arms) > 1 and inner >= SIDE_BY_SIDE
    room = (inner - BETWEEN) / 2 if beside else min(inner, SIDE_BY_SIDE)
    arms = [lay_out(flow, arm, room, size) for arm in flow.arms]
    heads = [wrap(f"{arm.label}: {arm.size}", room, size, bold=True) for arm in flow.arms]
    top_lines = [len(lines) * line_height(size) for lines in heads]
    heights = [
        above + line_height(size - 0.5) + 0.06 + arm.height
        for above, arm in zip(top_lines, arms, strict=True)
    ]
    body = max(heights) if beside else sum(heights) + BETWEEN * (len(heights) - 1)
    words = f"{flow.scale}, {flow.better} grades are better · {flow.finding.dataset}"
    head = Head(width=width, size=size, title=flow.finding.claim.title, words=words,
                marks=_marks(chart))  # fmt: skip
    with style.themed():
        picture, top = sheet(head, 0.1 + body, chart.alt)
        if flow.finding.synthetic:
            style.watermark(picture)
        top, left = top + 0.1, MARGIN
        for lines, arm, height in zip(heads, arms, heights, strict=True):
            _draw_arm(picture, lines, arm, (left, top), size)
            left, top = (left + room + BETWEEN, top) if beside else (left, top + height + BETWEEN)
    return picture


def _marks(chart: GradeChart) -> tuple[Mark, ...]:
    moves = set(chart.data().query("n > 0")["move"])
    look: dict[str, Any] = {"marker": "s", "markersize": 6, "markeredgecolor": style.PAPER}
    found = [mark(move, color=c, **look) for move, c in COLOURS.items() if move in moves]
    if chart._suppressed():
        found.append(mark("dotted: fewer than five, or would give such away", marker="_",
                          color=style.MUTED, markersize=8))  # fmt: skip
    return tuple(found)


def _draw_arm(
    picture: Picture, title: list[str], arm: ArmLayout, place: tuple[float, float], size: float
) -> None:
    left, top = place
    for line in title:
        inch_text(picture, left, top, line, fontsize=size, fontweight="bold")
        top += line_height(size)
    look: dict[str, Any] = {"fontsize": size - 0.5, "color": style.MUTED}
    inch_text(picture, left, top, "before", **look)
    inch_text(picture, left + arm.width, top, "final assessment", ha="right", **look)
    top += line_height(size - 0.5) + 0.06
    axes = inch_axes(picture, left + arm.labels, top, arm.width - 2 * arm.labels, arm.height)
    axes.set_axis_off()
    axes.set_xlim(0, arm.width - 2 * arm.labels)
    axes.set_ylim(arm.height, 0)
    for band in arm.bands:
        _draw_band(axes, band, arm, size)
    for node in arm.nodes:
        at = 0.0 if node.before else arm.width - 2 * arm.labels - NODE
        axes.fill_between([at, at + NODE], node.top, node.top + node.height, color=style.INK,
                          linewidth=0, zorder=4)  # fmt: skip
        start = top + node.top + (node.height - len(node.lines) * line_height(size)) / 2
        edge, side = (left, "left") if node.before else (left + arm.width, "right")
        for i, line in enumerate(node.lines):
            inch_text(picture, edge, start + i * line_height(size), line, fontsize=size, ha=side)


def _draw_band(axes: Axes, band: Band, arm: ArmLayout, size: float) -> None:
    start, end = NODE, arm.width - 2 * arm.labels - NODE
    half = (start + end) / 2
    if band.suppressed:
        one, other = band.left + band.left_height / 2, band.right + band.right_height / 2
        path = Path([(start, one), (half, one), (half, other), (end, other)],
                    [Path.MOVETO, *[Path.CURVE4] * 3])  # fmt: skip
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=style.MUTED, linewidth=1.0,
                                 linestyle=(0, (1, 1.5)), zorder=3))  # fmt: skip
        return
    low_left, low_right = band.left + band.left_height, band.right + band.right_height
    path = Path(
        [(start, band.left), (half, band.left), (half, band.right), (end, band.right),
         (end, low_right), (half, low_right), (half, low_left), (start, low_left),
         (start, band.left)],
        [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY],
    )  # fmt: skip
    axes.add_patch(PathPatch(path, facecolor=COLOURS[band.move], edgecolor=style.PAPER,
                             linewidth=0.6, zorder=2))  # fmt: skip
    if band.left_height >= 0.95 * size / 72:
        text: dict[str, Any] = {"fontsize": size - 0.5, "va": "center_baseline", "zorder": 5}
        axes.text(start + 0.06, band.left + band.left_height / 2, band.text, **text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The bar of one grade, before or after, and what stands beside it."""

    before: bool
    top: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A flow between two grades: its upper edge and its height at both ends."""

    left: float
    right: float
    left_height: float
    right_height: float
    move: str
    text: str
    suppressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLayout:
    """One arm laid out: bars, bands, and the room of the names on either side."""

    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]
    labels: float
    width: float
    height: float


def lay_out(flow: GradeFlow, arm: GradeTable, width: float, size: float) -> ArmLayout:
    """Lay the flow of an arm out in this width; the worst grade stands on top.

    Counts that are suppressed share out in equal parts what a total leaves for them; where the
    total is suppressed too, each takes the same room whatever it is.
    """
    grades = sorted(flow.names, reverse=flow.better == "lower")
    scale = TALL / max(_all(arm, grades, before=before) for before in (True, False))
    heights = {side: _heights(arm, grades, scale, before=side) for side in (True, False)}
    texts = {
        (grade, before): f"{flow.names[grade]}: {_total(arm, grade, before=before)}"
        for grade in grades
        for before in (True, False)
    }
    room = min(LABELS * width, max(text_width(t, size) for t in texts.values()))
    lines = {key: tuple(wrap(text, room, size)) for key, text in texts.items()}
    tops: dict[bool, dict[int, float]] = {}
    bottoms = []
    nodes = []
    for before in (True, False):
        at, tops[before] = 0.0, {}
        for grade in grades:
            own = sum(heights[before][pair] for pair in _pairs(grade, grades, before=before))
            slot = max(own, len(lines[grade, before]) * line_height(size))
            tops[before][grade] = at + (slot - own) / 2
            nodes.append(Node(before=before, top=tops[before][grade], height=own,
                              lines=lines[grade, before]))  # fmt: skip
            at += slot + GAP
        bottoms.append(at - GAP)
    return ArmLayout(
        nodes=tuple(nodes),
        bands=tuple(_bands(flow, arm, grades, heights, tops)),
        labels=room + 0.08,
        width=width,
        height=max(bottoms),
    )


def _all(arm: GradeTable, grades: Sequence[int], *, before: bool) -> float:
    """Return the sites that the bars of one side show."""
    return sum(_known(arm, grade, grades, before=before) for grade in grades) or 1.0


def _known(arm: GradeTable, grade: int, grades: Sequence[int], *, before: bool) -> float:
    """Return the total of a grade, or what is shown of it."""
    total = float(arm.counts.loc[(grade, "total") if before else ("total", grade)])
    if not math.isnan(total):
        return total
    counts = [float(arm.counts.loc[pair]) for pair in _pairs(grade, grades, before=before)]
    return sum(n for n in counts if not math.isnan(n))


def _heights(arm: GradeTable, grades: Sequence[int], scale: float, *, before: bool) -> Heights:
    """Return how high every band is on one side."""
    heights: dict[tuple[int, int], float] = {}
    for grade in grades:
        pairs = _pairs(grade, grades, before=before)
        counts = {pair: float(arm.counts.loc[pair]) for pair in pairs}
        shown = sum(n for n in counts.values() if not math.isnan(n))
        hidden = sum(math.isnan(n) for n in counts.values())
        rest = scale * (_known(arm, grade, grades, before=before) - shown)
        each = rest / hidden if rest > 0 and hidden else NOMINAL
        heights |= {pair: each if math.isnan(n) else scale * n for pair, n in counts.items()}
    return heights


def _pairs(grade: int, grades: Sequence[int], *, before: bool) -> list[tuple[int, int]]:
    return [(grade, other) if before else (other, grade) for other in grades]


def _total(arm: GradeTable, grade: int, *, before: bool) -> str:
    return str(arm.words.loc[grade, "total"] if before else arm.words.loc["total", grade])


def _bands(
    flow: GradeFlow, arm: GradeTable, grades: Sequence[int], heights: Mapping[bool, Heights],
    tops: Mapping[bool, Mapping[int, float]],
) -> list[Band]:  # fmt: skip
    left, right = dict(tops[True]), dict(tops[False])
    bands = []
    for a in grades:
        for b in grades:
            ends = heights[True][a, b], heights[False][a, b]
            if ends[0] > 0:
                up = (b > a) == (flow.better == "lower")
                bands.append(
                    Band(
                        left=left[a], right=right[b], left_height=ends[0], right_height=ends[1],
                        move="same" if a == b else "worse" if up else "better",
                        text=str(arm.words.loc[a, b]),
                        suppressed=math.isnan(float(arm.counts.loc[a, b])),
                    )
                )  # fmt: skip
            left[a] += ends[0]
            right[b] += ends[1]
    return bands
