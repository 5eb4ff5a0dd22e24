"""Hand-made findings for the tests of figures, tables and the page; captions."""

import math
from dataclasses import replace

import pytest
from made_findings import (
    cases,
    estimate,
    finding,
    untestable,
)

from mnstudy.reporting import words as captions
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.scorecard import LEFT, RIGHT, scorecard_entry
from mnstudy.verdicts.claims.registry import RULES


def test_captions_carry_size_method_level_and_margin_with_its_source():
    shown = captions.caption(cases()["levels"])
    for words in ("57 patients, 61 sites", "mixed model", "95 % CI", "38.1 (31.2 to 45.3)"):
        assert words in shown
    assert "Margin 10 points (convention: no minimal important difference" in shown
    assert "Left out for a missing value: 3" in shown
    assert "SYNTHETIC" not in shown


def test_captions_of_synthetic_findings_say_so():
    assert "SYNTHETIC data: invented, never evidence" in captions.caption(cases()["course"])


def test_captions_of_untestable_findings_give_the_reason():
    assert captions.caption(untestable()).endswith("the data have no column maintenance.")


def test_alternative_text_names_numbers_verdict_and_parts():
    shown = captions.alt_text(cases()["forest"])
    assert "0.5 (−0.1 to 1.0) SD" in shown
    assert "against margin 0.5; inconclusive" in shown
    assert "6 studies, 1 pooled value, 1 prediction interval" in shown


def test_figure_data_hold_every_number_unrounded():
    case = cases()["course"]
    table = captions.figure_data(case)
    assert len(table) == 1 + len(case.parts)
    first = table.iloc[0]
    assert (first["value"], first["ci_low"], first["ci_high"]) == (3.1, 2.4, 3.8)
    gains = table[table["kind"] == "gain"]
    assert gains["value"].tolist() == [8 / i for i in range(2, 8)]


def test_small_groups_and_cohorts_of_real_patients_are_exact():
    table = captions.figure_data(cases()["levels"]).set_index("label")
    assert table.loc["stretch mark", "n"] == 3
    few = replace(cases()["limit"], n_patients=4, n_sites=1)
    assert few.size == "4 patients, 1 site"
    assert scorecard_entry(few).size == "n\N{NO-BREAK SPACE}4"


def test_the_margin_lies_at_nought_and_no_effect_one_unit_away():
    track = scorecard_entry(
        finding("reduces-scarring", estimate(20.0, 10.0, 30.0), "supported")
    ).track
    assert (track.low, track.value, track.high, track.null) == (0.0, 1.0, 2.0, -1.0)


def test_limits_are_turned_so_that_right_of_the_line_the_claim_would_hold():
    track = scorecard_entry(cases()["limit"]).track
    assert track.low == pytest.approx((3 - 5.6) / 3)
    assert track.high == pytest.approx((3 - 4.2) / 3)
    assert track.null == 1.0


def test_noninferiority_has_no_effect_on_the_right():
    track = scorecard_entry(cases()["hostile name"]).track
    assert track.null == 1.0
    assert track.value == pytest.approx(0.8)


def test_ratios_are_placed_on_the_log_scale():
    track = scorecard_entry(cases()["ratio"]).track
    assert track.value == pytest.approx(math.log(2.9 / 1.5) / math.log(1.5))
    assert track.null == pytest.approx(-1.0)


def test_intervals_that_run_off_are_cut_and_flagged():
    track = scorecard_entry(cases()["open end"]).track
    assert (track.high, track.runs_right, track.runs_left) == (RIGHT, True, False)
    wide = scorecard_entry(
        finding("reduces-scarring", estimate(12.0, -90.0, 14.0), "inconclusive")
    ).track
    assert (wide.low, wide.runs_left) == (LEFT, True)


def test_where_any_difference_counts_the_whole_interval_is_shown():
    track = scorecard_entry(cases()["any difference"]).track
    assert track.null is None
    assert 0 < track.low < track.value < track.high <= RIGHT


def test_a_difference_in_either_direction_is_held_against_the_margin_on_its_side():
    track = scorecard_entry(cases()["either direction"]).track
    assert (track.null, track.value) == (-1.0, pytest.approx((4.6 - 5) / 5))
    other = scorecard_entry(
        finding("severity-matters", estimate(6.0, 2, 9), "supported", rule="difference")
    )
    assert other.track.value == pytest.approx(1 / 5)


def test_captions_of_a_family_give_the_interval_the_verdict_rests_on():
    shown = captions.caption(cases()["family"])
    assert "With the 10 primary claims together: 22.0 (9.0 to 35.0) points" in shown
    assert "1 interval of the family" in captions.alt_text(cases()["family"])
    assert "together" not in captions.caption(cases()["levels"])


def test_every_rule_of_the_register_has_words():
    assert set(RULES) == set(sections.RULES)
