"""Rubin's rules against mice, and draws of missing outcomes against their exact distribution."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mnstudy.stats.missing.imputation import impute_clustered, pool_imputations
from mnstudy.stats.mixed.model import random_intercept_batch

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "imputation.json").read_text())
POOLING, EXACT, LARGE = REFERENCE["pooling"], REFERENCE["exact"], REFERENCE["large"]
# Draws compared with the exact distribution, and the Monte Carlo errors they may be off by: some
# hundred comparisons, of which none should leave four and a half.
DRAWS, ERRORS = 40_000, 4.5
# The least share of the variance due to missing values that mice knows.
FLOOR = 1e-4


def by_name(case):
    return case["name"]


# Pooling


def pooled(case):
    options = {name: case[name] for name in ("null", "confidence_level")}
    df = float(case["df_complete"])
    return pool_imputations(case["estimates"], case["variances"], df_complete=df, **options)


def test_reference_grid_is_complete():
    shares = [case["lambda"] for case in POOLING]
    assert len(POOLING) == 11
    assert sum(case["df_complete"] == "inf" for case in POOLING) == 3
    assert sum(share == 0 for share in shares) == 2
    assert sum(0 < share < FLOOR for share in shares) == 1
    assert len(EXACT) == 3


@pytest.mark.parametrize("case", POOLING, ids=by_name)
def test_pooling_agrees_with_r(case):
    found = pooled(case)
    for name, value in case["expected"].items():
        assert getattr(found, name) == pytest.approx(float(value), rel=1e-10, abs=1e-14), name


@pytest.mark.parametrize("case", POOLING, ids=by_name)
def test_degrees_of_freedom_agree_with_mice(case):
    if case["lambda"] >= FLOOR:
        assert pooled(case).df == pytest.approx(case["mice_df"], rel=1e-10)
    elif case["df_complete"] == "inf":
        assert math.isinf(pooled(case).df)
        assert case["mice_df"] == pytest.approx((len(case["estimates"]) - 1) / FLOOR**2)
    else:
        assert pooled(case).df == pytest.approx(case["mice_df"], rel=2 * FLOOR)


numbers = st.floats(-50, 50)
analyses = st.lists(st.tuples(numbers, st.floats(0.1, 20)), min_size=2, max_size=25)


@given(analyses, st.floats(1.5, 200), st.floats(0.1, 10), numbers)
def test_pooling_follows_unit_and_origin(found, df, scale, shift):
    q, u = np.array(found).T
    base = pool_imputations(q, u, df_complete=df)
    other = pool_imputations(scale * q + shift, scale**2 * u, df_complete=df, null=shift)
    assert other.df == pytest.approx(base.df, rel=1e-6)
    assert other.ci_high == pytest.approx(scale * base.ci_high + shift, rel=1e-6, abs=1e-6)
    assert other.p_value == pytest.approx(base.p_value, rel=1e-5, abs=1e-9)
    flipped = pool_imputations(-q, u, df_complete=df)
    assert flipped.ci_low == pytest.approx(-base.ci_high, rel=1e-9, abs=1e-9)
    assert flipped.p_value == pytest.approx(base.p_value)


@given(analyses, st.floats(3, 200), st.floats(0.5, 0.99))
def test_p_at_the_limit_and_bounds(found, df, level):
    q, u = np.array(found).T
    base = pool_imputations(q, u, df_complete=df, confidence_level=level)
    assert base.df <= df
    assert base.std_error >= math.sqrt(base.within) * (1 - 1e-12)
    assert 0 < base.fraction_missing <= 1 + 1e-12
    # With fewer degrees of freedom the limits lie beyond any use, and lose digits.
    assume(base.df > 0.5)
    at_limit = pool_imputations(q, u, df_complete=df, null=base.ci_high)
    assert at_limit.p_value == pytest.approx(1 - level, rel=1e-6)


def test_estimates_that_agree_leave_the_analysis_as_it_is():
    found = pool_imputations([3.0, 3.0, 3.0], [0.5, 0.5, 0.5])
    assert (found.between, found.relative_increase, found.fraction_missing) == (0, 0, 0)
    assert found.df == math.inf
    assert found.std_error == pytest.approx(math.sqrt(0.5))
    small = pool_imputations([3.0, 3.0, 3.0], [0.5, 0.5, 0.5], df_complete=20)
    assert small.df == pytest.approx(20 * 21 / 23)


def test_degrees_of_freedom_that_differ_are_averaged():
    q, u = [4.0, 5.0, 4.4], [1.0, 1.2, 0.9]
    each = pool_imputations(q, u, df_complete=[20.0, 22.0, 27.0])
    assert each == pool_imputations(q, u, df_complete=23.0)
    assert each.df_complete == 23.0


def test_pooled_prints_and_is_a_row():
    found = pool_imputations([4.1, 5.0], [1.2, 1.1], df_complete=28)
    assert "95 % CI" in repr(found)
    assert found._repr_html_().startswith("<strong>4.55")
    assert found.to_frame().loc[0, "m"] == 2


POOL_ERRORS = [
    (([1.0], [1.0]), {}, "estimates must be a list of at least two, one per imputed data set"),
    (([[1.0, 2.0]], [1.0]), {}, "estimates must be a list of at least two"),
    (([1.0, np.nan], [1.0, 1.0]), {}, "estimates must be numbers; number 2 is nan: the analysis"),
    (([1.0, 2.0], [np.inf, 1.0]), {}, "variances must be numbers; number 1 is inf"),
    (([1.0, 2.0], [1.0, 0.0]), {}, "variances must be above zero"),
    (([1.0, 2.0, 3.0], [1.0, 1.0]), {}, "3 estimates and 2 variances; give one of each"),
    (([1.0, 2.0], [1.0, 1.0]), {"df_complete": 0}, "df_complete must be above zero"),
    (([1.0, 2.0], [1.0, 1.0]), {"df_complete": np.nan}, "df_complete must be above zero"),
    (([1.0, 2.0], [1.0, 1.0]), {"df_complete": [1, 2, 3]}, "df_complete must be one number or 2"),
    (([1.0, 2.0], [1.0, 1.0]), {"df_complete": [9, np.inf]}, "df_complete is infinite for some"),
    (([1.0, 2.0], [1.0, 1.0]), {"confidence_level": 95}, "confidence_level must lie between"),
]


@pytest.mark.parametrize(("given", "options", "message"), POOL_ERRORS)
def test_pooling_errors_say_what_is_wrong(given, options, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pool_imputations(*given, **options)


# Draws against the exact distribution


def outcome(case):
    return np.array([np.nan if value is None else value for value in case["y"]], dtype=float)


@pytest.mark.parametrize("case", EXACT, ids=by_name)
def test_draws_follow_the_exact_distribution(case):
    drawn = impute_clustered(outcome(case), case["x"], case["patient"], m=DRAWS, rng=5).values
    mean, covariance = np.array(case["expected"]["mean"]), case["expected"]["covariance"]
    off = drawn - mean
    assert np.all(np.abs(off.mean(axis=0)) < ERRORS * drawn.std(axis=0) / math.sqrt(DRAWS))
    products = off[:, :, None] * off[:, None, :]
    error = products.std(axis=0) / math.sqrt(DRAWS)
    assert np.all(np.abs(products.mean(axis=0) - covariance) < ERRORS * error)
    # The tails: how far draws lie in numbers of standard deviations.
    for point in case["expected"]["below"]:
        below = off < point["z"] * np.sqrt(np.diag(covariance))
        share = np.array(point["share"])
        error = np.sqrt(share * (1 - share) / DRAWS)
        assert np.all(np.abs(below.mean(axis=0) - share) < ERRORS * error)


def test_large_sample_agrees_with_lme4():
    """With 240 patients the draws vary as the mixed-model equations say at lme4's estimates."""
    m = 2_000
    drawn = impute_clustered(outcome(LARGE), LARGE["x"], LARGE["patient"], m=m, rng=6).values
    mean, variance = (np.array(LARGE["expected"][name]) for name in ("mean", "variance"))
    assert len(mean) == drawn.shape[1] == 168
    z = (drawn.mean(axis=0) - mean) / np.sqrt(variance / m)
    assert np.abs(z).max() < ERRORS
    # Single variances vary by 3 %, their mean by the uncertainty about sigma, of order 1 / n.
    ratio = drawn.var(axis=0, ddof=1) / variance
    assert np.abs(ratio - 1).max() < ERRORS * math.sqrt(2 / m)
    assert ratio.mean() == pytest.approx(1, abs=0.02)


# What must hold of any draws


def study(seed, n_groups=14, noise=3.0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=n_groups)
    patient = np.repeat([f"p{i}" for i in rng.permutation(n_groups)], sizes)
    n = len(patient)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = X @ [20.0, 4.0] + np.repeat(noise * rng.normal(size=n_groups), sizes)
    y += noise * rng.normal(size=n)
    gone = rng.uniform(size=n) < 0.3
    gone[:2] = [True, False]
    return np.where(gone, np.nan, y), X, patient


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-500, 500))
def test_draws_follow_unit_and_origin(seed, scale, shift):
    y, X, patient = study(seed)
    base = impute_clustered(y, X, patient, m=4, rng=seed).values
    other = impute_clustered(scale * y + shift, X, patient, m=4, rng=seed).values
    np.testing.assert_allclose(other, scale * base + shift, rtol=1e-6, atol=1e-6 * scale)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_draws_do_not_depend_on_the_basis_of_the_columns(seed):
    """Other columns with the same span: beta is drawn on another basis, same distribution."""
    y, X, patient = study(seed)
    base = impute_clustered(y, X, patient, m=4, rng=seed).values
    scaled = impute_clustered(y, X * [3.0, 0.01], patient, m=4, rng=seed).values
    np.testing.assert_allclose(scaled, base, rtol=1e-7)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_rows_does_not_matter_to_the_last_bit(seed):
    y, X, patient = study(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    base = impute_clustered(y, X, patient, m=4, rng=seed)
    other = impute_clustered(y[order], X[order], patient[order], m=4, rng=seed)
    assert np.array_equal(other.completed(y[order]), base.completed(y)[order], equal_nan=True)
    assert np.array_equal(base.rows, np.flatnonzero(np.isnan(y)))


def test_rows_that_agree_in_everything_may_swap_their_draws_only():
    y, X, patient = study(3)
    y, X, patient = (np.concatenate([part, part[:1], part[:1]]) for part in (y, X, patient))
    order = np.random.default_rng(0).permutation(len(y))
    base = impute_clustered(y, X, patient, m=3, rng=1).completed(y)
    other = impute_clustered(y[order], X[order], patient[order], m=3, rng=1).completed(y[order])
    for k in range(3):
        assert sorted(zip(patient, X[:, 1], base[:, k], strict=True)) == sorted(
            zip(patient[order], X[order, 1], other[:, k], strict=True)
        )


def test_labels_of_any_kind_name_the_same_groups():
    y, X, patient = study(4)
    numbers = np.array([int(label[1:]) for label in patient])
    base = impute_clustered(y, X, [str(n) for n in numbers], m=3, rng=1).values
    for groups in (numbers, pd.Series(numbers), pd.Categorical(numbers), list(map(int, numbers))):
        assert np.array_equal(impute_clustered(y, X, groups, m=3, rng=1).values, base)


def test_nothing_missing_leaves_everything_as_it_is():
    y, X, patient = study(1)
    y = np.nan_to_num(y)
    found = impute_clustered(y, X, patient, rng=1)
    assert found.values.shape == (20, 0)
    assert len(found.rows) == found.n_missing == 0
    assert found.notes == ()
    assert np.array_equal(found.completed(y), np.repeat(y[:, None], 20, axis=1))


def test_observed_outcomes_stay_and_gaps_are_filled():
    y, X, patient = study(2)
    filled = impute_clustered(y, X, patient, m=5, rng=1).completed(y)
    seen = ~np.isnan(y)
    assert np.array_equal(filled[seen], np.repeat(y[seen, None], 5, axis=1))
    assert np.isfinite(filled).all()


def test_without_much_noise_the_line_comes_back():
    y, X, patient = study(7, noise=1e-6)
    drawn = impute_clustered(y, X, patient, m=10, rng=1)
    np.testing.assert_allclose(drawn.values, np.tile(X[drawn.rows] @ [20, 4], (10, 1)), atol=2e-5)


def test_rows_of_one_group_share_their_intercept():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 4)
    y = rng.normal(scale=10, size=30)[patient] + rng.normal(scale=0.5, size=120)
    y[:6] = np.nan
    found = impute_clustered(y, np.ones((120, 1)), patient, m=400, rng=1)
    assert found.n_groups_unobserved == 1
    none, half = found.values[:, :4], found.values[:, 4:]
    assert np.corrcoef(none.T)[0, 1] > 0.98
    assert none.std() > 8
    np.testing.assert_allclose(half.mean(axis=0), y[6:8].mean(), atol=0.2)
    assert half.std(axis=0).max() < 0.8


def test_one_row_per_group_is_a_regression():
    rng = np.random.default_rng(1)
    x = rng.normal(size=20)
    y = 3 + 2 * x + rng.normal(size=20)
    y[:2] = np.nan
    m, X = 20_000, np.column_stack([np.ones(20), x])
    drawn = impute_clustered(y, X, np.arange(20), m=m, rng=2).values
    beta, rss, *_ = np.linalg.lstsq(X[2:], y[2:], rcond=None)
    leverage = np.sum(X[:2] @ np.linalg.inv(X[2:].T @ X[2:]) * X[:2], axis=1)
    variance = rss / 16 * (1 + leverage) * 16 / 14
    np.testing.assert_allclose(drawn.mean(axis=0), X[:2] @ beta, atol=4 * np.sqrt(variance[0] / m))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.06)


def test_notes_say_what_is_thin():
    y, X, patient = study(5, n_groups=7)
    y[patient == "p0"] = np.nan
    found = impute_clustered(y, X, patient, m=2, rng=1)
    text = repr(found)
    assert f"from {found.n_obs} observed ones in 6 groups" in text
    assert "note: 6 groups with an observed outcome: imputations vary widely" in text
    assert "note: 1 of 7 groups have no observed outcome" in text
    y, X, patient = study(5, n_groups=40)
    y[:-40] = np.nan
    found = impute_clustered(y, X, patient, m=2, rng=1)
    assert f"{found.n_missing} of {len(y)} outcomes are missing" in found.notes[-1]


def changed(**change):
    y, X, patient = study(0)
    parts = {"y": y, "X": X, "groups": patient, "m": 3, "rng": 1}
    return {**parts, **{key: make(parts[key]) for key, make in change.items()}}


def with_value(array, place, value):
    array = np.array(array, dtype=object if isinstance(value, type(None)) else None)
    array[place] = value
    return array


def one_each(y):
    _, first = np.unique(study(0)[2], return_index=True)
    return np.where(np.isin(np.arange(len(y)), first), 10.0 + np.arange(len(y)) % 7, np.nan)


IMPUTE_ERRORS = [
    ({"rng": lambda _: None}, "rng is needed for drawing imputations"),
    ({"m": lambda _: 0}, "m must be a whole number of imputations from 1 up, not 0"),
    ({"m": lambda _: 2.5}, "m must be a whole number of imputations"),
    ({"y": lambda y: y[:, None]}, "y must be one-dimensional and X a table"),
    ({"X": lambda X: X[:, 0]}, "y must be one-dimensional and X a table"),
    ({"y": lambda y: y[:-1]}, "inputs have different lengths"),
    ({"y": lambda y: with_value(y, 1, np.inf)}, "y or X holds infinite values"),
    (
        {"X": lambda X: with_value(X, (1, 1), np.nan)},
        "X must be complete; missing values in 'x1' (1): leave out the columns, or the rows",
    ),
    ({"groups": lambda g: with_value(g, 1, None)}, "groups holds 1 missing labels"),
    (
        {"y": lambda y: np.where(np.arange(len(y)) < 6, 1.0 + np.arange(len(y)), np.nan)},
        "2 groups have an observed outcome; 2 columns need 5 of them to draw from: use fewer",
    ),
    ({"y": one_each}, "no group has two observed outcomes, so how alike"),
    (
        {"X": lambda X: np.column_stack([X, np.isnan(study(0)[0])])},
        "in the 23 rows with an observed outcome: column 'x2' holds only zeros; leave it out",
    ),
    (
        {"X": lambda X: np.column_stack([X, 2.0 + np.isnan(study(0)[0])])},
        "in the 23 rows with an observed outcome: columns 'x0', 'x2' are linearly dependent",
    ),
    ({"y": lambda y: y * 0 + 7.0}, "in the 23 rows with an observed outcome: the outcome is const"),
]


@pytest.mark.parametrize(("change", "message"), IMPUTE_ERRORS, ids=[e[1] for e in IMPUTE_ERRORS])
def test_imputation_errors_say_what_is_wrong(change, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        impute_clustered(**changed(**change))


def test_completed_refuses_another_outcome():
    y, X, patient = study(0)
    with pytest.raises(ValueError, match=r"^y has 3 rows, not"):
        impute_clustered(y, X, patient, m=2, rng=1).completed(y[:3])


# Simulated studies

TRIALS, GROUPS, TRUTH = 1_000, 30, (11.5, 3.0)
PARTS = ("mean", "contrast")


def trial(rng, theta, kind):
    """Four sites of each patient, two of them treated; severity raises the score by 2 a step.

    Missing: sites, by severity and treatment; whole patients, by severity; or the two later sites
    of a patient, by the mean of the two first ones.
    """
    patient = np.repeat(np.arange(GROUPS), 4)
    treated, severity = np.tile([0.0, 1.0], 2 * GROUPS), rng.normal(size=GROUPS)[patient]
    y = 10 + 3 * treated + 2 * severity + 2 * rng.normal(size=len(patient))
    y += 2 * np.sqrt(theta) * rng.normal(size=GROUPS)[patient]
    if kind == "sites":
        pull = -1 + 1.2 * severity * (2 * treated - 0.3)
    elif kind == "patients":
        pull = -1.2 + 1.2 * severity
    else:
        pull = (y.reshape(GROUPS, 4)[:, :2].mean(axis=1)[patient] - 11.5) / 2
    chance = rng.uniform(size=GROUPS)[patient] if kind == "patients" else rng.uniform(size=len(y))
    gone = chance < 1 / (1 + np.exp(-pull))
    if kind == "later":
        gone &= np.tile([False, False, True, True], GROUPS)
    analysis = np.column_stack([np.ones(len(y)), treated - 0.5])
    return y, np.where(gone, np.nan, y), analysis, severity, patient


def simulate(theta, kind, trials=TRIALS, m=20):
    """Errors and coverage, trials by (full data, complete rows, imputed) by (mean, contrast)."""
    rng = np.random.default_rng([GROUPS, int(10 * theta), len(kind), 2])
    error, covered = np.empty((trials, 3, 2)), np.empty((trials, 3, 2), dtype=bool)
    for i in range(trials):
        y, seen, analysis, severity, patient = trial(rng, theta, kind)
        drawn = impute_clustered(seen, np.column_stack([analysis, severity]), patient, m=m, rng=rng)
        fits = random_intercept_batch(
            np.column_stack([y, seen, drawn.completed(seen)]), analysis, patient
        )
        assert not any(fits.problems)
        for j, truth in enumerate(TRUTH):
            imputed = pool_imputations(
                fits.estimate[2:, j], fits.std_error[2:, j] ** 2, df_complete=fits.df[2:, j]
            )
            low = [*fits.ci_low[:2, j], imputed.ci_low]
            high = [*fits.ci_high[:2, j], imputed.ci_high]
            error[i, :, j] = np.array([*fits.estimate[:2, j], imputed.estimate]) - truth
            covered[i, :, j] = (np.array(low) <= truth) & (truth <= np.array(high))
    return error, covered


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "theta"), [("sites", 0.5), ("patients", 0.5), ("patients", 2.0), ("later", 2.0)]
)
def test_imputed_intervals_cover_where_complete_rows_mislead(kind, theta):
    error, covered = simulate(theta, kind)
    bias, spread = error.mean(axis=0), error.std(axis=0) / math.sqrt(TRIALS)
    assert np.all(np.abs(bias[2]) < 3.5 * spread[2])
    tolerance = 3 * math.sqrt(0.05 * 0.95 / TRIALS)
    assert covered[:, 2].mean(axis=0) == pytest.approx([0.95, 0.95], abs=tolerance)
    # Complete rows: the contrast where sites go, the mean where patients do.
    misled = {"sites": 1, "patients": 0}.get(kind)
    if misled is not None:
        assert np.abs(bias[1, misled]) > 5 * spread[1, misled]
        assert covered[:, 1, misled].mean() < 0.95 - tolerance
