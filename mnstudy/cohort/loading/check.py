"""The check of a sheet: its columns against the contract, then what must hold between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from mnstudy.cohort.loading import privacy, scale_scores
from mnstudy.cohort.loading.read import column
from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import (
    Problem,
    column_problems,
    first_row,
    key_problem,
    row_problems,
)
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import UNIT, is_baseline
from mnstudy.words.notes import Note, note

NEEDLED = ("needling", "rf_needling", "combination")


def check(raw: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Problem], list[Note]]:
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
    notes : list of Note
        What was assumed.
    """
    renamed, problems = _rename(raw, study)
    renamed, assumed = _room_for_improvement(renamed)
    if raw.empty:
        problems.append(Problem(rule="at least one row of data", remedy="the sheet has no rows"))
    problems += [_missing(c) for c in columns().values() if c.core and c.name not in renamed]
    problems += privacy.identifying_headers(renamed, known=list(columns()))
    problems += privacy.identifying_names(study.arms)
    measures, strange = _measures(raw, renamed, study)
    problems += strange
    data = renamed.copy()
    for spec in (*_present(renamed), *measures):
        data[spec.name], found = column(renamed[spec.name], spec, study)
        problems += found
    data, notes = _defaults(data, study)
    notes = [*assumed, *notes]
    problems += [*_out_of_range(data, measures), *scale_scores.out_of_range(data)]
    if not any(p.row is None for p in problems):
        data, converted = scale_scores.derive(data)
        notes += converted
        problems += privacy.identifying_ids(data["patient_id"])
        problems += [problem for rule in _RULES for problem in rule(data)]
        problems += _plan_problems(data, study)
    problems.sort(key=lambda p: (-1 if p.row is None else p.row, p.column, p.rule))
    return data.reset_index(drop=True), problems, notes


def _rename(raw: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    unknown = [c for c in study.columns if c not in raw.columns]
    named = raw.rename(columns=dict(study.columns))
    named.columns = [str(c).strip() for c in named.columns]
    again = named.columns.duplicated()
    problems = [
        *column_problems(unknown, "a column of the sheet", "[columns] in study.toml names it"),
        *column_problems(
            named.columns[again].unique(), "each column once", "rename or remove the second one"
        ),
    ]
    return named.loc[:, ~again], problems


def _room_for_improvement(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    """Make the improvement column of a sheet that gives raw scores on a scale instead."""
    if "improvement_score" in frame or not {"scale", "scale_score"} <= set(frame.columns):
        return frame, []
    return frame.assign(improvement_score=np.nan), [note("no_improvement_column")]


def _measures(
    raw: pd.DataFrame, renamed: pd.DataFrame, study: Study
) -> tuple[list[ColumnSpec], list[Problem]]:
    """Return the study's own measures that may be read; none whose heading names a person."""
    heading = {new: old for old, new in study.columns.items() if old in raw.columns}
    own = renamed[[m for m in study.measures if m in renamed]]
    original = own.rename(columns=heading)
    refused = privacy.identifying_headers(original, known=list(own))
    names = {p.column for p in (*refused, *privacy.identifying_headers(own, known=()))}
    readable = [m for m in own if not {m, heading.get(m, m)} & names]
    absent = [m for m in study.measures if m not in renamed]
    remedy = "[measures] in study.toml names it"
    problems = [*refused, *column_problems(absent, "a column of the sheet", remedy)]
    return [study.measures[m] for m in readable], problems


def _missing(spec: ColumnSpec) -> Problem:
    remedy = (
        f"add it ({spec.rule}; cells may be empty), or name yours under [columns] in study.toml"
    )
    return Problem(column=spec.name, rule="a core column", remedy=remedy)


def _present(frame: pd.DataFrame) -> Iterator[ColumnSpec]:
    return (spec for spec in columns().values() if spec.name in frame.columns)


def _defaults(data: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Note]]:
    notes = []
    if "site_id" not in data or data["site_id"].isna().all():
        data["site_id"] = pd.Series("site", index=data.index, dtype="str")
        notes.append(note("no_site_id"))
    if "treatment" not in data:
        levels = list(columns()["treatment"].levels)
        data["treatment"] = pd.Categorical(["needling"] * len(data), categories=levels)
        notes.append(note("no_treatment_column"))
    return data, notes


def _out_of_range(data: pd.DataFrame, measures: Sequence[ColumnSpec]) -> list[Problem]:
    """Check ranges with pandera, every failure at once."""
    import pandera.pandas as pa

    ranged = [c for c in (*_present(data), *measures) if c.low is not None]
    schema = pa.DataFrameSchema(
        {c.name: pa.Column(checks=pa.Check.in_range(c.low, c.high), nullable=True) for c in ranged}
    )
    try:
        schema.validate(data, lazy=True)
    except pa.errors.SchemaErrors as failed:
        cases = failed.failure_cases[["column", "index", "failure_case"]]
        by_name = {c.name: c for c in ranged}
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


def _depth_only_where_needled(data: pd.DataFrame) -> list[Problem]:
    treatment = data["treatment"].astype("str")
    bad = data["needle_depth_mm"].gt(0) & data["treatment"].notna() & ~treatment.isin(NEEDLED)
    remedy = "empty the depth, or correct the treatment"
    return row_problems(data["needle_depth_mm"], bad, "0 or empty for " + treatment, remedy)


def _duplicate_visits(data: pd.DataFrame) -> list[Problem]:
    clock = [c for c in ("session_count", "weeks", "weeks_since_last_session") if c in data]
    key = data[[*UNIT, *clock]].astype(dict.fromkeys(clock, "float64"))
    again = key.duplicated(keep="first") & data["patient_id"].notna()
    remedy = "same patient, site and visit as row " + first_row(key, [*UNIT, *clock]).astype("str")
    remedy += ": remove one, or give the site or the week"
    return row_problems(data["patient_id"], again, "one row per visit", remedy)


def _sessions_never_fall(data: pd.DataFrame) -> list[Problem]:
    if "weeks" not in data:
        return []
    known = data[data["weeks"].notna() & data["session_count"].notna()]
    ordered = known.sort_values("weeks", kind="stable")
    sessions = ordered["session_count"].astype("float64")
    by_site = [ordered[c] for c in UNIT]
    before = sessions.groupby(by_site).cummax().groupby(by_site).shift()
    remedy = "an earlier week of this site already has " + before.map("{:g}".format).astype("str")
    return row_problems(data["session_count"], sessions < before, "never falls with time", remedy)


def _every_site_named(data: pd.DataFrame) -> list[Problem]:
    bad = data["site_id"].isna()
    remedy = "write left, right, forehead or the like; with one site a patient leave the whole "
    remedy += "column out"
    return row_problems(data["site_id"], bad, "a name for every treated site", remedy)


def _one_treatment_a_site(data: pd.DataFrame) -> list[Problem]:
    first = data.groupby(UNIT, observed=True)["treatment"].transform("first").astype("str")
    known = data["treatment"].notna() & data[UNIT].notna().all(axis=1)
    bad = known & (data["treatment"].astype("str") != first)
    remedy = "other rows of this site say " + first + ": give a second site its own site_id"
    return row_problems(data["treatment"], bad, "one treatment per site", remedy)


def _baseline_is_zero(data: pd.DataFrame) -> list[Problem]:
    bad = is_baseline(data) & data["improvement_score"].fillna(0).ne(0)
    remedy = "improvement is measured from baseline: write 0 or leave it empty"
    return row_problems(data["improvement_score"], bad, "0 at baseline", remedy)


def _plan_problems(data: pd.DataFrame, study: Study) -> list[Problem]:
    """List what a plan names that the sheet cannot give."""
    reference, problems = study.plan.reference, []
    if reference is not None and not data["treatment"].eq(reference).any():
        found = ", ".join(sorted(data["treatment"].dropna().astype("str").unique()))
        problems.append(key_problem("plan.reference", reference, f"a treatment of it: {found}"))
    for name in study.plan.adjust:
        wrong = _no_covariate(data, name)
        if wrong:
            problems.append(key_problem("plan.adjust", name, wrong, "leave it out of adjust"))
    return problems


def _no_covariate(data: pd.DataFrame, name: str) -> str:
    """Say why a column cannot be adjusted for; nothing where it can."""
    if name not in data:
        return "a column of the sheet"
    known = data[data[name].notna()]
    if known[name].nunique() < 2:
        return "a column with two different values"
    arms = known.groupby(known[name].astype("str"))["treatment"].nunique()
    if known["treatment"].nunique() > 1 and arms.le(1).all() and len(arms) < len(known) / 2:
        return "a column that does not decide the treatment"
    return ""


def _interval_holds_score(data: pd.DataFrame) -> list[Problem]:
    if not {"improvement_low", "improvement_high"} <= set(data.columns):
        return []
    low, high, score = (data[f"improvement_{x}"] for x in ("low", "high", "score"))
    half = low.notna() ^ high.notna()
    outside = (low > high) | (score < low) | (score > high)
    rule = "low <= score <= high, and low and high both or neither"
    remedy = "correct the ends of the interval"
    ends = low.map("{:g}".format) + " to " + high.map("{:g}".format)
    return row_problems(ends.rename("improvement_low"), half | outside, rule, remedy)


_RULES: tuple[Callable[[pd.DataFrame], list[Problem]], ...] = (
    _depth_only_where_needled,
    _duplicate_visits,
    _sessions_never_fall,
    _every_site_named,
    _one_treatment_a_site,
    _baseline_is_zero,
    _interval_holds_score,
)
