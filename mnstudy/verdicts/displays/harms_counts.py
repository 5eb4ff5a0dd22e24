"""Counting one adverse event in one group, and the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mnstudy.stats.counts.proportions import proportion, risk_difference
from mnstudy.verdicts.analyses.question import UNIT

NAN = float("nan")
SESSIONS = ("sessions", "session_events", "session_share", "session_low", "session_high")
BLANK: dict[str, Any] = dict.fromkeys(("events", "share", "low", "high", *SESSIONS), NAN)


def by_patient(rows: pd.DataFrame, events: Sequence[str]) -> pd.Series:
    """Tell for each patient with any of the events recorded whether one happened."""
    seen = rows[rows[list(events)].notna().any(axis=1)]
    happened = seen[list(events)].fillna(False).any(axis=1).astype(bool)
    return happened.groupby(seen["patient_id"]).any()


def _by_session(rows: pd.DataFrame, events: Sequence[str]) -> pd.Series:
    """Tell for each session; an assessment of an unknown session counts by itself."""
    seen = rows[rows[list(events)].notna().any(axis=1)]
    count = seen["session_count"]
    seen, count = seen[count.fillna(1) >= 1], count[count.fillna(1) >= 1]
    happened = seen[list(events)].fillna(False).any(axis=1).astype(bool)
    row = pd.Series(range(len(seen)), index=seen.index).where(count.isna(), -1)
    return happened.groupby([*(seen[c] for c in UNIT), count.fillna(0), row]).any()


def counted(rows: pd.DataFrame, events: Sequence[str], *, level: float) -> dict[str, Any]:
    """Count patients and sessions with any of the events, with exact limits."""
    had = by_patient(rows, events)
    n = len(had)
    cell: dict[str, Any] = {"n": n, "unknown": int(rows["patient_id"].nunique()) - n} | BLANK
    if not n:
        return cell
    e = int(had.sum())
    rate = proportion(e, n, confidence_level=level)
    cell |= {"events": e, "share": 100 * rate.estimate}
    cell |= {"low": 100 * rate.ci_low, "high": 100 * rate.ci_high}
    return cell | _sessions(rows, events, level)


def _sessions(rows: pd.DataFrame, events: Sequence[str], level: float) -> dict[str, Any]:
    had = _by_session(rows, events)
    if not len(had):
        return {}
    e, n = int(had.sum()), len(had)
    rate = proportion(e, n, confidence_level=level)
    shares = (100 * x for x in (rate.estimate, rate.ci_low, rate.ci_high))
    return dict(zip(SESSIONS, (n, e, *shares), strict=True))


def difference(
    treated: pd.Series, reference: pd.Series, *, paired: bool, level: float
) -> dict[str, Any]:
    """Return the difference of two shares in percentage points; pairs with themselves."""
    if paired:
        table = pair_table(treated, reference)
        found = risk_difference(table=table, paired=True, confidence_level=level)
    else:
        counts = int(treated.sum()), len(treated), int(reference.sum()), len(reference)
        found = risk_difference(*counts, confidence_level=level)
    value, low, high = (100 * x for x in (found.estimate, found.ci_low, found.ci_high))
    return {
        "difference": value, "low": low, "high": high, "p_value": found.p_value,
        "n_pairs": sum(map(sum, table)) if paired else NAN, "paired": paired,
        "method": found.method,
    }  # fmt: skip


def pair_table(treated: pd.Series, reference: pd.Series) -> list[list[int]]:
    """Count the pairs by who had it: on the treated side in rows, on the reference in columns."""
    both = treated.index.intersection(reference.index)
    t, r = treated[both], reference[both]
    return [
        [int((t & r).sum()), int((t & ~r).sum())],
        [int((~t & r).sum()), int((~t & ~r).sum())],
    ]
