"""How the patients were chosen: what regression to the mean depends on, as the study file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Check, Problem, key_problem, key_problems

Side = Literal["above", "below"]
SIDES = ("above", "below")
# columns that a baseline row can hold and patients can be chosen by
MEASURES = ("baseline_severity", "scale_score", "scar_depth_um", "texture_score", "tone_score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The ``[selection]`` table of a study file.

    Attributes
    ----------
    rule : str
        How patients were chosen, in words.
    reliability : tuple of two numbers, or None
        Lowest and highest plausible correlation of two measurements without treatment between
        them, 0 to 1; both the same where one number was given.
    reliability_source : str
        Where the reliability comes from.
    measure : str
        Column by which patients were chosen; empty where the study file names none.
    cut_off : float or None
        The mildest value that was still taken (the value itself included),
    selected : str
        and on which side of it: above or below.
    mean, sd : float or None
        Of that measure in everybody the patients were chosen from.
    """

    rule: str = ""
    reliability: tuple[float, float] | None = None
    reliability_source: str = ""
    measure: str = ""
    cut_off: float | None = None
    selected: Side = "above"
    mean: float | None = None
    sd: float | None = None


def parse_selection(raw: Mapping[str, Any]) -> Selection | None:
    """Turn a checked ``[selection]`` table into a ``Selection``; None where there is none.

    Examples
    --------
    >>> parse_selection({"rule": "grade 3 or 4", "reliability": [0.6, 0.8]}).reliability
    (0.6, 0.8)
    """
    if not raw:
        return None
    cut_off, mean, sd = (float(raw[k]) if k in raw else None for k in ("cut_off", "mean", "sd"))
    return Selection(
        rule=raw.get("rule", ""),
        reliability=_range(raw.get("reliability")),
        reliability_source=raw.get("reliability_source", ""),
        measure=raw.get("measure", ""),
        cut_off=cut_off,
        selected=raw.get("selected", "above"),
        mean=mean,
        sd=sd,
    )


def _range(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    low, high = given if isinstance(given, list) else (given, given)
    return float(low), float(high)


def selection_problems(raw: Any, measures: Any = ()) -> list[Problem]:
    """List what is wrong in a ``[selection]`` table; ``measures`` are the study's own columns."""
    if not isinstance(raw, dict):
        return []  # that it is no table is said with the other keys of the study file
    known = [*MEASURES, *(measures if isinstance(measures, Mapping) else ())]
    checks: dict[str, Check] = {
        "rule": (_is_text, "text in quotes"),
        "reliability": (_is_reliability, "a number from 0 to 1, or two of them, [low, high]"),
        "reliability_source": (_is_text, "text in quotes"),
        "measure": (lambda x: x in known, "one of " + ", ".join(known)),
        "cut_off": (_is_number, "a number, the mildest value that was still taken"),
        "selected": (lambda x: x in SIDES, "one of " + ", ".join(SIDES)),
        "mean": (_is_number, "a number, the mean before selection"),
        "sd": (lambda x: _is_number(x) and x > 0, "a number above 0"),
    }
    problems = key_problems("selection", raw, checks)
    return problems or [*_incomplete(raw), *_beyond_the_scale(raw)]


def _beyond_the_scale(raw: Mapping[str, Any]) -> list[Problem]:
    """List means and cut-offs that the measure cannot take."""
    spec = columns().get(raw.get("measure", "baseline_severity"))
    if spec is None or spec.low is None or spec.high is None:
        return []
    return [
        key_problem(f"selection.{key}", raw[key], f"{spec.rule}, as {spec.name}")
        for key in ("mean", "cut_off")
        if key in raw and not spec.low <= raw[key] <= spec.high
    ]


def _incomplete(raw: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if "reliability" in raw and "rule" not in raw:
        remedy = 'say how patients were chosen, such as rule = "severe scars only"'
        problems.append(key_problem("selection.rule", "", "text in quotes", remedy))
    if "sd" in raw and "mean" not in raw:
        remedy = "give the mean before selection too, or leave sd out"
        problems.append(key_problem("selection.sd", raw["sd"], "together with mean", remedy))
    if "selected" in raw and "cut_off" not in raw and "mean" not in raw:
        remedy = "give cut_off or mean too, or leave selected out"
        rule = "together with cut_off or mean"
        problems.append(key_problem("selection.selected", raw["selected"], rule, remedy))
    return problems


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _is_reliability(value: Any) -> bool:
    ends = value if isinstance(value, list) else [value, value]
    return (
        len(ends) == 2 and all(_is_number(x) and 0 <= x <= 1 for x in ends) and ends[0] <= ends[1]
    )
