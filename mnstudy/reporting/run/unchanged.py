"""Whether the report that the command line was asked for is there already, told by files alone.

Nothing heavy is imported: neither what loads and evaluates data, nor Jupyter for its notebooks.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from mnstudy import cache
from mnstudy.cohort.loading.shipped import data_dir, data_files
from mnstudy.errors import DataError
from mnstudy.reporting.run.folder import MANIFEST, holds, sha256_of


def call_fingerprint(data: str | None, *options: object) -> str:
    """Return the fingerprint of everything a report is made from, read as files.

    Parameters
    ----------
    data : str or None
        Name of a shipped data set or path of a sheet, a study file or a folder; None for the
        shipped ones.
    options
        How the report was asked for.
    """
    register = Path(cache.__file__).parent / "verdicts" / "claims" / cache.REGISTER
    files = [register, *shipped_notebooks(), *data_files(data_dir()), *_own_files(data)]
    return cache.fingerprint(
        cache.code_fingerprint(), data, options, [(p, sha256_of(p)) for p in files]
    )


def _own_files(data: str | None) -> Iterator[Path]:
    """Give the files that loading somebody's data reads: the sheet, and the study beside it."""
    path = Path(data or "")
    if data is None or not path.exists():
        return
    folder = path if path.is_dir() else path.parent
    if path.is_file():
        yield path
    for study in sorted(folder.glob("*.toml")):
        yield study
        try:
            named = tomllib.loads(study.read_text(encoding="utf-8")).get("file")
        except ValueError:  # not a study file, or one to mend: loading says so
            continue
        if isinstance(named, str) and (folder / named).is_file():
            yield folder / named


def is_up_to_date(out: Path, asked: str) -> bool:
    """Tell whether this folder holds, whole, the report that was made when this was asked."""
    target = out.expanduser().absolute()
    try:
        noted = json.loads(_note_of(target).read_text(encoding="utf-8"))
        same = noted == {"asked": asked, "manifest": sha256_of(target / MANIFEST)}
    except (OSError, ValueError):
        return False
    return same and holds(target)


def remember(out: Path, asked: str) -> None:
    """Remember what the report in this folder was made from."""
    target = out.expanduser().absolute()
    place = _note_of(target)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {"asked": asked, "manifest": sha256_of(target / MANIFEST)}
    place.write_text(json.dumps(content), encoding="utf-8")


def _note_of(target: Path) -> Path:
    name = hashlib.sha256(str(target).encode()).hexdigest()
    return user_cache_path("mnstudy") / "reports" / f"{name}.json"


def shipped_notebooks() -> list[Path]:
    """Return the shipped notebooks in reading order."""
    return sorted(notebook_dir().glob("[0-9]*.ipynb"))


def notebook_dir() -> Path:
    """Return the folder of the shipped notebooks: in an installed package, else in the checkout."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "_notebooks", package.parent / "notebooks"):
        if place.is_dir():
            return place
    raise DataError("the notebooks were not found: install mnstudy again")
