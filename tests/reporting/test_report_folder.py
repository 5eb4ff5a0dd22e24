"""A report's folder is whole at every moment, also when the run is killed."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import canary
import pytest

from mnstudy.cli import _of_system
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
def own_run(tmp_path_factory):
    """A report of real patients with its notebooks, what asks for it, and how long it took."""
    base = tmp_path_factory.mktemp("runs")
    for name in ("tmp", "home", "data"):
        (base / name).mkdir()
    call = [sys.executable, "-m", "mnstudy.cli", "report", str(canary.write(base / "data"))]
    call += ["--only", "little-pain", "--formats", "svg", "--out", str(base / "report")]
    own = {"HOME": str(base / "home"), "TMPDIR": str(base / "tmp")}
    env = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"} | own
    start = time.monotonic()
    subprocess.run([*call, "--fresh"], check=True, stdout=subprocess.DEVNULL, env=env)
    return call, env, base, time.monotonic() - start


def side(base):
    """Return the files in the folders for temporary and for kept things."""
    return {p for name in ("tmp", "home") for p in (base / name).rglob("*") if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "moment"),
    [
        *((signal.SIGKILL, i / 20) for i in range(20)),
        *((how, i / 5) for how in (signal.SIGINT, signal.SIGTERM) for i in range(5)),
    ],
)
def test_stopped_at_any_moment_a_run_leaves_the_old_report_and_no_process(own_run, how, moment):
    """Nothing of it is left but in the cache folder, and there only until the next run."""
    call, env, base, seconds = own_run
    out = base / "report"
    before, beside = sha256_of(out / place.MANIFEST), side(base)
    word = f"{how.name}-{moment}-{os.getpid()}"
    run = subprocess.Popen(
        [*call, "--fresh"],
        env={**env, "STOPPED": word},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds * (moment + 0.02) * 0.9)
    assert still_running(word)
    run.send_signal(how)
    run.wait()
    until = time.monotonic() + 10
    while (left := still_running(word)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert place.holds(out)
    assert sha256_of(out / place.MANIFEST) == before
    kept_in = base / "home" / ".cache" / "mnstudy"
    assert all(p.is_relative_to(kept_in) for p in side(base) - beside)
    if how != signal.SIGKILL:
        assert leftovers(out) == ["data", "home", "tmp"]
    told = subprocess.run(call, env=env, check=True, capture_output=True, text=True).stdout
    assert told.startswith("nothing changed")
    assert leftovers(out) == ["data", "home", "tmp"]
    assert side(base) == beside
    assert [p.name for p in kept_in.iterdir()] == ["results"]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(own_run):
    call, env, base, seconds = own_run
    other = base / "other"
    for moment in (0.2, 0.5):
        run = subprocess.Popen([*call[:-1], str(other)], env=env, stdout=subprocess.DEVNULL)
        time.sleep(seconds * moment)
        run.kill()
        run.wait()
    subprocess.run([*call[:-1], str(other)], env=env, check=True, stdout=subprocess.DEVNULL)
    assert place.holds(other)
    assert sha256_of(other / place.MANIFEST) == sha256_of(base / "report" / place.MANIFEST)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("private", [False, True])
def test_a_folder_that_is_there_keeps_who_may_open_it(tmp_path, private):
    target = tmp_path / "report"
    write(target, n=1)
    (target / "mine").mkdir(mode=0o750)
    (target / "mine" / "notes.txt").write_text("mine")
    for mode in (0o700, 0o750, 0o755):
        target.chmod(mode)
        with place.whole_folder(target, private=private) as folder:
            assert mode_of(folder) == 0o700  # not all of it has been looked through yet
            place.write_manifest(folder, {"made_from": "b"})
        assert mode_of(target) == mode
        assert mode_of(target / "mine") == 0o750


def test_a_new_folder_is_as_others_are_or_private(tmp_path):
    before = os.umask(0o027)
    try:
        for private, mode in ((False, 0o750), (True, 0o700)):
            with place.whole_folder(tmp_path / str(private), private=private):
                pass
            assert mode_of(tmp_path / str(private)) == mode
    finally:
        os.umask(before)


def test_what_no_report_wrote_stays_as_it_is(tmp_path):
    target, thesis = tmp_path / "report", tmp_path / "thesis"
    write(target)
    thesis.mkdir()
    (thesis / "thesis.txt").write_text("years")
    (target / "empty" / "inside").mkdir(parents=True)
    (target / "notes.txt").write_text("mine")
    (target / "folder").symlink_to("../thesis")
    (target / "file").symlink_to("../thesis/thesis.txt")
    (target / "broken").symlink_to("nowhere")
    write(target, "b", n=3)
    assert place.is_current(target, "b")
    assert {p.name for p in target.iterdir() if p.is_symlink()} == {"folder", "file", "broken"}
    assert (target / "file").read_text() == (target / "folder" / "thesis.txt").read_text()
    assert [p.name for p in (target / "empty").iterdir()] == ["inside"]
    assert (target / "notes.txt").read_text() == "mine"
    assert not (target / "3.txt").exists()
    assert leftovers(target) == ["thesis"]


def test_a_link_to_a_folder_stays_one_and_its_folder_is_written(tmp_path):
    target, link = tmp_path / "there" / "report", tmp_path / "link"
    write(target)
    link.symlink_to("there/report")
    assert place.check_target(link) == target
    write(place.check_target(link), "b")
    assert os.readlink(link) == "there/report"
    assert place.is_current(target, "b")
    assert leftovers(target) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "there"]


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match="name a folder"):
        place.check_target(tmp_path / "loop")


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


def snapshot(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "step", ["a file", "the manifest", "what others put there", "the exchange"]
)
def test_where_the_disk_is_full_the_old_report_is_whole(tmp_path, monkeypatch, step):
    target = tmp_path / "report"
    write(target)
    (target / "thesis.docx").write_text("years of work", encoding="utf-8")
    before = snapshot(target)

    def full(*args, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))

    def half(path, text, *args, **more):
        """Write half of a file, as a disk does that fills."""
        if path.name == ("20.txt" if step == "a file" else place.MANIFEST):
            path.write_bytes(text.encode()[: len(text) // 2])
            full(path)
        return path.write_bytes(text.encode())

    if step == "what others put there":
        monkeypatch.setattr(place.shutil, "copy2", full)
    elif step == "the exchange":
        monkeypatch.setattr(place, "swap_folders", lambda one, other: False)
        monkeypatch.setattr(place.Path, "rename", full)
    else:
        monkeypatch.setattr(place.Path, "write_text", half)
    with pytest.raises(OSError, match="No space left") as stopped:
        write(target, "b")
    monkeypatch.undo()
    assert snapshot(target) == before
    assert leftovers(target) == []
    assert _of_system(stopped.value).endswith("what was there before is as it was")


OLDER = [
    {"made_by": place.MADE_BY},
    {"made_by": place.MADE_BY, "made_from": "a", "files": []},
    {"made_by": place.MADE_BY, "made_from": "a", "files": {"\0": "a"}},
]


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[]", *(json.dumps(x).encode() for x in OLDER)]
)
def test_a_manifest_that_cannot_be_read_is_said_and_nothing_is_overwritten(tmp_path, content):
    (tmp_path / "thesis.docx").write_text("years of work", encoding="utf-8")
    (tmp_path / place.MANIFEST).write_bytes(content)
    assert not place.is_current(tmp_path, "a")
    if b"\\u0000" in content:
        return
    with pytest.raises(ValueError, match=r"its manifest\.json cannot be read as that of a report"):
        place.check_target(tmp_path)
    assert (tmp_path / "thesis.docx").is_file()


def test_a_report_of_an_older_version_is_replaced_and_what_others_put_there_kept(tmp_path):
    target = tmp_path / "report"
    write(target, n=3)
    (target / "figures").mkdir()
    (target / "figures" / "gone.svg").write_text("<svg/>", encoding="utf-8")
    (target / "thesis.docx").write_text("years of work", encoding="utf-8")
    manifest = {
        "made_by": place.MADE_BY,
        "files": {"0.txt": "", "2.txt": "", "figures/gone.svg": ""},
    }
    (target / place.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert not place.is_current(target, "a")
    assert place.check_target(target) == target
    write(target, "b", n=1)
    assert sorted(p.name for p in target.rglob("*")) == [
        "0.txt", "1.txt", "manifest.json", "thesis.docx",
    ]  # fmt: skip
    assert place.is_current(target, "b")
