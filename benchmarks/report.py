"""A fresh report against the notebooks one after another, and a second report against the first."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnstudy.reporting.notebooks import run as notebooks
from mnstudy.reporting.run import unchanged

DATA = "demo_clinic"


def sequential():
    """Run every notebook in a new kernel of its own, as somebody with JupyterLab would."""
    start = time.perf_counter()
    for path in unchanged.shipped_notebooks():
        notebooks.run(path, {"dataset": DATA})
    return time.perf_counter() - start


def report(out, cache, *more):
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "mnstudy.cli", "report", DATA, "--out", str(out), *more],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main():
    with tempfile.TemporaryDirectory() as place:
        out, cache = Path(place) / "report", Path(place) / "cache"
        before = sequential()
        fresh = report(out, cache, "--formats", "svg")
        again = report(out, cache, "--formats", "svg")
        every = report(out, cache, "--fresh")
        after = sequential()
        alone = (before + after) / 2  # a shared machine is not as fast at every moment
        print(f"notebooks of {DATA} one after another: {before:.1f} s, later {after:.1f} s")
        print(f"fresh report (figures as SVG): {fresh:.1f} s, {fresh / alone:.2f} times as long")
        print(f"fresh report (SVG, PNG, PDF): {every:.1f} s, {every / alone:.2f} times as long")
        print(f"nothing changed: {again:.2f} s, {again / alone:.3f} times as long")


if __name__ == "__main__":
    main()
