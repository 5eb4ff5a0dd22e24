"""The plan against the claims: does it name claims that exist and settings that they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.plan import Plan
from mnstudy.cohort.study.study import Study
from mnstudy.verdicts.claims.own_claims import margin_problems, own_claims, own_problems
from mnstudy.verdicts.claims.registry import Claim, registry, with_own
from mnstudy.verdicts.claims.settings import SettingInput, bad, check_setting, forms, nearest


def check_plan(study: Study, claims: Mapping[str, Claim] | None = None) -> None:
    """Refuse a plan that names a claim or a setting that there is not.

    Parameters
    ----------
    study : Study
        Its plan is looked at.
    claims : mapping, optional
        Claims of the study file by id (see ``own_claims``); the registered ones are always known.

    Raises
    ------
    DataError
        ``plan.primary``, ``plan.family``, ``plan.margins`` or ``plan.thresholds`` name no claim, a
        margin lies on the wrong side of zero for the rule of its claim, or a threshold is no
        number setting of the analysis; all problems are listed.

    Examples
    --------
    >>> from mnstudy.cohort.study.plan import Plan
    >>> check_plan(Study(plan=Plan(primary=("more-sessions",), margins={"more-sessions": 3})))
    """
    problems = plan_problems(study, with_own(claims))
    ValidationReport(source="study.toml", rows=0, problems=tuple(problems)).raise_if_bad()


def check_study(study: Study) -> dict[str, Claim]:
    """Return the claims of a study file; every problem of these and of the plan at once.

    Raises
    ------
    DataError
        See ``own_claims`` and ``check_plan``.
    """
    broken = own_problems(study)
    if broken:
        # margins and thresholds of these claims are looked at once the claims can be read
        problems = (*broken, *plan_problems(study, registry()))
        ValidationReport(source="study.toml", rows=0, problems=problems).raise_if_bad()
    own = own_claims(study)
    check_plan(study, own)
    return own


def plan_in_words(study: Study, own: Mapping[str, Claim]) -> list[str]:
    """Return the plan of a study, and its own claims, as lines of text."""
    plan, known = study.plan, with_own(own)
    lines = [f"confidence level {fmt.level(plan.confidence_level)}"]
    for claim in (known[i] for i in plan.primary):
        margin = fmt.as_entered(plan.margin(claim.id, claim.margin))
        lines.append(f"primary: {claim.id}, margin {margin} {claim.unit} ({claim.rule})")
    if not plan.primary:
        lines.append("no primary claim declared: every result is post hoc")
    if len(plan.family_ids) > 1:
        lines.append(f"intervals that hold together: {', '.join(plan.family_ids)}")
    for claim_id, settings in plan.thresholds.items():
        given = ", ".join(f"{name} {fmt.as_entered(value)}" for name, value in settings.items())
        lines.append(f"threshold: {claim_id}, {given}")
    if plan.final_week is not None:
        lines.append(f"week of the final assessment: {fmt.as_entered(plan.final_week)}")
    lines += [f"claim of this study: {c.id}, tested by {c.estimand}" for c in own.values()]
    return [*lines, f"sha256 of the plan: {study.plan_sha256}"]


def plan_problems(study: Study, known: Mapping[str, Claim]) -> list[Problem]:
    """List what is wrong between a plan and the claims it may name."""
    plan = study.plan
    return [
        *_strangers(plan, [*known, *study.claims]),
        *_margins(plan, known),
        *(p for claim_id in plan.thresholds for p in _thresholds(study, claim_id, known)),
    ]


def _strangers(plan: Plan, known: Collection[str]) -> list[Problem]:
    named = [("plan.primary", i) for i in plan.primary]
    named += [("plan.family", i) for i in plan.family or ()]
    named += [(f"plan.margins.{i}", i) for i in plan.margins]
    named += [(f"plan.thresholds.{i}", i) for i in plan.thresholds]
    return [
        bad(key, i, "the id of a claim", nearest(i, known, "mnstudy claims lists them"))
        for key, i in named
        if i not in known
    ]


def _margins(plan: Plan, known: Mapping[str, Claim]) -> list[Problem]:
    return [
        problem
        for claim_id, margin in plan.margins.items()
        if claim_id in known
        for problem in margin_problems(f"plan.margins.{claim_id}", margin, known[claim_id].rule)
    ]


def _thresholds(study: Study, claim_id: str, known: Mapping[str, Claim]) -> list[Problem]:
    if claim_id not in known:
        return []
    claim, at = known[claim_id], f"plan.thresholds.{claim_id}"
    settings = forms()[claim.analysis].settings
    numbers = [s.name for s in settings.values() if s.kind == "number"]
    takes = f"{claim.analysis} has {', '.join(numbers) or 'none'}"
    asked = SettingInput(at=at, params=claim.params, known={**columns(), **study.measures})
    problems = []
    for name, value in study.plan.thresholds[claim_id].items():
        if name in numbers:
            problems += check_setting(value, settings[name], asked)
        else:
            rule = f"a setting that is a number; {takes}"
            problems.append(
                bad(f"{at}.{name}", value, rule, nearest(name, numbers, "leave it out"))
            )
    return problems
