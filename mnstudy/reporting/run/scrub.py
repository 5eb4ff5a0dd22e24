"""The last look at a release: no id and no row of a patient of a real cohort stands in a file.

Each file is looked at as a reader sees it: words and tables, whatever the format.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from mnstudy.cohort.loading.privacy import EXAMPLE
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import HIDDEN, Problem, fail
from mnstudy.cohort.table import Cohort

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".ico", ".woff", ".woff2")  # hold no text
_MARKUP = (".html", ".htm", ".svg", ".xml")
_ZIPPED = (".docx", ".xlsx", ".odt", ".zip")
_ADDRESS = re.compile(r"data:([\w.+-]*/?[\w.+-]*)([^,\s\"']*),([^\"'\s)<>]*)")
_UNREAD = re.compile(r"<style\b.*?</style>|<!--.*?-->", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")
_SAID = re.compile(
    r"\b(?:alt|title|aria-label|id|href|name|content|value|placeholder|data-[\w-]+)="
    r"(?:\"([^\"]*)\"|'([^']*)')"
)
_TABLE = re.compile(r"<(?:w:)?(?:table|tbl)\b.*?</(?:w:)?(?:table|tbl)>", re.S | re.I)
_ROW = re.compile(r"<(?:w:)?tr\b.*?</(?:w:)?tr>", re.S | re.I)
_CELL = re.compile(r"<(?:w:tc|td|th)\b[^>]*>(.*?)</(?:w:tc|td|th)>", re.S | re.I)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_SHOWN = re.compile(rb"\[((?:[^\[\]\\]|\\.)*)\]\s*TJ|(\((?:[^()\\]|\\.)*\))\s*Tj", re.S)
_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*)\)", re.S)
_APART = re.compile(r"\s*[,;|&\t]\s*|\s{2,}|\s+(?=[-+]?\d)|(?<=\d)\s+")

Rows = list[list[str]]

ID = "patient_id"
RUN = 3  # neighbouring values of one row that are never printed together
TELLING = 6  # digits that the numbers among them have at least: "3, 4, 40" stands anywhere
IN_ORDER = 5  # ids beneath the heading of the sheet, in its order, that make it the id column
_PIECE = re.compile(r"\w+")
_REMEDY = (
    "nothing was published; where title, source, limits or labels in the study file hold it, take "
    "it out there, else report this as a fault of mnstudy"
)


def scrub(folder: Path, cohorts: Iterable[Cohort]) -> None:
    """Refuse a report in which a patient of a real cohort can be found.

    Parameters
    ----------
    folder : Path
        The report, whole but not yet in its place.
    cohorts : iterable of Cohort
        What it was made from; synthetic ones are not searched for.

    Raises
    ------
    DataError
        A file holds what ``leaks`` finds; the message names file and place, never what was found.
    """
    problems = leaks(folder, cohorts)
    if problems:
        fail("the report", *problems)


def leaks(folder: Path, cohorts: Iterable[Cohort]) -> list[Problem]:
    """Find ids and rows of patients in the files of a folder, one problem a place and kind.

    Parameters
    ----------
    folder : Path
    cohorts : iterable of Cohort

    Returns
    -------
    list of Problem
        ``column`` is the file and the place in it.

    Notes
    -----
    Searched are names and texts of all files: HTML and SVG with what is inlined in them, CSV,
    notebooks, JSON, Word, LaTeX and plain text, and of PDF what simple pages show; pixels are
    not. A patient is given away by

    - an id as a whole word, in whatever case, where it is distinctive: four characters or more
      with letters and digits, or six digits or more that are not part of a larger number, and no
      value of another column (a clinic that is called like it). "12" stands in every table;
    - a column headed ``patient_id`` with anything beneath; or headed as in the sheet, with five
      ids in the order of the sheet beneath, however short they are;
    - three neighbouring values of one patient's row in neighbouring cells, where no other patient
      has the same and the numbers among them have six digits or more together.
    """
    marks = [marks_of(c) for c in cohorts if not c.synthetic]
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if marks else []
    found: dict[tuple[str, str], None] = {}
    for path in files:
        place = path.relative_to(folder).as_posix()
        for text in (Shown(place="the name of a file", text=place), *shown(path, place)):
            found.update(dict.fromkeys((text.place, what) for m in marks for what in _in(text, m)))
    return [Problem(column=place, value=HIDDEN, rule=what, remedy=_REMEDY) for place, what in found]


def marks_of(cohort: Cohort) -> Marks:
    """Return what gives away a patient of a cohort."""
    data = cohort.data
    every = tuple(data[ID].astype("str").drop_duplicates())
    others = [c for c in data if c != ID and not pd.api.types.is_numeric_dtype(data[c])]
    words = {cohort.name, *columns(), *(str(x) for c in others for x in data[c].dropna().unique())}
    known = {w.casefold() for w in words} | published_words()
    ids = {i.casefold() for i in every if is_distinctive(i)} - known
    own = {old for old, new in cohort.study.columns.items() if new == ID}
    return Marks(
        ids=_by_word(sorted(ids)),
        every=frozenset(map(_same, every)),
        order=tuple(map(_same, every)),
        headings=frozenset(map(_same, own - {ID})),
        rows=frozenset(_runs(data)),
    )


@cache
def published_words() -> frozenset[str]:
    """Return the words of the shipped published tables that look like ids: they are nobody's."""
    folders = (data_dir() / name for name in ("published", "published_patients"))
    texts = (path.read_text(encoding="utf-8") for x in folders for path in x.rglob("*.csv"))
    words = {word for text in texts for word in re.split(r"[^\w-]+", text.casefold())}
    return frozenset(filter(is_distinctive, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What gives away a patient of one cohort.

    Attributes
    ----------
    ids : dict of str to tuple of str
        Distinctive ids, by the word of theirs that the fewest others have.
    every : frozenset of str
        All ids.
    order : tuple of str
        All ids in the order of the sheet.
    headings : frozenset of str
        What the sheet calls the column of ids.
    rows : frozenset of tuple of str
        Neighbouring values that belong to one patient only.
    """

    ids: dict[str, tuple[str, ...]]
    every: frozenset[str]
    order: tuple[str, ...]
    headings: frozenset[str]
    rows: frozenset[tuple[str, ...]]


def _by_word(ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    words = {i: _PIECE.findall(i) for i in ids}
    shared = Counter(w for some in words.values() for w in set(some))
    found: dict[str, tuple[str, ...]] = {}
    for name, some in words.items():
        rarest = min(some, key=lambda w: (shared[w], w))
        found[rarest] = (*found.get(rarest, ()), name)
    return found


def is_distinctive(name: str) -> bool:
    """Tell whether an id can be nothing else wherever it stands.

    >>> is_distinctive("QZX-7F3A-001"), is_distinctive("P001"), is_distinctive("12")
    (True, True, False)
    """
    digits = any(x.isdigit() for x in name)
    if not any(x.isalpha() for x in name):
        return digits and len(name) >= TELLING
    return digits and len(name) >= 4


def _runs(data: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield the telling runs of neighbouring values that only one patient has."""
    names = [c for c in data if c != ID]
    cells = {c: data[c].astype("object").to_numpy() for c in names}
    missing = {c: data[c].isna().to_numpy() for c in names}
    written = {c: {x: _same(x) for x in data[c].dropna().unique()} for c in names}
    of_patient: set[tuple[object, tuple[str, ...]]] = set()
    for i, patient in enumerate(data[ID]):
        row = [written[c][cells[c][i]] for c in names if not missing[c][i]]
        runs = (tuple(row[k : k + RUN]) for k in range(len(row) - RUN + 1))
        of_patient.update((patient, run) for run in runs if _is_telling(run))
    patients = Counter(run for _, run in of_patient)
    return (run for run, n in patients.items() if n == 1)


def _is_telling(run: tuple[str, ...]) -> bool:
    numbers = {x for x in run if x.lstrip("-").replace(".", "", 1).isdigit()}
    return len(numbers) > 1 and sum(c.isdigit() for x in numbers for c in x) >= TELLING


def _in(found: Shown, marks: Marks) -> Iterator[str]:
    """Say what of a patient stands in a text."""
    if _has_id(found.text.replace(EXAMPLE, ""), marks):
        yield "no id of a patient"
    for table in found.tables:
        cells = [[_same(cell) for cell in row] for row in table]
        if _has_id_column(cells, marks):
            yield "no column of patient ids"
        if marks.rows and _has_row(cells, marks):
            yield "no row of a patient"


def _has_id(text: str, marks: Marks) -> bool:
    """Look for ids by their words first: thousands of them cost no more than one."""
    text = text.casefold()
    near = marks.ids.keys() & set(_PIECE.findall(text))
    names = (name for word in near for name in marks.ids[word])
    return any(name in text and _whole(name).search(text) for name in names)


def _whole(name: str) -> re.Pattern[str]:
    if name.isdigit():
        return re.compile(rf"(?<![\w.,]){name}(?!\w|[.,]\d)")
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _has_id_column(table: Rows, marks: Marks) -> bool:
    named = marks.headings | {_same(ID)}
    for start, row in enumerate(table):
        for place in (i for i, cell in enumerate(row) if cell in named):
            beneath = [r[place] for r in table[start + 1 :] if len(r) > place]
            if start == 0 and row[place] == _same(ID) and any(beneath):
                return True
            if _in_order(beneath, marks):
                return True
    return False


def _in_order(cells: list[str], marks: Marks) -> bool:
    """Tell whether ids stand one beneath the other as they do in the sheet."""
    follows = dict(pairwise(marks.order))
    run = 1
    distinct = [c for i, c in enumerate(cells) if i == 0 or c != cells[i - 1]]
    for first, second in pairwise(distinct):
        run = run + 1 if follows.get(first) == second else 1
        if run >= min(IN_ORDER, len(marks.every)):
            return True
    return False


def _has_row(table: Rows, marks: Marks) -> bool:
    return any(
        tuple(cells[k : k + RUN]) in marks.rows
        for cells in table
        for k in range(len(cells) - RUN + 1)
    )


@lru_cache(maxsize=2**17)
def _same(value: object) -> str:
    """Write a value so that it is found however a table writes it: 3, 3.0 and "3" are the same."""
    text = str(value).strip().replace("\N{MINUS SIGN}", "-")
    if text[:1].isdigit() or text[:1] == "-":
        try:
            return f"{float(text):.12g}"
        except ValueError:
            pass
    return text.casefold().replace("_", " ")


def shown(path: Path, place: str) -> Iterator[Shown]:
    """Yield what a file shows; pictures without text, and what cannot be read, yield nothing."""
    suffix, content = path.suffix.lower(), path.read_bytes()
    if suffix in PICTURES:
        return
    if suffix in _ZIPPED:
        yield from _zipped(content, place)
    elif suffix == ".pdf":
        yield Shown(place=place, text=_pdf(content))
    else:
        yield from _text(content.decode("utf-8", errors="replace"), suffix, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One text of a report: where it stands, its words, and the tables in it."""

    place: str
    text: str
    tables: tuple[Rows, ...] = ()


def _text(text: str, suffix: str, place: str) -> Iterator[Shown]:
    if suffix in _MARKUP:
        yield from _markup(text, place)
    elif suffix in (".json", ".ipynb"):
        yield from _notebook(text, place)
    elif suffix in (".csv", ".tsv"):
        yield Shown(
            place=place, text=text, tables=(_cells(text, "\t" if suffix == ".tsv" else ","),)
        )
    else:
        yield Shown(place=place, text=text, tables=(_lines(text),))


def _cells(text: str, delimiter: str) -> Rows:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:  # a cell longer than the reader takes
        return _lines(text)


def _lines(text: str) -> Rows:
    """Split lines of printed text into cells, as far as they can be told apart."""
    return [_APART.split(line.strip()) for line in text.splitlines() if line.strip()]


def _markup(text: str, place: str) -> Iterator[Shown]:
    """Yield the words between the tags, those in them that are read, and every inlined file."""
    for number, found in enumerate(_ADDRESS.finditer(text), 1):
        kind, options, content = found.groups()
        if "image/" in kind and "svg" not in kind:
            continue
        inner = _decoded(unescape(content), coded="base64" in options)
        suffix = ".csv" if "csv" in kind else ".svg" if "svg" in kind else ".html"
        yield from _text(inner, suffix, f"{place}, inlined file {number}")
    text = _UNREAD.sub(" ", _ADDRESS.sub("", text))
    words = [unescape(a or b) for a, b in _SAID.findall(text)]
    tables = tuple(_table(t) for t in _TABLE.findall(text))
    yield Shown(place=place, text="\n".join([_words(text), *words]), tables=tables)


def _words(text: str) -> str:
    return unescape(_TAG.sub(" ", text))


def _table(text: str) -> Rows:
    return [[_words(cell).strip() for cell in _CELL.findall(row)] for row in _ROW.findall(text)]


def _decoded(content: str, *, coded: bool) -> str:
    if not coded:
        return unquote(content)
    try:
        return base64.b64decode(unquote(content)).decode("utf-8", errors="replace")
    except binascii.Error:
        return content


def _notebook(text: str, place: str) -> Iterator[Shown]:
    """Yield every string of a JSON file; those that are markup as such, lists of lines joined."""
    try:
        content = json.loads(text)
    except ValueError:
        yield Shown(place=place, text=text)
        return
    for string in _strings(content):
        if string.lstrip().startswith("<") or "</" in string:
            yield from _markup(string, place)
        else:
            yield Shown(place=place, text=string, tables=(_lines(string),))


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        if content and all(isinstance(x, str) for x in content):
            yield "".join(x if x.endswith("\n") else x + "\n" for x in content)
        else:
            for item in content:
                yield from _strings(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            if not str(key).startswith("image/") or "svg" in str(key):
                yield from _strings(value)


def _zipped(content: bytes, place: str) -> Iterator[Shown]:
    """Yield the text of the XML inside; words cut into runs are put together again."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            suffix = Path(name).suffix.lower()
            if suffix in PICTURES:
                continue
            text = archive.read(name).decode("utf-8", errors="replace")
            if suffix in (".xml", ".rels"):
                text = re.sub(
                    r"</w:t>\s*</w:r>.*?<w:t\b[^>]*>", _within_paragraph, text, flags=re.S
                )
            yield from _text(text, ".xml" if suffix == ".rels" else suffix, f"{place}, {name}")


def _within_paragraph(found: re.Match[str]) -> str:
    return found[0] if "</w:p>" in found[0] else ""


def _pdf(content: bytes) -> str:
    """Return the strings that simple pages show, and the descriptions of the file."""
    pieces = [re.sub(_STREAM, b" ", content)]
    for stream in _STREAM.findall(content):
        try:
            stream = zlib.decompress(stream)
        except zlib.error:
            continue
        for several, one in _SHOWN.findall(stream):
            pieces.append(b"".join(_STRING.findall(several or one)))
    return b"\n".join(pieces).decode("latin-1")
