"""Findings in the order of the register: what was found for each claim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby
from typing import TypeAlias, overload

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.errors import chosen
from mnstudy.verdicts.claims.registry import nearest_claims, registry
from mnstudy.verdicts.finding.finding import COLUMNS, VERDICTS, Estimate, Finding, Part, row
from mnstudy.verdicts.robustness.checks import CHECKS, Checks, table
from mnstudy.verdicts.robustness.rows import over_margins
from mnstudy.words.notes import Note, note
from mnstudy.words.units import valued

Ends: TypeAlias = tuple[float, float]

__all__ = ["COLUMNS", "VERDICTS", "Estimate", "Finding", "Findings", "Part"]


class Findings(Sequence[Finding]):
    """Findings in the order of the register; indexed by position or by claim id.

    Those of several sources of data are put together with ``+``; a claim that more than one of them
    answers is then found by its position alone.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        checks: Checks | Sequence[Checks | None] | None = None,
    ) -> None:
        each = checks if isinstance(checks, Sequence) else [checks] * len(findings)
        self._checks = tuple(each)
        self._findings = tuple(findings)

    @property
    def cohorts(self) -> list[Cohort]:
        """The cohorts that these are the findings of; pooled evidence has none."""
        own = {id(one): one.cohort for one in self._checks if one is not None}
        return list(own.values())

    def _by_checks(
        self, findings: Sequence[Finding]
    ) -> Iterator[tuple[Checks | None, list[Finding]]]:
        """Take together the neighbouring findings that the same checks are for."""
        pairs = zip(self._checks, findings, strict=True)
        for _, same in groupby(pairs, key=lambda pair: id(pair[0])):
            checks, found = zip(*same, strict=True)
            yield checks[0], list(found)

    def __add__(self, other: Findings) -> Findings:
        """Return these findings and, after them, those of another source of data."""
        if not isinstance(other, Findings):
            return NotImplemented
        mine = {(f.claim.id, f.dataset, f.sha256) for f in self}
        twice = [f for f in other if (f.claim.id, f.dataset, f.sha256) in mine]
        if twice:
            said = ", ".join(f"{f.claim.id} of {f.dataset}" for f in twice)
            raise ValueError(f"there twice: {said}; leave one of each out")
        return Findings([*self._findings, *other._findings], checks=[*self._checks, *other._checks])

    @overload
    def __getitem__(self, key: int | str) -> Finding: ...
    @overload
    def __getitem__(self, key: slice) -> Findings: ...
    def __getitem__(self, key: int | str | slice) -> Finding | Findings:
        """Return a finding by position or claim id, or a slice of findings."""
        if isinstance(key, slice):
            return Findings(self._findings[key], checks=self._checks[key])
        if not isinstance(key, str):
            return self._findings[key]
        found = [f for f in self._findings if f.claim.id == key]
        if len({(f.dataset, f.sha256) for f in found}) > 1:
            said = " and ".join(f.dataset for f in found)
            raise KeyError(f"{key!r} is answered by {said}: take one by its position")
        if found:
            return found[0]
        if key in registry():
            raise KeyError(f"{key!r} was not evaluated here: put it to the data with mn.evaluate")
        known = dict.fromkeys([*registry(), *(f.claim.id for f in self._findings)])
        raise KeyError(f"{key!r} is not a claim: {nearest_claims(key, known)}")

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def _ipython_key_completions_(self) -> list[str]:
        """Offer the claim ids where a key is typed in Jupyter."""
        return list(dict.fromkeys(f.claim.id for f in self._findings))

    def marked_exploratory(self, why: Mapping[str, Sequence[Note]]) -> Findings:
        """Return the findings with those of these claims as not planned, and why."""
        findings = [
            replace(f, planned=False, remarks=(*why[f.claim.id], *f.remarks))
            if f.claim.id in why and f.estimate is not None
            else f
            for f in self._findings
        ]
        return Findings(findings, checks=self._checks)

    def __contains__(self, key: object) -> bool:
        return key in self._findings or any(f.claim.id == key for f in self._findings)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a claim, nothing rounded or withheld; what is not known is missing.

        Returns
        -------
        DataFrame
            Columns, which stay as they are from version to version:

            - ``claim``, ``title``, ``articles``: id, title and the articles that say it;
            - ``dataset``, ``synthetic``: where the answer comes from, and whether it is invented;
            - ``verdict``, ``reason``: one of six words, and why;
            - ``estimate``, ``ci_low``, ``ci_high``, ``confidence_level``, ``std_error``, ``df``,
              ``p_value``, ``unit``: the estimate; the p-value is against no effect, or against
              the margin for a level, a rate or a ratio;
            - ``margin``, ``margin_source``, ``rule``: what the interval is compared with;
            - ``comparison``, ``wording``: what the design can carry, and how far words may go;
            - ``certainty``: of published evidence, high to very low;
            - ``method``: what ran;
            - ``planned``: a primary claim of the plan, all else is exploratory;
            - ``n_patients``, ``n_sites``, ``n_missing``, ``n_studies``: what is behind it;
            - ``family``, ``simultaneous_low``, ``simultaneous_high``, ``simultaneous_level``,
              ``p_holm``: for a claim of the plan's family, how many claims it has, the interval
              that holds for all of them together and the p-value adjusted over them;
            - ``contrary``, ``notes``: where the articles disagree; every decision and caution;
            - ``sha256``, ``plan_sha256``: fingerprints of the data and of the plan;
            - ``estimand``, ``analysis_week``: what is estimated, in one line, and the week of the
              assessments behind it;
            - ``lacking``: what a partly supported claim does not show: size, cause, enough studies;
            - ``interval_kind``: confidence, or credible where few published studies take a prior.
        """
        return pd.DataFrame([row(f) for f in self._findings], columns=list(COLUMNS))

    def sensitivity(
        self, checks: str | Iterable[str] | None = None, *, rng: int = 0
    ) -> pd.DataFrame:
        """Return the verdict every finding would have had under other defensible choices.

        Parameters
        ----------
        checks : str or iterable of str, optional
            Some of margins (half to twice the margin), adjustment (none), model (random
            intercepts in place of robust errors), ranks (Hodges-Lehmann), missing (last value
            carried forward, multiple imputation with its tipping point, worst case), clinics (each
            left out), scar types (each alone); all when left out. Pooled evidence has margins
            only.
        rng : int
            Seed of the imputations.

        Returns
        -------
        DataFrame
            One row per finding and choice: claim, dataset, check, choice, share (of the margin
            used), margin, estimate, ci_low, ci_high, confidence_level, p_value, n_patients,
            verdict, reason, lacking (what a partly supported claim does not show). Intervals are at
            the level the verdict rests on. Findings that are not testable, and checks that do not
            apply to a claim, have no row.

        Examples
        --------
        >>> import mnstudy as mn
        >>> findings = mn.evaluate(mn.load("demo_split_face"), "topical-adjunct")
        >>> findings.sensitivity(["ranks", "model"])["verdict"].tolist()
        ['supported', 'supported']
        """
        found = self.checked(checks, rng=rng)
        return found.assign(**{c: found[c].map(str) for c in ("choice", "reason")})

    def checked(
        self,
        checks: str | Iterable[str] | None = None,
        *,
        rng: int = 0,
    ) -> pd.DataFrame:
        """Return the rows of ``sensitivity`` with choice and reason as notes, not yet as text."""
        names = list(CHECKS) if checks is None else chosen(checks, CHECKS, "check")
        return table(
            row
            for one, found in self._by_checks(self._findings)
            for row in (
                [r for f in found for r in over_margins(f)]
                if one is None
                else one.rows(found, names, rng=rng)
            )
        )

    def __repr__(self) -> str:
        shown = [f"{f.claim.id:<24}{f.in_full:<32}{f.estimate or ''}" for f in self._findings]
        return "\n".join([self._heading(), *shown])

    def _heading(self) -> str:
        marked = {f.dataset + (" · SYNTHETIC DATA" if f.synthetic else "") for f in self._findings}
        return " · ".join([fmt.count(len(self), "finding"), *sorted(marked)])

    def _repr_html_(self) -> str:
        """Return a table that wraps to the width of a cell; what is not testable is folded."""
        tested = [f for f in self._findings if f.estimate is not None]
        others = [f for f in self._findings if f.estimate is None]
        head = f"<p><strong>{escape(self._heading())}</strong></p>"
        source = len({f.dataset for f in self._findings}) > 1
        cells = ((f.dataset,) * source + _cells(f) for f in tested)
        heads = ["claim", "estimate", "margin", "verdict", "why"]
        shown = _table([*["data"] * source, *heads], cells)
        untested = ((*(f.dataset,) * source, f.claim.title, f.reason) for f in others)
        why = _table([*["data"] * source, "claim", "why not"], untested)
        said = f"{fmt.count(len(others), 'claim')} not testable with these data: why"
        folded = f"<details><summary>{said}</summary>{why}</details>" if others else ""
        return head + (shown if tested else "") + folded


def _cells(finding: Finding) -> tuple[str, ...]:
    shown, joint = f"{finding.estimate} ({finding.size})", finding.simultaneous
    if joint is not None:
        family = f"one of the {finding.family} primary claims of the plan"
        shown += f"; judged by {joint.level_words} {fmt.interval(joint)}, {family}"
    unit = finding.claim.unit if finding.estimate is None else finding.estimate.unit
    margin = valued(fmt.as_entered(finding.margin), unit)
    return finding.claim.title, shown, margin, finding.in_full, finding.reason


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of words, left-aligned and wrapped."""
    left = ' style="text-align: left; white-space: normal; vertical-align: top"'
    head = "".join(f"<th{left}>{name}</th>" for name in heads)
    cells = ("".join(f"<td{left}>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def compare(a: Findings, b: Findings) -> pd.DataFrame:
    """Estimate how much the answers of two sets of findings differ, claim by claim.

    Parameters
    ----------
    a, b : Findings
        Of two cohorts, of a cohort under two plans (``adjust``, ``margins``), or of a cohort and
        of published evidence.

    Returns
    -------
    DataFrame
        One row a claim that either has, in the order of ``a``: ``claim``, ``title``, ``unit``; of
        each of the two ``estimate``, ``ci_low``, ``ci_high`` and ``verdict``, ending in ``_a`` and
        ``_b``; ``difference`` (a minus b, in the unit of the claim) with ``difference_low`` and
        ``difference_high``; ``remark``, why there is no difference or no interval. What one of the
        two lacks is missing.

    Raises
    ------
    TypeError
        One of the two is no ``Findings``.
    KeyError
        One of the two answers a claim twice: take the findings of one source at a time.

    Notes
    -----
    A difference is given where both estimate the same thing: unit, settings of the claim and what
    the design can carry are alike; of ratios none is. Its interval takes the two sources to be of
    different patients and is found from the two intervals (MOVER: Zou & Donner 2008, doi
    10.1002/sim.3095); of the same data, or of parts of the same, there is none. It says how far two
    answers lie apart, and not why: other patients, other raters, other hands.

    Examples
    --------
    >>> import mnstudy as mn
    >>> claims = ["little-pain", "topical-adjunct"]
    >>> clinic = mn.evaluate(mn.load("demo_clinic"), claims)
    >>> trial = mn.evaluate(mn.load("demo_split_face"), claims)
    >>> both = mn.compare(clinic, trial).set_index("claim")
    >>> both["difference"].round(2).to_dict()
    {'little-pain': -0.17, 'topical-adjunct': nan}
    >>> both.at["topical-adjunct", "remark"]
    'the designs differ: observational, randomised'
    """
    for one in (a, b):
        if not isinstance(one, Findings):
            raise TypeError("compare needs two sets of findings, as mnstudy.evaluate gives them")
    own = [{f.claim.id: one[f.claim.id] for f in one} for one in (a, b)]
    whole = {c.provenance.sha256: c.provenance.whole for one in (a, b) for c in one.cohorts}
    rows = [_beside(own[0].get(i), own[1].get(i), whole) for i in {**own[0], **own[1]}]
    ends = [f"{name}_{side}" for side in "ab" for name in ("estimate", "ci_low", "ci_high")]
    columns = ["claim", "title", "unit", *ends, "verdict_a", "verdict_b"]
    columns += ["difference", "difference_low", "difference_high", "remark"]
    return pd.DataFrame(rows, columns=columns)


def _beside(a: Finding | None, b: Finding | None, whole: Mapping[str, str]) -> list[object]:
    """Return a row of ``compare``; ``whole`` are the fingerprints of what parts were taken of."""
    one = a or b
    assert one is not None
    both = [f.estimate if f is not None else None for f in (a, b)]
    numbers = [x for e in both for x in ((e.value, e.ci_low, e.ci_high) if e else [math.nan] * 3)]
    unit = next((e.unit for e in both if e is not None), one.claim.unit)
    verdicts = [f.in_full if f is not None else None for f in (a, b)]
    why = note("not_in_both") if a is None or b is None else _unlike(a, b)
    difference, low, high = numbers[0] - numbers[3], math.nan, math.nan
    if why is None and a is not None and b is not None:
        low, high = _apart(*numbers)
        if len({whole.get(f.sha256) or f.sha256 for f in (a, b)}) == 1:
            why, low, high = note("same_patients"), math.nan, math.nan
        elif not math.isfinite(low + high) or len({e.confidence_level for e in both if e}) > 1:
            why, low, high = note("open_intervals"), math.nan, math.nan
    else:
        difference = math.nan
    said = "" if why is None else str(why)
    return [one.claim.id, one.claim.title, unit, *numbers, *verdicts, difference, low, high, said]


def _unlike(a: Finding, b: Finding) -> Note | None:
    """Say why two findings do not estimate the same; None where they do."""
    if a.estimate is None or b.estimate is None:
        return note("not_in_both")
    if a.estimate.unit != b.estimate.unit:
        return note("other_units", a=a.estimate.unit, b=b.estimate.unit)
    if a.comparison != b.comparison:
        return note("other_designs", a=a.comparison, b=b.comparison)
    if a.claim.params != b.claim.params:
        return note("other_question")
    return note("ratios_compared") if a.null == 1 else None


def _apart(a: float, a_low: float, a_high: float, b: float, b_low: float, b_high: float) -> Ends:
    """Return the ends of the interval of a - b, from the intervals of the two."""
    return (
        a - b - math.hypot(a - a_low, b_high - b),
        a - b + math.hypot(a_high - a, b - b_low),
    )
