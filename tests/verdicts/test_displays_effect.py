"""What charts of a cohort show: the rows behind the estimate, every patient among them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_sheets import DENSE, asked, faces, graded, split, two_arms, visits

import mnstudy as mn
from mnstudy.verdicts.displays.grades import grade_flow
from mnstudy.verdicts.displays.pairs import pairs
from mnstudy.verdicts.displays.points import points
from mnstudy.verdicts.displays.trajectories import trajectories


def test_points_are_those_behind_the_estimate():
    sheet = two_arms()
    cohort, finding = asked(sheet, "reduces-scarring", synthetic=True)
    shown = points(cohort, finding)
    treated, reference = shown.arms
    needled = sheet["treatment"] == "needling"
    values = sorted(sheet.loc[needled, "improvement_score"])
    assert treated.values.tolist() == pytest.approx(values)
    assert (treated.size, reference.size) == (13, 9)
    assert treated.mean - reference.mean == pytest.approx(finding.estimate.value)
    assert shown.zero == reference.mean
    assert shown.finding.estimate is finding.estimate
    assert not shown.adjusted


def test_of_a_real_cohort_everybody_is_there():
    sheet = two_arms()
    gathered = points(*asked(sheet, "reduces-scarring"))
    everybody = np.concatenate([arm.values for arm in gathered.arms])
    assert sorted(everybody) == pytest.approx(sorted(sheet["improvement_score"]))
    assert [arm.size for arm in gathered.arms] == [13, 9]
    both = pairs(*split(faces()))
    assert (both.n_pairs, both.n_unpaired, len(both.reference)) == (12, 2, 12)
    assert len(trajectories(*asked(visits(), "more-sessions")).lines) == 14
    moves = [*DENSE, (4, 4), (2, 3)]
    table = grade_flow(*asked(graded(moves), "reduces-scarring")).arms[0]
    assert table.counts.loc[2, 3] == moves.count((2, 3))


def test_one_arm_stands_against_zero():
    shown = points(*asked(two_arms(untreated=0), "reduces-scarring"))
    assert [arm.label for arm in shown.arms] == ["needling alone"]
    assert shown.zero == 0
    assert np.isnan(shown.arms[0].mean)


def test_fewer_than_five_untreated_are_no_arm_and_fewer_than_five_needled_no_chart():
    assert len(points(*asked(two_arms(untreated=4), "reduces-scarring")).arms) == 1
    assert points(*asked(two_arms(needled=4), "reduces-scarring")) is None


def test_rows_without_an_outcome_are_left_out_as_in_the_estimate():
    sheet = two_arms()
    sheet.loc[[0, 1, 2, 3, 4, 15], "improvement_score"] = np.nan
    cohort, finding = asked(sheet, "reduces-scarring", synthetic=True)
    assert [len(arm.values) for arm in points(cohort, finding).arms] == [8, 8]
    assert finding.n_missing == 6


def test_levels_span_the_estimate(clinic, clinic_findings):
    finding = clinic_findings["scar-type-matters"]
    shown = points(clinic, finding)
    means = [arm.mean for arm in shown.arms]
    assert shown.zero == min(means)
    assert max(means) - min(means) == pytest.approx(finding.estimate.value)
    assert sum(len(arm.values) for arm in shown.arms) == finding.n_patients
    assert shown.adjusted


@pytest.mark.parametrize("claim", ["results-last", "more-collagen", "reduces-scar-depth"])
def test_changes_have_points(clinic, clinic_findings, claim):
    shown = points(clinic, clinic_findings[claim])
    dots = sum(len(arm.values) for arm in shown.arms)
    assert dots >= clinic_findings[claim].n_patients


def test_means_of_arms_that_a_finding_lacks_are_those_of_its_patients(clinic, clinic_findings):
    shown = points(clinic, clinic_findings["maintenance"])
    for arm in shown.arms:
        assert arm.mean == pytest.approx(arm.values.mean(), abs=0.2)
        assert arm.ci_low < arm.mean < arm.ci_high


def test_a_finding_of_other_data_has_no_charts(clinic, clinic_findings):
    finding = clinic_findings["reduces-scarring"]
    other = mn.load(two_arms(), study={"synthetic": True})
    assert points(other, finding) is None
    assert points(clinic, replace(finding, synthetic=False)) is None
    assert points(clinic, replace(finding, estimate=replace(finding.estimate, value=1.0))) is None
    assert points(clinic, replace(finding, n_studies=3)) is None


def test_pairs_are_the_complete_ones():
    sheet = faces()
    shown = pairs(*split(sheet, synthetic=True))
    wide = sheet.pivot(index="patient_id", columns="site_id", values="improvement_score").dropna()
    assert (shown.n_pairs, shown.n_unpaired) == (12, 2)
    assert sorted(shown.reference) == pytest.approx(sorted(wide["left"]))
    assert sorted(shown.treated - shown.reference) == pytest.approx(
        sorted(wide["right"] - wide["left"])
    )
    assert shown.means == pytest.approx((wide["left"].mean(), wide["right"].mean()))
    assert shown.labels == ("needling alone", "needling with a topical")
    assert points(*split(sheet)) is None


def test_pairs_need_a_split_body_and_five_patients():
    assert pairs(*asked(two_arms(), "reduces-scarring")) is None
    assert pairs(*split(faces(both=4, alone=9))) is None


def test_the_mean_of_complete_pairs_is_the_estimate(split_face):
    finding = mn.evaluate(split_face, "topical-adjunct")[0]
    shown = pairs(split_face, finding)
    assert shown.means[1] - shown.means[0] == pytest.approx(finding.estimate.value)


def test_the_line_of_the_model_has_the_slope_of_the_finding():
    sheet = visits()
    cohort, finding = asked(sheet, "more-sessions", synthetic=True)
    shown = trajectories(cohort, finding)
    rise = shown.model["value"].diff().dropna() / shown.model["x"].diff().dropna()
    assert rise.to_numpy() == pytest.approx(finding.estimate.value)
    assert (shown.model["ci_low"] < shown.model["value"]).all()
    own = sheet.groupby("session_count")["improvement_score"].agg(["mean", "size"])
    own = own[own["size"] >= 5]
    assert shown.sessions["mean"].tolist() == pytest.approx(own["mean"].tolist())
    assert shown.sessions["n"].tolist() == own["size"].tolist()
    table = sheet.pivot(index="patient_id", columns="session_count", values="improvement_score")
    gains = table[shown.sessions["session"]].diff(axis="columns").mean()
    same = [own["mean"].iloc[0], *gains.iloc[1:]]
    assert shown.sessions["same"].tolist() == pytest.approx(np.cumsum(same).tolist())
    assert len(shown.lines) == 14


def test_numbers_of_sessions_that_few_reached_are_not_shown():
    sheet = visits()
    more = sheet[sheet["session_count"] == 4].assign(session_count=5, weeks=20)
    shown = trajectories(*asked(pd.concat([sheet, more], ignore_index=True), "more-sessions"))
    assert shown.sessions["session"].max() < 5
    assert shown.model["x"].max() < 5
    for patients, last in ((15, 3), (18, 4)):  # five, or six, were seen after the fourth session
        few = trajectories(*asked(visits(patients), "more-sessions"))
        assert few.sessions["session"].max() == few.model["x"].max() == last


MOVES = [(4, 2)] * 9 + [(4, 3)] * 6 + [(3, 2)] * 8 + [(3, 3)] * 7 + [(2, 1)] * 6 + [(2, 2)] * 5


def test_flows_count_sites_from_grade_to_grade():
    shown = grade_flow(*asked(graded(MOVES, sites_each=2), "reduces-scarring", synthetic=True))
    table = shown.arms[0]
    expected = 2 * pd.Series(MOVES).value_counts()
    for (before, after), n in expected.items():
        assert table.counts.loc[before, after] == n
    assert table.counts.loc["total", "total"] == 2 * len(MOVES)
    assert (table.n_patients, table.n_sites) == (len(MOVES), 2 * len(MOVES))
    assert shown.names[4] == "4 severe"
    assert shown.better == "lower"


def test_severity_and_change_give_the_same_flow():
    sheet = graded(MOVES)
    sheet["baseline_severity"] = sheet.groupby("patient_id")["scale_score"].transform("first")
    later = sheet["session_count"] > 0
    sheet["grade_change"] = (sheet["baseline_severity"] - sheet["scale_score"]).where(later)
    one = grade_flow(*asked(sheet, "reduces-scarring"))
    other = grade_flow(*asked(sheet.drop(columns=["scale", "scale_score"]), "reduces-scarring"))
    assert one.arms[0].counts.equals(other.arms[0].counts)


def test_sites_without_both_grades_or_between_two_are_counted():
    sheet = graded([*MOVES, *[(3, 2)] * 6])
    last = sheet.index[sheet["session_count"] > 0][-6:]
    sheet.loc[last[:5], "scale_score"] = np.nan
    sheet.loc[last[5], "scale_score"] = 2.5
    shown = grade_flow(*asked(sheet, "reduces-scarring", synthetic=True))
    assert shown.arms[0].n_missing == 6


def test_untreated_sites_stand_beside():
    sheet = graded(MOVES)
    control = graded([(4, 4), (4, 3), (3, 3), (2, 2), (2, 3)] * 2, treatment="untreated")
    control["patient_id"] = "C" + control["patient_id"]
    both = pd.concat([sheet, control], ignore_index=True)
    shown = grade_flow(*asked(both, "reduces-scarring", synthetic=True))
    assert [arm.label for arm in shown.arms] == ["needling alone", "untreated"]
