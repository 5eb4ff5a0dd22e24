"""The share of each article's claims that the published trials support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.verdicts.claims.registry import ARTICLES
from mnstudy.verdicts.findings import VERDICTS, Finding

BAR = 0.24  # inches
LIGHT = ("supported", "inconclusive", "contradicted", "not testable")  # dark letters on these
COLUMNS = ["article", "title", "claims", "verdict", "count", "share"]


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
        return _draw(self, width, size)


def article_shares(findings: Iterable[Finding]) -> ArticleShares | None:
    """Count the verdicts of each article's claims; None where no claim is of an article."""
    found = list(findings)
    rows = []
    for article, title in ARTICLES.items():
        words = [f.verdict for f in found if article in f.claim.articles]
        for verdict in VERDICTS if words else ():
            n = words.count(verdict)
            cells = (article, title, len(words), verdict, n, n / len(words))
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return ArticleShares(table=pd.DataFrame(rows, columns=COLUMNS)) if rows else None


def _draw(chart: ArticleShares, width: float, size: float) -> Picture:
    words = [v for v in VERDICTS if chart.table.loc[chart.table["verdict"] == v, "count"].any()]
    marks = tuple(
        mark(v, marker="s", markersize=6.5, color=theme.VERDICT_STYLES[v].colour,
             markeredgecolor=theme.VERDICT_STYLES[v].edge) for v in words
    )  # fmt: skip
    head = Head(width=width, size=size, title="What the trials say of each article", marks=marks,
                words="claims by verdict of the published trials; number: claims")  # fmt: skip
    inner = width - 2 * MARGIN
    names = [(a, own) for a, own in chart.table.groupby("article", sort=False)]
    lines = [wrap(f"{a}: {own['title'].iloc[0]}", inner, size - 0.5) for a, own in names]
    heights = [len(t) * line_height(size - 0.5) + BAR + 0.12 for t in lines]
    with theme.themed():
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
        style = theme.VERDICT_STYLES[row["verdict"]]
        axes.barh(
            [0.5], [wide], left=left, height=0.94, facecolor=style.colour,
            edgecolor=theme.INK if style.colour == theme.PAPER else theme.PAPER, linewidth=0.8,
            clip_on=False,
        )  # fmt: skip
        text = f"{row['count']}"
        if text_width(text, size, bold=True) + 0.04 < wide:
            ink: dict[str, Any] = {"color": theme.INK if row["verdict"] in LIGHT else theme.PAPER}
            axes.text(
                left + wide / 2, 0.48, text, ha="center", va="center", fontsize=size,
                fontweight="bold", **ink,
            )  # fmt: skip
        left += wide
