"""What a group of pooled studies shows besides its estimate: heterogeneity, asymmetry, leverage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import ndtri

from mnstudy.stats.meta.between_studies import i_squared
from mnstudy.stats.meta.pooling import Pooled
from mnstudy.stats.meta.small_studies import Egger, egger
from mnstudy.verdicts.evidence.effects import R_SHOWN, effects
from mnstudy.verdicts.evidence.groups import StudyGroup, counts_add_up, estimate_group
from mnstudy.verdicts.finding.finding import Estimate
from mnstudy.verdicts.finding.judge import Verdict, judge

HETEROGENEITY = (
    "prediction_low", "prediction_high", "tau2", "tau2_low", "tau2_high", "i2", "i2_low", "i2_high",
)  # fmt: skip
AGAINST_NULL = ("superiority", "difference")  # rules that ask for an effect, not for a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The estimate of a group without one of its studies, and what its interval would say."""

    label: str
    estimate: Estimate
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledChecks:
    """The estimate of a group and what bears on how far to trust it, in the unit shown.

    ``found`` is the verdict on interval and margin alone. Heterogeneity is nan where nothing is
    pooled (one study) or counts are added up; ``tau2`` is on the scale the measure is pooled on,
    ``i2`` in percent.
    """

    estimate: Estimate
    pooled: Pooled
    found: Verdict
    prediction_low: float
    prediction_high: float
    tau2: float
    tau2_low: float
    tau2_high: float
    i2: float
    i2_low: float
    i2_high: float
    egger: Egger | None
    left_out: tuple[LeftOut, ...]


def checks(group: StudyGroup, *, egger_studies: int, r: float = R_SHOWN) -> PooledChecks:
    """Estimate a group, judge the interval alone, and look at its studies one by one.

    Parameters
    ----------
    group : StudyGroup
    egger_studies : int
        Studies from which the funnel is tested.
    r : float
        Correlation within the person assumed for paired contrasts.
    """
    estimate, pooled = estimate_group(group, r)
    several = len(group.rows) > 1
    return PooledChecks(
        estimate=estimate,
        pooled=pooled,
        found=on_interval(group, estimate),
        egger=_asymmetry(group, r) if len(group.rows) >= egger_studies else None,
        left_out=_left_out(group, r) if several else (),
        **_heterogeneity(group, pooled, r),
    )


def on_interval(group: StudyGroup, estimate: Estimate) -> Verdict:
    """Judge interval and margin alone, as if the design could carry any verdict."""
    measure = group.measure
    return judge(
        estimate,
        rule=measure.rule,
        margin=measure.margin,
        null=measure.null,
        harm=harm(group),
        comparison="rate",
    )


def line(group: StudyGroup) -> float:
    """Return the value that separates for and against: no effect, or the limit of the rule."""
    measure = group.measure
    return measure.null if measure.rule in AGAINST_NULL else measure.margin


def thresholds(group: StudyGroup) -> dict[str, float]:
    """Return the values an interval must not hold to settle the claim."""
    measure = group.measure
    if measure.rule not in AGAINST_NULL:
        return {"the limit": measure.margin}
    if measure.margin == measure.null:
        return {"no effect": measure.null}
    return {"no effect": measure.null, "the margin": measure.margin}


def harm(group: StudyGroup) -> float:
    """Return the margin mirrored at no effect."""
    measure = group.measure
    null, margin = measure.forward(measure.null), measure.forward(measure.margin)
    return measure.back(2 * null - margin)


def favours(group: StudyGroup, value: float) -> bool:
    """Tell whether a value lies on the claim's side of the line."""
    if group.measure.rule == "below":
        return value < line(group)
    if group.measure.rule == "difference":
        return value != line(group)
    return value > line(group)


def people_needed(group: StudyGroup, *, power: float) -> float:
    r"""Return the optimal information size: people that could settle the margin.

    Notes
    -----
    Differences and changes: with :math:`v` the variance of the mean of the studies as if they did
    not differ and n their people, :math:`n\,v\,(z_{1-\alpha/2} + z_{power})^2 / d^2` people reach
    that power for the distance d between margin and no effect. Shares: the people whose exact
    interval would clear the limit at best, with no event (rule "below") or nothing but events
    (rule "above"). nan where no distance is defined: a level in points, or a margin of no effect.
    """
    measure, alpha = group.measure, 1 - group.confidence_level
    if group.name == "proportion":
        share = measure.margin / 100
        best = 1 - share if measure.rule == "below" else share
        return math.ceil(math.log(alpha / 2) / math.log(best)) if 0 < best < 1 else math.nan
    if measure.rule not in ("superiority", "noninferiority"):
        return math.nan
    distance = abs(measure.forward(measure.margin) - measure.forward(measure.null))
    if distance == 0:
        return math.nan
    _, variance = effects(group.rows, group.name, r=R_SHOWN)
    common = 1 / float((1 / variance).sum())
    reach = float(ndtri(1 - alpha / 2) + ndtri(power))
    return math.ceil(group.people * common * (reach / distance) ** 2)


def _heterogeneity(group: StudyGroup, pooled: Pooled, r: float) -> dict[str, float]:
    if len(group.rows) == 1 or counts_add_up(group):
        return dict.fromkeys(HETEROGENEITY, math.nan)
    _, variance = effects(group.rows, group.name, r=r)
    ends = (pooled.tau2_ci_low, pooled.tau2_ci_high)
    values = (
        *(group.measure.back(x) for x in (pooled.prediction_low, pooled.prediction_high)),
        *(pooled.tau2, *ends, pooled.i2),
        *(i_squared(variance, end) for end in ends),
    )
    return dict(zip(HETEROGENEITY, values, strict=True))


def _asymmetry(group: StudyGroup, r: float) -> Egger | None:
    """Test the funnel; None where all studies are as precise, or lie on one line."""
    effect, variance = effects(group.rows, group.name, r=r)
    try:
        return egger(effect, variance, confidence_level=group.confidence_level)
    except ValueError:
        return None


def _left_out(group: StudyGroup, r: float) -> tuple[LeftOut, ...]:
    found = []
    for i, label in enumerate(group.rows["label"]):
        rest = replace(group, rows=group.rows.drop(index=group.rows.index[i]))
        estimate, _ = estimate_group(rest, r)
        word = on_interval(rest, estimate).word
        found.append(LeftOut(label=str(label), estimate=estimate, word=word))
    return tuple(found)
