"""Differences of risks, slopes between patients, and the late course with maintenance."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

import mnstudy as mn


def two_arms(n=40, *, site_id="site", start=0, treatment="needling", risk=0.2, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03}" for i in range(start, start + n)],
            "site_id": site_id,
            "scar_type": "acne_mixed",
            "treatment": treatment,
            "needle_depth_mm": 1.0 if treatment == "needling" else np.nan,
            "session_count": 3,
            "improvement_score": rng.normal(30, 10, n).round(),
            "pih": rng.random(n) < risk,
        }
    )


def test_separate_groups_get_the_newcombe_interval():
    sheet = pd.concat([two_arms(), two_arms(start=50, treatment="laser", risk=0.5, seed=2)])
    found = mn.evaluate(mn.load(sheet), "gentler-than-laser")[0]
    counts = sheet.groupby("treatment")["pih"].sum()
    same = mn.stats.risk_difference(int(counts["needling"]), 40, int(counts["laser"]), 40)
    assert found.estimate.value == pytest.approx(100 * same.estimate)
    assert found.estimate.ci_low == pytest.approx(100 * same.ci_low)
    assert found.comparison == "observational"
    assert found.n_patients == 80


def test_split_bodies_are_compared_within_the_person():
    sides = [two_arms(site_id="left"), two_arms(site_id="right", treatment="laser", seed=2)]
    sheet = pd.concat(sides)
    study = {"design": "split_body", "randomised": True}
    found = mn.evaluate(mn.load(sheet, study=study), "gentler-than-laser")[0]
    left, right = (s["pih"].to_numpy() for s in sides)
    table = [[(left & right).sum(), (left & ~right).sum()]]
    table += [[(~left & right).sum(), (~left & ~right).sum()]]
    same = mn.stats.risk_difference(table=np.array(table).tolist(), paired=True)
    assert found.estimate.ci_high == pytest.approx(100 * same.ci_high)
    assert found.n_patients == 40
    assert found.n_sites == 80


def test_split_bodies_declared_as_parallel_are_refused():
    sheet = pd.concat(
        [two_arms(site_id="left"), two_arms(site_id="right", treatment="laser", seed=2)]
    )
    study = {"design": "parallel", "randomised": True}
    found = mn.evaluate(mn.load(sheet, study=study), "gentler-than-laser")[0]
    assert found.verdict == "not testable"
    assert "40 patients have sites in both arms" in found.reason


def test_a_group_that_is_missing_is_named():
    found = mn.evaluate(mn.load(two_arms()), "gentler-than-laser")[0]
    assert found.verdict == "not testable"
    assert "reference" in found.reason


def test_without_a_recorded_event_nothing_is_said():
    sheet = pd.concat([two_arms(), two_arms(start=50, treatment="laser")]).drop(columns="pih")
    found = mn.evaluate(mn.load(sheet), "gentler-than-laser")[0]
    assert "none of the adverse events is recorded" in found.reason


def test_a_slope_on_one_row_a_patient_has_errors_that_hold_whatever_the_spreads():
    sheet = two_arms(60).drop(columns="pih")
    sheet["session_interval_weeks"] = np.tile([2.0, 4.0, 6.0], 20)
    sheet["improvement_score"] += 2 * sheet["session_interval_weeks"]
    found = mn.evaluate(mn.load(sheet), "spaced-sessions")[0]
    line = sm.OLS(sheet["improvement_score"], sm.add_constant(sheet["session_interval_weeks"]))
    fitted = line.fit(cov_type="HC2")
    assert found.estimate.value == pytest.approx(fitted.params["session_interval_weeks"])
    assert found.estimate.std_error == pytest.approx(fitted.bse["session_interval_weeks"])


def test_a_slope_without_spread_is_not_testable():
    sheet = two_arms().assign(session_interval_weeks=4)
    assert "the same" in mn.evaluate(mn.load(sheet), "spaced-sessions")[0].reason


def test_severity_says_that_it_is_coupled_to_the_outcome(clinic_findings):
    notes = " ".join(clinic_findings["severity-matters"].notes)
    assert "regress to the mean" in notes


def test_time_to_response_lies_between_the_visits():
    rows = []
    for i in range(20):
        first_seen = 4 if i < 12 else 12
        for visit, weeks in ((1, 4), (2, 8), (3, 12)):
            score = 30 if weeks >= first_seen else 2
            rows.append([f"P{i:02}", "burn", 1.0, visit, score, weeks])
    columns = ["patient_id", "scar_type", "needle_depth_mm", "session_count"]
    sheet = pd.DataFrame(rows, columns=[*columns, "improvement_score", "weeks"])
    found = mn.evaluate(mn.load(sheet), "weeks-to-results")[0]
    assert found.estimate.value == pytest.approx(60)
    assert found.n_patients == 20
    assert "median time between 0 and 4 weeks" in found.notes[0]


def test_redness_whose_end_was_not_seen_stays_open():
    sheet = two_arms(20).drop(columns="pih")
    sheet["erythema_days"] = [1] * 5 + [5] * 10 + [7] * 5
    sheet["erythema_resolved"] = [True] * 15 + [False] * 5
    found = mn.evaluate(mn.load(sheet), "short-downtime")[0]
    assert found.estimate.value == pytest.approx(25)
    assert "not seen after 5 sessions" in " ".join(found.notes)


def late(maintenance, change, start):
    base = two_arms(12, start=start).drop(columns="pih")
    base["improvement_score"] = 40.0 + np.arange(12) % 3
    end = base.assign(weeks_since_last_session=4, maintenance=False, weeks=12)
    after = base.assign(weeks_since_last_session=30, maintenance=maintenance, weeks=38)
    after["improvement_score"] += change + np.arange(12) % 4
    return pd.concat([end, after])


def test_maintenance_compares_the_late_changes():
    sheet = pd.concat([late(True, 0, 0), late(False, -12, 20)], ignore_index=True)
    cohort = mn.load(sheet)
    found = mn.evaluate(cohort, "maintenance")[0]
    assert found.estimate.value == pytest.approx(12)
    lasting = mn.evaluate(cohort, "results-last")[0]
    assert lasting.estimate.value == pytest.approx(-12 + 1.5)
    assert lasting.n_patients == 12
    assert any("maintenance sessions left out" in note for note in lasting.notes)


@pytest.mark.parametrize(
    "claim",
    ["gentler-than-laser", "gentler-than-peel", "home-riskier", "deeper-more-collagen",
     "severity-matters", "spaced-sessions", "maintenance", "short-downtime"],
)  # fmt: skip
def test_intervals_on_the_demonstration_clinic_hold_the_documented_truth(
    clinic, clinic_findings, claim
):
    truth = clinic.study.truth[claim]["effect"]
    estimate = clinic_findings[claim].estimate
    wide = 1.6 * (estimate.ci_high - estimate.ci_low) / 2  # about 99.8 percent
    assert abs(estimate.value - truth) <= wide, (estimate, truth)


def test_two_depths_on_the_two_sides_of_everybody_are_compared_within_the_person():
    """Nothing differs between patients then; the slope is that of the paired differences."""
    rng = np.random.default_rng(5)
    sides = [
        two_arms(20, site_id=side, seed=seed).assign(needle_depth_mm=depth)
        for side, depth, seed in (("left", 0.25, 3), ("right", 1.5, 4))
    ]
    sides[1]["improvement_score"] += 6 + rng.normal(0, 2, 20).round()
    study = {"design": "split_body", "randomised": True}
    found = mn.evaluate(mn.load(pd.concat(sides), study=study), "deeper-needling")[0]
    gain = sides[1]["improvement_score"].to_numpy() - sides[0]["improvement_score"].to_numpy()
    paired = stats.ttest_1samp(gain, 0)
    assert found.estimate.value == pytest.approx(gain.mean())
    assert found.estimate.p_value == pytest.approx(paired.pvalue)
    within = next(p for p in found.parts if p.label == "per mm, within patients")
    assert within.value == pytest.approx(gain.mean() / 1.25)
