"""One engine for most questions: random-intercept models on contract columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from mnstudy.stats.mixed import Contrast, MixedFit, random_intercept
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, NotTestable, Question, n_patients
from mnstudy.verdicts.findings import Estimate, Part

PATIENTS_PER_COVARIATE = 10  # fewer overfit: Harrell 2015, doi 10.1007/978-3-319-19425-7
# severity first: it drives the choice of treatment, depth and number of sessions
ADJUST_FOR = ("baseline_severity", "scar_type", "clinic_id")


def fit(question: Question, frame: pd.DataFrame, y: pd.Series, design: pd.DataFrame) -> MixedFit:
    """Fit y on the design with a random intercept per cluster of the question.

    Where the declared clusters are studies and only one is left, its patients are the unit. Where
    fewer than five patients have several rows, too few to tell how alike rows of one patient are,
    their rows are averaged within the arm and all rows count as separate; for the few patients
    with both arms this widens the interval.
    """
    groups = question.clusters(frame)
    if groups.nunique() == 1:
        groups = frame["patient_id"]
    again = groups[groups.duplicated()].nunique()
    if 0 < again < MIN_PATIENTS and question.cohort.study.cluster == "patient_id":
        y, design = _average(y, design, groups)
        groups = pd.Series(range(len(y)))
    try:
        return _engine(question, y, design, groups)
    except ValueError as error:
        raise NotTestable(f"the model cannot be fitted: {error}") from error


def _engine(question: Question, y: pd.Series, design: pd.DataFrame, groups: pd.Series) -> MixedFit:
    """Fit; in a split body the sides of a person may also be less alike than strangers.

    Then, and only then, the fit of complete pairs is the paired t-test whatever their correlation.
    Where such a fit has no maximum, the ordinary one is used.
    """
    data = y.to_numpy(dtype="float64"), design.to_numpy(dtype="float64"), groups.to_numpy()
    names, level = list(design.columns), question.confidence_level
    if question.cohort.study.design == "split_body":
        with suppress(ValueError):
            return random_intercept(
                *data, names=names, confidence_level=level, variance="unbounded"
            )
    return random_intercept(*data, names=names, confidence_level=level)


def _average(
    y: pd.Series, design: pd.DataFrame, groups: pd.Series
) -> tuple[pd.Series, pd.DataFrame]:
    arm = design["treated"] if "treated" in design else pd.Series(1.0, index=design.index)
    keys = [groups.to_numpy(), arm.to_numpy()]
    means = design.assign(_outcome=y.to_numpy(dtype="float64")).groupby(keys).mean()
    return means.pop("_outcome"), means


def mean(question: Question, frame: pd.DataFrame, y: pd.Series) -> MixedFit:
    """Fit the mean of y alone, with a random intercept per cluster."""
    return fit(question, frame, y, pd.DataFrame({"mean": 1.0}, index=frame.index))


def covariates(
    frame: pd.DataFrame, names: Sequence[str], *, beside: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return indicator columns of the covariates that vary and add something to ``beside``.

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
        Indicators centred at their means, so that the intercept stays the overall mean; a
        missing covariate is a level of its own. No more columns than one for ten patients: the
        covariates that come first go in first.
    used : list of str
        Names of the covariates used.
    """
    kept, used = beside, []
    room = n_patients(frame) // PATIENTS_PER_COVARIATE
    for name in (n for n in names if n in frame):
        values = frame[name].astype("object").where(frame[name].notna(), "not known").astype("str")
        dummies = pd.get_dummies(values, prefix=name, prefix_sep="=", dtype="float64")
        dummies = dummies.drop(columns=dummies.sum().idxmax())
        centred = dummies - dummies.mean()
        new = _independent(kept, centred)
        if new and len(new) <= room:
            room -= len(new)
            kept = pd.concat([kept, centred[new]], axis=1)
            used.append(name)
    return kept.drop(columns=beside.columns), used


def _independent(kept: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Name the columns of ``new`` that are no combination of those before them."""
    basis, _ = np.linalg.qr(kept.to_numpy(dtype="float64"))
    names = []
    for name in new.columns:
        column = new[name].to_numpy()
        rest = column - basis @ (basis.T @ column)
        size = float(np.linalg.norm(rest))
        if size > 1e-8 * float(np.linalg.norm(column)):
            basis = np.column_stack([basis, rest / size])
            names.append(name)
    return names


def estimate(contrast: Contrast, *, unit: str, method: str, null: float = 0.0) -> Estimate:
    """Turn a contrast of the engine into an estimate; p is two-sided against ``null``."""
    from scipy.stats import t as student

    distance = (contrast.estimate - null) / contrast.std_error
    p = contrast.p_value if null == 0 else 2 * float(student.sf(abs(distance), contrast.df))
    return Estimate(
        value=contrast.estimate,
        ci_low=contrast.ci_low,
        ci_high=contrast.ci_high,
        confidence_level=contrast.confidence_level,
        std_error=contrast.std_error,
        df=contrast.df,
        p_value=p,
        unit=unit,
        method=method,
    )


def part(kind: str, label: str, contrast: Contrast, **more: object) -> Part:
    """Turn a contrast of the engine into a further number of a finding."""
    return Part(
        kind=kind,
        label=label,
        value=contrast.estimate,
        ci_low=contrast.ci_low,
        ci_high=contrast.ci_high,
        **more,  # type: ignore[arg-type]
    )


def pick(model: MixedFit, weights: Mapping[str, float], name: str = "contrast") -> Contrast:
    """Return the contrast with these weights on the named coefficients, 0 elsewhere."""
    row = [weights.get(n, 0.0) for n in model.coefficients.index]
    return model.contrast(row, name=name)


def describe(question: Question, model: MixedFit, adjusted: Sequence[str] = ()) -> str:
    """Say in words which model ran."""
    unit = "study" if question.cohort.study.cluster == "clinic_id" else "patient"
    single = model.n_groups == model.n_obs  # also where sites were averaged
    kind = "linear model" if single else f"mixed model, random intercept per {unit}"
    df = "t intervals" if single else "Satterthwaite degrees of freedom"
    words = {"scar_type": "scar type", "baseline_severity": "severity", "clinic_id": "clinic"}
    names = [words.get(n, n.replace("_", " ")) for n in adjusted]
    return f"{kind}, {df}" + (f", adjusted for {', '.join(names)}" if names else "")
