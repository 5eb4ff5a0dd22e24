"""The study file: what a table cannot say about itself.

Design, blinding, plan, limits, truth, and measures of its own: columns of the sheet that the
contract does not know.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnstudy.cohort.schema.columns import ColumnSpec, columns, known_units
from mnstudy.cohort.schema.problems import Problem, ValidationReport, fail, key_problem
from mnstudy.cohort.study.design import ARMS
from mnstudy.cohort.study.plan import (
    Plan,
    PowerAssumptions,
    parse_plan,
    parse_power,
    plan_problems,
    power_problems,
)
from mnstudy.cohort.study.reading import KEYS, Reading, parse_reading, reading_problems
from mnstudy.cohort.study.selection import selection_problems

MEASURE_KINDS = ("number", "integer", "boolean")
_MEASURE_KEYS = ("kind", "unit", "low", "high", "meaning")
# columns that the analyses make themselves
_TAKEN = ("before", "change", "end", "late", "left", "right", "n_assessments", "later_unknown")
# the end _not and the depths are words of the arms of a claim
_MEASURE_NAME = re.compile(r"(?!needle_depth_)[a-z][a-z0-9_]*(?<!_not)")
DESIGNS = ("single_arm", "parallel", "split_body", "crossover", "registry")
ASSESSORS = ("blinded", "unblinded", "self", "unclear")
_PLAIN = {
    "title": str, "period": str, "design": str, "randomised": bool, "randomised_by": list,
    "assessor": str, "synthetic": bool, "licence": str, "source": str, "file": str,
    "cluster": str, "columns": dict, "levels": dict, "units": dict, "selection": dict,
    "claims": dict, "specifications": dict, "truth": dict, "carry_over": bool, "arms": dict,
    "public": bool, "public_because": str, "release": dict,
}  # fmt: skip
_KINDS = {str: "text in quotes", bool: "true or false", dict: "a [table]", list: "a [list]"}
_WORDS = {"design": DESIGNS, "assessor": ASSESSORS, "cluster": ("patient_id", "clinic_id")}


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
    """Declared design of a study, its plan and its limits; read from ``study.toml``.

    ``period`` says when patients were seen, in years or months; ``design_declared`` is false where
    the design was inferred from the table. ``claims`` are the researcher's own, by id, as the
    tables of the study file; ``measures`` are columns of her sheet that the contract does not
    know, by name; ``selection`` says how the patients were chosen; ``randomised_by`` names the
    columns that chance decided, treatment and topical when empty; ``carry_over`` says whether one
    side, or period, may have acted on the other, None where nothing is declared; ``double_blind``
    that neither raters nor patients knew the treatment; ``power`` is what is assumed of a study to
    come; ``arms`` are names of one's own for treatments and topicals, by the word of the contract;
    ``public`` that every row of the table was published before, and ``public_because`` where;
    ``release`` makes the rules of a release stricter; ``reading`` says how the sheet is read.
    """

    title: str = ""
    period: str = ""
    design: str = "single_arm"
    design_declared: bool = False
    randomised: bool = False
    randomised_by: Sequence[str] = ()
    assessor: str = "unclear"
    double_blind: bool = False
    arms: Mapping[str, str] = field(default_factory=dict)
    carry_over: bool | None = None
    synthetic: bool = False
    licence: str = ""
    source: str = ""
    public: bool = False
    public_because: str = ""
    release: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    reading: Reading = field(default_factory=Reading)
    cluster: str = "patient_id"
    columns: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    power: PowerAssumptions | None = None
    selection: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measures: Mapping[str, ColumnSpec] = field(default_factory=dict)
    specifications: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    truth: Mapping[str, Any] = field(default_factory=dict)

    @property
    def allocation(self) -> str:
        """The design in words, and whether chance decided."""
        design = self.design.replace("_", " ") + ("" if self.design_declared else " (inferred)")
        return f"{design}, {'' if self.randomised else 'not '}randomised"

    @property
    def within_patients(self) -> bool:
        """True where a patient gets both treatments: on two sites, or one after the other."""
        return self.design in ("split_body", "crossover")

    @property
    def plan_sha256(self) -> str:
        """Fingerprint of the plan and of the study's own claims; it goes into every result."""
        if not self.claims:
            return self.plan.sha256
        own = json.dumps({"plan": self.plan.sha256, "claims": self.claims}, sort_keys=True)
        return hashlib.sha256(own.encode()).hexdigest()

    def limit(self, scope: str) -> Limit | None:
        """Return the first limit of that scope, or None."""
        return next((x for x in self.limits if x.scope == scope), None)


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
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, too deep, too long
        remedy = (
            "mend that line (a text stands in quotes, a number has a point, a table comes once)"
        )
        fail(path.name, Problem(rule="a TOML file", remedy=f"{error}: {remedy}"))
    return parse_study(raw, source=path.name)


def parse_study(raw: Mapping[str, Any], *, source: str) -> Study:
    """Turn the content of a study file into a ``Study``; all problems are raised at once."""
    problems = [*_unknown_keys(raw), *_wrong_values(raw), *plan_problems(raw.get("plan", {}))]
    problems += [*power_problems(raw.get("power", {})), *_measure_problems(raw.get("measures", {}))]
    problems += selection_problems(raw.get("selection", {}), raw.get("measures", {}))
    problems += [*_limit_problems(raw.get("limits", [])), *reading_problems(raw)]
    problems += [*_column_problems(raw), *_unit_problems(raw), *_level_problems(raw)]
    ValidationReport(source=source, rows=0, problems=tuple(problems)).raise_if_bad()
    plain = {key: raw[key] for key in _PLAIN if key in raw}
    if "blinded" in raw:  # the short way to say who rated
        plain.setdefault("assessor", "blinded" if raw["blinded"] else "unblinded")
    return Study(
        **plain,
        design_declared="design" in raw,
        double_blind=raw.get("blinded") == "double",
        measures=_parse_measures(raw.get("measures", {})),
        plan=parse_plan(raw.get("plan", {})),
        power=parse_power(raw.get("power", {})),
        limits=tuple(Limit(**x) for x in raw.get("limits", [])),
        reading=parse_reading(raw),
    )


def _unknown_keys(raw: Mapping[str, Any]) -> list[Problem]:
    known = [*_PLAIN, *KEYS, "blinded", "measures", "plan", "power", "limits"]
    return [
        Problem(column=key, rule="a known key", remedy=f"known keys: {', '.join(known)}")
        for key in raw
        if key not in known
    ]


def _wrong_values(raw: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for key, kind in _PLAIN.items():
        if key in raw and not isinstance(raw[key], kind):
            problems.append(key_problem(key, raw[key], _KINDS[kind]))
        elif key in _WORDS and raw.get(key, _WORDS[key][0]) not in _WORDS[key]:
            problems.append(key_problem(key, raw[key], "one of " + ", ".join(_WORDS[key])))
    problems += [*_blinding_problems(raw), *_chance_problems(raw), *_arm_problems(raw)]
    return [*problems, *_public_problems(raw)]


def _public_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List where data are called published without a word on where, or the other way round."""
    why = raw.get("public_because", "")
    if raw.get("public") is True and not (isinstance(why, str) and why.strip()):
        return [key_problem("public_because", why, "where the rows were published, in quotes")]
    if why and raw.get("public") is not True:
        remedy = "write public = true, or leave it out"
        return [key_problem("public_because", why, "empty unless public = true", remedy)]
    return []


def _arm_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List names of arms that name nothing, or that two arms would have."""
    arms = raw.get("arms", {})
    if not isinstance(arms, dict):
        return []  # that it is no table is said with the other keys of the study file
    words = [w for column in ARMS for w in columns()[column].levels if w != "none"]
    unknown = [k for k in arms if k not in words]
    problems = [key_problem(f"arms.{k}", arms[k], "one of " + ", ".join(words)) for k in unknown]
    for word, name in arms.items():
        taken = {*words, *(n for k, n in arms.items() if k != word and isinstance(n, str))} - {word}
        if not isinstance(name, str) or not name.strip() or name in taken:
            rule = "a name in quotes, that of no other arm"
            problems.append(key_problem(f"arms.{word}", name, rule))
    return problems


def _own_columns(raw: Mapping[str, Any]) -> set[str]:
    """Return every column that a sheet of this study may have: the contract's and its own."""
    own = raw.get("measures", {})
    return {*columns(), *(own if isinstance(own, dict) else ())}


def _column_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List headings that are given no column of the contract, or one that two would have."""
    named = raw.get("columns", {})
    if not isinstance(named, dict):
        return []
    problems = [
        key_problem(f"columns.{heading}", name, "the name of a column, in quotes")
        for heading, name in named.items()
        if not isinstance(name, str) or not name.strip()
    ]
    given = [str(name) for name in named.values()]
    return problems + [
        key_problem("columns", name, "one heading for a column")
        for name in sorted(set(given))
        if given.count(name) > 1
    ]


def _unit_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List units that are not known, or given for a column that has none."""
    units = raw.get("units", {})
    if not isinstance(units, dict):
        return []
    problems = []
    for name, unit in units.items():
        known = known_units(name)
        if name not in _own_columns(raw):
            problems.append(key_problem(f"units.{name}", unit, "a column of the contract"))
        elif not known:
            rule, remedy = "a column with a unit", "leave it out: this one has none"
            problems.append(key_problem(f"units.{name}", unit, rule, remedy))
        elif not isinstance(unit, str) or unit not in known:
            problems.append(key_problem(f"units.{name}", unit, "one of " + ", ".join(known)))
    return problems


def _level_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List words of the sheet that are given a meaning that their column cannot have."""
    levels, problems = raw.get("levels", {}), []
    if not isinstance(levels, dict):
        return []
    for name, words in levels.items():
        if name not in _own_columns(raw):
            problems.append(key_problem(f"levels.{name}", "", "a column of the contract"))
        elif not isinstance(words, dict):
            problems.append(key_problem(f"levels.{name}", words, "a table of words and meanings"))
        elif name in columns():
            problems += [
                key_problem(f"levels.{name}.{word}", value, columns()[name].own_word_rule)
                for word, value in words.items()
                if not columns()[name].takes(value)
            ]
    return problems


def _chance_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """List where what is said of randomisation cannot be."""
    problems = []
    if raw.get("randomised") is True and raw.get("design") == "single_arm":
        problems.append(key_problem("randomised", "true", "false where there is a single arm"))
    by = raw.get("randomised_by", [])
    unknown = [str(x) for x in by if str(x) not in columns()] if isinstance(by, list) else []
    if unknown:
        problems.append(key_problem("randomised_by", ", ".join(unknown), "columns of the contract"))
    if by and not raw.get("randomised"):
        problems.append(key_problem("randomised_by", str(by), "empty unless randomised = true"))
    return problems


def _blinding_problems(raw: Mapping[str, Any]) -> list[Problem]:
    blinded = raw.get("blinded")
    if blinded is None:
        return []
    if not isinstance(blinded, bool) and blinded != "double":
        return [key_problem("blinded", blinded, 'true, false, or "double"')]
    if blinded == "double" and raw.get("design") == "single_arm":
        return [key_problem("blinded", blinded, "true or false where there is a single arm")]
    assessor = raw.get("assessor", "blinded" if blinded else "unblinded")
    fitting = {"double": ("blinded", "self"), True: ("blinded",)}
    if assessor in fitting.get(blinded, ("unblinded", "self", "unclear")):
        return []
    remedy = "change one of the two"
    if assessor == "self":
        remedy = 'write blinded = "double" where the patients did not know their treatment'
    return [key_problem("blinded", blinded, f'what assessor = "{assessor}" says', remedy)]


def _limit_problems(raw: Any) -> list[Problem]:
    good = isinstance(raw, list) and all(
        isinstance(x, dict) and set(x) == {"scope", "says"} for x in raw
    )
    return [] if good else [key_problem("limits", raw, "[[limits]] with scope and says")]


def _parse_measures(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, ColumnSpec]:
    """Turn a checked ``[measures]`` table into columns by name."""
    return {
        name: ColumnSpec(name=name, **{"kind": "number", **entry}) for name, entry in raw.items()
    }


def _measure_problems(raw: Any) -> list[Problem]:
    """List what is wrong in a ``[measures]`` table."""
    if not isinstance(raw, dict):
        return [key_problem("measures", raw, "a table [measures.<column>] for each column")]
    return [p for name, entry in raw.items() for p in _wrong_measure(name, entry)]


def _wrong_measure(name: str, entry: Any) -> list[Problem]:
    key = f"measures.{name}"
    if name in columns() or name in _TAKEN:
        remedy = "leave it out, or give your measure another name"
        return [key_problem(key, name, "a name that mnstudy does not use itself", remedy)]
    problems = []
    if not _MEASURE_NAME.fullmatch(name):
        rule = "lower-case letters, digits and _, not ending in _not"
        remedy = "choose another name, and map it under [columns]"
        problems.append(key_problem(key, name, rule, remedy))
    if not isinstance(entry, dict):
        return [*problems, key_problem(key, entry, "a table with " + ", ".join(_MEASURE_KEYS))]
    problems += [
        key_problem(f"{key}.{k}", v, "one of " + ", ".join(_MEASURE_KEYS), "leave it out")
        for k, v in entry.items()
        if k not in _MEASURE_KEYS
    ]
    return problems + _wrong_entry(key, entry)


def _wrong_entry(key: str, entry: Mapping[str, Any]) -> list[Problem]:
    kind = entry.get("kind", "number")
    problems = []
    if kind not in MEASURE_KINDS:
        problems.append(key_problem(f"{key}.kind", kind, "one of " + ", ".join(MEASURE_KINDS)))
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
        rule = f"more than low ({entry['low']:g})"
        problems.append(key_problem(f"{key}.high", entry["high"], rule))
    return problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
