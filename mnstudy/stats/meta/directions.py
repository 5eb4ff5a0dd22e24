"""Studies that print only which way they point, or only a p-value.

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
from scipy.stats import binomtest

from mnstudy.stats.counts.proportions import LIMITS, whole_number
from mnstudy.stats.result import SmallResult, check_level, check_number, check_option, interval

Measure = Literal["two groups", "one group", "correlation"]
_WORDS = {"clopper-pearson": "Clopper-Pearson", "wilson": "Wilson"}


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
    Two-sided binomial test (``scipy.stats.binomtest``) that a study with a direction is as likely
    to point either way. It answers whether there is evidence of an effect in one direction; it
    says nothing about size and weighs a study of 5 people like one of 120.

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
        p_value=float(binomtest(towards, k).pvalue) if k else 1.0,
        method=method,
        notes=() if k else ("no study has a direction: the share has no estimate",),
        **counts,
    )


def _count(name: str, value: int) -> int:
    count = whole_number(name, value)
    if count < 0:
        raise ValueError(f"{name} must be 0 or more studies, not {count}")
    return count


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
    check_number(effect=effect)
    if effect == 0:
        raise ValueError(f"effect must be a number other than 0, not {effect:g}")
    z = -special.ndtri(p)
    square = np.where(np.sign(z) * np.sign(effect) < 0, np.nan, z**2)
    if measure == "correlation":
        if abs(effect) >= 1:
            raise ValueError(f"a correlation lies between -1 and 1, not {effect:g}")
        return np.asarray(1.0 + square * (1.0 - effect**2) ** 2 / effect**2)
    flat = 8.0 if measure == "two groups" else 2.0
    return np.asarray(square * (flat + effect**2) / (2.0 * effect**2))
