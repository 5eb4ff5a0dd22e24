"""What the model behind a verdict leaves over, and how much each patient moves it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import ModelBehind, Question
from mnstudy.verdicts.displays.rows import answer_of, question_of, two_arms
from mnstudy.verdicts.finding.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """Residuals of the model behind a finding.

    Attributes
    ----------
    finding : Finding
        Holds the estimate; nothing of it is computed again.
    dots : DataFrame
        A row for each dot: ``panel``, ``arm`` (the arm or the level of a factor; empty where the
        model knows none), ``x``, ``y`` and ``patient``. ``y`` is the standardised residual of a row
        of the model; ``x``, by panel, its fitted value (``fitted``, where they differ), what is
        expected of a normal distribution (``quantile``, within the arm), or the number of the arm
        from 0, spread sideways (``arm``). In the panel ``influence`` ``y`` is what the patient adds
        to the estimate, in its unit, and ``x`` the rank of that; ``arm`` is that of her first row.
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
        None where no linear model of patients is behind the finding: claims that are not testable,
        rates, chances of doing better, means of studies.

    Notes
    -----
    The rows are those of the model: the mean of each patient in the arm, the difference of both
    sides, or a visit. Rows with a missing value are those that the estimate leaves out too. Of the
    largest difference between levels a patient adds to that of the same two levels. Of a model of
    visits or of groups with an effect each, what a patient adds is told with the variances as they
    are. Where groups are clinics or studies, so are the dots of ``influence``.

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
    found = None if question is None else answer_of(question, finding)
    if question is None or found is None or found.model is None:
        return None
    model = found.model
    moved = model.fit.influence[list(model.weights)] @ pd.Series(model.weights)
    rows = model.fit.rows.rename_axis("patient").reset_index()
    rows = rows.assign(y=rows["standardised"], x=rows["fitted"].round(9))
    rows["patient"] = pd.factorize(rows["patient"])[0]  # nobody's name
    rows["arm"], number = _groups(question, model, rows)
    panels = {"fitted": rows} if rows["x"].nunique() > 1 else {}
    own = rows.groupby("arm")["y"]
    places = (own.rank("first") - 0.5) / own.transform("count")
    panels["quantile"] = rows.assign(x=norm.ppf(places))
    if number.nunique() > 1:
        # ranks times the golden ratio: neighbours lie far apart
        panels["arm"] = rows.assign(x=number + 0.6 * (0.618 * own.rank("first") % 1 - 0.5))
    first = rows.drop_duplicates("patient")
    panels["influence"] = first.assign(y=moved.to_numpy(), x=moved.rank(method="first").to_numpy())
    dots = pd.concat([own.assign(panel=name) for name, own in panels.items()], ignore_index=True)
    dots = dots[["panel", "arm", "patient", "x", "y"]].dropna(subset="y")
    return Residuals(finding=finding, dots=dots)


def _groups(
    question: Question, model: ModelBehind, rows: pd.DataFrame
) -> tuple[pd.Series, pd.Series]:
    """Return the arm or level of each row in words, and its number; one where there is but one."""
    told = pd.DataFrame({g: rows[[*own]].ne(0).any(axis=1) for g, own in model.groups.items()})
    if told.empty:
        return pd.Series("", index=rows.index), pd.Series(0.0, index=rows.index)
    arms = two_arms(question) if "treated" in told else ()
    words = arms or tuple(str(group).replace("_", " ") for group in told)
    number = pd.Series(told.to_numpy().argmax(axis=1), index=rows.index)
    several = number.nunique() > 1
    return number.map(dict(enumerate(words))) if several else number.map(lambda _: ""), number
