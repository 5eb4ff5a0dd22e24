"""The last look at a report: no id and no row of a patient of a real cohort stands in a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pandas as pd

from mnstudy.cohort.loading.privacy import EXAMPLE
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.run.scrub_files import Rows, Shown, shown

ID = "patient_id"
RUN = 3  # neighbouring values of one row that are never printed together
TELLING = 6  # digits that the numbers among them have at least: "3, 4, 40" stands anywhere
IN_ORDER = 5  # ids beneath the heading of the sheet, in its order, that make it the id column
_PIECE = re.compile(r"\w+")
_REMEDY = (
    "nothing was published; where title, source, limits or labels in the study file hold it, take "
    "it out there, else report this as a fault of mnstudy"
)


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
    return [
        Problem(column=place, value="(not shown)", rule=what, remedy=_REMEDY)
        for place, what in found
    ]


def marks_of(cohort: Cohort) -> Marks:
    """Return what gives away a patient of a cohort."""
    data = cohort.data
    every = tuple(data[ID].astype("str").drop_duplicates())
    others = [c for c in data if c != ID and not pd.api.types.is_numeric_dtype(data[c])]
    words = {cohort.name, *columns(), *(str(x) for c in others for x in data[c].dropna().unique())}
    known = {w.casefold() for w in words}
    ids = {i.casefold() for i in every if is_distinctive(i)} - known
    own = {old for old, new in cohort.study.columns.items() if new == ID}
    return Marks(
        ids=_by_word(sorted(ids)),
        every=frozenset(map(_same, every)),
        order=tuple(map(_same, every)),
        headings=frozenset(map(_same, own - {ID})),
        rows=frozenset(_runs(data)),
    )


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
