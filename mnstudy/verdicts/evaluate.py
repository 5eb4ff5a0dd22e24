"""Put the claims to a cohort: one finding each, in the order of the register."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import pandas as pd

from mnstudy.cohort.loading.check import covariate_problems
from mnstudy.cohort.schema.problems import ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import Cohort, Followed
from mnstudy.stats.multiplicity import bonferroni_level, holm
from mnstudy.verdicts.analyses import ADJUSTED, Question
from mnstudy.verdicts.analyses.answer import cautions_of, finding_for
from mnstudy.verdicts.analyses.models.covariates import plain
from mnstudy.verdicts.analyses.question import NAMED, columns_named
from mnstudy.verdicts.claims.own_claims import check_study, own_claims
from mnstudy.verdicts.claims.registry import Claim, claims_table, select
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.checks import Checks
from mnstudy.words.notes import Note, note


def evaluate(
    cohort: Cohort,
    claims: str | Iterable[str] | None = None,
    *,
    adjust: Sequence[str] | None = None,
    margins: Mapping[str, float] | None = None,
    confidence_level: float | None = None,
) -> Findings:
    """Hold claims against a cohort.

    Parameters
    ----------
    cohort : Cohort
        See ``mnstudy.load``.
    claims : str or iterable of str, optional
        Claim ids; when left out all 43, and those that the study file declares.
    adjust : sequence of str, optional
        Columns that comparisons are adjusted for in place of the usual ones and of those of the
        plan; none with ``[]``.
    margins : mapping of str to float, optional
        Claim id to another margin than that of the plan, in the unit of the claim.
    confidence_level : float, optional
        Level of the intervals; that of the study's plan (0.95 by default) when left out.

    Returns
    -------
    Findings
        One finding per claim: estimate with interval, verdict, reason. A claim the data cannot
        answer is ``not testable`` and says which column, group or design is missing.

    Raises
    ------
    KeyError
        An unknown claim id; the nearest are offered.
    DataError
        The plan, a margin or a claim of the study file cannot be read, or a column cannot be
        adjusted for; all problems are listed.
    TypeError
        ``cohort`` is not a cohort.
    ValueError
        A confidence level outside 0.5 to 1; ``adjust`` where no claim asked is an adjusted
        comparison; a margin of a claim that is not asked.

    Notes
    -----
    Rows with a missing value that an analysis needs are left out of that analysis, counted in
    ``n_missing`` and said in the notes.

    The intervals of the m primary claims of the plan hold together at the level of the plan: the
    verdict of each rests on its interval at level 1 - (1 - c)/m (Bonferroni), given beside the
    ordinary one, and ``p_holm`` is its p-value adjusted over the m (Holm 1979,
    https://www.jstor.org/stable/4615733). Whichever claims are asked, m is that of the plan.

    With ``adjust`` or ``margins`` the findings that may have changed are exploratory: they were not
    planned so. ``mnstudy.compare`` lays them beside the others.

    Examples
    --------
    >>> import mnstudy as mn
    >>> findings = mn.evaluate(mn.load("demo_split_face"), claims=["topical-adjunct"])
    >>> findings["topical-adjunct"].comparison
    'randomised'
    >>> clinic = mn.load("demo_clinic")
    >>> crude = mn.evaluate(clinic, "deeper-needling", adjust=[], margins={"deeper-needling": 8})
    >>> crude[0].in_full, crude[0].planned
    ('partly supported (size, cause)', False)
    """
    if not isinstance(cohort, Cohort):
        raise TypeError("evaluate needs a cohort: mnstudy.evaluate(mnstudy.load(...))")
    cohort = cohort.in_order()
    level = cohort.study.plan.confidence_level if confidence_level is None else confidence_level
    if not 0.5 < level < 1:
        raise ValueError(f"confidence_level is {level}: give a number between 0.5 and 1, as 0.95")
    cohort, changed = _asked_otherwise(cohort, claims, adjust, margins or {})
    asked, needed = asked_and_needed(cohort, claims)
    found = put_together(cohort, asked, find_all(cohort, needed, level), level)
    return found.marked_exploratory(changed) if changed else found


def _asked_otherwise(
    cohort: Cohort,
    claims: str | Iterable[str] | None,
    adjust: Sequence[str] | None,
    margins: Mapping[str, float],
) -> tuple[Cohort, dict[str, list[Note]]]:
    """Return the cohort with another plan, and of the claims asked what is not as planned."""
    if adjust is None and not margins:
        return cohort, {}
    if not isinstance(margins, Mapping):
        raise TypeError("margins names claims: give {'more-sessions': 5}, not a number alone")
    plan = replace(cohort.study.plan, margins={**cohort.study.plan.margins, **margins})
    if adjust is not None:
        names = (adjust,) if isinstance(adjust, str) else tuple(adjust)
        problems = tuple(covariate_problems(cohort.data, names, "adjust"))
        report = ValidationReport(source=cohort.name, rows=len(cohort.data), problems=problems)
        report.raise_if_bad()
        plan = replace(plan, adjust=names, adjust_only=True)
    other = replace(cohort, study=replace(cohort.study, plan=plan))
    asked, _ = asked_and_needed(other, claims)
    strange = sorted(set(margins) - {c.id for c in asked})
    if strange:
        raise ValueError(f"a margin of {', '.join(strange)}, which is not asked: leave it out")
    changed: dict[str, list[Note]] = {c: [note("margin_as_asked")] for c in margins}
    adjusted = [c.id for c in asked if c.analysis in ADJUSTED]
    if adjust is not None and not adjusted:
        raise ValueError("no claim asked here is an adjusted comparison: leave adjust out")
    for claim_id in adjusted if adjust is not None else ():
        said = (
            note("adjusted_as_asked", names=plain(names)) if names else note("unadjusted_as_asked")
        )
        changed.setdefault(claim_id, []).append(said)
    return other, changed


def claims(cohort: Cohort | None = None) -> pd.DataFrame:
    """List the claims; with a cohort, also whether it can answer each of them and why not.

    Returns
    -------
    DataFrame
        Indexed by claim id: group, title, articles, estimand, columns, rule, margin, unit, ...;
        with a cohort also its own claims, ``testable`` and ``why_not``.
    """
    if cohort is None:
        return claims_table()
    table = claims_table(own_claims(cohort.study))
    findings = evaluate(cohort)
    table["testable"] = [f.verdict != "not testable" for f in findings]
    table["why_not"] = [f.reason if f.verdict == "not testable" else "" for f in findings]
    return table


def asked_and_needed(
    cohort: Cohort, claims: str | Iterable[str] | None = None
) -> tuple[list[Claim], list[Claim]]:
    """Return the claims asked, and those to find.

    Where one of the family of the plan is asked, the p-values of all of it are needed.
    """
    own, plan = check_study(cohort.study), cohort.study.plan
    asked = _as_planned(select(claims, own), cohort.study)
    ids = {c.id for c in asked}
    family = _as_planned(select(plan.family_ids, own), cohort.study)
    rest = [c for c in family if c.id not in ids]
    return asked, [*asked, *rest] if 1 < len(family) > len(rest) else asked


def _as_planned(claims: Iterable[Claim], study: Study) -> list[Claim]:
    """Return the claims with thresholds and names of the study, which their estimands state."""
    given = study.plan.thresholds
    return [replace(c, params={**c.params, **given.get(c.id, {})}, arms=study.arms) for c in claims]


def verdicts_of(cohort: Cohort, claims: str | Iterable[str]) -> dict[str, Finding]:
    """Return the findings of claims with their estimates only, no further numbers and notes."""
    asked, _ = asked_and_needed(cohort, claims)
    return find_all(cohort, asked, cohort.study.plan.confidence_level, brief=True)


def find_all(
    cohort: Cohort, claims: Iterable[Claim], level: float, *, brief: bool = False
) -> dict[str, Finding]:
    """Return the finding of each claim by its id, before p-values are adjusted."""
    claims, cautions = list(claims), cautions_of(cohort)
    named = {claim.id: columns_named(claim, cohort) for claim in claims}
    every = frozenset().union(*named.values())
    # to select rows of what is not read, and of Arrow text, would take half of the time
    data = cohort.data[[c for c in cohort.data if c not in NAMED or c in every]]
    ids = {c: own.astype("object") for c, own in data.items() if own.dtype == "str"}
    cohort = replace(cohort, data=data.assign(**ids)).in_order()
    data, followed = cohort.data, Followed.of(cohort.data)
    rest = data.drop(columns=list(every)) if len({*named.values()}) > 1 else data
    members = cohort.study.plan.family_ids
    family_level = bonferroni_level(level, len(members)) if len(members) > 1 else None

    @cache
    def reading(columns: frozenset[str]) -> Followed:
        if columns == every:
            return followed
        return replace(followed, data=rest.assign(**{c: data[c] for c in columns}))

    def found(claim: Claim) -> Finding:
        own = reading(named[claim.id])
        read = replace(cohort, data=own.data)
        asked = Question.ask(claim, read, level, brief=brief, followed=own)
        joint = family_level if claim.id in members else None
        return finding_for(asked, family_level=joint, cautions=cautions)

    return {claim.id: found(claim) for claim in claims}


def put_together(
    cohort: Cohort, asked: Iterable[Claim], found: Mapping[str, Finding], level: float
) -> Findings:
    """Return the findings of the claims asked, with the p-values adjusted over the family.

    ``found`` may have been found under a plan that differs in the margins of other claims.
    """
    adjusted = _holm([found[i] for i in cohort.study.plan.family_ids if i in found])
    sha256 = cohort.study.plan_sha256
    findings = [
        replace(found[c.id], p_holm=adjusted.get(c.id, float("nan")), plan_sha256=sha256)
        for c in asked
    ]
    return Findings(findings, checks=Checks(cohort=cohort.in_order(), confidence_level=level))


def _holm(family: Sequence[Finding]) -> Mapping[str, float]:
    """Adjust the p-values of the family; one without a p-value keeps its place in the count."""
    if len(family) < 2:
        return {}
    p = pd.Series({f.claim.id: f.estimate.p_value if f.estimate else None for f in family})
    p = p.astype("float64")
    adjusted = pd.Series(holm(p.fillna(1.0)), index=p.index)
    return adjusted[p.notna()].to_dict()
