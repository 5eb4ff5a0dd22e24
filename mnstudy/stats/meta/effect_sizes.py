"""Effect sizes with sampling variances, study by study, ready for ``pool``.

Every function takes one value or one list of values per argument and gives an ``EffectSizes``.
Differences are always first minus second: treated minus control, after minus before. Missing
values are refused by name, never dropped.

============================  ==================================================  ==============
function                      effect                                              metafor
============================  ==================================================  ==============
``standardised_mean_change``  one group before and after, in SD                   SMCR, SMCC
``hedges_g``                  two groups, in pooled SD                            SMD
``hedges_g_paired``           two sides of the same patients, in pooled SD        none in 3.8
``mean_difference``           two groups or the same patients, in points          MD, MC
``single_mean``               one mean                                            MN
``mean_percent_change``       change of the mean in percent                       ROMC, in percent
``log_odds_ratio``            two groups or the same patients                     OR, MPORM
``risk_difference_effect``    two groups or the same patients                     RD, MPRD
``arcsine_proportion``        one proportion, arcsine                             PFT, PAS
============================  ==================================================  ==============

Effects of means are here, those of counts (the last four) in ``effect_counts``. Where the effect
needs a correlation within people, ``correlation_from_change_sd`` and ``correlation_from_paired_p``
read it off printed figures, and ``correlation_bounds_of_counts`` bounds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, stdtrit

from mnstudy.stats.result import SmallResult, check_aligned, check_option

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# A standardised effect this large is more often a standard error typed as a standard deviation.
IMPLAUSIBLE = 3.0
HUGE = 1e100
ROUNDING = 1e-9


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
        return [shown, self.method]


def standardised_mean_change(
    mean_after: ArrayLike,
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    *,
    sd_after: ArrayLike | None = None,
    standardiser: Literal["raw", "change"] = "raw",
) -> EffectSizes:
    r"""Change of one group in standard deviations, bias-corrected.

    Parameters
    ----------
    mean_after, mean_before, sd_before : float or array
        Mean after and before, and standard deviation before, in the scale's own points.
    n : float or array
        Patients measured at both times.
    r : float or array
        Correlation of a patient's two values; rarely printed: pool under several, say 0.3 to 0.7.
    sd_after : float or array, optional
        Needed for ``standardiser="change"``.
    standardiser : {"raw", "change"}
        Divide by the standard deviation before (comparable with Hedges' g), or by that of the
        change scores (larger when r is high; not comparable with g).

    Notes
    -----
    raw: :math:`g = J(n-1)(m_1 - m_0)/s_0`, variance :math:`2(1-r)/n + g^2/(2n)`.
    change: :math:`g = J(n-1)(m_1 - m_0)/s_d`, :math:`s_d^2 = s_1^2 + s_0^2 - 2 r s_1 s_0`,
    variance :math:`1/n + g^2/(2n)`. metafor: ``SMCR`` and ``SMCC``. The raw variance takes the
    two standard deviations as equal. A change without a control group holds natural healing and
    regression to the mean as well.

    References
    ----------
    Becker (1988), doi 10.1111/j.2044-8317.1988.tb00901.x.
    Gibbons et al. (1993), doi 10.3102/10769986018003271.

    Examples
    --------
    >>> standardised_mean_change(12, 10, 3, 20, 0.5)
    0.6399 (SE 0.245)
      mean change in standard deviations before, bias-corrected
    """
    check_option("standardiser", standardiser, ("raw", "change"))
    if standardiser == "change" and sd_after is None:
        raise ValueError('standardiser="change" needs sd_after, the standard deviation after')
    after, before, sd0, size, corr, sd1 = study_columns(
        mean_after=mean_after,
        mean_before=mean_before,
        sd_before=sd_before,
        n=n,
        r=r,
        sd_after=sd_before if sd_after is None else sd_after,
    )
    require_spread(sd_before=sd0, sd_after=sd1)
    require_sample(n=size, least=3)
    require_correlation(corr)
    raw = standardiser == "raw"
    unit = sd0 if raw else np.sqrt(sd1**2 + sd0**2 - 2 * corr * sd1 * sd0)
    effect = small_sample_factor(size - 1) * (after - before) / unit
    words = "standard deviations before" if raw else "standard deviations of the change"
    return EffectSizes(
        effect=effect,
        variance=(2 * (1 - corr) if raw else 1.0) / size + effect**2 / (2 * size),
        measure="SMCR" if raw else "SMCC",
        method=f"mean change in {words}, bias-corrected",
        notes=implausible(effect),
    )


def hedges_g(
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n0: ArrayLike,
) -> EffectSizes:
    r"""Difference of two separate groups in pooled standard deviations, bias-corrected.

    Notes
    -----
    .. math:: g = J(m)\,\frac{\bar x_1 - \bar x_0}{s_p},\quad m = n_1 + n_0 - 2,\quad
              v = \frac{1}{n_1} + \frac{1}{n_0} + \frac{g^2}{2(n_1 + n_0)}

    metafor: ``SMD`` with ``vtype="LS"``.

    References
    ----------
    Hedges (1981), doi 10.3102/10769986006002107.

    Examples
    --------
    >>> hedges_g(62, 18, 20, 50, 20, 20)
    0.6182 (SE 0.324)
      difference in pooled standard deviations (Hedges' g)
    """
    m1, s1, size1, m0, s0, size0 = study_columns(
        mean1=mean1, sd1=sd1, n1=n1, mean0=mean0, sd0=sd0, n0=n0
    )
    require_spread(sd1=s1, sd0=s0)
    require_sample(n1=size1, n0=size0)
    df = size1 + size0 - 2
    pooled = np.sqrt(((size1 - 1) * s1**2 + (size0 - 1) * s0**2) / df)
    effect = small_sample_factor(df) * (m1 - m0) / pooled
    return EffectSizes(
        effect=effect,
        variance=1 / size1 + 1 / size0 + effect**2 / (2 * (size1 + size0)),
        measure="SMD",
        method="difference in pooled standard deviations (Hedges' g)",
        notes=implausible(effect),
    )


def hedges_g_paired(
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
) -> EffectSizes:
    r"""Difference of two sides of the same patients in pooled standard deviations.

    Parameters
    ----------
    mean1, sd1, mean0, sd0 : float or array
        Treated and control side.
    n : float or array
        Patients, each with both sides.
    r : float or array
        Correlation between the two sides of a patient.

    Notes
    -----
    .. math:: g = J(m)\,\frac{\bar x_1 - \bar x_0}{s},\quad s^2 = \frac{s_1^2 + s_0^2}{2},\quad
              m = \frac{2(n-1)}{1+r^2}

    .. math:: v = \frac{s_1^2 + s_0^2 - 2 r s_1 s_0}{(n-1)\,s^2}
              + \frac{g^2 (s_1^4 + s_0^4 + 2 r^2 s_1^2 s_0^2)}{8 (n-1)\,s^4}

    The variance is Bonett's; m is the df of :math:`s^2` when both sides share one standard
    deviation. The unit is that of ``hedges_g``, so split-body and two-group trials can be pooled.

    References
    ----------
    Bonett (2008), doi 10.1037/1082-989X.13.2.99. Becker (1988),
    doi 10.1111/j.2044-8317.1988.tb00901.x.

    Examples
    --------
    >>> hedges_g_paired(62, 18, 50, 20, 20, r=0.5)
    0.615 (SE 0.243)
      difference of two sides in pooled standard deviations (Hedges' g, paired)
    """
    m1, s1, m0, s0, size, corr = study_columns(mean1=mean1, sd1=sd1, mean0=mean0, sd0=sd0, n=n, r=r)
    require_spread(sd1=s1, sd0=s0)
    require_sample(n=size, least=3)
    require_correlation(corr)
    a, b = s1**2, s0**2
    square = (a + b) / 2
    effect = small_sample_factor(2 * (size - 1) / (1 + corr**2)) * (m1 - m0) / np.sqrt(square)
    shift = (a + b - 2 * corr * s1 * s0) / ((size - 1) * square)
    scale = effect**2 * (a**2 + b**2 + 2 * corr**2 * a * b) / (8 * (size - 1) * square**2)
    return EffectSizes(
        effect=effect,
        variance=shift + scale,
        measure="SMDP",
        method="difference of two sides in pooled standard deviations (Hedges' g, paired)",
        notes=implausible(effect),
    )


def mean_difference(
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean0: ArrayLike,
    sd0: ArrayLike,
    n0: ArrayLike,
    *,
    r: ArrayLike | None = None,
) -> EffectSizes:
    r"""Difference of two means in the scale's own points.

    Parameters
    ----------
    mean1, sd1, n1, mean0, sd0, n0 : float or array
        First and second group, side or time.
    r : float or array, optional
        Correlation within a patient. Given, the two means are of the same patients (n1 = n0).

    Notes
    -----
    Separate groups: :math:`v = s_1^2/n_1 + s_0^2/n_0` (metafor ``MD``). Same patients:
    :math:`v = (s_1^2 + s_0^2 - 2 r s_1 s_0)/n` (metafor ``MC``).

    References
    ----------
    Elbourne et al. (2002), doi 10.1093/ije/31.1.140.

    Examples
    --------
    >>> mean_difference(62, 18, 20, 50, 20, 20, r=0.5)
    12 (SE 4.27)
      mean difference of the same patients
    """
    m1, s1, size1, m0, s0, size0, corr = study_columns(
        mean1=mean1, sd1=sd1, n1=n1, mean0=mean0, sd0=sd0, n0=n0, r=0.0 if r is None else r
    )
    require_spread(sd1=s1, sd0=s0)
    require_sample(n1=size1, n0=size0)
    require_correlation(corr)
    if r is not None:
        require(size1 == size0, "n0", size0, "equal to n1 when r is given (the same patients)")
    variance = s1**2 / size1 + s0**2 / size0 - 2 * corr * s1 * s0 / np.sqrt(size1 * size0)
    return EffectSizes(
        effect=m1 - m0,
        variance=variance,
        measure="MD" if r is None else "MC",
        method=f"mean difference of {'separate groups' if r is None else 'the same patients'}",
    )


def single_mean(mean: ArrayLike, sd: ArrayLike, n: ArrayLike) -> EffectSizes:
    r"""Mean of one group, variance :math:`s^2/n` (metafor ``MN``).

    Use it for a mean percent improvement that patients or raters gave directly.

    References
    ----------
    Viechtbauer (2010), doi 10.18637/jss.v036.i03.

    Examples
    --------
    >>> single_mean(62, 18, 20)
    62 (SE 4.02)
      mean of one group
    """
    mean_, sd_, size = study_columns(mean=mean, sd=sd, n=n)
    require_spread(sd=sd_)
    require_sample(n=size)
    return EffectSizes(
        effect=mean_, variance=sd_**2 / size, measure="MN", method="mean of one group"
    )


def mean_percent_change(
    mean_after: ArrayLike,
    sd_after: ArrayLike,
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
) -> EffectSizes:
    r"""Change of the group's mean in percent of the mean before; negative is a fall.

    Notes
    -----
    .. math:: 100\left(\frac{m_1}{m_0} - 1\right),\quad v = \left(100\frac{m_1}{m_0}\right)^2
              \frac{1}{n}\left(\frac{s_1^2}{m_1^2} + \frac{s_0^2}{m_0^2}
              - \frac{2 r s_1 s_0}{m_1 m_0}\right)

    The delta method on the log ratio (metafor ``ROMC``), brought to percent. It is the change of
    the mean, not the mean of the patients' changes; for that use ``single_mean``. Both means must
    be above 0 on a scale with a true zero.

    References
    ----------
    Lajeunesse (2011), doi 10.1890/11-0423.1.

    Examples
    --------
    >>> mean_percent_change(6, 2, 10, 2.5, 30, r=0.5)
    -40 (SE 3.29)
      change of the mean in percent of the mean before
    """
    m1, s1, m0, s0, size, corr = study_columns(
        mean_after=mean_after,
        sd_after=sd_after,
        mean_before=mean_before,
        sd_before=sd_before,
        n=n,
        r=r,
    )
    require_spread(mean_after=m1, sd_after=s1, mean_before=m0, sd_before=s0)
    require_sample(n=size)
    require_correlation(corr)
    c1, c0 = s1 / m1, s0 / m0
    relative = (c1**2 + c0**2 - 2 * corr * c1 * c0) / size
    return EffectSizes(
        effect=100 * (m1 / m0 - 1),
        variance=(100 * m1 / m0) ** 2 * relative,
        measure="PCTCHANGE",
        method="change of the mean in percent of the mean before",
    )


def correlation_from_change_sd(sd1: ArrayLike, sd2: ArrayLike, sd_change: ArrayLike) -> Array:
    r"""Correlation within people that three printed standard deviations imply.

    Parameters
    ----------
    sd1, sd2 : float or array of shape (k,)
        Standard deviations of the same people before and after, or on two sides.
    sd_change : float or array of shape (k,)
        Standard deviation of their differences, in the same points.

    Returns
    -------
    array of shape (k,)

    Raises
    ------
    ValueError
        For one that is missing or not above 0, and where the three cannot be of the same people:
        the correlation would lie outside -1 to 1.

    Notes
    -----
    .. math:: r = \frac{s_1^2 + s_2^2 - s_d^2}{2 s_1 s_2}

    References
    ----------
    Cochrane Handbook for Systematic Reviews of Interventions, section 6.5.2.8.

    Examples
    --------
    >>> correlation_from_change_sd(3.23, 2.27, 1.88).round(3)
    array([0.822])
    """
    s1, s2, change = study_columns(sd1=sd1, sd2=sd2, sd_change=sd_change)
    require_spread(sd1=s1, sd2=s2, sd_change=change)
    rule = "from the difference of sd1 and sd2 to their sum (a correlation of -1 to 1)"
    return _correlation(s1, s2, change, "sd_change", change, rule)


def correlation_from_paired_p(
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n: ArrayLike,
    p: ArrayLike,
) -> Array:
    r"""Correlation within people that the p-value of a paired t test implies.

    Parameters
    ----------
    mean1, sd1, mean2, sd2 : float or array of shape (k,)
        The same people before and after, or on two sides, in the scale's own points.
    n : float or array of shape (k,)
        People with both.
    p : float or array of shape (k,)
        Exact two-sided p-value of the difference; its rounding is passed on to the correlation.

    Returns
    -------
    array of shape (k,)

    Raises
    ------
    ValueError
        For a figure that is missing, a spread not above 0, fewer than 2 people, equal means (their
        p is 1 whatever the correlation), p not between 0 and 1, and a p that no paired t test of
        these figures has: the correlation would lie outside -1 to 1.

    Notes
    -----
    :math:`s_d = \sqrt n\,|\bar x_1 - \bar x_2|/t` with t the quantile of :math:`1 - p/2` at n - 1
    degrees of freedom, then as in ``correlation_from_change_sd``.

    References
    ----------
    Cochrane Handbook for Systematic Reviews of Interventions, sections 6.5.2.3 and 6.5.2.8.

    Examples
    --------
    >>> correlation_from_paired_p(3, 1.655, 4.03, 2.012, 20, 0.02).round(3)
    array([0.525])
    """
    m1, s1, m2, s2, size, chance = study_columns(mean1=mean1, sd1=sd1, mean2=mean2, sd2=sd2,
                                                 n=n, p=p)  # fmt: skip
    require_spread(sd1=s1, sd2=s2)
    require_sample(n=size)
    require((chance > 0) & (chance < 1), "p", chance, "between 0 and 1")
    require(m1 != m2, "mean2", m2, "other than mean1")
    change = np.sqrt(size) * np.abs(m1 - m2) / -stdtrit(size - 1, chance / 2)
    rule = "one that a paired t test of these figures can have (a correlation of -1 to 1)"
    return _correlation(s1, s2, change, "p", chance, rule)


def _correlation(s1: Array, s2: Array, change: Array, name: str, given: Array, rule: str) -> Array:
    """Correlation from three standard deviations; refuse what gives one outside -1 to 1."""
    r = (s1**2 + s2**2 - change**2) / (2 * s1 * s2)
    require(np.abs(r) <= 1 + ROUNDING, name, given, rule)
    return np.clip(r, -1.0, 1.0)


def study_columns(**inputs: ArrayLike) -> list[Array]:
    """One float per study from each input; a single value stands for all studies.

    Raises
    ------
    ValueError
        When an input is no number, is missing in a study (both are named), or the lengths differ.
    """
    check_aligned(**inputs)
    arrays = {name: _numbers(name, values) for name, values in inputs.items()}
    lengths = {len(array) for array in arrays.values()} - {1}
    if len(lengths) > 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ValueError(f"inputs differ in length ({sizes}); give one value per study or one")
    k = lengths.pop() if lengths else 1
    for name, array in arrays.items():
        require(np.isfinite(array), name, array, "a number in every study")
    return [np.array(np.broadcast_to(array, k)) for array in arrays.values()]


def weighted_studies(effects: ArrayLike, variances: ArrayLike) -> list[Array]:
    """One effect and one variance above 0 per study, of sizes whose squares are numbers still."""
    y, v = study_columns(effects=effects, variances=variances)
    require(v > 0, "variances", v, "above 0")
    require((v > 1 / HUGE) & (v < HUGE), "variances", v, f"from {1 / HUGE:g} to {HUGE:g}: rescale")
    require(np.abs(y) < HUGE, "effects", y, f"below {HUGE:g} in size: rescale")
    return [y, v]


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
