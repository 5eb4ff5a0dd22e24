"""Start the process that kernels and workers are forked from, and give it its orders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

PROGRAM = [sys.executable, "-m", "mnstudy.reporting.run.prepared"]
# The matrices here are small: threads of a library would take the processors from each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


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
