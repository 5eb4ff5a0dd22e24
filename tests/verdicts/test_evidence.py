"""The published evidence: what is pooled, what decides, and what is only described."""

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.loading.shipped import check_manifest, data_dir
from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.verdicts.evidence.effects import effects
from mnstudy.verdicts.evidence.groups import groups
from mnstudy.verdicts.evidence.table import evidence_table

WITNESS = json.loads(
    (Path(__file__).parents[1] / "reference/published_groups.json").read_text("utf-8")
)["groups"]


def test_every_claim_has_its_row(trials):
    assert [f.claim.id for f in trials] == list(mn.claims().index)


@pytest.mark.parametrize(
    ("claim", "k"),
    [
        ("evens-tone", 1),
        ("topical-adjunct", 1),
        ("treats-acne-scars", 1),
        ("treats-stretch-marks", 3),
        ("little-pain", 1),
        ("rare-pih", 2),
        ("gentler-than-laser", 1),
    ],
)
def test_number_of_studies_behind_the_estimate(trials, claim, k):
    assert trials[claim].n_studies == k
    assert trials[claim].estimate is not None


def test_controlled_evidence_decides_and_is_never_mixed(trials):
    finding = trials["treats-acne-scars"]
    assert finding.comparison == "randomised"
    assert finding.estimate.unit == "SD"
    groups = {(p.group, p.control) for p in finding.parts}
    assert {control for _, control in groups} == {"controlled", "uncontrolled"}
    assert len({group for group, _ in groups}) == len(groups)
    for group, _ in groups:
        assert len({p.unit for p in finding.parts if p.group == group}) == 1


def test_nothing_found_is_said(trials):
    said = {
        "no usable published number found, directions only; ": """
            reduces-scar-depth skin-type-matters deeper-needling blood-flow more-elastin
        """,
        "no usable published number found, and no direction that tests the claim": "home-riskier",
        "nothing on needling alone; only radiofrequency needling has numbers; ": (
            "treats-active-acne"
        ),
    }
    for words, claims in said.items():
        for claim in claims.split():
            assert trials[claim].verdict == "not testable"
            assert trials[claim].reason.startswith(words)


def test_before_after_series_of_rf_do_not_test_rf_against_plain(trials):
    finding = trials["rf-combination"]
    assert finding.verdict == "not testable"
    assert finding.parts
    assert "plain needling" in finding.reason


def test_few_studies_cap_the_verdict(trials):
    for finding in trials:
        if finding.verdict == "supported":
            assert finding.n_studies >= 5, finding


def test_no_event_in_any_study_gives_exact_limits(trials):
    bruising = trials["rare-bruising"]
    exact = 100 * (1 - 0.025 ** (1 / 57))  # 32 and 25 people
    (beside,) = (p for p in bruising.parts if "exact limits" in p.label)
    assert (beside.value, beside.n, beside.ci_high) == (0, 57, pytest.approx(exact))
    assert bruising.estimate.value == 0
    # rates that may differ by study bound the mean less than people who are all alike
    assert bruising.estimate.ci_high > exact


def test_orientation_turns_the_sign():
    frame = contrast_frame(load_published())
    row = frame[(frame["measure"] == "smc") & frame["primary"]].iloc[[0]]
    effect, _ = effects(row, "smc", r=0.5)
    raw = row["treated_mean"].item() - row["baseline_mean"].item()
    lower = row["orientation"].item() == "treated_better_if_lower"
    assert math.copysign(1, effect[0]) == math.copysign(1, -raw if lower else raw)


def test_a_higher_correlation_narrows_paired_intervals():
    frame = contrast_frame(load_published())
    paired = frame[(frame["measure"] == "smd") & frame["primary"] & frame["paired"]]
    _, low = effects(paired, "smd", r=0.3)
    effect, high = effects(paired, "smd", r=0.7)
    # the variance is (2 - 2r + g^2 (1 + r^2) / 4) / (n - 1) where both sides spread alike
    assert (high < low)[effect**2 * (0.3 + 0.7) < 8].all()


def test_alam_2014_controlled_contrast(trials):
    """3 months: change 2.4 against 1.0 points, n = 15, SDs from the printed intervals."""
    study = next(p for p in trials["reduces-scarring"].parts if p.kind == "study")
    assert study.n == 15
    assert 0.2 < study.value < 0.45
    assert study.ci_low < 0 < study.ci_high


def test_own_extraction_and_its_fingerprint(tmp_path, trials):
    folder = shutil.copytree(data_dir() / "published", tmp_path / "mine")
    table = folder / "outcomes.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    changed = next(i for i, x in enumerate(lines) if x.startswith("o0024,"))
    cells = lines[changed].split(",")
    cells[13] = "9.9"
    lines[changed] = ",".join(cells)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    mine = mn.evidence("reduces-scarring", data=folder)[0]
    assert mine.sha256 != trials["reduces-scarring"].sha256
    assert mine.estimate.value > trials["reduces-scarring"].estimate.value


def test_a_level_out_of_range():
    with pytest.raises(ValueError, match="confidence_level"):
        mn.evidence("rare-pih", confidence_level=95)


NEVER_POOLED = {"meta_analysis", "systematic_review", "animal", "in_vitro"}


def test_reviews_animals_laboratory_and_shared_people_are_in_no_group():
    published = load_published()
    frame = contrast_frame(published)
    studies = published.studies.set_index("study_id")
    assert set(studies["design"]) >= NEVER_POOLED
    shared = studies.index[studies["overlaps_with"].notna()]
    assert len(shared) >= 5
    assert not set(frame["study_id"]) & set(shared)
    assert not set(frame["design"]) & NEVER_POOLED
    for _, rows in frame[frame["primary"]].groupby(["claim_id", "measure", "endpoint"]):
        assert not rows["study_id"].duplicated().any()


def test_a_review_in_a_contrast_is_refused(tmp_path):
    published = load_published()
    review = published.studies.loc[published.studies["design"] == "meta_analysis", "study_id"]
    folder = shutil.copytree(data_dir() / "published", tmp_path / "mine")
    for table in ("studies", "contrasts"):
        path = folder / f"{table}.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        if table == "contrasts":
            frame.loc[0, "study_id"] = review.iloc[0]
        frame.to_csv(path, index=False)
    with pytest.raises(mn.DataError) as caught:
        mn.evidence("reduces-scarring", data=folder)
    problems = caught.value.report.to_frame()
    assert ("contrasts.csv: study_id", "a study with use = pool") in set(
        zip(problems["column"], problems["rule"], strict=True)
    )
    assert list(problems) == ["row", "column", "value", "rule", "remedy"]
    assert problems["remedy"].str.len().gt(0).all()


def test_a_broken_relation_gives_a_table_of_problems(tmp_path):
    folder = shutil.copytree(data_dir() / "published", tmp_path / "mine")
    path = folder / "contrasts.csv"
    path.write_text(path.read_text("utf-8").replace("o0024", "o9998"), encoding="utf-8")
    with pytest.raises(mn.DataError, match=r"outcomes\.csv") as caught:
        mn.evidence("reduces-scarring", data=folder)
    assert "o9998" in set(caught.value.report.to_frame()["value"])


def test_one_changed_number_is_reported_and_changes_every_sha(tmp_path, monkeypatch, trials):
    home = shutil.copytree(data_dir(), tmp_path / "data")
    path = home / "published" / "outcomes.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    row = frame.index[frame["outcome_id"] == "o0024"][0]
    frame.loc[row, "mean"] = "2.5"
    frame.to_csv(path, index=False, lineterminator="\n")
    monkeypatch.setenv("MNSTUDY_DATA", str(home))
    (told,) = check_manifest(data_dir())
    assert told.column == "published/outcomes.csv"
    assert "restore it" in told.remedy
    findings = mn.evidence(["reduces-scarring", "rare-pih", "blood-flow"])
    assert all("published/outcomes.csv is not that of the release" in f.notes[-1] for f in findings)
    shas = {f.sha256 for f in findings}
    assert len(shas) == 1
    assert not shas & {f.sha256 for f in trials}


def test_controlled_and_uncontrolled_contrasts_of_one_endpoint_stay_apart():
    frame = contrast_frame(load_published())
    rows = frame[frame["primary"] & frame["claim_id"].eq("comparable-to-laser")]
    rows = rows.assign(design_class=["randomised", "one group"], condition="acne_scar")
    found = groups(mn.claim("comparable-to-laser"), rows, 0.95)
    assert [(g.controlled, len(g.rows)) for g in found] == [(True, 1), (False, 1)]


def test_caps_name_every_reason(trials):
    burn = trials["treats-burn-scars"]
    assert burn.verdict == "partly supported"
    for part in ("no comparison group", "with some or high risk of bias", "only 1 study found"):
        assert part in burn.reason


def test_heterogeneity_is_told_with_its_intervals(trials):
    key = "treats-wrinkles|mean|wrinkle_points_improved|one group||photoageing||"
    witness = WITNESS[f"{key}Lemperle wrinkle scale 0 to 5"]["by_r"]["usual"]
    i2, low, high = (f"{x:.0f}" for x in witness["i2"])
    (said,) = (n for n in trials["treats-wrinkles"].notes if n.startswith("between studies"))
    assert f"tau {witness['tau']:.3f} (" in said
    assert f"I² {i2} % ({low} to {high} %)" in said
    # the two rates are those of 36 and 30 people: 5 and 2 with it differ by no more than chance
    (said,) = (n for n in trials["rare-pih"].notes if "rho" in n)
    assert "rho 0.000 (" in said


def test_the_table_has_a_row_for_every_claim_and_group():
    table = evidence_table()
    assert list(dict.fromkeys(table["claim"])) == list(mn.claims().index)
    several = sum(w["k"] > 1 for w in WITNESS.values())
    assert dict(table["state"].value_counts()) == {
        "single study": len(WITNESS) - several, "pooled": several, "directions only": 8,
        "nothing found": 4, "radiofrequency only": 3,
    }  # fmt: skip
    apart = ["measure", "endpoint", "design_class", "add_on", "condition", "substance"]
    assert not table[table["k"] > 0].duplicated(["claim", *apart]).any()
    stated = sum(len(w["stated"]) for w in WITNESS.values())
    assert table["k"].sum() == 149 + 3 - stated  # primary contrasts and add-on trials
    several = table[table["state"] == "pooled"]
    assert (several["k"] > 1).all()
    assert several["left_out_low"].notna().all()
    assert (several["left_out_low"] <= several["left_out_high"]).all()
    spread = several[several["tau2"].notna()]
    assert (spread["tau2_low"] <= spread["tau2_high"]).all()
    assert (spread["prediction_low"] <= spread["ci_low"]).all()
    assert table["egger_p"].notna().sum() == (table["k"] >= 10).sum() == 0


def test_the_table_and_the_findings_say_the_same(trials):
    table = evidence_table()
    decides = table[table["decides"]].set_index("claim")
    tested = [f for f in trials if f.estimate is not None]
    assert list(decides.index) == [f.claim.id for f in tested]
    for finding in tested:
        row = decides.loc[finding.claim.id]
        assert row["estimate"] == finding.estimate.value
        assert (row["verdict"], row["certainty"]) == (finding.verdict, finding.certainty)
        assert row["reason"] == finding.reason


def test_the_correlation_in_the_middle_is_the_one_shown():
    table = evidence_table("reduces-scarring")
    paired = table[table["r050_estimate"].notna()]
    varied = [key for key, w in WITNESS.items() if len(w["by_r"]) > 1]
    assert len(paired) == sum(key.startswith("reduces-scarring|") for key in varied) == 3
    assert (paired["r030_ci_low"] <= paired["ci_low"]).all()
    assert (paired["ci_low"] <= paired["r070_ci_low"]).all()
    first = paired.iloc[0]
    assert first["r030_ci_low"] < first["r050_ci_low"] < first["r070_ci_low"]


def test_the_table_refuses_a_level_out_of_range():
    with pytest.raises(ValueError, match="confidence_level"):
        evidence_table("rare-pih", confidence_level=95)
