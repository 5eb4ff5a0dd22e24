"""Lines of patients: both sides of each person, and improvement from session to session.

Paired slopes stand beside the mean of them and the difference; trajectories behind the line of the
fitted model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, Mark, mark, sheet
from mnstudy.reporting.figures.drawing import (
    EffectAxis,
    estimate_marks,
    estimate_words,
    source_words,
)
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.verdicts.displays.pairs import Pairs
from mnstudy.verdicts.displays.trajectories import Trajectories

SIDE_BY_SIDE = 5.0  # inches of room from which the estimate stands beside the slopes
AXIS = 0.5  # inches for the numbers of the upright axis
HEIGHT = 2.1
BETWEEN = 0.35
# Okabe and Ito; a dash of its own for each direction
BETTER, WORSE, SAME = ("#56b4e9", "-"), ("#d55e00", (0, (3, 1.5))), (style.LINE, (0, (1, 1)))

COURSE_HEIGHT = 2.2
ONE = "#56b4e9"  # Okabe and Ito
MODEL = "#0072b2"
BAND = "#d8dee6"  # a fifth of the colour of further numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairPlot(Chart):
    """Both sides of the patients of a split body."""

    pairs: Pairs

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"pairs/{self.pairs.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        pairs, finding = self.pairs, self.pairs.finding
        line = "each thin line is a patient"
        if not pairs.single:
            line = (
                "each thin line is the mean of five or more neighbouring patients sorted by their "
                "difference (microaggregation)"
            )
        several = ", a side with several sites at their mean" if pairs.several else ""
        return (
            f"{finding.claim.title}: {pairs.outcome} on both sides of the body, "
            f"{pairs.n_pairs} complete pairs; {line}{several}, the heavy line joins "
            f"the means of all pairs. {self._left_out()}{source_words(finding)}{self._adjusted()}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        pairs, finding = self.pairs, self.pairs.finding
        synthetic = "synthetic data, " if finding.synthetic else ""
        ends = [
            f"{label} {fmt.number(mean, fmt.decimals_for(mean))}"
            for label, mean in zip(pairs.labels, pairs.means, strict=True)
        ]
        return (
            f"Lines from one side to the other, beside an interval. {finding.claim.title}, "
            f"{synthetic}{finding.dataset}: {pairs.n_pairs} pairs, means "
            f"{' and '.join(ends)}; difference {estimate_words(finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: lines, mean line, the estimate."""
        return pd.DataFrame(_data(self.pairs))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)

    def _left_out(self) -> str:
        n = self.pairs.n_unpaired
        sites = "site" if n == "1" else "sites"
        return f"Not drawn, but in the estimate: {n} {sites} without the other side. " if n else ""

    def _adjusted(self) -> str:
        return " The lines are not adjusted, the estimate is." if self.pairs.adjusted else ""


def _data(pairs: Pairs) -> list[dict[str, object]]:
    finding, nothing = pairs.finding, np.nan
    estimate = finding.estimate
    assert estimate is not None
    same = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    more = "" if pairs.single else " or more"
    rows: list[dict[str, object]] = [
        {"kind": "line", "reference": a, "treated": b, "n": f"{n}{more}"}
        for a, b, n in zip(pairs.reference, pairs.treated, pairs.counts, strict=True)
    ]
    reference, treated = pairs.means
    rows.append(
        {
            "kind": "mean",
            "reference": reference,
            "treated": treated,
            "n": fmt.ungrouped(str(pairs.n_pairs)),
        }
    )
    for kind, found in (("estimate", estimate), ("together", finding.simultaneous)):
        if found is not None:
            rows.append(
                {"kind": kind, "value": found.value, "ci_low": found.ci_low,
                 "ci_high": found.ci_high}
            )  # fmt: skip
    blank = dict.fromkeys(("reference", "treated", "n", "value", "ci_low", "ci_high"), nothing)
    sides = {"reference_side": pairs.labels[0], "treated_side": pairs.labels[1],
            "unit": estimate.unit, "margin": finding.margin}  # fmt: skip
    return [same | blank | row | sides for row in rows]


def _draw(chart: PairPlot, width: float, size: float) -> Picture:
    pairs, inner = chart.pairs, width - 2 * MARGIN
    beside = inner >= SIDE_BY_SIDE
    slopes = (0.5 * inner if beside else inner) - AXIS
    names = [wrap(label, slopes / 2 - 0.08, size) for label in pairs.labels]
    under = max(map(len, names)) * line_height(size) + 0.1
    left = MARGIN + AXIS + slopes + BETWEEN if beside else MARGIN + 0.1
    axis = EffectAxis(finding=pairs.finding, label="difference", left=left, size=size,
                      width=MARGIN + inner - left - 0.1)  # fmt: skip
    body = max(HEIGHT + under, axis.height) if beside else HEIGHT + under + 0.1 + axis.height
    head = Head(width=width, size=size, title=pairs.finding.claim.title,
                words=estimate_words(pairs.finding), marks=_marks(pairs))  # fmt: skip
    with style.themed():
        picture, top = sheet(head, 0.08 + body, chart.alt)
        if pairs.finding.synthetic:
            style.watermark(picture)
        top += 0.08
        axes = inch_axes(picture, MARGIN + AXIS, top, slopes, HEIGHT)
        _slopes(axes, pairs, size)
        for i, lines in enumerate(names):
            for k, line in enumerate(lines):
                place = MARGIN + AXIS + slopes * (0.25 + 0.5 * i)
                at = top + HEIGHT + 0.06 + k * line_height(size)
                inch_text(picture, place, at, line, fontsize=size, ha="center")
        axis.draw(picture, top + (HEIGHT - axis.height) / 2 if beside else top + body - axis.height)
    return picture


def _marks(pairs: Pairs) -> tuple[Any, ...]:
    who = "a patient" if pairs.single else "five or more patients"
    found = []
    for what, (colour, _), sign in (
        ("rising", BETTER, 1),
        ("falling", WORSE, -1),
        ("level", SAME, 0),
    ):
        if (np.sign(pairs.treated - pairs.reference) == sign).any():
            arrow = {1: "^", -1: "v", 0: "_"}[sign]
            name = f"{who}, {what}"
            found.append(mark(name, marker=arrow, markersize=4.5, color=colour))
    found.append(mark("mean of all pairs", marker="s", markersize=4.5, color=style.INK))
    return (*found, *estimate_marks(pairs.finding))


def _slopes(axes: Axes, pairs: Pairs, size: float) -> None:
    values = np.concatenate([pairs.reference, pairs.treated, pairs.means])
    low, high = float(values.min()), float(values.max())
    pad = 0.05 * ((high - low) or max(abs(high), 1.0))
    axes.set_ylim(low - pad, high + pad)
    axes.set_xlim(0, 2)
    axes.set_xticks([])
    axes.spines["left"].set_visible(True)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.as_entered(round(float(y), 10))))
    axes.tick_params(axis="y", labelsize=size - 0.5)
    unit = pairs.finding.estimate.unit if pairs.finding.estimate else ""
    axes.set_ylabel("\n".join(wrap(f"{pairs.outcome}, {unit}", HEIGHT, size)), fontsize=size)
    if low < 0 < high:
        axes.axhline(0, color=style.RULE, linewidth=0.6, zorder=0.5)
    _lines(axes, pairs)
    heavy: dict[str, Any] = {"color": style.INK, "linewidth": 2.0, "marker": "s", "markersize": 5.5}
    axes.plot([0.5, 1.5], pairs.means, zorder=4, **heavy)


def _lines(axes: Axes, pairs: Pairs) -> None:
    change = np.sign(pairs.treated - pairs.reference)
    width = 0.7 if pairs.single else 1.3
    for sign, (colour, dash) in ((1, BETTER), (0, SAME), (-1, WORSE)):
        own = change == sign
        ends = [
            [(0.5, a), (1.5, b)]
            for a, b in zip(pairs.reference[own], pairs.treated[own], strict=True)
        ]
        axes.add_collection(
            LineCollection(ends, colors=colour, linewidths=width, linestyles=[dash], zorder=2),
            autolim=False,
        )
        dots: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": colour, "zorder": 3}
        size = 2.6 if pairs.single else 4.0
        axes.plot(np.full(own.sum(), 0.5), pairs.reference[own], markersize=size, **dots)
        axes.plot(np.full(own.sum(), 1.5), pairs.treated[own], markersize=size, **dots)


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
        level = fmt.level(finding.estimate.confidence_level) if finding.estimate else ""
        several = ", several sites of a patient at their mean" if course.several else ""
        who = f"Thin lines: single patients{several}. "
        band = ""
        if not course.lines:
            who = f"No line is a patient{several}. "
            band = (
                "Shaded: from the mean of the five patients about the lower quartile to that of "
                "the five about the upper one. "
            )
        return (
            f"{finding.claim.title}: improvement after each session, the first assessment after "
            f"it. {who}Squares: means of those seen after that many sessions, where they are five "
            f"or more; others stay on for more sessions than stop early. {band}Heavy line: the "
            f"fitted model of a patient with the mean number of sessions "
            f"({fmt.number(course.mean_sessions)}), its slope is the estimate; dashed: pointwise "
            f"{level} interval. {source_words(finding)}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        course, finding = self.course, self.course.finding
        synthetic = "synthetic data, " if finding.synthetic else ""
        means = ", ".join(
            f"{fmt.number(mean, 0)} after {session:g} ({n} patients)"
            for session, mean, n in zip(
                *(course.sessions[c] for c in ("session", "mean", "n")), strict=True
            )
        )
        return (
            f"Lines over the number of sessions. {finding.claim.title}, {synthetic}"
            f"{finding.dataset}: mean improvement {means}; slope {estimate_words(finding)}."
        )

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn: lines, means, band, model, the estimate."""
        return pd.DataFrame(_course_data(self.course))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_courses(self, width, size)


def _course_data(course: Trajectories) -> list[dict[str, object]]:
    finding = course.finding
    estimate = finding.estimate
    assert estimate is not None
    same = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    rows: list[dict[str, object]] = [
        {"kind": "patient", "line": i, "x": x, "value": y, "n": "1"}
        for i, line in enumerate(course.lines, 1)
        for x, y in zip(*line, strict=True)
    ]
    rows += [
        {
            "kind": "session",
            "x": row["session"],
            "value": row["mean"],
            "n": fmt.ungrouped(row["n"]),
        }
        | {name: row[name] for name in _quarters(course)}
        for row in course.sessions.to_dict("records")
    ]
    rows += [{"kind": "model"} | {str(k): v for k, v in row.items()}
             for row in course.model.to_dict("records")]  # fmt: skip
    patients = fmt.ungrouped(str(course.n_patients))
    for kind, found in (("estimate", estimate), ("together", finding.simultaneous)):
        if found is not None:
            ends = {"ci_low": found.ci_low, "ci_high": found.ci_high}
            rows.append({"kind": kind, "value": found.value, "n": patients, **ends})
    names = ("line", "x", "value", "ci_low", "ci_high", *_quarters(course), "n")
    blank: dict[str, object] = dict.fromkeys(names, np.nan)
    units = {"estimate": estimate.unit, "together": estimate.unit}
    return [
        same | blank | row | {"unit": units.get(str(row["kind"]), "points"),
                              "margin": finding.margin}
        for row in rows
    ]  # fmt: skip


def _quarters(course: Trajectories) -> tuple[str, ...]:
    """Name the columns of the band; none where patients are drawn instead."""
    return () if course.lines else ("quarter_low", "quarter_high")


def _draw_courses(chart: TrajectoryPlot, width: float, size: float) -> Picture:
    course, inner = chart.course, width - 2 * MARGIN
    beside = inner >= SIDE_BY_SIDE
    room = (0.58 * inner if beside else inner) - AXIS - 0.08
    left = MARGIN + AXIS + room + BETWEEN if beside else MARGIN + 0.1
    axis = EffectAxis(finding=course.finding, label="slope", left=left, size=size,
                      width=MARGIN + inner - left - 0.1)  # fmt: skip
    under = 0.08 + 3.2 * line_height(size)
    body = (
        max(COURSE_HEIGHT + under, axis.height)
        if beside
        else COURSE_HEIGHT + under + 0.1 + axis.height
    )
    head = Head(width=width, size=size, title=course.finding.claim.title,
                words=estimate_words(course.finding), marks=_course_marks(course))  # fmt: skip
    with style.themed():
        picture, top = sheet(head, 0.08 + body, chart.alt)
        if course.finding.synthetic:
            style.watermark(picture)
        top += 0.08
        axes = inch_axes(picture, MARGIN + AXIS, top, room, COURSE_HEIGHT)
        _course(axes, course)
        _labels(axes, course, room, size)
        axis.draw(
            picture, top + (COURSE_HEIGHT - axis.height) / 2 if beside else top + body - axis.height
        )
    return picture


def _course_marks(course: Trajectories) -> tuple[Mark, ...]:
    if course.lines:
        who = mark("a patient", marker="_", markersize=8, color=ONE)
    else:
        who = mark("lower to upper quartile", marker="s", markersize=6, color=BAND)
    return (
        who,
        mark("mean after that many sessions", marker="s", markersize=4.5, color=style.INK),
        mark("model", marker="_", markersize=8, markeredgewidth=2.0, color=MODEL),
        *estimate_marks(course.finding),
    )


def _course(axes: Axes, course: Trajectories) -> None:
    sessions, model = course.sessions, course.model
    values = [y for _, ys in course.lines for y in ys]
    values += [*sessions["mean"], *model["value"]]
    values += [*sessions[list(_quarters(course))].to_numpy().ravel()]
    known = [y for y in values if np.isfinite(y)]
    pad = 0.05 * ((max(known) - min(known)) or 1.0)
    axes.set_ylim(min(known) - pad, max(known) + pad)
    last = max([*sessions["session"], *(x for xs, _ in course.lines for x in xs)])
    axes.set_xlim(float(sessions["session"].min()) - 0.35, float(last) + 0.35)
    if min(known) < 0 < max(known):
        axes.axhline(0, color=style.RULE, linewidth=0.6, zorder=0.5)
    _patients(axes, course)
    line: dict[str, Any] = {"color": MODEL, "zorder": 5}
    axes.plot(model["x"], model["value"], linewidth=2.2, **line)
    for end in ("ci_low", "ci_high"):
        axes.plot(model["x"], model[end], linewidth=1.0, linestyle=(0, (4, 2)), **line)
    mean: dict[str, Any] = {"color": style.INK, "linestyle": "none", "zorder": 6}
    axes.plot(sessions["session"], sessions["mean"], marker="s", markersize=4.5, **mean)


def _patients(axes: Axes, course: Trajectories) -> None:
    """Draw a thin line for each patient, or the band of the quartiles where nobody is shown."""
    if course.lines:
        lines = [np.column_stack(line) for line in course.lines if len(line[0]) > 1]
        axes.add_collection(
            LineCollection(lines, colors=ONE, linewidths=0.35, zorder=2), autolim=False
        )
        alone = [(xs[0], ys[0]) for xs, ys in course.lines if len(xs) == 1]
        dots: dict[str, Any] = {"marker": ".", "linestyle": "none", "color": ONE, "zorder": 2}
        axes.plot(*zip(*alone, strict=True), markersize=2.5, **dots) if alone else None
        return
    band = course.sessions.dropna()
    ends = (band["quarter_low"], band["quarter_high"])
    if len(band) > 1:
        axes.fill_between(band["session"], *ends, color=BAND, linewidth=0, zorder=1)
    for x, low, high in zip(band["session"], *ends, strict=True):
        axes.plot([x, x], [low, high], color=style.LINE, linewidth=0.8, zorder=2)


def _labels(axes: Axes, course: Trajectories, room: float, size: float) -> None:
    sessions = course.sessions
    counts = [str(n) for n in sessions["n"]]
    low, high = axes.get_xlim()
    each = room / (high - low) * float(np.diff(sessions["session"]).min())
    step = max(1, int(np.ceil((max(text_width(c, size) for c in counts) + 0.05) / each)))
    places = sessions["session"].to_numpy()[::step]
    names = [f"{x:g}\n{n}" for x, n in zip(places, counts[::step], strict=True)]
    axes.set_xticks(places, names)
    axes.spines["left"].set_visible(True)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.as_entered(round(float(y), 10))))
    axes.tick_params(labelsize=size - 0.5)
    axes.set_xlabel("sessions; beneath: number of patients", fontsize=size, labelpad=2)
    axes.set_ylabel("improvement, points", fontsize=size, labelpad=2)
