"""Funnel plots: studies against their precision, on the scale they are pooled on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator
from scipy.special import ndtri

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.lettering import line_height
from mnstudy.reporting.figures.style import Picture, inch_axes
from mnstudy.stats.meta.small_studies import FEW_STUDIES, Egger, egger
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.effects import R_SHOWN, effects
from mnstudy.verdicts.evidence.groups import StudyGroup, pooled

PLOT = 2.5  # inches, the height
LEFT = 0.55  # inches for the ticks and their axis
SHARES = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
RATIOS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
SCALES = {"arcsine": "arcsine scale", "log": "logarithmic scale"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Funnel(Chart):
    """The studies of one group by effect and standard error.

    ``table`` has one row a study: study_id, label, year, doi, effect and std_error on the pooled
    scale, and shown, the effect in the unit of the claim.
    """

    claim: Claim
    label: str
    group: StudyGroup
    table: pd.DataFrame
    centre: float
    egger: Egger

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"funnel/{self.claim.id}-{self.group.endpoint}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        measure = self.group.measure
        return (
            f"{self.claim.title}: funnel plot of {fmt.count(len(self.table), 'study', 'studies')}, "
            f"{self.label}, {fmt.count(self.group.people, 'patient')}. Across: {measure.unit} on "
            f"the {SCALES.get(measure.scale, 'scale shown')} the studies are pooled on; down: "
            "standard error. Broken lines: where 95 % of studies would lie round the pooled value "
            "if chance alone parted them. Egger's regression: "
            f"{fmt.p_value(self.egger.p_value)}. Asymmetry may come from unpublished studies, "
            "from true differences between small and large ones, or from chance."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        return (
            f"Funnel plot. {self.claim.title}: {fmt.count(len(self.table), 'study', 'studies')} by "
            f"effect and standard error, {self.label}; Egger {fmt.p_value(self.egger.p_value)}."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a study."""
        named = {"claim": self.claim.id, "group": self.label, "unit": self.group.measure.unit}
        egger_p = {"pooled": self.centre, "egger_p": self.egger.p_value}
        return self.table.assign(**named, **egger_p)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def funnel(group: StudyGroup) -> Funnel | None:
    """Return the funnel of a group; None below 10 studies, where none can be read."""
    if len(group.rows) < FEW_STUDIES:
        return None
    effect, variance = effects(group.rows, group.name, r=R_SHOWN)
    table = group.rows[["study_id", "label", "year", "doi"]].reset_index(drop=True)
    back = group.measure.back
    table = table.assign(
        effect=effect, std_error=np.sqrt(variance), shown=[back(float(x)) for x in effect]
    )
    return Funnel(
        claim=group.claim,
        label=group.label,
        group=group,
        table=table,
        centre=float(pooled(group).estimate),
        egger=egger(effect, variance, confidence_level=group.confidence_level),
    )


def _draw(chart: Funnel, width: float, size: float) -> Picture:
    marks = (
        mark("a study", marker="o", markersize=4.5, color=theme.PART),
        mark("pooled value", marker="|", markersize=8, color=theme.INK),
    )
    head = Head(width=width, size=size, title=f"{chart.claim.title}: funnel", words=chart.label,
                marks=marks)  # fmt: skip
    with theme.themed():
        picture, top = sheet(head, 0.1 + PLOT + 3 * line_height(size) + 0.06, chart.alt)
        room = min(width - 2 * MARGIN - LEFT - 0.1, 4.6)
        axes = inch_axes(picture, MARGIN + LEFT, top + 0.1, room, PLOT)
        effect, error = chart.table["effect"].to_numpy(), chart.table["std_error"].to_numpy()
        deep, reach = 1.15 * error.max(), -float(ndtri(0.025))
        wide = max(reach * deep, 1.1 * float(np.abs(effect - chart.centre).max()))
        axes.set_xlim(chart.centre - wide, chart.centre + wide)
        axes.set_ylim(deep, 0)
        for sign in (-1, 1):
            axes.plot(
                [chart.centre, chart.centre + sign * reach * deep], [0, deep],
                color=theme.LINE, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1,
            )  # fmt: skip
        axes.plot([chart.centre] * 2, [0, deep], color=theme.INK, linewidth=0.9, zorder=1)
        for x, y, n in _points(chart):
            axes.plot([x], [y], marker="o", markersize=4.5, color=theme.PART, clip_on=False,
                      zorder=3)  # fmt: skip
            if n > 1:
                axes.annotate(f"×{n}", (x, y), xytext=(4, 0), textcoords="offset points",
                              va="center", fontsize=size - 1, color=theme.MUTED)  # fmt: skip
        _ticks(chart, axes, size)
    return picture


def _points(chart: Funnel) -> list[tuple[float, float, int]]:
    """Return the places of the studies, those in the same place once with their number."""
    places = chart.table.groupby(["effect", "std_error"], sort=True).size()
    return [(float(x), float(y), int(n)) for (x, y), n in places.items()]


def _ticks(chart: Funnel, axes: theme.Axes, size: float) -> None:
    measure, (low, high) = chart.group.measure, axes.get_xlim()
    values = SHARES if measure.scale == "arcsine" else RATIOS if measure.scale == "log" else ()
    places = [(measure.forward(float(v)), v) for v in values]
    seen = [(x, v) for x, v in places if low <= x <= high]
    if seen:
        kept: list[tuple[float, float]] = []
        for x, v in seen:
            if not kept or x - kept[-1][0] > 0.09 * (high - low):
                kept.append((x, v))
        axes.xaxis.set_major_locator(FixedLocator([x for x, _ in kept]))
        axes.xaxis.set_major_formatter(FixedFormatter([fmt.given(v) for _, v in kept]))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="both", labelsize=size - 0.5)
    scale = SCALES.get(measure.scale, "")
    unit = measure.unit + (f" ({scale})" if scale else "")
    axes.set_xlabel(unit, fontsize=size, labelpad=2)
    axes.set_ylabel("standard error", fontsize=size, labelpad=3)
