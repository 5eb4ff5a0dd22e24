"""What is released holds together: one version everywhere, and a wheel that works elsewhere."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import mnstudy

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = yaml.safe_load((ROOT / "packaging/conda/recipe.yaml").read_text())

# Run by a fresh process in an empty folder, where only the installed wheel can be found.
ELSEWHERE = """
from importlib import metadata, resources
import mnstudy as mn
print(mn.__file__)
print(mn.load("demo_split_face").study.design)
print(*mn.claims().index)
print(resources.files("mnstudy").joinpath("py.typed").is_file())
print(metadata.version("mnstudy"), mn.__version__)
"""


def plain(requirement):
    """Write a requirement so that those of pip and of conda compare: no extras, no blanks."""
    return re.sub(r"\[.*?\]|\s", "", requirement)


def build(builder, source, folder):
    return Path(next(builder(str(source)).build(directory=str(folder), versions=["standard"])))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Give the folder of an unpacked source archive."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(build(SdistBuilder, ROOT, folder / "packed")) as packed:
        packed.extractall(folder, filter="data")
    return folder / f"mnstudy-{mnstudy.__version__}"


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """Build the wheel from nothing but the source archive."""
    return build(WheelBuilder, source, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    place = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-compile", "--target", str(place), str(wheel)]
    subprocess.run([*pip, *offline], check=True)
    return place


def test_the_source_archive_holds_what_developers_need(source):
    there = {path.name for path in source.iterdir()}
    folders = {"mnstudy", "data", "notebooks", "docs", "tests", "tools", "packaging"}
    assert folders | {"Makefile", "environment.yml", "requirements.lock", "README.md"} <= there
    assert "reports" not in there


def test_the_wheel_of_the_source_archive_is_that_of_the_checkout(wheel, tmp_path):
    assert build(WheelBuilder, ROOT, tmp_path).read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_package_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    top = f"mnstudy-{mnstudy.__version__}.dist-info"
    assert {n.split("/")[0] for n in names} == {"mnstudy", top}
    assert not [n for n in names if "__pycache__" in n or "/." in n or n.endswith(".pyc")]
    places = {"mnstudy": "mnstudy", "data": "mnstudy/_data", "notebooks": "mnstudy/_notebooks"}
    kinds = {".toml", ".j2", ".css", ".js", ".csv", ".xlsx", ".ipynb"}
    needed = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in places.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and ".ipynb_checkpoints" not in path.parts
    }
    assert len(needed) > 40
    assert needed | {"mnstudy/py.typed", f"{top}/licenses/LICENSE"} <= set(names)


def test_an_installed_wheel_works_outside_the_checkout(installed, tmp_path):
    clean = {k: v for k, v in os.environ.items() if k != "MNSTUDY_DATA"}
    out = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert out[:2] == [str(installed / "mnstudy" / "__init__.py"), "split_body"]
    assert out[2].split() == list(mnstudy.claims().index)
    assert out[3:] == ["True", f"{mnstudy.__version__} {mnstudy.__version__}"]


def test_the_command_of_an_installed_wheel_answers(installed, tmp_path):
    out = subprocess.run(
        [sys.executable, "-m", "mnstudy", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.split() == ["mnstudy", mnstudy.__version__]
    script = (installed / "bin" / "mnstudy").read_text()
    assert "from mnstudy.cli import main" in script


def test_one_version_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    found = {PROJECT["version"], mnstudy.__version__, str(cited["version"]), newest}
    assert found == {RECIPE["context"]["version"]}
    assert cited["license"] == PROJECT["license"]


def test_the_conda_recipe_is_true_to_pyproject():
    python = f"python{PROJECT['requires-python']}"
    run = sorted(map(plain, RECIPE["requirements"]["run"]))
    assert run == sorted([python, *map(plain, PROJECT["dependencies"])])
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    host = sorted(map(plain, RECIPE["requirements"]["host"]))
    assert host == sorted([python, "pip", *map(plain, backend)])
    (name, target), *more = PROJECT["scripts"].items()
    assert RECIPE["build"]["python"]["entry_points"] == [f"{name} = {target}"]
    assert not more
    assert RECIPE["package"]["name"] == PROJECT["name"]
    about = RECIPE["about"]
    assert about["summary"] == PROJECT["description"]
    assert (about["license"], [about["license_file"]]) == (
        PROJECT["license"],
        PROJECT["license-files"],
    )
