"""Welch's difference of two arms against R and scipy."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy.errors import DesignError
from mnstudy.stats import welch_difference

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "welch.json").read_text())
VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12, unique=True)


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_agrees_with_t_test(case):
    found = welch_difference(case["y"], case["treated"])
    for key in ("estimate", "std_error", "df", "p_value", "ci_low", "ci_high"):
        assert getattr(found, key) == pytest.approx(case[key], rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(VALUES, VALUES, st.floats(0.5, 0.99))
def test_swapped_arms_scale_and_the_end_of_the_interval(one, other, level):
    y = np.array([*one, *other], dtype=float)
    treated = np.repeat([1, 0], [len(one), len(other)])
    found = welch_difference(y, treated, confidence_level=level)
    swapped = welch_difference(y, 1 - treated, confidence_level=level)
    larger = welch_difference(100.0 * y, treated, confidence_level=level)
    assert (swapped.ci_low, swapped.df) == pytest.approx((-found.ci_high, found.df))
    assert larger.ci_high == pytest.approx(100.0 * found.ci_high)
    moved = welch_difference(y - found.ci_low * treated, treated)
    assert moved.p_value == pytest.approx(1.0 - level, rel=1e-6)
    known = stats.ttest_ind(one, other, equal_var=False)
    assert (found.df, found.p_value) == pytest.approx((known.df, known.pvalue))


def test_an_arm_of_one_is_refused():
    with pytest.raises(DesignError, match="an arm of one patient has no spread"):
        welch_difference([1.0, 2.0, 3.0], [1, 0, 0])


@pytest.mark.parametrize(
    ("y", "treated", "message"),
    [
        ([1.0, np.nan, 2.0, 3.0], [1, 1, 0, 0], "1 rows have a missing value"),
        ([1.0, 1.0, 2.0, 2.0], [1, 1, 0, 0], "constant in both arms"),
        ([1.0, 1.5, 2.0, 2.5], [1, 1, 1, 1], "both must occur"),
    ],
)
def test_errors_say_what_to_do(y, treated, message):
    with pytest.raises(ValueError, match=message):
        welch_difference(y, treated)
