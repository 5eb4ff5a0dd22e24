"""The published tables as a Data Package: written from the contract, read by another program."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from mnstudy.cohort.loading.shipped import read_manifest
from mnstudy.cohort.published.extraction import specs

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data" / "published"
sys.path.insert(0, str(ROOT / "tools"))

import make_manifest  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "published"))


def errors(folder):
    """Write the package of a folder again and return what Frictionless finds in it."""
    from frictionless import validate

    report = validate(str(folder / "datapackage.json"))
    assert not report.errors
    found = {(task.name, error.type) for task in report.tasks for error in task.errors}
    return report.stats["tasks"], found


def change(folder, table, old, new):
    path = folder / f"{table}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def described(folder):
    text = make_manifest.datapackage(folder)
    (folder / "datapackage.json").write_text(text, encoding="utf-8")
    return json.loads(text)


def test_the_shipped_package_is_that_of_the_contract():
    text = (SHIPPED / "datapackage.json").read_text(encoding="utf-8")
    assert text == make_manifest.datapackage(SHIPPED)
    package = json.loads(text)
    tables = [resource["name"] for resource in package["resources"]]
    assert tables == [name for name in specs() if (SHIPPED / f"{name}.csv").is_file()]
    assert "contributors" not in package


def test_another_program_finds_nothing_wrong():
    tables = len(list(SHIPPED.glob("*.csv")))
    assert errors(SHIPPED) == (tables, set())


@pytest.mark.parametrize(
    ("table", "old", "new", "error"),
    [
        ("arms", ",roller,", ",rollers,", "constraint-error"),
        ("studies", ",2018,", ",1918,", "constraint-error"),
        ("studies", ",2018,", ",soon,", "type-error"),
        ("contrasts", ",o0024,", ",o9024,", "foreign-key"),
        ("reviews", "rv02", "rv01", "primary-key"),
        ("reviews", "rv02", "", "constraint-error"),
    ],
)
def test_another_program_finds_what_breaks_the_contract(folder, table, old, new, error):
    change(folder, table, old, new)
    described(folder)
    assert (table, error) in errors(folder)[1]


def test_another_program_finds_a_changed_byte(folder):
    change(folder, "outcomes", "37.63", "37.64")
    assert errors(folder)[1] == {("outcomes", "hash-count")}


def test_keys_across_tables_are_told_where_a_package_can_say_them(folder):
    package = described(folder)
    schemas = {resource["name"]: resource["schema"] for resource in package["resources"]}
    keys = schemas["outcomes"]["foreignKeys"]
    assert keys == [
        {
            "fields": ["study_id", "arm_id"],
            "reference": {"resource": "arms", "fields": ["study_id", "arm_id"]},
        }
    ]
    assert schemas["studies"]["foreignKeys"][0]["reference"]["resource"] == ""
    assert schemas["arms"]["primaryKey"] == ["study_id", "arm_id"]
    assert all(schema["missingValues"] == [""] for schema in schemas.values())


def test_a_table_that_is_absent_is_no_resource(folder):
    (folder / "leads.csv").unlink()
    assert "leads" not in {resource["name"] for resource in described(folder)["resources"]}


def test_package_manifest_and_licence_name_one_licence():
    package = json.loads((SHIPPED / "datapackage.json").read_text(encoding="utf-8"))
    (licence,) = package["licenses"]
    assert licence["name"] == read_manifest(SHIPPED.parent)["dataset"]["published"]["licence"]
    assert f"<{licence['path']}>" in (SHIPPED / "LICENSE.md").read_text(encoding="utf-8")
