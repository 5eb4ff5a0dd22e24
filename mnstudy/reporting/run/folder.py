"""The folder of a report, whole or not there: written aside, then exchanged in one step."""

from __future__ import annotations

import csv
import ctypes
import glob
import hashlib
import io
import json
import os
import platform
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnstudy.fingerprints import sha256_of

# linux/fcntl.h and linux/fs.h; sys/stdio.h of macOS
AT_FDCWD, RENAME_EXCHANGE, RENAME_SWAP = -100, 2, 2

MANIFEST = "manifest.json"
MADE_BY = "mnstudy report"


def check_target(out: Path) -> Path:
    """Return the folder to write, where a link names it; refuse one that holds no report.

    Raises
    ------
    ValueError
        There is a file of that name, or a folder that holds something else than a report.
    """
    target = out.expanduser().absolute()
    if target.is_symlink():
        target = Path(os.path.realpath(target))
    previous = _previous(target)
    if previous.is_dir() and not target.exists():
        previous.rename(target)  # a run was killed between the two moves of whole_folder
    if os.path.lexists(target) and not target.is_dir():
        raise ValueError(f"{out} is a file: name a folder for the report")
    if target.is_dir() and any(target.iterdir()) and _own_files(target) is None:
        there = os.path.lexists(target / MANIFEST)
        why = f"its {MANIFEST} cannot be read as that of a report" if there else f"no {MANIFEST}"
        raise ValueError(
            f"{out} holds files, but no report ({why}): nothing was overwritten; name another "
            "folder, or empty this one"
        )
    return target


@contextmanager
def whole_folder(target: Path, *, private: bool = False) -> Iterator[Path]:
    """Give an empty folder beside ``target`` and put it in its place when all went well.

    After an error, or when interrupted, the new folder is removed and the old one is as it was.
    Killed at any moment it leaves the old folder whole; what it had begun is removed by the next
    run. Files in the old folder that no report wrote are carried over, links as links, and its
    folders keep who may open them; where there is none yet, ``private`` opens it to nobody else.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_of_run(target) as fresh:
        usual = stat.S_IMODE(fresh.stat().st_mode)
        fresh.chmod(0o700)
        yield fresh
        if target.exists():
            _carry_over(target, fresh)
        elif not private:
            fresh.chmod(usual)
        _swap(fresh, target)


@contextmanager
def folder_of_run(beside: Path, mode: int = 0o777) -> Iterator[Path]:
    """Give an empty folder beside another; when its run is over, or killed, it is removed."""
    remove_abandoned(beside)
    fresh = beside.with_name(f".{beside.name}.{_here()}.{os.getpid()}.{secrets.token_hex(4)}.new")
    fresh.mkdir(mode)
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _carry_over(old: Path, fresh: Path) -> None:
    """Copy what no report wrote, and the modes of all folders: of the inner ones first."""
    own = _own_files(old) or set()
    for path in sorted(old.rglob("*")):
        new = fresh / path.relative_to(old)
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                new.mkdir(parents=True, exist_ok=True)
        elif new.relative_to(fresh).as_posix() not in own and not os.path.lexists(new):
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new, follow_symlinks=False)
    for path in sorted([old, *old.rglob("*/")], reverse=True):
        new = fresh / path.relative_to(old)
        if new.is_dir() and not (path.is_symlink() or new.is_symlink()):
            shutil.copymode(path, new)


def _swap(fresh: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, in one step where the system has it."""
    if not target.exists():
        fresh.rename(target)
    elif not swap_folders(fresh, target):
        _swap_in_two(fresh, target)


def swap_folders(one: Path, other: Path) -> bool:
    """Exchange two folders of one file system; False where the system cannot do it in one step."""
    a, b = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform.startswith("linux"):
            rename = ctypes.CDLL(None).renameat2
            done = rename(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)
        elif sys.platform == "darwin":
            done = ctypes.CDLL(None).renamex_np(a, b, RENAME_SWAP)
        else:
            return False
    except (OSError, AttributeError):  # a C library without the call
        return False
    return bool(done == 0)


def _swap_in_two(fresh: Path, target: Path) -> None:
    previous = _previous(target)
    shutil.rmtree(previous, ignore_errors=True)
    target.rename(previous)
    try:
        fresh.rename(target)
    except BaseException:
        previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def remove_abandoned(target: Path) -> None:
    """Remove what runs that were killed have left beside ``target``; running ones are let be."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.{_here()}\.(\d+)\.[0-9a-f]+\.new")
    for path in target.parent.glob(f".{glob.escape(target.name)}.*.new"):
        found = pattern.fullmatch(path.name)
        if found and not _runs(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _here() -> str:
    """Return a word for this machine: process numbers of another one mean nothing here."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _runs(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def head_files(folder: Path, heading: str) -> None:
    """Write what a report is above every text in it but the pages: tables get a last column."""
    for path in folder.rglob("*"):
        above = HEADS.get(path.suffix)
        if path.suffix == ".csv":
            path.write_text(_with_column(path, heading), encoding="utf-8", newline="")
        elif above and (path.suffix != ".html" or "tables" in path.relative_to(folder).parts):
            text = above(path.read_text(encoding="utf-8"), heading)
            path.write_text(text, encoding="utf-8", newline="")


def _with_column(path: Path, heading: str) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    written = io.StringIO()
    found = [[*head, "profile"], *([*row, heading] for row in rows)]
    csv.writer(written, lineterminator="\n").writerows(found)
    return written.getvalue()


def _notebook(text: str, heading: str) -> str:
    content = json.loads(text)
    cell = {"cell_type": "markdown", "id": "profile", "metadata": {}, "source": [heading]}
    content["cells"].insert(0, cell)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


HEADS: Mapping[str, Callable[[str, str], str]] = {
    ".tex": lambda text, heading: f"% {heading}\n{text}",
    ".bib": lambda text, heading: f"% {heading}\n{text}",
    ".html": lambda text, heading: text.replace("<body>", f"<body>\n<p>{heading}</p>", 1),
    ".ipynb": _notebook,
}


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the SHA-256 of every file in the folder, with what the report was made from."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    hashes = {p.relative_to(folder).as_posix(): sha256_of(p) for p in files}
    content = {"made_by": MADE_BY, **about, "files": hashes}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="\n")


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of the report in this folder; None where there is no report."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest if manifest["made_by"] == MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_current(folder: Path, made_from: str) -> bool:
    """Tell whether a folder holds a report made from this, every file as it was written."""
    manifest = manifest_of(folder)
    return manifest is not None and manifest.get("made_from") == made_from and holds(folder)


def holds(folder: Path) -> bool:
    """Tell whether every file of the report in this folder is as it was written."""
    files = _hashes(folder)
    try:
        return files is not None and all(sha256_of(folder / x) == sha for x, sha in files.items())
    except (OSError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str] | None:
    """Return the files of the report in this folder; None where there is no list of them."""
    files = (manifest_of(folder) or {}).get("files")
    return files if isinstance(files, dict) else None


def _own_files(folder: Path) -> set[str] | None:
    files = _hashes(folder)
    return None if files is None else {MANIFEST, *files}
