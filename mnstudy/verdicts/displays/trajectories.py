"""Improvement from session to session, patient by patient, with the line of the fitted model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import NotTestable, Question, model
from mnstudy.verdicts.analyses.dose import session_design, session_visits, several_visits
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, n_patients
from mnstudy.verdicts.displays.rows import Floats, question_of
from mnstudy.verdicts.finding.finding import Finding

SCORE, WITHIN = "improvement_score", "within patients"
Line = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectories:
    """The course over sessions of a claim about them.

    Attributes
    ----------
    finding : Finding
        Holds the estimate: the slope of the line, less that of untreated sites where it is not
        ``within``.
    lines : tuple of (sessions, improvements)
        One a patient, those with several sites at their mean.
    sessions : DataFrame
        One row a number of sessions with six patients or more: session, n (patients), mean of their
        improvement, and ``same``: the mean in the first row plus what the same patients, six or
        more, gained from row to row.
    model : DataFrame
        x (sessions), value, ci_low, ci_high: the fitted model of a patient with the mean number
        of sessions, and its pointwise interval.
    mean_sessions : float
        That number.
    n_patients : int
        Patients behind the estimate.
    several : bool
        True where a patient has several sites, whose mean is taken.
    """

    finding: Finding
    lines: tuple[Line, ...]
    sessions: pd.DataFrame
    model: pd.DataFrame
    mean_sessions: float
    n_patients: int
    several: bool


def trajectories(cohort: Cohort, finding: Finding) -> Trajectories | None:
    """Gather the course over sessions behind a slope within patients.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding

    Returns
    -------
    Trajectories or None
        None for other claims, for rows known only by their study, and where fewer than two
        numbers of sessions have six patients.

    Notes
    -----
    The rows are those of the estimate: the first known assessment of each site after each session.
    The line is the model behind the estimate at the mean over patients of their mean number of
    sessions; its slope is that of needled sites. Its interval is pointwise, at the finding's level.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> finding = mn.evaluate(cohort, claims="more-sessions")[0]
    >>> found = trajectories(cohort, finding)
    >>> len(found.lines), found.sessions["n"].tolist()
    (40, [40, 40, 40, 37])
    """
    if finding.claim.analysis != "session_slope" or cohort.study.cluster != "patient_id":
        return None
    question = question_of(cohort, finding)
    if question is None:
        return None
    visits = session_visits(question)[0]
    fitted = _fit(question, visits)
    if fitted is None or not _same(finding, fitted, visits):
        return None
    table = visits.groupby(["patient_id", "session_count"])[SCORE].mean().unstack()
    table = table.loc[:, table.notna().sum() > MIN_PATIENTS]
    if table.shape[1] < 2:
        return None
    means, gains = _means(table), table.diff(axis="columns").iloc[:, 1:]
    gained = _means(gains).where(gains.notna().sum() > MIN_PATIENTS)
    same = pd.concat([means.iloc[:1], gained]).cumsum(skipna=False)
    sessions = pd.DataFrame({"n": table.notna().sum(), "mean": means, "same": same})
    sessions = sessions.rename_axis("session").reset_index().astype({"session": "float64"})
    centre = float(visits.groupby("patient_id")["session_count"].mean().mean())
    return Trajectories(
        finding=finding,
        lines=tuple(_lines(visits)),
        sessions=sessions,
        model=_line(fitted, sessions["session"], centre),
        mean_sessions=centre,
        n_patients=finding.n_patients,
        several=bool(visits.duplicated(["patient_id", "session_count"]).any()),
    )


def _fit(question: Question, visits: pd.DataFrame) -> model.Fitted | None:
    try:
        return model.fit(question, visits, visits[SCORE], session_design(visits))
    except NotTestable:
        return None


def _same(finding: Finding, fitted: model.Fitted, visits: pd.DataFrame) -> bool:
    """Tell whether this is the model and these are the needled patients behind the finding."""
    slope, n = (
        model.pick(fitted, {"within": 1.0}).estimate,
        n_patients(visits[several_visits(visits)]),
    )
    own = [p for p in finding.parts if p.label == WITHIN and p.n == n]
    return any(math.isclose(p.value, slope, rel_tol=1e-9, abs_tol=1e-9) for p in own)


def _line(fitted: model.Fitted, sessions: pd.Series, centre: float) -> pd.DataFrame:
    rows = []
    for x in np.linspace(float(sessions.min()), float(sessions.max()), 25):
        at = model.pick(fitted, {"intercept": 1.0, "within": x - centre, "between": centre})
        rows.append({"x": float(x), "value": at.estimate, "ci_low": at.ci_low,
                     "ci_high": at.ci_high})  # fmt: skip
    return pd.DataFrame(rows)


def _means(table: pd.DataFrame) -> pd.Series:
    """Return the mean of each column, the same whatever the order of the rows."""
    return table.apply(lambda column: pd.Series(np.sort(column)).mean())


def _lines(visits: pd.DataFrame) -> Iterator[Line]:
    """Give the course of every patient, sites averaged, the same whatever the order of rows."""
    ordered = visits.sort_values(["patient_id", "session_count", SCORE])
    means = ordered.groupby(["patient_id", "session_count"])[SCORE].mean().reset_index()
    courses = [
        (own["session_count"].to_numpy("float64"), own[SCORE].to_numpy("float64"))
        for _, own in means.groupby("patient_id")
    ]
    yield from sorted(courses, key=lambda c: (*c[0].tolist(), *c[1].tolist()))
