"""What breaks verdicts, drawn on purpose: each option does what it says, and only that."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.simulate.situation import Situation

N = 4000
REGULAR = {"regular_visits": True}


def drawn(n=N, *, design="parallel", truth=None, rng=3, **situation):
    truth = {"reduces-scarring": 10.0, "severity-matters": 0.0} if truth is None else truth
    return mn.simulate(n, design=design, truth=truth, situation=REGULAR | situation, rng=rng)


def final(cohort):
    data = cohort.data
    return data[data["weeks"] == data["weeks"].max()]


def means(cohort):
    rows = final(cohort).dropna(subset="improvement_score")
    return rows.groupby("treatment", observed=True)["improvement_score"].agg(
        ["mean", "std", "size"]
    )


@pytest.mark.parametrize(
    "situation",
    [
        {},
        {"spreads": {"needling": 2.0}},
        {"skewness": 3.7},
        {"skewness": -2.0},
        {"autocorrelation": 0.7},
        {"slopes_differ": 3.0},
        {"lesions": 3, "lesions_differ": 6.0},
        {"rater_error": 5.0},
        {"step": 25.0},
        {"needled_share": 0.25},
        {"lost": 0.1},
    ],
    ids=str,
)
def test_no_situation_moves_the_difference_of_the_arms(situation):
    found = means(drawn(**situation))
    gap = found["mean"]["needling"] - found["mean"]["untreated"]
    error = np.sqrt((found["std"] ** 2 / found["size"]).sum())
    rows = situation.get("lesions", 1)
    assert gap == pytest.approx(10.0, abs=4 * error * np.sqrt(rows))


def test_spreads_are_factors_of_the_arms():
    usual, wide = means(drawn())["std"], means(drawn(spreads={"needling": 2.0}))["std"]
    assert wide["untreated"] == pytest.approx(usual["untreated"])
    # the types of scar differ in their effects, which no spread widens
    inner = means(drawn(truth={"scar-type-matters": 0.01, "severity-matters": 0.0}))["std"]
    twice = means(
        drawn(truth={"scar-type-matters": 0.01, "severity-matters": 0.0}, spreads={"needling": 2.0})
    )["std"]
    assert twice["needling"] == pytest.approx(2 * inner["needling"], rel=0.05)


@pytest.mark.parametrize("skewness", [3.0, -1.5])
def test_deviates_have_the_skewness_asked_for(skewness):
    grid = stats.norm.ppf((np.arange(2_000_000) + 0.5) / 2_000_000)
    found = Situation(skewness=skewness).deviate(grid)
    assert found.mean() == pytest.approx(0, abs=1e-3)
    assert found.std() == pytest.approx(1, abs=5e-3)
    assert stats.skew(found) == pytest.approx(skewness, rel=0.03)


def test_neighbouring_visits_are_alike_by_the_correlation():
    site = np.repeat(np.arange(50_000), 4)
    z = np.random.default_rng(1).standard_normal(len(site))
    rows = Situation(autocorrelation=0.6).follow(z, site).reshape(-1, 4)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=0.02)
    found = np.corrcoef(rows.T)
    assert found[0, 1] == pytest.approx(0.6, abs=0.02)
    assert found[0, 3] == pytest.approx(0.6**3, abs=0.02)


def test_slopes_differ_between_patients_and_lesions_between_sites():
    def spread_of_slopes(cohort):
        rows = cohort.data[cohort.data["treatment"].eq("needling") & cohort.data["weeks"].gt(0)]
        wide = rows.pivot_table(index="patient_id", columns="weeks", values="improvement_score")
        return (wide.iloc[:, -1] - wide.iloc[:, 0]).var() / 9

    more = [
        spread_of_slopes(drawn(slopes_differ=3.0, rng=seed)) - spread_of_slopes(drawn(rng=seed))
        for seed in range(4)
    ]
    assert np.mean(more) == pytest.approx(9.0, rel=0.1)
    rows = final(drawn(lesions=3, lesions_differ=6.0))
    rows = rows[rows["treatment"] == "needling"]
    assert set(rows["site_id"]) == {f"{s} {i}" for s in ("left", "right") for i in (1, 2, 3)}
    within = rows.groupby("patient_id")["improvement_score"].var().mean()
    plain = final(drawn(lesions=3))
    plain = plain[plain["treatment"] == "needling"]
    usual = plain.groupby("patient_id")["improvement_score"].var().mean()
    assert within - usual == pytest.approx(36.0, rel=0.15)


def test_steps_shares_and_rating_errors_are_those_asked_for():
    assert set(drawn(400, step=25.0).data["improvement_score"].dropna() % 25) == {0.0}
    arms = means(drawn(400, needled_share=0.25))["size"]
    assert arms.to_dict() == {"needling": 100, "untreated": 300}
    more = means(drawn(rater_error=8.0))["std"] ** 2 - means(drawn())["std"] ** 2
    assert more["untreated"] == pytest.approx(64.0, rel=0.15)


@pytest.mark.parametrize("how", ["chance", "seen", "unseen"])
def test_the_lost_stay_lost_and_leave_for_the_reason_given(how):
    cohort, whole = drawn(lost=0.1, lost_by=how), drawn()
    score = {}
    for name, own in (("lost", cohort), ("whole", whole)):
        rows = own.data[own.data["treatment"] == "needling"]
        score[name] = rows.pivot_table(
            index="patient_id", columns="weeks", values="improvement_score", dropna=False
        )
    missing = score["lost"].isna().to_numpy()
    assert not missing[:, :2].any()
    assert (missing == np.logical_or.accumulate(missing, axis=1)).all()
    left = missing[:, -1].mean()
    assert left == pytest.approx(1 - 0.9**3, abs=0.03)
    # those lost at the second visit after baseline did as badly there, or at the one before
    gone = missing[:, 2]
    before, there = (score["whole"].iloc[:, k] for k in (1, 2))
    gaps = [x[gone].mean() - x[~gone].mean() for x in (before, there)]
    if how == "chance":
        assert np.abs(gaps).max() < 2
    else:
        assert max(gaps) < -5
        assert gaps[how == "unseen"] == min(gaps)


def test_the_last_three_move_what_is_seen_and_not_the_truth():
    usual, later = drawn(), drawn(natural_course=7.0)
    moved = means(later)["mean"] - means(usual)["mean"]
    np.testing.assert_allclose(moved, 7.0, atol=0.05)
    assert later.study.truth == {**usual.study.truth}
    truth = {"topical-adjunct": 10.0}
    sides = [drawn(design="split_body", truth=truth, carry_over=share) for share in (0.0, 0.4)]
    gaps = []
    for cohort in sides:
        side = final(cohort).groupby(final(cohort)["adjunct"].eq("none"))["improvement_score"]
        gaps.append(side.mean()[False] - side.mean()[True])
        assert cohort.study.truth["topical-adjunct"]["effect"] == 10.0
    assert gaps == pytest.approx([10.0, 6.0], abs=0.4)
    cohorts = [mn.simulate(400, situation={"unrecorded": x}, rng=2).data for x in (0.0, 9.0)]
    gap = cohorts[1]["improvement_score"] - cohorts[0]["improvement_score"]
    after = cohorts[0]["weeks"] > 0
    needled = cohorts[0]["treatment"].eq("needling")
    assert gap[after & needled].median() == 9.0
    assert gap[after & ~needled].eq(0)[gap[after & ~needled].notna()].all()


def test_a_regular_study_has_one_final_week_for_all_and_the_whole_course():
    cohort = drawn(200)
    assert sorted(cohort.data["weeks"].unique()) == [0, 4, 8, 12, 16]
    assert cohort.study.plan.final_week == 16
    assert cohort.data.groupby("site_id").size().gt(0).all()
    assert cohort.data["improvement_score"].notna().all()


def test_the_truth_of_shares_is_left_out_where_it_is_another():
    def told(**situation):
        return mn.simulate(5, situation=situation, rng=1).study

    assert "weeks-to-results" in told().truth
    assert "weeks-to-results" in told(autocorrelation=0.5, lost=0.1).truth
    assert "weeks-to-results" not in told(skewness=2.0).truth
    assert "situation={'skewness': 2.0}" in told(skewness=2.0).source


def test_an_empty_situation_is_the_usual_study():
    one, other = mn.simulate(60, rng=4), mn.simulate(60, situation={}, rng=4)
    pd.testing.assert_frame_equal(one.data, other.data)
    assert one.study == other.study


@pytest.mark.parametrize(
    ("design", "situation", "message"),
    [
        ("parallel", {"skew": 2}, "no option 'skew'; nearest: skewness"),
        ("parallel", {"spreads": {"laser": 2.0}}, "no arm 'laser' .*; arms: needling, untreated"),
        ("single_arm", {"spreads": {"untreated": 2.0}}, "no arm 'untreated' in a single_arm study"),
        ("parallel", {"spreads": {"needling": -1}}, "factor of 0.1 to 10, not -1"),
        ("parallel", {"spreads": 2.0}, "spreads must name arms"),
        ("parallel", {"lesions": 1.5}, "lesions must be a whole number from 1 to 12, not 1.5"),
        ("parallel", {"skewness": "much"}, "skewness must be a number from -20 to 20, not 'much'"),
        ("parallel", {"step": True}, "step must be a number"),
        ("split_body", {"needled_share": 0.3}, "has an effect in a parallel study only"),
        ("parallel", {"carry_over": 0.3}, "carry_over has an effect in a split_body study only"),
        ("parallel", {"unrecorded": 5}, "unrecorded has an effect in a registry study only"),
        ("parallel", {"lost_by": "seen"}, "lost_by has no effect without lost"),
        ("parallel", {"lost": 0.1, "lost_by": "whim"}, "lost_by must be chance, seen, unseen"),
        ("single_arm", {"lost": 0.1, "lost_by": "seen"}, "lost_by tells two arms apart"),
        ("registry", {"regular_visits": True}, "no number of sessions for all"),
        ("parallel", {"regular_visits": 1}, "regular_visits must be true or false"),
        ("parallel", {"skewness": 99, "lesions": 0}, "skewness .*; lesions "),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_all_at_once(design, situation, message):
    with pytest.raises(ValueError, match=message):
        mn.simulate(5, design=design, situation=situation)
