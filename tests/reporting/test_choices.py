"""Other choices and those who were lost, as figures, tables and the page show them."""

import math
import pickle
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn_text import whole_and_apart, words
from made_bodies import quiet
from made_checks import checked_bodies, curve, rows, some_rows, without
from made_findings import INF, NAN, cases, estimate, finding
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle
from outline import Outline
from written_pages import everything, pages

import mnstudy as mn
from mnstudy.reporting import report as module
from mnstudy.reporting.figures import specification as said
from mnstudy.reporting.figures import style
from mnstudy.reporting.run.processes import workers
from mnstudy.reporting.run.sources import check_all, cohort_source
from mnstudy.reporting.tables import sensitivity
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.specification import declared_choices
from mnstudy.words.notes import as_given

WIDTHS = ("full", "column", "slide")


def curves():
    some = cases()
    everything = list(declared_choices())
    ratio = curve(some["ratio"], values=np.linspace(0.8, 6, 12))
    ratio.table["ci_low"] = -1.0  # off a log axis
    open_end = curve(some["open end"])
    open_end.table.loc[3, ["ci_low", "ci_high"]] = [NAN, INF]
    return {
        "twelve": curve(some["levels"]),
        "invented": curve(some["course"]),
        "many": curve(some["levels"], kinds=everything),
        "two": curve(some["hostile name"], kinds=["topicals"]),
        "ratio": ratio,
        "open": open_end,
        "either": curve(some["either direction"], values=np.linspace(-9, -1, 12)),
    }


CURVES = curves()


@pytest.fixture(scope="module")
def drawn():
    return {(name, w): mn.plot(c, width=w) for name, c in CURVES.items() for w in WIDTHS}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CURVES)
def test_every_text_of_a_curve_is_whole_and_none_lies_on_another(drawn, name, width):
    whole_and_apart(drawn[name, width])


def marks(axes):
    """Return the scattered marks: first those of seaborn, then arrows at the ends of the axis."""
    return [c for c in axes.collections if isinstance(c, PathCollection) and len(c.get_offsets())]


def test_every_specification_is_drawn_with_the_marker_of_its_verdict(drawn):
    axes, table = drawn["twelve", "full"].axes[0], CURVES["twelve"].table
    (shown,) = marks(axes)
    styles = [style.VERDICT_STYLES[v] for v in table["verdict"]]
    assert shown.get_offsets().tolist() == [[i, x] for i, x in enumerate(table["estimate"])]
    assert [to_hex(c) for c in shown.get_facecolor()] == [s.colour for s in styles]
    shapes = [MarkerStyle(s.marker) for s in styles]
    paths = [shape.get_path().transformed(shape.get_transform()) for shape in shapes]
    assert all(map(np.array_equal, [p.vertices for p in shown.get_paths()],
                   [p.vertices for p in paths]))  # fmt: skip
    usual = [to_hex(c) == style.INK for c in shown.get_edgecolor()]
    assert usual == said.is_usual(table).tolist()
    assert sum(usual) == 1
    (lines,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    ends = [[[i, low], [i, high]] for i, (low, high) in
            enumerate(table[["ci_low", "ci_high"]].to_numpy().tolist())]  # fmt: skip
    assert [s.tolist() for s in lines.get_segments()] == ends


def test_what_runs_off_the_axis_ends_in_an_arrow(drawn):
    shown, down = marks(drawn["ratio", "full"].axes[0])
    assert down.get_offsets()[:, 0].tolist() == shown.get_offsets()[:, 0].tolist()
    _, up = marks(drawn["open", "full"].axes[0])
    assert up.get_offsets()[:, 0].tolist() == [3]


def test_the_choices_beneath_are_those_of_the_table_in_plain_words(drawn):
    table = CURVES["twelve"].table
    (squares,) = marks(drawn["twelve", "full"].axes[1])
    places = pd.DataFrame(squares.get_offsets(), columns=["place", "at"]).groupby("at")["place"]
    wanted = [
        table.index[table[kind] == option].tolist()
        for kind, options in said.varied(table).items()
        for option in options
    ]
    assert [row.tolist() for _, row in places] == wanted
    shown = words(drawn["twelve", "full"])
    for text in ("no covariates", "usual choices", "margin 10", "no effect", "adjusted for"):
        assert text in shown
    assert "needling alone" not in shown  # the same in every specification


def test_the_estimates_are_drawn_on_an_axes_of_ones_own(tmp_path):
    figure, axes = plt.subplots()
    assert mn.plot(CURVES["twelve"], ax=axes, title="mine") is axes
    assert axes.get_title(loc="left") == "mine"
    assert axes.get_ylabel() == "points"
    axes.axhline(20)
    figure.savefig(tmp_path / "own.pdf")
    plt.close(figure)


def test_only_invented_curves_are_marked(drawn):
    for name, width in drawn:
        there = any(t.get_text() == style.SYNTHETIC for t in drawn[name, width].texts)
        assert there == CURVES[name].finding.synthetic


def test_the_same_curve_gives_the_same_bytes(drawn):
    again = mn.plot(pickle.loads(pickle.dumps(CURVES["many"])))
    assert style.svg_bytes(again) == style.svg_bytes(drawn["many", "full"])
    assert style.png_bytes(again) == style.png_bytes(drawn["many", "full"])


def test_a_curve_describes_itself_and_holds_every_number(split_face):
    found = mn.specification_curve(split_face, "topical-adjunct", n_resamples=199)
    shown = said.curve_caption(found)
    for text in (
        "40 patients",
        "How to read it: ",
        "Margin 5 points",
        "SYNTHETIC",
        "95 % interval",
        "p = 0.005",
    ):
        assert text in shown
    assert f"against margin 5; {len(found.table)} supported" in said.curve_alt(found)
    table = said.curve_data(found)
    assert table["estimate"].tolist() == found.table["estimate"].tolist()
    assert table["usual"].sum() == 1
    assert table["joint_p_median"].iloc[0] == found.joint.p_median


def margins(case, verdicts, values):
    table = rows(case, *(("margins", "m", 20.0, 57, v) for v in verdicts))
    return table.assign(margin=values, share=np.linspace(0.5, 2, len(values)))


def test_the_sentence_counts_names_and_leaves_out_what_is_no_choice():
    case = replace(cases()["levels"], synthetic=True)
    text = " ".join(sensitivity.summary(case, some_rows(case)))
    assert (
        "The verdict stays partly supported under 5 of 6 other choices; it changes to inconclusive "
        "without A." in text
    )  # without D leaves out nobody, and pushed results are no choice
    assert "in 1 of 2 scar types taken alone; it changes to inconclusive in burn." in text
    assert (
        "The verdict does not change if lost results are 60 points worse or better than imputed."
        in text
    )


def test_a_verdict_that_never_changes_is_said_in_one_go():
    case = cases()["levels"]
    table = rows(case, ("ranks", "medians", 30, 57, case.verdict))
    assert sensitivity.summary(case, table) == [
        "The verdict stays partly supported under the 1 other choice."
    ]
    ends = rows(case, *(("worst case", "x", 3, 57, v) for v in ("inconclusive", "supported")))
    text = sensitivity.summary(case, ends)
    assert text == ["Unseen results taken at one extreme: inconclusive; at the other: supported."]


def test_long_lists_of_names_are_counted():
    case = cases()["levels"]
    many = rows(case, *(("clinics", without(x), 3, 40, "inconclusive") for x in "ABCDEF"))
    text = sensitivity.summary(case, many)[0]
    assert text.endswith("inconclusive without A, without B, without C and 3 more.")


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        (["supported"] * 3, "With every margin from 5 to 20 points: supported."),
        (
            ["supported", "partly supported", "partly supported"],
            "Supported up to a margin of 5 points, partly supported from 10 on (margins from 5 to "
            "20 were tried).",
        ),
        (
            ["supported", "inconclusive", "contradicted"],
            "Supported up to a margin of 5 points, inconclusive at 10, contradicted from 20 on "
            "(margins from 5 to 20 were tried).",
        ),
    ],
)
def test_margins_are_one_sentence(verdicts, says):
    case = cases()["levels"]
    assert sensitivity.over_margins(case, margins(case, verdicts, [5, 10, 20])) == [says]
    assert sensitivity.over_margins(case, margins(case, ["supported"], [0])) == []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked")
    module.write_report(checked_bodies(), folder, formats=["svg"], progress=quiet)
    return folder


@pytest.fixture(scope="module")
def page(written):
    return everything(written)


def test_the_pages_with_other_choices_are_well_formed_and_point_to_the_files(written):
    found, images = pages(written), 0
    for one in found.values():
        outline = Outline(one)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert all("scope" in head for head in outline.heads)
        steps = zip(outline.levels, outline.levels[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps)
        images += len(outline.images)
    targets = set(re.findall(r'href="([^"]+)"', found["index.html"]))
    assert {"sensitivity.csv", "specifications.csv", "attrition.csv", "dropouts.csv"} <= targets
    assert images == 4  # two findings, a curve and the certificate
    assert (written / "figures/demo/specifications/reduces-scarring.csv").is_file()


def test_the_page_says_what_other_choices_change_and_who_was_lost(page):
    assert page.count("Would another choice change the verdict?") >= 2
    assert "under 5 of 6 other choices" in page
    assert "each clinic left out (1 clinic not in this estimate: unchanged)" in page
    assert "Who was lost" in page
    assert "22.0 (9.0 to 35.0) points, 95 % CI (Bonferroni over 10 claims)" in page
    assert "p = 0.004 after Holm" in page
    assert "primary claim of the plan" in page


def test_what_rests_on_a_few_is_exact_on_the_page_and_in_the_files(page, written):
    real = page.split('id="reduces-scarring-clinic"')[1].split("</details>")[0]
    for number in ("31.0 (", "33.0 (", "40.0 (", ">54<", ">55<", "3 sites"):
        assert number in real, number
    table = pd.read_csv(written / "sensitivity.csv")
    assert "withheld" not in table
    assert table.loc[table["choice"] == "without B", "n_patients"].tolist() == [54, 54]
    counts = pd.read_csv(written / "attrition.csv")
    assert "shown" not in counts
    assert counts.loc[counts["arm"].eq("peel"), "patients"].tolist() == [20, 3, 20, 3]


def test_checks_do_not_depend_on_workers_or_order(split_face):
    claims = ["topical-adjunct", "more-sessions", "rare-pih"]
    found = mn.evaluate(split_face, claims)
    seen = []
    one = check_all([(split_face, found)], progress=lambda *step: seen.append(step))[0]
    turned = Findings([found[c] for c in reversed(claims)], checks=found._checks)
    with workers(2) as some:
        two = check_all([(split_face, turned)], workers=some, progress=quiet)[0]
    assert list(one.sensitivity) == claims
    for claim in claims:
        pd.testing.assert_frame_equal(one.sensitivity[claim], two.sensitivity[claim])
    assert [c.finding.claim.id for c in one.curves] == ["topical-adjunct"]
    pd.testing.assert_frame_equal(one.curves[0].table, two.curves[0].table)
    assert seen == [("sensitivity", i, 4) for i in range(5)]
    assert len(one.flow)
    assert len(one.dropouts)


def test_findings_and_curves_can_be_sent_to_another_process(clinic_findings):
    back = pickle.loads(pickle.dumps(clinic_findings))
    assert [repr(f) for f in back] == [repr(f) for f in clinic_findings]
    assert len(back[:1].sensitivity("margins")) == 5


def test_published_evidence_is_checked_over_margins_alone(trials):
    one = Findings([trials["treats-acne-scars"]])
    found = check_all([(None, one)], progress=quiet)[0]
    assert set(found.sensitivity["treats-acne-scars"]["check"]) == {"margins"}
    assert found.flow is None


def test_the_plan_stands_among_the_facts(clinic, clinic_findings):
    facts = dict(cohort_source(clinic, clinic_findings).facts)
    assert "Makes scars less noticeable" in facts["Primary claims of the plan"]
    assert "hold together at 95 %" in facts["Family"]
    assert facts["SHA-256 of the plan"] == clinic.study.plan_sha256
    week = replace(
        clinic, study=replace(clinic.study, plan=replace(clinic.study.plan, final_week=24.0))
    )
    assert dict(cohort_source(week, clinic_findings).facts)["Final assessment"] == "week 24"


def test_own_claims_stand_in_their_own_group(sheet, tmp_path):
    sheet.to_csv(tmp_path / "sheet.csv", index=False)
    (tmp_path / "study.toml").write_text(
        'title = "Hers"\ndesign = "single_arm"\nfile = "sheet.csv"\n'
        '[claims.most-improve]\ntitle = "Most <b>improve</b>"\nlike = "reduces-scarring"\n',
        encoding="utf-8",
    )
    cohort = mn.load(tmp_path / "study.toml")
    found = mn.evaluate(cohort, ["reduces-scarring", "most-improve"])
    module.write_report(
        [cohort_source(cohort, found)], tmp_path / "r", formats=["svg"], progress=quiet
    )
    found = pages(tmp_path / "r")
    own = found["claims/most-improve.html"]
    for page in (own, found["index.html"]):
        assert "Most &lt;b&gt;improve&lt;/b&gt;" in page
        assert "<b>improve" not in page
    assert "The study file: " in own
    assert "and 1 more claim.</dd>" in found["index.html"]
    assert "<h1>Hers</h1>" in found["index.html"]


def test_estimates_without_an_interval_or_a_value_are_written_plainly():
    case = finding("reduces-scarring", estimate(20, 10, 30), "supported")
    table = rows(case, ("clinics", "without A", NAN, NAN, "not testable"))
    table["reason"] = [as_given("word " * 60)]
    cells = sensitivity.groups(case, table)[0]["rows"][0]
    assert (cells["estimate"], cells["n"], cells["changed"]) == ("", "", True)
    assert len(cells["reason"]) <= sensitivity.LONG
    assert not math.isnan(len(cells["choice"]))
