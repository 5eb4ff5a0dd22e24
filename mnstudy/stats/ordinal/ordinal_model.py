"""The cumulative logit model: likelihood, Newton's method, and whether a maximum exists.

statsmodels' OrderedModel differentiates numerically and reports thresholds as log increments; here
derivatives are analytic, and effects may differ between thresholds, which the check of
proportional odds needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.special import expit, logit

from mnstudy.stats.mixed.design import Array, Codes, Mask

STEPS = 60
# Newton's method converges quadratically: one step after this decrement reaches rounding.
SMALL_DECREMENT = 1e-10
# A step may seem to lower the log-likelihood by this much when it changes nothing.
ROUNDING = 1e-9
# Log odds between the ends of a column's range beyond which a finite maximum is checked for.
SUSPICIOUS = 8.0


class NoMaximumError(ValueError):
    """The likelihood rises for ever along the columns in ``columns``."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__("the likelihood has no finite maximum")
        self.columns = columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Both ends of each row's level on the latent scale, as rows of linear combinations.

    A row of level j has logit P(Y <= j) = ``upper`` @ params and logit P(Y < j) = ``lower`` @
    params; ``top`` and ``bottom`` mark rows whose end is infinite.
    """

    upper: Array  # (n, k)
    lower: Array  # (n, k)
    top: Mask  # (n,)
    bottom: Mask  # (n,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A point of the likelihood: parameters are thresholds, effects, then deviations."""

    params: Array  # (k,)
    log_likelihood: float
    scores: Array  # (n, k): derivative of each row's log-likelihood
    information: Array  # (k, k): observed, minus the second derivative


def bounds(level: Codes, x: Array, free: Sequence[int] = ()) -> Bounds:
    """Lay out rows for thresholds, common effects and, per column in ``free``, deviations.

    A deviation is what a column's effect at the second, third, ... threshold has beyond the first.
    """
    last = int(level.max())
    return Bounds(
        upper=_side(level, last, x, x[:, list(free)]),
        lower=_side(level - 1, last, x, x[:, list(free)]),
        top=level == last,
        bottom=level == 0,
    )


def _side(threshold: Codes, last: int, x: Array, deviating: Array) -> Array:
    """One end of each row; a row whose end is infinite gets zeros."""
    marks = (threshold[:, None] == np.arange(last)).astype(float)
    within = marks.sum(axis=1, keepdims=True)
    deviations = [-deviating * marks[:, [m]] for m in range(1, last)]
    return np.hstack([marks, -x * within, *deviations])


def at(rows: Bounds, params: Array) -> Fit:
    r"""Evaluate the likelihood and its derivatives.

    With :math:`f = F(1 - F)` and :math:`f' = f (1 - 2F)`, row by row:
    :math:`s = (f(u) U - f(l) L) / P`, :math:`h = (f'(u) UU' - f'(l) LL') / P - s s'`.
    """
    u = np.where(rows.top, np.inf, rows.upper @ params)
    low = np.where(rows.bottom, -np.inf, rows.lower @ params)
    # Differences are taken in the smaller tail, where they keep their digits.
    chance = np.where(low > 0, expit(-low) - expit(-u), expit(u) - expit(low))
    if not (chance > 0).all():
        return Fit(
            params=params,
            log_likelihood=-np.inf,
            scores=np.empty((0, len(params))),
            information=np.empty((0, 0)),
        )
    density_u, density_l = expit(u) * expit(-u), expit(low) * expit(-low)
    weight_u, weight_l = density_u / chance, density_l / chance
    scores = weight_u[:, None] * rows.upper - weight_l[:, None] * rows.lower
    curve_u, curve_l = weight_u * (1 - 2 * expit(u)), weight_l * (1 - 2 * expit(low))
    second = (rows.upper.T * curve_u) @ rows.upper - (rows.lower.T * curve_l) @ rows.lower
    return Fit(
        params=params,
        log_likelihood=float(np.log(chance).sum()),
        scores=scores,
        information=scores.T @ scores - second,
    )


def maximise(level: Codes, x: Array, free: Sequence[int] = ()) -> Fit:
    """Maximum likelihood; columns of ``x`` are expected to be centred and of range about one.

    Raises
    ------
    NoMaximumError
        When the columns separate the levels, wholly or in part.

    Notes
    -----
    The log-likelihood is concave (Pratt 1981, doi 10.1080/01621459.1981.10477613), so Newton's
    method with halved steps finds the maximum when there is one.
    """
    rows = bounds(level, x, free)
    last = int(level.max())
    start = np.zeros(rows.upper.shape[1])
    start[:last] = logit(np.cumsum(np.bincount(level))[:-1] / len(level))
    fit, converged = _climb(rows, at(rows, start))
    if not converged or np.abs(fit.params[last:]).max(initial=0.0) > SUSPICIOUS:
        columns = _endless(rows, last, x.shape[1], free)
        if columns:
            raise NoMaximumError(columns)
    if not converged:
        raise ValueError(f"the ordinal model did not converge in {STEPS} steps of Newton's method")
    return fit


def _climb(rows: Bounds, fit: Fit) -> tuple[Fit, bool]:
    for _ in range(STEPS):
        gradient = fit.scores.sum(axis=0)
        try:
            step = np.linalg.solve(fit.information, gradient)
        except np.linalg.LinAlgError:
            return fit, False
        decrement = float(gradient @ step)
        share = 1.0
        while (found := at(rows, fit.params + share * step)).log_likelihood < (
            fit.log_likelihood - ROUNDING
        ):
            share /= 2
            if share < 1e-9:
                return fit, False
        fit = found
        if abs(decrement) < SMALL_DECREMENT:
            return fit, True
    return fit, False


def _endless(rows: Bounds, last: int, p: int, free: Sequence[int]) -> tuple[int, ...]:
    """Columns along which no row's likelihood falls and some row's rises, by linear programming.

    References
    ----------
    Albert & Anderson (1984), doi 10.1093/biomet/71.1.1. Konis (2007), DPhil thesis, Oxford.
    """
    gains = np.unique(np.vstack([rows.upper[~rows.top], -rows.lower[~rows.bottom]]), axis=0)
    found = linprog(-gains.sum(axis=0), A_ub=-gains, b_ub=np.zeros(len(gains)), bounds=(-1, 1))
    if found.status != 0 or -found.fun < 1e-7:
        return ()
    moving = np.flatnonzero(np.abs(found.x[last:]) > 1e-7)
    columns = [*range(p), *(list(free) * (last - 1))]
    return tuple(sorted({columns[j] for j in moving}))
