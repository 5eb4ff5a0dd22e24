"""Harms of a cohort: each adverse event in each group, patients as the unit, safe to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, is_small
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import MIN_PATIENTS
from mnstudy.verdicts.displays.harms_arms import Arm, arms
from mnstudy.verdicts.displays.harms_counts import BLANK, by_patient, counted, difference
from mnstudy.verdicts.displays.harms_guard import ANY, without_giveaways, without_nearly_everybody

EVENTS = {
    "infection": "infection",
    "bruising": "bruising",
    "pih": "hyperpigmentation",
    "worsening": "worsening",
    "acne_flare": "flare of acne",
}
ROWS = ("event", "label", "arm", "n", "unknown", *BLANK, "withheld", "shown", "shown_unknown",
        "sentence")  # fmt: skip
DIFFERENCES = ("event", "label", "treated", "reference", "difference", "low", "high", "p_value",
               "n_pairs", "paired", "method", "shown")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Harms:
    """How many had which adverse event.

    Attributes
    ----------
    dataset : str
    synthetic, guarded : bool
        ``guarded``: counts of 1 to 4 are withheld, as in every real cohort.
    confidence_level : float
    person : str
        What was counted, as a noun: patient, or patient-site where pairs are not known.
    arms : tuple of str
        The groups, the treated before the reference.
    events : tuple of str
        The columns that are recorded.
    rows : DataFrame
        One row an event (last: any of these) and arm: ``n`` patients with the event recorded,
        ``unknown`` patients without, ``events`` patients who had it, ``share``, ``low``, ``high``
        in percent with exact (Clopper-Pearson) limits; the same by session. ``withheld`` says why
        numbers are nan: few (1 to 4 had it), nearly all (1 to 4 had it not), n (fewer than 5
        patients, or all of the cohort but 1 to 4), union (it would tell a small count). ``shown``
        and ``sentence`` are safe text.
    differences : DataFrame
        One row an event where there are two arms: treated minus reference in percentage points.
    no_difference : str
        Why there are no differences; empty where there are.
    notes : tuple of str
    """

    dataset: str
    synthetic: bool
    guarded: bool
    confidence_level: float
    person: str
    arms: tuple[str, ...]
    events: tuple[str, ...]
    rows: pd.DataFrame
    differences: pd.DataFrame
    no_difference: str = ""
    notes: tuple[str, ...] = ()


def harms(cohort: Cohort, *, confidence_level: float = 0.95) -> Harms:
    """Count the adverse events of a cohort: patients, sessions, exact limits, differences.

    Parameters
    ----------
    cohort : Cohort
    confidence_level : float

    Returns
    -------
    Harms
        Without rows where no adverse event is recorded.

    Notes
    -----
    A patient has an event where any assessment after treatment shows it, and is not at risk where
    none records it. Limits by session take the sessions as independent. In a real cohort counts
    of 1 to 4 people cannot be worked out from anything that is returned.

    References
    ----------
    Clopper & Pearson (1934), doi 10.1093/biomet/26.4.404. Newcombe (1998), paired,
    doi 10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    Examples
    --------
    >>> import mnstudy as mn
    >>> found = harms(mn.load("demo_split_face"))
    >>> found.arms
    ('needling with PRP', 'needling alone')
    >>> found.rows["shown"].iloc[0]
    '0 of 40'
    """
    events = _recorded(cohort)
    groups, notes = _groups(cohort, events)
    guarded = not cohort.synthetic
    options: dict[str, Any] = {
        "guarded": guarded,
        "level": confidence_level,
        "person": cohort.person,
    }
    rows = [
        {"event": event, "label": EVENTS[event], "arm": arm.label}
        | counted(arm.rows, [event], **options)
        for event in events
        for arm in groups
    ]
    if len(events) > 1:
        rows += [
            {"event": ANY, "label": "any of these", "arm": arm.label}
            | counted(arm.rows, events, **options)
            for arm in groups
        ]
    table = pd.DataFrame(rows, columns=list(ROWS))
    if guarded:
        everybody = int(cohort.data["patient_id"].nunique())
        table = without_nearly_everybody(without_giveaways(table, groups, events), everybody)
    why = _no_difference(cohort, groups)
    return Harms(
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        guarded=guarded,
        confidence_level=confidence_level,
        person=cohort.person,
        arms=tuple(arm.label for arm in groups),
        events=tuple(events),
        rows=table,
        differences=pd.DataFrame(
            [] if why else _differences(cohort, table, groups, events, confidence_level),
            columns=list(DIFFERENCES),
        ),
        no_difference=why,
        notes=(*notes, *_notes(cohort, groups, events)),
    )


def _recorded(cohort: Cohort) -> list[str]:
    data, study = cohort.data, cohort.study
    known = [e for e in EVENTS if e in data and data[e].notna().any()]
    return [e for e in known if study.limit(e) is None]


def _groups(cohort: Cohort, events: Sequence[str]) -> tuple[list[Arm], list[str]]:
    """Return the groups that may be shown: in a real cohort those of five patients or more."""
    if not events:
        return [], []
    found, why = arms(cohort)
    notes = [why] if why else []
    silent = [a for a in found if a.rows[list(events)].isna().all(axis=None)]
    notes += [f"no adverse event recorded as present or absent: {a.label}" for a in silent]
    found = [a for a in found if a not in silent]
    if cohort.synthetic:
        return found, notes
    small = [a for a in found if a.rows["patient_id"].nunique() < MIN_PATIENTS]
    notes += [f"not shown, fewer than {MIN_PATIENTS} patients: {a.label}" for a in small]
    return [a for a in found if a not in small], notes


def _no_difference(cohort: Cohort, groups: Sequence[Arm]) -> str:
    if len(groups) < 2:
        return "one group: nothing to compare with"
    if len(groups) > 2:
        return f"{len(groups)} groups: the claims say which two are compared"
    for scope in ("between_groups", "pairs"):
        limit = cohort.study.limit(scope)
        if limit is not None:
            return limit.says
    people = [arm.rows["patient_id"].unique() for arm in groups]
    if min(len(p) for p in people) < MIN_PATIENTS:
        return f"fewer than {MIN_PATIENTS} patients in a group"
    both = len(set(people[0]) & set(people[1]))
    if cohort.study.design == "split_body" and both < MIN_PATIENTS:
        return f"declared as split body, but fewer than {MIN_PATIENTS} patients have both sides"
    if cohort.study.design == "parallel" and both >= MIN_PATIENTS:
        return "declared as parallel, but patients have sites in both groups"
    return ""


def _differences(
    cohort: Cohort, table: pd.DataFrame, groups: Sequence[Arm], events: Sequence[str], level: float
) -> list[dict[str, object]]:
    paired, guarded = cohort.study.design == "split_body", not cohort.synthetic
    found: list[dict[str, object]] = []
    for event, own in table.groupby("event", sort=False):
        names = list(events) if event == ANY else [str(event)]
        sides = [by_patient(arm.rows, names) for arm in groups]
        pairs = len(sides[0].index.intersection(sides[1].index))
        row: dict[str, object] = {"event": event, "label": own["label"].iloc[0]}
        row |= {"treated": groups[0].label, "reference": groups[1].label}
        enough = min(pairs if paired else len(s) for s in sides) >= MIN_PATIENTS
        if enough and own["withheld"].eq("").all():
            row |= difference(*sides, paired=paired, guarded=guarded, level=level)
        else:
            row |= {"paired": paired, "method": "", "shown": NOT_SHOWN}
        found.append(row)
    return found


def _notes(cohort: Cohort, groups: Sequence[Arm], events: Sequence[str]) -> list[str]:
    notes = []
    unknown = sum(arm.rows[e].isna().any() for arm in groups for e in events)
    if unknown:
        notes.append("an event that was not recorded at an assessment counts as absent there")
    people = [set(arm.rows["patient_id"]) for arm in groups]
    shared = len(set.union(*people)) < sum(map(len, people)) if people else False
    if shared and cohort.study.design != "split_body":
        n = sum(map(len, people)) - len(set.union(*people))
        count = FEW if is_small(n) and not cohort.synthetic else f"{n:,}"
        notes.append(f"patients with sites in several groups count in each ({count})")
    if cohort.study.cluster != "patient_id":
        notes.append("patients of several studies are taken as one group: limits are too narrow")
    if len(groups) == 2 and not cohort.study.randomised:
        notes.append(f"not randomised ({fmt.count(len(groups), 'group')}): no cause is shown")
    return notes
