"""Where scipy and statsmodels do the arithmetic, and where they would and cannot."""

import importlib
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.proportion import confint_proportions_2indep

import mnstudy as mn
from mnstudy.stats.counts.proportions import exact_limits, wilson_limits
from mnstudy.stats.counts.two_groups import risk_ratio
from mnstudy.stats.measurement.consistency_p import p_from_arms
from mnstudy.stats.measurement.truncated_selection import _hazard
from mnstudy.stats.meta.between_studies import dersimonian_laird, paule_mandel

DOCS = (Path(__file__).parents[2] / "docs/statistics.md").read_text("utf-8")
NAMED = re.compile(r"`((?:scipy|statsmodels)\.[\w.]+)`")
# R's values are in the tests of each function; the numbers here were computed by code of the
# package's own, and may differ from the library's by rounding only.
RTOL = 1e-12


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:scipy|statsmodels)\.[\w.]+)`", DOCS)))
)
def test_every_function_of_a_library_that_the_docs_name_exists(name):
    module, _, attribute = name.rpartition(".")
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError:
        found = getattr(importlib.import_module(module), attribute)
    assert found is not None


X, Y = [3, 2, 4, 4, 3, 2], [1, 2, 3, 1, 2, 2]
EFFECTS, VARIANCES = [0.10, 0.55, 0.32, 0.75], [0.04, 0.05, 0.03, 0.06]
BEFORE = {
    "exact limits": (
        lambda: exact_limits(3, 40, 0.025),
        (0.01574217985104153, 0.20386474873289898),
    ),
    "Wilson limits": (
        lambda: wilson_limits(3, 40, 0.025),
        (0.025836025774588184, 0.1986423352431055),
    ),
    "Newcombe limits": (
        lambda: ends(mn.stats.risk_difference(56, 70, 48, 80)),
        (0.05243147240236498, 0.333872654036906),
    ),
    "McNemar's exact p": (
        lambda: mn.stats.risk_difference(table=[[1, 1], [7, 12]], paired=True).p_value,
        0.0703125,
    ),
    "Brunner-Munzel": (
        lambda: figures(mn.stats.brunner_munzel(X, Y), "ci_low", "std_error", "df", "p_value"),
        (0.5886803627494781, 0.10971343143406388, 9.941176470588237, 0.012581614790960252),
    ),
    "P(better)": (
        lambda: mn.stats.probability_of_superiority(X, Y, paired=False).ci_low,
        0.4933691445987911,
    ),
    "tau2 by moments": (
        lambda: mn.stats.pool(EFFECTS, VARIANCES, method="dl").tau2,
        0.027823949579831933,
    ),
    "sign test": (lambda: mn.stats.direction_share(28, 3).p_value, 4.649162292480469e-06),
    "mean beyond a cut-off": (
        lambda: figures(
            mn.stats.expected_regression(mean=50, sd=10, reliability=0.7, cut_off=60),
            *("first_mean", "share_selected"),
        ),
        (65.25135276160981, 0.15865525393145707),
    ),
    "p of two printed arms": (
        lambda: figures(
            p_from_arms(4.23, 1.3, 30, 4.98, 1.13, 30, decimals=(2, 1, 2, 2)),
            *("p_value", "p_low", "p_high"),
        ),
        (0.020438533164641774, 0.016256129004418116, 0.025292429519299154),
    ),
}


def figures(found, *names):
    return tuple(getattr(found, name) for name in names)


def ends(found):
    return figures(found, "ci_low", "ci_high")


@pytest.mark.parametrize("what", BEFORE)
def test_the_library_gives_the_number_from_before_it_did_the_arithmetic(what):
    call, value = BEFORE[what]
    assert call() == pytest.approx(value, rel=RTOL)


@given(st.integers(1, 300), st.data())
def test_limits_of_a_proportion_are_scipy_s_too(n, data):
    test = stats.binomtest(data.draw(st.integers(0, n)), n)
    for method, limits in (("exact", exact_limits), ("wilson", wilson_limits)):
        theirs = test.proportion_ci(0.95, method=method)
        assert limits(test.k, n, 0.025) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.lists(st.floats(0, 50), min_size=2, max_size=8), st.floats(0.1, 9))
def test_effects_far_from_zero_lose_no_digits(effects, variance):
    y, v = np.array(effects), variance * np.arange(1, len(effects) + 1)
    far = dersimonian_laird(y + 2.0**20, v)
    assert far == pytest.approx(dersimonian_laird(y, v), rel=1e-6, abs=1e-6)


@given(st.lists(st.integers(-30, 30), min_size=3, max_size=9), st.floats(0.1, 2))
def test_paule_mandel_is_statsmodels_within_its_tolerance(effects, variance):
    y, v = np.array(effects, dtype=float), variance * np.arange(1, len(effects) + 1)
    with np.errstate(all="ignore"):
        theirs = float(combine_effects(y, v, method_re="pm").tau2)
    # its iteration stops when Q is within 1e-5 of k - 1, or may end before
    w = 1 / (v + theirs)
    if abs(w @ (y - w @ y / w.sum()) ** 2 - len(y) + 1) < 1e-5:
        assert paule_mandel(y, v) == pytest.approx(theirs, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(("n1", "n0"), [(5, 5), (12, 7), (34, 34)])
def test_koopman_s_limits_are_statsmodels_where_no_cell_is_empty(n1, n0):
    for e1, e0 in itertools.product(range(1, n1), range(1, n0)):
        found = risk_ratio(e1, n1, e0, n0)
        theirs = confint_proportions_2indep(
            e1, n1, e0, n0, compare="ratio", method="score", correction=False
        )
        assert (found.ci_low, found.ci_high) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("z", [-12.0, -3.0, 0.0, 1.0, 4.9])
def test_the_mean_beyond_a_cut_off_is_that_of_the_truncated_normal(z):
    assert _hazard(z) == pytest.approx(stats.truncnorm.mean(z, math.inf), rel=1e-12)


def test_printed_arms_give_the_p_of_their_own_values():
    rng = np.random.default_rng(3)
    x, y = rng.normal(5, 2, 14), rng.normal(3, 4, 9)
    found = p_from_arms(x.mean(), x.std(ddof=1), 14, y.mean(), y.std(ddof=1), 9)
    assert found.p_value == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
    both = found.p_value, stats.ttest_ind(x, y).pvalue
    assert (found.p_low, found.p_high) == pytest.approx((min(both), max(both)))
    assert p_from_arms(1, 0, 5, 1, 0, 5).p_value == 1
    assert p_from_arms(1, 0, 5, 2, 0, 5).p_value == 0
