"""Findings in the order of the register: what was found for each claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import overload

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.disclosure import safe
from mnstudy.verdicts.finding import COLUMNS, VERDICTS, Estimate, Finding, Part, row
from mnstudy.verdicts.registry import registry
from mnstudy.verdicts.robustness import CHECKS, Checks, table
from mnstudy.verdicts.robustness.margins import over_margins

__all__ = ["COLUMNS", "VERDICTS", "Estimate", "Finding", "Findings", "Part"]


class Findings(Sequence[Finding]):
    """Findings in the order of the register; indexed by position or by claim id.

    What they hold, ``to_frame`` and ``sensitivity`` are exact; what a notebook or a terminal shows
    of those of a real cohort hides counts of 1 to 4 people and what would give them away.
    """

    def __init__(self, findings: Sequence[Finding], *, checks: Checks | None = None) -> None:
        self._findings = tuple(findings if checks is None else _of_cohort(findings, checks.cohort))
        self._checks = checks

    @overload
    def __getitem__(self, key: int | str) -> Finding: ...
    @overload
    def __getitem__(self, key: slice) -> Findings: ...
    def __getitem__(self, key: int | str | slice) -> Finding | Findings:
        """Return a finding by position or claim id, or a slice of findings."""
        if isinstance(key, slice):
            return Findings(self._findings[key], checks=self._checks)
        if isinstance(key, int):
            return self._findings[key]
        for finding in self._findings:
            if finding.claim.id == key:
                return finding
        known = "was not evaluated here" if key in registry() else "is not a claim"
        raise KeyError(f"{key!r} {known}")

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
            - ``verdict``, ``reason``: one of five words, and why;
            - ``estimate``, ``ci_low``, ``ci_high``, ``confidence_level``, ``std_error``, ``df``,
              ``p_value``, ``unit``: the estimate; the p-value is against no effect, or against
              the margin for a level, a rate or a ratio;
            - ``margin``, ``margin_source``, ``rule``: what the interval is held against;
            - ``comparison``, ``wording``: what the design can carry, and how far words may go;
            - ``certainty``: of published evidence, high to very low;
            - ``method``: what ran;
            - ``planned``: a primary claim of the plan, all else is post hoc;
            - ``n_patients``, ``n_sites``, ``n_missing``, ``n_studies``: what is behind it;
            - ``family``, ``simultaneous_low``, ``simultaneous_high``, ``simultaneous_level``,
              ``p_holm``: for a claim of the plan's family, how many claims it has, the interval
              that holds for all of them together and the p-value adjusted over them;
            - ``contrary``, ``notes``: where the articles disagree; every decision and caution;
            - ``sha256``, ``plan_sha256``: fingerprints of the data and of the plan.
        """
        return pd.DataFrame([row(f) for f in self._findings], columns=list(COLUMNS))

    def sensitivity(
        self, checks: str | Iterable[str] | None = None, *, rng: int = 0
    ) -> pd.DataFrame:
        """Return the verdict every finding would have had under other defensible choices.

        Parameters
        ----------
        checks : str or iterable of str, optional
            Some of margins (half to twice the margin), adjustment (none), cluster-robust (least
            squares with CR2 errors), ranks (Hodges-Lehmann), missing (complete sites, multiple
            imputation with its tipping point, worst case), clinics (each left out), scar types
            (each alone); all when left out. Pooled evidence has margins only.
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
        >>> findings.sensitivity(["ranks", "cluster-robust"])["verdict"].tolist()
        ['supported', 'supported']
        """
        names = list(CHECKS) if checks is None else [checks] if isinstance(checks, str) else checks
        unknown = [n for n in names if n not in CHECKS]
        if unknown:
            raise ValueError(f"no check {', '.join(unknown)}: choose from {', '.join(CHECKS)}")
        if self._checks is None:
            return table(row for f in self._findings for row in over_margins(f))
        return table(self._checks.rows(self._findings, list(names), rng=rng))

    def __repr__(self) -> str:
        found = map(safe, self._findings)
        shown = [f"{f.claim.id:<24}{f.verdict:<18}{f.estimate or ''}" for f in found]
        return "\n".join([self._heading(), *shown])

    def _heading(self) -> str:
        marked = {f.dataset + (" · SYNTHETIC DATA" if f.synthetic else "") for f in self._findings}
        return " · ".join([fmt.count(len(self), "finding"), *sorted(marked)])

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td>{escape(f.claim.title)}</td><td>{escape(str(f.estimate or ''))}</td>"
            f"<td>{escape(f.verdict)}</td><td>{escape(f.reason)}</td></tr>"
            for f in map(safe, self._findings)
        ]
        head = "<tr><th>claim</th><th>estimate</th><th>verdict</th><th>reason</th></tr>"
        caption = f"<caption>{escape(self._heading())}</caption>"
        return f"<table>{caption}{head}{''.join(rows)}</table>"


def _of_cohort(findings: Sequence[Finding], cohort: Cohort) -> Iterator[Finding]:
    """Give the findings the size of their cohort: what may be shown of theirs depends on it."""
    patients = int(cohort.data["patient_id"].nunique())
    sites = len(cohort.data[["patient_id", "site_id"]].drop_duplicates())
    for finding in findings:
        known = (finding.cohort_patients, finding.cohort_sites) == (patients, sites)
        yield finding if known else replace(finding, cohort_patients=patients, cohort_sites=sites)
