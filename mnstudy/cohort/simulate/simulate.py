"""Simulate a study whose truth is known, under the data contract."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnstudy.cohort.simulate import safety, scores
from mnstudy.cohort.simulate.design import DESIGNS, Design
from mnstudy.cohort.simulate.people import draw_patients, draw_sites
from mnstudy.cohort.simulate.scores import Drawn
from mnstudy.cohort.simulate.simulate_table import csv_text, table
from mnstudy.cohort.simulate.simulate_usual import usual
from mnstudy.cohort.simulate.simulate_visits import lay_out_visits
from mnstudy.cohort.simulate.truth import (
    check_given,
    effects_of_types,
    resolve_types,
    truth_table,
    truths,
)
from mnstudy.cohort.study.study import Limit, Plan, Study
from mnstudy.cohort.table import Cohort, Provenance

PRIMARY = {
    "registry": (
        "reduces-scarring",
        "treats-acne-scars",
        "scar-type-matters",
        "more-sessions",
        "deeper-needling",
        "topical-adjunct",
        "rf-combination",
        "rare-pih",
        "little-pain",
        "results-last",
    ),
    "split_body": ("topical-adjunct",),
    "parallel": ("reduces-scarring",),
    "single_arm": ("reduces-scarring",),
}
TITLES = {
    "registry": "SYNTHETIC registry of microneedling in six clinics",
    "split_body": "SYNTHETIC randomised split-face trial of needling with and without PRP",
    "parallel": "SYNTHETIC randomised trial of needling against no treatment",
    "single_arm": "SYNTHETIC single-arm study of needling of acne scars",
}
INVENTED = (
    "Invented data: every patient and every number was drawn by a computer. They show how the "
    "analyses work and are never evidence about microneedling."
)


def simulate(
    n_patients: int = 400,
    *,
    truth: Mapping[str, float] | None = None,
    design: str = "registry",
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
    design : {"registry", "single_arm", "parallel", "split_body"}
        ``registry``: all scar types, treatments, depths and settings, six clinics, visits to a
        year; the treatment depends on scar type and severity, on nothing unseen. ``single_arm``:
        acne scars, all needled. ``parallel``: acne scars, needling or nothing at random.
        ``split_body``: acne scars, needling on both sides, PRP added on one at random.
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
        An unknown design or claim, or effects that the design cannot have.

    Notes
    -----
    Effects on the improvement hold for the final assessment at the depth, the sessions and the
    follow-up that are usual for the scar type and its severity. Patients who respond poorly
    leave earlier; everybody is seen at least once after baseline.

    Examples
    --------
    >>> study = simulate(20, design="split_body", truth={"topical-adjunct": 0}, rng=1)
    >>> study.study.truth["topical-adjunct"]["holds"]
    'false'
    """
    if design not in DESIGNS:
        raise ValueError(f"no design {design!r}; designs: {', '.join(DESIGNS)}")
    if isinstance(n_patients, bool) or int(n_patients) != n_patients or n_patients < 1:
        raise ValueError(f"n_patients must be a whole number of at least 1, not {n_patients!r}")
    seed = np.random.SeedSequence().entropy if rng is None else rng
    drawn, streams = _draw(int(n_patients), dict(truth or {}), DESIGNS[design], seed)
    data = table(drawn, streams)
    study = _study(drawn, seed)
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
    n: int, given: dict[str, float], design: Design, seed: Any
) -> tuple[Drawn, list[np.random.Generator]]:
    """Draw people and visits, and return them with a stream of random numbers for each measure."""
    check_given(given, design.has, design.name)
    cells = usual(design.name)
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
    sites = draw_sites(patients, design, cells, people)
    drawn = Drawn(
        design=design,
        usual=cells,
        effects=effects,
        by_type=by_type,
        patients=patients,
        sites=sites,
        visits=lay_out_visits(patients, sites),
    )
    return drawn, streams


def _study(drawn: Drawn, seed: Any) -> Study:
    design, n = drawn.design, len(drawn.patients.type)
    how = f"rng={seed}" if isinstance(seed, int | np.integer) else "a generator passed in"
    return Study(
        title=TITLES[design.name],
        design=design.name,
        design_declared=True,
        randomised=design.randomised,
        assessor=design.assessor,
        synthetic=True,
        licence="CC0-1.0",
        source=f"Invented by mnstudy.simulate({n}, design={design.name!r}) with {how}.",
        plan=Plan(primary=PRIMARY[design.name]),
        limits=(Limit(scope="all", says=INVENTED),),
        truth=truth_table(drawn.effects, design.has),
    )
