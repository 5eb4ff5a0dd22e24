"""Counted events of two groups: against R and scipy, and what must hold of any pooled counts."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio

from mnstudy import stats as ours
from mnstudy.stats import (
    correlation_bounds_of_counts,
    correlation_from_change_sd,
    correlation_from_paired_p,
    feasible_correlation,
    pool_counts,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "pooled_counts.json").read_text("utf-8")
)
CASES = REFERENCE["cases"]
RTOL = 1e-9
# Limits of fisher.test and mantelhaen.test end where uniroot's default tolerance does.
OWN_RTOL = 2e-3
FIGURES = ("estimate", "ci_low", "ci_high")

group = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
studies = st.lists(st.tuples(group, group), min_size=1, max_size=4)
quick = settings(max_examples=40, deadline=None)


def columns(pairs):
    return [[pair[i][j] for pair in pairs] for i in (0, 1) for j in (0, 1)]


def of_case(case, measure):
    counts = (case["studies"][name] for name in ("e1", "n1", "e0", "n0"))
    return pool_counts(*counts, measure=measure, confidence_level=case["confidence_level"])


def agree(found, expected, rtol):
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), float(value), rtol, 1e-11, err_msg=name)


def test_reference_grid_is_complete():
    names = {"none_against_three", "one", "frequent", "nothing_but_events", "uneven", "opposite"}
    names |= {"no_event", "three", "zeros", "never_first", "mixed", "large"}
    assert {(c["data"], c["confidence_level"]) for c in CASES} == {
        (name, level) for name in names for level in (0.95, 0.8)
    }
    assert {c["data"] for c in CASES if "own" not in c} == {"no_event"}
    assert REFERENCE["packages"].keys() == {"metafor"}
    assert "pool_counts" in ours.__all__


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['data']}-{c['confidence_level']}")
def test_agrees_with_r(case):
    found = of_case(case, "odds_ratio")
    agree(found, case["odds_ratio"], RTOL)
    agree(found, case.get("own", {}), OWN_RTOL)
    agree(of_case(case, "risk_difference"), case["risk_difference"], 1e-7)


@quick
@given(group, group)
def test_one_study_has_the_conditional_odds_ratio_of_scipy(first, other):
    (e1, n1), (e0, n0) = first, other
    found = pool_counts(e1, n1, e0, n0)
    table = [[e1, n1 - e1], [e0, n0 - e0]]
    assert found.p_value == pytest.approx(fisher_exact(table)[1], rel=1e-9)
    if 0 < e1 + e0 < n1 + n0:
        theirs = odds_ratio(table, kind="conditional")
        limits = theirs.confidence_interval(0.95)
        expected = (theirs.statistic, limits.low, limits.high)
        np.testing.assert_allclose([getattr(found, name) for name in FIGURES], expected, 1e-8)
    assert (
        found.description == "odds ratio, conditional maximum likelihood, exact limits (Cornfield)"
    )


def test_studies_without_contrast_add_nothing_to_the_odds_ratio_and_are_named():
    alone = pool_counts([2, 1], [30, 25], [6, 4], [30, 25])
    more = pool_counts([2, 0, 1, 9], [30, 40, 25, 9], [6, 0, 4, 7], [30, 12, 25, 7])
    for name in (*FIGURES, "p_value"):
        assert getattr(more, name) == pytest.approx(getattr(alone, name), rel=1e-12)
    assert (more.k, more.events, more.n) == (4, 12, 104)
    assert more.notes == (
        "study 2, 4: nobody has the event, or everybody; adds nothing to the odds ratio",
    )
    assert alone.notes == ()


@pytest.mark.parametrize("counts", [(0, 20, 0, 15), ([0, 9], [20, 9], [0, 7], [15, 7])])
def test_counts_that_say_nothing_about_a_ratio_say_so(counts):
    found = pool_counts(*counts)
    assert math.isnan(found.estimate)
    assert (found.ci_low, found.ci_high, found.p_value) == (0.0, math.inf, 1.0)
    assert found.notes == (
        "nobody has the event, or everybody: the counts say nothing about an odds ratio",
    )


def test_ends_of_a_ratio_are_0_and_infinite_and_said():
    none, all_ = pool_counts(0, 20, 3, 20), pool_counts(3, 20, 0, 20)
    assert (none.estimate, none.ci_low) == (0.0, 0.0)
    assert (all_.estimate, all_.ci_high) == (math.inf, math.inf)
    assert all_.ci_low == pytest.approx(1 / none.ci_high)
    assert none.notes == ("as few events in the first groups as there can be: no lower limit",)
    assert all_.notes == ("as many events in the first groups as there can be: no upper limit",)


def test_differences_without_spread_have_the_score_limits_of_all_people():
    found = pool_counts([0, 0], [20, 30], [0, 0], [20, 25], measure="risk_difference")
    alone = pool_counts(0, 50, 0, 45, measure="risk_difference")
    assert [getattr(found, n) for n in FIGURES] == [getattr(alone, n) for n in FIGURES]
    assert found.ci_low < 0 < found.ci_high
    assert found.notes == ("no spread within any study: score limits of all people together",)
    apart = pool_counts([5, 4], [5, 4], 0, 6, measure="risk_difference")
    assert (apart.estimate, apart.ci_high) == (1.0, 1.0)
    assert 0 < apart.ci_low < 1


def test_limits_beyond_the_scale_are_cut_and_said():
    found = pool_counts([5, 4], 5, 0, 5, measure="risk_difference")
    assert found.ci_high == 1.0
    assert found.notes == ("limits are cut to -1 and 1",)
    assert found.description == "Mantel-Haenszel risk difference, Sato's variance"


def test_result_prints_estimate_interval_and_p_first():
    found = pool_counts([0, 2, 1], [20, 30, 25], [3, 6, 2], [20, 30, 25])
    assert repr(found).startswith("0.2442 (95 % CI 0.04185 to 0.9809), p = 0.0461\n")
    assert found.to_frame()[["events", "reference_events", "k"]].to_numpy().tolist() == [[3, 11, 3]]
    assert found.measure == "odds_ratio"


@quick
@given(studies)
def test_swapped_groups_mirror_the_result(pairs):
    e1, n1, e0, n0 = columns(pairs)
    ratio, other = pool_counts(e1, n1, e0, n0), pool_counts(e0, n0, e1, n1)
    assert other.p_value == pytest.approx(ratio.p_value)
    for name, mirror in zip(FIGURES, ("estimate", "ci_high", "ci_low"), strict=True):
        one = getattr(ratio, name)
        turned = math.nan if math.isnan(one) else 1 / one if one else math.inf
        np.testing.assert_allclose(getattr(other, mirror), turned, 1e-8)
    apart, swapped = (
        pool_counts(*counts, measure="risk_difference")
        for counts in ((e1, n1, e0, n0), (e0, n0, e1, n1))
    )
    assert swapped.estimate == pytest.approx(-apart.estimate, abs=1e-12)
    assert swapped.ci_low == pytest.approx(-apart.ci_high, abs=1e-7)


@quick
@given(studies, st.sampled_from(["odds_ratio", "risk_difference"]))
def test_intervals_nest_and_stay_on_their_scale(pairs, measure):
    wide, narrow = (
        pool_counts(*columns(pairs), measure=measure, confidence_level=c) for c in (0.99, 0.8)
    )
    low, high = (-1, 1) if measure == "risk_difference" else (0, math.inf)
    assert low <= wide.ci_low <= narrow.ci_low + 1e-9
    assert narrow.ci_high - 1e-9 <= wide.ci_high <= high
    assert 0 < narrow.p_value <= 1
    if not math.isnan(narrow.estimate):
        assert narrow.ci_low - 1e-9 <= narrow.estimate <= narrow.ci_high + 1e-9


@quick
@given(
    studies, st.randoms(use_true_random=False), st.sampled_from(["odds_ratio", "risk_difference"])
)
def test_order_of_studies_does_not_matter(pairs, random, measure):
    mixed = list(pairs)
    random.shuffle(mixed)
    one, other = (pool_counts(*columns(p), measure=measure) for p in (pairs, mixed))
    for name in (*FIGURES, "p_value"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), 1e-8, 1e-10)


def test_many_people_leave_numbers():
    found = pool_counts([900, 3000], [2000, 9000], [1100, 2900], [2100, 9100])
    assert 0.9 < found.ci_low < found.estimate < found.ci_high < 1.1


ERRORS = [
    (lambda: pool_counts(21, 20, 1, 20), "events must be from 0 to n; it is 21"),
    (
        lambda: pool_counts([1, 1], 20, [1, -1], 20),
        "reference_events must be from 0 to reference_n; it is -1 in study 2 of 2",
    ),
    (lambda: pool_counts(1, 20, 1.5, 20), "reference_events must be a whole number; it is 1.5"),
    (lambda: pool_counts(1, 20, 1, 20.5), "reference_n must be a whole number; it is 20.5"),
    (lambda: pool_counts(0, 0, 1, 20), "n must be above 0; it is 0"),
    (lambda: pool_counts(np.nan, 20, 1, 20), "events must be a number in every study"),
    (lambda: pool_counts([1, 2], 20, [1, 2, 3], 20), "inputs differ in length"),
    (
        lambda: pool_counts(1, 20, 1, 20, measure="risk_ratio"),
        "measure must be one of 'odds_ratio', 'risk_difference', not 'risk_ratio'",
    ),
    (lambda: pool_counts(1, 9, 1, 9, confidence_level=95), "confidence_level must lie between 0"),
    (
        lambda: correlation_from_change_sd([3, 3], [2, 2], [2, 6]),
        "sd_change must be from the difference of sd1 and sd2 to their sum (a correlation of -1 "
        "to 1); it is 6 in study 2 of 2",
    ),
    (lambda: correlation_from_change_sd(3, 0, 2), "sd2 must be above 0; it is 0"),
    (
        lambda: correlation_from_paired_p(13.17, 1.09, 8.1, 1.11, 60, 0.004),
        "p must be one that a paired t test of these figures can have (a correlation of -1 to 1); "
        "it is 0.004",
    ),
    (lambda: correlation_from_paired_p(3, 1, 3, 1, 9, 0.5), "mean2 must be other than mean1"),
    (lambda: correlation_from_paired_p(3, 1, 2, 1, 9, 1.0), "p must be between 0 and 1; it is 1"),
    (lambda: correlation_from_paired_p(3, 1, 2, 1, 1, 0.5), "n must be at least 2; it is 1"),
    (
        lambda: correlation_bounds_of_counts(3, 31, 30),
        "events2 must be from 0 to n; it is 31",
    ),
    (lambda: feasible_correlation(3, 3, 30, 1.2), "r must be between -1 and 1; it is 1.2"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@pytest.mark.parametrize("case", REFERENCE["drawn"], ids=lambda c: f"n{c['n']}")
def test_correlations_of_drawn_people_come_back(case):
    sds = case["sd1"], case["sd2"]
    assert correlation_from_change_sd(*sds, case["sd_change"])[0] == pytest.approx(case["r"])
    pair = case["mean1"], sds[0], case["mean2"], sds[1]
    found = correlation_from_paired_p(*pair, case["n"], case["p"])
    assert found[0] == pytest.approx(case["r"], abs=1e-9)


@pytest.mark.parametrize(
    "case", REFERENCE["bounds"], ids=lambda c: f"{c['events1']}-{c['events2']}"
)
def test_bounds_are_those_of_all_tables_with_the_margins(case):
    found = correlation_bounds_of_counts(case["events1"], case["events2"], case["n"])
    np.testing.assert_allclose(np.ravel(found), [case["least"], case["greatest"]], 1e-12)


@given(st.floats(0.1, 50), st.floats(0.1, 50), st.floats(-0.99, 0.99))
def test_sd_of_change_gives_its_correlation_back(s1, s2, r):
    change = math.sqrt(s1**2 + s2**2 - 2 * r * s1 * s2)
    assert correlation_from_change_sd(s1, s2, change)[0] == pytest.approx(r, abs=1e-6)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(*[st.integers(0, n)] * 2, st.just(n))))
def test_bounds_hold_0_and_are_mirrored_by_counting_the_others(counts):
    e1, e2, n = counts
    least, greatest = np.ravel(correlation_bounds_of_counts(e1, e2, n))
    assert -1 - 1e-12 <= least <= 0 <= greatest <= 1 + 1e-12
    mirrored = np.ravel(correlation_bounds_of_counts(n - e1, e2, n))
    np.testing.assert_allclose(mirrored, [-greatest, -least], atol=1e-12)
    assert least <= feasible_correlation(e1, e2, n, 0.5)[0] <= greatest


def test_sides_without_both_answers_correlate_with_nothing():
    least, greatest = correlation_bounds_of_counts([0, 50, 10], [19, 47, 10], [30, 50, 30])
    np.testing.assert_allclose(greatest, [0, 0, 1])
    np.testing.assert_allclose(least, [0, 0, -0.5])
    assert feasible_correlation(50, 47, 50, 0.5).tolist() == [0.0]
