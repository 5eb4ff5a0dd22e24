"""Two random intercepts, one inside the other: patient, and site within patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize

from mnstudy.stats.mixed.degrees_of_freedom import (
    Precision,
    expected_information,
    from_information,
    on_columns,
)
from mnstudy.stats.mixed.design import Array, Codes, Design, as_float, factorize, read
from mnstudy.stats.mixed.fit import Intercepts, MixedFit, single_fit
from mnstudy.stats.mixed.mixed_nested_sums import Moments, Sites, moments
from mnstudy.stats.mixed.solve import (
    CONSTANT,
    NO_BETWEEN,
    NO_WITHIN,
    NONE_WITHIN,
    UNEXPLAINED,
    Df,
    check_df,
    unexplained,
)
from mnstudy.stats.mixed.sums import BasisSums, basis_sums

# Starting points and bounds of log(1 + mean size x ratio) for both variance ratios.
STARTS = ((0.7, 0.7), (2.0, 0.1), (0.1, 2.0), (4.0, 4.0))
LARGEST = 25.0
# Below this, and with the criterion rising, a ratio is taken to be zero.
ZERO = 1e-7
NEWTON_STEPS = 30
# Smallest eigenvalue of the scaled information under which variances are not separable.
UNDETERMINED = 1e-10


def nested_intercepts(
    y: Any,
    X: Any,
    groups: Any,
    subgroups: Any,
    names: Sequence[str] | None = None,
    *,
    confidence_level: float = 0.95,
    df: Df = "satterthwaite",
) -> MixedFit:
    """Fit y = X beta + u[group] + v[group, subgroup] + e by REML.

    For several visits of several sites of a patient: rows of one site are more alike than rows
    of two sites of the same patient.

    Parameters
    ----------
    y, X, groups, names, confidence_level, df
        As in `random_intercept`.
    subgroups : sequence of length n
        Label of the site; "left" of one patient is another site than "left" of the next.

    Returns
    -------
    MixedFit
        ``variance_subgroups`` is the variance between sites of one patient; ``boundary`` is true
        when either variance is estimated as zero.

    Raises
    ------
    ValueError
        As in `random_intercept`; or every site has one row, or every patient one site, so that
        the variances cannot be told apart.

    Notes
    -----
    A component estimated as zero is held there when degrees of freedom are found, as lmerTest
    does. Kenward-Roger uses the expected information of all three variances, as pbkrtest does.
    """
    check_df(df)
    design, parent, labels = _read(y, X, groups, subgroups, names)
    base = basis_sums(design)
    sites = Sites.of(base.sums, parent)
    _check_variation(base, sites)
    theta = _maximise(sites)
    found = moments(sites, theta)
    s = found.variance
    return single_fit(
        design,
        (base.offset[:, 0] + base.basis @ found.beta)[None, :],
        _precision(found, theta, base.basis, df),
        Intercepts(
            codes=design.codes,
            sizes=design.sizes,
            labels=labels,
            theta=theta[0],
            parent=parent,
            theta_sub=theta[1],
        ),
        confidence_level=confidence_level,
        variance_between=float(theta[0] * s),
        variance_subgroups=float(theta[1] * s),
        variance_within=float(s),
        log_likelihood=_log_likelihood(found, base.basis),
        boundary=bool(np.any(theta == 0)),
        n_groups=len(labels),
        n_subgroups=len(parent),
    )


def _read(
    y: Any, x: Any, groups: Any, subgroups: Any, names: Sequence[str] | None
) -> tuple[Design, Codes, Any]:
    """Read rows by site; give the patient of each site and the patients' labels."""
    if as_float(y, "y").ndim != 1:
        raise ValueError("y must be one-dimensional")
    (outer, labels), (inner, kinds) = factorize(groups), factorize(subgroups)
    if len(outer) != len(inner):
        raise ValueError(f"groups has {len(outer)} rows and subgroups has {len(inner)}")
    missing = (outer < 0) | (inner < 0)
    pair = np.where(missing, np.nan, outer * max(len(kinds), 1) + inner)
    design = read(y, x, pair, names)
    parent, patients = factorize(np.asarray(design.labels) // max(len(kinds), 1))
    if len(patients) < 2:
        raise ValueError("all rows belong to one group; pass the patient of each row as groups")
    if len(parent) == len(patients):
        raise ValueError("no group has two subgroups; use random_intercept with groups alone")
    if np.all(design.sizes == 1):
        raise ValueError("every subgroup has one row; use random_intercept with groups alone")
    return design, parent, labels[patients.astype(int)]


def _check_variation(base: BasisSums, sites: Sites) -> None:
    """Refuse an outcome without error, and columns that leave a variance undetermined."""
    if base.exact[0]:
        raise ValueError(CONSTANT)
    sums = base.sums
    left = unexplained(sums.xx, sums.xy.T, sums.yy)[1]
    if left[0] <= UNEXPLAINED * sums.yy[0] or sums.yy[0] <= NONE_WITHIN * sums.total_yy()[0]:
        raise ValueError(NO_WITHIN)
    found = moments(sites, np.ones(2))
    information = expected_information(
        found.phi[None], found.first[None], found.second[None], found.trace[None]
    )[0]
    # Relative to the information there would be if the coefficients were known.
    scale = np.sqrt(np.diag(found.trace))
    if np.linalg.eigvalsh(information / np.outer(scale, scale))[0] < UNDETERMINED:
        raise ValueError(NO_BETWEEN)


def _maximise(sites: Sites) -> Array:
    """Find both variance ratios: gradient search in logarithms, then Newton to rounding."""
    scale = np.array([len(set(sites.parent)), len(sites.sizes)]) / sites.n  # 1 / mean size

    def criterion(v: Array) -> tuple[float, Array]:
        theta = np.expm1(v) * scale
        found = moments(sites, theta)
        return found.deviance, found.variance * found.score[:2] * np.exp(v) * scale

    best = min(
        (
            optimize.minimize(criterion, start, jac=True, bounds=[(0.0, LARGEST)] * 2)
            for start in STARTS
        ),
        key=lambda result: float(result.fun),
    )
    theta = np.expm1(best.x) * scale
    found = moments(sites, theta)
    theta[(best.x < ZERO) & (found.score[:2] > 0)] = 0.0
    return _polish(sites, theta)


def _polish(sites: Sites, theta: Array) -> Array:
    """Newton steps on the variances that are not at zero; kept only while they improve."""
    free = np.append(theta > 0, True)
    for _ in range(NEWTON_STEPS):
        found = moments(sites, theta)
        variances = found.variance * np.append(theta, 1.0)
        step = np.linalg.solve(found.observed[np.ix_(free, free)], found.score[free])
        variances[free] -= step
        if np.any(variances[free] <= 0):
            return theta
        moved, theta = theta, variances[:2] / variances[2]
        if np.all(np.abs(theta - moved) <= 1e-14 * theta):
            break
    return theta


def _precision(found: Moments, theta: Array, basis: Array, df: Df) -> Precision:
    if df == "kenward-roger":
        return from_information(
            phi=found.phi[None],
            first=found.first[None],
            second=found.second[None],
            trace=found.trace[None],
            basis=basis,
        )
    free = np.append(theta > 0, True)
    parameters = np.zeros((3, 3))
    parameters[np.ix_(free, free)] = 2.0 * np.linalg.inv(found.observed[np.ix_(free, free)])
    phi = found.phi[None]
    slopes = phi[:, None] @ found.first[None] @ phi[:, None]
    return on_columns(basis, phi, phi, slopes, parameters[None], "satterthwaite")


def _log_likelihood(found: Moments, basis: Array) -> float:
    constant = found.freedom * (1.0 + np.log(2.0 * np.pi / found.freedom))
    return -0.5 * (found.deviance - 2.0 * float(np.linalg.slogdet(basis)[1]) + constant)
