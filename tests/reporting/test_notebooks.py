"""The notebooks are thin, committed executed, and hold nothing of one machine or one moment."""

import os
import re
import tempfile
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

import mnstudy as mn
from mnstudy.reporting.notebooks.run import PARAMETERS, _inject, _sockets, ran, run
from mnstudy.reporting.run.origin import shipped_notebooks
from mnstudy.verdicts.claims.registry import registry

NOTEBOOKS = shipped_notebooks()
NAMES = [
    "00_start_here", "01_cohort", "02_does_it_work", "03_for_whom", "04_dose",
    "05_with_and_instead", "06_safety", "07_time_course", "08_published_evidence", "09_robustness",
    "10_plan_a_study", "11_your_own_data",
]  # fmt: skip
OWN = "11_your_own_data"  # brings its own workbook
ORDER = ["Question", "Data", "Method", "Result", "Sensitivity", "Verdict"]


def code_cells(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def outputs(path):
    return [o for c in code_cells(path) for o in c.outputs]


def test_all_notebooks_are_there_in_reading_order():
    assert [p.stem for p in NOTEBOOKS] == NAMES


def test_every_claim_is_answered_in_exactly_one_notebook():
    answered = []
    for path in NOTEBOOKS[2:8]:
        table = code_cells(path)[-1].outputs[-1]["data"]["text/html"]
        answered += [c.id for c in registry().values() if f">{escape(c.title)}</td>" in table]
    assert sorted(answered) == sorted(registry())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestForm:
    def test_at_most_14_cells_of_8_lines(self, path):
        cells = code_cells(path)
        assert len(cells) <= 14
        assert max(len(c.source.splitlines()) for c in cells) <= 8

    def test_no_analysis_is_written_here(self, path):
        for cell in code_cells(path):
            assert not re.search(r"^\s*(def|class|for|while) ", cell.source, re.MULTILINE)
            assert "import numpy" not in cell.source

    def test_committed_executed_in_order(self, path):
        counts = [c.execution_count for c in code_cells(path)]
        assert counts == list(range(1, len(counts) + 1))
        assert any(c.outputs for c in code_cells(path))

    def test_no_path_time_or_error(self, path):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(?:home|root|work|tmp|Users)/", text)
        assert '"output_type": "error"' not in text
        assert "iopub" not in text
        assert "stderr" not in text

    def test_no_number_is_retyped_in_the_verdict(self, path):
        cells = nbformat.read(path, as_version=4).cells
        prose = [c.source for c in cells if c.cell_type == "markdown" and "## Verdict" in c.source]
        assert not any(re.search(r"\d", p.split("\n", 1)[-1]) for p in prose if "\n" in p)

    def test_the_data_set_is_a_parameter(self, path):
        tagged = [c for c in code_cells(path) if PARAMETERS in c.metadata.get("tags", [])]
        assert [c.source for c in tagged] == ['dataset = "demo_clinic"'] * (path.stem != OWN)

    def test_no_table_is_cut_and_no_patient_is_shown(self, path):
        for out in outputs(path):
            shown = out.get("data", {}).get("text/html", "") + out.get("text", "")
            assert "<td>...</td>" not in shown
            assert not re.search(r"\b(P\d{4}|N0\d\d)\b", shown)


@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda p: p.stem)
def test_question_data_method_result_sensitivity_verdict(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    heads = re.findall(r"^## (\w+)", "\n".join(c.source for c in cells), re.MULTILINE)
    known = [h for h in heads if h in ORDER]
    assert list(dict.fromkeys(known)) == ORDER
    assert known == sorted(known, key=ORDER.index)


def test_a_notebook_runs_on_another_cohort():
    notebook = run(NOTEBOOKS[0], {"dataset": "demo_split_face"})
    shown = str([c.get("outputs") for c in notebook.cells])
    assert "demo_split_face" in shown


FOLDERS = ("a\N{NO-BREAK SPACE}b", "a\nb", 'it\'s "so"', r"C:\a\new", "plain")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", ["study.toml", "it's.csv"])
def test_no_notebook_shows_where_the_sheet_lies(monkeypatch, folder, name):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("dataset")])

    def run_one(path, parameters, private):
        _inject(notebook, parameters)
        dataset = parameters["dataset"]
        texts = [dataset, str([dataset]), escape(dataset), escape(repr(dataset)), f"x{dataset}x"]
        out = nbformat.v4.new_output("stream", name="stdout", text="\n".join(texts))
        html = nbformat.v4.new_output("display_data", {"text/html": f"<b>{escape(dataset)}</b>"})
        notebook.cells[-1].outputs = [out, html]
        return notebook

    monkeypatch.setattr("mnstudy.reporting.notebooks.run.run", run_one)
    where = "/home/somebody/secret/" + folder
    text = ran(NOTEBOOKS[0], f"{where}/{name}", "")
    nbformat.validate(shown := nbformat.reads(text, as_version=4))
    assert "secret" not in text
    assert "somebody" not in text
    assert shown.cells[0].source == f"dataset = {name!r}"
    assert shown.cells[-1].outputs[0].text.splitlines()[0] == name


def test_a_run_leaves_no_history_and_nothing_for_others(tmp_path, monkeypatch):
    """IPython would keep every line that ran, with the path of the sheet, and open to all."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    private = tempfile.mkdtemp()
    cell = nbformat.v4.new_code_cell("get_ipython().history_manager.enabled, [dataset]")
    path = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    shown = run(path, {"dataset": "here"}, private).cells[-1].outputs[0]["data"]["text/plain"]
    assert shown == "(False, ['here'])"
    assert not [p for p in (tmp_path / "home").rglob(".ipython/**/*") if p.is_file()]
    assert os.listdir(private) == []
    os.rmdir(private)


def test_a_path_too_long_for_sockets_is_not_used(tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with _sockets(str(long)) as folder:
        assert not Path(folder).is_relative_to(long)
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        assert len(folder) + len("/kernel-10") <= 103
    assert not Path(folder).exists()


# The model that stands in the open in a notebook, and the finding that it has to give.
OWN_MODELS = {
    "00_start_here": {"reduces-scarring": "model.contrast('needled').estimate"},
    "02_does_it_work": {
        "reduces-scarring": "scars.contrast('needled').estimate",
        "reduces-scar-depth": "depth.contrast('needled').estimate",
        "more-collagen": "collagen.contrast('Intercept').estimate",
    },
    "03_for_whom": {
        "scar-type-matters": "apart.estimate",
        "severity-matters": "severity.contrast('baseline_severity').estimate",
        "skin-type-matters": "most.estimate",
    },
    "04_dose": {
        "more-sessions": "sessions.contrast('needled:within').estimate",
        "deeper-needling": "depth.contrast('deep').estimate",
        "spaced-sessions": "spacing.contrast('session_interval_weeks').estimate",
    },
    "05_with_and_instead": {
        "topical-adjunct": "serum.contrast('first').estimate",
        "rf-combination": "radio.contrast('first').estimate",
        "comparable-to-laser": "laser.contrast('first').estimate",
        "comparable-to-peel": "peel.contrast('first').estimate",
        "topical-absorption": "ratio['estimate']",
    },
    "06_safety": {
        "little-pain": "felt.contrast('Intercept').estimate",
        "rare-infection": "100 * limits.loc['infection', 'estimate']",
        "rare-bruising": "100 * limits.loc['bruising', 'estimate']",
        "rare-pih": "100 * limits.loc['pih', 'estimate']",
        "rare-worsening": "100 * limits.loc['worse_or_flare', 'estimate']",
        "home-riskier": "100 * apart.loc['home-riskier', 'estimate']",
        "shallow-safer": "100 * apart.loc['shallow-safer', 'estimate']",
        "gentler-than-laser": "100 * apart.loc['gentler-than-laser', 'estimate']",
        "gentler-than-peel": "100 * apart.loc['gentler-than-peel', 'estimate']",
    },
    "07_time_course": {
        "weeks-to-results": "100 * soon.estimate",
        "results-last": "lasting.contrast('Intercept').estimate",
        "maintenance": "upkeep.contrast('maintained').estimate",
        "short-downtime": "100 * clear.estimate",
    },
    "09_robustness": {"deeper-needling": "fits[0].contrast('deep').estimate"},
}


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """Another clinic, simulated, as a sheet with its study file."""
    folder = tmp_path_factory.mktemp("second")
    mn.simulate(260, design="registry", rng=11).data.to_csv(folder / "second.csv", index=False)
    study = 'title = "A second clinic"\nsynthetic = true\ndesign = "registry"\nrandomised = false\n'
    study += (
        'assessor = "blinded"\nfile = "second.csv"\n[plan]\nfinal_week = 20\nwindow_weeks = 14\n'
    )
    (folder / "study.toml").write_text(study)
    return str(folder / "study.toml")


def run_to_sensitivity(path, dataset):
    """Run the cells of a notebook up to its sensitivity, without a kernel; return its variables."""
    space = {"display": lambda *shown: None}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and "## Sensitivity" in cell.source:
            break
        if cell.cell_type != "code":
            continue
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        exec("\n".join(lines), space)
        if PARAMETERS in cell.metadata.get("tags", []):
            space["dataset"] = dataset
    plt.close("all")
    return space


@pytest.mark.parametrize("name", OWN_MODELS)
@pytest.mark.parametrize("cohort", ["demo_clinic", "second"])
def test_the_model_in_the_open_gives_the_number_of_the_finding(name, cohort, request):
    dataset = request.getfixturevalue("second") if cohort == "second" else cohort
    path = next(p for p in NOTEBOOKS if p.stem == name)
    space = run_to_sensitivity(path, dataset)
    findings = mn.evaluate(mn.load(dataset), list(OWN_MODELS[name]))
    by_hand = {claim: float(eval(said, space)) for claim, said in OWN_MODELS[name].items()}
    assert by_hand == pytest.approx({f.claim.id: f.estimate.value for f in findings}, rel=1e-6)


def test_the_messy_workbook_has_a_model_in_the_open_too():
    path = next(p for p in NOTEBOOKS if p.stem == OWN)
    space = run_to_sensitivity(path, "")
    found = space["findings"]["reduces-scarring"].estimate
    assert space["model"].contrast("needled").estimate == pytest.approx(found.value, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["demo_split_face", "published_patients"])
@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != OWN], ids=lambda p: p.stem)
def test_every_notebook_runs_on_every_cohort(path, dataset):
    notebook = run(path, {"dataset": dataset})
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    assert dataset in str([c.outputs for c in cells])
    assert not any(o.get("name") == "stderr" for c in cells for o in c.outputs)


def test_the_messy_workbook_gives_the_committed_answer_again():
    path = next(p for p in NOTEBOOKS if p.stem == OWN)
    shown = [c.outputs for c in run(path).cells if c.cell_type == "code"]
    assert shown == [c.outputs for c in code_cells(path)]
    assert "supported" in shown[-1][0]["data"]["text/html"]


def test_what_the_data_cannot_answer_is_a_sentence():
    path = next(p for p in NOTEBOOKS if p.stem == "04_dose")
    notebook = run(path, {"dataset": "published_patients"})
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    shown = [o["data"] for o in outputs if "data" in o]
    assert not any("image/png" in data for data in shown)
    texts = [data["text/plain"] for data in shown]
    assert sum("not testable here: " in text for text in texts) == 3
    assert sum("which a cell above could not make" in text for text in texts) == 4
    assert "claims not testable with these data" in shown[-1]["text/html"]
