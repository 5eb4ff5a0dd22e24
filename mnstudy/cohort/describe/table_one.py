"""Table 1: who was studied and what was treated, per patient and per site; and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.flow import ALL, ENROLLED, arm_words
from mnstudy.cohort.loading.check import NEEDLED
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import UNIT, Cohort
from mnstudy.errors import DataError, nearest

UNKNOWN, NO_NEEDLE = "not known", "not needled"
COLUMNS = ["unit", "measure", "level", "arm", "n", "share", "median", "q1", "q3", "shown"]
OF_PATIENTS = ("sex", "age_band", "phototype")
OF_SITES = ("scar_type", "baseline_severity", "treatment")
MEDIAN = "median (quartiles)"
MOST_GROUPS = 15  # more columns are no table to read


def table_one(cohort: Cohort, *, by: str = "arm") -> pd.DataFrame:
    r"""Describe patients and treated sites, everybody and by arm; no p-values.

    Parameters
    ----------
    cohort : Cohort
    by : str
        Groups beside everybody: ``arm`` (what each site received, adjunct included), ``treatment``,
        or any column of the table with at most 15 different values, such as ``scar_type``, ``sex``
        or ``clinic_id``; a site has its earliest known value.

    Returns
    -------
    DataFrame
        unit (patients or sites), measure, level, arm (``all`` for everybody), n, share (of the
        unit's n in that arm, 0 to 1), median with q1 and q3 in the unit of the measure, and
        ``shown``: the cell as it may be printed. Patients: sex, age band, phototype. Sites: scar
        type, severity at baseline, treatment (for everybody only), sessions completed, depth
        where needled. Measures that the table lacks have no row.

    Raises
    ------
    ValueError
        The table has no such column.
    DataError
        The column has more different values.

    Notes
    -----
    Values not known are counted as a level of their own and belong to the whole; a median is that
    of the known values, n says how many. Where an attribute was recorded several times, the
    earliest known value counts, then the lowest; sessions and depth are the highest recorded. A
    patient with sites in several arms counts in each of them, once in all. Differences between
    arms at baseline are not tested: they are known to be chance where patients were randomised.

    Every count is exact, of real patients too.

    Examples
    --------
    >>> import mnstudy as mn
    >>> table = table_one(mn.load("demo_split_face"))
    >>> table.loc[table["level"].eq("female") & table["arm"].eq("all"), "shown"].tolist()
    ['27 (68\xa0%)']
    >>> table_one(mn.load("demo_split_face"), by="sex")["arm"].unique().tolist()
    ['all', 'female', 'male']
    """
    sites = of_sites(cohort)
    arm = _groups(cohort, sites, by)
    arms = [ALL, *sorted(arm.unique())] if arm.nunique() > 1 else [ALL]
    patients = of_patients(cohort)
    groups = {ALL: sites} | {name: sites[arm == name] for name in arms[1:]}
    people = {
        name: patients.loc[own.index.get_level_values("patient_id").unique()]
        for name, own in groups.items()
    }
    rows = [
        *_described("patients", people, [c for c in OF_PATIENTS if c != by]),
        *_described("sites", groups, [c for c in OF_SITES if c != by or c == "treatment"]),
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n": "Int64"})


def _groups(cohort: Cohort, sites: pd.DataFrame, by: str) -> pd.Series:
    """Return the group of each site, in words."""
    if by == "arm":
        return sites["arm"]
    data = cohort.data
    if by not in data:
        raise ValueError(
            f"the table has no column {by!r}: {nearest(by, ['arm', *data], 'give arm')}"
        )
    values = sites["treatment"] if by == "treatment" else _earliest(data, by, UNIT)
    groups = words(values.reindex(sites.index))
    if groups.nunique() > MOST_GROUPS:
        raise DataError(
            f"{by!r} has {groups.nunique()} different values: give a column with at most "
            f"{MOST_GROUPS}, or put it into classes first"
        )
    return groups


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
    real patients too.

    Examples
    --------
    >>> import mnstudy as mn
    >>> missingness(mn.load("demo_split_face"))[["column", "missing"]].head(1)
              column  missing
    0  scar_depth_um      234
    """
    data = cohort.data
    names = [c for c in columns() if c in data]
    site = [data[c] for c in UNIT]
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


def of_patients(cohort: Cohort) -> pd.DataFrame:
    """Return the attributes of patients, indexed by patient_id."""
    names = [c for c in OF_PATIENTS if c in cohort.data]
    ids = pd.Index(sorted(cohort.data["patient_id"].unique()), name="patient_id")
    return pd.DataFrame({c: _earliest(cohort.data, c, ["patient_id"]) for c in names}, index=ids)


def of_sites(cohort: Cohort) -> pd.DataFrame:
    """Return the attributes of treated sites, and their arm in words, by patient_id and site_id."""
    data, final = cohort.data, cohort.sites()
    index = pd.MultiIndex.from_frame(final[UNIT])
    found = {c: _earliest(data, c, UNIT) for c in OF_SITES if c in data}
    for name, low in (("session_count", 0), ("needle_depth_mm", 0.01)):  # mm: no needle is shorter
        known = data[data[name].ge(low).fillna(False).astype(bool)]
        found[name] = known.groupby(UNIT, observed=True)[name].max().astype("float64")
    sites = pd.DataFrame(found).reindex(index)
    sites["treatment"] = final["treatment"].to_numpy()
    sites["not_needled"] = final["treatment"].notna().to_numpy() & ~sites["treatment"].isin(NEEDLED)
    own = cohort.study.arms
    sites["treatment"] = sites["treatment"].map(lambda word: own.get(word, word))
    return sites.assign(arm=arm_words(final, own).to_numpy())


def _earliest(data: pd.DataFrame, name: str, unit: Sequence[str]) -> pd.Series:
    """Return the earliest known value of each unit, whatever the order of the rows."""
    known = data[data[name].notna()]
    keys = [c for c in ("weeks", "session_count") if c in data]
    ordered = known.sort_values([*keys, name], kind="stable")
    return ordered.groupby(list(unit), observed=True)[name].first()


def _described(
    unit: str, groups: dict[str, pd.DataFrame], names: Sequence[str]
) -> Iterator[list[object]]:
    """Yield the rows of one unit: how many there are, the counted measures, then the measured."""
    total = {arm: len(own) for arm, own in groups.items()}
    yield from _counted(unit, unit, pd.DataFrame({ENROLLED: total}).T, total)
    everybody = groups[ALL]
    for name in (c for c in names if c in everybody):
        shown = {ALL: everybody} if name == "treatment" else groups
        counts = pd.DataFrame({arm: _levels(own[name]) for arm, own in shown.items()}).fillna(0)
        counts = _ordered(counts.astype("int64"), everybody[name])
        yield from _counted(unit, name, counts, total)
    if unit == "sites":
        yield from _measured(unit, "session_count", groups, total)
        yield from _measured(unit, "needle_depth_mm", groups, total)


def _levels(values: pd.Series) -> pd.Series:
    return words(values).value_counts()


def words(values: pd.Series) -> pd.Series:
    """Return the levels of an attribute in words, what is not known among them."""
    known = values.astype("object").where(values.notna(), UNKNOWN)
    return known.astype("str").str.replace("_", " ")


def _ordered(counts: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Put the levels in clinical order, what is not known last; levels nobody has are left out."""
    known = values.dropna()
    levels = known.cat.categories if known.dtype == "category" else sorted(known.unique())
    words = [str(x).replace("_", " ") for x in levels]
    return counts.loc[[x for x in [*words, UNKNOWN] if x in counts.index]]


def _measured(
    unit: str, name: str, groups: dict[str, pd.DataFrame], total: dict[str, int]
) -> Iterator[list[object]]:
    """Yield median and quartiles of the known values, then who has none."""
    values = {arm: own[name] for arm, own in groups.items()}
    if name == "needle_depth_mm":
        values = {arm: own[~groups[arm]["not_needled"]] for arm, own in values.items()}
    counts = pd.DataFrame(
        {
            arm: {
                MEDIAN: int(own.notna().sum()),
                NO_NEEDLE: total[arm] - len(own),
                UNKNOWN: int(own.isna().sum()),
            }
            for arm, own in values.items()
        }
    )
    counts = counts[counts.any(axis=1)]
    for row in _counted(unit, name, counts, total):
        of_known = [np.nan, *_quartiles(values[str(row[3])].dropna())]
        yield [*row[:5], *of_known] if row[2] == MEDIAN else row


def _quartiles(known: pd.Series) -> list[object]:
    if known.empty:
        return [np.nan, np.nan, np.nan, ""]
    q1, median, q3 = (float(x) for x in known.quantile([0.25, 0.5, 0.75]))
    whole = all(x.is_integer() for x in (q1, median, q3))
    digits = 0 if whole else fmt.decimals_for(median, q1, q3)
    low, middle, high = (fmt.number(x, digits) for x in (q1, median, q3))
    return [median, q1, q3, f"{middle} ({low} to {high})"]


def _counted(
    unit: str, measure: str, counts: pd.DataFrame, total: dict[str, int]
) -> Iterator[list[object]]:
    """Yield one row a level and arm."""
    for level in counts.index:
        for arm in counts.columns:
            n = int(counts.at[level, arm])
            share = n / total[arm] if total[arm] and measure != unit else np.nan
            text = f"{n:,}" if np.isnan(share) else f"{n:,} ({percent(share)})"
            yield [unit, measure, level, arm, n, share, np.nan, np.nan, np.nan, text]


def percent(share: float) -> str:
    r"""Write a share as a whole percentage.

    >>> percent(0.349), percent(0.001)
    ('35\xa0%', '<1\xa0%')
    """
    return ("<1" if 0 < share < 0.005 else fmt.number(100 * share, 0)) + f"{fmt.NBSP}%"
