"""Numbers for people: the only place that rounds; stored values are never rounded.

A profile says how a printed table writes them: in the project's own way, or by a journal's rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

HUGE = 1e6  # beyond it only the order of magnitude means anything here
MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"
THIN = "\N{THIN SPACE}"
THRESHOLD_P = 0.05  # rounding must not carry a p-value across it (AMA Manual of Style, 19.5)


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
    """Choose the decimals that show two or three digits of the largest of these values.

    Up to two where one that is not zero would otherwise be printed as zero.

    >>> decimals_for(6.87, 2.1, 31.2), decimals_for(6.87, 0.37, 148), decimals_for(250)
    (1, 1, 0)
    """
    finite = [abs(v) for v in values if math.isfinite(v)]
    largest = max(finite, default=0.0)
    usual = 0 if largest >= 100 else 1 if largest >= 1 else 2
    return min(
        range(usual, 3), key=lambda n: sum(v > 0 and not float(f"{v:.{n}f}") for v in finite)
    )


def as_entered(value: float) -> str:
    """Write a number that somebody set, a margin or a limit, as it was set.

    >>> as_entered(10.0), as_entered(-0.5), as_entered(2.48)
    ('10', '−0.5', '2.48')
    """
    return f"{value:.10g}".replace("-", MINUS)


def log_tick(value: float) -> str:
    """Write a tick of a logarithmic axis.

    >>> log_tick(0.5), log_tick(100000)
    ('0.5', '10^5')
    """
    exponent = math.log10(value)
    if -3 <= exponent <= 4 or exponent != round(exponent):
        return as_entered(value)
    return f"10^{exponent:.0f}".replace("-", MINUS)


def interval(estimate: Interval, decimals: int | None = None, *, opening: str = "") -> str:
    """Write value and interval: ``3.1 (2.4 to 3.8)``; says so where no interval is known.

    ``opening`` stands before the lower end, as in ``3.1 (95 % CI 2.4 to 3.8)``.
    """
    if math.isnan(estimate.ci_low) and math.isnan(estimate.ci_high):
        digits = decimals_for(estimate.value) if decimals is None else decimals
        return f"{number(estimate.value, digits)} (no interval)"
    ends = (estimate.value, estimate.ci_low, estimate.ci_high)
    digits = decimals_for(*ends) if decimals is None else decimals
    value, low, high = (number(x, digits) for x in ends)
    return f"{value} ({opening}{low} to {high})"


def p_value(p: float) -> str:
    """Write a p-value: two digits, three below 0.1, never a star.

    >>> p_value(0.04321), p_value(0.3211), p_value(0.00001)
    ('p = 0.043', 'p = 0.32', 'p < 0.001')
    """
    return "no p-value" if math.isnan(p) else " ".join(["p", *p_parts(p)])


def p_parts(p: float) -> tuple[str, str]:
    """Return the sign and the number that a known p-value is written with."""
    return ("<", "0.001") if p < 0.001 else ("=", p_number(p))


def p_number(p: float) -> str:
    """Write a p-value without its letter: two digits, three below 0.1."""
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def level(confidence_level: float) -> str:
    """Write a confidence level: ``95 %``."""
    return f"{100 * confidence_level:.4g} %"


def unbroken(text: str) -> str:
    """Return text that no line may be broken in."""
    return text.replace(" ", NBSP)


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    >>> count(1, "study", "studies"), count(1200, "site")
    ('1 study', '1,200 sites')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Number formats of one house style.

    Attributes
    ----------
    name : str
    source : str
        Whose rules they are, and where they stand.
    p_parts : callable of float
        Sign and number of a known p-value, as in ``("=", ".04")``.
    p_letter : str
        The letter in front of them.
    percent : callable of (int, int)
        A count as a percentage of n, with its sign.
    count : callable of int
        A number of people.
    mean_sd : callable of (float, float)
        Mean and standard deviation, never joined by a plus-minus sign.
    interval : callable of (Interval, float)
        Value with its interval and the level of it, for running text.
    level : callable of float
        A confidence level.
    """

    name: str
    source: str
    p_parts: Callable[[float], tuple[str, str]]
    percent: Callable[[int, int], str]
    count: Callable[[int], str]
    mean_sd: Callable[[float, float], str]
    interval: Callable[[Interval, float], str]
    level: Callable[[float], str]
    p_letter: str = "P"

    def events(self, count: int, n: int) -> str:
        """Write how many of how many, with the percentage: ``3/40 (8%)``."""
        return f"{self.count(count)}/{self.count(n)} ({self.percent(count, n)})"

    def p_value(self, p: float) -> str:
        """Write a p-value with its letter: ``P = .04``."""
        if math.isnan(p):
            return p_value(p) if self.p_letter == "p" else "no P value"
        return " ".join([self.p_letter, *self.p_parts(p)])

    def p_cell(self, p: float) -> str:
        """Write a p-value under a head that names it: ``.04``, ``<.001``; empty where unknown."""
        if math.isnan(p):
            return ""
        sign, number = self.p_parts(p)
        return number if sign == "=" else sign + number


def default_percent(count: int, n: int) -> str:
    r"""Write a whole percentage with a space before its sign.

    >>> default_percent(14, 40), default_percent(1, 1000), default_percent(999, 1000)
    ('35\xa0%', '<1\xa0%', '>99\xa0%')
    """
    return _share(count, n, 0, f"{NBSP}%")


def default_interval(estimate: Interval, confidence_level: float) -> str:
    """Write ``3.1 (95 % CI 2.4 to 3.8)``; says so where no interval is known."""
    return interval(estimate, opening=f"{level(confidence_level)} CI ")


def annals_p(p: float) -> tuple[str, str]:
    """Return sign and number of a p-value as Annals of Internal Medicine asks.

    Three decimals from 0.001 to 0.20, two above, ``P < 0.001`` below. The pages seen:
    https://annals.org/aim/pages/AuthorInformationStatisticsOnly, section 1.

    >>> annals_p(0.04321), annals_p(0.2), annals_p(0.3211), annals_p(0.0004), annals_p(0.9999)
    (('=', '0.043'), ('=', '0.200'), ('=', '0.32'), ('<', '0.001'), ('>', '0.99'))
    """
    if p < 0.001:
        return "<", "0.001"
    if p >= 0.995:
        return ">", "0.99"
    return "=", f"{p:.2f}" if p > 0.2 else f"{p:.3f}"


def annals_percent(count: int, n: int) -> str:
    """Write a percentage: without decimals where n is below 200, with one from there (same page).

    >>> annals_percent(14, 40), annals_percent(123, 400), annals_percent(0, 40)
    ('35%', '30.8%', '0%')
    """
    return _share(count, n, 0 if n < 200 else 1, "%")


def annals_interval(estimate: Interval, confidence_level: float) -> str:
    """Write ``3.1 (95% CI, 2.4 to 3.8)``: an interval, no standard error (the same page)."""
    return interval(estimate, opening=f"{close_level(confidence_level)} CI, ")


def jama_p(p: float) -> tuple[str, str]:
    """Return sign and number of a p-value as the JAMA journals do: AMA Manual of Style, 11th ed.

    No zero before the point (18.7.1); two digits, three below .01 and where two would carry the
    value across .05, ``P < .001`` and ``P > .99`` at the ends (19.5).

    >>> jama_p(0.0432), jama_p(0.0081), jama_p(0.046), jama_p(0.0004), jama_p(0.9999)
    (('=', '.04'), ('=', '.008'), ('=', '.046'), ('<', '.001'), ('>', '.99'))
    """
    if p < 0.001:
        return "<", ".001"
    if p >= 0.995:
        return ">", ".99"
    crosses = (float(f"{p:.2f}") < THRESHOLD_P) != (p < THRESHOLD_P)
    digits = 3 if f"{p:.3f}" < "0.010" or crosses else 2
    return "=", f"{p:.{digits}f}"[1:]


def jama_percent(count: int, n: int) -> str:
    """Write a percentage with no more digits than its denominator has, closed up to its sign.

    AMA Manual of Style, the rule on digits of data in tables (9 of 28 is 32%); beyond one decimal
    nothing is gained here.

    >>> jama_percent(9, 28), jama_percent(123, 400), jama_percent(0, 28), jama_percent(1, 3000)
    ('32%', '30.8%', '0%', '<0.1%')
    """
    return _share(count, n, 0 if n < 100 else 1, "%")


def jama_count(n: int) -> str:
    r"""Write a count: four digits closed up, more in threes by a thin space (AMA Manual, 17.4.3).

    >>> jama_count(1523), jama_count(12345)
    ('1523', '12\u2009345')
    """
    return str(n) if n < 10_000 else f"{n:,}".replace(",", THIN)


def close_level(confidence_level: float) -> str:
    """Write a confidence level closed up: ``95%``."""
    return f"{100 * confidence_level:.4g}%"


def mean_sd(mean: float, sd: float) -> str:
    """Write ``mean (SD)`` with the same digits; a plus-minus sign could be either SD or SE.

    >>> mean_sd(24.51, 8.2), mean_sd(24.51, float("nan"))
    ('24.5 (8.2)', '24.5 (SD not known)')
    """
    digits = decimals_for(mean, sd)
    spread = "SD not known" if math.isnan(sd) else number(sd, digits)
    return f"{number(mean, digits)} ({spread})"


def _share(count: int, n: int, decimals: int, sign: str) -> str:
    """Write count of n; a share that is not 0 or all is never written as if it were."""
    if not n:
        return ""
    share, step = 100 * count / n, 10.0**-decimals
    if 0 < share < step / 2:
        return f"<{step:.{decimals}f}{sign}"
    if share < 100 and 100 - share < step / 2:
        return f">{100 - step:.{decimals}f}{sign}"
    return f"{number(share, 0 if count in (0, n) else decimals)}{sign}"


_DEFAULT = Profile(
    name="default",
    source="mnstudy.formatting",
    p_parts=p_parts,
    p_letter="p",
    percent=default_percent,
    count="{:,}".format,
    mean_sd=mean_sd,
    interval=default_interval,
    level=level,
)
_ANNALS = replace(
    _DEFAULT,
    name="annals",
    source="Annals of Internal Medicine, general statistical guidance for authors",
    p_parts=annals_p,
    p_letter="P",
    percent=annals_percent,
    interval=annals_interval,
    level=close_level,
)
_JAMA = replace(
    _ANNALS,
    name="jama",
    source="AMA Manual of Style, 11th edition",
    p_parts=jama_p,
    percent=jama_percent,
    count=jama_count,
)
PROFILES: dict[str, Profile] = {p.name: p for p in (_DEFAULT, _ANNALS, _JAMA)}


def profile_named(name: str | Profile) -> Profile:
    """Return a profile by its name.

    Raises
    ------
    ValueError
        An unknown name; the known ones are listed.

    Examples
    --------
    >>> profile_named("jama").events(9, 28)
    '9/28 (32%)'
    """
    if isinstance(name, Profile):
        return name
    if name not in PROFILES:
        known = ", ".join(repr(p) for p in PROFILES)
        raise ValueError(f"profile is {name!r}: choose from {known}")
    return PROFILES[name]
