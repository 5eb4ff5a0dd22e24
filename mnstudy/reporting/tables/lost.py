"""The flow of patients and those who were lost, in the words of a page."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.flow import ALL
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN
from mnstudy.words.units import short

MEASURES = {
    "baseline_severity": "severity at baseline",
    "session_count": "sessions completed",
    "improvement_score": "improvement first known",
    "needle_depth_mm": "depth where needled",
}
GROUP = ("completers", "dropouts", "difference", "ci_low", "ci_high")


def flow_table(table: pd.DataFrame) -> dict[str, Any]:
    """Return the flow as it may be shown as arms by steps, in the words of the page."""
    after = dict(zip(table["step"], table["after"], strict=True))
    steps = list(after)
    one_site = bool(table["patients"].eq(table["sites"]).fillna(True).all())
    arms = []
    for arm in dict.fromkeys(table["arm"]):
        own = table[table["arm"] == arm].set_index("step")
        cells = [_cell(own.loc[step].to_dict(), one_site=one_site) for step in steps]
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


def _cell(row: dict[Any, Any], *, one_site: bool) -> dict[str, str]:
    if row["shown"]:
        return {"n": row["shown"], "under": ""}
    share = (
        ""
        if pd.isna(row["share"]) or not row["sites"]
        else f"{fmt.number(100 * row['share'], 0)}{fmt.NBSP}%"
    )
    sites = "" if one_site or not row["sites"] else f"{int(row['sites']):,}"
    return {"n": f"{int(row['patients']):,}", "under": " · ".join(filter(None, (sites, share)))}


def dropouts_table(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the comparison in the words of the page; empty where nothing can be compared."""
    if table["completers"].isna().all():
        return []
    return [_compared(row) for row in table.to_dict("records")]


def _compared(row: dict[Any, Any]) -> dict[str, str]:
    level = str(row["level"]).replace("_", " ")
    measure = MEASURES.get(row["measure"], str(row["measure"]).replace("_", " "))
    unit = "%" if row["level"] else short(row["unit"])
    n = [f"{int(row[x]):,}" if pd.notna(row[x]) else FEW for x in ("n_completers", "n_dropouts")]
    named = {"name": f"{measure}: {level}" if level else measure, "n": " and ".join(n)}
    values = [float(row[x]) for x in GROUP]
    if math.isnan(values[0]):
        return named | {"completers": "", "dropouts": "", "difference": NOT_SHOWN, "n": ""}
    digits = fmt.decimals_for(*values[:3])
    stayed, gone, apart, low, high = (fmt.number(x, digits) for x in values)
    between = f"{apart} ({low} to {high})" if not math.isnan(values[3]) else apart
    return named | {
        "completers": f"{stayed} {unit}",
        "dropouts": f"{gone} {unit}",
        "difference": between,
    }
