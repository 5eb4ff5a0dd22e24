"""Finding and reading files: by name, by path, and every way it can fail."""

import shutil

import pytest

import mnstudy as mn
from mnstudy.cohort.loading.shipped import data_dir


def test_the_shipped_sets_are_listed():
    table = mn.datasets()
    assert {"published_patients", "demo_clinic", "demo_split_face"} <= set(table.index)
    assert table.loc["published_patients", "rows"] == 1523
    assert not table.loc["published_patients", "synthetic"]
    assert table.loc[["demo_clinic", "demo_split_face"], "synthetic"].all()


def test_published_patients_keep_what_is_known(patients):
    data = patients.data
    assert data["improvement_score"].notna().sum() == 559
    assert data["grade_change"].notna().sum() == 361
    assert data["clinic_id"].nunique() == 34
    assert {"all", "between_groups", "needle_depth_mm", "pairs"} <= {
        x.scope for x in patients.study.limits
    }


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(mn.DataError, match="did you mean demo_clinic"):
        mn.load("demo_klinik")


def test_synthetic_is_said_wherever_it_is_shown(clinic):
    assert "SYNTHETIC" in repr(clinic)
    assert "SYNTHETIC" in clinic._repr_html_()
    assert clinic.synthetic
    assert "synthetic" in clinic.study.file


def test_load_from_folder_study_file_and_sheet_agree(tmp_path):
    folder = shutil.copytree(data_dir() / "demo_split_face", tmp_path / "mine")
    sheet = next(folder.glob("*.csv"))
    digests = {
        mn.load(p).provenance.sha256 for p in (folder, folder / "study.toml", sheet, str(sheet))
    }
    assert len(digests) == 1
    assert mn.load(sheet).study.design == "split_body"


def test_without_a_study_file_the_design_is_inferred_and_said_to_be(tmp_path, sheet):
    path = tmp_path / "sheet.csv"
    sheet.to_csv(path, index=False)
    cohort = mn.load(path)
    assert "(inferred)" in repr(cohort)
    assert any("no design declared" in note for note in cohort.notes)


def write(tmp_path, content, name="sheet.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


HEADER = "patient_id,scar_type,needle_depth_mm,session_count,improvement_score\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("\n\n", "header"),
        (HEADER, "only a header"),
        (HEADER + "P1,burn,1,5,1,10\n", "5 cells"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, words):
    path = write(tmp_path, content)
    with pytest.raises(mn.DataError, match=words):
        mn.load(path)
    assert not mn.validate(path).ok


def test_a_missing_file(tmp_path):
    with pytest.raises(mn.DataError, match="file that exists"):
        mn.load(tmp_path / "nowhere.csv")


def test_an_unknown_kind_of_file(tmp_path):
    with pytest.raises(mn.DataError, match=r"one of \.csv"):
        mn.load(write(tmp_path, "x", "sheet.doc"))


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_delimiter_is_found_by_looking(tmp_path, delimiter):
    text = (HEADER + "P1,burn,1,1,10\n").replace(",", delimiter)
    assert mn.load(write(tmp_path, text)).data["needle_depth_mm"].item() == 1


def test_a_declared_delimiter_is_used(tmp_path):
    write(tmp_path, 'delimiter = ";"\ndesign = "single_arm"\n', "study.toml")
    path = write(tmp_path, HEADER.replace(",", ";") + "P1;burn;1,5;1;10\n")
    assert mn.load(path).data["needle_depth_mm"].item() == 1.5


def test_a_broken_study_file_is_named(tmp_path, sheet):
    write(tmp_path, "design = \n", "study.toml")
    sheet.to_csv(tmp_path / "sheet.csv", index=False)
    with pytest.raises(mn.DataError, match="TOML"):
        mn.load(tmp_path / "sheet.csv")


def test_rows_are_numbered_as_in_the_sheet(tmp_path):
    path = write(tmp_path, HEADER + "P1,burn,1,1,10\n\nP2,burn,1,1,140\n")
    assert mn.validate(path).problems[0].row == 4


def test_western_code_page_and_byte_order_mark(tmp_path):
    row = "P1,burn,1,1,10,Größe\n"
    for encoding in ("cp1252", "utf-8-sig"):
        path = write(tmp_path, (HEADER.replace("\n", ",ort\n") + row).encode(encoding))
        assert mn.load(path).data["ort"].item() == "Größe"


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet", ".dta", ".sav"])
def test_other_readers_give_the_same_table(tmp_path, sheet, suffix):
    import pyreadstat

    path = tmp_path / f"sheet{suffix}"
    writers = {
        ".xlsx": lambda: sheet.to_excel(path, index=False),
        ".parquet": lambda: sheet.to_parquet(path),
        ".dta": lambda: sheet.to_stata(path, write_index=False),
        ".sav": lambda: pyreadstat.write_sav(sheet, str(path)),
    }
    writers[suffix]()
    got, want = mn.load(path).data, mn.load(sheet).data
    assert got["improvement_score"].tolist() == want["improvement_score"].tolist()
    assert got["patient_id"].tolist() == want["patient_id"].tolist()


def test_a_damaged_workbook_is_named(tmp_path):
    with pytest.raises(mn.DataError, match=r"readable \.xlsx"):
        mn.load(write(tmp_path, b"not a zip", "sheet.xlsx"))


def test_the_messy_example_is_copied_and_never_over_another_file(tmp_path):
    sheet = mn.example_sheet(tmp_path)
    content = sheet.read_bytes()
    assert sheet == mn.example_sheet(str(tmp_path))
    assert sheet.parent == tmp_path
    assert "synthetic" in sheet.name
    assert "messy_clinic" not in mn.datasets().index  # it has to be asked about first
    sheet.write_bytes(content + b"mine")
    with pytest.raises(FileExistsError, match="left alone"):
        mn.example_sheet(tmp_path)
    assert sheet.read_bytes() == content + b"mine"
