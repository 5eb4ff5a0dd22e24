"""The committed results are what the code computes: a number changes only with a reason."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnstudy.verdicts.finding.finding import COLUMNS

REPORTS = Path(__file__).parents[2] / "reports"
RTOL = 1e-6  # other machines add up in another order
NUMBERS = ["estimate", "ci_low", "ci_high", "std_error", "df", "p_value", "margin"]
WORDS = ["claim", "dataset", "verdict", "reason", "comparison", "unit", "sha256"]


@pytest.fixture(scope="module")
def fresh(patients, clinic, clinic_findings, trials):
    import mnstudy as mn

    tables = [f.to_frame() for f in (trials, mn.evaluate(patients), clinic_findings)]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def committed():
    real, demo = (pd.read_csv(REPORTS / name / "results.csv") for name in ("", "demo"))
    assert not real["synthetic"].any()
    return pd.concat([real, demo[demo["synthetic"]]], ignore_index=True)


def test_the_table_is_whole(committed):
    assert list(committed.columns) == list(COLUMNS)
    assert len(committed) == 3 * 43


@pytest.mark.parametrize("column", NUMBERS)
def test_committed_numbers(committed, fresh, column):
    np.testing.assert_allclose(
        committed[column].astype("float64"),
        fresh[column].astype("float64"),
        rtol=RTOL,
        atol=1e-9,
        equal_nan=True,
    )


@pytest.mark.parametrize("column", WORDS)
def test_committed_words(committed, fresh, column):
    assert committed[column].fillna("").tolist() == fresh[column].fillna("").tolist()
