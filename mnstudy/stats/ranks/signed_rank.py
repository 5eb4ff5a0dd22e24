"""Rank methods: the signed-rank test here, and what else a comparison by ranks needs.

``hodges_lehmann`` gives the size of a difference, ``brunner_munzel`` and
``probability_of_superiority`` the chance that the treated do better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.stats import rankdata

from mnstudy.stats.ranks.hodges_lehmann import HodgesLehmann, hodges_lehmann
from mnstudy.stats.ranks.rank_basics import (
    SIGNED_LIMIT,
    Array,
    differences,
    merge_equal,
    signed_distribution,
)
from mnstudy.stats.ranks.superiority import (
    BrunnerMunzel,
    Superiority,
    brunner_munzel,
    probability_of_superiority,
)
from mnstudy.stats.result import ALTERNATIVES, Alternative, SmallResult, check_option

__all__ = [
    "BrunnerMunzel",
    "HodgesLehmann",
    "SignedRank",
    "Superiority",
    "brunner_munzel",
    "hodges_lehmann",
    "probability_of_superiority",
    "signed_rank",
]

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
            *(f"note: {note}" for note in self.notes),
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
    d = differences(x, y)
    size = merge_equal(np.abs(d))
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
