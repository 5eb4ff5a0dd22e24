"""The columns of the contract: what each means and may hold, read from ``columns.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from mnstudy.packaged import packaged


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """One column of a contract, as declared in ``columns.toml`` or ``published.toml``.

    ``core`` columns a sheet of patients must have; of a table of published evidence no cell of a
    ``required`` column may be empty, and an ``optional`` one may be left out. ``pattern`` is what
    a whole cell of text matches, ``says`` its rule in words.
    """

    name: str
    kind: str
    meaning: str
    core: bool = False
    unit: str = ""
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    example: Any = None
    slip: Mapping[str, Any] | None = None
    required: bool = False
    optional: bool = False
    pattern: str = ""
    says: str = ""

    @property
    def numeric(self) -> bool:
        """True for columns that become numbers."""
        return self.kind in ("integer", "number")

    @property
    def rule(self) -> str:
        """What a cell may hold, in words."""
        if self.levels:
            return "one of " + ", ".join(self.levels)
        if self.says:
            return self.says
        if self.kind == "boolean":
            return "true or false"
        if self.low is None:
            return {"number": "a number"}.get(self.kind, "text")
        if self.low == -math.inf:
            return f"at most {self.high:g} {self.unit}".rstrip()
        whole = "a whole number, " if self.kind == "integer" else ""
        return f"{whole}{self.low:g} to {self.high:g} {self.unit}".rstrip()


@cache
def columns() -> dict[str, ColumnSpec]:
    """Return every column of the contract by name, in the order of the dictionary."""
    return {
        name: ColumnSpec(name=name, **{**raw, "levels": tuple(raw.get("levels", ()))})
        for name, raw in packaged("cohort/schema/columns.toml").items()
    }


def dictionary() -> pd.DataFrame:
    """Return the data dictionary: name, core, kind, unit, rule, meaning, example."""
    fields = ["name", "core", "kind", "unit", "rule", "meaning", "example"]
    return pd.DataFrame(
        [[getattr(c, f) for f in fields] for c in columns().values()], columns=fields
    )
