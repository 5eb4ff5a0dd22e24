"""Printed tables as files: CSV, HTML, LaTeX and Word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from mnstudy.errors import chosen
from mnstudy.reporting.run.numbers import write_csv
from mnstudy.reporting.tables.docx import to_docx
from mnstudy.reporting.tables.latex import to_latex
from mnstudy.reporting.tables.printed_table import PrintedTable
from mnstudy.reporting.tables.table_html import to_html

__all__ = ["FORMATS", "to_csv", "to_docx", "to_html", "to_latex", "write_tables"]


def to_csv(table: PrintedTable, path: str | os.PathLike[str]) -> None:
    """Write the cells as they are shown; text that a spreadsheet would run is disarmed."""
    write_csv(table.to_frame(), path)


def _html(table: PrintedTable, path: Path) -> None:
    path.write_text(to_html(table, standalone=True), encoding="utf-8", newline="\n")


def _latex(table: PrintedTable, path: Path) -> None:
    path.write_text(to_latex(table), encoding="utf-8", newline="\n")


def _docx(table: PrintedTable, path: Path) -> None:
    path.write_bytes(to_docx(table))


FORMATS: dict[str, Callable[[PrintedTable, Path], None]] = {
    "csv": to_csv,
    "html": _html,
    "tex": _latex,
    "docx": _docx,
}


def write_tables(
    folder: str | os.PathLike[str],
    tables: Iterable[PrintedTable],
    formats: str | Iterable[str] = ("csv", "html", "tex", "docx"),
) -> list[Path]:
    """Write tables into a folder, one file a table and format.

    Parameters
    ----------
    folder : path
        Made where it is missing; a file of the same name in it is replaced.
    tables : iterable of PrintedTable
    formats : str or iterable of str
        Some of csv, html, tex, docx.

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
            path = place / f"{table.file}.{ending}"
            FORMATS[ending](table, path)
            paths.append(path)
    return paths
