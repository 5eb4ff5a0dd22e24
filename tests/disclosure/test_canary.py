"""No id of a patient of a real cohort is ever shown; what is in no chart shows no value either."""

import contextlib
import io
import re
import traceback

import canary
import pandas as pd
import pytest
from written_pages import everything

import mnstudy as mn
from mnstudy import cli
from mnstudy.errors import DataError
from mnstudy.reporting import words as captions
from mnstudy.reporting.notebooks import run as runner
from mnstudy.reporting.run import numbers as tables
from mnstudy.reporting.run.origin import shipped_notebooks
from mnstudy.reporting.run.scrub import scrub, shown

ASKED = [
    "reduces-scarring", "treats-acne-scars", "scar-type-matters", "satisfies-patients",
    "gentler-than-laser", "little-pain", "rare-infection", "rare-bruising", "rare-pih",
    "weeks-to-results", "deeper-needling", "home-riskier",
]  # fmt: skip
FEW = ["rare-infection", "rare-bruising", "rare-pih"]
NUMBER = re.compile(r"\d+\.\d{3,}")


@pytest.fixture(scope="module")
def sheet():
    return canary.sheet()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return canary.write(tmp_path_factory.mktemp("canary"))


@pytest.fixture(scope="module")
def cohort(study):
    return mn.load(study)


@pytest.fixture(scope="module")
def findings(cohort):
    return mn.evaluate(cohort, ASKED)


def exact_values(sheet):
    """Return the marked values as they would be printed, to nine digits."""
    known = pd.concat([sheet[c] for c in canary.EXACT]).dropna()
    return {f"{x:.9g}" for x in known if x != round(x, 1)}


def assert_no_id(text, where=""):
    assert "QZX-7F3A" not in text.upper(), where


def assert_no_patient(text, sheet, *, where=""):
    assert_no_id(text, where)
    numbers = {f"{float(x):.9g}" for x in NUMBER.findall(text)}
    assert not numbers & exact_values(sheet), where


def texts_of(thing):
    html = thing._repr_html_() if hasattr(thing, "_repr_html_") else ""
    return [repr(thing), str(thing), html or ""]


def everything_shown(cohort, findings):
    """Yield all that a notebook would show."""
    yield from (cohort, findings, *findings)
    yield from (mn.table_one(cohort), mn.table_one(cohort, by="scar_type"))
    yield from (mn.attrition(cohort), mn.missingness(cohort), mn.claims(cohort))
    yield findings.sensitivity(["margins", "clinics", "scar types"])
    yield findings[-4:].sensitivity(["clinics", "scar types", "missing"])
    yield mn.compare(findings, findings[:3])
    yield from (captions.caption(f) for f in findings)
    yield from (captions.figure_data(f).to_csv() for f in findings)
    yield tables.results_frame([findings]).to_csv()
    yield tables.parts_frame([findings]).to_csv()


def test_what_a_notebook_shows_holds_no_patient(cohort, findings, sheet):
    for thing in everything_shown(cohort, findings):
        for text in texts_of(thing):
            assert_no_patient(text, sheet, where=type(thing))


def test_figures_hold_no_patient(findings, sheet):
    for name in ("reduces-scarring", "rare-pih", "gentler-than-laser"):
        drawn = io.BytesIO()
        mn.plot(findings[name]).savefig(drawn, format="svg")
        assert_no_patient(drawn.getvalue().decode(), sheet, where=name)


def test_the_command_line_prints_no_patient(study, sheet, capsys):
    for command in (["validate"], ["claims"], ["plan"]):
        assert cli.main([*command, str(study)]) == 0
    assert cli.main(["evaluate", str(study), "--claims", "rare-pih", "little-pain"]) == 0
    assert cli.main(["evaluate", str(study), "--claims", "no-such-claim"]) == 2
    printed = capsys.readouterr()
    assert_no_patient(printed.out + printed.err, sheet)


def test_errors_repeat_the_cell_to_mend_and_no_other(sheet, tmp_path, capsys):
    wrong = sheet.copy()
    wrong.loc[5, "session_count"] = 999
    wrong.to_csv(tmp_path / "narben.csv", index=False)
    assert cli.main(["validate", str(tmp_path / "narben.csv")]) == 2
    printed = capsys.readouterr().err
    assert "999" in printed
    assert_no_patient(printed, sheet)
    with pytest.raises(DataError) as error:
        mn.load(tmp_path / "narben.csv")
    assert_no_patient("".join(traceback.format_exception(error.value)), sheet)


def test_a_failure_inside_prints_no_row(cohort, sheet, monkeypatch):
    monkeypatch.setattr("mnstudy.verdicts.evaluate.finding_for", lambda *a, **k: 1 / 0)
    with contextlib.suppress(AttributeError), pytest.raises(ZeroDivisionError) as error:
        mn.evaluate(cohort, "rare-worsening")
    assert_no_patient("".join(traceback.format_exception(error.value)), sheet)


def test_attributes_stay_exact_for_the_work_of_the_researcher(findings):
    exact = findings["rare-pih"]
    assert exact.estimate.value == pytest.approx(100 * 3 / exact.n_patients)
    assert exact.to_frame().loc[0, "estimate"] == exact.estimate.value
    assert findings.to_frame().set_index("claim").loc["rare-pih", "n_patients"] == exact.n_patients


@pytest.fixture(scope="module")
def report(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "out"
    mn.report(cohort, out=folder, claims=["rare-pih", "little-pain"], formats=("svg",), n_jobs=1)
    return folder


def test_an_internal_report_holds_no_id(report):
    for path in (p for p in report.rglob("*") if p.is_file()):
        for text in shown(path, path.name):
            assert_no_id(text.text, text.place)


def test_what_three_patients_had_is_exact_in_a_report(report, cohort, findings):
    data = pd.read_csv(report / "results.csv").set_index(["claim", "dataset"])
    row, exact = data.loc["rare-pih", cohort.name], findings["rare-pih"]
    assert row["estimate"] == exact.estimate.value == pytest.approx(100 * 3 / row["n_patients"])
    assert f"3 of {exact.n_patients} patients" in everything(report)


def test_a_planted_patient_stops_the_report(report, cohort):
    page = report / "index.html"
    kept = page.read_text(encoding="utf-8")
    try:
        page.write_text(kept.replace("</h1>", " QZX-7F3A-007</h1>", 1), encoding="utf-8")
        with pytest.raises(DataError, match=r"index\.html"):
            scrub(report, [cohort])
    finally:
        page.write_text(kept, encoding="utf-8")


@pytest.mark.parametrize("name", ["06_safety"])
def test_notebooks_hold_no_patient(name, study, sheet):
    path = next(p for p in shipped_notebooks() if p.stem == name)
    notebook = runner.run(path, {"dataset": str(study)})
    assert_no_patient(runner.text_of(notebook), sheet)


@pytest.mark.slow
@pytest.mark.parametrize("path", shipped_notebooks(), ids=lambda p: p.stem)
def test_every_notebook_holds_no_id(path, study):
    assert_no_id(runner.text_of(runner.run(path, {"dataset": str(study)})))


@pytest.mark.slow
def test_the_whole_report_with_notebooks_holds_no_id(cohort, tmp_path):
    mn.report(cohort, out=tmp_path / "out", notebooks=True)
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        for text in shown(path, path.name):
            assert_no_id(text.text, text.place)
