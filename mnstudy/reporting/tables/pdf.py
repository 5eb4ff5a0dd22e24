"""A printed table as a PDF: its head on every page, the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from mnstudy.reporting.tables.docx import MARGIN_MM, MARK, PAGE_MM, THEN
from mnstudy.reporting.tables.printed_table import PrintedTable, Row, sentence

FAMILY = "DejaVu"
SIZES = (7.5, 7.0, 6.5, 6.0)  # points, largest first; notes are a point smaller
LAST = 0.4  # of its height the last of several pages is filled, or smaller letters are tried
LINE = 1.35  # height of a line over the size of its letters
MM_A_POINT = 25.4 / 72
SUPERSCRIPT = str.maketrans(
    "abcdefghijklmnoprstuvwxyz,", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ˒"
)  # q has no raised form: it stays as it is


def to_pdf(table: PrintedTable, internal: str = "") -> bytes:
    """Write a table as a PDF.

    Parameters
    ----------
    table : PrintedTable
    internal : str
        Stands above the table, where it must not leave.

    Returns
    -------
    bytes
        The page on its side where the table is wide, the head repeated on every page, notes below.
        Synthetic data are named above it. The same table gives the same bytes.
    """
    tried = []
    for points in SIZES:
        tried.append(_drawn(table, internal, points))
        if tried[-1].page == 1 or (tried[-1].y >= LAST * tried[-1].h and not table.one_page):
            return bytes(tried[-1].output())
    return bytes(min(tried, key=lambda document: (document.page, -document.y)).output())


def _drawn(table: PrintedTable, internal: str, points: float) -> Any:
    document = _document(table)
    document.set_keywords(internal)
    for text in (internal, MARK if table.synthetic else ""):
        if text:
            _text(document, text, points, bold=True)
    _text(document, table.caption, points + 1.5, bold=True)
    document.ln(1.5)
    _table(document, table, points)
    document.ln(1.5)
    for letter, text in table.lettered:
        _text(document, f"{letter.translate(SUPERSCRIPT)} {sentence(text)}", points - 1)
    for text in table.notes:
        _text(document, sentence(text), points - 1)
    return document


@cache
def _fonts() -> dict[str, Path]:
    """Return the letters that matplotlib brings along: they have the signs of a certainty."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {"": folder / "DejaVuSans.ttf", "B": folder / "DejaVuSans-Bold.ttf"}


def _document(table: PrintedTable) -> Any:
    from fpdf import FPDF

    document = FPDF(orientation="landscape" if table.wide else "portrait", format=PAGE_MM)
    document.set_creation_date(THEN)
    document.set_title(table.caption)
    document.set_subject(table.dataset)
    document.set_author("mnstudy")
    document.set_producer("mnstudy")
    document.set_margin(MARGIN_MM)
    document.set_auto_page_break(True, MARGIN_MM)
    for style, path in _fonts().items():
        document.add_font(FAMILY, style, path)
    document.add_page()
    return document


def _text(document: Any, text: str, points: float, *, bold: bool = False) -> None:
    document.set_font(FAMILY, "B" if bold else "", points)
    document.multi_cell(0, LINE * points * MM_A_POINT, text, new_x="LMARGIN", new_y="NEXT",
                        align="L")  # fmt: skip


def _table(document: Any, table: PrintedTable, points: float) -> None:
    from fpdf.fonts import FontFace

    document.set_font(FAMILY, "", points)
    document.set_line_width(0.1)
    document.set_draw_color(170)
    heads = 2 if table.over else 1
    with_next = []
    with document.table(
        align="LEFT",
        borders_layout="HORIZONTAL_LINES",
        col_widths=tuple(table.shares),
        headings_style=FontFace(emphasis="BOLD"),
        line_height=LINE * points * MM_A_POINT,
        num_heading_rows=heads,
        padding=(0.5, 1, 0.5, 0),
        text_align=tuple(c.align.upper() for c in table.columns),
        width=document.epw,
    ) as grid:
        if table.over:
            row = grid.row()
            for text, span in table.over:
                row.cell(text, colspan=span, align="CENTER")
        grid.row([column.head for column in table.columns])
        for group in table.groups:
            if group.title:
                bold = FontFace(emphasis="BOLD")
                with_next.append(len(grid.rows))
                grid.row().cell(group.title, colspan=len(table.columns), align="LEFT", style=bold)
            for line, below in zip(group.rows, (*group.rows[1:], Row(cells=())), strict=True):
                if below.indent > line.indent:
                    with_next.append(len(grid.rows))
                _line(grid.row(), line)
        grid._compute_rows_info = partial(_together, grid._compute_rows_info, with_next)


def _together(rows_info: Callable[[], Iterable[Any]], with_next: Sequence[int]) -> list[Any]:
    """Keep rows on the page of the row below: the library breaks a page at any row."""
    found = list(rows_info())
    for i in reversed(with_next):
        height = sum(row.pagebreak_height for row in found[i : i + 2])
        found[i] = replace(found[i], pagebreak_height=height)
    return found


def _line(row: Any, line: Row) -> None:
    from fpdf.fonts import FontFace

    for i, text in enumerate(line.cells):
        mark = line.mark(i).translate(SUPERSCRIPT)
        indent = "\N{NO-BREAK SPACE}" * 3 * line.indent if i == 0 else ""
        bold = FontFace(emphasis="BOLD") if line.strong and i == 0 else None
        row.cell(f"{indent}{text}{mark}", style=bold)
