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
from mnstudy.words.notes import Note, note

_REMARKS = {"declared": "week_declared", "stated": "week_stated", "rule": "week_rule",
            "best": "week_best"}  # fmt: skip

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
        ``declared`` by the plan, ``stated`` by the claim itself, by ``rule`` (the latest at which
        80 % of the sites of every arm were assessed), ``best`` (no week reaches that: the one of
        the largest smallest share), ``none`` (that share is under a half) or ``last`` (no weeks).
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
    def remark(self) -> Note | None:
        """Say which week counts and why; None where none does, or only the last assessment."""
        kind = _REMARKS.get(self.chosen)
        if kind is None:
            return None
        return note(kind, week=self.week, low=self.low, high=self.high)

    @property
    def least(self) -> float:
        """Smallest share, over the arms, of sites assessed then."""
        return min((there / all_ for there, all_ in self.seen.values()), default=1.0)


LAST = FinalWeek(week=np.nan, low=-np.inf, high=np.inf, chosen="last", seen={})


def final_week(
    weeks: np.ndarray, site: np.ndarray, arms: Mapping[str, np.ndarray], plan: Plan
) -> FinalWeek:
    """Choose the week whose assessments count.

    Parameters
    ----------
    weeks, site : array of shape (n,)
        Weeks of the assessments after baseline with a known outcome, nan where not known, and the
        numbers of their sites.
    arms : mapping of str to array
        The numbers of the sites enrolled in each of the compared arms.
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
    >>> weeks, site = np.array([4, 12, 4, 12]), np.array([0, 0, 1, 1])
    >>> found = final_week(weeks, site, {"needled": np.array([0, 1])}, Plan())
    >>> found.week, found.low, found.high, found.chosen
    (12.0, 8.0, 16.0, 'rule')
    """
    site, weeks = site[~np.isnan(weeks)], weeks[~np.isnan(weeks)]
    enrolled = {name: sites for name, sites in arms.items() if len(sites)}
    visits = np.unique(np.append(weeks[weeks > 0], 0.0))
    regular = len(visits) - 1 <= np.bincount(site).max() if len(site) else False

    def at(week: float, chosen: str) -> FinalWeek:
        low, high = _window(week, visits if regular else visits[:0], plan.window_weeks)
        inside = site[(weeks >= low) & (weeks <= high)]
        there = {n: (int(np.isin(own, inside).sum()), len(own)) for n, own in enrolled.items()}
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
    every = []
    for week in visits[:0:-1]:
        every.append(at(float(week), "rule"))
        if every[-1].least >= MOST and enrolled:
            return every[-1]
    if not every or not enrolled:
        return LAST
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


def site_numbers(rows: pd.DataFrame) -> np.ndarray:
    """Return a number from 0 for the site of each row, by patient and site."""
    (patient, _), (site, names) = (
        pd.factorize(rows[c], sort=True, use_na_sentinel=False) for c in ("patient_id", "site_id")
    )
    return np.unique(patient * len(names) + site, return_inverse=True)[1]


def nearest_rows(rows: pd.DataFrame, week: FinalWeek) -> pd.DataFrame:
    """Return the row of each site that is nearest to the week, by patient and site.

    Of two as near the earlier one. Of rows without weeks the last: by session, then by weeks since
    the last session.
    """
    return rows.iloc[nearest_places(rows, week, site_numbers(rows))]


def nearest_places(
    rows: pd.DataFrame, week: FinalWeek, site: np.ndarray, among: np.ndarray | None = None
) -> np.ndarray:
    """Return the place of the nearest row, ``among`` those, of each site that has one.

    By ``site``, the number of the site of each row.
    """
    later = [numbers(rows, k) for k in ("session_count", "weeks_since_last_session") if k in rows]
    if week.chosen == "last":
        times = [numbers(rows, "weeks"), *later] if "weeks" in rows else later
        keys = [np.nan_to_num(t, nan=-np.inf) for t in times] or [np.zeros(len(rows))]
        order = np.lexsort(keys[::-1])[::-1]
    else:
        weeks = numbers(rows, "weeks")
        away = np.round(np.abs(weeks - week.week), 9)
        order = np.lexsort([-t for t in later[::-1]] + [weeks, away])
        order = order[(weeks[order] >= week.low) & (weeks[order] <= week.high)]
    if among is not None:
        order = order[among[order]]
    return order[np.unique(site[order], return_index=True)[1]]


def numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of numbers, nan where not known."""
    return rows[name].to_numpy(dtype="float64", na_value=np.nan)


def visit_rows(rows: pd.DataFrame, week: FinalWeek) -> pd.DataFrame:
    """Return the rows of each site at the visits up to the week, which is in ``visit``.

    The row at the week itself is the nearest to it; of two rows at an earlier visit the last.
    """
    weeks, site = numbers(rows, "weeks"), site_numbers(rows)
    places = [nearest_places(rows, LAST, site, weeks == early) for early in week.earlier]
    places.append(nearest_places(rows, week, site))
    visit = np.repeat([*week.earlier, week.week], [len(own) for own in places])
    return rows.iloc[np.concatenate(places)].assign(visit=visit)
