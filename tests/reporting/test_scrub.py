"""The last look at a report: ids and rows of patients are found wherever they stand."""

import base64
import json
import zipfile
import zlib
from dataclasses import replace
from urllib.parse import quote

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.errors import DataError
from mnstudy.reporting.run.scrub import is_distinctive, leaks, scrub

ID, OTHER = "QZX-7F3A-001", "QZX-7F3A-002"
NO_ID, NO_COLUMN, NO_ROW = (
    "no id of a patient",
    "no column of patient ids",
    "no row of a patient",
)


def sheet(ids, **more):
    n = len(ids)
    columns = {
        "patient_id": ids,
        "scar_type": ["burn"] * n,
        "needle_depth_mm": [1.4142136 + i / 7 for i in range(n)],
        "session_count": [3] * n,
        "improvement_score": [37.8134129 + i / 3 for i in range(n)],
        "clinic_id": ["K1"] * n,
    }
    return pd.DataFrame(columns | more)


def cohort_of(ids, **more):
    study = {"synthetic": False} | more.pop("study", {})
    return mn.load(sheet(ids, **more), study=study)


@pytest.fixture(scope="module")
def cohort():
    return cohort_of([f"QZX-7F3A-{i:03}" for i in range(1, 9)])


def test_words_of_the_shipped_tables_are_nobodys_id(tmp_path):
    """The published tables number their directions d0001 and so on, as a sheet may its patients."""
    own = cohort_of([f"D{i:04}" for i in range(1, 9)])
    assert found(tmp_path, own, "directions.csv", "id\nd0001\n") == []
    own = cohort_of([f"D{i:04}" for i in range(1, 8)] + ["D0001-QZX"])
    assert found(tmp_path, own, "directions.csv", "id\nd0001\nd0001-qzx\n") == [NO_ID]


@pytest.fixture(scope="module")
def numbered():
    """A sheet with a heading of its own and ids that stand anywhere."""
    data = sheet([str(i) for i in range(1, 13)]).rename(columns={"patient_id": "Nr"})
    return mn.load(data, study={"synthetic": False, "columns": {"Nr": "patient_id"}})


def found(folder, cohort, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [p.rule for p in leaks(folder, [cohort])]


def docx(text):
    return f"<w:document><w:body>{text}</w:body></w:document>"


def svg(text):
    return f'<svg xmlns="http://www.w3.org/2000/svg"><text x="3" y="4">{text}</text></svg>'


def inlined(text):
    coded = base64.b64encode(svg(text).encode()).decode()
    return f'<img alt="a figure" src="data:image/svg+xml;base64,{coded}">'


def notebook(data, kind="text/html"):
    out = {"output_type": "display_data", "data": {kind: data}, "metadata": {}}
    return json.dumps({"cells": [{"cell_type": "code", "source": [], "outputs": [out]}]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.html", f"<p>as in {ID}.</p>"),
        ("index.html", f'<img alt="{ID} alone" src="x.png">'),
        ("index.html", inlined(ID)),
        ("index.html", f'<img src="data:image/svg+xml,{quote(svg(ID))}">'),
        ("figures/a.svg", svg(ID)),
        ("figures/a.svg", f"<svg><title>{ID}</title></svg>"),
        ("results.csv", f"claim,notes\nx,without {ID}\n"),
        ("deep/er/n.ipynb", notebook([f"<td>{ID}</td>\n"])),
        ("n.ipynb", notebook(f"  {ID}  3", "text/plain")),
        ("manifest.json", json.dumps({"files": {ID: "ab"}})),
        ("refs.bib", f"@note{{{ID}}}"),
        ("t.tex", rf"{ID} & 3 \\"),
        ("t.txt", ID.lower()),
        (f"figures/{ID}.png", b"\x89PNG"),
        ("page.html", "<p>QZX&#45;7F3A-001</p>"),
    ],
)
def test_an_id_is_found_wherever_it_stands(tmp_path, cohort, name, content):
    assert NO_ID in found(tmp_path, cohort, name, content)


def test_an_id_cut_into_runs_is_found_in_word_files_and_pdfs(tmp_path, cohort):
    runs = "<w:p><w:r><w:t>QZX-7F</w:t></w:r><w:r><w:rPr/><w:t>3A-001</w:t></w:r></w:p>"
    with zipfile.ZipFile(tmp_path / "t.docx", "w") as archive:
        archive.writestr("word/document.xml", docx(runs))
    assert [p.rule for p in leaks(tmp_path, [cohort])] == [NO_ID]
    (tmp_path / "t.docx").unlink()
    page = zlib.compress(b"BT [(QZX-7F) 20 (3A-001)] TJ ET")
    pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nstream\n" + page + b"\nendstream\nendobj\n"
    (tmp_path / "f.pdf").write_bytes(pdf)
    assert [p.rule for p in leaks(tmp_path, [cohort])] == [NO_ID]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", f"patient_id,score\n{ID},3\n"),
        ("t.csv", "Patient_ID,score\nsomebody,3\n"),
        ("t.html", "<table><tr><th>patient_id</th></tr><tr><td>x</td></tr></table>"),
        ("n.ipynb", notebook("<table><tr><th>patient id</th></tr><tr><td>7</td></tr></table>")),
    ],
)
def test_a_column_of_ids_is_found_by_its_heading(tmp_path, cohort, name, content):
    assert NO_COLUMN in found(tmp_path, cohort, name, content)


def test_short_ids_are_found_beneath_the_heading_of_the_sheet(tmp_path, numbered):
    column = "Nr,score\n" + "".join(f"{i},0.5\n" for i in range(3, 9))
    assert found(tmp_path, numbered, "t.csv", column) == [NO_COLUMN]
    text = "\n".join(["  Nr   score", *(f"  {i}  0.5" for i in range(3, 9))])
    (tmp_path / "t.csv").unlink()
    assert found(tmp_path, numbered, "n.ipynb", notebook(text, "text/plain")) == [NO_COLUMN]


def test_rows_are_found_without_their_id(tmp_path, cohort):
    row = cohort.data.iloc[2]
    cells = [row[c] for c in ("needle_depth_mm", "session_count", "improvement_score")]
    printed = "".join(f"<td>{x}</td>" for x in ["burn", *cells])
    page = f"<table><tr>{printed}</tr></table>"
    assert found(tmp_path, cohort, "t.html", page) == [NO_ROW]
    line = " ".join(map(str, ["0", "burn", *cells]))
    (tmp_path / "t.html").unlink()
    assert found(tmp_path, cohort, "n.ipynb", notebook(line, "text/plain")) == [NO_ROW]
    (tmp_path / "n.ipynb").unlink()
    one = f"estimate,n\n{cells[2]},3\n"  # one value alone is no row
    assert found(tmp_path, cohort, "t.csv", one) == []


def test_three_neighbouring_values_are_a_row_and_two_are_none(tmp_path, cohort):
    row = cohort.data.iloc[2]
    three = [row[c] for c in ("needle_depth_mm", "session_count", "improvement_score")]
    lines = ["a,b,c", ",".join(map(str, three)), "d,e,f"]
    assert found(tmp_path, cohort, "t.csv", "\n".join(lines)) == [NO_ROW]
    lines[1] = ",".join(map(str, three[:2]))
    assert found(tmp_path, cohort, "t.csv", "\n".join(lines)) == []


@pytest.mark.parametrize(
    "content",
    [
        "P001 is not in these data; put a pseudonym (P001, P002, ...) in its place",
        "QZX-7F3A-0011 and AQZX-7F3A-001, QZX-7F3A",
        '<svg><path d="QZX-7F3A-001"/><style>.QZX-7F3A-001{}</style></svg>',
        "<p>the column patient_id is never missing</p>",
        "<table><tr><th>name</th></tr><tr><td>patient_id</td></tr><tr><td>3</td></tr></table>",
        "<table><tr><th>n</th></tr><tr><td>1</td></tr><tr><td>2</td></tr></table>",
    ],
)
def test_what_is_no_patient_is_let_be(tmp_path, cohort, content):
    assert found(tmp_path, cohort, "index.html", content) == []


def test_the_pseudonyms_that_messages_recommend_can_be_used(tmp_path):
    cohort = cohort_of(["P001", "P002", "P003"])
    said = "put a pseudonym (P001, P002, ...) in its place"
    assert found(tmp_path, cohort, "n.ipynb", notebook(said, "text/plain")) == []
    assert found(tmp_path, cohort, "t.txt", f"{said}, as P002") == [NO_ID]


def test_ids_that_are_also_names_of_clinics_are_no_sign(tmp_path):
    cohort = cohort_of(["A100", "A200"], clinic_id=["A100", "B1"])
    assert found(tmp_path, cohort, "t.txt", "without A100") == []
    assert found(tmp_path, cohort, "t.txt", "without A200") == [NO_ID]


@pytest.mark.parametrize(
    ("text", "leak"),
    [("seen 20231187 once", True), ("0.20231187", False), ("20231187.5", False),
     ("120231187", False), ("1,20231187", False), ("20231187, twice", True)],
)  # fmt: skip
def test_long_numbers_are_ids_unless_part_of_a_number(tmp_path, text, leak):
    cohort = cohort_of(["20231187", "20231188"])
    assert (found(tmp_path, cohort, "t.txt", text) == [NO_ID]) is leak


@pytest.mark.parametrize(
    ("name", "distinctive"),
    [("12", False), ("A1", False), ("ABCD", False), ("A001", True), ("123456", True)],
)
def test_what_makes_an_id_distinctive(name, distinctive):
    assert is_distinctive(name) is distinctive


def test_the_message_names_the_place_and_never_the_patient(tmp_path, cohort):
    (tmp_path / "a.txt").write_text(f"{ID} {OTHER}")
    with pytest.raises(DataError) as error:
        scrub(tmp_path, [cohort])
    assert "a.txt" in str(error.value)
    assert "QZX" not in str(error.value).upper()
    assert error.value.report.problems[0].remedy.startswith("nothing was published")


def test_a_place_is_named_once_for_each_kind(tmp_path, cohort):
    (tmp_path / "a.csv").write_text(f"patient_id\n{ID}\n{OTHER}\n")
    assert sorted(p.rule for p in leaks(tmp_path, [cohort])) == [NO_COLUMN, NO_ID]


def test_synthetic_patients_are_not_searched_for(tmp_path, cohort):
    invented = replace(cohort, provenance=replace(cohort.provenance, synthetic=True))
    (tmp_path / "a.txt").write_text(ID)
    scrub(tmp_path, [invented])
    assert leaks(tmp_path, [invented, cohort]) != []


def test_what_cannot_be_read_is_passed_over(tmp_path, cohort):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "b.ipynb").write_text("{ not json")
    (tmp_path / "b.docx").write_bytes(b"PK, but no archive")
    (tmp_path / "b.csv").write_text("x" * 200_000)
    (tmp_path / "c.html").write_text('<img src="data:image/svg+xml;base64,@@@">')
    assert leaks(tmp_path, [cohort]) == []
