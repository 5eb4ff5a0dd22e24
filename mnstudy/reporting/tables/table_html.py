"""A printed table as HTML: caption, heads with their scope, everything escaped."""

from __future__ import annotations

from html import escape

from mnstudy.reporting.tables.printed_table import PrintedTable, Row, RowGroup, sentence

STYLE = (
    "body{font:1rem/1.45 system-ui,'DejaVu Sans',sans-serif;margin:1.5rem;color:#1f1f1f;"
    "background:#fff}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;"
    "border-top:2px solid;border-bottom:2px solid}caption{text-align:left;padding:0 0 .6rem;"
    "font-weight:600}th,td{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;"
    "font-weight:400}thead th{font-weight:600;vertical-align:bottom}"
    "thead tr:last-child th{border-bottom:1px solid}tbody th.group{font-weight:600;"
    "padding-top:.7rem}.over{text-align:center;border-bottom:1px solid #999}"
    "caption span{display:block;max-width:calc(100vw - 4rem)}sup{line-height:0}"
    "tbody th[scope=row]{min-width:9rem}"
    ".number{white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".table-notes{font-size:.82rem;max-width:60rem}.table-notes p{margin:.25rem 0}"
    "@media print{body{margin:0}.scroll{overflow:visible}}"
)
INDENT = 1.2  # em: in the cell itself, so that it is kept where the table is pasted


def to_html(table: PrintedTable, *, standalone: bool = False, role: str = "region") -> str:
    """Write a table as HTML.

    Parameters
    ----------
    table : PrintedTable
    standalone : bool
        A whole page with its style, to open or to paste from; else the part that goes into a page.
    role : str
        What its box is to screen readers: a region is a landmark, a group is none.

    Returns
    -------
    str
        Scrolls sideways in itself where it is too wide. Screen readers find the caption, the heads
        of columns, of groups and of rows.

    Examples
    --------
    >>> from mnstudy.reporting.tables.printed_table import Column, Row, RowGroup
    >>> rows = (RowGroup(title="", rows=(Row(cells=("a < b", "1")),)),)
    >>> heads = (Column(head="what"), Column(head="n", align="right"))
    >>> table = PrintedTable(
    ...     key="t", title="T", dataset="d", synthetic=False, columns=heads, groups=rows
    ... )
    >>> "a &lt; b" in to_html(table)
    True
    """
    name = f"table-{table.file}"
    lines = [
        f'<div class="scroll" role="{role}" aria-labelledby="{name}" tabindex="0">',
        '<table class="compact printed">',
        f'<caption id="{name}"><span>{escape(table.caption)}</span></caption>',
        *_head(table),
        *(line for group in table.groups for line in _body(table, group)),
        "</table>",
        "</div>",
        *_notes(table),
    ]
    part = "\n".join(lines) + "\n"
    return _page(table, part) if standalone else part


def _head(table: PrintedTable) -> list[str]:
    lines = ["<thead>"]
    if table.over:
        cells = "".join(
            f'<th scope="colgroup" colspan="{span}" class="over">{escape(text)}</th>'
            if text
            else "<td></td>" * span
            for text, span in table.over
        )
        lines.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f'<th scope="col"{_class(c.align)}>{escape(c.head)}</th>' for c in table.columns
    )
    return [*lines, f"<tr>{heads}</tr>", "</thead>"]


def _class(align: str) -> str:
    return "" if align == "left" else f' style="text-align:{align}"'


def _body(table: PrintedTable, group: RowGroup) -> list[str]:
    lines = ["<tbody>"]
    if group.title:
        span = len(table.columns)
        head = f'<th scope="rowgroup" colspan="{span}" class="group">{escape(group.title)}</th>'
        lines.append(f"<tr>{head}</tr>")
    return [*lines, *(_row(table, row) for row in group.rows), "</tbody>"]


def _row(table: PrintedTable, row: Row) -> str:
    cells = []
    for i, column in enumerate(table.columns):
        text = escape(row.cells[i])
        if row.strong and i == 0:
            text = f"<strong>{text}</strong>" if text else text
        text += f"<sup>{escape(row.mark(i))}</sup>" if row.mark(i) else ""
        if i == 0:
            indent = f' style="padding-left:{INDENT * row.indent:g}em"' if row.indent else ""
            cells.append(f'<th scope="row"{indent}>{text}</th>')
        else:
            number = ' class="number"' if column.align != "left" else ""
            cells.append(f"<td{number}{_class(column.align)}>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _notes(table: PrintedTable) -> list[str]:
    lines = [
        f"<p><sup>{escape(x)}</sup> {escape(sentence(text))}</p>" for x, text in table.lettered
    ]
    lines += [f"<p>{escape(sentence(text))}</p>" for text in table.notes]
    return ['<div class="table-notes">', *lines, "</div>"] if lines else []


def _page(table: PrintedTable, part: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(table.caption)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{part}</body>\n</html>\n"
    )
