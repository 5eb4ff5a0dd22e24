"""The figure of a finding, and which further charts a cohort or the published evidence has.

Figures compute nothing: they draw what a finding, or a display of a cohort, holds.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, overload

from matplotlib.axes import Axes

from mnstudy.cohort.table import Cohort
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import (
    Chart,
    Entry,
    Panel,
    Plan,
    draw_plan,
    source_line,
    verdict_sample,
)
from mnstudy.reporting.figures.curves import DosePlot, ResponderPlot, WaitingPlot
from mnstudy.reporting.figures.evidence_map import article_shares, correlations, whole_map
from mnstudy.reporting.figures.forest import (
    comparison_tables,
    estimate_table,
    forest_key,
    forest_tables,
    is_estimate,
    part_tables,
    sessions_panel,
)
from mnstudy.reporting.figures.grades import GradeChart
from mnstudy.reporting.figures.harms import HarmsPlot
from mnstudy.reporting.figures.intervals import intervals_panel
from mnstudy.reporting.figures.patients import PairPlot, PointPlot, TrajectoryPlot
from mnstudy.reporting.figures.published import albatross, funnel, harvest_plot
from mnstudy.reporting.figures.specification import ResidualPlot, curve_plan
from mnstudy.reporting.figures.style import Look, Palette, Picture, Width
from mnstudy.reporting.words import alt_text, forest_foot, is_published
from mnstudy.verdicts.analyses.models.assumptions import BROKEN
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.displays.dose import dose_curve
from mnstudy.verdicts.displays.grades import grade_flow
from mnstudy.verdicts.displays.harms import harms
from mnstudy.verdicts.displays.pairs import pairs
from mnstudy.verdicts.displays.points import points
from mnstudy.verdicts.displays.residuals import residuals
from mnstudy.verdicts.displays.responders import responder_curve
from mnstudy.verdicts.displays.trajectories import trajectories
from mnstudy.verdicts.displays.waiting import waiting
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.evidence.trials import Trials
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.verdicts.robustness.specification import SpecificationCurve

Drawable = Finding | Sequence[Finding] | SpecificationCurve | Chart


@overload
def plot(
    finding: Drawable,
    *,
    ax: None = None,
    width: Width = None,
    palette: Palette = None,
    title: str | None = None,
) -> Picture: ...


@overload
def plot(
    finding: Drawable, *, ax: Axes, palette: Palette = None, title: str | None = None
) -> Axes: ...


def plot(
    finding: Drawable,
    *,
    ax: Axes | None = None,
    width: Width = None,
    palette: Palette = None,
    title: str | None = None,
) -> Axes | Picture:
    """Draw a finding, several findings, a specification curve or a chart.

    Parameters
    ----------
    finding : Finding, sequence of Finding, SpecificationCurve or Chart
        One finding with its further numbers; several, one beneath the other, those of one unit on
        one axis; a claim under all combinations of choices, see ``mnstudy.specification_curve``;
        or one of ``mnstudy.charts``.
    ax : Axes, optional
        The main panel is drawn on it: of a finding its estimate and what can be read on the same
        axis. A figure of its own, with every panel, when left out.
    width : str or float, optional
        Of the figure: ``full`` (180 mm, both columns of a journal; the default), ``column``
        (85 mm), ``slide`` (254 mm, letters of 14 points) or millimetres from 60 to 500.
    palette : str, sequence of colours or mapping, optional
        A palette of seaborn by its name, colours, or a colour for some verdicts; colours stand for
        the verdicts (supported, partly supported, inconclusive, too small to matter, contradicted,
        not testable) and for groups, each in their order. Markers stay.
    title : str, optional
        In place of the title of the claim; an empty one for none. On an Axes of yours no title is
        written unless you give one.

    Returns
    -------
    Axes or Picture
        The Axes that was given, else a matplotlib figure; both can be drawn on.
        ``picture.savefig(path)`` writes it, ``picture.alt`` describes it.

    Raises
    ------
    ValueError
        No finding was given; a width or palette that does not exist; findings of several units, or
        a width, for one Axes.
    TypeError
        Something else was given, such as the id of a claim; the nearest is offered.

    Notes
    -----
    Figures compute nothing. Of a claim that is not testable the figure says why, and draws what
    further numbers there are. The same call gives the same bytes.

    Examples
    --------
    >>> import mnstudy as mn
    >>> findings = mn.evaluate(mn.load("demo_split_face"), claims="topical-adjunct")
    >>> mn.plot(findings["topical-adjunct"]).alt[:44]
    'Intervals on an axis. Needling with a serum '
    """
    plan = plan_of(finding, one_unit=ax is not None)
    return draw_plan(plan, ax=ax, width=width, palette=palette, title=title)


def plan_of(given: Drawable, *, one_unit: bool = False) -> Callable[[Look], Plan]:
    """Return what lays out the thing given; ``one_unit`` refuses findings of several."""
    if isinstance(given, Chart):
        return given.plan
    if isinstance(given, SpecificationCurve):
        return partial(curve_plan, given)
    shown = _drawable(_findings(given))
    units = {f.estimate.unit for f in shown if f.estimate is not None}
    if one_unit and len(units) > 1:
        raise ValueError(
            f"these findings are in {' and in '.join(sorted(units))}: an Axes has one unit; draw "
            "them apart, or leave ax out"
        )
    return partial(_findings_plan, shown)


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
                f"plot takes findings, a chart or a specification curve, not {type(one).__name__}"
            )
    return findings


def _drawable(findings: Sequence[Finding]) -> list[Finding]:
    if not findings:
        raise ValueError("there is nothing to draw: no finding was given")
    return [f for f in findings if f.estimate is not None] or list(findings[:1])


def _findings_plan(shown: Sequence[Finding], look: Look) -> Plan:
    first = shown[0]
    if len(shown) == 1:
        panels = _finding_panels(first, look)
    else:
        panels = [intervals_panel(table, look) for table in comparison_tables(shown)]
    one_claim = len({f.claim.id for f in shown}) == 1
    forest = len(shown) == 1 and is_published(first)
    return Plan(
        title=first.claim.title if one_claim else "",
        words=_words(shown, look) if one_claim else [],
        panels=panels,
        key=[] if one_claim else _verdict_key(shown, look),
        other_key=forest_key(first, look) if forest else [],
        foot=forest_foot(first)
        if forest
        else [str(x) for x in first.remarks if x.kind in ("beyond_scale", "whole_scale")],
        alt=" ".join(alt_text(f) for f in shown),
        synthetic=any(f.synthetic for f in shown),
    )


def _words(shown: Sequence[Finding], look: Look) -> list[str | Entry]:
    """Return the estimand and, for each finding, data and verdict."""
    claim = shown[0].claim
    published = all(map(is_published, shown))
    words: list[str | Entry] = [claim.says if published else claim.estimand]
    for finding in shown:
        words.append(source_line(finding.dataset, synthetic=finding.synthetic, size=finding.size))
        handle = verdict_sample(look, finding.verdict)
        words.append((handle, f"{finding.in_full}: {finding.reason}"))
    return words


def _verdict_key(shown: Sequence[Finding], look: Look) -> list[Entry]:
    found = {f.verdict for f in shown}
    return [(verdict_sample(look, v), v) for v in VERDICTS if v in found]


def _finding_panels(finding: Finding, look: Look) -> list[Panel]:
    """Return the estimate, the studies behind it, the course over sessions and further parts."""
    forest = forest_tables(finding)
    untold = finding.estimate is not None and not _forest_says_it(finding)
    main = [estimate_table(finding)] if untold else []
    panels = [intervals_panel(table, look) for table in (*main, *forest)]
    sessions = [p for p in finding.parts if p.kind == "session"]
    if sessions:
        panels.append(sessions_panel(finding, sessions, look))
    return [*panels, *(intervals_panel(table, look) for table in part_tables(finding))]


def _forest_says_it(finding: Finding) -> bool:
    """Tell whether the estimate is drawn among the studies: a pooled value, or the only study."""
    pooled = next((p for p in finding.parts if p.kind == "pooled"), None)
    estimate = finding.estimate
    if any(p.kind == "study" and is_estimate(finding, p) for p in finding.parts):
        return True
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


def harms_chart(cohort: Cohort) -> Chart | None:
    """Return the chart of the adverse events of a cohort; None where none is recorded.

    Parameters
    ----------
    cohort : Cohort

    Examples
    --------
    >>> import mnstudy as mn
    >>> harms_chart(mn.load("demo_split_face")).key
    'harms'
    """
    found = harms(cohort, confidence_level=cohort.study.plan.confidence_level)
    return HarmsPlot(harms=found) if len(found.rows) else None


# Every chart of a claim: its kind, how its numbers are gathered, and what draws them.
CHARTS: Mapping[str, tuple[Callable[[Cohort, Finding], Any], Callable[[Any], Chart]]] = {
    "points": (points, lambda x: PointPlot(points=x)),
    "pairs": (pairs, lambda x: PairPlot(pairs=x)),
    "course": (trajectories, lambda x: TrajectoryPlot(course=x)),
    "grades": (grade_flow, lambda x: GradeChart(flow=x)),
    "dose": (dose_curve, lambda x: DosePlot(curve=x)),
    "responders": (responder_curve, lambda x: ResponderPlot(curve=x)),
    "waiting": (waiting, lambda x: WaitingPlot(waiting=x)),
    "residuals": (residuals, lambda x: ResidualPlot(residuals=x)),
}


def charts_of(cohort: Cohort, finding: Finding, *, report: bool = False) -> list[Chart]:
    """Return the further figures of a finding of this cohort; none where it is not testable.

    A ``report`` has residuals of the primary claims, and where the finding says what is broken.
    """
    if finding.estimate is None:
        return []
    found, every = [], finding.planned or any(r.kind in BROKEN for r in finding.remarks)
    for kind, (gather, chart) in CHARTS.items():
        if report and not every and kind == "residuals":
            continue
        if (shown := gather(cohort, finding)) is not None:
            found.append(chart(shown))
    return found


def charts(
    cohort: Cohort,
    claim: str,
    kind: str | None = None,
    ax: Axes | None = None,
    *,
    width: Width = None,
    palette: Palette = None,
    title: str | None = None,
) -> list[Chart] | Axes | Picture:
    """Return the further figures of a claim, or draw one of them.

    Parameters
    ----------
    cohort : Cohort
        See ``mnstudy.load``.
    claim : str
        Claim id.
    kind : {"points", "pairs", "course", "grades", "dose", "responders", "waiting", "residuals"}, \
            optional
        Draw this one. Points: an estimation plot of groups, or of the changes of one; pairs: both
        sides of each person; course: improvement over sessions; grades: transitions; dose: the
        outcome by dose; responders: the share at every threshold; waiting: the time to a response;
        residuals: does the model fit, and how much does each patient move it.
    ax : Axes, optional
        Draw its main panel there; the only kind there is needs no name.
    width, palette, title
        See ``mnstudy.plot``.

    Returns
    -------
    list of Chart, or Axes, or Picture
        Without ``kind`` and ``ax`` the charts that fit the claim and the data, none where it is not
        testable: ``chart.draw(ax=None)`` draws one, ``chart.data()`` has every number drawn,
        ``chart.caption`` says how many are behind it. Otherwise the Axes that was given, else a
        matplotlib figure; both can be drawn on. A dot or a thin line is a patient, of a real
        cohort too.

    Raises
    ------
    KeyError
        An unknown claim id; the nearest are offered.
    ValueError
        A kind that does not exist, or that does not fit; the message names those that do.

    Notes
    -----
    The rows are those behind the estimate, and the estimate is that of ``mnstudy.evaluate``; rows
    with a missing value it needs are left out and counted there.

    Examples
    --------
    >>> import mnstudy as mn
    >>> trial = mn.load("demo_split_face")
    >>> [chart.key for chart in mn.charts(trial, "topical-adjunct")]
    ['pairs/topical-adjunct', 'responders/topical-adjunct', 'residuals/topical-adjunct']
    >>> picture = mn.charts(trial, "topical-adjunct", kind="pairs", width="column")
    """
    if kind is not None:
        style.refuse_unknown([kind], CHARTS, "kind", "chart")
    found = charts_of(cohort, evaluate(cohort, claim)[0])
    if kind is None and ax is None:
        own = {"width": width, "palette": palette, "title": title}
        idle = [name for name, value in own.items() if value is not None]
        if idle:
            raise ValueError(f"{' and '.join(idle)} do nothing without a kind: name one to draw")
        return found
    fits = {chart.key.partition("/")[0]: chart for chart in found}
    if kind is None and len(fits) == 1:
        (kind,) = fits
    if kind not in fits:
        which = ", ".join(map(repr, fits)) or "none fits these data"
        raise ValueError(f"{claim} has no chart {kind!r} here: {which}" if kind else
                         f"name the kind of chart to draw: {which}")  # fmt: skip
    return fits[kind].draw(ax, width=width, palette=palette, title=title)
