"""The published evidence as it is printed: a row for every claim, measure and endpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.formatting_profiles import Profile, profile_named
from mnstudy.reporting.tables.printed_table import Column, Lettered, PrintedTable, Row, RowGroup
from mnstudy.words.units import short

MEASURES = {
    "smd": "standardised difference between arms",
    "smc": "standardised change from before to after",
    "md": "difference of means",
    "mean": "mean",
    "proportion": "share of patients",
    "risk_difference": "difference of risks",
    "odds_ratio": "odds ratio",
    "correlation": "correlation",
}
WORDS = {"pih": "hyperpigmentation", "vas": "visual analogue scale", "0 10": "0 to 10"}
BEYOND = 10_000  # a ratio or an end of it larger than this says nothing but "not known"
DATASET = "published trials"
DECIDES = "this group decides the verdict on the claim; the others are shown beside it"
NOTES = (
    "controlled and uncontrolled studies are never pooled, nor are different endpoints; k: number "
    "of studies",
    "prediction: where the result of a further study may lie; missing where one study, or counts "
    "added up, allow none",
    "certainty is computed from the tables by fixed thresholds in the manner of GRADE; nobody "
    "rated it",
)


def evidence_printed(
    table: pd.DataFrame, *, profile: str | Profile = "default"
) -> PrintedTable | None:
    """Print the table of the published evidence.

    Parameters
    ----------
    table : DataFrame
        As ``mnstudy.evidence_table`` returns it, or some of its rows.
    profile : str or Profile
        Number format, see ``mnstudy.formatting_profiles``.

    Returns
    -------
    PrintedTable or None
        None without a row. Claims in the order of the table, a row for each measure and endpoint;
        a claim without any says so.

    Examples
    --------
    >>> import mnstudy as mn
    >>> printed = evidence_printed(mn.evidence_table(["rare-bruising", "home-riskier"]))
    >>> [row.cells[0] for row in printed.rows]
    ['share of patients, %: bruising', 'nothing found']
    """
    if table.empty:
        return None
    style, letters = profile_named(profile), Lettered()
    levels = table["confidence_level"].dropna().unique()
    level = f"{style.level(float(levels[0]))} " if len(levels) == 1 else ""
    groups = []
    for _, own in table.groupby("claim", sort=False):
        rows = tuple(_row(row, style, letters) for row in own.to_dict("records"))
        groups.append(RowGroup(title=str(own["title"].iloc[0]), rows=rows))
    right = [f"Estimate ({level}CI)", "Prediction", "I\N{SUPERSCRIPT TWO}, %"]
    return PrintedTable(
        key="evidence",
        title="Published evidence by claim, measure and endpoint",
        dataset=DATASET,
        synthetic=False,
        columns=(
            Column(head="Measure and endpoint"),
            Column(head="Comparison"),
            Column(head="k", align="right"),
            Column(head="People", align="right"),
            *(Column(head=head, align="right") for head in right),
            Column(head="Certainty"),
            Column(head="Verdict"),
        ),
        groups=tuple(groups),
        lettered=letters.notes,
        notes=NOTES,
        profile=style.name,
    )


def _row(row: Mapping[Any, Any], style: Profile, letters: Lettered) -> Row:
    if not row["k"]:
        cells = [row["state"], "", "0", "", "", "", "", "", row["verdict"]]
        return Row(cells=tuple(str(c) for c in cells), marks=((0, letters(row["reason"])),))
    name = f"{_measure(row)}: {_plain(row['endpoint'])}"
    ends = fmt.Ends(value=row["estimate"], ci_low=row["ci_low"], ci_high=row["ci_high"])
    ahead = fmt.Ends(value=math.nan, ci_low=row["prediction_low"], ci_high=row["prediction_high"])
    cells = [
        name,
        _comparison(row),
        style.count(int(row["k"])),
        style.count(int(row["people"])),
        _interval(ends),
        _between(ahead.ci_low, ahead.ci_high, row),
        "" if math.isnan(row["i2"]) else fmt.number(row["i2"], 0),
        str(row["certainty"]),
        str(row["verdict"]),
    ]
    marks = [(0, letters(DECIDES))] if row["decides"] else []
    return Row(cells=tuple(cells), strong=bool(row["decides"]), marks=tuple(marks))


def _comparison(row: Mapping[Any, Any]) -> str:
    kind = str(row["comparison"])
    if kind == "observational":
        return "controlled, not randomised" if row["controlled"] else "between patients"
    return "one group" if kind == "rate" else kind


def _measure(row: Mapping[Any, Any]) -> str:
    """Return the measure with its unit, unless it says that already."""
    name, unit = MEASURES.get(row["measure"], _plain(row["measure"])), str(row["unit"])
    return name if unit == name else f"{name}, {short(unit)}"


def _interval(ends: fmt.Ends) -> str:
    """Write an estimate; an end of a ratio beyond any meaning is written as such."""
    if ends.ci_high <= BEYOND or math.isnan(ends.ci_high):
        return fmt.interval(ends)
    digits = fmt.decimals_for(ends.value)
    low = fmt.number(ends.ci_low, 2)
    return f"{fmt.number(ends.value, digits)} ({low} to over {fmt.number(BEYOND, 0)})"


def _between(low: float, high: float, row: Mapping[Any, Any]) -> str:
    if math.isnan(low) and math.isnan(high):
        return ""
    digits = fmt.decimals_for(low, high, row["estimate"]) if high <= BEYOND else 2
    end = fmt.number(high, digits) if high <= BEYOND else f"over {fmt.number(BEYOND, 0)}"
    return f"{fmt.number(low, digits)} to {end}"


def _plain(name: str) -> str:
    """Return an endpoint of the tables in words."""
    words = str(name).replace("_", " ")
    for brief, long in WORDS.items():
        words = f" {words} ".replace(f" {brief} ", f" {long} ").strip()
    head, _, number = words.rpartition(" ")
    return f"{head} of {number} % or more" if head == "response" else words
