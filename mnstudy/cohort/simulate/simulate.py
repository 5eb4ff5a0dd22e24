"""Simulate a study whose truth is known, under the data contract."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.simulate import safety, scores
from mnstudy.cohort.simulate.design import ARMS, DESIGNS, TYPES, SimulatedDesign, usual
from mnstudy.cohort.simulate.people import (
    Ints,
    draw_patients,
    draw_sites,
    in_situation,
    lay_out_visits,
)
from mnstudy.cohort.simulate.scores import SimulatedStudy
from mnstudy.cohort.simulate.situation import SCALE, Situation, situation_of
from mnstudy.cohort.simulate.truth import (
    Floats,
    check_given,
    effects_of_types,
    resolve_types,
    truth_table,
    truths,
)
from mnstudy.cohort.study.plan import Plan
from mnstudy.cohort.study.study import Limit, Study
from mnstudy.cohort.table import Cohort, Provenance

MISSING_DEPTH = 0.015
INVENTED = (
    "Invented data: every patient and every number was drawn by a computer. They show how the "
    "analyses work and are never evidence about microneedling."
)


def simulate(
    n_patients: int = 400,
    *,
    truth: Mapping[str, float] | None = None,
    design: str = "registry",
    situation: Mapping[str, Any] | None = None,
    rng: int | np.random.Generator | None = None,
) -> Cohort:
    """Draw an invented study whose truth is known.

    Parameters
    ----------
    n_patients : int
        Patients enrolled.
    truth : mapping, optional
        Claim id to the true effect in the claim's own unit, in place of the defaults. What
        follows from other effects is worked out again: ``reduces-scarring`` shifts the effects
        on all scar types, ``treats-...`` sets one type and so moves ``reduces-scarring``.
    design : {"registry", "single_arm", "parallel", "split_body", "crossover"}
        ``registry``: all scar types, treatments, depths and settings, six clinics, visits to a
        year; the treatment depends on scar type and severity, on nothing unseen. ``single_arm``:
        acne scars, all needled. ``parallel``: acne scars, needling or nothing at random.
        ``split_body``: acne scars, needling on both sides, PRP added on one at random.
        ``crossover``: acne scars, needling in one of two periods and nothing in the other, in
        either order at random; a wash-out is declared.
    situation : mapping, optional
        What breaks verdicts. Scores: ``spreads`` (a mapping of arms to factors on their standard
        deviations), ``skewness``, ``autocorrelation`` of the visits of a site, ``slopes_differ``
        (points a session, SD between patients), ``rater_error`` (points, SD), ``step`` (25 for
        quartiles), ``ceiling`` and ``floor`` (cut there, the mean of an arm at the end of regular
        visits kept). Layout: ``lesions`` a side, ``lesions_differ`` (points, SD of the effect
        between lesions), ``needled_share`` of a parallel study, its ``clinics`` and
        ``clinics_differ`` (points, SD of their levels), ``confounded`` (log odds of being treated
        that each grade of severity adds in a registry), ``regular_visits`` (true: all four weeks
        apart, the whole course seen, its end the final week). Losses: ``lost`` (chance of each
        visit that the patient has left by then) and ``lost_by`` (chance, seen or unseen: by the
        score of the visit before, or of that missed). What moves what is seen away from the truth:
        ``stop_when_good`` (points at which a patient ends her course), ``selected`` (share of those
        read at first who were taken, of a single arm or registry), with ``reliability`` and
        ``selection_recorded`` (true: the study declares both), ``natural_course`` (points that all
        gain untreated), ``carry_over`` to the other side of a split body or the next period of a
        crossover (share), ``unrecorded`` (points by which the needled of a registry would do better
        anyway).

        The truth stays that of the treatment itself, and but for the last group so does the
        difference of two arms. A claim whose effect is moved by no known number has no truth:
        ``weeks-to-results`` where shares beyond a threshold change, and in a crossover; with a
        ceiling or floor those about types, severity, phototypes and sessions; with
        ``stop_when_good`` those about depth, texture and tone at the end of the course.
    rng : int or numpy Generator, optional
        Seed or generator; the same seed gives the same bytes. None takes a fresh seed, which
        ``provenance.source`` records.

    Returns
    -------
    Cohort
        ``study.truth`` holds claim id -> effect, unit, holds ("true", "false" or "too small" to
        matter) and says, a sentence.

    Raises
    ------
    ValueError
        An unknown design, claim or situation, or effects that the design cannot have.

    Notes
    -----
    Effects on the improvement hold for the final assessment at the depth, the sessions and the
    follow-up that are usual for the scar type and its severity. Patients who respond poorly
    leave earlier; everybody is seen at least once after baseline.

    Examples
    --------
    >>> wide = simulate(40, design="parallel", situation={"spreads": {"needling": 3}}, rng=1)
    >>> wide.study.truth["reduces-scarring"]["effect"]
    28.98
    >>> study = simulate(20, design="split_body", truth={"topical-adjunct": 0}, rng=1)
    >>> study.study.truth["topical-adjunct"]["holds"]
    'false'
    """
    if design not in DESIGNS:
        raise ValueError(f"no design {design!r}; designs: {', '.join(DESIGNS)}")
    if isinstance(n_patients, bool) or int(n_patients) != n_patients or n_patients < 1:
        raise ValueError(f"n_patients must be a whole number of at least 1, not {n_patients!r}")
    seed = np.random.SeedSequence().entropy if rng is None else rng
    asked = dict(situation or {})
    how = situation_of(asked, DESIGNS[design])
    planned = DESIGNS[design].regular() if how.regular_visits else DESIGNS[design]
    drawn, streams = _draw(int(n_patients), dict(truth or {}), planned, how, seed)
    data = table(drawn, streams)
    study = _study(drawn, asked, seed)
    digest = hashlib.sha256(csv_text(data).encode()).hexdigest()
    provenance = Provenance(
        name=f"simulated_{design}",
        source=study.source,
        sha256=digest,
        synthetic=True,
        rows=len(data),
    )
    return Cohort(data=data, study=study, provenance=provenance)


def _draw(
    n: int, given: dict[str, float], design: SimulatedDesign, situation: Situation, seed: Any
) -> tuple[SimulatedStudy, list[np.random.Generator]]:
    """Draw people and visits, and return them with a stream of random numbers for each measure."""
    check_given(given, design.has, design.name)
    cells = usual(design.name, regular=situation.regular_visits, confounded=situation.confounded)
    weights = cells.needled.sum(axis=1)
    by_type = resolve_types(given, weights)
    effects = {k: t.effect for k, t in truths().items() if t.effect is not None}
    effects |= design.defaults | given | effects_of_types(by_type, weights)
    effects |= safety.possible_defaults(effects, given, cells)
    effects["weeks-to-results"] = scores.share_better_at_first(design, cells, effects, by_type)
    # a stream of its own for each measure: an effect changes only what it is about
    seeds = np.random.default_rng(seed).integers(0, 2**63, size=10)
    people, *streams = (np.random.default_rng(s) for s in seeds)
    patients = draw_patients(n, design, cells, people)
    sites = draw_sites(patients, design, cells, situation, people)
    patients = in_situation(patients, situation, people)
    drawn = SimulatedStudy(
        design=design,
        usual=cells,
        effects=effects,
        by_type=by_type,
        situation=situation,
        patients=patients,
        sites=sites,
        visits=lay_out_visits(patients, sites),
    )
    return drawn, streams


def _study(drawn: SimulatedStudy, asked: Mapping[str, Any], seed: Any) -> Study:
    design, n = drawn.design, len(drawn.patients.type)
    untold, periods = drawn.situation.untold, "periods" in design.has
    untold |= {"weeks-to-results"} if periods else set()  # periods move shares
    told = truth_table(drawn.effects, design.has)
    more = f", situation={asked!r}" if asked else ""
    how = f"rng={seed}" if isinstance(seed, int | np.integer) else "a generator passed in"
    return Study(
        title=design.title,
        design=design.name,
        design_declared=True,
        randomised=design.randomised,
        assessor=design.assessor,
        synthetic=True,
        licence="CC0-1.0",
        source=f"Invented by mnstudy.simulate({n}, design={design.name!r}{more}) with {how}.",
        plan=Plan(
            primary=tuple(design.primary),
            final_week=design.final_week,
            window_weeks=design.window_weeks,
        ),
        selection=drawn.situation.selection,
        limits=(Limit(scope="all", says=INVENTED),),
        truth={claim: entry for claim, entry in told.items() if claim not in untold},
        carry_over=False if periods else None,  # a wash-out is declared
    )


def table(drawn: SimulatedStudy, streams: list[np.random.Generator]) -> pd.DataFrame:
    """Put the columns together in the order of the contract."""
    score = scores.improvement(drawn, streams[3])
    if (enough := drawn.situation.stop_when_good) is not None:
        drawn, score = scores.stop_when_good(drawn, score, enough)
    values = {**_who_and_what(drawn, streams[0]), **_when(drawn)}
    values |= _outcomes(drawn, score, streams)
    by_name = {
        name: _typed(values[name], spec.kind, spec.levels)
        for name, spec in columns().items()
        if name in values
    }
    return pd.DataFrame(by_name)


def _who_and_what(drawn: SimulatedStudy, rng: np.random.Generator) -> dict[str, Any]:
    people, sites, site = drawn.patients, drawn.sites, drawn.visits.site
    who = sites.patient[site]
    n = len(people.type)
    ids = np.array([f"P{i:0{max(4, len(str(n)))}d}" for i in range(1, n + 1)])
    needled = np.isin(sites.arm, (0, 1))
    unknown = needled & (rng.random(len(needled)) < MISSING_DEPTH)
    depth = np.where(drawn.visits.baseline, 0.0, sites.depth[site])
    cells = {
        "patient_id": ids[who],
        "site_id": _site_names(drawn)[site],
        "scar_type": _codes("scar_type", TYPES)[people.type[who]],
        "needle_depth_mm": np.where(unknown[site] & ~drawn.visits.baseline, np.nan, depth),
        "sex": people.sex[who],
        "age_band": people.age[who],
        "phototype": people.phototype[who],
        "baseline_severity": (people.grade[who] + 1).astype(float),
        "treatment": _codes("treatment", ARMS)[sites.arm][site],
        "adjunct": sites.adjunct[site],
        "setting": sites.at_home.astype(int)[site],
        "device": _device(drawn, rng)[site],
        "session_interval_weeks": people.interval[who].astype(float),
    }
    if "periods" in drawn.design.has:
        started = np.zeros(n, dtype=int)
        started[sites.patient[sites.needling & (sites.side == 0)]] = 1
        cells["period"] = sites.side[site] + 1
        cells["sequence"] = np.array(["untreated first", "needling first"])[started[who]]
    if "clinics" in drawn.design.has or drawn.situation.clinics:
        cells["clinic_id"] = np.array([f"C{i + 1}" for i in people.clinic])[who]
    return cells


def _site_names(drawn: SimulatedStudy) -> np.ndarray:
    sites = drawn.sites
    # each period is a site of its own; a comma would need quotes in the sheet
    names = ["first", "second"] if "periods" in drawn.design.has else ["left", "right"]
    side = np.array(names)[sites.side]
    if not sites.lesion.any():
        return side
    return np.array([f"{s} {i + 1}" for s, i in zip(side, sites.lesion, strict=True)])


def _device(drawn: SimulatedStudy, rng: np.random.Generator) -> Ints:
    sites = drawn.sites
    roller, pen, rf, laser, none = _codes("device", ("roller", "pen", "rf_device", "laser", "none"))
    chosen = np.where(sites.at_home | (rng.random(len(sites.arm)) < 0.3), roller, pen)
    return np.where(sites.needling, chosen, np.array([none, rf, laser, none, none])[sites.arm])


def _codes(column: str, levels: tuple[str, ...]) -> Ints:
    known = columns()[column].levels
    return np.array([known.index(level) for level in levels])


def _when(drawn: SimulatedStudy) -> dict[str, Any]:
    visits, sites = drawn.visits, drawn.sites
    untreated = sites.untreated[visits.site]
    never = untreated | visits.baseline
    cells: dict[str, Any] = {
        "session_count": np.where(untreated, 0, visits.number).astype(float),
        "weeks": visits.week.astype(float),
        "weeks_since_last_session": np.where(never, np.nan, visits.gap),
    }
    if "late visits" in drawn.design.has:
        kept = drawn.patients.maintenance[sites.patient][visits.site]
        cells["maintenance"] = (kept, visits.late & ~untreated)
    return cells


def _outcomes(
    drawn: SimulatedStudy, score: Floats, streams: list[np.random.Generator]
) -> dict[str, Any]:
    days, resolved, known = safety.redness(drawn, streams[1])
    events = safety.adverse_events(drawn, streams[2])
    cells = {
        "improvement_score": score,
        "scar_depth_um": scores.scar_depth(drawn, streams[4]),
        "texture_score": scores.rated(drawn, "smooths-texture", 4.2, streams[5]),
        "tone_score": scores.rated(drawn, "evens-tone", 5.0, streams[5]),
        "satisfaction_score": scores.satisfaction(drawn, streams[6]),
        "pain_score": safety.pain(drawn, streams[7]),
        "erythema_days": days,
        "erythema_resolved": (resolved, known),
        **{name: (happened, ~drawn.visits.baseline) for name, happened in events.items()},
    }
    if drawn.patients.first is not None:
        first = drawn.patients.first[drawn.sites.patient][drawn.visits.site]
        cells["scale"] = np.full(len(score), SCALE)
        cells["scale_score"] = (first * (1 - score / 100)).round(2)
    if "biopsies" in drawn.design.has:
        cells |= safety.tissue(drawn, streams[8])
    return cells


def _typed(values: Any, kind: str, levels: tuple[str, ...]) -> Any:
    """Give a column the type that a loaded sheet has."""
    if kind in ("category", "ordered"):
        return pd.Categorical.from_codes(values, dtype=_levels(levels, kind == "ordered"))
    if kind == "boolean":
        happened, known = values
        return pd.arrays.BooleanArray(happened, ~known)
    if kind == "integer":
        return pd.array(values, dtype="Int64")
    return pd.array(values, dtype="str") if kind in ("id", "text") else values


@cache
def _levels(levels: tuple[str, ...], ordered: bool) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(list(levels), ordered=ordered)


def csv_text(data: pd.DataFrame) -> str:
    """Write a contract table as CSV text: UTF-8, LF, true and false, empty where missing.

    Written by hand because ``DataFrame.to_csv`` takes most of the time of a simulation; no value
    of the contract needs quotes.
    """
    cells = [_column_text(column) for _, column in data.items()]
    lines = [",".join(data.columns), *map(",".join, zip(*cells, strict=True))]
    return "\n".join(lines) + "\n"


def _column_text(column: pd.Series) -> list[str]:
    if isinstance(column.dtype, pd.CategoricalDtype):  # a missing value has the code -1
        return np.array([*column.array.categories, ""], dtype=object)[column.array.codes].tolist()
    if column.dtype == "str":
        return column.fillna("").tolist()
    codes, found = pd.factorize(column.to_numpy(dtype="float64", na_value=np.nan))
    words = {1.0: "true", 0.0: "false"} if column.dtype == "boolean" else {}
    texts = [words.get(x) or f"{x:g}" for x in found.tolist()]
    return np.array([*texts, ""], dtype=object)[codes].tolist()
