"""Least squares with errors that hold whatever the dependence of rows within a cluster.

CR2 errors and their degrees of freedom need from each cluster only p x p blocks. On columns Q = X B
that are orthonormal over all rows, a cluster g has Q_g' Q_g = V diag(l) V' and the hat block
H_gg = Q_g Q_g', whose non-zero eigenvalues are the same l. Any function of H_gg then acts on Q_g
from the right, (I - H_gg)^(-1/2) Q_g = Q_g V diag((1 - l)^(-1/2)) V', so that nothing of the size
of a cluster is ever decomposed. With a random intercept as working model everything but the
identity happens on the columns and the mean of a cluster: blocks of p + 1 at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.stats.mixed.degrees_of_freedom import f_p_value, independent
from mnstudy.stats.mixed.design import Array, Mask, ModelRows, read_one
from mnstudy.stats.mixed.fit import FTest, LinearFit, MixedFit, t_inference, weight_rows
from mnstudy.stats.mixed.solve import CONSTANT
from mnstudy.stats.mixed.sums import BasisSums, basis_sums, group_sums
from mnstudy.stats.result import check_level, check_option

# A direction of which a cluster leaves less than this to the others is determined by it alone.
ALONE = 1e-10
# Share of a contrast that such a direction must have to count; less is rounding.
RESTS_ON = 1e-7
# Variance over total sum of squares that rounding alone can leave.
ROUNDING = 1e-27
ONE_CLUSTER_DECIDES = (
    "a single group determines {what}, so its standard error cannot be estimated; "
    "leave out that column or collect more groups like it"
)
FEW_FOR_TEST = (
    "too few groups carry {q} contrasts together; test fewer at once, or each by contrast()"
)
EVEN = (
    "the groups agree on {what} without any difference, so its standard error cannot be "
    "estimated; check the outcome"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RobustFit(LinearFit):
    """Ordinary least squares with CR2 standard errors and Satterthwaite degrees of freedom.

    ``without_error`` names columns whose standard error cannot be estimated: a single group
    determines them, or all groups agree on them. Their error, df, t, p and interval are nan in
    ``coefficients``, and a contrast that rests on them is refused. ``aliased`` names columns that
    were left out, as combinations of those before them. The fit refers to the arrays it was given,
    uncopied.
    """

    without_error: tuple[str, ...]
    aliased: tuple[str, ...] = ()
    _beta: Array
    _blocks: Blocks
    _design: ModelRows
    _cells: Cells | None = None

    @property
    def rows(self) -> pd.DataFrame:
        """The rows that entered, each under the label of its group, with what is left over.

        Their columns, then ``fitted``, ``residual`` and ``standardised``: the residual over its
        standard error were rows independent and of one spread, e / (s sqrt(1 - h)) (Cook & Weisberg
        1982, Residuals and Influence in Regression, section 2.2.1); nan where h is 1.
        """
        x, labels = self._design.x, pd.Index(self._design.labels)[self._design.codes]
        fitted, free = x @ self._beta, 1 - np.sum((x @ self._blocks.basis) ** 2, axis=1)
        rest = self._design.y[:, 0] - fitted
        spread = np.sqrt(rest @ rest / (len(x) - len(self._beta)) * np.abs(free))
        left = {"residual": rest, "standardised": np.where(free > ALONE, rest, np.nan) / spread}
        return pd.DataFrame(x, labels, self.names).assign(fitted=fitted, **left)

    @property
    def influence(self) -> pd.DataFrame:
        """How much each group moves each coefficient: the fit less that without the group.

        By (X'X)^-1 X_g' (I - H_gg)^-1 e_g, which is exact: nothing is fitted again (Cook & Weisberg
        1982, section 3.6.1). One row a group, by its label; nan for a group that determines a
        column alone.
        """
        own = self._blocks
        turned = own.stretch * np.einsum("gpk,gp->gk", own.vectors, own.scores)
        moved = np.einsum("gpk,gk->gp", own.vectors, turned) @ own.basis.T
        moved[(own.stretch == 0).any(axis=1)] = np.nan
        return pd.DataFrame(moved, pd.Index(self._design.labels), self.names)

    @property
    def is_welch(self) -> bool:
        """Tell whether the df are those of Welch."""
        return self._cells is not None

    def _why_not(self, rows: Array, name: str) -> str:
        return self._blocks.why_not(rows, name)

    def _infer(self, rows: Array, confidence_level: float) -> dict[str, Array]:
        return _inference(self._blocks, self._beta, rows, confidence_level, self._cells)

    def _footer(self) -> list[str]:
        df = "welch" if self._cells else "satterthwaite"
        lines = [
            f"{100 * self.confidence_level:g}% intervals, {df} df, least squares with "
            "CR2 errors by group",
            f"n = {self.n_obs} rows in {self.n_groups} groups; {self.n_missing} left out (missing)",
        ]
        if self.aliased:
            lines.append(f"left out, told by the columns before them: {', '.join(self.aliased)}")
        return lines + _no_error(self.without_error)


def _no_error(names: Sequence[str]) -> list[str]:
    named = ", ".join(map(repr, names))
    return [f"no standard error for {named}: one group alone, or no difference"] if names else []


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RobustMixedFit(MixedFit):
    """A random-intercept fit whose errors hold whatever the dependence of rows within a group.

    Estimates and variances are those of REML; errors are CR2, with Satterthwaite degrees of
    freedom. ``without_error`` names columns that get no standard error, as in `RobustFit`.
    """

    without_error: tuple[str, ...]
    _blocks: Blocks

    def _why_not(self, rows: Array, name: str) -> str:
        return self._blocks.why_not(rows, name)

    def _infer(self, rows: Array, confidence_level: float) -> dict[str, Array]:
        return _inference(self._blocks, self._beta[0], rows, confidence_level, None)

    def test(self, weights: Any) -> FTest:
        """Test that every weighted sum is zero: Hotelling's T-squared with approximate df.

        Parameters
        ----------
        weights : array of shape (q, p), or list of column names
            Rows that depend on the others are recognised and do not count.

        Raises
        ------
        ValueError
            A sum without a standard error, or too few groups for a test of so many.
        """
        rows = weight_rows(weights, self.names)
        if why := self._why_not(rows, "test"):
            raise ValueError(why)
        return self._blocks.test(rows, self._beta[0])

    def _footer(self) -> list[str]:
        first, *rest = MixedFit._footer(self)
        return [f"{first} with CR2 errors by group", *rest, *_no_error(self.without_error)]


def with_cr2(fit: MixedFit) -> RobustMixedFit:
    """Give a random-intercept fit CR2 errors, its own variances as the working model."""
    design, theta = fit._design, fit._intercepts.theta
    raw = group_sums(design.x, design.y, design.codes, design.sizes)
    share = 1.0 - 1.0 / np.sqrt(1.0 + theta * design.sizes)
    x, y = ((share * means).T[design.codes] for means in (raw.mean_x, raw.mean_y))
    white = replace(design, x=design.x - x, y=design.y - y)
    blocks = _on_target(white, basis_sums(white), theta)
    frame, covariance = _coefficients(blocks, fit._beta[0], fit.names, fit.confidence_level)
    same = {field.name: getattr(fit, field.name) for field in fields(MixedFit)}
    return RobustMixedFit(
        **same | {"coefficients": frame, "covariance": covariance, "df_method": "satterthwaite"},
        without_error=tuple(frame.index[frame["std_error"].isna()]),
        _blocks=blocks,
    )


def _on_target(white: ModelRows, base: BasisSums, theta: float) -> Blocks:
    """Blocks of whitened rows, residuals adjusted for the target V = I + theta J of a cluster.

    The adjustment is the symmetric A with A (V - X M X') A = V. On whitened columns Q it acts as
    N = (V (I - Q Q') V)^(-1/2) V, of which only the span of Q and of the ones differs from I.
    """
    blocks = cluster_blocks(white, base)
    pairs = [_adjusted(part, rest, theta) for part, rest in _clusters(white, base)]
    scores, pull = (np.stack(each) for each in zip(*pairs, strict=True))
    return replace(blocks, scores=scores, pull=pull)


def _adjusted(part: Array, rest: Array, theta: float) -> tuple[Array, Array]:
    """Q' N e and Q' N' Q of one cluster; the singular values keep their digits for any theta."""
    span = np.linalg.qr(np.column_stack([np.ones(len(part)), part]))[0]
    q, ones = span.T @ part, span.sum(axis=0)
    target = np.eye(len(ones)) + theta * np.outer(ones, ones)
    values, vectors = np.linalg.eigh(np.eye(len(ones)) - q @ q.T)
    alone = values < ALONE
    left = (vectors * np.sqrt(np.where(alone, 0.0, values))) @ vectors.T
    _, lengths, turned = np.linalg.svd(left @ target)
    lengths[len(lengths) - np.count_nonzero(alone) :] = np.inf
    adjust = turned.T / lengths @ turned @ target
    return q.T @ adjust @ (span.T @ rest), q.T @ adjust.T @ q


def cluster_robust(
    y: Any,
    X: Any,
    groups: Any,
    names: Sequence[str] | None = None,
    *,
    df: str = "satterthwaite",
    confidence_level: float = 0.95,
) -> RobustFit:
    r"""Fit y = X beta by least squares, with errors from the differences between clusters.

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
    df : str
        ``satterthwaite``, or ``welch`` where one row a group and columns that only tell cells
        apart leave each cell its own spread: for two cells Welch's test.
    confidence_level : float
        Level of the two-sided intervals.

    Returns
    -------
    RobustFit

    Raises
    ------
    ValueError
        Shapes differ, columns are collinear (they are named), the outcome is constant, or there
        is one group only; ``df="welch"`` where a group has several rows, the columns do more than
        tell cells apart, or a cell has one row.

    Notes
    -----
    Rows with a missing value in y, X or groups are left out and counted in ``n_missing``.

    With :math:`H` the hat matrix and :math:`e` the residuals, the covariance is

    .. math:: (X'X)^{-1} \sum_g X_g' A_g e_g e_g' A_g X_g (X'X)^{-1}, \quad
        A_g = (I - H_{gg})^{-1/2},

    which is unbiased when rows are independent with equal variance (the working model), and
    consistent in the number of clusters when they are not. Degrees of freedom are found for each
    contrast from the working model; they are small where few clusters carry the contrast, such as
    a rare level, whatever the number of rows. With one row per cluster this is HC2 with the
    degrees of freedom of Bell & McCaffrey.

    Where a cluster determines a direction alone, :math:`A_g` is the pseudo-inverse. Coefficients
    that rest on such a direction (the indicator of a clinic, when clinics are the clusters) get
    no standard error rather than one that leaves out that cluster.

    References
    ----------
    Pustejovsky & Tipton (2018), doi 10.1080/07350015.2016.1247004. Welch (1947), doi
    10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 4.0, 5.5])
    >>> treated = np.tile([0.0, 1.0], 4)
    >>> X = np.column_stack([np.ones(8), treated])
    >>> fit = cluster_robust(y, X, np.repeat(list("abcd"), 2), names=["mean", "treated"])
    >>> print(fit.contrast("treated", name="treated"))
    treated: 1.25 (95% CI 0.2229 to 2.277), t = 3.87, df = 3, p = 0.0305
    """
    check_option("df", df, ("satterthwaite", "welch"))
    design = read_one(y, X, groups, names)
    if len(design.sizes) < 2:
        raise ValueError(
            "all rows belong to one group, so differences between groups cannot be estimated; "
            "pass the patient of each row as groups"
        )
    base = basis_sums(design)
    if base.exact[0]:
        raise ValueError(CONSTANT)
    blocks = cluster_blocks(design, base)
    cells = cells_of(design) if df == "welch" else None
    return _robust_fit(design, base.offset[:, 0], blocks, confidence_level, cells)


def tells_cells_apart(columns: Array, groups: pd.Series) -> bool:
    """Tell whether each group has one row and the columns only tell cells of several rows apart."""
    counts = np.unique(columns, axis=0, return_counts=True)[1]
    return bool(len(counts) == columns.shape[1] and counts.min() > 1 and groups.is_unique)


def _robust_fit(
    design: ModelRows, beta: Array, blocks: Blocks, confidence_level: float, cells: Cells | None
) -> RobustFit:
    """Gather coefficients and their errors into a fit."""
    frame, covariance = _coefficients(blocks, beta, design.names, confidence_level, cells)
    return RobustFit(
        coefficients=frame,
        covariance=covariance,
        n_obs=len(design.x),
        n_groups=len(design.sizes),
        n_missing=design.n_missing,
        confidence_level=confidence_level,
        without_error=tuple(np.array(design.names)[np.isnan(frame["std_error"])].tolist()),
        _beta=beta,
        _blocks=blocks,
        _design=design,
        _cells=cells,
    )


def _coefficients(
    blocks: Blocks, beta: Array, names: Sequence[str], level: float, cells: Cells | None = None
) -> tuple[pd.DataFrame, Array]:
    """Coefficients with intervals, and their covariance: nan where there is no error."""
    found = _inference(blocks, beta, np.eye(len(beta)), level, cells)
    frame = pd.DataFrame(found, index=pd.Index(names, name="name"))
    unknown = np.isnan(found["std_error"])
    return frame, np.where(unknown[:, None] | unknown, np.nan, blocks.covariance())


def _inference(
    blocks: Blocks, beta: Array, rows: Array, confidence_level: float, cells: Cells | None
) -> dict[str, Array]:
    """Estimate, error, df, t, p and interval of every row of weights: arrays (q,)."""
    check_level(confidence_level)
    unknown = blocks.rests_on_one(rows) | blocks.too_even(rows)
    error = np.where(unknown, np.nan, np.sqrt(blocks.variance(rows)))
    df = np.where(unknown, np.nan, (cells or blocks).degrees_of_freedom(rows))
    return t_inference(rows @ beta, error, df, confidence_level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Independent groups (k) that columns tell apart, each with a spread of its own."""

    weights: Array  # (k, p): columns of a row in each group
    variances: Array  # (k,): of the mean of each group
    counts: Array  # (k,)

    def degrees_of_freedom(self, rows: Array) -> Array:
        """Welch-Satterthwaite df of each contrast: shape (q,)."""
        shares = np.linalg.solve(self.weights.T, rows.T) ** 2 * self.variances[:, None]
        with np.errstate(invalid="ignore"):
            total = np.sum(shares, axis=0) ** 2
            return total / np.sum(shares**2 / (self.counts - 1)[:, None], axis=0)


def saturated(design: ModelRows) -> bool:
    """Tell whether groups have one row each and columns only tell cells apart."""
    cells, counts = np.unique(design.x, axis=0, return_counts=True)
    return len(design.sizes) == len(design.x) and len(cells) == len(cells.T) and counts.min() > 1


def cells_of(design: ModelRows) -> Cells:
    """Return the cells of a saturated design."""
    if not saturated(design):
        raise ValueError(
            'df="welch" needs one row a group, columns that only tell cells apart and two rows in '
            'each cell; use df="satterthwaite"'
        )
    cells, place, counts = np.unique(design.x, axis=0, return_inverse=True, return_counts=True)
    place, y = place.ravel(), design.y[:, 0]
    means = np.bincount(place, y) / counts
    squares = np.bincount(place, (y - means[place]) ** 2)
    return Cells(
        weights=cells, variances=squares / (counts - 1) / counts, counts=counts.astype("float64")
    )


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
    pull: Array | None = None  # (k, p, p): t_g by w, where the target is not the identity

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
            pulled = self._pulled(weights)
            crossed = np.sum((pulled.T @ pulled) ** 2) - np.sum(np.sum(pulled**2, axis=1) ** 2)
            with np.errstate(invalid="ignore"):
                found[place] = own.sum() ** 2 / (np.sum(own**2) + crossed)
        return found

    def _pulled(self, weights: Array) -> Array:
        """t_g of a contrast: shape (k, p)."""
        if self.pull is not None:
            return self.pull @ weights
        turned = weights @ self.vectors
        return (self.vectors @ (turned * self.values * self.stretch)[:, :, None])[:, :, 0]

    def test(self, rows: Array, beta: Array) -> FTest:
        """Approximate Hotelling test of rows @ beta = 0 (Pustejovsky & Tipton 2018, section 3.2).

        On contrasts that are independent with variance 1 under the working model, d is the
        distribution's df of a Wishart matrix with the same total variance of its elements.
        """
        turned, values = independent(rows, self.basis @ self.basis.T)
        weights = turned @ self.basis / np.sqrt(values)[:, None]
        q, estimate = len(weights), turned @ beta / np.sqrt(values)
        bent = weights @ self.vectors
        own = (bent * self.values[:, None]) @ bent.swapaxes(1, 2)
        t = np.stack([self._pulled(each) for each in weights], axis=1)
        joint = np.einsum("gsa,gtb->stab", t, t)
        size = np.einsum("gsa,gta->gst", t, t)
        length = np.einsum("gss->gs", size)
        spread = np.sum(own**2) + np.einsum("gss,gtt->", own, own)
        spread += np.sum(joint**2) + np.einsum("stab,stba->", joint, joint)
        spread -= np.sum(size**2) + np.sum(length.sum(axis=1) ** 2)
        df = q * (q + 1) / spread - q + 1.0
        if df < RESTS_ON:
            raise ValueError(FEW_FOR_TEST.format(q=q))
        scores = weights @ self.scores.T
        f = float(estimate @ np.linalg.solve(scores @ scores.T, estimate)) / q
        f *= df / (df + q - 1.0)
        return FTest(f=f, df_num=q, df_den=df, p_value=f_p_value(f, q, df))

    def why_not(self, rows: Array, name: str) -> str:
        """Return why some contrast has no standard error, nothing where each has one."""
        if self.rests_on_one(rows).any():
            return ONE_CLUSTER_DECIDES.format(what=repr(name))
        return EVEN.format(what=repr(name)) if self.too_even(rows).any() else ""

    def rests_on_one(self, rows: Array) -> Mask:
        """Mark contrasts that a single cluster determines, wholly or in part."""
        weights = rows @ self.basis
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        return np.any(np.abs(weights @ self.alone.T) > RESTS_ON * lengths, axis=1)

    def too_even(self, rows: Array) -> Mask:
        """Mark contrasts on which the clusters agree up to rounding."""
        lengths = np.sum((rows @ self.basis) ** 2, axis=1)
        return self.variance(rows) <= self.floor * lengths


def _clusters(design: ModelRows, base: BasisSums) -> list[tuple[Array, Array]]:
    """Columns on the basis, and residuals, of each cluster."""
    columns, y = design.x @ base.basis, design.y[:, 0]
    residuals = y - design.x @ base.offset[:, 0]
    residuals = residuals - columns @ (columns.T @ residuals)
    order = np.argsort(design.codes, kind="stable")
    ends = np.cumsum(design.sizes).astype(int)[:-1]
    parts = [columns[rows] for rows in np.split(order, ends)]
    return list(zip(parts, np.split(residuals[order], ends), strict=True))


def cluster_blocks(design: ModelRows, base: BasisSums) -> Blocks:
    """Go through the clusters once; the cost is one p x p eigendecomposition each."""
    clusters, y = _clusters(design, base), design.y[:, 0]
    values, vectors = np.linalg.eigh(np.stack([part.T @ part for part, _ in clusters]))
    alone = values > 1.0 - ALONE
    values = np.where(alone, 0.0, np.maximum(values, 0.0))
    stretch = np.where(alone, 0.0, 1.0 / np.sqrt(1.0 - values))
    raw = np.stack([part.T @ rest for part, rest in clusters])
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
