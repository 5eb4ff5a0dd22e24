"""Estimation plots: the patients of each group as dots, and the estimate on a second axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.drawing import (
    EffectAxis,
    draw_interval,
    estimate_marks,
    estimate_words,
    plain_ticks,
    source_words,
)
from mnstudy.reporting.figures.intervals import IntervalRow
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.reporting.words import verdict_axis
from mnstudy.verdicts.displays.points import PatientGroup, Points

TALLEST = 0.62  # inches a crowd of dots may take
MEAN = 0.17  # inches for the mean beneath them
Ends = tuple[float, float]

DOT = "#56b4e9"  # sky blue of Okabe and Ito: paler than whatever is estimated
LABELS = 0.3  # share of the width that names may take
GROUPED = "each dot is the mean of five or more neighbouring patients sorted by value"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointPlot(Chart):
    """The patients of a claim's groups beside its estimate."""

    points: Points

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"points/{self.points.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        points, finding = self.points, self.points.finding
        dot = "each dot is a patient" if points.single else f"{GROUPED} (microaggregation)"
        several = ", one with several rows at their mean" if points.several else ""
        return (
            f"{finding.claim.title}: estimation plot, {points.outcome} by group. "
            f"In the upper part {dot}{several}; {self._means()}. {self._second_axis()} "
            f"{source_words(finding)}{self._adjusted()}{self._in_both()}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        points, finding = self.points, self.points.finding
        groups = "; ".join(_in_words(arm) for arm in points.arms)
        synthetic = "synthetic data, " if finding.synthetic else ""
        return (
            f"Dots by group above an interval. {finding.claim.title}, {synthetic}"
            f"{finding.dataset}: {groups}. {self._name().capitalize()}: {estimate_words(finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: dots, means of groups, the estimate."""
        return pd.DataFrame(_data(self.points, self._name()))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size, self._name())

    @property
    def _of_levels(self) -> bool:
        return self.points.finding.claim.analysis == "heterogeneity"

    def _name(self) -> str:
        if self._of_levels:
            return "largest difference"
        return "difference" if len(self.points.arms) > 1 else "mean"

    def _means(self) -> str:
        if len(self.points.arms) == 1:
            return "their mean is the estimate"
        adjusted = self._of_levels and self.points.adjusted
        return f"squares are the {'adjusted ' if adjusted else ''}means with their interval"

    def _second_axis(self) -> str:
        if len(self.points.arms) == 1:
            return "The estimate stands on the same scale."
        group = "lowest mean" if self._of_levels else "mean of the reference"
        return f"The axis of the estimate has the same scale, its zero at the {group}."

    def _adjusted(self) -> str:
        if not self.points.adjusted:
            return ""
        what = "dots" if self._of_levels else "dots and means of groups"
        return f" The {what} are not adjusted, the estimate is."

    def _in_both(self) -> str:
        n = self.points.in_both
        had = "patient has" if n == "1" else "patients have"
        return f" {n} {had} sites in both groups and a dot in each." if n else ""


def _in_words(arm: PatientGroup) -> str:
    size = f", {arm.size} patients" if arm.size else ""
    if np.isnan(arm.mean):
        return f"{arm.label}{size}"
    return f"{arm.label}{size}, mean {fmt.number(arm.mean, fmt.decimals_for(arm.mean))}"


def _count(n: int, points: Points) -> str:
    return str(n) if points.single else f"{n} or more"


def _data(points: Points, name: str) -> list[dict[str, object]]:
    finding = points.finding
    estimate = finding.estimate
    assert estimate is not None
    same = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    rows: list[dict[str, object]] = [
        {"kind": "dot", "group": arm.label, "value": value, "n": _count(n, points)}
        for arm in points.arms
        for value, n in zip(arm.values, arm.counts, strict=True)
    ]
    rows += [
        {"kind": "mean", "group": arm.label, "value": arm.mean, "ci_low": arm.ci_low,
         "ci_high": arm.ci_high, "n": fmt.ungrouped(str(arm.size))}
        for arm in points.arms
        if not np.isnan(arm.mean)
    ]  # fmt: skip
    patients = fmt.ungrouped(str(points.n_patients))
    for kind, found in (("estimate", estimate), ("together", finding.simultaneous)):
        if found is not None:
            rows.append(
                {"kind": kind, "group": name, "value": found.value, "ci_low": found.ci_low,
                 "ci_high": found.ci_high, "n": patients}
            )  # fmt: skip
    ends = {"ci_low": np.nan, "ci_high": np.nan}
    more = {"unit": estimate.unit, "zero_at": points.zero, "margin": finding.margin}
    return [same | ends | row | more for row in rows]


def _draw(chart: PointPlot, width: float, size: float, name: str) -> Picture:
    points, inner = chart.points, width - 2 * MARGIN
    names = [t for arm in points.arms for t in (arm.label, _size(arm))]
    labels = min(LABELS * inner, max(text_width(t, size) for t in names)) + 0.02
    left, room, ends = MARGIN + labels + 0.1, inner - labels - 0.22, ends_of(points)
    dot = 0.075 if not points.single else 0.052 if _most(points) > 40 else 0.065
    groups = [lay_out(arm, ends, room, labels, size, dot) for arm in points.arms]
    shifted = (ends[0] - points.zero, ends[1] - points.zero)
    axis = EffectAxis(
        finding=points.finding, label=name, left=left, width=room, size=size, ends=shifted
    )
    head = Head(width=width, size=size, title=points.finding.claim.title,
                words=estimate_words(points.finding), marks=_marks(points))  # fmt: skip
    outcome = wrap(f"{points.outcome}, {_unit(points)}", room, size)
    upper = sum(g.height for g in groups)
    lower = 0.1 + line_height(size - 0.5) + len(outcome) * line_height(size) + 0.08
    with style.themed():
        picture, top = sheet(head, 0.06 + upper + lower + axis.height, chart.alt)
        if points.finding.synthetic:
            style.watermark(picture)
        top += 0.06
        axes = inch_axes(picture, left, top, room, upper)
        _upper(axes, points, groups, ends, dot)
        plain_ticks(axes, room, size)
        axes.set_xlabel("\n".join(outcome), fontsize=size, labelpad=2)
        for group in groups:
            _name_group(picture, points, group, top)
            top += group.height
        axis.draw(picture, top + lower)
    return picture


def _most(points: Points) -> int:
    return max(len(arm.values) for arm in points.arms)


def _unit(points: Points) -> str:
    return points.finding.estimate.unit if points.finding.estimate else ""


def _size(arm: PatientGroup) -> str:
    return f"{arm.size} patients" if arm.size else "number not shown"


def _marks(points: Points) -> tuple[Any, ...]:
    what = "a patient" if points.single else "mean of five or more patients"
    dot: dict[str, Any] = {"marker": "o", "markeredgecolor": style.PART, "markeredgewidth": 0.4}
    found = [mark(what, color=DOT, markersize=4 if points.single else 5.5, **dot)]
    if len(points.arms) > 1:
        found.append(mark("mean of the group", marker="s", markersize=4.5, color=style.INK))
    return (*found, *estimate_marks(points.finding))


def _upper(axes: Axes, points: Points, groups: Sequence[Group], ends: Ends, dot: float) -> None:
    height, at = sum(g.height for g in groups), 0.0
    axes.set_xlim(*ends)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.plot([points.zero] * 2, [0, height], color=style.LINE, linewidth=0.8, zorder=0.5)
    look: dict[str, Any] = {"marker": "o", "markersize": 0.86 * 72 * dot, "linestyle": "none"}
    for group in groups:
        middle = at + 0.045 + group.crowd / 2
        axes.plot(
            group.arm.values, middle + group.offsets - _centre(group.offsets), color=DOT, zorder=2,
            markeredgecolor=style.PART, markeredgewidth=0.35, clip_on=False, **look,
        )  # fmt: skip
        arm = group.arm
        mean = IntervalRow(
            label="", value=arm.mean, low=arm.ci_low, high=arm.ci_high, colour=style.INK,
            edge=style.INK, bold=True,
        )  # fmt: skip
        draw_interval(axes, mean, at + 0.045 + group.crowd + MEAN / 2, ends, clip_height=0.05)
        at += group.height
        if group is not groups[-1]:
            axes.plot(ends, [at, at], color=style.RULE, linewidth=0.5, zorder=0.4)


def _centre(offsets: NDArray[np.float64]) -> float:
    return float(offsets.max() + offsets.min()) / 2 if len(offsets) else 0.0


def _name_group(picture: Picture, points: Points, group: Group, top: float) -> None:
    size, at = group.size, top + 0.03
    for line in group.label:
        inch_text(picture, MARGIN, at, line, fontsize=size)
        at += line_height(size)
    look: dict[str, Any] = {"fontsize": size - 0.5, "color": style.MUTED}
    inch_text(picture, MARGIN, at, _size(group.arm), **look)


def ends_of(points: Points) -> Ends:
    """Return the ends of the axis of the groups: dots, means, estimate and margin lie inside."""
    finding, axis = points.finding, verdict_axis(points.finding)
    assert finding.estimate is not None
    shifted = [finding.estimate.value, axis.margin, 0.0, axis.other_margin]
    core = [*(x for arm in points.arms for x in arm.values), *(a.mean for a in points.arms)]
    core += [points.zero + x for x in shifted if x is not None]
    known = [x for x in core if np.isfinite(x)]
    low, high = min(known), max(known)
    room = (high - low) or 1.0
    wide = [x for a in points.arms for x in (a.ci_low, a.ci_high)]
    wide += [points.zero + x for x in (finding.estimate.ci_low, finding.estimate.ci_high)]
    inside = [x for x in wide if low - room <= x <= high + room]
    low, high = min([low, *inside]), max([high, *inside])
    return low - 0.04 * (high - low or 1.0), high + 0.04 * (high - low or 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """One group laid out: its name, and where its dots stand in inches."""

    arm: PatientGroup
    label: tuple[str, ...]
    places: NDArray[np.float64]
    offsets: NDArray[np.float64]
    crowd: float
    size: float

    @property
    def height(self) -> float:
        """Height of the name, or of dots and mean, in inches."""
        lines = (len(self.label) + 1) * line_height(self.size)
        mean = 0.0 if np.isnan(self.arm.mean) else MEAN
        return max(lines, self.crowd + mean) + 0.09


def lay_out(
    arm: PatientGroup, ends: Ends, room: float, labels: float, size: float, dot: float
) -> Group:
    """Lay a group out: ``room`` for dots, ``labels`` for its name, ``dot`` wide, in inches."""
    places = room * (arm.values - ends[0]) / (ends[1] - ends[0])
    offsets = stacked(places, dot)
    return Group(
        arm=arm,
        label=tuple(wrap(arm.label, labels, size)),
        places=places,
        offsets=offsets,
        crowd=float(np.ptp(offsets) if len(offsets) else 0) + dot,
        size=size,
    )


def stacked(places: NDArray[np.float64], dot: float) -> NDArray[np.float64]:
    """Return how far each dot stands off its line, so that as few as possible hide each other.

    Dots that share a stretch as wide as a dot stand on both sides of the line in turn; where they
    are too many for the height they come closer.
    """
    stretch = np.floor(places / dot).astype(int)
    rank = pd.Series(stretch).groupby(stretch).cumcount().to_numpy()
    size = pd.Series(stretch).groupby(stretch).transform("size").to_numpy()
    most = int(size.max()) if len(size) else 1
    step = min(dot, (TALLEST - dot) / max(most - 1, 1))
    side = np.where(rank % 2 == 1, 1.0, -1.0)
    offsets: NDArray[np.float64] = side * ((rank + 1) // 2) * step + np.where(
        size % 2 == 0, -step / 2, 0.0
    )
    return offsets
