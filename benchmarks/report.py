"""A fresh report against the notebooks one after another, and a report of which nothing changed."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from mnstudy.reporting.notebooks.run import run
from mnstudy.reporting.run.origin import shipped_notebooks

REPORT = [sys.executable, "-m", "mnstudy.cli", "report", "--formats", "svg", "--out"]


def sequential():
    """Run every notebook in a new kernel of its own, as somebody with JupyterLab would."""
    start = time.perf_counter()
    for path in shipped_notebooks():
        run(path)
    return time.perf_counter() - start


def report(place, *more):
    """Return how long a report takes, and the most memory that all its processes had together."""
    start, most = time.perf_counter(), 0
    process = subprocess.Popen(
        [*REPORT, str(place / "report"), *more],
        env={**os.environ, "XDG_CACHE_HOME": str(place / "cache")},
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None:
        most = max(most, memory(psutil.Process(process.pid)))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit("the report failed")
    return time.perf_counter() - start, most


def memory(process):
    """Return the resident memory of a process and all beneath it; shared pages count each time."""
    try:
        return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:  # ended meanwhile
        return 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        before = sequential()
        fresh, most = report(place, "--fresh")
        keeping, _ = report(place, "--formats", "svg", "png")
        again, _ = report(place, "--formats", "svg", "png")
        after = sequential()
        alone = (before + after) / 2  # a shared machine is not as fast at every moment
        print(f"notebooks one after another: {before:.1f} s, later {after:.1f} s")
        print(f"fresh report with them: {fresh:.1f} s, {fresh / alone:.2f} times as long")
        print(f"all its processes together: {most / 2**20:,.0f} MB at most")
        print(f"the same, results kept, PNG too: {keeping / alone:.2f} times as long")
        print(f"nothing changed: {again:.2f} s, {again / alone:.3f} times as long")


if __name__ == "__main__":
    main()
