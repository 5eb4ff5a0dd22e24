"""What a printed table of outcomes may show of a group of a real cohort: sizes and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy.disclosure.findings import is_guarded
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small
from mnstudy.formatting_profiles import Profile
from mnstudy.verdicts.finding.finding import Finding

ARMS = ("treated", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many patients of a group have a known outcome, of how many; as it may be shown.

    ``exact`` tells that ``known`` is the number itself, so that counts of them may be shown.
    """

    known: str
    exact: bool
    whole: str = ""

    @property
    def text(self) -> str:
        """The known of all, as in ``107/108``."""
        return f"{self.known}/{self.whole}" if self.whole else self.known


def size(row: Mapping[Any, Any], finding: Finding, style: Profile) -> Size:
    """Write the patients of a group with a known outcome of those in it: ``107/108``.

    Parameters
    ----------
    row : mapping
        A row of ``mnstudy.verdicts.displays.outcomes``.
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
        whole = "" if total is None else style.count(total)
        return Size(known=style.count(n), exact=True, whole=whole)
    if is_small(n):
        return Size(known=FEW, exact=False)
    if _left_out(row, finding):
        return Size(known=NOT_SHOWN, exact=False)
    short = _short(n, (total, finding.cohort_patients), style)
    known = short or style.count(n)
    if total is None:
        return Size(known=known, exact=not short)
    all_of_them = _short(total, (finding.cohort_patients,), style) or style.count(total)
    return Size(known=known, exact=not short, whole=all_of_them)


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


def reveals_small_count(row: Mapping[Any, Any], shown: Size, finding: Finding) -> bool:
    """Tell whether the share of a group would tell a count of one to four people."""
    if not is_guarded(finding) or row["kind"] != "events":
        return False
    n, events = int(row["n"]), int(row["events"])
    return not shown.exact or is_small(events) or is_small(n - events)


def events(row: Mapping[Any, Any], shown: Size, finding: Finding, style: Profile) -> str:
    """Write how many had the event of how many; of one to four people only that they are few."""
    n, count = int(row["n"]), int(row["events"])
    if not reveals_small_count(row, shown, finding):
        return style.events(count, n)
    if not count:
        return f"0/{shown.known}"
    if is_small(count):
        return f"{FEW}/{style.count(n)}" if shown.exact else FEW
    if is_small(n - count) and shown.exact:
        return f"at least {style.count(n - THRESHOLD + 1)}/{style.count(n)}"
    return NOT_SHOWN
