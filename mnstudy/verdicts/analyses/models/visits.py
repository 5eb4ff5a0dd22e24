"""A comparison of two arms at the week from all visits up to it, where patients were lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import independent_columns
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.visits import VisitFit, visit_model
from mnstudy.verdicts.analyses.models.covariates import covariates, usual_covariates
from mnstudy.verdicts.analyses.question import UNIT, Question, n_sites
from mnstudy.words.notes import Note, note

# Patients an arm, and for each visit, from which the visits have a covariance of any form; the work
# grows with the fourth power of their number.
UNSTRUCTURED, FOR_EACH_VISIT, MOST_VISITS = 10, 3, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OverVisits:
    """A model of all visits up to the week, with the rows behind it."""

    result: VisitFit | MixedFit
    rows: pd.DataFrame
    adjusted: tuple[str, ...]
    lost: int

    @property
    def how(self) -> Note:
        """Say which model it is."""
        return note("visit_model" if isinstance(self.result, VisitFit) else "visits_robust")

    def weights(self, **arms: float) -> dict[str, float]:
        """Return the weights of ``treated`` and ``reference`` at the week, of those the model has.

        Where it is of the differences of two sides, it has the treated alone.
        """
        return {self.arms[arm][-1]: weight for arm, weight in arms.items() if arm in self.arms}

    @property
    def arms(self) -> dict[str, list[str]]:
        """Return the columns of each arm, by visit; of the treated alone where sides differ."""
        weeks, known = np.unique(self.rows["visit"]), set(self.result.names)
        columns = {arm: [_at(arm, w) for w in weeks] for arm in ("treated", "reference")}
        return {arm: own for arm, own in columns.items() if known.issuperset(own)}


def over_visits(
    question: Question,
    arms: Sequence[pd.DataFrame],
    rows: Callable[[], pd.DataFrame],
    outcome: str,
    baseline: list[str],
) -> OverVisits | None:
    """Fit a model of all visits where sites of the arms were lost, but seen at visits before.

    Where nobody was, it has the same difference as the assessments at the week. Where clinics were
    allocated there is none.

    Parameters
    ----------
    arms : two DataFrames
        The sites of the treated and the reference arm, with the outcome at the week or without.
    rows : function
        Returns the rows of all sites at the visits up to the week.
    """
    usual = question.choices.engine is None and question.engine == "robust"
    lost = question.week.earlier and any(arm[outcome].isna().any() for arm in arms)
    if not usual or question.crossover or not lost:
        return None
    treated = np.repeat([1.0, 0.0], [len(arm) for arm in arms])
    sites = pd.concat(arms, ignore_index=True).assign(treated=treated)
    question, _ = question.by_clinic(sites, treated)
    if question.allocated is not None:
        return None
    sites["lost"] = sites[outcome].isna()
    seen = rows().dropna(subset=[outcome])[[*UNIT, "visit", outcome]]
    names = question.adjust_for(usual_covariates(question, baseline))
    read = [c for c in (*UNIT, "treated", "lost", *names, *baseline) if c in sites]
    seen = seen.merge(sites[read], on=UNIT)
    return fit_visits(question, seen, outcome, names, baseline) if seen["lost"].any() else None


def fit_visits(
    question: Question,
    rows: pd.DataFrame,
    outcome: str,
    names: Sequence[str],
    baseline: Sequence[str],
) -> OverVisits | None:
    """Fit the outcome at all visits up to the week by arm and covariates, each by visit.

    From 10 patients an arm, and 3 for each visit, every arm has an unstructured covariance of its
    visits of its own; with fewer, with more than 10 visits, or where that has no maximum, patients
    have a random intercept and errors are robust (CR2). The rows of a patient, arm and visit are
    averaged; both sides of a body have one covariance of sides and visits, with fewer patients the
    difference of the sides is modelled.

    Parameters
    ----------
    rows : DataFrame
        One row a site and visit with the outcome, ``visit`` in weeks, ``treated`` (1 or 0), and
        what the model is adjusted for; ``lost`` marks the sites not assessed at the week.

    Returns
    -------
    OverVisits or None
        None where a patient has both arms but is no split body, and where no model can be fitted.
    """
    within = question.cohort.study.design == "split_body"
    if not within and rows.groupby("patient_id")["treated"].nunique().max() > 1:
        return None
    base = pd.DataFrame({"reference": 1.0, "treated": rows["treated"]})
    extra, used = covariates(rows, names, beside=base)
    columns = extra.assign(**{c: rows[c] - rows[c].mean() for c in baseline})
    keys = [rows[c] for c in ("patient_id", "visit", "treated")]
    cells = columns.assign(_outcome=rows[outcome].astype("float64")).groupby(keys).mean()
    result: VisitFit | MixedFit | None = _both_sides(question, cells) if within else None
    if within and result is None:
        sides = [cells.xs(arm, level="treated") for arm in (1.0, 0.0)]
        cells = (sides[0] - sides[1]).dropna().assign(treated=1.0).set_index("treated", append=True)
    try:
        design = _by_visit(cells.drop(columns="_outcome"), within)
        result = result or _fit_visits(question, cells["_outcome"], design)
    except ValueError:
        return None
    lost = n_sites(rows[rows["lost"]])
    return OverVisits(result=result, rows=rows, adjusted=(*used, *baseline), lost=lost)


def _both_sides(question: Question, cells: pd.DataFrame) -> VisitFit | None:
    """Fit both sides of a body together where patients are enough, else nothing.

    Who is lost for what one side showed is not told by the difference of the sides.
    """
    visits, arm = (cells.index.get_level_values(i) for i in (1, 2))
    side = np.array([f"{visit:g} {a:g}" for visit, a in zip(visits, arm, strict=True)])
    design = _by_visit(cells.drop(columns="_outcome"), within=False)
    return _unstructured(question, cells["_outcome"], design, side, None)


def _unstructured(
    question: Question,
    y: pd.Series,
    design: pd.DataFrame,
    visits: np.ndarray,
    arms: np.ndarray | None,
) -> VisitFit | None:
    """Fit an unstructured covariance where patients are enough for the visits, else nothing."""
    patients, n = y.index.get_level_values(0).to_numpy(), len(np.unique(visits))
    fewest = pd.Series(patients).groupby(np.zeros(len(y)) if arms is None else arms).nunique().min()
    if fewest < max(UNSTRUCTURED, FOR_EACH_VISIT * n) or n > MOST_VISITS:
        return None
    data, level = (y.to_numpy(), design.to_numpy(), patients, visits), question.confidence_level
    with suppress(ValueError):  # too few patients have all visits
        names = list(design.columns)
        return visit_model(*data, names, arms=arms, errors="observed", confidence_level=level)
    return None


def _at(column: str, week: float) -> str:
    return f"{column} at week {week:g}"


def _by_visit(cells: pd.DataFrame, within: bool) -> pd.DataFrame:
    """Return each arm and each covariate by visit, without columns that the others tell."""
    visit, treated = (cells.index.get_level_values(n).to_numpy() for n in ("visit", "treated"))
    design = pd.DataFrame(index=cells.index)
    at = {week: np.where(visit == week, 1.0, 0.0) for week in np.unique(visit)}
    for week, here in at.items():
        if not within:
            design[_at("reference", week)] = here * (1 - treated)
        design[_at("treated", week)] = here * treated
    by_visit = {_at(c, week): cells[c] * here for c in cells for week, here in at.items()}
    more = pd.DataFrame(by_visit, index=cells.index)
    return pd.concat([design, more[independent_columns(design, more)]], axis=1)


def _fit_visits(question: Question, y: pd.Series, design: pd.DataFrame) -> VisitFit | MixedFit:
    patients, visits, arm = (y.index.get_level_values(i).to_numpy() for i in range(3))
    arms, level = arm if arm.min() < arm.max() else None, question.confidence_level
    data, names = (y.to_numpy(), design.to_numpy(), patients), list(design.columns)
    return _unstructured(question, y, design, visits, arms) or random_intercept(
        *data, names, errors="cr2", confidence_level=level
    )
