"""What is missing: for every column, how many assessments and how many sites are without it."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.describe.table_one import percent
from mnstudy.cohort.schema.columns import columns
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
    depth where no needle was used): the table cannot tell the two apart. Every count is exact, of
    real patients too; what a report shows of them is guarded there.

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
    table = table.sort_values(["share", "column"], ascending=[False, True], ignore_index=True)
    table["shown"] = [
        f"{n:,} of {len(data):,} ({percent(s)})"
        for n, s in zip(table["missing"], table["share"], strict=True)
    ]
    return table
