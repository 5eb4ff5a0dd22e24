"""The study file: what a table cannot say about itself (design, blinding, plan, limits, truth)."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnstudy.cohort.problems import Problem, ValidationReport, fail

DESIGNS = ("single_arm", "parallel", "split_body", "registry")
ASSESSORS = ("blinded", "unblinded", "self", "unclear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was decided before looking: everything else is post hoc.

    Attributes
    ----------
    primary : tuple of str
        Ids of the primary claims: the family that shares the error rate.
    confidence_level : float
        Level of every interval, 0.95 by default.
    margins : mapping
        Claim id to the smallest difference worth having, in the unit of the claim.
    """

    primary: tuple[str, ...] = ()
    confidence_level: float = 0.95
    margins: Mapping[str, float] = field(default_factory=dict)

    def margin(self, claim_id: str, usual: float) -> float:
        """Return the declared margin of a claim, or the usual one where none is declared."""
        return self.margins.get(claim_id, usual)

    @property
    def sha256(self) -> str:
        """Fingerprint of the plan; it goes into every result."""
        content = [list(self.primary), self.confidence_level, dict(sorted(self.margins.items()))]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A weakness of the data that verdicts have to respect.

    Attributes
    ----------
    scope : str
        ``all`` (said wherever the data are shown), ``between_groups`` (differences between arms,
        types or doses are confounded), ``pairs`` (pairing is lost) or the name of a column that
        cannot be analysed.
    says : str
        The sentence shown to the reader.
    """

    scope: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Declared design of a study, its plan and its limits; read from ``study.toml``."""

    title: str = "untitled"
    design: str = "single_arm"
    design_declared: bool = False
    randomised: bool = False
    assessor: str = "unclear"
    synthetic: bool = False
    licence: str = ""
    source: str = ""
    file: str = ""
    delimiter: str = ","
    cluster: str = "patient_id"
    columns: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    selection: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    truth: Mapping[str, Any] = field(default_factory=dict)

    def limit(self, scope: str) -> Limit | None:
        """Return the first limit of that scope, or None."""
        return next((x for x in self.limits if x.scope == scope), None)


_PLAIN = {
    "title": str,
    "design": str,
    "randomised": bool,
    "assessor": str,
    "synthetic": bool,
    "licence": str,
    "source": str,
    "file": str,
    "delimiter": str,
    "cluster": str,
    "columns": dict,
    "levels": dict,
    "units": dict,
    "selection": dict,
    "truth": dict,
}
_WORDS = {"design": DESIGNS, "assessor": ASSESSORS, "cluster": ("patient_id", "clinic_id")}


def read_study(path: Path) -> Study:
    """Read a ``study.toml``.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Study

    Raises
    ------
    DataError
        The file is not TOML, a key is unknown, or a value is not one that is allowed; all
        problems are listed.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = "mend the line named here"
        fail(path.name, Problem(rule="a TOML file", value=str(error), remedy=remedy))
    return parse_study(raw, source=path.name)


def parse_study(raw: Mapping[str, Any], *, source: str) -> Study:
    """Turn the content of a study file into a ``Study``; all problems are raised at once."""
    problems = [*_unknown_keys(raw), *_wrong_values(raw), *_plan_problems(raw.get("plan", {}))]
    problems += _limit_problems(raw.get("limits", []))
    ValidationReport(source=source, rows=0, problems=tuple(problems)).raise_if_bad()
    plain = {key: raw[key] for key in _PLAIN if key in raw}
    return Study(
        **plain,
        design_declared="design" in raw,
        plan=_plan(raw.get("plan", {})),
        limits=tuple(Limit(**x) for x in raw.get("limits", [])),
    )


def _plan(raw: Mapping[str, Any]) -> Plan:
    return Plan(
        primary=tuple(raw.get("primary", ())),
        confidence_level=float(raw.get("confidence_level", 0.95)),
        margins={k: float(v) for k, v in raw.get("margins", {}).items()},
    )


def _unknown_keys(raw: Mapping[str, Any]) -> list[Problem]:
    known = [*_PLAIN, "plan", "limits"]
    return [
        Problem(column=key, rule="a known key", remedy=f"known keys: {', '.join(known)}")
        for key in raw
        if key not in known
    ]


def _wrong_values(raw: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for key, kind in _PLAIN.items():
        if key in raw and not isinstance(raw[key], kind):
            names = {str: "text in quotes", bool: "true or false", dict: "a [table]"}
            problems.append(_bad(key, raw[key], names[kind]))
        elif key in _WORDS and raw.get(key, _WORDS[key][0]) not in _WORDS[key]:
            problems.append(_bad(key, raw[key], "one of " + ", ".join(_WORDS[key])))
    return problems


def _bad(key: str, value: Any, rule: str) -> Problem:
    return Problem(column=key, value=str(value), rule=rule, remedy="correct it in the study file")


def _plan_problems(raw: Any) -> list[Problem]:
    if not isinstance(raw, dict):
        return [_bad("plan", raw, "a [plan] table")]
    problems = [
        _bad(f"plan.{key}", raw[key], "one of primary, confidence_level, margins")
        for key in raw
        if key not in ("primary", "confidence_level", "margins")
    ]
    level = raw.get("confidence_level", 0.95)
    if not isinstance(level, float) or not 0.5 < level < 1:
        problems.append(_bad("plan.confidence_level", level, "a number between 0.5 and 1"))
    primary = raw.get("primary", [])
    if not isinstance(primary, list) or not all(isinstance(x, str) for x in primary):
        problems.append(_bad("plan.primary", primary, "a list of claim ids in quotes"))
    margins = raw.get("margins", {})
    numbers = isinstance(margins, dict) and all(
        isinstance(x, int | float) and not isinstance(x, bool) for x in margins.values()
    )
    if not numbers:
        problems.append(_bad("plan.margins", margins, "claim id = number"))
    return problems


def _limit_problems(raw: Any) -> list[Problem]:
    good = isinstance(raw, list) and all(
        isinstance(x, dict) and set(x) == {"scope", "says"} for x in raw
    )
    return [] if good else [_bad("limits", raw, "[[limits]] with scope and says")]
