"""A cohort that calls itself real, of patients nobody could mistake, with small cells throughout.

Nobody in it exists: the demonstration clinic with other ids and values, and with 1 to 4 patients
in an arm, a scar type, a clinic, with an event, without one, without a value, and lost.
"""

import numpy as np
import pandas as pd

import mnstudy as mn

N = 150
STUDY = {
    "title": "Registry of a clinic",
    "design": "registry",
    "synthetic": False,
    "source": "Own patients.",
    "plan": {"primary": ["reduces-scarring", "rare-pih", "little-pain"]},
}
EXACT = ("improvement_score", "needle_depth_mm", "scar_depth_um", "collagen_change_percent")


def sheet():
    """Return the sheet; ids, scores and depths carry marks that stand nowhere else."""
    data = mn.load("demo_clinic").data
    ids = sorted(data["patient_id"].unique())[:N]
    data = data[data["patient_id"].isin(ids)].reset_index(drop=True)
    patient = pd.Series(data["patient_id"].map({p: i for i, p in enumerate(ids)}).to_numpy())
    data["patient_id"] = [f"QZX-7F3A-{i:03}" for i in patient]
    for name in EXACT:
        data[name] = data[name].astype("float64")
        marked = data[name].notna() & data[name].gt(0)
        mark = 0.02 * (np.arange(1, len(data) + 1) * np.pi % 1)  # small: depth classes stay
        data.loc[marked, name] = (data[name] - mark)[marked]
    return _with_small_cells(data, patient)


def _with_small_cells(data, patient):
    needled = patient[data["treatment"].eq("needling")].unique()
    after = data["session_count"].fillna(0).gt(0)
    for name, had in (("pih", needled[:3]), ("infection", needled[3:5]), ("bruising", needled[3:])):
        data[name] = patient.isin(had).astype("boolean").where(after)
    data.loc[patient.isin(needled[10:13]), "pain_score"] = pd.NA
    peeled = patient[data["treatment"].eq("peel")].unique()
    others = patient.isin(peeled[3:]) & data["treatment"].eq("peel")
    data.loc[others, ["treatment", "adjunct"]] = ["untreated", "none"]
    data.loc[others, "needle_depth_mm"] = 0.0
    small = patient[data["clinic_id"].eq("C6")].unique()
    data.loc[patient.isin(small[3:]), "clinic_id"] = "C1"
    rare = patient[data["scar_type"].eq("other")].unique()
    data.loc[patient.isin(rare[2:]), "scar_type"] = "surgical"
    lost = patient.isin(needled[20:24]) & after
    data.loc[lost, "improvement_score"] = np.nan
    return data.astype({"scar_type": "str", "treatment": "str", "adjunct": "str"})


def write(folder):
    """Write sheet and study file; return the path to load it from."""
    sheet().to_csv(folder / "narben.csv", index=False)
    lines = [f'{k} = "{v}"' for k, v in STUDY.items() if isinstance(v, str)]
    primary = ", ".join(f'"{c}"' for c in STUDY["plan"]["primary"])
    lines += ["synthetic = false", 'file = "narben.csv"', f"[plan]\nprimary = [{primary}]"]
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "study.toml"
