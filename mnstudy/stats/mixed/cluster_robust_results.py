"""The result of ordinary least squares with cluster-robust errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.cluster_robust_blocks import Blocks
from mnstudy.stats.mixed.degrees_of_freedom import t_p_value, t_quantile
from mnstudy.stats.mixed.design import Array, Design
from mnstudy.stats.mixed.mixed_results import COLUMNS, Contrast, weight_rows

ALONE = (
    "a single group determines {what}, so its standard error cannot be estimated; "
    "leave out that column or collect more groups like it"
)
EVEN = (
    "the groups agree on {what} without any difference, so its standard error cannot be "
    "estimated; check the outcome"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RobustFit:
    """Ordinary least squares with CR2 standard errors and Satterthwaite degrees of freedom.

    ``without_error`` names columns whose standard error cannot be estimated: a single group
    determines them, or all groups agree on them. Their error, df, t, p and interval are nan in
    ``coefficients``, and a contrast that rests on them is refused.
    """

    coefficients: pd.DataFrame
    covariance: Array
    n_obs: int
    n_groups: int
    n_missing: int
    confidence_level: float
    without_error: tuple[str, ...]
    _beta: Array
    _blocks: Blocks

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.coefficients.index)

    def contrast(
        self,
        weights: Any,
        *,
        name: str = "contrast",
        confidence_level: float | None = None,
    ) -> Contrast:
        """Estimate a weighted sum of coefficients.

        Parameters
        ----------
        weights : array of shape (p,), mapping of column name to weight, or column name
        name : what the contrast is called in the result
        confidence_level : float, optional
            The fit's own when not given.

        Raises
        ------
        ValueError
            A single group determines the weighted sum, or all groups agree on it.
        """
        level = self.confidence_level if confidence_level is None else confidence_level
        rows = weight_rows(weights, self.names)
        if len(rows) != 1:
            raise ValueError("contrast() takes one row of weights; use contrasts() for several")
        if self._blocks.rests_on_one(rows)[0]:
            raise ValueError(ALONE.format(what=repr(name)))
        if self._blocks.too_even(rows)[0]:
            raise ValueError(EVEN.format(what=repr(name)))
        values = inference(self._blocks, self._beta, rows, level)
        single = {column: float(array[0]) for column, array in values.items()}
        return Contrast(**single, confidence_level=level, name=name)

    def contrasts(
        self,
        weights: Any,
        *,
        names: Sequence[str] | None = None,
        confidence_level: float | None = None,
    ) -> pd.DataFrame:
        """Estimate several weighted sums; nan where a standard error cannot be estimated."""
        level = self.confidence_level if confidence_level is None else confidence_level
        rows = weight_rows(weights, self.names)
        frame = pd.DataFrame(inference(self._blocks, self._beta, rows, level))
        if names is not None:
            frame.index = pd.Index(list(names), name="name")
        return frame

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients, nothing rounded."""
        return self.coefficients.copy()

    def __repr__(self) -> str:
        return f"{self._rounded().to_string()}\n" + "\n".join(self._footer())

    def _repr_html_(self) -> str:
        return f"{self._rounded().to_html()}<p>{'<br>'.join(self._footer())}</p>"

    def _rounded(self) -> pd.DataFrame:
        first = ["estimate", "ci_low", "ci_high", "std_error", "df", "t", "p_value"]
        return self.coefficients[first].map(lambda value: f"{value:.4g}")

    def _footer(self) -> list[str]:
        lines = [
            f"{100 * self.confidence_level:g}% intervals, satterthwaite df, least squares with "
            "CR2 errors by group",
            f"n = {self.n_obs} rows in {self.n_groups} groups; {self.n_missing} left out (missing)",
        ]
        if self.without_error:
            named = ", ".join(map(repr, self.without_error))
            lines.append(f"no standard error for {named}: one group alone, or no difference")
        return lines


def inference(
    blocks: Blocks, beta: Array, rows: Array, confidence_level: float
) -> dict[str, Array]:
    """Estimate, error, df, t, p and interval of every row of weights: arrays (q,)."""
    if not 0.0 < confidence_level < 1.0:
        raise ValueError(
            f"confidence_level must lie between 0 and 1, such as 0.95, not {confidence_level}"
        )
    unknown = blocks.rests_on_one(rows) | blocks.too_even(rows)
    estimate = rows @ beta
    error = np.where(unknown, np.nan, np.sqrt(blocks.variance(rows)))
    df = np.where(unknown, np.nan, blocks.degrees_of_freedom(rows))
    t = estimate / error
    half = t_quantile(df, confidence_level) * error
    values = (estimate, error, df, t, t_p_value(t, df), estimate - half, estimate + half)
    return dict(zip(COLUMNS, values, strict=True))


def robust_fit(design: Design, beta: Array, blocks: Blocks, confidence_level: float) -> RobustFit:
    """Gather coefficients and their errors into a fit."""
    found = inference(blocks, beta, np.eye(len(beta)), confidence_level)
    frame = pd.DataFrame(found, index=pd.Index(design.names, name="name"))
    unknown = frame["std_error"].isna().to_numpy()
    either = unknown[:, None] | unknown[None, :]
    return RobustFit(
        coefficients=frame,
        covariance=np.where(either, np.nan, blocks.covariance()),
        n_obs=len(design.x),
        n_groups=len(design.sizes),
        n_missing=design.n_missing,
        confidence_level=confidence_level,
        without_error=tuple(frame.index[unknown]),
        _beta=beta,
        _blocks=blocks,
    )
