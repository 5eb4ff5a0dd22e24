"""Sheets whose truth is known, and how often whole verdicts on them are right.

A cell is one kind of study under one claim. It is drawn many times with its effect at the null and
at the margin; each draw goes the way of a sheet: typed table, cohort, question, estimate, verdict.
Spared are reading and checking the sheet, and the further numbers and notes beside a verdict; a
test holds an example of each cell to the whole way.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import beta, norm

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.study import Study, parse_study
from mnstudy.cohort.table import Cohort, Provenance
from mnstudy.verdicts.evaluate import verdicts_of

RANDOMISED = {"design": "parallel", "randomised": True, "assessor": "blinded"}
OBSERVED = {"design": "registry", "assessor": "blinded"}
FACES = {"design": "split_body", "randomised": True, "assessor": "blinded", "carry_over": False}
ALL_NEEDLED = {"design": "single_arm", "assessor": "blinded"}
ALPHA, SURE = 0.025, 0.001  # false support promised at most; error of the alarm itself
QUARTILES = np.array([0.20, 0.30, 0.25, 0.15, 0.10])  # of controls: 0, 25, 50, 75, 100 percent
CEILING, LATENT = 100.0, (85.0, 20.0)

Draw = Callable[[np.random.Generator, float], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of study: the claim put to it, how it is drawn, and the two truths.

    ``null`` has no effect in favour of the claim, ``edge`` lies at its margin. ``apart``: no
    promise is made, numbers are printed only.
    """

    claim: str
    study: Mapping[str, Any]
    draw: Draw
    null: float
    edge: float
    apart: bool = False


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What many runs of a cell at one truth gave."""

    runs: int
    supported: int
    favourable: int
    covered: int
    answered: int
    words: Mapping[str, int] = field(default_factory=dict)


def tally(cell: Cell, name: str, truth: float, runs: int) -> Tally:
    """Draw a cell many times at one truth and count its verdicts; the seed follows from both."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), zlib.crc32(str(truth).encode())])
    study, found = parse_study(dict(cell.study), source="study"), []
    for _ in range(runs):
        cohort = cohort_of(cell.draw(rng, truth), study)
        finding = verdicts_of(cohort, cell.claim)[cell.claim]
        found.append((finding.verdict, finding.lacking, finding.estimate))
    words = pd.Series([word for word, _, _ in found]).value_counts().to_dict()
    return Tally(
        runs=runs,
        supported=sum(beyond_margin(word, lacking) for word, lacking, _ in found),
        favourable=words.get("supported", 0) + words.get("partly supported", 0),
        covered=sum(e is not None and e.ci_low <= truth <= e.ci_high for _, _, e in found),
        answered=sum(e is not None for _, _, e in found),
        words=words,
    )


def beyond_margin(word: str, lacking: tuple[str, ...]) -> bool:
    """Tell whether the interval lay beyond the margin: supported, or all but for the cause."""
    return word == "supported" or (word == "partly supported" and lacking == ("cause",))


def at_least(hits: int, runs: int) -> float:
    """Exact lower limit of a share, one-sided 99.9 %."""
    return float(beta.ppf(SURE, hits, runs - hits + 1)) if hits else 0.0


def at_most(hits: int, runs: int) -> float:
    """Exact upper limit of a share, one-sided 99.9 %."""
    return float(beta.ppf(1 - SURE, hits + 1, runs - hits)) if hits < runs else 1.0


def cohort_of(sheet: pd.DataFrame, study: Study) -> Cohort:
    """Make a cohort of a typed sheet: what loading gives, without reading and checking it."""
    provenance = Provenance(name="table", source="", sha256="", synthetic=False, rows=len(sheet))
    return Cohort(data=sheet, study=study, provenance=provenance)


def typed(values: Mapping[str, Any], kept: np.ndarray) -> pd.DataFrame:
    """Give columns of (patient, site, visit) the types of a loaded sheet; rows not kept go."""
    return pd.DataFrame(
        {
            name: _typed(np.broadcast_to(cells, kept.shape)[kept], name)
            for name, cells in values.items()
        }
    )


def _typed(cells: np.ndarray, name: str) -> Any:
    spec = columns()[name]
    if spec.kind in ("category", "ordered"):
        return pd.Categorical.from_codes(cells, list(spec.levels), ordered=spec.kind == "ordered")
    if spec.kind == "integer":
        return pd.array(cells.astype("float64"), dtype="Int64")
    if spec.kind == "boolean":
        return pd.array(cells, dtype="boolean")
    if spec.kind == "id":
        return pd.Series(_names(name)[cells])
    return np.round(cells.astype("float64"), 3)


@cache
def _names(name: str) -> pd.arrays.ArrowStringArray:
    """Return names of patients and sites, in the order of their numbers."""
    letter = "P" if name == "patient_id" else "s"
    return pd.array([f"{letter}{i:03}" for i in range(500)], dtype="str")


def code(column: str, word: str) -> int:
    """Return the number of a level."""
    return columns()[column].levels.index(word)


def grid(shape: tuple[int, int, int], arm: Any = 1, **cells: Any) -> pd.DataFrame:
    """Lay out patients, sites and visits; ``arm`` is 1 where needled, 0 where untreated.

    ``kept`` marks the rows of the sheet.
    """
    kept = np.broadcast_to(cells.pop("kept", True), shape)
    words = np.array([code("treatment", w) for w in ("untreated", "needling")])
    values = {
        "patient_id": np.arange(shape[0])[:, None, None],
        "site_id": np.arange(shape[1])[None, :, None],
        "scar_type": code("scar_type", "acne_mixed"),
        "treatment": words[np.asarray(arm).astype(int)],
        "adjunct": code("adjunct", "none"),
        "needle_depth_mm": np.where(np.asarray(arm) == 1, 1.5, np.nan),
        "session_count": 3,
        "improvement_score": np.nan,
        **cells,
    }
    return typed(values, kept)


def spread(rng: np.random.Generator, shape: tuple[int, ...], kind: str = "normal") -> np.ndarray:
    """Draw deviations of mean 0 and variance 1."""
    if kind == "skew":  # log-normal, skewness 3.7
        s2 = 0.64
        raw = np.exp(rng.normal(0, s2**0.5, shape)) - np.exp(s2 / 2)
        return raw / np.sqrt((np.exp(s2) - 1) * np.exp(s2))
    return rng.normal(size=shape)


def quartiles(rng: np.random.Generator, effect: np.ndarray) -> np.ndarray:
    """Draw scores of 0, 25, 50, 75 or 100: a part of the treated lies one quartile higher."""
    level = np.searchsorted(np.cumsum(QUARTILES)[:-1], rng.random(effect.shape))
    up = rng.random(effect.shape) < effect / (25 * (1 - QUARTILES[-1]))
    return 25.0 * np.minimum(level + up, 4)


def ceiled(rng: np.random.Generator, effect: np.ndarray) -> np.ndarray:
    """Draw normal scores cut at 100, the treated higher by the effect in the mean that is seen."""
    middles = np.array([_middle(float(e)) for e in np.unique(effect)])
    middle = middles[np.searchsorted(np.unique(effect), effect)]
    return np.minimum(middle + LATENT[1] * rng.normal(size=effect.shape), CEILING)


@cache
def _middle(effect: float) -> float:
    def seen(mu: float) -> float:
        d = (CEILING - mu) / LATENT[1]
        return CEILING - LATENT[1] * (d * norm.cdf(d) + norm.pdf(d))

    return float(brentq(lambda mu: seen(mu) - seen(LATENT[0]) - effect, 0, 300))


def two_arms(
    treated: int,
    untreated: int,
    *,
    sds: tuple[float, float] = (12.0, 12.0),
    sites: int = 1,
    kind: str = "normal",
    by_grade: float = 0.0,
    confounded: bool = False,
) -> Draw:
    """Two arms of patients, seen at week 12.

    ``sds`` are the spreads of patients. Sites of a patient share half of the variance, and the
    effect on each differs from the next by 6 points. ``by_grade`` points are lost for each grade
    of severity, of which the treated have more where ``confounded``.
    """
    arm = np.repeat([1, 0], [treated, untreated])[:, None, None]
    n = treated + untreated

    def draw(rng: np.random.Generator, effect: float) -> pd.DataFrame:
        size = (n, sites, 1)
        own = spread(rng, (n, 1, 1), kind) * np.where(arm == 1, *sds)
        if sites > 1:
            own = (own + sds[0] * rng.normal(size=size)) / 2**0.5
            own = own + arm * 6 * rng.normal(size=size)
        more = {}
        if by_grade:
            leans = 0.8 * arm if confounded else 0.4
            grade = 1 + rng.binomial(3, 0.1 + leans, size=(n, 1, 1))
            own, more = own - by_grade * (grade - 2), {"baseline_severity": grade}
        score = 15 + effect * arm + own
        if kind in ("quartile", "ceiling"):
            score = {"quartile": quartiles, "ceiling": ceiled}[kind](rng, effect * arm * 1.0)
        return grid((n, sites, 2), arm, **_before_and_after(arm, score), **more)

    return draw


def _before_and_after(arm: np.ndarray, score: np.ndarray, week: float = 12) -> dict[str, Any]:
    first = np.array([True, False])
    return {
        "weeks": np.where(first, 0, week),
        "session_count": np.where(first | (arm == 0), 0, 3),
        "needle_depth_mm": np.where(first | (arm == 0), np.nan, 1.5),
        "improvement_score": np.where(first, 0, np.minimum(score, 100)),
    }


def over_visits(
    treated: int, untreated: int, *, growth: float = 0.0, lost: str = "", leave: float = 0.09
) -> Draw:
    """Two arms at weeks 4, 8, 12 and 24, visits correlated by 0.7 to the power of their distance.

    The effect grows to week 24, by ``growth`` so does the spread. ``lost``: the treated who do
    badly and the untreated who do well leave, as seen at the visit before (``seen``), or as they
    would be at the visit they miss (``unseen``).
    """
    weeks = np.array([4, 8, 12, 24])
    n, arm = treated + untreated, np.repeat([1, 0], [treated, untreated])

    def draw(rng: np.random.Generator, effect: float) -> pd.DataFrame:
        z = rng.normal(size=(n, 4))
        for v in range(1, 4):
            z[:, v] = 0.7 * z[:, v - 1] + (1 - 0.49) ** 0.5 * z[:, v]
        sd = 10 * (1 + growth * np.arange(4) / 3)
        score = 15 + effect * arm[:, None] * weeks / 24 + sd * z
        basis = z[:, 1:] if lost == "unseen" else z[:, :-1]
        worse = np.where(arm[:, None] == 1, -basis, basis)
        leaves = rng.random((n, 3)) < (2 * leave * norm.cdf(2 * worse) if lost else 0)
        stays = np.column_stack([np.ones(n, bool), ~np.logical_or.accumulate(leaves, axis=1)])
        first = np.ones((n, 1))
        never = (arm == 0)[:, None] | np.array([True, *[False] * 4])
        return grid(
            (n, 1, 5),
            arm[:, None, None],
            kept=np.column_stack([first == 1, stays])[:, None, :],
            weeks=np.array([0, *weeks]),
            session_count=np.where(never, 0, 3)[:, None, :],
            needle_depth_mm=np.where(never, np.nan, 1.5)[:, None, :],
            improvement_score=np.column_stack([0 * first, np.minimum(score, 100)])[:, None, :],
        )

    return draw


def texture(treated: int, untreated: int) -> Draw:
    """Two arms with a score of 10 before and after, half of what stood out before staying so."""
    arm = np.repeat([1, 0], [treated, untreated])[:, None, None]
    n = treated + untreated

    def draw(rng: np.random.Generator, effect: float) -> pd.DataFrame:
        before = rng.normal(size=(n, 1, 1))
        after = 4 + 0.5 * before + effect * arm + 0.9 * rng.normal(size=(n, 1, 1))
        cells = _before_and_after(arm, after)
        cells["texture_score"] = np.clip(np.concatenate([4 + before, after], axis=2), 0, 10)
        return grid((n, 1, 2), arm, **cells | {"improvement_score": np.nan})

    return draw


def faces(
    n: int,
    *,
    sds: tuple[float, float] = (6.0, 6.0),
    lesions: int = 1,
    kind: str = "normal",
    lost: bool = False,
) -> Draw:
    """Both sides of a face needled, one with a topical; ``lesions`` a side.

    ``sds`` are the spreads of the side with and without. The effect differs between patients, and
    between lesions by 6 points. ``lost``: seen at weeks 4 and 12, those leave whose treated side
    had gained least at week 4.
    """
    side = np.repeat([1, 0], lesions)[None, :, None]
    size = (n, 2 * lesions, 1)

    def draw(rng: np.random.Generator, effect: float) -> pd.DataFrame:
        own = 10 * rng.normal(size=(n, 1, 1)) + np.where(side == 1, *sds) * rng.normal(size=size)
        own = own + side * 4 * spread(rng, (n, 1, 1), kind)
        own = own + side * 6 * (lesions > 1) * rng.normal(size=size)
        score = 20 + effect * side + own
        if kind == "quartile":
            score = quartiles(rng, np.broadcast_to(effect * side * 1.0, size))
        early = score / 2 + 4 * rng.normal(size=size)
        gone = lost & (rng.random((n, 1, 1)) < 0.4 * norm.cdf((8 - early[:, :1]) / 4))
        first, word = np.array([True, False, False]), np.array([code("adjunct", "none"), 1])
        seen = [True, True, ~gone] if lost else [True, False, True]
        return grid(
            (n, 2 * lesions, 3),
            adjunct=word[side],
            kept=np.concatenate([np.broadcast_to(s, size) for s in seen], axis=2),
            weeks=np.array([0, 4, 12]),
            session_count=np.where(first, 0, 3),
            needle_depth_mm=np.where(first, np.nan, 1.5),
            improvement_score=np.concatenate([0 * score, early, score], axis=2),
        )

    return draw


def sessions(
    n: int, *, differ: float = 0.0, rho: float = 0.0, unequal: bool = False, growth: float = 0.0
) -> Draw:
    """One assessment after each of four sessions; slopes differ between patients by ``differ``."""
    number = np.arange(1, 5)

    def draw(rng: np.random.Generator, slope: float) -> pd.DataFrame:
        noise = rng.normal(size=(n, 4))
        for v in range(1, 4):
            noise[:, v] = rho * noise[:, v - 1] + (1 - rho**2) ** 0.5 * noise[:, v]
        own = slope + differ * rng.normal(size=(n, 1))
        score = 15 + 8 * rng.normal(size=(n, 1)) + own * number
        score = score + 4 * (1 + growth * number) * noise
        last = 2 + np.arange(n) % 3 if unequal else np.full(n, 4)
        return grid(
            (n, 1, 4),
            kept=(number <= last[:, None])[:, None, :],
            weeks=4 * number,
            session_count=number,
            improvement_score=np.minimum(score, 100)[:, None, :],
        )

    return draw


def spacing(n: int, *, fans: bool = False, kind: str = "normal", far: bool = False) -> Draw:
    """Patients with 2 to 8 weeks between sessions; the spread may fan out with it.

    ``far``: most have 3 or 4 weeks, a few 8.
    """

    def draw(rng: np.random.Generator, slope: float) -> pd.DataFrame:
        weeks = rng.integers(2, 9, size=(n, 1, 1))
        if far:
            weeks = rng.choice([3, 4, 8], p=[0.45, 0.45, 0.1], size=(n, 1, 1))
            weeks[:3] = np.array([3, 4, 8])[:, None, None]
        sd = 8 * (weeks / 5 if fans else 1)
        score = 20 + slope * (weeks - 5) + sd * spread(rng, (n, 1, 1), kind)
        cells = _before_and_after(np.array(1), score)
        return grid((n, 1, 2), **cells, session_interval_weeks=weeks)

    return draw


def pain(n: int, *, alike: float = 20.0, none: float = 0.0) -> Draw:
    """Pain of 10 after each of three sessions; a share ``none`` of patients have none at all."""

    def draw(rng: np.random.Generator, mean: float) -> pd.DataFrame:
        m = mean / 10 / (1 - none)
        own = rng.beta(m * alike, (1 - m) * alike, size=(n, 1, 1)) * (rng.random((n, 1, 1)) >= none)
        safe = np.clip(own, 1e-6, 1 - 1e-6)
        each = rng.beta(safe * 15, (1 - safe) * 15, size=(n, 1, 3)) * (own > 0)
        number = np.arange(1, 4)
        return grid((n, 1, 3), weeks=4 * number, session_count=number, pain_score=10 * each)

    return draw


def tissue(n: int, kind: str = "normal") -> Draw:
    """One biopsy a patient: change of collagen in percent, without a control."""

    def draw(rng: np.random.Generator, mean: float) -> pd.DataFrame:
        change = mean + 18 * spread(rng, (n, 1, 1), kind)
        return grid((n, 1, 1), weeks=12, collagen_change_percent=np.clip(change, -100, 1000))

    return draw


def needled(n: int, *, sites: int = 1, kind: str = "normal") -> Draw:
    """One needled arm, before and after."""

    def draw(rng: np.random.Generator, mean: float) -> pd.DataFrame:
        own = spread(rng, (n, 1, 1), kind)
        own = (own + (sites > 1) * rng.normal(size=(n, sites, 1))) / (2**0.5 if sites > 1 else 1)
        return grid((n, sites, 2), **_before_and_after(np.array(1), mean + 14 * own))

    return draw


def satisfied(n: int, *, sites: int = 1) -> Draw:
    """Patients who score 8 or 5 of 10 for all of their sites; truth in percent."""

    def draw(rng: np.random.Generator, percent: float) -> pd.DataFrame:
        score = np.where(rng.random((n, 1, 1)) < percent / 100, 8, 5)
        cells = _before_and_after(np.array(1), np.array(30.0))
        asked = np.where(np.array([True, False]), np.nan, score)
        return grid((n, sites, 2), **cells, satisfaction_score=asked)

    return draw


def _alike(rng: np.random.Generator, n: int, each: int, percent: float, alike: float) -> np.ndarray:
    """Draw yes or no of several rows a patient, chances between patients by a beta."""
    share = percent / 100
    chance = rng.beta(share * alike, (1 - share) * alike, size=(n, 1))
    return rng.random((n, each)) < chance


def redness(n: int, *, alike: float = 2.0, each: int = 3) -> Draw:
    """Redness of one day or four after each session; truth: percent gone by day 2."""

    def draw(rng: np.random.Generator, percent: float) -> pd.DataFrame:
        days = np.where(_alike(rng, n, each, percent, alike), 1, 4)[:, None, :]
        number = np.arange(1, each + 1)
        cells = {"weeks": 4 * number, "session_count": number, "erythema_resolved": True}
        return grid((n, 1, each), **cells, erythema_days=days)

    return draw


def first_results(n: int, *, sites: int = 1, alike: float = 2.0) -> Draw:
    """Better by 25 points or by 2 at weeks 6 and 12; truth: percent of sites better at week 6."""

    def draw(rng: np.random.Generator, percent: float) -> pd.DataFrame:
        score = np.where(_alike(rng, n, sites, percent, alike), 25.0, 2.0)[:, :, None]
        first = np.array([True, False, False])
        cells = {"weeks": np.array([0, 6, 12]), "session_count": np.where(first, 0, 3)}
        depth = np.where(first, np.nan, 1.5)
        seen = np.where(first, 0, score)
        return grid((n, sites, 3), **cells, needle_depth_mm=depth, improvement_score=seen)

    return draw


def _arms(draw: Draw, *, apart: bool = False, **study: Any) -> Cell:
    return Cell(
        claim="reduces-scarring", study={**RANDOMISED, **study}, draw=draw, null=0.0, edge=10.0,
        apart=apart,
    )  # fmt: skip


def _visits(draw: Draw, *, apart: bool = False) -> Cell:
    return _arms(draw, apart=apart, plan={"final_week": 24})


def _cell(claim: str, draw: Draw, null: float, edge: float, **study: Any) -> Cell:
    return Cell(claim=claim, study={**ALL_NEEDLED, **study}, draw=draw, null=null, edge=edge)


def _sides(draw: Draw, **study: Any) -> Cell:
    return _cell("topical-adjunct", draw, 0.0, 5.0, **FACES, **study)


def _below(draw: Draw, limit: float) -> Cell:
    plan = {"margins": {"little-pain": limit}}
    return _cell("little-pain", draw, 1.3 * limit, limit, plan=plan)


CELLS: dict[str, Cell] = {
    # two arms, one site a patient
    "two arms, 5:5": _arms(two_arms(5, 5)),
    "two arms, 10:10": _arms(two_arms(10, 10)),
    "two arms, 20:20": _arms(two_arms(20, 20)),
    "two arms, 40:40": _arms(two_arms(40, 40)),
    "two arms, 5:35": _arms(two_arms(5, 35)),
    "two arms, 10:30": _arms(two_arms(10, 30)),
    "two arms, 20:20, spreads 3:1": _arms(two_arms(20, 20, sds=(24, 8))),
    "two arms, 10:30, spreads 3:1": _arms(two_arms(10, 30, sds=(24, 8))),
    "two arms, 5:35, spreads 3:1": _arms(two_arms(5, 35, sds=(24, 8))),
    "two arms, 5:35, spreads 1:3": _arms(two_arms(5, 35, sds=(8, 24))),
    "two arms, 20:20, skew": _arms(two_arms(20, 20, kind="skew")),
    "two arms, 10:30, skew": _arms(two_arms(10, 30, kind="skew")),
    "two arms, 5:35, skew": _arms(two_arms(5, 35, kind="skew")),
    "two arms, 20:20, quartiles": _arms(two_arms(20, 20, kind="quartile")),
    "two arms, 40:40, quartiles": _arms(two_arms(40, 40, kind="quartile")),
    "two arms, 20:20, ceiling": _arms(two_arms(20, 20, kind="ceiling")),
    "two arms, 20:20, 3 lesions": _arms(two_arms(20, 20, sites=3)),
    "two arms, 10:30, 6 lesions, spreads 3:1": _arms(two_arms(10, 30, sites=6, sds=(24, 8))),
    # severity in the model
    "two arms, 20:20, severity": _arms(two_arms(20, 20, by_grade=6)),
    "two arms, 10:30, severity, spreads 3:1": _arms(two_arms(10, 30, by_grade=6, sds=(24, 8))),
    "two arms, 5:35, severity, spreads 3:1": _arms(two_arms(5, 35, by_grade=6, sds=(24, 8))),
    "two arms, 20:20, severity confounds": _arms(
        two_arms(20, 20, by_grade=6, confounded=True), **OBSERVED, randomised=False
    ),
    "two arms, 40:40, severity confounds": _arms(
        two_arms(40, 40, by_grade=6, confounded=True), **OBSERVED, randomised=False
    ),
    "two arms, 20:20, value before": Cell(
        claim="smooths-texture", study=RANDOMISED, draw=texture(20, 20), null=0.0, edge=1.0
    ),
    # several visits
    "visits, 10:10": _visits(over_visits(10, 10)),
    "visits, 20:20, spread grows": _visits(over_visits(20, 20, growth=2)),
    "visits, 20:20, lost as seen": _visits(over_visits(20, 20, lost="seen")),
    "visits, 40:40, lost as seen": _visits(over_visits(40, 40, lost="seen")),
    "visits, 20:20, lost as seen, spread grows": _visits(
        over_visits(20, 20, growth=2, lost="seen")
    ),
    "visits, 20:20, lost as not seen": _visits(over_visits(20, 20, lost="unseen"), apart=True),
    # two sides of a face
    "sides, 10": _sides(faces(10)),
    "sides, 20": _sides(faces(20)),
    "sides, 40, spreads 3:1": _sides(faces(40, sds=(12, 4))),
    "sides, 20, skew": _sides(faces(20, sds=(2, 2), kind="skew")),
    "sides, 20, quartiles": _sides(faces(20, kind="quartile")),
    "sides, 20, 3 lesions": _sides(faces(20, lesions=3)),
    "sides, 10, 6 lesions, spreads 3:1": _sides(faces(10, lesions=6, sds=(12, 4))),
    # without the plan, a study that lost five of twenty is judged at week 4, of a lesser truth
    "sides, 20, lost as seen": _sides(faces(20, lost=True), plan={"final_week": 12}),
    # slopes
    "sessions, 20": _cell("more-sessions", sessions(20), 0.0, 2.0),
    "sessions, 10, slopes differ": _cell("more-sessions", sessions(10, differ=3), 0.0, 2.0),
    "sessions, 40, slopes differ, unequal, autocorrelated": _cell(
        "more-sessions", sessions(40, differ=3, rho=0.7, unequal=True), 0.0, 2.0
    ),
    "sessions, 20, spread grows, autocorrelated": _cell(
        "more-sessions", sessions(20, rho=0.7, growth=0.5), 0.0, 2.0
    ),
    "slope between, 20": _cell("spaced-sessions", spacing(20), 0.0, 1.0),
    "slope between, 40, spread fans out": _cell(
        "spaced-sessions", spacing(40, fans=True), 0.0, 1.0
    ),
    "slope between, 40, few far out, skew": _cell(
        "spaced-sessions", spacing(40, kind="skew", far=True), 0.0, 1.0
    ),
    # a mean against a limit
    "level, 10": _below(pain(10), 3.0),
    "level, 20, skew": _below(pain(20, alike=3), 1.5),
    "level, 80, skew": _below(pain(80, alike=3), 1.5),
    "level, 20, at the floor": _below(pain(20, alike=5, none=0.4), 1.5),
    "level, 80, at the floor": _below(pain(80, alike=5, none=0.4), 1.5),
    # shares
    "satisfied, 20": _cell("satisfies-patients", satisfied(20, sites=2), 40.0, 50.0),
    "satisfied, 80": _cell("satisfies-patients", satisfied(80), 40.0, 50.0),
    "redness gone, 10, patients alike": _cell("short-downtime", redness(10, alike=50), 40.0, 50.0),
    "redness gone, 40, patients differ": _cell("short-downtime", redness(40, alike=1), 40.0, 50.0),
    "weeks to results, 20": _cell("weeks-to-results", first_results(20), 40.0, 50.0),
    "weeks to results, 40, 3 sites": _cell(
        "weeks-to-results", first_results(40, sites=3), 40.0, 50.0
    ),
    # a mean without a control
    "mean, 10": _cell("reduces-scarring", needled(10), 0.0, 10.0),
    "mean, 20, 3 lesions": _cell("reduces-scarring", needled(20, sites=3), 0.0, 10.0),
    "mean, 20, skew": _cell("reduces-scarring", needled(20, kind="skew"), 0.0, 10.0),
    "mean, 80, skew": _cell("reduces-scarring", needled(80, kind="skew"), 0.0, 10.0),
    "tissue, 20": _cell("more-collagen", tissue(20), 0.0, 10.0),
}
