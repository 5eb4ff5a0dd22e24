"""The whole report: every figure, table and the page, written at once or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from mnstudy import formatting as fmt
from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.loading.shipped import check_manifest, data_dir, read_manifest
from mnstudy.cohort.published.tables import load_published
from mnstudy.cohort.schema.problems import fail
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.release import opened, released
from mnstudy.errors import chosen
from mnstudy.reporting.notebooks.shipped import begin_notebooks
from mnstudy.reporting.page.certificate import shipped_charts
from mnstudy.reporting.page.checklists import checklist_frame
from mnstudy.reporting.page.downloads import downloads
from mnstudy.reporting.page.page import pages
from mnstudy.reporting.page.scorecard import scorecard_table
from mnstudy.reporting.pictures import FORMATS, draw_figures
from mnstudy.reporting.release import origin as release_origin
from mnstudy.reporting.release import write_release
from mnstudy.reporting.run.cache import cache_folder, forget_old, place_of_runs
from mnstudy.reporting.run.folder import (
    check_target,
    folder_of_run,
    head_files,
    is_current,
    manifest_of,
    whole_folder,
    write_manifest,
)
from mnstudy.reporting.run.numbers import (
    dropouts_frame,
    flow_frame,
    parts_frame,
    results_frame,
    sensitivity_frame,
    specifications_frame,
    write_trials,
)
from mnstudy.reporting.run.origin import origin, register_sha256, report_fingerprint, versions
from mnstudy.reporting.run.processes import ALONE, Progress, Workers, quiet, workers
from mnstudy.reporting.run.scrub import scrub
from mnstudy.reporting.run.sources import (
    EvidenceSource,
    choices_of,
    collect_evidence,
    collect_trials,
    find_side_by_side,
)
from mnstudy.reporting.tables.write import write_csv, write_tables
from mnstudy.reporting.words import banner
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.finding.finding import Finding

SHIPPED = "published_patients"


def report(
    cohort: Cohort | str | os.PathLike[str] | None = None,
    out: str | Path = "report/",
    *,
    claims: str | Sequence[str] | None = None,
    formats: str | Sequence[str] = FORMATS,
    profile: str = "default",
    notebooks: bool = False,
    release: bool = False,
    reuse: bool = True,
    n_jobs: int | None = None,
    progress: Progress = quiet,
) -> Path:
    """Write every figure, every table and the page: exact for her own eyes, or what may leave.

    The report of a real cohort is internal: it holds exact small counts, and says so in every
    file. With ``release`` it is one that may leave, by the rules of ``docs/disclosure.md``.

    Parameters
    ----------
    cohort : Cohort, str or path, optional
        See ``mnstudy.load``, or what it loads. Without one: the published trials, with the
        published patients beside them. The published trials stand beside a cohort of your own too.
    out : path
        Folder to write: ``index.html`` with the answer first, a page for each claim in
        ``claims/``, figures and tables. An older report in it is replaced when the new one is
        whole; what else lies in it is kept. A report of fewer claims does not replace one of more.
    claims : str or sequence of str, optional
        Ids of the claims to answer, and of the notebooks only those that ask them; all when left
        out.
    formats : str or sequence of str
        Some of svg, png (300 dpi) and pdf, for the figures. The svg is always written, for the
        page; the scorecard always has all of them.
    profile : {"default", "annals", "jama"}
        Number format of the tables.
    notebooks : bool
        Run the shipped notebooks on the data as well, each in a Python of its own, and keep them
        beside the figures; a table in memory has no place they could load it from, so they are
        left out. A release has their code without outputs.
    release : bool
        Write what may leave: counts rounded, small groups withheld, one ledger for all of it. The
        groups are remembered beside the sheet (``releases.jsonl``, ``release.key``), where the
        exact values stay too (``disclosure_internal.csv``).
    reuse : bool
        Take what an earlier run on this machine has worked out from the same data, code and
        versions; False works everything out again. The bytes written do not depend on it.
    n_jobs : int, optional
        Pieces worked out side by side, and as many notebooks beside them; the processors of the
        machine when left out, with 1 one after another. The bytes written do not depend on it.
    progress : callable, optional
        Called with the stage, how much of it is done and how much there is.

    Returns
    -------
    Path
        The folder; ``index.html`` in it is the page. Nothing is written where the report in it
        was made from the same data, code, versions and options, and is whole.

    Raises
    ------
    ValueError
        ``out`` holds something that is not a report, or a report of more claims; an unknown
        format; a release of data that are public already, or without data of one's own.
    KeyError
        An unknown claim id; the nearest are offered.
    DataError
        The data cannot be read.
    ChildProcessError
        A process that worked on the report has ended.

    Notes
    -----
    Results are kept between runs in the cache folder of this user, which others cannot read, and
    forgotten after 30 days without use; where it is not hers alone nothing is kept. Stopped or
    killed at any moment, on a full disk and after any error, a run leaves the older report whole
    and no process behind.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.report(mn.load("my_sheet.csv"), out="report/")  # doctest: +SKIP
    """
    drawn = chosen(formats, FORMATS, "format")
    target = check_target(Path(out))
    if release:
        return _release(
            cohort, target, claims=claims, formats=drawn, profile=profile, notebooks=notebooks,
            reuse=reuse, n_jobs=n_jobs, progress=progress,
        )  # fmt: skip
    made_from = report_fingerprint(
        cohort, claims=claims, formats=drawn, profile=profile, notebooks=notebooks
    )
    if (manifest_of(target) or {}).get("release"):
        raise ValueError(
            f"{target.name} holds a release: name another folder (--out) for an internal report"
        )
    if reuse and is_current(target, made_from):
        progress("nothing changed", 1, 1)
        return target
    _check_shipped(progress)
    if not (cohort is None or isinstance(cohort, Cohort)):
        cohort = load(cohort)
    cohorts = [load(SHIPPED) if cohort is None else cohort]
    asked = _asked(claims, cohorts)
    _refuse_fewer_claims(target, asked)
    kept, internal = _kept_in(reuse), banner(cohorts)
    with ExitStack() as stack:
        folder = stack.enter_context(whole_folder(target, private=bool(internal)))
        private = str(stack.enter_context(folder_of_run(place_of_runs(), 0o700)))
        some, beside = [stack.enter_context(workers(n_jobs, folder=kept)) for _ in range(2)]
        names, texts = (
            begin_notebooks(
                cohort, asked, beside, private=private, done=partial(progress, "notebooks")
            )
            if notebooks
            else ([], iter(()))
        )
        sources = collect_evidence(
            cohorts, progress, claims=asked, profile=profile, trials_first=cohort is None,
            workers=some,
        )  # fmt: skip
        addresses = [f"notebooks/{name}" for name in sorted(names)]
        write_report(
            sources,
            folder,
            formats=drawn,
            workers=some,
            progress=progress,
            notebooks=addresses,
            internal=internal,
        )
        for name, text in zip(names, texts, strict=True):
            (folder / "notebooks").mkdir(exist_ok=True)
            (folder / "notebooks" / name).write_text(text, encoding="utf-8", newline="\n")
        if internal:
            head_files(folder, internal)
        write_manifest(folder, origin(sources, asked, made_from, internal))
    if kept:
        forget_old(kept)
    return target


def _kept_in(reuse: bool) -> Path | None:
    """Return the folder where results are kept; say it where there is none that is safe."""
    folder = cache_folder() if reuse else None
    if reuse and folder is None:
        print("others may open the cache folder: nothing is kept for the next run", file=sys.stderr)
    return folder


def _release(
    data: Cohort | str | os.PathLike[str] | None,
    target: Path,
    *,
    claims: str | Sequence[str] | None,
    formats: Sequence[str],
    profile: str,
    notebooks: bool,
    reuse: bool,
    n_jobs: int | None,
    progress: Progress,
) -> Path:
    """Write what may leave of one cohort, and keep the private record of it."""
    if data is None:
        raise ValueError("a release is of data of one's own: name the sheet or its study.toml")
    if profile != "default":
        raise ValueError(f"the number format {profile} does nothing in a release: leave it out")
    before = manifest_of(target)
    if before is not None and not before.get("release", ""):
        raise ValueError(
            f"{target.name} holds an internal report: name another folder (--out) for the release"
        )
    _check_shipped(progress)
    cohort = data if isinstance(data, Cohort) else load(data)
    opened(cohort)  # what cannot leave is refused before anything is worked out
    asked = _asked(claims, [cohort])
    _refuse_fewer_claims(target, asked)
    kept = _kept_in(reuse)
    with whole_folder(target) as folder, workers(n_jobs, folder=kept) as some:
        (findings,) = find_side_by_side([cohort], asked, some, progress)
        choices = choices_of(cohort, findings, workers=some, progress=progress)
        _, trials = collect_trials(load_published(), workers=some, progress=progress)
        beside = {f.claim.id: _beside(f) for f in trials if f.estimate is not None}
        progress("release", 0, 2)
        made = released(cohort, findings, choices=choices, beside=beside, tables=True)
        progress("release", 1, 2)
        write_release(made, folder, formats=formats, versions=versions(), notebooks=notebooks)
        scrub(folder, [cohort])
        write_manifest(folder, release_origin(made, asked, versions()))
        made.keep()  # before anybody sees the release: better one group too many than one too few
        progress("release", 2, 2)
    return target


def _beside(finding: Finding) -> str:
    """Say what the published trials found: their numbers are public."""
    assert finding.estimate is not None
    certainty = f", certainty {finding.certainty}" if finding.certainty else ""
    return f"{finding.in_full}: {fmt.interval(finding.estimate)} {finding.estimate.unit}{certainty}"


def write_report(
    sources: Sequence[EvidenceSource],
    folder: Path,
    *,
    progress: Progress,
    formats: Sequence[str] = FORMATS,
    workers: Workers = ALONE,
    notebooks: Sequence[str] = (),
    internal: str = "",
) -> None:
    """Write everything about these sources into a folder, but notebooks.

    The pages come last, for they name every other file, and the addresses of the notebooks.
    ``internal`` heads page, figures and Word files; see ``head_files`` for the others.
    """
    pictures = draw_figures(
        sources, folder, formats=formats, workers=workers, progress=progress, internal=internal
    )
    progress("tables and page", 0, 3)
    columns = [(b.heading, b.findings) for b in sources]
    write_csv(scorecard_table(columns).reset_index(), folder / "scorecard.csv")
    _write_numbers(sources, folder)
    progress("tables and page", 1, 3)
    for source in sources:
        write_tables(folder / "tables" / source.key, source.tables, internal=internal)
    write_trials(sources, folder)
    write_csv(checklist_frame(sources), folder / "checklist.csv")
    for chart in shipped_charts():
        write_csv(chart.certificate.table, folder / "certificate.csv")
    progress("tables and page", 2, 3)
    made = pages(
        sources,
        pictures,
        versions=versions(),
        register_sha256=register_sha256(),
        notebooks=notebooks,
        downloads=downloads(folder, sources, also=notebooks),
        internal=internal,
    )
    for address, html in made.items():
        (folder / address).parent.mkdir(exist_ok=True)
        (folder / address).write_text(html, encoding="utf-8", newline="\n")
    progress("tables and page", 3, 3)


def _write_numbers(sources: Sequence[EvidenceSource], folder: Path) -> None:
    frames = {
        "results": results_frame(b.findings for b in sources),
        "parts": parts_frame(b.findings for b in sources),
        "sensitivity": sensitivity_frame(sources),
        "specifications": specifications_frame(sources),
        "attrition": flow_frame(sources),
        "dropouts": dropouts_frame(sources),
    }
    for name, frame in frames.items():
        write_csv(frame, folder / f"{name}.csv")


def _asked(claims: str | Sequence[str] | None, cohorts: Sequence[Cohort]) -> tuple[str, ...]:
    """Return the ids of the claims asked, in the order of the register; none for all."""
    if claims is None:
        return ()
    own = {k: v for cohort in cohorts for k, v in own_claims(cohort.study).items()}
    ids = {claim.id for claim in select(claims, own)}
    if not ids:
        raise ValueError("no claim was asked: name one, or leave claims out to answer all of them")
    return tuple(c.id for c in select(None, own) if c.id in ids)


def _refuse_fewer_claims(target: Path, asked: Sequence[str]) -> None:
    """Keep a report of all claims from being replaced by one of a few."""
    before = manifest_of(target)
    if before is None or not asked:
        return
    there = before.get("claims", [])
    lost = [c for c in there if c not in asked]
    if there and not lost:
        return
    of = fmt.count(len(there), "claim") if there else "all claims"
    raise ValueError(
        f"{target.name} holds a report of {of}: name another folder (--out) for one of "
        f"{fmt.count(len(asked), 'claim')}, or leave the older one's claims in"
    )


def _check_shipped(progress: Progress) -> None:
    """Hold the shipped data against their fingerprints; the published tables are always used."""
    folder = data_dir()
    sets = len(read_manifest(folder)["dataset"])
    progress("data", 0, sets)
    problems = check_manifest(folder)
    if problems:
        fail("data/manifest.toml", *problems)
    progress("data", sets, sets)
