"""Compare the numbers of two reports, line by line: ``compare_results.py [OLD] [NEW]``.

OLD and NEW are folders of reports, or commits whose ``reports/`` is meant; HEAD and the working
tree where they are left out. Numbers are equal within 1e-9 of their size, words to the letter.
Exit code 1 where anything differs.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

OF_EACH = ("results", "parts", "evidence", "sensitivity", "specifications")
FILES = (*OF_EACH, *(f"demo/{name}" for name in OF_EACH))
REL_TOL = 1e-9
ROOT = Path(__file__).parents[1]


def read(where: str, name: str) -> pd.DataFrame:
    """Return one table of a report as text."""
    folder = Path(where)
    if folder.is_dir():
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
    else:
        call = ["git", "show", f"{where}:reports/{name}.csv"]
        text = subprocess.run(call, cwd=ROOT, stdout=-1, check=True).stdout.decode()
    return pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False)


def differing(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Tell in which rows two columns differ, numbers within the tolerance."""
    numbers = [pd.to_numeric(x, errors="coerce").to_numpy("float64") for x in (old, new)]
    close = np.isclose(*numbers, rtol=REL_TOL, atol=0.0)
    return ~(old.eq(new).to_numpy() | close)


def compare(name: str, old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Say line by line what differs between two tables."""
    if list(old.columns) != list(new.columns) or len(old) != len(new):
        return [f"{name}: {old.shape} before, {new.shape} now, or other columns"]
    found = []
    for column in old:
        for i in np.flatnonzero(differing(old[column], new[column])):
            place = f"{name} line {i + 2} ({', '.join(new.iloc[i, :3])}) {column}"
            found.append(f"{place}: {old[column][i]!r} -> {new[column][i]!r}")
    return found


def main(arguments: list[str]) -> int:
    """Print a line a file, then every difference."""
    old, new = [*arguments, *("HEAD", str(ROOT / "reports"))[len(arguments) :]]
    lines = []
    for name in FILES:
        tables = read(old, name), read(new, name)
        found = compare(name, *tables)
        lines += found
        print(f"{name + '.csv':<22}{len(tables[1]):>6} lines, {len(found)} cells differ")
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
