"""Curves of a cohort: outcome by dose, share of responders, time to a response.

A dose curve has the mean outcome by dose, and the slopes within and between patients as lines. A
responder curve has the share of patients who improved by at least each threshold. The curve of
waiting has the share with a response by each visit, and who was still watched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import (
    DASHED,
    DOTTED,
    LEFT,
    MARGIN,
    Chart,
    Entry,
    Frame,
    axis_height,
    confidence_band,
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
from mnstudy.verdicts.displays.dose import DoseCurve, DoseLine
from mnstudy.verdicts.displays.responders import ResponderCurve
from mnstudy.verdicts.displays.waiting import Waiting
from mnstudy.words.units import unit

DOSE_PLOT = 2.0  # inches
# Solid with a filled range, dashed with dotted edges: told apart without colour.
LINES: tuple[tuple[str, Any], ...] = ((style.PART, "solid"), (style.INK, DASHED))
DOSE_DATA = ("kind", "label", "dose", "value", "ci_low", "ci_high", "n", "unit")

RESPONDER_PLOT = 1.8  # inches
BELOW = 1.05  # inches, the differences
BETWEEN = 0.12
SHARE = "patients with at least so much improvement (percent)"
DIFFERENCE = "difference (percentage points)"
RESPONDER_AXIS = "improvement of at least (percent of baseline)"
# Solid with a filled range, dashed with dotted edges: told apart without colour.
LOOKS: tuple[tuple[str, Any, str], ...] = (
    (style.PART, "solid", "s"),
    (style.INK, (0, (2.5, 1.2)), "o"),
)
APART = 0.004  # of the axis, between the intervals of two arms at one threshold

WAITING_PLOT = 1.9  # inches
PALE = "#b1bdcc"  # two fifths of the colour of further numbers
WAITING_DATA = (
    "kind",
    "left",
    "right",
    "before",
    "after",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "unit",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DosePlot(Chart):
    """Means by dose with the slopes of a finding."""

    curve: DoseCurve

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"dose/{self.curve.claim_id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        curve, level = self.curve, fmt.level(self.curve.confidence_level)
        slopes = "; ".join(_slope(line) for line in curve.lines)
        parts = [
            f"{curve.title}: {curve.outcome} by {curve.dose}.",
            f"Data: {curve.dataset}, {_dose_size(curve)}.",
            SYNTHETIC_WORDS if curve.synthetic else "",
            f"Squares: {curve.method}, with {level} intervals, of five patients or more each; "
            "their number stands beneath.",
            f"Lines: slopes of the finding ({slopes}), drawn through the middle of the squares; "
            f"shaded and dotted: their {level} intervals.",
            f"{curve.caution[:1].upper()}{curve.caution[1:]}." if curve.caution else "",
        ]
        return " ".join(part for part in parts if part)

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        curve, mark = self.curve, "synthetic data, " if self.curve.synthetic else ""
        means = "; ".join(
            f"{fmt.number(x)}: {fmt.number(value)}"
            for x, value in curve.means[["dose", "value"]].itertuples(index=False)
        )
        slopes = "; ".join(_slope(line) for line in curve.lines)
        return (
            f"Means and lines. {curve.title}, {mark}{curve.dataset}: {curve.outcome} by "
            f"{curve.dose}: {means}. Slopes: {slopes}."
        )

    def data(self) -> pd.DataFrame:
        """Return the means, the slopes and the ends of their lines."""
        curve = self.curve
        rows: list[tuple[object, ...]] = [
            ("mean", "", row.dose, row.value, row.low, row.high, int(row.n), curve.outcome)
            for row in curve.means.itertuples(index=False)
        ]
        for line in curve.lines:
            rows.append(
                ("slope", line.label, math.nan, line.slope, line.low, line.high, line.n, line.unit)
            )
            rows += [
                ("line", line.label, p.dose, p.value, p.low, p.high, math.nan, curve.outcome)
                for p in line.points.itertuples(index=False)
            ]
        return pd.DataFrame(rows, columns=list(DOSE_DATA))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_dose(self, width, size)


def _dose_size(curve: DoseCurve) -> str:
    return f"{fmt.count(curve.n_patients, 'patient')}, {fmt.count(curve.n_sites, 'site')}"


def _slope(line: DoseLine) -> str:
    digits = fmt.decimals_for(line.slope, line.low, line.high)
    value, low, high = (fmt.number(x, digits) for x in (line.slope, line.low, line.high))
    n = fmt.unbroken(f"n = {line.n:,}")
    return f"{line.label}: {value} ({low} to {high}) {line.unit}, {n}"


def _looks(curve: DoseCurve) -> list[tuple[DoseLine, str, Any]]:
    return [(line, *LINES[i % len(LINES)]) for i, line in enumerate(curve.lines)]


def _dose_entries(curve: DoseCurve) -> tuple[Entry, ...]:
    found = [
        Entry(text=_slope(line), line={"color": colour, "linestyle": dashes, "linewidth": 1.4})
        for line, colour, dashes in _looks(curve)
    ]
    if math.isfinite(curve.mark):
        look: dict[str, Any] = {"color": style.INK, "linewidth": 0.8, "linestyle": DASHED}
        text = f"upright: {fmt.as_entered(curve.mark)} {curve.each}, named in the "
        found.append(Entry(text=f"{text}claim", line=look))
    return tuple(found)


def _draw_dose(chart: DosePlot, width: float, size: float) -> Picture:
    curve = chart.curve
    frame = Frame(
        width=width, size=size, title=curve.title, entries=_dose_entries(curve),
        words=source_line(curve.dataset, synthetic=curve.synthetic, size=_dose_size(curve)),
    )  # fmt: skip
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above = label_height(curve.outcome, frame.inner, size)
    body = above + DOSE_PLOT + axis_height(size) + numbers_at_risk_height(size)
    with style.themed():
        picture, top = frame.sheet(body, chart.alt, synthetic=curve.synthetic)
        box = (left, top + above, room, DOSE_PLOT)
        axes = left_axis(picture, box, curve.outcome, size)
        _limits(axes, curve)
        if curve.whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        for i, (line, colour, dashes) in enumerate(_looks(curve)):
            _line(axes, line, colour, dashes, first=i == 0)
        _means(axes, curve.means)
        if math.isfinite(curve.mark):
            reference_line(axes, curve.mark)
        under_axis(axes, curve.dose, size)
        under = top + above + DOSE_PLOT + axis_height(size)
        shown = [(row.dose, f"{int(row.n):,}") for row in curve.means.itertuples(index=False)]
        numbers_at_risk(picture, axes, (left, under, room), "patients", shown, size)
    return picture


def _limits(axes: Axes, curve: DoseCurve) -> None:
    """Hold all means with their intervals; a line that is hardly known may run off."""
    means = curve.means
    values = means[["value", "low", "high"]].to_numpy("float64")
    low, high = float(pd.Series(values.ravel()).min()), float(pd.Series(values.ravel()).max())
    span = (high - low) or 1.0
    for line in curve.lines:
        low = min(low, max(float(line.points["value"].min()), low - 0.5 * span))
        high = max(high, min(float(line.points["value"].max()), high + 0.5 * span))
    axes.set_ylim(low - 0.08 * span, high + 0.08 * span)
    ends = [float(means["dose"].min()), float(means["dose"].max())]
    if math.isfinite(curve.mark):
        ends = [min(ends[0], curve.mark), max(ends[1], curve.mark)]
    pad = 0.06 * (ends[1] - ends[0])
    axes.set_xlim(ends[0] - pad, ends[1] + pad)


def _line(axes: Axes, line: DoseLine, colour: str, dashes: Any, *, first: bool) -> None:
    points = line.points
    confidence_band(axes, points["dose"], (points["low"], points["high"]), first=first)
    look: dict[str, Any] = {"color": colour, "linestyle": dashes}
    axes.plot(points["dose"], points["value"], linewidth=1.4, zorder=2.5, **look)


def _means(axes: Axes, means: pd.DataFrame) -> None:
    look: dict[str, Any] = {"color": style.PART, "zorder": 3}
    for row in means.itertuples(index=False):
        if math.isfinite(row.low):
            axes.plot([row.dose, row.dose], [row.low, row.high], linewidth=1.1, **look)
        axes.plot([row.dose], [row.value], marker="s", markersize=4.5, **look)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponderPlot(Chart):
    """Shares above every threshold, for one group or two."""

    curve: ResponderCurve

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"responders/{self.curve.claim_id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        curve, level = self.curve, fmt.level(self.curve.confidence_level)
        unit = "patients with both sides known" if curve.paired else "patients"
        parts = [
            f"{curve.title}: share of patients whose final improvement reaches each threshold.",
            f"Data: {curve.dataset}, {_sizes(curve)} ({unit}).",
            SYNTHETIC_WORDS if curve.synthetic else "",
            f"A patient counts by the mean of the sites in the arm. Around the curves: {level} "
            "Wilson intervals, each for one threshold.",
            _difference_words(curve, level),
            f"Dashed: {fmt.as_entered(curve.usual)} points, what this study takes as worthwhile.",
            "Only thresholds that set no fewer than five patients apart are shown."
            if curve.coarse
            else "",
            "" if len(curve.arms) == 2 else "Without a control the curve does not show a cause.",
        ]
        return " ".join(part for part in parts if part)

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        curve, mark = self.curve, "synthetic data, " if self.curve.synthetic else ""
        said = "; ".join(_at(curve, arm) for arm in curve.arms)
        return f"Falling curves. {curve.title}, {mark}{curve.dataset}: {said}."

    def data(self) -> pd.DataFrame:
        """Return the shares and the differences, one row a threshold."""
        curve = self.curve
        gaps = curve.differences.rename(columns={"difference": "value"})
        gaps = gaps.assign(kind="difference", arm="")
        shares = curve.shares.rename(columns={"share": "value"}).assign(kind="share")
        both = shares if gaps.empty else pd.concat([shares, gaps], ignore_index=True)
        both = both.rename(columns={"low": "ci_low", "high": "ci_high"})
        columns = ["kind", "arm", "threshold", "value", "ci_low", "ci_high", "n", "responders"]
        return both[columns].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_responders(self, width, size)


def _sizes(curve: ResponderCurve) -> str:
    first = curve.shares.drop_duplicates("arm")
    return "; ".join(f"{arm}: n = {n:,}" for arm, n in zip(first["arm"], first["n"], strict=True))


def _difference_words(curve: ResponderCurve, level: str) -> str:
    if curve.differences.empty:
        return ""
    pairs = ", for pairs" if curve.paired else ""
    return (
        f"Below: {curve.arms[0]} minus {curve.arms[1]}, {level} Newcombe intervals{pairs}, not "
        "adjusted."
    )


def _at(curve: ResponderCurve, arm: str) -> str:
    """Say what the curve of an arm says at the usual threshold, or at the one nearest to it."""
    own = curve.shares[curve.shares["arm"] == arm]
    row = own.loc[(own["threshold"] - curve.usual).abs().idxmin()]
    ends = " to ".join(fmt.number(float(row[c]), 0) for c in ("low", "high"))
    share = fmt.number(float(row["share"]), 0)
    return (
        f"{arm}: {share} percent ({ends}) of {int(row['n']):,} patients improved by "
        f"{fmt.as_entered(float(row['threshold']))} points or more"
    )


def _responder_entries(curve: ResponderCurve) -> tuple[Entry, ...]:
    found = []
    for arm, (colour, dashes, _) in zip(curve.arms, LOOKS, strict=False):
        line: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.4}
        found.append(Entry(text=f"{_at(curve, arm)}", line=line))
    look: dict[str, Any] = {"color": style.INK, "linewidth": 0.8, "linestyle": DASHED}
    text = f"upright: {fmt.as_entered(curve.usual)} points, taken as worthwhile"
    return (*found, Entry(text=text, line=look))


def _draw_responders(chart: ResponderPlot, width: float, size: float) -> Picture:
    curve = chart.curve
    frame = Frame(
        width=width, size=size, title=curve.title, entries=_responder_entries(curve),
        words=source_line(
            curve.dataset, synthetic=curve.synthetic, size=fmt.count(curve.n_patients, "patient")
        ),
    )  # fmt: skip
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above, gap = (label_height(text, frame.inner, size) for text in (SHARE, DIFFERENCE))
    two = not curve.differences.empty
    lower = BETWEEN + 0.16 + gap + BELOW if two else 0.0
    with style.themed():
        body = above + RESPONDER_PLOT + lower + axis_height(size)
        picture, top = frame.sheet(body, chart.alt, synthetic=curve.synthetic)
        axes = left_axis(picture, (left, top + above, room, RESPONDER_PLOT), SHARE, size)
        axes.set_ylim(0, 100)
        for i, arm in enumerate(curve.arms):
            own = curve.shares[curve.shares["arm"] == arm]
            _curve(axes, curve, own, "share", i)
        panels = [axes]
        if two:
            start = top + above + RESPONDER_PLOT + BETWEEN + 0.16 + gap
            panels.append(left_axis(picture, (left, start, room, BELOW), DIFFERENCE, size))
            panels[1].axhline(0, color=style.LINE, linewidth=0.8, zorder=1)
            _curve(panels[1], curve, curve.differences, "difference", 0)
        for panel in panels:
            panel.set_xlim(*_ends(curve))
            reference_line(panel, curve.usual)
        under_axis(panels[-1], RESPONDER_AXIS, size)
    return picture


def _ends(curve: ResponderCurve) -> tuple[float, float]:
    low, high = float(curve.shares["threshold"].min()), float(curve.shares["threshold"].max())
    low, high = min(low, curve.usual), max(high, curve.usual)
    pad = 0.03 * (high - low)
    return low - pad, high + pad


def _curve(axes: Axes, curve: ResponderCurve, own: pd.DataFrame, name: str, i: int) -> None:
    """Draw a line with its range; in a real cohort an interval at each of the few thresholds."""
    colour, dashes, marker = LOOKS[i]
    line: dict[str, Any] = {"color": colour, "zorder": 2.5}
    if not curve.coarse:
        confidence_band(axes, own["threshold"], (own["low"], own["high"]), first=i == 0)
        axes.plot(own["threshold"], own[name], linestyle=dashes, linewidth=1.4, **line)
        return
    low, high = _ends(curve)
    beside = (2 * i - 1) if name == "share" and len(curve.arms) > 1 else 0
    x = own["threshold"] + beside * APART * (high - low)
    axes.plot(x, own[name], linestyle=dashes, linewidth=1.0, marker=marker, markersize=3.5, **line)
    for at, start, end in zip(x, own["low"], own["high"], strict=True):
        axes.plot([at, at], [start, end], linewidth=1.1, **line)


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
            f"Data: {w.dataset}, {_waiting_size(w)}.",
            SYNTHETIC_WORDS if w.synthetic else "",
            "Interval-censored (Turnbull): the line is known where it is level; in the shaded "
            "boxes, between two visits, it may run anywhere from corner to corner.",
            f"Dot: {_estimate(w)} by {day} {fmt.as_entered(w.by)}, {level} interval "
            f"({w.estimate.how['method']}).",
            f"Upright: the {day} of the claim; "
            f"level: its margin, {fmt.as_entered(w.margin)} percent.",
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
            f"by {day} {fmt.as_entered(right)} {fmt.number(after, 0)} percent"
            for right, after in w.steps[["right", "after"]].itertuples(index=False)
        )
        return (
            f"Rising steps. {w.title}, {mark}{w.dataset}: {_estimate(w)} by {day} "
            f"{fmt.as_entered(w.by)}, "
            f"against a margin of {fmt.as_entered(w.margin)} percent. {ends}."
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
        return pd.DataFrame(rows, columns=list(WAITING_DATA))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_waiting(self, width, size)


def _waiting_size(w: Waiting) -> str:
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


def _waiting_entries(w: Waiting) -> tuple[Entry, ...]:
    day = unit(w.unit).one
    line: dict[str, Any] = {"color": style.PART, "linewidth": 1.6}
    dot: dict[str, Any] = {"marker": "o", "markersize": 4.5, "color": style.INK}
    bar: dict[str, Any] = {"color": style.INK, "linewidth": 0.8}
    return (
        Entry(text=f"share of {w.counted}; shaded: between two visits, not known", line=line,
              fill=PALE),
        Entry(text=f"by {day} {fmt.as_entered(w.by)}: {_estimate(w)}", mark=dot),
        Entry(text=f"margin of the claim: {fmt.as_entered(w.margin)} percent",
              line=bar | {"linestyle": DOTTED}),
        Entry(text=f"{day} that the claim names", line=bar | {"linestyle": DASHED}),
    )  # fmt: skip


def _draw_waiting(chart: WaitingPlot, width: float, size: float) -> Picture:
    w = chart.waiting
    frame = Frame(
        width=width, size=size, title=w.title, entries=_waiting_entries(w),
        words=source_line(w.dataset, synthetic=w.synthetic, size=_waiting_size(w)),
    )  # fmt: skip
    label = f"{w.what} (percent of {w.counted})"
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above = label_height(label, frame.inner, size)
    body = above + WAITING_PLOT + axis_height(size) + numbers_at_risk_height(size)
    with style.themed():
        picture, top = frame.sheet(body, chart.alt, synthetic=w.synthetic)
        axes = left_axis(picture, (left, top + above, room, WAITING_PLOT), label, size)
        axes.set_ylim(0, 102)
        axes.set_xlim(-0.02 * w.end, 1.02 * w.end)
        axes.set_xticks(w.watched["time"].tolist())
        _steps(axes, w)
        axes.axhline(w.margin, color=style.INK, linewidth=0.8, linestyle=DOTTED, zorder=1.5)
        reference_line(axes, w.by)
        _dot(axes, w)
        under_axis(axes, f"{w.unit} since the first session" if w.unit == "weeks" else
                   "days after a session", size)  # fmt: skip
        under = top + above + WAITING_PLOT + axis_height(size)
        heading = f"patients with a {w.each} still watched without it"
        shown = [(x.time, x.shown) for x in w.watched.itertuples(index=False)]
        numbers_at_risk(picture, axes, (left, under, room), heading, shown, size)
    return picture


def _steps(axes: Axes, w: Waiting) -> None:
    line: dict[str, Any] = {"color": style.PART, "linewidth": 1.6, "zorder": 2.5}
    at, share = 0.0, 0.0
    for s in w.steps.itertuples(index=False):
        axes.plot([at, s.left], [share, share], solid_capstyle="projecting", **line)
        if s.right > s.left:
            axes.fill_between(
                [s.left, s.right], s.before, s.after, facecolor=PALE, edgecolor=style.PART,
                linewidth=0.7, zorder=1,
            )  # fmt: skip
        else:
            axes.plot([s.left, s.left], [s.before, s.after], **line)
        at, share = s.right, s.after
    if not w.coarse:
        axes.plot([at, max(w.last, at)], [share, share], **line)


def _dot(axes: Axes, w: Waiting) -> None:
    e = w.estimate
    look: dict[str, Any] = {"color": style.INK, "zorder": 4}
    low, high = (e.value if math.isnan(x) else x for x in (e.ci_low, e.ci_high))
    axes.plot([w.by, w.by], [low, high], linewidth=1.6, **look)
    axes.plot([w.by], [e.value], marker="o", markersize=4.5, clip_on=False, **look)
