"""How far the values of a column fit one of the contract, and what its own words mean there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pandas as pd

from mnstudy.cohort.loading import persons
from mnstudy.cohort.loading.cells import about, classes_of, grade_of, number_with_unit
from mnstudy.cohort.loading.convert import MISSING, as_level
from mnstudy.cohort.loading.vocabulary import (
    brackets,
    is_missing,
    level_among,
    level_of,
    plain,
    truth_of,
    unit_of,
    units,
    words_of,
)
from mnstudy.cohort.reading.sheet import Sheet, as_text
from mnstudy.cohort.scales import scale_of
from mnstudy.cohort.schema.columns import ColumnSpec, columns

IN_CELLS = "in the cells"
IMPROVEMENT = "improvement_score"
CODES = ("-9", "-99", "-999", "-9999", "99", "999", "9999")
ALONE = ("-99", "-999", "-9999", "999", "9999")  # also where one cell has it
FEW = 12  # more words without a meaning are free text, which may name a person
_YES_NO = ("true", "false", "yes", "no", "1", "0")  # read without being told
_ROMAN = ("I", "II", "III", "IV", "V", "VI")
# units of a heading that a column may be declared in
_OTHER_UNITS = {
    "mm": ("um", "cm"),
    "micrometres": ("mm",),
    "weeks": ("days", "months", "years"),
    "days": ("weeks",),
}
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_NAMED = 4  # words that a line shows with their meaning
_TIMES = ("days", "weeks", "months", "years")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a sheet: its heading, its cells as text, and what the file says of it.

    ``counts`` are its distinct values with the number of rows, without empty ones and those that
    the file declares as missing.
    """

    heading: str
    cells: pd.Series
    counts: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How far the values of a column can be read as a column of the contract.

    Attributes
    ----------
    share : float
        Of the rows with a value, those that can be read once the proposals are taken; 1 where no
        row has a value.
    levels : mapping
        Word of the sheet to what it means.
    unsure : mapping
        The same, where a person has to choose the meaning.
    unknown : tuple of str
        Words without a meaning; those that may name a person are only counted, in ``hidden``.
    missing, codes : tuple of str
        Words for a value that is not known, and numbers that may stand for one.
    unit : str
        In which the column is written, where that is another than the contract's.
    says : tuple of str
        What was seen, in words.
    labels : mapping
        What the file itself calls its codes.
    """

    share: float = 1.0
    levels: Mapping[str, Any] = field(default_factory=dict)
    unsure: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    hidden: int = 0
    missing: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unit: str = ""
    says: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def gather(sheet: Sheet) -> list[Column]:
    """Return the columns of a sheet in their order."""
    found = []
    shown = {n["column"]: n["word"] for n in sheet.remarks if n.kind == "shown_with_unit"}
    for place, name in enumerate(sheet.cells.columns):
        raw, heading = sheet.cells.iloc[:, place], str(name)
        cells = raw.map(as_text).astype("str")
        known = cells[cells.ne("") & ~cells.isin(sheet.missing.get(heading, ()))]
        counts = {str(word): int(n) for word, n in known.value_counts(sort=False).items()}
        labels, title = sheet.labels.get(heading, {}), sheet.titles.get(heading, "")
        title = f"{heading} ({shown[heading]})" if heading in shown else title
        found.append(
            Column(heading=heading, cells=cells, counts=counts, labels=labels, title=title)
        )
    return found


def fit(column: Column, name: str) -> Fit:
    """Read the values of a column of the sheet as a column of the contract."""
    spec = columns()[name]
    counts = column.counts
    missing = tuple(w for w in counts if _is_missing(w, column, spec))
    words = [w for w in counts if w not in missing]
    found = _KINDS[spec.kind](words, spec, column)
    known = sum(counts[w] for w in words if w not in found.codes)
    named = [w for w in found.levels if not _may_be_shown(w)]
    lost = [*found.unknown, *named]
    unread = sum(counts[w] for w in lost)
    shown = tuple(w for w in found.unknown if _may_be_shown(w))
    if len(shown) > FEW:
        shown = ()
    levels = {w: v for w, v in found.levels.items() if w not in named}
    return replace(
        found,
        share=1 - unread / known if known else 1.0,
        unknown=shown,
        hidden=len(lost) - len(shown),
        levels=levels,
        labels=column.labels,
        missing=tuple(w for w in missing if w.lower() not in MISSING),
        says=(
            *found.says,
            *_meanings(name, {column.labels.get(w, w): v for w, v in levels.items()}),
        ),
    )


def _meanings(name: str, levels: Mapping[str, Any]) -> tuple[str, ...]:
    if not columns()[name].levels:
        return ()
    more = (f"and {len(levels) - _NAMED} more",) if len(levels) > _NAMED else ()
    return (*(f'"{word}" -> {level}' for word, level in [*levels.items()][:_NAMED]), *more)


def _is_missing(word: str, column: Column, spec: ColumnSpec) -> bool:
    said = column.labels.get(word, word)
    if spec.kind == "boolean" and (truth_of(said) is not None or "+" in column.counts):
        return False
    return is_missing(said) and not level_of(spec.name, said)


def _may_be_shown(word: str) -> bool:
    """Tell whether a word of the sheet is surely no person's name, number or address."""
    named = re.search(r"(?i)\b(?:fr|frau|herr|hr|mr|mrs|ms|dr|sra|mme|bay|bayan)\b[. ]", word)
    both = re.search(r"^[^\W\d_]+, ?[^\W\d_]+$", word)
    return len(word) <= 40 and not (named or both or persons.identifying(word, prose=True))


def _texts(words: list[str], spec: ColumnSpec, column: Column) -> Fit:
    if spec.name != "scale":
        return Fit()
    return Fit(unknown=tuple(w for w in words if scale_of(w) is None))


def _booleans(words: list[str], spec: ColumnSpec, column: Column) -> Fit:
    levels, unknown = {}, []
    for word in words:
        answer = False if word == "-" else truth_of(column.labels.get(word, word))
        if answer is None:
            unknown.append(word)
        elif word.lower() not in _YES_NO:
            levels[word] = str(answer).lower()
    return Fit(levels=levels, unknown=tuple(unknown))


def _levels(words: list[str], spec: ColumnSpec, column: Column) -> Fit:
    if spec.name == "age_band" and words and all(_is_age(w) for w in words):
        unit = "years" if all(map(_NUMBER.fullmatch, words)) else IN_CELLS
        return Fit(unit=unit, says=("exact ages become bands",))
    levels, unknown = {}, []
    labels = {word: column.labels.get(word, word) for word in words}
    for word, said in labels.items():
        level = level_among(spec.name, said, labels.values()) or _graded(said, spec)
        if not level:
            unknown.append(word)
        elif as_level(word) not in _read_anyway(spec):
            levels[word] = level
    return Fit(levels=levels, unknown=tuple(unknown))


def _read_anyway(spec: ColumnSpec) -> set[str]:
    read = {as_level(level) for level in spec.levels}
    return read | set("123456") if spec.name == "phototype" else read


def _graded(word: str, spec: ColumnSpec) -> str:
    grade = grade_of(word) if spec.name == "phototype" else None
    return _ROMAN[grade - 1] if grade else ""


def _is_age(word: str) -> bool:
    years = number_with_unit(word, "years")
    return years is not None and 0 <= years <= 120


def _numbers(words: list[str], spec: ColumnSpec, column: Column) -> Fit:
    values, levels, unsure, unknown = _read(words, spec, column)
    unit, says = _unit(values, levels, spec, column)
    if unit not in ("", IN_CELLS, "fraction"):
        values = {w: number_with_unit(f"{v} {unit}", spec.unit) or 0.0 for w, v in values.items()}
    if spec.name == "satisfaction_score" and _of_five(values):
        unsure |= {word: (value - 1) * 2.5 for word, value in values.items()}
    codes = _codes(values, spec, column)
    out = [w for w, v in values.items() if w not in codes and not _within(v, spec)]
    slipped = {w: v for w in out if (v := _slipped(values[w], spec)) is not None}
    return Fit(
        levels=levels | slipped,
        unsure=unsure,
        unknown=(*unknown, *(w for w in out if w not in slipped)),
        codes=codes,
        unit=unit,
        says=(*says, *_seen(values, out, spec)),
    )


Read = tuple[dict[str, float], dict[str, Any], dict[str, Any], list[str]]


def _read(words: list[str], spec: ColumnSpec, column: Column) -> Read:
    """Read the words of a column of numbers: numbers, meanings, meanings to choose, and the rest.

    Codes that the file itself calls by words are not the numbers that they look like.
    """
    said = {w: column.labels.get(w, w) for w in words}
    ranges = [*said.values(), *column.labels.values()] if spec.name == IMPROVEMENT else []
    classes = classes_of(ranges)
    coded = bool(words) and all(w in column.labels and not _NUMBER.match(said[w]) for w in words)
    values: dict[str, float] = {}
    levels: dict[str, Any] = {}
    unsure: dict[str, Any] = {}
    unknown = []
    for word, text in said.items():
        number = number_with_unit(word, spec.unit)
        meaning, sure = None, True
        if number is None or coded or text in classes:
            meaning, sure = _meaning(text, spec, classes)
        if meaning is not None:
            (levels if sure else unsure)[word] = meaning
        elif number is not None:
            values[word] = number
        else:
            unknown.append(word)
    return values, levels, unsure, unknown


def _meaning(text: str, spec: ColumnSpec, classes: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return what a word among numbers means, and whether that needs no choice."""
    if text in classes:
        low, high = classes[text]
        return f"{low:g} to {high:g}", True
    if spec.name == "weeks":
        return weeks_of(text), True
    if spec.name == "baseline_severity" and grade_of(text):
        return grade_of(text), True
    if spec.unit == "percent" and about(text) is not None:
        return about(text), True
    level = level_of(spec.name, text)
    if not level:
        return None, True
    return (level if " to " in level else float(level)), spec.name == "baseline_severity"


@cache
def _times() -> re.Pattern[str]:
    names = "|".join(sorted((w for w, u in units().items() if u in _TIMES), key=len, reverse=True))
    return re.compile(rf"\b(?:(\d+) ?({names})|({names}) ?(\d+))\b")


def time_in(text: str) -> tuple[str, float] | None:
    """Find a time in a text: what else stands there, and the weeks; None without one.

    >>> time_in("vas_wk12"), time_in("danach") is None
    (('vas', 12.0), True)
    """
    words = plain(text)
    for found in () if re.search(r"\d[.,]\d", text) else _times().finditer(words):
        number, unit = found[1] or found[4], found[2] or found[3]
        months = units()[unit] == "months" and found.end() == len(words)  # ECCA 3 m
        if len(unit) > 1 or months or (" " not in found[0] and units()[unit] != "years"):
            rest = f"{words[: found.start()]} {words[found.end() :]}"
            return " ".join(rest.split()), number_with_unit(f"{number} {unit}", "weeks") or 0.0
    return None


def weeks_of(text: str) -> float | None:
    """Return the weeks since the first session that a visit is named after; 0 before it.

    >>> weeks_of("Vor Therapie"), weeks_of("Nach 6 Wochen"), weeks_of("Visit 1 (4 wk)")
    (0.0, 6.0, 4.0)
    >>> weeks_of("Nach 3 Monaten"), weeks_of("danach") is None
    (13.0, True)
    """
    found = time_in(text)
    if found:  # "3-4 weeks" is neither
        return None if re.search(r"\d ?[-–] ?\d", text) else float(round(found[1]))
    padded = f" {plain(text)} "
    before = any(f" {word} " in padded for word in words_of("visits", "before"))
    return 0.0 if before and not re.search(r"[1-9]", text) else None


def _unit(
    values: Mapping[str, float],
    levels: dict[str, Any],
    spec: ColumnSpec,
    column: Column,
) -> tuple[str, tuple[str, ...]]:
    """Return the unit to declare: from the cells, the heading, or the size of the numbers."""
    written = [w for w in values if not _NUMBER.fullmatch(w)]
    if spec.name == "weeks" and written and levels:  # some visits are words: all are
        levels |= {w: float(round(values[w])) for w in written}
        return "", ()
    if written:
        return IN_CELLS, ("units in the cells",)
    heading = unit_of(column.heading) or unit_of(column.title)
    if heading in _OTHER_UNITS.get(spec.unit, ()):
        return heading, (f"in {heading}",)
    numbers = [v for v in values.values() if v]
    if spec.slip and numbers and all(_slipped(v, spec) is not None for v in numbers):
        other = "um" if spec.unit == "mm" else "mm"
        return other, ("looks like " + ("micrometres" if other == "um" else "millimetres"),)
    broken = [v for v in numbers if v % 1]
    if spec.unit == "percent" and len(broken) > 2 and all(abs(v) <= 1 for v in numbers):
        return "fraction", ("0.45 is taken for 45 percent",)
    return "", ()


def _of_five(values: Mapping[str, float]) -> bool:
    """Tell whether numbers may be those of a scale from 1 to 5, not of one to 10."""
    return len(values) > 2 and all(value in range(1, 6) for value in values.values())


def _slipped(value: float, spec: ColumnSpec) -> float | None:
    """Return a length in the unit of the column where it seems to be written in the other one."""
    if not spec.slip or spec.low is None or spec.high is None:
        return None
    right = value / spec.slip["factor"]
    small = spec.slip["factor"] < 1  # millimetres in a column of micrometres
    strange = 0 < value <= 10 if small else value > max(spec.high, 10)
    return right if strange and spec.low <= right <= spec.high else None


def _within(value: float, spec: ColumnSpec) -> bool:
    if spec.kind == "integer" and value % 1:
        return False
    return spec.low is None or spec.high is None or spec.low <= value <= spec.high


def _codes(values: Mapping[str, float], spec: ColumnSpec, column: Column) -> tuple[str, ...]:
    """Return repeated numbers that people write for a value that is not known."""
    counts = column.counts
    other = [v for w, v in values.items() if w not in CODES]
    apart = [
        w
        for w, v in values.items()
        if w in CODES and other and not (_within(v, spec) and min(other) <= v <= max(other))
    ]
    return tuple(w for w in apart if counts[w] > 1 or w in ALONE or not _within(values[w], spec))


def _seen(values: Mapping[str, float], out: list[str], spec: ColumnSpec) -> tuple[str, ...]:
    says = []
    if any("," in w for w in values):
        says.append("decimal comma")
    slipped = sum(_slipped(values[w], spec) is not None for w in out)
    if slipped:
        says.append(f"{slipped} values in {'µm' if spec.unit == 'mm' else 'mm'}")
    if len(out) > slipped:
        says.append(f"{len(out) - slipped} values beyond {spec.rule}")
    return tuple(says)


def range_in_heading(heading: str) -> tuple[float, float] | None:
    """Return the ends of a scale that a heading names in brackets: "(1-4)", "(VAS 0-10)"."""
    for part in brackets(heading):
        found = re.search(r"(\d+) ?(?:-|–|to|bis|a|à) ?(\d+)$", part.strip())
        if found:
            return float(found[1]), float(found[2])
    return None


def free_text(column: Column) -> bool:
    """Tell whether cells hold sentences."""
    words = column.counts
    return sum(len(plain(w).split()) > 2 for w in words) > len(words) / 3


_KINDS: dict[str, Callable[[list[str], ColumnSpec, Column], Fit]] = {
    "id": _texts,
    "text": _texts,
    "category": _levels,
    "ordered": _levels,
    "number": _numbers,
    "integer": _numbers,
    "boolean": _booleans,
}
