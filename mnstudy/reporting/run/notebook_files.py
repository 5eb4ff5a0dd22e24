"""Where the shipped notebooks lie; imports nothing of Jupyter."""

from __future__ import annotations

from pathlib import Path

from mnstudy.errors import DataError


def notebook_dir() -> Path:
    """Return the folder of the shipped notebooks: in an installed package, else in the checkout."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "_notebooks", package.parent / "notebooks"):
        if place.is_dir():
            return place
    raise DataError("the notebooks were not found: install mnstudy again")


def shipped_notebooks() -> list[Path]:
    """Return the shipped notebooks in reading order."""
    return sorted(notebook_dir().glob("[0-9]*.ipynb"))
