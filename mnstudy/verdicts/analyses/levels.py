"""For whom: does improvement differ between the levels of a factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.comparisons import Heterogeneity
from mnstudy.stats.mixed.comparisons import heterogeneity as compare_levels
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    NotTestable,
    Question,
    complete_rows,
    n_patients,
    n_sites,
    select_arm,
)
from mnstudy.verdicts.finding.finding import Estimate, Part, interval_of
from mnstudy.words.notes import Count, Note, note


def heterogeneity(question: Question) -> Answer:
    """Estimate the spread of the adjusted means of a factor: the largest pairwise difference.

    The interval is simultaneous over all pairs, so it holds for the largest one too; a spread is
    never negative, so its lower end stops at 0.
    """
    question.require_comparable_groups()
    factor = question.params["factor"]
    rows, missing, small = comparable_levels(question, factor)
    base = pd.get_dummies(rows[factor].cat.remove_unused_categories(), dtype="float64")
    names = [n for n in question.adjust_for(model.ADJUST_FOR) if n != factor]
    extra, used = model.covariates(rows, names, beside=base)
    try:
        found = compare_levels(
            rows["improvement_score"].to_numpy(),
            rows[factor].cat.remove_unused_categories(),
            question.clusters(rows).to_numpy(),
            extra if len(extra.columns) else None,
            confidence_level=question.confidence_level,
        )
    except ValueError as error:
        raise NotTestable(note("not_fitted", error=str(error))) from error
    remarks = [_test_note(found), note("levels_not_assigned")]
    if small:
        remarks.append(note("small_levels", least=MIN_PATIENTS, levels=tuple(small)))
    pairs = Count(n=len(found.pairs), noun="pair", people=False)
    how = note("largest_difference", pairs=pairs, model=model.describe(question, found.fit, used))
    return Answer(
        estimate=_spread(question, found, how, used),
        comparison=question.comparison,
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        n_missing=missing,
        parts=_means(question, rows, factor, found),
        remarks=tuple(remarks),
    )


def comparable_levels(question: Question, factor: str) -> tuple[pd.DataFrame, int, list[str]]:
    """Return the sites of the levels with enough patients, how many lack a value, and the rest."""
    sites = select_arm(question.sites, question.needled)
    sites = sites[~sites[factor].isin(list(question.params.get("exclude", ())))]
    rows, missing = complete_rows(sites, [factor, "improvement_score"])
    counts = rows.groupby(factor, observed=True)["patient_id"].nunique()
    enough = [str(level) for level in counts.index[counts >= MIN_PATIENTS]]
    small = [str(level).replace("_", " ") for level in counts.index[counts < MIN_PATIENTS]]
    if len(enough) < 2:
        name = factor.replace("_", " ")
        raise NotTestable(note("too_few_levels", factor=name, least=MIN_PATIENTS))
    return rows[rows[factor].isin(enough)].reset_index(drop=True), missing, small


def _spread(
    question: Question, found: Heterogeneity, how: Note, adjusted: Sequence[str]
) -> Estimate:
    size = found.pairs["estimate"].abs()
    half = (found.pairs["ci_high"] - found.pairs["ci_low"]) / 2
    return Estimate(
        value=float(size.max()),
        ci_low=float(np.maximum(size - half, 0).max()),
        ci_high=float((size + half).max()),
        confidence_level=question.confidence_level,
        df=found.test.df_den,
        p_value=found.test.p_value,
        unit=question.claim.unit,
        how=how,
        adjusted_for=tuple(adjusted),
    )


def _test_note(found: Heterogeneity) -> Note:
    test = found.test
    return note(
        "test_of_levels",
        f=test.f,
        df_num=test.df_num,
        df_den=test.df_den,
        p=test.p_value,
        pair=" against ".join(x.replace("_", " ") for x in found.largest_levels),
    )


def _means(
    question: Question, rows: pd.DataFrame, factor: str, found: Heterogeneity
) -> tuple[Part, ...]:
    counts = rows.groupby(factor, observed=True)["patient_id"].nunique()
    return tuple(
        Part(
            kind="level",
            label=str(level).replace("_", " "),
            n=int(counts[level]),
            unit="points",
            **interval_of(row),
        )
        for level, row in found.means.iterrows()
    )
