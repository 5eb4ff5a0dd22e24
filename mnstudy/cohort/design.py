"""What the table itself says about the design, where the study file declares none."""

from __future__ import annotations

import pandas as pd

MIN_PATIENTS = 5  # fewer with both kinds of site are exceptions, not a design


def infer_design(data: pd.DataFrame) -> tuple[str, str]:
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
    reason : str
        What in the table speaks for it.
    """
    patient = data["patient_id"]
    arm = data["treatment"].astype("str")
    if "adjunct" in data:
        arm = arm + " " + data["adjunct"].astype("str").where(data["adjunct"].notna(), "none")
    kinds = arm[data["treatment"].notna()].groupby(patient).nunique()
    both, everyone = int((kinds > 1).sum()), len(kinds)
    if both >= MIN_PATIENTS and 2 * both >= everyone:
        return "split_body", f"{both:,} of {everyone:,} patients have sites treated differently"
    arms = patient.groupby(arm).nunique()
    if int((arms >= MIN_PATIENTS).sum()) > 1:
        return "registry", "patients were treated differently, and nothing says who assigned them"
    return "single_arm", "all were treated alike"
