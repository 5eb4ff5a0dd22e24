"""Number needed to treat, with an interval that passes through infinity where it must."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from mnstudy.stats.result import SmallResult, check_option, percent


class Difference(Protocol):
    """A difference of two risks with its interval, such as a ``RiskDifference``."""

    @property
    def estimate(self) -> float:
        """First risk minus second."""

    @property
    def ci_low(self) -> float:
        """Lower limit."""

    @property
    def ci_high(self) -> float:
        """Upper limit."""

    @property
    def confidence_level(self) -> float:
        """Level of the limits."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NumberNeeded(SmallResult):
    """How many patients to treat for one more to benefit (or to be harmed).

    ``estimate`` is a positive number and ``kind`` says of what; with no difference it is infinite.
    The interval is kept as the part on the side of benefit and the part on the side of harm, nan
    where there is none. When both are there, each reaches to infinity: no difference at all lies
    within the limits.
    """

    estimate: float
    kind: Literal["benefit", "harm"]
    benefit_low: float
    benefit_high: float
    harm_low: float
    harm_high: float
    confidence_level: float

    @property
    def passes_infinity(self) -> bool:
        """True when the limits allow benefit as well as harm."""
        return not (math.isnan(self.benefit_low) or math.isnan(self.harm_low))

    @property
    def sentence(self) -> str:
        """Estimate and interval as recommended by Altman, NNTB for benefit and NNTH for harm."""
        if self.passes_infinity:
            reach = f"NNTB {self.benefit_low:.3g} to infinity to NNTH {self.harm_low:.3g}"
        else:
            benefit = math.isnan(self.harm_low)
            name = "NNTB" if benefit else "NNTH"
            low = self.benefit_low if benefit else self.harm_low
            high = self.benefit_high if benefit else self.harm_high
            reach = f"{name} {_number(low)} to {_number(high)}"
        name = "NNTB" if self.kind == "benefit" else "NNTH"
        return f"{name} {_number(self.estimate)} ({percent(self.confidence_level)} CI {reach})"

    def _lines(self) -> list[str]:
        return [self.sentence]


def nnt(difference: Difference, *, event: Literal["good", "bad"] = "good") -> NumberNeeded:
    r"""Turn a risk difference into a number needed to treat.

    Parameters
    ----------
    difference : RiskDifference
        Or any result with estimate, limits and level of a risk difference.
    event : {"good", "bad"}
        Whether the event counted is wanted (improved) or not (pigment change).

    Returns
    -------
    NumberNeeded

    Notes
    -----
    :math:`1/|D|`. Where the interval of D holds zero, the numbers within it run from 1/upper up
    to infinity (benefit) and from infinity down to 1/lower (harm): two ranges, not one.

    References
    ----------
    Altman (1998), doi 10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> from mnstudy.stats.counts.proportions import risk_difference
    >>> nnt(risk_difference(56, 70, 48, 80))
    NNTB 5 (95 % CI NNTB 3 to 19.1)
    >>> nnt(risk_difference(12, 20, 9, 20))
    NNTB 6.67 (95 % CI NNTB 2.42 to infinity to NNTH 6.76)
    """
    check_option("event", event, ("good", "bad"))
    value, low, high = difference.estimate, difference.ci_low, difference.ci_high
    if not all(math.isfinite(x) for x in (value, low, high)) or not low <= value <= high:
        raise ValueError(f"a risk difference within its limits is needed, not {difference!r}")
    if event == "bad":
        value, low, high = -value, -high, -low
    benefit = (_inverse(high), _inverse(max(low, 0.0))) if high > 0 else (math.nan, math.nan)
    harm = (_inverse(-low), _inverse(max(-high, 0.0))) if low < 0 else (math.nan, math.nan)
    return NumberNeeded(
        estimate=_inverse(abs(value)),
        kind="benefit" if value >= 0 else "harm",
        benefit_low=benefit[0],
        benefit_high=benefit[1],
        harm_low=harm[0],
        harm_high=harm[1],
        confidence_level=difference.confidence_level,
    )


def _inverse(value: float) -> float:
    return 1.0 / value if value else math.inf


def _number(value: float) -> str:
    return "infinity" if math.isinf(value) else f"{value:.3g}"
