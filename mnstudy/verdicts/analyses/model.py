"""The models behind most questions: robust least squares and mixed models on contract columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.columns import columns
from mnstudy.stats.missing.imputation import PooledImputations
from mnstudy.stats.mixed.cluster_robust import RobustFit, cluster_robust
from mnstudy.stats.mixed.fit import Contrast, MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.nested import nested_intercepts
from mnstudy.stats.mixed.visits import VisitFit, visit_model
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    UNIT,
    Answer,
    Layout,
    NotTestable,
    Question,
    n_patients,
    n_sites,
)
from mnstudy.verdicts.finding.finding import Estimate, Finding, Hold, interval_of
from mnstudy.verdicts.finding.judge import judge
from mnstudy.words.notes import Count, Note, note

FEWEST_LEFT = 10  # patients over the columns of a model; fewer overfit
UNSTRUCTURED = 10  # patients an arm, from which the visits have a covariance of any form
FEWEST_DF = 4  # of Satterthwaite: with fewer, CR2 promises more than it keeps
BROKEN = ("one_decides", "at_bound", "spreads_differ", "bends", "skewed")
ASKED = ("rule", "margin", "comparison", "null", "holds")  # of a judge, beside the interval
FAR, AT_BOUND, WIDER, COCHRAN, RARE = 4.0, 0.10, 2.0, 25.0, 0.01  # see ``broken_assumptions``
COVARIATES = {"scar_type": "scar type", "baseline_severity": "severity", "clinic_id": "clinic"}
# severity first: it drives the choice of treatment, depth and number of sessions
ADJUST_FOR = ("baseline_severity", "scar_type", "clinic_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model with the rows that went into it."""

    result: MixedFit | RobustFit
    y: pd.Series
    design: pd.DataFrame
    patients: pd.Series
    sites: pd.Series | None

    def layout(self, tested: str) -> Layout:
        """Return the rows, and which coefficient answers the claim."""
        same = {name: getattr(self, name) for name in ("y", "design", "patients", "sites")}
        return Layout(**same, tested=tested, ratio=_ratio(self.result), fit=self.result)


def _ratio(result: MixedFit | RobustFit) -> float:
    if isinstance(result, RobustFit) or not np.isfinite(result.variance_between):
        return 0.0
    rest = result.variance_within + (result.variance_subgroups or 0.0)
    return max(0.0, result.variance_between / rest)


def fit(question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame) -> Fitted:
    """Fit y on the design with the engine of the question.

    The usual one is least squares with errors robust to clustering (CR2, Satterthwaite df): of one
    row a patient that only tells groups apart, each with a spread of its own (Welch). Where the
    declared clusters are studies, and where it is asked for, a mixed model with a random intercept
    per cluster.

    Raises
    ------
    NotTestable
        All values are the same, or the model cannot be fitted.
    """
    y = y.astype("float64")
    if y.nunique() == 1:
        raise NotTestable(note("all_the_same"))
    try:
        return (_robust if question.engine == "robust" else _mixed)(question, frame, y, design)
    except ValueError as error:
        raise NotTestable(note("not_fitted", error=str(error))) from error


def _robust(question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame) -> Fitted:
    """Fit by least squares; of means and of two arms a patient has one row, the mean of hers."""
    patients = frame[question.cohort.study.cluster]
    rows = y, design, patients
    if not {"mean", "treated"}.isdisjoint(design) and patients.name == "patient_id":
        rows = _average(*rows)
    result = robust_fit(question, *rows[:2], question.clusters(rows[2].to_frame(patients.name)))
    return Fitted(result=result, y=y, design=design, patients=patients, sites=frame["site_id"])


def robust_fit(
    question: Question, y: pd.Series, design: pd.DataFrame, patients: pd.Series
) -> RobustFit:
    """Fit by least squares with robust errors; Welch's df where rows are independent cells."""
    columns = design.to_numpy(dtype="float64")
    counts = np.unique(columns, axis=0, return_counts=True)[1]
    welch = len(counts) == columns.shape[1] and counts.min() > 1 and patients.is_unique
    try:
        return cluster_robust(
            y.to_numpy(),
            columns,
            patients.to_numpy(),
            names=list(design.columns),
            df="welch" if welch else "satterthwaite",
            confidence_level=question.confidence_level,
        )
    except ValueError as error:
        raise NotTestable(note("not_fitted", error=str(error))) from error


def paired(question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame) -> Fitted:
    """Fit the difference of the two sides of each patient, each side the mean of its sites.

    Patients with one side only are left out. Further columns of the design enter as differences
    between the sides, as far as they differ there.
    """
    y = y.astype("float64")
    keys = [frame["patient_id"], design["treated"]]
    sides = design.drop(columns=["reference", "treated"]).assign(_outcome=y).groupby(keys).mean()
    apart = (sides.xs(1.0, level=1) - sides.xs(0.0, level=1)).dropna()
    difference = apart.pop("_outcome")
    if difference.nunique() == 1:
        raise NotTestable(note("all_the_same"))
    one = pd.DataFrame({"treated": 1.0}, index=apart.index)
    columns = pd.concat([one, apart[independent(one.to_numpy(), apart)]], axis=1)
    result = robust_fit(question, difference, columns, apart.index.to_series())
    patients, sites = frame["patient_id"], frame["site_id"]
    return Fitted(result=result, y=y, design=design, patients=patients, sites=sites)


def within_patients(
    question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame
) -> Fitted:
    """Fit differences within patients; of a crossover of more periods than two, deviations.

    Of two sides see ``paired``. Of two periods the estimate is half the difference between the
    sequences in their mean period difference, each sequence with a spread of its own (Welch; Senn
    2002, Cross-over Trials in Clinical Research, chapter 3, doi 10.1002/0470854596). Of more, least
    squares on arm, periods and an effect of each patient, taken out by subtracting her means (CR2
    is the same: Pustejovsky & Tipton 2018, doi 10.1080/07350015.2016.1247004). Patients with one
    arm only are left out.
    """
    if design.filter(like="period=").shape[1] < 2:
        return paired(question, frame, y, design)
    patients = frame["patient_id"]
    both = design["treated"].groupby(patients).transform("nunique").eq(2)
    own, rows = patients[both], design.assign(_outcome=y.astype("float64"))[both]
    apart = rows - rows.groupby(own).transform("mean")
    values, treated = apart.pop("_outcome"), apart[["treated"]]
    others = apart[independent(treated.iloc[:, :0], apart.drop(columns=["reference", "treated"]))]
    if not independent(others, treated):
        raise NotTestable(note("one_order"))
    result = robust_fit(question, values, pd.concat([treated, others], axis=1), own)
    return Fitted(result=result, y=y, design=design, patients=patients, sites=frame["site_id"])


def _mixed(question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame) -> Fitted:
    """Fit with a random intercept per cluster of the question.

    Where several patients have several sites with several rows each, sites have intercepts of
    their own within the patient. Where the declared clusters are studies and only one is left, its
    patients are the unit. Where fewer than five patients have several rows, too few to tell how
    alike rows of one patient are, their rows are averaged within the arm and all rows count as
    separate; for the few patients with both arms this widens the interval.
    """
    patients = question.clusters(frame)
    rows = _rows_each(patients)
    if len(rows) == 1:
        patients = frame["patient_id"]
        rows = _rows_each(patients)
    groups, again = patients, int((rows > 1).sum())
    if 0 < again < MIN_PATIENTS and question.cohort.study.cluster == "patient_id":
        y, design, patients = _average(y, design, groups)
        groups = pd.Series(range(len(y)), index=y.index)
    sites = frame["site_id"] if len(y) == len(frame) else None
    own = question.cohort.study.cluster == "patient_id" and sites is not None
    result = _engine(question, y, design, groups, own and _visits_of_sites(frame), sites)
    return Fitted(result=result, y=y, design=design, patients=patients, sites=sites)


def _rows_each(patients: pd.Series) -> np.ndarray:
    codes, _ = pd.factorize(patients)
    return np.bincount(codes[codes >= 0])


def _engine(
    question: Question,
    y: pd.Series,
    design: pd.DataFrame,
    groups: pd.Series,
    nested: bool,
    sites: pd.Series | None,
) -> MixedFit:
    """Fit a mixed model; ``nested`` gives sites intercepts of their own.

    In a split body the sides of a person may also be less alike than strangers. Then, and only
    then, the fit of complete pairs is the paired t-test whatever their correlation. Where such a
    fit has no maximum, the ordinary one is used.
    """
    data = y.to_numpy(), design.to_numpy(dtype="float64"), groups.to_numpy()
    names, level = list(design.columns), question.confidence_level
    if nested and sites is not None:
        with suppress(ValueError):  # the variances of patients and sites cannot be told apart
            return nested_intercepts(*data, sites.to_numpy(), names=names, confidence_level=level)
    if question.cohort.study.within_patients:
        with suppress(ValueError):
            return random_intercept(
                *data, names=names, confidence_level=level, variance="unbounded"
            )
    return random_intercept(*data, names=names, confidence_level=level)


def _visits_of_sites(frame: pd.DataFrame) -> bool:
    """Tell whether several patients have several sites, with several rows to a site."""
    if n_sites(frame) == len(frame):
        return False
    sites = frame.groupby(UNIT, observed=True).size().groupby("patient_id")
    return int(((sites.size() > 1) & (sites.max() > 1)).sum()) >= MIN_PATIENTS


def _average(
    y: pd.Series, design: pd.DataFrame, groups: pd.Series
) -> tuple[pd.Series, pd.DataFrame, pd.Series]:
    """Average the rows of a patient within the arm; return outcomes, columns and patients."""
    arm = design["treated"] if "treated" in design else pd.Series(1.0, index=design.index)
    (patient, names), (side, sides) = (pd.factorize(x, sort=True) for x in (groups, arm))
    number = patient * len(sides) + side
    means = design.assign(_outcome=y.to_numpy(dtype="float64")).set_axis(number)
    means = means.sort_index() if means.index.is_unique else means.groupby(level=0).mean()
    patients = pd.Series(names[means.index // len(sides)], index=means.index)
    return means.pop("_outcome"), means, patients


@dataclass(frozen=True, slots=True, kw_only=True)
class OverVisits:
    """A model of all visits up to the week, with the rows behind it."""

    result: VisitFit | MixedFit
    rows: pd.DataFrame
    adjusted: tuple[str, ...]
    lost: int

    @property
    def how(self) -> Note:
        """Say which model it is."""
        return note("visit_model" if isinstance(self.result, VisitFit) else "visits_robust")

    def at_week(self, **arms: float) -> Contrast:
        """Return the weighted sum of the means of ``treated`` and ``reference`` at the week."""
        final = f"week {self.rows['visit'].max():g}"
        weights = {f"{arm} at {final}": weight for arm, weight in arms.items()}
        known = self.result.coefficients.index
        row = [weights.get(name, 0.0) for name in known]
        return self.result.contrast(row)


def over_visits(
    question: Question,
    rows: pd.DataFrame,
    outcome: str,
    names: Sequence[str],
    baseline: Sequence[str],
) -> OverVisits | None:
    """Fit the outcome at all visits up to the week by arm and covariates, each by visit.

    From 10 patients an arm every arm has an unstructured covariance of its visits of its own; with
    fewer, or where that has no maximum, patients have a random intercept and errors are robust
    (CR2). The rows of a patient, arm and visit are averaged; of a split body the difference of the
    sides is modelled.

    Parameters
    ----------
    rows : DataFrame
        One row a site and visit with the outcome, ``visit`` in weeks, ``treated`` (1 or 0), and
        what the model is adjusted for; ``lost`` marks the sites not assessed at the week.

    Returns
    -------
    OverVisits or None
        None where a patient has both arms but is no split body, and where no model can be fitted.
    """
    within = question.cohort.study.design == "split_body"
    if not within and rows.groupby("patient_id")["treated"].nunique().max() > 1:
        return None
    base = pd.DataFrame({"reference": 1.0, "treated": rows["treated"]})
    extra, used = covariates(rows, names, beside=base)
    columns = extra.assign(**{c: rows[c] - rows[c].mean() for c in baseline})
    keys = [rows[c] for c in ("patient_id", "visit", "treated")]
    cells = columns.assign(_outcome=rows[outcome].astype("float64")).groupby(keys).mean()
    if within:
        sides = [cells.xs(arm, level="treated") for arm in (1.0, 0.0)]
        cells = (sides[0] - sides[1]).dropna().assign(treated=1.0).set_index("treated", append=True)
    y = cells.pop("_outcome")
    try:
        result = _fit_visits(question, y, _by_visit(cells, within))
    except ValueError:
        return None
    lost = n_sites(rows[rows["lost"]])
    return OverVisits(result=result, rows=rows, adjusted=(*used, *baseline), lost=lost)


def _by_visit(cells: pd.DataFrame, within: bool) -> pd.DataFrame:
    """Return each arm and each covariate by visit, without columns that the others tell."""
    visit, treated = (cells.index.get_level_values(n).to_numpy() for n in ("visit", "treated"))
    design = pd.DataFrame(index=cells.index)
    at = {f"week {week:g}": np.where(visit == week, 1.0, 0.0) for week in np.unique(visit)}
    for name, here in at.items():
        if not within:
            design[f"reference at {name}"] = here * (1 - treated)
        design[f"treated at {name}"] = here * treated
    by_visit = {f"{c} at {name}": cells[c] * here for c in cells for name, here in at.items()}
    more = pd.DataFrame(by_visit, index=cells.index)
    return pd.concat([design, more[independent(design, more)]], axis=1)


def _fit_visits(question: Question, y: pd.Series, design: pd.DataFrame) -> VisitFit | MixedFit:
    patients, visits, arm = (y.index.get_level_values(i).to_numpy() for i in range(3))
    data, named = (y.to_numpy(), design.to_numpy(), patients), list(design.columns)
    level, arms = question.confidence_level, arm if arm.min() < arm.max() else None
    if pd.Series(patients).groupby(arm).nunique().min() >= UNSTRUCTURED:
        with suppress(ValueError):  # too few patients have all visits
            return visit_model(*data, visits, named, arms=arms, confidence_level=level)
    return random_intercept(*data, named, errors="cr2", confidence_level=level)


def mean(question: Question, frame: pd.DataFrame, y: pd.Series) -> Fitted:
    """Fit the mean of y alone."""
    return fit(question, frame, y, pd.DataFrame({"mean": 1.0}, index=frame.index))


def covariates(
    frame: pd.DataFrame, names: Sequence[str], *, beside: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return columns of the covariates that vary and add something to ``beside``.

    Parameters
    ----------
    frame : DataFrame
        Rows to adjust.
    names : sequence of str
        Contract columns; those that are absent or constant are passed over.
    beside : DataFrame
        Columns already in the model, the intercept among them.

    Returns
    -------
    columns : DataFrame
        Centred at their means, so that the intercept stays the overall mean: a number as it is,
        anything else as indicators; a missing covariate is a level of its own. The covariates that
        come first go in first, as long as at least 10 patients, and half of them, are left over
        the columns of the model.
    used : list of str
        Names of the covariates used.
    """
    kept, added, used = beside.to_numpy(dtype="float64"), [beside.iloc[:, :0]], []
    n = n_patients(frame)
    room = n - kept.shape[1] - max(FEWEST_LEFT, n / 2)
    for name in (n for n in names if n in frame):
        centred = _columns(frame[name])
        new = independent(kept, centred)
        if new and len(new) <= room:
            room -= len(new)
            added.append(centred[new])
            kept = np.column_stack([kept, added[-1].to_numpy()])
            used.append(name)
    return pd.concat(added, axis=1), used


def usual_covariates(question: Question, baseline: Sequence[str] = ()) -> list[str]:
    """Return what a comparison is adjusted for: what the plan names, beside the usual ones.

    Where chance decided, that is the severity at baseline, but not of two sides of one body, nor
    beside the baseline of the outcome itself; where it did not, everything known to drive the
    choice.
    """
    usual: Sequence[str] = ADJUST_FOR
    if question.randomised:
        within = question.cohort.study.within_patients
        usual = () if within or baseline else ADJUST_FOR[:1]
    return list(dict.fromkeys((*usual, *question.cohort.study.plan.adjust)))


def left_out(
    question: Question, frame: pd.DataFrame, names: Sequence[str], used: Sequence[str]
) -> tuple[list[Note], tuple[Hold, ...]]:
    """Name the covariates that differ between patients but are not in the model.

    Of a comparison that was not randomised they may be what decides it.
    """
    left = [n for n in names if n in frame and n not in used and frame[n].nunique() > 1]
    if not left:
        return [], ()
    said = note("not_adjusted_for", names=plain(left))
    chosen = question.choices.adjust is not None or question.randomised
    return [said], () if chosen else (Hold(why=said),)


def _columns(values: pd.Series) -> pd.DataFrame:
    """Return a number as it is, centred, and anything else as indicators."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return indicators(values)
    number = values.astype("float64")
    centred = (number - number.mean()).fillna(0.0)
    columns = {str(values.name): centred}
    if number.isna().any():
        columns[f"{values.name}=not known"] = number.isna() - number.isna().mean()
    return pd.DataFrame(columns)


def indicators(values: pd.Series) -> pd.DataFrame:
    """Return a centred indicator for every level but the commonest, in the order of names."""
    codes, found = pd.factorize(values)
    # a missing value has the code -1, which takes the last of the names
    names, place = np.unique([*map(str, found), "not known"], return_inverse=True)
    hits = (place[codes][:, None] == np.arange(len(names))).astype("float64")
    counts = hits.sum(axis=0)
    kept = [i for i in np.flatnonzero(counts) if i != counts.argmax()]
    labels = [f"{values.name}={names[i]}" for i in kept]
    centred = (hits - hits.mean(axis=0))[:, kept]
    return pd.DataFrame(centred, index=values.index, columns=labels)


def independent(kept: pd.DataFrame | np.ndarray, new: pd.DataFrame) -> list[str]:
    """Name the columns of ``new`` that are no combination of those before them."""
    basis, _ = np.linalg.qr(np.asarray(kept, dtype="float64"))
    names = []
    for name, column in zip(new.columns, new.to_numpy().T, strict=True):
        rest = column - basis @ (basis.T @ column)
        size = float(np.linalg.norm(rest))
        if size > 1e-8 * float(np.linalg.norm(column)):
            basis = np.column_stack([basis, rest / size])
            names.append(name)
    return names


def estimate(
    contrast: Contrast | PooledImputations,
    *,
    unit: str,
    how: Note,
    adjusted: Sequence[str] = (),
    null: float = 0.0,
) -> Estimate:
    """Turn a contrast of the engine into an estimate; p is two-sided against ``null``."""
    from scipy.stats import t as student

    p = contrast.p_value
    if null != 0:
        distance = (contrast.estimate - null) / contrast.std_error
        p = 2 * float(student.sf(abs(distance), contrast.df))
    own = {name: getattr(contrast, name) for name in ("confidence_level", "std_error", "df")}
    named: dict[str, Any] = {"unit": unit, "how": how, "adjusted_for": tuple(adjusted)}
    return Estimate(**interval_of(contrast), **own, p_value=p, **named)


def answer(
    question: Question,
    fitted: Fitted,
    frame: pd.DataFrame,
    tested: str,
    how: str = "",
    *,
    adjusted: Sequence[str] = (),
    null: float = 0.0,
    over: OverVisits | None = None,
) -> Answer:
    """Answer with one coefficient of a fitted model, for the patients and sites of ``frame``.

    ``how`` is the note that says what of the model is meant. With ``over`` the model of all visits
    answers; the fitted one, of the rows at the week, is what the checks start from.
    """
    found = pick(fitted, {tested: 1.0})
    if over is not None:
        found, adjusted = over.at_week(treated=1, reference=-1), over.adjusted
    engine = over.how if over else _engine_note(question, fitted.result)
    used = _adjusted(engine, adjusted)
    said, unit = note(how, model=used) if how else used, question.claim.unit
    return Answer(
        holds=too_few(found) if question.engine == "robust" else (),
        estimate=estimate(found, unit=unit, how=said, adjusted=adjusted, null=null),
        comparison=question.comparison,
        n_patients=n_patients(frame),
        n_sites=n_sites(frame),
        layout=fitted.layout(tested),
    )


def too_few(found: Contrast) -> tuple[Hold, ...]:
    """Hold back an estimate of too few degrees of freedom."""
    return (Hold(why=note("few_df", df=round(found.df, 1))),) if found.df < FEWEST_DF else ()


def pick(
    fitted: Fitted,
    weights: Mapping[str, float],
    name: str = "contrast",
    level: float | None = None,
) -> Contrast:
    """Return the contrast with these weights on the named coefficients, 0 elsewhere."""
    row = [weights.get(n, 0.0) for n in fitted.result.coefficients.index]
    try:
        return fitted.result.contrast(row, name=name, confidence_level=level)
    except ValueError as error:
        raise NotTestable(note("not_fitted", error=str(error))) from error


def describe(
    question: Question, result: MixedFit | RobustFit, adjusted: Sequence[str] = ()
) -> Note:
    """Say which model ran."""
    return _adjusted(_engine_note(question, result), adjusted)


def _adjusted(engine: Note, adjusted: Sequence[str]) -> Note:
    return note("adjusted_for", model=engine, names=plain(adjusted)) if adjusted else engine


def plain(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of covariates for people."""
    return tuple(COVARIATES.get(n, n.replace("_", " ")) for n in names)


def _engine_note(question: Question, result: MixedFit | RobustFit) -> Note:
    unit = "study" if question.cohort.study.cluster == "clinic_id" else "patient"
    unit = "clinic" if question.allocated else unit
    if isinstance(result, RobustFit):
        if result.n_groups < result.n_obs:
            return note("robust_least_squares", unit=unit)
        alone = len(result.coefficients) == 1
        return note(
            "linear_model" if alone else "welch_t" if result.is_welch else "unequal_spreads"
        )
    if result.n_groups == result.n_obs:  # also where sites were averaged
        return note("linear_model")
    nested = result.n_subgroups is not None
    return note("mixed_model", units=(unit, "site") if nested else (unit,))


def broken_assumptions(question: Question, finding: Finding, layout: Layout) -> list[Note]:
    """Say which assumption of the least squares behind a judged finding is visibly broken.

    Returns
    -------
    list of Note
        None of a mixed model; else two at most, the first that apply of

        - one patient decides: without the one who moves the estimate most the verdict would be
          another, and it moves by more than 4 / sqrt(patients) of its error without that one, twice
          the cut-off of DFBETAS (Belsley, Kuh & Welsch 1980, doi 10.1002/0471725153);
        - at a bound: more than a tenth of the values, and five or more, are the lowest or the
          highest that the column may hold; of a change, the values after treatment;
        - spreads: the residuals of one arm have more than twice the standard deviation of those of
          the other, and more than chance gives in one of 100 (F);
        - a bend: the square of what the slope is on has p below 0.01 (CR2), and the slopes at its
          10th and its 90th percentile lie further apart than the slope from zero;
        - skewness: that of the patients' mean residuals, G, has p below 0.01 (D'Agostino 1970, doi
          10.1093/biomet/57.3.679), and there are fewer than 25 G squared (Cochran 1977, Sampling
          Techniques, section 2.15).

    Notes
    -----
    Rows with a missing value have been left out of the layout.

    Examples
    --------
    >>> import mnstudy as mn
    >>> found = mn.evaluate(mn.load("demo_split_face"), claims="topical-adjunct")
    >>> [remark.kind for remark in found[0].remarks if remark.kind in BROKEN]
    []
    """
    from scipy.stats import f, skew, skewtest

    if not isinstance(layout.fit, RobustFit):
        return []
    fit, tested, rows, broken = layout.fit, layout.tested, layout.fit.rows, []
    patients = Count(n=finding.n_patients, noun="patient")
    if other := _without_one(question, finding, fit, tested):
        broken.append(note("one_decides", patients=patients, verdict=other))
    broken += _at_bounds(question, layout)
    arms = rows.groupby(rows[tested].to_numpy())["residual"].agg(["std", "size"])
    if tested == "treated" and len(arms) == 2 and arms["std"].min() > 0:
        (high, n), (low, m) = arms.sort_values("std", ascending=False).to_numpy()
        if high > WIDER * low and 2 * f.sf((high / low) ** 2, n - 1, m - 1) < RARE:
            wider = "treated" if arms["std"].idxmax() == 1 else "reference"
            broken.append(note("spreads_differ", factor=high / low, arm=wider))
    broken += _bend(question, fit, tested)
    own = rows.groupby(level=0)["residual"].mean().to_numpy()
    skewed = len(own) >= 8 and np.ptp(own) > 0 and skewtest(own).pvalue < RARE  # it needs eight
    if skewed and len(own) < COCHRAN * (skewness := float(skew(own, bias=False))) ** 2:
        broken.append(note("skewed", skewness=skewness, patients=patients))
    return broken[:2]


def _again(question: Question, rows: pd.DataFrame, names: Sequence[str]) -> RobustFit:
    """Fit rows of a fit again, on these columns."""
    y = rows["fitted"] + rows["residual"]
    return robust_fit(question, y, rows[list(names)], rows.index.to_series())


def _without_one(question: Question, finding: Finding, fit: RobustFit, tested: str) -> str:
    """Return another verdict that stands without the patient who moves the estimate most."""
    basis, moved = finding.simultaneous or finding.estimate, fit.influence[tested].abs()
    assert basis is not None
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


def _bend(question: Question, fit: RobustFit, tested: str) -> Iterator[Note]:
    x = fit.rows[tested] - fit.rows[tested].mean()
    if tested in ("slope", "within") and x.nunique() > 2:
        with suppress(ValueError, NotTestable):  # the square is a combination of the other columns
            bent = _again(question, fit.rows.assign(bend=x**2), [*fit.names, "bend"]).coefficients
            slope, curve = bent.loc[[tested, "bend"], "estimate"]
            first, last = slope + 2 * curve * x.quantile([0.1, 0.9])
            if bent.loc["bend", "p_value"] < RARE and abs(last - first) > abs(slope):
                slopes = {"first": first, "last": last, "digits": fmt.decimals_for(first, last)}
                on = question.params.get("on", "sessions").replace("_", " ")
                yield note("bends", **slopes, column=on, unit=question.claim.unit)
