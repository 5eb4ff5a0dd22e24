"""Table 1 and missing cells: tableone's numbers, exact small counts, and what must not matter."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.describe.table_one import missingness, table_one
from mnstudy.reporting.tables.baseline import baseline_table

# tableone 0.9.6 on demo_clinic, one row a patient or a site, groupby="treatment", overall=True:
# TableOne(patients, categorical=["sex", "age_band", "phototype"])
# TableOne(sites, ["scar_type", "baseline_severity", "sessions", "depth"], nonnormal=[...])
TABLEONE_COUNTS = [
    ("sex", "female", "all", 269, 67.2),
    ("age_band", "under 18", "all", 15, 3.8),
    ("phototype", "III", "all", 123, 30.8),
    ("scar_type", "acne rolling", "all", 67, 15.0),
    ("scar_type", "acne boxcar", "laser", 6, 13.6),
    ("scar_type", "skin laxity", "rf needling", 5, 12.8),
    ("scar_type", "wrinkles", "untreated", 5, 6.0),
    ("baseline_severity", "2", "needling", 103, 42.2),
    ("baseline_severity", "4", "laser", 12, 27.3),
]
TABLEONE_MEDIANS = [
    ("session_count", "all", 3, 1, 4),
    ("session_count", "peel", 3.5, 2.75, 4),
    ("needle_depth_mm", "all", 0.9, 0.6, 1.4),
    ("needle_depth_mm", "rf needling", 1.3, 1.1, 1.7),
]


@pytest.fixture(scope="module")
def clinic():
    return mn.load("demo_clinic")


@pytest.fixture(scope="module")
def by_treatment(clinic):
    return table_one(clinic, by="treatment")


def row(table, measure, level, arm="all"):
    found = table[table["measure"].eq(measure) & table["level"].eq(level) & table["arm"].eq(arm)]
    assert len(found) == 1, (measure, level, arm)
    return found.iloc[0]


def sheet(n=12, **columns):
    rows = {
        "patient_id": [f"P{i:03}" for i in range(n)],
        "scar_type": "burn",
        "needle_depth_mm": 1.0,
        "session_count": 3,
        "improvement_score": 20.0,
        **columns,
    }
    return pd.DataFrame(rows, index=range(n))


def real(data):
    return mn.load(data, study={"design": "single_arm"})


# The numbers


@pytest.mark.parametrize(("measure", "level", "arm", "n", "percent"), TABLEONE_COUNTS)
def test_counts_as_tableone(by_treatment, measure, level, arm, n, percent):
    found = row(by_treatment, measure, level, arm)
    assert found["n"] == n
    assert round(100 * found["share"], 1) == pytest.approx(percent, abs=0.1)


@pytest.mark.parametrize(("measure", "arm", "median", "q1", "q3"), TABLEONE_MEDIANS)
def test_medians_as_tableone(by_treatment, measure, arm, median, q1, q3):
    found = row(by_treatment, measure, "median (quartiles)", arm)
    assert found[["median", "q1", "q3"]].tolist() == pytest.approx([median, q1, q3])


def test_levels_add_up_to_the_whole_with_what_is_not_known(by_treatment):
    for _, table in by_treatment.groupby(["unit", "measure"], sort=False):
        total = table.groupby("arm")["n"].sum()
        enrolled = by_treatment[
            by_treatment["unit"].eq(table["unit"].iloc[0]) & by_treatment["level"].eq("enrolled")
        ]
        assert total.eq(enrolled.set_index("arm")["n"].reindex(total.index)).all()


def test_a_patient_with_two_arms_counts_in_both_and_once_in_all():
    table = table_one(mn.load("demo_split_face"))
    enrolled = table[table["measure"].eq("patients")].set_index("arm")["n"]
    assert enrolled.to_dict() == {"all": 40, "needling": 40, "needling with prp": 40}


def test_the_earliest_known_value_counts_and_what_is_missing_is_said():
    data = sheet(20, sex=["female"] * 14 + [None] * 6)
    later = data.assign(session_count=4, sex="male")
    table = table_one(real(pd.concat([later, data], ignore_index=True)))
    assert row(table, "sex", "female")["n"] == 14
    assert row(table, "sex", "male")["n"] == 6
    assert row(table, "session_count", "median (quartiles)")["median"] == 4


def test_depth_of_nought_before_treatment_is_no_depth():
    data = sheet(10, needle_depth_mm=[np.nan] * 5 + [1.2] * 5)
    before = data.assign(session_count=0, needle_depth_mm=0.0, improvement_score=0.0)
    table = table_one(real(pd.concat([before, data], ignore_index=True)))
    assert row(table, "needle_depth_mm", "not known")["n"] == 5
    assert row(table, "needle_depth_mm", "median (quartiles)")["median"] == 1.2


def test_no_p_value_and_an_unknown_split_is_refused(clinic, by_treatment):
    assert not [c for c in by_treatment if c.startswith("p")]
    with pytest.raises(ValueError, match="no column 'scar': did you mean scar_type"):
        table_one(clinic, by="scar")
    with pytest.raises(ValueError, match="'patient_id' has 400 different values"):
        table_one(clinic, by="patient_id")


@pytest.mark.parametrize("by", ["scar_type", "sex", "clinic_id", "baseline_severity", "setting"])
def test_groups_by_any_column_of_few_values(clinic, by):
    """Against pandas: the earliest known value of each site."""
    data = clinic.data[clinic.data[by].notna()].sort_values(["weeks", "session_count"])
    first = data.drop_duplicates(["patient_id", "site_id"])
    known = first[by].astype("str").str.replace("_", " ").value_counts()
    if len(known) > 15:
        with pytest.raises(ValueError, match="different values"):
            table_one(clinic, by=by)
        return
    table = table_one(clinic, by=by)
    sites = table[table["measure"].eq("sites") & table["arm"].ne("all")].set_index("arm")["n"]
    assert sites.sort_index().to_dict() == known.sort_index().to_dict()
    assert by not in set(table["measure"])
    pd.testing.assert_frame_equal(
        table[table["arm"].eq("all") & table["measure"].eq("session_count")].reset_index(drop=True),
        table_one(clinic)
        .query("arm == 'all' and measure == 'session_count'")
        .reset_index(drop=True),
    )


def test_the_order_of_rows_does_not_matter(clinic):
    shuffled = clinic.data.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        table_one(clinic), table_one(replace(clinic, data=shuffled)), check_exact=True
    )


def test_small_counts_of_real_people_are_exact():
    cohort = real(sheet(30, sex=["female"] * 27 + ["male"] * 3))
    assert row(table_one(cohort), "sex", "male")[["n", "shown"]].tolist() == [3, "3 (10\xa0%)"]
    printed = {r.cells[0]: r.cells[1] for r in baseline_table(cohort).rows}
    assert printed["male"] == "3 (10\xa0%)"


# What is missing


def test_missing_cells_are_counted_by_assessment_and_site():
    data = sheet(20, improvement_score=[20.0] * 12 + [np.nan] * 8)
    data = pd.concat([data, data.assign(session_count=4, improvement_score=30.0)])
    table = missingness(real(data.reset_index(drop=True))).set_index("column")
    assert table.loc["improvement_score", ["missing", "share", "sites"]].tolist() == [8, 0.2, 0]
    assert table.loc["scar_type", "missing"] == 0
