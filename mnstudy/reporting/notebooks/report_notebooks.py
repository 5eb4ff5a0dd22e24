"""The notebooks of a report: which are wanted, what each rests on, run and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnstudy.cohort.table import Cohort
from mnstudy.reporting.run.notebook_files import shipped_notebooks
from mnstudy.reporting.run.origin import register_sha256, shipped_sha256
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import registry, with_own
from mnstudy.verdicts.finding.cache_keys import claim_basis, cohort_basis

if TYPE_CHECKING:
    import nbformat

FOLDER = "notebooks"
Progress = Callable[[str, int, int], None]
_LISTED = re.compile(r"^claims \+?= (\[[^\]]*\])$", re.MULTILINE)
_ID = re.compile(r"[\"']([a-z0-9-]+)[\"']")


def wanted(cohort: Cohort | None, claims: Sequence[str]) -> list[Path]:
    """Return the notebooks to run: all, or those that list one of these claims.

    A table in memory has no place that a notebook could load it from: then there is none.
    """
    if cohort is not None and not cohort.provenance.location:
        return []
    paths = shipped_notebooks()
    if not claims:
        return paths
    return [p for p in paths if set(listed(_read(p)) or ()) & set(claims)]


def listed(notebook: nbformat.NotebookNode) -> tuple[str, ...] | None:
    """Return the claims that a notebook lists as those it asks; None where it may ask any.

    It lists them where a cell says ``claims = [...]``, further ones ``claims += [...]``.
    """
    source = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    found = [claim for group in _LISTED.findall(source) for claim in _ID.findall(group)]
    return tuple(found) if found and set(found) <= set(registry()) else None


@contextmanager
def written_beside(
    paths: Sequence[Path],
    folder: Path,
    cohort: Cohort | None,
    *,
    n_jobs: int | None,
    progress: Progress,
) -> Iterator[list[str]]:
    """Run notebooks on the data while the caller goes on, and write them at the end.

    They load the data by name or place, which the copies do not show. Yields their addresses in
    the report.
    """
    from mnstudy.reporting.notebooks import run as notebooks

    place = "" if cohort is None else cohort.provenance.location
    given = {"dataset": place} if place else {}
    based = partial(rests_on, cohort=cohort)
    with notebooks.running(paths, given, rests_on=based, n_jobs=n_jobs) as results:
        yield [f"{FOLDER}/{path.name}" for path in paths]
        ran = results(partial(progress, "notebooks"))
    (folder / FOLDER).mkdir()
    for path, notebook in zip(paths, ran, strict=True):
        if place:
            notebooks.rename_dataset(notebook, place, Path(place).name)
        notebooks.write(notebook, folder / FOLDER / path.name)


def rests_on(path: Path, cohort: Cohort | None) -> tuple[object, ...]:
    """Return what the outputs of a notebook depend on, but code, versions and parameters."""
    notebook = _read(path)
    sources = [c.source for c in notebook.cells]
    common: tuple[Any, ...] = (sources, shipped_sha256())
    asked = listed(notebook)
    if cohort is None:
        return (*common, register_sha256() if asked is None else [registry()[c] for c in asked])
    known = with_own(own_claims(cohort.study))
    claims = known.values() if asked is None else [known[c] for c in asked]
    return (*common, *cohort_basis(cohort), [claim_basis(cohort, c) for c in claims])


def _read(path: Path) -> nbformat.NotebookNode:
    import nbformat  # it takes a second: only where notebooks are run

    return nbformat.read(path, as_version=4)
