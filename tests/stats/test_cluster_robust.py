"""Least squares with CR2 errors against clubSandwich, known tests, and simulated studies."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

import mnstudy as mn
from mnstudy.stats.mixed.cluster_robust import cluster_robust
from mnstudy.stats.mixed.fit import COLUMNS, Contrast
from mnstudy.stats.mixed.model import linear_model, mixed_model, random_intercept

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cluster_robust.json").read_text()
)
LAYOUTS, MIXED = REFERENCE["layouts"], REFERENCE["mixed"]
RTOL = {"std_error": 1e-8, "df": 1e-6}
# Columns that one cluster determines: clubSandwich leaves that cluster out of their error.
ALONE = {
    "one_alone": ["fourth"],
    "own_level_each": ["mean", *(f"factor.g.{g}" for g in range(2, 7))],
}
FAST = settings(max_examples=25, deadline=None)

TRIALS = 2_000
ALPHA = 0.05
# Three Monte-Carlo errors of a rate of 5 %.
TOLERANCE = 3 * np.sqrt(ALPHA * (1 - ALPHA) / TRIALS)


def fit_layout(name):
    layout = LAYOUTS[name]
    return cluster_robust(layout["y"], np.array(layout["x"]), layout["group"], layout["columns"])


@st.composite
def studies(draw):
    """Clusters of unequal size with a treatment that varies within them and a covariate."""
    sizes = draw(st.lists(st.integers(2, 6), min_size=4, max_size=10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    group = np.repeat(np.arange(len(sizes)), sizes)
    n = len(group)
    x = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=n)])
    return x @ [3, 0.5, -1] + rng.normal(size=len(sizes))[group] + rng.normal(size=n), x, group


def fit_mixed(name, **changed):
    case = MIXED[name] | changed
    rows = (np.array(case["y"]), np.array(case["x"]), np.array(case["group"]))
    return random_intercept(*rows, case["columns"], errors="cr2")


def table(fit):
    return fit.coefficients.to_numpy()


def dense_on_target(y, x, group, weights, theta):
    """Variance and df of a contrast of a random-intercept fit from full matrices."""
    v = np.eye(len(y)) + theta * (group[:, None] == group)
    w = np.linalg.inv(v)
    bread = np.linalg.inv(x.T @ w @ x)
    rest = np.eye(len(y)) - x @ bread @ x.T @ w
    columns = []
    for g in np.unique(group):
        own = np.ix_(group == g, group == g)
        d = np.linalg.cholesky(v[own]).T
        inside = d @ (v - x @ bread @ x.T)[own] @ d.T
        adjust = d.T @ linalg.fractional_matrix_power(inside, -0.5) @ d
        columns.append(rest[group == g].T @ adjust @ w[own] @ x[group == g] @ bread @ weights)
    a = np.column_stack(columns)
    p = a.T @ v @ a
    return np.sum((a.T @ y) ** 2), np.trace(p) ** 2 / np.sum(p**2)


def dense(y, x, group, weights):
    """Variance and df of a contrast from full matrices, without any shortcut."""
    bread = np.linalg.inv(x.T @ x)
    rest = np.eye(len(y)) - x @ bread @ x.T
    columns = []
    for g in np.unique(group):
        own = group == g
        root = linalg.fractional_matrix_power(rest[np.ix_(own, own)], -0.5)
        columns.append(rest[:, own] @ root @ x[own] @ bread @ weights)
    a = np.column_stack(columns)
    p = a.T @ a
    return np.sum((a.T @ y) ** 2), np.trace(p) ** 2 / np.sum(p**2)


def test_reference_grid_is_complete():
    assert set(LAYOUTS) == {
        "balanced_pairs", "unbalanced", "arms_single_rows", "covariates", "very_unequal",
        "few_carry", "one_alone", "own_level_each",
    }  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_coefficients_agree_with_clubsandwich(name):
    found, expected = fit_layout(name).coefficients, LAYOUTS[name]["expected"]
    known = ~found.index.isin(ALONE.get(name, []))
    for column in COLUMNS:
        theirs = np.array(expected[column], float)[known]
        rtol = RTOL.get(column, 1e-7)
        np.testing.assert_allclose(found.loc[known, column], theirs, rtol=rtol, err_msg=column)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if LAYOUTS[name]["contrasts"]])
def test_contrasts_agree_with_clubsandwich(name):
    fit = fit_layout(name)
    for expected in LAYOUTS[name]["contrasts"]:
        found = fit.contrast(expected["weights"])
        for field in ("estimate", "std_error", "df", "p_value", "ci_low", "ci_high"):
            rtol = RTOL.get(field, 1e-7)
            assert getattr(found, field) == pytest.approx(expected[field], rel=rtol), field


@pytest.mark.parametrize("name", MIXED)
def test_a_random_intercept_with_cr2_errors_agrees_with_clubsandwich(name):
    case, fit = MIXED[name], fit_mixed(name)
    found, weights = fit.coefficients, case["contrast"]["weights"]
    known = ~found.index.isin(["fourth"])
    assert fit.variance_between / fit.variance_within == pytest.approx(case["theta"], rel=1e-5)
    for column, theirs in case["expected"].items():
        np.testing.assert_allclose(
            found.loc[known, column], np.array(theirs)[known], rtol=1e-5, err_msg=column
        )
    if known.all():
        one, joint = fit.contrast(weights), fit.test(np.eye(len(known))[1:])
        for ours, theirs in ((one, case["contrast"]), (joint, case["joint"])):
            for field in set(theirs) - {"weights"}:
                assert getattr(ours, field) == pytest.approx(theirs[field], rel=1e-5), field


@FAST
@given(studies(), st.floats(0.0, 2.0))
def test_a_random_intercept_with_cr2_errors_is_what_full_matrices_give(study, between):
    y, x, group = study
    y = y + between * np.random.default_rng(0).normal(size=20)[group]
    fit = random_intercept(y, x, group, errors="cr2")
    theta = fit.variance_between / fit.variance_within
    for weights in (np.eye(3)[1], np.array([1.0, 0.5, -2.0])):
        found = fit.contrast(weights)
        variance, df = dense_on_target(y, x, group, weights, theta)
        assert found.std_error**2 == pytest.approx(variance, rel=1e-6)
        assert found.df == pytest.approx(df, rel=1e-5)
        assert fit.test([weights]).f == pytest.approx(found.t**2, rel=1e-8)
        assert fit.test([weights, 3 * weights]).df_den == pytest.approx(found.df, rel=1e-6)


@FAST
@given(studies(), st.floats(0.01, 100))
def test_cr2_errors_of_a_random_intercept_pass_units_signs_and_order_through(study, factor):
    y, x, group = study
    fit = random_intercept(y, x, group, errors="cr2")
    order = np.random.default_rng(0).permutation(len(y))
    moved = random_intercept(-factor * y[order], x[order], group[order], errors="cr2")
    for column, k in (("estimate", -factor), ("std_error", factor), ("df", 1.0), ("t", -1.0)):
        expected = k * fit.coefficients[column]
        np.testing.assert_allclose(moved.coefficients[column], expected, rtol=1e-5, atol=1e-9)
    rows = np.eye(3)[1:]
    mixed = rows @ rows.T + 0.3 * np.eye(2)[::-1]
    assert moved.test(mixed @ rows).f == pytest.approx(fit.test(rows).f, rel=1e-5)


def test_patients_who_do_not_differ_leave_least_squares_with_cr2_errors():
    rng = np.random.default_rng(5)
    group, x = np.repeat(np.arange(8), 3), np.column_stack([np.ones(24), np.tile([0, 1, 2], 8)])
    y = rng.normal(size=(8, 3))
    y = (y - y.mean(axis=1, keepdims=True)).ravel()
    fit = random_intercept(y, x, group, errors="cr2")
    assert fit.boundary
    np.testing.assert_allclose(
        fit.coefficients.loc["x1"], cluster_robust(y, x, group).coefficients.loc["x1"], rtol=1e-9
    )


def test_a_mixed_fit_with_cr2_errors_is_used_like_any_other():
    case, model = MIXED["slopes"], fit_mixed("slopes")
    data = pd.DataFrame(case["x"], columns=case["columns"]).assign(y=case["y"])
    fit = mixed_model(
        "y ~ arm + time + by_arm + severity",
        data,
        case["group"],
        errors="cr2",
        confidence_level=0.9,
    )
    plain = mixed_model("y ~ arm + time + by_arm + severity", data, case["group"])
    np.testing.assert_array_equal(fit.coefficients["estimate"], plain.coefficients["estimate"])
    np.testing.assert_allclose(fit.covariance, model.covariance, rtol=1e-9)
    np.testing.assert_array_equal(fit.fitted, plain.fitted)
    assert fit.contrast("time", confidence_level=0.95).ci_low == pytest.approx(
        model.coefficients.loc["time", "ci_low"]
    )
    assert fit.test(["time"]).p_value == pytest.approx(fit.contrast("time").p_value)
    assert "90% intervals, satterthwaite df, REML with CR2 errors by group" in repr(fit)


def test_what_one_group_determines_has_no_cr2_error_in_a_mixed_fit():
    fit = fit_mixed("one_alone")
    assert fit.without_error == ("fourth",)
    assert "no standard error for 'fourth'" in repr(fit)
    assert np.isnan(fit.covariance[2]).all()
    for call in (lambda: fit.contrast("fourth", name="it"), lambda: fit.test(["time", "fourth"])):
        with pytest.raises(ValueError, match="a single group determines"):
            call()


@pytest.mark.parametrize("name", ALONE)
def test_a_column_of_one_cluster_gets_no_error(name):
    fit = fit_layout(name)
    found = fit.coefficients
    assert list(fit.without_error) == ALONE[name]
    assert found.loc[ALONE[name], "estimate"].notna().all()
    assert np.isnan(found.loc[ALONE[name], list(COLUMNS[1:])].to_numpy()).all()
    assert np.isfinite(fit.covariance).sum() == (len(found) - len(ALONE[name])) ** 2
    assert ALONE[name][0] in repr(fit).splitlines()[-1]
    with pytest.raises(ValueError, match="a single group determines 'it'"):
        fit.contrast(ALONE[name][0], name="it")


@pytest.mark.parametrize("name", LAYOUTS)
def test_residuals_and_what_a_group_adds_agree_with_lm(name):
    fit, theirs = fit_layout(name), LAYOUTS[name]
    np.testing.assert_allclose(fit.rows["residual"], theirs["residuals"], atol=1e-9)
    np.testing.assert_allclose(fit.rows["standardised"], theirs["rstandard"], rtol=1e-7)
    np.testing.assert_allclose(fit.rows["fitted"] + fit.rows["residual"], theirs["y"])
    if name not in ALONE:  # R has no fit without a group that determines a column alone
        left = fit.coefficients["estimate"] - fit.influence
        assert list(left.index) == list(dict.fromkeys(theirs["group"]))
        np.testing.assert_allclose(left, theirs["without"], rtol=1e-7, atol=1e-9)


def test_what_a_group_adds_is_not_known_where_it_decides_alone():
    unknown = fit_layout("one_alone").influence.isna().all(axis=1)
    assert unknown[unknown].index.tolist() == [4]


@FAST
@given(studies(), st.floats(0.1, 50))
def test_what_a_group_adds_is_the_fit_less_that_without_it(study, scale):
    y, x, group = study
    fit = cluster_robust(y, x, group)
    for g in np.unique(group):
        kept = group != g
        rest = np.linalg.lstsq(x[kept], y[kept], rcond=None)[0]
        left = table(fit)[:, 0] - fit.influence.loc[g].to_numpy()
        np.testing.assert_allclose(left, rest, rtol=1e-6, atol=1e-8)
    larger = cluster_robust(scale * y, x, group)
    np.testing.assert_allclose(larger.influence, scale * fit.influence, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(larger.rows["standardised"], fit.rows["standardised"], rtol=1e-6)


@FAST
@given(studies())
def test_blocks_give_what_full_matrices_give(study):
    y, x, group = study
    fit = cluster_robust(y, x, group)
    for weights in (np.eye(3)[1], np.array([1.0, 0.5, -2.0])):
        found = fit.contrast(weights)
        variance, df = dense(y, x, group, weights)
        assert found.std_error**2 == pytest.approx(variance, rel=1e-8)
        assert found.df == pytest.approx(df, rel=1e-6)
    assert np.diag(fit.covariance) == pytest.approx(fit.coefficients["std_error"] ** 2)


def test_one_row_per_cluster_and_a_mean_is_the_t_test():
    y = np.random.default_rng(1).normal(1, 2, 12)
    found = cluster_robust(y, np.ones((12, 1)), np.arange(12)).contrast([1])
    theirs = stats.ttest_1samp(y, 0)
    assert (found.t, found.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.df == pytest.approx(11)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_complete_pairs_are_the_paired_t_test():
    rng = np.random.default_rng(2)
    pairs = rng.normal(size=(11, 2)) + rng.normal(size=(11, 1))
    x = np.column_stack([np.ones(22), np.tile([1.0, 0.0], 11)])
    found = cluster_robust(pairs.ravel(), x, np.repeat(np.arange(11), 2)).contrast([0, 1])
    theirs = stats.ttest_rel(pairs[:, 0], pairs[:, 1])
    assert (found.t, found.df) == pytest.approx((theirs.statistic, 10))


def test_two_arms_of_single_rows_have_welch_s_error_and_bell_mccaffrey_df():
    y, arm = np.random.default_rng(3).normal(size=15), np.repeat([1.0, 0.0], [6, 9])
    x = np.column_stack([np.ones(15), arm])
    found = cluster_robust(y, x, np.arange(15)).contrast([0, 1])
    assert found.t == pytest.approx(stats.ttest_ind(y[:6], y[6:], equal_var=False).statistic)
    df = (1 / 6 + 1 / 9) ** 2 / (1 / (36 * 5) + 1 / (81 * 8))
    assert found.df == pytest.approx(df)


@FAST
@given(studies(), st.floats(0.01, 100))
def test_signs_units_and_order_pass_through(study, factor):
    y, x, group = study
    fit = cluster_robust(y, x, group)
    scaled = cluster_robust(-factor * y, x, group).coefficients
    np.testing.assert_allclose(scaled["estimate"], -factor * fit.coefficients["estimate"])
    np.testing.assert_allclose(scaled["std_error"], factor * fit.coefficients["std_error"])
    np.testing.assert_allclose(scaled["ci_low"], -factor * fit.coefficients["ci_high"], rtol=1e-6)
    np.testing.assert_allclose(scaled["df"], fit.coefficients["df"])
    shifted = cluster_robust(y, x @ np.diag([1, factor, 1]), group)
    np.testing.assert_allclose(shifted.coefficients["t"], fit.coefficients["t"], rtol=1e-6)
    order = np.random.default_rng(0).permutation(len(y))
    moved = cluster_robust(y[order], x[order], group[order])
    np.testing.assert_allclose(table(moved), table(fit), rtol=1e-6, atol=1e-12)


@FAST
@given(studies())
def test_p_at_the_end_of_the_interval_is_its_error_rate(study):
    y, x, group = study
    end = cluster_robust(y, x, group, confidence_level=0.9).contrast([0, 1, 0]).ci_low
    assert cluster_robust(y - end * x[:, 1], x, group).contrast([0, 1, 0]).p_value == (
        pytest.approx(0.1)
    )


def test_missing_rows_are_left_out_and_counted():
    y, x, group = np.arange(9.0) ** 2, np.ones((9, 1)), [*"aabbccdd", None]
    y[0] = np.nan
    fit = cluster_robust(y, x, group, ["mean"])
    assert (fit.n_missing, fit.n_obs, fit.n_groups) == (2, 7, 4)
    rest = cluster_robust(y[1:8], x[1:8], group[1:8])
    np.testing.assert_array_equal(table(fit), table(rest))
    assert "n = 7 rows in 4 groups; 2 left out (missing)" in repr(fit)


def test_the_result_is_used_like_a_mixed_fit():
    fit = fit_layout("covariates")
    one = fit.contrast({"treated": 1.0}, name="effect", confidence_level=0.9)
    assert isinstance(one, Contrast)
    assert (one.name, one.confidence_level) == ("effect", 0.9)
    assert one.estimate == fit.coefficients.loc["treated", "estimate"]
    two = fit.contrasts(["treated", "age"], names=["a", "b"])
    np.testing.assert_allclose(
        two.to_numpy(), fit.coefficients.loc[["treated", "age"]].to_numpy(), rtol=1e-12
    )
    pd.testing.assert_frame_equal(fit.to_frame(), fit.coefficients)
    assert list(fit.coefficients.columns) == list(COLUMNS)
    assert fit.names == ("mean", "treated", "severity", "age")
    assert fit._repr_html_().startswith("<table")
    assert mn.stats.cluster_robust is cluster_robust


def test_clusters_that_agree_exactly_get_no_error():
    y = np.repeat([1.0, 4.0, 2.0, 7.0], 2) + np.tile([0.1, 0.0], 4)
    fit = cluster_robust(y, np.column_stack([np.ones(8), np.tile([1, 0], 4)]), np.arange(8) // 2)
    assert fit.without_error == ("x1",)
    with pytest.raises(ValueError, match="the groups agree on 'it' without any difference"):
        fit.contrast([0, 1], name="it")


X2 = np.column_stack([np.ones(6), [1, 0, 1, 0, 1, 0]])
Y6, G6 = np.array([1.0, 3, 2, 5, 3, 1]), np.repeat([1, 2, 3], 2)
ERRORS = [
    (lambda: cluster_robust(Y6, X2, np.ones(6)), "all rows belong to one group"),
    (lambda: cluster_robust(np.ones(6), X2, G6), "the outcome is constant"),
    (lambda: cluster_robust(Y6[:, None], X2, G6), "y must be one-dimensional"),
    (lambda: cluster_robust(Y6, X2[:, [0, 1, 1]], G6, list("abc")), "columns 'b', 'c' are linear"),
    (lambda: cluster_robust(Y6, X2, G6, confidence_level=95), "confidence_level must lie"),
    (lambda: cluster_robust(Y6, X2, G6[:4]), "y has 6 rows, X has 6 and groups has 4"),
    (
        lambda: random_intercept(Y6, X2, G6, errors="cr2", df="kenward-roger"),
        'errors="cr2" has Satterthwaite degrees of freedom',
    ),
    (lambda: random_intercept(Y6, X2, G6, errors="cr2", variance="strata"), 'errors="cr2" has'),
    (lambda: random_intercept(Y6, X2, G6, errors="CR2"), "errors must be one of 'model', 'cr2'"),
    (
        lambda: random_intercept(Y6[:4], X2[:4], G6[:4], errors="cr2").test(np.eye(2)),
        "too few groups carry 2 contrasts together",
    ),
    (lambda: cluster_robust(Y6, X2, G6).contrast("age"), "no column named age; there are x0, x1"),
    (lambda: cluster_robust(Y6, X2, G6).contrast([1]), "1 weights for 2 columns"),
    (lambda: cluster_robust(Y6, X2, G6).contrast([0, 0]), "weights must be finite"),
    (lambda: cluster_robust(Y6, X2, G6).contrast(np.eye(2)), "contrast() takes one row"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["within", "between"])
@pytest.mark.parametrize("clusters", [10, 20])
def test_false_positives_are_what_is_promised(clusters, factor):
    """Clusters of two to seven rows, half of the variance between them."""
    sizes = np.resize([2, 3, 4, 7], clusters)
    group = np.repeat(np.arange(clusters), sizes)
    n = len(group)
    column = np.arange(n) % 2 if factor == "within" else group % 2
    x = np.column_stack([np.ones(n), column])
    rng = np.random.default_rng([clusters, len(factor)])
    rejected = 0
    for _ in range(TRIALS):
        y = rng.normal(size=clusters)[group] + rng.normal(size=n)
        rejected += cluster_robust(y, x, group).contrast([0, 1]).p_value < ALPHA
    assert rejected / TRIALS == pytest.approx(ALPHA, abs=TOLERANCE)


@pytest.mark.slow
def test_false_positives_of_a_random_intercept_where_spreads_grow():
    """Six patients an arm, three visits, spread 1 : 2 : 3, a fifth of the values missing."""
    patient, visit = np.repeat(np.arange(12), 3), np.tile(np.arange(3), 12)
    at = (visit[:, None] == np.arange(3)).astype(float)
    x = np.hstack([at, at * (patient % 2)[:, None]])
    rng, p_values, lost = np.random.default_rng(7), {"model": [], "cr2": []}, 0
    for _ in range(TRIALS):
        y = (visit + 1) * (rng.normal(size=12)[patient] + rng.normal(size=36))
        y[rng.random(36) < 0.2] = np.nan
        try:
            for errors, found in p_values.items():
                found.append(random_intercept(y, x, patient, errors=errors).contrast("x5").p_value)
        except ValueError:
            lost += 1
    rates = {errors: np.mean(np.array(found) < ALPHA) for errors, found in p_values.items()}
    print(rates, f"Monte-Carlo error {TOLERANCE / 3:.4f}, not fitted {lost}")
    assert rates["model"] > 0.07
    assert rates["cr2"] == pytest.approx(ALPHA, abs=TOLERANCE)
    assert lost < 0.01 * TRIALS


# By a formula.


@pytest.mark.parametrize("name", ["unbalanced", "covariates"])
def test_a_formula_gives_what_clubsandwich_gives(name):
    layout = LAYOUTS[name]
    data = pd.DataFrame(layout["x"], columns=layout["columns"])
    data = data.assign(y=layout["y"], who=layout["group"])
    fit = linear_model("y ~ " + " + ".join(layout["columns"][1:]), data, "who")
    for column, values in layout["expected"].items():
        assert fit.coefficients[column].to_numpy() == pytest.approx(values, rel=1e-6)


@pytest.fixture
def several_sites():
    """Thirty patients, some with several sites; one arm each, and what is not known."""
    rng = np.random.default_rng(8)
    who = np.repeat(np.arange(30), rng.integers(1, 4, 30))
    data = pd.DataFrame({"who": who, "arm": np.where(who % 2, "laser", "needling")})
    data["score"] = rng.normal(20, 5, len(data)) + 6 * (data["arm"] == "needling")
    data.loc[[3, 11], "score"] = np.nan
    return data


def test_averaged_first_a_patient_counts_once(several_sites):
    means = several_sites.groupby(["who", "arm"])["score"].mean().dropna().reset_index()
    arms = [means.loc[means["arm"] == arm, "score"] for arm in ("needling", "laser")]
    known = stats.ttest_ind(*arms, equal_var=False)
    fit = linear_model("score ~ arm", several_sites, "who", average=["arm"], df="welch")
    found = fit.contrast("arm[T.needling]")
    assert (fit.n_obs, fit.n_missing) == (len(means), 2)
    assert (found.t, found.df, found.p_value) == pytest.approx(
        (known.statistic, known.df, known.pvalue)
    )
    alone = linear_model("score ~ 1", several_sites, "who", average=[])
    each = several_sites.groupby("who")["score"].mean().dropna()
    assert alone.coefficients.at["Intercept", "estimate"] == pytest.approx(each.mean())
    assert alone.coefficients.at["Intercept", "std_error"] == pytest.approx(stats.sem(each))


def test_columns_that_others_tell_are_left_out_and_named(several_sites):
    data = several_sites.assign(
        needled=several_sites["arm"].eq("needling").astype(float), always=1.0
    )
    fit = linear_model("score ~ always + arm + needled", data, "who")
    assert fit.aliased == ("always", "needled")
    assert "always, needled" in repr(fit)
    same = linear_model("score ~ arm", data, "who")
    assert fit.coefficients["estimate"].tolist() == same.coefficients["estimate"].tolist()


@given(order=st.permutations(range(20)), scale=st.floats(0.1, 50))
@FAST
def test_a_formula_minds_no_order_of_rows_and_follows_the_unit(order, scale):
    rng = np.random.default_rng(5)
    data = pd.DataFrame(
        {"who": np.arange(20) // 2, "x": rng.normal(size=20), "arm": np.arange(20) % 4 // 2}
    )
    data["y"] = data["x"] + rng.normal(size=20)
    usual = linear_model("y ~ arm + x", data, "who", average=["arm"]).coefficients
    other = data.assign(y=data["y"] * scale).iloc[list(order)]
    found = linear_model("y ~ arm + x", other, "who", average=["arm"]).coefficients
    assert found["estimate"].to_numpy() == pytest.approx(scale * usual["estimate"].to_numpy())
    assert found["df"].to_numpy() == pytest.approx(usual["df"].to_numpy())


def test_what_a_formula_cannot_be_asked_is_said(several_sites):
    with pytest.raises(ValueError, match="no column side to average over"):
        linear_model("score ~ arm", several_sites, "who", average=["side"])
    with pytest.raises(ValueError, match="no column 'person'"):
        linear_model("score ~ arm", several_sites, "person")
    with pytest.raises(mn.DataError, match="no row has a value for everything"):
        linear_model("score ~ arm", several_sites.assign(score=np.nan), "who")
    with pytest.raises(ValueError, match="depth"):
        linear_model("score ~ depth", several_sites, "who")
    with pytest.raises(ValueError, match="did you mean arm"):
        linear_model("score ~ arms", several_sites, "who")
    with pytest.raises(ValueError, match="yes or no write it as 0 and 1"):
        linear_model("arm ~ score", several_sites, "who")
