"""The bodies of data a report stands on, and what a reader has to know about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.small_counts import THRESHOLD, is_small
from mnstudy.disclosure.tables import shown_notes
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.run.checks import Checked
from mnstudy.reporting.run.trials import Trials
from mnstudy.reporting.tables.printed_table import PrintedTable, slug
from mnstudy.verdicts.findings import Findings

HASH_OF_DATA, HASH_OF_PLAN = "SHA-256 of the data", "SHA-256 of the plan"
HEADINGS = {
    "published_patients": "published patients",
    "demo_clinic": "demonstration clinic",
    "demo_split_face": "demonstration split-face trial",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSource:
    """One body of data with its findings.

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
        Size and design in one line.
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
    design: str = ""
    randomised: bool = False
    limits: tuple[str, ...] = ()
    checked: Checked | None = None
    trials: Trials | None = None
    charts: Mapping[str, tuple[Chart, ...]] = field(default_factory=dict)
    harms: Chart | None = None
    overview: tuple[Chart, ...] = ()
    tables: tuple[PrintedTable, ...] = ()


def cohort_source(cohort: Cohort, findings: Findings) -> EvidenceSource:
    """Describe a cohort."""
    data, study = cohort.data, cohort.study
    mark = "SYNTHETIC" if cohort.synthetic else "real"
    name = HEADINGS.get(cohort.name, cohort.name)
    design = study.design.replace("_", " ") + ("" if study.design_declared else " (inferred)")
    sites = len(data[["patient_id", "site_id"]].drop_duplicates())
    rows = _shown(len(data), cohort)
    patients = _shown(data["patient_id"].nunique(), cohort)
    allocation = f"{design}, {'' if study.randomised else 'not '}randomised"
    facts = (
        ("Data set", cohort.name),
        ("Title", study.title),
        ("Kind", "SYNTHETIC: invented, never evidence" if cohort.synthetic else "real"),
        ("Design", allocation),
        ("Assessments", rows),
        ("Patients", patients),
        ("Sites", _shown(sites, cohort)),
        *_plan_facts(cohort, findings),
        ("Source", cohort.provenance.source),
        ("Licence", study.licence),
        (HASH_OF_DATA, cohort.provenance.sha256),
    )
    return EvidenceSource(
        key=slug(cohort.name),
        heading=f"{name} ({mark})",
        name=name,
        design=study.design,
        randomised=study.randomised,
        findings=findings,
        synthetic=cohort.synthetic,
        sha256=cohort.provenance.sha256,
        banner=f"{patients} {cohort.person}s, {rows} assessments; {allocation}",
        facts=tuple((name, value) for name, value in facts if value),
        limits=(
            *(limit.says for limit in study.limits),
            *shown_notes(cohort),
        ),
    )


def _plan_facts(cohort: Cohort, findings: Findings) -> list[tuple[str, str]]:
    """Return what was decided before looking: primary claims, family, final week, fingerprint."""
    plan, sha256 = cohort.study.plan, cohort.study.plan_sha256
    titles = {f.claim.id: f.claim.title for f in findings}
    facts = [("Plan", "no primary claim declared: every result is post hoc")]
    if plan.primary:
        named = "; ".join(titles.get(i, i) for i in plan.primary)
        facts = [("Primary claims of the plan", f"{named} ({len(plan.primary)})")]
    if len(plan.family_ids) > 1:
        which = "the primary claims" if plan.family is None else f"{len(plan.family_ids)} of them"
        level = fmt.level(plan.confidence_level)
        held = f"intervals of {which} hold together at {level} (Bonferroni); p-values by Holm"
        facts.append(("Family", held))
    if plan.final_week is not None:
        facts.append(("Final assessment", f"week {fmt.given(plan.final_week)}"))
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
        banner=f"{len(published.studies):,} publications, {len(published.contrasts):,} contrasts",
        facts=facts,
        limits=(*limits, *published.notes),
        trials=trials,
    )


def with_unique_keys(sources: list[EvidenceSource]) -> list[EvidenceSource]:
    """Return the bodies with keys told apart by a number where two are the same."""
    seen: dict[str, int] = {}
    unique = []
    for source in sources:
        seen[source.key] = seen.get(source.key, 0) + 1
        again = seen[source.key] > 1
        unique.append(replace(source, key=f"{source.key}-{seen[source.key]}") if again else source)
    return unique


def _shown(n: int, cohort: Cohort) -> str:
    return f"<{THRESHOLD}" if is_small(n) and not cohort.synthetic else f"{n:,}"
