"""The published evidence, claim by claim: pooled where studies can be, never mixed.

A claim's evidence is gathered once, for its finding, its table and its state.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import (
    Published,
    as_published,
    contrast_frame,
    reviews_frame,
)
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.evidence.certainty import Certainty, certainty, settings
from mnstudy.verdicts.evidence.checks import PooledChecks, checks, favours, holds_of
from mnstudy.verdicts.evidence.directions import (
    SPEAK,
    Directions,
    EvidenceState,
    directions_of,
    evidence_state,
)
from mnstudy.verdicts.evidence.effects import R_GRID, correlations
from mnstudy.verdicts.evidence.groups import (
    Beside,
    PooledGroup,
    StudyGroup,
    across_conditions,
    counted,
    groups,
    parts_of,
    pool_group,
    single,
)
from mnstudy.verdicts.finding.finding import Estimate, Finding
from mnstudy.verdicts.finding.judge import ADVERSE, Verdict, capped
from mnstudy.verdicts.findings import Findings
from mnstudy.words.notes import Count, Note, as_given, note


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
    Pooled are the primary contrasts of one claim that are alike in measure, endpoint, design class
    (randomised, not randomised, one group), condition and substance; add-on trials (a treatment
    with needling against the same treatment alone) are a group of their own. The group that decides
    is named by the rule of ``groups``. Five studies or more: random effects (REML), Knapp-Hartung
    intervals never below the Wald error. Two to four: a half-normal prior on the spread of true
    effects (``mnstudy.stats.pool``), whose interval is a credible one, at most partly supported and
    only if half and twice the scale of the prior agree. Rates: beta-binomial by the counts
    (``mnstudy.stats.pool_rates``); zeros that rest on a sentence or a list stand beside. Paired
    contrasts take the correlation within the person that is derived from the study's figures, else
    the median of those derived; the notes say what 0.3 and 0.7 would give. No limit lies beyond
    the end of its scale. The verdict compares the interval with the margin and is then capped by
    every doubt that the certainty names, see ``certainty``. Reviews, animal and laboratory
    studies, and people counted in another study, are in no contrast; published meta-analyses stand
    beside.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.evidence("rare-pih")["rare-pih"].n_studies
    2
    """
    if not 0.5 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}: give a number as 0.95")
    published = as_published(data)
    frame = contrast_frame(published)
    gathered = (claim_evidence(c, frame, published, confidence_level) for c in select(claims))
    return Findings([finding_of(found) for found in gathered])


def finding_of(found: ClaimEvidence) -> Finding:
    """Return the finding on one claim, which says too where a shipped table was changed."""
    changed = tuple(note("shipped_table_changed", name=name) for name in found.published.changed)
    finding = _finding(found)
    return replace(finding, remarks=(*finding.remarks, *changed))


def _finding(found: ClaimEvidence) -> Finding:
    claim, directions = found.claim, found.directions
    nothing = Finding(
        claim=claim,
        dataset="published trials",
        synthetic=False,
        verdict="not testable",
        reasons=(found.state.said,),
        rule=claim.rule,
        margin=claim.margin,
        sha256=found.published.sha256,
    )
    said = tuple(review_note(row) for row in found.reviews.to_dict("records"))
    if len(directions.rows):
        said = (*said, note("directions_of_effect", said=directions.said))
    if not found.groups:
        return replace(nothing, remarks=(*_unused_note(found.rows), *said))
    parts = tuple(part for one in found.pooled for part in parts_of(one))
    if found.deciding is None:
        why = dict.fromkeys(group.measure.describes for group in found.groups)
        notes = tuple(other_note(one) for one in found.pooled)
        reasons = tuple(as_given(x) for x in why)
        return replace(nothing, reasons=reasons, parts=parts, remarks=(*notes, *said))
    return _pooled_finding(replace(nothing, parts=parts), found, said)


def _unused_note(own: pd.DataFrame) -> tuple[Note, ...]:
    if own.empty:
        return ()
    return (note("none_primary", contrasts=counted(len(own), "contrast")),)


def _wording(group: StudyGroup) -> str:
    """Return how far a sentence may go: of add-on trials, and of one substance, no further."""
    if group.add_on:
        return ADD_ON_WORDING
    if group.substance:
        substance = group.substance.replace("_", " ")
        return f"needling with {substance} was compared with needling alone: {group.endpoint_words}"
    return group.measure.wording


def _pooled_finding(nothing: Finding, evidence: ClaimEvidence, said: tuple[Note, ...]) -> Finding:
    decides = evidence.deciding
    assert decides is not None
    first = decides.group
    return replace(
        nothing,
        verdict=decides.verdict.word,
        lacking=decides.verdict.lacking,
        reasons=decides.verdict.reasons,
        pooled_wording=_wording(first),
        comparison=first.comparison,
        estimate=decides.found.estimate,
        rule=first.measure.rule,
        margin=first.measure.margin,
        margin_of=first.measure.source,
        null=first.measure.null,
        n_patients=first.people,
        n_studies=len(first.rows),
        holds=holds_of(decides.found.pooled),
        certainty=decides.certainty.level,
        domains=decides.certainty.domains,
        remarks=(*group_notes(evidence), *said),
    )


EFFECT_WORDS = {
    "OR": "odds ratio",
    "RR": "risk ratio",
    "SMD": "standardised difference (SD)",
    "MD": "difference of means",
    "WMD": "weighted difference of means",
}
ADD_ON_WORDING = "a treatment with needling added was compared with the same treatment alone"
SIDES = {"for": "towards the claim", "against": "against the claim", "neither": "neither way"}
MODALITY_WORDS = {
    "plain": "needling",
    "rf": "radiofrequency needling",
    "adjunct": "needling with a substance",
    "plain_or_rf": "needling, some of it with radiofrequency",
}


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
    pooled : list of PooledGroup
        What may be pooled of them with its value, the deciding group first.
    directions : Directions
    deciding : Assessed or None
        The group that its finding rests on; None where there is none, or where the contrasts only
        describe.
    also_decides : tuple of (str, int, tuple of str)
        Studies of the deciding group that decide other claims too: name, needled patients, claims.
    reviews : DataFrame
        What published meta-analyses found on it, see ``reviews_frame``.
    published : Published
    """

    claim: Claim
    rows: pd.DataFrame
    pooled: list[PooledGroup]
    directions: Directions
    deciding: Assessed | None
    also_decides: tuple[tuple[str, int, tuple[str, ...]], ...]
    reviews: pd.DataFrame
    published: Published

    @property
    def groups(self) -> list[StudyGroup]:
        """What may be pooled, the deciding group first."""
        return [one.group for one in self.pooled]

    @property
    def conditions(self) -> Beside | None:
        """The deciding rate over all conditions, every stated zero counted."""
        return self.deciding.found.pooled.other("all_conditions") if self.deciding else None

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


def assess(group: StudyGroup, directions: Directions | None = None, unseen: int = 0) -> Assessed:
    """Estimate a group, rate its certainty and judge it.

    Parameters
    ----------
    group : StudyGroup
    directions : Directions, optional
        Those of the claim, where its finding rests on this group; without them the domain is
        left out.
    unseen : int
        Studies on the claim that are known to exist without a number that can be pooled.
    """
    found = checks(group, egger_studies=settings()["egger_studies"])
    doubt = None
    if directions is not None:
        towards = favours(group, found.estimate.value)
        doubt = directions.doubted(group.comparison, favours=towards)
    rated = certainty(group, found, directions=directions is not None, doubt=doubt, unseen=unseen)
    capped = cap(found.found, rated.doubts, group.comparison)
    return Assessed(group=group, found=found, certainty=rated, verdict=capped)


def with_beside(assessed: Assessed, beside: Beside | None) -> Assessed:
    """Set one more estimate beside that of a group; its verdict stays."""
    if beside is None:
        return assessed
    pooled = assessed.found.pooled
    pooled = replace(pooled, beside=(*pooled.beside, beside))
    return replace(assessed, found=replace(assessed.found, pooled=pooled))


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
    primary = rows[rows["primary"]]
    found = groups(claim, primary, confidence_level)
    directions = directions_of(claim, published, confidence_level=confidence_level, frame=rows)
    first = found[0] if found and not found[0].measure.describes else None
    deciding = None
    if first is not None:
        deciding = assess(first, directions, unseen_studies(first, directions, published))
        deciding = with_beside(deciding, across_conditions(first, primary))
    pooled = [] if deciding is None else [deciding.found.pooled]
    return ClaimEvidence(
        claim=claim,
        rows=rows,
        pooled=pooled + [pool_group(group) for group in found[len(pooled) :]],
        directions=directions,
        deciding=deciding,
        also_decides=() if first is None else _also_decides(first, published),
        reviews=reviews_of(claim, published),
        published=published,
    )


def reviews_of(claim: Claim, published: Published) -> pd.DataFrame:
    """Return what published meta-analyses found on a claim."""
    reviews = reviews_frame(published)
    reviews = reviews[reviews["claim_id"] == claim.id].sort_values("review_id")
    return reviews.reset_index(drop=True)


def review_note(row: Mapping[Any, Any]) -> Note:
    """Return what a published meta-analysis found, its overlap with the studies here, in a line."""
    studies = row["k_studies"]
    known = () if pd.isna(studies) else (counted(int(studies), "study", "studies"),)
    most = row["our_earlier"]
    overlap = note("overlap_not_known" if pd.isna(most) else "overlap_at_most", **(
        {} if pd.isna(most) else {"most": counted(int(most), "study", "studies")}))  # fmt: skip
    return note(
        "meta_analysis_beside",
        label=row["label"],
        what=row["note"],
        effect=EFFECT_WORDS[row["effect"]],
        estimate=fmt.Ends(value=row["value"], ci_low=row["ci_low"], ci_high=row["ci_high"]),
        side=SIDES[row["side"]],
        against=row["reference"],
        needling=MODALITY_WORDS[row["modality"]],
        size=note("several", said=known) if known else note("studies_not_printed"),
        overlap=overlap,
    )


def unseen_studies(group: StudyGroup, directions: Directions, published: Published) -> int:
    """Count studies known to test a claim as a group does without a number that can be pooled.

    Those that print a direction only, and the publications of ``leads.csv``.
    """
    rows = directions.rows
    alike = rows["role"].eq("tests") & rows["kind"].isin(SPEAK[group.comparison])
    silent = rows[alike].groupby("study_id")["pooled"].any()
    named = published.leads["claim"].fillna("").str.split(r"[,\s]+", regex=True)
    return int((~silent).sum()) + sum(group.claim.id in words for words in named)


@lru_cache(maxsize=4)
def deciding_studies(published: Published) -> Mapping[str, tuple[str, ...]]:
    """Return the claims that each study decides, alone or with others, by study."""
    frame = contrast_frame(published)
    frame = frame[frame["primary"]]
    found: dict[str, tuple[str, ...]] = {}
    for one in select(None):
        own = groups(one, frame[frame["claim_id"] == one.id], 0.95)
        if own and not own[0].measure.describes:
            for study in own[0].rows["study_id"].astype(str):
                found[study] = (*found.get(study, ()), one.id)
    return found


def _also_decides(
    group: StudyGroup, published: Published
) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    decided = deciding_studies(published)
    rows = group.rows[["study_id", "label", "treated_n"]].itertuples(index=False)
    found = [
        (str(x.label), int(x.treated_n),
         tuple(c for c in decided.get(str(x.study_id), ()) if c != group.claim.id))
        for x in rows
    ]  # fmt: skip
    return tuple(one for one in found if one[2])


def group_notes(evidence: ClaimEvidence) -> tuple[Note, ...]:
    """Return the notes of a claim: those of the group that decides, then the other groups."""
    decides = evidence.deciding
    assert decides is not None
    pooled, group, said = decides.found.pooled, decides.group, []
    said.append(note("group_decides", group=group.label))
    if not math.isnan(pooled.prediction[0]):
        said.append(_heterogeneity(pooled))
    if not math.isnan(pooled.rho[0]):
        said.append(_spread_of_rates(pooled))
    if not math.isnan(pooled.chance):
        said.append(note("chance_beyond_margin", chance=100 * pooled.chance))
    if pooled.how == "few" and len(group.rows) == 2:
        said.append(_two_studies(pooled))
    said += map(beside_note, pooled.beside)
    if pooled.cut:
        said.append(note("limit_cut", unit=group.measure.unit))
    if group.rows["paired"].any():
        said.append(_correlation(group))
    said += _stated_zeros(group)
    if group.measure.definition:
        said.append(note("counts_as_response", definition=group.measure.definition))
    said += [
        note("decides_several_claims", people=Count(n=n, noun="needled patient"), study=label,
             others=others)
        for label, n, others in evidence.also_decides
    ]  # fmt: skip
    said.append(_certainty(decides.certainty))
    said += [other_note(one) for one in evidence.pooled[1:]]
    if group.claim.contrary:
        said.append(note("articles_disagree", contrary=group.claim.contrary))
    return tuple(said)


def _stated_zeros(group: StudyGroup) -> list[Note]:
    """Say which studies of a comparison count none by a sentence or a list."""
    ends = group.rows[["treated_basis", "reference_basis"]].isin(["sentence", "list"])
    if not group.controlled or not ends.to_numpy(dtype=bool).any():
        return []
    stated = ends.any(axis=1).to_numpy(dtype=bool)
    return [note("zero_in_comparison", studies=tuple(group.rows.loc[stated, "label"]))]


def other_note(pooled: PooledGroup) -> Note:
    """Return a group in one line."""
    return note(
        "group_of_studies",
        group=pooled.group.label,
        estimate=fmt.ends(pooled.estimate),
        unit=pooled.estimate.unit,
        level=_credible(pooled.estimate),
        studies=pooled.group.studies,
    )


def _credible(estimate: Estimate) -> str:
    """Return the kind of an interval that is no confidence interval."""
    return "" if estimate.interval_kind == "confidence" else f" ({estimate.level_words})"


def beside_note(beside: Beside) -> Note:
    """Return another estimate of the same studies in one line."""
    return note(
        "estimate_beside",
        which=beside.said,
        estimate=fmt.ends(beside.estimate),
        unit=beside.estimate.unit,
    )


def _heterogeneity(pooled: PooledGroup) -> Note:
    low, high = pooled.prediction
    tau, i2 = pooled.tau, pooled.i2
    return note(
        "pooled_heterogeneity",
        **dict(zip(("tau", "tau_low", "tau_high"), tau, strict=True)),
        **dict(zip(("i2", "i2_low", "i2_high"), i2, strict=True)),
        low=low,
        high=high,
        digits=fmt.decimals_for(pooled.estimate.value, low, high),
        unit=pooled.estimate.unit,
    )


def _spread_of_rates(pooled: PooledGroup) -> Note:
    rho, low, high = pooled.rho
    return note("spread_of_rates", rho=rho, low=low, high=high)


def _two_studies(pooled: PooledGroup) -> Note:
    """Say whether the intervals of two studies overlap."""
    first, second = (pool_group(one).estimate for one in single(pooled.group))
    overlap = first.ci_low <= second.ci_high and second.ci_low <= first.ci_high
    return note("two_studies_agree" if overlap else "two_studies_differ")


def _correlation(group: StudyGroup) -> Note:
    paired = group.rows[group.rows["paired"]]
    derived = int(paired["r_derived"].notna().sum())
    used = correlations(paired)
    pooled = {r: pool_group(group, r).estimate for r in R_GRID}
    others = tuple(
        note("under_correlation", estimate=fmt.ends(found), unit=found.unit, r=r)
        for r, found in pooled.items()
    )
    taken = {"least": float(used.min()), "most": float(used.max())}
    if derived == len(paired):
        return note("correlation_derived", **taken)
    studies = counted(len(paired), "study", "studies")
    return note("correlation_assumed", derived=derived, studies=studies, **taken, others=others)


def lowered_domains(rated: Certainty) -> tuple[Note, ...]:
    """Return what lowered a certainty, one note a domain."""
    return tuple(
        note("domain_lowers", domain=d.name, steps=d.steps, reason=d.why)
        for d in rated.domains
        if d.steps
    )


def _certainty(rated: Certainty) -> Note:
    why = lowered_domains(rated) or (note("no_domain_lowers"),)
    return note("certainty_rated", level=rated.level, why=why)
