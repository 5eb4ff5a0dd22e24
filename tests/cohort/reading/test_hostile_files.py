"""Files made to break a reader: each is read, or refused in one sentence, in bounded time."""

import os
import random
import resource
import zipfile
from contextlib import suppress

import openpyxl
import pytest
from made_files import (
    HEAD,
    ROWS,
    SHEET1,
    STRINGS,
    changed,
    ods,
    ods_table,
    refused,
    shared,
    text,
    workbook,
    written,
)

from mnstudy.cohort.reading.read import read_sheet
from mnstudy.cohort.reading.worksheet import parse
from mnstudy.errors import DataError

NOISE = random.Random(1).randbytes(5000)
ENTITIES = b'<!DOCTYPE x [<!ENTITY a0 "lol">' + b"".join(
    b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10)
)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def grown(tmp_path, write, *, part=SHEET1, name="a.xlsx", before=b"</sheetData>"):
    """Write a workbook whose worksheet is made longer without it ever being in memory."""
    path = workbook(tmp_path / "small.xlsx")
    packed = zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as small, packed as large:
        for entry in small.namelist():
            content = small.read(entry)
            with large.open(entry, "w", force_zip64=True) as file:
                if entry == part:
                    head, _, tail = content.partition(before)
                    file.write(head)
                    write(file)
                    content = before + tail
                file.write(content)
    return tmp_path / name


# Special files


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "d.csv").mkdir()
    os.mkfifo(tmp_path / "fifo.csv")
    os.symlink("loop.csv", tmp_path / "loop.csv")
    os.symlink("/dev/zero", tmp_path / "zero.csv")
    names = [
        "d.csv",
        "fifo.csv",
        "loop.csv",
        "zero.csv",
        "none.csv",
        "a" * 300 + ".csv",
        "a\0b.csv",
    ]
    for name in names:
        assert [p.rule for p in refused(tmp_path / name)] == ["an existing file"]


@pytest.mark.parametrize("name", ["a.pkl", "a", "a.csv.gz", "study.toml", "a.xlsb"])
def test_other_kinds_are_refused_with_those_that_are_read(tmp_path, name):
    assert refused(written(tmp_path, name, text()))[0].rule.startswith("one of .csv, .tsv")


@pytest.mark.parametrize("content", ["", "\n\n\n", " , \n,,\n", text(rows=())])
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_a_text_file_without_data_is_refused(tmp_path, content, suffix):
    assert refused(written(tmp_path, f"a{suffix}", content))


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.csv", "a.sav", "a.parquet"])
@pytest.mark.parametrize(
    "content",
    [
        text(),
        "<html><table><tr><td>id</td></tr></table>",
        NOISE,
        b"PK\x03\x04" + NOISE,
        b"PK\x05\x06" + b"\0" * 18,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE,
        b"PAR1" + NOISE + b"PAR1",
    ],
    ids=["text", "web page", "noise", "zip noise", "empty zip", "ole noise", "parquet noise"],
)
def test_a_file_of_another_kind_than_its_name_is_refused(tmp_path, name, content):
    path = written(tmp_path, name, content)
    if name == "a.csv" and content == text():
        assert read_sheet(path).cells.shape == (12, 5)
        return
    (problem,) = refused(path)
    assert problem.remedy


def test_an_ole_container_is_said_to_have_a_password_or_to_be_old(tmp_path):
    path = written(tmp_path, "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE)
    (problem,) = refused(path)
    assert "a workbook with a password, or an old .xls" in problem.rule
    assert problem.remedy == "save it as .xlsx without a password"


def test_a_workbook_called_csv_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx").rename(tmp_path / "a.csv")
    assert "a workbook (.xlsx) under another name" in refused(path)[0].remedy


# Workbooks


def test_a_workbook_that_is_cut_off_or_spoilt_is_refused(tmp_path):
    whole = shared(workbook(tmp_path / "a.xlsx")).read_bytes()
    assert len(refused(written(tmp_path, "a.xlsx", whole[:-200]))) == 1
    spoilt = [
        (SHEET1, lambda x: x[: len(x) // 2]),
        (SHEET1, lambda x: x.replace(b"<v>30</v>", b"<v>thirty</v>")),
        (SHEET1, lambda x: x.replace(b"<v>30</v>", b"<v>" + b"9" * 5000 + b"</v>")),
        (SHEET1, lambda x: x.replace(b'r="E2"', b'r="e2"')),
        (SHEET1, lambda x: x.replace(b't="s"', b't="s" s="x"')),
        ("xl/styles.xml", lambda x: x[:100]),
        ("xl/workbook.xml", lambda x: x.replace(b"<sheets>", b"<shits>")),
        (STRINGS, lambda x: b"<sst/>"),
    ]
    for part, change in spoilt:
        path = changed(written(tmp_path, "a.xlsx", whole), part, change)
        assert [p.rule for p in refused(path)] == ["a readable .xlsx file"], part


def test_a_workbook_without_worksheets_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    changed(path, "xl/workbook.xml", lambda x: x.replace(b"/worksheets/", b"/none/"))
    changed(path, "xl/_rels/workbook.xml.rels", lambda x: x.replace(b"worksheets/", b"none/"))
    assert len(refused(path)) == 1


@pytest.mark.parametrize("part", [SHEET1, STRINGS, "xl/workbook.xml", "xl/styles.xml"])
@pytest.mark.parametrize(
    "start",
    [
        ENTITIES + b"]>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x">',
    ],
    ids=["billion laughs", "file", "network"],
)
def test_nothing_that_xml_declares_is_expanded_or_read(tmp_path, part, start):
    path = shared(workbook(tmp_path / "a.xlsx"))

    def change(xml):
        declaration, _, rest = xml.rpartition(b"?>")
        return (declaration + b"?>" if declaration else b"") + start + rest

    changed(path, part, change)
    assert "declares entities" in refused(path)[0].remedy


@pytest.mark.parametrize("place", ["XFD1048576", "XFD20", "B1048576"])
def test_a_cell_far_away_is_named_and_costs_no_memory(tmp_path, place):
    def change(sheet):
        sheet[place] = 1

    before = peak()
    (problem,) = refused(workbook(tmp_path / "a.xlsx", change=change))
    assert place.lstrip("XFDB") in problem.remedy
    assert "delete the rows and columns beyond the table" in problem.remedy
    assert peak() - before < 100


def test_cells_strewn_over_a_large_rectangle_are_refused(tmp_path):
    rows = b"".join(
        b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (r, r) for r in range(20, 40_000)
    )
    path = workbook(tmp_path / "a.xlsx", change=lambda sheet: sheet.cell(3, 1900, 1))
    changed(path, SHEET1, lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    before = peak()
    (problem,) = refused(path)
    assert "delete the rows and columns" in problem.remedy
    assert peak() - before < 200


def test_a_dimension_is_not_believed(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    changed(path, SHEET1, lambda x: x.replace(b"A1:E13", b"A1:XFD1048576"))
    assert read_sheet(path).cells.shape == (12, 5)


def test_formats_far_away_are_no_cells(tmp_path):
    def change(sheet):
        sheet["XFD1048576"].number_format = "0%"

    assert read_sheet(workbook(tmp_path / "a.xlsx", change=change)).cells.shape == (12, 5)


@pytest.mark.parametrize("element", ["mergeCells><mergeCell", "hyperlinks><hyperlink"])
def test_a_range_over_everything_costs_no_memory(tmp_path, element):
    name = element.split(">")[0].encode()
    more = f'<{element} ref="A1:XFD1048576"/></'.encode() + name + b">"
    path = workbook(tmp_path / "a.xlsx")
    changed(path, SHEET1, lambda x: x.replace(b"</sheetData>", b"</sheetData>" + more))
    before = peak()
    assert read_sheet(path).cells.shape == (12, 5)
    assert peak() - before < 100


def test_a_bomb_is_refused_before_it_is_opened(tmp_path):
    def spaces(file):
        for _ in range(600):
            file.write(b" " * (1 << 20))

    (problem,) = refused(grown(tmp_path, spaces))
    assert problem.rule == "a workbook of at most 400 MB when unpacked"


def test_a_bomb_below_the_limits_of_size_is_refused_by_how_it_is_packed(tmp_path):
    def spaces(file):
        for _ in range(60):
            file.write(b" " * (1 << 20))

    assert "unpacked" in refused(grown(tmp_path, spaces))[0].rule


def test_a_worksheet_too_large_for_memory_is_to_be_saved_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr("mnstudy.cohort.reading.workbook._MOST_PART", 20 << 20)

    def rows(file):
        for _ in range(22):
            file.write(random.Random(2).randbytes(1 << 20))

    assert refused(grown(tmp_path, rows))[0].remedy == "save it as .csv"


def test_a_frame_that_is_large_is_not_read(tmp_path):
    def styles(file):
        for _ in range(11_000):
            file.write(b"<!--%s-->" % (b" " * 1000))

    path = grown(tmp_path, styles, part="xl/styles.xml", before=b"</styleSheet>")
    assert refused(path)[0].rule == "a readable .xlsx file"


def test_cells_beyond_the_limits_are_counted_and_not_kept(tmp_path):
    cells = '<c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c>'
    (tmp_path / "x.xml").write_text(
        f'<a><row r="1">{cells}</row><row r="1048576">{cells}</row></a>'
    )
    kept = []
    with (tmp_path / "x.xml").open("rb") as file:
        found = parse(file, kept.append)
    assert [(cell.row, cell.column) for cell in kept] == [(1, 0)]
    assert (found.far, found.too_far) == ((1_048_576, 16_383), True)


def test_ten_million_empty_cells_cost_no_memory(tmp_path):
    (tmp_path / "x.xml").write_bytes(b"<a><row>" + b"<c/>" * 2_000_000 + b"</row></a>")
    before = peak()
    cells = []
    with (tmp_path / "x.xml").open("rb") as file:
        found = parse(file, cells.append)
    assert (cells, found.far) == ([], (0, 0))
    assert peak() - before < 60


@pytest.mark.slow
def test_more_rows_than_a_study_has_are_refused_in_bounded_time(tmp_path):
    def rows(file):
        for r in range(14, 1_000_014):
            file.write(b'<row r="%d"><c r="A%d" t="n"><v>1</v></c></row>' % (r, r))

    before = peak()
    (problem,) = refused(grown(tmp_path, rows))
    assert "1000013" in problem.remedy
    assert peak() - before < 400


@pytest.mark.parametrize("repeat", ["columns", "rows"])
def test_cells_repeated_without_end_in_an_ods_file_are_refused(tmp_path, repeat):
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float"'
    cell += ' office:value="1"/>'
    many = '<table:table-row table:number-rows-repeated="1048576">'
    row = f"{many if repeat == 'rows' else '<table:table-row>'}{cell}</table:table-row>"
    path = ods(tmp_path / "a.ods", f'<table:table table:name="D">{row}</table:table>')
    before = peak()
    assert refused(path)
    assert peak() - before < 200


def test_an_ods_file_with_entities_is_refused(tmp_path):
    path = ods(tmp_path / "a.ods", ods_table("D", HEAD, *ROWS))
    changed(path, "content.xml", lambda x: ENTITIES + b"]>" + x)
    assert refused(path)


# Text


def test_a_million_blank_rows_are_left_out(tmp_path):
    for blank in (",,,,\n", "\n"):
        sheet = read_sheet(written(tmp_path, "a.csv", text() + blank * 300_000))
        assert list(sheet.cells.index) == list(range(2, 14))


def test_many_columns_are_refused_and_many_short_rows_listed(tmp_path):
    wide = ",".join([*HEAD, *(f"c{i}" for i in range(5000))]) + "\n"
    wide += "".join(",".join(map(str, row)) + "," * 5000 + "\n" for row in ROWS)
    assert "at most 2,000 columns" in refused(written(tmp_path, "a.csv", wide))[0].rule
    sheet = read_sheet(written(tmp_path, "a.csv", text(rows=ROWS * 100) + "x,y\n" * 20_000))
    assert len(sheet.problems) == 20_000


def test_a_cell_of_ten_megabytes_is_refused(tmp_path):
    content = text().replace("ZQ003", '"' + "A1" * 5_000_000 + '"')
    assert refused(written(tmp_path, "a.csv", content))[0].row == 5


@pytest.mark.parametrize("seed", range(4))
def test_files_changed_at_random_are_read_or_refused(tmp_path, seed):
    draw = random.Random(seed)
    book = workbook(tmp_path / "whole.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as archive:
        xml = archive.read(SHEET1)
    for _ in range(25):
        sheet = bytearray(xml)
        for _ in range(draw.choice((1, 3))):
            sheet[draw.randrange(len(sheet))] = draw.randrange(256)
        path = changed(written(tmp_path, "a.xlsx", book), SHEET1, lambda _, new=bytes(sheet): new)
        content = bytearray(text().encode())
        for _ in range(draw.choice((1, 5))):
            content[draw.randrange(len(content))] = draw.choice((0, 34, 44, 10, 13, 255, 129))
        for made in (path, written(tmp_path, "a.csv", bytes(content))):
            with suppress(DataError):
                read_sheet(made)


def test_openpyxl_is_the_version_whose_parts_are_used():
    """``workbook.py`` reads the frame of a workbook by parts of openpyxl that are not public."""
    assert openpyxl.__version__.startswith("3.1")
