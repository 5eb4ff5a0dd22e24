"""Processes that call functions side by side: the results do not depend on how many."""

from __future__ import annotations

import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from joblib import Parallel, cpu_count, delayed

from mnstudy.reporting.run.prepared_server import Server, prepared_server

ENDED = "a process that worked on the report has ended: run it again"
Call = tuple[Callable[..., Any], tuple[Any, ...]]


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

    def results(self, calls: Sequence[Call]) -> Iterator[Any]:
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
