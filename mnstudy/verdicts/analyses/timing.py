"""How soon: times that are known only to lie between two visits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.stats.interval_censored import ShareBy, share_by, turnbull
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
from mnstudy.verdicts.finding import Estimate
from mnstudy.verdicts.registry import claim

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
    require_patients(times, "needled and assessed at a known week after the first session")
    found, between = _share_by_week(question, times, weeks)
    notes = (
        f"worthwhile: {worthwhile:g} points or more; median time {_span(found.median, 'weeks')}",
        *between,
        "a share after treatment; without a control it does not show a cause",
    )
    return _answer(question, found, times, f"share by week {weeks:g}", notes)


def _share_by_week(
    question: Question, times: pd.DataFrame, weeks: float
) -> tuple[ShareBy, list[str]]:
    """Return the share by a week; from the lower end before it to the upper end after it.

    What happened between two visits is not known: a share interpolated there has no sampling
    error that would show it.
    """

    def at(week: float) -> ShareBy:
        return share_by(
            times["left"], times["right"], times["patient_id"], week,
            confidence_level=question.confidence_level,
        )  # fmt: skip

    found, fit = at(weeks), turnbull(times["left"], times["right"])
    open_at = (fit.left < weeks) & (weeks < fit.right) & (fit.mass > OPEN)
    if not open_at.any():
        return found, []
    start, end = (float(x[np.argmax(open_at)]) for x in (fit.left, fit.right))
    low, high = (fit.share_by(week) for week in (start, end))
    gap = f"between week {start:g} and {end:g}" if math.isfinite(end) else f"after week {start:g}"
    if low < OPEN and high > 1 - OPEN:
        raise NotTestable(
            f"no visit {gap} tells who had improved by week {weeks:g}: all may have, or none"
        )
    ends = " and ".join(fmt.number(100 * x, 0) for x in (low, high))
    note = f"no visit {gap}: by week {weeks:g} anything between {ends} percent may have improved"
    most = at(end).ci_high if math.isfinite(end) else 1.0
    return replace(found, ci_low=at(start).ci_low, ci_high=most), [note]


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
    """Estimate the share of needling sessions whose redness is gone by the stated day."""
    days = float(question.params["days"])
    times = days_to_clear(question)
    require_patients(times, "needled with known days of redness")
    found = share_by(
        times["left"], times["right"], times["patient_id"], days,
        confidence_level=question.confidence_level,
    )  # fmt: skip
    unseen = int(times["right"].eq(math.inf).sum())
    notes = [f"median {_span(found.median, 'days')}; {fmt.count(len(times), 'session')} of redness"]
    if unseen:
        notes.append(f"the end was not seen after {fmt.count(unseen, 'session')}")
    return _answer(question, found, times, f"share by day {days:g}", tuple(notes))


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


def _span(ends: tuple[float, float], unit: str) -> str:
    if math.isinf(ends[1]):
        return f"beyond {ends[0]:g} {unit}"
    return f"between {max(ends[0], 0):g} and {ends[1]:g} {unit}"


def _answer(
    question: Question, found: ShareBy, times: pd.DataFrame, what: str, notes: tuple[str, ...]
) -> Answer:
    return Answer(
        estimate=Estimate(
            value=100 * found.estimate,
            ci_low=100 * found.ci_low,
            ci_high=100 * found.ci_high,
            confidence_level=found.confidence_level,
            unit=question.claim.unit,
            method=f"{what}, interval-censored (Turnbull); {found.method}",
        ),
        comparison="rate",
        n_patients=n_patients(times),
        n_sites=n_sites(times),
        notes=notes,
    )
