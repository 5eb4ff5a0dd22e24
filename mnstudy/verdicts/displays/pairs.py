"""Both sides of each person: what paired slopes show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.displays.rows import (
    Floats,
    by_person,
    layout_of,
    outcome_words,
    people,
    question_of,
    two_arms,
)
from mnstudy.verdicts.finding.finding import Finding

ANALYSES = ("improvement", "change", "arm_contrast", "depth_contrast", "maintenance")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Both sides of the patients of a split body, or both treatments of a crossover.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    labels : tuple of two str
        Reference side and treated side.
    reference, treated : array of shape (k,)
        Ends of each line in the unit of the claim, in the order of their difference.
    means : tuple of two float
        Means of the complete pairs, reference first.
    outcome : str
        What is measured, in words.
    n_pairs : int
        Patients with both sides known.
    n_unpaired : int
        Sites of patients with one side only, which have no line.
    several : bool
        True where a patient has several sites on one side, whose mean is taken.
    """

    finding: Finding
    labels: tuple[str, str]
    reference: Floats
    treated: Floats
    means: tuple[float, float]
    outcome: str
    n_pairs: int
    n_unpaired: int
    several: bool

    @property
    def adjusted(self) -> bool:
        """True where the estimate is adjusted, which lines are not."""
        return self.finding.estimate is not None and bool(self.finding.estimate.adjusted_for)


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
        None unless the design is a split body or a crossover, and five patients or more have both
        sides known.

    Notes
    -----
    Only complete pairs make a line; the sites of other patients are counted.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> finding = mn.evaluate(cohort, claims="topical-adjunct")[0]
    >>> pairs(cohort, finding).n_pairs
    40
    """
    if not cohort.study.within_patients or finding.claim.analysis not in ANALYSES:
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
    values = both.to_numpy("float64")
    values = values[np.lexsort((values[:, 0], values[:, 1] - values[:, 0]))]
    treated_words, reference_words = two_arms(question)
    alone = persons[~persons.isin(both.index)]
    return Pairs(
        finding=finding,
        labels=(reference_words, treated_words),
        reference=values[:, 0],
        treated=values[:, 1],
        means=(float(both["reference"].mean()), float(both["treated"].mean())),
        outcome=outcome_words(question),
        n_pairs=len(both),
        n_unpaired=len(alone),
        several=2 * len(both) < len(persons) - len(alone),
    )
