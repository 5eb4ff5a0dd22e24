"""Claims of one's own: read from ``[claims.<id>]`` of the study file, checked like the register."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.verdicts.claims.own_claims_check import claim_problems, usual_unit
from mnstudy.verdicts.claims.registry import OWN, Claim, registry
from mnstudy.verdicts.claims.settings import forms

# The words of a title are the researcher's; these hold for every claim, whatever it says.
WORDING = {
    "uncontrolled": "the outcome was compared before and after, without a comparison group",
    "observational": "the outcome was compared between patients who were not assigned at random: "
    "an association",
    "randomised": "the outcome was compared under random assignment: a difference between what "
    "was assigned is an effect",
    "within": "the outcome was compared within the same patients, where time passes as well",
    "rate": "a rate or a level was held against the stated limit",
}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


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
    return {claim_id: _claim(claim_id, raw, known) for claim_id, raw in study.claims.items()}


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
    form = forms()[raw["analysis"] if base is None else base.analysis]
    params = {**(base.params if base else {}), **raw.get("params", {})}
    columns_needed = [*raw.get("columns", ()), *form.columns_for(params)]
    return Claim(
        id=claim_id,
        group=OWN,
        title=raw["title"],
        says=raw.get("says", raw["title"]),
        articles=(),
        estimand=raw.get("estimand", form.in_words(params)),
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
