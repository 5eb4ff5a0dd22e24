"""The week whose assessments count, and the assessment of each site at it.

The week is the one a plan declares, or the latest at which most sites were seen: which that is
follows from who was assessed when, never from what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mnstudy.cohort.study.plan import Plan

MOST, HALF = 0.8, 0.5  # of the sites of an arm
SHARE, LEAST = 0.25, 1.0  # of the week to either side, and weeks, where visits are irregular


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalWeek:
    """The week whose assessments count.

    Attributes
    ----------
    week, low, high : float
        The week and its window; an assessment nearest to the week within it stands for a site.
        nan where the table has no weeks: the last assessment counts.
    chosen : str
        ``declared`` by the plan, by ``rule`` (the latest at which 80 % of the sites of every arm
        were assessed), ``best`` (no week reaches that: the one of the largest smallest share),
        ``none`` (that share is under a half) or ``last`` (no weeks).
    seen : mapping of str to (int, int)
        How many sites of each arm were assessed then, and how many there are.
    earlier : tuple of float
        The weeks of the visits after baseline and before the window, where visits are regular.
    """

    week: float
    low: float
    high: float
    chosen: str
    seen: Mapping[str, tuple[int, int]]
    earlier: tuple[float, ...] = ()

    @property
    def least(self) -> float:
        """Smallest share, over the arms, of sites assessed then."""
        return min((there / all_ for there, all_ in self.seen.values()), default=1.0)


LAST = FinalWeek(week=np.nan, low=-np.inf, high=np.inf, chosen="last", seen={})


def final_week(known: pd.DataFrame, arms: Mapping[str, pd.MultiIndex], plan: Plan) -> FinalWeek:
    """Choose the week whose assessments count.

    Parameters
    ----------
    known : DataFrame
        patient_id, site_id and weeks of the assessments after baseline with a known outcome.
    arms : mapping of str to MultiIndex
        The sites (patient_id, site_id) enrolled in each of the compared arms.
    plan : Plan
        Its ``final_week`` and ``window_weeks``, where declared.

    Returns
    -------
    FinalWeek

    Notes
    -----
    Visits are regular where there are no more different weeks than a site was seen at most; the
    window of one of them then reaches half-way to its neighbours (week 0 counts as one). Otherwise
    it is a quarter of the week, at least one week, to either side.

    Examples
    --------
    >>> seen = pd.DataFrame({"patient_id": list("aabb"), "site_id": "one", "weeks": [4, 12, 4, 12]})
    >>> sites = pd.MultiIndex.from_frame(seen[["patient_id", "site_id"]].drop_duplicates())
    >>> found = final_week(seen, {"needled": sites}, Plan())
    >>> found.week, found.low, found.high, found.chosen
    (12.0, 8.0, 16.0, 'rule')
    """
    seen = known[known["weeks"].notna()]
    weeks = seen["weeks"].to_numpy(dtype="float64")
    site = pd.MultiIndex.from_frame(seen[["patient_id", "site_id"]])
    places = {name: sites.get_indexer(site) for name, sites in arms.items() if len(sites)}
    visits = np.unique(np.append(weeks[weeks > 0], 0.0))
    regular = len(visits) - 1 <= site.value_counts().max() if len(seen) else False

    def at(week: float, chosen: str) -> FinalWeek:
        low, high = _window(week, visits if regular else visits[:0], plan.window_weeks)
        inside = (weeks >= low) & (weeks <= high)
        there = {
            name: (len(np.unique(place[inside & (place >= 0)])), len(arms[name]))
            for name, place in places.items()
        }
        earlier = visits[(visits > 0) & (visits < low)] if regular else visits[:0]
        return FinalWeek(
            week=week,
            low=low,
            high=high,
            chosen=chosen,
            seen=there,
            earlier=tuple(earlier.tolist()),
        )

    if plan.final_week is not None:
        return at(plan.final_week, "declared")
    every = [at(float(w), "rule") for w in visits[:0:-1]]
    if not every or not places:
        return LAST
    for found in every:
        if found.least >= MOST:
            return found
    best = max(every, key=lambda found: found.least)
    return replace(best, chosen="best" if best.least >= HALF else "none")


def _window(week: float, visits: np.ndarray, declared: float | None) -> tuple[float, float]:
    """Return the ends of the window of a week; ``visits`` are the weeks of regular visits."""
    if declared is not None:
        return week - declared, week + declared
    if week not in visits:
        reach = max(LEAST, SHARE * week)
        return week - reach, week + reach
    place = int(np.searchsorted(visits, week))
    before = (week - visits[place - 1]) / 2
    after = (visits[place + 1] - week) / 2 if place + 1 < len(visits) else before
    return float(week - before), float(week + after)


def nearest_rows(rows: pd.DataFrame, week: FinalWeek) -> pd.DataFrame:
    """Return the row of each site that is nearest to the week, of two as near the earlier one.

    Of rows without weeks the last: by session, then by weeks since the last session.
    """
    if week.chosen == "last":
        keys = [k for k in ("weeks", "session_count", "weeks_since_last_session") if k in rows]
        ordered = rows.sort_values(keys, kind="stable", na_position="first")
        return ordered.drop_duplicates(["patient_id", "site_id"], keep="last")
    weeks = rows["weeks"].astype("float64")
    inside = rows[weeks.between(week.low, week.high)]
    weeks = weeks[inside.index]
    keys = [k for k in ("session_count", "weeks_since_last_session") if k in rows]
    ordered = inside.assign(_away=(weeks - week.week).abs().round(9), _week=weeks)
    ordered = ordered.sort_values(keys, kind="stable", ascending=False)
    ordered = ordered.sort_values(["_away", "_week"], kind="stable")
    first = ordered.drop_duplicates(["patient_id", "site_id"])
    return first.drop(columns=["_away", "_week"])


def visit_rows(rows: pd.DataFrame, week: FinalWeek) -> pd.DataFrame:
    """Return the rows of each site at the visits up to the week, which is in ``visit``.

    The row at the week itself is the nearest to it; of two rows at an earlier visit the last.
    """
    before = rows[rows["weeks"].isin(week.earlier)]
    keys = [k for k in ("session_count", "weeks_since_last_session") if k in rows]
    before = before.sort_values(keys, kind="stable", na_position="first")
    before = before.drop_duplicates(["patient_id", "site_id", "weeks"], keep="last")
    final = nearest_rows(rows, week).assign(visit=week.week)
    return pd.concat([before.assign(visit=before["weeks"].astype("float64")), final])
