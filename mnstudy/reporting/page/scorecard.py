"""The scorecard: one row a claim, one column a body of data, every interval against its margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.style import Look, Picture, line_height, text_width, wrap
from mnstudy.reporting.words import verdict_axis
from mnstudy.verdicts.claims.registry import GROUPS, OWN, Claim, registry
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.words.units import short

Columns = Sequence[tuple[str, Findings]]  # heading and findings of each body of data
LEFT, RIGHT = -3.0, 4.0  # ends of the scale, in distances between margin and no effect
MARGIN = 0.15
TITLE, ARTICLES, TRACK, TEXT = 2.15, 0.72, 0.95, 1.62  # widths in inches
GAP = 0.1
MARK = {"confidence": "", "credible": "†"}
ROW, GROUP_ROW = 0.295, 0.33
SIZE = 7.5
HELP = (
    "Each interval is drawn on the scale of its own claim: the dashed line is the margin (or the "
    "stated limit), the grey tick is no effect (or zero), and to the right of the line the claim "
    "would hold. An arrow means that the interval goes on. †: a credible interval, of few studies. "
    "Articles: ≠ says the opposite."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorecardEntry:
    """What the scorecard shows of one finding."""

    verdict: str
    numbers: str
    size: str
    reason: str
    track: Track | None
    lacking: str = ""

    @property
    def in_full(self) -> str:
        """The verdict, and what it lacks."""
        return f"{self.verdict} ({self.lacking})" if self.lacking else self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """An interval on the scale of its claim.

    The margin lies at 0 and no effect (or zero) one unit away from it. To the right the claim
    would hold, whichever way the measure runs. Ends lie within LEFT and RIGHT; ``runs_left`` and
    ``runs_right`` tell that the interval goes on beyond.
    """

    low: float
    value: float
    high: float
    null: float | None
    runs_left: bool
    runs_right: bool


NOT_ASKED = ScorecardEntry(verdict="not asked", numbers="", size="", reason="", track=None)


def scorecard(columns: Columns, internal: str = "") -> Picture:
    """Draw the scorecard.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One body of data each, from left to right.
    internal : str
        What heads a report that must not leave; stands beneath the rest.

    Returns
    -------
    Picture
        A matplotlib figure with one row for every claim.

    Raises
    ------
    ValueError
        No column, or no claim in any of them.
    """
    claims = claims_of(columns)
    if not claims:
        raise ValueError("there is nothing to draw: give at least one heading with its findings")
    plan = ScorecardPlan(columns, claims, internal)
    look = Look(width=plan.width, letters=SIZE)
    with look.theme():
        picture = style.new_picture(look, plan.height, alt_text(columns))
        picture.set_layout_engine("none")
        axes = picture.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, plan.width)
        axes.set_ylim(plan.height, 0)
        draw(axes, plan)
    return picture


def scorecard_table(columns: Columns) -> pd.DataFrame:
    """Return the scorecard as a table of words.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One body of data each.

    Returns
    -------
    DataFrame
        Indexed by claim id: group, title, articles, and for each heading its estimate, size,
        verdict and reason.
    """
    rows = {}
    for claim in claims_of(columns):
        row = {"group": GROUPS[claim.group], "title": claim.title, "articles": articles(claim)}
        for heading, findings in columns:
            shown = cell_of(findings, claim)
            row |= {
                f"{heading}: estimate": shown.numbers,
                f"{heading}: size": shown.size,
                f"{heading}: verdict": shown.in_full,
                f"{heading}: reason": shown.reason,
            }
        rows[claim.id] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def alt_text(columns: Columns) -> str:
    """Describe the scorecard: how many claims, and how many have which verdict."""
    parts = []
    for heading, findings in columns:
        words = [f.verdict for f in findings]
        counts = [f"{words.count(v)} {v}" for v in VERDICTS if v in words]
        parts.append(f"{heading}: {', '.join(counts)}")
    return f"Scorecard of {len(claims_of(columns))} claims. " + "; ".join(parts) + "."


def claims_of(columns: Columns) -> list[Claim]:
    """Return the claims asked of any of the columns: the register's in its order, then others."""
    asked = {f.claim.id: f.claim for _, findings in columns for f in findings}
    own = [claim for claim in asked.values() if claim.group == OWN]
    return [*(c for c in registry().values() if c.id in asked), *own]


def articles(claim: Claim) -> str:
    """Write who makes the claim, and who says the opposite: ``B C ≠E``."""
    return " ".join([*claim.articles, *(f"≠{letter}" for letter in claim.against)])


def cell_of(findings: Findings, claim: Claim) -> ScorecardEntry:
    """Return what findings say about a claim."""
    return scorecard_entry(next((f for f in findings if f.claim.id == claim.id), None))


def scorecard_entry(finding: Finding | None) -> ScorecardEntry:
    """Return the cell of a finding; a claim that was not put to the data says so."""
    if finding is None:
        return NOT_ASKED
    estimate = finding.estimate
    if estimate is None:
        return ScorecardEntry(
            verdict=finding.verdict, numbers="", size="", reason=finding.reason, track=None
        )
    return ScorecardEntry(
        verdict=finding.verdict,
        numbers=f"{fmt.interval(estimate)} {short(estimate.unit)}{MARK[estimate.interval_kind]}",
        size=_size(finding),
        reason=finding.reason,
        track=track(finding),
        lacking=", ".join(finding.lacking),
    )


def _size(finding: Finding) -> str:
    if finding.n_studies is not None:
        return fmt.count(finding.n_studies, "study", "studies")
    return f"n{fmt.NBSP}{finding.n_patients:,}" if finding.n_patients else ""


def track(finding: Finding) -> Track | None:
    """Place the interval of a finding on the common scale; None where there is nothing to place."""
    estimate, axis = finding.estimate, verdict_axis(finding)
    if estimate is None or math.isnan(estimate.value):
        return None
    change = _log if axis.log else float
    margin = change(axis.margin)
    anchor = change(axis.null) if axis.null is not None else 0.0
    ends = [change(x) for x in (estimate.ci_low, estimate.value, estimate.ci_high)]
    unit = abs(margin - anchor) or _own_unit(ends, margin)
    sign = -1.0 if axis.favours_lower else 1.0
    low, value, high = (sign * (x - margin) / unit for x in ends)
    low, high = (high, low) if sign < 0 else (low, high)
    low, high = (value if math.isnan(x) else x for x in (low, high))
    return Track(
        low=_inside(low),
        value=value,
        high=_inside(high),
        null=sign * (anchor - margin) / unit if margin != anchor else None,
        runs_left=low < LEFT,
        runs_right=high > RIGHT,
    )


def _own_unit(ends: list[float], margin: float) -> float:
    """Return a unit that shows the whole interval where any difference counts."""
    distances = [abs(x - margin) for x in ends if math.isfinite(x)]
    return max(distances, default=0.0) / 2.5 or 1.0


def _inside(x: float) -> float:
    return min(max(x, LEFT), RIGHT)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


@dataclass(frozen=True, slots=True)
class ScorecardPlan:
    """Where everything lies, in inches from the top left."""

    columns: Columns
    claims: list[Claim]
    internal: str = ""

    @property
    def width(self) -> float:
        """Width of the picture."""
        return 2 * MARGIN + TITLE + ARTICLES + len(self.columns) * (TRACK + TEXT + 2 * GAP)

    def left(self, i: int) -> float:
        """Return the left edge of the i-th body of data."""
        return MARGIN + TITLE + ARTICLES + i * (TRACK + TEXT + 2 * GAP) + GAP

    @property
    def headings(self) -> list[list[str]]:
        """Headings of the columns, wrapped."""
        return [wrap(h, TRACK + TEXT, SIZE + 1, bold=True) for h, _ in self.columns]

    @property
    def head(self) -> float:
        """Height of the head of the table."""
        return MARGIN + max(map(len, self.headings)) * line_height(SIZE + 1) + 0.24

    @property
    def rows(self) -> list[tuple[str | Claim, float]]:
        """Return group headings and claims with the height where each begins."""
        rows: list[tuple[str | Claim, float]] = []
        top, group = self.head, ""
        for claim in self.claims:
            if claim.group != group:
                group = claim.group
                rows.append((GROUPS[group], top))
                top += GROUP_ROW
            rows.append((claim, top))
            top += ROW
        return [*rows, ("", top)]

    @property
    def stretches(self) -> list[tuple[float, float]]:
        """Return top and bottom of the claims of each group."""
        tops = [top for entry, top in self.rows if isinstance(entry, str)]
        return [(a + GROUP_ROW, b) for a, b in pairwise(tops)]

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return self.rows[-1][1]

    @property
    def legend(self) -> list[str]:
        """How to read the picture, and what heads it, wrapped."""
        said = filter(None, (HELP, self.internal))
        return [x for text in said for x in wrap(text, self.width - 2 * MARGIN, SIZE - 0.5)]

    @property
    def height(self) -> float:
        """Height of the picture."""
        lines = len(self.legend) * line_height(SIZE - 0.5)
        return self.bottom + 0.12 + line_height(SIZE) + 0.08 + lines + MARGIN


def draw(axes: Axes, plan: ScorecardPlan) -> None:
    """Draw the scorecard on axes whose unit is the inch."""
    for i, (_, findings) in enumerate(plan.columns):
        synthetic = any(f.synthetic for f in findings)
        _ground(axes, plan, i, synthetic=synthetic)
    _heads(axes, plan)
    for entry, top in plan.rows[:-1]:
        if isinstance(entry, str):
            _text(axes, MARGIN, top + GROUP_ROW / 2 + 0.03, entry, SIZE + 1, fontweight="bold")
            _rule(axes, plan, top + GROUP_ROW, style.LINE)
            continue
        _claim(axes, entry, top)
        for i, (_, findings) in enumerate(plan.columns):
            shown = cell_of(findings, entry)
            _cell(axes, shown, plan.left(i), top + ROW / 2)
        _rule(axes, plan, top + ROW, style.RULE)
    _legend(axes, plan)


def _text(axes: Axes, x: float, middle: float, text: str, size: float, **look: Any) -> None:
    baseline = middle + 0.365 * size / 72
    axes.text(x, baseline, text, fontsize=size, va="baseline", **look)


def _rule(axes: Axes, plan: ScorecardPlan, y: float, colour: str) -> None:
    axes.plot([MARGIN, plan.width - MARGIN], [y, y], color=colour, linewidth=0.5, zorder=1)


def _x(left: float, position: float) -> float:
    return left + TRACK * (position - LEFT) / (RIGHT - LEFT)


def _ground(axes: Axes, plan: ScorecardPlan, i: int, *, synthetic: bool) -> None:
    """Draw what lies behind a column: the zone, the margin, the mark of invented data."""
    left, top, bottom = plan.left(i), plan.head, plan.bottom
    right = left + TRACK + TEXT
    if synthetic:
        edges = [left - GAP / 2, right + GAP / 2]
        band: dict[str, Any] = {
            "facecolor": style.BAND,
            "edgecolor": style.HATCH,
            "hatch": "///",
            "linewidth": 0,
        }
        axes.fill_between(edges, MARGIN / 2, bottom, zorder=-10, **band)
        for k in range(4):
            axes.text(
                (left + right) / 2, top + (k + 0.5) * (bottom - top) / 4, style.SYNTHETIC,
                fontsize=27, fontweight="bold", color=style.WATERMARK, rotation=52, ha="center",
                va="center", zorder=-8,
            )  # fmt: skip
    for top_of, bottom_of in plan.stretches:
        zone = [_x(left, 0), left + TRACK]
        axes.fill_between(zone, top_of, bottom_of, color=style.ZONE, linewidth=0, zorder=-9)
        line: dict[str, Any] = {"color": style.INK, "linewidth": 0.7, "linestyle": (0, (3, 2))}
        axes.plot([_x(left, 0)] * 2, [top_of, bottom_of], zorder=0, **line)


def _heads(axes: Axes, plan: ScorecardPlan) -> None:
    size = SIZE + 1
    last = plan.head - 0.24 - line_height(size) / 2
    _text(axes, MARGIN, last, "claim", size, fontweight="bold")
    _text(axes, MARGIN + TITLE, last, "articles", size, fontweight="bold")
    for i, lines in enumerate(plan.headings):
        for k, line in enumerate(lines):
            y = last - (len(lines) - 1 - k) * line_height(size)
            _text(axes, plan.left(i), y, line, size, fontweight="bold")
        look: dict[str, Any] = {"color": style.MUTED, "ha": "center"}
        _text(axes, _x(plan.left(i), 0), plan.head - 0.13, "margin", SIZE - 1.5, **look)


def _claim(axes: Axes, claim: Claim, top: float) -> None:
    lines = wrap(claim.title, TITLE - 0.1, SIZE)
    for k, line in enumerate(lines):
        middle = top + ROW / 2 + (k - (len(lines) - 1) / 2) * line_height(SIZE) * 0.93
        _text(axes, MARGIN, middle, line, SIZE)
    _text(axes, MARGIN + TITLE, top + ROW / 2, articles(claim), SIZE)


def _cell(axes: Axes, shown: ScorecardEntry, left: float, middle: float) -> None:
    if shown.track is not None:
        _track(axes, shown, left, middle)
    x = left + TRACK + GAP
    if shown.verdict not in style.VERDICT_STYLES:
        _text(axes, x + 0.15, middle, shown.verdict, SIZE - 0.5, color=style.MUTED)
        return
    single = not shown.numbers
    first = middle if single else middle - line_height(SIZE) * 0.48
    colour = style.MUTED if single else style.INK
    _marker(axes, shown.verdict, x + 0.05, first)
    _text(axes, x + 0.15, first, shown.in_full, SIZE - 0.5, color=colour)
    if single:
        return
    room, numbers = TEXT - GAP - 0.15, shown.numbers
    word, tail = text_width(shown.in_full, SIZE - 0.5), f" · {shown.size}" if shown.size else ""
    if word + text_width(tail, SIZE - 1) < room:
        _text(axes, x + 0.15 + word, first, tail, SIZE - 1, color=style.MUTED)
    else:
        numbers += tail
    second = middle + line_height(SIZE) * 0.46
    size = min(SIZE - 0.5, (SIZE - 0.5) * room / text_width(numbers, SIZE - 0.5))
    _text(axes, x + 0.15, second, numbers, size)


def _marker(axes: Axes, verdict: str, x: float, y: float, size: float = 5) -> None:
    look = style.VERDICT_STYLES[verdict]
    axes.plot(
        [x], [y], marker=look.marker, markersize=size, color=look.colour,
        markeredgecolor=look.edge, markeredgewidth=0.8, zorder=4,
    )  # fmt: skip


def _track(axes: Axes, shown: ScorecardEntry, left: float, y: float) -> None:
    track, look = shown.track, style.VERDICT_STYLES[shown.verdict]
    assert track is not None
    if track.null is not None and LEFT <= track.null <= RIGHT:
        x = _x(left, track.null)
        axes.plot([x, x], [y - 0.06, y + 0.06], color=style.LINE, linewidth=1.0, zorder=1)
    ends = [_x(left, track.low), _x(left, track.high)]
    axes.plot(ends, [y, y], color=look.edge, linewidth=1.4, zorder=3)
    for runs, x, marker in ((track.runs_left, ends[0], 4), (track.runs_right, ends[1], 5)):
        if runs:
            axes.plot([x], [y], marker=marker, markersize=4, color=look.edge, zorder=3)
    if LEFT <= track.value <= RIGHT:
        _marker(axes, shown.verdict, _x(left, track.value), y, size=4.5)


def _legend(axes: Axes, plan: ScorecardPlan) -> None:
    y = plan.bottom + 0.12 + line_height(SIZE) / 2
    x = MARGIN
    for verdict in VERDICTS:
        _marker(axes, verdict, x + 0.05, y)
        _text(axes, x + 0.15, y, verdict, SIZE)
        x += 0.15 + text_width(verdict, SIZE) + 0.25
    y += line_height(SIZE) / 2 + 0.08
    for line in plan.legend:
        y += line_height(SIZE - 0.5)
        _text(axes, MARGIN, y - line_height(SIZE - 0.5) / 2, line, SIZE - 0.5, color=style.MUTED)
