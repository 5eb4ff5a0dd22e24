"""Responders at every threshold: the share of patients who improved by at least so much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.counts.proportions import proportion
from mnstudy.stats.counts.two_groups import risk_difference
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.displays.rows import (
    by_person,
    layout_of,
    one_group,
    people,
    question_of,
    two_arms,
)
from mnstudy.verdicts.finding.finding import Finding, interval_of

ABOUT_THE_SCORE = ("improvement", "arm_contrast", "depth_contrast")
STEP = 1.0  # points between two thresholds
FEWEST = 3  # thresholds that make a curve
SHARES = ("threshold", "arm", "n", "responders", "share", "low", "high")
DIFFERENCES = ("threshold", "difference", "low", "high", "both")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponderCurve:
    """Shares of patients whose improvement reaches each threshold.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    arms : tuple of str
        One group, or treated before reference.
    usual : float
        The threshold of the responder note of the finding: what counts as worthwhile.
    shares : DataFrame
        One row a threshold (points) and arm: ``n``, ``responders``, and ``share``, ``low``,
        ``high`` in percent (Wilson).
    differences : DataFrame
        Treated minus reference in percentage points (Newcombe), ``both`` the patients of pairs
        that reach it on both sides (-1 where patients are not paired); empty for one group.
    paired : bool
        The same patients in both arms, compared with themselves.
    n_patients : int
    """

    finding: Finding
    arms: tuple[str, ...]
    usual: float
    shares: pd.DataFrame
    differences: pd.DataFrame
    paired: bool
    n_patients: int


def responder_curve(cohort: Cohort, finding: Finding) -> ResponderCurve | None:
    """Return the share of patients at or above every threshold of improvement, for each arm.

    Parameters
    ----------
    cohort : Cohort
        The data that the finding is about.
    finding : Finding

    Returns
    -------
    ResponderCurve or None
        None for claims that are not about the improvement score, for one that is not testable,
        and for arms of five patients or fewer: their points say more than a curve.

    Notes
    -----
    The rows are those behind the estimate. A patient counts by the mean of the sites in the arm;
    in a split body only patients with both sides count. The intervals hold at each threshold by
    itself.

    References
    ----------
    Farrar, Dworkin & Max (2006), doi 10.1016/j.jpainsymman.2005.10.018. Wilson (1927),
    doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> curve = responder_curve(cohort, mn.evaluate(cohort, "topical-adjunct")[0])
    >>> curve.paired, curve.usual, set(curve.shares["n"])
    (True, 10.0, {40})
    """
    if finding.claim.analysis not in ABOUT_THE_SCORE:
        return None
    question = question_of(cohort, finding)
    if question is None:
        return None
    arms = _arms(question, finding)
    if not arms or min(len(values) for values in arms.values()) <= MIN_PATIENTS:
        return None
    paired = len(arms) == 2 and cohort.study.within_patients
    usual = float(question.margin(claim("reduces-scarring")))
    values = list(arms.values())
    level, thresholds = question.confidence_level, _thresholds(values, usual)
    if len(thresholds) < FEWEST:
        return None
    differences = _differences(values, thresholds, paired, level) if len(arms) == 2 else []
    return ResponderCurve(
        finding=finding,
        arms=tuple(arms),
        usual=usual,
        shares=pd.DataFrame(_shares(arms, thresholds, level), columns=list(SHARES)),
        differences=pd.DataFrame(differences, columns=list(DIFFERENCES)),
        paired=paired,
        n_patients=len(set().union(*(v.index for v in values))),
    )


def _arms(question: Question, finding: Finding) -> dict[str, pd.Series]:
    """Return one value a patient for each arm; empty where patients are not known."""
    layout = layout_of(question, finding)
    persons = None if layout is None else people(layout, question.cohort)
    if layout is None or persons is None:
        return {}
    if layout.tested == "mean":
        return {one_group(question): by_person(layout.y, persons)}
    if layout.tested != "treated":
        return {}
    treated = layout.design["treated"] == 1
    sides = [by_person(layout.y[side], persons[side]) for side in (treated, ~treated)]
    if question.cohort.study.within_patients:
        both = sides[0].index.intersection(sides[1].index)
        sides = [side[both] for side in sides]
    return dict(zip(two_arms(question), sides, strict=True))


def _thresholds(arms: Sequence[pd.Series], usual: float) -> list[float]:
    """Return the thresholds in ascending order."""
    low, high = min(float(a.min()) for a in arms), max(float(a.max()) for a in arms)
    down = np.arange(usual, math.floor(low) - STEP, -STEP)
    up = np.arange(usual + STEP, math.ceil(high) + STEP, STEP)
    return sorted(float(t) for t in (*down, *up) if -100 <= t <= 100)


def _shares(
    arms: dict[str, pd.Series], thresholds: Sequence[float], level: float
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for label, values in arms.items():
        for t in thresholds:
            e, n = int((values >= t).sum()), len(values)
            rate = proportion(e, n, method="wilson", confidence_level=level)
            rows.append((t, label, n, e, *interval_of(rate, 100).values()))
    return rows


def _differences(
    arms: Sequence[pd.Series], thresholds: Sequence[float], paired: bool, level: float
) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    seen: dict[tuple[int, int, int], tuple[float, float, float]] = {}
    for t in thresholds:
        one, other = (a >= t for a in arms)
        both = int((one & other).sum()) if paired else -1
        key = (both, int(one.sum()), int(other.sum()))
        if key not in seen:
            seen[key] = _difference(key, len(one), len(other), level)
        rows.append((t, *seen[key], both))
    return rows


def _difference(
    counts: tuple[int, int, int], n1: int, n0: int, level: float
) -> tuple[float, float, float]:
    both, one, other = counts
    if both >= 0:
        table = [[both, one - both], [other - both, n1 - one - other + both]]
        found = risk_difference(table=table, paired=True, confidence_level=level)
    else:
        found = risk_difference(one, n1, other, n0, confidence_level=level)
    value, low, high = interval_of(found, 100).values()
    return value, low, high
