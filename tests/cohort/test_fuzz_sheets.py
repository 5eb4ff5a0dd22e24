"""Random tables, files and study files: a report or one error, and no number that is not there.

Each table is written with some of what goes wrong in sheets, read, and held against a second reader
of the same file (csv, calamine, pyreadstat, pyarrow).
"""

import csv
import datetime
import io
import math
import tomllib
from functools import cache

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
import python_calamine
from answers import merged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy.cohort.loading.convert import Said, column
from mnstudy.cohort.proposing.propose import propose
from mnstudy.cohort.reading import labelled
from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.study import parse_study
from mnstudy.errors import DataError, DesignError

HEAD = ("patient_id", "scar_type", "needle_depth_mm", "session_count", "improvement_score")
NUMBERS = HEAD[2:]
USUAL = st.one_of(
    st.integers(0, 30).map(str),
    st.decimals(0, 90, places=1).map(str),
    st.decimals(0, 90, places=1).map(lambda x: str(x).replace(".", ",")),
    st.sampled_from(["", "1.50", " 2 ", "+3", "1e0", "0", "-5", "4.0", "NA"]),
)
NASTY = st.sampled_from([
    " ", "nan", "inf", "-inf", "1e308", "1e400", "1e-400", "-0", "−5", "1.500", "1,500", "1.234,5",
    "1,234.5", "1 234,5", "١٢", "１２", "½", "1/2", "3-4", "=1+1", "#N/A", "TRUE", "WAHR", "ja",
    "%45", "45 %", "1,5 mm", "1500 µm", "4x", "a\nb", "a\r\nb", '"', "'", '"x", y', "a;b",
    "a\tb", "é" * 60,
    "𝔸", "\u2028", "\x0b", "\u200b", "\u00a0", "9" * 30, "0x10", "1_000", "2024-01-05", "05.01.24",
    "Dr. Quill Marsh", "q@example.org", "+44 20 7946 0958", "k.A.", "-99", "999", "-9", "<NA>",
    "None",
    "Gr. III", "> 75 %", "ca. 50", "acne_rolling", "keloid", "III", "P01", "p1", "1.5\x00",
])  # fmt: skip
HEADINGS = st.sampled_from([
    "patient_id", "Pat.-Nr.", "scar_type", "weeks", "Woche", "Improvement %", "ECCA vorher",
    "ECCA nachher", "VAS links", "VAS rechts", "Name", "Geb.-Datum", "Datum", "", " ", "Bemerkung",
    "treatment", "adjunct", "scale", "scale_score", "period", "redcap_event_name", "a / b", "Alter",
    "improvement_low", "sex", "maintenance", "\x7f", "é" * 80, "satisfaction_score", "=1", "fu (d)",
])  # fmt: skip
KNOWN = (DataError, DesignError)


@pytest.fixture(autouse=True)
def _no_process_of_its_own(monkeypatch):
    """Read files of SPSS and Stata in this process: they are whole, and there are many."""
    monkeypatch.setattr(labelled, "survives", lambda *_: True)


def thorough(examples):
    """Return the settings of one property: the same examples each time, in files of one folder."""
    off = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=off,
    )


@st.composite
def tables(draw, cells=None):
    """Draw a table of text: headings and rows, some cells nasty."""
    rows = draw(st.integers(1, 7))
    cell = cells or st.one_of(USUAL, USUAL, USUAL, NASTY)
    scars = st.sampled_from(["acne_rolling", "burn", "keloid", ""])
    return [
        list(HEAD),
        *([f"P{i:03}", draw(scars), *(draw(cell) for _ in NUMBERS)] for i in range(rows)),
    ]


@st.composite
def mangled(draw):
    """Draw a table with columns that are added, twice or gone, and rows that are blank or cut."""
    table = draw(tables())
    for _ in range(draw(st.integers(0, 4))):
        kind, j = draw(st.integers(0, 6)), draw(st.integers(0, 4))
        if kind == 0:
            table = [row[:j] + row[j + 1 :] for row in table]
        elif kind == 1:
            table = [[*row, *row[j : j + 1]] for row in table]
        elif kind == 2:
            table[0][j : j + 1] = [draw(HEADINGS)]
        elif kind == 3:
            more = [draw(HEADINGS), *(draw(st.one_of(USUAL, NASTY)) for _ in table[1:])]
            table = [[*row, cell] for row, cell in zip(table, more, strict=True)]
        elif kind == 4:
            table.insert(draw(st.integers(0, len(table))), [""] * j)
        elif kind == 5:
            table.insert(0, [draw(NASTY)] + [""] * j)
        else:
            table[-1] = table[-1][:j]
    return table


def as_text(table, delimiter=",", end="\n"):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(table)
    return out.getvalue()


def typed(path, names=NUMBERS):
    """Return the numbers of a file as they are typed, and the cells that are refused."""
    sheet = read_sheet(path)
    table, refused = {}, {(p.row, p.column) for p in sheet.problems}
    for name in names:
        read = column(sheet.cells[name], columns()[name], Said())
        table[name] = read.values.tolist()
        refused |= {(p.row, p.column) for p in read.problems}
    return table, refused, sheet.cells["patient_id"].tolist()


def number(text):
    """Read a plain number as anybody would, a comma being a decimal mark; None where it is none."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def ends_well(path, study=None):
    """Validate, load and propose: each ends in a report, a cohort or one error that is ours."""
    report = mn.validate(path, study=study)
    str(report), report.paste, report.kinds, report.to_frame()
    tomllib.loads(report.paste)
    try:
        assert len(mn.load(path, study=study).data)
        assert report.ok
    except KNOWN:
        assert not report.ok
    try:
        found = propose(path)
    except KNOWN:
        return
    parse_study(tomllib.loads(found.study_text), source="study.toml")
    str(found), found._repr_html_()


# No number that is not there


@thorough(1000)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    name=st.sampled_from(NUMBERS),
)
def test_numbers_of_a_text_file_are_those_of_the_csv_module(tmp_path, table, delimiter, end, name):
    path = tmp_path / "a.csv"
    path.write_text(as_text(table, delimiter, end), encoding="utf-8", newline="")
    try:
        data, refused, ids = typed(path, [name])
    except KNOWN:
        return
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    by_name = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert ids == [row["patient_id"] for row in by_name]
    for k, (value, row) in enumerate(zip(data[name], by_name, strict=True), 2):
        if pd.notna(value):
            assert float(value) == pytest.approx(number(row[name]), rel=1e-12, abs=1e-9)
        elif (k, name) not in refused:
            assert row[name].strip().lower() in ("", "na", "nan", "<na>"), row[name]


CELLS = st.one_of(
    st.integers(0, 30),
    st.floats(0, 90, allow_nan=False).map(lambda x: round(x, 2)),
    st.sampled_from([None, True, 0.45, 45, 1e-3, datetime.datetime(2024, 3, 1), "#DIV/0!", "=1+1"]),
    st.one_of(USUAL, NASTY.filter(lambda x: not set(x) & set("\x00\x0b"))),
)


@cache
def _formats():
    return ("General", "0%", "0.0%", '0.0" mm"', "0.00", "[Red]0 %", "@")


@thorough(200)
@given(table=tables(CELLS), shown=st.lists(st.integers(0, 6), min_size=21, max_size=21))
def test_numbers_of_a_workbook_are_those_of_calamine(tmp_path, table, shown):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    percent = {}
    for k, row in enumerate(book.active.iter_rows(min_row=2, min_col=3)):
        for j, cell in enumerate(row):
            code = _formats()[shown[(3 * k + j) % len(shown)]]
            if isinstance(cell.value, int | float) and not isinstance(cell.value, bool):
                cell.number_format = code
                percent[k, NUMBERS[j]] = "%" in code
    book.save(path)
    data, refused, _ = typed(path)
    rows = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    for j, name in enumerate(NUMBERS, 2):
        for k, (value, row) in enumerate(zip(data[name], rows[1:], strict=True)):
            cell = row[j]
            if pd.notna(value):
                there = number(cell) if isinstance(cell, str) else float(cell)
                factor = 100 if percent.get((k, name)) else 1
                assert not isinstance(cell, bool | datetime.datetime)
                assert float(value) == pytest.approx(there * factor, rel=1e-9, abs=1e-9)
            elif (k + 2, name) not in refused:
                assert str(cell).strip().lower() in ("", "na", "nan", "<na>"), cell


@thorough(80)
@given(table=tables(st.one_of(st.integers(-3, 99), st.floats(0, 90), st.none())))
def test_numbers_of_spss_and_parquet_are_those_of_their_readers(tmp_path, table):
    frame = pd.DataFrame(table[1:], columns=table[0])
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name])
    pyreadstat.write_sav(frame, str(tmp_path / "a.sav"))
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "a.parquet")
    again = {"a.sav": pyreadstat.read_sav(str(tmp_path / "a.sav"))[0]}
    again["a.parquet"] = pq.read_table(tmp_path / "a.parquet").to_pandas()
    for file, second in again.items():
        data, refused, _ = typed(tmp_path / file)
        for name in NUMBERS:
            pairs = zip(data[name], second[name], strict=True)
            for k, (value, there) in enumerate(pairs, 2):
                if pd.notna(value):
                    assert float(value) == pytest.approx(there, rel=1e-12, abs=1e-9)
                elif (k, name) not in refused:
                    assert pd.isna(there)


# A report or one error


@thorough(80)
@given(
    table=mangled(),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1254", "utf-16-be"]),
)
def test_a_text_file_ends_in_a_report(tmp_path, table, delimiter, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(as_text(table, delimiter).encode(encoding, "replace"))
    ends_well(path)


@thorough(60)
@given(
    table=mangled(),
    merges=st.lists(st.sampled_from(["A1:B1", "A1:A2", "B2:C3", "D1:E1", "A2:E2"]), max_size=2),
    hidden=st.sets(st.integers(1, 8), max_size=3),
    struck=st.sets(st.integers(1, 8), max_size=2),
    more=st.one_of(st.none(), mangled()),
)
def test_a_workbook_ends_in_a_report(tmp_path, table, merges, hidden, struck, more):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for page, rows in zip((book.active, book.create_sheet("Week 4")), (table, more), strict=True):
        for row in rows or ():
            page.append(["".join(c for c in cell if c >= " " or c == "\n") for cell in row])
    for cells in merges:
        book.active.merge_cells(cells)
    for row in hidden:
        book.active.row_dimensions[row].hidden = True
    for row in struck:
        for cell in book.active[row]:
            if not isinstance(cell, openpyxl.cell.cell.MergedCell):
                cell.font = openpyxl.styles.Font(strike=True)
    book.save(path)
    ends_well(path)


@thorough(50)
@given(table=mangled(), kind=st.sampled_from(["sav", "dta", "parquet"]), coded=st.booleans())
def test_a_file_of_a_statistics_program_ends_in_a_report(tmp_path, table, kind, coded):
    path = tmp_path / f"a.{kind}"
    width = max(map(len, table))
    rows = [[*row, *[""] * (width - len(row))] for row in table]
    names = [f"{name}_{i}" if rows[0].count(name) > 1 else name for i, name in enumerate(rows[0])]
    frame = pd.DataFrame(rows[1:], columns=[f"v{i}" for i in range(width)])
    good = [n.isidentifier() and n.isascii() and n[0] != "_" for n in names]
    frame.columns = [
        n if ok else f"v{i}" for i, (n, ok) in enumerate(zip(names, good, strict=True))
    ]
    codes = {n: pd.factorize(frame[n].str.replace("\0", "")) for n in frame} if coded else {}
    labels = {n: {int(k): str(w) for k, w in enumerate(words)} for n, (_, words) in codes.items()}
    frame = frame.assign(**{n: places for n, (places, _) in codes.items()})
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        write = pyreadstat.write_sav if kind == "sav" else pyreadstat.write_dta
        write(frame, str(path), variable_value_labels=labels)
    ends_well(path)


# Study files

BASE = {
    "file": "a.csv", "design": "parallel", "randomised": True, "assessor": "blinded",
    "columns": {"Pat": "patient_id", "Typ": "scar_type"}, "levels": {"scar_type": {"roll": "burn"}},
    "units": {"needle_depth_mm": "mm"}, "missing": {"improvement_score": ["-99"]}, "decimal": ",",
    "delimiter": ",", "encoding": "utf-8", "header": 1, "fill_down": ["Pat"], "ids": "as written",
    "dates": {"format": "DD.MM.YYYY", "weeks": {"to": "Datum"}}, "sheet": "Data",
    "rows": [{"set": {"weeks": 4}, "columns": {"Gain": "improvement_score"}}],
    "hidden_rows": "read", "dictionary": "d.csv", "measures": {"itch": {"unit": "points"}},
    "plan": {"final_week": 12}, "arms": {"needling": "roller"}, "selection": {"cut_off": 20},
}  # fmt: skip
VALUES = st.sampled_from([
    "", "x", "patient_id", "in the cells", "fraction", "?", "\0", "é" * 300, 0, -1, 1, 2**70,
    0.5, 1e308,
    float("nan"), float("inf"), True, [], [1], [[1]], ["a", "a"], [{}], {}, {"a": 1}, {"": ""},
    {"scar_type": 3}, {"weeks": {"to": 1}}, {"patient_id": "scar_type"}, datetime.date(1979, 5, 27),
    {"improvement_score": {"x": "50 to 25"}}, {"sheet": "?"}, [2, 1], [1, 2], "DD.MM", "utf-7",
        "rot13",
    "utf-16", "\t", "a.csv", "..", "/",
])  # fmt: skip


@st.composite
def study_files(draw):
    """Draw the content of a study file: some keys of a full one, some of them with other values."""
    keys = draw(st.lists(st.sampled_from(sorted(BASE)), max_size=4, unique=True))
    study = {key: BASE[key] for key in keys}
    for _ in range(draw(st.integers(0, 3))):
        key, value = draw(st.sampled_from([*sorted(BASE), "limits", "claims", "x"])), draw(VALUES)
        inner = study.get(key)
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            value = {**inner, draw(st.sampled_from(sorted(inner))): value}
        study[key] = value
    return study


@thorough(250)
@given(study=study_files(), data=st.data())
def test_any_study_file_ends_in_a_report(tmp_path, study, data):
    path = tmp_path / "a.csv"
    if not path.exists():
        cells = [["Pat", "Typ", *NUMBERS[:2], "Gain", "Datum"]]
        cells += [[f"P{i}", "roll", 1.5, 3, i, f"0{i}.05.2024"] for i in range(1, 8)]
        path.write_text(as_text(cells))
    report = mn.validate(path, study=study)
    tomllib.loads(report.paste)
    try:
        mn.load(path, study=study)
        assert report.ok
        merged(study, tomllib.loads(report.paste))
    except KNOWN:
        assert not report.ok


TEXT = """title = "Roller"
file = "a.csv"
design = "parallel"
header = [1, 2]
[columns]
"Pat" = "patient_id"
[levels.scar_type]
"roll." = "acne_rolling"
[dates]
format = "DD.MM.YYYY"
weeks = { to = "Kontrolle", since = "Start" }
[[rows]]
set = { weeks = 4, site_id = "left" }
columns = { "ECCA vorher" = "scale_score" }
"""


@thorough(300)
@given(
    places=st.lists(st.integers(0, len(TEXT) - 1), min_size=1, max_size=4),
    signs=st.text(st.sampled_from("[]{}\"'=.,#\\\n\x00é1a-"), min_size=4, max_size=4),
    cut=st.integers(0, len(TEXT)),
)
def test_any_text_of_a_study_file_ends_in_a_report(tmp_path, places, signs, cut):
    text = list(TEXT[:cut] if cut % 3 == 0 else TEXT)
    for place, sign in zip(places, signs, strict=False):
        if place < len(text):
            text[place] = sign
    (tmp_path / "a.csv").write_text(as_text([HEAD, ["P1", "burn", 1, 3, 20]]))
    (tmp_path / "study.toml").write_text("".join(text), encoding="utf-8", newline="")
    report = mn.validate(tmp_path / "study.toml")
    tomllib.loads(report.paste)
