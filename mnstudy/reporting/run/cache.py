"""Results kept between two reports: what rests on the same inputs is not worked out again.

A key holds everything that a result was computed from, code and versions included.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import platform
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

from mnstudy.reporting.run.folder import sha256_of

KEEP_DAYS = 30
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib")
REGISTER = "claims.toml"  # no part of the code: its claims enter the keys one by one
CODE = {".py", ".toml", ".j2", ".css", ".js"}


def cache_folder() -> Path:
    """Return the folder of this user, open to no other: results are read back as Python objects."""
    folder = user_cache_path("mnstudy") / "results"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def place_of(folder: Path, name: str, inputs: Sequence[object]) -> Path:
    """Return the file of a result: ``inputs`` are all it depends on but code and versions."""
    return folder / f"{name}-{fingerprint(*inputs, code_fingerprint())}.pickle"


def kept(path: Path) -> Iterator[Any]:
    """Give the result that is kept in a file, if it is there and can be read."""
    with suppress(OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        found = [pickle.loads(path.read_bytes())]
        os.utime(path)
        yield from found


def keep(path: Path, result: object) -> None:
    """Write a result whole or not at all; a full disk costs time, not the result."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with suppress(OSError):
        try:
            aside.write_bytes(pickle.dumps(result, protocol=5))
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def forget_old(folder: Path) -> None:
    """Remove what was neither written nor read for 30 days."""
    limit = time.time() - KEEP_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()


@cache
def code_fingerprint() -> str:
    """Return the fingerprint of the code and of the packages that compute with it."""
    package = Path(__file__).parents[2]
    inside = (p.relative_to(package) for p in package.rglob("*") if p.suffix in CODE)
    files = sorted(p for p in inside if p.name != REGISTER and p.parts[0] != "_data")
    return fingerprint([(p.as_posix(), sha256_of(package / p)) for p in files], versions())


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "machine": platform.machine(), **found}


def fingerprint(*things: object) -> str:
    """Return the SHA-256 of values, tables and frozen results; equal things give equal ones.

    >>> fingerprint({"b": 1, "a": [0.5]}) == fingerprint({"a": [0.5], "b": 1})
    True
    """
    return hashlib.sha256(b"\0".join(_parts(things))).hexdigest()


def _parts(thing: Any) -> Iterator[bytes]:
    """Give a value as bytes: its type, then what it holds."""
    yield type(thing).__qualname__.encode()
    plain = _plain(thing)
    if isinstance(plain, list):
        yield str(len(plain)).encode()
        for item in plain:
            yield from _parts(item)
    else:
        yield repr(plain).encode()


def _plain(thing: Any) -> Any:
    """Return a value whose ``repr`` tells all of it, or the list of what it holds."""
    if thing is None or isinstance(thing, str | int | float | bytes | Path):
        return thing
    if dataclasses.is_dataclass(thing):
        return [(f.name, getattr(thing, f.name)) for f in dataclasses.fields(thing)]
    if isinstance(thing, Mapping):
        return [(key, thing[key]) for key in sorted(thing, key=repr)]
    if isinstance(thing, Set):
        return sorted(fingerprint(x) for x in thing)
    if isinstance(thing, Sequence):
        return list(thing)
    if isinstance(thing, np.ndarray | np.generic):
        return [str(thing.dtype), thing.shape, thing.tolist()]
    if isinstance(thing, pd.DataFrame | pd.Series):
        return _table(pd.DataFrame(thing))
    raise TypeError(f"no fingerprint is known for a {type(thing).__name__}")


def _table(table: pd.DataFrame) -> list[object]:
    words = [
        (list(getattr(d, "categories", ())), getattr(d, "ordered", None)) for d in table.dtypes
    ]
    kinds = [*table.columns.map(str), *table.dtypes.map(str), *words]
    try:
        return [kinds, pd.util.hash_pandas_object(table).to_numpy().tobytes()]
    except (TypeError, ValueError):  # cells that hold lists
        return [kinds, table.index.tolist(), table.to_numpy(dtype=object).tolist()]
