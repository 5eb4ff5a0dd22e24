"""Regression to the mean in a change without a comparison group: its size, and whether it decides.

It follows from the measure by which patients were chosen, and from the population they were
chosen from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.scales import raw_scale
from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.study.selection import Selection, Side, parse_selection
from mnstudy.stats.measurement.regression_to_mean import MeeChua, mee_chua
from mnstudy.stats.measurement.truncated_selection import truncated_normal
from mnstudy.stats.meta.pooling import quantile
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    SCORE,
    UNIT,
    Question,
    before_after,
)
from mnstudy.verdicts.finding.finding import Estimate, Hold, Part
from mnstudy.words.notes import Count, Note, note

MIN_VALUES = 8  # fewer different values are grades, from which no distribution can be read
BEST_GRADE = 1.0
LEVEL = 0.95  # of what regression to the mean may give
LABEL = "regression to the mean alone"
Expected = tuple[tuple[Part, ...], list[Note], tuple[Hold, ...]]
_BETTER = {"scar_depth_um": "lower", "texture_score": "higher", "tone_score": "higher"}


def regression_expected(
    question: Question, treated: pd.DataFrame, outcome: str, estimate: Estimate
) -> Expected:
    """Return the change to expect without any treatment, in words, and what it holds back.

    Parameters
    ----------
    question : Question
    treated : DataFrame
        The sites behind the estimate, one row each.
    outcome : str
        ``improvement_score``, or ``change`` of the outcome that the claim names.
    estimate : Estimate
        The change observed, oriented so that up is better.

    Returns
    -------
    parts : tuple of Part
        The change to expect, where it can be sized.
    notes : list of Note
    holds : tuple of Hold
        A change favours the claim only as far as its interval lies beyond the upper limit of what
        regression to the mean gives at the lowest reliability declared; and not at all where
        patients are declared as chosen and nothing tells the two apart.

    Notes
    -----
    The size is (1 - reliability) times the distance of the patients from the population they were
    chosen from (``mnstudy.stats.expected_regression``). The mean of that population is the one
    declared; else, with a cut-off, one read off the patients (``truncated_normal``). The limits
    hold the uncertainty of that mean and of the patients' own, added as squares (Zou & Donner
    2008, doi 10.1002/sim.3095). Where patients were chosen on another scale, or no reliability is
    declared, Mee and Chua's test (``mee_chua``) may show the change to be beyond it for every
    plausible mean of the population. Where no selection is declared nothing is held back: the
    notes name the reliability that would explain the change.
    """
    selection = parse_selection(question.cohort.study.selection)
    if selection is None:
        return (), _undeclared(question, treated, outcome, estimate), ()
    chosen = selection_measure(question, selection, treated)
    if isinstance(chosen, Note):
        return _held_back(_not_separated(why=chosen))
    population = population_of(chosen)
    remarks = _beyond(question, chosen)
    if isinstance(population, Note):
        missing = ["reliability"] if selection.reliability is None else []
        missing.append("mean" if selection.cut_off is not None else "mean or cut_off")
        return _held_back(_not_separated(missing, why=population), remarks)
    shown = _beyond_every_mean(question, chosen, population, outcome)
    if selection.reliability is None:
        return _held_back(_not_separated(["reliability"]), remarks, shown=shown)
    part = _expected(question, chosen, population, outcome)
    size, hold = _size_notes(question, chosen, population, part, estimate)
    holds = (hold,) if part.unit == question.claim.unit or not shown else ()
    return (part,), [*size, *remarks, note("natural_course")], holds


def _held_back(why: Note, remarks: Sequence[Note] = (), *, shown: bool = False) -> Expected:
    """Hold back a change that nothing tells apart from regression to the mean."""
    holds = () if shown else (Hold(why=why, adverse=False),)
    return (), [why, *remarks], holds


def _undeclared(
    question: Question, treated: pd.DataFrame, outcome: str, estimate: Estimate
) -> list[Note]:
    """Name the reliability that would explain all of the change, where selection is not declared.

    As if all from the mildest patient on had been chosen out of a normal distribution.
    """
    said = _not_separated(["reliability", "mean or cut_off"])
    name = question.params["outcome"] if outcome == "change" else "scale_score"
    chosen = selection_measure(question, Selection(measure=name), treated)
    if question.brief or isinstance(chosen, Note):
        return [said]
    above, ends = chosen.lower_is_better, (chosen.before.max(), chosen.before.min())
    side: Side = "above" if above else "below"
    noise = Selection(cut_off=ends[above], selected=side, reliability=(0.0, 0.0))
    chosen = replace(chosen, selection=noise)
    population = population_of(chosen)
    if isinstance(population, Note):
        return [said]
    part = _expected(question, chosen, population, outcome)
    if part.unit != question.claim.unit or not 0 < estimate.value < part.value:
        return [said]
    reliability = 1 - estimate.value / part.value
    return [said, note("reliability_explains", measure=chosen.plain_name, reliability=reliability)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionMeasure:
    """The measure by which patients were chosen, one value a patient, and how they were chosen.

    ``ends`` are those of its range, nan where it has none.
    """

    selection: Selection
    name: str
    unit: str
    lower_is_better: bool
    before: pd.Series
    after: pd.Series
    best: float = float("nan")
    ends: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def sign(self) -> float:
        """What turns a change of the measure so that up is better."""
        return -1.0 if self.lower_is_better else 1.0

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
        return _grades(selection, treated)
    scale = raw_scale(data) if name == "scale_score" else None
    better = scale.better if scale is not None else _better(question, name)
    if not better:
        return note("better_not_known", name=name)
    pairs = before_after(data, name, question.week).merge(treated[UNIT], on=UNIT)
    by_patient = pairs[["patient_id", "before", name]].astype({"before": float, name: float})
    means = by_patient.groupby("patient_id").mean()
    if len(means) < MIN_PATIENTS:
        return note("selection_known_for_few", name=name, least=MIN_PATIENTS)
    spec = _spec(question, name)
    low, high = np.array([(scale or spec).low, (scale or spec).high], dtype="float64")
    return SelectionMeasure(
        selection=selection,
        name=name,
        unit=spec.unit,
        lower_is_better=better == "lower",
        before=means["before"],
        after=means[name],
        best=scale.best if scale is not None else float("nan"),
        ends=(low, high),
    )


def _grades(selection: Selection, treated: pd.DataFrame) -> SelectionMeasure | Note:
    sites = treated[["patient_id"]].assign(before=treated["baseline_severity"].astype("float64"))
    change = treated.get("grade_change", np.nan)
    sites["after"] = sites["before"] - change
    means = sites[sites["before"].notna()].groupby("patient_id")[["before", "after"]].mean()
    if len(means) < MIN_PATIENTS:
        return note("severity_known_for_few", least=MIN_PATIENTS)
    return SelectionMeasure(
        selection=selection,
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


def _spec(question: Question, name: str) -> ColumnSpec:
    return {**columns(), **question.cohort.study.measures}[name]


def population_of(chosen: SelectionMeasure) -> Population | Note:
    """Return the population that patients were chosen from, or why it is not known.

    Its mean lies within the range of the measure.
    """
    selection = chosen.selection
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
    least, most = chosen.ends
    means = np.fmin((fit.mean, fit.mean_low, fit.mean_high), most)
    mean, low, high = map(float, np.fmax(means, least))
    source = note(
        "mean_read_off_patients",
        patients=Count(n=fit.n, noun="patient"),
        mean=in_range(mean, low, high),
        cut_off=selection.cut_off,
    )
    return Population(mean=mean, low=low, high=high, source=source)


def in_range(value: float, low: float, high: float) -> Note:
    """Return a value with the ends of what is plausible for it."""
    return note("in_range", value=value, low=low, high=high, digits=fmt.decimals_for(value))


def _not_separated(declare: Sequence[str] = (), *, why: Note | None = None) -> Note:
    """Say that regression to the mean cannot be told apart, why, and what to declare."""
    said = note("regression_not_separated")
    if why is not None:
        said = note("because", said=said, why=why)
    return note("to_size_it", said=said, what=tuple(declare)) if declare else said


def _expected(
    question: Question, chosen: SelectionMeasure, population: Population, outcome: str
) -> Part:
    assert chosen.selection.reliability is not None
    low, high = chosen.selection.reliability
    first = float(chosen.before.mean())
    factor, unit = _conversion(question, chosen, outcome, first)
    sign = chosen.sign

    n = len(chosen.before)
    own = quantile(n - 1.0, LEVEL) * float(chosen.before.std()) / math.sqrt(n)
    away = first - population.mean
    least = away - math.hypot(population.high - population.mean, own)
    most = away + math.hypot(population.mean - population.low, own)

    def gain(distance: float, reliability: float) -> float:
        """Return what regression gives, on the scale of the finding; expected_regression has it."""
        return -sign * factor * (1 - reliability) * distance if reliability < 1 else 0.0

    ends = [gain(x, r) for x in (least, most) for r in (low, high)]
    return Part(
        kind="expected",
        label=LABEL,
        value=gain(away, (low + high) / 2),
        ci_low=min(ends),
        ci_high=max(ends),
        n=n,
        unit=unit,
    )


def _conversion(
    question: Question, chosen: SelectionMeasure, outcome: str, first: float
) -> tuple[float, str]:
    """Return the factor from the measure to the finding, and the unit; 1 where they differ."""
    same = outcome == "change" and question.params.get("outcome") == chosen.name
    if same and question.params.get("percent"):
        return 100 / first, question.claim.unit
    if same:
        return 1.0, question.claim.unit
    if outcome == SCORE and chosen.name == "scale_score":
        away = abs(first - chosen.best)
        if away > 0:  # nan where the scale is not known
            return 100 / away, question.claim.unit
    return 1.0, chosen.unit


def _size_notes(
    question: Question,
    chosen: SelectionMeasure,
    population: Population,
    part: Part,
    estimate: Estimate,
) -> tuple[list[Note], Hold]:
    """Say how large it would be, and hold back the part of the change that it may explain."""
    selection = chosen.selection
    assert selection.reliability is not None
    low, high = selection.reliability
    reliability = note("reliability", low=low)
    if high != low:
        reliability = note("reliability_range", low=low, high=high)
    if selection.reliability_source:
        reliability = note("sourced", what=reliability, source=selection.reliability_source)
    source = population.source
    if selection.rule:
        source = note("chosen_by_rule", source=source, rule=selection.rule)
    size = note(
        "regression_would_give",
        label=LABEL,
        size=_size(part),
        unit=part.unit,
        reliability=reliability,
        source=source,
    )
    if part.unit != question.claim.unit:
        other = _other_scale(chosen, part)
        return [size, other], Hold(why=note("not_told_apart", why=other), adverse=False)
    beyond = estimate.ci_low > part.ci_high
    said = note("larger_than_that" if beyond else "not_clearly_larger", said=size)
    left = estimate.ci_low - part.ci_high, estimate.ci_high
    why = note("regression_may_give", label=LABEL, size=_size(part), unit=part.unit)
    return [said], Hold(why=why, adverse=False, also=left)


def _size(part: Part) -> Note:
    ends, digits = (part.ci_low, part.ci_high), fmt.decimals_for(part.value)
    if ends[0] == ends[1]:
        return note("rounded", value=part.value, digits=digits)
    if np.isfinite(ends).all():
        return note("between_ends", low=ends[0], high=ends[1], digits=digits)
    return note("or_more", low=ends[0], digits=digits) if np.isfinite(ends[0]) else note("any_size")


def _other_scale(chosen: SelectionMeasure, part: Part) -> Note:
    """Say what the size means where patients were chosen on another scale than that judged."""
    if chosen.name != "baseline_severity" or not np.isfinite([part.ci_low, part.ci_high]).all():
        return note("another_scale", measure=chosen.plain_name)
    plain, away = note("grade_is_no_percentage"), float(chosen.before.mean()) - BEST_GRADE
    if away <= 0:
        return plain
    low, high = (100 * x / away for x in (part.ci_low, part.ci_high))
    size = note("rounded", value=low, digits=0)
    if round(low) != round(high):
        size = note("between_ends", low=low, high=high, digits=0)
    return note("worked_out_from_grades", said=plain, size=size)


def _tested(question: Question, chosen: SelectionMeasure, mean: float) -> MeeChua | None:
    """Return Mee and Chua's test, where the measure got better and is known before and after."""
    pairs = pd.DataFrame({"before": chosen.before, "after": chosen.after}).dropna()
    if len(pairs) < MIN_PATIENTS or pairs["before"].nunique() < 2:
        return None
    level = question.confidence_level
    found = mee_chua(pairs["before"], pairs["after"], mean, confidence_level=level)
    return found if (found.change < 0) == chosen.lower_is_better else None


def _beyond_every_mean(
    question: Question, chosen: SelectionMeasure, population: Population, outcome: str
) -> bool:
    """Tell whether the change is beyond regression to every plausible mean of the population.

    Of the improvement of a scar the measures of its severity may tell, of another outcome itself.
    """
    found = _tested(question, chosen, population.mean)
    scars = ("baseline_severity", "scale_score")
    if found is None or chosen.name not in (
        scars if outcome == SCORE else (question.params["outcome"],)
    ):
        return False
    return found.mean_low < population.low and population.high < found.mean_high


def _beyond(question: Question, chosen: SelectionMeasure) -> list[Note]:
    """Say what Mee and Chua's test finds, where the measure is known before and after."""
    own = float(chosen.before[chosen.after.notna()].mean())
    declared = chosen.selection.mean
    mean = own if declared is None else declared
    found = _tested(question, chosen, mean) if np.isfinite(mean) else None
    if found is None:
        return []
    patients = Count(n=found.n, noun="patient")
    if declared is None:
        said = _for_which_means(chosen, found, own)
        return [note("by_mee_and_chua", said=said, patients=patients)]
    sign = chosen.sign
    ends = sorted((sign * found.ci_low, sign * found.ci_high))
    left = in_range(sign * found.estimate, *ends)
    said = note(
        "beyond_regression", measure=chosen.plain_name, left=left, unit=chosen.unit, mean=mean
    )
    return [note("by_mee_and_chua", said=said, patients=patients)]


def _for_which_means(chosen: SelectionMeasure, found: MeeChua, own: float) -> Note:
    """Say which population means, on the milder side of the patients' own, leave a change."""
    measure = chosen.plain_name
    if np.isnan(found.mean_low) or not found.mean_low <= own <= found.mean_high:
        return note("never_beyond_regression", measure=measure)
    above = chosen.selection.selected == "above"
    end = found.mean_low if above else found.mean_high
    if np.isinf(end):
        return note("always_beyond_regression", measure=measure)
    return note(
        "beyond_regression_if",
        measure=measure,
        side="above" if above else "below",
        end=end,
        own=own,
        digits=fmt.decimals_for(own),
    )
