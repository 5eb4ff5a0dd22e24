"""Is one kind of treatment gentler than another: difference of risks, patients as the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mnstudy.stats.counts.proportions import proportion, risk_difference
from mnstudy.stats.counts.two_groups import RiskDifference
from mnstudy.verdicts.analyses.question import (
    Answer,
    NotTestable,
    Question,
    after_a_session,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.analyses.rates import half_recorded, percent_part
from mnstudy.verdicts.finding.finding import Estimate, Part
from mnstudy.words.notes import Count, Note, note


def event_difference(question: Question) -> Answer:
    """Estimate the risk of any of the events in the treated group minus the reference group.

    A patient has the event when any assessment after treatment shows it. Patients with both kinds
    of site are compared with themselves where the study is a split body, and count in each group
    where they are a few of many.
    """
    question.require_comparable_groups()
    seen, events = _seen(question)
    groups = [group_of(seen, question.params[arm]) for arm in ("treated", "reference")]
    treated, reference = (_any_event(group, events) for group in groups)
    require_patients(groups[0], note("in_group_with_events", arm="treated"))
    require_patients(groups[1], note("in_group_with_events", arm="reference"))
    both = treated.index.intersection(reference.index)
    question.require_declared_design(len(both))
    if question.cohort.study.design == "split_body":
        treated, reference = treated[both], reference[both]
    found = difference_of_risks(question, treated, reference)
    answer = Answer(
        estimate=_estimate(question, found),
        comparison=question.comparison,
        n_patients=len(treated.index.union(reference.index)),
        n_sites=n_sites(pd.concat(groups)),
    )
    if question.brief:
        return answer
    return replace(
        answer,
        parts=(_part("treated", treated, question), _part("reference", reference, question)),
        remarks=(
            *_remarks(question, events, treated, reference, 0 if found.paired else len(both)),
            *half_recorded(pd.concat(groups), events),
        ),
    )


def _seen(question: Question) -> tuple[pd.DataFrame, list[str]]:
    data = question.cohort.data
    events = [e for e in question.params["events"] if e in data and data[e].notna().any()]
    if not events:
        raise NotTestable(note("no_event_recorded", events=tuple(question.params["events"])))
    after = after_a_session(data)
    return after[after[events].notna().any(axis=1)], events


def group_of(seen: pd.DataFrame, arm: Mapping[str, Any]) -> pd.DataFrame:
    """Select a group by words (``select_arm``) and by depth."""
    words = {k: v for k, v in arm.items() if not k.startswith("needle_depth")}
    group = select_arm(seen, words)
    if "needle_depth_at_most" in arm:
        group = group[group["needle_depth_mm"] <= arm["needle_depth_at_most"]]
    if "needle_depth_over" in arm:
        group = group[group["needle_depth_mm"] > arm["needle_depth_over"]]
    return group


def _any_event(group: pd.DataFrame, events: Sequence[str]) -> pd.Series:
    happened = group[list(events)].fillna(False).any(axis=1)
    return happened.groupby(group["patient_id"]).any()


def difference_of_risks(
    question: Question, treated: pd.Series, reference: pd.Series
) -> RiskDifference:
    """Compare who had it, one true or false a patient; in a split body the same patients twice."""
    level = question.confidence_level
    if question.cohort.study.design == "split_body":
        table = [
            [int((treated & reference).sum()), int((treated & ~reference).sum())],
            [int((~treated & reference).sum()), int((~treated & ~reference).sum())],
        ]
        return risk_difference(table=table, paired=True, confidence_level=level)
    counts = int(treated.sum()), len(treated), int(reference.sum()), len(reference)
    return risk_difference(*counts, confidence_level=level)


def _estimate(question: Question, found: RiskDifference) -> Estimate:
    return Estimate(
        value=100 * found.estimate,
        ci_low=100 * found.ci_low,
        ci_high=100 * found.ci_high,
        confidence_level=found.confidence_level,
        p_value=found.p_value,
        unit=question.claim.unit,
        how=note("difference_of_risks", method=found.method),
    )


def _part(label: str, group: pd.Series, question: Question) -> Part:
    level = question.confidence_level
    rate = proportion(int(group.sum()), len(group), confidence_level=level)
    return percent_part(label, rate, n=len(group))


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
