"""The chance that a treated value beats an untreated one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq
from statsmodels.stats.nonparametric import rank_compare_2indep

from mnstudy.stats.counts.two_groups import tango_limits
from mnstudy.stats.ranks.signed_rank import (
    OF_NUMBERS,
    Array,
    differences,
    merge_equal,
    sample,
)
from mnstudy.stats.result import (
    ALTERNATIVES,
    Alternative,
    SmallResult,
    check_level,
    check_option,
    interval,
)

# statsmodels' words for scipy's.
_SIDES = {"two-sided": "two-sided", "less": "smaller", "greater": "larger"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BrunnerMunzel(SmallResult):
    """Test that neither group tends to larger values; ``estimate`` is P(x > y) + P(x = y)/2."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    alternative: Alternative
    n1: int
    n0: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        test = f"Brunner-Munzel t = {self.statistic:.4g}, df = {self.df:.4g}"
        return [
            f"P(better) {main}, p = {self.p_value:.3g} ({self.alternative})",
            f"{test}, n = {self.n1} and {self.n0}",
        ]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Superiority(SmallResult):
    """P(x > y) + P(x = y)/2 with an interval inside 0 to 1."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    paired: bool
    method: str
    n1: int
    n0: int

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        n = f"{self.n1} pairs" if self.paired else f"n = {self.n1} and {self.n0}"
        return [f"P(better) {main}, {n}", self.method]


def brunner_munzel(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    confidence_level: float = 0.95,
) -> BrunnerMunzel:
    r"""Test two separate groups for a tendency to larger values; spreads may differ.

    Parameters
    ----------
    x, y : array
        Two groups of at least two values; ordered grades will do.
    alternative : {"two-sided", "less", "greater"}
        "greater": x tends to be above y. The interval is two-sided always.
    confidence_level : float

    Notes
    -----
    Each x has the share :math:`s_i` of y below it (ties half), each y the share :math:`t_j` of x.
    :math:`\hat p = \bar s`, :math:`se^2 = S_s^2/n_1 + S_t^2/n_0`, t with Satterthwaite's df, as in
    ``statsmodels.stats.nonparametric.rank_compare_2indep``, which computes it. The interval is cut
    at 0 and 1. Groups that do not overlap have no variance: p and limits are nan then;
    ``probability_of_superiority`` has limits still.

    References
    ----------
    Brunner & Munzel (2000), doi 10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U.

    Examples
    --------
    >>> brunner_munzel([3, 2, 4, 4, 3, 2], [1, 2, 3, 1, 2, 2])
    P(better) 0.8333 (95 % CI 0.5887 to 1), p = 0.0126 (two-sided)
      Brunner-Munzel t = 3.038, df = 9.941, n = 6 and 6
    """
    check_option("alternative", alternative, ALTERNATIVES)
    level = check_level(confidence_level)
    first, second = _tied(sample("x", x, least=2), sample("y", y, least=2))
    with np.errstate(divide="ignore", invalid="ignore"):  # groups apart have no variance
        found = rank_compare_2indep(first, second)
        test = found.test_prob_superior(alternative=_SIDES[alternative])
        low, high = np.clip(found.conf_int(alpha=1.0 - level), 0.0, 1.0)
    error, values = math.sqrt(found.var_prob), (found.df, test.statistic, test.pvalue, low, high)
    df, t, p, low, high = (float(x) if error > 0 else math.nan for x in values)
    return BrunnerMunzel(
        estimate=float(found.prob1),
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        std_error=error,
        statistic=t,
        df=df,
        p_value=p,
        alternative=alternative,
        n1=len(first),
        n0=len(second),
        notes=() if error > 0 else ("no variance (groups apart or all values equal): no test",),
    )


def probability_of_superiority(
    x: ArrayLike, y: ArrayLike, *, paired: bool, confidence_level: float = 0.95
) -> Superiority:
    r"""Estimate the chance that x is above y, ties counted half.

    Parameters
    ----------
    x, y : array
        Separate groups: a value of x against one of y. Pairs: the two values of one patient.
    paired : bool
        Which of the two; the answers to the two questions can differ.
    confidence_level : float

    Notes
    -----
    Separate groups: limits solve :math:`|\hat\theta - \theta| = z\sqrt{V(\theta)}` with

    .. math:: V(\theta) = \frac{\theta(1-\theta)}{n_1 n_0}\left\{1 + N\left(
              \frac{1-\theta}{2-\theta} + \frac{\theta}{1+\theta}\right)\right\},\quad
              N = \frac{n_1 + n_0}{2} - 1

    (Newcombe's method 5); they exist for groups that do not overlap. Pairs:
    :math:`\tfrac12 + D/2`, D the share of pairs with x above y minus the share with x below, with
    Tango's score limits of D.

    References
    ----------
    Newcombe (2006), doi 10.1002/sim.2324. Tango (1998),
    doi 10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Examples
    --------
    >>> probability_of_superiority([3, 2, 4, 4, 3, 2], [1, 2, 3, 1, 2, 2], paired=False)
    P(better) 0.8333 (95 % CI 0.4934 to 0.9582), n = 6 and 6
      separate groups, Newcombe's method 5
    """
    level = check_level(confidence_level)
    z = float(special.ndtri((1.0 + level) / 2.0))
    if paired:
        d, _ = differences(x, y)
        n1 = n0 = len(d)
        wins, losses = int((d > 0).sum()), int((d < 0).sum())
        estimate = 0.5 + (wins - losses) / (2.0 * n1)
        ends = tango_limits(wins, losses, n1, (1.0 - level) / 2.0)
        low, high = (0.5 + end / 2.0 for end in ends)
    else:
        first, second = _tied(sample("x", x), sample("y", y))
        n1, n0 = len(first), len(second)
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = float(rank_compare_2indep(first, second).prob1)
        low = _lower_limit(estimate, n1, n0, z)
        high = 1.0 - _lower_limit(1.0 - estimate, n1, n0, z)
    return Superiority(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        paired=paired,
        method="pairs, Tango score limits" if paired else "separate groups, Newcombe's method 5",
        n1=n1,
        n0=n0,
    )


def _tied(first: Array, second: Array) -> list[Array]:
    """Let numbers of both groups that differ by rounding only tie."""
    both = np.concatenate([first, second])
    return np.split(merge_equal(both, OF_NUMBERS * np.abs(both)), [len(first)])


def _lower_limit(estimate: float, n1: int, n0: int, z: float) -> float:
    """Return the root below the estimate of (estimate - theta)^2 = z^2 V(theta)."""
    if estimate == 0:
        return 0.0
    spare = (n1 + n0) / 2 - 1

    def beyond(theta: float) -> float:
        shape = 1 + spare * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (estimate - theta) ** 2 - z**2 * theta * (1 - theta) * shape / (n1 * n0)

    # At an estimate of 1 both sides vanish at theta = 1, which is not the root sought.
    return float(brentq(beyond, 0.0, min(estimate, 1.0 - 1e-9), xtol=1e-14))
