"""Start kernels by forking a process that has imported everything already.

Run as ``python -m mnstudy.reporting.kernel_server`` by ``warm_kernels``: one order a line on
standard input, one answer a line on standard output. Importing the libraries costs more than most
notebooks; forked from here, each kernel is as clean as a fresh one and starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, NoReturn

HEAVY = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "matplotlib_inline.backend_inline",
    "matplotlib.backends.backend_svg",
    "statsmodels.api",
    "mnstudy.cohort.contract",
    "mnstudy.reporting.notebook_tables",
    "mnstudy.reporting.scorecard",
    "mnstudy.reporting.report",
)


def main() -> None:
    """Answer orders until standard input closes; then end every kernel that still runs."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a kernel prints outside a cell is no answer
    _import_all()
    running: dict[int, int | None] = {}
    for line in orders:
        order = json.loads(line)
        if order["do"] == "start":
            pid = os.fork()
            if pid == 0:
                _become_a_kernel(order)
            running[pid] = None
            answer: int | None = pid
        else:
            answer = _poll(order["pid"], running)
        print(json.dumps(answer), file=answers, flush=True)
    for pid, code in running.items():
        if code is None and _poll(pid, running) is None:
            os.kill(pid, signal.SIGKILL)


def _import_all() -> None:
    import importlib

    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # read while ipykernel is imported
    for name in HEAVY:
        importlib.import_module(name)

    import pandas as pd

    pd.set_option("display.max_columns", 20)  # imported without IPython it expects a terminal


def _poll(pid: int, running: dict[int, int | None]) -> int | None:
    """Return the exit code of a kernel, None while it runs."""
    if running.get(pid, 0) is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            running[pid] = os.waitstatus_to_exitcode(status)
    return running.get(pid, 0)


def _become_a_kernel(order: dict[str, Any]) -> NoReturn:
    """Turn the forked process into the kernel of a connection file; never returns."""
    code = 1
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        sys.path.insert(0, "")
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["ipykernel_launcher.py", "-f", order["connection_file"]]
        IPKernelApp.launch_instance()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
