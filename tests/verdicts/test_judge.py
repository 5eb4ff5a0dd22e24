"""From interval and margin to a verdict, with what the design allows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.verdicts.claims.registry import RULES
from mnstudy.verdicts.finding.finding import VERDICTS, Estimate
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import as_given


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
        (-2, 9, "superiority", 10, "contradicted"),
        (1, 9, "superiority", 10, "contradicted"),
        (-9, -1, "superiority", 10, "contradicted"),
        (0, 4, "superiority", 0, "inconclusive"),
        (0.1, 4, "superiority", 0, "supported"),
        (6, 9, "difference", 5, "supported"),
        (-9, -6, "difference", 5, "supported"),
        (-9, -2, "difference", 5, "partly supported"),
        (-4, -1, "difference", 5, "contradicted"),
        (-4, 3, "difference", 5, "contradicted"),
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


@pytest.mark.parametrize("comparison", ["uncontrolled", "observational"])
@pytest.mark.parametrize("rule", RULES)
def test_a_design_without_randomisation_never_supports(comparison, rule):
    found = judge(interval(0.2, 0.3), rule=rule, margin=0.1, comparison=comparison)
    sure = judge(interval(-0.3, -0.2), rule=rule, margin=0.1, comparison=comparison)
    assert "supported" not in {found.word, sure.word}
    caps = [v for v in (found, sure) if v.word == "partly supported"]
    assert all("cause is not shown" in v.reason for v in caps)
    assert caps


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
    if wide in ("supported", "contradicted"):
        assert narrow == wide


@given(low=st.floats(0.1, 50), width=st.floats(0.1, 50), margin=st.floats(0.1, 60))
def test_below_mirrors_above(low, width, margin):
    above = judge(interval(low, low + width), rule="above", margin=margin, comparison="rate").word
    mirrored = interval(-low - width, -low)
    assert above == judge(mirrored, rule="below", margin=-margin, comparison="rate").word
