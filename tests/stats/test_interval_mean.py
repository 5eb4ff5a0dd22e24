"""Mean of interval-known values: against survreg, against exact data, and what bounds promise."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats.missing.interval_mean import mean_bounds, mean_of_intervals

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/interval_mean.json").read_text())
CASES = REFERENCE["cases"]
RTOL = 1e-8  # survreg iterates to 1e-14 of the likelihood, which leaves this much in the errors

values = st.lists(st.integers(-40, 40).map(lambda x: x * 2.5), min_size=2, max_size=7)
classes = st.lists(st.tuples(st.integers(-4, 3), st.integers(0, 3)), min_size=2, max_size=7).map(
    lambda rows: tuple(np.array([(25.0 * a, 25.0 * (a + w)) for a, w in rows]).T)
)


def ends(case):
    return [np.array([float(x) for x in case[name]]) for name in ("low", "high")]


def test_the_grid_of_cases_is_complete():
    assert set(CASES) == {
        "quarters", "four_classes", "point_and_classes", "uneven", "exact", "mixed",
        "overlapping", "few", "far",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_agrees_with_survreg(name):
    case = CASES[name]
    low, high = ends(case)
    found = mean_of_intervals(low, high)
    small_sample = np.sqrt(found.n / (found.n - 1))
    np.testing.assert_allclose(found.estimate, float(case["mean"]), rtol=RTOL)
    np.testing.assert_allclose(found.sd, float(case["sd"]), rtol=RTOL)
    np.testing.assert_allclose(found.std_error, float(case["error"]) * small_sample, rtol=RTOL)
    np.testing.assert_allclose(found.log_likelihood, float(case["log_likelihood"]), rtol=RTOL)


@settings(deadline=None)
@given(values.filter(lambda y: len(set(y)) > 1), st.floats(0.6, 0.99))
def test_exact_values_give_the_t_interval(y, level):
    found = mean_of_intervals(y, y, confidence_level=level)
    low, high = stats.t.interval(level, len(y) - 1, np.mean(y), stats.sem(y))
    np.testing.assert_allclose([found.ci_low, found.ci_high], [low, high], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.sd, np.std(y), rtol=1e-9)
    assert (found.n, found.n_exact, found.df) == (len(y), len(y), len(y) - 1)
    bounds = mean_bounds(y, y, confidence_level=level)
    np.testing.assert_allclose([bounds.ci_low, bounds.ci_high], [low, high], atol=1e-6)


def test_the_likelihood_is_highest_at_the_estimate():
    low, high = ends(CASES["quarters"])
    found = mean_of_intervals(low, high)

    def likelihood(mean, sd):
        return np.log(stats.norm.cdf(high, mean, sd) - stats.norm.cdf(low, mean, sd)).sum()

    at = likelihood(found.estimate, found.sd)
    assert at == pytest.approx(found.log_likelihood, rel=1e-12)
    for mean, sd in itertools.product((-0.5, 0, 0.5), (-0.5, 0, 0.5)):
        assert likelihood(found.estimate + mean, found.sd + sd) <= at + 1e-9


@settings(deadline=None)
@given(classes.filter(lambda c: c[0].max() > c[1].min()), st.integers(-3, 3), st.booleans())
def test_shift_scale_and_turn(pair, shift, turn):
    low, high = pair
    one = mean_of_intervals(low, high)
    sign = -2.0 if turn else 2.0
    two = mean_of_intervals(*np.sort([sign * low + shift, sign * high + shift], axis=0))
    np.testing.assert_allclose(two.estimate, sign * one.estimate + shift, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(two.std_error, 2 * one.std_error, rtol=1e-5)


@settings(deadline=None)
@given(classes, st.randoms(use_true_random=False))
def test_the_order_of_values_is_nothing(pair, random):
    low, high = pair
    order = list(range(len(low)))
    random.shuffle(order)
    bounds = mean_bounds(low, high), mean_bounds(low[order], high[order])
    np.testing.assert_allclose(bounds[0].ci_low, bounds[1].ci_low, atol=1e-9)
    if low.max() > high.min():
        assert repr(mean_of_intervals(low, high)) == repr(
            mean_of_intervals(low[order], high[order])
        )


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [
        ([0, 0, 0], [25, 25, 25], "0"),
        ([50, 50, 75, 75], [75, 75, 100, 100], "75"),
        ([0, 0, 0], [0, 25, 25], "0"),
        ([8, 8], [8, 8], "8"),
    ],
    ids=["one class", "two classes", "a point at the edge of a class", "all the same"],
)
def test_what_has_no_maximum_is_refused(low, high, value):
    with pytest.raises(ValueError, match=rf"the value {value} lies within .* use mean_bounds"):
        mean_of_intervals(low, high)
    mean_bounds(low, high)


@pytest.mark.parametrize("function", [mean_of_intervals, mean_bounds])
@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ([0], [25], "2 values or more"),
        ([0, 1], [25], "same length"),
        ([0, np.nan], [25, 50], "known and finite"),
        ([0, 25], [25, np.inf], "ends of the scale"),
        ([0, 30], [25, 20], "they are 30 and 20"),
    ],
)
def test_wrong_bounds_are_named(function, low, high, words):
    with pytest.raises(ValueError, match=words):
        function(low, high)


def t_interval(y, level=0.95):
    reach = stats.t.ppf((1 + level) / 2, len(y) - 1) * np.std(y, ddof=1) / np.sqrt(len(y))
    return np.mean(y) - reach, np.mean(y) + reach


@settings(deadline=None)
@given(classes)
def test_bounds_hold_the_t_interval_of_all_corners(pair):
    low, high = pair
    found = mean_bounds(low, high)
    for corner in itertools.product(*zip(low, high, strict=True)):
        inner = t_interval(corner)
        assert found.ci_low <= inner[0] + 1e-9
        assert found.ci_high >= inner[1] - 1e-9
        assert found.sd_largest >= np.std(corner, ddof=1) - 1e-9


def test_bounds_are_sharp_where_a_corner_reaches_them():
    # three of six in each class: the furthest apart are half at each outer end
    found = mean_bounds([0, 0, 0, 50, 50, 50], [50, 50, 50, 100, 100, 100])
    assert (found.low, found.high) == (25, 75)
    assert found.sd_largest == pytest.approx(np.std([0, 0, 0, 100, 100, 100], ddof=1))


@settings(deadline=None)
@given(classes, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=7))
def test_wider_bounds_never_narrow_the_interval(pair, wider):
    low, high = pair
    more = np.array(wider[: len(low)], dtype=float)
    one, two = mean_bounds(low, high), mean_bounds(low - more[:, 0], high + more[:, 1])
    assert two.ci_low <= one.ci_low + 1e-9
    assert two.ci_high >= one.ci_high - 1e-9
    assert two.sd_largest >= one.sd_largest - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(("n", "sd"), [(12, 20), (28, 20), (28, 12)])
def test_the_interval_covers_the_mean_of_classed_values(n, sd):
    """5,000 samples leave 0.6 points of chance in the coverage; refused samples are counted."""
    rng, cuts = np.random.default_rng(3), np.array([-100.0, 0, 25, 50, 75, 100])
    held = fitted = 0
    for _ in range(5000):
        at = np.clip(np.searchsorted(cuts, rng.normal(40, sd, n)) - 1, 0, len(cuts) - 2)
        low, high = cuts[at], cuts[at + 1]
        if low.max() <= high.min():
            continue
        found = mean_of_intervals(low, high)
        fitted += 1
        held += found.ci_low <= 40 <= found.ci_high
    assert fitted > 4500
    assert 0.935 < held / fitted < 0.975
