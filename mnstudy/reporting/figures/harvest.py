"""Harvest plots: which way the studies of a claim point, one bar a study and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.designs import RANDOMISED
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, Mark, mark, sheet
from mnstudy.reporting.figures.lettering import line_height, wrap
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.verdicts.evidence.directions import Directions

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
COLUMNS = ["claim", "kind", "side", "study_id", "label", "year", "doi", "n", "design", "randomised",
           "blinded", "direction", "counts_as", "in_estimate"]  # fmt: skip


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
        return rows[COLUMNS].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, self.data(), width, size)


def harvest_plot(directions: Directions) -> Harvest | None:
    """Return the harvest plot of a claim; None where fewer than three directions test it."""
    tests = int(directions.rows["role"].eq("tests").sum())
    return Harvest(directions=directions) if tests >= FEWEST else None


def _draw(chart: Harvest, table: pd.DataFrame, width: float, size: float) -> Picture:
    kinds = list(dict.fromkeys(table["kind"]))
    head = Head(
        width=width, size=size, title=chart.directions.claim.title, marks=_marks(table),
        words=f"directions of effect, one bar a study and comparison{_tallest(table)}",
    )  # fmt: skip
    inner = width - 2 * MARGIN
    heads = [wrap(side, inner / 3 - 0.1, size - 0.5) for side in SIDES]
    top_lines = max(map(len, heads)) * line_height(size - 0.5) + 0.05
    band = line_height(size) + BAND + 0.16
    with theme.themed():
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
    style: dict[str, Any] = {"fontsize": size - 0.5, "color": theme.MUTED, "ha": "center"}
    for i, line in enumerate(lines):
        inch_text(picture, middle, top + i * line_height(size - 0.5), line, **style)


def _marks(table: pd.DataFrame) -> tuple[Mark, ...]:
    bar: dict[str, Any] = {"marker": "s", "markersize": 6, "markeredgecolor": theme.PART}
    found = []
    if table["randomised"].any():
        found.append(mark("randomised", color=theme.PART, **bar))
    if not table["randomised"].all():
        found.append(mark("not randomised", color=PALE, **bar))
    if table["n"].isna().any():
        found.append(mark("people not printed", color=theme.PAPER, **bar))
    if table["blinded"].eq("yes").any():
        found.append(mark("raters blinded", marker=".", markersize=5, color=theme.INK))
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
            color=theme.LINE, linewidth=0.6, clip_on=False,
        )  # fmt: skip
        start = (i + 0.5) * third - len(rows) * step / 2
        if not rows:
            style: dict[str, Any] = {"fontsize": size - 1, "color": theme.MUTED, "ha": "center"}
            inch_text(picture, left + (i + 0.5) * third, top + BAND - 0.16, "none", **style)
        for k, row in enumerate(rows):
            _bar(axes, row, start + k * step, step, _largest(table))


def _largest(table: pd.DataFrame) -> float:
    most = table["n"].max()
    return 1.0 if pd.isna(most) else float(most)


def _bar(axes: Axes, row: dict[Any, Any], left: float, step: float, largest: float) -> None:
    unknown = pd.isna(row["n"])
    height = 0.1 if unknown else max(0.05, float(row["n"]) / largest)
    face = theme.PAPER if unknown else theme.PART if row["randomised"] else PALE
    axes.bar(
        [left], [height], width=0.82 * step, align="edge", facecolor=face,
        edgecolor=theme.PART, linewidth=min(0.6, 9 * step), clip_on=False,
    )  # fmt: skip
    if row["blinded"] == "yes":
        dot = max(1.6, min(3.0, 40 * step))
        axes.plot(
            [left + 0.41 * step], [height + 0.07], marker=".", markersize=dot * 1.6,
            color=theme.INK, markeredgewidth=0, clip_on=False,
        )  # fmt: skip
