"""Which assumption of a model is visibly broken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.columns import columns
from mnstudy.stats.mixed.cluster_robust import RobustFit
from mnstudy.verdicts.analyses.model import robust_fit
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    UNIT,
    Answer,
    Layout,
    NotTestable,
    Question,
)
from mnstudy.verdicts.finding.finding import Finding, interval_of
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import Count, Note, note

BROKEN = ("one_decides", "at_bound", "spreads_differ", "bends", "skewed")
ASKED = ("rule", "margin", "comparison", "null", "holds")  # of a judge, beside the interval
FAR, AT_BOUND, WIDER, COCHRAN, RARE = 4.0, 0.10, 2.0, 25.0, 0.01  # see ``broken_assumptions``


def broken_assumptions(question: Question, finding: Finding, found: Answer) -> list[Note]:
    """Say which assumption of the model behind a judged finding is visibly broken.

    Returns
    -------
    list of Note
        Two at most, the first that apply; the first, spreads and a bend of least squares whose one
        coefficient answers:

        - one patient decides: without the one who moves the estimate most the verdict would be
          another, and it moves by more than 4 / sqrt(patients) of its error without that one, twice
          the cut-off of DFBETAS (Belsley, Kuh & Welsch 1980, doi 10.1002/0471725153);
        - at a bound: more than a tenth of the values, and five or more, are the lowest or the
          highest that the column may hold; of a change, the values after treatment;
        - spreads: the residuals of one arm have more than twice the standard deviation of those of
          the other, and more than chance gives in one of 100 (F);
        - a bend: the square of what the slope is on has p below 0.01 (CR2), and the slopes at its
          10th and its 90th percentile lie further apart than the slope from zero;
        - skewness: that of the patients' mean standardised residuals, G, has p below 0.01
          (D'Agostino 1970, doi 10.1093/biomet/57.3.679), and there are fewer than 25 G squared
          (Cochran 1977, Sampling Techniques, section 2.15).

    Notes
    -----
    Rows with a missing value have been left out of the model.

    Examples
    --------
    >>> import mnstudy as mn
    >>> found = mn.evaluate(mn.load("demo_split_face"), claims="topical-adjunct")
    >>> [remark.kind for remark in found[0].remarks if remark.kind in BROKEN]
    []
    """
    from scipy.stats import skew, skewtest

    if found.model is None:
        return []
    fit, layout, broken = found.model.fit, found.layout, []
    rows = fit.rows
    patients = Count(n=finding.n_patients, noun="patient")
    if layout is not None:
        robust = fit if isinstance(fit, RobustFit) else None
        if robust and (other := _without_one(question, finding, robust, layout.tested)):
            broken.append(note("one_decides", patients=patients, verdict=other))
        broken += _at_bounds(question, layout)
        if robust:
            broken += _spreads(rows, layout.tested)
            broken += _bend(question, robust, rows, layout.tested)
    own = rows.groupby(level=0)["standardised"].mean().dropna().to_numpy()
    skewed = len(own) >= 8 and np.ptp(own) > 0 and skewtest(own).pvalue < RARE  # it needs eight
    if skewed and len(own) < COCHRAN * (skewness := float(skew(own, bias=False))) ** 2:
        broken.append(note("skewed", skewness=skewness, patients=patients))
    return broken[:2]


def _spreads(rows: pd.DataFrame, tested: str) -> Iterator[Note]:
    from scipy.stats import f

    arms = rows.groupby(rows[tested].to_numpy())["residual"].agg(["std", "size"])
    if tested == "treated" and len(arms) == 2 and arms["std"].min() > 0:
        (high, n), (low, m) = arms.sort_values("std", ascending=False).to_numpy()
        if high > WIDER * low and 2 * f.sf((high / low) ** 2, n - 1, m - 1) < RARE:
            wider = "treated" if arms["std"].idxmax() == 1 else "reference"
            yield note("spreads_differ", factor=high / low, arm=wider)


def _again(question: Question, rows: pd.DataFrame, names: Sequence[str]) -> RobustFit:
    """Fit rows of a fit again, on these columns."""
    y = rows["fitted"] + rows["residual"]
    return robust_fit(question, y, rows[list(names)], rows.index.to_series())


def _without_one(question: Question, finding: Finding, fit: RobustFit, tested: str) -> str:
    """Return another verdict that stands without the patient who moves the estimate most."""
    basis, moved = finding.simultaneous or finding.estimate, fit.influence[tested].abs()
    if not (basis and math.isclose(fit.coefficients.loc[tested, "estimate"], basis.value)):
        return ""  # another model answered
    asked = {name: getattr(finding, name) for name in ASKED}
    with suppress(ValueError, NotTestable):  # there is no estimate without that patient
        others = _again(question, fit.rows.drop(index=moved.idxmax()), fit.names)
        left = others.contrast(tested, confidence_level=basis.confidence_level)
        far = moved.max() > FAR / math.sqrt(fit.n_groups) * left.std_error
        verdict = judge(replace(basis, **interval_of(left)), **asked).in_full
        return verdict if far and verdict != finding.in_full else ""
    return ""


def _at_bounds(question: Question, layout: Layout) -> Iterator[Note]:
    """Count values of a column at its ends; of a change, the values after treatment."""
    analysis, params, values = question.claim.analysis, question.params, layout.y
    name = params.get("outcome", "improvement_score")
    spec = {**columns(), **question.cohort.study.measures}[name]
    if analysis == "change":
        sites = pd.MultiIndex.from_arrays([layout.patients, layout.sites])
        values = question.sites.set_index(UNIT)[name].loc[sites]
    elif params.get("better") == "lower":
        values = -values
    for end, bound in (("highest", spec.high), ("lowest", spec.low)):
        n = int((values == bound).sum()) if analysis not in ("durability", "maintenance") else 0
        if n > max(MIN_PATIENTS - 1, AT_BOUND * len(values)):
            counted = Count(n=n, of=len(values), noun="value")
            yield note("at_bound", values=counted, end=end, bound=bound, unit=spec.unit)


def _bend(question: Question, fit: RobustFit, rows: pd.DataFrame, tested: str) -> Iterator[Note]:
    x = rows[tested] - rows[tested].mean()
    if tested in ("slope", "within") and x.nunique() > 2:
        with suppress(ValueError, NotTestable):  # the square is a combination of the other columns
            bent = _again(question, rows.assign(bend=x**2), [*fit.names, "bend"]).coefficients
            slope, curve = bent.loc[[tested, "bend"], "estimate"]
            first, last = slope + 2 * curve * x.quantile([0.1, 0.9])
            if bent.loc["bend", "p_value"] < RARE and abs(last - first) > abs(slope):
                slopes = {"first": first, "last": last, "digits": fmt.decimals_for(first, last)}
                on = question.params.get("on", "sessions").replace("_", " ")
                yield note("bends", **slopes, column=on, unit=question.claim.unit)
