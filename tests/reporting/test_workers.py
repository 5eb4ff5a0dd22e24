"""Calls worked on by other processes: in order, with their errors, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnstudy.errors import DataError
from mnstudy.reporting.run import processes as server_module
from mnstudy.reporting.run.processes import Workers, prepared_server, workers


def refuse(name):
    raise DataError(f"{name}: row 3, column age: 900")


def end():
    os.kill(os.getpid(), signal.SIGKILL)


def later(seconds):
    time.sleep(seconds)
    return seconds


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
    calls = [(later, (s,)) for s in (0.2, 0.0, 0.1, 0.0)]
    assert list(two.map_in_order(calls)) == [0.2, 0.0, 0.1, 0.0]
    pids = set(two.map_in_order([(os.getpid, ())] * 20))
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_one_call_or_one_worker_needs_no_process(two):
    assert list(two.map_in_order([(os.getpid, ())])) == [os.getpid()]
    assert list(Workers().map_in_order([(os.getpid, ())] * 3)) == [os.getpid()] * 3
    with workers(1) as alone:
        assert list(alone.map_in_order([(os.getpid, ())] * 2)) == [os.getpid()] * 2


def test_an_error_of_a_call_is_raised_here_and_the_others_go_on(two):
    with pytest.raises(DataError, match="row 3, column age"):
        list(two.map_in_order([(abs, (-1,)), (refuse, ("sheet.csv",)), (abs, (-2,))]))
    assert list(two.map_in_order([(abs, (-i,)) for i in range(5)])) == list(range(5))


def test_an_unpicklable_result_is_an_error(two):
    with pytest.raises(Exception, match="pickle"):
        list(two.map_in_order([(open, (os.devnull,)), (abs, (-1,))]))
    assert list(two.map_in_order([(abs, (-1,)), (abs, (-2,))])) == [1, 2]


def test_a_process_that_is_killed_is_said():
    with workers(2) as some, pytest.raises(RuntimeError, match="has ended: run it again"):
        list(some.map_in_order([(end, ()), (end, ()), (abs, (-1,))]))


def test_nothing_is_left_running(monkeypatch):
    monkeypatch.setattr(server_module, "_begun", [])  # a server of its own
    with workers(2) as some, prepared_server() as server:
        pids = {*some.map_in_order([(os.getpid, ())] * 20), server._process.pid}
        assert server_module._begun == [server]
    assert not server_module._begun
    assert all(is_gone(pid) for pid in pids)


def test_a_server_within_a_server_is_the_same(two):
    with prepared_server() as outer, prepared_server() as inner:
        assert inner is outer


def test_without_forking_joblib_does_it(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with workers(2) as some:
        assert list(some.map_in_order([(abs, (-i,)) for i in range(5)])) == list(range(5))


HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ipykernel", "IPython", "matplotlib_inline", "nbformat"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
"""


def test_workers_need_nothing_of_jupyter(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(server_module, "_begun", [])  # a server of its own
    with workers(2) as some:
        assert list(some.map_in_order([(abs, (-1,)), (abs, (-2,))])) == [1, 2]


def test_a_report_without_notebooks_needs_nothing_of_jupyter(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    call = [sys.executable, "-c", "import mnstudy.reporting.report"]
    subprocess.run(call, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True)
