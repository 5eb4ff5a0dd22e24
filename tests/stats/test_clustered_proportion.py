"""Korn and Graubard's limits of a share of rows: survey's numbers, caps, simulated shares."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats import clustered_proportion, proportion

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "clustered_proportion.json").read_text()
)
LIMITS = [(case, limits) for case in REFERENCE["cases"] for limits in case["limits"]]
ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=30)


@pytest.mark.parametrize(("case", "limits"), LIMITS)
def test_agrees_with_survey(case, limits):
    level = limits["confidence_level"]
    found = clustered_proportion(case["event"], case["patient"], confidence_level=level)
    assert found.n_patients < found.n_effective < found.n or found.n_patients >= 15
    for key in ("estimate", "ci_low", "ci_high"):
        assert getattr(found, key) == pytest.approx(limits[key], rel=1e-10)


def test_no_event_and_nothing_but_events_count_patients():
    patients = np.repeat(np.arange(7), 3)
    for share in (0, 1):
        found, known = clustered_proportion([share] * 21, patients), proportion(7 * share, 7)
        assert (found.n_effective, found.n) == (7.0, 21)
        assert (found.ci_low, found.ci_high) == pytest.approx((known.ci_low, known.ci_high))


def test_patients_limit_the_size_where_few_have_or_lack_the_event():
    patients = np.repeat(np.arange(10), 2)
    # Four patients with one event each: the variance alone would allow more than 10 rows.
    few = np.isin(np.arange(20), (0, 2, 4, 6))
    for events in (few, ~few):
        assert clustered_proportion(events, patients).n_effective == 10.0
    five = np.isin(np.arange(20), (0, 2, 4, 6, 8))
    assert clustered_proportion(five, patients).n_effective > 10.0


def test_rows_limit_the_size_where_patients_agree():
    found = clustered_proportion([1, 0] * 8, np.repeat(np.arange(8), 2))
    assert found.n_effective == 16.0
    assert found.ci_low == pytest.approx(proportion(8, 16).ci_low)


def test_a_single_patient_counts_once():
    assert clustered_proportion([1, 0, 1], ["a"] * 3).n_effective == 1.0


def test_two_patients_say_no_less_than_one():
    found = clustered_proportion([1, 1, 1, 0, 0, 0], list("aaabbb"))
    assert found.n_effective == 1.0
    known = stats.beta.ppf([0.025, 0.975], [0.5, 1.5], [1.5, 0.5])
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(known))


@pytest.mark.parametrize("sizes", [(1, 1), (5, 1), (10, 1), (4, 4, 1), (3, 3, 3)])
def test_few_patients_whose_rows_agree_seldom_miss_the_share(sizes):
    """Every outcome of patients whose rows are all alike, at every share."""
    patients, shares = np.repeat(np.arange(len(sizes)), sizes), np.linspace(0.001, 0.999, 999)
    above = below = 0.0
    for outcome in product((0, 1), repeat=len(sizes)):
        found = clustered_proportion(np.array(outcome)[patients], patients)
        chance = shares ** sum(outcome) * (1.0 - shares) ** (len(sizes) - sum(outcome))
        below, above = (
            below + chance * (found.ci_high < shares),
            above + chance * (found.ci_low > shares),
        )
    assert max(above.max(), below.max()) <= 0.025


@settings(max_examples=50, deadline=None)
@given(ROWS, st.floats(0.5, 0.99), st.randoms())
def test_mirrored_shares_order_and_the_ends_of_the_interval(rows, level, random):
    events, patients = map(list, zip(*rows, strict=True))
    found = clustered_proportion(events, patients, confidence_level=level)
    mirrored = clustered_proportion([not e for e in events], patients, confidence_level=level)
    assert found.ci_low == pytest.approx(1.0 - mirrored.ci_high, abs=1e-9)
    assert 0.0 <= found.ci_low <= found.estimate <= found.ci_high <= 1.0
    random.shuffle(rows)
    again = clustered_proportion(*zip(*rows, strict=True), confidence_level=level)
    assert (again.ci_low, again.ci_high) == pytest.approx((found.ci_low, found.ci_high))
    # an upper end next to 1 has lost digits that the lower end of the mirrored share still has,
    # and one below the smallest number has none
    ends = [(found, found.ci_low), (mirrored, mirrored.ci_low), (found, found.ci_high)]
    for share, end in ends:
        if 1e-300 < end < 1.0 - 1e-6:
            assert share.p_against(end) == pytest.approx(1.0 - level, rel=1e-6)


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("patients", [5, 8, 12, 20])
def test_a_share_at_the_margin_is_seldom_called_above_it(patients, alike):
    """One to four sessions a patient; ``alike`` is the correlation within patients."""
    rng, trials, above = np.random.default_rng(patients), 1_000, 0
    for _ in range(trials):
        patient = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
        own = rng.random(len(patient)) < alike**0.5
        shared = rng.random(patients)[patient] < 0.5
        events = np.where(own, shared, rng.random(len(patient)) < 0.5)
        above += clustered_proportion(events, patient).ci_low >= 0.5
    # Three Monte-Carlo errors above 2.5 %.
    assert above / trials <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / trials)


@pytest.mark.parametrize(
    ("events", "patients", "message"),
    [
        ([], [], "at least one row"),
        ([1, 0], ["a"], "one entry per row"),
        ([1, np.nan], ["a", "b"], "true/false or 1/0"),
        ([1, 2], ["a", "b"], "true/false or 1/0"),
        ([1, 0], ["a", None], "missing label"),
        (pd.Series([1, 0]), pd.Series(["a", "b"], index=[1, 0]), "different indexes"),
    ],
)
def test_errors_say_what_to_do(events, patients, message):
    with pytest.raises(ValueError, match=message):
        clustered_proportion(events, patients)


def test_it_prints_rows_patients_and_the_effective_size():
    found = clustered_proportion([1, 1, 0, 1, 1, 0, 1, 1], list("aabbccdd"))
    assert "6 of 8 rows of 4 patients, as many as 4 independent rows" in repr(found)
    with pytest.raises(ValueError, match="rate must lie between 0 and 1"):
        found.p_against(1.5)


def test_few_with_the_event_count_for_what_patients_are_worth_whose_rows_are_alike():
    patients = np.repeat(np.arange(4), [20, 3, 2, 1])
    events = np.arange(26) % 2 == 0
    found = clustered_proportion(events, patients)
    assert found.n_effective == pytest.approx(26**2 / (20**2 + 3**2 + 2**2 + 1))
    alike = clustered_proportion([1, 0] * 4, np.repeat(np.arange(4), 2))
    assert alike.n_effective <= 4.0


@pytest.mark.parametrize("sizes", [[100, 1, 1], [20, 3, 3, 2, 2, 1, 1, 1]])
def test_limits_hold_where_one_patient_has_most_of_the_rows(sizes):
    rng, patients, beyond = np.random.default_rng(6), np.repeat(np.arange(len(sizes)), sizes), 0
    for _ in range(400):
        chance = rng.beta(0.1, 0.4, len(sizes))[patients]  # 20 percent, patients nearly all or none
        found = clustered_proportion(rng.random(len(patients)) < chance, patients)
        beyond += found.ci_low > 0.2
    assert beyond / 400 <= 0.025
