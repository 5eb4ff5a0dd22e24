"""Independent pieces of a report, worked out side by side; what is kept is not worked out again.

The results do not depend on how many processes there are.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, forkserver
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from joblib import cpu_count

from mnstudy.reporting.run import cache

METHODS = multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
# Imported once, by the process that workers are forked from.
HEAVY = [
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "mnstudy.reporting.pictures",
]
# The matrices here are small: threads of a library would take the processors from each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

ENDED = "a process that worked on the report has ended (for lack of memory?): run it again"
Done = Callable[[int, int], None]  # told how many are done, and how many there are
Progress = Callable[[str, int, int], None]  # likewise, with the name of the stage in front


def quiet(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class CachedCall:
    """A call to a function of a module, and the name and the inputs that its result is kept by."""

    name: str
    inputs: tuple[object, ...]
    function: Callable[..., Any]
    args: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that work on calls, and the folder where the results are kept.

    Attributes
    ----------
    pool : ProcessPoolExecutor, optional
        Without one everything is done in the process that asks, when it takes a result.
    folder : Path, optional
        Without one nothing is kept.
    """

    pool: ProcessPoolExecutor | None = None
    folder: Path | None = None

    def results(
        self, calls: Sequence[CachedCall], done: Done = lambda done, total: None
    ) -> Iterator[Any]:
        """Begin all calls; give their results in order, or raise the error of the first that fails.

        ``done`` is told how many results were taken, and how many there are.
        """
        return _in_order([self._begun(call) for call in calls], done)

    def _begun(self, call: CachedCall) -> Callable[[], Any]:
        path = self.folder and cache.place_of(self.folder, call.name, call.inputs)
        for found in cache.kept(path) if path else ():
            return lambda: found
        if self.pool is None:
            return partial(_work, call, path)
        with _starting():
            return self.pool.submit(_work, call, path).result


def _in_order(begun: Sequence[Callable[[], Any]], done: Done) -> Iterator[Any]:
    done(0, len(begun))
    for i, result in enumerate(begun, 1):
        found = result()
        done(i, len(begun))
        yield found


def _work(call: CachedCall, path: Path | None) -> Any:
    result = call.function(*call.args)
    if path:
        cache.keep(path, result)
    return result


ALONE = Workers()


@contextmanager
def workers(n_jobs: int | None = None, *, folder: Path | None = None) -> Iterator[Workers]:
    """Give so many processes inside the context; the processors of the machine for None.

    Raises
    ------
    ChildProcessError
        One of the processes has ended before its work.
    """
    jobs = n_jobs or cpu_count()
    if jobs < 2:
        yield Workers(folder=folder)
        return
    prepare()
    end_read, end = CONTEXT.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, CONTEXT, initializer=_begin, initargs=(end_read,))
    try:
        yield Workers(pool, folder)
    except BrokenProcessPool as error:
        raise ChildProcessError(ENDED) from error
    finally:
        end.close()  # the processes end, whatever they do
        pool.shutdown(cancel_futures=True)


def _begin(end: connection.Connection) -> None:
    """Let a process end with the one that asks, to which it leaves Ctrl-C; it lives for seconds."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel, end])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def prepare() -> None:
    """Let the process that workers are forked from begin to import; where there is none, nothing.

    It imports while its user does something else: prepare early.
    """
    if CONTEXT.get_start_method() == "forkserver":
        CONTEXT.set_forkserver_preload(HEAVY)
        with _starting():
            forkserver.ensure_running()


@contextmanager
def _starting() -> Iterator[None]:
    """Start processes of one thread, which do not run again the script that asks for a report."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
