"""The groups behind a finding: how many, and what was seen in each, patients as the unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.verdicts.analyses.events import group_of
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    UNTREATED,
    Layout,
    NotTestable,
    Question,
    after_a_session,
    complete_rows,
    n_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.displays.harms_arms import side_label
from mnstudy.verdicts.finding.finding import Finding, Part

PROPORTIONS = ("event_rate", "share")
BETWEEN_VISITS = ("time_to_response", "time_to_clear")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGroup:
    """One group of an outcome.

    ``n`` patients with the outcome known of ``in_group`` (None where only the outcome tells who is
    in it); ``kind`` says what was seen: events, mean (with ``sd``), adjusted mean or geometric
    mean (with ``low`` and ``high``), none.
    """

    name: str
    role: str
    n: int
    kind: str
    in_group: int | None = None
    events: int | None = None
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroups:
    """Two groups of patients with or without an event.

    ``pairs`` holds ``[[both, only first], [only second, neither]]`` where they are the same
    patients, ``overlap`` how many patients are in both groups where they are not.
    """

    groups: tuple[OutcomeGroup, OutcomeGroup]
    pairs: list[list[int]] | None = None
    overlap: int = 0


def two_groups(question: Question, layout: Layout) -> tuple[OutcomeGroup, OutcomeGroup]:
    """Return the two arms behind a difference of means: mean and SD of the patients' means."""
    values = _by_patient(question, layout, layout.design["treated"])
    named = _arms(question)
    found = []
    for role, (name, in_group), code in zip(
        ("treated", "reference"), named, (1.0, 0.0), strict=True
    ):
        own = values.loc[code]
        found.append(_mean(name, role, own, in_group))
    return found[0], found[1]


def _by_patient(question: Question, layout: Layout, arm: pd.Series) -> pd.Series:
    """Return one mean a patient and arm; where the clusters are studies each row is a patient."""
    of_patients = question.cohort.study.cluster == "patient_id"
    people = layout.patients.to_numpy() if of_patients else np.arange(len(layout.y))
    keys = [pd.Series(arm.to_numpy(), name="arm"), pd.Series(people, name="person")]
    return pd.Series(layout.y.to_numpy(dtype="float64")).groupby(keys).mean()


def _mean(name: str, role: str, values: pd.Series, in_group: int | None) -> OutcomeGroup:
    sd = float(values.std()) if len(values) > 1 else math.nan
    return OutcomeGroup(name=name, role=role, kind="mean", n=len(values), in_group=in_group,
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
    if question.claim.analysis == "arm_contrast":
        sides = [params["treated"], params["reference"]]
    else:
        sides = [question.needled, UNTREATED]
        sites = scar_type_filter(sites, params)
    rows_of = [select_arm(sites, side) for side in sides]
    return [
        (_side(side, rows), n_patients(rows)) for side, rows in zip(sides, rows_of, strict=True)
    ]


def _side(side: Mapping[str, Any], rows: pd.DataFrame) -> str:
    return "untreated" if side is UNTREATED else side_label(side, rows)


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
    params, data = question.params, question.cohort.data
    events = [e for e in params["events"] if e in data and data[e].notna().any()]
    treated = after_a_session(data)
    sides = [group_of(treated, params[role]) for role in ("treated", "reference")]
    named: list[tuple[str, int | None]] = [
        (side_label(params[role], rows), n_patients(rows))
        for role, rows in zip(("treated", "reference"), sides, strict=True)
    ]
    happened = [_happened(rows[rows[events].notna().any(axis=1)], events) for rows in sides]
    return _event_groups(question, happened[0], happened[1], named)


def _happened(rows: pd.DataFrame, events: list[str]) -> pd.Series:
    seen = rows[events].fillna(False).any(axis=1)
    return seen.groupby(rows["patient_id"]).any()


def _event_groups(
    question: Question,
    treated: pd.Series,
    reference: pd.Series,
    named: list[tuple[str, int | None]],
) -> EventGroups:
    both = treated.index.intersection(reference.index)
    pairs = None
    if question.cohort.study.design == "split_body":
        first, second = treated[both], reference[both]
        treated, reference = first, second
        pairs = [
            [int((first & second).sum()), int((first & ~second).sum())],
            [int((~first & second).sum()), int((~first & ~second).sum())],
        ]
    groups = [
        OutcomeGroup(name=name, role=role, kind="events", n=len(own), in_group=in_group,
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
    name = "needling alone" if analysis in ("improvement", "change") else "needling"
    in_group = _in_group(question)
    if analysis in PROPORTIONS:
        events = round(estimate.value * n / 100)
        return (
            OutcomeGroup(
                name=name, role="all", kind="events", n=n, in_group=in_group, events=events
            ),
        )
    if analysis == "ratio":
        return (
            OutcomeGroup(name="measured", role="all", kind="geometric mean", n=n, in_group=in_group,
                  mean=estimate.value, low=estimate.ci_low, high=estimate.ci_high),
        )  # fmt: skip
    if layout is not None:
        arm = pd.Series(0.0, index=layout.y.index)
        return (_mean(name, "all", _by_patient(question, layout, arm).loc[0.0], in_group),)
    return (OutcomeGroup(name=name, role="all", kind="none", n=n, in_group=in_group),)


def _level(part: Part) -> OutcomeGroup:
    return OutcomeGroup(name=part.label, role="level", kind="adjusted mean", n=part.n or 0,
                 mean=part.value, low=part.ci_low, high=part.ci_high)  # fmt: skip


def _in_group(question: Question) -> int | None:
    """Count all patients of the one group of a claim; None where its outcome says who is in it."""
    analysis, data = question.claim.analysis, question.cohort.data
    try:
        if analysis in ("improvement", "change"):
            sites = scar_type_filter(question.sites, question.params)
            return n_patients(select_arm(sites, question.needled))
        if analysis == "share":
            return n_patients(select_arm(question.sites, NEEDLED))
        if analysis in ("event_rate", "level", *BETWEEN_VISITS):
            return n_patients(after_a_session(select_arm(data, NEEDLED)))
    except NotTestable:
        return None
    return n_patients(data) if analysis == "ratio" else None
