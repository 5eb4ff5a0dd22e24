"""Slopes within and between patients, kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.mixed_results import Contrast
from mnstudy.stats.mixed.rows import complete, group_means, varies_within
from mnstudy.stats.mixed.solve import Df, Variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithinBetween:
    """Slope of the same person's change, slope across persons, and their difference."""

    within: Contrast
    between: Contrast
    contextual: Contrast
    fit: MixedFit

    def __str__(self) -> str:
        return f"{self.within}\n{self.between}\n{self.contextual}"

    def to_frame(self) -> pd.DataFrame:
        """Return the three slopes, one row each, nothing rounded."""
        return pd.concat([c.to_frame() for c in (self.within, self.between, self.contextual)])


def within_between(
    y: Any,
    x: Any,
    groups: Any,
    covariates: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> WithinBetween:
    """Split the slope of y on x into its within-patient and between-patient parts.

    The within part compares a patient with herself and is free of everything that differs
    between patients; the between part compares patients' averages and is not.

    Parameters
    ----------
    y, x : arrays of length n
        Outcome, and what varies both within and between patients (such as sessions so far).
    groups : sequence of length n
        Patient of each row.
    covariates : array or frame of n rows, optional

    Raises
    ------
    DesignError
        ``x`` does not vary within patients, or its patient means do not differ.

    Notes
    -----
    ``contextual`` is between minus within; away from zero it says that the two disagree. The
    slope is taken to be the same for all patients: when slopes differ, errors are too small.

    References
    ----------
    Mundlak (1978), doi 10.2307/1913646. Neuhaus & Kalbfleisch (1998), doi 10.2307/3109770.
    """
    rows = complete(y, {"x": x}, groups, covariates)
    values = rows.columns[0] - rows.columns[0].mean()
    mean = group_means(values, rows.codes)[rows.codes]
    if not varies_within(values, rows.codes):
        raise DesignError("x does not vary within any patient; only between-patient slopes exist")
    if np.ptp(mean) <= 1e-9 * np.ptp(values):
        raise DesignError("patients do not differ in their mean x; only a within slope exists")
    columns = {"mean": np.ones(len(values)), "within": values - mean, "between": mean}
    fit = rows.fit(columns, confidence_level, df, variance)
    return WithinBetween(
        within=fit.contrast(["within"], name="within"),
        between=fit.contrast(["between"], name="between"),
        contextual=fit.contrast({"between": 1.0, "within": -1.0}, name="between - within"),
        fit=fit,
    )
