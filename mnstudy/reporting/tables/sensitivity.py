"""A verdict under other choices, for readers: in one sentence and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from textwrap import shorten
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.words.notes import Note

MARGINS, CLINICS, TYPES = "margins", "clinics", "scar types"
TIPPING, WORST = "tipping point", "worst case"
WITHOUT, ONLY = "without_level", "only_level"  # choices that name a clinic or a scar type
NAMES = {
    "adjustment": "covariates",
    "model": "other model",
    "missing": "lost results",
    TIPPING: "lost results, pushed further",
    WORST: "unseen results at both extremes",
    CLINICS: "each clinic left out",
    TYPES: "each scar type alone",
}
LONG = 120  # letters of a reason that the table holds; the file has all of them
NAMED = 3  # choices named in the sentence before the rest is only counted


def summary(finding: Finding, rows: pd.DataFrame) -> list[str]:
    """Return the sentences that say whether another choice would change the verdict."""
    choices = rows[~rows["check"].isin((MARGINS, TIPPING, WORST, TYPES))]
    choices = choices[~_not_in_it(finding, choices)]
    alone = rows[rows["check"].eq(TYPES)]
    sentences = []
    if len(choices):
        other = "other choice" if len(choices) == 1 else "other choices"
        sentences.append(_stays(finding, choices, "under", other))
    if len(alone):
        kind = "scar type taken alone" if len(alone) == 1 else "scar types taken alone"
        sentences.append(_stays(finding, alone, "in", kind))
    sentences += _pushed(rows.loc[rows["check"].eq(TIPPING), "choice"].tolist())
    ends = rows.loc[rows["check"].eq(WORST), "verdict"].tolist()
    if len(ends) == 2:
        sentences.append(
            f"Unseen results taken at one extreme: {ends[0]}; at the other: {ends[1]}."
        )
    return [*sentences, *over_margins(finding, rows)]


def _not_in_it(finding: Finding, rows: pd.DataFrame) -> pd.Series:
    """Tell which clinics had no patient in the finding, so that leaving them out is no choice."""
    value = math.nan if finding.estimate is None else finding.estimate.value
    same = [math.isclose(x, value, rel_tol=1e-9) for x in rows["estimate"].astype("float64")]
    return rows["check"].eq(CLINICS) & pd.Series(same, index=rows.index, dtype=bool)


def _pushed(choices: list[Note]) -> list[str]:
    """Say how far lost results may be off; in one sentence where neither direction matters."""
    sides = tuple(choice["side"] for choice in choices)
    if len(choices) == 2 and choices[0].having(side=sides[1]) == choices[1]:
        choices = [choices[0].having(side=sides)]
    return [f"{c[:1].upper()}{c[1:]}." for c in map(str, choices)]


def _stays(finding: Finding, rows: pd.DataFrame, how: str, what: str) -> str:
    other = rows[rows["verdict"] != finding.verdict]
    same, total = len(rows) - len(other), len(rows)
    if not len(other):
        number = f"the {total}" if total == 1 else f"all {total}"
        return f"The verdict stays {finding.verdict} {how} {number} {what}."
    head = f"The verdict stays {finding.verdict} {how} {same} of {total} {what}"
    changes = []
    for verdict in dict.fromkeys(other["verdict"]):
        chosen = other.loc[other["verdict"] == verdict, "choice"].tolist()
        plain = all(choice.kind in (WITHOUT, ONLY) for choice in chosen)
        changes.append(f"{verdict}{' ' if plain else ': '}{_listed(list(map(_named, chosen)))}")
    return f"{head}; it changes to {'; to '.join(changes)}."


def _named(choice: Note) -> str:
    return f"in {choice['level']}" if choice.kind == ONLY else str(choice)


def _listed(named: Sequence[str]) -> str:
    """Join some names; the rest is counted."""
    if len(named) <= NAMED + 1:
        return _and(list(named))
    return _and([*named[:NAMED], f"{len(named) - NAMED} more"])


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def over_margins(finding: Finding, rows: pd.DataFrame) -> list[str]:
    """Say in one sentence which verdict holds up to which margin; nothing for a single margin."""
    table = rows[rows["check"].eq(MARGINS)].sort_values("share")
    if len(table) < 2:
        return []
    pairs = list(zip(table["verdict"], table["margin"], strict=True))
    runs = [(v, [m for _, m in same]) for v, same in groupby(pairs, key=lambda pair: pair[0])]
    unit = finding.estimate.unit if finding.estimate else finding.claim.unit
    first, last = (fmt.as_entered(float(pairs[i][1])) for i in (0, -1))
    if len(runs) == 1:
        return [f"With every margin from {first} to {last} {unit}: {runs[0][0]}."]
    parts = [f"{runs[0][0]} up to a margin of {fmt.as_entered(float(runs[0][1][-1]))} {unit}"]
    for verdict, margins in runs[1:-1]:
        ends = dict.fromkeys(fmt.as_entered(float(m)) for m in (margins[0], margins[-1]))
        parts.append(f"{verdict} at {' to '.join(ends)}")
    parts.append(f"{runs[-1][0]} from {fmt.as_entered(float(runs[-1][1][0]))} on")
    text = ", ".join(parts)
    return [f"{text[:1].upper()}{text[1:]} (margins from {first} to {last} were tried)."]


def groups(finding: Finding, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table of a claim, those over margins apart, by check."""
    shown = rows[~rows["check"].eq(MARGINS)]
    records = list(zip(shown.to_dict("records"), _not_in_it(finding, shown), strict=True))
    found = []
    for check in dict.fromkeys(row["check"] for row, _ in records):
        own = [(row, without) for row, without in records if row["check"] == check]
        name, n = NAMES.get(check, check), sum(bool(without) for _, without in own)
        if n:
            name += f" ({fmt.count(n, 'clinic')} not in this estimate: unchanged)"
        cells = [_cells(finding, row) for row, without in own if not without]
        found.append({"name": name, "rows": cells})
    return found


def _cells(finding: Finding, row: dict[Any, Any]) -> dict[str, Any]:
    n = row["n_patients"]
    return {
        "choice": str(row["choice"]),
        "estimate": _written(row),
        "n": "" if pd.isna(n) else f"{int(n):,}",
        "verdict": row["verdict"],
        "changed": row["verdict"] != finding.verdict,
        "reason": shorten(str(row["reason"]), LONG, placeholder=" …")
        if row["verdict"] == "not testable"
        else "",
    }


def _written(row: dict[Any, Any]) -> str:
    ends = [float(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    if math.isnan(ends[0]):
        return ""
    digits = fmt.decimals_for(*ends)
    value, low, high = (fmt.number(x, digits) for x in ends)
    return f"{value} ({low} to {high})"
