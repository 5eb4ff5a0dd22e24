"""Harms as they may be shown: no count of 1 to 4, and none that would tell one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure.notes import guarded_notes
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small
from mnstudy.stats.counts.proportions import proportion
from mnstudy.verdicts.analyses.rates import had_event, pair_table
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.displays.harms import (
    ANY,
    BLANK,
    DIFFERENCES,
    NAN,
    ROWS,
    SESSIONS,
    Harms,
    among,
)
from mnstudy.words.notes import note, sentence

SAID = ("withheld", "shown", "shown_events", "shown_n", "shown_unknown", "sentence")
BLANK_DIFFERENCE = dict.fromkeys(("difference", "low", "high", "p_value", "n_pairs"), NAN)


def guarded_harms(found: Harms) -> Harms:
    """Return the harms with what may be said of every count.

    Of a real cohort counts of 1 to 4 people cannot be worked out from anything that is returned:
    groups of fewer than five patients are left out, a rate of which 1 to 4 patients had the event,
    or had it not, keeps only the limit that 4 would give.
    """
    guarded = not found.synthetic
    if guarded:
        found = _without_small_groups(found)
    rows = [row | guarded_cell(row, found, guarded=guarded) for row in _records(found.rows)]
    table = pd.DataFrame(rows, columns=[*ROWS, *SAID])
    if guarded:
        table = _without_nearly_everybody(_without_giveaways(table, found), found.n_patients)
    gaps = [_guarded_difference(row, table, found, guarded) for row in _records(found.differences)]
    return replace(
        found,
        guarded=guarded,
        groups=tuple(replace(group, rows=group.rows.iloc[:0]) for group in found.groups),
        rows=table,
        differences=pd.DataFrame(gaps, columns=[*DIFFERENCES, "shown"]),
        notes=guarded_notes(found.notes) if guarded else found.notes,
    )


def percent(value: float, space: str = " ") -> str:
    """Write a share in percent, with a second decimal where the first would be lost."""
    return f"{fmt.number(value, 1 if value >= 0.1 or value == 0 else 2)}{space}%"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _without_small_groups(found: Harms) -> Harms:
    small = [g for g in found.groups if g.rows["patient_id"].nunique() < THRESHOLD]
    if not small:
        return found
    said = [note("harms_small_group", least=THRESHOLD, group=group.label) for group in small]
    return among(found, [g for g in found.groups if g not in small], said)


def guarded_cell(row: dict[str, Any], found: Harms, *, guarded: bool) -> dict[str, Any]:
    """Return what changes of one event in one group, and what may be said of it.

    Sessions are left out where they would tell that 1 to 4 patients had it again.
    """
    n, people = int(row["n"]), f"{found.person}s"
    cell: dict[str, Any] = {"withheld": "", "shown_unknown": f"{int(row['unknown']):,}"}
    if guarded and is_small(row["unknown"]):
        cell |= {"unknown": NAN, "shown_unknown": FEW}
    if not n:
        return cell | _shown("") | {"sentence": sentence(note("harms_unknown"))}
    if guarded and is_small(n):
        said = sentence(note("harms_too_few_people", least=THRESHOLD, people=people))
        cell |= BLANK | {"n": NAN, "withheld": "n", "sentence": said}
        return cell | _shown(f"{NOT_SHOWN}: {FEW} {people}")
    e = int(row["events"])
    if guarded and (is_small(e) or is_small(n - e)):
        return cell | BLANK | _limit(n, people, found.confidence_level, few=is_small(e))
    cell |= _shown(f"{e:,}", n) | {"sentence": _sentence(row, found)}
    if guarded and is_small(row["session_events"] - e):
        cell |= dict.fromkeys(SESSIONS, NAN)
    return cell


def _shown(events: str, n: int | None = None) -> dict[str, str]:
    of = "" if n is None else f"{n:,}"
    return {"shown": f"{events} of {of}" if of else events, "shown_events": events, "shown_n": of}


def _limit(n: int, people: str, level: float, *, few: bool) -> dict[str, Any]:
    """Say of 1 to 4 patients who had it, or had it not, no more than the limit of 4."""
    if few:
        limit = 100 * proportion(min(THRESHOLD - 1, n), n, confidence_level=level).ci_high
        cell: dict[str, Any] = {"withheld": "few", "high": limit} | _shown(FEW, n)
    else:
        least = n - THRESHOLD + 1
        limit = 100 * proportion(least, n, confidence_level=level).ci_low
        cell = {"withheld": "nearly all", "low": limit} | _shown(f"at least {least:,}", n)
    kind = "harms_few" if few else "harms_nearly_all"
    said = note(kind, least=THRESHOLD, n=n, people=people, limit=percent(limit))
    return cell | {"sentence": sentence(said)}


def _sentence(row: dict[str, Any], found: Harms) -> str:
    of: dict[str, Any] = {"n": int(row["n"]), "people": f"{found.person}s"}
    if not row["events"]:
        limit = percent(row["high"])
        return sentence(note("harms_none_seen", limit=limit, level=found.confidence_level, **of))
    ends = {"low": row["low"], "high": row["high"]}
    share = percent(row["share"])
    return sentence(note("harms_share", events=int(row["events"]), share=share, **ends, **of))


def _without_giveaways(table: pd.DataFrame, found: Harms) -> pd.DataFrame:
    """Suppress what would tell a count of 1 to 4 by subtraction.

    Any event: beside an event that is suppressed, and where the single counts exceed it by so
    little that at most four patients can have had several. One event of several that a claim
    counts together (its finding shows their union): where it is the only one beside a suppressed
    one.
    """
    table = table.copy()
    for arm in found.arms:
        own = table["arm"].eq(arm)
        for together in _counted_together(found.events):
            _keep_one_from_telling(table, own & table["event"].isin(together))
        any_event = own & table["event"].eq(ANY)
        if any_event.any() and _union_tells(table[own], found.rows[own]):
            _suppress(table, any_event & table["withheld"].eq(""), "union")
    return table


def _without_nearly_everybody(table: pd.DataFrame, everybody: int) -> pd.DataFrame:
    """Suppress the groups that one to four of all people of the cohort are not in.

    How many are in all stands in Table 1; limits tell the size of a group as its count does.
    """
    table = table.copy()
    told = table["withheld"].ne("n") & (everybody - table["n"]).map(is_small)
    _suppress(table, told, "n")
    table.loc[told, "n"] = NAN
    return table


def _counted_together(events: Sequence[str]) -> list[set[str]]:
    params = [claim.params.get("events", ()) for claim in registry().values()]
    named = {frozenset(set(names) & set(events)) for names in params}
    return [set(names) for names in sorted(map(sorted, named)) if len(names) > 1]


def _keep_one_from_telling(table: pd.DataFrame, own: pd.Series) -> None:
    small = table["withheld"].eq("few") & own
    rest = table[own & table["withheld"].eq("") & table["events"].gt(0)]
    hidden = table["withheld"].eq("union") & own
    if small.sum() == 1 and len(rest) and not hidden.any():
        least = rest.sort_values(["events", "event"]).index[0]
        _suppress(table, table.index == least, "union")


def _union_tells(own: pd.DataFrame, exact: pd.DataFrame) -> bool:
    single, union = own[own["event"].ne(ANY)], own[own["event"].eq(ANY)]
    several = single["events"].sum() - union["events"].sum()
    # patients whose record lacks some of the events change the sum as well
    uneven = exact.loc[exact["event"].ne(ANY), "n"].nunique() > 1
    return bool(single["withheld"].ne("").any() or is_small(several) or uneven)


def _suppress(table: pd.DataFrame, where: object, why: str) -> None:
    table.loc[where, list(BLANK)] = NAN
    table.loc[where, ["withheld", *_shown(NOT_SHOWN)]] = [why, *_shown(NOT_SHOWN).values()]
    table.loc[where, "sentence"] = sentence(note("harms_would_tell", least=THRESHOLD))


def _guarded_difference(
    row: dict[str, Any], table: pd.DataFrame, found: Harms, guarded: bool
) -> dict[str, Any]:
    """Leave a difference blank where it would tell counts.

    In real data a table of pairs with 1 to 4 in a cell, or with 1 to 4 patients seen on one side
    only, is not used.
    """
    told = table.loc[table["event"].eq(row["event"]), "withheld"].ne("").any()
    if not row["method"] or told or (guarded and row["paired"] and _tells_a_pair(found, row)):
        return row | BLANK_DIFFERENCE | {"method": "", "shown": NOT_SHOWN}
    value, low, high = (fmt.number(row[x], 1) for x in ("difference", "low", "high"))
    return row | {"shown": f"{value} ({low} to {high})"}


def _tells_a_pair(found: Harms, row: dict[str, Any]) -> bool:
    names = list(found.events) if row["event"] == ANY else [row["event"]]
    sides = [had_event(group.rows, names) for group in found.groups]
    cells = pair_table(*sides)
    pairs = sum(map(sum, cells))
    return any(is_small(x) for x in (*cells[0], *cells[1], *(len(s) - pairs for s in sides)))
