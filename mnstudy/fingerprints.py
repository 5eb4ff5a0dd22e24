"""Fingerprints: what changes when the code, a file or a value does; files written whole."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import platform
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from importlib import metadata
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib")
REGISTER = "claims.toml"  # no part of the code: its claims enter the keys one by one
PACKED = (1980, 1, 1, 0, 0, 0)  # the first time that a zip archive can hold
CODE = {".py", ".toml", ".j2", ".css", ".js"}


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file aside and rename it: it is there whole, or as it was before."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        aside.touch(mode=mode, exist_ok=False)
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def sha256_of(path: Path | Traversable) -> str:
    """Return the fingerprint of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def code_fingerprint(*rooms: str) -> str:
    """Return the fingerprint of the code, or some rooms of it, and of the packages it uses."""
    package = Path(__file__).parent
    inside = (p.relative_to(package) for p in package.rglob("*") if p.suffix in CODE)
    files = sorted(p for p in inside if p.name != REGISTER and p.parts[0] != "_data")
    files = [p for p in files if not rooms or p.parts[0] in rooms]
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


def packed_again(file: bytes) -> bytes:
    """Pack an archive again, its parts in order and without the time of the packing."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(file)) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            part = zipfile.ZipInfo(name, date_time=PACKED)
            part.compress_type, part.create_system, part.external_attr = 8, 3, 0o644 << 16
            new.writestr(part, old.read(name))
    return packed.getvalue()
