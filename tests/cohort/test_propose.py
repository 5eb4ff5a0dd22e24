"""Proposing a study file for a sheet with its own headings and words."""

import tomllib

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cli import main
from mnstudy.cohort.loading.propose import propose, write_study


@pytest.fixture
def german(tmp_path):
    rows = [
        ["17", "eisp.", "1500", 0, 0, "weiblich", "x"],
        ["17", "eisp.", "1500", 3, 35, "weiblich", "x"],
        ["18", "roll.", "2000", 0, 0, "m", "y"],
        ["18", "roll.", "2000", 4, 60, "m", "y"],
        ["19", "OP", "1500", 2, 20, "w", "z"],
    ]
    columns = ["Pat.-Nr.", "Narbentyp", "Tiefe", "Sitzungen", "Besserung", "Geschlecht", "Notiz"]
    path = tmp_path / "Narben 2025.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def test_a_german_sheet_can_be_read_after_init(german, capsys):
    assert main(["init", str(german)]) == 0
    out = capsys.readouterr().out
    assert 'eisp." -> acne_icepick' in out
    assert "looks like micrometres" in out
    study = german.parent / "study.toml"
    raw = tomllib.loads(study.read_text(encoding="utf-8"))
    assert raw["columns"]["Pat.-Nr."] == "patient_id"
    assert raw["levels"]["scar_type"] == {
        "eisp.": "acne_icepick", "roll.": "acne_rolling", "OP": "surgical",
    }  # fmt: skip
    cohort = mn.load(study)
    assert cohort.data["needle_depth_mm"].max() == 2.0
    assert cohort.data["scar_type"].tolist()[-1] == "surgical"
    assert set(cohort.data["sex"]) == {"female", "male"}
    assert not cohort.study.design_declared


def test_what_fits_nothing_is_left_for_a_person(german):
    _, proposals = write_study(german)
    note = next(p for p in proposals if p.heading == "Notiz")
    assert note.certainty == "ask"
    assert '# "Notiz" = "?"' in (german.parent / "study.toml").read_text(encoding="utf-8")


def test_headings_that_identify_are_refused_and_no_cell_is_shown():
    sheet = pd.DataFrame({"Name": ["Anna Schmidt"], "Geb.": ["03.05.1986"], "Narbentyp": ["burn"]})
    found = {p.heading: p for p in propose(sheet)}
    assert found["Name"].certainty == found["Geb."].certainty == "refused"
    assert "Anna" not in " ".join(map(str, found.values()))
    assert "1986" not in " ".join(map(str, found.values()))


def test_the_contract_s_own_names_need_no_mapping(sheet):
    proposals = propose(sheet)
    assert {p.certainty for p in proposals} == {"certain"}
    assert all(p.heading == p.column for p in proposals)


def test_near_headings_are_likely_and_no_column_is_given_twice():
    found = propose(pd.DataFrame(columns=["session_count", "Sessions", "improvment score"]))
    assert [p.certainty for p in found] == ["certain", "ask", "likely"]
    assert found[2].column == "improvement_score"


def test_an_existing_study_file_is_left_alone(german, capsys):
    study = german.parent / "study.toml"
    study.write_text('design = "registry"\n')
    assert main(["init", str(german)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert study.read_text() == 'design = "registry"\n'
