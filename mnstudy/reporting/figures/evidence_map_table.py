"""The numbers behind the map of the published evidence: one row a claim and design."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mnstudy.reporting.run.trials import Trials
from mnstudy.verdicts.claims.registry import Claim

DESIGNS = {
    "rct_split_body": "randomised, split body",
    "rct_parallel": "randomised groups",
    "nonrandomised": "not randomised",
    "single_arm": "one arm or looking back",
    "retrospective": "one arm or looking back",
    "case_series": "one arm or looking back",
}
COLUMNS = (*dict.fromkeys(DESIGNS.values()), "directions only")
POINTS = (
    "most point towards the claim",
    "no clear direction",
    "most point against it",
    "no direction printed",
)


def map_table(trials: Trials) -> pd.DataFrame:
    """Return one row a claim and design: studies, patients, and which way they point.

    A study counts once in a claim. Studies whose numbers can be pooled stand under their design;
    the others, of which only a direction is known, in a column of their own.
    """
    rows = [
        {"group": claim.group, "claim": claim.id, "title": claim.title, **cell}
        for claim in trials.claims
        for cell in _cells(trials, claim)
    ]
    names = ["group", "claim", "title", "design", "studies", "people", "in_favour", "against",
             "undecided", "points"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _cells(trials: Trials, claim: Claim) -> list[dict[str, Any]]:
    own, tests = trials.behind(claim.id), trials.tests(claim.id)
    with_number = _people(own, "people") if len(own) else {}
    beside = tests[~tests["study_id"].isin(list(with_number))]
    only = _people(beside, "n")
    design = dict(zip(own["study_id"], own["design"], strict=True)) if len(own) else {}
    found = []
    for column in COLUMNS:
        if column == "directions only":
            people, rows = only, beside
        else:
            people = {i: n for i, n in with_number.items() if DESIGNS.get(design[i]) == column}
            rows = tests[tests["study_id"].isin(list(people))]
        if people:
            found.append({"design": column, "studies": len(people), **_pointing(people, rows)})
    return found


def _people(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the people of each study: the most that any of its rows rests on."""
    most = rows.groupby("study_id")[name].max()
    return {str(i): 0.0 if pd.isna(n) else float(n) for i, n in most.items()}


def _pointing(people: dict[str, float], rows: pd.DataFrame) -> dict[str, Any]:
    favour = int(rows["counts_as"].eq("favours_claim").sum())
    against = int(rows["counts_as"].eq("against_claim").sum())
    undecided = len(rows) - favour - against
    words = list(POINTS)
    if not len(rows):
        points = words[3]
    elif 2 * favour > len(rows):
        points = words[0]
    else:
        points = words[2] if 2 * against > len(rows) else words[1]
    return {
        "people": int(sum(people.values())),
        "in_favour": favour,
        "against": against,
        "undecided": undecided,
        "points": points,
    }
