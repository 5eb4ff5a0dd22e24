"""What a study file declares of claims: claims of its own, and the plan that names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.verdicts.claims.check import claim_problems, plan_problems, usual_unit
from mnstudy.verdicts.claims.registry import OWN, Claim, registry, with_own
from mnstudy.verdicts.claims.settings import form_of

# The words of a title are the researcher's; these hold for every claim, whatever it says.
WORDING = {
    "uncontrolled": "the outcome was compared before and after, without a comparison group",
    "observational": "the outcome was compared between patients who were not assigned at random: "
    "an association",
    "randomised": "the outcome was compared under random assignment: a difference between what "
    "was assigned is an effect",
    "within": "the outcome was compared within the same patients, where time passes as well",
    "rate": "a rate or a level was compared with the stated limit",
}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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


def own_claims(study: Study) -> dict[str, Claim]:
    """Return the claims that the study file adds to the register.

    Parameters
    ----------
    study : Study
        ``study.claims`` holds the tables by id, ``study.measures`` the columns of the sheet that
        the contract does not know.

    Returns
    -------
    dict of str to Claim
        By id, in the order of the file; group ``own``, no articles.

    Raises
    ------
    DataError
        Anything is wrong in any of them; ``error.report`` lists all problems with the key of the
        study file, the value, the rule and the remedy.

    Notes
    -----
    A claim that is ``like`` a registered one takes over its analysis, rule, unit, margin and
    settings; a setting that is given replaces that of the registered claim as a whole. How a
    result may be put into words never comes from the title.

    Examples
    --------
    >>> pain = {"title": "Pain is mild", "like": "little-pain", "margin": 4}
    >>> own_claims(Study(claims={"mild-pain": pain}))["mild-pain"].columns
    ('pain_score',)
    """
    problems = own_problems(study)
    ValidationReport(source="study.toml", rows=0, problems=tuple(problems)).raise_if_bad()
    known = {**columns(), **study.measures}
    return {
        claim_id: replace(_claim(claim_id, raw, known), arms=study.arms)
        for claim_id, raw in study.claims.items()
    }


def own_problems(study: Study) -> list[Problem]:
    """List what is wrong in the claims of a study file."""
    known = {**columns(), **study.measures}
    return [
        problem
        for claim_id, raw in study.claims.items()
        for problem in (*_id_problems(claim_id), *claim_problems(f"claims.{claim_id}", raw, known))
    ]


def _id_problems(claim_id: str) -> list[Problem]:
    rule, remedy = "", ""
    if claim_id in registry():
        rule = "an id that no registered claim has"
        remedy = "choose another id, or set its margin under [plan.margins]"
    elif not _ID.fullmatch(claim_id):
        rule = "lower-case words joined by dashes"
        remedy = "choose another id, such as tca-beats-prp"
    if not rule:
        return []
    return [Problem(column=f"claims.{claim_id}", value=claim_id, rule=rule, remedy=remedy)]


def _claim(claim_id: str, raw: Mapping[str, Any], known: Mapping[str, ColumnSpec]) -> Claim:
    base = registry()[raw["like"]] if "like" in raw else None
    params = {**(base.params if base else {}), **raw.get("params", {})}
    form = form_of(raw["analysis"] if base is None else base.analysis, params)
    columns_needed = [*raw.get("columns", ()), *form.columns_for(params)]
    return Claim(
        id=claim_id,
        group=OWN,
        title=raw["title"],
        says=raw.get("says", raw["title"]),
        articles=(),
        phrases=base.phrases if base and params == base.params else form.estimand,
        own_words=raw.get("estimand", ""),
        analysis=form.analysis,
        columns=tuple(dict.fromkeys(columns_needed)),
        unit=raw.get("unit", usual_unit(form, params, known, base)),
        rule=raw["rule"] if base is None else raw.get("rule", base.rule),
        margin=raw["margin"] if base is None else raw.get("margin", base.margin),
        margin_source=raw.get("margin_source", _margin_source(raw, base)),
        wording=WORDING,
        params=params,
    )


def _margin_source(raw: Mapping[str, Any], base: Claim | None) -> str:
    taken_over = base is not None and "margin" not in raw
    return base.margin_source if base and taken_over else "declared in the study file"


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


def plan_in_words(study: Study, own: Mapping[str, Claim]) -> list[str]:
    """Return the plan of a study, and its own claims, as lines of text."""
    plan, known = study.plan, with_own(own)
    lines = [f"confidence level {fmt.level(plan.confidence_level)}"]
    for claim in (known[i] for i in plan.primary):
        margin = fmt.as_entered(plan.margin(claim.id, claim.margin))
        lines.append(f"primary: {claim.id}, margin {margin} {claim.unit} ({claim.rule})")
    if not plan.primary:
        lines.append("no primary claim declared: every result is exploratory")
    if len(plan.family_ids) > 1:
        lines.append(f"intervals that hold together: {', '.join(plan.family_ids)}")
    for claim_id, settings in plan.thresholds.items():
        given = ", ".join(f"{name} {fmt.as_entered(value)}" for name, value in settings.items())
        lines.append(f"threshold: {claim_id}, {given}")
    if plan.final_week is not None:
        lines.append(f"week of the final assessment: {fmt.as_entered(plan.final_week)}")
    lines += [f"claim of this study: {c.id}, tested by {c.estimand}" for c in own.values()]
    return [*lines, f"sha256 of the plan: {study.plan_sha256}"]
