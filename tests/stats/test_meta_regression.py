"""Meta-regression against metafor, against pooling, and what must hold of any slope."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstudy.stats.meta.meta_regression import regress_effects
from mnstudy.stats.meta.pooling import pool

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/meta_regression.json").read_text())
CASES = REFERENCE["cases"]
RTOL = 1e-8  # metafor iterates to 1e-13 in the script; 1e-6 is the promise

study = st.tuples(
    st.integers(-300, 300).map(lambda x: x / 100), st.floats(0.01, 2), st.integers(1, 60)
)
studies = st.lists(study, min_size=5, max_size=12, unique_by=(lambda s: s[0], lambda s: s[2]))


def fitted(case, **options):
    return regress_effects(
        case["effects"],
        case["variances"],
        np.array(case["moderators"], dtype=float),
        names=case["names"],
        knapp_hartung=case["knapp_hartung"],
        confidence_level=case["confidence_level"],
        **options,
    )


def test_reference_grid_is_complete():
    found = {(c["data"], c["knapp_hartung"], c["confidence_level"]) for c in CASES}
    names = {"latitude", "latitude_year", "sessions", "no_scatter", "points", "twenty"}
    wanted = {(n, kh, 0.95) for n in names for kh in (True, "adhoc", False)}
    wanted |= {("latitude", kh, 0.9) for kh in (True, "adhoc", False)}
    assert found == wanted
    assert any(c["expected"]["tau2"] == 0 for c in CASES)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c['data']}-{c['knapp_hartung']}-{c['confidence_level']}"
)
def test_agrees_with_metafor(case):
    found = fitted(case)
    for name, value in case["expected"].items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=RTOL, atol=1e-10, err_msg=name)
    if found.tau2_total > 0:
        np.testing.assert_allclose(found.r2, case["r2"], rtol=RTOL)
    else:
        assert np.isnan(found.r2)
    predicted = found.predict(np.array(case["new"], dtype=float))
    for name, value in case["predicted"].items():
        np.testing.assert_allclose(predicted[name], value, rtol=RTOL, atol=1e-10, err_msg=name)


def test_latitude_and_the_bcg_vaccine_as_published():
    # Viechtbauer (2010), doi 10.18637/jss.v036.i03: moderators latitude and year.
    case = next(c for c in CASES if c["data"] == "latitude_year" and c["knapp_hartung"] is False)
    found = fitted(case)
    # four digits are printed, of an iteration that stops at 1e-5
    np.testing.assert_allclose(found.estimates, [-3.5455, -0.0280, 0.0019], atol=2e-4)
    assert found.tau2 == pytest.approx(0.1108, abs=2e-4)
    assert round(found.q, 4) == 28.3251


@settings(deadline=None)
@given(studies, st.sampled_from([True, False, "adhoc"]))
def test_with_an_intercept_only_it_is_pooling(rows, adjusted):
    y, v, _ = map(np.array, zip(*rows, strict=True))
    alone = regress_effects(y, v, np.empty((len(y), 0)), knapp_hartung=adjusted)
    pooled = pool(y, v, knapp_hartung=adjusted)
    for name in ("estimates", "std_errors", "ci_low", "ci_high"):
        np.testing.assert_allclose(
            getattr(alone, name)[0], getattr(pooled, name.removesuffix("s")), rtol=1e-6, atol=1e-8
        )
    np.testing.assert_allclose(alone.tau2, pooled.tau2, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(alone.i2, pooled.i2, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(alone.q, pooled.q, rtol=1e-8)
    one = alone.predict(np.empty((1, 0)))
    np.testing.assert_allclose(one["prediction_high"], pooled.prediction_high, rtol=1e-6, atol=1e-8)


@settings(deadline=None)
@given(studies, st.floats(0.5, 20), st.floats(-50, 50))
def test_the_unit_and_the_zero_of_a_moderator_are_nothing(rows, scale, shift):
    y, v, x = map(np.array, zip(*rows, strict=True))
    one, two = regress_effects(y, v, x), regress_effects(y, v, x * scale + shift)
    np.testing.assert_allclose(two.estimates[1] * scale, one.estimates[1], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(two.p_values[1], one.p_values[1], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(two.f, one.f, rtol=1e-4, atol=1e-9)
    assert two.p_values[1] == pytest.approx(two.f_p_value, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(studies)
def test_adhoc_is_never_narrower_than_either(rows):
    y, v, x = map(np.array, zip(*rows, strict=True))
    wide, kh, wald = (regress_effects(y, v, x, knapp_hartung=h) for h in ("adhoc", True, False))
    assert wide.std_errors[1] >= max(kh.std_errors[1], wald.std_errors[1]) * (1 - 1e-9)


def test_a_line_without_scatter_is_found():
    x = np.array([1.0, 2, 3, 4, 6])
    found = regress_effects(2 + 3 * x, np.full(5, 0.1), x, knapp_hartung="adhoc")
    assert found.estimates == pytest.approx((2, 3))
    assert found.tau2 == 0
    assert found.r2 == 100
    assert "below 1: set to 1 (adhoc)" in repr(found)


def test_a_table_names_its_moderators():
    case = CASES[0]
    table = pd.DataFrame({"depth": np.ravel(case["moderators"])})
    found = regress_effects(case["effects"], case["variances"], table)
    assert found.names == ("intercept", "depth")
    assert found.to_frame()["name"].tolist() == ["intercept", "depth"]
    assert "depth -0.0291" in repr(found)


@pytest.mark.parametrize(
    ("moderators", "words"),
    [
        ([[1, 2]] * 4, r"4 studies are too few for 3 coefficients: .* at least 5 studies"),
        ([2, 2, 2, 2], "x1 is the same in all studies: leave it out"),
        ([1, 2, 3], "moderators have 3 rows for 4 studies"),
        ([1, 2, np.nan, 4], "x1 must be a number in every study"),
        ([[[1]]], "a row per study"),
    ],
)
def test_refusals_say_what_to_do(moderators, words):
    with pytest.raises(ValueError, match=words):
        regress_effects([0.1, 0.4, 0.2, 0.6], [0.1] * 4, moderators)


def test_moderators_that_cannot_be_told_apart_are_refused():
    x = np.array([1.0, 2, 3, 4, 6, 7])
    with pytest.raises(ValueError, match=r"one of a, b is a combination .* leave one of them out"):
        regress_effects(x, np.ones(6), np.column_stack([x, 5 - 2 * x]), names=["a", "b"])
    with pytest.raises(ValueError, match="1 names for 2 moderators"):
        regress_effects(x, np.ones(6), np.column_stack([x, x**2]), names=["a"])
    with pytest.raises(ValueError, match="knapp_hartung must be one of"):
        regress_effects(x, np.ones(6), x, knapp_hartung="yes")
    with pytest.raises(ValueError, match="give 1 moderators per row, not 2"):
        regress_effects(x**2, np.ones(6), x).predict([[1, 2]])


def test_a_moderator_in_words_is_named_with_the_remedy():
    moderators = pd.DataFrame({"year": [1, 2, 3, 4], "arm": list("xyxy")})
    with pytest.raises(ValueError, match="'arm' holds text: code its two groups 0 and 1"):
        regress_effects([0.1, 0.2, 0.5, 0.9], [0.04] * 4, moderators)
