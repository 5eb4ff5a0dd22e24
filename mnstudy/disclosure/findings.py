"""A finding as it may be shown: the one door between what was found and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure.notes import guarded_notes, with_counts
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small, withheld
from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part, lines_of
from mnstudy.words.notes import Count, Note, note
from mnstudy.words.units import SHARE_DIFFERENCE

Rated = TypeVar("Rated", Estimate, Part)
MOST = THRESHOLD - 1
NAN = float("nan")
_SAME = 1e-7  # by which limits computed twice may differ
_RATES = ("arm", "share")  # parts that may be a rate
_GROUPS = ("level", "arm")  # parts that share out the patients of a finding


def guarded_finding(finding: Finding) -> Finding:
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
      would give (``without_few_events``); a difference of two rates keeps nothing where either is
      such a rate. Verdict and reason stay.
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

    estimate = replace(finding.estimate, df=NAN, how=with_counts(finding.estimate.how, sized))
    remarks = tuple(with_counts(remark, sized) for remark in finding.remarks)
    return replace(finding, estimate=estimate, remarks=remarks)


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


def is_guarded(finding: Finding) -> bool:
    """Tell whether small counts of this finding are hidden: real cohorts, not printed studies."""
    return not finding.synthetic and finding.n_studies is None


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
    return lines_of(guarded_finding(finding), shown_size(finding))


@dataclass(frozen=True, slots=True, kw_only=True)
class Few:
    """1 to 4 of ``n`` had the event; or, where ``nearly_all``, 1 to 4 had it not."""

    n: int
    nearly_all: bool

    def limits(self, level: float) -> tuple[float, float]:
        """Return in percent what four would give: nothing of the count itself is in it."""
        few = min(MOST, self.n)
        tail = (1 - level) / 2
        if self.nearly_all:
            return 100 * exact_limits(self.n - few, self.n, tail)[0], 100.0
        return 0.0, 100 * exact_limits(few, self.n, tail)[1]

    def note(self, level: float) -> Note:
        """Say what may be said.

        >>> str(Few(n=212, nearly_all=False).note(0.95))
        'fewer than 5 of 212 patients: at most 4.8 percent (exact limit that 4 would give)'
        """
        low, high = self.limits(level)
        said: dict[str, Any] = {"threshold": THRESHOLD, "n": self.n, "most": MOST}
        if self.nearly_all:
            return note("few_without", low=low, **said)
        return note("few_events", high=high, **said)


def few_behind(number: Estimate | Part, n: int | None, level: float) -> Few | None:
    """Tell whether a number is a rate that gives away 1 to 4 patients.

    Parameters
    ----------
    number : Estimate or Part
        In percent; numbers in another unit are no rates.
    n : int or None
        Patients behind it.
    level : float
        Level of its interval.

    Returns
    -------
    Few or None

    Notes
    -----
    A rate is known by its numbers, so that none escapes because nobody marked it: a share of
    ``n`` that comes out as a whole number of patients, or exact (Clopper-Pearson) limits, from
    which count and size follow even where the size is not given. A share with bounds is taken by
    its limits.
    """
    if number.unit != "percent" or math.isnan(number.value):
        return None
    for nearly_all in (False, True):
        share, ends = number.value / 100, (number.ci_low / 100, number.ci_high / 100)
        if nearly_all:
            share, ends = 1 - share, (1 - ends[1], 1 - ends[0])
        for k in range(1, THRESHOLD):
            size = _size(k, share, ends, n, level, by_share=isinstance(number, Estimate))
            if size is not None:
                return Few(n=size, nearly_all=nearly_all)
    return None


def _size(
    k: int, share: float, ends: tuple[float, float], n: int | None, level: float, *, by_share: bool
) -> int | None:
    """Return the size of the group of which this would be k; None where it is not k of any."""
    if n and n >= k:
        if by_share and math.isclose(share * n, k, rel_tol=_SAME):
            return n
        if any(_same_ends(k, n, ends, level)):
            return n
    size = round(k / share) if share * 1e9 > 1 else 0
    known = size >= k and math.isclose(share * size, k, rel_tol=_SAME)
    return size if known and all(_same_ends(k, size, ends, level)) else None


def _same_ends(k: int, n: int, ends: tuple[float, float], level: float) -> tuple[bool, bool]:
    low, high = exact_limits(k, n, (1 - level) / 2)
    return (
        math.isclose(low, ends[0], rel_tol=_SAME, abs_tol=1e-12),
        math.isclose(high, ends[1], rel_tol=_SAME, abs_tol=1e-12),
    )


def limit_only(number: Rated, few: Few, level: float) -> Rated:
    """Return the number without its value, its interval what may be said."""
    low, high = few.limits(level)
    return replace(without_value(number), ci_low=low, ci_high=high)


def without_value(number: Rated) -> Rated:
    """Return the number without anything that was estimated."""
    names = ("value", "ci_low", "ci_high", "std_error", "df", "p_value")
    nothing: dict[str, Any] = {name: NAN for name in names if hasattr(number, name)}
    return replace(number, **nothing)


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
    if estimate is not None and few is not None:
        finding = _without_rate(finding, estimate, few)
    found = {p: few_of(p, p.n) for p in finding.parts if p.kind in _RATES}
    rates = {p: f for p, f in found.items() if f is not None}
    of_shares = estimate is not None and estimate.unit == SHARE_DIFFERENCE
    if of_shares and any(p.kind == "arm" for p in rates):
        finding = _without_difference(finding)
    parts = tuple(limit_only(p, rates[p], level) if p in rates else p for p in finding.parts)
    labels = {p.label: f for p, f in rates.items() if p.kind == "share"}
    remarks = tuple(_without_limits(remark, labels, level) for remark in finding.remarks)
    return _without_responders(replace(finding, parts=parts, remarks=remarks))


def _without_rate(finding: Finding, estimate: Estimate, few: Few) -> Finding:
    """Return a rate with no more than its limit; what was counted by session goes with it."""
    level, joint = estimate.confidence_level, finding.simultaneous
    gone = None if joint is None else limit_only(joint, few, joint.confidence_level)
    remarks = [few.note(level), *(r for r in finding.remarks if r.kind != "event_counts")]
    parts = []
    for part in finding.parts:
        if part.kind == "together" and joint is not None:
            part = limit_only(part, few, joint.confidence_level)
        elif part.kind == "arm" and part.unit == "percent":
            part = without_value(part)
        parts.append(part)
    finding = replace(finding, parts=tuple(parts), remarks=tuple(remarks))
    return _having(finding, limit_only(estimate, few, level), gone)


def _without_difference(finding: Finding) -> Finding:
    """Return a difference of rates without any number that would give the one from the other."""
    assert finding.estimate is not None
    estimate, joint = finding.estimate, finding.simultaneous
    gone = None if joint is None else without_value(joint)
    parts = tuple(without_value(p) if p.unit == estimate.unit else p for p in finding.parts)
    return _having(replace(finding, parts=parts), without_value(estimate), gone)


def _having(finding: Finding, estimate: Estimate, joint: Estimate | None) -> Finding:
    """Return the finding with less in its estimates, and nothing more in what is said of them."""
    remarks = tuple(_of_family(r, joint) for r in finding.remarks)
    return replace(finding, estimate=estimate, simultaneous=joint, p_holm=NAN, remarks=remarks)


def _of_family(remark: Note, joint: Estimate | None) -> Note:
    """Return what is said of the interval of the family with what may be shown of it."""
    if joint is None or remark.kind != "one_of_family":
        return remark
    return remark.having(interval=fmt.ends(joint))


def _without_limits(remark: Note, rates: Mapping[str, Few], level: float) -> Note:
    """Cut the limits off the note of a share that tells of a few."""
    if remark.kind != "share_reached" or remark["label"] not in rates:
        return remark
    label = remark["label"]
    return note("share_of_few", label=label, few=rates[label].note(level))


def _without_responders(finding: Finding) -> Finding:
    """Cut what follows two counts of which one is small: their difference would give it."""
    parts, remarks = list(finding.parts), []
    for remark in finding.remarks:
        if remark.kind in ("responders", "events_in_arms"):
            a, b = remark["treated"], remark["reference"]
            if any(map(is_small, (a.n, a.of - a.n, b.n, b.of - b.n))):
                apart = 100 * (a.n / a.of - b.n / b.of) if a.of and b.of else NAN
                close = [math.isclose(p.value, apart, abs_tol=1e-6) for p in parts]
                parts = [without_value(p) if c else p for p, c in zip(parts, close, strict=True)]
                if remark.kind == "responders":
                    told = {name: remark[name] for name in ("least", "treated", "reference")}
                    remark = note("responder_counts", **told)
        remarks.append(remark)
    return replace(finding, parts=tuple(parts), remarks=tuple(remarks))
