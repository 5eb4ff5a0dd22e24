"""How far ratings agree, the error of one rating, and the change that it alone can produce."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import special, stats

from mnstudy.stats.mixed.design import Array, as_float
from mnstudy.stats.result import (
    SmallResult,
    check_level,
    check_number,
    check_option,
    interval,
    percent,
)

Form = Literal["2,1", "3,1"]
MEANING = {
    "2,1": "two-way, raters random, absolute agreement, one rating",
    "3,1": "two-way, raters fixed, consistency, one rating",
}
# What centring leaves of equal ratings is rounding, and would pass for disagreement.
ROUNDING = 1e-12
FAILS = "negative estimate: the approximate interval fails there, read it as no agreement"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IntraclassCorrelation(SmallResult):
    """Share of the variance of one rating that lies between subjects."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    form: Form
    method: str
    n_subjects: int
    n_raters: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [f"ICC({self.form}) {main}", *_rated(self)]


def icc(
    ratings: Any, *, form: Form = "2,1", confidence_level: float = 0.95
) -> IntraclassCorrelation:
    r"""Intraclass correlation of one rating by one rater.

    Parameters
    ----------
    ratings : array of shape (n_subjects, n_raters)
        Each rater (or each occasion, for test and retest) is a column. Subjects with a missing
        rating are left out and counted.
    form : {"2,1", "3,1"}
        "2,1": raters are a sample of raters and a rater who scores higher throughout counts as
        error (agreement). "3,1": these raters only, their level does not matter (consistency).
    confidence_level : float

    Returns
    -------
    IntraclassCorrelation

    Raises
    ------
    ValueError
        Fewer than two raters or complete subjects, or subjects that do not differ.

    Notes
    -----
    From the mean squares of subjects R, raters C and error E, n subjects and k raters:

    .. math:: ICC(2,1) = \frac{MS_R - MS_E}{MS_R + (k - 1) MS_E + \frac{k}{n}(MS_C - MS_E)},
              \quad ICC(3,1) = \frac{MS_R - MS_E}{MS_R + (k - 1) MS_E}.

    These are ICC(A,1) and ICC(C,1) of McGraw & Wong, whose F-intervals are used: exact for (3,1),
    with Satterthwaite's df for (2,1), which break down for negative estimates (noted).
    Ratings need a scale on which a mean makes sense, and the value depends on how much the subjects
    differ: it does not carry over to another population.

    References
    ----------
    McGraw & Wong (1996), doi 10.1037/1082-989X.1.1.30. Shrout & Fleiss (1979),
    doi 10.1037/0033-2909.86.2.420.

    Examples
    --------
    The six subjects and four judges of Shrout & Fleiss, table 2:

    >>> judged = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...           [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> icc(judged)
    ICC(2,1) 0.2898 (95 % CI 0.01879 to 0.7611)
      two-way, raters random, absolute agreement, one rating
      6 subjects by 4 raters, 0 subjects incomplete
    >>> round(icc(judged, form="3,1").estimate, 4)
    0.7148
    """
    squares, rated = mean_squares(ratings, form)
    level = check_level(confidence_level)
    n, k, between, raters, error = squares
    if between == error == 0:
        raise ValueError("subjects do not differ at all: the share of their variance is undefined")
    estimate = (between - error) / (between + (k - 1) * error + k / n * (raters - error))
    low = high = estimate
    notes: tuple[str, ...] = ("raters never differ: the interval has no width",)
    if raters or error:
        low, high = _limits(squares, form, estimate, (1.0 - level) / 2.0)
        notes = (FAILS,) if form == "2,1" and estimate < 0 else ()
    return IntraclassCorrelation(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        notes=notes,
        **rated,
    )


def _limits(squares: MeanSquares, form: Form, rho: float, tail: float) -> tuple[float, float]:
    n, k, between, raters, error = squares
    df = float((n - 1) * (k - 1))
    if form == "2,1":
        # Satterthwaite's df of a MS_C + b MS_E, with a and b multiplied by n (1 - ICC).
        a, b = k * rho * raters, (n + (n * k - n - k) * rho) * error
        df = (a + b) ** 2 / (a**2 / (k - 1) + b**2 / df)
    rest = k * raters + (k * n - k - n) * error
    low, high = float(stats.f.isf(tail, n - 1, df)), float(stats.f.isf(tail, df, n - 1))
    return (
        # Divided by the F value, which has no bound where a negative estimate leaves next to no df.
        n * (between / low - error) / (rest + n * between / low),
        n * (high * between - error) / (rest + n * high * between),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MeasurementError(SmallResult):
    """Standard error of measurement, and the smallest change it lets one detect.

    ``estimate`` is the standard error of measurement, in units of the score; ``sdc`` the change of
    one subject that exceeds noise at ``confidence_level``.
    """

    estimate: float
    sdc: float
    confidence_level: float
    form: Form
    method: str
    n_subjects: int
    n_raters: int
    n_missing: int

    def _lines(self) -> list[str]:
        change = f"{self.sdc:.4g} ({percent(self.confidence_level)})"
        return [f"SEM {self.estimate:.4g}, smallest detectable change {change}", *_rated(self)]


def measurement_error(
    ratings: Any, *, form: Form = "2,1", confidence_level: float = 0.95
) -> MeasurementError:
    r"""Noise of one rating, and the smallest change of a subject that exceeds it.

    Parameters
    ----------
    ratings, form
        As for ``icc``.
    confidence_level : float
        Of the smallest detectable change.

    Notes
    -----
    :math:`SEM = \sqrt{MS_E}` for (3,1), and with the raters' own variance
    :math:`\sqrt{MS_E + \max(0, (MS_C - MS_E) / n)}` for (2,1);
    :math:`SDC = z\,\sqrt{2}\,SEM`, 1.96 at 95 %. The SEM is in units of the score and, unlike
    the ICC, does not depend on how much subjects differ.

    References
    ----------
    de Vet et al. (2006), doi 10.1016/j.jclinepi.2005.10.015.

    Examples
    --------
    >>> measurement_error([[40, 45], [55, 50], [62, 66], [30, 31], [75, 70]], form="3,1")
    SEM 3.391, smallest detectable change 9.4 (95 %)
      two-way, raters fixed, consistency, one rating
      5 subjects by 2 raters, 0 subjects incomplete
    """
    squares, rated = mean_squares(ratings, form)
    sem = math.sqrt(squares.error + max(0.0, squares.raters - squares.error) / squares.n)
    return MeasurementError(
        estimate=sem,
        sdc=smallest_detectable_change(sem, confidence_level=confidence_level),
        confidence_level=confidence_level,
        **rated,
    )


def smallest_detectable_change(sem: float, *, confidence_level: float = 0.95) -> float:
    r"""Change of one subject that measurement noise exceeds with chance 1 - level only.

    .. math:: SDC = z\,\sqrt{2}\,SEM

    Parameters
    ----------
    sem : float
        Standard error of measurement, such as :math:`SD \sqrt{1 - ICC}` from a publication.
    confidence_level : float

    References
    ----------
    de Vet et al. (2006), doi 10.1016/j.jclinepi.2005.10.015.

    Examples
    --------
    >>> round(smallest_detectable_change(3.0), 3)
    8.315
    """
    check_number(sem=sem)
    if sem < 0:
        raise ValueError(f"sem must be a number from 0 up, not {sem}")
    z = -float(special.ndtri((1.0 - check_level(confidence_level)) / 2.0))
    return z * math.sqrt(2.0) * sem


class MeanSquares(NamedTuple):
    """Two-way analysis of variance without replication: n subjects, k raters."""

    n: int
    k: int
    subjects: float
    raters: float
    error: float


def mean_squares(ratings: Any, form: Form) -> tuple[MeanSquares, dict[str, Any]]:
    """Mean squares of complete subjects, and what the result says of the ratings.

    For consistency (3,1) raters do not differ beyond error.

    Examples
    --------
    >>> mean_squares([[1, 2], [3, 4], [5, 9]], "2,1")[0]
    MeanSquares(n=3, k=2, subjects=15.5, raters=6.0, error=1.5)
    """
    check_option("form", form, tuple(MEANING))
    table = as_float(ratings, "ratings")
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(
            "ratings must be a table of subjects by at least two raters, "
            f"not of shape {table.shape}"
        )
    if np.isinf(table).any():
        raise ValueError("ratings hold infinite values; mark missing ratings as nan")
    complete = table[~np.isnan(table).any(axis=1)]
    n, k = complete.shape
    if n < 2:
        raise ValueError(f"{n} of {len(table)} subjects are rated by all; at least two are needed")
    if (size := float(np.abs(complete).max())) and not 1e-140 < size < 1e140:
        raise ValueError(f"ratings reach {size:g}: change their unit")
    if np.ptp(complete) == 0:
        raise ValueError("all ratings are equal: reliability has no meaning without differences")
    by_subject, by_rater = complete.mean(axis=1), complete.mean(axis=0)
    rest = complete - by_subject[:, None] - by_rater + complete.mean()
    rest[np.abs(rest) < ROUNDING * size] = 0.0
    error = float((rest**2).sum() / ((n - 1) * (k - 1)))
    raters = n * _variance(by_rater, size) if form == "2,1" else error
    rated = {"form": form, "method": MEANING[form], "n_subjects": n, "n_raters": k}
    squares = MeanSquares(n, k, k * _variance(by_subject, size), raters, error)
    return squares, {**rated, "n_missing": len(table) - n}


def _rated(found: IntraclassCorrelation | MeasurementError) -> list[str]:
    counted = f"{found.n_subjects} subjects by {found.n_raters} raters"
    return [found.method, f"{counted}, {found.n_missing} subjects incomplete"]


def _variance(means: Array, size: float) -> float:
    return 0.0 if np.ptp(means) < ROUNDING * size else float(means.var(ddof=1))
