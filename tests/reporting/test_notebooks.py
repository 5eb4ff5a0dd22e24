"""The notebooks are thin, committed executed, and hold nothing of one machine or one moment."""

import re
from html import escape

import nbformat
import pytest
from made_findings import estimate, finding

from mnstudy.reporting.notebooks.run import PARAMETERS, run
from mnstudy.reporting.notebooks.show import results_table
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
    shown = [o["data"] for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not any("image/png" in data for data in shown)
    assert sum("not testable: " in data["text/plain"] for data in shown) == 3
    assert any("No claim asked here can be tested" in data["text/plain"] for data in shown)


def test_a_table_of_results_says_what_is_estimated_and_in_which_week():
    asked = [
        finding("reduces-scarring", estimate(22, 14, 30), "supported", week=24.0),
        finding("rare-pih", estimate(1.5, 0.4, 4.1, unit="percent"), "inconclusive"),
    ]
    table = results_table(asked)
    assert table["estimated"].tolist() == [f.claim.estimand for f in asked]
    assert table["week"].tolist() == ["24", ""]
