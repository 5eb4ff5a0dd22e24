"""Does more of something go with more improvement: a slope between patients, adjusted."""

from __future__ import annotations

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.mixed.model import Contrast
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.before_after import raw_pairs
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    NEEDLED,
    Answer,
    NotTestable,
    Question,
    complete_rows,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.finding.finding import Part
from mnstudy.words.notes import Note, note


def slope(question: Question) -> Answer:
    """Estimate the slope of an outcome on a column, over needled patients, adjusted.

    The outcome is the final improvement, or a measure taken once a site.
    """
    question.require_comparable_groups()
    x, y = question.params["on"], question.params.get("outcome", "improvement_score")
    rows, missing = _rows(question, x, y)
    require_patients(rows, note("needled_with_both", x=x, y=y))
    if rows[x].nunique() < 2:
        raise NotTestable(note("same_in_all", column=x))
    fitted, found, used = adjusted_slope(question, rows, x, y)
    parts, remarks = _uncoupled(question) if x == "baseline_severity" else ((), question.indication)
    return Answer(
        estimate=model.estimate(
            found,
            unit=question.claim.unit,
            how=note("slope", model=model.describe(question, fitted.result, used)),
            adjusted=used,
        ),
        comparison=question.comparison,
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        n_missing=missing,
        parts=parts,
        layout=fitted.layout("slope"),
        remarks=remarks,
    )


def _uncoupled(question: Question) -> tuple[tuple[Part, ...], tuple[Note, ...]]:
    """Estimate Oldham's slope: raw change on the mean of before and after, not on before.

    Noise in the first score pushes a slope on it towards more change, but not one on the mean of
    both: that is zero whenever both have the same spread (Oldham 1962, J Chronic Dis 15:969-977).
    Choosing patients by the first score narrows its spread, and so bends this slope too.
    """
    coupled = note("coupled_to_baseline")
    found = None if question.brief else raw_pairs(question.cohort.data)
    if found is None:
        return (), (coupled,)
    scale, pairs = found
    rows = select_arm(pairs, question.needled).reset_index(drop=True)
    if n_patients(rows) < MIN_PATIENTS or rows["middle"].nunique() < 2:
        return (), (coupled,)
    design = pd.DataFrame({"intercept": 1.0, "slope": rows["middle"]})
    fitted = model.fit(question, rows, rows["gain"], design)
    part = model.part(
        "slope",
        "Oldham: raw change on the mean of before and after",
        model.pick(fitted, {"slope": 1.0}),
        n=n_patients(rows),
        unit=f"points per point of {scale.name}",
    )
    worse = "higher" if scale.better == "lower" else "lower"
    return (part,), (coupled, note("oldham", slope=fmt.ends(part), unit=part.unit, worse=worse))


def adjusted_slope(
    question: Question, rows: pd.DataFrame, x: str, y: str
) -> tuple[model.Fitted, Contrast, list[str]]:
    """Fit the slope of y on x; return the model, the slope and what it is adjusted for."""
    base = pd.DataFrame({"intercept": 1.0, "slope": rows[x].astype("float64")})
    names = [n for n in question.adjust_for(model.ADJUST_FOR) if n != x]
    extra, used = model.covariates(rows, names, beside=base)
    fitted = model.fit(question, rows, rows[y], pd.concat([base, extra], axis=1))
    return fitted, model.pick(fitted, {"slope": 1.0}), used


def _rows(question: Question, x: str, y: str) -> tuple[pd.DataFrame, int]:
    if y == "improvement_score":
        source = select_arm(question.sites, question.needled)
    else:
        source = select_arm(question.cohort.data, NEEDLED)
        source = source[source[y].notna()]
    rows, missing = complete_rows(source, [x, y])
    return rows.reset_index(drop=True), missing
