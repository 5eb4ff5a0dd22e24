"""Reliability against R (psych, anova), published tables, and what must hold of any."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from mnstudy import stats as ours
from mnstudy.stats.measurement.reliability import (
    icc,
    measurement_error,
    smallest_detectable_change,
)

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "reliability.json").read_text())
CASES = REFERENCE["cases"]

# Closed forms on both sides: only rounding differs.
RTOL = 1e-9
LEVELS = (0.95, 0.8)
FORMS = ("2,1", "3,1")


def by_name(case):
    return "-".join(map(str, [case["func"], len(case["data"]), *case["options"].values()]))


def options_of(func):
    return [tuple(case["options"].values()) for case in CASES if case["func"] == func]


def test_reference_grid_is_complete():
    for func in ("icc", "measurement_error"):
        assert set(options_of(func)) == set(itertools.product(FORMS, LEVELS))
        assert len(options_of(func)) == 6 * 4
    assert REFERENCE["packages"].keys() == {"psych"}


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_r(case):
    data = case["data"]
    given_data = (data,) if isinstance(data, list) else tuple(data.values())
    found = getattr(ours, case["func"])(*given_data, **case["options"])
    for name, value in case["expected"].items():
        assert getattr(found, name) == pytest.approx(value, rel=RTOL, abs=1e-12), name


JUDGED = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_shrout_and_fleiss_table_4():
    # Shrout & Fleiss (1979), table 4: ICC(2,1) = .29, ICC(3,1) = .71.
    assert round(icc(JUDGED).estimate, 2) == 0.29
    assert round(icc(JUDGED, form="3,1").estimate, 2) == 0.71


def test_interval_is_the_f_test_turned_round():
    # At the lower limit rho0 of (3,1) the F test of rho <= rho0 has p = 0.025.
    found = icc(JUDGED, form="3,1")
    n, k = 6, 4
    ratio = (1 + (k - 1) * found.estimate) / (1 - found.estimate)
    for bound, p in ((found.ci_low, 0.025), (found.ci_high, 0.975)):
        f = ratio * (1 - bound) / (1 + (k - 1) * bound)
        assert stats.f.sf(f, n - 1, (n - 1) * (k - 1)) == pytest.approx(p)


def test_incomplete_subjects_are_left_out_and_counted():
    holes = [*JUDGED, [1, np.nan, 2, 3], [np.nan] * 4]
    found = icc(holes)
    assert (found.n_subjects, found.n_raters, found.n_missing) == (6, 4, 2)
    assert found.estimate == icc(JUDGED).estimate
    assert measurement_error(holes).n_missing == 2


def test_raters_who_never_differ():
    same = [[3.3, 3.3, 3.3], [5.1, 5.1, 5.1], [1.7, 1.7, 1.7]]
    for form in FORMS:
        found = icc(same, form=form)
        assert (found.estimate, found.ci_low, found.ci_high) == (1, 1, 1)
        assert found.notes == ("raters never differ: the interval has no width",)
        assert measurement_error(same, form=form).sdc == 0


def test_a_rater_who_is_stricter_costs_agreement_only():
    rng = np.random.default_rng(2)
    base = rng.normal(0, 10, (20, 1)) + rng.normal(0, 2, (20, 2))
    strict = base + np.array([0, 30])
    assert icc(strict, form="3,1").estimate == pytest.approx(icc(base, form="3,1").estimate)
    assert icc(strict).estimate < 0.5 * icc(base).estimate
    assert measurement_error(strict).estimate > 5 * measurement_error(base).estimate


def test_sem_is_the_error_that_was_put_in():
    rng = np.random.default_rng(5)
    ratings = rng.normal(50, 15, (20_000, 1)) + rng.normal(0, 4, (20_000, 2))
    found = measurement_error(ratings)
    assert found.estimate == pytest.approx(4, rel=0.02)
    assert icc(ratings).estimate == pytest.approx(15**2 / (15**2 + 4**2), rel=0.01)
    # Nobody changed: 5 % exceed the 95 % limit, half of them as apparently better.
    better = ratings[:, 1] - ratings[:, 0] > found.sdc
    assert better.mean() == pytest.approx(0.025, abs=0.004)


def test_sdc_is_that_of_the_textbook():
    assert smallest_detectable_change(1.0) == pytest.approx(1.959963984540054 * np.sqrt(2))
    with pytest.raises(ValueError, match="sem must be a number from 0 up, not -1"):
        smallest_detectable_change(-1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: icc([1, 2, 3]), "ratings must be a table of subjects by at least two raters"),
        (lambda: icc([[1], [2]]), "not of shape (2, 1)"),
        (lambda: icc([[1, 2], [np.nan, 2]]), "1 of 2 subjects are rated by all"),
        (lambda: icc([[2, 2], [2, 2]]), "all ratings are equal"),
        (lambda: icc([[1, 2], [1, 2]]), "subjects do not differ at all"),
        (lambda: icc([[1, np.inf], [1, 2]]), "ratings hold infinite values"),
        (lambda: icc(JUDGED, form="1,1"), "form must be one of '2,1', '3,1', not '1,1'"),
        (lambda: measurement_error(JUDGED, form=2), "form must be one of"),
        (lambda: icc(JUDGED, confidence_level=1), "confidence_level must lie between 0 and 1"),
    ],
)
def test_refusals_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


tables = st.lists(
    st.lists(st.integers(0, 40).map(lambda v: v / 4), min_size=3, max_size=3),
    min_size=3,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(tables, st.floats(0.01, 100), st.floats(-50, 50))
def test_unit_order_of_raters_and_subjects_change_nothing(ratings, scale, shift):
    table = np.array(ratings)
    assume(np.ptp(table.mean(axis=1)) > 0.1)
    for form in FORMS:
        found = icc(table, form=form)
        moved = icc((scale * table + shift)[::-1, [2, 0, 1]], form=form)
        for name in ("estimate", "ci_low", "ci_high"):
            assert getattr(moved, name) == pytest.approx(getattr(found, name), rel=1e-6, abs=1e-8)
        if form == "2,1" and found.estimate < 0:
            assert found.notes[0].startswith("negative estimate: the approximate interval fails")
            continue
        assert found.ci_low <= found.estimate + 1e-12
        assert found.estimate <= found.ci_high + 1e-12
        wide = icc(table, form=form, confidence_level=0.99)
        assert wide.ci_low <= found.ci_low + 1e-12
        assert measurement_error(scale * table + shift, form=form).estimate == pytest.approx(
            scale * measurement_error(table, form=form).estimate, rel=1e-6, abs=1e-6
        )


def test_printing_starts_with_the_estimate():
    assert repr(icc(JUDGED)).startswith("ICC(2,1) 0.2898 (95 % CI")
    assert repr(measurement_error(JUDGED)).startswith("SEM 2.503, smallest detectable change")
    assert icc(JUDGED).to_frame()["n_raters"].tolist() == [4]
