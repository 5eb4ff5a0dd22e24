"""Findings made by hand: every verdict, open and unknown ends, long names and every part."""

import math
from dataclasses import replace

from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part
from mnstudy.words.notes import Count, as_given, note

INF, NAN = math.inf, math.nan


HOSTILE = "<script>alert('x')</script> $x^2$ a_name_without_any_space_" + "0123456789_" * 12


LEFT_OUT = (
    note("left_out_unknown_outcome", sites=Count(n=3, noun="site")),
    note("listed", said=(Count(n=2, of=57, noun="patient"),)),
)


def estimate(value, low, high, unit="points", method="mixed model, random intercept per patient"):
    return Estimate(
        value=value,
        ci_low=low,
        ci_high=high,
        confidence_level=0.95,
        unit=unit,
        how=as_given(method),
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
        "reasons": (note("beyond_margin"),),
        "rule": claim.rule,
        "margin": claim.margin,
        "n_patients": 57,
        "n_sites": 61,
        "estimate": result,
        "comparison": "uncontrolled",
        "pooled_wording": "WORDING of this claim",
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
    sd = {"unit": "SD", "null": 0.0, "group": CONTROLLED, "control": "controlled"}
    before = {**sd, "group": UNCONTROLLED, "control": "uncontrolled"}
    ratio = {"unit": "odds ratio", "null": 1.0, "group": RESPONSE, "control": "controlled"}
    first = [
        part("study", n, v, v - w, v + w, n=k, weight=share, **sd)
        for n, v, w, k, share in [
            ("Alam 2014", 0.7, 0.6, 15, 0.27),
            ("A study whose many authors make a very long label 2022", 0.3, 0.4, 40, 0.61),
            ("El-Domyati 2018", 0.9, 0.9, 24, 0.12),
        ]
    ]
    first.append(part("pooled", "pooled", 0.45, -0.1, 1.0, n=79, **sd))
    first.append(part("prediction", "prediction", 0.45, -INF, INF, n=79, **sd))
    second = [part("study", "Majid 2009", 6.3, 2.9, 9.7, n=36, weight=1, **before)]
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
            n_missing=3, remarks=LEFT_OUT,
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
    reasons = (as_given("the data have no column maintenance"),)
    return finding(claim_id, None, "not testable", reasons=reasons, n_patients=0, n_sites=0)
