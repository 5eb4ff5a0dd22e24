"""Workbooks for people: a template to fill in, and a sheet with its problems marked."""

import shutil

import openpyxl
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.loading.datasets import locate
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.proposing.propose import propose, write_study
from mnstudy.cohort.proposing.workbooks import EXAMPLE_ID, MOST, mark, template
from mnstudy.cohort.schema.columns import columns

# Template


@pytest.fixture
def empty(tmp_path):
    return template(tmp_path / "mine.xlsx")


def filled(path, rows):
    """Write rows into a template as a person does: from row 3 on, some columns only."""
    book = openpyxl.load_workbook(path)
    data = book["Data"]
    place = {cell.value: cell.column for cell in data[1]}
    for i, row in enumerate(rows, 3):
        for name, value in row.items():
            data.cell(i, place[name], value)
    book.save(path)
    return path


PATIENTS = [
    {
        "patient_id": f"00{i}", "scar_type": "acne_boxcar", "needle_depth_mm": 1.5,
        "session_count": 3, "improvement_score": 30 + i, "weeks": 16, "infection": "no",
        "age_band": "25-34",
    }
    for i in (1, 2, 3)
]  # fmt: skip


def test_a_template_has_every_column_what_it_means_and_what_may_stand_in_it(empty):
    book = openpyxl.load_workbook(empty)
    assert [(p.title, p.sheet_state) for p in book] == [
        ("Data", "visible"), ("Dictionary", "visible"), ("Lists", "hidden")
    ]  # fmt: skip
    data = book["Data"]
    assert [cell.value for cell in data[1]] == list(columns())
    checks = {str(c.sqref).split("2:")[0]: c for c in data.data_validations.dataValidation}
    for cell in data[1]:
        spec = columns()[cell.value]
        assert spec.meaning in cell.comment.text
        check = checks.get(cell.column_letter)
        words = spec.levels or (("yes", "no") if spec.kind == "boolean" else ())
        if words:
            lists, ends = check.formula1.split("!")
            assert [c.value for (c,) in book[lists][ends.replace("$", "")]] == list(words)
        elif spec.low is not None:
            assert float(check.formula2) == spec.high
        if not spec.numeric:
            assert data.column_dimensions[cell.column_letter].number_format == "@"
    meanings = {row[0]: row for row in book["Dictionary"].iter_rows(min_row=2, values_only=True)}
    assert list(meanings) == list(columns())
    assert meanings["infection"][-1] == "no"


def test_the_example_row_is_struck_through_and_fits_its_own_lists(empty):
    data = openpyxl.load_workbook(empty)["Data"]
    assert all(cell.font.strike for cell in data[2])
    assert data["A2"].value == EXAMPLE_ID
    example = {head.value: cell.value for head, cell in zip(data[1], data[2], strict=True)}
    alone = {k: v for k, v in example.items() if k not in ("period", "sequence")}
    report = mn.validate(pd.DataFrame([alone | {"patient_id": "P001"}]))
    assert report.ok, str(report)


def test_a_filled_template_is_loaded_and_nothing_but_the_design_is_asked(empty):
    target, found = write_study(filled(empty, PATIENTS))
    assert found.asks == ()
    assert not found.design_clear
    assert found.lacking == ()
    text = target.read_text("utf-8")
    assert "To decide" not in text
    assert "period" not in text  # of which no cell is filled
    target.write_text(text.replace("# design =", "design ="), encoding="utf-8")
    cohort = mn.load(target)
    assert cohort.data["patient_id"].tolist() == ["001", "002", "003"]
    assert cohort.data["improvement_score"].tolist() == [31, 32, 33]
    assert cohort.data["infection"].tolist() == [False] * 3
    assert cohort.data["treatment"].eq("needling").all()  # nobody filled that column
    notes = "\n".join(cohort.notes)
    assert "1 row crossed out in the sheet left out: 2" in notes
    assert "no treatment column" in notes


def test_without_a_study_file_a_filled_template_is_loaded_too(empty):
    assert len(mn.load(filled(empty, PATIENTS)).data) == 3


def test_a_patient_written_over_the_example_is_asked_about(empty):
    book = openpyxl.load_workbook(empty)
    book["Data"]["A2"] = "P001"
    book.save(empty)
    assert any("struck through, 1" in ask for ask in propose(filled(empty, PATIENTS)).asks)


def test_columns_may_be_chosen_and_the_core_is_always_there(tmp_path):
    path = template(str(tmp_path / "few.xlsx"), ["weeks", "treatment"])
    heads = [cell.value for cell in openpyxl.load_workbook(path)["Data"][1]]
    core = [name for name, spec in columns().items() if spec.core]
    assert set(heads) == {*core, "weeks", "treatment"}


def test_what_a_template_cannot_be_is_refused(empty, tmp_path):
    with pytest.raises(FileExistsError, match="name another file"):
        template(empty)
    with pytest.raises(ValueError, match="no column depth"):
        template(tmp_path / "other.xlsx", ["depth"])
    with pytest.raises(ValueError, match=r"an \.xlsx file"):
        template(tmp_path / "other.csv")


def test_the_same_template_has_the_same_bytes(empty, tmp_path):
    assert template(tmp_path / "again.xlsx").read_bytes() == empty.read_bytes()


# Marked copy


@pytest.fixture
def study(tmp_path):
    """A messy workbook and the study file proposed for it, nothing answered."""
    (path,) = (data_dir() / "messy_clinic").iterdir()
    return write_study(shutil.copy(path, tmp_path / path.name))[0]


def marked(source):
    return openpyxl.load_workbook(mark(str(source), mn.validate(source)))


def coloured(page):
    return {
        cell.coordinate
        for row in page.iter_rows()
        for cell in row
        if cell.fill.fill_type == "solid"
    }


def test_problems_are_coloured_where_they_stand_and_say_how_to_mend_them(study):
    book = marked(study)
    assert book.sheetnames == ["Problems", "Auswertung"]
    page = book["Auswertung"]
    assert coloured(page) == {"J7", "D10", "D40", "J45", "A64"}
    assert page["D10"].value == "V-förmig"
    assert "give the meaning under [levels.scar_type]" in page["D10"].comment.text
    assert "delete the row" in page["A64"].comment.text
    assert [page.cell(3, j).value for j in (1, 10)] == ["Pat.-Nr.", "Besserung (%)"]
    assert page["H4"].number_format == "DD.MM.YYYY"


def test_the_first_worksheet_lists_everything_with_lines_to_paste(study):
    page = marked(study)["Problems"]
    said = "\n".join(str(c) for row in page.iter_rows(values_only=True) for c in row if c)
    assert "nothing was changed in the sheet itself" in said
    for word in ("rows 10, 40", "V-förmig", "[levels.scar_type]", '["k.A.", "-99"]', "20 to 21"):
        assert word in said


def test_rows_left_out_and_texts_not_copied_are_told_of(study):
    page = marked(study)["Auswertung"]
    assert page["A12"].value == "(left out: struck through)"
    assert [page[f"A{row}"].value for row in (20, 21)] == ["(left out: hidden)"] * 2
    assert page["L7"].value == "(text, not copied)"
    shown = {str(c) for row in page.iter_rows(values_only=True) for c in row}
    assert not {"N009", "Kontrolle war am Telefon", "Mittelwert"} & shown


def test_the_sheet_is_untouched_and_the_copy_has_the_same_bytes_twice(study):
    sheet = study.parent / locate(study)[1].file
    before = sheet.read_bytes()
    copy = mark(str(study), mn.validate(study))
    first = copy.read_bytes()
    assert mark(str(study), mn.validate(study)) == copy
    assert copy.read_bytes() == first
    assert sheet.read_bytes() == before


def test_a_later_check_replaces_the_copy(study):
    mark(str(study), mn.validate(study))
    text = study.read_text("utf-8").replace('# "V-förmig" = "?"', '"V-förmig" = "acne_icepick"')
    study.write_text(text, encoding="utf-8")
    assert coloured(marked(study)["Auswertung"]) == {"J7", "J45", "A64"}


def test_what_identifies_a_person_is_not_copied(tmp_path, sheet):
    frame = sheet.assign(Nachname="Muster", Telefon="0151 234567", patient_id="Max Muster")
    path = tmp_path / "mine.xlsx"
    frame.to_excel(path, index=False)
    page = marked(path)["Sheet1"]
    shown = {str(c) for row in page.iter_rows(values_only=True) for c in row}
    assert "(not shown)" in shown
    assert not {"Muster", "0151 234567", "Max Muster"} & shown


def test_cells_keep_their_place_where_the_sheet_begins_further_right(tmp_path, sheet):
    path = tmp_path / "mine.xlsx"
    sheet.assign(scar_type="strange").to_excel(path, index=False, startcol=2, startrow=1)
    page = marked(path)["Sheet1"]
    place = 3 + list(sheet).index("scar_type")
    assert page.cell(2, place).value == "scar_type"
    assert page.cell(3, place).value == "strange"
    assert page.cell(3, place).comment is not None


def test_a_text_file_and_two_worksheets_are_marked_too(tmp_path, sheet):
    bad = sheet.assign(scar_type="strange", improvement_score="=1+1")
    bad.to_csv(tmp_path / "mine.csv", index=False)
    page = marked(tmp_path / "mine.csv")["Sheet"]
    assert page.cell(2, 1 + list(sheet).index("scar_type")).comment is not None
    kept = page.cell(2, 1 + list(sheet).index("improvement_score"))
    assert (kept.value, kept.data_type) == ("'=1+1", "s")  # no formula comes alive
    with pd.ExcelWriter(tmp_path / "two.xlsx") as writer:
        sheet.to_excel(writer, sheet_name="V1", index=False)
        bad.drop(columns="improvement_score").assign(improvement_score=10).to_excel(
            writer, sheet_name="V2", index=False
        )
    rows = '[[rows]]\nsheet = "V1"\n[[rows]]\nsheet = "V2"\n'
    (tmp_path / "study.toml").write_text(f'file = "two.xlsx"\n{rows}', encoding="utf-8")
    book = marked(tmp_path / "study.toml")
    assert book.sheetnames == ["Problems", "V1", "V2"]
    assert not coloured(book["V1"])
    assert coloured(book["V2"])


def test_an_export_of_redcap_is_marked(tmp_path):
    head = "Variable / Field Name,Form Name,Field Type,Field Label"
    fields = ["record_id,base,text,Record", "scar_type,base,text,Scar", "weeks,visit,text,Weeks"]
    (tmp_path / "dictionary.csv").write_text("\n".join([head, *fields]), encoding="utf-8")
    (tmp_path / "export.csv").write_text(
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,scar_type,weeks\n"
        "1,,,strange,\n1,visit,1,,4\n",
        encoding="utf-8",
    )
    text = (
        'file = "export.csv"\ndictionary = "dictionary.csv"\n[columns]\nrecord_id = "patient_id"\n'
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    assert "Problems" in marked(tmp_path / "study.toml").sheetnames


def test_no_copy_of_what_cannot_be_read_or_is_very_long(tmp_path, sheet):
    assert mark(str(tmp_path / "nowhere.csv"), mn.validate("nowhere.csv")) is None
    path = tmp_path / "long.csv"
    pd.concat([sheet] * (MOST // len(sheet) + 1)).to_csv(path, index=False)
    report = mn.validate(path)
    assert mark(str(path), report) is None
    assert not list(tmp_path.glob("*.marked.xlsx"))
