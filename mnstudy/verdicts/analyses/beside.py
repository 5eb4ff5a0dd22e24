"""What a reader expects beside a comparison of arms: responders, likeness of sides, grades."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.number_needed import NumberNeeded, nnt
from mnstudy.stats.ordinal import proportional_odds
from mnstudy.stats.superiority import probability_of_superiority
from mnstudy.verdicts.analyses.events import difference_of_risks
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, Question, n_patients
from mnstudy.verdicts.finding import Part
from mnstudy.verdicts.registry import claim

SCORE = "improvement_score"
Beside = tuple[tuple[Part, ...], tuple[str, ...]]
NOTHING: Beside = ((), ())


def responders(question: Question, frame: pd.DataFrame, arm: pd.Series, outcome: str) -> Beside:
    """Return the difference of the shares with a worthwhile improvement, and the number needed.

    Worthwhile is the margin of the claim that needling reduces scars; a patient counts by the mean
    of the sites in the arm. Item 26 of CONSORT 2025 asks for it (doi 10.1136/bmj-2024-081123);
    a cut score tells less than the score (Snapinn & Jiang 2007, doi 10.1186/1745-6215-8-31).
    """
    if outcome != SCORE or question.brief:
        return NOTHING
    least = question.margin(claim("reduces-scarring"))
    reached = [
        frame.loc[arm == side].groupby("patient_id")[SCORE].mean() >= least for side in (1, 0)
    ]
    if question.cohort.study.design == "split_body":
        both = reached[0].index.intersection(reached[1].index)
        reached = [side[both] for side in reached]
    if min(len(side) for side in reached) < MIN_PATIENTS:
        return NOTHING
    found = difference_of_risks(question, *reached)
    part = Part(
        kind="contrast",
        label=f"share with {fmt.given(least)} points or more",
        value=100 * found.estimate,
        ci_low=100 * found.ci_low,
        ci_high=100 * found.ci_high,
        n=len(reached[0].index.union(reached[1].index)),
        unit="percentage points",
    )
    counts = " against ".join(f"{int(r.sum()):,} of {len(r):,} patients" for r in reached)
    # a number needed to treat speaks of a cause
    rest = _needed(nnt(found)) if question.comparison == "randomised" else "not adjusted"
    note = f"{fmt.given(least)} points or more: {counts}, a difference of {fmt.interval(part)} "
    return (part,), (f"{note}percentage points; {rest}",)


def _needed(number: NumberNeeded) -> str:
    """Say how many have to be treated for one more, with both ranges where the sign is open."""

    def span(low: float, high: float) -> str:
        ends = "more" if math.isinf(high) else fmt.number(high, 1)
        return f"{fmt.number(low, 1)} {'or' if math.isinf(high) else 'to'} {ends}"

    words = []
    if math.isfinite(number.benefit_low):
        words.append(f"{span(number.benefit_low, number.benefit_high)} for one more to benefit")
    if math.isfinite(number.harm_low):
        words.append(f"{span(number.harm_low, number.harm_high)} for one less")
    return "number needed to treat " + " and ".join(words)


def sides(frame: pd.DataFrame, arm: pd.Series, outcome: str) -> list[str]:
    """Say how alike the two sides of a person are: what a plan of a further study needs.

    Items 17a and 20 of CONSORT for within-person trials (Pandis et al. 2017, doi
    10.1136/bmj.j2835).
    """
    values = frame.assign(side=np.where(arm == 1, "treated", "reference"))
    wide = values.pivot_table(index="patient_id", columns="side", values=outcome, aggfunc="mean")
    pairs = wide.dropna()
    if len(pairs) < MIN_PATIENTS or not (pairs.std() > 0).all():
        return []
    difference = pairs["treated"] - pairs["reference"]
    r = fmt.number(float(np.corrcoef(pairs["treated"], pairs["reference"])[0, 1]), 2)
    spread = fmt.number(float(difference.std()))
    return [
        f"correlation of the two sides {r}, standard deviation of their difference {spread}",
        "what is put on one side may act on the other (carry-across); the table cannot show it",
    ]


def classes(frame: pd.DataFrame, arm: np.ndarray, outcome: str) -> list[str]:
    """Say how far a difference of means may be off where improvement is known to a class only."""
    if outcome != SCORE or "improvement_low" not in frame:
        return []
    score = frame[SCORE].astype("float64")
    low, high = (frame[f"improvement_{end}"].fillna(score) for end in ("low", "high"))
    coarse = int((high > low).sum())
    if not coarse:
        return []
    treated = arm == 1
    least = fmt.number(float(low[treated].mean() - high[~treated].mean()), 0)
    most = fmt.number(float(high[treated].mean() - low[~treated].mean()), 0)
    return [
        f"improvement of {fmt.count(coarse, 'site')} is known only to a class and enters at its "
        f"middle; the difference of the means, not adjusted, lies between {least} and {most} "
        "whatever the true values are"
    ]


def grades(question: Question, treated: pd.DataFrame, control: pd.DataFrame) -> Beside:
    """Return the change in grades, which is no percentage, by ordinal methods.

    The share of patients better by a grade or more, and with a control the chance that a needled
    site gains more grades than an untreated one, with the proportional odds of doing so.
    """
    if question.brief or "grade_change" not in treated:
        return NOTHING
    rows = [x.dropna(subset=["grade_change"]) for x in (treated, control)]
    if n_patients(rows[0]) < MIN_PATIENTS:
        return NOTHING
    gained = [x.groupby("patient_id")["grade_change"].mean() for x in rows]
    better = int((gained[0] >= 1).sum())
    notes = (f"in grades: {better:,} of {len(gained[0]):,} patients better by one or more",)
    if len(gained[1]) < MIN_PATIENTS or question.cohort.study.design == "split_body":
        return (), notes
    level = question.confidence_level
    chance = probability_of_superiority(*gained, paired=False, confidence_level=level)
    part = Part(
        kind="contrast",
        label="chance of gaining more grades than untreated",
        value=chance.estimate,
        ci_low=chance.ci_low,
        ci_high=chance.ci_high,
        n=len(gained[0]) + len(gained[1]),
        unit="chance, 0.5 is no difference",
    )
    return (part,), (*notes, _odds(question, rows))


def _odds(question: Question, rows: list[pd.DataFrame]) -> str:
    both = pd.concat(rows)
    treated = pd.DataFrame({"treated": [1.0] * len(rows[0]) + [0.0] * len(rows[1])})
    try:
        fitted = proportional_odds(
            both["grade_change"].to_numpy(),
            treated,
            both["patient_id"].to_numpy(),
            confidence_level=question.confidence_level,
        )
    except ValueError as error:
        return f"odds of gaining more grades: not estimated ({error})"
    row = fitted.to_frame().loc["treated"]
    ends = [
        fmt.number(float(row[c]), 1) for c in ("odds_ratio", "odds_ratio_low", "odds_ratio_high")
    ]
    odds = f"{ends[0]} ({ends[1]} to {ends[2]})"
    return f"odds of gaining more grades, needled against untreated: {odds}"
