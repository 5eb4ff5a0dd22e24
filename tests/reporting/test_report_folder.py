"""A report's folder is whole at every moment, also when the run is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnstudy.fingerprints import sha256_of
from mnstudy.reporting.run import folder as place

WRITER = """
import sys
from pathlib import Path
from mnstudy.reporting.run.folder import whole_folder, write_manifest

target, version = Path(sys.argv[1]), sys.argv[2]
while True:
    with whole_folder(target) as folder:
        for i in range(40):
            (folder / f"{i}.txt").write_text(version * 1000)
        print("writing", flush=True)
        write_manifest(folder, {"made_from": version})
    print("written", flush=True)
"""


def write(target, version="a", n=40):
    with place.whole_folder(target) as folder:
        for i in range(n):
            (folder / f"{i}.txt").write_text(version * 1000)
        place.write_manifest(folder, {"made_from": version})


def is_whole(target):
    return any(place.is_current(target, version) for version in "ab")


def leftovers(target):
    return sorted(p.name for p in target.parent.iterdir() if p != target)


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.005, 0.01, 0.02, 0.04])
def test_killed_at_any_moment_a_whole_report_is_left(tmp_path, delay):
    """The writer replaces the report over and over until SIGKILL meets it somewhere."""
    target = tmp_path / "report"
    write(target)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), "b"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "writing\n"
    until = time.monotonic() + delay
    while time.monotonic() < until:
        assert target.is_dir()  # never a moment without a report
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert is_whole(target)
    write(target, "b")
    assert place.is_current(target, "b")
    assert leftovers(target) == []


REPORT = [
    sys.executable, "-m", "mnstudy.cli", "report", "demo_split_face",
    "--only", "more-sessions", "rare-pih", "--formats", "svg", "--fresh", "--out",
]  # fmt: skip


def still_running(word):
    """Return the processes, however they are related, whose environment holds a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            zombie = path.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and word.encode() in path.joinpath("environ").read_bytes():
                found.append(path.joinpath("cmdline").read_bytes())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def whole_report(tmp_path_factory):
    """A report with its notebooks, and how long it took."""
    out = tmp_path_factory.mktemp("runs") / "report"
    start = time.monotonic()
    subprocess.run([*REPORT, str(out)], check=True, stdout=subprocess.DEVNULL)
    return out, time.monotonic() - start


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "moment"),
    [
        *((signal.SIGKILL, i) for i in range(10)),
        *((how, i) for how in (signal.SIGINT, signal.SIGTERM) for i in (2, 5, 8)),
    ],
)
def test_stopped_at_any_moment_a_run_leaves_the_old_report_and_no_process(
    whole_report, how, moment
):
    out, seconds = whole_report
    before, beside = sha256_of(out / place.MANIFEST), leftovers(out)
    word = f"{how.name}-{moment}-{os.getpid()}"
    run = subprocess.Popen(
        [*REPORT, str(out)],
        env={**os.environ, "STOPPED": word},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds * (moment + 0.5) / 10)
    assert still_running(word)
    run.send_signal(how)
    run.wait()
    until = time.monotonic() + 10
    while (left := still_running(word)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert place.holds(out)
    assert sha256_of(out / place.MANIFEST) == before
    if how != signal.SIGKILL:
        assert set(leftovers(out)) <= set(beside)


def test_what_a_running_run_writes_is_let_be(tmp_path):
    target = tmp_path / "report"
    with place.whole_folder(target) as mine:
        place.remove_abandoned(target)
        assert mine.is_dir()


def test_what_another_machine_writes_is_let_be(tmp_path):
    other = tmp_path / ".report.00000000.999999.abcd1234.new"
    other.mkdir()
    place.remove_abandoned(tmp_path / "report")
    assert other.is_dir()


def test_folders_that_only_look_alike_are_let_be(tmp_path):
    for name in (".report.new", ".reports.x.1.a.new", ".report.copy.new"):
        (tmp_path / name).mkdir()
    place.remove_abandoned(tmp_path / "report")
    assert len(list(tmp_path.iterdir())) == 3


def test_without_an_exchange_in_one_step_two_moves_do_it(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "swap_folders", lambda one, other: False)
    target = tmp_path / "report"
    write(target, "a")
    write(target, "b", n=3)
    assert place.is_current(target, "b")
    assert leftovers(target) == []


def test_where_the_second_move_fails_the_old_report_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "swap_folders", lambda one, other: False)
    target = tmp_path / "report"
    write(target, "a")
    rename = type(target).rename

    def fails(self, to):
        if self.name.endswith(".new"):
            raise OSError("no")
        return rename(self, to)

    monkeypatch.setattr(type(target), "rename", fails)
    with pytest.raises(OSError, match="no"):
        write(target, "b")
    monkeypatch.undo()
    assert place.is_current(target, "a")
    assert leftovers(target) == []


def test_an_exchange_that_the_system_refuses_says_so(tmp_path):
    (tmp_path / "there").mkdir()
    assert place.swap_folders(tmp_path / "there", tmp_path / "missing") is False


def test_the_old_report_is_in_the_way_of_nothing_on_this_system(tmp_path):
    if not (sys.platform.startswith("linux") or sys.platform == "darwin"):
        return
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.mkdir()
        (path / path.name).touch()
    assert place.swap_folders(one, other)
    assert [p.name for p in one.iterdir()] == ["other"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "3.txt").write_text("touched"),
        lambda folder: (folder / "3.txt").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
    ],
)
def test_a_report_that_was_touched_is_not_current(tmp_path, damage):
    target = tmp_path / "report"
    write(target)
    assert place.is_current(target, "a")
    assert not place.is_current(target, "b")
    damage(target)
    assert not place.is_current(target, "a")


def test_the_manifest_lists_every_file(tmp_path):
    write(tmp_path / "report", n=2)
    files = json.loads((tmp_path / "report" / "manifest.json").read_text())["files"]
    assert sorted(files) == ["0.txt", "1.txt"]
    assert os.listdir(tmp_path) == ["report"]
