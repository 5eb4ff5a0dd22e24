"""Planned studies by the thousand: drawn, estimated all at once, and written as sheets.

What a claim compares comes down to one number a patient, or to whether she had an event: two arms
are compared by Welch's interval, two sides or periods by that of the mean difference, a course by
that of the mean slope, shares by exact limits and their difference by Newcombe's. The whole
analysis gives the same on such sheets; ``mnstudy.power`` holds some of each plan to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower, TTestPower
from statsmodels.stats.proportion import proportion_effectsize

from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import Cohort, Provenance
from mnstudy.stats.counts.proportions import proportion
from mnstudy.stats.counts.two_groups import risk_difference
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.claims.settings import column_of

Floats = npt.NDArray[np.float64]
Limits = tuple[Floats, Floats, Floats]  # value and both ends, one a study
KINDS = {
    "improvement": "mean", "change": "mean", "arm_contrast": "mean", "level": "level",
    "session_slope": "slope", "event_rate": "share", "share": "share",
    "event_difference": "shares",
}  # fmt: skip
PAIRED = ("split_body", "crossover")
WEEK = 12.0  # of the end, where the plan names none
PLAIN = {"treatment": ["needling"], "adjunct": ["none"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStudy:
    """A study of one claim before it is done.

    Attributes
    ----------
    kind : str
        arms (two means), pairs, one (a mean), slope, share or shares (of two arms).
    effect : float
        Taken to be true, as estimates count it; of a share its percentage.
    spread : float
        Standard deviation in an arm; of a slope that of a visit.
    correlation : float
        Of the two sides of a patient.
    lost, allocation, step, middle, sessions, slopes_differ
        See ``PowerAssumptions``.
    orders : bool
        Of a crossover: every other patient has the treatment in the second period.
    rate : float
        Percentage with the event in the reference arm.
    counted : float
        Share of the patients in the arm that a mean or share of one arm is about.
    """

    kind: str
    effect: float
    spread: float = 1.0
    correlation: float = 0.0
    lost: float = 0.0
    allocation: float = 0.5
    rate: float = 0.0
    orders: bool = False
    step: float = 0.0
    middle: float = 0.0
    sessions: int = 4
    slopes_differ: float = 0.0
    counted: float = 1.0

    @property
    def sd(self) -> float:
        """Standard deviation of what is counted once a patient: of a difference, a slope."""
        if self.kind == "pairs":
            return self.spread * math.sqrt(2 * (1 - self.correlation))
        if self.kind == "slope":
            at = centred(self.sessions)
            return math.hypot(self.spread / math.sqrt(at @ at), self.slopes_differ)
        return self.spread

    def sizes(self, n: int) -> tuple[int, ...]:
        """Return how many of n patients are in each arm that counts, the treated first."""
        if self.kind not in ("arms", "shares"):
            return (round(self.counted * n),)
        treated = round(self.allocation * n)
        return treated, n - treated

    def draw(self, n: int, runs: int, seed: int) -> list[Floats]:
        """Draw the values of studies, an array (patients, studies) for each arm or visit.

        Those of fewer patients are the first of those of more, with the same seed. Missing where a
        patient was lost; of an event 1 or 0.
        """
        rng = [np.random.default_rng([seed, stream]) for stream in range(2 * self.sessions + 2)]
        stays = [rng[-1 - k].random((m, runs)) >= self.lost for k, m in enumerate(self.sizes(n))]
        if self.kind in ("share", "shares"):
            chances = (
                [self.effect] if self.kind == "share" else [self.rate + self.effect, self.rate]
            )
            drawn = [(100 * r.random(s.shape) < c).astype(float)
                     for r, s, c in zip(rng, stays, chances, strict=False)]  # fmt: skip
            return [np.where(s, x, np.nan) for x, s in zip(drawn, stays, strict=True)]
        if self.kind == "slope":
            own = self.effect + self.slopes_differ * rng[0].standard_normal((n, runs))
            visits = [
                self.middle + own * k + self.spread * rng[k].standard_normal((n, runs))
                for k in range(1, self.sessions + 1)
            ]
            return [np.where(stays[0] | (k == 0), x, np.nan) for k, x in enumerate(visits)]
        if self.kind == "pairs":
            shared = math.sqrt(self.correlation) * rng[2].standard_normal((n, runs))
            alone = math.sqrt(1 - self.correlation)
            sides = [shared + alone * r.standard_normal((n, runs)) for r in rng[:2]]
            drawn, stays = [self.spread * side for side in sides], [stays[0]] * 2
        else:
            drawn = [self.spread * r.standard_normal(s.shape)
                     for r, s in zip(rng, stays, strict=False)]  # fmt: skip
        shifts = [self.effect, 0.0]
        moved = [self._scored(x + shift) for x, shift in zip(drawn, shifts, strict=False)]
        return [np.where(s, x, np.nan) for x, s in zip(moved, stays, strict=True)]

    def _scored(self, x: Floats) -> Floats:
        if not self.step:
            return self.middle + x
        return np.minimum(self.step * np.rint((self.middle + x) / self.step), 100.0)

    def limits(self, drawn: list[Floats], level: float) -> Limits:
        """Return the estimate of each study with its interval, as its analysis gives them."""
        if self.kind == "arms":
            return _welch(_moments(drawn[0]), _moments(drawn[1]), level)
        if self.kind == "pairs" and self.orders:  # the mean of both, each with its own spread
            first, second = drawn[0] - drawn[1], drawn[1] - drawn[0]
            value, low, high = _welch(_moments(first[::2]), _moments(second[1::2]), level)
            return value / 2, low / 2, high / 2
        if self.kind == "pairs":
            return _mean(drawn[0] - drawn[1], level)
        if self.kind == "slope":
            at = centred(self.sessions)
            slopes = sum(a * x for a, x in zip(at, drawn, strict=True)) / (at @ at)
            return _mean(np.asarray(slopes), level)
        if self.kind == "one":
            return _mean(drawn[0], level)
        return _shares(drawn, level)

    def share_lost(self, drawn: list[Floats]) -> Floats:
        """Return the share that was not assessed at the end, of the arm that lost most."""
        last = drawn[-1:] if self.kind == "slope" else drawn
        return np.max([np.isnan(x).mean(axis=0) for x in last], axis=0)

    def closed_form(self, margin: float, level: float, target: float) -> float:
        """Return about how many patients are needed, by the formulas of statsmodels.power."""
        alpha, gap = (1 - level) / 2, abs(self.effect - margin)
        usual = {"alpha": alpha, "power": target, "alternative": "larger"}
        if self.kind == "arms":
            ratio = (1 - self.allocation) / self.allocation
            first = TTestIndPower().solve_power(gap / self.sd, ratio=ratio, **usual)
            n = float(first) * (1 + ratio)
        elif self.kind in ("pairs", "one", "slope"):
            n = float(TTestPower().solve_power(gap / self.sd, **usual))
        else:
            compared = [self.effect, margin]
            if self.kind == "shares":
                compared = [self.rate + self.effect - margin, self.rate]
            clipped = np.clip(np.array(compared) / 100, 1e-3, 1 - 1e-3)
            size = abs(float(proportion_effectsize(*clipped)))
            ratio = 0.0 if self.kind == "share" else 1.0
            first = NormalIndPower().solve_power(max(size, 1e-3), ratio=ratio, **usual)
            n = float(first) * (1 + ratio)
        return n / self.counted / (1 - self.lost)


def centred(sessions: int) -> Floats:
    """Return the numbers of the visits of a course, less their mean."""
    at: Floats = np.arange(sessions, dtype=np.float64)
    return at - at.mean()


def _moments(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return number, mean and variance of the values known, down the columns."""
    known = ~np.isnan(x)
    n = known.sum(axis=0).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):  # of fewer than two nothing is known
        mean = np.where(known, x, 0.0).sum(axis=0) / n
        variance = (np.where(known, x - mean, 0.0) ** 2).sum(axis=0) / (n - 1)
    return n, mean, variance


def _mean(x: Floats, level: float) -> Limits:
    n, mean, variance = _moments(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(variance / n)
    return mean, mean - half, mean + half


def _welch(
    treated: tuple[Floats, Floats, Floats], other: tuple[Floats, Floats, Floats], level: float
) -> Limits:
    (n1, mean1, v1), (n0, mean0, v0) = treated, other
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = v1 / n1, v0 / n0
        df = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n0 - 1))
        half = stats.t.ppf((1 + level) / 2, df) * np.sqrt(a + b)
    return mean1 - mean0, mean1 - mean0 - half, mean1 - mean0 + half


def _shares(drawn: list[Floats], level: float) -> Limits:
    """Return the limits of shares, or their difference, in percent; each pair of counts once."""
    counted = [(np.nansum(x, axis=0), (~np.isnan(x)).sum(axis=0)) for x in drawn]
    cells = np.array([part for pair in counted for part in pair], dtype=int)
    unique, back = np.unique(cells, axis=1, return_inverse=True)
    of: Callable[..., Any] = proportion if len(drawn) == 1 else risk_difference
    found = [of(*map(int, cell), confidence_level=level) for cell in unique.T]
    ends = np.array([(f.estimate, f.ci_low, f.ci_high) for f in found])
    value, low, high = 100 * ends[back.ravel()].T
    return value, low, high


def cohort_of(
    planned: PlannedStudy, claim: Claim, study: Study, drawn: list[Floats], run: int
) -> Cohort:
    """Return one drawn study as a loaded sheet: what reading and checking a table would give."""
    week = study.plan.final_week or WEEK
    outcome = _outcome(claim)
    control = {"treatment": [study.plan.reference or "untreated"], "adjunct": ["none"]}
    arms = [
        _words(claim.params.get("treated", PLAIN)),
        _words(claim.params.get("reference", control)),
    ]
    parts, first, rng = [], 0, np.random.default_rng([run, len(drawn)])
    for k, x in enumerate(drawn):
        start_cells, end_cells = _cells(claim, x[:, run], rng)
        course = planned.kind == "slope"
        arm = arms[k if planned.kind in ("arms", "pairs", "shares") else 0]
        start = 0 if planned.kind in ("pairs", "slope") else first
        first += len(x)
        parts.append(
            {
                "patient_id": [f"P{i:05}" for i in range(start, start + len(x))],
                "site_id": ["left", "right"][k] if planned.kind == "pairs" else "face",
                "scar_type": claim.params.get("scar_types", ["acne_mixed"])[0],
                **arm,
                "needle_depth_mm": 1.5 if "needling" in arm["treatment"] else np.nan,
                "session_count": 0 if arm["treatment"] == "untreated" else k + 1 if course else 1,
                "weeks": week * (k + 1) / planned.sessions if course else week,
                "improvement_score": np.nan,
                outcome: end_cells,
                "start": start_cells,
                **_period(study, k, len(x)),
            }
        )
    after = pd.concat(map(pd.DataFrame, parts), ignore_index=True)
    before = after[after["weeks"].eq(after["weeks"].min())].assign(
        session_count=0, weeks=0.0, needle_depth_mm=np.nan, **{outcome: lambda rows: rows["start"]}
    )
    specs = {**columns(), **study.measures}
    both = pd.concat([before, after], ignore_index=True).drop(columns="start")
    data = pd.DataFrame({name: _typed(both[name], specs[name]) for name in both})
    provenance = Provenance(name="planned", source="", sha256="", synthetic=True, rows=len(data))
    return Cohort(data=data, study=study, provenance=provenance)


def _period(study: Study, arm: int, n: int) -> dict[str, Any]:
    """Return when each patient of a crossover has an arm: half of them in either order."""
    if study.design != "crossover":
        return {}
    treated_first = np.arange(n) % 2 == 0
    return {
        "sequence": np.where(treated_first, "AB", "BA"),
        "period": np.where(treated_first == (arm == 0), 1, 2),
    }


def _typed(cells: pd.Series, spec: ColumnSpec) -> Any:
    """Return cells as the type of their column."""
    if spec.kind in ("category", "ordered"):
        return pd.Categorical(cells, categories=list(spec.levels), ordered=spec.kind == "ordered")
    kinds = {"integer": "Int64", "boolean": "boolean", "number": "float64"}
    return cells.astype(kinds.get(spec.kind, "str"))


def _outcome(claim: Claim) -> str:
    if claim.analysis in ("event_rate", "event_difference"):
        return str(claim.params["events"][0])
    return str(claim.params.get("outcome", "improvement_score"))


def _cells(claim: Claim, x: Floats, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the cells of an outcome before the first session and at the end."""
    if claim.analysis in ("event_rate", "event_difference"):
        return None, pd.array([None if np.isnan(v) else bool(v) for v in x], dtype="boolean")
    if claim.analysis == "share":
        least = float(claim.params["at_least"])
        return np.nan, np.where(np.isnan(x), np.nan, np.where(x == 1, least, least - 1))
    turned = -x if claim.params.get("better") == "lower" else x
    if claim.analysis != "change":
        return 0.0 if _outcome(claim) == "improvement_score" else np.nan, turned
    start = np.exp(rng.standard_normal(len(x)) / 10)
    if claim.params.get("percent"):
        return start, start * (1 + turned / 100)
    return start, start + turned


def _words(arm: Mapping[str, Any]) -> dict[str, str]:
    """Return a word of each column that puts a site into an arm."""
    chosen = {}
    for key, words in arm.items():
        column = column_of(key)
        levels = columns()[column].levels
        chosen[column] = words[0] if column == key else next(w for w in levels if w not in words)
    return {"treatment": "needling", "adjunct": "none", **chosen}
