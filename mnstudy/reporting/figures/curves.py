"""Curves of a cohort: outcome by dose, share of responders, time to a response.

A dose curve has the mean outcome by dose, and the slopes within and between patients as lines. A
responder curve has the share of patients who improved by at least each threshold. The curve of
waiting has the share with a lasting response by each visit, and who was still watched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import (
    Chart,
    Entry,
    Panel,
    Plan,
    confidence_band,
    level_of,
    numbers,
    numbers_at_risk,
    sample,
    source_line,
    whose,
)
from mnstudy.reporting.figures.style import DASHED, DOTTED, Look, line_height, wrap
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.dose import DoseCurve, DoseLine
from mnstudy.verdicts.displays.responders import ResponderCurve
from mnstudy.verdicts.displays.waiting import Waiting
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.words.units import unit

DOSE_DATA = ["kind", "label", "dose", "value", "ci_low", "ci_high", "n", "unit"]
RESPONDER_DATA = ["kind", "arm", "threshold", "value", "ci_low", "ci_high", "n", "responders"]
RENAMED = {"share": "value", "difference": "value", "low": "ci_low", "high": "ci_high"}
WAITING_DATA = ["kind", "left", "right", "before", "after", "value", "ci_low", "ci_high", "n",
                "unit"]  # fmt: skip
DOSE_PLOT, WAITING_PLOT = 2.0, 1.9  # inches on paper
# What is drawn of responders, and how high in inches on paper
SHARES = {
    "share": ("patients with at least so much improvement (percent)", 1.8),
    "difference": ("difference (percentage points)", 1.05),
}
LASTING = "Lasting: no later assessment of the site falls short; one assessment need not last."
RESPONDER_AXIS = "improvement of at least (percent of baseline)"
THIN: dict[str, Any] = {"color": style.INK, "linewidth": 0.8, "linestyle": DASHED}
SHADE = 0.4  # how dense the boxes are in which a share is not known


def _plan(
    chart: Chart, finding: Finding, size: str, panels: Sequence[Panel], key: Sequence[Entry],
    said: str = "",
) -> Plan:  # fmt: skip
    words = [source_line(finding.dataset, synthetic=finding.synthetic, size=size), said]
    return Plan(
        title=finding.claim.title, words=[*filter(None, words)], panels=panels, key=key,
        alt=chart.alt, synthetic=finding.synthetic, aligned=True,
    )  # fmt: skip


def _source(finding: Finding, size: str) -> str:
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    return f"Data: {finding.dataset}, {size}.{mark}"


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _line_key(look: Look, i: int, name: str) -> Entry:
    dashes = ("-", DASHED)[i % 2]
    return sample(look, color=look.groups[i], linestyle=dashes, linewidth=1.4), name


def _lines(table: pd.DataFrame, x: str, by: str, ax: Axes, look: Look) -> None:
    """Draw a line for each value of the column ``by``, with its range.

    The first is solid with a filled range, the second dashed with dotted edges: told apart without
    colour. Other columns are ``value``, ``ci_low`` and ``ci_high``, as in the data of a chart.
    """
    names, n = list(table[by].unique()), table[by].nunique()
    sns.lineplot(
        table, x=x, y="value", hue=by, style=by, palette=list(look.groups[:n]),
        dashes=(["", DASHED[1]] * n)[:n], linewidth=look.pt(1.4), zorder=2.5,
        estimator=None, errorbar=None, legend=False, ax=ax,
    )  # fmt: skip
    for i, name in enumerate(names):
        own = table[table[by] == name]
        confidence_band(ax, own[x], (own["ci_low"], own["ci_high"]), look, first=i == 0)


def _reference(ax: Axes, x: float, look: Look) -> None:
    """Draw the upright line of what a claim names."""
    ax.axvline(x, zorder=1.5, **THIN | {"linewidth": look.pt(0.8)})


def _name_axes(ax: Axes, lying: str, upright: str, height: float, look: Look) -> None:
    """Name both axes in lines that fit; ``height`` is that of the plot in inches on paper."""
    lines = wrap(upright, look.pt(height), look.letters)
    room = look.width - look.pt(0.5) - len(lines) * line_height(look.letters)
    ax.set_xlabel("\n".join(wrap(lying, room, look.letters)))
    ax.set_ylabel("\n".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DosePlot(Chart):
    """Means by dose with the slopes of a finding."""

    curve: DoseCurve

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"dose/{self.curve.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        curve, level = self.curve, level_of(self.curve.finding)
        slopes = "; ".join(_slope(line) for line in curve.lines)
        return _sentences(
            f"{curve.finding.claim.title}: {curve.outcome} by {curve.dose}.",
            _source(curve.finding, curve.finding.size),
            f"Squares, joined: {curve.method}, with {level} intervals, of five patients or more "
            "each; their number stands beneath.",
            f"Lines: slopes of the finding ({slopes}), drawn through the middle of the squares; "
            f"shaded and dotted: their {level} intervals.",
            _off(curve),
            f"{curve.caution[:1].upper()}{curve.caution[1:]}." if curve.caution else "",
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        curve = self.curve
        means = "; ".join(
            f"{fmt.number(x)}: {fmt.number(value)}"
            for x, value in curve.means[["dose", "value"]].itertuples(index=False)
        )
        slopes = "; ".join(_slope(line) for line in curve.lines)
        return (
            f"Means and lines. {whose(curve.finding)}: {curve.outcome} by "
            f"{curve.dose}: {means}. Slopes: {slopes}."
        )

    def data(self) -> pd.DataFrame:
        """Return the means, the slopes and the ends of their lines."""
        curve = self.curve
        rows: list[tuple[object, ...]] = [
            ("mean", "", *mean, curve.outcome) for mean in curve.means.itertuples(index=False)
        ]
        for line in curve.lines:
            slope = (math.nan, line.slope, line.low, line.high, line.n, line.unit)
            rows.append(("slope", line.label, *slope))
            points = line.points.itertuples(index=False)
            rows += [("line", line.label, *p, math.nan, curve.outcome) for p in points]
        return pd.DataFrame(rows, columns=DOSE_DATA)

    def plan(self, look: Look) -> Plan:
        """Return the means with the slopes as lines."""
        curve = self.curve
        key = [_line_key(look, i, _slope(line)) for i, line in enumerate(curve.lines)]
        if math.isfinite(curve.mark):
            named = f"{fmt.as_entered(curve.mark)} {curve.each}, named in the claim"
            key.append((sample(look, **THIN), named))
        panels = [Panel(draw=self._draw, height=DOSE_PLOT)]
        return _plan(self, curve.finding, curve.finding.size, panels, key, _off(curve))

    def _draw(self, ax: Axes, look: Look) -> None:
        curve, table = self.curve, self.data()
        _lines(table[table["kind"] == "line"], "dose", "label", ax, look)
        means, known, colour = curve.means, curve.means.dropna(), look.groups[0]
        sns.scatterplot(means, x="dose", y="value", marker="s", s=look.pt(4.5) ** 2, linewidth=0,
                        color=colour, zorder=3, legend=False, ax=ax)  # fmt: skip
        ax.plot(means["dose"], means["value"], color=colour, linewidth=look.pt(0.6), zorder=2.2)
        ax.vlines(known["dose"], known["low"], known["high"], color=colour, zorder=3,
                  linewidth=look.pt(1.1))  # fmt: skip
        _limits(ax, curve)
        if math.isfinite(curve.mark):
            _reference(ax, curve.mark, look)
        numbers(ax, x=False)
        counts = means["n"].map("{:,.0f}".format)
        numbers_at_risk(ax, list(zip(means["dose"].round(2), counts, strict=True)), look)
        label = f"{curve.dose}; beneath: number of patients"
        _name_axes(ax, label, curve.outcome, DOSE_PLOT, look)


def _off(curve: DoseCurve) -> str:
    """Say at which doses the first line lies outside the interval of the mean."""
    means, points = curve.means, curve.lines[0].points
    line = np.interp(means["dose"], points["dose"], points["value"])
    off = means["dose"][(line < means["low"]) | (line > means["high"])]
    unit_of = f"{curve.each}s" if curve.whole else curve.each
    doses = " and ".join(fmt.as_entered(round(x, 2)) for x in off)
    return f"Off the straight line: the mean at {doses} {unit_of}." if doses else ""


def _slope(line: DoseLine) -> str:
    digits = fmt.decimals_for(line.slope, line.low, line.high)
    value, low, high = (fmt.number(x, digits) for x in (line.slope, line.low, line.high))
    n = fmt.unbroken(f"n = {line.n:,}")
    return f"{line.label}: {value} ({low} to {high}) {line.unit}, {n}"


def _limits(ax: Axes, curve: DoseCurve) -> None:
    """Hold all means with their intervals; a line that is hardly known may run off."""
    values = curve.means[["value", "low", "high"]].to_numpy("float64")
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = (high - low) or 1.0
    for line in curve.lines:
        low = min(low, max(float(line.points["value"].min()), low - 0.5 * span))
        high = max(high, min(float(line.points["value"].max()), high + 0.5 * span))
    ax.set_ylim(low - 0.08 * span, high + 0.08 * span)
    doses = [*curve.means["dose"], curve.mark]
    first, last = float(np.nanmin(doses)), float(np.nanmax(doses))
    pad = 0.06 * (last - first)
    ax.set_xlim(first - pad, last + pad)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponderPlot(Chart):
    """Shares above every threshold, for one group or two."""

    curve: ResponderCurve

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"responders/{self.curve.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        curve, level = self.curve, level_of(self.curve.finding)
        who = "patients with both known" if curve.paired else "patients"
        how = f"{level} Newcombe intervals{', for pairs' if curve.paired else ''}"
        below = f"Below: {' minus '.join(curve.arms)}, {how}, not adjusted."
        return _sentences(
            f"{curve.finding.claim.title}: share of patients whose final improvement reaches each "
            "threshold.",
            _source(curve.finding, f"{_sizes(curve)} ({who})"),
            f"A patient counts by the mean of the sites in the arm. Around the curves: {level} "
            "Wilson intervals, each for one threshold.",
            "" if curve.differences.empty else below,
            f"Dashed: {fmt.as_entered(curve.usual)} points, what this study takes as worthwhile.",
            "" if len(curve.arms) == 2 else "Without a control the curve does not show a cause.",
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        curve = self.curve
        said = "; ".join(_at(curve, arm) for arm in curve.arms)
        return f"Falling curves. {whose(curve.finding)}: {said}."

    def data(self) -> pd.DataFrame:
        """Return the shares and the differences, one row a threshold."""
        curve = self.curve
        shares = curve.shares.rename(columns=RENAMED).assign(kind="share")
        gaps = curve.differences.rename(columns=RENAMED).assign(kind="difference", arm="")
        both = shares if gaps.empty else pd.concat([shares, gaps], ignore_index=True)
        return both[RESPONDER_DATA].reset_index(drop=True)

    def plan(self, look: Look) -> Plan:
        """Return the shares, with the differences beneath them."""
        curve = self.curve
        kinds = [kind for kind in SHARES if kind in set(self.data()["kind"])]
        panels = [Panel(draw=partial(self._draw, kind), height=SHARES[kind][1]) for kind in kinds]
        key = [_line_key(look, i, _at(curve, arm)) for i, arm in enumerate(curve.arms)]
        usual = f"{fmt.as_entered(curve.usual)} points, taken as worthwhile"
        size = fmt.count(curve.n_patients, "patient")
        return _plan(self, curve.finding, size, panels, [*key, (sample(look, **THIN), usual)])

    def _draw(self, kind: str, ax: Axes, look: Look) -> None:
        """Draw lines with their range."""
        curve, shares = self.curve, kind == "share"
        table = self.data().query("kind == @kind")
        marks = [*curve.shares["threshold"], curve.usual]
        low, span = min(marks), (max(marks) - min(marks)) or 1.0
        _lines(table, "threshold", "arm", ax, look)
        ax.set_xlim(low - 0.03 * span, low + 1.03 * span)
        if shares:
            ax.set_ylim(0, 100)
        else:
            ax.axhline(0, color=style.LINE, linewidth=look.pt(0.8), zorder=1)
        _reference(ax, curve.usual, look)
        numbers(ax)
        _name_axes(ax, RESPONDER_AXIS, *SHARES[kind], look)


def _sizes(curve: ResponderCurve) -> str:
    first = curve.shares.drop_duplicates("arm")
    return "; ".join(f"{arm}: n = {n:,}" for arm, n in zip(first["arm"], first["n"], strict=True))


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaitingPlot(Chart):
    """The cumulative share with a response, with the time that the claim names."""

    waiting: Waiting

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"waiting/{self.waiting.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        w = self.waiting
        level = level_of(w.finding)
        day = unit(w.unit).one
        return _sentences(
            f"{w.finding.claim.title}: share of {w.counted} with {w.what} by each {day}.",
            LASTING if w.unit == "weeks" else "",
            _source(w.finding, _waiting_size(w)),
            "Interval-censored (Turnbull): the line is known where it is level; in the shaded "
            "boxes, between two visits, it may run anywhere from corner to corner.",
            f"Dot: {_estimate(w)} {w.when}, {level} interval ({w.estimate.method}).",
            f"Dashed: the {day} of the claim; dotted: its margin, "
            f"{fmt.as_entered(w.finding.margin)} percent.",
            f"Beneath: patients with a {w.each} still watched without it.",
            f"Not seen by the end: {fmt.number(w.never, 0)} percent." if w.never > 0 else "",
            "A share after treatment; without a control it does not show a cause.",
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        w = self.waiting
        day = unit(w.unit).one
        ends = "; ".join(
            f"by {day} {fmt.as_entered(right)} {fmt.number(after, 0)} percent"
            for right, after in w.steps[["right", "after"]].itertuples(index=False)
        )
        return (
            f"Rising steps. {whose(w.finding)}: {_estimate(w)} {w.when}, against a "
            f"margin of {fmt.as_entered(w.finding.margin)} percent. {w.what.capitalize()}: {ends}."
        )

    def data(self) -> pd.DataFrame:
        """Return the steps, the estimate of the finding and the patients still watched."""
        w, nothing = self.waiting, math.nan
        rows: list[tuple[object, ...]] = [
            ("step", *step, *[nothing] * 4, w.unit) for step in w.steps.itertuples(index=False)
        ]
        ends = (w.estimate.value, w.estimate.ci_low, w.estimate.ci_high, w.finding.n_patients)
        rows.append(("estimate", w.by, w.by, nothing, nothing, *ends, w.unit))
        watched = w.watched.itertuples(index=False)
        rows += [("watched", at, at, *[nothing] * 5, n, w.unit) for at, n in watched]
        return pd.DataFrame(rows, columns=WAITING_DATA).astype({"n": "Int64"})

    def plan(self, look: Look) -> Plan:
        """Return the steps, with the estimate of the finding."""
        w, colour, day = self.waiting, look.groups[0], unit(self.waiting.unit).one
        key: list[Entry] = [
            (sample(look, color=colour, linestyle="-", linewidth=1.6), f"share of {w.counted}"),
            (sample(look, fill=colour, alpha=SHADE), "shaded: between two visits, not known"),
            (sample(look, marker="o", markersize=4.5, color=style.INK),
             f"{w.when}: {_estimate(w)}"),
            (sample(look, **THIN | {"linestyle": DOTTED}),
             f"margin of the claim: {fmt.as_entered(w.finding.margin)} percent"),
            (sample(look, **THIN), f"{day} that the claim names"),
        ]  # fmt: skip
        panels = [Panel(draw=self._draw, height=WAITING_PLOT)]
        return _plan(self, w.finding, _waiting_size(w), panels, key)

    def _draw(self, ax: Axes, look: Look) -> None:
        w = self.waiting
        _steps(ax, w, look)
        thin = THIN | {"linewidth": look.pt(0.8), "linestyle": DOTTED}
        ax.axhline(w.finding.margin, zorder=1.5, **thin)
        _reference(ax, w.by, look)
        e = w.estimate
        low, high = (e.value if math.isnan(x) else x for x in (e.ci_low, e.ci_high))
        ax.vlines(w.by, low, high, color=style.INK, linewidth=look.pt(1.6), zorder=4)
        ax.plot(w.by, e.value, marker="o", markersize=look.pt(4.5), color=style.INK, zorder=4,
                clip_on=False)  # fmt: skip
        ax.set(xlim=(-0.02 * w.end, 1.02 * w.end), ylim=(0, 102))
        numbers(ax, x=False)
        counts = w.watched["n"].map("{:,}".format)
        numbers_at_risk(ax, list(zip(w.watched["time"], counts, strict=True)), look)
        since = "weeks since the first session" if w.unit == "weeks" else "days after a session"
        label = f"{since}; beneath: patients with a {w.each} still watched without it"
        _name_axes(ax, label, f"{w.what} (percent of {w.counted})", WAITING_PLOT, look)


def _waiting_size(w: Waiting) -> str:
    counted = f"{w.n_units:,} {w.counted if w.n_units != 1 else w.each}"
    return f"{fmt.count(w.finding.n_patients, 'patient')}, {counted}"


def _estimate(w: Waiting) -> str:
    e = w.estimate
    value, low, high = (fmt.number(x, 0) for x in (e.value, e.ci_low, e.ci_high))
    return f"{value} percent ({low} to {high})"


def _steps(ax: Axes, w: Waiting, look: Look) -> None:
    """Draw the share where it is known, and a box where it may run anywhere."""
    left, right, before, after = (w.steps[c].to_numpy("float64") for c in w.steps)
    line: dict[str, Any] = {"color": look.groups[0], "linewidth": look.pt(1.6), "zorder": 2.5}
    ax.hlines([0, *after], [0, *right], [*left, max(w.last, right[-1])], **line)
    at_once = left == right
    ax.vlines(left[at_once], before[at_once], after[at_once], **line)
    ax.bar(left, after - before, right - left, bottom=before, align="edge", zorder=1,
           facecolor=(look.groups[0], SHADE), edgecolor=look.groups[0],
           linewidth=look.pt(0.7))  # fmt: skip
