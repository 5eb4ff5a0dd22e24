"""The result of comparing two arms or two sides."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.mixed_results import Contrast
from mnstudy.stats.mixed.rows import Rows

NAME = "treated - control"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """Treated minus control, with both means; ``method`` says which form was used."""

    difference: Contrast
    treated: Contrast
    control: Contrast
    n_treated: int
    n_control: int
    n_groups: int
    n_missing: int
    method: str
    fit: MixedFit

    def __str__(self) -> str:
        return (
            f"{self.difference}\n{self.method}; {self.n_treated} treated and {self.n_control} "
            f"control rows of {self.n_groups} groups, {self.n_missing} left out (missing)"
        )

    def to_frame(self) -> pd.DataFrame:
        """Difference and both means, one row each, nothing rounded."""
        return pd.concat([c.to_frame() for c in (self.difference, self.treated, self.control)])


def difference(rows: Rows, treated: Array, fit: MixedFit, method: str) -> Difference:
    """Read the difference and both means off a fit with the columns "control" and `NAME`."""
    return Difference(
        difference=fit.contrast([NAME], name=NAME),
        treated=fit.contrast({"control": 1.0, NAME: 1.0}, name="treated"),
        control=fit.contrast(["control"], name="control"),
        n_treated=int(treated.sum()),
        n_control=int((1.0 - treated).sum()),
        n_groups=fit.n_groups,
        n_missing=rows.n_missing,
        method=method,
        fit=fit,
    )
