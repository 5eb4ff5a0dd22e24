"""Yes or no in pairs: two sides of a patient, or one patient before and after.

Pairs are counted as ``[[both, only first], [only second, neither]]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special
from scipy.optimize import brentq
from scipy.stats import binomtest

from mnstudy.stats.counts.proportions import exact_limits, whole_number
from mnstudy.stats.result import SmallResult, check_level, interval

Pairs = tuple[int, int, int, int]
SHAPE = "table=[[both, only first], [only second, neither]]"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExactMcNemar(SmallResult):
    """Among pairs whose members differ, the share in which the first has the event."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    p_value: float
    only_first: int
    only_second: int
    n_pairs: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        counts = f"{self.only_first} only first, {self.only_second} only second"
        return [
            f"{main} of the pairs that differ, p = {self.p_value:.3g}",
            f"{counts}, {self.n_pairs} pairs; exact McNemar test, Clopper-Pearson limits",
            *(f"note: {note}" for note in self.notes),
        ]


def exact_mcnemar(
    table: Sequence[Sequence[int]], *, confidence_level: float = 0.95
) -> ExactMcNemar:
    """Test whether the event is as frequent in the first as in the second member of pairs.

    Parameters
    ----------
    table : 2 by 2 counts of pairs
        ``[[both, only first], [only second, neither]]``.
    confidence_level : float

    Notes
    -----
    Two-sided binomial test that the pairs that differ split half and half. Pairs that agree carry
    no information; when no pair differs p is 1 and the share is nan.

    References
    ----------
    McNemar (1947), doi 10.1007/BF02295996.

    Examples
    --------
    >>> exact_mcnemar([[1, 1], [7, 12]])
    0.125 (95 % CI 0.00316 to 0.5265) of the pairs that differ, p = 0.0703
      1 only first, 7 only second, 21 pairs; exact McNemar test, Clopper-Pearson limits
    """
    both, first, second, neither = pair_counts(table)
    level = check_level(confidence_level)
    differ = first + second
    low, high = exact_limits(first, differ, (1.0 - level) / 2.0) if differ else (0.0, 1.0)
    return ExactMcNemar(
        estimate=first / differ if differ else math.nan,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        p_value=mcnemar_p(first, second),
        only_first=first,
        only_second=second,
        n_pairs=both + differ + neither,
        notes=() if differ else ("no pair differs: the share has no estimate",),
    )


def mcnemar_p(first: int, second: int) -> float:
    """Two-sided binomial p-value of the pairs that differ; 1 when there are none."""
    return float(binomtest(first, first + second).pvalue) if first + second else 1.0


def tango_limits(first: int, second: int, n: int, tail: float) -> tuple[float, float]:
    """Score limits of the difference from the pairs that differ and the number of all pairs."""
    z = -float(special.ndtri(tail))
    estimate = (first - second) / n

    def score(delta: float) -> float:
        linear = (2 * n - first + second) * delta - first - second
        # At -1 and 1 the square and the variance are zero up to rounding, the score infinite.
        root = math.sqrt(max(linear**2 + 8 * n * second * delta * (1 - delta), 0.0))
        variance = n * ((root - linear) / (2 * n) + delta * (1 - delta))
        return (first - second - n * delta) / math.sqrt(max(variance, 1e-300))

    low = high = estimate
    if estimate > -1:
        low = float(brentq(lambda delta: score(delta) - z, -1.0, estimate, xtol=1e-14))
    if estimate < 1:
        high = float(brentq(lambda delta: score(delta) + z, estimate, 1.0, xtol=1e-14))
    return low, high


def pair_counts(table: Sequence[Sequence[int]]) -> Pairs:
    """Return both, only first, only second, neither as whole numbers."""
    try:
        (a, b), (c, d) = table
    except (TypeError, ValueError) as error:
        raise ValueError(f"pairs are counted as {SHAPE}, not {table!r}") from error
    both, first, second, neither = (whole_number("a count of the table", x) for x in (a, b, c, d))
    if min(both, first, second, neither) < 0 or both + first + second + neither < 1:
        raise ValueError("counts of the table must be 0 or more, with at least one pair")
    return both, first, second, neither


def given_pairs(table: Sequence[Sequence[int]] | None, counts: Sequence[int | None]) -> Pairs:
    """Return the counts of pairs; refuse those of separate groups in their place."""
    if table is None or any(count is not None for count in counts):
        raise ValueError(f"paired=True needs {SHAPE} and no other counts")
    return pair_counts(table)


def require_groups(table: Sequence[Sequence[int]] | None, counts: Sequence[int | None]) -> None:
    """Refuse counts of pairs, or too few, in the place of those of separate groups."""
    if table is not None or any(count is None for count in counts):
        raise ValueError("separate groups need events1, n1, events0, n0; paired=True is for pairs")


def pair_correlation(pairs: Pairs) -> float:
    """Correlation of the pair's outcomes, corrected for continuity where positive."""
    a, b, c, d = pairs
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if product == 0:
        return 0.0
    cross = a * d - b * c
    return (max(cross - sum(pairs) / 2, 0.0) if cross > 0 else cross) / math.sqrt(product)
