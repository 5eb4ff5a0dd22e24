"""Sheets that a clinic could well hand in, and on which an answer once was wrong or misleading."""

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.study.design import assignable
from mnstudy.verdicts.analyses.contrasts import NOTHING

PARALLEL = {"design": "parallel", "randomised": True}


def trial(n=80):
    """A randomised trial of needling against nothing in which depth and interval just differ."""
    rng = np.random.default_rng(1)
    sheet = pd.DataFrame({"patient_id": [f"P{i:03}" for i in range(n)]})
    needled = np.arange(n) % 2 == 0
    sheet["treatment"] = np.where(needled, "needling", "untreated")
    sheet["scar_type"] = rng.choice(["acne_rolling", "surgical"], n)
    sheet["baseline_severity"] = rng.integers(1, 5, n)
    sheet["needle_depth_mm"] = np.where(needled, rng.choice([0.25, 1.5], n), np.nan)
    sheet["session_interval_weeks"] = rng.choice([2.0, 4.0, 6.0], n)
    sheet["session_count"] = np.where(needled, 3, 0)
    dose = 20 * sheet["needle_depth_mm"].gt(1) + 6 * sheet["session_interval_weeks"]
    type_ = np.where(sheet["scar_type"] == "surgical", 25, 0)
    sheet["improvement_score"] = (rng.normal(5, 5, n) + needled * (dose + type_)).round(1)
    return sheet


def sides(n=12, *, seed=0):
    """Three sites of each patient: needled, needled with PRP, and untreated."""
    rng = np.random.default_rng(seed)
    arms = (("left", "needling", "none", 20), ("right", "needling", "prp", 28))
    rows = [
        [f"P{i:02}", site, treatment, adjunct, mean + level + rng.normal(0, 6)]
        for i, level in enumerate(rng.normal(0, 10, n))
        for site, treatment, adjunct, mean in (*arms, ("chin", "untreated", "none", 3))
    ]
    columns = ["patient_id", "site_id", "treatment", "adjunct", "improvement_score"]
    sheet = pd.DataFrame(rows, columns=columns).round(1)
    needled = sheet["treatment"] == "needling"
    sheet["scar_type"] = "acne_rolling"
    sheet["needle_depth_mm"] = np.where(needled, 1.5, np.nan)
    return sheet.assign(session_count=np.where(needled, 3, 0))


def visits(weeks, n=30):
    """Patients seen at these weeks; improved by 10 points or more at the last one only."""
    rng = np.random.default_rng(2)
    rows = [
        [f"P{i:02}", "surgical", 1.0, k, w, (30 if w == weeks[-1] else 3) + rng.normal(0, 2)]
        for i in range(n)
        for k, w in enumerate(weeks, 1)
    ]
    columns = ["patient_id", "scar_type", "needle_depth_mm", "session_count", "weeks"]
    return pd.DataFrame(rows, columns=[*columns, "improvement_score"])


def finding(sheet, claim, **study):
    return mn.evaluate(mn.load(sheet, study=study), claim)[0]


# What was randomised


@pytest.mark.parametrize(
    "claim", ["scar-type-matters", "severity-matters", "spaced-sessions", "deeper-needling"]
)
def test_a_randomised_trial_randomised_its_treatments_and_nothing_else(claim):
    """Who has which scar, or which depth in a trial of something else, was not drawn by lot."""
    found = finding(trial(), claim, **PARALLEL)
    assert found.comparison == "observational"
    assert found.verdict != "supported"
    assert finding(trial(), "reduces-scarring", **PARALLEL).comparison == "randomised"


def test_depth_in_a_trial_of_something_else_is_adjusted_and_gives_no_number_needed():
    found = finding(trial(), "deeper-needling", **PARALLEL)
    assert found.estimate.method.endswith("adjusted for severity, scar type")
    assert "confounding by indication" in " ".join(found.notes)
    assert "nothing shows that it was by needle depth" in " ".join(found.notes)
    assert "number needed" not in " ".join(found.notes)


def test_a_trial_of_depths_alone_may_have_randomised_them():
    sheet = trial().query("treatment == 'needling'").drop(columns="session_interval_weeks")
    assert finding(sheet, "deeper-needling", **PARALLEL).comparison == "randomised"


@pytest.mark.parametrize(
    ("columns", "one_treatment", "lot"),
    [
        (["treatment"], False, True),
        (["treatment", "adjunct"], False, True),
        (["needle_depth_mm"], False, False),
        (["treatment", "needle_depth_mm"], False, False),
        (["scar_type"], True, False),
        (["needle_depth_mm"], True, False),  # the interval differs too: either may be the arm
        (["session_interval_weeks"], True, False),
    ],
)
def test_what_a_declared_randomisation_can_be_about(columns, one_treatment, lot):
    data = trial().query("treatment == 'needling'") if one_treatment else trial()
    assert assignable(data, columns) is lot


# Notes of one claim under another


def test_notes_of_one_comparison_do_not_turn_up_under_another():
    """Three sites a patient, twice in one session of work: the same notes, each once."""
    cohort = mn.load(sides(), study={"design": "split_body", "randomised": True})
    first = [f.notes for f in mn.evaluate(cohort)]
    other = mn.load(sides(20, seed=3), study={"design": "split_body", "randomised": True})
    mn.evaluate(other).sensitivity()
    assert [f.notes for f in mn.evaluate(cohort)] == first
    assert all(len(set(notes)) == len(notes) for notes in first)
    assert NOTHING == ((), ())


# A share at a week at which nobody was seen


@pytest.mark.parametrize("weeks", [[12], [4, 12]])
def test_nobody_seen_around_the_week_says_nothing_about_it(weeks):
    """Nobody had improved at week 4 and all had at week 12: at week 6 it may have been any."""
    found = finding(visits(weeks), "weeks-to-results")
    assert found.verdict == "not testable"
    assert "assessed in weeks 4.5 to 7.5, around week 6" in found.reason
    assert "another week can be set under [plan], as a threshold" in found.reason
    plan = {"thresholds": {"weeks-to-results": {"weeks": 12}}}
    assert finding(visits(weeks), "weeks-to-results", plan=plan).estimate.value == 100


def test_a_site_not_seen_around_the_week_is_left_out_and_counted():
    sheet = visits([4, 6])
    unseen = (sheet["weeks"] == 6) & (sheet["patient_id"] < "P06")
    found = finding(sheet[~unseen], "weeks-to-results")
    assert (found.estimate.value, found.week, found.n_patients) == (100, 6, 24)
    assert found.n_missing == 6
    assert "not assessed then: 6 of 30 sites (needled)" in found.notes


def test_four_patients_seen_around_the_week_are_too_few():
    sheet = visits([4, 6])
    found = finding(sheet[sheet["weeks"].eq(4) | (sheet["patient_id"] < "P04")], "weeks-to-results")
    assert found.verdict == "not testable"
    assert found.reason.startswith("4 patients needled and assessed")


# Cells left empty


def test_an_empty_topical_is_named_as_what_keeps_a_site_out():
    sheet = trial().assign(adjunct=None)
    found = finding(sheet, "reduces-scarring", **PARALLEL)
    assert found.verdict == "not testable"
    assert "40 sites left out: the topical is not known" in found.reason
    assert "write none into adjunct" in found.reason


def test_sites_of_unknown_treatment_are_counted():
    sheet = trial()
    sheet.loc[sheet.index[:18:2], "treatment"] = None  # nine that were needled
    found = finding(sheet, "reduces-scarring", **PARALLEL)
    assert "9 sites left out: the treatment is not known" in found.notes
    assert found.n_sites == 71
    whole = finding(trial(), "reduces-scarring", **PARALLEL)
    assert "not known" not in " ".join(whole.notes)


def test_a_site_that_its_known_cells_rule_out_is_not_missed():
    """An untreated site without a word on topicals is untreated all the same."""
    sheet = trial().assign(adjunct="none")
    sheet.loc[sheet["treatment"] == "untreated", "adjunct"] = None
    found = finding(sheet, "reduces-scarring", **PARALLEL)
    assert "not known" not in " ".join(found.notes)
    assert found.n_sites == 80


def test_an_event_that_was_not_recorded_is_not_silently_absent():
    """Infection was recorded in ten patients only; worsening in all, and never seen."""
    sheet = trial().assign(worsening=False, setting=["clinic", "clinic", "home", "home"] * 20)
    sheet["infection"] = [False] * 10 + [None] * 70
    found = finding(sheet, "home-riskier", **PARALLEL)
    assert found.n_patients == 40
    assert (
        "35 patients with only some of these events recorded: the others count as absent"
        in found.notes
    )
    whole = finding(sheet.assign(infection=False), "home-riskier", **PARALLEL)
    assert "only some" not in " ".join(whole.notes)


# Improvement known to a class


def classes(sheet):
    low = (sheet["improvement_score"] // 25 * 25).clip(-100, 75)
    return sheet.assign(
        improvement_low=low, improvement_high=low + 25, improvement_score=low + 12.5
    )


def test_classes_are_said_beside_a_difference_too():
    sheet = classes(trial().drop(columns="baseline_severity"))
    found = finding(sheet, "reduces-scarring", **PARALLEL)
    note = next(n for n in found.notes if "known only as a class" in n)
    middle = sheet.groupby("treatment")["improvement_score"].mean()
    crude = middle["needling"] - middle["untreated"]
    assert f"between {crude - 25:.0f} and {crude + 25:.0f} " in note
    assert found.estimate.value == pytest.approx(crude)


def test_classes_without_their_middle_are_offered_a_way():
    sheet = classes(trial()).assign(improvement_score=np.nan)
    found = finding(sheet, "reduces-scarring", **PARALLEL)
    assert 'analysis "grades", outcome = "improvement_low"' in found.reason
    arms = {"treated": {"treatment": ["needling"]}, "reference": {"treatment": ["untreated"]}}
    usual = {"title": "Needling is better", "margin": 0.6, "rule": "superiority"}
    ranked = {**usual, "analysis": "grades", "params": {**arms, "outcome": "improvement_low"}}
    reached = {**usual, "analysis": "share", "rule": "above", "margin": 50,
               "params": {"outcome": "improvement_low", "at_least": 25}}  # fmt: skip
    for own in (ranked, reached):
        assert finding(sheet, "mine", **PARALLEL, claims={"mine": own}).estimate is not None


# A final week that the table does not have


@pytest.mark.parametrize(
    ("weeks", "says"),
    [
        (12.0, "nobody was assessed within the window of week 52"),
        (np.nan, "the table has no weeks"),
    ],
)
def test_a_final_week_that_was_never_reached_is_said(weeks, says):
    sheet = trial().assign(weeks=weeks)
    found = finding(sheet, "reduces-scarring", **PARALLEL, plan={"final_week": 52})
    assert says in " ".join((found.reason, *found.notes))


# What held from the start, and has to


def test_neither_the_order_of_rows_nor_the_names_of_patients_matter():
    sheet = sides(20)
    mixed = sheet.sample(frac=1, random_state=1)
    names = {name: f"zq{20 - i}" for i, name in enumerate(sheet["patient_id"].unique())}
    study = {"design": "split_body", "randomised": True}
    asked = [mn.evaluate(mn.load(s, study=study)) for s in (sheet, mixed, sheet.replace(names))]
    numbers = ["estimate", "ci_low", "ci_high", "p_value", "df"]
    first, *others = (f.to_frame() for f in asked)
    for other in others:
        assert other["verdict"].tolist() == first["verdict"].tolist()
        assert other["notes"].tolist() == first["notes"].tolist()
        same = other[numbers].astype(float).to_numpy()
        assert same == pytest.approx(first[numbers].astype(float).to_numpy(), rel=1e-8, nan_ok=True)


@pytest.mark.parametrize("score", [25.0, np.nan, 0.0])
def test_a_sheet_without_any_spread_is_refused_without_a_fall(score):
    sheet = trial().assign(improvement_score=score)
    findings = mn.evaluate(mn.load(sheet, study=PARALLEL))
    assert {f.verdict for f in findings if f.estimate is None} == {"not testable"}
    assert findings["reduces-scarring"].verdict == "not testable"
    assert len(findings.sensitivity()) == len(findings.sensitivity())
    with pytest.raises(ValueError, match="not testable"):
        mn.specification_curve(mn.load(sheet, study=PARALLEL), "reduces-scarring")
