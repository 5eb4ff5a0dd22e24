"""The rows behind an estimate, as charts of a cohort need them: by person, arms in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import NotTestable, Question
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.levels import comparable_levels
from mnstudy.verdicts.analyses.question import UNIT, Answer, Layout
from mnstudy.verdicts.finding.finding import Finding

Floats: TypeAlias = NDArray[np.float64]


def question_of(cohort: Cohort, finding: Finding) -> Question | None:
    """Return the question that a finding answers; None if it is not testable, or of other data."""
    if finding.estimate is None or finding.n_studies is not None:
        return None
    named = (cohort.synthetic, cohort.provenance.sha256, cohort.study.plan_sha256)
    if (finding.synthetic, finding.sha256, finding.plan_sha256) != named:
        return None
    level = finding.estimate.confidence_level
    return Question.ask(finding.claim, cohort.in_order(), level, brief=True)


def layout_of(question: Question, finding: Finding) -> Layout | None:
    """Return the rows behind the estimate; None where they are not those of this finding."""
    found = answer_of(question, finding)
    return None if found is None else found.layout


def answer_of(question: Question, finding: Finding) -> Answer | None:
    """Answer again; None where the rows are not those of this finding."""
    try:
        found = estimate_claim(question)
    except NotTestable:
        return None
    return found if is_of(finding, found.estimate.value, found.n_patients) else None


def is_of(finding: Finding, value: float, patients: int) -> bool:
    """Tell whether an estimate from these rows is the one of the finding."""
    if finding.estimate is None or patients != finding.n_patients:
        return False
    return math.isclose(value, finding.estimate.value, rel_tol=1e-9, abs_tol=1e-9)


def people(layout: Layout, cohort: Cohort) -> pd.Series | None:
    """Return whose each row is; None where rows are only known by their study."""
    if cohort.study.cluster == "patient_id":
        return layout.patients
    if cohort.data["patient_id"].is_unique:  # one row a person
        return pd.Series(range(len(layout.y)), index=layout.y.index)
    return None


def by_person(values: pd.Series, persons: pd.Series) -> pd.Series:
    """Return the mean of the rows of each person, in the order of the persons."""
    ordered = pd.DataFrame({"person": persons.to_numpy(), "value": values.to_numpy("float64")})
    # sorted by value too, so that sums do not depend on the order of rows
    return ordered.sort_values(["person", "value"]).groupby("person")["value"].mean()


def level_rows(question: Question, factor: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the sites of every level with enough patients, as ``heterogeneity`` compares them."""
    rows, _, _ = comparable_levels(question, factor)
    for level in rows[factor].cat.remove_unused_categories().cat.categories:
        yield str(level).replace("_", " "), rows[rows[factor] == level].sort_values(UNIT)


def two_arms(question: Question) -> tuple[str, str]:
    """Name the treated and the reference arm of a claim that compares two."""
    params = question.params
    if question.claim.analysis == "depth_contrast":
        limit = f"{float(params['threshold_mm']):g} mm"
        return f"needles over {limit}", f"needles up to {limit}"
    if question.claim.analysis == "maintenance":
        return "with maintenance sessions", "without maintenance sessions"
    return question.arm_names


def one_group(question: Question) -> str:
    """Name the group of a claim about one group."""
    alone = question.claim.analysis in ("improvement", "change")
    return question.arm_names[0] if alone else "needled patients"


def outcome_words(question: Question) -> str:
    """Name what is measured, as it stands on an axis; up is better wherever a claim says so."""
    params: Mapping[str, Any] = question.params
    if question.claim.analysis == "durability":
        return "change after the end of treatment"
    if question.claim.analysis == "maintenance":
        return "change from the end of treatment to the late visit"
    if "outcome" not in params:
        return "final improvement"
    name = plain(str(params["outcome"]))
    if question.claim.analysis == "level":
        return f"{name} (turned: up is better)" if params.get("better") == "lower" else name
    return f"{'fall' if params['better'] == 'lower' else 'rise'} of {name}"


def plain(column: str) -> str:
    """Name a column without its unit."""
    for unit in ("_percent", "_um", "_mm"):
        column = column.removesuffix(unit)
    return column.replace("_", " ")
