"""Findings in the order of the register: what was found for each claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import overload

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.errors import chosen
from mnstudy.verdicts.claims.registry import nearest_claims, registry
from mnstudy.verdicts.finding.finding import COLUMNS, VERDICTS, Estimate, Finding, Part, row
from mnstudy.verdicts.robustness.checks import CHECKS, Checks, table
from mnstudy.verdicts.robustness.rows import over_margins

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
            verdict, reason. Intervals are at the level the verdict rests on. Findings that are
            not testable, and checks that do not apply to a claim, have no row.

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
        rows = [
            f"<tr><td>{escape(f.claim.title)}</td><td>{escape(str(f.estimate or ''))}</td>"
            f"<td>{escape(f.in_full)}</td><td>{escape(f.reason)}</td></tr>"
            for f in self._findings
        ]
        head = "<tr><th>claim</th><th>estimate</th><th>verdict</th><th>reason</th></tr>"
        caption = f"<caption>{escape(self._heading())}</caption>"
        return f"<table>{caption}{head}{''.join(rows)}</table>"
