"""Cells of counts: their check, and the correction where a cell is zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mnstudy.stats.meta.effect_result import (
    Array,
    Mask,
    require,
    require_correlation,
    require_spread,
    study_columns,
)

ZERO_CELL = "such that no cell is zero when correction is 0"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Events and non-events of two groups per study, zero cells corrected where asked."""

    events1: Array
    rest1: Array
    events0: Array
    rest0: Array
    correlation: Array
    paired: bool
    notes: tuple[str, ...]

    @property
    def no_zero(self) -> Mask:
        """True for the studies without a zero cell."""
        return no_zero_cell(self.events1, self.rest1, self.events0, self.rest0)

    @property
    def whose(self) -> str:
        """Whose events were counted, in words."""
        return "the same patients" if self.paired else "separate groups"


def two_groups(
    events1: ArrayLike,
    n1: ArrayLike,
    events0: ArrayLike,
    n0: ArrayLike,
    correction: float,
    r: ArrayLike | None,
) -> Tables:
    """Check the counts of two groups and correct the tables with a zero cell."""
    e1, size1, e0, size0, correlation = study_columns(
        events1=events1, n1=n1, events0=events0, n0=n0, r=0.0 if r is None else r
    )
    require_counts(e1, size1, "events1", "n1")
    require_counts(e0, size0, "events0", "n0")
    require_correlation(correlation)
    if r is not None:
        require(size1 == size0, "n0", size0, "equal to n1 when r is given (the same patients)")
    cells, notes = corrected([e1, size1 - e1, e0, size0 - e0], correction)
    return Tables(
        events1=cells[0],
        rest1=cells[1],
        events0=cells[2],
        rest0=cells[3],
        correlation=correlation,
        paired=r is not None,
        notes=notes,
    )


def require_counts(events: Array, size: Array, events_name: str, size_name: str) -> None:
    """Require events between none and all."""
    require_spread(**{size_name: size})
    require((events >= 0) & (events <= size), events_name, events, f"from 0 to {size_name}")


def no_zero_cell(*cells: Array) -> Mask:
    """Mark the studies where every cell is above zero."""
    return np.logical_and.reduce([cell > 0 for cell in cells])


def corrected(cells: list[Array], correction: float) -> tuple[list[Array], tuple[str, ...]]:
    """Add the correction to all cells of the studies with a zero one, and note which those are."""
    if correction < 0:
        raise ValueError(f"correction must be 0 or more, not {correction:g}")
    zero = ~no_zero_cell(*cells)
    if correction == 0 or not zero.any():
        return cells, ()
    studies = ", ".join(str(index + 1) for index in np.flatnonzero(zero))
    note = f"{correction:g} added to the cells of study {studies} (zero cell)"
    return [cell + correction * zero for cell in cells], (note,)
