"""Directions of effect: the counts of the dictionary, what tests a claim, and what lowers it."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.stats.meta.directions import direction_share
from mnstudy.verdicts.claims.registry import claim, registry, select
from mnstudy.verdicts.evidence.directions import (
    DIRECTIONS,
    KINDS,
    ROLES,
    STATES,
    directions_of,
    evidence_state,
    read,
)

# in favour / no difference / against / mixed as entered: controlled, within arms, uncontrolled
COUNTS = """
reduces-scarring plain 4/1/1/0 - 49/3/0/0
reduces-scarring all 8/3/4/1 - 99/5/0/0
treats-acne-scars plain 3/1/1/0 - 41/3/0/0
treats-acne-scars all 5/2/4/1 - 83/3/0/0
treats-stretch-marks plain 2/0/0/0 - 8/0/0/0
treats-stretch-marks all 2/0/0/0 - 11/0/0/0
treats-burn-scars plain - - 1/0/0/0
treats-burn-scars all 0/1/0/0 - 4/2/0/0
treats-surgical-scars plain 1/0/0/0 - 1/0/0/0
treats-surgical-scars all 1/0/0/0 - 2/0/0/0
treats-sun-damage plain - - 6/0/1/0
treats-sun-damage all 3/0/0/0 - 14/0/1/0
treats-wrinkles plain - - 4/0/1/0
treats-wrinkles all 1/0/0/0 - 14/0/1/0
treats-enlarged-pores plain - - -
treats-enlarged-pores all 0/0/2/0 - 5/0/0/0
treats-skin-laxity plain - - 2/0/1/0
treats-skin-laxity all 0/0/1/0 - 10/1/1/0
reduces-scar-depth plain - - 2/0/0/0
reduces-scar-depth all - - 3/0/0/0
smooths-texture plain - - 5/0/0/0
smooths-texture all 2/0/0/0 - 8/0/0/0
evens-tone plain 0/1/0/0 - 8/0/0/0
evens-tone all 21/4/1/1 - 35/0/0/0
satisfies-patients plain - - 9/0/0/0
satisfies-patients all - - 20/0/1/1
scar-type-matters plain - 6/1/0/0 -
scar-type-matters all - 8/2/0/0 -
severity-matters plain - 2/1/0/0 -
severity-matters all - 5/4/0/0 -
skin-type-matters plain - 1/2/0/0 -
skin-type-matters all - 1/2/0/0 -
more-sessions plain - 1/0/0/1 -
more-sessions all - 4/0/0/1 -
deeper-needling plain - 1/0/0/0 -
deeper-needling all - 1/0/0/0 -
weeks-to-results plain - - 3/0/0/0
weeks-to-results all 3/0/0/0 - 6/0/0/0
results-last plain 1/0/0/0 1/0/0/0 0/0/1/0
results-last all 2/0/0/0 5/0/0/1 3/2/1/1
maintenance plain - - -
maintenance all 1/0/0/0 - -
topical-adjunct plain - - -
topical-adjunct all 30/7/1/1 - -
topical-absorption plain 3/0/0/0 2/1/0/0 -
topical-absorption all 7/0/0/0 3/1/0/1 -
rf-combination plain - - -
rf-combination all 4/0/0/0 - 40/0/0/0
comparable-to-laser plain 8/0/4/2 - -
comparable-to-laser all 22/0/10/2 - -
gentler-than-laser plain 3/0/0/2 - -
gentler-than-laser all 8/1/1/3 - -
comparable-to-peel plain 8/0/0/0 - -
comparable-to-peel all 9/0/1/0 - -
gentler-than-peel plain 1/0/0/0 - -
gentler-than-peel all 1/0/0/0 - -
short-downtime plain - - 2/0/2/0
short-downtime all - - 5/0/5/0
little-pain plain - - 2/0/4/0
little-pain all - - 4/0/10/0
rare-infection plain - - 1/0/1/0
rare-infection all - - 2/0/3/0
rare-pih plain - - 6/0/4/0
rare-pih all - - 11/0/7/0
rare-worsening plain - - 2/0/1/0
rare-worsening all - - 5/0/2/0
more-collagen plain 1/0/0/0 - 7/0/0/0
more-collagen all 1/0/0/0 - 11/1/0/0
more-elastin plain - - 4/0/2/0
more-elastin all - - 8/0/2/0
remodels-fibrosis plain 1/0/0/0 - 1/0/0/0
remodels-fibrosis all 1/0/0/0 - 3/0/0/0
blood-flow plain - - 0/0/1/0
blood-flow all - - 0/0/1/0
treats-active-acne plain - - -
treats-active-acne all 2/0/0/0 - 2/0/0/0
"""

GROUPS = json.loads(
    (Path(__file__).parents[1] / "reference/published_groups.json").read_text("utf-8")
)["groups"]
APART = "shown apart: another condition, design or endpoint, or events only stated to be absent"

# contrasts, primary | primary by measure | by endpoint
CONTRASTS = """
reduces-scarring 38 28 | proportion 21, smc 6, smd 1 | response_good_or_better 8,
    improved_1_grade 7, scar_score 6, any_improvement 3, scar_score_vs_untreated 1, response_50 1,
    improved_2_grades 1, responder_vs_untreated 1
treats-acne-scars 32 24 | proportion 18, smc 5, smd 1 | response_good_or_better 7,
    improved_1_grade 6, scar_score 5, any_improvement 3, scar_score_vs_untreated 1, response_50 1,
    improved_2_grades 1
treats-stretch-marks 7 4 | proportion 3, mean 1 | response_50 3, improvement_vas_0_10 1
treats-burn-scars 2 1 | smc 1 | scar_score 1
treats-surgical-scars 1 1 | proportion 1 | responder_vs_untreated 1
treats-sun-damage 8 4 | mean 2, proportion 2 | wrinkle_points_improved 2,
    response_good_or_better 1, response_25 1
treats-wrinkles 5 2 | mean 2 | wrinkle_points_improved 2
treats-active-acne 1 0 | - | -
treats-enlarged-pores 1 0 | - | -
treats-skin-laxity 4 1 | mean 1 | laxity_points_improved 1
reduces-scar-depth 0 0 | - | -
smooths-texture 3 3 | proportion 2, mean 1 | texture_points_improved 1, response_good_or_better 1,
    response_25 1
evens-tone 18 3 | proportion 2, smc 1 | pigment_score 1, response_25 1, response_75 1
satisfies-patients 13 4 | proportion 4 | satisfied 4
scar-type-matters 2 0 | - | -
severity-matters 7 1 | risk_difference 1 | improved_2_grades 1
skin-type-matters 0 0 | - | -
more-sessions 2 1 | smc 1 | pigment_score 1
deeper-needling 0 0 | - | -
weeks-to-results 4 3 | smc 2, smd 1 | earliest_time 3
results-last 3 2 | smd 1, smc 1 | effect_at_last_visit 1, change_after_end 1
maintenance 0 0 | - | -
topical-adjunct 12 6 | odds_ratio 3, smd 3 | response_50 2, response_good_or_better 1,
    pigment_score 1, scar_score_change 1, scar_score 1
topical-absorption 3 3 | smd 3 | pain_after_anaesthetic 3
rf-combination 28 19 | proportion 14, smc 5 | any_improvement 5, response_good_or_better 4,
    scar_score 3, improved_1_grade 2, response_25 2, wrinkle_score 1, volume 1, response_50 1
rf-vs-plain 0 0 | - | -
comparable-to-laser 10 2 | smd 2 | scar_score 2
gentler-than-laser 10 3 | risk_difference 2, md 1 | pih 2, days_of_side_effects 1
comparable-to-peel 6 5 | odds_ratio 5 | response_good_or_better 3, improved_1_grade 1,
    improved_2_grades 1
gentler-than-peel 1 0 | - | -
short-downtime 5 3 | proportion 2, mean 1 | resolved_within_2_days 2, days_of_side_effects 1
little-pain 10 4 | mean 3, proportion 1 | pain_0_10 3, no_or_mild_pain 1
rare-infection 8 3 | proportion 3 | infection 3
rare-bruising 5 4 | proportion 4 | bruising 4
rare-pih 22 11 | proportion 11 | pih 11
rare-worsening 7 3 | proportion 3 | scarring_worsened 1, adverse_outcome_any 1,
    adverse_event_persisting 1
home-riskier 0 0 | - | -
shallow-safer 0 0 | - | -
more-collagen 3 1 | proportion 1 | collagen_increase 1
more-elastin 2 0 | - | -
remodels-fibrosis 2 0 | - | -
blood-flow 0 0 | - | -
"""

# Worked out from README.md and DIRECTIONS.md of the tables: designs, conditions and substances of
# the primary contrasts, what they count, and which directions there are without them.
STATE = {
    "pooled": "treats-stretch-marks treats-wrinkles rare-bruising rare-pih",
    "single study": """
        reduces-scarring treats-acne-scars treats-surgical-scars treats-burn-scars
        treats-skin-laxity smooths-texture satisfies-patients severity-matters more-sessions
        topical-adjunct topical-absorption comparable-to-laser gentler-than-laser
        comparable-to-peel short-downtime little-pain rare-infection rare-worsening more-collagen
    """,
    "add-on": "treats-sun-damage evens-tone",
    "described only": "weeks-to-results results-last",
    "radiofrequency only": "treats-enlarged-pores treats-active-acne maintenance rf-combination",
    "directions only": """
        reduces-scar-depth scar-type-matters skin-type-matters deeper-needling
        gentler-than-peel more-elastin remodels-fibrosis blood-flow
    """,
    "meta-analysis only": "",
    "nothing found": "spaced-sessions home-riskier shallow-safer deeper-more-collagen",
}


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def found(published):
    return {c.id: directions_of(c, published) for c in select(None)}


def records(text):
    lines = text.strip().replace("\n    ", " ").splitlines()
    return [line.split() if "|" not in line else line.split(" | ") for line in lines]


def counts(table, kind):
    part = table[table["kind"] == kind]
    return "/".join(str(part[word].sum()) for word in DIRECTIONS) if len(part) else "-"


# the counts of the dictionary


@pytest.mark.parametrize("record", records(COUNTS), ids=lambda r: f"{r[0]}-{r[1]}")
def test_counts_by_kind(found, record):
    name, modality, *wanted = record
    table = found[name].table
    if modality == "plain":
        table = table[table["modality"] == "plain"]
    kinds = ("controlled", "within_arms", "uncontrolled")
    assert [counts(table, kind) for kind in kinds] == wanted


def test_claims_without_a_row(found, published):
    listed = {record[0] for record in records(COUNTS)}
    assert {name for name, x in found.items() if x.rows.empty} == set(found) - listed
    assert sum(len(x.rows) for x in found.values()) == len(published.directions) == 684


def test_what_favours_is_made_of_under_comparable(found):
    wanted = {
        ("comparable-to-laser", "plain"): (3, 5, 4, 2),
        ("comparable-to-laser", "rf"): (4, 4, 5, 0),
        ("comparable-to-laser", "adjunct"): (3, 2, 1, 0),
        ("comparable-to-peel", "plain"): (4, 2, 0, 0),
        ("comparable-to-peel", "adjunct"): (0, 0, 1, 0),
    }
    for (name, modality), cells in wanted.items():
        rows = found[name].rows
        rows = rows[rows["modality"] == modality]
        table = found[name].table
        none = rows["counts_as"].eq("no_difference").sum()
        assert table.loc[table["modality"] == modality, "not_worse"].sum() == none
        before = rows[counted_before(rows)]
        assert tuple(before["counts_as"].eq(word).sum() for word in DIRECTIONS) == cells
    # the fifth search: one laser without pulses left behind, two peels behind and one not worse
    later = pd.concat([found[f"comparable-to-{x}"].rows for x in ("laser", "peel")])
    later = later[~counted_before(later)].set_index("direction_id")["counts_as"]
    assert later.drop("nd029").eq("favours_claim").all()
    assert (later.size, later["nd029"]) == (4, "no_difference")


def counted_before(rows):
    """Tell which rows the finer tables of the dictionary count: those before the fifth search."""
    return rows["direction_id"].str.startswith("d").astype(bool)


def test_head_to_head_and_added_needling(found):
    """In favour / no difference / against / mixed of vs_active rows, by the opening of the note."""
    wanted = {
        ("reduces-scarring", "head-to-head"): (2, 1, 4, 1),
        ("reduces-scarring", "add-on"): (2, 1, 0, 0),
        ("treats-acne-scars", "head-to-head"): (1, 1, 4, 1),
        ("treats-acne-scars", "add-on"): (1, 1, 0, 0),
        ("treats-enlarged-pores", "head-to-head"): (0, 0, 2, 0),
        ("evens-tone", "head-to-head"): (3, 0, 1, 1),
        ("evens-tone", "add-on"): (8, 1, 0, 0),
        ("treats-stretch-marks", "head-to-head"): (1, 0, 0, 0),
        ("treats-sun-damage", "add-on"): (1, 0, 0, 0),
        ("treats-wrinkles", "add-on"): (1, 0, 0, 0),
        ("treats-skin-laxity", "head-to-head"): (0, 0, 1, 0),
        ("smooths-texture", "add-on"): (1, 0, 0, 0),
        ("weeks-to-results", "add-on"): (2, 0, 0, 0),
        ("more-collagen", "head-to-head"): (1, 0, 0, 0),
    }
    for (name, word), cells in wanted.items():
        rows = found[name].rows[counted_before(found[name].rows)]
        rows = rows[rows["note"].str.startswith(word).fillna(False)]
        assert set(rows["comparison"]) == {"vs_active"}
        assert tuple(rows["direction"].eq(x).sum() for x in DIRECTIONS) == cells
        if word == "head-to-head":
            assert "tests" not in set(rows["role"])


def test_exact_p_values(found):
    rows = pd.concat([x.rows for x in found.values()])
    assert rows["p_one_sided"].notna().sum() == 45
    assert rows[["p_one_sided", "n"]].notna().all(axis=1).sum() == 42


# what tests a claim


def test_every_row_has_a_kind_and_a_role(found):
    rows = pd.concat([x.rows for x in found.values()])
    assert set(rows["role"]) == set(ROLES) - {"same people"}
    assert set(rows["kind"]) == set(KINDS.values())
    assert rows["label"].notna().all()


def that_test(found, name):
    return found[name].rows[found[name].rows["role"] == "tests"]


def test_modality_is_that_of_the_primary_contrasts(found):
    assert set(that_test(found, "topical-adjunct")["modality"]) == {"adjunct"}
    for name in found:
        if name not in ("topical-adjunct", "rf-combination"):
            other = that_test(found, name).query("modality != 'plain'")
            assert other["note"].str.startswith("add-on").all()
            assert "rf" not in set(other["modality"])


def test_needling_added_to_another_treatment_tests_needling_unless_it_is_rf(found):
    added = that_test(found, "evens-tone").query("kind == 'controlled'")
    # 9 before the fifth search without radiofrequency added to laser toning, 9 after it, and the
    # one study with an untreated side
    assert len(added) == 9 - 1 + 9 + 1
    assert "jung2019" not in set(added["study_id"])
    scars = that_test(found, "reduces-scarring").query("kind == 'controlled'")
    assert set(scars["study_id"]) == {
        "alam2014", "skinstylus2020", "needling_silicone2016", "vishwanath2022",
    }  # fmt: skip


def test_before_and_after_of_rf_only_describes(found):
    rows = found["rf-combination"].rows
    assert list(rows.loc[rows["role"] == "tests", "study_id"]) == ["ecmc2022"]
    assert rows["role"].eq("describes").sum() == 40 + 3  # and against an untreated side


def test_laboratory_studies_are_not_people(found):
    assert found["topical-absorption"].rows["role"].eq("laboratory").sum() == 4


def test_people_of_one_study_count_once(published):
    claimed = directions_of(claim("reduces-scarring"), published)
    first, second = that_test({"x": claimed}, "x").query("kind == 'uncontrolled'")["study_id"][:2]
    studies = published.studies.copy()
    studies.loc[studies["study_id"] == second, "overlaps_with"] = first
    again = directions_of(
        claim("reduces-scarring"), dataclasses.replace(published, studies=studies)
    )
    rows = again.rows[again.rows["study_id"] == second]
    assert "same people" in set(rows["role"])
    assert again.share("uncontrolled").k == claimed.share("uncontrolled").k - 1
    assert "1 on people counted already" in again.sentence


def test_not_worse_is_neither_for_nor_against(found):
    laser = found["comparable-to-laser"].share("controlled")
    assert (laser.favouring, laser.against, laser.no_difference, laser.mixed) == (3, 4, 5, 2)
    plain = found["comparable-to-laser"].table.query("modality == 'plain'")
    assert plain["favours_claim"].sum() == 8


def test_comparable_without_the_key_word_is_no_support(published):
    table = published.directions.copy()
    table["note"] = table["note"].str.replace("needling better", "fine", regex=False)
    bare = directions_of(
        claim("comparable-to-peel"), dataclasses.replace(published, directions=table)
    )
    assert bare.share("controlled").favouring == 0
    assert bare.share("controlled", outside=True).no_difference == 8 - 1  # ishfaq2022 decides
    assert bare.doubt("observational") is None  # not worse does not speak against the claim either


def test_controlled_and_uncontrolled_are_never_added(found):
    scars = found["reduces-scarring"]
    assert scars.kinds == ("controlled", "uncontrolled")
    assert (scars.share("controlled").k, scars.share("uncontrolled").k) == (3, 49)
    with pytest.raises(ValueError, match="kind must be one of controlled, within_arms"):
        scars.share("all")


def test_pooled_rows_are_those_of_primary_contrasts(found, published):
    frame = contrast_frame(published)
    primary = frame[frame["primary"]]
    for name, x in found.items():
        studies = set(primary.loc[primary["claim_id"] == name, "study_id"])
        assert set(x.rows.loc[x.rows["pooled"], "study_id"]) <= studies, name
        assert x.rows.loc[x.rows["in_estimate"], "pooled"].all(), name
    assert found["rare-pih"].rows["pooled"].sum() == 10  # the eleventh study prints no direction
    short = found["short-downtime"].rows.set_index("study_id")
    # named by no contrast_id, but their counts are primary ones; counted days decide
    stated = short.loc[["dermaroller_hk2018", "minh2019"], ["pooled", "in_estimate"]]
    assert stated.eq([True, False]).all(axis=None)
    assert short.loc["striae_needling_vs_nafl", ["pooled", "in_estimate"]].all()


# words


def test_reading():
    assert str(read(direction_share(28, 3))) == (
        "most studies point towards the claim (28 of 31 with a direction, 74 to 98 %; "
        "28 of 31 in all)"
    )
    assert str(read(direction_share(0, 6))) == (
        "most studies point away from the claim (0 of 6 with a direction, 0 to 46 %; 0 of 6 in all)"
    )
    assert str(read(direction_share(4, 4, mixed=1))) == (
        "directions disagree (4 of 8 with a direction, 16 to 84 %; 4 of 9 in all), 1 mixed"
    )
    assert str(read(direction_share(4, 1))) == (
        "too few for a test (4 of 5 with a direction point towards the claim, 4 of 5 in all)"
    )
    assert str(read(direction_share(0, 0, no_difference=2))) == (
        "no study with a direction, 2 without difference"
    )


def test_sentence(found):
    said = found["comparable-to-laser"].sentence
    assert said.startswith(
        "controlled: directions disagree (3 of 7 with a direction, 10 to 82 %; 3 of 14 in all), "
        "5 without difference, 2 mixed"
    )
    assert "12 of 14 studies could not be pooled" in said
    assert "20 of another kind of needling" in said
    said = found["evens-tone"].sentence
    assert "controlled by another treatment with and without needling: 17" in said
    assert found["rare-bruising"].sentence == "no study reports a direction"
    for x in found.values():
        assert "equivalen" not in x.sentence


def entered(published, name, comparison, words):
    """Return the directions of a claim when these are all there are, one study each."""
    table = published.directions
    rows = table[table["claim_id"].eq(name) & table["comparison"].eq(comparison)]
    rows = rows[rows["modality"].eq("plain")].head(len(words)).copy()
    assert len(rows) == len(words)
    rows = rows.assign(direction=words, note="needling better")
    return directions_of(claim(name), dataclasses.replace(published, directions=rows))


def test_both_denominators_are_told(published):
    """Of 23 studies 18 have a direction; 17 of these point towards the claim."""
    words = ["favours_claim"] * 17 + ["against_claim"] + ["no_difference"] * 3 + ["mixed"] * 2
    said = str(entered(published, "reduces-scarring", "before_after", words).read("uncontrolled"))
    assert said == (
        "17 of 18 with a direction point towards the claim, 17 of 23 in all, "
        "3 without difference, 2 mixed"
    )


@pytest.mark.parametrize(
    ("name", "comparison", "tested"),
    [
        ("reduces-scarring", "vs_untreated", True),
        ("comparable-to-laser", "vs_active", True),
        ("more-sessions", "within_arms", True),
        # a claim that something matters has no side
        ("scar-type-matters", "within_arms", False),
        ("severity-matters", "within_arms", False),
        ("skin-type-matters", "within_arms", False),
        # nearly all of these point up, whatever is done
        ("reduces-scarring", "before_after", False),
        ("rare-pih", "rate", False),
    ],
)
def test_no_limits_where_a_test_makes_no_sense(published, name, comparison, tested):
    x = entered(published, name, comparison, ["favours_claim"] * 2)
    (kind,) = x.kinds
    assert x.tested(kind) == tested
    said = str(x.read(kind))
    assert ("too few for a test" in said) == tested
    assert "2 of 2 with a direction point towards the claim, 2 of 2 in all" in said


def test_no_sentence_of_counts_has_a_limit(found):
    for x in found.values():
        for kind in x.kinds:
            if not x.tested(kind):
                assert "%" not in str(x.read(kind))
                assert "%" not in (x.doubt("uncontrolled") or "").split("uncontrolled studies")[-1]


def test_before_and_after_is_doubted_by_its_counts(published):
    """As many against as towards: no limits needed, and none printed."""
    words = ["favours_claim", "against_claim", "favours_claim", "against_claim"]
    x = entered(published, "treats-wrinkles", "before_after", words)
    outside = x.share("uncontrolled", outside=True)
    assert outside.against >= outside.favouring
    assert x.doubt("uncontrolled") == (
        f"uncontrolled studies that are not behind the estimate: {outside.favouring} towards the "
        f"claim, {outside.against} against it"
    )


# doubts

# little-pain is beyond its limit, so that a caller passes favours=False and gets no doubt
# in favour / against outside the estimate: laxity 1/1, little-pain 2/3, laser 2/4; short-downtime
# 2/1 and treats-wrinkles 2/1 lean towards the claim, and no test is made of these
LOWERED = {"treats-skin-laxity", "comparable-to-laser", "little-pain"}


def test_which_estimates_the_directions_lower(found, trials):
    doubted = {f.claim.id for f in trials if f.estimate and found[f.claim.id].doubt(f.comparison)}
    assert doubted == LOWERED
    assert found["comparable-to-laser"].doubt("observational") == (
        "controlled studies that are not behind the estimate: 2 towards the claim, 4 against it "
        "(share in favour 4 to 78 %), 5 without difference, 2 mixed"
    )


def test_doubt_never_raises(found):
    for x in found.values():
        for comparison in ("randomised", "observational", "within", "uncontrolled", "rate"):
            assert x.doubt(comparison, favours=False) is None
    for name, x in found.items():
        if not that_test(found, name).query("direction != 'favours_claim'").size:
            assert x.doubt("uncontrolled") is None, name


def test_uncontrolled_directions_say_nothing_about_a_randomised_estimate(found):
    assert found["treats-skin-laxity"].doubt("uncontrolled")
    assert found["treats-skin-laxity"].doubt("randomised") is None


def with_directions(published, name, **turned):
    """Turn the directions of named studies under a claim."""
    table = published.directions.copy()
    for study, direction in turned.items():
        rows = table["claim_id"].eq(name) & table["study_id"].eq(study)
        table.loc[rows & table["comparison"].ne("before_after"), "direction"] = direction
    return directions_of(claim(name), dataclasses.replace(published, directions=table))


def test_two_controlled_studies_against_lower_it_however_many_favour(published):
    against = {"exosome2023": "against_claim"}  # merati2020 is against already
    turned = with_directions(published, "topical-adjunct", **against)
    share = turned.share("controlled", outside=True)
    assert (share.against, turned.share("controlled").favouring) == (2, 17 + 4 - 1)
    assert "2 against it" in turned.doubt("observational")


def test_a_study_behind_the_estimate_is_not_held_against_it_twice(published):
    turned = with_directions(
        published, "rare-infection", **dict.fromkeys(published.studies["study_id"], "against_claim")
    )
    assert turned.share("uncontrolled").against == 2
    assert turned.doubt("rate") is None


def test_more_against_never_takes_a_doubt_away(published, found):
    for name in ("topical-adjunct", "more-elastin", "comparable-to-laser", "short-downtime"):
        for study in that_test(found, name).query("counts_as == 'favours_claim'")["study_id"]:
            before = found[name].doubt("uncontrolled")
            after = with_directions(published, name, **{study: "against_claim"})
            assert not before or after.doubt("uncontrolled"), (name, study)


def test_an_unknown_comparison(found):
    with pytest.raises(ValueError, match="comparison must be one of randomised"):
        found["rare-pih"].doubt("controlled")


def test_tables_without_directions(published):
    empty = dataclasses.replace(published, directions=published.directions.iloc[:0])
    x = directions_of(claim("reduces-scarring"), empty)
    assert x.kinds == ()
    assert x.table.empty
    assert x.doubt("randomised") is None
    assert evidence_state(claim("deeper-needling"), empty).word == "nothing found"


def test_order_of_rows_does_not_matter(published, found):
    turned = dataclasses.replace(published, directions=published.directions.iloc[::-1])
    again = directions_of(claim("evens-tone"), turned)
    pd.testing.assert_frame_equal(again.rows, found["evens-tone"].rows)


# the state of the evidence


@pytest.fixture(scope="module")
def states(published):
    return {c.id: evidence_state(c, published) for c in select(None)}


def test_every_claim_has_one_state(states):
    assert list(states) == list(registry())
    assert len(states) == 43
    assert tuple(STATE) == STATES
    listed = {name: word for word, names in STATE.items() for name in names.split()}
    assert len(listed) == 43
    assert {name: x.word for name, x in states.items()} == listed


def test_states_agree_with_the_estimates(states, trials):
    for f in trials:
        assert states[f.claim.id].studies == (f.n_studies or 0), f.claim.id
        assert (f.estimate is None) == (states[f.claim.id].studies == 0)


@pytest.mark.parametrize("record", records(CONTRASTS), ids=lambda r: r[0].split()[0])
def test_counts_by_claim(published, states, record):
    name, contrasts, primary = record[0].split()
    frame = contrast_frame(published)
    rows = frame[frame["claim_id"].eq(name) & frame["primary"] & ~frame["add_on"]]
    assert tally(rows["measure"]) == listed(record[1])
    assert tally(rows["endpoint"]) == listed(record[2])
    if name in states:  # rf-vs-plain is a question behind a claim, not a claim
        x = states[name]
        assert [x.contrasts, x.primary] == [int(contrasts), int(primary)]
        assert x.endpoints == sum(key.split("|")[0] == name for key in GROUPS)
        assert (x.studies > 0) == (x.word in ("pooled", "single study", "add-on"))


def tally(words):
    return {str(word): int(n) for word, n in words.value_counts().items()}


def listed(words):
    pairs = (pair.rsplit(" ", 1) for pair in words.split(", ")) if words != "-" else ()
    return {word: int(n) for word, n in pairs}


def test_sentences_of_states(states):
    assert states["reduces-scarring"].sentence.startswith(
        f"a single study, nothing to pool it with; 27 contrasts {APART}"
    )
    assert states["rare-pih"].sentence == (
        f"2 studies pooled; 9 contrasts {APART}; 10 directions; "
        "8 directions that cannot test the claim"
    )
    assert states["treats-sun-damage"].sentence.startswith(
        f"needling added to another treatment, against that treatment alone; 4 contrasts {APART}"
    )
    assert states["maintenance"].sentence == (
        "nothing on needling alone; only radiofrequency needling has numbers; "
        "1 direction that cannot test the claim"
    )
    for x in states.values():
        absent = x.word in ("directions only", "nothing found")
        assert x.sentence.startswith("no usable published number found") == absent
