"""What is usual in a simulated study, by scar type and severity; exact, nothing is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

from mnstudy.cohort.simulate.design import (
    DESIGNS,
    GAIN,
    LATE_SHARE,
    LEAVING_SLOPE,
    MAX_SESSIONS,
    SCAR_TYPES,
    SEVERITIES,
    SHALLOW_AT_HOME,
    TYPES,
    Design,
)
from mnstudy.cohort.simulate.truth import Floats


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
def usual(name: str) -> Usual:
    """Work out what is usual in a design; exact, nothing is drawn."""
    design = DESIGNS[name]
    patients = _patients(design)
    arms = _arms(design)
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


def _patients(design: Design) -> Floats:
    everything = "all types" in design.has
    share = [t.share * (everything or name.startswith("acne_")) for name, t in SCAR_TYPES.items()]
    grades = np.array([_binomial(3, t.severity) for t in SCAR_TYPES.values()])
    return np.array(share)[:, None] / sum(share) * grades


def _binomial(n: int, p: float) -> Floats:
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def _arms(design: Design) -> Floats:
    """Laser goes to the worse, peel to the milder; one in so many of the rest is untreated."""
    others = np.zeros((len(TYPES), 4, 3))
    if "other treatments" in design.has:
        table = np.array([(t.rf, t.laser, t.peel) for t in SCAR_TYPES.values()])
        tilt = np.array([0.0, 0.02, -0.01])
        others = np.clip(table[:, None, :] + tilt * (SEVERITIES - 2.5)[:, None], 0.0, None)
    rest = 1 - others.sum(axis=2, keepdims=True)
    return np.concatenate([rest * (1 - design.controls), others, rest * design.controls], axis=2)


def _shallow(design: Design) -> tuple[Floats, Floats]:
    types = SCAR_TYPES.values()
    home = np.array([t.home for t in types])[:, None] * np.full(4, "home" in design.has)
    clinic = np.clip(_additive([t.shallow for t in types], 0.0, -0.04), 0.0, 1.0)
    clinic = clinic * ("shallow needles" in design.has)
    return home, home * SHALLOW_AT_HOME + (1 - home) * clinic


def leaving_chance(design: Design, response: Floats) -> Floats:
    """Return the chance of leaving after a visit: higher for a patient who responds poorly."""
    return 1 / (1 + np.exp(-(design.leaving + LEAVING_SLOPE * response)))


def _sessions_done(design: Design, planned: Floats) -> tuple[Floats, Floats]:
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
