"""What a group of pooled studies shows besides its estimate: heterogeneity, asymmetry, leverage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import ndtri

from mnstudy.stats.meta.small_studies import Egger, egger
from mnstudy.verdicts.evidence.effects import R_GRID, effects
from mnstudy.verdicts.evidence.groups import FEW, PooledGroup, StudyGroup, pool_group
from mnstudy.verdicts.finding.finding import VERDICTS, Estimate, Hold
from mnstudy.verdicts.finding.judge import Verdict, judge
from mnstudy.words.notes import note

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

    ``found`` is the verdict on interval, margin and number of studies. Heterogeneity is nan where
    nothing is pooled (one study) and for rates; ``tau`` is on the scale the measure is pooled on,
    ``i2`` in percent.
    """

    pooled: PooledGroup
    found: Verdict
    egger: Egger | None
    left_out: tuple[LeftOut, ...]

    @property
    def estimate(self) -> Estimate:
        """The estimate of the group."""
        return self.pooled.estimate

    @property
    def prediction_low(self) -> float:
        """Least effect that the next similar study may have; nan where nothing tells."""
        return self.pooled.prediction[0]

    @property
    def prediction_high(self) -> float:
        """Greatest effect that the next similar study may have; nan where nothing tells."""
        return self.pooled.prediction[1]

    @property
    def tau(self) -> float:
        """Spread of true effects between studies; nan where nothing tells."""
        return self.pooled.tau[0]

    @property
    def i2(self) -> float:
        """Share of the variance that is between studies, in percent; nan where nothing tells."""
        return self.pooled.i2[0]

    @property
    def i2_low(self) -> float:
        """Lower limit of ``i2``."""
        return self.pooled.i2[1]

    @property
    def i2_high(self) -> float:
        """Upper limit of ``i2``."""
        return self.pooled.i2[2]


def checks(group: StudyGroup, *, egger_studies: int, r: float | None = None) -> PooledChecks:
    """Estimate a group, judge the interval alone, and look at its studies one by one.

    Parameters
    ----------
    group : StudyGroup
    egger_studies : int
        Studies from which the funnel is tested.
    r : float, optional
        Correlation within the person for paired contrasts where none is derived.
    """
    pooled = pool_group(group, r)
    several = len(group.rows) > 1
    return PooledChecks(
        pooled=pooled,
        found=on_interval(pooled),
        egger=_asymmetry(group, r) if len(group.rows) >= egger_studies else None,
        left_out=_left_out(group, r) if several else (),
    )


def on_interval(pooled: PooledGroup) -> Verdict:
    """Judge interval, margin and number of studies, as if the design could carry any verdict.

    Fewer than five studies are at most partly supported, and ``holds_of`` may leave them open.
    """
    group = pooled.group
    measure = group.measure
    found = judge(
        pooled.estimate,
        rule=measure.rule,
        margin=measure.margin,
        null=measure.null,
        harm=harm(group),
        comparison="rate",
        holds=holds_of(pooled),
    )
    if found.word != VERDICTS[0] or len(group.rows) >= FEW:
        return found
    few = note("fewer_than_studies", studies=group.studies, least=FEW)
    but = note("reason_but", reasons=found.reasons, doubts=(few,))
    return Verdict(word=VERDICTS[1], reasons=(but,), lacking=(*found.lacking, "studies"))


# Other estimates of the same studies that must say the same, and what is said where they do not:
# studies without an event seldom print a count, so leaving them out chooses by the result.
_MUST_AGREE = {
    "half_prior": "prior_decides",
    "twice_prior": "prior_decides",
    "all_zeros": "stated_zeros_decide",
}


def holds_of(pooled: PooledGroup) -> tuple[Hold, ...]:
    """Return what leaves a group open, whatever its interval.

    Half and twice the scale of a prior, the zeros that are merely stated, and every correlation
    within the person where none is derived must say the same; rates that nobody counted stay open;
    one study alone does not speak against a claim.
    """
    group = pooled.group
    holds = [Hold(why=note("zeros_only_stated"))] if group.uncounted else []
    for kind, why in _MUST_AGREE.items():
        if beside := pooled.other(kind):
            holds.append(Hold(why=note(why), also=_limits(beside.estimate)))
    assumed = group.rows["paired"] & group.rows["r_derived"].isna()
    for r in R_GRID if assumed.any() else ():
        also = _limits(pool_group(group, r).estimate)
        holds.append(Hold(why=note("correlation_decides"), also=also))
    if len(group.rows) == 1:
        holds.append(Hold(why=note("one_study_against"), favourable=False))
    return tuple(holds)


def _limits(estimate: Estimate) -> tuple[float, float]:
    return estimate.ci_low, estimate.ci_high


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
    Differences, changes and means: with :math:`v` the variance of the mean of the studies as if
    they did not differ and n their people, :math:`n\,v\,(z_{1-\alpha/2} + z_{power})^2 / d^2`
    people reach that power for the distance d between margin and no effect; where these are the
    same, or the margin is a limit, for the difference worth knowing of the measure (``worth`` in
    ``evidence.toml``). Shares that must lie below a limit: the people whose exact interval would
    clear it with no event at all. Shares that must lie above it: the people that tell the limit
    from a share greater by ``worth``, by the normal test of one share. nan where no distance is
    known: figures in points of a scale without a known range.
    """
    measure, alpha = group.measure, 1 - group.confidence_level
    z, reach = float(ndtri(1 - alpha / 2)), float(ndtri(power))
    if group.name == "proportion":
        share = measure.margin / 100
        if measure.rule == "below":
            return math.ceil(math.log(alpha / 2) / math.log(1 - share)) if share < 1 else math.nan
        more = min(share + measure.worth / 100, 1.0)
        spread = z * math.sqrt(share * (1 - share)) + reach * math.sqrt(more * (1 - more))
        return math.ceil((spread / (more - share)) ** 2) if more > share else math.nan
    distance = 0.0
    if measure.rule in ("superiority", "noninferiority"):
        distance = abs(measure.forward(measure.margin) - measure.forward(measure.null))
    if distance == 0:
        distance = abs(measure.forward(measure.worth)) if measure.worth > 0 else math.nan
    _, variance = effects(group.rows, group.name)
    common = 1 / float((1 / variance).sum())
    needed = group.people * common * ((z + reach) / distance) ** 2
    return math.nan if math.isnan(needed) else math.ceil(needed)


def _asymmetry(group: StudyGroup, r: float | None) -> Egger | None:
    """Test the funnel; None where all studies are as precise, or lie on one line."""
    effect, variance = effects(group.rows, group.name, r=r)
    try:
        return egger(effect, variance, confidence_level=group.confidence_level)
    except ValueError:
        return None


def _left_out(group: StudyGroup, r: float | None) -> tuple[LeftOut, ...]:
    found = []
    for i, label in enumerate(group.rows["label"]):
        rest = pool_group(replace(group, rows=group.rows.drop(index=group.rows.index[i])), r)
        word = on_interval(rest).word
        found.append(LeftOut(label=str(label), estimate=rest.estimate, word=word))
    return tuple(found)
