"""Small sheets made by hand, and what is found in them."""

import numpy as np
import pandas as pd

import mnstudy as mn


def site(i, treatment="needling", site_id="site", **more):
    depth = 1.5 if treatment == "needling" else np.nan
    return {
        "patient_id": f"P{i:03}", "site_id": site_id, "scar_type": "acne_rolling",
        "needle_depth_mm": depth, "treatment": treatment, "adjunct": "none", "session_count": 3,
        **more,
    }  # fmt: skip


def two_arms(needled=13, untreated=9, seed=1):
    rng = np.random.default_rng(seed)
    rows = [site(i, improvement_score=x) for i, x in enumerate(rng.uniform(5, 60, needled))]
    scores = rng.uniform(-20, 20, untreated)
    rows += [site(100 + i, "untreated", improvement_score=x) for i, x in enumerate(scores)]
    return pd.DataFrame(rows)


def faces(both=12, alone=2, seed=2):
    rng = np.random.default_rng(seed)
    rows = []
    for i, own in enumerate(rng.normal(30, 10, both + alone)):
        gain = own + rng.normal(8, 4)
        rows.append(site(i, site_id="left", improvement_score=own))
        if i < both:
            rows.append(site(i, site_id="right", improvement_score=gain) | {"adjunct": "prp"})
    return pd.DataFrame(rows)


def visits(patients=14, seed=3):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(patients):
        own, last = rng.normal(20, 8), 2 + i % 3
        for s in range(1, last + 1):
            score = own + 5 * s + rng.normal(0, 2)
            rows.append(site(i, improvement_score=score) | {"session_count": s, "weeks": 4 * s})
    return pd.DataFrame(rows)


def graded(moves, *, sites_each=1, treatment="needling"):
    """One patient for each pair of grades, with a typed improvement beside the raw grades."""
    rows, rng = [], np.random.default_rng(4)
    for i, (before, after) in enumerate(moves):
        for k in range(sites_each):
            named = site(i, treatment, site_id=f"s{k}", scale="Goodman-Baron")
            score = float(20 * (before - after) + rng.uniform(0, 9))
            rows.append(named | {"session_count": 0, "weeks": 0, "scale_score": before,
                                 "improvement_score": 0.0})  # fmt: skip
            rows.append(named | {"weeks": 12, "scale_score": after, "improvement_score": score})
    return pd.DataFrame(rows)


def asked(sheet, claim, **study):
    cohort = mn.load(sheet, study={"design": "registry", "synthetic": False, **study})
    return cohort, mn.evaluate(cohort, claim)[0]


def split(sheet, **study):
    return asked(sheet, "topical-adjunct", design="split_body", randomised=True, **study)


DENSE = [(a, b) for a in (2, 3, 4) for b in (1, 2, 3, 4) for _ in range(5 + a + b)]
