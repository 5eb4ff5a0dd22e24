"""The notebooks are thin, committed executed, and hold nothing of one machine or one moment."""

import re

import nbformat
import pytest

from mnstudy.reporting.notebooks import run, shipped_notebooks

NOTEBOOKS = shipped_notebooks()


def code_cells(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def test_the_first_notebooks_are_there():
    assert [p.stem for p in NOTEBOOKS][:1] == ["00_start_here"]
    assert {"04_dose", "08_published_evidence"} <= {p.stem for p in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestForm:
    def test_at_most_12_cells_of_8_lines(self, path):
        cells = code_cells(path)
        assert len(cells) <= 12
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


def test_a_notebook_runs_on_another_cohort():
    path = next(p for p in NOTEBOOKS if p.stem == "00_start_here")
    notebook = run(path, {"dataset": "demo_split_face"})
    shown = str([c.get("outputs") for c in notebook.cells])
    assert "demo_split_face" in shown
