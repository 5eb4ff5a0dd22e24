"""Results kept on disk: the same input is not computed twice, in this run or the next.

Off unless a folder is named: a report names one for itself, its workers and its notebooks. What is
kept is keyed by everything it was computed from, code and versions included.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import pickle
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")
FOLDER = "MNSTUDY_CACHE"  # environment variable: inherited by workers and kernels
KEEP_DAYS = 30
PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib")
REGISTER = "claims.toml"  # its claims enter the keys one by one


@contextmanager
def cache_folder(folder: Path | None) -> Iterator[None]:
    """Keep results in this folder inside the context, workers and kernels included.

    Parameters
    ----------
    folder : Path or None
        Made where it is missing, open to its owner alone: what is kept is read back as Python
        objects, and may rest on confidential data. None keeps nothing.
    """
    before = os.environ.pop(FOLDER, None)
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.environ[FOLDER] = str(folder)
        yield
    finally:
        os.environ.pop(FOLDER, None)
        if before is not None:
            os.environ[FOLDER] = before


def cached(name: str, inputs: Sequence[object], compute: Callable[[], T]) -> T:
    """Return what ``compute`` gives, from the folder where it was kept before.

    Parameters
    ----------
    name : str
        What is computed: part of the key.
    inputs : sequence
        Everything the result depends on but code and versions, see ``fingerprint``.
    compute : callable
        Called without arguments; its result has to survive pickling.

    Examples
    --------
    >>> cached("sum", (1, 2), lambda: 1 + 2)
    3
    """
    place = folder()
    if place is None:
        return compute()
    path = _path(place, name, inputs)
    for found in _read(path):
        return cast(T, found)
    result = compute()
    with suppress(OSError):  # a full disk costs time, not the result
        _write(path, pickle.dumps(result, protocol=5))
    return result


def cached_result(name: str, inputs: Sequence[object]) -> Iterator[Any]:
    """Give the result that is kept for these inputs, if there is one."""
    place = folder()
    if place is not None:
        yield from _read(_path(place, name, inputs))


def holds_any(name: str) -> bool:
    """Tell whether anything is kept under this name, whatever its inputs."""
    place = folder()
    return place is not None and any(place.glob(f"{name}-*"))


def _read(path: Path) -> Iterator[Any]:
    """Give what is kept in a file, if it is there and can be read."""
    try:
        found = pickle.loads(path.read_bytes())
        os.utime(path)
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        return
    yield found


def folder() -> Path | None:
    """Return the folder where results are kept now, None where they are not."""
    place = os.environ.get(FOLDER)
    return Path(place) if place else None


def _path(place: Path, name: str, inputs: Sequence[object]) -> Path:
    return place / f"{name}-{fingerprint(*inputs, code_fingerprint())}.pickle"


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all: another process may be reading."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def forget_old(folder: Path, *, days: float = KEEP_DAYS) -> None:
    """Remove what was neither written nor read for so many days."""
    limit = time.time() - days * 86_400
    for path in folder.glob("*"):
        with suppress(OSError):
            if path.is_file() and path.stat().st_mtime < limit:
                path.unlink()


@cache
def code_fingerprint() -> str:
    """Return the fingerprint of the code and of the packages that compute with it.

    The register of claims is left out: each claim is part of the key of what rests on it.
    """
    package = Path(__file__).parent
    files = sorted(
        p
        for p in package.rglob("*")
        if p.suffix in {".py", ".toml", ".j2", ".css", ".js"}
        and p.name != REGISTER
        and "_data" not in p.parts
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return fingerprint(digest.hexdigest(), versions())


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "machine": platform.machine(), **found}


def fingerprint(*things: object) -> str:
    """Return the SHA-256 of values, tables and frozen results; equal things give equal ones.

    Raises
    ------
    TypeError
        Something has no canonical form here: a function, an open file.

    Examples
    --------
    >>> fingerprint({"b": 1, "a": [0.5]}) == fingerprint({"a": [0.5], "b": 1})
    True
    """
    digest = hashlib.sha256()
    for part in _parts(things):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(thing: Any) -> Iterator[bytes]:
    """Give a value as bytes: its type, then what it holds."""
    yield type(thing).__qualname__.encode()
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            yield field.name.encode()
            yield from _parts(getattr(thing, field.name))
    elif thing is None or isinstance(thing, str | int | bytes | Path):
        yield thing if isinstance(thing, bytes) else str(thing).encode()
    elif isinstance(thing, float):
        yield b"nan" if math.isnan(thing) else float(thing).hex().encode()
    elif isinstance(thing, Mapping):
        for key in sorted(thing, key=repr):
            yield from _parts(key)
            yield from _parts(thing[key])
    elif isinstance(thing, Set):
        yield from sorted(fingerprint(x).encode() for x in thing)
    elif isinstance(thing, Sequence):
        yield str(len(thing)).encode()
        for item in thing:
            yield from _parts(item)
    else:
        yield from _table_parts(thing)


def _table_parts(thing: Any) -> Iterator[bytes]:
    import numpy as np
    import pandas as pd

    if isinstance(thing, np.ndarray | np.generic):
        array = np.asarray(thing)
        if array.dtype == object:
            yield from _parts(array.tolist())
        else:
            yield f"{array.dtype}{array.shape}".encode() + array.tobytes()
    elif isinstance(thing, pd.DataFrame | pd.Series):
        table = thing.to_frame() if isinstance(thing, pd.Series) else thing
        yield repr([(str(c), _kind(d)) for c, d in table.dtypes.items()]).encode()
        try:
            yield pd.util.hash_pandas_object(table, index=True).to_numpy().tobytes()
        except TypeError:  # cells that hold lists
            yield from _parts([table.index.tolist(), table.to_numpy(dtype=object).tolist()])
    else:
        raise TypeError(f"no fingerprint is known for a {type(thing).__name__}")


def _kind(dtype: Any) -> str:
    """Write the type of a column; of words also their order."""
    categories = getattr(dtype, "categories", None)
    return str(dtype) if categories is None else f"{dtype}{list(categories)}{dtype.ordered}"
