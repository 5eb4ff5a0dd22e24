"""Further figures of a notebook: one of a claim by its kind, or why there is none."""

from __future__ import annotations

from mnstudy.cohort.table import Cohort
from mnstudy.reporting.figures.cohort_charts import charts_of
from mnstudy.reporting.figures.course_charts import harms_chart
from mnstudy.reporting.figures.plot import plot
from mnstudy.reporting.figures.style import Picture
from mnstudy.reporting.notebooks.show import Sentence
from mnstudy.verdicts.findings import Finding

KINDS = {
    "points": "the points behind the estimate",
    "pairs": "the two sides of each patient",
    "course": "the course of single patients",
    "grades": "how grades moved",
    "dose": "the dose curve",
    "responders": "who responded at every threshold",
    "waiting": "the time to a response",
}
NO_HARMS = "These data record no harm as yes or no."


def behind(cohort: Cohort, finding: Finding, *kinds: str) -> Picture | Sentence:
    """Draw the first of these kinds that fits the claim and the data; a sentence where none does.

    Examples
    --------
    >>> import mnstudy as mn
    >>> trial = mn.load("demo_split_face")
    >>> finding = mn.evaluate(trial, "topical-adjunct")[0]
    >>> behind(trial, finding, "dose")
    These data have nothing to draw for: the dose curve.
    """
    found = {chart.key: chart for chart in charts_of(cohort, finding)}
    for kind in kinds:
        key = f"{kind}/{finding.claim.id}"
        if key in found:
            return plot(found[key])
    wanted = " or ".join(KINDS[kind] for kind in kinds)
    return Sentence(f"These data have nothing to draw for: {wanted}.")


def harms(cohort: Cohort) -> Picture | Sentence:
    """Draw every harm with its exact limits; a sentence where none was recorded."""
    chart = harms_chart(cohort)
    return Sentence(NO_HARMS) if chart is None else plot(chart)
