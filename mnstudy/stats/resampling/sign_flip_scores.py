"""What each patient contributes to a coefficient, for tests that flip patients' signs.

One specification (outcome, rows, covariates) gives one column of contributions; many of them are
tested together by ``joint_sign_flip``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mnstudy.stats.mixed.design import Array, Codes, Design, as_float, read
from mnstudy.stats.mixed.sums import basis_sums
from mnstudy.stats.resampling.sign_flip import JointTest, joint_sign_flip

__all__ = ["JointTest", "ScoreParts", "joint_sign_flip", "patient_scores", "score_parts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreParts:
    """Contributions of patients to one coefficient's score, and to its nuisance columns.

    ``nuisance`` holds, per patient, how far flipping that patient would turn the tested column
    towards each (orthonormal) nuisance column, relative to the column's length; it sums to zero.
    """

    scores: Array  # (n_patients,)
    nuisance: Array  # (n_patients, number of nuisance columns)


def patient_scores(
    y: Any,
    X: Any,
    groups: Any,
    column: str | int,
    *,
    ratio: float = 0.0,
    null: float = 0.0,
    everyone: Sequence[Any],
) -> Array:
    r"""Effective score contributions of patients for one coefficient of a linear model.

    Parameters
    ----------
    y : array of shape (n,)
        Outcome, in its own unit.
    X : array of shape (n, p)
        All columns; an intercept is a column of ones and is not added.
    groups : sequence of length n
        The patient of each row.
    column : str or int
        The tested column, by its name in a frame or its place; the others are nuisance.
    ratio : float
        Variance between over variance within patients that weighs the rows; 0 is least squares.
        A wrong ratio costs power, not validity, but it must not be chosen by the effect.
    null : float
        Coefficient under the hypothesis.
    everyone : sequence
        Labels of all patients of all specifications; the result is in this order.

    Returns
    -------
    array of shape (n_patients,)
        They sum to the score; patients without a complete row here contribute 0.

    Raises
    ------
    ValueError
        Shapes differ, columns are collinear (they are named), no such column, patients that are
        not in ``everyone``, or a ratio under which the covariance is singular.

    Notes
    -----
    For patient i :math:`\nu_i = \tilde x_i' V_i^{-1} r_i` with :math:`V_i = I + ratio \cdot J`,
    r the residual of y - null x on the nuisance columns and :math:`\tilde x` that of the tested
    column, both by generalised least squares with V. Rows with a missing value contribute nothing.

    References
    ----------
    Hemerik, Goeman & Finos (2020), doi 10.1111/rssb.12369.

    Examples
    --------
    >>> X = np.column_stack([np.ones(6), [1, 0, 1, 0, 1, 0]])
    >>> y, patient = [5.0, 3.0, 4.0, 4.5, 6.0, 2.0], ["a", "a", "b", "b", "c", "c"]
    >>> patient_scores(y, X, patient, 1, everyone=["a", "b", "c", "d"]).round(3)
    array([ 1.  , -0.25,  2.  ,  0.  ])
    """
    return score_parts(y, X, groups, column, ratio=ratio, null=null, everyone=everyone).scores


def score_parts(
    y: Any,
    X: Any,
    groups: Any,
    column: str | int,
    *,
    ratio: float = 0.0,
    null: float = 0.0,
    everyone: Sequence[Any],
) -> ScoreParts:
    """Contributions as in `patient_scores`, with what standardising their flips needs.

    Examples
    --------
    >>> X = np.column_stack([np.ones(4), [1, 1, 0, 0]])
    >>> parts = score_parts([5.0, 3.0, 4.0, 2.0], X, list("abcd"), 1, everyone=list("abcd"))
    >>> parts.scores
    array([ 0.75, -0.25, -0.25,  0.75])
    >>> abs(parts.nuisance.ravel()).round(3)
    array([0.25, 0.25, 0.25, 0.25])
    """
    y_array = as_float(y, "y")
    if y_array.ndim != 1:
        raise ValueError("y must be one-dimensional, one outcome per row of X")
    design = read(y_array, X, groups, None)
    place, seats = _place(column, design.names), _seats(design.labels, everyone)
    design = _whitened(design, ratio)
    basis_sums(design)  # refuses collinear columns by name
    x = design.x[:, place]
    others = np.delete(design.x, place, axis=1)
    frame = np.linalg.qr(others / np.linalg.norm(others, axis=0))[0]
    rest = design.y[:, 0] - null * x
    rest = rest - frame @ (frame.T @ rest)
    tested = x - frame @ (frame.T @ x)
    turned = frame * (tested / np.linalg.norm(tested))[:, None]
    sums = np.zeros((len(everyone), 1 + others.shape[1]))
    np.add.at(sums, seats[design.codes], np.column_stack([tested * rest, turned]))
    return ScoreParts(scores=sums[:, 0], nuisance=sums[:, 1:])


def _place(column: str | int, names: tuple[str, ...]) -> int:
    if isinstance(column, str):
        if column not in names:
            raise ValueError(f"no column named {column}; there are {', '.join(names)}")
        return names.index(column)
    if not 0 <= column < len(names):
        raise ValueError(f"column {column} does not exist; X has columns 0 to {len(names) - 1}")
    return int(column)


def _seats(labels: Any, everyone: Sequence[Any]) -> Codes:
    """Row of the result for each patient of this specification."""
    seat = {label: place for place, label in enumerate(everyone)}
    if len(seat) < len(everyone):
        raise ValueError("everyone lists a patient more than once; give each label once")
    strangers = sum(label not in seat for label in labels)
    if strangers:
        raise ValueError(
            f"{strangers} patients of this specification are not in everyone; "
            "give the labels of all patients of all specifications"
        )
    return np.array([seat[label] for label in labels], dtype=np.intp)


def _whitened(design: Design, ratio: float) -> Design:
    """Multiply by (I + ratio J)^(-1/2), which shrinks the mean of a patient's n rows."""
    if not np.isfinite(ratio) or 1.0 + ratio * design.sizes.max() <= 0.0:
        raise ValueError(
            f"ratio must be a number above -1 / (rows of the largest patient), not {ratio}; "
            "0 weighs all rows alike"
        )
    pull = (1.0 - 1.0 / np.sqrt(1.0 + ratio * design.sizes)) / design.sizes
    table = np.column_stack([design.y, design.x])
    sums = np.zeros((len(design.sizes), table.shape[1]))
    np.add.at(sums, design.codes, table)
    table = table - (pull[:, None] * sums)[design.codes]
    return replace(design, y=table[:, :1], x=table[:, 1:])
