"""Studies that print only which way they point, or only a p-value: their share, their joint p.

``contour_n`` gives the contours of an albatross plot: how many people give this p if the effect
has this size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import combine_pvalues

from mnstudy.stats.counts.pairs import mcnemar_p
from mnstudy.stats.counts.proportions import LIMITS, whole_number
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

Measure = Literal["two groups", "one group", "correlation"]
_WORDS = {"clopper-pearson": "Clopper-Pearson", "wilson": "Wilson"}
NO_EFFECT_ANYWHERE = "no effect in any study"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DirectionShare(SmallResult):
    """Among studies with a direction, the share that points in favour.

    ``no_difference`` and ``mixed`` are studies without a direction: reported, never tested.
    """

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    p_value: float
    favouring: int
    against: int
    no_difference: int = 0
    mixed: int = 0
    method: str = "clopper-pearson"
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Studies with a direction."""
        return self.favouring + self.against

    @property
    def can_differ(self) -> bool:
        """True where so many studies, all of one mind, would leave one half outside the limits."""
        return 2 * 0.5**self.k < 1.0 - self.confidence_level

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        undecided = f"{self.no_difference} without difference, {self.mixed} mixed"
        return [
            f"{main} of the studies with a direction point in favour, p = {self.p_value:.3g}",
            f"{self.favouring} in favour, {self.against} against; {undecided} (not tested)",
            f"exact sign test against one half, {_WORDS[self.method]} limits",
            *(f"note: {note}" for note in self.notes),
        ]


def direction_share(
    favouring: int,
    against: int,
    *,
    no_difference: int = 0,
    mixed: int = 0,
    method: Literal["clopper-pearson", "wilson"] = "clopper-pearson",
    confidence_level: float = 0.95,
) -> DirectionShare:
    """Estimate the share of studies in favour among those with a direction, with the sign test.

    Parameters
    ----------
    favouring, against : int
        Independent studies whose effect points in favour, and against; whatever their
        significance: counting significant studies would be wrong.
    no_difference, mixed : int
        Studies that name no side; kept beside the share, not in it.
    method : {"clopper-pearson", "wilson"}
        Exact limits go with the exact test: one half lies outside them when and only when p is
        below one minus the level. Wilson's are narrower and cover on average only.
    confidence_level : float

    Returns
    -------
    DirectionShare
        Without any direction the share is nan, its limits 0 and 1, and p is 1.

    Raises
    ------
    ValueError
        For a count that is negative or not whole.

    Notes
    -----
    Two-sided binomial test that a study with a direction is as likely to point either way. It
    answers whether there is evidence of an effect in one direction; it says nothing about size and
    weighs a study of 5 people like one of 120.

    References
    ----------
    McKenzie & Brennan, Cochrane Handbook for Systematic Reviews of Interventions, chapter 12 (vote
    counting by direction of effect), https://training.cochrane.org/handbook/current/chapter-12.
    Clopper & Pearson (1934), doi 10.1093/biomet/26.4.404.

    Examples
    --------
    >>> direction_share(28, 3, no_difference=4)
    0.9032 (95 % CI 0.7425 to 0.9796) of the studies with a direction point in favour, p = 4.65e-06
      28 in favour, 3 against; 4 without difference, 0 mixed (not tested)
      exact sign test against one half, Clopper-Pearson limits
    """
    check_option("method", method, tuple(LIMITS))
    level = check_level(confidence_level)
    names = ("favouring", "against", "no_difference", "mixed")
    given = zip(names, (favouring, against, no_difference, mixed), strict=True)
    counts = {name: _count(name, value) for name, value in given}
    towards, k = counts["favouring"], counts["favouring"] + counts["against"]
    low, high = LIMITS[method](towards, k, (1.0 - level) / 2.0) if k else (0.0, 1.0)
    return DirectionShare(
        estimate=towards / k if k else math.nan,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        p_value=mcnemar_p(towards, counts["against"]),
        method=method,
        notes=() if k else ("no study has a direction: the share has no estimate",),
        **counts,
    )


def _count(name: str, value: int) -> int:
    count = whole_number(name, value)
    if count < 0:
        raise ValueError(f"{name} must be 0 or more studies, not {count}")
    return count


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CombinedP(SmallResult):
    """One-sided p-values of several studies taken together; there is no estimate of size."""

    fisher_p: float
    fisher_statistic: float
    stouffer_p: float
    stouffer_z: float
    k: int
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was tested, in words."""
        return (
            f"{self.k} one-sided p-values against the statement that there is "
            f"{NO_EFFECT_ANYWHERE}: a small p says that at least one study has an effect, not "
            "which, not how large, and not that most have one"
        )

    def _lines(self) -> list[str]:
        return [
            f"Fisher p = {self.fisher_p:.3g}, Stouffer p = {self.stouffer_p:.3g}, k = {self.k}",
            self.sentence,
            *(f"note: {note}" for note in self.notes),
        ]


def combine_one_sided(p_values: ArrayLike, *, weights: ArrayLike | None = None) -> CombinedP:
    r"""Combine exact one-sided p-values by Fisher's and by Stouffer's method.

    Parameters
    ----------
    p_values : array of shape (k,)
        One exact p a study, all one-sided in the same direction, strictly between 0 and 1: half of
        a two-sided p where the study points in favour, one minus half where it points against.
    weights : array of shape (k,), optional
        Weights of Stouffer's method, such as the root of the sample sizes; equal when left out.
        Fisher's takes none.

    Returns
    -------
    CombinedP

    Raises
    ------
    ValueError
        For fewer than two p-values, one that is missing, 0 or 1, or a weight not above 0.

    Notes
    -----
    The null of both is no effect in any study. Fisher: :math:`-2\sum\ln p_i`, chi-squared with
    2k df; one very small p can carry it. Stouffer: :math:`\sum w_i z_i/\sqrt{\sum w_i^2}`, which
    a study against the claim pulls back. Printed p-values are selected: significant ones are more
    often printed, so a small combined p must not raise anybody's confidence by itself.

    References
    ----------
    McKenzie & Brennan, Cochrane Handbook for Systematic Reviews of Interventions, chapter 12
    (combining p-values), https://training.cochrane.org/handbook/current/chapter-12. Computed by
    ``scipy.stats.combine_pvalues``.

    Examples
    --------
    >>> found = combine_one_sided([0.005, 0.0975, 0.765])
    >>> round(found.fisher_p, 4), round(found.stouffer_p, 4)
    (0.0149, 0.0345)
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or len(p) < 2:
        raise ValueError("p_values must be a list of at least two p-values")
    _inside(p, (p > 0) & (p < 1), "p_values must lie between 0 and 1")
    w = np.ones_like(p) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != p.shape:
        raise ValueError(f"weights must be as many as p_values, {len(p)}, not {w.size}")
    _inside(w, (w > 0) & np.isfinite(w), "weights must be above 0")
    fisher = combine_pvalues(p, method="fisher")
    stouffer = combine_pvalues(p, method="stouffer", weights=w)
    return CombinedP(
        fisher_p=float(fisher.pvalue),
        fisher_statistic=float(fisher.statistic),
        stouffer_p=float(stouffer.pvalue),
        stouffer_z=float(stouffer.statistic),
        k=len(p),
    )


def _inside(values: NDArray[np.float64], fine: NDArray[np.bool_], rule: str) -> None:
    if not fine.all():
        place = int(np.flatnonzero(~fine)[0])
        raise ValueError(f"{rule}; number {place + 1} is {values[place]:g}")


def contour_n(
    p_one_sided: ArrayLike, effect: float, *, measure: Measure = "two groups"
) -> NDArray[np.float64]:
    r"""Sample size at which an observed effect of this size has this one-sided p-value.

    Parameters
    ----------
    p_one_sided : array
        One-sided p-values, small where the study points in favour; strictly between 0 and 1.
    effect : float
        For "two groups" the difference of two means in standard deviations, both groups equally
        large; for "one group" the mean change in standard deviations of the change (before and
        after, or two sides of one body); for "correlation" a correlation. Negative effects are
        contours of the other wing, p above one half.
    measure : {"two groups", "one group", "correlation"}

    Returns
    -------
    array of the shape of ``p_one_sided``
        All people together (both groups), not rounded; nan where the effect and p lie on different
        sides, as no sample size leads there.

    Raises
    ------
    ValueError
        For an effect of 0 or one that is not finite, a correlation of 1 or beyond, and for p
        missing, 0 or 1.

    Notes
    -----
    The normal quantile of p is the effect over its large-sample standard error; solved for n:
    two groups :math:`n = z^2 (8 + d^2)/(2 d^2)`, one group :math:`n = z^2 (2 + d^2)/(2 d^2)`,
    correlation :math:`n = 1 + z^2 (1 - r^2)^2/r^2`. Below some ten people the p of a t-test
    departs from it. A contour reads off a rough size; it is no estimate.

    References
    ----------
    Harrison et al. (2017), doi 10.1002/jrsm.1239.

    Examples
    --------
    >>> contour_n([0.01, 0.05, 0.6], 0.5).round(1)
    array([89.3, 44.6,  nan])
    """
    check_option("measure", measure, get_args(Measure))
    p = np.asarray(p_one_sided, dtype=float)
    if not ((p > 0) & (p < 1)).all():
        wrong = p[~((p > 0) & (p < 1))].ravel()[0]
        raise ValueError(f"p_one_sided must lie between 0 and 1, not {wrong:g}")
    if not np.isfinite(effect) or effect == 0:
        raise ValueError(f"effect must be a number other than 0, not {effect:g}")
    z = -special.ndtri(p)
    square = np.where(np.sign(z) * np.sign(effect) < 0, np.nan, z**2)
    if measure == "correlation":
        if abs(effect) >= 1:
            raise ValueError(f"a correlation lies between -1 and 1, not {effect:g}")
        return np.asarray(1.0 + square * (1.0 - effect**2) ** 2 / effect**2)
    flat = 8.0 if measure == "two groups" else 2.0
    return np.asarray(square * (flat + effect**2) / (2.0 * effect**2))
