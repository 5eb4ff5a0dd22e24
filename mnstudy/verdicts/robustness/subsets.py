"""The estimate without each clinic in turn, and in each scar type alone."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.robustness.rows import Asked, Row, asked_again
from mnstudy.words.notes import note


def without_each_clinic(asked: Asked) -> list[Row]:
    """Leave out one clinic at a time, those with five patients or more.

    Without a smaller one hardly anything changes, and the difference could point at a person.
    """
    return _over(asked, "clinic_id", "clinics", keep=False)


def in_each_scar_type(asked: Asked) -> list[Row]:
    """Keep one scar type at a time, those with five patients or more.

    A claim about one scar type, or about their spread, has no such rows.
    """
    params = asked.question.params
    if "scar_types" in params or params.get("factor") == "scar_type":
        return []
    return _over(asked, "scar_type", "scar types", keep=True)


def _over(asked: Asked, column: str, check: str, *, keep: bool) -> list[Row]:
    sites = asked.question.sites
    if column not in sites:
        return []
    patients = sites.groupby(column, observed=True)["patient_id"].nunique()
    if len(patients) < 2:
        return []
    levels = patients.index[patients >= MIN_PATIENTS]
    return [row for level in sorted(levels) for row in _one(asked, column, level, check, keep)]


def _one(asked: Asked, column: str, level: str, check: str, keep: bool) -> list[Row]:
    word = str(level).replace("_", " ")
    choice = note("only_level" if keep else "without_level", level=word)
    question = _restricted(asked.question, column, level, keep)
    row = asked_again(asked, question, check=check, choice=choice)
    # a type that cannot answer the claim alone leaves nothing to compare
    return [] if keep and row["verdict"] == "not testable" else [row]


def _restricted(question: Question, column: str, level: str, keep: bool) -> Question:
    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        inside = frame[column].eq(level).fillna(False).to_numpy(dtype=bool)
        return frame[inside if keep else ~inside].reset_index(drop=True)

    cohort = replace(question.cohort, data=cut(question.cohort.data))
    return replace(question, cohort=cohort, sites=cut(question.sites))
