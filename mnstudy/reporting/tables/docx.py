"""A printed table as a Word file: its head on every page, the same bytes each time."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from mnstudy.fingerprints import packed_again
from mnstudy.reporting.tables.printed_table import SYNTHETIC, PrintedTable, Row, sentence

THEN = datetime(2000, 1, 1, tzinfo=UTC)  # of the document; a date of today would change its bytes
FONT, POINTS, SHEET_POINTS = "Times New Roman", 9, 7  # notes are a point smaller
PAGE_MM, MARGIN_MM = (210, 297), 15
INDENT_MM = 4
MARK = f"{SYNTHETIC} DATA: invented, never evidence"
XML_ILLEGAL = dict.fromkeys([i for i in (*range(0x20), 0xFFFE, 0xFFFF) if chr(i) not in "\t\n\r"])


def to_docx(table: PrintedTable, internal: str = "") -> bytes:
    """Write a table as a Word file.

    Parameters
    ----------
    table : PrintedTable
    internal : str
        Stands above the table, where it must not leave.

    Returns
    -------
    bytes
        A .docx file: caption above the table, head repeated on every page, no row broken over two
        pages, notes below; the page on its side where the table is wide. Synthetic data are named
        in the title, the caption and the header of every page. The same table gives the same
        bytes: dates are fixed, and Word's own are set when somebody saves it.
    """
    from docx import Document

    document, points = Document(), SHEET_POINTS if table.one_page else POINTS
    _page(document, table, points)
    _properties(document, table)
    if internal:
        _paragraph(document, internal, points - 1, bold=True)
    caption = _paragraph(document, table.caption, points + 1, bold=True)
    caption.paragraph_format.keep_with_next = True
    _table(document, table)
    for letter, text in table.lettered:
        _paragraph(document, sentence(text), points - 1, mark=letter)
    for text in table.notes:
        _paragraph(document, sentence(text), points - 1)
    file = io.BytesIO()
    document.save(file)
    return packed_again(file.getvalue())


def _page(document: Any, table: PrintedTable, points: int) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    section = document.sections[0]
    width, height = PAGE_MM[::-1] if table.wide else PAGE_MM
    section.orientation = WD_ORIENT.LANDSCAPE if table.wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Mm(MARGIN_MM))
    document.styles["Normal"].font.name = FONT
    document.styles["Normal"].font.size = Pt(points)
    document.styles["Normal"].paragraph_format.line_spacing = 1.0
    if table.synthetic:
        _runs(section.header.paragraphs[0], MARK, points, bold=True)


def _properties(document: Any, table: PrintedTable) -> None:
    found = document.core_properties
    found.title = _legal(table.caption)
    found.subject = _legal(table.dataset)
    found.author = found.last_modified_by = "mnstudy"
    found.comments = MARK if table.synthetic else ""
    found.keywords = SYNTHETIC if table.synthetic else ""
    found.created = found.modified = THEN
    found.last_printed = THEN
    found.revision = 1


def _paragraph(document: Any, text: str, points: int, *, bold: bool = False, mark: str = "") -> Any:
    from docx.shared import Pt

    paragraph = document.add_paragraph()
    if mark:
        _runs(paragraph, "", points, mark=f"{mark} ")
    _runs(paragraph, text, points, bold=bold)
    paragraph.paragraph_format.space_after = Pt(3)
    return paragraph


def _runs(paragraph: Any, text: str, points: int, *, bold: bool = False, mark: str = "") -> None:
    from docx.shared import Pt

    for words, raised in ((text, False), (mark, True)):
        if words:
            run = paragraph.add_run(_legal(words))
            run.font.size, run.font.name = Pt(points) if points else None, FONT
            run.bold = bold and not raised
            run.font.superscript = True if raised else None


def _legal(text: str) -> str:
    """Return text without the control characters that an XML file cannot hold."""
    return text.translate(XML_ILLEGAL)


def _table(document: Any, table: PrintedTable) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT

    heads = 2 if table.over else 1
    lines = heads + len(table.rows) + sum(bool(g.title) for g in table.groups)
    grid = document.add_table(rows=lines, cols=len(table.columns))
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.LEFT, False
    widths = _widths(table)
    for column, width in zip(grid.columns, widths, strict=True):
        column.width = width
    rows = [(row, list(row.cells)) for row in grid.rows]  # a row gives its cells slowly
    for _, cells in rows:
        for cell, width in zip(cells, widths, strict=True):
            cell.width = width
    _head(table, rows[:heads])
    at = heads
    for group in table.groups:
        if group.title:
            cells = rows[at][1]
            _fill(cells[0].merge(cells[-1]), group.title, "left", bold=True, above=True)
            at += 1
        for row in group.rows:
            _body(rows[at][1], row, table)
            at += 1
    _finish(rows, heads)


def _widths(table: PrintedTable) -> list[int]:
    from docx.shared import Mm

    room = (PAGE_MM[1] if table.wide else PAGE_MM[0]) - 2 * MARGIN_MM
    return [Mm(round(room * share, 2)) for share in table.shares]


def _head(table: PrintedTable, rows: list[tuple[Any, list[Any]]]) -> None:
    if table.over:
        at = 0
        for text, span in table.over:
            cells = rows[0][1]
            cell = cells[at].merge(cells[at + span - 1]) if text and span > 1 else cells[at]
            _fill(cell, text, "center", bold=True)
            if text:
                _rule(cell, bottom=4)
            at += span
    for cell, column in zip(rows[-1][1], table.columns, strict=True):
        _fill(cell, column.head, column.align, bold=True)
    for row, cells in rows:
        _flag(row, "w:tblHeader")
        for cell in cells if row is rows[0][0] else ():
            _rule(cell, top=12)
    for cell in rows[-1][1]:
        _rule(cell, bottom=6)


def _body(cells: list[Any], row: Row, table: PrintedTable) -> None:
    from docx.shared import Mm

    for i, (cell, column) in enumerate(zip(cells, table.columns, strict=True)):
        _fill(cell, row.cells[i], column.align, bold=row.strong and i == 0, mark=row.mark(i))
        if i == 0 and row.indent:
            cell.paragraphs[0].paragraph_format.left_indent = Mm(INDENT_MM * row.indent)
        if row.strong:
            cell.paragraphs[0].paragraph_format.keep_with_next = True


def _fill(
    cell: Any, text: str, align: str, *, bold: bool = False, mark: str = "", above: bool = False
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    paragraph.paragraph_format.space_before = Pt(6 if above else 1)
    paragraph.paragraph_format.space_after = Pt(1)
    if above:
        paragraph.paragraph_format.keep_with_next = True
    _runs(paragraph, text, 0, bold=bold, mark=mark)


def _finish(rows: list[tuple[Any, list[Any]]], heads: int) -> None:
    for row, _ in rows:
        _flag(row, "w:cantSplit")
    for cell in rows[-1][1] if len(rows) > heads else ():
        _rule(cell, bottom=12)


def _flag(row: Any, name: str) -> None:
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(name))


def _rule(cell: Any, **sides: int) -> None:
    """Rule a cell, ``top=12`` being one and a half points."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    for side, eighths in sides.items():
        edge = OxmlElement(f"w:{side}")
        for name, value in (("val", "single"), ("sz", str(eighths)), ("color", "000000")):
            edge.set(qn(f"w:{name}"), value)
        borders.append(edge)
