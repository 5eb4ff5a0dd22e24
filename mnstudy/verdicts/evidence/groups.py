"""Published contrasts that may be pooled, and their value: alike in all that must not be mixed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.stats.meta.between_studies import i_squared
from mnstudy.stats.meta.effect_counts import pool_counts, pool_rates
from mnstudy.stats.meta.pooling import Pooled, PooledPosterior, pool
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.effects import (
    Measure,
    effects,
    instrument_words,
    least_weeks,
    measure_of,
    turned,
)
from mnstudy.verdicts.finding.finding import FEW_STUDIES, Estimate, Part, interval_of
from mnstudy.words.notes import Count, Note, note

# Contrasts that differ in any of these are never in one estimate.
APART = ("measure", "endpoint", "design_class", "add_on", "condition", "substance", "points_of")
# Where no endpoint has several studies, a measure on a scale tells more than a threshold on it.
_CONTINUOUS = ("smd", "smc", "md", "mean", "percent_change")
_IN_POINTS = ("md", "mean")
Array = NDArray[np.float64]
LEVELS = ("proportion", "mean", "percent_change")  # measures without a value of no effect
FEW = FEW_STUDIES
CONDITIONS = {
    "acne_scar": "acne scars",
    "stretch_mark": "stretch marks",
    "burn_scar": "burn scars",
    "surgical_scar": "surgical scars",
    "traumatic_scar": "scars of injuries",
    "hypertrophic_scar": "raised scars",
    "photoageing": "sun-damaged skin",
    "enlarged_pores": "enlarged pores",
    "hyperpigmentation": "dark patches",
    "melasma": "melasma",
    "skin_laxity": "lax skin",
    "mixed": "several conditions",
    "other": "another condition",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyGroup:
    """Primary contrasts of one claim that may be pooled: alike in all of ``APART``.

    ``rows`` are those that count; ``stated`` are rates of none (or all) that rest on a sentence or
    a list, which count in a sensitivity row only. Where there is nothing but these, they are the
    rows and the group is ``uncounted``.
    """

    claim: Claim
    name: str
    measure: Measure
    endpoint: str
    rows: pd.DataFrame
    confidence_level: float
    stated: pd.DataFrame = field(default_factory=pd.DataFrame)
    uncounted: bool = False

    def _first(self, column: str) -> str:
        return _text(self.rows[column].iloc[0])

    @property
    def design_class(self) -> str:
        """Randomised, not randomised, or one group: what the comparison is, not the study."""
        return self._first("design_class")

    @property
    def condition(self) -> str:
        """What was treated, as in the tables."""
        return self._first("condition")

    @property
    def substance(self) -> str:
        """What was given with the needling, or what both ends of an add-on trial received."""
        return self._first("substance")

    @property
    def add_on(self) -> bool:
        """True where needling was added to a treatment that both ends received."""
        return bool(self.rows["add_on"].iloc[0])

    @property
    def controlled(self) -> bool:
        """True where every contrast is against another arm or side."""
        return self.design_class != "one group"

    @property
    def comparison(self) -> str:
        """What the group can carry; rates and levels need no control."""
        level = self.claim.group == "safety" or self.claim.id == "satisfies-patients"
        if level and self.name in ("proportion", "mean"):
            return "rate"
        if not self.controlled:
            compared = self.rows["reference_n"].notna().all()
            return "observational" if compared else "uncontrolled"
        return "randomised" if self.design_class == "randomised" else "observational"

    @property
    def control(self) -> str:
        """Controlled or uncontrolled."""
        return "controlled" if self.controlled else "uncontrolled"

    @property
    def design_words(self) -> str:
        """The kind of comparison as it is written for people."""
        if not self.controlled:
            return (
                "one group" if self.comparison in ("rate", "uncontrolled") else "between patients"
            )
        return "randomised" if self.comparison == "randomised" else "controlled, not randomised"

    @property
    def label(self) -> str:
        """Name of the group for people."""
        given = self.substance.replace("_", " ")
        with_it = f"added to {given or 'another treatment'}" if self.add_on else f"with {given}"
        who = [
            self.design_words,
            CONDITIONS.get(self.condition, self.condition.replace("_", " ")),
            *([with_it] if given or self.add_on else []),
        ]
        how = ", ".join(x for x in (self.measure.label, self._first("points_of")) if x)
        return f"{', '.join(who)}: {self.endpoint_words} ({how})"

    @property
    def endpoint_words(self) -> str:
        """The endpoint as it is written for people."""
        return self.measure.words

    @property
    def studies(self) -> Count:
        """How many studies it has."""
        return counted(len(self.rows), "study", "studies")

    @property
    def people(self) -> int:
        """Patients behind the group; a second side of the same body is not counted again."""
        others = self.rows["reference_n"].where(~self.rows["paired"]).fillna(0)
        return int((self.rows["treated_n"] + others).sum())


def counted(n: int, noun: str, plural: str = "") -> Count:
    """Return a number of things that are no people: studies, contrasts, directions."""
    return Count(n=n, noun=noun, plural=plural)


def groups(claim: Claim, rows: pd.DataFrame, confidence_level: float) -> list[StudyGroup]:
    """Return the groups that may be pooled, the deciding one first.

    The rule: a group that tests the claim before one that describes; randomised before randomised
    add-on trials, before not randomised, before one group; counted before only stated; for side
    effects counts before durations and pain; several studies before one; a scale before a
    threshold on it; more studies, then more people, before fewer.
    """
    rows = rows.assign(substance=_substance(rows), points_of=_points_of(rows))
    split = rows.groupby([*APART], sort=True, observed=True)
    return sorted((_group(claim, part, confidence_level) for _, part in split), key=_precedence)


def _substance(rows: pd.DataFrame) -> pd.Series:
    """Return what was given with the needling; of an add-on trial what both ends received."""
    named = rows["treated_adjunct"].mask(
        rows["treated_adjunct"] == "other", rows["treated_substance"]
    )
    # a substance without a name may be any: it is that of its study alone
    named = named.fillna("the substance of " + rows["label"])
    given = named.mask(rows["modality"].eq("plain") | named.eq("none"), "")
    return given.mask(rows["add_on"], rows["reference_arm"]).fillna("").astype("string")


def _points_of(rows: pd.DataFrame) -> pd.Series:
    """Return instrument and range of figures in points, which differ from one to the other."""
    ends = zip(rows["treated_instrument"], rows["treated_instrument_range"], strict=True)
    named = [instrument_words(*("" if pd.isna(x) else str(x) for x in one)) for one in ends]
    return pd.Series(named, rows.index, "string").where(rows["measure"].isin(_IN_POINTS), "")


def _group(claim: Claim, rows: pd.DataFrame, confidence_level: float) -> StudyGroup:
    rows = rows.sort_values(["year", "study_id"], na_position="last")
    name, endpoint = str(rows["measure"].iloc[0]), str(rows["endpoint"].iloc[0])
    instrument = str(rows["treated_instrument"].fillna("").iloc[0])
    printed = rows["treated_instrument_range"].dropna()
    group = StudyGroup(
        claim=claim,
        name=name,
        measure=measure_of(
            claim, name, endpoint, instrument, "" if printed.empty else str(printed.iloc[0])
        ),
        endpoint=endpoint,
        rows=rows,
        confidence_level=confidence_level,
    )
    least, weeks = least_weeks(claim), rows["treated_weeks_after_last"].astype("float64").min()
    if weeks < least:
        early = note("too_early", weeks=weeks, least=least)
        group = replace(group, measure=replace(group.measure, describes=str(early)))
    if group.comparison != "rate" or name != "proportion":
        return group
    sure = ~rows["treated_basis"].isin(["sentence", "list"]).fillna(False).astype(bool)
    if not sure.any():
        return replace(group, uncounted=True)
    return replace(group, rows=rows[sure], stated=rows[~sure])


_RANK = {
    ("randomised", False): 0,
    ("randomised", True): 1,
    ("not randomised", False): 2,
    ("not randomised", True): 3,
}


def _precedence(group: StudyGroup) -> tuple[Any, ...]:
    """Return the order of a group by the rule of ``groups``."""
    k = len(group.rows)
    gentler = group.claim.id.startswith("gentler-")
    threshold = group.name not in _CONTINUOUS
    return (
        bool(group.measure.describes),
        _RANK.get((group.design_class, group.add_on), 4),
        group.uncounted,
        gentler and not threshold,
        k < 2,
        threshold,
        -k,
        -group.people,
        group.label,
    )


# Other estimates of a group and their notes, in the order of the table.
BESIDE = {
    "knapp_hartung": "beside_knapp_hartung",
    "half_prior": "beside_half_prior",
    "twice_prior": "beside_twice_prior",
    "exact_sum": "beside_exact_sum",
    "all_zeros": "beside_all_zeros",
    "all_conditions": "beside_all_conditions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Another estimate of the same group: ``kind`` says which, of so many studies and people."""

    kind: str
    estimate: Estimate
    k: int
    n: int

    @property
    def said(self) -> Note:
        """What it is, for people."""
        return note(BESIDE[self.kind], studies=counted(self.k, "study", "studies"))


@dataclass(frozen=True, kw_only=True)
class PooledGroup:
    """The value of a group with its interval, and what stands beside it.

    Attributes
    ----------
    group : StudyGroup
    how : str
        single (one study), counts (of two groups, exactly), exact (one rate), rates
        (beta-binomial), few (prior on tau) or many (random effects, Knapp-Hartung).
    estimate : Estimate
        In the unit shown, within its scale; ``interval_kind`` says whether it is a credible one.
    cut : bool
        True where a limit lay beyond the end of the scale.
    fitted : Pooled or None
        Random effects by REML with Knapp-Hartung limits; None for rates.
    posterior : PooledPosterior or None
        With the prior on tau, where there are few studies.
    rho : tuple of float
        Of rates: how much true rates differ, with limits; else nan.
    beside : tuple of Beside
        Half and twice the prior, Knapp-Hartung, zeros only stated, exact limits of the sum.
    """

    group: StudyGroup
    how: str
    estimate: Estimate
    cut: bool = False
    fitted: Pooled | None = None
    posterior: PooledPosterior | None = None
    rho: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    beside: tuple[Beside, ...] = ()

    @cached_property
    def prediction(self) -> tuple[float, float]:
        """Where the true effect of a next similar study lies, in the unit shown; else nan."""
        found = self.posterior or self.fitted
        if found is None or len(self.group.rows) == 1:
            return (math.nan, math.nan)
        measure = self.group.measure
        low, high = (measure.back(x) for x in (found.prediction_low, found.prediction_high))
        return measure.within(low), measure.within(high)

    @cached_property
    def tau(self) -> tuple[float, float, float]:
        """Spread of true effects with limits, on the scale they are pooled on; else nan."""
        if self.posterior is not None:
            found = self.posterior
            return (found.tau, found.tau_ci_low, found.tau_ci_high)
        if self.fitted is None:
            return (math.nan, math.nan, math.nan)
        ends = (self.fitted.tau2, self.fitted.tau2_ci_low, self.fitted.tau2_ci_high)
        return tuple(math.sqrt(x) if x >= 0 else math.nan for x in ends)  # type: ignore[return-value]

    @cached_property
    def i2(self) -> tuple[float, float, float]:
        """Share of the variance that is between studies, in percent, with limits; else nan."""
        if self.fitted is None or len(self.group.rows) == 1:
            return (math.nan, math.nan, math.nan)
        _, variance = effects(self.group.rows, self.group.name)
        ends = (self.fitted.tau2_ci_low, self.fitted.tau2_ci_high)
        return (self.fitted.i2, i_squared(variance, ends[0]), i_squared(variance, ends[1]))

    @property
    def weights(self) -> tuple[float, ...]:
        """Percents of the studies, in the order of the rows; of rates those of their people."""
        if self.fitted is not None:
            return self.fitted.weights
        others = self.group.rows["reference_n"].astype("float64").fillna(0)
        n = (self.group.rows["treated_n"] + others).to_numpy(dtype="float64")
        return tuple((100 * n / n.sum()).tolist())

    @cached_property
    def chance(self) -> float:
        """Probability that the effect lies beyond the margin; nan without a posterior."""
        measure = self.group.measure
        if self.posterior is None or measure.describes or len(self.group.rows) == 1:
            return math.nan
        above = self.posterior.chance_above(measure.forward(measure.margin))
        return 1 - above if measure.rule == "below" else above

    def other(self, kind: str) -> Beside | None:
        """Return one of the estimates beside, None where there is none of that kind."""
        return next((b for b in self.beside if b.kind == kind), None)


def pool_group(group: StudyGroup, r: float | None = None) -> PooledGroup:
    """Return the value of a group: one study as it is, rates by their counts, few with a prior.

    ``r`` is the correlation within the person of paired contrasts where none is derived.
    """
    if group.name == "proportion":
        return _rates(group)
    if _exact(group):
        return _two_counts(group)
    effect, variance = effects(group.rows, group.name, r=r)
    # few similar studies make the Knapp-Hartung interval narrower than its studies allow; "adhoc"
    # never lets it fall below the plain one (Roever et al. 2015, doi 10.1186/s12874-015-0091-1)
    level = group.confidence_level
    fitted = pool(effect, variance, knapp_hartung="adhoc", confidence_level=level)
    scale, k = group.measure.tau_prior, len(effect)
    if k == 1 or k >= FEW or math.isnan(scale):
        how = "single" if k == 1 else "many"
        shown, cut = _shown(group, fitted, note("single_study" if k == 1 else "random_effects"))
        return PooledGroup(group=group, how=how, estimate=shown, cut=cut, fitted=fitted)
    posts = {
        kind: pool(effect, variance, tau_prior=factor * scale, confidence_level=level)
        for kind, factor in (("prior", 1.0), ("half_prior", 0.5), ("twice_prior", 2.0))
    }
    shown, cut = _shown(group, posts["prior"], note("few_studies_prior", scale=scale))
    others: dict[str, Pooled | PooledPosterior] = {
        "half_prior": posts["half_prior"],
        "twice_prior": posts["twice_prior"],
        "knapp_hartung": fitted,
    }
    beside = tuple(
        Beside(kind=kind, estimate=_shown(group, x, note(kind))[0], k=k, n=group.people)
        for kind, x in others.items()
    )
    return PooledGroup(group=group, how="few", estimate=shown, cut=cut, fitted=fitted,
                       posterior=posts["prior"], beside=beside)  # fmt: skip


_CELLS = ("treated_events", "treated_n", "reference_events", "reference_n")


def _exact(group: StudyGroup) -> bool:
    """Tell whether counts of two groups are compared as counts: one study, or an empty cell.

    Of both sides of the same people only the margins are known, and no exact limits exist.
    """
    rows = group.rows
    if group.name not in ("odds_ratio", "risk_difference") or rows["paired"].any():
        return False
    if rows["design_effect"].notna().any():
        return False
    e1, n1, e0, n0 = (rows[c].to_numpy(dtype="float64") for c in _CELLS)
    return len(rows) == 1 or bool(np.any((e1 == 0) | (e0 == 0) | (e1 == n1) | (e0 == n0)))


def _two_counts(group: StudyGroup) -> PooledGroup:
    """Compare counts of two groups exactly, by their likelihood, or by score limits."""
    rows, measure = group.rows, group.measure
    ends = [rows[c].to_numpy(dtype="float64") for c in _CELLS]
    if turned(rows, group.name)[0]:  # towards the claim: the other way round
        ends = [*ends[2:], *ends[:2]]
    named: Literal["odds_ratio", "risk_difference"] = (
        "odds_ratio" if group.name == "odds_ratio" else "risk_difference"
    )
    found = pool_counts(*ends, measure=named, confidence_level=group.confidence_level)
    shown = Estimate(
        **interval_of(found, 100 if named == "risk_difference" else 1),
        confidence_level=group.confidence_level,
        p_value=found.p_value,
        unit=measure.unit,
        how=_method(group, note("counts_exactly", how=found.description)),
    )
    return PooledGroup(group=group, how="counts", estimate=shown)


def _shown(group: StudyGroup, found: Pooled | PooledPosterior, how: Note) -> tuple[Estimate, bool]:
    """Return a pooled value in the unit shown, within its scale, and whether that cut a limit."""
    measure = group.measure
    ends = [measure.back(x) for x in (found.estimate, found.ci_low, found.ci_high)]
    value, low, high = (measure.within(x) for x in ends)
    shown = Estimate(
        value=value,
        ci_low=low,
        ci_high=high,
        confidence_level=group.confidence_level,
        df=getattr(found, "df", math.nan),
        # a level is compared with its limit, not against zero
        p_value=math.nan
        if measure.rule == "below" and group.name == "mean"
        else getattr(found, "p_value", math.nan),
        unit=measure.unit,
        interval_kind=found.interval_kind,
        how=_method(group, how),
    )
    return shown, [value, low, high] != ends


def _method(group: StudyGroup, how: Note) -> Note:
    return note(
        "method_of_studies", measure=group.measure.label, endpoint=group.endpoint_words, how=how
    )


def _rates(group: StudyGroup) -> PooledGroup:
    """Pool shares of patients by their counts; zeros that are only stated stand beside."""
    found, shown = _rate(group, group.rows)
    beside = []
    if not math.isnan(found.exact_low) and found.k > 1:
        ends = {"ci_low": 100 * found.exact_low, "ci_high": 100 * found.exact_high}
        exact = replace(shown, **ends, how=_method(group, note("exact_limits")))
        beside.append(Beside(kind="exact_sum", estimate=exact, k=found.k, n=found.n))
    if len(group.stated):
        rows = pd.concat([group.rows, group.stated])
        both, estimate = _rate(group, rows)
        beside.append(Beside(kind="all_zeros", estimate=estimate, k=both.k, n=both.n))
    rho = (found.rho, found.rho_ci_low, found.rho_ci_high)
    how = "exact" if found.k == 1 else "rates"
    return PooledGroup(group=group, how=how, estimate=shown, rho=rho, beside=tuple(beside))


def _rate(group: StudyGroup, rows: pd.DataFrame) -> tuple[Any, Estimate]:
    found = pool_rates(*_counts(rows), confidence_level=group.confidence_level)
    how = note("exact_limits_of_one" if found.k == 1 else "beta_binomial")
    shown = Estimate(
        **interval_of(found, 100),
        confidence_level=group.confidence_level,
        unit=group.measure.unit,
        how=_method(group, how),
    )
    return found, shown


def _counts(rows: pd.DataFrame) -> tuple[Array, Array]:
    """Return events and people, of a study of clusters as many as its design effect leaves.

    Whole numbers; rounding never takes the last event, nor the last person without one.
    """
    clusters = rows["design_effect"].astype("float64").fillna(1.0).to_numpy()
    events, n = (rows[c].to_numpy("float64") for c in ("treated_events", "treated_n"))
    some, others = (events > 0).astype(float), (events < n).astype(float)
    people = np.maximum(np.round(n / clusters), some + others)
    return np.clip(np.round(events / clusters), some, people - others), people


def across_conditions(group: StudyGroup, primary: pd.DataFrame) -> Beside | None:
    """Return the rate over all conditions, every stated zero counted; None where that adds nothing.

    ``primary`` are the primary contrasts of the claim.
    """
    alike = primary["measure"].eq(group.name) & primary["endpoint"].eq(group.endpoint)
    rows = primary[alike.astype(bool) & ~primary["add_on"]]
    if group.comparison != "rate" or group.name != "proportion" or rows["condition"].nunique() < 2:
        return None
    found, estimate = _rate(group, rows)
    return Beside(kind="all_conditions", estimate=estimate, k=found.k, n=found.n)


def single(group: StudyGroup) -> list[StudyGroup]:
    """Return every study of a group as a group of its own."""
    alone = {"stated": pd.DataFrame()}
    return [replace(group, rows=group.rows.iloc[[i]], **alone) for i in range(len(group.rows))]


def parts_of(pooled: PooledGroup) -> list[Part]:
    """Return every study of a group, its pooled value, its prediction interval, what is beside."""
    group = pooled.group
    studies = [_study(one, w) for one, w in zip(single(group), pooled.weights, strict=True)]
    shared, n = _drawn(group), group.people
    value = Part(
        kind="pooled",
        label="pooled",
        n=n,
        interval_kind=pooled.estimate.interval_kind,
        **interval_of(pooled.estimate),
        **shared,
    )
    beside = [
        Part(kind="sensitivity", label=str(b.said), n=b.n, interval_kind=b.estimate.interval_kind,
             **interval_of(b.estimate), **shared)
        for b in pooled.beside
    ]  # fmt: skip
    if len(studies) == 1:
        return [*studies, *beside]
    low, high = pooled.prediction
    further = replace(value, kind="prediction", label="prediction", ci_low=low, ci_high=high)
    value = replace(value, tau=pooled.tau, i2=pooled.i2, rho=pooled.rho)
    return [*studies, value, *([] if math.isnan(low) else [further]), *beside]


def _study(group: StudyGroup, weight: float) -> Part:
    row = group.rows.iloc[0]
    ends = ("treated", "reference")
    known = [e for e in ends if not pd.isna(row[f"{e}_n"])]
    events = [int(row[f"{e}_events"]) for e in known if not pd.isna(row[f"{e}_events"])]
    return Part(
        kind="study",
        label=str(row["label"]),
        **interval_of(pool_group(group).estimate),
        n=group.people,
        weight=float(weight),
        design=str(row["design"]),
        blinded=_text(row["assessor_blinded"]),
        bias=_text(row["rob_overall"]),
        arms=tuple(_text(row[f"{e}_arm"]) for e in known),
        n_arms=tuple(int(row[f"{e}_n"]) for e in known),
        events=tuple(events),
        **_drawn(group),
    )


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _drawn(group: StudyGroup) -> dict[str, Any]:
    """Return what the parts of a group have in common."""
    measure, level = group.measure, group.name in LEVELS
    sided = not level and measure.rule != "difference"
    better = ("lower" if measure.rule == "below" else "higher") if sided else ""
    null = math.nan if level else float(measure.null)
    return {"unit": measure.unit, "group": group.label, "control": group.control, "null": null,
            "measure": group.name, "endpoint": group.endpoint_words, "better": better}  # fmt: skip
