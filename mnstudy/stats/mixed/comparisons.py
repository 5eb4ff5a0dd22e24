"""The comparisons outcome studies ask for, each a contrast of one random-intercept model.

Paired and unpaired forms are separate functions: the caller's declared design chooses, and a
design that contradicts the function raises instead of switching form. ``confidence_level``, ``df``
and ``variance`` are those of `random_intercept` throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.design import Array, Codes, factorize
from mnstudy.stats.mixed.fit import Contrast, FTest, MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.rows import CompleteRows, complete, group_means, indicator, varies_within
from mnstudy.stats.mixed.solve import Df, Variance

NAME = "treated - control"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanDifference:
    """Treated minus control, with both means; ``method`` says which form was used."""

    difference: Contrast
    treated: Contrast
    control: Contrast
    n_treated: int
    n_control: int
    n_groups: int
    n_missing: int
    method: str
    fit: MixedFit

    def __str__(self) -> str:
        return (
            f"{self.difference}\n{self.method}; {self.n_treated} treated and {self.n_control} "
            f"control rows of {self.n_groups} groups, {self.n_missing} left out (missing)"
        )

    def to_frame(self) -> pd.DataFrame:
        """Difference and both means, one row each, nothing rounded."""
        return pd.concat([c.to_frame() for c in (self.difference, self.treated, self.control)])


def arm_difference(
    y: Any,
    treated: Any,
    groups: Any = None,
    covariates: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MeanDifference:
    """Compare two arms of different patients, adjusted for covariates.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the arm.
    groups : sequence of length n, optional
        Patient of each row; None when each row is a patient of its own (two-sample t-test).
    covariates : array or frame of n rows, optional

    Raises
    ------
    DesignError
        A patient is in both arms; that is `paired_difference`.
    """
    rows = complete(y, {"treated": treated}, groups, covariates)
    arm = indicator(rows.columns[0])
    if varies_within(arm, rows.codes):
        raise DesignError(
            "some patients have treated and control rows; use paired_difference for this design"
        )
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df, variance)
    return _read_off(rows, arm, fit, "two arms" + _adjusted(rows))


def _adjusted(rows: CompleteRows) -> str:
    names = ", ".join(rows.covariate_names)
    return f", adjusted for {names}" if names else ""


def paired_difference(
    y: Any,
    treated: Any,
    groups: Any,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MeanDifference:
    """Compare treated and control sides of the same patients.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the side.
    groups : sequence of length n
        Patient of each row.

    Notes
    -----
    Repeated rows of one side are averaged first, because they are more alike than the two sides
    are. When every patient has both sides this is the paired t-test, which allows sides to be
    negatively correlated. When some have one side only, a random-intercept model of the side
    means also uses what those say about the difference; ``method`` tells which was done.

    Raises
    ------
    DesignError
        No patient has both sides; that is `arm_difference`.

    Examples
    --------
    >>> score = [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5]
    >>> print(paired_difference(score, [0, 1] * 4, list("aabbccdd")))
    treated - control: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    paired t-test; 4 treated and 4 control rows of 4 groups, 0 left out (missing)
    """
    rows = complete(y, {"treated": treated}, groups)
    side = indicator(rows.columns[0])
    means, arm, codes = _side_means(rows, side)
    both = np.bincount(codes) == 2
    if not both.any():
        raise DesignError("no patient has both sides; use arm_difference for this design")
    sides = CompleteRows(
        y=means,
        columns=(arm,),
        covariates=np.empty((len(arm), 0)),
        covariate_names=(),
        codes=codes,
        labels=rows.labels,
        n_missing=rows.n_missing,
    )
    columns = {"control": np.ones(len(arm)), NAME: arm}
    if both.all():
        return _paired_t(sides, side, confidence_level, df, variance)
    method = (
        f"random-intercept model of side means: {both.sum()} patients with both sides, "
        f"{(~both).sum()} with one"
    )
    fit = sides.fit(columns, confidence_level, df, variance)
    return _read_off(sides, side, fit, method)


def _side_means(rows: CompleteRows, side: Array) -> tuple[Array, Array, Codes]:
    """Mean per patient and side, control rows before treated rows of each patient."""
    cell, inverse = np.unique(2 * rows.codes + side.astype(int), return_inverse=True)
    return group_means(rows.y, inverse), (cell % 2).astype(float), cell // 2


def _paired_t(
    sides: CompleteRows, side: Array, confidence_level: float, df: Df, variance: Variance
) -> MeanDifference:
    """Fit the differences of complete pairs, and each side, by their mean alone."""

    def mean(values: Array, name: str) -> MixedFit:
        return random_intercept(
            values,
            np.ones((len(values), 1)),
            pd.Index(sides.labels),
            [name],
            confidence_level=confidence_level,
            df=df,
            variance=variance,
        )

    def describe(values: Array, name: str) -> Contrast:
        if np.ptp(values) > 0:
            return mean(values, name).contrast([1.0], name=name)
        unknown = dict.fromkeys(("ci_low", "ci_high", "std_error", "df", "t", "p_value"), np.nan)
        level = confidence_level
        return Contrast(estimate=float(values[0]), name=name, confidence_level=level, **unknown)

    control, treated = sides.y[0::2], sides.y[1::2]
    fit = mean(treated - control, NAME)
    return MeanDifference(
        difference=fit.contrast([1.0], name=NAME),
        treated=describe(treated, "treated"),
        control=describe(control, "control"),
        n_treated=int(side.sum()),
        n_control=int((1.0 - side).sum()),
        n_groups=fit.n_groups,
        n_missing=sides.n_missing,
        method="paired t-test of side means" if len(side) > len(sides.y) else "paired t-test",
        fit=fit,
    )


def ancova(
    outcome: Any,
    treated: Any,
    baseline: Any,
    groups: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MeanDifference:
    """Compare final values (or changes) adjusted for baseline; both give the same difference.

    Parameters
    ----------
    outcome, treated, baseline : arrays of length n
    groups : sequence of length n, optional
        Patient of each row; sides of one patient may be in different arms.

    References
    ----------
    Vickers & Altman (2001), doi 10.1136/bmj.323.7321.1123.
    """
    frame = pd.DataFrame({"baseline": np.asarray(baseline)})
    rows = complete(outcome, {"treated": treated}, groups, frame)
    arm = indicator(rows.columns[0])
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, confidence_level, df, variance)
    return _read_off(rows, arm, fit, "analysis of covariance on baseline")


def _read_off(rows: CompleteRows, treated: Array, fit: MixedFit, method: str) -> MeanDifference:
    """Read the difference and both means off a fit with the columns "control" and `NAME`."""
    return MeanDifference(
        difference=fit.contrast([NAME], name=NAME),
        treated=fit.contrast({"control": 1.0, NAME: 1.0}, name="treated"),
        control=fit.contrast(["control"], name="control"),
        n_treated=int(treated.sum()),
        n_control=int((1.0 - treated).sum()),
        n_groups=fit.n_groups,
        n_missing=rows.n_missing,
        method=method,
        fit=fit,
    )


def before_after(
    change: Any,
    groups: Any = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> MixedFit:
    """Estimate the mean change from baseline; several sites of a patient share an intercept.

    With one row per patient (``groups`` None) this is the one-sample, or paired, t-test.
    """
    rows = complete(change, {}, groups)
    return rows.fit({"mean change": np.ones(len(rows.y))}, confidence_level, df, variance)


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
    fit: MixedFit, weights: Array, names: list[str], confidence_level: float
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
