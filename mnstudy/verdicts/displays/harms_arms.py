"""Which groups the harms of a cohort are counted in: the arms of its plan, else its treatments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy.cohort.table import Cohort, is_baseline
from mnstudy.verdicts.analyses.events import group_of
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    UNTREATED,
    NotTestable,
    after_a_session,
    n_patients,
)
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import Claim, registry
from mnstudy.words.notes import Note, note

COMPARES = ("parallel", "split_body")
NAMES = {
    "needling": "needling",
    "rf_needling": "radiofrequency needling",
    "peel": "chemical peel",
    "topical": "topical alone",
    "prp_injection": "injection of PRP",
    "other": "another treatment",
    "untreated": "no treatment",
}
TOPICALS = {"prp": "PRP", "tca": "TCA", "other": "another topical"}
PLACES = {"home": "at home", "clinic": "in the clinic"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreatmentGroup:
    """One group: its name and its assessments after treatment."""

    label: str
    rows: pd.DataFrame


def treatment_groups(cohort: Cohort) -> tuple[list[TreatmentGroup], tuple[Note, ...]]:
    """Return the groups in which harms are counted, the treated before the reference, and why.

    In a trial they are the two sides of the first primary claim of the plan that compares two;
    else one group a treatment, or with and without a topical where all got one treatment.
    Assessments after a session count; of untreated and sham sites those after the baseline.
    """
    rows = _after_treatment(cohort.data)
    if cohort.study.design in COMPARES:
        for claim in _planned(cohort):
            two = _sides(cohort, claim, rows)
            if two:
                return two, (note("harms_groups_of_claim", claim=claim.title),)
    found = _by_treatment(rows)
    if len(found) == 1 and cohort.study.design in COMPARES and "adjunct" in rows:
        found = _by_topical(rows) or found
    return found, ()


def _after_treatment(data: pd.DataFrame) -> pd.DataFrame:
    untreated = data["treatment"].isin(UNTREATED["treatment"])
    after = data.index.isin(after_a_session(data).index)
    return data[(after & ~untreated) | (untreated & ~is_baseline(data))]


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
    return [TreatmentGroup(label=side_label(side, group), rows=group) for side, group in groups]


def side_label(side: Mapping[str, Any], group: pd.DataFrame) -> str:
    """Name one side of a comparison: allowed words by column, as in the claims."""
    kinds = [treatment_name(t) for t in side.get("treatment", ())]
    label = " or ".join(kinds) or "treated"
    if list(side.get("adjunct", ())) == ["none"]:
        label += " alone"
    elif "adjunct" in side or "adjunct_not" in side:
        label += f" with {_topical_name(group)}"
    for key, word in (("needle_depth_at_most", "up to"), ("needle_depth_over", "over")):
        if key in side:
            label += f" {word} {side[key]:g} mm"
    used = ("treatment", "adjunct", "adjunct_not", "needle_depth_at_most", "needle_depth_over")
    rest = [_words(key, words) for key, words in side.items() if key not in used]
    return " ".join([label, *rest])


def _words(key: str, words: Sequence[object]) -> str:
    named = " or ".join(PLACES.get(str(w), str(w).replace("_", " ")) for w in words)
    if key == "setting":
        return named
    column = key.removesuffix("_not").replace("_", " ")
    return f"{column} not {named}" if key.endswith("_not") else f"{column} {named}"


def treatment_name(word: object) -> str:
    """Return a treatment of the contract in words."""
    return NAMES.get(str(word), str(word).replace("_", " "))


def _topical_name(rows: pd.DataFrame) -> str:
    used = rows["adjunct"].dropna().astype("str").unique() if "adjunct" in rows else []
    if len(used) != 1:
        return "a topical"
    return TOPICALS.get(used[0], used[0].replace("_", " "))


def _by_treatment(rows: pd.DataFrame) -> list[TreatmentGroup]:
    order = [t for t in rows["treatment"].cat.categories if rows["treatment"].eq(t).any()]
    return [
        TreatmentGroup(label=treatment_name(t), rows=rows[rows["treatment"].eq(t)]) for t in order
    ]


def _by_topical(rows: pd.DataFrame) -> list[TreatmentGroup]:
    alone = rows["adjunct"].eq("none").fillna(False).astype(bool)
    added = rows[~alone & rows["adjunct"].notna()]
    if min(n_patients(rows[alone]), n_patients(added)) < MIN_PATIENTS:
        return []
    name = treatment_name(rows["treatment"].dropna().iloc[0])
    return [
        TreatmentGroup(label=f"{name} with {_topical_name(added)}", rows=added),
        TreatmentGroup(label=f"{name} alone", rows=rows[alone]),
    ]
