"""The map of the published evidence: claims by designs, bubbles by patients; and its numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published, load_published
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import MARGIN, Chart, Head, mark, sheet
from mnstudy.reporting.figures.style import (
    Picture,
    inch_axes,
    inch_text,
    line_height,
    text_width,
    wrap,
)
from mnstudy.verdicts.claims.registry import GROUPS, Claim
from mnstudy.verdicts.evidence.trials import Trials, gather_trials

DESIGNS = {
    "rct_split_body": "randomised, split body",
    "rct_parallel": "randomised groups",
    "nonrandomised": "not randomised",
    "single_arm": "one arm or looking back",
    "retrospective": "one arm or looking back",
    "case_series": "one arm or looking back",
}
MAP_COLUMNS = (*dict.fromkeys(DESIGNS.values()), "directions only")
POINTS = (
    "most point towards the claim",
    "no clear direction",
    "most point against it",
    "no direction printed",
)

# The colours of the verdicts; the marks differ too.
_FOR, _OPEN, _AGAINST, _NONE = (
    style.VERDICT_STYLES[word]
    for word in ("supported", "inconclusive", "contradicted", "not testable")
)
LOOKS: tuple[dict[str, Any], ...] = (
    {"marker": "o", "color": _FOR.colour},
    {"marker": "D", "color": _OPEN.colour, "markeredgecolor": _OPEN.edge},
    {"marker": "X", "color": _AGAINST.colour},
    {"marker": "o", "color": style.PAPER, "markeredgecolor": _NONE.edge},
)
POINTING = dict(zip(POINTS, LOOKS, strict=True))
LARGEST = (0.2, 0.15)  # inches across, the bubble of the most patients: wide and narrow
SMALLEST = 0.05
EQUAL_AREA = {"D": math.sqrt(math.pi / 4), "X": 1.13}  # as large as a circle of this size
ROW = 0.06  # inches beneath and above the words of a row
NOTHING = "nothing found"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvidenceMap(Chart):
    """Claims by designs; ``table`` as ``map_table`` gives it."""

    claims: tuple[Claim, ...]
    table: pd.DataFrame

    @property
    def key(self) -> str:
        """Name among the files."""
        return "evidence-map"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        empty = sum(c.id not in set(self.table["claim"]) for c in self.claims)
        return (
            f"Map of the published evidence: {fmt.count(len(self.claims), 'claim')} by the design "
            "of the studies. Area of a bubble: patients; number beside it: studies, each counted "
            "once a claim. Under a design: studies with a number that can be pooled; last column: "
            "studies of which only the direction of effect is known. Colour and mark: which way "
            "the directions that test the claim point. The design is that of the study: where only "
            "one arm of a randomised study bears on a claim, its number has no control. Claims "
            "share studies: bubbles must not be added up. "
            f"For {fmt.count(empty, 'claim')} nothing was found that tests it."
        )

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

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def evidence_map(
    *, data: str | os.PathLike[str] | Published | None = None, width: str = "full"
) -> Picture:
    """Draw the published evidence at a glance: every claim by the design of its studies.

    Parameters
    ----------
    data : path or Published, optional
        A folder with your own extraction in the same tables; the shipped one when left out.
    width : str
        ``full`` (180 mm, both columns of a journal) or ``column`` (85 mm).

    Returns
    -------
    Picture
        A bubble a claim and design, its area by patients, its colour and mark by the directions
        of effect. ``picture.alt`` describes it.

    Raises
    ------
    ValueError
        For a width that is none.
    DataError
        The tables break their contract.

    Notes
    -----
    A study counts once a claim; claims share studies. Studies without a printed number of people
    add none to the area of a bubble.

    Examples
    --------
    >>> import mnstudy as mn
    >>> from mnstudy.reporting.figures.evidence_map import evidence_map
    >>> evidence_map().alt[:40]
    'Bubbles in a table of 43 claims by desig'
    """
    style.check_width(width)
    published = data if isinstance(data, Published) else load_published(data)
    return style.at_width(whole_map(gather_trials(published)).draw, width)


def whole_map(trials: Trials) -> EvidenceMap:
    """Return the map of these trials."""
    return EvidenceMap(claims=tuple(trials.claims), table=map_table(trials))


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
    beside = tests[~tests["study_id"].isin(list(with_number))]
    only = _people(beside, "n")
    design = dict(zip(own["study_id"], own["design"], strict=True)) if len(own) else {}
    found = []
    for column in MAP_COLUMNS:
        if column == "directions only":
            people, rows = only, beside
        else:
            people = {i: n for i, n in with_number.items() if DESIGNS.get(design[i]) == column}
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
    undecided = len(rows) - favour - against
    words = list(POINTS)
    if not len(rows):
        points = words[3]
    elif 2 * favour > len(rows):
        points = words[0]
    else:
        points = words[2] if 2 * against > len(rows) else words[1]
    return {
        "people": int(sum(people.values())),
        "in_favour": favour,
        "against": against,
        "undecided": undecided,
        "points": points,
    }


def _draw(chart: EvidenceMap, width: float, size: float) -> Picture:
    words = "bubbles: patients (area), studies (number)"
    marks = tuple(mark(name, markersize=5, **look) for name, look in POINTING.items())
    head = Head(width=width, size=size, title="The published evidence", words=words, marks=marks)
    plan = _Plan(chart, width, size)
    with style.themed():
        picture, top = sheet(head, plan.height, chart.alt)
        _draw_heads(picture, plan, top)
        at = top + plan.heads
        for kind, item, lines, height in plan.rows:
            _draw_words(picture, plan, kind, lines, at, height)
            if kind == "claim":
                _draw_row(picture, chart, plan, item, at, height)
            at += height
    return picture


class _Plan:
    """Where rows and columns lie, in inches."""

    def __init__(self, chart: EvidenceMap, width: float, size: float) -> None:
        self.width, self.size = width, size
        self.wide = width > 5
        self.label = 0.36 * (width - 2 * MARGIN) if self.wide else 0.4 * (width - 2 * MARGIN)
        self.step = (width - 2 * MARGIN - self.label - 0.08) / len(MAP_COLUMNS)
        self.largest = max(int(chart.table["people"].max()) if len(chart.table) else 1, 1)
        self.rows = list(self._rows(chart))
        small = size - 1
        longest = max(text_width(c, small) for c in MAP_COLUMNS)
        self.columns = [wrap(c, self.step - 0.06, small) for c in MAP_COLUMNS]
        lines = max(map(len, self.columns))
        self.heads = (lines * line_height(small) if self.wide else longest) + 0.08

    def _rows(self, chart: EvidenceMap) -> Any:
        for key, title in GROUPS.items():
            own = [c for c in chart.claims if c.group == key]
            if not own:
                continue
            yield "group", key, [title], line_height(self.size) + 2.5 * ROW
            for claim in own:
                lines = wrap(claim.title, self.label, self.size - 0.5)
                height = max(len(lines) * line_height(self.size - 0.5), 0.13) + ROW
                yield "claim", claim, lines, height

    @property
    def height(self) -> float:
        return self.heads + sum(height for _, _, _, height in self.rows) + 0.05

    def middle(self, column: int) -> float:
        return MARGIN + self.label + 0.08 + (column + 0.42) * self.step

    def across(self, people: float) -> float:
        """Return the diameter of a bubble in points, its area in proportion to the people."""
        return 72 * max(SMALLEST, LARGEST[not self.wide] * math.sqrt(people / self.largest))


def _draw_heads(picture: Picture, plan: _Plan, top: float) -> None:
    small = plan.size - 1
    look: dict[str, Any] = {"fontsize": small, "color": style.MUTED}
    full_width, full_height = picture.get_size_inches()
    for i, (name, lines) in enumerate(zip(MAP_COLUMNS, plan.columns, strict=True)):
        if plan.wide:
            first = top + plan.heads - 0.06 - len(lines) * line_height(small)
            for k, line in enumerate(lines):
                at = first + k * line_height(small)
                inch_text(picture, plan.middle(i), at, line, ha="center", **look)
        else:
            place = (plan.middle(i) / full_width, 1 - (top + plan.heads - 0.05) / full_height)
            picture.text(*place, name, rotation=90, ha="center", va="bottom", **look)


def _draw_words(
    picture: Picture, plan: _Plan, kind: str, lines: Sequence[str], top: float, height: float
) -> None:
    if kind == "group":
        bold: dict[str, Any] = {"fontsize": plan.size, "fontweight": "bold"}
        inch_text(picture, MARGIN, top + 1.5 * ROW, lines[0], **bold)
        return
    step = line_height(plan.size - 0.5)
    at = top + (height - len(lines) * step) / 2
    for line in lines:
        inch_text(picture, MARGIN, at, line, fontsize=plan.size - 0.5)
        at += step


def _draw_row(
    picture: Picture, chart: EvidenceMap, plan: _Plan, claim: Claim, top: float, height: float
) -> None:
    axes = inch_axes(picture, 0, top, plan.width, height)
    axes.set_axis_off()
    axes.set_xlim(0, plan.width)
    axes.set_ylim(-1, 1)
    left = MARGIN + plan.label + 0.08
    axes.plot([left, plan.width - MARGIN], [-1, -1], color=style.RULE, linewidth=0.5, clip_on=False)
    small = plan.size - 1
    words = top + height / 2 - line_height(small) / 2
    own = chart.table[chart.table["claim"] == claim.id]
    if own.empty:
        inch_text(picture, left, words, NOTHING, fontsize=small, color=style.MUTED)
    for cell in own.to_dict("records"):
        at, across = plan.middle(MAP_COLUMNS.index(cell["design"])), plan.across(cell["people"])
        look: dict[str, Any] = {"markeredgewidth": 0.7, **POINTING[cell["points"]]}
        area = EQUAL_AREA.get(look["marker"], 1.0)
        axes.plot([at], [0], markersize=area * across, clip_on=False, zorder=3, **look)
        text, beside = f"{cell['studies']}", at + across / 144 + 0.03
        inch_text(picture, beside, words, text, fontsize=small, color=style.MUTED)
