"""What a report does again, and what it does not."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import mnstudy as mn
from mnstudy import cache, cli
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.reporting.notebooks import run as notebooks
from mnstudy.reporting.run import folder, unchanged
from mnstudy.reporting.run.folder import write_manifest
from mnstudy.reporting.run.processes import CachedCall, run_cached, workers


def quiet(*_):
    pass


def paths():
    return {p.stem: p for p in unchanged.shipped_notebooks()}


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
    asked = {name: notebooks.listed(nbformat.read(p, 4)) for name, p in paths().items()}
    assert asked["03_for_whom"] == ("scar-type-matters", "severity-matters", "skin-type-matters")
    assert len(asked["05_with_and_instead"]) == 5
    assert {name for name, claims in asked.items() if claims is None} == {
        "00_start_here", "01_cohort", "02_does_it_work", "08_published_evidence"
    }  # fmt: skip


def test_a_report_of_some_claims_has_the_notebooks_that_ask_them(split_face):
    found = notebooks.wanted(split_face, ["more-sessions", "rare-pih"])
    assert [p.stem for p in found] == ["04_dose", "06_safety", "09_robustness"]
    assert len(notebooks.wanted(split_face, [])) == len(paths())


def test_a_table_in_memory_has_no_notebooks(sheet):
    assert notebooks.wanted(mn.load(sheet), []) == []


def test_a_margin_concerns_the_notebooks_that_ask_its_claim(study):
    before = mn.load(study)
    with_margin(study, "more-sessions", 2.5)
    after = mn.load(study)
    assert after.study.plan.margins == {"more-sessions": 2.5}
    changed = {
        name
        for name, path in paths().items()
        if cache.fingerprint(notebooks.rests_on(path, before))
        != cache.fingerprint(notebooks.rests_on(path, after))
    }
    assert changed == {
        "00_start_here", "01_cohort", "02_does_it_work", "04_dose", "08_published_evidence",
        "09_robustness",
    }  # fmt: skip


@pytest.fixture
def ran(monkeypatch):
    """Count which notebooks are run; running them has tests of its own."""
    names = []

    def run(path, parameters=None, *, server=None):
        names.append(path.stem)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(path.stem, id="a")])

    monkeypatch.setattr(notebooks, "run", run)
    return names


def test_unchanged_notebooks_are_not_run_again(ran, study, tmp_path):
    shipped = list(paths().values())

    def go():
        ran.clear()
        cohort = mn.load(study)
        rests_on = {p: notebooks.rests_on(p, cohort) for p in shipped}
        asked = notebooks.running(shipped, {"dataset": "x"}, rests_on=rests_on.get)
        with cache.cache_folder(tmp_path / "store"), asked as results:
            found = results(quiet)
        assert [nb.cells[0].source for nb in found] == [p.stem for p in shipped]
        return sorted(ran)

    assert len(go()) == len(shipped)
    assert go() == []
    with_margin(study, "rare-pih", 2)
    assert [x for x in go() if x in ("04_dose", "06_safety", "09_robustness")] == [
        "06_safety", "09_robustness"
    ]  # fmt: skip
    with cache.cache_folder(tmp_path / "store"):
        ran.clear()
        with notebooks.running(shipped, {"dataset": "y"}, rests_on=lambda p: ()) as results:
            results(quiet)
    assert len(ran) == len(shipped)


def test_pieces_come_in_order_and_kept_ones_are_not_worked_out(tmp_path):
    pieces = [CachedCall("square", (i,), pow, (i, 2)) for i in range(20)]
    told = []
    with cache.cache_folder(tmp_path):
        first = run_cached(pieces[:5], done=lambda *x: None)
        with workers(2) as two:
            again = run_cached(pieces, workers=two, done=lambda i, n: told.append((i, n)))
        wrong = [CachedCall("square", (i,), pow, (i, 3)) for i in range(20)]
        assert run_cached(wrong, done=lambda *x: None) == again
    assert first == again[:5]
    assert again == [i**2 for i in range(20)]
    assert told == [(0, 20), *((i, 20) for i in range(5, 21))]


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("page", encoding="utf-8")
    write_manifest(folder, {"made_from": "x"})
    return folder


def test_the_command_line_knows_a_report_that_is_there(made, study):
    asked = unchanged.call_fingerprint(str(study), ["a"], True)
    assert not unchanged.is_up_to_date(made, asked)
    unchanged.remember(made, asked)
    assert unchanged.is_up_to_date(made, asked)
    assert not unchanged.is_up_to_date(made, unchanged.call_fingerprint(str(study), ["b"], True))
    assert not unchanged.is_up_to_date(made.parent / "other", asked)


@pytest.mark.parametrize("name", ["study.toml", None])
def test_a_changed_sheet_or_study_is_another_question(study, name):
    for data in (study, study / "study.toml"):
        before = unchanged.call_fingerprint(str(data))
        path = study / name if name else next(study.glob("*.csv"))
        path.write_bytes(path.read_bytes() + b"\n")
        assert unchanged.call_fingerprint(str(data)) != before


def test_a_touched_report_is_made_again(made, study):
    asked = unchanged.call_fingerprint(str(study))
    unchanged.remember(made, asked)
    (made / "index.html").write_text("touched", encoding="utf-8")
    assert not unchanged.is_up_to_date(made, asked)


def test_an_unreadable_study_file_is_left_to_loading(tmp_path):
    (tmp_path / "study.toml").write_text("not [ toml", encoding="utf-8")
    (tmp_path / "sheet.csv").write_text("a\n", encoding="utf-8")
    assert unchanged.call_fingerprint(str(tmp_path / "sheet.csv"))
    assert unchanged.call_fingerprint("no such file")


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
    assert "held against a margin of 2 percent, before 1" in said
    assert "topical-adjunct" not in said
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["claims"] == ["topical-adjunct", "rare-pih"]
    assert Path(out / "checklist.csv").is_file()
    assert list((out / "tables").rglob("*.docx"))
