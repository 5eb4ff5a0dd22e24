"""The random-intercept model against lmerTest, pbkrtest and emmeans, and its edges."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.comparisons import (
    ancova,
    arm_difference,
    before_after,
    heterogeneity,
    paired_difference,
    within_between,
)
from mnstudy.stats.mixed.model import mixed_model, random_intercept, random_intercept_batch
from mnstudy.stats.mixed.nested import nested_intercepts

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "mixed.json").read_text())
LAYOUTS = REFERENCE["layouts"]
NESTED = REFERENCE["nested"]
METHODS = {"satterthwaite": "satterthwaite", "kenward_roger": "kenward-roger"}

# lmer finds theta by minimising a criterion that is flat at its minimum, to about 1e-8.
RTOL = 1e-6
# lmerTest differentiates numerically.
DF_RTOL = 1e-4
# A p-value of 1e-60 amplifies the error of its t; nobody reads its sixth digit.
P_TOL = {"rel": 1e-6, "abs": 1e-8}
# Predicted effects near zero are compared in units of the outcome (standard deviation 1 to 20).
EFFECT_ATOL = 1e-6

CASES = [(layout, method) for layout in LAYOUTS for method in METHODS]


def fit_layout(name, df="satterthwaite"):
    layout = LAYOUTS[name]
    return random_intercept(
        layout["y"], np.array(layout["x"]), layout["patient"], layout["columns"], df=df
    )


def example(seed=0, groups=8, size=3, effect=1.0):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), size)
    x = np.column_stack([np.ones(len(codes)), rng.normal(size=len(codes))])
    y = x @ [2.0, 0.5] + effect * rng.normal(size=groups)[codes] + rng.normal(size=len(codes))
    return y, x, codes


def test_reference_grid_is_complete():
    assert set(LAYOUTS) == {
        "split_face_balanced",
        "split_face_incomplete",
        "one_sample_sites",
        "two_arms_visits",
        "many_visits_unbalanced",
        "six_patients",
        "boundary",
        "near_boundary",
        "factor_covariates",
        "many_small_groups",
        "ill_scaled",
        "offset_outcome",
        "high_icc",
        "within_between",
        "one_large_group",
    }
    for layout in LAYOUTS.values():
        for method in METHODS:
            assert layout[method]["coefficients"].keys() >= {"estimate", "std_error", "df"}
            assert layout[method]["tests"]
    assert sum(layout["boundary"] for layout in LAYOUTS.values()) == 1
    several = [t for layout in LAYOUTS.values() for t in layout["satterthwaite"]["tests"]]
    assert sum(test["df_num"] > 1 for test in several) >= 8
    assert set(NESTED) == {"balanced", "unbalanced", "no_site_variance", "no_patient_variance"}
    assert [NESTED[name]["boundary"] for name in NESTED] == [False, False, True, True]
    assert REFERENCE["packages"].keys() == {"lme4", "lmerTest", "pbkrtest", "emmeans"}


@pytest.mark.parametrize(("layout", "method"), CASES)
def test_coefficients_match_r(layout, method):
    table = fit_layout(layout, METHODS[method]).coefficients
    expected = LAYOUTS[layout][method]["coefficients"]
    for column in ("estimate", "std_error", "t"):
        assert table[column].to_numpy() == pytest.approx(expected[column], rel=RTOL), column
    assert table["df"].to_numpy() == pytest.approx(expected["df"], rel=DF_RTOL)
    assert table["p_value"].to_numpy() == pytest.approx(expected["p_value"], **P_TOL)


@pytest.mark.parametrize(("layout", "method"), CASES)
def test_f_tests_match_r(layout, method):
    fit = fit_layout(layout, METHODS[method])
    for expected in LAYOUTS[layout][method]["tests"]:
        result = fit.test(expected["columns"])
        assert result.f == pytest.approx(expected["f"], rel=RTOL)
        assert result.df_num == expected["df_num"]
        assert result.df_den == pytest.approx(expected["df_den"], rel=DF_RTOL)
        assert result.p_value == pytest.approx(expected["p_value"], **P_TOL)


@pytest.mark.parametrize("name", LAYOUTS)
def test_variances_likelihood_and_predictions_match_lme4(name):
    layout, fit = LAYOUTS[name], fit_layout(name)
    assert fit.boundary == layout["boundary"]
    assert fit.variance_between == pytest.approx(layout["variance_between"], rel=RTOL)
    assert fit.variance_within == pytest.approx(layout["variance_within"], rel=RTOL)
    assert fit.log_likelihood == pytest.approx(layout["log_likelihood"], abs=1e-8)
    assert fit.group_effects.to_numpy() == pytest.approx(layout["group_effects"], abs=EFFECT_ATOL)
    assert fit.residuals == pytest.approx(layout["residuals"], abs=EFFECT_ATOL)
    assert fit.fitted + fit.residuals == pytest.approx(layout["y"])


@pytest.mark.parametrize("name", LAYOUTS)
def test_contrast_matches_lmertest(name):
    expected = LAYOUTS[name]["contrast"]
    result = fit_layout(name).contrast(expected["weights"], name="weighted")
    assert result.estimate == pytest.approx(expected["estimate"], rel=RTOL)
    assert result.std_error == pytest.approx(expected["std_error"], rel=RTOL)
    assert result.df == pytest.approx(expected["df"], rel=DF_RTOL)
    assert result.p_value == pytest.approx(expected["p_value"], **P_TOL)


def fit_nested(name, df="satterthwaite", y=None):
    layout = NESTED[name]
    return nested_intercepts(
        layout["y"] if y is None else y,
        np.array(layout["x"]),
        layout["patient"],
        layout["site"],
        layout["columns"],
        df=df,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NESTED)
def test_nested_intercepts_match_r(name, method):
    layout, fit = NESTED[name], fit_nested(name, METHODS[method])
    expected = layout[method]["coefficients"]
    for column in ("estimate", "std_error", "t"):
        assert fit.coefficients[column].to_numpy() == pytest.approx(expected[column], rel=RTOL)
    assert fit.coefficients["df"].to_numpy() == pytest.approx(expected["df"], rel=DF_RTOL)
    assert fit.coefficients["p_value"].to_numpy() == pytest.approx(expected["p_value"], **P_TOL)
    for field in ("variance_between", "variance_subgroups", "variance_within"):
        assert getattr(fit, field) == pytest.approx(layout[field], rel=RTOL, abs=1e-12), field
    assert fit.log_likelihood == pytest.approx(layout["log_likelihood"], abs=1e-8)
    assert fit.boundary == layout["boundary"]
    assert fit.group_effects.to_numpy() == pytest.approx(layout["group_effects"], abs=EFFECT_ATOL)
    assert fit.residuals == pytest.approx(layout["residuals"], abs=EFFECT_ATOL)
    joint = layout[method]["tests"][0]
    result = fit.test(joint["columns"])
    assert result.f == pytest.approx(joint["f"], rel=RTOL)
    assert result.df_den == pytest.approx(joint["df_den"], rel=DF_RTOL)


def test_nested_without_site_variance_is_the_simple_model():
    layout, nested = NESTED["no_site_variance"], fit_nested("no_site_variance")
    simple = random_intercept(
        layout["y"], np.array(layout["x"]), layout["patient"], layout["columns"]
    )
    assert nested.coefficients.to_numpy() == pytest.approx(simple.coefficients.to_numpy(), rel=1e-7)
    assert nested.log_likelihood == pytest.approx(simple.log_likelihood)
    assert "between their subgroups 0" in repr(nested)
    assert nested.n_subgroups == 24


def test_nested_balanced_variances_are_mean_squares():
    """Closed form of the nested analysis of variance; a criterion's minimum gives half of it."""
    y = np.array(NESTED["balanced"]["y"]).reshape(12, 2, 3)
    fit = nested_intercepts(y.ravel(), np.ones((72, 1)), *np.indices(y.shape)[:2].reshape(2, -1))
    error = y.var(axis=2, ddof=1).mean()
    site = 3 * y.mean(axis=2).var(axis=1, ddof=1).mean()
    patient = 6 * y.mean(axis=(1, 2)).var(ddof=1)
    assert fit.variance_within == pytest.approx(error, rel=1e-12)
    assert fit.variance_subgroups == pytest.approx((site - error) / 3, rel=1e-12)
    assert fit.variance_between == pytest.approx((patient - site) / 6, rel=1e-12)
    assert fit.coefficients["df"].to_numpy() == pytest.approx(11, rel=1e-10)


def without_group(x, y, covariance, rows):
    """Return coefficients by generalised least squares without these rows, V held as it was."""
    kept = ~rows
    inverse = np.linalg.inv(covariance[np.ix_(kept, kept)])
    return np.linalg.solve(x[kept].T @ inverse @ x[kept], x[kept].T @ inverse @ y[kept])


@pytest.mark.parametrize("nested", [False, True])
def test_what_a_group_adds_is_the_fit_less_that_without_it_at_the_same_variances(nested):
    rng = np.random.default_rng(4)
    patient, site = np.repeat(np.arange(12), 6), np.repeat(np.arange(36), 2)
    x = np.column_stack([np.ones(72), patient % 2, rng.normal(size=72)])
    y = 3 * rng.normal(size=12)[patient] + 2 * rng.normal(size=36)[site] + rng.normal(size=72)
    fit = nested_intercepts(y, x, patient, site) if nested else random_intercept(y, x, patient)
    same = (patient[:, None] == patient) * fit.variance_between
    same = same + (site[:, None] == site) * (fit.variance_subgroups or 0.0)
    covariance = same + fit.variance_within * np.eye(72)
    for who in range(12):
        left = fit.coefficients["estimate"] - fit.influence.loc[who]
        np.testing.assert_allclose(left, without_group(x, y, covariance, patient == who), rtol=1e-8)
    np.testing.assert_allclose(fit.rows["residual"], fit.residuals)
    np.testing.assert_allclose(fit.rows["fitted"] + fit.rows["residual"], y)
    np.testing.assert_allclose(
        fit.rows["standardised"], fit.residuals / np.sqrt(fit.variance_within)
    )
    assert fit.rows.index.tolist() == patient.tolist()


def test_what_a_group_adds_is_unknown_where_it_determines_a_column_alone():
    y, group = np.random.default_rng(2).normal(size=20), np.repeat(np.arange(5), 4)
    x = np.column_stack([np.ones(20), group == 3])
    unknown = random_intercept(y, x, group).influence.isna().all(axis=1)
    assert unknown[unknown].index.tolist() == [3]


def test_nested_counts_missing_and_refuses_what_it_cannot_separate():
    layout = NESTED["balanced"]
    x, who, site = np.array(layout["x"]), layout["patient"], list(layout["site"])
    y = np.array(layout["y"])
    y[4], site[9] = np.nan, None
    fit = nested_intercepts(y, x, who, site)
    assert (fit.n_missing, fit.n_obs) == (2, len(y) - 2)
    assert np.isnan(fit.residuals[[4, 9]]).all()
    site, y = layout["site"], np.array(layout["y"])
    rows = np.arange(len(y))
    for subgroups, message in [
        (rows, "every subgroup has one row"),
        (["a"] * len(y), "no group has two subgroups"),
        (site[:-1], "subgroups has"),
    ]:
        with pytest.raises(ValueError, match=message):
            nested_intercepts(y, x, who, subgroups)
    with pytest.raises(ValueError, match="one group"):
        nested_intercepts(y, x, ["p"] * len(y), site)
    patients = pd.get_dummies(pd.Series(who)).to_numpy(float)
    with pytest.raises(ValueError, match="every difference between groups"):
        nested_intercepts(y, patients, who, site)
    with pytest.raises(ValueError, match="constant"):
        nested_intercepts(y * 0, x, who, site)
    with pytest.raises(ValueError, match="one row per group"):
        nested_intercepts(y[rows // 3 * 3], x[:, :1], who, site)


def test_one_row_per_patient_is_least_squares():
    expected = REFERENCE["one_row"]
    x = np.array(expected["x"])
    for df in METHODS.values():
        fit = random_intercept(expected["y"], x, range(18), expected["columns"], df=df)
        for column, values in expected["coefficients"].items():
            assert fit.coefficients[column].to_numpy() == pytest.approx(values, rel=1e-10)
        assert fit.coefficients["df"].to_numpy() == pytest.approx(expected["df"], rel=1e-12)
        assert fit.df_method == "residual"
        assert fit.variance_within == pytest.approx(expected["variance"])
        assert np.isnan(fit.variance_between)
    adjusted = ancova(expected["y"], x[:, 1], x[:, 2])
    assert adjusted.difference.estimate == pytest.approx(expected["coefficients"]["estimate"][1])
    assert adjusted.difference.p_value == pytest.approx(expected["coefficients"]["p_value"][1])


def test_split_face_is_the_paired_t_test():
    expected = REFERENCE["paired"]
    layout = LAYOUTS[expected["layout"]]
    side = np.array(layout["x"])[:, 1]
    result = paired_difference(layout["y"], side, layout["patient"]).difference
    for key in ("estimate", "df", "t", "p_value", "ci_low", "ci_high"):
        assert getattr(result, key) == pytest.approx(expected[key], rel=1e-10), key
    assert fit_layout(expected["layout"]).coefficients.loc["side", "t"] == pytest.approx(
        expected["t"], rel=1e-8
    )


def test_heterogeneity_matches_emmeans():
    layout = LAYOUTS["factor_covariates"]
    expected = layout["pairwise"]
    covariates = np.array(layout["x"])[:, 4:]
    result = heterogeneity(layout["y"], layout["factor"], layout["patient"], covariates)
    assert sorted(result.pairs.index) == sorted(expected["pair"])
    pairs = result.pairs.loc[expected["pair"]]
    for column, key in [("estimate", "difference"), ("std_error", "std_error")]:
        assert pairs[column].to_numpy() == pytest.approx(expected[key], rel=RTOL)
    for column in ("df", "ci_low", "ci_high"):
        assert pairs[column].to_numpy() == pytest.approx(expected[column], rel=DF_RTOL)
    assert pairs["p_value"].to_numpy() == pytest.approx(expected["p_value"], rel=1e-5)
    test = layout["satterthwaite"]["tests"][0]
    assert result.test.f == pytest.approx(test["f"], rel=RTOL)
    assert result.largest.estimate == pytest.approx(max(expected["difference"], key=abs), rel=RTOL)
    assert result.means["n_rows"].sum() == len(layout["y"])


def test_within_between_matches_lmer():
    layout = LAYOUTS["within_between"]
    expected = layout["satterthwaite"]["coefficients"]
    result = within_between(layout["y"], layout["dose"], layout["patient"])
    for slope, position in [(result.within, 1), (result.between, 2)]:
        assert slope.estimate == pytest.approx(expected["estimate"][position], rel=RTOL)
        assert slope.df == pytest.approx(expected["df"][position], rel=DF_RTOL)
    assert result.contextual.estimate == pytest.approx(
        result.between.estimate - result.within.estimate
    )


@pytest.mark.parametrize("df", METHODS.values())
def test_batch_equals_single_fits(df):
    rng = np.random.default_rng(5)
    y, x, groups = example(groups=9, size=4)
    table = np.column_stack([y, *(rng.normal(size=(len(y), 12)).T)])
    table[3, 4] = table[[1, 7], 5] = np.nan
    table[:, 6] = 1.5
    table[:, 7] = np.nan
    batch = random_intercept_batch(table, x, groups, names=["mean", "x"], df=df)
    for j in (0, 1, 4, 5, 8, 12):
        single = random_intercept(table[:, j], x, groups, df=df)
        for column in ("estimate", "std_error", "df", "t", "p_value", "ci_low", "ci_high"):
            assert getattr(batch, column)[j] == pytest.approx(
                single.coefficients[column].to_numpy(), rel=1e-9
            )
        assert batch.variance_between[j] == pytest.approx(single.variance_between, rel=1e-9)
        assert batch.log_likelihood[j] == pytest.approx(single.log_likelihood)
        assert batch.n_missing[j] == single.n_missing
        assert batch.covariance[j] == pytest.approx(single.covariance, rel=1e-9)
        assert batch.boundary[j] == single.boundary
    assert batch.boundary.any()
    assert "constant" in batch.problems[6]
    assert "no complete row" in batch.problems[7]
    assert np.isnan(batch.estimate[[6, 7]]).all()
    assert [bool(p) for p in batch.problems].count(True) == 2
    assert batch.to_frame().loc[(0, "x"), "df"] == batch.df[0, 1]
    assert "2 not fitted" in repr(batch)


def test_formula_equals_arrays_and_counts_missing():
    y, x, groups = example()
    arm = np.where(groups % 2 == 0, "control", "needling")
    data = pd.DataFrame({"y": y, "arm": arm, "x": x[:, 1], "who": groups}, index=range(5, 29))
    fit = mixed_model("y ~ arm + x", data, "who")
    columns = np.column_stack([np.ones(24), groups % 2, x[:, 1]])
    expected = random_intercept(y, columns, groups)
    assert fit.names == ("Intercept", "arm[T.needling]", "x")
    assert fit.covariance == pytest.approx(expected.covariance)
    data.loc[6, "arm"] = None
    data.loc[9, "x"] = np.nan
    data["who"] = data["who"].astype("Int64")
    data.loc[12, "who"] = pd.NA
    partial = mixed_model("y ~ arm + x", data, data["who"])
    kept = ~np.isin(np.arange(24), [1, 4, 7])
    expected = random_intercept(y[kept], columns[kept], groups[kept])
    assert partial.n_missing == 3
    assert partial.covariance == pytest.approx(expected.covariance)
    assert np.isnan(partial.residuals).tolist() == (~kept).tolist()


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ depth", "`depth` is not present"),
        ("x + y", "no outcome"),
        ("y ~ x + (1 | who)", "groups="),
        ("arm ~ x", "must be one number"),
        ("y ~ x +", "does not fit"),
    ],
)
def test_formula_errors_say_what_to_do(formula, message):
    data = pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0, 1, 0, 2], "arm": list("abab")})
    with pytest.raises(ValueError, match=message):
        mixed_model(formula, data, [1, 1, 2, 2])


def test_unknown_group_column_is_named():
    data = pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0, 1, 0, 2]})
    with pytest.raises(ValueError, match="no column 'who'"):
        mixed_model("y ~ x", data, "who")


def test_missing_rows_are_left_out_and_counted():
    y, x, groups = example()
    y[2], x[5, 1] = np.nan, np.nan
    labels = [None if i == 9 else f"p{g}" for i, g in enumerate(groups)]
    fit = random_intercept(y, x, labels)
    kept = ~np.isin(np.arange(24), [2, 5, 9])
    expected = random_intercept(y[kept], x[kept], groups[kept])
    assert (fit.n_obs, fit.n_missing, fit.n_groups) == (21, 3, 8)
    assert fit.coefficients.to_numpy() == pytest.approx(expected.coefficients.to_numpy())
    assert fit.group_effects.index.tolist() == [f"p{g}" for g in range(8)]
    assert np.isnan(fit.fitted[[2, 5, 9]]).all()


def test_group_left_without_rows_disappears():
    y, x, groups = example()
    y[groups == 3] = np.nan
    fit = random_intercept(y, x, groups)
    assert fit.n_groups == 7
    assert 3 not in fit.group_effects.index


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pd.Categorical, pd.Index])
def test_labels_of_any_kind_mean_the_same(kind):
    y, x, groups = example()
    expected = random_intercept(y, x, groups).covariance
    assert random_intercept(y, x, kind([f"p{g}" for g in groups])).covariance == pytest.approx(
        expected
    )
    pairs = [(g // 2, g % 2) for g in groups]
    assert random_intercept(y, x, pairs).covariance == pytest.approx(expected)


def test_inputs_are_not_changed():
    y, x, groups = example()
    y[0] = np.nan
    copies = y.copy(), x.copy(), groups.copy()
    fit = random_intercept(y, x, groups)
    paired_difference(y, np.tile([0, 1], 12), np.arange(24) // 2)
    assert np.array_equal(y, copies[0], equal_nan=True)
    assert np.array_equal(x, copies[1])
    assert np.array_equal(groups, copies[2])
    assert fit.residuals.shape == y.shape


def collinear():
    y, x, groups = example()
    return y, np.column_stack([x, x[:, 1] * 2 + 3, np.arange(24) ** 2]), groups


ERRORS = {
    "lengths": (lambda y, x, g: (y[:-1], x, g), "same rows"),
    "flat X": (lambda y, x, g: (y, x[:, 1], g), r"reshape\(-1, 1\)"),
    "2-d y": (lambda y, x, g: (x, x, g), "random_intercept_batch"),
    "text": (lambda y, x, g: (y, [["a"]] * 24, g), "not numbers"),
    "infinite": (lambda y, x, g: (np.where(g == 0, np.inf, y), x, g), "infinite"),
    "no rows": (lambda y, x, g: (y * np.nan, x, g), "no complete row: 24 given"),
    "too few rows": (lambda y, x, g: (y[:2], x[:2], g[:2]), "2 complete rows"),
    "no columns": (lambda y, x, g: (y, x[:, :0], g), "no columns"),
    "one group": (lambda y, x, g: (y, x, g * 0), "one group"),
    "constant": (lambda y, x, g: (y * 0 + 7, x, g), "outcome is constant"),
    "exact": (lambda y, x, g: (x @ [3.0, 1e6], x, g), "exact sum of the columns"),
    "repeated rows": (lambda y, x, g: (y[g * 3], x[:, :1], g), "one row per group"),
    "zero column": (lambda y, x, g: (y, x * [1, 0], g), "'x1' holds only zeros"),
    "saturated groups": (lambda y, x, g: (y, np.eye(8)[g], g), "constant within groups"),
    "saturated rows": (
        lambda y, x, g: (y[:6], np.column_stack([x[:6], [0, 1, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0]]),
                         [0, 0, 1, 1, 2, 2]),
        "one row per group",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong(case):
    change, message = ERRORS[case]
    y, x, groups = change(*example())
    with pytest.raises(ValueError, match=message):
        random_intercept(y, x, groups)


def test_collinear_columns_are_named():
    y, x, groups = collinear()
    with pytest.raises(ValueError, match="columns 'mean', 'dose', 'dose again' are linearly") as e:
        random_intercept(y, x, groups, names=["mean", "dose", "dose again", "time"])
    assert "'time'" not in str(e.value)
    assert "leave out 1" in str(e.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["a"]}, "1 entries for 2 columns"),
        ({"names": ["a", "a"]}, "repeated: a"),
        ({"df": "z"}, "one of 'satterthwaite', 'kenward-roger', not 'z'"),
        ({"confidence_level": 95}, "between 0 and 1"),
    ],
)
def test_wrong_options_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        random_intercept(*example(), **arguments)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2, 3], "3 weights for 2 columns"),
        ([0, 0], "not all zero"),
        ([np.nan, 1], "finite"),
        ({"depth": 1}, "no column named depth"),
        (["x0", "x1"], "one row"),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        random_intercept(*example()).contrast(weights)


def test_contrasts_can_be_asked_for_by_name_or_number():
    fit = random_intercept(*example())
    by_number = fit.contrast([0, 2.0], name="double", confidence_level=0.9)
    by_name = fit.contrast({"x1": 2.0}, name="double", confidence_level=0.9)
    assert by_number == by_name
    assert by_name.to_frame().loc["double", "estimate"] == by_name.estimate
    assert "90% CI" in str(by_name)
    table = fit.contrasts([[1, 0], [0, 2]], names=["a", "b"], confidence_level=0.9)
    assert table.loc["b", "ci_low"] == by_name.ci_low
    single = fit.test("x1")
    assert single.f == pytest.approx(fit.coefficients.loc["x1", "t"] ** 2)
    assert single.p_value == pytest.approx(fit.coefficients.loc["x1", "p_value"])
    assert single.to_frame().loc[0, "df_num"] == 1


def test_repeated_hypothesis_rows_do_not_count():
    fit = random_intercept(*example())
    once, twice = fit.test([[0, 1], [1, 0]]), fit.test([[0, 1], [1, 0], [1, 1], [0, 3]])
    assert twice.df_num == 2
    assert twice.f == pytest.approx(once.f)


def test_joint_test_counts_every_row_whatever_the_units():
    layout = LAYOUTS["ill_scaled"]
    x = np.array(layout["x"])
    plain = random_intercept(layout["y"], (x - [0, 19200, 0]) * [1, 0.01, 1e5], layout["patient"])
    fit = fit_layout("ill_scaled")
    assert fit.test(["day", "tiny"]).f == pytest.approx(plain.test(["x1", "x2"]).f)
    assert fit.test(["day", "tiny"]).df_num == 2


def test_display_puts_estimate_and_interval_first():
    fit = random_intercept(*example())
    assert repr(fit).split()[:3] == ["estimate", "ci_low", "ci_high"]
    assert "8 groups; 0 left out" in repr(fit)
    assert fit._repr_html_().startswith("<table")
    assert 0 < fit.icc < 1
    table = fit.to_frame()
    table.loc["x1", "estimate"] = 99
    assert fit.coefficients.loc["x1", "estimate"] != 99
    with pytest.raises(AttributeError):
        fit.boundary = True


def test_boundary_has_residual_df():
    fit = fit_layout("boundary")
    assert fit.boundary
    assert fit.variance_between == 0
    assert fit.coefficients["df"].to_numpy() == pytest.approx(fit.n_obs - 2, rel=1e-12)
    assert "boundary" in repr(fit)


def test_huge_offsets_and_scales_lose_no_digits():
    y, x, groups = example(groups=20, size=4)
    expected = random_intercept(y, x, groups).coefficients.loc["x1"]
    moved = random_intercept(y + 1e8, x * [1, 1e-12] + [0, 1e-9], groups).coefficients.loc["x1"]
    assert moved["estimate"] * 1e-12 == pytest.approx(expected["estimate"], rel=1e-7)
    assert moved["df"] == pytest.approx(expected["df"], rel=1e-6)
    steep = random_intercept(y + 1e6 * x[:, 1], x, groups).coefficients.loc["x1"]
    assert steep["std_error"] == pytest.approx(expected["std_error"], rel=1e-8)
    assert steep["df"] == pytest.approx(expected["df"], rel=1e-7)


def test_nearly_collinear_columns_lose_no_digits():
    y, x, groups = example(groups=20, size=4)
    other = np.random.default_rng(9).normal(size=len(y))
    expected = random_intercept(y, np.column_stack([x, other]), groups).coefficients.loc["x2"]
    close_by = np.column_stack([x, x[:, 1] + 1e-6 * other])
    found = random_intercept(y, close_by, groups).coefficients.loc["x2"]
    assert 1e-6 * found["estimate"] == pytest.approx(expected["estimate"], rel=1e-8)
    assert found["df"] == pytest.approx(expected["df"], rel=1e-8)


def test_arm_difference_refuses_paired_designs_and_the_reverse():
    y, _, groups = example(size=2)
    side = np.tile([0, 1], 8)
    with pytest.raises(DesignError, match="use paired_difference"):
        arm_difference(y, side, groups)
    with pytest.raises(DesignError, match="use arm_difference"):
        paired_difference(y, groups % 2, groups)
    with pytest.raises(ValueError, match="true/false or 1/0"):
        arm_difference(y, groups, groups)


def test_paired_difference_averages_repeats_and_uses_single_sides():
    y, _, groups = example(groups=8, size=4)
    side = np.tile([0, 0, 1, 1], 8)
    means = y.reshape(8, 2, 2).mean(axis=2)
    repeated = paired_difference(y, side, groups)
    once = paired_difference(means.ravel(), np.tile([0, 1], 8), np.repeat(range(8), 2))
    assert repeated.difference == once.difference
    assert repeated.method == "paired t-test of side means"
    assert (repeated.n_treated, once.n_treated) == (16, 8)
    partial = means.ravel()
    partial[0] = np.nan
    mixed = paired_difference(partial, np.tile([0, 1], 8), np.repeat(range(8), 2))
    assert "7 patients with both sides, 1 with one" in mixed.method
    assert mixed.n_missing == 1
    assert len(mixed.to_frame()) == 3
    assert "left out" in str(mixed)


def test_constant_side_has_a_mean_but_no_interval():
    treated, control = np.full(5, 3.0), np.array([1.0, 2, 2, 1, 0])
    y, side = np.r_[treated, control], np.r_[np.ones(5), np.zeros(5)]
    result = paired_difference(y, side, np.tile(range(5), 2))
    assert result.treated.estimate == 3
    assert np.isnan(result.treated.ci_low)
    assert result.difference.estimate == pytest.approx(1.8)


def test_arm_difference_reports_adjusted_means():
    y, x, groups = example(groups=10)
    frame = pd.DataFrame({"depth": x[:, 1]})
    result = arm_difference(y, groups % 2 == 1, groups, frame)
    gap = result.treated.estimate - result.control.estimate
    assert gap == pytest.approx(result.difference.estimate)
    design = np.column_stack([np.ones(30), groups % 2, x[:, 1]])
    control = random_intercept(y, design, groups).contrast([1, 0, x[:, 1].mean()])
    assert result.control.ci_low == pytest.approx(control.ci_low)
    assert result.method == "two arms, adjusted for depth"
    assert result.fit.names == ("control", "treated - control", "depth")


def test_before_after_is_a_one_sample_model():
    layout = LAYOUTS["one_sample_sites"]
    fit = before_after(layout["y"], layout["patient"])
    expected = layout["satterthwaite"]["coefficients"]
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(expected["estimate"])
    assert fit.coefficients["df"].to_numpy() == pytest.approx(expected["df"], rel=DF_RTOL)


def test_within_between_needs_both_kinds_of_variation():
    y, _, groups = example()
    with pytest.raises(DesignError, match="only between-patient"):
        within_between(y, groups / 7, groups)
    with pytest.raises(DesignError, match="only a within"):
        within_between(y, 19000.1 + np.tile([0, 1, 2], 8), groups)


def test_heterogeneity_keeps_the_order_of_categories():
    y, _, groups = example()
    level = pd.Categorical(
        np.array(["mild", "severe"])[np.arange(24) % 2], ["severe", "absent", "mild"], ordered=True
    )
    result = heterogeneity(y, level, groups)
    assert result.means.index.tolist() == ["severe", "mild"]
    assert result.largest.name == "mild - severe"
    assert "Bonferroni" in str(result)
    with pytest.raises(ValueError, match="only level a"):
        heterogeneity(y, ["a"] * 24, groups)
