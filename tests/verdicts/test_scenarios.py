"""Studies that would mislead: none may end in a supported claim about a cause, each says why.

Every scenario is a small clinic written out by hand, without an effect of what is claimed,
analysed the way its author hopes for.
"""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.verdicts.claims.registry import registry

CAUSAL = ("reduces", "works", "gives", "makes", "improves", "causes", "effective")


def sites(n, rng, *, site="site", score=30.0, patient_spread=12.0, first=0, patients=None):
    """One finished site a patient: score points on average, patients differing by their spread."""
    own = rng.normal(0, patient_spread, n) if patients is None else patients
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03}" for i in range(first, first + n)],
            "site_id": site,
            "scar_type": "acne_mixed",
            "needle_depth_mm": 1.5,
            "session_count": 3,
            "improvement_score": np.clip(score + own + rng.normal(0, 6, n), -100, 100),
        }
    )


def finding(sheet, claim, **study):
    return mn.evaluate(mn.load(sheet, study=study), claim)[0]


def assert_no_cause(found):
    assert found.verdict != "supported" or found.comparison in ("within", "rate")
    assert not set(found.wording.split()) & set(CAUSAL)
    assert found.reason


def two_sides(rng, *, gain=0.0, n=20):
    shared = rng.normal(0, 12, n)
    alone = sites(n, rng, site="left", patients=shared).assign(adjunct="none")
    with_serum = sites(n, rng, site="right", score=30 + gain, patients=shared)
    return pd.concat([alone, with_serum.assign(adjunct="prp")], ignore_index=True)


def test_halves_of_a_face_declared_as_two_groups():
    """Twenty faces are counted as forty patients: the declaration contradicts the table."""
    sheet = two_sides(np.random.default_rng(1), gain=20)
    found = finding(sheet, "topical-adjunct", design="parallel", randomised=True)
    assert found.verdict == "not testable"
    assert "20 patients have sites in both arms" in found.reason
    assert "split_body" in found.reason
    honest = finding(sheet, "topical-adjunct", design="split_body", randomised=True)
    assert honest.verdict == "supported"
    assert honest.n_patients == 20


def test_both_sides_improve_equally():
    """Each side improves by 30 points; that says nothing about the serum."""
    sheet = two_sides(np.random.default_rng(2))
    found = finding(sheet, "topical-adjunct", design="split_body", randomised=True)
    assert found.verdict in ("inconclusive", "contradicted")
    assert abs(found.estimate.value) < 5
    before_after = finding(sheet, "reduces-scarring", design="split_body", randomised=True)
    assert before_after.comparison == "uncontrolled"
    assert_no_cause(before_after)
    assert "no comparison group" in before_after.reason


def test_lesions_are_not_patients():
    """Eight patients with twelve lesions each; every other patient gets radiofrequency."""
    rng = np.random.default_rng(3)
    lesions = []
    for i, own in enumerate(rng.normal(0, 15, 8)):
        lesion = sites(12, rng, patient_spread=0, score=30 + own)
        lesion["patient_id"], lesion["site_id"] = f"P{i:03}", [f"lesion {k}" for k in range(12)]
        lesion["treatment"] = "rf_needling" if i % 2 else "needling"
        lesions.append(lesion)
    sheet = pd.concat([*lesions, sites(1, rng, first=90), sites(1, rng, first=91)])
    sheet["treatment"] = sheet["treatment"].fillna("rf_needling")
    sheet.loc[sheet["patient_id"] == "P091", "treatment"] = "needling"
    found = finding(sheet, "rf-combination", design="parallel", randomised=True)
    assert found.estimate.df < 10
    assert found.verdict == "inconclusive"
    assert (found.n_patients, found.n_sites) == (10, 98)


def test_the_worst_scars_selected_and_no_effect():
    """Regression to the mean alone: who is worst today is less bad at the next visit."""
    rng = np.random.default_rng(4)
    true = rng.normal(50, 10, 400)
    first, second = (true + rng.normal(0, 8, 400) for _ in range(2))
    worst = first > np.quantile(first, 0.85)
    change = 100 * (first[worst] - second[worst]) / first[worst]
    sheet = sites(int(worst.sum()), rng).assign(improvement_score=np.clip(change, -100, 100))
    found = finding(sheet, "reduces-scarring", design="single_arm")
    assert found.estimate.ci_low > 0, "regression to the mean should look like an effect here"
    assert found.verdict != "supported"
    assert_no_cause(found)
    assert any("regression to the mean" in note for note in found.notes)


def test_dose_given_by_severity_and_no_effect():
    """Worse scars get deeper needles and improve more by themselves."""
    rng = np.random.default_rng(5)
    n = 200
    severity = rng.integers(1, 5, n)
    deep = rng.random(n) < (severity - 0.5) / 4
    sheet = sites(n, rng).assign(
        baseline_severity=severity, needle_depth_mm=np.where(deep, 1.5, 0.2)
    )
    sheet["improvement_score"] += 6 * (severity - 2.5)
    found = finding(sheet, "deeper-needling", design="registry")
    crude = next(p for p in found.parts if p.label == "not adjusted")
    assert crude.ci_low > 0, "without adjustment depth should look effective here"
    assert found.verdict in ("inconclusive", "contradicted")
    assert any("confounding by indication" in note for note in found.notes)
    assert_no_cause(found)


def test_two_baseline_tests_are_never_a_comparison():
    """One arm improves beyond doubt, the other does not quite: that is no difference of arms."""
    rng = np.random.default_rng(6)
    needled = sites(40, rng, score=12).assign(treatment="needling")
    laser = sites(8, rng, score=9, first=50).assign(treatment="laser", needle_depth_mm=np.nan)
    sheet = pd.concat([needled, laser], ignore_index=True)
    alone = finding(needled, "reduces-scarring", design="single_arm")
    assert alone.estimate.ci_low > 0
    found = finding(sheet, "comparable-to-laser", design="registry")
    assert found.estimate.ci_low < 0 < found.estimate.ci_high
    assert found.verdict != "supported"


@pytest.mark.parametrize("design", ["single_arm", "registry", "parallel"])
def test_without_randomisation_no_wording_is_causal(clinic, design):
    data = clinic.data.drop_duplicates("patient_id", keep="last")
    for found in mn.evaluate(mn.load(data, study={"design": design})):
        if found.estimate is not None:
            assert_no_cause(found)


def test_only_randomised_wordings_speak_of_causes():
    for claim in registry().values():
        for comparison, words in claim.wording.items():
            if comparison != "randomised":
                assert not set(words.split()) & set(CAUSAL), claim.id
