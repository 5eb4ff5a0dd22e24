"""How soon a result comes, known only to lie between two visits, and how long it lasts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy.stats.counts.proportions import clustered_proportion
from mnstudy.stats.missing.interval_censored import ShareBy, share_by, turnbull
from mnstudy.verdicts.analyses import contrasts, model
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    UNIT,
    Answer,
    NotTestable,
    Question,
    after_a_session,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.finding.finding import Estimate, interval_of
from mnstudy.words.notes import Count, Note, note

OPEN = 1e-6  # less probability than this is none


def time_to_response(question: Question) -> Answer:
    """Estimate the share of needled sites with worthwhile improvement by the stated week.

    Worthwhile is the margin of the claim that needling reduces scars. The first visit that shows
    it and the visit before are the ends of the interval the response lies in. Where the stated
    week falls between two visits, the share by then is anything between those at the two.
    """
    weeks = float(question.params["weeks"])
    worthwhile = question.margin(claim("reduces-scarring"))
    times = weeks_to_response(question)
    require_patients(times, note("assessed_at_known_week"))
    found, between = _share_by_week(question, times, weeks)
    remarks = (
        note("worthwhile", least=worthwhile, median=_span(found.median, "weeks")),
        *between,
        note("share_shows_no_cause"),
    )
    how = note("turnbull", what=note("share_by_week", week=weeks), method=found.method)
    estimate = Estimate(
        **interval_of(found, 100),
        confidence_level=found.confidence_level,
        unit=question.claim.unit,
        how=how,
    )
    return _answer(estimate, times, remarks)


def _share_by_week(
    question: Question, times: pd.DataFrame, weeks: float
) -> tuple[ShareBy, list[Note]]:
    """Return the share by a week; from the lower end before it to the upper end after it.

    What happened between two visits is not known: a share interpolated there has no sampling
    error that would show it.
    """
    found, fit = _share_by(question, times, weeks), turnbull(times["left"], times["right"])
    open_at = (fit.left < weeks) & (weeks < fit.right) & (fit.mass > OPEN)
    if not open_at.any():
        return found, []
    start, end = (float(x[np.argmax(open_at)]) for x in (fit.left, fit.right))
    low, high = (fit.share_by(week) for week in (start, end))
    gap = note("after_week", start=start)
    if math.isfinite(end):
        gap = note("between_weeks", start=start, end=end)
    if low < OPEN and high > 1 - OPEN:
        raise NotTestable(note("no_visit_tells", gap=gap, week=weeks))
    remark = note("share_between", gap=gap, week=weeks, low=100 * low, high=100 * high)
    least = _share_by(question, times, start).ci_low
    most = _share_by(question, times, end).ci_high if math.isfinite(end) else 1.0
    return replace(found, ci_low=least, ci_high=most), [remark]


def _share_by(question: Question, times: pd.DataFrame, at: float) -> ShareBy:
    left, right, patients = (times[c] for c in ("left", "right", "patient_id"))
    return share_by(left, right, patients, at, confidence_level=question.confidence_level)


def weeks_to_response(question: Question) -> pd.DataFrame:
    """Return the weeks between which each needled site first improved as much as is worthwhile."""
    worthwhile = question.margin(claim("reduces-scarring"))
    needled = select_arm(question.cohort.data, NEEDLED)
    seen = after_a_session(needled.dropna(subset=["weeks", "improvement_score"]))
    seen = seen[seen["weeks"] > 0]
    ordered = seen.sort_values("weeks", kind="stable")
    reached = ordered["improvement_score"] >= worthwhile
    first = ordered[reached].groupby(UNIT)["weeks"].first().rename("right")
    last = ordered.groupby(UNIT)["weeks"].max().rename("last")
    times = pd.concat([last, first], axis=1)
    times["right"] = times["right"].fillna(math.inf)
    known = ordered.merge(times["right"].reset_index(), on=UNIT)
    before = known[known["weeks"] < known["right"]].groupby(UNIT)["weeks"].max()
    times["left"] = before.reindex(times.index).fillna(0.0)
    return times.reset_index()


def time_to_clear(question: Question) -> Answer:
    """Estimate the share of needling sessions whose redness is gone by the stated day.

    Sessions whose state that day is not known, for redness was last seen before it, count both
    ways: the lower limit is that of all of them red, the upper that of none.
    """
    days = float(question.params["days"])
    times = days_to_clear(question)
    require_patients(times, note("with_known_redness"))
    median = turnbull(times["left"], times["right"]).quantile(0.5)
    gone, red = times["right"] <= days, times["left"] >= days
    unseen = int(times["right"].eq(math.inf).sum())
    sessions = Count(n=len(times), noun="session")
    remarks = [note("redness", median=_span(median, "days"), sessions=sessions)]
    if unseen:
        remarks.append(note("end_not_seen", sessions=Count(n=unseen, noun="session")))
    estimate = _clustered(question, times, gone, ~red, note("share_by_day", day=days))
    return _answer(estimate, times, tuple(remarks))


def _clustered(
    question: Question, rows: pd.DataFrame, sure: pd.Series, possible: pd.Series, what: Note
) -> Estimate:
    """Estimate the share of rows of a state, in percent; a state not known counts both ways."""
    level, margin = question.confidence_level, question.margin(question.claim) / 100
    least, most = (
        clustered_proportion(
            state.to_numpy(dtype=bool), rows["patient_id"].to_numpy(), confidence_level=level
        )
        for state in (sure, possible)
    )
    known = sure[sure | ~possible]
    return Estimate(
        value=100 * float(known.mean()) if len(known) else float("nan"),
        ci_low=100 * least.ci_low,
        ci_high=100 * most.ci_high,
        confidence_level=level,
        p_value=max(least.p_against(margin), most.p_against(margin)),
        unit=question.claim.unit,
        how=note("clustered_share", what=what),
    )


def days_to_clear(question: Question) -> pd.DataFrame:
    """Return the needled sessions with the days between which their redness went."""
    needled = select_arm(question.cohort.data, NEEDLED)
    times = needled[needled["erythema_days"].notna()].copy()
    days = times["erythema_days"].astype("float64")
    # redness of 2 days was gone on day 2 and not on day 1; an end that was not seen is open
    times["left"], times["right"] = (days - 1).clip(lower=-1), days
    if "erythema_resolved" in times:
        open_end = times["erythema_resolved"].eq(False).fillna(False).astype(bool)
        times.loc[open_end, "left"], times.loc[open_end, "right"] = days[open_end], math.inf
    return times


def _span(ends: tuple[float, float], unit: str) -> Note:
    if math.isinf(ends[1]):
        return note("beyond_time", start=ends[0], unit=unit)
    return note("between_times", start=max(ends[0], 0), end=ends[1], unit=unit)


def _answer(estimate: Estimate, rows: pd.DataFrame, remarks: tuple[Note, ...]) -> Answer:
    return Answer(
        estimate=estimate,
        comparison="rate",
        n_patients=n_patients(rows),
        n_sites=n_sites(rows),
        remarks=remarks,
    )


def durability(question: Question) -> Answer:
    """Estimate the change from the end of treatment to ``weeks`` or more after the last session.

    Sites with maintenance sessions are left out: the claim is that the result lasts by itself.
    """
    weeks = float(question.params["weeks"])
    ended = _ended(question)
    pairs = _early_and_late(ended, weeks)
    at_end = n_sites(ended[ended["weeks_since_last_session"] < weeks])
    maintained = _maintained(pairs)
    pairs, left_out = pairs[~maintained], int(maintained.sum())
    require_patients(pairs, note("assessed_at_end_and_later", weeks=weeks))
    fitted = model.mean(question, pairs, pairs["late"] - pairs["end"])
    ended_sites = Count(n=at_end, noun="site")
    later = Count(n=len(pairs) + left_out, of=at_end, noun="site")
    remarks = [note("seen_later", sites=ended_sites, seen=later, weeks=weeks)]
    if left_out:
        kept_up = Count(n=left_out, noun="site")
        remarks.append(note("left_out_maintained", sites=kept_up))
    answer = model.answer(question, fitted, pairs, "mean", "change_within_site")
    missing = at_end - len(pairs) - left_out
    return replace(answer, comparison="within", n_missing=missing, remarks=tuple(remarks))


def maintenance(question: Question) -> Answer:
    """Estimate the late change of sites with maintenance sessions minus that of sites without."""
    weeks = float(question.params["weeks"])
    pairs = _early_and_late(_ended(question), weeks)
    maintained = _maintained(pairs)
    require_patients(pairs[maintained], note("maintained_and_late", weeks=weeks))
    require_patients(pairs[~maintained], note("not_maintained_and_late", weeks=weeks))
    pairs["change"] = pairs["late"] - pairs["end"]
    arm = maintained.to_numpy(dtype="float64")
    answer = contrasts.contrast(question, pairs, arm, "change", [])
    return replace(answer, remarks=(*answer.remarks, *question.indication))


def _ended(question: Question) -> pd.DataFrame:
    """Return the assessments of needled sites after the last session they had."""
    needled = select_arm(question.cohort.data, NEEDLED)
    kept = needled.dropna(subset=["improvement_score", "weeks_since_last_session"])
    kept = kept[kept["session_count"].fillna(0) >= 1]
    total = kept.groupby(UNIT, observed=True)["session_count"].transform("max")
    return kept[kept["session_count"] == total].sort_values("weeks_since_last_session")


def _early_and_late(ended: pd.DataFrame, weeks: float) -> pd.DataFrame:
    since = ended["weeks_since_last_session"]
    early = ended[since < weeks].drop_duplicates(UNIT)
    late = ended[since >= weeks].drop_duplicates(UNIT, keep="last")
    columns = [c for c in (*UNIT, "improvement_score", "maintenance") if c in late]
    late = late[columns].rename(columns={"improvement_score": "late"})
    early = early.drop(columns="maintenance", errors="ignore")
    return early.rename(columns={"improvement_score": "end"}).merge(late, on=UNIT)


def _maintained(frame: pd.DataFrame) -> pd.Series:
    if "maintenance" not in frame:
        return pd.Series(False, index=frame.index)
    return frame["maintenance"].fillna(False).astype(bool)
