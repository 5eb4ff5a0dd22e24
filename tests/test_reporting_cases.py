"""Hand-made findings for the tests of figures, tables and the page; captions and disclosure."""

import math
from dataclasses import replace

import pytest

from mnstudy.reporting import captions, methods
from mnstudy.reporting.cells import LEFT, RIGHT, cell
from mnstudy.verdicts import disclosure
from mnstudy.verdicts.findings import Estimate, Finding, Part
from mnstudy.verdicts.judge import RULES
from mnstudy.verdicts.registry import registry

INF, NAN = math.inf, math.nan
HOSTILE = "<script>alert('x')</script> $x^2$ a_name_without_any_space_" + "0123456789_" * 12


def estimate(value, low, high, unit="points", method="mixed model, random intercept per patient"):
    return Estimate(
        value=value, ci_low=low, ci_high=high, confidence_level=0.95, unit=unit, method=method
    )


def part(kind, label, value, low, high, **more):
    return Part(kind=kind, label=label, value=value, ci_low=low, ci_high=high, **more)


def finding(claim_id, result, verdict, **more):
    claim = registry()[claim_id]
    basis = {
        "claim": claim,
        "dataset": "her clinic",
        "synthetic": False,
        "verdict": verdict,
        "reason": "the whole interval lies beyond the margin",
        "rule": claim.rule,
        "margin": claim.margin,
        "n_patients": 57,
        "n_sites": 61,
        "estimate": result,
        "comparison": "uncontrolled",
        "wording": "WORDING of this claim",
        "sha256": "ab" * 32,
    }
    return Finding(**(basis | more))


def levels():
    shown = [("acne icepick", 20.0, 12), ("acne boxcar", 34.0, 30), ("stretch mark", 15.5, 3)]
    return tuple(part("level", n, v, v - 8, v + 9, n=k, unit="points") for n, v, k in shown)


def course():
    unit = {"unit": "points"}
    means = [
        part(
            "session", str(i), 10.0 + 5 * i, 6.0 + 5 * i, 14.0 + 5 * i, n=99 - i, x=float(i), **unit
        )
        for i in range(1, 8)
    ]
    gains = [
        part("gain", f"session {i}", 8 / i, 8 / i - 3, 8 / i + 3, n=99 - i, x=float(i), **unit)
        for i in range(2, 8)
    ]
    slopes = [
        part("slope", "within patients", 3.1, 2.4, 3.8, n=398, unit="points per session"),
        part("slope", "between patients", 1.2, 0.1, 2.3, n=412, unit="points per session"),
    ]
    return (*slopes, *means, *gains)


def of_a_family():
    return (
        part("together", "together with the 10 primary claims", 22.0, 9.0, 35.0, unit="points"),
        part(
            "expected", "regression to the mean alone", 6.0, 3.0, 9.0, n=57, unit="points"
        ),
        part(
            "contrast", "raw scale, adjusted for baseline (ANCOVA)", 3.1, 1.2, 5.0, n=57,
            unit="points of POSAS",
        ),
    )  # fmt: skip


CONTROLLED = "controlled: scar score (standardised difference between arms)"
UNCONTROLLED = "uncontrolled: scar score (standardised change from before to after)"
RESPONSE = "controlled: improved clearly (odds ratio)"


def studies():
    sd = {"unit": "SD"}
    first = [
        part("study", n, v, v - w, v + w, n=k, weight=share, group=CONTROLLED, **sd)
        for n, v, w, k, share in [
            ("Alam 2014", 0.7, 0.6, 15, 0.27),
            ("A study whose many authors make a very long label 2022", 0.3, 0.4, 40, 0.61),
            ("El-Domyati 2018", 0.9, 0.9, 24, 0.12),
        ]
    ]
    first.append(part("pooled", "pooled", 0.45, -0.1, 1.0, n=79, group=CONTROLLED, **sd))
    first.append(part("prediction", "prediction", 0.45, -INF, INF, n=79, group=CONTROLLED, **sd))
    second = [part("study", "Majid 2009", 6.3, 2.9, 9.7, n=36, weight=1, group=UNCONTROLLED, **sd)]
    ratio = {"unit": "odds ratio", "group": RESPONSE}
    third = [
        part("study", "Leheta 2011", 2.4, 0.8, 7.2, n=20, weight=0.9, **ratio),
        part("study", "Ali 2024", 103.0, 8.0, 1e6, n=31, weight=0.1, **ratio),
    ]
    return (*first, *second, *third)


def cases():
    """Return findings with every verdict, open and unknown ends, long names and every part."""
    arms = (
        part("arm", "over 0.3 mm", 30.0, 26.0, 34.0, n=200, unit="points"),
        part("arm", "up to 0.3 mm", 28.0, 20.0, 36.0, n=40, unit="points"),
        part("contrast", "not adjusted", -2.0, -6.0, 2.0, n=240, unit="points"),
        part("slope", "per mm", 3.0, -1.0, 7.0, n=240, unit="points per mm"),
    )
    return {
        "levels": finding(
            "reduces-scarring", estimate(38.1, 31.2, 45.3), "partly supported", parts=levels(),
            n_missing=3, notes=("3 sites without a known outcome left out", "2 of 57 patients"),
        ),
        "course": finding(
            "more-sessions", estimate(3.1, 2.4, 3.8, "points per session"), "supported",
            synthetic=True, dataset="demo_clinic", parts=course(), comparison="within",
        ),
        "open end": finding(
            "deeper-needling", estimate(1.2, -3.0, INF), "inconclusive", parts=arms,
            comparison="observational", synthetic=True, dataset="demo_clinic",
        ),
        "limit": finding(
            "little-pain", estimate(4.9, 4.2, 5.6, "points of 10"), "contradicted",
            comparison="rate",
        ),
        "no event": finding(
            "rare-pih", estimate(0.0, 0.0, 5.2, "percent", "exact limits"), "inconclusive",
            comparison="rate",
            parts=(part("arm", "per assessment", 0.0, 0.0, 1.8, n=57, unit="percent"),),
        ),
        "forest": finding(
            "treats-acne-scars", estimate(0.45, -0.1, 1.0, "SD", "random effects (REML)"),
            "inconclusive", dataset="published trials", n_studies=3, n_patients=79, n_sites=0,
            margin=0.5, comparison="randomised", parts=studies(),
        ),
        "ratio": finding(
            "topical-absorption", estimate(2.9, 1.4, 6.0, "ratio"), "inconclusive",
            comparison="rate",
        ),
        "hostile name": finding(
            "comparable-to-laser", estimate(-2.0, -9.0, 5.0), "supported", dataset=HOSTILE,
            comparison="randomised",
        ),
        "any difference": finding(
            "gentler-than-laser", estimate(-12.5, -20.0, -4.0, "percentage points"), "supported",
            comparison="randomised",
        ),
        "either direction": finding(
            "severity-matters", estimate(-4.6, -7.6, -1.5, "points per grade"),
            "partly supported", rule="difference", comparison="observational",
        ),
        "family": finding(
            "reduces-scarring", estimate(22.0, 14.0, 30.0), "partly supported", parts=of_a_family(),
            family=10, planned=True, p_holm=0.0042, simultaneous=estimate(22.0, 9.0, 35.0),
        ),
        "other scale": finding(
            "reduces-scarring", estimate(22.0, 14.0, 30.0), "partly supported",
            parts=(replace(of_a_family()[1], unit="grade", value=0.4, ci_low=0.2, ci_high=INF),),
        ),
        "unknown ends": finding(
            "reduces-scar-depth", estimate(22.0, NAN, NAN, "percent of baseline"), "inconclusive"
        ),
    }  # fmt: skip


def untestable(claim_id="maintenance"):
    reason = "the data have no column maintenance"
    return finding(claim_id, None, "not testable", reason=reason, n_patients=0, n_sites=0)


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


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("3 sites without a known outcome left out", "<5 sites without a known outcome left out"),
        ("1 patient had both", "<5 patients had both"),
        ("2 of 412 patients, at 4 of 93 visits", "<5 of 412 patients, at <5 of 93 visits"),
        ("of 30 sites 3 were seen later", "of 30 sites <5 were seen later"),
        ("14 patients; 1,002 sites; session 3; 0.3 mm; 4.2 points", None),
        ("F = 2.31 on 3 and 21 degrees of freedom, p = 0.11", None),
    ],
)  # fmt: skip
def test_small_counts_are_taken_out_of_sentences(said, shown):
    assert disclosure.safe_text(said) == (said if shown is None else shown)


def test_counts_of_printed_studies_and_synthetic_data_are_not_hidden():
    small = part("level", "burn", 5.0, 1.0, 9.0, n=2, unit="points")
    invented = replace(cases()["levels"], synthetic=True, parts=(small,))
    printed = replace(cases()["forest"], n_studies=1, n_patients=4, parts=(small,))
    assert disclosure.safe(invented) == invented
    assert disclosure.safe(printed) == printed
    assert disclosure.shown_size(printed) == "1 study, 4 patients"


def test_small_cohorts_are_counted_as_less_than_five():
    few = replace(cases()["limit"], n_patients=4, n_sites=1)
    assert disclosure.shown_size(few) == "<5 patients, <5 sites"
    assert cell(few).size == "n\N{NO-BREAK SPACE}<5"


def test_the_margin_lies_at_nought_and_no_effect_one_unit_away():
    track = cell(finding("reduces-scarring", estimate(20.0, 10.0, 30.0), "supported")).track
    assert (track.low, track.value, track.high, track.null) == (0.0, 1.0, 2.0, -1.0)


def test_limits_are_turned_so_that_right_of_the_line_the_claim_would_hold():
    track = cell(cases()["limit"]).track
    assert track.low == pytest.approx((3 - 5.6) / 3)
    assert track.high == pytest.approx((3 - 4.2) / 3)
    assert track.null == 1.0


def test_noninferiority_has_no_effect_on_the_right():
    track = cell(cases()["hostile name"]).track
    assert track.null == 1.0
    assert track.value == pytest.approx(0.8)


def test_ratios_are_placed_on_the_log_scale():
    track = cell(cases()["ratio"]).track
    assert track.value == pytest.approx(math.log(2.9 / 1.5) / math.log(1.5))
    assert track.null == pytest.approx(-1.0)


def test_intervals_that_run_off_are_cut_and_flagged():
    track = cell(cases()["open end"]).track
    assert (track.high, track.runs_right, track.runs_left) == (RIGHT, True, False)
    wide = cell(finding("reduces-scarring", estimate(12.0, -90.0, 14.0), "inconclusive")).track
    assert (wide.low, wide.runs_left) == (LEFT, True)


def test_where_any_difference_counts_the_whole_interval_is_shown():
    track = cell(cases()["any difference"]).track
    assert track.null is None
    assert 0 < track.low < track.value < track.high <= RIGHT


def test_a_difference_in_either_direction_is_held_against_the_margin_on_its_side():
    track = cell(cases()["either direction"]).track
    assert (track.null, track.value) == (-1.0, pytest.approx((4.6 - 5) / 5))
    other = cell(finding("severity-matters", estimate(6.0, 2, 9), "supported", rule="difference"))
    assert other.track.value == pytest.approx(1 / 5)


def test_captions_of_a_family_give_the_interval_the_verdict_rests_on():
    shown = captions.caption(cases()["family"])
    assert "With the 10 primary claims together: 22.0 (9.0 to 35.0) points" in shown
    assert "1 interval of the family" in captions.alt_text(cases()["family"])
    assert "together" not in captions.caption(cases()["levels"])


def test_every_rule_of_the_register_has_words():
    assert set(RULES) == set(methods.RULES)
