"""Who was studied: Table 1 as it is printed, flow of patients, and who was lost; no p-values."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.flow import ALL, ENROLLED
from mnstudy.cohort.describe.table_one import table_one
from mnstudy.cohort.table import Cohort
from mnstudy.formatting import Profile, profile_named
from mnstudy.reporting.tables.printed_table import Column, PrintedTable, Row, RowGroup
from mnstudy.words.notes import note, sentences
from mnstudy.words.units import short

MOST_ARMS = 6  # columns beside everybody that a page can hold
MEASURES = {
    "age_band": "age, years",
    "session_count": "sessions completed",
    "needle_depth_mm": "needle depth, mm",
    "baseline_severity": "severity at baseline (Goodman-Baron)",
}
ABBREVIATIONS = ("rf", "prp", "tca")
DROPOUT_MEASURES = {
    "baseline_severity": "severity at baseline",
    "session_count": "sessions completed",
    "improvement_score": "improvement first known",
    "needle_depth_mm": "depth where needled",
}
COMPARED = ("completers", "dropouts", "difference", "ci_low", "ci_high")


def baseline_table(
    cohort: Cohort, *, by: str | None = None, profile: str | Profile = "default"
) -> PrintedTable:
    """Print Table 1: who was studied and what was treated.

    Parameters
    ----------
    cohort : Cohort
    by : {"arm", "treatment"}, optional
        Columns beside everybody, see ``mnstudy.table_one``; when left out the arms, or the
        treatments where there are more than six arms.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable

    Notes
    -----
    The numbers are those of ``table_one``. Percentages are of the patients, or sites, of the group;
    a median is that of the known values.

    Examples
    --------
    >>> import mnstudy as mn
    >>> table = baseline_table(mn.load("demo_split_face"), profile="jama")
    >>> [row.cells[1] for row in table.rows if row.cells[0] == "female"]
    ['27 (68%)']
    """
    style = profile_named(profile)
    found = _table(cohort, by)
    arms = list(dict.fromkeys(found["arm"]))
    names = ["All" if arm == ALL else _head(arm) for arm in arms]
    groups = [
        RowGroup(title=_unit(str(unit), cohort), rows=tuple(_rows(own, arms, style)))
        for unit, own in found.groupby("unit", sort=False)
    ]
    notes = {
        "baseline_counts": True,
        "baseline_counted_twice": _counted_twice(found, arms),
        "baseline_not_tested": True,
    }
    return PrintedTable(
        key=f"baseline_{cohort.name}",
        section="table1",
        title=f"Baseline characteristics of the {cohort.person}s and the treated sites, "
        f"{cohort.name}",
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        columns=(Column(head="Characteristic"), *(Column(head=n, align="right") for n in names)),
        groups=tuple(groups),
        notes=sentences(note(kind) for kind, holds in notes.items() if holds),
        profile=style.name,
    )


def _table(cohort: Cohort, by: str | None) -> pd.DataFrame:
    """Return Table 1; where the columns are the treatments they are not counted again below."""
    found = table_one(cohort, by=by or "arm")
    if by is None and found["arm"].nunique() > MOST_ARMS + 1:
        by, found = "treatment", table_one(cohort, by="treatment")
    again = by == "treatment" and found["arm"].nunique() > 1
    return found[found["measure"].ne("treatment")] if again else found


def _spelled(words: str) -> str:
    """Return words with their abbreviations in capitals."""
    return " ".join(w.upper() if w in ABBREVIATIONS else w for w in words.split(" "))


def _head(arm: str) -> str:
    text = _spelled(arm)
    return text[:1].upper() + text[1:]


def _unit(unit: str, cohort: Cohort) -> str:
    return f"{cohort.person.capitalize()}s" if unit == "patients" else "Treated sites"


def _counted_twice(found: pd.DataFrame, arms: list[str]) -> bool:
    """Tell whether people are in several groups."""
    own = found[found["unit"].eq("patients") & found["level"].eq(ENROLLED)].set_index("arm")["n"]
    return len(arms) > 1 and bool(own[arms[1:]].sum() != own[ALL])


def _rows(own: pd.DataFrame, arms: list[str], style: Profile) -> list[Row]:
    total = own[own["level"] == ENROLLED].set_index("arm")["n"]
    rows = []
    for measure, levels in own.groupby("measure", sort=False):
        if levels["level"].eq(ENROLLED).all():
            cells = tuple(_cell(levels, arm, total, style) for arm in arms)
            rows.append(Row(cells=("No.", *cells)))
            continue
        name = MEASURES.get(str(measure), str(measure).replace("_", " "))
        rows.append(Row(cells=(name[:1].upper() + name[1:], *[""] * len(arms)), strong=True))
        for level, line in levels.groupby("level", sort=False):
            cells = tuple(_cell(line, arm, total, style) for arm in arms)
            name = _spelled(str(level)) if measure == "treatment" else str(level)
            rows.append(Row(cells=(name, *cells), indent=1))
    return rows


def _cell(line: pd.DataFrame, arm: str, total: pd.Series, style: Profile) -> str:
    """Write one cell by the profile."""
    own = line[line["arm"] == arm]
    if own.empty:
        return ""
    row = own.iloc[0]
    if row["level"] == ENROLLED:
        return style.count(int(row["n"]))
    if pd.isna(row["share"]):
        return _median(row)
    n = int(row["n"])
    return f"{style.count(n)} ({style.percent(n, int(total[arm]))})"


def _median(row: pd.Series) -> str:
    values = [float(row[c]) for c in ("median", "q1", "q3")]
    if pd.isna(values[0]):
        return ""
    whole = all(v.is_integer() for v in values)
    middle, low, high = (fmt.number(v, 0 if whole else fmt.decimals_for(*values)) for v in values)
    return f"{middle} ({low} to {high})"


def flow_table(table: pd.DataFrame) -> dict[str, Any]:
    """Return the flow as arms by steps, in the words of the page."""
    after = dict(zip(table["step"], table["after"], strict=True))
    steps = list(after)
    one_site = bool(table["patients"].eq(table["sites"]).all())
    arms = []
    for arm in dict.fromkeys(table["arm"]):
        own = table[table["arm"] == arm].set_index("step")
        cells = [_flow_cell(own.loc[step].to_dict(), one_site=one_site) for step in steps]
        arms.append({"name": "everybody" if arm == ALL else arm, "cells": cells})
    first = next((i for i, step in enumerate(steps) if after[step]), len(steps))
    sessions = [words for words in after.values() if words]
    return {
        "before": steps[:first],
        "after": sessions,
        "rest": steps[first + len(sessions) :],
        "arms": arms,
        "one_site": one_site,
    }


def _flow_cell(row: dict[Any, Any], *, one_site: bool) -> dict[str, str]:
    share = "" if not row["sites"] else f"{fmt.number(100 * row['share'], 0)}{fmt.NBSP}%"
    sites = "" if one_site or not row["sites"] else f"{int(row['sites']):,}"
    return {"n": f"{int(row['patients']):,}", "under": " · ".join(filter(None, (sites, share)))}


def dropouts_table(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the comparison in the words of the page; empty where nothing can be compared."""
    if table["completers"].isna().all():
        return []
    return [_compared(row) for row in table.to_dict("records")]


def _compared(row: dict[Any, Any]) -> dict[str, str]:
    level = str(row["level"]).replace("_", " ")
    measure = DROPOUT_MEASURES.get(row["measure"], str(row["measure"]).replace("_", " "))
    unit = "%" if row["level"] else short(row["unit"])
    n = [f"{int(row[x]):,}" for x in ("n_completers", "n_dropouts")]
    named = {"name": f"{measure}: {level}" if level else measure, "n": " and ".join(n)}
    values = [float(row[x]) for x in COMPARED]
    if math.isnan(values[0]):
        return named | {"completers": "", "dropouts": "", "difference": "not compared"}
    digits = fmt.decimals_for(*values[:3])
    stayed, gone, apart, low, high = (fmt.number(x, digits) for x in values)
    between = f"{apart} ({low} to {high})" if not math.isnan(values[3]) else apart
    return named | {
        "completers": f"{stayed} {unit}",
        "dropouts": f"{gone} {unit}",
        "difference": between,
    }
