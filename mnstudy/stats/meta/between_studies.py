"""Between-study variance of a meta-analysis: estimators, Q-profile interval, posterior, Q and I².

All functions take the effects and their sampling variances as arrays of one length and know no
label. Variances are above 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri
from statsmodels.stats.meta_analysis import combine_effects

Array = NDArray[np.float64]
# Points of the search for the REML maximum, in units of the variance of the effects, after 0.
GRID = np.concatenate([[0.0], np.geomspace(1e-6, 1e2, 49)])
ROOT_TOLERANCE = 4 * float(np.finfo(float).eps)
# Below this height under the top, in logarithms, a posterior is no longer looked at.
DEPTH = 45.0
# Panels of the quadrature of tau: their least number, greatest width, points and weights in each.
PANELS, WIDTH = 16, 0.5
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(12)


def q_statistic(y: Array, v: Array, tau2: float = 0.0) -> float:
    """Weighted squared distance of the effects from their mean; Cochran's Q at tau2 = 0."""
    w = 1.0 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def q_p_value(q: float, df: int) -> float:
    """Upper tail of the chi-squared distribution."""
    return float(chdtrc(df, q)) if df else 1.0


def i_squared(v: Array, tau2: float) -> float:
    r"""Percent of the variance of effects that lies between studies.

    .. math:: I^2 = 100\,\frac{\tau^2}{\tau^2 + s^2},\quad
              s^2 = \frac{(k-1)\sum w_i}{(\sum w_i)^2 - \sum w_i^2},\quad w_i = 1/v_i

    References
    ----------
    Higgins & Thompson (2002), doi 10.1002/sim.1186.
    """
    w = 1.0 / v
    with np.errstate(divide="ignore"):  # beside one study without any error the others are nothing
        typical = (len(v) - 1) * w.sum() / (w.sum() ** 2 - w @ w)
    return float(100.0 * tau2 / (tau2 + typical))


def dersimonian_laird(y: Array, v: Array) -> float:
    r"""Estimate tau² by moments: :math:`(Q - (k-1)) / (\sum w - \sum w^2/\sum w)`, at least 0.

    Computed by ``statsmodels.stats.meta_analysis.combine_effects``.

    References
    ----------
    DerSimonian & Laird (1986), doi 10.1016/0197-2456(86)90046-2.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # statsmodels takes Q as a difference of sums, which centred effects keep small
        found = combine_effects(y - y.mean(), v, method_re="dl")
    return max(0.0, float(found.tau2))


def paule_mandel(y: Array, v: Array) -> float:
    r"""Estimate tau² as the value at which Q equals its expectation, k - 1, or 0.

    statsmodels' iteration (``combine_effects(method_re="pm")``) stops after five digits, and asked
    for more it can fall to 0 by rounding.

    References
    ----------
    Paule & Mandel (1982), doi 10.6028/jres.087.022.
    """
    return _q_root(y, v, float(len(y) - 1))


def reml(y: Array, v: Array, x: Array | None = None) -> float:
    r"""Estimate tau² by restricted maximum likelihood, at least 0.

    ``x`` holds the columns of a meta-regression, the intercept among them; without it the effects
    have one mean.

    Notes
    -----
    Maximises :math:`-\tfrac12\{\sum\log(v_i+\tau^2) + \log|X'WX| + Q(\tau^2)\}`. The highest
    point of a grid brackets the maximum and the root of the score is found there, so that no
    start value can lead to a lower local maximum. In log(tau²) each study bends the curve over
    a width of about 2; the grid's step of 0.38 cannot miss one.

    References
    ----------
    Viechtbauer (2005), doi 10.3102/10769986030003261.
    """
    # Orthonormal columns change the likelihood by a constant, and keep X'WX well conditioned.
    basis = np.linalg.qr(np.ones((len(y), 1)) if x is None else x)[0]
    grid = GRID * float(np.var(y - basis @ (basis.T @ y)))
    heights, slopes = _restricted_likelihood(grid, y, v, basis)
    top = int(np.argmax(heights))
    if top == 0 and slopes[0] <= 0:
        return 0.0
    low, high = grid[[top, top + 1]] if slopes[top] > 0 else grid[[top - 1, top]]

    def score(tau2: float) -> float:
        return float(_restricted_likelihood(np.array([tau2]), y, v, basis)[1][0])

    return float(brentq(score, low, high, xtol=_xtol(high), rtol=ROOT_TOLERANCE))


def _restricted_likelihood(tau2: Array, y: Array, v: Array, basis: Array) -> tuple[Array, Array]:
    """Restricted log-likelihood at each tau², and twice its slope."""
    w = 1.0 / (v + tau2[:, None])
    weighted = w[:, :, None] * basis
    cross = basis.T @ weighted
    b = np.linalg.solve(cross, (weighted * y[:, None]).sum(axis=1)[:, :, None])
    rest = y - (basis @ b)[:, :, 0]
    height = np.log(w).sum(axis=1) - np.linalg.slogdet(cross)[1] - (w * rest**2).sum(axis=1)
    squares = np.swapaxes(weighted, 1, 2) @ weighted
    trace = np.trace(np.linalg.solve(cross, squares), axis1=1, axis2=2)
    return 0.5 * height, ((w * rest) ** 2).sum(axis=1) - w.sum(axis=1) + trace


def tau2_interval(y: Array, v: Array, confidence_level: float) -> tuple[float, float]:
    r"""Q-profile interval of tau²: where Q crosses the quantiles of chi-squared with k - 1 df.

    Both limits are 0 when the effects scatter less than even tau² = 0 would lead to expect.

    References
    ----------
    Viechtbauer (2007), doi 10.1002/sim.2514.

    Examples
    --------
    >>> low, high = tau2_interval(np.array([0.1, 0.9, 0.5]), np.array([0.04, 0.05, 0.06]), 0.95)
    >>> round(low, 4), round(high, 4)
    (0.0, 6.2747)
    """
    tail = (1.0 - confidence_level) / 2.0
    df = len(y) - 1
    return _q_root(y, v, float(chdtri(df, tail))), _q_root(y, v, float(chdtri(df, 1.0 - tail)))


def tau_posterior(
    y: Array, v: Array, scale: float, levels: Sequence[float]
) -> tuple[Array, Array, list[float]]:
    r"""Points of tau, the posterior probability each stands for, and quantiles of tau.

    The prior is half-normal with this scale, that of the mean flat: the posterior is the restricted
    likelihood times :math:`e^{-\tau^2/2s^2}`. It is integrated over x, tau = unit sinh(x), as
    every study bends the curve over a width of about 1 of x.
    """
    unit, basis = math.sqrt(float(v.min())), np.full((len(y), 1), len(y) ** -0.5)

    def height(x: Array) -> Array:
        tau = unit * np.sinh(x)
        likelihood = _restricted_likelihood(tau**2, y, v, basis)[0]
        return likelihood - 0.5 * (tau / scale) ** 2 + np.log(np.cosh(x))

    # Beyond this the prior has fallen below all that counts, however far apart the effects are.
    far = 10.0 * (scale + math.sqrt(scale * float(np.linalg.norm(y - y.mean()))))
    ends = np.array([0.0, math.asinh(far / unit)])
    before = math.inf
    while np.ptp(ends) < 0.5 * before:
        before, grid = float(np.ptp(ends)), np.linspace(ends[0], ends[1], 201)
        heights = height(grid)
        near = np.flatnonzero(heights > heights.max() - DEPTH)
        ends = grid[[max(near[0] - 1, 0), min(near[-1] + 1, 200)]]
    top, panels = heights.max(), max(PANELS, math.ceil((ends[1] - ends[0]) / WIDTH))
    edges = np.linspace(ends[0], ends[1], panels + 1)

    def masses(low: Array, high: Array) -> tuple[Array, Array]:
        half = 0.5 * (high - low)[:, None]
        x = low[:, None] + half * (1.0 + POINTS)
        return x, np.exp(height(x.ravel()) - top).reshape(x.shape) * half * POINT_WEIGHTS

    def quantile(level: float) -> float:
        panel = int(np.searchsorted(below[1:-1], level * below[-1]))
        low, rest = edges[[panel]], level * below[-1] - below[panel]

        def short(end: float) -> float:
            return float(masses(low, np.array([end]))[1].sum()) - rest

        return unit * math.sinh(brentq(short, low[0], edges[panel + 1], xtol=1e-13 * before))

    x, mass = masses(edges[:-1], edges[1:])
    below = np.append(0.0, np.cumsum(mass.sum(axis=1)))
    share = mass.ravel() / below[-1]
    return unit * np.sinh(x.ravel()), share, [quantile(level) for level in levels]


ESTIMATORS: dict[str, Callable[[Array, Array], float]] = {
    "reml": reml,
    "pm": paule_mandel,
    "dl": dersimonian_laird,
    "common": lambda y, v: 0.0,
}


def _q_root(y: Array, v: Array, target: float) -> float:
    """Return tau² at which Q, which falls in tau², equals ``target``; 0 when it starts below."""
    if q_statistic(y, v) <= target:
        return 0.0
    # Q(t) <= sum((y - mean)^2) / t, so the root lies below this bound.
    high = float(np.sum((y - y.mean()) ** 2)) / target

    def above(tau2: float) -> float:
        return q_statistic(y, v, tau2) - target

    return float(brentq(above, 0.0, high, xtol=_xtol(high), rtol=ROOT_TOLERANCE))


def _xtol(high: float) -> float:
    return max(high * 1e-14, float(np.finfo(float).tiny))
