"""Plots of published studies: funnel, harvest and albatross.

A funnel plot sets studies against their precision, on the scale they are pooled on. A harvest plot
shows which way the studies of a claim point, one bar a study and comparison. An albatross plot sets
exact one-sided p-values against people, over contours of equal effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from scipy.special import ndtri

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import BETWEEN, MARGIN, Chart, Head, Mark, mark, sheet
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text, line_height, wrap
from mnstudy.reporting.words import RANDOMISED
from mnstudy.stats.meta.directions import contour_n
from mnstudy.stats.meta.small_studies import FEW_STUDIES, Egger, egger
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.effects import R_SHOWN, effects
from mnstudy.verdicts.evidence.groups import StudyGroup, pooled

FUNNEL_PLOT = 2.5  # inches, the height
FUNNEL_LEFT = 0.55  # inches for the ticks and their axis
SHARES = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
RATIOS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
SCALES = {"arcsine": "arcsine scale", "log": "logarithmic scale"}

FEWEST = 3  # directions that make a plot
KINDS = {
    "controlled": "against another arm",
    "within_arms": "between parts of one study",
    "uncontrolled": "without a control",
}
SIDES = {
    "against the claim": ("against_claim",),
    "no difference or mixed": ("no_difference", "mixed"),
    "towards the claim": ("favours_claim",),
}
PALE = "#b1bdcc"  # two fifths of the colour of further numbers
BAND = 0.62  # inches, the height of the largest bar
WIDEST = 0.12  # inches, a bar
HARVEST_COLUMNS = [
    "claim",
    "kind",
    "side",
    "study_id",
    "label",
    "year",
    "doi",
    "n",
    "design",
    "randomised",
    "blinded",
    "direction",
    "counts_as",
    "in_estimate",
]

EFFECTS = {0.2: (0, (1, 1.5)), 0.5: (0, (4, 2)), 0.8: "solid"}  # a convention: small to large
MEASURES = {
    "one group": "one group of people, or two sides of one body",
    "two groups": "two groups of people",
}
ALBATROSS_PLOT = 1.9  # inches, the height of a panel
ALBATROSS_LEFT = 0.42  # inches for the ticks and their axis
PEOPLE = (5, 10, 20, 50, 100, 200, 500, 1000)
FAINTEST = 0.4  # at least as far from one half as this one-sided p does every axis reach
ALBATROSS_COLUMNS = [
    "claim",
    "kind",
    "measure",
    "study_id",
    "label",
    "year",
    "doi",
    "n",
    "p_one_sided",
    "significance",
    "design",
    "in_estimate",
]


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
        return _draw_funnel(self, width, size)


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


def _draw_funnel(chart: Funnel, width: float, size: float) -> Picture:
    marks = (
        mark("a study", marker="o", markersize=4.5, color=style.PART),
        mark("pooled value", marker="|", markersize=8, color=style.INK),
    )
    head = Head(width=width, size=size, title=f"{chart.claim.title}: funnel", words=chart.label,
                marks=marks)  # fmt: skip
    with style.themed():
        picture, top = sheet(head, 0.1 + FUNNEL_PLOT + 3 * line_height(size) + 0.06, chart.alt)
        room = min(width - 2 * MARGIN - FUNNEL_LEFT - 0.1, 4.6)
        axes = inch_axes(picture, MARGIN + FUNNEL_LEFT, top + 0.1, room, FUNNEL_PLOT)
        effect, error = chart.table["effect"].to_numpy(), chart.table["std_error"].to_numpy()
        deep, reach = 1.15 * error.max(), -float(ndtri(0.025))
        wide = max(reach * deep, 1.1 * float(np.abs(effect - chart.centre).max()))
        axes.set_xlim(chart.centre - wide, chart.centre + wide)
        axes.set_ylim(deep, 0)
        for sign in (-1, 1):
            axes.plot(
                [chart.centre, chart.centre + sign * reach * deep], [0, deep],
                color=style.LINE, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1,
            )  # fmt: skip
        axes.plot([chart.centre] * 2, [0, deep], color=style.INK, linewidth=0.9, zorder=1)
        for x, y, n in _points(chart):
            axes.plot([x], [y], marker="o", markersize=4.5, color=style.PART, clip_on=False,
                      zorder=3)  # fmt: skip
            if n > 1:
                axes.annotate(f"×{n}", (x, y), xytext=(4, 0), textcoords="offset points",
                              va="center", fontsize=size - 1, color=style.MUTED)  # fmt: skip
        _funnel_ticks(chart, axes, size)
    return picture


def _points(chart: Funnel) -> list[tuple[float, float, int]]:
    """Return the places of the studies, those in the same place once with their number."""
    places = chart.table.groupby(["effect", "std_error"], sort=True).size()
    return [(float(x), float(y), int(n)) for (x, y), n in places.items()]


def _funnel_ticks(chart: Funnel, axes: Axes, size: float) -> None:
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
        axes.xaxis.set_major_formatter(FixedFormatter([fmt.as_entered(v) for _, v in kept]))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="both", labelsize=size - 0.5)
    scale = SCALES.get(measure.scale, "")
    unit = measure.unit + (f" ({scale})" if scale else "")
    axes.set_xlabel(unit, fontsize=size, labelpad=2)
    axes.set_ylabel("standard error", fontsize=size, labelpad=3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Harvest(Chart):
    """The directions of effect that test one claim."""

    directions: Directions

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"directions/{self.directions.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        table = self.data()
        unknown = int(table["n"].isna().sum())
        missing = f" {fmt.count(unknown, 'open bar')}: people not printed." if unknown else ""
        return (
            f"{self.directions.claim.title}: harvest plot of {fmt.count(len(table), 'direction')} "
            f"of effect ({fmt.count(table['study_id'].nunique(), 'study', 'studies')}), one bar a "
            "study and comparison. Height of a bar: people; dark: randomised; dot: raters blinded. "
            "Comparisons with another arm, between parts of one study and without a control stand "
            f"apart.{missing} A direction says nothing of the size of an effect, and numbers "
            "printed in favour are more likely to be found: "
            f"{self.directions.sentence}."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        table = self.data()
        counts = [
            f"{KINDS[kind]}: "
            + ", ".join(f"{int(own['side'].eq(side).sum())} {side}" for side in SIDES)
            for kind, own in table.groupby("kind", sort=False)
        ]
        return f"Bars by direction. {self.directions.claim.title}; {'; '.join(counts)}."

    def data(self) -> pd.DataFrame:
        """Return one row a bar, in the order they stand."""
        rows = self.directions.rows
        rows = rows[rows["role"] == "tests"].assign(claim=self.directions.claim.id)
        side = {word: name for name, words in SIDES.items() for word in words}
        rows = rows.assign(
            side=rows["counts_as"].map(side),
            randomised=rows["design"].isin(list(RANDOMISED)),
            blinded=rows["assessor_blinded"],
            order=rows["kind"].map(list(KINDS).index),
            place=rows["counts_as"].map(side).map(list(SIDES).index),
        )
        rows = rows.sort_values(
            ["order", "place", "n", "study_id"], ascending=[True, True, False, True],
            na_position="last", kind="stable",
        )  # fmt: skip
        return rows[HARVEST_COLUMNS].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_harvest(self, self.data(), width, size)


def harvest_plot(directions: Directions) -> Harvest | None:
    """Return the harvest plot of a claim; None where fewer than three directions test it."""
    tests = int(directions.rows["role"].eq("tests").sum())
    return Harvest(directions=directions) if tests >= FEWEST else None


def _draw_harvest(chart: Harvest, table: pd.DataFrame, width: float, size: float) -> Picture:
    kinds = list(dict.fromkeys(table["kind"]))
    head = Head(
        width=width, size=size, title=chart.directions.claim.title, marks=_marks(table),
        words=f"directions of effect, one bar a study and comparison{_tallest(table)}",
    )  # fmt: skip
    inner = width - 2 * MARGIN
    heads = [wrap(side, inner / 3 - 0.1, size - 0.5) for side in SIDES]
    top_lines = max(map(len, heads)) * line_height(size - 0.5) + 0.05
    band = line_height(size) + BAND + 0.16
    with style.themed():
        picture, top = sheet(head, top_lines + len(kinds) * band, chart.alt)
        for i, lines in enumerate(heads):
            _words(picture, lines, MARGIN + (i + 0.5) * inner / 3, top, size)
        for k, kind in enumerate(kinds):
            at = top + top_lines + k * band
            own = table[table["kind"] == kind]
            text = f"{KINDS[kind]} ({fmt.count(len(own), 'direction')})"
            inch_text(picture, MARGIN, at, text, fontsize=size, fontweight="bold")
            _bars(picture, table, own, (MARGIN, at + line_height(size) + 0.06, inner), size)
    return picture


def _tallest(table: pd.DataFrame) -> str:
    if table["n"].isna().all():
        return ""
    return f"; height: people, the tallest {int(_largest(table)):,}"


def _words(picture: Picture, lines: Sequence[str], middle: float, top: float, size: float) -> None:
    look: dict[str, Any] = {"fontsize": size - 0.5, "color": style.MUTED, "ha": "center"}
    for i, line in enumerate(lines):
        inch_text(picture, middle, top + i * line_height(size - 0.5), line, **look)


def _marks(table: pd.DataFrame) -> tuple[Mark, ...]:
    bar: dict[str, Any] = {"marker": "s", "markersize": 6, "markeredgecolor": style.PART}
    found = []
    if table["randomised"].any():
        found.append(mark("randomised", color=style.PART, **bar))
    if not table["randomised"].all():
        found.append(mark("not randomised", color=PALE, **bar))
    if table["n"].isna().any():
        found.append(mark("people not printed", color=style.PAPER, **bar))
    if table["blinded"].eq("yes").any():
        found.append(mark("raters blinded", marker=".", markersize=5, color=style.INK))
    return tuple(found)


def _bars(
    picture: Picture, table: pd.DataFrame, own: pd.DataFrame, place: tuple[float, float, float],
    size: float,
) -> None:  # fmt: skip
    left, top, inner = place
    axes = inch_axes(picture, left, top, inner, BAND)
    axes.set_axis_off()
    axes.set_xlim(0, inner)
    axes.set_ylim(0, 1.14)
    third = inner / 3
    crowd = max(int(n) for n in table.groupby(["kind", "side"]).size())
    step = min(WIDEST, (third - 0.14) / crowd)
    for i, side in enumerate(SIDES):
        rows = own[own["side"] == side].to_dict("records")
        axes.plot(
            [i * third + 0.04, (i + 1) * third - 0.04], [0, 0],
            color=style.LINE, linewidth=0.6, clip_on=False,
        )  # fmt: skip
        start = (i + 0.5) * third - len(rows) * step / 2
        if not rows:
            look: dict[str, Any] = {"fontsize": size - 1, "color": style.MUTED, "ha": "center"}
            inch_text(picture, left + (i + 0.5) * third, top + BAND - 0.16, "none", **look)
        for k, row in enumerate(rows):
            _bar(axes, row, start + k * step, step, _largest(table))


def _largest(table: pd.DataFrame) -> float:
    most = table["n"].max()
    return 1.0 if pd.isna(most) else float(most)


def _bar(axes: Axes, row: dict[Any, Any], left: float, step: float, largest: float) -> None:
    unknown = pd.isna(row["n"])
    height = 0.1 if unknown else max(0.05, float(row["n"]) / largest)
    face = style.PAPER if unknown else style.PART if row["randomised"] else PALE
    axes.bar(
        [left], [height], width=0.82 * step, align="edge", facecolor=face,
        edgecolor=style.PART, linewidth=min(0.6, 9 * step), clip_on=False,
    )  # fmt: skip
    if row["blinded"] == "yes":
        dot = max(1.6, min(3.0, 40 * step))
        axes.plot(
            [left + 0.41 * step], [height + 0.07], marker=".", markersize=dot * 1.6,
            color=style.INK, markeredgewidth=0, clip_on=False,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Albatross(Chart):
    """Exact one-sided p-values of one claim; kinds and kinds of comparison apart."""

    directions: Directions

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"albatross/{self.directions.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        sizes = ", ".join(fmt.as_entered(e) for e in EFFECTS)
        tests = int(self.directions.rows["role"].eq("tests").sum())
        n = len(self.data())
        return (
            f"{self.directions.claim.title}: albatross plot of the "
            f"{fmt.count(n, 'comparison')} of {fmt.count(tests, 'direction')} that print an exact "
            f"p-value with the people behind it. Contours: an effect of {sizes} standard "
            "deviations (of the change where people are compared with themselves) seen with so "
            "many people has this p; they read off a rough size and are no estimate. Studies with "
            "and without a control stand apart."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        table = self.data()
        said = [
            f"{row['label']}: p {fmt.as_entered(float(row['p_one_sided']))}, n {int(row['n'])}"
            for row in table.to_dict("records")
        ]
        return (
            f"One-sided p-values against people. {self.directions.claim.title}: {'; '.join(said)}."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a point."""
        rows = exact_rows(self.directions)
        sides = rows["kind"].eq("uncontrolled") | rows["design"].eq("rct_split_body")
        rows = rows.assign(
            claim=self.directions.claim.id,
            measure=["one group" if one else "two groups" for one in sides],
        )
        return rows[ALBATROSS_COLUMNS].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_albatross(self, self.data(), width, size)


def exact_rows(directions: Directions) -> pd.DataFrame:
    """Return the directions that test the claim and print an exact p-value and the people."""
    rows = directions.rows
    known = rows["p_one_sided"].gt(0) & rows["p_one_sided"].lt(1) & rows["n"].gt(0)
    return rows[rows["role"].eq("tests") & known.fillna(False).astype(bool)]


def albatross(directions: Directions) -> Albatross | None:
    """Return the albatross plot of a claim; None with fewer than three exact p-values of a kind."""
    counts = exact_rows(directions)["kind"].value_counts()
    return Albatross(directions=directions) if (counts >= FEWEST).any() else None


def place(p: float) -> float:
    """Return where a one-sided p stands: 0 at one half, to the right the smaller the p."""
    return math.log10(0.5 / p) if p <= 0.5 else -math.log10(0.5 / (1 - p))


def _draw_albatross(chart: Albatross, table: pd.DataFrame, width: float, size: float) -> Picture:
    panels = list(table.groupby(["kind", "measure"], sort=False))
    words = "exact one-sided p-values and people; lines: equal effects, in standard deviations"
    head = Head(width=width, size=size, title=chart.directions.claim.title, words=words)
    beside = width > 5 and len(panels) > 1
    step = line_height(size) + 0.2 + ALBATROSS_PLOT + 0.1 + line_height(size) * 3
    rows = math.ceil(len(panels) / 2) if beside else len(panels)
    with style.themed():
        picture, top = sheet(head, rows * step, chart.alt)
        room = (width - 2 * MARGIN - (BETWEEN if beside else 0)) / (2 if beside else 1)
        for i, ((kind, measure), own) in enumerate(panels):
            row, column = divmod(i, 2) if beside else (i, 0)
            corner = (MARGIN + column * (room + BETWEEN), top + row * step)
            name = (KINDS[str(kind)], str(measure))
            _panel(picture, own, name, corner, room, size)
    return picture


def _panel(
    picture: Picture, own: pd.DataFrame, name: tuple[str, str], corner: tuple[float, float],
    room: float, size: float,
) -> None:  # fmt: skip
    left, top = corner
    inch_text(picture, left, top, f"{name[0]}: people", fontsize=size, fontweight="bold")
    axes = inch_axes(
        picture,
        left + ALBATROSS_LEFT,
        top + line_height(size) + 0.16,
        min(room - ALBATROSS_LEFT - 0.3, 3.6),
        ALBATROSS_PLOT,
    )
    axes.set_yscale("log")
    most = max(200.0, 1.6 * float(own["n"].max()))
    least = min(5.0, 0.8 * float(own["n"].min()))
    reach = max(place(0.001), *(abs(place(p)) + 0.2 for p in own["p_one_sided"]))
    axes.set_ylim(least, most)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=style.LINE, linewidth=0.8, zorder=1)
    for effect, dashes in EFFECTS.items():
        _contour(axes, effect, dashes, name[1], reach, size)
    axes.plot(
        [place(p) for p in own["p_one_sided"]], own["n"].tolist(), linestyle="none", marker="o",
        markersize=4.5, color=style.PART, zorder=3, clip_on=False,
    )  # fmt: skip
    _albatross_ticks(axes, reach, least, most, size)
    axes.set_xlabel(
        f"one-sided p: against, or towards the claim\n({MEASURES[name[1]]})",
        fontsize=size - 0.5, labelpad=2,
    )  # fmt: skip


def _contour(
    axes: Axes, effect: float, dashes: Any, measure: str, reach: float, size: float
) -> None:
    far = np.linspace(place(FAINTEST), reach, 80)
    p = 0.5 * 10.0**-far
    people = contour_n(p, effect, measure="two groups" if measure == "two groups" else "one group")
    low, high = axes.get_ylim()
    seen = (people >= low) & (people <= high)
    for sign in (-1, 1):
        axes.plot(
            sign * far[seen], people[seen], color=style.MUTED, linewidth=0.7, linestyle=dashes,
            zorder=2,
        )  # fmt: skip
    if not seen.any():
        return
    end = float(far[seen][-1]), float(people[seen][-1])
    at_top = end[0] < reach - 0.02
    axes.annotate(
        fmt.as_entered(effect), end,
        xytext=(0, 2) if at_top else (2, 0), textcoords="offset points",
        ha="center" if at_top else "left", va="bottom" if at_top else "center",
        fontsize=size - 1, color=style.MUTED, annotation_clip=False,
    )  # fmt: skip


def _albatross_ticks(axes: Axes, reach: float, least: float, most: float, size: float) -> None:
    values = [p for p in (0.05, 0.01, 0.001, 1e-4, 1e-5, 1e-6) if place(p) <= reach]
    values = values if len(values) < 4 else values[1::2]
    places = [-place(p) for p in reversed(values)] + [0.0] + [place(p) for p in values]
    names = [fmt.log_tick(p) for p in (*reversed(values), 0.5, *values)]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter(names))
    people = [n for n in PEOPLE if least <= n <= most]
    axes.yaxis.set_major_locator(FixedLocator(people))
    axes.yaxis.set_major_formatter(FixedFormatter([fmt.as_entered(n) for n in people]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="both", labelsize=size - 1)
