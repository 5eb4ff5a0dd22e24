"""What each analysis estimates and which settings it takes, read from ``settings.toml``.

The value of one setting: is it of the kind its analysis takes, and a thing the sheet knows.

Hold the settings of a claim against what its analysis takes; every problem at once.

The arms of a comparison: allowed words by column; two arms never share a site.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem

DEPTHS = {"needle_depth_at_most": "up to", "needle_depth_over": "over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of an analysis; the attributes are explained in ``settings.toml``."""

    name: str
    kind: str
    required: bool = False
    of: str = ""
    holds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    default: str = ""
    depth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an analysis estimates, and the settings it takes by name.

    ``unit`` is empty where it follows from the outcome or has to be given.
    """

    analysis: str
    estimand: str
    unit: str = ""
    rules: tuple[str, ...]
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def columns_for(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return every column the analysis cannot do without under these settings."""
        named = [c for s in self.settings.values() for c in _columns_of(s, params)]
        return tuple(dict.fromkeys([*self.columns, *named]))

    def in_words(self, params: Mapping[str, Any]) -> str:
        """Write the estimand with its settings; their order in the study file does not matter."""
        given = [
            f"{name.replace('_', ' ')}: {_in_words(params[name])}"
            for name in self.settings
            if name in params
        ]
        return "; ".join([self.estimand, *given])


@cache
def forms() -> Mapping[str, Form]:
    """Return what every analysis takes, by its name.

    Examples
    --------
    >>> list(forms()["share"].settings)
    ['outcome', 'at_least']
    """
    place = resources.files("mnstudy.verdicts.claims").joinpath("settings.toml")
    raw = tomllib.loads(place.read_text("utf-8"))
    return {analysis: _form(analysis, entry) for analysis, entry in raw.items()}


def _form(analysis: str, raw: Mapping[str, Any]) -> Form:
    settings = {n: Setting(name=n, **_tuples(s)) for n, s in raw["settings"].items()}
    return Form(analysis=analysis, **{**_tuples(raw), "settings": settings})


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}


def _columns_of(setting: Setting, params: Mapping[str, Any]) -> Iterator[str]:
    """Name the columns that one setting speaks of."""
    value = params.get(setting.name, setting.default)
    if not value:
        return
    if setting.kind == "column":
        yield value
    elif setting.kind == "events":
        yield from value
    elif setting.kind == "levels" and setting.of not in params:
        yield setting.of
    elif setting.kind == "arm":
        # a sheet without the column has no adjuncts, so that "none" needs no column
        free = value.get("adjunct") in (["none"], ("none",))
        yield from (column_of(key) for key in sorted(value) if key != "adjunct" or not free)


def column_of(key: str) -> str:
    """Return the column that a key of an arm speaks of."""
    return "needle_depth_mm" if key in DEPTHS else key.removesuffix("_not")


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_arm_in_words(key, value[key]) for key in sorted(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " or ".join(_in_words(word) for word in value)
    return f"{value:.10g}" if isinstance(value, int | float) else str(value).replace("_", " ")


def _arm_in_words(key: str, words: Any) -> str:
    if key in DEPTHS:
        return f"needle depth {DEPTHS[key]} {words:g} mm"
    negated = "not " if key.endswith("_not") else ""
    return f"{column_of(key).replace('_', ' ')} {negated}{_in_words(words)}"


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


def nearest(word: object, known: Collection[str], otherwise: str) -> str:
    """Offer the nearest known words, or say what else to do."""
    near = difflib.get_close_matches(str(word), list(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def is_number(value: object) -> bool:
    """Tell whether a value of the study file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_list_of(value: object, kind: type) -> bool:
    """Tell whether a value is a list, not empty, of one kind; true and false are no numbers."""
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(x, kind) and isinstance(x, bool) == (kind is bool) for x in value)


def number(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a number, in the range of the column it speaks of."""
    key, spec = f"{asked.at}.{setting.name}", asked.spec(setting.of)
    if not is_number(value):
        return [bad(key, value, "a number", "write the number alone, without quotes")]
    return outside(value, spec, key) if spec else []


def outside(value: float, spec: ColumnSpec, key: str) -> list[Problem]:
    """Return a problem where a number lies outside the range of a column."""
    if spec.low is None or spec.high is None or spec.low <= value <= spec.high:
        return []
    rule = f"in the range of {spec.name}: {spec.rule}"
    return [bad(key, f"{value:g}", rule, "give a value that can occur")]


def column(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check the name of one column that has to hold certain kinds of values."""
    key = f"{asked.at}.{setting.name}"
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


def events(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a list of columns that hold true or false."""
    key = f"{asked.at}.{setting.name}"
    if not is_list_of(value, str):
        return [bad(key, value, "a list of columns in quotes", 'write it as ["infection"]')]
    return [p for name in value for p in _named_column(name, ["boolean"], key, asked.known)]


def levels(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check a list of levels of a column."""
    key, spec = f"{asked.at}.{setting.name}", asked.spec(setting.of)
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


def flag(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check that a value is true or false."""
    key = f"{asked.at}.{setting.name}"
    fine = isinstance(value, bool)
    return [] if fine else [bad(key, value, "true or false", "write it without quotes")]


def word(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check that a value is one of a few words."""
    rule = "one of " + ", ".join(setting.words)
    remedy = nearest(value, setting.words, "use one of these words")
    fine = value in setting.words
    return [] if fine else [bad(f"{asked.at}.{setting.name}", value, rule, remedy)]


_KINDS = {
    "number": "numbers",
    "integer": "whole numbers",
    "boolean": "true or false",
    "category": "levels",
    "ordered": "levels in order",
    "text": "text",
    "id": "pseudonyms",
}


def arm(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """Check the table of one arm."""
    if not isinstance(value, Mapping) or not value:
        remedy = 'write it as { treatment = ["needling"], adjunct = ["prp"] }'
        return [bad(f"{asked.at}.{setting.name}", value, "allowed words by column", remedy)]
    return [p for name, words in value.items() for p in _part(name, words, setting, asked)]


def _part(name: str, words: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    key = f"{asked.at}.{setting.name}.{name}"
    if name in DEPTHS and setting.depth:
        depth = Setting(name=f"{setting.name}.{name}", kind="number", of="needle_depth_mm")
        return number(words, depth, asked)
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


def setting_problems(form: Form, asked: SettingInput) -> list[Problem]:
    """List what is wrong in the settings of a claim.

    Parameters
    ----------
    form : Form
        What the analysis takes.
    asked : Asked
        The settings with the key of the study file they stand under.

    Returns
    -------
    list of Problem
        An unknown, a missing and a wrong setting each name the key, the value, the rule and the
        remedy.
    """
    takes = ", ".join(form.settings) or "none"
    problems = [
        bad(
            f"{asked.at}.{name}",
            value,
            f"a setting of {form.analysis} ({takes})",
            nearest(name, form.settings, "leave it out"),
        )
        for name, value in asked.params.items()
        if name not in form.settings
    ]
    for name, setting in form.settings.items():
        if name in asked.params:
            problems += check_setting(asked.params[name], setting, asked)
        elif setting.required:
            rule = f"a setting that {form.analysis} needs: {_KIND_WORDS[setting.kind]}"
            problems.append(bad(f"{asked.at}.{name}", "", rule, f"add {name} = ..."))
    if not problems and {"treated", "reference"} <= set(form.settings):
        problems += shared_sites(asked)
    return problems


def check_setting(value: Any, setting: Setting, asked: SettingInput) -> list[Problem]:
    """List what is wrong in the value of one setting."""
    return _CHECKS[setting.kind](value, setting, asked)


_CHECKS: dict[str, Callable[[Any, Setting, SettingInput], list[Problem]]] = {
    "number": number,
    "column": column,
    "events": events,
    "levels": levels,
    "arm": arm,
    "flag": flag,
    "word": word,
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
