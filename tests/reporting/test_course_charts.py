"""Charts of dose, responders, waiting and harms: what stands in them, and that it fits."""

import math
from dataclasses import replace

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.plot import course_charts, harms_chart

ASKED = ["more-sessions", "topical-adjunct", "short-downtime", "rare-pih"]
KEYS = ["dose/more-sessions", "responders/topical-adjunct", "waiting/short-downtime"]


@pytest.fixture(scope="module")
def charts(split_face):
    found = [c for f in mn.evaluate(split_face, ASKED) for c in course_charts(split_face, f)]
    return [*found, harms_chart(split_face)]


@pytest.fixture(scope="module")
def guarded(split_face):
    """The same as if it were real."""
    cohort = replace(split_face, provenance=replace(split_face.provenance, synthetic=False))
    found = [c for f in mn.evaluate(cohort, ASKED) for c in course_charts(cohort, f)]
    return [*found, harms_chart(cohort)]


def words(picture):
    return [t.get_text() for t in picture.findobj(lambda x: hasattr(x, "get_text"))]


def assert_whole(picture):
    """Everything that is drawn lies on the paper."""
    with style.themed():
        box = picture.get_tightbbox(picture.canvas.get_renderer())
    width, height = picture.get_size_inches()
    assert box.x0 > -0.01
    assert box.y0 > -0.01
    assert box.x1 < width + 0.01
    assert box.y1 < height + 0.01


def test_keys(charts):
    assert [c.key for c in charts] == [*KEYS, "harms"]
    assert all(isinstance(c, Chart) for c in charts)


@pytest.mark.parametrize("width", ["full", "column"])
def test_nothing_is_cut(charts, guarded, width):
    for chart in (*charts, *guarded):
        picture = mn.plot(chart, width=width)
        assert picture.get_size_inches()[0] == pytest.approx(style.SIZES[width][0])
        assert_whole(picture)


def test_synthetic_data_are_marked(charts, guarded):
    for chart in charts:
        assert style.SYNTHETIC in words(mn.plot(chart))
        assert "SYNTHETIC data: invented" in chart.caption
        assert "synthetic data" in chart.alt
    for chart in guarded:
        assert style.SYNTHETIC not in words(mn.plot(chart))


def test_same_bytes_again(charts):
    for chart in charts:
        assert style.svg_bytes(mn.plot(chart)) == style.svg_bytes(mn.plot(chart))


def test_captions_say_how_many_and_how(charts):
    dose, responders, waiting, harms = (c.caption for c in charts)
    assert "40 patients, 80 sites" in dose
    assert "within patients: 3.8 (3.2 to 4.4) points per session" in dose
    assert "confounding by indication" in dose
    assert "95 % Wilson" in responders
    assert "patients with both sides known" in responders
    assert "Turnbull" in waiting
    assert "its margin, 50 percent" in waiting
    assert "exact (Clopper-Pearson) 95 % limits" in harms
    assert "none seen is not none" in harms


def test_data_hold_what_is_drawn(charts, guarded):
    for chart in (*charts, *guarded):
        table = chart.data()
        assert isinstance(table, pd.DataFrame)
        assert len(table)
        assert "patient_id" not in table
    dose = charts[0].data()
    assert set(dose["kind"]) == {"mean", "slope", "line"}
    assert dose.loc[dose["kind"] == "slope", "n"].tolist() == [40, 40]
    harms = charts[-1].data()
    assert set(harms["kind"]) == {"share", "difference"}


def test_real_harms_show_no_small_count(guarded):
    table = guarded[-1].data()
    assert not table["events"].isin([1, 2, 3, 4]).any()
    few = table[table["withheld"] == "few"]
    assert len(few)
    assert few["value"].isna().all()
    assert few["shown"].eq("<5 of 40").all()
    assert few["ci_high"].notna().all()
    shown = " ".join(words(mn.plot(guarded[-1])))
    assert "<5 of 40" in shown
    assert "3 of 40" not in shown
    assert "at most 23.7 %" in shown


def test_a_claim_that_is_not_testable_has_no_chart(split_face):
    finding = mn.evaluate(split_face, "deeper-needling")[0]
    assert finding.verdict == "not testable"
    assert course_charts(split_face, finding) == []


def test_a_finding_of_other_data_has_no_chart(clinic, split_face):
    finding = mn.evaluate(split_face, "more-sessions")[0]
    assert course_charts(clinic, finding) == []


def test_published_patients(patients):
    assert harms_chart(patients) is None
    finding = mn.evaluate(patients, "reduces-scarring")[0]
    assert course_charts(patients, finding) == []


def test_a_slope_beyond_the_axis_keeps_the_means_in_sight(charts):
    dose = charts[0]
    between = dose.curve.lines[1]
    assert between.high > 50, "hardly known here"
    axes = mn.plot(dose).axes[-1]
    low, high = axes.get_ylim()
    assert low < dose.curve.means["low"].min()
    assert high > dose.curve.means["high"].max()
    assert high - low < 60


def test_many_groups_and_long_names(clinic):
    chart = harms_chart(clinic)
    assert chart.harms.no_difference.startswith("5 groups")
    long = chart.harms.rows.assign(
        arm=chart.harms.rows["arm"].replace("laser", "fractional ablative laser, " * 4 + "weekly")
    )
    names = dict.fromkeys(long["arm"])
    groups = tuple(
        replace(group, label=name) for group, name in zip(chart.harms.groups, names, strict=True)
    )
    picture = mn.plot(replace(chart, harms=replace(chart.harms, rows=long, groups=groups)),
                      width="column")  # fmt: skip
    assert_whole(picture)


def test_one_group_without_events():
    sheet = pd.DataFrame(
        {
            "patient_id": [f"P{i:02}" for i in range(12)],
            "scar_type": "acne_mixed",
            "needle_depth_mm": 1.5,
            "session_count": 3,
            "improvement_score": [float(i) for i in range(12)],
            "infection": False,
        }
    )
    chart = harms_chart(mn.load(sheet, study={"design": "single_arm", "synthetic": False}))
    assert "0 of 12" in words(mn.plot(chart))
    high = chart.harms.rows["high"].iloc[0]
    assert math.isclose(high, 100 * (1 - 0.025 ** (1 / 12)), rel_tol=1e-12)
    assert chart.data()["kind"].eq("share").all()
