"""One proportion with limits that hold in small samples, and what zero events can and cannot say.

Differences of two proportions are in ``risk_differences``, numbers needed to treat in
``number_needed``; both are offered here as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mnstudy.stats.counts.number_needed import NumberNeeded, nnt
from mnstudy.stats.counts.pairs import ExactMcNemar, exact_mcnemar
from mnstudy.stats.counts.proportion_limits import check_counts, exact_limits, wilson_limits
from mnstudy.stats.counts.two_groups import RiskDifference, risk_difference
from mnstudy.stats.result import (
    ALTERNATIVES,
    Alternative,
    SmallResult,
    check_level,
    check_option,
    interval,
    percent,
)

__all__ = [
    "ExactMcNemar",
    "NumberNeeded",
    "Proportion",
    "RiskDifference",
    "exact_mcnemar",
    "nnt",
    "proportion",
    "risk_difference",
    "zero_event_limit",
]

Method = Literal["clopper-pearson", "wilson"]
_LIMITS = {"clopper-pearson": exact_limits, "wilson": wilson_limits}
_WORDS = {"clopper-pearson": "exact", "wilson": "Wilson"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proportion(SmallResult):
    """A share of units with an event, and its limits."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    events: int
    n: int
    method: Method
    alternative: Alternative
    unit: str = ""

    @property
    def sentence(self) -> str:
        """What the count says, in plain words; limits are rounded outwards."""
        counted = f"{self.events} of {self.n} {self.unit}".strip()
        sides = "two-sided" if self.alternative == "two-sided" else "one-sided"
        how = f"({sides}, {_WORDS[self.method]})"
        sure = f"with {percent(self.confidence_level)} confidence the true rate is"
        if self.events == 0 and self.alternative != "greater":
            return f"{counted}: {sure} below {_outwards(self.ci_high, up=True)} {how}"
        if self.events == self.n and self.alternative != "less":
            return f"{counted}: {sure} above {_outwards(self.ci_low, up=False)} {how}"
        low, high = _outwards(self.ci_low, up=False), _outwards(self.ci_high, up=True)
        return f"{counted} ({100 * self.estimate:.3g} %): {sure} {low} to {high} {how}"

    def p_against(self, rate: float) -> float:
        r"""Two-sided exact p-value against a stated rate, the counterpart of the exact limits.

        :math:`2 \min\{P(X \le e), P(X \ge e)\}` for binomial X with n and the stated rate, at
        most 1; it equals one minus the level at the ends of the Clopper-Pearson interval.

        Examples
        --------
        >>> round(proportion(3, 40).p_against(0.01), 4)
        0.015
        """
        from scipy.stats import binom

        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate must lie between 0 and 1, not {rate:g}")
        lower = float(binom.cdf(self.events, self.n, rate))
        upper = float(binom.sf(self.events - 1, self.n, rate))
        return min(1.0, 2.0 * min(lower, upper))

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [main, self.sentence]


def proportion(
    events: int,
    n: int,
    *,
    method: Method = "clopper-pearson",
    alternative: Alternative = "two-sided",
    confidence_level: float = 0.95,
    unit: str = "",
) -> Proportion:
    r"""Estimate a proportion with exact or Wilson limits.

    Parameters
    ----------
    events, n : int
        Units with the event, and all units. Units must be independent: patients, not sessions or
        sites of the same patient.
    method : {"clopper-pearson", "wilson"}
        Exact limits never cover less than they promise; Wilson's cover it on average and are
        narrower.
    alternative : {"two-sided", "less", "greater"}
        "less" gives an upper limit only, "greater" a lower limit only, each with the full
        confidence on one side.
    confidence_level : float
    unit : str
        What was counted, for the sentence, such as "patients".

    Returns
    -------
    Proportion

    Notes
    -----
    Clopper-Pearson: :math:`p_L = B(\alpha/2; e, n-e+1)`, :math:`p_U = B(1-\alpha/2; e+1, n-e)`
    with quantiles B of the beta distribution. Wilson, with the normal quantile z:
    :math:`\{p + z^2/2n \pm z\sqrt{p(1-p)/n + z^2/4n^2}\}/(1 + z^2/n)`.

    References
    ----------
    Clopper & Pearson (1934), doi 10.1093/biomet/26.4.404. Wilson (1927),
    doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> proportion(3, 40)
    0.075 (95 % CI 0.01574 to 0.2039)
      3 of 40 (7.5 %): with 95 % confidence the true rate is 1.5 % to 20.4 % (two-sided, exact)
    """
    check_option("method", method, tuple(_LIMITS))
    check_option("alternative", alternative, ALTERNATIVES)
    events, n = check_counts("events", events, "n", n)
    tail = 1.0 - check_level(confidence_level)
    if alternative == "two-sided":
        tail /= 2.0
    low, high = _LIMITS[method](events, n, tail)
    return Proportion(
        estimate=events / n,
        ci_low=0.0 if alternative == "less" else low,
        ci_high=1.0 if alternative == "greater" else high,
        confidence_level=confidence_level,
        events=events,
        n=n,
        method=method,
        alternative=alternative,
        unit=unit,
    )


def zero_event_limit(
    n: int, *, confidence_level: float = 0.95, unit: str = "patients"
) -> Proportion:
    r"""Give the exact upper limit of a rate when none of n units had the event.

    The limit is one-sided: :math:`1 - (1 - c)^{1/n}` for confidence c, close to the "rule of
    three" 3/n at 95 %. For sessions give the number of sessions and ``unit="sessions"``; that
    limit takes the sessions as independent and is too low when some patients are more prone.

    References
    ----------
    Hanley & Lippman-Hand (1983), doi 10.1001/jama.1983.03330370053031.

    Examples
    --------
    >>> zero_event_limit(40).sentence
    '0 of 40 patients: with 95 % confidence the true rate is below 7.3 % (one-sided, exact)'
    """
    return proportion(0, n, alternative="less", confidence_level=confidence_level, unit=unit)


def _outwards(share: float, *, up: bool) -> str:
    """Percent with one decimal, or two digits when smaller, rounded away from the estimate."""
    value = 100.0 * share
    digits = 1 if value >= 1.0 or value <= 0.0 else 1 - math.floor(math.log10(value))
    scaled = value * 10**digits
    # A limit that is a round number up to floating point must not move a whole step.
    whole = math.ceil(scaled - 1e-9) if up else math.floor(scaled + 1e-9)
    return f"{whole / 10**digits:g} %"
