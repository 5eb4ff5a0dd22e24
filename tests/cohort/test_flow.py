"""Who was lost: the counts, completers against drop-outs, the notes, the worst cases."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.describe.flow import attrition, flow, lost_sites
from mnstudy.verdicts.analyses.dropouts import completers_and_dropouts

PARALLEL = {"design": "parallel", "randomised": True}


def trial(scores, *, untreated=(), **columns):
    """Two visits a patient: baseline, and the score at week 12; None for a patient not seen."""
    rows = []
    for arm, values in (("needling", scores), ("untreated", untreated)):
        for i, score in enumerate(values):
            sessions = 3 if arm == "needling" else 0
            visit = {
                "patient_id": f"{arm[0].upper()}{i:03}",
                "scar_type": "acne_rolling",
                "needle_depth_mm": 1.5 if arm == "needling" else 0.0,
                "treatment": arm,
                **{name: values[i] for name, values in columns.items()},
            }
            rows.append({**visit, "session_count": 0, "weeks": 0, "improvement_score": 0})
            rows.append(
                {**visit, "session_count": sessions, "weeks": 12, "improvement_score": score}
            )
    return pd.DataFrame(rows)


def load(data, **study):
    return mn.load(data, study={"design": "single_arm", **study})


def step(table, name, arm="all"):
    row = table[(table["step"] == name) & (table["arm"] == arm)]
    assert len(row) == 1, name
    return row.iloc[0]


SCORES = [20, 30, 40, 25, 35, 45, 30, None, None, 50]


# The counts


def test_the_flow_says_what_each_step_is():
    table = flow(load(trial(SCORES), plan={"final_week": 12}))
    assert table["stage"].tolist() == ["enrolled", "baseline", "assessed", "known", "late"]
    assert table["after"].tolist() == ["", "", "3 sessions", "", ""]


def test_every_step_is_counted_by_arm():
    table = attrition(load(trial(SCORES, untreated=[0, 5, None, 10, 2]), **PARALLEL))
    assert step(table, "enrolled").tolist()[2:] == [15, 15, 1.0]
    assert step(table, "seen at baseline")["sites"] == 15
    assert step(table, "assessed after 3 sessions", "needling")["sites"] == 8
    assert step(table, "assessed after no session", "untreated")["sites"] == 4
    assert step(table, "result known at week 12", "needling")["share"] == pytest.approx(0.8)
    assert step(table, "result known at week 12")["sites"] == 12
    assert list(table["arm"].unique()) == ["all", "needling", "untreated"]


def test_the_arms_add_up_to_all():
    table = attrition(mn.load("demo_clinic"))
    for _, rows in table.groupby("step"):
        whole = rows.loc[rows["arm"] == "all", "sites"].item()
        assert rows.loc[rows["arm"] != "all", "sites"].sum() == whole


def test_two_sites_of_a_patient_are_two_sites_and_one_patient():
    table = attrition(mn.load("demo_split_face"))
    assert step(table, "enrolled")[["patients", "sites"]].tolist() == [40, 80]
    assert step(table, "enrolled", "needling with prp")["sites"] == 40


def test_a_visit_without_the_outcome_is_no_assessment_of_it():
    data = trial(SCORES)
    late = data[data["weeks"] == 12].assign(weeks=26, improvement_score=None)
    cohort = load(pd.concat([data, late], ignore_index=True))
    assert step(attrition(cohort), "result known at week 12")["sites"] == 8
    assert cohort.final_week().week == 12


def test_lost_is_measured_at_the_planned_week():
    data = trial(SCORES)
    assert lost_sites(load(data)).sum() == 2
    planned = load(data, plan={"final_week": 12})
    assert lost_sites(planned).sum() == 2
    assert step(attrition(planned), "not assessed at week 12")["sites"] == 2
    assert lost_sites(load(data, plan={"final_week": 26})).all()


def test_lost_sites_are_indexed_like_the_sites():
    cohort = mn.load("demo_clinic")
    lost = lost_sites(cohort)
    assert lost.index.equals(cohort.sites().index)
    assert lost.dtype == bool


def test_without_a_row_after_baseline_a_site_is_lost():
    data = trial(SCORES)
    data = data[~((data["patient_id"] == "N000") & (data["weeks"] == 12))]
    assert lost_sites(load(data)).sum() == 3


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(2 * len(SCORES))))
def test_the_order_of_the_rows_does_not_matter(order):
    data = trial(SCORES)
    turned = data.iloc[list(order)].reset_index(drop=True)
    pd.testing.assert_frame_equal(attrition(load(turned)), attrition(load(data)))


# Completers against drop-outs


def many(n=40, lost=12, seed=1):
    rng = np.random.default_rng(seed)
    scores = [None if i < lost else float(s) for i, s in enumerate(rng.integers(0, 60, n))]
    severity = [4 if i < lost else int(g) for i, g in enumerate(rng.integers(1, 5, n))]
    severity[0] = 1
    return trial(scores, baseline_severity=severity, phototype=["III", "IV"] * (n // 2))


def cell(table, measure, level=""):
    return table[(table["measure"] == measure) & (table["level"] == level)].iloc[0]


def test_means_are_compared_by_the_two_sample_t():
    data = many()
    row = cell(completers_and_dropouts(load(data)), "baseline_severity")
    first = data[data["weeks"] == 0]["baseline_severity"].to_numpy(dtype=float)
    gone, stayed = first[:12], first[12:]
    expected = stats.ttest_ind(gone, stayed).confidence_interval(0.95)
    assert (row["dropouts"], row["completers"]) == pytest.approx((gone.mean(), stayed.mean()))
    assert row["difference"] == pytest.approx(gone.mean() - stayed.mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))
    assert (row["n_completers"], row["n_dropouts"]) == (28, 12)


def test_shares_are_compared_by_newcombe():
    row = cell(completers_and_dropouts(load(many(), synthetic=True)), "phototype", "III")
    expected = mn.stats.risk_difference(6, 12, 14, 28)
    assert row["difference"] == pytest.approx(100 * expected.estimate)
    assert row["ci_low"] == pytest.approx(100 * expected.ci_low)
    assert row["completers"] == pytest.approx(50)


def test_there_is_no_p_value():
    assert not [c for c in completers_and_dropouts(load(many())) if c.startswith("p")]


def test_small_groups_are_not_compared_but_counted():
    table = completers_and_dropouts(load(many(lost=4)))
    assert table["n_dropouts"].max() == 4
    assert table[["completers", "dropouts", "difference"]].isna().all(axis=None)
    assert set(table["method"]) == {"not compared: fewer than 5 patients"}


# The notes


def notes_of(data, **study):
    plan = {"final_week": 12}
    found = mn.evaluate(load(data, plan=plan, **study), "reduces-scarring")[0]
    return " ".join(found.notes)


def test_losses_are_counted_by_arm():
    assert "not assessed" not in notes_of(trial([30, 31] * 10))
    said = notes_of(trial([30, 31] * 9 + [None] * 2, untreated=[5, 6] * 9 + [None]), **PARALLEL)
    assert "not assessed then: 2 of 20 sites (needling alone), 1 of 19 sites (untreated)" in said


def test_losses_that_differ_between_arms_are_said():
    data = trial([30, 31] * 8 + [None] * 4, untreated=[5, 6] * 10)
    said = notes_of(data, **PARALLEL)
    assert "losses differ between arms (not assessed then: 4 of 20 sites (needling alone))" in said


# The worst cases


def worst_case(cohort, claim):
    table = mn.evaluate(cohort, claim).sensitivity("missing")
    return table[table["check"] == "worst case"]


def by_case(cohort, claim):
    table = worst_case(cohort, claim)
    assert len(table) == 2
    return [row for _, row in table.iterrows()]


def test_nothing_unknown_nothing_to_fear():
    assert worst_case(load(trial([20, 30, 40, 50, 25, 35])), "reduces-scarring").empty


def test_unseen_results_are_set_to_the_percentiles_of_those_seen():
    data = trial(SCORES)
    seen = np.array([s for s in SCORES if s is not None])
    bad, good = by_case(load(data), "reduces-scarring")
    for row, q in ((bad, 0.1), (good, 0.9)):
        filled = np.append(seen, 2 * [np.quantile(seen, q)])
        assert row["estimate"] == pytest.approx(filled.mean())
    assert bad["choice"].startswith("2 sites not seen")


def test_the_arms_are_set_against_each_other():
    control = [0, 5, None, 10, 2, 7]
    bad, good = by_case(load(trial(SCORES, untreated=control), **PARALLEL), "reduces-scarring")
    treated, other = (np.array([s for s in x if s is not None]) for x in (SCORES, control))
    for row, q in ((bad, 0.1), (good, 0.9)):
        a = np.append(treated, 2 * [np.quantile(treated, q)])
        b = np.append(other, np.quantile(other, 1 - q))
        assert row["estimate"] == pytest.approx(a.mean() - b.mean())
    assert bad["estimate"] < good["estimate"]


def test_bounds_of_an_event_rate():
    happened = [True] + [False] * 14 + [None] * 5
    data = trial([30.0] * 10 + [20.0] * 10)
    data["pih"] = pd.array([x for h in happened for x in (None, h)], dtype="boolean")
    most, least = by_case(load(data), "rare-pih")
    for row, events in ((most, 6), (least, 1)):
        expected = mn.stats.proportion(events, 20)
        assert row["estimate"] == pytest.approx(100 * events / 20)
        assert row["ci_low"] == pytest.approx(100 * expected.ci_low)
    assert "5 patients without a record: all had it" in most["choice"]


def test_a_patient_seen_only_at_baseline_is_unknown_too():
    data = trial([30.0] * 10)
    data["pih"] = pd.array([x for _ in range(10) for x in (None, False)], dtype="boolean")
    data = data[~((data["patient_id"] == "N009") & (data["weeks"] == 12))]
    most, least = by_case(load(data), "rare-pih")
    assert (most["estimate"], least["estimate"]) == (pytest.approx(10), 0)


def test_bounds_of_a_share():
    data = trial([30.0] * 10)
    values = [8] * 4 + [3] * 4 + [None] * 2
    data["satisfaction_score"] = [x for v in values for x in (None, v)]
    least, most = by_case(load(data), "satisfies-patients")
    assert (least["estimate"], most["estimate"]) == pytest.approx((40, 60))


def test_bounds_of_a_difference_of_events():
    data = pd.concat([trial([30.0] * 10), laser(10)], ignore_index=True)
    seen = [True] * 2 + [False] * 6 + [None] * 2
    data["bruising"] = pd.array([x for h in seen + seen for x in (None, h)], dtype="boolean")
    low, high = by_case(load(data, design="parallel"), "gentler-than-laser")
    assert (low["estimate"], high["estimate"]) == pytest.approx((-20, 20))


def laser(n):
    data = trial([30.0] * n).assign(treatment="laser", needle_depth_mm=0.0)
    data["patient_id"] = data["patient_id"].str.replace("N", "L")
    return data


def test_claims_of_another_kind_have_no_worst_case():
    cohort = load(trial(SCORES))
    assert worst_case(cohort, "little-pain").empty
    assert worst_case(cohort, "rare-pih").empty  # the column is not there


def test_a_sheet_of_ones_own_measure_alone_is_followed_by_it():
    rows = [
        {"patient_id": f"P{i:02}", "session_count": k, "weeks": 4.0 * k, "itch": value,
         "scar_type": "acne_mixed", "needle_depth_mm": 1.5, "improvement_score": None}
        for i in range(12) for k, value in ((0, 8.0), (3, None if i < 5 else 3.0))
    ]  # fmt: skip
    itch = {"unit": "points of 10", "low": 0, "high": 10, "meaning": "Itch, 0 none."}
    study = {"design": "single_arm", "measures": {"itch": itch}}
    table = mn.attrition(mn.load(pd.DataFrame(rows), study=study)).set_index("step")["sites"]
    assert table["result known at week 12"] == 7
    assert table["not assessed at week 12"] == 5
    assert table["assessed after 3 sessions"] == 7
