"""What must hold for any data: symmetries, reductions to known tests, the dense likelihood."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats.mixed.comparisons import (
    ancova,
    arm_difference,
    heterogeneity,
    paired_difference,
    within_between,
)
from mnstudy.stats.mixed.model import random_intercept, random_intercept_batch
from mnstudy.stats.mixed.nested import nested_intercepts

# Both sides are computed in double precision from the same rows in another order or unit.
RTOL = 1e-7
METHODS = st.sampled_from(["satterthwaite", "kenward-roger"])
FAST = settings(max_examples=25, deadline=None)


@st.composite
def studies(draw, min_groups=4):
    """Unbalanced visits with a covariate and a 0/1 treatment that varies within patients."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=min_groups, max_size=12))
    assume(sum(sizes) - len(sizes) >= 4)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ratio = draw(st.sampled_from([0.0, 0.3, 1.0, 20.0]))
    patient = np.repeat(np.arange(len(sizes)), sizes)
    n = len(patient)
    treated = (np.arange(n) % 2).astype(float)
    x = np.column_stack([np.ones(n), treated, rng.normal(size=n)])
    y = x @ [3.0, 0.5, -1.0] + np.sqrt(ratio) * rng.normal(size=len(sizes))[patient]
    return y + rng.normal(size=n), x, patient


def table(fit):
    return fit.coefficients.to_numpy()


def close(actual, expected, rel=RTOL):
    assert np.asarray(actual) == pytest.approx(np.asarray(expected), rel=rel, abs=1e-9)


def dense_log_likelihood(y, x, v):
    """REML log-likelihood from the full covariance matrix v, without any shortcut."""
    vx = np.linalg.solve(v, x)
    a = x.T @ vx
    rest = y - x @ np.linalg.solve(a, vx.T @ y)
    n, p = x.shape
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(a)[1] + (n - p) * np.log(2 * np.pi)
    return -0.5 * (logs + rest @ np.linalg.solve(v, rest))


@FAST
@given(studies())
def test_optimum_is_the_maximum_of_the_dense_likelihood(study):
    y, x, patient = study
    fit = random_intercept(y, x, patient)
    same = np.equal.outer(patient, patient)

    def dense(between, within):
        return dense_log_likelihood(y, x, between * same + within * np.eye(len(y)))

    between, within = fit.variance_between, fit.variance_within
    best = dense(between, within)
    close(fit.log_likelihood, best)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert dense(between * factor, within) <= best + 1e-9
        assert dense(between, within * factor) <= best + 1e-9
    for other in (1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3):
        assert dense(other * within, within) <= best + 1e-9


@FAST
@given(studies(), METHODS)
def test_swapping_groups_flips_the_sign(study, df):
    y, x, patient = study
    swapped = x.copy()
    swapped[:, 1] = 1 - x[:, 1]
    one = random_intercept(y, x, patient, df=df).coefficients.iloc[1]
    two = random_intercept(y, swapped, patient, df=df).coefficients.iloc[1]
    close(two[["estimate", "t", "ci_low", "ci_high"]], -one[["estimate", "t", "ci_high", "ci_low"]])
    close(two[["std_error", "df", "p_value"]], one[["std_error", "df", "p_value"]])


@FAST
@given(studies(), METHODS, st.sampled_from([-1000.0, -1.0, 1e-4, 37.0]))
def test_scaling_the_outcome_scales_the_estimate_only(study, df, k):
    y, x, patient = study
    one = random_intercept(y, x, patient, df=df)
    two = random_intercept(k * y, x, patient, df=df)
    for column, factor in [("estimate", k), ("std_error", abs(k)), ("df", 1), ("p_value", 1)]:
        close(two.coefficients[column] / abs(factor), one.coefficients[column] * np.sign(factor))
    close(two.variance_between / k**2, one.variance_between)
    close(two.variance_within / k**2, one.variance_within)


@FAST
@given(studies(), METHODS)
def test_shifting_outcome_and_rescaling_columns_leaves_inference(study, df):
    y, x, patient = study
    one = random_intercept(y, x, patient, df=df)
    two = random_intercept(y + 500.0, x * [1, 4.0, 1e-3] + [0, 0, 70.0], patient, df=df)
    close(two.coefficients[["df", "t", "p_value"]].iloc[1:], one.coefficients.iloc[1:, 2:5])
    close(two.test(["x1", "x2"]).f, one.test(["x1", "x2"]).f)


@FAST
@given(studies(), METHODS, st.randoms(use_true_random=False))
def test_row_order_and_group_labels_do_not_matter(study, df, random):
    y, x, patient = study
    order = list(range(len(y)))
    random.shuffle(order)
    one = random_intercept(y, x, patient, df=df)
    labels = np.array([f"patient {7 * p % 101}" for p in patient])
    two = random_intercept(y[order], x[order], labels[order], df=df)
    close(table(two), table(one))
    close(two.residuals, one.residuals[order])
    close(two.group_effects[labels[:1]], one.group_effects[patient[:1]])


@FAST
@given(studies(), METHODS, st.floats(0.5, 0.999))
def test_p_at_the_interval_bound_is_alpha(study, df, level):
    y, x, patient = study
    fit = random_intercept(y, x, patient, confidence_level=level, df=df)
    row = fit.coefficients.iloc[1]
    for bound in (row["ci_low"], row["ci_high"]):
        moved = random_intercept(y - bound * x[:, 1], x, patient, df=df)
        assert moved.coefficients["p_value"].iloc[1] == pytest.approx(1 - level, rel=1e-6)


@FAST
@given(studies(), METHODS)
def test_f_of_one_row_is_t_squared_and_mixing_rows_changes_nothing(study, df):
    y, x, patient = study
    fit = random_intercept(y, x, patient, df=df)
    row, single = fit.coefficients.iloc[1], fit.test([0, 1, 0])
    close([single.f, single.df_den, single.p_value], [row["t"] ** 2, row["df"], row["p_value"]])
    one, two = fit.test(["x1", "x2"]), fit.test([[0, 2, 1], [0, -1, 1]])
    close(two.f, one.f, rel=1e-6)
    assert two.df_num == 2


@FAST
@given(studies(), METHODS)
def test_batch_is_the_single_fit(study, df):
    y, x, patient = study
    batch = random_intercept_batch(np.column_stack([y, y[::-1]]), x, patient, df=df)
    one, two = (random_intercept(v, x, patient, df=df) for v in (y, y[::-1]))
    for j, fit in enumerate([one, two]):
        close(batch.df[j], fit.coefficients["df"])
        close(batch.ci_low[j], fit.coefficients["ci_low"])


@FAST
@given(st.integers(3, 25), st.integers(0, 2**32 - 1), st.sampled_from([-0.8, 0.0, 0.7]))
def test_split_face_is_the_paired_t_test(n, seed, correlation):
    rng = np.random.default_rng(seed)
    pairs = rng.multivariate_normal([0, 1], [[1, correlation], [correlation, 1]], size=n)
    patient = np.repeat(np.arange(n), 2)
    result = paired_difference(pairs.ravel(), np.tile([0, 1], n), patient)
    expected = stats.ttest_rel(pairs[:, 1], pairs[:, 0])
    low, high = expected.confidence_interval()
    difference = result.difference
    close(
        [difference.t, difference.df, difference.p_value],
        [expected.statistic, n - 1, expected.pvalue],
    )
    close([difference.ci_low, difference.ci_high], [low, high])
    fit = random_intercept(
        pairs.ravel(), np.column_stack([np.ones(2 * n), np.tile([0, 1], n)]), patient
    )
    if not fit.boundary:
        close(fit.coefficients["t"].iloc[1], expected.statistic)
        close(fit.coefficients["df"].iloc[1], n - 1, rel=1e-5)


@FAST
@given(st.integers(3, 12), st.integers(3, 12), st.integers(0, 2**32 - 1))
def test_one_row_per_patient_is_t_test_and_least_squares(first, second, seed):
    rng = np.random.default_rng(seed)
    arm = np.repeat([0.0, 1.0], [first, second])
    baseline = rng.normal(size=len(arm))
    y = rng.normal(size=len(arm)) + baseline
    expected = stats.ttest_ind(y[arm == 1], y[arm == 0])
    low, high = expected.confidence_interval()
    result = arm_difference(y, arm, [f"p{i}" for i in range(len(y))]).difference
    close([result.t, result.p_value, result.df], [expected.statistic, expected.pvalue, len(y) - 2])
    close([result.ci_low, result.ci_high], [low, high])
    design = np.column_stack([np.ones(len(y)), arm, baseline])
    least_squares = sm.OLS(y, design).fit()
    adjusted = ancova(y, arm, baseline).difference
    close([adjusted.estimate, adjusted.std_error], [least_squares.params[1], least_squares.bse[1]])
    close(adjusted.p_value, least_squares.pvalues[1])
    on_change = ancova(y - baseline, arm, baseline).difference
    close([on_change.estimate, on_change.ci_low], [adjusted.estimate, adjusted.ci_low])


@FAST
@given(studies(min_groups=6), st.data())
def test_nested_optimum_is_the_maximum_of_the_dense_likelihood(study, data):
    y, x, patient = study
    site = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(y), max_size=len(y))))
    try:
        fit = nested_intercepts(y, x, patient, site)
    except ValueError:
        assume(False)
    same = np.equal.outer(patient, patient), np.equal.outer(2 * patient + site, 2 * patient + site)

    def dense(between, subgroups, within):
        covariance = between * same[0] + subgroups * same[1] + within * np.eye(len(y))
        return dense_log_likelihood(y, x, covariance)

    best = [fit.variance_between, fit.variance_subgroups, fit.variance_within]
    close(fit.log_likelihood, dense(*best))
    assert all(variance == 0 or variance > 1e-9 * best[2] for variance in best)
    for steps in np.ndindex(3, 3, 3):
        other = np.array(best) * np.array([0.8, 1.0, 1.25])[list(steps)]
        assert dense(*other) <= fit.log_likelihood + 1e-8
    for between, subgroups in np.ndindex(4, 4):
        other = [0.5 * between * best[2], 0.5 * subgroups * best[2], best[2]]
        assert dense(*other) <= fit.log_likelihood + 1e-8


@FAST
@given(studies())
def test_within_slope_is_the_fixed_effects_slope(study):
    y, x, patient = study
    dose = x[:, 2]
    result = within_between(y, dose, patient)
    inner = dose - (np.bincount(patient, dose) / np.bincount(patient))[patient]
    close(result.within.estimate, inner @ y / (inner @ inner))


@FAST
@given(studies())
def test_two_levels_are_one_difference(study):
    y, x, patient = study
    result = heterogeneity(y, np.where(x[:, 1] == 1, "b", "a"), patient, x[:, 2])
    fit = random_intercept(y, x, patient)
    row = fit.coefficients.iloc[1]
    close(result.largest.estimate, row["estimate"])
    close([result.test.p_value, result.largest.p_value], [row["p_value"]] * 2)


@FAST
@given(st.integers(0, 2**32 - 1))
def test_balanced_data_give_the_analysis_of_variance(seed):
    """One-way balanced: REML variances are mean squares, df of the mean is groups - 1."""
    rng = np.random.default_rng(seed)
    groups, size = 7, 4
    values = 2 * rng.normal(size=groups)[:, None] + rng.normal(size=(groups, size))
    fit = random_intercept(values.ravel(), np.ones((28, 1)), np.repeat(range(groups), size))
    within = values.var(axis=1, ddof=1).mean()
    between = size * values.mean(axis=1).var(ddof=1)
    assume(between > within)
    close(fit.variance_within, within)
    close(fit.variance_between, (between - within) / size)
    close(fit.coefficients["df"], [groups - 1])
    close(fit.coefficients["std_error"], [np.sqrt(between / 28)])


@st.composite
def unlike_studies(draw):
    """Balanced groups whose rows may repel each other; the outcome as groups x rows."""
    groups, size = draw(st.integers(4, 20)), draw(st.sampled_from([2, 4, 6]))
    share = draw(st.sampled_from([-0.9, -0.5, 0.0, 3.0]))  # of theta between 0 and -1 / size
    e = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(size=(groups, size))
    return e - (1 - np.sqrt(1 + share)) * e.mean(axis=1, keepdims=True)


def t_test_of(fit, column, expected, df):
    row = fit.coefficients.iloc[column]
    close([row["t"], row["df"], row["p_value"]], [expected.statistic, df, expected.pvalue])
    close(row[["ci_low", "ci_high"]], expected.confidence_interval())


def free_of_edge(values, residual):
    """Whether group means vary by more than the thousandth at which digits are lost."""
    size = values.shape[1]
    return size * np.mean(residual**2) > 1e-3 * values.var(axis=1, ddof=1).mean()


@FAST
@given(unlike_studies(), METHODS)
def test_unbounded_balanced_sides_are_the_paired_t_test(values, df):
    """Also where sides are negatively correlated and the bounded fit is another test."""
    groups, size = values.shape
    assume(free_of_edge(values, values.mean(axis=1) - values.mean()))
    side = np.tile([0.0, 1.0], groups * size // 2)
    x, patient = np.column_stack([np.ones(values.size), side]), np.repeat(range(groups), size)
    fit = random_intercept(values.ravel(), x, patient, df=df, variance="unbounded")
    if size == 2:
        t_test_of(fit, 1, stats.ttest_rel(values[:, 1], values[:, 0]), groups - 1)
    else:
        within = values - values.mean(axis=1, keepdims=True)
        expected = sm.OLS(within.ravel(), side - 0.5).fit()
        freedom = groups * (size - 1) - 1
        close(fit.coefficients["df"].iloc[1], freedom)
        error = expected.bse[0] * np.sqrt(expected.df_resid / freedom)
        close(fit.coefficients["std_error"].iloc[1], error)


@FAST
@given(unlike_studies(), METHODS)
def test_unbounded_balanced_arms_are_the_t_test_on_patient_means(values, df):
    groups, size = values.shape
    arm = np.arange(groups) % 2
    means = values.mean(axis=1)
    residual = means - np.where(arm == 1, means[arm == 1].mean(), means[arm == 0].mean())
    assume(free_of_edge(values, residual))
    x, patient = np.column_stack([np.ones(groups), arm]), np.repeat(range(groups), size)
    fit = random_intercept(values.ravel(), x[patient], patient, df=df, variance="unbounded")
    t_test_of(fit, 1, stats.ttest_ind(means[arm == 1], means[arm == 0]), groups - 2)


def test_bounded_sides_with_negative_correlation_are_not_the_paired_t_test():
    pairs = np.random.default_rng(1).multivariate_normal([0, 1], [[1, -0.7], [-0.7, 1]], size=12)
    x, patient = np.tile([[1.0, 0.0], [1.0, 1.0]], (12, 1)), np.repeat(range(12), 2)
    expected = stats.ttest_rel(pairs[:, 1], pairs[:, 0])
    bounded = random_intercept(pairs.ravel(), x, patient)
    assert bounded.boundary
    assert bounded.coefficients["df"].iloc[1] == pytest.approx(22)
    assert bounded.coefficients["t"].iloc[1] > 1.1 * expected.statistic
    t_test_of(random_intercept(pairs.ravel(), x, patient, variance="unbounded"), 1, expected, 11)


@FAST
@given(studies(min_groups=6), METHODS)
def test_unbounded_is_bounded_above_zero_and_better_below(study, df):
    y, x, patient = study
    bounded = random_intercept(y, x, patient, df=df)
    problem = random_intercept_batch(y[:, None], x, patient, variance="unbounded").problems[0]
    if problem:
        assert bounded.boundary
        assert "no unbounded estimate" in problem
        return
    fit = random_intercept(y, x, patient, df=df, variance="unbounded")
    if not bounded.boundary:
        close(table(fit), table(bounded), rel=1e-8)
        close(fit.log_likelihood, bounded.log_likelihood, rel=1e-8)
        return
    assert -fit.variance_within / np.bincount(patient).max() < fit.variance_between < 0
    same = np.equal.outer(patient, patient)

    def dense(between, within):
        return dense_log_likelihood(y, x, between * same + within * np.eye(len(y)))

    between, within = fit.variance_between, fit.variance_within
    best = dense(between, within)
    close(fit.log_likelihood, best)
    assert best >= bounded.log_likelihood
    largest = 1 + np.bincount(patient).max() * between / within
    for factor in (0.99, 1 + min(1e-2, largest / 2)):
        assert dense(between * factor, within) <= best + 1e-9
        assert dense(between * factor, within * factor) <= best + 1e-9
    for part in (0.0, 0.2, 0.4, 0.6, 0.8):
        assert dense(part * between, within) <= best + 1e-9


@FAST
@given(unlike_studies(), METHODS, st.sampled_from([-1000.0, 1e-4, 37.0]))
def test_unbounded_fits_keep_the_symmetries(values, df, k):
    groups, size = values.shape
    assume(free_of_edge(values, values.mean(axis=1) - values.mean()))
    side = np.tile([0.0, 1.0], groups * size // 2)
    x, patient = np.column_stack([np.ones(values.size), side]), np.repeat(range(groups), size)
    keep = np.arange(values.size) != 1  # the first group is smaller
    y, x, patient = values.ravel()[keep], x[keep], patient[keep]
    assume(groups > 4)
    options = {"df": df, "variance": "unbounded"}
    one = random_intercept(y, x, patient, **options)
    two = random_intercept(k * y[::-1] + 5.0, x[::-1], patient[::-1], **options)
    three = random_intercept(y, x * [1, -1] + [0, 1], patient, **options)
    row, scaled, swapped = (fit.coefficients.iloc[1] for fit in (one, two, three))
    close(scaled["estimate"] / k, row["estimate"])
    close(scaled[["df", "p_value"]], row[["df", "p_value"]], rel=1e-6)
    close(swapped[["t", "df"]], [-row["t"], row["df"]], rel=1e-6)
    close(two.variance_between / k**2, one.variance_between)
    bound = random_intercept(y - row["ci_low"] * x[:, 1], x, patient, **options)
    assert bound.coefficients["p_value"].iloc[1] == pytest.approx(0.05, rel=1e-6)
