"""The notebooks of a report: run on a data set, with outputs that are the same each time."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from mnstudy.errors import DataError
from mnstudy.reporting.run.folder import folder_of_run

TIMEOUT_SECONDS = 300
PARAMETERS = "parameters"  # the cell tag papermill and others use
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

Notebook = nbformat.NotebookNode


def run(
    path: Path, parameters: Mapping[str, Any] | None = None, private: str | None = None
) -> Notebook:
    """Run one notebook from the top.

    Parameters
    ----------
    path : Path
        The notebook; it is not changed.
    parameters : mapping, optional
        Assigned after the cell tagged ``parameters``.
    private : str, optional
        A folder of this user for what leads to the kernel: TCP would be open to the whole
        machine. One for temporary files when left out, or where its path is too long for them.

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
        with _sockets(private) as sockets:
            line = {"transport": "ipc", "ip": f"{sockets}/kernel"} if os.name == "posix" else {}
            client = NotebookClient(
                notebook,
                km=AsyncKernelManager(connection_file=f"{sockets}/kernel.json", **line),
                timeout=TIMEOUT_SECONDS,
                kernel_name="python3",
                extra_arguments=["--HistoryManager.enabled=False"],
                record_timing=False,
                resources={"metadata": {"path": str(path.parent)}},
            )
            # settings of IPython, and how long a cell took, would change what is shown
            own = {**os.environ, "IPYTHONDIR": sockets, "MNSTUDY_PROGRESS": "off"}
            asyncio.run(client.async_execute(cleanup_kc=True, env=own))  # end the kernel too
    except Exception as error:
        raise DataError(f"{path.name}: {_last_line(error)}") from error
    return tidy(notebook)


def ran(path: Path, place: str, private: str) -> str:
    """Return the text of a notebook that ran on the data in a place, which it does not show."""
    if not place:
        return text_of(run(path, private=private))
    return text_of(_named(run(path, {"dataset": place}, private), place, Path(place).name))


def _named(thing: Any, place: str, name: str) -> Any:
    """Put a name for a place into all texts of a notebook, also where it is written as code."""
    if isinstance(thing, dict):
        return type(thing)({k: _named(v, place, name) for k, v in thing.items()})
    if isinstance(thing, list):
        return [_named(v, place, name) for v in thing]
    if isinstance(thing, str):
        for spelt in (repr, lambda text: repr(text)[1:-1], str):
            thing = thing.replace(spelt(place), spelt(name))
            thing = thing.replace(escape(spelt(place)), escape(spelt(name)))
    return thing


@contextmanager
def _sockets(private: str | None) -> Iterator[str]:
    """Give a folder for what leads to a kernel: the path of a socket has 103 bytes at most."""
    if private and len(os.fsencode(private)) < 84:
        with tempfile.TemporaryDirectory(prefix="", dir=private) as folder:
            yield folder
    else:
        with folder_of_run(Path(tempfile.gettempdir()) / "mnstudy", 0o700) as made:
            yield str(made)


def text_of(notebook: Notebook) -> str:
    """Write a notebook with a stable layout."""
    return str(nbformat.writes(notebook, version=4)) + "\n"


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
