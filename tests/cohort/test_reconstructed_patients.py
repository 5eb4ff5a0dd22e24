"""Patients of several studies known to classes: two stages, bounds, shares, no verdict too far."""

import math

import numpy as np
import pandas as pd
import pytest
from drawn_text import words
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.published.tables import load_published
from mnstudy.reporting.words import alt_text, caption, figure_data
from mnstudy.stats.counts.proportions import proportion
from mnstudy.stats.meta.pooling import pool
from mnstudy.stats.missing.interval_mean import mean_bounds, mean_of_intervals
from mnstudy.verdicts.analyses.studies import bounds, class_ends, pool_studies, study_means

TESTED = ("reduces-scarring", "treats-acne-scars", "treats-stretch-marks", "treats-sun-damage")


@pytest.fixture(scope="module")
def findings(patients):
    return mn.evaluate(patients)


def classes_of(patients, clinic):
    sites = patients.sites()
    own = sites[sites["clinic_id"].eq(clinic) & sites["treatment"].eq("needling")]
    own = own[own["adjunct"].eq("none")]
    return bounds(own)


def sheet_of(studies, **more):
    """One row a patient; ``studies`` maps a name to its scores or (low, high) classes."""
    rows = []
    for name, known in studies.items():
        for i, one in enumerate(known):
            low, high = one if isinstance(one, tuple) else (one, one)
            row = {"patient_id": f"{name}-{i}", "clinic_id": name, "scar_type": "acne_mixed"}
            row |= {
                "treatment": "needling",
                "adjunct": "none",
                "session_count": 3,
                "needle_depth_mm": 1.5,
            }
            row |= {"improvement_low": low, "improvement_high": high}
            rows.append(row | {"improvement_score": (low + high) / 2} | more)
    return pd.DataFrame(rows)


def finding_of(studies, claim="reduces-scarring", **more):
    study = {"design": "registry", "cluster": "clinic_id", "assessor": "blinded"}
    return mn.evaluate(mn.load(sheet_of(studies, **more), study=study), claim)[0]


def normal(seed, n, mean):
    return np.random.default_rng(seed).normal(mean, 12, n).round(1).clip(-100, 100).tolist()


def test_a_single_arm_is_never_supported(findings):
    assert [f.claim.id for f in findings if f.verdict == "supported"] == []
    for claim in TESTED:
        assert findings[claim].comparison == "uncontrolled"
        assert math.isfinite(findings[claim].estimate.value)


def test_three_classes_are_fitted_and_gaps_between_them_closed(patients, findings):
    low, high = classes_of(patients, "liang2022")
    assert set(zip(low, high, strict=True)) == {(0, 25.5), (25.5, 50.5), (50.5, 75)}
    fit, found = mean_of_intervals(low, high), findings["treats-sun-damage"].estimate
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(
        (fit.estimate, fit.ci_low, fit.ci_high)
    )
    assert found.method.startswith("mean of the patients of a single study, by maximum likelihood")


def test_one_study_of_two_classes_is_known_between_bounds(patients, findings):
    found = findings["treats-acne-scars"]
    known = mean_bounds(*classes_of(patients, "ali2024"))
    assert (found.estimate.ci_low, found.estimate.ci_high) == pytest.approx(
        (known.ci_low, known.ci_high)
    )
    assert found.estimate.value == pytest.approx((known.low + known.high) / 2)
    assert (
        found.verdict == "inconclusive"
    )  # all of the 20 in the class 0-25 may have gained nothing
    assert any("from one study, Ali 2024" in note for note in found.notes)
    assert not [p for p in found.parts if p.kind in ("study", "pooled", "prediction")]


def test_several_studies_are_pooled_at_both_ends(patients, findings):
    found = findings["reduces-scarring"]
    names = ["ali2024", "alster2020", "striae_disk_needling"]
    known = [mean_bounds(*classes_of(patients, name)) for name in names]
    variance = [k.std_error**2 for k in known]
    low = pool([k.low for k in known], variance, knapp_hartung="adhoc")
    high = pool([k.high for k in known], variance, knapp_hartung="adhoc")
    assert found.estimate.ci_low == pytest.approx(low.ci_low) != -100
    assert high.ci_high > 100 == found.estimate.ci_high  # cut to the end of the scale
    assert found.estimate.value == pytest.approx((low.estimate + high.estimate) / 2)
    studies = [p for p in found.parts if p.kind == "study"]
    labels = load_published().studies.set_index("study_id")["label"]
    assert [p.label for p in studies] == labels[names].tolist()
    assert [p.n for p in studies] == [30, 25, 16]
    assert sum(p.weight for p in studies) == pytest.approx(100)
    new = next(p for p in found.parts if p.kind == "prediction")
    ends = np.clip((low.prediction_low, high.prediction_high), -100, 100)
    assert (new.ci_low, new.ci_high) == pytest.approx(tuple(ends))
    said = " ".join(found.notes)
    assert "beyond the scale of −100 to 100" in said
    assert "61 of 71 sites is known only as a class" in said
    assert "too few classes to estimate a spread in Ali 2024, Alster 2020 (striae), " in said
    assert "336 sites without a known outcome" in said


def test_an_interval_that_fills_the_scale_says_so_in_the_figure(findings):
    found = findings["treats-stretch-marks"]
    assert (found.estimate.ci_low, found.estimate.ci_high) == (-100, 100)
    picture = mn.plot(found, width="column")
    assert "the interval fills the whole scale of −100 to 100" in words(picture)
    assert "beyond the scale" in words(mn.plot(findings["reduces-scarring"]))
    low, high = picture.axes[0].get_xlim()
    assert -125 < low < high < 125


def test_exact_values_are_pooled_like_published_means():
    studies = {"a": normal(1, 20, 30), "b": normal(2, 30, 45), "c": normal(3, 12, 20)}
    found = finding_of(studies)
    means_, errors = zip(*[(np.mean(y), stats.sem(y)) for y in studies.values()], strict=True)
    pooled = pool(means_, np.square(errors), knapp_hartung="adhoc")
    e = found.estimate
    assert (e.value, e.ci_low, e.ci_high, e.p_value, e.std_error) == pytest.approx(
        (pooled.estimate, pooled.ci_low, pooled.ci_high, pooled.p_value, pooled.std_error)
    )
    assert not any("class" in note for note in found.notes)
    alone = finding_of({"a": studies["a"]}).estimate
    low, high = stats.t.interval(0.95, 19, means_[0], errors[0])
    assert (alone.ci_low, alone.ci_high) == pytest.approx((low, high))
    assert alone.p_value == pytest.approx(stats.ttest_1samp(studies["a"], 0).pvalue)


def test_knowing_less_never_narrows_the_interval():
    exact = {"a": normal(1, 20, 30), "b": normal(2, 30, 45), "c": normal(3, 12, 20)}
    coarse = {k: [(-100.0, 100.0) for _ in y] for k, y in exact.items()}
    one, two = finding_of(exact).estimate, finding_of(coarse).estimate
    assert two.ci_low <= one.ci_low
    assert two.ci_high >= one.ci_high
    assert two.p_value == 1
    assert two.value == 0


def test_small_studies_are_left_out_and_named():
    studies = {"a": normal(1, 20, 30), "b": normal(2, 30, 45), "tiny": normal(3, 4, 20)}
    found = finding_of(studies)
    assert found.n_patients == 50
    assert "1 study of fewer than 5 patients left out: tiny" in found.notes
    nothing = finding_of({"a": normal(1, 4, 30), "b": normal(2, 3, 45)})
    assert nothing.verdict == "not testable"
    assert "no study has 5 or more patients" in nothing.reason


def test_a_study_without_spread_is_given_that_of_the_others():
    found = finding_of({"a": normal(1, 20, 30), "same": [40.0] * 9})
    part = next(p for p in found.parts if p.label == "same")
    reach = stats.t.ppf(0.975, 8) * np.std(normal(1, 20, 30), ddof=1) / 3
    assert (part.ci_low, part.ci_high) == pytest.approx((40 - reach, 40 + reach))
    nothing = finding_of({"a": [20.0] * 6, "b": [40.0] * 9})
    assert "the spread is not known" in nothing.reason


def test_sites_of_a_patient_are_averaged():
    one = sheet_of({"a": normal(1, 20, 30), "b": normal(2, 30, 45)})
    two = pd.concat([one.assign(site_id="left"), one.assign(site_id="right")])
    study = {"design": "registry", "cluster": "clinic_id", "assessor": "blinded"}
    found = [mn.evaluate(mn.load(x, study=study), "reduces-scarring")[0] for x in (one, two)]
    assert found[0].estimate.ci_low == pytest.approx(found[1].estimate.ci_low)
    assert (found[1].n_patients, found[1].n_sites) == (50, 100)


def test_a_score_apart_from_the_middle_is_taken_as_known():
    frame = sheet_of({"a": [(0.0, 50.0)] * 3})
    frame["improvement_score"] = [25.0, 0.0, 40.0]
    low, high = class_ends(frame)
    assert list(zip(low, high, strict=True)) == [(0, 50), (0, 0), (40, 40)]


def test_the_p_value_belongs_to_the_end_nearest_to_no_effect():
    frame = sheet_of({k: [(30.0, 50.0)] * 9 + [(50.0, 80.0)] * 9 for k in "abcd"})
    studies = study_means(frame, 0.95)
    found = pool_studies(studies, 0.95)
    lower = pool([s.low for s in studies], [s.std_error**2 for s in studies], knapp_hartung="adhoc")
    assert found.p_value == lower.p_value
    assert math.isnan(found.std_error)


def test_shares_hold_whatever_the_true_values_are(findings):
    parts = {p.label: p for p in findings["reduces-scarring"].parts if p.kind == "share"}
    half = parts["share with 50 % improvement or more"]
    exact = proportion(32, 71)
    assert (half.value, half.ci_low, half.ci_high) == pytest.approx(
        (100 * exact.estimate, 100 * exact.ci_low, 100 * exact.ci_high)
    )
    # nine patients of the class 0-50 may or may not have reached 25
    quarter = parts["share with 25 % improvement or more"]
    assert quarter.ci_low == pytest.approx(100 * proportion(32, 71).ci_low)
    assert quarter.ci_high == pytest.approx(100 * proportion(41, 71).ci_high)
    notes = findings["reduces-scarring"].notes
    assert any("between 32 and 41 of 71 patients" in n and "3 studies" in n for n in notes)
    grades = parts["share better by 2 grades or more"]
    assert grades.n == 50
    assert grades.value == pytest.approx(44)
    assert any("better by 2 grades or more: 22 of 50" in n and "Khalid 2019" in n for n in notes)


@pytest.mark.parametrize("claim", TESTED)
def test_findings_are_drawn_and_said(findings, claim):
    finding = findings[claim]
    assert mn.plot(finding).alt
    assert finding.estimate.method in caption(finding)
    assert alt_text(finding)
    drawn = figure_data(finding)
    assert len(drawn) == 1 + len(finding.parts)


def test_the_usual_cohorts_keep_their_analysis(clinic):
    finding = mn.evaluate(clinic, "reduces-scarring")[0]
    assert not [p for p in finding.parts if p.kind in ("study", "share")]


def test_order_of_rows_is_nothing(patients, findings):
    mixed = patients.data.sample(frac=1, random_state=4).reset_index(drop=True)
    study = {"design": "registry", "cluster": "clinic_id", "assessor": "unclear"}
    again = mn.evaluate(mn.load(mixed, study=study), "treats-sun-damage")[0]
    assert again.estimate.value == pytest.approx(findings["treats-sun-damage"].estimate.value)


def test_sensitivity_shows_both_engines(patients):
    table = mn.evaluate(patients, "treats-acne-scars").sensitivity(["model", "margins"])
    assert "least squares" in table["choice"].iloc[-1] or "least squares" in table["choice"].iloc[0]
    assert "supported" not in set(table["verdict"])
