"""The plan: its family shares the error rate, its thresholds rule, the rest is exploratory."""

from dataclasses import replace

import numpy as np
import pytest

import mnstudy as mn
from mnstudy.cohort.study.plan import Plan, parse_plan, plan_problems
from mnstudy.errors import DataError

TWO = ("reduces-scarring", "little-pain")


def planned(cohort, **plan):
    return replace(cohort, study=replace(cohort.study, plan=Plan(**plan)))


@pytest.fixture(scope="module")
def two(clinic):
    return mn.evaluate(planned(clinic, primary=TWO), [*TWO, "more-sessions"])


def test_intervals_of_the_family_hold_together(clinic, two):
    at_975 = mn.evaluate(planned(clinic), TWO, confidence_level=0.975)
    for claim in TWO:
        wide, alone = two[claim].simultaneous, at_975[claim].estimate
        assert (wide.ci_low, wide.ci_high) == (alone.ci_low, alone.ci_high)
        assert wide.confidence_level == pytest.approx(0.975)
        assert two[claim].estimate.confidence_level == 0.95
        assert two[claim].family == 2
        assert "2 primary claims" in two[claim].notes[0]


def test_what_is_not_in_the_family_keeps_its_interval(clinic, two):
    outside = two["more-sessions"]
    assert outside.simultaneous is None
    assert outside.family == 0
    assert not outside.planned
    assert np.isnan(outside.p_holm)


def test_the_verdict_of_a_primary_claim_rests_on_the_wider_interval(clinic):
    alone = mn.evaluate(planned(clinic), "results-last")[0]
    assert alone.in_full == "partly supported (cause)"
    family = ("results-last", *(f"treats-{x}-scars" for x in ("acne", "burn", "surgical")))
    many = (*family, "more-sessions", "little-pain", "rare-pih", "topical-adjunct")
    among_many = mn.evaluate(planned(clinic, primary=many), "results-last")[0]
    assert among_many.estimate == alone.estimate
    assert among_many.simultaneous.ci_low < -5 < alone.estimate.ci_low
    assert among_many.verdict == "inconclusive"


def test_holm_over_the_family_whichever_claims_are_asked(clinic):
    primary = ("treats-burn-scars", "topical-adjunct", "deeper-needling")
    cohort = planned(clinic, primary=primary)
    everything = mn.evaluate(cohort, primary)
    p = sorted((f.estimate.p_value, f.claim.id) for f in everything)
    expected, largest = {}, 0.0
    for rank, (value, claim) in enumerate(p):
        largest = max(largest, min(1.0, (3 - rank) * value))
        expected[claim] = largest
    for claim in primary:
        assert everything[claim].p_holm == pytest.approx(expected[claim])
        assert mn.evaluate(cohort, claim)[0].p_holm == everything[claim].p_holm


def test_a_primary_claim_that_cannot_be_tested_still_counts(sheet):
    plan = {"primary": ["reduces-scarring", "little-pain"]}
    found = mn.evaluate(mn.load(sheet, study={"plan": plan}), "reduces-scarring")[0]
    assert found.family == 2
    assert found.simultaneous.confidence_level == pytest.approx(0.975)
    assert found.p_holm == pytest.approx(2 * found.estimate.p_value)


def test_one_primary_claim_needs_no_wider_interval(split_face):
    found = mn.evaluate(split_face, "topical-adjunct")[0]
    assert found.planned
    assert found.simultaneous is None


def test_an_empty_family_is_a_declared_choice(clinic):
    found = mn.evaluate(planned(clinic, primary=TWO, family=()), TWO[0])[0]
    assert found.planned
    assert found.simultaneous is None


def test_thresholds_of_the_plan_rule(clinic):
    usual = mn.evaluate(planned(clinic), "weeks-to-results")[0]
    later = planned(clinic, thresholds={"weeks-to-results": {"weeks": 26.0}})
    found = mn.evaluate(later, "weeks-to-results")[0]
    assert found.estimate.value > usual.estimate.value
    assert "week 26" in found.estimate.method


def test_the_fingerprint_changes_with_everything_planned():
    plans = [
        Plan(),
        Plan(primary=TWO),
        Plan(primary=TWO, family=TWO[:1]),
        Plan(confidence_level=0.9),
        Plan(margins={"more-sessions": 3.0}),
        Plan(thresholds={"weeks-to-results": {"weeks": 8.0}}),
        Plan(final_week=24.0),
        Plan(sessions_fixed=True),
    ]
    assert len({p.sha256 for p in plans}) == len(plans)


def test_alpha_is_the_other_name_of_the_level():
    assert parse_plan({"alpha": 0.1}).confidence_level == 0.9
    assert not plan_problems({"alpha": 0.1, "confidence_level": 0.9})


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ({"alpha": 0.1, "confidence_level": 0.95}, "one of the two"),
        ({"alpha": "small"}, "below 0.5"),
        ({"primary": ["little-pain"], "family": ["more-sessions"]}, "named under primary"),
        ({"primary": ["little-pain", "little-pain"]}, "each claim once"),
        ({"final_week": 0}, "above 0"),
        ({"sessions_fixed": False}, "leave it out"),
        ({"thresholds": {"weeks-to-results": 8}}, "setting = number"),
        ({"threshold": {}}, "one of primary"),
    ],
)
def test_a_plan_that_cannot_be_read_says_what_is_expected(raw, rule):
    (problem,) = plan_problems(raw)
    assert rule in problem.rule


def test_a_plan_for_claims_that_do_not_exist_is_refused(clinic):
    plan = {"primary": ["more-session"], "thresholds": {"weeks-to-results": {"days": 3.0}}}
    with pytest.raises(DataError) as error:
        mn.evaluate(planned(clinic, **plan), "more-sessions")
    assert "more-sessions" in str(error.value)
    assert "weeks" in str(error.value)
