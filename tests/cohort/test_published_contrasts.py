"""Every group of published contrasts against metafor, which reads the same tables by itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.evidence import groups as grouped
from mnstudy.verdicts.evidence.checks import checks
from mnstudy.verdicts.evidence.effects import R_GRID

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/published_contrasts.json").read_text()
)
WITNESS = REFERENCE["groups"]
RTOL = 1e-6
# where a limit is zero, what is left is rounding: units are percent, SD or points
ATOL = 1e-8


def key_of(group):
    side = "controlled" if group.controlled else "uncontrolled"
    return "|".join([group.claim.id, group.name, group.endpoint, side])


@pytest.fixture(scope="module")
def ours():
    frame = contrast_frame(load_published())
    primary = frame[frame["primary"]]
    found = [
        group
        for claim in select(None)
        for group in grouped.groups(claim, primary[primary["claim_id"] == claim.id], 0.95)
    ]
    return {key_of(group): group for group in found}


def near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def test_no_group_is_missing_on_either_side(ours):
    assert ours.keys() == WITNESS.keys()
    assert len(WITNESS) == 68
    assert sum(w["k"] for w in WITNESS.values()) == 149
    assert {tuple(map(float, w["by_r"])) for w in WITNESS.values()} == {R_GRID}
    assert REFERENCE["packages"].keys() == {"metafor"}
    assert "adhoc" in REFERENCE["call"]


def test_the_reference_holds_what_is_promised():
    pooled = [w for w in WITNESS.values() if "pooled" in w["by_r"]["0.5"]]
    several = [w for w in WITNESS.values() if w["k"] > 1]
    assert len(several) - len(pooled) == 2  # no event, or nothing but events: exact counts
    assert sum("egger" in w["by_r"]["0.5"] for w in WITNESS.values()) == 1
    assert all(len(w["by_r"]["0.5"]["left_out"]) == w["k"] for w in several)


@pytest.mark.parametrize("key", WITNESS)
def test_studies_and_people(ours, key):
    group, witness = ours[key], WITNESS[key]
    assert sorted(group.rows["study_id"]) == sorted(witness["studies"])
    assert group.people == witness["people"]


@pytest.mark.parametrize("key", WITNESS)
@pytest.mark.parametrize("r", R_GRID)
def test_agrees_with_metafor(ours, key, r):
    group, witness = ours[key], WITNESS[key]["by_r"][f"{r:g}"]
    found = checks(group, egger_studies=10, r=r)
    for name, expected in witness["estimate"].items():
        near(getattr(found.estimate, "value" if name == "estimate" else name), expected)
    for name, expected in witness.get("pooled", {}).items():
        near(getattr(found, name), expected)
    assert ("pooled" in witness) == bool(np.isfinite(found.tau2))
    assert ("egger" in witness) == (found.egger is not None)
    if found.egger is not None:
        near(found.egger.estimate, witness["egger"]["estimate"])
        near(found.egger.p_value, witness["egger"]["p_value"])


@pytest.mark.parametrize("key", [key for key, w in WITNESS.items() if w["k"] > 1])
@pytest.mark.parametrize("r", R_GRID)
def test_leaving_one_study_out_agrees_with_metafor(ours, key, r):
    group, witness = ours[key], WITNESS[key]["by_r"][f"{r:g}"]["left_out"]
    left_out = checks(group, egger_studies=10, r=r).left_out
    for study, found in zip(group.rows["study_id"], left_out, strict=True):
        expected = witness[study]
        ends = (found.estimate.value, found.estimate.ci_low, found.estimate.ci_high)
        near(ends, [expected[name] for name in ("estimate", "ci_low", "ci_high")])
