"""Charts of a cohort beside a finding: they draw what is gathered, whole, marked and the same."""

import io
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from drawn_text import marks, texts, whole_and_apart, words
from made_findings import HOSTILE
from made_sheets import DENSE, asked, faces, graded, split, two_arms, visits
from matplotlib.figure import Figure

import mnstudy as mn
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.patients import stacked
from mnstudy.reporting.figures.plot import charts_of

WIDTHS = ("full", "column", "slide", 120)
KINDS = ("points", "pairs", "course", "grades")
FEW = [(4, 4), (2, 3)]
GRADED = [*(move for move in DENSE if move not in FEW), *FEW, *FEW]
SHEETS = {
    "points": (two_arms(), "reduces-scarring", {}),
    "one group": (two_arms(untreated=0), "reduces-scarring", {}),
    "pairs": (faces(), "topical-adjunct", {"design": "split_body", "randomised": True}),
    "course": (visits(patients=24), "more-sessions", {}),
    "grades": (graded(GRADED), "reduces-scarring", {}),
}


def effect_charts(cohort, finding):
    """The charts that show patients or sites beside the estimate."""
    return [c for c in charts_of(cohort, finding) if c.key.split("/")[0] in KINDS]


def places(axes, column):
    """What is drawn on an axes, across (0) or up (1)."""
    found = [x.get_xydata() for x in axes.lines]
    found += [np.asarray(x.get_offsets()) for x in axes.collections]
    return {round(float(x), 9) for xy in found for x in xy[:, column]}


@pytest.fixture(scope="module")
def charts():
    """Every chart of the small sheets, as invented and as real data."""
    found = {}
    for name, (sheet, claim, study) in SHEETS.items():
        for synthetic in (True, False):
            for chart in effect_charts(*asked(sheet, claim, synthetic=synthetic, **study)):
                found[name, chart.key.split("/")[0], synthetic] = chart
    return found


@pytest.fixture(scope="module")
def demo(clinic, clinic_findings):
    asked_for = ("scar-type-matters", "comparable-to-laser", "more-sessions", "results-last")
    return [c for i in asked_for for c in effect_charts(clinic, clinic_findings[i])]


def test_each_claim_gets_the_charts_that_fit(charts):
    assert {key[:2] for key in charts} == {
        ("points", "points"), ("one group", "points"), ("pairs", "pairs"), ("course", "course"),
        ("grades", "points"), ("grades", "grades"),
    }  # fmt: skip


def test_keys_are_those_of_the_claims(demo):
    assert [chart.key for chart in demo] == [
        "points/scar-type-matters", "points/comparable-to-laser", "course/more-sessions",
        "points/results-last",
    ]  # fmt: skip


def test_what_is_not_testable_or_has_no_groups_gets_none(clinic, clinic_findings, split_face):
    untestable = mn.evaluate(split_face, "maintenance")[0]
    assert charts_of(split_face, untestable) == []
    for claim in ("satisfies-patients", "little-pain", "rare-infection", "topical-absorption"):
        assert effect_charts(clinic, clinic_findings[claim]) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_text_is_whole_and_none_lies_on_another(charts, demo, width):
    for chart in (*charts.values(), *demo):
        whole_and_apart(mn.plot(chart, width=width))


def test_synthetic_charts_and_only_they_are_marked(charts):
    for (_, _, synthetic), chart in charts.items():
        assert bool(marks(mn.plot(chart))) == synthetic
        assert ("SYNTHETIC data" in chart.caption) == synthetic
        assert ("synthetic data" in chart.alt) == synthetic


def test_arms_have_their_own_names(clinic, clinic_findings):
    finding = clinic_findings["comparable-to-laser"]
    chart = effect_charts(clinic, finding)[0]
    assert "its zero at the mean of laser" in chart.caption
    for shown in (chart, finding):
        assert "needling alone minus laser" in words(mn.plot(shown, width="column"))


def test_a_course_says_where_the_means_leave_its_line(clinic, clinic_findings):
    chart = effect_charts(clinic, clinic_findings["more-sessions"])[0]
    off = "Off the straight line: the means after 5 and 6 sessions; those of the same patients"
    assert off in chart.caption
    picture = mn.plot(chart)
    assert off in words(picture)
    low, high = picture.axes[0].get_ylim()
    assert chart.data().query("kind == 'patient'")["value"].between(low, high).all()


def test_the_estimate_drawn_is_that_of_the_finding(charts):
    for (_, kind, synthetic), chart in charts.items():
        if kind == "grades":
            continue
        estimate = getattr(chart, kind).finding.estimate
        row = chart.data().query("kind == 'estimate'").iloc[0]
        assert row[["value", "ci_low", "ci_high"]].tolist() == [
            estimate.value, estimate.ci_low, estimate.ci_high,
        ]  # fmt: skip
        lines = [x.get_xdata() for axes in mn.plot(chart).axes for x in axes.lines]
        assert any(np.array_equal(x, [estimate.ci_low, estimate.ci_high]) for x in lines), synthetic


def test_every_dot_of_the_data_is_drawn(charts):
    chart = charts["points", "points", True]
    data = chart.data().query("kind == 'dot'")
    for _, own in data.groupby("group"):
        dots = [x.get_offsets()[:, 0] for axes in mn.plot(chart).axes for x in axes.collections]
        assert any(np.array_equal(x, own["value"]) for x in dots)


@pytest.mark.parametrize(
    ("kind", "column", "rows", "names"),
    [
        ("points", 0, ["dot", "mean"], ["value", "ci_low", "ci_high"]),
        ("pairs", 1, ["line", "mean"], ["reference", "treated"]),
        ("course", 1, ["patient", "session", "model"], ["value", "same"]),
    ],
)
@pytest.mark.parametrize("synthetic", [True, False])
def test_an_axes_that_is_given_comes_back_with_the_same_numbers(
    charts, kind, column, rows, names, synthetic
):
    chart, figure = charts[kind, kind, synthetic], Figure(figsize=(6, 3))
    axes, other = figure.subplots(1, 2)
    assert chart.draw(axes) is axes
    data = chart.data().set_index("kind").loc[lambda x: x.index.isin(rows), names].stack().dropna()
    assert {round(float(x), 9) for x in data} <= places(axes, column)
    assert places(axes, column) == places(chart.draw().axes[0], column)
    assert not other.has_data()
    key, said = (
        {text.get_text().replace("\n", " ") for text in found}
        for found in (axes.get_legend().get_texts(), texts(chart.draw()))
    )
    assert "estimate" not in key
    assert key < said
    drawn = len(axes.lines)
    axes.axhline(axes.get_ylim()[0])
    figure.savefig(io.BytesIO())
    assert len(axes.lines) == drawn + 1


@pytest.mark.parametrize("width", WIDTHS)
def test_dots_and_estimate_share_their_scale(charts, width):
    chart = charts["points", "points", True]
    picture = chart.draw(width=width)
    picture.savefig(io.BytesIO())
    upper, lower = picture.axes
    assert upper.get_position().intervalx == pytest.approx(lower.get_position().intervalx)
    shift = np.subtract(upper.get_xlim(), lower.get_xlim())
    assert shift == pytest.approx([chart.points.zero] * 2)


def test_of_a_real_cohort_every_patient_is_drawn_as_of_an_invented_one(charts):
    for (name, kind, synthetic), chart in charts.items():
        if synthetic:
            continue
        drawn = charts[name, kind, True].data().drop(columns="synthetic")
        assert chart.data().drop(columns="synthetic").equals(drawn), (name, kind)


def test_no_identifier_stands_anywhere(charts):
    for chart in charts.values():
        said = chart.caption + chart.alt + chart.data().to_csv() + words(mn.plot(chart))
        assert "P00" not in said


def test_captions_name_size_method_and_level(charts, demo):
    for chart in (*charts.values(), *demo):
        assert "patients" in chart.caption
        if not chart.key.startswith("grades"):
            assert "95 % CI" in chart.caption
            assert any(x in chart.caption for x in ("model", "intervals", "least squares"))


def test_adjusted_estimates_say_that_the_dots_are_not(demo):
    by_key = {chart.key: chart for chart in demo}
    laser = by_key["points/comparable-to-laser"].caption
    assert "The dots and means of groups are not adjusted, the estimate is." in laser
    assert "patients have sites in both groups" in laser
    assert "not adjusted" not in by_key["points/results-last"].caption


def test_unpaired_sites_are_counted(charts):
    assert "2 sites without the other arm" in charts["pairs", "pairs", True].caption
    assert "2 sites without the other arm" in charts["pairs", "pairs", False].caption


def test_the_order_of_rows_changes_nothing():
    for name, (sheet, claim, study) in SHEETS.items():
        mixed = sheet.sample(frac=1, random_state=5)
        found = [effect_charts(*asked(x, claim, **study)) for x in (sheet, mixed)]
        for one, other in zip(*found, strict=True):
            pd.testing.assert_frame_equal(one.data(), other.data(), rtol=1e-9, obj=name)


def test_the_same_chart_gives_the_same_bytes_whatever_the_session_has_set(charts):
    for kind in ("points", "pairs", "course", "grades"):
        chart = charts[kind, kind, True]
        svg = style.svg_bytes(mn.plot(chart))
        with matplotlib.rc_context({"font.size": 31, "lines.linewidth": 9}):
            assert style.svg_bytes(mn.plot(chart)) == svg


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_names_stay_on_the_paper(charts, width):
    """Titles come from study files, words of treatments from the claims in them."""
    points = charts["points", "points", False].points
    claim = replace(points.finding.claim, title=HOSTILE)
    finding = replace(points.finding, claim=claim, dataset=HOSTILE[:60])
    arms = tuple(replace(arm, label=HOSTILE) for arm in points.arms)
    shown = replace(points, finding=finding, arms=arms, outcome=HOSTILE[:120])
    whole_and_apart(mn.plot(replace(charts["points", "points", False], points=shown), width=width))
    pairs = charts["pairs", "pairs", False].pairs
    shown = replace(pairs, labels=(HOSTILE, HOSTILE), finding=replace(pairs.finding, claim=claim))
    whole_and_apart(mn.plot(replace(charts["pairs", "pairs", False], pairs=shown), width=width))
    flow = charts["grades", "grades", False].flow
    names = dict.fromkeys(flow.names, HOSTILE[:70])
    chart = replace(charts["grades", "grades", False], flow=replace(flow, names=names))
    whole_and_apart(mn.plot(chart, width=width))


def test_wide_intervals_end_in_arrows_and_keep_the_dots_readable(charts):
    points = charts["points", "points", False].points
    wide = replace(points.finding.estimate, ci_low=-4e3, ci_high=float("inf"))
    shown = replace(points, finding=replace(points.finding, estimate=wide))
    picture = mn.plot(replace(charts["points", "points", False], points=shown))
    low, high = picture.axes[0].get_xlim()
    assert high - low < 500
    whole_and_apart(picture)


def test_equal_values_can_be_drawn():
    sheet = faces()
    sheet["improvement_score"] = np.where(sheet["adjunct"] == "prp", 31.0, 30.0)
    sheet.loc[sheet.index[-3:], "improvement_score"] += 1
    for chart in effect_charts(*split(sheet)):
        whole_and_apart(mn.plot(chart, width="column"))


def test_dots_stand_apart_and_on_both_sides():
    offsets = stacked(np.zeros(5), 0.05)
    assert sorted(np.round(offsets, 3)) == [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert np.ptp(stacked(np.zeros(400), 0.05)) < 0.62
    assert len(stacked(np.array([]), 0.05)) == 0
