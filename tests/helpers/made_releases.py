"""Cohorts that call themselves real, their releases, and what stands in the files of one."""

import io
import re
import zipfile

import numpy as np
import pandas as pd
from canary import STUDY

import mnstudy as mn
from mnstudy.disclosure.release import released
from mnstudy.reporting.release import write_release

TYPES = ["acne_rolling", "acne_boxcar", "surgical", "keloid", "stretch_mark"]
EVENTS = ["infection", "bruising", "pih", "worsening", "acne_flare"]
CLAIMS = [
    "reduces-scarring", "treats-acne-scars", "smooths-texture", "satisfies-patients",
    "more-sessions", "comparable-to-laser", "gentler-than-laser", "little-pain", "rare-pih",
    "rare-infection", "home-riskier", "short-downtime",
]  # fmt: skip
TOML = 'title = "Registry of a clinic"\ndesign = "registry"\nsynthetic = false\n'


def sheet(seed, arms=None, **columns):
    """Return one row a patient of several arms, nothing about any of them true."""
    rng = np.random.default_rng(seed)
    names = ["needling", "untreated", "laser", "peel", "rf_needling"]
    some = rng.integers(5, 32, rng.integers(2, 5))
    arms = arms or dict(zip(names, map(int, some), strict=False))
    treatment = np.repeat([*arms], [*arms.values()])
    n, needled = len(treatment), np.array(["needling" in x for x in treatment])
    some = rng.dirichlet(np.ones(len(TYPES)))
    data = pd.DataFrame({
        "patient_id": [f"Q{i:03}" for i in range(n)],
        "site_id": "s",
        "clinic_id": rng.choice(["C1", "C2", "C3"], n),
        "scar_type": rng.choice(TYPES, n, p=some),
        "sex": np.where(rng.random(n) < rng.uniform(0.1, 0.9), "female", "male"),
        "age_band": rng.choice(["18-24", "25-34", "35-44"], n),
        "phototype": rng.choice(["I", "II", "III", "IV"], n, p=[0.1, 0.4, 0.4, 0.1]),
        "baseline_severity": rng.integers(1, 5, n),
        "needle_depth_mm": np.where(needled, rng.choice([0.25, 0.5, 1.0, 1.5], n), 0.0),
        "session_count": np.where(treatment == "untreated", 0, rng.integers(1, 6, n)),
        "treatment": treatment,
        "adjunct": "none",
        "setting": np.where(rng.random(n) < 0.7, "clinic", "home"),
        "weeks": 12.0,
        "improvement_score": np.where(rng.random(n) < 0.93, rng.integers(-20, 100, n), np.nan),
        "texture_score": rng.integers(0, 21, n) / 2,
        "satisfaction_score": rng.integers(0, 11, n).astype(float),
        "pain_score": rng.integers(0, 11, n).astype(float),
        "erythema_days": rng.integers(0, 10, n).astype(float),
        **{e: rng.random(n) < p for e, p in zip(EVENTS, rng.uniform(0, 0.6, 5), strict=True)},
    })  # fmt: skip
    data.loc[treatment == "untreated", ["pain_score", "erythema_days"]] = np.nan
    return data.assign(**columns)


def made(data, claims=CLAIMS, *, tables=True, **study):
    """Return cohort, findings and release of a table."""
    cohort = mn.load(data, study={**STUDY, **study})
    findings = mn.evaluate(cohort, claims)
    return cohort, findings, released(cohort, findings, tables=tables)


def kept(folder, data, name="sheet.csv", more=""):
    """Write sheet and study file; return the path to load them from."""
    data.to_csv(folder / name, index=False)
    (folder / "study.toml").write_text(f'{TOML}file = "{name}"\n{more}', encoding="utf-8")
    return folder / "study.toml"


def files(release, folder, **more):
    """Write a release; return the bytes of every file, those inside of archives too."""
    options = {"formats": ["svg"], "versions": {}, "notebooks": False, **more}
    write_release(release, folder, **options)
    found = {}
    for path in (p for p in sorted(folder.rglob("*")) if p.is_file()):
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        found[name] = content
        if zipfile.is_zipfile(path):
            inside = zipfile.ZipFile(io.BytesIO(content))
            found |= {f"{name}/{x}": inside.read(x) for x in inside.namelist()}
    return found


def texts(found):
    """Return what can be read in the files, tags and style sheets apart."""
    read = {k: v.decode("utf-8", "replace") for k, v in found.items() if not k.endswith(".docx")}
    return {k: re.sub(r"<style>.*?</style>", "", v, flags=re.S) for k, v in read.items()}


def tables(found, key):
    """Return a printed table of a release as cells."""
    lines = found[f"tables/{key}_release.csv"].decode().splitlines()
    read = pd.read_csv(io.StringIO("\n".join(lines)), dtype=str, keep_default_na=False)
    return read.drop(columns="profile")
