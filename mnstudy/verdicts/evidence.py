"""The published evidence, claim by claim: pooled where studies can be, never mixed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published import Published, contrast_frame, load_published
from mnstudy.stats.pooling import Pooled
from mnstudy.verdicts import evidence_groups as grouped
from mnstudy.verdicts import judge as verdict
from mnstudy.verdicts.evidence_effects import R_GRID, R_SHOWN, only_describes
from mnstudy.verdicts.evidence_groups import Group
from mnstudy.verdicts.findings import Finding, Findings
from mnstudy.verdicts.registry import Claim, select

NOTHING_FOUND = "no usable published number found"


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
    the arcsine scale, which needs no correction for zero events.

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
    found = [_finding(c, frame, published, confidence_level) for c in select(claims)]
    return Findings(found)


def _finding(
    claim: Claim, frame: pd.DataFrame, published: Published, confidence_level: float
) -> Finding:
    own = frame[frame["claim_id"] == claim.id]
    nothing = Finding(
        claim=claim,
        dataset="published trials",
        synthetic=False,
        verdict="not testable",
        reason=NOTHING_FOUND,
        rule=claim.rule,
        margin=claim.margin,
        sha256=published.sha256,
    )
    groups = grouped.groups(claim, own[own["primary"]], confidence_level)
    if not groups:
        return replace(nothing, notes=_unused_note(own))
    if only_describes(claim):
        parts = tuple(part for group in groups for part in grouped.parts(group))
        notes = tuple(_other_note(group) for group in groups)
        return replace(nothing, reason=only_describes(claim), parts=parts, notes=notes)
    return _pooled_finding(nothing, groups)


def _unused_note(own: pd.DataFrame) -> tuple[str, ...]:
    if own.empty:
        return ()
    kind = "radiofrequency or combined treatment, or not usable"
    return (f"{fmt.count(len(own), 'contrast')} found, none of them primary ({kind})",)


def _pooled_finding(nothing: Finding, groups: list[Group]) -> Finding:
    first = groups[0]
    estimate, pooled = grouped.estimate(first)
    found = verdict.judge(
        estimate,
        rule=first.measure.rule,
        margin=first.measure.margin,
        comparison=first.comparison,
        null=first.measure.null,
    )
    found = _cap(found, first, pooled)
    parts = [part for group in groups for part in grouped.parts(group)]
    return replace(
        nothing,
        verdict=found.word,
        reason=found.reason,
        wording=verdict.wording(first.claim, first.comparison),
        comparison=first.comparison,
        estimate=estimate,
        rule=first.measure.rule,
        margin=first.measure.margin,
        null=first.measure.null,
        n_patients=first.people,
        n_studies=len(first.rows),
        parts=tuple(parts),
        notes=_notes(first, pooled, groups[1:]),
    )


def _cap(found: verdict.Verdict, group: Group, pooled: Pooled) -> verdict.Verdict:
    """Lower a verdict that rests on too little or on studies that disagree."""
    if found.word != "supported":
        return found
    k, measure = len(group.rows), group.measure
    if k < 3:
        doubt = f"only {fmt.count(k, 'study', 'studies')} found"
    elif measure.rule == "superiority" and measure.back(pooled.prediction_low) <= measure.null:
        doubt = "the prediction interval says that a further study could show no effect"
    else:
        return found
    return verdict.Verdict(word="partly supported", reason=f"{found.reason}, but {doubt}")


def _notes(first: Group, pooled: Pooled, others: list[Group]) -> tuple[str, ...]:
    notes = []
    if len(first.rows) > 1 and not grouped.counts_add_up(first):
        notes.append(_heterogeneity_note(first, pooled))
    if first.rows["paired"].any():
        notes.append(_correlation_note(first))
    blinded = int(first.rows["assessor_blinded"].eq("yes").sum())
    notes.append(f"raters blinded in {blinded} of {fmt.count(len(first.rows), 'study', 'studies')}")
    notes += [_other_note(group) for group in others]
    if first.claim.contrary:
        notes.append(f"the articles disagree: {first.claim.contrary}")
    return tuple(notes)


def _heterogeneity_note(group: Group, pooled: Pooled) -> str:
    back = group.measure.back
    ends = (back(pooled.estimate), back(pooled.prediction_low), back(pooled.prediction_high))
    digits = fmt.decimals_for(*ends)
    low, high = (fmt.number(x, digits) for x in ends[1:])
    return (
        f"I² {fmt.number(pooled.i2, 0)} %, tau² {fmt.number(pooled.tau2, 3)}; a further study "
        f"would lie between {low} and {high} {group.measure.unit}"
    )


def _correlation_note(group: Group) -> str:
    back = group.measure.back
    shown = []
    for r in (x for x in R_GRID if x != R_SHOWN):
        again = grouped.pooled(group, r)
        ends = [back(x) for x in (again.estimate, again.ci_low, again.ci_high)]
        digits = fmt.decimals_for(*ends)
        value, low, high = (fmt.number(x, digits) for x in ends)
        shown.append(f"{value} ({low} to {high}) with {r:g}")
    return (
        f"a correlation within the person of {R_SHOWN:g} is assumed, none is printed: "
        + ", ".join(shown)
    )


def _other_note(group: Group) -> str:
    estimate, _ = grouped.estimate(group)
    size = fmt.count(len(group.rows), "study", "studies")
    return f"{group.label}: {fmt.interval(estimate)} {estimate.unit}, {size}"
