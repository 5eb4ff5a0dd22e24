"""The value of one setting: is it of the kind its analysis takes, and a thing the sheet knows."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem
from mnstudy.verdicts.claims.settings import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
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


def number(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
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


def column(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
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


def events(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
    """Check a list of columns that hold true or false."""
    key = f"{asked.at}.{setting.name}"
    if not is_list_of(value, str):
        return [bad(key, value, "a list of columns in quotes", 'write it as ["infection"]')]
    return [p for name in value for p in _named_column(name, ["boolean"], key, asked.known)]


def levels(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
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


def flag(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
    """Check that a value is true or false."""
    key = f"{asked.at}.{setting.name}"
    fine = isinstance(value, bool)
    return [] if fine else [bad(key, value, "true or false", "write it without quotes")]


def word(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
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
