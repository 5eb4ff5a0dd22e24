"""Measures of one's own: columns of the sheet that the contract does not know."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import Problem, key_problem

KINDS = ("number", "integer", "boolean")
_KEYS = ("kind", "unit", "low", "high", "meaning")
# columns that the analyses make themselves
_TAKEN = ("before", "change", "end", "late", "left", "right", "n_assessments", "later_unknown")
# the end _not and the depths are words of the arms of a claim
_NAME = re.compile(r"(?!needle_depth_)[a-z][a-z0-9_]*(?<!_not)")


def parse_measures(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, ColumnSpec]:
    """Turn a checked ``[measures]`` table into columns by name."""
    return {
        name: ColumnSpec(name=name, **{"kind": "number", **entry}) for name, entry in raw.items()
    }


def measure_problems(raw: Any) -> list[Problem]:
    """List what is wrong in a ``[measures]`` table."""
    if not isinstance(raw, dict):
        return [key_problem("measures", raw, "a table [measures.<column>] for each column")]
    return [p for name, entry in raw.items() for p in _problems(name, entry)]


def _problems(name: str, entry: Any) -> list[Problem]:
    key = f"measures.{name}"
    if name in columns() or name in _TAKEN:
        remedy = "leave it out, or give your measure another name"
        return [key_problem(key, name, "a name that mnstudy does not use itself", remedy)]
    problems = []
    if not _NAME.fullmatch(name):
        rule = "lower-case letters, digits and _, not ending in _not"
        problems.append(
            key_problem(key, name, rule, "choose another name, and map it under [columns]")
        )
    if not isinstance(entry, dict):
        return [*problems, key_problem(key, entry, "a table with " + ", ".join(_KEYS))]
    problems += [
        key_problem(f"{key}.{k}", v, "one of " + ", ".join(_KEYS), "leave it out")
        for k, v in entry.items()
        if k not in _KEYS
    ]
    return problems + _wrong_values(key, entry)


def _wrong_values(key: str, entry: Mapping[str, Any]) -> list[Problem]:
    kind = entry.get("kind", "number")
    problems = []
    if kind not in KINDS:
        problems.append(key_problem(f"{key}.kind", kind, "one of " + ", ".join(KINDS)))
    for text in ("meaning",) if kind == "boolean" else ("meaning", "unit"):
        if not isinstance(entry.get(text), str) or not entry[text].strip():
            what = "what was measured, and which way is better" if text == "meaning" else "its unit"
            problems.append(key_problem(f"{key}.{text}", entry.get(text, ""), f"{what}, in quotes"))
    return problems + _wrong_range(key, kind, entry)


def _wrong_range(key: str, kind: str, entry: Mapping[str, Any]) -> list[Problem]:
    if kind == "boolean":
        return [
            key_problem(f"{key}.{k}", entry[k], "none for true or false", "leave it out")
            for k in ("unit", "low", "high")
            if k in entry
        ]
    problems = [
        key_problem(f"{key}.{end}", entry.get(end, ""), "a number: the end of what is plausible")
        for end in ("low", "high")
        if not _is_number(entry.get(end))
    ]
    if not problems and entry["low"] >= entry["high"]:
        problems.append(
            key_problem(f"{key}.high", entry["high"], f"more than low ({entry['low']:g})")
        )
    return problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
