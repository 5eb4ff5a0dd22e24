"""The patients of each group beside the estimate: what an estimation plot shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import NotTestable, Question, model
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, Layout, n_patients, n_sites
from mnstudy.verdicts.displays.rows import (
    Floats,
    by_person,
    layout_of,
    level_rows,
    one_group,
    outcome_words,
    people,
    question_of,
    two_arms,
)
from mnstudy.verdicts.finding.finding import Finding, Part, interval_of

ANALYSES = ("improvement", "change", "arm_contrast", "depth_contrast", "heterogeneity",
            "durability", "maintenance", "level")  # fmt: skip
COMPARISONS = ("arm_contrast", "depth_contrast", "maintenance")  # always of two groups


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientGroup:
    """One group of patients.

    Attributes
    ----------
    label : str
    values : array of shape (k,)
        Where the dots stand, in the unit of the claim, ascending.
    mean, ci_low, ci_high : float
        Mean of the group with its interval, as in the finding; nan where it has none.
    size : int
        Number of patients.
    """

    label: str
    values: Floats
    mean: float
    ci_low: float
    ci_high: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Groups of a claim with their patients, and where the estimate stands beside them.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    arms : tuple of PatientGroup
        Treated and reference, the levels of a factor, or one group.
    outcome : str
        What is measured, in words.
    zero : float
        Value of the outcome that the zero of the estimate stands at: the mean of the reference
        arm, the lowest mean of the levels, or 0 for one group.
    in_both : int
        Patients with sites in both arms, who have a dot in each.
    several : bool
        True where a patient has several rows, whose mean is taken.
    """

    finding: Finding
    arms: tuple[PatientGroup, ...]
    outcome: str
    zero: float
    in_both: int = 0
    several: bool = False

    @property
    def adjusted(self) -> bool:
        """True where the estimate is adjusted, which dots are not."""
        return self.finding.estimate is not None and bool(self.finding.estimate.adjusted_for)


def points(cohort: Cohort, finding: Finding) -> Points | None:
    """Gather the patients behind a comparison of groups, or behind a change of one group.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding

    Returns
    -------
    Points or None
        None for claims that compare no groups, that are not testable, whose studies were pooled,
        and for split bodies and crossovers, whose pairs are shown instead.

    Notes
    -----
    A patient counts by the mean of the rows in the group. Rows without a known outcome are those
    that the estimate leaves out too (``finding.n_missing``).

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_clinic")
    >>> finding = mn.evaluate(cohort, claims="treats-burn-scars")[0]
    >>> [(arm.label, arm.size) for arm in points(cohort, finding).arms]
    [('needling alone', 14), ('untreated', 7)]
    """
    analysis, split = finding.claim.analysis, cohort.study.within_patients
    if analysis not in ANALYSES or (split and analysis in COMPARISONS):
        return None
    question = question_of(cohort, finding)
    if question is None:
        return None
    if analysis == "heterogeneity":
        return _levels(question, finding)
    if analysis == "level" and not question.params.get("before_after"):
        return None
    layout = layout_of(question, finding)
    persons = None if layout is None else people(layout, cohort)
    if layout is None or persons is None:
        return None
    if layout.tested == "treated":
        return None if split else _two(question, finding, layout, persons)
    return _one(question, finding, layout, persons)


def _one(question: Question, finding: Finding, layout: Layout, persons: pd.Series) -> Points | None:
    values = by_person(layout.y, persons)
    if len(values) < MIN_PATIENTS:
        return None
    return Points(
        finding=finding,
        arms=(_group(one_group(question), values, None),),
        outcome=outcome_words(question),
        zero=0.0,
        several=len(values) < max(len(layout.y), finding.n_sites),
    )


def _two(question: Question, finding: Finding, layout: Layout, persons: pd.Series) -> Points | None:
    treated = layout.design["treated"] > 0.5
    sides = [by_person(layout.y[side], persons[side]) for side in (treated, ~treated)]
    if min(map(len, sides)) < MIN_PATIENTS:
        return None
    means = [p for p in finding.parts if p.kind == "arm"]
    if len(means) != 2:
        means = [_mean(question, layout, persons, side) for side in (treated, ~treated)]
    arms = tuple(map(_group, two_arms(question), sides, means))
    return Points(
        finding=finding,
        arms=arms,
        outcome=outcome_words(question),
        zero=arms[1].mean,
        in_both=len(sides[0].index.intersection(sides[1].index)),
        several=sum(map(len, sides)) < max(len(layout.y), finding.n_sites),
    )


def _levels(question: Question, finding: Finding) -> Points | None:
    factor = question.params["factor"]
    rows = dict(level_rows(question, factor))
    everybody = pd.concat(rows.values()) if rows else question.sites[:0]
    if (n_patients(everybody), n_sites(everybody)) != (finding.n_patients, finding.n_sites):
        return None
    means = {p.label: p for p in finding.parts if p.kind == "level"}
    arms = tuple(_group(k, _score(own), means[k]) for k, own in rows.items() if k in means)
    lowest = min((arm.mean for arm in arms), default=math.nan)
    if len(arms) < 2 or math.isnan(lowest):
        return None
    return Points(
        finding=finding,
        arms=arms,
        outcome=outcome_words(question),
        zero=lowest,
        several=sum(n_patients(own) for own in rows.values()) < len(everybody),
    )


def _score(rows: pd.DataFrame) -> pd.Series:
    return by_person(rows["improvement_score"], rows["patient_id"])


def _group(label: str, values: pd.Series, mean: Part | None) -> PatientGroup:
    dots = np.sort(values.to_numpy("float64"))
    dots = dots[~np.isnan(dots)]
    ends = (mean.value, mean.ci_low, mean.ci_high) if mean else (math.nan,) * 3
    return PatientGroup(
        label=label, values=dots, mean=ends[0], ci_low=ends[1], ci_high=ends[2], size=len(values)
    )


def _mean(question: Question, layout: Layout, persons: pd.Series, side: pd.Series) -> Part:
    """Return the mean of an arm where the finding holds none, by the engine of the arm means."""
    cluster = question.cohort.study.cluster
    rows = pd.DataFrame({"patient_id": persons[side], cluster: layout.patients[side]})
    rows["site_id"] = range(len(rows)) if layout.sites is None else layout.sites[side]
    y, n = layout.y[side], int(persons[side].nunique())
    try:
        mean = model.pick(model.mean(question, rows, y), {"mean": 1.0})
    except NotTestable:  # all values are the same
        value = float(y.iloc[0])
        return Part(kind="arm", label="", value=value, ci_low=math.nan, ci_high=math.nan, n=n)
    return Part(kind="arm", label="", n=n, **interval_of(mean))
