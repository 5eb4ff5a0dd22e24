"""Dose, responders, harms and waiting of a cohort: the right numbers, exact ones too."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy.reporting.figures.plot import harms_chart
from mnstudy.reporting.tables.harms import harms_table
from mnstudy.stats.missing.interval_censored import turnbull
from mnstudy.verdicts.analyses.timing import weeks_to_response
from mnstudy.verdicts.displays.dose import dose_curve, means_by_dose
from mnstudy.verdicts.displays.harms import counted, difference, harms
from mnstudy.verdicts.displays.points import points
from mnstudy.verdicts.displays.responders import responder_curve
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.displays.waiting import waiting

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "displays.json").read_text())
ASKED = ["more-sessions", "deeper-needling", "spaced-sessions", "topical-adjunct",
         "reduces-scarring", "weeks-to-results", "short-downtime", "deeper-more-collagen",
         "rf-combination", "rare-pih"]  # fmt: skip
EVENTS = ["infection", "bruising", "pih", "worsening", "acne_flare"]


def cases(func):
    found = [c for c in REFERENCE["cases"] if c["func"] == func]
    return [pytest.param(c, id=f"{func}-{i}") for i, c in enumerate(found)]


def test_reference_grid_is_complete():
    assert {c["func"] for c in REFERENCE["cases"]} == {"harms", "responders", "dose"}
    assert len(REFERENCE["cases"]) == 11


@pytest.fixture(scope="module")
def clinic_found(clinic):
    return {f.claim.id: f for f in mn.evaluate(clinic, ASKED)}


@pytest.fixture(scope="module")
def face_found(split_face):
    asked = ["more-sessions", "topical-adjunct", "reduces-scarring", "weeks-to-results"]
    return {f.claim.id: f for f in mn.evaluate(split_face, asked)}


def people(n, *, had=0, first=0, **columns):
    """One site a patient after three sessions; the first ``had`` of them bruised."""
    scores = np.linspace(5, 60, n)
    sheet = {
        "patient_id": [f"P{i:03}" for i in range(first, first + n)],
        "scar_type": "acne_mixed",
        "needle_depth_mm": 1.5,
        "session_count": 3,
        "improvement_score": scores,
        "bruising": [i < had for i in range(n)],
    }
    return pd.DataFrame(sheet | columns)


def loaded(sheet, **study):
    return mn.load(sheet, study={"design": "single_arm", "synthetic": False} | study)


# --- harms


@pytest.mark.parametrize("case", cases("harms"))
def test_limits_are_those_of_r(case):
    rows = people(case["n"], had=case["events"]).assign(site_id="site")
    cell = counted(rows, ["bruising"], level=case["level"])
    assert (cell["events"], cell["n"]) == (case["events"], case["n"])
    assert [cell["low"], cell["high"]] == pytest.approx(case["expected"], rel=1e-10)


@pytest.mark.parametrize("had", [0, 1, 2, 3, 4, 29])
def test_counts_of_a_few_patients_of_a_real_cohort_are_exact(had):
    cohort = loaded(people(30, had=had))
    row = harms(cohort).rows.iloc[0]
    assert (row["events"], row["n"], row["share"]) == (had, 30, pytest.approx(100 * had / 30))
    drawn = harms_chart(cohort)
    assert f"{had} of 30 patients" in drawn.alt
    table = harms_table(cohort)
    assert table.rows[0].cells[1].startswith(f"{had}/30 ")
    assert drawn.data().loc[0, "events"] == had


def test_none_seen_is_not_none():
    drawn = harms_chart(loaded(people(40)))
    assert "0 of 40 patients: none seen is not none, the true rate may be up to 8.8 %" in drawn.alt


def test_sessions_are_counted_beside_patients():
    twice = pd.concat([people(30, had=8), people(30, had=2).assign(session_count=4)])
    row = harms(loaded(twice)).rows.iloc[0]
    assert row[["events", "session_events", "sessions"]].tolist() == [8, 10, 60]


def test_no_event_recorded_is_no_chart(patients):
    assert harms(patients).rows.empty
    unknown = people(10).assign(bruising=pd.Series([None] * 10, dtype="object"))
    assert harms(loaded(unknown)).rows.empty


def test_missing_records_are_counted_not_taken_as_absent():
    had = [True] * 6 + [False] * 14 + [None] * 10
    row = harms(loaded(people(30, bruising=had))).rows.iloc[0]
    assert (row["n"], row["unknown"], row["events"]) == (20, 10, 6)


def test_shares_agree_with_the_findings(clinic):
    rows = harms(clinic).rows.set_index(["event", "arm"])
    for event in ("infection", "bruising", "pih"):
        estimate = mn.evaluate(clinic, f"rare-{event}")[0].estimate
        row = rows.loc[(event, "needling")]
        assert [row["share"], row["low"], row["high"]] == pytest.approx(
            [estimate.value, estimate.ci_low, estimate.ci_high], rel=1e-12
        )


def test_untreated_sites_count_after_their_baseline(clinic):
    rows = harms(clinic).rows
    untreated = rows[rows["arm"] == "untreated"]
    assert set(untreated["n"]) == {81}
    assert untreated["sessions"].isna().all()


def two_sides(n=30, first=10, second=6):
    sheet = people(n, had=first)
    left = sheet.assign(site_id="left", adjunct="prp")
    return pd.concat([left, people(n, had=second).assign(site_id="right", adjunct="none")])


def test_sides_of_a_face_are_compared_with_themselves():
    study = {"design": "split_body", "randomised": True, "synthetic": True}
    found = harms(loaded(two_sides(), **study))
    assert found.arms == ("needling with PRP", "needling alone")
    row = found.differences.iloc[0]
    assert row["paired"]
    assert row["n_pairs"] == 30
    assert row["difference"] == pytest.approx(100 * 4 / 30)


def test_groups_that_are_declared_parallel_are_compared():
    sheet = pd.concat([
        people(30, had=12, treatment="needling"),
        people(25, had=5, first=40, treatment="rf_needling"),
    ])  # fmt: skip
    found = harms(loaded(sheet, design="parallel", randomised=True))
    assert found.arms == ("needling", "radiofrequency needling")
    row = found.differences.iloc[0]
    assert not row["paired"]
    assert row["difference"] == pytest.approx(100 * (12 / 30 - 5 / 25))


def test_harms_do_not_depend_on_the_order_of_rows(clinic):
    shuffled = replace(clinic, data=clinic.data.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(harms(clinic).rows, harms(shuffled).rows)


def test_difference_agrees_with_the_stats():
    a = pd.Series([True] * 12 + [False] * 18, index=range(30))
    found = difference(a, ~a, paired=False, level=0.9)
    expected = mn.stats.risk_difference(12, 30, 18, 30, confidence_level=0.9)
    assert found["low"] == pytest.approx(100 * expected.ci_low)


# --- dose


@pytest.mark.parametrize("case", cases("dose"))
def test_means_by_dose_are_those_of_r(case):
    rows = pd.DataFrame({"dose": 1.0, "y": case["values"], "person": range(6)})
    found = means_by_dose(rows, confidence_level=case["level"]).iloc[0]
    assert [found["value"], found["low"], found["high"]] == pytest.approx(
        case["expected"], rel=1e-10
    )


def test_slopes_are_those_of_the_finding(clinic, clinic_found):
    finding = clinic_found["more-sessions"]
    curve = dose_curve(clinic, finding)
    labels = ["within patients", "between patients", "needled minus untreated"]
    assert [line.label for line in curve.lines] == labels
    assert curve.lines[2].slope == finding.estimate.value
    within = curve.lines[0]
    needled = next(p for p in finding.parts if p.label == "within patients")
    assert (within.slope, within.low) == (needled.value, needled.ci_low)
    ends = within.points.iloc[[0, -1]]
    rise = np.diff(ends["value"])[0] / np.diff(ends["dose"])[0]
    assert rise == pytest.approx(within.slope)
    sessions = [p for p in finding.parts if p.kind == "session"]
    assert curve.means["value"].tolist() == [p.value for p in sessions]
    assert "confounding by indication" in curve.caution


def test_lines_go_through_the_middle_of_the_means(clinic, clinic_found):
    for claim in ("more-sessions", "deeper-needling", "spaced-sessions", "deeper-more-collagen"):
        curve = dose_curve(clinic, clinic_found[claim])
        weight = curve.means["n"] / curve.means["n"].sum()
        for line in curve.lines:
            x, y = line.points["dose"].iloc[1], line.points["value"].iloc[1]
            assert x == pytest.approx(weight @ curve.means["dose"])
            assert y == pytest.approx(weight @ curve.means["value"])
            assert (line.points["low"] <= line.points["value"]).all()


def test_every_patient_of_the_finding_is_in_a_mean(clinic, clinic_found):
    curve = dose_curve(clinic, clinic_found["spaced-sessions"])
    assert curve.means["n"].sum() == clinic_found["spaced-sessions"].n_patients
    deep = dose_curve(clinic, clinic_found["deeper-needling"])
    assert deep.means["n"].sum() >= clinic_found["deeper-needling"].n_patients
    assert deep.mark == 0.3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=60))
def test_no_mean_rests_on_fewer_than_five(pairs):
    rows = pd.DataFrame(pairs, columns=["dose", "person"]).astype("float64")
    rows["y"] = rows["dose"] + rows["person"]
    found = means_by_dose(rows, confidence_level=0.95)
    assert (found["n"] >= 5).all()
    assert found["dose"].is_monotonic_increasing
    assert len(found) <= 9
    if rows["person"].nunique() >= 5:
        assert len(found)


def test_equal_values_have_no_interval():
    rows = pd.DataFrame({"dose": [1.0] * 5, "y": [7.0] * 5, "person": range(5)})
    found = means_by_dose(rows, confidence_level=0.95).iloc[0]
    assert found["value"] == 7
    assert math.isnan(found["low"])


# --- responders


@pytest.mark.parametrize("case", cases("responders"))
def test_responders_are_those_of_r(case):
    cohort = loaded(people(6, improvement_score=case["scores"]), synthetic=True)
    curve = responder_curve(cohort, mn.evaluate(cohort, "reduces-scarring")[0])
    row = curve.shares.set_index("threshold").loc[case["threshold"]]
    assert [row["share"], row["low"], row["high"]] == pytest.approx(case["expected"], rel=1e-10)


@pytest.mark.parametrize("claim", ["topical-adjunct", "reduces-scarring", "rf-combination"])
def test_at_the_usual_threshold_it_says_what_the_finding_says(clinic, clinic_found, claim):
    finding = clinic_found[claim]
    part = next(p for p in finding.parts if "10 points or more" in p.label)
    curve = responder_curve(clinic, finding)
    row = curve.differences.set_index("threshold").loc[curve.usual]
    assert [row["difference"], row["low"], row["high"]] == pytest.approx(
        [part.value, part.ci_low, part.ci_high], rel=1e-12
    )


def test_pairs_at_the_usual_threshold(split_face, face_found):
    finding = face_found["topical-adjunct"]
    part = next(p for p in finding.parts if "10 points or more" in p.label)
    curve = responder_curve(split_face, finding)
    row = curve.differences.set_index("threshold").loc[10]
    assert curve.paired
    assert [row["low"], row["high"]] == pytest.approx([part.ci_low, part.ci_high], rel=1e-12)


def test_shares_fall(clinic, clinic_found):
    curve = responder_curve(clinic, clinic_found["reduces-scarring"])
    for _, own in curve.shares.groupby("arm"):
        assert own["threshold"].is_monotonic_increasing
        assert (own["share"].diff().dropna() <= 0).all()
        assert own["share"].iloc[0] == 100 or curve.arms[0] not in own["arm"].tolist()


def test_five_people_are_no_curve_but_points(clinic):
    five = mn.evaluate(clinic, "treats-active-acne")[0]
    assert five.n_patients == 5
    assert responder_curve(clinic, five) is None
    assert len(points(clinic, five).arms[0].values) == 5


@pytest.mark.parametrize("n", [5, 6])
def test_five_people_have_no_curve_of_waiting(clinic, n):
    rows = clinic.data[
        clinic.data["erythema_days"].notna() & clinic.data["treatment"].eq("needling")
    ]
    some = clinic.data["patient_id"].isin(rows["patient_id"].unique()[:n])
    few = replace(clinic, data=clinic.data[some].reset_index(drop=True))
    finding = mn.evaluate(few, "short-downtime")[0]
    assert finding.n_patients == n
    assert (waiting(few, finding) is None) == (n == 5)


# --- waiting


def test_steps_are_those_of_a_lasting_response_of_the_patients_of_the_finding(clinic, clinic_found):
    finding = clinic_found["weeks-to-results"]
    found = waiting(clinic, finding)
    times = weeks_to_response(question_of(clinic, finding))
    fit = turnbull(times["left"], times["right"])
    for right, after in found.steps[["right", "after"]].itertuples(index=False):
        assert after == pytest.approx(100 * fit.share_by(right), abs=1e-6)
    assert found.n_units == finding.n_sites
    # who improved lastingly by the week had improved at the assessment around it
    before = found.steps[found.steps["right"] <= found.by]
    assert before["after"].iloc[-1] < finding.estimate.value
    assert found.when == "at the assessment around week 6"
    assert found.never == pytest.approx(100 - found.steps["after"].iloc[-1], abs=1e-6)


def test_redness_agrees_with_the_finding(clinic, clinic_found):
    found = waiting(clinic, clinic_found["short-downtime"])
    by_day = found.steps.set_index("right")["after"]
    assert by_day[2.0] == pytest.approx(found.estimate.value, abs=1e-6)
    assert (found.steps["left"] >= 0).all()


def test_everybody_is_watched_at_first(clinic, clinic_found):
    found = waiting(clinic, clinic_found["weeks-to-results"])
    assert found.watched["n"].iloc[0] == found.finding.n_patients
    assert found.watched["n"].is_monotonic_decreasing


def test_other_claims_have_none(clinic, clinic_found):
    for show in (dose_curve, responder_curve, waiting):
        assert show(clinic, clinic_found["rare-pih"]) is None


def test_nothing_depends_on_the_order_of_rows(split_face, face_found):
    shuffled = replace(split_face, data=split_face.data.sample(frac=1, random_state=2))
    for show, claim, table in (
        (dose_curve, "more-sessions", "means"),
        (responder_curve, "topical-adjunct", "shares"),
        (waiting, "weeks-to-results", "steps"),
    ):
        one, other = (show(c, face_found[claim]) for c in (split_face, shuffled))
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))
