"""The shipped data: where they lie, what each file is, and whether it is still the same."""

from __future__ import annotations

import csv
import hashlib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.errors import DataError
from mnstudy.fingerprints import write_whole

MANIFEST = "manifest.toml"
EXAMPLE = "messy_clinic"
_AGAIN = "if the change is meant, run: python tools/make_manifest.py"


def data_dir() -> Path:
    """Return the folder of the shipped data.

    It is ``$MNSTUDY_DATA`` where that is set, else the copy inside an installed package, else
    ``data/`` of the checkout.

    Raises
    ------
    DataError
        None of them holds a manifest.
    """
    package = Path(__file__).resolve().parents[2]
    own = os.environ.get("MNSTUDY_DATA")
    places = [Path(own)] if own else [package / "_data", package.parent / "data"]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    looked = "MNSTUDY_DATA" if own else "the package and the checkout"
    raise DataError(f"the shipped data were not found (looked in {looked}): install mnstudy again")


def data_files(folder: Path) -> Iterator[Path]:
    """List the files of the data sets: all in the folders below, sorted, hidden ones left out."""
    for path in sorted(folder.glob("*/**/*")):
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def read_manifest(data_dir: Path) -> dict[str, Any]:
    """Read ``manifest.toml`` of a data folder.

    Parameters
    ----------
    data_dir : Path
        The folder that holds the data sets.

    Returns
    -------
    dict
        ``dataset``: name to title, synthetic, kind, main, source, licence; ``file``: a list of
        path, sha256 and (tables) rows.

    Raises
    ------
    DataError
        There is no manifest, or it is no TOML.
    """
    path = data_dir / MANIFEST
    if not path.is_file():
        remedy = "run: python tools/make_manifest.py"
        fail(MANIFEST, Problem(column=MANIFEST, rule="a file of the data folder", remedy=remedy))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        fail(
            MANIFEST,
            Problem(column=MANIFEST, value=str(error), rule="a TOML file", remedy="mend it"),
        )


def example_sheet(folder: str | os.PathLike[str] = ".") -> Path:
    """Copy the messy example, a synthetic workbook as a busy clinic keeps it, into a folder.

    It is there to practise on: ``propose`` it, answer what is asked, ``load`` it.

    Parameters
    ----------
    folder : path
        A folder that exists; the present one when left out.

    Returns
    -------
    Path
        The copy; where it lies there already, that one.

    Raises
    ------
    FileExistsError
        Another file of that name lies there; it is left alone.

    Examples
    --------
    >>> import tempfile
    >>> import mnstudy as mn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sheet = mn.example_sheet(folder)
    ...     found = mn.propose(sheet)
    >>> sheet.name, found.n_rows
    ('Narben 2025.synthetic.xlsx', 57)
    """
    place = data_dir()
    about = read_manifest(place)["dataset"][EXAMPLE]
    content = (place / EXAMPLE / about["main"]).read_bytes()
    target = Path(folder) / about["main"]
    if not target.exists():
        write_whole(target, content)
    elif target.read_bytes() != content:
        raise FileExistsError(f"{target.name} exists already and is another file: it is left alone")
    return target


def check_manifest(data_dir: Path) -> list[Problem]:
    """Hold the data files against the manifest.

    Parameters
    ----------
    data_dir : Path
        The folder that holds the data sets and ``manifest.toml``.

    Returns
    -------
    list of Problem
        A problem for every file that is missing, changed or not listed; empty when all checksums
        hold.
    """
    listed = {entry["path"]: entry for entry in read_manifest(data_dir).get("file", [])}
    present = {path.relative_to(data_dir).as_posix(): path for path in data_files(data_dir)}
    problems = []
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            rule, remedy = "a file of the data folder", "restore it"
            problems.append(Problem(column=name, rule=rule, remedy=remedy))
        elif name not in listed:
            problems.append(Problem(column=name, rule="listed in manifest.toml", remedy=_AGAIN))
        else:
            problems += _changed(name, listed[name], file_facts(present[name]))
    return problems


def _changed(name: str, listed: dict[str, Any], found: dict[str, Any]) -> list[Problem]:
    if listed["sha256"] == found["sha256"]:
        return []
    rows = ""
    if listed.get("rows") != found.get("rows"):
        rows = f"; {listed.get('rows')} rows then, {found.get('rows')} now"
    rule = f"sha256 {listed['sha256'][:12]}…{rows}"
    value, remedy = f"{found['sha256'][:12]}…", f"restore it; {_AGAIN}"
    return [Problem(column=name, value=value, rule=rule, remedy=remedy)]


def file_facts(path: Path) -> dict[str, Any]:
    """Return the sha256 of a file and, for .csv, the rows below its header."""
    content = path.read_bytes()
    facts: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest()}
    if path.suffix == ".csv":
        lines = content.decode("utf-8-sig").splitlines(keepends=True)
        facts["rows"] = sum(1 for row in csv.reader(lines) if row) - 1
    return facts
