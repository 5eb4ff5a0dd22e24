"""From grade to grade: how many sites went from which grade before to which one at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from mnstudy.cohort.scales import Scale, registry, scale_of
from mnstudy.cohort.table import Cohort
from mnstudy.stats.ordinal.transitions import Better, grade_transitions
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    NEEDLED,
    before_after,
    n_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.finding.finding import Finding

Grades: TypeAlias = pd.DataFrame  # patient_id, arm, grade_before, grade_after: one row a site
SEVERITY = "Goodman-Baron qualitative"  # what baseline_severity and grade_change are graded on
ORDINAL = "ordinal grades"
GRADES = ["grade_before", "grade_after"]
RAW, SEVERITY_AND_CHANGE = {"scale", "scale_score"}, {"baseline_severity", "grade_change"}
CLEAR = "0 clear"  # below the mildest grade: authors give it where no scar is left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradeTable:
    """The transitions of one arm.

    Attributes
    ----------
    label : str
    counts : DataFrame
        Sites by grade before (rows) and after (columns), each with "total".
    n_patients, n_sites : int
        With both grades.
    n_missing : int
        Sites without one of the grades, or between two grades.
    """

    label: str
    counts: pd.DataFrame
    n_patients: int
    n_sites: int
    n_missing: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradeFlow:
    """Transitions between grades beside a finding.

    Attributes
    ----------
    finding : Finding
        The claim whose sites these are; its estimate is not one of grades.
    scale : str
    better : {"lower", "higher"}
    names : mapping of int to str
        Every grade, lowest first, as the scale calls it.
    arms : tuple of GradeTable
        Needled, and untreated where five patients or more have both grades.
    """

    finding: Finding
    scale: str
    better: Better
    names: Mapping[int, str]
    arms: tuple[GradeTable, ...]


def grade_flow(cohort: Cohort, finding: Finding) -> GradeFlow | None:
    """Count the sites of a claim by grade before and at the final assessment.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding

    Returns
    -------
    GradeFlow or None
        None for claims that are neither of improvement nor of grade_change, that are not testable,
        and where fewer than five needled patients have both grades.

    Notes
    -----
    Grades are raw scores on an ordinal scale, at baseline and at the last assessment of the site
    that has one; where there are none, ``baseline_severity`` and that minus ``grade_change``.
    Sites without both, or with a score between two grades, are counted in ``n_missing``. They need
    not be the sites behind the estimate: a grade is no percentage.
    """
    if finding.claim.analysis not in ("improvement", "level") or not has_grades(cohort):
        return None
    question = question_of(cohort, finding)
    if question is None or not _about_grades(question):
        return None
    found = graded_sites(question)
    if found is None:
        return None
    scale, graded = found
    named = {label: graded[graded["arm"].eq(label)] for label in arms_of(question)}
    arms = {k: own for k, own in named.items() if n_patients(complete(own)) >= MIN_PATIENTS}
    if next(iter(named)) not in arms:  # a flow of untreated sites alone tests nothing
        return None
    levels = _levels(scale, list(arms.values()))
    better: Better = "lower" if scale.better == "lower" else "higher"
    return GradeFlow(
        finding=finding,
        scale=scale.name,
        better=better,
        names=_names(scale, levels),
        arms=tuple(_table(k, own, levels, better) for k, own in arms.items()),
    )


def _about_grades(question: Question) -> bool:
    if question.claim.analysis == "improvement":
        return True
    return question.claim.analysis == "level" and question.params.get("outcome") == "grade_change"


def _levels(scale: Scale, frames: Sequence[Grades]) -> tuple[int, ...]:
    """Return every grade of the scale, and those beyond it that occur."""
    found = {int(x) for f in frames for x in complete(f)[GRADES].stack()}
    return tuple(sorted(found | set(range(int(scale.low), int(scale.high) + 1))))


def _names(scale: Scale, levels: Sequence[int]) -> dict[int, str]:
    words = {item.split(" ")[0]: item for item in scale.items if item[:1].isdigit()}
    usual = {"0": CLEAR} if words and "0" not in words else {}
    return {x: (usual | words).get(str(x), str(x)) for x in levels}


def _table(label: str, rows: Grades, levels: Sequence[int], better: Better) -> GradeTable:
    whole = complete(rows)
    whole = whole.assign(**{c: whole[c].astype(int) for c in GRADES})
    before, after = (whole[c].to_numpy() for c in GRADES)
    counts = grade_transitions(before, after, levels, better=better).counts
    return GradeTable(
        label=label,
        counts=counts,
        n_patients=n_patients(whole),
        n_sites=len(whole),
        n_missing=len(rows) - len(whole),
    )


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
    arms = dict(zip(question.arm_names, (question.needled, question.control), strict=True))
    if question.cohort.study.limit("between_groups") is not None:
        del arms[question.arm_names[1]]
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
        pairs = before_after(scored[named.eq(name)], "scale_score", question.week)
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
