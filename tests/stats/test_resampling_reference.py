"""Exact permutation tests against R: every sign flip enumerated, arms permuted by coin."""

import json
from pathlib import Path

import numpy as np
import pytest

from mnstudy.stats.resampling.permutation import permute_arms, sign_flip

CASES = json.loads((Path(__file__).parents[1] / "reference/resampling.json").read_text())["cases"]
RTOL = 1e-6  # both are counts divided by counts


def test_the_grid_is_complete():
    """Two tests, three samples, three alternatives."""
    assert len(CASES) == 2 * 3 * 3
    assert {c["alternative"] for c in CASES} == {"two-sided", "less", "greater"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['func']}-{c['alternative']}")
def test_against_r(case):
    y = np.array([float(v) for v in case["y"]])
    if case["func"] == "sign_flip":
        found = sign_flip(y, exact=True, alternative=case["alternative"])
    else:
        arm = np.array(case["arm"])
        found = permute_arms(y, arm, exact=True, alternative=case["alternative"])
    assert found.p_value == pytest.approx(float(case["p_value"]), rel=RTOL)
