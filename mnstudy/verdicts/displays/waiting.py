"""Time to a lasting response: the share that has it by each visit, and who is still watched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.missing.interval_censored import turnbull
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.analyses.timing import days_to_clear, weeks_to_response
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.finding.finding import Estimate, Finding

OPEN = 1e-6  # less probability than this is none
STEPS = ("left", "right", "before", "after")
MOST_TIMES = 8  # columns of people still watched, after the first
FAR = 2.5  # times the time of the claim, or of nine tenths: what is later is cut off


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting:
    """The cumulative share with a response.

    Attributes
    ----------
    finding : Finding
        Holds the estimate and the margin. A response at one assessment need not last: in weeks the
        estimate may lie off the line.
    unit : str
        weeks or days.
    what : str
        What has happened by then, as it stands on the axis.
    each, counted : str
        What the share is of: site and sites, or session and sessions.
    by : float
        The week or day that the claim names.
    when : str
        What the estimate speaks of: the state by that day, or at the assessment around that week.
    steps : DataFrame
        Intervals in which responses lie, ``left`` to ``right``, with the share (percent) surely
        reached ``before`` and ``after``; between the two ends it is not known.
    never : float
        Percent not seen to respond by the end.
    end : float
        End of the axis: late visits of a few patients do not press the rest together.
    last : float
        Last time that anything is known of.
    watched : DataFrame
        ``time``, and ``n`` patients with a site or session still watched without a response then.
    n_units : int
    """

    finding: Finding
    unit: str
    what: str
    each: str
    counted: str
    by: float
    when: str
    steps: pd.DataFrame
    never: float
    end: float
    last: float
    watched: pd.DataFrame
    n_units: int

    @property
    def estimate(self) -> Estimate:
        """That of the finding, with its interval."""
        assert self.finding.estimate is not None
        return self.finding.estimate


def waiting(cohort: Cohort, finding: Finding) -> Waiting | None:
    """Return the share that has responded by each time, of the patients behind the finding.

    Parameters
    ----------
    cohort : Cohort
        The data that the finding is about.
    finding : Finding

    Returns
    -------
    Waiting or None
        None for claims that are not about a time, of five patients or fewer, and where no response
        was seen.

    Notes
    -----
    Nonparametric maximum likelihood for times known to lie between two visits; a time that was
    never seen is open to the right. In weeks a response lasts where no later assessment falls
    short. The interval is that of the finding at the time of its claim.

    References
    ----------
    Turnbull (1976), doi 10.1111/j.2517-6161.1976.tb01597.x.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> found = waiting(cohort, mn.evaluate(cohort, "short-downtime")[0])
    >>> found.unit, found.by
    ('days', 2.0)
    """
    if finding.claim.analysis not in ("time_to_response", "time_to_clear"):
        return None
    question = question_of(cohort, finding)
    if question is None or finding.estimate is None:
        return None
    in_weeks = finding.claim.analysis == "time_to_response"
    times = weeks_to_response(question) if in_weeks else days_to_clear(question)
    n = int(times["patient_id"].nunique())
    if n != finding.n_patients or n <= MIN_PATIENTS:
        return None
    fit = turnbull(times["left"], times["right"])
    table = fit.to_frame()
    steps, never = share_steps(table[table["mass"] > OPEN])
    if steps.empty:
        return None
    by = float(question.params["weeks" if in_weeks else "days"])
    last = _last(times)
    end = axis_end(steps, last, by)
    return Waiting(
        finding=finding,
        unit="weeks" if in_weeks else "days",
        what=_worthwhile(question) if in_weeks else "redness gone",
        each="site" if in_weeks else "session",
        counted="sites" if in_weeks else "sessions",
        by=by,
        when=f"at the assessment around week {by:g}" if in_weeks else f"by day {by:g}",
        steps=steps,
        never=never,
        end=end,
        last=last,
        watched=still_watched(times, end),
        n_units=len(times),
    )


def _worthwhile(question: Question) -> str:
    return f"lasting improvement of {question.margin(claim('reduces-scarring')):g} points or more"


def _last(times: pd.DataFrame) -> float:
    seen = np.concatenate([times["left"], times["right"]])
    return float(seen[np.isfinite(seen)].max())


def axis_end(steps: pd.DataFrame, last: float, by: float) -> float:
    """Return where the axis ends: by nine tenths and by the time of the claim, not much later."""
    late = steps.loc[steps["after"] >= 90, "right"]
    enough = float(late.iloc[0]) if len(late) else last
    return max(min(last, FAR * max(by, enough)), by)


def share_steps(table: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the steps of the share, and what never responded, both in percent."""
    finite = table[np.isfinite(table["right"])]
    never = float(table.loc[~np.isfinite(table["right"]), "mass"].sum())
    rows, reached = [], 0.0
    for left, right, mass in zip(finite["left"], finite["right"], finite["mass"], strict=True):
        before, reached = reached, reached + mass
        rows.append((max(left, 0.0), right, 100 * before, 100 * min(reached, 1.0)))
    return pd.DataFrame(rows, columns=list(STEPS)), 100 * never


def still_watched(times: pd.DataFrame, end: float) -> pd.DataFrame:
    """Count the patients still watched without a response, at round times."""
    rows = []
    for time in _round_times(end):
        unseen = ~np.isfinite(times["right"])
        still = (times["right"] > time) & (~unseen | (times["left"] >= time))
        rows.append((time, int(times.loc[still, "patient_id"].nunique())))
    return pd.DataFrame(rows, columns=["time", "n"])


def _round_times(end: float) -> list[float]:
    size = 10.0 ** math.floor(math.log10(end / MOST_TIMES))
    step = next(k * size for k in (1, 2, 5, 10) if end / (k * size) <= MOST_TIMES + 1e-9)
    return [float(x) for x in np.arange(0.0, end + 1e-9, max(step, 1.0))]
