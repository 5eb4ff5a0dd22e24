"""What is missing: for every column, how many assessments and how many sites are without it."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.columns import columns
from mnstudy.cohort.small_counts import FEW, is_small
from mnstudy.cohort.summary import percent
from mnstudy.cohort.table import Cohort

_UNIT = ["patient_id", "site_id"]


def missingness(cohort: Cohort) -> pd.DataFrame:
    """Count what is not known, column by column.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    DataFrame
        One row a column of the contract that the table has, most often missing first: column,
        assessments without it (missing), share of all assessments, sites at which it is never
        known, share_sites, and ``shown``: the cell as it may be printed.

    Notes
    -----
    A cell may be empty because it was not recorded or because there was nothing to record (a
    depth where no needle was used): the table cannot tell the two apart. In real data counts
    under 5, and of all but fewer than 5, are withheld.

    Examples
    --------
    >>> import mnstudy as mn
    >>> missingness(mn.load("demo_split_face"))[["column", "missing"]].head(1)
              column  missing
    0  scar_depth_um      234
    """
    data = cohort.data
    names = [c for c in columns() if c in data]
    site = [data[c] for c in _UNIT]
    rows = []
    for name in names:
        gone = data[name].isna()
        never = gone.groupby(site, observed=True).all()
        rows.append([name, int(gone.sum()), gone.mean(), int(never.sum()), never.mean()])
    order = ["column", "missing", "share", "sites", "share_sites"]
    table = pd.DataFrame(rows, columns=order).astype({"missing": "Int64", "sites": "Int64"})
    total = {"missing": len(data), "sites": len(never)}
    table = table.sort_values(["share", "column"], ascending=[False, True], ignore_index=True)
    table["shown"] = [
        f"{n:,} of {len(data):,} ({percent(s)})"
        for n, s in zip(table["missing"], table["share"], strict=True)
    ]
    return table if cohort.synthetic else _guarded(table, total)


def _guarded(table: pd.DataFrame, total: dict[str, int]) -> pd.DataFrame:
    few = pd.Series(False, index=table.index)
    for name, n in total.items():
        few |= table[name].map(is_small) | (n - table[name]).map(is_small)
    numbers = ["missing", "share", "sites", "share_sites"]
    table[numbers] = table[numbers].mask(few)
    return table.assign(shown=table["shown"].mask(few, f"{FEW} missing or known"))
