"""Bootstrap and permutation tests against scipy, exact enumeration, and what must hold of any."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats.resampling.bootstrap import cluster_bootstrap
from mnstudy.stats.resampling.permutation import permute_arms, sign_flip, tails

ALTERNATIVES = ("two-sided", "less", "greater")
# Limits from 200,000 resamples differ by less than this Monte Carlo error, in standard errors.
MONTE_CARLO = 0.05
MANY = 200_000


def patients(seed=0, n_groups=25, per=4):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n_groups), per)
    return rng.normal(40, 10, n_groups)[g] + rng.gamma(2, 4, len(g)), g


def mean_difference(x, y, axis):
    return x.mean(axis=axis) - y.mean(axis=axis)


def difference(y, treated):
    return y[treated].mean() - y[~treated].mean()


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_one_row_per_patient_is_scipy_s_bootstrap(method, theirs):
    x = np.random.default_rng(1).gamma(1.5, 10, 30)
    ours = cluster_bootstrap(x, np.arange(30), rng=1, n_resamples=MANY, method=method)
    other = stats.bootstrap((x,), np.mean, rng=2, n_resamples=MANY, method=theirs)
    low, high = other.confidence_interval
    assert ours.ci_low == pytest.approx(low, abs=MONTE_CARLO * ours.std_error)
    assert ours.ci_high == pytest.approx(high, abs=MONTE_CARLO * ours.std_error)
    assert ours.std_error == pytest.approx(other.standard_error, rel=0.02)
    assert ours.estimate == pytest.approx(x.mean())


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_parallel_arms_are_scipy_s_two_samples(method, theirs):
    rng = np.random.default_rng(2)
    x, y = rng.gamma(1, 12, 22), rng.normal(8, 3, 14)
    ours = cluster_bootstrap(
        np.concatenate([x, y]),
        None,
        np.repeat([True, False], [22, 14]),
        rng=3,
        n_resamples=MANY,
        method=method,
    )
    other = stats.bootstrap((x, y), mean_difference, rng=4, n_resamples=MANY, method=theirs)
    low, high = other.confidence_interval
    assert ours.ci_low == pytest.approx(low, abs=MONTE_CARLO * ours.std_error)
    assert ours.ci_high == pytest.approx(high, abs=MONTE_CARLO * ours.std_error)


def test_bootstrap_draws_from_all_samples_of_patients():
    # Four patients of unequal size: all 4^4 resamples listed.
    y, g = np.array([1.0, 2, 4, 8, 16, 32, 64]), np.array([0, 0, 1, 2, 2, 2, 3])
    rows = [np.flatnonzero(g == k) for k in range(4)]
    exact = [
        y[np.concatenate([rows[k] for k in chosen])].mean()
        for chosen in itertools.product(range(4), repeat=4)
    ]
    found = cluster_bootstrap(y, g, rng=5, n_resamples=50_000)
    assert found.std_error == pytest.approx(np.std(exact), rel=0.02)
    assert found.ci_low == pytest.approx(np.quantile(exact, 0.025), rel=0.05)
    assert found.ci_high == pytest.approx(np.quantile(exact, 0.975), rel=0.05)


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("layout", ["none", "parallel", "split", "mixed"])
def test_sums_by_patient_give_what_rows_give(layout, method):
    y, g = patients()
    arm = {
        "none": None,
        "parallel": g % 2,
        "split": np.arange(len(y)) % 2,
        "mixed": np.where(g < 8, g % 2, np.arange(len(y)) % 2),
    }[layout]
    asked = {"rng": 7, "n_resamples": 400, "method": method}
    quick = cluster_bootstrap(y, g, arm, **asked)
    slow = cluster_bootstrap(y, g, arm, statistic=np.mean if arm is None else difference, **asked)
    for name in ("estimate", "ci_low", "ci_high", "std_error"):
        assert getattr(quick, name) == pytest.approx(getattr(slow, name), rel=1e-10), name


def test_patients_not_rows_are_resampled():
    # Copies of a row tell nothing new: the error is that of one row per patient.
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, 40)
    once = cluster_bootstrap(x, np.arange(40), rng=1, n_resamples=2000)
    copied = cluster_bootstrap(
        np.repeat(x, 10), np.repeat(np.arange(40), 10), rng=1, n_resamples=2000
    )
    assert copied.ci_low == pytest.approx(once.ci_low)
    assert copied.std_error == pytest.approx(once.std_error)
    as_rows = cluster_bootstrap(np.repeat(x, 10), None, rng=1, n_resamples=2000)
    assert as_rows.std_error < 0.5 * once.std_error


def test_order_of_rows_changes_nothing():
    y, g = patients()
    labels = np.array([f"P{k:03}" for k in g])
    arms = {"parallel": g % 2, "split": np.arange(len(y)) % 2}
    order = np.random.default_rng(3).permutation(len(y))
    for arm in (None, *arms.values()):
        moved = None if arm is None else arm[order]
        asked = {"rng": 1, "n_resamples": 300, "method": "bca"}
        one = cluster_bootstrap(y, labels, arm, **asked)
        two = cluster_bootstrap(y[order], labels[order], moved, **asked)
        assert one.to_frame().equals(two.to_frame())
    for arm in arms.values():
        asked = {"rng": 1, "n_resamples": 300, "exact": False}
        one = permute_arms(y, arm, labels, **asked)
        assert one == permute_arms(y[order], arm[order], labels[order], **asked)
    one = cluster_bootstrap(y, None, g % 2, rng=1, n_resamples=300)
    assert one == cluster_bootstrap(y[order], None, g[order] % 2, rng=1, n_resamples=300)
    one = sign_flip(y - 42, labels, rng=1, exact=False)
    assert one == sign_flip((y - 42)[order], labels[order], rng=1, exact=False)


def test_seed_and_generator_are_both_taken():
    y, g = patients()
    by_seed = cluster_bootstrap(y, g, rng=5, n_resamples=200)
    by_generator = cluster_bootstrap(y, g, rng=np.random.default_rng(5), n_resamples=200)
    assert by_seed == by_generator
    assert by_seed != cluster_bootstrap(y, g, rng=6, n_resamples=200)


def test_missing_rows_are_left_out_and_counted():
    y, g = patients()
    y[0], y[7] = np.nan, np.nan
    found = cluster_bootstrap(y, g, rng=1, n_resamples=200)
    assert (found.n_obs, found.n_missing, found.n_groups) == (98, 2, 25)
    assert found.estimate == pytest.approx(np.nanmean(y))
    flips = sign_flip([1.0, np.nan, 2.0, 3.0])
    assert (flips.n_obs, flips.n_missing, flips.n_resamples) == (3, 1, 8)
    arms = permute_arms([1.0, 2.0, 3.0, np.nan], [1, 0, 1, 0], ["a", "a", "b", "b"])
    assert arms.n_missing == 1
    assert arms.notes == ("1 groups have one arm only and stay as they are",)


def test_few_patients_and_single_ones_are_noted():
    notes = cluster_bootstrap([1.0, 2, 3, 4, 5], None, [1, 0, 0, 0, 0], rng=1, n_resamples=50).notes
    assert notes[0] == "5 groups only: bootstrap limits tend to be too narrow"
    assert notes[1].startswith("a single group has its arms: it is in every resample")
    y, g = patients()
    assert cluster_bootstrap(y, g, rng=1, n_resamples=50).notes == ()


numbers = st.integers(-30, 30).map(lambda k: k / 4)
small = st.lists(numbers, min_size=1, max_size=9)


@settings(max_examples=60)
@given(small, st.sampled_from(ALTERNATIVES))
def test_sign_flips_count_every_sign(d, alternative):
    sums = [
        math.fsum(s * x for s, x in zip(signs, d, strict=True))
        for signs in itertools.product([-1, 1], repeat=len(d))
    ]
    observed = math.fsum(d)
    less = np.mean([s <= observed + 1e-9 for s in sums])
    greater = np.mean([s >= observed - 1e-9 for s in sums])
    expected = {
        "less": less,
        "greater": greater,
        "two-sided": min(1, 2 * min(less, greater)),
    }
    found = sign_flip(d, alternative=alternative)
    assert found.exact
    assert found.n_resamples == 2 ** len(d)
    assert found.p_value == pytest.approx(expected[alternative], abs=1e-12)
    assert found.estimate == pytest.approx(np.mean(d), abs=1e-12)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_sign_flips_are_scipy_s(alternative):
    d = np.random.default_rng(3).normal(4, 10, 11)
    ours = sign_flip(d, alternative=alternative)
    theirs = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=alternative
    )
    assert ours.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_arms_between_patients_are_scipy_s(alternative):
    rng = np.random.default_rng(4)
    x, y = rng.normal(5, 3, 5), rng.normal(2, 3, 6)
    ours = permute_arms(np.concatenate([x, y]), np.repeat([1, 0], [5, 6]), alternative=alternative)
    theirs = stats.permutation_test(
        (x, y), mean_difference, n_resamples=np.inf, alternative=alternative
    )
    assert ours.exact
    assert ours.n_resamples == math.comb(11, 5)
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_fisher_s_darwin_data():
    # Fisher (1935), section 21: of 2^15 signs of Darwin's 15 differences 863 in each tail reach the
    # sum 314 (ties in full), two-sided 5.267 %.
    d = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = sign_flip(d)
    assert sum(d) == 314
    assert found.p_value == pytest.approx(2 * 863 / 2**15)
    assert round(100 * found.p_value, 3) == 5.267


def test_patients_with_several_rows_move_whole():
    y = np.array([5.0, 7, 9, 1, 2, 4, 3, 8, 6, 2])
    g = np.array([0, 0, 0, 1, 1, 2, 2, 3, 4, 4])
    arm = np.isin(g, [0, 3])
    values = []
    for chosen in itertools.combinations(range(5), 2):
        treated = np.isin(g, chosen)
        values.append(y[treated].mean() - y[~treated].mean())
    observed = y[arm].mean() - y[~arm].mean()
    expected = np.mean(np.array(values) >= observed - 1e-12)
    found = permute_arms(y, arm, g, alternative="greater")
    assert found.n_resamples == 10
    assert found.p_value == pytest.approx(expected)
    assert found.estimate == pytest.approx(observed)


@settings(max_examples=40)
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4), st.data())
def test_arms_within_patients_count_every_labelling(table, data):
    y, g = np.ravel(table), np.repeat(np.arange(len(table)), 3)
    arm = np.array([data.draw(st.sampled_from([(1, 0, 0), (0, 1, 1), (0, 1, 0)])) for _ in table])
    labellings = itertools.product(*[set(itertools.permutations(a)) for a in arm.tolist()])
    values = [difference(y, np.ravel(labels) == 1) for labels in labellings]
    found = permute_arms(y, arm.ravel(), g, alternative="less")
    observed = difference(y, arm.ravel() == 1)
    assert found.n_resamples == len(values)
    assert found.p_value == pytest.approx(np.mean(np.array(values) <= observed + 1e-9))


@given(small)
def test_split_face_is_the_sign_flip_of_its_differences(d):
    base = np.arange(len(d), dtype=float)
    y = np.concatenate([base + d, base])
    found = permute_arms(y, np.repeat([1, 0], len(d)), np.tile(base, 2))
    flips = sign_flip(d)
    assert found.p_value == pytest.approx(flips.p_value)
    assert found.estimate == pytest.approx(flips.estimate)
    assert found.n_resamples == flips.n_resamples


def test_drawn_permutations_meet_the_exact_ones():
    y, g = patients(3, n_groups=14)
    for arm in (g % 2, np.arange(len(y)) % 2):
        exact = permute_arms(y, arm, g)
        drawn = permute_arms(y, arm, g, exact=False, n_resamples=20_000, rng=1)
        assert exact.exact is not drawn.exact
        assert drawn.n_resamples == 20_000
        assert drawn.p_value == pytest.approx(exact.p_value, abs=0.02)
    d = y - 46
    exact = sign_flip(d, g)
    drawn = sign_flip(d, g, exact=False, n_resamples=20_000, rng=1)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.02)


def test_drawn_p_is_never_zero():
    d = np.arange(1, 60.0)
    assert sign_flip(d, n_resamples=99, rng=1).p_value == pytest.approx(2 / 100)
    assert not sign_flip(d, n_resamples=99, rng=1).exact


def test_forty_patients_are_exact():
    d = np.random.default_rng(1).normal(3, 10, 40)
    found = sign_flip(d)
    assert found.n_resamples == 2**40
    assert found.p_value == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=0.05)
    assert not sign_flip(np.append(d, 1.0), n_resamples=99, rng=1).exact


def test_differences_of_zero_decide_nothing():
    d = [3.0, -1, 2, 4]
    with_zeros = sign_flip([*d, 0, 0, 0])
    assert with_zeros.p_value == sign_flip(d).p_value
    assert sign_flip([0.0, 0.0]).p_value == 1


def test_sums_equal_up_to_rounding_are_ties():
    low, high = tails([np.array([-0.1, 0.1]), np.array([-0.2, 0.2]), np.array([-0.3, 0.3])], 0.0)
    assert (low, high) == (5 / 8, 5 / 8)


@settings(max_examples=40)
@given(small, st.sampled_from([0.001, 7.0, 1e5]))
def test_scale_and_sign(d, k):
    found, scaled = sign_flip(d), sign_flip(k * np.array(d))
    assert scaled.p_value == pytest.approx(found.p_value)
    assert sign_flip(np.negative(d)).p_value == pytest.approx(found.p_value)
    y, g = patients(1, n_groups=8)
    base = cluster_bootstrap(y, g, rng=1, n_resamples=60)
    moved = cluster_bootstrap(k * y + 3, g, rng=1, n_resamples=60)
    assert moved.ci_low == pytest.approx(k * base.ci_low + 3)
    assert moved.std_error == pytest.approx(k * base.std_error)


def test_swapped_arms_turn_the_interval():
    y, g = patients(n_groups=12)
    arm = np.arange(len(y)) % 2
    one = permute_arms(y, arm, g, alternative="less")
    two = permute_arms(y, 1 - arm, g, alternative="greater")
    assert one.p_value == pytest.approx(two.p_value)
    assert one.estimate == pytest.approx(-two.estimate)
    up = cluster_bootstrap(y, g, arm, rng=1, n_resamples=500)
    down = cluster_bootstrap(y, g, 1 - arm, rng=1, n_resamples=500)
    assert (down.ci_low, down.ci_high) == (pytest.approx(-up.ci_high), pytest.approx(-up.ci_low))


PAIR = {"y": [1.0, 2.0, 3.0, 4.0], "arm": [1, 0, 1, 0], "groups": [1, 1, 2, 2]}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cluster_bootstrap([1, 2], [1, 1], rng=1), "needs at least two of them"),
        (lambda: cluster_bootstrap([1, 2], [1, 2], rng=None), "rng is needed for a bootstrap"),
        (lambda: cluster_bootstrap([1, 2], [1, 2], rng=1, method="t"), "method must be one of"),
        (lambda: cluster_bootstrap([1, 2], [1, 2], rng=1, n_resamples=0), "n_resamples must be a"),
        (lambda: cluster_bootstrap([1, 2], [1, 2, 3], rng=1), "different lengths"),
        (lambda: cluster_bootstrap([1, np.inf], [1, 2], rng=1), "y holds infinite values"),
        (
            lambda: cluster_bootstrap([1.0, 2, 3], None, rng=1, statistic=lambda y: np.nan),
            "the statistic is not finite in 9999 resamples",
        ),
        (lambda: permute_arms([1, 2], [1, 1]), "arm must be true/false or 1/0 and both must occur"),
        (lambda: permute_arms(**PAIR, alternative="up"), "alternative must be one of"),
        (lambda: permute_arms(**PAIR, exact=False), "rng is needed for 9999 random permutations"),
        (lambda: permute_arms(**PAIR, n_resamples=9.5), "n_resamples must be a whole number"),
        (lambda: sign_flip(np.arange(1, 60.0)), "give a seed such as rng=1"),
        (lambda: sign_flip(np.arange(1, 60.0), exact=True), "too many sign flips to count"),
        (
            lambda: permute_arms(np.arange(60.0), np.arange(60) % 2, exact=True),
            "too many divisions of groups into arms to count; use exact=False",
        ),
    ],
)
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_bca_without_limits_says_so():
    # No resample of ten holds ten different values, as the sample does.
    asked = {"rng": 1, "n_resamples": 200, "method": "bca"}
    with pytest.raises(ValueError, match="all resamples lie on one side of the estimate"):
        cluster_bootstrap(np.arange(10.0), None, statistic=lambda y: len(set(y)), **asked)


def test_printing_starts_with_the_estimate():
    y, g = patients()
    assert re.match(r"[\d.]+ \(95 % CI [\d.]+ to [\d.]+\)", repr(cluster_bootstrap(y, g, rng=1)))
    assert "all 16 permutations; 4 groups, 4 rows, 0 missing" in repr(sign_flip([1, 2, 3, 5]))
    drawn = sign_flip([1, 2, 3, 5], exact=False, rng=1)
    assert "random 9999 permutations" in repr(drawn)
    assert "arms permuted between groups" in permute_arms(y, g % 2, g, rng=1).method
