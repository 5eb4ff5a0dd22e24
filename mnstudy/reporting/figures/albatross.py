"""Albatross plots: exact one-sided p-values against people, over contours of equal effect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import BETWEEN, MARGIN, Chart, Head, sheet
from mnstudy.reporting.figures.harvest import FEWEST, KINDS
from mnstudy.reporting.figures.lettering import line_height
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.stats.meta.directions import contour_n
from mnstudy.verdicts.evidence.directions import Directions

EFFECTS = {0.2: (0, (1, 1.5)), 0.5: (0, (4, 2)), 0.8: "solid"}  # a convention: small to large
MEASURES = {
    "one group": "one group of people, or two sides of one body",
    "two groups": "two groups of people",
}
PLOT = 1.9  # inches, the height of a panel
LEFT = 0.42  # inches for the ticks and their axis
PEOPLE = (5, 10, 20, 50, 100, 200, 500, 1000)
FAINTEST = 0.4  # at least as far from one half as this one-sided p does every axis reach
COLUMNS = ["claim", "kind", "measure", "study_id", "label", "year", "doi", "n", "p_one_sided",
           "significance", "design", "in_estimate"]  # fmt: skip


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
        sizes = ", ".join(fmt.given(e) for e in EFFECTS)
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
            f"{row['label']}: p {fmt.given(float(row['p_one_sided']))}, n {int(row['n'])}"
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
        return rows[COLUMNS].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, self.data(), width, size)


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


def _draw(chart: Albatross, table: pd.DataFrame, width: float, size: float) -> Picture:
    panels = list(table.groupby(["kind", "measure"], sort=False))
    words = "exact one-sided p-values and people; lines: equal effects, in standard deviations"
    head = Head(width=width, size=size, title=chart.directions.claim.title, words=words)
    beside = width > 5 and len(panels) > 1
    step = line_height(size) + 0.2 + PLOT + 0.1 + line_height(size) * 3
    rows = math.ceil(len(panels) / 2) if beside else len(panels)
    with theme.themed():
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
        picture, left + LEFT, top + line_height(size) + 0.16, min(room - LEFT - 0.3, 3.6), PLOT
    )
    axes.set_yscale("log")
    most = max(200.0, 1.6 * float(own["n"].max()))
    least = min(5.0, 0.8 * float(own["n"].min()))
    reach = max(place(0.001), *(abs(place(p)) + 0.2 for p in own["p_one_sided"]))
    axes.set_ylim(least, most)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=theme.LINE, linewidth=0.8, zorder=1)
    for effect, style in EFFECTS.items():
        _contour(axes, effect, style, name[1], reach, size)
    axes.plot(
        [place(p) for p in own["p_one_sided"]], own["n"].tolist(), linestyle="none", marker="o",
        markersize=4.5, color=theme.PART, zorder=3, clip_on=False,
    )  # fmt: skip
    _ticks(axes, reach, least, most, size)
    axes.set_xlabel(
        f"one-sided p: against, or towards the claim\n({MEASURES[name[1]]})",
        fontsize=size - 0.5, labelpad=2,
    )  # fmt: skip


def _contour(
    axes: Axes, effect: float, style: Any, measure: str, reach: float, size: float
) -> None:
    far = np.linspace(place(FAINTEST), reach, 80)
    p = 0.5 * 10.0**-far
    people = contour_n(p, effect, measure="two groups" if measure == "two groups" else "one group")
    low, high = axes.get_ylim()
    seen = (people >= low) & (people <= high)
    for sign in (-1, 1):
        axes.plot(
            sign * far[seen], people[seen], color=theme.MUTED, linewidth=0.7, linestyle=style,
            zorder=2,
        )  # fmt: skip
    if not seen.any():
        return
    end = float(far[seen][-1]), float(people[seen][-1])
    at_top = end[0] < reach - 0.02
    axes.annotate(
        fmt.given(effect), end, xytext=(0, 2) if at_top else (2, 0), textcoords="offset points",
        ha="center" if at_top else "left", va="bottom" if at_top else "center",
        fontsize=size - 1, color=theme.MUTED, annotation_clip=False,
    )  # fmt: skip


def _ticks(axes: Axes, reach: float, least: float, most: float, size: float) -> None:
    values = [p for p in (0.05, 0.01, 0.001, 1e-4, 1e-5, 1e-6) if place(p) <= reach]
    values = values if len(values) < 4 else values[1::2]
    places = [-place(p) for p in reversed(values)] + [0.0] + [place(p) for p in values]
    names = [fmt.power(p) for p in (*reversed(values), 0.5, *values)]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter(names))
    people = [n for n in PEOPLE if least <= n <= most]
    axes.yaxis.set_major_locator(FixedLocator(people))
    axes.yaxis.set_major_formatter(FixedFormatter([fmt.given(n) for n in people]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.spines["left"].set_visible(True)
    axes.tick_params(axis="both", labelsize=size - 1)
