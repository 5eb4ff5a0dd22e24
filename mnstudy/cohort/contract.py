"""The data contract: the check of a sheet against the columns and the study rules."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mnstudy.cohort import convert, privacy, rules
from mnstudy.cohort.columns import ColumnSpec, columns
from mnstudy.cohort.problems import Problem
from mnstudy.cohort.study import Study


def check(raw: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Problem], list[str]]:
    """Hold a raw sheet against the contract.

    Parameters
    ----------
    raw : DataFrame
        The sheet as read, its index the row numbers of the file.
    study : Study
        Declared column names, level words and units.

    Returns
    -------
    data : DataFrame
        The sheet under the contract's names and types; columns the contract does not know are
        kept as they are. Cells that could not be read are missing.
    problems : list of Problem
        Everything to mend, in the order of the sheet.
    notes : list of str
        What was assumed.
    """
    renamed, problems = _rename(raw, study)
    if raw.empty:
        problems.append(Problem(rule="at least one row of data", remedy="the sheet has no rows"))
    problems += [_missing(c) for c in columns().values() if c.core and c.name not in renamed]
    problems += privacy.identifying_headers(renamed, known=list(columns()))
    data = renamed.copy()
    for spec in _present(renamed):
        data[spec.name], found = convert.column(renamed[spec.name], spec, study)
        problems += found
    data, notes = _defaults(data, study)
    problems += _out_of_range(data)
    if not any(p.row is None for p in problems):
        problems += privacy.identifying_ids(data["patient_id"])
        problems += rules.check(data)
    problems.sort(key=lambda p: (-1 if p.row is None else p.row, p.column, p.rule))
    return data.reset_index(drop=True), problems, notes


def _rename(raw: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    unknown = [c for c in study.columns if c not in raw.columns]
    problems = [
        Problem(column=c, rule="a column of the sheet", remedy="[columns] in study.toml names it")
        for c in unknown
    ]
    named = raw.rename(columns=dict(study.columns))
    named.columns = [str(c).strip() for c in named.columns]
    twice = named.columns[named.columns.duplicated()].unique()
    problems += [
        Problem(column=c, rule="each column once", remedy="rename or remove the second one")
        for c in twice
    ]
    return named.loc[:, ~named.columns.duplicated()], problems


def _missing(spec: ColumnSpec) -> Problem:
    return Problem(
        column=spec.name,
        rule="a core column",
        remedy=f"add it ({spec.rule}; cells may be empty), or name yours under [columns] in "
        "study.toml",
    )


def _present(frame: pd.DataFrame) -> Iterator[ColumnSpec]:
    return (spec for spec in columns().values() if spec.name in frame.columns)


def _defaults(data: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[str]]:
    notes = []
    if "site_id" not in data:
        data["site_id"] = pd.Series("site", index=data.index, dtype="str")
        notes.append("no site_id: one treated site a patient is assumed")
    if "treatment" not in data:
        levels = list(columns()["treatment"].levels)
        data["treatment"] = pd.Categorical(["needling"] * len(data), categories=levels)
        notes.append("no treatment column: every site is taken as needled")
    if not study.design_declared:
        notes.append(f"no design declared: {study.design.replace('_', ' ')} is assumed")
    return data, notes


def _out_of_range(data: pd.DataFrame) -> list[Problem]:
    """Check ranges with pandera, every failure at once."""
    import pandera.pandas as pa

    ranged = [c for c in _present(data) if c.low is not None]
    schema = pa.DataFrameSchema(
        {c.name: pa.Column(checks=pa.Check.in_range(c.low, c.high), nullable=True) for c in ranged}
    )
    try:
        schema.validate(data, lazy=True)
    except pa.errors.SchemaErrors as failed:
        cases = failed.failure_cases[["column", "index", "failure_case"]]
        by_name = columns()
        return [
            _range_problem(by_name[str(name)], int(row), float(value))
            for name, row, value in cases.itertuples(index=False)
        ]
    return []


def _range_problem(spec: ColumnSpec, row: int, value: float) -> Problem:
    remedy = "check the entry; leave the cell empty if the value is not known"
    if spec.slip and spec.low <= value / spec.slip["factor"] <= spec.high:
        right = f"{value / spec.slip['factor']:g}"
        remedy = f"{spec.slip['says']} ({right}), or set [units] {spec.name} in study.toml"
    elif spec.name.startswith("improvement") and value > 100:
        remedy = "more than complete: check the entry"
    return Problem(row=row, column=spec.name, value=f"{value:g}", rule=spec.rule, remedy=remedy)
