"""What the table itself says about the design, where the study file declares none."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from mnstudy.words.notes import Count, Note, note

ARMS = ("treatment", "adjunct")
# what a trial may assign instead, where all sites get the same treatment
DOSES = ("needle_depth_mm", "session_interval_weeks", "setting", "device", "maintenance")
FEWEST_IN_BOTH = 5  # fewer with both kinds of site are exceptions, not a design


def infer_design(data: pd.DataFrame) -> tuple[str, Note]:
    """Infer the design from who received what.

    Parameters
    ----------
    data : DataFrame
        A table under the contract.

    Returns
    -------
    design : str
        split_body, registry or single_arm. Parallel arms are never inferred: that patients were
        assigned to them is for the study file to say.
    reason : Note
        What in the table speaks for it.
    """
    patient = data["patient_id"]
    arm = data["treatment"].astype("str")
    if "adjunct" in data:
        arm = arm + " " + data["adjunct"].astype("str").where(data["adjunct"].notna(), "none")
    kinds = arm[data["treatment"].notna()].groupby(patient).nunique()
    both, everyone = int((kinds > 1).sum()), len(kinds)
    if both >= FEWEST_IN_BOTH and 2 * both >= everyone:
        patients = Count(n=both, of=everyone, noun="patient")
        return "split_body", note("sites_treated_differently", patients=patients)
    arms = patient.groupby(arm).nunique()
    if int((arms >= FEWEST_IN_BOTH).sum()) > 1:
        return "registry", note("patients_treated_differently")
    return "single_arm", note("all_treated_alike")


def assignable(data: pd.DataFrame, columns: Collection[str]) -> bool:
    """Tell whether a declared randomisation can be what decided these columns.

    Parameters
    ----------
    data : DataFrame
        A table under the contract, of a study declared as randomised.
    columns : collection of str
        Columns in which the compared sites differ.

    Returns
    -------
    bool
        True for treatment and adjunct, unless the other of the two differs as well: which of them
        chance decided, ``randomised_by`` has to say. A dose (depth, interval, setting, device,
        maintenance) can have been assigned only where all sites got the same treatment and no
        other dose differs: else it differs between patients of a trial of something else. What a
        patient brings along, as scar type or severity, never is.
    """
    differ = {c for c in ARMS if c in data and data[c].nunique() > 1}
    if set(columns) <= set(ARMS):
        return differ <= set(columns)
    differ |= {c for c in DOSES if c in data and data[c].nunique() > 1}
    return len(differ) == 1 and set(columns) == differ
