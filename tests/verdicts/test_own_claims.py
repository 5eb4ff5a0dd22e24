"""Claims of one's own: what a clinician writes in study.toml, and what is said when she slips."""

import copy
import tomllib

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy.cli import main
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.study import parse_study
from mnstudy.verdicts.analyses import ANALYSES
from mnstudy.verdicts.claims.check import (
    SettingInput,
    margin_problems,
    setting_problems,
    usual_unit,
)
from mnstudy.verdicts.claims.own_claims import WORDING, check_plan, check_study, own_claims
from mnstudy.verdicts.claims.registry import GROUPS, claim, claims_table, registry, select
from mnstudy.verdicts.claims.settings import forms

STUDY = """
title = "Three arms of needling"
design = "parallel"
randomised = true
file = "sheet.csv"

[columns]
Juckreiz = "itch_score"

[measures.itch_score]
unit = "points of 10"
low = 0
high = 10
meaning = "Itch at this assessment, 0 none to 10 worst; lower is better."

[measures.blistering]
kind = "boolean"
meaning = "Blisters since the previous assessment."

[claims.tca-beats-prp]
title = "TCA works better than PRP"
like = "topical-adjunct"
[claims.tca-beats-prp.params]
treated = { treatment = ["needling"], adjunct = ["tca"] }
reference = { treatment = ["needling"], adjunct = ["prp"] }

[claims.little-itch]
title = "Needled skin hardly itches"
analysis = "level"
params = { outcome = "itch_score" }
rule = "below"
margin = 5

[claims.rare-blisters]
title = "Blisters are rare"
says = "fewer than one in three patients has blisters"
analysis = "event_rate"
params = { events = ["blistering"] }
rule = "below"
margin = 33
margin_source = "agreed by the three clinics"

[claims.less-itch]
title = "Itch falls"
analysis = "change"
params = { outcome = "itch_score", better = "lower" }
rule = "superiority"
margin = 1

[claims.most-improve]
title = "Most improve by 30 points"
analysis = "share"
params = { outcome = "improvement_score", at_least = 40 }
rule = "above"
margin = 50

[plan]
primary = ["tca-beats-prp", "little-itch"]
margins = { little-itch = 4 }
thresholds = { most-improve = { at_least = 30 } }
"""
RAW = tomllib.loads(STUDY)
IMPROVED = {"tca": [40, 45, 50, 55, 60, 65], "prp": [20, 25, 30, 35, 40, 45], "none": [10] * 6}


def a_sheet():
    """Return 18 patients, six an adjunct, at baseline and after three sessions."""
    rows = []
    for adjunct, scores in IMPROVED.items():
        for i, score in enumerate(scores):
            site = {"patient_id": f"{adjunct[0].upper()}{i:03}", "scar_type": "acne_rolling"}
            site |= {"needle_depth_mm": 1.5, "treatment": "needling", "adjunct": adjunct}
            rows.append({**site, "session_count": 0, "improvement_score": 0, "Juckreiz": 5 + i % 2})
            after = {"session_count": 3, "improvement_score": score, "Juckreiz": 2 + i % 3}
            rows.append({**site, **after, "blistering": "yes" if score == 65 else "no"})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def cohort():
    return mn.load(a_sheet(), study=RAW)


@pytest.fixture(scope="module")
def findings(cohort):
    return mn.evaluate(cohort, list(RAW["claims"]))


def own(**raw):
    return own_claims(parse_study({"claims": {"my-claim": raw}}, source="study"))["my-claim"]


def problems(call):
    with pytest.raises(mn.DataError) as caught:
        call()
    return caught.value.report.to_frame().set_index("column")


# what a clinician writes


def test_an_arm_against_another_arm(findings):
    found = findings["tca-beats-prp"]
    assert found.estimate.value == pytest.approx(52.5 - 32.5)
    assert found.comparison == "randomised"
    assert (found.n_patients, found.margin, found.planned) == (12, 5, True)
    assert found.claim.columns == ("improvement_score", "adjunct", "treatment")
    arms = "needling with TCA against needling with PRP"
    assert found.claim.attributes.treatments == arms
    assert found.claim.margin_source == registry()["topical-adjunct"].margin_source


def test_a_level_of_a_measure_of_ones_own(findings):
    found = findings["little-itch"]
    assert found.estimate.value == pytest.approx(3)
    assert (found.estimate.unit, found.margin) == ("points of 10", 4)
    assert found.verdict == "supported"


def test_a_rate_of_an_event_of_ones_own(findings):
    found = findings["rare-blisters"]
    assert found.estimate.value == pytest.approx(100 / 18)
    assert found.claim.margin_source == "agreed by the three clinics"
    assert not found.planned


def test_a_change_of_a_measure_of_ones_own(findings):
    found = findings["less-itch"]
    # itch falls from 5.5 to 3 on average; lower is better, so that a fall counts as positive
    assert found.estimate.value == pytest.approx(2.5)
    assert found.estimate.unit == "points of 10"
    assert found.comparison == "uncontrolled"


def test_the_threshold_of_the_plan_stands_above_that_of_the_claim(findings):
    # 30 or more: all six with TCA, and four of six with PRP
    assert findings["most-improve"].estimate.value == pytest.approx(100 * 10 / 18)
    stated = findings["most-improve"].claim.attributes.variable
    assert stated == "improvement score of 30 or more at the final week"


def test_own_claims_come_after_the_43(cohort):
    mine = own_claims(cohort.study)
    assert [c.id for c in select(None, mine)] == [*registry(), *RAW["claims"]]
    assert list(claims_table(mine).index) == [*registry(), *RAW["claims"]]
    assert len(mn.claims()) == 43
    assert claim("less-itch", mine).group in GROUPS
    assert "said in the study file" in repr(claim("less-itch", mine))
    with pytest.raises(KeyError, match="less-itch"):
        claim("les-itch", mine)
    with pytest.raises(KeyError):
        claim("less-itch")


def test_no_word_of_the_title_gets_into_the_wording(findings):
    causal = {"reduces", "works", "gives", "makes", "improves", "causes", "effective", "effect"}
    for finding in findings:
        assert finding.claim.wording == WORDING
        assert "works" not in finding.wording
    for comparison, words in WORDING.items():
        assert comparison == "randomised" or not causal & set(words.split()), words


def test_a_sheet_without_adjuncts_can_answer_what_needs_none():
    treated = {"treatment": ["needling"], "adjunct": ["none"]}
    params = {"treated": treated, "reference": {"treatment": ["sham"]}}
    assert own(title="x", like="rf-combination", params=params).columns == (
        "improvement_score",
        "treatment",
    )


# the register is held to the same settings


def test_every_analysis_says_what_it_takes():
    assert list(forms()) == list(ANALYSES)


@pytest.mark.parametrize("registered", registry().values(), ids=lambda c: c.id)
def test_every_registered_claim_satisfies_the_settings_of_its_analysis(registered):
    form = forms()[registered.analysis]
    asked = SettingInput(at=registered.id, params=registered.params, known=columns())
    assert setting_problems(form, asked) == []
    assert set(registered.columns) <= set(form.columns_for(registered.params))
    assert registered.unit == usual_unit(form, registered.params, columns(), registered)
    assert form.unit in ("", registered.unit)
    assert margin_problems("margin", registered.margin, registered.rule) == []


@pytest.mark.parametrize("registered", registry().values(), ids=lambda c: c.id)
def test_a_claim_like_a_registered_one_is_that_claim(registered):
    copied = own(title=registered.title, like=registered.id)
    judged = ("rule", "unit", "margin", "margin_source")
    for same in ("analysis", "params", "attributes", *judged):
        assert getattr(copied, same) == getattr(registered, same)


@pytest.mark.parametrize("outcome", ["itch_score", "pain_score"])
def test_another_outcome_brings_its_own_unit(outcome):
    raw = {"claims": {"x": {"title": "x", "like": "reduces-scar-depth", "margin": 1}}}
    raw["claims"]["x"]["params"] = {"outcome": outcome, "percent": False}
    study = parse_study({**raw, "measures": RAW["measures"]}, source="study")
    assert own_claims(study)["x"].unit == "points of 10"
    assert own_claims(study)["x"].columns == ("session_count", outcome)


def test_other_settings_bring_another_estimand():
    other = own(title="x", like="treats-acne-scars", params={"scar_types": ["burn"]})
    assert other.attributes.population == "patients treated for burn"
    slope = {"title": "x", "like": "spaced-sessions", "unit": "points per mm"}
    stated = own(**slope, params={"on": "needle_depth_mm"}).attributes
    assert stated.variable == "improvement score at the final week"


def test_an_estimand_in_ones_own_words_stands_beside_the_five():
    mine = own(title="x", like="little-pain", estimand="mean pain of the worst session")
    assert mine.estimand == "mean pain of the worst session"
    assert "tested by: mean pain of the worst session" in mine.lines()
    assert mine.attributes == registry()["little-pain"].attributes


# every kind of slip

LEVEL = {
    "title": "x", "analysis": "level", "params": {"outcome": "pain_score"}, "rule": "below",
    "margin": 3,
}  # fmt: skip
ARMS = {
    "treated": {"treatment": ["needling"], "adjunct": ["tca"]},
    "reference": {"treatment": ["needling"], "adjunct": ["prp"]},
}


def level(**params):
    return {**LEVEL, "params": {**LEVEL["params"], **params}}


def contrast(**arms):
    return {"title": "x", "like": "topical-adjunct", "params": {**ARMS, **arms}}


SLIPS = {
    "unknown key": ({**LEVEL, "margn": 3}, "margn", "did you mean margin"),
    "no title": ({k: v for k, v in LEVEL.items() if k != "title"}, "title", "add title"),
    "title": ({**LEVEL, "title": " "}, "title", "a few words"),
    "says": ({**LEVEL, "says": 3}, "says", "a few words"),
    "no analysis": ({"title": "x", "rule": "below", "margin": 3}, "analysis", "add analysis"),
    "analysis": ({**LEVEL, "analysis": "levl"}, "analysis", "did you mean level"),
    "like": ({"title": "x", "like": "little-pian"}, "like", "did you mean little-pain"),
    "like and analysis": (
        {"title": "x", "like": "little-pain", "analysis": "ratio"}, "analysis", "leave out",
    ),
    "no rule": ({k: v for k, v in LEVEL.items() if k != "rule"}, "rule", "add rule"),
    "rule": ({**LEVEL, "rule": "superior"}, "rule", "did you mean superiority"),
    "rule of another analysis": ({**LEVEL, "rule": "superiority"}, "rule", "use one of these"),
    "no margin": ({k: v for k, v in LEVEL.items() if k != "margin"}, "margin", "add margin"),
    "margin": ({**LEVEL, "margin": "3"}, "margin", "without quotes"),
    "margin not finite": ({**LEVEL, "margin": float("nan")}, "margin", "without quotes"),
    "margin of non-inferiority": ({**contrast(), "rule": "noninferiority", "margin": 5}, "margin",
                                  "write -5"),
    "margin below zero": ({**contrast(), "margin": -5}, "margin", "noninferiority"),
    "rule without margin": ({**contrast(), "rule": "noninferiority"}, "margin", "add margin"),
    "columns": ({**LEVEL, "columns": "weeks"}, "columns", "[ ]"),
    "unknown column": ({**LEVEL, "columns": ["week"]}, "columns", "did you mean weeks"),
    "unit": ({**contrast(), "unit": "grades"}, "unit", "leave unit out"),
    "no unit": (
        {"title": "x", "analysis": "slope", "params": {"on": "weeks"}, "rule": "difference",
         "margin": 1}, "unit", "points per week",
    ),
    "params": ({**LEVEL, "params": 3}, "params", "[claims.my-claim.params]"),
    "unknown setting": (level(befor_after=True), "params.befor_after", "before_after"),
    "no setting": ({**LEVEL, "params": {}}, "params.outcome", "add outcome"),
    "outcome": (level(outcome="pain_scor"), "params.outcome", "did you mean pain_score"),
    "outcome of no kind": (level(outcome=3), "params.outcome", "pain_score"),
    "unknown outcome": (level(outcome="xyzzy"), "params.outcome", "[measures]"),
    "outcome in words": (level(outcome="phototype"), "params.outcome", "another column"),
    "flag": (level(before_after="yes"), "params.before_after", "without quotes"),
    "word": (level(better="lowest"), "params.better", "did you mean lower"),
    "treatment": (level(treatment=["laser"]), "params.treatment", "leave it out"),
    "number": (
        {"title": "x", "like": "weeks-to-results", "params": {"weeks": "6"}}, "params.weeks",
        "without quotes",
    ),
    "number out of range": (
        {"title": "x", "like": "deeper-needling", "params": {"threshold_mm": 300}},
        "params.threshold_mm", "can occur",
    ),
    "number beyond the outcome": (
        {"title": "x", "like": "satisfies-patients", "params": {"at_least": 70}},
        "params.at_least", "can occur",
    ),
    "events": (
        {"title": "x", "like": "rare-pih", "params": {"events": "pih"}}, "params.events",
        "infection",
    ),
    "event": (
        {"title": "x", "like": "rare-pih", "params": {"events": ["bruise"]}}, "params.events",
        "did you mean bruising",
    ),
    "no events": (
        {"title": "x", "like": "rare-pih", "params": {"events": []}}, "params.events", "infection",
    ),
    "scar types": (
        {"title": "x", "like": "treats-burn-scars", "params": {"scar_types": "burn"}},
        "params.scar_types", "acne_rolling",
    ),
    "scar type": (
        {"title": "x", "like": "treats-burn-scars", "params": {"scar_types": ["burns"]}},
        "params.scar_types", "did you mean burn",
    ),
    "level of the factor": (
        {"title": "x", "like": "skin-type-matters", "params": {"exclude": ["VII"]}},
        "params.exclude", "did you mean VI",
    ),
    "arm": (contrast(treated=["tca"]), "params.treated", "treatment ="),
    "empty arm": (contrast(treated={}), "params.treated", "treatment ="),
    "arm by an unknown column": (
        contrast(treated={"adjunkt": ["tca"]}), "params.treated.adjunkt", "did you mean adjunct",
    ),
    "arm by patient": (
        contrast(treated={"patient_id": ["P1"]}), "params.treated.patient_id", "site_id",
    ),
    "arm by depth": (
        contrast(treated={"needle_depth_over": 1}), "params.treated.needle_depth_over",
        "dictionary",
    ),
    "arm without brackets": (
        contrast(treated={"adjunct": "tca"}), "params.treated.adjunct", "[ ]",
    ),
    "word of an arm": (
        contrast(treated={"adjunct": ["tka"]}), "params.treated.adjunct", "did you mean tca",
    ),
    "excluded word of an arm": (
        contrast(treated={"adjunct_not": ["non"]}), "params.treated.adjunct_not",
        "did you mean none",
    ),
    "grade of an arm": (
        contrast(treated={"baseline_severity": [5]}), "params.treated.baseline_severity",
        "can occur",
    ),
    "arms that overlap": (
        contrast(treated={"treatment": ["needling"]}), "params.reference", "adjunct_not",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_named_with_its_key_and_its_remedy(slip):
    raw, key, remedy = SLIPS[slip]
    found = problems(lambda: own(**raw))
    assert list(found.index) == [f"claims.my-claim.{key}"]
    assert remedy in found["remedy"].iloc[0]
    assert found["rule"].iloc[0]


@pytest.mark.parametrize(
    ("claim_id", "remedy"),
    [("more-sessions", r"\[plan\.margins\]"), ("My claim", "tca-beats-prp"), ("my_claim", "tca")],
)
def test_an_id_is_new_and_plain(claim_id, remedy):
    study = parse_study({"claims": {claim_id: LEVEL}}, source="study")
    found = problems(lambda: own_claims(study))
    assert list(found.index) == [f"claims.{claim_id}"]
    assert found["remedy"].str.contains(remedy).all()


def test_a_claim_that_is_no_table():
    study = parse_study({"claims": {"my-claim": "works"}}, source="study")
    assert list(problems(lambda: own_claims(study)).index) == ["claims.my-claim"]


def test_all_slips_of_all_claims_are_said_at_once():
    raw = {"a": {**LEVEL, "margin": "3", "rule": "bellow"}, "b": {}, "c": LEVEL}
    found = problems(lambda: own_claims(parse_study({"claims": raw}, source="study")))
    assert {"claims.a.margin", "claims.a.rule", "claims.b.title", "claims.b.analysis"} <= set(
        found.index
    )


def apart(treated, reference):
    raw = {"title": "x", "like": "home-riskier"}
    try:
        own(**raw, params={"treated": treated, "reference": reference})
    except mn.DataError:
        return False
    return True


def test_arms_are_apart_when_one_column_tells_them_apart():
    assert apart({"clinic_id": ["C1"]}, {"clinic_id_not": ["C1", "C2"]})
    assert not apart({"clinic_id_not": ["C1"]}, {"clinic_id_not": ["C2"]})
    assert apart({"maintenance": [True]}, {"maintenance": [False]})
    assert apart({"baseline_severity": [1, 2]}, {"baseline_severity": [3]})
    assert apart({"needle_depth_at_most": 0.5}, {"needle_depth_over": 0.5})
    assert not apart({"needle_depth_at_most": 1}, {"needle_depth_over": 0.5})
    assert not apart({"setting": ["home"]}, {"treatment": ["laser"]})


# the plan


def plan(**raw):
    return parse_study({"plan": raw, "claims": RAW["claims"], "measures": RAW["measures"]},
                       source="study")  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "key", "remedy"),
    [
        ({"primary": ["les-itch"]}, "plan.primary", "did you mean less-itch"),
        ({"primary": ["more-session"]}, "plan.primary", "did you mean more-sessions"),
        ({"margins": {"les-itch": 1}}, "plan.margins.les-itch", "did you mean less-itch"),
        ({"margins": {"results-last": 5}}, "plan.margins.results-last", "write -5"),
        ({"thresholds": {"xyzzy": {"weeks": 8}}}, "plan.thresholds.xyzzy", "mnstudy claims"),
        ({"thresholds": {"most-improve": {"atleast": 8}}}, "plan.thresholds.most-improve.atleast",
         "did you mean at_least"),
        ({"thresholds": {"less-itch": {"outcome": 8}}}, "plan.thresholds.less-itch.outcome",
         "leave it out"),
        ({"thresholds": {"weeks-to-results": {"weeks": 999}}},
         "plan.thresholds.weeks-to-results.weeks", "can occur"),
    ],
)  # fmt: skip
def test_a_plan_names_what_there_is(raw, key, remedy):
    study = plan(**raw)
    found = problems(lambda: check_plan(study, own_claims(study)))
    assert list(found.index) == [key]
    assert remedy in found["remedy"].iloc[0]


def test_a_family_names_what_there_is():
    study = plan(primary=["xyzzy"], family=["xyzzy"])
    assert list(problems(lambda: check_plan(study)).index) == ["plan.primary", "plan.family"]


def test_claims_and_plan_are_checked_together():
    raw = copy.deepcopy(RAW)
    raw["claims"]["less-itch"]["margin"] = "one"
    raw["plan"] = {"primary": ["less-itch", "xyzzy"], "thresholds": {"less-itch": {"weeks": 1}}}
    found = problems(lambda: check_study(parse_study(raw, source="study")))
    assert list(found.index) == ["claims.less-itch.margin", "plan.primary"]
    assert found.loc["plan.primary", "value"] == "xyzzy"


def test_the_fingerprint_of_the_plan_covers_the_claims_of_the_study():
    study, other = parse_study(RAW, source="study"), copy.deepcopy(RAW)
    other["claims"]["less-itch"]["margin"] = 2
    assert parse_study(other, source="study").plan_sha256 != study.plan_sha256
    bare = parse_study({"plan": {"primary": ["more-sessions"]}}, source="study")
    assert bare.plan_sha256 == bare.plan.sha256


# own measures


@pytest.mark.parametrize(
    ("name", "entry", "key"),
    [
        ("pain_score", {}, "measures.pain_score"),
        ("before", {}, "measures.before"),
        ("Itch", {}, "measures.Itch"),
        ("itch_not", {}, "measures.itch_not"),
        ("needle_depth_over", {}, "measures.needle_depth_over"),
        ("itch", {"unit": ""}, "measures.itch.unit"),
        ("itch", {"meaning": 3}, "measures.itch.meaning"),
        ("itch", {"low": "0"}, "measures.itch.low"),
        ("itch", {"high": -1}, "measures.itch.high"),
        ("itch", {"kind": "text"}, "measures.itch.kind"),
        ("itch", {"levels": ["a"]}, "measures.itch.levels"),
        ("itch", {"kind": "boolean"}, "measures.itch.unit measures.itch.low measures.itch.high"),
    ],
)
def test_a_slip_in_a_measure_is_named(name, entry, key):
    good = {"unit": "points", "low": 0, "high": 10, "meaning": "Itch."}
    raw = {"measures": {name: {**good, **entry}}}
    found = problems(lambda: parse_study(raw, source="study"))
    assert list(found.index) == key.split()


def test_a_measure_is_typed_and_held_to_its_range(cohort):
    assert cohort.data["itch_score"].dtype == "float64"
    assert cohort.data["blistering"].dtype == "boolean"
    sheet = a_sheet().astype({"Juckreiz": "object"})
    sheet.loc[1, "Juckreiz"], sheet.loc[3, "Juckreiz"] = 11, "strong"
    found = mn.validate(sheet, study=RAW).to_frame()
    assert found["column"].tolist() == ["Juckreiz", "Juckreiz"]
    assert found["value"].tolist() == ["11", "strong"]
    assert found["row"].tolist() == [3, 5]


def test_a_measure_that_the_sheet_does_not_have_is_named():
    found = mn.validate(a_sheet().drop(columns="blistering"), study=RAW).to_frame()
    assert found[["column", "rule"]].to_numpy().tolist() == [
        ["blistering", "a column of the sheet"]
    ]


@pytest.mark.parametrize("heading", ["Name", "phone_number"])
def test_declaring_a_measure_lets_no_name_in(heading, sheet):
    sheet[heading] = "Anna Muster"
    measure = {"unit": "points", "low": 0, "high": 10, "meaning": "m"}
    study = {"measures": {"own": measure}, "columns": {heading: "own"}}
    for declared in (study, {"measures": {"phone_number": measure}, "columns": {}}):
        if heading == "Name" and declared is not study:
            continue
        report = mn.validate(sheet, study=declared)
        assert not report.ok
        assert "no column that identifies a person" in report.to_frame()["rule"].tolist()
        assert "Muster" not in str(report)


# the command line


@pytest.fixture
def folder(tmp_path):
    a_sheet().to_csv(tmp_path / "sheet.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_the_command_line_knows_own_claims(folder, capsys):
    assert main(["validate", str(folder)]) == 0
    assert main(["plan", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "primary: little-itch, margin 4 points of 10 (below)" in out
    assert "intervals that hold together: tca-beats-prp, little-itch" in out
    assert "threshold: most-improve, at_least 30" in out
    assert "claim of this study: less-itch" in out
    assert main(["claims", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "Claims of this study\n  tca-beats-prp" in out
    assert main(["claims"]) == 0
    assert "Claims of this study" not in capsys.readouterr().out


def test_validate_lists_what_to_mend_in_claims_and_plan(folder, capsys):
    wrong = STUDY.replace('like = "topical-adjunct"', 'like = "topical-adjunkt"')
    wrong = wrong.replace('"little-itch"]', '"little-itsch"]')
    (folder / "study.toml").write_text(wrong, encoding="utf-8")
    assert main(["validate", str(folder)]) == 2
    err = capsys.readouterr().err
    assert "2 problems" in err
    assert "topical-adjunct" in err
    assert "little-itch" in err


# the order of keys says nothing


def shuffled(value, order):
    if isinstance(value, dict):
        keys = sorted(value)
        order.shuffle(keys)
        return {k: shuffled(value[k], order) for k in keys}
    return value


@settings(max_examples=30, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(order):
    one = own_claims(parse_study(RAW, source="study"))
    other = own_claims(parse_study(shuffled(RAW, order), source="study"))
    assert one == other


@settings(max_examples=10, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_keys_leaves_the_fingerprint(order):
    other = parse_study(shuffled(RAW, order), source="study")
    assert other.plan_sha256 == parse_study(RAW, source="study").plan_sha256
