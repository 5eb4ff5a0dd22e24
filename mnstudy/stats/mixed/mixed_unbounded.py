"""REML where the variance between groups may be negative: rows of one group less alike.

V_i = I + theta J is a covariance matrix for every theta > -1 / n_i, also where no random intercept
could have produced it (compound symmetry). Bounded at zero, an estimate is too large on average
when the true variance is zero or small, and tests err with it.

References
----------
Molenberghs & Verbeke (2011), doi 10.1177/1471082X1001100501.
"""

from __future__ import annotations

import numpy as np

from mnstudy.stats.mixed.design import Array, Mask
from mnstudy.stats.mixed.profile import Point, newton, on_grid
from mnstudy.stats.mixed.sums import SizeSums

# The search runs down v = log(1 + n theta), n the size of the largest groups, from theta = 0 until
# their mean would have a ten-thousandth of the variance that independent rows give it. Closer to
# -1 / n there is nothing but the singular matrix itself, and digits are lost.
GRID = np.log(1e-4) * np.linspace(0.0, 1.0, 33) ** 1.5


def below_zero(sums: SizeSums, bounded: Point, boundary: Mask) -> Array:
    """Let the estimates at the boundary go on below zero; nan where they find no minimum.

    An estimate above zero stays as it is. Otherwise the criterion falls from zero downwards, and
    the first minimum on the way is taken. There may be none: where the columns can fit the means
    of all the largest groups (there may be only one such group), nothing keeps theta from -1 / n.
    """
    theta = np.where(boundary, np.nan, bounded.theta)
    largest = sums.sizes.max()
    grid = on_grid(sums.only(boundary), np.expm1(GRID) / largest)
    rises = np.diff(grid, axis=0) > 0
    turns = rises.any(axis=0)
    lowest = np.argmax(rises[:, turns], axis=0)
    found = np.flatnonzero(boundary)[turns]
    if len(found):
        low, high = GRID[lowest + 1], GRID[np.maximum(lowest - 1, 0)]
        chosen = np.isin(np.arange(len(theta)), found)
        theta[found] = newton(sums.only(chosen), (low + high) / 2, low, high, largest).theta
    return theta
