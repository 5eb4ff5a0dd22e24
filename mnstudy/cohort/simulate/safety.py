"""What sessions cost in a simulated study (harm, pain, redness), and what biopsies show."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from mnstudy.cohort.simulate.design import PHOTOTYPES, SHALLOW_MM, Usual
from mnstudy.cohort.simulate.people import Bools
from mnstudy.cohort.simulate.scores import Effects, SimulatedStudy
from mnstudy.cohort.simulate.truth import Floats

EVENTS = ("infection", "bruising", "pih", "worsening", "acne_flare")
FLARES = 1 / 6
#: How any adverse event of laser and of peel divides into ``EVENTS``.
LASER_EVENTS = np.array([0.10, 0.10, 0.55, 0.15, 0.10])
PEEL_EVENTS = np.array([0.05, 0.00, 0.60, 0.25, 0.10])
UNTREATED_EVENTS = np.array([0.0, 0.0, 0.0, 0.01, 0.005])
DARKER = 4.0
NEARLY = 0.9
SD_REDNESS = 0.6
LONGER_REDNESS = np.array([0.0, 0.2, 0.6, 0.3, 0.0])
MORE_PAIN = np.array([1.0, 1.1, 1.2, 0.8, 0.0])
SHALLOW_PAIN = 0.7
BIOPSIED, ABSORBED = 0.26, 0.18
TISSUE = {
    "collagen_change_percent": ("more-collagen", 18.0),
    "elastin_change_percent": ("more-elastin", 15.0),
    "fibrosis_change_percent": ("remodels-fibrosis", 15.0),
    "perfusion_change_percent": ("blood-flow", 20.0),
}


def possible_defaults(effects: Effects, given: Effects, usual: Usual) -> dict[str, float]:
    """Return the default differences between groups, kept within what the overall rates allow.

    Parameters
    ----------
    effects : mapping
        Claim id to effect, defaults and given ones.
    given : mapping
        The given ones; these are left alone.
    usual : Usual
        What is usual in the design.
    """
    rates = _rates(effects) * 100
    marks, harm, anything = rates[1] + rates[2], rates[0] + rates[3], rates.sum()
    least = {
        "shallow-safer": -marks / (1 - usual.mean(usual.shallow)),
        "home-riskier": -harm / (1 - usual.mean(usual.home)),
    }
    most = {
        "shallow-safer": marks / max(usual.mean(usual.shallow), 1e-9),
        "home-riskier": harm / max(usual.mean(usual.home), 1e-9),
        "gentler-than-laser": anything,
        "gentler-than-peel": anything,
    }
    return {
        claim: min(max(effects[claim], NEARLY * least.get(claim, -np.inf)), NEARLY * most[claim])
        for claim in most
        if claim not in given
    }


def adverse_events(drawn: SimulatedStudy, rng: np.random.Generator) -> dict[str, Bools]:
    """Draw at most one kind of adverse event a site, and the assessment that reports it.

    One draw serves all sites of a patient, so that the shares hold per patient.
    """
    chance = _chances(drawn)
    if (chance < -1e-12).any() or (chance.sum(axis=1) > 1).any():
        raise ValueError("these adverse-event effects do not fit together: a chance leaves 0 to 1")
    at = rng.random(len(drawn.patients.type))[drawn.sites.patient]
    kind = (at[:, None] >= chance.cumsum(axis=1)).sum(axis=1)
    done = drawn.patients.done[drawn.sites.patient]
    when = 1 + np.floor(rng.random(len(kind)) * done).astype(int)
    visits = drawn.visits
    reported = visits.course & (visits.number == when[visits.site])
    return {name: reported & (kind[visits.site] == i) for i, name in enumerate(EVENTS)}


def _rates(effects: Effects) -> Floats:
    """Return the share of needled patients with each of ``EVENTS``."""
    worse = effects["rare-worsening"]
    rates = [effects[f"rare-{event}"] for event in ("infection", "bruising", "pih")]
    return np.array([*rates, worse * (1 - FLARES), worse * FLARES]) / 100


def _chances(drawn: SimulatedStudy) -> Floats:
    """Return the chance of each kind of event (sites, 5)."""
    effects, sites = drawn.effects, drawn.sites
    average = _rates(effects)
    by_arm = [
        average,
        average,
        (average.sum() - effects["gentler-than-laser"] / 100) * LASER_EVENTS,
        (average.sum() - effects["gentler-than-peel"] / 100) * PEEL_EVENTS,
        UNTREATED_EVENTS,
    ]
    chance = np.array(by_arm)[sites.arm]
    chance[sites.needling] *= _needling_factors(drawn, average)[sites.needling]
    risk = np.where(np.arange(len(PHOTOTYPES)) >= 3, DARKER, 1.0)
    chance[:, 2] *= (risk / (PHOTOTYPES @ risk))[drawn.patients.phototype[sites.patient]]
    return chance


def _needling_factors(drawn: SimulatedStudy, average: Floats) -> Floats:
    """Return the factors (sites, 5) for depth and setting; they average 1 over needled sites."""
    usual, effects, sites = drawn.usual, drawn.effects, drawn.sites
    factors = np.ones((len(sites.arm), len(EVENTS)))
    marks, harm = average[1] + average[2], average[0] + average[3]
    if marks > 0 and "shallow needles" in drawn.design.has:
        centred = sites.shallow - usual.mean(usual.shallow)
        factors[:, 1:3] += effects["shallow-safer"] / 100 / marks * centred[:, None]
    if harm > 0 and "home" in drawn.design.has:
        centred = sites.at_home - usual.mean(usual.home)
        factors[:, [0, 3]] += effects["home-riskier"] / 100 / harm * centred[:, None]
    return factors


def pain(drawn: SimulatedStudy, rng: np.random.Generator) -> Floats:
    """Draw the pain of each session, 0 to 10; the mean over needled sites is that of the truth."""
    sites, site = drawn.sites, drawn.visits.site
    mean = drawn.effects["little-pain"] / 10
    patient = np.full(len(drawn.patients.type), mean)
    if 0 < mean < 1:
        patient = rng.beta(7 * mean, 7 * (1 - mean), len(patient))
    share = drawn.usual.mean(drawn.usual.shallow)
    deep_pain = (1 - share * SHALLOW_PAIN) / (1 - share)
    factor = MORE_PAIN[sites.arm]
    factor = factor * np.where(sites.needling, np.where(sites.shallow, SHALLOW_PAIN, deep_pain), 1)
    felt = rng.binomial(10, np.clip(patient[sites.patient] * factor, 0, 1)[site])
    return np.where(_sessions_felt(drawn), felt, np.nan)


def redness(drawn: SimulatedStudy, rng: np.random.Generator) -> tuple[Floats, Bools, Bools]:
    """Draw the days of redness after each session.

    Returns
    -------
    days : array
        Whole days, missing where there was no session.
    resolved : array of bool
        False where the diary ended before the redness; never before day 7.
    known : array of bool
        Where there was a session.
    """
    sites, site = drawn.sites, drawn.visits.site
    share = drawn.effects["short-downtime"] / 100
    middle = np.log(2.5) - SD_REDNESS * NormalDist().inv_cdf(share)
    own = 0.4 * rng.standard_normal(len(drawn.patients.type))[sites.patient]
    rest = np.sqrt(SD_REDNESS**2 - 0.4**2) * rng.standard_normal(len(site))
    days = np.rint(np.exp(middle + (own + LONGER_REDNESS[sites.arm])[site] + rest))
    diary = np.where(drawn.patients.clinic % 3 == 2, 7, 14)[sites.patient[site]]
    known = _sessions_felt(drawn)
    return np.where(known, np.minimum(days, diary), np.nan), days <= diary, known


def _sessions_felt(drawn: SimulatedStudy) -> Bools:
    return drawn.visits.course & ~drawn.sites.untreated[drawn.visits.site]


def tissue(drawn: SimulatedStudy, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw the measures of a biopsied share of the needled sites, at the end of the course."""
    sites, site = drawn.sites, drawn.visits.site
    patients = rng.random((2, len(drawn.patients.type)))
    usual = drawn.usual
    mean_depth = usual.mean(usual.shallow * SHALLOW_MM + (1 - usual.shallow) * usual.deep_mm)
    end = drawn.visits.last & sites.needling[site]
    biopsied = end & (patients[0] < BIOPSIED)[sites.patient[site]]
    absorbed = end & (patients[1] < ABSORBED)[sites.patient[site]]
    measures = {}
    for name, (claim, spread) in TISSUE.items():
        change = drawn.effects[claim] + rng.normal(0, spread, len(site))
        if name.startswith("collagen"):
            change += drawn.effects["deeper-more-collagen"] * (sites.depth[site] - mean_depth)
        measures[name] = np.where(biopsied, np.clip(np.rint(change), -100, 1000), np.nan)
    ratio = drawn.effects["topical-absorption"] * rng.lognormal(0, 0.3, len(site))
    measures["uptake_ratio"] = np.where(absorbed, ratio.round(1), np.nan)
    return measures
