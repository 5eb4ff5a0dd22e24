"""What a report may show of the tables of a cohort: Table 1, missing cells, flow, drop-outs.

Each function gives the exact table of a real cohort without what must not be shown; that of
invented data stays as it is.
"""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.describe.flow import ALL, ASSESSED, ENROLLED, KNOWN
from mnstudy.cohort.describe.missingness import missingness
from mnstudy.cohort.describe.table_one import table_one
from mnstudy.cohort.table import About, Cohort, about, known_improvement
from mnstudy.disclosure.notes import guarded_notes
from mnstudy.disclosure.small_counts import (
    FEW,
    NOT_SHOWN,
    THRESHOLD,
    hides_enough,
    is_small,
    withheld,
)
from mnstudy.verdicts.analyses.dropouts import NOT_COMPARED
from mnstudy.words.notes import Note, note, sentences

UNITS = ("patients", "sites")
SIZES = ("n_completers", "n_dropouts")


def shown_about(cohort: Cohort) -> About:
    """Describe a cohort as it may be shown: real data without small counts."""
    if cohort.synthetic:
        return about(cohort)
    return about(cohort, _known(cohort.data), *guarded_notes(cohort.remarks))


def _known(data: pd.DataFrame) -> Note:
    n, known = len(data), int(data["improvement_score"].notna().sum())
    if not is_small(known) and not is_small(n - known):
        return known_improvement(data)
    kind = "improvement_unknown_few" if known > n / 2 else "improvement_known_few"
    return note(kind, least=THRESHOLD)


def shown_notes(cohort: Cohort) -> tuple[str, ...]:
    """Return what was assumed while loading a cohort, in words that may be shown."""
    return cohort.notes if cohort.synthetic else sentences(guarded_notes(cohort.remarks))


def shown_table_one(cohort: Cohort, *, by: str = "arm") -> pd.DataFrame:
    """Return Table 1 as it may be shown, see ``mnstudy.table_one``.

    In real data counts under 5 are withheld (``<5``), and counts from which one would follow
    (``not shown``), by the rule of the report; so is a median of fewer than 5.
    """
    table = table_one(cohort, by=by)
    if cohort.synthetic:
        return table
    marks = pd.Series("", index=table.index)
    for _, own in table.groupby("unit", sort=False):
        enrolled = own[own["level"].eq(ENROLLED)].set_index("arm")["n"].astype("int64")
        for _, rows in own.groupby("measure", sort=False):
            found = _marks(rows, enrolled)
            marks[rows.index] = [found.at[x] for x in zip(rows["level"], rows["arm"], strict=True)]
    numbers = ["n", "share", "median", "q1", "q3"]
    table[numbers] = table[numbers].mask(marks.ne(""))
    return table.assign(shown=table["shown"].mask(marks.ne(""), marks))


def _marks(rows: pd.DataFrame, enrolled: pd.Series) -> pd.Series:
    """Say what stands for the counts of a measure; an arm of unknown size shows none."""
    of_arms = withheld(enrolled.to_frame().T).loc["n"]
    counts = rows.pivot(index="level", columns="arm", values="n").astype("int64")
    counts = counts.loc[rows["level"].unique(), rows["arm"].unique()]
    whole = pd.DataFrame([enrolled[counts.columns]], index=[ENROLLED])
    marks = withheld(pd.concat([counts.drop(index=ENROLLED, errors="ignore"), whole]))
    unknown = [arm for arm in counts.columns if of_arms[arm]]
    marks[unknown] = marks[unknown].mask(marks[unknown].eq(""), NOT_SHOWN)
    return marks.stack()


def shown_missingness(cohort: Cohort) -> pd.DataFrame:
    """Return what is missing as it may be shown, see ``mnstudy.missingness``.

    In real data counts under 5, and of all but fewer than 5, are withheld.
    """
    table = missingness(cohort)
    if cohort.synthetic:
        return table
    few = pd.Series(False, index=table.index)
    n_sites = len(cohort.data[["patient_id", "site_id"]].drop_duplicates())
    for name, n in (("missing", len(cohort.data)), ("sites", n_sites)):
        few |= table[name].map(is_small) | (n - table[name]).map(is_small)
    numbers = ["missing", "share", "sites", "share_sites"]
    table[numbers] = table[numbers].mask(few)
    return table.assign(shown=table["shown"].mask(few, f"{FEW} missing or known"))


def guarded_flow(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the flow of a cohort with a column ``shown``; what is withheld of it is missing.

    Parameters
    ----------
    table : DataFrame
        That of ``mnstudy.cohort.describe.flow.flow``.
    synthetic : bool

    Returns
    -------
    DataFrame
        The same with ``shown``: ``<5`` or ``not shown`` where the numbers are withheld, else
        empty.

    Notes
    -----
    Withheld of real data is a step of an arm that fewer than five patients or sites reached, or did
    not reach. Where patients were seen again and again, so is a step that lies fewer than five from
    another one shown of that arm: the two would tell who was lost between them. Where every site
    was seen once, the steps share out those with a result: the next smallest is withheld with a
    small one. Where an arm of a step could be worked out from the total, the next smallest arm is
    too.
    """
    found = table.assign(shown="")
    if synthetic:
        return found
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
    unknown = found["arm"].isin(found.loc[hidden & found["stage"].eq(ENROLLED), "arm"])
    found["share"] = found["share"].mask(unknown)
    return found


def _giving_away(rows: pd.DataFrame, small: pd.Series) -> list[int]:
    """Return the steps of an arm from which a small one, or a few lost on the way, would follow."""
    seen = rows[rows["stage"].eq(ASSESSED) & rows["sites"].gt(0)]
    known = rows[rows["stage"].eq(KNOWN)]
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


def guarded_dropouts(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the comparison of completers and drop-outs as it may be shown.

    Parameters
    ----------
    table : DataFrame
        That of ``mnstudy.verdicts.analyses.dropouts.completers_and_dropouts``.
    synthetic : bool

    Notes
    -----
    Sizes of 1 to 4 are missing. In real data a share is withheld where fewer than five patients of
    a group have, or lack, the level. The patients of a cohort are the completers and the drop-outs:
    where the number of one group is missing, that of the other is too.
    """
    found = table.copy()
    for name in SIZES:
        found[name] = found[name].mask(found[name].map(is_small, na_action="ignore").eq(True))
    if synthetic:
        return found
    few = _few_with_level(table)
    found.loc[few, ["completers", "dropouts", "difference", "ci_low", "ci_high"]] = float("nan")
    found.loc[few, "method"] = NOT_COMPARED
    found[list(SIZES)] = found[list(SIZES)].mask(found[list(SIZES)].isna().any(axis=1))
    return found


def _few_with_level(table: pd.DataFrame) -> pd.Series:
    """Tell which shares rest on fewer than five patients with a level, or without it."""
    few = pd.Series(False, index=table.index)
    for percent, size in zip(("completers", "dropouts"), SIZES, strict=True):
        n = table[size].astype("Float64")
        having = (table[percent].astype("Float64") * n / 100).round()
        few |= having.between(1, THRESHOLD - 1) | (n - having).between(1, THRESHOLD - 1)
    return few.fillna(False).astype(bool) & table["level"].ne("")
