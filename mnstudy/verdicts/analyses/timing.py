"""How soon a result comes, and how long it lasts."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import is_baseline
from mnstudy.stats.counts.proportions import clustered_proportion
from mnstudy.stats.missing.interval_censored import turnbull
from mnstudy.verdicts.analyses import contrasts, model
from mnstudy.verdicts.analyses.dose import session_visits, shift_by_readings
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    SCORE,
    UNIT,
    Answer,
    Question,
    complete_rows,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.finding.finding import Estimate, Hold
from mnstudy.words.notes import Count, Note, note


def time_to_response(question: Question) -> Answer:
    """Estimate the share of needled sites with worthwhile improvement around the stated week.

    Worthwhile is the margin of the claim that needling reduces scars. The assessment nearest to
    the week counts, whatever was seen before; a site without one in its window is left out and
    counted. Beside it stands the median time to a lasting response, see ``weeks_to_response``.
    """
    week, least = question.week, question.margin(claim("reduces-scarring"))
    rows, missing = seen_at_week(question)
    around = note("assessed_around", week=week.week, low=week.low, high=week.high)
    require_patients(rows, around)
    times = weeks_to_response(question)
    median = _span(turnbull(times["left"], times["right"]).quantile(0.5), "weeks")
    remarks = (note("worthwhile", least=least, median=median), note("share_shows_no_cause"))
    reached = rows[SCORE] >= least
    what = note("share_at_week", week=week.week)
    answer = _answer(_clustered(question, rows, reached, reached, what), rows, remarks)
    return replace(answer, n_missing=missing)


def seen_at_week(question: Question) -> tuple[pd.DataFrame, int]:
    """Return the assessments of needled sites around the stated week, and how many sites lack one.

    Before the first session nothing can have improved: those rows never count.
    """
    return complete_rows(select_arm(question.sites, NEEDLED), [SCORE])


def weeks_to_response(question: Question) -> pd.DataFrame:
    """Return the weeks between which each site behind the estimate came to a lasting response.

    It lasts where no later assessment falls short of what is worthwhile; where the last one does,
    the end is open.
    """
    sites = pd.MultiIndex.from_frame(seen_at_week(question)[0][UNIT])
    data = question.cohort.data.dropna(subset=["weeks", SCORE])
    weeks = data["weeks"].astype("float64")
    seen = data.assign(weeks=weeks)[~is_baseline(data) & (weeks > 0)].set_index(UNIT)
    short = seen.loc[seen[SCORE] < question.margin(claim("reduces-scarring")), "weeks"]
    left = short.groupby(UNIT).max().reindex(sites).fillna(0.0)
    later = seen["weeks"][seen["weeks"] > left.reindex(seen.index)]
    right = later.groupby(UNIT).min().reindex(sites).fillna(math.inf)
    return pd.DataFrame({"left": left, "right": right}).reset_index()


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
    missing, stopped = at_end - len(pairs) - left_out, _stopped_on_readings(question, weeks)
    return replace(
        answer,
        comparison="within",
        n_missing=missing,
        remarks=(*remarks, *stopped),
        holds=(*answer.holds, *(Hold(why=why) for why in stopped)),
    )


def _stopped_on_readings(question: Question, weeks: float) -> tuple[Note, ...]:
    """Say that sessions may have stopped on a reading: a change after it is then partly chance.

    Nothing is said where the plan fixed the number of sessions, where it is the same in all, and
    where the interval of the shift by readings holds none, and nothing as large as the margin.
    """
    visits = session_visits(question)[0]
    total = visits.groupby(UNIT)["session_count"].transform("max")
    if question.cohort.study.plan.sessions_fixed or total.nunique() < 2:
        return ()
    why, late = note("regression_after_stopping"), visits["weeks_since_last_session"].ge(weeks)
    ended = visits["session_count"].eq(total).astype("float64")
    found = shift_by_readings(
        question, visits.assign(ended=ended)[~late.fillna(False).astype(bool)]
    )
    if found is None:
        return (note("stopping_not_seen", why=why),)
    most = max(-found.ci_low, found.ci_high)
    if found.ci_low <= 0 <= found.ci_high and most < abs(question.margin(question.claim)):
        return ()
    return (note("stopped_on_readings", shift=fmt.ends(found), why=why),)


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
