"""Two arms: the adjusted difference, within the person where sites are paired, and each mean.

Beside it stand responders, how alike two sides are, and the change in grades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.counts.proportions import NumberNeeded, nnt
from mnstudy.stats.measurement.skewed_mean import hall_limits
from mnstudy.stats.mixed.cluster_robust import RobustFit
from mnstudy.stats.ordinal.model import proportional_odds
from mnstudy.stats.ranks.superiority import brunner_munzel, probability_of_superiority
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.models.covariates import (
    covariates,
    indicators,
    left_out,
    usual_covariates,
)
from mnstudy.verdicts.analyses.models.visits import OverVisits, over_visits
from mnstudy.verdicts.analyses.question import (
    GRADES,
    MIN_PATIENTS,
    SCORE,
    Answer,
    Question,
    complete_rows,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.analyses.rates import AT_AN_END, difference_of_risks
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.finding.finding import Estimate, Hold, Part, interval_of
from mnstudy.words.notes import Count, Note, as_given, note

Secondary = tuple[tuple[Part, ...], tuple[Note, ...]]
NOTHING: Secondary = ((), ())


def arm_contrast(question: Question) -> Answer:
    """Estimate final improvement of the treated arm minus the reference arm of the claim."""
    frames = [select_arm(question.sites, arm) for arm in (question.needled, question.control)]
    treated, reference, missing = named_arms(question, frames, SCORE)
    over = over_visits(question, frames, partial(question.visit_rows, SCORE), SCORE, [])
    both = pd.concat([treated, reference], ignore_index=True)
    arm = np.repeat([1.0, 0.0], [len(treated), len(reference)])
    question, _ = question.by_clinic(both, arm)
    answer = contrast(question, both, arm, SCORE, [], over)
    means = arm_means(question, [treated, reference], SCORE, over)
    return replace(
        answer,
        n_missing=answer.n_missing + missing,
        parts=(*answer.parts, *means),
        remarks=(*answer.remarks, *classes(both, arm, SCORE), *question.indication),
    )


def named_arms(
    question: Question, arms: Sequence[pd.DataFrame], outcome: str
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return the sites with the outcome of the two arms a claim names, and how many lack it."""
    question.require_comparable_groups()
    (treated, gone), (reference, lost) = (complete_rows(own, [outcome]) for own in arms)
    for frame, name in zip((treated, reference), question.arm_names, strict=True):
        require_patients(frame, note("in_arm_with_outcome", arm=name))
    return treated, reference, gone + lost


def grade_contrast(question: Question) -> Answer:
    """Estimate the chance that a patient of the treated arm does better than one of the other.

    Ties count as halves, a patient by the mean of her sites in the arm: of two arms with
    Brunner-Munzel limits (``brunner_munzel``), Newcombe's where the arms do not overlap, of two
    sides of a body with Tango's (``probability_of_superiority``).
    """
    outcome = question.params.get("outcome", GRADES)
    arms = [select_arm(question.sites, arm) for arm in (question.needled, question.control)]
    *frames, missing = named_arms(question, arms, outcome)
    sign = -1.0 if question.params.get("better") == "lower" else 1.0
    means = [sign * rows.groupby("patient_id")[outcome].mean() for rows in frames]
    both = means[0].index.intersection(means[1].index)
    question.require_declared_design(len(both))
    if question.cohort.study.within_patients:
        means = [side[both] for side in means]
    everybody = means[0].index.union(means[1].index)
    return Answer(
        estimate=_chance(question, *means),
        comparison=question.comparison,
        holds=question.carried_over,
        n_patients=len(everybody),
        n_sites=sum(n_sites(rows[rows["patient_id"].isin(everybody)]) for rows in frames),
        n_missing=missing,
        remarks=(
            *(note("not_adjusted_as", why=why) for why in question.indication),
            *([note("period_not_adjusted")] if question.crossover else []),
        ),
    )


def _chance(question: Question, treated: pd.Series, reference: pd.Series) -> Estimate:
    level, paired = question.confidence_level, question.cohort.study.within_patients
    usual: dict[str, Any] = {"confidence_level": level, "unit": question.claim.unit}
    if not paired:
        test = brunner_munzel(treated, reference, confidence_level=level)
        tested = {k: getattr(test, k) for k in ("std_error", "df", "p_value")}
        how = note("chance_of_better", method=as_given("Brunner-Munzel"))
        if test.std_error > 0:  # else the arms are apart
            return Estimate(**interval_of(test), **tested, **usual, how=how)
    found = probability_of_superiority(treated, reference, paired=paired, confidence_level=level)
    how = note("chance_of_better", method=as_given(found.method))
    return Estimate(**interval_of(found), **usual, how=how)


def contrast(
    question: Question,
    frame: pd.DataFrame,
    arm: object,
    outcome: str,
    baseline: list[str],
    over: OverVisits | None = None,
) -> Answer:
    """Estimate treated minus reference, adjusted, within the person where sites are paired.

    ``frame`` holds the sites of both arms, ``arm`` 1 for treated and 0 for reference. ``over`` is
    a model of all visits, which then answers.
    """
    question, alone = question.by_clinic(frame, arm)
    base = pd.DataFrame({"reference": 1.0, "treated": arm}, index=frame.index)
    names = question.adjust_for(usual_covariates(question, baseline))
    extra, used = covariates(frame, names, beside=base)
    design = pd.concat([base, extra], axis=1)
    for column in baseline:
        design[column] = frame[column] - frame[column].mean()
    paired = _pairs(frame, base["treated"])
    question.require_declared_design(paired)
    few = question.few_in_order(frame, base["treated"])
    within = question.cohort.study.within_patients
    if question.crossover:
        design, used = design.join(indicators(frame["period"])), [*used, "period"]
    if within and question.engine == "robust":
        fitted = model.within_patients(question, frame, frame[outcome], design)
    else:
        fitted = model.fit(question, frame, frame[outcome], design)
    parts, reached = responders(question, frame, base["treated"], outcome)
    both = Count(n=paired, noun="patient")
    remarks = [note("within_person", patients=both)] if paired else []
    left, open_ = left_out(question, frame, names, used)
    remarks += [*reached, *left, *_lost_but_seen(over)]
    single = Count(n=n_patients(frame) - paired, noun="patient")
    if question.crossover:
        remarks += [note("one_period_only", patients=single)] if single.n else []
    elif paired and within and not question.brief:
        remarks += sides(frame, base["treated"], outcome, question.claim.unit)
    usual = "within_patients" if question.crossover else "pairs"
    how = usual if within and question.engine == "robust" else ""
    behind = frame[_with_both(frame, base["treated"])] if how else frame
    used = [*used, *baseline]
    answer = model.answer(question, fitted, behind, "treated", how, adjusted=used, over=over)
    skewed = () if within or over is not None else _skewed(question, fitted, answer.estimate)
    holds = (*few, *answer.holds, *question.carried_over, *open_, *alone, *skewed)
    gone = question.never_seen(frame) if question.crossover else 0
    return replace(answer, parts=parts, remarks=tuple(remarks), holds=holds, n_missing=gone)


def _skewed(question: Question, fitted: model.Fitted, found: Estimate) -> tuple[Hold, ...]:
    """Hold back a difference of two arms of which t limits alone are sure.

    Where more than a tenth of the values, and five or more, are the lowest or the highest one,
    arms are skewed against each other, and few patients do not make up for it: Hall's limits have
    to speak the same way. The coefficient is a weighted sum of the values; its third moment is that
    of the weights, cubed, with the cubes of the residuals.
    """
    y, x = fitted.y.to_numpy(), fitted.design.to_numpy(dtype="float64")
    ends = int(np.isin(y, [y.min(), y.max()]).sum())
    alone = isinstance(fitted.result, RobustFit) and fitted.patients.is_unique
    if not alone or ends <= max(MIN_PATIENTS - 1, AT_AN_END * len(y)) or not found.std_error > 0:
        return ()
    inverse = np.linalg.pinv(x)
    weights = inverse[list(fitted.design).index("treated")]
    third = float(((weights * (y - x @ (inverse @ y))) ** 3).sum())
    limits = hall_limits(
        found.value, found.std_error, found.df, third / found.std_error**3,
        confidence_level=found.confidence_level,
    )  # fmt: skip
    return (Hold(why=note("skewed_difference"), also=limits),)


def _lost_but_seen(over: OverVisits | None) -> list[Note]:
    if over is None:
        return []
    kind = "lost_but_seen" if over.how.kind == "visit_model" else "lost_but_seen_few"
    return [note(kind, sites=Count(n=over.lost, noun="site"))]


def _with_both(frame: pd.DataFrame, arm: pd.Series) -> pd.Series:
    """Tell which rows are of patients with both sides."""
    return arm.groupby(frame["patient_id"]).transform("nunique") == 2


def _pairs(frame: pd.DataFrame, arm: pd.Series) -> int:
    codes, _ = pd.factorize(frame["patient_id"])
    return len(np.intersect1d(*(codes[arm.to_numpy() == side] for side in (0, 1))))


def arm_means(
    question: Question,
    frames: Sequence[pd.DataFrame],
    outcome: str,
    over: OverVisits | None,
) -> tuple[Part, ...]:
    """Return the means of the treated and the reference arm."""
    if question.brief:
        return ()
    within = question.cohort.study.design == "split_body"
    named = list(zip(frames, question.arm_names, strict=True))
    if over is None or within:
        return tuple(group_mean(question, frame, outcome, label) for frame, label in named)
    return tuple(
        Part(
            kind="arm",
            label=label,
            n=n_patients(frame),
            unit=question.claim.unit,
            **interval_of(over.result.contrast(over.weights(**{arm: 1.0}))),
        )
        for arm, (frame, label) in zip(("treated", "reference"), named, strict=True)
    )


def group_mean(
    question: Question, frame: pd.DataFrame, outcome: str, label: str, kind: str = "arm"
) -> Part:
    """Return the mean of one arm as a further number of the finding."""
    mean = model.pick(model.mean(question, frame, frame[outcome]), {"mean": 1.0})
    unit, n = question.claim.unit, n_patients(frame)
    return Part(kind=kind, label=label, n=n, unit=unit, **interval_of(mean))


def by_level(
    question: Question, frame: pd.DataFrame, outcome: str, factor: str
) -> tuple[Part, ...]:
    """Return the mean of every level of a factor with enough patients, in clinical order."""
    if question.brief or factor not in frame or frame[factor].nunique() < 2:
        return ()
    groups = [(str(level), own) for level, own in frame.groupby(factor, observed=False)]
    return tuple(
        group_mean(question, own, outcome, level.replace("_", " "), "level")
        for level, own in groups
        if n_patients(own) >= MIN_PATIENTS and own[outcome].nunique() > 1
    )


def responders(question: Question, frame: pd.DataFrame, arm: pd.Series, outcome: str) -> Secondary:
    """Return the difference of the shares with a worthwhile improvement, and the number needed.

    Worthwhile is the margin of the claim that needling reduces scars; a patient counts by the mean
    of the sites in the arm. Item 26 of CONSORT 2025 asks for it (doi 10.1136/bmj-2024-081123);
    a cut score tells less than the score (Snapinn & Jiang 2007, doi 10.1186/1745-6215-8-31).
    """
    if outcome != SCORE or question.brief or question.allocated:
        return NOTHING
    least = question.margin(claim("reduces-scarring"))
    reached = [
        frame.loc[arm == side].groupby("patient_id")[SCORE].mean() >= least for side in (1, 0)
    ]
    paired = question.cohort.study.within_patients
    if paired:
        both = reached[0].index.intersection(reached[1].index)
        reached = [side[both] for side in reached]
    if min(len(side) for side in reached) < MIN_PATIENTS:
        return NOTHING
    level = question.confidence_level
    found = difference_of_risks(*reached, paired=paired, confidence_level=level)
    part = Part(
        kind="contrast",
        label=f"share with {fmt.as_entered(least)} points or more",
        n=len(reached[0].index.union(reached[1].index)),
        unit="percentage points",
        **interval_of(found, 100),
    )
    treated, reference = (Count(n=int(r.sum()), of=len(r), noun="patient") for r in reached)
    # a number needed to treat speaks of a cause
    needed = question.comparison == "randomised" and not question.crossover
    unadjusted = "period_not_adjusted" if question.crossover else "not_adjusted"
    said = note(
        "responders",
        least=least,
        treated=treated,
        reference=reference,
        difference=fmt.ends(part),
        rest=_needed(nnt(found)) if needed else note(unadjusted),
    )
    return (part,), (said,)


def _needed(number: NumberNeeded) -> Note:
    """Say how many have to be treated for one more, with both ranges where the sign is open."""

    def span(low: float, high: float) -> Note:
        if math.isinf(high):
            return note("so_many_or_more", low=low)
        return note("so_many", low=low, high=high)

    ranges = []
    if math.isfinite(number.benefit_low):
        benefit = span(number.benefit_low, number.benefit_high)
        ranges.append(note("one_more_benefits", treated=benefit))
    if math.isfinite(number.harm_low):
        ranges.append(note("one_less_benefits", treated=span(number.harm_low, number.harm_high)))
    return note("number_needed", ranges=tuple(ranges))


def sides(frame: pd.DataFrame, arm: pd.Series, outcome: str, unit: str) -> list[Note]:
    """Say how alike the two sides of a person are: what a plan of the next study needs.

    Items 17a and 20 of CONSORT for within-person trials (Pandis et al. 2017, doi
    10.1136/bmj.j2835).
    """
    values = frame.assign(side=np.where(arm == 1, "treated", "reference"))
    wide = values.pivot_table(index="patient_id", columns="side", values=outcome, aggfunc="mean")
    pairs = wide.dropna()
    if len(pairs) < MIN_PATIENTS or not (pairs.std() > 0).all():
        return []
    difference = pairs["treated"] - pairs["reference"]
    r = float(np.corrcoef(pairs["treated"], pairs["reference"])[0, 1])
    alike = note("alike_sides", r=r, sd=float(difference.std()), unit=unit)
    return [alike, note("carry_across")]


def classes(frame: pd.DataFrame, arm: np.ndarray, outcome: str) -> list[Note]:
    """Say how far a difference of means may be off where improvement is known to a class only."""
    if outcome != SCORE or "improvement_low" not in frame:
        return []
    score = frame[SCORE].astype("float64")
    low, high = (frame[f"improvement_{end}"].fillna(score) for end in ("low", "high"))
    coarse = int((high > low).sum())
    if not coarse:
        return []
    treated = arm == 1
    least = float(low[treated].mean() - high[~treated].mean())
    most = float(high[treated].mean() - low[~treated].mean())
    sites = Count(n=coarse, noun="site")
    return [note("difference_of_classes", sites=sites, least=least, most=most)]


def grades(question: Question, treated: pd.DataFrame, control: pd.DataFrame) -> Secondary:
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
    patients = Count(n=better, of=len(gained[0]), noun="patient")
    remarks = (note("better_by_a_grade", patients=patients),)
    if len(gained[1]) < MIN_PATIENTS or question.cohort.study.within_patients:
        return (), remarks
    level = question.confidence_level
    chance = probability_of_superiority(*gained, paired=False, confidence_level=level)
    part = Part(
        kind="contrast",
        label="chance of gaining more grades than untreated",
        n=len(gained[0]) + len(gained[1]),
        unit="chance, 0.5 is no difference",
        **interval_of(chance),
    )
    return (part,), (*remarks, _odds(question, rows))


def _odds(question: Question, rows: list[pd.DataFrame]) -> Note:
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
        return note("no_grade_odds", error=str(error))
    row = fitted.to_frame().loc["treated"]
    odds, low, high = (float(row[f"odds_ratio{end}"]) for end in ("", "_low", "_high"))
    return note("grade_odds", odds=odds, low=low, high=high)
