"""What the tutorial, and the examples of the other pages, show is what comes out."""

import importlib.util
import re
import shlex
import struct
import sys
from pathlib import Path

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cli import _parser, main

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.png"))
LARGEST = 150_000  # bytes


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "make_pictures", ROOT / "tools" / "make_pictures.py"
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TUTORIAL, re.M | re.S)


@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_commands_give_what_is_shown(all_of_them, tmp_path, monkeypatch, capsys, tool):
    """The last command writes a report, which takes a minute or more."""
    monkeypatch.chdir(tmp_path)
    sheet = mn.example_sheet()
    *commands, last = re.findall(
        r"^\$ mnstudy (.*)\n((?:[^$].*\n)*)", "".join(blocks("console")), re.M
    )
    for command, shown in [*commands, last] if all_of_them else commands:
        main(shlex.split(command))
        out, err = capsys.readouterr()
        said = [line.strip().split("report/")[-1] for line in (out + err).splitlines()]
        for line in shown.splitlines():  # shortened at their ends; a path from its folder on
            begun = line.strip().removeprefix("report/").removesuffix(" …")
            assert any(x.startswith(begun) for x in said), (command, line)
        if "marked copy" in out + err:
            tool.answer(sheet)
    assert last[0].startswith("report ")
    assert _parser().parse_args(shlex.split(last[0])).run
    assert Path("report/index.html").exists() == all_of_them


def test_the_python_gives_what_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,), (shown,) = blocks("python"), blocks("text")
    exec(code, {})
    assert capsys.readouterr().out == shown
    assert Path("finding.png").stat().st_size > 5_000


def test_the_same_numbers_of_another_design_are_said_to_lack_the_cause(tool):
    assert tool.verdict_of(27.9, 18.9, 36.8).in_full == "supported"
    other = tool.verdict_of(27.9, 18.9, 36.8, "observational")
    assert other.in_full == "partly supported (cause)"


def test_the_six_intervals_have_the_words_that_the_picture_gives_them(tool):
    words = [tool.verdict_of(*interval).word for interval in tool.INTERVALS]
    assert words == [*tool.SAID, "contradicted"]


def test_the_good_sheet_of_the_picture_is_one(tool):
    head, *rows = tool.good_rows()
    report = mn.validate(pd.DataFrame(rows, columns=head), study={"design": "parallel"})
    assert not report.problems


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_are_small_and_shown(path):
    assert path.stat().st_size < LARGEST
    wide, _ = struct.unpack(">II", path.read_bytes()[16:24])
    assert 600 < wide < 1300
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    assert any(f"pictures/{path.name}" in page.read_text("utf-8") for page in pages)


def test_the_shares_that_the_questions_quote_are_those_of_the_certificate():
    text = (ROOT / "docs" / "faq.md").read_text("utf-8")
    shares = []
    for n in (40, 80):
        like = mn.certificate().like(
            "reduces-scarring", design="parallel", rate=False, n_patients=n
        )
        shares.append(100 * like.set_index("truth").at["twice", "supported"])
    assert f"in {shares[0]:.0f} of 100 simulated studies" in text
    assert f"it is in {shares[1]:.0f}." in text
