"""What a printed table of outcomes may show of a group of a real cohort: sizes and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy.cohort.small_counts import FEW, NOT_SHOWN, THRESHOLD
from mnstudy.formatting_profiles import Profile
from mnstudy.verdicts.disclosure import is_guarded, is_small
from mnstudy.verdicts.finding import Finding

ARMS = ("treated", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many patients of a group have a known outcome, of how many; as it may be shown.

    ``exact`` tells that ``text`` holds the number itself, so that counts of them may be shown.
    """

    text: str
    exact: bool


def size(row: Mapping[Any, Any], finding: Finding, style: Profile) -> Size:
    """Write the patients of a group with a known outcome of those in it: ``107/108``.

    Parameters
    ----------
    row : mapping
        A row of ``mnstudy.verdicts.outcomes``.
    finding : Finding
        That of the claim, made ``safe``.
    style : Profile

    Notes
    -----
    Of a real cohort, a number that falls one to four short of its group or of the cohort is
    written as more than that whole less five; one from which a small group would follow is not
    shown.
    """
    n, whole = int(row["n"]), row["in_group"]
    total = None if pd.isna(whole) else int(whole)
    if not is_guarded(finding):
        return Size(text=_of(style.count(n), style, total), exact=True)
    if is_small(n):
        return Size(text=FEW, exact=False)
    if _left_out(row, finding):
        return Size(text=NOT_SHOWN, exact=False)
    known = _short(n, (total, finding.cohort_patients), style)
    if total is None:
        return Size(text=known or style.count(n), exact=not known)
    all_of_them = _short(total, (finding.cohort_patients,), style) or style.count(total)
    return Size(text=f"{known or style.count(n)}/{all_of_them}", exact=not known)


def _of(n: str, style: Profile, total: int | None) -> str:
    return n if total is None else f"{n}/{style.count(total)}"


def _short(n: int, wholes: tuple[int | None, ...], style: Profile) -> str:
    """Return what stands for a number that is a few short of a known one; else nothing."""
    for whole in wholes:
        if whole is not None and is_small(whole - n):
            return f">{style.count(whole - THRESHOLD)}"
    return ""


def _left_out(row: Mapping[Any, Any], finding: Finding) -> bool:
    """Tell whether the size was taken out of the safe finding: a small one would follow from it."""
    if row["role"] == "level":
        sizes = {p.label: p.n for p in finding.parts if p.kind == "level"}
        return sizes.get(row["group"]) is None
    arms = [p for p in finding.parts if p.kind == "arm"]
    if row["role"] not in ARMS or len(arms) != len(ARMS):
        return False
    return arms[ARMS.index(row["role"])].n is None


def tells(row: Mapping[Any, Any], shown: Size, finding: Finding) -> bool:
    """Tell whether the share of a group would tell a count of one to four people."""
    if not is_guarded(finding) or row["kind"] != "events":
        return False
    n, events = int(row["n"]), int(row["events"])
    return not shown.exact or is_small(events) or is_small(n - events)


def events(row: Mapping[Any, Any], shown: Size, finding: Finding, style: Profile) -> str:
    """Write how many had the event of how many; of one to four people only that they are few."""
    n, count = int(row["n"]), int(row["events"])
    if not tells(row, shown, finding):
        return style.events(count, n)
    if not count:
        return f"0/{shown.text.split('/')[0]}"
    if is_small(count):
        return f"{FEW}/{style.count(n)}" if shown.exact else FEW
    if is_small(n - count) and shown.exact:
        return f"at least {style.count(n - THRESHOLD + 1)}/{style.count(n)}"
    return NOT_SHOWN
