"""Weighted fit of a meta-regression, its variance between studies and what the fit leaves.

All functions take effects, their sampling variances and the columns of the model (intercept
first) as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, fdtrc

from mnstudy.stats.meta.between_studies import GRID, ROOT_TOLERANCE
from mnstudy.stats.meta.effect_result import Array


def require_room(x: Array, names: Sequence[str]) -> None:
    """Refuse too few studies, and moderators that cannot be told apart."""
    k, p = x.shape
    if k <= p + 1:
        raise ValueError(
            f"{k} studies are too few for {p} coefficients: use fewer moderators, or at least "
            f"{p + 2} studies"
        )
    size = np.abs(x).max(axis=0)
    centred = x[:, 1:] - x[:, 1:].mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    same = [names[int(i)] for i in np.flatnonzero(spread <= 1e-12 * size[1:])]
    if same:
        raise ValueError(f"{', '.join(same)} is the same in all studies: leave it out")
    if np.linalg.matrix_rank(centred / spread) < p - 1:
        raise ValueError(
            f"one of {', '.join(names)} is a combination of the others: leave one of them out"
        )


def fit(
    y: Array, v: Array, x: Array, tau2: float, adjusted: bool | str
) -> tuple[Array, Array, float]:
    """Return coefficients, their covariance and the Knapp-Hartung factor."""
    root = 1.0 / np.sqrt(v + tau2)
    q, r = np.linalg.qr(x * root[:, None])
    b = np.linalg.solve(r, q.T @ (y * root))
    rest = (y - x @ b) * root
    factor = float(rest @ rest) / (len(y) - x.shape[1])
    inverse = np.linalg.inv(r)
    used = 1.0 if adjusted is False else max(factor, 1.0) if adjusted == "adhoc" else factor
    return b, used * inverse @ inverse.T, factor


def reml(y: Array, v: Array, x: Array) -> float:
    """Estimate tau² given moderators, as ``between_studies.reml`` does without them."""
    start = np.linalg.lstsq(x, y, rcond=None)[0]
    grid = GRID * float(np.var(y - x @ start))
    top = int(np.argmax([_restricted_log_likelihood(t, y, v, x) for t in grid]))
    rising = _score(grid[top], y, v, x) > 0
    if top == 0 and not rising:
        return 0.0
    low, high = grid[[top, top + 1]] if rising else grid[[top - 1, top]]
    xtol = max(high * 1e-14, float(np.finfo(float).tiny))
    return float(brentq(_score, low, high, args=(y, v, x), xtol=xtol, rtol=ROOT_TOLERANCE))


def _restricted_log_likelihood(tau2: float, y: Array, v: Array, x: Array) -> float:
    root = 1.0 / np.sqrt(v + tau2)
    q, r = np.linalg.qr(x * root[:, None])
    scaled = y * root
    rest = scaled - q @ (q.T @ scaled)
    return float(np.log(root).sum() - np.log(np.abs(np.diag(r))).sum() - 0.5 * rest @ rest)


def _score(tau2: float, y: Array, v: Array, x: Array) -> float:
    """Twice the slope of the restricted log-likelihood by tau²."""
    root = 1.0 / np.sqrt(v + tau2)
    q = np.linalg.qr(x * root[:, None])[0]
    scaled = y * root
    rest = root * (scaled - q @ (q.T @ scaled))
    w = root**2
    return float(rest @ rest - w.sum() + w @ (q**2).sum(axis=1))


def heterogeneity(y: Array, v: Array, x: Array, tau2: float) -> dict[str, float]:
    """Residual scatter without tau², its test, and the share of it that is not sampling."""
    k, p = x.shape
    _, covariance, factor = fit(y, v, x, 0.0, False)
    w = 1.0 / v
    trace = float(w.sum() - np.trace(covariance @ (x * (w**2)[:, None]).T @ x))
    typical = (k - p) / trace
    q = factor * (k - p)
    return {
        "i2": 100.0 * tau2 / (tau2 + typical),
        "q": q,
        "q_p_value": float(chdtrc(k - p, q)),
    }


def together(b: Array, covariance: Array, df: float) -> dict[str, float]:
    """Test all moderators at once: F, or chi-squared over its df under Wald."""
    m = len(b) - 1
    if not m:
        return {"f": math.nan, "f_p_value": math.nan}
    f = float(b[1:] @ np.linalg.solve(covariance[1:, 1:], b[1:])) / m
    p = float(chdtrc(m, m * f) if math.isinf(df) else fdtrc(m, df, f))
    return {"f": f, "f_p_value": p}
