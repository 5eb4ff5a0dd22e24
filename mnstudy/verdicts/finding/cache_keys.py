"""What an answer rests on: the keys by which results are kept, and no more than that.

A margin belongs to one claim: changing it leaves what is known about the other claims.
"""

from __future__ import annotations

from dataclasses import replace

from mnstudy.cache import fingerprint
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.finding.finding import Finding


def cohort_basis(cohort: Cohort) -> tuple[object, ...]:
    """Return what every answer of a cohort rests on: its table, and its study but single claims.

    It comes as a fingerprint, taken once for all the answers.
    """
    plan = replace(cohort.study.plan, margins={}, thresholds={})
    study = replace(cohort.study, plan=plan, claims={})
    origin = cohort.provenance
    about = (origin.name, origin.sha256, origin.synthetic)
    return (fingerprint(cohort.data, about, cohort.notes, study),)


def claim_basis(cohort: Cohort, claim: Claim) -> tuple[object, ...]:
    """Return what the answer to one claim rests on besides: the claim and its part of the plan."""
    plan = cohort.study.plan
    return claim, plan.margins.get(claim.id), plan.thresholds.get(claim.id)


def finding_basis(finding: Finding) -> Finding:
    """Return a finding as what is done with it depends on it: without the plan of other claims."""
    return replace(finding, plan_sha256="")
