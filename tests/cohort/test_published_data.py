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
    contrast_counts,
    contrast_frame,
    load_published,
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
        "studies": 309,
        "arms": 528,
        "outcomes": 1048,
        "contrasts": 270,
        "directions": 614,
    }
    assert published.contrasts["primary"].eq("yes").sum() == 149
    assert report.rows == sum(sizes.values())
    assert len(report.notes) == 4
    assert "270 contrasts" in repr(published)


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
    assert published.contrasts["reference_outcome_id"].isna().sum() == 214


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
    assert counts["contrasts"].sum() == 270
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
    header = pd.read_csv(DATA / "published" / spec.file, nrows=0).columns
    assert list(spec.columns) == list(header)


def test_contrast_frame_joins_both_ends(published):
    frame = contrast_frame(published).set_index("contrast_id")
    assert len(frame) == 270
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


def test_nothing_is_told_of_sound_tables(tables):
    assert extraction.check_relations(tables) == []
    assert contrast_rules.check(tables) == []


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
    assert len(contrast_frame(mine)) == 270


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


PRIVATE = re.compile(r"file://|/home/|/Users/|[A-Z]:\\\\|localhost|@\w+\.\w")


def test_nothing_private_in_the_files():
    for path in DATA.rglob("*"):
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as parts:
                texts = [parts.read(name).decode() for name in parts.namelist()]
        else:
            texts = [path.read_text(encoding="utf-8")] if path.is_file() else []
        assert not any(map(PRIVATE.search, texts)), path
