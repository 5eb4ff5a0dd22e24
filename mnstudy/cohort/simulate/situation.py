"""What breaks verdicts in real studies, as options of a simulated one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from mnstudy.cohort.simulate.design import ARMS, SimulatedDesign
from mnstudy.cohort.simulate.truth import Floats

Ints = npt.NDArray[np.int64]

# What each number may be: at least, at most.
RANGES = {
    "skewness": (-20.0, 20.0),
    "autocorrelation": (-0.95, 0.95),
    "slopes_differ": (0.0, 50.0),
    "lesions": (1, 12),
    "lesions_differ": (0.0, 50.0),
    "rater_error": (0.0, 50.0),
    "step": (0.0, 50.0),
    "needled_share": (0.05, 0.95),
    "lost": (0.0, 0.9),
    "natural_course": (-50.0, 50.0),
    "carry_over": (0.0, 1.0),
    "unrecorded": (-50.0, 50.0),
}
# Options that have an effect in one design only.
ONLY_IN = {"needled_share": "parallel", "carry_over": "split_body", "unrecorded": "registry"}
LOST_BY = ("chance", "seen", "unseen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How the improvement scores of a simulated study depart from the usual ones.

    The truth of a study, what the treatment itself does, is that of the usual one. The last three
    options move what is seen away from it; no other moves the difference of two arms at the final
    assessment, but for scores of few steps or at the ends of the scale (below a tenth of a point
    for steps of 25 and spreads of 12 and more).

    Attributes
    ----------
    spreads : mapping of arm to number
        Factor on the standard deviations of the arm, between patients and within.
    skewness : float
        Skewness of what patients and visits deviate by (shifted log-normal); negative to the left.
    autocorrelation : float
        Correlation of neighbouring visits of a site, beside what its patient shares.
    slopes_differ : float
        Standard deviation between patients of what a session adds, in points.
    lesions : int
        Sites on each treated side.
    lesions_differ : float
        Standard deviation between lesions of what a treatment adds, in points.
    rater_error : float
        Standard deviation of an error of each rating, in points.
    step : float
        Scores are multiples of this; 25 for quartiles. Zero: whole points.
    needled_share : float
        Share of the patients of a parallel study who are needled.
    regular_visits : bool
        All visits four weeks apart, nobody leaves but those ``lost``, and the end of the course is
        the final week of the plan.
    lost : float
        Chance of each visit after the first one after baseline that the patient has left by then;
        her scores are missing from there on.
    lost_by : {"chance", "seen", "unseen"}
        Who leaves: anybody, or rather the treated who do badly and the others who do well, by the
        score of the visit before (``seen``: missing at random) or by that which is missed.
    natural_course : float
        Points that everybody gains without treatment, beside the usual four.
    carry_over : float
        Share of what the topical adds that reaches the other side of a split body too.
    unrecorded : float
        Points by which patients who are needled would do better anyway, for a reason that the
        registry does not record.
    """

    spreads: Mapping[str, float] = field(default_factory=dict)
    skewness: float = 0.0
    autocorrelation: float = 0.0
    slopes_differ: float = 0.0
    lesions: int = 1
    lesions_differ: float = 0.0
    rater_error: float = 0.0
    step: float = 0.0
    needled_share: float = 0.5
    regular_visits: bool = False
    lost: float = 0.0
    lost_by: str = "chance"
    natural_course: float = 0.0
    carry_over: float = 0.0
    unrecorded: float = 0.0

    @property
    def moves_shares(self) -> bool:
        """Tell whether the share of sites beyond a threshold is another than the usual one."""
        same = Situation(
            autocorrelation=self.autocorrelation,
            lesions=self.lesions,
            needled_share=self.needled_share,
            lost=self.lost,
            lost_by=self.lost_by,
        )
        return self != same

    def deviate(self, z: Floats) -> Floats:
        """Turn standard normal deviates into those of this skewness, mean 0 and variance 1."""
        if not self.skewness:
            return z
        mirrored, s = math.copysign(1.0, self.skewness), _log_sd(abs(self.skewness))
        raised = np.exp(s * mirrored * z - s**2 / 2) - 1.0
        return mirrored * raised / math.sqrt(math.expm1(s**2))

    def follow(self, z: Floats, site: Ints) -> Floats:
        """Let each visit follow the one before of its site, by an autoregression of first order."""
        rho = self.autocorrelation
        if not rho:
            return z
        step, z = visit_of(site), z.copy()
        for k in range(1, int(step.max()) + 1):
            here = np.flatnonzero(step == k)
            z[here] = rho * z[here - 1] + math.sqrt(1 - rho**2) * z[here]
        return z


def visit_of(site: Ints) -> Ints:
    """Return the number of each visit of its site from 0; visits stand together, in order."""
    first = np.flatnonzero(np.r_[True, site[1:] != site[:-1]])
    return np.arange(len(site)) - np.repeat(first, np.diff(np.r_[first, len(site)]))


def situation_of(given: Mapping[str, Any], design: SimulatedDesign) -> Situation:
    """Check what was asked for.

    Raises
    ------
    ValueError
        An unknown option, a number out of range, or an option without effect in this design: all
        at once.
    """
    known, problems = {f.name for f in fields(Situation)}, []
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(str(name), sorted(known), n=3, cutoff=0.0)
            problems.append(f"no option {name!r}; nearest: {', '.join(near)}")
        elif name == "spreads":
            problems += _spread_problems(value, design)
        elif name == "regular_visits":
            problems += _regular_problems(value, design)
        elif name == "lost_by":
            if value not in LOST_BY:
                problems.append(f"lost_by must be {', '.join(LOST_BY)}, not {value!r}")
        else:
            problems += _number_problems(name, value)
    problems += [
        f"{name} has an effect in a {only} study only; leave it out"
        for name, only in ONLY_IN.items()
        if name in given and design.name != only
    ]
    if "lost_by" in given and not given.get("lost"):
        problems.append("lost_by has no effect without lost: say what chance a visit is missed")
    if given.get("lost_by", "chance") != "chance" and design.name == "single_arm":
        problems.append("lost_by tells two arms apart, a single_arm study has one; leave it out")
    if problems:
        raise ValueError("situation: " + "; ".join(problems))
    return Situation(**given)


def _regular_problems(value: Any, design: SimulatedDesign) -> list[str]:
    if not isinstance(value, bool):
        return [f"regular_visits must be true or false, not {value!r}"]
    if value and not design.sessions:
        return [f"a {design.name} study has no number of sessions for all, so no regular visits"]
    return []


def _spread_problems(spreads: Any, design: SimulatedDesign) -> list[str]:
    arms = [arm for arm in ARMS if arm in _arms(design)]
    if not isinstance(spreads, Mapping):
        return [f"spreads must name arms, such as {{'needling': 2.0}}, not {spreads!r}"]
    unknown = [f"no arm {arm!r} in a {design.name} study" for arm in spreads if arm not in arms]
    wrong = [
        f"the spread of {arm!r} must be a factor of 0.1 to 10, not {factor!r}"
        for arm, factor in spreads.items()
        if not _is_number(factor) or not 0.1 <= factor <= 10
    ]
    return [f"{each}; arms: {', '.join(arms)}" for each in unknown] + wrong


def _arms(design: SimulatedDesign) -> set[str]:
    others = set(ARMS) if "other treatments" in design.has else {"needling", "untreated"}
    untreated = design.name == "parallel" or design.controls > 0
    return others if untreated else others - {"untreated"}


def _number_problems(name: str, value: Any) -> list[str]:
    low, high = RANGES[name]
    whole = name != "lesions" or (_is_number(value) and value == int(value))
    if _is_number(value) and whole and low <= value <= high:
        return []
    kind = "a whole number" if name == "lesions" else "a number"
    return [f"{name} must be {kind} from {low:g} to {high:g}, not {value!r}"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _log_sd(skewness: float) -> float:
    """Return the standard deviation of the logarithm that gives this skewness."""

    def off(s: float) -> float:
        w = math.exp(s**2)
        return (w + 2) * math.sqrt(w - 1) - skewness

    return float(brentq(off, 1e-9, 3.0))
