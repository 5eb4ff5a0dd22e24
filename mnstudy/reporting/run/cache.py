"""Results kept between two reports: what rests on the same inputs is not worked out again.

A key holds everything that a result was computed from, code and versions included.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mnstudy import fingerprints
from mnstudy.fingerprints import fingerprint

KEEP_DAYS = 30


def cache_folder() -> Path:
    """Return the folder of this user, open to no other: results are read back as Python objects."""
    folder = user_cache_path("mnstudy") / "results"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def place_of(folder: Path, name: str, inputs: Sequence[object]) -> Path:
    """Return the file of a result: ``inputs`` are all it depends on but code and versions."""
    return folder / f"{name}-{fingerprint(*inputs, fingerprints.code_fingerprint())}.pickle"


def kept(path: Path) -> Iterator[Any]:
    """Give the result that is kept in a file, if it is there and can be read."""
    with suppress(OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        found = [pickle.loads(path.read_bytes())]
        os.utime(path)
        yield from found


def keep(path: Path, result: object) -> None:
    """Write a result whole or not at all; a full disk costs time, not the result."""
    with suppress(OSError):
        fingerprints.write_whole(path, pickle.dumps(result, protocol=5))


def forget_old(folder: Path) -> None:
    """Remove what was neither written nor read for 30 days."""
    limit = time.time() - KEEP_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()
