"""Who was lost on the way: patients and sites at every step, by arm; counts only."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.table import OUTCOMES, UNIT, Cohort, is_baseline

ALL = "all"
ENROLLED, BASELINE, ASSESSED, KNOWN, UNSURE, LATE = (
    "enrolled", "baseline", "assessed", "known", "unsure", "late"
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
        result known; last assessment unknown; and, where the plan declares a final week, not
        assessed at that week or later.

    Notes
    -----
    Assessed means a row after baseline with a known outcome (score, interval or grades). A patient
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
    steps = _steps(cohort, sites)
    site = pd.MultiIndex.from_frame(data[UNIT])
    arm = pd.Series(arm_words(sites).reindex(site).to_numpy(), index=data.index)
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
    """Tell which sites were lost: their planned final assessment is missing.

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
    Where the plan declares ``final_week`` and the table has ``weeks``: no known outcome at that
    week or later; a row of unknown week does not count as late. Otherwise: the last assessment of
    the site has no known outcome, or there is none after baseline.
    """
    sites = cohort.sites() if sites is None else sites
    lost = lost_by_site(cohort, sites).to_numpy()
    return pd.Series(lost, index=sites.index, name="lost")


def lost_by_site(cohort: Cohort, sites: pd.DataFrame) -> pd.Series:
    """Return ``lost_sites`` of these final assessments, indexed by patient_id and site_id."""
    data, week = cohort.data, cohort.study.plan.final_week
    index = pd.MultiIndex.from_frame(sites[UNIT])
    if week is None or "weeks" not in data:
        nothing = ~known_outcome(sites) | is_baseline(sites)
        return pd.Series((nothing | sites["later_unknown"].gt(0)).to_numpy(dtype=bool), index=index)
    late = known_outcome(data) & data["weeks"].ge(week).fillna(False).astype(bool)
    seen = pd.MultiIndex.from_frame(data.loc[late, UNIT])
    return pd.Series(~index.isin(seen), index=index)


def known_outcome(data: pd.DataFrame) -> pd.Series:
    """Tell which rows have a known improvement: score, interval or grades."""
    return data[[c for c in OUTCOMES if c in data]].notna().any(axis=1)


def arm_words(sites: pd.DataFrame) -> pd.Series:
    """Say in words what each of these sites received, indexed by patient_id and site_id."""
    words = sites["treatment"].astype("object").where(sites["treatment"].notna(), "not known")
    words = words.astype("str").str.replace("_", " ")
    if "adjunct" in sites:
        adjunct = sites["adjunct"].astype("object")
        added = " with " + adjunct.astype("str").str.replace("_", " ")
        words = words + added.where(adjunct.notna() & adjunct.ne("none"), "")
    return pd.Series(words.to_numpy(), index=pd.MultiIndex.from_frame(sites[UNIT]))


def _steps(cohort: Cohort, sites: pd.DataFrame) -> list[tuple[str, str, str, pd.Series]]:
    """Return stage, sessions and name of every step, and which rows reached it."""
    data, week = cohort.data, cohort.study.plan.final_week
    baseline = is_baseline(data)
    assessed = known_outcome(data) & ~baseline
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
    steps.append((KNOWN, "", "result known", assessed))
    unsure = pd.MultiIndex.from_frame(sites.loc[sites["later_unknown"].gt(0), UNIT])
    there = pd.Series(site.isin(unsure), index=data.index)
    steps.append((UNSURE, "", "last assessment unknown", there))
    if week is not None and "weeks" in data:
        lost = lost_by_site(cohort, sites)
        there = pd.Series(site.isin(lost.index[lost]), index=data.index)
        steps.append((LATE, "", f"not assessed at week {week:g} or later", there))
    return steps
