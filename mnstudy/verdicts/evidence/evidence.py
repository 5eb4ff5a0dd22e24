"""The published evidence, claim by claim: pooled where studies can be, never mixed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import pandas as pd

from mnstudy.cache import kept
from mnstudy.cohort.published.tables import Published, contrast_frame, load_published
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.evidence import evidence_notes
from mnstudy.verdicts.evidence import groups as grouped
from mnstudy.verdicts.evidence.effects import only_describes
from mnstudy.verdicts.evidence.evidence_gathered import ClaimEvidence, claim_evidence
from mnstudy.verdicts.evidence.evidence_verdict import Assessed
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.findings import Finding, Findings
from mnstudy.words.notes import Note, as_given, note


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
    frame = cache(lambda: contrast_frame(published))  # joined only where something is not kept
    changed = tuple(note("shipped_table_changed", name=name) for name in published.changed)

    def found(claim: Claim) -> ClaimEvidence:
        return claim_evidence(claim, frame(), published, confidence_level)

    findings = [
        finding_of(c, partial(found, c), published, confidence_level) for c in select(claims)
    ]
    return Findings([replace(f, remarks=(*f.remarks, *changed)) for f in findings])


def finding_of(
    claim: Claim,
    found: Callable[[], ClaimEvidence],
    published: Published,
    confidence_level: float,
) -> Finding:
    """Return the finding on one claim; ``found`` gives what is published on it if needed."""
    inputs = (claim, published.sha256, confidence_level)
    return kept("evidence", inputs, lambda: _finding(found()))


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
        parts = tuple(part for group in groups for part in grouped.parts(group))
        notes = tuple(evidence_notes.other_note(group) for group in groups)
        why = (as_given(only_describes(claim)),)
        return replace(nothing, reasons=why, parts=parts, remarks=(*notes, *said))
    pooled = _pooled_finding(nothing, found.deciding, groups)
    return replace(pooled, remarks=(*pooled.remarks, *said))


def _unused_note(own: pd.DataFrame) -> tuple[Note, ...]:
    if own.empty:
        return ()
    return (note("none_primary", contrasts=grouped.counted(len(own), "contrast")),)


def _pooled_finding(nothing: Finding, decides: Assessed, groups: list[StudyGroup]) -> Finding:
    first = decides.group
    return replace(
        nothing,
        verdict=decides.verdict.word,
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
        parts=tuple(part for group in groups for part in grouped.parts(group)),
        remarks=evidence_notes.notes(decides, groups[1:]),
    )
