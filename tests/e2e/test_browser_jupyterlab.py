"""A researcher opens notebooks in JupyterLab, runs and changes them, and brings a bad sheet."""

import json
import os
import secrets
import subprocess
import sys
import threading

import nbformat
import psutil
import pytest
from playwright.sync_api import expect

import mnstudy as mn
from mnstudy.reporting.run.origin import shipped_notebooks

pytestmark = pytest.mark.e2e

RUN = ["00_start_here", "04_dose", "11_your_own_data"]
RUN_MS = 240_000  # the cells take about 15 s on an idle machine
# no question about news; every cell is there to be looked at, also those off the screen
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
BAD = """patient_id,scar_type,needle_depth_mm,session_count,improvement_score
P1,burn,1.5,1,20
P2,burm,1500,2,30
P3,surgical,1.0,1,400
"""
ERROR = (
    ".jp-NotebookPanel :is([data-mime-type='application/vnd.jupyter.stderr'],"
    " [data-mime-type='application/vnd.jupyter.error'])"
)
COLOURS = """img => {
  const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight).getContext("2d");
  canvas.drawImage(img, 0, 0);
  const { data } = canvas.getImageData(0, 0, img.naturalWidth, img.naturalHeight);
  return new Set(new Uint32Array(data.buffer)).size;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Notebooks without outputs: whatever shows was computed here; and a bad sheet."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "bad.csv").write_text(BAD)
    for path in shipped_notebooks():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, folder / path.name)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Nothing of this user's Jupyter is read or written."""
    home = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(home / name.lower()) for name in names}
    settings = home / "jupyter_config_dir/lab/user-settings/@jupyterlab"
    for name, values in SETTINGS.items():
        place = settings / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(values))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTEST"))}
    return {**kept, **own, "JUPYTER_PREFER_ENV_PATH": "1"}


@pytest.fixture(scope="module")
def server(folder, environment, free_port):
    """Start JupyterLab; returns its process and its address with the token."""
    token = secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={free_port}"),
        "--ServerApp.port_retries=0",
        f"--notebook-dir={folder}",
    ]
    process = subprocess.Popen(
        command,
        env={**environment, "JUPYTER_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = []
    for line in process.stdout:
        log.append(line)
        if f"http://127.0.0.1:{free_port}/lab" in line:
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(log), pytrace=False)
    reader = threading.Thread(target=log.extend, args=[process.stdout])
    reader.start()
    yield process, f"http://127.0.0.1:{free_port}/lab?token={token}"
    process.terminate()
    process.wait(timeout=30)
    reader.join()
    process.stdout.close()


@pytest.fixture(scope="module")
def opened(visit, server):
    """Open a notebook, run all its cells and save it; each once."""
    pages = {}

    def open_and_run(name):
        if name not in pages:
            place = f"/lab/workspaces/{name}/tree/{name}.ipynb?"  # of its own: no other is open
            page = pages[name] = visit(server[1].replace("/lab?", place))
            expect(idle(page)).to_be_visible()
            run_all(page)
            with page.expect_response(lambda answer: is_save(answer, name)) as saved:
                page.keyboard.press("Control+s")
            assert saved.value.ok
        return pages[name]

    return open_and_run


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_for_the_end(page)


def wait_for_the_end(page):
    waiting = page.locator(".jp-NotebookPanel .jp-InputPrompt").get_by_text("[*]:", exact=True)
    expect(waiting).to_have_count(0, timeout=RUN_MS)
    expect(idle(page)).to_be_visible()


def is_save(answer, name):
    """Tell the notebook's own save from that of the workspace, which is a PUT too."""
    return answer.request.method == "PUT" and f"/api/contents/{name}.ipynb" in answer.url


def idle(page):
    """The status bar's word; before the kernel is known, Run All Cells would ask for one."""
    return page.locator("#jp-main-statusbar").get_by_text("Python 3 (ipykernel) | Idle")


def saved_outputs(folder, name):
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return code, [out for cell in code for out in cell.outputs]


def cell_with(page, words):
    """Return the code cell that holds these words."""
    return (
        page.locator(".jp-CodeCell")
        .filter(has=page.locator(".jp-InputArea-editor", has_text=words))
        .first
    )


def change(page, words, old, new):
    """Replace words in the cell that holds others, as a reader types, and run it."""
    cell = cell_with(page, words)
    editor = cell.locator(".cm-content")
    text = editor.evaluate("e => e.cmView.view.state.doc.toString()")
    assert old in text
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text.replace(old, new))
    page.keyboard.press("Control+Enter")
    wait_for_the_end(page)
    return cell_with(page, words)


@pytest.mark.parametrize("name", RUN)
def test_all_cells_ran_without_an_error(opened, folder, name):
    lab = opened(name)
    code, outputs = saved_outputs(folder, name)
    kinds = {out.output_type for out in outputs} | {out.get("name") for out in outputs}
    assert kinds <= {"execute_result", "display_data", "stream", "stdout", None}
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    expect(lab.locator(ERROR)).to_have_count(0)
    assert lab.complaints == []


def test_the_kernel_is_the_python_of_this_environment(opened, server):
    opened(RUN[0])
    kernels = psutil.Process(server[0].pid).children(recursive=True)
    commands = [kernel.cmdline() for kernel in kernels]
    assert {c[0] for c in commands if "ipykernel_launcher" in c} == {sys.executable}


@pytest.mark.parametrize("name", RUN)
def test_the_figures_are_on_the_screen(opened, folder, name):
    lab = opened(name)
    drawn = [out for out in saved_outputs(folder, name)[1] if "image/png" in out.get("data", {})]
    assert drawn
    pictures = lab.locator(".jp-NotebookPanel .jp-OutputArea-output img")
    expect(pictures).to_have_count(len(drawn))
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_be_in_viewport(ratio=0.5)
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 400
        assert picture.evaluate(COLOURS) > 20


@pytest.mark.parametrize("name", RUN)
def test_no_output_is_wider_than_its_place(opened, name):
    lab = opened(name)
    for out in lab.locator(".jp-NotebookPanel .jp-OutputArea-output").all():
        assert out.evaluate("e => e.scrollWidth - e.clientWidth") <= 1, out.inner_text()[:200]


def test_the_finding_stands_in_words(opened):
    finding = mn.evaluate(mn.load("demo_clinic"), ["reduces-scarring"])[0]
    row = opened(RUN[0]).get_by_role("row", name=f"{finding.claim.title} {finding.estimate}")
    row.scroll_into_view_if_needed()
    expect(row).to_be_in_viewport()
    expect(row).to_contain_text(finding.verdict)
    expect(row).to_contain_text(finding.reason)


def test_a_covariate_more_moves_the_estimate_in_the_cell(opened):
    lab = opened("04_dose")
    before = cell_with(lab, "depth = mn.stats").locator("td").first.inner_text()
    cell = change(lab, "depth = mn.stats", "[*finding.estimate.adjusted_for]", '["sex"]')
    row = cell.get_by_role("row", name="deep")
    clinic = mn.load("demo_clinic")
    sites = clinic.sites().query("treatment == 'needling' and needle_depth_mm >= 0")
    sites = sites.eval("deep = needle_depth_mm > 0.3")
    how = {"groups": "patient_id", "average": ["deep"]}
    model = mn.stats.linear_model("improvement_score ~ deep + sex", sites, **how)
    expect(row).to_contain_text(f"{model.contrast('deep').estimate:.2f}")
    assert cell.locator("td").first.inner_text() != before


def test_a_bad_sheet_shows_what_to_mend_and_the_rest_runs(opened):
    lab = opened("04_dose")
    change(lab, "dataset =", '"demo_clinic"', '"bad.csv"')
    run_all(lab)
    problems = cell_with(lab, "mn.load(dataset)").locator(".jp-OutputArea-output")
    for said in ("burm", "1500", "400", "needle_depth_mm", "scar_type"):
        expect(problems).to_contain_text(said)
    expect(cell_with(lab, "visits.groupby(")).to_contain_text("Left out: it needs findings")
    expect(lab.locator(ERROR)).to_have_count(0)
    change(lab, "dataset =", '"bad.csv"', '"demo_clinic"')
