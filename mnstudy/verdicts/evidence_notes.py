"""What has to be said beside a pooled estimate: heterogeneity, assumptions, the other groups."""

from __future__ import annotations

import math

from mnstudy import formatting as fmt
from mnstudy.verdicts import evidence_groups as grouped
from mnstudy.verdicts.certainty import Certainty
from mnstudy.verdicts.evidence_checks import Checks
from mnstudy.verdicts.evidence_effects import R_GRID, R_SHOWN
from mnstudy.verdicts.evidence_groups import Group
from mnstudy.verdicts.evidence_verdict import Assessed


def notes(first: Assessed, others: list[Group]) -> tuple[str, ...]:
    """Return the notes of a claim: those of the group that decides, then the other groups."""
    group, said = first.group, []
    if not math.isnan(first.found.tau2):
        said.append(_heterogeneity(group, first.found))
    if group.rows["paired"].any():
        said.append(_correlation(group))
    said.append(_certainty(first.certainty))
    said += [other_note(other) for other in others]
    if group.claim.contrary:
        said.append(f"the articles disagree: {group.claim.contrary}")
    return tuple(said)


def other_note(group: Group) -> str:
    """Return a group in one line."""
    estimate, _ = grouped.estimate(group)
    size = fmt.count(len(group.rows), "study", "studies")
    return f"{group.label}: {fmt.interval(estimate)} {estimate.unit}, {size}"


def _heterogeneity(group: Group, found: Checks) -> str:
    ends = (found.estimate.value, found.prediction_low, found.prediction_high)
    digits = fmt.decimals_for(*ends)
    low, high = (fmt.number(x, digits) for x in ends[1:])
    i2, i2_low, i2_high = (fmt.number(x, 0) for x in (found.i2, found.i2_low, found.i2_high))
    tau2 = [fmt.number(x, 3) for x in (found.tau2, found.tau2_low, found.tau2_high)]
    return (
        f"I² {i2} % ({i2_low} to {i2_high}), tau² {tau2[0]} ({tau2[1]} to {tau2[2]}); a further "
        f"study would lie between {low} and {high} {group.measure.unit}"
    )


def _correlation(group: Group) -> str:
    shown = []
    for r in (x for x in R_GRID if x != R_SHOWN):
        again, _ = grouped.estimate(group, r)
        shown.append(f"{fmt.interval(again)} with {r:g}")
    return (
        f"a correlation within the person of {R_SHOWN:g} is assumed, none is printed: "
        + ", ".join(shown)
    )


def _certainty(rated: Certainty) -> str:
    lowered = [f"{d.name} {fmt.number(d.steps, 0)} ({d.reason})" for d in rated.domains if d.steps]
    why = "; ".join(lowered) or "no domain lowers it"
    return f"certainty {rated.level} (GRADE-like, computed): {why}"
