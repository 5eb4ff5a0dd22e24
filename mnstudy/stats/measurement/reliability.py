"""Agreement of rated scores, and the change that noise alone can produce.

``weighted_kappa`` is for grades, ``icc`` and ``measurement_error`` for scores;
``share_beyond_noise`` counts the patients whose change exceeds the smallest detectable one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy import stats

from mnstudy.stats.measurement.kappa import WeightedKappa, weighted_kappa
from mnstudy.stats.measurement.reliability_error import (
    MeasurementError,
    measurement_error,
    smallest_detectable_change,
)
from mnstudy.stats.measurement.reliability_noise import BeyondNoise, share_beyond_noise
from mnstudy.stats.measurement.reliability_squares import (
    FORMS,
    MEANING,
    Form,
    MeanSquares,
    mean_squares,
)
from mnstudy.stats.result import SmallResult, check_level, check_option, interval

__all__ = [
    "BeyondNoise",
    "IntraclassCorrelation",
    "MeasurementError",
    "WeightedKappa",
    "icc",
    "measurement_error",
    "share_beyond_noise",
    "smallest_detectable_change",
    "weighted_kappa",
]


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
