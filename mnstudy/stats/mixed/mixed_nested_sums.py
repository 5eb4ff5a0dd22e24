"""Likelihood and information of nested intercepts from site means alone.

With V = sigma^2 I + tau_1^2 J(patient) + tau_2^2 J(site), V^-1 acts on a variable that is constant
within sites (value c) as a (c - kappa sum_sites h c), where for a site of n rows, in units of
sigma^2, a = 1 / (1 + n theta_2) and h = n a, and for its patient kappa = theta_1 g with
g = 1 / (1 + theta_1 sum h). Deviations from site means pass through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnstudy.stats.mixed.degrees_of_freedom import expected_information
from mnstudy.stats.mixed.design import Array, Codes
from mnstudy.stats.mixed.sums import GroupSums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sites:
    """Site means of the columns and, last, of the outcome; cross-products within sites."""

    means: Array  # (p + 1, n_sites)
    within: Array  # (p + 1, p + 1)
    sizes: Array  # (n_sites,)
    parent: Codes  # (n_sites,)
    n: int
    p: int

    @classmethod
    def of(cls, sums: GroupSums, parent: Codes) -> Sites:
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

    sites: Sites
    a: Array
    h: Array
    g: Array
    kappa: Array

    @classmethod
    def at(cls, sites: Sites, theta: Array) -> Inverse:
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


def moments(sites: Sites, theta: Array) -> Moments:
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


def _products(sites: Sites, inverse: Inverse, u: Array, within: Array) -> tuple[Array, Array]:
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
