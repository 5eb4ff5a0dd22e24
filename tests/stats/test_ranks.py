"""Rank methods against R (wilcox.test, coin), exact enumeration, and what must hold of any."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy import stats as ours
from mnstudy.stats.ranks.hodges_lehmann import hodges_lehmann
from mnstudy.stats.ranks.signed_rank import (
    depth,
    merge_equal,
    normal_depth,
    rank_sum_cumulative,
    signed_cumulative,
    signed_rank,
)
from mnstudy.stats.ranks.superiority import brunner_munzel, probability_of_superiority

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "ranks.json").read_text())
CASES = REFERENCE["cases"]

# Counts and sums on both sides: only rounding differs.
RTOL = 1e-9

grades = st.lists(st.integers(-3, 4), min_size=2, max_size=9)
values = st.lists(st.integers(-500, 500).map(lambda k: k / 8), min_size=3, max_size=14)


def by_name(case):
    size = f"{len(case['x'])}v{len(case['y'])}"
    return "-".join(map(str, [case["func"], case["call"][:12], size, *case["options"].values()]))


def test_reference_grid_is_complete():
    tests = [tuple(case["options"].values()) for case in CASES if case["func"] == "signed_rank"]
    options = set(
        itertools.product(
            ("wilcox", "pratt"), ("two-sided", "less", "greater"), ("exact", "normal")
        )
    )
    assert set(tests) == options
    assert len(tests) == 6 * len(options)
    shifts = [case for case in CASES if case["func"] == "hodges_lehmann"]
    assert sum(case["call"].startswith("wilcox.test") for case in shifts) == 10
    assert sum(not case["y"] for case in shifts) == 16
    assert len(shifts) == 30
    assert sum(case["func"] == "brunner_munzel" for case in CASES) == 24
    assert sum(case["func"] == "probability_of_superiority" for case in CASES) == 8
    assert REFERENCE["packages"].keys() == {"coin"}


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_r(case):
    samples = [case["x"], case["y"]] if case["y"] else [case["x"]]
    found = getattr(ours, case["func"])(*samples, **case["options"])
    for name, value in case["expected"].items():
        assert getattr(found, name) == pytest.approx(value, rel=RTOL, abs=1e-12), name


def test_hamilton_scores_as_published():
    # Hollander & Wolfe (1973), page 29: depression scores of nine patients before and after, the
    # first example of R's wilcox.test.
    x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = signed_rank(x, y, alternative="greater")
    assert found.statistic == 40
    assert found.p_value == pytest.approx(0.01953125)


@settings(max_examples=60)
@given(grades, st.sampled_from(["wilcox", "pratt"]))
def test_exact_p_counts_every_sign(d, zero_method):
    d = np.array(d, dtype=float)
    size = np.abs(d)
    kept = d != 0
    given_ranks = (
        stats.rankdata(size)[kept] if zero_method == "pratt" else stats.rankdata(size[kept])
    )
    observed = given_ranks[d[kept] > 0].sum()
    sums = [
        sum(r for r, up in zip(given_ranks, signs, strict=True) if up)
        for signs in itertools.product([False, True], repeat=len(given_ranks))
    ]
    greater = np.mean(np.array(sums) >= observed)
    less = np.mean(np.array(sums) <= observed)
    for alternative, p in [
        ("greater", greater),
        ("less", less),
        ("two-sided", min(1, 2 * min(greater, less))),
    ]:
        found = signed_rank(d, zero_method=zero_method, alternative=alternative)
        assert found.p_value == pytest.approx(p)
        assert found.statistic == observed


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 4), (3, 4), (5, 3)])
def test_rank_sum_distribution_counts_every_split(m, n):
    wins = []
    for chosen in itertools.combinations(range(m + n), m):
        others = [i for i in range(m + n) if i not in chosen]
        wins.append(sum(x > y for x in chosen for y in others))
    expected = [np.mean(np.array(wins) <= u) for u in range(m * n + 1)]
    np.testing.assert_allclose(rank_sum_cumulative(m, n), expected, atol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        rank_sum_cumulative(m, n)[0] = 1.0


def test_interval_of_tied_data_covers_at_least_its_level():
    # Noether (1967): every sample of five differences from -1, 0, 0, 1 with equal chance.
    hits = []
    for d in itertools.product([-1, 0, 0, 1], repeat=5):
        found = hodges_lehmann(d, confidence_level=0.8)
        hits.append(found.ci_low <= 0 <= found.ci_high)
    assert np.mean(hits) >= found.achieved_level >= 0.8


def test_large_samples_switch_to_the_normal_approximation_and_say_so():
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.2, 1, 201), rng.normal(0, 1, 60)
    assert signed_rank(x).method.startswith("normal approximation")
    assert signed_rank(x[:200]).method.startswith("exact")
    exact = signed_rank(x, method="exact")
    assert signed_rank(x).p_value == pytest.approx(exact.p_value, rel=0.05)
    one, two = hodges_lehmann(x), hodges_lehmann(x, y, paired=False)
    assert "normal signed-rank" in one.method
    assert "normal rank-sum" in two.method
    assert one.achieved_level == pytest.approx(0.95, abs=0.002)
    reference = stats.mannwhitneyu(x - two.ci_low, y, method="asymptotic")
    assert reference.pvalue == pytest.approx(0.05, abs=0.003)


def test_normal_depth_meets_the_exact_one():
    n = 150
    count, outside = depth(signed_cumulative(n), 0.025)
    sd = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    near, near_outside = normal_depth(n * (n + 1) / 4, sd, 0.025)
    assert abs(near - count) <= 2
    assert near_outside == pytest.approx(outside, abs=1e-3)


def test_differences_equal_up_to_rounding_tie():
    found = signed_rank([0.3, 0.5, 0.7], [0.1, 0.3, 0.9])
    assert found.n_tied == 3
    assert signed_rank([0.1 + 0.2, 1.0], [0.3, 0.0]).n_zero == 1
    values = np.array([0.2, 0.1 + 0.2, 0.3, 0.1, 0.0])
    assert len(set(merge_equal(values, 1e-14 * values))) == 4


def test_nothing_but_zeros():
    for method in ("exact", "normal"):
        found = signed_rank([0, 0, 0], method=method)
        assert (found.p_value, found.estimate, found.n_zero) == (1.0, 0.0, 3)
        assert found.notes == ("every difference is zero: nothing to test",)


def test_zero_policy_is_stated():
    assert "zeros left out" in signed_rank([1, 0, 2]).method
    assert "Pratt" in signed_rank([1, 0, 2], zero_method="pratt").method


def test_too_few_values_for_the_level_are_noted():
    found = hodges_lehmann([1.0, 2.0, 4.0])
    assert (found.ci_low, found.ci_high) == (1.0, 4.0)
    assert found.notes == ("too few values for 95 %: the widest interval has 75 %",)


def test_pairs_are_differences():
    x, y = [3.1, 2.2, 5.0, 4.4, 1.0, 2.5], [2.0, 2.4, 3.3, 4.0, 0.1, 1.1]
    d = np.subtract(x, y)
    paired = hodges_lehmann(x, y, paired=True)
    assert paired.estimate == pytest.approx(hodges_lehmann(d).estimate)
    assert paired.n0 == 0
    assert signed_rank(x, y).p_value == signed_rank(d).p_value


def test_groups_that_do_not_overlap():
    test = brunner_munzel([5, 6, 7], [1, 2, 3])
    assert test.estimate == 1
    assert np.isnan([test.p_value, test.ci_low, test.ci_high]).all()
    assert test.notes[0].startswith("no variance (groups apart")
    chance = probability_of_superiority([5, 6, 7], [1, 2, 3], paired=False)
    assert (chance.estimate, chance.ci_high) == (1, 1)
    assert 0.4 < chance.ci_low < 0.8
    worst = probability_of_superiority([1, 2, 3], [5, 6, 7], paired=False)
    assert (worst.ci_low, worst.ci_high) == pytest.approx((0, 1 - chance.ci_low))


def test_paired_superiority_is_wins_and_half_ties():
    found = probability_of_superiority([3, 2, 4, 1, 5], [1, 2, 3, 2, 1], paired=True)
    assert found.estimate == pytest.approx(0.7)
    assert found.ci_low < 0.7 < found.ci_high
    assert "5 pairs" in repr(found)


def test_paired_and_unpaired_questions_differ():
    x, y = [2, 3, 4, 5, 6], [1, 2, 3, 4, 5]
    assert probability_of_superiority(x, y, paired=True).estimate == 1
    assert probability_of_superiority(x, y, paired=False).estimate == pytest.approx(0.68)


def test_results_print_estimate_first():
    x, y = [3, 2, 4, 4, 3, 2], [1, 2, 3, 1, 2, 2]
    assert repr(signed_rank(x, y)).startswith("rank-biserial ")
    assert repr(hodges_lehmann(x, y, paired=False)).startswith("1 (95 % CI")
    assert repr(brunner_munzel(x, y)).startswith("P(better) 0.8333 (95 % CI")
    assert "exact signed-rank" in hodges_lehmann(x).to_frame()["method"][0]
    with pytest.raises(AttributeError):
        signed_rank(x).p_value = 0.0


ERRORS = [
    (
        lambda: signed_rank([1, np.nan, 2, np.inf]),
        "x has 2 missing or infinite of 4 values, the first at position 1; decide on them before",
    ),
    (lambda: brunner_munzel([1, 2], [1, np.nan]), "y has 1 missing or infinite of 2 values"),
    (lambda: signed_rank([1, 2], [1]), "x has 2 values and y 1; pairs need as many each"),
    (lambda: signed_rank([]), "x must be a list of at least 1 numbers"),
    (lambda: signed_rank(["a"]), "x must hold numbers only"),
    (lambda: brunner_munzel([1, 2], [1]), "y must be a list of at least 2 numbers"),
    (lambda: signed_rank([1], zero_method="split"), "zero_method must be one of 'wilcox', 'pratt'"),
    (lambda: signed_rank([1], alternative="up"), "alternative must be one of 'two-sided', 'less'"),
    (lambda: signed_rank([1], method="fast"), "method must be one of 'auto', 'exact', 'normal'"),
    (
        lambda: hodges_lehmann([1, 2], [1, 2]),
        "say paired=True (same patients) or paired=False (separate groups) with y",
    ),
    (lambda: hodges_lehmann([1, 2], paired=True), "say paired=True (same patients) or paired="),
    (lambda: hodges_lehmann([1, 2], confidence_level=1), "confidence_level must lie between 0"),
    (lambda: hodges_lehmann([1, 2], [1], paired=True), "x has 2 values and y 1; pairs need"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@given(values, values)
def test_swapped_groups_turn_the_result(x, y):
    one, other = hodges_lehmann(x, y, paired=False), hodges_lehmann(y, x, paired=False)
    assert (other.estimate, other.ci_low) == pytest.approx((-one.estimate, -one.ci_high))
    test, turned = brunner_munzel(x, y), brunner_munzel(y, x)
    assert turned.estimate == pytest.approx(1 - test.estimate)
    assert turned.p_value == pytest.approx(test.p_value, nan_ok=True)
    chance = probability_of_superiority(x, y, paired=False)
    swapped = probability_of_superiority(y, x, paired=False)
    assert swapped.ci_low == pytest.approx(1 - chance.ci_high)
    assert chance.ci_low <= chance.estimate <= chance.ci_high


@given(values, st.sampled_from([0.25, 8.0]), st.integers(-20, 20))
def test_shift_and_unit(x, k, shift):
    one = hodges_lehmann(x)
    moved = hodges_lehmann(k * np.array(x) + shift)
    assert moved.ci_low == pytest.approx(k * one.ci_low + shift)
    assert moved.estimate == pytest.approx(k * one.estimate + shift)
    assert signed_rank(k * np.array(x)).p_value == signed_rank(x).p_value
    assert signed_rank(np.negative(x)).p_value == pytest.approx(signed_rank(x).p_value)
    assert signed_rank(np.negative(x)).estimate == pytest.approx(-signed_rank(x).estimate)


@given(values, values)
def test_brunner_munzel_is_scipy_s(x, y):
    found = brunner_munzel(x, y, alternative="greater")
    if not found.notes:
        reference = stats.brunnermunzel(x, y, alternative="greater")
        assert found.p_value == pytest.approx(reference.pvalue, abs=1e-12)
        both = brunner_munzel(x, y)
        outside = not both.ci_low <= 0.5 <= both.ci_high
        assert outside == (both.p_value < 0.05)


@given(st.lists(st.integers(1, 10**6), min_size=4, max_size=14, unique=True), st.data())
def test_interval_and_test_agree_without_ties(sizes, data):
    d = np.array([s * data.draw(st.sampled_from([-1, 1])) for s in sizes], dtype=float)
    found = hodges_lehmann(d)
    excluded = not found.ci_low <= 0 <= found.ci_high
    assert excluded == (signed_rank(d).p_value <= 1 - found.achieved_level + 1e-12)


@given(values)
def test_intervals_nest(x):
    wide, narrow = hodges_lehmann(x, confidence_level=0.99), hodges_lehmann(x, confidence_level=0.7)
    assert wide.ci_low <= narrow.ci_low <= narrow.estimate <= narrow.ci_high <= wide.ci_high
