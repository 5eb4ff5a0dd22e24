"""The population that patients were selected from, read off those selected beyond a cut-off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special
from scipy.stats import chi2

from mnstudy.stats.measurement.regression_to_mean import Selected
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

# A cut-off this many standard deviations out leaves 3 in 10 million, whom no clinic gathers; and a
# normal tail looks the same from there on, so that nothing could be told from it.
FAREST = 5.0
_NEAREST = -37.0  # nobody is left out, to the last digit
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TruncatedNormal(SmallResult):
    """Mean and standard deviation before selection, and the share of the population selected.

    ``mean_low`` and ``mean_high`` are the interval of the mean; an end is infinite where the
    selected do not bound it.
    """

    mean: float
    mean_low: float
    mean_high: float
    confidence_level: float
    sd: float
    share_selected: float
    selected_mean: float
    selected_sd: float
    cut_off: float
    selected: Selected
    n: int

    def _lines(self) -> list[str]:
        ends = (self.mean, self.mean_low, self.mean_high)
        return [
            f"mean before selection {interval(*ends, self.confidence_level)}, sd {self.sd:.4g}",
            f"{100 * self.share_selected:.3g} % lie {self.selected} {self.cut_off:g}; those "
            f"selected: mean {self.selected_mean:.4g}, sd {self.selected_sd:.4g}, n = {self.n}",
            "normal distribution cut off at the limit, maximum likelihood, profile interval",
        ]


def truncated_normal(
    values: ArrayLike,
    *,
    cut_off: float,
    selected: Selected = "above",
    confidence_level: float = 0.95,
) -> TruncatedNormal:
    r"""Estimate mean and standard deviation of a population from those beyond a cut-off.

    Parameters
    ----------
    values : array of length n
        The measurement by which they were selected, one a patient.
    cut_off : float
        All of them lie beyond it,
    selected : {"above", "below"}
        on this side (the cut-off itself allowed).
    confidence_level : float
        Of the interval of the mean.

    Returns
    -------
    TruncatedNormal

    Raises
    ------
    ValueError
        Fewer than three values or no spread; a value on the wrong side, so that the cut-off was
        not kept; or a spread as wide as in the far tail, from which the population cannot be told.

    Notes
    -----
    With :math:`z = (c - \mu)/\sigma` and :math:`\lambda = \phi(z)/(1-\Phi(z))`, selection above c
    gives

    .. math:: \bar x - c = \sigma(\lambda - z), \quad s^2 = \sigma^2(1 + z\lambda - \lambda^2),

    whose ratio :math:`s/(\bar x - c)` rises with z alone, from 0 to 1. With s² over n this method
    of moments is also maximum likelihood; the interval of the mean is that of the profile
    likelihood. Selection below is the mirror image. It rests wholly on the population being normal
    and on the cut-off having been kept, and is rough: of 50 patients selected one standard
    deviation above the mean, one in ten samples puts the distance of their mean from that of the
    population below a quarter of the true one, one in ten above twice. A mean known from elsewhere
    is always better. Missing values are left out; ``n`` counts the rest.

    References
    ----------
    Cohen (1949), J Am Stat Assoc 44:518-525. Its use for regression to the mean: Gardner & Heady
    (1973), doi 10.1016/0021-9681(73)90047-5.

    Examples
    --------
    >>> truncated_normal([61, 62, 63, 64, 66, 69, 75], cut_off=60)
    mean before selection 57.22 (95 % CI -inf to 68.13), sd 8.309
      36.9 % lie above 60; those selected: mean 65.71, sd 4.527, n = 7
      normal distribution cut off at the limit, maximum likelihood, profile interval
    """
    check_option("selected", selected, ("above", "below"))
    level = check_level(confidence_level)
    x = np.asarray(values, dtype=np.float64)
    x = x[~np.isnan(x)]
    side = 1.0 if selected == "above" else -1.0
    excess = _checked(side * (x - cut_off), cut_off, selected)
    beyond, spread = float(excess.mean()), float(excess.std())
    z = _place(spread / beyond)
    sd = beyond / (_hazard(z) - z)
    # the interval of the population mean as seen from the cut-off, then back to the scale
    ends = _profile_ends(-z * sd, sd, beyond, float((excess**2).mean()), len(x), level)
    low, high = sorted(cut_off + side * end for end in ends)
    return TruncatedNormal(
        mean=cut_off - side * z * sd,
        mean_low=low,
        mean_high=high,
        confidence_level=level,
        sd=sd,
        share_selected=float(special.ndtr(-z)),
        selected_mean=cut_off + side * beyond,
        selected_sd=spread,
        cut_off=float(cut_off),
        selected=selected,
        n=len(x),
    )


def _checked(excess: NDArray[np.float64], cut_off: float, selected: str) -> NDArray[np.float64]:
    if not (math.isfinite(cut_off) and np.isfinite(excess).all()):
        raise ValueError("cut_off and values must be numbers")
    if len(excess) < 3 or np.ptp(excess) == 0.0:
        raise ValueError("at least three values that are not all the same are needed")
    wrong = int((excess < 0).sum())
    if wrong:
        raise ValueError(
            f"{wrong} of {len(excess)} values are not {selected} {cut_off:g}: the cut-off was not "
            "kept, or it is another one"
        )
    return excess


def _place(ratio: float) -> float:
    """Return the cut-off in standard deviations from the mean that gives this ratio of moments."""
    if ratio >= _ratio(FAREST):
        raise ValueError(
            "the values spread as widely beyond the cut-off as in the far tail of a normal "
            "distribution: mean and sd before selection cannot be told from them"
        )
    if ratio <= _ratio(_NEAREST):
        return -1.0 / ratio
    return float(optimize.brentq(lambda z: _ratio(z) - ratio, _NEAREST, FAREST, xtol=1e-13))


def _hazard(z: float) -> float:
    # the mean of scipy's truncnorm, a thousand times as fast, which a root search needs; through
    # logarithms, since density and tail both vanish far out
    return math.exp(-0.5 * z * z - 0.5 * _LOG_2PI - float(special.log_ndtr(-z)))


def _ratio(z: float) -> float:
    hazard = _hazard(z)
    return math.sqrt(1.0 + z * hazard - hazard * hazard) / (hazard - z)


def _profile_ends(
    mean: float, sd: float, first: float, second: float, n: int, level: float
) -> tuple[float, float]:
    """Return the ends of the interval of the mean, all measured from the cut-off.

    ``first`` and ``second`` are the mean and the mean square of what lies beyond it.
    """

    def log_likelihood(m: float, log_sd: float) -> float:
        s = math.exp(log_sd)
        squares = (second - 2.0 * m * first + m * m) / (2.0 * s * s)
        return -n * (0.5 * _LOG_2PI + log_sd + squares + float(special.log_ndtr(m / s)))

    top, allowed = log_likelihood(mean, math.log(sd)), float(chi2.ppf(level, 1))

    def fallen(m: float) -> float:
        # near the end of the tail the best variance is -m times the mean excess
        widest = math.log(sd + math.sqrt(first * abs(m)) + abs(m))
        found = optimize.minimize_scalar(
            lambda log_sd: -log_likelihood(m, log_sd),
            bounds=(math.log(sd) - 4.0, widest + 1.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return 2.0 * (top + float(found.fun)) - allowed

    # infinitely far below the cut-off the excess is exponential
    if 2.0 * (top + n * (math.log(first) + 1.0)) <= allowed:
        return -math.inf, _end(fallen, mean, sd)
    return _end(fallen, mean, -sd), _end(fallen, mean, sd)


def _end(fallen: Callable[[float], float], start: float, step: float) -> float:
    inside, outside = start, start + step
    for _ in range(60):
        if fallen(outside) > 0:
            return float(optimize.brentq(fallen, *sorted((inside, outside)), xtol=1e-11))
        inside, step = outside, 2.0 * step
        outside = inside + step
    return math.copysign(math.inf, step)
