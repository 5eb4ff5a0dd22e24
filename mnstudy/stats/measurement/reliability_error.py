"""The error of one rating, and the change that it can produce."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy import special

from mnstudy.stats.measurement.reliability_squares import FORMS, MEANING, Form, mean_squares
from mnstudy.stats.result import SmallResult, check_level, check_option, percent


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
