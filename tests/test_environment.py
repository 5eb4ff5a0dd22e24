"""The lists of dependencies agree, and nothing names an index or a path of one machine."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(requirement: str) -> str:
    """Write a requirement as conda does: without extras."""
    return re.sub(r"\[.*?\]", "", requirement).replace(" ", "")


def test_environment_yml_is_true_to_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert listed[-1] == {"pip": ["-e ."]}
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(r for x in ("notebooks", "io", "cluster") for r in extras[x]),
    ]
    wanted += [f"python{PROJECT['requires-python']}", "pip"]
    assert sorted(listed[:-1]) == sorted(plain(r) for r in wanted)


def test_the_lock_pins_every_declared_dependency_with_hashes():
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==", lock, re.MULTILINE))
    extras = PROJECT["optional-dependencies"].values()
    declared = [*PROJECT["dependencies"], *(r for extra in extras for r in extra)]
    names = {re.match(r"[A-Za-z0-9._-]+", r)[0].lower() for r in declared}
    assert names <= pinned
    assert len(re.findall(r"--hash=sha256:", lock)) > len(pinned)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "environment.yml"])
def test_no_index_address(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"--(extra-)?index-url|--find-links|https?://|file:", text)


def test_no_module_imports_itself_through_others():
    """Imports at the top of modules run in no circle, within a room either."""
    from graphlib import TopologicalSorter

    imports = {}
    for path in sorted((ROOT / "mnstudy").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        top = re.findall(
            r"^(?:from|import) (mnstudy[\w.]*)(?: import ([^\n(]+|\([^)]*\)))?",
            path.read_text(),
            re.M,
        )
        named = [
            f"{module}.{n.strip()}" for module, names in top for n in re.split(r"[,()\n]", names)
        ]
        imports[name] = {n for n in [*named, *(m for m, _ in top)] if n != name}
    known = {n: {m for m in found if m in imports} for n, found in imports.items()}
    assert len(list(TopologicalSorter(known).static_order())) == len(known)
