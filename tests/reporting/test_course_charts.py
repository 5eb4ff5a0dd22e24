"""Charts of dose, responders, waiting and harms: what stands in them, and that it fits."""

import io
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from drawn_text import marks, texts, whole_and_apart
from made_findings import HOSTILE
from made_sheets import DENSE, asked, graded
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

import mnstudy as mn
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.figures.plot import charts_of, harms_chart

WIDTHS = ("full", "column", "slide", 120, 60)
ASKED = ["more-sessions", "topical-adjunct", "short-downtime", "rare-pih"]
KEYS = ["dose/more-sessions", "responders/topical-adjunct", "waiting/short-downtime"]


def course_charts(cohort, finding):
    """The charts of dose, responders and waiting."""
    kinds = ("dose", "responders", "waiting")
    return [c for c in charts_of(cohort, finding) if c.key.split("/")[0] in kinds]


@pytest.fixture(scope="module")
def charts(split_face):
    found = [c for f in mn.evaluate(split_face, ASKED) for c in course_charts(split_face, f)]
    return [*found, harms_chart(split_face)]


@pytest.fixture(scope="module")
def real(split_face):
    """The same as if it were real."""
    cohort = replace(split_face, provenance=replace(split_face.provenance, synthetic=False))
    found = [c for f in mn.evaluate(cohort, ASKED) for c in course_charts(cohort, f)]
    return [*found, harms_chart(cohort)]


@pytest.fixture(scope="module")
def transitions():
    """Grades of a real sheet, with cells of a few."""
    made = asked(graded([*DENSE, (4, 4), (2, 3)]), "reduces-scarring", synthetic=False)
    return next(c for c in charts_of(*made) if c.key == "grades/reduces-scarring")


def words(picture):
    return [t.get_text() for t in texts(picture)]


def heights(axes):
    """Every number drawn on the upright axis: of lines, upright intervals, marks and boxes."""
    lines = [x.get_ydata() for x in axes.lines]
    lines += [np.ravel(x.get_offsets()[:, 1]) for x in axes.collections]
    lines += [
        y[:, 1] for x in axes.collections if hasattr(x, "get_segments") for y in x.get_segments()
    ]
    boxes = [x for x in axes.patches if isinstance(x, Rectangle)]
    lines += [[x.get_y(), x.get_y() + x.get_height()] for x in boxes]
    return {round(float(y), 9) for line in lines for y in line}


def test_keys(charts):
    assert [c.key for c in charts] == [*KEYS, "harms"]
    assert all(isinstance(c, Chart) for c in charts)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_nothing_lies_on_anything_else(charts, real, transitions, width):
    for chart in (*charts, *real, transitions):
        picture = mn.plot(chart, width=width)
        assert picture.get_size_inches()[0] == pytest.approx(style.look(width).width)
        whole_and_apart(picture)


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_names_break(charts, transitions, width):
    dose, responders, waiting, _ = charts
    flow, finding = transitions.flow, dose.curve.finding
    hostile = replace(finding, dataset=HOSTILE, claim=replace(finding.claim, title=HOSTILE))
    own = {"finding": hostile}
    arms = {arm: f"{arm} {HOSTILE}" for arm in responders.curve.arms}
    shares = responders.curve.shares.replace({"arm": arms})
    names = {grade: f"{name} {HOSTILE}" for grade, name in flow.names.items()}
    twice = tuple(replace(arm, label=HOSTILE) for arm in flow.arms * 2)
    for chart in (
        replace(dose, curve=replace(dose.curve, dose=HOSTILE, outcome=HOSTILE, **own)),
        replace(responders, curve=replace(
            responders.curve, arms=tuple(arms.values()), shares=shares, **own)),
        replace(waiting, waiting=replace(waiting.waiting, what=HOSTILE, **own)),
        replace(transitions, flow=replace(flow, names=names, arms=twice, scale=HOSTILE)),
    ):  # fmt: skip
        whole_and_apart(mn.plot(chart, width=width))


def test_what_is_drawn_is_what_the_data_hold(charts, real):
    for chart, kinds in zip([*charts[:3], *real[:3]],
                            [["mean", "line"], ["share"], ["step", "estimate"]] * 2,
                            strict=True):  # fmt: skip
        data = chart.data().set_index("kind").loc[kinds]
        names = ["before", "after", "value", "ci_low", "ci_high"]
        if "line" in kinds:
            data.loc["line", ["ci_low", "ci_high"]] = np.nan  # as a band
        elif kinds == ["share"]:
            data = data.query(f"arm == {chart.curve.arms[1]!r}")  # the band of the first is filled
        known = data[data.columns.intersection(names)].stack().dropna()
        assert {round(float(x), 9) for x in known} <= heights(mn.plot(chart).axes[0]), chart.key


def test_boxes_reach_from_one_known_share_to_the_next(charts, real):
    for chart in (charts[2], real[2]):
        steps = chart.data().query("kind == 'step'")[["left", "before", "right", "after"]]
        boxes = [x.get_bbox().extents for x in mn.plot(chart).axes[0].patches]
        assert np.array(boxes) == pytest.approx(steps.to_numpy())


def test_a_band_is_as_high_as_its_sites(transitions):
    data = transitions.data().query("before != 'total' and after != 'total'")
    axes = mn.plot(transitions).axes[0]
    bands = [x for x in axes.patches if isinstance(x, PathPatch)]
    filled = [x for x in bands if x.get_facecolor()[3] > 0]
    drawn = [abs(p[0, 1] - p[-1, 1]) for p in (x.get_path().vertices for x in filled)]
    assert sorted(drawn) == pytest.approx(sorted(data["n"][data["n"] > 0]))
    assert len(bands) == len(filled)
    assert {x.get_text() for x in axes.texts} <= set(data["n"].astype(str))


def test_an_axes_that_is_given_comes_back(charts, real, transitions):
    for chart in (*charts, *real, transitions):
        figure = Figure(figsize=(9, 5))
        axes, other = figure.subplots(1, 2)
        assert chart.draw(axes) is axes
        assert axes.has_data()
        assert not other.has_data()
        own = chart.draw().axes[0]
        for artists in ("lines", "collections", "patches"):
            assert len(getattr(axes, artists)) == len(getattr(own, artists))
        if chart not in (charts[-1], real[-1], transitions):  # their upright axes are of names
            assert heights(axes) == heights(own)
        drawn = len(axes.lines)
        axes.axhline(np.mean(axes.get_ylim()))
        figure.savefig(io.BytesIO())
        assert len(axes.lines) == drawn + 1


def test_colours_of_a_palette_are_those_of_the_groups(charts, transitions):
    palette = ["#111111", "#222222", "#333333", "#444444", "#555555", "#666666"]
    lines = charts[1].draw(palette=palette).axes[0].lines
    assert {"#111111", "#222222"} <= {to_hex(line.get_color()) for line in lines}
    bands = transitions.draw(palette=palette).axes[0].patches
    assert {"#333333", "#666666"} <= {to_hex(x.get_facecolor()) for x in bands}


def test_synthetic_data_are_marked(charts, real):
    for chart in charts:
        assert marks(mn.plot(chart))
        assert "SYNTHETIC data: invented" in chart.caption
        assert "synthetic data" in chart.alt
    for chart in real:
        assert not marks(mn.plot(chart))


def test_same_bytes_again(charts):
    for chart in charts:
        assert style.svg_bytes(mn.plot(chart)) == style.svg_bytes(mn.plot(chart))


def test_captions_say_how_many_and_how(charts):
    dose, responders, waiting, harms = (c.caption for c in charts)
    assert "40 patients, 80 sites" in dose
    assert "within patients: 3.8 (3.3 to 4.4) points per session" in dose
    assert "confounding by indication" in dose
    assert "95 % Wilson" in responders
    assert "patients with both known" in responders
    assert "Turnbull" in waiting
    assert "its margin, 50 percent" in waiting
    assert "exact (Clopper-Pearson) 95 % limits" in harms
    assert "none seen is not none" in harms


def test_where_the_means_leave_the_straight_line_the_figure_says_so(charts):
    dose, off = charts[0], "Off the straight line: the mean at 2 sessions."
    assert "Off the straight line" not in dose.caption
    means = dose.curve.means.copy()
    means.loc[1, ["value", "low", "high"]] = [60.0, 55.0, 65.0]
    bent = replace(dose, curve=replace(dose.curve, means=means))
    assert off in bent.caption
    assert off in " ".join(words(mn.plot(bent)))


def test_harms_of_arms_stand_on_one_line_each_in_a_column(clinic):
    chart = harms_chart(clinic)
    narrow, wide = (" ".join(words(mn.plot(chart, width=w))) for w in ("column", "full"))
    assert "17 of 44" in narrow
    assert "38.6 %" in wide
    assert "38.6 %" not in narrow, "the axis has it"


def test_data_hold_what_is_drawn(charts, real):
    for chart in (*charts, *real):
        table = chart.data()
        assert isinstance(table, pd.DataFrame)
        assert len(table)
        assert "patient_id" not in table
    dose = charts[0].data()
    assert set(dose["kind"]) == {"mean", "slope", "line"}
    assert dose.loc[dose["kind"] == "slope", "n"].tolist() == [40, 40]
    harms = charts[-1].data()
    assert set(harms["kind"]) == {"share", "difference"}


def test_harms_of_a_few_real_patients_are_exact(real):
    table = real[-1].data()
    assert table["events"].isin([1, 2, 3, 4]).any()
    assert table.loc[table["kind"] == "share", "value"].notna().all()
    assert "3 of 40" in " ".join(words(mn.plot(real[-1])))


def test_a_claim_that_is_not_testable_has_no_chart(split_face):
    finding = mn.evaluate(split_face, "deeper-needling")[0]
    assert finding.verdict == "not testable"
    assert charts_of(split_face, finding) == []


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
    assert between.high > 45, "hardly known here"
    axes = mn.plot(dose).axes[0]
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
    whole_and_apart(picture)


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
    whole_and_apart(mn.plot(chart))
    high = chart.harms.rows["high"].iloc[0]
    assert math.isclose(high, 100 * (1 - 0.025 ** (1 / 12)), rel_tol=1e-12)
    assert chart.data()["kind"].eq("share").all()
