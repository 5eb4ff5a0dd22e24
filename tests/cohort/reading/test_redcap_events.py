"""Exports of REDCap: what was asked once is carried to later forms, and nothing is lost."""

import pytest
from made_files import written

from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.study.reading import Reading

FIELDS = """record_id,inclusion,text,ID,
scar,inclusion,radio,Scar,"1, Rolling | 2, Boxcar"
week,visit,text,Week,
gain,visit,text,Improvement,
ae,visit,checkbox,Adverse events,"1, Bruising | 2, Infection"
"""


def export(folder, *rows, extra=""):
    titles = "Variable / Field Name,Form Name,Field Type,Field Label,"
    titles += '"Choices, Calculations, OR Slider Labels"\n'
    written(folder, "dictionary.csv", titles + FIELDS + extra)
    path = written(folder, "DATA.csv", "\n".join(rows) + "\n")
    return read_sheet(path, Reading(dictionary="dictionary.csv")).cells


EVENTS = "record_id,redcap_event_name,scar,week,gain,ae___1,ae___2"


def test_fields_of_the_first_event_are_carried_to_the_later_ones(tmp_path):
    rows = ["1,inclusion_arm_1,2,,,0,0", "1,visit_1_arm_1,,4,20,0,0", "1,visit_2_arm_1,,12,30,1,0"]
    cells = export(
        tmp_path, EVENTS, *rows, "2,inclusion_arm_1,1,,,0,0", "2,visit_1_arm_1,,4,15,0,0"
    )
    assert cells["week"].tolist() == ["4", "12", "4"]
    assert cells["scar"].tolist() == ["2", "2", "1"]


def test_a_first_event_that_was_assessed_stays_an_assessment(tmp_path):
    rows = ["1,inclusion_arm_1,2,0,0,0,0", "1,visit_1_arm_1,,4,20,0,0"]
    cells = export(tmp_path, EVENTS, *rows)
    assert cells["week"].tolist() == ["0", "4"]
    assert cells["scar"].tolist() == ["2", "2"]


def test_events_that_ask_nothing_twice_are_left_as_they_are(tmp_path):
    rows = ["1,inclusion_arm_1,2,,,0,0", "2,inclusion_arm_1,1,,,0,0"]
    assert len(export(tmp_path, EVENTS, *rows)) == 2


@pytest.mark.parametrize("ticked", ["0", "1"])
def test_a_baseline_row_with_an_assessment_of_its_own_is_kept(tmp_path, ticked):
    head = "record_id,redcap_repeat_instrument,redcap_repeat_instance,scar,week,gain,ae___1,ae___2"
    rows = [f"1,,,2,0,5,{ticked},0", "1,visit,1,,4,20,0,0", "2,,,1,,,0,0", "2,visit,1,,4,15,0,0"]
    cells = export(tmp_path, head, *rows)
    assert cells["gain"].tolist() == ["5", "20", "15"]
