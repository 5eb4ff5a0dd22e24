"""Effect sizes of several studies with their sampling variances, and the check of the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from mnstudy.stats.result import SmallResult

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# A standardised effect this large is more often a standard error typed as a standard deviation.
IMPLAUSIBLE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EffectSizes(SmallResult):
    """One effect and its sampling variance per study.

    ``measure`` is the short code metafor's ``escalc`` uses where it knows the measure, ``method``
    says in words what the effect is and how its variance was taken.
    """

    effect: Array
    variance: Array
    measure: str
    method: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.effect)

    @property
    def std_error(self) -> Array:
        """Square root of the sampling variance."""
        return np.sqrt(self.variance)

    def to_frame(self) -> pd.DataFrame:
        """One row per study, nothing rounded."""
        values = {"effect": self.effect, "variance": self.variance, "measure": self.measure}
        return pd.DataFrame(values)

    def _lines(self) -> list[str]:
        pairs = zip(self.effect, self.std_error, strict=True)
        shown = ", ".join(f"{effect:.4g} (SE {error:.3g})" for effect, error in pairs)
        return [shown, self.method, *(f"note: {note}" for note in self.notes)]


def study_columns(**inputs: ArrayLike) -> list[Array]:
    """One float per study from each input; a single value stands for all studies.

    Raises
    ------
    ValueError
        When an input is no number, is missing in a study (both are named), or the lengths differ.
    """
    arrays = {name: _numbers(name, values) for name, values in inputs.items()}
    lengths = {len(array) for array in arrays.values()} - {1}
    if len(lengths) > 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ValueError(f"inputs differ in length ({sizes}); give one value per study or one")
    k = lengths.pop() if lengths else 1
    for name, array in arrays.items():
        require(np.isfinite(array), name, array, "a number in every study")
    return [np.array(np.broadcast_to(array, k)) for array in arrays.values()]


def _numbers(name: str, values: ArrayLike) -> Array:
    try:
        array = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers only, got {values!r}") from error
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must be one number, or a list with one number per study")
    return array


def require(good: Any, name: str, values: Array, rule: str) -> None:
    """Raise for the first study where ``good`` is false, naming input, study and value."""
    bad = np.flatnonzero(~np.asarray(good, dtype=bool))
    if len(bad):
        where = "" if len(values) == 1 else f" in study {bad[0] + 1} of {len(values)}"
        raise ValueError(f"{name} must be {rule}; it is {values[bad[0]]:g}{where}")


def require_sample(*, least: int = 2, **sizes: Array) -> None:
    """Require sample sizes that allow a variance, or a bias correction (3)."""
    for name, size in sizes.items():
        require(size >= least, name, size, f"at least {least}")


def require_spread(**spreads: Array) -> None:
    """Require every standard deviation to be above zero."""
    for name, spread in spreads.items():
        require(spread > 0, name, spread, "above 0")


def require_correlation(r: Array) -> None:
    """Require a within-person correlation inside (-1, 1)."""
    require(np.abs(r) < 1, "r", r, "between -1 and 1")


def small_sample_factor(df: Array) -> Array:
    r"""Hedges' exact correction of a standardised effect.

    .. math:: J(m) = \frac{\Gamma(m/2)}{\sqrt{m/2}\,\Gamma((m-1)/2)}

    References
    ----------
    Hedges (1981), doi 10.3102/10769986006002107.

    Examples
    --------
    >>> small_sample_factor(np.array([19.0])).round(4)
    array([0.9599])
    """
    return np.exp(gammaln(df / 2) - gammaln((df - 1) / 2) - np.log(df / 2) / 2)


def implausible(effect: Array) -> tuple[str, ...]:
    """Name the studies whose standardised effect is larger than trials give."""
    large = np.flatnonzero(np.abs(effect) > IMPLAUSIBLE)
    if not len(large):
        return ()
    studies = ", ".join(str(index + 1) for index in large)
    return (
        f"study {studies}: standardised effect beyond {IMPLAUSIBLE:g}; "
        "check that no standard error was given as a standard deviation",
    )
