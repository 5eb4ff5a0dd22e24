"""Who was lost on the way: patients and sites at every step, by arm; counts only."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from mnstudy.cohort.table import UNIT, Cohort, is_baseline, known_outcome

ALL = "all"
ENROLLED, BASELINE, ASSESSED, KNOWN, LATE = (
    "enrolled", "baseline", "assessed", "known", "late"
)  # fmt: skip
COLUMNS = ["arm", "step", "patients", "sites", "share"]


def attrition(cohort: Cohort) -> pd.DataFrame:
    """Count the patients and sites left at every step of the study, by arm.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    DataFrame
        arm (what the site received, in words; ``all`` for everybody), step, patients, sites, and
        share: sites of the step among the sites enrolled in that arm, 0 to 1. The steps are
        enrolled (any row); seen at baseline; assessed after k sessions, for every k that occurs;
        result known, and where the table has weeks at which week; and not assessed at that week.

    Notes
    -----
    Assessed means a row after baseline with a known outcome (score, interval or grades; where
    nobody has these, a measure of the study's own). A patient
    with sites in several arms counts in each of them, once in all. Nothing is left out: sites
    whose treatment or number of sessions is not known are counted under that name. See
    ``lost_sites`` for who counts as lost.

    Examples
    --------
    >>> import mnstudy as mn
    >>> table = attrition(mn.load("demo_split_face"))
    >>> table.loc[table["arm"] == "all", ["step", "patients", "sites"]].head(2)
                   step  patients  sites
    0          enrolled        40     80
    1  seen at baseline        40     80
    """
    return flow(cohort)[COLUMNS]


def flow(cohort: Cohort) -> pd.DataFrame:
    """Return ``attrition`` with what each step is: its stage, and after how many sessions.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    DataFrame
        arm, stage (enrolled, baseline, assessed, known, unsure, late), after (sessions in words
        for those assessed after so many, else empty), step, patients, sites, share.
    """
    data, sites = cohort.data, cohort.sites()
    steps = flow_steps(cohort, sites)
    site = pd.MultiIndex.from_frame(data[UNIT])
    arm = pd.Series(arm_words(sites, cohort.study.arms).reindex(site).to_numpy(), index=data.index)
    arms = [ALL, *sorted(arm.unique())] if arm.nunique() > 1 else [ALL]
    rows = []
    for name in arms:
        inside = pd.Series(True, index=data.index) if name == ALL else arm == name
        enrolled = len(data.loc[inside, UNIT].drop_duplicates())
        for stage, after, step, there in steps:
            kept = data.loc[there & inside, UNIT].drop_duplicates()
            share = len(kept) / enrolled
            patients = kept["patient_id"].nunique()
            rows.append([name, stage, after, step, patients, len(kept), share])
    return pd.DataFrame(rows, columns=["arm", "stage", "after", *COLUMNS[1:]])


def lost_sites(cohort: Cohort, sites: pd.DataFrame | None = None) -> pd.Series:
    """Tell which sites were lost: they have no known improvement at the final week.

    Parameters
    ----------
    cohort : Cohort
    sites : DataFrame, optional
        ``cohort.sites()``, where it is at hand already.

    Returns
    -------
    Series of bool
        Named ``lost``, indexed like ``cohort.sites()``.

    Notes
    -----
    The final week is that of the plan, or chosen by rule: see ``Cohort.sites``. Without weeks a
    site is lost that has no known improvement after baseline.
    """
    sites = cohort.sites() if sites is None else sites
    return (~known_outcome(sites, cohort.outcomes) | is_baseline(sites)).astype(bool).rename("lost")


def lost_by_site(cohort: Cohort, sites: pd.DataFrame) -> pd.Series:
    """Return ``lost_sites`` of these final assessments, indexed by patient_id and site_id."""
    lost = lost_sites(cohort, sites)
    return pd.Series(lost.to_numpy(), index=pd.MultiIndex.from_frame(sites[UNIT]))


def arm_words(sites: pd.DataFrame, own: Mapping[str, str]) -> pd.Series:
    """Say in words what each of these sites received, indexed by patient_id and site_id.

    ``own`` are the names that the study file gives to words of the contract.
    """
    words = sites["treatment"].astype("object").where(sites["treatment"].notna(), "not known")
    words = words.map(lambda word: own.get(word, word.replace("_", " ")))
    if "adjunct" in sites:
        adjunct = sites["adjunct"].astype("object")
        names = {**own, "other": "other"}  # the word of [arms] is that of a treatment
        added = " with " + adjunct.astype("str").map(lambda w: names.get(w, w.replace("_", " ")))
        words = words + added.where(adjunct.notna() & adjunct.ne("none"), "")
    return pd.Series(words.to_numpy(), index=pd.MultiIndex.from_frame(sites[UNIT]))


def flow_steps(cohort: Cohort, sites: pd.DataFrame) -> list[tuple[str, str, str, pd.Series]]:
    """Return stage, sessions and name of every step, and which rows reached it."""
    data = cohort.data
    baseline = is_baseline(data)
    assessed = known_outcome(data, cohort.outcomes) & ~baseline
    site = pd.MultiIndex.from_frame(data[UNIT])
    steps = [
        (ENROLLED, "", "enrolled", pd.Series(True, index=data.index)),
        (BASELINE, "", "seen at baseline", baseline),
    ]
    count = data["session_count"]
    for k in sorted(int(x) for x in count[assessed].dropna().unique()):
        after = "no session" if k == 0 else "1 session" if k == 1 else f"{k} sessions"
        there = assessed & count.eq(k).fillna(False).astype(bool)
        steps.append((ASSESSED, after, f"assessed after {after}", there))
    if count[assessed].isna().any():
        steps.append((ASSESSED, "", "assessed, sessions not known", assessed & count.isna()))
    week, lost = cohort.final_week(), lost_by_site(cohort, sites)
    known = pd.Series(site.isin(lost.index[~lost]), index=data.index)
    if math.isnan(week.week):
        return [*steps, (KNOWN, "", "result known", known)]
    steps.append((KNOWN, "", f"result known at week {week.week:g}", known))
    return [*steps, (LATE, "", f"not assessed at week {week.week:g}", ~known)]
