"""The figures of a report: drawn side by side, written with their data, kept for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pandas as pd

from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart, Plan, draw_plan
from mnstudy.reporting.figures.plot import plan_of
from mnstudy.reporting.figures.specification import curve_data, is_a_curve
from mnstudy.reporting.page.certificate import CERTIFICATE, shipped_charts
from mnstudy.reporting.page.scorecard import scorecard
from mnstudy.reporting.page.sections import PageFigure, curve_key
from mnstudy.reporting.run.origin import finding_basis
from mnstudy.reporting.run.processes import ALONE, CachedCall, Progress, Workers
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.write import csv_bytes
from mnstudy.reporting.words import figure_data
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.specification import SpecificationCurve

FORMATS = tuple(style.WRITERS)
SCORECARD_DPI = 118
Shown = Finding | SpecificationCurve | Chart
Key = tuple[str, str]  # of the source of data and the figure


def draw_figures(
    sources: Sequence[EvidenceSource],
    folder: Path,
    *,
    formats: Sequence[str],
    workers: Workers = ALONE,
    progress: Progress,
    internal: str = "",
) -> dict[tuple[str, str], PageFigure]:
    """Draw and write every figure and the scorecard; return the figures by body and key.

    The figure of a finding has the id of its claim for a key, that of a specification curve
    ``curve_key`` of it, a chart its own key. ``formats`` are some of ``FORMATS``; the pages
    need svg, which is always drawn, also as wide as a column. ``internal`` stands in each of
    them, see ``words.banner``.
    """
    # The last ones show all claims at once and take longest: begun first, none is waited for.
    wanted = dict(list(_wanted(sources))[::-1])
    every = tuple(f for f in FORMATS if f == "svg" or f in formats)
    columns = [(b.heading, b.findings) for b in sources]
    basis = [(name, [finding_basis(f) for f in found]) for name, found in columns]
    pieces = [CachedCall("scorecard", (*basis, internal), _scorecard, (columns, internal))]
    pieces += [
        CachedCall(
            "figure", (_basis(shown), every, key, internal), _draw, (shown, every, key, internal)
        )
        for key, shown in wanted.items()
    ]
    made = workers.results(pieces, partial(progress, "figures"))
    folder.mkdir(parents=True, exist_ok=True)
    _write(next(made), folder / "scorecard")
    figures = {}
    for key, (figure, files) in zip(wanted, made, strict=True):
        _write(files, folder / figure.path)
        figures[key] = figure
    return figures


def _write(files: Mapping[str, bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for ending, content in files.items():
        target.with_name(f"{target.name}.{ending}").write_bytes(content)


def _scorecard(columns: Sequence[tuple[str, Findings]], internal: str) -> dict[str, bytes]:
    """Draw the scorecard: always in every format, for it is what is passed on."""
    picture = scorecard(columns, internal)
    return {
        ending: style.png_bytes(picture, SCORECARD_DPI) if ending == "png" else write(picture)
        for ending, write in style.WRITERS.items()
    }


def _basis(shown: Shown) -> Shown:
    """Return what a figure depends on."""
    if isinstance(shown, Finding):
        return finding_basis(shown)
    if isinstance(shown, SpecificationCurve):
        return replace(shown, finding=finding_basis(shown.finding))
    return shown


def _wanted(sources: Sequence[EvidenceSource]) -> Iterator[tuple[Key, Shown]]:
    for source in sources:
        for finding in source.findings:
            if is_drawn(finding):
                yield (source.key, finding.claim.id), finding
        for curve in source.checked.curves if source.checked else ():
            if is_a_curve(curve):
                yield (source.key, curve_key(curve.finding.claim.id)), curve
        for chart in _charts(source):
            yield (source.key, chart.key), chart
    for chart in shipped_charts():
        yield (CERTIFICATE, chart.key), chart


def is_drawn(finding: Finding) -> bool:
    """Tell whether a report has a figure of it: an estimate, or studies that only describe."""
    return finding.estimate is not None or any(p.kind == "study" for p in finding.parts)


def _charts(source: EvidenceSource) -> Iterator[Chart]:
    """Give the further figures of a source of data."""
    for charts in source.charts.values():
        yield from charts
    if source.harms is not None:
        yield source.harms
    yield from source.overview


def _draw(
    shown: Shown, formats: Sequence[str], key: Key, internal: str
) -> tuple[PageFigure, dict[str, bytes]]:
    """Draw a figure; return it as the page has it, and its files by ending."""
    own = plan_of(shown)

    def plan(look: style.Look) -> Plan:
        found = own(look)
        return replace(found, words=[*found.words, internal]) if internal else found

    wide, narrow = (cast(style.Picture, draw_plan(plan, width=x)) for x in ("full", "column"))
    width, height = wide.get_size_inches()
    files = {name: style.WRITERS[name](wide) for name in formats}
    files["column.svg"] = style.svg_bytes(narrow)
    files["csv"] = csv_bytes(_data(shown))
    said = {"alt": shown.alt, "caption": shown.caption} if isinstance(shown, Chart) else {}
    figure = PageFigure(
        width=round(96 * width),
        height=round(96 * height),
        path="/".join(("figures", *key)),
        files=tuple(files),
        **said,
    )
    return figure, files


def _data(shown: Shown) -> pd.DataFrame:
    if isinstance(shown, SpecificationCurve):
        return curve_data(shown)
    if isinstance(shown, Chart):
        return shown.data()
    return figure_data(shown)
