"""Files as clinics have them: the worksheet, the headings and the layout are found by looking."""

import tomllib

import openpyxl
import pytest

from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.proposing.propose import propose, write_study
from mnstudy.errors import DataError

HEADINGS = ["patient_id", "scar_type", "needle_depth_mm", "session_count", "improvement_score"]
ROWS = [[f"P{i:02}", "acne_rolling", 1.5, 4, 20 + i] for i in range(12)]


def workbook(path, sheets, *, hidden=(), merged=()):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    first = book.worksheets[0]
    for row in hidden:
        first.row_dimensions[row].hidden = True
    for cells in merged:
        first.merge_cells(cells)
    book.save(path)
    return path


def test_a_title_a_second_worksheet_and_hidden_rows(tmp_path):
    sheets = {"Auswertung": [["Narbenstudie"], [], HEADINGS, *ROWS], "Mittel": [["Mittelwert", 26]]}
    path = workbook(tmp_path / "a.xlsx", sheets, hidden=(5, 6))
    study, found = write_study(path)
    assert 'sheet "Auswertung", header in row 3, 10 rows read' in str(found)
    assert tomllib.loads(study.read_text(encoding="utf-8"))["header"] == 3
    assert any("hidden" in ask and "2" in ask for ask in found.asks)
    assert any('"Mittel" is not read' in ask for ask in found.asks)
    assert len(load(study).data) == 10


def test_two_rows_of_headings(tmp_path):
    groups = ["Paciente", None, "Tratamiento", None, "Resultado", None]
    names = ["Código", "Sexo", "Profundidad (mm)", "Nº sesiones", "Mejoría (%)", "Tipo de cicatriz"]
    rows = [[f"P{i}", "mujer", 1.5, 3, 20 + i, "en caja"] for i in range(8)]
    path = workbook(
        tmp_path / "a.xlsx", {"Datos": [groups, names, *rows]}, merged=("A1:B1", "C1:D1", "E1:F1")
    )
    study, found = write_study(path)
    assert found.reading["header"] == [1, 2]
    assert found.columns[0].heading == "Paciente / Código"
    assert set(load(study).data["scar_type"]) == {"acne_boxcar"}


def test_a_worksheet_for_each_visit_loads(tmp_path):
    def at(sessions):
        return [HEADINGS, *[[*row[:3], sessions, 10 * sessions] for row in ROWS]]

    path = workbook(tmp_path / "v.xlsx", {"Baseline": at(0), "Visit 1 (4 wk)": at(1)})
    study, _ = write_study(path)
    assert load(study).data.groupby("weeks").size().to_dict() == {0: 12, 4: 12}


def test_before_and_after_loads(tmp_path):
    headings = ["ID", "Narbentyp", "Tiefe", "Sitzungen", "ECCA vorher", "ECCA nachher"]
    rows = [[f"P{i}", "boxcar", 1.5, 3, 80, 40] for i in range(6)]
    study, _ = write_study(workbook(tmp_path / "w.xlsx", {"Sheet1": [headings, *rows]}))
    data = load(study).data
    assert len(data) == 12
    assert data.loc[data["session_count"] == 3, "improvement_score"].tolist() == [50] * 6


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1254"])
def test_turkish_text_with_its_percent_signs(tmp_path, encoding):
    lines = ["Hasta No\tSkar tipi\tIgne (mm)\tSeans\tIyilesme (%)"]
    lines += [f"P{i}\tkutu\t1,5\t3\t%{20 + i}" for i in range(8)]
    path = tmp_path / "h.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    study, _ = write_study(path)
    assert load(study).data["improvement_score"].tolist() == list(range(20, 28))


def test_an_export_of_redcap_beside_its_dictionary(tmp_path):
    (tmp_path / "DATA.csv").write_text(
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,scar,session_no,needle,impr,ae___2\n"
        "1,,,2,,,,\n1,session,1,,1,2.0,8,1\n2,,,1,,,,\n2,session,1,,1,0.5,6,0\n"
    )
    titles = ["Variable / Field Name", "Form Name", "Field Type", "Field Label"]
    titles += ["Choices, Calculations, OR Slider Labels"]
    fields = [
        ["record_id", "baseline", "text", "Record ID", ""],
        ["scar", "baseline", "radio", "Scar type", "1, Rolling | 2, Boxcar"],
        ["session_no", "session", "text", "Session number", ""],
        ["needle", "session", "text", "Needle depth (mm)", ""],
        ["impr", "session", "text", "Improvement (%)", ""],
        ["ae", "session", "checkbox", "Adverse events", "1, Erythema | 2, Bruising"],
    ]
    lines = [",".join(f'"{cell}"' for cell in row) for row in [titles, *fields]]
    (tmp_path / "dictionary.csv").write_text("\n".join(lines))
    study, found = write_study(tmp_path / "DATA.csv")
    assert found.reading["dictionary"] == "dictionary.csv"
    data = load(study).data
    assert data["scar_type"].tolist() == ["acne_boxcar", "acne_rolling"]
    assert data["bruising"].tolist() == [True, False]


def test_a_file_that_cannot_be_read_is_said_in_one_sentence(tmp_path):
    with pytest.raises(DataError, match="an existing file"):
        propose(tmp_path / "none.csv")


def test_a_hidden_column_is_asked_about(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Data": [HEADINGS, *ROWS]})
    book = openpyxl.load_workbook(path)
    book.active.column_dimensions["E"].hidden = True
    book.save(path)
    assert any('"improvement_score" is hidden' in ask for ask in propose(path).asks)


def test_a_code_page_that_was_guessed_is_asked_about(tmp_path):
    path = tmp_path / "h.csv"
    path.write_bytes("Hasta No;Iyileşme\r\nH1;40\r\nH2;50\r\n".encode("cp1254"))
    found = propose(path)
    assert found.reading["encoding"] == "cp1254"
    assert any("Windows-1254" in ask for ask in found.asks)


def test_cells_that_may_be_meant_otherwise_are_asked_about(tmp_path):
    rows = [[f"P{i // 2}", "burn", 1.5, 3 * (i % 2), 30 * (i % 2)] for i in range(8)]
    path = workbook(tmp_path / "a.xlsx", {"Data": [HEADINGS, *rows]}, merged=("C2:C3",))
    book = openpyxl.load_workbook(path)
    book.active["E5"].font = openpyxl.styles.Font(strike=True)
    book.save(path)
    asks = " ".join(propose(path).asks)
    assert '"needle_depth_mm": 1 cell under a merged cell' in asks
    assert '"improvement_score": 1 cell crossed out' in asks


def test_a_unit_that_a_format_shows_is_read(tmp_path):
    headings = ["ID", "Scar", "Depth", "Sessions", "Improvement %"]
    rows = [[f"P{i}", "burn", 0.15, 3, 20 + i] for i in range(8)]
    path = workbook(tmp_path / "a.xlsx", {"Data": [headings, *rows]})
    book = openpyxl.load_workbook(path)
    for cell in book.active["C"][1:]:
        cell.number_format = '0.00" cm"'
    book.save(path)
    study, found = write_study(path)
    assert found.units == {"needle_depth_mm": "cm"}
    assert load(study).data["needle_depth_mm"].eq(1.5).all()
