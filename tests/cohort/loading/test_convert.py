"""Cells that are read as the study file says, and no other way."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.errors import DataError


def sheet(n=8, **columns):
    frame = pd.DataFrame({"patient_id": [f"P{i:02}" for i in range(n)]})
    frame["scar_type"] = "acne_rolling"
    frame["needle_depth_mm"] = 1.5
    frame["session_count"] = 3
    frame["improvement_score"] = [10.5, 20, 30, 25, 31, 45, 12, 28][:n]
    return frame.assign(**columns)


def problems(frame, **study):
    return mn.validate(frame, study=study).problems


def data(frame, **study):
    return mn.load(frame, study=study).data


def pasted(frame, **study):
    """Return what the report proposes to paste, read as TOML."""
    import tomllib

    return tomllib.loads(mn.validate(frame, study=study).paste)


# Units


def test_units_in_cells_are_read_only_where_the_study_file_says_so():
    frame = sheet(needle_depth_mm=["1,5 mm", "1500 µm", "0.5mm", "1", "2 mm", "1.5 mm", "", "1 mm"])
    asked = pasted(frame)
    assert asked == {"units": {"needle_depth_mm": "in the cells"}}
    cohort = mn.load(frame, study=asked)
    depth = cohort.data["needle_depth_mm"]
    np.testing.assert_allclose(depth, [1.5, 1.5, 0.5, 1, 2, 1.5, np.nan, 1])
    assert "needle_depth_mm: 6 cells read with the unit in the cell" in cohort.notes


@pytest.mark.parametrize(
    ("column", "unit", "cell", "value"),
    [
        ("needle_depth_mm", "um", 1500, 1.5),
        ("needle_depth_mm", "cm", 0.15, 1.5),
        ("weeks", "days", 28, 4),
        ("weeks", "months", 12, 365.25 / 7),
        ("improvement_score", "fraction", 0.45, 45),
        ("erythema_days", "weeks", 1, 7),
        ("scar_depth_um", "mm", 0.4, 400),
    ],
)
def test_a_declared_unit_is_converted_and_said(column, unit, cell, value):
    cohort = mn.load(sheet(**{column: [cell] * 8}), study={"units": {column: unit}})
    assert cohort.data[column].astype("float64").tolist() == pytest.approx([value] * 8)
    assert f"{column}: converted from {unit}" in cohort.notes


def test_a_unit_that_is_not_known_names_those_that_are():
    with pytest.raises(DataError, match="one of weeks, days, months, years, in the cells"):
        mn.load(sheet(weeks=28), study={"units": {"weeks": "furlongs"}})


@pytest.mark.parametrize("table", ["units", "levels", "missing"])
def test_a_setting_for_a_column_that_the_sheet_has_not_is_a_problem(table):
    value = {"units": "days", "levels": {"x": 4}, "missing": ["-99"]}[table]
    (problem,) = problems(sheet(), **{table: {"weeks": value}})
    assert problem.column == f"{table}.weeks"
    assert problem.rule == "a column of the sheet"


# Words


def test_words_for_numbers_levels_and_yes_or_no():
    words = ["zufrieden", "sehr zufrieden"] * 4
    frame = sheet(satisfaction_score=words, infection=["Checked", "Unchecked"] * 4)
    found = data(
        frame,
        levels={
            "satisfaction_score": {"zufrieden": 7, "sehr zufrieden": "10"},
            "infection": {"Checked": "true", "Unchecked": False},
        },
    )
    assert found["satisfaction_score"].tolist() == [7, 10] * 4
    assert found["infection"].tolist() == [True, False] * 4


def test_a_word_may_say_that_nothing_is_known():
    frame = sheet(improvement_score=[10.5, 20, "k.A.", 30, "k.A.", 40, 20, 21])
    assert pasted(frame) == {"missing": {"improvement_score": ["k.A."]}}
    assert data(frame, missing=["k.A."])["improvement_score"].isna().sum() == 2
    words = {"improvement_score": {"k.A.": ""}}
    assert data(frame, levels=words)["improvement_score"].isna().sum() == 2


def test_classes_of_improvement_become_intervals():
    frame = sheet(improvement_score=[">75", "50-75", "< 25", "20", "ca. 50%", "12", "33", "44"])
    asked = pasted(frame)["levels"]["improvement_score"]
    assert asked == {">75": "75 to 100", "50-75": "50 to 75", "< 25": "0 to 25", "ca. 50%": 50}
    found = data(frame, levels={"improvement_score": asked})
    assert found["improvement_score"].tolist() == [87.5, 62.5, 12.5, 20, 50, 12, 33, 44]
    assert found["improvement_low"].tolist()[:3] == [75, 50, 0]
    assert found["improvement_high"].isna().tolist() == [False] * 3 + [True] * 5


def test_a_meaning_that_the_column_cannot_have_is_refused_with_the_allowed_ones():
    with pytest.raises(DataError, match="one of female, male"):
        mn.load(sheet(sex="x"), study={"levels": {"sex": {"x": "woman"}}})
    with pytest.raises(DataError, match="a number"):
        mn.load(sheet(weeks="x"), study={"levels": {"weeks": {"x": "late"}}})


def test_words_that_occur_nowhere_are_said():
    cohort = mn.load(sheet(), study={"levels": {"scar_type": {"roll": "acne_rolling"}}})
    assert "scar_type: words of [levels] that are not in the sheet: roll" in cohort.notes


def test_whole_numbers_written_with_decimals_are_whole():
    frame = sheet(
        baseline_severity=["1.0", "2.0"] * 4, phototype=["4.0"] * 8, infection=["0.0", "1.0"] * 4
    ).astype("str")
    found = data(frame)
    assert found["infection"].tolist() == [False, True] * 4
    assert found["phototype"].astype("str").eq("IV").all()


def test_ages_become_bands_where_they_are_declared_as_years():
    frame = sheet(age_band=[17, 18, 24, 25, 44, 45, 64, 65])
    assert problems(frame)
    found = data(frame, units={"age_band": "years"})["age_band"].astype("str").tolist()
    assert found == [
        "under 18",
        "18-24",
        "18-24",
        "25-34",
        "35-44",
        "45-54",
        "55-64",
        "65 and over",
    ]


def test_a_word_may_stand_for_a_treatment_and_its_substance():
    frame = sheet(treatment=["MN", "MN+PRP"] * 4)
    assert pasted(frame)["levels"]["treatment"] == {"MN": "needling", "MN+PRP": "needling + prp"}
    found = data(frame, **pasted(frame))
    assert found["treatment"].astype("str").eq("needling").all()
    assert found["adjunct"].astype("str").tolist() == ["none", "prp"] * 4


def test_a_substance_that_another_column_denies_is_a_problem():
    frame = sheet(treatment=["MN", "MN+PRP"] * 4, adjunct=["none", "tca"] * 4)
    levels = {"treatment": {"MN": "needling", "MN+PRP": "needling + prp"}}
    found = mn.validate(frame, study={"levels": levels}).problems
    assert [(p.row, p.column, p.value) for p in found][:1] == [(3, "adjunct", "tca")]


# What can be read in two ways


def test_a_comma_before_three_digits_is_asked_about():
    frame = sheet(needle_depth_mm=["1,500"] * 4 + ["1"] * 4)
    assert pasted(frame) == {"decimal": ","}
    assert data(frame, decimal=",")["needle_depth_mm"].max() == 1.5
    (kind,) = mn.validate(frame, study={"decimal": "."}).kinds  # 1,500 mm is no depth
    assert kind.rule == "0 to 5 mm"


def test_a_comma_is_decimal_where_the_other_cells_say_so():
    frame = sheet(needle_depth_mm=["1,500"] * 4 + ["1,5"] * 4)
    assert data(frame)["needle_depth_mm"].eq(1.5).all()


def test_the_declared_decimal_mark_reads_thousands_and_refuses_the_other_mark():
    frame = sheet(scar_depth_um=["1.200,5", "800", "900,25", "1.100", "700", "600", "500", "400"])
    found = data(frame, decimal=",")["scar_depth_um"]
    assert found.tolist() == [1200.5, 800, 900.25, 1100, 700, 600, 500, 400]
    assert {p.value for p in problems(sheet(weeks=["1.5"] * 8), decimal=",")} == {"1.5"}


def test_fractions_in_a_percent_column_are_asked_about():
    frame = sheet(improvement_score=[0.1, 0.45, 0.3, 0.2, 0.5, 0.7, 0.33, 0.9])
    (problem,) = problems(frame)
    assert problem.paste[0].otherwise == "percent"
    assert data(frame, **pasted(frame))["improvement_score"].tolist()[1] == 45
    confirmed = data(frame, units={"improvement_score": "percent"})
    assert confirmed["improvement_score"].tolist()[1] == 0.45


def test_one_fraction_among_whole_percentages_is_asked_about_by_row():
    frame = sheet(improvement_score=[10, 0.45, 30, 20, 50, 70, 33, 90])
    (problem,) = problems(frame)
    assert (problem.row, problem.value) == (3, "0.45")


@pytest.mark.parametrize("code", [-99, 999, -9, 99])
def test_a_repeated_code_is_asked_about_and_may_be_a_value(code):
    column = "improvement_score" if code < 0 else "weeks"
    values = [10, code, 30, 20, code, 37, 33, 29]
    frame = sheet(**{column: values})
    asked = pasted(frame)
    assert asked == {"missing": {column: [str(code)]}}
    cohort = mn.load(frame, study=asked)
    assert cohort.data[column].isna().sum() == 2
    assert f"{column}: 2 cells taken as not known, as the study file says" in cohort.notes
    if code < 0:
        assert data(frame, missing={column: []})[column].min() == code


@pytest.mark.parametrize("missing", [["k.A."], {"improvement_score": ["k.A."]}])
def test_a_code_is_asked_about_beside_what_is_declared(missing):
    frame = sheet(improvement_score=[10, -99, "k.A.", 20, -99, 37, "gut", 29])
    said = {"missing": missing, "levels": {"improvement_score": {"gut": 60}}}
    asked = pasted(frame, **said)
    both = ["k.A.", "-99"]  # in place of what is declared: no second key of that name can stand
    assert asked["missing"] == (both if isinstance(missing, list) else {"improvement_score": both})
    assert data(frame, **said | asked)["improvement_score"].isna().sum() == 3
    value = said | {"levels": {"improvement_score": {"gut": 60, "-99": -99}}}
    assert data(frame, **value)["improvement_score"].min() == -99


def test_a_value_among_others_is_no_code():
    assert not problems(sheet(improvement_score=[-9, -9, -5, -12, 3, 8, 10, 12]))


def test_ids_that_may_be_the_same_patients():
    frame = sheet(patient_id=["P001", "p001", "P1", "P002", "P3", "P4", "P5", "P6"])
    (problem,) = problems(frame)
    assert problem.paste[0].key == "ids"
    assert "P001" not in str(mn.validate(frame))
    frame["weeks"] = range(8)
    cohort = mn.load(frame, study={"ids": "ignore capitals and leading zeros"})
    assert cohort.data["patient_id"].nunique() == 6
    assert mn.load(frame, study={"ids": "as written"}).data["patient_id"].nunique() == 8


def test_a_visit_before_the_first_session_is_week_zero_once_said():
    frame = sheet(weeks=[-2] * 4 + [4] * 4)
    assert pasted(frame) == {"levels": {"weeks": {"-2": 0}}}
    assert data(frame, **pasted(frame))["weeks"].min() == 0


# Marks of decimals and of thousands


def test_a_point_before_three_digits_is_asked_about_where_it_may_part_thousands():
    frame = sheet(scar_depth_um=["1.500"] * 4 + ["980"] * 4)
    assert pasted(frame) == {"decimal": ","}
    assert data(frame, decimal=",")["scar_depth_um"].max() == 1500
    assert data(frame, decimal=".")["scar_depth_um"].min() == 1.5
    assert not problems(sheet(needle_depth_mm=["1.500"] * 8))  # 1500 mm is no depth
    assert not problems(sheet(scar_depth_um=["1.500", "0.750"] * 4))
    assert not problems(sheet(scar_depth_um=[1.125] * 8))  # a number of the file, not a text


def test_a_point_in_micrometres_of_a_needle_is_asked_about():
    frame = sheet(needle_depth_mm=["1.500", "500"] * 4)
    assert pasted(frame, units={"needle_depth_mm": "um"}) == {"decimal": ","}


@pytest.mark.parametrize(
    ("cell", "mark"), [("1.250,5", ","), ("1,250.5", "."), ("1 250,5", ","), ("1\u202f250,5", ",")]
)
def test_a_number_with_both_marks_says_which_is_which(cell, mark):
    frame = sheet(scar_depth_um=[cell] * 4 + ["900"] * 4)
    assert pasted(frame) == {"decimal": mark}
    assert data(frame, decimal=mark)["scar_depth_um"].max() == 1250.5


def test_a_number_of_its_own_is_given_no_unit():
    assert "units" not in pasted(sheet(session_count=["3.4"] + ["3"] * 7))


def test_a_number_larger_than_any_whole_one_is_refused():
    (problem,) = problems(sheet(session_count=["9" * 20] + ["3"] * 7))
    assert problem.rule == "a whole number"


def test_ages_are_read_with_their_unit_in_the_cell():
    frame = sheet(age_band=["34 años", "20 yaş", "41", "17 J.", "65 yrs", "", "25", "44 ans"])
    found = data(frame, units={"age_band": "in the cells"}, missing={"age_band": ["17 J."]})
    ages = found["age_band"].astype("str").tolist()
    assert ages[:3] == ["25-34", "18-24", "35-44"]
    assert ages[4:] == ["65 and over", np.nan, "25-34", "35-44"]
    coded = data(frame.assign(age_band=["-9"] + ["34"] * 7), units={"age_band": "years"},
                 missing={"age_band": ["-9"]})  # fmt: skip
    assert coded["age_band"].isna().sum() == 1


def test_no_line_gives_a_word_a_meaning_that_its_column_leaves_open():
    assert pasted(sheet(sex=["M", "H"] * 4))["levels"]["sex"] == {"H": "male"}
    assert pasted(sheet(sex=["M", "F"] * 4))["levels"]["sex"] == {"M": "male", "F": "female"}


# Codes and classes that look like values


def test_one_code_that_is_no_value_of_any_scale_is_asked_about():
    frame = sheet(improvement_score=[10, 20, 30, -99, 25, 37, 33, 29])
    assert pasted(frame) == {"missing": {"improvement_score": ["-99"]}}
    assert not problems(sheet(improvement_score=[10, 20, 30, 99, 25, 37, 33, 29]))  # nearly clear


def test_all_codes_of_a_column_are_asked_about_at_once():
    frame = sheet(improvement_score=[10, -99, -99, -999, -999, 37, 33, 29])
    assert pasted(frame) == {"missing": {"improvement_score": ["-99", "-999"]}}


def test_a_code_among_scores_of_a_scale_without_limits_is_asked_about():
    frame = sheet(scale="ECCA", scale_score=[80, 70, -99, 60, 50, -99, 40, 90])
    assert pasted(frame) == {"missing": {"scale_score": ["-99"]}}


def test_improvements_that_may_be_quarters_are_asked_about():
    frame = sheet(improvement_score=[1, 2, 3, 4] * 2)
    (problem,) = problems(frame)
    assert problem.rule == "in percent: all values are whole numbers up to 4"
    assert not problems(frame, units={"improvement_score": "percent"})
    quarters = {"1": "0 to 25", "2": "25 to 50", "3": "50 to 75", "4": "75 to 100"}
    found = data(frame, levels={"improvement_score": quarters})
    assert found["improvement_low"].tolist() == [0, 25, 50, 75] * 2
    assert not problems(sheet(improvement_score=[1, 2, 3, 4, 5, 6, 7, 8]))


def test_a_unit_of_two_languages_is_none():
    frame = sheet(weeks=["1 J.", "6 Mon"] * 4)
    assert {p.value for p in problems(frame, units={"weeks": "in the cells"})} == {"1 J."}


def test_a_number_that_no_measure_has_is_refused_and_never_infinite():
    assert {p.value for p in problems(sheet(improvement_score=["-1e308"] + ["3"] * 7))} == {
        "-1e308"
    }


def test_a_limit_is_never_read_as_a_value():
    frame = sheet(
        improvement_score=["<25%", ">75%", "40 %", "50 %", "≥ 60 %", "30 %", "20 %", "9 %"]
    )
    found = mn.validate(frame, study={"units": {"improvement_score": "in the cells"}})
    assert {p.value for p in found.problems} == {"<25%", ">75%", "≥ 60 %"}
    ranges = pasted(frame)["levels"]["improvement_score"]
    assert ranges == {"<25%": "0 to 25", ">75%": "75 to 100", "≥ 60 %": "60 to 100"}
