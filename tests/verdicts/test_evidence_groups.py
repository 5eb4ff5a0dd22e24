"""Published trials that may be pooled: what is kept apart, which group decides, what is said."""

import shutil

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.published.extraction import contract
from mnstudy.cohort.published.tables import contrast_counts, contrast_frame, load_published
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.evidence.directions import evidence_state
from mnstudy.verdicts.evidence.effects import scale_ends
from mnstudy.verdicts.evidence.table import evidence_table
from tests.helpers.made_extractions import (
    LOWER,
    Extraction,
    events,
    evidence_of,
    groups_of,
    mean,
)

SCARS, ALL = "treats-acne-scars", "reduces-scarring"


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def shipped(published):
    return [group for claim in select(None) for group in groups_of(published, claim.id)]


def decides(made, folder, claim):
    """Return the studies of the deciding group."""
    return set(groups_of(made.load(folder), claim)[0].rows["study_id"])


# what is never mixed


def test_no_shipped_group_mixes(shipped, published):
    arms = published.arms.set_index(["study_id", "arm_id"])
    outcomes = published.outcomes.set_index("outcome_id")
    designs = published.studies.set_index("study_id")["design"].str.startswith("rct_")
    for group in shipped:
        rows = pd.concat([group.rows, group.stated])
        for column in ("claim_id", "measure", "endpoint", "condition", "add_on"):
            assert rows[column].nunique(dropna=False) == 1, (group.label, column)
        assert rows["study_id"].is_unique
        if group.controlled:
            assert designs[rows["study_id"]].nunique() == 1, group.label
        ends = outcomes.loc[rows["treated_outcome_id"]]
        given = arms.loc[list(zip(rows["study_id"], ends["arm_id"], strict=True))]
        adjuncts = given["adjunct"].mask(given["adjunct"].eq("other"), given["adjunct_detail"])
        assert adjuncts.nunique(dropna=False) == 1
        assert given["treatment"].nunique() == 1
        if group.name in ("md", "mean"):
            assert ends["instrument"].nunique() == 1


def test_groups_of_one_claim_have_names_of_their_own(shipped):
    names = pd.Series([(group.claim.id, group.label) for group in shipped])
    assert not names.duplicated().any()


ADJUNCT = {"modality": "adjunct", "other": "needling"}
APART = {
    "nothing": ({}, {}),
    "design": ({}, {"design": "nonrandomised"}),
    "condition": ({}, {"condition": "burn_scar"}),
    "endpoint": ({}, {"endpoint": "scar_depth"}),
    "adjunct": (ADJUNCT | {"adjunct": "prp"}, ADJUNCT | {"adjunct": "vitamin_c"}),
    "substance": (
        ADJUNCT | {"adjunct": "other", "adjunct_detail": "exosomes"},
        ADJUNCT | {"adjunct": "other", "adjunct_detail": "silk"},
    ),
    "added": ({}, {"add_on": True, "other": "peel"}),
}


@pytest.mark.parametrize("what", APART)
def test_studies_that_differ_are_kept_apart(tmp_path, what):
    claim = "topical-adjunct" if what in ("adjunct", "substance") else ALL
    made = Extraction()
    for name, also in zip("xy", APART[what], strict=True):
        made.study(name, claim, "smd", mean(3, 1, 20), mean(2, 1, 20), **also)
    found = groups_of(made.load(tmp_path), claim)
    assert [len(g.rows) for g in found] == ([2] if what == "nothing" else [1, 1])
    assert len({g.label for g in found}) == len(found)


def test_an_add_on_trial_without_a_reference_arm_is_kept_apart(tmp_path):
    made = Extraction()
    for name, also in (("x", {}), ("y", {"add_on": True})):
        made.study(
            name, SCARS, "proportion", events(15, 20), endpoint="needled_side_better", **also
        )
    found = groups_of(made.load(tmp_path), SCARS)
    assert [g.add_on for g in found] == [False, True]
    assert len({g.label for g in found}) == 2


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        (("VAS", "0-10"), ("VAS", "0-10"), False),
        (("VAS", "0-10"), ("VAS", "0 to 10"), False),
        (("VAS", "0-10"), ("VAS", "0-100"), True),
        (("VAS", "0-10"), ("POSAS", "0-10"), True),
        # the range of this one is known without being printed
        (("Lemperle wrinkle scale", ""), ("Lemperle wrinkle scale", "0-5"), False),
    ],
)
def test_points_of_different_scales_are_kept_apart(tmp_path, first, second, apart):
    made = Extraction()
    for name, (instrument, printed) in zip("xy", (first, second), strict=True):
        also = {"instrument": instrument, "instrument_range": printed}
        made.study(name, SCARS, "md", mean(3, 1, 20), mean(2, 1, 20), **also)
        # in standard deviations the scale is nothing
        made.study(f"{name}sd", SCARS, "smd", mean(3, 1, 20), mean(2, 1, 20), **also)
    found = groups_of(made.load(tmp_path), SCARS)
    points = [g for g in found if g.name == "md"]
    assert len(points) == (2 if apart else 1)
    assert len({g.label for g in points}) == len(points)
    assert [len(g.rows) for g in found if g.name == "smd"] == [2]


# margins of instruments


@pytest.mark.parametrize(
    ("instrument", "printed", "margin"),
    [
        ("VAS", "0-10", 1),
        ("VAS", "0-100 mm", 10),
        ("VAS", "1 to 4", 0.3),
        ("Lemperle wrinkle scale", "", 0.5),
        ("Lemperle wrinkle scale", "0-6", 0.6),  # as printed, before what is known
    ],
)
def test_the_margin_is_a_tenth_of_the_range(tmp_path, instrument, printed, margin):
    made = Extraction()
    also = {"instrument": instrument, "instrument_range": printed}
    made.study("x", SCARS, "md", mean(3, 1, 20), mean(2, 1, 20), **also)
    (group,) = groups_of(made.load(tmp_path), SCARS)
    assert group.measure.margin == pytest.approx(margin)
    assert (group.measure.low, group.measure.high) == (-10 * margin, 10 * margin)


@pytest.mark.parametrize("printed", ["", "10-0", "points"])
def test_points_on_a_scale_nobody_knows_describe(tmp_path, printed):
    made = Extraction()
    also = {"instrument": "own score", "instrument_range": printed}
    made.study("x", SCARS, "md", mean(30, 1, 20), mean(2, 1, 20), **also)
    found = mn.evidence(SCARS, data=made.load(tmp_path))[0]
    assert (found.verdict, found.estimate) == ("not testable", None)
    assert found.reason == "the range of the scale is not known, so no margin can be set"
    assert scale_ends("own score", printed) is None


def test_a_level_lies_within_its_scale_and_a_change_may_fall(tmp_path):
    made = Extraction()
    also = {"instrument": "VAS pain", "instrument_range": "0-10", "orientation": LOWER}
    made.study("x", "little-pain", "mean", mean(2, 1, 20), endpoint="pain_0_10", **also)
    (group,) = groups_of(made.load(tmp_path), "little-pain")
    assert (group.measure.low, group.measure.high, group.measure.margin) == (0, 10, 3)


# which group decides: every step of the rule, all later steps against it

PROPORTION = {"endpoint": "response_good_or_better"}
RESPONSE = {"endpoint": "response_50"}


def treated(made, names, *, n=20, claim=SCARS, **also):
    for name in names:
        made.study(name, claim, "smd", mean(3, 1, n), mean(2, 1, n), **also)


def changed(made, names, *, n=20, **also):
    for name in names:
        made.study(
            name, SCARS, "smc", mean(2, 1, n), before=mean(3, 1, n), orientation=LOWER, **also
        )


def share(made, names, *, n=20, **also):
    for name in names:
        made.study(name, SCARS, "proportion", events(n - 1, n), **also)


def odds(made, names, *, n=20, **also):
    for name in names:
        made.study(name, SCARS, "odds_ratio", events(n - 1, n), events(3, n), **RESPONSE, **also)


STEPS = {
    "a test before what describes": [(changed, "a", {}), (share, "bcd", {"n": 90, **PROPORTION})],
    "randomised before randomised add-on": [
        (odds, "a", {}), (treated, "bcd", {"n": 90, "add_on": True, "other": "peel"}),
    ],
    "randomised add-on before not randomised": [
        (odds, "a", {"add_on": True, "other": "peel"}),
        (treated, "bcd", {"n": 90, "design": "nonrandomised"}),
    ],
    "not randomised before one group": [
        (odds, "a", {"design": "nonrandomised"}), (changed, "bcd", {"n": 90}),
    ],
    "several before one": [(odds, "ab", {}), (treated, "c", {"n": 90})],
    "a scale before a threshold": [(treated, "ab", {}), (odds, "cde", {"n": 90})],
    "more studies": [(treated, "abc", {}), (treated, "de", {"n": 90, "endpoint": "scar_depth"})],
    "more people": [(treated, "ab", {"n": 21}), (treated, "cd", {"endpoint": "a_word_before"})],
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("turned", [False, True])
def test_which_group_decides(tmp_path, step, turned):
    made = Extraction()
    for make, names, also in reversed(STEPS[step]) if turned else STEPS[step]:
        make(made, names, **also)
    assert decides(made, tmp_path, SCARS) == set(STEPS[step][0][1])


def test_what_was_counted_decides_before_what_was_only_stated(tmp_path):
    made = Extraction()
    also = {"endpoint": "pih", "orientation": LOWER}
    made.study("a", "rare-pih", "proportion", events(1, 20), condition="melasma", **also)
    for name in "bcd":
        made.study(name, "rare-pih", "proportion", events(0, 90), basis="sentence", **also)
    assert decides(made, tmp_path, "rare-pih") == {"a"}


def test_for_side_effects_counts_decide_before_durations_and_pain(tmp_path):
    claim, made = "gentler-than-laser", Extraction()
    also = {"other": "laser", "orientation": LOWER}
    made.study("a", claim, "risk_difference", events(1, 9), events(4, 9), endpoint="pih", **also)
    for name in "bcd":
        days = mean(1, 1, 90), mean(3, 1, 90)
        made.study(name, claim, "md", *days, endpoint="days_of_side_effects", **also)
    assert decides(made, tmp_path, claim) == {"a"}


# what some claims and endpoints can carry


def test_a_responder_against_the_untreated_half_is_controlled_and_randomised(tmp_path, trials):
    found = trials["treats-surgical-scars"]
    assert found.comparison == "randomised"
    assert {p.control for p in found.parts} == {"controlled"}
    made = Extraction()
    for name, design in (("a", "rct_split_body"), ("b", "nonrandomised")):
        also = {"design": design, "endpoint": "responder_vs_untreated"}
        made.study(name, SCARS, "proportion", events(15, 20), **also)
    first, second = groups_of(made.load(tmp_path), SCARS)
    assert (first.comparison, second.comparison) == ("randomised", "observational")
    assert first.controlled
    assert second.controlled


def test_time_is_not_judged_in_standard_deviations(trials):
    found = trials["weeks-to-results"]
    assert (found.verdict, found.estimate) == ("not testable", None)
    assert found.parts
    assert "not after how many weeks" in found.reason


def test_an_effect_at_the_last_visit_is_not_a_lasting_one(tmp_path, published):
    found = evidence_of(published, "results-last")
    assert found.deciding is None  # minh2019 was seen 8 weeks after the last session
    why = {g.endpoint: g.measure.describes for g in found.groups}
    assert "8 weeks after the last session" in why["change_after_end"]
    assert "no earlier visit" in why["effect_at_last_visit"]
    made = Extraction()
    treated(made, "abc", claim="results-last", endpoint="effect_at_last_visit")
    alone = mn.evidence("results-last", data=made.load(tmp_path))[0]
    assert (alone.verdict, alone.estimate) == ("not testable", None)


@pytest.mark.parametrize(
    ("endpoint", "tests"),
    [
        ("response_good_or_better", False),
        ("response_25", False),
        ("any_improvement", False),
        ("improved_1_grade", False),
        ("total_effective_rate", False),
        ("response_50", True),
        ("responder_vs_untreated", True),
    ],
)
def test_a_share_without_a_stated_definition_describes_only(tmp_path, endpoint, tests):
    made = Extraction()
    share(made, "abcdef", n=90, endpoint=endpoint)
    found = mn.evidence(SCARS, data=made.load(tmp_path))[0]
    assert (found.estimate is not None) == tests
    assert (found.verdict == "not testable") != tests
    assert len([p for p in found.parts if p.kind == "study"]) == 6


def test_an_odds_ratio_of_any_endpoint_tests(tmp_path):
    made = Extraction()
    for name in "ab":
        cells = {"endpoint": "response_good_or_better"}
        made.study(name, SCARS, "odds_ratio", events(15, 20), events(5, 20), **cells)
    assert mn.evidence(SCARS, data=made.load(tmp_path))[0].estimate.unit == "odds ratio"


@pytest.mark.parametrize(
    "claim", ["treats-active-acne", "maintenance", "rf-combination", "treats-enlarged-pores"]
)
def test_radiofrequency_only(published, claim):
    assert evidence_state(next(iter(select(claim))), published).word == "radiofrequency only"


def test_what_was_not_all_radiofrequency_is_not_called_so(tmp_path):
    made = Extraction()
    made.study("x", SCARS, "smd", mean(3, 1, 20), mean(2, 1, 20))
    cells = {
        "claim_id": "maintenance", "study_id": "x", "condition": "acne_scar",
        "design": "rct_parallel", "comparison": "vs_active", "treated": "t", "reference": "r",
        "direction": "favours_claim",
        "significance": "not_tested", "assessor_blinded": "yes", "outcome_ids": "x.treated",
        "basis": "words",
    }  # fmt: skip
    words = {}
    for kinds in (("rf", "rf_adjunct"), ("rf", "combination")):
        made.rows["directions"] = []
        for i, modality in enumerate(kinds):
            made.row("directions", **cells, direction_id=f"d{i}", modality=modality)
        state = evidence_state(next(iter(select("maintenance"))), made.load(tmp_path))
        words[kinds[1]] = state.word
    assert words == {"rf_adjunct": "radiofrequency only", "combination": "nothing found"}


# add-on trials


def test_add_on_trials_speak_only_to_whether_it_works(published):
    works = set(contract()["primary_references"][0]["claims"])
    assert set(published.add_on["claim_id"]) <= works
    counted = contrast_counts(published).set_index("claim_id")["contrasts"]
    assert counted.sum() == len(published.contrasts)
    assert contrast_frame(published)["add_on"].sum() == len(published.add_on) == 3


def test_an_add_on_trial_decides_only_where_nothing_better_is_there(tmp_path, published):
    for claim in ("treats-sun-damage", "evens-tone"):
        found = evidence_of(published, claim)
        assert found.deciding.group.add_on
        assert found.state.word == "add-on"
        better = [g for g in found.groups if g.design_class == "randomised" and not g.add_on]
        assert not [g for g in better if not g.measure.describes]
    made = Extraction()
    treated(made, "abc", add_on=True, other="peel")
    changed(made, "de")
    assert decides(made, tmp_path, SCARS) == {"a", "b", "c"}
    treated(made, "f")
    found = groups_of(made.load(tmp_path), SCARS)
    assert set(found[0].rows["study_id"]) == {"f"}
    assert [g.add_on for g in found] == [False, True, False]
    state = evidence_state(next(iter(select(SCARS))), made.load(tmp_path))
    assert (state.primary, state.word) == (3, "single study")  # add-on trials are no contrasts


# a study that decides several claims


def test_a_study_that_decides_several_claims_is_named_in_each(tmp_path, published):
    made = Extraction()
    treated(made, "a")
    made.under(ALL).under("smooths-texture")
    three = made.load(tmp_path)
    ids = {SCARS, ALL, "smooths-texture"}
    for claim in ids:
        ((_, people, others),) = evidence_of(three, claim).also_decides
        assert (people, set(others)) == (20, ids - {claim})
        notes = mn.evidence(claim, data=three)[0].notes
        assert any("the same 20 needled patients of" in n for n in notes), notes
    treated(made, "b")  # now two studies decide this claim, and one of them the others too
    more = made.load(tmp_path)
    ((_, _, others),) = evidence_of(more, SCARS).also_decides
    assert set(others) == {ALL, "smooths-texture"}
    ((_, _, others),) = evidence_of(more, ALL).also_decides
    assert set(others) == {SCARS, "smooths-texture"}
    # alam2014 and skinstylus2020: the first decides both, the second only one of its claims
    assert [x[2] for x in evidence_of(published, ALL).also_decides] == [(SCARS,)]
    assert evidence_of(published, "treats-surgical-scars").also_decides == ()


# order of the tables


def test_the_order_of_rows_is_nothing(tmp_path, trials):
    folder = shutil.copytree(data_dir() / "published", tmp_path / "mine")
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table.sample(frac=1, random_state=7).to_csv(path, index=False)
    pd.testing.assert_frame_equal(
        evidence_table(data=folder).drop(columns="sha256"),
        evidence_table().drop(columns="sha256"),
        check_exact=True,
    )
    mine = mn.evidence(data=folder).to_frame().drop(columns="sha256")
    pd.testing.assert_frame_equal(mine, trials.to_frame().drop(columns="sha256"), check_exact=True)
