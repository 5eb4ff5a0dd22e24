"""The arms of a comparison: allowed words by column; two arms never share a site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem
from mnstudy.verdicts.claims.settings import DEPTHS, Setting, column_of
from mnstudy.verdicts.claims.settings_values import (
    Asked,
    bad,
    is_list_of,
    nearest,
    number,
    outside,
    strange_words,
)


def arm(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
    """Check the table of one arm."""
    if not isinstance(value, Mapping) or not value:
        remedy = 'write it as { treatment = ["needling"], adjunct = ["prp"] }'
        return [bad(f"{asked.at}.{setting.name}", value, "allowed words by column", remedy)]
    return [p for name, words in value.items() for p in _part(name, words, setting, asked)]


def _part(name: str, words: Any, setting: Setting, asked: Asked) -> list[Problem]:
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


def shared_sites(asked: Asked) -> list[Problem]:
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
