"""Who is enrolled in a simulated study, what they are given, and what is then usual.

What is usual by scar type and severity is exact: nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import comb
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from mnstudy.cohort.simulate.truth import Floats
from mnstudy.packaged import packaged

SEVERITIES = np.arange(1, 5)
MAX_SESSIONS = 6
#: Gain of the score up to each session, on a scale of its own: nothing after the fifth.
GAIN = np.array([0.0, 6.0, 10.0, 12.5, 14.0, 14.0])
FIRST_GAIN = 8.0
ARMS = ("needling", "rf_needling", "laser", "peel", "untreated")
PHOTOTYPES = np.array([0.06, 0.20, 0.30, 0.26, 0.14, 0.04])
INTERVALS = {2: 0.10, 3: 0.15, 4: 0.40, 6: 0.25, 8: 0.10}
CLINICS = np.array([0.26, 0.21, 0.18, 0.14, 0.12, 0.09])
SHALLOW_AT_HOME = 0.9
SHALLOW_MM = 0.25
LEAVING_SLOPE = -0.35
LATE_SHARE = 0.55
WEEKS_APART = 4
NEVER = -700.0  # log odds of leaving


class ScarType(NamedTuple):
    """How often a type is seen (per 400 patients), how bad it is, and how it is then treated."""

    share: int
    severity: float
    sessions: float = 0.0
    depth: float = 0.0
    shallow: float = 0.08
    home: float = 0.10
    rf: float = 0.11
    laser: float = 0.13
    peel: float = 0.09


# Worse types get more sessions and deeper needles; types that respond little are often needled
# shallowly: confounding by indication, all of it through what is observed.
SCAR_TYPES = {
    "acne_icepick": ScarType(36, 0.60, sessions=0.20, depth=0.10),
    "acne_boxcar": ScarType(48, 0.50),
    "acne_rolling": ScarType(58, 0.50, sessions=-0.06),
    "acne_mixed": ScarType(30, 0.60, sessions=0.05),
    "surgical": ScarType(30, 0.45, shallow=0.12, home=0.08, rf=0.04, laser=0.12, peel=0.02),
    "traumatic": ScarType(20, 0.50, shallow=0.12, home=0.08, rf=0.04, laser=0.12, peel=0.02),
    "burn": ScarType(32, 0.65, 0.20, 0.10, shallow=0.15, rf=0.04, laser=0.10, peel=0.02),
    "stretch_mark": ScarType(32, 0.45, 0.05, shallow=0.20, rf=0.10, laser=0.06),
    "sun_damage": ScarType(22, 0.40, 0.00, -0.05, shallow=0.40, home=0.18, rf=0.04, peel=0.12),
    "wrinkles": ScarType(24, 0.40, shallow=0.40, home=0.20, rf=0.12, laser=0.08),
    "enlarged_pores": ScarType(22, 0.35, 0.00, -0.10, 0.50, home=0.24, rf=0.06, laser=0.04),
    "skin_laxity": ScarType(18, 0.40, depth=0.05, shallow=0.30, rf=0.25, laser=0.04, peel=0.02),
    "active_acne": ScarType(18, 0.45, 0.10, 0.00, 0.60, home=0.20, rf=0.04, laser=0.04, peel=0.12),
    "other": ScarType(10, 0.45, shallow=0.15, rf=0.04, laser=0.04, peel=0.02),
}
TYPES = tuple(SCAR_TYPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDesign:
    """What a simulated study does; an entry of ``designs.toml``.

    Attributes
    ----------
    title, primary : str, list of str
        What the study is called, and the primary claims of its plan.
    has : frozenset of str
        What it can show (see ``Truth.needs``); without "all types" it enrols acne scars only.
    controls : float
        Share of untreated sites among needled and untreated ones.
    second_site : float
        Share of patients with two treated sites.
    sessions : int or None
        Sessions planned for everybody; None: more for worse scars.
    leaving : float
        Log odds of leaving after a visit, for a patient who responds as most do.
    unknown : float
        Share of scores after baseline that are missing.
    delayed : float
        Chance of each visit to be a week late.
    sd_patient, sd_residual : float
        Spread of the scores between patients and within.
    final_week, window_weeks : float or None
        Of its plan: courses end at different weeks, so that its window is wide.
    defaults : dict
        Effects that differ from ``truth.toml``.
    """

    name: str
    title: str
    primary: Sequence[str]
    randomised: bool = False
    assessor: str = "unblinded"
    has: frozenset[str] = frozenset()
    controls: float = 0.0
    second_site: float = 0.0
    sessions: int | None = None
    leaving: float = -2.9
    unknown: float = 0.05
    delayed: float = 0.2
    sd_patient: float = 10.0
    sd_residual: float = 8.0
    final_week: float | None = None
    window_weeks: float | None = None
    defaults: dict[str, float] = field(default_factory=dict)

    def regular(self) -> SimulatedDesign:
        """Return this design with all visits four weeks apart and the whole course seen."""
        assert self.sessions
        return replace(self, has=self.has - {"late visits"}, leaving=NEVER, unknown=0.0,
                       delayed=0.0, final_week=WEEKS_APART * self.sessions,
                       window_weeks=0.5 * WEEKS_APART)  # fmt: skip


DESIGNS = {
    name: SimulatedDesign(name=name, **{**raw, "has": frozenset(raw["has"])})
    for name, raw in packaged("cohort/simulate/designs.toml").items()
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """What is usual in each of the 14 scar types and 4 severities of a design.

    Attributes
    ----------
    patients : array (14, 4)
        Share of the patients.
    arms : array (14, 4, 5)
        Chance of each of ``ARMS``.
    needled : array (14, 4)
        Share of the needled sites.
    planned : array (14, 4)
        Chance behind the planned sessions, which are 1 + Binomial(5, chance).
    home, shallow : array (14, 4)
        Chance of needling at home, and of depths up to 0.3 mm.
    deep_mm : array (14, 4)
        Mean depth of the deeper ones.
    gain : array (14, 4)
        Mean of ``GAIN`` at the last session done.
    late : array (14, 4)
        Share of sites seen late after the course.
    slope : float
        Within-patient slope of ``GAIN`` on the sessions, pooled over the needled sites.
    """

    patients: Floats
    arms: Floats
    needled: Floats
    planned: Floats
    home: Floats
    shallow: Floats
    deep_mm: Floats
    gain: Floats
    late: Floats
    slope: float

    def mean(self, cells: Floats) -> float:
        """Average over the needled sites."""
        return float((self.needled * cells).sum())


@cache
def usual(name: str, *, regular: bool = False, confounded: float = 0.0) -> Usual:
    """Work out what is usual in a design; exact, nothing is drawn.

    ``confounded``: log odds of being treated that a grade of severity adds.
    """
    design = DESIGNS[name].regular() if regular else DESIGNS[name]
    patients = _patients(design)
    arms = _arms(design, confounded)
    needled = patients * arms[..., 0]
    needled = needled / needled.sum()
    planned = _additive([t.sessions for t in SCAR_TYPES.values()], 0.52, 0.12)
    home, shallow = _shallow(design)
    done, whole = _sessions_done(design, planned)
    return Usual(
        patients=patients,
        arms=arms,
        needled=needled,
        planned=planned,
        home=home,
        shallow=shallow,
        deep_mm=0.5 + 2 * _additive([t.depth for t in SCAR_TYPES.values()], 0.32, 0.05),
        gain=done @ GAIN,
        late=whole * (LATE_SHARE if "late visits" in design.has else 0.0),
        slope=_pooled_slope(np.einsum("ts,tsk->k", needled, done)),
    )


def _additive(shift: list[float], start: float, per_grade: float) -> Floats:
    return start + np.array(shift)[:, None] + per_grade * (SEVERITIES - 2.5)


def _patients(design: SimulatedDesign) -> Floats:
    everything = "all types" in design.has
    share = [t.share * (everything or name.startswith("acne_")) for name, t in SCAR_TYPES.items()]
    grades = np.array([_binomial(3, t.severity) for t in SCAR_TYPES.values()])
    return np.array(share)[:, None] / sum(share) * grades


def _binomial(n: int, p: float) -> Floats:
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def _arms(design: SimulatedDesign, confounded: float) -> Floats:
    """Laser goes to the worse, peel to the milder; one in so many of the rest is untreated."""
    controls = np.full((4, 1), design.controls)
    if confounded:
        controls = expit(logit(controls) - confounded * (SEVERITIES - 2.5)[:, None])
    others = np.zeros((len(TYPES), 4, 3))
    if "other treatments" in design.has:
        table = np.array([(t.rf, t.laser, t.peel) for t in SCAR_TYPES.values()])
        tilt = np.array([0.0, 0.02, -0.01])
        others = np.clip(table[:, None, :] + tilt * (SEVERITIES - 2.5)[:, None], 0.0, None)
    rest = 1 - others.sum(axis=2, keepdims=True)
    return np.concatenate([rest * (1 - controls), others, rest * controls], axis=2)


def _shallow(design: SimulatedDesign) -> tuple[Floats, Floats]:
    types = SCAR_TYPES.values()
    home = np.array([t.home for t in types])[:, None] * np.full(4, "home" in design.has)
    clinic = np.clip(_additive([t.shallow for t in types], 0.0, -0.04), 0.0, 1.0)
    clinic = clinic * ("shallow needles" in design.has)
    return home, home * SHALLOW_AT_HOME + (1 - home) * clinic


def leaving_chance(design: SimulatedDesign, response: Floats) -> Floats:
    """Return the chance of leaving after a visit: higher for a patient who responds poorly."""
    return 1 / (1 + np.exp(-(design.leaving + LEAVING_SLOPE * response)))


def _sessions_done(design: SimulatedDesign, planned: Floats) -> tuple[Floats, Floats]:
    """Return the chances of 1 to 6 sessions done (14, 4, 6), and of the whole course (14, 4)."""
    sessions = np.arange(MAX_SESSIONS)
    if design.sessions:
        plan = np.broadcast_to(sessions == design.sessions - 1, (*planned.shape, MAX_SESSIONS))
    else:
        ways = np.array([comb(MAX_SESSIONS - 1, k) for k in sessions])
        p = planned[..., None]
        plan = ways * p**sessions * (1 - p) ** (MAX_SESSIONS - 1 - sessions)
    response, weight = np.polynomial.hermite_e.hermegauss(30)
    stay = 1 - leaving_chance(design, response)
    reached = (weight / weight.sum()) @ stay[:, None] ** sessions
    longer = plan[..., ::-1].cumsum(axis=2)[..., ::-1] - plan
    stopped = longer[..., :-1] * (reached[:-1] - reached[1:])
    done = plan * reached
    done[..., :-1] += stopped
    return done, plan @ reached


def _pooled_slope(done: Floats) -> float:
    """Return the within-site slope of ``GAIN`` when the visits of all sites are pooled."""
    up = down = 0.0
    for visits, share in enumerate(done, start=1):
        centred = np.arange(visits) - (visits - 1) / 2
        up += share * (centred @ GAIN[:visits])
        down += share * (centred @ centred)
    return up / down
