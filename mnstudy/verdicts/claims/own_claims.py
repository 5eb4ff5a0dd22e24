"""Claims of one's own: read from ``[claims.<id>]`` of the study file, checked like the register.

What is wrong in one ``[claims.<id>]`` table of a study file; every problem at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.verdicts.claims.registry import OWN, RULES, Claim, registry
from mnstudy.verdicts.claims.settings import (
    Form,
    SettingInput,
    bad,
    forms,
    is_list_of,
    is_number,
    nearest,
    setting_problems,
)

KEYS = (
    "like", "title", "says", "analysis", "params", "columns", "unit", "rule", "margin",
    "margin_source", "estimand",
)  # fmt: skip
_TEXTS = ("title", "says", "unit", "margin_source", "estimand")
# where these are replaced, the unit of the registered claim no longer holds
_UNIT_FOLLOWS = ("outcome", "on", "percent", "before_after")


def claim_problems(at: str, raw: Any, known: Mapping[str, ColumnSpec]) -> list[Problem]:
    """List what is wrong in the table of one claim.

    Parameters
    ----------
    at : str
        The key of the table, as ``claims.my-claim``.
    raw : any
        What stands there.
    known : mapping
        Columns that may be named: those of the contract and the measures of the study.

    Returns
    -------
    list of Problem
    """
    if not isinstance(raw, Mapping):
        return [bad(at, raw, "a table", f"write it under [{at}]")]
    problems = [
        bad(f"{at}.{k}", v, "one of " + ", ".join(KEYS), nearest(k, KEYS, "leave it out"))
        for k, v in raw.items()
        if k not in KEYS
    ]
    problems += [*_texts(at, raw), *_columns(at, raw, known)]
    base, form, unclear = _form(at, raw)
    problems += unclear
    problems += _rule_and_margin(at, raw, base)
    if form is not None:
        problems += _settings(at, raw, base, form, known)
    return problems


def _texts(at: str, raw: Mapping[str, Any]) -> list[Problem]:
    problems = [
        bad(f"{at}.{key}", raw[key], "text in quotes", "write a few words")
        for key in _TEXTS
        if key in raw and not (isinstance(raw[key], str) and raw[key].strip())
    ]
    if "title" not in raw:
        problems.append(bad(f"{at}.title", "", "a title in quotes", 'add title = "..."'))
    return problems


def _columns(at: str, raw: Mapping[str, Any], known: Mapping[str, ColumnSpec]) -> list[Problem]:
    named = raw.get("columns", [])
    if not isinstance(named, list) or (named and not is_list_of(named, str)):
        return [bad(f"{at}.columns", named, "a list of columns in quotes", "put them in [ ]")]
    otherwise = "see mnstudy.dictionary(), or declare it under [measures]"
    return [
        bad(f"{at}.columns", name, "a column of the contract", nearest(name, known, otherwise))
        for name in named
        if name not in known
    ]


def _form(at: str, raw: Mapping[str, Any]) -> tuple[Claim | None, Form | None, list[Problem]]:
    """Return the registered claim it is like and what its analysis takes, where clear."""
    problems, base = [], None
    if "like" in raw:
        like = raw["like"]
        base = registry().get(like) if isinstance(like, str) else None
        if base is None:
            remedy = nearest(like, registry(), "mnstudy claims lists them")
            problems.append(bad(f"{at}.like", like, "the id of a registered claim", remedy))
    analysis = raw.get("analysis", base.analysis if base else "")
    form = forms().get(analysis) if isinstance(analysis, str) else None
    if base is not None and analysis != base.analysis:
        rule = f"the analysis of {base.id}: {base.analysis}"
        problems.append(bad(f"{at}.analysis", analysis, rule, "leave out analysis, or like"))
        form = None
    elif form is None and ("analysis" in raw or "like" not in raw):
        remedy = nearest(analysis, forms(), f'add analysis = "{next(iter(forms()))}"')
        rule = "one of " + ", ".join(forms())
        problems.append(bad(f"{at}.analysis", analysis, rule, remedy))
    return base, form, problems


def _rule_and_margin(at: str, raw: Mapping[str, Any], base: Claim | None) -> list[Problem]:
    optional = "like" in raw
    rule = raw.get("rule", base.rule if base else None)
    margin = raw.get("margin", base.margin if base else None)
    problems = []
    if rule not in RULES and ("rule" in raw or not optional):
        remedy = nearest(rule, RULES, 'add rule = "superiority"')
        problems.append(bad(f"{at}.rule", rule or "", "one of " + ", ".join(RULES), remedy))
    if "margin" in raw or not optional:
        problems += margin_problems(f"{at}.margin", margin, rule)
    elif "rule" in raw and base is not None and rule != base.rule:
        remedy = f"add margin = ... in the unit of the claim; {base.id} has {base.margin:g}"
        problems.append(bad(f"{at}.margin", "", f"a margin for the rule {rule}", remedy))
    return problems


def margin_problems(key: str, margin: Any, rule: Any) -> list[Problem]:
    """Check that a margin is a number on the side of zero where its rule has it."""
    if margin is None:
        return [bad(key, "", "a number in the unit of the claim", "add margin = ...")]
    if not is_number(margin):
        return [bad(key, margin, "a number", "write the number alone, without quotes")]
    if rule == "noninferiority" and margin > 0:
        remedy = f"write {-margin:g}: that much worse is still acceptable"
        return [bad(key, f"{margin:g}", "0 or below, as the rule is noninferiority", remedy)]
    if rule in ("superiority", "difference") and margin < 0:
        remedy = f"write {-margin:g}; for no worse than, the rule is noninferiority"
        return [bad(key, f"{margin:g}", f"0 or above, as the rule is {rule}", remedy)]
    return []


def _settings(
    at: str,
    raw: Mapping[str, Any],
    base: Claim | None,
    form: Form,
    known: Mapping[str, ColumnSpec],
) -> list[Problem]:
    own = raw.get("params", {})
    if not isinstance(own, Mapping):
        return [bad(f"{at}.params", own, "a table of settings", f"write [{at}.params]")]
    params = {**(base.params if base else {}), **own}
    problems = setting_problems(form, SettingInput(at=f"{at}.params", params=params, known=known))
    rule, fitting = raw.get("rule", base.rule if base else None), _fitting_rules(form, params)
    if rule in RULES and rule not in fitting:
        what = f"{form.analysis} is judged by {' or '.join(fitting)}"
        problems.append(bad(f"{at}.rule", rule, what, "use one of these"))
    if problems:
        return problems
    return _unit_problems(
        f"{at}.unit", raw.get("unit"), form, usual_unit(form, params, known, base)
    )


def _fitting_rules(form: Form, params: Mapping[str, Any]) -> tuple[str, ...]:
    return RULES if params.get("before_after") is True else form.rules


def _unit_problems(key: str, unit: Any, form: Form, usual: str) -> list[Problem]:
    if unit is None and not usual:
        return [bad(key, "", "the unit of the slope", 'add unit = "points per week" or the like')]
    if unit is not None and form.unit and unit != form.unit:
        rule = f"{form.unit}: {form.analysis} answers in no other unit"
        return [bad(key, unit, rule, "leave unit out, and give the margin in this unit")]
    return []


def usual_unit(
    form: Form, params: Mapping[str, Any], known: Mapping[str, ColumnSpec], base: Claim | None
) -> str:
    """Return the unit of a claim that names none; empty where it has to be named."""
    if form.unit:
        return form.unit
    if base is not None and all(params.get(k) == base.params.get(k) for k in _UNIT_FOLLOWS):
        return base.unit
    if form.analysis == "slope":
        return ""
    outcome = known[params["outcome"]]
    return "percent of baseline" if params.get("percent") else outcome.unit or "points"


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
