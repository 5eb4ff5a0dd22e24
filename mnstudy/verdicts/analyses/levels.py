"""For whom: does improvement differ between the levels of a factor."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.mixed_contrasts import Heterogeneity
from mnstudy.stats.mixed_contrasts import heterogeneity as compare_levels
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    NotTestable,
    Question,
    known,
    n_patients,
    n_sites,
    select_arm,
)
from mnstudy.verdicts.finding import Estimate, Part


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
        raise NotTestable(f"the model cannot be fitted: {error}") from error
    notes = [_test_note(found), "patients were not assigned to these levels: they differ otherwise"]
    if small:
        notes.append(f"left out with fewer than {MIN_PATIENTS} patients: {', '.join(small)}")
    method = (
        f"largest difference between adjusted means, simultaneous interval over "
        f"{fmt.count(len(found.pairs), 'pair')}; {model.describe(question, found.fit, used)}"
    )
    return Answer(
        estimate=_spread(question, found, method),
        comparison=question.comparison,
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        n_missing=missing,
        parts=_means(question, rows, factor, found),
        notes=tuple(notes),
    )


def comparable_levels(question: Question, factor: str) -> tuple[pd.DataFrame, int, list[str]]:
    """Return the sites of the levels with enough patients, how many lack a value, and the rest."""
    sites = select_arm(question.sites, question.needled)
    sites = sites[~sites[factor].isin(list(question.params.get("exclude", ())))]
    rows, missing = known(sites, [factor, "improvement_score"])
    counts = rows.groupby(factor, observed=True)["patient_id"].nunique()
    enough = [str(level) for level in counts.index[counts >= MIN_PATIENTS]]
    small = [str(level).replace("_", " ") for level in counts.index[counts < MIN_PATIENTS]]
    if len(enough) < 2:
        name = factor.replace("_", " ")
        raise NotTestable(f"fewer than two levels of {name} have {MIN_PATIENTS} needled patients")
    return rows[rows[factor].isin(enough)].reset_index(drop=True), missing, small


def _spread(question: Question, found: Heterogeneity, method: str) -> Estimate:
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
        method=method,
    )


def _test_note(found: Heterogeneity) -> str:
    test = found.test
    return (
        f"F = {fmt.number(test.f, 2)} on {test.df_num} and {fmt.number(test.df_den, 0)} degrees "
        f"of freedom, {fmt.p_value(test.p_value)}; largest: {_pair(found.largest.name)}"
    )


def _pair(name: str) -> str:
    return name.replace("_", " ").replace(" - ", " against ")


def _means(
    question: Question, rows: pd.DataFrame, factor: str, found: Heterogeneity
) -> tuple[Part, ...]:
    counts = rows.groupby(factor, observed=True)["patient_id"].nunique()
    return tuple(
        Part(
            kind="level",
            label=str(level).replace("_", " "),
            value=float(row["estimate"]),
            ci_low=float(row["ci_low"]),
            ci_high=float(row["ci_high"]),
            n=int(counts[level]),
            unit="points",
        )
        for level, row in found.means.iterrows()
    )
