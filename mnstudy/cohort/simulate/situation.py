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
from scipy.special import ndtr, ndtri

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
    "ceiling": (5.0, 100.0),
    "floor": (-100.0, 0.0),
    "clinics": (2, 50),
    "clinics_differ": (0.0, 50.0),
    "confounded": (0.0, 3.0),
    "stop_when_good": (-50.0, 100.0),
    "selected": (0.01, 0.95),
    "reliability": (0.0, 1.0),
}
WHOLE = ("lesions", "clinics")
FLAGS = ("regular_visits", "selection_recorded")
# Designs, and the options that have an effect in these only.
ONLY_IN = {
    ("parallel",): ("needled_share", "clinics", "clinics_differ"),
    ("registry",): ("unrecorded", "confounded"),
    ("parallel", "split_body"): ("ceiling", "floor"),
    ("split_body", "crossover"): ("carry_over",),
    ("single_arm", "registry"): ("selected", "reliability", "selection_recorded"),
    ("single_arm", "parallel", "split_body", "registry"): ("stop_when_good",),
}
# Options that have no effect without another.
NEEDS = {
    "lost_by": ("lost", "say what chance a visit is missed"),
    "clinics_differ": ("clinics", "say how many there are"),
    "reliability": ("selected", "say which share was taken"),
    "selection_recorded": ("selected", "say which share was taken"),
}
LOST_BY = ("chance", "seen", "unseen")
SCALE, SCALE_MEAN, SCALE_SD = "ECCA", 100.0, 30.0  # of a first reading of everybody
# Claims about scores of which a ceiling or floor leaves the means of whole arms alone.
NOT_KEPT = frozenset(("scar-type-matters", "severity-matters", "skin-type-matters",
                      "more-sessions", "weeks-to-results"))  # fmt: skip
# Claims about what is reached at the end of the whole course.
WHOLE_COURSE = frozenset(("reduces-scar-depth", "smooths-texture", "evens-tone"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How the improvement scores of a simulated study depart from the usual ones.

    The truth of a study, what the treatment itself does, is that of the usual one. The options from
    ``stop_when_good`` on move what is seen away from it; no other moves the difference of two arms
    at the final assessment (of like patients where ``confounded``), but for scores of few steps or
    at the ends of the whole scale (below a tenth of a point for steps of 25 and spreads of 12 and
    more).

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
    ceiling, floor : float
        Ends of the scale, at which scores are cut. Arms are shifted by so much that the mean seen
        at the end of a regular course is the one told: exact for reduces-scarring,
        treats-acne-scars and topical-adjunct. What is seen of types, severity and sessions is
        another then, and has no truth.
    clinics : int
        Clinics of a parallel study, of equal size; arms are allocated without regard to them.
    clinics_differ : float
        Standard deviation of their levels, in points.
    confounded : float
        Log odds by which each grade of severity makes it likelier that a patient of a registry
        is treated rather than not; recorded in ``baseline_severity``.
    stop_when_good : float or None
        The course of a treated patient ends at the first visit at which the mean of her treated
        sites reaches this many points, noise included; she is not seen again. Effects at the end
        of the whole course of depth, texture and tone have no truth then.
    selected : float
        Share of the patients read at a first visit who were taken, those with the highest score
        on a scale; ``scale_score`` has it at baseline. By chance alone they gain (1 - reliability)
        times their distance from the mean of all, as a percentage of that score.
    reliability : float
        Correlation of two readings on that scale without treatment between them.
    selection_recorded : bool
        The study says how patients were chosen, with mean and reliability, as ``[selection]``.
    natural_course : float
        Points that everybody gains without treatment, beside the usual four.
    carry_over : float
        Share of what the topical adds that reaches the other side of a split body too, or of what
        needling adds that lasts into the next period of a crossover.
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
    ceiling: float = 100.0
    floor: float = -100.0
    clinics: int = 0
    clinics_differ: float = 3.0
    confounded: float = 0.0
    stop_when_good: float | None = None
    selected: float = 1.0
    reliability: float = 0.7
    selection_recorded: bool = True
    natural_course: float = 0.0
    carry_over: float = 0.0
    unrecorded: float = 0.0

    @property
    def cut(self) -> bool:
        """Tell whether scores are cut within the whole scale."""
        return self.ceiling < 100 or self.floor > -100

    @property
    def cut_off(self) -> float:
        """Lowest first reading that was taken."""
        return float(np.rint(SCALE_MEAN + SCALE_SD * ndtri(1 - self.selected)))

    @property
    def untold(self) -> frozenset[str]:
        """Claims of which what is seen is another than the usual, by no known number.

        The share of sites beyond a threshold at the first visit is the usual one in few situations.
        """
        usual = ("autocorrelation", "lesions", "needled_share", "regular_visits", "lost",
                 "lost_by", "confounded", "stop_when_good")  # fmt: skip
        same = self == Situation(**{name: getattr(self, name) for name in usual})
        claims = frozenset() if same else frozenset({"weeks-to-results"})
        claims |= NOT_KEPT if self.cut else frozenset()
        return claims if self.stop_when_good is None else claims | WHOLE_COURSE

    def first_reading(self, u: Floats) -> Floats:
        """Turn uniform deviates into first readings of those taken, in whole points."""
        taken = ndtr((SCALE_MEAN - self.cut_off) / SCALE_SD)
        return np.rint(SCALE_MEAN - SCALE_SD * ndtri(taken * (1 - u)))

    def chance_gain(self, first: Floats) -> Floats:
        """Return what they gain by chance, in percent of the first reading."""
        return 100 * (1 - self.reliability) * (first - SCALE_MEAN) / first

    @property
    def selection(self) -> dict[str, Any]:
        """The ``[selection]`` of the study file; empty where nothing is said."""
        if self.selected == 1 or not self.selection_recorded:
            return {}
        return {
            "rule": f"{SCALE} of {self.cut_off:g} or more at a first visit",
            "measure": "scale_score",
            "cut_off": self.cut_off,
            "selected": "above",
            "mean": SCALE_MEAN,
            "sd": SCALE_SD,
            "reliability": self.reliability,
            "reliability_source": "drawn with it",
        }

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
    own = {name: _own_problems(name, value, design) for name, value in given.items()}
    problems = [problem for each in own.values() for problem in each]
    problems += [
        f"{name} has an effect in a {' or '.join(only)} study only; leave it out"
        for only, names in ONLY_IN.items()
        for name in names
        if name in given and design.name not in only
    ]
    problems += [
        f"{name} has no effect without {other}: {remedy}"
        for name, (other, remedy) in NEEDS.items()
        if name in given and not given.get(other)
    ]
    if given.get("lost_by", "chance") != "chance" and design.name in ("single_arm", "crossover"):
        has = f"a {design.name} study has one arm of patients"
        problems.append(f"lost_by tells two arms apart, {has}; leave it out")
    problems += _cut_problems(Situation(**{k: x for k, x in given.items() if not own[k]}), design)
    if problems:
        raise ValueError("situation: " + "; ".join(problems))
    return Situation(**given)


def _own_problems(name: str, value: Any, design: SimulatedDesign) -> list[str]:
    known = {f.name for f in fields(Situation)}
    if name not in known:
        near = get_close_matches(str(name), sorted(known), n=3, cutoff=0.0)
        return [f"no option {name!r}; nearest: {', '.join(near)}"]
    if name == "spreads":
        return _spread_problems(value, design)
    if name in FLAGS:
        return _flag_problems(name, value, design)
    if name == "lost_by":
        return [] if value in LOST_BY else [f"lost_by must be {', '.join(LOST_BY)}, not {value!r}"]
    return _number_problems(name, value)


def _cut_problems(asked: Situation, design: SimulatedDesign) -> list[str]:
    """List what does not go together with the ends of the scale."""
    if not asked.cut or design.name not in ("parallel", "split_body"):
        return []
    problems, step = [], asked.step or 1.0
    if not asked.regular_visits:
        problems.append("ceiling and floor keep means of regular visits only: add regular_visits")
    if asked.skewness:
        problems.append("ceiling and floor keep means of symmetric scores: leave skewness out")
    if (asked.ceiling / step) % 1 or (asked.floor / step) % 1:
        problems.append(f"ceiling and floor must be multiples of the step of {step:g}")
    if asked.stop_when_good is not None and asked.stop_when_good > asked.ceiling:
        problems.append("stop_when_good has no effect above the ceiling: lower it")
    return problems


def _flag_problems(name: str, value: Any, design: SimulatedDesign) -> list[str]:
    if not isinstance(value, bool):
        return [f"{name} must be true or false, not {value!r}"]
    if name == "regular_visits" and value and not design.sessions:
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
    if _is_number(value) and low <= value <= high and (name not in WHOLE or value == int(value)):
        return []
    kind = "a whole number" if name in WHOLE else "a number"
    return [f"{name} must be {kind} from {low:g} to {high:g}, not {value!r}"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _log_sd(skewness: float) -> float:
    """Return the standard deviation of the logarithm that gives this skewness."""

    def off(s: float) -> float:
        w = math.exp(s**2)
        return (w + 2) * math.sqrt(w - 1) - skewness

    return float(brentq(off, 1e-9, 3.0))
