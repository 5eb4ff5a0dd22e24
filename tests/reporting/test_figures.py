"""Figures draw what a finding holds: nothing more, nothing cut off, the same bytes every time."""

import io
import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from drawn_text import marks, texts, whole_and_apart, words
from made_findings import CONTROLLED, HOSTILE, cases, estimate, finding, studies, untestable
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

import mnstudy as mn
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.style import data_address, look, text_width, wrap

CASES = cases()
WIDTHS = ("full", "column", "slide")


def lines_of(axes):
    return [tuple(map(float, x.get_xdata())) for x in axes.lines if len(x.get_xdata()) == 2]


def segments(picture):
    return [ends for axes in picture.axes for ends in lines_of(axes)]


def points(picture):
    lines = [line for axes in picture.axes for line in axes.lines]
    return [
        (float(line.get_xdata()[0]), line.get_marker())
        for line in lines
        if len(line.get_xdata()) == 1
    ]


@pytest.fixture(scope="module")
def pictures():
    return {(name, w): mn.plot(case, width=w) for name, case in CASES.items() for w in WIDTHS}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CASES)
def test_every_text_is_whole_and_none_lies_on_another(pictures, name, width):
    whole_and_apart(pictures[name, width])


@pytest.mark.parametrize("name", CASES)
def test_the_estimate_is_drawn_as_it_is(pictures, name):
    picture, shown = pictures[name, "full"], CASES[name].estimate
    marker = style.VERDICT_STYLES[CASES[name].verdict].marker
    if name != "forest":
        assert (shown.value, marker) in points(picture)
    if math.isfinite(shown.ci_high) and name != "forest":
        assert (shown.ci_low, shown.ci_high) in segments(picture)
    assert CASES[name].verdict in words(picture)
    assert CASES[name].estimate.unit in words(picture)


def test_every_part_is_drawn_as_it_is(pictures):
    for name in ("open end", "no event"):
        drawn = segments(pictures[name, "full"])
        for part in CASES[name].parts:
            assert (part.ci_low, part.ci_high) in drawn


def test_numbers_stand_beside_their_intervals(pictures):
    shown = words(pictures["levels", "full"])
    for text in ("38.1 (31.2 to 45.3)", "acne boxcar", "34.0 (26.0 to 43.0)", "30", "margin 10"):
        assert text in shown
    assert "no effect" in shown


def test_groups_of_fewer_than_five_real_people_are_drawn(pictures):
    picture = pictures["levels", "full"]
    assert "3" in words(picture)
    assert any(value == 15.5 for value, _ in points(picture))


def test_the_interval_of_the_family_stands_beneath_the_estimate_with_its_marker(pictures):
    picture = pictures["family", "full"]
    assert {(14.0, 30.0), (9.0, 35.0), (3.0, 9.0), (1.2, 5.0)} <= set(segments(picture))
    marker = style.VERDICT_STYLES["partly supported"].marker
    assert [m for x, m in points(picture) if x == 22.0] == [marker, marker]
    assert "together with the 10 primary claims" in words(picture)


def test_regression_to_the_mean_shares_the_axis_but_not_the_margin(pictures):
    picture = pictures["family", "full"]
    axes = next(a for a in picture.axes if a.collections)
    expected = next(line for line in axes.lines if tuple(line.get_xdata()) == (3.0, 9.0))
    margin = next(line for line in axes.lines if tuple(line.get_xdata()) == (10, 10))
    assert expected.get_ydata()[0] > max(margin.get_ydata())


def test_another_unit_gets_an_axis_of_its_own(pictures):
    raw = next(a for a in pictures["family", "full"].axes if (1.2, 5.0) in lines_of(a))
    assert (14.0, 30.0) not in lines_of(raw)
    assert raw.get_xlabel() == "points of POSAS"
    assert "change to expect without any treatment" in words(pictures["other scale", "full"])


def test_open_ends_end_in_an_arrow(pictures):
    picture = pictures["open end", "full"]
    assert any(marker == 5 for _, marker in points(picture))
    assert "∞" in words(picture)


def test_unknown_ends_are_said(pictures):
    assert "(no interval)" in words(pictures["unknown ends", "full"])


def test_the_zone_lies_on_the_side_of_the_claim(pictures):
    def zone(name):
        axes = next(a for a in pictures[name, "full"].axes if a.collections)
        return axes.collections[0].get_datalim(axes.transData)

    assert zone("levels").x0 == pytest.approx(10)
    assert zone("limit").x1 == pytest.approx(3)
    assert zone("hostile name").x0 == pytest.approx(-10)


def test_sessions_are_joined_by_a_line_with_gains_beside(pictures):
    picture = pictures["course", "full"]
    joined = [line for a in picture.axes for line in a.lines if len(line.get_xdata()) == 7]
    sessions = [p for p in CASES["course"].parts if p.kind == "session"]
    assert list(joined[0].get_ydata()) == [p.value for p in sessions]
    assert "gain over the session before" in words(picture)
    assert "within patients" in words(picture)


def test_forests_hold_weights_pooled_value_and_prediction(pictures):
    picture = pictures["forest", "full"]
    shown = words(picture)
    for text in ("Alam 2014", "27\N{NO-BREAK SPACE}%", "pooled", "prediction interval", CONTROLLED):
        assert text in shown
    diamonds = [p.get_xy()[:, 0] for a in picture.axes for p in a.patches if len(p.get_xy()) == 5]
    assert any(set(d) == {-0.1, 0.45, 1.0} for d in map(list, diamonds))


def test_controlled_and_uncontrolled_studies_never_share_an_axis(pictures):
    picture = pictures["forest", "full"]
    of_alam = next(a for a in picture.axes if any(0.7 in line.get_xdata() for line in a.lines))
    assert not any(6.3 in line.get_xdata() for line in of_alam.lines)


def test_a_single_study_is_shown_once_under_its_name():
    alone = replace(
        CASES["forest"], n_studies=1, n_patients=15, parts=studies()[:1],
        estimate=estimate(0.7, 0.7 - 0.6, 0.7 + 0.6, "SD"),
    )  # fmt: skip
    shown = [t.get_text() for t in texts(mn.plot(alone))]
    assert shown.count("Alam 2014") == 1


@pytest.mark.parametrize("name", CASES)
def test_synthetic_figures_and_only_they_are_marked(pictures, name):
    picture = pictures[name, "full"]
    assert bool(marks(picture)) == CASES[name].synthetic
    assert (picture.get_facecolor() == to_rgba(style.BAND)) == CASES[name].synthetic


def test_the_mark_of_synthetic_data_leaves_an_axes_of_ones_own_free(axes):
    mn.plot(replace(CASES["levels"], synthetic=True), ax=axes, title="ours")
    assert axes.get_title(loc="right") == style.SYNTHETIC
    assert style.SYNTHETIC not in {t.get_text() for t in axes.texts}


def test_names_are_drawn_as_they_are_never_as_mathematics(pictures):
    shown = words(pictures["hostile name", "full"]).replace(" ", "")
    assert HOSTILE[:40].replace(" ", "") in shown


def test_several_bodies_of_data_are_drawn_beneath_each_other():
    other = replace(CASES["levels"], dataset="demo_clinic", synthetic=True)
    trials = finding(
        "reduces-scarring", estimate(0.4, -0.1, 0.9, "SD"), "inconclusive", margin=0.5,
        dataset="published trials", n_studies=2,
    )  # fmt: skip
    shown = words(mn.plot([CASES["levels"], other, trials]))
    for text in ("her clinic", "demo_clinic", "published trials", "margin 0.5", "margin 10"):
        assert text in shown


@pytest.mark.parametrize(
    ("asked", "how", "says"),
    [
        ([], {}, "no finding was given"),
        (CASES["levels"], {"width": "wide"}, "give 'column', 'full', 'slide' or a number"),
        (CASES["levels"], {"width": 20}, "60 to 500 millimetres"),
        (CASES["levels"], {"palette": "colourblind"}, "give 'colorblind'"),
        (CASES["levels"], {"palette": ["reddish"]}, "names of colours or #rrggbb"),
        (CASES["levels"], {"palette": {"suported": "red"}}, "'supported', 'partly supported'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(asked, how, says):
    with pytest.raises(ValueError, match=says):
        mn.plot(asked, **how)


@pytest.fixture
def axes():
    figure = Figure(figsize=(6, 3))
    return figure.subplots()


def test_a_finding_is_drawn_on_the_axes_that_is_given_and_can_be_drawn_on(axes):
    assert mn.plot(CASES["levels"], ax=axes) is axes
    shown = CASES["levels"].estimate
    assert (shown.ci_low, shown.ci_high) in lines_of(axes)
    assert axes.get_title(loc="left") == ""
    before = len(axes.lines)
    axes.axvline(12)
    assert len(axes.lines) == before + 1
    axes.figure.savefig(io.BytesIO(), format="pdf")


def test_six_findings_share_an_axes_in_colours_of_ones_own(axes):
    claims = ("reduces-scarring", "treats-acne-scars", "deeper-needling", "scar-type-matters",
              "comparable-to-laser", "results-last")  # fmt: skip
    six = [
        finding(claim, estimate(5.0 + i, i, 10.0 + i), verdict, margin=10.0 + (i > 3))
        for i, (claim, verdict) in enumerate(
            zip(claims, itertools.cycle(("supported", "inconclusive")), strict=False)
        )
    ]
    mn.plot(six, ax=axes, palette=["#000000", "#111111", "#222222"])
    marks_of = {line.get_color() for line in axes.lines if line.get_marker() in "oD"}
    assert marks_of == {"#000000", "#222222"}
    labels = [t.get_text().replace("\n", " ") for t in axes.get_yticklabels()]
    assert [label.split(",")[0][:12] for label in labels if label] == [
        f.claim.title[:12] for f in six
    ]
    assert {(i, 10 + i) for i in range(6)} <= set(lines_of(axes))
    margins = {ends for ends in lines_of(axes) if ends[0] == ends[1]}
    assert {(10, 10), (11, 11)} <= margins
    whole = mn.plot(six)
    assert {"supported", "inconclusive"} <= {t.get_text() for t in texts(whole)}


def test_findings_of_two_units_need_two_axes(axes):
    other = replace(CASES["levels"], estimate=estimate(1, 0, 2, "SD"))
    with pytest.raises(ValueError, match="in SD and in points: an Axes has one unit"):
        mn.plot([CASES["levels"], other], ax=axes)
    assert len(mn.plot([CASES["levels"], other]).axes) == 2


def test_a_width_for_an_axes_of_ones_own_is_refused(axes):
    with pytest.raises(ValueError, match="width does nothing"):
        mn.plot(CASES["levels"], ax=axes, width="column")


def test_a_palette_recolours_verdicts_by_name_by_list_or_by_mapping():
    drawn = [mn.plot(CASES["levels"], palette=p) for p in
             ("colorblind", ["red", "lime"], {"partly supported": "lime"})]  # fmt: skip
    colours = [next(x.get_color() for a in p.axes for x in a.lines if x.get_marker() == "^")
               for p in drawn]  # fmt: skip
    assert colours[1:] == ["#00ff00", "#00ff00"]
    assert colours[0] not in ("#00ff00", style.VERDICT_STYLES["partly supported"].colour)


def test_a_title_of_ones_own_takes_the_place_of_that_of_the_claim(axes):
    assert words(mn.plot(CASES["levels"], title="Mine")).startswith("Mine")
    assert CASES["levels"].claim.title not in words(mn.plot(CASES["levels"], title=""))
    mn.plot(CASES["levels"], ax=axes, title="Mine")
    assert axes.get_title(loc="left") == "Mine"


def test_the_style_of_the_package_is_for_figures_of_ones_own():
    with matplotlib.style.context(mn.style("slide")):
        assert matplotlib.rcParams["font.size"] == 14
        assert matplotlib.rcParams["lines.linewidth"] == pytest.approx(1.75 * 1.2)
    assert mn.style("column")["figure.figsize"][0] == pytest.approx(85 / 25.4)
    assert look("column").letters == 7


def test_a_claim_that_is_not_testable_says_why():
    assert "the data have no column" in " ".join(words(mn.plot(untestable())).split())


def test_the_same_finding_gives_the_same_bytes_whatever_the_session_has_set():
    first = mn.plot(CASES["course"])
    svg, png, pdf = style.svg_bytes(first), style.png_bytes(first), style.pdf_bytes(first)
    with matplotlib.rc_context(
        {"font.size": 31, "xtick.minor.visible": True, "svg.fonttype": "path"}
    ):
        again = mn.plot(CASES["course"])
        assert style.svg_bytes(again) == svg
        assert style.png_bytes(again) == png
        assert style.pdf_bytes(again) == pdf
        assert matplotlib.rcParams["font.size"] == 31


def test_files_are_small_and_carry_no_date():
    picture = mn.plot(CASES["forest"])
    written = {name: write(picture) for name, write in style.WRITERS.items()}
    assert list(written) == ["svg", "png", "pdf"]
    assert all(len(content) < 150_000 for content in written.values())
    svg, pdf = written["svg"].decode("utf-8"), written["pdf"]
    assert "<title>" in svg
    assert "dc:date" not in svg
    assert "matplotlib v" not in svg.lower()
    assert "Software" not in Image.open(io.BytesIO(written["png"])).info
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"/Title" in pdf
    assert not any(word in pdf for word in (b"/Type3", b"Date", b"/Producer", b"/Creator"))


HERE = Path(__file__).parent


def test_another_process_writes_the_same_bytes():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from test_figures import digest;print(digest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *map(str, (HERE, HERE.parent / "helpers"))],
        env={**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "5", "SOURCE_DATE_EPOCH": "86400"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == digest()


def digest() -> str:
    picture = mn.plot(CASES["course"], width="slide")
    return sha256(b"".join(write(picture) for write in style.WRITERS.values())).hexdigest()


@pytest.mark.parametrize("name", ["course", "forest"])
def test_on_a_slide_letters_lines_and_marks_are_larger(pictures, name):
    slide, paper = pictures[name, "slide"], pictures[name, "full"]
    assert slide.get_size_inches()[0] == pytest.approx(10)
    letters = [t.get_fontsize() for t in texts(slide)]
    assert min(letters) >= 12

    def strokes(picture):
        lines = [x for axes in picture.axes for x in axes.lines]
        return np.array([(x.get_linewidth(), x.get_markersize()) for x in lines])

    assert strokes(slide) == pytest.approx(strokes(paper) * 1.75)


@pytest.mark.parametrize("millimetres", [60, 85, 120, 133.5, 500])
def test_a_width_may_be_given_in_millimetres(millimetres):
    picture = mn.plot(CASES["levels"], width=millimetres)
    assert picture.get_size_inches()[0] == pytest.approx(millimetres / 25.4)
    whole_and_apart(picture)


@pytest.mark.parametrize("name", ["hostile name", "forest"])
def test_the_picture_inside_a_page_says_the_same(pictures, name):
    svg = style.svg_bytes(pictures[name, "full"])
    address = data_address(svg)
    inside = unquote_to_bytes(address.partition(",")[2])
    kept = [ElementTree.fromstring(x) for x in (svg, inside)]
    said = [[t.text for t in tree.iter("{http://www.w3.org/2000/svg}text")] for tree in kept]
    assert said[0] == said[1]
    assert len(said[0]) > 8
    assert len(address) < 0.95 * len(svg)
    assert not set(address) & set(' <>"&#%') - {"%"}  # safe in src, in srcset and in HTML


def test_pictures_show_themselves_in_a_notebook_with_their_alternative_text():
    picture = mn.plot(CASES["limit"])
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == picture.alt == data["text/plain"]
    picture.savefig(io.BytesIO(), format="png")


def test_verdicts_differ_in_colour_and_in_marker():
    styles = style.VERDICT_STYLES.values()
    assert len({(s.colour, s.marker) for s in styles}) == len({s.colour for s in styles}) == 6
    assert len({(s.marker, s.colour == style.PAPER) for s in styles}) == 6


def test_lines_are_broken_where_the_measured_width_says_so():
    text = "AV. To Ty, 1,111 (–0.5 to 20) W. needled   minus untreated; fi ffl ‘quoted’ " * 4
    for width, size, bold in itertools.product(
        (0.8, 1.37, 3.0, 6.6), (6.5, 7.0, 8.0), (False, True)
    ):
        lines = wrap(text, width, size, bold=bold)
        assert " ".join(lines).split() == text.split()
        assert all(text_width(line, size, bold=bold) <= width for line in lines)
        filled = [text_width(line, size, bold=bold) / width for line in lines[:-1]]
        assert width < 2 or np.mean(filled) > 0.8
