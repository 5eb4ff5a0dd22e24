"""From grade to grade: how many sites went from which grade before to which one at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.scales import Scale
from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small
from mnstudy.cohort.table import Cohort
from mnstudy.stats.ordinal_transitions import Better, grade_transitions
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    n_patients,
)
from mnstudy.verdicts.disclosure import safe
from mnstudy.verdicts.displays.graded_sites import (
    GRADES,
    Grades,
    arms_of,
    complete,
    graded_sites,
    has_grades,
)
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.displays.withholding import withheld_transitions
from mnstudy.verdicts.finding import Finding

LEAST_SHOWN = 0.5  # share of the sites in totals that are shown; a flow of less tells too little
UNKNOWN = "not known"
CLEAR = "0 clear"  # below the mildest grade: authors give it where no scar is left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradeTable:
    """The transitions of one arm, safe to show.

    Attributes
    ----------
    label : str
    counts : DataFrame
        Sites by grade before (rows) and after (columns), each with "total"; nan where withheld.
    words : DataFrame of str
        What stands in each cell: the count, ``<5`` or ``not shown``.
    size : str
        Patients and sites with both grades known, as it may be shown.
    missing : str
        Sites of the arm without one of them, or between two grades, likewise; empty where there
        are none.
    """

    label: str
    counts: pd.DataFrame
    words: pd.DataFrame
    size: str
    missing: str


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
    too_few : tuple of str
        Arms of a real cohort left out because nearly all of their cells are withheld.
    single : bool
        True for a synthetic cohort, where nothing is withheld.
    """

    finding: Finding
    scale: str
    better: Better
    names: Mapping[int, str]
    arms: tuple[GradeTable, ...]
    too_few: tuple[str, ...]
    single: bool


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
        and where fewer than five needled patients have both grades, or nearly all their
        cells are withheld.

    Notes
    -----
    Grades are raw scores on an ordinal scale, at baseline and at the last assessment of the site
    that has one; where there are none, ``baseline_severity`` and that minus ``grade_change``.
    Sites without both, or with a score between two grades, are counted in ``n_missing``. They need
    not be the sites behind the estimate: a grade is no percentage.

    In a real cohort a cell of fewer than five patients is withheld, with whatever would give it
    away, see ``withheld_transitions``.
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
    levels = _levels(scale, list(arms.values()))
    better: Better = "lower" if scale.better == "lower" else "higher"
    tables = {k: _table(k, own, levels, better, cohort.synthetic) for k, own in arms.items()}
    shown = {k: t for k, t in tables.items() if _tells(t, len(complete(arms[k])))}
    if next(iter(named)) not in shown:  # a flow of untreated sites alone tests nothing
        return None
    return GradeFlow(
        finding=safe(finding),
        scale=scale.name,
        better=better,
        names=_names(scale, levels),
        arms=tuple(shown.values()),
        too_few=tuple(k for k in tables if k not in shown),
        single=cohort.synthetic,
    )


def _tells(table: GradeTable, sites: int) -> bool:
    """Tell whether a flow has a band to show, and totals that hold most of the sites."""
    counts = np.nan_to_num(table.counts.to_numpy())
    totals = float(counts[-1, :-1].sum() + counts[:-1, -1].sum())
    return bool(counts[:-1, :-1].any()) and totals >= 2 * LEAST_SHOWN * sites


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


def _table(
    label: str, rows: Grades, levels: Sequence[int], better: Better, single: bool
) -> GradeTable:
    whole = complete(rows)
    whole = whole.assign(**{c: whole[c].astype(int) for c in GRADES})
    before, after = (whole[c].to_numpy() for c in GRADES)
    counts = grade_transitions(before, after, levels, better=better).counts
    lost = rows.drop(whole.index)
    hidden = counts.map(lambda _: "")
    if not single:
        hidden = _withheld(whole, n_patients(lost), counts, better)
    few = not single and is_small(n_patients(lost))
    return GradeTable(
        label=label,
        counts=counts.astype("float64").where(hidden.eq("")),
        words=counts.map("{:,}".format).where(hidden.eq(""), hidden),
        size=_size(whole, n_patients(rows) if few else 0),
        missing="" if lost.empty else FEW if few else fmt.count(len(lost), "site"),
    )


def _size(whole: Grades, of: int) -> str:
    """Write how many have both grades; where they are all but a few of so many, only that."""
    if of:
        return f">{max(of - THRESHOLD, THRESHOLD - 1):,} patients"
    return f"{fmt.count(n_patients(whole), 'patient')}, {fmt.count(len(whole), 'site')}"


def _withheld(whole: Grades, lost: int, counts: pd.DataFrame, better: Better) -> pd.DataFrame:
    """Say what stands in place of each cell, judged by its patients, those without grades too."""
    people = _people(whole, counts)
    if not lost:
        return withheld_transitions(people, better)
    # they are one more grade that nobody comes from or goes to: all of an arm is known elsewhere
    apart = [*counts.index[:-1], UNKNOWN, "total"]
    people = people.reindex(index=apart, columns=apart, fill_value=0)
    for cell in ((UNKNOWN, UNKNOWN), (UNKNOWN, "total"), ("total", UNKNOWN)):
        people.loc[cell] = lost
    people.loc["total", "total"] += lost
    hidden = withheld_transitions(people, better)
    if hidden.loc[UNKNOWN, "total"]:  # with those without grades goes the number of the others
        hidden.loc["total", "total"] = NOT_SHOWN
    return hidden.drop(index=UNKNOWN, columns=UNKNOWN)


def _people(whole: Grades, counts: pd.DataFrame) -> pd.DataFrame:
    """Return the patients in each cell of a table of sites, its totals included."""
    people = counts.copy()
    for before in counts.index:
        for after in counts.columns:
            own = whole
            own = own if before == "total" else own[own["grade_before"] == before]
            own = own if after == "total" else own[own["grade_after"] == after]
            people.loc[before, after] = n_patients(own)
    return people
