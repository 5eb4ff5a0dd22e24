"""The figure of a finding, and which further charts a cohort or the published evidence has.

Figures compute nothing: they draw what a finding holds. No patient is ever drawn.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mnstudy.cache import cached
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure import guarded_finding, shown_size
from mnstudy.disclosure.displays import guarded_display
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.charts.curves import DosePlot, ResponderPlot, WaitingPlot
from mnstudy.reporting.figures.charts.grades import GradeChart
from mnstudy.reporting.figures.charts.harms import HarmsPlot
from mnstudy.reporting.figures.charts.pairs import PairPlot, TrajectoryPlot
from mnstudy.reporting.figures.charts.points import PointPlot
from mnstudy.reporting.figures.correlations import article_shares, correlations
from mnstudy.reporting.figures.drawing import draw_mark, draw_panel
from mnstudy.reporting.figures.evidence_map import whole_map
from mnstudy.reporting.figures.forest import SessionMeans, forest_panels
from mnstudy.reporting.figures.intervals import (
    Panel,
    comparison_panel,
    estimate_panel,
    lay_out,
    part_panels,
    same_axis,
)
from mnstudy.reporting.figures.published import albatross, funnel, harvest_plot
from mnstudy.reporting.figures.specification import plot_curve
from mnstudy.reporting.figures.style import Picture, inch_text, line_height, wrap
from mnstudy.reporting.words import alt_text
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.displays.dose import dose_curve
from mnstudy.verdicts.displays.grades import grade_flow
from mnstudy.verdicts.displays.harms import harms
from mnstudy.verdicts.displays.pairs import pairs
from mnstudy.verdicts.displays.points import points
from mnstudy.verdicts.displays.responders import responder_curve
from mnstudy.verdicts.displays.trajectories import trajectories
from mnstudy.verdicts.displays.waiting import waiting
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.evidence.trials import Trials
from mnstudy.verdicts.finding.cache_keys import cohort_basis, finding_basis
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.robustness.specification import SpecificationCurve

MARGIN = 0.12  # inches around everything
BETWEEN = 0.16


def plot(
    finding: Finding | Sequence[Finding] | SpecificationCurve | Chart, *, width: str = "full"
) -> Picture:
    """Draw a finding, what several bodies of data say about one claim, or a specification curve.

    Parameters
    ----------
    finding : Finding, sequence of Finding, SpecificationCurve or Chart
        One finding; findings about the same claim, drawn beneath each other; or a claim under all
        combinations of choices, see ``mnstudy.specification_curve``; or a chart of the published
        evidence.
    width : str
        ``full`` (180 mm, both columns of a journal), ``column`` (85 mm) or ``slide`` (10 inches,
        letters of 14 points).

    Returns
    -------
    Picture
        A matplotlib figure; ``picture.savefig(path)`` writes it, ``picture.alt`` describes it.

    Raises
    ------
    ValueError
        No finding was given, or findings about several claims; an unknown width.
    TypeError
        Something else was given, such as the id of a claim; the nearest is offered.

    Notes
    -----
    Of a claim that is not testable the figure says why, and draws what further numbers there are.

    Examples
    --------
    >>> import mnstudy as mn
    >>> findings = mn.evaluate(mn.load("demo_split_face"), claims="topical-adjunct")
    >>> mn.plot(findings["topical-adjunct"]).alt[:44]
    'Intervals on an axis. Needling with a serum '
    """
    if isinstance(finding, Chart):
        return style.at_width(finding.draw, width)
    if isinstance(finding, SpecificationCurve):
        return style.at_width(partial(plot_curve, finding), width)
    findings = [guarded_finding(f) for f in _findings(finding)]
    return style.at_width(partial(_plot_findings, _drawable(findings)), width)


def _findings(given: Any) -> list[Finding]:
    """Return the findings given, one or several; TypeError for anything else."""
    if isinstance(given, str):
        near = difflib.get_close_matches(given, registry(), n=1, cutoff=0.4)
        claim = repr(near[0]) if near else "claim_id"
        how = f"mn.plot(mn.evaluate(cohort, {claim})[{claim}]); mn.claims() lists the ids"
        raise TypeError(f"plot draws a finding, not the text {given!r}: {how}")
    several = isinstance(given, Iterable) and not isinstance(given, Finding)
    findings = list(given) if several else [given]
    for one in findings:
        if not isinstance(one, Finding):
            raise TypeError(
                f"plot takes a finding, a chart, a specification curve or findings about one "
                f"claim, not {type(one).__name__}"
            )
    return findings


def _plot_findings(shown: Sequence[Finding], width: float, size: float) -> Picture:
    canvas = _Canvas(width, size)
    head = _head(shown, canvas)
    blocks = _blocks(shown, canvas)
    height = sum(b.height for b in blocks) + BETWEEN * len(blocks) + head.height + 2 * MARGIN
    with style.themed():
        picture = style.new_picture(canvas.width, height, _alt(shown))
        if any(f.synthetic for f in shown):
            style.watermark(picture)
        top = MARGIN
        for block in (head, *blocks):
            block.draw(picture, top)
            top += block.height + BETWEEN
    return picture


def _drawable(findings: Sequence[Finding]) -> list[Finding]:
    if not findings:
        raise ValueError("there is nothing to draw: no finding was given")
    if len({f.claim.id for f in findings}) > 1:
        raise ValueError(
            "these findings answer different claims: draw them one by one, or use the scorecard"
        )
    return [f for f in findings if f.estimate is not None] or list(findings[:1])


def _alt(findings: Sequence[Finding]) -> str:
    return " ".join(alt_text(f) for f in findings)


@dataclass(frozen=True, slots=True)
class _Canvas:
    width: float
    size: float

    @property
    def inner(self) -> float:
        return self.width - 2 * MARGIN


@dataclass(frozen=True, slots=True)
class _Head:
    """Title, estimand and, for each finding, data and verdict."""

    canvas: _Canvas
    lines: tuple[tuple[str, float, str, str], ...]
    marks: tuple[tuple[int, str], ...]

    @property
    def height(self) -> float:
        return sum(line_height(size) for _, size, _, _ in self.lines)

    def draw(self, picture: Picture, top: float) -> None:
        marks, at = dict(self.marks), top
        for i, (text, size, colour, weight) in enumerate(self.lines):
            indent = 0.0 if colour != style.INK or weight == "bold" else 0.16
            look: dict[str, Any] = {"fontsize": size, "color": colour, "fontweight": weight}
            inch_text(picture, MARGIN + indent, at, text, **look)
            if i in marks:
                draw_mark(picture, MARGIN + 0.05, at + line_height(size) / 2, marks[i])
            at += line_height(size)


def _head(findings: Sequence[Finding], canvas: _Canvas) -> _Head:
    claim, size = findings[0].claim, canvas.size
    lines = [(t, size + 2, style.INK, "bold") for t in _wrapped(claim.title, canvas, 2, bold=True)]
    lines += [
        (t, size - 0.5, style.MUTED, "normal") for t in _wrapped(claim.estimand, canvas, -0.5)
    ]
    marks = []
    for finding in findings:
        mark = " · SYNTHETIC DATA" if finding.synthetic else ""
        source = " · ".join(x for x in (finding.dataset + mark, shown_size(finding)) if x)
        lines += [(t, size - 0.5, style.MUTED, "normal") for t in _wrapped(source, canvas, -0.5)]
        marks.append((len(lines), finding.verdict))
        words = wrap(f"{finding.verdict}: {finding.reason}", canvas.inner - 0.16, size)
        lines += [(t, size, style.INK, "normal") for t in words]
    return _Head(canvas, tuple(lines), tuple(marks))


def _wrapped(text: str, canvas: _Canvas, larger: float, *, bold: bool = False) -> list[str]:
    return wrap(text, canvas.inner, canvas.size + larger, bold=bold)


@dataclass(frozen=True, slots=True)
class _RowBlock:
    panel: Panel
    canvas: _Canvas

    @property
    def height(self) -> float:
        return lay_out(self.panel, self.canvas.inner, self.canvas.size).height

    def draw(self, picture: Picture, top: float) -> None:
        layout = lay_out(self.panel, self.canvas.inner, self.canvas.size)
        draw_panel(picture, self.panel, layout, MARGIN, top)


def _blocks(findings: Sequence[Finding], canvas: _Canvas) -> list[_RowBlock | SessionMeans]:
    if len(findings) > 1:
        panels = [comparison_panel(g, labels=[f.dataset for f in g]) for g in same_axis(findings)]
        return [_RowBlock(panel, canvas) for panel in panels]
    finding = findings[0]
    forest = forest_panels(finding)
    untold = finding.estimate is not None and not _forest_says_it(finding)
    main = [estimate_panel(finding)] if untold else []
    sessions = [p for p in finding.parts if p.kind == "session"]
    blocks: list[_RowBlock | SessionMeans] = [_RowBlock(p, canvas) for p in (*main, *forest)]
    parts = part_panels(finding)
    if sessions:
        gains = next((p for p in parts if p.kind == "gain"), None)
        blocks.append(
            SessionMeans(finding, tuple(sessions), gains, MARGIN, canvas.inner, canvas.size)
        )
        parts = [p for p in parts if p is not gains]
    return [*blocks, *(_RowBlock(p, canvas) for p in parts)]


def _forest_says_it(finding: Finding) -> bool:
    """Tell whether the first pooled value among the parts is the estimate itself."""
    pooled = next((p for p in finding.parts if p.kind == "pooled"), None)
    estimate = finding.estimate
    if pooled is None or estimate is None:
        return False
    return (pooled.value, pooled.ci_low) == (estimate.value, estimate.ci_low)


def claim_charts(directions: Directions, groups: Iterable[StudyGroup]) -> list[Chart]:
    """Return the charts of one claim; none where there is too little to draw."""
    charts = [*map(funnel, groups), harvest_plot(directions), albatross(directions)]
    return [chart for chart in charts if chart is not None]


def overview_charts(trials: Trials, findings: Iterable[Finding]) -> list[Chart]:
    """Return the charts of the evidence as a whole."""
    charts = [article_shares(findings), whole_map(trials), correlations(trials)]
    return [chart for chart in charts if chart is not None]


def course_charts(cohort: Cohort, finding: Finding) -> list[Chart]:
    """Return the charts of one finding of a cohort: dose curve, responders, time to response.

    Parameters
    ----------
    cohort : Cohort
        The data that the finding is about.
    finding : Finding

    Returns
    -------
    list of Chart
        Often empty: a claim that is not testable, or asks neither of a dose, nor of improvement,
        nor of a time, has none.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> found = mn.evaluate(cohort, ["more-sessions", "topical-adjunct", "rare-pih"])
    >>> [chart.key for f in found for chart in course_charts(cohort, f)]
    ['dose/more-sessions', 'responders/topical-adjunct']
    """
    charts: list[Chart] = []
    if (dose := guarded_display(dose_curve(cohort, finding))) is not None:
        charts.append(DosePlot(curve=dose))
    if (responders := guarded_display(responder_curve(cohort, finding))) is not None:
        charts.append(ResponderPlot(curve=responders))
    if (times := guarded_display(waiting(cohort, finding))) is not None:
        charts.append(WaitingPlot(waiting=times))
    return charts


def harms_chart(cohort: Cohort, confidence_level: float | None = None) -> Chart | None:
    """Return the chart of the adverse events of a cohort; None where none is recorded.

    Parameters
    ----------
    cohort : Cohort
    confidence_level : float, optional
        That of the plan when left out.

    Examples
    --------
    >>> import mnstudy as mn
    >>> harms_chart(mn.load("demo_split_face")).key
    'harms'
    """
    level = cohort.study.plan.confidence_level if confidence_level is None else confidence_level
    found = guarded_display(harms(cohort, confidence_level=level))
    return HarmsPlot(harms=found) if found is not None and len(found.rows) else None


def effect_charts(cohort: Cohort, finding: Finding) -> list[Chart]:
    """Return the charts that fit a finding of this cohort.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding
        What ``mnstudy.evaluate`` found; a claim that is not testable has no charts.

    Returns
    -------
    list of Chart
        An estimation plot for groups and for changes of one group, paired slopes for a split
        body, trajectories for a slope over sessions, a grade flow where grades are known. Often
        none. ``mnstudy.plot`` draws each.

    Notes
    -----
    Nothing of the finding is computed again: the charts hold its estimate. What they show of a
    real cohort rests on five patients or more, dot by dot and line by line.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> finding = mn.evaluate(cohort, claims="topical-adjunct")["topical-adjunct"]
    >>> [chart.key for chart in effect_charts(cohort, finding)]
    ['pairs/topical-adjunct']
    """
    charts: list[Chart] = []
    if (shown := guarded_display(points(cohort, finding))) is not None:
        charts.append(PointPlot(points=shown))
    if (both := guarded_display(pairs(cohort, finding))) is not None:
        charts.append(PairPlot(pairs=both))
    if (course := guarded_display(trajectories(cohort, finding))) is not None:
        charts.append(TrajectoryPlot(course=course))
    if (flow := guarded_display(grade_flow(cohort, finding))) is not None:
        charts.append(GradeChart(flow=flow))
    return charts


def charts(cohort: Cohort, claim: str) -> list[Chart]:
    """Return the further figures of a claim: points, pairs, courses, dose, responders, waiting.

    Parameters
    ----------
    cohort : Cohort
        See ``mnstudy.load``.
    claim : str
        Claim id.

    Returns
    -------
    list of Chart
        Those that fit the claim and the data, none where it is not testable. ``mnstudy.plot``
        draws each of them; ``chart.data()`` has every number drawn, ``chart.caption`` says how
        many are behind it. Of a real cohort nobody is drawn singly: a dot or a line is the mean of
        five people or more.

    Raises
    ------
    KeyError
        An unknown claim id; the nearest are offered.

    Notes
    -----
    The rows are those behind the estimate, and the estimate is that of ``mnstudy.evaluate``; rows
    with a missing value it needs are left out and counted there.

    Examples
    --------
    >>> import mnstudy as mn
    >>> [chart.key for chart in mn.charts(mn.load("demo_split_face"), "topical-adjunct")]
    ['pairs/topical-adjunct', 'responders/topical-adjunct']
    """
    return charts_of(cohort, evaluate(cohort, claim)[0])


def charts_of(cohort: Cohort, finding: Finding) -> list[Chart]:
    """Return the further figures of a finding of this cohort."""
    if finding.estimate is None:
        return []
    inputs = (*cohort_basis(cohort), finding_basis(finding))
    return cached(
        "charts", inputs, lambda: [*effect_charts(cohort, finding), *course_charts(cohort, finding)]
    )
