"""Who may see a report: one of real patients is headed as internal in every file, no other is."""

import json
import shutil
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
from written_pages import everything

import mnstudy as mn
from mnstudy.reporting import report as module
from mnstudy.reporting.run.folder import HEADS, head_files
from mnstudy.reporting.words import INTERNAL, banner

HEADING = "not for publication: holds exact small counts"
BECAUSE = "All rows stand in the appendix of a paper."


def sheet(n=12):
    return pd.DataFrame(
        {
            "patient_id": [f"QZX-{i:03}" for i in range(n)],
            "scar_type": ["burn"] * 3 + ["acne_rolling"] * (n - 3),
            "needle_depth_mm": 1.5,
            "session_count": 3,
            "improvement_score": [20.0 + 3 * i for i in range(n)],
            "pih": [i < 2 for i in range(n)],
        }
    )


def made(folder, **study):
    cohort = mn.load(sheet(), study={"design": "single_arm"} | study)
    claims = ["reduces-scarring", "rare-pih"]
    return mn.report(cohort, out=folder / "out", claims=claims, n_jobs=1)


@pytest.fixture(scope="module")
def internal(tmp_path_factory):
    return made(tmp_path_factory.mktemp("internal"), synthetic=False)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    study = {"synthetic": False, "public": True, "public_because": BECAUSE}
    return made(tmp_path_factory.mktemp("public"), **study)


def said(path):
    """Return what a reader of the file sees first; of pictures, all their letters."""
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as archive:
            return archive.read("word/document.xml").decode()
    return path.read_bytes().decode("utf-8", errors="replace")


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_every_file_of_a_report_of_real_patients_is_headed(internal):
    found = files(internal)
    assert {p.suffix for p in found} >= {".csv", ".html", ".tex", ".docx", ".bib", ".svg", ".json"}
    for path in found:
        if path.suffix == ".pdf" and path.is_relative_to(internal / "tables"):
            assert HEADING.encode() in path.read_bytes()  # among its keywords
            continue
        if path.suffix in (".png", ".pdf"):  # drawn from what the svg beside them is drawn from
            assert path.with_suffix(".svg").is_file()
            continue
        if path.suffix == ".csv":
            assert path.read_text("utf-8").split("\n")[0].endswith(",profile"), path.name
            continue
        assert HEADING in said(path), path.name


def test_tables_have_a_last_column_and_read_as_before(internal, public):
    for path in internal.rglob("*.csv"):
        table, plain = (
            pd.read_csv(x / path.relative_to(internal), dtype="str") for x in (internal, public)
        )
        assert [*table] == [*plain, "profile"], path.name
        assert set(table["profile"]) <= {INTERNAL}
        assert len(table) == len(plain)


def test_the_page_says_that_it_is_internal_and_what_may_leave(internal):
    page = (internal / "index.html").read_text(encoding="utf-8")
    bar = page.split('<p class="internal">')[1].split("</p>")[0]
    assert "internal" in bar
    assert "mnstudy report --release" in bar
    assert json.loads((internal / "manifest.json").read_text())["profile"] == INTERNAL


def test_counts_of_a_few_are_exact_in_the_files(internal):
    results = pd.read_csv(internal / "results.csv").set_index(["claim", "synthetic"])
    assert results.loc[("rare-pih", False), "estimate"].iloc[0] == pytest.approx(100 * 2 / 12)
    assert "2 of 12 patients" in everything(internal)
    dots = pd.read_csv(next(internal.rglob("points/reduces-scarring.csv")))
    own = dots.loc[dots["kind"] == "dot", "value"].round(9)
    assert set(own) == set(sheet()["improvement_score"])


def test_no_file_of_public_data_is_headed_and_the_page_says_why(public):
    for path in files(public):
        assert HEADING not in said(path), path.name
    page = (public / "index.html").read_text(encoding="utf-8")
    assert f"<dt>Published before</dt><dd>{BECAUSE}</dd>" in page
    assert "profile" not in json.loads((public / "manifest.json").read_text())


def test_whose_report_is_internal(split_face, patients):
    real = mn.load(sheet(), study={"synthetic": False})
    assert banner([split_face, patients]) == ""
    assert banner([patients, real]) == INTERNAL
    study = replace(real.study, public=True, public_because=BECAUSE)
    assert banner([replace(real, study=study)]) == ""


def test_empty_tables_notebooks_and_bibliographies_are_headed(tmp_path):
    (tmp_path / "empty.csv").write_text("a,b\n")
    (tmp_path / "cells.csv").write_text('a\n"x, ""y"""\n')
    (tmp_path / "x.bib").write_text("@article{x}\n")
    notebook = {"cells": [{"cell_type": "code"}], "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    head_files(tmp_path, INTERNAL)
    assert (tmp_path / "empty.csv").read_text() == "a,b,profile\n"
    assert (tmp_path / "cells.csv").read_text() == f'a,profile\n"x, ""y""",{INTERNAL}\n'
    assert (tmp_path / "x.bib").read_text().startswith(f"% {INTERNAL}\n@article")
    first, second = json.loads((tmp_path / "n.ipynb").read_text())["cells"]
    assert (first["cell_type"], first["source"]) == ("markdown", [INTERNAL])
    assert second == {"cell_type": "code"}


def test_every_kind_of_file_is_thought_of(internal):
    elsewhere = {".csv", ".svg", ".png", ".pdf", ".docx", ".json"}
    assert {p.suffix for p in files(internal)} <= elsewhere | set(HEADS)


def test_a_report_of_synthetic_data_is_not_headed(split_face, tmp_path):
    module.report(split_face, out=tmp_path / "out", claims="rare-pih", n_jobs=1)
    for path in files(tmp_path / "out"):
        assert HEADING not in said(path), path.name
    shutil.rmtree(tmp_path / "out")
