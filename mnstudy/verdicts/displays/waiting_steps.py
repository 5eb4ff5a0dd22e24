"""The steps of a share over time, and the patients still watched."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

STEPS = ("left", "right", "before", "after")
MOST_TIMES = 8  # columns of people still watched, after the first


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
