"""Crossovers: differences within patients, adjusted for the period of each treatment."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_sheets import site

import mnstudy as mn

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "crossover.json").read_text())
STUDY = {"design": "crossover", "randomised": True, "assessor": "blinded", "carry_over": False}
ENDS = ("value", "std_error", "df", "p_value", "ci_low", "ci_high")
ORDERS = ("needling first", "sham first")


def row(patient, period, treated, **more):
    arm = "needling" if treated else "sham"
    return site(patient, arm, "face", period=period, **more) | {"session_count": 1}


def trial(first=9, second=8, *, effect=6.0, period=9.0, seed=5, **columns):
    """Return a trial of two periods: so many needled first, and second."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(first + second):
        own, order = rng.normal(25, 8), ORDERS[i >= first]
        for p in (1, 2):
            treated = (p == 1) == (i < first)
            score = own + effect * treated + period * (p == 2) + rng.normal(0, 2)
            rows.append(row(i, p, treated, sequence=order, improvement_score=round(score, 1)))
    return pd.DataFrame(rows).assign(**columns)


def asked(sheet, claim="reduces-scarring", **study):
    return mn.evaluate(mn.load(sheet, study={**STUDY, **study}), claim)[0]


def of_claims(sheet, **study):
    cohort = mn.load(sheet, study={**STUDY, **study})
    return cohort, mn.evaluate(cohort)


def problems(sheet, **study):
    report = mn.validate(sheet, study={**STUDY, **study})
    return [(p.row, p.column, p.remedy) for p in report.problems]


def from_reference(case, **columns):
    rows = []
    for patient, order, one, other in zip(
        *(case[k] for k in ("patient", "sequence", "first", "second")), strict=True
    ):
        needled = order == "treated first"
        rows += [row(patient, 1, needled, y=one), row(patient, 2, not needled, y=other)]
    return pd.DataFrame(rows).assign(sequence=np.repeat(case["sequence"], 2), **columns)


def close_to(found, case):
    numbers = [getattr(found.estimate, name) for name in ENDS]
    return numbers == pytest.approx([case[n.replace("value", "estimate", 1) if n == "value" else n]
                                     for n in ENDS], rel=1e-9)  # fmt: skip


PEF = {
    "measures": {"pef": {"unit": "l/min", "low": 0, "high": 900, "meaning": "Peak flow."}},
    "claims": {
        "more-air": {
            "title": "More air", "analysis": "change", "rule": "superiority", "margin": 20,
            "params": {"outcome": "pef", "better": "higher"},
        }
    },
}  # fmt: skip


# The numbers


def test_the_trial_of_formoterol_in_children():
    """Senn (2002): 46.6 l/min, standard error 10.8, 11 df with one spread for both sequences."""
    case = REFERENCE["senn"]
    sheet = from_reference(case, improvement_score=np.nan).rename(columns={"y": "pef"})
    found = asked(sheet, "more-air", **PEF)
    assert close_to(found, case["welch"])
    assert round(found.estimate.value, 1) == 46.6
    assert found.estimate.adjusted_for == ("period",)
    assert (case["pooled"]["df"], round(case["pooled"]["std_error"], 1)) == (11, 10.8)
    cohort = mn.load(sheet, study={**STUDY, **PEF})
    table = mn.evaluate(cohort, "more-air").sensitivity().set_index("check")
    pooled = [case["pooled"][k] for k in ("estimate", "ci_low", "ci_high", "p_value")]
    with_intercepts = table.loc["model", ["estimate", "ci_low", "ci_high", "p_value"]]
    assert list(with_intercepts) == pytest.approx(pooled, rel=1e-6)


def test_sequences_of_unequal_size_and_spread():
    case = REFERENCE["uneven"]
    sheet = from_reference(case).rename(columns={"y": "improvement_score"})
    assert close_to(asked(sheet), case["welch"])


def test_three_periods_with_losses():
    case = REFERENCE["three"]
    cells = zip(case["patient"], case["period"], case["treated"], case["y"], strict=True)
    sheet = pd.DataFrame([row(i, p, t, improvement_score=y) for i, p, t, y in cells])
    found = asked(sheet)
    assert close_to(found, case)
    assert found.n_missing == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_all_in_a_period_is_no_effect_and_arms_mirror(seed):
    sheet = trial(11, 5, seed=seed)
    usual = asked(sheet).estimate
    late = sheet["improvement_score"] + 20 * (sheet["period"] == 2)
    moved = asked(sheet.assign(improvement_score=late)).estimate
    assert (moved.value, moved.ci_low) == pytest.approx((usual.value, usual.ci_low))
    turned = sheet.assign(improvement_score=-sheet["improvement_score"])
    mirrored = asked(turned).estimate
    assert (mirrored.value, mirrored.ci_low) == pytest.approx((-usual.value, -usual.ci_high))
    wide = sheet.pivot_table(index="patient_id", columns="treatment", values="improvement_score")
    crude = (wide["needling"] - wide["sham"]).mean()
    assert abs(crude - usual.value) > 2


def test_each_period_is_measured_from_its_own_baseline():
    sheet = trial(8, 8).assign(weeks=12)
    score = sheet.pop("improvement_score")
    before = sheet.assign(session_count=0, weeks=0, itch=50.0 + sheet["period"] * 10)
    sheet = pd.concat([before, sheet.assign(itch=before["itch"] - score)], ignore_index=True)
    study = {
        "measures": {"itch": {"unit": "points", "low": -99, "high": 99, "meaning": "Itch."}},
        "claims": {"less-itch": {**PEF["claims"]["more-air"],
                                 "params": {"outcome": "itch", "better": "lower"}}},
    }  # fmt: skip
    found = asked(sheet.assign(improvement_score=np.nan), "less-itch", **study)
    assert found.estimate.value == pytest.approx(asked(trial(8, 8)).estimate.value)
    assert found.week == 12


# What it may say


def test_without_a_declared_wash_out_nothing_is_decided():
    for effect in (25.0, -25.0, 0.5):
        sheet = trial(12, 12, effect=effect)
        closed, open_ = asked(sheet), asked(sheet, carry_over=True)
        assert closed.verdict in ("supported", "contradicted", "too small to matter")
        assert open_.verdict == "inconclusive"
        assert "carry_over = false" in open_.reason
        assert (open_.estimate.value, open_.estimate.p_value) == (
            closed.estimate.value, closed.estimate.p_value
        )  # fmt: skip


def test_who_was_seen_in_one_period_is_missing_and_said():
    sheet = trial(10, 10)
    gone = sheet["patient_id"].isin(["P003", "P015"]) & sheet["period"].eq(2)
    unknown = sheet["patient_id"].eq("P007") & sheet["period"].eq(1)
    sheet.loc[unknown, "improvement_score"] = np.nan
    found = asked(sheet[~gone])
    assert (found.n_patients, found.n_missing) == (17, 3)
    assert any(n.startswith("3 patients with only one of the two treatments") for n in found.notes)


def test_one_order_tells_nothing_and_few_of_the_other_little():
    alone = asked(trial(14, 0))
    assert alone.verdict == "not testable"
    assert "same order" in alone.reason
    few = asked(trial(14, 3, effect=30))
    assert few.verdict == "inconclusive"
    assert "only 3 patients had one of the two orders of treatments" in few.reason


def test_chance_is_in_the_sequence():
    sheet = trial()
    assert asked(sheet, randomised_by=["sequence"]).comparison == "randomised"
    assert asked(sheet, randomised=False).comparison == "observational"


def test_events_are_compared_within_patients():
    sheet = trial(12, 12).assign(bruising=lambda x: x["treatment"].eq("needling"))
    arms = {"treated": {"treatment": ["needling"]}, "reference": {"treatment": ["sham"]}}
    own = {"title": "Bruises", "analysis": "event_difference", "rule": "below", "margin": 50,
           "params": {"events": ["bruising"], **arms}}  # fmt: skip
    found = asked(sheet, "bruises", claims={"bruises": own})
    assert (found.estimate.value, found.n_patients) == (100, 24)
    assert "not adjusted for period" in found.notes
    other = asked(trial(14, 0, bruising=True), "bruises", claims={"bruises": own})
    assert "same order" in other.reason


def test_nothing_calls_it_a_split_body_and_everything_runs():
    sheet = trial(9, 8).assign(
        weeks=12, grade_change=lambda x: (x["improvement_score"] // 15).clip(-4, 4),
        bruising=False, pain_score=4, adjunct="none", clinic_id="C1",
    )  # fmt: skip
    sheet.loc[[4, 9], "improvement_score"] = np.nan
    cohort, findings = of_claims(sheet)
    tested = [f for f in findings if f.estimate is not None]
    assert "reduces-scarring" in [f.claim.id for f in tested]
    said = [text for f in findings for text in (*f.notes, f.reason, str(f.estimate))]
    rows = findings.sensitivity()
    charts = [mn.charts(cohort, f.claim.id) for f in tested]
    captions = [c.caption for chart in charts for c in getattr(chart, "charts", [])]
    told = " ".join([*said, *rows["choice"].astype(str), *captions, repr(cohort)])
    assert "split body" not in told
    assert "two sides" not in told
    assert {"ranks", "missing", "model"} <= set(rows["check"])
    curve = mn.specification_curve(cohort, "reduces-scarring")
    assert curve.joint is not None


def test_ranks_are_adjusted_for_period():
    _, findings = of_claims(trial(14, 6, effect=0, period=20))
    table = findings.sensitivity().set_index(["claim", "check"]).sort_index()
    found = table.loc["reduces-scarring"].loc["ranks"]
    assert abs(found["estimate"]) < 3
    assert "two sequences" in found["choice"]


# What is asked back


@pytest.mark.parametrize("design", ["split_body", "registry", "parallel", None])
def test_treatments_in_periods_of_their_own_are_asked_about(design):
    sheet = trial().assign(site_id=lambda x: "s" + x["period"].astype(str))
    found = mn.validate(sheet, study={"design": design} if design else {}).problems
    (asked_back,) = found
    assert asked_back.column == "period"
    assert 'design = "crossover"' in asked_back.remedy


def test_both_sides_in_both_periods_are_a_split_body():
    sheet = trial()
    other = sheet["treatment"].map({"needling": "sham", "sham": "needling"})
    depth = np.where(other == "needling", 1.5, np.nan)
    side = sheet.assign(treatment=other, needle_depth_mm=depth)
    both = pd.concat([sheet, side], ignore_index=True)
    both["site_id"] = both["treatment"].map({"needling": "left", "sham": "right"})
    both["session_count"] = both["period"]
    assert not problems(both, design="split_body")


def test_a_crossover_needs_its_periods():
    ((_, column, remedy),) = problems(trial().drop(columns="period").assign(
        site_id=lambda x: [f"s{i % 2}" for i in range(len(x))]))  # fmt: skip
    assert column == "period"
    assert "[columns]" in remedy


def test_an_order_that_is_not_written_is_read_off_where_it_can_be():
    sheet = trial().drop(columns="sequence")
    cohort = mn.load(sheet, study=STUDY)
    assert "no sequence column: the order of treatments is taken from the periods" in cohort.notes
    assert asked(sheet).estimate.value == asked(trial()).estimate.value
    sheet.loc[3, ["treatment", "needle_depth_mm"]] = None
    ((line, column, _),) = problems(sheet)
    assert (line, column) == (None, "sequence")


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ({(3, "period"): None}, [(5, "period")]),
        ({(3, "sequence"): None}, [(5, "sequence")]),
        ({(3, "sequence"): "sham first"}, [(5, "sequence")]),
        ({(20, "treatment"): "untreated", (20, "needle_depth_mm"): None}, [(22, "treatment")]),
        ({(2, "sequence"): "sham first", (3, "sequence"): "sham first"},
         [(4, "treatment"), (5, "treatment")]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_crossover_is_listed_by_row(cells, places):
    sheet = trial()
    sheet["period"] = sheet["period"].astype(object)
    for (line, column), value in cells.items():
        sheet.loc[line, column] = value
    assert [(line, column) for line, column, _ in problems(sheet)] == places


def test_one_treatment_in_both_periods_is_no_comparison():
    sheet = trial().drop(columns="sequence")
    sheet.loc[1, ["treatment", "needle_depth_mm"]] = ["needling", 1.5]
    ((line, column, remedy),) = problems(sheet)
    assert (line, column) == (3, "treatment")
    assert "throughout" in remedy


def test_a_dose_or_a_topical_may_be_what_is_varied():
    sheet = trial(effect=30)
    needled, treated = sheet.assign(treatment="needling"), sheet["treatment"].eq("needling")
    doses = needled.assign(needle_depth_mm=np.where(treated, 2.0, 0.2))
    found = asked(doses, "deeper-needling")
    usual = asked(sheet).estimate
    assert found.estimate.value == pytest.approx(usual.value)
    assert found.comparison == "randomised"
    topical = needled.assign(needle_depth_mm=1.5, adjunct=np.where(treated, "prp", "none"))
    found = asked(topical, "topical-adjunct")
    assert (found.estimate.value, found.estimate.df) == pytest.approx((usual.value, usual.df))


def test_two_treatments_in_one_period_are_asked_about():
    sheet = trial().drop(columns="sequence")
    more = sheet.iloc[[0]].assign(site_id="neck", treatment="sham", needle_depth_mm=np.nan)
    ((line, column, _),) = problems(pd.concat([sheet, more], ignore_index=True))
    assert (line, column) == (len(sheet) + 2, "treatment")


def test_weeks_start_again_in_each_period():
    sheet = trial().assign(weeks=8)
    assert not problems(sheet)
    ((line, column, remedy),) = problems(sheet.assign(weeks=sheet["period"] * 12))
    assert (line, column) == (None, "weeks")
    assert "subtract" in remedy
