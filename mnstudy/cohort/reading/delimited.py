"""Text files: the encoding, the delimiter and the rows of a .csv, .tsv or .txt file.

Rows are numbered as a spreadsheet shows them: a cell with line breaks is in one row, a blank line
is a row, and the line ``sep=;`` that a spreadsheet hides is none.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NoReturn

import pandas as pd

from mnstudy.cohort.reading.sheet import Grid, letter, refuse
from mnstudy.cohort.reading.worksheet import MOST_COLUMNS
from mnstudy.cohort.schema.problems import Line, Problem, fail
from mnstudy.cohort.study.reading import Reading
from mnstudy.words.notes import Note, note

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = {
    b"PK\x03\x04": "a workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls)",
    b"PAR1": "a .parquet file",
    b"$FL2": "a .sav file",
}
_WINDOWS, TURKISH = "cp1252", "cp1254"
_TURKISH_ONLY = re.compile(rb"[\xd0\xdd\xde\xf0\xfd\xfe]")  # Icelandic in Windows-1252
_SEP = re.compile(rb'^"?sep=(.)"?(?:\r\n|\n|\r|$)', re.IGNORECASE)
_NEVER_WESTERN = re.compile(rb"[\x01-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]")
_CHUNK, _SAMPLE = 1_000, 200
_LONGEST = 131_072  # characters of a cell: what the csv module takes, four times what Excel does


def text_grid(path: Path, how: Reading | None = None) -> Grid:
    """Read a text file whose columns are separated by a delimiter.

    Every cell is text as it stands in the file, also ``NA`` and blank ones.

    Raises
    ------
    DataError
        The encoding or the delimiter cannot be told, or a quote is not closed.
    """
    how = how or Reading()
    content, remarks = _utf8(path, path.read_bytes(), how)
    content, said = _without_sep(content)
    _check_text(path, content)
    delimiter = _delimiter(path, content, how, said)
    rows = _Rows(path, content, delimiter)
    rows.look()
    if rows.width > MOST_COLUMNS:
        remedy = "leave out the columns that are not of the study"
        refuse(path, rule=f"a table of at most {MOST_COLUMNS:,} columns", remedy=remedy)
    return Grid(cells=rows.cells(), problems=tuple(rows.problems), remarks=remarks)


# Which characters


def _utf8(path: Path, content: bytes, how: Reading) -> tuple[bytes, tuple[Note, ...]]:
    """Return the text in UTF-8, without marks at its start, and what was assumed of it."""
    for start, kind in _OTHER_KINDS.items():
        if content.startswith(start):
            refuse(path, rule="a text file", remedy=f"it is {kind} under another name: rename it")
    encoding = how.encoding or next((e for bom, e in _BOMS if content.startswith(bom)), "")
    guessed = "" if encoding else _without_mark(content)
    try:
        text = content.decode(encoding or guessed).lstrip("\ufeff").encode()
    except (LookupError, ValueError):
        if encoding:
            _wrong_encoding(path, encoding)
        guessed, text = _western(path, content)
    return text, (assumed(guessed),) if guessed not in ("", "utf-8") else ()


def _without_mark(content: bytes) -> str:
    """Tell UTF-16 without a mark by its zero bytes: every second one of Western text."""
    odd, even = content[1:2000:2], content[0:2000:2]
    if odd and odd.count(0) > 0.7 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if odd and even.count(0) > 0.7 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return "utf-8"


def assumed(encoding: str) -> Note:
    """Say in which encoding a text was read that does not say so itself."""
    names = {_WINDOWS: "Windows-1252 (Western Europe)", TURKISH: "Windows-1254 (Turkish)"}
    return note("encoding_assumed", encoding=names.get(encoding, encoding.upper()))


def _wrong_encoding(path: Path, encoding: str) -> NoReturn:
    remedy = f'it is not in the encoding "{encoding}" (a name such as utf-8, cp1252 or cp1254): '
    refuse(
        path,
        rule="text in the encoding that its first bytes, or the study file, name",
        remedy=f"{remedy}leave encoding out, or save the sheet as CSV UTF-8",
    )


def _western(path: Path, content: bytes) -> tuple[str, bytes]:
    """Return the code page of Windows that a text seems to be in, and the text in UTF-8."""
    if _NEVER_WESTERN.search(content):
        remedy = "save the sheet as CSV UTF-8, or name its encoding (cp1250, cp1251, cp1254 ...)"
        refuse(
            path,
            rule="text in a known encoding",
            remedy=f"it is neither UTF-8 nor Windows-1252: {remedy}",
            paste=(Line("", "encoding", "cp1250"),),
        )
    if _TURKISH_ONLY.search(content) and b"\x8e" not in content and b"\x9e" not in content:
        return TURKISH, content.decode(TURKISH).encode()
    return _WINDOWS, content.decode(_WINDOWS).encode()


def _without_sep(content: bytes) -> tuple[bytes, str]:
    found = _SEP.match(content)
    return (content[found.end() :], found[1].decode()) if found else (content, "")


def _check_text(path: Path, content: bytes) -> None:
    at = content.find(b"\0")
    if at >= 0:
        line = content.count(b"\n", 0, at) + 1
        remedy = f"one stands in line {line}: open it in a spreadsheet and save it as CSV UTF-8"
        refuse(path, rule="text without NUL characters", remedy=remedy)


# Which delimiter


def _delimiter(path: Path, content: bytes, how: Reading, said: str) -> str:
    """Return what separates the columns: declared, said by the file, or found by looking."""
    sample = content[: 1 << 18].decode("utf-8", "ignore")
    seen = {d: share for d in DELIMITERS if (share := _seen(sample, d))}
    if how.delimiter:
        return _declared(path, how.delimiter, sample, list(seen))
    if not seen:
        return said or ","
    best = [d for d, share in seen.items() if share == max(seen.values())]
    usual = "\t" if path.suffix.lower() == ".tsv" else said
    if len(best) > 1 and usual not in best:
        _ask(path, best, "separated by one character throughout")
    return said if said in seen else usual if usual in best else best[0]


def _declared(path: Path, delimiter: str, sample: str, seen: list[str]) -> str:
    good = len(delimiter) == 1 and delimiter.isascii() and delimiter not in '"\r\n\0'
    if not good:
        remedy = "write one of , ; | or \\t as the delimiter in the study file"
        refuse(path, rule="a delimiter of one character", remedy=remedy)
    if seen and delimiter not in seen and not _seen(sample, delimiter):
        name = DELIMITERS.get(delimiter, delimiter)
        _ask(path, seen, f"separated by {name}s, as the study file says")
    return delimiter


def _seen(sample: str, delimiter: str) -> float:
    """Return the share of rows that have as many cells as most have; 0 where most have one."""
    widths: list[int] = []
    with suppress(csv.Error):
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        widths.extend(len(row) for row in islice(reader, _SAMPLE) if row)
    if len(widths) > 2:
        widths.pop()  # it may be cut off
    counts = Counter(widths)
    width, count = max(counts.items(), key=lambda x: (x[1], x[0]), default=(1, 0))
    return count / len(widths) if width > 1 else 0.0


def _ask(path: Path, found: list[str], rule: str) -> NoReturn:
    problems = [
        Problem(
            rule=f"columns {rule}",
            remedy=f"they may be separated by {DELIMITERS[d]}s: name it in the study file",
            paste=(Line("", "delimiter", d),),
        )
        for d in sorted(found, key=";,\t|".index)
    ]
    fail(path.name, *problems)


# Which rows


class _Rows:
    """The rows of a text, looked over by the csv module and read by the faster one of pandas.

    Both read a text alike once its quotes are closed; only rows of other lengths than most are put
    together here.
    """

    def __init__(self, path: Path, content: bytes, delimiter: str) -> None:
        self.path, self.content, self.delimiter = path, content, delimiter
        self.width = 0
        self.count = 0
        self.blank: list[int] = []
        self.ragged: dict[int, list[str]] = {}
        self.problems: list[Problem] = []

    def _chunks(self) -> Iterator[tuple[int, list[list[str]]]]:
        """Yield rows with the number of the first; refuse where a quote is not closed."""
        text = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        done = 0
        chunk: list[list[str]] = []
        try:
            while True:
                chunk, lines = [], reader.line_num
                chunk.extend(islice(reader, _CHUNK))  # keeps what came before an error
                if not chunk:
                    return
                self._check_quotes(done + 1, chunk, reader.line_num - lines)
                yield done + 1, chunk
                done += len(chunk)
        except csv.Error as error:
            self._check_quotes(done + 1, chunk, -1)
            self._bad_quote(done + len(chunk) + 1, "larger than field limit" in str(error))

    def look(self) -> None:
        """Find how wide the table is, and which rows are blank or of another length."""
        for first, chunk in self._chunks():
            if not self.width:
                self.width = _usual([len(row) for row in chunk if any(map(str.strip, row))])
            starts = [
                number for number, row in enumerate(chunk, first) if not row or not row[0].strip()
            ]
            self.blank += [n for n in starts if not any(map(str.strip, chunk[n - first]))]
            if set(map(len, chunk)) != {self.width}:
                for number, row in enumerate(chunk, first):
                    if len(row) not in (0, self.width):
                        self._other_length(number, row)
            self.count += len(chunk)

    def _other_length(self, number: int, row: list[str]) -> None:
        filled = max((i for i, cell in enumerate(row, 1) if cell.strip()), default=0)
        if filled > self.width or 0 < filled <= len(row) < self.width:
            name = DELIMITERS.get(self.delimiter, "delimiter")
            remedy = (
                f"it has {max(filled, len(row))}: a {name} inside a cell needs quotes around it"
            )
            self.problems.append(Problem(row=number, rule=f"{self.width} cells", remedy=remedy))
        self.ragged[number] = (row[: self.width] + [""] * self.width)[: self.width]

    def _check_quotes(self, first: int, chunk: list[list[str]], lines: int) -> None:
        """Refuse a cell with line breaks that holds whole rows: its quote closes a later one."""
        if lines == len(chunk):
            return
        width = _usual([len(row) for row in chunk])
        for number, row in enumerate(chunk, first):
            for column, cell in enumerate(row):
                if ("\n" in cell or "\r" in cell) and self._swallows(cell, row, width):
                    self._bad_quote(number, place=f" in column {letter(column)}")

    def _swallows(self, cell: str, row: list[str], width: int) -> bool:
        """Say whether the lines of a cell have the delimiters of rows, not those of sentences."""
        found = cell.count(self.delimiter)
        if found == len(re.findall(re.escape(self.delimiter) + r"(?:\s|$)", cell)):
            return False
        lines = [line for line in re.split(r"\r\n|\n|\r", cell) if line.strip()]
        whole = any(line.count(self.delimiter) == width - 1 for line in lines[1:-1])
        return whole or len(row) != width or found == (len(lines) - 1) * (width - 1)

    def _bad_quote(self, row: int, long: bool = False, place: str = "") -> NoReturn:
        rule = "quotes that are closed"
        remedy = f"close the quote that opens in row {row}{place}, or take it out"
        if long:
            remedy += f"; a cell may have {_LONGEST:,} characters"
        report = f"{remedy} (a quote inside a cell is written twice)"
        refuse(self.path, rule=rule, remedy=report, row=row)

    def cells(self) -> pd.DataFrame:
        """Return the cells of all rows that have any."""
        numbers = pd.RangeIndex(1, self.count + 1)
        if not self.width:
            return pd.DataFrame(index=numbers[:0])
        frame = self._read(self._mended() if self.ragged else self.content)
        frame.index = numbers
        return frame.drop(index=self.blank) if self.blank else frame

    def _read(self, content: bytes) -> pd.DataFrame:
        return pd.read_csv(
            io.BytesIO(content),
            sep=self.delimiter,
            header=None,
            names=range(self.width),
            dtype="str",
            na_filter=False,
            skip_blank_lines=False,
            index_col=False,
            encoding="utf-8",
        )

    def _mended(self) -> bytes:
        """Write the text again with as many cells in every row as most have."""
        content = io.BytesIO()
        text = io.TextIOWrapper(content, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, delimiter=self.delimiter)  # quotes \r and \n, which end its rows
        for first, chunk in self._chunks():
            rows = enumerate(chunk, first)
            writer.writerows(self.ragged.get(number, row) or [""] for number, row in rows)
        return content.getvalue()


def _usual(widths: list[int]) -> int:
    return Counter(widths).most_common(1)[0][0] if widths else 0
