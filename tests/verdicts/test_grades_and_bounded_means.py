"""Two arms compared by grades, and means of bounded measures held against a limit."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.stats.measurement.skewed_mean import skewed_mean

ARMS = {"treated": {"treatment": ["needling"]}, "reference": {"treatment": ["untreated"]}}
BETTER = {
    "title": "Needling gains more grades", "analysis": "grades", "rule": "superiority",
    "margin": 0.6, "params": ARMS,
}  # fmt: skip
PAIN = {"pain": {"title": "Pain is mild", "like": "little-pain"}}


def trial(grades, **more):
    """One finished site a patient, with these grades gained."""
    rows = [
        {"patient_id": f"{arm[:2].upper()}{i:02}", "treatment": arm, "grade_change": grade,
         "session_count": 3 * (arm == "needling"), "weeks": 24.0}
        for arm, own in grades.items() for i, grade in enumerate(own)
    ]  # fmt: skip
    fixed = {"scar_type": "acne_mixed", "improvement_score": np.nan}
    sheet = pd.DataFrame(rows).assign(**fixed, **more)
    return sheet.assign(needle_depth_mm=np.where(sheet["treatment"] == "needling", 1.5, np.nan))


def finding(sheet, own=None, **study):
    usual = {"design": "parallel", "randomised": True, "claims": {"grades": own or BETTER}}
    return mn.evaluate(mn.load(sheet, study={**usual, **study}), "grades")[0]


NEEDLED = [2, 2, 1, 3, 2, 1, 2, 3, 2, 1, 2, 2]
UNTREATED = [0, 1, 0, 1, 0, 0, 1, 2, 0, 1, 0, 1]


def test_grades_of_two_arms_are_judged_by_brunner_and_munzel():
    found = finding(trial({"needling": NEEDLED, "untreated": UNTREATED}))
    expected = mn.stats.brunner_munzel(NEEDLED, UNTREATED)
    for ours, theirs in (("value", "estimate"), *((x, x) for x in ("ci_low", "ci_high", "df"))):
        assert getattr(found.estimate, ours) == pytest.approx(getattr(expected, theirs))
    assert found.estimate.p_value == pytest.approx(expected.p_value)
    assert (found.null, found.in_full, found.week) == (0.5, "supported", 24)
    assert found.estimate.unit == "chance, 0.5 is no difference"
    assert "Brunner-Munzel" in found.estimate.method


@pytest.mark.parametrize(
    ("needled", "untreated", "verdict"),
    [
        (UNTREATED, NEEDLED, "contradicted"),
        (UNTREATED, UNTREATED, "inconclusive"),
        (UNTREATED * 20, UNTREATED * 20, "too small to matter"),
        (([1] * 7 + [2] * 3) * 9, ([0] * 2 + [1] * 6 + [2] * 2) * 9, "partly supported (size)"),
    ],
)  # fmt: skip
def test_every_verdict_is_possible(needled, untreated, verdict):
    assert finding(trial({"needling": needled, "untreated": untreated})).in_full == verdict


def test_swapped_arms_and_a_turned_outcome_mirror_the_chance():
    sheet = trial({"needling": NEEDLED, "untreated": UNTREATED})
    usual = finding(sheet).estimate
    swapped = {"treated": ARMS["reference"], "reference": ARMS["treated"]}
    for params in (swapped, {**ARMS, "better": "lower"}):
        found = finding(sheet, {**BETTER, "params": params}).estimate
        assert (found.value, found.ci_low) == pytest.approx((1 - usual.value, 1 - usual.ci_high))


def test_arms_that_do_not_overlap_have_limits_still():
    found = finding(trial({"needling": [2, 3] * 6, "untreated": [0, 1] * 6})).estimate
    expected = mn.stats.probability_of_superiority([2, 3] * 6, [0, 1] * 6, paired=False)
    assert (found.value, found.ci_low) == pytest.approx((1.0, expected.ci_low))
    assert "Newcombe" in found.method


def test_groups_that_were_not_randomised_are_capped_and_said_to_be():
    sheet = trial({"needling": NEEDLED, "untreated": UNTREATED})
    found = finding(sheet, randomised=False)
    assert found.in_full == "partly supported (cause)"
    assert any("not adjusted" in said for said in found.notes)


def test_sides_of_a_body_are_pairs():
    needled = trial({"needling": NEEDLED}, site_id="left")
    other = trial({"untreated": UNTREATED}, site_id="right")
    other["patient_id"] = other["patient_id"].str.replace("UN", "NE")
    both = pd.concat([needled, other], ignore_index=True)
    found = finding(both, design="split_body", carry_over=False)
    expected = mn.stats.probability_of_superiority(NEEDLED, UNTREATED, paired=True)
    assert (found.estimate.value, found.estimate.ci_low) == pytest.approx(
        (expected.estimate, expected.ci_low)
    )
    assert (found.n_patients, found.n_sites) == (12, 24)


def test_lost_sites_and_small_arms_are_counted():
    lost = [*NEEDLED[:-1], np.nan]
    found = finding(trial({"needling": lost, "untreated": UNTREATED}))
    assert (found.n_missing, found.n_patients) == (1, 23)
    few = finding(trial({"needling": NEEDLED, "untreated": UNTREATED[:4]}))
    assert few.verdict == "not testable"


@pytest.mark.parametrize("margin", [0.1, 1.0, 60])
def test_a_margin_that_is_no_chance_is_refused(margin):
    sheet = trial({"needling": NEEDLED, "untreated": UNTREATED})
    with pytest.raises(mn.DataError, match=r"a chance from 0\.5"):
        finding(sheet, {**BETTER, "margin": margin})
    with pytest.raises(mn.DataError, match=r"plan\.margins\.grades"):
        finding(sheet, plan={"margins": {"grades": margin}})


def test_smaller_and_larger_margins_lie_on_the_side_of_the_claim():
    sheet = trial({"needling": NEEDLED, "untreated": UNTREATED})
    cohort = mn.load(
        sheet, study={"design": "parallel", "randomised": True, "claims": {"grades": BETTER}}
    )
    rows = mn.evaluate(cohort, "grades").sensitivity()
    margins = rows.loc[rows["check"] == "margins", "margin"]
    assert margins.min() == pytest.approx(0.55)
    assert margins.max() == pytest.approx(0.7)


# A mean of a bounded measure against a limit


def pains(values):
    rows = {"patient_id": [f"P{i:03}" for i in range(len(values))], "pain_score": values}
    return pd.DataFrame(rows).assign(
        scar_type="acne_mixed", needle_depth_mm=1.5, session_count=1, improvement_score=10.0,
        treatment="needling",
    )  # fmt: skip


def pain(sheet, margin):
    own = {"mild": {"title": "Pain is mild", "like": "little-pain", "margin": margin}}
    return mn.evaluate(mn.load(sheet, study={"design": "single_arm", "claims": own}), "mild")[0]


SKEWED = [0.5] * 30 + [1.0] * 10 + [2.0] * 4 + [6.0, 8.0, 9.0]


def test_t_and_halls_limits_both_have_to_keep_the_mean_below():
    hall = skewed_mean(SKEWED)
    usual = pain(pains(SKEWED), 5).estimate
    assert usual.ci_high < hall.ci_high
    assert pain(pains(SKEWED), hall.ci_high + 0.01).verdict == "supported"
    between = pain(pains(SKEWED), (usual.ci_high + hall.ci_high) / 2)
    assert between.estimate == pain(pains(SKEWED), between.margin).estimate
    assert between.verdict == "inconclusive"
    assert "skewed" in between.reason
    assert pain(pains(SKEWED), (usual.ci_low + hall.ci_low) / 2).verdict == "inconclusive"
    assert pain(pains(SKEWED), usual.ci_low - 0.01).verdict == "contradicted"


def test_few_patients_of_whom_many_lie_at_an_end_are_inconclusive():
    for n, zeros, verdict in ((30, 4, "inconclusive"), (30, 3, "supported"), (40, 9, "supported")):
        values = [0.0] * zeros + list(np.linspace(1, 2, n - zeros))
        assert pain(pains(values), 4).verdict == verdict
    top = [10.0] * 6 + [9.0, 9.5] * 10
    assert pain(pains(top), 4).verdict == "inconclusive"


def test_patients_count_by_their_means():
    def twice(first, second):
        rows = [pains(first), pains(second).assign(session_count=2)]
        return pd.concat(rows, ignore_index=True)

    sheet = twice([0.0] * 20 + [1.0] * 10, [1.0, 2.0] * 15)
    assert pain(sheet, 4).verdict == "supported"  # no patient's mean lies at an end
    same = pain(twice([0.0] * 12, [2.0] * 12), 4)  # one mean, no spread: refused as before
    assert same.verdict == "not testable"


@pytest.mark.slow
def test_a_skewed_mean_at_the_limit_is_hardly_ever_called_below_it():
    rng = np.random.default_rng(11)
    t, both, reps = 0, 0, 4000
    for _ in range(reps):
        values = np.minimum(rng.exponential(1.0, 30), 8.0)
        high = values.mean() + 2.045 * values.std(ddof=1) / np.sqrt(30)
        t += high < 1 - np.exp(-8)
        both += max(high, skewed_mean(values).ci_high) < 1 - np.exp(-8)
    error = np.sqrt(both / reps * (1 - both / reps) / reps)
    print(
        f"t alone {100 * t / reps:.1f} %, t and Hall {100 * both / reps:.1f} +- {100 * error:.1f}"
    )
    # Hall's limits are right to the order of 1/n: not wholly at 30 skewed patients
    assert both / reps < 0.035 + 2 * error
    assert t / reps > 0.05
