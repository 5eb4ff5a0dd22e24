"""Two random intercepts, one inside the other: patient, and site within patient.

Likelihood and information follow from site means and cross-products within sites. With
V = sigma^2 I + tau_1^2 J(patient) + tau_2^2 J(site), V^-1 acts on a variable that is constant
within sites (value c) as a (c - kappa sum_sites h c), where for a site of n rows, in units of
sigma^2, a = 1 / (1 + n theta_2) and h = n a, and for its patient kappa = theta_1 g with
g = 1 / (1 + theta_1 sum h). Deviations from site means pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from mnstudy.stats.mixed.degrees_of_freedom import (
    Precision,
    expected_information,
    from_information,
    on_columns,
)
from mnstudy.stats.mixed.design import Array, Codes, ModelRows, factorize, read_one
from mnstudy.stats.mixed.fit import Intercepts, MixedFit, single_fit
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
from mnstudy.stats.mixed.sums import BasisSums, GroupSums, basis_sums
from mnstudy.stats.result import check_aligned

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
    sites = SiteSums.of(base.sums, parent)
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
) -> tuple[ModelRows, Codes, Any]:
    """Read rows by site; give the patient of each site and the patients' labels."""
    check_aligned(y=y, X=x, groups=groups, subgroups=subgroups)
    (outer, labels), (inner, kinds) = factorize(groups), factorize(subgroups)
    if len(outer) != len(inner):
        raise ValueError(f"groups has {len(outer)} rows and subgroups has {len(inner)}")
    missing = (outer < 0) | (inner < 0)
    pair = np.where(missing, np.nan, outer * max(len(kinds), 1) + inner)
    design = read_one(y, x, pair, names)
    parent, patients = factorize(np.asarray(design.labels) // max(len(kinds), 1))
    if len(patients) < 2:
        raise ValueError("all rows belong to one group; pass the patient of each row as groups")
    if len(parent) == len(patients):
        raise ValueError("no group has two subgroups; use random_intercept with groups alone")
    if np.all(design.sizes == 1):
        raise ValueError("every subgroup has one row; use random_intercept with groups alone")
    return design, parent, labels[patients.astype(int)]


def _check_variation(base: BasisSums, sites: SiteSums) -> None:
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


def _maximise(sites: SiteSums) -> Array:
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


def _polish(sites: SiteSums, theta: Array) -> Array:
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteSums:
    """Site means of the columns and, last, of the outcome; cross-products within sites."""

    means: Array  # (p + 1, n_sites)
    within: Array  # (p + 1, p + 1)
    sizes: Array  # (n_sites,)
    parent: Codes  # (n_sites,)
    n: int
    p: int

    @classmethod
    def of(cls, sums: GroupSums, parent: Codes) -> SiteSums:
        """Stack the sums of columns and of a single outcome."""
        within = np.block([[sums.xx, sums.xy], [sums.xy.T, np.diag(sums.yy)]])
        return cls(
            means=np.vstack([sums.mean_x, sums.mean_y]),
            within=within,
            sizes=sums.sizes,
            parent=parent,
            n=int(sums.sizes.sum()),
            p=len(sums.xx),
        )

    def by_patient(self, values: Array) -> Array:
        """Add up the sites of each patient along the last axis."""
        rows = [np.bincount(self.parent, weights=row) for row in np.atleast_2d(values)]
        sums: Array = np.array(rows, dtype=float)
        return sums.reshape(*values.shape[:-1], -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inverse:
    """V^-1 in units of sigma^2 at one pair of variance ratios."""

    sites: SiteSums
    a: Array
    h: Array
    g: Array
    kappa: Array

    @classmethod
    def at(cls, sites: SiteSums, theta: Array) -> Inverse:
        """Weights at ``theta``: patient ratio, then site ratio."""
        a = 1.0 / (1.0 + sites.sizes * theta[1])
        h = sites.sizes * a
        g = 1.0 / (1.0 + theta[0] * sites.by_patient(h))
        return cls(sites=sites, a=a, h=h, g=g, kappa=theta[0] * g)

    def __call__(self, values: Array) -> Array:
        """Apply to variables constant within sites: one row each."""
        pulled = self.kappa * self.sites.by_patient(self.h * values)
        return self.a * (values - pulled[..., self.sites.parent])

    def log_determinant(self) -> float:
        """Return log |V|."""
        return float(-np.log(self.a).sum() - np.log(self.g).sum())

    def traces(self) -> tuple[Array, Array]:
        """Return tr(V^-1 G_r) and tr(V^-1 G_r V^-1 G_s); G: patient J, site J, identity."""
        add, a, h, g, k = self.sites.by_patient, self.a, self.h, self.g, self.kappa
        rest = self.sites.n - len(a)
        h1, h2, h3 = add(h), add(h**2), add(h**3)
        ah, aah, ahh = add(a * h), add(a * a * h), add(a * h * h)
        first = np.array([(g * h1).sum(), (h1 - k * h2).sum(), rest + (add(a) - k * ah).sum()])
        second = np.empty((3, 3))
        second[0, 0] = ((g * h1) ** 2).sum()
        second[0, 1] = second[1, 0] = (g**2 * h2).sum()
        second[0, 2] = second[2, 0] = (g**2 * ah).sum()
        second[1, 1] = (h2 - 2 * k * h3 + k**2 * h2**2).sum()
        second[1, 2] = second[2, 1] = (ah - 2 * k * ahh + k**2 * h2 * ah).sum()
        second[2, 2] = rest + (add(a**2) - 2 * k * aah + k**2 * ah**2).sum()
        return first, second


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Everything inference needs at one pair of ratios; derivatives are by the three variances."""

    deviance: float  # without constants
    variance: float  # sigma^2
    freedom: int
    beta: Array
    phi: Array  # (p, p)
    score: Array  # (3,)
    first: Array  # (3, p, p): X' V^-1 G_r V^-1 X
    second: Array  # (3, 3, p, p): X' V^-1 G_r V^-1 G_s V^-1 X
    trace: Array  # (3, 3): tr(V^-1 G_r V^-1 G_s)
    observed: Array  # (3, 3): second derivatives of the deviance


def moments(sites: SiteSums, theta: Array) -> Moments:
    """Evaluate the REML deviance (variance and coefficients profiled out) and its derivatives."""
    p, freedom = sites.p, sites.n - sites.p
    inverse = Inverse.at(sites, theta)
    full = sites.within + (sites.means * sites.sizes) @ inverse(sites.means).T
    a_inverse = np.linalg.inv(full[:p, :p])
    beta = a_inverse @ full[:p, p]
    # From here on the last variable is the residual, so that V^-1 of it is P y.
    turn = np.eye(p + 1)
    turn[:p, p] = -beta
    within = turn.T @ sites.within @ turn
    u = inverse(turn.T @ sites.means)
    rss = float((turn.T @ full @ turn)[p, p])
    s = rss / freedom
    first, second = _products(sites, inverse, u, within)
    first, second = first / s**2, second / s**3
    trace1, trace2 = inverse.traces()
    phi = s * a_inverse
    xx, xr = first[:, :p, :p], first[:, :p, p]
    expected = expected_information(phi[None], xx[None], second[None, ..., :p, :p], trace2 / s**2)
    return Moments(
        deviance=freedom * np.log(rss)
        + inverse.log_determinant()
        + float(np.linalg.slogdet(full[:p, :p])[1]),
        variance=s,
        freedom=freedom,
        beta=beta,
        phi=phi,
        score=trace1 / s - np.einsum("ab,rba->r", phi, xx) - first[:, p, p],
        first=xx,
        second=second[..., :p, :p],
        trace=trace2 / s**2,
        observed=2.0 * (second[..., p, p] - xr @ phi @ xr.T) - expected[0],
    )


def _products(sites: SiteSums, inverse: Inverse, u: Array, within: Array) -> tuple[Array, Array]:
    """Z' V^-1 G_r V^-1 Z and Z' V^-1 G_r V^-1 G_s V^-1 Z in units of sigma^2, u = V^-1 Z."""
    n_u = sites.sizes * u
    images = np.stack([sites.by_patient(n_u)[:, sites.parent], n_u, u])  # G_r V^-1 Z
    solved = np.stack([inverse(image) for image in images])
    weighted = sites.sizes * images
    first = np.einsum("rai,bi->rab", weighted, u)
    second = np.einsum("rai,sbi->rsab", weighted, solved)
    first[2] += within
    second[2, 2] += within
    return first, second
