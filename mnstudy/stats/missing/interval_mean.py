"""Mean of a normal outcome whose values are known exactly or only to lie between two bounds.

In (mean / sd, 1 / sd) the log-likelihood is concave (Pratt 1981, doi
10.1080/01621459.1981.10477613), so that Newton steps, halved where they go too far, find its only
maximum. There is one wherever no single value lies within the bounds of all observations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from mnstudy.stats.meta.pooling import quantile
from mnstudy.stats.result import SmallResult, check_aligned, check_level, interval

Array = NDArray[np.float64]
MAX_STEPS = 200
TOLERANCE = 1e-12  # of the Newton decrement, in units of the log-likelihood
SMALLEST_STEP = 1e-10
# Bounds this near, as a share of the range, hold a probability that drowns in rounding.
NARROW = 1e-5
LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IntervalMean(SmallResult):
    """Maximum likelihood mean of values known exactly or between bounds.

    ``sd`` is the maximum likelihood standard deviation (divisor n); ``std_error`` and the interval
    (t with n - 1 df) carry the correction for small samples.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    sd: float
    n: int
    n_exact: int
    log_likelihood: float

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        known = f"{self.n} values, {self.n_exact} known exactly, the others between bounds"
        return [main, f"sd {self.sd:.4g}; {known}", "normal, maximum likelihood, t interval"]


def mean_of_intervals(
    low: ArrayLike, high: ArrayLike, *, confidence_level: float = 0.95
) -> IntervalMean:
    r"""Estimate the mean of a normal outcome known exactly or between bounds.

    Parameters
    ----------
    low, high : arrays of shape (n,)
        Finite bounds of each value, both included; equal where it is known exactly. The ends of a
        scale bound its last classes.
    confidence_level : float

    Returns
    -------
    IntervalMean

    Raises
    ------
    ValueError
        A bound is missing or infinite, low is above high, there are fewer than two values, or one
        and the same value fits all of them: then the likelihood has no maximum (the narrower the
        distribution around that value, the better it fits), and ``mean_bounds`` is what is left.

    Notes
    -----
    Maximises :math:`\sum_{exact}\log\{\phi(z_i)/\sigma\} +
    \sum_{others}\log\{\Phi(z_i^{high}) - \Phi(z_i^{low})\}` with :math:`z = (y - \mu)/\sigma`. In
    :math:`(\mu/\sigma, 1/\sigma)` it is concave, so that the maximum is the only one. The variance
    of the mean is from the observed information, times n/(n - 1), with t on n - 1 df: with exact
    values this is the ordinary t interval. The normal distribution reaches beyond the ends of a
    scale: with many patients in an end class the mean may be drawn towards that end. Bounds closer
    than 1e-5 of the whole range count as one exact value.

    References
    ----------
    Pratt (1981), doi 10.1080/01621459.1981.10477613.

    Examples
    --------
    >>> mean_of_intervals([0, 0, 25, 25, 25, 50, 50, 75], [25, 25, 50, 50, 50, 75, 75, 100])
    43.76 (95 % CI 22.16 to 65.36)
      sd 23.07; 8 values, 0 known exactly, the others between bounds
      normal, maximum likelihood, t interval
    """
    lower, upper = _bounds(low, high)
    level = check_level(confidence_level)
    if lower.max() <= upper.min():
        raise ValueError(
            f"the value {lower.max():g} lies within the bounds of all {len(lower)} values: their "
            "spread cannot be estimated, nor the error of their mean; use mean_bounds"
        )
    centre, scale = float((lower + upper).mean() / 2), float(upper.max() - lower.min())
    narrow, middle = upper - lower <= NARROW * scale, (lower + upper) / 2
    lower, upper = np.where(narrow, middle, lower), np.where(narrow, middle, upper)
    ends = (lower - centre) / scale, (upper - centre) / scale
    at, information, height = maximise(*ends)
    n, exact = len(lower), int((lower == upper).sum())
    eta, rho = at
    slope = np.array([1.0, -eta / rho]) / rho
    error = scale * math.sqrt(slope @ np.linalg.solve(information, slope) * n / (n - 1))
    mean, reach = centre + scale * eta / rho, quantile(n - 1.0, level) * error
    return IntervalMean(
        estimate=float(mean),
        ci_low=float(mean - reach),
        ci_high=float(mean + reach),
        confidence_level=level,
        std_error=error,
        df=n - 1.0,
        sd=float(scale / rho),
        n=n,
        n_exact=exact,
        log_likelihood=height - exact * math.log(scale),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MeanBounds(SmallResult):
    """What bounds alone say about a mean: nothing is assumed about where inside them values lie.

    ``low`` and ``high`` enclose the mean of these values, ``sd_largest`` their standard deviation
    from above (divisor n - 1); ``ci_low`` and ``ci_high`` enclose the t interval that the true
    values would give.
    """

    low: float
    high: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    sd_largest: float
    n: int

    def _lines(self) -> list[str]:
        between = f"mean of these values between {self.low:.4g} and {self.high:.4g}"
        level = f"{100 * self.confidence_level:.6g} %"
        outer = f"{level} CI within {self.ci_low:.4g} to {self.ci_high:.4g}"
        return [between, f"{outer}; sd at most {self.sd_largest:.4g}; n = {self.n}"]


def mean_bounds(low: ArrayLike, high: ArrayLike, *, confidence_level: float = 0.95) -> MeanBounds:
    r"""Bound the mean of values of which only bounds are known, and its t interval.

    Parameters
    ----------
    low, high : arrays of shape (n,)
        As for ``mean_of_intervals``.
    confidence_level : float

    Returns
    -------
    MeanBounds

    Raises
    ------
    ValueError
        A bound is missing or infinite, low is above high, or there are fewer than two values.

    Notes
    -----
    The interval is the union of the t intervals :math:`\bar y \pm t\,s/\sqrt n` of all values
    inside the bounds. Of all values with one mean those have the largest s that lie at upper ends
    where the middle of the bounds is highest and at lower ends elsewhere; along this path the
    variance is a piece of a circle in the mean, so that the ends are known in closed form. Where
    the path splits one observation between its ends the interval is wider than need be, by the
    order of 1/n. Wider bounds never give a narrower interval.

    References
    ----------
    Horowitz & Manski (2000), doi 10.1080/01621459.2000.10473902.

    Examples
    --------
    >>> mean_bounds([0, 0, 0, 50, 50, 50], [50, 50, 50, 100, 100, 100])
    mean of these values between 25 and 75
      95 % CI within -10.18 to 110.2; sd at most 54.77; n = 6
    """
    lower, upper = _bounds(low, high)
    level, n = check_level(confidence_level), len(lower)

    reach = quantile(n - 1.0, level) / math.sqrt(n - 1)
    ends, largest = _furthest(lower, upper, reach)
    return MeanBounds(
        low=float(lower.mean()),
        high=float(upper.mean()),
        ci_low=ends[0],
        ci_high=ends[1],
        confidence_level=level,
        std_error=largest / math.sqrt(n),
        df=n - 1.0,
        sd_largest=largest,
        n=n,
    )


def _furthest(low: Array, high: Array, c: float) -> tuple[tuple[float, float], float]:
    """Return the furthest ends of mean -+ c sd (divisor n), and the largest sd (divisor n - 1)."""
    n, centre = len(low), float((low + high).mean() / 2)
    order = np.argsort(-(low + high), kind="stable")
    low, high = low[order] - centre, high[order] - centre
    middle = (low + high) / 2
    steps = np.cumsum((high - low) / n)
    end = low.mean() + steps
    start = end - (high - low) / n
    squares = (low @ low) / n + np.cumsum((high**2 - low**2) / n) - (high**2 - low**2) / n
    radius2 = np.maximum(squares - 2 * middle * start + middle**2, 0.0)

    def at(mean: Array) -> tuple[Array, Array]:
        mean = np.clip(mean, start, end)
        return mean, np.sqrt(np.maximum(radius2 - (mean - middle) ** 2, 0.0))

    lean = np.sqrt(radius2 / (1 + c**2))
    (down, below), (up, above) = at(middle - lean), at(middle + lean)
    furthest = centre + float((down - c * below).min()), centre + float((up + c * above).max())
    return furthest, float(at(middle)[1].max()) * math.sqrt(n / (n - 1))


def _bounds(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    check_aligned(low=low, high=high)
    lower, upper = np.asarray(low, dtype="float64"), np.asarray(high, dtype="float64")
    if lower.shape != upper.shape or lower.ndim != 1 or len(lower) < 2:
        raise ValueError("low and high must be two lists of the same length, with 2 values or more")
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        raise ValueError("low and high must be known and finite; the ends of the scale bound it")
    if (lower > upper).any():
        at = int(np.argmax(lower > upper))
        raise ValueError(f"low must not be above high; they are {lower[at]:g} and {upper[at]:g}")
    order = np.lexsort((upper, lower))  # sums must not depend on the order of rows
    return lower[order], upper[order]


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
