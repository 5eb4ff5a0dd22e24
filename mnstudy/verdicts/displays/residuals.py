"""What the model behind a verdict leaves over, and how much each patient moves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.mixed.cluster_robust import RobustFit
from mnstudy.verdicts.displays.rows import layout_of, question_of, two_arms
from mnstudy.verdicts.finding.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """Residuals of the least squares behind a finding.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    dots : DataFrame
        A row for each dot: ``panel``, ``arm`` (empty where the model knows none), ``x``, ``y`` and
        ``patient``. ``y`` is the standardised residual of a row of the model; ``x``, by
        panel, its fitted value (``fitted``, where they differ), what is expected of a normal
        distribution (``quantile``, within the arm), or 0 for the treated arm and 1 for the other
        (``arm``). In the panel ``influence`` ``y`` is what the patient adds to the estimate, in its
        unit, and ``x`` the rank of that; ``arm`` is that of her first row.
    """

    finding: Finding
    dots: pd.DataFrame


def residuals(cohort: Cohort, finding: Finding) -> Residuals | None:
    """Gather the residuals of the model behind a finding, and the influence of each patient.

    Parameters
    ----------
    cohort : Cohort
        The one that the finding speaks of.
    finding : Finding

    Returns
    -------
    Residuals or None
        None where no least squares over patients are behind the finding: claims that are not
        testable, rates, levels of a factor, studies.

    Notes
    -----
    The rows are those of the model: the mean of each patient in the arm, the difference of both
    sides, or a visit. Rows with a missing value are those that the estimate leaves out too.

    Examples
    --------
    >>> import mnstudy as mn
    >>> cohort = mn.load("demo_split_face")
    >>> finding = mn.evaluate(cohort, claims="topical-adjunct")[0]
    >>> residuals(cohort, finding).dots.groupby("panel").size().to_dict()
    {'influence': 40, 'quantile': 40}
    """
    from scipy.stats import norm

    question = question_of(cohort, finding)
    layout = None if question is None else layout_of(question, finding)
    if question is None or layout is None or not isinstance(layout.fit, RobustFit):
        return None
    moved, rows = layout.fit.influence[layout.tested], layout.fit.rows.reset_index(names="patient")
    rows = rows.assign(y=rows["standardised"], x=rows["fitted"].round(9), arm="")
    rows["patient"] = pd.factorize(rows["patient"])[0]  # nobody's name
    panels, side = {"fitted": rows} if rows["x"].nunique() > 1 else {}, rows[layout.tested]
    if several := layout.tested == "treated" and side.nunique() > 1:
        rows["arm"] = np.where(side == 1, *two_arms(question))
    own = rows.groupby("arm")["y"]
    places = (own.rank("first") - 0.5) / own.transform("count")
    panels["quantile"] = rows.assign(x=norm.ppf(places))
    if several:
        # ranks times the golden ratio: neighbours lie far apart
        panels["arm"] = rows.assign(x=1.0 - side + 0.6 * (0.618 * own.rank("first") % 1 - 0.5))
    first = rows.drop_duplicates("patient")
    panels["influence"] = first.assign(y=moved.to_numpy(), x=moved.rank(method="first").to_numpy())
    dots = pd.concat([own.assign(panel=name) for name, own in panels.items()], ignore_index=True)
    dots = dots[["panel", "arm", "patient", "x", "y"]].dropna(subset="y")
    return Residuals(finding=finding, dots=dots)
