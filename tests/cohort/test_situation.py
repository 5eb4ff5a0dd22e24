"""What breaks verdicts, drawn on purpose: each option does what it says, and only that."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.simulate.design import usual
from mnstudy.cohort.simulate.situation import Situation
from mnstudy.cohort.study.selection import selection_problems
from mnstudy.cohort.table import OUTCOMES, Followed
from mnstudy.cohort.weeks import LAST

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
        {"clinics": 5, "clinics_differ": 8.0},
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
    plain, wide = means(drawn())["std"], means(drawn(spreads={"needling": 2.0}))["std"]
    assert wide["untreated"] == pytest.approx(plain["untreated"])
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
    same = {k: entry for k, entry in usual.study.truth.items() if k != "weeks-to-results"}
    assert later.study.truth == same
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
    cohort = drawn(20_000, truth={})
    first = cohort.data[cohort.data["weeks"].eq(4) & cohort.data["treatment"].eq("needling")]
    share = first["improvement_score"].ge(10).mean()
    error = np.sqrt(share * (1 - share) / len(first))
    told_share = cohort.study.truth["weeks-to-results"]["effect"] / 100
    assert share == pytest.approx(told_share, abs=4 * error)
    assert "situation={'skewness': 2.0}" in told(skewness=2.0).source


# --- ends of the scale ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "situation",
    [
        {"ceiling": 30.0},
        {"ceiling": 40.0, "floor": 0.0},
        {"floor": -5.0, "spreads": {"needling": 2.0}},
        {"ceiling": 50.0, "floor": 0.0, "step": 25.0, "natural_course": 5.0},
        {"ceiling": 30.0, "clinics": 50, "clinics_differ": 20.0},
        {"ceiling": 40.0, "rater_error": 15.0, "lost": 0.1},
        {"ceiling": 40.0, "slopes_differ": 3.0},
        {"ceiling": 40.0, "lesions": 2, "lesions_differ": 25.0},
    ],
    ids=str,
)
def test_a_mean_cut_at_the_ends_is_still_the_one_told(situation):
    truth = {"reduces-scarring": 20.0, "severity-matters": -3.0, "skin-type-matters": 6.0}
    cohorts = [drawn(6000, truth=truth, rng=seed, **situation) for seed in range(5)]
    found = [means(cohort) for cohort in cohorts]
    ends = situation.get("floor", -100.0), situation.get("ceiling", 100.0)
    scores = final(cohorts[0]).dropna(subset="improvement_score")
    assert scores["improvement_score"].between(*ends).all()
    at_end = scores["improvement_score"].isin(ends).groupby(scores["treatment"], observed=True)
    assert at_end.mean().max() > 0.2
    grade = usual("parallel").patients.sum(axis=0) @ np.arange(4)
    level = 4 + situation.get("natural_course", 0.0) - 3 * (grade - 1.5)
    arms = np.array([f["mean"] for f in found]) - [level + 20, level]
    # patients of a clinic are alike, lesions of a patient at most equal
    rows = situation.get("lesions", 1)
    own = np.sqrt([(f["std"] ** 2 / f["size"]) for f in found]).max() * np.sqrt(rows / 5)
    errors = np.maximum(arms.std(axis=0, ddof=1) / np.sqrt(5), own)
    np.testing.assert_array_less(np.abs(arms.mean(axis=0)), 4 * errors)
    gap = (arms[:, 0] - arms[:, 1]).mean()
    assert gap == pytest.approx(0.0, abs=4 * np.sqrt(2) * own)
    told = cohorts[0].study.truth
    assert told["reduces-scarring"]["effect"] == told["treats-acne-scars"]["effect"] == 20.0
    assert not {"more-sessions", "severity-matters", "weeks-to-results"} & told.keys()


@pytest.mark.parametrize("carry_over", [0.0, 0.5])
def test_two_sides_cut_at_a_ceiling_differ_by_the_topical(carry_over):
    truth = {"reduces-scarring": 20.0, "topical-adjunct": 12.0}
    more = {"carry_over": carry_over} if carry_over else {}
    cohort = drawn(20_000, design="split_body", truth=truth, ceiling=40.0, **more)
    side = final(cohort).pivot(index="patient_id", columns="adjunct", values="improvement_score")
    assert side["prp"].eq(40).mean() > 0.4
    gap = side["prp"] - side["none"]
    error = gap.std() / np.sqrt(len(gap))
    assert gap.mean() == pytest.approx(12 * (1 - carry_over), abs=4 * error)


def test_a_mean_beyond_the_ends_is_refused_with_its_remedy():
    with pytest.raises(ValueError, match=r"a mean of 23.8 points \(needling\) does not fit .* 20"):
        drawn(20, truth={"reduces-scarring": 20.0}, ceiling=20.0)


# --- who enters, who stops, who is given what -------------------------------------------------


@pytest.mark.parametrize(("share", "reliability"), [(0.3, 0.7), (0.8, 0.2)])
def test_the_selected_gain_by_chance_what_the_study_declares(share, reliability):
    usual = mn.simulate(20_000, design="single_arm", rng=5)
    situation = {"selected": share, "reliability": reliability}
    chosen = mn.simulate(20_000, design="single_arm", situation=situation, rng=5)
    declared = chosen.study.selection
    assert not selection_problems(declared)
    assert (declared["mean"], declared["reliability"]) == (100.0, reliability)
    first = chosen.data[chosen.data["weeks"].eq(0)].set_index("patient_id")["scale_score"]
    assert first.min() == declared["cut_off"]
    everybody = stats.norm(declared["mean"], declared["sd"])
    assert everybody.sf(declared["cut_off"]) == pytest.approx(share, abs=0.01)
    taken = mn.stats.expected_regression(
        mean=100, sd=30, reliability=reliability, cut_off=declared["cut_off"]
    )
    error = first.std() / np.sqrt(len(first))
    assert first.mean() == pytest.approx(taken.first_mean, abs=4 * error + 0.3)  # whole points
    # the truth is the usual one; what is seen lies higher by regression to the mean
    assert chosen.study.truth["reduces-scarring"] == usual.study.truth["reduces-scarring"]
    after = usual.data["weeks"].gt(0) & usual.data["improvement_score"].between(-50, 50)
    gain = (chosen.data["improvement_score"] - usual.data["improvement_score"])[after]
    back = (first - 100) * (1 - reliability)
    each = chosen.data["patient_id"].map(100 * back / first)[after]
    assert (gain - each).abs().max() <= 1.0
    assert gain.mean() == pytest.approx(each.mean(), abs=0.02)
    seen = chosen.data[chosen.data["improvement_score"].notna()]
    percent = 100 * (1 - seen["scale_score"] / seen["patient_id"].map(first))
    np.testing.assert_allclose(percent, seen["improvement_score"], atol=0.02)


def test_a_verdict_takes_a_recorded_selection_into_account():
    truth, found = {"reduces-scarring": 0.0, "more-sessions": 0.0}, {}
    for recorded in (True, False):
        situation = {"selected": 0.2, "reliability": 0.4, "selection_recorded": recorded}
        situation["natural_course"] = -4.0  # of the usual 4 nothing is left
        cohort = mn.simulate(150, design="single_arm", truth=truth, situation=situation, rng=1)
        found[recorded] = mn.evaluate(cohort, "reduces-scarring")[0]
    assert found[True].estimate.value == found[False].estimate.value > 15
    assert "regression to the mean alone would give" in " ".join(found[True].notes)
    assert found[True].verdict == "inconclusive"
    assert found[False].verdict == "partly supported"


def test_selection_leaves_comparisons_of_a_registry_alone():
    usual, chosen = (mn.simulate(3000, situation=s, rng=2) for s in ({}, {"selected": 0.2}))
    gain = (chosen.data["improvement_score"] - usual.data["improvement_score"])[
        usual.data["weeks"] > 0
    ]
    by_arm = gain.groupby(usual.data["treatment"], observed=True).agg(["mean", "std", "size"])
    error = (by_arm["std"] / np.sqrt(by_arm["size"])).max()
    assert by_arm["mean"].min() > 5
    assert np.ptp(by_arm["mean"]) < 6 * error


def test_who_reads_well_stops_and_nothing_else_changes():
    whole, stopped = drawn(), drawn(stop_when_good=20.0)
    key = ["patient_id", "site_id", "weeks"]
    columns = [*key, "improvement_score", "session_count"]
    both = stopped.data[columns].merge(whole.data[columns], on=key)
    assert len(both) == len(stopped.data)
    np.testing.assert_array_equal(both["improvement_score_x"], both["improvement_score_y"])
    np.testing.assert_array_equal(both["session_count_x"], both["session_count_y"])
    rows = stopped.data[stopped.data["treatment"].eq("needling")]
    last = rows.groupby("patient_id").tail(1)
    good = rows["improvement_score"].ge(20)
    assert not good[rows.index.difference(last.index)].any()
    left = last["session_count"].lt(4)
    assert good[last.index][left].all()
    assert 0.2 < left.mean() < 0.8
    assert stopped.data["treatment"].eq("untreated").sum() == whole.data["treatment"].eq(
        "untreated"
    ).sum()  # fmt: skip
    # those who stay are those who did badly; the last readings of those who stopped are good ones
    assert means(stopped)["mean"]["needling"] < means(whole)["mean"]["needling"] - 3
    slope = np.polyfit(last["session_count"].astype(float), last["improvement_score"], 1)[0]
    assert slope < -2


def test_the_truth_of_those_who_stop_is_that_of_the_whole_course():
    truth = {"reduces-scarring": 10.0, "rare-pih": 8.0}
    cohort = drawn(20_000, truth=truth, stop_when_good=20.0)
    assert cohort.study.truth["reduces-scarring"]["effect"] == 10.0
    assert not {"smooths-texture", "reduces-scar-depth"} & cohort.study.truth.keys()
    assert "weeks-to-results" in cohort.study.truth
    data = cohort.data[cohort.data["treatment"].eq("needling")]
    share = data.groupby("patient_id")["pih"].any().mean()
    assert share == pytest.approx(0.08, abs=4 * np.sqrt(0.08 * 0.92 / 10_000))
    # a visit is missing by what was seen before: weighted by that, the whole course is there
    wide = data.pivot_table(index="patient_id", columns="weeks", values="improvement_score")
    usual = drawn(20_000, truth=truth).data
    usual = usual[usual["treatment"].eq("needling")]
    all_of_them = usual.pivot_table(
        index="patient_id", columns="weeks", values="improvement_score"
    )  # fmt: skip
    stays = (all_of_them[[4, 8, 12]] < 20).all(axis=1)
    np.testing.assert_array_equal(wide[16].dropna(), all_of_them.loc[stays, 16])


@pytest.mark.parametrize("design", ["single_arm", "registry", "split_body"])
def test_stopping_fits_every_course(design):
    cohort = mn.simulate(300, design=design, situation={"stop_when_good": 30.0}, rng=4)
    whole = mn.simulate(300, design=design, rng=4)
    key = ["patient_id", "site_id", "weeks"]
    both = cohort.data[[*key, "improvement_score"]].merge(
        whole.data[[*key, "improvement_score"]], on=key
    )
    assert len(both) == len(cohort.data) < len(whole.data)
    pd.testing.assert_series_equal(
        both["improvement_score_x"], both["improvement_score_y"], check_names=False
    )
    assert mn.evaluate(cohort, "reduces-scarring")[0].verdict


def test_clinics_differ_and_have_both_arms():
    cohort = drawn(40_000, clinics=50, clinics_differ=6.0)
    rows = final(cohort)
    arms = rows.groupby("clinic_id", observed=True)["treatment"]
    assert rows["clinic_id"].nunique() == 50
    assert arms.nunique().eq(2).all()
    level = rows[rows["treatment"].eq("untreated")].groupby("clinic_id")["improvement_score"]
    # 49 degrees of freedom: 4 errors of a standard deviation are 0.4 of it
    assert level.mean().std() == pytest.approx(6.0, rel=0.4)
    assert "clinic_id" not in drawn(20).data


def test_confounded_by_severity_that_is_recorded():
    truth = {"severity-matters": -6.0}

    def gap(cohort, *, adjusted):
        data = Followed.of(cohort.data).assessed(OUTCOMES, LAST)
        data = data.dropna(subset="improvement_score")
        alone = data["treatment"].eq("needling") & data["adjunct"].eq("none")
        scars = ~data["scar_type"].isin(mn.claim("reduces-scarring").params["exclude_scar_types"])
        data = data[(alone | data["treatment"].eq("untreated")) & scars]
        arm = data["treatment"].eq("needling").to_numpy(float)
        dummies = pd.get_dummies(data["scar_type"].astype(str), dtype=float).to_numpy()
        columns = [arm, dummies]
        if adjusted:
            columns.append(data["baseline_severity"])
        x = np.column_stack(columns)
        y = data["improvement_score"].to_numpy()
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y
        return beta[0], np.sqrt(((y - x @ beta) ** 2).mean() * inverse[0, 0])

    confounded = mn.simulate(20_000, truth=truth, situation={"confounded": 1.0}, rng=6)
    grades = confounded.data.drop_duplicates("patient_id").groupby("treatment", observed=True)
    grades = grades["baseline_severity"].mean()
    assert grades["needling"] > grades["untreated"] + 0.5
    told = confounded.study.truth["reduces-scarring"]["effect"]
    crude, _ = gap(confounded, adjusted=False)
    found, error = gap(confounded, adjusted=True)
    assert crude < told - 2
    assert found == pytest.approx(told, abs=4 * error + 0.1)


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
        ("parallel", {"carry_over": 0.3}, "an effect in a split_body or crossover study only"),
        ("parallel", {"unrecorded": 5}, "unrecorded has an effect in a registry study only"),
        ("parallel", {"lost_by": "seen"}, "lost_by has no effect without lost"),
        ("parallel", {"lost": 0.1, "lost_by": "whim"}, "lost_by must be chance, seen, unseen"),
        ("single_arm", {"lost": 0.1, "lost_by": "seen"}, "lost_by tells two arms apart"),
        ("registry", {"regular_visits": True}, "no number of sessions for all"),
        ("parallel", {"regular_visits": 1}, "regular_visits must be true or false"),
        ("parallel", {"skewness": 99, "lesions": 0}, "skewness .*; lesions "),
        ("parallel", {"ceiling": 40}, "regular visits only: add regular_visits"),
        ("single_arm", {"ceiling": 40}, "effect in a parallel or split_body study only"),
        ("parallel", REGULAR | {"ceiling": 60, "step": 25, "skewness": 1}, "out; .* of 25"),
        ("parallel", REGULAR | {"floor": 5, "ceiling": 60.5}, "floor must be .*; .* multiples"),
        ("parallel", REGULAR | {"ceiling": 40, "stop_when_good": 50}, "above the ceiling"),
        ("parallel", {"selected": 0.2}, "in a single_arm or registry study only"),
        ("single_arm", {"selected": 1}, "selected must be a number from 0.01 to 0.95"),
        ("single_arm", {"reliability": 0.5}, "reliability has no effect without selected"),
        ("single_arm", {"selected": 0.2, "selection_recorded": 0}, "must be true or false"),
        ("parallel", {"clinics": 2.5}, "clinics must be a whole number from 2 to 50"),
        ("parallel", {"clinics_differ": 2.5}, "clinics_differ has no effect without clinics"),
        ("split_body", {"confounded": 1}, "confounded has an effect in a registry study only"),
        ("crossover", {"stop_when_good": 9}, "stop_when_good has an effect in a single_arm or"),
        ("crossover", {"lost": 0.1, "lost_by": "seen"}, "lost_by tells two arms apart"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_all_at_once(design, situation, message):
    with pytest.raises(ValueError, match=message):
        mn.simulate(5, design=design, situation=situation)
