"""The published evidence: what is pooled, what decides, and what is only described."""

import math
import shutil

import pytest

import mnstudy as mn
from mnstudy.cohort.datasets import data_dir
from mnstudy.cohort.published import contrast_frame, load_published
from mnstudy.verdicts.evidence_effects import effects


def test_every_claim_has_its_row(trials):
    assert [f.claim.id for f in trials] == list(mn.claims().index)


@pytest.mark.parametrize(
    ("claim", "k"),
    [
        ("evens-tone", 1),
        ("topical-adjunct", 2),
        ("treats-acne-scars", 1),
        ("little-pain", 2),
        ("rare-pih", 11),
        ("gentler-than-laser", 2),
    ],
)
def test_number_of_studies_behind_the_estimate(trials, claim, k):
    assert trials[claim].n_studies == k
    assert trials[claim].estimate is not None


def test_controlled_evidence_decides_and_is_never_mixed(trials):
    finding = trials["treats-acne-scars"]
    assert finding.comparison == "randomised"
    assert finding.estimate.unit == "SD"
    groups = {p.group for p in finding.parts}
    assert any(g.startswith("controlled") for g in groups)
    assert any(g.startswith("uncontrolled") for g in groups)
    assert all(len({p.unit for p in finding.parts if p.group == g}) == 1 for g in groups)


def test_nothing_found_is_said(trials):
    for claim in ("reduces-scar-depth", "skin-type-matters", "deeper-needling", "blood-flow"):
        assert trials[claim].verdict == "not testable"
        assert trials[claim].reason == "no usable published number found"


def test_before_after_series_of_rf_do_not_test_rf_against_plain(trials):
    finding = trials["rf-combination"]
    assert finding.verdict == "not testable"
    assert finding.parts
    assert "plain needling" in finding.reason


def test_few_studies_cap_the_verdict(trials):
    for finding in trials:
        if finding.verdict == "supported":
            assert finding.n_studies >= 3, finding


def test_no_event_in_any_study_gives_exact_limits(trials):
    bruising = trials["rare-bruising"].estimate
    assert bruising.value == 0
    assert bruising.ci_high == pytest.approx(100 * (1 - 0.025 ** (1 / 97)))


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
    _, high = effects(paired, "smd", r=0.7)
    assert (high < low).all()


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
