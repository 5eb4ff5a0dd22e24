"""REML over the variance ratio theta alone, for many outcomes at once.

With the residual variance and the coefficients profiled out, minus twice the log-likelihood is,
up to a constant, (n - p) log r(theta) + sum_i log(1 + n_i theta) + log |A(theta)|, where
A = X' V^-1 X and r is the weighted residual sum of squares. Its derivatives are exact because
the weight w = n / (1 + n theta) has w' = -w^2 and w'' = 2 w^3.

V_i = I + theta J is a covariance matrix for every theta > -1 / n_i, also where no random intercept
could have produced it (compound symmetry: rows of one group less alike). Bounded at zero, an
estimate is too large on average when the true variance is zero or small, and tests err with it.

References
----------
Bates et al. (2015), doi 10.18637/jss.v067.i01, section 3 (profiled REML criterion). Molenberghs &
Verbeke (2011), doi 10.1177/1471082X1001100501 (variances below zero).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnstudy.stats.mixed.design import Array, Mask
from mnstudy.stats.mixed.sums import SizeSums

# The search runs over v = log(1 + nbar theta): linear in theta near 0, logarithmic far away.
# exp(28) puts the between-group variance twelve orders of magnitude above the error of a mean.
GRID = 28.0 * np.linspace(0.0, 1.0, 57) ** 1.5
MAX_STEPS = 100
# The search runs down v = log(1 + n theta), n the size of the largest groups, from theta = 0 until
# their mean would have a ten-thousandth of the variance that independent rows give it. Closer to
# -1 / n there is nothing but the singular matrix itself, and digits are lost.
UNBOUNDED_GRID = np.log(1e-4) * np.linspace(0.0, 1.0, 33) ** 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """The criterion and its ingredients at one theta per outcome (leading axis m)."""

    theta: Array
    inverse: Array  # (m, p, p): A^-1
    first: Array  # (m, p, p): dA/dtheta
    beta: Array  # (m, p)
    rss: Array  # (m,): r
    rss_first: Array
    rss_second: Array
    deviance: Array
    slope: Array  # first derivative of the profiled deviance
    curvature: Array  # second derivative of the profiled deviance
    log_curvature: Array  # second derivative of the two log-determinants alone


def evaluate(sums: SizeSums, theta: Array) -> Point:
    """Evaluate the profiled deviance and its two derivatives at ``theta``, one per outcome."""
    n, p, k = sums.n, sums.p, len(sums.sizes)
    weight = sums.sizes / (1.0 + np.outer(theta, sums.sizes))
    flat = sums.xx_means.reshape(k, p * p)
    a = sums.xx + (weight @ flat).reshape(-1, p, p)
    a1 = -(weight**2 @ flat).reshape(-1, p, p)
    a2 = 2.0 * (weight**3 @ flat).reshape(-1, p, p)
    inverse = np.linalg.inv(a)
    beta = np.einsum("mij,mj->mi", inverse, sums.xy + _xy(sums, weight))
    rss, rss1, rss2 = _residual(sums, weight, inverse, beta, a1, a2)
    step = inverse @ a1
    log1 = weight @ sums.counts + np.einsum("mii->m", step)
    log2 = (
        np.einsum("mij,mji->m", inverse, a2)
        - np.einsum("mij,mji->m", step, step)
        - weight**2 @ sums.counts
    )
    return Point(
        theta=theta,
        inverse=inverse,
        first=a1,
        beta=beta,
        rss=rss,
        rss_first=rss1,
        rss_second=rss2,
        deviance=(n - p) * np.log(rss)
        + np.log1p(np.outer(theta, sums.sizes)) @ sums.counts
        + np.linalg.slogdet(a)[1],
        slope=(n - p) * rss1 / rss + log1,
        curvature=(n - p) * (rss2 / rss - (rss1 / rss) ** 2) + log2,
        log_curvature=log2,
    )


def _xy(sums: SizeSums, weight: Array) -> Array:
    return np.einsum("mk,kmp->mp", weight, sums.xy_means)


def _residual(
    sums: SizeSums, weight: Array, inverse: Array, beta: Array, a1: Array, a2: Array
) -> tuple[Array, Array, Array]:
    """Weighted residual sum of squares at the minimising beta, with two derivatives."""

    def quadratic(xx: Array, xy: Array, yy: Array) -> Array:
        bxxb = np.einsum("mi,mij,mj->m", beta, xx, beta)
        return bxxb - 2.0 * np.einsum("mi,mi->m", beta, xy) + yy

    y0, y1, y2 = (np.einsum("mk,km->m", weight**e, sums.yy_means) for e in (1, 2, 3))
    xy1, xy2 = -_xy(sums, weight**2), 2.0 * _xy(sums, weight**3)
    xy0 = sums.xy + _xy(sums, weight)
    rss = sums.yy + y0 - np.einsum("mi,mi->m", beta, xy0)
    pull = xy1 - np.einsum("mij,mj->mi", a1, beta)
    rss1 = quadratic(a1, xy1, -y1)
    rss2 = quadratic(a2, xy2, 2.0 * y2) - 2.0 * np.einsum("mi,mij,mj->m", pull, inverse, pull)
    return rss, rss1, rss2


def minimise(sums: SizeSums) -> tuple[Point, Mask]:
    """Find the REML theta of every outcome; the mask marks those at the boundary theta = 0.

    A grid shared by all outcomes brackets the lowest minimum, so a second, higher one is not
    taken for it; Newton steps on the derivative, kept inside the bracket, give theta to
    rounding where minimising the criterion itself would give half the digits.
    """
    nbar = sums.n / sums.counts.sum()
    best = np.argmin(on_grid(sums, np.expm1(GRID) / nbar), axis=0)
    low, high = GRID[np.maximum(best - 1, 0)], GRID[np.minimum(best + 1, len(GRID) - 1)]
    zero = evaluate(sums, np.zeros(len(best)))
    boundary = (best == 0) & (zero.slope >= 0)  # Newton steps would only creep towards it
    if boundary.all():
        return zero, boundary
    start, inside = np.where(best == 0, high / 2, GRID[best]), ~boundary
    found = newton(sums.only(inside), start[inside], low[inside], high[inside], nbar)
    boundary[inside] = found.deviance >= zero.deviance[inside]
    if boundary.any():
        theta = np.zeros(len(best))
        theta[inside] = found.theta
        found = evaluate(sums, np.where(boundary, 0.0, theta))
    return found, boundary


def on_grid(sums: SizeSums, thetas: Array) -> Array:
    """Profiled deviance at shared thetas: shape (len(thetas), m)."""
    weight = sums.sizes / (1.0 + np.outer(thetas, sums.sizes))
    a = sums.xx + np.tensordot(weight, sums.xx_means, 1)
    b = sums.xy + np.tensordot(weight, sums.xy_means, 1)
    rss = sums.yy + weight @ sums.yy_means - np.sum(b * (b @ np.linalg.inv(a)), axis=-1)
    logs = np.log1p(np.outer(thetas, sums.sizes)) @ sums.counts + np.linalg.slogdet(a)[1]
    # Rounding can leave a residual of an exact fit at or below zero; it is refused elsewhere.
    return (sums.n - sums.p) * np.log(np.maximum(rss, 1e-300)) + logs[:, None]


def newton(sums: SizeSums, v: Array, low: Array, high: Array, scale: float) -> Point:
    """Find where the derivative vanishes between ``low`` and ``high`` in v = log(1 + scale theta).

    The criterion must fall at ``low`` and rise at ``high``.
    """
    for _ in range(MAX_STEPS):
        point = evaluate(sums, np.expm1(v) / scale)
        stretch = np.exp(v) / scale  # dtheta/dv
        slope = point.slope * stretch
        curvature = point.curvature * stretch**2 + slope
        low, high = np.where(slope < 0, v, low), np.where(slope < 0, high, v)
        with np.errstate(divide="ignore", invalid="ignore"):
            target = v - slope / curvature
        # A step too small for v to change lands on an end: it has arrived, and is not thrown back.
        inside = (curvature > 0) & (target >= low) & (target <= high)
        target = np.where(inside, target, (low + high) / 2)
        moved, v = np.abs(target - v), target
        if np.all(moved <= 1e-13 * (1.0 + np.abs(v))):
            break
    return evaluate(sums, np.expm1(v) / scale)


def below_zero(sums: SizeSums, bounded: Point, boundary: Mask) -> Array:
    """Let the estimates at the boundary go on below zero; nan where they find no minimum.

    An estimate above zero stays as it is. Otherwise the criterion falls from zero downwards, and
    the first minimum on the way is taken. There may be none: where the columns can fit the means
    of all the largest groups (there may be only one such group), nothing keeps theta from -1 / n.
    """
    theta = np.where(boundary, np.nan, bounded.theta)
    largest = sums.sizes.max()
    grid = on_grid(sums.only(boundary), np.expm1(UNBOUNDED_GRID) / largest)
    rises = np.diff(grid, axis=0) > 0
    turns = rises.any(axis=0)
    lowest = np.argmax(rises[:, turns], axis=0)
    found = np.flatnonzero(boundary)[turns]
    if len(found):
        low, high = UNBOUNDED_GRID[lowest + 1], UNBOUNDED_GRID[np.maximum(lowest - 1, 0)]
        chosen = np.isin(np.arange(len(theta)), found)
        theta[found] = newton(sums.only(chosen), (low + high) / 2, low, high, largest).theta
    return theta
