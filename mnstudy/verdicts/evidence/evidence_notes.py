"""What has to be said beside a pooled estimate: heterogeneity, assumptions, the other groups."""

from __future__ import annotations

import math

from mnstudy import formatting as fmt
from mnstudy.verdicts.evidence import groups as grouped
from mnstudy.verdicts.evidence.certainty import Certainty
from mnstudy.verdicts.evidence.checks import PooledChecks
from mnstudy.verdicts.evidence.effects import R_GRID, R_SHOWN
from mnstudy.verdicts.evidence.evidence_verdict import Assessed
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.words.notes import Note, note

_SHOWN = ("tau2", "tau2_low", "tau2_high", "i2", "i2_low", "i2_high")


def notes(first: Assessed, others: list[StudyGroup]) -> tuple[Note, ...]:
    """Return the notes of a claim: those of the group that decides, then the other groups."""
    group, said = first.group, []
    if not math.isnan(first.found.tau2):
        said.append(_heterogeneity(group, first.found))
    if group.rows["paired"].any():
        said.append(_correlation(group))
    said.append(_certainty(first.certainty))
    said += [other_note(other) for other in others]
    if group.claim.contrary:
        said.append(note("articles_disagree", contrary=group.claim.contrary))
    return tuple(said)


def other_note(group: StudyGroup) -> Note:
    """Return a group in one line."""
    estimate, _ = grouped.estimate(group)
    return note(
        "group_of_studies",
        group=group.label,
        estimate=fmt.ends(estimate),
        unit=estimate.unit,
        studies=group.studies,
    )


def _heterogeneity(group: StudyGroup, found: PooledChecks) -> Note:
    low, high = found.prediction_low, found.prediction_high
    return note(
        "pooled_heterogeneity",
        **{name: getattr(found, name) for name in _SHOWN},
        low=low,
        high=high,
        digits=fmt.decimals_for(found.estimate.value, low, high),
        unit=group.measure.unit,
    )


def _correlation(group: StudyGroup) -> Note:
    others = tuple(
        note("under_correlation", estimate=fmt.ends(grouped.estimate(group, r)[0]), r=r)
        for r in R_GRID
        if r != R_SHOWN
    )
    return note("correlation_assumed", r=R_SHOWN, others=others)


def _certainty(rated: Certainty) -> Note:
    lowered = tuple(
        note("domain_lowers", domain=d.name, steps=d.steps, reason=d.why)
        for d in rated.domains
        if d.steps
    )
    why = lowered or (note("no_domain_lowers"),)
    return note("certainty_rated", level=rated.level, why=why)
