"""The package's own data: TOML files that lie beside the modules that read them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def packaged(path: str) -> dict[str, Any]:
    """Return a TOML file of the package, read once for all: nobody changes what it holds.

    >>> packaged("cohort/schema/columns.toml")["patient_id"]["kind"]
    'id'
    """
    return tomllib.loads(resources.files("mnstudy").joinpath(path).read_text("utf-8"))
