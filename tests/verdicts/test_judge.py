"""From interval and margin to a verdict, with what the design allows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.verdicts.claims.registry import RULES
from mnstudy.verdicts.finding.finding import VERDICTS, Estimate, Hold
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import as_given, note


def interval(low, high):
    value = low if math.isinf(high) else (low + high) / 2
    return Estimate(
        value=value,
        ci_low=low,
        ci_high=high,
        confidence_level=0.95,
        unit="points",
        how=as_given("test"),
    )


@pytest.mark.parametrize(
    ("low", "high", "rule", "margin", "word"),
    [
        (11, 20, "superiority", 10, "supported"),
        (10, 20, "superiority", 10, "supported"),
        (2, 20, "superiority", 10, "partly supported"),
        (-2, 20, "superiority", 10, "inconclusive"),
        (-2, 9, "superiority", 10, "too small to matter"),
        (1, 9, "superiority", 10, "too small to matter"),
        (-10, 9, "superiority", 10, "contradicted"),
        (-12, 9, "superiority", 10, "contradicted"),
        (-0.5, 9, "superiority", 0, "inconclusive"),
        (-9, -1, "superiority", 10, "contradicted"),
        (0, 4, "superiority", 0, "inconclusive"),
        (0.1, 4, "superiority", 0, "supported"),
        (6, 9, "difference", 5, "supported"),
        (-9, -6, "difference", 5, "supported"),
        (-9, -2, "difference", 5, "partly supported"),
        (-4, -1, "difference", 5, "too small to matter"),
        (-4, 3, "difference", 5, "too small to matter"),
        (-6, 4, "difference", 5, "inconclusive"),
        (-4, 3, "noninferiority", -5, "supported"),
        (-7, 3, "noninferiority", -5, "inconclusive"),
        (-9, -6, "noninferiority", -5, "contradicted"),
        (0, 0.9, "below", 1, "supported"),
        (0, 1.5, "below", 1, "inconclusive"),
        (1.2, 4, "below", 1, "contradicted"),
        (55, 70, "above", 50, "supported"),
        (45, 70, "above", 50, "inconclusive"),
        (30, 45, "above", 50, "contradicted"),
        (-math.inf, math.inf, "superiority", 10, "inconclusive"),
    ],
)
def test_verdicts(low, high, rule, margin, word):
    assert (
        judge(interval(low, high), rule=rule, margin=margin, comparison="randomised").word == word
    )


@pytest.mark.parametrize("comparison", ["uncontrolled", "observational", "within"])
@pytest.mark.parametrize("rule", RULES)
def test_a_comparison_that_shows_no_cause_neither_supports_nor_contradicts(comparison, rule):
    ends = [(0.2, 0.3), (-0.3, -0.2), (0.01, 0.05), (0.01, 0.3), (-0.05, 0.02)]
    found = [judge(interval(*x), rule=rule, margin=0.1, comparison=comparison) for x in ends]
    assert {v.word for v in found} <= {"partly supported", "inconclusive"}
    caps = [v for v in found if v.word == "partly supported"]
    assert all("cause is not shown" in v.reason and v.lacking[-1] == "cause" for v in caps)
    assert caps


def test_what_a_partly_supported_claim_lacks_is_said():
    def judged(low, high, comparison):
        return judge(interval(low, high), rule="superiority", margin=10, comparison=comparison)

    assert judged(2, 20, "randomised").in_full == "partly supported (size)"
    assert judged(12, 20, "observational").in_full == "partly supported (cause)"
    assert judged(2, 20, "observational").in_full == "partly supported (size, cause)"
    assert judged(12, 20, "randomised").in_full == "supported"
    hidden = judged(-9, -2, "observational")
    assert hidden.word == "inconclusive"
    assert "may hide an effect" in hidden.reason


def test_a_hold_leaves_the_verdict_open_on_its_side():
    why = note("few_df", df=3.2)

    def judged(low, high, **sides):
        kept = {"rule": "superiority", "margin": 10, "comparison": "randomised"}
        return judge(interval(low, high), holds=[Hold(why=why, **sides)], **kept)

    assert judged(12, 20).word == judged(-9, -2).word == "inconclusive"
    assert "degrees of freedom" in judged(12, 20).reason
    assert judged(12, 20, favourable=False).word == "supported"
    assert judged(-9, -2, favourable=False).word == "inconclusive"
    assert judged(-9, -2, adverse=False).word == "contradicted"
    assert judged(-2, 20).reason == judged(-2, 20, adverse=False).reason


def test_the_margin_of_a_ratio_is_mirrored_as_it_is_told():
    kept = {"rule": "superiority", "margin": 1.5, "null": 1.0, "comparison": "randomised"}
    assert judge(interval(0.6, 1.2), **kept).word == "too small to matter"
    assert judge(interval(0.6, 1.2), harm=1 / 1.5, **kept).word == "contradicted"


@given(
    ends=st.tuples(st.floats(-50, 50), st.floats(-50, 50)).map(sorted),
    margin=st.floats(-20, 20),
    rule=st.sampled_from(RULES),
)
def test_a_wider_interval_never_says_more(ends, margin, rule):
    low, high = ends
    narrow = judge(interval(low, high), rule=rule, margin=margin, comparison="randomised").word
    wide = judge(
        interval(low - 5, high + 5), rule=rule, margin=margin, comparison="randomised"
    ).word
    assert narrow in VERDICTS
    if wide == "supported":
        assert narrow == wide
    if wide in ("too small to matter", "contradicted"):
        assert narrow in ("too small to matter", "contradicted")


@given(low=st.floats(0.1, 50), width=st.floats(0.1, 50), margin=st.floats(0.1, 60))
def test_below_mirrors_above(low, width, margin):
    above = judge(interval(low, low + width), rule="above", margin=margin, comparison="rate").word
    mirrored = interval(-low - width, -low)
    assert above == judge(mirrored, rule="below", margin=-margin, comparison="rate").word


@pytest.mark.parametrize(
    ("also", "expected"),
    [
        ((11, 25), "supported"),
        ((4, 25), "partly supported (size)"),
        ((-1, 25), "inconclusive"),
        ((-9, -2), "inconclusive"),
    ],
)
def test_another_interval_decides_how_far_a_verdict_goes(also, expected):
    hold = Hold(why=note("skewed_difference"), also=also)
    found = judge(
        interval(12, 20), rule="superiority", margin=10, comparison="randomised", holds=[hold]
    )
    assert found.in_full == expected
    assert ("Hall's" in found.reason) == (found.word != "supported")
