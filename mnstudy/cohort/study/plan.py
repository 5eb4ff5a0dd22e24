"""The plan of a study: what was decided, and assumed, before looking at the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnstudy.cohort.schema.problems import Check, Problem, key_problem, key_problems

REFERENCES = ("untreated", "sham")
Range = tuple[float, float]  # lowest and highest plausible value


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was decided before looking: everything else is exploratory.

    Attributes
    ----------
    primary : tuple of str
        Ids of the primary claims.
    family : tuple of str or None
        Those of them whose intervals are to hold together; all primary claims for None.
    confidence_level : float
        Level of every interval, and of the family as a whole; 0.95 by default.
    margins : mapping
        Claim id to the smallest difference worth having, in the unit of the claim.
    thresholds : mapping
        Claim id to settings of its analysis, such as ``{"weeks-to-results": {"weeks": 8}}``.
    final_week : float or None
        Week of the assessment that counts as the result; a site not seen then is lost.
    window_weeks : float or None
        How far from the final week an assessment may lie, to either side; see
        ``mnstudy.cohort.weeks.final_week`` for None. Around the week that a claim itself names
        (weeks-to-results) it reaches at most half-way to week 0.
    adjust : tuple of str
        Columns that randomised comparisons are adjusted for, beside the baseline of the outcome:
        strata, clinic, own measures.
    adjust_only : bool
        True where comparisons are adjusted for these and for none of the usual covariates; no study
        file says so, ``mnstudy.evaluate`` does.
    reference : str or None
        The control that treatments are compared with where there are several, such as sham.
    sessions_fixed : bool
        True where the number of sessions of each site was fixed before the first one, so that no
        reading decided when to stop.
    """

    primary: tuple[str, ...] = ()
    family: tuple[str, ...] | None = None
    confidence_level: float = 0.95
    margins: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    final_week: float | None = None
    window_weeks: float | None = None
    adjust: tuple[str, ...] = ()
    adjust_only: bool = False
    reference: str | None = None
    sessions_fixed: bool = False

    def margin(self, claim_id: str, usual: float) -> float:
        """Return the declared margin of a claim, or the usual one where none is declared."""
        return self.margins.get(claim_id, usual)

    @property
    def family_ids(self) -> tuple[str, ...]:
        """Ids of the claims whose intervals are to hold together."""
        return self.primary if self.family is None else self.family

    @property
    def sha256(self) -> str:
        """Fingerprint of the plan; it goes into every result."""
        content = [
            list(self.primary),
            list(self.family_ids),
            self.confidence_level,
            dict(sorted(self.margins.items())),
            {k: dict(sorted(v.items())) for k, v in sorted(self.thresholds.items())},
            self.final_week,
        ]
        later = (self.window_weeks, list(self.adjust), self.reference)
        if any(later):
            content += later
        content += ["sessions_fixed"] * self.sessions_fixed
        content += ["adjust_only"] * self.adjust_only
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAssumptions:
    """What is assumed of a study to come: the ``[power]`` table of a study file.

    Attributes
    ----------
    effects : mapping
        Claim id to the effect taken to be true, in the unit of the claim; of a rate or share, its
        true percentage.
    spreads : mapping
        Claim id to the standard deviation between patients in an arm (of ``more-sessions``: of the
        visits of a patient) in the unit of the outcome; lowest and highest where one is not known.
    correlation : (low, high) or None
        Of the two sides, or periods, of a patient.
    lost : float
        Share of the patients who will not be assessed at the end.
    allocation : float
        Share of the patients in the treated arm, of two arms.
    rates : mapping
        Claim id to the percentage with the event in the reference arm, of a difference of rates.
    step, middle : float
        Scores are multiples of the step, zero for any number, and at most 100; then ``middle`` is
        the mean score expected without an effect.
    sessions : int
        Visits of each patient, of ``more-sessions``.
    slopes_differ : float
        Standard deviation between patients of what a session adds.
    most : int
        The largest number of patients that could be recruited.
    """

    effects: Mapping[str, float] = field(default_factory=dict)
    spreads: Mapping[str, Range] = field(default_factory=dict)
    correlation: Range | None = None
    lost: float = 0.0
    allocation: float = 0.5
    rates: Mapping[str, float] = field(default_factory=dict)
    step: float = 0.0
    middle: float | None = None
    sessions: int = 4
    slopes_differ: float = 0.0
    most: int = 1000


def parse_power(raw: Mapping[str, Any]) -> PowerAssumptions | None:
    """Turn a checked ``[power]`` table into assumptions; None where there is none."""
    if not raw:
        return None
    given = dict(raw)
    given["effects"] = {k: float(v) for k, v in raw.get("effects", {}).items()}
    given["spreads"] = {k: _range(v) for k, v in raw.get("spreads", {}).items()}
    given["correlation"] = _range(raw["correlation"]) if "correlation" in raw else None
    return PowerAssumptions(**given)


def power_problems(raw: Any) -> list[Problem]:
    """List what is wrong in a ``[power]`` table."""
    if not isinstance(raw, dict):
        return [key_problem("power", raw, "a [power] table")]
    share = "a number from 0 to 0.9, as 0.1 for one in ten"
    checks: dict[str, Check] = {
        "effects": (_are_numbers, "claim id = the effect taken to be true"),
        "spreads": (
            _are_spreads,
            "claim id = a standard deviation above 0, or [lowest, highest], the lower one first",
        ),
        "correlation": (
            lambda x: _is_range(x, 0.0, 0.99), "a number from 0 to 0.99, or [lowest, highest]",
        ),
        "lost": (lambda x: _is_number(x) and 0 <= x <= 0.9, share),
        "allocation": (lambda x: _is_number(x) and 0.1 <= x <= 0.9, "a number from 0.1 to 0.9"),
        "rates": (
            lambda x: _are_numbers(x) and all(0 <= v <= 100 for v in x.values()),
            "claim id = percent of the reference arm, 0 to 100",
        ),
        "step": (lambda x: _is_number(x) and 0 < x <= 50, "a number above 0, as 25 for quartiles"),
        "middle": (lambda x: _is_number(x) and -100 <= x <= 100, "a score from -100 to 100"),
        "sessions": (lambda x: _is_whole(x) and 2 <= x <= 12, "a whole number from 2 to 12"),
        "slopes_differ": (lambda x: _is_number(x) and x >= 0, "a number of points, 0 or more"),
        "most": (lambda x: _is_whole(x) and 10 <= x <= 5000, "a whole number from 10 to 5000"),
    }  # fmt: skip
    problems = key_problems("power", raw, checks)
    if not problems and ("step" in raw) != ("middle" in raw):
        one = "step" if "step" in raw else "middle"
        rule = "step and middle together: the mean decides how many scores lie at the end"
        problems.append(key_problem(f"power.{one}", raw[one], rule))
    return problems


def _range(given: Any) -> Range:
    low, high = given if isinstance(given, list) else (given, given)
    return float(low), float(high)


def _is_range(value: Any, least: float, most: float) -> bool:
    ends = value if isinstance(value, list) else [value, value]
    good = len(ends) == 2 and all(_is_number(x) and least <= x <= most for x in ends)
    return good and ends[0] <= ends[1]


def _are_spreads(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_range(x, 1e-9, 1e6) for x in value.values())


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def parse_plan(raw: Mapping[str, Any]) -> Plan:
    """Turn a checked ``[plan]`` table into a ``Plan``."""
    week, family = raw.get("final_week"), raw.get("family")
    return Plan(
        primary=tuple(raw.get("primary", ())),
        family=None if family is None else tuple(family),
        confidence_level=_level(raw),
        margins={k: float(v) for k, v in raw.get("margins", {}).items()},
        thresholds={
            claim: {k: float(v) for k, v in settings.items()}
            for claim, settings in raw.get("thresholds", {}).items()
        },
        final_week=None if week is None else float(week),
        window_weeks=float(raw["window_weeks"]) if "window_weeks" in raw else None,
        adjust=tuple(raw.get("adjust", ())),
        reference=raw.get("reference"),
        sessions_fixed=raw.get("sessions_fixed", False),
    )


def _level(raw: Mapping[str, Any]) -> float:
    if "confidence_level" in raw:
        return float(raw["confidence_level"])
    return round(1 - float(raw.get("alpha", 0.05)), 12)


def plan_problems(raw: Any) -> list[Problem]:
    """List what is wrong in a ``[plan]`` table."""
    if not isinstance(raw, dict):
        return [key_problem("plan", raw, "a [plan] table")]
    checks: dict[str, Check] = {
        "primary": (_is_list_of_words, "a list of claim ids in quotes"),
        "family": (_is_list_of_words, "a list of primary claims in quotes, [] for none"),
        "confidence_level": (_is_level, "a number between 0.5 and 1"),
        "alpha": (lambda x: _is_level(1 - x if _is_number(x) else x), "a number below 0.5"),
        "margins": (_are_numbers, "claim id = number"),
        "thresholds": (_are_tables_of_numbers, "claim id = { setting = number }"),
        "final_week": (lambda x: _is_number(x) and x > 0, "a number of weeks above 0"),
        "window_weeks": (lambda x: _is_number(x) and x > 0, "a number of weeks above 0"),
        "adjust": (_is_list_of_words, "a list of columns in quotes"),
        "reference": (lambda x: x in REFERENCES, "one of " + ", ".join(REFERENCES)),
        "sessions_fixed": (lambda x: x is True, "true; leave it out where readings decided"),
    }
    problems = key_problems("plan", raw, checks)
    return problems or _disagreements(raw)


def _disagreements(raw: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if "window_weeks" in raw and "final_week" not in raw:
        rule = "together with final_week"
        problems.append(key_problem("plan.window_weeks", raw["window_weeks"], rule))
    alpha = raw.get("alpha", 0.0)
    if "alpha" in raw and abs(raw.get("confidence_level", 1 - alpha) + alpha - 1) > 1e-9:
        rule = "1 - confidence_level; give one of the two"
        problems.append(key_problem("plan.alpha", alpha, rule))
    strangers = [x for x in raw.get("family", []) if x not in raw.get("primary", [])]
    if strangers:
        rule = "claims named under primary"
        problems.append(key_problem("plan.family", ", ".join(strangers), rule))
    for key in ("primary", "family"):
        twice = sorted({x for x in raw.get(key, []) if raw[key].count(x) > 1})
        if twice:
            problems.append(key_problem(f"plan.{key}", ", ".join(twice), "each claim once"))
    return problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_level(value: Any) -> bool:
    return isinstance(value, float) and 0.5 < value < 1


def _is_list_of_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(x) for x in value.values())


def _are_tables_of_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(_are_numbers(x) for x in value.values())
