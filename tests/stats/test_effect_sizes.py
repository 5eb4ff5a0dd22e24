"""Effect sizes against metafor, a simulation, and what must hold of any effect size."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy import stats
from mnstudy.stats.meta import effect_counts, effect_sizes
from mnstudy.stats.meta.effect_sizes import small_sample_factor

es = SimpleNamespace(**{**vars(effect_sizes), **vars(effect_counts)})
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "effect_sizes.json").read_text())
CASES = REFERENCE["cases"]

# Closed formulas on both sides: only rounding differs. The paired g's witness differentiates
# numerically with steps of 1e-4.
RTOL = 1e-12
NUMERIC_RTOL = 1e-6
# Held to R in test_pooled_rates and test_pooled_counts.
NOT_EFFECTS = {
    "pool_rates",
    "pool_counts",
    "correlation_from_change_sd",
    "correlation_from_paired_p",
    "correlation_bounds_of_counts",
    "feasible_correlation",
}

means = st.floats(-50, 50)
spreads = st.floats(0.5, 20)
sizes = st.integers(3, 200)
correlations = st.floats(-0.9, 0.9)


def run(case):
    return getattr(es, case["func"])(*case["inputs"], **dict(case["options"]))


def test_reference_grid_is_complete():
    seen = {(case["func"], tuple(sorted(dict(case["options"])))) for case in CASES}
    assert seen == {
        ("standardised_mean_change", ("standardiser",)),
        ("standardised_mean_change", ("sd_after", "standardiser")),
        ("hedges_g", ()),
        ("hedges_g_paired", ()),
        ("mean_difference", ()),
        ("mean_difference", ("r",)),
        ("single_mean", ()),
        ("mean_percent_change", ()),
        ("log_odds_ratio", ()),
        ("log_odds_ratio", ("correction",)),
        ("log_odds_ratio", ("r",)),
        ("risk_difference_effect", ()),
        ("risk_difference_effect", ("correction",)),
        ("risk_difference_effect", ("r",)),
        ("arcsine_proportion", ("double",)),
    }
    functions = {
        name
        for name in stats.__all__
        if getattr(stats, name).__module__ in (effect_sizes.__name__, effect_counts.__name__)
    }
    assert {case["func"] for case in CASES} == functions - NOT_EFFECTS
    assert len(CASES) == 19
    assert REFERENCE["packages"].keys() == {"metafor"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['func']}-{case['call'][:24]}")
def test_agrees_with_r(case):
    found = run(case)
    rtol = NUMERIC_RTOL if case["func"] == "hedges_g_paired" else RTOL
    if not isinstance(found, es.EffectSizes):
        np.testing.assert_allclose(found, np.squeeze(case["effect"]), rtol=1e-10, atol=1e-14)
        return
    np.testing.assert_allclose(found.effect, case["effect"], rtol=rtol, atol=1e-14)
    np.testing.assert_allclose(found.variance, case["variance"], rtol=rtol)


@pytest.mark.parametrize("case", REFERENCE["simulated"], ids=lambda case: f"n{case['n']}")
def test_paired_g_is_unbiased_with_honest_variance(case):
    n, r = case["n"], case["r"]
    factor = small_sample_factor(np.array([2 * (n - 1) / (1 + r**2)]))[0]
    # The df of the pooled variance are Satterthwaite's, good to half a percent here.
    assert factor * case["mean_d"] == pytest.approx(case["true"], rel=5e-3)
    d = case["true"] / factor
    formula = es.hedges_g_paired(d, 1, 0, 1, n, r).variance[0]
    # Bonett's variance errs to the large side, by 5 % at ten patients.
    assert 1.0 <= formula / (factor * case["sd_d"]) ** 2 <= 1.06


def test_the_standardiser_matters_and_its_name_travels():
    raw = es.standardised_mean_change(12, 10, 3, 20, 0.8)
    change = es.standardised_mean_change(12, 10, 3, 20, 0.8, sd_after=3, standardiser="change")
    assert change.effect[0] > raw.effect[0] * 1.5
    assert (raw.measure, change.measure) == ("SMCR", "SMCC")
    assert "before" in raw.method
    assert "change" in change.method


def test_result_prints_estimate_first_and_frames_nothing_rounded():
    found = es.hedges_g([62, 40], 18, 20, 50, 20, 20)
    assert repr(found).startswith("0.6182 (SE 0.324), -0.5151")
    assert "<strong>0.6182" in found._repr_html_()
    frame = found.to_frame()
    assert list(frame.columns) == ["effect", "variance", "measure"]
    assert frame["effect"].tolist() == found.effect.tolist()
    assert len(found) == 2
    with pytest.raises(AttributeError):
        found.measure = "g"


def test_zero_cells_are_corrected_only_where_they_are_and_noted():
    found = es.log_odds_ratio([12, 0], 20, [6, 4], 20)
    assert found.effect[0] == pytest.approx(np.log(12 / 8) - np.log(6 / 14))
    assert found.notes == ("0.5 added to the cells of study 2 (zero cell)",)
    assert es.log_odds_ratio(12, 20, 6, 20).notes == ()


def test_standard_error_typed_as_deviation_is_pointed_out():
    found = es.hedges_g([62, 62], [18, 2], 20, 50, [20, 2], 20)
    assert found.notes[0].startswith("study 2: standardised effect beyond 3")


def test_inputs_are_not_changed():
    events = np.array([0.0, 3.0])
    es.arcsine_proportion(events, 10)
    assert events.tolist() == [0.0, 3.0]


ERRORS = [
    (
        lambda: es.hedges_g([1, 2], [1, np.nan], 9, 0, 1, 9),
        "sd1 must be a number in every study; it is nan in study 2 of 2",
    ),
    (lambda: es.single_mean(np.nan, 1, 9), "mean must be a number in every study; it is nan"),
    (lambda: es.single_mean("high", 1, 9), "mean must hold numbers only, got 'high'"),
    (lambda: es.single_mean([[1]], 1, 9), "mean must be one number, or a list"),
    (lambda: es.single_mean([], 1, 9), "mean must be one number, or a list"),
    (
        lambda: es.single_mean([1, 2, 3], [1, 2], 9),
        "inputs differ in length (mean 3, sd 2, n 1); give one value per study or one",
    ),
    (lambda: es.single_mean(1, 0, 9), "sd must be above 0; it is 0"),
    (lambda: es.single_mean(1, 1, 1), "n must be at least 2; it is 1"),
    (lambda: es.hedges_g_paired(1, 1, 0, 1, 2, 0.5), "n must be at least 3; it is 2"),
    (lambda: es.standardised_mean_change(1, 0, 1, 9, 1.0), "r must be between -1 and 1; it is 1"),
    (
        lambda: es.standardised_mean_change(1, 0, 1, 9, 0.5, standardiser="change"),
        'standardiser="change" needs sd_after, the standard deviation after',
    ),
    (
        lambda: es.standardised_mean_change(1, 0, 1, 9, 0.5, standardiser="d"),
        "standardiser must be one of 'raw', 'change', not 'd'",
    ),
    (
        lambda: es.mean_difference(1, 1, 9, 0, 1, 8, r=0.5),
        "n0 must be equal to n1 when r is given (the same patients); it is 8",
    ),
    (lambda: es.mean_percent_change(5, 1, 0, 1, 9, 0.5), "mean_before must be above 0; it is 0"),
    (lambda: es.log_odds_ratio(21, 20, 6, 20), "events1 must be from 0 to n1; it is 21"),
    (lambda: es.log_odds_ratio(1, 20, -1, 20), "events0 must be from 0 to n0; it is -1"),
    (lambda: es.log_odds_ratio(1, 0, 1, 20), "n1 must be above 0; it is 0"),
    (
        lambda: es.log_odds_ratio(0, 20, 6, 20, correction=0),
        "events1 must be such that no cell is zero when correction is 0; it is 0",
    ),
    (
        lambda: es.risk_difference_effect(0, 20, 20, 20, correction=0),
        "variance must be above 0, which needs correction=0.5 here; it is 0",
    ),
    (
        lambda: es.log_odds_ratio(1, 20, 6, 21, r=0.5),
        "n0 must be equal to n1 when r is given (the same patients); it is 21",
    ),
    (
        lambda: es.risk_difference_effect(0, 20, 1, 20, correction=-1),
        "correction must be 0 or more, not -1",
    ),
    (
        lambda: es.risk_difference_effect([9, 2], 30, [9, 9], 30, r=0.5),
        "r must be from -0.175 to 0.4082 with 2 and 9 of 30 patients (see feasible_correlation); "
        "it is 0.5 in study 2 of 2",
    ),
    (
        lambda: es.log_odds_ratio(2, 30, 9, 30, r=-0.2),
        "r must be from -0.175 to 0.4082 with 2 and 9 of 30 patients",
    ),
    (
        lambda: es.log_odds_ratio(0, 30, 19, 30, r=0.1),
        "r must be from 0 to 0 with 0 and 19 of 30 patients",
    ),
    (lambda: es.arcsine_proportion(3, 2), "events must be from 0 to n; it is 3"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_name_the_input(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@given(means, spreads, sizes, means, spreads, sizes, correlations)
def test_swapped_arms_flip_the_sign_only(m1, s1, n1, m0, s0, n0, r):
    pairs = [
        (es.hedges_g(m1, s1, n1, m0, s0, n0), es.hedges_g(m0, s0, n0, m1, s1, n1)),
        (es.hedges_g_paired(m1, s1, m0, s0, n1, r), es.hedges_g_paired(m0, s0, m1, s1, n1, r)),
        (es.mean_difference(m1, s1, n1, m0, s0, n0), es.mean_difference(m0, s0, n0, m1, s1, n1)),
    ]
    for one, other in pairs:
        assert one.effect[0] == pytest.approx(-other.effect[0], abs=1e-12)
        assert one.variance[0] == pytest.approx(other.variance[0])


@given(st.integers(0, 30), st.integers(0, 30), st.floats(-0.99, 0.99))
def test_a_correlation_brought_inside_its_bounds_is_taken(e1, e0, r):
    found = es.feasible_correlation(e1, e0, 30, r)
    assert es.log_odds_ratio(e1, 30, e0, 30, r=found).variance[0] > 0
    assert np.isclose(found[0], r) or abs(found[0]) < abs(r)


@given(st.integers(0, 30), st.integers(0, 25))
def test_swapped_counts_flip_the_sign_only(e1, e0):
    for function in (es.log_odds_ratio, es.risk_difference_effect):
        one, other = function(e1, 30, e0, 25), function(e0, 25, e1, 30)
        assert one.effect[0] == pytest.approx(-other.effect[0], abs=1e-12)
        assert one.variance[0] == pytest.approx(other.variance[0])


@given(means, spreads, means, spreads, sizes, correlations, st.floats(0.1, 10))
def test_standardised_effects_do_not_depend_on_the_unit(m1, s1, m0, s0, n, r, k):
    for function in (es.hedges_g_paired, lambda a, b, c, d, e, f: es.hedges_g(a, b, e, c, d, e)):
        one, scaled = function(m1, s1, m0, s0, n, r), function(k * m1, k * s1, k * m0, k * s0, n, r)
        assert scaled.effect[0] == pytest.approx(one.effect[0], abs=1e-9)
        assert scaled.variance[0] == pytest.approx(one.variance[0])
    points = es.mean_difference(k * m1, k * s1, n, k * m0, k * s0, n, r=r)
    unit = es.mean_difference(m1, s1, n, m0, s0, n, r=r)
    assert points.variance[0] == pytest.approx(k**2 * unit.variance[0])


@given(means, spreads, means, spreads, sizes)
def test_uncorrelated_pairs_have_the_variance_of_separate_groups(m1, s1, m0, s0, n):
    paired = es.mean_difference(m1, s1, n, m0, s0, n, r=0.0)
    assert paired.variance[0] == pytest.approx(es.mean_difference(m1, s1, n, m0, s0, n).variance[0])
