"""The published evidence, claim by claim: pooled where studies can be, never mixed.

A claim's evidence is gathered once, for its finding, its table and its state.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published, contrast_frame, load_published
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.evidence.certainty import Certainty, certainty, settings
from mnstudy.verdicts.evidence.checks import PooledChecks, checks, favours
from mnstudy.verdicts.evidence.directions import (
    Directions,
    EvidenceState,
    directions_of,
    evidence_state,
)
from mnstudy.verdicts.evidence.effects import R_GRID, R_SHOWN, only_describes
from mnstudy.verdicts.evidence.groups import (
    StudyGroup,
    counted,
    estimate_group,
    groups,
    parts_of,
)
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.finding.judge import ADVERSE, Verdict, capped
from mnstudy.verdicts.findings import Findings
from mnstudy.words.notes import Note, as_given, note

_SHOWN = ("tau2", "tau2_low", "tau2_high", "i2", "i2_low", "i2_high")


def evidence(
    claims: str | Iterable[str] | None = None,
    *,
    data: str | os.PathLike[str] | Published | None = None,
    confidence_level: float = 0.95,
) -> Findings:
    """Pool the published contrasts of each claim.

    Parameters
    ----------
    claims : str or iterable of str, optional
        Claim ids; all 43 when left out.
    data : path or Published, optional
        A folder with your own extraction in the same tables; the shipped one when left out.
    confidence_level : float
        Level of the intervals.

    Returns
    -------
    Findings
        One a claim. The estimate is that of the controlled contrasts where there are any, else
        of the endpoint with most studies; ``parts`` hold every study, every pooled value and
        prediction interval; ``n_studies`` is the number behind the estimate.

    Notes
    -----
    Pooled within claim, measure and endpoint, on the primary contrasts: random effects (REML),
    Knapp-Hartung intervals. Paired contrasts assume a correlation of 0.5 within the person, which
    no publication prints; the notes say what 0.3 and 0.7 would give. Proportions are pooled on
    the arcsine scale, which needs no correction for zero events. Contrasts with a control and
    without one are never in one estimate. The verdict compares the interval with the margin and
    is then capped by every doubt that the certainty names, see ``certainty``. Reviews, animal and
    laboratory studies, and people counted in another study, are in no contrast.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.evidence("rare-pih")["rare-pih"].n_studies
    11
    """
    if not 0.5 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}: give a number as 0.95")
    published = data if isinstance(data, Published) else load_published(data)
    frame = contrast_frame(published)
    gathered = (claim_evidence(c, frame, published, confidence_level) for c in select(claims))
    return Findings([finding_of(found) for found in gathered])


def finding_of(found: ClaimEvidence) -> Finding:
    """Return the finding on one claim, which says too where a shipped table was changed."""
    changed = tuple(note("shipped_table_changed", name=name) for name in found.published.changed)
    finding = _finding(found)
    return replace(finding, remarks=(*finding.remarks, *changed))


def _finding(found: ClaimEvidence) -> Finding:
    claim, groups, directions = found.claim, found.groups, found.directions
    nothing = Finding(
        claim=claim,
        dataset="published trials",
        synthetic=False,
        verdict="not testable",
        reasons=(note("no_published_number"),),
        rule=claim.rule,
        margin=claim.margin,
        sha256=found.published.sha256,
    )
    said = (note("directions_of_effect", said=directions.said),) if len(directions.rows) else ()
    if not groups:
        return replace(nothing, remarks=(*_unused_note(found.rows), *said))
    if found.deciding is None:
        parts = tuple(part for group in groups for part in parts_of(group))
        notes = tuple(other_note(group) for group in groups)
        why = (as_given(only_describes(claim)),)
        return replace(nothing, reasons=why, parts=parts, remarks=(*notes, *said))
    pooled = _pooled_finding(nothing, found.deciding, groups)
    return replace(pooled, remarks=(*pooled.remarks, *said))


def _unused_note(own: pd.DataFrame) -> tuple[Note, ...]:
    if own.empty:
        return ()
    return (note("none_primary", contrasts=counted(len(own), "contrast")),)


def _pooled_finding(nothing: Finding, decides: Assessed, groups: list[StudyGroup]) -> Finding:
    first = decides.group
    return replace(
        nothing,
        verdict=decides.verdict.word,
        lacking=decides.verdict.lacking,
        reasons=decides.verdict.reasons,
        pooled_wording=first.measure.wording,
        comparison=first.comparison,
        estimate=decides.found.estimate,
        rule=first.measure.rule,
        margin=first.measure.margin,
        null=first.measure.null,
        n_patients=first.people,
        n_studies=len(first.rows),
        certainty=decides.certainty.level,
        domains=decides.certainty.domains,
        parts=tuple(part for group in groups for part in parts_of(group)),
        remarks=group_notes(decides, groups[1:]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A group of studies with its estimate, its certainty and the verdict they lead to."""

    group: StudyGroup
    found: PooledChecks
    certainty: Certainty
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """The published evidence of one claim.

    Attributes
    ----------
    claim : Claim
    rows : DataFrame
        Its rows of ``contrast_frame``.
    groups : list of StudyGroup
        What may be pooled of them, the deciding group first.
    directions : Directions
    deciding : Assessed or None
        The group that its finding rests on; None where there is none, or where the contrasts only
        describe.
    published : Published
    """

    claim: Claim
    rows: pd.DataFrame
    groups: list[StudyGroup]
    directions: Directions
    deciding: Assessed | None
    published: Published

    @property
    def state(self) -> EvidenceState:
        """What the evidence consists of."""
        return evidence_state(
            self.claim,
            self.published,
            frame=self.rows,
            rows=self.directions.rows,
            found=self.groups,
        )


def assess(group: StudyGroup, directions: Directions | None = None) -> Assessed:
    """Estimate a group, rate its certainty and judge it.

    Parameters
    ----------
    group : StudyGroup
    directions : Directions, optional
        Those of the claim, where its finding rests on this group; without them the domain is
        left out.
    """
    found = checks(group, egger_studies=settings()["egger_studies"])
    doubt = None
    if directions is not None:
        towards = favours(group, found.estimate.value)
        doubt = directions.doubted(group.comparison, favours=towards)
    rated = certainty(group, found, directions=directions is not None, doubt=doubt)
    capped = cap(found.found, rated.doubts, group.comparison)
    return Assessed(group=group, found=found, certainty=rated, verdict=capped)


def cap(found: Verdict, doubts: tuple[Note, ...], comparison: str) -> Verdict:
    """Lower a verdict in favour to partly supported where doubts remain, and name them all.

    They are named beside a verdict against the claim too, which a comparison that shows no cause
    leaves inconclusive; an open question stays as it is.

    Examples
    --------
    >>> from mnstudy.words.notes import as_given
    >>> beyond = Verdict(word="supported", reasons=(note("beyond_margin"),))
    >>> doubts = (as_given("only 2 studies found"), as_given("no rater was blinded"))
    >>> cap(beyond, doubts, "rate").reason
    'the whole interval lies beyond the margin, but only 2 studies found; no rater was blinded'
    """
    if not doubts or found.word == "inconclusive":
        return found
    lowered = {"supported": "partly supported"}
    if capped(found.word, comparison):
        lowered |= dict.fromkeys(ADVERSE, "inconclusive")
        found = replace(found, lacking=(*found.lacking, "cause"))
    word = lowered.get(found.word, found.word)
    kind = "reason_but" if found.word in lowered else "reason_besides"
    lacking = found.lacking if word == "partly supported" else ()
    reasons = (note(kind, reasons=found.reasons, doubts=doubts),)
    return Verdict(word=word, reasons=reasons, lacking=lacking)


def claim_evidence(
    claim: Claim, frame: pd.DataFrame, published: Published, confidence_level: float
) -> ClaimEvidence:
    """Gather what is published on one claim; ``frame`` is ``contrast_frame(published)``."""
    rows = frame[frame["claim_id"] == claim.id]
    found = groups(claim, rows[rows["primary"]], confidence_level)
    directions = directions_of(claim, published, confidence_level=confidence_level, frame=rows)
    decides = bool(found) and not only_describes(claim)
    return ClaimEvidence(
        claim=claim,
        rows=rows,
        groups=found,
        directions=directions,
        deciding=assess(found[0], directions) if decides else None,
        published=published,
    )


def group_notes(first: Assessed, others: list[StudyGroup]) -> tuple[Note, ...]:
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
    estimate, _ = estimate_group(group)
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
        note("under_correlation", estimate=fmt.ends(estimate_group(group, r)[0]), r=r)
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
