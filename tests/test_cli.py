"""The command line: answers, exit codes, and no traceback for a mistake."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnstudy.cli import NOBODY_READS, Progress, main

PUBLISHED = Path(__file__).parents[1] / "data" / "published"
COMMANDS = (
    "report", "evaluate", "validate", "claims", "datasets", "simulate", "plan", "init", "evidence",
)  # fmt: skip


def run(capsys, *words):
    try:
        code = main(list(words))
    except SystemExit as stop:
        code = stop.code
    out = capsys.readouterr()
    return code, out.out, out.err


def test_help_lists_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in COMMANDS:
        assert command in out


def test_datasets(capsys):
    code, out, _ = run(capsys, "datasets")
    assert code == 0
    assert "published_patients" in out
    assert "SYNTHETIC" in out


def test_claims_with_a_cohort_say_why_not(capsys):
    code, out, _ = run(capsys, "claims", "demo_split_face")
    assert code == 0
    assert out.count("not testable:") > 5


def test_evaluate_prints_and_writes(capsys, tmp_path):
    path = tmp_path / "numbers.csv"
    code, out, _ = run(
        capsys, "evaluate", "demo_split_face", "--claims", "topical-adjunct", "--csv", str(path)
    )
    assert code == 0
    assert "Needling with a serum" in out
    assert path.read_text(encoding="utf-8").count("\n") == 2


def test_validate(capsys, tmp_path, sheet):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    sheet.to_csv(good, index=False)
    sheet.assign(needle_depth_mm=1500).to_csv(bad, index=False)
    assert run(capsys, "validate", str(good))[0] == 0
    code, out, err = run(capsys, "validate", str(bad))
    assert code == 2
    assert out == ""
    assert "micrometres" in err


def test_evidence_check_tells_what_a_folder_holds_and_lacks(capsys):
    code, out, err = run(capsys, "evidence", "check", str(PUBLISHED))
    assert (code, err) == (0, "")
    for said in ("no problem found", "contrasts 285", "neither DOI nor", "never in one estimate"):
        assert said in out


def test_evidence_check_lists_what_is_to_be_mended(capsys, tmp_path):
    folder = shutil.copytree(PUBLISHED, tmp_path / "mine")
    arms = folder / "arms.csv"
    arms.write_text(arms.read_text().replace(",roller,", ",rollers,", 1))
    code, out, err = run(capsys, "evidence", "check", str(folder))
    assert (code, out) == (2, "")
    assert 'arms.csv: device  "rollers"' in err
    assert "did you mean roller?" in err


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "demo_klinik"],
        ["evaluate", "nowhere.csv"],
        ["evaluate", "demo_split_face", "--claims", "more-session"],
        ["evaluate", "demo_split_face", "--confidence-level", "95"],
        ["report", "nowhere.csv"],
        ["validate", "nowhere.csv"],
        ["simulate", "--design", "moon", "--out", "x.csv"],
        ["init", "sheet.xlsx"],
        ["evidence", "check", "nowhere"],
        ["evidence", "pool", "nowhere"],
        ["nonsense"],
        [],
    ],
)
def test_mistakes_end_with_2_one_message_and_nothing_written(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *words)
    assert code == 2
    assert err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "sheet.csv", "--csv", "folder"], "folder: Is a directory"),
        (["evaluate", "sheet.csv", "--csv", "no/x.csv"], "no/x.csv: No such file"),
        (["evaluate", "sheet.csv", "--csv", "loop"], "loop: Too many levels"),
        (["template", "no/x.xlsx"], "no: No such file"),  # not the name it has until it is whole
        (["template", "x" * 300 + ".xlsx"], "File name too long"),
        (["simulate", "--out", "sheet.csv/x.csv"], "non-existent directory: 'sheet.csv'"),
        (["report", "sheet.csv", "--out", "loop"], "loop is a file: name a folder"),
        (["report", "sheet.csv", "--only", "rare-pih", "--out", "sheet.csv/x"], "File exists"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(capsys, tmp_path, monkeypatch, sheet, words, said):
    monkeypatch.chdir(tmp_path)
    sheet.to_csv("sheet.csv", index=False)
    os.mkdir("folder")
    os.symlink("loop", "loop")
    code, _, err = run(capsys, *words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == ["folder", "loop", "sheet.csv"]


@pytest.mark.parametrize("words", ["datasets", "--help"])
def test_a_full_disk_at_the_other_end_meets_no_traceback(words):
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mnstudy", words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == "No space left on device; what was there before is as it was\n"


def test_simulate_writes_once(capsys, tmp_path):
    path = tmp_path / "cohort.csv"
    words = ["simulate", "--patients", "30", "--seed", "3", "--out", str(path)]
    assert run(capsys, *words)[0] == 0
    first = path.read_bytes()
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "exists already" in err
    assert path.read_bytes() == first
    assert run(capsys, "validate", str(path))[0] == 0


def test_plan(capsys):
    code, out, _ = run(capsys, "plan", "demo_clinic")
    assert code == 0
    assert "primary: more-sessions, margin 2 points per session" in out
    assert "sha256" in out


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", ["evaluate demo_split_face", "datasets", "--help"])
def test_a_reader_that_stops_early_meets_no_traceback(words, buffered):
    command = [sys.executable, "-m", "mnstudy", *words.split()]
    reads, writes = os.pipe()
    os.close(reads)
    ended = subprocess.run(
        command,
        stdout=writes,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": buffered},
        check=False,
    )
    os.close(writes)
    assert ended.stderr == b""
    # argparse itself passes over what it cannot write at once
    assert ended.returncode == (0 if buffered and words == "--help" else NOBODY_READS)


def test_python_m_is_the_command():
    command = [sys.executable, "-m", "mnstudy", "evaluate", "demo_klinik"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "demo_clinic" in ended.stderr


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    now = [0.0]
    monkeypatch.setattr("mnstudy.cli.time.monotonic", lambda: now[0])
    return now


def test_off_a_terminal_a_stage_tells_its_beginning_and_every_ten_seconds(capsys, clock):
    progress = Progress()
    progress("figures", 0, 100)
    assert "figures ............ 0 of 100" in capsys.readouterr().out
    for done in range(1, 100):
        clock[0] += 0.25
        progress("figures", done, 100)
    said = capsys.readouterr().out.splitlines()
    assert [line.split("[")[0].split(" ", 2)[2].strip() for line in said] == [
        "40 of 100", "80 of 100",
    ]  # fmt: skip
    assert said[0].endswith("about 15 s left")
    progress("figures", 100, 100)
    progress("page", 1, 1)
    ended = capsys.readouterr().out.splitlines()
    assert [line.split("[")[0].strip() for line in ended] == [
        "figures ............ 100 of 100", "page ............... 1 of 1",
    ]  # fmt: skip


def test_in_a_terminal_the_line_is_written_again(capsys, clock):
    progress = Progress(live=True)
    progress("figures", 0, 2)
    progress("figures", 1, 2)
    progress("figures", 2, 2)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.count("\r") == 3
