"""The notebooks that a report runs: which claims they ask, what they depend on, their outputs.

Nothing of Jupyter is imported here: it costs more than a second, and is an extra.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnstudy.cohort.loading.shipped import MANIFEST, data_dir
from mnstudy.cohort.table import Cohort
from mnstudy.errors import DataError
from mnstudy.fingerprints import sha256_of
from mnstudy.reporting.run.origin import (
    claim_basis,
    cohort_basis,
    register_sha256,
    shipped_notebooks,
)
from mnstudy.reporting.run.processes import CachedCall, Done, Workers
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import registry, with_own

_LISTED = re.compile(r"^claims \+?= (\[[^\]]*\])$", re.MULTILINE)
_PARAMETERS = "parameters"  # as in run.py, which is too heavy to import for this
_ID = re.compile(r"[\"']([a-z0-9-]+)[\"']")


def wanted(cohort: Cohort | None, claims: Sequence[str]) -> list[Path]:
    """Return the notebooks to run: all, or those that list one of these claims.

    Of a cohort those that take one. A table in memory has no place that a notebook could load it
    from: then there is none.
    """
    if cohort is not None and not cohort.provenance.location:
        return []
    paths = [p for p in shipped_notebooks() if cohort is None or takes_data(p)]
    if not claims:
        return paths
    return [p for p in paths if set(listed(p) or ()) & set(claims)]


def takes_data(path: Path) -> bool:
    """Tell whether a notebook can be run on another data set than its own."""
    return any(_PARAMETERS in cell["metadata"].get("tags", ()) for cell in _raw_cells(path))


def listed(path: Path) -> tuple[str, ...] | None:
    """Return the claims that a notebook lists as those it asks; None where it may ask any.

    It lists them where a cell says ``claims = [...]``, further ones ``claims += [...]``.
    """
    found = [i for group in _LISTED.findall("\n".join(_cells(path))) for i in _ID.findall(group)]
    return tuple(found) if found and set(found) <= set(registry()) else None


def _cells(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in _raw_cells(path)]


def _raw_cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def begin_notebooks(
    cohort: Cohort | None, claims: Sequence[str], workers: Workers, *, private: str, done: Done
) -> tuple[list[str], Iterator[str]]:
    """Begin to run the notebooks that ask these claims; give their names, and their texts later.

    Parameters
    ----------
    cohort : Cohort or None
        They load it by name or place, which their texts do not show; None where they load what
        they name themselves.
    claims : sequence of str
        See ``wanted``.
    workers : Workers
    private : str
        See ``run``.
    done : callable
        Called with how many texts were taken and how many there are.

    Raises
    ------
    DataError
        Jupyter is not installed.
    """
    if find_spec("nbclient") is None:
        raise DataError(
            "notebooks need Jupyter: pip install 'mnstudy[notebooks]', or leave them out"
        )
    place = "" if cohort is None else cohort.provenance.location
    # The last ones look at everything and take longest: begun first, none is waited for.
    paths = wanted(cohort, claims)[::-1]
    calls = [
        CachedCall("notebook", (p.name, *rests_on(p, cohort), place), _ran, (p, place, private))
        for p in paths
    ]
    return [path.name for path in paths], workers.results(calls, done)


def _ran(path: Path, place: str, private: str) -> str:
    from mnstudy.reporting.notebooks.run import ran

    return ran(path, place, private)


def rests_on(path: Path, cohort: Cohort | None) -> tuple[object, ...]:
    """Return what the outputs of a notebook depend on, but code, versions and parameters."""
    common: tuple[Any, ...] = (_cells(path), sha256_of(data_dir() / MANIFEST))
    asked = listed(path)
    if cohort is None:
        return (*common, register_sha256() if asked is None else [registry()[c] for c in asked])
    known = with_own(own_claims(cohort.study))
    claims = known.values() if asked is None else [known[c] for c in asked]
    return (*common, *cohort_basis(cohort), [claim_basis(cohort, c) for c in claims])
