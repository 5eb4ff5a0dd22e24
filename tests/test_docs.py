"""What the pages name is there: files, names in them, links, targets of make; examples run."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import openpyxl
import pytest

import mnstudy as mn
from mnstudy.cli import main
from mnstudy.cohort.proposing.study_text import quoted
from mnstudy.cohort.study.reading import KEYS
from mnstudy.cohort.study.study import parse_study

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
BESIDE = ["README.md", "CONTRIBUTING.md", "data/README.md", "benchmarks/README.md"]
PAGES = [*DOCS, *(ROOT / name for name in BESIDE), ROOT / "tests/reference/README.md"]
TOP = "mnstudy|tests|tools|data|docs|notebooks|benchmarks|packaging"
PATH = re.compile(rf"`((?:{TOP})/[\w./*-]*)`")
NAME_IN = re.compile(rf"`(\w+)` in `((?:{TOP})/[\w./-]+)`")
PUBLIC = re.compile(r"`mn\.((?:\w+\.)*\w+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
INSTALLED = ("mnstudy/_data", "mnstudy/_notebooks")  # inside a wheel only


def each(pages):
    names = [path.relative_to(ROOT).as_posix() for path in pages]
    return pytest.mark.parametrize("path", pages, ids=names)


def anchors(path):
    """Give the places of a page that a link may point at, by their headings."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@each(DOCS)
def test_paths_exist(path):
    named = [n for n in PATH.findall(path.read_text("utf-8")) if n not in INSTALLED]
    missing = [n for n in named if not any(ROOT.glob(n.rstrip("/")))]
    assert not missing, "\n".join(missing)


@each(DOCS)
def test_names_stand_in_the_files_they_are_said_to(path):
    named = NAME_IN.findall(path.read_text("utf-8"))
    files = {f: (ROOT / f).read_text("utf-8") for _, f in named if (ROOT / f).is_file()}
    missing = [f"{n}: {f}" for n, f in named if not re.search(rf"\b{n}\b", files.get(f, ""))]
    assert not missing, "\n".join(missing)


@each(DOCS)
def test_public_names_are_public(path):
    for name in PUBLIC.findall(path.read_text("utf-8")):
        found = mn
        for part in name.split("."):
            found = getattr(found, part)


SCRIPTS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/figures.md").read_text("utf-8"), re.M | re.S
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: re.findall(r'savefig\("(\w+)', s)[0])
def test_the_scripts_of_the_page_on_figures_run_as_they_stand(script, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path, env={**os.environ, "MPLBACKEND": "agg"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (written,) = tmp_path.iterdir()
    assert written.stat().st_size > 5_000


OWN_DATA = (ROOT / "docs/own_data.md").read_text("utf-8")
SAID = re.findall(r"^```toml\n(.*?)^```", OWN_DATA, re.M | re.S)


@pytest.mark.parametrize("block", SAID)
def test_what_the_page_on_own_data_says_in_a_study_file_is_read(block):
    raw = tomllib.loads(block)
    assert raw
    assert parse_study(raw, source="own_data.md")


def test_the_page_on_own_data_has_every_word_for_reading_a_sheet():
    known = {key for block in SAID for key in tomllib.loads(block)}
    assert {*KEYS, "columns", "levels", "units"} <= known
    assert all(f"`{key}`" in OWN_DATA or f"[{key}" in OWN_DATA for key in KEYS)


def test_the_ten_minutes_of_the_page_on_own_data_are_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sheet = mn.example_sheet()
    for block in re.findall(r"^```console\n(.*?)^```", OWN_DATA, re.M | re.S):
        for command, shown in re.findall(r"^\$ mnstudy (.*)\n((?:[^$].*\n)*)", block, re.M):
            main(shlex.split(command))
            out, err = capsys.readouterr()
            said = [line.strip() for line in (out + err).splitlines()]
            for line in shown.splitlines():  # shortened at their ends
                assert any(x.startswith(line.strip()) for x in said), f"{command}: {line}"
        if sheet.with_name(f"{sheet.stem}.marked.xlsx").exists():
            answer(sheet)
    assert "supported" in out


def answer(sheet):
    """Do what the page says under 3: delete the row of means, and answer in the study file."""
    book = openpyxl.load_workbook(sheet)
    page = book["Auswertung"]
    if page["A64"].value == "Mittelwert":
        page.delete_rows(64)
        book.save(sheet)
    study, answers = Path("study.toml"), tomllib.loads(SAID[0])
    raw = tomllib.loads(study.read_text("utf-8"))
    for key, value in answers.items():
        if key == "levels":
            raw[key]["scar_type"] |= value["scar_type"]
        else:
            raw[key] = raw[key] | value if isinstance(raw.get(key), dict) else value
    study.write_text("".join(f"{k} = {quoted(v)}\n" for k, v in raw.items()), encoding="utf-8")


def test_every_statistic_is_in_the_table():
    text = (ROOT / "docs/statistics.md").read_text("utf-8")
    named = {n.removeprefix("stats.") for n in PUBLIC.findall(text) if n.startswith("stats.")}
    assert set(mn.stats.__all__) <= named


@each(PAGES)
def test_links_resolve(path):
    for link in LINK.findall(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, place = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not place or place in anchors(target), link


@each(DOCS)
def test_targets_of_make_exist(path):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)", path.read_text("utf-8"))) <= targets


def test_the_index_lists_every_page():
    listed = LINK.findall((ROOT / "docs/index.md").read_text("utf-8"))
    assert {p.name for p in DOCS} - {"index.md"} == {n for n in listed if "/" not in n}


TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.M | re.S)
ENTRY = re.compile(r"^(?!:)(?:.*<)?([\w./]+)>?$", re.M)


def test_every_page_and_notebook_stands_once_in_the_lists_of_the_site():
    entries = [
        (page.parent / entry).resolve()
        for page in DOCS
        for block in TOCTREE.findall(page.read_text("utf-8"))
        for entry in ENTRY.findall(block)
    ]
    notebooks = ROOT.glob("notebooks/*.ipynb")
    pages = [*DOCS, *PAGES, ROOT / "CHANGELOG.md", *notebooks]
    wanted = {path.with_suffix("") for path in pages} - {ROOT / "docs/index"}
    assert set(entries) == wanted
    assert len(entries) == len(wanted)


@pytest.mark.parametrize("module", [mn, mn.stats], ids=lambda m: m.__name__)
def test_the_api_pages_show_every_public_name_once(module):
    block = re.compile(rf"^```\{{public\}} {re.escape(module.__name__)}\n(.*?)^```", re.M | re.S)
    pages = ROOT.glob("docs/api_*.md")
    named = " ".join(x for page in pages for x in block.findall(page.read_text("utf-8"))).split()
    assert sorted(named) == sorted(module.__all__), "docs/api_*.md: name each under its subject"


FENCED = re.compile(
    r"^```(?:python|pycon|\{code-cell\} python)\n(?:---\n.*?^---\n)?(.*?)^```", re.M | re.S
)
EXAMPLES = {
    path: [block for block in FENCED.findall(path.read_text("utf-8")) if block.startswith(">>> ")]
    for path in PAGES
}


@each([path for path, blocks in EXAMPLES.items() if blocks])
def test_examples_give_what_they_show(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = path.relative_to(ROOT).as_posix()
    found = doctest.DocTestParser().get_doctest("\n".join(EXAMPLES[path]), {}, name, name, 0)
    said = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(found, out=said.append)
    assert not said, "".join(said)


@each(PAGES)
def test_python_of_the_pages_is_python(path):
    for block in FENCED.findall(path.read_text("utf-8")):
        if not block.startswith(">>> "):
            compile(block, path.name, "exec")


def site(folder, *lines):
    folder.joinpath("a.html").write_text("".join(lines), "utf-8")
    folder.joinpath("b.html").write_text('<h2 id="here">b</h2>', "utf-8")
    tool = [sys.executable, str(ROOT / "tools/check_site.py"), str(folder)]
    ran = subprocess.run(tool, capture_output=True, text=True)
    said = ran.stdout.splitlines()
    assert ran.returncode == bool(said), ran.stderr
    return said


def test_a_link_of_the_site_that_leads_nowhere_is_found(tmp_path):
    assert not site(tmp_path, '<a href="b.html#here">', '<a href="https://doi.org/10.1">')
    assert site(tmp_path, '<a href="b.html#there">') == ["a.html: b.html#there has no such place"]
    assert site(tmp_path, '<img src="c.png">') == ["a.html: c.png is not there"]


def test_a_page_that_asks_the_network_is_found(tmp_path):
    (said,) = site(tmp_path, '<script src="https://cdn.example.org/x.js"></script>')
    assert said.startswith("a.html: <script> asks the network")
    (tmp_path / "a.css").write_text("@import url(//fonts.example.org/a.css);", "utf-8")
    assert "a.css: asks the network for //fonts.example.org/a.css" in site(tmp_path)
