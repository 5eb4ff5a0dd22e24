"""Outcomes by group: risk ratios against R, groups against the rows, effects those of findings."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import mnstudy as mn
from mnstudy.stats.counts.two_groups import risk_ratio
from mnstudy.verdicts.displays.outcomes import COLUMNS, outcomes

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "risk_ratios.json").read_text())
CASES = REFERENCE["cases"]


def counted(counts, kind, level=0.95):
    a, b, c, d = (int(x) for x in counts)
    if kind == "pairs":
        return risk_ratio(table=[[a, b], [c, d]], paired=True, confidence_level=level)
    return risk_ratio(a, b, c, d, confidence_level=level)


@pytest.mark.parametrize("case", CASES, ids=[f"{c['kind']} {c['counts']}" for c in CASES])
def test_risk_ratios_agree_with_r(case):
    found = counted(case["counts"], case["kind"], case["level"])
    expected = [math.inf if x == -1 else x for x in case["expected"]]
    assert [found.ci_low, found.ci_high] == pytest.approx(expected, rel=1e-7)


def test_published_examples_of_risk_ratios():
    # Fagerland, Lydersen & Laake: Perondi (2004) for groups, Cavo (2012) for pairs
    groups, pairs = counted([7, 34, 1, 34], "groups"), counted([59, 6, 16, 80], "pairs")
    assert [round(x, 4) for x in (groups.ci_low, groups.ci_high)] == [1.2209, 42.5757]
    assert [round(x, 4) for x in (pairs.ci_low, pairs.ci_high)] == [0.7579, 0.9910]


COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, COUNTS)
def test_swapped_groups_turn_the_ratio_over(one, two):
    there, back = risk_ratio(*one, *two), risk_ratio(*two, *one)
    assert there.ci_low <= there.ci_high
    if not math.isnan(there.estimate):
        assert there.ci_low <= there.estimate <= there.ci_high
    ends = [1 / x if x else math.inf for x in (back.ci_high, back.ci_low)]
    assert [there.ci_low, there.ci_high] == pytest.approx(ends, rel=1e-8)


@given(st.tuples(*[st.integers(0, 30)] * 4).filter(any))
def test_swapped_sides_of_pairs_turn_the_ratio_over(cells):
    a, b, c, d = cells
    there, back = (counted(x, "pairs") for x in ((a, b, c, d), (a, c, b, d)))
    ends = [1 / x if x else math.inf for x in (back.ci_high, back.ci_low)]
    assert [there.ci_low, there.ci_high] == pytest.approx(ends, rel=1e-8)


@given(COUNTS, COUNTS)
def test_a_higher_level_holds_the_lower_one(one, two):
    narrow, wide = (risk_ratio(*one, *two, confidence_level=level) for level in (0.8, 0.99))
    slack = 1 + 1e-9
    assert wide.ci_low <= narrow.ci_low * slack
    assert wide.ci_high * slack >= narrow.ci_high


def test_without_events_there_is_no_ratio():
    none, first, second = (risk_ratio(*x) for x in ((0, 9, 0, 9), (0, 9, 3, 9), (3, 9, 0, 9)))
    assert math.isnan(none.estimate)
    assert (none.ci_low, none.ci_high) == (0, math.inf)
    assert none.notes
    assert (first.estimate, first.ci_low) == (0, 0)
    assert (second.estimate, second.ci_high) == (math.inf, math.inf)


@pytest.mark.parametrize(
    ("counts", "options", "says"),
    [
        ((1, 2, 1), {}, "separate groups need"),
        ((3, 2, 1, 2), {}, "events1"),
        ((), {"table": [[1, 2], [3, 4]]}, "separate groups need"),
        ((1, 2, 1, 2), {"paired": True}, "needs table"),
        ((), {"table": [[0, 0], [0, 0]], "paired": True}, "at least one pair"),
        ((1, 2, 1, 2), {"confidence_level": 95}, "between 0 and 1"),
    ],
)
def test_counts_of_another_design_are_refused(counts, options, says):
    with pytest.raises(ValueError, match=says):
        risk_ratio(*counts, **options)


@pytest.mark.slow
@pytest.mark.parametrize(("n1", "n0", "p1", "p0"), [(15, 15, 0.3, 0.3), (40, 20, 0.2, 0.4)])
def test_ratio_of_groups_is_covered_as_promised(n1, n0, p1, p0):
    """Exactly, over all tables: Koopman's limits cover close to 95 % on these."""
    covered = 0.0
    for e1 in range(n1 + 1):
        for e0 in range(n0 + 1):
            found = risk_ratio(e1, n1, e0, n0)
            weight = binom.pmf(e1, n1, p1) * binom.pmf(e0, n0, p0)
            covered += weight * (found.ci_low <= p1 / p0 <= found.ci_high)
    assert 0.935 <= covered <= 0.975


@pytest.fixture(scope="module")
def of_clinic(clinic, clinic_findings):
    return outcomes(clinic, clinic_findings)


@pytest.fixture(scope="module")
def of_faces(split_face):
    findings = mn.evaluate(split_face, ["topical-adjunct", "rare-pih", "satisfies-patients"])
    return outcomes(split_face, findings)


def rows(table, claim, reading="claimed"):
    return table[table["claim"].eq(claim) & table["reading"].eq(reading)]


def test_columns_are_those_documented(of_clinic):
    assert tuple(of_clinic) == COLUMNS
    assert all(f"``{name}``" in outcomes.__doc__ for name in COLUMNS)


def test_every_tested_claim_is_there_with_the_effect_of_its_finding(of_clinic, clinic_findings):
    tested = {f.claim.id: f for f in clinic_findings if f.estimate is not None}
    assert set(of_clinic["claim"]) == set(tested)
    for row in of_clinic[of_clinic["reading"] == "claimed"].to_dict("records"):
        estimate = tested[row["claim"]].estimate
        ends = [estimate.value, estimate.ci_low, estimate.ci_high]
        assert [row["effect"], row["ci_low"], row["ci_high"]] == ends
        assert row["method"] == estimate.method


def test_primary_claims_come_first(of_clinic, clinic):
    planned = of_clinic["planned"].to_numpy()
    assert planned[: planned.sum()].all()
    assert set(of_clinic.loc[planned, "claim"]) == set(clinic.study.plan.primary)


def test_groups_of_a_difference_of_means_by_hand(of_faces, split_face):
    sites = split_face.sites()
    by_side = sites.groupby(sites["adjunct"].ne("none"))["improvement_score"]
    mean, sd = by_side.mean(), by_side.std(ddof=1)
    own = rows(of_faces, "topical-adjunct")
    assert own["group"].tolist() == ["needling with PRP", "needling alone"]
    assert own["mean"].tolist() == pytest.approx([mean[True], mean[False]])
    assert own["sd"].tolist() == pytest.approx([sd[True], sd[False]])
    # complete pairs: the effect is the difference of the means
    assert own["effect"].iloc[0] == pytest.approx(mean[True] - mean[False])


def test_shares_of_sides_of_a_face_are_paired(of_faces, split_face):
    sites = split_face.sites()
    side = np.where(sites["adjunct"].ne("none"), "prp", "alone")
    reached = sites["improvement_score"].ge(10).groupby([sites["patient_id"], side]).first()
    table = pd.crosstab(reached.unstack()["prp"], reached.unstack()["alone"])
    assert table.loc[True, True] == 38
    assert table.to_numpy().sum() == 40
    own = rows(of_faces, "topical-adjunct", "threshold")
    assert own["events"].tolist() == [38, 38]
    pinned = next(c for c in CASES if c["counts"] == [38, 0, 0, 2])["expected"]
    assert own[["ratio_low", "ratio_high"]].iloc[0].tolist() == pytest.approx(pinned, rel=1e-9)
    assert own["ratio_method"].str.startswith("pairs").all()


@pytest.mark.parametrize(
    ("claim", "counts"),
    [("home-riskier", [6, 24, 4, 206]), ("shallow-safer", [6, 51, 24, 177])],
)
def test_ratios_of_events_against_r(of_clinic, claim, counts):
    own = rows(of_clinic, claim)
    assert own[["events", "n"]].to_numpy().ravel().tolist() == counts
    pinned = next(c for c in CASES if c["counts"] == counts)["expected"]
    assert own[["ratio_low", "ratio_high"]].iloc[0].tolist() == pytest.approx(pinned, rel=1e-7)
    assert own["effect"].iloc[0] == pytest.approx(
        100 * (counts[0] / counts[1] - counts[2] / counts[3])
    )


def test_groups_that_share_many_patients_have_no_interval_of_the_ratio(of_clinic):
    own = rows(of_clinic, "gentler-than-laser")
    assert own["ratio"].iloc[0] == pytest.approx(18 / 142 / (17 / 44))
    assert own[["ratio_low", "ratio_high"]].isna().all(axis=None)
    assert own["ratio_note"].str.contains("both groups").all()


def test_several_sites_of_a_patient_are_one_patient(of_clinic, clinic):
    sites = clinic.sites()
    alone = sites[sites["treatment"].eq("needling") & sites["adjunct"].eq("none")]
    known = alone[alone["improvement_score"].notna()]
    own = rows(of_clinic, "rf-combination").iloc[1]
    assert len(known) > known["patient_id"].nunique()
    assert (own["n"], own["in_group"]) == (
        known["patient_id"].nunique(),
        alone["patient_id"].nunique(),
    )
    means = known.groupby("patient_id")["improvement_score"].mean()
    assert [own["mean"], own["sd"]] == pytest.approx([means.mean(), means.std(ddof=1)])


def test_one_group_claims_by_hand(of_clinic, clinic):
    needled = clinic.data[clinic.data["treatment"].eq("needling")]
    seen = needled[needled["session_count"].ge(1) & needled["pih"].notna()]
    had = seen.groupby("patient_id")["pih"].any()
    own = rows(of_clinic, "rare-pih").iloc[0]
    assert (own["events"], own["n"], own["kind"]) == (int(had.sum()), len(had), "events")
    uptake = rows(of_clinic, "topical-absorption").iloc[0]
    assert (uptake["kind"], uptake["mean"]) == ("geometric mean", uptake["effect"])
    assert (uptake["n"], uptake["in_group"]) == (30, clinic.data["patient_id"].nunique())


def test_levels_are_the_groups_of_a_claim_about_differences_between_them(
    of_clinic, clinic_findings
):
    own = rows(of_clinic, "scar-type-matters")
    parts = [p for p in clinic_findings["scar-type-matters"].parts if p.kind == "level"]
    assert own["group"].tolist() == [p.label for p in parts]
    assert own["mean"].tolist() == [p.value for p in parts]
    assert set(own["kind"]) == {"adjusted mean"}


def test_the_order_of_the_rows_does_not_matter(split_face):
    shuffled = replace(split_face, data=split_face.data.sample(frac=1, random_state=1))
    tables = []
    for cohort in (split_face, shuffled):
        tables.append(outcomes(cohort, mn.evaluate(cohort, "topical-adjunct")))
    pd.testing.assert_frame_equal(*tables)


def test_findings_of_other_data_are_refused(clinic, split_face):
    findings = mn.evaluate(split_face, "rare-pih")
    with pytest.raises(ValueError, match="belongs to other data"):
        outcomes(clinic, findings)


def test_a_changed_finding_is_refused(clinic, clinic_findings):
    finding = clinic_findings["home-riskier"]
    changed = replace(finding, estimate=replace(finding.estimate, value=1.0))
    with pytest.raises(ValueError, match="another difference"):
        outcomes(clinic, [changed])


def test_findings_that_are_not_testable_have_no_row(sheet):
    cohort = mn.load(sheet.assign(treatment="needling"), study={"design": "single_arm"})
    assert outcomes(cohort, mn.evaluate(cohort, ["home-riskier", "rare-pih"])).empty


def test_patients_of_several_studies(patients):
    found = outcomes(patients, mn.evaluate(patients, "reduces-scarring"))
    assert found[["kind", "n", "in_group"]].to_numpy().tolist() == [["none", 71, 407]]
