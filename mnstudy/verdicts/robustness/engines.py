"""The same rows through another engine: the other model, no adjustment, ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy.stats.ranks.hodges_lehmann import HodgesLehmann, hodges_lehmann
from mnstudy.stats.ranks.signed_rank import signed_rank
from mnstudy.stats.ranks.superiority import brunner_munzel
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, Choices, Layout
from mnstudy.verdicts.finding.finding import Estimate, interval_of
from mnstudy.verdicts.robustness.rows import CheckContext, Row, asked_again, judged_row
from mnstudy.words.notes import Count, Note, note


def other_model(asked: CheckContext) -> list[Row]:
    """Estimate again with random intercepts, or without them where they are the usual model."""
    robust = asked.question.engine == "robust"
    question = replace(asked.question, choices=Choices(engine="mixed" if robust else "robust"))
    choice = note("with_random_intercepts" if robust else "with_robust_errors")
    return asked_again(asked, question, check="model", choice=choice, other_method=True)


def unadjusted(asked: CheckContext) -> list[Row]:
    """Estimate again without covariates."""
    question, choice = replace(asked.question, choices=Choices(adjust=())), note("not_adjusted")
    return asked_again(asked, question, check="adjustment", choice=choice, other_method=True)


def ranks(asked: CheckContext) -> list[Row]:
    """Estimate again by ranks (Hodges-Lehmann), one number a patient."""
    layout = estimate_claim(asked.question).layout
    if layout is None:
        return []
    if layout.tested == "mean":
        values = _by_patient(layout.y, layout.patients)
        return _one_sample(asked, values, "median_of_means")
    if layout.tested == "within":
        return _one_sample(asked, _slopes(layout), "median_of_slopes")
    if layout.tested == "treated":
        return _two_arms(asked, layout)
    return []


def _one_sample(asked: CheckContext, values: pd.Series, what: str) -> list[Row]:
    choice = note("signed_ranks", what=note(what))
    if len(values) < MIN_PATIENTS:
        return []
    level = asked.question.confidence_level
    shift = hodges_lehmann(values.to_numpy(), confidence_level=level)
    p = signed_rank(values.to_numpy()).p_value if values.any() else float("nan")
    return [_row(asked, choice, shift, p, len(values))]


def _two_arms(asked: CheckContext, layout: Layout) -> list[Row]:
    treated = layout.design["treated"] > 0.5
    means = [_by_patient(layout.y[arm], layout.patients[arm]) for arm in (treated, ~treated)]
    both, choice = means[0].index.intersection(means[1].index), note("rank_sums")
    one, other = (m.drop(both).to_numpy() for m in means)
    if asked.question.crossover:
        one, other = _sequences(layout, (means[0] - means[1]).dropna())
        both, choice = both[:0], note("sequence_ranks")
    elif asked.question.cohort.study.within_patients:
        return _one_sample(asked, (means[0] - means[1]).dropna(), "median_of_differences")
    if min(len(one), len(other)) < MIN_PATIENTS:
        return []
    level = asked.question.confidence_level
    shift = hodges_lehmann(one, other, paired=False, confidence_level=level)
    if len(both):
        choice = note("without_both_arms", choice=choice, patients=Count(n=len(both)))
    return [_row(asked, choice, shift, _unlike_p(one, other), len(one) + len(other))]


def _sequences(layout: Layout, difference: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return half the differences of one of two sequences, and minus half those of the other.

    The shift between them is the effect, whatever the period does; empty for more than two periods.
    """
    periods, treated = layout.design.filter(like="period="), layout.design["treated"] > 0.5
    place = _by_patient(periods[treated].sum(axis=1), layout.patients[treated])[difference.index]
    half = difference / 2 if periods.shape[1] == 1 else difference[:0]
    later = place[half.index] > 0
    return half[later].to_numpy(), -half[~later].to_numpy()


def _row(asked: CheckContext, choice: Note, shift: HodgesLehmann, p: float, n: int) -> Row:
    estimate = Estimate(
        **interval_of(shift),
        confidence_level=asked.question.confidence_level,
        p_value=p,
        unit=asked.finding.claim.unit,
        how=choice,
    )
    return judged_row(asked.finding, check="ranks", choice=choice, estimate=estimate, n_patients=n)


def _by_patient(values: pd.Series, patients: pd.Series) -> pd.Series:
    return values.groupby(patients.to_numpy()).mean().sort_index()


def _slopes(layout: Layout) -> pd.Series:
    """Least-squares slope of each patient with two different values, from sums."""
    x, y, patient = layout.design["within"], layout.y, layout.patients.to_numpy()
    xc = x - x.groupby(patient).transform("mean")
    spread = (xc * xc).groupby(patient).sum()
    together = (xc * y).groupby(patient).sum()
    return (together / spread.where(spread > 0)).dropna().sort_index()


def _unlike_p(one: np.ndarray, other: np.ndarray) -> float:
    """Brunner-Munzel: ranks without assuming that both arms scatter alike."""
    try:
        return brunner_munzel(one, other).p_value
    except ValueError:  # the arms do not overlap
        return float("nan")
