"""Hall's limits of the mean of skewed values against R and the t interval."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats import skewed_mean
from mnstudy.stats.measurement.skewed_mean import hall_limits

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "skewed_mean.json").read_text())
VALUES = st.lists(st.integers(0, 10), min_size=5, max_size=30)


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_agrees_with_the_roots_of_the_cubic(case):
    found = skewed_mean(case["values"], confidence_level=case["level"])
    for key in ("estimate", "skewness", "ci_low", "ci_high"):
        assert getattr(found, key) == pytest.approx(case[key], rel=1e-9, abs=1e-12), key


@given(VALUES, st.sampled_from([2.0, 0.1]), st.integers(-5, 5))
def test_mirrors_and_carries_over_units(values, factor, shift):
    x = np.array(values, dtype=float)
    assume(np.ptp(x) > 0)
    one, mirrored = skewed_mean(x), skewed_mean(-x)
    assert (mirrored.ci_low, mirrored.ci_high) == pytest.approx((-one.ci_high, -one.ci_low))
    scaled = skewed_mean(factor * x + shift)
    assert scaled.ci_low == pytest.approx(factor * one.ci_low + shift, abs=1e-6)
    assert one.ci_low < one.ci_high
    assert skewed_mean(x, confidence_level=0.99).ci_high > one.ci_high


@given(st.lists(st.integers(1, 9), min_size=3, max_size=12))
def test_without_skewness_it_is_the_t_interval(values):
    x = np.array([*values, *(-v for v in values)], dtype=float)
    found = skewed_mean(x, confidence_level=0.9)
    known = stats.t.interval(0.9, len(x) - 1, 0, x.std(ddof=1) / np.sqrt(len(x)))
    assert (found.ci_low, found.ci_high) == pytest.approx(known, abs=1e-9)


def test_reaches_farther_along_the_long_tail():
    x = np.array([0] * 12 + [1, 2, 2, 5, 9])
    found = skewed_mean(x)
    assert found.skewness > 1
    assert found.ci_high - found.estimate > stats.t.ppf(0.975, len(x) - 1) * stats.sem(x)
    assert skewed_mean([*x, np.nan]) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [([1, 2], "at least three values"), ([4, 4, 4], "not all the same"), ([1, 2, np.inf], "infin")],
)
def test_what_has_no_spread_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        skewed_mean(values)


@given(VALUES, st.sampled_from([0.9, 0.95]))
def test_limits_of_an_estimate_of_known_skewness_are_those_of_the_mean(values, level):
    x = np.array(values, dtype=float)
    assume(np.ptp(x) > 0)
    mean, n = skewed_mean(x, confidence_level=level), len(x)
    skewness = mean.skewness / n**0.5
    ends = hall_limits(x.mean(), x.std(ddof=1) / n**0.5, n - 1, skewness, confidence_level=level)
    assert ends == pytest.approx((mean.ci_low, mean.ci_high), rel=1e-9, abs=1e-9)


def test_without_skewness_they_are_those_of_t():
    half = stats.t.ppf(0.975, 12.0) * 3.0
    assert hall_limits(5.0, 3.0, 12.0, 0.0) == pytest.approx((5 - half, 5 + half))
    one, mirrored = (hall_limits(s * 5.0, 3.0, 12.0, s * 0.7) for s in (1, -1))
    assert one == pytest.approx((-mirrored[1], -mirrored[0]))
