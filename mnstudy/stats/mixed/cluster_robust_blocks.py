"""What each cluster contributes to CR2 errors and their degrees of freedom, in p x p blocks.

On columns Q = X B that are orthonormal over all rows, a cluster g has Q_g' Q_g = V diag(l) V' and
the hat block H_gg = Q_g Q_g', whose non-zero eigenvalues are the same l. Any function of H_gg then
acts on Q_g from the right, (I - H_gg)^(-1/2) Q_g = Q_g V diag((1 - l)^(-1/2)) V', so that nothing
of the size of a cluster is ever decomposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnstudy.stats.mixed.design import Array, Design, Mask
from mnstudy.stats.mixed.sums import BasisSums

# A direction of which a cluster leaves less than this to the others is determined by it alone.
ALONE = 1e-10
# Share of a contrast that such a direction must have to count; less is rounding.
RESTS_ON = 1e-7
# Variance over total sum of squares that rounding alone can leave.
ROUNDING = 1e-27


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Clusters (k) on p orthonormal columns."""

    basis: Array  # (p, p)
    values: Array  # (k, p): eigenvalues of Q_g' Q_g, 0 where the cluster determines a direction
    vectors: Array  # (k, p, p)
    stretch: Array  # (k, p): (1 - value)^(-1/2), 0 where the cluster determines a direction
    scores: Array  # (k, p): Q_g' (I - H_gg)^(-1/2) times the cluster's residuals
    alone: Array  # (a, p): directions determined by one cluster alone
    floor: float  # variance, per squared length of a contrast, that rounding can leave

    def covariance(self) -> Array:
        """CR2 covariance of the coefficients."""
        spread = self.scores @ self.basis.T
        return spread.T @ spread

    def variance(self, rows: Array) -> Array:
        """CR2 variance of each contrast: shape (q,)."""
        return np.sum((rows @ self.basis @ self.scores.T) ** 2, axis=1)

    def degrees_of_freedom(self, rows: Array) -> Array:
        """Satterthwaite df of each contrast, tr(P)^2 / tr(P^2): shape (q,).

        The variance is a quadratic form in the outcome with P_gh = a_g' a_h, where
        a_g = (I - H)_g' A_g Q_g w. With equal independent errors, off the diagonal
        P_gh = -t_g' t_h for t_g = Q_g' A_g Q_g w, and all of it follows from the blocks.
        """
        found = np.empty(len(rows))
        for place, weights in enumerate(rows @ self.basis):
            turned = weights @ self.vectors
            own = np.sum(turned**2 * self.values, axis=1)
            pulled = (self.vectors @ (turned * self.values * self.stretch)[:, :, None])[:, :, 0]
            crossed = np.sum((pulled.T @ pulled) ** 2) - np.sum(np.sum(pulled**2, axis=1) ** 2)
            with np.errstate(invalid="ignore"):
                found[place] = own.sum() ** 2 / (np.sum(own**2) + crossed)
        return found

    def rests_on_one(self, rows: Array) -> Mask:
        """Mark contrasts that a single cluster determines, wholly or in part."""
        weights = rows @ self.basis
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        return np.any(np.abs(weights @ self.alone.T) > RESTS_ON * lengths, axis=1)

    def too_even(self, rows: Array) -> Mask:
        """Mark contrasts on which the clusters agree up to rounding."""
        lengths = np.sum((rows @ self.basis) ** 2, axis=1)
        return self.variance(rows) <= self.floor * lengths


def cluster_blocks(design: Design, base: BasisSums) -> Blocks:
    """Go through the clusters once; the cost is one p x p eigendecomposition each."""
    columns, y = design.x @ base.basis, design.y[:, 0]
    residuals = y - design.x @ base.offset[:, 0]
    residuals = residuals - columns @ (columns.T @ residuals)
    order = np.argsort(design.codes, kind="stable")
    ends = np.cumsum(design.sizes).astype(int)[:-1]
    parts = [columns[rows] for rows in np.split(order, ends)]
    rests = np.split(residuals[order], ends)
    values, vectors = np.linalg.eigh(np.stack([part.T @ part for part in parts]))
    alone = values > 1.0 - ALONE
    values = np.where(alone, 0.0, np.maximum(values, 0.0))
    stretch = np.where(alone, 0.0, 1.0 / np.sqrt(1.0 - values))
    raw = np.stack([part.T @ rest for part, rest in zip(parts, rests, strict=True)])
    turned = np.einsum("gpk,gp->gk", vectors, raw)
    return Blocks(
        basis=base.basis,
        values=values,
        vectors=vectors,
        stretch=stretch,
        scores=np.einsum("gpk,gk->gp", vectors, stretch * turned),
        alone=np.swapaxes(vectors, 1, 2)[alone],
        floor=ROUNDING * float(y @ y),
    )
