"""What a report does again, and what it does not."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import mnstudy as mn
from mnstudy import cli
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.fingerprints import fingerprint
from mnstudy.reporting.notebooks import run, shipped
from mnstudy.reporting.run import folder
from mnstudy.reporting.run.folder import is_current, write_manifest
from mnstudy.reporting.run.origin import report_fingerprint, shipped_notebooks
from mnstudy.reporting.run.processes import CachedCall, Workers, workers


def paths():
    return {p.stem: p for p in shipped_notebooks()}


def of_a_cohort():
    """Those that can be run on any cohort: the last one brings its own workbook."""
    return {name: p for name, p in paths().items() if shipped.takes_data(p)}


def made_from(data, **how):
    usual = {"claims": None, "formats": ["svg"], "profile": "default", "notebooks": True}
    return report_fingerprint(data, **(usual | how))


@pytest.fixture
def study(tmp_path):
    """A copy of the split-face trial that a test may change."""
    return shutil.copytree(data_dir() / "demo_split_face", tmp_path / "mine")


def with_margin(study, claim, margin):
    path = study / "study.toml"
    text = path.read_text(encoding="utf-8")
    if "margins" in text:
        text = re.sub(r"margins = \{.*\}", f"margins = {{ {claim} = {margin} }}", text)
    else:
        text = text.replace("[plan]", f"[plan]\nmargins = {{ {claim} = {margin} }}")
    path.write_text(text, encoding="utf-8")


def test_a_notebook_lists_the_claims_it_asks_or_may_ask_all():
    asked = {name: shipped.listed(p) for name, p in paths().items()}
    assert asked["03_for_whom"] == ("scar-type-matters", "severity-matters", "skin-type-matters")
    assert len(asked["05_with_and_instead"]) == 5
    assert {name for name, claims in asked.items() if claims is None} == {
        "00_start_here", "01_cohort", "02_does_it_work", "08_published_evidence"
    }  # fmt: skip


def test_a_report_of_some_claims_has_the_notebooks_that_ask_them(split_face):
    found = shipped.wanted(split_face, ["more-sessions", "rare-pih"])
    assert [p.stem for p in found] == ["04_dose", "06_safety", "09_robustness"]
    assert len(shipped.wanted(split_face, [])) == len(of_a_cohort()) == len(paths()) - 1
    assert [p.stem for p in shipped.wanted(None, [])] == list(paths())


def test_a_table_in_memory_has_no_notebooks(sheet):
    assert shipped.wanted(mn.load(sheet), []) == []


def test_a_margin_concerns_the_notebooks_that_ask_its_claim(study):
    before = mn.load(study)
    with_margin(study, "more-sessions", 2.5)
    after = mn.load(study)
    assert after.study.plan.margins == {"more-sessions": 2.5}
    changed = {
        name
        for name, path in paths().items()
        if fingerprint(shipped.rests_on(path, before)) != fingerprint(shipped.rests_on(path, after))
    }
    assert changed == {
        "00_start_here", "01_cohort", "02_does_it_work", "04_dose", "08_published_evidence",
        "09_robustness",
    }  # fmt: skip


@pytest.fixture
def ran(monkeypatch):
    """Count which notebooks are run; running them has tests of its own."""
    names = []

    def run_one(path, parameters=None, private=None):
        names.append(path.stem)
        cell = nbformat.v4.new_markdown_cell(f"{path.stem} of {parameters['dataset']}", id="a")
        return nbformat.v4.new_notebook(cells=[cell])

    monkeypatch.setattr(run, "run", run_one)
    return names


def test_unchanged_notebooks_are_not_run_again(ran, study, tmp_path):
    told = []

    def go():
        ran.clear()
        some = Workers(folder=tmp_path)
        names, texts = shipped.begin_notebooks(
            mn.load(study), [], some, private=str(tmp_path), done=lambda i, n: told.append((i, n))
        )
        assert sorted(names) == [p.name for p in of_a_cohort().values()]
        for name, text in zip(names, texts, strict=True):
            assert f"{name.removesuffix('.ipynb')} of mine" in text  # not the place it lies in
        return sorted(ran)

    assert len(go()) == len(of_a_cohort())
    assert told == [(i, len(of_a_cohort())) for i in range(len(of_a_cohort()) + 1)]
    assert go() == []
    with_margin(study, "rare-pih", 2)
    assert [x for x in go() if x in ("04_dose", "06_safety", "09_robustness")] == [
        "06_safety", "09_robustness"
    ]  # fmt: skip
    shutil.copytree(study, tmp_path / "elsewhere" / "mine")
    study = tmp_path / "elsewhere" / "mine"
    assert len(go()) == len(of_a_cohort())


def test_notebooks_without_jupyter_are_refused_at_once(split_face, monkeypatch):
    monkeypatch.setattr(shipped, "find_spec", lambda name: None)
    with pytest.raises(mn.DataError, match="notebooks need Jupyter"):
        shipped.begin_notebooks(split_face, [], Workers(), private="", done=lambda *_: None)


def test_pieces_come_in_order_and_kept_ones_are_not_worked_out(tmp_path):
    pieces = [CachedCall("square", (i,), pow, (i, 2)) for i in range(20)]
    wrong = [CachedCall("square", (i,), pow, (i, 3)) for i in range(20)]
    told, alone = [], Workers(folder=tmp_path)
    first = list(alone.results(pieces[:5]))
    with workers(2, folder=tmp_path) as two:
        again = list(two.results(pieces, lambda i, n: told.append((i, n))))
    assert list(alone.results(wrong)) == again
    assert first == again[:5]
    assert again == [i**2 for i in range(20)]
    assert told == [(i, 20) for i in range(21)]


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("page", encoding="utf-8")
    write_manifest(folder, {"made_from": "x"})
    return folder


def test_a_report_that_is_there_is_known_by_what_it_was_made_from(made, study):
    key = made_from(str(study), claims=["b", "a"])
    write_manifest(made, {"made_from": key})
    assert made_from(study) != made_from(study, claims=[])
    assert is_current(made, made_from(study, claims=["a", "b"]))
    for other in (
        {"claims": "a"}, {"claims": None}, {"formats": ["png"]}, {"profile": "jama"},
        {"notebooks": False},
    ):  # fmt: skip
        assert not is_current(made, made_from(study, **({"claims": ["a", "b"]} | other)))
    assert not is_current(made.parent / "other", key)
    (made / "index.html").write_text("touched", encoding="utf-8")
    assert not is_current(made, key)


@pytest.mark.parametrize("name", ["study.toml", None])
def test_a_changed_sheet_or_study_is_another_question(study, name):
    for data in (study, study / "study.toml", next(study.glob("*.csv"))):
        before, path = made_from(data), study / name if name else next(study.glob("*.csv"))
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert made_from(data) != before
        path.write_bytes(content)
        assert made_from(data) == before


def test_the_same_data_elsewhere_are_the_same_question(study, tmp_path):
    shutil.copytree(study, tmp_path / "elsewhere" / "mine")
    assert made_from(tmp_path / "elsewhere" / "mine") == made_from(study)
    assert made_from(mn.load(tmp_path / "elsewhere" / "mine")) == made_from(mn.load(study))
    assert made_from("demo_split_face") != made_from("demo_clinic") != made_from(None)


def test_a_cohort_changed_in_memory_is_another_question(split_face):
    fewer = dataclasses.replace(split_face, data=split_face.data.iloc[1:])
    plan = dataclasses.replace(split_face.study.plan, margins={"rare-pih": 2.0})
    stricter = dataclasses.replace(
        split_face, study=dataclasses.replace(split_face.study, plan=plan)
    )
    assert len({made_from(c) for c in (split_face, fewer, stricter)}) == 3


def test_an_unreadable_study_file_is_left_to_loading(tmp_path):
    (tmp_path / "study.toml").write_text("not [ toml", encoding="utf-8")
    (tmp_path / "sheet.csv").write_text("a\n", encoding="utf-8")
    assert made_from(tmp_path / "sheet.csv")
    assert made_from("no such file")


def abandoned(out):
    """Leave beside a report what a run leaves that was killed."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = out.with_name(f".{out.name}.{folder._here()}.{ended.pid}.abc123.new")
    left.mkdir()
    return left


def test_report_from_the_command_line(study, tmp_path, capsys):
    """A small report, asked for twice, then with another margin, then compared."""
    out = tmp_path / "r"
    command = ["report", str(study), "--only", "topical-adjunct", "rare-pih", "--no-notebooks"]
    command += ["--formats", "svg", "--out"]
    assert cli.main([*command, str(out)]) == 0
    first = capsys.readouterr().out
    assert "findings ..." in first
    assert re.search(r"figures \.+ +\d+ of \d+ +\[#{30}\]", first)
    killed = abandoned(out)
    assert cli.main([*command, str(out)]) == 0
    assert capsys.readouterr().out.startswith("nothing changed since this report was made")
    assert not killed.exists()
    with_margin(study, "rare-pih", 2)
    other = tmp_path / "r2"
    assert cli.main([*command, str(other)]) == 0
    capsys.readouterr()
    assert cli.main(["diff", str(out), str(other)]) == 1
    said = capsys.readouterr().out
    assert "made from: another plan of mine" in said
    assert "compared with a margin of 2 percent, before 1" in said
    assert "topical-adjunct" not in said
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["claims"] == ["topical-adjunct", "rare-pih"]
    assert Path(out / "checklist.csv").is_file()
    assert list((out / "tables").rglob("*.docx"))
