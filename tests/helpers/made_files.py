"""Files of every kind that a clinic hands in, written for a test, and what reading them says."""

import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import DataError

HEAD = ("patient_id", "scar_type", "needle_depth_mm", "session_count", "improvement_score")
ROWS = tuple((f"ZQ{i:03}", "acne_rolling", 1.5, 3, 30 + i) for i in range(12))
SHEET1 = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"


def text(delimiter=",", rows=ROWS, end="\n"):
    return "".join(delimiter.join(map(str, row)) + end for row in (HEAD, *rows))


def written(folder, name, content):
    path = Path(folder) / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(path, *, change=None, rows=ROWS, **sheets):
    """Write a workbook of one worksheet, changed by a function of it, or of several by name."""
    book = openpyxl.Workbook()
    for i, (name, cells) in enumerate((sheets or {"Data": (HEAD, *rows)}).items()):
        sheet = book.active if i == 0 else book.create_sheet()
        sheet.title = name
        for row in cells:
            sheet.append(row)
    if change:
        change(book.active)
    book.save(path)
    return Path(path)


def changed(path, part, change):
    """Write a part of an archive again, changed; a new part where there is none."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts.get(part, b""))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    Path(path).write_bytes(content.getvalue())
    return Path(path)


def shared(path, change=lambda text: text):
    """Put the texts of a workbook into a table of shared strings, as Excel does."""
    texts = []

    def cell(found):
        texts.append(change(found[2]))
        return b'%s t="s"><v>%d</v></c>' % (found[1], len(texts) - 1)

    inline = re.compile(rb'(<c r="[A-Z]+\d+"(?: s="\d+")?) t="inlineStr"><is>(.*?)</is></c>')
    changed(path, SHEET1, lambda xml: inline.sub(cell, xml))
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    items = b"".join(b"<si>%s</si>" % text for text in texts)
    changed(path, STRINGS, lambda _: b"<sst %s>%s</sst>" % (space, items))
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = b'<Override PartName="/%s" ContentType="%s"/></Types>' % (STRINGS.encode(), kind)
    return changed(path, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", part))


def ods(path, *tables):
    """Write an OpenDocument spreadsheet of these tables in XML."""
    of = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = " ".join(
        f'xmlns:{p}="{of}{p}:1.0"' for p in ("office", "table", "text", "calcext", "manifest")
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    body = f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr(
            "content.xml", f"<office:document-content {spaces}>{body}</office:document-content>"
        )
        entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        archive.writestr(
            "META-INF/manifest.xml", f"<manifest:manifest {spaces}>{entry}</manifest:manifest>"
        )
    return Path(path)


def ods_table(name, *rows):
    def cell(value):
        if isinstance(value, str):
            kind, inside = "string", f"<text:p>{value}</text:p>"
        else:
            kind, inside = f'float" office:value="{value}', ""
        return f'<table:table-cell office:value-type="{kind}">{inside}</table:table-cell>'

    lines = [f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows]
    return f'<table:table table:name="{name}">{"".join(lines)}</table:table>'


def refused(path, how=None, **options):
    """Return the problems for which a file is refused."""
    with pytest.raises(DataError) as error:
        read_sheet(Path(path), how or Reading(), **options)
    return error.value.report.problems


def said(sheet):
    return " | ".join(map(str, sheet.remarks))
