"""Workbooks: what a cell shows, what is left out, and which worksheet and headings count."""

from datetime import datetime

import pytest
from made_files import (
    HEAD,
    ROWS,
    SHEET1,
    changed,
    ods,
    ods_table,
    refused,
    said,
    shared,
    workbook,
)
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from mnstudy.cohort.reading.read import grids, header_row, not_read, read_sheet, sheet_of
from mnstudy.cohort.reading.workbook import shown
from mnstudy.cohort.schema.problems import pasted
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import DataError


def cells_of(path, how=None):
    return read_sheet(path, how).cells


# Values as they are shown


@pytest.mark.parametrize("code", ["0%", "0.0%", "[Red]0%", "0.00%;-0.00%", '0.0" "%'])
def test_a_cell_in_percent_is_read_as_it_is_shown_and_this_is_said(tmp_path, code):
    def change(sheet):
        for row in (2, 4):
            sheet.cell(row, 5).value, sheet.cell(row, 5).number_format = 0.07, code

    sheet = read_sheet(workbook(tmp_path / "a.xlsx", change=change))
    assert sheet.cells["improvement_score"].loc[[2, 3, 4]].tolist() == [7.0, 31, 7.0]
    assert said(sheet) == "2 cells of improvement_score shown in percent were read as shown"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('0.0" mm"', (False, "mm")),
        ('0"%"', (False, "%")),  # the sign is text: 45 is shown as 45%
        (r"0\ \w\k", (False, "wk")),
        ("#,##0.00_);(#,##0.00)", (False, "")),
        ("General", (False, "")),
        ("0.00E+00", (False, "")),
    ],
)
def test_number_formats(code, found):
    assert shown(code) == found


def test_a_unit_in_the_number_format_is_said_and_the_number_alone_read(tmp_path):
    def change(sheet):
        for row in range(2, 14):
            sheet.cell(row, 3).number_format = '0.0" mm"'

    sheet = read_sheet(workbook(tmp_path / "a.xlsx", change=change))
    assert sheet.cells["needle_depth_mm"].tolist() == [1.5] * 12
    assert "12 cells of needle_depth_mm shown with “mm” in the sheet" in said(sheet)


def test_dates_truth_values_texts_and_numbers_keep_their_kind(tmp_path):
    day = datetime(2024, 3, 1)
    rows = (("a", "b", "c", "d", 2024.0), (day, True, "007", " x ", 1), (None, False, "", None, 2))
    cells = cells_of(workbook(tmp_path / "a.xlsx", Data=rows))
    assert list(cells.columns) == ["a", "b", "c", "d", "2024"]
    assert cells.loc[2].tolist() == [day, True, "007", " x ", 1]
    assert cells.loc[3].isna().tolist() == [True, False, True, True, False]


def test_texts_of_excel_are_shared_and_may_be_rich(tmp_path):
    """Runs of a text belong together, its reading aid (ruby) and its escapes do not."""
    rich = b"<r><t>acne</t></r><r><rPr><b/></rPr><t>_x000D_\nrolling_x005F_</t></r>"
    aid = b'<rPh sb="0" eb="1"><t>no</t></rPh>'

    def change(text):
        return rich + aid if b"acne" in text else text

    path = workbook(tmp_path / "a.xlsx")
    plain = cells_of(path)
    shared(path)
    assert cells_of(path).equals(plain)
    assert cells_of(shared(workbook(path), change))["scar_type"].loc[2] == "acne\r\nrolling_"


def test_repeated_headings_stay_and_rows_keep_their_numbers(tmp_path):
    rows = (("id", "x", "x"), ("P1", 1, 2), (), ("P2", 3, 4))
    cells = cells_of(workbook(tmp_path / "a.xlsx", Data=rows))
    assert list(cells.columns) == ["id", "x", "x"]
    assert list(cells.index) == [2, 4]


def test_errors_and_formulas_without_a_value_are_problems_by_row_and_heading(tmp_path):
    def change(sheet):
        sheet["E2"], sheet["C3"] = "#DIV/0!", "=1+1"

    problems = read_sheet(workbook(tmp_path / "a.xlsx", change=change)).problems
    assert [(p.row, p.column, p.value) for p in sorted(problems)] == [
        (2, "improvement_score", "#DIV/0!"),
        (3, "needle_depth_mm", ""),
    ]
    assert {p.rule for p in problems} == {
        "a value, not a formula error",
        "a value, not a formula without a stored value",
    }
    assert "open and save the sheet in Excel" in [p.remedy for p in problems]


@pytest.mark.parametrize(
    ("formula", "problems", "value"),
    [
        (b"<f>1+29</f><v>30</v>", 0, 30),
        (b"<f>1+29</f><v>0</v>", 1, None),  # XlsxWriter stores 0 until Excel has worked it out
        (b"<f>1+29</f>", 1, None),
        (b"<f>1+29</f><v></v>", 1, None),
    ],
)
def test_a_formula_has_the_value_that_is_stored(tmp_path, formula, problems, value):
    path = workbook(tmp_path / "a.xlsx")
    changed(path, SHEET1, lambda xml: xml.replace(b"<v>30</v>", formula))
    sheet = read_sheet(path)
    assert len(sheet.problems) == problems
    found = sheet.cells["improvement_score"].loc[2]
    assert found == value or (value is None and found is None)


def test_a_formula_that_gives_no_text_is_an_empty_cell(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    empty = b't="str"><f>IF(1,"","")</f><v></v>'
    changed(path, SHEET1, lambda xml: xml.replace(b't="n"><v>30</v>', empty))
    sheet = read_sheet(path)
    assert sheet.problems == ()
    assert sheet.cells["improvement_score"].isna().tolist() == [True] + [False] * 11


# What is not read is said


def test_hidden_and_crossed_out_rows_are_left_out_and_read_on_request(tmp_path):
    def change(sheet):
        sheet.row_dimensions[4].hidden = sheet.row_dimensions[5].hidden = True
        for cell in sheet[7]:
            cell.font = Font(strike=True)
        sheet["B9"].font = Font(strike=True)
        sheet["E4"] = "#N/A"

    path = workbook(tmp_path / "a.xlsx", change=change)
    sheet = read_sheet(path)
    assert sheet.problems == ()
    assert set(range(2, 14)) - set(sheet.cells.index) == {4, 5, 7}
    assert "2 rows hidden in the sheet left out: 4 to 5" in said(sheet)
    assert "1 row crossed out in the sheet left out: 7" in said(sheet)
    assert "1 cell of scar_type crossed out, but not their whole row" in said(sheet)
    sheet = read_sheet(path, Reading(hidden_rows="read", struck_rows="read"))
    assert len(sheet.cells) == 12
    assert "2 rows hidden in the sheet were read: 4 to 5" in said(sheet)
    assert [(p.row, p.value) for p in sheet.problems] == [(4, "#N/A")]


@pytest.mark.parametrize("key", ["hidden_rows", "struck_rows"])
@pytest.mark.parametrize("value", ["read", "leave out"])
def test_a_setting_without_effect_is_a_problem(tmp_path, key, value):
    path = workbook(tmp_path / "a.xlsx")
    (problem,) = read_sheet(path, Reading(**{key: value})).problems
    assert (problem.column, problem.value) == (key, value)
    assert problem.rule == "a setting that has an effect"


def test_a_setting_of_text_files_is_a_problem_of_a_workbook(tmp_path):
    found = read_sheet(workbook(tmp_path / "a.xlsx"), Reading(delimiter=";")).problems
    assert [p.column for p in found] == ["delimiter"]


def test_colours_comments_merged_cells_and_hidden_columns_are_said(tmp_path):
    def change(sheet):
        for cell in sheet[1]:
            cell.fill = PatternFill("solid", fgColor="FFCCCCCC")
        sheet["E3"].fill = PatternFill("solid", fgColor="FFFF0000")
        sheet["E4"].fill = PatternFill("solid", fgColor="FFFFFFFF")
        sheet["C5"].comment = Comment("a name", "who")
        sheet.merge_cells("A6:A8")
        sheet.column_dimensions["D"].hidden = True

    sheet = read_sheet(workbook(tmp_path / "a.xlsx", change=change))
    assert sheet.cells["patient_id"].loc[[6, 7, 8]].isna().tolist() == [False, True, True]
    for part in (
        "1 cell of improvement_score coloured",
        "1 cell of needle_depth_mm with a comment",
        "2 cells of patient_id under a merged cell",
        "hidden columns were read: session_count",
    ):
        assert part in said(sheet)
    assert "a name" not in said(sheet)
    assert said(sheet).count("coloured") == 1


def test_a_column_without_a_heading_is_said(tmp_path):
    rows = (("id", None, "x"), ("P1", "note", 1), ("P2", None, 2))
    sheet = read_sheet(workbook(tmp_path / "a.xlsx", Data=rows))
    assert list(sheet.cells.columns) == ["id", "", "x"]
    assert "columns without a heading were not read: B" in said(sheet)


# Which headings

TITLED = (("Scar study, clinic X",), (), HEAD, *ROWS)
GROUPS = (
    ("Patient", None, "Treatment", None, "Result"),
    ("Code", "Scar", "Depth", "Sessions", "Gain"),
    *ROWS,
)


def grouped(sheet):
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("C1:D1")


def test_a_title_is_not_taken_for_headings(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Data=TITLED)
    (problem,) = refused(path)
    assert (problem.row, pasted([problem])) == (1, "header = 3")
    assert "row 3" in problem.remedy
    sheet = read_sheet(path, Reading(header=(3,)))
    assert (sheet.header, tuple(sheet.cells.columns), sheet.cells.index[0]) == ((3,), HEAD, 4)
    assert "rows above the headings in row 3 were not read: 1" in said(sheet)


def test_two_rows_of_headings_are_joined_under_merged_heads(tmp_path):
    path = workbook(tmp_path / "a.xlsx", change=grouped, Data=GROUPS)
    (problem,) = refused(path)
    assert pasted([problem]) == "header = [1, 2]"
    assert header_row(grids(path)[0]) == (1, 2)
    joined = ["Patient / Code", "Patient / Scar", "Treatment / Depth", "Treatment / Sessions"]
    sheet = read_sheet(path, Reading(header=(1, 2)))
    assert list(sheet.cells.columns) == [*joined, "Result / Gain"]
    assert sheet.cells.index[0] == 3
    assert list(read_sheet(path, Reading(header=(2,))).cells.columns) == list(GROUPS[1])


def test_two_rows_of_headings_under_few_merged_heads(tmp_path):
    def change(sheet):
        sheet.merge_cells("A2:C2")
        sheet.merge_cells("D2:E2")

    rows = (("Study",), ("Patient", None, None, "Result"), *GROUPS[1:])
    path = workbook(tmp_path / "a.xlsx", change=change, Data=rows)
    assert pasted(refused(path)) == "header = [2, 3]"
    sheet = read_sheet(path, Reading(header=(2, 3)))
    assert list(sheet.cells.columns)[2:4] == ["Patient / Depth", "Result / Sessions"]


def test_a_heading_merged_over_two_columns_of_data_is_one_row_of_headings(tmp_path):
    rows = (("name", None, "x"), ("P1", "a", 1), ("P2", "b", 2))
    path = workbook(tmp_path / "a.xlsx", change=lambda s: s.merge_cells("A1:B1"), Data=rows)
    assert header_row(grids(path)[0]) == (1,)


@pytest.mark.parametrize("header", [(99,), (2, 99), (13,)])
def test_headings_past_the_end_are_refused_with_the_rows_there_are(tmp_path, header):
    (problem,) = refused(workbook(tmp_path / "a.xlsx"), Reading(header=header))
    assert problem.column == "header"
    assert "rows 1 to 13" in problem.rule


def test_upper_headings_that_are_blank_leave_the_lower_alone(tmp_path):
    rows = ((None, "Scores"), ("id", "x"), ("P1", 1))
    grid = grids(workbook(tmp_path / "a.xlsx", Data=rows))[0]
    assert list(sheet_of(grid, (1, 2)).cells.columns) == ["id", "Scores / x"]


# Which worksheet


def test_several_worksheets_with_data_are_asked_about_with_the_lines_to_write(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", **{'The "first"': (HEAD, *ROWS), "2025": (HEAD, *ROWS[:2])}
    )
    problems = refused(path)
    assert [(p.column, p.value) for p in problems] == [
        ('The "first"', "12 rows"),
        ("2025", "2 rows"),
    ]
    assert pasted(problems[:1]) == 'sheet = "The \\"first\\""'
    assert "patient_id, scar_type" in problems[0].remedy
    assert len(read_sheet(path, Reading(sheet="2025")).cells) == 2
    assert len(read_sheet(path, Reading(sheet="2025"), worksheet='The "first"').cells) == 12


def test_the_only_worksheet_with_a_table_is_read_and_the_others_are_said(tmp_path):
    legend = (("Code", "Meaning"), (1, "rolling"), (2, "boxcar"))
    path = workbook(tmp_path / "a.xlsx", Cover=(("Study",),), Data=(HEAD, *ROWS), Key=legend, E=())
    sheet = read_sheet(path)
    assert sheet.worksheet == "Data"
    assert "were not read: Cover, Key (read was Data)" in said(sheet)
    assert [g.name for g in grids(path)] == ["Cover", "Data", "Key", "E"]


def test_a_large_legend_of_other_headings_does_not_hide_the_data(tmp_path):
    legend = (("Code", "Meaning", "Source"), *((i, "a", "b") for i in range(4)))
    many = (HEAD, *(ROWS * 4))
    assert read_sheet(workbook(tmp_path / "a.xlsx", Key=legend, Data=many)).worksheet == "Data"


def test_a_table_of_patients_beside_one_of_sessions_is_asked_about(tmp_path):
    patients = (("patient_id", "sex", "age"), *((f"P{i}", "f", 40) for i in range(4)))
    path = workbook(tmp_path / "a.xlsx", Patients=patients, Sessions=(HEAD, *(ROWS * 4)))
    assert [p.column for p in refused(path)] == ["Patients", "Sessions"]


def test_a_hidden_worksheet_is_read_by_name_alone(tmp_path):
    def change(sheet):
        sheet.parent["Data"].sheet_state = "hidden"

    path = workbook(tmp_path / "a.xlsx", change=change, Cover=(("Study",),), Data=(HEAD, *ROWS))
    (problem,) = refused(path)
    assert "it is hidden" in problem.remedy
    assert read_sheet(path, Reading(sheet="Data")).worksheet == "Data"
    assert [g.visible for g in grids(path)] == [True, False]


def test_a_worksheet_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Data=(HEAD, *ROWS), Key=(("a",),))
    (problem,) = refused(path, Reading(sheet="data"))
    assert (problem.column, problem.rule) == ("sheet", "one of the worksheets Data, Key")
    assert "Data" in problem.remedy
    assert refused(path, worksheet="Visit 2")[0].value == "Visit 2"


def test_worksheets_read_before_are_taken_as_they_are(tmp_path):
    path = workbook(tmp_path / "a.xlsx", A=(HEAD, *ROWS), B=(HEAD, *ROWS[:3]))
    found = grids(path)
    sheet = read_sheet(path, worksheet="B", found=found)
    assert len(sheet.cells) == 3
    assert "not read" not in said(sheet)
    assert [str(n) for n in not_read(found, ("A", "B"))] == []


# Other kinds


def test_an_ods_file_is_read_by_its_values_and_says_so(tmp_path):
    path = ods(tmp_path / "a.ods", ods_table("Data", HEAD, *ROWS), ods_table("Empty"))
    sheet = read_sheet(path)
    assert sheet.worksheet == "Data"
    assert sheet.cells.shape == (12, 5)
    assert sheet.cells["needle_depth_mm"].iloc[0] == 1.5
    assert "only the values can be seen" in said(sheet)
    assert len(grids(path)) == 2


@pytest.mark.parametrize(
    "cell",
    ['office:value-type="percentage" office:value="0.45"', 'calcext:value-type="error"'],
)
def test_an_ods_file_with_what_its_values_do_not_tell_is_refused(tmp_path, cell):
    row = f"<table:table-row><table:table-cell {cell}/></table:table-row>"
    path = ods(tmp_path / "a.ods", f'<table:table table:name="D">{row}</table:table>')
    assert "save it as .xlsx" in refused(path)[0].remedy


def test_a_workbook_called_xls_is_read_by_its_content(tmp_path):
    path = workbook(tmp_path / "a.xlsx").rename(tmp_path / "a.xls")
    assert read_sheet(path).cells.shape == (12, 5)


def test_without_its_reader_a_workbook_is_refused_in_a_sentence(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl.reader.excel", None)
    with pytest.raises(DataError, match=r"pip install 'mnstudy\[io\]'"):
        read_sheet(path)


def test_a_share_among_cells_shown_in_percent_is_asked_about(tmp_path):
    def change(page):
        for row in range(2, 14):
            page.cell(row, 5).value = 0.005 * row
            page.cell(row, 5).number_format = "0.0%" if row != 6 else "General"

    sheet = read_sheet(workbook(tmp_path / "a.xlsx", change=change))
    (problem,) = sheet.problems
    assert (problem.row, problem.column, problem.value) == (6, "improvement_score", "0.03")


def test_a_cell_without_a_column_is_not_lost(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    changed(path, SHEET1, lambda xml: xml.replace(b'r="C4"', b'r="4"'))
    (problem,) = refused(path)
    assert problem.rule == "a readable .xlsx file"
