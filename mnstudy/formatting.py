"""Numbers for people: the only place that rounds; stored values are never rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

HUGE = 1e6  # beyond it only the order of magnitude means anything here
MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"


class Interval(Protocol):
    """Anything with a value and the ends of its interval."""

    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def ci_low(self) -> float: ...  # noqa: D102
    @property
    def ci_high(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A value with its interval, to be written."""

    value: float
    ci_low: float
    ci_high: float


def ends(estimate: Interval) -> Ends:
    """Return value and interval alone."""
    return Ends(value=estimate.value, ci_low=estimate.ci_low, ci_high=estimate.ci_high)


def number(value: float, decimals: int = 1) -> str:
    """Write a number with a fixed number of decimals and a true minus sign.

    >>> number(-3.14159)
    '−3.1'
    """
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if abs(value) >= HUGE:
        return f"{value:.0e}".replace("e+", "×10^").replace("-", MINUS)
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def decimals_for(*values: float) -> int:
    """Choose the decimals that show two or three digits of the largest of these values."""
    finite = [abs(v) for v in values if math.isfinite(v)]
    largest = max(finite, default=0.0)
    return 0 if largest >= 100 else 1 if largest >= 1 else 2


def given(value: float) -> str:
    """Write a number that somebody set, a margin or a limit, as it was set.

    >>> given(10.0), given(-0.5), given(2.48)
    ('10', '−0.5', '2.48')
    """
    return f"{value:.10g}".replace("-", MINUS)


def power(value: float) -> str:
    """Write a tick of a logarithmic axis.

    >>> power(0.5), power(100000)
    ('0.5', '10^5')
    """
    exponent = math.log10(value)
    if -3 <= exponent <= 4 or exponent != round(exponent):
        return given(value)
    return f"10^{exponent:.0f}".replace("-", MINUS)


def interval(estimate: Interval, decimals: int | None = None, *, opening: str = "") -> str:
    """Write value and interval: ``3.1 (2.4 to 3.8)``; says so where no interval is known.

    ``opening`` stands before the lower end, as in ``3.1 (95 % CI 2.4 to 3.8)``.
    """
    if math.isnan(estimate.value):
        return _withheld(estimate)
    if math.isnan(estimate.ci_low) and math.isnan(estimate.ci_high):
        digits = decimals_for(estimate.value) if decimals is None else decimals
        return f"{number(estimate.value, digits)} (no interval)"
    ends = (estimate.value, estimate.ci_low, estimate.ci_high)
    digits = decimals_for(*ends) if decimals is None else decimals
    value, low, high = (number(x, digits) for x in ends)
    return f"{value} ({opening}{low} to {high})"


def _withheld(estimate: Interval) -> str:
    """Write what may be said of a value that is withheld."""
    low, high = estimate.ci_low, estimate.ci_high
    if math.isnan(low) or math.isnan(high):
        return "not shown"
    digits = decimals_for(low, high)
    return f"at least {number(low, digits)}" if low > 0 else f"at most {number(high, digits)}"


def p_value(p: float) -> str:
    """Write a p-value: two digits, three below 0.1, never a star.

    >>> p_value(0.04321), p_value(0.3211), p_value(0.00001)
    ('p = 0.043', 'p = 0.32', 'p < 0.001')
    """
    if math.isnan(p):
        return "no p-value"
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p_number(p)}"


def p_number(p: float) -> str:
    """Write a p-value without its letter: two digits, three below 0.1."""
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def level(confidence_level: float) -> str:
    """Write a confidence level: ``95 %``."""
    return f"{100 * confidence_level:.4g} %"


def unbroken(text: str) -> str:
    """Return text that no line may be broken in."""
    return text.replace(" ", NBSP)


def ungrouped(number: str) -> str:
    """Return a number as a file of data has it, without the commas between thousands."""
    return number.replace(",", "")


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    >>> count(1, "study", "studies"), count(1200, "site")
    ('1 study', '1,200 sites')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
