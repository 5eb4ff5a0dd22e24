"""Dose, responders, harms and waiting of a cohort: the right numbers, and no small count."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy.disclosure.displays import far_apart, guarded_display, joined_steps
from mnstudy.disclosure.harms import guarded_cell
from mnstudy.reporting.figures.plot import charts_of, harms_chart
from mnstudy.stats.missing.interval_censored import turnbull
from mnstudy.verdicts.analyses.timing import weeks_to_response
from mnstudy.verdicts.displays import dose as exact_dose
from mnstudy.verdicts.displays import harms as exact_harms
from mnstudy.verdicts.displays import responders as exact_responders
from mnstudy.verdicts.displays import waiting as exact_waiting
from mnstudy.verdicts.displays.dose import means_by_dose
from mnstudy.verdicts.displays.harms import counted, difference
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.displays.waiting import share_steps
from mnstudy.words.notes import sentences

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


def real(cohort):
    return replace(cohort, provenance=replace(cohort.provenance, synthetic=False))


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


def harms(cohort):
    return guarded_display(exact_harms.harms(cohort))


def dose_curve(cohort, finding):
    return guarded_display(exact_dose.dose_curve(cohort, finding))


def responder_curve(cohort, finding):
    return guarded_display(exact_responders.responder_curve(cohort, finding))


def waiting(cohort, finding):
    return guarded_display(exact_waiting.waiting(cohort, finding))


# --- harms


@pytest.mark.parametrize("case", cases("harms"))
def test_limits_are_those_of_r(case):
    rows = people(case["n"], had=case["events"]).assign(site_id="site")
    cell = counted(rows, ["bruising"], level=case["level"])
    assert (cell["events"], cell["n"]) == (case["events"], case["n"])
    assert [cell["low"], cell["high"]] == pytest.approx(case["expected"], rel=1e-10)


def test_the_limit_of_fewer_than_five_is_that_of_four():
    four = next(c for c in REFERENCE["cases"] if (c.get("events"), c.get("n")) == (4, 212))
    cohort = loaded(people(212, had=2))
    found = exact_harms.harms(cohort)
    row = found.rows.iloc[0].to_dict()
    assert (row["events"], row["n"]) == (2, 212)
    cell = guarded_cell(row, found, guarded=True)
    assert cell["high"] == pytest.approx(four["expected"][1], rel=1e-10)
    assert cell["sentence"] == "fewer than 5 of 212 patients: at most 4.8 %"


@pytest.mark.parametrize("nearly_all", [False, True])
def test_one_to_four_people_cannot_be_told_apart(nearly_all):
    tables = []
    for few in (1, 2, 3, 4):
        cohort = loaded(people(30, had=30 - few if nearly_all else few))
        tables.append(harms(cohort).rows)
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other)
    row = tables[0].iloc[0]
    assert math.isnan(row["events"])
    assert math.isnan(row["share"])
    assert math.isnan(row["session_events"])
    assert row["shown"] == ("at least 26 of 30" if nearly_all else "<5 of 30")


def test_none_seen_is_not_none():
    row = harms(loaded(people(40))).rows.iloc[0]
    assert (row["events"], row["shown"]) == (0, "0 of 40")
    assert "none seen is not none" in row["sentence"]
    assert "8.9 %" in row["sentence"] or "8.8 %" in row["sentence"]


def test_four_patients_are_not_shown_at_all():
    found = harms(loaded(people(4, had=2)))
    assert found.rows.empty
    assert "fewer than 5 patients" in " ".join(sentences(found.notes))
    assert len(harms(loaded(people(4, had=2), synthetic=True)).rows) == 1


@pytest.mark.parametrize("without", [1, 4, 5])
def test_a_group_of_nearly_everybody_has_no_size(without):
    """Table 1 says how many there are in all: the size of the group would give the few others."""
    seen, silent = people(40), people(without, first=40).assign(bruising=pd.NA)
    cohort = loaded(pd.concat([seen, silent], ignore_index=True).convert_dtypes())
    row = harms(cohort).rows.iloc[0]
    if without == 5:
        assert (row["n"], row["shown"]) == (40, "0 of 40")
        return
    assert row[["n", "events", "share", "low", "high", "sessions"]].isna().all()
    assert row["shown"] == "not shown"
    assert "40" not in row["sentence"]
    drawn = harms_chart(cohort)
    told = f"{drawn.alt} {drawn.caption} {drawn.data().to_csv()}"
    assert not re.search(r"\b40\b", told)
    assert cohort.name in told


def test_no_event_recorded_is_no_chart(patients):
    assert harms(patients).rows.empty
    unknown = people(10).assign(bruising=pd.Series([None] * 10, dtype="object"))
    assert harms(loaded(unknown)).rows.empty


def test_missing_records_are_counted_not_taken_as_absent():
    had = [True] * 6 + [False] * 14 + [None] * 10
    row = harms(loaded(people(30, bruising=had))).rows.iloc[0]
    assert (row["n"], row["unknown"], row["events"]) == (20, 10, 6)
    had = [True] * 6 + [False] * 22 + [None] * 2
    row = harms(loaded(people(30, bruising=had))).rows.iloc[0]
    assert row["shown_unknown"] == "<5"
    assert math.isnan(row["unknown"])


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


def test_pairs_that_would_tell_four_people_are_not_compared():
    study = {"design": "split_body", "randomised": True}
    row = harms(loaded(two_sides(), **study)).differences.iloc[0]
    assert math.isnan(row["difference"])  # four were bruised on the left alone
    assert row["shown"] == "not shown"
    row = harms(loaded(two_sides(first=12), **study)).differences.iloc[0]
    assert row["difference"] == pytest.approx(20)


def test_a_group_of_four_leaves_the_others_to_be_compared():
    sheet = pd.concat([
        people(30, had=12, treatment="needling"),
        people(25, had=5, first=40, treatment="rf_needling"),
        people(4, had=1, first=70, treatment="peel", needle_depth_mm=np.nan),
    ])  # fmt: skip
    cohort = loaded(sheet, design="parallel", randomised=True)
    gathered, found = exact_harms.harms(cohort), harms(cohort)
    assert len(gathered.arms) == 3
    assert gathered.rows.set_index("arm").loc["chemical peel", "events"] == 1
    assert gathered.differences.empty
    assert found.arms == ("needling", "radiofrequency needling")
    assert len(found.differences) == 1
    assert all(group.rows.empty for group in found.groups)


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
    few = pd.concat([sheet.iloc[:30], people(25, had=2, first=40, treatment="rf_needling")])
    assert harms(loaded(few, design="parallel")).differences["difference"].isna().all()


def test_an_arm_without_patients():
    sheet = pd.concat([
        people(30, had=12, treatment="needling"),
        people(3, had=1, first=40, treatment="rf_needling"),
    ])  # fmt: skip
    found = harms(loaded(sheet, design="parallel"))
    assert found.arms == ("needling",)
    assert "radiofrequency needling" in " ".join(sentences(found.notes))
    assert found.no_difference == "one group: nothing to compare with"


def test_any_event_does_not_tell_a_single_one():
    sheet = people(40, had=10)
    sheet["infection"] = [9 < i < 13 for i in range(40)]  # three others
    rows = harms(loaded(sheet)).rows.set_index("event")
    assert rows.loc["infection", "withheld"] == "few"
    assert rows.loc["any", "withheld"] == "union"
    assert rows.loc["bruising", "withheld"] == "union", "a claim shows any of the five together"
    sheet["infection"] = [i in (0, 1) or 9 < i < 13 for i in range(40)]
    rows = harms(loaded(sheet)).rows.set_index("event")
    assert rows.loc["any", "withheld"] == "union", "two had both"


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


def test_a_real_curve_sets_nobody_apart(clinic, clinic_found):
    finding = replace(clinic_found["reduces-scarring"], synthetic=False)
    curve = responder_curve(real(clinic), finding)
    assert curve.coarse
    for _, own in curve.shares.groupby("arm"):
        assert own["responders"].ge(5).all()
        assert (own["n"] - own["responders"]).ge(5).all()
        steps = own["responders"].diff().dropna().abs()
        assert ((steps == 0) | (steps >= 5)).all()
        assert own["threshold"].mod(5).eq(0).all()
    assert 10 in set(curve.differences["threshold"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=1, max_size=60), st.integers(0, 40))
def test_kept_thresholds_are_safe(scores, usual):
    values = pd.Series(scores, dtype="float64")
    grid = [float(t) for t in range(-100, 101, 5)]
    reached = pd.Series([int((values >= t).sum()) for t in grid], index=grid)
    kept = far_apart(reached, len(values), float(usual))
    counts = [int((values >= t).sum()) for t in kept]
    assert all(5 <= c <= len(values) - 5 for c in counts)
    gaps = {abs(a - b) for a in counts for b in counts}
    assert not gaps & {1, 2, 3, 4}


def test_too_few_for_a_real_curve():
    cohort = loaded(people(9))
    assert responder_curve(cohort, mn.evaluate(cohort, "reduces-scarring")[0]) is None


def test_an_arm_of_which_nothing_may_be_shown_leaves_no_curve():
    """Seven patients cannot be parted into five and five: their arm has no threshold."""
    sheet = pd.concat([
        people(40, treatment="needling"),
        people(7, first=50, treatment="untreated", needle_depth_mm=np.nan),
    ])  # fmt: skip
    cohort = loaded(sheet, design="registry")
    finding = mn.evaluate(cohort, "reduces-scarring")[0]
    gathered = exact_responders.responder_curve(cohort, finding)
    assert set(gathered.shares["n"]) == {40, 7}
    assert responder_curve(cohort, finding) is None
    keys = [chart.key for chart in charts_of(cohort, finding)]
    assert not any(key.startswith(("dose/", "responders/", "waiting/")) for key in keys)


# --- waiting


def test_steps_are_those_of_a_lasting_response_of_the_patients_of_the_finding(clinic, clinic_found):
    finding = clinic_found["weeks-to-results"]
    found = waiting(clinic, finding)
    times = weeks_to_response(question_of(clinic, finding))
    fit = turnbull(times["left"], times["right"])
    for right, after in found.steps[["right", "after"]].itertuples(index=False):
        assert after == pytest.approx(100 * fit.share_by(right), abs=1e-6)
    assert (found.n_patients, found.n_units) == (finding.n_patients, finding.n_sites)
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
    assert found.watched["n"].iloc[0] == found.n_patients
    assert found.watched["n"].is_monotonic_decreasing


@pytest.mark.parametrize("claim", ["weeks-to-results", "short-downtime"])
def test_a_real_course_sets_nobody_apart(clinic, clinic_found, claim):
    finding = clinic_found[claim]
    found = waiting(real(clinic), replace(finding, synthetic=False))
    assert found.coarse
    counts = found.watched["n"].dropna()
    assert (counts.diff().dropna().abs().isin([1, 2, 3, 4])).sum() == 0
    assert not found.watched["n"].isin([1, 2, 3, 4]).any()
    full = waiting(clinic, finding)
    assert len(found.steps) < len(full.steps)
    assert set(found.steps["right"]) <= {math.ceil(x) for x in full.steps["right"]}


def weeks(n, early):
    """Patients seen at weeks 2, 4 and 8; the first ``early`` of them improve by week 2."""
    visits = [
        people(n).assign(
            session_count=k + 1, weeks=w, improvement_score=[30 if i < early or w > 4 else 0
                                                             for i in range(n)]
        )
        for k, w in enumerate((2, 4, 8))
    ]  # fmt: skip
    return pd.concat(visits)


def test_four_early_responders_are_not_drawn():
    plan = {"thresholds": {"weeks-to-results": {"weeks": 4}}}
    cohort = loaded(weeks(20, early=4), plan=plan)
    finding = mn.evaluate(cohort, "weeks-to-results")[0]
    found = waiting(cohort, finding)
    assert found is None or found.steps["after"].tolist() == [100.0]
    cohort = loaded(weeks(20, early=6), plan=plan)
    found = waiting(cohort, mn.evaluate(cohort, "weeks-to-results")[0])
    assert found.steps["after"].tolist() == pytest.approx([30, 100])


@pytest.mark.parametrize(("early", "ends"), [(4, [8.0]), (18, []), (15, [2.0, 8.0]), (20, [2.0])])
def test_a_step_is_closed_with_five_on_either_side(early, ends):
    times = pd.DataFrame({"patient_id": range(20), "left": 0.0, "right": 2.0})
    times.loc[early:, ["left", "right"]] = 4.0, 8.0
    table = turnbull(times["left"], times["right"]).to_frame()
    steps, _ = joined_steps(share_steps(table)[0], times)
    assert steps["right"].tolist() == ends
    assert not ends or steps["after"].iloc[-1] == pytest.approx(100)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.floats(0, 9), st.floats(0.1, 9), st.booleans()),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_guarded_steps_hold_five_patients(rows):
    times = pd.DataFrame(rows, columns=["patient_id", "left", "width", "open"])
    times["right"] = (times["left"] + times["width"]).where(~times["open"], np.inf)
    table = turnbull(times["left"], times["right"]).to_frame()
    full, _ = share_steps(table)
    steps, _ = joined_steps(full, times)
    closed = -np.inf
    for left, right, before, after in steps.itertuples(index=False):
        inside = times[times["right"].gt(closed) & times["right"].le(right)]
        rest = times[times["right"].gt(right)]
        assert inside["patient_id"].nunique() >= 5
        assert rest["patient_id"].nunique() not in (1, 2, 3, 4)
        assert right == round(right)
        assert left >= max(closed, 0)
        assert before <= after
        closed = right
    for right, after in steps[["right", "after"]].itertuples(index=False):
        assert after == pytest.approx(full.loc[full["right"] <= right, "after"].max())


def test_sessions_do_not_tell_who_had_it_again():
    twice = pd.concat([people(30, had=8), people(30, had=2).assign(session_count=4)])
    row = harms(loaded(twice)).rows.iloc[0]
    assert row["events"] == 8
    assert math.isnan(row["session_events"])
    open_rows = harms(loaded(twice, synthetic=True)).rows
    assert open_rows.iloc[0]["session_events"] == 10
    assert open_rows.iloc[0]["sessions"] == 60


def test_other_claims_have_none(clinic, clinic_found):
    for show in (dose_curve, responder_curve, waiting):
        assert show(clinic, clinic_found["rare-pih"]) is None


def test_published_patients_are_guarded(patients):
    for claim in ("reduces-scarring", "more-sessions", "weeks-to-results"):
        finding = mn.evaluate(patients, claim)[0]
        assert dose_curve(patients, finding) is None
        assert responder_curve(patients, finding) is None
        assert waiting(patients, finding) is None


def test_nothing_depends_on_the_order_of_rows(split_face, face_found):
    shuffled = replace(split_face, data=split_face.data.sample(frac=1, random_state=2))
    for show, claim, table in (
        (dose_curve, "more-sessions", "means"),
        (responder_curve, "topical-adjunct", "shares"),
        (waiting, "weeks-to-results", "steps"),
    ):
        one, other = (show(c, face_found[claim]) for c in (split_face, shuffled))
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))
