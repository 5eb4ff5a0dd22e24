"""Improvement scores of a simulated study, and the measures that move with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from mnstudy.cohort.simulate.design import (
    ARMS,
    CLINICS,
    FIRST_GAIN,
    GAIN,
    INTERVALS,
    MAX_SESSIONS,
    PHOTOTYPES,
    SimulatedDesign,
    Usual,
)
from mnstudy.cohort.simulate.people import (
    MAINTAINED,
    Patients,
    SimulatedSites,
    Visits,
    lay_out_visits,
)
from mnstudy.cohort.simulate.situation import Ints, Situation, visit_of
from mnstudy.cohort.simulate.truth import Floats

DRIFT = 4.0
PER_MM = 0.5
SD_CLINIC = 3.0
PERIOD = 4.0
WORTHWHILE = 10.0
SATISFIED_UNTREATED = 0.2
ACNE_TYPES = 4
#: Mean depth of a scar in micrometres: ice pick, boxcar, rolling, mixed.
SCAR_DEPTHS = np.array([900.0, 520.0, 430.0, 560.0])
USUAL = Situation()
Effects = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedStudy:
    """A drawn study: its design, what is usual in it, its truth, its people and visits."""

    design: SimulatedDesign
    usual: Usual
    effects: Effects
    by_type: Floats
    situation: Situation
    patients: Patients
    sites: SimulatedSites
    visits: Visits

    def per_site(self, cells: Floats) -> Floats:
        """Look up a value by scar type and severity for every site."""
        who = self.sites.patient
        return cells[self.patients.type[who], self.patients.grade[who]]


def improvement(drawn: SimulatedStudy, rng: np.random.Generator) -> Floats:
    """Draw the improvement score of every assessment, missing ones among them.

    Notes
    -----
    score = 4 + severity + phototype + clinic + patient + (treated sites: treatment + sessions +
    late change) + residual. Depth, sessions and late change are centred at what is usual for the
    scar type and the severity, so that the effects in the truth hold at the final assessment.
    """
    visits, site, situation = drawn.visits, drawn.visits.site, drawn.situation
    noise = drawn.design.sd_residual * rng.standard_normal(len(site))
    known = rng.random(len(site)) >= drawn.design.unknown
    own = _own_level(drawn, rng)[drawn.sites.patient[site]]
    course = _treatment(drawn)[site] + _sessions(drawn) + _late_change(drawn)
    score = own + np.where(drawn.sites.untreated[site], 0.0, course) + noise
    if "periods" in drawn.design.has:
        score += PERIOD * (drawn.sites.side - 0.5)[site]
    if situation != USUAL:
        z = noise / drawn.design.sd_residual
        followed = situation.follow(z, site)
        score += _departure(drawn, z, followed, rng)
        known &= ~_lost(drawn, followed, rng)
    step = situation.step or 1.0
    score = np.clip(step * np.rint(score / step), situation.floor, situation.ceiling)
    return np.where(visits.baseline, 0.0, np.where(known, score, np.nan))


def _departure(
    drawn: SimulatedStudy, z: Floats, followed: Floats, rng: np.random.Generator
) -> Floats:
    """Return what each assessment deviates by in this situation, less what it usually does."""
    situation, sites, people = drawn.situation, drawn.sites, drawn.patients
    site, number = drawn.visits.site, drawn.visits.number
    factor = np.array([situation.spreads.get(arm, 1.0) for arm in ARMS])[sites.arm]
    usual = people.response[sites.patient]
    level = drawn.design.sd_patient * (factor * situation.deviate(usual) - usual)
    within = factor[site] * situation.deviate(followed) - z
    own_slope, own_effect, error = (
        rng.standard_normal(n) for n in (len(people.type), len(sites.arm), len(z))
    )
    treated = ~sites.untreated
    level = level + situation.lesions_differ * own_effect * treated + situation.natural_course
    level += situation.unrecorded * sites.needling
    carried = drawn.effects["topical-adjunct"] * (sites.adjunct == 0)
    if "periods" in drawn.design.has:
        carried = drawn.by_type[people.type[sites.patient]] * (sites.side * sites.untreated)
    level += situation.carry_over * carried
    if situation.clinics:
        at = situation.clinics_differ * rng.standard_normal(int(situation.clinics))
        level += at[people.clinic][sites.patient]
    if people.first is not None:
        level += situation.chance_gain(people.first)[sites.patient]
    if situation.cut:
        level += _within_ends(drawn)
    slope = situation.slopes_differ * own_slope[sites.patient] * treated
    return (
        level[site]
        + slope[site] * number
        + drawn.design.sd_residual * within
        + situation.rater_error * error
    )


def _within_ends(drawn: SimulatedStudy) -> Floats:
    """Return what shifts each site so that the mean of its arm, cut at the ends, is the one told.

    Of normal scores at the end of a regular course, over the types, severities and phototypes of
    the design. A score is its lowest value and a step for each middle between two that it passes.
    """
    situation, effects, sites = drawn.situation, drawn.effects, drawn.sites
    step = situation.step or 1.0
    middles = np.arange(situation.floor + step / 2, situation.ceiling, step)
    weight = drawn.usual.patients[..., None] * PHOTOTYPES
    seen = weight > 0
    alike = DRIFT + situation.natural_course + effects["severity-matters"] * (np.arange(4) - 1.5)
    alike = alike[:, None] + effects["skin-type-matters"] * _tone()
    shift = np.zeros(len(sites.arm))
    for arm, topical in {*zip(sites.arm, sites.adjunct > 0, strict=True)}:
        treated = ARMS[arm] != "untreated"
        mean = (alike + treated * drawn.by_type[:, None, None])[seen]
        mean += effects["topical-adjunct"] * (1.0 if topical else situation.carry_over)
        sd = _spread_at_end(drawn, arm)

        def off(by: float, mean: Floats = mean, sd: float = sd) -> float:
            cut = situation.floor + step * ndtr((mean[:, None] + by - middles) / sd).sum(axis=1)
            return float(weight[seen] @ (cut - mean))

        if off(-1000.0) * off(1000.0) >= 0:
            raise ValueError(
                f"situation: a mean of {weight[seen] @ mean:.3g} points ({ARMS[arm]}) does not fit "
                f"between {situation.floor:g} and {situation.ceiling:g}: move ceiling or floor, or "
                "change the truth"
            )
        shift[(sites.arm == arm) & ((sites.adjunct > 0) == topical)] = brentq(off, -1000.0, 1000.0)
    return shift


def _spread_at_end(drawn: SimulatedStudy, arm: int) -> float:
    """Return the standard deviation of the scores of an arm at the end of a regular course."""
    situation, design = drawn.situation, drawn.design
    usual = situation.spreads.get(ARMS[arm], 1.0) * np.hypot(design.sd_patient, design.sd_residual)
    parts = [usual, situation.rater_error, situation.clinics_differ * (situation.clinics > 0)]
    if ARMS[arm] != "untreated":
        parts += [situation.lesions_differ, situation.slopes_differ * (design.sessions or 0)]
    return float(np.linalg.norm(parts))


def stop_when_good(
    drawn: SimulatedStudy, score: Floats, enough: float
) -> tuple[SimulatedStudy, Floats]:
    """End the course of the treated at a good reading; what came after is not seen."""
    people, sites, visits = drawn.patients, drawn.sites, drawn.visits
    patient = sites.patient[visits.site]
    read = visits.course & ~sites.untreated[visits.site] & ~np.isnan(score)
    shape = len(people.type), MAX_SESSIONS + 1
    mean, count = _by_visit(score[read], patient[read], visits.number[read], shape)
    good = (count > 0) & (mean >= enough)
    good[:, -1] = True
    done = np.minimum(people.done, good.argmax(axis=1))
    early = done < people.done
    kept = ~early[patient] | (~visits.late & (visits.number <= done[patient]))
    people = replace(people, done=done, late=np.where(early, 0, people.late))
    return replace(drawn, patients=people, visits=lay_out_visits(people, sites)), score[kept]


def _by_visit(
    values: Floats, patient: Ints, visit: Ints, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return the mean of each patient at each visit, 0 where there is none, and how many."""
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (patient, visit), values)
    np.add.at(count, (patient, visit), 1.0)
    return total / np.maximum(count, 1.0), count


def _lost(drawn: SimulatedStudy, z: Floats, rng: np.random.Generator) -> np.ndarray:
    """Tell which assessments come after their patient has left."""
    situation, sites, site = drawn.situation, drawn.sites, drawn.visits.site
    patient, n = sites.patient[site], len(drawn.patients.type)
    visit = visit_of(patient if "periods" in drawn.design.has else site)
    last = int(visit.max()) + 1
    chance = rng.random((n, last))
    if situation.lost_by == "chance":
        leaves = chance < situation.lost
    else:
        leaves = chance < 2 * situation.lost * ndtr(2 * _worse(drawn, z, patient, visit))
    leaves[:, :2] = False  # baseline, and the first visit after it
    return np.logical_or.accumulate(leaves, axis=1)[patient, visit]


def _worse(drawn: SimulatedStudy, z: Floats, patient: Ints, visit: Ints) -> Floats:
    """Return by patient and visit why she would leave: how badly the treatment does for her.

    Of two sides the one with the topical tells.
    """
    design, sites, site = drawn.design, drawn.sites, drawn.visits.site
    spread = np.hypot(design.sd_patient, design.sd_residual)
    better = design.sd_patient * drawn.patients.response[patient] + design.sd_residual * z
    side = sites.adjunct[site] > 0 if design.name == "split_body" else np.ones(len(site), bool)
    shape = len(drawn.patients.type), int(visit.max()) + 1
    mean, _ = _by_visit(better[side] / spread, patient[side], visit[side], shape)
    if drawn.situation.lost_by == "seen":
        mean = np.roll(mean, 1, axis=1)
    untreated = np.zeros(shape[0], bool)
    untreated[sites.patient] = sites.untreated
    return np.where(untreated[:, None], mean, -mean)


def _own_level(drawn: SimulatedStudy, rng: np.random.Generator) -> Floats:
    """Return what the score of an untreated site would be, residual aside, per patient."""
    people, effects = drawn.patients, drawn.effects
    clinics = rng.normal(0, SD_CLINIC, len(CLINICS))
    clinics -= CLINICS @ clinics
    level = DRIFT + drawn.design.sd_patient * people.response
    if "clinics" in drawn.design.has:
        level += clinics[people.clinic]
    level += effects["severity-matters"] * (people.grade - 1.5)
    return level + effects["skin-type-matters"] * _tone()[people.phototype]


def _tone() -> Floats:
    """Return the phototypes on a scale from light to dark that averages 0 and is 1 long."""
    tone = np.linspace(-0.5, 0.5, len(PHOTOTYPES))
    return tone - PHOTOTYPES @ tone


def _treatment(drawn: SimulatedStudy) -> Floats:
    """Return what the treatment of each site adds at its usual course."""
    effects, sites, people = drawn.effects, drawn.sites, drawn.patients
    instead = [effects["rf-combination"], -effects["comparable-to-laser"]]
    instead += [-effects["comparable-to-peel"], 0.0]
    usual_deep = 1 - drawn.per_site(drawn.usual.shallow)
    beyond = (sites.depth - drawn.per_site(drawn.usual.deep_mm)) * ~sites.shallow
    depth = effects["deeper-needling"] * (~sites.shallow - usual_deep) + PER_MM * beyond
    added = drawn.by_type[people.type[sites.patient]] + np.array([0.0, *instead])[sites.arm]
    added += np.where(sites.needling, depth, 0.0)
    added += effects["topical-adjunct"] * (sites.adjunct > 0)
    return added + effects["spaced-sessions"] * (people.interval - _mean_interval())[sites.patient]


def _mean_interval() -> float:
    return sum(weeks * share for weeks, share in INTERVALS.items())


def _sessions(drawn: SimulatedStudy) -> Floats:
    """Return the gain by the sessions done so far, against the usual final gain."""
    done = np.maximum(drawn.visits.number - 1, 0)
    gap = GAIN[done] - drawn.per_site(drawn.usual.gain)[drawn.visits.site]
    return drawn.effects["more-sessions"] / drawn.usual.slope * gap


def _late_change(drawn: SimulatedStudy) -> Floats:
    """Return the change after the course, against the usual one (nothing for most sites)."""
    effects, visits = drawn.effects, drawn.visits
    kept = drawn.patients.maintenance[drawn.sites.patient] - MAINTAINED
    change = effects["results-last"] + effects["maintenance"] * kept
    expected = effects["results-last"] * drawn.per_site(drawn.usual.late)
    return visits.late * change[visits.site] - expected[visits.site]


def share_better_at_first(
    design: SimulatedDesign, usual: Usual, effects: Effects, by_type: Floats
) -> float:
    """Return the percentage of sites needled alone that are 10 points better at first sight.

    Notes
    -----
    Scores are normal around the mean of each scar type, severity and depth (up to or over
    0.3 mm); they are whole points, so 9.5 counts as 10.
    """
    mean = DRIFT + by_type[:, None] + effects["severity-matters"] * (np.arange(4) - 1.5)
    mean = mean - effects["more-sessions"] / usual.slope * usual.gain
    mean = mean - effects["results-last"] * usual.late
    variance = design.sd_patient**2 + design.sd_residual**2
    variance += SD_CLINIC**2 * ("clinics" in design.has)
    share = 0.0
    for over, chance in ((0.0, usual.shallow), (1.0, 1 - usual.shallow)):
        centred = mean + effects["deeper-needling"] * (over - (1 - usual.shallow))
        score = (centred - WORTHWHILE + 0.5) / np.sqrt(variance)
        better = np.reshape([NormalDist().cdf(z) for z in score.flat], score.shape)
        share += usual.mean(chance * better)
    return 100 * share


def progress(drawn: SimulatedStudy) -> Floats:
    """Return how far each assessment has come: 0 at baseline, 1 on average at the end."""
    visits = drawn.visits
    gained = FIRST_GAIN + GAIN[np.maximum(visits.number - 1, 0)]
    whole = FIRST_GAIN + drawn.per_site(drawn.usual.gain)[visits.site]
    seen = ~visits.baseline & ~drawn.sites.untreated[visits.site]
    return np.where(seen, gained / whole, 0.0)


def rated(drawn: SimulatedStudy, claim: str, start: float, rng: np.random.Generator) -> Floats:
    """Draw a rating of 0 to 10 in half points that rises by the effect of the claim."""
    site = drawn.visits.site
    baseline = np.clip(rng.normal(start, 1.2, len(drawn.sites.patient)), 2, 7)[site]
    noise = rng.normal(0, 0.6, len(site))
    score = baseline + drawn.effects[claim] * progress(drawn) + noise
    return np.clip(np.rint(2 * score) / 2, 0, 10)


def scar_depth(drawn: SimulatedStudy, rng: np.random.Generator) -> Floats:
    """Draw the depth of acne scars in micrometres, at baseline and at the end of the course."""
    visits, site = drawn.visits, drawn.visits.site
    kind = drawn.patients.type[drawn.sites.patient]
    start = np.rint(SCAR_DEPTHS[np.minimum(kind, 3)] * rng.lognormal(0, 0.25, len(kind)))[site]
    left = 1 + drawn.effects["reduces-scar-depth"] / 100 * progress(drawn)
    end = np.rint(np.maximum(start * (left + rng.normal(0, 0.08, len(site))), 0))
    depth = np.where(visits.baseline, start, np.where(visits.last, end, np.nan))
    return np.where(kind[site] < ACNE_TYPES, depth, np.nan)


def satisfaction(drawn: SimulatedStudy, rng: np.random.Generator) -> Floats:
    """Draw the satisfaction after baseline; 7 and more has the share of the truth."""
    sites, site = drawn.sites, drawn.visits.site
    treated = NormalDist().inv_cdf(drawn.effects["satisfies-patients"] / 100)
    level = np.where(sites.untreated, NormalDist().inv_cdf(SATISFIED_UNTREATED), treated)
    mood = 0.6 * drawn.patients.response[sites.patient] + 0.7 * rng.standard_normal(len(level))
    today = np.sqrt(1 - 0.6**2 - 0.7**2) * rng.standard_normal(len(site))
    score = np.rint(6.5 + 1.8 * (today + (mood + level)[site]))
    return np.where(drawn.visits.baseline, np.nan, np.clip(score, 0, 10))
