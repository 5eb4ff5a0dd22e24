"""A process that has imported everything already; kernels and workers are forked from it.

Run as ``python -m mnstudy.reporting.run.prepared`` by ``processes.prepared_server``: one order a
line on standard input, one answer a line on standard output. Importing the libraries costs more
than most pieces of a report; forked from here, each process is as clean as a fresh one and starts
at once.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

KERNEL = (  # only with the extra "notebooks"
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "matplotlib_inline.backend_inline",
    "mnstudy.reporting.notebooks.show",
)
HEAVY = (
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "mnstudy.reporting.run.sources",
    "mnstudy.reporting.pictures",
    "mnstudy.reporting.tables.write",
    "mnstudy.reporting.run.processes",
)
REHEARSED = "demo_split_face"  # small


def main() -> None:
    """Answer orders until standard input closes; then end everything that still runs."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a kernel prints outside a cell is no answer
    # Ctrl-C in a terminal reaches every process: the one that gives the orders ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prepare()
    running: dict[int, int | None] = {}
    for line in orders:
        order = json.loads(line)
        if order["do"] == "poll":
            answer = _poll(order["pid"], running)
        else:
            answer = os.fork()
            if answer == 0:
                _become(order)
            running[answer] = None
        print(json.dumps(answer), file=answers, flush=True)
    for pid, code in running.items():
        if code is None and _poll(pid, running) is None:
            os.kill(pid, signal.SIGKILL)


def _prepare() -> None:
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # read while ipykernel is imported
    with suppress(ImportError):  # workers need no kernel
        for name in KERNEL:
            importlib.import_module(name)
    for name in HEAVY:
        importlib.import_module(name)

    import pandas as pd

    pd.set_option("display.max_columns", 20)  # imported without IPython it expects a terminal
    with suppress(Exception):  # what is wrong with the data is said where they are asked for
        _rehearse()
    gc.collect()
    gc.freeze()  # what is imported is never looked through again for something to throw away
    gc.set_threshold(200_000, 50, 100)  # what is forked lives for seconds: it has room for garbage


def _rehearse() -> None:
    """Do once what costs most the first time: readers and fonts are found, patterns compiled."""
    import mnstudy as mn
    from mnstudy import cache
    from mnstudy.cohort.published.tables import load_published
    from mnstudy.reporting.figures.style import png_bytes, svg_bytes

    cache.code_fingerprint()
    load_published()
    picture = mn.plot(mn.evaluate(mn.load(REHEARSED), "topical-adjunct")[0])
    svg_bytes(picture)
    png_bytes(picture)


def _poll(pid: int, running: dict[int, int | None]) -> int | None:
    """Return the exit code of a process, None while it runs."""
    if running.get(pid, 0) is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            running[pid] = os.waitstatus_to_exitcode(status)
    return running.get(pid, 0)


def _become(order: dict[str, Any]) -> NoReturn:
    """Turn the forked process into what is ordered; never returns."""
    code = 1
    try:
        if order["do"] == "kernel":
            _become_a_kernel(order)
        else:
            from mnstudy.reporting.run.processes import serve

            sys.path[:] = order["path"]
            serve(order["address"])
        code = 0
    finally:
        os._exit(code)


def _become_a_kernel(order: dict[str, Any]) -> None:
    """Be the kernel of a connection file, until it is told to end."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.path.insert(0, "")
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher.py", "-f", order["connection_file"]]
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    main()
