"""Do those who were lost differ from those who stayed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mnstudy.cohort.describe.flow import lost_by_site
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import Cohort
from mnstudy.stats.counts.two_groups import risk_difference
from mnstudy.stats.mixed.comparisons import arm_difference
from mnstudy.verdicts.analyses.question import MIN_PATIENTS, UNIT, after_a_session

NOT_COMPARED = f"not compared: fewer than {MIN_PATIENTS} patients"
COLUMNS = [
    "measure", "level", "completers", "dropouts", "difference", "ci_low", "ci_high", "unit",
    "n_completers", "n_dropouts", "method",
]  # fmt: skip
_SHARES = ("scar_type", "phototype", "treatment")


def completers_and_dropouts(cohort: Cohort, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Compare patients who stayed with those who were lost; no p-values.

    Parameters
    ----------
    cohort : Cohort
    confidence_level : float

    Returns
    -------
    DataFrame
        measure, level (of a share), completers and dropouts (mean, or percent of the patients),
        difference (drop-outs minus completers) with ci_low and ci_high, unit, n_completers,
        n_dropouts, method. The measures, as far as the table has them: severity at baseline,
        sessions completed, improvement first known after a session, depth where needled, and the
        shares of scar types, phototypes and treatments.

    Notes
    -----
    The patient is the unit: values are averaged over a patient's sites, a share counts patients
    with at least one such site, and a patient is a drop-out when any site was lost
    (``mnstudy.cohort.describe.flow.lost_sites``). Patients without the value are left out of its
    row; n says how many were used. Nothing is compared where either group has fewer than 5
    patients.
    Likeness in what was measured does not show likeness in what was not. Means: two-sample t with
    one variance. Shares: Newcombe (1998), doi
    10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> import mnstudy as mn
    >>> table = completers_and_dropouts(mn.load("demo_clinic"))
    >>> table["measure"].unique()[:3].tolist()
    ['baseline_severity', 'session_count', 'improvement_score']
    """
    lost = lost_by_site(cohort, cohort.sites()).groupby("patient_id").any()
    rows = [
        [name, "", *_means(values, lost, confidence_level), columns()[name].unit]
        for name, values in _measures(cohort)
    ]
    rows += [
        [name, level, *_percentages(has, lost, confidence_level), "percent of patients"]
        for name, level, has in _levels(cohort)
    ]
    order = [*COLUMNS[:2], *COLUMNS[2:7], "n_completers", "n_dropouts", "method", "unit"]
    frame = pd.DataFrame(rows, columns=order)[COLUMNS]
    return frame.astype({"n_completers": "Int64", "n_dropouts": "Int64"})


def _measures(cohort: Cohort) -> Iterator[tuple[str, pd.Series]]:
    """Yield each measure as one value a patient, missing where it is not known."""
    data = cohort.data
    by_site = data.groupby(UNIT, observed=True, sort=True)
    if "baseline_severity" in data:
        yield "baseline_severity", _by_patient(by_site["baseline_severity"].first())
    yield "session_count", _by_patient(by_site["session_count"].max())
    keys = [c for c in ("weeks", "session_count") if c in data]
    seen = after_a_session(data)
    seen = seen[seen["improvement_score"].notna() & seen["session_count"].ne(0).fillna(True)]
    first = seen.sort_values(keys, kind="stable").groupby(UNIT, observed=True, sort=True)
    yield "improvement_score", _by_patient(first["improvement_score"].first())
    depth = by_site["needle_depth_mm"].max()
    yield "needle_depth_mm", _by_patient(depth[depth > 0])


def _by_patient(values: pd.Series) -> pd.Series:
    return values.astype("float64").groupby("patient_id").mean()


def _levels(cohort: Cohort) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield for each level which patients have a site of it, among those where it is known."""
    data = cohort.data
    for name in (c for c in _SHARES if c in data):
        known = data[data[name].notna()]
        levels = [x for x in known[name].cat.categories if known[name].eq(x).any()]
        for level in levels if len(levels) > 1 else []:
            yield name, str(level), known[name].eq(level).groupby(known["patient_id"]).any()


def _groups(values: pd.Series, lost: pd.Series) -> tuple[pd.Series, pd.Series]:
    known = values.dropna()
    gone = lost.reindex(known.index)
    return known[~gone], known[gone]


def _means(values: pd.Series, lost: pd.Series, level: float) -> list[object]:
    stayed, gone = _groups(values, lost)
    if min(len(stayed), len(gone)) < MIN_PATIENTS:
        return _not_compared(len(stayed), len(gone))
    both = pd.concat([stayed, gone])
    if both.nunique() == 1:
        same = float(both.iloc[0])
        return [same, same, 0.0, np.nan, np.nan, len(stayed), len(gone), "all the same"]
    arm = np.repeat([0, 1], [len(stayed), len(gone)])
    found = arm_difference(both.to_numpy(), arm, confidence_level=level).difference
    ends = [found.estimate, found.ci_low, found.ci_high]
    return [stayed.mean(), gone.mean(), *ends, len(stayed), len(gone), "means of patients, t"]


def _percentages(has: pd.Series, lost: pd.Series, level: float) -> list[object]:
    stayed, gone = _groups(has, lost)
    if min(len(stayed), len(gone)) < MIN_PATIENTS:
        return _not_compared(len(stayed), len(gone))
    found = risk_difference(
        int(gone.sum()), len(gone), int(stayed.sum()), len(stayed), confidence_level=level
    )
    numbers = (found.risk0, found.risk1, found.estimate, found.ci_low, found.ci_high)
    percents = [100 * x for x in numbers]
    return [*percents, len(stayed), len(gone), "shares of patients, Newcombe"]


def _not_compared(*sizes: int) -> list[object]:
    return [*[np.nan] * 5, *sizes, NOT_COMPARED]
