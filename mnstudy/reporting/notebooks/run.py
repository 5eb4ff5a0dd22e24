"""The notebooks of a report: run on a data set, with outputs that are the same each time.

Their kernels start at once: they are forked from a process that has imported the libraries.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient

from mnstudy.cache import cached, cached_result
from mnstudy.cohort.table import Cohort
from mnstudy.errors import DataError
from mnstudy.reporting.run.origin import register_sha256, shipped_sha256
from mnstudy.reporting.run.processes import Done, Progress, Server, prepared_server
from mnstudy.reporting.run.unchanged import shipped_notebooks
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import registry, with_own
from mnstudy.verdicts.finding.cache_keys import claim_basis, cohort_basis

TIMEOUT_SECONDS = 300
PER_JOB = 2  # notebooks: half of its time a kernel waits to be spoken to
PARAMETERS = "parameters"  # the cell tag papermill and others use
FOLDER = "notebooks"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_LISTED = re.compile(r"^claims \+?= (\[[^\]]*\])$", re.MULTILINE)
_ID = re.compile(r"[\"']([a-z0-9-]+)[\"']")

Notebook = nbformat.NotebookNode


def wanted(cohort: Cohort | None, claims: Sequence[str]) -> list[Path]:
    """Return the notebooks to run: all, or those that list one of these claims.

    A table in memory has no place that a notebook could load it from: then there is none.
    """
    if cohort is not None and not cohort.provenance.location:
        return []
    paths = shipped_notebooks()
    if not claims:
        return paths
    return [p for p in paths if set(listed(nbformat.read(p, as_version=4)) or ()) & set(claims)]


def listed(notebook: Notebook) -> tuple[str, ...] | None:
    """Return the claims that a notebook lists as those it asks; None where it may ask any.

    It lists them where a cell says ``claims = [...]``, further ones ``claims += [...]``.
    """
    source = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    found = [claim for group in _LISTED.findall(source) for claim in _ID.findall(group)]
    return tuple(found) if found and set(found) <= set(registry()) else None


@contextmanager
def written_beside(
    paths: Sequence[Path],
    folder: Path,
    cohort: Cohort | None,
    *,
    n_jobs: int | None,
    progress: Progress,
) -> Iterator[list[str]]:
    """Run notebooks on the data while the caller goes on, and write them at the end.

    They load the data by name or place, which the copies do not show. Yields their addresses in
    the report.
    """
    place = "" if cohort is None else cohort.provenance.location
    given = {"dataset": place} if place else {}
    based = partial(rests_on, cohort=cohort)
    with running(paths, given, rests_on=based, n_jobs=n_jobs) as results:
        yield [f"{FOLDER}/{path.name}" for path in paths]
        ran = results(partial(progress, "notebooks"))
    (folder / FOLDER).mkdir()
    for path, notebook in zip(paths, ran, strict=True):
        if place:
            rename_dataset(notebook, place, Path(place).name)
        write(notebook, folder / FOLDER / path.name)


def rests_on(path: Path, cohort: Cohort | None) -> tuple[object, ...]:
    """Return what the outputs of a notebook depend on, but code, versions and parameters."""
    notebook = nbformat.read(path, as_version=4)
    sources = [c.source for c in notebook.cells]
    common: tuple[Any, ...] = (sources, shipped_sha256())
    asked = listed(notebook)
    if cohort is None:
        return (*common, register_sha256() if asked is None else [registry()[c] for c in asked])
    known = with_own(own_claims(cohort.study))
    claims = known.values() if asked is None else [known[c] for c in asked]
    return (*common, *cohort_basis(cohort), [claim_basis(cohort, c) for c in claims])


@contextmanager
def running(
    paths: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    rests_on: Callable[[Path], Sequence[object]] | None = None,
    n_jobs: int | None = None,
) -> Iterator[Callable[[Done], list[Notebook]]]:
    """Run notebooks side by side while the caller does something else.

    Parameters
    ----------
    paths : sequence of Path
    parameters : mapping, optional
        See ``run``.
    rests_on : callable, optional
        Gives what the outputs of a notebook depend on besides its parameters: one whose inputs
        are as before is not run again where results are kept, see ``mnstudy.cache``.
    n_jobs : int, optional
        Processors to keep busy, those of the machine when left out.

    Yields
    ------
    callable
        Waits for them, tells how many are done, and returns them in the order of ``paths``.
    """
    inputs = {p: (p.name, *rests_on(p), dict(parameters or {})) for p in paths} if rests_on else {}
    found = {p: x for p in inputs for x in cached_result("notebook", inputs[p])}
    missing = [p for p in paths if p not in found]

    def fresh(path: Path, forked: Server | None) -> Notebook:
        if path not in inputs:
            return run(path, parameters, server=forked)
        return cached("notebook", inputs[path], lambda: run(path, parameters, server=forked))

    with prepared_server() if missing else nullcontext() as forked:
        pool = ThreadPoolExecutor(PER_JOB * (n_jobs or os.cpu_count() or 1))
        # The last ones look at everything and take longest: begun first, none is waited for.
        futures = {pool.submit(fresh, path, forked): path for path in reversed(missing)}

        def results(tell: Done) -> list[Notebook]:
            tell(len(found), len(paths))
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                tell(len(found), len(paths))
            return [found[path] for path in paths]

        try:
            yield results
        finally:
            pool.shutdown(cancel_futures=True)


def run_all(
    paths: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    n_jobs: int | None = None,
    progress: Done | None = None,
) -> list[Notebook]:
    """Run notebooks side by side; the results come in the order of ``paths``.

    Parameters are those of ``running``; ``progress`` is called with how many are done and how many
    there are.
    """
    with running(paths, parameters, n_jobs=n_jobs) as results:
        return results(progress or (lambda done, total: None))


def run(
    path: Path, parameters: Mapping[str, Any] | None = None, *, server: Server | None = None
) -> Notebook:
    """Run one notebook from the top.

    Parameters
    ----------
    path : Path
        The notebook; it is not changed.
    parameters : mapping, optional
        Assigned after the cell tagged ``parameters``.
    server : Server, optional
        What the kernel is forked from; a new Python when left out.

    Returns
    -------
    NotebookNode
        With outputs; no time stamps, no paths, no memory addresses.

    Raises
    ------
    DataError
        A cell failed; the message names the notebook, the cell and the error.
    """
    notebook = nbformat.read(path, as_version=4)
    _inject(notebook, parameters or {})
    try:
        with tempfile.TemporaryDirectory() as sockets:
            client = NotebookClient(
                notebook,
                km=_manager(server, sockets),
                timeout=TIMEOUT_SECONDS,
                kernel_name="python3",
                record_timing=False,
                resources={"metadata": {"path": str(path.parent)}},
            )
            asyncio.run(client.async_execute(cleanup_kc=True))  # end the kernel too
    except Exception as error:
        raise DataError(f"{path.name}: {_last_line(error)}") from error
    return tidy(notebook)


def write(notebook: Notebook, path: Path) -> None:
    """Write a notebook with a stable layout."""
    path.write_text(nbformat.writes(notebook, version=4) + "\n", encoding="utf-8", newline="\n")


def to_html(notebook: Notebook) -> str:
    """Render the body of a notebook as HTML, without a page around it."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic")
    exporter.exclude_input_prompt = True
    exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def tidy(notebook: Notebook) -> Notebook:
    """Remove what differs between two runs of the same notebook."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        cell.metadata = nbformat.from_dict(
            {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        )
        cell.outputs = [_tidy_output(out, number) for out in _merge_streams(cell.outputs)]
    return notebook


def rename_dataset(notebook: Notebook, place: str, name: str) -> None:
    """Show the name of a data set instead of the place it lies in on this machine."""
    for cell in notebook.cells:
        cell.source = cell.source.replace(place, name)


def _merge_streams(outputs: list[Notebook]) -> list[Notebook]:
    """Join pieces of one stream: where they are cut depends on timing."""
    merged: list[Notebook] = []
    for out in outputs:
        last = merged[-1] if merged else None
        if last and last.get("name") and last.get("name") == out.get("name"):
            last.text += out.text
        else:
            merged.append(out)
    return merged


def _tidy_output(out: Notebook, number: int) -> Notebook:
    if out.output_type == "execute_result":
        out.execution_count = number
    for kind, value in out.get("data", {}).items():
        if isinstance(value, str) and kind.startswith("text/"):
            out.data[kind] = _ADDRESS.sub("", value)
    return out


def _inject(notebook: Notebook, parameters: Mapping[str, Any]) -> None:
    if not parameters:
        return
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    cell = nbformat.v4.new_code_cell("\n".join(lines), id="injected-parameters")
    cell.metadata["tags"] = ["injected-parameters"]
    tagged = [i for i, c in enumerate(notebook.cells) if PARAMETERS in c.metadata.get("tags", [])]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, cell)


def _last_line(error: Exception) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return plain.splitlines()[-1] if plain else type(error).__name__


def _manager(server: Server | None, folder: str) -> AsyncKernelManager:
    """Return the manager of a kernel, which is forked where there is a server to do it.

    The way to it are files of this user: TCP would be open to the whole machine.
    """
    private = {"connection_file": f"{folder}/kernel.json"}
    if os.name == "posix":
        private |= {"transport": "ipc", "ip": f"{folder}/kernel"}
    manager = AsyncKernelManager(kernel_name="python3", **private)
    if server is not None:
        manager.provisioner = provisioner = _ForkProvisioner(
            kernel_id=manager.kernel_id or "", kernel_spec=manager.kernel_spec, parent=manager
        )
        provisioner.server = server
    return manager


class _ForkProvisioner(LocalProvisioner):
    """Start a local kernel by forking."""

    server: Server

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork instead of starting a new Python; ``cmd`` is not run."""
        assert self.parent is not None
        order = {
            "connection_file": self.parent.connection_file,
            "env": dict(kwargs.get("env") or os.environ),
            "cwd": kwargs.get("cwd") or os.getcwd(),
        }
        pid = self.server.ask(do="kernel", **order)
        self.process = _ForkedKernel(self.server, pid)  # type: ignore[assignment]
        self.pid = self.pgid = pid  # a session of its own, see ``prepared``
        return self.connection_info


class _ForkedKernel:
    """What the rest of Jupyter takes for a ``Popen``: a kernel forked by the server."""

    stdin = stdout = stderr = None

    def __init__(self, server: Server, pid: int) -> None:
        self._server, self.pid = server, pid

    def poll(self) -> int | None:
        code: int | None = self._server.ask(do="poll", pid=self.pid)
        return code

    def wait(self) -> int | None:
        return self.poll()

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)
