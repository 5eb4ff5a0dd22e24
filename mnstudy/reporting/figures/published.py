"""Plots of published studies: funnel, harvest and albatross.

A funnel plot sets studies against their precision, on the scale they are pooled on. A harvest plot
shows which way the studies of a claim point, one bar a study and comparison. An albatross plot sets
exact one-sided p-values against people, over contours of equal effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import NullLocator
from scipy.special import ndtri

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import RANDOMISED
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart, Panel, Plan, numbers, sample
from mnstudy.reporting.figures.style import Look, wrap
from mnstudy.stats.meta.directions import contour_n
from mnstudy.stats.meta.small_studies import FEW_STUDIES, Egger, egger
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.effects import effects
from mnstudy.verdicts.evidence.groups import APART, StudyGroup, pool_group

DOT = 5.5  # points across, a study
FUNNEL_PLOT = 2.5  # inches, the height
REACH = -float(ndtri(0.025))  # standard errors that hold 95 % by chance alone
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
HARVEST_PLOT = 0.8  # inches, the height of a panel
WIDEST = 0.12  # inches, a bar
STUDY = ("study_id", "label", "year", "doi", "n")
HARVEST_COLUMNS = ["claim", "kind", "side", *STUDY, "design", "randomised", "blinded", "direction",
                   "counts_as", "in_estimate"]  # fmt: skip

# A convention: small to large.
EFFECTS: dict[float, Any] = {0.2: style.DOTTED, 0.5: style.DASHED, 0.8: "-"}
MEASURES = {
    "one group": "one group of people, or two sides of one body",
    "two groups": "two groups of people",
}
ALBATROSS_PLOT = 1.9  # inches, the height of a panel
PEOPLE = (5, 10, 20, 50, 100, 200, 500, 1000)
P_VALUES = (0.05, 0.01, 0.001, 1e-4, 1e-5, 1e-6)
FAINTEST = 0.4  # at least as far from one half as this one-sided p does every axis reach
ALBATROSS_COLUMNS = ["claim", "kind", "measure", *STUDY, "p_one_sided", "significance", "design",
                     "in_estimate"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Funnel(Chart):
    """The studies of one group by effect and standard error.

    ``table`` has one row a study: study_id, label, year, doi, effect and std_error on the pooled
    scale, and shown, the effect in the unit of the claim.
    """

    claim: Claim
    group: StudyGroup
    table: pd.DataFrame
    centre: float
    egger: Egger

    @property
    def key(self) -> str:
        """Name among the files."""
        alike = (str(self.group.rows[name].iloc[0]) for name in APART)
        words = ("".join(c if c.isalnum() else "_" for c in x) for x in alike if x != "False")
        return f"funnel/{self.claim.id}-{'-'.join(filter(None, words))}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        measure = self.group.measure
        return (
            f"{self.claim.title}: funnel plot of {fmt.count(len(self.table), 'study', 'studies')}, "
            f"{self.group.label}, {fmt.count(self.group.people, 'patient')}. Across: "
            f"{measure.unit} on the {SCALES.get(measure.scale, 'scale shown')}, down: standard "
            "error there. Broken lines: where 95 % of studies would lie round "
            "the pooled value if chance alone parted them. Egger's regression: "
            f"{fmt.p_value(self.egger.p_value)}. Asymmetry may come from unpublished studies, "
            "from true differences between small and large ones, or from chance."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        return (
            f"Funnel plot. {self.claim.title}: {fmt.count(len(self.table), 'study', 'studies')} by "
            f"effect and standard error, {self.group.label}; "
            f"Egger {fmt.p_value(self.egger.p_value)}."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a study."""
        named = {"claim": self.claim.id, "group": self.group.label, "unit": self.group.measure.unit}
        egger_p = {"pooled": self.centre, "egger_p": self.egger.p_value}
        return self.table.assign(**named, **egger_p)

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        line: dict[str, Any] = {"color": style.INK, "linewidth": 0.9}
        chance = line | {"color": style.LINE, "linestyle": style.DASHED}
        study = sample(look, marker="o", markersize=DOT, color=look.groups[0], markeredgewidth=0)
        return Plan(
            title=f"{self.claim.title}: funnel",
            words=[self.group.label],
            panels=[Panel(draw=self._draw, height=FUNNEL_PLOT)],
            key=[(study, "a study"), (sample(look, linestyle="-", **line), "pooled value"),
                 (sample(look, **chance), "95 % of studies by chance alone")],
            alt=self.alt,
        )  # fmt: skip

    def _draw(self, ax: Axes, look: Look) -> None:
        centre, deep = self.centre, 1.15 * float(self.table["std_error"].max())
        wide = max(REACH * deep, 1.1 * float((self.table["effect"] - centre).abs().max()))
        ax.set(xlim=(centre - wide, centre + wide), ylim=(deep, 0))
        ax.plot([centre - REACH * deep, centre, centre + REACH * deep], [deep, 0, deep], zorder=1,
                color=style.LINE, linewidth=look.pt(0.8), linestyle=style.DASHED)  # fmt: skip
        ax.axvline(centre, color=style.INK, linewidth=look.pt(0.9), zorder=1)
        places = self.table.groupby(["effect", "std_error"], as_index=False).size()
        sns.scatterplot(places, x="effect", y="std_error", ax=ax, color=look.groups[0],
                        s=look.pt(DOT) ** 2, linewidth=0, clip_on=False, zorder=3)  # fmt: skip
        for x, y, n in places[places["size"] > 1].itertuples(index=False):
            ax.annotate(f"×{n}", (x, y), xytext=(look.pt(4), 0), textcoords="offset points",
                        va="center", fontsize=look.letters - 1, color=style.MUTED)  # fmt: skip
        self._name_axes(ax)

    def _name_axes(self, ax: Axes) -> None:
        measure, (low, high) = self.group.measure, ax.get_xlim()
        numbers(ax, count=5)
        values = SHARES if measure.scale == "arcsine" else RATIOS if measure.scale == "log" else ()
        ticks: dict[float, str] = {}
        for value in values:
            x = measure.forward(float(value))
            if low <= x <= high and x - max(ticks, default=-math.inf) > 0.09 * (high - low):
                ticks[x] = fmt.as_entered(value)
        if ticks:
            ax.set_xticks(list(ticks), list(ticks.values()))
        scale = SCALES.get(measure.scale, "")
        unit = measure.unit + (f" ({scale})" if scale else "")
        ax.set(xlabel=unit, ylabel="standard error")


def funnel(group: StudyGroup) -> Funnel | None:
    """Return the funnel of a group; None below 10 studies, where none can be read."""
    if len(group.rows) < FEW_STUDIES:
        return None
    effect, variance = effects(group.rows, group.name)
    shown = [group.measure.back(float(x)) for x in effect]
    table = group.rows[["study_id", "label", "year", "doi"]].reset_index(drop=True)
    table = table.assign(effect=effect, std_error=np.sqrt(variance), shown=shown)
    centre = group.measure.forward(pool_group(group).estimate.value)
    return Funnel(
        claim=group.claim, group=group, table=table, centre=centre,
        egger=egger(effect, variance, confidence_level=group.confidence_level),
    )  # fmt: skip


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
            "printed in favour are more likely to be found. Directions: "
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
        rows = self.directions.rows.query("role == 'tests'")
        side = {word: name for name, words in SIDES.items() for word in words}
        rows = rows.assign(
            claim=self.directions.claim.id,
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

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        table, full = self.data(), look.groups[0]
        sure = np.where(table["randomised"], "randomised", "not randomised")
        table["shade"] = np.where(table["n"].isna(), "people not printed", sure)
        pale = to_hex(sns.blend_palette([style.PAPER, full], 6)[2])
        faces = {"randomised": full, "not randomised": pale, "people not printed": style.PAPER}
        key = [(sample(look, fill=faces[shade], edge=full), shade)
               for shade in faces if table["shade"].eq(shade).any()]  # fmt: skip
        if table["blinded"].eq("yes").any():
            dot = sample(look, marker="o", markersize=2.5, color=style.INK)
            key.append((dot, "raters blinded"))
        most = table["n"].max()
        tallest = "" if pd.isna(most) else f"; height: people, the tallest {int(most):,}"
        crowd = int(table.groupby(["kind", "side"]).size().max())
        draw = partial(_draw_bars, faces, 1.0 if pd.isna(most) else float(most), crowd)
        return Plan(
            title=self.directions.claim.title,
            words=[f"directions of effect, one bar a study and comparison{tallest}"],
            panels=[Panel(draw=partial(draw, own), height=HARVEST_PLOT)
                    for _, own in table.groupby("kind", sort=False)],
            key=key, alt=self.alt, aligned=True,
        )  # fmt: skip


def harvest_plot(directions: Directions) -> Harvest | None:
    """Return the harvest plot of a claim; None where fewer than three directions test it."""
    tests = int(directions.rows["role"].eq("tests").sum())
    return Harvest(directions=directions) if tests >= FEWEST else None


def _draw_bars(
    faces: Mapping[str, str], largest: float, crowd: int, own: pd.DataFrame, ax: Axes, look: Look
) -> None:
    """Draw the bars of one kind of comparison, side by side in three sections."""
    section = 0.8 * look.width / 3  # inches
    room = max(crowd, section / look.pt(WIDEST)) + 1  # bars in a section
    side = own["side"].map(list(SIDES).index)
    counts = side.value_counts().reindex(range(3), fill_value=0)
    x = (side + 0.5) * room - side.map(counts) / 2 + 0.5 + own.groupby("side").cumcount()
    height = (own["n"].clip(lower=0.05 * largest)).fillna(0.1 * largest).astype(float)
    ax.bar(x, height, width=0.82, color=own["shade"].map(faces), edgecolor=look.groups[0],
           linewidth=min(look.pt(0.6), 9 * section / room))  # fmt: skip
    blinded = own["blinded"].eq("yes")
    ax.scatter(x[blinded], height[blinded] + 0.07 * largest, color=style.INK, linewidth=0,
               s=min(look.pt(2.5), max(look.pt(1.5), 30 * section / room)) ** 2)  # fmt: skip
    starts = room * np.arange(3)
    ax.hlines([0] * 3, starts + 0.5, starts + room - 0.5, colors=style.LINE, zorder=0.5,
              linewidths=look.pt(0.6), clip_on=False)  # fmt: skip
    names = ["\n".join(wrap(name, section, look.letters - 0.5)) for name in SIDES]
    words = [f"{name}\n{n or 'none'}" for name, n in zip(names, counts, strict=True)]
    ax.set_xticks(starts + room / 2, words)
    ax.tick_params(axis="x", length=0)
    ax.spines["bottom"].set_visible(False)
    numbers(ax, x=False, count=3)
    if own["n"].isna().all():
        ax.set_yticks([])
    title = f"{KINDS[str(own['kind'].iloc[0])]} ({fmt.count(len(own), 'direction')})"
    ax.set(xlim=(0, 3 * room), ylim=(0, 1.16 * largest), ylabel="people", title=title)


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

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        panels = [
            Panel(draw=partial(_draw_exact, own, str(kind), str(measure)), height=ALBATROSS_PLOT)
            for (kind, measure), own in self.data().groupby(["kind", "measure"], sort=False)
        ]
        words = "exact one-sided p-values and people; lines: equal effects, in standard deviations"
        return Plan(title=self.directions.claim.title, words=[words], panels=panels, alt=self.alt,
                    beside=True)  # fmt: skip


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


def _draw_exact(own: pd.DataFrame, kind: str, measure: str, ax: Axes, look: Look) -> None:
    points = own.assign(place=own["p_one_sided"].map(place))
    reach = max(place(0.001), float(points["place"].abs().max()) + 0.2)
    ends = min(5.0, 0.8 * float(own["n"].min())), max(200.0, 1.6 * float(own["n"].max()))
    sns.scatterplot(points, x="place", y="n", ax=ax, color=look.groups[0], linewidth=0,
                    s=look.pt(DOT) ** 2, clip_on=False, zorder=3)  # fmt: skip
    ax.set(xlim=(-reach, reach), yscale="log", ylim=ends)
    ax.axvline(0, color=style.LINE, linewidth=look.pt(0.8), zorder=1)
    for effect, dashes in EFFECTS.items():
        _contour(ax, effect, dashes, measure, look)
    values = [p for p in P_VALUES if place(p) <= reach]
    values = values[1::2] if len(values) > 3 else values
    ticks = {sign * place(p): fmt.log_tick(p) for p in (0.5, *values) for sign in (-1, 1)}
    ax.set_xticks(list(ticks), list(ticks.values()))
    people = [n for n in PEOPLE if ends[0] <= n <= ends[1]]
    ax.set_yticks(people, [fmt.as_entered(n) for n in people])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_title(f"{KINDS[kind]}: people", pad=1.8 * look.letters)  # above the names of contours
    ax.set(xlabel=f"one-sided p: against, or towards the claim\n({MEASURES[measure]})", ylabel="")


def _contour(ax: Axes, effect: float, dashes: Any, measure: str, look: Look) -> None:
    reach, (low, high) = ax.get_xlim()[1], ax.get_ylim()
    far = np.linspace(place(FAINTEST), reach, 80)
    p = 0.5 * 10.0**-far
    people = contour_n(p, effect, measure="two groups" if measure == "two groups" else "one group")
    seen = (people >= low) & (people <= high)
    if not seen.any():
        return
    for sign in (-1, 1):
        ax.plot(sign * far[seen], people[seen], color=style.MUTED, linewidth=look.pt(0.7),
                linestyle=dashes, zorder=2)  # fmt: skip
    x, y = float(far[seen][-1]), float(people[seen][-1])
    where: dict[str, Any] = {"xytext": (0, look.pt(2)), "ha": "center", "va": "bottom"}
    if x >= reach - 0.02:
        where = {"xytext": (look.pt(2), 0), "ha": "left", "va": "center"}
    ax.annotate(fmt.as_entered(effect), (x, y), textcoords="offset points", color=style.MUTED,
                fontsize=look.letters - 1, annotation_clip=False, **where)  # fmt: skip
