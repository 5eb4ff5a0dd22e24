"""One proportion with limits that hold in small samples; numbers needed to treat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from mnstudy.stats.result import (
    ALTERNATIVES,
    Alternative,
    SmallResult,
    check_aligned,
    check_level,
    check_option,
    interval,
    percent,
)

Method = Literal["clopper-pearson", "wilson"]
# Patients with, or without, the event below whom a variance between patients is not trusted.
FEW_PATIENTS = 5
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
    :math:`\{p + z^2/2n \pm z\sqrt{p(1-p)/n + z^2/4n^2}\}/(1 + z^2/n)`. Computed by
    ``statsmodels.stats.proportion.proportion_confint``.

    Without any event ``alternative="less"`` gives the upper limit :math:`1 - (1 - c)^{1/n}` for
    confidence c, close to the "rule of three" 3/n at 95 %. Of sessions it takes all as
    independent, and is too low when some patients are more prone than others.

    References
    ----------
    Clopper & Pearson (1934), doi 10.1093/biomet/26.4.404. Wilson (1927),
    doi 10.1080/01621459.1927.10502953. Rule of three: Hanley & Lippman-Hand (1983),
    doi 10.1001/jama.1983.03330370053031.

    Examples
    --------
    >>> proportion(3, 40)
    0.075 (95 % CI 0.01574 to 0.2039)
      3 of 40 (7.5 %): with 95 % confidence the true rate is 1.5 % to 20.4 % (two-sided, exact)
    >>> proportion(0, 40, alternative="less", unit="patients").sentence
    '0 of 40 patients: with 95 % confidence the true rate is below 7.3 % (one-sided, exact)'
    """
    check_option("method", method, tuple(LIMITS))
    check_option("alternative", alternative, ALTERNATIVES)
    events, n = check_counts("events", events, "n", n)
    tail = 1.0 - check_level(confidence_level)
    if alternative == "two-sided":
        tail /= 2.0
    low, high = LIMITS[method](events, n, tail)
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClusteredProportion(SmallResult):
    """A share of rows with an event, several rows a patient, and its limits.

    ``n_effective`` is the number of independent rows that would leave the same uncertainty.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    events: int
    n: int
    n_patients: int
    n_effective: float

    def p_against(self, rate: float) -> float:
        """Two-sided p-value against a stated rate, the counterpart of the limits.

        That of `Proportion` on the effective number of rows; it equals one minus the level at the
        ends of the interval.

        Examples
        --------
        >>> share = clustered_proportion([1, 1, 0, 1, 1, 0, 1, 1], list("aabbccdd"))
        >>> round(share.p_against(0.5), 4)
        0.625
        """
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate must lie between 0 and 1, not {rate:g}")
        with_event = self.n_effective * self.estimate
        without = self.n_effective - with_event
        upper = 1.0 if with_event == 0 else special.betainc(with_event, without + 1.0, rate)
        lower = 1.0 if without == 0 else special.betaincc(with_event + 1.0, without, rate)
        return min(1.0, 2.0 * float(min(lower, upper)))

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        rows = f"{self.events} of {self.n} rows of {self.n_patients} patients"
        return [main, f"{rows}, as many as {self.n_effective:.3g} independent rows"]


def clustered_proportion(
    events: Any, patients: Any, *, confidence_level: float = 0.95
) -> ClusteredProportion:
    r"""Estimate a share of rows when a patient has several, with limits of Korn and Graubard.

    Parameters
    ----------
    events : array of shape (n,)
        Whether the row (a session, a site) has the event: true/false or 1/0, none missing.
    patients : sequence of length n
        Label of the patient of each row; any hashable values.
    confidence_level : float
        Level of the two-sided limits.

    Returns
    -------
    ClusteredProportion

    Raises
    ------
    ValueError
        Lengths differ, there is no row, a label is missing, or an event is neither 0 nor 1.

    Notes
    -----
    With share p, linearised variance v between k patients, and n rows, the effective number of
    rows is :math:`n^* = p(1-p)/v \cdot \{t_{n-1}/t_{k-1}\}^2`, with t quantiles at the level of the
    interval. It is at most n. Where fewer than 5 patients have, or lack, the event, their rows say
    too little about the variance: it is then at most what they are worth if all rows of a patient
    are alike, :math:`n^2 / \sum m_i^2` with m rows of a patient (Kish), which is k where all have
    as many. It is at least 1, what one patient alone has: two or three cannot say less. The limits
    are those of Clopper and Pearson,
    :math:`p_L = B(\alpha/2; n^*p, n^*(1-p)+1)`, :math:`p_U = B(1-\alpha/2; n^*p+1, n^*(1-p))`, with
    quantiles B of the beta distribution.

    Every row counts alike, so that patients with many rows count more.

    References
    ----------
    Korn & Graubard (1998), Survey Methodology 24:193-201. Kish (1965), Survey Sampling.

    Examples
    --------
    >>> clustered_proportion([1, 1, 0, 1, 1, 0, 1, 1], list("aabbccdd"))
    0.75 (95 % CI 0.1941 to 0.9937)
      6 of 8 rows of 4 patients, as many as 4 independent rows
    """
    values, codes = _rows_of_patients(events, patients)
    n, k, share = len(values), int(codes.max()) + 1, float(values.mean())
    tail = (1.0 - check_level(confidence_level)) / 2.0
    spread = float(np.sum(np.bincount(codes, weights=values - share) ** 2))
    effective = float(n)
    if k > 1 and spread > 0.0:
        variance = k / (k - 1.0) * spread / n**2
        few = float(special.stdtrit(n - 1.0, tail) / special.stdtrit(k - 1.0, tail))
        effective = min(effective, share * (1.0 - share) / variance * few**2)
    if min(len(np.unique(codes[values == outcome])) for outcome in (0.0, 1.0)) < FEW_PATIENTS:
        effective = min(effective, n**2 / float(np.sum(np.bincount(codes) ** 2.0)))
    effective = max(effective, 1.0)
    with_event, without = effective * share, effective * (1.0 - share)
    return ClusteredProportion(
        estimate=share,
        ci_low=float(special.betaincinv(with_event, without + 1.0, tail)) if share > 0.0 else 0.0,
        ci_high=float(special.betainccinv(with_event + 1.0, without, tail)) if share < 1.0 else 1.0,
        confidence_level=confidence_level,
        events=int(values.sum()),
        n=n,
        n_patients=k,
        n_effective=effective,
    )


def _rows_of_patients(
    events: Any, patients: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Events as 0 and 1, and the patient of each row as a number."""
    check_aligned(events=events, patients=patients)
    values = np.asarray(events, dtype=float)
    codes, _ = pd.factorize(pd.Series(patients))
    if values.ndim != 1 or len(values) != len(codes) or not len(values):
        raise ValueError("events and patients must be one entry per row, and at least one row")
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError(
            "events must be true/false or 1/0; leave out rows where it was not recorded, and say so"
        )
    if codes.min() < 0:
        raise ValueError("patients has a missing label; leave out those rows, and say so")
    return values, codes


def _outwards(share: float, *, up: bool) -> str:
    """Percent with one decimal, or two digits when smaller, rounded away from the estimate."""
    value = 100.0 * share
    digits = 1 if value >= 1.0 or value <= 0.0 else 1 - math.floor(math.log10(value))
    scaled = value * 10**digits
    # A limit that is a round number up to floating point must not move a whole step.
    whole = math.ceil(scaled - 1e-9) if up else math.floor(scaled + 1e-9)
    return f"{whole / 10**digits:g} %"


class RiskInterval(Protocol):
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


def nnt(difference: RiskInterval, *, event: Literal["good", "bad"] = "good") -> NumberNeeded:
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
    >>> from mnstudy.stats import risk_difference
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


def exact_limits(events: int, n: int, tail: float) -> tuple[float, float]:
    """Clopper-Pearson limits with probability ``tail`` outside on each side."""
    low, high = proportion_confint(events, n, alpha=2 * tail, method="beta")
    return low, high


def wilson_limits(events: int, n: int, tail: float) -> tuple[float, float]:
    """Score limits without continuity correction, ``tail`` outside on each side."""
    low, high = proportion_confint(events, n, alpha=2 * tail, method="wilson")
    # Rounding can leave next to nothing where the limit is 0 or 1 itself.
    return 0.0 if events == 0 else low, 1.0 if events == n else high


LIMITS = {"clopper-pearson": exact_limits, "wilson": wilson_limits}


def whole_number(name: str, value: Any) -> int:
    """Return a count as int, or say what is wrong with it."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from error
    if not number.is_integer():
        raise ValueError(f"{name} must be a whole number, not {number:g}")
    return int(number)


def check_counts(events_name: str, events: Any, n_name: str, n: Any) -> tuple[int, int]:
    """Return events and n as whole numbers with 0 <= events <= n and n >= 1."""
    count, size = whole_number(events_name, events), whole_number(n_name, n)
    if size < 1:
        raise ValueError(f"{n_name} must be at least 1, not {size}")
    if not 0 <= count <= size:
        raise ValueError(f"{events_name} must be from 0 to {n_name} = {size}, not {count}")
    return count, size
