"""Files whose columns have names: codes stay codes beside what the file says they mean."""

import struct
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from made_files import HEAD, ROWS, refused, text, written

from mnstudy.cohort.reading.read import grids, read_sheet
from mnstudy.cohort.study.reading import Reading

FRAME = pd.DataFrame(ROWS, columns=HEAD)


@pytest.fixture
def sav(tmp_path):
    frame = pd.DataFrame(
        {"id": ["P1", "P2", "a"], "gain": [1.0, 99.0, np.nan], "n": [-7, 4, 2], "kind": list("xyz")}
    )
    pyreadstat.write_sav(
        frame,
        tmp_path / "a.sav",
        column_labels=["Patient", "Gain in quarters", "", ""],
        variable_value_labels={"gain": {1: "<25 %", 99: "unknown"}, "kind": {"x": "Rolling"}},
        missing_ranges={"gain": [99], "n": [{"lo": -9, "hi": -6}], "kind": ["y"]},
    )
    return tmp_path / "a.sav"


def test_spss_codes_labels_titles_and_missing_values(sav):
    sheet = read_sheet(sav)
    assert sheet.cells["gain"].fillna(-1).tolist() == [1.0, 99.0, -1]
    assert list(sheet.cells.index) == [2, 3, 4]
    assert sheet.labels == {"gain": {"1": "<25 %", "99": "unknown"}, "kind": {"x": "Rolling"}}
    assert sheet.titles == {"id": "Patient", "gain": "Gain in quarters"}
    assert sheet.missing == {"gain": ("99",), "n": ("-7",), "kind": ("y",)}


def test_a_range_of_missing_values_that_no_cell_has_is_none(tmp_path):
    path = tmp_path / "a.sav"
    pyreadstat.write_sav(FRAME, path, missing_ranges={"session_count": [{"lo": 90, "hi": 99}]})
    assert read_sheet(path).missing == {}


def test_stata_writes_its_missing_values_with_a_point(tmp_path):
    path = tmp_path / "a.dta"
    frame = pd.DataFrame({"id": ["P1", "a", "P3"], "x": [1.0, "a", 3.0]})
    pyreadstat.write_dta(
        frame,
        path,
        variable_value_labels={"x": {1: "low", "a": "refused"}},
        missing_user_values={"x": ["a"]},
    )
    sheet = read_sheet(path)
    assert sheet.cells["x"].tolist() == [1.0, ".a", 3.0]
    assert sheet.cells["id"].tolist() == ["P1", "a", "P3"]
    assert sheet.labels == {"x": {"1": "low", ".a": "refused"}}
    assert sheet.missing == {"x": (".a",)}


def test_a_parquet_file_keeps_whole_numbers_and_its_index(tmp_path):
    path = tmp_path / "a.parquet"
    frame = FRAME.assign(
        whole=pd.array([2**60 + 1, None] * 6, dtype="Int64"),
        kind=FRAME["scar_type"].astype("category"),
    )
    frame.set_index("patient_id").to_parquet(path)
    cells = read_sheet(path).cells
    assert set(cells.columns) == {*HEAD, "whole", "kind"}
    assert str(cells["whole"].iloc[0]) == str(2**60 + 1)
    assert cells["kind"].dtype == object
    assert cells["patient_id"].loc[2] == "ZQ000"


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("l", [[1, 2]] * 12, "lists or records"),
        ("d", [{"a": 1}] * 12, "lists or records"),
        ("t", [timedelta(days=3)] * 12, "durations"),
        ("b", [b"x"] * 12, "bytes"),
    ],
)
def test_a_column_that_is_none_of_a_sheet_is_named(tmp_path, name, values, what):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pandas(FRAME).append_column(name, pa.array(values)), path)
    (problem,) = refused(path)
    assert (problem.column, problem.row) == (name, None)
    assert what in problem.rule


@pytest.mark.parametrize("suffix", [".sav", ".zsav", ".dta", ".parquet"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: x[: len(x) // 2],
        lambda x: bytes(b ^ (0x55 if i % 67 == 5 else 0) for i, b in enumerate(x)),
        lambda x: text().encode(),
        lambda x: x[:4] + bytes(range(256)) * 8,
    ],
    ids=["cut off", "flipped", "text", "noise"],
)
def test_a_spoilt_file_is_refused_in_one_sentence(tmp_path, suffix, spoil):
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        FRAME.to_parquet(path)
    elif suffix == ".dta":
        pyreadstat.write_dta(FRAME, path)
    else:
        pyreadstat.write_sav(FRAME, path, compress=suffix == ".zsav")
    assert read_sheet(path).cells.shape == (12, 5)
    written(tmp_path, path.name, spoil(path.read_bytes()))
    (problem,) = refused(path)
    assert problem.rule.startswith(f"a readable {suffix}")
    assert "save it again" in problem.remedy


def test_a_file_at_which_its_reader_would_end_the_process_is_refused(sav):
    """Labels of a column that is not there: readstat reads beyond its memory."""
    content = sav.read_bytes()
    place = content.index((4).to_bytes(4, "little") + (1).to_bytes(4, "little")) + 9
    sav.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    assert refused(sav)[0].rule == "a readable .sav (SPSS) file"


def test_a_file_too_large_for_memory_is_refused(sav, monkeypatch):
    def none(*_, **__):
        raise MemoryError

    monkeypatch.setattr(pyreadstat, "read_sav", none)
    assert refused(sav)[0].rule == "a sheet that fits into memory"


def test_a_labelled_file_as_a_grid_has_its_headings_in_row_1(sav):
    (grid,) = grids(sav)
    assert grid.cells.loc[1].tolist() == ["id", "gain", "n", "kind"]
    assert grid.cells.loc[2].tolist() == ["P1", 1.0, -7.0, "x"]


def test_settings_of_a_sheet_without_headings_of_its_own_are_problems(sav):
    how = Reading(header=(2,), sheet="A", delimiter=";")
    assert {p.column for p in read_sheet(sav, how).problems} == {"header", "sheet", "delimiter"}


# Damaged files


@pytest.fixture
def spss(tmp_path):
    path = tmp_path / "a.sav"
    frame = pd.DataFrame({"patient_id": ["P1", "P2"], "pain": [1.0, 2.0]})
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"pain": {1.0: "little"}})
    return path


def test_labels_of_a_column_that_is_not_there_end_no_process(spss):
    """pyreadstat reads from nowhere here, and falls."""
    content, place = spss.read_bytes(), struct.pack("<3i", 4, 1, 2)
    assert content.count(place) == 1
    spss.write_bytes(content.replace(place, struct.pack("<3i", 4, 1, 99)))
    (problem,) = refused(spss)
    assert problem.rule == "a readable .sav (SPSS) file"


def test_a_file_that_is_cut_off_is_refused(spss):
    spss.write_bytes(spss.read_bytes()[:300])
    assert refused(spss)
