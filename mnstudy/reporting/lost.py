"""Who was lost, as a report may show it: small counts, and what would give them away, withheld."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.flow_counts import ALL, withheld_flow
from mnstudy.cohort.small_counts import FEW, NOT_SHOWN

AFTER = "assessed after "
MEASURES = {
    "baseline_severity": "severity at baseline",
    "session_count": "sessions completed",
    "improvement_score": "improvement first known",
    "needle_depth_mm": "depth where needled",
}
GROUP = ("completers", "dropouts", "difference", "ci_low", "ci_high")


def guarded_attrition(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the counts with a column ``shown``; withheld ones of a real cohort are missing."""
    return table.assign(shown="") if synthetic else withheld_flow(table)


def attrition_table(table: pd.DataFrame) -> dict[str, Any]:
    """Return the counts as arms by steps, in the words of the page."""
    steps = list(dict.fromkeys(table["step"]))
    one_site = bool(table["patients"].eq(table["sites"]).fillna(True).all())
    arms = []
    for arm in dict.fromkeys(table["arm"]):
        own = table[table["arm"] == arm].set_index("step")
        cells = [_cell(own.loc[step].to_dict(), one_site=one_site) for step in steps]
        arms.append({"name": "everybody" if arm == ALL else arm, "cells": cells})
    after = [s.removeprefix(AFTER) for s in steps if s.startswith(AFTER)]
    before = steps[: _first(steps)]
    return {
        "before": before,
        "after": after,
        "rest": steps[len(before) + len(after) :],
        "arms": arms,
        "one_site": one_site,
    }


def _first(steps: Sequence[str]) -> int:
    return next((i for i, s in enumerate(steps) if s.startswith(AFTER)), len(steps))


def _cell(row: dict[Any, Any], *, one_site: bool) -> dict[str, str]:
    if row["shown"]:
        return {"n": row["shown"], "under": ""}
    share = (
        ""
        if pd.isna(row["share"]) or not row["sites"]
        else f"{fmt.number(100 * row['share'], 0)}{fmt.NBSP}%"
    )
    under = share if one_site or not row["sites"] else f"{int(row['sites']):,} · {share}"
    return {"n": f"{int(row['patients']):,}", "under": under.removesuffix(" · ")}


def guarded_dropouts(table: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """Return the comparison; in a real cohort a group of unknown size hides the other's size too.

    The patients of a cohort are the completers and the drop-outs: the number of the one would
    give that of the other.
    """
    if synthetic:
        return table
    both = ["n_completers", "n_dropouts"]
    found = table.copy()
    hidden = table[both].isna().any(axis=1)
    for name in both:
        found[name] = found[name].mask(hidden)
    return found


def dropouts_table(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the comparison in the words of the page; empty where nothing can be compared."""
    if table["completers"].isna().all():
        return []
    return [_compared(row) for row in table.to_dict("records")]


def _compared(row: dict[Any, Any]) -> dict[str, str]:
    level = str(row["level"]).replace("_", " ")
    measure = MEASURES.get(row["measure"], str(row["measure"]).replace("_", " "))
    unit = "%" if row["level"] else fmt.short_unit(row["unit"])
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
