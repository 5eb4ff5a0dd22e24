"""Cells of a notebook that the data cannot answer: a sentence, and the rest runs."""

import time

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import mnstudy as mn
from mnstudy.reporting.notebooks import cells
from mnstudy.reporting.notebooks.cells import Cells, assigned, table_html

GIVEN = pd.DataFrame(
    {
        "patient_id": ["P1", "P2", "P3"],
        "scar_type": ["burn", "burm", "surgical"],
        "needle_depth_mm": [1.5, 1500, 1.0],
        "session_count": [1, 2, 1],
        "improvement_score": [20.0, 30.0, 400.0],
    }
)


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell of IPython as a notebook has it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MNSTUDY_PROGRESS", "off")
    monkeypatch.setattr(InteractiveShell, "_instance", None)
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_cell("%load_ext mnstudy")
    shell.run_cell("import mnstudy as mn\nimport pandas as pd")
    yield shell
    InteractiveShell.clear_instance()


def run(shell, source):
    """Run a cell; return whether the run goes on, and what is shown."""
    with capture_output() as shown:
        result = shell.run_cell(source)
    texts = [shown.stdout, *(out.data.get("text/plain", "") for out in shown.outputs)]
    return result.success, "\n".join(texts)


def test_a_bad_sheet_shows_what_to_mend_and_the_rest_says_what_it_lacks(shell, tmp_path):
    sheet = tmp_path / "bad.csv"
    GIVEN.to_csv(sheet, index=False)
    goes_on, shown = run(shell, f"cohort = mn.load({str(sheet)!r})\ncohort")
    assert goes_on
    for said in ('"burm"', '"1500"', '"400"', "Traceback"):
        assert (said in shown) == (said != "Traceback"), said
    goes_on, shown = run(shell, "findings = mn.evaluate(cohort)\nfindings")
    assert goes_on
    assert "Left out: it needs cohort" in shown
    goes_on, shown = run(shell, "findings.to_frame()")
    assert "Left out: it needs findings" in shown
    assert run(shell, "1 + 1")[0]


def test_a_bad_sheet_is_a_table_in_jupyter(shell, tmp_path):
    GIVEN.to_csv(tmp_path / "bad.csv", index=False)
    with capture_output() as shown:
        shell.run_cell(f"cohort = mn.load({str(tmp_path / 'bad.csv')!r})")
    (html,) = [out.data["text/html"] for out in shown.outputs]
    assert html.count("<tr") >= 4
    assert "needle_depth_mm" in html


def test_a_sheet_that_moved_is_a_sentence(shell):
    goes_on, shown = run(shell, "cohort = mn.load('moved/away.csv')")
    assert goes_on
    assert "a file that exists or a shipped data set" in shown


def test_an_older_value_is_not_worked_with_after_a_cell_without_an_answer(shell):
    assert run(shell, "cohort = mn.load('demo_split_face')")[0]
    assert run(shell, "n = len(cohort.data)\nn")[1].strip().endswith("394")
    assert run(shell, "cohort = mn.load('gone.csv')")[0]
    assert "cohort" not in shell.user_ns
    assert "Left out: it needs cohort" in run(shell, "n = len(cohort.data)\nn")[1]
    assert "n" not in shell.user_ns
    assert run(shell, "cohort = mn.load('demo_split_face')")[0]
    assert run(shell, "n = len(cohort.data)\nn")[1].strip().endswith("394")


def test_a_claim_that_is_not_testable_says_why(shell):
    run(shell, "findings = mn.evaluate(mn.load('demo_split_face'), 'deeper-needling')")
    goes_on, shown = run(shell, "finding = findings[0].tested()\ndepth = 1")
    assert goes_on
    assert "no patient needled up to 0.3 mm" in shown
    assert "it needs depth" in run(shell, "depth")[1]


@pytest.mark.parametrize(
    "source",
    [
        "cohort.data['clinic_id']",
        "cohort.data.query('clinic_id == 1')",
        "cohort.data[['patient_id', 'clinic_id']]",
        "mn.stats.linear_model('improvement_score ~ C(clinic_id)', cohort.data, 'patient_id')",
        "cohort.data.groupby('clinic_id').size()",
    ],
)
def test_a_column_that_the_data_lack_is_a_sentence(shell, source):
    run(shell, "cohort = mn.load('demo_split_face')")
    goes_on, shown = run(shell, f"x = {source}")
    assert goes_on
    assert "the data have no column clinic_id" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "source",
    [
        "cohort.sites()[['sex']]['clinic']",  # no column of the contract
        "cohort.sites()[['sex']]['scar_type']",  # there, but not in this table
        "cohrt",
        "1 / 0",
        "mn.evaluate(cohort, 'more-session')",
        "import nothing_of_that_name",
        "raise ValueError('of her own')",
    ],
)
def test_any_other_mistake_is_shown_as_always_and_ends_the_run(shell, source):
    run(shell, "cohort = mn.load('demo_split_face')")
    goes_on, shown = run(shell, source)
    assert not goes_on
    assert "Error" in shown


def test_an_extra_that_is_not_installed_is_a_sentence(shell, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    goes_on, shown = run(shell, "from openpyxl import load_workbook")
    assert goes_on
    assert "pip install 'mnstudy[io]'" in shown


def test_names_that_a_cell_makes():
    made = assigned("%time x = 1\nfor i in range(3): y = i\nfrom a.b import c as d\nz += 1")
    assert made == {"i", "y", "d", "z"}
    assert assigned("not python at all (") == set()


def test_tables_keep_words_whole_and_to_the_left_and_numbers_to_the_right():
    words = "a sentence that is much longer than fifty letters, which pandas would cut"
    html = table_html(pd.DataFrame({"says": [words, "<b>"], "n": [1.5, None]}))
    assert words in html
    assert "&lt;b&gt;" in html
    assert html.count("text-align: left") >= 2
    assert "<td>1.5</td>" in html
    assert "<td>NaN</td>" in html
    assert "200 rows" in table_html(pd.DataFrame({"n": range(200)}))


def test_long_cells_say_that_they_still_work_and_nothing_is_left(shell, monkeypatch):
    monkeypatch.setattr(cells, "QUIET_SECONDS", 0.01)
    shown = []

    class Handle:
        def update(self, said):
            shown.append(str(said))

    def display(said, display_id):
        shown.append(str(said))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    own = Cells(shell, live=True)
    own.begin(None)
    deadline = time.monotonic() + 5
    while not shown and time.monotonic() < deadline:
        pass
    own.end(None)
    assert shown[0] == "still working"
    assert shown[-1] == ""


def test_what_is_loaded_is_named_by_the_package():
    assert callable(mn.load_ipython_extension)
