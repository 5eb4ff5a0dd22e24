"""Published contrasts that may be pooled: one claim, measure and endpoint, control or none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mnstudy.stats.counts.proportions import proportion
from mnstudy.stats.meta.pooling import Pooled, pool
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.effects import R_SHOWN, Measure, effects, measure_of
from mnstudy.verdicts.finding.finding import Estimate, Part, interval_of
from mnstudy.words.notes import Count, note

# Contrasts that differ in any of these are never in one estimate.
_APART = ("measure", "endpoint", "controlled")
# Where no endpoint has several studies, a measure on a scale tells more than a threshold on it.
_CONTINUOUS = ("smd", "smc", "md", "mean", "percent_change")
LEVELS = ("proportion", "mean", "percent_change")  # measures without a value of no effect


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyGroup:
    """Primary contrasts of one claim that may be pooled: one measure, one endpoint.

    Contrasts with and without a control are never in one group.
    """

    claim: Claim
    name: str
    measure: Measure
    endpoint: str
    rows: pd.DataFrame
    confidence_level: float

    @property
    def controlled(self) -> bool:
        """True where every contrast is against another arm."""
        return bool(self.rows["controlled"].all())

    @property
    def comparison(self) -> str:
        """What the group can carry; rates and levels need no control."""
        level = self.claim.group == "safety" or self.claim.id == "satisfies-patients"
        if level and self.name in ("proportion", "mean"):
            return "rate"
        if not self.controlled:
            compared = self.rows["reference_n"].notna().all()
            return "observational" if compared else "uncontrolled"
        randomised = self.rows["design"].isin(["rct_parallel", "rct_split_body"]).all()
        return "randomised" if randomised else "observational"

    @property
    def control(self) -> str:
        """Controlled or uncontrolled."""
        return "controlled" if self.controlled else "uncontrolled"

    @property
    def label(self) -> str:
        """Name of the group for people."""
        return f"{self.control}: {self.endpoint_words} ({self.measure.label})"

    @property
    def endpoint_words(self) -> str:
        """The endpoint as it is written for people."""
        return self.endpoint.replace("_", " ")

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
    """Return the groups that may be pooled, the deciding one first."""
    found = [
        StudyGroup(
            claim=claim,
            name=str(name),
            measure=measure_of(claim, str(name)),
            endpoint=str(endpoint),
            rows=part.sort_values(["year", "study_id"], na_position="last"),
            confidence_level=confidence_level,
        )
        for (name, endpoint, _), part in rows.groupby([*_APART], sort=True)
    ]
    return sorted(found, key=_precedence)


def _precedence(group: StudyGroup) -> tuple[bool, bool, bool, int, int, str]:
    """Put controlled groups first, then several studies before one, scales before thresholds."""
    k = len(group.rows)
    threshold = group.name not in _CONTINUOUS
    return (not group.controlled, k < 2, threshold, -k, -group.people, group.label)


def pooled(group: StudyGroup, r: float = R_SHOWN) -> Pooled:
    """Pool the effects of a group, with this correlation within the person where paired."""
    # few similar studies make the Knapp-Hartung interval narrower than its studies allow; "adhoc"
    # never lets it fall below the plain one (Roever et al. 2015, doi 10.1186/s12874-015-0091-1)
    effect, variance = effects(group.rows, group.name, r=r)
    return pool(effect, variance, knapp_hartung="adhoc", confidence_level=group.confidence_level)


def estimate_group(group: StudyGroup, r: float = R_SHOWN) -> tuple[Estimate, Pooled]:
    """Return the value of a group with its interval, and the pooling behind it."""
    fitted, measure = pooled(group, r), group.measure
    value, low, high = (measure.back(x) for x in (fitted.estimate, fitted.ci_low, fitted.ci_high))
    alone = len(group.rows) == 1
    how = "single_study" if alone else "random_effects"
    if counts_add_up(group):
        value, low, high = _exact_share(group)
        how = "exact_limits_of_one" if alone else "exact_limits"
    shown = Estimate(
        value=value,
        ci_low=low,
        ci_high=high,
        confidence_level=group.confidence_level,
        df=math.nan if counts_add_up(group) else fitted.df,
        p_value=math.nan if group.name == "proportion" else fitted.p_value,
        unit=measure.unit,
        how=note(
            "method_of_studies", measure=measure.label, endpoint=group.endpoint_words, how=note(how)
        ),
    )
    return shown, fitted


def counts_add_up(group: StudyGroup) -> bool:
    """Tell where counts are added up: one study, or none (or all) of all patients had the event.

    Without any difference between the studies a pooled interval on the arcsine scale would shrink
    to a point.
    """
    if group.name != "proportion":
        return False
    events, n = group.rows["treated_events"].sum(), group.rows["treated_n"].sum()
    return len(group.rows) == 1 or events == 0 or events == n


def _exact_share(group: StudyGroup) -> tuple[float, float, float]:
    events, n = int(group.rows["treated_events"].sum()), int(group.rows["treated_n"].sum())
    exact = proportion(events, n, confidence_level=group.confidence_level)
    return 100 * exact.estimate, 100 * exact.ci_low, 100 * exact.ci_high


def single(group: StudyGroup) -> list[StudyGroup]:
    """Return every study of a group as a group of its own."""
    return [replace(group, rows=group.rows.iloc[[i]]) for i in range(len(group.rows))]


def parts_of(group: StudyGroup) -> list[Part]:
    """Return every study of the group, its pooled value and its prediction interval."""
    shown, fitted = estimate_group(group)
    studies = [_study(one, w) for one, w in zip(single(group), fitted.weights, strict=True)]
    if len(studies) == 1:
        return studies
    shared, n = _drawn(group), group.people
    pooled = Part(kind="pooled", label="pooled", n=n, **interval_of(shown), **shared)
    if counts_add_up(group):
        return [*studies, pooled]
    low, high = (group.measure.back(x) for x in (fitted.prediction_low, fitted.prediction_high))
    further = replace(pooled, kind="prediction", label="prediction", ci_low=low, ci_high=high)
    return [*studies, pooled, further]


def _study(group: StudyGroup, weight: float) -> Part:
    shown, _ = estimate_group(group)
    row = group.rows.iloc[0]
    return Part(
        kind="study",
        label=str(row["label"]),
        **interval_of(shown),
        n=group.people,
        weight=float(weight),
        design=str(row["design"]),
        blinded="" if pd.isna(row["assessor_blinded"]) else str(row["assessor_blinded"]),
        **_drawn(group),
    )


def _drawn(group: StudyGroup) -> dict[str, Any]:
    """Return what the parts of a group have in common."""
    null = math.nan if group.name in LEVELS else float(group.measure.null)
    return {"unit": group.measure.unit, "group": group.label, "control": group.control,
            "null": null}  # fmt: skip
