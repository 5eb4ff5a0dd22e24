"""The guard against regression to the mean: what a study declares, and what is said beside it."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.study.selection import parse_selection, selection_problems
from mnstudy.stats.measurement.regression_to_mean import expected_regression, mee_chua
from mnstudy.stats.measurement.truncated_selection import truncated_normal

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "mee_chua.json").read_text())
METHODS = {"mee_chua": mee_chua, "truncated": truncated_normal}
GBQ = "Goodman-Baron quantitative"


# The statistics


def test_reference_grid_is_complete():
    kinds = [case["kind"] for case in REFERENCE["cases"]]
    assert kinds.count("mee_chua") == 36
    assert kinds.count("truncated") == 6
    ends = [case["expected"] for case in REFERENCE["cases"] if case["kind"] == "truncated"]
    assert any(end["mean_low"] == {} for end in ends), "an end that nothing bounds"
    assert any(end["mean_high"] == {} for end in ends)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["kind"])
def test_agrees_with_r(case):
    found = METHODS[case["kind"]](**case["options"])
    nothing_clear = case["expected"].get("mean_low") == case["expected"].get("mean_high") == {}
    for name, value in case["expected"].items():
        if value == {}:  # R found no end: there is none, or no mean at all
            expected = {"mean_low": -math.inf, "mean_high": math.inf}[name]
            ours = getattr(found, name)
            assert ours == expected or (nothing_clear and math.isnan(ours))
        else:
            # optimize() and uniroot() find ends of a likelihood to half the digits of a double
            rel = 1e-7 if case["kind"] == "truncated" else 1e-9
            assert getattr(found, name) == pytest.approx(value, rel=rel, abs=1e-10), name


pairs = st.lists(st.tuples(st.integers(30, 99), st.integers(5, 95)), min_size=4, max_size=15)


@given(pairs, st.integers(20, 80), st.sampled_from([2.0, 0.5, -1.0]))
def test_mee_chua_carries_over_units_and_mirrors(rows, mean, factor):
    x, y = np.array(rows, dtype=float).T
    assume(np.ptp(x) > 0)
    one, other = mee_chua(x, y, mean), mee_chua(factor * x, factor * y, factor * mean)
    assert other.estimate == pytest.approx(factor * one.estimate, abs=1e-9)
    assert other.std_error == pytest.approx(abs(factor) * one.std_error, abs=1e-9)


@given(pairs, st.integers(20, 80))
def test_mee_chua_does_not_depend_on_the_order_and_keeps_p_at_the_interval(rows, mean):
    x, y = np.array(rows, dtype=float).T
    assume(np.ptp(x) > 0)
    found, turned = mee_chua(x, y, mean), mee_chua(x[::-1], y[::-1], mean)
    assert turned.estimate == pytest.approx(found.estimate, abs=1e-9)
    assume(found.std_error > 1e-6 and 1e-4 < found.p_value < 0.4)
    at = mee_chua(x, y, mean, confidence_level=1 - found.p_value)
    nearer = at.ci_low if found.estimate > 0 else at.ci_high
    assert nearer == pytest.approx(0.0, abs=1e-6 * max(1.0, abs(found.estimate)))


def test_at_the_ends_of_the_means_the_interval_touches_zero():
    x = np.array([60, 64, 66, 71, 75, 78.0])
    y = np.array([52, 57, 60, 60, 66, 68.0])
    found = mee_chua(x, y, 55)
    for mean in (found.mean_low, found.mean_high):
        assert mee_chua(x, y, mean).ci_high == pytest.approx(0.0, abs=1e-9)
    assert mee_chua(x, y, (found.mean_low + found.mean_high) / 2).ci_high < 0
    assert mee_chua(x, y, found.mean_low - 1).ci_high > 0


def test_mee_chua_at_the_patients_own_mean_is_the_paired_change():
    rng = np.random.default_rng(4)
    x = rng.normal(60, 5, 30)
    y = x - 4 + rng.normal(0, 3, 30)
    found = mee_chua(x, y, x.mean())
    assert found.estimate == pytest.approx((y - x).mean())
    assert found.regression == 0


@given(st.lists(st.integers(1, 400), min_size=6, max_size=40), st.sampled_from([3.0, 0.1]))
def test_truncated_normal_mirrors_and_carries_over_units(values, factor):
    x = np.array(values, dtype=float)
    assume(np.ptp(x) > 0 and x.std() / x.mean() < 0.9)
    one = truncated_normal(x, cut_off=0)
    scaled = truncated_normal(5 + factor * x, cut_off=5)
    mirrored = truncated_normal(-x, cut_off=0, selected="below")
    assert scaled.mean == pytest.approx(5 + factor * one.mean, rel=1e-6, abs=1e-6)
    assert mirrored.mean == pytest.approx(-one.mean, rel=1e-9, abs=1e-9)
    assert mirrored.mean_low == pytest.approx(-one.mean_high, rel=1e-6)
    assert one.mean_low <= one.mean <= one.mean_high


def test_truncated_normal_finds_the_population_of_many():
    p = (np.arange(40_000) + 0.5) / 40_000
    from scipy.stats import norm

    x = norm.isf(p * norm.sf(0.5), 50, 10)
    found = truncated_normal(x, cut_off=55)
    assert found.mean == pytest.approx(50, abs=0.1)
    assert found.sd == pytest.approx(10, abs=0.05)
    assert found.share_selected == pytest.approx(norm.sf(0.5), abs=0.005)


def test_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match=r"1 of 4 values are not above 60: the cut-off was not"):
        truncated_normal([59, 61, 62, 65], cut_off=60)
    with pytest.raises(ValueError, match="far tail"):
        truncated_normal([1, 1, 1, 1, 1, 90], cut_off=0)
    with pytest.raises(ValueError, match="at least three"):
        truncated_normal([61, 61, 61], cut_off=60)
    with pytest.raises(ValueError, match="at least three patients"):
        mee_chua([1, 2, np.nan], [1, np.nan, 2], 0)
    with pytest.raises(ValueError, match="same length"):
        mee_chua([1, 2], [1, 2, 3], 0)


def test_missing_values_are_left_out_and_counted():
    assert mee_chua([60, 64, 66, 71, np.nan], [50, 61, 60, 66, 1], 50).n == 4
    assert truncated_normal([61, 63, 69, np.nan], cut_off=60).n == 3


# What a study file may say


def test_all_problems_of_a_selection_come_at_once():
    raw = {"reliability": [0.8, 0.6], "measure": "iq", "sd": -1, "by": 1, "selected": "up"}
    problems = selection_problems(raw)
    assert {p.column for p in problems} == {f"selection.{key}" for key in raw}
    assert all(p.remedy for p in problems)
    with pytest.raises(mn.DataError, match="5 problems"):
        mn.load(sheet(6), study={"selection": raw})


@pytest.mark.parametrize(
    ("raw", "column"),
    [
        ({"reliability": 0.7}, "selection.rule"),
        ({"rule": "severe", "sd": 1.0}, "selection.sd"),
        ({"rule": "severe", "selected": "below"}, "selection.selected"),
        ({"rule": "severe", "reliability": True}, "selection.reliability"),
        ({"rule": "severe", "reliability": 1.5}, "selection.reliability"),
        ({"rule": ""}, "selection.rule"),
    ],
)
def test_half_a_selection_is_said(raw, column):
    assert [p.column for p in selection_problems(raw)] == [column]


def test_a_good_selection_is_read():
    raw = {"rule": "grade 3 or 4", "reliability": 0.7, "mean": 2, "measure": "own"}
    assert selection_problems(raw, {"own": {}}) == []
    found = parse_selection(raw)
    assert (found.reliability, found.mean, found.cut_off) == ((0.7, 0.7), 2.0, None)
    assert parse_selection({}) is None


# What is said beside a single-arm change


def sheet(n, seed=1, reliability=0.7, effect=0.0, cut_off=60.0):
    """The first n people whose score exceeds the cut-off, scored again later."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(50, 10 * np.sqrt(reliability), 60 * n)
    noise = 10 * np.sqrt(1 - reliability)
    first, second = (truth + rng.normal(0, noise, len(truth)) for _ in range(2))
    chosen = np.flatnonzero(first > cut_off)[:n]
    before = np.minimum(first[chosen], 84)
    after = np.clip(second[chosen] - effect, 0, 84)
    base = pd.DataFrame(
        {
            "patient_id": [f"P{i:04}" for i in range(len(chosen))],
            "scar_type": "acne_rolling",
            "needle_depth_mm": 1.5,
            "baseline_severity": np.where(before > 66, 4, 3),
            "scale": GBQ,
        }
    )
    start = base.assign(session_count=0, improvement_score=0.0, scale_score=before)
    end = base.assign(
        session_count=3, improvement_score=100 * (before - after) / before, scale_score=after
    )
    return pd.concat([start, end], ignore_index=True)


def finding(data, claim="reduces-scarring", **study):
    cohort = mn.load(data, study={"design": "single_arm", **study})
    return mn.evaluate(cohort, claim)[claim]


def said(found):
    return " | ".join(found.notes)


def expected(found):
    return next((p for p in found.parts if p.kind == "expected"), None)


KNOWN = {"rule": "severe only", "measure": "scale_score", "mean": 50.0, "reliability": [0.6, 0.8]}


def test_without_a_selection_the_sentence_stays_and_says_what_to_declare():
    found = finding(sheet(40))
    assert "regression to the mean: this study cannot separate them" in said(found)
    assert "declare reliability, and mean or cut_off under [selection]" in said(found)
    assert expected(found) is None


def test_with_mean_and_reliability_the_size_stands_beside_the_change():
    data = sheet(40)
    found = finding(data, selection=KNOWN)
    part, first = expected(found), data.loc[data["session_count"] == 0, "scale_score"].mean()
    before = data.loc[data["session_count"] == 0, "scale_score"]
    own = stats.t.ppf(0.975, 39) * before.std() / np.sqrt(40)  # how far off the patients' mean is
    sizes = [
        -100
        / first
        * expected_regression(mean=50, reliability=r, selected_mean=first + away).expected_change
        for r, away in ((0.8, -own), (0.6, own), (0.7, 0))
    ]
    assert (part.ci_low, part.ci_high) == pytest.approx(tuple(sizes[:2]))
    assert part.value == pytest.approx(sizes[2])
    assert part.unit == found.estimate.unit
    assert f"regression to the mean alone would give {sizes[0]:.1f} to {sizes[1]:.1f} points" in (
        said(found)
    )
    assert "reliability 0.6 to 0.8" in said(found)
    assert "cannot separate" not in said(found)
    assert "natural course" in said(found)


def test_a_change_without_effect_is_not_larger_and_one_with_effect_is():
    assert "not clearly larger than that" in said(finding(sheet(60), selection=KNOWN))
    found = said(finding(sheet(60, effect=20), selection=KNOWN))
    assert "; the change is larger than that" in found


DEEP = {"rule": "450 um and over", "measure": "scar_depth_um", "cut_off": 450.0}
DEPTH = "reduces-scar-depth"


def depths(n, seed, effect=0.0):
    """The first n people with scars of 450 um or more (of a mean of 400), measured again."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(400, 100 * np.sqrt(0.5), 40 * n)
    first, second = (truth + rng.normal(0, 100 * np.sqrt(0.5), 40 * n) for _ in range(2))
    chosen = np.flatnonzero(first >= 450)[:n]
    base = pd.DataFrame({"patient_id": [f"P{i:04}" for i in range(n)], "needle_depth_mm": 1.5})
    base = base.assign(scar_type="acne_rolling", improvement_score=np.nan)
    after = np.maximum((1 - effect) * second[chosen], 0).round()
    rows = [base.assign(session_count=0, scar_depth_um=first[chosen].round())]
    return pd.concat([*rows, base.assign(session_count=3, scar_depth_um=after)], ignore_index=True)


def test_a_change_that_regression_may_explain_is_inconclusive():
    selection = {**DEEP, "reliability": [0.5, 0.5]}
    found = finding(depths(40, 1), DEPTH, selection=selection)
    assert found.estimate.ci_low > 0
    assert found.verdict == "inconclusive"
    assert "regression to the mean alone may give" in found.reason
    larger = finding(depths(40, 1, effect=0.7), DEPTH, selection=selection)
    assert larger.in_full == "partly supported (cause)"
    assert larger.estimate.ci_low > expected(larger).ci_high


def test_the_lowest_reliability_declared_decides():
    words = {
        low: finding(depths(60, 2, effect=0.08), DEPTH,
                     selection={**DEEP, "mean": 400.0, "reliability": [low, 0.9]}).verdict
        for low in (0.9, 0.2)
    }  # fmt: skip
    assert words == {0.9: "partly supported", 0.2: "inconclusive"}


def test_the_mean_before_selection_lies_within_the_range_of_the_measure():
    selection = {**DEEP, "reliability": 0.5}
    part = expected(finding(depths(12, 3), DEPTH, selection=selection))
    assert part.ci_high < 50 + 10  # half the way to no scar, and what is uncertain of their mean


@pytest.mark.parametrize(
    "selection",
    [
        {"rule": "deep"},
        {"rule": "deep", "measure": "scar_depth_um", "mean": 400.0},
        {**DEEP, "cut_off": 520.0, "reliability": 0.7},
        {"rule": "rough", "measure": "tone_score", "reliability": 0.7, "mean": 5.0},
    ],
)
def test_a_selection_that_tells_nothing_apart_holds_a_change_back(selection):
    found = finding(depths(40, 1), DEPTH, selection=selection)
    assert found.estimate.ci_low > 0
    assert found.verdict == "inconclusive"
    assert "cannot separate" in found.reason


def test_patients_chosen_by_grades_need_a_test_on_grades():
    selection = {"rule": "Goodman-Baron 3 or 4", "mean": 2.5, "reliability": [0.6, 0.8]}
    data = sheet(40, effect=30).drop(columns=["scale", "scale_score"])
    found = finding(data, selection=selection)
    assert found.verdict == "inconclusive"
    assert "cannot be told apart from regression to the mean" in found.reason
    gained = np.where(data["session_count"] > 0, 1.5 + 0.5 * (data.index % 2), 0)
    assert finding(data.assign(grade_change=gained), selection=selection).verdict == (
        "partly supported"
    )


def test_a_selection_on_the_wrong_side_does_not_hold_a_worsening_back():
    selection = {**DEEP, "mean": 400.0, "reliability": 0.5}
    assert finding(depths(40, 1, effect=-0.6), DEPTH, selection=selection).verdict == "inconclusive"
    either = {"title": "Depth changes", "like": DEPTH, "rule": "difference", "margin": 5}
    found = finding(depths(40, 1, -0.6), "either", selection=selection, claims={"either": either})
    assert found.verdict == "partly supported"


def test_without_a_selection_the_reliability_that_would_explain_the_change_is_named():
    data = depths(60, 4)
    found = finding(data, DEPTH)
    assert found.verdict == "partly supported"
    before = data.loc[data["session_count"] == 0, "scar_depth_um"]
    fit = truncated_normal(before, cut_off=before.min())
    explains = 1 - found.estimate.value / (100 * (before.mean() - fit.mean) / before.mean())
    assert 0 < explains < 1
    assert f"a reliability of {explains:.2f} or below would explain all of the change" in said(
        found
    )


def test_the_interval_of_the_family_has_to_lie_beyond_it_too():
    selection = {**DEEP, "mean": 400.0, "reliability": 0.5}
    data = depths(40, 1, effect=0.05)
    alone = finding(data, DEPTH, selection=selection)
    assert 0 < alone.estimate.ci_low - expected(alone).ci_high < 1
    assert alone.verdict == "partly supported"  # though what is left is short of the margin
    names = [DEPTH, *(f"treats-{x}-scars" for x in ("acne", "burn", "surgical"))]
    wide = finding(data, DEPTH, selection=selection, plan={"primary": names})
    assert wide.simultaneous.ci_low < expected(alone).ci_high
    assert wide.verdict == "inconclusive"


def test_a_perfect_measure_does_not_regress():
    found = expected(finding(sheet(40), selection={**KNOWN, "reliability": 1.0}))
    assert (found.value, found.ci_low, found.ci_high) == (0, 0, 0)


def test_the_size_falls_as_the_reliability_rises():
    sizes = [
        expected(finding(sheet(40), selection={**KNOWN, "reliability": r})).value
        for r in (0.3, 0.6, 0.9)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_from_a_cut_off_the_uncertainty_of_the_population_is_in_the_range():
    selection = {"rule": "60 and over", "measure": "scale_score", "reliability": 0.7}
    data = sheet(400, seed=2)
    found = finding(data, selection={**selection, "cut_off": 60.0})
    part = expected(found)
    true = (
        -100 / 65 * expected_regression(mean=50, sd=10, reliability=0.7, cut_off=60).expected_change
    )
    assert part.ci_low < true < part.ci_high
    assert part.ci_low < part.value < part.ci_high
    assert "if the measure is normally distributed" in said(found)
    broken = finding(data, selection={**selection, "cut_off": 62.0})
    assert expected(broken) is None
    assert "not all patients met the cut-off" in said(broken)


def test_without_a_population_mean_the_test_says_for_which_means_the_change_stands():
    selection = {"rule": "60 and over", "measure": "scale_score", "reliability": 0.7}
    found = finding(sheet(60, effect=10), selection=selection)
    assert expected(found) is None
    assert "cannot separate" in said(found)
    assert "beyond regression to the mean" in said(found)
    assert "Mee and Chua" in said(found)


def test_a_grade_is_never_turned_into_points():
    selection = {"rule": "Goodman-Baron 3 or 4", "mean": 2.5, "reliability": [0.6, 0.8]}
    found = finding(sheet(40).drop(columns=["scale", "scale_score"]), selection=selection)
    part = expected(found)
    assert part.unit == "grades"
    assert 0 < part.ci_low < part.ci_high < 1
    assert "a grade is not a percentage" in said(found)
    with_cut_off = {**selection, "cut_off": 3}
    del with_cut_off["mean"]
    assert "too few different values to tell" in said(finding(sheet(40), selection=with_cut_off))


def test_patients_selected_for_low_values_of_a_good_measure():
    data = sheet(40).rename(columns={"scale_score": "texture_score"}).drop(columns="scale")
    data["texture_score"] = 10 - data["texture_score"] / 10  # 0 rough to 10 smooth
    selection = {"rule": "rough skin", "measure": "texture_score", "mean": 5.0, "reliability": 0.7}
    found = finding(data, "smooths-texture", selection={**selection, "selected": "below"})
    part = expected(found)
    start = data.loc[data["session_count"] == 0, "texture_score"].mean()
    assert part.value == pytest.approx(0.3 * (5 - start))
    assert part.value > 0
    assert part.unit == found.estimate.unit


def test_the_order_of_the_rows_does_not_matter():
    data = sheet(40)
    turned = data.iloc[::-1].reset_index(drop=True)
    a, b = (expected(finding(x, selection=KNOWN)) for x in (data, turned))
    assert a.value == pytest.approx(b.value)


def test_a_measure_that_is_not_there_is_named():
    found = finding(sheet(40), selection={**KNOWN, "measure": "tone_score", "mean": 5})
    assert "tone_score, is not in the data" in said(found)


# Percent change and severity


def two_arms(n=30, better=8.0):
    treated, control = sheet(n, seed=3, effect=better), sheet(n, seed=4)
    control["patient_id"] = control["patient_id"].str.replace("P", "C")
    control["needle_depth_mm"] = 0.0
    control["weeks"], treated["weeks"] = (4.0 * x["session_count"] for x in (control, treated))
    control["session_count"] = 0
    both = [treated.assign(treatment="needling"), control.assign(treatment="untreated")]
    return pd.concat(both, ignore_index=True)


def raw_part(found):
    return next(p for p in found.parts if "ANCOVA" in p.label)


def test_a_controlled_comparison_also_stands_on_the_raw_scale():
    found = finding(two_arms(), design="parallel", randomised=True)
    data = two_arms()
    end, start = (data[data["weeks"] == week].reset_index(drop=True) for week in (12, 0))
    arm = (end["treatment"] == "needling").astype(float)
    before = start["scale_score"] - start["scale_score"].mean()
    X = pd.DataFrame({"control": 1.0, "treated": arm, "before": before})
    plain = mn.stats.cluster_robust(-end["scale_score"], X, end["patient_id"]).contrast("treated")
    part = raw_part(found)
    assert part.value == pytest.approx(plain.estimate)
    assert part.ci_low == pytest.approx(plain.ci_low)
    assert part.value > 0  # a lower score is better, and favours needling
    assert part.unit == f"points of {GBQ}"
    assert "percent change has less power" in said(found)


def test_no_raw_scale_no_raw_comparison():
    data = two_arms().drop(columns=["scale", "scale_score"])
    found = finding(data, design="parallel", randomised=True)
    assert not [p for p in found.parts if "ANCOVA" in p.label]
    assert "percent change" not in said(found)


def test_oldhams_slope_stands_beside_the_slope_on_severity():
    rng = np.random.default_rng(5)
    data = sheet(80, cut_off=-1000)  # nobody selected, no effect of severity
    data["baseline_severity"] = np.tile(rng.integers(1, 5, 80), 2)
    found = finding(data, "severity-matters")
    part = next(p for p in found.parts if p.label.startswith("Oldham"))
    before, after = (data.loc[data["session_count"] == k, "scale_score"] for k in (0, 3))
    x, y = ((before.to_numpy() + after.to_numpy()) / 2, before.to_numpy() - after.to_numpy())
    assert part.value == pytest.approx(np.polyfit(x, y, 1)[0])
    assert part.ci_low < 0 < part.ci_high
    coupled = np.polyfit(before.to_numpy(), y, 1)[0]
    assert coupled > part.ci_high, "the slope on the first score would mislead"
    assert "depends on baseline by its formula" in said(found)
    assert "not chosen by severity" in said(found)


@pytest.mark.slow
def test_without_an_effect_the_expected_size_is_the_observed_change():
    observed, foretold, covered, reps = [], [], 0, 200
    for seed in range(reps):
        data = sheet(50, seed=1000 + seed)
        found = finding(data, selection={**KNOWN, "reliability": 0.7})
        observed.append(found.estimate.value)
        foretold.append(expected(found).value)
        covered += found.estimate.ci_low <= expected(found).value <= found.estimate.ci_high
    error = np.std(observed) / np.sqrt(reps)
    # percent is averaged over patients, the size taken of the mean: half a point apart
    assert np.mean(observed) == pytest.approx(np.mean(foretold), abs=0.5 + 3 * error)
    assert np.mean(observed) > 5
    assert covered / reps > 0.9


@pytest.mark.slow
def test_mee_chua_keeps_its_level_where_the_change_is_regression_alone():
    rng = np.random.default_rng(7)
    wrong, naive, reps = 0, 0, 1000
    for _ in range(reps):
        truth = rng.normal(50, 8, 400)
        x, y = (truth + rng.normal(0, 6, 400) for _ in range(2))
        kept = np.argsort(-x)[:40]
        found = mee_chua(x[kept], y[kept], 50)
        wrong += found.p_value < 0.05
        own = mee_chua(x[kept], y[kept], x[kept].mean())
        naive += own.p_value < 0.05
    assert wrong / reps < 0.07
    assert naive / reps > 0.8


@pytest.mark.slow
def test_regression_alone_is_hardly_ever_partly_supported_and_a_large_effect_mostly_is():
    selection, reps = {**DEEP, "reliability": [0.5, 0.5]}, 400
    shares = {}
    for effect, n, truth in ((0.0, 40, {}), (0.0, 100, {"mean": 400.0}), (0.7, 40, {}),
                             (0.4, 40, {"mean": 400.0})):  # fmt: skip
        words = [
            finding(depths(n, 3000 + i, effect), DEPTH, selection={**selection, **truth}).verdict
            for i in range(reps if not effect else 100)
        ]
        share = np.mean([word == "partly supported" for word in words])
        shares[effect, n] = share
        error = np.sqrt(share * (1 - share) / len(words))
        print(f"effect {effect}, n {n}: {100 * share:.1f} % +- {100 * error:.1f} partly supported")
    error = np.sqrt(0.025 * 0.975 / reps)
    assert max(shares[0.0, 40], shares[0.0, 100]) <= 0.025 + 2 * error
    assert min(shares[0.7, 40], shares[0.4, 40]) > 0.8
