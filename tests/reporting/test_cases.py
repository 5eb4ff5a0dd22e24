"""Hand-made findings for the tests of figures, tables and the page; captions and disclosure."""

import math
from dataclasses import replace

import pytest
from made_findings import (
    cases,
    estimate,
    finding,
    part,
    untestable,
)

from mnstudy import disclosure
from mnstudy.disclosure.notes import guarded_note
from mnstudy.reporting import words as captions
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.scorecard import LEFT, RIGHT, scorecard_entry
from mnstudy.verdicts.claims.registry import RULES
from mnstudy.words.notes import Count, note


def test_captions_carry_size_method_level_and_margin_with_its_source():
    shown = captions.caption(cases()["levels"])
    for words in (">55 patients, >59 sites", "mixed model", "95 % interval", "38.1 (31.2 to 45.3)"):
        assert words in shown
    assert "Margin 10 points (convention: no minimal important difference" in shown
    assert "Left out for a missing value: <5" in shown
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


def test_figure_data_withhold_small_groups():
    table = captions.figure_data(cases()["levels"]).set_index("label")
    assert table.loc["stretch mark", "n"] == "<5"
    assert math.isnan(table.loc["stretch mark", "value"])
    assert table.loc["acne boxcar", "value"] == 34.0


SMALL = (
    note("left_out_unknown_outcome", sites=Count(n=3, noun="site")),
    note("within_person", patients=Count(n=1, noun="patient")),
    note("listed", said=(Count(n=2, of=412, noun="patient"), Count(n=4, of=93, noun="visit"))),
    note("seen_later", sites=Count(n=30, noun="site"), seen=Count(n=3, of=30), weeks=26.0),
)
LARGE = (
    note("listed", said=(Count(n=14, noun="patient"), Count(n=1002, noun="site"))),
    note("no_levelling_off", session=3.0),
    note("largest_pair", pair="burn against rolling"),
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (SMALL[0], "<5 sites without a known outcome left out"),
        (SMALL[1], "<5 patients had both: compared within the person"),
        (SMALL[2], "<5 of 412 patients, <5 of 93 visits"),
        (SMALL[3], "of 30 sites with a result at the end of treatment <5 were seen 26 weeks or "
                   "more later; those not seen may differ"),
        *((said, str(said)) for said in LARGE),
    ],
)  # fmt: skip
def test_small_counts_are_taken_out_of_sentences(said, shown):
    assert str(guarded_note(said)) == shown


def test_counts_of_printed_studies_and_synthetic_data_are_not_hidden():
    small = part("level", "burn", 5.0, 1.0, 9.0, n=2, unit="points")
    invented = replace(cases()["levels"], synthetic=True, parts=(small,))
    printed = replace(cases()["forest"], n_studies=1, n_patients=4, parts=(small,))
    assert disclosure.guarded_finding(invented) == invented
    assert disclosure.guarded_finding(printed) == printed
    assert disclosure.shown_size(printed) == "1 study, 4 patients"


def test_small_cohorts_are_counted_as_less_than_five():
    few = replace(cases()["limit"], n_patients=4, n_sites=1)
    assert disclosure.shown_size(few) == "<5 patients, <5 sites"
    assert scorecard_entry(few).size == "n\N{NO-BREAK SPACE}<5"


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
