"""What a comparison is adjusted for: which covariates, and their columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import independent_columns
from mnstudy.verdicts.analyses.question import Question, n_patients
from mnstudy.verdicts.finding.finding import Hold
from mnstudy.words.notes import Note, note

FEWEST_LEFT = 10  # patients over the columns of a model; fewer overfit
COVARIATES = {"scar_type": "scar type", "baseline_severity": "severity", "clinic_id": "clinic"}
# severity first: it drives the choice of treatment, depth and number of sessions
ADJUST_FOR = ("baseline_severity", "scar_type", "clinic_id")


def covariates(
    frame: pd.DataFrame, names: Sequence[str], *, beside: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return columns of the covariates that vary and add something to ``beside``.

    Parameters
    ----------
    frame : DataFrame
        Rows to adjust.
    names : sequence of str
        Contract columns; those that are absent or constant are passed over.
    beside : DataFrame
        Columns already in the model, the intercept among them.

    Returns
    -------
    columns : DataFrame
        Centred at their means, so that the intercept stays the overall mean: a number as it is,
        anything else as indicators; a missing covariate is a level of its own. The covariates that
        come first go in first, as long as at least 10 patients, and half of them, are left over
        the columns of the model.
    used : list of str
        Names of the covariates used.
    """
    kept, used = beside.to_numpy(dtype="float64"), []
    added: dict[str, np.ndarray] = {}
    n = n_patients(frame)
    room = n - kept.shape[1] - max(FEWEST_LEFT, n / 2)
    for name in (n for n in names if n in frame):
        centred = _columns(frame[name])
        new = independent_columns(kept, centred)
        if new and len(new) <= room:
            room -= len(new)
            added |= {c: centred[c].to_numpy(dtype="float64") for c in new}
            kept = np.column_stack([kept, *(added[c] for c in new)])
            used.append(name)
    return pd.DataFrame(added, index=beside.index), used


def usual_covariates(question: Question, baseline: Sequence[str] = ()) -> list[str]:
    """Return what a comparison is adjusted for: what the plan names, beside the usual ones.

    Where chance decided, that is the severity at baseline, but not of two sides of one body, nor
    beside the baseline of the outcome itself; where it did not, everything known to drive the
    choice.
    """
    plan = question.cohort.study.plan
    usual: Sequence[str] = () if plan.adjust_only else ADJUST_FOR
    if question.randomised:
        within = question.cohort.study.within_patients
        usual = () if within or baseline else usual[:1]
    return list(dict.fromkeys((*usual, *plan.adjust)))


def left_out(
    question: Question, frame: pd.DataFrame, names: Sequence[str], used: Sequence[str]
) -> tuple[list[Note], tuple[Hold, ...]]:
    """Name the covariates that differ between patients but are not in the model.

    Of a comparison that was not randomised they may be what decides it.
    """
    left = [n for n in names if n in frame and n not in used and frame[n].nunique() > 1]
    if not left:
        return [], ()
    said = note("not_adjusted_for", names=plain(left))
    chosen = question.choices.adjust is not None or question.randomised
    return [said], () if chosen else (Hold(why=said),)


def _columns(values: pd.Series) -> pd.DataFrame:
    """Return a number as it is, centred, and anything else as indicators."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return indicators(values)
    number = values.astype("float64")
    centred = (number - number.mean()).fillna(0.0)
    columns = {str(values.name): centred}
    if number.isna().any():
        columns[f"{values.name}=not known"] = number.isna() - number.isna().mean()
    return pd.DataFrame(columns)


def indicators(values: pd.Series) -> pd.DataFrame:
    """Return a centred indicator for every level but the commonest, in the order of names."""
    codes, found = pd.factorize(values)
    # a missing value has the code -1, which takes the last of the names
    names, place = np.unique([*map(str, found), "not known"], return_inverse=True)
    hits = (place[codes][:, None] == np.arange(len(names))).astype("float64")
    counts = hits.sum(axis=0)
    kept = [i for i in np.flatnonzero(counts) if i != counts.argmax()]
    labels = [f"{values.name}={names[i]}" for i in kept]
    centred = (hits - hits.mean(axis=0))[:, kept]
    return pd.DataFrame(centred, index=values.index, columns=labels)


def plain(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of covariates for people."""
    return tuple(COVARIATES.get(n, n.replace("_", " ")) for n in names)
