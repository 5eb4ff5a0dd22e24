"""Results kept between two reports: what rests on the same inputs is not worked out again.

A key holds everything that a result was computed from, code and versions included.
"""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mnstudy import fingerprints
from mnstudy.fingerprints import fingerprint

KEEP_DAYS = 30


def cache_folder() -> Path | None:
    """Return the folder of this user, closed to all others; None where it cannot be that.

    Results are read back from it as Python objects, which may run code.
    """
    folder = user_cache_path("mnstudy") / "results"
    with suppress(OSError):
        if all(_closed(place) for place in (folder.parent, folder)):
            return folder
    return None


def _closed(folder: Path) -> bool:
    """Make a folder, take it from others where it is this user's; tell whether it is hers alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix" and _is_own(folder, stat.S_IFDIR):
        folder.chmod(0o700)
        return not folder.stat().st_mode & 0o077  # some file systems keep no modes
    return os.name != "posix"


def _is_own(path: Path, kind: int) -> bool:
    """Tell whether a path is no link but of this kind, and belongs to this user."""
    found = path.lstat()
    return stat.S_IFMT(found.st_mode) == kind and (
        os.name != "posix" or found.st_uid == os.getuid()
    )


def place_of_runs() -> Path:
    """Return beside which path the folders of runs are, see ``folder_of_run``."""
    kept_in = cache_folder()
    return (kept_in.parent if kept_in else Path(tempfile.gettempdir())) / "mnstudy"


def place_of(folder: Path, name: str, inputs: Sequence[object]) -> Path:
    """Return the file of a result: ``inputs`` are all it depends on but code and versions."""
    return folder / f"{name}-{fingerprint(*inputs, fingerprints.code_fingerprint())}.pickle"


def kept(path: Path) -> Iterator[Any]:
    """Give the result that is kept in a file of this user, if it is there and is as written."""
    found = []
    with suppress(Exception):  # a damaged pickle may raise any
        content = path.read_bytes() if _is_own(path, stat.S_IFREG) else b""
        if sha256(content[32:]).digest() == content[:32]:
            found.append(pickle.loads(content[32:]))
            os.utime(path)
    yield from found


def keep(path: Path, result: object) -> None:
    """Write a result whole or not at all; a full disk costs time, not the result."""
    with suppress(OSError):
        content = pickle.dumps(result, protocol=5)
        fingerprints.write_whole(path, sha256(content).digest() + content)


def forget_old(folder: Path) -> None:
    """Remove what was neither written nor read for 30 days."""
    limit = time.time() - KEEP_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()
