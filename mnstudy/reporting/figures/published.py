"""Plots of published studies: funnel, harvest and albatross.

A funnel plot sets studies against their precision, on the scale they are pooled on. A harvest plot
names the studies of a claim by the side they point to, one bar a study and comparison. An albatross
plot sets exact one-sided p-values against patients, over contours of equal effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from mnstudy.reporting.figures.chart import Chart, Panel, Plan, Rows, numbers, sample
from mnstudy.reporting.figures.style import Look, wrap
from mnstudy.stats.meta.directions import contour_n
from mnstudy.stats.meta.small_studies import FEW_STUDIES, Egger, egger
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.effects import effects
from mnstudy.verdicts.evidence.groups import APART, StudyGroup, pool_group
from mnstudy.words.notes import Count, note
from mnstudy.words.units import axis_name

NAMED = 4  # dots of a panel, at most, that bear the names of their studies
MOST_BARS = 24  # of one side, each with its name; further ones are counted beneath them
DOT = 5.5  # points across, a study
FUNNEL_PLOT = 2.5  # inches, the height
REACH = -float(ndtri(0.025))  # standard errors that hold 95 % by chance alone
SHARES = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
RATIOS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)

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
        group, people = self.group, Count(n=self.group.people, noun="patient")
        said = note("read_funnel", title=self.claim.title, group=group.label, people=people,
                    studies=group.studies, p=self.egger.p_value)  # fmt: skip
        return f"{said}."

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        return (
            f"Funnel plot. {self.claim.title}: {self.group.studies} by effect and standard error, "
            f"{self.group.label}; Egger {fmt.p_value(self.egger.p_value)}."
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
        if measure.scale != "arcsine":
            ax.set(xlabel=axis_name(measure.unit), ylabel="standard error")
            return
        deep = ax.get_ylim()[0]  # the error of a share there is 1 / (2 sqrt(n))
        rows = {0.5 / math.sqrt(n): fmt.as_entered(n) for n in PEOPLE}
        rows = {y: n for y, n in rows.items() if 0.1 * deep < y <= deep}
        ax.set_yticks(list(rows), list(rows.values()))
        ax.set(xlabel="percent of patients", ylabel="patients in the study")


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
        rows = self.data()
        bars = Count(n=len(rows), noun="bar")
        studies = Count(n=int(rows["study_id"].nunique()), noun="study", plural="studies")
        said = note("read_harvest", title=self.directions.claim.title, bars=bars, studies=studies,
                    directions=self.directions.sentence)  # fmt: skip
        return f"{said}."

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
            ["order", "place", "randomised", "n", "study_id"],
            ascending=[True, True, False, False, True],
            na_position="last", kind="stable",
        )  # fmt: skip
        return rows[HARVEST_COLUMNS].reset_index(drop=True)

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        table, full = self.data(), look.groups[0]
        pale = to_hex(sns.blend_palette([style.PAPER, full], 6)[2])
        faces = {True: full, False: pale}
        key = [(sample(look, fill=face, edge=full), "randomised" if x else "not randomised")
               for x, face in faces.items() if table["randomised"].eq(x).any()]  # fmt: skip
        if table["blinded"].eq("yes").any():
            dot = sample(look, marker="o", markersize=3.5, color=style.INK)
            key.append((dot, "raters blinded"))
        most = max(1.0, table["n"].fillna(1).max())
        panels = []
        for _, own in table.groupby("kind", sort=False):
            rows, shown = _bar_rows(own, look)
            draw = partial(_draw_bars, faces, most, rows, shown)
            panels.append(Panel(draw=draw, height=rows.height))
        return Plan(
            title=self.directions.claim.title,
            words=["which way each study points; bars: patients"],
            panels=panels, key=key, alt=self.alt, aligned=True,
        )  # fmt: skip


def harvest_plot(directions: Directions) -> Harvest | None:
    """Return the harvest plot of a claim; None where fewer than three directions test it."""
    tests = int(directions.rows["role"].eq("tests").sum())
    return Harvest(directions=directions) if tests >= FEWEST else None


def _bar_rows(own: pd.DataFrame, look: Look) -> tuple[Rows, pd.DataFrame]:
    """Return the names of the studies under the side they point to, and the bars beside them."""
    labels, shown = [], []
    for side in SIDES:
        bars = own[own["side"].eq(side)]
        labels += [(f"{side}: {len(bars) or 'none'}", True)]
        labels += [(x, False) for x in bars["label"][:MOST_BARS]]
        if len(rest := bars[MOST_BARS:]):
            chosen = f"{rest['randomised'].sum() or 'none'} of them randomised"
            labels += [(f"and {len(rest)} more, {chosen}", True)]
        shown.append(bars[:MOST_BARS])
    small = replace(look, letters=look.letters - 1)
    rows = Rows(labels, small, room=0.44 * look.width, pad=0.012)
    rows.width = 0.46 * look.width  # bars of all kinds begin at the same place
    return rows, pd.concat(shown)


def _draw_bars(
    faces: Mapping[bool, str], most: float, rows: Rows, own: pd.DataFrame, ax: Axes, look: Look
) -> None:
    """Draw the bars of one kind of comparison, beneath each other in three sections."""
    rows.draw(ax)
    y = [y for y, heading in zip(rows.middles, rows.bold, strict=True) if not heading]
    ax.barh(y, own["n"].fillna(0).astype(float), height=0.75 * style.line_height(rows.size),
            color=own["randomised"].map(faces), edgecolor=look.groups[0],
            linewidth=look.pt(0.5))  # fmt: skip
    for at, n, blinded in zip(y, own["n"], own["blinded"], strict=True):
        words = "number not printed" if pd.isna(n) else f"{int(n):,}"
        end = (0.0 if pd.isna(n) else float(n), at)
        ax.annotate(words + "  ●" * (blinded == "yes"), end, xytext=(look.pt(3), 0), va="center",
                    textcoords="offset points", fontsize=rows.size)  # fmt: skip
    numbers(ax, y=False, count=4)
    ax.set(xlim=(0, 1.3 * most), xlabel="patients")
    ax.annotate(KINDS[str(own["kind"].iloc[0])], (0, 1), xytext=(-72 * rows.width, look.pt(3)),
                xycoords="axes fraction", textcoords="offset points", fontweight="bold",
                fontsize=look.letters)  # fmt: skip


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
        tests = int(self.directions.rows["role"].eq("tests").sum())
        some = Count(n=len(self.data()), noun="comparison", of=tests)
        return f"{note('read_albatross', title=self.directions.claim.title, some=some)}."

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
        words = "exact p-values and patients; lines: effects in standard deviations (SD)"
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
    left = min(-place(0.05), float(points["place"].min()) - 0.2)  # as far as there are studies
    ax.set(xlim=(left - 0.1, reach), yscale="log", ylim=ends)
    ax.axvline(0, color=style.LINE, linewidth=look.pt(0.8), zorder=1)
    for effect, dashes in EFFECTS.items():
        _contour(ax, effect, dashes, measure, look)
    values = [p for p in P_VALUES if place(p) <= reach]
    values = values[1::2] if len(values) > 3 else values
    sided = {sign * place(p): fmt.log_tick(p) for p in (0.5, *values) for sign in (-1, 1)}
    ticks = {x: text for x, text in sided.items() if x >= left}
    ax.set_xticks(list(ticks), list(ticks.values()))
    people = [n for n in PEOPLE if ends[0] <= n <= ends[1]]
    ax.set_yticks(people, [fmt.as_entered(n) for n in people])
    ax.yaxis.set_minor_locator(NullLocator())
    if len(points) <= NAMED:
        named = points.sort_values(["n", "place"], ascending=False)
        for i, (x, n, label) in enumerate(named[["place", "n", "label"]].to_numpy()):
            up = 1 if i % 2 == 0 else -1  # in turn above and below: neighbours stay apart
            name = "\n".join(wrap(label, (0.2 if look.wide else 0.5) * look.width, look.letters))
            ax.annotate(name, (x, n), xytext=(0, up * look.pt(5)), textcoords="offset points",
                        ha="right", va="bottom" if up > 0 else "top", zorder=2.5,
                        fontsize=look.letters - 1, bbox={"fc": style.PAPER, "ec": "none",
                                                         "pad": 0.4})  # fmt: skip
    comparisons = fmt.count(len(points), "comparison")
    ax.set_title(f"{KINDS[kind]} ({comparisons})", pad=1.8 * look.letters)  # above the contours
    ax.set(xlabel=f"one-sided p-value (right: for the claim)\n{MEASURES[measure]}",
           ylabel="patients")  # fmt: skip


def _contour(ax: Axes, effect: float, dashes: Any, measure: str, look: Look) -> None:
    (left, reach), (low, high) = ax.get_xlim(), ax.get_ylim()
    far = np.linspace(place(FAINTEST), reach, 80)
    p = 0.5 * 10.0**-far
    people = contour_n(p, effect, measure="two groups" if measure == "two groups" else "one group")
    seen = (people >= low) & (people <= high)
    if not seen.any():
        return
    for side, here in ((-far, seen & (-far >= left)), (far, seen)):
        ax.plot(side[here], people[here], color=style.MUTED, linewidth=look.pt(0.7),
                linestyle=dashes, zorder=2)  # fmt: skip
    x, y = float(far[seen][-1]), float(people[seen][-1])
    where: dict[str, Any] = {"xytext": (0, look.pt(2)), "ha": "center", "va": "bottom"}
    if x >= reach - 0.02:
        where = {"xytext": (look.pt(2), 0), "ha": "left", "va": "center"}
    ax.annotate(f"{fmt.as_entered(effect)} SD", (x, y), textcoords="offset points", **where,
                color=style.MUTED, fontsize=look.letters - 1, annotation_clip=False)  # fmt: skip
