"""Results do not depend on the order of the rows of a sheet, not in the last digit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.describe.flow import flow
from mnstudy.cohort.describe.table_one import missingness
from mnstudy.reporting.figures.plot import charts_of
from mnstudy.reporting.run.numbers import parts_frame
from mnstudy.reporting.tables.write import csv_bytes
from mnstudy.verdicts.analyses.dropouts import completers_and_dropouts

DESIGNS = ("registry", "split_body", "parallel")
ASKED = ("more-sessions", "reduces-scarring", "topical-adjunct")


@pytest.fixture(scope="module", params=DESIGNS)
def cohort(request):
    return mn.simulate(60, design=request.param, rng=5)


@pytest.fixture(scope="module")
def findings(cohort):
    return mn.evaluate(cohort)


def shuffled(cohort, seed):
    mixed = cohort.data.sample(frac=1, random_state=seed).reset_index(drop=True)
    return replace(cohort, data=mixed)


@pytest.mark.parametrize("seed", [1, 2])
def test_findings_are_the_same_to_the_last_digit(cohort, findings, seed):
    again = mn.evaluate(shuffled(cohort, seed))
    pd.testing.assert_frame_equal(again.to_frame(), findings.to_frame(), check_exact=True)
    assert repr([f.parts for f in again]) == repr([f.parts for f in findings])


def test_checks_and_curves_are_the_same_to_the_last_digit(cohort, findings):
    mixed = shuffled(cohort, 4)
    quick = ["adjustment", "model", "ranks", "missing"]
    one, other = (mn.evaluate(c, ASKED).sensitivity(quick) for c in (cohort, mixed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    claim = next(c for c in ASKED[1:] if findings[c].estimate is not None)
    curves = [mn.specification_curve(c, claim, n_resamples=99) for c in (cohort, mixed)]
    pd.testing.assert_frame_equal(curves[0].table, curves[1].table, check_exact=True)
    assert len({(c.joint.p_median, c.joint.p_global) for c in curves}) == 1


def test_figures_and_outcomes_are_the_same_to_the_last_digit(cohort, findings):
    mixed = shuffled(cohort, 5)
    tables = [mn.outcomes(c, findings) for c in (cohort, mixed)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    for claim in ASKED:
        for one, other in zip(mn.charts(cohort, claim), mn.charts(mixed, claim), strict=True):
            pd.testing.assert_frame_equal(one.data(), other.data(), check_exact=True)
            assert one.caption == other.caption


def written(cohort):
    """Return all that a report writes of a cohort beside its estimates, as the bytes of a CSV."""
    findings = mn.evaluate(cohort, ASKED)
    frames = [
        *(table.to_frame() for table in mn.tables(cohort, findings)),
        parts_frame([findings]), flow(cohort), mn.attrition(cohort), mn.table_one(cohort),
        completers_and_dropouts(cohort), missingness(cohort),
        *(chart.data() for f in findings for chart in charts_of(cohort, f, report=True)),
    ]  # fmt: skip
    return [csv_bytes(frame) for frame in frames]


def test_all_that_is_written_is_the_same_to_the_last_byte(cohort):
    """Also where the values are no whole numbers, whose sums are exact in any order."""
    data, rng = cohort.data.copy(), np.random.default_rng(5)
    for name in ("improvement_score", "scar_depth_um", "texture_score"):
        moved = data[name] - rng.random(len(data)) * data[name].gt(0)
        data[name] = moved.astype("float64")
    fine = replace(cohort, data=data)
    assert written(fine) == written(shuffled(fine, 7))


def test_only_rows_out_of_order_are_put_in_order(cohort):
    assert cohort.in_order() is cohort
    mixed = shuffled(cohort, 6)
    pd.testing.assert_frame_equal(mixed.in_order().data, cohort.data)
    assert not mixed.data.equals(cohort.data)
