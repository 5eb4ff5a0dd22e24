"""The published evidence: its counts, its relations, its manifest, and what a broken table says."""

import csv
import re
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mnstudy.cohort.loading.shipped import check_manifest, read_manifest
from mnstudy.cohort.published import contrast_rules, extraction
from mnstudy.cohort.published.tables import (
    check_published,
    contrast_counts,
    contrast_frame,
    flow,
    load_published,
    missing_identifiers,
    reviews_frame,
    shown_labels,
    validate_published,
)
from mnstudy.cohort.study.study import read_study
from mnstudy.errors import DataError

DATA = Path(__file__).resolve().parents[2] / "data"
README = (DATA / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def published():
    return load_published(DATA / "published")


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(DATA / "published", tmp_path / "mine"))


def edit(folder, table, row, **cells):
    """Write cells into a row of a table, numbered as a spreadsheet numbers it."""
    path = folder / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    for column, value in cells.items():
        rows[row - 1][rows[0].index(column)] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def row_of(table, column, value):
    cells = pd.read_csv(DATA / "published" / f"{table}.csv", dtype=str)[column]
    return int(cells.index[cells == value][0]) + 2


def problems(folder):
    with pytest.raises(DataError) as caught:
        load_published(folder)
    assert caught.value.report.problems
    return caught.value.report.problems


def md_table(heading):
    """Parse the first table below a heading of data/README.md into rows of cells."""
    section = README.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def tally(words):
    pairs = (pair.rsplit(" ", 1) for pair in words.split(", ")) if words not in ("", "-") else ()
    return {word: int(n) for word, n in pairs}


# what is shipped


def test_shipped_tables_have_no_problem(published):
    report = validate_published(DATA / "published")
    assert report.ok, report
    sizes = {name: len(getattr(published, name)) for name in extraction.TABLES}
    assert sizes == {
        "studies": 353,
        "arms": 617,
        "outcomes": 1125,
        "contrasts": 285,
        "add_on": 3,
        "directions": 684,
        "correlations": 22,
        "zero_basis": 31,
        "risk_of_bias": 73,
        "seen_at": 127,
        "leads": 22,
        "reviews": 29,
    }
    assert published.contrasts["primary"].eq("yes").sum() == 149
    assert report.rows == sum(sizes.values())
    assert len(report.notes) == 4
    assert "285 contrasts" in repr(published)


def test_default_is_the_shipped_folder(published):
    assert load_published().sha256 == published.sha256


def test_what_is_done_to_loaded_tables_does_not_reach_the_next_who_load_them():
    first = load_published()
    first.studies["label"] = "changed"
    first.outcomes.index.name = "changed"
    again = load_published()
    assert not again.studies["label"].eq("changed").any()
    assert again.outcomes.index.name is None
    assert again.sha256 == first.sha256


def test_types(published):
    assert published.outcomes["mean"].dtype == "float64"
    assert published.studies["year"].dtype == "float64"
    assert isinstance(published.arms["sessions"].dtype, pd.StringDtype)
    assert published.arms["sessions"].eq("1-3").sum() == 3
    assert published.contrasts["reference_outcome_id"].isna().sum() == 224


def test_counts_are_those_of_the_dictionary(published):
    counts = contrast_counts(published).set_index("claim_id")
    table = md_table("### Counts by claim")
    assert [row[0] for row in table] == list(counts.index)
    for claim, contrasts, primary, people, measures, endpoints in table:
        found = counts.loc[claim]
        assert [int(contrasts), int(primary), int(people)] == [
            found["contrasts"],
            found["primary"],
            found["people"],
        ], claim
        assert tally(measures) == tally(found["primary_by_measure"]), claim
        assert tally(endpoints) == tally(found["primary_endpoints"]), claim
    assert counts["contrasts"].sum() == 285
    assert counts["primary"].sum() == 149
    # four counts that depend on how people at the reference end are counted
    wanted = {"severity-matters": 31, "comparable-to-laser": 200, "gentler-than-laser": 96}
    assert counts["people"].loc[[*wanted, "topical-adjunct"]].to_list() == [*wanted.values(), 218]


def test_counts_of_chosen_claims(published):
    counts = contrast_counts(published, ["rare-pih", "blood-flow"])
    assert counts["claim_id"].to_list() == ["rare-pih", "blood-flow"]
    assert counts["primary"].to_list() == [11, 0]


@pytest.mark.parametrize("table", extraction.TABLES)
def test_dictionary_lists_every_column(table):
    listed = md_table(f"### Columns of {table}.csv")
    spec = extraction.specs()[table]
    assert [row[0].strip("`") for row in listed] == list(spec.columns)
    assert [row[-1] for row in listed] == [c.meaning for c in spec.columns.values()]
    header = list(pd.read_csv(DATA / "published" / spec.file, nrows=0).columns)
    left_out = ["design_effect"] if table == "studies" else []  # no cluster was randomised
    assert [c for c in spec.columns if c not in left_out] == header


def test_contrast_frame_joins_both_ends(published):
    frame = contrast_frame(published).set_index("contrast_id")
    assert len(frame) == 288  # with the rows of add_on.csv behind
    alam = frame.loc["c0001"]
    assert alam["label"].startswith("Alam")
    assert alam[["primary", "paired", "controlled"]].to_list() == [True, True, True]
    outcomes = published.outcomes.set_index("outcome_id")
    assert alam["treated_mean"] == outcomes.loc["o0024", "mean"]
    assert alam["reference_sd"] == outcomes.loc["o0025", "sd"]
    change = frame[frame["measure"] == "smc"]
    assert change["baseline_sd"].notna().all()
    assert not change["controlled"].any()
    within = frame["claim_id"].isin(["severity-matters", "scar-type-matters"])
    assert frame.loc[within, "reference_events"].notna().all()
    assert not frame.loc[within, "controlled"].any()
    counted = frame["measure"].isin(["proportion", "risk_difference", "odds_ratio"])
    assert (frame.loc[counted, "treated_events"] <= frame.loc[counted, "treated_n"]).all()


def test_patients_keep_their_promises():
    patients = pd.read_csv(DATA / "published_patients" / "patients.csv")
    study = read_study(DATA / "published_patients" / "study.toml")
    assert (study.design, study.cluster, study.synthetic) == ("registry", "clinic_id", False)
    assert {x.scope for x in study.limits} == {"all", "needle_depth_mm", "between_groups", "pairs"}
    said = " ".join(x.says for x in study.limits) + study.source
    known = patients["improvement_score"].notna().sum()
    lost = (patients["pairing"] == "lost").sum()
    shares = f"{100 * patients['needle_depth_mm'].isna().mean():.1f} %"
    for fact in (f"{len(patients):,}", str(known), str(lost), shares, "46 arms", "34 studies"):
        assert fact in said
    assert patients["clinic_id"].nunique() == 34
    arms = patients.groupby(["study_id", "arm_id"])
    constant = [c for c in ("scar_type", "treatment", "adjunct", "session_count") if c in patients]
    assert len(arms) == 46
    assert (arms[constant].nunique() <= 1).all().all()
    listed = [row[0].strip("`") for row in md_table("### Columns of patients.csv")]
    assert listed == list(patients.columns)


# what is broken, one thing at a time

CELLS = [
    ("outcomes", 9, {"outcome_id": ""}, "outcome_id", "never empty"),
    ("outcomes", 9, {"better": "bigger"}, "better", "one of lower, higher, none"),
    ("outcomes", 2, {"n": "eighty"}, "n", "a whole number"),
    ("outcomes", 2, {"n": "8.5"}, "n", "a whole number"),
    ("outcomes", 2, {"mean": "37,63"}, "mean", "37.63"),
    ("outcomes", 2, {"mean": "inf"}, "mean", "a number"),
    ("arms", 2, {"sessions": "3 to 4"}, "sessions", "a number or a range"),
    ("arms", 2, {"device": "rollers"}, "device", "did you mean roller?"),
    ("arms", 2, {"needle_depth_min_mm": "1500"}, "needle_depth_min_mm", "0 to 5"),
    ("studies", 2, {"doi": "https://x.org/1"}, "doi", "begins with 10."),
    ("contrasts", 2, {"claim_id": "reduces-scaring"}, "claim_id", "did you mean reduces-scarring?"),
    ("directions", 2, {"outcome_ids": "o0001, o0002"}, "outcome_ids", "separated by ;"),
]
RELATIONS = [
    ("arms", 5, {"study_id": "nobody2020"}, "study_id", "studies.csv"),
    ("outcomes", 9, {"arm_id": "mn_"}, "arm_id", "did you mean mn?"),
    ("outcomes", 9, {"outcome_id": "o0001"}, "outcome_id", "row 2 has it too"),
    ("outcomes", 2, {"mean": ""}, "mean", "filled for statistic percent_improvement"),
    ("studies", 2, {"phototype_min": "5", "phototype_max": "2"}, "phototype_min", "not above"),
    ("contrasts", 2, {"treated_outcome_id": "o9999"}, "treated_outcome_id", "outcomes.csv"),
    (
        "contrasts",
        2,
        {"reference_outcome_id": "o0001"},
        "reference_outcome_id",
        "the same study_id",
    ),
    ("directions", 2, {"contrast_id": "c0001"}, "contrast_id", "the same study_id"),
    ("directions", 2, {"outcome_ids": "o0001;o7777"}, "outcome_ids", "an outcome_id"),
    ("directions", 2, {"design": "animal"}, "study_id", "the same design"),
    ("directions", 2, {"p_one_sided": "0.9"}, "p_one_sided", "favours_claim"),
]
CONTRASTS = [
    ("contrasts", 2, {"reference_outcome_id": ""}, "reference_outcome_id", "filled for smd"),
    ("contrasts", 2, {"measure": "odds_ratio"}, "treated_outcome_id", "odds_ratio from events"),
    ("contrasts", 2, {"paired": "no"}, "paired", "split_body"),
    ("contrasts", 2, {"modality": "rf"}, "modality", "arms.csv says needling"),
    ("contrasts", 2, {"orientation": "treated_better_if_lower"}, "orientation", "higher"),
    ("contrasts", 4, {"paired": "no"}, "paired", "yes for smc"),
    ("contrasts", 4, {"reference_outcome_id": "o0031"}, "reference_outcome_id", "empty for smc"),
    ("contrasts", 3, {"primary": "yes"}, "primary", "one primary contrast a claim and study"),
]


ADD_ON = [
    (2, {"claim_id": "rare-pih"}, "claim_id", "a claim that needling works"),
    (2, {"reference_outcome_id": ""}, "reference_outcome_id", "filled for odds_ratio"),
    (2, {"treated_outcome_id": "n0055"}, "treated_outcome_id", "odds_ratio from events"),
    (2, {"paired": "yes"}, "paired", "split_body"),
    (2, {"orientation": "treated_better_if_lower"}, "orientation", "higher"),
    (3, {"modality": "plain"}, "modality", "arms.csv says combination"),
    (4, {"orientation": "treated_better_if_lower"}, "orientation", "better_if_higher for a prop"),
    (2, {"contrast_id": "c0001"}, "contrast_id", "an id that contrasts.csv does not have"),
]
BIAS = [
    ({"d1_randomisation": "serious"}, "d1_randomisation", "low, some concerns, high or no inf"),
    ({"overall": "critical"}, "overall", "low, some concerns, high or no information with RoB 2"),
    ({"overall": "some concerns"}, "overall", "no better than the worst domain"),
    ({"overall": "no information"}, "overall", "no better than the worst domain"),
]
REVIEWS = [
    ({"side": "against"}, "side", "for"),
    ({"outcome_id": "o0024"}, "outcome_id", "pooled_ratio or pooled_difference"),
    ({"effect": "SMD"}, "effect", "OR or RR"),
    ({"null": "0"}, "null", "1 for a pooled_ratio"),
]


@pytest.fixture(scope="module")
def tables():
    return extraction.read(DATA / "published")[0]


def altered(tables, table, row, cells):
    copy = tables[table].copy()
    for column, value in cells.items():
        copy.loc[row, column] = value or pd.NA
    return {**tables, table: copy}


def assert_told(found, table, row, cells, column, says):
    here = [p for p in found if (p.row, p.column) == (row, f"{table}.csv: {column}")]
    assert any(says in f"{p.rule} {p.remedy}" for p in here), found
    assert any(p.value in cells.get(column, p.value) for p in here), here
    assert all(p.remedy for p in found)


@pytest.mark.parametrize(("table", "row", "cells", "column", "says"), CELLS)
def test_a_bad_cell_is_told(tables, table, row, cells, column, says):
    bad = altered(tables, table, row, cells)[table]
    found = extraction.check(bad, extraction.specs()[table])
    assert len(found) == 1
    assert_told(found, table, row, cells, column, says)


@pytest.mark.parametrize(("table", "row", "cells", "column", "says"), RELATIONS)
def test_a_broken_relation_is_told(tables, table, row, cells, column, says):
    found = extraction.check_relations(altered(tables, table, row, cells))
    assert_told(found, table, row, cells, column, says)


@pytest.mark.parametrize(("table", "row", "cells", "column", "says"), CONTRASTS)
def test_a_contrast_that_cannot_be_is_told(tables, table, row, cells, column, says):
    found = contrast_rules.check(altered(tables, table, row, cells))
    assert_told(found, table, row, cells, column, says)


@pytest.mark.parametrize(("row", "cells", "column", "says"), ADD_ON)
def test_an_add_on_that_cannot_be_is_told(tables, row, cells, column, says):
    found = contrast_rules.check_add_on(altered(tables, "add_on", row, cells))
    assert_told(found, "add_on", row, cells, column, says)


@pytest.mark.parametrize("treatment", ["untreated", "sham", "needling", "rf_needling"])
def test_an_add_on_is_held_against_the_other_treatment_alone(tables, treatment):
    arms = tables["arms"]
    row = arms.index[arms["study_id"].eq("oraltxamn108") & arms["arm_id"].eq("oral_txa")][0]
    (found,) = contrast_rules.check_add_on(altered(tables, "arms", row, {"treatment": treatment}))
    assert found.column == "add_on.csv: reference_outcome_id"
    assert treatment in found.remedy


@pytest.mark.parametrize(
    ("table", "key", "cells", "rule"),
    [
        ("studies", "elzeftawy2022", {"use": "exclude"}, "a study with use = pool"),
        ("studies", "elzeftawy2022", {"overlaps_with": "alam2014"}, "people counted once"),
        ("outcomes", "n0055", {"sd": "0"}, "smd needs an sd above 0"),
        ("outcomes", "n0055", {"sd_is": "unclear"}, "a known spread where primary is yes"),
        ("outcomes", "n0056", {"n": "1"}, "smd needs n of 2 or more"),
        ("outcomes", "n0029", {"n": "0"}, "proportion needs n of 1 or more"),
    ],
)
def test_an_add_on_rests_on_figures_and_people_that_count(tables, table, key, cells, rule):
    row = row_of(table, extraction.specs()[table].key[0], key)
    found = contrast_rules.check_add_on(altered(tables, table, row, cells))
    assert [p.rule for p in found] == [rule]


def test_an_add_on_on_two_sides_of_the_same_people_has_one_n(tables):
    row = row_of("outcomes", "outcome_id", "o0675")
    sides = altered(altered(tables, "outcomes", row, {"n": "53"}), "add_on", 2, {"paired": "yes"})
    found = {p.rule for p in contrast_rules.check_add_on(sides)}
    assert "the same n on both sides where paired is yes" in found


def test_an_add_on_stands_once_a_claim_and_study(tables):
    twice = pd.concat([tables["add_on"], tables["add_on"].iloc[:1].assign(contrast_id="ac9")])
    twice.index = range(2, len(twice) + 2)
    (found,) = contrast_rules.check_add_on({**tables, "add_on": twice})
    assert (found.row, found.column) == (5, "add_on.csv: primary")


@pytest.mark.parametrize(("cells", "column", "says"), BIAS)
def test_a_rating_that_does_not_fit_is_told(tables, cells, column, says):
    row = row_of("risk_of_bias", "study_id", "alam2014")
    found = contrast_rules.check_beside(altered(tables, "risk_of_bias", row, cells))
    assert_told(found, "risk_of_bias", row, cells, column, says)


@pytest.mark.parametrize(("cells", "column", "says"), REVIEWS)
def test_an_effect_of_a_review_that_does_not_fit_is_told(tables, cells, column, says):
    found = contrast_rules.check_beside(altered(tables, "reviews", 2, cells))
    assert_told(found, "reviews", 2, cells, column, says)


def test_a_value_printed_as_laser_over_needling_is_turned(tables):
    row = row_of("reviews", "outcome_id", "o0500")  # 3.04 times the pigmentation, after the laser
    found = contrast_rules.check_beside(altered(tables, "reviews", row, {"side": "against"}))
    assert_told(found, "reviews", row, {"side": "against"}, "side", "for")


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"contrast_id": "c0001"}, "", ""),
        ({"contrast_id": "c0001", "r_low": "0.5", "r_high": "0.2"}, "r_low", "not above r_high"),
        ({"contrast_id": "c0001", "r_derived": "0.9", "r_high": "0.8"}, "r_derived", "not above"),
        ({"contrast_id": "c0001", "r_derived": "0.1", "r_low": "0.2"}, "r_low", "not above r_der"),
        ({"contrast_id": "c9999"}, "contrast_id", "a contrast_id of contrasts.csv"),
        ({"contrast_id": "c0013"}, "contrast_id", "a contrast with paired = yes"),
        ({"contrast_id": "c0001", "r_derived": "1.2"}, "r_derived", "a number, -1 to 1"),
        ({"contrast_id": "c0001", "r_low": "-1.01"}, "r_low", "a number, -1 to 1"),
    ],
)
def test_a_correlation_fits_a_pair_and_its_bounds(folder, tables, cells, column, says):
    columns = tables["correlations"].columns
    line = pd.DataFrame([{"how": "printed p", **cells}], columns=columns)
    line.to_csv(folder / "correlations.csv", index=False)
    found = validate_published(folder).problems
    assert len(found) == (1 if says else 0)
    if says:
        assert_told(found, "correlations", 2, cells, column, says)


TWICE = {"doi": "10.1/twice", "pmid": "11111111", "title": "The same  Title", "journal": "J"}


@pytest.mark.parametrize(
    ("first", "second", "columns"),
    [
        (["doi"], ["doi"], {"doi"}),
        (["pmid"], ["pmid"], {"pmid"}),
        (["title", "journal"], ["title", "journal"], {"title"}),
        (["doi", "pmid"], ["doi", "pmid"], {"doi", "pmid"}),
        (["doi"], ["pmid"], set()),
        (["title", "journal"], ["title"], set()),
    ],
)
def test_a_study_that_stands_twice_is_told(tables, first, second, columns):
    once = altered(tables, "studies", 3, {name: TWICE[name] for name in first})
    twice = altered(once, "studies", 9, {name: TWICE[name].upper() for name in second})
    found = contrast_rules.check_beside(twice)
    assert {(p.row, p.column) for p in found} == {(9, f"studies.csv: {c}") for c in columns}
    named = tables["studies"].loc[3, "study_id"]
    assert all(named in p.remedy for p in found)
    told = altered(twice, "studies", 9, {"overlaps_with": named})
    assert contrast_rules.check_beside(told) == []


def test_one_title_in_two_journals_is_one_paper_where_the_people_are_as_many(tables):
    title = tables["studies"].set_index("study_id").loc["ullah2025", "title"]
    assert tables["studies"]["title"].str.lower().eq(title.lower()).sum() == 2
    row = row_of("studies", "study_id", "ullah2025")
    (found,) = contrast_rules.check_beside(altered(tables, "studies", row, {"n_analysed": "80"}))
    assert (found.row, found.column) == (row, "studies.csv: title")


@pytest.mark.parametrize(
    ("row", "cells", "column"),
    [
        ("o0163", {"events": "32", "percent": ""}, "events"),  # of 31
        ("o0668", {"percent": "100.5"}, "percent"),
        ("o0024", {"sd": "-1"}, "sd"),
    ],
)
def test_impossible_figures_are_told(folder, row, cells, column):
    at = row_of("outcomes", "outcome_id", row)
    edit(folder, "outcomes", at, **cells)
    assert (at, f"outcomes.csv: {column}") in {(p.row, p.column) for p in problems(folder)}


def test_nothing_is_told_of_sound_tables(tables):
    rules = contrast_rules
    for check in (rules.check, rules.check_figures, rules.check_add_on, rules.check_beside):
        assert check(tables) == []
    assert extraction.check_relations(tables) == []


# what the tables say of themselves


def test_what_reviews_pooled_is_joined_and_turned(published):
    frame = reviews_frame(published).set_index("review_id")
    assert frame.index.tolist() == published.reviews["review_id"].tolist()
    named = frame.reset_index().set_index("outcome_id")
    wanted = {
        "o0413": ("kang2022", "topical-adjunct", "OR", 2.97, 1.96, 4.51),
        "o0500": ("lms2026_co2_needling", "gentler-than-laser", "RR", 3.04, 1.49, 6.21),
        "o0301": ("fmrfclmeta", "gentler-than-laser", "OR", 0.24, 0.08, 0.70),
        "o0859": ("striaemeta2024", "treats-stretch-marks", "SMD", 1.01, 0.51, 1.51),
    }
    columns = ["study_id", "claim_id", "effect", "value", "ci_low", "ci_high"]
    for outcome, row in wanted.items():
        assert tuple(named.loc[outcome, columns]) == row
        assert named.loc[outcome, ["side", "excludes_null"]].tolist() == ["for", True]
    assert named.loc["o0497", ["side", "excludes_null"]].tolist() == ["against", False]
    assert named.loc["o0301", "modality"] == "rf"
    assert named["ci_level"].eq(95).all()


def test_reviews_tell_how_many_of_our_studies_they_may_hold(published):
    frame = reviews_frame(published)
    assert frame["our_earlier"].isna().tolist() == frame["year"].isna().tolist()
    primary = contrast_frame(published).query("primary and claim_id == 'topical-adjunct'")
    earlier = sum(not year > 2022 for year in primary["year"])  # without a year: may be among them
    assert frame.set_index("review_id").loc["rv01", "our_earlier"] == earlier == 4


def test_a_review_without_limits_leaves_open_whether_it_excludes_no_difference(folder):
    row = row_of("outcomes", "outcome_id", "o0413")
    edit(folder, "outcomes", row, ci_low="", ci_high="", ci_level="")
    frame = reviews_frame(load_published(folder)).set_index("review_id")
    assert frame["excludes_null"].isna().to_dict()["rv01"]
    assert frame["excludes_null"].isna().sum() == 1


def test_reviews_may_be_absent(folder):
    (folder / "reviews.csv").unlink()
    assert reviews_frame(load_published(folder)).empty


def test_studies_without_an_identifier_are_listed_those_behind_a_contrast_first(published):
    missing = missing_identifiers(published)
    assert (len(missing), missing["in_contrast"].sum()) == (160, 58)
    assert missing["in_contrast"].is_monotonic_decreasing
    bare = published.studies.set_index("study_id").loc[missing["study_id"], ["doi", "pmid"]]
    assert bare.isna().all().all()
    assert "160" in README
    assert "58" in README


def test_the_flow_adds_up_and_says_what_was_never_recorded(published):
    table = flow(published)
    n = table.drop_duplicates("step").set_index("step")["n"]
    assert n[["searches", "publications", "primary"]].tolist() == [5, 353, 71]
    assert n[["pool", "describe", "exclude"]].tolist() == [144, 62, 147]
    reasons = table[table["what"].str.startswith("not pooled")]
    assert reasons["n"].sum() == n["exclude"]
    effect = published.contrasts["study_id"].nunique() + 2  # two studies are in add_on.csv only
    assert n["primary"] + n["other_effect"] == effect
    unknown = table[table["n"].isna()]
    assert unknown["step"].tolist() == ["records_found", "records_screened"]
    assert unknown["what"].str.contains("not recorded").all()
    assert flow(published, searches=None)["n"].isna().sum() == 3


def test_a_sound_folder_is_described(published):
    told = "\n".join(check_published(DATA / "published").notes)
    assert "studies 353, arms 617, outcomes 1,125, contrasts 285" in told
    assert "160 of 353 studies with neither DOI nor PubMed number: abdelmagiud2015" in told
    assert "without a rating of bias" not in told
    assert "never in one estimate" in told
    assert "comparable-to-laser scar_score" in told


def test_studies_without_a_rating_of_bias_are_named(folder):
    path = folder / "risk_of_bias.csv"
    table = pd.read_csv(path, dtype=str)
    table[table["study_id"] != "alam2014"].to_csv(path, index=False)
    told = "\n".join(check_published(folder).notes)
    assert "1 of 71 studies behind primary contrasts without a rating of bias: alam2014" in told


# the same through the files


@pytest.mark.parametrize(
    ("table", "cells", "column"),
    [
        ("outcomes", {"arm_id": "nowhere"}, "arm_id"),
        ("outcomes", {"outcome_id": "o0001"}, "outcome_id"),
        ("outcomes", {"phase": "later"}, "phase"),
        ("outcomes", {"n": "forty"}, "n"),
    ],
)
def test_a_broken_file_is_refused(folder, table, cells, column):
    edit(folder, table, 9, **cells)
    places = {(p.row, p.column, p.value) for p in problems(folder)}
    assert (9, f"{table}.csv: {column}", cells[column]) in places


def test_the_message_shows_place_value_and_remedy(folder):
    edit(folder, "outcomes", 9, better="bigger")
    with pytest.raises(DataError) as caught:
        load_published(folder)
    text = str(caught.value)
    for part in (
        '"mine"',
        " 9 ",
        "outcomes.csv: better",
        "bigger",
        "lower, higher, none",
        "did you",
    ):
        assert part in text


def test_all_problems_come_at_once(folder):
    edit(folder, "studies", 3, design="trial")
    edit(folder, "arms", 4, n="many")
    edit(folder, "outcomes", 9, arm_id="mm")
    edit(folder, "contrasts", 2, paired="no")
    edit(folder, "directions", 5, direction="up")
    places = {(p.row, p.column) for p in problems(folder)}
    assert places >= {
        (3, "studies.csv: design"),
        (4, "arms.csv: n"),
        (9, "outcomes.csv: arm_id"),
        (2, "contrasts.csv: paired"),
        (5, "directions.csv: direction"),
    }


def test_only_poolable_studies_in_contrasts(folder):
    edit(folder, "studies", row_of("studies", "study_id", "alam2014"), use="exclude")
    edit(
        folder, "studies", row_of("studies", "study_id", "alchalabi2020"), overlaps_with="afra2019"
    )
    found = {(p.column, p.rule) for p in problems(folder)}
    assert ("contrasts.csv: study_id", "a study with use = pool") in found
    assert ("contrasts.csv: study_id", "people counted once") in found


def test_primary_needs_a_known_spread(folder):
    edit(folder, "outcomes", row_of("outcomes", "outcome_id", "o0024"), sd_is="unclear")
    assert all(p.rule == "a known spread where primary is yes" for p in problems(folder))


def test_percent_has_to_fit_the_count(folder):
    row = row_of("outcomes", "outcome_id", "o0163")
    edit(folder, "outcomes", row, percent="19")
    (found,) = problems(folder)
    assert (found.row, found.column, found.rule) == (row, "outcomes.csv: percent", "3 of 31")


@pytest.mark.parametrize("table", ["studies", "contrasts"])
def test_missing_file(folder, table):
    (folder / f"{table}.csv").unlink()
    (found,) = [p for p in problems(folder) if p.row is None]
    assert found.column == f"{table}.csv"
    assert "add it" in found.remedy


def test_directions_may_be_absent(folder, published):
    (folder / "directions.csv").unlink()
    mine = load_published(folder)
    assert mine.directions.empty
    assert list(mine.directions.columns) == list(published.directions.columns)
    assert mine.sha256 != published.sha256
    assert len(contrast_frame(mine)) == 288


def test_empty_file(folder):
    (folder / "arms.csv").write_text("")
    (found,) = problems(folder)
    assert found.column == "arms.csv"
    assert "empty" in found.remedy


def test_wrong_delimiter(folder):
    path = folder / "arms.csv"
    path.write_text(path.read_text().replace(",", ";"))
    (found,) = problems(folder)
    assert found.column == "arms.csv"
    assert "semicolons" in found.remedy


def test_row_with_too_many_cells(folder):
    path = folder / "contrasts.csv"
    lines = path.read_text().splitlines(keepends=True)
    lines[6] = lines[6].replace(",", ",,", 1)
    path.write_text("".join(lines))
    (found,) = problems(folder)
    assert (found.row, found.column) == (7, "contrasts.csv")
    assert "quotes" in found.remedy


def test_missing_column(folder):
    path = folder / "arms.csv"
    path.write_text(path.read_text().replace("treatment", "treatments", 1))
    report = validate_published(folder)
    (found,) = report.problems
    assert (found.row, found.column) == (None, "arms.csv: treatment")
    assert "rename treatments" in found.remedy
    assert "not checked" in report.notes[0]


def test_optional_columns_may_be_absent_and_own_ones_stay(folder):
    path = folder / "studies.csv"
    studies = pd.read_csv(path, dtype=str).drop(columns=["notes", "country"])
    studies.assign(reader="second").to_csv(path, index=False)
    mine = load_published(folder)
    assert mine.studies["country"].isna().all()
    assert mine.studies["reader"].eq("second").all()


def test_no_such_folder(tmp_path):
    with pytest.raises(DataError, match="give the folder"):
        load_published(tmp_path / "nowhere")


def test_fingerprint_changes_with_one_number(folder, published):
    assert load_published(folder).sha256 == published.sha256
    edit(folder, "outcomes", 2, mean="37.64")
    assert load_published(folder).sha256 != published.sha256


# the manifest


def test_manifest_holds():
    assert check_manifest(DATA) == []
    sets = read_manifest(DATA)["dataset"]
    assert {"published", "published_patients"} <= set(sets)
    for name, about in sets.items():
        assert about["kind"] in ("sessions", "tables", "sheet")
        invented = name.startswith("demo_") or name in ("certificate", "messy_clinic")
        assert about["synthetic"] is invented
        assert (DATA / name / about["main"]).is_file()
        assert about["licence"]
        assert about["source"]


def test_manifest_names_what_changed(tmp_path):
    copy = Path(shutil.copytree(DATA, tmp_path / "data"))
    edit(copy / "published", "arms", 2, n="20")
    (copy / "published" / "studies.csv").unlink()
    (copy / "published" / "new.csv").write_text("a\n1\n")
    found = {p.column: p for p in check_manifest(copy)}
    assert set(found) == {f"published/{x}.csv" for x in ("arms", "studies", "new")}
    assert "sha256" in found["published/arms.csv"].rule
    assert "restore it" in found["published/studies.csv"].remedy
    assert "make_manifest" in found["published/new.csv"].remedy
    (copy / "manifest.toml").unlink()
    with pytest.raises(DataError, match="make_manifest"):
        check_manifest(copy)


PRIVATE = re.compile(r"file://|(?<![\w.])/home/|/Users/|[A-Z]:\\\\|localhost|@\w+\.\w")


def test_nothing_private_in_the_files():
    for path in DATA.rglob("*"):
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as parts:
                texts = [parts.read(name).decode() for name in parts.namelist()]
        else:
            texts = [path.read_text(encoding="utf-8")] if path.is_file() else []
        assert not any(map(PRIVATE.search, texts)), path


def test_a_label_shows_no_limit_of_the_search_and_names_one_study(published):
    studies = published.studies.set_index("study_id")["label"]
    assert not studies.str.contains(r"not seen|not on page|secondary page").any()
    assert studies.is_unique
    assert studies["nafl_mnrf_alternating"] == "Alternating laser and RF needling, 2023"
    assert studies["nimrfco2"] == "RF needling vs CO2, striae (Ye)"
    assert studies["cdc_hiv2024"] == "Stadelman-Behar 2024 (CDC)"


def test_labels_that_become_equal_get_their_journals():
    made = pd.DataFrame(
        [
            ("a", "Needling (authors not seen)", "T", "J One", 2020.0),
            ("b", "Needling (authors not seen)", "T", "J One", 2020.0),
            ("c", "Needling (title not seen)", "T", None, 2020.0),
            ("d", "(authors not seen)", "A title", None, None),
            ("e", "Kaur 2024", "T", None, 2024.0),
        ],
        columns=["study_id", "label", "title", "journal", "year"],
    )
    assert shown_labels(made).tolist() == [
        "Needling, 2020, J One, a", "Needling, 2020, J One, b", "Needling, 2020, c", "A title",
        "Kaur 2024",
    ]  # fmt: skip
