"""Harms of a cohort: each adverse event in each group, patients as the unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    NotTestable,
    after_a_session,
    after_treatment,
    n_patients,
)
from mnstudy.verdicts.analyses.rates import difference_of_risks, group_of, had_event, rate_of
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import Claim, registry
from mnstudy.verdicts.claims.settings import arm_name, word_name
from mnstudy.verdicts.finding.finding import interval_of
from mnstudy.words.notes import Count, Note, note, sentence

COMPARES = ("parallel", "split_body", "crossover")
NAN = float("nan")
SESSIONS = ("sessions", "session_events", "session_share", "session_low", "session_high")
BLANK: dict[str, Any] = dict.fromkeys(("events", "share", "low", "high", *SESSIONS), NAN)
EVENTS = {
    "infection": "infection",
    "bruising": "bruising",
    "pih": "hyperpigmentation",
    "worsening": "worsening",
    "acne_flare": "flare of acne",
}
ANY = "any"
LABELS = EVENTS | {ANY: "any of these"}
ROWS = ("event", "label", "arm", "n", "unknown", *BLANK)
DIFFERENCES = ("event", "label", "treated", "reference", "difference", "low", "high", "p_value",
               "n_pairs", "paired", "method")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreatmentGroup:
    """One group: its name and its assessments after treatment."""

    label: str
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Harms:
    """How many had which adverse event.

    Attributes
    ----------
    dataset : str
    synthetic : bool
    study : Study
        Says whether groups may be compared, and whether patients are their own controls.
    confidence_level : float
    person : str
        What was counted, as a noun: patient, or patient-site where pairs are not known.
    events : tuple of str
        The columns that are recorded.
    groups : tuple of TreatmentGroup
        The treated before the reference.
    rows : DataFrame
        One row an event (last: any of these) and arm: ``n`` patients with the event recorded,
        ``unknown`` patients without, ``events`` patients who had it, ``share``, ``low``, ``high``
        in percent with exact (Clopper-Pearson) limits; the same by session.
    differences : DataFrame
        One row an event where there are two arms: treated minus reference in percentage points.
    no_difference : str
        Why there are no differences; empty where there are.
    notes : tuple of Note
    """

    dataset: str
    synthetic: bool
    study: Study
    confidence_level: float
    person: str
    events: tuple[str, ...]
    groups: tuple[TreatmentGroup, ...]
    rows: pd.DataFrame
    differences: pd.DataFrame
    no_difference: str
    notes: tuple[Note, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(group.label for group in self.groups)


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
    none records it. Limits by session take the sessions as independent.

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
    >>> found.rows[["events", "n"]].iloc[0].tolist()
    [0, 40]
    """
    study, events = cohort.study, recorded(cohort)
    groups, about_groups = _groups(cohort, events)
    together = {event: [event] for event in events}
    if len(events) > 1:
        together[ANY] = list(events)
    rows = [
        {"event": event, "label": LABELS[event], "arm": group.label}
        | counted(group.rows, names, level=confidence_level)
        for event, names in together.items()
        for group in groups
    ]
    why = _no_difference(study, groups)
    compared = {} if why else together
    gaps = [_difference(study, groups, *item, confidence_level) for item in compared.items()]
    return Harms(
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        study=study,
        confidence_level=confidence_level,
        person=cohort.person,
        events=events,
        groups=tuple(groups),
        rows=pd.DataFrame(rows, columns=list(ROWS)),
        differences=pd.DataFrame(gaps, columns=list(DIFFERENCES)),
        no_difference=why,
        notes=(*about_groups, *_notes(study, groups, events)),
    )


def recorded(cohort: Cohort) -> tuple[str, ...]:
    """Return the adverse events that are recorded, and that the study file lets be analysed."""
    data, study = cohort.data, cohort.study
    known = [e for e in EVENTS if e in data and data[e].notna().any()]
    return tuple(e for e in known if study.limit(e) is None)


def _groups(cohort: Cohort, events: Sequence[str]) -> tuple[list[TreatmentGroup], tuple[Note, ...]]:
    """Return the groups in which something is recorded, and why it is they."""
    if not events:
        return [], ()
    found, notes = treatment_groups(cohort)
    silent = [g for g in found if g.rows[list(events)].isna().all(axis=None)]
    notes = (*notes, *(note("harms_not_recorded_in", group=g.label) for g in silent))
    return [g for g in found if g not in silent], notes


def _no_difference(study: Study, groups: Sequence[TreatmentGroup]) -> str:
    if len(groups) < 2:
        return sentence(note("harms_one_group"))
    if len(groups) > 2:
        return sentence(note("harms_many_groups", groups=len(groups)))
    for scope in ("between_groups", "pairs"):
        limit = study.limit(scope)
        if limit is not None:
            return limit.says
    people = [set(group.rows["patient_id"]) for group in groups]
    both = len(people[0] & people[1])
    if min(map(len, people)) < MIN_PATIENTS:
        return sentence(note("harms_few_in_group", least=MIN_PATIENTS))
    if study.within_patients and both < MIN_PATIENTS:
        design = study.design.replace("_", " ")
        return sentence(note("harms_few_pairs", least=MIN_PATIENTS, design=design))
    if study.design == "parallel" and both >= MIN_PATIENTS:
        return sentence(note("harms_not_parallel"))
    return ""


def _difference(
    study: Study, groups: Sequence[TreatmentGroup], event: str, names: Sequence[str], level: float
) -> dict[str, object]:
    treated, reference = groups
    sides = [had_event(group.rows, names) for group in groups]
    paired = study.within_patients
    pairs = len(sides[0].index.intersection(sides[1].index))
    row: dict[str, object] = {"event": event, "label": LABELS[event]}
    row |= {"treated": treated.label, "reference": reference.label, "paired": paired, "method": ""}
    if min(pairs if paired else len(s) for s in sides) < MIN_PATIENTS:
        return row
    return row | difference(*sides, paired=paired, level=level)


def _notes(study: Study, groups: Sequence[TreatmentGroup], events: Sequence[str]) -> Iterator[Note]:
    if any(group.rows[e].isna().any() for group in groups for e in events):
        yield note("harms_absent_where_not_recorded")
    people = [set(group.rows["patient_id"]) for group in groups]
    several = sum(map(len, people)) - len(set().union(*people))
    if several and not study.within_patients:
        yield note("harms_in_several_groups", patients=Count(n=several))
    if study.cluster != "patient_id":
        yield note("harms_of_several_studies")
    if len(groups) == 2 and not study.randomised:
        yield note("harms_not_randomised", groups=Count(n=2, noun="group"))


def treatment_groups(cohort: Cohort) -> tuple[list[TreatmentGroup], tuple[Note, ...]]:
    """Return the groups in which harms are counted, the treated before the reference, and why.

    In a trial they are the two sides of the first primary claim of the plan that compares two;
    else one group a treatment, or with and without a topical where all got one treatment.
    Assessments after a session count; of untreated and sham sites those after the baseline.
    """
    rows, own = after_treatment(cohort.data), cohort.study.arms
    if cohort.study.design in COMPARES:
        for claim in _planned(cohort):
            two = _sides(cohort, claim, rows)
            if two:
                return two, (note("harms_groups_of_claim", claim=claim.title),)
    found = _by_treatment(rows, own)
    if len(found) == 1 and cohort.study.design in COMPARES and "adjunct" in rows:
        found = _by_topical(rows, own) or found
    return found, ()


def _planned(cohort: Cohort) -> list[Claim]:
    known = {**registry(), **own_claims(cohort.study)}
    planned = [known[i] for i in cohort.study.plan.primary if i in known]
    return [c for c in planned if {"treated", "reference"} <= set(c.params)]


def _sides(cohort: Cohort, claim: Claim, rows: pd.DataFrame) -> list[TreatmentGroup]:
    params = {**claim.params, **cohort.study.plan.thresholds.get(claim.id, {})}
    try:
        groups = [(params[side], group_of(rows, params[side])) for side in ("treated", "reference")]
    except (NotTestable, KeyError):  # a column of the comparison is missing
        return []
    if min(n_patients(group) for _, group in groups) < MIN_PATIENTS:
        return []
    own = cohort.study.arms
    return [TreatmentGroup(label=side_label(side, rows, own), rows=rows) for side, rows in groups]


def side_label(side: Mapping[str, Any], group: pd.DataFrame, own: Mapping[str, str]) -> str:
    """Name one side of a comparison, its topical as it is in all of the group."""
    return arm_name(side, own, _topical_name(group, own))


def _topical_name(rows: pd.DataFrame, own: Mapping[str, str]) -> str:
    used = rows["adjunct"].dropna().astype("str").unique() if "adjunct" in rows else []
    return word_name("adjunct", used[0], own) if len(used) == 1 else "a topical"


def _by_treatment(rows: pd.DataFrame, own: Mapping[str, str]) -> list[TreatmentGroup]:
    kinds = {t: rows[rows["treatment"].eq(t)] for t in rows["treatment"].cat.categories}
    return [
        TreatmentGroup(label=word_name("treatment", t, own), rows=group)
        for t, group in kinds.items()
        if len(group)
    ]


def _by_topical(rows: pd.DataFrame, own: Mapping[str, str]) -> list[TreatmentGroup]:
    alone = rows["adjunct"].eq("none").fillna(False).astype(bool)
    added = rows[~alone & rows["adjunct"].notna()]
    if min(n_patients(rows[alone]), n_patients(added)) < MIN_PATIENTS:
        return []
    name = word_name("treatment", rows["treatment"].dropna().iloc[0], own)
    return [
        TreatmentGroup(label=f"{name} with {_topical_name(added, own)}", rows=added),
        TreatmentGroup(label=f"{name} alone", rows=rows[alone]),
    ]


def counted(rows: pd.DataFrame, events: Sequence[str], *, level: float) -> dict[str, Any]:
    """Count patients and sessions with any of the events, with exact limits."""
    had = had_event(rows, events)
    n = len(had)
    cell: dict[str, Any] = {"n": n, "unknown": int(rows["patient_id"].nunique()) - n} | BLANK
    if not n:
        return cell
    patients = zip(("events", "share", "low", "high"), _shares(had, level), strict=True)
    sessions = had_event(after_a_session(rows), events, by_session=True)
    if not len(sessions):
        return cell | dict(patients)
    of_sessions = zip(SESSIONS, (len(sessions), *_shares(sessions, level)), strict=True)
    return cell | dict(patients) | dict(of_sessions)


def _shares(had: pd.Series, level: float) -> tuple[float, ...]:
    """Return how many had it, and their share with its limits in percent."""
    rate = rate_of(had, level)
    return int(had.sum()), *interval_of(rate, 100).values()


def difference(
    treated: pd.Series, reference: pd.Series, *, paired: bool, level: float
) -> dict[str, Any]:
    """Return the difference of two shares in percentage points; pairs with themselves."""
    found = difference_of_risks(treated, reference, paired=paired, confidence_level=level)
    both = treated.index.intersection(reference.index)
    value, low, high = interval_of(found, 100).values()
    return {
        "difference": value, "low": low, "high": high, "p_value": found.p_value,
        "n_pairs": len(both) if paired else NAN, "paired": paired, "method": found.method,
    }  # fmt: skip
