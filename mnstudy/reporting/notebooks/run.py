"""Run the notebooks on a data set: parameters in, deterministic outputs out."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from mnstudy.cache import kept, remembered
from mnstudy.errors import DataError
from mnstudy.reporting.notebooks.warm_kernels import warm_manager
from mnstudy.reporting.run.prepared_server import Server, prepared_server

TIMEOUT_SECONDS = 300
PER_JOB = 2  # notebooks: half of its time a kernel waits to be spoken to
PARAMETERS = "parameters"  # the cell tag papermill and others use
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

Notebook = nbformat.NotebookNode
Progress = Callable[[int, int], None]


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


def _manager(server: Server | None, folder: str) -> AsyncKernelManager:
    """Let runner and kernel talk through files of this user: TCP is open to the whole machine."""
    private = {"connection_file": f"{folder}/kernel.json"}
    if os.name == "posix":
        private |= {"transport": "ipc", "ip": f"{folder}/kernel"}
    if server is None:
        return AsyncKernelManager(kernel_name="python3", **private)
    return warm_manager(server, **private)


def run_all(
    paths: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Notebook]:
    """Run notebooks side by side; the results come in the order of ``paths``.

    Parameters are those of ``running``; ``progress`` is called with how many are done and how many
    there are.
    """
    with running(paths, parameters, n_jobs=n_jobs) as results:
        return results(progress or (lambda done, total: None))


@contextmanager
def running(
    paths: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    rests_on: Callable[[Path], Sequence[object]] | None = None,
    n_jobs: int | None = None,
) -> Iterator[Callable[[Progress], list[Notebook]]]:
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
    found = {p: x for p in inputs for x in remembered("notebook", inputs[p])}
    missing = [p for p in paths if p not in found]

    def fresh(path: Path, forked: Server | None) -> Notebook:
        if path not in inputs:
            return run(path, parameters, server=forked)
        return kept("notebook", inputs[path], lambda: run(path, parameters, server=forked))

    with prepared_server() if missing else nullcontext() as forked:
        pool = ThreadPoolExecutor(PER_JOB * (n_jobs or os.cpu_count() or 1))
        # The last ones look at everything and take longest: begun first, none is waited for.
        futures = {pool.submit(fresh, path, forked): path for path in reversed(missing)}

        def results(tell: Progress) -> list[Notebook]:
            tell(len(found), len(paths))
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                tell(len(found), len(paths))
            return [found[path] for path in paths]

        try:
            yield results
        finally:
            pool.shutdown(cancel_futures=True)


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


def rename_dataset(notebook: Notebook, place: str, name: str) -> None:
    """Show the name of a data set instead of the place it lies in on this machine."""
    for cell in notebook.cells:
        cell.source = cell.source.replace(place, name)


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
