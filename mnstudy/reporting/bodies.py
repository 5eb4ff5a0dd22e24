"""The bodies of data a report stands on, and what a reader has to know about each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mnstudy import formatting as fmt
from mnstudy.cohort.published import Published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.charts import Chart
from mnstudy.reporting.checks import Checked
from mnstudy.reporting.trials import Trials
from mnstudy.verdicts.disclosure import THRESHOLD, is_small, safe_text
from mnstudy.verdicts.findings import Findings

if TYPE_CHECKING:
    from mnstudy.reporting.printed_table import PrintedTable

HEADINGS = {
    "published_patients": "published patients",
    "demo_clinic": "demonstration clinic",
    "demo_split_face": "demonstration split-face trial",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
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
    limits: tuple[str, ...] = ()
    checked: Checked | None = None
    trials: Trials | None = None
    charts: Mapping[str, tuple[Chart, ...]] = field(default_factory=dict)
    harms: Chart | None = None
    overview: tuple[Chart, ...] = ()
    tables: tuple[PrintedTable, ...] = ()


def cohort_body(cohort: Cohort, findings: Findings) -> Body:
    """Describe a cohort."""
    data, study = cohort.data, cohort.study
    mark = "SYNTHETIC" if cohort.synthetic else "real"
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
        ("SHA-256 of the data", cohort.provenance.sha256),
    )
    return Body(
        key=slug(cohort.name),
        heading=f"{HEADINGS.get(cohort.name, cohort.name)} ({mark})",
        findings=findings,
        synthetic=cohort.synthetic,
        sha256=cohort.provenance.sha256,
        banner=f"{patients} {cohort.person}s, {rows} assessments; {allocation}",
        facts=tuple((name, value) for name, value in facts if value),
        limits=(
            *(limit.says for limit in study.limits),
            *(cohort.notes if cohort.synthetic else map(safe_text, cohort.notes)),
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
    if len(plan.together) > 1:
        which = "the primary claims" if plan.family is None else f"{len(plan.together)} of them"
        level = fmt.level(plan.confidence_level)
        held = f"intervals of {which} hold together at {level} (Bonferroni); p-values by Holm"
        facts.append(("Family", held))
    if plan.final_week is not None:
        facts.append(("Final assessment", f"week {fmt.given(plan.final_week)}"))
    return [*facts, ("SHA-256 of the plan", sha256)]


def published_body(published: Published, findings: Findings, trials: Trials | None = None) -> Body:
    """Describe the published evidence."""
    facts = (
        ("Data set", published.source),
        ("Kind", "real: numbers printed in publications"),
        ("Publications", f"{len(published.studies):,}"),
        ("Contrasts", f"{len(published.contrasts):,}"),
        ("SHA-256 of the data", published.sha256),
    )
    limits = (
        "Only what publications print: studies without usable numbers are listed, not pooled.",
        "Controlled and uncontrolled studies are never mixed, nor are different endpoints.",
    )
    return Body(
        key="published_trials",
        heading="published trials (real)",
        findings=findings,
        synthetic=False,
        sha256=published.sha256,
        banner=f"{len(published.studies):,} publications, {len(published.contrasts):,} contrasts",
        facts=facts,
        limits=(*limits, *published.notes),
        trials=trials,
    )


def with_unique_keys(bodies: list[Body]) -> list[Body]:
    """Return the bodies with keys told apart by a number where two are the same."""
    seen: dict[str, int] = {}
    unique = []
    for body in bodies:
        seen[body.key] = seen.get(body.key, 0) + 1
        again = seen[body.key] > 1
        unique.append(replace(body, key=f"{body.key}-{seen[body.key]}") if again else body)
    return unique


def slug(name: str) -> str:
    """Return a name that is safe as a folder and as an anchor.

    >>> slug("../Narben 2025 <b>")
    'narben-2025-b'
    """
    kept = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    return kept[:60] or "data"


def _shown(n: int, cohort: Cohort) -> str:
    return f"<{THRESHOLD}" if is_small(n) and not cohort.synthetic else f"{n:,}"
