"""From a design to coefficients, variances and their precision, for many outcomes at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from mnstudy.stats.mixed.degrees_of_freedom import (
    Precision,
    kenward_roger,
    on_columns,
    satterthwaite,
)
from mnstudy.stats.mixed.design import Array, Mask, ModelRows
from mnstudy.stats.mixed.profile import Point, below_zero, evaluate, minimise
from mnstudy.stats.mixed.sums import SizeSums, size_sums
from mnstudy.stats.result import check_option

Df = Literal["satterthwaite", "kenward-roger"]
Variance = Literal["bounded", "unbounded", "strata"]
# Ratio of the variances, between over within, up to which groups count as not differing.
AT_ZERO = 1e-8
# Share of a column's variation under which it counts as constant within every group.
CONSTANT_WITHIN = 1e-10
# What rounding leaves of within-group variation that the columns explain, and of all variation.
UNEXPLAINED, NONE_WITHIN = 1e-11, 1e-26

CONSTANT = (
    "the outcome is constant or an exact sum of the columns, up to rounding; there is no error to "
    "estimate"
)
NO_BETWEEN = (
    "the columns explain every difference between groups, so the variance between groups cannot "
    "be estimated; leave out columns that are constant within groups"
)
NO_WITHIN = (
    "rows of one group do not differ beyond what the columns explain; there is no variance "
    "within groups to estimate: keep one row per group"
)
NO_STRATUM = (
    "the variance between groups is estimated as zero, and the columns leave no degrees of freedom "
    "for the errors within and between groups apart; leave out columns, or use variance='bounded'"
)
NO_OPTIMUM = (
    "the likelihood rises until the mean of the largest groups would have no error at all, so the "
    "variance between groups has no unbounded estimate; use variance='bounded'"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Estimates of the outcomes that could be fitted (``problems`` is "" for those)."""

    beta: Array  # (m, p)
    precision: Precision
    theta: Array
    variance_between: Array
    variance_within: Array
    log_likelihood: Array
    boundary: Mask
    problems: tuple[str, ...]


def check_df(df: str) -> None:
    """Refuse an unknown way to degrees of freedom."""
    check_option("df", df, get_args(Df))


def check_variance(variance: str) -> None:
    """Refuse an unknown range for the variance between groups."""
    check_option("variance", variance, get_args(Variance))


def solve(design: ModelRows, df: Df, variance: Variance) -> Solution:
    """Fit the outcomes of a design; raises what concerns the design, lists the rest."""
    if len(design.sizes) < 2:
        raise ValueError(
            "all rows belong to one group, so the variance between groups cannot be estimated; "
            "pass the patient of each row as groups"
        )
    sums = size_sums(design)
    single = bool((design.sizes == 1).all())
    problems = _problems(sums, single)
    sums = sums.only(problems == "")
    if single:
        point = evaluate(sums, np.zeros(len(sums.yy)))
        boundary = np.ones(len(sums.yy), dtype=bool)
        precision = replace(satterthwaite(sums, point, boundary), method="residual")
    else:
        point, boundary = minimise(sums)
        if variance == "unbounded":
            theta = below_zero(sums, point, boundary)
            lost = np.isnan(theta)
            problems[np.flatnonzero(problems == "")[lost]] = NO_OPTIMUM
            sums = sums.only(~lost)
            point, boundary = evaluate(sums, theta[~lost]), np.zeros(np.sum(~lost), dtype=bool)
        exact = df == "kenward-roger"
        precision = kenward_roger(sums, point) if exact else satterthwaite(sums, point, boundary)
    beta, zero = point.beta, point.theta <= AT_ZERO
    if variance == "strata" and not single and zero.any():
        beta, precision = strata(sums, beta, precision, zero)
    within = point.rss / (sums.n - sums.p)
    return Solution(
        beta=(sums.offset + sums.basis @ beta.T).T,
        precision=precision,
        theta=point.theta,
        variance_between=np.where(single, np.nan, point.theta * within),
        variance_within=within,
        log_likelihood=_log_likelihood(sums, point),
        boundary=boundary & (not single),
        problems=tuple(problems),
    )


def _problems(sums: SizeSums, single: bool) -> np.ndarray:
    """Why each outcome cannot be fitted, "" if it can; raises if the design allows none."""
    constant = np.where(sums.exact, CONSTANT, "").astype(object)
    if single:
        return constant
    rank, left = unexplained(sums.xx, sums.xy, sums.yy)
    rank += int(sums.counts.sum())
    if rank <= sums.p:
        raise ValueError(NO_BETWEEN)
    total = sums.yy + sums.yy_means.T @ sums.sizes
    none = (left <= UNEXPLAINED * sums.yy) | (sums.yy <= NONE_WITHIN * total)
    return np.where(sums.exact, constant, np.where(none, NO_WITHIN, ""))


def unexplained(xx: Array, xy: Array, yy: Array) -> tuple[int, Array]:
    """Rank of the columns within groups, and what they leave of each outcome's variation there."""
    values, vectors = np.linalg.eigh(xx)
    varying = values > CONSTANT_WITHIN
    explained = (xy @ vectors[:, varying]) ** 2 / values[varying]
    return int(varying.sum()), yy - explained.sum(axis=1)


def strata(
    sums: SizeSums, beta: Array, precision: Precision, zero: Mask
) -> tuple[Array, Precision]:
    """Take the marked outcomes from each stratum by itself, where both hold any error.

    Over orthonormal columns the cross-products within groups and those between them add up to the
    identity: they share eigenvectors. Those that vary within groups are estimated there, the
    others from the weighted means of the groups, whose error excludes what the former explain.
    """
    values, vectors = np.linalg.eigh(sums.xx)
    inside, outside = values > CONSTANT_WITHIN, values < 1.0 - CONSTANT_WITHIN
    groups = sums.counts.sum()
    df = np.array([sums.n - groups - inside.sum(), groups - outside.sum()])
    if df.min() < 1:
        raise ValueError(NO_STRATUM)
    w, b = inside / np.where(inside, values, 1.0), outside / np.where(outside, 1.0 - values, 1.0)
    within = sums.xy @ vectors
    between = np.einsum("k,kmp->mp", sums.sizes, sums.xy_means) @ vectors
    left = [sums.yy - within**2 @ w, sums.sizes @ sums.yy_means - between**2 @ b]
    variances = np.column_stack(left) / df
    chosen = zero & (variances[:, 1] > UNEXPLAINED * variances[:, 0])
    slopes = np.stack([(vectors * w) @ vectors.T, (vectors * ~inside) @ vectors.T])
    model = np.tensordot(variances, slopes, 1)
    found = on_columns(
        sums.basis,
        model,
        model,
        np.broadcast_to(slopes, (len(model), *slopes.shape)),
        (2.0 * variances**2 / df)[:, :, None] * np.eye(2),
        precision.method,
    )
    apart = np.where(inside, within * w, between) @ vectors.T
    fields = ("covariance", "model", "slopes", "parameters")
    pairs = {name: (getattr(found, name), getattr(precision, name)) for name in fields}
    merged: dict[str, Any] = {name: _where(chosen, *pair) for name, pair in pairs.items()}
    return _where(chosen, apart, beta), replace(precision, **merged)


def _where(chosen: Mask, found: Array, else_: Array) -> Array:
    """Choose outcomes (first axis)."""
    return np.where(chosen.reshape(-1, *[1] * (found.ndim - 1)), found, else_)


def _log_likelihood(sums: SizeSums, point: Point) -> Array:
    """REML log-likelihood on the scale of the columns as given, as lme4 reports it."""
    freedom = sums.n - sums.p
    scale = 2.0 * np.linalg.slogdet(sums.basis)[1]
    constant = freedom * (1.0 + np.log(2.0 * np.pi / freedom))
    return -0.5 * (point.deviance - scale + constant)
