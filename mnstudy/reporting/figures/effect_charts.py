"""Which charts of a cohort stand beside a finding: patients, pairs, courses and grades."""

from __future__ import annotations

from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.displays import safe_display
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.charts.grades import GradeChart
from mnstudy.reporting.figures.charts.pairs import PairPlot
from mnstudy.reporting.figures.charts.points import PointPlot
from mnstudy.reporting.figures.charts.trajectory_plot import TrajectoryPlot
from mnstudy.verdicts.displays.grades import grade_flow
from mnstudy.verdicts.displays.pairs import pairs
from mnstudy.verdicts.displays.points import points
from mnstudy.verdicts.displays.trajectories import trajectories
from mnstudy.verdicts.findings import Finding


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
    if (shown := safe_display(points(cohort, finding))) is not None:
        charts.append(PointPlot(points=shown))
    if (both := safe_display(pairs(cohort, finding))) is not None:
        charts.append(PairPlot(pairs=both))
    if (course := safe_display(trajectories(cohort, finding))) is not None:
        charts.append(TrajectoryPlot(course=course))
    if (flow := safe_display(grade_flow(cohort, finding))) is not None:
        charts.append(GradeChart(flow=flow))
    return charts
