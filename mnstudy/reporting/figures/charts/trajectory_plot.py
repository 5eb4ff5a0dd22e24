"""Trajectories: improvement from session to session, with the line of the fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, Mark, mark, sheet
from mnstudy.reporting.figures.effect_axis import (
    EffectAxis,
    estimate_marks,
    estimate_words,
    source_words,
)
from mnstudy.reporting.figures.lettering import line_height, text_width
from mnstudy.reporting.figures.style import Picture, inch_axes
from mnstudy.verdicts.displays.trajectories import Trajectories

SIDE_BY_SIDE = 5.0  # inches of room from which the estimate stands beside the course
AXIS = 0.5
HEIGHT = 2.2
BETWEEN = 0.35
ONE = "#56b4e9"  # Okabe and Ito
MODEL = "#0072b2"
BAND = "#d8dee6"  # a fifth of the colour of further numbers


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
        return pd.DataFrame(_data(self.course))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def _data(course: Trajectories) -> list[dict[str, object]]:
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


def _draw(chart: TrajectoryPlot, width: float, size: float) -> Picture:
    course, inner = chart.course, width - 2 * MARGIN
    beside = inner >= SIDE_BY_SIDE
    room = (0.58 * inner if beside else inner) - AXIS - 0.08
    left = MARGIN + AXIS + room + BETWEEN if beside else MARGIN + 0.1
    axis = EffectAxis(finding=course.finding, label="slope", left=left, size=size,
                      width=MARGIN + inner - left - 0.1)  # fmt: skip
    under = 0.08 + 3.2 * line_height(size)
    body = max(HEIGHT + under, axis.height) if beside else HEIGHT + under + 0.1 + axis.height
    head = Head(width=width, size=size, title=course.finding.claim.title,
                words=estimate_words(course.finding), marks=_marks(course))  # fmt: skip
    with theme.themed():
        picture, top = sheet(head, 0.08 + body, chart.alt)
        if course.finding.synthetic:
            theme.watermark(picture)
        top += 0.08
        axes = inch_axes(picture, MARGIN + AXIS, top, room, HEIGHT)
        _course(axes, course)
        _labels(axes, course, room, size)
        axis.draw(picture, top + (HEIGHT - axis.height) / 2 if beside else top + body - axis.height)
    return picture


def _marks(course: Trajectories) -> tuple[Mark, ...]:
    if course.lines:
        who = mark("a patient", marker="_", markersize=8, color=ONE)
    else:
        who = mark("lower to upper quartile", marker="s", markersize=6, color=BAND)
    return (
        who,
        mark("mean after that many sessions", marker="s", markersize=4.5, color=theme.INK),
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
        axes.axhline(0, color=theme.RULE, linewidth=0.6, zorder=0.5)
    _patients(axes, course)
    line: dict[str, Any] = {"color": MODEL, "zorder": 5}
    axes.plot(model["x"], model["value"], linewidth=2.2, **line)
    for end in ("ci_low", "ci_high"):
        axes.plot(model["x"], model[end], linewidth=1.0, linestyle=(0, (4, 2)), **line)
    mean: dict[str, Any] = {"color": theme.INK, "linestyle": "none", "zorder": 6}
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
        axes.plot([x, x], [low, high], color=theme.LINE, linewidth=0.8, zorder=2)


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
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.given(round(float(y), 10))))
    axes.tick_params(labelsize=size - 0.5)
    axes.set_xlabel("sessions; beneath: number of patients", fontsize=size, labelpad=2)
    axes.set_ylabel("improvement, points", fontsize=size, labelpad=2)
