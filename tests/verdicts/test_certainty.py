"""The certainty of pooled evidence: every domain moves when its reason does, and only then."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.evidence import checks as checked
from mnstudy.verdicts.evidence import groups as grouped
from mnstudy.verdicts.evidence.certainty import (
    LEVELS,
    Certainty,
    certainty,
    robvis_frame,
    settings,
)
from mnstudy.verdicts.evidence.evidence import assess, cap
from mnstudy.verdicts.finding.judge import Verdict
from mnstudy.words.notes import as_given, note

# A study that was found sound in every domain.
SOUND = {
    "rob_tool": "RoB 2", "rob_d1_randomisation": "low", "rob_d2_deviations": "low",
    "rob_d3_missing": "low", "rob_d4_measurement": "low", "rob_d5_reported_result": "low",
    "rob_rated_by": "two readers", "rob_registration": "registered", "source": "abstract_or_paper",
}  # fmt: skip
NOT_RATED = dict.fromkeys(x for x in SOUND if x.startswith("rob_"))


@pytest.fixture(scope="module")
def groups():
    frame = contrast_frame(load_published())
    primary = frame[frame["primary"]]
    found = [
        group
        for claim in select(None)
        for group in grouped.groups(claim, primary[primary["claim_id"] == claim.id], 0.95)
    ]
    # of groups that differ in condition or substance only, the first by precedence is kept
    return {(g.claim.id, g.endpoint, g.name): g for g in reversed(found)}


def trials(groups, changes=(-3.0,) * 3, *, n=150, spread=4.0, **columns):
    """Make split-body trials: the treated side lower by these points, both with this spread."""
    template = groups["topical-adjunct", "scar_score", "smd"]
    rows = pd.concat([template.rows] * len(changes), ignore_index=True)
    rows = rows.assign(study_id=[f"s{i}" for i in range(len(rows))])
    rows = rows.assign(label=[f"Trial {i}" for i in range(len(rows))], paired=False)
    rows = rows.assign(treated_mean=[10 + x for x in changes], reference_mean=10.0)
    rows = rows.assign(orientation="treated_better_if_lower", design="rct_parallel")
    rows = rows.assign(assessor_blinded="yes", treated_n=float(n), reference_n=float(n))
    rows = rows.assign(treated_sd=spread, reference_sd=spread, n_enrolled=200.0, n_analysed=190.0)
    rows = rows.assign(design_class="randomised", **SOUND).assign(**columns)
    return replace(template, rows=rows)


def rated(group, **changes):
    """Rate a group whose checks are changed, and return its domains by name."""
    found = checked.checks(group, egger_studies=10)
    names = ("estimate", "found", "left_out", "egger", "i2", "i2_low", "i2_high")
    ends = ("prediction_low", "prediction_high")
    shown = {name: getattr(found, name) for name in (*names, *ends)}
    return certainty(group, SimpleNamespace(**shown | changes))


def rates(groups, claim="rare-pih", **columns):
    """Return the studies of a rate of harm, found sound in every domain."""
    rate = next(g for key, g in groups.items() if key[0] == claim and key[2] == "proportion")
    rows = pd.concat([rate.rows.iloc[[0]]] * 4, ignore_index=True).assign(**SOUND)
    rows = rows.assign(condition="acne_scar", design="nonrandomised")
    return replace(rate, rows=rows.assign(**columns))


class Says:
    """Directions of a claim that always say the same."""

    def __init__(self, doubt):
        self.said = doubt and as_given(doubt)

    def doubted(self, comparison, *, favours):
        return self.said if favours else None


def test_sound_trials_are_highly_certain_and_supported(groups):
    found = assess(trials(groups, (-4.0, -4.2, -3.9, -4.1, -4.0)), Says(None))
    assert found.certainty.level == "high"
    assert not found.certainty.doubts
    assert found.verdict.word == "supported"
    assert [d.name for d in found.certainty.domains] == [
        "design", "risk of bias", "attrition", "selective reporting", "inconsistency",
        "indirectness", "imprecision", "single studies", "publication bias", "directions",
    ]  # fmt: skip


def test_design_lowers_and_caps(groups):
    found = assess(trials(groups, (-4.0,) * 5, design_class="not randomised"))
    assert found.certainty["design"].steps == -2
    assert found.certainty.level == "low"
    assert found.verdict.word == "partly supported"
    assert "not randomised" in found.verdict.reason


@pytest.mark.parametrize("domain", ["d1_randomisation", "d2_deviations", "d4_measurement"])
@pytest.mark.parametrize(
    ("ratings", "steps"),
    [
        ("low low low high high high", -2),
        ("low low low low high high", 0),
        ("low low low some_concerns some_concerns some_concerns", -1),
        ("low low low no_information some_concerns high", -1),
        ("serious critical high low low low", -2),
    ],
)
def test_bias_in_studies_with_half_of_the_people_lowers_and_caps(groups, domain, ratings, steps):
    said = [x.replace("_", " ") for x in ratings.split()]
    found = assess(trials(groups, (-4.0,) * 6, **{f"rob_{domain}": said}))
    assert found.certainty["risk of bias"].steps == steps
    assert found.verdict.word == ("partly supported" if steps else "supported")


def test_bias_is_weighed_by_people_not_by_studies(groups):
    large = trials(groups, treated_n=[900.0, 20.0, 20.0], reference_n=[900.0, 20.0, 20.0])
    for ratings, steps in ((["high", "low", "low"], -2), (["low", "high", "high"], 0)):
        rows = large.rows.assign(rob_d4_measurement=ratings)
        assert rated(replace(large, rows=rows))["risk of bias"].steps == steps


def test_missing_outcomes_and_chosen_results_are_no_part_of_the_risk_of_bias(groups):
    poor = trials(groups, rob_d3_missing="high", rob_d5_reported_result="high")
    assert rated(poor)["risk of bias"].steps == 0


def test_a_study_without_a_rating_costs_a_step(groups):
    found = rated(trials(groups, **NOT_RATED))["risk of bias"]
    assert found.steps == -1
    assert "no rating" in found.reason


def test_confounding_and_moderate_ratings_are_paid_for_by_the_start(groups):
    ratings = {"rob_d1_randomisation": "serious", "rob_d2_deviations": "moderate"}
    compared = trials(groups, design_class="not randomised", rob_tool="ROBINS-I", **ratings)
    assert rated(compared)["risk of bias"].steps == 0
    satisfied = groups["satisfies-patients", "satisfied", "proportion"]
    rows = satisfied.rows.assign(**SOUND | {"rob_d4_measurement": "moderate"})
    assert rated(replace(satisfied, rows=rows))["risk of bias"].steps == -1


def test_a_draft_is_said_and_costs_nothing(groups):
    draft = ["two readers", settings()["risk_of_bias"]["draft"], "two readers"]
    found = rated(trials(groups, rob_rated_by=draft))["risk of bias"]
    assert found.steps == 0
    assert "1 of 3 studies rated by rule: a draft" in found.reason
    assert "draft" not in rated(trials(groups))["risk of bias"].reason


def test_the_draft_of_the_tables_is_known_as_such():
    said = load_published().risk_of_bias["rated_by"].unique().tolist()
    assert said == [settings()["risk_of_bias"]["draft"]]


def test_blinding_is_not_deducted_for_counted_events(groups):
    blind = {"rob_d4_measurement": "serious"}
    assert rated(rates(groups, **blind))["risk of bias"].steps == 0
    laser = groups["gentler-than-laser", "pih", "risk_difference"]
    rows = laser.rows.assign(**SOUND | blind)
    assert rated(replace(laser, rows=rows))["risk of bias"].steps == 0
    pain = groups["little-pain", "pain_0_10", "mean"]
    assert rated(replace(pain, rows=pain.rows.assign(**SOUND | blind)))["risk of bias"].steps == -2


def test_a_fifth_of_the_people_lost_lowers(groups):
    for analysed, steps in ((161.0, 0), (160.0, -1)):
        found = rated(trials(groups, n_analysed=analysed))["attrition"]
        assert found.steps == steps
    assert "Trial 0: 20 %" in found.reason
    assert "Trial 0" in found.doubt
    assert "losses known in 3 of 3 studies" not in found.doubt


def test_losses_count_by_people_and_by_their_rating(groups):
    few = trials(groups, n_analysed=[100.0, 190.0, 190.0])
    assert rated(few)["attrition"].steps == 0
    assert "Trial 0: 50 %" in rated(few)["attrition"].reason
    by_rating = trials(groups, n_analysed=float("nan"), rob_d3_missing="high")
    found = rated(by_rating)["attrition"]
    assert found.steps == -1
    assert "losses known in 0 of 3 studies" in found.reason


def test_alam_2014_lost_a_quarter(groups):
    found = rated(groups["treats-acne-scars", "scar_score_vs_untreated", "smd"])
    assert found["attrition"].steps == -1
    assert "Alam 2014: 25 %" in found["attrition"].reason


def test_only_a_choice_that_was_seen_costs_a_step(groups):
    unknown = trials(groups, rob_d5_reported_result="some concerns", rob_registration=None)
    found = rated(unknown)["selective reporting"]
    assert (found.steps, found.doubt) == (0, "")
    assert "registration seen for 0 of 3 studies" in found.reason
    assert rated(trials(groups, rob_d5_reported_result="high"))["selective reporting"].steps == -1


def test_no_study_of_the_tables_pays_for_being_read_in_an_abstract(groups):
    assert {rated(g)["selective reporting"].steps for g in groups.values()} == {0}


def test_studies_that_disagree_lower_and_cap(groups):
    found = assess(trials(groups, (-1.2, -6.0, -1.4, -6.4, -5.8, -1.0), n=80))
    domain = found.certainty["inconsistency"]
    assert domain.steps == -2
    assert "6 of 6 studies on the claim's side" in domain.reason
    assert "includes no effect in the next similar study" in found.verdict.reason


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
    assert [grouped.pool_group(g).estimate.ci_high <= 1 for g in sized] == [False, True]


def test_an_interval_from_harm_to_benefit_costs_two_steps(groups):
    found = assess(trials(groups, (-9.0, 9.0, -9.0, 9.0)))
    assert found.certainty["imprecision"].steps == -2
    assert "a benefit and a harm" in found.certainty["imprecision"].reason


@pytest.mark.parametrize(
    ("changes", "steps", "said"),
    [
        ((-4.0, -4.5, -4.2), 0, "all intervals of the studies overlap"),
        ((-1.0, -9.0, -4.0), -1, "not all intervals"),
        ((3.0, -9.0, -4.0), -2, "2 of 3 studies on the claim's side of no effect"),
        ((0.2, -0.4, -0.2), 0, "2 of 3 studies on the claim's side of no effect"),
    ],
)
def test_studies_without_i2_are_judged_by_their_own_intervals(groups, changes, steps, said):
    unknown = dict.fromkeys(("i2", "prediction_low", "prediction_high"), float("nan"))
    found = rated(trials(groups, changes), **unknown)["inconsistency"]
    assert found.steps == steps
    assert said in found.reason
    assert "nan" not in found.reason
    assert bool(found.doubt) == (steps < 0)


def test_a_prediction_interval_counts_without_i2(groups):
    ends = {"i2": float("nan"), "prediction_low": -0.5, "prediction_high": 2.5}
    found = rated(trials(groups, (-4.0, -4.5, -4.2)), **ends)["inconsistency"]
    assert found.steps == -1
    assert "includes no effect in the next similar study" in found.doubt
    assert "prediction interval −0.5 to 2.5 SD" in found.reason


def test_other_patients_than_those_of_the_claim_lower(groups):
    for conditions, steps in (("acne_scar mixed other", -1), ("acne_scar acne_scar other", 0)):
        found = rated(trials(groups, condition=conditions.split()))["indirectness"]
        assert found.steps == steps
        assert bool(found.doubt) == bool(steps)
    assert rated(rates(groups, condition="mixed"))["indirectness"].steps == 0
    assert rated(rates(groups, condition="other"))["indirectness"].steps == -1


def test_an_endpoint_that_stands_for_another_lowers(groups):
    uptake = groups["topical-absorption", "pain_after_anaesthetic", "smd"]
    rows = uptake.rows.assign(condition="acne_scar")
    found = rated(replace(uptake, rows=rows))["indirectness"]
    assert found.steps == -1
    assert "stands for the uptake" in found.doubt
    assert rated(replace(uptake, rows=rows.assign(condition="mixed")))["indirectness"].steps == -2


def test_needling_on_top_of_another_treatment_lowers_claims_on_needling_alone(groups):
    plain = groups["treats-acne-scars", "scar_score", "smc"]
    assert rated(plain)["indirectness"].steps == 0
    added = replace(plain, rows=plain.rows.assign(add_on=True))
    alone = rated(added)["indirectness"]
    assert alone.steps == -1
    assert "on top of another treatment" in alone.reason
    assert rated(trials(groups, add_on=True))["indirectness"].steps == 0


def test_one_condition_under_a_claim_on_scars_is_said_without_a_step(groups):
    found = rated(groups["reduces-scarring", "scar_score_vs_untreated", "smd"])["indirectness"]
    assert (found.steps, found.doubt) == (0, "")
    assert "one condition only (acne scars)" in found.reason


def test_surrogates_are_of_claims_and_endpoints_that_exist():
    rules, known = settings()["indirect"], {claim.id: claim for claim in select(None)}
    assert set(rules["conditions"]) == {claim.group for claim in known.values()}
    assert set(rules["general"]) <= set(known)
    endpoints = load_published().contrasts.groupby("claim_id")["endpoint"].unique()
    for claim, said in rules["endpoints"].items():
        assert set(said) <= set(endpoints[claim])


def test_studies_known_without_a_number_are_suspected_below_ten(groups):
    sound = trials(groups, (-4.0, -4.2, -3.9, -4.1))
    found = checked.checks(sound, egger_studies=10)
    none, few, some = (certainty(sound, found, unseen=n)["publication bias"] for n in (0, 3, 4))
    assert (none.steps, none.doubt) == (0, "")
    assert none.reason == "a funnel plot cannot be judged with fewer than 10 studies"
    assert (few.steps, few.doubt) == (0, "")
    assert few.reason.endswith("3 studies known without a usable number")
    assert some.steps == -1
    assert some.doubt.endswith("suspected: 4 studies known without a usable number")


def test_what_is_missing_counts_once(groups):
    chosen = trials(groups, (-4.0, -4.2, -3.9), rob_d5_reported_result="high")
    found = certainty(chosen, checked.checks(chosen, egger_studies=10), unseen=3)
    assert found["selective reporting"].steps == -1
    assert (found["publication bias"].steps, found["publication bias"].doubt) == (0, "")
    assert "3 studies known without a usable number" in found["publication bias"].reason


def test_egger_is_judged_from_ten_studies_on(groups):
    sizes = [8.0, 9.0, 10.0, 12.0, 14.0, 60.0, 80.0, 100.0, 120.0, 200.0]
    changes = [-9.0, -8.6, -8.8, -8.0, -7.6, -5.2, -4.6, -4.9, -4.4, -4.2]
    sides = {"treated_n": sizes, "reference_n": sizes}
    ten = trials(groups, changes, **sides)
    nine = replace(ten, rows=ten.rows.iloc[1:])
    assert assess(ten).certainty["publication bias"].steps == -1
    assert "small studies differ from large ones" in assess(ten).verdict.reason
    said = assess(nine).certainty["publication bias"]
    assert (said.steps, said.reason) == (
        0, "a funnel plot cannot be judged with fewer than 10 studies",
    )  # fmt: skip


def test_equal_studies_leave_no_funnel_to_judge(groups):
    said = assess(trials(groups, (-4.0,) * 10)).certainty["publication bias"]
    assert said.steps == 0
    assert "equally precise" in said.reason


def test_one_study_that_carries_the_verdict_is_named(groups):
    uneven = trials(groups, (-5.0, -3.0, -3.0), treated_n=[400.0, 30.0, 30.0])
    found = assess(uneven)
    words = {x.label: x.word for x in found.found.left_out}
    assert found.found.found.word != words["Trial 0"]
    assert found.certainty["single studies"].steps == 0
    assert "without" in found.verdict.reason
    assert "Trial 0" in found.verdict.reason


@pytest.mark.parametrize("k", [1, 2])
def test_fewer_than_three_studies_cap(groups, k):
    found = assess(trials(groups, (-9.0,) * k, n=400))
    assert found.verdict.word != "supported"
    assert f"only {k} stud" in found.certainty["single studies"].reason


def test_every_doubt_is_named_not_only_the_first(groups):
    poor = {"design_class": "not randomised", "rob_d4_measurement": "serious"}
    weak = trials(groups, (-9.0,), n=200, **poor)
    reason = assess(weak, Says("2 of 9 studies point the other way")).verdict.reason
    for part in (
        "not randomised",
        "400 of 400 people in studies with high risk of bias",
        "only 1 study",
        "2 of 9 studies",
    ):
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
    pain = groups["little-pain", "pain_0_10", "mean"]
    ahead = replace(pain, rows=pain.rows.assign(design="single_arm"))
    assert rated(ahead)["design"].steps == 0
    back = replace(pain, rows=pain.rows.assign(design="retrospective"))
    assert rated(back)["design"].steps == -1
    assert "retrospective" in rated(back)["design"].doubt


def test_rates_of_harm_from_abstracts_start_at_low(groups):
    found = rated(rates(groups))["design"]
    assert found.steps == -2
    assert "abstracts" in found.doubt
    assert rated(rates(groups, design="case_series"))["design"].steps == -3
    one_in_full = ["paper", *["abstract_or_paper"] * 3]
    assert rated(rates(groups, source=one_in_full))["design"].steps == 0
    assert (
        rated(rates(groups))["selective reporting"].reason
        == "already counted where a rate of harm starts"
    )


def test_counts_that_rest_on_a_sentence_lower_in_the_tables(groups):
    for claim, endpoint in (
        ("rare-bruising", "bruising"),
        ("short-downtime", "resolved_within_2_days"),
    ):
        found = rated(groups[claim, endpoint, "proportion"])["risk of bias"]
        assert found.steps == -1
        assert "counts that rest on a statement only" in found.reason


def test_levels_follow_from_the_steps(groups):
    for group in groups.values():
        found = rated(group)
        lost = -sum(d.steps for d in found.domains)
        assert found.level == LEVELS[min(lost, 3)]
        assert all(-2 <= d.steps <= 0 for d in found.domains[1:])
        assert all(d.reason for d in found.domains)
        assert list(found.to_frame()["domain"]) == [d.name for d in found.domains]


def test_circles_are_drawn_as_grade_draws_them():
    drawn = [Certainty(level=level, domains=()).circles for level in LEVELS]
    assert drawn == ["⨁⨁⨁⨁", "⨁⨁⨁◯", "⨁⨁◯◯", "⨁◯◯◯"]


@pytest.mark.parametrize(
    ("tool", "domains", "levels"),
    [
        ("RoB 2", 5, {"Low", "Some concerns", "High", "No information"}),
        ("ROBINS-I", 7, {"Low", "Moderate", "Serious", "Critical", "No information"}),
    ],
)
def test_robvis_finds_its_columns_and_words(tool, domains, levels):
    published = load_published()
    table = robvis_frame(published, tool=tool)
    names = [f"D{i}" for i in range(1, domains + 1)]
    assert list(table) == ["Study", *names, "Overall"]
    assert len(table) == published.risk_of_bias["rob_tool"].eq(tool).sum()
    assert set(table.drop(columns="Study").stack()) <= levels
    weighed = robvis_frame(published, tool=tool, weight=True)
    assert list(weighed)[-1] == "Weight"
    assert weighed["Weight"].gt(0).all()


def test_robvis_has_each_rating_in_its_place():
    alam = robvis_frame(load_published(), tool="RoB 2").set_index("Study").loc["Alam 2014"]
    assert alam.tolist() == [
        "Some concerns", "Some concerns", "High", "Low", "Some concerns", "High",
    ]  # fmt: skip
    compared = robvis_frame(load_published(), tool="ROBINS-I")
    assert set(compared["D2"]) == set(compared["D3"]) == {"No information"}
    assert set(compared["D1"]) == {"Serious"}
    assert set(compared["D4"]) == {"Moderate"}


def test_another_tool_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'QUADAS-2' is none of RoB 2, ROBINS-I"):
        robvis_frame(load_published(), tool="QUADAS-2")


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
    assert (found["people_share"], found["attrition"]["lost"]) == (0.5, 0.20)
    assert set(found["design"]) == {"randomised", "rate", "harm", "observational", "uncontrolled"}


def test_doubts_are_named_beside_a_verdict_against_the_claim_too():
    against = Verdict(word="contradicted", reasons=(note("short_of_margin"),))
    found = cap(against, (as_given("only 1 study found"),), "rate")
    assert found.word == "contradicted"
    assert found.reason.endswith("; also, only 1 study found")
    open_question = Verdict(word="inconclusive", reasons=(note("holds_limit"),))
    assert cap(open_question, (as_given("only 1 study found"),), "rate") == open_question


def test_pooled_comparisons_that_show_no_cause_do_not_contradict():
    against = Verdict(word="contradicted", reasons=(note("short_of_margin"),))
    found = cap(against, (as_given("no control"),), "uncontrolled")
    assert found.word == "inconclusive"
    towards = Verdict(word="supported", reasons=(note("beyond_margin"),))
    assert cap(towards, (as_given("no control"),), "observational").lacking == ("cause",)
    assert cap(towards, (as_given("few studies"),), "randomised").lacking == ()
