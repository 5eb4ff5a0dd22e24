"""Run every notebook and keep its outputs; with --check, compare them with the committed ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

from mnstudy.reporting.notebooks.run import run, text_of
from mnstudy.reporting.run.origin import shipped_notebooks
from mnstudy.reporting.run.processes import CachedCall, workers

NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
REL_TOL = 1e-6  # the last printed digit may round the other way on another machine


def text_outputs(notebook: nbformat.NotebookNode) -> list[str]:
    texts = []
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        parts = [o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
        texts.append("\n".join(parts))
    return texts


def same(old: str, new: str) -> bool:
    """Compare the words exactly and the numbers within tolerance."""
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(a == b or close(a, b) for a, b in pairs)


def close(a: str, b: str) -> bool:
    try:
        x, y = (float(s.replace(",", "").replace("\N{MINUS SIGN}", "-")) for s in (a, b))
    except ValueError:
        return False
    unit = 10.0 ** -len(a.partition(".")[2])
    return abs(x - y) <= max(REL_TOL * abs(x), 1.01 * unit)


def differences(path: Path, fresh: nbformat.NotebookNode) -> list[str]:
    old, new = text_outputs(nbformat.read(path, as_version=4)), text_outputs(fresh)
    if len(old) != len(new):
        return [f"{path.name}: {len(old)} cells committed, {len(new)} run"]
    pairs = enumerate(zip(old, new, strict=True), 1)
    return [f"{path.name}, code cell {i}: output changed" for i, (a, b) in pairs if not same(a, b)]


def show(done: int, total: int) -> None:
    print(f"notebooks .......... {done} of {total}", flush=True)


def main() -> int:
    paths = shipped_notebooks()
    with workers() as some:
        fresh = list(some.results([CachedCall("notebook", (), run, (p,)) for p in paths], show))
    if "--check" not in sys.argv:
        for path, notebook in zip(paths, fresh, strict=True):
            path.write_text(text_of(notebook), encoding="utf-8", newline="\n")
        return 0
    found = [d for p, n in zip(paths, fresh, strict=True) for d in differences(p, n)]
    print("\n".join(found) if found else "notebooks .......... outputs as committed")
    if found:
        print("run `make notebooks`, look at the changes, and commit them with the reason")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
