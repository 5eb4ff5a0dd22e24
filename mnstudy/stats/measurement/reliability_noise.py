"""How many changed by more than measurement noise can explain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mnstudy.stats.counts.proportion_limits import exact_limits
from mnstudy.stats.mixed.design import as_float
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BeyondNoise(SmallResult):
    """Share of patients who are better by more than the smallest detectable change."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    sdc: float
    better: Better
    n_better: int
    n_within: int
    n_worse: int
    n: int
    n_missing: int

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [
            f"{main} better by more than {self.sdc:.4g}",
            f"{self.n_better} better, {self.n_within} within noise, {self.n_worse} worse of "
            f"{self.n}, {self.n_missing} missing; Clopper-Pearson limits",
        ]


def share_beyond_noise(
    change: Any, sdc: float, *, better: Better = "higher", confidence_level: float = 0.95
) -> BeyondNoise:
    """Share of patients whose change exceeds the smallest detectable change.

    Parameters
    ----------
    change : array of shape (n,)
        Change after minus before, one per patient; missing values are left out and counted.
    sdc : float
        Smallest detectable change, from ``measurement_error``, in the units of the change.
    better : {"higher", "lower"}
        Whether a rise or a fall is an improvement.
    confidence_level : float

    Returns
    -------
    BeyondNoise

    Raises
    ------
    ValueError
        No change given, or sdc below 0.

    Notes
    -----
    A change must exceed sdc; one equal to it is within noise. Of patients who did not change at
    all about 2.5 % exceed a 95 % sdc on either side, so a share that small is no evidence. The
    uncertainty of sdc itself is not in the limits.

    References
    ----------
    de Vet et al. (2006), doi 10.1016/j.jclinepi.2005.10.015.

    Examples
    --------
    >>> share_beyond_noise([12, 3, -2, 15, 9, -10, float("nan")], sdc=8.4)
    0.5 (95 % CI 0.1181 to 0.8819) better by more than 8.4
      3 better, 2 within noise, 1 worse of 6, 1 missing; Clopper-Pearson limits
    """
    check_option("better", better, ("higher", "lower"))
    level = check_level(confidence_level)
    if not (math.isfinite(sdc) and sdc >= 0):
        raise ValueError(f"sdc must be a number from 0 up, not {sdc}")
    values = as_float(change, "change")
    if values.ndim != 1:
        raise ValueError("change must be a list, one number per patient")
    known = values[~np.isnan(values)]
    n = len(known)
    if n == 0:
        raise ValueError(f"no change is known among the {len(values)} given")
    gain = known if better == "higher" else -known
    n_better, n_worse = int((gain > sdc).sum()), int((gain < -sdc).sum())
    low, high = exact_limits(n_better, n, (1.0 - level) / 2.0)
    return BeyondNoise(
        estimate=n_better / n,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        sdc=float(sdc),
        better=better,
        n_better=n_better,
        n_within=n - n_better - n_worse,
        n_worse=n_worse,
        n=n,
        n_missing=len(values) - n,
    )
