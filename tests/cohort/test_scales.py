"""Scales: what the registry must say of each, and how raw scores become improvement."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy.cohort.loading.scale_scores import percent_of_baseline
from mnstudy.cohort.scales import nearest, raw_scale, registry, scale_of, scales
from mnstudy.cohort.table import about

REQUIRED = [
    "Goodman-Baron qualitative", "Goodman-Baron quantitative", "ECCA", "POSAS 2.0 patient",
    "POSAS 2.0 observer", "VSS", "mVSS", "SCAR-S", "quartile improvement", "GAIS", "VAS",
]  # fmt: skip


def raw(scale, *courses, **more):
    """One patient a course: scores at baseline and after each further session."""
    rows = [
        {
            "patient_id": f"P{i + 1:03}",
            "scar_type": "acne_rolling",
            "needle_depth_mm": 1.5,
            "session_count": k,
            "improvement_score": np.nan,
            "scale": scale,
            "scale_score": score,
        }
        for i, course in enumerate(courses)
        for k, score in enumerate(course)
    ]
    return pd.DataFrame(rows).assign(**more)


def improvement(frame, column="improvement_score"):
    """What later assessments hold."""
    data = mn.load(frame).data
    return data.loc[data["session_count"] > 0, column].tolist()


def note(frame, word):
    found = [n for n in mn.load(frame).notes if word in n]
    assert len(found) == 1, mn.load(frame).notes
    return found[0]


# the registry


@pytest.mark.parametrize("name", REQUIRED)
def test_the_scales_of_the_field_are_there(name):
    assert name in scales().index


@pytest.mark.parametrize("scale", registry().values(), ids=lambda s: s.name)
def test_every_entry_is_complete(scale):
    words = (scale.type, scale.rule, scale.reason, scale.source, *scale.items, *scale.aliases)
    assert all(w.strip() for w in words)
    assert scale.items
    assert scale.aliases
    assert scale.low <= scale.best <= scale.high
    assert scale.best == (scale.low if scale.better == "lower" else scale.high)
    assert scale.better in ("lower", "higher")
    assert scale.status in ("seen", "unverified")
    assert scale.type in (
        "ordinal grades", "count", "sum of items", "continuous", "improvement classes",
    )  # fmt: skip
    assert scale.rule in ("percent of baseline", "grade change", "classes", "none")
    assert bool(scale.classes) == (scale.rule == "classes")
    if scale.mid is not None:
        mid = scale.mid
        assert all((mid.value, mid.unit, mid.population, mid.source))


def test_no_two_scales_share_a_way_of_writing():
    for scale in registry().values():
        assert {scale_of(w) for w in (scale.name, *scale.aliases)} == {scale}


def test_a_grade_is_never_a_percentage():
    table = scales()
    ordinal = table["type"].isin(["ordinal grades", "improvement classes"])
    assert not (ordinal & table["rule"].eq("percent of baseline")).any()


def test_the_table_says_none_known_or_names_population_and_source():
    table = scales()
    known = table["mid"].ne("none known")
    assert known.any()
    assert table.loc[known, ["mid_population", "mid_source"]].ne("").all(axis=None)
    assert table.loc[~known, ["mid_population", "mid_source"]].eq("").all(axis=None)
    assert table.loc["ECCA", "status"] == "unverified"
    assert table.loc["POSAS 2.0 patient", "status"] == "seen"


@pytest.mark.parametrize("word", ["ECCA", " ecca ", "E-C-C-A", "ECCA score"])
def test_case_spaces_and_dashes_do_not_count(word):
    assert scale_of(word) is registry()["ECCA"]


@pytest.mark.parametrize("word", ["SCARS", "scars", "VAS pain", "VAS satisfaction", "POSAS", ""])
def test_other_instruments_and_unclear_names_are_not_guessed(word):
    assert scale_of(word) is None


def test_nearest_names():
    assert "ECCA" in nearest(["ECA"])
    assert nearest(["zzzzzz"]) == []


# the rules, by numbers worked out by hand


@pytest.mark.parametrize(
    ("scale", "before", "after", "expected"),
    [
        ("ECCA", 120, 90, 25.0),  # 30 of 120
        ("ECCA", 120, 0, 100.0),
        ("ECCA", 100, 130, -30.0),
        ("Goodman-Baron quantitative", 16, 12, 25.0),
        ("POSAS 2.0 patient", 26, 16, 50.0),  # 10 of the 20 above 6, not 10 of 26
        ("POSAS 2.0 observer", 30, 6, 100.0),
        ("POSAS patient item", 5, 3, 50.0),  # 2 of the 4 above 1
        ("VSS", 8, 6, 25.0),
        ("mVSS", 15, 12, 20.0),
        ("SCAR-S", 10, 8, 20.0),
        ("VAS", 8, 2, 75.0),
        ("VAS 100 mm", 80, 20, 75.0),
    ],
)
def test_percent_of_baseline(scale, before, after, expected):
    assert improvement(raw(scale, [before, after])) == [expected]


def test_grades_fill_the_grade_change_and_no_percentage():
    frame = raw("Goodman and Baron", [4, 3, 1], [2, 3])
    assert improvement(frame, "grade_change") == [1.0, 3.0, -1.0]
    assert np.isnan(improvement(frame)).all()
    assert "filled for 3 assessments" in note(frame, "Goodman-Baron qualitative")


def test_quartiles_fill_the_interval_and_its_middle():
    frame = raw("quartile", [np.nan, 0, 1, 2, 3, 4])
    assert improvement(frame, "improvement_low") == [0, 0, 25, 50, 75]
    assert improvement(frame, "improvement_high") == [0, 25, 50, 75, 100]
    assert improvement(frame) == [0, 12.5, 37.5, 62.5, 87.5]


def test_a_quartile_between_two_classes_is_counted():
    frame = raw("quartile", [np.nan, 2.5, 3])
    assert improvement(frame)[1] == 62.5
    assert np.isnan(improvement(frame)[0])
    assert "1 between two classes" in note(frame, "quartile")


def test_judgements_of_change_are_kept_as_they_are():
    frame = raw("GAIS", [np.nan, 2, 1])
    assert np.isnan(improvement(frame)).all()
    assert improvement(frame, "scale_score") == [2, 1]
    assert "scores of 2 assessments kept, not converted" in note(frame, "GAIS")


def test_the_rule_is_stated():
    said = note(raw("POSAS 2.0 patient", [26, 16], [36, 21]), "POSAS")
    assert "100 × (baseline - now) / (baseline - 6)" in said
    assert "filled for 2 assessments" in said
    assert "not verified" not in said
    assert "not verified" in note(raw("ECCA", [120, 90]), "ECCA")


# what cannot be converted


def test_baseline_rows_stay_as_they_are():
    data = mn.load(raw("ECCA", [120, 90])).data
    assert np.isnan(data.loc[data["session_count"] == 0, "improvement_score"]).all()


def test_without_a_baseline_score():
    frame = raw("ECCA", [120, 90], [np.nan, 80])
    assert improvement(frame)[0] == 25
    assert np.isnan(improvement(frame)[1])
    assert "not converted: 1 assessment (1 without a baseline score)" in note(frame, "ECCA")


def test_a_baseline_that_is_already_the_best_score():
    frame = raw("POSAS 2.0 patient", [6, 6], [6, 9], [26, 16])
    assert np.isnan(improvement(frame)[:2]).all()
    assert "(2 with the best score already at baseline)" in note(frame, "POSAS")


def test_a_worsening_of_more_than_a_hundred_percent_is_a_result():
    frame = raw("ECCA", [40, 80], [40, 81], [40, 120])
    assert list(improvement(frame)[:3]) == [-100, -102.5, -200]
    assert "left empty" not in note(frame, "ECCA")


def test_an_improvement_of_exactly_a_threshold_reaches_it():
    """2.7 of 3.0 is 9.999999999999995 percent in floating point."""
    sheet = raw("ECCA", [30, 27]).assign(improvement_score=[0, (1 - 2.7 / 3.0) * 100])
    typed = mn.load(sheet.drop(columns=["scale", "scale_score"])).data["improvement_score"]
    assert typed.tolist() == [0, 10]
    short = sheet.assign(improvement_score=np.array([0, 33.3], dtype="float32"))
    read = mn.load(short.drop(columns=["scale", "scale_score"])).data["improvement_score"]
    assert read.tolist() == [0, 33.3]


def test_several_scales_in_one_site():
    frame = raw("ECCA", [120, 90, 5])
    frame["scale"] = ["ECCA", "ECCA", "VSS"]
    assert improvement(frame)[0] == 25
    assert np.isnan(improvement(frame)[1])
    assert "(1 with a baseline score on another scale only)" in note(frame, "VSS")


def test_baselines_that_differ():
    frame = raw("ECCA", [120, 100, 90], session_count=[0, 0, 3])
    frame["weeks_since_last_session"] = [np.nan, 0, 4]
    assert np.isnan(improvement(frame)).all()
    assert "(1 with several baseline scores that differ)" in note(frame, "ECCA")
    frame["scale_score"] = [120, 120, 90]
    assert improvement(frame) == [25]


def test_sites_have_their_own_baseline():
    frame = raw("ECCA", [120, 90], [60, 30], patient_id="P001")
    frame["site_id"] = ["left", "left", "right", "right"]
    assert improvement(frame) == [25, 50]


def test_an_unknown_scale_is_kept_and_its_word_not_repeated():
    frame = raw("Eca of Ms Muster", [120, 90], [100, 90])
    frame.loc[:1, "scale"] = "ECA"
    assert mn.validate(frame).ok
    assert np.isnan(improvement(frame)).all()
    said = note(frame, "scale not known")
    assert "4 assessments" in said
    assert "nearest names: ECCA" in said
    assert "Muster" not in " ".join(mn.load(frame).notes)


def test_a_score_without_a_scale():
    frame = raw("ECCA", [120, 90])
    frame.loc[1, "scale"] = None
    assert "1 assessment" in note(frame, "without a scale")


def test_own_words_for_a_scale():
    frame = raw("Narbenskala", [120, 90])
    cohort = mn.load(frame, study={"levels": {"scale": {"narbenskala": "ECCA"}}})
    assert cohort.data["improvement_score"].tolist()[1] == 25


# what stands in the sheet comes first


def test_nothing_typed_is_overwritten():
    frame = raw(
        "ECCA", [120, 90], [120, 90], [120, 90], improvement_score=[0, 40, 0, 25.6, 0, None]
    )
    assert improvement(frame) == [40, 25.6, 25]
    said = note(frame, "ECCA")
    assert "filled for 1 assessment" in said
    assert "1 assessment with an entered value that differs by more than 1 point: kept" in said


def test_a_typed_interval_is_not_refined():
    ends = {"improvement_low": [None, 25, None, 50], "improvement_high": [None, 50, None, 75]}
    frame = raw("ECCA", [120, 80], [120, 80], **ends)
    assert np.isnan(improvement(frame)).all()
    assert "1 assessment with an entered value" in note(frame, "ECCA")


def test_typed_grades_and_classes_are_kept():
    grades = raw("Goodman-Baron qualitative", [4, 3], [4, 3], grade_change=[None, 2, None, 1])
    assert improvement(grades, "grade_change") == [2, 1]
    assert "1 assessment with an entered value that differs from it" in note(grades, "Goodman")
    classes = raw("quartile", [np.nan, 2, 3], improvement_score=[0, 30, 30])
    assert improvement(classes) == [30, 30]
    assert "improvement_low" not in mn.load(classes).data
    assert "1 assessment with an entered value that differs by more" in note(classes, "quartile")


def test_a_sheet_of_raw_scores_needs_no_improvement_column():
    frame = raw("ECCA", [120, 90], [100, 50]).drop(columns="improvement_score")
    assert improvement(frame) == [25, 50]
    assert "no improvement_score column" in note(frame, "no improvement_score")
    assert mn.load(frame).sites()["improvement_score"].tolist() == [25, 50]
    half = mn.validate(frame.drop(columns="scale")).to_frame()
    assert half["column"].tolist() == ["improvement_score"]


# scores that a scale cannot give


@pytest.mark.parametrize(
    ("scale", "score", "rule"),
    [
        ("POSAS 2.0 patient", 5, "6 to 60 on POSAS 2.0 patient"),
        ("VSS", 14, "0 to 13 on VSS"),
        ("ECCA", 600, "0 to 540 on ECCA, a range that was not verified"),
        ("mVSS", -1, "0 and up (versions end differently) on mVSS, a range that was not verified"),
        ("Goodman-Baron qualitative", 0, "1 to 4 on Goodman-Baron qualitative"),
    ],
)
def test_a_score_outside_the_range(scale, score, rule):
    report = mn.validate(raw(scale, [6, 6], [8, score]) if scale != "Goodman-Baron qualitative"
                         else raw(scale, [4, 3], [4, score]))  # fmt: skip
    (problem,) = report.problems
    assert (problem.row, problem.column, problem.value) == (5, "scale_score", f"{score:g}")
    assert problem.rule == rule
    assert "another name in the column scale" in problem.remedy


# what holds for every sheet


def test_the_order_of_rows_does_not_matter():
    frame = pd.concat(
        [raw("ECCA", [120, 90, 60], [100, 50]), raw("VSS", [8, 6], patient_id="P009")],
        ignore_index=True,
    )
    first = mn.load(frame)
    again = mn.load(frame.sample(frac=1, random_state=3))
    key = ["patient_id", "session_count"]
    pd.testing.assert_frame_equal(
        first.data.sort_values(key, ignore_index=True),
        again.data.sort_values(key, ignore_index=True),
    )
    assert first.notes == again.notes


@pytest.mark.parametrize("name", ["demo_clinic", "demo_split_face", "published_patients"])
def test_shipped_data_have_no_raw_scores_and_no_note_on_them(name):
    cohort = mn.load(name)
    assert "scale_score" not in cohort.data
    assert not any("scale" in n for n in cohort.notes)


def test_a_sheet_without_both_columns_is_left_alone(sheet):
    plain = mn.load(sheet)
    half = mn.load(sheet.assign(scale_score=7.0))
    pd.testing.assert_frame_equal(half.data.drop(columns="scale_score"), plain.data)
    assert half.notes == plain.notes


points = st.floats(1, 100).map(lambda x: round(x, 3))


@given(
    before=points,
    after=points,
    best=st.sampled_from([0.0, 0.5]),
    factor=st.floats(0.01, 100),
    shift=st.floats(-50, 50),
)
def test_a_stretched_and_shifted_scale_gives_the_same_improvement(
    before, after, best, factor, shift
):
    one = percent_of_baseline(pd.Series([before]), pd.Series([after]), best)[0]
    moved = [shift + factor * x for x in (before, after, best)]
    other = percent_of_baseline(pd.Series([moved[0]]), pd.Series([moved[1]]), moved[2])[0]
    assert math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)


@given(before=points, after=points)
def test_a_scale_turned_round_gives_the_same_improvement(before, after):
    one = percent_of_baseline(pd.Series([before]), pd.Series([after]), 0.0)[0]
    turned = percent_of_baseline(pd.Series([100 - before]), pd.Series([100 - after]), 100.0)[0]
    assert math.isclose(one, turned, rel_tol=1e-6, abs_tol=1e-6)


# one scale to compare as points


def test_the_raw_scale_of_a_cohort():
    assert raw_scale(mn.load(raw("posas patient", [26, 16])).data).name == "POSAS 2.0 patient"


@pytest.mark.parametrize(
    "frame",
    [
        raw("quartile", [np.nan, 2]),
        raw("Goodman-Baron qualitative", [4, 3]),
        raw("own scale", [4, 3]),
        raw("ECCA", [np.nan, 90], [120, np.nan]),
        pd.concat([raw("ECCA", [120, 90]), raw("VSS", [8, 6], patient_id="P009")]),
        pd.concat([raw("ECCA", [120, 90]), raw(None, [8, 6], patient_id="P009")]),
    ],
    ids=["classes", "grades", "unknown", "no site with both", "two scales", "no name"],
)
def test_no_raw_scale(frame):
    assert raw_scale(mn.load(frame.reset_index(drop=True)).data) is None


def test_no_raw_scale_without_the_columns(clinic):
    assert raw_scale(clinic.data) is None


def test_small_counts_of_the_notes_are_exact():
    frame = raw("ECCA", *[(100, 50)] * 9, *[(np.nan, 50)] * 3)
    cohort = mn.load(frame, study={"design": "single_arm"})
    said = "filled for 9 assessments; not converted: 3 assessments (3 without a baseline score)"
    assert said in repr(cohort)
    assert said in repr(about(cohort))


@pytest.mark.parametrize("known", [3, 9])
def test_a_few_known_results_are_exact(known):
    frame = raw("own", *[(1.0,)] * 12).drop(columns=["scale", "scale_score"])
    frame = frame.assign(session_count=3)
    frame.loc[: known - 1, "improvement_score"] = 20.0
    cohort = mn.load(frame, study={"design": "single_arm"})
    assert f"improvement known for {known} assessments ({100 * known / 12:.0f} %)" in repr(cohort)
