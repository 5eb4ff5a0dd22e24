"""Time to response: the share that has it by each visit, and who was still watched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart
from mnstudy.reporting.figures.charts.curve_frame import (
    DASHED,
    DOTTED,
    LEFT,
    Entry,
    Frame,
    axis_height,
    label_height,
    left_axis,
    numbers_at_risk,
    numbers_at_risk_height,
    reference_line,
    source_line,
    under_axis,
)
from mnstudy.reporting.figures.style import Picture
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.waiting import Waiting
from mnstudy.words.units import unit

PLOT = 1.9  # inches
PALE = "#b1bdcc"  # two fifths of the colour of further numbers
DATA = ("kind", "left", "right", "before", "after", "value", "ci_low", "ci_high", "n", "unit")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaitingPlot(Chart):
    """The cumulative share with a response, with the time that the claim names."""

    waiting: Waiting

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"waiting/{self.waiting.claim_id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        w = self.waiting
        level = fmt.level(w.estimate.confidence_level)
        day = unit(w.unit).one
        parts = [
            f"{w.title}: share of {w.counted} with the skin {w.what} by each {day}."
            if w.unit == "weeks"
            else f"{w.title}: share of {w.counted} with {w.what} by each {day}.",
            f"Data: {w.dataset}, {_size(w)}.",
            SYNTHETIC_WORDS if w.synthetic else "",
            "Interval-censored (Turnbull): the line is known where it is level; in the shaded "
            "boxes, between two visits, it may run anywhere from corner to corner.",
            f"Dot: {_estimate(w)} by {day} {fmt.given(w.by)}, {level} interval "
            f"({w.estimate.how['method']}).",
            f"Upright: the {day} of the claim; level: its margin, {fmt.given(w.margin)} percent.",
            f"Beneath: patients with a {w.each} still watched without it.",
            _never(w),
            "Steps of fewer than five patients are put together." if w.coarse else "",
            "A share after treatment; without a control it does not show a cause.",
        ]
        return " ".join(part for part in parts if part)

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        w = self.waiting
        mark, day = "synthetic data, " if w.synthetic else "", unit(w.unit).one
        ends = "; ".join(
            f"by {day} {fmt.given(right)} {fmt.number(after, 0)} percent"
            for right, after in w.steps[["right", "after"]].itertuples(index=False)
        )
        return (
            f"Rising steps. {w.title}, {mark}{w.dataset}: {_estimate(w)} by {day} "
            f"{fmt.given(w.by)}, against a margin of {fmt.given(w.margin)} percent. {ends}."
        )

    def data(self) -> pd.DataFrame:
        """Return the steps, the estimate of the finding and the patients still watched."""
        w, nothing = self.waiting, math.nan
        rows: list[tuple[object, ...]] = [
            ("step", s.left, s.right, s.before, s.after, *[nothing] * 4, w.unit)
            for s in w.steps.itertuples(index=False)
        ]
        e = w.estimate
        ends = (nothing, nothing, e.value, e.ci_low, e.ci_high, w.n_patients)
        rows.append(("estimate", w.by, w.by, *ends, w.unit))
        rows += [
            ("watched", x.time, x.time, *[nothing] * 5, x.shown, w.unit)
            for x in w.watched.itertuples(index=False)
        ]
        return pd.DataFrame(rows, columns=list(DATA))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def _size(w: Waiting) -> str:
    counted = f"{w.n_units:,} {w.counted if w.n_units != 1 else w.each}"
    return f"{fmt.count(w.n_patients, 'patient')}, {counted}"


def _estimate(w: Waiting) -> str:
    e = w.estimate
    value, low, high = (fmt.number(x, 0) for x in (e.value, e.ci_low, e.ci_high))
    return f"{value} percent ({low} to {high})"


def _never(w: Waiting) -> str:
    if not w.never or math.isnan(w.never):
        return ""
    return f"Not seen by the end: {fmt.number(w.never, 0)} percent."


def _entries(w: Waiting) -> tuple[Entry, ...]:
    day = unit(w.unit).one
    line: dict[str, Any] = {"color": theme.PART, "linewidth": 1.6}
    dot: dict[str, Any] = {"marker": "o", "markersize": 4.5, "color": theme.INK}
    bar: dict[str, Any] = {"color": theme.INK, "linewidth": 0.8}
    return (
        Entry(text=f"share of {w.counted}; shaded: between two visits, not known", line=line,
              fill=PALE),
        Entry(text=f"by {day} {fmt.given(w.by)}: {_estimate(w)}", mark=dot),
        Entry(text=f"margin of the claim: {fmt.given(w.margin)} percent",
              line=bar | {"linestyle": DOTTED}),
        Entry(text=f"{day} that the claim names", line=bar | {"linestyle": DASHED}),
    )  # fmt: skip


def _draw(chart: WaitingPlot, width: float, size: float) -> Picture:
    w = chart.waiting
    frame = Frame(
        width=width, size=size, title=w.title, entries=_entries(w),
        words=source_line(w.dataset, synthetic=w.synthetic, size=_size(w)),
    )  # fmt: skip
    label = f"{w.what} (percent of {w.counted})"
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above = label_height(label, frame.inner, size)
    body = above + PLOT + axis_height(size) + numbers_at_risk_height(size)
    with theme.themed():
        picture, top = frame.sheet(body, chart.alt, synthetic=w.synthetic)
        axes = left_axis(picture, (left, top + above, room, PLOT), label, size)
        axes.set_ylim(0, 102)
        axes.set_xlim(-0.02 * w.end, 1.02 * w.end)
        axes.set_xticks(w.watched["time"].tolist())
        _steps(axes, w)
        axes.axhline(w.margin, color=theme.INK, linewidth=0.8, linestyle=DOTTED, zorder=1.5)
        reference_line(axes, w.by)
        _dot(axes, w)
        under_axis(axes, f"{w.unit} since the first session" if w.unit == "weeks" else
                   "days after a session", size)  # fmt: skip
        under = top + above + PLOT + axis_height(size)
        heading = f"patients with a {w.each} still watched without it"
        shown = [(x.time, x.shown) for x in w.watched.itertuples(index=False)]
        numbers_at_risk(picture, axes, (left, under, room), heading, shown, size)
    return picture


def _steps(axes: Axes, w: Waiting) -> None:
    line: dict[str, Any] = {"color": theme.PART, "linewidth": 1.6, "zorder": 2.5}
    at, share = 0.0, 0.0
    for s in w.steps.itertuples(index=False):
        axes.plot([at, s.left], [share, share], solid_capstyle="projecting", **line)
        if s.right > s.left:
            axes.fill_between(
                [s.left, s.right], s.before, s.after, facecolor=PALE, edgecolor=theme.PART,
                linewidth=0.7, zorder=1,
            )  # fmt: skip
        else:
            axes.plot([s.left, s.left], [s.before, s.after], **line)
        at, share = s.right, s.after
    if not w.coarse:
        axes.plot([at, max(w.last, at)], [share, share], **line)


def _dot(axes: Axes, w: Waiting) -> None:
    e = w.estimate
    look: dict[str, Any] = {"color": theme.INK, "zorder": 4}
    low, high = (e.value if math.isnan(x) else x for x in (e.ci_low, e.ci_high))
    axes.plot([w.by, w.by], [low, high], linewidth=1.6, **look)
    axes.plot([w.by], [e.value], marker="o", markersize=4.5, clip_on=False, **look)
