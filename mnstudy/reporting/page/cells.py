"""One cell of the scorecard: verdict, numbers, and where the interval lies against the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mnstudy import formatting as fmt
from mnstudy.disclosure import safe, shown_count
from mnstudy.reporting.reading import verdict_axis
from mnstudy.verdicts.finding.finding import format_estimate
from mnstudy.verdicts.findings import Finding
from mnstudy.words.units import short

LEFT, RIGHT = -3.0, 4.0  # ends of the scale, in distances between margin and no effect


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorecardEntry:
    """What the scorecard shows of one finding."""

    verdict: str
    numbers: str
    size: str
    reason: str
    track: Track | None


NOT_ASKED = ScorecardEntry(verdict="not asked", numbers="", size="", reason="", track=None)


def scorecard_entry(finding: Finding | None) -> ScorecardEntry:
    """Return the cell of a finding; a claim that was not put to the data says so."""
    if finding is None:
        return NOT_ASKED
    finding = safe(finding)
    estimate = finding.estimate
    if estimate is None:
        return ScorecardEntry(
            verdict=finding.verdict, numbers="", size="", reason=finding.reason, track=None
        )
    return ScorecardEntry(
        verdict=finding.verdict,
        numbers=format_estimate(estimate, short(estimate.unit)),
        size=_size(finding),
        reason=finding.reason,
        track=track(finding),
    )


def _size(finding: Finding) -> str:
    if finding.n_studies is not None:
        return fmt.count(finding.n_studies, "study", "studies")
    return f"n{fmt.NBSP}{shown_count(finding, finding.n_patients)}" if finding.n_patients else ""


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
