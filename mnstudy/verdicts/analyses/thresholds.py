"""How many patients of several studies reached a threshold, where classes or grades tell it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.counts.proportions import proportion
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Question,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.study_means import class_ends
from mnstudy.verdicts.finding.finding import Part
from mnstudy.words.notes import Count, Note, note

PERCENT = (50.0, 25.0)
GRADES = (1.0, 2.0)


def shares(question: Question, frame: pd.DataFrame) -> tuple[tuple[Part, ...], list[Note]]:
    """Return shares of patients that reached a threshold, with bounds where classes hold it.

    A patient surely reached the threshold where the class begins at or above it, surely did not
    where the class ends at or below it; in between either may be. ``value`` is the middle of the
    bounds, the limits are the exact (Clopper-Pearson) ones at the outer ends, patients as the
    unit; several studies are taken as one, and the notes say how far apart they are. Patients
    known by grades only have shares of their own: a grade is not a percentage.
    """
    if question.brief:
        return (), []
    low, high = class_ends(frame)
    patients = frame["patient_id"].to_numpy()
    lower, upper = low.groupby(patients).mean(), high.groupby(patients).mean()
    study = frame.groupby("patient_id")["clinic_id"].first().astype("str")
    found = [
        _share(
            question,
            f"share with {fmt.given(least)} % improvement or more",
            *_reached(lower, upper, least),
            study,
        )
        for least in PERCENT
    ]
    gained, where = _grades(question)
    if len(gained) >= MIN_PATIENTS:
        for least in GRADES:
            reached = gained >= least
            label = f"share better by {fmt.count(int(least), 'grade')} or more"
            found.append(_share(question, label, reached, reached, where))
    return tuple(part for part, _ in found), [remark for _, remark in found]


def _reached(low: pd.Series, high: pd.Series, least: float) -> tuple[pd.Series, pd.Series]:
    sure = low >= least
    return sure, sure | (high > least)


def _grades(question: Question) -> tuple[pd.Series, pd.Series]:
    """Return the grades gained by patients whose improvement in percent is not known."""
    sites = question.sites
    nothing = pd.Series(dtype="float64"), pd.Series(dtype="str")
    if "grade_change" not in sites:
        return nothing
    rows = select_arm(scar_type_filter(sites, question.params), question.needled)
    rows = rows[rows["improvement_score"].isna() & rows["grade_change"].notna()]
    if rows.empty:
        return nothing
    by_patient = rows.groupby("patient_id")
    gained = by_patient["grade_change"].mean().astype("float64")
    return gained, by_patient["clinic_id"].first().astype("str")


def _share(
    question: Question, label: str, sure: pd.Series, possible: pd.Series, study: pd.Series
) -> tuple[Part, Note]:
    n, level = len(sure), question.confidence_level
    least, most = (proportion(int(x.sum()), n, confidence_level=level) for x in (sure, possible))
    part = Part(
        kind="share",
        label=label,
        value=50 * (least.estimate + most.estimate),
        ci_low=100 * least.ci_low,
        ci_high=100 * most.ci_high,
        n=n,
        unit="percent",
    )
    remark = note(
        "share_reached",
        label=label,
        patients=Count(n=least.events, most=most.events, of=n, noun="patient"),
        low=part.ci_low,
        high=part.ci_high,
        studies=_by_study(sure, possible, study),
    )
    return part, remark


def _by_study(sure: pd.Series, possible: pd.Series, study: pd.Series) -> Note:
    """Say how far apart studies are: the limits take patients as alike."""
    labels = study.reindex(sure.index).to_numpy()
    names: Sequence[str] = np.unique(labels).tolist()
    if len(names) == 1:
        return note("of_one_study", study=names[0])
    low = 100 * sure.groupby(labels).mean().min()
    high = 100 * possible.groupby(labels).mean().max()
    return note("studies_taken_as_one", studies=len(names), low=float(low), high=float(high))
