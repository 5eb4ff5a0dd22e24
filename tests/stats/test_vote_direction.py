"""Votes on direction and albatross contours against R."""

import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from mnstudy.stats.meta import directions
from mnstudy.stats.meta.directions import contour_n, direction_share

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "vote_direction.json").read_text()
)
CASES = REFERENCE["cases"]

counts = st.integers(0, 60)
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])
ps = st.floats(1e-6, 1 - 1e-6)
measures = st.sampled_from(["two groups", "one group", "correlation"])


def test_reference_grid_is_complete():
    assert Counter(case["func"] for case in CASES) == {
        "direction_share": 32,
        "contour_n": 42,
    }


def by_name(case):
    return "-".join(map(str, [case["func"], case["inputs"], *case["options"].values()]))


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_r(case):
    found = getattr(directions, case["func"])(*case["inputs"], **case["options"])
    for name, value in case["expected"].items():
        mine = found.item() if name == "n" else getattr(found, name)
        # a p close to 1 is stored to 1e-16 of 1, which its quantile feels
        assert mine == pytest.approx(value, rel=1e-8, abs=1e-15), name


# the share and the sign test


@given(counts, counts, levels)
def test_swapped_directions_mirror_the_share(favouring, against, level):
    assume(favouring + against)
    one = direction_share(favouring, against, confidence_level=level)
    other = direction_share(against, favouring, confidence_level=level)
    assert one.estimate == pytest.approx(1 - other.estimate)
    assert one.ci_low == pytest.approx(1 - other.ci_high, abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value)


@given(counts, counts, levels)
def test_one_half_lies_outside_the_exact_limits_when_p_is_small(favouring, against, level):
    found = direction_share(favouring, against, confidence_level=level)
    outside = not found.ci_low <= 0.5 <= found.ci_high
    assert outside == (found.p_value < 1 - level)


@given(counts, counts, counts, counts)
def test_studies_without_a_direction_change_nothing(favouring, against, none, mixed):
    bare = direction_share(favouring, against)
    found = direction_share(favouring, against, no_difference=none, mixed=mixed)
    assert (found.ci_low, found.ci_high, found.p_value) == (bare.ci_low, bare.ci_high, bare.p_value)
    assert (found.k, found.no_difference, found.mixed) == (favouring + against, none, mixed)


def test_how_many_of_one_mind_are_enough():
    assert [k for k in range(9) if direction_share(k, 0).can_differ] == [6, 7, 8]
    assert direction_share(6, 0).ci_low > 0.5 >= direction_share(5, 0).ci_low
    assert direction_share(3, 1, confidence_level=0.8).can_differ


def test_no_direction_at_all():
    found = direction_share(0, 0, no_difference=3)
    assert math.isnan(found.estimate)
    assert (found.ci_low, found.ci_high, found.p_value) == (0, 1, 1)
    assert "no study has a direction" in repr(found)
    assert found.to_frame()["no_difference"].item() == 3


# contours


@given(ps, st.floats(0.05, 0.9), measures)
def test_wings_mirror_each_other(p, effect, measure):
    assume(abs(p - 0.5) > 1e-3)
    one, other = contour_n(p, effect, measure=measure), contour_n(1 - p, -effect, measure=measure)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert np.isnan(contour_n(1 - p, effect, measure=measure)) == (p < 0.5)


@given(st.floats(1e-6, 0.4), st.floats(0.05, 0.8), measures)
def test_smaller_p_and_smaller_effects_need_more_people(p, effect, measure):
    base = contour_n(p, effect, measure=measure)
    assert contour_n(p / 2, effect, measure=measure) > base
    assert contour_n(p, effect / 2, measure=measure) > base


@given(st.floats(1e-6, 0.4), st.floats(0.1, 2))
def test_the_same_people_twice_need_a_quarter(p, effect):
    ratio = contour_n(p, effect) / contour_n(p, effect, measure="one group")
    assert ratio == pytest.approx((8 + effect**2) / (2 + effect**2))


@pytest.mark.parametrize("effect", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("p", [0.001, 0.01, 0.05])
def test_contours_are_close_to_the_t_test(effect, p):
    """The p of a t-test on this d with the contour's n comes back, within a tenth of its size."""
    n = contour_n(p, effect).item()
    assert stats.t.sf(effect * math.sqrt(n) / 2, n - 2) == pytest.approx(p, rel=0.1)
    n = contour_n(p, effect, measure="one group").item()
    assert stats.t.sf(effect * math.sqrt(n), n - 1) == pytest.approx(p, rel=0.25)


ERRORS = [
    (lambda: direction_share(-1, 3), "favouring must be 0 or more studies, not -1"),
    (lambda: direction_share(2, 2.5), "against must be a whole number, not 2.5"),
    (lambda: direction_share(2, 2, confidence_level=95), "confidence_level must lie between"),
    (lambda: direction_share(2, 2, method="jeffreys"), "method must be one of 'clopper-pearson'"),
    (lambda: contour_n(0.1, 0), "effect must be a number other than 0, not 0"),
    (lambda: contour_n([0.1, 1], 0.5), "p_one_sided must lie between 0 and 1, not 1"),
    (lambda: contour_n(0.1, 1.2, measure="correlation"), "a correlation lies between -1 and 1"),
    (lambda: contour_n(0.1, 1.2, measure="odds"), "measure must be one of 'two groups'"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()
