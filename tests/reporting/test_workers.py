"""Calls worked on by other processes: in order, with their errors, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from mnstudy.errors import DataError
from mnstudy.reporting.run.processes import ALONE, CachedCall, workers


def refuse(name):
    raise DataError(f"{name}: row 3, column age: 900")


def end():
    os.kill(os.getpid(), signal.SIGKILL)


def later(seconds):
    time.sleep(seconds)
    return seconds


def asked(some, *calls):
    """Return the results of calls, each a function and its arguments."""
    return list(some.results([CachedCall("x", (), f, args) for f, *args in calls]))


@pytest.fixture(scope="module")
def two():
    with workers(2) as some:
        yield some


def is_gone(pid):
    """Tell whether a process has ended, or is about to: only its entry is left."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_results_come_in_order_from_other_processes(two):
    assert asked(two, *[(later, s) for s in (0.2, 0.0, 0.1, 0.0)]) == [0.2, 0.0, 0.1, 0.0]
    pids = set(asked(two, *[(os.getpid,)] * 20))
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_one_worker_needs_no_process():
    assert asked(ALONE, *[(os.getpid,)] * 3) == [os.getpid()] * 3
    with workers(1) as alone:
        assert asked(alone, (os.getpid,), (os.getpid,)) == [os.getpid()] * 2


def test_an_error_of_a_call_is_raised_here_and_the_others_go_on(two):
    with pytest.raises(DataError, match="row 3, column age"):
        asked(two, (abs, -1), (refuse, "sheet.csv"), (abs, -2))
    assert asked(two, *[(abs, -i) for i in range(5)]) == list(range(5))


def test_an_unpicklable_result_is_an_error(two):
    with pytest.raises(Exception, match="pickle"):
        asked(two, (open, os.devnull), (abs, -1))
    assert asked(two, (abs, -1), (abs, -2)) == [1, 2]


def test_a_process_that_is_killed_is_said():
    with pytest.raises(ChildProcessError, match=r"has ended .* run it again"), workers(2) as some:
        asked(some, (end,), (end,), (abs, -1))


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_no_worker_is_left_running_whatever_it_does(error):
    start = time.monotonic()
    pids = set()

    def stopped():
        with workers(2) as some:
            pids.update(asked(some, *[(os.getpid,)] * 20))
            if error:
                some.results([CachedCall("x", (), later, (60,))] * 4)
                time.sleep(0.5)  # until they are at work
                raise error

    with pytest.raises(error) if error else nullcontext():
        stopped()
    while not all(is_gone(pid) for pid in pids) and time.monotonic() < start + 10:
        time.sleep(0.05)
    assert all(is_gone(pid) for pid in pids)
    assert time.monotonic() < start + 10


def test_workers_use_one_thread_and_the_asking_process_keeps_its_settings(two, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert asked(two, (os.getenv, "OMP_NUM_THREADS")) == ["1"]
    with workers(2) as some:
        assert asked(some, (os.getenv, "OPENBLAS_NUM_THREADS")) == ["1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


SCRIPT = """
import os
from mnstudy.reporting.run.processes import CachedCall, workers

print("begun", flush=True)
with workers(2) as some:
    print(list(some.results([CachedCall("x", (), abs, (-i,)) for i in range(3)])))
"""


def test_a_script_without_a_guard_is_not_run_again_by_its_workers(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "begun\n[0, 1, 2]\n"


HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        jupyter = ("ipykernel", "IPython", "matplotlib_inline", "nbclient", "nbformat")
        if name.split(".")[0] in jupyter:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
"""


def test_workers_and_a_report_without_notebooks_need_nothing_of_jupyter(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    script = "import mnstudy.reporting.report\n" + SCRIPT
    call = [sys.executable, "-c", script]
    subprocess.run(call, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True, timeout=120)
