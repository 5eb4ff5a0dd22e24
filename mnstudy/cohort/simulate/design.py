"""Who is enrolled in a simulated study, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

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
EVERYTHING = frozenset(
    {"all types", "shallow needles", "home", "intervals", "late visits", "adjuncts", "biopsies"}
    | {"other treatments", "clinics"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a simulated study does.

    Attributes
    ----------
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
    sd_patient, sd_residual : float
        Spread of the scores between patients and within.
    defaults : dict
        Effects that differ from ``truth.toml``.
    """

    name: str
    randomised: bool = False
    assessor: str = "unblinded"
    has: frozenset[str] = frozenset()
    controls: float = 0.0
    second_site: float = 0.0
    sessions: int | None = None
    leaving: float = -2.9
    unknown: float = 0.05
    sd_patient: float = 10.0
    sd_residual: float = 8.0
    defaults: dict[str, float] = field(default_factory=dict)


LEAVING_SLOPE = -0.35
LATE_SHARE = 0.55
DESIGNS = {
    design.name: design
    for design in (
        Design(name="single_arm", has=frozenset({"shallow needles", "late visits"})),
        Design(
            name="parallel",
            randomised=True,
            assessor="blinded",
            has=frozenset({"late visits"}),
            controls=0.5,
            sessions=4,
        ),
        Design(
            name="split_body",
            randomised=True,
            assessor="blinded",
            has=frozenset({"adjuncts"}),
            second_site=1.0,
            sessions=4,
            leaving=-3.7,
            unknown=0.02,
            sd_patient=12.0,
            sd_residual=6.0,
            defaults={"topical-adjunct": 8.0},
        ),
        Design(name="registry", has=EVERYTHING, controls=0.26, second_site=0.09),
    )
}
