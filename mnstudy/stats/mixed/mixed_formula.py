"""The random-intercept model from a formula and a table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.solve import Df, Variance


def mixed_model(
    formula: str,
    data: pd.DataFrame,
    groups: Any,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MixedFit:
    """Fit a formula with a random intercept per group, by REML.

    Parameters
    ----------
    formula : str
        Outcome and columns, such as ``"score ~ arm + baseline"``; the intercept is included
        unless the formula says ``- 1``. Text columns become indicator columns.
    data : DataFrame
        Holds every name the formula uses; nothing is looked up elsewhere.
    groups : str or sequence
        Name of the column with the patient of each row, or the labels themselves.
    confidence_level, df, variance
        As in `random_intercept`.

    Returns
    -------
    MixedFit
        Named by the columns the formula makes, such as ``arm[T.needling]``.

    Raises
    ------
    ValueError
        The formula has no outcome, names something that is not in the data, or the model
        cannot be fitted (see `random_intercept`).

    Notes
    -----
    A row with a missing value in any variable of the formula or in groups is left out and
    counted; a missing category is never taken for the reference level.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "patient": list("aabbccdd"),
    ...     "side": ["left", "right"] * 4,
    ...     "score": [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5],
    ... })
    >>> fit = mixed_model("score ~ side", data, "patient")
    >>> print(fit.contrast("side[T.right]", name="right - left"))
    right - left: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    """
    y, x = _matrices(formula, data)
    if isinstance(groups, str):
        if groups not in data.columns:
            raise ValueError(f"data has no column {groups!r} to use as groups")
        groups = data[groups]
    return random_intercept(
        y, x, groups, confidence_level=confidence_level, df=df, variance=variance
    )


def _matrices(formula: str, data: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Outcome and columns for every row of the data; nan in rows with a missing value."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    if "|" in formula:
        raise ValueError("the formula holds '|'; pass the grouping as groups=, not as (1 | group)")
    rows = data.reset_index(drop=True)
    try:
        matrices = model_matrix(formula, rows, na_action="drop", context={})
    except (FormulaicError, SyntaxError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"formula {formula!r} does not fit the data: {reason}") from error
    if not hasattr(matrices, "lhs"):
        raise ValueError(f"formula {formula!r} has no outcome; write 'outcome ~ columns'")
    left, right = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    if left.shape[1] != 1:
        raise ValueError(
            f"the outcome of {formula!r} makes {left.shape[1]} columns; it must be one number"
        )
    return left.iloc[:, 0].reindex(rows.index), right.reindex(rows.index)
