"""Both sides of each person: what paired slopes show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.disclosure import (
    THRESHOLD,
    is_guarded,
    is_small,
    safe,
    shown_count,
)
from mnstudy.verdicts.displays.groups_of_five import Floats, at_least, neighbours
from mnstudy.verdicts.displays.rows import (
    by_person,
    layout_of,
    outcome_words,
    people,
    question_of,
    two_arms,
)
from mnstudy.verdicts.finding import Finding

ANALYSES = ("improvement", "change", "arm_contrast", "depth_contrast", "maintenance")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Both sides of the patients of a split body, safe to show.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    labels : tuple of two str
        Reference side and treated side.
    reference, treated : array of shape (k,)
        Ends of each line in the unit of the claim, in the order of their difference.
    counts : array of shape (k,)
        Patients behind each line: 1 in a synthetic cohort, in a real one five, which says five or
        more.
    means : tuple of two float
        Means of the complete pairs, reference first.
    outcome : str
        What is measured, in words.
    n_pairs : str
        Patients with both sides known, as it may be shown.
    n_unpaired : str
        Sites of patients with one side only, which have no line, as it may be shown; empty where
        there are none.
    single : bool
        True where a line is one patient.
    several : bool
        True where a patient has several sites on one side, whose mean is taken.
    """

    finding: Finding
    labels: tuple[str, str]
    reference: Floats
    treated: Floats
    counts: NDArray[np.int64]
    means: tuple[float, float]
    outcome: str
    n_pairs: str
    n_unpaired: str
    single: bool
    several: bool


def pairs(cohort: Cohort, finding: Finding) -> Pairs | None:
    """Gather the complete pairs behind a comparison within the person.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding

    Returns
    -------
    Pairs or None
        None unless the design is a split body and five patients or more have both sides known.

    Notes
    -----
    Only complete pairs make a line; the sites of other patients are counted. In a real cohort
    patients are sorted by their difference (then by the reference side) and a line joins the means
    of five or more neighbours.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> finding = mn.evaluate(cohort, claims="topical-adjunct")[0]
    >>> pairs(cohort, finding).n_pairs
    '40'
    """
    if cohort.study.design != "split_body" or finding.claim.analysis not in ANALYSES:
        return None
    question = question_of(cohort, finding)
    if question is None:
        return None
    layout = layout_of(question, finding)
    persons = None if layout is None else people(layout, cohort)
    if layout is None or persons is None or layout.tested != "treated":
        return None
    arm = layout.design["treated"] > 0.5
    sides = [by_person(layout.y[side], persons[side]) for side in (~arm, arm)]
    both = pd.concat(sides, axis=1, join="inner", keys=["reference", "treated"]).sort_index()
    if len(both) < MIN_PATIENTS:
        return None
    lines, counts = _lines(both, single=cohort.synthetic)
    treated_words, reference_words = two_arms(question)
    alone = persons[~persons.isin(both.index)]
    return Pairs(
        finding=safe(finding),
        labels=(reference_words, treated_words),
        reference=lines[:, 0],
        treated=lines[:, 1],
        counts=at_least(counts, single=cohort.synthetic),
        means=(float(both["reference"].mean()), float(both["treated"].mean())),
        outcome=outcome_words(question),
        n_pairs=_pairs_shown(finding, len(both)),
        n_unpaired=_alone_shown(finding, alone) if len(alone) else "",
        single=cohort.synthetic,
        several=2 * len(both) < len(persons) - len(alone),
    )


def _pairs_shown(finding: Finding, n: int) -> str:
    """Write the number of pairs; where it is a few short of the patients, only that."""
    if is_guarded(finding) and is_small(finding.n_patients - n):
        return f">{max(finding.n_patients - THRESHOLD, THRESHOLD - 1):,}"
    return shown_count(finding, n)


def _alone_shown(finding: Finding, alone: pd.Series) -> str:
    few = is_guarded(finding) and is_small(int(alone.nunique()))
    return f"<{THRESHOLD}" if few else shown_count(finding, len(alone))


def _lines(both: pd.DataFrame, *, single: bool) -> tuple[Floats, NDArray[np.int64]]:
    """Return the ends of each line and how many patients it stands for."""
    values = both.to_numpy("float64")
    found = neighbours(values[:, 1] - values[:, 0], values[:, 0], single=single)
    ends = np.array([values[group].mean(axis=0) for group in found]).reshape(-1, 2)
    return ends, np.array([len(group) for group in found], dtype="int64")
