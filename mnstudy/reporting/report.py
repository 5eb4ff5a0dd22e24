"""The whole report: every figure, table and the page, written at once or not at all."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from joblib import Parallel, cpu_count, delayed

from mnstudy.cohort.datasets import data_dir, load
from mnstudy.cohort.manifest import check_manifest, read_manifest
from mnstudy.cohort.problems import fail
from mnstudy.cohort.published import load_published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting import captions, figures, page, theme
from mnstudy.reporting.bodies import Body, cohort_body, published_body, with_unique_keys
from mnstudy.reporting.folder import check_target, whole_folder, write_manifest
from mnstudy.reporting.scorecard import scorecard, scorecard_table
from mnstudy.reporting.svg import data_address
from mnstudy.reporting.tables import parts_frame, results_frame, write_csv
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence import evidence
from mnstudy.verdicts.findings import Finding

SHIPPED = ("published_patients", "demo_clinic")
SCORECARD_DPI = 118
FIGURES_PER_JOB = 10  # fewer are drawn before a second process has started
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
        Figures drawn side by side; the processors of the machine when left out. The bytes
        written do not depend on it.
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
    bodies = gather(cohort, tell)
    with whole_folder(target) as folder:
        extra = _notebooks(folder, cohort, tell) if notebooks else []
        write_report(bodies, folder, png=png, n_jobs=n_jobs, progress=tell, notebooks=extra)
    return target


def gather(cohort: Cohort | None, progress: Progress) -> list[Body]:
    """Load the data and put the claims to each body of them."""
    cohorts = [load(name) for name in SHIPPED] if cohort is None else [cohort]
    published = load_published()
    total = len(cohorts) + 1
    found = []
    for i, one in enumerate(cohorts):
        progress("findings", i, total)
        found.append(cohort_body(one, evaluate(one)))
    progress("findings", len(cohorts), total)
    trials = published_body(published, evidence(data=published))
    progress("findings", total, total)
    return with_unique_keys([found[0], trials, *found[1:]])


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
    pictures = _figures(bodies, folder, png=png, n_jobs=n_jobs, progress=progress)
    progress("tables and page", 0, 4)
    columns = [(b.heading, b.findings) for b in bodies]
    theme.save(scorecard(columns), folder / "scorecard", dpi=SCORECARD_DPI)
    progress("tables and page", 1, 4)
    write_csv(scorecard_table(columns).reset_index(), folder / "scorecard.csv")
    write_csv(results_frame(b.findings for b in bodies), folder / "results.csv")
    write_csv(parts_frame(b.findings for b in bodies), folder / "parts.csv")
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


@dataclass(frozen=True, slots=True)
class _Files:
    """The figure of a finding, drawn but not yet written."""

    wide: bytes
    narrow: bytes
    png: bytes
    inches: tuple[float, float]


def _draw(finding: Finding, png: bool) -> _Files:
    wide, narrow = figures.plot(finding), figures.plot(finding, width="column")
    width, height = wide.get_size_inches()
    return _Files(
        theme.svg_bytes(wide),
        theme.svg_bytes(narrow),
        theme.png_bytes(wide) if png else b"",
        (float(width), float(height)),
    )


def _draw_all(findings: Sequence[Finding], *, png: bool, n_jobs: int | None) -> Iterable[_Files]:
    """Draw side by side where that pays; workers only draw, so that nothing is written late."""
    jobs = min(n_jobs or cpu_count(), len(findings) // FIGURES_PER_JOB)
    if jobs < 2:
        return (_draw(f, png) for f in findings)
    work = Parallel(n_jobs=jobs, return_as="generator")
    drawn: Iterable[_Files] = work(delayed(_draw)(f, png) for f in findings)
    return drawn


def _figures(
    bodies: Sequence[Body], folder: Path, *, png: bool, n_jobs: int | None, progress: Progress
) -> dict[tuple[str, str], page.Drawn]:
    wanted = [(b, f) for b in bodies for f in b.findings if f.estimate is not None]
    drawn = {}
    progress("figures", 0, len(wanted))
    files = _draw_all([f for _, f in wanted], png=png, n_jobs=n_jobs)
    for i, ((body, finding), made) in enumerate(zip(wanted, files, strict=True), 1):
        path = f"figures/{body.key}/{finding.claim.id}"
        drawn[body.key, finding.claim.id] = _write_figure(finding, made, folder, path)
        progress("figures", i, len(wanted))
    return drawn


def _write_figure(finding: Finding, made: _Files, folder: Path, path: str) -> page.Drawn:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_suffix(".svg").write_bytes(made.wide)
    if made.png:
        target.with_suffix(".png").write_bytes(made.png)
    write_csv(captions.figure_data(finding), target.with_suffix(".csv"))
    return page.Drawn(
        wide=data_address(made.wide),
        narrow=data_address(made.narrow),
        width=round(96 * made.inches[0]),
        height=round(96 * made.inches[1]),
        path=path,
        files=("svg", "png", "csv") if made.png else ("svg", "csv"),
    )


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
