"""Outcomes by group, as CONSORT 2025 item 26 asks; the effects are those of the findings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.counts.two_groups import BOTH_ZERO, RiskRatio, risk_ratio
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    Layout,
    NotTestable,
    Question,
    after_a_session,
    complete_rows,
    n_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.rates import (
    event_rows,
    group_of,
    had_event,
    pair_table,
    recorded_events,
)
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.claims.settings import arm_name
from mnstudy.verdicts.displays.harms import side_label
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part
from mnstudy.words.units import SHARE_DIFFERENCE

PROPORTIONS = ("event_rate", "share")
BETWEEN_VISITS = ("time_to_response", "time_to_clear")
WITH_ROWS = ("improvement", "change", "arm_contrast", "depth_contrast", "maintenance", "level",
             "ratio", "durability")  # fmt: skip
CLAIMED, AT_THRESHOLD = "claimed", "threshold"
MOST_SHARED = 0.1  # of the smaller group: its standard error is then off by 5 % at most
OVERLAP = (
    "many patients are in both groups, so that these are neither pairs nor separate: no interval "
    "of the ratio holds for them"
)
SHARED = "a few patients are in both groups and count in each"
OF_EFFECT = (
    "claim", "title", "planned", "family", "comparison", "reading", "label", "unit", "effect",
    "ci_low", "ci_high", "confidence_level", "p_value", "simultaneous_low", "simultaneous_high",
    "simultaneous_level", "p_holm", "ratio", "ratio_low", "ratio_high", "ratio_method",
    "ratio_note", "method",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGroup:
    """One group of an outcome.

    ``n`` patients with the outcome known of ``in_group`` (None where only the outcome tells who is
    in it); ``kind`` says what was seen: events, mean (with ``sd``), adjusted mean or geometric
    mean (with its interval), none.
    """

    group: str
    role: str
    kind: str
    n: int
    in_group: int | None = None
    events: int | None = None
    mean: float = math.nan
    sd: float = math.nan
    mean_low: float = math.nan
    mean_high: float = math.nan


OF_GROUP = tuple(field.name for field in fields(OutcomeGroup))
COLUMNS = (*OF_EFFECT, *OF_GROUP, "dataset", "synthetic", "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroups:
    """Two groups of patients with or without an event.

    ``pairs`` holds ``[[both, only first], [only second, neither]]`` where they are the same
    patients, ``overlap`` how many patients are in both groups where they are not.
    """

    groups: tuple[OutcomeGroup, OutcomeGroup]
    pairs: list[list[int]] | None = None
    overlap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One outcome of a claim: its groups, its effect, and the ratio where it is binary."""

    reading: str
    label: str
    unit: str
    effect: Estimate | Part
    groups: tuple[OutcomeGroup, ...]
    ratio: RiskRatio | None = None
    ratio_note: str = ""


def outcomes(cohort: Cohort, findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the results of every group and the effect, for every claim tested on a cohort.

    Parameters
    ----------
    cohort : Cohort
    findings : iterable of Finding
        Of ``mnstudy.evaluate`` on this cohort; those that are not testable have no row.

    Returns
    -------
    DataFrame
        One row a claim, reading and group; primary claims of the plan first, nothing rounded and
        nothing withheld (``mnstudy.reporting.tables.outcomes`` does both). What belongs to the
        effect stands on each row of its groups:

        - ``claim``, ``title``, ``planned``, ``family``, ``comparison``: as in the finding;
        - ``reading``: claimed, the effect the claim is judged by; threshold, the share of patients
          with a worthwhile improvement beside it, named in ``label``;
        - ``unit``, ``effect``, ``ci_low``, ``ci_high``, ``confidence_level``, ``p_value``: the
          absolute effect, a level or a share where there is one group;
        - ``simultaneous_low``, ``simultaneous_high``, ``simultaneous_level``, ``p_holm``: of a
          claim of the plan's family;
        - ``ratio``, ``ratio_low``, ``ratio_high``, ``ratio_method``: risk ratio of the first group
          over the second, at the same level; ``ratio_note`` says why there is none, or none with
          an interval;
        - ``method``: what ran;
        - ``group``, ``role``: its name; treated, reference, all, or level;
        - ``n``, ``in_group``: patients with the outcome known, and in the group, missing where
          the group is only known by its outcome;
        - ``kind``: what stands in the next columns: events (patients with the event), mean (mean
          and standard deviation of the patients, sites of a patient averaged), adjusted mean (of
          the model, with its interval), geometric mean (with its interval), none;
        - ``events``, ``mean``, ``sd``, ``mean_low``, ``mean_high``;
        - ``dataset``, ``synthetic``, ``sha256``.

    Raises
    ------
    ValueError
        A finding of other data than this cohort, or one that the rows do not give again.

    Notes
    -----
    Missing outcomes are left out, as in the finding. Several sites of a patient are one patient:
    means are over the patients' means, counts over patients. A ratio of paired shares has the
    interval for pairs, one of separate groups that for separate groups. Patients in both of two
    unpaired groups count in each; where they are more than a tenth of the smaller group the ratio
    has no interval.

    References
    ----------
    CONSORT 2025, item 26: Hopewell et al. (2025), doi 10.1136/bmj-2024-081123. Ratios:
    ``mnstudy.stats.counts.two_groups``.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> table = outcomes(cohort, mn.evaluate(cohort, "topical-adjunct"))
    >>> table[["reading", "group", "n", "in_group", "kind"]]
         reading              group   n  in_group    kind
    0    claimed  needling with PRP  40        40    mean
    1    claimed     needling alone  40        40    mean
    2  threshold  needling with PRP  40        40  events
    3  threshold     needling alone  40        40  events
    """
    tested = [f for f in findings if f.estimate is not None and f.n_studies is None]
    for finding in tested:
        if finding.sha256 != cohort.provenance.sha256:
            raise ValueError(
                f"the finding of {finding.claim.id} belongs to other data ({finding.dataset}) "
                f"than the cohort {cohort.name}: evaluate this cohort"
            )
    cohort = cohort.in_order()
    rows = [
        _of_effect(finding, outcome) | asdict(group)
        for finding in sorted(tested, key=lambda f: not f.planned)
        for outcome in _outcomes(cohort, finding)
        for group in outcome.groups
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    counts = ("n", "in_group", "events")
    return table.astype(dict.fromkeys(counts, "Int64") | {"family": "int64"})


def _outcomes(cohort: Cohort, finding: Finding) -> list[Outcome]:
    estimate = finding.estimate
    assert estimate is not None
    question = Question.ask(finding.claim, cohort, estimate.confidence_level, brief=True)
    claimed = Outcome(
        reading=CLAIMED, label=finding.claim.title, unit=estimate.unit, effect=estimate, groups=()
    )
    if finding.claim.analysis == "event_difference":
        return [_compared(claimed, compared_events(question), question, finding)]
    layout = estimate_claim(question).layout if finding.claim.analysis in WITH_ROWS else None
    if layout is not None and layout.tested == "treated":
        return [
            replace(claimed, groups=two_groups(question, layout)),
            *_thresholds(question, responders(question, layout), finding),
        ]
    return [replace(claimed, groups=one_group(question, finding, layout))]


def _thresholds(question: Question, groups: EventGroups | None, finding: Finding) -> list[Outcome]:
    """Return the share of patients with a worthwhile improvement, where the finding holds it."""
    shares = (p for p in finding.parts if p.kind == "contrast" and p.unit == SHARE_DIFFERENCE)
    part = next(shares, None)
    if groups is None or part is None:
        return []
    shown = Outcome(reading=AT_THRESHOLD, label=part.label, unit=part.unit, effect=part, groups=())
    return [_compared(shown, groups, question, finding)]


def _compared(
    outcome: Outcome, events: EventGroups, question: Question, finding: Finding
) -> Outcome:
    """Add the groups and the ratio of their shares; refuse counts that give another difference."""
    treated, reference = events.groups
    assert treated.events is not None
    assert reference.events is not None
    difference = 100 * (treated.events / treated.n - reference.events / reference.n)
    if not math.isclose(difference, outcome.effect.value, abs_tol=1e-8):
        raise ValueError(
            f"the rows of the cohort give another difference than the finding of "
            f"{finding.claim.id}: was it changed, or evaluated with another plan?"
        )
    ratio, note = _ratio(events, question.confidence_level)
    return replace(outcome, groups=events.groups, ratio=ratio, ratio_note=note)


def _ratio(events: EventGroups, level: float) -> tuple[RiskRatio, str]:
    (e1, n1), (e0, n0) = ((g.events or 0, g.n) for g in events.groups)
    if events.pairs is not None:
        ratio = risk_ratio(table=events.pairs, paired=True, confidence_level=level)
    else:
        ratio = risk_ratio(e1, n1, e0, n0, confidence_level=level)
    if ratio.notes:
        return replace(ratio, ci_low=math.nan, ci_high=math.nan), BOTH_ZERO
    if events.overlap > MOST_SHARED * min(n1, n0):
        return replace(ratio, ci_low=math.nan, ci_high=math.nan, method=""), OVERLAP
    return ratio, SHARED if events.overlap else ""


_OF_FINDING = ("planned", "comparison", "dataset", "synthetic", "sha256")


def _of_effect(finding: Finding, outcome: Outcome) -> dict[str, object]:
    estimate, together, ratio = finding.estimate, finding.simultaneous, outcome.ratio
    assert estimate is not None
    claimed = outcome.reading == CLAIMED
    cells: dict[str, object] = {
        "claim": finding.claim.id,
        "title": finding.claim.title,
        "family": finding.family if claimed else 0,
        "effect": outcome.effect.value,
        "ci_low": outcome.effect.ci_low,
        "ci_high": outcome.effect.ci_high,
        "confidence_level": estimate.confidence_level,
        "p_value": estimate.p_value if claimed else math.nan,
        "p_holm": finding.p_holm if claimed else math.nan,
        "method": estimate.method if claimed else "difference of shares of patients, not adjusted",
        "ratio_method": ratio.method if ratio else "",
    }
    cells |= {c: getattr(finding, c) for c in _OF_FINDING}
    cells |= {c: getattr(outcome, c) for c in ("reading", "label", "unit", "ratio_note")}
    for name, of in (("low", "ci_low"), ("high", "ci_high"), ("level", "confidence_level")):
        cells[f"simultaneous_{name}"] = getattr(together, of) if together and claimed else math.nan
    for name, of in (("ratio", "estimate"), ("ratio_low", "ci_low"), ("ratio_high", "ci_high")):
        cells[name] = getattr(ratio, of) if ratio else math.nan
    return cells


def two_groups(question: Question, layout: Layout) -> tuple[OutcomeGroup, OutcomeGroup]:
    """Return the two arms behind a difference of means: mean and SD of the patients' means."""
    values = _by_patient(question, layout, layout.design["treated"])
    (treated, in_treated), (reference, in_reference) = _arms(question)
    return (
        _mean(treated, "treated", values.loc[1.0], in_treated),
        _mean(reference, "reference", values.loc[0.0], in_reference),
    )


def _by_patient(question: Question, layout: Layout, arm: pd.Series) -> pd.Series:
    """Return one mean a patient and arm; where the clusters are studies each row is a patient."""
    of_patients = question.cohort.study.cluster == "patient_id"
    people = layout.patients.to_numpy() if of_patients else np.arange(len(layout.y))
    keys = [pd.Series(arm.to_numpy(), name="arm"), pd.Series(people, name="person")]
    return pd.Series(layout.y.to_numpy(dtype="float64")).groupby(keys).mean()


def _mean(name: str, role: str, values: pd.Series, in_group: int | None) -> OutcomeGroup:
    sd = float(values.std()) if len(values) > 1 else math.nan
    return OutcomeGroup(group=name, role=role, kind="mean", n=len(values), in_group=in_group,
                        mean=float(values.mean()), sd=sd)  # fmt: skip


def _arms(question: Question) -> list[tuple[str, int | None]]:
    """Name the arms of a difference of means and count their patients, outcome known or not."""
    params, sites = question.params, question.sites
    if question.claim.analysis == "maintenance":
        return [("with maintenance", None), ("without maintenance", None)]
    if question.claim.analysis == "depth_contrast":
        limit = float(params["threshold_mm"])
        rows, _ = complete_rows(select_arm(sites, NEEDLED), ["needle_depth_mm"])
        deep = rows["needle_depth_mm"] > limit
        counts = n_patients(rows[deep]), n_patients(rows[~deep])
        return [(f"over {limit:g} mm", counts[0]), (f"up to {limit:g} mm", counts[1])]
    sides = [question.needled, question.control]
    sites = scar_type_filter(sites, params)
    rows_of = [select_arm(sites, side) for side in sides]
    return [
        (side_label(side, rows, question.cohort.study.arms), n_patients(rows))
        for side, rows in zip(sides, rows_of, strict=True)
    ]


def responders(question: Question, layout: Layout) -> EventGroups | None:
    """Return who reached a worthwhile improvement in each arm; None where y is another measure."""
    score = question.claim.analysis in ("improvement", "arm_contrast", "depth_contrast")
    if not score or question.cohort.study.cluster != "patient_id":
        return None
    least = question.margin(claim("reduces-scarring"))
    reached = _by_patient(question, layout, layout.design["treated"]) >= least
    return _event_groups(question, reached.loc[1.0], reached.loc[0.0], _arms(question))


def compared_events(question: Question) -> EventGroups:
    """Return who had any of the events of the claim in its two groups."""
    params, events = question.params, recorded_events(question)
    rows_of = event_rows(question)
    sides = [group_of(rows_of, params[role]) for role in ("treated", "reference")]
    named: list[tuple[str, int | None]] = [
        (side_label(params[role], rows, question.cohort.study.arms), n_patients(rows))
        for role, rows in zip(("treated", "reference"), sides, strict=True)
    ]
    happened = [had_event(rows, events) for rows in sides]
    return _event_groups(question, happened[0], happened[1], named)


def _event_groups(
    question: Question,
    treated: pd.Series,
    reference: pd.Series,
    named: list[tuple[str, int | None]],
) -> EventGroups:
    both = treated.index.intersection(reference.index)
    pairs = None
    if question.cohort.study.within_patients:
        treated, reference = treated[both], reference[both]
        pairs = pair_table(treated, reference)
    groups = [
        OutcomeGroup(group=name, role=role, kind="events", n=len(own), in_group=in_group,
                     events=int(own.sum()))
        for role, own, (name, in_group) in zip(
            ("treated", "reference"), (treated, reference), named, strict=True
        )
    ]  # fmt: skip
    return EventGroups(
        groups=(groups[0], groups[1]), pairs=pairs, overlap=0 if pairs else len(both)
    )


def one_group(
    question: Question, finding: Finding, layout: Layout | None
) -> tuple[OutcomeGroup, ...]:
    """Return the group of a claim without a comparison, or the levels that it compares."""
    analysis = question.claim.analysis
    levels = [p for p in finding.parts if p.kind == "level"]
    if analysis == "heterogeneity":
        return tuple(_level(part) for part in levels)
    estimate, n = finding.estimate, finding.n_patients
    assert estimate is not None
    arm = question.needled if analysis in ("improvement", "change") else NEEDLED
    name = arm_name(arm, question.cohort.study.arms)
    in_group = _in_group(question)
    if analysis in PROPORTIONS:
        events = round(estimate.value * n / 100)
        return (
            OutcomeGroup(group=name, role="all", kind="events", n=n, in_group=in_group,
                         events=events),
        )  # fmt: skip
    if analysis == "ratio":
        mean = OutcomeGroup(
            group="measured", role="all", kind="geometric mean", n=n, in_group=in_group
        )
        return (_with_interval(mean, estimate),)
    if layout is not None:
        arm = pd.Series(0.0, index=layout.y.index)
        return (_mean(name, "all", _by_patient(question, layout, arm).loc[0.0], in_group),)
    return (OutcomeGroup(group=name, role="all", kind="none", n=n, in_group=in_group),)


def _level(part: Part) -> OutcomeGroup:
    level = OutcomeGroup(group=part.label, role="level", kind="adjusted mean", n=part.n or 0)
    return _with_interval(level, part)


def _with_interval(group: OutcomeGroup, mean: Estimate | Part) -> OutcomeGroup:
    return replace(group, mean=mean.value, mean_low=mean.ci_low, mean_high=mean.ci_high)


def _in_group(question: Question) -> int | None:
    """Count all patients of the one group of a claim; None where its outcome says who is in it."""
    analysis, data = question.claim.analysis, question.cohort.data
    try:
        if analysis in ("improvement", "change"):
            sites = scar_type_filter(question.sites, question.params)
            return n_patients(select_arm(sites, question.needled))
        if analysis in PROPORTIONS:
            return n_patients(select_arm(event_rows(question), NEEDLED))
        if analysis in ("level", *BETWEEN_VISITS):
            return n_patients(after_a_session(select_arm(data, NEEDLED)))
    except NotTestable:
        return None
    return n_patients(data) if analysis == "ratio" else None
