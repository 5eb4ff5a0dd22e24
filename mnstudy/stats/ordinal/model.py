"""Ordinal grades: proportional odds with clustered errors.

statsmodels' OrderedModel differentiates numerically and reports thresholds as log increments; here
derivatives are analytic, and effects may differ between thresholds, which ``proportionality``, the
check of the assumption that the model is named for, needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linprog
from scipy.special import expit, logit

from mnstudy.stats.mixed.design import Array, Codes, Mask, as_float, column_names, factorize
from mnstudy.stats.result import SmallResult, check_aligned, check_level, interval

STEPS = 60
# Newton's method converges quadratically: one step after this decrement reaches rounding.
SMALL_DECREMENT = 1e-10
# A step may seem to lower the log-likelihood by this much when it changes nothing.
ROUNDING = 1e-9
# Log odds between the ends of a column's range beyond which a finite maximum is checked for.
SUSPICIOUS = 8.0
# A column whose part not explained by the others is below this share of itself is collinear.
COLLINEAR = 1e-9
# Below this number of groups a clustered error is itself too uncertain to lean on.
FEW_GROUPS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProportionalOdds(SmallResult):
    """A proportional odds model.

    ``coefficients`` has one row per column of X: ``estimate`` is a log odds ratio, positive when
    the column goes with higher grades; ``ci_low`` and ``ci_high`` are its limits and
    ``odds_ratio``, ``odds_ratio_low``, ``odds_ratio_high`` the same on the scale of odds.
    ``thresholds`` has one row per boundary between levels. ``covariance`` belongs to thresholds,
    then coefficients. ``n_groups`` is None without groups.
    """

    coefficients: pd.DataFrame
    thresholds: pd.DataFrame
    covariance: Array
    log_likelihood: float
    levels: tuple[Any, ...]
    n_obs: int
    n_groups: int | None
    n_missing: int
    confidence_level: float
    method: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the coefficients, one row each, nothing rounded."""
        return self.coefficients.copy()

    def _lines(self) -> list[str]:
        rows = [
            f"{row.Index}: odds ratio "
            + interval(
                row.odds_ratio, row.odds_ratio_low, row.odds_ratio_high, self.confidence_level
            )
            + f", p = {row.p_value:.3g}"
            for row in self.coefficients.itertuples()
        ]
        groups = "" if self.n_groups is None else f" in {self.n_groups} groups"
        return [
            *rows,
            self.method,
            f"{len(self.levels)} levels, {self.n_obs} rows{groups}, {self.n_missing} missing; "
            f"log-likelihood {self.log_likelihood:.6g}",
        ]


def proportional_odds(
    y: Any,
    X: Any,
    groups: Any = None,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
) -> ProportionalOdds:
    r"""Odds ratios of a higher grade, the same at every boundary between grades.

    Parameters
    ----------
    y : array or ordered pandas.Categorical of shape (n,)
        Grades; numbers are ordered by size. Levels that do not occur are left out.
    X : array or DataFrame of shape (n, p)
        Columns without an intercept: thresholds are the intercepts.
    groups : array of shape (n,), optional
        The patient of each row. Errors are then clustered.
    names : sequence of str, optional
        Names of the columns, else those of the frame.
    confidence_level : float

    Returns
    -------
    ProportionalOdds

    Raises
    ------
    ValueError
        One level only, constant or collinear columns, columns that separate the levels (they are
        named), shapes that differ, fewer than two groups.

    Notes
    -----
    .. math:: \operatorname{logit} P(Y \le j) = \theta_j - x'\beta

    by maximum likelihood. Rows with a missing value are left out and counted. Without groups
    errors come from the observed information and p from the normal distribution. With groups the
    covariance is :math:`\frac{G}{G-1}\frac{n-1}{n-k} A^{-1} (\sum_g s_g s_g') A^{-1}`, with
    :math:`s_g` the score of a group, :math:`A` the information and k thresholds and coefficients
    together (the factor of statsmodels and of sandwich's HC1); p and limits use t with G - 1 df,
    since the normal ones are too narrow with few groups (10 patients of 4 rows, arms by patient, no
    effect: 8 % below 0.05 with z, 5 % with t, 16 % with errors that ignore the patient).
    Clustering mends the errors, not the question: an odds ratio is an average over patients
    and lies closer to 1 than that of a model with random effects.

    References
    ----------
    McCullagh (1980), doi 10.1111/j.2517-6161.1980.tb01109.x. Liang & Zeger (1986),
    doi 10.1093/biomet/73.1.13. Cameron & Miller (2015), doi 10.3368/jhr.50.2.317.

    Examples
    --------
    >>> grade = [1, 2, 2, 3, 1, 3, 3, 2, 1, 1, 2, 3]
    >>> sessions = [[1], [2], [4], [4], [3], [6], [3], [1], [2], [1], [5], [5]]
    >>> proportional_odds(grade, sessions, names=["sessions"])
    sessions: odds ratio 2.636 (95 % CI 1.094 to 6.351), p = 0.0307
      proportional odds (cumulative logit), maximum likelihood; errors from the information, z
      3 levels, 12 rows, 0 missing; log-likelihood -9.97777
    """
    level = check_level(confidence_level)
    rows = read_grades(y, X, groups, names)
    if rows.n_groups is not None and rows.n_groups < 2:
        raise ValueError("errors clustered by group need at least two groups; there is one")
    try:
        fit = maximise(rows.level, rows.x)
    except NoMaximumError as error:
        named = ", ".join(rows.names[j] for j in error.columns)
        raise ValueError(
            f"{named} separate{'s' if len(error.columns) == 1 else ''} the levels of y: an odds "
            "ratio grows without bound and has no estimate; merge levels or leave the column out"
        ) from error
    return _result(rows, fit, level)


def _result(rows: Grades, fit: Fit, confidence_level: float) -> ProportionalOdds:
    last = len(rows.levels) - 1
    back = _unscale(rows, last)
    params, covariance = back @ fit.params, back @ _covariance(fit, rows.codes) @ back.T
    df = math.inf if rows.n_groups is None else rows.n_groups - 1.0
    table = _inference(params, covariance, df, confidence_level)
    coefficients = table.iloc[last:].set_axis(pd.Index(rows.names, name="name"))
    limits = {
        "odds_ratio": coefficients["estimate"],
        "odds_ratio_low": coefficients["ci_low"],
        "odds_ratio_high": coefficients["ci_high"],
    }
    with np.errstate(over="ignore"):  # a log odds ratio per tiny unit may have no finite odds ratio
        ratios = {name: np.exp(values) for name, values in limits.items()}
    boundaries = [f"{a}|{b}" for a, b in zip(rows.levels, rows.levels[1:], strict=False)]
    return ProportionalOdds(
        coefficients=coefficients.assign(**ratios),
        thresholds=table.iloc[:last].set_axis(pd.Index(boundaries, name="threshold")),
        covariance=covariance,
        log_likelihood=fit.log_likelihood,
        levels=rows.levels,
        n_obs=len(rows.level),
        n_groups=rows.n_groups,
        n_missing=rows.n_missing,
        confidence_level=confidence_level,
        method=_method(rows.n_groups),
        notes=_notes(rows.n_groups),
    )


def _covariance(fit: Fit, codes: Codes | None) -> Array:
    inverse = np.linalg.inv(fit.information)
    if codes is None:
        return inverse
    n, k = fit.scores.shape
    if n <= k:
        raise ValueError(f"{n} complete rows cannot give clustered errors of {k} parameters")
    n_groups = int(codes.max()) + 1
    summed = np.zeros((n_groups, k))
    np.add.at(summed, codes, fit.scores)
    factor = n_groups / (n_groups - 1) * (n - 1) / (n - k)
    return factor * inverse @ (summed.T @ summed) @ inverse


def _unscale(rows: Grades, last: int) -> Array:
    """Matrix from thresholds and coefficients of scaled columns to those of the columns given."""
    matrix = np.diag(np.concatenate([np.ones(last), 1.0 / rows.scale]))
    matrix[:last, last:] = rows.centre / rows.scale
    return matrix


def _inference(params: Array, covariance: Array, df: float, level: float) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance))
    # scipy's t at infinite df is the normal distribution.
    half = stats.t.isf((1.0 - level) / 2.0, df) * error
    return pd.DataFrame(
        {
            "estimate": params,
            "std_error": error,
            "df": df,
            "statistic": params / error,
            "p_value": 2.0 * stats.t.sf(np.abs(params / error), df),
            "ci_low": params - half,
            "ci_high": params + half,
        }
    )


def _method(n_groups: int | None) -> str:
    errors = "errors from the information, z"
    if n_groups is not None:
        errors = f"errors clustered by group, factor G/(G-1) (n-1)/(n-k), t with {n_groups - 1} df"
    return f"proportional odds (cumulative logit), maximum likelihood; {errors}"


def _notes(n_groups: int | None) -> tuple[str, ...]:
    if n_groups is None or n_groups >= FEW_GROUPS:
        return ()
    return (f"{n_groups} groups only: clustered errors are uncertain themselves",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grades:
    """Complete rows; ``x`` is centred and divided by its range, which ``centre``, ``scale`` keep.

    ``codes`` is None without groups.
    """

    level: Codes  # (n,): 0 for the lowest level present
    levels: tuple[Any, ...]
    x: Array  # (n, p)
    centre: Array  # (p,)
    scale: Array  # (p,)
    names: tuple[str, ...]
    codes: Codes | None
    n_missing: int

    @property
    def n_groups(self) -> int | None:
        """Number of groups, None without groups."""
        return None if self.codes is None else int(self.codes.max()) + 1


def read_grades(y: Any, x: Any, groups: Any, names: Sequence[str] | None) -> Grades:
    """Check shapes, leave out and count incomplete rows, refuse what no model can use."""
    check_aligned(y=y, X=x, groups=groups)
    level, levels = ordered(y, "y")
    table = as_float(x, "X")
    if table.ndim != 2:
        raise ValueError(
            f"X must be a table, rows by columns, not {table.ndim}-dimensional; "
            "for one column pass X.reshape(-1, 1)"
        )
    chosen = column_names(x, table.shape[1], names)
    codes = None if groups is None else factorize(groups)[0]
    sizes = [len(level), len(table), *([] if codes is None else [len(codes)])]
    if len(set(sizes)) > 1:
        raise ValueError(f"y, X and groups have {sizes} rows; they must describe the same rows")
    if np.isinf(table).any():
        raise ValueError("X holds infinite values; replace them or mark them as missing (nan)")
    kept = (level >= 0) & ~np.isnan(table).any(axis=1)
    if codes is not None:
        kept &= codes >= 0
    level, levels = _present(level[kept], levels, len(kept))
    scaled, centre, scale = _scaled(table[kept], chosen)
    return Grades(
        level=level,
        levels=levels,
        x=scaled,
        centre=centre,
        scale=scale,
        names=chosen,
        codes=None if codes is None else np.unique(codes[kept], return_inverse=True)[1],
        n_missing=int((~kept).sum()),
    )


def ordered(values: Any, what: str, levels: Sequence[Any] | None = None) -> tuple[Codes, Any]:
    """Give grades numbers from the lowest, -1 when missing, and return the levels in order."""
    dtype = getattr(values, "dtype", None)
    if levels is None and isinstance(dtype, pd.CategoricalDtype):
        if not dtype.ordered:
            raise ValueError(f"{what} is categorical without an order; order it or pass numbers")
        categories = pd.Categorical(values)
        return categories.codes.astype(np.intp), tuple(categories.categories)
    series = pd.Series(values, dtype=None if dtype is not None else object)
    if levels is None:
        numbers = _numbers(series, what)
        levels = tuple(map(_plain, np.unique(numbers[~np.isnan(numbers)]).tolist()))
        series = pd.Series(numbers)
    order = pd.Index(list(levels))
    if not order.is_unique:
        raise ValueError(f"levels must differ from each other, not {list(levels)}")
    codes = order.get_indexer(pd.Index(series))
    unknown = (codes < 0) & series.notna().to_numpy()
    if unknown.any():
        raise ValueError(f"{what} holds {series[unknown].iloc[0]!r}, not one of {list(levels)}")
    return codes, tuple(levels)


def _plain(number: float) -> float | int:
    """2.0 is shown as 2."""
    return int(number) if number.is_integer() else number


def _numbers(series: pd.Series, what: str) -> Array:
    try:
        numbers = series.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} holds grades in words, whose order is not known; "
            "pass numbers or an ordered pandas.Categorical"
        ) from error
    if np.isinf(numbers).any():
        raise ValueError(f"{what} holds infinite values; mark missing grades as nan")
    return numbers


def _present(level: Codes, levels: tuple[Any, ...], n: int) -> tuple[Codes, tuple[Any, ...]]:
    used, level = np.unique(level, return_inverse=True)
    if len(used) == 0:
        raise ValueError(f"no complete row: {n} given, {n} with a missing value in y, X or groups")
    if len(used) == 1:
        raise ValueError(
            f"y is {levels[used[0]]!r} in all {len(level)} complete rows; "
            "an ordinal model needs at least two levels"
        )
    return level, tuple(levels[k] for k in used)


def _scaled(x: Array, names: tuple[str, ...]) -> tuple[Array, Array, Array]:
    if x.shape[1] == 0:
        raise ValueError("X has no columns; give at least one")
    centre, scale = x.mean(axis=0), np.ptp(x, axis=0)
    constant = [name for name, spread in zip(names, scale, strict=True) if spread == 0]
    if constant:
        raise ValueError(
            f"constant in all complete rows: {', '.join(constant)}; thresholds are the intercepts, "
            "leave constant columns out of X"
        )
    if (wild := ~((scale > 1e-140) & (scale < 1e140))).any():
        named = ", ".join(name for name, bad in zip(names, wild, strict=True) if bad)
        raise ValueError(f"{named} varies too little or too much for its squares; change the unit")
    scaled = (x - centre) / scale
    left = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    left = np.append(left, np.zeros(x.shape[1] - len(left)))
    follows = left < COLLINEAR * np.linalg.norm(scaled, axis=0)
    if follows.any():
        found = ", ".join(name for name, bad in zip(names, follows, strict=True) if bad)
        raise ValueError(f"columns of X follow from those before them: {found}; leave them out")
    return scaled, centre, scale


class NoMaximumError(ValueError):
    """The likelihood rises for ever along the columns in ``columns``."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__("the likelihood has no finite maximum")
        self.columns = columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Both ends of each row's level on the latent scale, as rows of linear combinations.

    A row of level j has logit P(Y <= j) = ``upper`` @ params and logit P(Y < j) = ``lower`` @
    params; ``top`` and ``bottom`` mark rows whose end is infinite.
    """

    upper: Array  # (n, k)
    lower: Array  # (n, k)
    top: Mask  # (n,)
    bottom: Mask  # (n,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A point of the likelihood: parameters are thresholds, effects, then deviations."""

    params: Array  # (k,)
    log_likelihood: float
    scores: Array  # (n, k): derivative of each row's log-likelihood
    information: Array  # (k, k): observed, minus the second derivative


def bounds(level: Codes, x: Array, free: Sequence[int] = ()) -> Bounds:
    """Lay out rows for thresholds, common effects and, per column in ``free``, deviations.

    A deviation is what a column's effect at the second, third, ... threshold has beyond the first.
    """
    last = int(level.max())
    return Bounds(
        upper=_side(level, last, x, x[:, list(free)]),
        lower=_side(level - 1, last, x, x[:, list(free)]),
        top=level == last,
        bottom=level == 0,
    )


def _side(threshold: Codes, last: int, x: Array, deviating: Array) -> Array:
    """One end of each row; a row whose end is infinite gets zeros."""
    marks = (threshold[:, None] == np.arange(last)).astype(float)
    within = marks.sum(axis=1, keepdims=True)
    deviations = [-deviating * marks[:, [m]] for m in range(1, last)]
    return np.hstack([marks, -x * within, *deviations])


def at(rows: Bounds, params: Array) -> Fit:
    r"""Evaluate the likelihood and its derivatives.

    With :math:`f = F(1 - F)` and :math:`f' = f (1 - 2F)`, row by row:
    :math:`s = (f(u) U - f(l) L) / P`, :math:`h = (f'(u) UU' - f'(l) LL') / P - s s'`.
    """
    u = np.where(rows.top, np.inf, rows.upper @ params)
    low = np.where(rows.bottom, -np.inf, rows.lower @ params)
    # Differences are taken in the smaller tail, where they keep their digits.
    chance = np.where(low > 0, expit(-low) - expit(-u), expit(u) - expit(low))
    if not (chance > 0).all():
        return Fit(
            params=params,
            log_likelihood=-np.inf,
            scores=np.empty((0, len(params))),
            information=np.empty((0, 0)),
        )
    density_u, density_l = expit(u) * expit(-u), expit(low) * expit(-low)
    weight_u, weight_l = density_u / chance, density_l / chance
    scores = weight_u[:, None] * rows.upper - weight_l[:, None] * rows.lower
    curve_u, curve_l = weight_u * (1 - 2 * expit(u)), weight_l * (1 - 2 * expit(low))
    second = (rows.upper.T * curve_u) @ rows.upper - (rows.lower.T * curve_l) @ rows.lower
    return Fit(
        params=params,
        log_likelihood=float(np.log(chance).sum()),
        scores=scores,
        information=scores.T @ scores - second,
    )


def maximise(level: Codes, x: Array, free: Sequence[int] = ()) -> Fit:
    """Maximum likelihood; columns of ``x`` are expected to be centred and of range about one.

    Raises
    ------
    NoMaximumError
        When the columns separate the levels, wholly or in part.

    Notes
    -----
    The log-likelihood is concave (Pratt 1981, doi 10.1080/01621459.1981.10477613), so Newton's
    method with halved steps finds the maximum when there is one.
    """
    rows = bounds(level, x, free)
    last = int(level.max())
    start = np.zeros(rows.upper.shape[1])
    start[:last] = logit(np.cumsum(np.bincount(level))[:-1] / len(level))
    fit, converged = _climb(rows, at(rows, start))
    if not converged or np.abs(fit.params[last:]).max(initial=0.0) > SUSPICIOUS:
        columns = _endless(rows, last, x.shape[1], free)
        if columns:
            raise NoMaximumError(columns)
    if not converged:
        raise ValueError(f"the ordinal model did not converge in {STEPS} steps of Newton's method")
    return fit


def _climb(rows: Bounds, fit: Fit) -> tuple[Fit, bool]:
    for _ in range(STEPS):
        gradient = fit.scores.sum(axis=0)
        try:
            step = np.linalg.solve(fit.information, gradient)
        except np.linalg.LinAlgError:
            return fit, False
        decrement = float(gradient @ step)
        share = 1.0
        while (found := at(rows, fit.params + share * step)).log_likelihood < (
            fit.log_likelihood - ROUNDING
        ):
            share /= 2
            if share < 1e-9:
                return fit, False
        fit = found
        if abs(decrement) < SMALL_DECREMENT:
            return fit, True
    return fit, False


def _endless(rows: Bounds, last: int, p: int, free: Sequence[int]) -> tuple[int, ...]:
    """Columns along which no row's likelihood falls and some row's rises, by linear programming.

    References
    ----------
    Albert & Anderson (1984), doi 10.1093/biomet/71.1.1. Konis (2007), DPhil thesis, Oxford.
    """
    gains = np.unique(np.vstack([rows.upper[~rows.top], -rows.lower[~rows.bottom]]), axis=0)
    found = linprog(-gains.sum(axis=0), A_ub=-gains, b_ub=np.zeros(len(gains)), bounds=(-1, 1))
    if found.status != 0 or -found.fun < 1e-7:
        return ()
    moving = np.flatnonzero(np.abs(found.x[last:]) > 1e-7)
    columns = [*range(p), *(list(free) * (last - 1))]
    return tuple(sorted({columns[j] for j in moving}))
