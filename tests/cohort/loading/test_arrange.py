"""Wide sheets, blocks of ids and dates become one row for one assessment."""

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.errors import DataError


def wide():
    return pd.DataFrame(
        {
            "ID": ["P01", "P02", "P03"],
            "Narbe": "acne_boxcar",
            "Tiefe": 1.5,
            "Sitzungen": [2, 3, 4],
            "ECCA vorher": [60, 80, 100],
            "ECCA nachher": [30, 60, ""],
        }
    )


NAMES = {
    "ID": "patient_id",
    "Narbe": "scar_type",
    "Tiefe": "needle_depth_mm",
    "Sitzungen": "session_count",
}
BEFORE_AFTER = {
    "columns": NAMES,
    "rows": [
        {
            "set": {"session_count": 0, "scale": "ECCA"},
            "columns": {"ECCA vorher": "scale_score"},
        },
        {
            "set": {"scale": "ECCA"},
            "columns": {"ECCA nachher": "scale_score"},
        },
    ],
}


def test_before_and_after_become_two_assessments():
    cohort = mn.load(wide(), study=BEFORE_AFTER)
    after = cohort.data[cohort.data["session_count"] > 0]
    assert len(cohort.data) == 5
    assert after["improvement_score"].tolist() == [50, 25]
    assert "1 assessment of [[rows]] without any entry left out" in cohort.notes


def test_sides_get_their_site_and_their_arm():
    frame = pd.DataFrame({"ID": [f"P{i}" for i in range(12)], "L": 30, "R": range(12)})
    frame["scar_type"], frame["needle_depth_mm"], frame["session_count"] = "burn", 1, 3
    sides = [
        {"set": {"site_id": "left", "adjunct": "prp"}, "columns": {"L": "improvement_score"}},
        {"set": {"site_id": "right", "adjunct": "none"}, "columns": {"R": "improvement_score"}},
    ]
    cohort = mn.load(frame, study={"columns": {"ID": "patient_id"}, "rows": sides})
    assert cohort.study.design == "split_body"
    arms = cohort.data.groupby("site_id")["adjunct"].first().astype("str").to_dict()
    assert arms == {"left": "prp", "right": "none"}


def test_a_problem_names_the_row_and_the_heading_of_the_sheet():
    frame = wide().assign(**{"ECCA nachher": [30, "x", 20]})
    (problem,) = mn.validate(frame, study=BEFORE_AFTER).problems
    assert (problem.row, problem.column, problem.value) == (3, "ECCA nachher", "x")


def test_rows_of_the_same_visit_are_named_by_their_row_of_the_sheet():
    frame = pd.concat([wide(), wide().iloc[[0]]])
    found = mn.validate(frame, study=BEFORE_AFTER).problems
    assert {p.row for p in found} == {5}
    assert all("row 2" in p.remedy for p in found)


def test_a_value_that_a_block_sets_is_held_against_the_contract():
    study = {"columns": NAMES, "rows": [{"set": {"adjunct": "magic"}, "columns": {}}]}
    found = mn.validate(wide(), study=study).kinds
    assert "magic" in {v for kind in found for v in kind.values}


def test_ids_of_a_block_are_filled_down():
    frame = wide().drop(columns=["ECCA vorher", "ECCA nachher"])
    frame = frame.assign(ID=["P01", "", ""], improvement_score=[10, 20, 30])
    cohort = mn.load(frame, study={"columns": NAMES, "fill_down": ["ID"]})
    assert cohort.data["patient_id"].tolist() == ["P01"] * 3
    assert "ID: 2 cells filled with the entry above, as fill_down says" in cohort.notes


def dated(**columns):
    frame = wide().drop(columns=["ECCA vorher", "ECCA nachher"])
    return frame.assign(improvement_score=[10, 20, 30], **columns)


DATES = {"format": "DD.MM.YYYY", "weeks": {"to": "Kontrolle", "since": "Erste"}}
DATED = {"columns": NAMES, "dates": DATES}


def test_dates_become_weeks_and_leave_the_table():
    frame = dated(Erste="01.02.2024", Kontrolle=["15.02.2024", "01.02.2024", ""])
    cohort = mn.load(frame, study=DATED)
    assert cohort.data["weeks"].tolist()[:2] == [2, 0]
    assert not {"Erste", "Kontrolle"} & set(cohort.data)


def test_a_date_that_is_none_is_named_by_row_and_never_repeated():
    frame = dated(Erste="01.02.2024", Kontrolle=["15.02.2024", "2024-03-07", "30.02.2024"])
    report = mn.validate(frame, study=DATED)
    assert [(p.row, p.column, p.value) for p in report.problems] == [
        (3, "Kontrolle", "(not shown)"),
        (4, "Kontrolle", "(not shown)"),
    ]
    assert "2024-03-07" not in str(report)


def test_without_a_first_date_weeks_count_from_the_patients_own_first():
    frame = dated(Kontrolle=["15.02.2024", "29.02.2024", "01.01.2024"]).assign(
        ID=["P1", "P1", "P2"]
    )
    study = {**DATED, "dates": {"format": "DD.MM.YYYY", "weeks": {"to": "Kontrolle"}}}
    assert mn.load(frame, study=study).data["weeks"].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ({"dates": {"format": "dd.mm.yy", "weeks": {"to": "x"}}}, "such as DD.MM.YYYY"),
        ({"dates": {"format": "DD.MM.YY"}}, "a column that comes of dates"),
        ({"dates": {"format": "DD.MM.YY", "age": {"to": "x"}}}, "one of weeks"),
        ({"rows": [{}]}, "a worksheet, set or columns"),
        ({"rows": [{"set": {"depth": 1}}]}, "columns of the contract"),
        ({"rows": [{"sheets": "A"}]}, "one of sheet, set, columns"),
        ({"rows": 3}, r"\[\[rows\]\] for each assessment"),
        ({"header": 0}, "the row of the headings"),
        ({"header": [2, 1]}, "the row of the headings"),
        ({"hidden_rows": "yes"}, "one of leave out, read"),
        ({"decimal": ";"}, "a comma or a point"),
        ({"ids": "any"}, "one of as written"),
        ({"missing": {"depth": ["-9"]}}, "a column of the contract"),
        ({"missing": "-9"}, "a list of codes"),
        ({"columns": {"a": "weeks", "b": "weeks"}}, "one heading for a column"),
        ({"levels": {"depth": {"a": 1}}}, "a column of the contract"),
    ],
)
def test_a_wrong_setting_says_what_is_right(study, says):
    with pytest.raises(DataError, match=says):
        mn.load(wide(), study=study)


def test_headings_that_the_study_file_names_and_the_sheet_has_not():
    study = {**DATED, "fill_down": ["Pat"]}
    found = mn.validate(dated(), study=study).problems
    assert {p.column for p in found} >= {"Kontrolle", "Erste", "Pat"}


@pytest.mark.parametrize("form", ["DD.MM.YYYY", "DD.MM.YY"])
def test_years_of_two_and_of_four_digits_stand_beside_each_other(form):
    frame = dated(Erste="01.02.24", Kontrolle=["15.02.2024", "01.02.24", ""])
    study = {**DATED, "dates": {**DATES, "format": form}}
    assert mn.load(frame, study=study).data["weeks"].tolist()[:2] == [2, 0]


def test_a_later_date_before_the_first_is_a_matter_of_dates_and_of_no_week():
    frame = dated(Erste="01.02.2024", Kontrolle=["15.01.2024", "01.02.2024", ""])
    (problem,) = mn.validate(frame, study=DATED).problems
    assert problem.paste == ()
    assert "under [dates]" in problem.remedy


def test_of_several_headings_for_one_column_none_is_chosen():
    frame = wide().rename(columns={"ECCA vorher": "Besserung li", "ECCA nachher": "Besserung re"})
    paste = mn.validate(frame.drop(columns="Besserung re"), study={"columns": NAMES}).paste
    assert '"Besserung li" = "improvement_score"' in paste.split("\n")
    paste = mn.validate(frame, study={"columns": NAMES}).paste
    assert sum(line.startswith('# "Besserung') for line in paste.split("\n")) == 2


def test_a_treatment_column_without_any_entry_is_none_but_one_that_a_block_sets_counts():
    frame = pd.DataFrame(
        {
            "patient_id": ["P01", "P02"], "scar_type": "burn", "needle_depth_mm": 1.0,
            "session_count": 3, "left": [10, 20], "right": [30, 40], "treatment": ["", None],
        }
    )  # fmt: skip
    plain = mn.load(frame.rename(columns={"left": "improvement_score"}).drop(columns="right"))
    assert plain.data["treatment"].eq("needling").all()
    assert any("no treatment column" in note for note in plain.notes)
    rows = [
        {"set": {"site_id": "left"}, "columns": {"left": "improvement_score"}},
        {
            "set": {"site_id": "right", "treatment": "rf_needling"},
            "columns": {"right": "improvement_score"},
        },
    ]
    cohort = mn.load(frame, study={"rows": rows})
    assert cohort.data.loc[cohort.data["site_id"] == "right", "treatment"].eq("rf_needling").all()
    assert cohort.data.loc[cohort.data["site_id"] == "left", "treatment"].isna().all()


def test_what_is_known_only_after_a_treatment_is_not_taken_for_the_baseline():
    frame = wide().assign(Schmerz=[4, 5, 6])
    study = {**BEFORE_AFTER, "columns": {**NAMES, "Schmerz": "pain_score"}}
    cohort = mn.load(frame, study=study)
    before = cohort.data["session_count"] == 0
    assert cohort.data.loc[before, "pain_score"].isna().all()
    assert cohort.data.loc[~before, "pain_score"].tolist() == [4, 5]
    assert any("not used as baseline of [[rows]]: Schmerz" in n for n in cohort.notes)


def test_a_core_column_that_only_one_block_sets_is_missing():
    frame = wide().drop(columns="Sitzungen")
    names = {k: v for k, v in NAMES.items() if k != "Sitzungen"}
    found = mn.validate(frame, study={**BEFORE_AFTER, "columns": names}).problems
    assert [p.column for p in found] == ["session_count"]


def test_a_row_of_means_is_not_dropped_with_the_empty_blocks():
    frame = pd.concat([wide(), pd.DataFrame({"ID": ["Mittelwert"], "Sitzungen": [3]})])
    (kind,) = mn.validate(frame, study=BEFORE_AFTER).kinds
    assert kind.rows == (5,)
    assert "a total or a mean" in kind.rule


def test_two_measures_of_improvement_that_differ_are_asked_about():
    frame = wide().assign(Besserung=[12, 90, ""], **{"ECCA nachher": [30, 60, 90]})
    frame = pd.concat([frame, frame.assign(ID=["P04", "P05", "P06"])])
    rows = [BEFORE_AFTER["rows"][0], {**BEFORE_AFTER["rows"][1]}]
    rows[1]["columns"] = {**rows[1]["columns"], "Besserung": "improvement_score"}
    study = {**BEFORE_AFTER, "rows": rows}
    (problem,) = mn.validate(frame, study=study).problems
    assert problem.paste[0].key == "improvement"
    typed = mn.load(frame, study={**study, "improvement": "as typed"}).data
    score = typed.loc[typed["session_count"] > 0, "improvement_score"]
    assert score.tolist()[:2] == [12, 90]
    assert score.isna().sum() == 2  # what was not typed is not known
    scale = mn.load(frame, study={**study, "improvement": "from the scale"}).data
    assert scale.loc[scale["session_count"] > 0, "improvement_score"].tolist()[:3] == [50, 25, 10]


def test_a_time_of_day_behind_a_date_is_left_out():
    frame = dated(Erste="01.02.2024 09:30", Kontrolle=["15.02.2024 10:15:00", "01.02.2024", ""])
    assert mn.load(frame, study=DATED).data["weeks"].tolist()[:2] == [2, 0]


def test_from_the_scale_counts_for_every_scale_of_the_sheet():
    frame = pd.DataFrame(
        {
            "patient_id": ["P1", "P1", "P2", "P2"],
            "scar_type": "burn",
            "needle_depth_mm": 1.0,
            "session_count": [0, 3, 0, 3],
            "scale": ["ECCA", "ECCA", "VSS", "VSS"],
            "scale_score": [80, 40, 10, 8],
            "improvement_score": [0, 7, 0, 9],
        }
    )
    found = mn.load(frame, study={"improvement": "from the scale"}).data
    assert found.loc[found["session_count"] > 0, "improvement_score"].tolist() == [50, 20]
