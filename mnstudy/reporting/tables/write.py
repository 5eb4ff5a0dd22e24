"""The tables of a paper on a cohort, or on the published trials, and how any table is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from mnstudy.cohort.published.tables import load_published, reviews_frame
from mnstudy.cohort.table import Cohort
from mnstudy.errors import chosen
from mnstudy.formatting import Profile
from mnstudy.reporting.tables.baseline import baseline_table
from mnstudy.reporting.tables.docx import to_docx
from mnstudy.reporting.tables.evidence import evidence_printed, reviews_printed, summary_printed
from mnstudy.reporting.tables.harms import harms_table
from mnstudy.reporting.tables.latex import to_latex
from mnstudy.reporting.tables.outcomes import outcome_table
from mnstudy.reporting.tables.pdf import to_pdf
from mnstudy.reporting.tables.printed_table import PrintedTable, disarmed, to_html
from mnstudy.verdicts.claims.registry import MATTER_MOST
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
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    list of PrintedTable
        Each shows itself in a notebook; ``mnstudy.write_tables`` writes them as CSV, HTML, LaTeX,
        Word and PDF. Exact, of a real cohort too.

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
        published = load_published()
        found = evidence_table(data=published)
        return trials_tables(found, reviews_frame(published), profile=profile)
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
        Number format, see ``mnstudy.formatting``.

    Returns
    -------
    list of PrintedTable
        Exact, of a real cohort too.

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
    evidence: pd.DataFrame,
    reviews: pd.DataFrame | None = None,
    *,
    profile: str | Profile = "default",
) -> list[PrintedTable]:
    """Print the tables of the published trials.

    Parameters
    ----------
    evidence : DataFrame
        As ``mnstudy.evidence_table`` returns it.
    reviews : DataFrame, optional
        What published meta-analyses found, as ``reviews_frame`` returns it.
    profile : {"default", "annals", "jama"} or Profile

    Returns
    -------
    list of PrintedTable
        The summary of findings on the claims that matter most (one sheet), the evidence table of
        all claims and what published meta-analyses found; empty without evidence.
    """
    found = [
        summary_printed(evidence, MATTER_MOST, profile=profile),
        evidence_printed(evidence, profile=profile),
        None if reviews is None else reviews_printed(reviews, profile=profile),
    ]
    return [table for table in found if table is not None]


def write_tables(
    folder: str | os.PathLike[str],
    tables: Iterable[PrintedTable],
    formats: str | Iterable[str] = ("csv", "html", "tex", "docx", "pdf"),
    *,
    internal: str = "",
) -> list[Path]:
    """Write tables into a folder, one file a table and format.

    Parameters
    ----------
    folder : path
        Made where it is missing; a file of the same name in it is replaced.
    tables : iterable of PrintedTable
    formats : str or iterable of str
        Some of csv, html, tex, docx, pdf.
    internal : str
        Stands above the table in Word and PDF files, where they must not leave.

    Returns
    -------
    list of Path
        The files, in the order written. Those of synthetic data have it in their names.

    Raises
    ------
    ValueError
        An unknown format, or two tables of the same name.

    Examples
    --------
    >>> import tempfile, mnstudy as mn
    >>> from mnstudy.reporting.tables.baseline import baseline_table
    >>> table = baseline_table(mn.load("demo_split_face"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_tables(folder, [table], ["csv", "docx"])]
    ['baseline_demo_split_face_synthetic.csv', 'baseline_demo_split_face_synthetic.docx']
    """
    wanted, found = chosen(formats, FORMATS, "format"), list(tables)
    names = [table.file for table in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several tables would be written as {', '.join(twice)}: rename their key")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for table in found:
        for ending in wanted:
            paths.append(place / f"{table.file}.{ending}")
            paths[-1].write_bytes(FORMATS[ending](table, internal))
    return paths


FORMATS: dict[str, Callable[[PrintedTable, str], bytes]] = {
    "csv": lambda table, _: csv_bytes(table.to_frame()),
    "html": lambda table, _: to_html(table, standalone=True).encode("utf-8"),
    "tex": lambda table, _: to_latex(table).encode("utf-8"),
    "docx": to_docx,
    "pdf": to_pdf,
}


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, see ``csv_bytes``."""
    Path(path).write_bytes(csv_bytes(table))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as CSV: UTF-8, LF, floats so that they read back as the same number.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, headings too.
    """

    def safe(cell: object) -> object:
        return disarmed(cell) if isinstance(cell, str) else cell

    text = [c for c in table if not pd.api.types.is_numeric_dtype(table[c])]
    safe_table = table.assign(**{str(c): table[c].map(safe) for c in text})
    return safe_table.rename(columns=safe).to_csv(index=False, lineterminator="\n").encode("utf-8")
