"""The lists of dependencies agree, and nothing names an index or a path of one machine."""

import importlib.util
import re
import subprocess
import sys
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


@pytest.fixture
def maker():
    spec = importlib.util.spec_from_file_location("make_venv", ROOT / "tools" / "make_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_maker_of_the_environment_tells_what_it_will_do_and_each_stage(
    maker, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.lock").write_text(
        "one==1 ; python_version == '3.11' \\\n  --hash=sha256:0\ntwo==2\n"
    )
    monkeypatch.setattr(maker.sys, "argv", ["make_venv.py", "env"])
    python = Path("env") / ("Scripts" if maker.os.name == "nt" else "bin") / "python"

    def make(*words, **how):
        python.parent.mkdir(parents=True)
        return subprocess.CompletedProcess(words, 0)

    pip = "print('Collecting one\\nInstalling collected packages: one')"
    begun = subprocess.Popen
    monkeypatch.setattr(maker.subprocess, "run", make)
    monkeypatch.setattr(
        maker.subprocess, "Popen", lambda words, **how: begun([sys.executable, "-c", pip], **how)
    )
    maker.main()
    said = [
        line.removeprefix("environment ........ ") for line in capsys.readouterr().out.split("\n")
    ]
    assert said[0].startswith("making env with python 3.")
    assert "up to 2 packages, each locked with" in said[0]
    assert "hash in requirements.lock; about 2 minutes" in said[1]
    assert [line[:6] for line in said[2:6]] == ["1 of 3", "2 of 3", "2 of 3", "3 of 3"]
    assert said[6].startswith("env is ready: 0 packages")
