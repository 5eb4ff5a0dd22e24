"""The certainty of pooled evidence: every domain moves when its reason does, and only then."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.evidence import checks as checked
from mnstudy.verdicts.evidence import groups as grouped
from mnstudy.verdicts.evidence.certainty import LEVELS, certainty, settings
from mnstudy.verdicts.evidence.evidence import assess, cap
from mnstudy.verdicts.finding.judge import Verdict
from mnstudy.words.notes import as_given, note


@pytest.fixture(scope="module")
def groups():
    frame = contrast_frame(load_published())
    primary = frame[frame["primary"]]
    return {
        (group.claim.id, group.endpoint, group.name): group
        for claim in select(None)
        for group in grouped.groups(claim, primary[primary["claim_id"] == claim.id], 0.95)
    }


def trials(groups, changes=(-3.0,) * 3, *, n=150, spread=4.0, **columns):
    """Make split-body trials: the treated side lower by these points, both with this spread."""
    (template,) = [g for key, g in groups.items() if key[:2] == ("topical-adjunct", "scar_score")]
    rows = pd.concat([template.rows] * len(changes), ignore_index=True)
    rows = rows.assign(study_id=[f"s{i}" for i in range(len(rows))])
    rows = rows.assign(label=[f"Trial {i}" for i in range(len(rows))], paired=False)
    rows = rows.assign(treated_mean=[10 + x for x in changes], reference_mean=10.0)
    rows = rows.assign(orientation="treated_better_if_lower", design="rct_parallel")
    rows = rows.assign(assessor_blinded="yes", treated_n=float(n), reference_n=float(n))
    rows = rows.assign(treated_sd=spread, reference_sd=spread).assign(**columns)
    return replace(template, rows=rows)


class Says:
    """Directions of a claim that always say the same."""

    def __init__(self, doubt):
        self.said = doubt and as_given(doubt)

    def doubted(self, comparison, *, favours):
        return self.said if favours else None


def test_sound_trials_are_highly_certain_and_supported(groups):
    found = assess(trials(groups, (-4.0, -4.2, -3.9, -4.1)), Says(None))
    assert found.certainty.level == "high"
    assert not found.certainty.doubts
    assert found.verdict.word == "supported"
    assert [d.name for d in found.certainty.domains] == [
        "design", "blinding", "counting", "inconsistency", "imprecision", "small-study effect",
        "single studies", "directions",
    ]  # fmt: skip


def test_design_lowers_and_caps(groups):
    found = assess(trials(groups, (-4.0,) * 4, design="nonrandomised"))
    assert found.certainty["design"].steps == -2
    assert found.certainty.level == "low"
    assert found.verdict.word == "partly supported"
    assert "not randomised" in found.verdict.reason


def test_one_unrandomised_study_is_enough(groups):
    mixed = trials(groups, (-4.0,) * 4, design=["rct_parallel"] * 3 + ["nonrandomised"])
    assert assess(mixed).certainty["design"].steps == -2


@pytest.mark.parametrize(
    ("blinded", "steps"),
    [("yes yes no no", 0), ("yes no unclear no", -1), ("unclear unclear unclear unclear", -1)],
)
def test_blinding_of_fewer_than_half_lowers_and_caps(groups, blinded, steps):
    found = assess(trials(groups, (-4.0,) * 4, assessor_blinded=blinded.split()))
    assert found.certainty["blinding"].steps == steps
    assert found.verdict.word == ("partly supported" if steps else "supported")


def test_studies_that_disagree_lower_and_cap(groups):
    found = assess(trials(groups, (-1.2, -6.0, -1.4, -6.4, -5.8, -1.0), n=80))
    domain = found.certainty["inconsistency"]
    assert domain.steps == -2
    assert "6 of 6 studies on the claim's side" in domain.reason
    assert "further study could show no effect" in found.verdict.reason


def test_few_people_lower_for_imprecision(groups):
    small = trials(groups, (-4.0,) * 3, n=8)
    needed = checked.people_needed(small, power=0.8)
    assert small.people == 48 < needed
    assert f"fewer than the {needed:,.0f}" in assess(small).certainty["imprecision"].reason


def test_information_size_is_that_of_a_single_trial(groups):
    """Two arms and half a standard deviation: about 63 an arm; one trial of 2 x 63 is enough."""
    enough = trials(groups, (-2.0,), n=63)
    assert checked.people_needed(enough, power=0.8) == pytest.approx(126, abs=6)


def test_no_event_in_367_people_is_not_below_one_percent(groups):
    rare = groups["rare-bruising", "bruising", "proportion"]
    assert checked.people_needed(rare, power=0.8) == 368
    sized = [replace(rare, rows=rare.rows.iloc[[0]].assign(treated_n=float(n))) for n in (367, 368)]
    assert [grouped.estimate_group(g)[0].ci_high <= 1 for g in sized] == [False, True]


def test_an_interval_from_harm_to_benefit_costs_two_steps(groups):
    found = assess(trials(groups, (-9.0, 9.0, -9.0, 9.0)))
    assert found.certainty["imprecision"].steps == -2
    assert "a benefit and a harm" in found.certainty["imprecision"].reason


def test_egger_is_judged_from_ten_studies_on(groups):
    sizes = [8.0, 9.0, 10.0, 12.0, 14.0, 60.0, 80.0, 100.0, 120.0, 200.0]
    changes = [-9.0, -8.6, -8.8, -8.0, -7.6, -5.2, -4.6, -4.9, -4.4, -4.2]
    sides = {"treated_n": sizes, "reference_n": sizes}
    ten = trials(groups, changes, **sides)
    nine = replace(ten, rows=ten.rows.iloc[1:])
    assert assess(ten).certainty["small-study effect"].steps == -1
    assert "small studies differ from large ones" in assess(ten).verdict.reason
    said = assess(nine).certainty["small-study effect"]
    assert (said.steps, said.reason) == (0, "cannot be judged with fewer than 10 studies")


def test_equal_studies_leave_no_funnel_to_judge(groups):
    said = assess(trials(groups, (-4.0,) * 10)).certainty["small-study effect"]
    assert said.steps == 0
    assert "as precise" in said.reason


def test_one_study_that_carries_the_verdict_is_named(groups):
    uneven = trials(groups, (-5.0, -3.0, -3.0), treated_n=[400.0, 30.0, 30.0])
    found = assess(uneven)
    words = {x.label: x.word for x in found.found.left_out}
    assert found.found.found.word != words["Trial 0"]
    assert found.certainty["single studies"].steps == -1
    assert "without" in found.verdict.reason
    assert "Trial 0" in found.verdict.reason


@pytest.mark.parametrize("k", [1, 2])
def test_fewer_than_three_studies_cap(groups, k):
    found = assess(trials(groups, (-9.0,) * k, n=400))
    assert found.verdict.word != "supported"
    assert f"only {k} stud" in found.certainty["single studies"].reason


def test_every_doubt_is_named_not_only_the_first(groups):
    weak = trials(groups, (-9.0,), n=200, design="nonrandomised", assessor_blinded="no")
    reason = assess(weak, Says("2 of 9 studies point the other way")).verdict.reason
    for part in ("not randomised", "blinded in 0 of 1 study", "only 1 study", "2 of 9 studies"):
        assert part in reason


def test_directions_only_lower(groups):
    sound = trials(groups, (-4.0, -4.2, -3.9, -4.1))
    found = checked.checks(sound, egger_studies=10)
    names = [d.name for d in certainty(sound, found).domains]
    assert "directions" not in names
    doubts = (None, as_given("most studies disagree"))
    levels = [certainty(sound, found, directions=True, doubt=x).level for x in doubts]
    assert levels == ["high", "moderate"]


def test_directions_are_asked_about_the_side_of_the_estimate(groups):
    against = trials(groups, (4.0, 4.2, 3.9))
    assert assess(against, Says("most studies disagree")).certainty["directions"].steps == 0
    towards = trials(groups, (-4.0, -4.2, -3.9))
    assert assess(towards, Says("most studies disagree")).certainty["directions"].steps == -1
    assert assess(towards, Says("most studies disagree")).verdict.word == "partly supported"


def test_rates_need_no_control_but_the_other_things(groups):
    rate = groups["rare-infection", "infection", "proportion"]
    found = assess(rate).certainty
    assert found["design"].steps == 0
    assert found["counting"].steps == -1
    back = replace(rate, rows=rate.rows.assign(design="retrospective"))
    assert assess(back).certainty["design"].steps == -1


def test_counts_that_rest_on_a_sentence_are_found_in_the_tables(groups):
    said = {
        key[0]: assess(group).certainty["counting"].reason
        for key, group in groups.items()
        if key[:2] in [("rare-bruising", "bruising"), ("short-downtime", "resolved_within_2_days")]
    }
    assert said["rare-bruising"].endswith("in 4 of 4 studies")
    assert said["short-downtime"].endswith("in 2 of 2 studies")


@pytest.mark.parametrize("number", range(69))
def test_levels_follow_from_the_steps(groups, number):
    group = list(groups.values())[number]
    rated = assess(group).certainty
    lost = -sum(d.steps for d in rated.domains)
    assert rated.level == LEVELS[min(lost, 3)]
    assert all(d.steps <= 0 for d in rated.domains)
    assert all(d.reason for d in rated.domains)
    assert list(rated.to_frame()["domain"]) == [d.name for d in rated.domains]


def test_a_finding_carries_its_certainty():
    import mnstudy as mn

    finding = mn.evidence("comparable-to-peel")[0]
    assert finding.certainty == "very low"
    assert finding.to_frame()["certainty"].item() == "very low"
    assert "certainty (GRADE-like): very low" in repr(finding)
    assert len(finding.domains) >= 7


words = st.sampled_from(["supported", "partly supported", "inconclusive", "contradicted"])
doubts = st.lists(st.text("abc ", min_size=1), max_size=4).map(tuple)


@given(word=words, doubts=doubts)
def test_a_cap_never_raises_a_verdict(word, doubts):
    found = Verdict(word=word, reasons=(as_given("r"),))
    capped = cap(found, tuple(map(as_given, doubts)), "randomised")
    expected = "partly supported" if word == "supported" and doubts else word
    assert capped.word == expected
    if word in ("supported", "partly supported"):
        assert all(d in capped.reason for d in doubts)


def test_thresholds_are_those_of_the_sources():
    found = settings()
    assert (found["i2_substantial"], found["i2_considerable"]) == (50, 75)
    assert (found["egger_studies"], found["egger_p"], found["few_studies"]) == (10, 0.10, 3)
    assert set(found["design"]) == {"randomised", "rate", "observational", "uncontrolled"}


def test_doubts_are_named_beside_a_verdict_against_the_claim_too():
    against = Verdict(word="contradicted", reasons=(note("short_of_margin"),))
    found = cap(against, (as_given("only 1 study found"),), "rate")
    assert found.word == "contradicted"
    assert found.reason.endswith("; besides, only 1 study found")
    open_question = Verdict(word="inconclusive", reasons=(note("holds_limit"),))
    assert cap(open_question, (as_given("only 1 study found"),), "rate") == open_question


def test_pooled_comparisons_that_show_no_cause_do_not_contradict():
    against = Verdict(word="contradicted", reasons=(note("short_of_margin"),))
    found = cap(against, (as_given("no control"),), "uncontrolled")
    assert found.word == "inconclusive"
    towards = Verdict(word="supported", reasons=(note("beyond_margin"),))
    assert cap(towards, (as_given("no control"),), "observational").lacking == ("cause",)
    assert cap(towards, (as_given("few studies"),), "randomised").lacking == ()
