"""A whole release, from the sheet to its folder: what leaves, what stays, what is refused."""

import hashlib
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cli import main
from mnstudy.disclosure.groups import KEY, RECORDS
from mnstudy.disclosure.release import BANNER, HOME
from mnstudy.errors import DataError

CLAIMS = ["reduces-scarring", "treats-acne-scars", "little-pain", "rare-pih"]
ADDED = 3
STUDY = """title = "Needling of scars"
design = "single_arm"
file = "{name}"
source = "Praxis Nord, 37 patients seen in spring"
[[limits]]
scope = "all"
says = "Nobody was blinded."
"""


def sheet(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": [f"D{i:04}" for i in range(1, n + 1)],
            "clinic_id": ["Praxis Nord" if i % 2 else "Praxis Süd" for i in range(n)],
            "scar_type": ["keloid" if i % 12 == 11 else "acne_rolling" for i in range(n)],
            "sex": ["female" if i % 3 else "male" for i in range(n)],
            "needle_depth_mm": [1.5 if i % 2 else 2.0 for i in range(n)],
            "session_count": 3,
            "improvement_score": [17.0 + 1.25 * i for i in range(n)],
            "pain_score": [2.0 + 0.125 * (i % 9) for i in range(n)],
            "pih": [i % 17 == 0 for i in range(n)],
        }
    )


def written(folder: Path, n: int, name: str = "clinic.csv") -> Path:
    folder.mkdir(exist_ok=True)
    sheet(n).to_csv(folder / name, index=False)
    place = folder / "study.toml"
    place.write_text(STUDY.format(name=name), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the study file of 36 patients and the folder of its release."""
    folder = tmp_path_factory.mktemp("made")
    study = written(folder / "home", 36)
    out = mn.report(
        study, out=folder / "out", claims=CLAIMS, release=True, notebooks=True, formats="svg"
    )
    return study, out


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_every_file_says_that_it_is_a_release(made):
    for path in files(made[1]):
        if path.suffix in (".png", ".pdf"):
            continue
        content = path.read_bytes()
        if path.suffix == ".docx":
            with zipfile.ZipFile(path) as archive:
                content = archive.read("word/document.xml")
        empty = path.suffix == ".csv" and content.count(b"\n") == 1
        assert (b"profile" if empty else BANNER[1:].encode()) in content, path.name


def test_no_id_hash_place_or_exact_number_is_in_any_file(made):
    study, out = made
    data = study.with_name("clinic.csv")
    hashes = [hashlib.sha256(data.read_bytes()).hexdigest(), mn.load(study).provenance.sha256]
    exact = mn.evaluate(mn.load(study), CLAIMS)
    kept = [f"{f.estimate.value:.4f}"[:6] for f in exact if f.estimate]
    for path in files(out):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for told in ("D0001", "D0036", str(study.parent), "37 patients", *hashes, *kept):
            assert told not in text, (path.name, told)
    manifest = json.loads((out / "manifest.json").read_text())
    assert "made_from" not in manifest
    assert "sha256" not in manifest["data"][0]


def test_notebooks_are_code_without_outputs(made):
    notebooks = sorted((made[1] / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(c.get("outputs") for c in cells)


def test_what_is_private_stays_beside_the_sheet_for_its_owner_alone(made):
    study, out = made
    for name in (RECORDS, KEY, HOME):
        assert study.with_name(name).stat().st_mode & 0o777 == 0o600
        assert not list(out.rglob(name))
    home = pd.read_csv(study.with_name(HOME))
    assert home.loc[home["output"].eq("patients"), "exact"].item() == "36"


def test_the_same_again_has_the_same_bytes(made, tmp_path):
    study, out = made
    again = mn.report(
        study, out=tmp_path / "again", claims=CLAIMS, release=True, notebooks=True, formats="svg"
    )
    assert [p.relative_to(out) for p in files(out)] == [p.relative_to(again) for p in files(again)]
    assert all(
        p.read_bytes() == q.read_bytes() for p, q in zip(files(out), files(again), strict=True)
    )


def test_a_report_is_not_put_in_the_place_of_a_release_nor_the_other_way(made, tmp_path):
    study, out = made
    with pytest.raises(ValueError, match="holds a release"):
        mn.report(study, out=out, claims=CLAIMS)
    internal = mn.report(study, out=tmp_path / "in", claims=["little-pain"], formats="svg")
    with pytest.raises(ValueError, match="holds an internal report"):
        mn.report(study, out=internal, claims=["little-pain"], release=True)


def test_the_next_release_of_a_few_patients_more_tells_nothing_new(made, tmp_path, capsys):
    study, out = made
    before = study.with_name("clinic.csv").read_bytes()
    try:
        sheet(36 + ADDED).to_csv(study.with_name("clinic.csv"), index=False)
        assert main(["release", "check", str(out), str(study)]) == 1
        assert "would be withheld" in capsys.readouterr().out
        more = mn.report(study, out=tmp_path / "more", claims=CLAIMS, release=True)
        table = pd.read_csv(more / "results.csv", keep_default_na=False)
        assert set(table["answer"]) == {"not released"}
    finally:
        study.with_name("clinic.csv").write_bytes(before)
    records = ["--records", str(study.with_name(RECORDS))]
    assert main(["release", "check", str(out), str(out), *records]) == 0


def test_a_release_of_nobody_else_is_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match="name the sheet"):
        mn.report(out=tmp_path / "out", release=True)
    with pytest.raises(ValueError, match="public already"):
        mn.report("published_patients", out=tmp_path / "out", claims=CLAIMS, release=True)
    with pytest.raises(ValueError, match="does nothing in a release"):
        mn.report("demo_clinic", out=tmp_path / "out", profile="jama", release=True)
    assert not list(tmp_path.iterdir())


def test_fewer_than_ten_patients_leave_nothing_and_are_evaluated_as_ever(tmp_path):
    study = written(tmp_path / "few", 9)
    with pytest.raises(DataError, match="at least 10 patients"):
        mn.report(study, out=tmp_path / "out", claims=CLAIMS, release=True)
    assert not (tmp_path / "out").exists()
    assert not study.with_name(RECORDS).exists()
    assert mn.evaluate(mn.load(study), "little-pain")[0].n_patients == 9


def test_a_sheet_that_is_called_like_a_person_is_not_named(tmp_path):
    study = written(tmp_path / "home", 24, "Mueller_Hans_1961.csv")
    out = mn.report(study, out=tmp_path / "out", claims=["little-pain"], release=True)
    text = "".join(p.read_bytes().decode("utf-8", errors="replace") for p in files(out))
    assert "Mueller" not in text


def test_one_table_in_a_script(made):
    shown = mn.release(mn.evaluate(mn.load(made[0]), CLAIMS))
    frame = shown.to_frame()
    assert frame.map(lambda x: isinstance(x, str)).all(axis=None)
    assert "36" not in repr(shown) + shown._repr_html_()
    assert frame["patients"].tolist()[2] == "35"
