"""Raw exports of REDCap: codes, checkboxes, and baseline fields in the rows that repeat."""

import os

import pytest
from made_files import refused, said, written

from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.study.reading import Reading

DICTIONARY = """\
"Variable / Field Name","Form Name","Field Type","Field Label",\
"Choices, Calculations, OR Slider Labels","Identifier?"
record_id,baseline,text,Record ID,,
scar,baseline,radio,<b>Scar</b> type,"1, Rolling | 2, Boxcar, deep",
smoker,baseline,yesno,Smoker,,
gain,session,text,Improvement (%),,
ae,session,checkbox,Adverse events,"1, Erythema | -2, Bruising",
bmi,baseline,calc,BMI,"[kg] / ([m] * [m])",
last,final,text,Last score,,
"""
HEAD = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,"
HEAD += "scar,smoker,gain,ae___1,ae____2,last,session_complete"
EXPORT = f"""\
{HEAD}
1,base_arm_1,,,2,1,,0,0,,0
1,treat_arm_1,session,1,,,8,1,0,,2
1,treat_arm_1,session,2,,,16,0,1,,2
1,final_arm_1,,,,,,,,40,
2,base_arm_1,,,1,0,,,,,
3,base_arm_1,,,1,,,,,,
3,next_arm_1,,,2,0,,,,,
3,treat_arm_1,session,1,,,5,0,0,,2
"""
HOW = Reading(dictionary="dictionary.csv")


@pytest.fixture
def folder(tmp_path):
    written(tmp_path, "dictionary.csv", DICTIONARY)
    return tmp_path


def read(folder, export=EXPORT, how=HOW):
    return read_sheet(written(folder, "data.csv", export), how)


def test_labels_and_titles_come_from_the_dictionary(folder):
    sheet = read(folder)
    assert sheet.labels == {
        "scar": {"1": "Rolling", "2": "Boxcar, deep"},
        "smoker": {"1": "Yes", "0": "No"},
        "ae___1": {"0": "Unchecked", "1": "Checked"},
        "ae____2": {"0": "Unchecked", "1": "Checked"},
    }
    assert sheet.titles["scar"] == "Scar type"
    assert sheet.titles["ae___1"] == "Adverse events: Erythema"
    assert sheet.titles["ae____2"] == "Adverse events: Bruising"


def test_baseline_fields_stand_in_every_row_that_repeats(folder):
    cells = read(folder).cells
    assert cells["scar"].loc[[3, 4]].tolist() == ["2", "2"]
    assert cells["smoker"].loc[[3, 4, 9]].tolist() == ["1", "1", "0"]
    assert 2 not in cells.index


def test_what_is_left_out_is_said_and_nothing_else_is_left_out(folder):
    sheet = read(folder)
    assert list(sheet.cells.index) == [3, 4, 5, 6, 7, 8, 9]
    assert "carried to 3 rows of forms that repeat; 1 row of baseline with nothing else" in said(
        sheet
    )


def test_a_field_with_two_values_or_written_later_is_not_carried(folder):
    cells = read(folder).cells
    assert cells["scar"].loc[9] == ""  # two forms of record 3 differ
    assert cells["last"].loc[[3, 4, 5]].tolist() == ["", "", "40"]  # the end is no baseline


def test_without_rows_that_repeat_every_row_stays(folder):
    rows = [row for row in EXPORT.splitlines(keepends=True) if "session,1" not in row]
    rows = [row for row in rows if "session,2" not in row]
    assert len(read(folder, "".join(rows)).cells) == 5


def test_a_field_that_identifies_a_person_is_a_problem_of_its_column(folder):
    identifying = DICTIONARY.replace("Last score,,", "Last score,,y")
    written(folder, "dictionary.csv", identifying)
    (problem,) = read(folder).problems
    assert (problem.column, problem.row) == ("last", None)
    assert problem.remedy == "identifies a person: leave it out of the export"


def test_the_dictionary_of_the_programming_interface_is_read(folder):
    names = "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier"
    written(folder, "dictionary.csv", names + "\n" + DICTIONARY.split("\n", 1)[1])
    assert read(folder).labels["scar"]["1"] == "Rolling"


def test_an_export_without_a_dictionary_names_the_one_beside_it(folder):
    os.mkfifo(folder / "a.csv")  # would never end
    assert 'write dictionary = "dictionary.csv"' in said(read(folder, how=None))
    (folder / "dictionary.csv").unlink()
    assert "it looks like an export of REDCap" in said(read(folder, how=None))
    assert said(read(folder, "id,x\n1,2\n", how=None)) == ""


@pytest.mark.parametrize(
    "name", ["missing.csv", "../dictionary.csv", "dictionary.txt", "a\0.csv", "x" * 300]
)
def test_a_dictionary_that_is_not_beside_the_sheet_is_refused(folder, name):
    (folder / "sub").mkdir()
    path = written(folder / "sub", "data.csv", EXPORT)
    (problem,) = refused(path, Reading(dictionary=name))
    assert problem.column == "dictionary"


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "\0\0", ""])
def test_a_file_that_is_no_dictionary_is_refused(folder, content):
    path = written(folder, "data.csv", EXPORT)
    written(folder, "dictionary.csv", content)
    assert refused(path, HOW)[0].rule == "a data dictionary of REDCap"


def test_the_dictionary_of_another_project_is_refused(folder):
    (problem,) = refused(written(folder, "data.csv", "Record ID,Scar type\n1,Rolling\n"), HOW)
    assert "export the raw data again" in problem.remedy
