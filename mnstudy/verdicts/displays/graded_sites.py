"""The sites of a claim with their grades before and at the final assessment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from mnstudy.cohort.scales import Scale, registry, scale_of
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.before_after import before_after
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    NEEDLED,
    UNTREATED,
    n_patients,
    scar_type_filter,
    select_arm,
)

Grades: TypeAlias = pd.DataFrame  # patient_id, arm, grade_before, grade_after: one row a site
SEVERITY = "Goodman-Baron qualitative"  # what baseline_severity and grade_change are graded on
ORDINAL = "ordinal grades"
GRADES = ["grade_before", "grade_after"]
RAW, SEVERITY_AND_CHANGE = {"scale", "scale_score"}, {"baseline_severity", "grade_change"}


def has_grades(cohort: Cohort) -> bool:
    """Tell whether the table has columns that hold grades before and after."""
    return any(set(cohort.data) >= need for need in (RAW, SEVERITY_AND_CHANGE))


def graded_sites(question: Question) -> tuple[Scale, Grades] | None:
    """Return the sites of a claim with their grades, known or not, and the scale they are on.

    Raw scores on an ordinal scale come first; else the severity before and the change of grade.
    None where the table has neither.
    """
    return _on_scale(question) or _on_severity(question)


def arms_of(question: Question) -> dict[str, Mapping[str, Sequence[str]]]:
    """Return the arms whose grades stand beside a claim, by name."""
    if question.claim.analysis == "level":
        return {"needled": NEEDLED}
    arms = {"needling alone": question.needled}
    if question.cohort.study.limit("between_groups") is None:
        arms["untreated"] = UNTREATED
    return arms


def complete(rows: Grades) -> Grades:
    """Keep the sites with two whole grades."""
    grades = rows[GRADES].astype("float64")
    return rows[grades.notna().all(axis=1) & (grades == np.floor(grades)).all(axis=1)]


def _on_scale(question: Question) -> tuple[Scale, Grades] | None:
    """Return the sites graded on the ordinal scale that most sites have both scores on."""
    data = question.cohort.data
    if not set(data) >= RAW:
        return None
    scored = data[data["scale_score"].notna() & data["scale"].notna()]
    known = {word: scale_of(word) for word in sorted(scored["scale"].unique())}
    named = scored["scale"].map({w: s.name for w, s in known.items() if s and s.type == ORDINAL})
    best: tuple[Scale, Grades] | None = None
    for name in (n for n in registry() if named.eq(n).any()):
        pairs = before_after(scored[named.eq(name)], "scale_score")
        pairs = pairs.assign(grade_before=pairs["before"], grade_after=pairs["scale_score"])
        own = _of_claim(question, pairs)
        if n_patients(complete(own)) >= MIN_PATIENTS and (
            best is None or len(complete(own)) > len(complete(best[1]))
        ):
            best = registry()[name], own
    return best


def _on_severity(question: Question) -> tuple[Scale, Grades] | None:
    sites = question.sites
    if not set(sites) >= SEVERITY_AND_CHANGE:
        return None
    before = sites["baseline_severity"].astype("float64")
    after = before - sites["grade_change"].astype("float64")
    graded = sites.assign(grade_before=before, grade_after=after)
    return registry()[SEVERITY], _of_claim(question, graded)


def _of_claim(question: Question, sites: pd.DataFrame) -> Grades:
    """Return every site that the claim is about, with its arm; unknown grades stay in."""
    everything = question.sites[["patient_id", "site_id"]].merge(
        sites[["patient_id", "site_id", *GRADES]], how="left"
    )
    described = question.sites.drop(columns=GRADES, errors="ignore")
    kept = scar_type_filter(described.merge(everything), question.params)
    frames = [select_arm(kept, arm).assign(arm=label) for label, arm in arms_of(question).items()]
    return pd.concat(frames, ignore_index=True)[["patient_id", "arm", *GRADES]]
