"""Read the tables of published evidence and hold them against their contract.

First every cell against its column, then what must hold within a row and between the tables.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem, column_problems, first_row, row_problems
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import DataError, nearest
from mnstudy.packaged import packaged
from mnstudy.words.notes import Note, note

TABLES = (
    "studies", "arms", "outcomes", "contrasts", "add_on", "directions", "correlations",
    "zero_basis", "risk_of_bias", "seen_at", "leads", "reviews",
)  # fmt: skip
ADD_ON = "add_on"
_ID = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"
_PATTERNS = {
    "id": (_ID, "letters, digits, _ . and - without spaces"),
    "ids": (rf"{_ID}(;{_ID})*", "ids separated by ;"),
    "word": (r"[a-z][a-z0-9_]*", "small letters, digits and _"),
    "span": (r"\d+(\.\d+)?(-\d+(\.\d+)?)?", "a number or a range such as 3-4"),
}
Tables = Mapping[str, pd.DataFrame]
Rule = Callable[[Tables], Iterable[Problem]]

# a printed percentage is often cut instead of rounded: one point apart is still the same count;
# what neither rounding nor cutting explains is a doubt (mnstudy.verdicts.doubts), not a note
_PERCENT_APART = 1.0
_PERCENT_ROUNDED = 0.5 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One table: its columns, its key and what it refers to."""

    name: str
    columns: Mapping[str, ColumnSpec]
    key: tuple[str, ...]
    refers: tuple[Mapping[str, Any], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    may_be_absent: bool = False

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.name}.csv"

    def place(self, column: str) -> str:
        """Name a column together with its table."""
        return f"{self.file}: {column}"


def contract() -> Mapping[str, Any]:
    """Return the whole of ``published.toml``."""
    return packaged("cohort/published/published.toml")


@cache
def specs() -> dict[str, TableSpec]:
    """Return the tables of the contract by name."""
    found = {name: _table_spec(name, contract()[name]) for name in TABLES if name != ADD_ON}
    # contrasts of their own: needling added to what both ends received
    found[ADD_ON] = replace(found["contrasts"], name=ADD_ON, may_be_absent=True)
    return {name: found[name] for name in TABLES}


def _table_spec(name: str, raw: Mapping[str, Any]) -> TableSpec:
    columns = {
        column: _column_spec(name, column, entry) for column, entry in raw["columns"].items()
    }
    lists = {key: tuple(raw.get(key, ())) for key in ("key", "refers", "ordered")}
    return TableSpec(name=name, **{**raw, **lists, "columns": columns})


def _column_spec(table: str, name: str, raw: Mapping[str, Any]) -> ColumnSpec:
    entry = dict(raw)
    levels = entry.get("levels", ())
    if "levels_of" in entry:
        levels = _levels(table, entry.pop("levels_of"), name)
    pattern, says = _PATTERNS.get(entry["kind"], (r"(?s:.*)", _number_words(entry)))
    return ColumnSpec(
        name=name, **{"pattern": pattern, "says": says, **entry, "levels": tuple(levels)}
    )


def _levels(table: str, source: str, name: str) -> list[str]:
    """Return the levels of the column of this name in another table, or of another column."""
    columns = contract()[source if source in TABLES else table]["columns"]
    return list(columns[name if source in TABLES else source]["levels"])


def _number_words(entry: Mapping[str, Any]) -> str:
    words = {"integer": "a whole number", "number": "a number"}.get(entry["kind"], "")
    if "low" not in entry:
        return words
    end = f"to {entry['high']:.7g}" if "high" in entry else "or more"
    return f"{words}, {entry['low']:g} {end}"


def dictionary() -> pd.DataFrame:
    """Return the dictionary of the tables: table, column, required, rule, meaning."""
    rows = [
        (table.name, c.name, c.required, c.rule, c.meaning)
        for table in specs().values()
        for c in table.columns.values()
    ]
    return pd.DataFrame(rows, columns=["table", "column", "required", "rule", "meaning"])


def read(folder: Path) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Read the tables of a folder as they stand.

    Parameters
    ----------
    folder : Path
        Holds ``studies.csv``, ``arms.csv``, ``outcomes.csv``, ``contrasts.csv`` and, where there
        is one, ``directions.csv``.

    Returns
    -------
    tables : dict of str to DataFrame
        Cells as text, missing where empty; the index is the row of the file (the header is 1).
    problems : list of Problem
        Files that are missing or cannot be read, and columns that are missing or named twice.
    """
    tables, problems = {}, []
    for spec in specs().values():
        path = folder / spec.file
        if not path.is_file():
            tables[spec.name] = pd.DataFrame(columns=list(spec.columns), dtype="string")
            problems += [] if spec.may_be_absent else [_missing_file(spec)]
            continue
        try:
            sheet = read_sheet(path, Reading(delimiter=","))
        except DataError as error:
            problems += [replace(p, column=spec.file) for p in error.report.problems]
            continue
        if sheet.problems:
            problems += [replace(p, column=spec.file) for p in sheet.problems]
            continue
        tables[spec.name], found = _named_columns(sheet.cells, spec)
        problems += found
    return tables, problems


def _missing_file(spec: TableSpec) -> Problem:
    remedy = "add it; studies, arms, outcomes and contrasts are always needed"
    return Problem(column=spec.file, value=spec.file, rule="a file of the folder", remedy=remedy)


def _named_columns(raw: pd.DataFrame, spec: TableSpec) -> tuple[pd.DataFrame, list[Problem]]:
    """Keep the columns in the order of the contract, unknown ones behind, and name what lacks."""
    twice = raw.columns[raw.columns.duplicated()].unique()
    rule, remedy = "each column once", "remove the second one"
    problems = [Problem(column=spec.place(c), value=c, rule=rule, remedy=remedy) for c in twice]
    unknown = [c for c in raw.columns if c not in spec.columns]
    for column in (c for n, c in spec.columns.items() if n not in raw and not c.optional):
        near = difflib.get_close_matches(column.name, unknown, n=1)
        cells = "no cell may be empty" if column.required else "its cells may be empty"
        remedy = f"rename {near[0]}" if near else f"add it; {cells}"
        problems += column_problems([spec.place(column.name)], f"a column of {spec.file}", remedy)
    cells = raw.loc[:, ~raw.columns.duplicated()].astype("string")
    cells = cells.apply(lambda c: c.str.strip()).replace("", pd.NA)
    shown = [n for n, c in spec.columns.items() if n in cells or c.optional]
    return cells.reindex(columns=[*shown, *unknown]).astype("string"), problems


def check(table: pd.DataFrame, spec: TableSpec) -> list[Problem]:
    """Hold every cell of a table against its column with pandera, all failures at once."""
    import pandera.pandas as pa

    known = [c for c in spec.columns.values() if c.name in table]
    schema = pa.DataFrameSchema(
        {c.name: pa.Column(checks=pa.Check(_test(c)), nullable=not c.required) for c in known}
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as failed:
        cases = failed.failure_cases[["column", "index", "failure_case"]]
        return [_bad_cell(spec, str(c), int(r), v) for c, r, v in cases.itertuples(index=False)]
    return []


def _test(column: ColumnSpec) -> Any:
    """Return the function that tells, cell by cell, what the column allows."""
    if column.numeric:
        return lambda cells: cells.isna() | _good_numbers(cells, column)
    if column.levels:
        return lambda cells: cells.isna() | cells.isin(column.levels)
    return lambda cells: cells.str.fullmatch(column.pattern, na=True).astype(bool)


def _good_numbers(cells: pd.Series, column: ColumnSpec) -> pd.Series:
    values = numbers(cells)
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    good = np.isfinite(values) & values.between(low, high)
    return good & (values % 1 == 0) if column.kind == "integer" else good


def _bad_cell(spec: TableSpec, name: str, row: int, cell: Any) -> Problem:
    column, value = spec.columns[name], "" if pd.isna(cell) else str(cell)
    rule = column.rule if value else "never empty"
    return Problem(
        row=row, column=spec.place(name), value=value, rule=rule, remedy=_remedy(column, value)
    )


def _remedy(column: ColumnSpec, value: str) -> str:
    if not value:
        return "fill the cell" + (f" with {column.rule}" if column.levels else "")
    if column.levels:
        return nearest(value.lower(), column.levels, "write one of these words", n=1)
    if not column.numeric:
        return f"write {column.rule}"
    if value.count(",") == 1 and value.replace(",", "").lstrip("-").isdigit():
        return f"write a point for the comma: {value.replace(',', '.')}"
    return "write the number alone, or leave the cell empty where nothing is printed"


def numbers(cells: pd.Series) -> pd.Series:
    """Read text cells as floats; what is no number is missing."""
    return pd.to_numeric(cells, errors="coerce").astype("float64")


def typed(table: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the table with its numeric columns as float64 and text as string."""
    numeric = {c.name: numbers(table[c.name]) for c in spec.columns.values() if c.numeric}
    return table.assign(**numeric).reset_index(drop=True)


def check_relations(tables: Tables) -> list[Problem]:
    """Return every broken relation of tables whose index is the row of the file."""
    rules: tuple[Rule, ...] = (_keys, _references, _ordered, _filled, _percent, _one_sided_p)
    return [problem for rule in rules for problem in rule(tables)]


def _keys(tables: Tables) -> Iterator[Problem]:
    for spec in specs().values():
        table, key = tables[spec.name], list(spec.key)
        again = table.duplicated(key) & table[key].notna().all(axis=1)
        earlier = first_row(table, key).astype("str")
        remedy = "row " + earlier + " has it too: rename or remove one"
        rule = f"{' and '.join(key)} only once"
        yield from row_problems(table[key[-1]], again, rule, remedy, file=spec.file)


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
            remedy = f"{high} is " + table[high] + ": correct one of the two"
            yield from row_problems(table[low], bad, f"not above {high}", remedy, file=spec.file)


def _filled(tables: Tables) -> Iterable[Problem]:
    """Ask each statistic for its cells, a spread for what it is, limits for their level."""
    file, outcomes = specs()["outcomes"].file, tables["outcomes"]
    needs = contract()["statistics"]
    wanted = [(outcomes["statistic"].eq(s), c, f"statistic {s}") for s in needs for c in needs[s]]
    wanted.append((outcomes["sd"].notna(), "sd_is", "a spread in sd"))
    wanted.append((outcomes["ci_low"].notna(), "ci_high", "a limit in ci_low"))
    wanted.append((outcomes["ci_low"].notna(), "ci_level", "a limit in ci_low"))
    remedy = "fill the cell, or correct what asks for it"
    problems: list[Problem] = []
    for where, column, reason in wanted:
        bad, rule = where & outcomes[column].isna(), f"filled for {reason}"
        problems += row_problems(outcomes[column], bad, rule, remedy, file=file)
    # a cell that several ask for is told once, with the first of them
    return {(p.row, p.column): p for p in reversed(problems)}.values()


def _percent_short(outcomes: pd.DataFrame) -> pd.Series:
    """Return by how much the printed percentage falls short of events in n."""
    share = 100 * numbers(outcomes["events"]) / numbers(outcomes["n"])
    return share - numbers(outcomes["percent"])


def _percent(tables: Tables) -> list[Problem]:
    outcomes = tables["outcomes"]
    bad = _percent_short(outcomes).abs() > _PERCENT_APART
    remedy = "correct one of the three; where the publication contradicts itself, leave percent "
    remedy += "empty and say so in derived"
    rule = outcomes["events"] + " of " + outcomes["n"]
    file = specs()["outcomes"].file
    return row_problems(outcomes["percent"], bad, rule, remedy, file=file)


def _one_sided_p(tables: Tables) -> Iterator[Problem]:
    """Hold the one-sided p against the direction: small speaks for the claim."""
    table = tables["directions"]
    p = numbers(table["p_one_sided"])
    # comparable-to-* is favoured by "not worse" too, while p is about "better"
    plain = ~table["claim_id"].str.startswith("comparable-to-").fillna(False).astype(bool)
    wrong = {"favours_claim": p.gt(0.5), "against_claim": p.lt(0.5)}
    remedy = "small p speaks for the claim: write 1 - p, or correct the direction"
    for direction, side in wrong.items():
        bad, rule = table["direction"].eq(direction) & side & plain, f"on the side of {direction}"
        file = specs()["directions"].file
        yield from row_problems(table["p_one_sided"], bad, rule, remedy, file=file)


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
