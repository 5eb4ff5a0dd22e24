"""The measure by which patients were chosen, and the population they were chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.columns import columns
from mnstudy.cohort.scales import raw_scale
from mnstudy.cohort.selection import Selection
from mnstudy.stats.truncated_selection import truncated_normal
from mnstudy.verdicts.analyses.before_after import before_after
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, UNIT, Question

MIN_VALUES = 8  # fewer different values are grades, from which no distribution can be read
BEST_GRADE = 1.0
_BETTER = {"scar_depth_um": "lower", "texture_score": "higher", "tone_score": "higher"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The measure by which patients were chosen, one value a patient."""

    name: str
    unit: str
    lower_is_better: bool
    before: pd.Series
    after: pd.Series
    best: float = float("nan")

    @property
    def words(self) -> str:
        """The measure in words."""
        return "raw score" if self.name == "scale_score" else self.name.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Mean of the measure before selection, with the ends of what is plausible for it."""

    mean: float
    low: float
    high: float
    source: str


def chosen_by(question: Question, selection: Selection, treated: pd.DataFrame) -> Chosen | str:
    """Return the measure of the patients behind the estimate, or why there is none."""
    data = question.cohort.data
    name = selection.measure
    if not name and "baseline_severity" in treated and treated["baseline_severity"].notna().any():
        name = "baseline_severity"
    name = name or "scale_score"
    if name not in data:
        return f"the measure of selection, {name}, is not in the data"
    if name == "baseline_severity":
        return _grades(treated)
    scale = raw_scale(data) if name == "scale_score" else None
    better = scale.better if scale is not None else _better(question, name)
    if not better:
        return f"which values of {name} are better is not known"
    pairs = before_after(data, name).merge(treated[UNIT], on=UNIT)
    by_patient = pairs[["patient_id", "before", name]].astype({"before": float, name: float})
    means = by_patient.groupby("patient_id").mean()
    if len(means) < MIN_PATIENTS:
        return f"{name} is known before and after for fewer than {MIN_PATIENTS} patients"
    return Chosen(
        name=name,
        unit=_unit(question, name),
        lower_is_better=better == "lower",
        before=means["before"],
        after=means[name],
        best=scale.best if scale is not None else float("nan"),
    )


def _grades(treated: pd.DataFrame) -> Chosen | str:
    sites = treated[["patient_id"]].assign(before=treated["baseline_severity"].astype("float64"))
    change = treated.get("grade_change", np.nan)
    sites["after"] = sites["before"] - change
    means = sites[sites["before"].notna()].groupby("patient_id")[["before", "after"]].mean()
    if len(means) < MIN_PATIENTS:
        return f"the severity at baseline is known for fewer than {MIN_PATIENTS} patients"
    return Chosen(
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


def population_of(selection: Selection, chosen: Chosen) -> Population | str:
    """Return the population that patients were chosen from, or why it is not known."""
    if selection.mean is not None:
        m = selection.mean
        return Population(mean=m, low=m, high=m, source=f"mean {fmt.given(m)} before selection")
    if selection.cut_off is None:
        return "the mean of those that patients were chosen from is not known"
    if chosen.before.nunique() < MIN_VALUES:
        return "so few different values do not tell what population the patients come from"
    side = 1.0 if selection.selected == "above" else -1.0
    if (side * (chosen.before - selection.cut_off) < 0).any():
        return "the cut-off was not kept by all patients"
    try:
        fit = truncated_normal(
            chosen.before, cut_off=selection.cut_off, selected=selection.selected
        )
    except ValueError:
        return "the spread of the patients does not tell what population they come from"
    source = (
        f"mean before selection read off {fmt.count(fit.n, 'patient')} as "
        f"{in_range(fit.mean, fit.mean_low, fit.mean_high)}, which rests on a normal distribution "
        f"and on the cut-off of {fmt.given(selection.cut_off)} having been kept"
    )
    return Population(mean=fit.mean, low=fit.mean_low, high=fit.mean_high, source=source)


def in_range(value: float, low: float, high: float) -> str:
    """Write a value with the ends of what is plausible for it."""
    digits = fmt.decimals_for(value)
    ends = " to ".join(fmt.number(x, digits) for x in (low, high))
    return f"{fmt.number(value, digits)} ({ends})"
