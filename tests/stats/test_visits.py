"""Repeated visits with an unstructured covariance: R's numbers, known tests, properties, errors."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mnstudy as mn
from mnstudy.errors import DesignError
from mnstudy.stats.mixed import visits
from mnstudy.stats.mixed.visits import visit_model

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "visits.json").read_text())
CASES, ARMS = REFERENCE["cases"], REFERENCE["arms"]
METHODS = ("satterthwaite", "kenward-roger")
FAST = settings(max_examples=8, deadline=None)


def fit_case(name, df="satterthwaite", **options):
    case = (CASES | ARMS)[name]
    rows = (np.array(case[key]) for key in ("y", "x", "patient", "visit"))
    return visit_model(*rows, case["columns"], arms=case.get("arm"), df=df, **options)


def trial(rng, patients=24, visits=3, missing=0.2, growth=3.0):
    """Two arms without a difference, spread growing over the visits, values missing at random."""
    visit, patient = np.tile(np.arange(visits), patients), np.repeat(np.arange(patients), visits)
    at = (visit[:, None] == np.arange(visits)).astype(float)
    spread = np.linspace(1.0, growth, visits)[visit]
    y = 5.0 + spread * (rng.normal(size=patients)[patient] + 0.8 * rng.normal(size=len(visit)))
    y[rng.random(len(y)) < missing] = np.nan
    return y, np.hstack([at, at * (patient % 2)[:, None]]), patient, visit


def complete(rng, **options):
    """Return a trial of which every patient has every visit."""
    return trial(rng, missing=0.0, **options)


@pytest.mark.parametrize("name", CASES)
def test_estimates_errors_and_likelihood_agree_with_gls(name):
    expected, fit = CASES[name]["expected"], fit_case(name)
    error = np.array(expected["gls_error"])
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-7)
    # gls stops searching some 1e-5 standard errors short of the maximum.
    off = np.abs(fit.coefficients["estimate"] - expected["gls_estimate"]) / error
    assert off.max() < 1e-4
    np.testing.assert_allclose(fit.coefficients["std_error"], error, rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_degrees_of_freedom_agree_with_derivatives_of_full_matrices(name):
    case, expected = CASES[name], CASES[name]["expected"]
    fit = fit_case(name)
    found = fit.contrasts(case["weights"])
    np.testing.assert_allclose(fit.visit_covariance, expected["sigma"], rtol=1e-7)
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-7)
    np.testing.assert_allclose(found["std_error"], expected["std_error"], rtol=1e-7)
    np.testing.assert_allclose(found["df"], expected["df"], rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_kenward_roger_agrees_with_pbkrtest(name):
    case, expected, last = CASES[name], CASES[name]["expected"], CASES[name]["last_two"]
    fit = fit_case(name, "kenward-roger")
    found, test = fit.contrasts(case["weights"]), fit.test(list(fit.names[-2:]))
    np.testing.assert_allclose(found["std_error"], expected["kr_error"], rtol=1e-7)
    np.testing.assert_allclose(found["df"], expected["kr_df"], rtol=1e-6)
    assert test.df_num == last["df_num"]
    for key in ("f", "df_den", "p_value"):
        assert getattr(test, key) == pytest.approx(last[key], rel=1e-6)


@pytest.mark.parametrize("df", METHODS)
@pytest.mark.parametrize("name", ARMS)
def test_a_covariance_of_each_arm_agrees_with_the_likelihood_maximised_in_r(name, df):
    case, expected, last = ARMS[name], ARMS[name]["expected"], ARMS[name]["last_two"]
    fit, kind = fit_case(name, df), {"satterthwaite": "std_error"}.get(df, "kr_error")
    found, ddf = fit.contrasts(case["weights"]), "df" if df == "satterthwaite" else "kr_df"
    assert fit.log_likelihood == pytest.approx(expected["maximum"], abs=1e-8)
    np.testing.assert_allclose(fit.visit_covariance, expected["sigma"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-6)
    np.testing.assert_allclose(found["std_error"], expected[kind], rtol=1e-6)
    np.testing.assert_allclose(found["df"], expected[ddf], rtol=2e-6)
    if df == "kenward-roger":
        test = fit.test(list(fit.names[-2:]))
        np.testing.assert_allclose([test.f, test.df_den], [last["f"], last["df_den"]], rtol=1e-6)


@pytest.mark.parametrize("name", [*CASES, *ARMS])
def test_errors_of_the_observed_information_agree_with_numerical_derivatives(name):
    case, fit = (CASES | ARMS)[name], fit_case(name, errors="observed")
    found = fit.contrasts(case["weights"])
    np.testing.assert_allclose(found["std_error"], case["expected"]["observed_error"], rtol=1e-6)
    np.testing.assert_allclose(found["df"], case["expected"]["df"], rtol=2e-6)
    one, many = fit.contrast(case["weights"][-1]), fit.test(case["weights"][-1:])
    assert (many.f, many.df_den) == (pytest.approx(one.t**2), pytest.approx(one.df))
    assert "observed errors" in repr(fit)


def test_arms_that_share_no_column_are_fitted_as_by_gls_apart():
    apart, fit = ARMS["means"]["separate"], fit_case("means")
    found = fit.coefficients.iloc[3:]
    assert fit.log_likelihood == pytest.approx(apart["log_likelihood"], abs=1e-7)
    off = np.abs(found["estimate"] - apart["difference"]) / apart["error"]
    assert off.max() < 1e-4
    np.testing.assert_allclose(found["std_error"], apart["error"], rtol=1e-5)


def test_kenward_roger_widens_errors_where_visits_are_missing():
    plain, adjusted = fit_case("small_holes"), fit_case("small_holes", "kenward-roger")
    assert np.all(adjusted.coefficients["std_error"] > plain.coefficients["std_error"])


@pytest.mark.parametrize("df", METHODS)
def test_complete_visits_give_the_t_test_of_each_visit(df):
    y, x, patient, visit = complete(np.random.default_rng(3), patients=17)
    fit = visit_model(y, x, patient, visit, df=df)
    for j in range(3):
        arms = [y[(visit == j) & (patient % 2 == arm)] for arm in (1, 0)]
        found, known = fit.contrast(f"x{3 + j}"), stats.ttest_ind(*arms)
        assert found.df == pytest.approx(15.0, rel=1e-9)
        assert found.t == pytest.approx(known.statistic, rel=1e-9)
        assert found.p_value == pytest.approx(known.pvalue, rel=1e-8)


@pytest.mark.parametrize("df", METHODS)
def test_complete_visits_with_a_covariance_of_each_arm_give_welchs_test(df):
    y, x, patient, visit = complete(np.random.default_rng(3), patients=17)
    fit = visit_model(y, x, patient, visit, arms=patient % 2, df=df)
    for j in range(3):
        arms = [y[(visit == j) & (patient % 2 == arm)] for arm in (1, 0)]
        found, known = fit.contrast(f"x{3 + j}"), stats.ttest_ind(*arms, equal_var=False)
        assert found.df == pytest.approx(known.df, rel=1e-9)
        assert found.p_value == pytest.approx(known.pvalue, rel=1e-8)


def test_kenward_roger_of_all_visits_together_is_hotelling():
    rng = np.random.default_rng(4)
    y, x, patient, visit = complete(rng, patients=15)
    table = y.reshape(15, 3)
    arms = [table[np.arange(15) % 2 == arm] for arm in (1, 0)]
    n1, n0 = map(len, arms)
    pooled = sum((len(arm) - 1) * np.cov(arm.T) for arm in arms) / (n1 + n0 - 2)
    gap = arms[0].mean(axis=0) - arms[1].mean(axis=0)
    t2 = n1 * n0 / (n1 + n0) * gap @ np.linalg.solve(pooled, gap)
    test = visit_model(y, x, patient, visit, df="kenward-roger").test(["x3", "x4", "x5"])
    assert (test.df_num, test.df_den) == (3, pytest.approx(n1 + n0 - 4, rel=1e-7))
    assert test.f == pytest.approx((n1 + n0 - 4) / (3 * (n1 + n0 - 2)) * t2, rel=1e-7)


def test_two_visits_within_patients_are_the_paired_t_test():
    before, after = np.random.default_rng(6).normal([[0.0], [0.7]], size=(2, 11))
    visit = np.tile([0.0, 1.0], 11)
    x = np.column_stack([np.ones(22), visit])
    y = np.column_stack([before, after]).ravel()
    fit = visit_model(y, x, np.repeat(np.arange(11), 2), visit)
    known = stats.ttest_rel(after, before)
    found = fit.contrast("x1")
    assert (found.t, found.df) == (pytest.approx(known.statistic, rel=1e-8), pytest.approx(10.0))


@FAST
@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS))
def test_order_scale_and_swapped_arms(seed, df):
    rng = np.random.default_rng(seed)
    y, x, patient, visit = trial(rng)
    arm = np.eye(6)[5]
    base = visit_model(y, x, patient, visit, df=df).contrast(arm)
    order = rng.permutation(len(y))
    turned = visit_model(y[order], x[order], patient[order], visit[order], df=df).contrast(arm)
    larger = visit_model(1e4 * y, x, patient, visit, df=df).contrast(arm)
    swapped = np.hstack([x[:, :3], x[:, :3] - x[:, 3:]])
    other = visit_model(y, swapped, patient, visit, df=df).contrast(arm)
    for found, factor in ((turned, 1.0), (larger, 1e4), (other, -1.0)):
        assert found.estimate == pytest.approx(factor * base.estimate, rel=1e-5, abs=1e-6)
        assert found.std_error == pytest.approx(abs(factor) * base.std_error, rel=1e-6)
        assert found.df == pytest.approx(base.df, rel=1e-5)


@FAST
@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.floats(0.01, 100.0))
def test_arms_swapped_and_scaled_with_a_covariance_of_each(seed, df, factor):
    rng = np.random.default_rng(seed)
    y, x, patient, visit = trial(rng, patients=40)
    arm = np.array(["sham", "needled"])[patient % 2]
    base = visit_model(y, x, patient, visit, arms=arm, df=df)
    order = rng.permutation(len(y))
    x = np.hstack([x[:, :3], x[:, :3] - x[:, 3:]])
    rows = (a[order] for a in (factor * y, x, patient, visit))
    other = visit_model(*rows, arms=np.where(arm == "sham", "a", "b")[order], df=df)
    found, known = (fit.coefficients.iloc[5] for fit in (other, base))
    assert found["estimate"] == pytest.approx(-factor * known["estimate"], rel=1e-5)
    assert found["std_error"] == pytest.approx(factor * known["std_error"], rel=1e-6)
    assert found["df"] == pytest.approx(known["df"], rel=1e-5)
    spread = other.visit_covariance.loc["b", "b"] / factor**2
    np.testing.assert_allclose(spread, base.visit_covariance.loc["needled", "needled"], rtol=1e-5)
    assert not base.visit_covariance.loc["needled", "sham"].to_numpy().any()


@pytest.mark.parametrize("own", [False, True])
def test_what_a_patient_adds_is_the_fit_less_that_without_her_at_the_same_covariance(own):
    y, x, patient, visit = trial(np.random.default_rng(8))
    arm = patient % 2
    fit = visit_model(y, x, patient, visit, arms=arm if own else None)
    rows, kept = fit.rows, ~np.isnan(y)
    y, x, patient, visit, arm = (part[kept] for part in (y, x, patient, visit, arm))
    place = visit + 3 * arm * own
    covariance = fit.visit_covariance.to_numpy()[np.ix_(place, place)]
    covariance = covariance * (patient[:, None] == patient)
    np.testing.assert_allclose(rows["residual"], y - x @ fit.coefficients["estimate"])
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(rows["standardised"], rows["residual"] / spread)
    assert list(rows.index) == list(patient)
    for who in np.unique(patient):
        rest = patient != who
        inverse = np.linalg.inv(covariance[np.ix_(rest, rest)])
        left = np.linalg.solve(x[rest].T @ inverse @ x[rest], x[rest].T @ inverse @ y[rest])
        mine = fit.coefficients["estimate"] - fit.influence.loc[who]
        np.testing.assert_allclose(mine, left, rtol=1e-7, atol=1e-9)


def test_arms_may_have_visits_of_their_own():
    y, x, patient, visit = trial(np.random.default_rng(15), missing=0.0)
    y[(visit == 1) & (patient % 2 == 1)] = np.nan
    fit = visit_model(y, x[:, [0, 1, 2, 3, 5]], patient, visit, arms=patient % 2)
    assert list(fit.visit_covariance) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]
    printed = repr(fit)
    assert "arm 0, standard deviation at visit 0: " in printed
    assert "unstructured, each arm its own" in printed
    arm = pd.Series(patient % 2).mask(patient == 3)
    assert visit_model(y, x[:, [0, 1, 2, 3, 5]], patient, visit, arms=arm).n_missing == 14


def test_the_end_of_the_interval_has_the_p_value_of_its_level():
    y, x, patient, visit = trial(np.random.default_rng(8))
    fit = visit_model(y, x, patient, visit, confidence_level=0.9)
    low = fit.contrast("x5").ci_low
    moved = visit_model(y - low * x[:, 5], x, patient, visit).contrast("x5")
    assert moved.p_value == pytest.approx(0.1, rel=1e-6)


def test_labels_of_visits_and_missing_rows():
    y, x, patient, visit = trial(np.random.default_rng(9), missing=0.0)
    y[4] = np.nan
    weeks = pd.Categorical.from_codes(visit, ["week 4", "week 12", "week 24"], ordered=True)
    labels = weeks.astype(object)
    labels[0] = None
    fit = visit_model(y, x, patient, pd.Categorical(labels, weeks.categories, ordered=True))
    assert list(fit.visit_covariance) == ["week 4", "week 12", "week 24"]
    assert (fit.n_obs, fit.n_missing, fit.n_patients) == (70, 2, 24)
    assert "2 left out (missing)" in repr(fit)
    assert mn.stats.visit_model is visit_model


def test_a_visit_that_is_never_seen_is_no_visit():
    y, x, patient, visit = trial(np.random.default_rng(10))
    y[visit == 1] = np.nan
    fit = visit_model(y, x[:, [0, 2, 3, 5]], patient, visit)
    assert list(fit.visit_covariance) == [0, 2]


def remade(change):
    """Complete visits of 12 patients, changed."""
    y, x, patient, visit = complete(np.random.default_rng(11), patients=12)
    return change(y, x, patient, visit)


def without(y, rows):
    y[rows] = np.nan
    return y


REFUSED = {
    "one visit": (lambda y, x, p, v: (y, x[:, [0, 3]], p, 0 * v), "all rows are of one visit"),
    "two rows": (lambda y, x, p, v: (y, x, p // 2, v), "18 rows repeat a visit"),
    "a pair nobody has": (
        lambda y, x, p, v: (without(y, (v == 2) & (p < 6) | (v == 0) & (p >= 6)), x, p, v),
        "no patient has both visits 0 and 2",
    ),
    "few patients": (
        lambda y, x, p, v: (y[p < 4], x[p < 4], p[p < 4], v[p < 4]),
        "4 patients, 4 of them with every visit, are too few for the covariance of 3 visits",
    ),
    "a pair told by one patient with columns of her own": (
        lambda y, x, p, v: (
            without(y, (v == 2) & (p < 6) | (v == 0) & (p > 6)),
            np.hstack([x, ((p == 6)[:, None] & (v[:, None] == [0, 2])).astype(float)]),
            p,
            v,
        ),
        "too few for the covariance",
    ),
}


REFUSED_ARMS = {
    "one arm": (lambda y, x, p, v: (y, x, p, v, 0 * p), r"one arm \(0\), .* leave out arms="),
    "arms within patients": (
        lambda y, x, p, v: (y, x, p, v, (p < 2) & (v == 1) | (p > 5)),
        "2 patients are in more than one arm",
    ),
    "a pair nobody of an arm has": (
        lambda y, x, p, v: (
            without(y, (p % 2 == 1) & ((v == 2) & (p < 6) | (v == 0) & (p >= 6))),
            x,
            p,
            v,
            p % 2,
        ),
        "no patient has both visits 0 and 2 in arm 1, ",
    ),
    "a small arm": (
        lambda y, x, p, v: (
            *(rows[(p % 2 == 0) | (p < 6)] for rows in (y, x, p, v)),
            np.array(["sham", "needled"])[p % 2][(p % 2 == 0) | (p < 6)],
        ),
        "^3 patients in arm needled, 3 of them with every visit, are too few .* one covariance for",
    ),
    "a pair told by one patient with columns of her own": (
        lambda y, x, p, v: (
            without(y, (p % 2 == 0) & ((v == 2) & (p < 6) | (v == 0) & (p > 6))),
            np.hstack([x, ((p == 6)[:, None] & (v[:, None] == [0, 2])).astype(float)]),
            p,
            v,
            p % 2,
        ),
        "in arm 0.* too few for the covariance",
    ),
}


@pytest.mark.parametrize("name", REFUSED_ARMS)
def test_what_an_arm_cannot_carry_is_refused(name):
    change, message = REFUSED_ARMS[name]
    *rows, arms = remade(change)
    with pytest.raises(DesignError, match=message):
        visit_model(*rows, arms=arms)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_design_cannot_carry_is_refused(name):
    change, message = REFUSED[name]
    with pytest.raises(DesignError, match=message):
        visit_model(*remade(change))


def test_collinear_columns_are_named():
    y, x, patient, visit = remade(lambda *rows: rows)
    table = pd.DataFrame(x, columns=list("abcdef")).assign(site=1.0)
    with pytest.raises(ValueError, match="columns 'a', 'b', 'c', 'site' are linearly dependent"):
        visit_model(y, table, patient, visit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, x, p, v: (x[:, 0], x, p, v), "the outcome is constant or"),
        (lambda y, x, p, v: (y, x, p, v[1:]), "y has 36 rows and visits has 35"),
        (lambda y, x, p, v: (y[:, None], x, p, v), "one-dimensional"),
        (lambda y, x, p, v: (y, x, p, v, p[1:]), "y has 36 rows and arms has 35"),
        (
            lambda y, x, p, v: (pd.Series(y), x, p, pd.Series(v, index=range(1, 37))),
            "y and visits have different indexes",
        ),
    ],
)
def test_outcomes_that_cannot_be_fitted(change, message):
    y, x, patient, visit, *arms = remade(change)
    with pytest.raises(ValueError, match=message):
        visit_model(y, x, patient, visit, arms=arms[0] if arms else None)


def test_a_search_that_does_not_arrive_is_an_error(monkeypatch):
    rows = trial(np.random.default_rng(14))
    monkeypatch.setattr(visits, "STEPS", 1)
    with pytest.raises(ValueError, match="did not converge; use fewer visits or columns"):
        visit_model(*rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"df": "residual"}, "kenward-roger"),
        ({"errors": "cr2"}, "'model', 'observed'"),
        ({"errors": "observed", "df": "kenward-roger"}, "two corrections .* leave out one"),
    ],
)
def test_settings_that_do_not_exist_or_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        visit_model(*remade(lambda *rows: rows), **options)


def test_every_patient_twice_halves_squared_errors():
    """Up to the p that REML takes from the rows of either."""
    y, x, patient, visit = trial(np.random.default_rng(12), patients=60)
    once = visit_model(y, x, patient, visit)
    twice = visit_model(
        np.tile(y, 2), np.tile(x, (2, 1)), [*patient, *(patient + 60)], [*visit] * 2
    )
    np.testing.assert_allclose(
        twice.coefficients["estimate"], once.coefficients["estimate"], atol=0.02
    )
    ratio = twice.coefficients["std_error"] / once.coefficients["std_error"]
    np.testing.assert_allclose(ratio, np.sqrt(0.5), rtol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("df", METHODS)
def test_false_positives_of_small_trials(df):
    """Two arms of 12, three visits, spread growing threefold, a fifth of the values missing."""
    rng, trials = np.random.default_rng(13), 4_000
    last = np.eye(6)[5]
    p_values = []
    for _ in range(trials):
        # Where hardly anybody has every visit, the likelihood may have no maximum.
        with suppress(DesignError):
            p_values.append(visit_model(*trial(rng), df=df).contrast(last).p_value)
    rate, error = np.mean(np.array(p_values) < 0.05), np.sqrt(0.05 * 0.95 / trials)
    print(f"{df}: {100 * rate:.2f} % false positives, Monte-Carlo error {100 * error:.2f} %")
    assert len(p_values) > 0.995 * trials
    assert 0.04 < rate < 0.06


def leaving(rng, sizes, spreads, visits=3, leave=0.3):
    """Two arms of unequal size and spread, 30 % gone by the last visit, likelier after high values.

    As drop-out depends on values seen only, likelihood is valid and the visits seen are not.
    """
    arm, order = np.repeat([0, 1], sizes), np.arange(visits)
    factor = np.linalg.cholesky(0.7 ** np.abs(order[:, None] - order))
    z = rng.normal(size=(len(arm), visits)) @ factor.T
    hazard = 1 - (1 - leave) ** (1 / (visits - 1))
    leaves = rng.random((len(arm), visits - 1)) < 2 * hazard * (z[:, :-1] > 0)
    y = z * np.linspace(1.0, 1.5, visits) * np.array(spreads)[arm][:, None]
    y[:, 1:][np.logical_or.accumulate(leaves, axis=1)] = np.nan
    patient, visit = np.repeat(np.arange(len(arm)), visits), np.tile(order, len(arm))
    at = (visit[:, None] == order).astype(float)
    return (y.ravel(), np.hstack([at, at * arm[patient][:, None]]), patient, visit), arm[patient]


WAYS = {
    "shared": {"arms": None},
    "shared, kenward-roger": {"arms": None, "df": "kenward-roger"},
    "own": {},
    "own, kenward-roger": {"df": "kenward-roger"},
    "own, observed": {"errors": "observed"},
}
# Patients, spreads; rates allowed of each way, and largest share of trials that are refused.
SMALL_ARMS = {
    "small and wide": ((30, 10), (1, 3), {"shared": (0.2, 0.25), "own": (0.06, 0.1)}, 0.02),
    "equal": ((20, 20), (1, 1), {"shared": (0.035, 0.07), "own": (0.04, 0.08)}, 0.002),
    "ten an arm": ((10, 10), (1, 1), {"shared": (0.035, 0.07), "own": (0.05, 0.085)}, 0.035),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL_ARMS)
def test_false_positives_where_arms_differ_and_patients_leave(name):
    sizes, spreads, allowed, refused = SMALL_ARMS[name]
    rng, trials = np.random.default_rng(5), 2_000
    p_values = {way: np.full(trials, np.nan) for way in WAYS}
    for k in range(trials):
        rows, arm = leaving(rng, sizes, spreads)
        for way, options in WAYS.items():
            with suppress(ValueError):
                fit = visit_model(*rows, **{"arms": arm} | options)
                p_values[way][k] = fit.contrast("x5").p_value
    rates = {way: np.nanmean(np.where(np.isnan(p), p, p < 0.05)) for way, p in p_values.items()}
    lost = np.isnan(p_values["own"]).mean()
    print(name, {way: f"{100 * rate:.2f} %" for way, rate in rates.items()}, f"refused {lost:.4f}")
    assert allowed["shared"][0] < rates["shared"] < allowed["shared"][1]
    assert allowed["own"][0] < rates["own"] < allowed["own"][1]
    assert 0.03 < rates["own, observed"] < min(0.066, rates["own"])
    assert lost <= refused
