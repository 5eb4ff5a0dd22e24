"""Dose and outcome: means by dose, and the slopes of the finding within and between patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, NEEDLED, complete_rows, select_arm
from mnstudy.verdicts.displays.rows import by_person, layout_of, people, plain, question_of
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part, interval_of
from mnstudy.words.units import unit

MOST_LEVELS = 8  # more different doses are put together
MEANS = ("dose", "value", "low", "high", "n")
DOSES = {
    "session_count": ("sessions", "session", True),
    "needle_depth_mm": ("needle depth (mm)", "mm", False),
    "session_interval_weeks": ("weeks between sessions", "week", True),
}
WITHIN, ADJUSTED = "within patients", "between patients, adjusted"
# the slopes among the parts of a contrast of depths, by their labels there
LINES = {"per mm": "all patients, adjusted", "per mm, within patients": WITHIN}
DOSE_OF = {"session_slope": "session_count", "depth_contrast": "needle_depth_mm", "slope": ""}
BY_MODEL = "mean after each session, from the model of the finding"
BY_PATIENT = "mean of the patients at each dose, t intervals, patients as the unit"
INDICATION = (
    "who got which dose was a choice: the slope between patients mixes the dose with the reasons "
    "for it (confounding by indication)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseLine:
    """One slope of the finding as a line through the middle of the means.

    ``points`` holds dose, value, low and high: the line and the range of its slope, which is
    narrow in the middle because the slope alone is uncertain there.
    """

    label: str
    slope: float
    low: float
    high: float
    n: int
    unit: str
    points: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseCurve:
    """Means by dose with the slopes of a finding; every mean rests on five patients or more.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    dose, outcome : str
        Names for the axes, with their units.
    each : str
        One more of the dose: session, mm or week.
    whole : bool
        True where doses are whole numbers.
    means : DataFrame
        ``dose``, ``value``, ``low``, ``high`` (interval, nan where there is none) and ``n``, the
        patients behind each mean.
    lines : tuple of DoseLine
        The slopes of the finding, not fitted again.
    mark : float
        The dose that the claim names; nan where it names none.
    method : str
        How the means came about.
    caution : str
        What a slope that was not randomised cannot tell, and that no straight line fits.
    """

    finding: Finding
    dose: str
    outcome: str
    each: str
    whole: bool
    means: pd.DataFrame
    lines: tuple[DoseLine, ...]
    mark: float
    method: str
    caution: str


def dose_curve(cohort: Cohort, finding: Finding) -> DoseCurve | None:
    """Return outcome by dose for a finding about a dose.

    Parameters
    ----------
    cohort : Cohort
        The data that the finding is about.
    finding : Finding

    Returns
    -------
    DoseCurve or None
        None for other claims, for one that is not testable, where fewer than two doses have five
        patients, and where the slopes rest on five patients or fewer.

    Notes
    -----
    Slopes and their intervals are those of the finding. Its model has an intercept that is not
    part of the answer, so the lines are put through the mean of the shown means, weighted by
    patients. Rows without dose or outcome are those the finding leaves out.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> found = mn.evaluate(cohort, "more-sessions")["more-sessions"]
    >>> [line.label for line in dose_curve(cohort, found).lines][:1]
    ['within patients']
    """
    if finding.claim.analysis not in DOSE_OF:
        return None
    column = str(finding.claim.params.get("on", DOSE_OF[finding.claim.analysis]))
    question = question_of(cohort, finding) if column in DOSES else None
    if question is None or finding.estimate is None:
        return None
    if finding.claim.analysis == "session_slope":
        slopes = _slopes(finding)
        if finding.comparison != "within":
            slopes.append(_own_slope(finding, finding.estimate, "needled minus untreated"))
        return _curve(cohort, finding, column, _session_means(finding), slopes, BY_MODEL)
    rows = _rows(question, finding)
    if rows is None:
        return None
    slopes = _slopes(finding) or [_own_slope(finding, finding.estimate, ADJUSTED)]
    means = means_by_dose(rows, confidence_level=finding.estimate.confidence_level)
    return _curve(cohort, finding, column, means, slopes, BY_PATIENT)


def _session_means(finding: Finding) -> pd.DataFrame:
    parts = [p for p in finding.parts if p.kind == "session" and (p.n or 0) >= MIN_PATIENTS]
    rows = [(p.x, p.value, p.ci_low, p.ci_high, p.n) for p in parts]
    return pd.DataFrame(rows, columns=list(MEANS))


def _slopes(finding: Finding) -> list[Part]:
    """Return the slopes per dose among the parts, the one within patients first."""
    found = [p for p in finding.parts if p.kind == "slope"]
    return sorted(found, key=lambda p: LINES.get(p.label, p.label) != WITHIN)


def _own_slope(finding: Finding, estimate: Estimate, label: str) -> Part:
    found, n = interval_of(estimate), finding.n_patients
    return Part(kind="slope", label=label, n=n, unit=estimate.unit, **found)


def _rows(question: Question, finding: Finding) -> pd.DataFrame | None:
    """Return dose, outcome and patient of the rows behind the estimate."""
    if finding.claim.analysis == "depth_contrast":
        return _sites_by_depth(question, finding)
    layout = layout_of(question, finding)
    persons = None if layout is None else people(layout, question.cohort)
    if layout is None or persons is None:
        return None
    dose = layout.design["slope"].to_numpy()
    return pd.DataFrame({"dose": dose, "y": layout.y.to_numpy(), "person": persons.to_numpy()})


def _sites_by_depth(question: Question, finding: Finding) -> pd.DataFrame | None:
    """Return the rows of a contrast of depths, whose design does not hold the depth itself."""
    if question.cohort.study.cluster != "patient_id":
        return None
    needled = select_arm(question.sites, NEEDLED)
    sites, _ = complete_rows(needled, ["needle_depth_mm", "improvement_score"])
    columns = {"needle_depth_mm": "dose", "improvement_score": "y", "patient_id": "person"}
    rows = sites.rename(columns=columns)[list(columns.values())].reset_index(drop=True)
    return rows if rows["person"].nunique() == finding.n_patients else None


def _curve(
    cohort: Cohort,
    finding: Finding,
    column: str,
    means: pd.DataFrame,
    slopes: Sequence[Part],
    method: str,
) -> DoseCurve | None:
    slopes = [p for p in slopes if (p.n or 0) > MIN_PATIENTS]
    if len(means) < 2 or not slopes or finding.estimate is None:
        return None
    params = {**finding.claim.params, **cohort.study.plan.thresholds.get(finding.claim.id, {})}
    name, each, whole = DOSES[column]
    of = unit(finding.estimate.unit).of or finding.estimate.unit
    if finding.claim.analysis == "slope" and "outcome" in params:
        words = plain(str(params["outcome"]))
    else:
        words = "improvement"
    cautions = [INDICATION] if finding.comparison != "randomised" else []
    cautions += [str(remark) for remark in finding.remarks if remark.kind == "bends"]
    return DoseCurve(
        finding=finding,
        dose=name,
        outcome=f"{words} ({of})",
        each=each,
        whole=whole,
        means=means,
        lines=tuple(_line(part, means, each) for part in slopes),
        mark=float(params.get("threshold_mm", math.nan)),
        method=method,
        caution="; ".join(cautions),
    )


def _line(part: Part, means: pd.DataFrame, each: str) -> DoseLine:
    weight = means["n"] / means["n"].sum()
    x0, y0 = float(weight @ means["dose"]), float(weight @ means["value"])
    at = np.array([means["dose"].min(), x0, means["dose"].max()])
    ends = np.array([part.ci_low, part.ci_high])[:, None] * (at - x0)
    points = {"dose": at, "value": y0 + part.value * (at - x0)}
    points |= {"low": y0 + ends.min(axis=0), "high": y0 + ends.max(axis=0)}
    return DoseLine(
        label=LINES.get(part.label, part.label),
        slope=part.value,
        low=part.ci_low,
        high=part.ci_high,
        n=part.n or 0,
        unit=part.unit or f"points per {each}",
        points=pd.DataFrame(points),
    )


def means_by_dose(rows: pd.DataFrame, *, confidence_level: float) -> pd.DataFrame:
    """Return the mean outcome at each dose, patients as the unit.

    Parameters
    ----------
    rows : DataFrame
        ``dose``, ``y`` (the outcome) and ``person``, all known; several rows a person are
        averaged at each dose.
    confidence_level : float

    Returns
    -------
    DataFrame
        ``dose``, ``value``, ``low``, ``high`` and ``n``, by rising dose. Every row rests on five
        patients or more; neighbouring doses go together where one has fewer, or where there are
        more than eight. ``dose`` is then the mean of those of its patients.

    Notes
    -----
    t intervals of the mean of patients; nan where all patients have the same value.

    Examples
    --------
    >>> rows = pd.DataFrame({"dose": [1.0] * 5, "y": [1, 2, 3, 4, 5], "person": list("abcde")})
    >>> means_by_dose(rows, confidence_level=0.95).round(2).to_numpy().tolist()
    [[1.0, 3.0, 1.04, 4.96, 5.0]]
    """
    found = []
    for part in _together(rows):
        values = by_person(part["y"], part["person"]).to_numpy()
        if len(values) >= MIN_PATIENTS:
            dose = float(by_person(part["dose"], part["person"]).mean())
            found.append((dose, *_interval(values, confidence_level), len(values)))
    return pd.DataFrame(found, columns=list(MEANS))


def _together(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Split the rows by dose; neighbours go together until there are enough patients."""
    doses = np.sort(rows["dose"].unique())
    people_at = rows.groupby("dose")["person"].nunique()
    if len(doses) <= MOST_LEVELS and (people_at >= MIN_PATIENTS).all():
        return [rows[rows["dose"] == d] for d in doses]
    enough = MIN_PATIENTS
    if len(doses) > MOST_LEVELS:
        enough = max(enough, math.ceil(rows["person"].nunique() / MOST_LEVELS))
    groups: list[list[float]] = [[]]
    for dose in doses:
        groups[-1].append(float(dose))
        if rows.loc[rows["dose"].isin(groups[-1]), "person"].nunique() >= enough:
            groups.append([])
    last = groups.pop()
    if groups and last:
        groups[-1] += last
    return [rows[rows["dose"].isin(g)] for g in groups or [last]]


def _interval(values: NDArray[np.float64], level: float) -> tuple[float, float, float]:
    mean, n = float(values.mean()), len(values)
    spread = float(values.std(ddof=1))
    if not spread > 0:
        return mean, math.nan, math.nan
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / math.sqrt(n)
    return mean, mean - reach, mean + reach
