"""Change to expect without any treatment, because patients were chosen at an extreme.

Who comes for treatment at the worst is on average better next time: part of what was measured was
noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from mnstudy.stats.result import SmallResult, check_option

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

    which needs only that the second measurement depends linearly on the first. When selection used
    the mean of several measurements, pass the sd and the reliability of that mean. ``mean`` is the
    mean of the population that patients were selected from; it is seldom known, so show a range.

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
    _check_finite(mean=mean, reliability=reliability)
    if not 0.0 <= reliability <= 1.0:
        raise ValueError(f"reliability must lie between 0 and 1, not {reliability:g}")
    if (cut_off is None) == (selected_mean is None):
        raise ValueError("give either cut_off or selected_mean: how the patients were selected")
    share = math.nan
    if selected_mean is not None:
        _check_finite(selected_mean=selected_mean)
        first, method = float(selected_mean), "mean of the selected given"
    else:
        assert cut_off is not None
        first, share = _beyond(mean, _check_sd(sd), cut_off, selected)
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


def range_over(reliabilities: Iterable[float], **known: Any) -> pd.DataFrame:
    """List the expected change for several reliabilities, when the true one is not known.

    Parameters
    ----------
    reliabilities : iterable of float
    **known
        The other arguments of ``expected_regression``.

    Returns
    -------
    DataFrame
        One row per reliability: reliability, expected_change, first_mean, second_mean,
        share_selected.

    References
    ----------
    As for ``expected_regression``: Davis (1976), doi 10.1093/oxfordjournals.aje.a112321.

    Examples
    --------
    >>> range_over([0.5, 0.75, 1], mean=50, selected_mean=62)[["reliability", "expected_change"]]
       reliability  expected_change
    0         0.50             -6.0
    1         0.75             -3.0
    2         1.00              0.0
    """
    values = list(reliabilities)
    if not values:
        raise ValueError("reliabilities is empty; give at least one, such as [0.6, 0.8]")
    found = [expected_regression(reliability=value, **known).to_frame() for value in values]
    columns = ["reliability", "expected_change", "first_mean", "second_mean", "share_selected"]
    return pd.concat(found, ignore_index=True)[columns]


def _beyond(mean: float, sd: float, cut_off: float, selected: Selected) -> tuple[float, float]:
    """Mean and share of a normal variable beyond a cut-off."""
    _check_finite(cut_off=cut_off)
    z = (cut_off - mean) / sd
    side = 1.0 if selected == "above" else -1.0
    # Mill's ratio through logarithms keeps its digits far out in the tail.
    log_share = float(special.log_ndtr(-side * z))
    ratio = math.exp(-0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - log_share)
    return mean + side * sd * ratio, float(np.exp(log_share))


def _check_sd(sd: float | None) -> float:
    if sd is None:
        raise ValueError("cut_off needs sd, the standard deviation before selection")
    if not (math.isfinite(sd) and sd > 0):
        raise ValueError(f"sd must be a number above 0, not {sd}")
    return float(sd)


def _check_finite(**values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a number, not {value}")
