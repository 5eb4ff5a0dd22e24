"""From published contrasts to effects with variances, pooled on the scale of their measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.packaged import packaged
from mnstudy.stats.meta import effect_counts
from mnstudy.stats.meta.effect_sizes import (
    EffectSizes,
    hedges_g,
    hedges_g_paired,
    mean_difference,
    single_mean,
    standardised_mean_change,
)
from mnstudy.verdicts.claims.registry import Claim

Array = NDArray[np.float64]
Ends = Callable[..., list[Array]]

R_SHOWN = 0.5
R_GRID = (0.3, 0.5, 0.7)  # no publication prints the correlation within the person


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How one measure is pooled, shown and judged; read from ``evidence.toml``."""

    scale: str
    unit: str
    oriented: bool
    rule: str
    null: float
    margin: float
    label: str
    wording: str = ""

    def back(self, value: float) -> float:
        """Turn a pooled value back into the unit shown."""
        if self.scale == "log":
            return math.exp(value)
        if self.scale == "arcsine":
            return 100 * math.sin(min(max(value, 0.0), math.pi / 2)) ** 2
        return 100 * value if self.scale == "percent" else value

    def forward(self, value: float) -> float:
        """Turn a value in the unit shown into the scale it is pooled on."""
        if self.scale == "log":
            return math.log(value)
        if self.scale == "arcsine":
            return math.asin(math.sqrt(value / 100))
        return value / 100 if self.scale == "percent" else value


def _settings() -> Mapping[str, Any]:
    return packaged("verdicts/evidence/evidence.toml")


def measure_of(claim: Claim, name: str) -> Measure:
    """Return how a measure is pooled and judged for this claim."""
    raw = _settings()
    own = raw["claim"].get(claim.id, {}).get(name, {})
    return Measure(**{**raw["measure"][name], **own})


def only_describes(claim: Claim) -> str:
    """Say why the contrasts of a claim describe without testing it; empty where they test it."""
    return str(_settings()["claim"].get(claim.id, {}).get("describes", ""))


def says_comparable(claim: Claim) -> bool:
    """Tell whether the claim is that needling does as well as another treatment."""
    return bool(_settings()["claim"].get(claim.id, {}).get("comparable", False))


def effects(frame: pd.DataFrame, measure: str, *, r: float) -> tuple[Array, Array]:
    """Return effects and variances of contrasts of one measure, turned towards the claim.

    Parameters
    ----------
    frame : DataFrame
        Rows of ``contrast_frame`` of one measure.
    measure : str
        Name of the measure.
    r : float
        Correlation within the person assumed for paired contrasts.

    Returns
    -------
    effects, variances : arrays of shape (k,)
        On the scale the measure is pooled on. Standardised differences and odds ratios are
        positive where they favour the claim; other differences are negative there where the
        rule of the claim is "below".
    """
    paired = frame["paired"].to_numpy(dtype=bool)
    effect, variance = np.empty(len(frame)), np.empty(len(frame))
    for mask, correlation in ((~paired, None), (paired, r)):
        if mask.any():
            found = _EFFECTS[measure](_ends(frame[mask]), correlation)
            effect[mask], variance[mask] = found.effect, found.variance
    return np.where(_turned(frame, measure), -effect, effect), variance


_DIFFERENCES = ("md", "risk_difference")


def _turned(frame: pd.DataFrame, measure: str) -> NDArray[np.bool_]:
    """Tell whose sign is turned; levels of one group are never turned."""
    lower = frame["orientation"].eq("treated_better_if_lower").to_numpy(dtype=bool)
    base, claims = _settings()["measure"][measure], _settings()["claim"]
    if not base["oriented"] and measure not in _DIFFERENCES:
        return np.zeros(len(frame), dtype=bool)
    own = [claims.get(x, {}) for x in frame["claim_id"]]
    if not base["oriented"]:
        rules = [x.get(measure, {}).get("rule", base["rule"]) for x in own]
        lower = lower ^ np.array([rule == "below" for rule in rules], dtype=bool)
    return lower ^ np.array([bool(x.get("worse")) for x in own], dtype=bool)


def _ends(frame: pd.DataFrame) -> Ends:
    """Give figures by name, as arrays: ``ends("treated_mean", "reference_mean")``."""
    return lambda *names: [frame[n].to_numpy(dtype="float64") for n in names]


def _smc(ends: Ends, r: float | None) -> EffectSizes:
    after, before, spread, n = ends("treated_mean", "baseline_mean", "baseline_sd", "treated_n")
    return standardised_mean_change(after, before, spread, n, R_SHOWN if r is None else r)


def _smd(ends: Ends, r: float | None) -> EffectSizes:
    m1, s1, n1 = ends("treated_mean", "treated_sd", "treated_n")
    m0, s0, n0 = ends("reference_mean", "reference_sd", "reference_n")
    if r is None:
        return hedges_g(m1, s1, n1, m0, s0, n0)
    # the side with fewer known people sets the number of pairs
    return hedges_g_paired(m1, s1, m0, s0, np.minimum(n1, n0), r)


def _md(ends: Ends, r: float | None) -> EffectSizes:
    treated = ends("treated_mean", "treated_sd", "treated_n")
    reference = ends("reference_mean", "reference_sd", "reference_n")
    return mean_difference(*treated, *reference, r=r)


_COUNTS = ("treated_events", "treated_n", "reference_events", "reference_n")


def _mean(ends: Ends, r: float | None) -> EffectSizes:
    return single_mean(*ends("treated_mean", "treated_sd", "treated_n"))


_EFFECTS: dict[str, Callable[[Ends, float | None], EffectSizes]] = {
    "smc": _smc,
    "smd": _smd,
    "md": _md,
    "odds_ratio": lambda ends, r: effect_counts.log_odds_ratio(*ends(*_COUNTS), r=r),
    "risk_difference": lambda ends, r: effect_counts.risk_difference_effect(*ends(*_COUNTS), r=r),
    "proportion": lambda ends, r: effect_counts.arcsine_proportion(
        *ends(*_COUNTS[:2]), double=False
    ),
    "mean": _mean,
    "percent_change": _mean,
}
