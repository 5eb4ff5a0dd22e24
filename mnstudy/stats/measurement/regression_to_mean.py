"""Regression to the mean: the change to expect without any treatment, and what is beyond it.

Who comes for treatment at the worst is on average better next time, because part of what was
measured was noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.stats import truncnorm

from mnstudy.stats.meta.pooling import quantile, two_sided_p
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import (
    SmallResult,
    check_aligned,
    check_level,
    check_number,
    check_option,
    interval,
)

# Squares left of a line, over all squares, that rounding alone can leave.
ROUNDING = 1e-27
Selected = Literal["above", "below"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RegressionToMean(SmallResult):
    """Change expected by regression to the mean alone.

    ``expected_change`` is second minus first measurement: below zero for patients selected for
    high values. ``share_selected`` is nan when the mean of the selected was given.
    """

    expected_change: float
    first_mean: float
    second_mean: float
    reliability: float
    share_selected: float
    method: str

    def _lines(self) -> list[str]:
        return [
            f"expected change {self.expected_change:.4g} by regression to the mean alone",
            f"mean {self.first_mean:.4g} at selection, {self.second_mean:.4g} when measured again; "
            f"reliability {self.reliability:g}",
            self.method,
        ]


def expected_regression(
    *,
    mean: float,
    reliability: float,
    sd: float | None = None,
    cut_off: float | None = None,
    selected: Selected = "above",
    selected_mean: float | None = None,
) -> RegressionToMean:
    r"""Change that a second measurement shows in selected patients without any treatment.

    Parameters
    ----------
    mean, sd : float
        Of a first measurement in everybody, before selection. ``sd`` includes measurement noise;
        it is needed with ``cut_off`` only.
    reliability : float
        Correlation of two measurements without treatment between them, such as the ICC; 0 to 1.
    cut_off : float, optional
        Patients were selected by their first measurement beyond this value,
    selected : {"above", "below"}
        on this side of it.
    selected_mean : float, optional
        Or: the mean of the first measurement in those selected, however that was done.

    Returns
    -------
    RegressionToMean

    Raises
    ------
    ValueError
        Not exactly one of cut_off and selected_mean, or values out of range.

    Notes
    -----
    With :math:`\rho` the reliability and both measurements jointly normal with equal mean and sd,

    .. math:: E[X_2 - X_1 \mid X_1 > c] = -(1 - \rho)\,\sigma\,\frac{\phi(z)}{1 - \Phi(z)},
              \quad z = (c - \mu)/\sigma,

    the mirror image for selection below, and in general

    .. math:: E[X_2 - X_1 \mid \text{selected}] = -(1 - \rho)(\bar x_{selected} - \mu),

    which needs only that the second measurement depends linearly on the first. The mean beyond a
    cut-off is that of ``scipy.stats.truncnorm``. When selection used the mean of several
    measurements, pass the sd and the reliability of that mean. ``mean`` is the mean of the
    population that patients were selected from; it is seldom known, nor is the reliability, so
    show a range of both.

    References
    ----------
    Gardner & Heady (1973), doi 10.1016/0021-9681(73)90047-5. Davis (1976),
    doi 10.1093/oxfordjournals.aje.a112321. Barnett et al. (2005), doi 10.1093/ije/dyh299.

    Examples
    --------
    >>> expected_regression(mean=50, sd=10, reliability=0.7, cut_off=60)
    expected change -4.575 by regression to the mean alone
      mean 65.25 at selection, 60.68 when measured again; reliability 0.7
      selected above 60, both measurements normal
    >>> expected_regression(mean=50, reliability=0.75, selected_mean=60).expected_change
    -2.5
    """
    check_option("selected", selected, ("above", "below"))
    check_number(mean=mean, reliability=reliability)
    if not 0.0 <= reliability <= 1.0:
        raise ValueError(f"reliability must lie between 0 and 1, not {reliability:g}")
    if (cut_off is None) == (selected_mean is None):
        raise ValueError("give either cut_off or selected_mean: how the patients were selected")
    share = math.nan
    if selected_mean is not None:
        check_number(selected_mean=selected_mean)
        first, method = float(selected_mean), "mean of the selected given"
    else:
        assert cut_off is not None
        first, share = _beyond(mean, sd, cut_off, selected)
        method = f"selected {selected} {cut_off:g}, both measurements normal"
    change = (1.0 - reliability) * (mean - first)
    return RegressionToMean(
        # Adding zero turns the -0 of a perfect reliability into 0.
        expected_change=change + 0.0,
        first_mean=first,
        second_mean=first + change,
        reliability=float(reliability),
        share_selected=share,
        method=method,
    )


def _beyond(
    mean: float, sd: float | None, cut_off: float, selected: Selected
) -> tuple[float, float]:
    """Mean and share of a normal variable beyond a cut-off."""
    if sd is None:
        raise ValueError("cut_off needs sd, the standard deviation before selection")
    if not (math.isfinite(sd) and sd > 0):
        raise ValueError(f"sd must be a number above 0, not {sd}")
    check_number(cut_off=cut_off)
    side = 1.0 if selected == "above" else -1.0
    z = side * (cut_off - mean) / sd
    return mean + side * sd * float(truncnorm.mean(z, math.inf)), float(special.ndtr(-z))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MeeChua(SmallResult):
    """Change beyond regression to the mean, given the mean of the population.

    ``estimate`` is what is left of ``change`` (after minus before) once ``regression`` is taken
    off. ``mean_low`` and ``mean_high`` bound the population means for which the interval leaves
    out 0 on the side of the change: infinite where there is no bound, nan where there are none.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    std_error: float
    df: float
    p_value: float
    change: float
    regression: float
    slope: float
    mean: float
    mean_low: float
    mean_high: float
    n: int

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [
            f"{main}, p = {self.p_value:.3g}",
            f"change {self.change:.4g}, of which {self.regression:.4g} regression to a population "
            f"mean of {self.mean:g}; n = {self.n}",
            _range_in_words(self.mean_low, self.mean_high),
        ]


def _range_in_words(low: float, high: float) -> str:
    if math.isnan(low):
        return "no population mean leaves the change beyond regression to the mean"
    ends = [f"{sign} {x:.4g}" for sign, x in (("above", low), ("below", high)) if math.isfinite(x)]
    if not ends:
        return "beyond regression to the mean whatever the population mean"
    return f"beyond regression to the mean if the population mean is {' and '.join(ends)}"


def mee_chua(
    before: ArrayLike, after: ArrayLike, mean: float, *, confidence_level: float = 0.95
) -> MeeChua:
    r"""Estimate the change of selected patients that is not regression to the mean.

    Parameters
    ----------
    before, after : arrays of length n
        The same measure of each patient; patients were selected by the first.
    mean : float
        Of the population that they were selected from. It is seldom known: ``mean_low`` and
        ``mean_high`` say for which means the answer would be the same.
    confidence_level : float

    Returns
    -------
    MeeChua

    Raises
    ------
    ValueError
        Fewer than three complete patients, or first values that are all the same.

    Notes
    -----
    The line :math:`y = \mu + \tau + \beta(x - \mu) + e` is fitted by least squares: its height at
    :math:`x = \mu` is :math:`\mu + \tau`, tested against :math:`\mu` by t with n - 2 degrees of
    freedom. Selection by x does not bias it, as long as the line is straight and treatment shifts
    everybody alike; a treatment that helps the worst most is partly taken for regression. As a
    function of :math:`\mu` the distance of the interval from 0 is concave, so the means for which
    it leaves out 0 on the side of the change form one interval. Patients with either value missing
    are left out; ``n`` counts the rest.

    References
    ----------
    Mee & Chua (1991), doi 10.1080/00031305.1991.10475753.

    Examples
    --------
    >>> mee_chua([60, 64, 66, 71, 75, 78], [52, 57, 60, 60, 66, 68], mean=55)
    -6.068 (95 % CI -10.53 to -1.602), p = 0.0196
      change -8.5, of which -2.432 regression to a population mean of 55; n = 6
      beyond regression to the mean if the population mean is above 51.39 and below 140.7
    """
    level = check_level(confidence_level)
    x, y = _complete(before, after)
    check_number(mean=mean)
    n = len(x)
    centre, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    slope = float((x - centre) @ (y - y.mean())) / spread
    residual = y - y.mean() - slope * (x - centre)
    left = float(residual @ residual)
    variance = left / (n - 2) if left > ROUNDING * float(x @ x + y @ y) else 0.0
    t = quantile(n - 2.0, level)
    change, away = float((y - x).mean()), centre - mean
    regression = (slope - 1.0) * away + 0.0
    effect = change - regression
    error = math.sqrt(variance * (1 / n + away**2 / spread))
    low, high = _means(change, slope, t**2 * variance, n, spread)
    return MeeChua(
        estimate=effect,
        ci_low=effect - t * error,
        ci_high=effect + t * error,
        confidence_level=level,
        std_error=error,
        df=float(n - 2),
        p_value=two_sided_p(effect, error, n - 2.0),
        change=change,
        regression=regression,
        slope=slope,
        mean=float(mean),
        mean_low=centre - high,
        mean_high=centre - low,
        n=n,
    )


def _complete(before: ArrayLike, after: ArrayLike) -> tuple[Any, Any]:
    check_aligned(before=before, after=after)
    x, y = as_float(before, "before"), as_float(after, "after")
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError("before and after must be lists of the same length, a value a patient")
    if np.isinf(x).any() or np.isinf(y).any():
        raise ValueError("before or after holds infinite values; mark missing ones as nan")
    complete = ~(np.isnan(x) | np.isnan(y))
    x, y = x[complete], y[complete]
    if len(x) < 3 or np.ptp(x) == 0.0:
        raise ValueError(
            "at least three patients with both values are needed, whose first values differ"
        )
    return x, y


def _means(change: float, slope: float, noise: float, n: int, spread: float) -> tuple[float, float]:
    """Return the distances u of the sample from the population mean that leave a clear change.

    Clear: s(d + cu) > sqrt(noise (1/n + u²/spread)), d the change, s its sign, c = 1 - slope.
    """
    sign = math.copysign(1.0, change)
    gain = 1.0 - slope
    if noise == 0 and change and gain:
        # On an exact line the change is clear as far as the mean at which it turns round.
        turn = -change / gain
        return (turn, math.inf) if turn < 0 else (-math.inf, turn)

    def clear(u: float) -> bool:
        return sign * (change + gain * u) > math.sqrt(noise * (1 / n + u * u / spread))

    square = gain**2 - noise / spread
    roots = np.roots([square, 2 * change * gain, change**2 - noise / n])
    real = sorted(float(r.real) for r in roots if abs(r.imag) <= 1e-12 * max(1.0, abs(r)))
    ends = [u for u in real if sign * (change + gain * u) >= 0]
    if not ends:
        return (-math.inf, math.inf) if clear(0.0) else (math.nan, math.nan)
    if len(ends) == 2:
        return (ends[0], ends[1]) if clear(sum(ends) / 2) else (math.nan, math.nan)
    end = ends[0]
    return (end, math.inf) if clear(end + 1.0 + abs(end)) else (-math.inf, end)
