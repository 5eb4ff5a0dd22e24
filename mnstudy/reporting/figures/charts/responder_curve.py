"""Responder curves: the share of patients who improved by at least each threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart
from mnstudy.reporting.figures.charts.curve_frame import (
    DASHED,
    LEFT,
    Entry,
    Frame,
    axis_height,
    confidence_band,
    label_height,
    left_axis,
    reference_line,
    source_line,
    under_axis,
)
from mnstudy.reporting.figures.style import Picture
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.responders import ResponderCurve

PLOT = 1.8  # inches
BELOW = 1.05  # inches, the differences
BETWEEN = 0.12
SHARE = "patients with at least so much improvement (percent)"
DIFFERENCE = "difference (percentage points)"
THRESHOLD = "improvement of at least (percent of baseline)"
# Solid with a filled range, dashed with dotted edges: told apart without colour.
LOOKS: tuple[tuple[str, Any, str], ...] = (
    (theme.PART, "solid", "s"),
    (theme.INK, (0, (2.5, 1.2)), "o"),
)
APART = 0.004  # of the axis, between the intervals of two arms at one threshold


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
            f"Dashed: {fmt.given(curve.usual)} points, what this study takes as worthwhile.",
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
        return _draw(self, width, size)


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
        f"{fmt.given(float(row['threshold']))} points or more"
    )


def _entries(curve: ResponderCurve) -> tuple[Entry, ...]:
    found = []
    for arm, (colour, style, _) in zip(curve.arms, LOOKS, strict=False):
        line: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.4}
        found.append(Entry(text=f"{_at(curve, arm)}", line=line))
    look: dict[str, Any] = {"color": theme.INK, "linewidth": 0.8, "linestyle": DASHED}
    text = f"upright: {fmt.given(curve.usual)} points, taken as worthwhile"
    return (*found, Entry(text=text, line=look))


def _draw(chart: ResponderPlot, width: float, size: float) -> Picture:
    curve = chart.curve
    frame = Frame(
        width=width, size=size, title=curve.title, entries=_entries(curve),
        words=source_line(
            curve.dataset, synthetic=curve.synthetic, size=fmt.count(curve.n_patients, "patient")
        ),
    )  # fmt: skip
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above, gap = (label_height(text, frame.inner, size) for text in (SHARE, DIFFERENCE))
    two = not curve.differences.empty
    lower = BETWEEN + 0.16 + gap + BELOW if two else 0.0
    with theme.themed():
        body = above + PLOT + lower + axis_height(size)
        picture, top = frame.sheet(body, chart.alt, synthetic=curve.synthetic)
        axes = left_axis(picture, (left, top + above, room, PLOT), SHARE, size)
        axes.set_ylim(0, 100)
        for i, arm in enumerate(curve.arms):
            own = curve.shares[curve.shares["arm"] == arm]
            _curve(axes, curve, own, "share", i)
        panels = [axes]
        if two:
            start = top + above + PLOT + BETWEEN + 0.16 + gap
            panels.append(left_axis(picture, (left, start, room, BELOW), DIFFERENCE, size))
            panels[1].axhline(0, color=theme.LINE, linewidth=0.8, zorder=1)
            _curve(panels[1], curve, curve.differences, "difference", 0)
        for panel in panels:
            panel.set_xlim(*_ends(curve))
            reference_line(panel, curve.usual)
        under_axis(panels[-1], THRESHOLD, size)
    return picture


def _ends(curve: ResponderCurve) -> tuple[float, float]:
    low, high = float(curve.shares["threshold"].min()), float(curve.shares["threshold"].max())
    low, high = min(low, curve.usual), max(high, curve.usual)
    pad = 0.03 * (high - low)
    return low - pad, high + pad


def _curve(axes: Axes, curve: ResponderCurve, own: pd.DataFrame, name: str, i: int) -> None:
    """Draw a line with its range; in a real cohort an interval at each of the few thresholds."""
    colour, style, marker = LOOKS[i]
    line: dict[str, Any] = {"color": colour, "zorder": 2.5}
    if not curve.coarse:
        confidence_band(axes, own["threshold"], (own["low"], own["high"]), first=i == 0)
        axes.plot(own["threshold"], own[name], linestyle=style, linewidth=1.4, **line)
        return
    low, high = _ends(curve)
    beside = (2 * i - 1) if name == "share" and len(curve.arms) > 1 else 0
    x = own["threshold"] + beside * APART * (high - low)
    axes.plot(x, own[name], linestyle=style, linewidth=1.0, marker=marker, markersize=3.5, **line)
    for at, start, end in zip(x, own["low"], own["high"], strict=True):
        axes.plot([at, at], [start, end], linewidth=1.1, **line)
