"""Does more of something go with more improvement: a slope between patients, adjusted."""

from __future__ import annotations

import pandas as pd

from mnstudy.stats.mixed import Contrast, MixedFit
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    PLAIN_NEEDLING,
    Answer,
    NotTestable,
    Question,
    known,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)

COUPLING = (
    "improvement in percent of baseline is tied to baseline by arithmetic, and the worst scars "
    "regress to the mean: a slope on severity is not a cause"
)


def slope(question: Question) -> Answer:
    """Estimate the slope of an outcome on a column, over needled patients, adjusted.

    The outcome is the final improvement, or a measure taken once a site.
    """
    question.require_comparable_groups()
    x, y = question.params["on"], question.params.get("outcome", "improvement_score")
    rows, missing = _rows(question, x, y)
    require_patients(rows, f"needled with {x} and {y} known")
    if rows[x].nunique() < 2:
        raise NotTestable(f"{x} is the same in all of them")
    fitted, found, used = adjusted_slope(question, rows, x, y)
    notes = [COUPLING] if x == "baseline_severity" else question.indication
    return Answer(
        estimate=model.estimate(
            found,
            unit=question.claim.unit,
            method=f"slope; {model.describe(question, fitted, used)}",
        ),
        comparison=question.comparison,
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        n_missing=missing,
        notes=tuple(notes),
    )


def adjusted_slope(
    question: Question, rows: pd.DataFrame, x: str, y: str
) -> tuple[MixedFit, Contrast, list[str]]:
    """Fit the slope of y on x; return the model, the slope and what it is adjusted for."""
    base = pd.DataFrame({"intercept": 1.0, "slope": rows[x].astype("float64")})
    names = [n for n in model.ADJUST_FOR if n != x]
    extra, used = model.covariates(rows, names, beside=base)
    fitted = model.fit(question, rows, rows[y], pd.concat([base, extra], axis=1))
    return fitted, model.pick(fitted, {"slope": 1.0}), used


def _rows(question: Question, x: str, y: str) -> tuple[pd.DataFrame, int]:
    if y == "improvement_score":
        source = select_arm(question.sites, PLAIN_NEEDLING)
    else:
        source = select_arm(question.cohort.data, NEEDLED)
        source = source[source[y].notna()]
    rows, missing = known(source, [x, y])
    return rows.reset_index(drop=True), missing
