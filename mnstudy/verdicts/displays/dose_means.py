"""Mean outcome by dose; neighbouring doses go together until five patients are there."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.displays.rows import by_person

MOST_LEVELS = 8  # more different doses are put together
MEANS = ("dose", "value", "low", "high", "n")


def means_by_dose(rows: pd.DataFrame, *, confidence_level: float) -> pd.DataFrame:
    """Return the mean outcome at each dose, patients as the unit.

    Parameters
    ----------
    rows : DataFrame
        ``dose``, ``y`` (the outcome) and ``person``, all known; several rows a person are
        averaged at each dose.
    confidence_level : float

    Returns
    -------
    DataFrame
        ``dose``, ``value``, ``low``, ``high`` and ``n``, by rising dose. Every row rests on five
        patients or more; neighbouring doses go together where one has fewer, or where there are
        more than eight. ``dose`` is then the mean of those of its patients.

    Notes
    -----
    t intervals of the mean of patients; nan where all patients have the same value.

    Examples
    --------
    >>> rows = pd.DataFrame({"dose": [1.0] * 5, "y": [1, 2, 3, 4, 5], "person": list("abcde")})
    >>> means_by_dose(rows, confidence_level=0.95).round(2).to_numpy().tolist()
    [[1.0, 3.0, 1.04, 4.96, 5.0]]
    """
    found = []
    for part in _together(rows):
        values = by_person(part["y"], part["person"]).to_numpy()
        if len(values) >= MIN_PATIENTS:
            dose = float(by_person(part["dose"], part["person"]).mean())
            found.append((dose, *_interval(values, confidence_level), len(values)))
    return pd.DataFrame(found, columns=list(MEANS))


def _together(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Split the rows by dose; neighbours go together until there are enough patients."""
    doses = np.sort(rows["dose"].unique())
    people_at = rows.groupby("dose")["person"].nunique()
    if len(doses) <= MOST_LEVELS and (people_at >= MIN_PATIENTS).all():
        return [rows[rows["dose"] == d] for d in doses]
    enough = MIN_PATIENTS
    if len(doses) > MOST_LEVELS:
        enough = max(enough, math.ceil(rows["person"].nunique() / MOST_LEVELS))
    groups: list[list[float]] = [[]]
    for dose in doses:
        groups[-1].append(float(dose))
        if rows.loc[rows["dose"].isin(groups[-1]), "person"].nunique() >= enough:
            groups.append([])
    last = groups.pop()
    if groups and last:
        groups[-1] += last
    return [rows[rows["dose"].isin(g)] for g in groups or [last]]


def _interval(values: NDArray[np.float64], level: float) -> tuple[float, float, float]:
    mean, n = float(values.mean()), len(values)
    spread = float(values.std(ddof=1))
    if not spread > 0:
        return mean, math.nan, math.nan
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / math.sqrt(n)
    return mean, mean - reach, mean + reach
