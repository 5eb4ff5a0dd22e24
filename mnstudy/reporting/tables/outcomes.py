"""The outcomes as they are printed: CONSORT 2025 item 26, primary claims of the plan first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.formatting import Profile, profile_named
from mnstudy.reporting.tables.printed_table import Column, Lettered, PrintedTable, Row, RowGroup
from mnstudy.verdicts.displays.outcomes import CLAIMED, outcomes
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.words.notes import note, sentences

PLANNED, POST_HOC = "Primary claims of the plan", "Other claims (exploratory)"
NO_PLAN = "All claims (exploratory: the plan declares no primary claim)"
NOTES = ("outcome_results", "outcome_effects", "outcome_ratios", "outcome_p")
COMPARISONS = {
    "randomised": "randomised groups",
    "observational": "groups not randomised: a difference need not come from the treatment",
    "uncontrolled": "no control group: the change need not come from the treatment",
    "within": "within the patient",
    "rate": "",
}
OF_MODEL = {
    "adjusted mean": "adjusted mean of the model with its interval",
    "geometric mean": "geometric mean with its interval",
}


def outcome_table(
    cohort: Cohort, findings: Iterable[Finding], *, profile: str | Profile = "default"
) -> PrintedTable | None:
    """Print the outcomes of a cohort: numbers and results by group, absolute and relative effect.

    Parameters
    ----------
    cohort : Cohort
    findings : iterable of Finding
        Of ``mnstudy.evaluate`` on this cohort.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable or None
        None where no claim could be tested. A row a claim with its effect, the groups below it.

    Notes
    -----
    The numbers are those of ``mnstudy.verdicts.displays.outcomes``.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> table = outcome_table(cohort, mn.evaluate(cohort, "topical-adjunct"), profile="jama")
    >>> table.rows[0].cells[3:]
    ('7.9 (5.3 to 10.5)', '', '<.001')
    """
    style, asked = profile_named(profile), list(findings)
    found = outcomes(cohort, asked)
    if found.empty:
        return None
    letters = Lettered()
    shown = {f.claim.id: f for f in asked}
    planned = found["planned"]
    parts = [(PLANNED, found[planned]), (POST_HOC, found[~planned])]
    if not planned.any():
        parts = [(NO_PLAN, found)]
    groups = [
        RowGroup(title=title, rows=tuple(_rows(own, shown, style, letters)))
        for title, own in parts
        if len(own)
    ]
    level = _level(found, style)
    return PrintedTable(
        key=f"outcomes_{cohort.name}",
        section="outcomes",
        title=f"Outcomes by group, {cohort.name}: numbers, results, absolute and relative effect",
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        columns=(
            Column(head="Outcome and group"),
            Column(head=f"{cohort.person.capitalize()}s, known/all", align="right"),
            Column(head="Result", align="right"),
            Column(head=f"Effect ({level}CI)", align="right"),
            Column(head=f"Ratio ({level}CI)", align="right"),
            Column(head="P", align="right"),
        ),
        groups=tuple(groups),
        lettered=letters.notes,
        notes=sentences(map(note, NOTES)),
        profile=style.name,
    )


def _level(found: pd.DataFrame, style: Profile) -> str:
    """Return the level of all intervals for a head; nothing where they differ."""
    levels = found["confidence_level"].unique()
    return f"{style.level(float(levels[0]))} " if len(levels) == 1 else ""


def _rows(
    found: pd.DataFrame, findings: Mapping[str, Finding], style: Profile, letters: Lettered
) -> list[Row]:
    rows = []
    for (claim, _), own in found.groupby(["claim", "reading"], sort=False):
        finding = findings[str(claim)]
        groups = own.to_dict("records")
        first = groups[0]
        claimed = first["reading"] == CLAIMED
        rows.append(_effect(first, finding, style, letters))
        if claimed and finding.simultaneous is not None:
            rows.append(_together(finding, style))
        depth = 1 if claimed else 2
        rows += [_group(group, style, letters, depth) for group in groups]
    return rows


def _effect(row: Mapping[Any, Any], finding: Finding, style: Profile, letters: Lettered) -> Row:
    """Write the effect, its ratio and its p-value."""
    claimed = row["reading"] == CLAIMED
    part = next((p for p in finding.parts if p.label == row["label"]), None)
    number = finding.estimate if claimed else part
    assert number is not None
    marks = [(3, letters(_method(row)))]
    ratio = "" if math.isnan(row["ratio"]) and not row["ratio_note"] else _ratio(row)
    if ratio:
        about = (row["ratio_method"], row["ratio_note"])
        marks.append((4, letters("; ".join(filter(None, about)))))
    p = style.p_cell(row["p_value"]) if claimed else ""
    name = f"{row['label']}, {row['unit']}"
    return Row(
        cells=(name, "", "", fmt.interval(number), ratio, p),
        indent=0 if claimed else 1,
        strong=claimed,
        marks=tuple(marks),
    )


def _method(row: Mapping[Any, Any]) -> str:
    kind = COMPARISONS.get(row["comparison"], row["comparison"])
    return f"{row['method']}; {kind}" if kind else str(row["method"])


def _ratio(row: Mapping[Any, Any]) -> str:
    """Write the ratio; where there is no interval, or no ratio, its note says why."""
    if math.isnan(row["ratio"]):
        return "none"
    ends = fmt.Ends(value=row["ratio"], ci_low=row["ratio_low"], ci_high=row["ratio_high"])
    finite = [x for x in (ends.value, ends.ci_low, ends.ci_high) if math.isfinite(x)]
    return fmt.interval(ends, 1 if min(finite, default=0.0) >= 10 else 2)


def _together(finding: Finding, style: Profile) -> Row:
    """Return the interval that holds for the family, on which the verdict rests."""
    family, estimate = finding.simultaneous, finding.estimate
    assert family is not None
    assert estimate is not None
    digits = fmt.decimals_for(estimate.value, estimate.ci_low, estimate.ci_high)
    low, high = (fmt.number(x, digits) for x in (family.ci_low, family.ci_high))
    name = f"interval for all {finding.family} primary claims together"
    p = "" if math.isnan(finding.p_holm) else f"{style.p_cell(finding.p_holm)} (Holm)"
    return Row(cells=(name, "", "", f"({low} to {high})", "", p), indent=1)


def _group(group: Mapping[Any, Any], style: Profile, letters: Lettered, depth: int) -> Row:
    """Write a group: how many are known of how many (``107/108``), and their result."""
    numbers = [style.count(int(n)) for n in (group["n"], group["in_group"]) if not pd.isna(n)]
    mark = OF_MODEL.get(group["kind"], "")
    return Row(
        cells=(str(group["group"]), "/".join(numbers), _result(group, style), "", "", ""),
        indent=depth,
        marks=((2, letters(mark)),) if mark else (),
    )


def _result(group: Mapping[Any, Any], style: Profile) -> str:
    if group["kind"] == "mean":
        return style.mean_sd(group["mean"], group["sd"])
    if group["kind"] in OF_MODEL:
        ends = (group["mean"], group["mean_low"], group["mean_high"])
        return fmt.interval(fmt.Ends(value=ends[0], ci_low=ends[1], ci_high=ends[2]))
    if group["kind"] == "events":
        return style.events(int(group["events"]), int(group["n"]))
    return ""
