"""Independent pieces of a report, worked out side by side; what is kept is not worked out again.

The results do not depend on how many processes there are. These, and the kernels of notebooks, are
forked from one that has imported everything already, see ``prepared``.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from joblib import Parallel, cpu_count, delayed

from mnstudy import cache

PROGRAM = [sys.executable, "-m", "mnstudy.reporting.run.prepared"]
# The matrices here are small: threads of a library would take the processors from each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

ENDED = "a process that worked on the report has ended: run it again"
Call = tuple[Callable[..., Any], tuple[Any, ...]]
Done = Callable[[int, int], None]  # told how many are done, and how many there are
Progress = Callable[[str, int, int], None]  # likewise, with the name of the stage in front


@dataclass(frozen=True, slots=True)
class CachedCall:
    """A call to a function of a module, and the name and the inputs that its result is kept by."""

    name: str
    inputs: tuple[object, ...]
    function: Callable[..., Any]
    given: tuple[object, ...]


def run_cached(
    pieces: Sequence[CachedCall],
    *,
    workers: Workers | None = None,
    done: Done,
) -> list[Any]:
    """Return the result of every piece, in their order.

    Parameters
    ----------
    pieces : sequence of CachedCall
    workers : Workers, optional
        Who works on them; the results do not depend on it. One after another when left out.
    done : callable
        Called with how many are done and how many there are.
    """
    done(0, len(pieces))
    # Where nothing of that name is kept yet, the keys are left to those who work on the pieces.
    known = {name for name in {p.name for p in pieces} if cache.holds_any(name)}
    found = {
        i: x
        for i, p in enumerate(pieces)
        if p.name in known
        for x in cache.cached_result(p.name, p.inputs)
    }
    if found:
        done(len(found), len(pieces))
    missing = [i for i in range(len(pieces)) if i not in found]
    place = cache.folder()
    calls = [(_in_a_worker, (place, pieces[i])) for i in missing]
    for i, result in zip(missing, (workers or Workers()).map_in_order(calls), strict=True):
        found[i] = result
        done(len(found), len(pieces))
    return [found[i] for i in range(len(pieces))]


def _in_a_worker(place: Path | None, piece: CachedCall) -> Any:
    """Work on a piece in a process that may know nothing of where results are kept."""
    with cache.cache_folder(place):
        return cache.cached(piece.name, piece.inputs, lambda: piece.function(*piece.given))


@contextmanager
def workers(n_jobs: int | None = None) -> Iterator[Workers]:
    """Give so many processes inside the context; the processors of the machine for None."""
    jobs = n_jobs or cpu_count()
    if jobs < 2:
        yield Workers()
        return
    with prepared_server() as server:
        some = Workers(jobs, server)
        try:
            yield some
        finally:
            some.close()


class Workers:
    """So many processes; with one, everything is done in the process that asks.

    Parameters
    ----------
    n_jobs : int
        Calls at a time.
    server : Server, optional
        What they are forked from; without one joblib starts them.
    """

    def __init__(self, n_jobs: int = 1, server: Server | None = None) -> None:
        self.n_jobs = n_jobs
        self._server = server
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._lines: list[Connection] = []

    def map_in_order(self, calls: Sequence[Call]) -> Iterator[Any]:
        """Give what each call returns, in their order; an error of a call is raised here."""
        if min(self.n_jobs, len(calls)) < 2:
            yield from (function(*given) for function, given in calls)
        elif self._server is None:
            jobs = Parallel(n_jobs=self.n_jobs, return_as="generator")
            yield from jobs(delayed(function)(*given) for function, given in calls)
        else:
            self._start(self._server)
            yield from self._sent(calls)

    def close(self) -> None:
        """Let the processes end."""
        while self._lines:
            self._lines.pop().close()

    def _start(self, server: Server) -> None:
        if self._lines:
            return
        with tempfile.TemporaryDirectory() as private:
            address = str(Path(private) / "line")
            with Listener(address, "AF_UNIX") as listener:
                for _ in range(self.n_jobs):
                    server.ask(do="work", address=address, path=sys.path)
                    self._lines.append(listener.accept())
        for line in self._lines:
            self._idle.put(line)

    def _sent(self, calls: Sequence[Call]) -> Iterator[Any]:
        # One thread waits for each process, and pickles while the others are at work.
        pool = ThreadPoolExecutor(self.n_jobs)
        try:
            yield from pool.map(self._send, calls)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, call: Call) -> Any:
        line = self._idle.get()
        try:
            line.send(call)
            done, result = line.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(ENDED) from error
        finally:
            self._idle.put(line)  # also a dead one: whoever takes it is told the same
        if not done:
            raise result
        return result


def serve(address: str) -> None:
    """Call what is sent, until nobody is there any more who could send something."""
    with Client(address) as line:
        while True:
            try:
                call = line.recv_bytes()
            except EOFError:
                return
            line.send_bytes(_outcome(call))


def _outcome(call: bytes) -> bytes:
    """Return, pickled as the call is, whether it was done, and the result or the error."""
    try:
        function, given = pickle.loads(call)
        return pickle.dumps((True, function(*given)), protocol=5)
    except Exception as error:
        error.add_note(traceback.format_exc())
        return pickle.dumps((False, error), protocol=5)


_begun: list[Server] = []


@contextmanager
def prepared_server() -> Iterator[Server | None]:
    """Give a server inside the context; None where processes cannot be forked.

    It imports while its user does something else: open it early. Inside the context another one
    gives the same server.
    """
    if not hasattr(os, "fork"):
        yield None
    elif _begun:
        yield _begun[0]
    else:
        _begun.append(Server())
        try:
            yield _begun[0]
        finally:
            _begun.pop().close()


class Server:
    """The process that others are forked from, and how to ask it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        self._lock = Lock()

    def ask(self, **order: Any) -> Any:
        """Send one order and wait for its answer."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        with self._lock:
            orders.write(json.dumps(order) + "\n")
            orders.flush()
            line = answers.readline()
        if not line:
            raise RuntimeError("the process that starts kernels and workers has ended")
        return json.loads(line)

    def close(self) -> None:
        """End it, and with it everything that was forked from it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended by itself
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
