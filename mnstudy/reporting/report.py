"""The whole report: every figure, table and the page, written at once or not at all."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from mnstudy.cohort.datasets import load
from mnstudy.cohort.published import load_published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting import captions, figures, page, theme
from mnstudy.reporting.bodies import Body, cohort_body, published_body, with_unique_keys
from mnstudy.reporting.folder import check_target, whole_folder, write_manifest
from mnstudy.reporting.scorecard import scorecard, scorecard_table
from mnstudy.reporting.tables import parts_frame, results_frame, write_csv
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence import evidence
from mnstudy.verdicts.findings import Finding

SHIPPED = ("published_patients", "demo_clinic")
SCORECARD_DPI = 144
PACKAGES = ("mnstudy", "numpy", "pandas", "scipy", "statsmodels", "matplotlib")
Progress = Callable[[str, int, int], None]


def report(
    cohort: Cohort | None = None,
    out: str | Path = "report/",
    *,
    png: bool = True,
    notebooks: bool = False,
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
        Run the shipped notebooks on the data as well and keep them beside the figures.
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
    bodies = gather(cohort, tell)
    with whole_folder(target) as folder:
        if notebooks:
            _notebooks(folder, cohort, tell)
        write_report(bodies, folder, png=png, progress=tell)
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


def write_report(bodies: Sequence[Body], folder: Path, *, png: bool, progress: Progress) -> None:
    """Write everything about these bodies of data into a folder."""
    pictures = _figures(bodies, folder, png=png, progress=progress)
    progress("tables and page", 0, 4)
    columns = [(b.heading, b.findings) for b in bodies]
    theme.save(scorecard(columns), folder / "scorecard", dpi=SCORECARD_DPI)
    progress("tables and page", 1, 4)
    write_csv(scorecard_table(columns).reset_index(), folder / "scorecard.csv")
    write_csv(results_frame(b.findings for b in bodies), folder / "results.csv")
    write_csv(parts_frame(b.findings for b in bodies), folder / "parts.csv")
    progress("tables and page", 2, 4)
    html = page.render(bodies, pictures, versions=versions(), register_sha256=register_sha256())
    (folder / "index.html").write_text(html, encoding="utf-8", newline="\n")
    progress("tables and page", 3, 4)
    write_manifest(folder, _about(bodies))
    progress("tables and page", 4, 4)


def _figures(
    bodies: Sequence[Body], folder: Path, *, png: bool, progress: Progress
) -> dict[tuple[str, str], page.Drawn]:
    wanted = [(b, f) for b in bodies for f in b.findings if f.estimate is not None]
    drawn = {}
    for i, (body, finding) in enumerate(wanted):
        progress("figures", i, len(wanted))
        path = f"figures/{body.key}/{finding.claim.id}"
        drawn[body.key, finding.claim.id] = _figure(finding, folder, path, png=png)
    progress("figures", len(wanted), len(wanted))
    return drawn


def _figure(finding: Finding, folder: Path, path: str, *, png: bool) -> page.Drawn:
    wide = figures.plot(finding)
    theme.save(wide, folder / path, png=png)
    write_csv(captions.figure_data(finding), folder / f"{path}.csv")
    narrow = figures.plot(finding, width="column")
    width, height = (round(96 * inches) for inches in wide.get_size_inches())
    return page.Drawn(
        wide=theme.data_address(theme.svg_bytes(wide)),
        narrow=theme.data_address(theme.svg_bytes(narrow)),
        width=width,
        height=height,
        path=path,
        files=("svg", "png", "csv") if png else ("svg", "csv"),
    )


def _notebooks(folder: Path, cohort: Cohort | None, progress: Progress) -> None:
    from mnstudy.reporting import notebooks

    own = {} if cohort is None else {"dataset": cohort.name}
    paths = notebooks.shipped_notebooks()
    ran = notebooks.run_all(
        paths, own, progress=lambda done, total: progress("notebooks", done, total)
    )
    (folder / "notebooks").mkdir()
    for path, notebook in zip(paths, ran, strict=True):
        notebooks.write(notebook, folder / "notebooks" / path.name)


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
