"""The whole report: every figure, table and the page, written at once or not at all."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from mnstudy.cohort.datasets import data_dir, load
from mnstudy.cohort.manifest import check_manifest, read_manifest
from mnstudy.cohort.problems import fail
from mnstudy.cohort.published import load_published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting import page, theme
from mnstudy.reporting.bodies import Body, cohort_body, published_body, with_unique_keys
from mnstudy.reporting.checks import check_all
from mnstudy.reporting.folder import check_target, whole_folder, write_manifest
from mnstudy.reporting.pictures import draw_figures
from mnstudy.reporting.scorecard import scorecard, scorecard_table
from mnstudy.reporting.tables import (
    attrition_frame,
    dropouts_frame,
    parts_frame,
    results_frame,
    sensitivity_frame,
    specifications_frame,
    write_csv,
)
from mnstudy.reporting.trials import gather_trials
from mnstudy.reporting.trials_files import write_trials
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence import evidence

SHIPPED = ("published_patients", "demo_clinic")
SCORECARD_DPI = 118
PACKAGES = ("mnstudy", "numpy", "pandas", "scipy", "statsmodels", "matplotlib")
Progress = Callable[[str, int, int], None]


def report(
    cohort: Cohort | None = None,
    out: str | Path = "report/",
    *,
    png: bool = True,
    notebooks: bool = False,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write every figure, every table and the page.

    Parameters
    ----------
    cohort : Cohort, optional
        See ``mnstudy.load``. Without one: the real published patients and the synthetic
        demonstration clinic. The published trials stand beside it in either case.
    out : path
        Folder to write. An older report in it is replaced when the new one is whole; what else
        lies in it is kept.
    png : bool
        Write the figures as PNG too; the scorecard always is.
    notebooks : bool
        Run the shipped notebooks on the data as well and keep them beside the figures; a table
        in memory has no place they could load it from, so they are left out.
    n_jobs : int, optional
        Claims checked, and figures drawn, side by side; the processors of the machine when left
        out. The bytes written do not depend on it.
    progress : callable, optional
        Called with the stage, how much of it is done and how much there is.

    Returns
    -------
    Path
        The folder; ``index.html`` in it is the page.

    Raises
    ------
    ValueError
        ``out`` holds something that is not a report.
    DataError
        The data cannot be read.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.report(mn.load("my_sheet.csv"), out="report/")  # doctest: +SKIP
    """
    target = check_target(Path(out))
    tell = progress or (lambda stage, done, total: None)
    _check_shipped(tell)
    bodies = gather(cohort, tell, n_jobs=n_jobs)
    with whole_folder(target) as folder:
        extra = _notebooks(folder, cohort, tell) if notebooks else []
        write_report(bodies, folder, png=png, n_jobs=n_jobs, progress=tell, notebooks=extra)
    return target


def gather(cohort: Cohort | None, progress: Progress, *, n_jobs: int | None = None) -> list[Body]:
    """Load the data, put the claims to each body of them, and each answer to other choices."""
    cohorts = [load(name) for name in SHIPPED] if cohort is None else [cohort]
    published = load_published()
    total = len(cohorts) + 1
    found = []
    for i, one in enumerate(cohorts):
        progress("findings", i, total)
        found.append(cohort_body(one, evaluate(one)))
    progress("findings", len(cohorts), total)
    found_trials = evidence(data=published)
    progress("findings", total, total)
    shown = gather_trials(published, n_jobs=n_jobs, progress=progress)
    trials = published_body(published, found_trials, shown)
    bodies = [found[0], trials, *found[1:]]
    sources = [cohorts[0], None, *cohorts[1:]]
    asked = [(c, b.findings) for c, b in zip(sources, bodies, strict=True)]
    checked = check_all(asked, n_jobs=n_jobs, progress=progress)
    pairs = zip(bodies, checked, strict=True)
    return with_unique_keys([replace(body, checked=done) for body, done in pairs])


def write_report(
    bodies: Sequence[Body],
    folder: Path,
    *,
    png: bool,
    progress: Progress,
    n_jobs: int | None = None,
    notebooks: Sequence[str] = (),
) -> None:
    """Write everything about these bodies of data into a folder."""
    pictures = draw_figures(bodies, folder, png=png, n_jobs=n_jobs, progress=progress)
    progress("tables and page", 0, 4)
    columns = [(b.heading, b.findings) for b in bodies]
    theme.save(scorecard(columns), folder / "scorecard", dpi=SCORECARD_DPI)
    progress("tables and page", 1, 4)
    write_csv(scorecard_table(columns).reset_index(), folder / "scorecard.csv")
    write_csv(results_frame(b.findings for b in bodies), folder / "results.csv")
    write_csv(parts_frame(b.findings for b in bodies), folder / "parts.csv")
    write_csv(sensitivity_frame(bodies), folder / "sensitivity.csv")
    write_csv(specifications_frame(bodies), folder / "specifications.csv")
    write_csv(attrition_frame(bodies), folder / "attrition.csv")
    write_csv(dropouts_frame(bodies), folder / "dropouts.csv")
    write_trials(bodies, folder)
    progress("tables and page", 2, 4)
    html = page.render(
        bodies,
        pictures,
        versions=versions(),
        register_sha256=register_sha256(),
        notebooks=notebooks,
    )
    (folder / "index.html").write_text(html, encoding="utf-8", newline="\n")
    progress("tables and page", 3, 4)
    write_manifest(folder, _about(bodies))
    progress("tables and page", 4, 4)


def _notebooks(folder: Path, cohort: Cohort | None, progress: Progress) -> list[str]:
    """Run the notebooks; they load the data by name or place, which the copies do not show."""
    from mnstudy.reporting import notebooks

    place = "" if cohort is None else cohort.provenance.location
    if cohort is not None and not place:
        return []  # a table in memory cannot be loaded from a notebook
    paths = notebooks.shipped_notebooks()
    ran = notebooks.run_all(
        paths,
        {"dataset": place} if place else {},
        progress=lambda done, total: progress("notebooks", done, total),
    )
    (folder / "notebooks").mkdir()
    for path, notebook in zip(paths, ran, strict=True):
        if place:
            notebooks.rename_dataset(notebook, place, Path(place).name)
        notebooks.write(notebook, folder / "notebooks" / path.name)
    return [f"notebooks/{path.name}" for path in paths]


def _check_shipped(progress: Progress) -> None:
    """Hold the shipped data against their fingerprints; the published tables are always used."""
    folder = data_dir()
    sets = len(read_manifest(folder)["dataset"])
    progress("data", 0, sets)
    problems = check_manifest(folder)
    if problems:
        fail("data/manifest.toml", *problems)
    progress("data", sets, sets)


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def register_sha256() -> str:
    """Return the fingerprint of the register of claims."""
    content = resources.files("mnstudy.verdicts").joinpath("claims.toml").read_bytes()
    return hashlib.sha256(content).hexdigest()


def _about(bodies: Sequence[Body]) -> Mapping[str, Any]:
    data = [{"name": b.heading, "sha256": b.sha256, "synthetic": b.synthetic} for b in bodies]
    return {"versions": versions(), "register_sha256": register_sha256(), "data": data}
