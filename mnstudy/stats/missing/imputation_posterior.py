"""Draws of the parameters of a random-intercept model given the outcomes, without a chain.

Under flat priors for beta and log sigma, integrating both out of the likelihood leaves
exp(-deviance / 2), with the REML criterion as a function of the ratio theta = tau^2 / sigma^2
alone. So theta is drawn by inverting its distribution on a grid, then sigma^2 given theta (scaled
inverse chi-square), then beta given both (normal). Draws are independent, and exact up to the grid.

The prior of theta is Jeffreys': the root of the information about it once sigma is profiled out,
{sum w^2 - (sum w)^2 / n}^(1/2) with w = n_i / (1 + n_i theta). For equal groups that is
1 / (1 + n_i theta), the prior of Tiao and Tan (1965), Biometrika 52, 37-53. The posterior is proper
when groups outnumber the columns that differ between them.
"""

from __future__ import annotations

import numpy as np

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.mixed.profile import on_grid
from mnstudy.stats.mixed.sums import SizeSums

# theta is searched over v = log(1 + nbar theta), as in mixed_profile.
LARGEST_V = 28.0
COARSE, FINE = 281, 801
# Logarithm of the density, relative to its maximum, under which theta is never drawn.
NEGLIGIBLE = -40.0


def parameters(sums: SizeSums, m: int, random: np.random.Generator) -> tuple[Array, Array, Array]:
    """Draw the ratio (m,), the variance within (m,) and the coefficients (m, p) on the basis."""
    single = bool((sums.sizes == 1).all())
    theta = np.zeros(m) if single else _ratios(sums, random.uniform(size=m))
    weight = sums.sizes / (1.0 + np.outer(theta, sums.sizes))
    a = sums.xx + np.tensordot(weight, sums.xx_means, 1)
    b = sums.xy[0] + weight @ sums.xy_means[:, 0]
    mean = np.linalg.solve(a, b[..., None])[..., 0]
    rss = sums.yy[0] + weight @ sums.yy_means[:, 0] - np.sum(b * mean, axis=1)
    within = rss / random.chisquare(sums.n - sums.p, size=m)
    root = np.swapaxes(np.linalg.cholesky(a), -1, -2)
    step = np.linalg.solve(root, random.standard_normal((m, sums.p, 1)))[..., 0]
    return theta, within, mean + np.sqrt(within)[:, None] * step


def _ratios(sums: SizeSums, quantiles: Array) -> Array:
    """Quantiles of the posterior of theta, from a grid that closes in on where it lies."""
    nbar = sums.n / sums.counts.sum()
    v = np.linspace(0.0, LARGEST_V, COARSE)
    for _ in range(2):
        log_density = _log_posterior(sums, v, nbar)
        kept = np.flatnonzero(log_density > log_density.max() + NEGLIGIBLE)
        v = np.linspace(v[max(kept[0] - 1, 0)], v[min(kept[-1] + 1, len(v) - 1)], FINE)
    log_density = _log_posterior(sums, v, nbar)
    density = np.exp(log_density - log_density.max())
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return np.expm1(np.interp(quantiles, below / below[-1], v)) / nbar


def _log_posterior(sums: SizeSums, v: Array, nbar: float) -> Array:
    """Logarithm of the density of v = log(1 + nbar theta), up to a constant."""
    theta = np.expm1(v) / nbar
    weight = sums.sizes / (1.0 + np.outer(theta, sums.sizes))
    information = weight**2 @ sums.counts - (weight @ sums.counts) ** 2 / sums.n
    return v + 0.5 * np.log(information) - 0.5 * on_grid(sums, theta)[:, 0]
