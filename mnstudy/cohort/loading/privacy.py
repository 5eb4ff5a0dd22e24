"""Refuse what identifies a person; the refused value itself is never repeated in a message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from mnstudy.cohort.loading.persons import (
    BIRTH,
    CAMEL,
    DATES,
    DIGITS,
    HAN,
    NUMBER,
    PHONE,
    REFUSED,
    identifying,
)
from mnstudy.cohort.loading.vocabulary import plain, words_in, words_of
from mnstudy.cohort.reading.sheet import as_text
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import HIDDEN, Problem, ValidationReport, column_problems
from mnstudy.cohort.study.study import Study
from mnstudy.errors import DataError
from mnstudy.words.notes import Count, Note, note

_ARM = "arms."  # names of arms stand in every figure, so no name of a person among them
EXAMPLE = "P001, P002, ..."  # written into messages, so no sign of a patient
_REMEDY = f"identifies a person: put a pseudonym ({EXAMPLE}) in its place"
_TOTAL = "a total or a mean at the end of the sheet, or a name"
_NO_PATIENT = f"delete the row where it is no patient; else put a pseudonym ({EXAMPLE}) there"
# pseudonyms of a usual form: letters and digits, or centre and number in groups that are no date
_USUAL = re.compile(
    rf"(?:[A-Z]{{1,4}}|[a-z]{{1,2}})[_.\-]?\d{{1,8}}|(?!(?:{DIGITS})$)\d{{1,8}}"
    r"|(?!0[1-9]\d+-|\d{4}-\d\d?-\d\d?$)[A-Z]{0,4}\d{1,4}(?:-\d{1,3}){2,3}"
)
_DAYS = re.compile(DIGITS)
_STEM = re.compile(r"([A-Za-z]{2,})[_.\-]?\d{1,8}")
_PLAIN = re.compile(r"[+-]?\d{0,9}(?:[.,]\d{1,9})?$")
_LONG = 1e7  # numbers of fewer digits tell nobody
T = TypeVar("T")


class Found(NamedTuple):
    """What was found in a sheet and its study file; ``texts`` are never repeated in a message."""

    problems: list[Problem]
    notes: list[Note]
    texts: frozenset[str]


# Headings


@cache
def identifies(heading: str) -> bool:
    """Tell whether a heading announces a name, a birth date, an address or a number of a register.

    >>> identifies("Geb.-Datum"), identifies("Nombre de séances"), identifies("device name")
    (True, False, False)
    """
    padded = f" {plain(CAMEL.sub(' ', heading))} "
    if any(plain(part) in words_of("identifying_alone") for part in heading.split(" / ")):
        return True
    found = [w for w in words_of("identifying") if f" {w} " in padded]
    found += [w for w in words_in("identifying") if HAN.match(w) and w in heading]
    rest = padded
    for word in sorted(found, key=len, reverse=True):
        rest = rest.replace(f" {word} ", "  ")
    return bool(found) and not any(f" {word} " in rest for word in words_of("things"))


def identifying_headers(frame: pd.DataFrame, *, known: Collection[str]) -> list[Problem]:
    """Find columns whose heading announces a name, a birth date or an address."""
    names = [c for c in frame.columns if c not in known and identifies(str(c))]
    rule, remedy = "no column that identifies a person", "leave this column out of the sheet"
    return column_problems(names, rule, remedy)


# A sheet and its study file


def found_in(
    cells: pd.DataFrame, study: Study, titles: Mapping[str, str], headings: Mapping[str, str]
) -> Found:
    """Look for what identifies a person in every text of a sheet and of its study file.

    Parameters
    ----------
    cells : DataFrame
        Raw cells under the names of the contract, by row of the sheet.
    study : Study
    titles : mapping
        Place to the heading, or the name of a worksheet, that stands there.
    headings : mapping
        Name of the contract to the heading of the sheet.

    Returns
    -------
    Found
        One problem a column, with all its rows, for mails, phones, dates of birth and numbers of
        registers, in ids for names and addresses too; elsewhere a note says how many cells to read.
    """
    problems, notes, texts = [], [], set()
    for place, name in enumerate(map(str, cells.columns)):
        column = cells.iloc[:, place]
        found = _identifying_cells(column, an_id=name == "patient_id", dated=name not in columns())
        texts |= {*found}
        found |= _totals(column) if name == "patient_id" else {}  # no words to keep back
        refused = name not in columns() and identifies(name)  # the whole column, by its heading
        if found and not refused:
            problem, said = _told(column, name, headings.get(name, name), found)
            problems += problem
            notes += said
    told = {**titles, **{p: x for p, x in _study_texts(study) if p not in titles}}
    kinds = {place: what for place, x in told.items() if (what := _in_text(place, x))}
    texts |= {told[place] for place in kinds}
    refused_in = {p: what for p, what in kinds.items() if what in REFUSED or p.startswith(_ARM)}
    problems += [_hidden_problem(p, what) for p, what in refused_in.items()]
    read = tuple(p for p in kinds if p not in refused_in and "key of" not in p)
    notes += [note("texts_may_name", places=read)] if read else []
    return Found(problems, notes, frozenset(texts))


def _in_text(place: str, text: str) -> str:
    """Say what in a text identifies a person; the name of an arm in capitals may be one's own."""
    strict = place.startswith(_ARM) and text.istitle() and len(text.split()) > 1
    return identifying(text, prose=not strict)


def _hidden_problem(place: str, what: str) -> Problem:
    rule = f"nothing that identifies a person; this looks like {what}"
    remedy = "take it out there: it may be printed"
    return Problem(column=place, value=HIDDEN, rule=rule, remedy=remedy, masked=True)


def _told(
    cells: pd.Series, name: str, heading: str, found: Mapping[str, str]
) -> tuple[list[Problem], list[Note]]:
    """Tell of the cells of a column: in one problem, those that are not refused in a note."""
    what = cells.map(as_text).map(found)
    if name == "patient_id":
        total = what.eq(_TOTAL)
        problems = _once(what[what.notna() & ~total], name, "a pseudonym", _REMEDY)
        return [*problems, *_once(what[total], name, "a pseudonym", _NO_PATIENT)], []
    refused = what.isin(REFUSED)
    rule, remedy = (
        "nothing that identifies a person",
        "take it out of the cells, and read the others",
    )
    may = int((what.notna() & ~refused).sum())
    read = note("cells_may_name", column=heading, cells=Count(n=may, noun="cell"))
    return _once(what[refused], name, rule, remedy), [read] if may else []


def _once(what: pd.Series, name: str, rule: str, remedy: str) -> list[Problem]:
    """Return one problem for all cells of a column, or none."""
    if what.empty:
        return []
    rule = f"{rule}; this looks like {' and '.join(dict.fromkeys(what))}"
    row, *also = map(int, what.index)
    shown = Problem(row=row, column=name, value=HIDDEN, rule=rule, remedy=remedy, masked=True)
    return [replace(shown, also=tuple(also))]


def _totals(ids: pd.Series) -> dict[str, str]:
    """Return the words among ids that stand before sums and means."""
    words = {
        t for t in map(as_text, _distinct(ids)) if len(t) > 3 and plain(t) in words_of("totals")
    }
    return dict.fromkeys(words, _TOTAL)


def _identifying_cells(
    cells: pd.Series, *, an_id: bool = False, dated: bool = True
) -> dict[str, str]:
    """Return the distinct cells of a column that identify a person, with what they look like.

    A column of the contract other than ids holds no dates (``dated`` is false): one of long ago is
    a date of birth, also in digits alone.
    """
    if pd.api.types.is_numeric_dtype(cells) and not an_id:
        cells = cells[cells >= _LONG]
    values = _distinct(cells)
    texts = [as_text(v) for v in values if an_id or isinstance(v, str) or _long(v)]
    asked = _unusual(texts) if an_id else [t for t in texts if len(t) > 2 and not _PLAIN.match(t)]
    found = {t: what for t in asked if (what := identifying(t, prose=not an_id))}
    if not dated and not an_id:
        found |= {t: BIRTH for t in texts if len(t) == 8 and _DAYS.fullmatch(t)}
    elif not an_id and sum(map(_is_date, texts)) > len(values) / 2:  # a column of dates
        found = {t: what for t, what in found.items() if what != BIRTH or not _is_date(t)}
    return _beyond_chance(found, texts)


def _distinct(cells: pd.Series) -> list[Any]:
    if cells.dtype != object:
        return cells.unique().tolist()
    try:
        return list(dict.fromkeys(cells.tolist()))  # pandas takes longer
    except TypeError:  # a list in a cell
        return cells.map(as_text).unique().tolist()


def _long(value: Any) -> bool:
    return isinstance(value, int | float) and value >= _LONG


def _unusual(texts: Iterable[str]) -> list[str]:
    """Leave out ids of a usual form, and digits of which half or more are no day of birth."""
    asked = [t for t in texts if not _USUAL.fullmatch(t)]
    days = Counter(len(t) for t in asked if _DAYS.fullmatch(t))
    for size in [n for n in days if 2 * days[n] <= sum(len(t) == n and t.isdigit() for t in texts)]:
        asked = [t for t in asked if len(t) != size or not _DAYS.fullmatch(t)]
    stems: dict[str, bool] = {}
    return [t for t in asked if not _has_stem(t, stems)]


def _has_stem(text: str, stems: dict[str, bool]) -> bool:
    """Tell whether an id is a word that is no name, and a number that is no year."""
    found = _STEM.fullmatch(text)
    if not found:
        return False
    stem = found[1]
    if stem not in stems:
        stems[stem] = not identifying(stem + "1985")
    return stems[stem]


def _is_date(text: str) -> bool:
    return any((m := p.match(text)) and len(text) - m.end() < 16 for p in DATES)


def _beyond_chance(found: dict[str, str], texts: Iterable[str]) -> dict[str, str]:
    """Leave out numbers whose check digits, days or months may hold by chance.

    Where half of the cells of one form are no number of a register and no date, none is.
    """
    digits = {
        t: _form(t) for t, what in found.items() if what in (NUMBER, BIRTH, PHONE) and _bare(t)
    }
    if not digits:
        return found
    every, hit = Counter(map(_form, texts)), Counter(digits.values())
    chance = {t for t, form in digits.items() if 2 * hit[form] <= every[form]}
    return {t: what for t, what in found.items() if t not in chance}


def _bare(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Z]?[\d -]+[A-Z]?", text))


def _form(text: str) -> str:
    return re.sub("[A-Z]", "A", re.sub(r"\d", "9", text.strip()))


def _study_texts(found: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Give every text of a study file with its place; keys of a table stand for themselves."""
    if isinstance(found, str):
        yield place, found
    elif isinstance(found, Mapping):
        for i, (key, value) in enumerate(found.items(), 1):
            yield f"{place}, key of line {i}", str(key)
            yield from _study_texts(value, f"{place}.{key}")
    elif is_dataclass(found) and not isinstance(found, type):
        for f in fields(found):
            if f.name != "file":
                yield from _study_texts(getattr(found, f.name), f"{place}.{f.name}".lstrip("."))
    elif isinstance(found, list | tuple):
        for i, part in enumerate(found, 1):
            yield from _study_texts(part, f"{place} {i}")


def texts_of(frame: pd.DataFrame, ids: Collection[str] = ()) -> frozenset[str]:
    """Return the headings and cells of a raw sheet that identify a person."""
    found = {h for h in map(str, frame.columns) if identifying(h, prose=True)}
    for place, heading in enumerate(map(str, frame.columns)):
        found |= {*_identifying_cells(frame.iloc[:, place], an_id=heading in ids)}
    return frozenset(found)


# Nothing of it is repeated


def told_in(found: Any) -> frozenset[str]:
    """Return what identifies a person in problems and notes, which tell of texts not seen here."""
    texts: set[str] = set()
    for text in set(_strings(found)):
        for apart in (r"[\"',;:(){}\[\]\n]|  +", r"[\"',;:(){}\[\]\n.]|  +", r"\Z"):
            pieces = [p.strip() for p in re.split(apart, text)]
            telling = {p for p in pieces if len(p) > 2 and identifying(p, prose=True)}
            if telling and telling != {text}:
                break
        texts |= telling
    return frozenset(texts)


def _strings(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, Mapping):
        yield from (text for pair in found.items() for part in pair for text in _strings(part))
    elif is_dataclass(found) and not isinstance(found, type):
        parts = [f.name for f in fields(found) if f.name not in ("rule", "kind", "source")]
        yield from (text for name in parts for text in _strings(getattr(found, name)))
    elif isinstance(found, list | tuple):
        yield from (text for part in found for text in _strings(part))


def without(found: T, texts: Collection[str]) -> T:
    """Return problems, notes or a proposal with each of these texts written as "(not shown)"."""
    return _changed(found, _hider(texts)) if texts else found


def _hider(texts: Collection[str]) -> Callable[[str], str]:
    by_word: dict[str, list[str]] = {}
    for text in sorted({t for x in texts for t in (x, x.lower())}, key=len, reverse=True):
        first = re.search(r"\w+", text.lower())
        if first:
            by_word.setdefault(first[0], []).append(text)

    @cache
    def hide(text: str) -> str:
        lower = text.lower()
        for word in re.findall(r"\w+", lower):
            for secret in by_word.get(word, ()):
                if secret.lower() in lower:
                    text = re.sub(rf"(?i)(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        return text

    return hide


def _changed(found: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(found, str):
        return hide(found)
    if isinstance(found, Mapping):
        return {_changed(k, hide): _changed(v, hide) for k, v in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_changed(part, hide) for part in found)
    if not is_dataclass(found) or isinstance(found, type):
        return found
    old = {f.name: getattr(found, f.name) for f in fields(found)}
    new = {k: v for k, value in old.items() if (v := _changed(value, hide)) != value}
    if isinstance(found, Problem) and new:
        kept = tuple(line for line in found.paste if _changed(line, hide) == line)
        new |= {"paste": kept, "masked": True} | ({"value": HIDDEN} if "value" in new else {})
    return replace(found, **new) if new else found


@contextmanager
def kept_back() -> Iterator[None]:
    """Take out of the report of a DataError what identifies a person."""
    try:
        yield
    except DataError as error:
        report = error.report
        texts = told_in(report) if isinstance(report, ValidationReport) else frozenset()
        if not texts:
            raise
        report = without(report, texts)
        raise DataError(str(report), report=report) from None
