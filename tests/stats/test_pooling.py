"""Pooling against metafor, published analyses, and what must hold of any pooled effect."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy import stats as ours
from mnstudy.stats.meta.between_studies import q_statistic
from mnstudy.stats.meta.pooling import leave_one_out, pool
from mnstudy.stats.meta.small_studies import egger

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "pooling.json").read_text())
CASES = REFERENCE["cases"]

# metafor iterates to 1e-13 in the script; 1e-6 is the promise, 1e-9 what is kept.
RTOL = 1e-9
EFFECTS, VARIANCES = [0.10, 0.55, 0.32, 0.75, 0.91, -0.12], [0.04, 0.05, 0.03, 0.06, 0.11, 0.02]

# Effects on a grid: two that differ in the last digit only leave rounding instead of scatter.
effects = st.integers(-500, 500).map(lambda count: count / 100)
study = st.tuples(effects, st.floats(0.01, 2))
studies = st.lists(study, min_size=2, max_size=12, unique_by=lambda pair: pair[0])
methods = st.sampled_from(["reml", "pm", "dl", "common"])
adjustments = st.sampled_from([True, False, "adhoc"])


def by_name(case):
    return "-".join([case["func"], case["data"], *map(str, dict(case["options"]).values())])


def test_reference_grid_is_complete():
    grid = {
        (case["data"], *dict(case["options"]).values()) for case in CASES if case["func"] == "pool"
    }
    data = {"bcg", "two", "three_alike", "six", "equal_variances", "percent_points", "twenty"}
    expected = {("one", "reml", True, 0.95)}
    for level in (0.95, 0.9):
        for name in data if level == 0.95 else ("six", "bcg"):
            expected |= {
                (name, m, kh, level) for m in ("reml", "pm", "dl") for kh in (1, 0, "adhoc")
            }
            expected |= {(name, "common", False, level)}
    assert grid == expected
    others = [case["func"] for case in CASES if case["func"] != "pool"]
    assert others.count("leave_one_out") == 3
    assert others.count("egger") == 10
    assert {"pool", "leave_one_out", "egger"} <= set(ours.__all__)
    boundary = [case for case in CASES if case["expected"].get("tau2") == 0]
    assert len(boundary) >= 9
    assert REFERENCE["packages"].keys() == {"metafor"}


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_metafor(case):
    function = getattr(ours, case["func"])
    found = function(case["effects"], case["variances"], **dict(case["options"]))
    for name, value in case["expected"].items():
        got = found[name] if case["func"] == "leave_one_out" else getattr(found, name)
        np.testing.assert_allclose(got, value, rtol=RTOL, atol=1e-12, err_msg=name)


def test_bcg_vaccine_trials_as_published():
    # Viechtbauer (2010), doi 10.18637/jss.v036.i03, section 3: log risk ratio by REML.
    bcg = next(case for case in CASES if case["data"] == "bcg")
    found = pool(bcg["effects"], bcg["variances"], knapp_hartung=False)
    assert round(found.estimate, 4) == -0.7145
    assert round(found.tau2, 4) == 0.3132
    assert round(found.std_error, 4) == 0.1798
    assert (round(found.ci_low, 4), round(found.ci_high, 4)) == (-1.0669, -0.3622)
    assert (round(found.i2, 2), round(found.q, 2)) == (92.22, 152.23)
    # Same paper, section 3.3: 95 % interval of tau2.
    assert (round(found.tau2_ci_low, 4), round(found.tau2_ci_high, 4)) == (0.1197, 1.1115)


def test_knapp_hartung_covers_where_wald_does_not():
    rng = np.random.default_rng(7)
    reps, v = 1500, np.array([0.02, 0.05, 0.1, 0.2, 0.04])
    covered = {True: 0, False: 0}
    for _ in range(reps):
        y = rng.normal(0.5, np.sqrt(v + 0.1))
        for adjusted in covered:
            found = pool(y, v, knapp_hartung=adjusted)
            covered[adjusted] += found.ci_low <= 0.5 <= found.ci_high
    # With unequal variances Knapp-Hartung is near 95 %, not at it; one Monte-Carlo error is 0.6.
    assert 0.92 <= covered[True] / reps <= 0.967
    assert covered[False] / reps < covered[True] / reps - 0.05


@given(st.lists(effects, min_size=3, max_size=10, unique=True), st.floats(0.01, 2))
def test_equally_precise_studies_make_knapp_hartung_a_t_test(y, v):
    found, t = pool(y, np.full(len(y), v)), stats.ttest_1samp(y, 0)
    low, high = t.confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), rel=1e-7, abs=1e-9)
    assert found.p_value == pytest.approx(t.pvalue, abs=1e-9)


def test_reml_finds_the_highest_point():
    rng = np.random.default_rng(3)
    for _ in range(200):
        k = int(rng.integers(2, 9))
        y, v = rng.normal(0, rng.choice([0.01, 1, 30]), k), rng.gamma(0.3, 1, k) + 1e-4
        best = pool(y, v).tau2
        grid = np.concatenate([[0.0], np.geomspace(1e-8, 1e4, 400)])
        w = 1 / (v + np.append(grid, best)[:, None])
        mean = (w @ y / w.sum(axis=1))[:, None]
        q = (w * (y - mean) ** 2).sum(axis=1)
        height = np.log(w).sum(axis=1) - np.log(w.sum(axis=1)) - q
        assert height[-1] >= height[:-1].max() - 1e-9


def test_one_study_is_itself_and_says_so():
    found = pool([0.4], [0.09], labels=["Fabbrocini 2009"])
    assert (found.estimate, found.k, found.weights) == (0.4, 1, (100.0,))
    assert found.knapp_hartung is False
    for name in ("tau2", "tau2_ci_low", "prediction_low", "prediction_high", "i2", "q"):
        assert np.isnan(getattr(found, name))
    assert found.note.startswith("one study: nothing is pooled")
    assert "one study, Wald interval" in repr(found)


def test_common_effect_says_what_it_assumes():
    found = pool(EFFECTS, VARIANCES, method="common")
    assert found.tau2 == 0
    assert (found.prediction_low, found.prediction_high) == (found.ci_low, found.ci_high)
    assert np.isnan(found.tau2_ci_low)
    assert found.notes[1] == "Knapp-Hartung does not apply to a common effect"
    assert len(pool(EFFECTS, VARIANCES, method="common", knapp_hartung=False).notes) == 1


def test_knapp_hartung_below_one_is_noted_and_adhoc_prevents_it():
    y, v = [0.42, 0.45, 0.40], [0.04, 0.09, 0.02]
    plain, adhoc = pool(y, v), pool(y, v, knapp_hartung="adhoc")
    wald = pool(y, v, knapp_hartung=False)
    assert plain.std_error < wald.std_error == pytest.approx(adhoc.std_error)
    assert plain.note == (
        "Knapp-Hartung factor 0.0124 below 1: interval narrower than by the Wald error"
    )
    assert adhoc.note.endswith("set to 1 (adhoc)")
    assert wald.notes == ()


def test_equal_effects_leave_no_scatter():
    found = pool([0.3, 0.3, 0.3], [0.1, 0.2, 0.05])
    assert (found.tau2, found.tau2_ci_low, found.tau2_ci_high) == (0, 0, 0)
    assert found.p_value == 0
    assert pool([0, 0], [1, 1]).p_value == 1
    assert pool([0, 0], [1, 1], method="common").i2 == 0


def test_result_prints_estimate_and_interval_first():
    found = pool(EFFECTS, VARIANCES, labels=list("abcdef"))
    lines = repr(found).splitlines()
    assert lines[0].startswith(f"{found.estimate:.4g} (95 % CI {found.ci_low:.4g} to ")
    assert "95 % prediction interval" in lines[1]
    assert lines[-1].strip() == found.description
    assert found.description == "random effects (REML), Knapp-Hartung interval, t with 5 df"
    assert pool(EFFECTS, VARIANCES, knapp_hartung=False).description.endswith(
        "Wald interval, normal"
    )
    assert "<strong>" in found._repr_html_()
    frame = found.to_frame()
    assert len(frame) == 1
    assert frame["estimate"][0] == found.estimate
    assert "weights" not in frame
    with pytest.raises(AttributeError):
        found.estimate = 1.0


def test_leave_one_out_names_the_study():
    frame = leave_one_out(EFFECTS, VARIANCES, labels=list("abcdef"), method="dl")
    assert frame["left_out"].tolist() == list("abcdef")
    alone = pool(EFFECTS[1:], VARIANCES[1:], method="dl")
    assert frame["estimate"][0] == alone.estimate
    assert (frame["k"] == 5).all()
    assert leave_one_out(EFFECTS[:2], VARIANCES[:2])["k"].tolist() == [1, 1]


def test_egger_finds_a_leaning_funnel():
    s = np.linspace(0.05, 0.6, 12)
    leaning = egger(0.1 + 2.0 * s + 0.01 * np.cos(9 * s), s**2)
    assert leaning.estimate == pytest.approx(2.0, abs=0.2)
    assert leaning.limit_estimate == pytest.approx(0.1, abs=0.02)
    assert leaning.p_value < 1e-6
    assert leaning.notes == ()
    assert repr(leaning).startswith(f"{leaning.estimate:.4g} (95 % CI")


ERRORS = [
    (
        lambda: pool([0.1, np.nan], [0.1, 0.1]),
        "effects must be a number in every study; it is nan in study 2 of 2",
    ),
    (
        lambda: pool([0.1, 0.2], [0.1, 0.0]),
        "variances must be above 0; it is 0 in study 2 of 2",
    ),
    (lambda: pool([0.1, 0.2], [0.1, 0.1, 0.1]), "inputs differ in length"),
    (
        lambda: pool([0.1, 0.2], 0.1, method="REML"),
        "method must be one of 'reml', 'pm', 'dl', 'common', not 'REML'",
    ),
    (
        lambda: pool([0.1, 0.2], 0.1, knapp_hartung="yes"),
        "knapp_hartung must be one of True, False, 'adhoc', not 'yes'",
    ),
    (lambda: pool([0.1, 0.2], 0.1, knapp_hartung=1), "knapp_hartung must be one of True"),
    (
        lambda: pool([0.1, 0.2], 0.1, confidence_level=95),
        "confidence_level must lie between 0 and 1, such as 0.95, not 95",
    ),
    (lambda: pool([0.1, 0.2], 0.1, labels=["a"]), "1 labels for 2 studies; give one each"),
    (lambda: leave_one_out([0.1], [0.1]), "leave_one_out needs at least 2 studies; there is 1"),
    (lambda: egger([1, 2], [1, 2]), "egger needs at least 3 studies; there are 2"),
    (
        lambda: egger([1, 2, 4], [1, 1, 1]),
        "egger needs studies of different precision; all variances are equal",
    ),
    (lambda: egger([0.3, 0.3, 0.3], [1, 2, 3]), "the effects lie on one line exactly"),
    (lambda: egger([0.3, 0.3, 0.3], [1, -2, 3]), "variances must be above 0; it is -2"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


def arrays(pairs):
    return np.array([y for y, _ in pairs]), np.array([v for _, v in pairs])


@given(studies, methods, adjustments)
def test_turned_signs_turn_the_result(pairs, method, adjusted):
    y, v = arrays(pairs)
    one, other = (pool(s * y, v, method=method, knapp_hartung=adjusted) for s in (1, -1))
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-9)
    assert other.ci_low == pytest.approx(-one.ci_high, abs=1e-9)
    assert other.tau2 == pytest.approx(one.tau2, abs=1e-9)


@given(studies, methods, adjustments, st.sampled_from([0.01, 100.0]))
def test_another_unit_scales_the_result(pairs, method, adjusted, k):
    y, v = arrays(pairs)
    options = {"method": method, "knapp_hartung": adjusted}
    one, scaled = pool(y, v, **options), pool(k * y, k**2 * v, **options)
    for name in ("estimate", "std_error", "prediction_low", "prediction_high"):
        assert getattr(scaled, name) == pytest.approx(
            k * getattr(one, name), rel=1e-6, abs=1e-7 * k
        )
    assert scaled.tau2 == pytest.approx(k**2 * one.tau2, rel=1e-6, abs=1e-8 * k**2)
    assert scaled.i2 == pytest.approx(one.i2, abs=1e-4)


@given(studies, methods, st.randoms(use_true_random=False))
def test_order_of_studies_does_not_matter(pairs, method, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    one, other = pool(*arrays(pairs), method=method), pool(*arrays(mixed), method=method)
    assert other.estimate == pytest.approx(one.estimate, abs=1e-9)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-7, abs=1e-9)
    assert sorted(other.weights) == pytest.approx(sorted(one.weights), abs=1e-6)


@given(studies, methods, adjustments)
def test_intervals_nest(pairs, method, adjusted):
    y, v = arrays(pairs)
    options = {"method": method, "knapp_hartung": adjusted}
    wide, narrow = (pool(y, v, confidence_level=level, **options) for level in (0.99, 0.8))
    assert wide.ci_low <= narrow.ci_low <= narrow.estimate <= narrow.ci_high <= wide.ci_high
    assert wide.prediction_low <= wide.ci_low
    assert wide.prediction_high >= wide.ci_high
    assert y.min() - 1e-9 <= wide.estimate <= y.max() + 1e-9
    assert sum(wide.weights) == pytest.approx(100)
    if method != "common":
        assert wide.tau2_ci_low <= narrow.tau2_ci_low <= narrow.tau2_ci_high <= wide.tau2_ci_high


@settings(max_examples=50)
@given(studies, st.sampled_from([True, False]))
def test_p_at_the_bound_is_alpha(pairs, adjusted):
    y, v = arrays(pairs)
    found = pool(y, v, knapp_hartung=adjusted)
    moved = pool(y - found.ci_low, v, knapp_hartung=adjusted)
    assert moved.p_value == pytest.approx(0.05, abs=1e-6)


@given(studies)
def test_paule_mandel_puts_q_at_its_expectation(pairs):
    y, v = arrays(pairs)
    tau2 = pool(y, v, method="pm").tau2
    q = q_statistic(y, v, tau2)
    assert q == pytest.approx(len(y) - 1, rel=1e-9) if tau2 > 0 else q <= len(y) - 1 + 1e-9
