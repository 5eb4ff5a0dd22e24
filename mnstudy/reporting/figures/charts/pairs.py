"""Paired slopes: both sides of each person, the mean of them, and the difference beside it."""

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
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.effect_axis import (
    EffectAxis,
    estimate_marks,
    estimate_words,
    source_words,
)
from mnstudy.reporting.figures.lettering import line_height, wrap
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.verdicts.displays.pairs import Pairs

SIDE_BY_SIDE = 5.0  # inches of room from which the estimate stands beside the slopes
AXIS = 0.5  # inches for the numbers of the upright axis
HEIGHT = 2.1
BETWEEN = 0.35
# Okabe and Ito; a dash of its own for each direction
BETTER, WORSE, SAME = ("#56b4e9", "-"), ("#d55e00", (0, (3, 1.5))), (theme.LINE, (0, (1, 1)))


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
    with theme.themed():
        picture, top = sheet(head, 0.08 + body, chart.alt)
        if pairs.finding.synthetic:
            theme.watermark(picture)
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
    found.append(mark("mean of all pairs", marker="s", markersize=4.5, color=theme.INK))
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
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.given(round(float(y), 10))))
    axes.tick_params(axis="y", labelsize=size - 0.5)
    unit = pairs.finding.estimate.unit if pairs.finding.estimate else ""
    axes.set_ylabel("\n".join(wrap(f"{pairs.outcome}, {unit}", HEIGHT, size)), fontsize=size)
    if low < 0 < high:
        axes.axhline(0, color=theme.RULE, linewidth=0.6, zorder=0.5)
    _lines(axes, pairs)
    heavy: dict[str, Any] = {"color": theme.INK, "linewidth": 2.0, "marker": "s", "markersize": 5.5}
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
