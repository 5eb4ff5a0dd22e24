"""All claims on the shipped cohorts, and what turns a claim into not testable."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mnstudy as mn
from mnstudy.verdicts import evaluate
from mnstudy.verdicts.analyses import question
from mnstudy.verdicts.finding.finding import COLUMNS, VERDICTS

BUILT = [
    "reduces-scarring", "treats-acne-scars", "scar-type-matters", "more-sessions",
    "deeper-needling", "topical-adjunct", "rf-combination", "rare-pih", "little-pain",
    "results-last",
]  # fmt: skip


@pytest.mark.parametrize("name", ["clinic", "split_face", "patients"])
def test_every_claim_gets_a_finding(name, request):
    findings = mn.evaluate(request.getfixturevalue(name))
    assert [f.claim.id for f in findings] == list(mn.claims().index)
    for f in findings:
        assert f.verdict in VERDICTS
        assert f.reason
        assert (f.estimate is None) == (f.verdict == "not testable")


@pytest.mark.parametrize("claim", BUILT)
def test_the_main_claims_are_answered_on_the_demonstration_clinic(clinic_findings, claim):
    finding = clinic_findings[claim]
    estimate = finding.estimate
    assert estimate is not None
    assert estimate.ci_low <= estimate.value <= estimate.ci_high
    assert finding.n_patients >= 5
    assert finding.synthetic
    assert "synthetic" in " ".join(finding.notes)


@pytest.mark.parametrize("claim", BUILT)
def test_intervals_on_the_demonstration_clinic_hold_the_documented_truth(
    clinic, clinic_findings, claim
):
    truth = clinic.study.truth[claim]
    estimate = clinic_findings[claim].estimate
    wide = 1.6 * (estimate.ci_high - estimate.ci_low) / 2  # about 99.8 percent
    assert abs(estimate.value - truth["effect"]) <= wide, (estimate, truth)


def test_every_claim_is_answered_on_the_demonstration_clinic(clinic_findings):
    assert [f.claim.id for f in clinic_findings if f.estimate is None] == []


def test_no_analysis_reads_a_column_that_is_left_out_for_it(clinic, clinic_findings, monkeypatch):
    for module in (evaluate, question):
        monkeypatch.setattr(module, "NAMED", frozenset())
    whole = mn.evaluate(clinic).to_frame()
    pd.testing.assert_frame_equal(clinic_findings.to_frame(), whole, check_exact=True)


def test_a_claim_asked_alone_is_found_as_among_all(clinic, clinic_findings):
    for claim in ("evens-tone", "rare-pih", "skin-type-matters", "deeper-more-collagen"):
        alone = mn.evaluate(clinic, claim)[claim]
        assert (alone.estimate, alone.notes) == (
            clinic_findings[claim].estimate,
            clinic_findings[claim].notes,
        )


def test_a_missing_column_is_named(clinic):
    sheet = clinic.data.drop(columns="pih")
    finding = mn.evaluate(mn.load(sheet, study={"design": "registry"}), "rare-pih")[0]
    assert finding.verdict == "not testable"
    assert "pih" in finding.reason


def test_limits_of_reconstructed_patients_cap_the_verdicts(patients):
    findings = mn.evaluate(patients)
    assert "depth" in findings["deeper-needling"].reason
    for claim in ("scar-type-matters", "topical-adjunct", "rf-combination"):
        assert findings[claim].verdict == "not testable"
        assert "confounded" in findings[claim].reason
    scarring = findings["reduces-scarring"]
    assert scarring.comparison == "uncontrolled"
    assert any("regression to the mean" in n for n in scarring.notes)
    assert any("known only as a class" in n for n in scarring.notes)


def test_split_face_equals_the_paired_t_test(split_face):
    sites = split_face.sites().dropna(subset=["improvement_score"])
    sides = sites.assign(arm=sites["adjunct"].eq("none")).pivot(
        index="patient_id", columns="arm", values="improvement_score"
    )
    both = sides.dropna()
    t = stats.ttest_rel(both[False], both[True])
    sheet = split_face.data[split_face.data["patient_id"].isin(both.index)]
    plan = {"final_week": 16, "window_weeks": 8}
    study = {"design": "split_body", "randomised": True, "plan": plan}
    estimate = mn.evaluate(mn.load(sheet, study=study), "topical-adjunct")[0].estimate
    assert estimate.value == pytest.approx((both[False] - both[True]).mean(), rel=1e-9)
    assert estimate.p_value == pytest.approx(t.pvalue, rel=1e-6)
    assert estimate.df == pytest.approx(len(both) - 1, rel=1e-6)


def test_split_face_equals_the_paired_t_test_when_sides_go_opposite_ways():
    rng = np.random.default_rng(8)
    shared = rng.normal(0, 10, 12)
    arms = {"prp": 40 + shared + rng.normal(0, 2, 12), "none": 30 - shared}
    rows = [
        [f"P{i:02}", arm, arm, "burn", 1.0, 3, float(score)]
        for arm, scores in arms.items()
        for i, score in enumerate(scores)
    ]
    columns = ["patient_id", "site_id", "adjunct", "scar_type", "needle_depth_mm"]
    sheet = pd.DataFrame(rows, columns=[*columns, "session_count", "improvement_score"])
    study = {"design": "split_body", "randomised": True}
    found = mn.evaluate(mn.load(sheet, study=study), "topical-adjunct")[0].estimate
    t = stats.ttest_rel(arms["prp"], arms["none"])
    assert found.p_value == pytest.approx(t.pvalue, rel=1e-6)
    assert found.df == pytest.approx(11, rel=1e-6)


def test_one_row_a_patient_equals_the_one_sample_t_test(sheet):
    finding = mn.evaluate(mn.load(sheet), "reduces-scarring")[0]
    scores = sheet.loc[sheet["session_count"] > 0, "improvement_score"]
    low, high = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert finding.estimate.value == pytest.approx(scores.mean())
    assert (finding.estimate.ci_low, finding.estimate.ci_high) == pytest.approx((low, high))
    assert finding.verdict == "partly supported"
    assert "cause is not shown" in finding.reason


def test_sites_are_not_patients(sheet):
    """Ten copies of a site of the same patients must not narrow the interval."""
    copies = [sheet.assign(site_id=f"s{i}") for i in range(10)]
    many = pd.concat(copies, ignore_index=True)
    jitter = np.random.default_rng(1).normal(0, 0.5, len(many))
    many["improvement_score"] = many["improvement_score"] + jitter * (many["session_count"] > 0)
    one, ten = (mn.evaluate(mn.load(s), "reduces-scarring")[0] for s in (sheet, many))
    width = [f.estimate.ci_high - f.estimate.ci_low for f in (one, ten)]
    assert width[1] > 0.9 * width[0]
    assert (ten.n_patients, ten.n_sites) == (6, 60)


def test_declared_split_body_without_pairs_is_not_testable(clinic):
    study = {"design": "split_body", "randomised": True}
    finding = mn.evaluate(mn.load(clinic.data, study=study), "rf-combination")[0]
    assert finding.verdict == "not testable"
    assert "split body" in finding.reason


def test_the_plan_sets_level_margin_and_what_is_planned(split_face):
    plan = {"primary": ["topical-adjunct"], "margins": {"topical-adjunct": 30.0}}
    study = {"design": "split_body", "randomised": True, "plan": {**plan, "confidence_level": 0.9}}
    findings = mn.evaluate(mn.load(split_face.data, study=study))
    finding = findings["topical-adjunct"]
    assert finding.margin == 30
    assert finding.verdict == "inconclusive"
    assert "carry_over = false" in finding.reason
    excluded = mn.load(split_face.data, study={**study, "carry_over": False})
    assert mn.evaluate(excluded, "topical-adjunct")[0].verdict == "too small to matter"
    assert finding.estimate.confidence_level == 0.9
    assert finding.planned
    assert not findings["reduces-scarring"].planned


def test_the_p_value_of_a_level_is_against_the_margin_of_the_plan(clinic):
    level = mn.evaluate(clinic, "little-pain")[0].estimate
    plan = {"margins": {"little-pain": level.value}}
    found = mn.evaluate(mn.load(clinic.data, study={"plan": plan}), "little-pain")[0]
    assert found.margin == level.value
    assert found.estimate.p_value == pytest.approx(1)


def test_zero_events_are_said_in_plain_words(clinic):
    data = clinic.data.assign(pih=False)
    finding = mn.evaluate(mn.load(data, study={"design": "registry"}), "rare-pih")[0]
    n = finding.n_patients
    assert finding.estimate.value == 0
    assert finding.estimate.ci_high == pytest.approx(100 * (1 - 0.025 ** (1 / n)))
    assert any("none seen is not none" in note for note in finding.notes)


def test_order_of_rows_does_not_change_a_number(clinic, clinic_findings):
    mixed = clinic.data.sample(frac=1, random_state=3)
    plan = {"final_week": 20, "window_weeks": 14}
    study = {"design": "registry", "synthetic": True, "plan": plan}
    again = mn.evaluate(mn.load(mixed, study=study)).to_frame()
    first = clinic_findings.to_frame()
    for column in ("estimate", "ci_low", "ci_high", "df", "p_value"):
        np.testing.assert_allclose(
            again[column], first[column], rtol=1e-6, atol=1e-9, equal_nan=True
        )


def test_the_table_has_one_row_a_claim_and_full_precision(clinic_findings):
    frame = clinic_findings.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 43
    estimate = clinic_findings["more-sessions"].estimate
    row = frame.set_index("claim").loc["more-sessions"]
    assert row["estimate"] == estimate.value
    assert row["ci_low"] == estimate.ci_low


def test_the_table_says_what_is_estimated_and_in_which_week(clinic_findings):
    found = replace(clinic_findings["more-sessions"], week=24.0)
    row = mn.Findings([found]).to_frame().iloc[0]
    assert row["estimand"] == found.claim.estimand
    assert row["analysis_week"] == 24


def test_every_column_of_the_table_is_documented():
    for column in COLUMNS:
        assert f"``{column}``" in mn.Findings.to_frame.__doc__


def test_findings_are_found_by_claim_and_position(clinic_findings):
    assert clinic_findings["more-sessions"].claim.id == "more-sessions"
    assert clinic_findings[0].claim.id == "reduces-scarring"
    assert len(clinic_findings[:3]) == 3
    assert "more-sessions" in clinic_findings
    with pytest.raises(KeyError, match="is not a claim"):
        clinic_findings["nonsense"]


def test_a_list_of_findings_says_what_the_data_are(clinic_findings, patients):
    for text in (repr(clinic_findings), clinic_findings._repr_html_()):
        assert "43 findings · demo_clinic · SYNTHETIC DATA" in text
    assert "SYNTHETIC" not in repr(mn.evaluate(patients, "treats-acne-scars"))


def test_a_finding_shows_the_estimate_first(clinic_findings):
    text = repr(clinic_findings["more-sessions"])
    assert text.index("points per session") < text.index("supported")
    assert "95 % CI" in text
    assert "SYNTHETIC" in text
    assert "*" not in text


def test_sensitivity_covers_smaller_and_larger_margins(clinic_findings):
    table = clinic_findings.sensitivity("margins")
    sessions = table[table["claim"] == "more-sessions"].set_index("share")["verdict"]
    assert sessions[1.0] == clinic_findings["more-sessions"].verdict
    assert list(sessions.index) == [0.5, 0.75, 1.0, 1.5, 2.0]


@pytest.mark.parametrize("level", [0.4, 1.0, 95])
def test_confidence_levels_out_of_range(clinic, level):
    with pytest.raises(ValueError, match="confidence_level"):
        mn.evaluate(clinic, "more-sessions", confidence_level=level)


def test_a_cohort_says_which_claims_it_can_answer(split_face):
    table = mn.claims(split_face)
    assert table.loc["topical-adjunct", "testable"]
    assert not table.loc["results-last", "testable"] or table.loc["results-last", "why_not"] == ""
    assert (table["why_not"].str.len() > 0).sum() == (~table["testable"]).sum()


@pytest.mark.parametrize("name", ["clinic", "split_face"])
def test_verdicts_agree_with_the_documented_truth_wherever_it_is_decided(name, request):
    cohort = request.getfixturevalue(name)
    allowed = {
        "true": {"supported", "partly supported", "inconclusive"},
        "too small": {"partly supported", "inconclusive", "contradicted"},
        "false": {"inconclusive", "contradicted"},
    }
    findings = mn.evaluate(cohort)
    wrong = {
        claim: (truth["holds"], findings[claim].verdict)
        for claim, truth in cohort.study.truth.items()
        if findings[claim].verdict not in allowed[truth["holds"]]
    }
    assert not wrong
    decided = [findings[c].verdict for c in cohort.study.truth]
    assert decided.count("inconclusive") < len(decided) / 2
