"""How far ratings agree, the error of one rating, and the change that it alone can produce.

Agreement of grades is ``weighted_kappa``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import special, stats

from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.stats.mixed.design import Array, as_float
from mnstudy.stats.result import SmallResult, check_level, check_option, interval, percent

Form = Literal["2,1", "3,1"]
FORMS: tuple[str, ...] = get_args(Form)
MEANING = {
    "2,1": "two-way, raters random, absolute agreement, one rating",
    "3,1": "two-way, raters fixed, consistency, one rating",
}
# What centring leaves of equal ratings is rounding, and would pass for disagreement.
ROUNDING = 1e-12
Better = Literal["higher", "lower"]


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
        return [
            f"ICC({self.form}) {main}",
            self.method,
            f"{self.n_subjects} subjects by {self.n_raters} raters, {self.n_missing} "
            "subjects incomplete",
            *(f"note: {note}" for note in self.notes),
        ]


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
    check_option("form", form, FORMS)
    level = check_level(confidence_level)
    squares = mean_squares(ratings)
    if squares.subjects == 0 and squares.error == 0:
        raise ValueError("subjects do not differ at all: the share of their variance is undefined")
    tail = (1.0 - level) / 2.0
    found = _agreement(squares, tail) if form == "2,1" else _consistency(squares, tail)
    return IntraclassCorrelation(
        estimate=found[0],
        ci_low=found[1],
        ci_high=found[2],
        confidence_level=level,
        form=form,
        method=MEANING[form],
        n_subjects=squares.n,
        n_raters=squares.k,
        n_missing=squares.n_missing,
        notes=_notes(squares, form, found[0]),
    )


def _notes(squares: MeanSquares, form: Form, estimate: float) -> tuple[str, ...]:
    if squares.error == 0 and (form == "3,1" or squares.raters == 0):
        return ("raters never differ: the interval has no width",)
    if form == "2,1" and estimate < 0:
        return ("negative estimate: the approximate interval fails there, read it as no agreement",)
    return ()


def _consistency(squares: MeanSquares, tail: float) -> tuple[float, float, float]:
    n, k = squares.n, squares.k
    between, error = squares.subjects, squares.error
    estimate = (between - error) / (between + (k - 1) * error)
    lower = float(stats.f.isf(tail, n - 1, (n - 1) * (k - 1))) * error
    upper = error / float(stats.f.isf(tail, (n - 1) * (k - 1), n - 1))
    return (
        estimate,
        (between - lower) / (between + (k - 1) * lower),
        (between - upper) / (between + (k - 1) * upper),
    )


def _agreement(squares: MeanSquares, tail: float) -> tuple[float, float, float]:
    n, k = squares.n, squares.k
    between, raters, error = squares.subjects, squares.raters, squares.error
    estimate = (between - error) / (between + (k - 1) * error + k / n * (raters - error))
    if error == 0 and raters == 0:
        return estimate, estimate, estimate
    # Satterthwaite's df of a MS_C + b MS_E, with a and b multiplied by n (1 - ICC).
    a, b = k * estimate * raters, (n + (n * k - n - k) * estimate) * error
    df = (a + b) ** 2 / (a**2 / (k - 1) + b**2 / ((n - 1) * (k - 1)))
    rest = k * raters + (k * n - k - n) * error
    low, high = float(stats.f.isf(tail, n - 1, df)), float(stats.f.isf(tail, df, n - 1))
    return (
        estimate,
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
        return [
            f"SEM {self.estimate:.4g}, smallest detectable change {self.sdc:.4g} "
            f"({percent(self.confidence_level)})",
            self.method,
            f"{self.n_subjects} subjects by {self.n_raters} raters, {self.n_missing} "
            "subjects incomplete",
        ]


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
    check_option("form", form, FORMS)
    squares = mean_squares(ratings)
    between_raters = max(0.0, (squares.raters - squares.error) / squares.n)
    sem = math.sqrt(squares.error + (between_raters if form == "2,1" else 0.0))
    return MeasurementError(
        estimate=sem,
        sdc=smallest_detectable_change(sem, confidence_level=confidence_level),
        confidence_level=confidence_level,
        form=form,
        method=MEANING[form],
        n_subjects=squares.n,
        n_raters=squares.k,
        n_missing=squares.n_missing,
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
    if not (math.isfinite(sem) and sem >= 0):
        raise ValueError(f"sem must be a number from 0 up, not {sem}")
    z = -float(special.ndtri((1.0 - check_level(confidence_level)) / 2.0))
    return z * math.sqrt(2.0) * sem


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BeyondNoise(SmallResult):
    """Share of patients who are better by more than the smallest detectable change."""

    estimate: float
    ci_low: float
    ci_high: float
    confidence_level: float
    sdc: float
    better: Better
    n_better: int
    n_within: int
    n_worse: int
    n: int
    n_missing: int

    def _lines(self) -> list[str]:
        main = interval(self.estimate, self.ci_low, self.ci_high, self.confidence_level)
        return [
            f"{main} better by more than {self.sdc:.4g}",
            f"{self.n_better} better, {self.n_within} within noise, {self.n_worse} worse of "
            f"{self.n}, {self.n_missing} missing; Clopper-Pearson limits",
        ]


def share_beyond_noise(
    change: Any, sdc: float, *, better: Better = "higher", confidence_level: float = 0.95
) -> BeyondNoise:
    """Share of patients whose change exceeds the smallest detectable change.

    Parameters
    ----------
    change : array of shape (n,)
        Change after minus before, one per patient; missing values are left out and counted.
    sdc : float
        Smallest detectable change, from ``measurement_error``, in the units of the change.
    better : {"higher", "lower"}
        Whether a rise or a fall is an improvement.
    confidence_level : float

    Returns
    -------
    BeyondNoise

    Raises
    ------
    ValueError
        No change given, or sdc below 0.

    Notes
    -----
    A change must exceed sdc; one equal to it is within noise. Of patients who did not change at
    all about 2.5 % exceed a 95 % sdc on either side, so a share that small is no evidence. The
    uncertainty of sdc itself is not in the limits.

    References
    ----------
    de Vet et al. (2006), doi 10.1016/j.jclinepi.2005.10.015.

    Examples
    --------
    >>> share_beyond_noise([12, 3, -2, 15, 9, -10, float("nan")], sdc=8.4)
    0.5 (95 % CI 0.1181 to 0.8819) better by more than 8.4
      3 better, 2 within noise, 1 worse of 6, 1 missing; Clopper-Pearson limits
    """
    check_option("better", better, ("higher", "lower"))
    level = check_level(confidence_level)
    if not (math.isfinite(sdc) and sdc >= 0):
        raise ValueError(f"sdc must be a number from 0 up, not {sdc}")
    values = as_float(change, "change")
    if values.ndim != 1:
        raise ValueError("change must be a list, one number per patient")
    known = values[~np.isnan(values)]
    n = len(known)
    if n == 0:
        raise ValueError(f"no change is known among the {len(values)} given")
    gain = known if better == "higher" else -known
    n_better, n_worse = int((gain > sdc).sum()), int((gain < -sdc).sum())
    low, high = exact_limits(n_better, n, (1.0 - level) / 2.0)
    return BeyondNoise(
        estimate=n_better / n,
        ci_low=low,
        ci_high=high,
        confidence_level=level,
        sdc=float(sdc),
        better=better,
        n_better=n_better,
        n_within=n - n_better - n_worse,
        n_worse=n_worse,
        n=n,
        n_missing=len(values) - n,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Two-way analysis of variance without replication: n subjects, k raters."""

    subjects: float
    raters: float
    error: float
    n: int
    k: int
    n_missing: int


def mean_squares(ratings: Any) -> MeanSquares:
    """Mean squares of complete subjects; the incomplete are counted.

    Examples
    --------
    >>> mean_squares([[1, 2], [3, 4], [5, 9]])
    MeanSquares(subjects=15.5, raters=6.0, error=1.5, n=3, k=2, n_missing=0)
    """
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
    if np.ptp(complete) == 0:
        raise ValueError("all ratings are equal: reliability has no meaning without differences")
    by_subject, by_rater = complete.mean(axis=1), complete.mean(axis=0)
    rest = complete - by_subject[:, None] - by_rater + complete.mean()
    size = float(np.abs(complete).max())
    rest[np.abs(rest) < ROUNDING * size] = 0.0
    return MeanSquares(
        subjects=k * _variance(by_subject, size),
        raters=n * _variance(by_rater, size),
        error=float((rest**2).sum() / ((n - 1) * (k - 1))),
        n=n,
        k=k,
        n_missing=len(table) - n,
    )


def _variance(means: Array, size: float) -> float:
    return 0.0 if np.ptp(means) < ROUNDING * size else float(means.var(ddof=1))
