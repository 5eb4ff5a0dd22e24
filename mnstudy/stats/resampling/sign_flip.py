"""Many specifications of one question tested together, by flipping patients' signs.

One specification (outcome, rows, covariates) gives one column of what each patient contributes to
its coefficient (``score_parts``); ``joint_sign_flip`` tests many such columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import Array, Codes, ModelRows, as_float, read_one
from mnstudy.stats.mixed.sums import basis_sums
from mnstudy.stats.result import ALTERNATIVES, Alternative, SmallResult, check_option

Rng = int | np.random.Generator
# Flips held at a time: keeps the memory flat, and draws the same whatever is tested.
BLOCK = 1024
# Statistics equal up to rounding are equal; they are at most the root of the number of patients.
SAME = 1e-10
# Share of variance below which a flip leaves nothing of the tested column beside the nuisance.
NOTHING_LEFT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class JointTest(SmallResult):
    """Specifications tested together: is there an effect at all, and in which of them.

    ``p_global`` belongs to the largest standardised score, ``p_median`` to the median over
    specifications; ``p_adjusted`` keeps the chance of any false finding at the level. When
    ``exhaustive``, ``n_resamples`` is the number of all flips.
    """

    p_global: float
    p_median: float
    t: Array
    p_values: Array
    p_adjusted: Array
    names: tuple[str, ...]
    alternative: Alternative
    n_patients: int
    n_specifications: int
    n_resamples: int
    exhaustive: bool
    standardised: bool

    def _lines(self) -> list[str]:
        how = "all" if self.exhaustive else "random"
        small = int((self.p_adjusted <= 0.05).sum())
        return [
            f"{self.n_specifications} specifications together: p = {self.p_global:.3g} (strongest),"
            f" p = {self.p_median:.3g} (median), {self.alternative}",
            f"{small} of {self.n_specifications} have an adjusted p of at most 0.05",
            f"signs of {self.n_patients} patients flipped, {how} {self.n_resamples:.7g} flips"
            + ("; standardised for nuisance columns" if self.standardised else ""),
        ]

    def to_frame(self) -> pd.DataFrame:
        """One row per specification, nothing rounded."""
        values = {"t": self.t, "p_value": self.p_values, "p_adjusted": self.p_adjusted}
        return pd.DataFrame(values, index=pd.Index(self.names, name="specification"))


def joint_sign_flip(
    scores: Any,
    *,
    rng: Rng | None,
    n_resamples: int = 4999,
    alternative: Alternative = "two-sided",
    nuisance: Sequence[Any] | None = None,
) -> JointTest:
    r"""Test many specifications together by flipping the signs of patients' score contributions.

    Parameters
    ----------
    scores : array or DataFrame of shape (n_patients, n_specifications)
        ``score_parts(...).scores`` of each specification, patients in the same order.
    rng : int or numpy.random.Generator or None
        Needed when flips are drawn; None will do when all are counted.
    n_resamples : int
        Flips drawn; all are counted when there are no more than this.
    alternative : {"two-sided", "less", "greater"}
        The median is oriented by it as well.
    nuisance : sequence of arrays (n_patients, any number), optional
        ``score_parts(...).nuisance`` of each specification. With it every flip is divided by its
        own standard error; without it small studies with covariates reject too often.

    Returns
    -------
    JointTest

    Raises
    ------
    ValueError
        Scores that are missing or infinite, a specification to which no patient contributes, or
        no rng when flips are drawn.

    Notes
    -----
    Signs g are the same for all specifications, so that their dependence is kept, and the
    observed signs are the first flip. The statistic is
    :math:`T_k(g) = \sum_i g_i \nu_{ik} / \sqrt{\sum_i \nu_{ik}^2}`. A flip turns the tested column
    towards the nuisance columns, whose fit then takes some of it away; standardised,
    :math:`T_k(g)` is divided by the root of the share of variance that is left,
    :math:`1 - |\sum_i g_i m_{ik}|^2`. Where nothing is left the flip counts as extreme.

    p is the share of flips at least as extreme; two-sided compares absolute values. Adjusted p
    are step-down max-T: the k-th strongest is compared with the maximum over the k-th and all
    weaker ones. A duplicated specification therefore changes nothing. Patients are taken as
    independent, with scores of mean zero under the hypothesis. That is exact only if they are
    symmetric and no nuisance is estimated; else it holds as patients increase.

    References
    ----------
    Hemerik, Goeman & Finos (2020), doi 10.1111/rssb.12369. Girardi et al. (2024),
    doi 10.1007/s11336-024-09973-6. Westfall & Young (1993), Resampling-Based Multiple Testing.

    Examples
    --------
    >>> scores = [[3.1, 2.0], [-0.4, 0.3], [2.2, 1.9], [1.8, -0.2], [0.9, 1.1], [2.7, 2.2]]
    >>> joint_sign_flip(scores, rng=1)
    2 specifications together: p = 0.0938 (strongest), p = 0.0312 (median), two-sided
      0 of 2 have an adjusted p of at most 0.05
      signs of 6 patients flipped, all 64 flips
    """
    check_option("alternative", alternative, ALTERNATIVES)
    if not isinstance(n_resamples, int | np.integer) or n_resamples < 1:
        raise ValueError(f"n_resamples must be a whole number from 1 up, not {n_resamples}")
    table, names = _table(scores)
    pulls = _pulls(nuisance, table)
    moving = table.any(axis=1)
    for pull in pulls:
        moving |= pull.any(axis=1)
    unit = table[moving] / np.linalg.norm(table, axis=0)
    pulls = [pull[moving] for pull in pulls]
    n, m = unit.shape
    exhaustive = n < 63 and 2**n <= n_resamples
    drawn = None if exhaustive else generator(rng, f"{n_resamples} random sign flips")
    total = 2**n if exhaustive else n_resamples + 1
    each, adjusted, strongest, median = _counts(_signs(n, total, drawn), unit, pulls, alternative)
    return JointTest(
        p_global=strongest / total,
        p_median=median / total,
        t=unit.sum(axis=0),
        p_values=each / total,
        p_adjusted=adjusted / total,
        names=names,
        alternative=alternative,
        n_patients=len(table),
        n_specifications=m,
        n_resamples=total if exhaustive else n_resamples,
        exhaustive=exhaustive,
        standardised=bool(pulls),
    )


def generator(rng: Rng | None, why: str) -> np.random.Generator:
    """Return a generator; none given is an error, since nobody could repeat the result."""
    if rng is None:
        raise ValueError(f"rng is needed for {why}: give a seed such as rng=1, or a Generator")
    return np.random.default_rng(rng)


def _counts(
    blocks: Iterator[Array], unit: Array, pulls: Sequence[Array], alternative: Alternative
) -> tuple[Array, Array, float, float]:
    """Count the flips at least as extreme as the observed signs.

    By specification, by specification with step-down, of the strongest, and of the median.
    """
    slack = SAME * np.sqrt(len(unit))
    m = unit.shape[1]
    each, steps, median = np.zeros(m), np.zeros(m), 0.0
    first: tuple[Array, float] | None = None
    for signs in blocks:
        found, middle = _statistics(signs, unit, pulls, alternative)
        if first is None:
            first = found[0].copy(), float(middle[0])
            order = np.argsort(first[0], kind="stable")
        seen = first[0] - slack
        each += (found >= seen).sum(axis=0)
        # From the weakest up: the maximum over each specification and all weaker ones.
        steps += (np.maximum.accumulate(found[:, order], axis=1) >= seen[order]).sum(axis=0)
        median += float((middle >= first[1] - slack).sum())
    adjusted = np.empty(m)
    adjusted[order] = np.maximum.accumulate(steps[::-1])[::-1]
    return each, adjusted, float(steps[-1]), median


def _statistics(
    signs: Array, unit: Array, pulls: Sequence[Array], alternative: Alternative
) -> tuple[Array, Array]:
    """Statistics, large when extreme, and their median over specifications, for each flip."""
    t = signs @ unit
    if pulls:
        left = np.column_stack([1.0 - np.sum((signs @ pull) ** 2, axis=1) for pull in pulls])
        lost = left < NOTHING_LEFT
        t = t / np.sqrt(np.where(lost, 1.0, left))
    if alternative == "less":
        t = -t
    if pulls:
        t[lost] = np.inf
    middle = np.median(t, axis=1)
    return (np.abs(t), np.abs(middle)) if alternative == "two-sided" else (t, middle)


def _signs(n: int, total: int, drawn: np.random.Generator | None) -> Iterator[Array]:
    """Signs of n patients in blocks of flips; the first flip is the observed one."""
    for start in range(0, total, BLOCK):
        count = min(BLOCK, total - start)
        if drawn is None:
            flips = np.arange(start, start + count)[:, None] >> np.arange(n) & 1
        else:
            flips = drawn.integers(2, size=(count, n), dtype=np.int8)
            if start == 0:
                flips[0] = 0
        yield 1.0 - 2.0 * flips


def _table(scores: Any) -> tuple[Array, tuple[str, ...]]:
    """Scores as numbers, with the specifications' names or numbers from 1."""
    table = as_float(scores, "scores")
    if table.ndim != 2 or not table.size:
        raise ValueError("scores must be a table, patients by specifications, with one of each")
    if isinstance(scores, pd.DataFrame):
        names = tuple(map(str, scores.columns))
    else:
        names = tuple(str(place + 1) for place in range(table.shape[1]))
    broken = ~np.isfinite(table).all(axis=0)
    if broken.any():
        which = ", ".join(np.array(names)[broken])
        raise ValueError(f"scores of specification {which} are missing or infinite; 0 means none")
    empty = ~table.any(axis=0)
    if empty.any():
        which = ", ".join(np.array(names)[empty])
        raise ValueError(f"no patient contributes to specification {which}; leave it out")
    return table, names


def _pulls(nuisance: Sequence[Any] | None, table: Array) -> list[Array]:
    if nuisance is None:
        return []
    pulls = [as_float(pull, "nuisance") for pull in nuisance]
    if len(pulls) != table.shape[1] or any(
        pull.ndim != 2 or len(pull) != len(table) or not np.isfinite(pull).all() for pull in pulls
    ):
        raise ValueError(
            "nuisance needs one table of finite numbers per specification, with a row for each "
            "patient of scores; take score_parts(...).nuisance"
        )
    return pulls


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreParts:
    """Contributions of patients to one coefficient's score, and to its nuisance columns.

    ``nuisance`` holds, per patient, how far flipping that patient would turn the tested column
    towards each (orthonormal) nuisance column, relative to the column's length; it sums to zero.
    """

    scores: Array  # (n_patients,)
    nuisance: Array  # (n_patients, number of nuisance columns)


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
    ScoreParts
        ``scores`` sum to the score, and ``nuisance`` is what standardising their flips needs;
        patients without a complete row here contribute 0.

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
    >>> X = np.column_stack([np.ones(4), [1, 1, 0, 0]])
    >>> parts = score_parts([5.0, 3.0, 4.0, 2.0], X, list("abcd"), 1, everyone=list("abcd"))
    >>> parts.scores
    array([ 0.75, -0.25, -0.25,  0.75])
    >>> abs(parts.nuisance.ravel()).round(3)
    array([0.25, 0.25, 0.25, 0.25])
    """
    design = read_one(y, X, groups, None)
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


def _whitened(design: ModelRows, ratio: float) -> ModelRows:
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
