"""Regression to the mean against integration and simulation in R, and what must hold of any."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats.measurement.regression_to_mean import expected_regression

PATH = Path(__file__).parents[1] / "reference" / "regression_to_mean.json"
CASES = json.loads(PATH.read_text())["cases"]

# R integrates numerically to a relative 1e-13; differences of means lose some digits.
RTOL = 1e-9
# Four simulations: all within three Monte Carlo errors.
ERRORS = 3


def by_name(case):
    return "-".join([case["kind"], *(f"{value}" for value in case["options"].values())])


def test_reference_grid_is_complete():
    integrals = [case["options"] for case in CASES if case["kind"] == "integral"]
    found = {(o["mean"], o["selected"], o["reliability"]) for o in integrals}
    assert found == set(itertools.product((50, 0, 3.2), ("above", "below"), (0, 0.55, 0.9)))
    places = {round((o["cut_off"] - o["mean"]) / o["sd"], 6) for o in integrals}
    assert places == {-2, 0, 1, 3.5}
    assert len(integrals) == 72
    assert sum(case["kind"] == "simulation" for case in CASES) == 4


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_r(case):
    found, expected = expected_regression(**case["options"]), case["expected"]
    if case["kind"] == "simulation":
        error = expected["monte_carlo_error"]
        assert abs(found.expected_change - expected["expected_change"]) < ERRORS * error
        assert error < 0.002 * case["options"]["sd"]
        return
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=RTOL, abs=1e-12), name


def test_both_forms_agree():
    known = {"mean": 60, "reliability": 0.65}
    cut = expected_regression(sd=12, cut_off=75, **known)
    given_mean = expected_regression(selected_mean=cut.first_mean, **known)
    assert given_mean.expected_change == pytest.approx(cut.expected_change)
    assert given_mean.second_mean == pytest.approx(cut.second_mean)
    assert np.isnan(given_mean.share_selected)


def test_far_tail_keeps_its_digits():
    # Mill's ratio at z = 30 by its asymptotic series (Abramowitz & Stegun 26.2.12).
    z = 30.0
    found = expected_regression(mean=0, sd=1, reliability=0, cut_off=z)
    series = z + 1 / z - 2 / z**3 + 10 / z**5 - 74 / z**7
    assert found.first_mean == pytest.approx(series, rel=1e-9)


levels = st.floats(-50, 50)


@given(levels, st.floats(0.1, 30), st.floats(-3, 3), st.floats(0, 1))
def test_sides_mirror_and_units_carry_over(mean, sd, z, reliability):
    known = {"sd": sd, "reliability": reliability}
    above = expected_regression(mean=mean, cut_off=mean + z * sd, selected="above", **known)
    below = expected_regression(mean=mean, cut_off=mean - z * sd, selected="below", **known)
    assert above.expected_change == pytest.approx(-below.expected_change, rel=1e-6, abs=1e-9)
    assert above.expected_change <= 0 <= below.expected_change
    assert above.share_selected == pytest.approx(stats.norm.sf(z), abs=1e-9)
    standard = expected_regression(mean=0, sd=1, reliability=reliability, cut_off=z)
    assert above.expected_change == pytest.approx(sd * standard.expected_change, rel=1e-6, abs=1e-9)
    assert min(mean, above.first_mean) <= above.second_mean + 1e-9


@given(levels, levels, st.floats(0, 1))
def test_unreliable_measurements_fall_back_to_the_mean(mean, first, reliability):
    none = expected_regression(mean=mean, selected_mean=first, reliability=0)
    assert none.second_mean == pytest.approx(mean, abs=1e-9)
    full = expected_regression(mean=mean, selected_mean=first, reliability=1)
    assert full.expected_change == 0
    some = expected_regression(mean=mean, selected_mean=first, reliability=reliability)
    assert abs(some.expected_change) <= abs(none.expected_change) + 1e-12


def test_two_sides_of_one_cut_off_balance():
    # Everybody together does not change: the two parts weigh out.
    known = {"mean": 40, "sd": 9, "reliability": 0.6, "cut_off": 46}
    above = expected_regression(selected="above", **known)
    below = expected_regression(selected="below", **known)
    assert above.share_selected + below.share_selected == pytest.approx(1)
    total = above.share_selected * above.expected_change
    assert total == pytest.approx(-below.share_selected * below.expected_change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reliability": 1.2}, "reliability must lie between 0 and 1, not 1.2"),
        ({"reliability": np.nan}, "reliability must be a number, not nan"),
        ({"cut_off": None}, "give either cut_off or selected_mean"),
        ({"selected_mean": 60}, "give either cut_off or selected_mean"),
        ({"sd": None}, "cut_off needs sd"),
        ({"sd": 0}, "sd must be a number above 0, not 0"),
        ({"selected": "over"}, "selected must be one of 'above', 'below', not 'over'"),
        ({"cut_off": np.inf}, "cut_off must be a number, not inf"),
        ({"mean": np.nan}, "mean must be a number, not nan"),
    ],
)
def test_refusals_say_what_is_wrong(change, message):
    asked = {"mean": 50, "sd": 10, "reliability": 0.7, "cut_off": 60, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        expected_regression(**asked)
