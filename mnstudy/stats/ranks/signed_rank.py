"""The signed-rank test, and the checked samples and exact distributions that rank methods share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import rankdata

from mnstudy.stats.result import (
    ALTERNATIVES,
    Alternative,
    SmallResult,
    check_aligned,
    check_option,
)

Array = NDArray[np.float64]
Ranks = NDArray[np.int64]
# Numbers computed two ways, such as 0.3 - 0.1 and 0.2, are the same down to a share of what was
# computed with, or, where only the difference is known, to a larger share of itself.
OF_NUMBERS, OF_ITSELF = 1e-14, 1e-12
# Above these sizes a sum of ranks is normal to more digits than anyone reads.
SIGNED_LIMIT = 200
RANK_SUM_LIMIT = 50
ZeroMethod = Literal["wilcox", "pratt"]
_ZEROS = {"wilcox": "zeros left out", "pratt": "zeros ranked, then left out (Pratt)"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedRank(SmallResult):
    """Wilcoxon's signed-rank test.

    ``estimate`` is the rank-biserial correlation, from -1 (all ranks with negative differences) to
    1; ``statistic`` the sum of ranks of the positive differences.
    """

    estimate: float
    statistic: float
    p_value: float
    alternative: Alternative
    zero_method: ZeroMethod
    method: str
    n: int
    n_zero: int
    n_tied: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = f"rank-biserial {self.estimate:.4g}, W+ = {self.statistic:g}"
        counts = f"n = {self.n}, {self.n_zero} zero, {self.n_tied} tied"
        return [
            f"{main}, p = {self.p_value:.3g} ({self.alternative})",
            f"{self.method}; {counts}",
        ]


def signed_rank(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    zero_method: ZeroMethod = "wilcox",
    alternative: Alternative = "two-sided",
    method: Literal["auto", "exact", "normal"] = "auto",
) -> SignedRank:
    r"""Test that differences within pairs lie symmetrically around zero.

    Parameters
    ----------
    x, y : array
        Pairs, position by position; or the differences alone as x.
    zero_method : {"wilcox", "pratt"}
        Leave differences of zero out before ranking, or rank them and leave out their ranks.
    alternative : {"two-sided", "less", "greater"}
        "greater": x tends to be above y.
    method : {"auto", "exact", "normal"}
        Exact up to 200 pairs, also with ties, else normal. The result says which it was.

    Returns
    -------
    SignedRank

    Raises
    ------
    ValueError
        For missing values, or x and y of different length.

    Notes
    -----
    :math:`W^+` is the sum of the ranks of :math:`|d_i|` over :math:`d_i > 0`, ties sharing their
    mean rank. Exact: the distribution of :math:`W^+` over all :math:`2^n` signs, given the ranks
    observed; two-sided is twice the smaller tail. Normal: mean :math:`\sum r_i/2`, variance
    :math:`\sum r_i^2/4`, which holds with ties, no continuity correction. Differences equal up to
    rounding count as ties. The test takes differences as symmetric; it needs an interval scale,
    since it ranks differences.

    References
    ----------
    Wilcoxon (1945), doi 10.2307/3001968. Pratt (1959), doi 10.1080/01621459.1959.10501526.
    Streitberg & Röhmel (1986), Statistical Software Newsletter 12:10-17.

    Examples
    --------
    >>> signed_rank([1.1, 2, 2, 3.5, -0.5, 0, 0, 4, -2, 1.1], zero_method="pratt")
    rank-biserial 0.6154, W+ = 42, p = 0.117 (two-sided)
      exact over all signs, zeros ranked, then left out (Pratt); n = 10, 2 zero, 5 tied
    """
    check_option("zero_method", zero_method, tuple(_ZEROS))
    check_option("alternative", alternative, ALTERNATIVES)
    check_option("method", method, ("auto", "exact", "normal"))
    d, noise = differences(x, y)
    size = merge_equal(np.abs(d), noise)
    kept = d != 0
    ranks = rankdata(size)[kept] if zero_method == "pratt" else rankdata(size[kept])
    above = float(ranks[d[kept] > 0].sum())
    total = float(ranks.sum())
    exact = method == "exact" or (method == "auto" and len(d) <= SIGNED_LIMIT)
    low, high = _exact_tails(ranks, above) if exact else _normal_tails(ranks, above)
    how = "exact over all signs" if exact else "normal approximation, variance with ties"
    tails = {"less": low, "greater": high, "two-sided": min(1.0, 2.0 * min(low, high))}
    return SignedRank(
        estimate=2.0 * above / total - 1.0 if total else 0.0,
        statistic=above,
        p_value=tails[alternative],
        alternative=alternative,
        zero_method=zero_method,
        method=f"{how}, {_ZEROS[zero_method]}",
        n=len(d),
        n_zero=int(len(d) - kept.sum()),
        n_tied=_tied(size[kept]),
        notes=() if total else ("every difference is zero: nothing to test",),
    )


def _exact_tails(ranks: Array, above: float) -> tuple[float, float]:
    """Chance of a sum at most, and at least, as large as observed."""
    chance = signed_distribution(np.rint(2.0 * ranks).astype(np.int64))
    place = round(2.0 * above)
    return min(1.0, float(chance[: place + 1].sum())), min(1.0, float(chance[place:].sum()))


def _normal_tails(ranks: Array, above: float) -> tuple[float, float]:
    if not len(ranks):
        return 1.0, 1.0
    z = (above - ranks.sum() / 2.0) / np.sqrt(ranks @ ranks / 4.0)
    return float(special.ndtr(z)), float(special.ndtr(-z))


def _tied(size: Array) -> int:
    counts = np.unique(size, return_counts=True)[1]
    return int(counts[counts > 1].sum())


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


def differences(x: ArrayLike, y: ArrayLike | None) -> tuple[Array, Array]:
    """Return x - y pair by pair, or x itself, and what rounding can have added to each.

    What differs from zero by rounding only becomes zero: without y, beside the larger differences,
    of which one quarter may be outliers.
    """
    check_aligned(x=x, y=y)
    first = sample("x", x)
    if y is None:
        size = np.abs(first)
        typical = np.quantile(size, 0.75)
        return np.where(size <= OF_ITSELF * typical, 0.0, first), OF_ITSELF * size
    second = sample("y", y)
    if len(first) != len(second):
        raise ValueError(f"x has {len(first)} values and y {len(second)}; pairs need as many each")
    found, noise = first - second, OF_NUMBERS * np.maximum(np.abs(first), np.abs(second))
    return np.where(np.abs(found) <= noise, 0.0, found), noise


def merge_equal(values: Array, noise: Array) -> Array:
    """Give values that differ by rounding (``noise``) only one common value, so that they tie."""
    order = np.argsort(values, kind="stable")
    ordered, within = values[order], noise[order]
    first_of = np.append(True, np.diff(ordered) > np.maximum(within[1:], within[:-1]))
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
