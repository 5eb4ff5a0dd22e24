"""How safe, how pleasant: rates of events and their differences, shares, mean levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import known_outcome
from mnstudy.stats.counts.proportions import Proportion, proportion
from mnstudy.stats.counts.two_groups import RiskDifference, risk_difference
from mnstudy.stats.measurement.skewed_mean import skewed_mean
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    UNIT,
    Answer,
    NotTestable,
    Question,
    after_a_session,
    after_treatment,
    complete_rows,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.finding.finding import Estimate, Hold, Part, interval_of
from mnstudy.words.notes import Count, Note, note

FEW, AT_AN_END = 40, 0.10  # patients; share of them at an end of the scale


def event_rate(question: Question) -> Answer:
    """Estimate the share of needled patients with the event: ever, or at the final week."""
    events = [e for e in question.params["events"] if e in question.cohort.data]
    treated = select_arm(event_rows(question), NEEDLED)
    seen = treated[known_outcome(treated, events).to_numpy()]
    require_patients(seen, note("needled_with_event_recorded"))
    by_patient = had_event(seen, events)
    rate = rate_of(by_patient, question.confidence_level)
    answer = Answer(
        estimate=_percent(question, rate, note("exact_patient_limits")),
        comparison="rate",
        n_patients=len(by_patient),
        n_sites=n_sites(seen),
        n_missing=n_patients(treated) - len(by_patient),
        had=(by_patient,),
    )
    if question.brief or question.at_final_week:
        return answer
    sessions = rate_of(had_event(seen, events, by_session=True), question.confidence_level)
    return replace(
        answer,
        parts=(_percent_part("per session", sessions, n=len(by_patient)),),
        remarks=(*_rate_notes(rate, sessions), *_half_recorded(seen, events)),
    )


def _half_recorded(seen: pd.DataFrame, events: Sequence[str]) -> list[Note]:
    """Count the patients without an event for whom only some of the events were recorded."""
    named = seen[list(events)]
    had = named.fillna(False).any(axis=1).groupby(seen["patient_id"]).any()
    empty = named.isna().any(axis=1).groupby(seen["patient_id"]).any()
    n = int((empty & ~had).sum())
    return [note("half_recorded", patients=Count(n=n, noun="patient"))] if n else []


def _rate_notes(rate: Proportion, sessions: Proportion) -> tuple[Note, ...]:
    patients = Count(n=rate.events, of=rate.n, noun="patient")
    of_sessions = Count(n=sessions.events, of=sessions.n, noun="session")
    first = note("event_counts", patients=patients, sessions=of_sessions)
    if rate.events == 0:
        highs = (100 * rate.ci_high, 100 * sessions.ci_high)
        first = note("no_event_seen", counts=first, patients=highs[0], sessions=highs[1])
    everybody = Count(n=rate.n, noun="patient")
    detectable = 100 * (1 - 0.05 ** (1 / rate.n))
    return first, note("detectable_rate", patients=everybody, percent=detectable)


def _percent(question: Question, rate: Proportion, how: Note) -> Estimate:
    return Estimate(
        **interval_of(rate, 100),
        confidence_level=rate.confidence_level,
        p_value=rate.p_against(question.margin(question.claim) / 100),
        unit="percent",
        how=how,
    )


def _percent_part(label: str, rate: Proportion, *, n: int) -> Part:
    return Part(kind="arm", label=label, n=n, unit="percent", **interval_of(rate, 100))


def share(question: Question) -> Answer:
    """Estimate the share of needled patients whose final, or best ever, value is high enough."""
    outcome, least = question.params["outcome"], question.params["at_least"]
    everybody = select_arm(event_rows(question), NEEDLED)
    sites, _ = complete_rows(everybody, [outcome])
    require_patients(sites, note("needled_with", outcome=outcome))
    values = sites.groupby("patient_id")[outcome]
    reached = (values.mean() if question.at_final_week else values.max()) >= least
    rate = rate_of(reached, question.confidence_level)
    return Answer(
        estimate=_percent(question, rate, note("share_with", least=least)),
        comparison="rate",
        n_patients=len(reached),
        n_sites=n_sites(sites),
        n_missing=n_sites(everybody) - n_sites(sites),
        had=(reached,),
        remarks=(note("share_shows_no_cause"),),
    )


def level(question: Question) -> Answer:
    """Estimate the mean of a measure over needled patients, all assessments of a patient kept."""
    outcome = question.params["outcome"]
    treated = after_a_session(select_arm(question.cohort.data, NEEDLED))
    rows, _ = complete_rows(treated, [outcome])
    require_patients(rows, note("needled_with", outcome=outcome))
    values = -rows[outcome] if question.params.get("better") == "lower" else rows[outcome]
    fitted = model.mean(question, rows, values)
    before_after = bool(question.params.get("before_after"))
    null = 0.0 if before_after else question.margin(question.claim)
    answer = model.answer(question, fitted, rows, "mean", "mean_of_patients", null=null)
    return replace(
        answer,
        holds=(*answer.holds, *_skewed(question, rows, values)),
        comparison="uncontrolled" if before_after else "rate",
        n_missing=n_patients(treated) - n_patients(rows),
        remarks=_measured_note(n_patients(rows), n_patients(treated)),
    )


def _skewed(question: Question, rows: pd.DataFrame, values: pd.Series) -> tuple[Hold, ...]:
    """Hold back a mean that t limits alone keep from a limit: on a bounded scale they may err.

    Hall's limits (``skewed_mean``) of the means of the patients have to speak the same way. With
    few patients, many of them at an end of the scale, neither can be trusted.
    """
    outcome = question.params["outcome"]
    spec = {**columns(), **question.cohort.study.measures}[outcome]
    means, raw = (x.groupby(rows["patient_id"]).mean() for x in (values, rows[outcome]))
    if question.claim.rule not in ("below", "above") or spec.low is None or means.nunique() == 1:
        return ()
    hall = skewed_mean(means, confidence_level=question.confidence_level)
    holds = [Hold(why=note("skewed_mean"), also=(hall.ci_low, hall.ci_high))]
    if len(means) < FEW and raw.isin([spec.low, spec.high]).mean() > AT_AN_END:
        holds.append(Hold(why=note("at_an_end", few=FEW, percent=100 * AT_AN_END)))
    return tuple(holds)


def ratio(question: Question) -> Answer:
    """Estimate the geometric mean of a ratio measured within persons."""
    outcome = question.params["outcome"]
    rows, _ = complete_rows(question.cohort.data, [outcome])
    rows = rows[rows[outcome] > 0]
    require_patients(rows, note("with_positive", outcome=outcome))
    fitted = model.mean(question, rows, np.log(rows[outcome]))
    null = float(np.log(question.margin(question.claim)))
    logs = model.answer(question, fitted, rows, "mean", "geometric_mean", null=null)
    ends: dict[str, Any] = {k: float(np.exp(v)) for k, v in interval_of(logs.estimate).items()}
    # the error of the logarithm would be read in the wrong unit, its rows as those of the mean
    return replace(
        logs,
        comparison="rate",
        estimate=replace(logs.estimate, **ends, std_error=float("nan")),
        layout=None,
        model=None,
        remarks=_measured_note(n_patients(rows), n_patients(question.cohort.data)),
    )


def _measured_note(measured: int, treated: int) -> tuple[Note, ...]:
    if measured == treated:
        return ()
    return (note("measured", patients=Count(n=measured, of=treated, noun="patient")),)


def event_difference(question: Question) -> Answer:
    """Estimate the risk of any of the events in the treated group minus the reference group.

    A patient has the event when any assessment after treatment shows it, of untreated sites any
    after the baseline, or that of the final week where the claim is about it. Patients with both
    kinds of site are compared with themselves where the study is a split body or a crossover, and
    count in each group where they are a few of many.
    """
    question.require_comparable_groups()
    seen, events = _seen(question)
    groups = [group_of(seen, question.params[arm]) for arm in ("treated", "reference")]
    treated, reference = (had_event(group, events) for group in groups)
    for group, name in zip(groups, question.arm_names, strict=True):
        require_patients(group, note("in_group_with_events", arm=name))
    both = treated.index.intersection(reference.index)
    question.require_declared_design(len(both))
    arm = pd.Series(np.repeat([1.0, 0.0], [len(g) for g in groups]))
    few = question.few_in_order(pd.concat(groups, ignore_index=True), arm)
    paired = question.cohort.study.within_patients
    if paired:
        treated, reference = treated[both], reference[both]
    both_groups, sizes = pd.concat(groups), [len(group) for group in groups]
    allocated, alone = question.by_clinic(both_groups, np.repeat([1.0, 0.0], sizes))
    if allocated.allocated:
        alone = (Hold(why=note("clinics_allocated")),)
    level = question.confidence_level
    found = difference_of_risks(treated, reference, paired=paired, confidence_level=level)
    answer = Answer(
        estimate=_estimate(question, found),
        comparison=question.comparison,
        n_patients=len(treated.index.union(reference.index)),
        n_sites=n_sites(both_groups),
        holds=(*few, *question.carried_over, *alone),
        had=(treated, reference),
    )
    if question.brief:
        return answer
    return replace(
        answer,
        parts=tuple(
            _part(name, had, question)
            for name, had in zip(question.arm_names, (treated, reference), strict=True)
        ),
        remarks=(
            *_remarks(question, events, treated, reference, 0 if found.paired else len(both)),
            *_half_recorded(both_groups, events),
            *([note("period_not_adjusted")] if question.crossover else []),
        ),
    )


def _seen(question: Question) -> tuple[pd.DataFrame, list[str]]:
    events = recorded_events(question)
    if not events:
        raise NotTestable(note("no_event_recorded", events=tuple(question.params["events"])))
    after = event_rows(question)
    return after[known_outcome(after, events).to_numpy()], events


def recorded_events(question: Question) -> list[str]:
    """Return those of the events of the claim that are recorded for anybody."""
    data = question.cohort.data
    return [e for e in question.params.get("events", ()) if e in data and data[e].notna().any()]


def event_rows(question: Question) -> pd.DataFrame:
    """Return the assessments that count: of the final week, or all after treatment."""
    return question.sites if question.at_final_week else after_treatment(question.cohort.data)


def group_of(seen: pd.DataFrame, arm: Mapping[str, Any]) -> pd.DataFrame:
    """Select a group by words (``select_arm``) and by depth."""
    words = {k: v for k, v in arm.items() if not k.startswith("needle_depth")}
    group = select_arm(seen, words)
    if "needle_depth_at_most" in arm:
        group = group[group["needle_depth_mm"] <= arm["needle_depth_at_most"]]
    if "needle_depth_over" in arm:
        group = group[group["needle_depth_mm"] > arm["needle_depth_over"]]
    return group


def had_event(rows: pd.DataFrame, events: Sequence[str], *, by_session: bool = False) -> pd.Series:
    """Tell for each patient, or session, with any of the events recorded whether one happened.

    Assessments of an unknown session count one by one.
    """
    recorded = known_outcome(rows, events).to_numpy()
    seen = rows if recorded.all() else rows[recorded]
    had = [seen[e].to_numpy(dtype=bool, na_value=False) for e in events]
    happened = pd.Series(np.logical_or.reduce(had), index=seen.index)
    if not by_session:
        return happened.groupby(seen["patient_id"]).any()
    session = seen["session_count"]
    alone = pd.Series(range(len(seen)), index=seen.index).where(session.isna(), -1)
    return happened.groupby([*(seen[c] for c in UNIT), session.fillna(0), alone]).any()


def rate_of(had: pd.Series, confidence_level: float) -> Proportion:
    """Return the share that is true, with exact limits."""
    return proportion(int(had.sum()), len(had), confidence_level=confidence_level)


def pair_table(treated: pd.Series, reference: pd.Series) -> list[list[int]]:
    """Count the pairs by who had it: on the treated side in rows, on the reference in columns."""
    both = treated.index.intersection(reference.index)
    t, r = treated[both], reference[both]
    return [
        [int((t & r).sum()), int((t & ~r).sum())],
        [int((~t & r).sum()), int((~t & ~r).sum())],
    ]


def difference_of_risks(
    treated: pd.Series, reference: pd.Series, *, paired: bool, confidence_level: float
) -> RiskDifference:
    """Compare who had it, one true or false a patient; ``paired``: the same patients twice."""
    if paired:
        table = pair_table(treated, reference)
        return risk_difference(table=table, paired=True, confidence_level=confidence_level)
    counts = int(treated.sum()), len(treated), int(reference.sum()), len(reference)
    return risk_difference(*counts, confidence_level=confidence_level)


def _estimate(question: Question, found: RiskDifference) -> Estimate:
    return Estimate(
        **interval_of(found, 100),
        confidence_level=found.confidence_level,
        p_value=found.p_value,
        unit=question.claim.unit,
        how=note("difference_of_risks", method=found.method),
    )


def _part(label: str, group: pd.Series, question: Question) -> Part:
    return _percent_part(label, rate_of(group, question.confidence_level), n=len(group))


def _remarks(
    question: Question,
    events: Sequence[str],
    treated: pd.Series,
    reference: pd.Series,
    in_both: int,
) -> tuple[Note, ...]:
    one, other = (Count(n=int(g.sum()), of=len(g), noun="patient") for g in (treated, reference))
    names = tuple("hyperpigmentation" if e == "pih" else e.replace("_", " ") for e in events)
    remarks = [note("events_in_arms", treated=one, reference=other, events=names)]
    if in_both:
        both = Count(n=in_both, noun="patient")
        remarks.append(note("counted_in_both", patients=both))
    return (*remarks, *(note("not_adjusted_as", why=why) for why in question.indication))
