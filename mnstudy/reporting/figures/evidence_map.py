"""The published evidence as a whole: claims by designs, articles, and what rests on assumptions.

The map of claims by the design of their studies; the share of each article's claims that the trials
support; and three estimates a group of studies, one for each assumed value of the correlation
within the person, which nobody prints.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from seaborn.utils import relative_luminance

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published, as_published
from mnstudy.reporting.figures import intervals, style
from mnstudy.reporting.figures.chart import (
    Chart,
    Panel,
    Plan,
    Rows,
    draw_plan,
    sample,
    verdict_marks,
    verdict_sample,
)
from mnstudy.reporting.figures.style import Look, Palette, Picture, Width, wrap
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, Claim
from mnstudy.verdicts.evidence.effects import R_GRID
from mnstudy.verdicts.evidence.trials import Trials, gather_trials
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.words.notes import Count, note
from mnstudy.words.units import axis_name, is_ratio

DESIGNS = {
    "rct_split_body": "randomised, split-body",
    "rct_parallel": "randomised, two groups",
    "nonrandomised": "not randomised",
    "single_arm": "one arm or retrospective",
    "retrospective": "one arm or retrospective",
    "case_series": "one arm or retrospective",
}
DIRECTION = "no usable number, direction only"
MAP_COLUMNS = (*dict.fromkeys(DESIGNS.values()), DIRECTION)
POINTS = {  # where directions point, and the verdict whose colour and mark says so
    "most point towards the claim": "supported",
    "no clear direction": "inconclusive",
    "most point against it": "contradicted",
    "no direction printed": "not testable",
}
LARGEST = (0.13, 0.2)  # inches across, the bubble of the most patients: narrow and wide
SMALLEST = 0.05
EQUAL_AREA = {"D": math.sqrt(math.pi / 4), "X": 1.13}  # as large as a circle of this size

ENDS = ("estimate", "ci_low", "ci_high")
# Light to dark and a mark of its own for each correlation.
LOOKS = {0.3: (style.SKY, "o"), 0.5: (style.PART, "s"), 0.7: (style.INK, "D")}
STEP = 0.095  # inches between the intervals of a group
COLUMNS = ["claim", "title", "endpoint", "controlled", "k", "people", "unit", "correlation",
           *ENDS, "decides", "group", "interval_kind"]  # fmt: skip

BAR = 0.24  # inches
DARK = 0.18  # luminance; on darker colours letters are white
SHARE_COLUMNS = ["article", "title", "claims", "verdict", "count", "share"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvidenceMap(Chart):
    """Claims by designs; ``table`` as ``map_table`` gives it, ``states`` a word for each claim."""

    claims: tuple[Claim, ...]
    table: pd.DataFrame
    states: Mapping[str, str]

    @property
    def key(self) -> str:
        """Name among the files."""
        return "evidence-map"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        without = sum(c.id not in set(self.table["claim"]) for c in self.claims)
        claims, empty = (Count(n=n, noun="claim") for n in (len(self.claims), without))
        return f"{note('read_map', claims=claims, empty=empty)}."

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        known = self.table.groupby("design")["claim"].nunique()
        counts = ", ".join(f"{d}: {known.get(d, 0)}" for d in MAP_COLUMNS)
        return (
            f"Bubbles in a table of {fmt.count(len(self.claims), 'claim')} by design of the "
            f"studies. Claims with studies of each design: {counts}."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a bubble."""
        return self.table

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        shown: list[tuple[str, str]] = []  # of each row claim and words; no claim in a heading
        for group, title in GROUPS.items():
            own = [(c.id, c.title) for c in self.claims if c.group == group]
            shown += [("", title), *own] if own else []
        labels = [(words, not claim) for claim, words in shown]
        room, pad, less = (0.36, 0.06, 0.0) if look.wide else (0.48, 0.02, 0.5)
        small = replace(look, letters=look.letters - less)
        rows = Rows(labels, small, room=room * look.width, pad=pad)
        empty = {i: s for i, s in self.states.items() if i not in set(self.table["claim"])}
        draw = partial(_draw_map, self.table, rows, [claim for claim, _ in shown], empty)
        return Plan(
            title="The published evidence",
            words=["area of a bubble: patients; number: studies"],
            panels=[Panel(draw=draw, height=rows.height)],
            key=[(verdict_sample(look, verdict, 5), name) for name, verdict in POINTS.items()],
            alt=self.alt,
        )


def evidence_map(
    *, data: str | os.PathLike[str] | Published | None = None, width: Width = None,
    palette: Palette = None, ax: Axes | None = None, title: str | None = None,
) -> Axes | Picture:  # fmt: skip
    """Draw the published evidence at a glance: every claim by the design of its studies.

    Parameters
    ----------
    data : path or Published, optional
        A folder with your own extraction in the same tables; the shipped one when left out.
    width, palette, title
        See ``mnstudy.plot``; colours of verdicts tell which way the directions point.
    ax : Axes, optional
        The map is drawn on it; on a figure of its own when left out.

    Returns
    -------
    Axes or Picture
        A bubble a claim and design, its area by patients, its colour and mark by the directions
        of effect: the Axes that was given, else a matplotlib figure. ``picture.alt`` describes it.

    Raises
    ------
    ValueError
        For a width or palette that does not exist.
    DataError
        The tables break their contract.

    Notes
    -----
    A study counts once a claim; claims share studies. Studies without a printed number of people
    add none to the area of a bubble.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.evidence_map().alt[:40]
    'Bubbles in a table of 43 claims by desig'
    """
    published = as_published(data)
    plan = whole_map(gather_trials(published)).plan
    return draw_plan(plan, ax=ax, width=width, palette=palette, title=title)


def whole_map(trials: Trials) -> EvidenceMap:
    """Return the map of these trials."""
    states = {claim: state.word for claim, state in trials.states.items()}
    return EvidenceMap(claims=tuple(trials.claims), table=map_table(trials), states=states)


def map_table(trials: Trials) -> pd.DataFrame:
    """Return one row a claim and design: studies, patients, and which way they point.

    A study counts once in a claim. Studies whose numbers can be pooled stand under their design;
    the others, of which only a direction is known, in a column of their own.
    """
    rows = [
        {"group": claim.group, "claim": claim.id, "title": claim.title, **cell}
        for claim in trials.claims
        for cell in _cells(trials, claim)
    ]
    names = ["group", "claim", "title", "design", "studies", "people", "in_favour", "against",
             "undecided", "points"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _cells(trials: Trials, claim: Claim) -> list[dict[str, Any]]:
    own, tests = trials.behind(claim.id), trials.tests(claim.id)
    with_number = _people(own, "people") if len(own) else {}
    only = _people(tests[~tests["study_id"].isin(list(with_number))], "n")
    design = dict(zip(own["study_id"], own["design"], strict=True)) if len(own) else {}
    found = []
    for column in MAP_COLUMNS:
        of_design = {i: n for i, n in with_number.items() if DESIGNS.get(design[i]) == column}
        people = only if column == DIRECTION else of_design
        rows = tests[tests["study_id"].isin(list(people))]
        if people:
            found.append({"design": column, "studies": len(people), **_pointing(people, rows)})
    return found


def _people(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the people of each study: the most that any of its rows rests on."""
    most = rows.groupby("study_id")[name].max()
    return {str(i): 0.0 if pd.isna(n) else float(n) for i, n in most.items()}


def _pointing(people: dict[str, float], rows: pd.DataFrame) -> dict[str, Any]:
    favour = int(rows["counts_as"].eq("favours_claim").sum())
    against = int(rows["counts_as"].eq("against_claim").sum())
    towards, unclear, opposed, nothing = POINTS
    most = towards if 2 * favour > len(rows) else opposed if 2 * against > len(rows) else unclear
    return {
        "people": int(sum(people.values())), "in_favour": favour, "against": against,
        "undecided": len(rows) - favour - against, "points": most if len(rows) else nothing,
    }  # fmt: skip


def _draw_map(
    table: pd.DataFrame, rows: Rows, claims: list[str], empty: dict[str, str], ax: Axes, look: Look
) -> None:
    where = dict(zip(claims, rows.middles, strict=True))
    across = _diameters(table, look)
    drawn = table.assign(x=table["design"].map(MAP_COLUMNS.index), y=table["claim"].map(where),
                         verdict=table["points"].map(POINTS), right=across / 2 + look.pt(2)
                         )  # fmt: skip
    equal = {v: EQUAL_AREA.get(kept.marker, 1.0) for v, kept in look.verdicts.items()}
    size = drawn["verdict"].map(equal).astype(float) * across
    verdict_marks(ax, drawn, look, x="x", y="y", s=size**2)
    small: dict[str, Any] = {"fontsize": look.letters - 1, "color": style.MUTED, "va": "center"}
    for x, y, n, right in drawn[["x", "y", "studies", "right"]].itertuples(index=False):
        ax.annotate(f"{n}", (x, y), xytext=(right, 0), textcoords="offset points", in_layout=False,
                    **small)  # fmt: skip
    ends = -0.45, len(MAP_COLUMNS) - 0.45
    for claim, state in empty.items():
        ax.text(ends[0], where[claim], state, **small)
    under = [y for y, claim in zip(rows.edges[1:], claims, strict=True) if claim]
    ax.hlines(under, *ends, colors=style.RULE, linewidths=look.pt(0.5), clip_on=False)
    rows.draw(ax)
    ax.spines["bottom"].set_visible(False)
    step = (look.width - rows.width) / len(MAP_COLUMNS) - 0.06
    names = ["\n".join(wrap(x, step if look.wide else 0.95, look.letters - 1))
             for x in MAP_COLUMNS]  # fmt: skip
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(names)), names)
    ax.tick_params(axis="x", length=0, labelsize=look.letters - 1, labelcolor=style.MUTED,
                   labelrotation=0 if look.wide else 90)  # fmt: skip
    ax.set(xlim=ends, xlabel="", ylabel="")


def _diameters(table: pd.DataFrame, look: Look) -> pd.Series:
    """Return how wide bubbles are in points, their area in proportion to the people."""
    share = table["people"].astype(float) / max(1, table["people"].max())
    return look.pt(72) * (LARGEST[look.wide] * np.sqrt(share)).clip(lower=SMALLEST)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlations(Chart):
    """Groups with paired contrasts under each assumed correlation; one row a group and r.

    ``drawn`` are those on which a verdict rests, and those where r decides whether the interval
    holds no effect; a group of several claims is drawn once, with the first of them.
    """

    table: pd.DataFrame

    @property
    def drawn(self) -> pd.DataFrame:
        """The rows that are drawn, all correlations of a group."""
        rows = self.table
        null = rows["unit"].map(is_ratio).astype(float)
        side = 1.0 * (rows["ci_low"] > null) - (rows["ci_high"] < null)
        several = side.groupby([rows["claim"], rows["group"]]).transform("nunique") > 1
        return rows[rows["decides"] | several].drop_duplicates(["group", "correlation", *ENDS])

    @property
    def key(self) -> str:
        """Name among the files."""
        return "correlations"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        n, drawn = (len(x) // len(R_GRID) for x in (self.table, self.drawn))
        return f"{note('read_correlations', drawn=Count(n=drawn, of=n, noun='group'))}."

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        n = len(self.drawn) // len(R_GRID)
        return (
            f"Intervals on an axis. {fmt.count(n, 'group')} of published studies with paired "
            "contrasts, three estimates each, for correlations of 0.3, 0.5 and 0.7."
        )

    def data(self) -> pd.DataFrame:
        """Return one row a group and correlation."""
        return self.table

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        return Plan(
            title="Does the assumed correlation matter?",
            words=["r: assumed correlation between two measurements of one person"],
            panels=[_unit_panel(own, look) for _, own in self.drawn.groupby("unit", sort=False)],
            key=[*((sample(look, marker=marker, markersize=4.5, color=colour),
                    f"r = {fmt.as_entered(r)}") for r, (colour, marker) in LOOKS.items()),
                 (sample(look, linestyle="-", linewidth=0.8, color=style.LINE), "no effect")],
            alt=self.alt,
            aligned=True,
        )  # fmt: skip


def correlations(trials: Trials) -> Correlations | None:
    """Return the chart of all groups with paired contrasts; None where there is none."""
    rows = []
    names = {claim: iter(groups) for claim, groups in trials.groups.items()}
    for row in trials.table.to_dict("records"):
        group = next(names[row["claim"]], None)  # one a row, in the same order
        if group is None or pd.isna(row[f"r{round(100 * R_GRID[0]):03d}_estimate"]):
            continue
        same = {name: row[name] for name in COLUMNS if name in row and name not in ENDS}
        same |= {"group": group.label}
        for r, name in ((r, f"r{round(100 * r):03d}") for r in R_GRID):
            rows.append(same | {"correlation": r} | {end: row[f"{name}_{end}"] for end in ENDS})
    return Correlations(table=pd.DataFrame(rows, columns=COLUMNS)) if rows else None


def _unit_panel(own: pd.DataFrame, look: Look) -> Panel:
    """Return the groups of one unit on one axis."""
    room = 0.46 * look.width
    labels = [(_group_words(row), False) for row in own[:: len(R_GRID)].to_dict("records")]
    rows = Rows(labels, look, room=room, least=len(R_GRID) * STEP, pad=0.08)
    rows.width = room + look.pt(0.1)  # labels of all units begin at the same place
    return Panel(draw=partial(_draw_unit, own, rows), height=rows.height)


def _group_words(row: dict[Any, Any]) -> str:
    studies = fmt.unbroken(fmt.count(int(row["k"]), "study", "studies"))
    return f"{row['title']}: {row['group']}, {studies}"


def _draw_unit(own: pd.DataFrame, rows: Rows, ax: Axes, look: Look) -> None:
    unit = str(own["unit"].iloc[0])
    drawn = tuple(
        intervals.IntervalRow(label="", value=value, low=low, high=high, marker=LOOKS[r][1],
                              colour=LOOKS[r][0], edge=LOOKS[r][0], size=3.4,
                              dashed=kind == "credible")
        for r, value, low, high, kind in own[["correlation", *ENDS, "interval_kind"]].to_numpy()
    )  # fmt: skip
    null = 1.0 if is_ratio(unit) else 0.0
    table = intervals.IntervalTable(
        title="", rows=drawn, headers=(), axis_label="", log=is_ratio(unit), null=null
    )
    ends = intervals.extent(table)
    ax.set_xscale("log" if table.log else "linear")
    ticks = intervals.axis_ticks(table, ends, look.width - rows.width - 0.2, look.letters)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(ticks, list(map(fmt.as_entered, ticks)))
    rows.draw(ax)
    ax.set(xlim=ends, xlabel=axis_name(unit))
    ax.axvline(null, color=style.LINE, linewidth=look.pt(0.8), zorder=1)
    for i, row in enumerate(drawn):
        group, k = divmod(i, len(R_GRID))
        y = rows.middles[group] + look.pt(STEP) * (k - 1)
        intervals.draw_interval(ax, row, y, ends, look)


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
        return f"{note('read_shares', said=tuple(self._said()))}."

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

    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""
        drawn = self.table[self.table["count"] > 0]
        names = drawn.groupby("article", sort=False)["title"].first()
        labels = [(f"{article}: {title}", False) for article, title in names.items()]
        rows = Rows(labels, look, room=0.36 * look.width, least=BAR, pad=0.12)
        words = [v for v in VERDICTS if drawn["verdict"].eq(v).any()]
        faces = {v: (look.verdicts[v].colour, look.verdicts[v].edge) for v in words}
        return Plan(
            title="What the trials say of each article",
            words=["verdicts on its claims by the published trials; numbers: claims"],
            panels=[Panel(draw=partial(_draw_shares, drawn, rows), height=rows.height)],
            key=[(sample(look, fill=face, edge=edge), v) for v, (face, edge) in faces.items()],
            alt=self.alt,
        )


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


def _draw_shares(drawn: pd.DataFrame, rows: Rows, ax: Axes, look: Look) -> None:
    rows.draw(ax)
    wide = 100 * drawn["share"]
    left = wide.groupby(drawn["article"]).cumsum() - wide
    middle = dict(zip(drawn["article"].unique(), rows.middles, strict=True))
    faces = [look.verdicts[v].colour for v in drawn["verdict"]]
    edges = [style.INK if x == style.PAPER else style.PAPER for x in faces]
    bars = ax.barh(drawn["article"].map(middle), wide, left=left, height=look.pt(BAR),
                   color=faces, edgecolor=edges, linewidth=look.pt(0.8), clip_on=False)  # fmt: skip
    counts = ax.bar_label(bars, list(map(str, drawn["count"])), label_type="center",
                          fontweight="bold", fontsize=look.letters)  # fmt: skip
    for text, face in zip(counts, faces, strict=True):
        text.set_color(style.INK if relative_luminance(face) > DARK else style.PAPER)
    ax.set(xlim=(0, 100), xlabel="claims of the article (percent)")
