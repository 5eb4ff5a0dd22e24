"""For whom: does improvement differ between the levels of a factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.fit import Contrast
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.models.covariates import covariates, left_out, usual_covariates
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

    The interval is simultaneous over all pairs (Bonferroni), so it holds for the largest one too; a
    spread is never negative, so its lower end stops at 0. The order of the levels plays no part.
    """
    question.require_comparable_groups()
    factor = question.params["factor"]
    rows, missing, small = comparable_levels(question, factor)
    base = pd.get_dummies(rows[factor].cat.remove_unused_categories(), dtype="float64")
    base.columns = base.columns.astype("str")
    names = [n for n in question.adjust_for(usual_covariates(question)) if n != factor]
    extra, used = covariates(rows, names, beside=base)
    design = pd.concat([base, extra], axis=1)
    fitted = model.fit(question, rows, rows["improvement_score"], design)
    pairs = _pairs(question, fitted, list(base.columns))
    widest = max(pairs, key=lambda name: abs(pairs[name].estimate))
    left, open_ = left_out(question, rows, names, used)
    remarks = [note("largest_pair", pair=_plain(widest)), note("levels_not_assigned"), *left]
    if small:
        remarks.append(note("small_levels", least=MIN_PATIENTS, levels=tuple(small)))
    count = Count(n=len(pairs), noun="pair")
    how = note(
        "largest_difference", pairs=count, model=model.describe(question, fitted.result, used)
    )
    deciding = max(pairs.values(), key=lambda c: abs(c.estimate) - (c.ci_high - c.ci_low) / 2)
    return Answer(
        estimate=_spread(question, pairs, how, used),
        comparison=question.comparison,
        holds=(*model.too_few(deciding), *open_),
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        n_missing=missing,
        parts=_means(question, rows, factor, fitted),
        remarks=tuple(remarks),
        model=fitted.behind({widest[1]: 1.0, widest[0]: -1.0}, list(base.columns)),
    )


def _pairs(
    question: Question, fitted: model.Fitted, levels: Sequence[str]
) -> dict[tuple[str, str], Contrast]:
    """Return the difference of every two levels, with intervals that hold together."""
    named = list(combinations(levels, 2))
    together = bonferroni_level(question.confidence_level, len(named))
    return {(a, b): model.pick(fitted, {b: 1.0, a: -1.0}, level=together) for a, b in named}


def _plain(pair: tuple[str, str]) -> str:
    return " against ".join(x.replace("_", " ") for x in pair)


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
    question: Question,
    pairs: Mapping[tuple[str, str], Contrast],
    how: Note,
    adjusted: Sequence[str],
) -> Estimate:
    size = np.array([abs(c.estimate) for c in pairs.values()])
    half = np.array([(c.ci_high - c.ci_low) / 2 for c in pairs.values()])
    p = min(c.p_value for c in pairs.values())
    return Estimate(
        value=float(size.max()),
        ci_low=float(np.maximum(size - half, 0).max()),
        ci_high=float((size + half).max()),
        confidence_level=question.confidence_level,
        p_value=min(1.0, len(pairs) * p),
        unit=question.claim.unit,
        how=how,
        adjusted_for=tuple(adjusted),
    )


def _means(
    question: Question, rows: pd.DataFrame, factor: str, fitted: model.Fitted
) -> tuple[Part, ...]:
    """Return the adjusted mean of each level; none where a covariate leaves it without an error."""
    counts = rows.groupby(factor, observed=True)["patient_id"].nunique()
    parts = []
    for level, n in counts.items():
        with suppress(NotTestable):
            mean = interval_of(model.pick(fitted, {str(level): 1.0}))
            label = str(level).replace("_", " ")
            parts.append(Part(kind="level", label=label, n=int(n), unit="points", **mean))
    return tuple(parts)
