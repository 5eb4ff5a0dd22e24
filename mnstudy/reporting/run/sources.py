"""The sources of data a report stands on, with all it shows of each, gathered before it is written.

Findings, the same under other choices, charts and tables, and of the published trials studies,
directions and doubts: pieces that are worked out side by side.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.flow import flow
from mnstudy.cohort.published.tables import Published, contrast_frame, load_published
from mnstudy.cohort.published.tables import flow as published_flow
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.figures.plot import charts_of, claim_charts, harms_chart, overview_charts
from mnstudy.reporting.run.origin import claim_basis, cohort_basis, finding_basis
from mnstudy.reporting.run.processes import ALONE, CachedCall, Done, Progress, Workers, quiet
from mnstudy.reporting.tables.printed_table import PrintedTable, slug
from mnstudy.reporting.tables.write import cohort_tables, trials_tables
from mnstudy.verdicts.analyses.dropouts import completers_and_dropouts
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import Claim, registry, select
from mnstudy.verdicts.doubts.doubts import doubts
from mnstudy.verdicts.evaluate import asked_and_needed, find_all, put_together
from mnstudy.verdicts.evidence.evidence import claim_evidence, finding_of
from mnstudy.verdicts.evidence.trials import (
    LEVEL,
    ClaimTrials,
    Trials,
    assemble_trials,
    claim_trials,
)
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.specification import SpecificationCurve, specification_curve

CURVES = 10  # primary claims with a specification curve, at most
SHARES = 8  # in which the claims of a cohort are dealt out
HASH_OF_DATA, HASH_OF_PLAN = "SHA-256 of the data", "SHA-256 of the plan"
HEADINGS = {
    "published_patients": "published patients",
    "demo_clinic": "demonstration clinic",
    "demo_split_face": "demonstration split-face trial",
}
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSource:
    """One source of data with its findings.

    Attributes
    ----------
    key : str
        Name for folders and anchors.
    heading : str
        Name for people, with real or SYNTHETIC.
    findings : Findings
    synthetic : bool
    sha256 : str
    banner : str
        Size and design in one line, with the period where the study file has one.
    title : str
        Of the study, as its file has it.
    facts : tuple of (name, value)
        Provenance, in words.
    name : str
        Name for people, without the mark.
    design : str
        Of a cohort: one of its designs; empty for published evidence.
    randomised : bool
    limits : tuple of str
        What the data cannot tell.
    checked : Checked or None
        The findings under other choices, and who was lost, where a report asked for it.
    trials : Trials or None
        Of published evidence: its studies, directions and doubts.
    charts : mapping of str to tuple of Chart
        Further figures, by the id of their claim.
    harms : Chart or None
        The figure of all harms of a cohort.
    overview : tuple of Chart
        The figures of published evidence as a whole.
    tables : tuple of PrintedTable
        Table 1, outcomes and harms of a cohort, as they are printed.
    """

    key: str
    heading: str
    findings: Findings
    synthetic: bool
    sha256: str
    banner: str
    facts: tuple[tuple[str, str], ...]
    name: str = ""
    title: str = ""
    design: str = ""
    randomised: bool = False
    limits: tuple[str, ...] = ()
    checked: Checked | None = None
    trials: Trials | None = None
    charts: Mapping[str, tuple[Chart, ...]] = field(default_factory=dict)
    harms: Chart | None = None
    overview: tuple[Chart, ...] = ()
    tables: tuple[PrintedTable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What other choices, and those who were lost, do to the findings of one source of data.

    Attributes
    ----------
    sensitivity : dict of str to DataFrame
        Claim id to its rows, see ``Findings.sensitivity``.
    curves : tuple of SpecificationCurve
        Those of the primary claims of the plan, at most ten.
    flow, dropouts : DataFrame or None
        Who was lost.
    """

    sensitivity: dict[str, pd.DataFrame]
    curves: tuple[SpecificationCurve, ...] = ()
    flow: pd.DataFrame | None = None
    dropouts: pd.DataFrame | None = None


def collect_evidence(
    cohorts: Sequence[Cohort],
    progress: Progress,
    *,
    claims: Sequence[str] = (),
    profile: str = "default",
    trials_first: bool = False,
    workers: Workers = ALONE,
) -> list[EvidenceSource]:
    """Put the claims to each source of data, and each answer to other choices.

    Parameters
    ----------
    cohorts : sequence of Cohort
        The published trials stand after the first of them, or before it (``trials_first``).
    progress : callable
        Called with the stage, how much of it is done and how much there is.
    claims : sequence of str
        Ids of the claims asked; all of them when empty.
    profile : str
        Number format of the tables.
    workers : Workers, optional
        Who works on the pieces; what is gathered does not depend on it.
    """
    published = load_published()
    found = find_side_by_side(cohorts, claims, workers, progress)
    shown, found_trials = collect_trials(published, workers=workers, progress=progress)
    if any(c in registry() for c in claims):
        found_trials = Findings([f for f in found_trials if f.claim.id in claims])
    trials = published_source(published, found_trials, shown)
    asked: list[tuple[Cohort | None, Findings]] = [
        (cohorts[0], found[0]), (None, found_trials), *zip(cohorts[1:], found[1:], strict=True)
    ]  # fmt: skip
    checked = check_all(asked, workers=workers, progress=progress)
    sources, trials = build_sources(
        list(zip(cohorts, found, strict=True)),
        trials,
        profile=profile,
        workers=workers,
        done=partial(progress, "charts"),
    )
    pairs = zip([sources[0], trials, *sources[1:]], checked, strict=True)
    first, beside, *rest = [replace(source, checked=done) for source, done in pairs]
    return with_unique_keys([beside, first, *rest] if trials_first else [first, beside, *rest])


def find_side_by_side(
    cohorts: Sequence[Cohort], claims: Sequence[str], workers: Workers, progress: Progress
) -> list[Findings]:
    """Deal the claims of every cohort out in shares, and put together what they give."""
    asked = [asked_and_needed(cohort, _asked_of(cohort, claims)) for cohort in cohorts]
    pieces = [
        x for one, (_, needed) in zip(cohorts, asked, strict=True) for x in _shares(one, needed)
    ]
    shares = list(workers.results(pieces, partial(progress, "findings")))
    found = []
    for k, (cohort, (some, _)) in enumerate(zip(cohorts, asked, strict=True)):
        own = dict(ChainMap(*shares[SHARES * k : SHARES * (k + 1)]))
        found.append(put_together(cohort, some, own, cohort.study.plan.confidence_level))
    return found


def _shares(cohort: Cohort, claims: Sequence[Claim]) -> Iterator[CachedCall]:
    basis, level = cohort_basis(cohort), cohort.study.plan.confidence_level
    for share in (claims[i::SHARES] for i in range(SHARES)):
        inputs = (*basis, [claim_basis(cohort, c) for c in share])
        yield CachedCall("findings", inputs, find_all, (cohort, share, level))


def _asked_of(cohort: Cohort, claims: Sequence[str]) -> list[str] | None:
    """Return the claims that a cohort can be asked: another study's own ones are not for it."""
    known = {c.id for c in select(None, own_claims(cohort.study))}
    return [c for c in claims if c in known] if claims else None


def collect_trials(
    published: Published, *, workers: Workers = ALONE, progress: Progress = quiet
) -> tuple[Trials, Findings]:
    """Collect what the published trials say, the claims side by side, and the findings on them."""
    frame = contrast_frame(published)
    pieces = [
        CachedCall(
            "trials",
            (claim, published.sha256, published.changed, LEVEL),
            _claim_trials,
            (claim, published, frame[frame["claim_id"] == claim.id]),
        )
        for claim in select(None)
    ]
    pieces.append(CachedCall("doubts", (published.sha256,), doubts, (published,)))
    *found, doubted = workers.results(pieces, partial(progress, "published trials"))
    trials = assemble_trials(published, [one for one, _ in found], doubted)
    return trials, Findings([finding for _, finding in found])


def _claim_trials(
    claim: Claim, published: Published, own: pd.DataFrame
) -> tuple[ClaimTrials, Finding]:
    found = claim_evidence(claim, own, published, LEVEL)
    return claim_trials(found), finding_of(found)


def cohort_source(cohort: Cohort, findings: Findings) -> EvidenceSource:
    """Describe a cohort."""
    data, study = cohort.data, cohort.study
    mark = "SYNTHETIC" if cohort.synthetic else "real"
    name = HEADINGS.get(cohort.name, cohort.name)
    sites = len(data[["patient_id", "site_id"]].drop_duplicates())
    rows, patients = f"{len(data):,}", f"{data['patient_id'].nunique():,}"
    facts = (
        ("Data set", cohort.name),
        ("Title", study.title),
        ("Kind", "SYNTHETIC: invented, never evidence" if cohort.synthetic else "real"),
        ("Design", study.allocation),
        ("Period", study.period),
        ("Assessments", rows),
        ("Patients", patients),
        ("Sites", f"{sites:,}"),
        ("Published before", study.public_because),
        *_plan_facts(cohort, findings),
        ("Source", cohort.provenance.source),
        ("Licence", study.licence),
        (HASH_OF_DATA, cohort.provenance.sha256),
    )
    return EvidenceSource(
        key=slug(cohort.name),
        heading=f"{name} ({mark})",
        name=name,
        title=cohort.heading,
        design=study.design,
        randomised=study.randomised,
        findings=findings,
        synthetic=cohort.synthetic,
        sha256=cohort.provenance.sha256,
        banner=", ".join(
            x
            for x in (
                study.allocation,
                study.period,
                f"{patients} {cohort.person}s",
                f"{rows} assessments",
            )
            if x
        ),
        facts=tuple((name, value) for name, value in facts if value),
        limits=(*(limit.says for limit in study.limits), *cohort.notes),
    )


def _plan_facts(cohort: Cohort, findings: Findings) -> list[tuple[str, str]]:
    """Return what was decided before looking: primary claims, family, final week, fingerprint."""
    plan, sha256 = cohort.study.plan, cohort.study.plan_sha256
    titles = {f.claim.id: f.claim.title for f in findings}
    facts = [("Plan", "no primary claim declared: every result is exploratory")]
    if plan.primary:
        named = "; ".join(titles.get(i, i) for i in plan.primary)
        facts = [("Primary claims of the plan", f"{named} ({len(plan.primary)})")]
    if len(plan.family_ids) > 1:
        which = "the primary claims" if plan.family is None else f"{len(plan.family_ids)} of them"
        level = fmt.level(plan.confidence_level)
        held = f"intervals of {which} hold together at {level} (Bonferroni); p-values by Holm"
        facts.append(("Family", held))
    if plan.final_week is not None:
        facts.append(("Final assessment", f"week {fmt.as_entered(plan.final_week)}"))
    return [*facts, (HASH_OF_PLAN, sha256)]


def published_source(
    published: Published, findings: Findings, trials: Trials | None = None
) -> EvidenceSource:
    """Describe the published evidence."""
    facts = (
        ("Data set", published.source),
        ("Kind", "real: numbers printed in publications"),
        ("Publications", f"{len(published.studies):,}"),
        ("Contrasts", f"{len(published.contrasts):,}"),
        ("Flow, as PRISMA 2020 asks, as far as known", _flow_words(published)),
        (HASH_OF_DATA, published.sha256),
    )
    limits = (
        "Only what publications print: studies without usable numbers are listed, not pooled.",
        "Controlled and uncontrolled studies are never mixed, nor are different endpoints.",
    )
    return EvidenceSource(
        key="published_trials",
        heading="published trials (real)",
        name="published trials",
        findings=findings,
        synthetic=False,
        sha256=published.sha256,
        banner=f"{len(published.studies):,} publications on all claims, "
        f"{len(published.contrasts):,} comparisons with numbers",
        facts=facts,
        limits=(*limits, *published.notes),
        trials=trials,
    )


def _flow_words(published: Published) -> str:
    rows = published_flow(published).itertuples(index=False)
    return "; ".join(str(x.what) if pd.isna(x.n) else f"{int(x.n):,} {x.what}" for x in rows)


def with_unique_keys(sources: list[EvidenceSource]) -> list[EvidenceSource]:
    """Return the bodies with keys told apart by a number where two are the same."""
    seen: dict[str, int] = {}
    unique = []
    for source in sources:
        seen[source.key] = seen.get(source.key, 0) + 1
        again = seen[source.key] > 1
        unique.append(replace(source, key=f"{source.key}-{seen[source.key]}") if again else source)
    return unique


def check_all(
    sources: Sequence[tuple[Cohort | None, Findings]],
    *,
    workers: Workers = ALONE,
    progress: Progress,
) -> list[Checked]:
    """Put every tested claim to the sensitivity checks, and primary claims to all choices.

    Parameters
    ----------
    sources : sequence of (Cohort or None, Findings)
        The findings of each source of data; published evidence has no cohort.
    workers : Workers, optional
        Who works on the claims; the results do not depend on it.
    progress : callable
        Called with the stage, how much of it is done and how much there is.

    Returns
    -------
    list of Checked
        In the order of the sources.
    """
    tested = [[f for f in found if f.estimate is not None] for _, found in sources]
    planned = [_planned(cohort, some) for (cohort, _), some in zip(sources, tested, strict=True)]
    pieces: list[CachedCall] = []
    for (cohort, found), some, primary in zip(sources, tested, planned, strict=True):
        basis = () if cohort is None else cohort_basis(cohort)
        pieces += [
            CachedCall("curve", (*basis, finding_basis(f)), _curve, (cohort, f)) for f in primary
        ]
        pieces += [_checks_of(basis, found, f) for f in some]
    done = workers.results(pieces, partial(progress, "sensitivity"))
    checked = []
    for (cohort, _), some, primary in zip(sources, tested, planned, strict=True):
        curves = tuple(_as_planned(next(done), f) for f in primary)
        rows = {f.claim.id: next(done) for f in some}
        checked.append(
            Checked(
                sensitivity=rows,
                curves=curves,
                flow=None if cohort is None else flow(cohort),
                dropouts=None if cohort is None else _dropouts(cohort),
            )
        )
    return checked


def choices_of(
    cohort: Cohort, findings: Findings, *, workers: Workers, progress: Progress
) -> dict[str, pd.DataFrame]:
    """Return the verdicts of every tested claim under other choices, by its id."""
    tested = [f for f in findings if f.estimate is not None]
    pieces = [_checks_of(cohort_basis(cohort), findings, f) for f in tested]
    done = workers.results(pieces, partial(progress, "sensitivity"))
    return dict(zip((f.claim.id for f in tested), done, strict=True))


def _checks_of(basis: tuple[object, ...], found: Findings, finding: Finding) -> CachedCall:
    rests_on = (*basis, finding_basis(finding))
    return CachedCall("checks", rests_on, _checks, (_alone(found, finding),))


def _checks(findings: Findings) -> pd.DataFrame:
    return findings.checked()


def _as_planned(curve: SpecificationCurve, finding: Finding) -> SpecificationCurve:
    """Return a curve under the plan of today: that of other claims may have been another one."""
    return replace(curve, finding=replace(curve.finding, plan_sha256=finding.plan_sha256))


def _planned(cohort: Cohort | None, tested: Sequence[Finding]) -> list[Finding]:
    return [f for f in tested if cohort is not None and f.planned][:CURVES]


def _alone(findings: Findings, finding: Finding) -> Findings:
    place = next(i for i, f in enumerate(findings) if f is finding)
    return findings[place : place + 1]


def _curve(cohort: Cohort, finding: Finding) -> SpecificationCurve:
    """Draw the intervals at the level that the verdict of the finding rests on."""
    basis = finding.simultaneous or finding.estimate
    level = None if basis is None else basis.confidence_level
    return specification_curve(cohort, finding.claim.id, confidence_level=level)


def _dropouts(cohort: Cohort) -> pd.DataFrame:
    level = cohort.study.plan.confidence_level
    return completers_and_dropouts(cohort, confidence_level=level)


def build_sources(
    own: Sequence[tuple[Cohort, Findings]],
    published: EvidenceSource,
    *,
    profile: str,
    workers: Workers = ALONE,
    done: Done = lambda done, total: None,
) -> tuple[list[EvidenceSource], EvidenceSource]:
    """Return the bodies of the cohorts and that of the trials, each with its charts and tables.

    Parameters
    ----------
    own : sequence of (Cohort, Findings)
    published : EvidenceSource
        That of the published evidence.
    profile : str
        Number format of the tables.
    workers : Workers, optional
        Who works on them; the result does not depend on it.
    done : callable, optional
        Called with how many pieces are done and how many there are.
    """
    pieces = {("trials", *key): p for key, p in _trials_pieces(published, profile).items()}
    for i, (cohort, found) in enumerate(own):
        pieces |= {(i, *key): p for key, p in _cohort_pieces(cohort, found, profile).items()}
    # Whole tables take longest: begun first, none is waited for.
    pieces = dict(sorted(pieces.items(), key=lambda x: "tables" not in x[0]))
    made = dict(zip(pieces, workers.results(list(pieces.values()), done), strict=True))
    sources = [_with(cohort_source(*one), i, made) for i, one in enumerate(own)]
    return sources, _with(published, "trials", made)


def _with(source: EvidenceSource, whose: str | int, made: Mapping[Key, Any]) -> EvidenceSource:
    """Return a source of data with what was made of it, each under the name of its field."""
    own = {
        key[1:]: tuple(x) if isinstance(x, list) else x
        for key, x in made.items()
        if key[0] == whose
    }
    charts = {str(key[1]): x for key, x in own.items() if key[0] == "charts"}
    rest: dict[str, Any] = {str(key[0]): x for key, x in own.items() if key[0] != "charts"}
    return replace(source, charts=charts, **rest)


def _cohort_pieces(cohort: Cohort, found: Findings, profile: str) -> dict[Key, CachedCall]:
    basis = cohort_basis(cohort)
    whole = (*basis, [finding_basis(f) for f in found], profile)
    tables, in_report = partial(cohort_tables, profile=profile), partial(charts_of, report=True)
    charts: dict[Key, CachedCall] = {
        ("charts", f.claim.id): CachedCall(
            "charts", (*basis, finding_basis(f)), in_report, (cohort, f)
        )
        for f in found
        if f.estimate is not None
    }
    return {
        ("tables",): CachedCall("tables", whole, tables, (cohort, found)),
        ("harms",): CachedCall("harms", basis, harms_chart, (cohort,)),
        **charts,
    }


def _trials_pieces(source: EvidenceSource, profile: str) -> dict[Key, CachedCall]:
    trials = source.trials
    assert trials is not None
    told = (source.sha256, select(None), [finding_basis(f) for f in source.findings])
    tables = partial(trials_tables, profile=profile)
    charts: dict[Key, CachedCall] = {
        ("charts", f.claim.id): CachedCall(
            "charts of trials",
            (f.claim, source.sha256),
            claim_charts,
            (trials.directions[f.claim.id], trials.groups[f.claim.id]),
        )
        for f in source.findings
    }
    return {
        ("tables",): CachedCall(
            "tables of trials", (*told, profile), tables, (trials.table, trials.reviews)
        ),
        ("overview",): CachedCall("overview", told, overview_charts, (trials, source.findings)),
        **charts,
    }
