"""The measure by which patients were chosen, and the population they were chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.scales import raw_scale
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.selection import Selection
from mnstudy.stats.measurement.truncated_selection import truncated_normal
from mnstudy.verdicts.analyses.before_after import before_after
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, UNIT, Question
from mnstudy.words.notes import Count, Note, note

MIN_VALUES = 8  # fewer different values are grades, from which no distribution can be read
BEST_GRADE = 1.0
_BETTER = {"scar_depth_um": "lower", "texture_score": "higher", "tone_score": "higher"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionMeasure:
    """The measure by which patients were chosen, one value a patient."""

    name: str
    unit: str
    lower_is_better: bool
    before: pd.Series
    after: pd.Series
    best: float = float("nan")

    @property
    def plain_name(self) -> str:
        """The measure as people call it."""
        return "raw score" if self.name == "scale_score" else self.name.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Mean of the measure before selection, with the ends of what is plausible for it."""

    mean: float
    low: float
    high: float
    source: Note


def selection_measure(
    question: Question, selection: Selection, treated: pd.DataFrame
) -> SelectionMeasure | Note:
    """Return the measure of the patients behind the estimate, or why there is none."""
    data = question.cohort.data
    name = selection.measure
    if not name and "baseline_severity" in treated and treated["baseline_severity"].notna().any():
        name = "baseline_severity"
    name = name or "scale_score"
    if name not in data:
        return note("selection_not_in_data", name=name)
    if name == "baseline_severity":
        return _grades(treated)
    scale = raw_scale(data) if name == "scale_score" else None
    better = scale.better if scale is not None else _better(question, name)
    if not better:
        return note("better_not_known", name=name)
    pairs = before_after(data, name).merge(treated[UNIT], on=UNIT)
    by_patient = pairs[["patient_id", "before", name]].astype({"before": float, name: float})
    means = by_patient.groupby("patient_id").mean()
    if len(means) < MIN_PATIENTS:
        return note("selection_known_for_few", name=name, least=MIN_PATIENTS)
    return SelectionMeasure(
        name=name,
        unit=_unit(question, name),
        lower_is_better=better == "lower",
        before=means["before"],
        after=means[name],
        best=scale.best if scale is not None else float("nan"),
    )


def _grades(treated: pd.DataFrame) -> SelectionMeasure | Note:
    sites = treated[["patient_id"]].assign(before=treated["baseline_severity"].astype("float64"))
    change = treated.get("grade_change", np.nan)
    sites["after"] = sites["before"] - change
    means = sites[sites["before"].notna()].groupby("patient_id")[["before", "after"]].mean()
    if len(means) < MIN_PATIENTS:
        return note("severity_known_for_few", least=MIN_PATIENTS)
    return SelectionMeasure(
        name="baseline_severity",
        unit="grades",
        lower_is_better=True,
        before=means["before"],
        after=means["after"],
        best=BEST_GRADE,
    )


def _better(question: Question, name: str) -> str:
    if question.params.get("outcome") == name:
        return str(question.params.get("better", ""))
    return _BETTER.get(name, "")


def _unit(question: Question, name: str) -> str:
    specs = {**columns(), **question.cohort.study.measures}
    return specs[name].unit


def population_of(selection: Selection, chosen: SelectionMeasure) -> Population | Note:
    """Return the population that patients were chosen from, or why it is not known."""
    if selection.mean is not None:
        m = selection.mean
        return Population(mean=m, low=m, high=m, source=note("mean_declared", mean=m))
    if selection.cut_off is None:
        return note("population_mean_not_known")
    if chosen.before.nunique() < MIN_VALUES:
        return note("too_few_values_for_population")
    side = 1.0 if selection.selected == "above" else -1.0
    if (side * (chosen.before - selection.cut_off) < 0).any():
        return note("cut_off_not_kept")
    try:
        fit = truncated_normal(
            chosen.before, cut_off=selection.cut_off, selected=selection.selected
        )
    except ValueError:
        return note("spread_tells_no_population")
    source = note(
        "mean_read_off_patients",
        patients=Count(n=fit.n, noun="patient"),
        mean=in_range(fit.mean, fit.mean_low, fit.mean_high),
        cut_off=selection.cut_off,
    )
    return Population(mean=fit.mean, low=fit.mean_low, high=fit.mean_high, source=source)


def in_range(value: float, low: float, high: float) -> Note:
    """Return a value with the ends of what is plausible for it."""
    return note("in_range", value=value, low=low, high=high, digits=fmt.decimals_for(value))
