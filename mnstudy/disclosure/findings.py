"""A finding as it may be shown: the one door between what was found and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure import small_counts
from mnstudy.disclosure.few_events import NAN, without_few_events, without_value
from mnstudy.disclosure.notes import guarded_notes, with_counts
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, withheld
from mnstudy.verdicts.finding.finding import Finding, Part, lines_of
from mnstudy.words.notes import Count, Note

_GROUPS = ("level", "arm")  # parts that share out the patients of a finding


def is_guarded(finding: Finding) -> bool:
    """Tell whether small counts of this finding are hidden: real cohorts, not printed studies."""
    return not finding.synthetic and finding.n_studies is None


def is_small(n: int | None) -> bool:
    """Tell whether a count is small enough to point at a person."""
    return n is not None and small_counts.is_small(n)


def shown_count(finding: Finding, n: int | None, *, comma: str = ",") -> str:
    """Write a count of people: ``<5`` where it must not be shown, empty where unknown.

    Where all but a few of a known total are behind it, only that is said: ``>207`` of 212. A file
    of numbers has no ``comma`` between thousands.
    """
    return _shown(finding, n, finding.cohort_patients, comma)


def shown_sites(finding: Finding, *, comma: str = ",") -> str:
    """Write the number of sites behind a finding, by the same rule."""
    return _shown(finding, finding.n_sites, finding.cohort_sites, comma)


def _shown(finding: Finding, n: int | None, whole: int, comma: str) -> str:
    if n is None:
        return ""
    if not is_guarded(finding):
        return f"{n:{comma}}"
    if is_small(n):
        return FEW
    total = _total(finding, n, whole)
    return f"{n:{comma}}" if total is None else f">{total - THRESHOLD:{comma}}"


def _total(finding: Finding, n: int, whole: int) -> int | None:
    """Return the known total that this count is a few short of; None where it is not."""
    if is_small(whole - n):
        return whole
    own = n in (finding.n_patients, finding.n_sites)
    return n + finding.n_missing if own and is_small(finding.n_missing) else None


def shown_size(finding: Finding) -> str:
    """Write how much is behind the estimate: studies, patients, sites."""
    named = (
        (finding.n_studies, "study", "studies", shown_count(finding, finding.n_studies)),
        (finding.n_patients, "patient", "patients", shown_count(finding, finding.n_patients)),
        (finding.n_sites, "site", "sites", shown_sites(finding)),
    )
    return ", ".join(
        f"{shown} {many}" if shown != f"{n:,}" else fmt.count(n, one, many)
        for n, one, many, shown in named
        if n
    )


def shown_lines(finding: Finding) -> list[str]:
    """Return the finding as lines of text, as a report may show it."""
    return lines_of(safe(finding), shown_size(finding))


def safe(finding: Finding) -> Finding:
    """Return the finding without what it must not show.

    Parameters
    ----------
    finding : Finding
        Of a real cohort; one of synthetic data or of printed studies is returned as it is.

    Returns
    -------
    Finding

    Notes
    -----
    - A rate of which 1 to 4 patients had the event, or had it not, keeps only the limit that 4
      would give (``mnstudy.disclosure.few_events``); a difference of two rates keeps nothing where
      either is such a rate. Verdict and reason stay.
    - Values of parts with fewer than five people are blank, their counts stay and are written as
      ``<5`` by ``shown_count``; so is the size of the part from which a small one would follow.
    - Small counts in the reasons and the remarks are replaced.
    - A size that falls a few short of the whole cohort, or from which a few were left out, is
      written as more than that whole less five; degrees of freedom go with it.
    """
    if not is_guarded(finding):
        return finding
    total = _total(finding, finding.n_patients, finding.cohort_patients)
    finding = without_few_events(finding, at_least=total and total - THRESHOLD + 1)
    guarded = replace(
        finding,
        reasons=guarded_notes(finding.reasons),
        remarks=guarded_notes(finding.remarks),
        parts=_without_small_parts(finding),
    )
    return _without_size(guarded)


def _without_size(finding: Finding) -> Finding:
    """Return the finding without its exact size where that would give away the few left out.

    Degrees of freedom tell it as well.
    """
    sizes = {
        ("patient", finding.n_patients): shown_count(finding, finding.n_patients),
        ("site", finding.n_sites): shown_sites(finding),
    }
    hidden = {key: shown for key, shown in sizes.items() if shown not in (f"{key[1]:,}", FEW)}
    if not hidden or finding.estimate is None:
        return finding

    def sized(count: Count) -> Count:
        if count.of is None:
            return replace(count, shown=hidden.get((count.noun, count.n), count.shown))
        return replace(count, of_shown=hidden.get((count.noun, count.of), count.of_shown))

    def resized(note: Note) -> Note:
        if note.kind == "test_of_levels":
            note = note.having(df_den=NOT_SHOWN)
        return with_counts(note, sized)

    estimate = replace(finding.estimate, df=NAN, how=resized(finding.estimate.how))
    return replace(finding, estimate=estimate, remarks=tuple(map(resized, finding.remarks)))


def _without_small_parts(finding: Finding) -> tuple[Part, ...]:
    """Return the parts without values of a few people, nor sizes from which a few follow."""
    kept = list(finding.parts)
    keys = {(p.kind, p.group, p.unit) for p in kept if p.kind in _GROUPS and p.n}
    for key in keys:
        places = [i for i, p in enumerate(kept) if (p.kind, p.group, p.unit) == key and p.n]
        for i in _giving_away(finding, [kept[i].n or 0 for i in places], places):
            kept[i] = replace(kept[i], n=None)
    return tuple(without_value(p) if is_small(p.n) else p for p in kept)


def _giving_away(finding: Finding, sizes: list[int], places: list[int]) -> list[int]:
    """Return the places of the sizes that would give a small one, or the few left out."""
    total = finding.n_patients
    total = _total(finding, total, finding.cohort_patients) or total
    rest = max(0, total - sum(sizes))
    marks = withheld(pd.DataFrame([[*sizes, rest, max(total, sum(sizes))]])).iloc[0]
    return [i for i, mark in zip(places, marks, strict=False) if mark == NOT_SHOWN]
