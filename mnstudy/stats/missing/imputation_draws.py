"""Missing outcomes of patients drawn from a random-intercept model, parameters and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnstudy.stats.missing.imputation_posterior import parameters
from mnstudy.stats.missing.imputation_rows import Rows, observed_design, read_rows
from mnstudy.stats.mixed.design import Array, Codes, Design, as_float
from mnstudy.stats.mixed.sums import size_sums
from mnstudy.stats.resampling.clusters import Rng, generator

FEW_GROUPS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Imputations:
    """Draws of the missing outcomes: ``values`` (m, n_missing), in the order of ``rows``."""

    values: Array
    rows: Codes
    m: int
    n_obs: int
    n_missing: int
    n_groups: int
    n_groups_unobserved: int
    notes: tuple[str, ...] = ()

    def completed(self, y: Any) -> Array:
        """Return the outcome with its gaps filled, one column per imputation: shape (n, m)."""
        given = as_float(y, "y")
        if len(given) != self.n_obs + self.n_missing:
            raise ValueError(f"y has {len(given)} rows, not {self.n_obs + self.n_missing}")
        filled = np.repeat(given[:, None], self.m, axis=1)
        filled[self.rows] = self.values.T
        return filled

    def __repr__(self) -> str:
        head = (
            f"{self.m} imputations of {self.n_missing} missing outcomes, from {self.n_obs} "
            f"observed ones in {self.n_groups - self.n_groups_unobserved} groups"
        )
        return "\n".join([head, *(f"  note: {note}" for note in self.notes)])


def impute_clustered(
    y: Any,
    X: Any,
    groups: Any,
    *,
    m: int = 20,
    rng: Rng,
    names: Sequence[str] | None = None,
) -> Imputations:
    r"""Draw the missing values of an outcome measured several times on the same patients.

    Parameters
    ----------
    y : array of shape (n,)
        Outcome; nan where it is missing.
    X : array of shape (n, p)
        Complete columns that explain the outcome, with a column of ones. They must hold all that
        the analysis compares (arms, visits, their products) and whatever missingness depends on.
    groups : sequence of length n
        The patient of each row.
    m : int
        Number of imputations.
    rng : int or numpy.random.Generator
        A seed or a generator.
    names : sequence of str, optional
        Names of the columns for messages; a frame's own, or x0, x1, …, when not given.

    Returns
    -------
    Imputations
        ``values[k]`` are the missing outcomes of data set k; ``completed(y)`` fills them in.

    Raises
    ------
    ValueError
        A missing value in X or groups; fewer groups with an observed outcome than columns plus
        three; columns that are collinear in the rows with an observed outcome (they are named:
        leave them out, or merge a rare level with another); one observed row in every group
        although groups have several rows, so that nothing tells how alike rows of one group are;
        an outcome without any error.

    Notes
    -----
    Valid if values are missing at random: patients alike in X and in their observed outcomes
    would have had outcomes alike. Nothing in the data can show that; vary it.

    The model is y = X beta + u[group] + e with u and e normal. Each imputation draws its own
    variances and coefficients, then the intercept u of every patient given the observed residuals
    (from :math:`N(0, \tau^2)` for a patient without any), shared by all of the patient's missing
    rows, then e. The prior is flat in beta and :math:`\log\sigma`, and for the ratio
    :math:`\theta = \tau^2/\sigma^2` the Jeffreys prior
    :math:`\{\sum w_i^2 - (\sum w_i)^2/n\}^{1/2}` with :math:`w_i = n_i/(1 + n_i\theta)`. With
    groups of equal size that is Tiao and Tan's prior, whose intervals for a mean are those of the
    t-test on patient means unless the bound at zero matters.

    The bootstrap of whole patients is the other way to let parameters vary (von Hippel and
    Bartlett); in simulated studies of 15 patients both covered alike. The posterior is preferred
    because it takes one pass where the bootstrap takes m fits, because its tails are those of few
    degrees of freedom where resampled variances run small, and because no resample can lose a
    level of X. Pooled 95 % intervals held 95 to 97 % in simulated studies of 15 to 30 patients, the
    most where patients did not differ (theta = 0), since theta is never drawn below zero.

    Values are not cut at the ends of a scale: that would pull means inwards. Rows are put into the
    order of group label, X and y before anything is drawn, so results do not depend on the order
    given; only rows of one patient that agree in all of X, which the model cannot tell apart,
    may exchange their draws. With one row in every group the model is a linear regression.

    References
    ----------
    Rubin (1987), doi 10.1002/9780470316696. Tiao & Tan (1965), Biometrika 52, 37-53. von
    Hippel & Bartlett (2021), doi 10.1214/20-STS793.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([20.0, 31, 24, np.nan, 38, 45, 15, 28, np.nan, 40, 26, 33])
    >>> X = np.column_stack([np.ones(12), np.tile([0.0, 1.0], 6)])
    >>> drawn = impute_clustered(y, X, np.repeat(list("abcdef"), 2), m=50, rng=1)
    >>> drawn
    50 imputations of 2 missing outcomes, from 10 observed ones in 6 groups
      note: 6 groups with an observed outcome: imputations vary widely
    >>> drawn.values.mean(axis=0).round()
    array([34., 30.])
    """
    if not isinstance(m, int | np.integer) or m < 1:
        raise ValueError(f"m must be a whole number of imputations from 1 up, not {m}")
    random = generator(rng, "drawing imputations")
    rows = read_rows(y, X, groups, names)
    values: Array = np.empty((m, int(rows.missing.sum())))
    if values.size:
        values = _draw(rows, observed_design(rows), int(m), random)
    given = rows.order[rows.missing]
    by_row = np.argsort(given)
    observed = np.bincount(rows.codes[~rows.missing], minlength=rows.n_groups)
    return Imputations(
        values=values[:, by_row],
        rows=given[by_row],
        m=int(m),
        n_obs=int((~rows.missing).sum()),
        n_missing=len(given),
        n_groups=rows.n_groups,
        n_groups_unobserved=int((observed == 0).sum()),
        notes=_notes(rows, observed),
    )


def _draw(rows: Rows, observed: Design, m: int, random: np.random.Generator) -> Array:
    sums = size_sums(observed)
    theta, within, beta = parameters(sums, m, random)
    x, missing = rows.x @ sums.basis, rows.missing
    line = rows.x @ sums.offset[:, 0]
    known = rows.codes[~missing]
    sizes = np.bincount(known, minlength=rows.n_groups)
    by_group = [
        np.bincount(known, weights=column, minlength=rows.n_groups)
        for column in (observed.y[:, 0] - line[~missing], *x[~missing].T)
    ]
    residual = by_group[0] - beta @ np.array(by_group[1:])
    shrink = theta[:, None] / (1.0 + np.outer(theta, sizes))
    noise = np.sqrt(within)[:, None]
    u = shrink * residual + noise * np.sqrt(shrink) * random.standard_normal((m, rows.n_groups))
    e = noise * random.standard_normal((m, int(missing.sum())))
    return line[missing] + beta @ x[missing].T + u[:, rows.codes[missing]] + e


def _notes(rows: Rows, observed: Codes) -> tuple[str, ...]:
    notes, n_missing, none = [], int(rows.missing.sum()), int((observed == 0).sum())
    if not n_missing:
        return ()
    if len(observed) - none < FEW_GROUPS:
        notes.append(
            f"{len(observed) - none} groups with an observed outcome: imputations vary widely"
        )
    if none:
        notes.append(
            f"{none} of {len(observed)} groups have no observed outcome; theirs follow from the "
            "columns alone"
        )
    if 2 * n_missing > len(rows.y):
        notes.append(f"{n_missing} of {len(rows.y)} outcomes are missing, more than are observed")
    return tuple(notes)
