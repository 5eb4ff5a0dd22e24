"""Joint sign flips over specifications against full enumeration in R, and simulated studies."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mnstudy as mn
from mnstudy.stats.resampling.sign_flip import joint_sign_flip, score_parts

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "sign_flip_scores.json").read_text()
)
FAMILIES = REFERENCE["families"]
ALTERNATIVES = ("two-sided", "less", "greater")
RTOL = 1e-9
FAST = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)

TRIALS = 2_000
ALPHA = 0.05
# Three Monte-Carlo errors of a rate of 5 %.
TOLERANCE = 3 * np.sqrt(ALPHA * (1 - ALPHA) / TRIALS)


def parts_of(family):
    data = family["data"]
    patient = np.array(data["patient"])
    everyone = sorted(set(data["patient"]))
    parts = []
    for spec in family["specifications"]:
        rows = np.isin(patient, spec["patients"] or everyone)
        x = pd.DataFrame({name: data["columns"][name] for name in spec["columns"]})[rows]
        y = np.array(data["outcomes"][spec["outcome"]])[rows]
        asked = {"ratio": spec["ratio"], "null": spec["null"], "everyone": everyone}
        parts.append(score_parts(y, x, patient[rows], spec["tested"], **asked))
    return parts


def scores_of(*args, **options):
    return score_parts(*args, **options).scores


def table(parts):
    return np.column_stack([part.scores for part in parts])


def correlated(seed, n=8, m=5):
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 1, (n, 1)) + rng.normal(0, 0.7, (n, m))


def test_reference_grid_is_complete():
    assert {name: len(f["specifications"]) for name, f in FAMILIES.items()} == {
        "visits": 5, "means": 3, "between": 3, "arms": 2,
    }  # fmt: skip
    assert [case["alternative"] for case in FAMILIES["arms"]["plain"]] == list(ALTERNATIVES)


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_agree_with_full_matrices(name):
    np.testing.assert_allclose(
        table(parts_of(FAMILIES[name])), FAMILIES[name]["scores"], rtol=RTOL, atol=1e-12
    )


@pytest.mark.parametrize("kind", ["plain", "standardised"])
@pytest.mark.parametrize("name", FAMILIES)
def test_p_values_agree_with_enumeration(name, kind):
    parts = parts_of(FAMILIES[name])
    nuisance = [part.nuisance for part in parts] if kind == "standardised" else None
    for case in FAMILIES[name][kind]:
        found = joint_sign_flip(
            table(parts), rng=None, alternative=case["alternative"], nuisance=nuisance
        )
        assert (found.exhaustive, found.standardised) == (True, nuisance is not None)
        np.testing.assert_allclose(found.t, FAMILIES[name]["t"], rtol=RTOL)
        for field in ("p_values", "p_adjusted", "p_global", "p_median"):
            expected = case[field]
            np.testing.assert_allclose(getattr(found, field), expected, rtol=RTOL, err_msg=field)


@FAST
@given(seeds, st.sampled_from(ALTERNATIVES))
def test_a_mean_of_single_rows_is_the_sign_flip_test(seed, alternative):
    y = np.random.default_rng(seed).integers(-9, 15, 9).astype(float)
    y[0] = 1.0
    scores = scores_of(y, np.ones((9, 1)), np.arange(9), 0, everyone=range(9))
    np.testing.assert_allclose(scores, y)
    found = joint_sign_flip(scores[:, None], rng=None, alternative=alternative)
    assert found.p_global == found.p_median == found.p_values[0] == found.p_adjusted[0]
    flips = stats.permutation_test(
        (y,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative
    )
    assert found.p_global == pytest.approx(flips.pvalue)


@FAST
@given(seeds)
def test_opposite_signs_swap_the_sides(seed):
    scores = correlated(seed)
    both, swapped = joint_sign_flip(scores, rng=1), joint_sign_flip(-scores, rng=1)
    np.testing.assert_array_equal(both.p_adjusted, swapped.p_adjusted)
    assert (both.p_global, both.p_median) == (swapped.p_global, swapped.p_median)
    less = joint_sign_flip(-scores, rng=1, alternative="less")
    greater = joint_sign_flip(scores, rng=1, alternative="greater")
    np.testing.assert_array_equal(less.p_adjusted, greater.p_adjusted)
    assert less.p_median == greater.p_median
    np.testing.assert_allclose(less.t, -greater.t)


@FAST
@given(seeds, st.sampled_from([99, 4999]))
def test_a_specification_twice_changes_nothing(seed, n_resamples):
    scores = correlated(seed)
    once = joint_sign_flip(scores, rng=1, n_resamples=n_resamples)
    twice = joint_sign_flip(scores[:, [0, 1, 2, 3, 4, 2, 0]], rng=1, n_resamples=n_resamples)
    np.testing.assert_array_equal(twice.p_adjusted, once.p_adjusted[[0, 1, 2, 3, 4, 2, 0]])
    assert twice.p_global == once.p_global == once.p_adjusted.min()


@FAST
@given(seeds)
def test_order_and_units_change_nothing(seed):
    scores = correlated(seed)
    one = joint_sign_flip(scores, rng=None)
    rng = np.random.default_rng(seed)
    patients, columns = rng.permutation(len(scores)), rng.permutation(scores.shape[1])
    factors = rng.uniform(0.01, 100, scores.shape[1])
    two = joint_sign_flip((scores * factors)[np.ix_(patients, columns)], rng=None)
    np.testing.assert_allclose(two.p_adjusted, one.p_adjusted[columns])
    np.testing.assert_allclose(two.t, one.t[columns])
    assert (two.p_global, two.p_median) == pytest.approx((one.p_global, one.p_median))


@FAST
@given(seeds)
def test_adjusted_p_exceed_single_p_and_fall_with_strength(seed):
    found = joint_sign_flip(correlated(seed), rng=1)
    assert (found.p_adjusted >= found.p_values).all()
    assert (np.diff(found.p_adjusted[np.argsort(abs(found.t))]) <= 0).all()
    assert found.p_values.min() >= 2 / found.n_resamples


@FAST
@given(seeds, st.sampled_from([0.0, 0.5, 3.0]))
def test_scores_do_not_depend_on_order_or_nuisance(seed, ratio):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(7), [1, 2, 3, 4, 2, 3, 1])
    n = len(patient)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.normal(size=7)[patient]])
    y = rng.normal(size=n) + x[:, 1]
    asked = {"ratio": ratio, "everyone": range(7)}
    one = score_parts(y, x, patient, 1, **asked)
    np.testing.assert_allclose(one.nuisance.sum(axis=0), 0, atol=1e-12)
    order = rng.permutation(n)
    moved = scores_of(y[order], x[order], patient[order], 1, **asked)
    np.testing.assert_allclose(moved, one.scores, atol=1e-10)
    shifted = scores_of(y + x[:, [0, 2]] @ [40, -7], x, patient, 1, **asked)
    np.testing.assert_allclose(shifted, one.scores, atol=1e-9)
    asked["everyone"] = [9, *range(6, -1, -1)]
    np.testing.assert_allclose(
        scores_of(y + 2 * x[:, 1], x, patient, 1, null=2.0, **asked)[:0:-1],
        one.scores,
        atol=1e-10,
    )


def test_drawn_flips_approach_all_flips_and_repeat():
    scores = correlated(4, n=11)
    exact = joint_sign_flip(scores, rng=None)
    drawn = joint_sign_flip(scores, rng=1, n_resamples=2000)
    assert (exact.exhaustive, exact.n_resamples) == (True, 2**11)
    assert (drawn.exhaustive, drawn.n_resamples) == (False, 2000)
    np.testing.assert_allclose(drawn.p_adjusted, exact.p_adjusted, atol=0.035)
    again = joint_sign_flip(scores, rng=np.random.default_rng(1), n_resamples=2000)
    np.testing.assert_array_equal(drawn.p_adjusted, again.p_adjusted)
    assert drawn.p_global * 2001 == pytest.approx(round(drawn.p_global * 2001))


def test_missing_rows_and_absent_patients_contribute_nothing():
    x = np.column_stack([np.ones(8), np.tile([1, 0], 4)])
    y, patient = np.array([3.0, 1, 4, np.nan, 5, 9, 2, 6]), list("aabbccdd")
    kept = [0, 1, 2, 4, 5, 6, 7]
    full = scores_of(y, x, patient, 1, everyone=list("abcde"))
    rest = scores_of(y[kept], x[kept], [patient[k] for k in kept], 1, everyone=list("abcde"))
    np.testing.assert_array_equal(full, rest)
    assert full[4] == 0
    one = joint_sign_flip(full[:, None], rng=None)
    assert (one.n_patients, one.n_resamples) == (5, 16)


def test_the_result_speaks_and_is_a_table():
    found = joint_sign_flip(pd.DataFrame(correlated(0), columns=list("abcde")), rng=1)
    frame = found.to_frame()
    assert list(frame.index) == list("abcde")
    assert list(frame.columns) == ["t", "p_value", "p_adjusted"]
    assert repr(found).startswith("5 specifications together: p = ")
    assert "signs of 8 patients flipped, all 256 flips" in repr(found)
    assert found._repr_html_().startswith("<strong>5 specifications")
    assert (found.n_patients, found.n_specifications) == (8, 5)
    assert mn.stats.joint_sign_flip is joint_sign_flip
    assert mn.stats.score_parts is score_parts


X2 = np.column_stack([np.ones(6), [1, 0, 1, 0, 1, 0]])
Y6, G6 = np.array([1.0, 3, 2, 5, 3, 1]), np.repeat([1, 2, 3], 2)
EVERY = {"everyone": [1, 2, 3]}
ERRORS = [
    (lambda: scores_of(Y6, X2, G6, "age", **EVERY), "no column named age; there are x0, x1"),
    (lambda: scores_of(Y6, X2, G6, 2, **EVERY), "column 2 does not exist; X has columns 0"),
    (lambda: scores_of(Y6, X2, G6, 1, everyone=[1]), "2 patients of this specification are"),
    (lambda: scores_of(Y6, X2, G6, 1, everyone=[1, 1, 2, 3]), "everyone lists a patient more"),
    (lambda: scores_of(Y6, X2, G6, 1, ratio=-0.5, **EVERY), "ratio must be a number above"),
    (lambda: scores_of(Y6, X2[:, [0, 1, 1]], G6, 1, **EVERY), "columns 'x1', 'x2' are linear"),
    (lambda: scores_of(Y6[:, None], X2, G6, 1, **EVERY), "y must be one-dimensional"),
    (lambda: joint_sign_flip([1.0, 2.0], rng=1), "scores must be a table"),
    (lambda: joint_sign_flip([[1.0, np.nan]], rng=1), "scores of specification 2 are missing"),
    (lambda: joint_sign_flip([[1.0, 0.0]], rng=1), "no patient contributes to specification 2"),
    (lambda: joint_sign_flip(np.ones((20, 1)), rng=None), "rng is needed for 4999 random sign"),
    (lambda: joint_sign_flip([[1.0]], rng=1, nuisance=[]), "nuisance needs one table"),
    (lambda: joint_sign_flip([[1.0]], rng=1, alternative="more"), "alternative must be one of"),
    (lambda: joint_sign_flip([[1.0]], rng=1, n_resamples=0), "n_resamples must be a whole number"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


def multiverse(rng, n, factor):
    """Twelve specifications of one null study: three outcomes, two weights, with a covariate."""
    sizes = np.resize([2, 3, 4], n)
    patient = np.repeat(np.arange(n), sizes)
    rows = len(patient)
    row = np.arange(rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    treated = patient % 2 if factor == "between" else (row + patient) % 2
    age, depth = rng.normal(size=n)[patient], rng.normal(size=rows)
    base = rng.normal(size=n)[patient] + rng.normal(size=rows) + 0.5 * age + 0.3 * depth
    columns = np.column_stack([np.ones(rows), treated, age, depth])
    for _ in range(3):
        y = base + 0.5 * rng.normal(size=rows)
        for ratio in (0.0, 1.0):
            for used in (2, 4):
                yield score_parts(y, columns[:, :used], patient, 1, ratio=ratio, everyone=range(n))


def sizes_of(n, factor, trials, standardise=True):
    """Share of null studies in which the global and the median test reject."""
    rng = np.random.default_rng([n, len(factor), 7])
    rejected = np.zeros(2)
    for _ in range(trials):
        parts = list(multiverse(rng, n, factor))
        nuisance = [part.nuisance for part in parts] if standardise else None
        found = joint_sign_flip(table(parts), rng=rng, n_resamples=399, nuisance=nuisance)
        rejected += found.p_global <= ALPHA, found.p_median <= ALPHA
    return rejected / trials


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["within", "between"])
@pytest.mark.parametrize("n", [15, 30])
def test_false_positives_of_many_specifications(n, factor):
    np.testing.assert_allclose(sizes_of(n, factor, TRIALS), ALPHA, atol=TOLERANCE)
