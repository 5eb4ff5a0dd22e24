"""The files of a report as a reader sees them: words and tables, whatever the format."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".ico", ".woff", ".woff2")  # hold no text
_MARKUP = (".html", ".htm", ".svg", ".xml")
_ZIPPED = (".docx", ".xlsx", ".odt", ".zip")
_ADDRESS = re.compile(r"data:([\w.+-]*/?[\w.+-]*)([^,\s\"']*),([^\"'\s)<>]*)")
_UNREAD = re.compile(r"<style\b.*?</style>|<!--.*?-->", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")
_SAID = re.compile(
    r"\b(?:alt|title|aria-label|id|href|name|content|value|placeholder|data-[\w-]+)="
    r"(?:\"([^\"]*)\"|'([^']*)')"
)
_TABLE = re.compile(r"<(?:w:)?(?:table|tbl)\b.*?</(?:w:)?(?:table|tbl)>", re.S | re.I)
_ROW = re.compile(r"<(?:w:)?tr\b.*?</(?:w:)?tr>", re.S | re.I)
_CELL = re.compile(r"<(?:w:tc|td|th)\b[^>]*>(.*?)</(?:w:tc|td|th)>", re.S | re.I)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_SHOWN = re.compile(rb"\[((?:[^\[\]\\]|\\.)*)\]\s*TJ|(\((?:[^()\\]|\\.)*\))\s*Tj", re.S)
_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*)\)", re.S)
_APART = re.compile(r"\s*[,;|&\t]\s*|\s{2,}|\s+(?=[-+]?\d)|(?<=\d)\s+")

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One text of a report: where it stands, its words, and the tables in it."""

    place: str
    text: str
    tables: tuple[Rows, ...] = ()


def shown(path: Path, place: str) -> Iterator[Shown]:
    """Yield what a file shows; pictures without text, and what cannot be read, yield nothing."""
    suffix, content = path.suffix.lower(), path.read_bytes()
    if suffix in PICTURES:
        return
    if suffix in _ZIPPED:
        yield from _zipped(content, place)
    elif suffix == ".pdf":
        yield Shown(place=place, text=_pdf(content))
    else:
        yield from _text(content.decode("utf-8", errors="replace"), suffix, place)


def _text(text: str, suffix: str, place: str) -> Iterator[Shown]:
    if suffix in _MARKUP:
        yield from _markup(text, place)
    elif suffix in (".json", ".ipynb"):
        yield from _notebook(text, place)
    elif suffix in (".csv", ".tsv"):
        yield Shown(
            place=place, text=text, tables=(_cells(text, "\t" if suffix == ".tsv" else ","),)
        )
    else:
        yield Shown(place=place, text=text, tables=(_lines(text),))


def _cells(text: str, delimiter: str) -> Rows:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:  # a cell longer than the reader takes
        return _lines(text)


def _lines(text: str) -> Rows:
    """Split lines of printed text into cells, as far as they can be told apart."""
    return [_APART.split(line.strip()) for line in text.splitlines() if line.strip()]


def _markup(text: str, place: str) -> Iterator[Shown]:
    """Yield the words between the tags, those in them that are read, and every inlined file."""
    for number, found in enumerate(_ADDRESS.finditer(text), 1):
        kind, options, content = found.groups()
        if "image/" in kind and "svg" not in kind:
            continue
        inner = _decoded(unescape(content), coded="base64" in options)
        suffix = ".csv" if "csv" in kind else ".svg" if "svg" in kind else ".html"
        yield from _text(inner, suffix, f"{place}, inlined file {number}")
    text = _UNREAD.sub(" ", _ADDRESS.sub("", text))
    words = [unescape(a or b) for a, b in _SAID.findall(text)]
    tables = tuple(_table(t) for t in _TABLE.findall(text))
    yield Shown(place=place, text="\n".join([_words(text), *words]), tables=tables)


def _words(text: str) -> str:
    return unescape(_TAG.sub(" ", text))


def _table(text: str) -> Rows:
    return [[_words(cell).strip() for cell in _CELL.findall(row)] for row in _ROW.findall(text)]


def _decoded(content: str, *, coded: bool) -> str:
    if not coded:
        return unquote(content)
    try:
        return base64.b64decode(unquote(content)).decode("utf-8", errors="replace")
    except binascii.Error:
        return content


def _notebook(text: str, place: str) -> Iterator[Shown]:
    """Yield every string of a JSON file; those that are markup as such, lists of lines joined."""
    try:
        content = json.loads(text)
    except ValueError:
        yield Shown(place=place, text=text)
        return
    for string in _strings(content):
        if string.lstrip().startswith("<") or "</" in string:
            yield from _markup(string, place)
        else:
            yield Shown(place=place, text=string, tables=(_lines(string),))


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        if content and all(isinstance(x, str) for x in content):
            yield "".join(x if x.endswith("\n") else x + "\n" for x in content)
        else:
            for item in content:
                yield from _strings(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            if not str(key).startswith("image/") or "svg" in str(key):
                yield from _strings(value)


def _zipped(content: bytes, place: str) -> Iterator[Shown]:
    """Yield the text of the XML inside; words cut into runs are put together again."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            suffix = Path(name).suffix.lower()
            if suffix in PICTURES:
                continue
            text = archive.read(name).decode("utf-8", errors="replace")
            if suffix in (".xml", ".rels"):
                text = re.sub(
                    r"</w:t>\s*</w:r>.*?<w:t\b[^>]*>", _within_paragraph, text, flags=re.S
                )
            yield from _text(text, ".xml" if suffix == ".rels" else suffix, f"{place}, {name}")


def _within_paragraph(found: re.Match[str]) -> str:
    return found[0] if "</w:p>" in found[0] else ""


def _pdf(content: bytes) -> str:
    """Return the strings that simple pages show, and the descriptions of the file."""
    pieces = [re.sub(_STREAM, b" ", content)]
    for stream in _STREAM.findall(content):
        try:
            stream = zlib.decompress(stream)
        except zlib.error:
            continue
        for several, one in _SHOWN.findall(stream):
            pieces.append(b"".join(_STRING.findall(several or one)))
    return b"\n".join(pieces).decode("latin-1")
