"""What a sheet must hold, and what is said when it does not."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.schema.columns import columns


def problems(frame, **study):
    return mn.validate(frame, study=study or None).to_frame()


def only(found):
    assert len(found) == 1, found.to_string()
    return found.iloc[0]


def test_a_good_sheet_has_no_problem(sheet):
    report = mn.validate(sheet)
    assert report.ok, report
    cohort = mn.load(sheet)
    assert len(cohort.data) == len(sheet)
    assert cohort.sites()["improvement_score"].tolist() == [20, 35, 40, 55, 30, 45]


def test_a_sheet_without_rows_says_so(sheet):
    assert only(problems(sheet.head(0)))["rule"] == "at least one row of data"


def test_the_sheet_is_not_changed(sheet):
    before = sheet.copy()
    mn.load(sheet)
    pd.testing.assert_frame_equal(sheet, before)


@pytest.mark.parametrize("column", [c.name for c in columns().values() if c.core])
def test_every_core_column_must_be_there(sheet, column):
    found = only(problems(sheet.drop(columns=column)))
    assert found["column"] == column
    assert pd.isna(found["row"])
    assert found["rule"] == "a core column"
    assert "study.toml" in found["remedy"]


def test_missing_values_are_kept_and_counted(sheet):
    sheet["improvement_score"] = sheet["improvement_score"].astype("float64")
    sheet.loc[1, "improvement_score"] = np.nan
    cohort = mn.load(sheet)
    assert len(cohort.data) == 12
    assert cohort.sites()["improvement_score"].isna().sum() == 1
    finding = mn.evaluate(cohort, "reduces-scarring")[0]
    assert (finding.n_patients, finding.n_missing) == (5, 1)


def test_a_missing_patient_id_is_named(sheet):
    sheet.loc[3, "patient_id"] = None
    found = problems(sheet)
    assert (found["rule"] == "never empty").sum() == 1
    assert found.loc[found["rule"] == "never empty", "row"].item() == 5


def test_a_wrong_level_offers_the_nearest(sheet):
    sheet.loc[0, "scar_type"] = "acne_roling"
    found = only(problems(sheet))
    assert found["row"] == 2
    assert found["value"] == "acne_roling"
    assert "did you mean acne_rolling?" in found["remedy"]


def test_own_words_for_levels(sheet):
    sheet["scar_type"] = "roll."
    assert len(problems(sheet)) == len(sheet)
    assert problems(sheet, levels={"scar_type": {"roll.": "acne_rolling"}}).empty


def test_own_names_for_columns(sheet):
    sheet = sheet.rename(columns={"patient_id": "Pat.-Nr."})
    assert problems(sheet, columns={"Pat.-Nr.": "patient_id"}).empty


def test_micrometres_in_a_millimetre_column(sheet):
    sheet.loc[4, "needle_depth_mm"] = 1500
    found = only(problems(sheet))
    assert found["row"] == 6
    assert found["value"] == "1500"
    assert "micrometres" in found["remedy"]
    assert "1.5" in found["remedy"]


def test_declared_units_are_converted(sheet):
    sheet["needle_depth_mm"] = 1500
    cohort = mn.load(sheet, study={"units": {"needle_depth_mm": "um"}})
    assert (cohort.data["needle_depth_mm"] == 1.5).all()


def test_decimal_commas_are_read(sheet):
    sheet["needle_depth_mm"] = "1,5"
    assert (mn.load(sheet).data["needle_depth_mm"] == 1.5).all()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("improvement_score", 140, "at most 100"),
        ("session_count", "three", "a whole number"),
        ("session_count", 2.5, "a whole number"),
        ("session_count", "-", "a whole number"),
        ("needle_depth_mm", "deep", "a number"),
        ("needle_depth_mm", "inf", "a number"),
    ],
)
def test_cells_that_cannot_be_read(sheet, column, value, rule):
    sheet[column] = sheet[column].astype(object)
    sheet.loc[7, column] = value
    found = only(problems(sheet))
    assert found["row"] == 9
    assert found["column"] == column
    assert rule in found["rule"]


def test_a_duplicate_visit_names_the_first(sheet):
    again = pd.concat([sheet, sheet.iloc[[3]]], ignore_index=True)
    found = only(problems(again))
    assert found["row"] == 14
    assert found["rule"] == "one row per visit"
    assert "row 5" in found["remedy"]


def test_sessions_never_fall_with_time(sheet):
    sheet["weeks"] = [0, 12] * 6
    sheet.loc[[0, 1], "weeks"] = [12, 0]
    found = problems(sheet)
    assert "never falls with time" in set(found["rule"])


def test_one_treatment_a_site(sheet):
    sheet["treatment"] = "needling"
    sheet.loc[1, "treatment"] = "rf_needling"
    assert only(problems(sheet))["rule"] == "one treatment per site"


def test_depth_only_where_needled(sheet):
    sheet["treatment"] = "laser"
    found = problems(sheet)
    assert len(found) == len(sheet)
    assert set(found["rule"]) == {"0 or empty for laser"}


def test_baseline_improvement_is_zero(sheet):
    sheet.loc[0, "improvement_score"] = 10
    assert only(problems(sheet))["rule"] == "0 at baseline"


def test_an_untreated_site_may_change_without_sessions(sheet):
    sheet = sheet.assign(treatment="untreated", needle_depth_mm=0.0, session_count=0)
    sheet["weeks"] = [0, 12] * 6
    cohort = mn.load(sheet)
    assert cohort.sites()["improvement_score"].tolist() == [20, 35, 40, 55, 30, 45]


def test_an_interval_must_hold_its_score(sheet):
    sheet["improvement_low"] = [0, 50] * 6
    sheet["improvement_high"] = [0, 75] * 6
    assert set(problems(sheet)["row"]) == {3, 5, 7, 11, 13}


@pytest.mark.parametrize(
    "person",
    ["Anna Schmidt", "Schmidt, Anna", "Mueller", "a.b@mail.org", "03.05.1986", "+49 170 1234567"],
)
def test_ids_of_persons_are_refused_and_not_repeated(sheet, person):
    sheet["patient_id"] = sheet["patient_id"].replace("P001", person)
    report = mn.validate(sheet)
    assert [k.rows for k in report.kinds] == [(2, 3)]
    assert "pseudonym" in report.problems[0].rule
    assert person not in str(report)


@pytest.mark.parametrize("pseudonym", ["P001", "17", "A-03", "asif2016-mn-001", "XKCD", "pat_9"])
def test_pseudonyms_pass(sheet, pseudonym):
    sheet["patient_id"] = sheet["patient_id"].replace("P001", pseudonym)
    assert mn.validate(sheet).ok


@pytest.mark.parametrize("header", ["Name", "Geb.", "date_of_birth", "E-Mail", "Vorname"])
def test_columns_that_identify_are_refused(sheet, header):
    sheet[header] = "x"
    assert only(problems(sheet))["column"] == header


def test_all_problems_at_once(sheet):
    sheet = sheet.astype(object)
    sheet.loc[0, "scar_type"] = "moon"
    sheet.loc[1, "needle_depth_mm"] = 1500
    sheet.loc[3, "improvement_score"] = 140
    with pytest.raises(mn.DataError) as error:
        mn.load(sheet)
    assert len(error.value.report.problems) == 3
    assert [p.row for p in error.value.report.problems] == [2, 3, 5]


def test_extra_columns_are_kept(sheet):
    sheet["ward"] = "north"
    assert (mn.load(sheet).data["ward"] == "north").all()


def test_order_of_rows_does_not_matter(sheet):
    a = mn.load(sheet).sites()
    b = mn.load(sheet.sample(frac=1, random_state=1)).sites()
    pd.testing.assert_frame_equal(a, b)


def test_the_dictionary_lists_every_column():
    table = mn.dictionary()
    assert set(table["name"]) == set(columns())
    assert table["meaning"].str.len().min() > 10


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ({"design": "cohort"}, "one of single_arm"),
        ({"desing": "parallel"}, "a known key"),
        ({"randomised": "yes"}, "true or false"),
        ({"plan": {"confidence_level": 95}}, "between 0.5 and 1"),
        ({"plan": {"margins": {"more-sessions": "2"}}}, "claim id = number"),
        ({"limits": [{"says": "x"}]}, "scope and says"),
    ],
)
def test_study_files_are_checked(sheet, study, words):
    with pytest.raises(mn.DataError, match=words):
        mn.load(sheet, study=study)


def test_a_treated_site_without_a_name_is_told_not_dropped(sheet):
    sheet = sheet.assign(site_id="left")
    sheet.loc[[2, 5], "site_id"] = None
    report = mn.validate(sheet)
    assert [(p.row, p.column) for p in report.problems] == [(4, "site_id"), (7, "site_id")]
    assert "leave the whole column out" in report.problems[0].remedy


def test_an_empty_column_of_sites_is_one_site_a_patient(sheet):
    cohort = mn.load(sheet.assign(site_id=None))
    assert len(cohort.sites()) == 6
    assert "no site_id column: one treated site per patient is assumed" in cohort.notes
