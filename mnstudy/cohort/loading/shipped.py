"""Where the shipped data lie; imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mnstudy.errors import DataError

MANIFEST = "manifest.toml"


def data_dir() -> Path:
    """Return the folder of the shipped data.

    It is ``$MNSTUDY_DATA`` where that is set, else the copy inside an installed package, else
    ``data/`` of the checkout.

    Raises
    ------
    DataError
        None of them holds a manifest.
    """
    package = Path(__file__).resolve().parents[2]
    own = os.environ.get("MNSTUDY_DATA")
    places = [Path(own)] if own else [package / "_data", package.parent / "data"]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    looked = "MNSTUDY_DATA" if own else "the package and the checkout"
    raise DataError(f"the shipped data were not found (looked in {looked}): install mnstudy again")


def data_files(folder: Path) -> Iterator[Path]:
    """List the files of the data sets: all in the folders below, sorted, hidden ones left out."""
    for path in sorted(folder.glob("*/**/*")):
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path
