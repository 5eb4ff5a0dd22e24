"""Who was studied, who was lost and who was harmed, through the ledger: counts of patients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

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
from mnstudy.cohort.table import Cohort, known_outcome
from mnstudy.disclosure.groups import Group
from mnstudy.disclosure.ledger import APART, TOO_PLAIN, Ledger, Rate
from mnstudy.verdicts.analyses.question import n_patients
from mnstudy.verdicts.analyses.rates import had_event
from mnstudy.verdicts.displays.harms import ANY, LABELS, recorded, treatment_groups

ENROLLED = ("enrolled", "patients")
_FIRM, _UNBOUNDED = 1e-6, 3  # of scipy's milp: below it rounding error; a status
MEASURED = ("session_count", "needle_depth_mm")
Sets = Mapping[str, Group]
Column = tuple[str, str]  # block and arm
Cell = tuple[str, str, str]  # block, level and arm
Weights = dict[Cell, float]
Sum = tuple[Weights, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTable:
    """A table of a release: texts only; the first cell of a row names it."""

    key: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Counts that belong together: the levels of an attribute, or steps, by arm.

    ``wholes`` are the cells they are parts of, by block and level, the first for percentages;
    ``closed``: every patient of the whole is in one of them.
    """

    key: str
    cells: Mapping[str, Sets]
    wholes: tuple[tuple[str, str], ...] = ()
    closed: bool = False


def described(cohort: Cohort, ledger: Ledger) -> list[ReleasedTable]:
    """Release Table 1, who was left at every step, and adverse events where any is recorded."""
    sites = of_sites(cohort)
    arms = _arms(sites, ledger)
    whole = Block(key="enrolled", cells={"patients": arms})
    traits, steps = _traits(cohort, sites, arms, ledger), _steps(cohort, arms, ledger)
    blocks = [whole, *traits.values(), *steps]
    for block in blocks:
        for level, own in block.cells.items():
            for arm, group in own.items():
                n = (len(group), len(arms[arm])) if block.wholes else len(group)
                ledger.release(
                    f"{block.key}/{level}/{arm}", n, group, "part" if block.wholes else "count"
                )
    harm = adverse_events(cohort, ledger)
    _withhold_plain(blocks, ledger)
    made = [
        _baseline(sites, arms, whole, traits, ledger),
        ReleasedTable(
            key="attrition",
            title="Who was left at every step: patients by arm",
            heads=("step", *arms),
            rows=tuple(row for block in (whole, *steps) for row in _texts(block, arms, ledger)),
            notes=(f"numbers of sessions of fewer than {ledger.rules.threshold} patients are not "
                   "printed",),
        ),
    ]  # fmt: skip
    return [*made, *([harm] if harm else [])]


def _baseline(
    sites: pd.DataFrame, arms: Sets, whole: Block, traits: Mapping[str, Block], ledger: Ledger
) -> ReleasedTable:
    """Return Table 1; a patient of several arms is in each.

    Levels that fewer patients than the threshold have, or none, stand together in a note.
    """
    rows, few = _texts(whole, arms, ledger), ledger.rules.threshold
    notes = [f"arms of fewer than {few} patients are not printed"]
    for name, block in traits.items():
        small = _small(name, [*block.cells])
        if small:
            notes.append(f"{_plain(name)}: fewer than {few} patients, or none: {small}")
        rows += [(f"{_plain(name)}: {x}", *cells) for x, *cells in _texts(block, arms, ledger)]
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
    """Return the patients of all, and of each arm where several are large enough to print."""
    rules, who = ledger.rules, sites.index.get_level_values("patient_id").to_numpy()
    own = {x: ledger.hidden(who[sites["arm"].eq(x)]) for x in sorted(sites["arm"].unique())}
    large = {name: g for name, g in own.items() if len(g) >= rules.threshold}
    every = ledger.hidden(who)
    apart = sum(map(len, large.values())) == len(frozenset().union(*large.values()))
    least = sum(rules.compatible(len(g))[0] for g in large.values())
    plain = apart and rules.compatible(len(every))[-1] - least < APART
    return {ALL: every} | (large if len(large) > 1 and not plain else {})


def _traits(cohort: Cohort, sites: pd.DataFrame, arms: Sets, ledger: Ledger) -> dict[str, Block]:
    """Return the levels of every attribute that enough patients have, by arm."""
    patients, found = of_patients(cohort), {}
    for name in (*OF_PATIENTS, *OF_SITES):
        own = patients if name in patients else sites
        if name not in own:
            continue
        named, who = words(own[name]), own.index.get_level_values("patient_id")
        levels = {str(x): ledger.hidden(who[named.eq(x)]) for x in sorted(named.unique())}
        told = {ALL: arms[ALL]} if name == "treatment" else arms  # the others are made of it
        cells = {
            x: {a: g & whole for a, whole in told.items()}
            for x, g in levels.items()
            if len(g) >= ledger.rules.threshold
        }
        found[name] = Block(key=f"baseline/{name}", cells=cells, wholes=(ENROLLED,))
    return found


def _steps(cohort: Cohort, arms: Sets, ledger: Ledger) -> list[Block]:
    """Return how many patients reached every step, by arm."""
    data = cohort.data
    site = pd.MultiIndex.from_frame(data[["patient_id", "site_id"]])
    arm = arm_words(cohort.sites(), cohort.study.arms).reindex(site).to_numpy()
    kinds: dict[str, dict[str, Sets]] = {}
    for stage, _, step, there in flow_steps(cohort, cohort.sites()):
        cells = {
            a: ledger.hidden(data.loc[there.to_numpy() & ((arm == a) | (a == ALL)), "patient_id"])
            for a in arms
        }
        if stage != ASSESSED or len(cells[ALL]) >= ledger.rules.threshold:
            kinds.setdefault("ends" if stage in (KNOWN, LATE) else stage, {})[step] = cells
    kinds.pop("enrolled")
    known = ("attrition/ends", next(iter(kinds["ends"])))
    return [
        Block(
            key=f"attrition/{stage}",
            cells=cells,
            wholes=(ENROLLED, known) if stage == ASSESSED else (ENROLLED,),
            closed=len(cells) > 1 and stage == "ends",
        )
        for stage, cells in kinds.items()
    ]


def _small(name: str, shown: Sequence[str]) -> str:
    """Name the levels that are not printed, those that nobody has among them."""
    spec = columns()[name]
    every = spec.levels or [f"{x:g}" for x in range(int(spec.low or 0), int(spec.high or 0) + 1)]
    return ", ".join(x for level in every if (x := str(level).replace("_", " ")) not in shown)


def _plain(name: str) -> str:
    return name.replace("_mm", " in mm").replace("_", " ")


def _texts(block: Block, arms: Sets, ledger: Ledger) -> list[tuple[str, ...]]:
    return [
        (x, *(ledger.text(f"{block.key}/{x}/{a}") if a in own else "" for a in arms))
        for x, own in block.cells.items()
    ]


def _withhold_plain(blocks: Sequence[Block], ledger: Ledger) -> None:
    """Take back the columns of a block in which a small count would be known too well."""
    told = {(b.key, a) for b in blocks if b.wholes for own in b.cells.values() for a in own}
    while narrow := _narrow(blocks, told, ledger):
        told -= {k for k in narrow if k[1] != ALL} or narrow
    for block in (b for b in blocks if b.wholes):
        for level, own in block.cells.items():
            gone = [f"{block.key}/{level}/{a}" for a in own if (block.key, a) not in told]
            ledger.recall(gone, TOO_PLAIN)


def _narrow(blocks: Sequence[Block], told: set[Column], ledger: Ledger) -> set[Column]:
    """Name the columns with a small count that no longer can be things that lie apart.

    The least and the most that each can be is a linear programme: levels add up to their whole
    and arms to all, and whoever is in a group that is printed elsewhere is in the larger ones too.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    least = ledger.rules.threshold
    cells, sums, asked = _sums(blocks, told, least)
    place, found = {k: i for i, k in enumerate(cells)}, set()
    ends = np.array([_ends(k, g, told, cells, ledger) for k, g in cells.items()])
    rows = np.zeros((len(sums), len(cells)))
    for row, (weights, _, _) in zip(rows, sums, strict=True):
        for k, weight in weights.items():
            row[place[k]] = weight
    limits = np.array([x[1:] for x in sums])
    known = {"bounds": Bounds(*ends.T), "constraints": LinearConstraint(rows, *limits.T)}
    for column, weights in asked:
        if column not in found:
            wanted = np.zeros(len(cells))
            for k, weight in weights.items():
                wanted[place[k]] = weight
            low, high = (milp(sign * wanted, **known) for sign in (1, -1))
            if high.status == _UNBOUNDED:
                continue
            if (
                low.fun is None
                or math.floor(-high.fun + _FIRM) - math.ceil(low.fun - _FIRM) < APART
            ):
                found.add(column)
    return found


def _ends(
    key: Cell, group: Group, told: set[Column], cells: Mapping[Cell, Group], ledger: Ledger
) -> tuple[float, float]:
    """Return the least and the most that a cell can be by what is printed of it alone."""
    rules, (block, level, arm) = ledger.rules, key
    nested = ledger.counts.values() if level and block in ("enrolled", "attrition/ends") else ()
    counts = {g: rules.compatible(len(g)) for g in nested}
    if block == "enrolled":  # known of an earlier release where it is withheld in this one
        counts[group] = rules.compatible(len(group))
    low = max((r[0] for g, r in counts.items() if g <= group), default=0)
    high = min((r[-1] for g, r in counts.items() if group <= g), default=math.inf)
    if (block, arm) not in told or not level:
        return low, high
    if len(group) < rules.threshold:
        return low, min(high, rules.threshold - 1)
    if not rules.all_but(len(group), len(cells[(*ENROLLED, arm)])):
        own = rules.compatible(len(group))
        return max(low, own[0]), min(high, own[-1])
    return max(low, rules.threshold), high


def _sums(
    blocks: Sequence[Block], told: set[Column], least: int
) -> tuple[dict[Cell, Group], list[Sum], list[tuple[Column, Weights]]]:
    """Return the cells, what adds up (weights, least, most), and what has to stay open."""
    cells = {(b.key, x, a): g for b in blocks for x, own in b.cells.items() for a, g in own.items()}
    sums: list[Sum] = []
    asked: list[tuple[Column, Weights]] = []
    for block in blocks:
        arms = dict.fromkeys(a for own in block.cells.values() for a in own)
        for arm, (place, of) in product(arms, enumerate(block.wholes)):
            own, whole = (
                {k: cells[k] for x in block.cells if (k := (block.key, x, arm)) in cells},
                cells[(*of, arm)],
            )
            column, together = (block.key, arm), frozenset[str]().union(*own.values())
            for k, g in own.items():
                if not g <= whole:
                    continue
                ends = (0.0, math.inf)
                if not place and column in told and len(g) >= least:
                    few = len(whole - g) < least
                    ends = (0.0, least - 1.0) if few else (float(least), math.inf)
                    if few:
                        asked.append((column, {(*of, arm): 1.0, k: -1.0}))
                elif not place and column in told:
                    asked.append((column, {k: 1.0}))
                sums.append(({(*of, arm): 1.0, k: -1.0}, *ends))
            if together <= whole:
                rest = (f"{block.key}{place}", "", arm)
                cells[rest] = whole - together
                apart = sum(map(len, own.values())) == len(together)
                weights = dict.fromkeys(own, 1.0) | {rest: 1.0, (*of, arm): -1.0}
                sums.append((weights, 0.0, 0.0 if apart else math.inf))
                # whoever is in no part is in the whole, beside each of its parts
                sums += [({(*of, arm): 1.0, k: -1.0, rest: -1.0}, 0.0, math.inf) for k in own]
                if block.closed:
                    sums.append(({rest: 1.0}, 0.0, 0.0))
                elif not place and column in told and len(cells[rest]) < least:
                    asked.append((column, {rest: 1.0}))
    for key, level in dict.fromkeys(k[:2] for k in cells):
        parts = {k: g for k, g in cells.items() if k[:2] == (key, level) and k[2] != ALL}
        all_ = (key, level, ALL)
        if all_ not in cells or not parts:
            continue
        one, whole = frozenset[str]().union(*parts.values()), cells[all_]
        apart = sum(map(len, parts.values())) == len(one)
        # who reached no step in one arm may have reached one in another
        sums += [({all_: 1.0, k: -1.0}, 0.0, math.inf) for k, g in parts.items() if g <= whole]
        if one <= whole and (apart or one == whole):
            ends = (0.0 if one == whole else -math.inf, 0.0 if apart else math.inf)
            sums.append((dict.fromkeys(parts, 1.0) | {all_: -1.0}, *ends))
    return cells, sums, asked


def _measured(name: str, sites: pd.DataFrame, arms: Sets, ledger: Ledger) -> tuple[str, ...]:
    """Release median and quartiles of the patients' highest values."""
    spec = columns()[name]
    known = sites[name].dropna().groupby(level="patient_id").max()
    width = float(spec.high or 0) - float(spec.low or 0)
    cells = []
    for arm, own in _by_arm(known, arms, ledger):
        inside = own.between(spec.low, spec.high).all()
        value = (own.to_numpy("float64"), width if inside else np.nan)
        who = frozenset(own.index)
        key, where = f"baseline/{name}/{arm}", (name, "baseline")
        cells.append(ledger.release(key, value, who, "quartiles", where=where))
    return (f"{_plain(name)}, median (quartiles)", *cells)


def _sessions(sites: pd.DataFrame, arms: Sets, ledger: Ledger) -> tuple[str, ...]:
    """Release how many sessions were given in all."""
    given = sites["session_count"].fillna(0).groupby(level="patient_id").sum()
    cells = []
    for arm, own in _by_arm(given, arms, ledger):
        values, who = own.to_numpy("float64"), frozenset(own.index)
        key, where = f"baseline/sessions given/{arm}", ("sessions given", "baseline")
        cells.append(ledger.release(key, values, who, "total", where=where))
    return ("sessions given in all", *cells)


def _by_arm(values: pd.Series, arms: Sets, ledger: Ledger) -> Iterator[tuple[str, pd.Series]]:
    """Give the values of each arm, by patients as the ledger knows them."""
    named = values.set_axis([ledger.history.hash_of(str(x)) for x in values.index])
    for arm, group in arms.items():
        yield arm, named[named.index.isin(group)]


def adverse_events(cohort: Cohort, ledger: Ledger) -> ReleasedTable | None:
    """Release the patients with each adverse event of those with it recorded, by group."""
    least, level = ledger.rules.threshold, cohort.study.plan.confidence_level
    events = [e for e in recorded(cohort) if n_patients(_known(cohort.data, [e])) >= least]
    every = treatment_groups(cohort)[0] if events else []
    groups = [g for g in every if n_patients(_known(g.rows, events)) >= least]
    if not groups:
        return None
    together = {e: [e] for e in events}
    if len(events) > 1:
        together[ANY] = events
    rows = []
    for event, names in together.items():
        cells = []
        for group in groups:
            had = had_event(group.rows, names)
            key = f"harms/{event}/{group.label}"
            with_it = ledger.hidden(had.index[had])
            rate = Rate(events=int(had.sum()), n=len(had), level=level, had=with_it)
            where = ("+".join(sorted(names)), "all")
            who = ledger.hidden(had.index)
            cells.append(ledger.release(key, rate, who, "rate", where=where))
        rows.append((LABELS[event], *cells))
    return ReleasedTable(
        key="harms",
        title="Adverse events: patients with the event among those with it recorded",
        heads=("event", *(group.label for group in groups)),
        rows=tuple(rows),
        notes=(
            "limits are the outermost over all counts that the rounded ones may stand for",
            f"groups and events recorded of fewer than {least} patients, or none, are not printed",
        ),
    )


def _known(rows: pd.DataFrame, events: Sequence[str]) -> pd.DataFrame:
    return rows[known_outcome(rows, events).to_numpy()]
