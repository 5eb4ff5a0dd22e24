"""Checks of printed numbers: against R, published examples, and data that were really rounded."""

import json
import math
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from mnstudy.stats.measurement.consistency import (
    counts_behind,
    grim,
    grimmer,
    percent_agrees,
    rounding_range,
    spread_is_se,
)
from mnstudy.stats.measurement.consistency_p import (
    midpoint,
    normal_size,
    p_from_arms,
    p_from_change,
    p_from_interval,
)

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "consistency.json").read_text())
ROUNDINGS = (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN)


def cases(func):
    return [case for case in REFERENCE["cases"] if case["func"] == func]


def printed(value, decimals, rounding=ROUND_HALF_EVEN):
    """Round the decimal that a person would round; Decimal keeps binary fractions out."""
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(repr(round(float(value), 10))).quantize(step, rounding=rounding))


def test_reference_is_complete():
    wanted = {"p_from_interval": 13, "p_from_change": 9, "p_from_arms": 3, "grimmer": 3}
    assert {func: len(cases(func)) for func in wanted} == wanted


# rounding


def test_rounding_range_allows_both_halves_and_cut_digits():
    assert rounding_range(2.4, 1) == (2.35, 2.45)
    assert rounding_range(73, 0) == (72.5, 73.5)
    low, high = rounding_range(66.6, 1, cut=True)
    assert low == 66.55
    assert 66.69999 < high < 66.7
    low, high = rounding_range(-0.4, 1, cut=True)
    assert -0.5 < low < -0.49999
    assert high == -0.35
    with pytest.raises(ValueError, match="decimals"):
        rounding_range(1, -1)
    with pytest.raises(ValueError, match="finite"):
        rounding_range(math.nan, 1)


# percentages


@pytest.mark.parametrize(
    ("percent", "events", "n", "decimals", "says"),
    [
        (66.7, 2, 3, 1, "rounded"),
        (66.6, 2, 3, 1, "cut"),
        (66.8, 2, 3, 1, "no"),
        (12.5, 1, 8, 1, "rounded"),
        (12, 1, 8, 0, "rounded"),
        (13, 1, 8, 0, "rounded"),
        (73, 47, 65, 0, "no"),
        (73, 48, 65, 0, "cut"),
        (91.8, 33, 36, 1, "no"),
        (0, 0, 9, 0, "rounded"),
        (100, 9, 9, 0, "rounded"),
    ],
)
def test_percent_agrees(percent, events, n, decimals, says):
    assert percent_agrees(percent, events, n, decimals=decimals) == says


def test_percent_refuses_what_is_no_count():
    with pytest.raises(ValueError, match="5 of 4"):
        percent_agrees(50, 5, 4, decimals=0)


@given(st.integers(1, 400), st.data(), st.integers(0, 2), st.sampled_from([*ROUNDINGS, ROUND_DOWN]))
def test_a_real_percentage_always_agrees(n, data, decimals, rounding):
    events = data.draw(st.integers(0, n))
    exact = Decimal(100 * events) / Decimal(n)
    percent = float(exact.quantize(Decimal(1).scaleb(-decimals), rounding=rounding))
    says = percent_agrees(percent, events, n, decimals=decimals)
    assert says == "rounded" if rounding != ROUND_DOWN else says in ("rounded", "cut")
    assert events in counts_behind(percent, n, decimals=decimals)


def test_counts_behind():
    assert counts_behind(73, 65, decimals=0) == (48,)
    assert counts_behind(91.8, 36, decimals=1) == ()
    assert counts_behind(66.6, 3, decimals=1) == (2,)
    assert counts_behind(50, 200, decimals=0) == (99, 100, 101)


# granularity


@pytest.mark.parametrize(
    ("mean", "n", "items", "says"),
    [
        # examples of the GRIM literature: 5.19 of 28 cannot be, of 32 it can; two items of 16
        (5.19, 28, 1, "inconsistent"),
        (5.19, 32, 1, "consistent"),
        (5.21, 28, 1, "consistent"),
        (5.27, 43, 1, "inconsistent"),
        (2.84, 16, 2, "consistent"),
        (2.84, 16, 1, "inconsistent"),
        (5.19, 100, 1, "cannot tell"),
        (5.19, 50, 2, "cannot tell"),
    ],
)
def test_grim(mean, n, items, says):
    assert grim(mean, n, decimals=2, items=items) == says


def test_grim_knows_the_ends_of_the_scale_and_cut_digits():
    assert grim(4.2, 30, decimals=1, low=1, high=4) == "inconsistent"
    assert grim(0.4, 30, decimals=1, low=1) == "inconsistent"
    assert grim(1.93, 31, decimals=2) == "inconsistent"
    assert grim(1.93, 31, decimals=2, cut=True) == "consistent"
    # 16.40 is not cut down to 16.39
    assert grim(16.39, 25, decimals=2, items=2, cut=True) == "inconsistent"
    with pytest.raises(ValueError, match="1 or more"):
        grim(1, 0, decimals=2)


@given(
    st.lists(st.integers(-3, 12), min_size=2, max_size=60),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from(ROUNDINGS),
)
def test_real_whole_numbers_are_never_called_impossible(values, items, decimals, rounding):
    """Sums of ``items`` raters over people, averaged."""
    y = np.array(values) / items
    mean = float(
        (Decimal(sum(values)) / (len(values) * items)).quantize(
            Decimal(1).scaleb(-decimals), rounding=rounding
        )
    )
    n = len(values)
    assert grim(mean, n, decimals=decimals, items=items) != "inconsistent"
    for ddof in (0, 1):
        sd = printed(y.std(ddof=ddof), decimals, rounding)
        says = grimmer(mean, sd, n, decimals=decimals, sd_decimals=decimals, items=items)
        assert says != "inconsistent"


@pytest.mark.parametrize("case", cases("grimmer"), ids=lambda case: f"n{case['args']['n']:.0f}")
def test_grimmer_against_enumeration(case):
    """R lists what occurs on 0 to top; nothing that occurs may be called impossible."""
    n = int(case["args"]["n"])
    for pair in case["expected"]:
        mean, sd = map(float, pair.split())
        assert grimmer(mean, sd, n, decimals=2, sd_decimals=2) == "consistent", pair


def test_grimmer_finds_what_no_whole_numbers_have():
    """All data sets of 5 whole numbers within 0 to 6 with mean 3.0: the test finds most gaps."""
    from itertools import combinations_with_replacement

    real = {
        divisor: {
            round(float(np.std(x, ddof=divisor)), 2)
            for x in combinations_with_replacement(range(-9, 16), 5)
            if sum(x) == 15
        }
        for divisor in (0, 1)
    }
    possible = real[0] | real[1]
    tried = [round(0.01 * k, 2) for k in range(300)]
    called = {x for x in tried if grimmer(3.0, x, 5, decimals=2, sd_decimals=2) == "inconsistent"}
    assert not called & possible
    impossible = {x for x in tried if x not in possible}
    assert len(called) > 0.9 * len(impossible) > 200


def test_grimmer_cannot_tell_where_every_sum_of_squares_can_be_had():
    assert grimmer(16.0, 7.6, 52, decimals=0, sd_decimals=1) == "cannot tell"
    with pytest.raises(ValueError, match="2 or more"):
        grimmer(3, 1, 1, decimals=0, sd_decimals=0)


# p-values


@pytest.mark.parametrize("case", cases("p_from_interval"), ids=lambda c: str(c["args"]))
def test_p_from_interval_agrees_with_r(case):
    args = dict(case["args"])
    if "n" in args:
        args["n"] = int(args["n"])
    assert p_from_interval(**args).p_value == pytest.approx(case["expected"], rel=1e-11)


@pytest.mark.parametrize("case", cases("p_from_change"), ids=lambda c: str(c["args"]))
def test_p_from_change_agrees_with_r(case):
    args = {**case["args"], "n": int(case["args"]["n"])}
    assert p_from_change(**args).p_value == pytest.approx(case["expected"], rel=1e-8)


@pytest.mark.parametrize("case", cases("p_from_arms"), ids=lambda c: str(c["args"]))
def test_p_from_arms_agrees_with_r(case):
    a = case["args"]
    args = {**a, "n1": int(a["n1"]), "n2": int(a["n2"])}
    found = p_from_arms(**args)
    assert found.p_value == pytest.approx(case["expected"]["welch"], rel=1e-9)
    ends = sorted(case["expected"].values())
    assert [found.p_low, found.p_high] == pytest.approx(ends, rel=1e-9)


def test_alam_2014():
    """Alam et al. 2014, 15 people: the printed intervals, two of them read without a minus sign."""
    one = (1, 1, 1)
    treated = p_from_interval(3.4, 0.2, 6.5, n=15, decimals=one)
    assert treated.p_value == pytest.approx(0.036, abs=5e-4)
    assert treated.p_low < 0.0414
    lost_sign = p_from_interval(2.4, 0.01, 4.8, n=15, decimals=(1, 2, 1))
    assert lost_sign.p_value == pytest.approx(0.0496, abs=5e-5)
    assert lost_sign.p_high < 0.05 < 0.0515  # the printed .052 contradicts this interval
    with_sign = p_from_interval(2.4, -0.01, 4.8, n=15, decimals=(1, 2, 1))
    assert 0.05 < with_sign.p_low < with_sign.p_high < 0.052
    control = p_from_interval(0.4, -2.3, 3.5, n=15, decimals=one)
    assert control.p_value == pytest.approx(0.77, abs=5e-3)
    assert midpoint(-2.3, 3.5, (1, 1)) == (0.55, 0.65)
    assert p_from_interval(1.0, -1.4, 3.4, n=15).p_value == pytest.approx(0.39, abs=5e-3)


def test_a_ratio_by_hand():
    """0.81 (0.70 to 0.94): log 0.211, standard error 0.0752, so z = 2.80 and p = 0.005."""
    found = p_from_interval(0.81, 0.70, 0.94, ratio=True)
    assert found.p_value == pytest.approx(0.005, abs=5e-4)
    assert normal_size(found.p_value) == pytest.approx(2.80, abs=0.01)


def test_shen_2022_fits_without_the_minus_sign():
    assert midpoint(-0.12, 0.73, (2, 2)) == (0.3, 0.31)
    low, high = midpoint(0.12, 0.73, (2, 2))
    assert low <= 0.42 <= high


@given(st.floats(-5, 5), st.floats(0.1, 5), st.integers(3, 60), st.sampled_from([0.9, 0.95, 0.99]))
def test_a_limit_at_zero_means_p_at_the_level(middle, half, n, level):
    found = p_from_interval(half, 0.0, 2 * half, n=n, level=level)
    assert found.p_value == pytest.approx(1 - level, rel=1e-9)
    turned = p_from_interval(-middle, -middle - half, -middle + half, n=n, level=level)
    same = p_from_interval(middle, middle - half, middle + half, n=n, level=level)
    assert turned.p_value == pytest.approx(same.p_value, rel=1e-9)
    assert p_from_interval(3 * middle, 3 * (middle - half), 3 * (middle + half), n=n, level=level)


@given(st.floats(-3, 3), st.floats(0.3, 2), st.integers(4, 50), st.integers(1, 3))
def test_the_range_holds_the_p_that_was_there_before_rounding(mean, sd, n, decimals):
    half = sps.t.ppf(0.975, n - 1) * sd / math.sqrt(n)
    true = 2 * sps.t.sf(abs(mean) / sd * math.sqrt(n), n - 1)
    figures = [round(x, decimals) for x in (mean, mean - half, mean + half)]
    if figures[1] < figures[2]:
        found = p_from_interval(*figures, n=n, decimals=(decimals,) * 3)
        assert found.p_low - 1e-9 <= true <= found.p_high + 1e-9


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.floats(0, 0.95))
def test_the_range_over_r_holds_the_paired_test(seed, n, r):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n)
    a, b = (math.sqrt(r) * shared + math.sqrt(1 - r) * rng.normal(size=n) for _ in range(2))
    seen = float(np.corrcoef(a, b + 0.5)[0, 1])
    true = float(sps.ttest_rel(a, b + 0.5).pvalue)
    found = p_from_change(a.mean(), b.mean() + 0.5, a.std(ddof=1), b.std(ddof=1), n, r=seen)
    assert found.p_value == pytest.approx(true, rel=1e-6)
    if 0 <= seen <= 0.99:
        wide = p_from_change(a.mean(), b.mean() + 0.5, a.std(ddof=1), b.std(ddof=1), n)
        assert wide.p_low * (1 - 1e-9) <= true <= wide.p_high * (1 + 1e-9)


def test_p_says_what_is_wrong():
    with pytest.raises(ValueError, match="below ci_high"):
        p_from_interval(1, 2, 0)
    with pytest.raises(ValueError, match="above 0"):
        p_from_interval(1, 0, 2, ratio=True)
    with pytest.raises(ValueError, match="n of 2"):
        p_from_interval(1, 0, 2, n=1)
    with pytest.raises(ValueError, match="between -1 and 1"):
        p_from_change(1, 2, 1, 1, 9, r=(0.9, 0.1))
    with pytest.raises(ValueError, match="2 or more"):
        p_from_change(1, 2, 1, 1, 1)
    with pytest.raises(ValueError, match="2 people"):
        p_from_arms(1, 1, 1, 2, 1, 9)


# spreads


def test_spread_that_is_a_standard_error():
    """An SD of 3 printed as its standard error in 25 people makes an effect of 0.9 look like 4."""
    found = spread_is_se(3 / 5, 25, 2.5)
    assert found.suspicious
    assert found.effect_if_se == pytest.approx(found.effect_if_sd / 5)
    assert not spread_is_se(3, 25, 2.5).suspicious
    assert not spread_is_se(1.0, 25, 3.0).suspicious  # the correction keeps it below 3
    assert spread_is_se(1.0, 25, 3.2).suspicious


def test_a_standard_error_may_be_impossible_on_the_scale():
    """An SE of 0.56 in 40 people is an SD of 3.5, which grades 1 to 4 cannot have."""
    found = spread_is_se([0.56, 0.53], 40, 1.86, low=1, high=4)
    assert found.suspicious
    assert not found.se_possible
    assert "impossible on the scale" in repr(found)
    with pytest.raises(ValueError, match="negative"):
        spread_is_se(0.0, 10, 1.0)
