"""The steps of a share over time and the patients still watched, with nobody set apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mnstudy.cohort.small_counts import FEW, THRESHOLD, is_small

STEPS = ("left", "right", "before", "after")
WATCHED = ("time", "n", "shown")
MOST_TIMES = 8  # columns of people still watched, after the first


def share_steps(
    table: pd.DataFrame, times: pd.DataFrame, *, guarded: bool
) -> tuple[pd.DataFrame, float]:
    """Return the steps of the share, and what never responded, both in percent.

    With ``guarded`` a step is closed only at a whole week or day in which five patients or more
    were seen, where as many have their response seen within it, and as many, or none, after it.
    """
    finite = table[np.isfinite(table["right"])]
    never = float(table.loc[~np.isfinite(table["right"]), "mass"].sum())
    rows: list[tuple[float, float, float, float]] = []
    left, before, reached, closed = math.nan, 0.0, 0.0, -math.inf
    following = finite["left"].shift(-1, fill_value=math.inf)
    columns = (finite["left"], finite["right"], finite["mass"], following)
    for start, end, mass, then in zip(*columns, strict=True):
        left = start if math.isnan(left) else left
        reached += mass
        shown = float(math.ceil(end)) if guarded else end
        if guarded and (then < shown or _sets_apart(times, closed, shown)):
            continue
        first = max(math.floor(left), closed) if guarded else left
        rows.append((max(first, 0.0), shown, 100 * before, 100 * min(reached, 1.0)))
        left, before, closed = math.nan, reached, shown
    found = pd.DataFrame(rows, columns=list(STEPS))
    return found, 100 * never if not guarded or math.isnan(left) else math.nan


def _sets_apart(times: pd.DataFrame, start: float, end: float) -> bool:
    """Tell whether a step from start to end would show fewer than five patients."""
    left, right = times["left"], times["right"]
    inside = right.between(start, end, inclusive="right")
    seen = right.between(end - 1, end, inclusive="right")
    seen |= left.between(end - 1, end, inclusive="right")
    within, after, then = (
        int(times.loc[x, "patient_id"].nunique()) for x in (inside, right > end, seen)
    )
    return min(within, then) < THRESHOLD or is_small(after)


def still_watched(times: pd.DataFrame, end: float, *, guarded: bool) -> pd.DataFrame:
    """Count the patients still watched without a response, at round times.

    With ``guarded`` a count is left blank where it would set one to four patients apart.
    """
    rows, last = [], -1
    for time in _round_times(end):
        unseen = ~np.isfinite(times["right"])
        still = (times["right"] > time) & (~unseen | (times["left"] >= time))
        n = int(times.loc[still, "patient_id"].nunique())
        if guarded and is_small(n):
            rows.append((time, math.nan, FEW))
        elif guarded and last >= 0 and is_small(last - n):
            rows.append((time, math.nan, ""))
        else:
            rows.append((time, float(n), f"{n:,}"))
            last = n
    return pd.DataFrame(rows, columns=list(WATCHED))


def _round_times(end: float) -> list[float]:
    size = 10.0 ** math.floor(math.log10(end / MOST_TIMES))
    step = next(k * size for k in (1, 2, 5, 10) if end / (k * size) <= MOST_TIMES + 1e-9)
    return [float(x) for x in np.arange(0.0, end + 1e-9, max(step, 1.0))]
