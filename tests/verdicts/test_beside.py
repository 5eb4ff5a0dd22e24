"""Beside a comparison of arms: responders, how alike two sides are, grades."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn

DESIGN = {"design": "parallel", "randomised": True}


def arms(scores, **more):
    """One finished site a patient: needled and untreated, with these scores."""
    rows = []
    for treatment, values in scores.items():
        for i, score in enumerate(values):
            rows.append(
                {
                    "patient_id": f"{treatment[:2].upper()}{i:02}",
                    "scar_type": "acne_mixed",
                    "needle_depth_mm": 1.5 if treatment == "needling" else np.nan,
                    "session_count": 3 if treatment == "needling" else 0,
                    "treatment": treatment,
                    "improvement_score": score,
                }
            )
    return pd.DataFrame(rows).assign(**more)


@pytest.fixture
def trial():
    needled = [5, 12, 30, 44, 25, 18, 9, 33, 21, 15]
    untreated = [0, 4, 11, -3, 6, 8, 2, 14, 1, 5]
    return arms({"needling": needled, "untreated": untreated})


def finding(sheet, claim="reduces-scarring", **study):
    return mn.evaluate(mn.load(sheet, study={**DESIGN, **study}), claim)[0]


def part(found, label):
    return next(p for p in found.parts if label in p.label)


def test_responders_are_compared_by_newcombe_and_counted(trial):
    found = finding(trial)
    share = part(found, "share with 10 points or more")
    expected = mn.stats.risk_difference(8, 10, 2, 10)
    assert share.value == pytest.approx(100 * expected.estimate)
    assert (share.ci_low, share.ci_high) == pytest.approx(
        (100 * expected.ci_low, 100 * expected.ci_high)
    )
    (note,) = (n for n in found.notes if "10 points or more" in n)
    assert "8 of 10 patients against 2 of 10 patients" in note
    assert "number needed to treat" in note


def test_the_plan_says_what_is_worthwhile(trial):
    found = finding(trial, plan={"margins": {"reduces-scarring": 20}})
    assert part(found, "share with 20 points or more").value == pytest.approx(50)


def test_without_randomisation_nothing_is_needed_to_treat(trial):
    found = finding(trial, randomised=False)
    assert not any("number needed" in note for note in found.notes)
    assert any("not adjusted" in note for note in found.notes)


def test_two_sides_say_how_alike_they_are():
    rng = np.random.default_rng(4)
    own = rng.normal(30, 10, 12)
    left, right = own + rng.normal(0, 4, 12), own + 8 + rng.normal(0, 4, 12)
    sheet = pd.concat(
        [
            arms({"needling": left}, site_id="left", adjunct="none"),
            arms({"needling": right}, site_id="right", adjunct="prp"),
        ]
    )
    found = finding(sheet, "topical-adjunct", design="split_body")
    r, spread = np.corrcoef(left, right)[0, 1], np.std(right - left, ddof=1)
    (note,) = (n for n in found.notes if "correlation of the two sides" in n)
    assert f"{r:.2f}" in note
    assert f"{spread:.1f}" in note
    assert any("carry-across" in n for n in found.notes)


def test_grades_get_ordinal_methods_beside_the_percentage(trial):
    gained = [1, 1, 2, 2, 1, 0, 0, 2, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    found = finding(trial.assign(grade_change=gained))
    chance = part(found, "more grades than untreated")
    expected = mn.stats.probability_of_superiority(gained[:10], gained[10:], paired=False)
    assert (chance.value, chance.ci_low) == pytest.approx((expected.estimate, expected.ci_low))
    assert any("better by one grade or more: 8 of 10 patients" in n for n in found.notes)
    assert any("odds ratio of gaining more grades" in n for n in found.notes)


def test_grades_alone_are_no_percentage(trial):
    sheet = trial.assign(improvement_score=np.nan, grade_change=1)
    found = finding(sheet)
    assert found.verdict == "not testable"
    assert "a grade is no percentage" in found.reason


def test_a_claim_of_ones_own_can_ask_about_grades(trial):
    own = {
        "title": "Scars gain half a grade", "analysis": "level", "rule": "above", "margin": 0.5,
        "params": {"outcome": "grade_change", "before_after": True},
    }  # fmt: skip
    sheet = trial[trial["treatment"] == "needling"].assign(
        improvement_score=np.nan, grade_change=[1, 1, 2, 2, 1, 0, 0, 2, 1, 1]
    )
    cohort = mn.load(sheet, study={"design": "single_arm", "claims": {"half-a-grade": own}})
    found = mn.evaluate(cohort, "half-a-grade")[0]
    assert found.estimate.value == pytest.approx(1.1)
    assert found.comparison == "uncontrolled"
    assert found.verdict != "supported"
