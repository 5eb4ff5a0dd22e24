"""The messy workbook that is shipped: everything in it is asked about, answered, and then said."""

import shutil
import tomllib

import openpyxl
import pytest

import mnstudy as mn
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.proposing.propose import propose, write_study


@pytest.fixture
def sheet(tmp_path):
    (path,) = (data_dir() / "messy_clinic").iterdir()
    return shutil.copy(path, tmp_path / path.name)


@pytest.fixture
def raw(sheet):
    """The proposed study file, as it is written beside the sheet."""
    target, _ = write_study(sheet)
    return tomllib.loads(target.read_text("utf-8"))


def test_what_has_to_be_decided_is_asked(sheet):
    asks = "\n".join(propose(sheet).asks)
    for word in ("hidden, 2", "struck through, 1", "Legende", "row 64", "Bemerkung", "V-förmig"):
        assert word in asks
    assert "does -99 stand for a value that is not known?" in asks
    assert "N001" not in str(propose(sheet))


def test_what_nobody_answered_is_a_problem(sheet, raw):
    found = {k.column: k for k in mn.validate(sheet, study=raw).kinds}
    assert set(found) == {"Pat.-Nr.", "Narbentyp", "Besserung (%)"}
    assert "looks like a total or a mean" in found["Pat.-Nr."].rule
    assert found["Pat.-Nr."].rows == (64,)
    assert "delete the row" in found["Pat.-Nr."].remedy
    assert "Mittelwert" not in str(mn.validate(sheet, study=raw))
    paste = tomllib.loads(mn.validate(sheet, study=raw).paste)
    assert paste["missing"] == {"improvement_score": ["k.A.", "-99"]}


def test_answered_it_is_loaded_and_nothing_is_lost_in_silence(sheet, raw):
    book = openpyxl.load_workbook(sheet)
    book["Auswertung"].delete_rows(book["Auswertung"].max_row)
    book.save(sheet)
    raw |= {"hidden_rows": "read", "design": "parallel", "synthetic": True}
    raw["missing"] = {"improvement_score": ["k.A.", "-99"]}
    raw["levels"]["scar_type"]["V-förmig"] = "acne_icepick"
    cohort = mn.load(sheet, study=raw)
    assert len(cohort.data) == 59  # one row is struck through
    notes = "\n".join(cohort.notes)
    for word in ("12", "20 to 21", "Legende", "in percent were read as shown", "Bemerkung"):
        assert word in notes
    truth = mn.simulate(n_patients=60, design="parallel", rng=11).sites().reset_index(drop=True)
    truth = truth.drop(index=8).reset_index(drop=True)
    read = cohort.data
    assert read["treatment"].astype(str).tolist() == truth["treatment"].astype(str).tolist()
    assert read["age_band"].astype(str).tolist() == truth["age_band"].astype(str).tolist()
    assert read["scar_type"].astype(str).tolist() == truth["scar_type"].astype(str).tolist()
    assert read["baseline_severity"].tolist() == truth["baseline_severity"].tolist()
    needled = truth["treatment"].eq("needling").to_numpy()
    assert read["needle_depth_mm"][needled].tolist() == truth["needle_depth_mm"][needled].tolist()
    apart = (read["improvement_score"] - truth["improvement_score"]).abs()
    assert apart.max() <= 5  # about 30 is 30
    assert (apart > 0).sum() <= 3
    assert read["improvement_score"].isna().sum() == truth["improvement_score"].isna().sum()
    assert read["weeks"].between(truth["weeks"], truth["weeks"] + 0.5).all()
