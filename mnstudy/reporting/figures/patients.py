"""Patients beside the estimate: dots of groups, both sides of each person, courses over sessions.

Dots stand above the estimate on its scale; paired slopes and trajectories stand beside it, with the
mean of the pairs or the line of the fitted model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import intervals, style
from mnstudy.reporting.figures.chart import (
    Chart,
    Entry,
    Panel,
    Plan,
    Rows,
    level_of,
    numbers,
    numbers_at_risk,
    sample,
    whose,
)
from mnstudy.reporting.figures.style import Look, line_height, text_width, wrap
from mnstudy.verdicts.displays.pairs import Pairs
from mnstudy.verdicts.displays.points import PatientGroup, Points
from mnstudy.verdicts.displays.trajectories import Trajectories
from mnstudy.verdicts.finding.finding import Finding

Row = dict[Any, Any]

TALLEST = 0.62  # inches a crowd of dots may take
MEAN = 0.17  # inches for the mean beneath them
LABELS = 0.3  # share of the width that names may take
PAIRS_HEIGHT, COURSE_HEIGHT = 2.1, 2.2  # inches
PATIENT, FALLING, MODEL = 5, 4, 3  # places of their colours among those of groups
DASHES = {1: "", -1: (3, 1.5), 0: (1, 1)}  # of lines that rise, fall and do neither
DIRECTIONS = {1: "rising", -1: "falling", 0: "level"}
INTERVAL = ("ci_low", "ci_high")
SINGLY: dict[str, Any] = {"estimator": None, "errorbar": None, "legend": False}


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
        several = ", one with several rows at their mean" if points.several else ""
        return (
            f"{finding.claim.title}: estimation plot, {points.outcome} by group. "
            f"In the upper part each dot is a patient{several}; {self._means()}. "
            f"{self._second_axis()} {intervals.source_words(finding)}{self._adjusted()}"
            f"{self._in_both()}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        groups = "; ".join(_in_words(arm) for arm in self.points.arms)
        return (
            f"Dots by group above an interval. {whose(self.points.finding)}: {groups}. "
            f"{self._name}: {intervals.estimate_words(self.points.finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: dots, means of groups, the estimate."""
        points = self.points
        rows: list[Row] = [
            {"kind": "dot", "group": arm.label, "value": value, "n": 1}
            for arm in points.arms
            for value in arm.values
        ]
        rows += [
            {"kind": "mean", "group": arm.label, "value": arm.mean, "ci_low": arm.ci_low,
             "ci_high": arm.ci_high, "n": arm.size}
            for arm in points.arms
            if not np.isnan(arm.mean)
        ]  # fmt: skip
        rows += _estimates(points.finding, group=self._name, n=points.finding.n_patients)
        columns = "ci_low ci_high kind group value n unit zero_at"
        unit = _unit(points.finding)
        return _table(points.finding, columns, rows, unit=unit, zero_at=points.zero)

    def plan(self, look: Look) -> Plan:
        """Return the groups above the estimate, both on one scale."""
        panels = _Groups(self.points, self._name, look).panels(look)
        key = _point_key(self.points, look)
        return _plan(self, self.points.finding, panels, key, look, aligned=True)

    @property
    def _of_levels(self) -> bool:
        return self.points.finding.claim.analysis == "heterogeneity"

    @property
    def _name(self) -> str:
        if self._of_levels:
            return "largest difference"
        several = len(self.points.arms) > 1
        return " minus ".join(arm.label for arm in self.points.arms) if several else "mean"

    def _means(self) -> str:
        if len(self.points.arms) == 1:
            return "their mean is the estimate"
        adjusted = self._of_levels and self.points.adjusted
        return f"squares are the {'adjusted ' if adjusted else ''}means with their interval"

    def _second_axis(self) -> str:
        if len(self.points.arms) == 1:
            return "The estimate stands on the same scale."
        zero = "lowest mean" if self._of_levels else f"mean of {self.points.arms[1].label}"
        return f"The axis of the estimate has the same scale, its zero at the {zero}."

    def _adjusted(self) -> str:
        if not self.points.adjusted:
            return ""
        what = "dots" if self._of_levels else "dots and means of groups"
        return f" The {what} are not adjusted, the estimate is."

    def _in_both(self) -> str:
        n = self.points.in_both
        had = "patient has" if n == 1 else "patients have"
        return f" {n:,} {had} sites in both groups and a dot in each." if n else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairPlot(Chart):
    """Both arms of the patients of a split body or a crossover."""

    pairs: Pairs

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"pairs/{self.pairs.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        pairs, finding = self.pairs, self.pairs.finding
        several = ", an arm with several sites at their mean" if pairs.several else ""
        adjusted = " The lines are not adjusted, the estimate is." if pairs.adjusted else ""
        return (
            f"{finding.claim.title}: {pairs.outcome} in both arms of each patient, "
            f"{pairs.n_pairs:,} complete pairs; each thin line is a patient{several}, "
            f"the heavy line joins the means of all pairs. {self._left_out()}"
            f"{intervals.source_words(finding)}{adjusted}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        pairs = self.pairs
        ends = [f"{label} {_short(x)}" for label, x in zip(pairs.labels, pairs.means, strict=True)]
        return (
            f"Lines from one arm to the other, beside an interval. {whose(pairs.finding)}: "
            f"{pairs.n_pairs:,} pairs, means {' and '.join(ends)}; "
            f"difference {intervals.estimate_words(pairs.finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: lines, mean line, the estimate."""
        pairs = self.pairs
        rows: list[Row] = [
            {"kind": "line", "reference": a, "treated": b, "n": 1}
            for a, b in zip(pairs.reference, pairs.treated, strict=True)
        ]
        ends = dict(zip(("reference", "treated"), pairs.means, strict=True))
        rows.append({"kind": "mean", **ends, "n": pairs.n_pairs})
        rows += _estimates(pairs.finding)
        sides = dict(zip(("reference_side", "treated_side"), pairs.labels, strict=True))
        columns = "reference treated n value ci_low ci_high kind reference_side treated_side unit"
        return _table(pairs.finding, columns, rows, unit=_unit(pairs.finding), **sides)

    def plan(self, look: Look) -> Plan:
        """Return the lines with the difference beside them."""
        panel = Panel(draw=partial(_draw_pairs, self.pairs), height=PAIRS_HEIGHT)
        name = " minus ".join(self.pairs.labels[::-1])
        panels = [panel, _beside(self.pairs.finding, name, look)]
        return _plan(self, self.pairs.finding, panels, _pair_key(self.pairs, look), look)

    def _left_out(self) -> str:
        n = self.pairs.n_unpaired
        return f"Not drawn: {fmt.count(n, 'site')} without the other arm. " if n else ""


def _slope_of(finding: Finding) -> str:
    return "slope" if finding.comparison == "within" else "slope less that of untreated sites"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrajectoryPlot(Chart):
    """The course over sessions behind a slope within patients."""

    course: Trajectories

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"course/{self.course.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        course, finding = self.course, self.course.finding
        several = ", several sites of a patient at their mean" if course.several else ""
        return (
            f"{finding.claim.title}: improvement after each session, the first assessment after "
            f"it. Thin lines: single patients{several}. Squares, joined: means of those seen after "
            "that many sessions, six or more, their number beneath; others go on for more sessions "
            "than stop early. Circles: the first mean plus what the same patients gained from one "
            "number of sessions to the next. Dashed line: the fitted model of a patient with the "
            f"mean number of sessions ({fmt.number(course.mean_sessions)}), its "
            f"{_slope_of(finding)} is the estimate; shaded: pointwise {level_of(finding)} "
            f"interval. {_off(course)}{intervals.source_words(finding)}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        course = self.course
        rows = course.sessions[["session", "mean", "n"]].itertuples(index=False)
        means = ", ".join(
            f"{fmt.number(mean, 0)} after {session:g} ({n:,} patients)" for session, mean, n in rows
        )
        return (
            f"Lines over the number of sessions. {whose(course.finding)}: mean improvement "
            f"{means}; {_slope_of(course.finding)} {intervals.estimate_words(course.finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: lines, means, band, model, the estimate."""
        course = self.course
        sessions = course.sessions.rename(columns={"session": "x", "mean": "value"})
        patients = _lines(course).assign(n=1)
        parts = {"patient": patients, "session": sessions, "model": course.model}
        rows: list[Row] = [
            {"kind": kind, "unit": "points", **row}
            for kind, part in parts.items()
            for row in part.to_dict("records")
        ]
        rows += _estimates(course.finding, n=course.n_patients)
        return _table(course.finding, "line x value same ci_low ci_high n kind unit", rows)

    def plan(self, look: Look) -> Plan:
        """Return the courses with the slope beside them."""
        panel = Panel(draw=partial(_draw_courses, self.course), height=COURSE_HEIGHT)
        panels = [panel, _beside(self.course.finding, "slope", look)]
        key, said = _course_key(self.course, look), _off(self.course)
        return _plan(self, self.course.finding, panels, key, look, said=said)


def _off(course: Trajectories) -> str:
    """Say where the means lie off the interval of the line; empty where they do not."""
    sessions, model = course.sessions, course.model
    low, high = (np.interp(sessions["session"], model["x"], model[c]) for c in INTERVAL)
    said = []
    for column, name in (("mean", "the means"), ("same", "those of the same patients")):
        off = sessions["session"][(sessions[column] < low) | (sessions[column] > high)]
        if len(off):
            said.append(f"{name} after {' and '.join(f'{x:g}' for x in off)} sessions")
    return f"Off the straight line: {'; '.join(said)}. " if said else ""


def _in_words(arm: PatientGroup) -> str:
    return f"{arm.label}, {arm.size:,} patients" + (
        "" if np.isnan(arm.mean) else f", mean {_short(arm.mean)}"
    )


def _short(x: float) -> str:
    return fmt.number(x, fmt.decimals_for(x))


def _unit(finding: Finding) -> str:
    return finding.estimate.unit if finding.estimate else ""


def _estimates(finding: Finding, **more: object) -> list[Row]:
    """Return the rows of the estimate and of the interval of the family."""
    found = {"estimate": finding.estimate, "together": finding.simultaneous}
    return [
        {"kind": kind, "value": x.value, "ci_low": x.ci_low, "ci_high": x.ci_high, "unit": x.unit,
         **more}
        for kind, x in found.items() if x is not None
    ]  # fmt: skip


def _table(finding: Finding, columns: str, rows: Sequence[Row], **more: object) -> pd.DataFrame:
    """Return rows as a table that says of each whose it is; ``more`` is the same in all."""
    same = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    table = pd.DataFrame(rows).assign(**same, **more, margin=finding.margin)
    return table.reindex(columns=[*same, *columns.split(), "margin"]).astype({"n": "Int64"})


def _plan(
    chart: Chart, finding: Finding, panels: Sequence[Panel], key: Sequence[Entry], look: Look, *,
    aligned: bool = False, said: str = "",
) -> Plan:  # fmt: skip
    """Return a chart with its estimate: aligned beneath it, else beside it where there is room."""
    return Plan(
        title=finding.claim.title, alt=chart.alt, panels=panels, key=key,
        words=[*filter(None, [intervals.estimate_words(finding), said.strip()])],
        other_key=intervals.estimate_key(finding, look), synthetic=finding.synthetic,
        beside=not aligned, aligned=aligned,
    )  # fmt: skip


def _beside(finding: Finding, name: str, look: Look) -> Panel:
    """Return the estimate as a panel that stands beside another where there is room."""
    room = (look.width / 2 if look.wide else look.width) - 0.15
    return intervals.intervals_panel(intervals.effect_table(finding, name), look, room)


def _square(look: Look, name: str, **line: Any) -> Entry:
    return sample(look, marker="s", markersize=4.5, color=style.INK, **line), name


def _point_key(points: Points, look: Look) -> list[Entry]:
    dot = sample(look, marker="o", markersize=4, markeredgewidth=0.4,
                 color=look.groups[PATIENT], markeredgecolor=style.PART)  # fmt: skip
    return [
        (dot, "a patient"),
        *([_square(look, "mean of the group")] if len(points.arms) > 1 else []),
    ]


class _Groups:
    """Groups of dots, each as high as its crowd; the upright axis runs down in inches."""

    def __init__(self, points: Points, name: str, look: Look) -> None:
        self.points, effect = points, intervals.effect_table(points.finding, name)
        means = [_mean_row(arm, points.zero) for arm in points.arms]
        dots = [x - points.zero for arm in points.arms for x in arm.values]
        shown = replace(effect, rows=(*effect.rows, *means), keep=(0.0, *dots))
        low, high = intervals.extent(shown)
        self.effect = replace(effect, ends=(low, high))
        self.ends = (low + points.zero, high + points.zero)
        texts = [f"{arm.label}, {arm.size:,}{fmt.NBSP}patients" for arm in points.arms]
        names = min(LABELS * look.width, max(text_width(x, look.letters) for x in texts))
        self.room = look.width - names - look.pt(0.3)
        most = max(len(arm.values) for arm in points.arms)
        self.dot = 0.052 if most > 40 else 0.065
        inch = look.scale * (high - low) / self.room  # on paper, in the unit of the claim
        self.offsets = [stacked((a.values - self.ends[0]) / inch, self.dot) for a in points.arms]
        self.mean = MEAN if len(points.arms) > 1 else 0.0
        heights = [self.dot + 2 * x.max(initial=0) + self.mean for x in self.offsets]
        self.rows = Rows([(x, False) for x in texts], look, room=names, least=heights, pad=0.09)

    def panels(self, look: Look) -> list[Panel]:
        """Return the groups, and the estimate on their scale."""
        upper = Panel(draw=self.draw, height=self.rows.height)
        return [upper, intervals.intervals_panel(self.effect, look, self.room)]

    def draw(self, ax: Axes, look: Look) -> None:
        """Draw the patients of each group with their mean beneath them."""
        self.rows.draw(ax)
        ax.set_xlim(*self.ends)
        ax.axvline(self.points.zero, color=style.LINE, linewidth=look.pt(0.8), zorder=0.5)
        ax.hlines(self.rows.edges[1:-1], *self.ends, color=style.RULE, linewidth=look.pt(0.5),
                  zorder=0.4)  # fmt: skip
        rows = zip(self.points.arms, self.offsets, self.rows.middles, strict=True)
        for arm, offsets, middle in rows:
            sns.scatterplot(
                x=arm.values, y=middle + look.scale * (offsets - self.mean / 2), zorder=2, ax=ax,
                color=look.groups[PATIENT], edgecolor=style.PART, linewidth=look.pt(0.35),
                s=look.pt(0.86 * 72 * self.dot) ** 2, clip_on=False, legend=False,
            )  # fmt: skip
            under = middle + look.pt(self.dot / 2 + offsets.max(initial=0))
            intervals.draw_interval(ax, _mean_row(arm), under, self.ends, look)
        numbers(ax, y=False)
        outcome = f"{self.points.outcome}, {_unit(self.points.finding)}"
        ax.set(xlabel="\n".join(wrap(outcome, self.room, look.letters)), ylabel="")


def _mean_row(arm: PatientGroup, zero: float = 0.0) -> intervals.IntervalRow:
    """Return the mean of a group as a row, on a scale that begins at ``zero``."""
    return intervals.IntervalRow(
        label="", value=arm.mean - zero, low=arm.ci_low - zero, high=arm.ci_high - zero, bold=True,
        colour=style.INK, edge=style.INK,
    )  # fmt: skip


def stacked(places: NDArray[np.float64], dot: float) -> NDArray[np.float64]:
    """Return how far each dot stands off its line, so that as few as possible hide each other.

    Dots that share a stretch as wide as a dot stand on both sides of the line in turn; where they
    are too many for the height they come closer.
    """
    stretch = pd.Series(np.floor(places / dot))
    rank = stretch.groupby(stretch).cumcount().to_numpy()
    size = stretch.groupby(stretch).transform("size").to_numpy()
    step = min(dot, (TALLEST - dot) / max(size.max(initial=1) - 1, 1))
    side = np.where(rank % 2 == 1, 1.0, -1.0)
    offsets: NDArray[np.float64] = step * (side * ((rank + 1) // 2) - np.where(size % 2, 0, 0.5))
    return offsets


def _colours(look: Look) -> dict[int, str]:
    return {1: look.groups[PATIENT], -1: look.groups[FALLING], 0: style.LINE}


def _pair_key(pairs: Pairs, look: Look) -> list[Entry]:
    colours = _colours(look)
    found = set(np.sign(pairs.treated - pairs.reference))
    key = [
        (sample(look, color=colours[sign], linestyle=(0, DASHES[sign] or None), linewidth=1,
                marker="o", markersize=3), f"a patient, {name}")
        for sign, name in DIRECTIONS.items() if sign in found
    ]  # fmt: skip
    return [*key, _square(look, "mean of all pairs", linestyle="-", linewidth=2)]


def _draw_pairs(pairs: Pairs, ax: Axes, look: Look) -> None:
    change = np.sign(pairs.treated - pairs.reference)
    sides = pd.DataFrame({"change": change, 0: pairs.reference, 1: pairs.treated}).reset_index()
    sns.lineplot(
        sides.melt(["index", "change"], var_name="side"), x="side", y="value", units="index",
        hue="change", style="change", palette=_colours(look), dashes=DASHES,
        markers=dict.fromkeys(DASHES, "o"), markersize=look.pt(3.5),
        markeredgewidth=0, linewidth=look.pt(0.7), zorder=2, ax=ax,
        **SINGLY,
    )  # fmt: skip
    ax.plot([0, 1], pairs.means, color=style.INK, linewidth=look.pt(2), marker="s",
            markersize=look.pt(5.5), zorder=4)  # fmt: skip
    _upright(ax, f"{pairs.outcome}, {_unit(pairs.finding)}", PAIRS_HEIGHT, look)
    taken = ax.get_ylabel().count("\n") * line_height(look.letters)
    room = (ax.get_window_extent().width / ax.figure.get_dpi() - taken) / 2 - 0.08
    names = ["\n".join(wrap(label, room, look.letters)) for label in pairs.labels]
    ax.set(xlim=(-0.5, 1.5), xlabel="", xticks=[0, 1], xticklabels=names)


def _upright(ax: Axes, label: str, height: float, look: Look) -> None:
    """Name the upright axis and put numbers on it; a faint line marks its zero where it has one."""
    low, high = ax.get_ylim()
    if low < 0 < high:
        ax.axhline(0, color=style.RULE, linewidth=look.pt(0.6), zorder=0.5)
    numbers(ax, x=False, count=5)
    ax.set_ylabel("\n".join(wrap(label, look.pt(height), look.letters)))


def _course_key(course: Trajectories, look: Look) -> list[Entry]:
    line: dict[str, Any] = {"linestyle": "-", "linewidth": 1}
    who = (sample(look, color=look.groups[PATIENT], **line), "a patient")
    dashed: dict[str, Any] = {"linewidth": 1.4, "linestyle": style.DASHED}
    same = sample(look, color=style.INK, marker="o", markersize=4.5, markerfacecolor=style.PAPER)
    return [
        who, _square(look, "mean after that many sessions", **line),
        (same, "gains of the same patients added up"),
        (sample(look, color=look.groups[MODEL], **dashed), "straight line of the model"),
    ]  # fmt: skip


def _draw_courses(course: Trajectories, ax: Axes, look: Look) -> None:
    sessions, model, bold = course.sessions, course.model, look.groups[MODEL]
    _patients(ax, course, look)
    ax.plot(model["x"], model["value"], color=bold, linewidth=look.pt(2.2), zorder=5,
            linestyle=style.DASHED)  # fmt: skip
    means: dict[str, Any] = {"color": style.INK, "markersize": look.pt(4.5), "zorder": 6}
    ax.plot(sessions["session"], sessions["mean"], marker="s", linewidth=look.pt(1), **means)
    ax.plot(sessions["session"], sessions["same"], marker="o", linestyle="none",
            markerfacecolor=style.PAPER, **means | {"zorder": 5.5})  # fmt: skip
    ax.set_ylim(ax.get_ylim())  # a wide interval may run off
    ax.fill_between(model["x"], *(model[c] for c in INTERVAL), color=bold, alpha=0.25, linewidth=0,
                    zorder=4)  # fmt: skip
    last = max([*sessions["session"], *(x for xs, _ in course.lines for x in xs)])
    ax.set_xlim(sessions["session"].min() - 0.35, last + 0.35)
    counts = sessions["n"].map("{:,}".format)
    numbers_at_risk(ax, list(zip(sessions["session"], counts, strict=True)), look)
    ax.set_xlabel("sessions; beneath: number of patients")
    _upright(ax, "improvement, points", COURSE_HEIGHT, look)


def _patients(ax: Axes, course: Trajectories, look: Look) -> None:
    """Draw a thin line for each patient, a dot for those seen after one session only."""
    own: dict[str, Any] = {"color": look.groups[PATIENT], "linewidth": look.pt(0.35), "zorder": 2}
    for x, y in course.lines:
        ax.plot(x, y, marker="o" * (len(x) == 1), markersize=look.pt(2.2), **own)


def _lines(course: Trajectories) -> pd.DataFrame:
    lines = enumerate(course.lines, 1)
    rows = [(i, x, y) for i, line in lines for x, y in zip(*line, strict=True)]
    return pd.DataFrame(rows, columns=["line", "x", "value"])
