"""The columns of the contract: what each means and may hold, read from ``columns.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from mnstudy.packaged import packaged

BESIDE = " + "  # between a treatment and the substance that is put on with it


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """One column of a contract, as declared in ``columns.toml`` or ``published.toml``.

    ``core`` columns a sheet of patients must have; what ``follows`` is known only after a
    treatment; of a table of published evidence no cell of a ``required`` column may be empty, and
    an ``optional`` one may be left out. ``pattern`` is what a whole cell of text matches, ``says``
    its rule in words.
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
    follows: bool = False
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

    @property
    def own_word_rule(self) -> str:
        """What a word of the sheet may be said to mean, in words."""
        if self.numeric:
            both = ', or a range ("25 to 50")' if self.name == "improvement_score" else ""
            return f'a number{both}, or "" where it says that the value is not known'
        both = ', one with a substance ("needling + prp")' if self.name == "treatment" else ""
        return f'{self.rule}{both}, or "" where it says that the value is not known'

    def takes(self, meaning: Any) -> bool:
        """Tell whether a word of the sheet may mean this; ``""`` is a value that is not known."""
        if isinstance(meaning, bool) or not isinstance(meaning, str | int | float):
            return self.kind == "boolean" and isinstance(meaning, bool)
        word = str(meaning).strip()
        if self.name == "treatment" and BESIDE in word:
            word, _, substance = word.partition(BESIDE)
            return word in self.levels and substance in columns()["adjunct"].levels
        if self.levels:
            return word in (*self.levels, "")
        if self.kind == "boolean":
            return word.lower() in ("true", "false", "")
        return not self.numeric or not word or bool(own_numbers(word, self.name))


@cache
def columns() -> dict[str, ColumnSpec]:
    """Return every column of the contract by name, in the order of the dictionary."""
    return {
        name: ColumnSpec(name=name, **{**raw, "levels": tuple(raw.get("levels", ()))})
        for name, raw in packaged("cohort/schema/columns.toml").items()
    }


def own_numbers(word: str, column: str) -> tuple[float, ...]:
    """Return the number, or the two ends of a range of improvement, that a meaning stands for.

    >>> own_numbers("25 to 50", "improvement_score")
    (25.0, 50.0)
    """
    parts = word.split(" to ") if column == "improvement_score" else [word]
    try:
        ends = tuple(float(part) for part in parts)
    except ValueError:
        return ()
    good = all(math.isfinite(x) for x in ends) and len(ends) <= 2 and ends == tuple(sorted(ends))
    return ends if good else ()


def known_units(column: str) -> dict[str, float]:
    """Return what a column may be written in: unit to what its number is multiplied by.

    ``in the cells`` stands for a unit in each cell; the factor is then that of the cell.
    """
    spec = columns().get(column)
    unit = spec.unit if spec else ""
    factors = {unit: 1.0, **FACTORS.get(unit, {})} if spec and spec.numeric and unit else {}
    if column == "age_band":
        return {"years": 1.0, IN_CELLS: 1.0}
    return {**factors, IN_CELLS: 1.0} if factors else {}


IN_CELLS = "in the cells"
DAYS_A_YEAR = 365.25
# what one of another unit is in the unit of a column
FACTORS: dict[str, dict[str, float]] = {
    "mm": {"um": 0.001, "micrometres": 0.001, "cm": 10.0},
    "micrometres": {"um": 1.0, "mm": 1000.0, "cm": 10_000.0},
    "weeks": {"days": 1 / 7, "months": DAYS_A_YEAR / 84, "years": DAYS_A_YEAR / 7},
    "days": {
        "hours": 1 / 24,
        "weeks": 7.0,
        "months": DAYS_A_YEAR / 12,
        "years": DAYS_A_YEAR,
    },
    "years": {"months": 1 / 12},
    "percent": {"fraction": 100.0},
}


def dictionary() -> pd.DataFrame:
    """Return the data dictionary: name, core, kind, unit, rule, meaning, example."""
    fields = ["name", "core", "kind", "unit", "rule", "meaning", "example"]
    return pd.DataFrame(
        [[getattr(c, f) for f in fields] for c in columns().values()], columns=fields
    )
