"""The scorecard: what was found of every claim, each interval drawn against its margin."""

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
from mnstudy.verdicts.evidence.certainty import LEVELS
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.words.units import short

Columns = Sequence[tuple[str, Findings]]  # heading and findings of each source of data
LEFT, RIGHT = -3.0, 4.0  # ends of the scale, in distances between margin and no effect
MARGIN = 0.15
SIZE = 9.0
WIDTH, HEAD, ROW, TRACK = 9.6, 0.36, 0.38, 1.5  # inches, as LEFTS
LEFTS = (MARGIN, 2.75, 4.4, 6.5, 7.95)  # of claim, interval drawn, numbers, how sure, verdict
LACKING = {"size": "size not shown", "cause": "cause not shown", "studies": "studies in doubt"}
MARK = {"confidence": "", "credible": "†"}
FIRM = ("randomised", "within", "rate", "observational", "uncontrolled")  # from most to least
HELP = (
    "Drawn on the scale of each claim: right of the dashed line (margin or stated limit) the claim "
    "holds; grey tick: no effect, or zero; arrow: the interval goes on. †: credible interval, of "
    "few studies."
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
    """Draw the scorecard: a row for every answer, those of which most is known first.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One source of data each; the first stands first in each claim.
    internal : str
        What heads a report that must not leave; stands beneath the rest.

    Returns
    -------
    Picture
        A matplotlib figure. Claims without an estimate are named beneath the rows.

    Raises
    ------
    ValueError
        No column, or no claim in any of them.
    """
    if not claims_of(columns):
        raise ValueError("there is nothing to draw: give at least one heading with its findings")
    plan = ScorecardPlan(columns, internal)
    look = Look(width=WIDTH, letters=SIZE)
    with look.theme():
        picture = style.new_picture(look, plan.height, alt_text(columns))
        picture.set_layout_engine("none")
        axes = picture.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(plan.height, 0)
        draw(axes, plan)
    return picture


def known(finding: Finding) -> tuple[int, int, int]:
    """Return what claims are ordered by, most known first; without an estimate they come last.

    Certainty (very low where none is rated), then what the comparison can carry, then patients.
    """
    if finding.estimate is None:
        return (len(LEVELS), 0, 0)
    rank = LEVELS.index(finding.certainty or LEVELS[-1])
    return (rank, FIRM.index(finding.comparison or FIRM[-1]), -finding.n_patients)


def scorecard_table(columns: Columns) -> pd.DataFrame:
    """Return the scorecard as a table of words.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One source of data each.

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
        lacking=", ".join(LACKING[x] for x in finding.lacking),
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
    """What stands where, in inches from the top left."""

    columns: Columns
    internal: str = ""

    @property
    def answers(self) -> list[tuple[str, Finding]]:
        """Headings and findings with an estimate, those of one claim together."""
        by_claim: dict[str, list[tuple[str, Finding]]] = {}
        for heading, findings in self.columns:
            for finding in (f for f in findings if f.estimate is not None):
                by_claim.setdefault(finding.claim.id, []).append((heading, finding))
        ordered = sorted(by_claim.values(), key=lambda own: min(known(f) for _, f in own))
        return [answer for own in ordered for answer in own]

    @property
    def words(self) -> list[str]:
        """What stands beneath the rows, wrapped: claims without an answer, how to read it."""
        answered = {f.claim.id for _, f in self.answers}
        rest = [c.title for c in claims_of(self.columns) if c.id not in answered]
        untold = f"No number that answers ({len(rest)}): {'; '.join(rest)}." if rest else ""
        said = filter(None, (untold, HELP, self.internal))
        return [x for text in said for x in wrap(text, WIDTH - 2 * MARGIN, SIZE - 1)]

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return HEAD + ROW * len(self.answers)

    @property
    def height(self) -> float:
        """Height of the picture."""
        beneath = len(self.words) * line_height(SIZE - 1)
        return self.bottom + 0.1 + line_height(SIZE) + 0.1 + beneath + MARGIN


def draw(axes: Axes, plan: ScorecardPlan) -> None:
    """Draw the scorecard on axes whose unit is the inch."""
    heads = ("Claim", "", "Interval", "How sure", "Verdict")
    for x, text in zip(LEFTS, heads, strict=True):
        _text(axes, x, HEAD / 2, text, SIZE, fontweight="bold")
    for side, text, move in (("right", "against ◂", -0.04), ("left", "▸ for", 0.04)):
        _text(axes, _x(LEFTS[1], 0) + move, HEAD / 2, text, SIZE, ha=side, color=style.MUTED)
    _rule(axes, HEAD, style.LINE)
    before, several = "", len(plan.columns) > 1
    for i, (heading, finding) in enumerate(plan.answers):
        top = HEAD + i * ROW
        first = finding.claim.id != before
        before = finding.claim.id
        if finding.synthetic:
            _invented(axes, top)
        if first and i:
            _rule(axes, top, style.RULE)
        _claim(axes, finding.claim, top, first=first)
        _answer(axes, finding, top, heading if several else "")
    _legend(axes, plan)


def _text(axes: Axes, x: float, middle: float, text: str, size: float, **look: Any) -> None:
    baseline = middle + 0.365 * size / 72
    axes.text(x, baseline, text, fontsize=size, va="baseline", **look)


def _fitting(axes: Axes, x: float, middle: float, text: str, room: float, **look: Any) -> None:
    bold = "fontweight" in look
    size = min(SIZE, SIZE * room / text_width(text, SIZE, bold=bold)) if text else SIZE
    _text(axes, x, middle, text, size, **look)


def _rule(axes: Axes, y: float, colour: str) -> None:
    axes.plot([MARGIN, WIDTH - MARGIN], [y, y], color=colour, linewidth=0.6, zorder=1)


def _invented(axes: Axes, top: float) -> None:
    """Hatch the row of an answer from invented data; the word stands with the answer."""
    axes.fill_between(
        [MARGIN, WIDTH - MARGIN], top, top + ROW, zorder=-10, facecolor=style.BAND,
        edgecolor=style.HATCH, hatch="///", linewidth=0,
    )  # fmt: skip


def _claim(axes: Axes, claim: Claim, top: float, *, first: bool) -> None:
    if not first:
        return
    lines = wrap(claim.title, LEFTS[1] - LEFTS[0] - 0.15, SIZE)
    for k, line in enumerate(lines):
        middle = top + ROW / 2 + (k - (len(lines) - 1) / 2) * line_height(SIZE) * 0.95
        _text(axes, MARGIN, middle, line, SIZE)


def _answer(axes: Axes, finding: Finding, top: float, heading: str) -> None:
    shown, middle = scorecard_entry(finding), top + ROW / 2
    upper, lower = middle - line_height(SIZE) / 2, middle + line_height(SIZE) / 2
    if shown.track is not None:
        _track(axes, shown, LEFTS[1], middle)
    room = [b - a - 0.12 for a, b in pairwise((*LEFTS, WIDTH - MARGIN))]
    named = style.SYNTHETIC if finding.synthetic else heading
    _fitting(axes, LEFTS[2], upper if named else middle, shown.numbers, room[2], fontweight="bold")
    _fitting(axes, LEFTS[2], lower, named, room[2], color=style.MUTED)
    sure = finding.certainty
    _fitting(axes, LEFTS[3], upper if sure else middle, finding.size, room[3], color=style.MUTED)
    if sure:
        _fitting(axes, LEFTS[3], lower, sure, room[3])
    lines = [shown.verdict, f"({shown.lacking})" if shown.lacking else ""]
    _marker(axes, shown.verdict, LEFTS[4] + 0.06, upper if shown.lacking else middle)
    for y, text in zip((upper if shown.lacking else middle, lower), lines, strict=True):
        _fitting(axes, LEFTS[4] + 0.18, y, text, room[4] - 0.18)


def _marker(axes: Axes, verdict: str, x: float, y: float, size: float = 6) -> None:
    look = style.VERDICT_STYLES[verdict]
    axes.plot(
        [x], [y], marker=look.marker, markersize=size, color=look.colour,
        markeredgecolor=look.edge, markeredgewidth=0.8, zorder=4,
    )  # fmt: skip


def _x(left: float, position: float) -> float:
    return left + TRACK * (position - LEFT) / (RIGHT - LEFT)


def _track(axes: Axes, shown: ScorecardEntry, left: float, y: float) -> None:
    track, look = shown.track, style.VERDICT_STYLES[shown.verdict]
    assert track is not None
    half, margin = ROW * 0.36, _x(left, 0)
    axes.fill_between([margin, left + TRACK], y - half, y + half, color=style.ZONE, linewidth=0,
                      zorder=-9)  # fmt: skip
    axes.plot([margin, margin], [y - half, y + half], color=style.INK, linewidth=0.8,
              linestyle=(0, (3, 2)), zorder=0)  # fmt: skip
    if track.null is not None and LEFT <= track.null <= RIGHT:
        x = _x(left, track.null)
        axes.plot([x, x], [y - 0.08, y + 0.08], color=style.LINE, linewidth=1.2, zorder=1)
    ends = [_x(left, track.low), _x(left, track.high)]
    axes.plot(ends, [y, y], color=look.edge, linewidth=1.6, zorder=3)
    for runs, x, marker in ((track.runs_left, ends[0], 4), (track.runs_right, ends[1], 5)):
        if runs:
            axes.plot([x], [y], marker=marker, markersize=5, color=look.edge, zorder=3)
    if LEFT <= track.value <= RIGHT:
        _marker(axes, shown.verdict, _x(left, track.value), y, size=5.5)


def _legend(axes: Axes, plan: ScorecardPlan) -> None:
    _rule(axes, plan.bottom, style.LINE)
    y = plan.bottom + 0.1 + line_height(SIZE) / 2
    x = MARGIN
    for verdict in VERDICTS:
        _marker(axes, verdict, x + 0.06, y)
        _text(axes, x + 0.18, y, verdict, SIZE - 1)
        x += 0.18 + text_width(verdict, SIZE - 1) + 0.22
    y += line_height(SIZE) / 2 + 0.1
    for line in plan.words:
        y += line_height(SIZE - 1)
        _text(axes, MARGIN, y - line_height(SIZE - 1) / 2, line, SIZE - 1, color=style.MUTED)
