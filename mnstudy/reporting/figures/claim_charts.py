"""Which charts of the published evidence a report shows, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

from mnstudy.reporting.figures.albatross import albatross
from mnstudy.reporting.figures.article_shares import article_shares
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.correlations import correlations
from mnstudy.reporting.figures.evidence_map import whole_map
from mnstudy.reporting.figures.harvest import harvest_plot
from mnstudy.reporting.figures.published import funnel
from mnstudy.reporting.run.trials import Trials
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.findings import Finding


def claim_charts(directions: Directions, groups: Iterable[StudyGroup]) -> list[Chart]:
    """Return the charts of one claim; none where there is too little to draw."""
    charts = [*map(funnel, groups), harvest_plot(directions), albatross(directions)]
    return [chart for chart in charts if chart is not None]


def overview_charts(trials: Trials, findings: Iterable[Finding]) -> list[Chart]:
    """Return the charts of the evidence as a whole."""
    charts = [article_shares(findings), whole_map(trials), correlations(trials)]
    return [chart for chart in charts if chart is not None]
