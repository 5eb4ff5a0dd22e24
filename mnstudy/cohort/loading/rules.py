"""Study rules: what must hold between the columns and rows of a sheet."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mnstudy.cohort.schema.problems import Problem
from mnstudy.cohort.table import is_baseline

NEEDLED = ("needling", "rf_needling", "combination")
UNIT = ["patient_id", "site_id"]


def check(data: pd.DataFrame) -> list[Problem]:
    """Return every broken study rule of a typed table whose index is the row of the sheet."""
    return [problem for rule in _RULES for problem in rule(data)]


def _depth_only_where_needled(data: pd.DataFrame) -> list[Problem]:
    treatment = data["treatment"].astype("str")
    bad = data["needle_depth_mm"].gt(0) & data["treatment"].notna() & ~treatment.isin(NEEDLED)
    return [
        Problem(
            row=int(row),
            column="needle_depth_mm",
            value=f"{data.at[row, 'needle_depth_mm']:g}",
            rule=f"0 or empty for {treatment[row]}",
            remedy="empty the depth, or correct the treatment",
        )
        for row in data.index[bad]
    ]


def _duplicate_visits(data: pd.DataFrame) -> list[Problem]:
    clock = [c for c in ("session_count", "weeks", "weeks_since_last_session") if c in data]
    key = data[[*UNIT, *clock]].astype(dict.fromkeys(clock, "float64"))
    first = key.reset_index().groupby([*UNIT, *clock], dropna=False, sort=False)
    first_row = pd.Series(first["index"].transform("first").to_numpy(), index=data.index)
    again = key.duplicated(keep="first") & data["patient_id"].notna()
    return [
        Problem(
            row=int(row),
            column="patient_id",
            value=str(data.at[row, "patient_id"]),
            rule="one row per visit",
            remedy=f"same patient, site and visit as row {first_row[row]}: remove one, or give the "
            "site or the week",
        )
        for row in data.index[again]
    ]


def _sessions_never_fall(data: pd.DataFrame) -> list[Problem]:
    if "weeks" not in data:
        return []
    known = data[data["weeks"].notna() & data["session_count"].notna()]
    ordered = known.sort_values("weeks", kind="stable")
    sessions = ordered["session_count"].astype("float64")
    by_site = [ordered[c] for c in UNIT]
    before = sessions.groupby(by_site).cummax().groupby(by_site).shift()
    bad = sessions < before
    return [
        Problem(
            row=int(row),
            column="session_count",
            value=str(data.at[row, "session_count"]),
            rule="never falls with time",
            remedy=f"an earlier week of this site already has {before[row]:g}",
        )
        for row in ordered.index[bad].sort_values()
    ]


def _every_site_named(data: pd.DataFrame) -> list[Problem]:
    return [
        Problem(
            row=int(row),
            column="site_id",
            rule="a name for every treated site",
            remedy="write left, right, forehead or the like; with one site a patient leave the "
            "whole column out",
        )
        for row in data.index[data["site_id"].isna()]
    ]


def _one_treatment_a_site(data: pd.DataFrame) -> list[Problem]:
    first = data.groupby(UNIT, observed=True)["treatment"].transform("first")
    known = data["treatment"].notna() & data[UNIT].notna().all(axis=1)
    bad = known & (data["treatment"].astype("str") != first.astype("str"))
    return [
        Problem(
            row=int(row),
            column="treatment",
            value=str(data.at[row, "treatment"]),
            rule="one treatment per site",
            remedy=f"other rows of this site say {first[row]}: give a second site its own site_id",
        )
        for row in data.index[bad]
    ]


def _baseline_is_zero(data: pd.DataFrame) -> list[Problem]:
    bad = is_baseline(data) & data["improvement_score"].fillna(0).ne(0)
    return [
        Problem(
            row=int(row),
            column="improvement_score",
            value=f"{data.at[row, 'improvement_score']:g}",
            rule="0 at baseline",
            remedy="improvement is measured from baseline: write 0 or leave it empty",
        )
        for row in data.index[bad]
    ]


def _interval_holds_score(data: pd.DataFrame) -> list[Problem]:
    if not {"improvement_low", "improvement_high"} <= set(data.columns):
        return []
    low, high, score = (data[f"improvement_{x}"] for x in ("low", "high", "score"))
    half = low.notna() ^ high.notna()
    outside = (low > high) | (score < low) | (score > high)
    rule = "low <= score <= high, and low and high both or neither"
    return [
        Problem(
            row=int(row),
            column="improvement_low",
            value=f"{low[row]:g} to {high[row]:g}",
            rule=rule,
            remedy="correct the ends of the interval",
        )
        for row in data.index[half | outside]
    ]


_RULES: tuple[Callable[[pd.DataFrame], list[Problem]], ...] = (
    _depth_only_where_needled,
    _duplicate_visits,
    _sessions_never_fall,
    _every_site_named,
    _one_treatment_a_site,
    _baseline_is_zero,
    _interval_holds_score,
)
