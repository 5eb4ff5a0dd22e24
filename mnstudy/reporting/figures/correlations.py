"""What the trials support, and how far it rests on what they do not print.

The share of each article's claims that the published trials support; and three estimates a group of
studies, one for each assumed value of the unknown correlation within the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import BETWEEN, MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.drawing import draw_interval
from mnstudy.reporting.figures.intervals import IntervalRow, Panel, extent
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.verdicts.claims.registry import ARTICLES
from mnstudy.verdicts.evidence.effects import R_GRID
from mnstudy.verdicts.evidence.trials import Trials
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.words.units import is_ratio

ENDS = ("estimate", "ci_low", "ci_high")
# Light to dark and a mark of its own for each correlation.
LOOKS = {0.3: ("#56b4e9", "o"), 0.5: (style.PART, "s"), 0.7: (style.INK, "D")}
STEP = 0.095  # inches between the intervals of a group
RATIOS = (1e-3, 1e4)  # beyond these a ratio tells nothing; its interval runs off in an arrow
COLUMNS = ["claim", "title", "endpoint", "controlled", "k", "people", "unit", "correlation",
           *ENDS, "decides"]  # fmt: skip

BAR = 0.24  # inches
LIGHT = ("supported", "inconclusive", "contradicted", "not testable")  # dark letters on these
SHARE_COLUMNS = ["article", "title", "claims", "verdict", "count", "share"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlations(Chart):
    """Groups with paired contrasts under each assumed correlation; one row a group and r."""

    table: pd.DataFrame

    @property
    def key(self) -> str:
        """Name among the files."""
        return "correlations"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        n = len(self.table) // len(R_GRID)
        sizes = ", ".join(fmt.as_entered(r) for r in R_GRID)
        return (
            f"The published groups with paired contrasts ({fmt.count(n, 'group')}) under a "
            f"correlation within the person of {sizes}; no publication prints it. Random effects "
            "(REML) with Knapp-Hartung intervals, as in the forest plots, which assume 0.5. "
            "Controlled and uncontrolled groups are named and never mixed."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        n = len(self.table) // len(R_GRID)
        return (
            f"Intervals on an axis. {fmt.count(n, 'group')} of published studies with paired "
            "contrasts, three estimates each, for correlations of 0.3, 0.5 and 0.7."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a group and correlation."""
        return self.table

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def correlations(trials: Trials) -> Correlations | None:
    """Return the chart of all groups with paired contrasts; None where there is none."""
    rows = []
    for row in trials.table.to_dict("records"):
        if pd.isna(row[f"r{round(100 * R_GRID[0]):03d}_estimate"]):
            continue
        same = {name: row[name] for name in COLUMNS if name in row and name not in ENDS}
        for r in R_GRID:
            ends = {end: row[f"r{round(100 * r):03d}_{end}"] for end in ENDS}
            rows.append(same | {"correlation": r} | ends)
    return Correlations(table=pd.DataFrame(rows, columns=COLUMNS)) if rows else None


def _draw(chart: Correlations, width: float, size: float) -> Picture:
    marks = tuple(
        mark(f"r = {fmt.as_entered(r)}", marker=marker, markersize=4.5, color=colour)
        for r, (colour, marker) in LOOKS.items()
    )
    words = "published groups with paired contrasts; r: correlation within the person"
    title = "The correlation nobody prints"
    head = Head(width=width, size=size, title=title, marks=marks, words=words)
    blocks = [_Block(own, width, size) for _, own in chart.table.groupby("unit", sort=False)]
    height = sum(b.height + BETWEEN for b in blocks)
    with style.themed():
        picture, top = sheet(head, height, chart.alt)
        for block in blocks:
            block.draw(picture, top)
            top += block.height + BETWEEN
    return picture


class _Block:
    """The groups of one unit on one axis, laid out in inches."""

    def __init__(self, own: pd.DataFrame, width: float, size: float) -> None:
        self.size, self.unit = size, str(own["unit"].iloc[0])
        self.inner = width - 2 * MARGIN
        self.label = 0.46 * self.inner
        self.groups = [g for _, g in own.groupby(["claim", "endpoint", "controlled"], sort=False)]
        self.texts = [self._lines(g.iloc[0].to_dict()) for g in self.groups]
        self.heights = [max(len(t) * line_height(size - 0.5), 3 * STEP) + 0.08 for t in self.texts]

    def _lines(self, row: dict[Any, Any]) -> list[str]:
        control = "controlled" if row["controlled"] else "uncontrolled"
        endpoint = str(row["endpoint"]).replace("_", " ")
        studies = fmt.unbroken(fmt.count(int(row["k"]), "study", "studies"))
        text = f"{row['title']}: {endpoint} ({control}, {studies})"
        return wrap(text, self.label, self.size - 0.5)

    @property
    def height(self) -> float:
        return sum(self.heights) + 0.1 + 2 * line_height(self.size)

    def draw(self, picture: Picture, top: float) -> None:
        left, room = MARGIN + self.label + 0.14, self.inner - self.label - 0.22
        axes = inch_axes(picture, left, top, room, sum(self.heights))
        ratio = is_ratio(self.unit)
        rows = [self._row(r) for g in self.groups for r in g.to_dict("records")]
        panel = Panel(title="", rows=tuple(rows), headers=(), axis_label="", log=ratio,
                      null=1.0 if ratio else 0.0)  # fmt: skip
        low, high = extent(panel)
        ends = (max(low, RATIOS[0]), min(high, RATIOS[1])) if ratio else (low, high)
        if ratio:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0,), numticks=5))
            axes.xaxis.set_major_formatter(lambda x, _: fmt.log_tick(float(x)))
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes.set_xlim(*ends)
        axes.set_ylim(sum(self.heights), 0)
        axes.set_yticks([])
        axes.axvline(panel.null or 0.0, color=style.LINE, linewidth=0.8, zorder=1)
        axes.tick_params(axis="x", labelsize=self.size - 0.5)
        axes.set_xlabel(self.unit, fontsize=self.size, labelpad=2)
        at = 0.0
        for i, (text, height) in enumerate(zip(self.texts, self.heights, strict=True)):
            start = top + at + (height - len(text) * line_height(self.size - 0.5)) / 2
            for k, line in enumerate(text):
                place = start + k * line_height(self.size - 0.5)
                inch_text(picture, MARGIN, place, line, fontsize=self.size - 0.5)
            for k, row in enumerate(rows[3 * i : 3 * i + 3]):
                draw_interval(axes, row, at + height / 2 + (k - 1) * STEP, ends, clip_height=0.05)
            at += height

    def _row(self, row: dict[Any, Any]) -> IntervalRow:
        colour, marker = LOOKS[row["correlation"]]
        value, low, high = (float(row[end]) for end in ENDS)
        return IntervalRow(label="", value=value, low=low, high=high, marker=marker, colour=colour,
                   edge=colour, size=3.4)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArticleShares(Chart):
    """Claims of each article by verdict of the published evidence; one row a verdict."""

    table: pd.DataFrame

    @property
    def key(self) -> str:
        """Name among the files."""
        return "article-shares"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        return (
            "How many claims of each article the published trials support: "
            f"{'; '.join(self._said())}. An article makes a claim where the register of claims "
            "says so; articles share claims. Not testable: no usable number was found, or none "
            "that tests the claim, which is no evidence against it."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        return f"Stacked bars, one an article. {'; '.join(self._said())}."

    def _said(self) -> list[str]:
        said = []
        for article, own in self.table.groupby("article", sort=False):
            counts = dict(zip(own["verdict"], own["count"], strict=True))
            some = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
            said.append(f"{article}, {fmt.count(int(own['claims'].iloc[0]), 'claim')}: {some}")
        return said

    def data(self) -> pd.DataFrame:
        """Return one row an article and verdict."""
        return self.table

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw_shares(self, width, size)


def article_shares(findings: Iterable[Finding]) -> ArticleShares | None:
    """Count the verdicts of each article's claims; None where no claim is of an article."""
    found = list(findings)
    rows = []
    for article, title in ARTICLES.items():
        words = [f.verdict for f in found if article in f.claim.articles]
        for verdict in VERDICTS if words else ():
            n = words.count(verdict)
            cells = (article, title, len(words), verdict, n, n / len(words))
            rows.append(dict(zip(SHARE_COLUMNS, cells, strict=True)))
    return ArticleShares(table=pd.DataFrame(rows, columns=SHARE_COLUMNS)) if rows else None


def _draw_shares(chart: ArticleShares, width: float, size: float) -> Picture:
    words = [v for v in VERDICTS if chart.table.loc[chart.table["verdict"] == v, "count"].any()]
    marks = tuple(
        mark(v, marker="s", markersize=6.5, color=style.VERDICT_STYLES[v].colour,
             markeredgecolor=style.VERDICT_STYLES[v].edge) for v in words
    )  # fmt: skip
    head = Head(width=width, size=size, title="What the trials say of each article", marks=marks,
                words="claims by verdict of the published trials; number: claims")  # fmt: skip
    inner = width - 2 * MARGIN
    names = [(a, own) for a, own in chart.table.groupby("article", sort=False)]
    lines = [wrap(f"{a}: {own['title'].iloc[0]}", inner, size - 0.5) for a, own in names]
    heights = [len(t) * line_height(size - 0.5) + BAR + 0.12 for t in lines]
    with style.themed():
        picture, top = sheet(head, sum(heights) + 0.06, chart.alt)
        top += 0.06
        for (_, own), text, height in zip(names, lines, heights, strict=True):
            for k, line in enumerate(text):
                at = top + k * line_height(size - 0.5)
                inch_text(picture, MARGIN, at, line, fontsize=size - 0.5)
            start = top + len(text) * line_height(size - 0.5) + 0.02
            axes = inch_axes(picture, MARGIN, start, inner, BAR)
            _bar(axes, own, inner, size)
            top += height
    return picture


def _bar(axes: Axes, own: pd.DataFrame, inner: float, size: float) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, inner)
    axes.set_ylim(0, 1)
    left = 0.0
    for row in own.to_dict("records"):
        wide = float(row["share"]) * inner
        if not wide:
            continue
        look = style.VERDICT_STYLES[row["verdict"]]
        axes.barh(
            [0.5], [wide], left=left, height=0.94, facecolor=look.colour,
            edgecolor=style.INK if look.colour == style.PAPER else style.PAPER, linewidth=0.8,
            clip_on=False,
        )  # fmt: skip
        text = f"{row['count']}"
        if text_width(text, size, bold=True) + 0.04 < wide:
            ink: dict[str, Any] = {"color": style.INK if row["verdict"] in LIGHT else style.PAPER}
            axes.text(
                left + wide / 2, 0.48, text, ha="center", va="center", fontsize=size,
                fontweight="bold", **ink,
            )  # fmt: skip
        left += wide
