"""Normal likelihood of values known exactly or between bounds, and its maximum.

In (mean / sd, 1 / sd) the log-likelihood is concave (Pratt 1981, doi
10.1080/01621459.1981.10477613), so that Newton steps, halved where they go too far, find its only
maximum. There is one wherever no single value lies within the bounds of all observations.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Array = NDArray[np.float64]
MAX_STEPS = 200
TOLERANCE = 1e-12  # of the Newton decrement, in units of the log-likelihood
SMALLEST_STEP = 1e-10
LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def maximise(low: Array, high: Array) -> tuple[Array, Array, float]:
    """Return (mean / sd, 1 / sd), the information about them, and the log-likelihood."""
    middle = (low + high) / 2
    rho = 1 / max(float(middle.std()), 1e-3)
    at = np.array([float(middle.mean()) * rho, rho])
    height, gradient, hessian = log_likelihood(low, high, at)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(-hessian, gradient)
        small = bool(gradient @ step < TOLERANCE * max(1.0, abs(height)))
        size = 1.0
        while not small:
            tried = at + size * step
            if tried[1] > 0 and log_likelihood(low, high, tried)[0] > height:
                break
            size /= 2
            small = size < SMALLEST_STEP  # nothing higher can be told apart from rounding
        if small:
            # one more full step: near the maximum each doubles the digits
            at = at + step if size == 1.0 else at
            height, _, hessian = log_likelihood(low, high, at)
            break
        at = at + size * step
        height, gradient, hessian = log_likelihood(low, high, at)
    return at, -hessian, height


def log_likelihood(low: Array, high: Array, at: Array) -> tuple[float, Array, Array]:
    """Return the log-likelihood with its gradient and second derivatives by (mean/sd, 1/sd)."""
    eta, rho = at
    exact = low == high
    z = rho * low[exact] - eta
    z_low, z_high = rho * low[~exact] - eta, rho * high[~exact] - eta
    log_p = _log_between(z_low, z_high)
    a, b = (np.exp(-0.5 * x**2 - LOG_ROOT_2PI - log_p) for x in (z_high, z_low))
    height = float(exact.sum() * (math.log(rho) - LOG_ROOT_2PI) - 0.5 * z @ z + log_p.sum())
    x, x_low, x_high = (_columns(y) for y in (low[exact], low[~exact], high[~exact]))
    gradient = -z @ x + a @ x_high - b @ x_low
    gradient[1] += exact.sum() / rho
    crossed = (x_high * (a * b)[:, None]).T @ x_low
    hessian = (
        -x.T @ x
        + (x_high * (-z_high * a - a**2)[:, None]).T @ x_high
        + (x_low * (z_low * b - b**2)[:, None]).T @ x_low
        + crossed
        + crossed.T
    )
    hessian[1, 1] -= exact.sum() / rho**2
    return height, gradient, hessian


def _columns(y: Array) -> Array:
    return np.column_stack([np.full(len(y), -1.0), y])


def _log_between(low: Array, high: Array) -> Array:
    """Log of the normal probability between two points, in the tail where it is most precise."""
    flip = low > 0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    top = log_ndtr(b)
    found: Array = top + np.log(-np.expm1(log_ndtr(a) - top))
    return found
