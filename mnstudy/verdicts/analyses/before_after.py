"""One measure of each site before any session and at the last assessment."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.scales import Scale, raw_scale
from mnstudy.cohort.table import is_baseline
from mnstudy.verdicts.analyses.question import UNIT


def before_after(data: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the last assessed row of each site with both values of an outcome.

    Parameters
    ----------
    data : DataFrame
        Rows under the contract.
    outcome : str
        Column of a measure taken at every visit.

    Returns
    -------
    DataFrame
        One row a site: those of its last known value after baseline, with ``before`` beside it.
        Sites without one of the two are left out.
    """
    measured = data[data[outcome].notna()]
    before = measured[is_baseline(measured)].drop_duplicates(UNIT)
    after = measured[~is_baseline(measured)]
    keys = [c for c in ("weeks", "session_count") if c in after]
    last = after.sort_values(keys, kind="stable").drop_duplicates(UNIT, keep="last")
    pairs = last.merge(before[[*UNIT, outcome]], on=UNIT, suffixes=("", "_before"))
    pairs["before"] = pairs.pop(f"{outcome}_before")
    return pairs


def raw_pairs(data: pd.DataFrame) -> tuple[Scale, pd.DataFrame] | None:
    """Return the raw scale of the table and the sites with both scores on it.

    ``gain`` and ``now`` are the change and the last score, turned so that up is better, and
    ``middle`` is the mean of both scores. None where there is no such scale.
    """
    scale = raw_scale(data)
    if scale is None:
        return None
    pairs = before_after(data, "scale_score")
    sign = -1.0 if scale.better == "lower" else 1.0
    score, before = (pairs[c].astype("float64") for c in ("scale_score", "before"))
    pairs["gain"], pairs["now"] = sign * (score - before), sign * score
    pairs["middle"] = (score + before) / 2
    return scale, pairs
