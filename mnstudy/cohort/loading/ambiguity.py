"""Values that can be read in two ways, which the study file has to decide."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from mnstudy.cohort.reading.sheet import as_text
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Line, Problem
from mnstudy.cohort.study.reading import ALL, IDS
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import is_baseline
from mnstudy.words.notes import Count, Note, note

# what people write, again and again, for a value that is not known
CODES = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
ALONE = (-99.0, -999.0, -9999.0, 999.0, 9999.0)  # also where one cell has it
FEWEST = 3  # known values that tell something of a column
APART = 0.2  # of the range of the others: how far off a code stands


def read_in_two_ways(data: pd.DataFrame, study: Study) -> list[Problem]:
    """List what the study file has to decide.

    Parameters
    ----------
    data : DataFrame
        A typed table.
    study : Study
        What it declares of a column is decided.

    Returns
    -------
    list of Problem
        Percentages that may be fractions, codes that may stand for a value that is not known,
        ids that may be the same patient's; each with the line that decides it.
    """
    return [
        *_fractions(data, study),
        *_classes(data, study),
        *_codes(data, study),
        *_alike(data, study),
    ]


def _fractions(data: pd.DataFrame, study: Study) -> list[Problem]:
    """Ask about percentages that all lie between -1 and 1."""
    problems = []
    after = ~is_baseline(data) if "session_count" in data else pd.Series(True, index=data.index)
    for spec in columns().values():
        if spec.unit != "percent" or spec.name not in data or spec.name in study.units:
            continue
        known = data.loc[after, spec.name].dropna()
        known = known[known != 0]
        small = known.abs() <= 1
        broken = known[small & (known % 1 != 0)]
        rest = known[~small]
        all_small = small.all() and len(broken) >= FEWEST
        some = len(broken) > 0 and len(rest) >= FEWEST and bool((rest % 1 == 0).all())
        if all_small:
            paste = (Line("units", spec.name, "fraction", otherwise="percent"),)
            remedy = "0.45 is 45 percent, or less than one: say which under [units]"
            rule = "in percent: no value here is more than 1"
            problems.append(Problem(column=spec.name, rule=rule, remedy=remedy, paste=paste))
        elif some:
            line = Line("units", spec.name, "percent")
            remedy = "correct the cell; or confirm by [units] that all are in percent"
            problems += [
                Problem(
                    row=int(row), column=spec.name, value=f"{value:g}",
                    rule="in percent: all others are whole numbers above 1",
                    remedy=remedy, paste=(line,),
                )
                for row, value in broken.items()
            ]  # fmt: skip
    return problems


def _classes(data: pd.DataFrame, study: Study) -> list[Problem]:
    """Ask about improvements that are all small whole numbers: quarters or grades have such."""
    name, after = (
        "improvement_score",
        ~is_baseline(data) if "session_count" in data else slice(None),
    )
    if name not in data or name in study.units or name in study.levels:
        return []
    known = data.loc[after, name].dropna()
    values = sorted(known[known != 0].unique())
    whole = all(value in range(1, 6) for value in values)
    if not whole or len(values) < 2 or len(known) < 2 * FEWEST:
        return []
    remedy = f"say what each means under [levels.{name}] (25 to 50), or confirm by [units] percent"
    lines = tuple(Line(f"levels.{name}", f"{value:g}", "?") for value in values)
    rule = f"in percent: all values are whole numbers up to {values[-1]:g}"
    return [Problem(column=name, rule=rule, remedy=remedy, paste=lines)]


def _codes(data: pd.DataFrame, study: Study) -> list[Problem]:
    """Ask about a code that is repeated and stands apart from the other values."""
    problems = []
    declared = study.reading.missing
    for spec in [c for c in columns().values() if c.numeric and c.name in data]:
        own = declared.get(spec.name)
        if own == ():  # all are values
            continue
        meant = {as_text(x) for pair in study.levels.get(spec.name, {}).items() for x in pair}
        known = data[spec.name].dropna().astype("float64")
        for code in known[known.isin(CODES)].unique():
            rest = known[~known.isin(CODES)]
            if f"{code:g}" in {*(own or ()), *declared.get(ALL, ()), *meant} or len(rest) < FEWEST:
                continue
            again = int((known == code).sum())
            gap = max(APART * (rest.max() - rest.min()), 1.0)
            outside = code < rest.min() - gap or code > rest.max() + gap
            within = spec.low is None or spec.low <= code <= spec.high
            if (again > 1 or code in ALONE) and outside and within:
                asked = _code(spec.name, code, again, alone=not (own or ALL in declared))
                problems += [replace(asked, row=int(row)) for row in known.index[known == code]]
    return problems


def _code(column: str, code: float, again: int, *, alone: bool) -> Problem:
    """Ask about a code; where other words are declared, a list without it says nothing of it."""
    value = "[]" if alone else f'"{code:g}" = {code:g} under [levels.{column}]'
    cells = Count(n=again, noun="cell")
    return Problem(
        column=column,
        value=f"{code:g}",
        rule=f"a value, or a code for one that is not known ({cells})",
        remedy=f"say which under [missing]; where {code:g} is a value: {value}",
        paste=(Line("missing", column, (f"{code:g}",), otherwise="[]" if alone else ""),),
    )


def same_person(ids: pd.Series) -> pd.Series:
    """Write ids without capitals and leading zeros; those that are then alike may be the same."""
    alike = {word: _bare(word) for word in ids.dropna().unique()}
    return ids.map(alike)


def _of_one_length(ids: pd.Series) -> bool:
    """Tell whether ids are letters and then as many digits each, so that none can be alike."""
    usual = ids.str.fullmatch(r"[A-Za-z]*[_.\-]?[0-9]+").all()
    return bool(usual and ids.str.len().nunique() == 1 and ids.str.lower().is_unique)


def _bare(word: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", word.casefold())


def as_same_person(data: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Note]]:
    """Give ids that are alike one spelling, where the study file says that they are one patient."""
    if "patient_id" not in data or study.reading.ids != IDS[1]:
        return data, []
    ids = data["patient_id"]
    bare = same_person(ids)
    first = ids.groupby(bare).transform("min").where(ids.notna(), ids)
    changed = ids[first != ids].nunique()
    said = [note("ids_alike", ids=Count(n=changed, noun="id"))] if changed else []
    return data.assign(patient_id=first), said


def _alike(data: pd.DataFrame, study: Study) -> list[Problem]:
    if "patient_id" not in data or study.reading.ids:
        return []
    ids = data["patient_id"].drop_duplicates().dropna()
    if _of_one_length(ids):
        return []
    several = int(same_person(ids).duplicated(keep=False).sum())
    if not several:
        return []
    return [
        Problem(
            column="patient_id",
            rule=f"ids that differ in more than capitals and leading zeros ({several} do not)",
            remedy="say whether they are the same patients",
            paste=(Line("", "ids", IDS[1], otherwise=IDS[0]),),
        )
    ]
