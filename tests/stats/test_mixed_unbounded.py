"""A variance between groups that may be negative: against nlme, numDeriv and pbkrtest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnstudy.stats.mixed.comparisons import (
    ancova,
    arm_difference,
    before_after,
    heterogeneity,
    paired_difference,
    within_between,
)
from mnstudy.stats.mixed.model import mixed_model, random_intercept, random_intercept_batch

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "mixed_unbounded.json").read_text()
)
LAYOUTS = REFERENCE["layouts"]
METHODS = {"satterthwaite": "satterthwaite", "kenward_roger": "kenward-roger"}
CASES = [(layout, method) for layout in LAYOUTS for method in METHODS]

# The script takes Newton steps on numerical derivatives until they are spent: eight digits or more.
RTOL = 1e-6
# Second derivatives by differences.
DF_RTOL = 1e-4
P_TOL = {"rel": 1e-6, "abs": 1e-8}
# The optimiser of gls, left to itself, stops here in the correlation.
OPTIMISER = 1e-6


def fit_layout(name, method="satterthwaite", variance="unbounded"):
    layout = LAYOUTS[name]
    x = np.array(layout["x"])
    return random_intercept(
        layout["y"], x, layout["patient"], layout["columns"], df=METHODS[method], variance=variance
    )


def unlike(seed=0, groups=10, size=4, ratio=-0.2):
    """Rows of one group repel each other: their means vary less than independent rows'."""
    rng = np.random.default_rng(seed)
    e = rng.normal(size=(groups, size))
    e -= (1 - np.sqrt(1 + size * ratio)) * e.mean(axis=1, keepdims=True)
    x = np.column_stack([np.ones(groups * size), rng.normal(size=groups * size)])
    return e.ravel() + x @ [2.0, 0.5], x, np.repeat(np.arange(groups), size)


def no_maximum():
    """Group means all equal, and one group larger than the others: the mean column fits it."""
    y = np.r_[[1.0, 2, 3, 4, 5, 6], np.tile([3.0, 4.0], 5)]
    return y, np.ones((16, 1)), np.r_[np.zeros(6, int), np.repeat(range(1, 6), 2)]


def test_reference_grid_is_complete():
    assert set(LAYOUTS) == {
        "negative_split_face",
        "negative_split_face_incomplete",
        "negative_near_edge",
        "negative_one_sample",
        "negative_arms",
        "negative_arms_visits",
        "negative_unbalanced",
        "negative_six_patients",
        "slightly_negative",
        "positive_split_face_incomplete",
        "positive_unbalanced",
    }
    negative = {name for name, layout in LAYOUTS.items() if layout["variance_between"] < 0}
    assert negative == {name for name in LAYOUTS if "negative" in name}
    for layout in LAYOUTS.values():
        for method in METHODS:
            assert layout[method]["coefficients"].keys() >= {"estimate", "std_error", "df"}
            assert layout[method]["test"].keys() >= {"f", "df_num", "df_den", "p_value"}
    assert sum(layout["satterthwaite"]["test"]["df_num"] > 1 for layout in LAYOUTS.values()) == 5
    assert REFERENCE["packages"].keys() == {"nlme", "numDeriv", "pbkrtest", "lmerTest"}


@pytest.mark.parametrize(("layout", "method"), CASES)
def test_coefficients_and_joint_test_match_r(layout, method):
    fit, expected = fit_layout(layout, method), LAYOUTS[layout][method]
    table, numbers = fit.coefficients, expected["coefficients"]
    for column in ("estimate", "std_error"):
        assert table[column].to_numpy() == pytest.approx(numbers[column], rel=RTOL), column
    assert table["df"].to_numpy() == pytest.approx(numbers["df"], rel=DF_RTOL)
    assert table["p_value"].to_numpy() == pytest.approx(numbers["p_value"], **P_TOL)
    joint, result = expected["test"], fit.test(expected["test"]["columns"])
    assert result.f == pytest.approx(joint["f"], rel=RTOL)
    assert result.df_num == joint["df_num"]
    assert result.df_den == pytest.approx(joint["df_den"], rel=DF_RTOL)
    assert result.p_value == pytest.approx(joint["p_value"], **P_TOL)


@pytest.mark.parametrize("name", LAYOUTS)
def test_variances_errors_and_likelihood_match_gls(name):
    layout, fit = LAYOUTS[name], fit_layout(name)
    assert fit.variance_between == pytest.approx(layout["variance_between"], rel=RTOL)
    assert fit.variance_within == pytest.approx(layout["variance_within"], rel=RTOL)
    total = fit.variance_between + fit.variance_within
    assert total == pytest.approx(layout["gls_variance"], rel=RTOL)
    assert fit.icc == pytest.approx(layout["gls_correlation"], abs=OPTIMISER)
    errors = fit.coefficients["std_error"].to_numpy()
    assert errors == pytest.approx(layout["gls_error"], rel=RTOL)
    assert fit.log_likelihood == pytest.approx(layout["log_likelihood"], abs=1e-8)
    assert not fit.boundary


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("case", "column"), [("paired", "side"), ("patient_means", "arm")])
def test_balanced_designs_are_the_t_tests_of_r(case, column, method):
    expected = REFERENCE[case]
    row = fit_layout(expected["layout"], method).coefficients.loc[column]
    for key in ("df", "t", "p_value", "ci_low", "ci_high"):
        assert row[key] == pytest.approx(expected[key], rel=1e-8), key
    bounded = fit_layout(expected["layout"], method, "bounded")
    assert bounded.boundary
    assert abs(bounded.coefficients.loc[column, "p_value"] / expected["p_value"] - 1) > 0.05


def test_display_says_what_a_negative_variance_means():
    fit = random_intercept(*unlike(), variance="unbounded")
    assert fit.variance_between < 0
    assert -1 / 3 < fit.icc < 0
    words = "negative: rows of one group are less alike than rows of different groups"
    assert words in repr(fit)
    assert words in fit._repr_html_()
    assert "boundary" not in repr(fit)
    assert "less alike" not in repr(random_intercept(*unlike(ratio=1.0), variance="unbounded"))


def test_predicted_effects_are_what_another_row_is_expected_to_deviate_by():
    y, x, groups = unlike()
    fit = random_intercept(y, x, groups, variance="unbounded")
    total = np.bincount(groups, y - x @ fit.coefficients["estimate"].to_numpy())
    covariance = fit.variance_between * np.ones((4, 4)) + fit.variance_within * np.eye(4)
    weight = np.linalg.solve(covariance, np.full(4, fit.variance_between))[0]
    assert fit.group_effects.to_numpy() == pytest.approx(weight * total, rel=1e-9)
    assert fit.fitted + fit.residuals == pytest.approx(y)


@pytest.mark.parametrize("df", METHODS.values())
def test_batch_equals_single_fits(df):
    y, x, groups = unlike(groups=9)
    table = np.column_stack([y, *np.random.default_rng(5).normal(size=(8, len(y)))])
    table[3, 4] = np.nan
    table[:, 6] = 1.5
    batch = random_intercept_batch(table, x, groups, df=df, variance="unbounded")
    for j in (0, 1, 2, 3, 4, 5, 7, 8):
        single = random_intercept(table[:, j], x, groups, df=df, variance="unbounded")
        for column in ("estimate", "std_error", "df", "p_value", "ci_low"):
            expected = single.coefficients[column].to_numpy()
            assert getattr(batch, column)[j] == pytest.approx(expected, rel=1e-9)
        assert batch.variance_between[j] == pytest.approx(single.variance_between, rel=1e-9)
    assert not batch.boundary.any()
    assert (batch.variance_between < 0).sum() >= 2
    assert (batch.variance_between > 0).sum() >= 2
    assert "constant" in batch.problems[6]


def test_likelihood_without_a_maximum_is_refused_and_marked():
    y, x, groups = no_maximum()
    assert random_intercept(y, x, groups).boundary
    with pytest.raises(ValueError, match="no unbounded estimate; use variance='bounded'"):
        random_intercept(y, x, groups, variance="unbounded")
    apart = y + 4.0 * (groups % 3)
    constant = np.full(len(y), 2.0)
    table = np.column_stack([constant, y, apart, y])
    batch = random_intercept_batch(table, x, groups, variance="unbounded")
    assert [bool(problem) for problem in batch.problems] == [True, True, False, True]
    assert "constant" in batch.problems[0]
    assert "no unbounded estimate" in batch.problems[1]
    assert np.isnan(batch.p_value[[0, 1, 3]]).all()
    single = random_intercept(apart, x, groups, variance="unbounded")
    assert batch.p_value[2] == pytest.approx(single.coefficients["p_value"].to_numpy())


def test_sides_that_mirror_each_other_are_refused():
    """Every pair has the same sum; the bounded fit stands, the unbounded matrix is singular."""
    left = np.random.default_rng(2).normal(size=8)
    y, x = np.column_stack([left, 1 - left]).ravel(), np.tile([[1.0, 0], [1, 1]], (8, 1))
    with pytest.raises(ValueError, match="no error at all"):
        random_intercept(y, x, np.repeat(range(8), 2), variance="unbounded")


def test_one_row_per_group_has_no_variance_to_bound():
    y, x, _ = unlike()
    one, two = (random_intercept(y, x, range(40), variance=v) for v in ("bounded", "unbounded"))
    pd.testing.assert_frame_equal(one.coefficients, two.coefficients)
    assert np.isnan(two.variance_between)


def calls():
    """Return every function that takes the option, on data whose variance is negative."""
    y, x, groups = unlike(groups=12)
    side, arm = np.tile([0, 1, 0, 1], 12), groups % 2
    frame = pd.DataFrame({"y": y, "x": x[:, 1], "g": groups})
    gone = np.arange(48) // 4 < 3
    pairs = np.where(np.arange(48) % 4 < 2, y, np.nan)
    pairs[(np.arange(48) % 4 == 1) & gone] = np.nan
    return {
        "random_intercept": lambda **o: random_intercept(y, x, groups, **o),
        "mixed_model": lambda **o: mixed_model("y ~ x", frame, "g", **o),
        "before_after": lambda **o: before_after(y, groups, **o),
        "arm_difference": lambda **o: arm_difference(y, arm, groups, **o).fit,
        "ancova": lambda **o: ancova(y, arm, x[:, 1], groups, **o).fit,
        "paired_difference": lambda **o: paired_difference(pairs, side, groups, **o).fit,
        "within_between": lambda **o: within_between(y, x[:, 1], groups, **o).fit,
        "heterogeneity": lambda **o: heterogeneity(y, side, groups, **o).fit,
    }


@pytest.mark.parametrize("name", calls())
def test_every_comparison_takes_the_option(name):
    call = calls()[name]
    assert call().variance_between == 0
    assert call(variance="bounded").boundary
    assert call(variance="unbounded").variance_between < 0
    with pytest.raises(ValueError, match="'unbounded', 'strata', not 'positive'"):
        call(variance="positive")


def test_an_unknown_word_is_refused_early():
    y, x, groups = unlike()
    with pytest.raises(
        ValueError, match="variance must be one of 'bounded', 'unbounded', 'strata'"
    ):
        random_intercept_batch(y[:, None], x, groups, variance="free")
    with pytest.raises(ValueError, match="variance must be"):
        paired_difference(y[:20], np.tile([0, 1], 10), np.repeat(range(10), 2), variance="free")
