"""Measure the house and hold it to its limits: modules, widest folder, code lines, circles.

``python tools/house.py`` prints the sizes of ``mnstudy/`` in the working tree beside those of the
last commit and fails where one is above its limit; while the last commit is above a limit itself,
that commit is the limit. ``--against REV`` compares with another commit.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "mnstudy"
ROOT = Path(__file__).parents[1]
# A raise of one of these numbers is a line in CHANGELOG.md that says what it bought.
LIMITS = {"modules": 200, "widest": 12, "code_lines": 37_550, "circles": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes of a package; ``__init__.py`` counts in lines and circles, not among the modules."""

    modules: int
    widest: int
    widest_folder: str
    code_lines: int
    circles: int


def sizes(root: Path) -> Sizes:
    """Measure the package below a folder."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    folders = Counter(f.parent for f in files if f.name != "__init__.py")
    widest, count = max(folders.items(), key=lambda item: (item[1], str(item[0])))
    return Sizes(
        modules=folders.total(),
        widest=count,
        widest_folder=widest.relative_to(root).as_posix(),
        code_lines=sum(code_lines(f.read_text(encoding="utf-8")) for f in files),
        circles=len(circles(imports(root))),
    )


def code_lines(text: str) -> int:
    """Count the lines that hold code: no blank line, no comment, no docstring."""
    tree = ast.parse(text)
    docs: set[int] = set()
    for node in ast.walk(tree):
        holds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, holds) and ast.get_docstring(node, clean=False) is not None:
            docs.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(
        1 for i, s in lines if s.strip() and not s.lstrip().startswith("#") and i not in docs
    )


def imports(root: Path) -> dict[str, set[str]]:
    """Return which modules each module imports, also inside functions and for types only."""
    files = {_name(f, root): f for f in (root / PACKAGE).rglob("*.py")}
    graph = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {target for node in ast.walk(tree) for target in _targets(node, files)}
        graph[name] = found - {name}
    return graph


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(node: ast.AST, known: Mapping[str, object]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name in known)
    elif isinstance(node, ast.ImportFrom) and node.module in known:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else str(node.module)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or by others (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def committed(revision: str) -> Sizes:
    """Measure the package as it was committed."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", revision, PACKAGE], cwd=ROOT, stdout=-1, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
        return sizes(Path(folder))


def above(now: Sizes, before: Sizes) -> list[str]:
    """Say which sizes are above their limit, or above what they were where that was above it."""
    return [
        f"{name}: {getattr(now, name):,} is above {limit:,}"
        for name, limit in ((n, max(most, getattr(before, n))) for n, most in LIMITS.items())
        if getattr(now, name) > limit
    ]


def main() -> int:
    """Print the sizes beside the limits; 1 where one is above."""
    parser = argparse.ArgumentParser(description="sizes of mnstudy/, held to their limits")
    parser.add_argument("--against", default="HEAD", metavar="REV", help="the commit beside it")
    revision = parser.parse_args().against
    now, before = sizes(ROOT), committed(revision)
    print(f"{'':<12}{revision:>12}{'now':>10}{'limit':>10}")
    for name, limit in LIMITS.items():
        old, new = (getattr(x, name) for x in (before, now))
        print(f"{name:<12}{old:>12,}{new:>10,}{limit:>10,}")
    print(f"widest folder: {now.widest_folder}")
    for circle in circles(imports(ROOT)):
        print("circle: " + ", ".join(circle))
    wrong = above(now, before)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
