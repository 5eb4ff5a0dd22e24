"""Kernels that start at once: forked from one process that has imported the libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

SERVER = [sys.executable, "-m", "mnstudy.reporting.kernel_server"]


class Server:
    """The process that kernels are forked from, and how to ask it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
            raise RuntimeError("the process that starts kernels has ended")
        return json.loads(line)

    def close(self) -> None:
        """End it, and with it every kernel it started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended by itself
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@contextmanager
def kernel_server() -> Iterator[Server | None]:
    """Give a server of kernels inside the context; None where processes cannot be forked.

    It imports while its user does something else: open it early.
    """
    if not hasattr(os, "fork"):
        yield None
        return
    server = Server()
    try:
        yield server
    finally:
        server.close()


class _Forked:
    """What the rest of Jupyter takes for a ``Popen``: a kernel forked by the server."""

    stdin = stdout = stderr = None

    def __init__(self, server: Server, pid: int) -> None:
        self._server, self.pid = server, pid

    def poll(self) -> int | None:
        code: int | None = self._server.ask(do="poll", pid=self.pid)
        return code

    def wait(self) -> int | None:
        return self.poll()

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)


class ForkProvisioner(LocalProvisioner):
    """Start a local kernel by forking."""

    server: Server

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork instead of starting a new Python; ``cmd`` is not run."""
        assert self.parent is not None
        order = {
            "connection_file": self.parent.connection_file,
            "env": dict(kwargs.get("env") or os.environ),
            "cwd": kwargs.get("cwd") or os.getcwd(),
        }
        pid = self.server.ask(do="start", **order)
        self.process = _Forked(self.server, pid)  # type: ignore[assignment]
        self.pid = self.pgid = pid  # a session of its own, see kernel_server
        return self.connection_info


def warm_manager(server: Server, **traits: Any) -> AsyncKernelManager:
    """Return a kernel manager whose kernels the server forks."""
    manager = AsyncKernelManager(kernel_name="python3", **traits)
    provisioner = ForkProvisioner(
        kernel_id=manager.kernel_id or "", kernel_spec=manager.kernel_spec, parent=manager
    )
    provisioner.server = server
    manager.provisioner = provisioner
    return manager
