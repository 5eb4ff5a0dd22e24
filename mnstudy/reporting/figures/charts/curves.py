"""Dose curves: mean outcome by dose, and the slopes within and between patients as lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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
    numbers_at_risk,
    numbers_at_risk_height,
    reference_line,
    source_line,
    under_axis,
)
from mnstudy.reporting.figures.style import Picture
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.dose import DoseCurve, DoseLine

PLOT = 2.0  # inches
# Solid with a filled range, dashed with dotted edges: told apart without colour.
LINES: tuple[tuple[str, Any], ...] = ((theme.PART, "solid"), (theme.INK, DASHED))
DATA = ("kind", "label", "dose", "value", "ci_low", "ci_high", "n", "unit")


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
            f"Data: {curve.dataset}, {_size(curve)}.",
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
        return pd.DataFrame(rows, columns=list(DATA))

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def _size(curve: DoseCurve) -> str:
    return f"{fmt.count(curve.n_patients, 'patient')}, {fmt.count(curve.n_sites, 'site')}"


def _slope(line: DoseLine) -> str:
    digits = fmt.decimals_for(line.slope, line.low, line.high)
    value, low, high = (fmt.number(x, digits) for x in (line.slope, line.low, line.high))
    n = fmt.unbroken(f"n = {line.n:,}")
    return f"{line.label}: {value} ({low} to {high}) {line.unit}, {n}"


def _looks(curve: DoseCurve) -> list[tuple[DoseLine, str, Any]]:
    return [(line, *LINES[i % len(LINES)]) for i, line in enumerate(curve.lines)]


def _entries(curve: DoseCurve) -> tuple[Entry, ...]:
    found = [
        Entry(text=_slope(line), line={"color": colour, "linestyle": style, "linewidth": 1.4})
        for line, colour, style in _looks(curve)
    ]
    if math.isfinite(curve.mark):
        look: dict[str, Any] = {"color": theme.INK, "linewidth": 0.8, "linestyle": DASHED}
        text = f"upright: {fmt.given(curve.mark)} {curve.each}, named in the "
        found.append(Entry(text=f"{text}claim", line=look))
    return tuple(found)


def _draw(chart: DosePlot, width: float, size: float) -> Picture:
    curve = chart.curve
    frame = Frame(
        width=width, size=size, title=curve.title, entries=_entries(curve),
        words=source_line(curve.dataset, synthetic=curve.synthetic, size=_size(curve)),
    )  # fmt: skip
    left, room = MARGIN + LEFT, frame.inner - LEFT - 0.06
    above = label_height(curve.outcome, frame.inner, size)
    body = above + PLOT + axis_height(size) + numbers_at_risk_height(size)
    with theme.themed():
        picture, top = frame.sheet(body, chart.alt, synthetic=curve.synthetic)
        box = (left, top + above, room, PLOT)
        axes = left_axis(picture, box, curve.outcome, size)
        _limits(axes, curve)
        if curve.whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        for i, (line, colour, style) in enumerate(_looks(curve)):
            _line(axes, line, colour, style, first=i == 0)
        _means(axes, curve.means)
        if math.isfinite(curve.mark):
            reference_line(axes, curve.mark)
        under_axis(axes, curve.dose, size)
        under = top + above + PLOT + axis_height(size)
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


def _line(axes: Axes, line: DoseLine, colour: str, style: Any, *, first: bool) -> None:
    points = line.points
    confidence_band(axes, points["dose"], (points["low"], points["high"]), first=first)
    look: dict[str, Any] = {"color": colour, "linestyle": style}
    axes.plot(points["dose"], points["value"], linewidth=1.4, zorder=2.5, **look)


def _means(axes: Axes, means: pd.DataFrame) -> None:
    look: dict[str, Any] = {"color": theme.PART, "zorder": 3}
    for row in means.itertuples(index=False):
        if math.isfinite(row.low):
            axes.plot([row.dose, row.dose], [row.low, row.high], linewidth=1.1, **look)
        axes.plot([row.dose], [row.value], marker="s", markersize=4.5, **look)
