"""Each entry of the sheet clinic: the cells give the messages, and the lines mend them."""

import re
import tomllib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from openpyxl.styles import Font, PatternFill

import mnstudy as mn
from mnstudy.errors import DataError

PAGE = (Path(__file__).parents[1] / "docs" / "sheet_clinic.md").read_text("utf-8")
ENTRIES = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^###? |\Z)", PAGE, re.M | re.S))
ROWS = 10
SCORES = (35, 42, 18, 55, 61, 27, 48, 33, 70, 22)
USUAL = {
    "patient_id": [f"P{i:03}" for i in range(1, ROWS + 1)],
    "scar_type": ["acne_rolling"] * ROWS,
    "needle_depth_mm": [1.5] * ROWS,
    "session_count": [3] * ROWS,
    "improvement_score": list(SCORES),
    "weeks": [12] * ROWS,
}
GONE = {  # columns that a sheet of the entry has not
    "A core column is missing": ["needle_depth_mm"],
    "Both sides of a face": ["improvement_score"],
    "Before and after beside each other": ["improvement_score", "session_count", "weeks"],
    "Dates in place of weeks": ["weeks"],
    "A date that is none": ["weeks"],
}
BEFORE = {  # what the study file of the entry says already
    "A date that is none": '[dates]\nformat = "DD/MM/YYYY"\n'
    'weeks = { to = "control", since = "first session" }\n',
}
CORRECTED = {  # entries that are mended in the sheet, not by a line
    "A date that is none", "A row of totals", "A column that identifies", "Ids that name people",
    "Formula errors", "More than 100 percent", "One patient twice", "Two tables in one worksheet",
}  # fmt: skip


def cells_of(entry):
    """Return the table of an entry as columns of texts."""
    lines = [line.strip("| ").split(" | ") for line in re.findall(r"^\|.*\|$", entry, re.M)]
    if not lines:
        return {}
    head, _, *rows = lines
    if rows[-1] == ["…"]:
        rows = [*rows[:-1]] * ROWS
    return {name: [row[i] for row in rows[:ROWS]] for i, name in enumerate(head)}


def frame_of(title):
    cells = cells_of(ENTRIES[title])
    usual = {k: v for k, v in USUAL.items() if k not in GONE.get(title, ())}
    full = title in GONE  # new columns of such an entry have only the rows that are shown
    n = len(next(iter(cells.values()))) if full and cells else ROWS
    columns = {name: values[:n] for name, values in usual.items()}
    for name, values in cells.items():
        columns[name] = [*values, *columns.get(name, [""] * n)[len(values) : n]]
    return pd.DataFrame(columns)


def merged(book, page):
    page["A3"], page["F3"] = None, 24
    page.merge_cells("A2:A3")


def hidden(book, page):
    page.row_dimensions[4].hidden = True
    for cell in page[5]:
        cell.font = Font(strike=True)


def coloured(book, page):
    for row in (2, 3, 4):
        page.cell(row, 5).fill = PatternFill("solid", start_color="FFFF00")


def titled(book, page):
    page.insert_rows(1, 2)
    page["A1"] = "Scar clinic, 2025"


def two_tables(book, page):
    second = (["patient_id", "age", "sex"], ["P001", 33, "f"], ["P002", 43, "f"])
    for row, cells in enumerate(second, start=ROWS + 5):
        for column, value in enumerate(cells, start=1):
            page.cell(row, column, value)


def two_sheets(book, page):
    second = book.create_sheet("Data 2026")
    for row in page.iter_rows(values_only=True):
        second.append(row)


WORKBOOKS = {
    "A title above the headings": titled,
    "Merged cells": merged,
    "Hidden rows, and rows struck through": hidden,
    "Two tables in one worksheet": two_tables,
    "Several worksheets": two_sheets,
    "Colours": coloured,
}


def write(title, folder):
    """Write the sheet of an entry and return its name."""
    frame = frame_of(title)
    if title not in WORKBOOKS:
        frame.to_csv(folder / "my_sheet.csv", index=False, sep=";")
        return "my_sheet.csv"
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Data"
    page.append(list(frame))
    for row in frame.itertuples(index=False):
        page.append(list(row))
    WORKBOOKS[title](book, page)
    book.save(folder / "my_sheet.xlsx")
    return "my_sheet.xlsx"


def told(folder, name, lines):
    head = f'design = "single_arm"\nfile = "{name}"\n'
    (folder / "study.toml").write_text(head + lines, encoding="utf-8")
    report = mn.validate(folder)
    return report, [" ".join(line.split()) for line in str(report).splitlines()]


@pytest.mark.parametrize("title", ENTRIES)
def test_the_cells_give_the_messages_and_the_lines_mend_them(title, tmp_path):
    entry = ENTRIES[title]
    (shown,) = re.findall(r"^```text\n(.*?)^```", entry, re.M | re.S)
    mend = re.findall(r"^```toml\n(.*?)^```", entry, re.M | re.S)
    name = write(title, tmp_path)
    _, said = told(tmp_path, name, BEFORE.get(title, ""))
    for line in re.sub(r"\n +", " ", shown).splitlines():  # shortened at their ends
        begun = " ".join(line.split())
        assert any(x.startswith(begun) for x in said), "\n".join([line, "said:", *said])
    assert len(mend) <= 1
    assert bool(mend) == (title not in CORRECTED | {"Colours"})
    for lines in mend:
        assert tomllib.loads(lines)
        report, said = told(tmp_path, name, lines)
        assert not report.problems, "\n".join(said)


def test_a_sheet_without_any_of_it_has_no_problem():
    assert not mn.validate(pd.DataFrame(USUAL), study={"design": "single_arm"}).problems


def test_what_a_sheet_with_a_problem_gives_is_an_error():
    with pytest.raises(DataError):
        mn.load(pd.DataFrame(USUAL | {"improvement_score": [120] * ROWS}))
