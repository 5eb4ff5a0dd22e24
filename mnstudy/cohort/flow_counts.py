"""The flow of a real cohort as it may be shown: who is a few, and what would give them away."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, THRESHOLD, hides_enough, is_small

ALL = "all"
UNITS = ("patients", "sites")


def withheld_flow(table: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of ``attrition`` with a column ``shown``; withheld ones are missing.

    Parameters
    ----------
    table : DataFrame
        arm, step, patients, sites, share.

    Returns
    -------
    DataFrame
        The same with ``shown``: ``<5`` or ``not shown`` where the numbers are withheld, else
        empty.

    Notes
    -----
    Withheld is a step of an arm that fewer than five patients or sites reached, or did not reach.
    Where patients were seen again and again, so is a step that lies fewer than five from another
    one shown of that arm: the two would tell who was lost between them. Where every site was seen
    once, the steps share out those with a result: the next smallest is withheld with a small one.
    Where an arm of a step could be worked out from the total, the next smallest arm is too.
    """
    found = table.assign(shown="")
    small = pd.Series(False, index=table.index)
    for name in UNITS:
        enrolled = table.groupby("arm", sort=False)[name].transform("first")
        small |= table[name].map(is_small) | (enrolled - table[name]).map(is_small)
        found.loc[table[name].map(is_small), "shown"] = FEW
    for _, rows in table.groupby("arm", sort=False):
        small[_giving_away(rows, small[rows.index])] = True
    hidden = small.copy()
    for _, rows in table.groupby("step", sort=False):
        hidden[_complement(rows, small[rows.index])] = True
    found.loc[hidden & found["shown"].eq(""), "shown"] = NOT_SHOWN
    for name in (*UNITS, "share"):
        kind = "Float64" if name == "share" else "Int64"
        found[name] = found[name].astype(kind).mask(hidden)
    unknown = found["arm"].isin(found.loc[hidden & found["step"].eq("enrolled"), "arm"])
    found["share"] = found["share"].mask(unknown)
    return found


def _giving_away(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return the steps of an arm from which a small one, or a few lost on the way, would follow."""
    seen = rows[rows["step"].str.startswith("assessed") & rows["sites"].gt(0)]
    known = rows[rows["step"].eq("result known")]
    if seen["sites"].sum() == known["sites"].sum():
        return _next_smallest(seen["sites"], small[seen.index])
    return _near_another(pd.concat([known, seen]), small)


def _next_smallest(sites: pd.Series, small: pd.Series) -> list[int]:
    """Return which further counts of a line with a known total are withheld."""
    hidden, further = small.copy(), []
    for place in sites[~small].sort_values(kind="stable").index:
        if not hidden.any() or hides_enough(sites[hidden].to_numpy()):
            break
        hidden[place] = True
        further.append(place)
    return further


def _near_another(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return the steps that lie a few from one shown before them."""
    near: list[int] = []
    kept: list[int] = []
    for place in rows.index[~small[rows.index]]:
        counts = rows.loc[place, list(UNITS)]
        apart = [(rows.loc[other, list(UNITS)] - counts).abs() for other in kept]
        few = any(a.between(1, THRESHOLD - 1).any() for a in apart)
        (near if few else kept).append(place)
    return near


def _complement(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return which further arms of a step are withheld, so that none follows from the total."""
    arms = rows[rows["arm"] != ALL]
    everybody = rows[rows["arm"] == ALL]
    if len(arms) < 2 or not small[arms.index].any():
        return []
    there = arms[arms["sites"].gt(0)].sort_values("arm")
    further = _next_smallest(there["sites"], small[there.index])
    hidden = small[there.index] | there.index.isin(further)
    enough = hides_enough(there.loc[hidden, "sites"].to_numpy())
    return further if enough else [*further, *everybody.index]
