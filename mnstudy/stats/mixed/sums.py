"""Sums per group from which every random-intercept quantity follows, on a well-scaled basis.

With V_i = I + theta J the inverse weighs deviations from the group mean by 1 and the mean of a
group of n rows by n / (1 + n theta), hence

    X' V^-1 X = W + sum_i n_i / (1 + n_i theta) xbar_i xbar_i'

with W the cross-products within groups. Both parts are positive, so nothing cancels; and groups
of one size share a weight, so after one pass over the rows the cost is in distinct group sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from mnstudy.stats.mixed.design import Array, Codes, Mask, ModelRows

# Squared relative distance of a column from the span of the others below which cross-products
# lose more than about six of sixteen digits; the rows themselves are then orthogonalised.
WELL_CONDITIONED = 1e-6
# Relative distance from the span of the others below which a column counts as dependent.
COLLINEAR = 1e-10
# Residual sum of squares over total sum of squares that rounding alone can leave.
ROUNDING = 1e-27
BLOCK = 1 << 17
# Squares of a column that add up to more, or to less without being zero, leave the floating range.
LARGEST, SMALLEST = 1e280, 1e-280


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSums:
    """Group means and cross-products within groups, for p columns and m outcomes."""

    sizes: Array  # (n_groups,)
    mean_x: Array  # (p, n_groups)
    mean_y: Array  # (m, n_groups)
    xx: Array  # (p, p)
    xy: Array  # (p, m)
    yy: Array  # (m,)

    def total_xx(self) -> Array:
        """Cross-products of the columns over all rows."""
        return self.xx + (self.mean_x * self.sizes) @ self.mean_x.T

    def total_xy(self) -> Array:
        """Cross-products of columns and outcomes over all rows."""
        return self.xy + (self.mean_x * self.sizes) @ self.mean_y.T

    def total_yy(self) -> Array:
        """Return the sums of squares of the outcomes over all rows."""
        return self.yy + self.mean_y**2 @ self.sizes

    def on_basis(self, basis: Array) -> GroupSums:
        """Return the sums of the columns ``X @ basis``."""
        return GroupSums(
            sizes=self.sizes,
            mean_x=basis.T @ self.mean_x,
            mean_y=self.mean_y,
            xx=basis.T @ self.xx @ basis,
            xy=basis.T @ self.xy,
            yy=self.yy,
        )

    def less(self, slopes: Array) -> GroupSums:
        """Return the sums of the outcomes ``Y - X @ slopes``."""
        rest = self.xy - self.xx @ slopes
        return GroupSums(
            sizes=self.sizes,
            mean_x=self.mean_x,
            mean_y=self.mean_y - slopes.T @ self.mean_x,
            xx=self.xx,
            xy=rest,
            yy=np.maximum(self.yy - np.sum(slopes * (self.xy + rest), axis=0), 0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizeSums:
    """Sums over the groups of each distinct size: all that the likelihood needs.

    The columns are ``X @ basis``, orthonormal over all rows; the outcomes are residuals
    ``Y - X @ offset`` of ordinary least squares.
    """

    n: int
    p: int
    sizes: Array  # (k,): distinct group sizes
    counts: Array  # (k,): groups of that size
    xx: Array  # (p, p) within groups
    xy: Array  # (m, p)
    yy: Array  # (m,)
    xx_means: Array  # (k, p, p) of group means
    xy_means: Array  # (k, m, p)
    yy_means: Array  # (k, m)
    basis: Array  # (p, p)
    offset: Array  # (p, m)
    exact: Mask  # (m,): the columns explain the outcome without remainder

    def only(self, outcomes: Mask) -> SizeSums:
        """Keep some of the outcomes."""
        if outcomes.all():
            return self
        return replace(
            self,
            xy=self.xy[outcomes],
            yy=self.yy[outcomes],
            xy_means=self.xy_means[:, outcomes],
            yy_means=self.yy_means[:, outcomes],
            offset=self.offset[:, outcomes],
            exact=self.exact[outcomes],
        )


def group_sums(x: Array, y: Array, codes: Codes, sizes: Array) -> GroupSums:
    """Go through the rows once for the means and once for the deviations from them."""
    p, m = x.shape[1], y.shape[1]
    means = np.empty((p + m, len(sizes)))
    for row, column in zip(means, (*x.T, *y.T), strict=True):
        row[:] = np.bincount(codes, weights=column, minlength=len(sizes))
    means /= sizes
    by_group = np.ascontiguousarray(means.T)
    xx, xy, yy = np.zeros((p, p)), np.zeros((p, m)), np.zeros(m)
    rows = max(BLOCK // (p + m), 1)
    for start in range(0, len(x), rows):
        block = slice(start, start + rows)
        of_row = by_group[codes[block]]
        dx, dy = x[block] - of_row[:, :p], y[block] - of_row[:, p:]
        xx += dx.T @ dx
        xy += dx.T @ dy
        yy += np.einsum("ij,ij->j", dy, dy)
    return GroupSums(sizes=sizes, mean_x=means[:p], mean_y=means[p:], xx=xx, xy=xy, yy=yy)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasisSums:
    """Sums of residuals on orthonormal columns, and the way back to the columns as given."""

    sums: GroupSums
    basis: Array
    offset: Array
    exact: Mask


def basis_sums(design: ModelRows) -> BasisSums:
    """Reduce a design to sums per group on an orthonormal basis, outcomes as residuals."""
    with np.errstate(over="ignore", invalid="ignore"):
        raw = group_sums(design.x, design.y, design.codes, design.sizes)
        total, columns = raw.total_yy(), np.diag(raw.total_xx())
    _refuse_range(total, design.y, ["y"] * len(total))
    _refuse_range(columns, design.x, design.names)
    basis, reliable = _basis(raw, design)
    sums = raw.on_basis(basis)
    slopes = sums.total_xy()
    sums = sums.less(slopes)
    offset = basis @ slopes
    remainder = sums.total_yy()
    if not reliable or np.any(remainder < WELL_CONDITIONED * total):
        x = design.x @ basis
        sums = group_sums(x, design.y - x @ slopes, design.codes, design.sizes)
        again = _inverse_factor(sums.total_xx())
        basis, sums = basis @ again, sums.on_basis(again)
        slopes = sums.total_xy()
        sums = sums.less(slopes)
        offset = offset + basis @ slopes
        remainder = sums.total_yy()
    exact = remainder <= ROUNDING * total
    return BasisSums(sums=sums, basis=basis, offset=offset, exact=exact)


def _refuse_range(squares: Array, values: Array, names: Sequence[str]) -> None:
    for j in np.flatnonzero(~((squares > SMALLEST) & (squares < LARGEST))).tolist():
        if np.any(values[:, j]):
            raise ValueError(
                f"{names[j]!r} reaches {np.abs(values[:, j]).max():g}: its squares cannot be added "
                "up as numbers; give it in another unit"
            )


def _basis(sums: GroupSums, design: ModelRows) -> tuple[Array, bool]:
    """Matrix that makes the columns orthonormal, and whether cross-products sufficed for it."""
    total = sums.total_xx()
    scale = np.sqrt(np.diag(total))
    if not scale.all():
        zero = ", ".join(repr(design.names[j]) for j in np.flatnonzero(scale == 0))
        raise ValueError(f"column {zero} holds only zeros; leave it out")
    correlation = total / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] > WELL_CONDITIONED:
        return _inverse_factor(correlation) / scale[:, None], True
    upper = linalg.qr(design.x / scale, mode="r", check_finite=False)[0][: len(scale)]
    _refuse_collinear(upper, design.names)
    inverse = linalg.solve_triangular(upper, np.eye(len(scale)))
    return inverse / scale[:, None], False


def _inverse_factor(matrix: Array) -> Array:
    """Upper triangular T with T' matrix T = I."""
    return linalg.solve_triangular(np.linalg.cholesky(matrix).T, np.eye(len(matrix)))


def _refuse_collinear(upper: Array, names: tuple[str, ...]) -> None:
    _, values, vectors = np.linalg.svd(upper)
    null = vectors[values < COLLINEAR * values[0]]
    if len(null):
        involved = [names[j] for j in np.flatnonzero(np.abs(null).max(axis=0) > 1e-6)]
        raise ValueError(
            f"columns {', '.join(map(repr, involved))} are linearly dependent "
            f"({len(null)} too many); leave out {len(null)} of them"
        )


def size_sums(design: ModelRows) -> SizeSums:
    """Add up the groups of each distinct size."""
    base = basis_sums(design)
    sums = base.sums
    order = np.argsort(sums.sizes, kind="stable")
    sizes, starts, counts = np.unique(sums.sizes[order], return_index=True, return_counts=True)
    slices = [order[a : a + c] for a, c in zip(starts, counts, strict=True)]
    means = [(sums.mean_x[:, s], sums.mean_y[:, s]) for s in slices]
    return SizeSums(
        n=len(design.x),
        p=len(base.basis),
        sizes=sizes,
        counts=counts.astype(float),
        xx=sums.xx,
        xy=sums.xy.T,
        yy=sums.yy,
        xx_means=np.stack([x @ x.T for x, _ in means]),
        xy_means=np.stack([y @ x.T for x, y in means]),
        yy_means=np.stack([np.einsum("ij,ij->i", y, y) for _, y in means]),
        basis=base.basis,
        offset=base.offset,
        exact=base.exact,
    )
