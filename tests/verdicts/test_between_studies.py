"""Slopes between studies: which rows there are, what they come from, and that none is a verdict."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.stats.meta.effect_counts import arcsine_proportion
from mnstudy.stats.meta.meta_regression import regress_effects
from mnstudy.verdicts.evidence.between_studies import (
    COLUMNS,
    ECOLOGICAL,
    between_studies,
    depth,
    sessions,
)


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def table():
    return between_studies()


def one(table, claim, endpoint, moderator):
    row = table[
        table["claim"].eq(claim) & table["endpoint"].eq(endpoint) & table["moderator"].eq(moderator)
    ]
    assert len(row) == 1
    return row.iloc[0]


def test_every_row_says_what_a_slope_between_studies_is(table):
    assert tuple(table.columns) == COLUMNS
    assert table["caveat"].str.contains("10.1002/sim.1187", regex=False).all()
    assert table["caveat"].str.endswith(str(ECOLOGICAL)).all()
    assert not {"verdict", "reason"} & set(table.columns)


def test_a_slope_needs_six_known_values(table):
    assert table.loc[table["slope"].notna(), "k"].min() >= 6
    without = table[table["slope"].isna()]
    assert without["caveat"].str.startswith("no slope: ").all()
    assert without[["ci_low", "ci_high", "p_value", "tau2", "r2"]].isna().all(axis=None)
    assert table.loc[table["measure"].ne("mean of patients"), "studies"].min() >= 6


def test_depth_is_printed_too_seldom(table):
    assert table.loc[table["moderator"].eq("depth"), "slope"].isna().all()
    row = one(table, "reduces-scarring", "improved_1_grade", "depth")
    assert (row["k"], row["studies"]) == (2, 6)
    assert "needle depth (mm) known in 2 of 6 studies" in row["caveat"]


def test_a_row_is_the_meta_regression_of_its_studies(table, published):
    frame = contrast_frame(published)
    frame = frame[frame["claim_id"].eq("reduces-scarring") & frame["primary"]]
    frame = frame[frame["endpoint"].eq("response_good_or_better")]
    frame = frame[frame["condition"].eq("acne_scar")]
    arms = published.arms.set_index(["study_id", "arm_id"])["sessions"]
    given = frame.join(arms, on=["study_id", "treated_arm_id"])
    x = sessions(given["sessions"])
    known = np.isfinite(x)
    found = arcsine_proportion(
        given["treated_events"].to_numpy(dtype=float)[known],
        given["treated_n"].to_numpy(dtype=float)[known],
        double=False,
    )
    fit = regress_effects(found.effect, found.variance, x[known], knapp_hartung="adhoc")
    row = one(table, "reduces-scarring", "response_good_or_better", "sessions")
    assert row["k"] == known.sum() == 6  # of seven studies: 3, 4, 4, 4, 4 and 5 sessions
    assert row[["slope", "ci_low", "ci_high", "p_value", "tau2"]].tolist() == pytest.approx(
        [fit.estimates[1], fit.ci_low[1], fit.ci_high[1], fit.p_values[1], fit.tau2]
    )
    ends = np.sin(fit.predict([x[known].min(), x[known].max()])["estimate"]) ** 2
    assert [row["at_least"], row["at_most"]] == pytest.approx((100 * ends).tolist())
    assert row["shown_unit"] == "percent"


def test_reconstructed_patients_are_too_few_studies(table):
    row = one(table, "reduces-scarring", "improvement in percent", "sessions")
    assert (row["k"], row["least"], row["most"]) == (3, 2, 4)
    assert "at least 6 are needed" in row["caveat"]


def test_enough_studies_of_patients_have_a_slope():
    rng = np.random.default_rng(1)
    rows = [
        {
            "patient_id": f"{s}-{i}", "clinic_id": f"s{s}", "scar_type": "acne_mixed",
            "treatment": "needling", "adjunct": "none", "session_count": s,
            "needle_depth_mm": 1.5, "improvement_score": round(10 + 8 * s + rng.normal(0, 6), 1),
        }
        for s in range(1, 7)
        for i in range(12)
    ]  # fmt: skip
    study = {"design": "registry", "cluster": "clinic_id", "assessor": "blinded"}
    table = between_studies(patients=mn.load(pd.DataFrame(rows), study=study))
    row = one(table, "reduces-scarring", "improvement in percent", "sessions")
    assert row["slope"] == pytest.approx(8, abs=2)
    assert row["at_most"] - row["at_least"] == pytest.approx(5 * row["slope"])
    assert row["unit"] == "points per session"
    same = one(table, "reduces-scarring", "improvement in percent", "depth")
    assert "needle depth (mm) the same in all studies" in same["caveat"]


def test_an_extraction_of_your_own_brings_no_shipped_patients(published, clinic):
    table = between_studies(published)
    assert "mean of patients" not in set(table["measure"])
    assert "mean of patients" not in set(between_studies(published, clinic)["measure"])


def test_order_of_rows_is_nothing(published, table):
    mixed = dataclasses.replace(
        published,
        contrasts=published.contrasts.iloc[::-1].reset_index(drop=True),
        arms=published.arms.iloc[::-1].reset_index(drop=True),
    )
    own = table[table["measure"].ne("mean of patients")].reset_index(drop=True)
    pd.testing.assert_frame_equal(between_studies(mixed), own)


def test_ranges_count_as_their_middle():
    found = sessions(pd.Series(["4", "1-3", "2 – 6", "", None, "three", "1.5"]))
    np.testing.assert_array_equal(found, [4, 2, 4, np.nan, np.nan, np.nan, 1.5])
    ends = pd.DataFrame(
        {"needle_depth_min_mm": [0.5, 1.0, np.nan], "needle_depth_max_mm": [1.5, np.nan, np.nan]}
    )
    np.testing.assert_array_equal(depth(ends), [1.0, 1.0, np.nan])


def test_the_level_has_limits(published):
    with pytest.raises(ValueError, match=r"give a number as 0\.95"):
        between_studies(published, confidence_level=95)
    wide, usual = between_studies(published, confidence_level=0.99), between_studies(published)
    known = usual["slope"].notna()
    assert (wide["ci_low"] < usual["ci_low"])[known].all()


def test_the_claims_about_dose_stay_as_they_are(patients):
    findings = mn.evaluate(patients, ["more-sessions", "deeper-needling"])
    assert [f.verdict for f in findings] == ["not testable", "not testable"]
