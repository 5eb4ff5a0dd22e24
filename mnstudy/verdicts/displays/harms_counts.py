"""Counting one adverse event in one group, and what may be shown of a small count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small
from mnstudy.stats.proportions import proportion, risk_difference
from mnstudy.verdicts.analyses.question import UNIT

NAN = float("nan")
BLANK: dict[str, Any] = dict.fromkeys(
    ("events", "share", "low", "high", "sessions", "session_events", "session_share",
     "session_low", "session_high"), NAN
)  # fmt: skip


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


def counted(
    rows: pd.DataFrame, events: Sequence[str], *, guarded: bool, level: float, person: str
) -> dict[str, Any]:
    """Count patients and sessions with any of the events, safe to show.

    Where 1 to 4 patients had it, nothing but the upper limit that 4 would give is kept; where 1
    to 4 had it not, nothing but the lower limit that would be left. Sessions are left out where
    they would tell that 1 to 4 patients had it again.
    """
    had = by_patient(rows, events)
    n, unknown = len(had), int(rows["patient_id"].nunique()) - len(had)
    few, people = is_small(n), f"{person}s"
    cell: dict[str, Any] = {"n": n, "unknown": unknown, "withheld": ""} | BLANK
    cell["shown_unknown"] = FEW if guarded and is_small(unknown) else f"{unknown:,}"
    if guarded and is_small(unknown):
        cell["unknown"] = NAN
    if not n:
        return cell | {"shown": "", "sentence": "not recorded"}
    if guarded and few:
        gone = {"n": NAN, "withheld": "n", "shown": f"{NOT_SHOWN}: {FEW} {people}"}
        return cell | gone | {"sentence": f"fewer than {THRESHOLD} {people}: not shown"}
    e = int(had.sum())
    if guarded and is_small(e):
        return cell | _few(n, level, people)
    if guarded and is_small(n - e):
        return cell | _nearly_all(n, level, people)
    rate = proportion(e, n, confidence_level=level)
    cell |= {"events": e, "share": 100 * rate.estimate}
    cell |= {"low": 100 * rate.ci_low, "high": 100 * rate.ci_high, "shown": f"{e:,} of {n:,}"}
    cell["sentence"] = _sentence(cell, people, level)
    sessions = _sessions(rows, events, level)
    repeated = sessions.get("session_events", e) - e
    return cell if guarded and is_small(repeated) else cell | sessions


def _few(n: int, level: float, people: str) -> dict[str, Any]:
    """Say of 1 to 4 patients no more than the limit that 4 would give."""
    high = 100 * proportion(min(THRESHOLD - 1, n), n, confidence_level=level).ci_high
    said = f"fewer than {THRESHOLD} of {n:,} {people}: at most {percent(high)}"
    return {"withheld": "few", "high": high, "shown": f"{FEW} of {n:,}", "sentence": said}


def _nearly_all(n: int, level: float, people: str) -> dict[str, Any]:
    """Say of all but 1 to 4 patients no more than the limit that would be left."""
    least = n - THRESHOLD + 1
    low = 100 * proportion(least, n, confidence_level=level).ci_low
    said = f"all but fewer than {THRESHOLD} of {n:,} {people}: at least {percent(low)}"
    shown = f"at least {least:,} of {n:,}"
    return {"withheld": "nearly all", "low": low, "shown": shown, "sentence": said}


def _sentence(cell: dict[str, Any], people: str, level: float) -> str:
    e, n = cell["events"], cell["n"]
    if e == 0:
        return (
            f"0 of {n:,} {people}: none seen is not none, the true rate may be up to "
            f"{percent(cell['high'])} ({fmt.level(level)} limits)"
        )
    ends = f"{fmt.number(cell['low'], 1)} to {fmt.number(cell['high'], 1)}"
    return f"{e:,} of {n:,} {people}: {percent(cell['share'])} ({ends})"


def _sessions(rows: pd.DataFrame, events: Sequence[str], level: float) -> dict[str, Any]:
    had = _by_session(rows, events)
    if not len(had):
        return {}
    e, n = int(had.sum()), len(had)
    rate = proportion(e, n, confidence_level=level)
    return {
        "sessions": n, "session_events": e, "session_share": 100 * rate.estimate,
        "session_low": 100 * rate.ci_low, "session_high": 100 * rate.ci_high,
    }  # fmt: skip


def percent(value: float) -> str:
    """Write a share in percent, with a second decimal where the first would be lost."""
    return f"{fmt.number(value, 1 if value >= 0.1 or value == 0 else 2)} %"


def difference(
    treated: pd.Series, reference: pd.Series, *, paired: bool, guarded: bool, level: float
) -> dict[str, Any]:
    """Return the difference of two shares in percentage points, blank where it would tell counts.

    Pairs are compared with themselves; in real data a table of pairs with 1 to 4 in a cell, or
    with 1 to 4 patients seen on one side only, is not used.
    """
    both = treated.index.intersection(reference.index)
    blank = {"difference": NAN, "low": NAN, "high": NAN, "p_value": NAN, "n_pairs": NAN,
             "paired": paired, "method": "", "shown": NOT_SHOWN}  # fmt: skip
    if paired:
        alone = [len(x) - len(both) for x in (treated, reference)]
        t, r = treated[both], reference[both]
        table = [[int((t & r).sum()), int((t & ~r).sum())],
                 [int((~t & r).sum()), int((~t & ~r).sum())]]  # fmt: skip
        if guarded and any(is_small(x) for x in (*alone, *table[0], *table[1])):
            return blank
        found = risk_difference(table=table, paired=True, confidence_level=level)
    else:
        counts = int(treated.sum()), len(treated), int(reference.sum()), len(reference)
        found = risk_difference(*counts, confidence_level=level)
    value, low, high = (100 * x for x in (found.estimate, found.ci_low, found.ci_high))
    ends = f"({fmt.number(low, 1)} to {fmt.number(high, 1)})"
    return {
        "difference": value, "low": low, "high": high, "p_value": found.p_value,
        "n_pairs": len(both) if paired else NAN, "paired": paired, "method": found.method,
        "shown": f"{fmt.number(value, 1)} {ends}",
    }  # fmt: skip
