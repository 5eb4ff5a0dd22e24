"""Small-sample degrees of freedom: Satterthwaite (as lmerTest) and Kenward-Roger (as pbkrtest).

References
----------
Satterthwaite (1946), doi 10.2307/3002019. Fai & Cornelius (1996), doi 10.1080/00949659608811740.
Kuznetsova et al. (2017), doi 10.18637/jss.v082.i13. Kenward & Roger (1997), doi 10.2307/2533558.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from mnstudy.stats.mixed.design import Array, Mask
from mnstudy.stats.mixed.profile import Point
from mnstudy.stats.mixed.sums import SizeSums

DfMethod = Literal["satterthwaite", "kenward-roger", "residual"]
# Relative size under which an eigenvalue counts as zero; lmerTest's choice.
RANK = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Precision:
    """Covariance of the coefficients and how uncertain it is itself (leading axis: outcomes).

    ``slopes`` are the derivatives of ``model`` by the variance parameters and ``parameters``
    is the covariance of those parameters' estimates. ``covariance`` differs from ``model``
    only under Kenward-Roger.
    """

    covariance: Array  # (m, p, p)
    model: Array  # (m, p, p)
    slopes: Array  # (m, r, p, p)
    parameters: Array  # (m, r, r)
    method: DfMethod


def satterthwaite(sums: SizeSums, point: Point, boundary: Mask) -> Precision:
    """Precision from the observed REML information about (theta, sigma^2).

    At theta = 0 the information is lmerTest's, which is taken in sqrt(theta): the derivative by
    sqrt(theta) is then zero, only sigma^2 counts, and df = n - p.
    """
    freedom = sums.n - sums.p
    s = point.rss / freedom
    model = s[:, None, None] * point.inverse
    by_theta = -model @ point.first @ point.inverse
    d_ss, d_st = freedom / s**2, -point.rss_first / s**2
    d_tt = point.rss_second / s + point.log_curvature
    determinant = d_ss * np.where(boundary, 1.0, point.curvature)
    parameters = np.empty((len(s), 2, 2))
    parameters[:, 0, 0] = np.where(boundary, 0.0, 2.0 * d_ss / determinant)
    parameters[:, 0, 1] = np.where(boundary, 0.0, -2.0 * d_st / determinant)
    parameters[:, 1, 0] = parameters[:, 0, 1]
    parameters[:, 1, 1] = np.where(boundary, 2.0 / d_ss, 2.0 * d_tt / determinant)
    slopes = np.stack([by_theta, point.inverse], axis=1)
    return on_columns(sums.basis, model, model, slopes, parameters, "satterthwaite")


def kenward_roger(sums: SizeSums, point: Point) -> Precision:
    """Precision from the expected information about (tau^2, sigma^2), bias of Phi corrected."""
    s = point.rss / (sums.n - sums.p)
    u = 1.0 / (1.0 + np.outer(point.theta, sums.sizes))

    def cross(size_power: int, u_power: int, within: bool) -> Array:
        """X' V^-1 G .. V^-1 X; each V^-1 shrinks a group mean by u / s, each G = J adds n."""
        flat = sums.xx_means.reshape(len(sums.sizes), -1)
        by_size = (sums.sizes**size_power * u**u_power @ flat).reshape(point.inverse.shape)
        return (by_size + (sums.xx if within else 0.0)) / s[:, None, None] ** u_power

    def trace(size_power: int, within: float) -> Array:
        return (u**2 @ (sums.counts * sums.sizes**size_power) + within) / s**2

    mixed = cross(2, 3, False)
    return from_information(
        phi=s[:, None, None] * point.inverse,
        first=np.stack([cross(2, 2, False), cross(1, 2, True)], axis=1),
        second=_symmetric(cross(3, 3, False), mixed, cross(1, 3, True)),
        trace=_symmetric(trace(2, 0.0), trace(1, 0.0), trace(0, sums.n - sums.counts.sum())),
        basis=sums.basis,
    )


def _symmetric(tau: Array, both: Array, sigma: Array) -> Array:
    """Arrange per-outcome blocks as a symmetric 2 x 2 layout: (m, 2, 2, ...)."""
    return np.stack([np.stack([tau, both], axis=1), np.stack([both, sigma], axis=1)], axis=1)


def from_information(
    *, phi: Array, first: Array, second: Array, trace: Array, basis: Array
) -> Precision:
    """Kenward-Roger precision for a covariance V = sum_r phi_r G_r that is linear in phi.

    Parameters
    ----------
    phi : array (m, p, p)
        (X' V^-1 X)^-1.
    first : array (m, r, p, p)
        X' V^-1 G_r V^-1 X.
    second : array (m, r, r, p, p)
        X' V^-1 G_r V^-1 G_s V^-1 X.
    trace : array (m, r, r)
        tr(V^-1 G_r V^-1 G_s).
    basis : array (p, p)
    """
    parameters = 2.0 * np.linalg.inv(expected_information(phi, first, second, trace))
    crossed = np.einsum("mrs,mrab,mbc,mscd->mad", parameters, first, phi, first, optimize=True)
    bias = phi @ (np.einsum("mrs,mrsab->mab", parameters, second) - crossed) @ phi
    slopes = phi[:, None] @ first @ phi[:, None]
    return on_columns(basis, phi + 2.0 * bias, phi, slopes, parameters, "kenward-roger")


def expected_information(phi: Array, first: Array, second: Array, trace: Array) -> Array:
    """Return tr(P G_r P G_s), twice the expected REML information: shape (m, r, r)."""
    spread = phi[:, None] @ first
    bent = np.einsum("mab,mrsba->mrs", phi, second)
    return trace - 2.0 * bent + np.einsum("mrab,msba->mrs", spread, spread)


def on_columns(
    basis: Array,
    covariance: Array,
    model: Array,
    slopes: Array,
    parameters: Array,
    method: DfMethod,
) -> Precision:
    """Bring covariances from the orthonormal basis back to the columns as given."""

    def back(matrix: Array) -> Array:
        matrix = basis @ matrix @ basis.T
        return (matrix + np.swapaxes(matrix, -1, -2)) / 2.0

    return Precision(
        covariance=back(covariance),
        model=back(model),
        slopes=back(slopes),
        parameters=parameters,
        method=method,
    )


def standard_errors(precision: Precision, rows: Array) -> Array:
    """Return the standard error of each contrast (row): shape (m, q)."""
    return np.sqrt(np.einsum("qa,mab,qb->mq", rows, precision.covariance, rows))


def contrast_df(precision: Precision, rows: Array) -> Array:
    """Degrees of freedom of each contrast, 2 (l'Cl)^2 / var(l'Cl): shape (m, q).

    The same expression serves Kenward-Roger, whose formulas reduce to it for one contrast.
    """
    variance = np.einsum("qa,mab,qb->mq", rows, precision.model, rows)
    gradient = np.einsum("qa,mrab,qb->mqr", rows, precision.slopes, rows)
    spread = np.einsum("mqr,mrs,mqs->mq", gradient, precision.parameters, gradient)
    return 2.0 * variance**2 / spread


def f_test(precision: Precision, beta: Array, rows: Array) -> tuple[float, int, float]:
    """F statistic with numerator and denominator df of the hypothesis rows @ beta = 0."""
    turned, values = independent(rows, precision.covariance[0])
    f = float(np.mean((turned @ beta) ** 2 / values))
    q = len(values)
    if precision.method == "kenward-roger" and q > 1:
        scale, df = _kenward_roger_f(precision, turned)
        return f * scale, q, df
    return f, q, _pooled_df(contrast_df(precision, turned)[0])


def independent(rows: Array, covariance: Array) -> tuple[Array, Array]:
    """Turn contrasts into uncorrelated ones, with their variances, and drop what is repeated.

    The pooled df depend on how they are turned; lmerTest uses the eigenvectors of the contrasts'
    covariance. Units that differ by many orders of magnitude make small eigenvalues look like
    zero there, so the rank is taken from the correlations, and so are the vectors if need be.
    """
    matrix = rows @ covariance @ rows.T
    scale = np.sqrt(np.diag(matrix))
    values, vectors = np.linalg.eigh(matrix)
    free, free_vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    used, free_used = values > RANK * values[-1], free > RANK * free[-1]
    if used.sum() == free_used.sum():
        return vectors[:, used].T @ rows, values[used]
    return (free_vectors[:, free_used].T / scale) @ rows, free[free_used]


def _pooled_df(df: Array) -> float:
    """Denominator df of the mean of squared t's with the given df (Fai & Cornelius 1996)."""
    if np.ptp(df) < 1e-8:
        return float(df.mean())
    if np.any(df <= 2):
        return 2.0
    expected = float(np.sum(df / (df - 2.0)))
    return 2.0 * expected / (expected - len(df))


def _kenward_roger_f(precision: Precision, rows: Array) -> tuple[float, float]:
    """Scale of F and denominator df (Kenward & Roger 1997, section 3.3)."""
    q = len(rows)
    model, slopes, parameters = precision.model[0], precision.slopes[0], precision.parameters[0]
    core = np.linalg.solve(rows @ model @ rows.T, np.eye(q))
    parts = [core @ rows @ slope @ rows.T for slope in slopes]
    traces = np.array([np.trace(part) for part in parts])
    a1 = float(traces @ parameters @ traces)
    a2 = float(
        sum(
            parameters[i, j] * np.trace(parts[i] @ parts[j])
            for i in range(len(parts))
            for j in range(len(parts))
        )
    )
    b = (a1 + 6.0 * a2) / (2.0 * q)
    g = ((q + 1.0) * a1 - (q + 4.0) * a2) / ((q + 2.0) * a2)
    c1, c2, c3 = (c / (3.0 * q + 2.0 * (1.0 - g)) for c in (g, q - g, q + 2.0 - g))
    mean = 1.0 / (1.0 - a2 / q)
    variance = (2.0 / q) * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
    ratio = variance / (2.0 * mean**2)
    df = 4.0 + (q + 2.0) / (q * ratio - 1.0)
    return df / (mean * (df - 2.0)), df


def t_p_value(t: Array, df: Array) -> Array:
    """Two-sided p-value; the incomplete beta function keeps digits far in the tail."""
    return special.betainc(df / 2.0, 0.5, df / (df + t**2))


def t_quantile(df: Array, confidence_level: float) -> Array:
    """Half-width of a two-sided interval in standard errors."""
    return special.stdtrit(df, (1.0 + confidence_level) / 2.0)


def f_p_value(f: float, q: int, df: float) -> float:
    """Upper tail of the F distribution."""
    return float(special.betainc(df / 2.0, q / 2.0, df / (df + q * f)))
