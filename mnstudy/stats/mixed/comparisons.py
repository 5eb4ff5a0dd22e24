"""The comparisons outcome studies ask for, each a contrast of one random-intercept model.

Paired and unpaired forms are separate functions: the caller's declared design chooses, and a
design that contradicts the function raises instead of switching form. ``options`` are those of
`random_intercept` throughout: ``confidence_level``, ``df`` and ``variance``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypedDict, Unpack

import numpy as np
import pandas as pd
from scipy import linalg

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.design import Array, Codes, as_float, column_names, factorize
from mnstudy.stats.mixed.fit import Contrast, FTest, MixedFit, t_inference
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.solve import Df, Variance
from mnstudy.stats.result import check_aligned, check_level

NAME = "treated - control"


class FitOptions(TypedDict, total=False):
    """Options that every comparison hands on to `random_intercept`."""

    confidence_level: float
    df: Df
    variance: Variance


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
    **options: Unpack[FitOptions],
) -> MeanDifference:
    """Compare two arms of different patients, adjusted for covariates.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the arm.
    groups : sequence of length n, optional
        Patient of each row; None when each row is a patient of its own (two-sample t-test).
    covariates : array or frame of n rows, optional
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.

    Raises
    ------
    DesignError
        A patient is in both arms; that is `paired_difference`.
    """
    rows = _complete(y, {"treated": treated}, groups, covariates)
    arm = _indicator(rows.columns[0])
    if _varies_within(arm, rows.codes):
        raise DesignError(
            "some patients have treated and control rows; use paired_difference for this design"
        )
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, **options)
    return _read_off(rows, arm, fit, "two arms" + _adjusted(rows))


def welch_difference(y: Any, treated: Any, *, confidence_level: float = 0.95) -> Contrast:
    r"""Compare the means of two arms whose spreads may differ, one row a patient (Welch).

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the arm; no value may be missing.
    confidence_level : float

    Returns
    -------
    Contrast
        Treated minus control.

    Raises
    ------
    ValueError
        Lengths differ, a value is missing, or neither arm has any spread.
    DesignError
        An arm of one patient.

    Notes
    -----
    With variances :math:`s^2` and sizes n the squared error is :math:`v_1 + v_0` for
    :math:`v = s^2 / n`, with :math:`(v_1 + v_0)^2 / \{v_1^2/(n_1-1) + v_0^2/(n_0-1)\}` degrees of
    freedom.

    References
    ----------
    Welch (1947), doi 10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> print(welch_difference([5.0, 7.0, 6.5, 3.0, 1.0, 2.0], [1, 1, 1, 0, 0, 0]))
    treated - control: 4.167 (95% CI 1.852 to 6.482), t = 5, df = 3.994, p = 0.00752
    """
    rows = _complete(y, {"treated": treated}, None)
    if rows.n_missing:
        raise ValueError(f"{rows.n_missing} rows have a missing value; leave them out and say so")
    arm = _indicator(rows.columns[0])
    arms = [rows.y[arm == side] for side in (1.0, 0.0)]
    sizes = np.array([len(values) for values in arms])
    if sizes.min() < 2:
        raise DesignError("an arm of one patient has no spread; collect more, or report it alone")
    squares = np.array([values.var(ddof=1) for values in arms]) / sizes
    if not squares.any():
        raise ValueError("the outcome is constant in both arms; there is no error to estimate")
    df = squares.sum() ** 2 / np.sum(squares**2 / (sizes - 1))
    estimate = arms[0].mean() - arms[1].mean()
    found = t_inference(estimate, np.sqrt(squares.sum()), df, check_level(confidence_level))
    values = {column: float(value) for column, value in found.items()}
    return Contrast(**values, confidence_level=confidence_level, name=NAME)


def _adjusted(rows: CompleteRows) -> str:
    names = ", ".join(rows.covariate_names)
    return f", adjusted for {names}" if names else ""


def paired_difference(
    y: Any,
    treated: Any,
    groups: Any,
    **options: Unpack[FitOptions],
) -> MeanDifference:
    """Compare treated and control sides of the same patients.

    Parameters
    ----------
    y, treated : arrays of length n
        Outcome, and 1/0 or true/false for the side.
    groups : sequence of length n
        Patient of each row.
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.

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
    rows = _complete(y, {"treated": treated}, groups)
    side = _indicator(rows.columns[0])
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
        return _paired_t(sides, side, **options)
    method = (
        f"random-intercept model of side means: {both.sum()} patients with both sides, "
        f"{(~both).sum()} with one"
    )
    fit = sides.fit(columns, **options)
    return _read_off(sides, side, fit, method)


def _side_means(rows: CompleteRows, side: Array) -> tuple[Array, Array, Codes]:
    """Mean per patient and side, control rows before treated rows of each patient."""
    cell, inverse = np.unique(2 * rows.codes + side.astype(int), return_inverse=True)
    return _group_means(rows.y, inverse), (cell % 2).astype(float), cell // 2


def _paired_t(sides: CompleteRows, side: Array, **options: Unpack[FitOptions]) -> MeanDifference:
    """Fit the differences of complete pairs, and each side, by their mean alone."""

    def mean(values: Array, name: str) -> MixedFit:
        ones = np.ones((len(values), 1))
        return random_intercept(values, ones, pd.Index(sides.labels), [name], **options)

    def describe(values: Array, name: str) -> Contrast:
        if np.ptp(values) > 0:
            return mean(values, name).contrast([1.0], name=name)
        unknown = dict.fromkeys(("ci_low", "ci_high", "std_error", "df", "t", "p_value"), np.nan)
        level = fit.confidence_level
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
    **options: Unpack[FitOptions],
) -> MeanDifference:
    """Compare final values (or changes) adjusted for baseline; both give the same difference.

    Parameters
    ----------
    outcome, treated, baseline : arrays of length n
    groups : sequence of length n, optional
        Patient of each row; sides of one patient may be in different arms.
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.

    References
    ----------
    Vickers & Altman (2001), doi 10.1136/bmj.323.7321.1123.
    """
    check_aligned(outcome=outcome, treated=treated, baseline=baseline, groups=groups)
    rows = _complete(outcome, {"treated": treated}, groups, baseline, ("baseline",))
    arm = _indicator(rows.columns[0])
    fit = rows.fit({"control": np.ones(len(arm)), NAME: arm}, **options)
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
    **options: Unpack[FitOptions],
) -> MixedFit:
    """Estimate the mean change from baseline; several sites of a patient share an intercept.

    With one row per patient (``groups`` None) this is the one-sample, or paired, t-test.

    Parameters
    ----------
    change : array of length n
    groups : sequence of length n, optional
        Patient of each row.
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.
    """
    rows = _complete(change, {}, groups)
    return rows.fit({"mean change": np.ones(len(rows.y))}, **options)


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
    **options: Unpack[FitOptions],
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
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.

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
    rows = _complete(y, {"x": x}, groups, covariates)
    values = rows.columns[0] - rows.columns[0].mean()
    mean = _group_means(values, rows.codes)[rows.codes]
    if not _varies_within(values, rows.codes):
        raise DesignError("x does not vary within any patient; only between-patient slopes exist")
    if np.ptp(mean) <= 1e-9 * np.ptp(values):
        raise DesignError("patients do not differ in their mean x; only a within slope exists")
    columns = {"mean": np.ones(len(values)), "within": values - mean, "between": mean}
    fit = rows.fit(columns, **options)
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
    **options: Unpack[FitOptions],
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
    **options
        Of `random_intercept`: ``confidence_level``, ``df``, ``variance``.

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

    Notes
    -----
    The pooled degrees of freedom of an F test depend on how its contrasts are laid out. Here they
    are orthonormal in the means of the levels, before the eigenvectors of their covariance are
    taken, so that neither the order of the levels nor a reference level matters.
    """
    check_aligned(y=y, level=level)
    codes, labels = _ordered(level)
    position = np.where(codes < 0, np.nan, codes)
    rows = _complete(y, {"level": position}, groups, covariates)
    present, index = np.unique(rows.columns[0].astype(int), return_inverse=True)
    names = list(column_names(None, len(present), [str(labels[code]) for code in present]))
    q = len(names)
    if q < 2:
        raise ValueError(f"only level {', '.join(names)} has complete rows; two are needed")
    dummies = {name: (index == j).astype(float) for j, name in enumerate(names)}
    fit = rows.fit(dummies, **options)
    weights = np.eye(q, len(fit.names))
    means = fit.contrasts(weights, names=names)
    means["n_rows"] = np.bincount(index)
    pairs = _pairs(fit, weights, names)
    return Heterogeneity(
        test=fit.test(linalg.helmert(q) @ weights),
        means=means,
        pairs=pairs,
        largest=_largest(pairs, fit.confidence_level),
        largest_levels=_levels(pairs, names),
        method=f"{q} levels, {len(pairs)} pairs at the Bonferroni level{_adjusted(rows)}",
        fit=fit,
    )


def _ordered(level: Any) -> tuple[Codes, pd.Index]:
    """Give levels numbers in clinical order when they carry one, else in sorted order."""
    values = pd.Series(level)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(dtype=np.intp), values.cat.categories
    codes, labels = factorize(values, sort=True)
    return codes, pd.Index(labels)


def _pairs(fit: MixedFit, weights: Array, names: list[str]) -> pd.DataFrame:
    chosen = list(combinations(range(len(names)), 2))
    rows = np.array([weights[b] - weights[a] for a, b in chosen])
    labels = [f"{names[b]} - {names[a]}" for a, b in chosen]
    simultaneous = 1.0 - (1.0 - fit.confidence_level) / len(chosen)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompleteRows:
    """Complete rows; covariates are centred, so means are adjusted to the average covariate."""

    y: Array
    columns: tuple[Array, ...]
    covariates: Array
    covariate_names: tuple[str, ...]
    codes: Codes
    labels: Any
    n_missing: int

    def fit(self, columns: dict[str, Array], **options: Unpack[FitOptions]) -> MixedFit:
        """Fit the columns given, by name, and the covariates after them."""
        return random_intercept(
            self.y,
            np.column_stack([*columns.values(), self.covariates]),
            pd.Categorical.from_codes(self.codes, pd.Index(self.labels)),
            [*columns, *self.covariate_names],
            **options,
        )


def _complete(
    y: Any,
    columns: dict[str, Any],
    groups: Any,
    covariates: Any = None,
    covariate_names: tuple[str, ...] = (),
) -> CompleteRows:
    """Leave out and count rows with a missing value; ``groups`` None makes each row its own."""
    check_aligned(y=y, **columns, groups=groups, covariates=covariates)
    y_all = as_float(y, "y")
    codes, labels = factorize(np.arange(len(y_all)) if groups is None else groups)
    extra, names = _covariates(covariates, len(y_all), covariate_names)
    used = [as_float(column, name) for name, column in columns.items()]
    lengths = {len(y_all), len(extra), len(codes), *map(len, used)}
    if len(lengths) > 1:
        raise ValueError(f"inputs have different lengths {sorted(lengths)}; give one entry per row")
    table = np.column_stack([y_all, *used, extra])
    kept = ~np.isnan(table).any(axis=1) & (codes >= 0)
    if not kept.any():
        raise ValueError(f"no complete row among the {len(y_all)} given")
    table = table[kept]
    extra = table[:, 1 + len(used) :]
    if same := [name for name, span in zip(names, np.ptp(extra, axis=0), strict=True) if not span]:
        raise ValueError(f"{', '.join(same)} is the same in all complete rows; leave it out")
    present, codes = np.unique(codes[kept], return_inverse=True)
    return CompleteRows(
        y=table[:, 0],
        columns=tuple(table[:, 1 : 1 + len(used)].T),
        covariates=extra - extra.mean(axis=0),
        covariate_names=names,
        codes=codes,
        labels=labels[present],
        n_missing=len(y_all) - len(table),
    )


def _covariates(covariates: Any, n: int, names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    if covariates is None:
        return np.empty((n, 0)), ()
    extra = as_float(covariates, ", ".join(names) or "covariates")
    extra = extra[:, None] if extra.ndim == 1 else extra
    if isinstance(covariates, pd.DataFrame):
        return extra, column_names(covariates, extra.shape[1], None)
    return extra, names or tuple(f"covariate {j + 1}" for j in range(extra.shape[1]))


def _indicator(treated: Array) -> Array:
    """Check that a column is 1/0 (or true/false) and that both occur."""
    values = np.unique(treated)
    if not np.array_equal(values, [0.0, 1.0]):
        raise ValueError(
            "treated must be true/false or 1/0 and both must occur among complete rows; "
            f"found {', '.join(f'{value:g}' for value in values[:5])}"
        )
    return treated


def _group_means(values: Array, codes: Codes) -> Array:
    """Mean of each group."""
    return np.bincount(codes, weights=values) / np.bincount(codes)


def _varies_within(values: Array, codes: Codes) -> bool:
    """Whether any group holds two different values."""
    first = np.empty(codes.max() + 1)
    first[codes] = values
    return bool(np.any(first[codes] != values))
