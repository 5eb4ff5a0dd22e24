"""The check of a sheet: its columns against the contract, then what must hold between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from mnstudy.cohort.loading import ambiguity, privacy, scale_scores
from mnstudy.cohort.loading.arrange import Rows, heading_line, unused
from mnstudy.cohort.loading.convert import Said, column
from mnstudy.cohort.reading.sheet import as_text
from mnstudy.cohort.schema.columns import ColumnSpec, columns
from mnstudy.cohort.schema.problems import (
    Line,
    Problem,
    column_problems,
    first_row,
    key_problem,
    row_problems,
)
from mnstudy.cohort.study.design import ARMS
from mnstudy.cohort.study.reading import ALL
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import UNIT, is_baseline
from mnstudy.words.notes import Note, note

NEEDLED = ("needling", "rf_needling", "combination")


def check(rows: Rows, study: Study) -> tuple[pd.DataFrame, list[Problem], list[Note]]:
    """Hold raw assessments against the contract.

    Parameters
    ----------
    rows : Rows
        The sheet as arranged, its index the row numbers of the file.
    study : Study
        Declared level words, units and codes.

    Returns
    -------
    data : DataFrame
        The sheet under the contract's names and types; columns the contract does not know are
        kept as they are. Cells that could not be read are missing.
    problems : list of Problem
        Everything to mend, in the order of the sheet, named as in the file.
    notes : list of Note
        What was assumed, what was mended as declared, what was not used.
    """
    frame, problems = _each_column_once(rows.cells)
    problems += rows.problems
    frame, assumed = _room_for_improvement(frame, {*frame, *rows.set})
    if frame.empty:
        problems.append(Problem(rule="at least one row of data", remedy="the sheet has no rows"))
    crossed = ["period"] if study.design == "crossover" else []
    needed = [c for c in columns().values() if c.core or c.name in crossed]
    headings = [str(c) for c in frame]
    problems += [_missing(c, headings) for c in needed if not rows.holds(c.name, frame)]
    problems += privacy.identifying_headers(frame, known=list(columns()))
    measures, strange = _measures(frame, rows, study)
    problems += strange + _without_effect(frame, rows, study)
    data, found, mended = _typed(frame, rows, measures, study)
    problems += found
    data, alike = ambiguity.as_same_person(data, study)
    data, notes = _defaults(data, frame)
    data, units = _each_period_a_site(data, study)
    notes = [*rows.remarks, *unused(rows, study), *mended, *alike, *assumed, *notes, *units]
    problems += _out_of_range(data, measures, [*study.reading.dates])
    problems += scale_scores.out_of_range(data)
    problems += ambiguity.read_in_two_ways(data, study)
    problems += _undeclared_crossover(data, study)
    if not any(p.row is None for p in problems):
        counts = study.reading.improvement
        problems += [] if counts else scale_scores.two_measures(data)
        data, converted = scale_scores.derive(data, counts)
        notes += converted
        site = data.groupby(UNIT, sort=False, observed=True).ngroup()  # -1 where unknown
        problems += [problem for rule in _RULES for problem in rule(data, site)]
        problems += _period_problems(data, study)
        problems += _plan_problems(data, study)
    told = privacy.found_in(rows.cells, study, rows.titles, rows.places[0])
    gone = {(p.column, row) for p in told.problems for row in p.rows}  # to be taken out anyway
    problems = [p for p in problems if (p.column, p.row) not in gone]
    problems = [_beside_declared(rows.located(p), study) for p in (*problems, *told.problems)]
    notes = [*notes, *told.notes]
    texts = told.texts | privacy.told_in([rows.problems, rows.remarks])
    problems, notes = privacy.without(problems, texts), privacy.without(notes, texts)
    problems.sort(key=lambda p: (-1 if p.row is None else p.row, p.column, p.rule))
    return data.reset_index(drop=True), problems, notes


def _beside_declared(problem: Problem, study: Study) -> Problem:
    """Let lines on missing values hold what the study file declares already, which they replace."""
    declared = study.reading.missing

    def whole(line: Line) -> Line:
        if line.table != "missing" or not isinstance(line.value, tuple):
            return line
        if ALL in declared:  # a list for every column; no table of that name can stand beside it
            return Line("", "missing", (*declared[ALL], *map(str, line.value)))
        return replace(line, value=(*declared.get(line.key, ()), *map(str, line.value)))

    return replace(problem, paste=tuple(map(whole, problem.paste)))


def _each_column_once(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    again = frame.columns.duplicated() & (frame.columns != "")
    rule, remedy = "each column once", "rename or remove the second one"
    problems = column_problems(frame.columns[again].unique(), rule, remedy)
    return frame.loc[:, ~frame.columns.duplicated()], problems


def _typed(
    frame: pd.DataFrame, rows: Rows, measures: Sequence[ColumnSpec], study: Study
) -> tuple[pd.DataFrame, list[Problem], list[Note]]:
    """Read every column that the contract or the study knows."""
    data, problems, notes = frame.copy(), [], []
    known = [c for c in columns().values() if c.name in frame or c.name in rows.set]
    for spec in (*known, *measures):
        said = Said.of(spec, study, rows.labels.get(spec.name, {}), rows.missing.get(spec.name, ()))
        own = rows.set.get(spec.name)
        cells = frame[spec.name] if spec.name in frame else frame.iloc[:0, 0].rename(spec.name)
        read = column(cells if own is None else cells.drop(own.index, errors="ignore"), spec, said)
        problems += read.problems
        notes += read.notes
        values = read.values
        if own is not None:
            as_set = column(own.rename(spec.name), spec, Said())
            problems += as_set.problems
            values = pd.concat([values, as_set.values]).reindex(frame.index)
        data[spec.name] = values
        if read.beside is not None:
            data, found = _filled_in(data, read.beside.reindex(frame.index), spec, rows)
            problems += found
    return data, problems, notes


def _filled_in(
    data: pd.DataFrame, beside: pd.DataFrame, spec: ColumnSpec, rows: Rows
) -> tuple[pd.DataFrame, list[Problem]]:
    """Fill columns that the words of another speak of; list where the sheet says otherwise."""
    problems = []
    data = data.copy()
    for name, values in beside.items():
        if name not in rows.cells and name not in rows.set:
            data[name] = values
            continue
        typed = data[name] if name == "adjunct" else data[name].astype("float64")
        other = typed.notna() & values.notna() & (typed.astype("object") != values.astype("object"))
        remedy = "correct the cell, or the meaning in the study file"
        rule = f"what [levels.{spec.name}] says of it"
        problems += row_problems(typed.rename(name), other, rule, remedy)
        data[name] = typed.where(typed.notna(), values)
    return data, problems


def _without_effect(frame: pd.DataFrame, rows: Rows, study: Study) -> list[Problem]:
    """List settings of the study file for columns that the sheet has not."""
    have = {*frame, *rows.set}
    asked = {"levels": study.levels, "units": study.units, "missing": study.reading.missing}
    return [
        key_problem(
            f"{table}.{name}", "", "a column of the sheet", "leave it out, or name the column"
        )
        for table, names in asked.items()
        for name in names
        if name not in have and name != ALL
    ]


def _room_for_improvement(
    frame: pd.DataFrame, have: Collection[str]
) -> tuple[pd.DataFrame, list[Note]]:
    """Make the improvement column of a sheet that gives raw scores on a scale instead."""
    if "improvement_score" in have or not {"scale", "scale_score"} <= set(have):
        return frame, []
    return frame.assign(improvement_score=np.nan), [note("no_improvement_column")]


def _measures(
    frame: pd.DataFrame, rows: Rows, study: Study
) -> tuple[list[ColumnSpec], list[Problem]]:
    """Return the study's own measures that may be read; none whose heading names a person."""
    own = frame[[m for m in study.measures if m in frame]]
    heading = {m: rows.places[0].get(m, m) for m in own}
    original = own.rename(columns=heading)
    refused = privacy.identifying_headers(original, known=list(own))
    names = {p.column for p in (*refused, *privacy.identifying_headers(own, known=()))}
    readable = [m for m in own if not {m, heading[m]} & names]
    absent = [m for m in study.measures if m not in frame]
    remedy = "[measures] in study.toml names it"
    problems = [*refused, *column_problems(absent, "a column of the sheet", remedy)]
    return [study.measures[m] for m in readable], problems


def _missing(spec: ColumnSpec, headings: list[str]) -> Problem:
    rule = "a core column" if spec.core else "a column of a crossover"
    may = "; cells may be empty" if spec.core else ", for each treatment of a patient in turn"
    remedy = f"add it ({spec.rule}{may}), or name yours under [columns] in study.toml"
    paste = heading_line(spec.name, [h for h in headings if h not in columns()])
    return Problem(column=spec.name, rule=rule, remedy=remedy, paste=paste)


def _present(frame: pd.DataFrame) -> Iterator[ColumnSpec]:
    return (spec for spec in columns().values() if spec.name in frame.columns)


def _defaults(data: pd.DataFrame, raw: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    notes = []
    if "site_id" not in data or data["site_id"].isna().all():
        data["site_id"] = pd.Series("site", index=data.index, dtype="str")
        notes.append(note("no_site_id"))
    if "treatment" not in data or _blank(data["treatment"], raw.get("treatment")):
        levels = list(columns()["treatment"].levels)
        data["treatment"] = pd.Categorical(["needling"] * len(data), categories=levels)
        notes.append(note("no_treatment_column"))
    return data, notes


def _out_of_range(
    data: pd.DataFrame, measures: Sequence[ColumnSpec], dated: Collection[str]
) -> list[Problem]:
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
            _range_problem(by_name[str(name)], int(row), float(value), dated=name in dated)
            for name, row, value in cases.itertuples(index=False)
        ]
    return []


def _range_problem(spec: ColumnSpec, row: int, value: float, *, dated: bool) -> Problem:
    remedy = "check the entry; leave the cell empty if the value is not known"
    paste: tuple[Line, ...] = ()
    if spec.slip and spec.low <= value / spec.slip["factor"] <= spec.high:
        right = value / spec.slip["factor"]
        remedy = f"{spec.slip['says']} ({right:g}), or set [units] {spec.name} in study.toml"
        paste = (Line(f"levels.{spec.name}", f"{value:g}", right),)
    elif dated:
        remedy = "it comes of two dates: correct them, or their format under [dates]"
    elif value in ambiguity.CODES:
        remedy = "check the entry, or say that it stands for a value that is not known"
        paste = (Line("missing", spec.name, (f"{value:g}",)),)
    elif spec.name == "weeks" and value < 0:
        remedy = "an assessment before the first session is week 0"
        paste = (Line("levels.weeks", f"{value:g}", 0),)
    elif spec.name.startswith("improvement") and value > 100:
        remedy = "more than complete: check the entry"
    return Problem(
        row=row,
        column=spec.name,
        value=f"{value:g}",
        rule=spec.rule,
        remedy=remedy,
        paste=paste,
    )


def _depth_only_where_needled(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    treatment = data["treatment"].astype("str")
    bad = data["needle_depth_mm"].gt(0) & data["treatment"].notna() & ~treatment.isin(NEEDLED)
    remedy = "empty the depth, or correct the treatment"
    return row_problems(data["needle_depth_mm"], bad, "0 or empty for " + treatment, remedy)


def _duplicate_visits(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    clock = [c for c in ("session_count", "weeks", "weeks_since_last_session") if c in data]
    key = data[[*UNIT, *clock]].astype(dict.fromkeys(clock, "float64"))
    again = key.duplicated(keep="first") & data["patient_id"].notna()
    if not again.any():
        return []
    remedy = "same patient, site and visit as row " + first_row(key, [*UNIT, *clock]).astype("str")
    remedy += ": remove one, or give the site or the week"
    return row_problems(data["patient_id"], again, "one row per visit", remedy)


def _sessions_never_fall(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    if "weeks" not in data:
        return []
    known = data["weeks"].notna() & data["session_count"].notna() & (site >= 0)
    weeks = data.loc[known, "weeks"].sort_values(kind="stable")
    sessions = data.loc[weeks.index, "session_count"].astype("float64")
    by_site = site.loc[weeks.index]
    before = sessions.groupby(by_site).cummax().groupby(by_site).shift()
    bad = sessions < before
    already = before[bad].map("{:g}".format).astype("str").reindex(before.index)
    remedy = "an earlier week of this site already has " + already
    return row_problems(data["session_count"], bad, "never falls with time", remedy)


def _every_site_named(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    bad = data["site_id"].isna()
    remedy = "write left, right, forehead or the like; with one site a patient leave the whole "
    remedy += "column out"
    return row_problems(data["site_id"], bad, "a name for every treated site", remedy)


def _one_treatment_a_site(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    code = data["treatment"].cat.codes.where(data["treatment"].notna())
    bad = code.notna() & (site >= 0) & (code != code.groupby(site).transform("first"))
    if not bad.any():
        return []
    first = data["treatment"].astype("str").where(code.notna()).groupby(site).transform("first")
    remedy = "other rows of this site say " + first + ": give a second site its own site_id"
    return row_problems(data["treatment"], bad, "one treatment per site", remedy)


def _baseline_is_zero(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    bad = is_baseline(data) & data["improvement_score"].fillna(0).ne(0)
    remedy = "improvement is measured from baseline: write 0 or leave it empty"
    return row_problems(data["improvement_score"], bad, "0 at baseline", remedy)


def _blank(values: pd.Series, cells: pd.Series | None) -> bool:
    """Tell whether a column has no entry at all; one that could not be read is an entry."""
    return bool(values.isna().all() and cells is not None and cells.map(as_text).eq("").all())


def _each_period_a_site(data: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Note]]:
    """Name the sites of a crossover apart by period: what was assessed is a period of a patient."""
    if study.design != "crossover" or "period" not in data:
        return data, []
    said = [] if "sequence" in data else [note("sequence_read_off")]
    if data["period"].groupby([data[c] for c in UNIT]).nunique().le(1).all():
        return data, said
    named = data["site_id"] + ", period " + data["period"].astype("str")
    named = named.where(data["period"].notna(), data["site_id"])
    return data.assign(site_id=named), [note("period_a_site"), *said]


def _period_problems(data: pd.DataFrame, study: Study) -> list[Problem]:
    """List what is wrong with the periods and sequences of a crossover."""
    if study.design != "crossover":
        return []
    rows = _arms(data)
    remedy = "write 1, 2, ... in the order of the patient's treatments"
    empty = rows["period"].isna()
    problems = row_problems(rows["period"], empty, "a period in every row", remedy)
    rows = rows[~empty]
    if "sequence" in data:
        problems += _sequence_problems(rows)
    elif rows["arm"].isna().any():
        remedy = "add it: the order of treatments assigned to the patient (AB, needling first, ...)"
        rule = "a sequence where a treatment is not known: the order cannot be read off"
        problems += column_problems(["sequence"], rule, remedy)
    return [*problems, *_order_problems(rows), *_weeks_run_on(data)]


def _arms(data: pd.DataFrame) -> pd.DataFrame:
    """Return the period, sequence and arm of each row: treatment and topical, in words."""
    words = data[[c for c in ARMS if c in data]]
    words = words.astype("object").fillna("none").astype("str")
    arm = words.agg(lambda row: " ".join(w for w in row if w != "none"), axis=1)
    named = {"arm": arm.where(data["treatment"].notna()), "sequence": data.get("sequence")}
    return data[[*UNIT, "period"]].assign(**named)


def _undeclared_crossover(data: pd.DataFrame, study: Study) -> list[Problem]:
    """Ask about treatments that most patients with several got in periods of their own."""
    if study.design == "crossover" or not {"patient_id", "period"} <= set(data):
        return []
    rows = _arms(data)
    arms = rows.groupby("patient_id")["arm"].nunique()
    at_once = rows.groupby(["patient_id", "period"])["arm"].nunique().groupby("patient_id").max()
    several = arms.index[arms > 1]
    if 2 * int((at_once.reindex(several) == 1).sum()) <= len(several):
        return []
    remedy = 'write design = "crossover" into study.toml (with carry_over = false after a wash-out)'
    remedy += ", or leave the column out if it is something else"
    return column_problems(["period"], "the same for the treatments of a patient", remedy)


def _sequence_problems(rows: pd.DataFrame) -> list[Problem]:
    """List periods without a sequence, patients with two, and treatments that are not in it."""
    sequence = rows["sequence"]
    remedy = "write the order of treatments assigned to the patient, the same in all her rows"
    first = sequence.groupby(rows["patient_id"]).transform("first")
    bad = sequence.isna() | (sequence != first)
    problems = row_problems(sequence, bad, "one sequence a patient, in every period", remedy)
    place = [sequence, rows["period"]]
    usual = rows["arm"].groupby(place).transform(lambda arms: next(iter(arms.mode()), None))
    remedy = "most of this sequence got " + usual.astype("str") + " in this period: correct the "
    remedy += "treatment or the sequence; another order is a sequence of its own"
    other = ~bad & rows["arm"].notna() & usual.notna() & (rows["arm"] != usual)
    other &= ~rows.duplicated(["patient_id", "period"])
    rule = "the treatment of the sequence in this period"
    return problems + row_problems(rows["arm"].rename("treatment"), other, rule, remedy)


def _order_problems(rows: pd.DataFrame) -> list[Problem]:
    """List two treatments in one period, and one treatment in all periods of a patient."""
    known = rows[rows["arm"].notna()].drop_duplicates([*UNIT, "period"])
    first = known.groupby(["patient_id", "period"])["arm"].transform("first")
    remedy = "another site of the patient got " + first + ": correct the period or the treatment"
    arm = known["arm"].rename("treatment")
    problems = row_problems(arm, known["arm"] != first, "one treatment in each period", remedy)
    same = known.groupby("patient_id")[["arm", "period"]].transform("nunique")
    bad = same["arm"].eq(1) & same["period"].gt(1) & ~known["patient_id"].duplicated(keep="last")
    bad &= known["arm"].nunique() > 1  # else what was varied is a dose
    remedy = "correct the treatment or the period; whoever really had one treatment throughout "
    remedy += "cannot be compared with herself: keep one period of her rows"
    return problems + row_problems(arm, bad, "another treatment in another period", remedy)


def _weeks_run_on(data: pd.DataFrame) -> list[Problem]:
    """Ask about weeks that every patient has only later ones of in a later period."""
    if "weeks" not in data or data["weeks"].isna().all():
        return []
    ends = data.groupby(["patient_id", "period"])["weeks"].agg(["min", "max"]).reset_index()
    later = ends["min"] > ends.groupby("patient_id")["max"].shift()
    if not later[ends["patient_id"].duplicated()].all() or not later.any():
        return []
    remedy = "subtract the week in which the period of the patient began"
    return column_problems(["weeks"], "counted from the start of each period", remedy)


def _plan_problems(data: pd.DataFrame, study: Study) -> list[Problem]:
    """List what a plan names that the sheet cannot give."""
    reference, problems = study.plan.reference, []
    if reference is not None and not data["treatment"].eq(reference).any():
        found = ", ".join(sorted(data["treatment"].dropna().astype("str").unique()))
        problems.append(key_problem("plan.reference", reference, f"a treatment of it: {found}"))
    return [*problems, *covariate_problems(data, study.plan.adjust, "plan.adjust")]


def covariate_problems(data: pd.DataFrame, names: Sequence[str], key: str) -> list[Problem]:
    """List what cannot be adjusted for of what is named under a key."""
    wrong = {name: _no_covariate(data, name) for name in names}
    return [
        key_problem(key, name, why, f"{_like(name, data)}leave it out of adjust")
        for name, why in wrong.items()
        if why
    ]


def _like(name: str, data: pd.DataFrame) -> str:
    """Offer the column of the sheet that was meant, where one is near."""
    near = [c for c in data if c not in UNIT and name.lower() in c] or get_close_matches(name, data)
    return f"did you mean {near[0]}? Else " if near and name not in data else ""


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


def _interval_holds_score(data: pd.DataFrame, site: pd.Series) -> list[Problem]:
    if not {"improvement_low", "improvement_high"} <= set(data.columns):
        return []
    low, high, score = (data[f"improvement_{x}"] for x in ("low", "high", "score"))
    half = low.notna() ^ high.notna()
    outside = (low > high) | (score < low) | (score > high)
    rule = "low <= score <= high, and low and high both or neither"
    remedy = "correct the ends of the interval"
    ends = low.map("{:g}".format) + " to " + high.map("{:g}".format)
    return row_problems(ends.rename("improvement_low"), half | outside, rule, remedy)


# each takes the table and a number for the site of each row
_RULES: tuple[Callable[[pd.DataFrame, pd.Series], list[Problem]], ...] = (
    _depth_only_where_needled,
    _duplicate_visits,
    _sessions_never_fall,
    _every_site_named,
    _one_treatment_a_site,
    _baseline_is_zero,
    _interval_holds_score,
)
