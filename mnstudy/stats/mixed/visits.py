"""Linear model of repeated visits with an unstructured covariance within patients (MMRM).

The covariance over visits is linear in its own elements, V = sum_r s_r G_r with G_r of ones and
zeros, so that gradient, Hessian and expected information of the REML likelihood are closed forms
(Harville 1977) and Kenward-Roger needs no second derivatives. A visit that a patient missed is a
row of zeros in V^-1: patients who missed the same visits share one inverse and one table of
cross-products, and after one pass over the rows the cost is in patterns of missing visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from mnstudy.errors import DesignError
from mnstudy.stats.mixed.degrees_of_freedom import (
    Precision,
    from_information,
    on_columns,
)
from mnstudy.stats.mixed.design import (
    Array,
    Codes,
    Mask,
    ModelRows,
    as_float,
    factorize,
    read_one,
)
from mnstudy.stats.mixed.fit import RemlFit, inference
from mnstudy.stats.mixed.solve import CONSTANT, Df, check_df
from mnstudy.stats.mixed.sums import BasisSums, basis_sums
from mnstudy.stats.result import check_aligned, check_option

Errors = Literal["model", "observed"]

# Newton steps, and halvings of one step, before the search is given up.
STEPS, HALVINGS = 100, 40
# Length of the step, in standard errors of the covariance, at which the maximum is reached.
CONVERGED = 1e-8
# Eigenvalue of the correlation of visits below which the likelihood grows without limit.
SINGULAR = 1e-5
# Curvature of the deviance, relative to its largest, that rounding alone can leave.
FLAT = 1e-13
UNKNOWN = (
    "the patients{} who have two visits both are too few for the covariance of the visits beside "
    "these columns; {}"
)
NO_MAXIMUM = (
    "the search for the covariance of the visits did not converge; use fewer visits or columns, "
    "or a random intercept per patient"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VisitFit(RemlFit):
    """A linear model of repeated visits, fitted by REML.

    ``visit_covariance`` is the covariance of two visits of one patient, visits by visits;
    ``covariance`` is that of the coefficients, as in every fit. Where each arm has a covariance of
    its own, rows and columns are arm and visit, and what stands across arms is zero.
    """

    visit_covariance: pd.DataFrame
    errors: Errors
    _place: Codes

    @property
    def n_patients(self) -> int:
        """Patients with at least one complete row."""
        return self.n_groups

    def _left_over(self) -> tuple[Array, Array]:
        spread = np.sqrt(np.diag(self.visit_covariance))
        return self._marginal(), spread[self._place]

    def _covariance_of(self, rows: Codes) -> Array:
        place = self._place[rows]
        return self.visit_covariance.to_numpy()[np.ix_(place, place)]

    def _footer(self) -> list[str]:
        index = self.visit_covariance.index
        spread = pd.Series(np.sqrt(np.diag(self.visit_covariance)), index)
        arms = {"": spread}
        if own := index.nlevels > 1:
            arms = {f"arm {arm}, ": spread.loc[arm] for arm in index.unique("arm")}
        return [
            f"{100 * self.confidence_level:g}% intervals, {self.df_method} df, REML, unstructured"
            + ", each arm its own" * own
            + ", observed errors" * (self.errors == "observed"),
            *(f"{of}standard deviation at visit {_listed(part)}" for of, part in arms.items()),
            f"n = {self.n_obs} rows of {self.n_groups} patients; {self.n_missing} left out "
            "(missing)",
        ]


def _listed(spread: pd.Series) -> str:
    return ", ".join(f"{visit}: {value:.4g}" for visit, value in spread.items())


def visit_model(
    y: Any,
    X: Any,
    patients: Any,
    visits: Any,
    names: Sequence[str] | None = None,
    *,
    arms: Any = None,
    df: Df = "satterthwaite",
    errors: Errors = "model",
    confidence_level: float = 0.95,
) -> VisitFit:
    r"""Fit y = X beta + e by REML, e correlated within patients in any way over the visits.

    Parameters
    ----------
    y : array of shape (n,)
        Outcome, in its own unit.
    X : array of shape (n, p)
        All columns; an intercept is a column of ones and is not added. For the difference of two
        arms at one visit: an indicator of each visit, the arm by each visit, baseline by visit.
    patients : sequence of length n
        Label of the patient of each row; any hashable values.
    visits : sequence of length n
        Visit of each row, at most one row per patient and visit. An ordered categorical keeps its
        order, other labels are sorted; the order matters for display only.
    names : sequence of str, optional
        Names of the columns; a frame's own, or x0, x1, …, when not given.
    arms : sequence of length n, optional
        Arm of the patient of each row: each arm then has a covariance of its own. Without arms
        all share one. Only the covariance is meant; a difference of means needs its columns in X.
    df : {"satterthwaite", "kenward-roger"}
        How degrees of freedom are found; Kenward-Roger also corrects the standard errors.
    errors : {"model", "observed"}
        Standard errors as if the covariance were known, or widened by how far the estimates move
        with it in these data. Where missing values depend on those seen, only the latter hold in
        small arms; without missing values and covariates both are the same.
    confidence_level : float
        Level of the two-sided intervals.

    Returns
    -------
    VisitFit

    Raises
    ------
    DesignError
        One visit only, a patient with two rows at a visit or in two arms, one arm only, two visits
        that no patient (of an arm) has both, or too few patients for the covariance of the visits.
    ValueError
        Shapes differ, columns are collinear (they are named), the outcome is constant, the search
        does not converge, or observed errors are asked for beside Kenward-Roger's.

    Notes
    -----
    Rows with a missing value in y, X, patients, visits or arms are left out and counted in
    ``n_missing``; a patient counts with the visits she has. Estimates are valid when values are
    missing at random: given her columns and the visits seen, whether a visit is missing does not
    depend on its value.

    The REML log-likelihood of the elements s of the covariance, up to a constant, is

    .. math:: -\tfrac12 \{\log|V| + \log|X'V^{-1}X| + y'Py\}, \quad
        P = V^{-1} - V^{-1}X(X'V^{-1}X)^{-1}X'V^{-1},

    with :math:`-\tfrac12\{tr(PG_r) - y'PG_rPy\}` as derivative by :math:`s_r` and
    :math:`tr(PG_rPG_s) / 2` as expected information. Satterthwaite's df take the observed
    information, Kenward-Roger's the expected one. Observed errors are

    .. math:: \Phi + 2 \Lambda, \quad \Phi = (X'V^{-1}X)^{-1}, \quad
        \Lambda = \sum_{rs} \frac{\partial\hat\beta}{\partial s_r} C_{rs}
        \frac{\partial\hat\beta'}{\partial s_s},

    with C the inverse observed information and the derivatives those in the data. Kenward & Roger
    put for the product of derivatives what it is on average when missingness depends on nothing.

    Errors are taken as normal, and without ``arms`` the covariance as the same in all arms. Without
    missing visits and covariates, the difference of two arms at a visit is then the two-sample
    t-test of that visit; with ``arms`` it is Welch's test.
    Where few patients have all visits, many visits and columns can leave some sum of visits without
    any error: the likelihood then has no maximum, and the fit is refused.

    False positives at the last of three visits, 5 % promised, where 30 % leave after high values
    (2,000 simulated trials or more, Monte-Carlo error up to 0.5 %): arms of 30 and 10, the small
    one three times as wide, 22 % with one covariance, 7.7 % with ``arms`` (Kenward-Roger 7.5 %) and
    5.6 % with observed errors beside; alike arms of 20 5.5, 6.2 (5.9) and 4.6 %, of 10 5.3, 6.9
    (6.7) and 4.4 %. With ``arms``, take observed errors.

    References
    ----------
    Harville (1977), doi 10.1080/01621459.1977.10480998. Kenward & Roger (1997),
    doi 10.2307/2533558. Kenward & Molenberghs (1998), doi 10.1214/ss/1028905886, on the observed
    information where values are missing at random. Mallinckrodt et al. (2008),
    doi 10.1177/009286150804200402.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([5.0, 4.1, 6.2, 5.0, 4.8, 4.4, 5.5, 2.9, 6.0, 3.8, 5.1, 2.0])
    >>> late, treated = np.tile([0.0, 1.0], 6), np.repeat([0.0, 1.0], 6)
    >>> X = np.column_stack([1 - late, late, treated * (1 - late), treated * late])
    >>> names = ["early", "late", "treated early", "treated late"]
    >>> fit = visit_model(y, X, np.repeat(list("abcdef"), 2), late, names)
    >>> print(fit.contrast("treated late", name="treated late"))
    treated late: -1.6 (95% CI -3.219 to 0.01893), t = -2.74, df = 4, p = 0.0517
    >>> fit = visit_model(y, X, np.repeat(list("abcdef"), 2), late, names, arms=treated)
    >>> print(fit.contrast("treated late", name="treated late"))
    treated late: -1.6 (95% CI -3.466 to 0.2657), t = -2.74, df = 2.972, p = 0.0719
    """
    check_df(df)
    check_option("errors", errors, get_args(Errors))
    if errors == "observed" and df == "kenward-roger":
        raise ValueError(
            'errors="observed" and df="kenward-roger" are two corrections of the same errors; '
            "leave out one"
        )
    design, place, labels = _read(y, X, patients, visits, names, arms)
    base = basis_sums(design)
    if base.exact[0]:
        raise ValueError(CONSTANT)
    patterns = _patterns(design, base, place, labels)
    point, slopes = _maximise(patterns, labels)
    precision = _precision(patterns, point, slopes, base.basis, df, errors)
    beta = (base.offset[:, 0] + base.basis @ point.beta)[None]
    found = inference(precision, beta, np.eye(len(design.names)), confidence_level)
    index = pd.Index(design.names, name="name")
    return VisitFit(
        coefficients=pd.DataFrame({key: a[0] for key, a in found.items()}, index=index),
        covariance=precision.covariance[0],
        n_obs=len(design.x),
        n_groups=len(design.sizes),
        n_missing=design.n_missing,
        confidence_level=confidence_level,
        visit_covariance=pd.DataFrame(point.sigma, index=labels, columns=labels),
        log_likelihood=_log_likelihood(design, base, point),
        df_method=precision.method,
        errors=errors,
        _precision=precision,
        _beta=beta,
        _design=design,
        _place=place,
    )


def _read(
    y: Any, x: Any, patients: Any, visits: Any, names: Sequence[str] | None, arms: Any
) -> tuple[ModelRows, Codes, pd.Index]:
    """Complete rows, the visit (or arm and visit) of each as a number, and their labels in order.

    A visit of another arm is another visit, which patients of this arm cannot have.
    """
    labelled = {"visits": visits} if arms is None else {"arms": arms, "visits": visits}
    check_aligned(y=y, X=x, patients=patients, **labelled)
    outcome = np.array(as_float(y, "y"))
    found = {what: factorize(values, sort=True) for what, values in labelled.items()}
    for what, (codes, _) in found.items():
        if len(codes) != len(outcome):
            raise ValueError(
                f"y has {len(outcome)} rows and {what} has {len(codes)}; "
                "they must describe the same rows"
            )
        outcome[codes < 0] = np.nan
    design = read_one(outcome, x, patients, names)
    kept = slice(None) if design.kept is None else design.kept
    visit, seen = found["visits"][0][kept], pd.Index(found["visits"][1], name="visit")
    _check_visits(design, visit, seen)
    if arms is None:
        used, place = np.unique(visit, return_inverse=True)
        return design, place, seen[used]
    arm, own = found["arms"][0][kept], pd.Index(found["arms"][1], name="arm")
    _check_arms(design, arm, own)
    used, place = np.unique(arm * len(seen) + visit, return_inverse=True)
    of, at = np.divmod(used, len(seen))
    return design, place, pd.MultiIndex.from_arrays([own[of], seen[at]])


def _check_visits(design: ModelRows, visit: Codes, labels: pd.Index) -> None:
    """Refuse a single visit, and a patient with two rows at one."""
    if np.ptp(visit) == 0:
        raise DesignError(
            f"all rows are of one visit ({labels[visit[0]]}); a model of visits needs two or more: "
            "use arm_difference or ancova for one"
        )
    repeated = len(visit) - len(np.unique(design.codes * len(labels) + visit))
    if repeated:
        raise DesignError(
            f"{repeated} rows repeat a visit that their patient already has; give one row per "
            "patient and visit, such as the mean of several sites"
        )


def _check_arms(design: ModelRows, arm: Codes, labels: pd.Index) -> None:
    """Refuse a single arm, and a patient in two."""
    if np.ptp(arm) == 0:
        raise DesignError(
            f"all rows are of one arm ({labels[arm[0]]}), which has nothing to differ from: "
            "leave out arms="
        )
    patients = np.unique(np.stack([design.codes, arm]), axis=1)[0]
    several = np.count_nonzero(np.bincount(patients) > 1)
    if several:
        raise DesignError(
            f"{several} patients are in more than one arm; give each patient one arm, the same in "
            "all rows, and for arms within patients (split face) use mixed_model"
        )


def _arms(labels: pd.Index) -> list[tuple[str, Codes]]:
    """How each arm is named in an error, and where its visits stand; one without arms."""
    if labels.nlevels == 1:
        return [("", np.arange(len(labels)))]
    arm = labels.get_level_values("arm")
    return [(f" in arm {name}", np.flatnonzero(arm == name)) for name in arm.unique()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Patterns:
    """Patients who have the same visits, together: k patterns, t visits, p columns, r elements.

    The last of the p + 1 ``crossed`` columns is the residual of ordinary least squares, the others
    are the columns on an orthonormal basis.
    """

    both: Mask  # (k, t, t): the pattern has both visits
    counts: Array  # (k,): patients
    crossed: Array  # (k, t, t, p + 1, p + 1): cross-products of the rows of two visits
    elements: Array  # (r, t, t): where each element of the covariance stands


def _patterns(design: ModelRows, base: BasisSums, place: Codes, labels: pd.Index) -> _Patterns:
    """Go through the rows once, and refuse a pair of visits that nobody has."""
    n, t, width = len(design.sizes), len(labels), design.x.shape[1] + 1
    seen, rows = np.zeros((n, t), dtype=bool), np.zeros((n, t, width))
    seen[design.codes, place] = True
    rest = design.y - design.x @ base.offset
    rows[design.codes, place] = np.hstack([design.x @ base.basis, rest])
    together = seen.T.astype(int) @ seen
    visit = labels.get_level_values("visit")
    pairs = [
        (of, a, b) for of, at in _arms(labels) for a, b in combinations_with_replacement(at, 2)
    ]
    alone = [f"{visit[a]} and {visit[b]}{of}" for of, a, b in pairs if not together[a, b]]
    if alone:
        raise DesignError(
            f"no patient has both visits {'; '.join(alone)}, so their covariance cannot be "
            "estimated; leave out one visit of each pair"
        )
    kinds, kind, counts = np.unique(seen, axis=0, return_inverse=True, return_counts=True)
    flat = [rows[kind.ravel() == k].reshape(-1, t * width) for k in range(len(kinds))]
    crossed = np.stack([part.T @ part for part in flat]).reshape(-1, t, width, t, width)
    elements = np.zeros((len(pairs), t, t))
    for element, (_, a, b) in zip(elements, pairs, strict=True):
        element[a, b] = 1.0
    return _Patterns(
        both=kinds[:, :, None] & kinds[:, None, :],
        counts=counts.astype(float),
        crossed=np.ascontiguousarray(crossed.swapaxes(2, 3)),
        elements=np.maximum(elements, elements.swapaxes(1, 2)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    """The likelihood at one covariance of the visits; ``deviance`` is -2 log L plus a constant."""

    sigma: Array  # (t, t)
    inverse: Array  # (k, t, t): zero where the pattern lacks a visit
    beta: Array  # (p,): what generalised least squares adds to ordinary least squares
    phi: Array  # (p, p): (X' V^-1 X)^-1
    deviance: float


def _evaluate(patterns: _Patterns, sigma: Array) -> _Point:
    """Return the likelihood at ``sigma``; LinAlgError where that is no covariance."""
    padded = np.where(patterns.both, sigma, np.eye(len(sigma)))
    factor = np.linalg.cholesky(padded)
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    inverse = np.where(patterns.both, np.linalg.inv(padded), 0.0)
    total = np.tensordot(inverse, patterns.crossed, 3)
    xx, xy = total[:-1, :-1], total[:-1, -1]
    phi = np.linalg.inv(xx)
    beta = phi @ xy
    deviance = patterns.counts @ log_det + np.linalg.slogdet(xx)[1] + total[-1, -1] - xy @ beta
    return _Point(sigma=sigma, inverse=inverse, beta=beta, phi=phi, deviance=float(deviance))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slopes:
    """Derivatives of the deviance by the r elements of the covariance, and their parts."""

    score: Array  # (r,)
    expected: Array  # (r, r): tr(P G_r P G_s)
    observed: Array  # (r, r): second derivatives
    first: Array  # (r, p, p): X' V^-1 G_r V^-1 X
    rest: Array  # (r, p): X' V^-1 G_r V^-1 e
    z: Array  # (k, t, t, p + 1, p + 1): cross-products of V^-1 times the columns


def _differentiate(patterns: _Patterns, point: _Point) -> _Slopes:
    """Differentiate; with z = V^-1 [X, e] every part is a sum over pairs of visits of z z'."""
    at, inverse, phi = patterns.elements, point.inverse, point.phi
    k, t, _, width, _ = shape = patterns.crossed.shape
    half = inverse @ patterns.crossed.reshape(k, t, -1)
    z = (inverse[:, None] @ half.reshape(k, t, t, -1)).reshape(shape)
    turn = np.eye(width)
    turn[:-1, -1] = -point.beta
    one = turn.T @ np.tensordot(at, z.sum(axis=0), 2) @ turn
    first, with_e = one[:, :-1, :-1], one[:, :-1, -1]
    weighted = patterns.counts[:, None, None] * inverse
    explained = np.tensordot(z[..., :-1, :-1], phi, 2)
    spread = phi @ first
    expected = _crosswise(at, inverse, weighted - 2.0 * explained)
    expected += np.einsum("rab,sba->rs", spread, spread)
    squares = _crosswise(at, inverse, z @ turn[:, -1] @ turn[:, -1])
    squares -= with_e @ phi @ with_e.T
    return _Slopes(
        score=np.tensordot(at, (weighted - explained).sum(axis=0), 2) - one[:, -1, -1],
        expected=expected,
        observed=2.0 * squares - expected,
        first=first,
        rest=with_e,
        z=z,
    )


def _crosswise(at: Array, inverse: Array, z: Array) -> Array:
    """Sum over patterns and visits of G_r[a, b] V^-1[b, c] G_s[c, d] z[a, d]: shape (r, s, ...)."""
    pairs = np.tensordot(inverse, z, (0, 0))
    half = np.tensordot(at, pairs, ((1, 2), (2, 0)))
    return np.tensordot(at, half, ((1, 2), (1, 2))).swapaxes(0, 1)


def _maximise(patterns: _Patterns, labels: pd.Index) -> tuple[_Point, _Slopes]:
    """Newton's method from independent visits, Fisher scoring where the deviance is not convex."""
    squares = np.einsum("kaa->a", patterns.crossed[..., -1, -1])
    seen = patterns.counts @ np.diagonal(patterns.both, axis1=1, axis2=2)
    sigma = np.diag(squares / seen)
    for _ in range(STEPS):
        _refuse_singular(sigma, labels, patterns)
        point = _evaluate(patterns, sigma)
        slopes = _differentiate(patterns, point)
        convex = _curved(slopes.observed, patterns, sigma)
        if not convex and not _curved(slopes.expected, patterns, sigma):
            of = _weakest(slopes.expected, patterns, labels)
            raise DesignError(UNKNOWN.format(of, _instead(of)))
        step = np.linalg.solve(slopes.observed if convex else slopes.expected, -slopes.score)
        if convex and -slopes.score @ step < CONVERGED**2:
            return point, slopes
        sigma = _descend(patterns, point, np.tensordot(step, patterns.elements, 1))
    raise ValueError(NO_MAXIMUM)


def _curved(curvature: Array, patterns: _Patterns, sigma: Array) -> bool:
    """Whether the deviance curves upwards along every element of the covariance."""
    variance = np.diag(sigma)
    unit = np.sqrt(patterns.elements @ variance @ variance)
    values = np.linalg.eigvalsh(curvature * np.outer(unit, unit))
    return bool(values[0] > FLAT * values[-1])


def _descend(patterns: _Patterns, point: _Point, step: Array) -> Array:
    """Return the covariance after the step, halved until the deviance rises by rounding at most."""
    rounding = 1e-12 * (abs(point.deviance) + patterns.counts.sum())
    for _ in range(HALVINGS):
        sigma = point.sigma + step
        with suppress(np.linalg.LinAlgError):
            if _evaluate(patterns, sigma).deviance <= point.deviance + rounding:
                return sigma
        step = step / 2.0
    raise ValueError(NO_MAXIMUM)


def _weakest(curvature: Array, patterns: _Patterns, labels: pd.Index) -> str:
    """Name the arm whose elements the deviance curves along least."""
    own = {of: patterns.elements[:, at].any(axis=(1, 2)) for of, at in _arms(labels)}
    values = {of: np.linalg.eigvalsh(curvature[at][:, at]) for of, at in own.items()}
    return min(values, key=lambda of: values[of][0] / values[of][-1])


def _instead(of: str) -> str:
    """Return what to do about a covariance that cannot be estimated, in one arm or in all."""
    shared = "one covariance for all arms, " if of else ""
    return f"use fewer visits or columns, {shared}or a random intercept per patient"


def _refuse_singular(sigma: Array, labels: pd.Index, patterns: _Patterns) -> None:
    """Refuse a covariance under which some sum of an arm's visits would have no error at all."""
    for of, at in _arms(labels):
        block = sigma[np.ix_(at, at)]
        variance = np.diag(block)
        scale = np.sqrt(np.where(variance > SINGULAR**2 * variance.max(), variance, np.inf))
        values, vectors = np.linalg.eigh(block / np.outer(scale, scale))
        if values[0] < SINGULAR:
            seen = np.diagonal(patterns.both, axis1=1, axis2=2)[:, at]
            some, full = patterns.counts @ seen.any(axis=1), patterns.counts @ seen.all(axis=1)
            visit = labels.get_level_values("visit")[at]
            named = ", ".join(str(label) for label in visit[np.abs(vectors[:, 0]) > 0.1])
            raise DesignError(
                f"{some:g} patients{of}, {full:g} of them with every visit, are too few for the "
                f"covariance of {len(at)} visits beside these columns: nothing is left to vary at "
                f"visit {named}; {_instead(of)}"
            )


def _log_likelihood(design: ModelRows, base: BasisSums, point: _Point) -> float:
    """REML log-likelihood on the scale of the columns as given, as nlme and lme4 report it."""
    n, p = design.x.shape
    scale = 2.0 * np.linalg.slogdet(base.basis)[1]
    return float(-0.5 * (point.deviance - scale + (n - p) * np.log(2.0 * np.pi)))


def _precision(
    patterns: _Patterns, point: _Point, slopes: _Slopes, basis: Array, df: Df, errors: Errors
) -> Precision:
    """How certain the coefficients are, and how certain that is."""
    phi, first, at = point.phi[None], slopes.first[None], patterns.elements
    if df == "kenward-roger":
        weighted = patterns.counts[:, None, None] * point.inverse
        second = _crosswise(at, point.inverse, slopes.z[..., :-1, :-1])[None]
        trace = _crosswise(at, point.inverse, weighted)[None]
        return from_information(phi=phi, first=first, second=second, trace=trace, basis=basis)
    parameters = 2.0 * np.linalg.inv(slopes.observed)[None]
    by_element = phi[:, None] @ first @ phi[:, None]
    moved = slopes.rest @ point.phi if errors == "observed" else np.zeros_like(slopes.rest)
    widened = phi + 2.0 * moved.T @ parameters @ moved
    return on_columns(basis, widened, phi, by_element, parameters, "satterthwaite")
