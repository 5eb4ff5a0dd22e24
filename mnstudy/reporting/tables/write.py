"""The tables of a report: what a paper on a cohort, or on the published trials, prints."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.formatting_profiles import Profile
from mnstudy.reporting.tables.baseline import baseline_table
from mnstudy.reporting.tables.evidence import evidence_printed
from mnstudy.reporting.tables.harms import harms_table
from mnstudy.reporting.tables.outcomes import outcome_table
from mnstudy.reporting.tables.printed_table import PrintedTable
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence.table import evidence_table
from mnstudy.verdicts.finding.finding import Finding


def tables(
    cohort: Cohort | None = None,
    findings: Iterable[Finding] | None = None,
    *,
    profile: str | Profile = "default",
) -> list[PrintedTable]:
    """Print what a paper on a cohort prints: Table 1, outcomes and harms.

    Parameters
    ----------
    cohort : Cohort, optional
        See ``mnstudy.load``; without one the table of the published evidence.
    findings : iterable of Finding, optional
        Of ``mnstudy.evaluate`` on this cohort; all claims when left out.
    profile : {"default", "annals", "jama"} or Profile
        Number format, see ``mnstudy.formatting_profiles``.

    Returns
    -------
    list of PrintedTable
        Each shows itself in a notebook; ``mnstudy.write_tables`` writes them as CSV, HTML, LaTeX
        and Word. Safe to show: small counts of a real cohort are withheld.

    Notes
    -----
    Outcomes as CONSORT 2025 asks for them (item 26): who was analysed in each group, the result of
    each, the effect with its interval, for events absolute and relative. Missing values are
    counted in the table. No p-values at baseline.

    Examples
    --------
    >>> import mnstudy as mn
    >>> trial = mn.load("demo_split_face")
    >>> outcomes = mn.tables(trial, mn.evaluate(trial, "topical-adjunct"), profile="jama")[1]
    >>> outcomes.key
    'outcomes_demo_split_face'
    """
    if cohort is None:
        return trials_tables(evidence_table(), profile=profile)
    asked = evaluate(cohort) if findings is None else findings
    return cohort_tables(cohort, asked, profile=profile)


def cohort_tables(
    cohort: Cohort, findings: Iterable[Finding], *, profile: str | Profile = "default"
) -> list[PrintedTable]:
    """Print Table 1, the outcomes and the harms of a cohort; those without a row are left out.

    Parameters
    ----------
    cohort : Cohort
    findings : iterable of Finding
        Of ``mnstudy.evaluate`` on this cohort.
    profile : {"default", "annals", "jama"} or Profile
        Number format, see ``mnstudy.formatting_profiles``.

    Returns
    -------
    list of PrintedTable
        Safe to show: small counts of a real cohort are withheld.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> [table.key for table in cohort_tables(cohort, mn.evaluate(cohort, "little-pain"))]
    ['baseline_demo_split_face', 'outcomes_demo_split_face', 'harms_demo_split_face']
    """
    found = [
        baseline_table(cohort, profile=profile),
        outcome_table(cohort, findings, profile=profile),
        harms_table(cohort, profile=profile),
    ]
    return [table for table in found if table is not None]


def trials_tables(
    evidence: pd.DataFrame, *, profile: str | Profile = "default"
) -> list[PrintedTable]:
    """Print the tables of the published trials.

    Parameters
    ----------
    evidence : DataFrame
        As ``mnstudy.evidence_table`` returns it.
    profile : {"default", "annals", "jama"} or Profile

    Returns
    -------
    list of PrintedTable
        The evidence table; empty without evidence.
    """
    found = evidence_printed(evidence, profile=profile)
    return [] if found is None else [found]
