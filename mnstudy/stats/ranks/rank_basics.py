"""What the rank methods stand on: checked samples and exact distributions of rank sums."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]
Ranks = NDArray[np.int64]
# Numbers computed two ways, such as 0.3 - 0.1 and 0.2, are the same down to this share.
SAME = 1e-12
# Above these sizes a sum of ranks is normal to more digits than anyone reads.
SIGNED_LIMIT = 200
RANK_SUM_LIMIT = 50


def sample(name: str, values: ArrayLike, *, least: int = 1) -> Array:
    """Return a checked one-dimensional sample; missing values are refused, never dropped."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers only") from error
    if array.ndim != 1 or len(array) < least:
        raise ValueError(f"{name} must be a list of at least {least} numbers")
    missing = np.flatnonzero(~np.isfinite(array))
    if len(missing):
        raise ValueError(
            f"{name} has {len(missing)} missing or infinite of {len(array)} values, the first at "
            f"position {missing[0]}; decide on them before testing"
        )
    return array


def differences(x: ArrayLike, y: ArrayLike | None) -> Array:
    """Return x - y pair by pair, or x itself; what differs by rounding only becomes zero."""
    first = sample("x", x)
    if y is None:
        return first
    second = sample("y", y)
    if len(first) != len(second):
        raise ValueError(f"x has {len(first)} values and y {len(second)}; pairs need as many each")
    found = first - second
    size = max(np.abs(first).max(), np.abs(second).max())
    found[np.abs(found) <= SAME * size] = 0.0
    return found


def merge_equal(values: Array) -> Array:
    """Give values that differ by rounding only one common value, so that they tie."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    size = max(abs(ordered[0]), abs(ordered[-1]))
    first_of = np.concatenate([[True], np.diff(ordered) > SAME * size])
    merged = np.empty_like(values)
    merged[order] = ordered[np.maximum.accumulate(np.where(first_of, np.arange(len(order)), 0))]
    return merged


def signed_distribution(doubled: Ranks) -> Array:
    """Probability of each sum of doubled ranks when every sign is a fair coin.

    Doubling makes the half ranks of ties whole. Sums are built up rank by rank.

    References
    ----------
    Streitberg & Röhmel (1986), Statistical Software Newsletter 12:10-17 (shift algorithm).

    Examples
    --------
    >>> signed_distribution(np.array([2, 4]))
    array([0.25, 0.  , 0.25, 0.  , 0.25, 0.  , 0.25])
    """
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0] = 1.0
    reach = 1
    for rank in doubled.tolist():
        moved = 0.5 * chance[:reach]
        chance[:reach] = moved
        chance[rank : rank + reach] += moved
        reach += rank
    return chance


@lru_cache(maxsize=256)
def signed_cumulative(n: int) -> Array:
    """Chance that the signed-rank sum of n untied differences is at most 0, 1, 2, ..."""
    return _frozen(np.cumsum(signed_distribution(np.arange(1, n + 1))))


@lru_cache(maxsize=256)
def rank_sum_cumulative(m: int, n: int) -> Array:
    """Chance that at most 0, 1, 2, ... of the m n pairs have x above y, without ties.

    The largest of all m + n values is an x with chance m / (m + n), and then above every y.

    References
    ----------
    Mann & Whitney (1947), doi 10.1214/aoms/1177730491.
    """
    before = [np.ones(1)] * (n + 1)
    for i in range(1, m + 1):
        row = [np.ones(1)]
        for j in range(1, n + 1):
            chance = np.zeros(i * j + 1)
            chance[j:] = i / (i + j) * before[j]
            chance[: i * (j - 1) + 1] += j / (i + j) * row[j - 1]
            row.append(chance)
        before = row
    return _frozen(np.cumsum(before[n]))


def depth(cumulative: Array, tail: float) -> tuple[int, float]:
    """How many values to count in from each end, and the chance left outside on one side.

    At least one: the widest interval there is runs from the smallest to the largest value.
    """
    # The tolerance keeps a chance that equals the tail from missing it by rounding.
    count = max(int(np.searchsorted(cumulative, tail * (1.0 - 1e-12))), 1)
    return count, float(cumulative[count - 1])


def normal_depth(mean: float, sd: float, tail: float) -> tuple[int, float]:
    """``depth`` from the normal approximation with continuity correction."""
    count = max(math.ceil(mean + sd * float(special.ndtri(tail)) - 0.5), 1)
    return count, float(special.ndtr((count - 0.5 - mean) / sd))


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
