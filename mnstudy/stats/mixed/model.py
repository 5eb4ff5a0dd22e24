"""Linear model with a random intercept per group: REML with small-sample degrees of freedom.

``random_intercept`` takes arrays, ``mixed_model`` a formula and a table, and
``random_intercept_batch`` many outcomes on one design: permutations, simulated trials, scores.
``linear_model`` is least squares with robust errors (``cluster_robust``) by a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from mnstudy.errors import DataError, nearest
from mnstudy.stats.mixed.cluster_robust import (
    RobustFit,
    cluster_robust,
    tells_cells_apart,
    with_cr2,
)
from mnstudy.stats.mixed.design import (
    Array,
    Mask,
    ModelRows,
    as_float,
    column_names,
    factorize,
    independent_columns,
    read,
    read_one,
)
from mnstudy.stats.mixed.fit import (
    COLUMNS,
    Intercepts,
    MixedFit,
    inference,
    single_fit,
)
from mnstudy.stats.mixed.solve import Df, Variance, check_df, check_variance, solve
from mnstudy.stats.result import check_aligned, check_option

Errors = Literal["model", "cr2"]
_NAME = re.compile(r"[A-Za-z_]\w*")


def random_intercept(
    y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
    errors: Errors = "model",
) -> MixedFit:
    r"""Fit y = X beta + u[group] + e by REML.

    Parameters
    ----------
    y : array of shape (n,)
        Outcome, in its own unit.
    X : array of shape (n, p)
        All columns; an intercept is a column of ones and is not added.
    groups : sequence of length n
        Label of the patient (or other cluster) of each row; any hashable values.
    names : sequence of str, optional
        Names of the columns; a frame's own, or x0, x1, …, when not given.
    confidence_level : float
        Level of the two-sided intervals.
    df : {"satterthwaite", "kenward-roger"}
        How degrees of freedom are found; Kenward-Roger also corrects the standard errors.
    variance : {"bounded", "unbounded", "strata"}
        What happens where the variance between groups would fall below zero: it stops there, as
        in lme4; it becomes negative (rows of one group are less alike than rows of different
        groups); or it stops, and errors within and between groups are not pooled.
    errors : {"model", "cr2"}
        Where standard errors come from: the two variances, or the differences between groups, which
        hold whatever the spreads and however alike rows of a group are.

    Returns
    -------
    MixedFit

    Raises
    ------
    ValueError
        Shapes or pandas indexes differ, columns are collinear (they are named), the outcome is
        constant, there is one group only, or the columns leave no variance between or within groups
        to estimate. Unbounded: the likelihood has no maximum, which happens where the columns fit
        the means of all the largest groups, such as when one group has more rows than any other.
        Strata: at zero, no degrees of freedom are left within groups or between them. CR2 errors
        with Kenward-Roger or strata, which are other ways to errors.

    Notes
    -----
    Rows with a missing value in y, X or groups are left out and counted in ``n_missing``. With
    one row in every group this is ordinary least squares with n - p df. On balanced pairs it is
    the paired t-test whenever the between-group variance is estimated above zero, and always when
    unbounded.

    The bound at zero shifts the rate of false positives when groups hardly differ: where 5 % is
    promised, up to 5.8 % for a column that varies within groups and down to 2.9 % for one that
    does not. Unbounded gives exactly 5 % in balanced designs, but with few groups of unequal size
    up to 7 % for a column that is constant within groups; keep the bound there (table in
    benchmarks/README.md).

    Unbounded is the bounded fit wherever that has a variance above zero. Otherwise the ratio
    between / within goes from zero down to the first maximum of the likelihood, short of -1 / (rows
    of the largest group), where the model's covariance becomes singular.

    Strata is the bounded fit wherever that has a variance above zero (ratio above 1e-8). Otherwise
    what varies within the G groups is estimated there, beside an effect of every group, with
    n - G - p_within df, and the rest from the group means, weighted by their rows, with
    G - p_between df. A column that varies both ways counts in both: its coefficient is the slope
    within groups, its group mean takes its own slope from the error between them. A contrast of
    both kinds, such as the mean of one side, adds both errors (Satterthwaite). Where group means
    do not differ at all the bounded fit stays. False positives are 4.7 to 5.3 % for columns of
    either kind, over 6 to 16 groups of equal or unequal size, and 3.9 to 6.1 % where a covariate
    varies both ways. Variances and likelihood are those
    of the bounded fit.

    CR2 errors leave the estimates as they are and take the fitted variances as working model only.
    With V their covariance, W = V^-1 and M = (X'WX)^-1, the covariance of the coefficients is

    .. math:: M \sum_g X_g' W_g A_g e_g e_g' A_g W_g X_g M, \quad
        A_g (V_g - X_g M X_g') A_g = V_g,

    A_g symmetric, with Satterthwaite degrees of freedom of each contrast under that model and an
    approximate Hotelling test of several. A column that one group alone determines has no error.

    Variances are assumed equal across groups and normal, by CR2 errors neither; with ordinal scores
    of few steps look at the residuals or use ranks beside it.

    References
    ----------
    Bates et al. (2015), doi 10.18637/jss.v067.i01. Kuznetsova et al. (2017),
    doi 10.18637/jss.v082.i13. Kenward & Roger (1997), doi 10.2307/2533558. Molenberghs & Verbeke
    (2011), doi 10.1177/1471082X1001100501, on variances below zero. Pustejovsky & Tipton (2018),
    doi 10.1080/07350015.2016.1247004, on CR2.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5])
    >>> treated = np.tile([0.0, 1.0], 4)
    >>> X = np.column_stack([np.ones(8), treated])
    >>> fit = random_intercept(y, X, np.repeat(list("abcd"), 2), names=["mean", "treated"])
    >>> print(fit.contrast("treated", name="treated"))
    treated: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    """
    check_df(df)
    check_variance(variance)
    _check_errors(errors, df, variance)
    design = read_one(y, X, groups, names)
    solved = solve(design, df, variance)
    if solved.problems[0]:
        raise ValueError(solved.problems[0])
    intercepts = Intercepts(
        codes=design.codes,
        sizes=design.sizes,
        labels=design.labels,
        theta=float(solved.theta[0]),
    )
    fit = single_fit(
        design,
        solved.beta,
        solved.precision,
        intercepts,
        confidence_level=confidence_level,
        variance_between=float(solved.variance_between[0]),
        variance_within=float(solved.variance_within[0]),
        log_likelihood=float(solved.log_likelihood[0]),
        boundary=bool(solved.boundary[0]),
        n_groups=len(design.sizes),
    )
    return fit if errors == "model" else with_cr2(fit)


def _check_errors(errors: str, df: str, variance: str) -> None:
    """Refuse an unknown kind of errors, and settings that would change nothing beside CR2."""
    check_option("errors", errors, get_args(Errors))
    if errors == "cr2" and (df != "satterthwaite" or variance == "strata"):
        raise ValueError(
            'errors="cr2" has Satterthwaite degrees of freedom and weighs groups by one model; '
            'leave out df="kenward-roger" and variance="strata", or the CR2 errors'
        )


def mixed_model(
    formula: str,
    data: pd.DataFrame,
    groups: Any,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
    errors: Errors = "model",
) -> MixedFit:
    """Fit a formula with a random intercept per group, by REML.

    Parameters
    ----------
    formula : str
        Outcome and columns, such as ``"score ~ arm + baseline"``; the intercept is included
        unless the formula says ``- 1``. Text columns become indicator columns.
    data : DataFrame
        Holds every name the formula uses; nothing is looked up elsewhere.
    groups : str or sequence
        Name of the column with the patient of each row, or the labels themselves.
    confidence_level, df, variance, errors
        As in `random_intercept`.

    Returns
    -------
    MixedFit
        Named by the columns the formula makes, such as ``arm[T.needling]``.

    Raises
    ------
    ValueError
        The formula has no outcome, names something that is not in the data, or the model
        cannot be fitted (see `random_intercept`).

    Notes
    -----
    A row with a missing value in any variable of the formula or in groups is left out and
    counted; a missing category is never taken for the reference level. The matrices are made of
    complete rows alone: a category without any is no column, and ``center(x)`` takes the mean of x
    over them.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "patient": list("aabbccdd"),
    ...     "side": ["left", "right"] * 4,
    ...     "score": [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5],
    ... })
    >>> fit = mixed_model("score ~ side", data, "patient")
    >>> print(fit.contrast("side[T.right]", name="right - left"))
    right - left: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    >>> robust = mixed_model("score ~ side", data, "patient", errors="cr2")
    >>> print(robust.contrast({"Intercept": 1, "side[T.right]": 1}, name="right"))
    right: 3.75 (95% CI 0.9559 to 6.544), t = 4.27, df = 3, p = 0.0236
    """
    groups = _labels(data, groups)
    y, x = _matrices(formula, data, factorize(groups)[0] >= 0)
    return random_intercept(
        y, x, groups, confidence_level=confidence_level, df=df, variance=variance, errors=errors
    )


def linear_model(
    formula: str,
    data: pd.DataFrame,
    groups: Any,
    *,
    average: Sequence[str] | None = None,
    df: str | None = None,
    confidence_level: float = 0.95,
) -> RobustFit:
    """Fit a formula by least squares, with errors from the differences between groups (CR2).

    Most findings rest on this model: their errors hold whatever the spreads and however alike the
    rows of a patient are.

    Parameters
    ----------
    formula, data, groups
        As in `mixed_model`.
    average : sequence of str, optional
        Rows of one group that are alike in these columns are averaged first, outcome and columns of
        the model alike: a patient with several sites then counts once. With ``[]`` all rows of a
        group are; when left out no row is.
    df : {"satterthwaite", "welch"}, optional
        As in `cluster_robust`; when left out Welch's where one row a group only tells cells apart,
        else Satterthwaite's, as in findings.
    confidence_level : float
        Level of the two-sided intervals.

    Returns
    -------
    RobustFit
        Named by the columns the formula makes, such as ``arm[T.needling]``. Columns that are a
        combination of those before them are left out, and named beneath the coefficients.

    Raises
    ------
    ValueError
        The formula has no outcome, names something that is not in the data, ``average`` does, or
        the model cannot be fitted (see `cluster_robust`).
    DataError
        No row has a value for everything the formula names.

    Notes
    -----
    A row with a missing value in any variable of the formula or in groups is left out and counted.

    References
    ----------
    Pustejovsky & Tipton (2018), doi 10.1080/07350015.2016.1247004.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "patient": list("aabbcdef"),
    ...     "arm": ["laser"] * 4 + ["needling", "laser", "needling", "needling"],
    ...     "score": [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5],
    ... })
    >>> fit = linear_model("score ~ arm", data, "patient", average=["arm"])
    >>> print(fit.contrast("arm[T.needling]", name="needling - laser"))
    needling - laser: 1.167 (95% CI -2.442 to 4.775), t = 0.935, df = 3.625, p = 0.408
    """
    labels = _labels(data, groups)
    unknown = [name for name in average or () if name not in data]
    if unknown:
        raise ValueError(f"data has no column {', '.join(unknown)} to average over")
    y, x = _matrices(formula, data, factorize(labels)[0] >= 0)
    table = x.assign(_outcome=y, _group=labels.to_numpy()).dropna()
    if table.empty:
        raise DataError(f"no row has a value for everything in {formula!r}")
    if average is not None:
        keys = [table["_group"], *(data.loc[table.index, name] for name in average)]
        table = table.drop(columns="_group").groupby(keys, observed=True).mean()
        table = table.reset_index(level=0).rename(columns={table.index.names[0]: "_group"})
    outcome, who, columns = table.pop("_outcome"), table.pop("_group"), table
    kept = independent_columns(np.empty((len(columns), 0)), columns)
    used = columns[kept].to_numpy(dtype=float)
    df = df or ("welch" if tells_cells_apart(used, who) else "satterthwaite")
    fit = cluster_robust(
        outcome.to_numpy(), used, who.to_numpy(), kept, df=df, confidence_level=confidence_level
    )
    aliased = tuple(name for name in columns if name not in kept)
    missing = int((y.isna() | x.isna().any(axis=1) | labels.isna().to_numpy()).sum())
    return replace(fit, n_missing=missing, aliased=aliased)


def _labels(data: pd.DataFrame, groups: Any) -> pd.Series:
    """Return the group of each row, from the name of its column or the labels themselves."""
    if isinstance(groups, str):
        if groups not in data.columns:
            raise ValueError(f"data has no column {groups!r} to use as groups")
        groups = data[groups]
    check_aligned(data=data, groups=groups)
    return groups if isinstance(groups, pd.Series) else pd.Series(groups, index=data.index)


def _matrices(formula: str, data: pd.DataFrame, grouped: Mask) -> tuple[pd.Series, pd.DataFrame]:
    """Outcome and columns for every row of the data; nan in rows with a missing value.

    What a transformation takes from all rows, such as a mean, it takes from complete ones only.
    """
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    def build(rows: pd.DataFrame) -> Any:
        return model_matrix(formula, rows.apply(_plain), na_action="drop", context={})

    if "|" in formula:
        raise ValueError("the formula holds '|'; pass the grouping as groups=, not as (1 | group)")
    if len(grouped) != len(data):
        raise ValueError(f"data has {len(data)} rows and groups has {len(grouped)}")
    rows = data.reset_index(drop=True)
    try:
        matrices = build(rows)
        if hasattr(matrices, "lhs"):
            sides = (matrices.lhs.model_spec, matrices.rhs.model_spec)
            used = sorted(set().union(*(side.required_variables for side in sides)))
            complete = grouped & rows[used].notna().all(axis=1)
            if complete.any() and not complete.all():
                matrices = build(rows[complete])
    except (FormulaicError, SyntaxError) as error:
        reason = str(error).splitlines()[0]
        absent = [w for w in _NAME.findall(formula) if w not in data and f"`{w}`" in reason]
        meant = "".join(f"; {nearest(w, data, 'no column is called so')}" for w in absent[:1])
        raise ValueError(f"formula {formula!r} does not fit the data: {reason}{meant}") from error
    if not hasattr(matrices, "lhs"):
        raise ValueError(f"formula {formula!r} has no outcome; write 'outcome ~ columns'")
    left, right = pd.DataFrame(matrices.lhs), pd.DataFrame(matrices.rhs)
    if left.shape[1] != 1:
        raise ValueError(
            f"the outcome of {formula!r} makes {left.shape[1]} columns; it must be one number. Of "
            "yes or no write it as 0 and 1, and read the estimate as a difference of shares"
        )
    every = [table.reindex(rows.index).set_axis(data.index) for table in (left, right)]
    return every[0].iloc[:, 0], every[1]


def _plain(column: pd.Series) -> pd.Series:
    """Turn nullable values into numpy's, text into objects, and drop categories without rows."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if not pd.api.types.is_extension_array_dtype(column.dtype):
        return column
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(object)
    return column.astype(float)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BatchFit:
    """Fits of many outcomes on one design: arrays (m, p), variances (m,), row per outcome.

    An outcome that cannot be fitted is nan throughout and has its reason in ``problems``.
    """

    names: tuple[str, ...]
    estimate: Array
    std_error: Array
    df: Array
    t: Array
    p_value: Array
    ci_low: Array
    ci_high: Array
    covariance: Array
    variance_between: Array
    variance_within: Array
    log_likelihood: Array
    boundary: np.ndarray
    n_obs: np.ndarray
    n_groups: np.ndarray
    n_missing: np.ndarray
    problems: tuple[str, ...]
    confidence_level: float

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome and column name, nothing rounded."""
        m = len(self.estimate)
        index = pd.MultiIndex.from_product([range(m), self.names], names=["outcome", "name"])
        columns = {column: getattr(self, column).ravel() for column in COLUMNS}
        return pd.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        failed = sum(map(bool, self.problems))
        return (
            f"BatchFit: {len(self.estimate)} outcomes, columns {', '.join(self.names)}; "
            f"{int(self.boundary.sum())} at the boundary, {failed} not fitted"
        )


def random_intercept_batch(
    Y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
    variance: Variance = "bounded",
) -> BatchFit:
    """Fit every column of Y on one design and grouping in one vectorised call.

    Parameters are those of `random_intercept`, with ``Y`` of shape (n, m).

    Returns
    -------
    BatchFit
        Column j holds what ``random_intercept(Y[:, j], X, groups)`` gives. Where that would
        raise because of the outcome, the row is nan and ``problems[j]`` says why.

    Notes
    -----
    Missing values may differ between outcomes: outcomes missing in the same rows are fitted
    together, so many different patterns cost as much as single fits.
    """
    check_df(df)
    check_variance(variance)
    check_aligned(Y=Y, X=X, groups=groups)
    table, x = as_float(Y, "Y"), as_float(X, "X")
    if table.ndim != 2 or x.ndim != 2:
        raise ValueError("Y and X must be tables; use random_intercept for a single outcome")
    chosen = column_names(X, x.shape[1], names)
    values, problems = _empty(table.shape[1], x.shape[1]), [""] * table.shape[1]
    for columns, complete in _missing_patterns(table):
        try:
            design = read(table[:, columns], x, groups, chosen)
            found, reasons = _fit(design, confidence_level, df, variance)
        except ValueError as error:
            if complete:
                raise
            found, reasons = {}, (str(error),) * len(columns)
        for column, reason in zip(columns, reasons, strict=True):
            problems[column] = reason
        fitted = columns[[not reason for reason in reasons]]
        for key, array in found.items():
            values[key][fitted] = array
    return BatchFit(
        names=chosen, problems=tuple(problems), confidence_level=confidence_level, **values
    )


def _empty(m: int, p: int) -> dict[str, Any]:
    """Results before any fit: nan, no rows, no boundary."""
    per_column = {column: np.full((m, p), np.nan) for column in COLUMNS}
    scalars = ("variance_between", "variance_within", "log_likelihood")
    counts = ("n_obs", "n_groups", "n_missing")
    return {
        **per_column,
        **{key: np.full(m, np.nan) for key in scalars},
        **{key: np.zeros(m, dtype=int) for key in counts},
        "covariance": np.full((m, p, p), np.nan),
        "boundary": np.zeros(m, dtype=bool),
    }


def _missing_patterns(table: Array) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield outcomes that are missing in the same rows, and whether they are complete."""
    missing = np.isnan(table)
    if not missing.any():
        yield np.arange(table.shape[1]), True
        return
    _, pattern = np.unique(np.packbits(missing, axis=0), axis=1, return_inverse=True)
    for code in range(pattern.max() + 1):
        columns = np.flatnonzero(pattern == code)
        yield columns, not missing[:, columns[0]].any()


def _fit(
    design: ModelRows, confidence_level: float, df: Df, variance: Variance
) -> tuple[dict[str, Any], tuple[str, ...]]:
    solved = solve(design, df, variance)
    found = inference(solved.precision, solved.beta, np.eye(design.x.shape[1]), confidence_level)
    return {
        **found,
        "covariance": solved.precision.covariance,
        "variance_between": solved.variance_between,
        "variance_within": solved.variance_within,
        "log_likelihood": solved.log_likelihood,
        "boundary": solved.boundary,
        "n_obs": len(design.x),
        "n_groups": len(design.sizes),
        "n_missing": design.n_missing,
    }, solved.problems
