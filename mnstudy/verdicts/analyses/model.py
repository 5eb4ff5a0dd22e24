"""The models behind most questions: robust least squares and mixed models on contract columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.stats.missing.imputation import PooledImputations
from mnstudy.stats.mixed.cluster_robust import RobustFit, cluster_robust, tells_cells_apart
from mnstudy.stats.mixed.design import independent_columns
from mnstudy.stats.mixed.fit import Contrast, MixedFit
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.stats.mixed.nested import nested_intercepts
from mnstudy.verdicts.analyses.models.covariates import plain
from mnstudy.verdicts.analyses.models.visits import OverVisits
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    UNIT,
    Answer,
    Layout,
    ModelBehind,
    NotTestable,
    Question,
    n_patients,
    n_sites,
)
from mnstudy.verdicts.finding.finding import Estimate, Hold, interval_of
from mnstudy.words.notes import Note, note

ARMS = ("treated", "reference")
FEWEST_DF = 4  # of Satterthwaite: with fewer, CR2 promises more than it keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model with the rows that went into it."""

    result: MixedFit | RobustFit
    y: pd.Series
    design: pd.DataFrame
    patients: pd.Series
    sites: pd.Series | None

    def behind(self, weights: Mapping[str, float], groups: Sequence[str]) -> ModelBehind:
        """Return the model as that behind an estimate, with the groups it tells apart."""
        known = {name: (name,) for name in groups if name in self.result.names}
        return ModelBehind(fit=self.result, weights=weights, groups=known)

    def layout(self, tested: str) -> Layout:
        """Return the rows, and which coefficient answers the claim."""
        return Layout(
            y=self.y,
            design=self.design,
            patients=self.patients,
            sites=self.sites,
            tested=tested,
            ratio=_ratio(self.result),
        )


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
    welch = tells_cells_apart(columns, patients)
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
    columns = pd.concat([one, apart[independent_columns(one.to_numpy(), apart)]], axis=1)
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
    others = apart[
        independent_columns(treated.iloc[:, :0], apart.drop(columns=["reference", "treated"]))
    ]
    if not independent_columns(others, treated):
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
    alone = means.index.is_unique
    means = means.iloc[np.argsort(number)] if alone else means.groupby(level=0).mean()
    patients = pd.Series(names[means.index // len(sides)], index=means.index)
    return means.pop("_outcome"), means, patients


def mean(question: Question, frame: pd.DataFrame, y: pd.Series) -> Fitted:
    """Fit the mean of y alone."""
    return fit(question, frame, y, pd.DataFrame({"mean": 1.0}, index=frame.index))


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
    return Estimate(
        **interval_of(contrast),
        confidence_level=contrast.confidence_level,
        std_error=contrast.std_error,
        df=contrast.df,
        p_value=p,
        unit=unit,
        how=how,
        adjusted_for=tuple(adjusted),
    )


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
    found, behind = pick(fitted, {tested: 1.0}), fitted.behind({tested: 1.0}, ARMS)
    if over is not None:
        weights = over.weights(treated=1, reference=-1)
        found, adjusted = over.result.contrast(weights), over.adjusted
        behind = ModelBehind(fit=over.result, weights=weights, groups=over.arms)
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
        model=behind,
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
