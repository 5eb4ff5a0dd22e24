"""A folder that is whole or not there: written aside, then moved into place in one step."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
MADE_BY = "mnstudy report"


def check_target(out: Path) -> Path:
    """Return the folder to write; refuse one whose content is not a report.

    Raises
    ------
    ValueError
        There is a file of that name, or a folder that holds something else than a report.
    """
    target = out.expanduser().absolute()
    previous = _previous(target)
    if previous.is_dir() and not target.exists():
        previous.rename(target)  # a run was killed between the two moves of whole_folder
    if target.exists() and not target.is_dir():
        raise ValueError(f"{out} is a file: name a folder for the report")
    if target.is_dir() and any(target.iterdir()) and _own_files(target) is None:
        raise ValueError(
            f"{out} holds files, but no report (no {MANIFEST} written by mnstudy): nothing was "
            "overwritten; name another folder, or empty this one"
        )
    return target


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder beside ``target`` and put it in its place when all went well.

    After an error, or when interrupted, the new folder is removed and the old one is as it was.
    Files in the old folder that no report wrote are carried over.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    fresh.mkdir()
    try:
        yield fresh
        _carry_over(target, fresh)
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    previous = _previous(target)
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    try:
        fresh.rename(target)
    except BaseException:
        if previous.exists():
            previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _carry_over(old: Path, fresh: Path) -> None:
    own = _own_files(old) or set()
    for path in sorted(p for p in old.rglob("*") if p.is_file()):
        name = path.relative_to(old)
        if name.as_posix() not in own and not (fresh / name).exists():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, fresh / name)


def _own_files(folder: Path) -> set[str] | None:
    """Return the files of the report in this folder; None where there is no report."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("made_by") != MADE_BY:
            return None
        return {MANIFEST, *manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the SHA-256 of every file in the folder, with what the report was made from."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    hashes = {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }
    content = {"made_by": MADE_BY, **about, "files": hashes}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
