"""The published evidence in a report: charts, certainty, directions, studies and doubts."""

import math
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn_text import texts, whole_and_apart, words
from made_bodies import quiet
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from outline import Outline
from written_pages import pages

import mnstudy as mn
from mnstudy.cohort.published.tables import load_published
from mnstudy.reporting import report as module
from mnstudy.reporting import words as captions
from mnstudy.reporting.figures import intervals, plot, style
from mnstudy.reporting.figures.evidence_map import (
    DIRECTION,
    MAP_COLUMNS,
    article_shares,
    correlations,
    map_table,
    whole_map,
)
from mnstudy.reporting.figures.forest import forest_tables
from mnstudy.reporting.figures.published import (
    MOST_BARS,
    SIDES,
    albatross,
    funnel,
    harvest_plot,
    place,
)
from mnstudy.reporting.page import sections
from mnstudy.reporting.run.folder import write_manifest
from mnstudy.reporting.run.processes import workers
from mnstudy.reporting.run.sources import build_sources, collect_trials, published_source
from mnstudy.reporting.tables import evidence
from mnstudy.stats.meta.directions import contour_n
from mnstudy.verdicts.claims.registry import ARTICLES
from mnstudy.verdicts.evidence.groups import pool_group
from mnstudy.verdicts.evidence.trials import Trials, gather_trials
from mnstudy.verdicts.finding.finding import VERDICTS

WIDTHS = ("full", "column", "slide")
FORESTS = ("rare-pih", "reduces-scarring", "severity-matters", "comparable-to-peel",
           "topical-adjunct", "rf-combination", "treats-sun-damage", "evens-tone")  # fmt: skip
FILES = {"evidence.csv", "directions.csv", "doubts.csv", "references.bib"}


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def trials(published):
    return gather_trials(published)


@pytest.fixture(scope="module")
def findings(published):
    return mn.evidence(data=published)


@pytest.fixture(scope="module")
def charts(trials, findings):
    some = plot.overview_charts(trials, findings)
    for claim in trials.directions:
        some += plot.claim_charts(trials.directions[claim], trials.groups[claim])
    return {chart.key: chart for chart in some}


@pytest.fixture(scope="module")
def written(trials, published, findings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    asked = [f for f in findings if f.claim.id in (*FORESTS, "home-riskier", "blood-flow")]
    body = published_source(published, type(findings)(asked), trials)
    _, body = build_sources([], body, profile="default")
    module.write_report([body], folder, formats=["svg"], progress=quiet)
    write_manifest(folder, {})
    return folder


@pytest.fixture(scope="module")
def found(written):
    return pages(written)


@pytest.fixture(scope="module")
def page(found):
    return found["index.html"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("claim", FORESTS)
def test_forests_of_one_group_and_of_many_are_whole(findings, claim, width):
    whole_and_apart(mn.plot(findings[claim], width=width))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_whole_and_described(charts, width):
    for chart in charts.values():
        picture = mn.plot(chart, width=width)
        whole_and_apart(picture)
        assert picture.get_size_inches()[0] == pytest.approx(style.look(width).width)
        assert picture.alt == chart.alt
        assert len(chart.alt) > 40
        assert re.search(r"\d", chart.caption)
        assert len(chart.data())


def test_the_same_chart_gives_the_same_bytes(charts):
    for key in ("article-shares", "directions/results-last", "albatross/topical-adjunct"):
        first, again = (style.svg_bytes(mn.plot(charts[key])) for _ in range(2))
        assert first == again


def test_a_row_names_arms_counts_weight_and_risk_of_bias(findings):
    shown = words(mn.plot(findings["comparable-to-peel"]))
    for text in ("dermaroller against TCA CROSS", "12/15 | 13/15", "72/93 | 67/92", "n/N",
                 "\N{NO-BREAK SPACE}%", "●\N{NO-BREAK SPACE}H", "draft by rule"):  # fmt: skip
        assert text in shown
    shown = words(mn.plot(findings["reduces-scarring"]))
    assert "15, both sides" in shown
    assert "split-body\N{NO-BREAK SPACE}RCT; raters\N{NO-BREAK SPACE}blinded" in shown
    assert {p.bias for f in findings for p in f.parts} - {""} <= set(captions.BIAS)
    assert len({mark[0] for mark in captions.BIAS.values()}) == 5


def test_the_only_study_behind_an_estimate_bears_the_mark_of_the_verdict(findings):
    picture = mn.plot(findings["reduces-scarring"])
    assert [t.get_text() for t in texts(picture)].count("Alam 2014") == 1
    marker = style.VERDICT_STYLES["inconclusive"].marker
    first = findings["reduces-scarring"].estimate.value
    drawn = [x for x in picture.axes[0].lines if x.get_marker() == marker]
    assert [float(x.get_xdata()[0]) for x in drawn] == [first]


def test_studies_of_another_unit_or_control_share_no_panel(findings):
    for found in findings:
        known = {p.group: (p.control, p.unit) for p in found.parts}
        for panel in forest_tables(found):
            said = [panel.title, *(r.label for r in panel.rows if r.mark == "heading")]
            assert len({known[text] for text in said if text in known}) == 1


def test_each_group_has_its_name_and_the_deciding_one_comes_first(findings):
    for found in (f for f in findings if f.parts):
        tables = forest_tables(found)
        names = [x for t in tables for x in (t.title, *(r.label for r in t.rows))]
        assert sorted(n for n in names if n in {p.group for p in found.parts}) == sorted(
            {p.group for p in captions.drawn_parts(found)}
        )
        if found.estimate is not None:
            assert tables[0].title == found.parts[0].group


def test_more_groups_than_can_be_read_stand_in_the_table_and_the_caption_counts_them(findings):
    for claim in ("reduces-scarring", "rf-combination"):
        found = findings[claim]
        drawn = captions.drawn_parts(found)
        groups = {p.group for p in drawn}
        rest = [p for p in found.parts if p.kind == "study" and p.group not in groups]
        assert len(drawn) <= captions.MOST_ROWS
        assert f"{sum(p.kind == 'study' for p in drawn)} studies" in captions.alt_text(found) or (
            found.estimate is None
        )
        assert f"with {len(rest)} studies, see evidence.csv" in captions.caption(found)
    assert "Not drawn" not in captions.caption(findings["comparable-to-peel"])
    many = tuple(replace(findings["rare-pih"].parts[0], label=str(i)) for i in range(40))
    assert len(captions.drawn_parts(replace(findings["rare-pih"], parts=many))) == 40


def test_other_assumptions_are_drawn_for_the_deciding_group_alone(findings):
    for found in findings:
        drawn = captions.drawn_parts(found)
        groups = {p.group for p in drawn if p.kind == "sensitivity"}
        assert groups <= ({drawn[0].group} if found.estimate is not None else set())
    assert sum(p.kind == "sensitivity" for p in captions.drawn_parts(findings["rare-pih"])) == 2


def test_no_printed_page_is_too_short_for_a_forest(findings):
    for found in (f for f in findings if f.parts):
        assert mn.plot(found).get_size_inches()[1] < 9.5, found.claim.id


def test_an_axis_of_ratios_ends_where_a_ratio_tells_no_more(findings):
    axes = next(a for a in mn.plot(findings["topical-adjunct"]).axes[::-1] if a.lines)
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[1] == intervals.RATIOS[1]
    assert any(line.get_marker() == 5 for line in axes.lines)
    assert {"1", "10", "100"} <= {t.get_text() for t in axes.get_xticklabels()}


@pytest.mark.parametrize("width", ["full", "column"])
def test_every_axis_of_a_forest_has_three_ticks_or_more(findings, width):
    for found in (f for f in findings if f.parts and f.claim.id != "weeks-to-results"):
        for axes in mn.plot(found, width=width).axes:
            low, high = axes.get_xlim()
            inside = [x for x in axes.get_xticks() if low <= x <= high]
            assert len(inside) > 2, found.claim.id


def test_small_percents_stand_apart_where_an_event_has_to_be_rare(findings):
    picture = mn.plot(findings["rare-pih"])
    for axes in picture.axes:
        low, high = axes.get_xlim()
        drawn = [x for line in axes.lines for x in line.get_xdata()]
        assert low < 0 <= min(drawn)
        assert max(drawn) < high < 1.2 * max(drawn)
        at = [axes.transData.transform((x, 0))[0] for x in (0, 1, 10, 20)]
        assert at[1] - at[0] > 0.5 * (at[3] - at[2])
        assert "1" in [t.get_text() for t in axes.get_xticklabels()]
    assert "stated limit 1\N{NO-BREAK SPACE}%" in words(picture)
    assert forest_tables(findings["satisfies-patients"])[0].root is False


def test_a_claim_about_time_is_described_without_an_axis_of_another_unit(findings):
    found = findings["weeks-to-results"]
    picture = mn.plot(found)
    assert "described only" in words(picture)
    assert not any(a.lines or a.get_xlabel() or len(a.get_xticks()) for a in picture.axes)
    assert captions.forest_marks(found) == {}
    assert "Alam 2014" in words(picture)


def test_units_and_signs_are_explained_beneath_the_plot_and_not_again_in_the_caption(findings):
    found = findings["treats-wrinkles"]
    assert "tau: standard deviation of the true effects" in words(mn.plot(found))
    assert "tau: standard" not in captions.caption(found)
    assert "0.2 is called small" in words(mn.plot(findings["comparable-to-laser"]))
    assert "0.2 is called small" not in words(mn.plot(findings["rare-pih"]))


def test_a_credible_interval_looks_otherwise_and_is_named(findings):
    found = findings["treats-wrinkles"]
    picture = mn.plot(found)
    (diamond,) = picture.axes[0].patches
    assert to_hex(diamond.get_facecolor()) == style.PAPER
    assert diamond.get_linestyle() == style.DASHED
    assert "pooled value with its 95 % credible interval (few studies" in words(picture)
    for text in (captions.caption(found), captions.alt_text(found)):
        assert "95 % credible interval" in text
    (filled,) = mn.plot(findings["rare-pih"]).axes[0].patches
    assert to_hex(filled.get_facecolor()) != style.PAPER
    assert "credible" not in words(mn.plot(findings["rare-pih"]))


def test_other_assumptions_stand_muted_beneath_the_pooled_value(findings):
    (panel,) = forest_tables(findings["treats-wrinkles"])
    kinds = [(r.mark, r.muted) for r in panel.rows]
    assert (
        kinds == [("dot", False)] * 2 + [("diamond", False), ("bar", False)] + [("dot", True)] * 3
    )
    labels = [r.label.partition(" (")[0] for r in panel.rows[4:]]
    assert labels == ["with half the scale of the prior", "with twice the scale of the prior",
                      "without a prior, Knapp-Hartung"]  # fmt: skip
    assert [r.dashed for r in panel.rows] == [False, False, True, False, True, True, False]


def test_the_spread_between_studies_stands_beneath_the_pooled_value(findings):
    for claim, starts in (
        ("treats-wrinkles", "I² 89 % (43 to 100 %), tau 0.34"),
        ("rare-pih", "rho "),
    ):
        rows = forest_tables(findings[claim])[0].rows
        assert next(r for r in rows if r.mark == "diamond").small.startswith(starts)
    assert captions.spread_words(replace(findings["rare-pih"].parts[0], tau=(math.nan,) * 3)) == ""


def test_axes_are_named_for_a_clinician(findings):
    said = {c: [t.axis_label for t in forest_tables(findings[c])] for c in FORESTS}
    assert said["rare-pih"][0] == "post-inflammatory hyperpigmentation, % of patients"
    assert said["reduces-scarring"][0] == "standard deviations (SD) (above 0 favours needling)"
    assert said["reduces-scarring"][2].endswith("(above 0: better at the later visit)")
    assert said["topical-adjunct"][0] == "odds ratio (above 1 favours the added substance)"
    assert said["severity-matters"] == ["difference in percentage points"]
    gentler = forest_tables(findings["gentler-than-laser"])
    assert all("(below 0 favours needling)" in t.axis_label for t in gentler)


def test_ticks_of_ratios_are_plain_numbers(findings):
    for width in WIDTHS:
        for axes in mn.plot(findings["topical-adjunct"], width=width).axes:
            if axes.get_xscale() == "log":
                shown = [t.get_text() for t in axes.get_xticklabels()]
                assert "1" in shown
                assert len(shown) > 2
                assert not any("^" in text or "e" in text for text in shown)


def test_a_ratio_below_one_has_as_many_digits_as_it_needs(findings):
    table = forest_tables(findings["comparable-to-peel"])[1]
    puri = next(r for r in table.rows if r.label == "Puri 2015")
    assert puri.cells[1] == "0.63 (0.04 to 6.48)"


def test_a_wide_interval_near_no_difference_is_drawn_whole(findings):
    found = findings["severity-matters"]
    axes = mn.plot(found).axes[0]
    low, high = axes.get_xlim()
    assert low < found.estimate.ci_low < found.estimate.ci_high < high
    shown = words(mn.plot(found))
    assert "no difference (0)" in shown
    assert "±0" not in shown


def test_nothing_compared_with_an_untreated_side_is_called_uncontrolled(findings):
    text = captions.caption(findings["treats-surgical-scars"])
    text += words(mn.plot(findings["treats-surgical-scars"]))
    assert "uncontrolled" not in text
    assert "before to after" not in text


def test_the_data_of_a_forest_hold_arms_counts_bias_and_spread():
    found = mn.evidence("comparable-to-peel")[0]
    table = captions.figure_data(found)
    added = ["arms", "n_arms", "events", "bias", "interval_kind", "tau", "tau_low", "tau_high"]
    assert list(table)[16:24] == added
    puri = table[table["label"].eq("Puri 2015")].iloc[0]
    assert puri[["arms", "n_arms", "events", "bias"]].tolist() == [
        "dermaroller | TCA CROSS", "15 | 15", "12 | 13", "serious"
    ]  # fmt: skip
    pooled = table["kind"].eq("pooled")
    assert table.loc[pooled, "interval_kind"].tolist() == ["credible"]
    assert table.loc[pooled, ["tau", "i2"]].notna().all(axis=None)
    assert table.loc[~pooled, "tau"].isna().all()


def test_every_part_of_a_study_has_a_design(findings):
    parts = [p for f in findings for p in f.parts]
    assert all(bool(p.design) == (p.kind == "study") for p in parts)
    assert {p.blinded for p in parts if p.kind == "study"} <= {"yes", "no", "unclear"}


def test_the_map_counts_each_study_once_a_claim(trials):
    table = map_table(trials)
    assert set(table["design"]) == set(MAP_COLUMNS)
    for claim in ("reduces-scarring", "comparable-to-laser", "rare-pih"):
        own = table[table["claim"] == claim]
        assert own["studies"].sum() == len(trials.used(claim))
    pih = table[table["claim"].eq("rare-pih") & table["design"].ne(DIRECTION)]
    most = trials.behind("rare-pih").groupby("study_id")["people"].max()
    assert pih["people"].sum() == most.sum()
    assert "home-riskier" not in set(table["claim"])


def test_a_claim_without_a_bubble_says_what_there_is(trials):
    whole = whole_map(trials)
    empty = [c for c in trials.states if c not in set(whole.table["claim"])]
    assert {trials.states[c].word for c in empty} == {"nothing found", "radiofrequency only"}
    shown = words(mn.plot(whole))
    for word in ("nothing found", "radiofrequency only"):
        assert shown.count(word) == sum(trials.states[c].word == word for c in empty)
    none = replace(whole, table=map_table(replace(trials, directions={})))
    assert words(mn.plot(none)).count("directions only") >= 4


def test_bubbles_have_areas_in_proportion_to_the_patients(trials):
    table = map_table(trials)
    picture = mn.evidence_map(width="full")
    assert isinstance(picture, style.Picture)
    (bubbles,) = marks(picture.axes[0])
    green = [to_hex(c) == style.VERDICT_STYLES["supported"].colour for c in bubbles.get_facecolor()]
    assert green == table["points"].eq("most point towards the claim").tolist()
    across = 72 * np.maximum(0.05, 0.2 * np.sqrt(table["people"] / table["people"].max()))
    assert bubbles.get_sizes()[green] == pytest.approx(across[green] ** 2)
    assert [t.get_text() for t in picture.axes[0].texts if t.get_text().isdigit()] == list(
        map(str, table["studies"])
    )
    with pytest.raises(ValueError, match="give 'column', 'full', 'slide'"):
        mn.evidence_map(width="wide")


def marks(axes):
    """Return what seaborn scattered there."""
    return [c for c in axes.collections if isinstance(c, PathCollection) and len(c.get_offsets())]


def test_the_map_points_where_the_directions_point(trials):
    table = map_table(trials).set_index(["claim", "design"])
    assert table.loc[("reduces-scarring", DIRECTION), "points"].startswith("most point to")
    assert table.loc[("blood-flow", DIRECTION), "points"] == "most point against it"
    assert table.loc[("comparable-to-laser", DIRECTION), "points"] == "no clear direction"
    assert (
        table.loc[("rare-bruising", "randomised, two groups"), "points"] == "no direction printed"
    )


def test_harvest_plots_hold_every_direction_that_tests_the_claim(trials):
    for claim, directions in trials.directions.items():
        tests = trials.tests(claim)
        chart = harvest_plot(directions)
        assert (chart is None) == (len(tests) < 3)
        if chart is None:
            continue
        table = chart.data()
        assert len(table) == len(tests)
        assert table["side"].isin(list(SIDES)).all()
        for kind, own in table.groupby("kind"):
            share = directions.share(kind)
            assert own["side"].eq("towards the claim").sum() == share.favouring
            assert own["side"].eq("against the claim").sum() == share.against


def test_bars_are_as_long_as_their_people_named_and_randomised_ones_dark(trials):
    chart = harvest_plot(trials.directions["comparable-to-laser"])
    table, picture = chart.data(), mn.plot(chart, width="column")
    bars = [p for a in picture.axes for p in a.patches]
    assert [b.get_width() for b in bars] == table["n"].tolist()
    dark = [to_hex(b.get_facecolor()) == style.PART for b in bars]
    assert dark == table["randomised"].tolist()
    for text in (*table["label"], "patients", "against another arm"):
        assert text in words(picture)


def test_bars_without_printed_people_say_so(trials):
    chart = harvest_plot(trials.directions["topical-adjunct"])
    unknown, shown = chart.data()["n"].isna().sum(), words(mn.plot(chart))
    assert unknown > 0
    assert shown.count("number not printed") == unknown
    towards = chart.data()["side"].eq("towards the claim").sum()
    assert f"towards the claim: {towards}" in shown
    assert "raters blinded" in shown
    known = harvest_plot(trials.directions["comparable-to-laser"])
    assert "number not printed" not in words(mn.plot(known))


def test_more_bars_than_fit_a_page_are_counted_randomised_ones_drawn_first(trials):
    chart = harvest_plot(trials.directions["reduces-scarring"])
    table, picture = chart.data(), mn.plot(chart)
    most = table.groupby(["kind", "side"]).size()
    assert most.max() > MOST_BARS
    left = int((most - MOST_BARS).clip(lower=0).sum())
    assert f"and {left} more, none of them randomised" in words(picture)
    assert sum(len(a.patches) for a in picture.axes) == len(table) - left
    assert picture.get_size_inches()[1] < 9


def test_technical_charts_say_how_to_read_them(charts, many):
    for key, chart in {**charts, "funnel": funnel(many)}.items():
        assert "How to read it: " in chart.caption, key
        assert chart.caption.endswith("."), key


@pytest.mark.parametrize("key", ["funnel", "directions/results-last", "evidence-map"])
def test_charts_are_drawn_on_an_axes_of_ones_own(charts, many, key, tmp_path):
    figure, axes = plt.subplots()
    assert mn.plot(charts.get(key, funnel(many)), ax=axes, title="mine") is axes
    assert axes.get_title(loc="left") == "mine"
    assert figure.axes == [axes]
    axes.axhline(1)
    figure.savefig(tmp_path / "own.png")
    plt.close(figure)


def test_albatross_plots_only_where_three_exact_p_values_of_a_kind_are_printed(charts, trials):
    keys = {k for k in charts if k.startswith("albatross/")}
    assert keys == {
        "albatross/reduces-scarring", "albatross/treats-acne-scars", "albatross/topical-adjunct"
    }  # fmt: skip
    assert albatross(trials.directions["comparable-to-laser"]) is None


def test_points_stand_at_their_p_and_contours_at_their_effect(charts):
    chart = charts["albatross/reduces-scarring"]
    axes = mn.plot(chart).axes[0]
    table = chart.data()
    (points,) = marks(axes)
    assert points.get_offsets().tolist() == [
        [place(row.p_one_sided), row.n] for row in table.itertuples()
    ]
    assert place(0.5) == 0
    assert place(0.99) == pytest.approx(-place(0.01))
    dashed = [x for x in axes.lines if len(x.get_xdata()) > 5]
    right = next(x for x in dashed if x.get_xdata()[0] > 0 and x.get_linestyle() == "-")
    x, y = right.get_xdata()[3], right.get_ydata()[3]
    assert y == pytest.approx(float(contour_n([0.5 * 10**-x], 0.8, measure="one group")[0]))
    kinds = charts["albatross/topical-adjunct"].data()
    assert set(kinds["measure"]) == {"one group", "two groups"}


@pytest.fixture(scope="module")
def many(trials):
    """Return a group of rates with twice as many studies as any has."""
    groups = [g for own in trials.groups.values() for g in own if g.name == "proportion"]
    most = max(groups, key=lambda g: len(g.rows))
    return replace(most, rows=pd.concat([most.rows, most.rows.assign(treated_n=60)]))


def test_funnels_from_ten_studies_on(trials, many):
    drawn = [f for groups in trials.groups.values() for g in groups if (f := funnel(g))]
    assert all(len(f.table) >= 10 for f in drawn)
    assert funnel(replace(many, rows=many.rows[:9])) is None
    chart = funnel(many)
    whole_and_apart(mn.plot(chart))
    assert chart.key == (
        "funnel/reduces-scarring-proportion-response_good_or_better-one_group-acne_scar"
    )
    assert chart.group.measure.back(chart.centre) == pytest.approx(pool_group(many).estimate.value)
    sides = 0.5 / np.sqrt(many.rows["treated_n"].to_numpy(dtype=float))
    assert chart.table["std_error"].to_numpy() == pytest.approx(sides)
    axes = mn.plot(chart).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "percent of patients", "patients in the study"
    )  # fmt: skip
    ticks = {t.get_text(): t.get_position()[1] for t in axes.get_yticklabels()}
    assert ticks["20"] == pytest.approx(0.5 / math.sqrt(20))
    twice = replace(chart, table=pd.concat([chart.table, chart.table.iloc[:1]]))
    axes = mn.plot(twice).axes[0]
    (studies,) = marks(axes)
    wanted = chart.table[["effect", "std_error"]].drop_duplicates().to_numpy().tolist()
    assert sorted(studies.get_offsets().tolist()) == sorted(wanted)
    assert "×2" in [t.get_text() for t in axes.texts]


def test_funnels_of_two_conditions_have_two_names(many):
    other = replace(many, rows=many.rows.assign(condition="stretch_mark"))
    assert funnel(other).key != funnel(many).key


def test_three_estimates_for_every_group_with_paired_contrasts(trials):
    table = correlations(trials).data()
    paired = trials.table[trials.table["r030_estimate"].notna()]
    assert len(table) == 3 * len(paired)
    middle = table[table["correlation"] == 0.5]
    assert middle["estimate"].tolist() == paired["r050_estimate"].tolist()
    names = {g.label for groups in trials.groups.values() for g in groups}
    assert set(table["group"]) <= names
    assert table.groupby("claim")["group"].nunique().sum() == len(paired)
    assert correlations(replace(trials, table=trials.table.iloc[:0])) is None


def test_correlations_are_drawn_where_a_verdict_rests_on_them_or_they_decide(trials):
    chart = correlations(trials)
    drawn, table = chart.drawn, chart.table
    keys = set(zip(drawn["group"], drawn["estimate"], strict=True))
    deciding = table[table["decides"]]
    assert set(zip(deciding["group"], deciding["estimate"], strict=True)) <= keys
    assert len(drawn) % 3 == 0
    assert len(drawn) < len(table) / 2
    assert f"{len(drawn) // 3} of {len(table) // 3} groups" in chart.caption
    assert mn.plot(chart, width="column").get_size_inches()[1] < 9


def test_shares_of_the_articles_add_up_to_their_claims(findings):
    table = article_shares(findings).data()
    assert list(dict.fromkeys(table["article"])) == list(ARTICLES)
    for article, own in table.groupby("article"):
        claims = [f for f in findings if article in f.claim.articles]
        assert own["count"].sum() == len(claims) == own["claims"].iloc[0]
        assert own["share"].sum() == pytest.approx(1)
        assert tuple(own["verdict"]) == VERDICTS
    shown = [t.get_text() for t in mn.plot(article_shares(findings)).axes[0].texts]
    assert [t for t in shown if t.isdigit()] == [str(n) for n in table["count"] if n]
    assert article_shares([]) is None


def test_the_gathered_table_is_that_of_one_call_also_with_two_workers(trials, published):
    with workers(2) as two:
        beside, findings = collect_trials(published, workers=two)
    pd.testing.assert_frame_equal(beside.table, trials.table)
    pd.testing.assert_frame_equal(trials.table, mn.evidence_table(data=published))
    assert isinstance(beside, Trials)
    assert [repr(f) for f in findings] == [repr(f) for f in mn.evidence(data=published)]


def parsed(text):
    """Parse BibTeX strictly: entries of fields in balanced braces, nothing between them."""
    entries, at = {}, 0
    while at < len(text):
        head = re.compile(r"@(article|misc)\{([a-z0-9_]+),\n").match(text, at)
        assert head, text[at : at + 60]
        fields, at = {}, head.end()
        while not text.startswith("}\n", at):
            name = re.compile(r"  ([a-z]+) = ").match(text, at)
            assert name, text[at : at + 60]
            value, at = braced(text, name.end())
            assert name[1] not in fields
            fields[name[1]] = value
            assert text.startswith(",\n", at)
            at += 2
        at += 2
        at += text.startswith("\n", at)
        assert head[2] not in entries
        entries[head[2]] = fields | {"kind": head[1]}
    return entries


def braced(text, at):
    assert text[at] == "{"
    depth, start = 0, at
    while True:
        if text[at] == "\\":
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return text[start + 1 : at - 1], at


def test_the_bibliography_parses_and_names_every_study_of_the_files(written, trials):
    entries = parsed((written / "references.bib").read_text(encoding="utf-8"))
    frames = {n: pd.read_csv(written / f"{n}.csv") for n in ("evidence", "directions", "doubts")}
    named = {i for ids in frames["evidence"]["studies"].dropna() for i in ids.split()}
    named |= set(frames["directions"]["study_id"]) | set(frames["doubts"]["study_id"])
    assert set(entries) == named
    for key, fields in entries.items():
        study = trials.studies.loc[key]
        assert fields["kind"] == ("misc" if pd.isna(study["journal"]) else "article")
        assert fields.get("doi", "") == ("" if pd.isna(study["doi"]) else study["doi"])
        assert ("year" in fields) == pd.notna(study["year"])
        assert "figures read from" in fields["note"]
        plain = {n: v for n, v in fields.items() if n not in ("doi", "kind")}
        assert not re.search(r"(?<!\\)[&%$#_~^]", " ".join(plain.values()))


def test_specials_of_latex_are_escaped():
    row = {"label": r"A_b & c", "title": r"50% of {x}_1 ~ a^2 \ $5 #1", "journal": None,
           "year": 2020.0, "doi": None, "pmid": None, "source": "secondary"}  # fmt: skip
    text = evidence.bibtex(pd.DataFrame([row], index=["hostile1"]))
    entry = parsed(text)["hostile1"]
    assert entry["title"] == (
        r"{50\% of \{x\}\_1 \textasciitilde{} a\textasciicircum{}2 \textbackslash{} \$5 \#1}"
    )
    assert "author" not in entry
    assert r"cited as: A\_b \& c" in entry["note"]


@pytest.mark.parametrize(
    ("key", "label", "author"),
    [
        ("kaur2024", "Kaur 2024", "Kaur"),
        ("garg_chaudhary51", "Garg and Chaudhary (year not seen)", "Garg and Chaudhary"),
        ("alqarqaz_dark_skin", "Al Qarqaz (year not seen)", "Al Qarqaz"),
        ("dalwignolda2020", "von Dalwig-Nolda 2020", "von Dalwig-Nolda"),
        ("jpadprp", "PRP vs insulin, JPAD (authors not seen)", ""),
        ("melasmapilot", "Melasma pilot, BMC Dermatol 2017", ""),
        ("skinpen_nct1", "SkinPen acne scar trial NCT02646917", ""),
    ],
)
def test_only_names_are_given_as_authors(key, label, author):
    assert evidence.author_of(key, label) == author


@pytest.mark.parametrize("doi", [None, "", 'javascript:alert("x")', "10.1/x", "https://x"])
def test_what_is_no_doi_is_no_link(doi):
    assert evidence.doi_of(doi) == ""


def test_a_hostile_doi_stays_inside_its_attribute():
    assert '"' not in evidence.doi_link('10.1000/a"><script>')


def test_the_page_shows_state_certainty_directions_and_studies_of_a_claim(found, trials):
    article = found["claims/rare-pih.html"]
    for text in (
        trials.states["rare-pih"].word, "6 of 10 in all", "Why is the certainty", "inconsistency",
        "2 steps lower", "https://doi.org/", "no DOI seen", "rated by rule: a draft",
    ):  # fmt: skip
        assert text in article
    assert article.count("<figure>") == 2
    for study in trials.used("rare-pih")["label"]:
        assert study.split(" (")[0] in article
    assert "directions of effect:" not in article


def test_a_claim_without_numbers_shows_its_state_and_directions(found):
    article = found["claims/blood-flow.html"]
    assert "directions only: no usable published number found" in article
    assert "Kenkel 2021" in article
    nothing = found["claims/home-riskier.html"]
    assert "nothing found: no usable published number found" in nothing
    assert "The studies" not in nothing
    assert "<figure>" in found["claims/rf-combination.html"]


def test_doubts_stand_on_the_page_as_questions(page, trials):
    section = page.split('<h2 id="doubts">')[1].split('<h2 id="')[0]
    assert section.count('<th scope="row">') == len(trials.doubts) >= 22
    assert "a question, not an accusation" in section
    for word in ("fraud", "fabricat", "wrong number", "misconduct"):
        assert word not in section.lower()


def test_the_pages_stay_well_formed_and_their_links_lead_somewhere(found, written):
    for name, page in found.items():
        outline = Outline(page)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        targets = set(re.findall(r'href="([^"#]+)', page))
        outside = {t for t in targets if t.startswith("http")}
        assert all(re.fullmatch(r"https://doi\.org/10\.\d{4,9}/[^\s\"<>]+", t) for t in outside)
        here = (written / name).parent
        assert all((here / t).is_file() for t in targets - outside)
    assert set(re.findall(r'href="([^"#]+)', found["index.html"])) >= FILES


def test_the_files_hold_full_precision_and_are_in_the_manifest(written, trials):
    manifest = (written / "manifest.json").read_text(encoding="utf-8")
    assert all(f'"{name}"' in manifest for name in FILES)
    table = pd.read_csv(written / "evidence.csv")
    assert table["estimate"].dropna().tolist() == trials.table["estimate"].dropna().tolist()
    directions = pd.read_csv(written / "directions.csv")
    assert len(directions) == sum(len(d.rows) for d in trials.directions.values())
    assert (written / "figures" / "published_trials" / "evidence-map.csv").is_file()


def test_other_data_have_no_trials(findings):
    body = published_source(load_published(), findings)
    assert sections.trials_beside(body, findings["rare-pih"], {}) == {}
    assert sections.doubts_section([body]) is None
    assert sections.overview([body], {}) == []
    assert math.isnan(findings["rare-pih"].p_holm)
