"""The figures of a report: drawn side by side, written with their data, kept for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from mnstudy.reporting import captions, figures, theme
from mnstudy.reporting.bodies import Body
from mnstudy.reporting.charts import Chart
from mnstudy.reporting.claim_charts import claim_charts, overview_charts
from mnstudy.reporting.page import Drawn
from mnstudy.reporting.page_checks import curve_key
from mnstudy.reporting.specification_words import curve_data, is_a_curve
from mnstudy.reporting.svg import data_address
from mnstudy.reporting.tables import write_csv
from mnstudy.verdicts.findings import Finding
from mnstudy.verdicts.robustness.specification import SpecificationCurve

FIGURES_PER_JOB = 10  # fewer are drawn before a second process has started
Progress = Callable[[str, int, int], None]
Shown = Finding | SpecificationCurve | Chart


@dataclass(frozen=True, slots=True)
class _Files:
    """A figure, drawn but not yet written."""

    wide: bytes
    narrow: bytes
    png: bytes
    inches: tuple[float, float]


def draw_figures(
    bodies: Sequence[Body], folder: Path, *, png: bool, n_jobs: int | None, progress: Progress
) -> dict[tuple[str, str], Drawn]:
    """Draw and write every figure; return them by the key of the body and their own.

    The figure of a finding has the id of its claim for a key, that of a specification curve
    ``curve_key`` of it, a chart of the published evidence its own key.
    """
    wanted = list(_wanted(bodies))
    drawn = {}
    progress("figures", 0, len(wanted))
    files = _draw_all([shown for _, _, shown in wanted], png=png, n_jobs=n_jobs)
    for i, ((body, key, shown), made) in enumerate(zip(wanted, files, strict=True), 1):
        drawn[body, key] = _write(shown, made, folder, f"figures/{body}/{key}")
        progress("figures", i, len(wanted))
    return drawn


def _wanted(bodies: Sequence[Body]) -> Iterator[tuple[str, str, Shown]]:
    for body in bodies:
        for finding in body.findings:
            if is_drawn(finding):
                yield body.key, finding.claim.id, finding
        for curve in body.checked.curves if body.checked else ():
            if is_a_curve(curve):
                yield body.key, curve_key(curve.finding.claim.id), curve
        for chart in _charts(body):
            yield body.key, chart.key, chart


def is_drawn(finding: Finding) -> bool:
    """Tell whether a report has a figure of it: an estimate, or studies that only describe."""
    return finding.estimate is not None or any(p.kind == "study" for p in finding.parts)


def _charts(body: Body) -> Iterator[Chart]:
    """Give the charts of published evidence, those of the claims that were put to it."""
    if body.trials is None:
        return
    yield from overview_charts(body.trials, body.findings)
    for finding in body.findings:
        if finding.claim.id in body.trials.states:
            yield from claim_charts(body.trials, finding.claim.id)


def _draw(shown: Shown, png: bool) -> _Files:
    wide, narrow = figures.plot(shown), figures.plot(shown, width="column")
    width, height = wide.get_size_inches()
    return _Files(
        theme.svg_bytes(wide),
        theme.svg_bytes(narrow),
        theme.png_bytes(wide) if png else b"",
        (float(width), float(height)),
    )


def _draw_all(wanted: Sequence[Shown], *, png: bool, n_jobs: int | None) -> Iterable[_Files]:
    """Draw side by side where that pays; workers only draw, so that nothing is written late."""
    jobs = min(n_jobs or cpu_count(), len(wanted) // FIGURES_PER_JOB)
    if jobs < 2:
        return (_draw(x, png) for x in wanted)
    work = Parallel(n_jobs=jobs, return_as="generator")
    drawn: Iterable[_Files] = work(delayed(_draw)(x, png) for x in wanted)
    return drawn


def _write(shown: Shown, made: _Files, folder: Path, path: str) -> Drawn:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_suffix(".svg").write_bytes(made.wide)
    if made.png:
        target.with_suffix(".png").write_bytes(made.png)
    write_csv(_data(shown), target.with_suffix(".csv"))
    return Drawn(
        wide=data_address(made.wide),
        narrow=data_address(made.narrow),
        width=round(96 * made.inches[0]),
        height=round(96 * made.inches[1]),
        path=path,
        files=("svg", "png", "csv") if made.png else ("svg", "csv"),
    )


def _data(shown: Shown) -> pd.DataFrame:
    if isinstance(shown, SpecificationCurve):
        return curve_data(shown)
    if isinstance(shown, Chart):
        return shown.data()
    return captions.figure_data(shown)
