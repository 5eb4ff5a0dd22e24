"""From published contrasts to effects with variances, pooled on the scale of their measure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
from mnstudy.stats.meta.pooling import tau_prior_scale
from mnstudy.verdicts.claims.registry import Claim

Array = NDArray[np.float64]
Ends = Callable[..., list[Array]]
Prior = Literal["smd", "log_odds_ratio", "mean", "risk_difference"]
_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\b.*")

R_GRID = (0.3, 0.5, 0.7)  # where no correlation within the person is derived, this range is shown
MARGIN_OF_RANGE = 0.1  # where no minimal important difference of an instrument is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How one measure is pooled, shown and judged; read from ``evidence.toml``.

    ``low`` and ``high`` are the ends of its scale in the unit shown, ``width`` the width of the
    instrument where it is one in points, nan where that is not known. ``worth`` is the difference
    worth knowing where the margin tells none, for the size of information; ``source`` is that of
    the margin, empty where it is the claim's own. ``describes`` is why its
    figures describe without testing the claim, empty where they test it.
    """

    scale: str
    unit: str
    oriented: bool
    rule: str
    null: float
    margin: float
    label: str
    wording: str = ""
    words: str = ""
    definition: str = ""
    describes: str = ""
    prior: Prior | Literal[""] = ""
    low: float = -math.inf
    high: float = math.inf
    width: float = math.nan
    worth: float = math.nan
    source: str = ""

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

    def within(self, value: float) -> float:
        """Return the value, or the end of the scale where it lies beyond it."""
        return value if math.isnan(value) else min(max(value, self.low), self.high)

    @property
    def tau_prior(self) -> float:
        """Scale of the prior on tau for few studies; nan where none is known."""
        if not self.prior or (self.prior == "mean" and math.isnan(self.width)):
            return math.nan
        return tau_prior_scale(self.prior, scale_range=self.width if self.prior == "mean" else None)


def _settings() -> Mapping[str, Any]:
    return packaged("verdicts/evidence/evidence.toml")


def measure_of(
    claim: Claim, name: str, endpoint: str = "", instrument: str = "", printed: str = ""
) -> Measure:
    """Return how a measure is pooled and judged for this claim.

    Parameters
    ----------
    claim : Claim
    name, endpoint : str
        Measure and endpoint of the contrasts.
    instrument, printed : str
        Instrument of figures in points, and its range as printed ("0-5").
    """
    raw = _settings()
    base, end = dict(raw["measure"][name]), dict(raw["endpoint"].get(endpoint, {}))
    level = end.pop("level", False)
    if name != "proportion":  # the others have a margin of their own, whatever is counted
        end = {key: end[key] for key in ("words", "describes", "definition") if key in end}
    in_points = name in ("md", "mean")
    points = _in_points(base, instrument, printed, level=level) if in_points else {}
    if "margin" in end:
        end["source"] = "one half, by the definition of the outcome"
    of_claim = raw["claim"].get(claim.id, {})
    own = {"describes": of_claim.get("describes", ""), **of_claim.get(name, {})}
    if "margin" not in own | end | points and not base.get("describes") and in_points:
        base["describes"] = "the range of the scale is not known, so no margin can be set"
    if own.get("rule") == "below":  # a limit of the claim itself
        own.setdefault("source", "")
    if not own["describes"]:
        judged = "margin" in own or "margin" in end
        own["describes"] = end.get("describes", "" if judged else base.get("describes", ""))
    return Measure(**{"words": endpoint.replace("_", " "), **base, **points, **end, **own})


def _in_points(
    base: Mapping[str, Any], instrument: str, printed: str, *, level: bool
) -> dict[str, Any]:
    """Return margin and limits of an instrument; nothing where its range is not known."""
    ends = scale_ends(instrument, printed)
    if not ends:
        return {}
    low, high = ends
    width = high - low
    known = _settings()["instrument"].get(instrument, {})
    margin = known.get("mid", MARGIN_OF_RANGE * width)
    reach = {"low": low, "high": high} if level else {"low": -width, "high": width}
    source = known.get("mid_source", f"convention: a tenth of the range of the {instrument}")
    return {"margin": margin, "worth": margin, "width": width, "source": source, **reach}


def scale_ends(instrument: str, printed: str) -> tuple[float, float] | None:
    """Return the ends of a scale, as printed, else as known; None where neither tells."""
    known = _settings()["instrument"].get(instrument, {})
    found = _RANGE.fullmatch(printed)
    low, high = found.groups() if found else (known.get("low"), known.get("high"))
    return None if low is None or not float(low) < float(high) else (float(low), float(high))


def instrument_words(instrument: str, printed: str) -> str:
    """Return an instrument with the ends of its scale: the same name may be of several scales.

    Examples
    --------
    >>> instrument_words("VAS pain", "0-100 mm"), instrument_words("days", "")
    ('VAS pain 0 to 100', 'days')
    """
    ends = scale_ends(instrument, printed)
    return instrument if ends is None else f"{instrument} {ends[0]:g} to {ends[1]:g}"


def least_weeks(claim: Claim) -> float:
    """Return the weeks after the last session from which figures speak to a claim; 0 for any."""
    return float(_settings()["claim"].get(claim.id, {}).get("least_weeks", 0))


def says_comparable(claim: Claim) -> bool:
    """Tell whether the claim is that needling does as well as another treatment."""
    return bool(_settings()["claim"].get(claim.id, {}).get("comparable", False))


def effects(frame: pd.DataFrame, measure: str, *, r: float | None = None) -> tuple[Array, Array]:
    """Return effects and variances of contrasts of one measure, turned towards the claim.

    Parameters
    ----------
    frame : DataFrame
        Rows of ``contrast_frame`` of one measure.
    measure : str
        Name of the measure.
    r : float, optional
        Correlation within the person for the paired contrasts where none is derived; that of the
        column ``r_assumed`` when left out. Held within what the figures of a study allow.

    Returns
    -------
    effects, variances : arrays of shape (k,)
        On the scale the measure is pooled on. Standardised differences and odds ratios are
        positive where they favour the claim; other differences are negative there where the
        rule of the claim is "below". The variance of a study of clusters is its own times the
        design effect.
    """
    paired = frame["paired"].to_numpy(dtype=bool)
    within = correlations(frame, r)
    effect, variance = np.empty(len(frame)), np.empty(len(frame))
    for mask in (~paired, paired):
        if mask.any():
            given = within[mask] if paired[mask][0] else None
            found = _EFFECTS[measure](_ends(frame[mask]), given)
            effect[mask], variance[mask] = found.effect, found.variance
    clusters = frame["design_effect"].astype("float64").fillna(1.0).to_numpy()
    return np.where(turned(frame, measure), -effect, effect), variance * clusters


def correlations(frame: pd.DataFrame, r: float | None = None) -> Array:
    """Return the correlation within the person of every row: derived, else assumed."""
    columns = ["r_derived", "r_low", "r_high", "r_assumed"]
    derived, low, high, usual = frame[columns].to_numpy(dtype="float64").T
    assumed = np.clip(usual if r is None else np.full(len(frame), r), np.nan_to_num(low, nan=-1.0),
                      np.nan_to_num(high, nan=1.0))  # fmt: skip
    return np.where(np.isnan(derived), assumed, derived)


_DIFFERENCES = ("md", "risk_difference")


def turned(frame: pd.DataFrame, measure: str) -> NDArray[np.bool_]:
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


def _smc(ends: Ends, r: Array | None) -> EffectSizes:
    after, before, spread, n = ends("treated_mean", "baseline_mean", "baseline_sd", "treated_n")
    return standardised_mean_change(after, before, spread, n, 0.5 if r is None else r)


def _smd(ends: Ends, r: Array | None) -> EffectSizes:
    m1, s1, n1 = ends("treated_mean", "treated_sd", "treated_n")
    m0, s0, n0 = ends("reference_mean", "reference_sd", "reference_n")
    if r is None:
        return hedges_g(m1, s1, n1, m0, s0, n0)
    # the side with fewer known people sets the number of pairs
    return hedges_g_paired(m1, s1, m0, s0, np.minimum(n1, n0), r)


def _md(ends: Ends, r: Array | None) -> EffectSizes:
    treated = ends("treated_mean", "treated_sd", "treated_n")
    reference = ends("reference_mean", "reference_sd", "reference_n")
    return mean_difference(*treated, *reference, r=r)


_COUNTS = ("treated_events", "treated_n", "reference_events", "reference_n")


def _feasible(ends: Ends, r: Array | None) -> Array | None:
    """Hold a correlation within what the counts of both sides allow."""
    if r is None:
        return None
    e1, n1, e0, _ = ends(*_COUNTS)
    return np.asarray(effect_counts.feasible_correlation(e1, e0, n1, r), dtype="float64")


def _mean(ends: Ends, r: Array | None) -> EffectSizes:
    return single_mean(*ends("treated_mean", "treated_sd", "treated_n"))


_EFFECTS: dict[str, Callable[[Ends, Array | None], EffectSizes]] = {
    "smc": _smc,
    "smd": _smd,
    "md": _md,
    "odds_ratio": lambda ends, r: effect_counts.log_odds_ratio(
        *ends(*_COUNTS), r=_feasible(ends, r)
    ),
    "risk_difference": lambda ends, r: effect_counts.risk_difference_effect(
        *ends(*_COUNTS), r=_feasible(ends, r)
    ),
    "proportion": lambda ends, r: effect_counts.arcsine_proportion(
        *ends(*_COUNTS[:2]), double=False
    ),
    "mean": _mean,
    "percent_change": _mean,
}
