"""Patients who do not differ: both strata by themselves, and levels in any order, against R."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from mnstudy.stats.mixed.comparisons import heterogeneity, paired_difference
from mnstudy.stats.mixed.model import random_intercept, random_intercept_batch

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "mixed_strata.json").read_text())
STRATA = REFERENCE["strata"]
NAMES = ["one", "arm", "x"]


def columns(case):
    return np.column_stack([np.ones(len(case["y"])), case["arm"], case["x"]])


def fit(name, scale=1.0, **options):
    case = STRATA[name]
    y = scale * np.array(case["y"])
    return random_intercept(y, columns(case), case["p"], NAMES, **options)


def test_reference_is_complete():
    assert set(STRATA) == {"balanced", "unequal", "both_ways"}
    assert all(case["found"]["singular"] for case in STRATA.values())
    assert len(REFERENCE["heterogeneity"]) == 3


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("name", STRATA)
def test_each_stratum_is_its_own_least_squares(name, df):
    found, expected = fit(name, variance="strata", df=df), STRATA[name]["found"]
    assert found.boundary
    for column in ("estimate", "std_error", "df"):
        assert found.coefficients[column].to_numpy() == pytest.approx(expected[column], rel=1e-8)


def test_a_contrast_within_has_the_df_within_and_one_between_those_between():
    found = fit("unequal", variance="strata")
    groups, n = 12, 48
    assert found.contrast("x").df == pytest.approx(n - groups - 1)
    assert found.contrast("arm").df == pytest.approx(groups - 2)
    assert found.test(["x"]).f == pytest.approx(found.contrast("x").t ** 2)
    assert fit("unequal").contrast("arm").df == pytest.approx(n - 3)


def test_without_differences_between_means_the_bounded_fit_stays():
    pattern = np.array([1.0, 2.0, 4.0, 3.0])
    x = np.tile([0.0, 1.0, 0.0, 1.0], 6)
    x = np.column_stack([np.ones(24), np.repeat([0.0, 1.0], 12), x])
    groups = np.repeat(range(6), 4)
    y = np.tile(pattern, 6)
    one, other = (random_intercept(y, x, groups, variance=v) for v in ("strata", "bounded"))
    assert one.boundary
    assert one.coefficients.to_numpy() == pytest.approx(other.coefficients.to_numpy())


def test_above_zero_it_is_the_bounded_fit():
    rng = np.random.default_rng(4)
    y = np.repeat(rng.normal(size=8), 3) * 3 + rng.normal(size=24)
    x = np.column_stack([np.ones(24), rng.normal(size=24)])
    one, other = (
        random_intercept(y, x, np.repeat(range(8), 3), variance=v) for v in ("strata", "bounded")
    )
    assert not one.boundary
    assert one.coefficients.equals(other.coefficients)


def test_scale_passes_through_and_a_batch_is_its_single_fits():
    case = STRATA["both_ways"]
    table = np.column_stack([np.array(case["y"]), -3 * np.array(case["y"])])
    batch = random_intercept_batch(table, columns(case), case["p"], NAMES, variance="strata")
    for j, scale in enumerate((1.0, -3.0)):
        one = fit("both_ways", scale, variance="strata").coefficients
        assert batch.estimate[j] == pytest.approx(one["estimate"].to_numpy())
        assert batch.df[j] == pytest.approx(one["df"].to_numpy())
        assert batch.std_error[j] == pytest.approx(abs(scale) * batch.std_error[0])


def test_balanced_pairs_are_the_paired_t_test():
    rng = np.random.default_rng(11)
    errors = rng.normal(size=(15, 2))
    y = (errors - 0.9 * errors.mean(axis=1, keepdims=True)).ravel()
    side, patient = np.tile([0.0, 1.0], 15), np.repeat(range(15), 2)
    x = np.column_stack([np.ones(30), side])
    found = random_intercept(y, x, patient, ["one", "side"], variance="strata")
    paired = paired_difference(y, side, patient).difference
    assert found.boundary
    for column in ("estimate", "std_error", "df", "p_value"):
        value = getattr(found.contrast("side"), column)
        assert value == pytest.approx(getattr(paired, column))


def test_no_degrees_of_freedom_in_a_stratum():
    rng = np.random.default_rng(2)
    e = rng.normal(size=(4, 6))
    y = (e - e.mean(axis=1, keepdims=True) * 0.9).ravel()
    x = np.column_stack([np.ones(24), rng.normal(size=(24, 4))])
    groups = np.repeat(range(4), 6)
    assert random_intercept(y, x, groups).boundary
    with pytest.raises(ValueError, match="no degrees of freedom"):
        random_intercept(y, x, groups, variance="strata")


def test_the_promise_is_kept_where_patients_do_not_differ():
    rng = np.random.default_rng(7)
    groups = np.repeat(range(10), [2, 3, 4, 7, 5] * 2)
    n = len(groups)
    y = rng.normal(size=(n, 4000))
    arm, turn = (groups % 2).astype(float), (np.arange(n) % 2).astype(float)
    for column in (arm, turn):
        x = np.column_stack([np.ones(n), column])
        p = random_intercept_batch(y, x, groups, variance="strata").p_value[:, 1]
        # Three standard errors of 5 % in 4000 studies.
        assert abs(np.mean(p < 0.05) - 0.05) < 0.0105


@pytest.mark.parametrize("case", REFERENCE["heterogeneity"])
def test_levels_in_any_order_have_one_test(case):
    found = heterogeneity(case["y"], case["level"], case["patient"]).test
    assert found.f == pytest.approx(case["f"], rel=1e-6)
    assert found.df_num == case["df_num"]
    assert found.df_den == pytest.approx(case["df_den"], rel=1e-4)
    assert found.p_value == pytest.approx(case["p_value"], rel=1e-5)
    for names in permutations("abcd"):
        level = [names["abcd".index(label)] for label in case["level"]]
        other = heterogeneity(case["y"], level, case["patient"]).test
        assert other.df_den == pytest.approx(found.df_den, rel=1e-9)
        assert other.p_value == pytest.approx(found.p_value, rel=1e-8)
