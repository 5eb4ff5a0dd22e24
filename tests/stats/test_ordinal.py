"""Ordinal models against R (ordinal, sandwich) and statsmodels, and what must hold of any."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from mnstudy.stats.ordinal.model import proportional_odds
from mnstudy.stats.ordinal.proportionality import proportionality
from mnstudy.stats.ordinal.transitions import grade_transitions

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "ordinal.json").read_text())
CASES = REFERENCE["cases"]

# Both maximise by Newton's method to the last digits and differentiate analytically.
RTOL = 1e-9
# R's side of the clustered score test differentiates twice numerically.
RTOL_SCORE = 1e-7
# OrderedModel stops earlier and takes its information from numerical differences.
RTOL_STATSMODELS = 2e-4


def by_name(case):
    errors = "clustered" if case["clustered"] else "plain"
    return f"{case['func']}-{case['layout']}-{errors}"


def inputs(case):
    layout = REFERENCE["layouts"][case["layout"]]
    x = pd.DataFrame({"arm": layout["arm"], "x": layout["x"]})
    return layout["y"], x, layout["g"] if case["clustered"] else None


def study(seed=0, n_groups=30, per=3, cuts=(-1, 0.5, 2)):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n_groups), per)
    x = np.column_stack([rng.integers(0, 2, n_groups)[g], rng.normal(size=len(g))])
    latent = x @ [0.8, -0.5] + rng.normal(size=n_groups)[g] + rng.logistic(size=len(g))
    return np.digitize(latent, cuts), x, g


def test_reference_grid_is_complete():
    layouts = {"balanced", "unbalanced", "one_row", "twelve", "binary", "five", "scaled"}
    assert REFERENCE["layouts"].keys() == layouts
    found = {(case["func"], case["layout"], case["clustered"]) for case in CASES}
    wanted = {("proportional_odds", name, c) for name in layouts for c in (True, False)}
    wanted |= {("proportionality", name, c) for name in layouts - {"binary"} for c in (True, False)}
    assert found == wanted
    assert len(CASES) == len(wanted)
    keys = {key for case in CASES for key in case["expected"]}
    assert keys >= {"estimate", "std_error", "p_value", "ci_low", "thresholds", "statistic"}
    assert REFERENCE["packages"].keys() == {"ordinal", "sandwich", "numDeriv"}


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["func"] == "proportional_odds"], ids=by_name
)
def test_model_agrees_with_r(case):
    found = proportional_odds(*inputs(case))
    got = {
        "thresholds": found.thresholds["estimate"],
        "threshold_errors": found.thresholds["std_error"],
        "log_likelihood": found.log_likelihood,
        **{name: found.coefficients[name] for name in ("estimate", "std_error", "p_value")},
        "ci_low": found.coefficients["ci_low"],
    }
    for name, value in case["expected"].items():
        np.testing.assert_allclose(got[name], value, rtol=RTOL, err_msg=name)


@pytest.mark.parametrize("case", [c for c in CASES if c["func"] == "proportionality"], ids=by_name)
def test_check_agrees_with_r(case):
    found = proportionality(*inputs(case)).tests
    assert list(found.index) == ["arm", "x", "all columns"]
    rtol = RTOL_SCORE if case["clustered"] else RTOL
    for name, value in case["expected"].items():
        np.testing.assert_allclose(found[name], value, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("clustered", [True, False])
def test_model_agrees_with_statsmodels(clustered):
    y, x, g = study()
    kwds = {"cov_type": "cluster", "cov_kwds": {"groups": g}} if clustered else {}
    theirs = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0, gtol=1e-8, **kwds)
    ours = proportional_odds(y, x, g if clustered else None)
    np.testing.assert_allclose(
        ours.coefficients["estimate"], theirs.params[:2], rtol=RTOL_STATSMODELS
    )
    np.testing.assert_allclose(
        ours.coefficients["std_error"], theirs.bse[:2], rtol=RTOL_STATSMODELS
    )
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)


def test_two_by_two_table_is_its_odds_ratio():
    # Woolf (1955): log odds ratio and the root of the sum of reciprocals.
    y = np.repeat([1, 0, 1, 0], [12, 5, 6, 9])
    x = np.repeat([1.0, 0.0], [17, 15])[:, None]
    row = proportional_odds(y, x).coefficients.iloc[0]
    assert row["odds_ratio"] == pytest.approx(12 * 9 / (5 * 6))
    assert row["std_error"] == pytest.approx(np.sqrt(1 / 12 + 1 / 5 + 1 / 6 + 1 / 9))


def test_saturated_check_compares_two_multinomials():
    # One binary column: the wider model fits the 2 by 3 table exactly.
    table = np.array([[10, 7, 3], [4, 9, 12]])
    y = np.concatenate([np.repeat([0, 1, 2], row) for row in table])
    x = np.repeat([0.0, 1.0], table.sum(axis=1))[:, None]
    full = float((table * np.log(table / table.sum(axis=1, keepdims=True))).sum())
    common = proportional_odds(y, x).log_likelihood
    found = proportionality(y, x).tests.iloc[0]
    assert found["statistic"] == pytest.approx(2 * (full - common))
    assert found["p_value"] == pytest.approx(stats.chi2.sf(2 * (full - common), 1))


def test_clustered_result_states_factor_and_df():
    y, x, g = study()
    found = proportional_odds(y, x, g)
    assert (found.coefficients["df"] == 29).all()
    assert "factor G/(G-1) (n-1)/(n-k), t with 29 df" in found.method
    assert np.isinf(proportional_odds(y, x).coefficients["df"]).all()
    row = found.coefficients.iloc[0]
    half = stats.t.ppf(0.975, 29) * row["std_error"]
    assert row["ci_high"] - row["estimate"] == pytest.approx(half)
    assert row["odds_ratio_high"] == pytest.approx(np.exp(row["ci_high"]))


def test_one_row_per_group_has_the_robust_error():
    y, x, _ = study(n_groups=80, per=1)
    found = proportional_odds(y, x, np.arange(80))
    k = len(found.thresholds) + 2
    plain = proportional_odds(y, x)
    # Rows repeated m times as groups: the sum of squares of scores grows by m^2, the inverse
    # information falls by m, so the covariance stays but for the factor.
    twice = proportional_odds(np.tile(y, 2), np.tile(x, (2, 1)), np.tile(np.arange(80), 2))
    ratio = (159 / (160 - k)) / (79 / (80 - k))
    np.testing.assert_allclose(twice.covariance, found.covariance * ratio, rtol=1e-8)
    assert not np.allclose(found.covariance, plain.covariance, rtol=1e-3)


def test_missing_rows_are_left_out_and_counted():
    y, x, g = study()
    y, labels = y.astype(float), [f"P{i}" for i in g]
    y[3], x[10, 1], labels[20] = np.nan, np.nan, None
    found = proportional_odds(y, x, labels)
    kept = np.delete(np.arange(len(y)), [3, 10, 20])
    expected = proportional_odds(y[kept], x[kept], g[kept])
    assert (found.n_obs, found.n_missing, found.n_groups) == (len(y) - 3, 3, 30)
    np.testing.assert_allclose(found.covariance, expected.covariance)
    assert proportionality(y, x, labels).n_missing == 3
    assert np.isnan(x[10, 1])


def test_ordered_words_keep_their_order():
    y, x, _ = study()
    words = np.array(["worse", "none", "good", "excellent"])
    grades = pd.Categorical(words[y], categories=[*words, "cured"], ordered=True)
    found = proportional_odds(pd.Series(grades), x)
    assert found.levels == tuple(words)
    assert list(found.thresholds.index) == ["worse|none", "none|good", "good|excellent"]
    expected = proportional_odds(y, x).coefficients
    np.testing.assert_allclose(found.coefficients, expected)


def test_separated_levels_are_named():
    y = np.repeat([1, 2, 3], 10)
    noise = np.random.default_rng(1).normal(size=30)
    x = pd.DataFrame({"depth": y + 0.1 * noise, "noise": noise[::-1]})
    with pytest.raises(ValueError, match=r"separates? the levels of y: an odds ratio grows"):
        proportional_odds(y, x)
    arm = np.repeat([0.0, 1.0], 15)
    y = np.concatenate([np.tile([0, 1, 2], 5), np.full(15, 2)])
    with pytest.raises(ValueError, match=r"^arm separates the levels of y"):
        proportional_odds(y, arm[:, None], names=["arm"])
    with pytest.raises(ValueError, match=r"^arm: the levels of y are separated"):
        proportionality(y, arm[:, None], names=["arm"])


def test_steep_effects_are_no_separation():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, 400)
    y = np.digitize(12 * x + rng.logistic(size=400), [-3, 3])
    assert proportional_odds(y, x[:, None]).coefficients["estimate"].iloc[0] > 8


def test_check_that_cannot_be_made_is_nan_with_a_reason():
    # Nobody in arm 1 has the lowest grade: its effect at that threshold is infinite.
    arm = np.repeat([0.0, 1.0], 20)
    y = np.concatenate([np.tile([0, 1, 2, 2], 5), np.tile([1, 1, 2, 2], 5)])
    found = proportionality(y, arm[:, None], names=["arm"])
    assert np.isnan(found.tests["statistic"].iloc[0])
    assert found.notes == ("arm: the wider model separates the levels; no likelihood ratio",)
    y, x, _ = study(cuts=(-2, -1, 0, 1, 2))
    few = proportionality(y, x, np.arange(len(y)) % 4)
    assert np.isnan(few.tests["p_value"]).tolist() == [True, True, True]
    assert few.notes[-1] == "all columns: 4 groups do not determine the covariance of 8 deviations"


def test_score_and_likelihood_ratio_meet_in_large_samples():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4000, 1))
    y = np.digitize(0.5 * x[:, 0] * np.exp(0.1 * x[:, 0]) + rng.logistic(size=4000), [-1, 0.5])
    ratio = proportionality(y, x).tests["statistic"].iloc[0]
    score = proportionality(y, x, np.arange(4000)).tests["statistic"].iloc[0]
    assert score == pytest.approx(ratio, rel=0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [2] * 90}, "y is 2 in all 90 complete rows; an ordinal model needs at least two"),
        ({"y": [np.nan] * 90}, "no complete row: 90 given, 90 with a missing value"),
        ({"y": ["mild"] * 90}, "y holds grades in words, whose order is not known"),
        ({"y": pd.Categorical(["a", "b"] * 45)}, "y is categorical without an order"),
        ({"y": [1, 2, np.inf] * 30}, "y holds infinite values"),
        ({"X": np.ones(90)}, "X must be a table, rows by columns, not 1-dimensional"),
        ({"X": np.empty((90, 0))}, "X has no columns; give at least one"),
        ({"X": np.ones((90, 1))}, "constant in all complete rows: x0; thresholds are the"),
        ({"X": np.ones((80, 1))}, "y, X and groups have [90, 80, 90] rows"),
        ({"X": np.full((90, 1), np.inf)}, "X holds infinite values"),
        ({"groups": np.zeros(90)}, "errors clustered by group need at least two groups"),
        ({"names": ["a"]}, "names has 1 entries for 2 columns"),
        ({"confidence_level": 95}, "confidence_level must lie between 0 and 1"),
    ],
)
def test_refusals_say_what_is_wrong(change, message):
    y, x, g = study()
    asked = {"y": y, "X": x, "groups": g, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        proportional_odds(**asked)


def test_collinear_columns_are_named():
    y, x, _ = study()
    table = pd.DataFrame({"depth": x[:, 1], "arm": x[:, 0], "depth_um": 1000 * x[:, 1] + 3})
    with pytest.raises(ValueError, match="columns of X follow from those before them: depth_um"):
        proportional_odds(y, table)


def test_two_levels_have_no_proportionality():
    y, x, _ = study(cuts=(0,))
    with pytest.raises(ValueError, match="from three levels on; y has 2"):
        proportionality(y, x)


def test_printing_starts_with_the_odds_ratio():
    y, x, g = study(n_groups=9)
    found = proportional_odds(y, x, g, names=["arm", "depth"])
    assert re.match(r"arm: odds ratio [\d.]+ \(95 % CI", repr(found))
    assert found.notes == ("9 groups only: clustered errors are uncertain themselves",)
    assert found._repr_html_().startswith("<strong>arm: odds ratio")
    frame = found.to_frame()
    frame.loc[:, "estimate"] = 0.0
    assert found.coefficients["estimate"].iloc[0] != 0
    assert "score test clustered by group" in repr(proportionality(y, x, g))


seeds = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_reversed_grades_reverse_the_sign(seed):
    y, x, g = study(seed, cuts=(-0.7, 0.7))
    found, turned = proportional_odds(y, x, g), proportional_odds(-y, x, g)
    for name in ("estimate", "statistic"):
        np.testing.assert_allclose(
            turned.coefficients[name], -found.coefficients[name], rtol=1e-6, atol=1e-9
        )
    np.testing.assert_allclose(
        turned.thresholds["estimate"], -found.thresholds["estimate"][::-1], rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(turned.coefficients["p_value"], found.coefficients["p_value"])


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(1e-4, 1e4), st.floats(-100, 100))
def test_units_and_row_order_change_nothing(seed, scale, shift):
    y, x, g = study(seed, cuts=(-0.7, 0.7))
    found = proportional_odds(y, x, g)
    order = np.random.default_rng(seed).permutation(len(y))
    moved = proportional_odds(10 * y[order] + 3, (scale * x + shift)[order], g[order])
    np.testing.assert_allclose(
        moved.coefficients["estimate"] * scale, found.coefficients["estimate"], rtol=1e-5, atol=1e-8
    )
    np.testing.assert_allclose(
        moved.coefficients["p_value"], found.coefficients["p_value"], rtol=1e-5, atol=1e-9
    )
    checks = [
        proportionality(y, x, g),
        proportionality(y[order], (scale * x + shift)[order], g[order]),
    ]
    np.testing.assert_allclose(*[c.tests["statistic"] for c in checks], rtol=1e-5, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_p_at_the_bound_is_alpha(seed):
    # Testing a coefficient at its own limit gives alpha, on either side.
    y, x, g = study(seed, cuts=(-0.7, 0.7))
    row = proportional_odds(y, x, g, confidence_level=0.9).coefficients.iloc[0]
    for bound in (row["ci_low"], row["ci_high"]):
        t = (row["estimate"] - bound) / row["std_error"]
        assert 2 * stats.t.sf(abs(t), row["df"]) == pytest.approx(0.1)


grades = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=30)


@given(grades)
def test_transitions_add_up(pairs):
    before, after = map(list, zip(*pairs, strict=True))
    found = grade_transitions(before, after, levels=[1, 2, 3, 4])
    turned = grade_transitions(after, before, levels=[1, 2, 3, 4])
    assert found.n_better + found.n_same + found.n_worse == found.n_pairs == len(pairs)
    assert (found.n_better, found.n_worse) == (turned.n_worse, turned.n_better)
    assert found.counts.loc["total", "total"] == len(pairs)
    assert found.n_better == sum(a < b for b, a in pairs)
    inner = found.counts.iloc[:-1, :-1].to_numpy()
    assert (inner == turned.counts.iloc[:-1, :-1].to_numpy().T).all()
    assert (found.counts.iloc[:-1, -1] == inner.sum(axis=1)).all()
    other = grade_transitions(before, after, levels=[1, 2, 3, 4], better="higher")
    assert (other.n_better, other.n_worse) == (found.n_worse, found.n_better)


def test_transitions_in_words():
    levels = ["mild", "moderate", "severe"]
    before = pd.Categorical(["severe", "severe", "mild", None], categories=levels, ordered=True)
    after = ["mild", None, "mild", "mild"]
    found = grade_transitions(before, after, levels)
    assert (found.n_better, found.n_same, found.n_worse, found.n_missing) == (1, 1, 0, 2)
    assert found.counts.loc["severe", "mild"] == 1
    assert found.counts.loc["moderate", "total"] == 0
    assert repr(found).startswith("1 better, 1 same, 0 worse of 2 (2 missing; lower grades")
    same = pd.Categorical(after, categories=levels, ordered=True)
    assert grade_transitions(before, same).counts.equals(found.counts)
    assert found.to_frame().equals(found.counts)


def test_transitions_refuse_what_they_cannot_count():
    with pytest.raises(ValueError, match=r"after holds 5, not one of \[1, 2\]"):
        grade_transitions([1, 2], [1, 5], levels=[1, 2])
    with pytest.raises(ValueError, match="before has 2 grades and after 1"):
        grade_transitions([1, 2], [1], levels=[1, 2])
    with pytest.raises(ValueError, match="levels must differ"):
        grade_transitions([1], [1], levels=[1, 1])
    with pytest.raises(ValueError, match="better must be one of 'lower', 'higher'"):
        grade_transitions([1], [1], better="up")
    one, two = (pd.Categorical(["a"], categories=c, ordered=True) for c in (["a"], ["a", "b"]))
    with pytest.raises(ValueError, match="different categories; pass levels"):
        grade_transitions(one, two)
