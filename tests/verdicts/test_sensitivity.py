"""Sensitivity: every check answers on its own what it promises, and says what it left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats as sps

import mnstudy as mn
from mnstudy.verdicts.robustness.checks import CHECKS
from mnstudy.verdicts.robustness.rows import COLUMNS

COMPARED = ["reduces-scarring", "topical-adjunct", "more-sessions", "rare-pih"]


@pytest.fixture(scope="module")
def table(clinic):
    return mn.evaluate(clinic, COMPARED).sensitivity()


@pytest.fixture
def two_arms():
    return trial(8)


def trial(seed):
    """Thirty patients needled, thirty untreated, one site each, visits at weeks 4 and 12."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(60):
        needled, severity = i % 2 == 0, 1 + (i // 2) % 4
        gain = (25 if needled else 5) - 3 * severity + rng.normal(0, 8)
        for week, share in ((0, 0.0), (4, 0.5), (12, 1.0)):
            score = round(share * gain + (rng.normal(0, 3) if week else 0))
            rows.append(
                {
                    "patient_id": f"P{i:03}",
                    "scar_type": "acne_mixed",
                    "needle_depth_mm": 1.5 if needled else np.nan,
                    "treatment": "needling" if needled else "untreated",
                    "session_count": (week // 4 if needled else 0),
                    "weeks": week,
                    "improvement_score": score,
                    "baseline_severity": severity,
                }
            )
    return pd.DataFrame(rows)


def load(sheet):
    plan = {"final_week": 12}
    return mn.load(sheet, study={"design": "parallel", "randomised": True, "plan": plan})


def only(cohort, check, claim="reduces-scarring"):
    return mn.evaluate(cohort, claim).sensitivity(check)


def test_columns_and_checks(table):
    assert tuple(table.columns) == COLUMNS
    assert set(table["check"]) - {"tipping point", "worst case"} == set(CHECKS)
    assert set(table["claim"]) == set(COMPARED)


def test_an_unknown_check_offers_the_known(clinic):
    with pytest.raises(ValueError, match="margins, adjustment"):
        mn.evaluate(clinic, "little-pain").sensitivity("luck")


def test_pooled_evidence_has_margins_only(trials):
    assert set(trials[:5].sensitivity()["check"]) <= {"margins"}


def test_margins_are_judged_at_the_level_of_the_verdict(clinic, table):
    found = mn.evaluate(clinic, "reduces-scarring")[0]
    rows = table[(table["claim"] == "reduces-scarring") & (table["check"] == "margins")]
    assert rows["ci_low"].unique().tolist() == [found.simultaneous.ci_low]
    assert rows.loc[rows["share"] == 1.0, "verdict"].tolist() == [found.verdict]


def test_two_arms_without_adjustment_are_welch_s(two_arms):
    cohort = load(two_arms)
    (row,) = only(cohort, "adjustment").to_dict("records")
    last = two_arms.drop_duplicates("patient_id", keep="last").set_index("treatment")
    one, other = (last.loc[arm, "improvement_score"] for arm in ("needling", "untreated"))
    low, high = sps.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert row["estimate"] == pytest.approx(one.mean() - other.mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))


def test_ranks_of_two_arms_are_hodges_lehmann(two_arms):
    (row,) = only(load(two_arms), "ranks").to_dict("records")
    last = two_arms.drop_duplicates("patient_id", keep="last").set_index("treatment")
    one, other = (last.loc[arm, "improvement_score"] for arm in ("needling", "untreated"))
    assert row["estimate"] == np.median(np.subtract.outer(one.to_numpy(), other.to_numpy()))
    assert "not adjusted" in row["choice"]


def test_ranks_of_a_split_face_are_those_of_the_differences(split_face):
    (row,) = only(split_face, "ranks", "topical-adjunct").to_dict("records")
    sites = split_face.sites().dropna(subset=["improvement_score"])
    wide = sites.pivot(index="patient_id", columns="adjunct", values="improvement_score")
    d = (wide["prp"] - wide["none"]).dropna().to_numpy()
    means = np.add.outer(d, d)[np.triu_indices(len(d))] / 2
    assert row["estimate"] == pytest.approx(np.median(means))


def test_leaving_out_a_clinic_is_evaluating_without_it(clinic, table):
    rows = table[(table["claim"] == "topical-adjunct") & (table["check"] == "clinics")]
    assert rows["choice"].tolist() == [f"without C{i}" for i in range(1, 7)]
    rest = clinic.data[clinic.data["clinic_id"] != "C3"].reset_index(drop=True)
    found = mn.evaluate(replace(clinic, data=rest), "topical-adjunct")[0]
    assert rows["estimate"].iloc[2] == pytest.approx(found.estimate.value, rel=1e-9)
    assert rows["ci_low"].iloc[2] == pytest.approx(found.simultaneous.ci_low, rel=1e-9)


def test_a_scar_type_alone_is_evaluating_it_alone(clinic, table):
    rows = table[(table["claim"] == "reduces-scarring") & (table["check"] == "scar types")]
    burn = clinic.data[clinic.data["scar_type"] == "burn"].reset_index(drop=True)
    found = mn.evaluate(replace(clinic, data=burn), "reduces-scarring")[0]
    row = rows.set_index("choice").loc["burn only"]
    assert row["estimate"] == pytest.approx(found.estimate.value, rel=1e-9)
    assert row["n_patients"] == found.n_patients


def test_nothing_lost_means_nothing_imputed(two_arms):
    assert only(load(two_arms), "missing").empty


def lose(sheet, which):
    """Take away the last result of some patients."""
    lost = sheet.copy()
    last = lost["weeks"].eq(12) & which(lost)
    lost.loc[last, "improvement_score"] = np.nan
    return lost


def severe_and_needled(sheet):
    return sheet["baseline_severity"].ge(3) & sheet["treatment"].eq("needling")


def test_lost_results_are_carried_forward_and_imputed_and_counted(two_arms):
    cohort = load(lose(two_arms, severe_and_needled))
    found = mn.evaluate(cohort, "reduces-scarring")[0]
    assert (found.n_patients, found.n_missing) == (46, 14)
    assert any("14 of 30 sites (needling alone)" in note for note in found.notes)
    table = only(cohort, "missing").set_index("choice")
    (carried,) = (c for c in table.index if "last result seen of 14 sites" in c)
    assert table.loc[carried, "n_patients"] == 60
    (imputed,) = (c for c in table.index if "imputed (50 times)" in c)
    assert table.loc[imputed, "n_patients"] == 60


def test_imputing_comes_nearer_to_the_full_data_than_leaving_out_or_carrying_forward():
    errors = []
    for seed in range(8):
        full, lost = trial(seed), lose(trial(seed), severe_and_needled)
        truth = mn.evaluate(load(full), "reduces-scarring")[0].estimate.value
        findings = mn.evaluate(load(lost), "reduces-scarring")
        table = findings.sensitivity("missing").set_index("check").loc["missing", "estimate"]
        errors.append(np.array([findings[0].estimate.value, *table]) - truth)
    visits, complete, carried, imputed = np.mean(errors, axis=0)
    assert abs(visits) < abs(complete) + 0.5
    assert abs(imputed) < abs(complete) + 0.5
    assert abs(imputed) < abs(carried)


def test_the_tipping_point_turns_the_verdict(two_arms):
    table = only(load(lose(two_arms, severe_and_needled)), "missing")
    usual = table.loc[table["choice"].str.contains("50 times"), "verdict"].item()
    worse = table[table["check"].eq("tipping point") & table["choice"].str.contains("worse")]
    assert "the verdict changes if lost" in worse["choice"].item()
    assert worse["verdict"].item() != usual


def test_imputations_depend_on_the_seed_alone(two_arms):
    lost = lose(two_arms, lambda x: x["baseline_severity"].eq(4))
    findings = mn.evaluate(load(lost), "reduces-scarring")
    first, again = (findings.sensitivity("missing", rng=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    shuffled = load(lost.sample(frac=1, random_state=1))
    mixed = mn.evaluate(shuffled, "reduces-scarring").sensitivity("missing", rng=3)
    pd.testing.assert_frame_equal(first, mixed, rtol=1e-9)


def test_no_adjustment_is_shown_where_there_was_one(clinic, split_face):
    assert only(clinic, "adjustment")["choice"].tolist() == ["not adjusted"]
    assert only(split_face, "adjustment", "topical-adjunct").empty
