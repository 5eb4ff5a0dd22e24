"""Arms, outcomes and raters of one's own: which rows, which units, and what they are called."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.study.study import parse_study
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.settings import arm_name
from mnstudy.verdicts.displays.outcomes import outcomes

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "two_arms.json").read_text())
PARALLEL = {"design": "parallel", "randomised": True, "assessor": "blinded"}
ITCH = {"itch": {"unit": "mm", "low": 0, "high": 100, "meaning": "Itch on a line, 0 none."}}
LASER, PEEL = {"treatment": ["laser"]}, {"treatment": ["peel"]}
NEEDLED, UNTREATED = {"treatment": ["needling"]}, {"treatment": ["untreated"]}


def own(analysis, rule="superiority", margin=0, **params):
    """Return the table of one claim of a study file."""
    return {"title": "x", "analysis": analysis, "rule": rule, "margin": margin, "params": params}


def asked(data, claim, **study):
    """Return the finding of a claim of one's own."""
    cohort = mn.load(data, study={**PARALLEL, **study, "claims": {"mine": claim}})
    return mn.evaluate(cohort, "mine")[0]


def problems(call):
    with pytest.raises(mn.DataError) as caught:
        call()
    return caught.value.report.to_frame().set_index("column")


def parsed(**raw):
    return parse_study(raw, source="study")


def row(patient, treatment, week, **more):
    """Return one assessment; nobody has a session in week 0, the untreated never."""
    sessions = 3 if week and treatment != "untreated" else 0
    site = {"patient_id": f"P{patient:03}", "scar_type": "acne_mixed", "treatment": treatment}
    needle = 1.5 if treatment == "needling" else np.nan
    return site | {
        "weeks": week, "session_count": sessions, "needle_depth_mm": needle,
        "improvement_score": np.nan, **more,
    }  # fmt: skip


# Raters


def itching(before=True):
    """Return the sheet of the reference: laser against peel, itch at week 12, and before."""
    sheet = pd.DataFrame(REFERENCE["own_measure"]["sheet"])
    rows = []
    for one in sheet.itertuples():
        arm = "laser" if one.treated else "peel"
        rows += [row(one.cluster, arm, 0, itch=one.before)] if before else []
        rows.append(row(one.cluster, arm, 12, itch=one.after))
    return pd.DataFrame(rows)


@pytest.mark.parametrize("assessor", ["self", "blinded"])
def test_nobody_knew_in_a_double_blind_study(assessor):
    claim = own("change", outcome="itch", better="lower", treated=LASER, reference=PEEL)
    kept = {"measures": ITCH, "assessor": assessor}
    found = asked(itching(), claim, **kept, blinded="double")
    assert not {"rated_by_patients", "rater_knew"} & {n.kind for n in found.remarks}
    knowing = asked(itching(), claim, **kept)
    assert ("rated_by_patients" in {n.kind for n in knowing.remarks}) == (assessor == "self")


@pytest.mark.parametrize(
    ("raw", "remedy"),
    [
        ({"assessor": "self", "blinded": True}, 'blinded = "double"'),
        ({"assessor": "unblinded", "blinded": "double"}, "change one of the two"),
        ({"assessor": "unclear", "blinded": "double"}, "change one of the two"),
        ({"assessor": "blinded", "blinded": False}, "change one of the two"),
        ({"blinded": "twice"}, "correct it"),
        ({"design": "single_arm", "blinded": "double"}, "correct it"),
    ],
)
def test_words_for_blinding_that_disagree(raw, remedy):
    assert remedy in problems(lambda: parsed(**raw)).loc["blinded", "remedy"]


def test_who_rated_follows_from_blinding():
    assert parsed(blinded="double").assessor == "blinded"
    assert parsed(blinded=False, assessor="self").assessor == "self"


# Outcomes and arms


@pytest.mark.parametrize("analysis", ["change", "arm_contrast"])
def test_a_measure_of_ones_own_between_two_arms_is_adjusted_for_its_baseline(analysis):
    claim = own(analysis, outcome="itch", better="lower", treated=LASER, reference=PEEL)
    found = asked(itching(), claim, measures=ITCH)
    expected = REFERENCE["own_measure"]["expected"]
    for name, value in expected.items():
        ours = found.estimate.value if name == "estimate" else getattr(found.estimate, name)
        assert ours == pytest.approx(value, rel=1e-8), name
    assert (found.comparison, found.estimate.unit, found.claim.unit) == ("randomised", "mm", "mm")
    assert found.claim.attributes.treatments == "laser against chemical peel"
    assert [p.label for p in found.parts if p.kind == "arm"] == ["laser", "chemical peel"]


def test_swapped_arms_turn_the_sign():
    kept = {"outcome": "itch", "better": "lower"}
    one = asked(itching(), own("change", treated=LASER, reference=PEEL, **kept), measures=ITCH)
    other = asked(itching(), own("change", treated=PEEL, reference=LASER, **kept), measures=ITCH)
    assert other.estimate.value == pytest.approx(-one.estimate.value)
    assert other.estimate.ci_low == pytest.approx(-one.estimate.ci_high)


def test_measured_only_afterwards_two_arms_are_compared_as_they_are():
    claim = own("arm_contrast", outcome="itch", better="lower", treated=LASER, reference=PEEL)
    data = itching(before=False)
    found = asked(data, claim, measures=ITCH)
    means = data.groupby("treatment")["itch"].mean()
    assert found.estimate.value == pytest.approx(means["peel"] - means["laser"])
    assert "compared_as_they_are" in {n.kind for n in found.remarks}


def test_without_named_arms_the_reason_says_that_they_can_be_named():
    claim = own("change", outcome="itch", better="lower")
    found = asked(itching(), claim, measures=ITCH)
    assert found.verdict == "not testable"
    for part in ("laser and chemical peel", "params.treated and params.reference"):
        assert part in found.reason


def test_an_arm_that_is_too_small_is_called_by_its_name():
    claim = own("change", outcome="itch", better="lower", treated=NEEDLED, reference=PEEL)
    assert "in the needling arm" in asked(itching(), claim, measures=ITCH).reason


@pytest.mark.parametrize(
    ("claim", "key", "rule"),
    [
        (own("change", outcome="pain_score", better="lower", treated=LASER), "treated",
         "together with reference"),
        (own("change", outcome="pain_score", better="lower", reference=LASER), "reference",
         "together with treated"),
        (own("arm_contrast", treated=LASER, reference=PEEL, better="lower"), "better",
         "together with outcome"),
        (own("arm_contrast", treated=LASER, reference=PEEL, outcome="pain_score"), "outcome",
         "together with better"),
        (own("share", "above", outcome="pain_score", at_least=3, when="always"), "when",
         "one of final, ever"),
        (own("level", "below", outcome="pain_score", when="final"), "when", "a setting of level"),
        (own("change", outcome="pain_score", better="lower", treated=LASER, reference=LASER),
         "reference", "no site that is in treated"),
    ],
)  # fmt: skip
def test_a_setting_without_effect_is_an_error(claim, key, rule):
    study = parsed(claims={"mine": claim})
    found = problems(lambda: own_claims(study))
    assert list(found.index) == [f"claims.mine.params.{key}"]
    assert rule in found["rule"].iloc[0]


# Events and states


def spots():
    """Return 20 needled and 20 untreated patients; spots that fade in half of those needled."""
    rows = []
    for i in range(40):
        arm = "needling" if i % 2 else "untreated"
        had = i % 4 == 1 or i == 0
        rows.append(row(i, arm, 0, pih="no"))
        rows.append(row(i, arm, 6, pih="yes" if had else "no"))
        rows.append(row(i, arm, 12, pih="yes" if had and i % 8 < 4 else "no"))
    return pd.DataFrame(rows)


DIFFERENCE = {"events": ["pih"], "treated": NEEDLED, "reference": UNTREATED}


def test_untreated_sites_have_events_too():
    found = asked(spots(), own("event_difference", **DIFFERENCE))
    expected = mn.stats.risk_difference(10, 20, 1, 20)
    assert found.estimate.value == pytest.approx(100 * expected.estimate)
    assert found.estimate.ci_low == pytest.approx(100 * expected.ci_low)
    assert [p.label for p in found.parts] == ["needling", "untreated"]


def test_an_event_before_treatment_is_none_of_it():
    data = spots()
    data.loc[data["weeks"] == 0, "pih"] = "yes"
    kept = own("event_difference", **DIFFERENCE)
    assert asked(data, kept).estimate.value == asked(spots(), kept).estimate.value


@pytest.mark.parametrize(("when", "events"), [("ever", (10, 1)), ("final", (5, 1))])
def test_ever_and_at_the_final_week_are_two_outcomes(when, events):
    data = spots()
    found = asked(data, own("event_difference", **DIFFERENCE, when=when))
    expected = mn.stats.risk_difference(events[0], 20, events[1], 20)
    assert found.estimate.value == pytest.approx(100 * expected.estimate)
    rate = asked(data, own("event_rate", "below", 80, events=["pih"], when=when))
    assert rate.estimate.value == pytest.approx(5 * events[0])
    assert (found.week == 12) == (rate.week == 12) == (when == "final")
    said = found.claim.attributes.variable
    assert ("at the final week" in said) == (when == "final")
    assert ("after a session" in said) == (when == "ever")


def test_a_share_ever_reached_and_a_share_at_the_end():
    data = pd.DataFrame(
        [row(i, "needling", w, itch=40 if w == 6 and i < 12 else 10) for i in range(20) for w in
         (0, 6, 12)]
    )  # fmt: skip
    data.loc[(data["patient_id"] == "P019") & (data["weeks"] > 0), "itch"] = np.nan
    final, ever = (
        asked(data, own("share", "above", 50, outcome="itch", at_least=30, **when), measures=ITCH)
        for when in ({}, {"when": "ever"})
    )
    assert (final.estimate.value, ever.estimate.value) == (0, pytest.approx(100 * 12 / 19))
    assert (final.n_missing, ever.n_missing) == (1, 1)
    assert ever.claim.attributes.variable == "itch of 30 or more, ever after a session"


@pytest.mark.parametrize("when", ["ever", "final"])
def test_the_worst_case_fills_what_counts(when):
    data = spots()
    data.loc[(data["patient_id"] == "P001") & (data["weeks"] > 0), "pih"] = None
    cohort = mn.load(data, study={
        **PARALLEL, "claims": {"mine": own("event_difference", **DIFFERENCE, when=when)},
    })  # fmt: skip
    table = mn.evaluate(cohort, "mine").sensitivity()
    worst = sorted(table.loc[table["check"] == "worst case", "estimate"])
    had = 9 if when == "ever" else 4
    assert worst == pytest.approx([100 * (had / 20 - 1 / 20), 100 * ((had + 1) / 20 - 1 / 20)])


def test_the_table_of_outcomes_counts_the_same_events():
    cohort = mn.load(spots(), study={
        **PARALLEL, "claims": {"mine": own("event_difference", **DIFFERENCE, when="final")},
    })  # fmt: skip
    table = outcomes(cohort, mn.evaluate(cohort, "mine"))
    assert table[["group", "n", "events"]].to_numpy().tolist() == [
        ["needling", 20, 5], ["untreated", 20, 1],
    ]  # fmt: skip


# Names


def test_arms_are_called_by_ones_own_names():
    claim = own("change", outcome="itch", better="lower", treated=LASER, reference=PEEL)
    names = {"laser": "fractional CO2 laser", "peel": "glycolic peel"}
    cohort = mn.load(itching(), study={
        **PARALLEL, "measures": ITCH, "claims": {"mine": claim}, "arms": names,
    })  # fmt: skip
    findings = mn.evaluate(cohort, "mine")
    assert findings[0].claim.attributes.treatments == "fractional CO2 laser against glycolic peel"
    assert [p.label for p in findings[0].parts if p.kind == "arm"] == list(names.values())
    assert outcomes(cohort, findings)["group"].tolist() == list(names.values())
    assert set(names.values()) <= set(mn.attrition(cohort)["arm"])


def test_registered_claims_know_the_names_of_a_study():
    data = pd.DataFrame([row(i, "needling", 12, adjunct="prp") for i in range(6)])
    study = {**PARALLEL, "arms": {"needling": "roller", "prp": "platelets", "untreated": "waiting"}}
    findings = mn.evaluate(mn.load(data, study=study), ["topical-adjunct", "reduces-scarring"])
    said = [f.claim.attributes.treatments for f in findings]
    assert said[0] == "roller with a topical against roller alone"
    assert said[1].startswith("roller alone against sham, else waiting, else")


@pytest.mark.parametrize(
    ("arm", "name"),
    [
        ({"treatment": ["needling"], "adjunct": ["tca", "prp"]}, "needling with TCA or PRP"),
        ({"treatment": ["needling"], "adjunct_not": ["prp"]}, "needling adjunct not PRP"),
        ({"treatment": ["untreated"], "adjunct": ["none"]}, "untreated"),
        ({"treatment": ["needling"], "setting": ["home"]}, "needling at home"),
        ({"treatment": ["needling"], "needle_depth_over": 0.3}, "needling over 0.3 mm"),
        ({"adjunct": ["none"]}, "treated alone"),
    ],
)
def test_every_arm_has_a_name(arm, name):
    assert arm_name(arm) == name


def test_other_is_the_name_of_a_treatment():
    names = {"other": "dermabrasion"}
    assert arm_name({"treatment": ["other"], "adjunct": ["other"]}, names) == (
        "dermabrasion with another topical"
    )


@pytest.mark.parametrize(
    ("arms", "key", "rule"),
    [
        ({"terbinafine": "cream"}, "arms.terbinafine", "one of needling"),
        ({"none": "nothing"}, "arms.none", "one of needling"),
        ({"topical": ""}, "arms.topical", "a name in quotes"),
        ({"topical": 3}, "arms.topical", "a name in quotes"),
        ({"topical": "laser"}, "arms.topical", "of no other arm"),
        ([1], "arms", "a [table]"),
    ],
)
def test_a_name_names_one_arm(arms, key, rule):
    assert rule in problems(lambda: parsed(arms=arms)).loc[key, "rule"]


def test_two_arms_have_two_names():
    found = problems(lambda: parsed(arms={"laser": "light", "peel": "light"}))
    assert list(found.index) == ["arms.laser", "arms.peel"]


@pytest.mark.parametrize("name", ["anna@example.org", "03.04.1990", "Anna Example"])
def test_a_name_that_points_at_a_person_is_refused_and_not_repeated(name):
    study = {**PARALLEL, "measures": ITCH, "arms": {"peel": name}}
    found = problems(lambda: mn.load(itching(), study=study))
    assert list(found.index) == ["arms.peel"]
    assert name not in str(found.to_dict())


# Clinics


def in_clinics():
    """Return the sheet of the reference: 12 clinics, six of each arm."""
    sheet = pd.DataFrame(REFERENCE["clinics"]["sheet"])
    arms = sheet["treated"].map({1: "needling", 0: "untreated"})
    return pd.DataFrame(
        [
            row(i, arm, 12, clinic_id=f"C{one.cluster}", improvement_score=one.change)
            for i, (one, arm) in enumerate(zip(sheet.itertuples(), arms, strict=True))
        ]
    )


def test_allocated_clinics_are_the_units():
    cohort = mn.load(in_clinics(), study=PARALLEL)
    found = mn.evaluate(cohort, "reduces-scarring")[0]
    expected = REFERENCE["clinics"]["expected"]
    for name in ("std_error", "df", "ci_low", "ci_high"):
        assert getattr(found.estimate, name) == pytest.approx(expected[name], rel=1e-8), name
    assert found.n_patients == len(in_clinics())
    assert "clustering by clinic" in found.estimate.method
    assert not [p for p in found.parts if p.unit == "percentage points"]


def test_where_clinics_have_both_arms_patients_are_the_units():
    data = in_clinics()
    data["clinic_id"] = np.resize(["C1", "C2", "C3"], len(data))
    found = mn.evaluate(mn.load(data, study=PARALLEL), "reduces-scarring")[0]
    assert "Welch" in found.estimate.method
    assert not found.holds


def test_two_clinics_an_arm_are_too_few():
    data = in_clinics()
    kept = data[data["clinic_id"].isin(["C1", "C2", "C7", "C8"])]
    found = mn.evaluate(mn.load(kept, study=PARALLEL), "reduces-scarring")[0]
    assert [h.why.kind for h in found.holds] == ["few_df"]


@pytest.mark.parametrize("others", [["C8"], ["C8", "C9"]])
def test_one_clinic_an_arm_tells_nothing_of_the_arm(others):
    data = in_clinics()
    data["pih"] = np.where(data["treatment"] == "needling", "yes", "no")
    kept = data[data["clinic_id"].isin(["C2", *others])].copy()
    kept.loc[kept["treatment"] == "needling", "improvement_score"] += 40
    study = {**PARALLEL, "claims": {"mine": own("event_difference", **DIFFERENCE)}}
    for found in mn.evaluate(mn.load(kept, study=study), ["reduces-scarring", "mine"]):
        assert found.verdict == "inconclusive"
        assert [h.why.kind for h in found.holds] == ["one_clinic_an_arm"]
        assert "in one clinic only" in found.reason


def test_events_between_clinics_are_at_most_inconclusive():
    data = in_clinics()
    data["pih"] = np.where(data["treatment"] == "needling", "yes", "no")
    found = asked(data, own("event_difference", **DIFFERENCE))
    assert (found.verdict, found.holds[0].why.kind) == ("inconclusive", "clinics_allocated")
