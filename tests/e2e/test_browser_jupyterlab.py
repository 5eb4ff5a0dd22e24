"""A researcher opens the first notebook in JupyterLab and runs all cells."""

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
from mnstudy import formatting as fmt
from mnstudy.reporting.run.origin import shipped_notebooks

pytestmark = pytest.mark.e2e

NOTEBOOK = "00_start_here.ipynb"
RUN_MS = 180_000  # the cells take about 15 s on an idle machine
SETTINGS = {"notification": {"fetchNews": "false", "checkForUpdates": False}}
ERROR = ".jp-NotebookPanel [data-mime-type='application/vnd.jupyter.stderr']"  # and warnings
COLOURS = """img => {
  const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight).getContext("2d");
  canvas.drawImage(img, 0, 0);
  const { data } = canvas.getImageData(0, 0, img.naturalWidth, img.naturalHeight);
  return new Set(new Uint32Array(data.buffer)).size;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copies of the notebooks without outputs: whatever shows was computed here."""
    folder = tmp_path_factory.mktemp("notebooks")
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
    settings = home / "jupyter_config_dir/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    for name, values in SETTINGS.items():
        (settings / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
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
def lab(visit, server):
    """JupyterLab after a researcher opened the notebook, ran all cells and saved it."""
    page = visit(server[1])
    page.get_by_role("button", name=NOTEBOOK).dblclick()
    expect(idle(page)).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-NotebookPanel .jp-InputPrompt").get_by_text(f"[{cells()}]:")
    expect(last.or_(page.locator(ERROR)).first).to_be_visible(timeout=RUN_MS)
    expect(idle(page)).to_be_visible()
    with page.expect_response(is_save) as saved:
        page.keyboard.press("Control+s")
    assert saved.value.ok
    return page


def is_save(answer):
    """Tell the notebook's own save from that of the workspace, which is a PUT too."""
    return answer.request.method == "PUT" and f"/api/contents/{NOTEBOOK}" in answer.url


def idle(page):
    """The status bar's word; before the kernel is known, Run All Cells would ask for one."""
    return page.locator("#jp-main-statusbar").get_by_text("Python 3 (ipykernel) | Idle")


def cells():
    notebook = nbformat.read(shipped_notebooks()[0], as_version=4)
    return sum(cell.cell_type == "code" for cell in notebook.cells)


def test_all_cells_ran_without_an_error(lab, folder):
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [out for cell in code for out in cell.outputs]
    assert [out for out in outputs if out.output_type != "execute_result"] == []
    assert [cell.execution_count for cell in code] == list(range(1, cells() + 1))
    expect(lab.locator(ERROR)).to_have_count(0)
    assert lab.complaints == []


def test_the_kernel_is_the_python_of_this_environment(lab, server):
    kernels = psutil.Process(server[0].pid).children(recursive=True)
    commands = [kernel.cmdline() for kernel in kernels]
    assert [c[0] for c in commands if "ipykernel_launcher" in c] == [sys.executable]


def test_the_figures_are_on_the_screen(lab, folder):
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    drawn = [
        out.metadata["image/png"]["alt"] for out in outputs if "image/png" in out.get("data", {})
    ]
    assert drawn
    assert all(len(alt) > 40 for alt in drawn)
    pictures = lab.locator(".jp-NotebookPanel .jp-OutputArea-output img")
    expect(pictures).to_have_count(len(drawn))
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_be_in_viewport(ratio=0.5)
        assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 400
        assert picture.evaluate(COLOURS) > 20


def test_the_finding_stands_in_words(lab):
    finding = mn.evaluate(mn.load("demo_clinic"), ["reduces-scarring"])[0]
    numbers = f"{fmt.interval(finding.estimate)} {finding.estimate.unit}"
    asked = f"{finding.claim.title} {finding.claim.estimand} {finding.week:g}"
    row = lab.get_by_role("row", name=f"{asked} {numbers}")
    row.scroll_into_view_if_needed()
    expect(row).to_be_in_viewport()
    expect(row).to_contain_text(finding.verdict)
    expect(row).to_contain_text(finding.reason)
