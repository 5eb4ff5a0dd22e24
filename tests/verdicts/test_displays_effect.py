"""What charts of a cohort show: the rows behind the estimate, and nothing that is one person."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sheets import DENSE, asked, faces, graded, split, two_arms, visits
from scipy.linalg import null_space

import mnstudy as mn
from mnstudy.disclosure.displays import grouped, guarded_display, neighbours
from mnstudy.disclosure.small_counts import THRESHOLD
from mnstudy.disclosure.transitions import suppress_transitions
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.displays import grades as exact_grades
from mnstudy.verdicts.displays import pairs as exact_pairs
from mnstudy.verdicts.displays import points as exact_points
from mnstudy.verdicts.displays import trajectories as exact_trajectories

VALUES = st.lists(st.floats(-100, 100) | st.just(float("nan")), max_size=40)


def points(cohort, finding):
    return guarded_display(exact_points.points(cohort, finding))


def pairs(cohort, finding):
    return guarded_display(exact_pairs.pairs(cohort, finding))


def trajectories(cohort, finding):
    return guarded_display(exact_trajectories.trajectories(cohort, finding))


def grade_flow(cohort, finding):
    return guarded_display(exact_grades.grade_flow(cohort, finding))


@given(VALUES)
def test_groups_hold_everybody_and_never_fewer_than_five(values):
    means, counts = grouped(values)
    known = np.array([x for x in values if not np.isnan(x)])
    assert (counts >= 5).all()
    assert (np.diff(means) >= 0).all()
    if len(known) < 5:
        assert len(means) == 0
        return
    assert counts.sum() == len(known)
    assert counts.max() - counts.min() <= 1
    assert np.average(means, weights=counts) == pytest.approx(known.mean(), abs=1e-9)


@given(VALUES, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_patients(values, random):
    other = list(values)
    random.shuffle(other)
    assert np.array_equal(grouped(values)[0], grouped(other)[0])


def test_ties_and_a_single_group():
    assert grouped([30.0] * 7)[0].tolist() == [30.0]
    assert neighbours([]) == []
    later, first = neighbours([2.0] * 10, [1.0] * 5 + [0.0] * 5)
    assert (sorted(later), sorted(first)) == ([5, 6, 7, 8, 9], [0, 1, 2, 3, 4])


def test_points_are_those_behind_the_estimate():
    sheet = two_arms()
    cohort, finding = asked(sheet, "reduces-scarring", synthetic=True)
    shown = points(cohort, finding)
    treated, reference = shown.arms
    needled = sheet["treatment"] == "needling"
    values = sorted(sheet.loc[needled, "improvement_score"])
    assert treated.values.tolist() == pytest.approx(values)
    assert set(treated.counts) == {1}
    assert (treated.size, reference.size) == ("13", "9")
    assert treated.mean - reference.mean == pytest.approx(finding.estimate.value)
    assert shown.zero == reference.mean
    assert shown.finding.estimate is finding.estimate
    assert not shown.adjusted


def test_no_dot_of_a_real_cohort_is_a_patient():
    """By construction: every dot is the mean of five or more of the sorted values."""
    sheet = two_arms()
    shown = points(*asked(sheet, "reduces-scarring"))
    for arm, word in zip(shown.arms, ("needling", "untreated"), strict=True):
        own = np.sort(sheet.loc[sheet["treatment"] == word, "improvement_score"])
        groups = np.array_split(own, len(own) // 5)
        assert min(map(len, groups)) >= 5
        assert arm.values.tolist() == pytest.approx([g.mean() for g in groups])
        assert not set(np.round(arm.values, 9)) & set(np.round(own, 9))
        assert set(arm.counts) == {5}


def test_on_her_own_machine_everybody_is_there():
    """What is gathered of a real cohort is exact; only what is shown of it is not."""
    sheet = two_arms()
    gathered = exact_points.points(*asked(sheet, "reduces-scarring"))
    everybody = np.concatenate([arm.values for arm in gathered.arms])
    assert sorted(everybody) == pytest.approx(sorted(sheet["improvement_score"]))
    assert [arm.size for arm in gathered.arms] == [13, 9]
    both = exact_pairs.pairs(*split(faces()))
    assert (both.n_pairs, both.n_alone, both.n_unpaired, len(both.reference)) == (12, 2, 2, 12)
    assert len(exact_trajectories.trajectories(*asked(visits(), "more-sessions")).lines) == 14
    moves = [*DENSE, (4, 4), (2, 3)]
    table = exact_grades.grade_flow(*asked(graded(moves), "reduces-scarring")).arms[0]
    assert table.counts.loc[2, 3] == table.people.loc[2, 3] == moves.count((2, 3))


def test_what_statistics_take_as_enough_may_be_shown():
    """Means by dose and by session rest on the fewest that statistics take, in any cohort."""
    assert MIN_PATIENTS >= THRESHOLD


def test_a_safe_display_holds_no_patient():
    table = grade_flow(*asked(graded(MOVES), "reduces-scarring")).arms[0]
    assert (len(table.people), table.n_patients, table.n_missing) == (0, 0, 0)
    assert trajectories(*asked(visits(patients=24), "more-sessions")).lines == ()


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
    assert (shown.n_pairs, shown.n_unpaired) == ("12", "2")
    assert sorted(shown.reference) == pytest.approx(sorted(wide["left"]))
    assert sorted(shown.treated - shown.reference) == pytest.approx(
        sorted(wide["right"] - wide["left"])
    )
    assert shown.means == pytest.approx((wide["left"].mean(), wide["right"].mean()))
    assert shown.labels == ("needling alone", "needling with a topical")
    assert points(*split(sheet)) is None


def test_no_line_of_a_real_cohort_is_a_patient():
    sheet = faces(both=17)
    shown = pairs(*split(sheet))
    known = set(np.round(sheet["improvement_score"], 9))
    assert len(shown.reference) == 17 // 5
    assert not known & set(np.round([*shown.reference, *shown.treated], 9))
    assert set(shown.counts) == {5}
    assert (np.diff(shown.treated - shown.reference) > 0).all()


def test_pairs_that_are_all_but_a_few_do_not_tell_how_many():
    shown = pairs(*split(faces()))
    assert (shown.n_pairs, shown.n_unpaired) == (">9", "<5")


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
    assert shown.sessions["n"].tolist() == own["size"].astype(str).tolist()
    assert len(shown.lines) == 14


def test_a_real_cohort_has_neither_lines_nor_ends_that_are_patients():
    sheet = visits(patients=24)
    shown = trajectories(*asked(sheet, "more-sessions"))
    assert shown.lines == ()
    known = set(np.round(sheet["improvement_score"], 9))
    drawn = shown.sessions[["mean", "quarter_low", "quarter_high"]].to_numpy().ravel()
    assert not known & set(np.round(drawn, 9))
    first = np.sort(sheet.loc[sheet["session_count"] == 1, "improvement_score"])
    assert shown.sessions["quarter_low"].iloc[0] == pytest.approx(first[4:9].mean())
    counts = sheet["session_count"].value_counts().sort_index()
    few = counts[shown.sessions["session"]].to_numpy() < 10
    assert few.any()
    assert shown.sessions["quarter_low"].isna().tolist() == few.tolist()


def test_numbers_of_sessions_that_few_reached_are_not_shown():
    sheet = visits()
    more = sheet[sheet["session_count"] == 4].assign(session_count=5, weeks=20)
    shown = trajectories(*asked(pd.concat([sheet, more], ignore_index=True), "more-sessions"))
    assert shown.sessions["session"].max() < 5
    assert shown.model["x"].max() < 5


MOVES = [(4, 2)] * 9 + [(4, 3)] * 6 + [(3, 2)] * 8 + [(3, 3)] * 7 + [(2, 1)] * 6 + [(2, 2)] * 5


def test_flows_count_sites_from_grade_to_grade():
    shown = grade_flow(*asked(graded(MOVES, sites_each=2), "reduces-scarring", synthetic=True))
    table = shown.arms[0]
    expected = 2 * pd.Series(MOVES).value_counts()
    for (before, after), n in expected.items():
        assert table.counts.loc[before, after] == n
    assert table.counts.loc["total", "total"] == 2 * len(MOVES)
    assert table.size == f"{len(MOVES)} patients, {2 * len(MOVES)} sites"
    assert shown.names[4] == "4 severe"
    assert shown.better == "lower"


def test_severity_and_change_give_the_same_flow():
    sheet = graded(MOVES)
    sheet["baseline_severity"] = sheet.groupby("patient_id")["scale_score"].transform("first")
    later = sheet["session_count"] > 0
    sheet["grade_change"] = (sheet["baseline_severity"] - sheet["scale_score"]).where(later)
    one = grade_flow(*asked(sheet, "reduces-scarring"))
    other = grade_flow(*asked(sheet.drop(columns=["scale", "scale_score"]), "reduces-scarring"))
    assert one.arms[0].words.equals(other.arms[0].words)


def test_sites_without_both_grades_or_between_two_are_counted():
    sheet = graded([*MOVES, *[(3, 2)] * 6])
    last = sheet.index[sheet["session_count"] > 0][-6:]
    sheet.loc[last[:5], "scale_score"] = np.nan
    sheet.loc[last[5], "scale_score"] = 2.5
    shown = grade_flow(*asked(sheet, "reduces-scarring", synthetic=True))
    assert shown.arms[0].missing == "6 sites"


def test_a_few_without_grades_do_not_follow_from_the_total():
    sheet = graded([*DENSE, (3, 2), (3, 2)])
    sheet.loc[sheet.index[sheet["session_count"] > 0][-2:], "scale_score"] = np.nan
    table = grade_flow(*asked(sheet, "reduces-scarring")).arms[0]
    assert table.missing == "<5"
    assert table.size == f">{len(DENSE) + 2 - 5} patients"
    assert table.words.loc["total", "total"] == "not shown"
    assert (table.words["total"] == "not shown").sum() >= 2


def test_small_cells_are_judged_by_patients_not_by_sites():
    moves = [*MOVES * 3, (4, 4), (4, 4), (2, 3), (2, 3)]
    table = grade_flow(*asked(graded(moves, sites_each=4), "reduces-scarring")).arms[0]
    assert table.words.loc[4, 4] == "<5"
    assert table.words.loc[2, 3] == "<5"
    assert np.isnan(table.counts.loc[4, 4])


def test_a_flow_of_which_most_is_withheld_is_not_drawn():
    moves = [(4, 3), (4, 2), (3, 2), (3, 3), (2, 1), (2, 2)] * 3
    assert grade_flow(*asked(graded(moves), "reduces-scarring")) is None
    assert grade_flow(*asked(graded(moves), "reduces-scarring", synthetic=True)) is not None


def test_untreated_sites_stand_beside_and_say_where_too_few():
    sheet = graded(MOVES)
    control = graded([(4, 4), (4, 3), (3, 3), (2, 2), (2, 3)] * 2, treatment="untreated")
    control["patient_id"] = "C" + control["patient_id"]
    both = pd.concat([sheet, control], ignore_index=True)
    shown = grade_flow(*asked(both, "reduces-scarring", synthetic=True))
    assert [arm.label for arm in shown.arms] == ["needling alone", "untreated"]
    guarded = grade_flow(*asked(both, "reduces-scarring"))
    assert [arm.label for arm in guarded.arms] == ["needling alone"]
    assert guarded.too_few == ("untreated",)


def test_published_patients_show_grades_without_small_cells(patients):
    finding = mn.evaluate(patients, "treats-acne-scars")[0]
    shown = grade_flow(patients, finding)
    table = shown.arms[0]
    counts = table.counts.to_numpy()
    assert not ((counts > 0) & (counts < 5)).any()
    assert (table.words == "<5").to_numpy().any()
    assert points(patients, finding) is None  # its studies are pooled: the forest shows them


@st.composite
def tables(draw):
    size = draw(st.integers(2, 4))
    cells = draw(
        st.lists(
            st.integers(0, 12) | st.just(0), min_size=size * size, max_size=size * size
        ).filter(lambda x: sum(x) > 0)
    )
    inner = np.array(cells).reshape(size, size)
    full = np.zeros((size + 1, size + 1), dtype=int)
    full[:-1, :-1] = inner
    full[-1, :-1], full[:-1, -1], full[-1, -1] = inner.sum(0), inner.sum(1), inner.sum()
    return pd.DataFrame(full)


def equations(table):
    """All that adds up, with the number of those who got better where that is printed."""
    size = len(table) - 1
    places = {cell: i for i, cell in enumerate(np.ndindex(size + 1, size + 1))}
    lines = []
    for i in range(size + 1):
        for flip in (False, True):
            line = np.zeros(len(places))
            for j in range(size):
                line[places[(j, i) if flip else (i, j)]] = 1
            line[places[(size, i) if flip else (i, size)]] = -1
            lines.append(line)
    better = [(i, j) for i in range(size) for j in range(i)]
    if not 0 < sum(table.iloc[cell] for cell in better) < 5:
        line = np.zeros(len(places))
        line[[places[cell] for cell in better]] = 1
        lines.append(line)
    return np.array(lines)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_no_small_cell_follows_from_what_is_shown(table):
    """A hidden cell is open where the null space of all equations moves it."""
    words = suppress_transitions(table, "lower").to_numpy().ravel()
    counts = table.to_numpy().ravel()
    small = (counts > 0) & (counts < 5)
    assert (words[small] == "<5").all()
    assert not (words[counts == 0] == "<5").any()
    hidden = np.flatnonzero(words != "")
    free = null_space(equations(table)[:, hidden]) if len(hidden) else np.zeros((0, 0))
    for place, moves in zip(hidden, free, strict=True):
        if small[place]:
            assert np.abs(moves).max(initial=0) > 1e-9
