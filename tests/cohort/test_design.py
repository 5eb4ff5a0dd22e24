"""The design: declared or inferred, it decides which model runs and what may be said."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.study.design import infer_design


def sites(n, **columns):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:02}" for i in range(n)],
            "site_id": "left",
            "scar_type": "acne_mixed",
            "needle_depth_mm": 1.0,
            "session_count": 3,
            "treatment": "needling",
            "improvement_score": rng.integers(10, 60, n),
        }
    ).assign(**columns)


def other_side(sheet, **columns):
    return sheet.assign(site_id="right", **columns)


@pytest.mark.parametrize(
    ("sheet", "design"),
    [
        (sites(12), "single_arm"),
        (pd.concat([sites(12), other_side(sites(12))]), "single_arm"),
        (pd.concat([sites(12), other_side(sites(12), adjunct="prp")]), "split_body"),
        (pd.concat([sites(12), other_side(sites(5), adjunct="prp")]), "registry"),
        (sites(12, treatment=["needling", "untreated"] * 6, needle_depth_mm=np.nan), "registry"),
        (sites(12, treatment=["needling"] * 9 + ["laser"] * 3, needle_depth_mm=0), "single_arm"),
    ],
)
def test_the_design_is_inferred_from_who_received_what(sheet, design):
    cohort = mn.load(sheet)
    assert cohort.study.design == design
    assert infer_design(cohort.data)[0] == design
    assert not cohort.study.design_declared
    assert "(inferred)" in repr(cohort)
    assert any("is inferred" in note for note in cohort.notes)


def test_an_inferred_design_is_said_beside_every_answer():
    found = mn.evaluate(mn.load(sites(12)), "reduces-scarring")[0]
    assert any("single arm is inferred" in note for note in found.notes)
    declared = mn.load(sites(12), study={"design": "single_arm"})
    assert not any("inferred" in n for n in mn.evaluate(declared, "reduces-scarring")[0].notes)


def test_parallel_arms_are_never_inferred():
    sheet = sites(12, treatment=["needling", "untreated"] * 6, needle_depth_mm=np.nan)
    assert mn.evaluate(mn.load(sheet), "reduces-scarring")[0].comparison == "observational"


def visits_of_two_sides():
    """Twelve patients, two sides with their own level, three sessions each."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(12):
        person = rng.normal(0, 8)
        for side, adjunct in (("left", "none"), ("right", "prp")):
            own = rng.normal(0, 8)
            for session in (1, 2, 3):
                score = 10 + 5 * session + person + own + rng.normal(0, 3)
                rows.append((f"P{i:02}", side, adjunct, session, round(score, 1)))
    names = ["patient_id", "site_id", "adjunct", "session_count", "improvement_score"]
    return pd.DataFrame(rows, columns=names).assign(
        scar_type="acne_mixed", needle_depth_mm=1.5, treatment="needling"
    )


def test_visits_of_two_sides_have_intercepts_of_patients_and_of_sites():
    sheet = visits_of_two_sides()
    cohort = mn.load(sheet, study={"design": "split_body", "randomised": True})
    asked = mn.evaluate(cohort, "more-sessions")
    found = asked[0]
    assert (found.n_patients, found.n_sites) == (12, 24)
    (mixed,) = asked.sensitivity("model").to_dict("records")
    mean = sheet.groupby("patient_id")["session_count"].transform("mean")
    X = pd.DataFrame({"intercept": 1.0, "within": sheet["session_count"] - mean})
    fit = mn.stats.nested_intercepts(
        sheet["improvement_score"], X, sheet["patient_id"], sheet["site_id"]
    )
    slope = fit.contrast([0, 1])
    assert mixed["estimate"] == pytest.approx(slope.estimate)
    assert (mixed["ci_low"], mixed["ci_high"]) == pytest.approx((slope.ci_low, slope.ci_high))


def test_an_endpoint_is_one_number_a_site():
    cohort = mn.load(visits_of_two_sides(), study={"design": "split_body", "randomised": True})
    found = mn.evaluate(cohort, "topical-adjunct")[0]
    assert (found.n_patients, found.n_sites) == (12, 24)
    assert found.estimate.df == pytest.approx(11)


def dose_trial():
    depths = [0.5] * 10 + [2.0] * 10
    return pd.concat([sites(20, needle_depth_mm=depths, adjunct=["none", "prp"] * 10)])


def test_what_chance_decided_can_be_declared():
    study = {"design": "parallel", "randomised": True}
    plan = {"plan": {"thresholds": {"deeper-needling": {"threshold_mm": 1.0}}}}
    usual = mn.evaluate(mn.load(dose_trial(), study={**study, **plan}), "deeper-needling")[0]
    assert usual.comparison == "observational"
    declared = {**study, **plan, "randomised_by": ["needle_depth_mm"]}
    findings = mn.evaluate(mn.load(dose_trial(), study=declared))
    assert findings["deeper-needling"].comparison == "randomised"
    assert findings["topical-adjunct"].comparison == "observational"


@pytest.mark.parametrize(
    ("study", "key"),
    [
        ({"design": "single_arm", "randomised": True}, "randomised"),
        ({"randomised": True, "randomised_by": ["luck"]}, "luck"),
        ({"randomised_by": ["treatment"]}, "empty unless"),
        ({"randomised": True, "randomised_by": "treatment"}, r"a \[list\]"),
    ],
)
def test_a_randomisation_that_cannot_be_is_a_problem(study, key):
    with pytest.raises(mn.DataError, match=key):
        mn.load(sites(12), study=study)


@pytest.mark.parametrize(("blinded", "assessor"), [(True, "blinded"), (False, "unblinded")])
def test_blinded_is_the_short_way_to_say_who_rated(blinded, assessor):
    cohort = mn.load(sites(12), study={"design": "single_arm", "blinded": blinded})
    assert cohort.study.assessor == assessor
    notes = mn.evaluate(cohort, "reduces-scarring")[0].notes
    assert any("rater knew" in note for note in notes) is not blinded


@pytest.mark.parametrize("study", [{"blinded": "yes"}, {"blinded": True, "assessor": "self"}])
def test_blinding_that_contradicts_itself_is_a_problem(study):
    with pytest.raises(mn.DataError, match="blinded"):
        mn.load(sites(12), study=study)
