"""Turn the cells of a column into typed values; each distinct value is read once.

What cannot be read becomes a problem, never a guess. What is no plain value is read only where the
study file says how: its own words, codes for a missing value, a unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.loading import cells as pattern
from mnstudy.cohort.loading import vocabulary
from mnstudy.cohort.reading.sheet import as_text
from mnstudy.cohort.schema.columns import (
    BESIDE,
    IN_CELLS,
    ColumnSpec,
    columns,
    known_units,
    own_numbers,
)
from mnstudy.cohort.schema.problems import ANOTHER, Line, Problem
from mnstudy.cohort.study.reading import ALL
from mnstudy.cohort.study.study import Study
from mnstudy.errors import nearest
from mnstudy.words.notes import Count, Note, note

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none given", "<na>"})
_TRUE = frozenset({"true", "yes", "y", "1", "ja", "oui", "si"})
_FALSE = frozenset({"false", "no", "n", "0", "nein", "non"})
_ROMAN = dict(zip("123456", ("I", "II", "III", "IV", "V", "VI"), strict=True))
_AGES = (18, 25, 35, 45, 55, 65)  # where the next age band begins
_COMMA = re.compile(r"^[+-]?\d+,\d+$")
_THOUSANDS = {
    ",": re.compile(r"^[+-]?\d{1,3}(?:[. \u00a0\u202f]\d{3})+(?:,\d+)?$"),
    ".": re.compile(r"^[+-]?\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?:\.\d+)?$"),
}
_THREE = re.compile(r"^[+-]?\d{1,3},\d{3}$")
_PLAIN = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_POINT, _POINT_THREE = re.compile(r"^[+-]?\d+\.\d+$"), re.compile(r"^[1-9]\d{0,2}\.\d{3}$")
_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")
_LARGEST = 2**53  # of whole numbers that are exact; larger is no measure
_STORED = "\0"  # behind a number that a file holds as one
RANGE_ENDS = ("improvement_low", "improvement_high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of a column beside the contract.

    Attributes
    ----------
    words : mapping
        Word of the sheet, in small letters, to what the study file says it means.
    missing : frozenset of str
        Words and codes, in small letters, for a value that is not known.
    labels : mapping
        Code to what the file itself calls it.
    unit : str
        As the study file declares it; empty where it does not.
    decimal : str
        The decimal mark of numbers written as text; empty where nothing is declared.
    stored : frozenset of str
        Cells that the file holds as numbers, not as text.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = MISSING
    labels: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    decimal: str = ""
    stored: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        spec: ColumnSpec,
        study: Study,
        labels: Mapping[str, str] | None = None,
        codes: tuple[str, ...] = (),
    ) -> Said:
        """Gather what the study file, and the file of the data itself, say of a column."""
        declared = study.reading.missing
        words = {*declared.get(ALL, ()), *declared.get(spec.name, ()), *codes}
        own = study.levels.get(spec.name, {})
        return cls(
            words={_whole(str(k).strip().lower()): _meaning(v) for k, v in own.items()},
            missing=MISSING | {_whole(w.strip().lower()) for w in words},
            labels=labels or {},
            unit=study.units.get(spec.name, ""),
            decimal=study.reading.decimal,
        )


def _meaning(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else as_text(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Distinct values of a column as they were read.

    ``bad`` marks those that could not be, which should follow ``rule``; ``remedy`` and ``paste``
    say of one how to mend it. ``beside`` holds what a word says of other columns.
    """

    values: pd.Series
    bad: pd.Series
    rule: str
    remedy: Callable[[str], str]
    paste: Callable[[str], tuple[Line, ...]] = lambda word: ()
    beside: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as it was read.

    Attributes
    ----------
    values : Series
        Typed; missing where a cell is empty or could not be read.
    problems : list of Problem
        One for every cell that could not be read.
    notes : list of Note
        What was read as the study file declares it, and how often.
    beside : DataFrame or None
        What words say of other columns: the ends of ranges of improvement, the substance that is
        put on with a treatment.
    """

    values: pd.Series
    problems: list[Problem]
    notes: list[Note]
    beside: pd.DataFrame | None = None


def column(cells: pd.Series, spec: ColumnSpec, said: Said) -> Column:
    """Convert one raw column to the type of its specification.

    Parameters
    ----------
    cells : Series
        Raw cells; the index is the row of the sheet.
    spec : ColumnSpec
    said : Said
        What the study file, and the file itself, say of this column.

    Returns
    -------
    Column
        Of the same index.
    """
    codes, text, stored = distinct(cells)
    if stored.any():
        said = replace(said, stored=frozenset(text[stored]))
    missing = text.str.lower().map(_whole).isin(said.missing)
    if spec.kind in ("category", "text"):
        # a level may be called as a missing value is elsewhere: the adjunct none
        missing &= ~text.map(as_level).isin(spec.levels) | text.eq("")
    missing |= _own(text, said).eq("")
    typed = _CONVERTERS[spec.kind](text, missing, spec, said)
    values = typed.values.take(codes).set_axis(cells.index)
    beside = None if typed.beside is None else typed.beside.take(codes).set_axis(cells.index)
    problems = _problems(typed, codes, text, cells)
    read = ~typed.bad.to_numpy()
    coded = missing & ~text.str.lower().isin(MISSING)
    notes = _mended(codes, text, coded, read, spec, said)
    return Column(values=values, problems=problems, notes=notes, beside=beside)


def _mended(
    codes: np.ndarray,
    text: pd.Series,
    coded: pd.Series,
    read: np.ndarray,
    spec: ColumnSpec,
    said: Said,
) -> list[Note]:
    """Say what was read as the study file declares it, and which of its words occur nowhere."""
    if not (said.words or said.unit or len(said.missing) > len(MISSING)):
        return []
    word = text.str.lower().map(_whole)
    own = _own(text, said).notna() & ~coded
    often = np.bincount(codes, minlength=len(text))

    def count(which: pd.Series) -> Count:
        return Count(n=int(often[which.to_numpy() & read].sum()), noun="cell")

    notes = []
    if own.any():
        notes.append(note("words_read", column=spec.name, cells=count(own)))
    if coded.any():
        notes.append(note("codes_missing", column=spec.name, cells=count(coded)))
    if said.unit == IN_CELLS:
        plain_ones = pd.to_numeric(text.str.replace(",", "."), errors="coerce").notna()
        notes.append(
            note("units_in_cells", column=spec.name, cells=count(~plain_ones & ~own & text.ne("")))
        )
    elif said.unit and said.unit != spec.unit:
        notes.append(note("unit_converted", column=spec.name, unit=said.unit))
    said_of = {*word, *(label.lower() for label in said.labels.values())}
    idle = tuple(sorted(set(said.words) - said_of))
    return notes + ([note("words_not_in_sheet", column=spec.name, words=idle)] if idle else [])


def distinct(cells: pd.Series) -> tuple[np.ndarray, pd.Series, np.ndarray]:
    """Return which distinct cell each row holds, these as text, and which are stored as numbers.

    A stored number has a point whatever the decimal mark of the numbers that are text.
    """
    if cells.dtype == np.float32:  # 0.3 is 0.30000001 in more digits than it has
        cells = cells.map(lambda x: float(str(np.float32(x))))
    stored = pd.api.types.is_numeric_dtype(cells)
    if cells.dtype == object:  # 1 and true are equal there
        number = cells.map(lambda x: isinstance(x, int | float | np.number)).astype(bool)
        shown = cells.map(as_text).astype("str")
        cells = shown.mask(number, shown + _STORED)
    codes, values = pd.factorize(cells, use_na_sentinel=False)
    text = pd.Series([as_text(value) for value in values], dtype="str")
    kept = text.str.endswith(_STORED).to_numpy() | stored
    return codes, text.str.removesuffix(_STORED), kept


def as_level(word: str) -> str:
    """Write a word as the contract writes its levels."""
    return re.sub(r"[\s\-]+", "_", word.strip().lower())


def _problems(typed: Typed, codes: np.ndarray, text: pd.Series, cells: pd.Series) -> list[Problem]:
    """Return a problem for each row whose value could not be read."""
    bad = typed.bad.to_numpy()
    if not bad.any():
        return []
    said = {i: (w, typed.remedy(w), typed.paste(w)) for i, w in enumerate(text) if bad[i]}
    return [
        Problem(row=int(row), column=str(cells.name), value=v, rule=typed.rule, remedy=m, paste=p)
        for row, (v, m, p) in ((cells.index[i], said[codes[i]]) for i in np.flatnonzero(bad[codes]))
    ]


def _own(text: pd.Series, said: Said) -> pd.Series:
    """Return what the study file says that each cell means, by its word or by its label."""
    if not said.words:
        return pd.Series(None, index=text.index, dtype="object")
    labels = {code: said.words.get(label.lower()) for code, label in said.labels.items()}
    meanings = [said.words.get(_whole(word.lower()), labels.get(word)) for word in text]
    return pd.Series(meanings, index=text.index, dtype="object")


def _texts(text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said) -> Typed:
    values = text.astype("object")
    if spec.kind == "text":
        own = _own(text, said)
        values = own.where(own.notna(), text.map(lambda word: said.labels.get(word, word)))
    typed = values.astype("str").mask(missing)
    bad, rule = missing & spec.core, "never empty"
    return Typed(values=typed, bad=bad, rule=rule, remedy=lambda word: "give a pseudonym")


def _levels(text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said) -> Typed:
    if spec.name == "age_band" and said.unit:
        return _ages(text, missing, spec, said)
    known = {as_level(level): level for level in spec.levels}
    if spec.name == "phototype":
        known |= _ROMAN

    def read(word: str) -> str | None:
        own = said.words.get(word.lower())
        named = said.words.get(said.labels.get(word, "").lower()) or known.get(
            as_level(said.labels.get(word, ""))
        )
        return own or named or known.get(as_level(_whole(word)))

    meant = text.map({word: read(word) for word in text[~missing]}).astype("object")
    parts = [word.partition(BESIDE) if isinstance(word, str) else ("", "", "") for word in meant]
    values = pd.Series([first for first, _, _ in parts], index=text.index).where(meant.notna())
    bad = ~missing & (values.isna() | ~values.isin(spec.levels))
    others = text.tolist() if spec.name == "sex" else []
    typed = pd.Categorical(
        values.where(~bad & ~missing), categories=list(spec.levels), ordered=spec.kind == "ordered"
    )
    return Typed(
        values=pd.Series(typed, index=text.index),
        bad=bad,
        rule=spec.rule,
        remedy=lambda word: _nearest(word, spec),
        paste=lambda word: _level_line(word, spec, said, others),
        beside=_substances([last for _, _, last in parts], missing | bad),
    )


def _substances(named: list[str], unknown: pd.Series) -> pd.DataFrame | None:
    """Return the substances that words name beside the treatment; none where one names none."""
    if not any(named):
        return None
    words = pd.Series(named, index=unknown.index).replace("", "none").mask(unknown)
    return pd.DataFrame({"adjunct": pd.Categorical(words, columns()["adjunct"].levels)})


def _whole(word: str) -> str:
    """Drop the decimals of a whole number: programs write 4.0 beside missing cells."""
    return _WHOLE.sub(r"\1", word)


def _nearest(cell: str, spec: ColumnSpec) -> str:
    own = f"or give the meaning under [levels.{spec.name}] in study.toml"
    return f"{nearest(as_level(cell), spec.levels, 'use one of the levels,', n=1)} {own}"


def _level_line(
    word: str, spec: ColumnSpec, said: Said, others: Collection[str]
) -> tuple[Line, ...]:
    """Propose what a word means, where the vocabulary knows it; else leave it to be filled in."""
    if vocabulary.is_missing(word):
        return (Line("missing", spec.name, (word,)),)
    label = said.labels.get(word, word)
    level = vocabulary.level_among(spec.name, label, others)
    return (Line(f"levels.{spec.name}", word, level or "?"),)


def _ages(text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said) -> Typed:
    written = said.unit == IN_CELLS
    years = text[~missing].map(lambda word: pattern.number_with_unit(word, "years"))
    years = years.astype("float64").reindex(text.index) if written else _plain_numbers(text, said)
    years = years.where(years.between(0, 120) & ~missing)
    place = np.searchsorted(_AGES, years.fillna(0), side="right")
    words = pd.Series(np.array(spec.levels)[place], index=text.index).where(years.notna())
    typed = pd.Categorical(words, categories=list(spec.levels), ordered=True)
    return Typed(
        values=pd.Series(typed, index=text.index),
        bad=~missing & years.isna(),
        rule="an age, 0 to 120 years",
        remedy=lambda word: "write the age in whole years, or leave the cell empty",
    )


def _numbers(text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said) -> Typed:
    own = _own(text, said).mask(missing)
    means = [own_numbers(word, spec.name) if word else () for word in own.fillna("")]
    ends = pd.DataFrame(
        {
            name: [m[i] if m else np.nan for m in means]
            for name, i in zip(RANGE_ENDS, (0, -1), strict=True)
        },
        index=text.index,
        dtype="float64",
    )
    values = _scaled(_plain_numbers(text.mask(missing), said), text, missing, spec, said)
    values = values.where(own.isna(), ends.mean(axis=1))
    if spec.name.startswith("improvement_"):
        values = values.round(9)  # typed by a formula, 2.7 of 3.0 is 9.999999999999995 percent
    two_ways = _two_ways(text, spec, said) & own.isna()
    bad = ~missing & (values.isna() | two_ways | (_class_codes(text, said) & own.isna()))
    rule, mark = "a number", _decimal_line(text[bad])
    if spec.kind == "integer":
        bad |= values.notna() & (values % 1 != 0)
        values, rule = values.where(~bad).astype("Int64"), "a whole number"
    return Typed(
        values=values.where(~bad),
        bad=bad,
        rule=rule,
        remedy=lambda word: _number_remedy(word, spec, said),
        paste=lambda word: _number_line(word, spec, said, mark),
        beside=ends.where(ends.iloc[:, 0] != ends.iloc[:, 1])
        if any(len(m) > 1 for m in means)
        else None,
    )


def _two_ways(text: pd.Series, spec: ColumnSpec, said: Said) -> pd.Series:
    """Tell which numbers a comma or a point leaves open: 1,500 is 1.5 or 1500."""
    if said.decimal:
        return pd.Series(False, index=text.index)
    commas = text.str.match(_COMMA).fillna(False).astype(bool)
    three = commas & text.str.match(_THREE).fillna(False).astype(bool)
    if (commas & ~three).any():  # here a comma is the decimal mark
        return text.str.match(_THOUSANDS[","]).fillna(False).astype(bool)
    return three | _points_in_doubt(text, spec, said)


def _points_in_doubt(text: pd.Series, spec: ColumnSpec, said: Said) -> pd.Series:
    """Tell which points may part thousands: all have three digits behind, and 1500 is possible."""
    point = text.str.match(_POINT).fillna(False).astype(bool) & ~text.isin(said.stored)
    grouped = text[point].str.match(_POINT_THREE).astype(bool)
    many = pd.to_numeric(text[point]) * 1000 * known_units(spec.name).get(said.unit, 1.0)
    if spec.low is None or not grouped.all() or not many.between(spec.low, spec.high).all():
        return pd.Series(False, index=text.index)
    return point


def _class_codes(text: pd.Series, said: Said) -> pd.Series:
    """Tell which codes the file itself calls a range, so that they are no percentages."""
    ranges = {code for code, label in said.labels.items() if pattern.range_of(label)}
    return text.isin(ranges)


def _plain_numbers(text: pd.Series, said: Said) -> pd.Series:
    """Read numbers with the declared decimal mark; with none, a comma may be one."""
    mark = said.decimal
    held = pd.to_numeric(text.where(text.isin(said.stored)), errors="coerce")
    if mark:
        other = "." if mark == "," else ","
        grouped = text.str.match(_THOUSANDS[mark]).astype(bool)
        text = text.where(~grouped, text.str.replace(f"[{other} \u00a0\u202f]", "", regex=True))
        text = text.mask(text.str.contains(other, regex=False).fillna(False).astype(bool))
        text = text.str.replace(",", ".", regex=False) if mark == "," else text
    else:
        comma = text.str.match(_COMMA).fillna(False).astype(bool)
        text = text.where(~comma, text.str.replace(",", ".", regex=False))
    values = held.fillna(pd.to_numeric(text, errors="coerce")).astype("float64")
    return values.where(values.abs() <= _LARGEST)


def _scaled(
    values: pd.Series, text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said
) -> pd.Series:
    """Bring numbers to the unit of the contract."""
    if said.unit != IN_CELLS:
        return values * known_units(spec.name).get(said.unit, 1.0)
    open_ = ~missing & values.isna()
    found = text[open_].map(lambda word: pattern.number_with_unit(word, spec.unit))
    return values.where(~open_, found.astype("float64"))


def _number_remedy(word: str, spec: ColumnSpec, said: Said) -> str:
    if not said.decimal and _grouped(word):
        return "say which mark the decimals have: a comma or a point"
    if spec.name == "session_count" and word == "-":
        return "write 0 for the baseline assessment, or leave the cell empty if not known"
    if pattern.range_of(said.labels.get(word, "")):
        return f'the file calls it "{said.labels[word]}": say under [levels.{spec.name}] what it is'
    unit = f" in {spec.unit}" if spec.unit else ""
    return f"write the number alone{unit}, or leave the cell empty"


def _grouped(word: str) -> bool:
    return any(parted.match(word) for parted in _THOUSANDS.values())


def _decimal_line(text: pd.Series) -> Line:
    """Propose the decimal mark of a column: the last mark of a number that has both, as 1.250,5."""
    marks = [re.findall(r"(?<=\d)\D", word) for word in text if _grouped(word)]
    sure = {own[-1] for own in marks if len(set(own)) > 1 and own[-1] in ",."}
    return Line("", "decimal", sure.pop()) if len(sure) == 1 else Line("", "decimal", ",", ".")


def _number_line(word: str, spec: ColumnSpec, said: Said, mark: Line) -> tuple[Line, ...]:
    """Propose the line of the study file by which a cell that is no number can be read."""
    if vocabulary.is_missing(word):
        return (Line("missing", spec.name, (word,)),)
    if not said.decimal and _grouped(word):
        return (mark,)
    known = f"levels.{spec.name}"
    ends = pattern.range_of(said.labels.get(word, word))
    if ends and spec.name == "improvement_score":
        return (Line(known, word, f"{ends[0]:g} to {ends[1]:g}"),)
    if (
        spec.unit
        and said.unit != IN_CELLS
        and not _PLAIN.fullmatch(word)
        and pattern.number_with_unit(word, spec.unit) is not None
    ):
        return (Line("units", spec.name, IN_CELLS),)
    near = pattern.about(word)
    if near is not None:
        return (Line(known, word, near),)
    guess = own_numbers(vocabulary.level_of(spec.name, word) or "-", spec.name)
    if guess:
        return (Line(known, word, guess[0], otherwise=ANOTHER),)
    return (Line(known, word, "?"),)


def _booleans(text: pd.Series, missing: pd.Series, spec: ColumnSpec, said: Said) -> Typed:
    word = text.map(_whole).str.lower()
    own = _own(text, said)
    word = own.where(own.notna(), word)
    yes, no = word.isin(_TRUE) & ~missing, word.isin(_FALSE) & ~missing
    typed = pd.Series(pd.NA, index=text.index, dtype="boolean")
    typed[yes], typed[no] = True, False
    return Typed(
        values=typed,
        bad=~missing & ~yes & ~no,
        rule=spec.rule,
        remedy=lambda word: "write true or false",
        paste=lambda word: _truth_line(word, spec),
    )


def _truth_line(word: str, spec: ColumnSpec) -> tuple[Line, ...]:
    truth = vocabulary.truth_of(word)
    if truth is None and vocabulary.is_missing(word):
        return (Line("missing", spec.name, (word,)),)
    meaning = "?" if truth is None else str(truth).lower()
    return (Line(f"levels.{spec.name}", word, meaning),)


_CONVERTERS: dict[str, Callable[[pd.Series, pd.Series, ColumnSpec, Said], Typed]] = {
    "id": _texts,
    "text": _texts,
    "category": _levels,
    "ordered": _levels,
    "number": _numbers,
    "integer": _numbers,
    "boolean": _booleans,
}
