"""Which charts of dose, response and waiting a finding of a cohort has, and that of its harms."""

from __future__ import annotations

from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.displays import safe_display
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.charts.curves import DosePlot
from mnstudy.reporting.figures.charts.harms import HarmsPlot
from mnstudy.reporting.figures.charts.responder_curve import ResponderPlot
from mnstudy.reporting.figures.charts.waiting_plot import WaitingPlot
from mnstudy.verdicts.displays.dose import dose_curve
from mnstudy.verdicts.displays.harms import harms
from mnstudy.verdicts.displays.responders import responder_curve
from mnstudy.verdicts.displays.waiting import waiting
from mnstudy.verdicts.findings import Finding


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
    if (dose := safe_display(dose_curve(cohort, finding))) is not None:
        charts.append(DosePlot(curve=dose))
    if (responders := safe_display(responder_curve(cohort, finding))) is not None:
        charts.append(ResponderPlot(curve=responders))
    if (times := safe_display(waiting(cohort, finding))) is not None:
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
    found = safe_display(harms(cohort, confidence_level=level))
    return HarmsPlot(harms=found) if found is not None and len(found.rows) else None
