"""The harms as they are printed: events down, groups across, every denominator shown."""

from __future__ import annotations

import math
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.formatting import Profile, profile_named
from mnstudy.reporting.tables.printed_table import Column, PrintedTable, Row, RowGroup
from mnstudy.reporting.words import difference_words
from mnstudy.verdicts.displays.harms import Harms, harms
from mnstudy.words.notes import note, sentences


def harms_table(
    cohort: Cohort, *, confidence_level: float | None = None, profile: str | Profile = "default"
) -> PrintedTable | None:
    """Print the adverse events of a cohort: patients with the event of those at risk, by group.

    Parameters
    ----------
    cohort : Cohort
    confidence_level : float, optional
        Of the limits; that of the study's plan when left out.
    profile : str or Profile
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    PrintedTable or None
        None where the table has no adverse event. For each event: patients with it of those
        recorded, the exact limits, the sessions; the difference of two groups beside them.

    Notes
    -----
    The numbers are those of ``mnstudy.verdicts.displays.harms.harms``. Events are never tested
    against each other: with few of them P tells nothing, the limits do.

    Examples
    --------
    >>> import mnstudy as mn
    >>> table = harms_table(mn.load("demo_split_face"), profile="annals")
    >>> [row.cells[1] for row in table.rows[:2]]
    ['0/40 (0%)', 'up to 8.8']
    """
    style = profile_named(profile)
    level = cohort.study.plan.confidence_level if confidence_level is None else confidence_level
    found = harms(cohort, confidence_level=level)
    if found.rows.empty:
        return None
    heads = [Column(head=arm[:1].upper() + arm[1:], align="right") for arm in found.arms]
    if len(found.differences):
        heads.append(Column(head=f"Difference ({style.level(level)} CI)", align="right"))
    return PrintedTable(
        key=f"harms_{cohort.name}",
        section="harms",
        title=f"Adverse events by group, {cohort.name}: {cohort.person}s with the event among "
        "those in whom it was recorded (%)",
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        columns=(Column(head="Event"), *heads),
        groups=(RowGroup(title="", rows=tuple(_rows(found, style, level))),),
        notes=tuple(_notes(found)),
        profile=style.name,
    )


def _notes(found: Harms) -> list[str]:
    first = [note("harms_zero")] if found.rows["events"].eq(0).any() else []
    first += [note("harms_sessions")] if found.rows["sessions"].gt(0).any() else []
    difference = f"no difference is given: {found.no_difference}"
    if len(found.differences):
        shown = [m for m in found.differences["method"].unique() if m]
        pair = f"{found.arms[0]} minus {found.arms[1]}"
        difference = "; ".join([f"difference: percentage points, {pair}", *shown])
    return [*sentences(first), difference, *sentences([*found.notes, note("harms_collected")])]


def _rows(found: Harms, style: Profile, level: float) -> list[Row]:
    rows: list[Row] = []
    by_event = {str(e): own for e, own in found.rows.groupby("event", sort=False)}
    for event, own in by_event.items():
        cells = [own[own["arm"] == arm].iloc[0].to_dict() for arm in found.arms]
        extra = [_difference(found, event)] if len(found.differences) else []
        empty = [""] * len(extra)
        label = str(own["label"].iloc[0])
        counts = [_count(cell, style) for cell in cells]
        rows.append(Row(cells=(label[:1].upper() + label[1:], *counts, *extra), strong=True))
        unknown = [f"{cell['unknown']:,}" for cell in cells]
        further = {
            f"exact {style.level(level)} limits, %": [_limits(cell) for cell in cells],
            "sessions": [_sessions(cell, style) for cell in cells],
            f"{found.person}s without a record": unknown if set(unknown) != {"0"} else [],
        }
        rows += [
            Row(cells=(name, *shown, *empty), indent=1)
            for name, shown in further.items()
            if any(shown)
        ]
    return rows


def _count(cell: dict[Any, Any], style: Profile) -> str:
    """Write patients with the event of those recorded."""
    if not cell["n"]:
        return "not recorded"
    return style.events(int(cell["events"]), int(cell["n"]))


def _limits(cell: dict[Any, Any]) -> str:
    low, high = (float(cell[x]) for x in ("low", "high"))
    if math.isnan(low):
        return ""
    if cell["events"] == 0:
        return f"up to {fmt.number(high)}"
    if cell["events"] == cell["n"]:
        return f"{fmt.number(low)} or more"
    return f"{fmt.number(low, 2 if 0 < low < 0.1 else 1)} to {fmt.number(high)}"


def _sessions(cell: dict[Any, Any], style: Profile) -> str:
    if math.isnan(float(cell["sessions"])):
        return ""
    return style.events(int(cell["session_events"]), int(cell["sessions"]))


def _difference(found: Harms, event: str) -> str:
    """Return the difference of an event; nothing where there is none."""
    own = found.differences[found.differences["event"] == event]
    return difference_words(own.iloc[0]) if len(own) else ""
