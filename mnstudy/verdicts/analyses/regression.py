"""Regression to the mean beside a change without a comparison group: its size, where it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.selection import Selection, parse_selection
from mnstudy.stats.beyond_regression import MeeChua, mee_chua
from mnstudy.stats.regression_to_mean import expected_regression
from mnstudy.verdicts.analyses.chosen import (
    BEST_GRADE,
    Chosen,
    Population,
    chosen_by,
    in_range,
    population_of,
)
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, Question
from mnstudy.verdicts.finding import Estimate, Part

REGRESSION_TO_THE_MEAN = (
    "part of a change without a comparison group is natural course and regression to the mean; "
    "this study cannot separate them"
)
NATURAL_COURSE = "natural course is part of a change without a comparison group too"
LABEL = "regression to the mean alone"


def regression_beside(
    question: Question, treated: pd.DataFrame, outcome: str, estimate: Estimate
) -> tuple[tuple[Part, ...], list[str]]:
    """Return the change to expect without any treatment, as a part and in words.

    Parameters
    ----------
    question : Question
    treated : DataFrame
        The sites behind the estimate, one row each.
    outcome : str
        ``improvement_score``, or ``change`` of the outcome that the claim names.
    estimate : Estimate
        The change observed, oriented so that up is better.

    Notes
    -----
    The size is (1 - reliability) times the distance of the patients from the population they were
    chosen from (``mnstudy.stats.expected_regression``). The mean of that population is the one
    declared; else, with a cut-off, one read off the patients (``truncated_normal``), its
    uncertainty included in the range. Without either, Mee and Chua's test says for which means the
    change would still be there (``mee_chua``). Where something is missing the notes say that
    regression to the mean cannot be separated, and what to declare.
    """
    if question.brief:
        return (), []
    selection = parse_selection(question.cohort.study.selection)
    if selection is None:
        return (), [f"{REGRESSION_TO_THE_MEAN}; {_declare(['reliability', 'mean or cut_off'])}"]
    chosen = chosen_by(question, selection, treated)
    if isinstance(chosen, str):
        return (), [f"{REGRESSION_TO_THE_MEAN} ({chosen})"]
    population = population_of(selection, chosen)
    notes = _beyond(question, selection, chosen)
    if isinstance(population, str):
        missing = ["reliability"] if selection.reliability is None else []
        missing.append("mean" if selection.cut_off is not None else "mean or cut_off")
        return (), [f"{REGRESSION_TO_THE_MEAN} ({population}); {_declare(missing)}", *notes]
    if selection.reliability is None:
        return (), [f"{REGRESSION_TO_THE_MEAN}; {_declare(['reliability'])}", *notes]
    part = _expected(question, selection, chosen, population, outcome)
    text = _in_words(question, selection, chosen, population, part, estimate)
    return (part,), [*text, *notes, NATURAL_COURSE]


def _declare(what: list[str]) -> str:
    return f"to size it, declare {', and '.join(what)} under [selection] in the study file"


def _expected(
    question: Question,
    selection: Selection,
    chosen: Chosen,
    population: Population,
    outcome: str,
) -> Part:
    assert selection.reliability is not None
    low, high = selection.reliability
    first = float(chosen.before.mean())
    factor, unit = _conversion(question, chosen, outcome, first)
    sign = -1.0 if chosen.lower_is_better else 1.0

    def gain(mean: float, reliability: float) -> float:
        if np.isinf(mean):
            return sign * factor * mean if reliability < 1 else 0.0
        found = expected_regression(mean=mean, reliability=reliability, selected_mean=first)
        return sign * factor * found.expected_change + 0.0

    ends = [gain(m, r) for m in (population.low, population.high) for r in (low, high)]
    return Part(
        kind="expected",
        label=LABEL,
        value=gain(population.mean, (low + high) / 2),
        ci_low=min(ends),
        ci_high=max(ends),
        n=len(chosen.before),
        unit=unit,
    )


def _conversion(
    question: Question, chosen: Chosen, outcome: str, first: float
) -> tuple[float, str]:
    """Return the factor from the measure to the finding, and the unit; 1 where they differ."""
    same = outcome == "change" and question.params.get("outcome") == chosen.name
    if same and question.params.get("percent"):
        return 100 / first, question.claim.unit
    if same:
        return 1.0, question.claim.unit
    if outcome == "improvement_score" and chosen.name == "scale_score":
        away = abs(first - chosen.best)
        if away > 0:  # nan where the scale is not known
            return 100 / away, question.claim.unit
    return 1.0, chosen.unit


def _in_words(
    question: Question,
    selection: Selection,
    chosen: Chosen,
    population: Population,
    part: Part,
    estimate: Estimate,
) -> list[str]:
    assert selection.reliability is not None
    known = " to ".join(dict.fromkeys(fmt.given(r) for r in selection.reliability))
    source = f", {selection.reliability_source}" if selection.reliability_source else ""
    rule = f"; chosen by: {selection.rule}" if selection.rule else ""
    text = (
        f"{LABEL} would give {_size(part)} {part.unit} (reliability {known}{source}; "
        f"{population.source}{rule})"
    )
    if part.unit == question.claim.unit:
        beyond = estimate.ci_low > part.ci_high
        return [f"{text}; the change is {'larger' if beyond else 'not clearly larger'} than that"]
    return [text, _other_scale(chosen, part)]


def _size(part: Part) -> str:
    ends = (part.ci_low, part.ci_high)
    if ends[0] == ends[1]:
        return fmt.number(part.value, fmt.decimals_for(part.value))
    digits = fmt.decimals_for(part.value)
    if any(np.isinf(ends)):
        return f"{fmt.number(part.ci_low, digits)} or more" if np.isfinite(ends[0]) else "any"
    return " to ".join(fmt.number(x, digits) for x in ends)


def _other_scale(chosen: Chosen, part: Part) -> str:
    """Say what the size means where patients were chosen on another scale than that judged."""
    if chosen.name != "baseline_severity" or not np.isfinite([part.ci_low, part.ci_high]).all():
        return (
            f"patients were chosen by {chosen.words}, another scale than that of this finding: the "
            "two are not converted"
        )
    away = float(chosen.before.mean()) - BEST_GRADE
    reading = ""
    if away > 0:
        ends = dict.fromkeys(fmt.number(100 * x / away, 0) for x in (part.ci_low, part.ci_high))
        reading = (
            f"; worked out from the grades, 1 the best, it would be {' to '.join(ends)} percent"
        )
    return f"a grade is not a percentage and the two are not converted{reading}"


def _beyond(question: Question, selection: Selection, chosen: Chosen) -> list[str]:
    """Say what Mee and Chua's test finds, where the measure is known before and after."""
    pairs = pd.DataFrame({"before": chosen.before, "after": chosen.after}).dropna()
    if len(pairs) < MIN_PATIENTS or pairs["before"].nunique() < 2:
        return []
    own = float(pairs["before"].mean())
    mean = own if selection.mean is None else selection.mean
    found = mee_chua(
        pairs["before"], pairs["after"], mean, confidence_level=question.confidence_level
    )
    improved = (found.change < 0) == chosen.lower_is_better
    if not improved:
        return []
    method = f"Mee and Chua's test, {fmt.count(found.n, 'patient')}"
    if selection.mean is None:
        return [f"{_for_which_means(selection, chosen, found, own)} ({method})"]
    sign = -1.0 if chosen.lower_is_better else 1.0
    ends = sorted((sign * found.ci_low, sign * found.ci_high))
    left = in_range(sign * found.estimate, *ends)
    return [
        f"of {chosen.words}, {left} {chosen.unit} of the improvement are beyond regression to a "
        f"mean of {fmt.given(mean)} ({method})"
    ]


def _for_which_means(selection: Selection, chosen: Chosen, found: MeeChua, own: float) -> str:
    """Say which population means, on the milder side of the patients' own, leave a change."""
    what = f"the change of {chosen.words}"
    if np.isnan(found.mean_low) or not found.mean_low <= own <= found.mean_high:
        return f"{what} is not beyond regression to the mean, whatever the mean before selection"
    above = selection.selected == "above"
    end = found.mean_low if above else found.mean_high
    if np.isinf(end):
        return f"{what} is beyond regression to the mean, whatever the mean before selection"
    digits = fmt.decimals_for(own)
    return (
        f"{what} is beyond regression to the mean if the mean before selection was "
        f"{'above' if above else 'below'} {fmt.number(end, digits)} (that of the patients: "
        f"{fmt.number(own, digits)})"
    )
