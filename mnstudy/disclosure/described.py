"""Who was studied, who was lost and who was harmed, through the ledger: counts of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.describe.flow import ALL, ASSESSED, KNOWN, LATE, arm_words, flow_steps
from mnstudy.cohort.describe.table_one import (
    OF_PATIENTS,
    OF_SITES,
    of_patients,
    of_sites,
    words,
)
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.groups import Group
from mnstudy.disclosure.ledger import WITHHELD, Ledger, Rate
from mnstudy.verdicts.analyses.rates import had_event
from mnstudy.verdicts.displays.harms import ANY, LABELS, harms

APART = 5  # that the counts behind one mark must still lie apart
TOO_PLAIN = "with the other counts of the table it leaves too few possibilities"
MEASURED = ("session_count", "needle_depth_mm")
Sets = Mapping[str, Group]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTable:
    """A table of a release: texts only; the first cell of a row names it."""

    key: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def baseline(cohort: Cohort, ledger: Ledger) -> ReleasedTable:
    """Release Table 1: patients by attribute and arm; a patient of several arms is in each.

    Levels that fewer patients than the threshold have, or none, stand together in a note.
    """
    patients, sites = of_patients(cohort), of_sites(cohort)
    arms = _arms(sites, ledger)
    rows = [
        ("Patients", *_counts("baseline/patients", {a: (g, g) for a, g in arms.items()}, ledger))
    ]
    notes = [f"arms of fewer than {ledger.rules.threshold} patients are not printed"]
    for name in (*OF_PATIENTS, *OF_SITES):
        own = patients if name in patients else sites
        if name not in own:
            continue
        levels = _levels(own[name])
        shown = [x for x, g in levels.items() if len(g) >= ledger.rules.threshold]
        small = _small(name, shown)
        if small:
            notes.append(
                f"{_plain(name)}: fewer than {ledger.rules.threshold} patients, or none: {small}"
            )
        told = {ALL: arms[ALL]} if name == "treatment" else arms  # the others are made of it
        cells = {x: {a: levels[x] & g for a, g in told.items()} for x in shown}
        own_rows = _audited(f"baseline/{name}", _plain(name), cells, told, ledger)
        rows += [(*row, *[""] * (1 + len(arms) - len(row))) for row in own_rows]
    rows += [_measured(name, sites, arms, ledger) for name in MEASURED if name in sites]
    rows.append(_sessions(sites, arms, ledger))
    return ReleasedTable(
        key="baseline",
        title="Who was studied: patients by arm",
        heads=("", *arms),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _arms(sites: pd.DataFrame, ledger: Ledger) -> dict[str, Group]:
    """Return the patients of each arm that is printed; alone, all of them."""
    who = sites.index.get_level_values("patient_id").to_numpy()
    own = {name: frozenset(who[sites["arm"].eq(name)]) for name in sorted(sites["arm"].unique())}
    large = {name: g for name, g in own.items() if len(g) >= ledger.rules.threshold}
    return {ALL: frozenset(who)} | (large if len(own) > 1 else {})


def _levels(values: pd.Series) -> dict[str, Group]:
    named = words(values)
    who = values.index.get_level_values("patient_id")
    return {str(x): frozenset(who[named.eq(x)]) for x in sorted(named.unique())}


def _small(name: str, shown: Sequence[str]) -> str:
    """Name the levels that are not printed, those that nobody has among them."""
    spec = columns()[name]
    every = spec.levels or [f"{x:g}" for x in range(int(spec.low or 0), int(spec.high or 0) + 1)]
    return ", ".join(x for level in every if (x := str(level).replace("_", " ")) not in shown)


def _plain(name: str) -> str:
    return name.replace("_mm", " in mm").replace("_", " ")


def _counts(key: str, cells: Mapping[str, tuple[Group, Group]], ledger: Ledger) -> list[str]:
    """Release the cells of a row, each of its whole; percentages come from the printed counts."""
    texts = []
    for arm, (group, whole) in cells.items():
        text = ledger.release(f"{key}/{arm}", len(group), ledger.hidden(group), "count")
        rules, n, of = ledger.rules, len(group), len(whole)
        if text != WITHHELD and group != whole and min(n, of - n) >= rules.threshold:
            share = round(100 * rules.rounded(n) / rules.rounded(of))
            text = f"{text} ({min(share, 100)}\N{NO-BREAK SPACE}%)"
        texts.append(text)
    return texts


def _audited(
    key: str, name: str, cells: Mapping[str, Sets], arms: Sets, ledger: Ledger
) -> list[tuple[str, ...]]:
    """Release the levels of one attribute; an arm whose small counts would be plain shows none."""
    found = {
        level: _counts(f"{key}/{level}", {a: (g, arms[a]) for a, g in own.items()}, ledger)
        for level, own in cells.items()
    }
    _withhold_plain(key, found, cells, arms, ledger)
    return [(f"{name}: {level}", *texts) for level, texts in found.items()]


def _withhold_plain(
    key: str,
    texts: Mapping[str, list[str]],
    cells: Mapping[str, Sets],
    arms: Sets,
    ledger: Ledger,
) -> None:
    """Take back the cells of arms in which a small count would be known too well."""
    names = list(arms)
    for arm in plain_columns(cells, arms, ledger):
        ledger.recall([f"{key}/{level}/{arm}" for level in cells], TOO_PLAIN)
        for level in cells:
            texts[level][names.index(arm)] = WITHHELD


def plain_columns(cells: Mapping[str, Sets], arms: Sets, ledger: Ledger) -> list[str]:
    """Name the arms to withhold so that no count below the threshold is known too well.

    With everybody shown, or without: what keeps more counts.
    """
    told = _left(cells, arms, ledger)
    if len(told) == len(arms):
        return []
    apart = _left(cells, {a: g for a, g in arms.items() if a != ALL}, ledger)
    least = ledger.rules.threshold

    def shown(kept: Sequence[str]) -> int:
        return sum(len(own[a]) >= least for own in cells.values() for a in kept)

    kept = max((told, apart), key=shown)
    return [a for a in arms if a not in kept]


def _left(cells: Mapping[str, Sets], arms: Sets, ledger: Ledger) -> list[str]:
    """Return the arms that are left once none holds a small count that is plain."""
    kept = dict(arms)
    while kept and (narrow := _narrow(cells, kept, ledger)):
        kept = {a: g for a, g in kept.items() if a not in narrow}
    return list(kept)


def _narrow(cells: Mapping[str, Sets], arms: Sets, ledger: Ledger) -> set[str]:
    """Name the arms with a small count that no longer can be things that lie apart.

    The least and the most that each can be, given every printed count and all that adds up, levels
    to their arm and arms to all: a linear programme.
    """
    from scipy.optimize import linprog  # only tables with small counts need it

    rules = ledger.rules
    groups = {(x, a): cells[x][a] for x in cells for a in arms} | {("", a): arms[a] for a in arms}
    place = {k: i for i, k in enumerate(groups)}
    ends = [rules.compatible(len(g)) for g in groups.values()]
    least, most = np.array([(float(r[0]), float(r[-1])) for r in ends]).T
    sums = [[((x, a), 1.0) for x in cells] + [(("", a), -1.0)] for a in arms]
    parts = [a for a in arms if a != ALL]
    if ALL in arms and parts:
        sums += [[((x, a), 1.0) for a in parts] + [((x, ALL), -1.0)] for x in ("", *cells)]
    rows: dict[bool, list[np.ndarray]] = {True: [], False: []}  # by whether it is the whole
    for line in sums:
        *some, (whole, _) = line
        one = frozenset().union(*(groups[k] for k, _ in some))
        apart = sum(len(groups[k]) for k, _ in some) == len(one)
        if apart and one <= groups[whole]:  # parts of it that do not overlap
            row = np.zeros(len(groups))
            for k, weight in line:
                row[place[k]] = weight
            rows[one == groups[whole]].append(row)
    found: set[str] = set()
    if not rows[True] and not rows[False]:
        return found
    told: dict[str, Any] = {"bounds": list(zip(least, most, strict=True))}
    for name, own in (("eq", rows[True]), ("ub", rows[False])):
        if own:
            told |= {f"A_{name}": np.array(own), f"b_{name}": np.zeros(len(own))}
    for k in (k for k, g in groups.items() if len(g) < rules.threshold and k[1] not in found):
        wanted = np.zeros(len(groups))
        wanted[place[k]] = 1.0
        low = linprog(wanted, **told).fun
        if low + APART > rules.threshold - 1 or -linprog(-wanted, **told).fun - low < APART:
            found.add(k[1])
    return found


def _measured(name: str, sites: pd.DataFrame, arms: Sets, ledger: Ledger) -> tuple[str, ...]:
    """Release median and quartiles of the patients' highest values."""
    spec = columns()[name]
    known = sites[name].dropna().groupby(level="patient_id").max()
    width = float(spec.high or 0) - float(spec.low or 0)
    cells = []
    for arm, group in arms.items():
        own = known[known.index.isin(group)]
        who = ledger.hidden(own.index)
        inside = own.between(spec.low, spec.high).all()
        value = (own.to_numpy("float64"), width if inside else np.nan)
        where = (name, arm)
        cells.append(ledger.release(f"baseline/{name}/{arm}", value, who, "quartiles", where=where))
    return (f"{_plain(name)}, median (quartiles)", *cells)


def _sessions(sites: pd.DataFrame, arms: Sets, ledger: Ledger) -> tuple[str, ...]:
    """Release how many sessions were given in all."""
    given = sites["session_count"].fillna(0).groupby(level="patient_id").sum()
    cells = []
    for arm, group in arms.items():
        own = given[given.index.isin(group)]
        values, who = own.to_numpy("float64"), ledger.hidden(own.index)
        where = ("sessions given", arm)
        cells.append(
            ledger.release(f"baseline/sessions given/{arm}", values, who, "total", where=where)
        )
    return ("sessions given in all", *cells)


def attrition(cohort: Cohort, ledger: Ledger) -> ReleasedTable:
    """Release how many patients reached every step."""
    data, sites = cohort.data, of_sites(cohort)
    arms = _arms(sites, ledger)
    site = pd.MultiIndex.from_frame(data[["patient_id", "site_id"]])
    arm = arm_words(cohort.sites(), cohort.study.arms).reindex(site).to_numpy()
    cells: dict[str, Sets] = {}
    kinds: dict[str, list[str]] = {}
    for stage, _, step, there in flow_steps(cohort, cohort.sites()):
        kinds.setdefault(stage, []).append(step)
        cells[step] = {
            a: frozenset(data.loc[there.to_numpy() & ((arm == a) | (a == ALL)), "patient_id"])
            for a in arms
        }
    texts = {
        step: _counts(f"attrition/{step}", {a: (g, arms[a]) for a, g in own.items()}, ledger)
        for step, own in cells.items()
    }
    ends, seen = [*kinds.get(KNOWN, ()), *kinds.get(LATE, ())], kinds.get(ASSESSED, [])
    for steps, wholes in ((ends, arms), (seen, cells[ends[0]])):
        own = {x: cells[x] for x in steps}
        _withhold_plain("attrition", texts, own, wholes, ledger)
    return ReleasedTable(
        key="attrition",
        title="Who was left at every step: patients by arm",
        heads=("step", *arms),
        rows=tuple((step, *own) for step, own in texts.items()),
    )


def adverse_events(cohort: Cohort, ledger: Ledger) -> ReleasedTable | None:
    """Release the patients with each adverse event of those with it recorded, by group."""
    found = harms(cohort, confidence_level=cohort.study.plan.confidence_level)
    if not found.groups:
        return None
    together = {e: [e] for e in found.events}
    if len(found.events) > 1:
        together[ANY] = list(found.events)
    rows, level = [], found.confidence_level
    for event, names in together.items():
        cells = []
        for group in found.groups:
            had = had_event(group.rows, names)
            key = f"harms/{event}/{group.label}"
            rate = Rate(events=int(had.sum()), n=len(had), level=level)
            where = ("+".join(sorted(names)), "all")
            who = ledger.hidden(had.index)
            cells.append(ledger.release(key, rate, who, "rate", where=where))
        rows.append((LABELS[event], *cells))
    if ANY in together:
        for place, group in enumerate(found.groups, 1):
            if _union_tells(found.rows[found.rows["arm"].eq(group.label)], ledger):
                ledger.recall([f"harms/{ANY}/{group.label}"], TOO_PLAIN)
                last = list(rows[-1])
                last[place] = WITHHELD
                rows[-1] = tuple(last)
    return ReleasedTable(
        key="harms",
        title="Adverse events: patients with the event among those with it recorded",
        heads=("event", *found.arms),
        rows=tuple(rows),
        notes=("limits are the outermost over all counts that the rounded ones may stand for",),
    )


def _union_tells(rows: pd.DataFrame, ledger: Ledger) -> bool:
    """Tell whether the patients with any event leave a single event too few possibilities."""
    single, union = rows[rows["event"].ne(ANY)], rows[rows["event"].eq(ANY)]
    if not len(union):
        return False
    ends = [ledger.rules.compatible(int(n)) for n in single["events"]]
    least = ledger.rules.compatible(int(union["events"].iloc[0]))[0]
    most = sum(r[-1] for r in ends)
    few = [r for r in ends if r[0] == 0]
    return any(r[-1] - max(0, least - (most - r[-1])) < APART for r in few)
