"""Write data/manifest.toml: every data file with its sha256, every data set with its provenance.

Before it data/published/datapackage.json: the contract of the published tables as a Data Package.
Run it after any meant change below data/: ``python tools/make_manifest.py``. The same files give
the same manifest.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnstudy.cohort.loading.shipped import MANIFEST, check_manifest, data_files, file_facts
from mnstudy.cohort.published.extraction import TableSpec, specs
from mnstudy.cohort.schema.columns import ColumnSpec
from mnstudy.cohort.study.study import read_study

DATA = Path(__file__).resolve().parents[1] / "data"
# a data set with a study file says these things there
TABLES_ONLY = {
    "published": {
        "title": "Published outcomes of microneedling: study-level figures of 353 publications",
        "synthetic": False,
        "kind": "tables",
        "main": "contrasts.csv",
        "source": "Read in the abstracts, tables and pages of 353 publications; no patient rows.",
        "licence": "CC-BY-4.0",
    },
    "certificate": {
        "title": "SYNTHETIC certificate: how often simulated studies are wrong",
        "synthetic": True,
        "kind": "tables",
        "main": "certificate.csv",
        "source": "Simulated by make certify; size, time, seed and code in certificate.json.",
        "licence": "MIT",
    },
    "messy_clinic": {
        "title": "SYNTHETIC workbook as a busy clinic keeps it, to practise reading a sheet on",
        "synthetic": True,
        "kind": "sheet",
        "main": "Narben 2025.synthetic.xlsx",
        "source": "Invented from mnstudy.simulate(60, design='parallel') with rng=11.",
        "licence": "CC0-1.0",
    },
}
PACKAGE = "datapackage.json"
KINDS = {"integer": "integer", "number": "number"}
ANY = r"(?s:.*)"
HEAD = "# Written by tools/make_manifest.py; do not edit by hand.\n"


def manifest(data_dir: Path) -> str:
    """Return the manifest of a data folder as TOML."""
    files = list(data_files(data_dir))
    names = sorted({path.relative_to(data_dir).parts[0] for path in files})
    blocks = [_block(f"[dataset.{name}]", _about(data_dir / name)) for name in names]
    for path in files:
        entry = {"path": path.relative_to(data_dir).as_posix(), **file_facts(path)}
        blocks.append(_block("[[file]]", entry))
    return "\n".join([HEAD, *blocks])


def _about(folder: Path) -> dict[str, Any]:
    if folder.name in TABLES_ONLY:
        return TABLES_ONLY[folder.name]
    study = read_study(folder / "study.toml")
    return {
        "title": study.title,
        "synthetic": study.synthetic,
        "kind": "sessions",
        "main": study.file,
        "source": study.source,
        "licence": study.licence,
    }


def _block(head: str, entries: dict[str, Any]) -> str:
    # a JSON text, number or truth value is a TOML one too
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items()]
    return "\n".join([head, *lines, ""])


def datapackage(folder: Path) -> str:
    """Return the Data Package of the published tables: specs.frictionlessdata.io, version 1."""
    present = [spec for spec in specs().values() if (folder / spec.file).is_file()]
    package = {
        "profile": "tabular-data-package",
        "name": "published-microneedling",
        "title": TABLES_ONLY["published"]["title"],
        "description": TABLES_ONLY["published"]["source"],
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "title": "Creative Commons Attribution 4.0 International",
                "path": "https://creativecommons.org/licenses/by/4.0/",
            }
        ],
        "resources": [_resource(folder, spec) for spec in present],
    }
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def _resource(folder: Path, spec: TableSpec) -> dict[str, Any]:
    path = folder / spec.file
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))  # an optional column may be left out
    return {
        "profile": "tabular-data-resource",
        "name": spec.name,
        "path": spec.file,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": path.stat().st_size,
        "hash": f"sha256:{file_facts(path)['sha256']}",
        "schema": {
            "fields": [_field(spec.columns[name]) for name in header],
            "missingValues": [""],
            "primaryKey": list(spec.key),
            "foreignKeys": list(_foreign_keys(spec)),
        },
    }


def _field(column: ColumnSpec) -> dict[str, Any]:
    constraints = {
        "required": column.required or None,
        "enum": list(column.levels) or None,
        "minimum": column.low,
        "maximum": column.high,
        "pattern": None if column.numeric or column.pattern == ANY else column.pattern,
    }
    return {
        "name": column.name,
        "type": KINDS.get(column.kind, "string"),
        "description": column.meaning,
        "constraints": {key: value for key, value in constraints.items() if value is not None},
    }


def _foreign_keys(spec: TableSpec) -> Iterator[dict[str, Any]]:
    """Leave out what a Data Package cannot say: several ids in a cell, or a word that is none."""
    for ref in spec.refers:
        several = spec.columns[ref["columns"][-1]].kind == "ids"
        if not several and "except" not in ref:
            target = "" if ref["to"] == spec.name else ref["to"]
            key = list(specs()[ref["to"]].key)
            yield {"fields": ref["columns"], "reference": {"resource": target, "fields": key}}


def main() -> int:
    """Write the Data Package and the manifest, and say what the manifest holds."""
    published = DATA / "published"
    (published / PACKAGE).write_text(datapackage(published), encoding="utf-8", newline="\n")
    (DATA / MANIFEST).write_text(manifest(DATA), encoding="utf-8", newline="\n")
    bad = check_manifest(DATA)
    print(f"{DATA.name}/{MANIFEST}: {len(list(data_files(DATA)))} files")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
