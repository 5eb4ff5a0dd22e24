"""Holm p-values and simultaneous levels against R and statsmodels."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from mnstudy.stats.multiplicity import bonferroni_level, holm

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "multiplicity.json").read_text())

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_reference_grid_is_complete():
    assert [len(case["p_values"]) for case in REFERENCE["cases"]] == [1, 4, 5, 7]


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: str(len(case["p_values"])))
def test_holm_agrees_with_r(case):
    np.testing.assert_allclose(holm(case["p_values"]), case["expected"], rtol=1e-12)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: str(len(case["p_values"])))
def test_holm_agrees_with_statsmodels(case):
    p = case["p_values"]
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


@given(families)
def test_holm_never_lowers_and_never_exceeds_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()


@given(families, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    np.testing.assert_allclose(holm(np.array(p)[order]), holm(p)[order])


@given(st.floats(0.5, 0.999), st.integers(1, 60))
def test_levels_rise_with_the_family(level, m):
    bonferroni = bonferroni_level(level, m)
    assert level <= bonferroni + 1e-12
    assert 1 - m * (1 - bonferroni) == pytest.approx(level)


def test_level_of_one_is_the_level_itself():
    assert bonferroni_level(0.95, 1) == pytest.approx(0.95)


ERRORS = [
    (lambda: holm([0.1, np.nan]), "p_values must lie from 0 to 1; number 2 is nan"),
    (lambda: holm([0.1, 1.2]), "p_values must lie from 0 to 1; number 2 is 1.2"),
    (lambda: holm([]), "p_values must be a list of at least one p-value"),
    (lambda: holm([[0.1]]), "p_values must be a list of at least one p-value"),
    (lambda: bonferroni_level(95, 3), "confidence_level must lie between 0 and 1"),
    (lambda: bonferroni_level(0.95, 0), "m must be a whole number of comparisons, at least 1, not"),
    (lambda: bonferroni_level(0.95, 2.5), "m must be a whole number of comparisons, at least 1"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()
