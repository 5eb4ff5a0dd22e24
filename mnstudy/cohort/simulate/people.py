"""Patients of a simulated study, their treated sites, and when each site is assessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnstudy.cohort.simulate.design import (
    ARMS,
    CLINICS,
    INTERVALS,
    LATE_SHARE,
    MAX_SESSIONS,
    PHOTOTYPES,
    SHALLOW_AT_HOME,
    WEEKS_APART,
    SimulatedDesign,
    Usual,
    leaving_chance,
)
from mnstudy.cohort.simulate.situation import Situation
from mnstudy.cohort.simulate.truth import Floats

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

AGES = np.array([0.03, 0.20, 0.33, 0.22, 0.13, 0.07, 0.02])
SEXES = np.array([0.66, 0.33, 0.01])
# prp, vitamin_c, tca, hyaluronic_acid, insulin, tranexamic_acid as levels of the contract
ADJUNCTS = np.array([1, 2, 3, 4, 5, 6])
ADJUNCT_SHARES = np.array([0.37, 0.21, 0.08, 0.21, 0.05, 0.08])
WITH_ADJUNCT = 0.38
HYALURONIC_ACID = 4
PRP = 1
MAINTAINED = 0.4
LATE_WEEKS = (26, 52)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patients:
    """One value a patient; categories are codes of the contract's levels, ``grade`` is 0 to 3.

    ``response`` is the standard normal deviate behind the patient's own level, ``done`` the
    sessions done before leaving, ``week`` (n, 7) the week of each visit, ``late`` the number of
    late visits, ``late_gap`` (n, 2) their weeks after the last session; ``first`` the reading by
    which they were selected, if they were.
    """

    type: Ints
    grade: Ints
    phototype: Ints
    sex: Ints
    age: Ints
    clinic: Ints
    interval: Ints
    response: Floats
    done: Ints
    week: Ints
    late: Ints
    late_gap: Ints
    maintenance: Bools
    at_home: Bools
    shallow: Bools
    deep_mm: Floats
    shallow_mm: Floats
    first: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedSites:
    """One value a site: the index of its patient, its side, its arm (of ``ARMS``), its adjunct.

    ``lesion`` is its number on the side. In a crossover the sides are the periods.
    """

    patient: Ints
    side: Ints
    lesion: Ints
    arm: Ints
    adjunct: Ints
    at_home: Bools
    shallow: Bools
    depth: Floats

    @property
    def needling(self) -> Bools:
        """Sites given needling without radiofrequency."""
        return self.arm == 0

    @property
    def untreated(self) -> Bools:
        """Sites given nothing."""
        return self.arm == len(ARMS) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visits:
    """One value an assessment: the index of its site, the visit (0 baseline), late or in course."""

    site: Ints
    number: Ints
    late: Bools
    last: Bools
    week: Ints
    gap: Ints

    @property
    def baseline(self) -> Bools:
        """Assessments before the first session."""
        return self.number == 0

    @property
    def course(self) -> Bools:
        """Assessments after a session of the course."""
        return ~self.baseline & ~self.late


def draw_patients(
    n: int, design: SimulatedDesign, usual: Usual, rng: np.random.Generator
) -> Patients:
    """Draw the patients; scar types come in fixed numbers, everything else by chance."""
    kind = rng.permutation(_allocate(n, usual.patients.sum(axis=1)))
    grade = _choose(usual.patients[kind], rng.random(n))
    response = rng.standard_normal(n)
    planned = 1 + rng.binomial(MAX_SESSIONS - 1, usual.planned[kind, grade])
    planned = np.full(n, design.sessions) if design.sessions else planned
    stay = rng.random((n, MAX_SESSIONS - 1)) >= leaving_chance(design, response)[:, None]
    done = np.minimum(planned, 1 + np.cumprod(stay, axis=1).sum(axis=1))
    deep = (usual.deep_mm[kind, grade] - 0.5) / 2
    return Patients(
        type=kind,
        grade=grade,
        phototype=_choose_one(n, PHOTOTYPES, rng),
        sex=_choose_one(n, SEXES, rng),
        age=_choose_one(n, AGES, rng),
        clinic=_choose_one(n, CLINICS, rng),
        response=response,
        done=done,
        **_calendar(done == planned, design, rng),
        maintenance=rng.random(n) < MAINTAINED,
        **_home_and_shallow(usual.home[kind, grade], usual.shallow[kind, grade], rng),
        deep_mm=0.5 + 0.1 * rng.binomial(20, rng.beta(5 * deep, 5 * (1 - deep))),
        shallow_mm=np.where(rng.random(n) < 0.5, 0.2, 0.3),
    )


def in_situation(patients: Patients, situation: Situation, rng: np.random.Generator) -> Patients:
    """Give patients what they have in some situations only: clinics of a trial, a first reading."""
    n = len(patients.type)
    if situation.clinics:
        patients = replace(patients, clinic=rng.permutation(np.arange(n) % situation.clinics))
    if situation.selected < 1:
        patients = replace(patients, first=situation.first_reading(rng.random(n)))
    return patients


def draw_sites(
    patients: Patients,
    design: SimulatedDesign,
    usual: Usual,
    situation: Situation,
    rng: np.random.Generator,
) -> SimulatedSites:
    """Draw the sites of the patients and what each is given; the lesions of a side alike."""
    n = len(patients.type)
    two = rng.random(n) < design.second_site
    patient = np.repeat(np.arange(n), 1 + two)
    first = np.r_[True, patient[1:] != patient[:-1]]
    side = np.where(first & ~two[patient], rng.integers(0, 2, len(patient)), ~first)
    kind = patients.type[patient]
    arm = _choose(usual.arms[kind, patients.grade[patient]], _evenly(kind, rng))
    if design.name == "parallel":
        even, order = situation.needled_share == 0.5, rng.permutation(n)
        needled = order % 2 == 0 if even else order < np.rint(situation.needled_share * n)
        arm = np.where(needled, 0, len(ARMS) - 1)
    if "periods" in design.has:
        arm = np.where(side == (rng.permutation(n) % 2)[patient], 0, len(ARMS) - 1)
    at_home = patients.at_home[patient] & (arm == 0)
    shallow = patients.shallow[patient] & (arm == 0)
    deep = np.where(shallow, patients.shallow_mm[patient], patients.deep_mm[patient])
    values = {
        "patient": patient,
        "side": side,
        "arm": arm,
        "adjunct": _adjuncts(patient, side, at_home, arm, design, rng),
        "at_home": at_home,
        "shallow": shallow,
        "depth": np.where(np.isin(arm, (0, 1)), deep, 0.0).round(1),
    }
    each = int(situation.lesions)
    repeated = {name: np.repeat(value, each) for name, value in values.items()}
    return SimulatedSites(**repeated, lesion=np.tile(np.arange(each), len(patient)))


def _adjuncts(
    patient: Ints,
    side: Ints,
    at_home: Bools,
    arm: Ints,
    design: SimulatedDesign,
    rng: np.random.Generator,
) -> Ints:
    if "adjuncts" not in design.has:
        return np.zeros(len(patient), int)
    if design.name == "split_body":
        treated_side = rng.integers(0, 2, patient.max() + 1)
        return np.where(side == treated_side[patient], PRP, 0)
    which = ADJUNCTS[_choose_one(len(patient), ADJUNCT_SHARES, rng)]
    which = np.where(at_home, HYALURONIC_ACID, which)
    return np.where((rng.random(len(patient)) < WITH_ADJUNCT) & (arm == 0), which, 0)


def lay_out_visits(patients: Patients, sites: SimulatedSites) -> Visits:
    """Lay out the assessments: baseline, one after each session done, and the late ones.

    An untreated site is seen whenever its patient would have had a session.
    """
    who = sites.patient
    done, late = patients.done[who], patients.late[who]
    rows = 1 + done + late
    site = np.repeat(np.arange(len(who)), rows)
    step = np.arange(len(site)) - np.repeat(rows.cumsum() - rows, rows)
    number = np.minimum(step, done[site])
    is_late = step > done[site]
    patient = who[site]
    session_week = patients.week[patient, np.maximum(number - 1, 0)]
    gap = patients.week[patient, number] - session_week
    late_gap = patients.late_gap[patient, np.clip(step - number - 1, 0, 1)]
    gap = np.where(is_late, late_gap, gap)
    return Visits(
        site=site,
        number=number,
        late=is_late,
        last=(step == done[site]),
        week=session_week + gap,
        gap=gap,
    )


def _calendar(complete: Bools, design: SimulatedDesign, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the weeks of the visits; only a complete course is followed by late ones."""
    n = len(complete)
    interval = np.full(n, WEEKS_APART)
    if "intervals" in design.has:
        interval = np.array(list(INTERVALS))[_choose_one(n, list(INTERVALS.values()), rng)]
    delay = (rng.random((n, MAX_SESSIONS)) < design.delayed).cumsum(axis=1)
    after = interval[:, None] * np.arange(1, MAX_SESSIONS + 1) + delay
    comes_back = complete & (rng.random(n) < LATE_SHARE * ("late visits" in design.has))
    return {
        "interval": interval,
        "week": np.hstack([np.zeros((n, 1), dtype=int), after]),
        "late": comes_back * rng.integers(1, 3, n),
        "late_gap": np.array(LATE_WEEKS) + rng.integers(0, 4, (n, 2)),
    }


def _home_and_shallow(home: Floats, shallow: Floats, rng: np.random.Generator) -> dict[str, Any]:
    at_home = rng.random(len(home)) < home
    in_clinic = (shallow - SHALLOW_AT_HOME * home) / (1 - home)
    chance = np.where(at_home, SHALLOW_AT_HOME, in_clinic)
    return {"at_home": at_home, "shallow": rng.random(len(home)) < chance}


def _allocate(n: int, shares: Floats) -> Ints:
    """Return n codes in the proportions of the shares, by largest remainder."""
    exact = n * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    largest = np.argsort(counts - exact, kind="stable")[: n - counts.sum()]
    counts[largest] += 1
    return np.repeat(np.arange(len(shares)), counts)


def _choose(weights: Floats, at: Floats) -> Ints:
    """Return one code a row: where ``at`` (0 to 1) falls among the weights of that row."""
    edges = weights.cumsum(axis=1)
    return (at[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=1)


def _evenly(kind: Ints, rng: np.random.Generator) -> Floats:
    """Draw numbers from 0 to 1, spread evenly within each kind: each gets its share of arms."""
    order = np.lexsort((rng.random(len(kind)), kind))
    sizes = np.bincount(kind)
    rank = np.arange(len(kind)) - (sizes.cumsum() - sizes)[kind[order]]
    at = np.empty(len(kind))
    at[order] = (rank + rng.random(len(sizes))[kind[order]]) / sizes[kind[order]]
    return at


def _choose_one(n: int, shares: Sequence[float] | Floats, rng: np.random.Generator) -> Ints:
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, rng.random(n), side="right")
