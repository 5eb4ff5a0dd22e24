"""Times known only to lie between two visits: the distribution, and the share by a given time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from mnstudy.stats.counts.proportions import proportion, whole_number
from mnstudy.stats.mixed.design import factorize
from mnstudy.stats.result import SmallResult, check_aligned, check_level, check_number, interval

Array = NDArray[np.float64]
TOLERANCE = 1e-12
MAX_STEPS = 200
# The limits of a bootstrap are known to two digits: its many fits may stop early.
LIMIT_TOLERANCE = 1e-5
MAX_ITERATIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TurnbullFit(SmallResult):
    """Nonparametric distribution of an interval-censored time.

    Attributes
    ----------
    left, right : arrays of shape (m,)
        The intervals (left, right] that can hold probability; nothing is known inside them.
    mass : array of shape (m,)
        Probability of each, adding up to 1.
    n : int
        Observations.
    """

    left: Array
    right: Array
    mass: Array
    n: int

    def share_by(self, time: float) -> float:
        """Return the probability of a time up to ``time``, spread evenly inside an interval."""
        return float(self.mass @ _covered(self.left, self.right, time))

    def quantile(self, share: float) -> tuple[float, float]:
        """Return the interval (left, right] in which the share is reached."""
        reached = np.searchsorted(np.cumsum(self.mass), share - 1e-12)
        return float(self.left[reached]), float(self.right[reached])

    def to_frame(self) -> pd.DataFrame:
        """One row an interval, nothing rounded."""
        return pd.DataFrame({"left": self.left, "right": self.right, "mass": self.mass})

    def _lines(self) -> list[str]:
        low, high = self.quantile(0.5)
        return [f"median in ({low:.4g}, {high:.4g}]", f"{self.n} times known to an interval"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ShareBy(SmallResult):
    """Share of observations whose time is up to ``time``, patients resampled for the interval."""

    time: float
    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    median: tuple[float, float]
    n: int
    n_groups: int
    method: str

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [main, f"{self.n} times of {self.n_groups} groups", self.method]


def turnbull(left: ArrayLike, right: ArrayLike) -> TurnbullFit:
    r"""Estimate the distribution of a time known to lie in (left, right].

    Parameters
    ----------
    left, right : arrays of shape (n,)
        Last time without the event and first time with it; right is inf where it was never seen.

    Returns
    -------
    TurnbullFit

    Raises
    ------
    ValueError
        A bound is missing, or left is not below right.

    Notes
    -----
    The masses :math:`p_j` of the innermost intervals maximise
    :math:`\sum_i \log \sum_j a_{ij} p_j`, where :math:`a_{ij}` tells whether observation i holds
    interval j.

    References
    ----------
    Turnbull (1976), doi 10.1111/j.2517-6161.1976.tb01597.x.

    Examples
    --------
    >>> turnbull([0, 0, 4, 8], [4, 8, 8, float("inf")]).quantile(0.5)
    (4.0, 8.0)
    """
    return _fit(*_bounds(left, right))[0]


def share_by(
    left: ArrayLike,
    right: ArrayLike,
    groups: Any,
    time: float,
    *,
    confidence_level: float = 0.95,
    n_resamples: int = 999,
    rng: int | np.random.Generator = 0,
) -> ShareBy:
    """Estimate the share of interval-censored times up to ``time``, with a cluster interval.

    Parameters
    ----------
    left, right : arrays of shape (n,)
        See ``turnbull``.
    groups : sequence of length n
        Patient of each time; whole patients are resampled.
    time : float
        In the unit of the bounds.
    confidence_level : float
    n_resamples : int
        Bootstrap samples; the interval is their percentiles, and exact (Clopper-Pearson, patients
        as the unit) where the share is 0 or 1.
    rng : int or Generator

    Returns
    -------
    ShareBy

    Raises
    ------
    ValueError
        A bound or a label is missing, or left is not below right.

    Examples
    --------
    >>> round(share_by([0, 0, 4, 8], [4, 8, 8, float("inf")], [1, 2, 3, 4], 8).estimate, 6)
    0.75
    """
    level = check_level(confidence_level)
    low, high = _bounds(left, right)
    check_aligned(left=left, right=right, groups=groups)
    check_number(time=time)
    n_resamples = whole_number("n_resamples", n_resamples)
    codes, labels = factorize(groups, sort=True)
    if len(codes) != len(low):
        raise ValueError("groups must have one label for each time")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be 1 or more, not {n_resamples}")
    if (codes < 0).any():
        raise ValueError(
            f"groups holds {(codes < 0).sum()} missing labels; every time needs one, of its own "
            "where the patient is unknown"
        )
    fit, holds = _fit(low, high)
    covered = _covered(fit.left, fit.right, time)
    estimate = float(np.clip(fit.mass @ covered, 0, 1))
    count, n_groups = np.random.default_rng(rng), len(labels)
    drawn = count.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples)
    shares = _resampled_shares(holds, drawn[:, codes].astype("float64"), covered)
    ends = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    method = f"percentiles of {n_resamples} samples of patients, seed {rng}"
    if min(estimate, 1 - estimate) < 1e-6:
        exact = proportion(n_groups if estimate > 0.5 else 0, n_groups, confidence_level=level)
        ends, method = np.array([exact.ci_low, exact.ci_high]), "exact (Clopper-Pearson) limits"
    return ShareBy(
        time=time,
        estimate=estimate,
        ci_low=float(ends[0]),
        ci_high=float(ends[1]),
        confidence_level=level,
        median=fit.quantile(0.5),
        n=len(low),
        n_groups=n_groups,
        method=method,
    )


def _bounds(left: ArrayLike, right: ArrayLike) -> tuple[Array, Array]:
    low, high = np.asarray(left, dtype="float64"), np.asarray(right, dtype="float64")
    if low.shape != high.shape or low.ndim != 1 or not len(low):
        raise ValueError("left and right must be two lists of the same length, not empty")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("left and right must be known; give inf for a time never seen")
    if (low >= high).any():
        at = int(np.argmax(low >= high))
        raise ValueError(f"left must be below right; they are {low[at]:g} and {high[at]:g}")
    return low, high


def _fit(low: Array, high: Array) -> tuple[TurnbullFit, Array]:
    """Put mass on the intervals that can hold it; tell which observation holds which of them."""
    lefts, rights = np.unique(low), np.unique(high)
    # a left end directly followed by a right end, with no other left end between them
    next_right = rights[np.searchsorted(rights, lefts, side="right")]
    last_left = np.append(lefts[1:], np.inf) >= next_right
    left, right = lefts[last_left], next_right[last_left]
    holds = ((low[:, None] <= left) & (right <= high[:, None])).astype("float64")
    return TurnbullFit(left=left, right=right, mass=_maximise(holds), n=len(low)), holds


def _maximise(holds: Array) -> Array:
    """Maximise the likelihood by constrained Newton steps, each a nonnegative least squares.

    At the maximum no interval has a gradient above 1 (Wang 2008, doi 10.1016/j.csda.2007.10.018).
    """
    kinds, counts = np.unique(holds, axis=0, return_counts=True)
    share = counts / counts.sum()
    mass = np.full(kinds.shape[1], 1 / kinds.shape[1])
    for _ in range(MAX_STEPS):
        scores = kinds / (kinds @ mass)[:, None]
        if (share @ scores).max() <= 1 + TOLERANCE:
            break
        newton = np.vstack([np.sqrt(share)[:, None] * (scores - 2), np.ones(len(mass))])
        target = nnls(newton, np.append(np.zeros(len(share)), 1.0))[0]
        before, mass = mass, _longest_step(kinds, share, mass, target / target.sum())
        if mass is before:  # no step raises the likelihood beyond rounding
            break
    return mass


def _longest_step(kinds: Array, share: Array, mass: Array, target: Array) -> Array:
    """Go towards the target as far as the likelihood rises, halving the step."""

    def likelihood(p: Array) -> float:
        held = kinds @ p
        return float(share @ np.log(held)) if (held > 0).all() else -np.inf

    start, step = likelihood(mass), 1.0
    while step > TOLERANCE:
        new = mass + step * (target - mass)
        if likelihood(new) > start:
            return np.maximum(new, 0.0)
        step /= 2
    return mass


def _resampled_shares(holds: Array, weights: Array, covered: Array) -> Array:
    """Return the share of many weighted samples at once, each iterated until it stands still."""
    kinds, which = np.unique(holds, axis=0, return_inverse=True)
    per_kind = np.zeros((len(weights), len(kinds)))
    np.add.at(per_kind.T, which.ravel(), weights.T)
    share = per_kind / per_kind.sum(axis=1, keepdims=True)
    mass = np.full((len(weights), kinds.shape[1]), 1 / kinds.shape[1])
    result = mass @ covered
    moving = np.arange(len(weights))
    for _ in range(MAX_ITERATIONS):
        held = mass @ kinds.T
        ratio = np.divide(share, held, out=np.zeros_like(share), where=share > 0)
        mass = mass * (ratio @ kinds)
        new = mass @ covered
        still = np.abs(new - result[moving]) < LIMIT_TOLERANCE
        result[moving] = new
        moving, mass, share = moving[~still], mass[~still], share[~still]
        if not len(moving):
            break
    return result


def _covered(left: Array, right: Array, time: float) -> Array:
    """Return how much of each interval lies up to ``time``."""
    width = np.where(np.isinf(right), np.inf, right - left)
    inside = np.where(np.isinf(width), 0.0, (time - left) / width)
    return np.where(right <= time, 1.0, np.clip(inside, 0.0, 1.0))
