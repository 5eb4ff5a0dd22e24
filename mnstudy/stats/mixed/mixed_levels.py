"""Do levels of a factor differ, and which two the most: F test, adjusted means, all pairs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.design import Codes, factorize
from mnstudy.stats.mixed.fit import MixedFit
from mnstudy.stats.mixed.mixed_results import Contrast, FTest
from mnstudy.stats.mixed.rows import complete
from mnstudy.stats.mixed.solve import Df, Variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heterogeneity:
    """Whether levels differ, their adjusted means, and every pair with simultaneous intervals."""

    test: FTest
    means: pd.DataFrame
    pairs: pd.DataFrame
    largest: Contrast
    largest_levels: tuple[str, str]
    method: str
    fit: MixedFit

    def __str__(self) -> str:
        return f"largest: {self.largest}\n{self.test}\n{self.method}"

    def to_frame(self) -> pd.DataFrame:
        """Return all pairs, nothing rounded."""
        return self.pairs.copy()


def heterogeneity(
    y: Any,
    level: Any,
    groups: Any = None,
    covariates: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> Heterogeneity:
    """Test whether the mean differs between levels and estimate every pairwise difference.

    Parameters
    ----------
    y : array of length n
    level : sequence of length n
        Level of each row; an ordered or unordered categorical keeps its order, others are sorted.
    groups : sequence of length n, optional
        Patient of each row; None when each row is a patient of its own.
    covariates : array or frame of n rows, optional
        Means are adjusted to the average covariate.

    Returns
    -------
    Heterogeneity
        ``means`` and ``pairs`` have the columns of ``MixedFit.coefficients``; intervals of
        ``pairs`` and of ``largest`` hold together at ``confidence_level`` (Bonferroni over all
        pairs), and ``p_value`` there is multiplied by the number of pairs.

    Raises
    ------
    ValueError
        Fewer than two levels among complete rows.
    """
    codes, labels = _ordered(level)
    position = np.where(codes < 0, np.nan, codes)
    rows = complete(y, {"level": position}, groups, covariates)
    present, index = np.unique(rows.columns[0].astype(int), return_inverse=True)
    names = [str(labels[code]) for code in present]
    q = len(names)
    if q < 2:
        raise ValueError(f"only level {', '.join(names)} has complete rows; two are needed")
    dummies = {name: (index == j).astype(float) for j, name in enumerate(names)}
    fit = rows.fit(dummies, confidence_level, df, variance)
    weights = np.eye(q, len(fit.names))
    means = fit.contrasts(weights, names=names)
    means["n_rows"] = np.bincount(index)
    pairs = _pairs(fit, weights, names, confidence_level)
    adjusted = f", adjusted for {', '.join(rows.covariate_names)}" if rows.covariate_names else ""
    return Heterogeneity(
        test=fit.test(weights[1:] - weights[:1]),
        means=means,
        pairs=pairs,
        largest=_largest(pairs, confidence_level),
        largest_levels=_levels(pairs, names),
        method=f"{q} levels, {len(pairs)} pairs at the Bonferroni level{adjusted}",
        fit=fit,
    )


def _ordered(level: Any) -> tuple[Codes, pd.Index]:
    """Give levels numbers in clinical order when they carry one, else in sorted order."""
    values = pd.Series(level)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(dtype=np.intp), values.cat.categories
    codes, labels = factorize(values)
    rank = pd.Index(labels).argsort()
    place = np.empty(len(rank), dtype=np.intp)
    place[rank] = np.arange(len(rank))
    return np.where(codes < 0, -1, place[codes] if len(place) else codes), pd.Index(labels)[rank]


def _pairs(
    fit: MixedFit, weights: np.ndarray, names: list[str], confidence_level: float
) -> pd.DataFrame:
    chosen = list(combinations(range(len(names)), 2))
    rows = np.array([weights[b] - weights[a] for a, b in chosen])
    labels = [f"{names[b]} - {names[a]}" for a, b in chosen]
    simultaneous = 1.0 - (1.0 - confidence_level) / len(chosen)
    pairs = fit.contrasts(rows, names=labels, confidence_level=simultaneous)
    pairs["p_value"] = np.minimum(pairs["p_value"] * len(chosen), 1.0)
    return pairs


def _levels(pairs: pd.DataFrame, names: list[str]) -> tuple[str, str]:
    """Return the levels that differ most, as ``largest`` takes one from the other."""
    before, after = list(combinations(names, 2))[int(np.argmax(np.abs(pairs["estimate"])))]
    return after, before


def _largest(pairs: pd.DataFrame, confidence_level: float) -> Contrast:
    """Return the pair that differs most, by its estimate."""
    row = pairs.iloc[int(np.argmax(np.abs(pairs["estimate"])))]
    values = {str(column): float(value) for column, value in row.items()}
    return Contrast(**values, confidence_level=confidence_level, name=str(row.name))
