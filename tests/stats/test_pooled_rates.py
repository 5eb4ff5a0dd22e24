"""Rates pooled by their counts: against R, and what must hold of any pooled rate."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy import stats as ours
from mnstudy.stats import pool_rates, proportion

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "pooled_rates.json").read_text("utf-8")
)
CASES = REFERENCE["cases"]
# A maximum of a likelihood is known to the square root of its rounding, a limit better.
RTOL = 2e-6

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
studies = st.lists(counts, min_size=2, max_size=6)
quick = settings(max_examples=25, deadline=None)


def columns(pairs):
    return [e for e, _ in pairs], [n for _, n in pairs]


def log_likelihood(events, n, mean, rho):
    """Beta-binomial by scipy, the binomial at rho = 0."""
    if rho == 0.0:
        return stats.binom.logpmf(events, n, mean).sum()
    a, b = mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho
    return stats.betabinom.logpmf(events, n, a, b).sum()


def test_reference_grid_is_complete():
    data = {"pigment", "four", "frequent", "large", "torn", "alike", "none", "all"}
    assert {(c["data"], c["confidence_level"]) for c in CASES} == {
        (name, level) for name in data for level in (0.95, 0.9)
    }
    assert {c["data"] for c in CASES if "vglm" in c} == {"pigment", "four", "frequent", "large"}
    assert REFERENCE["packages"].keys() == {"VGAM"}
    assert "pool_rates" in ours.__all__


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['data']}-{c['confidence_level']}")
def test_agrees_with_r(case):
    found = pool_rates(case["events"], case["n"], confidence_level=case["confidence_level"])
    for name, value in {**case["expected"], **case.get("vglm", {})}.items():
        np.testing.assert_allclose(getattr(found, name), value, RTOL, 1e-8, err_msg=name)


def test_limits_are_where_the_profile_has_fallen_by_half_the_quantile():
    events, n = [0, 0, 2, 5, 0, 7, 1], [39, 25, 30, 36, 32, 32, 39]
    found = pool_rates(events, n)
    top = log_likelihood(events, n, found.estimate, found.rho)
    rhos, means = np.linspace(0, 1 / 3, 2001), np.geomspace(1e-3, 0.5, 2001)
    for mean in (found.ci_low, found.ci_high):
        best = max(log_likelihood(events, n, mean, rho) for rho in rhos)
        assert top - best == pytest.approx(stats.chi2.ppf(0.95, 1) / 2, abs=1e-4)
    best = max(log_likelihood(events, n, mean, found.rho_ci_low) for mean in means)
    assert top - best == pytest.approx(stats.chi2.ppf(0.95, 1) / 2, abs=1e-4)


def test_one_study_has_its_exact_limits():
    found, alone = pool_rates([3], [40]), proportion(3, 40)
    assert (found.estimate, found.ci_low, found.ci_high) == (0.075, alone.ci_low, alone.ci_high)
    assert (found.exact_low, found.exact_high) == (alone.ci_low, alone.ci_high)
    assert all(math.isnan(x) for x in (found.rho, found.rho_ci_low, found.rho_ci_high))
    assert found.notes == ("one study: nothing is pooled",)
    assert found.description == "one study, exact limits (Clopper-Pearson)"


@pytest.mark.parametrize("everyone", [False, True])
def test_studies_without_any_contrast_have_the_exact_limits_beside(everyone):
    n = [40, 25]
    found = pool_rates(n if everyone else [0, 0], n)
    alone = proportion(65 if everyone else 0, 65)
    assert (found.exact_low, found.exact_high) == (alone.ci_low, alone.ci_high)
    assert found.estimate == float(everyone)
    assert (found.rho_ci_low, found.rho_ci_high) == (0.0, 1 / 3)
    # Rates that may differ by study bound the mean less than people who are all alike.
    wide = found.ci_high - found.ci_low
    assert wide > alone.ci_high - alone.ci_low
    assert f"{alone.ci_low:.4g} to {alone.ci_high:.4g}" in found.notes[0]


def test_some_events_leave_no_exact_limits_and_rho_at_its_end_is_said():
    found = pool_rates([10, 0, 9], [10, 10, 10])
    assert math.isnan(found.exact_low)
    assert math.isnan(found.exact_high)
    assert (found.rho, found.rho_ci_high) == (1 / 3, 1 / 3)
    assert found.notes == ("rho is held at its highest value, 1/3",)
    assert pool_rates([4, 4, 5], [40, 40, 50]).notes == ()


def test_studies_of_one_person_say_nothing_of_rho():
    found = pool_rates([1, 0, 1, 1], 1)
    assert (found.rho, found.rho_ci_low, found.rho_ci_high) == (0.0, 0.0, 1 / 3)
    assert found.estimate == pytest.approx(0.75, rel=1e-7)


def test_result_prints_estimate_and_interval_first():
    found = pool_rates([3, 0, 1, 0], [40, 25, 60, 18])
    assert repr(found).startswith(f"{found.estimate:.4g} (95 % CI {found.ci_low:.4g} to ")
    assert repr(found).endswith("beta-binomial, profile-likelihood limits")
    assert found.to_frame()[["events", "n", "k"]].to_numpy().tolist() == [[4, 143, 4]]


@quick
@given(studies, st.randoms(use_true_random=False))
def test_order_of_studies_does_not_matter(pairs, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    one, other = pool_rates(*columns(pairs)), pool_rates(*columns(mixed))
    for name in ("estimate", "ci_low", "ci_high", "rho", "rho_ci_low", "rho_ci_high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-6)


@quick
@given(studies)
def test_counting_the_others_mirrors_the_result(pairs):
    e, n = columns(pairs)
    one, other = pool_rates(e, n), pool_rates([b - a for a, b in pairs], n)
    assert other.estimate == pytest.approx(1 - one.estimate, abs=1e-6)
    assert other.ci_low == pytest.approx(1 - one.ci_high, abs=1e-6)
    assert other.ci_high == pytest.approx(1 - one.ci_low, abs=1e-6)
    assert other.rho == pytest.approx(one.rho, abs=1e-6)


@quick
@given(studies)
def test_intervals_nest_and_stay_between_0_and_1(pairs):
    wide, narrow = (pool_rates(*columns(pairs), confidence_level=c) for c in (0.99, 0.8))
    assert 0 <= wide.ci_low <= narrow.ci_low <= narrow.estimate <= narrow.ci_high <= wide.ci_high
    assert wide.ci_high <= 1
    assert wide.ci_high - wide.ci_low > narrow.ci_high - narrow.ci_low
    assert 0 <= wide.rho_ci_low <= narrow.rho <= wide.rho_ci_high <= 1 / 3
    shares = np.array([e / n for e, n in pairs])
    assert shares.min() - 1e-6 <= narrow.estimate <= shares.max() + 1e-6


@quick
@given(st.integers(0, 20), st.integers(20, 40), st.integers(2, 6))
def test_equal_studies_are_as_one_binomial(events, n, k):
    found = pool_rates([events] * k, [n] * k)
    assert found.estimate == pytest.approx(events / n, abs=1e-6)
    assert found.rho == 0.0


ERRORS = [
    (
        lambda: pool_rates([1, 50], [40, 40]),
        "events must be from 0 to n; it is 50 in study 2 of 2",
    ),
    (lambda: pool_rates([1, -1], [40, 40]), "events must be from 0 to n; it is -1 in study 2 of 2"),
    (lambda: pool_rates([1.5, 1], 40), "events must be a whole number; it is 1.5 in study 1 of 2"),
    (lambda: pool_rates([1, 1], [4, 4.5]), "n must be a whole number; it is 4.5 in study 2 of 2"),
    (lambda: pool_rates([0, 0], [40, 0]), "n must be above 0; it is 0 in study 2 of 2"),
    (lambda: pool_rates([1, 2, 3], [40, 40]), "inputs differ in length"),
    (lambda: pool_rates([1, np.nan], 40), "events must be a number in every study"),
    (lambda: pool_rates([], []), "events must be one number, or a list"),
    (lambda: pool_rates([1], [40], confidence_level=95), "confidence_level must lie between 0 and"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()
