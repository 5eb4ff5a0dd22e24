"""Agreement of two ratings on an ordinal scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import special

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.ordinal.model import ordered
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Weights = Literal["quadratic", "linear"]
WEIGHTS: tuple[str, ...] = get_args(Weights)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WeightedKappa(SmallResult):
    """Agreement beyond chance, near misses counting in part.

    ``observed`` and ``expected`` are the weighted agreement found and that of chance.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    observed: float
    expected: float
    weights: Weights
    n_levels: int
    n: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [
            f"weighted kappa {main}",
            f"{self.weights} weights, {self.n_levels} levels; n = {self.n}, "
            f"{self.n_missing} missing",
            *(f"note: {note}" for note in self.notes),
        ]


def weighted_kappa(
    a: Any,
    b: Any,
    levels: Sequence[Any],
    *,
    weights: Weights = "quadratic",
    confidence_level: float = 0.95,
) -> WeightedKappa:
    r"""Agreement of two ratings of the same subjects beyond chance.

    Parameters
    ----------
    a, b : array of shape (n,)
        Grades by two raters, or by one rater twice. Pairs with a missing grade are left out and
        counted.
    levels : sequence
        All levels of the scale from lowest to highest, also those nobody gave: weights depend on
        the length of the scale.
    weights : {"quadratic", "linear"}
        Agreement between levels i and j of m: :math:`1 - ((i - j)/(m - 1))^2` or
        :math:`1 - |i - j|/(m - 1)`.
    confidence_level : float

    Returns
    -------
    WeightedKappa

    Raises
    ------
    ValueError
        A grade that is not among the levels, different lengths, or all grades equal.

    Notes
    -----
    With weighted agreement observed :math:`p_o = \sum w_{ij} p_{ij}`, by chance
    :math:`p_e = \sum w_{ij} p_{i.} p_{.j}`, and mean weights :math:`\bar w_{i.}`,
    :math:`\bar w_{.j}`,

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}, \quad
              n (1 - p_e)^4\, \widehat{var} =
              \sum p_{ij} [w_{ij} (1 - p_e) - (\bar w_{i.} + \bar w_{.j})(1 - p_o)]^2
              - (p_o p_e - 2 p_e + p_o)^2.

    Limits are normal, cut at -1 and 1, and for large samples: below some 30 subjects they are a
    rough guide. One subject is one row; sites of one patient are not independent.

    References
    ----------
    Cohen (1968), doi 10.1037/h0026256. Fleiss, Cohen & Everitt (1969), doi 10.1037/h0028106.

    Examples
    --------
    >>> first = [1, 2, 2, 3, 4, 4, 3, 1, 2, 3]
    >>> second = [1, 2, 3, 3, 4, 3, 3, 2, 2, 3]
    >>> weighted_kappa(first, second, levels=[1, 2, 3, 4])
    weighted kappa 0.8235 (95 % CI 0.6329 to 1)
      quadratic weights, 4 levels; n = 10, 0 missing
    """
    check_option("weights", weights, WEIGHTS)
    level = check_level(confidence_level)
    order = list(levels)
    if len(order) < 2:
        raise ValueError(f"levels must list the whole scale, at least two levels, not {order}")
    share, n, n_missing = _shares(a, b, order)
    weight = _weights(len(order), weights)
    observed, expected = float((weight * share).sum()), _by_chance(weight, share)
    if expected > 1 - 1e-12:
        raise ValueError("both ratings are one and the same grade throughout: kappa is undefined")
    estimate = (observed - expected) / (1 - expected)
    error = _standard_error(weight, share, observed, expected, n)
    reach = -float(special.ndtri((1.0 - level) / 2.0)) * error
    return WeightedKappa(
        estimate=estimate,
        ci_low=max(-1.0, estimate - reach),
        ci_high=min(1.0, estimate + reach),
        confidence_level=level,
        std_error=error,
        observed=observed,
        expected=expected,
        weights=weights,
        n_levels=len(order),
        n=n,
        n_missing=n_missing,
        notes=("the standard error is zero: the interval has no width",) if error == 0 else (),
    )


def _shares(a: Any, b: Any, order: list[Any]) -> tuple[Array, int, int]:
    first, _ = ordered(a, "a", order)
    second, _ = ordered(b, "b", order)
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} grades and b {len(second)}; they are read in pairs")
    whole = (first >= 0) & (second >= 0)
    n = int(whole.sum())
    if n < 2:
        raise ValueError(f"{n} of {len(first)} pairs are complete; at least two are needed")
    table = np.zeros((len(order), len(order)))
    np.add.at(table, (first[whole], second[whole]), 1.0)
    return table / n, n, int((~whole).sum())


def _weights(m: int, weights: Weights) -> Array:
    apart = np.abs(np.subtract.outer(np.arange(m), np.arange(m))) / (m - 1)
    return 1.0 - (apart**2 if weights == "quadratic" else apart)


def _by_chance(weight: Array, share: Array) -> float:
    return float(share.sum(axis=1) @ weight @ share.sum(axis=0))


def _standard_error(weight: Array, share: Array, observed: float, expected: float, n: int) -> float:
    mean_weights = np.add.outer(weight @ share.sum(axis=0), share.sum(axis=1) @ weight)
    spread = share * (weight * (1 - expected) - mean_weights * (1 - observed)) ** 2
    centre = observed * expected - 2 * expected + observed
    total = float(spread.sum())
    # Below this share the difference is rounding, and its root would pass for an error.
    variance = total - centre**2 if total - centre**2 > 1e-13 * total else 0.0
    return math.sqrt(variance / n) / (1 - expected) ** 2
