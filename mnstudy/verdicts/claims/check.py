"""What is wrong in the claims, settings and plan of a study file; every problem at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import Problem
from mnstudy.cohort.study.plan import Plan
from mnstudy.cohort.study.study import Study
from mnstudy.errors import nearest
from mnstudy.verdicts.claims.registry import RULES, Claim, registry
from mnstudy.verdicts.claims.settings import DEPTHS, Form, Setting, column_of, form_of, forms

KEYS = (
    "like", "title", "says", "analysis", "params", "columns", "unit", "rule", "margin",
    "margin_source", "estimand",
)  # fmt: skip
_TEXTS = ("title", "says", "unit", "margin_source", "estimand")
# where these are replaced, the unit of the registered claim no longer holds
_UNIT_FOLLOWS = ("outcome", "on", "percent", "before_after")
_KINDS = {
    "number": "numbers",
    "integer": "whole numbers",
    "boolean": "true or false",
    "category": "levels",
    "ordered": "levels in order",
    "text": "text",
    "id": "pseudonyms",
}
_KIND_WORDS = {
    "number": "a number",
    "column": "one column in quotes",
    "events": "a list of columns that hold true or false",
    "levels": "a list of words",
    "arm": "allowed words by column",
    "flag": "true or false",
    "word": "one of its words",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInput:
    """The settings of one claim: where they stand, and the columns that may be named."""

    at: str
    params: Mapping[str, Any]
    known: Mapping[str, ColumnSpec]

    def spec(self, of: str) -> ColumnSpec | None:
        """Return the column that a setting refers to, by its name or through another setting."""
        named = self.params.get(of)
        return self.known.get(named if isinstance(named, str) else of)


def bad(key: str, value: Any, rule: str, remedy: str) -> Problem:
    """Return a problem of the study file; ``key`` is the dotted key."""
    return Problem(column=key, value=str(value), rule=rule, remedy=remedy)


def is_number(value: object) -> bool:
    """Tell whether a value of the study file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_list_of(value: object, kind: type) -> bool:
    """Tell whether a value is a list, not empty, of one kind; true and false are no numbers."""
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(x, kind) and isinstance(x, bool) == (kind is bool) for x in value)


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
        problems += margin_problems(f"{at}.margin", margin, rule, raw.get("analysis"))
    elif "rule" in raw and base is not None and rule != base.rule:
        remedy = f"add margin = ... in the unit of the claim; {base.id} has {base.margin:g}"
        problems.append(bad(f"{at}.margin", "", f"a margin for the rule {rule}", remedy))
    return problems


def margin_problems(key: str, margin: Any, rule: Any, analysis: Any = "") -> list[Problem]:
    """Check that a margin is a number on the side of no effect where its rule has it."""
    if margin is None:
        return [bad(key, "", "a number in the unit of the claim", "add margin = ...")]
    if not is_number(margin):
        return [bad(key, margin, "a number", "write the number alone, without quotes")]
    null = forms()[analysis].null if analysis in [*forms()] else 0.0
    if null and not null <= margin < 1:
        rule = f"a chance from {null:g}, which is no difference, to below 1"
        return [bad(key, f"{margin:g}", rule, "write the chance worth having, such as 0.6")]
    if rule == "noninferiority" and margin > 0:
        remedy = f"write {-margin:g}: that much worse is still acceptable"
        return [bad(key, f"{margin:g}", "0 or below, as the rule is noninferiority", remedy)]
    if rule in ("superiority", "difference") and margin < 0:
        remedy = f"write {-margin:g}; for no worse than, the rule is noninferiority"
        return [bad(key, f"{margin:g}", f"0 or above, as the rule is {rule}", remedy)]
    return []


def _settings(
    at: str, raw: Mapping[str, Any], base: Claim | None, form: Form, known: Mapping[str, ColumnSpec]
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
    form = form_of(form.analysis, params)
    usual = usual_unit(form, params, known, base)
    return _unit_problems(f"{at}.unit", raw.get("unit"), form, usual)


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


def setting_problems(form: Form, asked: SettingInput) -> list[Problem]:
    """List what is wrong in the settings of a claim.

    Parameters
    ----------
    form : Form
        What the analysis takes.
    asked : SettingInput
        The settings with the key of the study file they stand under.

    Returns
    -------
    list of Problem
        An unknown, a missing and a wrong setting each name the key, the value, the rule and the
        remedy.
    """
    rule = f"a setting of {form.analysis} ({', '.join(form.settings) or 'none'})"
    problems = [
        bad(f"{asked.at}.{name}", value, rule, nearest(name, form.settings, "leave it out"))
        for name, value in asked.params.items()
        if name not in form.settings
    ]
    for name, setting in form.settings.items():
        if name in asked.params:
            problems += check_setting(asked.params[name], setting, asked)
        elif setting.required:
            rule = f"a setting that {form.analysis} needs: {_KIND_WORDS[setting.kind]}"
            problems.append(bad(f"{asked.at}.{name}", "", rule, f"add {name} = ..."))
    problems += _alone(form, asked)
    if not problems and {"treated", "reference"} <= set(asked.params):
        problems += shared_sites(asked)
    return problems


def _alone(form: Form, asked: SettingInput) -> list[Problem]:
    """List the settings that have no effect, for want of the one they belong together with."""
    pairs = [(s.name, s.together) for s in form.settings.values() if s.together]
    return [
        bad(f"{asked.at}.{one}", asked.params[one], f"together with {other}", f"add {other} = ...")
        for pair in pairs
        for one, other in (pair, pair[::-1])
        if one in asked.params and other not in asked.params and not form.settings[other].required
    ]


def check_setting(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """List what is wrong in the value of one setting."""
    return _CHECKS[setting.kind](f"{asked.at}.{setting.name}", value, setting, asked)


def number(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a number, in the range of the column it speaks of."""
    spec = asked.spec(setting.of)
    if not is_number(value):
        return [bad(key, value, "a number", "write the number alone, without quotes")]
    return outside(value, spec, key) if spec else []


def outside(value: float, spec: ColumnSpec, key: str) -> list[Problem]:
    """Return a problem where a number lies outside the range of a column."""
    if spec.low is None or spec.high is None or spec.low <= value <= spec.high:
        return []
    rule = f"in the range of {spec.name}: {spec.rule}"
    return [bad(key, f"{value:g}", rule, "give a value that can occur")]


def column(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check the name of one column that has to hold certain kinds of values."""
    if not isinstance(value, str):
        return [bad(key, value, "one column in quotes", 'write it as "pain_score"')]
    return _named_column(value, setting.holds, key, asked.known)


def _named_column(
    name: str, holds: Sequence[str], key: str, known: Mapping[str, ColumnSpec]
) -> list[Problem]:
    fitting = [c.name for c in known.values() if c.kind in holds]
    rule = f"a column of {' or '.join(_KINDS[k] for k in holds)}"
    if name not in known:
        otherwise = "see mnstudy.dictionary(), or declare it under [measures] in the study file"
        return [bad(key, name, rule, nearest(name, fitting, otherwise))]
    if name not in fitting:
        here = f"{rule}; {name} holds {_KINDS[known[name].kind]}"
        return [bad(key, name, here, "name another column")]
    return []


def events(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a list of columns that hold true or false."""
    if not is_list_of(value, str):
        return [bad(key, value, "a list of columns in quotes", 'write it as ["infection"]')]
    return [p for name in value for p in _named_column(name, ["boolean"], key, asked.known)]


def levels(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a list of levels of a column."""
    spec = asked.spec(setting.of)
    if not is_list_of(value, str):
        return [bad(key, value, "a list of words in quotes", 'write it as ["acne_rolling"]')]
    if spec is None:
        return []  # the column itself is the problem, and is named as one
    return strange_words(value, setting.words or spec.levels, spec.name, key)


def strange_words(
    value: Sequence[str], words: Sequence[str], column: str, key: str
) -> list[Problem]:
    """Return a problem for every word that is none of the words of a column."""
    rule = f"of {column}: {', '.join(words)}"
    return [
        bad(key, word, rule, nearest(word, words, "use one of these"))
        for word in value
        if word not in words
    ]


def flag(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check that a value is true or false."""
    fine = isinstance(value, bool)
    return [] if fine else [bad(key, value, "true or false", "write it without quotes")]


def word(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check that a value is one of a few words."""
    rule = "one of " + ", ".join(setting.words)
    remedy = nearest(value, setting.words, "use one of these words")
    fine = value in setting.words
    return [] if fine else [bad(key, value, rule, remedy)]


def arm(key: str, value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check the table of one arm."""
    if not isinstance(value, Mapping) or not value:
        remedy = 'write it as { treatment = ["needling"], adjunct = ["prp"] }'
        return [bad(key, value, "allowed words by column", remedy)]
    return [p for name, words in value.items() for p in _part(key, name, words, setting, asked)]


def _part(at: str, name: str, words: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    key = f"{at}.{name}"
    if name in DEPTHS and setting.depth:
        depth = Setting(name=name, kind="number", of="needle_depth_mm")
        return number(key, words, depth, asked)
    spec = asked.known.get(column_of(name))
    fitting = [c for c, s in asked.known.items() if s.kind != "number" and c != "patient_id"]
    if name in DEPTHS or spec is None or spec.name not in fitting:
        remedy = nearest(column_of(name), fitting, "see mnstudy.dictionary() for the columns")
        return [bad(key, words, "a column of words, or <column>_not to exclude them", remedy)]
    return _words(words, spec, key)


def _words(words: Any, spec: ColumnSpec, key: str) -> list[Problem]:
    kind = {"boolean": bool, "integer": int}.get(spec.kind, str)
    if not is_list_of(words, kind):
        return [bad(key, words, f"a list, each {spec.rule}", "put the words in [ ]")]
    if spec.levels:
        return strange_words(words, spec.levels, spec.name, key)
    return [p for w in words for p in outside(w, spec, key)] if spec.kind == "integer" else []


def shared_sites(asked: SettingInput) -> list[Problem]:
    """Return a problem where treated and reference are not apart: sites against themselves."""
    treated, reference = asked.params["treated"], asked.params["reference"]
    columns = {column_of(k) for k in (*treated, *reference) if k not in DEPTHS}
    if _apart_in_depth(treated, reference) or _apart_in_depth(reference, treated):
        return []
    if any(_apart(treated, reference, asked.known[c]) for c in columns):
        return []
    rule = "no site that is in treated as well"
    remedy = "let the two differ in a column, as adjunct and adjunct_not do"
    return [bad(f"{asked.at}.reference", dict(reference), rule, remedy)]


def _apart_in_depth(shallow: Mapping[str, Any], deep: Mapping[str, Any]) -> bool:
    least, most = deep.get("needle_depth_over"), shallow.get("needle_depth_at_most")
    return least is not None and most is not None and bool(most <= least)


def _apart(one: Mapping[str, Any], other: Mapping[str, Any], spec: ColumnSpec) -> bool:
    keys = (spec.name, f"{spec.name}_not")
    named = {word for arm in (one, other) for key in keys for word in arm.get(key, ())}
    every: set[object] = set(spec.levels) or {*named, object()}  # the object: any other word
    first, second = (
        set(arm.get(keys[0], every)) - set(arm.get(keys[1], ())) for arm in (one, other)
    )
    return not first & second


_CHECKS: dict[str, Callable[[str, Any, Setting, SettingInput], list[Problem]]] = {
    "number": number,
    "column": column,
    "events": events,
    "levels": levels,
    "arm": arm,
    "flag": flag,
    "word": word,
}


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
        for problem in margin_problems(
            f"plan.margins.{claim_id}", margin, known[claim_id].rule, known[claim_id].analysis
        )
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
            rule, remedy = (
                f"a setting that is a number; {takes}",
                nearest(name, numbers, "leave it out"),
            )
            problems.append(bad(f"{at}.{name}", value, rule, remedy))
    return problems
