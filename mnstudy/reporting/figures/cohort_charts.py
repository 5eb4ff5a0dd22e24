"""The further figures of a cohort: what is behind the estimate of a claim."""

from __future__ import annotations

from mnstudy.cache import kept
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.course_charts import course_charts
from mnstudy.reporting.figures.effect_charts import effect_charts
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.finding.cache_keys import cohort_basis, finding_basis
from mnstudy.verdicts.findings import Finding


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
    return kept(
        "charts", inputs, lambda: [*effect_charts(cohort, finding), *course_charts(cohort, finding)]
    )
