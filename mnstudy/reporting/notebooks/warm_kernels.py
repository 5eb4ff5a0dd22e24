"""Kernels that start at once: forked from one process that has imported the libraries."""

from __future__ import annotations

import os
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from mnstudy.reporting.run.prepared_server import Server


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
        pid = self.server.ask(do="kernel", **order)
        self.process = _Forked(self.server, pid)  # type: ignore[assignment]
        self.pid = self.pgid = pid  # a session of its own, see prepared
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
