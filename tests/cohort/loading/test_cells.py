"""Cells as they stand in sheets of clinics, in five languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.cohort.loading.cells import about, classes_of, grade_of, number_with_unit, range_of

MONTH = 365.25 / 12 / 7


@pytest.mark.parametrize(
    ("cell", "unit", "value"),
    [
        ("1,5 mm", "mm", 1.5),
        ("1500 µm", "mm", 1.5),
        ("1500 μm", "mm", 1.5),
        ("1500um", "mm", 1.5),
        ("0.05cm", "mm", 0.5),
        ("1,5mm.", "mm", 1.5),
        ("420 µm", "micrometres", 420),
        ("0,4 mm", "micrometres", 400),
        ("4x", "sessions", 4),
        ("x4", "sessions", 4),
        ("4 ×", "sessions", 4),
        ("4 mal", "sessions", 4),
        ("4 Sitzungen", "sessions", 4),
        ("4 kez", "sessions", 4),
        ("45 %", "percent", 45),
        ("%45", "percent", 45),
        ("% 45", "percent", 45),
        ("-10%", "percent", -10),
        ("−10 %", "percent", -10),
        ("45 Prozent", "percent", 45),
        ("1 month", "weeks", MONTH),
        ("3 Monate", "weeks", 3 * MONTH),
        ("6 Wochen", "weeks", 6),
        ("4 wks", "weeks", 4),
        ("28 days", "weeks", 4),
        ("6 hafta", "weeks", 6),
        ("2 ans", "years", 2),
        ("7/10", "points of 10", 7),
        ("7 von 10", "points of 10", 7),
        ("1,5", "mm", 1.5),
        ("3", "grades", 3),
    ],
)
def test_a_number_is_read_with_its_unit(cell, unit, value):
    assert number_with_unit(cell, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("1.0-1.5 mm", "mm"),
        ("3 (4 planned)", "sessions"),
        ("1,5 kg", "mm"),
        ("45 %", "mm"),
        ("mm", "mm"),
        ("", "mm"),
        ("k.A.", "percent"),
        ("Rötung 2 Tage", "days"),
        (">75", "percent"),
    ],
)
def test_what_is_not_one_number_with_a_known_unit_is_not_read(cell, unit):
    assert number_with_unit(cell, unit) is None


@given(st.integers(-99, 100), st.sampled_from(["{} %", "%{}", "{}", "{}%", "{} percent"]))
def test_the_place_of_a_percent_sign_changes_no_number(number, written):
    assert number_with_unit(written.format(number), "percent") == number


@pytest.mark.parametrize(
    ("cell", "ends"),
    [
        (">75", (75, 100)),
        ("≥75 %", (75, 100)),
        (">=75%", (75, 100)),
        ("> 75", (75, 100)),
        ("more than 75 %", (75, 100)),
        ("über 75 %", (75, 100)),
        ("más de 75", (75, 100)),
        ("plus de 75 %", (75, 100)),
        ("<25 %", (0, 25)),
        ("< 25", (0, 25)),
        ("weniger als 25", (0, 25)),
        ("25-49 %", (25, 49)),
        ("50–75", (50, 75)),
        ("%25-50", (25, 50)),
        ("25%-50%", (25, 50)),
        ("25 to 50", (25, 50)),
        ("25 bis 50 %", (25, 50)),
        ("25 à 50", (25, 50)),
    ],
)
def test_a_class_of_improvement_is_read(cell, ends):
    assert range_of(cell) == ends


@pytest.mark.parametrize(
    "cell", ["45", "45 %", "50-25", "75-120", "ca. 50", "-10", "GB 2-3", "1/2"]
)
def test_what_is_no_class_is_not_read(cell):
    assert range_of(cell) is None


def test_classes_of_a_column_meet():
    german = classes_of(["<25 %", "25-49 %", "50-74 %", ">=75 %", "k.A."])
    assert list(german.values()) == [(0, 25), (25, 50), (50, 75), (75, 100)]
    round_ends = classes_of(["1-25", "26-50", "51-75", "76-100"])
    assert list(round_ends.values()) == [(0, 25), (25, 50), (50, 75), (75, 100)]
    assert classes_of(["25-49"]) == {"25-49": (25, 49)}


@pytest.mark.parametrize(
    "cell",
    [
        "ca. 50%",
        "ca.50",
        "~50",
        "≈ 50 %",
        "etwa 50",
        "yakl. 50",
        "env. 50 %",
        "aprox. 50",
        "50 ca.",
    ],
)
def test_an_estimate_is_read_as_one(cell):
    assert about(cell) == 50


@pytest.mark.parametrize("cell", ["50", "50 %", "ca. 50-75", "ca.", "fast gut 50"])
def test_a_plain_number_is_no_estimate(cell):
    assert about(cell) is None


@pytest.mark.parametrize(
    ("cell", "grade"),
    [
        ("Gr. III", 3), ("GB 4", 4), ("Grad 2", 2), ("grado 3", 3), ("III", 3), ("evre 2", 2),
        ("3", 3), ("Gr3", 3), ("stade IV", 4), ("Fitzpatrick V", 5), ("Typ II", 2),
        ("GB 2-3", None), ("II-III", None), ("2/3", None), ("schwer", None), ("", None),
        ("9", None),
    ],
)  # fmt: skip
def test_a_grade_is_read(cell, grade):
    assert grade_of(cell) == grade
