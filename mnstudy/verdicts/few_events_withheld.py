"""A finding without the rates, and the differences of rates, that tell of 1 to 4 patients."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from mnstudy import formatting as fmt
from mnstudy.cohort.small_counts import NOT_SHOWN, is_small
from mnstudy.verdicts.few_events import NAN, Few, blanked, bounded, few_behind, written

if TYPE_CHECKING:
    from mnstudy.verdicts.finding import Estimate, Finding, Part

_RATES = ("arm", "share")  # parts that may be a rate
_COUNTED = re.compile(r"[\d,]+ of [\d,]+ patients, after ")
_AGAINST = re.compile(r"([\d,]+) of ([\d,]+)(?: patients)? against ([\d,]+) of ([\d,]+) patients")


def without_few_events(finding: Finding, *, at_least: int | None = None) -> Finding:
    """Return the finding without rates, and differences of rates, that tell of 1 to 4 patients.

    Where its exact size must not be shown either, limits are those of ``at_least`` patients.
    """
    estimate = finding.estimate
    level = estimate.confidence_level if estimate is not None else 0.95

    def few_of(number: Estimate | Part, n: int | None) -> Few | None:
        few = few_behind(number, n, level)
        return replace(few, n=min(few.n, at_least)) if few and at_least else few

    few = None if estimate is None else few_of(estimate, finding.n_patients)
    if few is not None:
        finding = _without_few(finding, few)
    found = {p: few_of(p, p.n) for p in finding.parts if p.kind in _RATES}
    rates = {p: f for p, f in found.items() if f is not None}
    if any(p.kind == "arm" for p in rates) and _is_difference(estimate):
        finding = _without_estimate(finding)
    parts = [bounded(p, rates[p], level) if p in rates else p for p in finding.parts]
    notes = [_without_limits(note, rates, level) for note in finding.notes]
    kept, notes = _without_responders(parts, notes)
    return replace(finding, parts=tuple(kept), notes=tuple(notes))


def _is_difference(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.unit == "percentage points"


def _without_few(finding: Finding, few: Few) -> Finding:
    """Return a rate with no more than its limit; what was counted by session goes with it."""
    assert finding.estimate is not None
    estimate, wide = finding.estimate, finding.simultaneous
    level = estimate.confidence_level
    gone = None if wide is None else bounded(wide, few, wide.confidence_level)
    notes = [n for n in finding.notes if not _COUNTED.match(n)]
    if wide is not None and gone is not None:
        notes = [n.replace(f"{fmt.interval(wide)} {wide.unit}", written(gone)) for n in notes]
    parts = []
    for part in finding.parts:
        if part.kind == "together" and wide is not None:
            part = bounded(part, few, wide.confidence_level)
        elif part.kind == "arm" and part.unit == "percent":
            part = blanked(part)
        parts.append(part)
    return replace(
        finding,
        estimate=bounded(estimate, few, level),
        simultaneous=gone,
        p_holm=NAN,
        parts=tuple(parts),
        notes=(few.words(level), *notes),
    )


def _without_estimate(finding: Finding) -> Finding:
    """Return a difference of rates without any number that would give the one from the other."""
    assert finding.estimate is not None
    wide, unit = finding.simultaneous, finding.estimate.unit
    parts = tuple(blanked(p) if p.unit == unit else p for p in finding.parts)
    notes = finding.notes
    if wide is not None:
        notes = tuple(n.replace(fmt.interval(wide), NOT_SHOWN) for n in notes)
    return replace(
        finding,
        estimate=blanked(finding.estimate),
        simultaneous=None if wide is None else blanked(wide),
        p_holm=NAN,
        parts=parts,
        notes=notes,
    )


def _without_limits(note: str, rates: dict[Part, Few], level: float) -> str:
    """Cut the limits off the note of a share that tells of a few."""
    for part, few in rates.items():
        if part.kind == "share" and note.startswith(f"{part.label}: "):
            return f"{part.label}: {few.words(level)}"
    return note


def _without_responders(
    parts: Iterable[Part], notes: Iterable[str]
) -> tuple[list[Part], list[str]]:
    """Cut what follows two counts of which one is small: their difference would give it."""
    kept, said = list(parts), []
    for note in notes:
        found = _AGAINST.search(note)
        if found is None:
            said.append(note)
            continue
        a, n, b, m = (int(x.replace(",", "")) for x in found.groups())
        if not any(map(is_small, (a, n - a, b, m - b))):
            said.append(note)
            continue
        said.append(note.split(", a difference of ")[0])
        apart = 100 * (a / n - b / m) if n and m else NAN
        kept = [blanked(p) if math.isclose(p.value, apart, abs_tol=1e-6) else p for p in kept]
    return kept, said
