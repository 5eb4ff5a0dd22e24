"""Write data/manifest.toml: every data file with its sha256, every data set with its provenance.

Run it after any meant change below data/: ``python tools/make_manifest.py``. The same files give
the same manifest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mnstudy.cohort.loading.shipped import MANIFEST, check_manifest, data_files, file_facts
from mnstudy.cohort.study.study import read_study

DATA = Path(__file__).resolve().parents[1] / "data"
# a data set with a study file says these things there
TABLES_ONLY = {
    "published": {
        "title": "Published outcomes of microneedling: study-level figures of 309 publications",
        "synthetic": False,
        "kind": "tables",
        "main": "contrasts.csv",
        "source": "Read in the abstracts, tables and pages of 309 publications; no patient rows.",
        "licence": "Facts read in publications, free to use; cite the publications (doi, pmid).",
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


def main() -> int:
    """Write the manifest and say what it holds."""
    (DATA / MANIFEST).write_text(manifest(DATA), encoding="utf-8", newline="\n")
    bad = check_manifest(DATA)
    print(f"{DATA.name}/{MANIFEST}: {len(list(data_files(DATA)))} files")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
