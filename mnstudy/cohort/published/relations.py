"""What must hold within a row and between the tables of published evidence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from mnstudy.cohort.published.extraction import TableSpec, contract, numbers, specs
from mnstudy.cohort.schema.problems import Problem
from mnstudy.words.notes import Note, note

Tables = Mapping[str, pd.DataFrame]
Rule = Callable[[Tables], Iterator[Problem]]

# a printed percentage is often cut instead of rounded: one point apart is still the same count;
# what neither rounding nor cutting explains is a doubt (mnstudy.verdicts.doubts), not a note
_PERCENT_APART = 1.0
_PERCENT_ROUNDED = 0.5 + 1e-9


def check(tables: Tables) -> list[Problem]:
    """Return every broken relation of tables whose index is the row of the file."""
    rules: tuple[Rule, ...] = (_keys, _references, _ordered, _filled, _percent, _one_sided_p)
    return [problem for rule in rules for problem in rule(tables)]


def _keys(tables: Tables) -> Iterator[Problem]:
    for spec in specs().values():
        table, key = tables[spec.name], list(spec.key)
        first = table.reset_index().groupby(key, dropna=False, sort=False)["index"]
        earlier = pd.Series(first.transform("first").to_numpy(), index=table.index)
        again = table.duplicated(key) & table[key].notna().all(axis=1)
        for row in table.index[again]:
            yield Problem(
                row=int(row),
                column=spec.place(key[-1]),
                value=str(table.at[row, key[-1]]),
                rule=f"{' and '.join(key)} only once",
                remedy=f"row {earlier[row]} has it too: rename or remove one",
            )


def _references(tables: Tables) -> Iterator[Problem]:
    for spec in specs().values():
        for ref in spec.refers:
            yield from _reference(tables, spec, ref)


def _reference(tables: Tables, spec: TableSpec, ref: Mapping[str, Any]) -> Iterator[Problem]:
    target, agree, column = specs()[ref["to"]], list(ref.get("agree", ())), ref["columns"][-1]
    cells = tables[target.name][[*target.key, *agree]].itertuples(index=False, name=None)
    known = {row[: len(target.key)]: row[len(target.key) :] for row in cells}
    own = tables[spec.name]
    said = dict(zip(own.index, own[agree].itertuples(index=False, name=None), strict=False))
    for row, key in _named_keys(own, ref):
        problem = partial(Problem, row=row, column=spec.place(column), value=key[-1])
        if key not in known:
            of_study = f" for {key[0]}" if len(key) > 1 else ""
            yield problem(
                rule=f"{_article(target.key[-1])} of {target.file}{of_study}",
                remedy=_nearest(key, known) + f"correct it, or add the row to {target.file}",
            )
            continue
        for same, mine, theirs in zip(agree, said.get(row, ()), known[key], strict=False):
            if pd.notna(mine) and pd.notna(theirs) and mine != theirs:
                yield problem(
                    rule=f"the same {same} as in {target.file}",
                    remedy=f"{target.file} says {theirs}, this row says {mine}: correct one",
                )


def _named_keys(table: pd.DataFrame, ref: Mapping[str, Any]) -> list[tuple[int, tuple[str, ...]]]:
    """List the keys a table names, row by row; one cell may name several."""
    cells = table[ref["columns"]].dropna()
    last = ref["columns"][-1]
    cells = cells[cells[last] != ref.get("except", "")]
    return [
        (int(row), (*map(str, rest), one))
        for row, *rest, ids in cells.itertuples(name=None)
        for one in str(ids).split(";")
    ]


def _article(key: str) -> str:
    return f"{'an' if key[0] in 'aeiou' else 'a'} {key}"


def _nearest(key: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> str:
    """Offer the nearest known id; running numbers are never slips of one another."""
    if key[-1][1:].isdigit():
        return ""
    words = [k[-1] for k in known if k[:-1] == key[:-1]]
    near = difflib.get_close_matches(key[-1], words, n=1, cutoff=0.6)
    return f"did you mean {near[0]}? Otherwise " if near else ""


def _ordered(tables: Tables) -> Iterator[Problem]:
    for spec in specs().values():
        table = tables[spec.name]
        for low, high in spec.ordered:
            bad = numbers(table[low]) > numbers(table[high])
            for row in table.index[bad]:
                yield Problem(
                    row=int(row),
                    column=spec.place(low),
                    value=str(table.at[row, low]),
                    rule=f"not above {high}",
                    remedy=f"{high} is {table.at[row, high]}: correct one of the two",
                )


def _filled(tables: Tables) -> Iterator[Problem]:
    """Ask each statistic for its cells, a spread for what it is, limits for their level."""
    spec, outcomes = specs()["outcomes"], tables["outcomes"]
    needs = contract()["statistics"]
    wanted = [(outcomes["statistic"].eq(s), c, f"statistic {s}") for s in needs for c in needs[s]]
    wanted.append((outcomes["sd"].notna(), "sd_is", "a spread in sd"))
    wanted.append((outcomes["ci_low"].notna(), "ci_high", "a limit in ci_low"))
    wanted.append((outcomes["ci_low"].notna(), "ci_level", "a limit in ci_low"))
    seen = set()
    for where, column, reason in wanted:
        empty = where.fillna(False).astype(bool) & outcomes[column].isna()
        for row in outcomes.index[empty]:
            if (row, column) in seen:
                continue
            seen.add((row, column))
            yield Problem(
                row=int(row),
                column=spec.place(column),
                rule=f"filled for {reason}",
                remedy="fill the cell, or correct what asks for it",
            )


def _percent_short(outcomes: pd.DataFrame) -> pd.Series:
    """Return by how much the printed percentage falls short of events in n."""
    share = 100 * numbers(outcomes["events"]) / numbers(outcomes["n"])
    return share - numbers(outcomes["percent"])


def _percent(tables: Tables) -> Iterator[Problem]:
    outcomes = tables["outcomes"]
    for row in outcomes.index[_percent_short(outcomes).abs() > _PERCENT_APART]:
        events, n = outcomes.at[row, "events"], outcomes.at[row, "n"]
        yield Problem(
            row=int(row),
            column=specs()["outcomes"].place("percent"),
            value=str(outcomes.at[row, "percent"]),
            rule=f"{events} of {n}",
            remedy="correct one of the three; where the publication contradicts itself, leave "
            "percent empty and say so in derived",
        )


def _one_sided_p(tables: Tables) -> Iterator[Problem]:
    """Hold the one-sided p against the direction: small speaks for the claim."""
    table = tables["directions"]
    p = numbers(table["p_one_sided"])
    # comparable-to-* is favoured by "not worse" too, while p is about "better"
    plain = ~table["claim_id"].str.startswith("comparable-to-").fillna(False).astype(bool)
    wrong = {"favours_claim": p.gt(0.5), "against_claim": p.lt(0.5)}
    for direction, side in wrong.items():
        bad = table["direction"].eq(direction).fillna(False).astype(bool) & side & plain
        for row in table.index[bad]:
            yield Problem(
                row=int(row),
                column=specs()["directions"].place("p_one_sided"),
                value=str(table.at[row, "p_one_sided"]),
                rule=f"on the side of {direction}",
                remedy="small p speaks for the claim: write 1 - p, or correct the direction",
            )


def notes(tables: Tables) -> list[Note]:
    """Say what is odd in the tables without being an error."""
    studies, outcomes = tables["studies"], tables["outcomes"]
    arms = tables["arms"].drop_duplicates(["study_id", "arm_id"])
    sizes = outcomes.merge(arms, on=["study_id", "arm_id"], how="left", suffixes=("", "_arm"))
    more = numbers(sizes["n"]) > numbers(sizes["n_arm"])
    cut = _percent_short(outcomes) > _PERCENT_ROUNDED
    bare = outcomes["events"].notna() & outcomes["n"].isna()
    silent = ~studies["study_id"].isin(outcomes["study_id"])
    found = [
        (outcomes.loc[cut, "outcome_id"], "percent_cut"),
        (sizes.loc[more, "outcome_id"], "n_above_arm"),
        (outcomes.loc[bare, "outcome_id"], "events_without_n"),
        (studies.loc[silent, "study_id"], "study_without_outcome"),
    ]
    return [note(kind, ids=tuple(map(str, ids))) for ids, kind in found if len(ids)]
