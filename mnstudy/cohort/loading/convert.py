"""Cells to typed values: what cannot be read becomes a problem, never a guess."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.schema.problems import Problem
from mnstudy.cohort.study.study import Study

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none given", "<na>"})
_TRUE = frozenset({"true", "yes", "y", "1", "ja", "oui", "si"})
_FALSE = frozenset({"false", "no", "n", "0", "nein", "non"})
_ROMAN = dict(zip("123456", ("I", "II", "III", "IV", "V", "VI"), strict=True))
_UNIT_FACTOR = {("mm", "um"): 0.001, ("micrometres", "mm"): 1000.0}

Cells = tuple[pd.Series, list[Problem]]


def column(cells: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    """Convert one raw column to the type of its specification.

    Returns the typed column (same index) and a problem for every cell that could not be read.
    """
    text = cells.map(as_text).astype("str")
    missing = text.str.lower().isin(MISSING)
    convert: Callable[..., Cells] = {
        "id": _texts,
        "text": _texts,
        "category": _levels,
        "ordered": _levels,
        "number": _numbers,
        "integer": _numbers,
        "boolean": _booleans,
    }[spec.kind]
    return convert(text, missing, spec, study)


def as_text(value: Any) -> str:
    """Write a cell as the sheet shows it; missing cells are empty, 3.0 is 3."""
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value).strip()


def _texts(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    own = _own_words(spec, study) if spec.kind == "text" else {}
    typed = text.map(lambda cell: own.get(cell.lower(), cell)).astype("str").mask(missing)
    problems = []
    if spec.core:
        problems = [
            Problem(row=int(row), column=spec.name, rule="never empty", remedy="give a pseudonym")
            for row in text.index[missing]
        ]
    return typed, problems


def _levels(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    words = _own_words(spec, study)
    plain = {_plain(level): level for level in spec.levels}
    if spec.name == "phototype":
        plain |= _ROMAN
    if spec.name == "adjunct":
        # the word none is a level of this column, not a missing cell
        missing = text.eq("")

    def read(cell: str) -> str | None:
        own = words.get(cell.lower())
        return own if own is not None else plain.get(_plain(cell))

    codes = {cell: read(cell) for cell in text[~missing].unique()}
    values = text.map(codes)
    bad = ~missing & (values.isna() | ~values.isin(spec.levels))
    typed = pd.Categorical(
        values.where(~bad & ~missing), categories=list(spec.levels), ordered=spec.kind == "ordered"
    )
    problems = [
        Problem(row=int(r), column=spec.name, value=c, rule=spec.rule, remedy=_nearest(c, spec))
        for r, c in text[bad].items()
    ]
    return pd.Series(typed, index=text.index), problems


def _own_words(spec: ColumnSpec, study: Study) -> dict[str, str]:
    return {k.strip().lower(): v for k, v in study.levels.get(spec.name, {}).items()}


def _plain(word: str) -> str:
    return re.sub(r"[\s\-]+", "_", word.strip().lower())


def _nearest(cell: str, spec: ColumnSpec) -> str:
    near = difflib.get_close_matches(_plain(cell), spec.levels, n=1, cutoff=0.5)
    own = f"or give the meaning under [levels.{spec.name}] in study.toml"
    return f"did you mean {near[0]}? {own}" if near else f"use one of the levels, {own}"


_DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+$")


def _numbers(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    comma = text.str.match(_DECIMAL_COMMA).astype(bool)
    plain = text.where(~comma, text.str.replace(",", ".", regex=False)).mask(missing)
    values = pd.to_numeric(plain, errors="coerce").astype("float64")
    values = values.where(np.isfinite(values))
    values *= _UNIT_FACTOR.get((spec.unit, study.units.get(spec.name, spec.unit)), 1.0)
    bad = ~missing & values.isna()
    if spec.kind == "integer":
        bad |= values.notna() & (values % 1 != 0)
        values = values.where(~bad)
    rule = "a whole number" if spec.kind == "integer" else "a number"
    problems = [
        Problem(row=int(r), column=spec.name, value=c, rule=rule, remedy=_number_remedy(spec))
        for r, c in text[bad].items()
    ]
    return values.astype("Int64") if spec.kind == "integer" else values, problems


def _number_remedy(spec: ColumnSpec) -> str:
    if spec.name == "session_count":
        return "write 0 for the baseline assessment, or leave the cell empty if not known"
    unit = f" in {spec.unit}" if spec.unit else ""
    return f"write the number alone{unit}, or leave the cell empty"


def _booleans(text: pd.Series, missing: pd.Series, spec: ColumnSpec, study: Study) -> Cells:
    word = text.str.lower()
    yes, no = word.isin(_TRUE), word.isin(_FALSE)
    typed = pd.Series(pd.NA, index=text.index, dtype="boolean")
    typed[yes], typed[no] = True, False
    bad = ~missing & ~yes & ~no
    problems = [
        Problem(row=int(r), column=spec.name, value=c, rule=spec.rule, remedy="write true or false")
        for r, c in text[bad].items()
    ]
    return typed, problems
