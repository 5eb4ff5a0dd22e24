"""Every group of published trials against R, which joins, groups and pools the tables by itself."""

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
    (Path(__file__).parents[1] / "reference/published_groups.json").read_text("utf-8")
)
WITNESS = REFERENCE["groups"]
CASES = [(key, r) for key, w in WITNESS.items() for r in w["by_r"]]
ENDS = ("estimate", "ci_low", "ci_high")
# a limit by profile is known to the square root of its rounding; zeros are left with rounding alone
RTOL, ATOL = 2e-6, 2e-6


def key_of(group):
    apart = (group.design_class, "add-on" if group.add_on else "", group.condition, group.substance)
    points = str(group.rows["points_of"].iloc[0])
    return "|".join([group.claim.id, group.name, group.endpoint, *apart, points])


@pytest.fixture(scope="module")
def ours():
    frame = contrast_frame(load_published())
    primary = frame[frame["primary"]]
    found = [
        group
        for claim in select(None)
        for group in grouped.groups(claim, primary[primary["claim_id"] == claim.id], 0.95)
    ]
    assert len({key_of(group) for group in found}) == len(found)
    return {key_of(group): group for group in found}


def near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def near_ends(estimate, expected):
    near((estimate.value, estimate.ci_low, estimate.ci_high), [expected[end] for end in ENDS])


def given(r):
    return None if r == "usual" else float(r)


def test_no_group_is_missing_on_either_side(ours):
    assert ours.keys() == WITNESS.keys()
    rows = [row for w in WITNESS.values() for row in (*w["studies"], *w["stated"])]
    assert len(rows) == 149 + 3  # primary contrasts and add-on trials
    varied = {tuple(w["by_r"]) for w in WITNESS.values()}
    assert varied == {("usual",), ("usual", *(f"{r:g}" for r in R_GRID))}
    assert REFERENCE["packages"].keys() == {"metafor", "VGAM"}


@pytest.mark.parametrize("key", WITNESS)
def test_studies_and_people(ours, key):
    group, witness = ours[key], WITNESS[key]
    assert sorted(group.rows["study_id"]) == sorted(witness["studies"])
    assert sorted(group.stated.get("study_id", [])) == sorted(witness["stated"])
    assert group.people == witness["people"]


@pytest.mark.parametrize(("key", "r"), CASES)
def test_values_agree_with_r(ours, key, r):
    witness = WITNESS[key]["by_r"][r]
    pooled = grouped.pool_group(ours[key], given(r))
    near_ends(pooled.estimate, witness["estimate"])
    for kind, expected in witness.get("beside", {}).items():
        near_ends(pooled.other(kind).estimate, expected)
    assert len(pooled.beside) == len(witness.get("beside", {}))
    if "rho" in witness["estimate"]:
        np.testing.assert_allclose(pooled.rho[0], witness["estimate"]["rho"], atol=2e-6)
    if "prediction" in witness:
        near(pooled.prediction, witness["prediction"])
        near(pooled.tau[: np.size(witness["tau"])], np.ravel(witness["tau"]))
        if r == "usual":  # the heterogeneity shown is that of the correlation shown
            near(pooled.i2, witness["i2"])


@pytest.mark.parametrize(("key", "r"), [(k, r) for k, r in CASES if WITNESS[k]["k"] > 1])
def test_leaving_one_study_out_agrees_with_r(ours, key, r):
    group, witness = ours[key], WITNESS[key]["by_r"][r]["left_out"]
    left_out = checks(group, egger_studies=10, r=given(r)).left_out
    assert len(left_out) == len(witness)
    for study, found in zip(group.rows["study_id"], left_out, strict=True):
        near_ends(found.estimate, witness[study])
