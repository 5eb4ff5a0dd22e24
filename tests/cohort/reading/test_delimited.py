"""Text files: encoding, delimiter, quotes and the numbers of rows."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import HEAD, ROWS, refused, said, text, written

from mnstudy.cohort.reading import delimited
from mnstudy.cohort.reading.delimited import text_grid
from mnstudy.cohort.reading.read import header_row, read_sheet
from mnstudy.cohort.schema.problems import pasted
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import DataError

ACCENT = text().replace("ZQ003", "Zü3")


def read(folder, content, how=None, name="a.csv"):
    return read_sheet(written(folder, name, content), how)


# Encodings


@pytest.mark.parametrize(
    ("encoding", "assumed"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-32", ""),
        ("utf-16-le", "read as UTF-16-LE"),
        ("utf-16-be", "read as UTF-16-BE"),
        ("cp1252", "read as Windows-1252"),
    ],
)
def test_encodings_are_told_from_the_bytes_and_a_guess_is_said(tmp_path, encoding, assumed):
    sheet = read(tmp_path, ACCENT.encode(encoding))
    assert tuple(sheet.cells.columns) == HEAD
    assert sheet.cells["patient_id"].loc[5] == "Zü3"
    assert (assumed in said(sheet)) if assumed else (said(sheet) == "")


def test_two_marks_at_the_start_are_no_part_of_the_first_heading(tmp_path):
    assert read(tmp_path, "\ufeff\ufeff" + text()).cells.columns[0] == "patient_id"


def test_the_encoding_of_the_study_file_counts(tmp_path):
    content = text().replace("ZQ003", "ışık").encode("cp1254")
    assert read(tmp_path, content, Reading(encoding="cp1254")).cells["patient_id"].loc[5] == "ışık"


@pytest.mark.parametrize("encoding", ["utf-8", "klingon", "rot13", "a\0b", "undefined", "idna"])
def test_an_encoding_that_cannot_be_is_refused(tmp_path, encoding):
    path = written(tmp_path, "a.csv", ACCENT.encode("cp1252"))
    assert "leave encoding out" in refused(path, Reading(encoding=encoding))[0].remedy


def test_bytes_that_windows_1252_does_not_have_are_asked_about(tmp_path):
    path = written(tmp_path, "a.csv", text().encode().replace(b"ZQ003", b"Z\x81\x8d3"))
    (problem,) = refused(path)
    assert pasted([problem]).startswith("encoding = ")


@pytest.mark.parametrize("content", [text().replace("ZQ003", "ZQ\0003"), "\0" * 5000])
def test_nul_characters_are_refused(tmp_path, content):
    assert refused(written(tmp_path, "a.csv", content))[0].rule == "text without NUL characters"


# Delimiters


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_the_delimiter_is_found_by_looking(tmp_path, delimiter, name):
    assert tuple(read(tmp_path, text(delimiter), name=name).cells.columns) == HEAD


def test_decimal_commas_are_not_taken_for_the_delimiter(tmp_path):
    rows = [(f"P{i}", "1,5", "2,25") for i in range(9)]
    content = "id;depth;gain\n" + "".join(";".join(row) + "\n" for row in rows)
    assert read(tmp_path, content).cells.loc[2].tolist() == ["P0", "1,5", "2,25"]


def test_a_delimiter_inside_quotes_does_not_count(tmp_path):
    content = "id;note\n" + "".join(f'P{i};"a, b, c"\n' for i in range(5))
    assert read(tmp_path, content).cells.shape == (5, 2)


def test_two_delimiters_that_both_fit_are_asked_about(tmp_path):
    path = written(tmp_path, "a.csv", "a,b;c\n" + "1,2;3\n" * 5)
    assert [pasted([p]) for p in refused(path)] == ['delimiter = ";"', 'delimiter = ","']
    assert read_sheet(path, Reading(delimiter=";")).cells.shape == (5, 2)


def test_a_declared_delimiter_that_makes_one_column_of_many_is_refused(tmp_path):
    (problem,) = refused(written(tmp_path, "a.csv", text(";")), Reading(delimiter=","))
    assert pasted([problem]) == 'delimiter = ";"'
    assert "commas" in problem.rule


@pytest.mark.parametrize("delimiter", [";;", "\n", '"', "§", "\0"])
def test_a_delimiter_that_is_no_single_character_is_refused(tmp_path, delimiter):
    path = written(tmp_path, "a.csv", text())
    assert refused(path, Reading(delimiter=delimiter))[0].rule == "a delimiter of one character"


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n'])
def test_the_line_of_a_spreadsheet_that_names_the_delimiter_is_no_row(tmp_path, line):
    sheet = read(tmp_path, line + text(";"))
    assert (sheet.header, tuple(sheet.cells.columns), sheet.cells.index[0]) == ((1,), HEAD, 2)


# Rows and quotes


def test_cells_stay_as_they_stand(tmp_path):
    content = "id,a,b\nP1, NA ,007\nP2,nan,\nP3,1e5,<NA>\n"
    cells = read(tmp_path, content).cells
    assert cells.to_numpy().tolist() == [
        ["P1", " NA ", "007"],
        ["P2", "nan", ""],
        ["P3", "1e5", "<NA>"],
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path, end):
    lines = ["id,note", f'P1,"two{end}lines"', "", ",", "P2,x", ""]
    cells = read(tmp_path, end.join(lines)).cells
    assert list(cells.index) == [2, 5]
    assert cells["note"].loc[2] == f"two{end}lines"


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c"])
def test_only_line_breaks_end_a_row(tmp_path, character):
    sheet = read(tmp_path, text().replace("ZQ003", f"Z{character}3"))
    assert sheet.cells["patient_id"].loc[5] == f"Z{character}3"
    assert len(sheet.cells) == 12


@pytest.mark.parametrize(
    ("at", "with_", "row"),
    [
        ("ZQ003", '"ZQ003', 5),  # to the end of the file
        ("ZQ003", '"Z" Q3', 5),
        ("acne_rolling,1.5,3,41", 'acne_rolling,1.5,3,"41', 13),
    ],
)
def test_a_quote_that_is_not_closed_is_refused_at_the_row_where_it_opens(tmp_path, at, with_, row):
    (problem,) = refused(written(tmp_path, "a.csv", text().replace(at, with_)))
    assert (problem.row, problem.rule) == (row, "quotes that are closed")


def test_a_quote_that_a_later_one_closes_is_refused_where_it_opens(tmp_path):
    lines = text().splitlines()
    lines[4] = lines[4].replace("acne_rolling", '"acne')
    for close, between in ((5, None), (9, None), (9, 7)):  # whole rows between, one of them short
        swallowed = list(lines)
        if between:
            swallowed[between] = "x,y"
        swallowed[close] = swallowed[close].replace("acne_rolling", 'rolling"')
        (problem,) = refused(written(tmp_path, "a.csv", "\n".join(swallowed)))
        assert problem.row == 5
        assert "column B" in problem.remedy


def test_sentences_of_several_lines_are_no_rows(tmp_path):
    note = '"red, sore,\nthen better, and well"'  # as many commas as a row has
    content = "id,a,b,note\n" + "".join(f"P{i},1,2,{note}\n" for i in range(3))
    assert read(tmp_path, content).cells.shape == (3, 4)


def test_rows_of_another_length_are_each_a_problem(tmp_path):
    sheet = read(tmp_path, text() + "ZQ99,1\nZQ98,a,1,2,3,4\nZQ97,a,1,2,3,,\n")
    assert [(p.row, p.rule) for p in sheet.problems] == [(14, "5 cells"), (15, "5 cells")]
    assert sheet.cells["patient_id"].loc[16] == "ZQ97"


def test_a_title_of_one_cell_is_no_ragged_row(tmp_path):
    path = written(tmp_path, "a.csv", "Scar study\n\n" + text())
    assert [pasted([p]) for p in refused(path)] == ["header = 3"]
    sheet = read_sheet(path, Reading(header=(3,)))
    assert (sheet.problems, len(sheet.cells)) == ((), 12)


def test_a_cell_longer_than_any_of_a_spreadsheet_is_refused(tmp_path):
    (problem,) = refused(written(tmp_path, "a.csv", text().replace("ZQ003", "A" * 200_000)))
    assert problem.row == 5
    assert "131,072 characters" in problem.remedy


@pytest.mark.parametrize("key", ["sheet", "hidden_rows", "struck_rows"])
def test_settings_of_workbooks_are_problems_of_a_text_file(tmp_path, key):
    path = written(tmp_path, "a.csv", text())
    if key == "sheet":
        assert refused(path, Reading(sheet="Data"))[0].rule == "a workbook with worksheets"
    else:
        assert [p.column for p in read_sheet(path, Reading(**{key: "read"})).problems] == [key]


CELL = st.text(alphabet='ab1 ,;"\n\r\t\x0b\u2028é', max_size=6)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=6))
def test_what_the_csv_module_writes_is_read_again(tmp_path_factory, rows):
    """Two readers share the work; neither may see other cells than the writer wrote."""
    rows = [["h1", "h2", "h3"], *rows]
    flat = [cell for row in rows for cell in row]
    written_text = io.StringIO(newline="")
    csv.writer(written_text).writerows(rows)
    path = written(tmp_path_factory.mktemp("a"), "a.csv", written_text.getvalue())
    try:
        cells = text_grid(path, Reading(delimiter=",")).cells
    except DataError as error:  # a cell with line breaks may look like rows
        if "quotes that are closed" in str(error) and any("\n" in c or "\r" in c for c in flat):
            return
        raise
    assert cells.to_numpy().tolist() == [row for row in rows if any(map(str.strip, row))]


def test_many_rows_pass_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_CHUNK", 4)
    content = text(rows=ROWS * 3) + "ZQ99,1\n\n" + text(rows=ROWS)[len(",".join(HEAD)) + 1 :]
    sheet = read(tmp_path, content)
    assert [p.row for p in sheet.problems] == [38]
    assert list(sheet.cells.index) == [*range(2, 39), *range(40, 52)]


def test_letters_of_windows_1254_are_turkish(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("Hasta No;Iyileşme;Iğne\r\nH1;40;1,5\r\n".encode("cp1254"))
    grid = text_grid(path)
    assert grid.cells.iloc[0].tolist() == ["Hasta No", "Iyileşme", "Iğne"]
    assert "Windows-1254 (Turkish)" in str(grid.remarks[0])
    path.write_bytes("Größe;Año;Été\r\n1;2;3\r\n".encode("cp1252"))
    assert "Windows-1252" in str(text_grid(path).remarks[0])


def test_heads_of_groups_that_nothing_merges(tmp_path):
    path = tmp_path / "a.csv"
    heads = "Patient,,Narbe,,Ergebnis\nNr,Geschl.,Typ,Tiefe,Besserung\n"
    path.write_text(heads + "".join(f'{i},w,Kasten,"1,5",{20 + i}\n' for i in range(5)))
    assert header_row(text_grid(path)) == (2,)
    path.write_text("ID,,Typ,,Note\na,b,Kasten,c,gut\nd,e,Kasten,f,gut\ng,h,Kasten,i,gut\n")
    assert header_row(text_grid(path)) == (1,)  # words throughout: a row like the others
