"""Turnbull's estimate against R, against its optimality conditions, and where it is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.stats.missing.interval_censored import share_by, turnbull

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/interval_censored.json").read_text())
CASES = REFERENCE["cases"]
MASS = 1e-6  # R iterates until steps are below 1e-13, which leaves this much in flat directions
SURVFIT = 5e-3  # survfit stops early


def numbers(case, *names):
    return [np.array([float(x) for x in case[name]]) for name in names]


def test_the_grid_of_cases_is_complete():
    assert set(CASES) == {"regular", "uneven", "small", "no_censoring"}


@pytest.mark.parametrize("name", list(CASES))
def test_against_r(name):
    left, right, inner_left, inner_right, mass, survfit = numbers(
        CASES[name], "left", "right", "inner_left", "inner_right", "mass", "survfit"
    )
    fit = turnbull(left, right)
    np.testing.assert_array_equal(fit.left, inner_left)
    np.testing.assert_array_equal(fit.right, inner_right)
    np.testing.assert_allclose(fit.mass, mass, atol=MASS)
    tail = 1 - np.cumsum(fit.mass)
    closed = np.isfinite(fit.right)
    np.testing.assert_allclose(tail[closed], survfit[: closed.sum()], atol=SURVFIT)


times = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6), st.booleans()), min_size=3, max_size=25
)


def bounds(drawn):
    left = np.array([float(a) for a, _, _ in drawn])
    right = np.array([np.inf if c else float(a + w) for a, w, c in drawn])
    return left, right


@given(times)
def test_no_other_distribution_is_likelier(drawn):
    """Optimality: the gradient is at most n everywhere, and n where there is mass."""
    left, right = bounds(drawn)
    fit = turnbull(left, right)
    holds = (left[:, None] <= fit.left) & (fit.right <= right[:, None])
    gradient = (holds / (holds @ fit.mass)[:, None]).sum(axis=0)
    n = len(left)
    assert fit.mass.sum() == pytest.approx(1)
    assert (gradient <= n * (1 + 1e-6)).all()
    np.testing.assert_allclose(gradient[fit.mass > 1e-4], n, rtol=1e-4)


@given(times, st.integers(1, 5))
def test_units_pass_through(drawn, factor):
    left, right = bounds(drawn)
    one, many = turnbull(left, right), turnbull(left * factor, right * factor)
    assert one.share_by(5) == pytest.approx(many.share_by(5 * factor), abs=1e-6)


def test_exact_days_give_plain_shares():
    days = np.array([1, 1, 2, 3, 3, 3, 5, 8, 9, 10.0])
    fit = turnbull(days - 1, days)
    assert fit.share_by(3) == pytest.approx(0.6)
    assert fit.quantile(0.5) == (2, 3)


def test_right_censoring_equals_kaplan_meier():
    """6-MP remission times of Freireich 1963, treated arm: S(10) = 0.753, S(16) = 0.627."""
    seen = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    left = np.array([t - 0.5 for t in seen] + censored, dtype=float)
    right = np.array([*seen, *[np.inf] * len(censored)], dtype=float)
    fit = turnbull(left, right)
    assert 1 - fit.share_by(10) == pytest.approx(0.7529, abs=1e-4)
    assert 1 - fit.share_by(16) == pytest.approx(0.6275, abs=1e-4)


def test_patients_are_resampled_not_rows():
    days = np.tile([1.0, 1, 1, 1, 4, 4, 4, 4], 6)
    rows = share_by(days - 1, days, np.arange(48), 2)
    patients = share_by(days - 1, days, np.repeat(np.arange(12), 4), 2)
    assert rows.estimate == patients.estimate == pytest.approx(0.5)
    assert patients.ci_high - patients.ci_low > 1.5 * (rows.ci_high - rows.ci_low)


def test_the_same_seed_gives_the_same_interval_in_any_order():
    left, right = numbers(CASES["uneven"], "left", "right")
    order = np.random.default_rng(1).permutation(len(left))
    one = share_by(left, right, np.arange(len(left)), 6)
    two = share_by(left[order], right[order], np.arange(len(left))[order], 6)
    assert (one.ci_low, one.ci_high) == pytest.approx((two.ci_low, two.ci_high))


def test_all_or_none_get_exact_limits():
    everyone = share_by([0] * 20, [1] * 20, range(20), 2)
    assert everyone.ci_low == pytest.approx(0.025 ** (1 / 20))
    nobody = share_by([9] * 20, [10] * 20, range(20), 2)
    assert nobody.ci_high == pytest.approx(1 - 0.025 ** (1 / 20))


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ([0, 1], [1], "same length"),
        ([0, np.nan], [1, 2], "must be known"),
        ([3, 1], [3, 2], "below right; they are 3 and 3"),
    ],
)
def test_bounds_are_checked(left, right, words):
    with pytest.raises(ValueError, match=words):
        turnbull(left, right)


def test_groups_are_checked():
    with pytest.raises(ValueError, match="one label"):
        share_by([0, 1], [1, 2], ["a"], 1)
