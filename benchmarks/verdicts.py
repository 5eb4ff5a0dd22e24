"""Speed and memory of verdicts on simulated studies of 40 patients, beside statsmodels MixedLM.

    OMP_NUM_THREADS=1 python benchmarks/verdicts.py

One claim, the only primary one, and all 43, with the verdict only and in full (further numbers,
notes, assumptions), on a drawn study. MixedLM fits the score on the arm, with a random intercept,
to rows of the same study from bare arrays: of the split body those behind the estimate, else all
assessments after baseline, for one row a patient has no random intercept. Best of several,
everything taken in turn in one run.
"""

import gc
import time
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np

import mnstudy as mn
from mnstudy.cohort.table import is_baseline
from mnstudy.verdicts.evaluate import asked_and_needed, find_all, verdicts_of

PATIENTS, STUDIES, REPEATS = 40, 5, 7
CLAIMS = {
    "parallel": "reduces-scarring",
    "split_body": "topical-adjunct",
    "registry": "reduces-scarring",
}


def rows_of(study, design):
    """Scores, columns and patients of the rows that tell the two arms of the claim apart."""
    data = study.sites() if design == "split_body" else study.data[~is_baseline(study.data)]
    data = data[data["improvement_score"].notna()]
    if design == "split_body":
        treated = data["adjunct"].ne("none").fillna(False)
    else:
        data = data[data["treatment"].isin(["needling", "untreated"])]
        treated = data["treatment"].eq("needling")
    x = np.column_stack([np.ones(len(data)), treated.to_numpy(dtype=float)])
    return data["improvement_score"].to_numpy(dtype=float), x, data["patient_id"].to_numpy()


def mixed_lm(y, x, patients):
    from statsmodels.regression.mixed_linear_model import MixedLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLM(y, x, patients).fit(reml=True)


def all_verdicts(study):
    _, claims = asked_and_needed(study)
    return find_all(study, claims, study.study.plan.confidence_level, brief=True)


def in_turn(functions):
    """Return the best time of each function, in milliseconds; each is run once before."""
    best = dict.fromkeys(functions, float("inf"))
    for turn in range(REPEATS + 1):
        for name, function in functions.items():
            gc.collect()
            start = time.perf_counter()
            function()
            if turn:
                best[name] = min(best[name], 1000 * (time.perf_counter() - start))
    return best


def of_study(design, claim, seed):
    study = mn.simulate(PATIENTS, design=design, rng=seed)
    alone = replace(study.study.plan, primary=(claim,))  # else it asks for the whole family
    study = replace(study, study=replace(study.study, plan=alone))
    rows = rows_of(study, design)
    return in_turn(
        {
            "draw the study": lambda: mn.simulate(PATIENTS, design=design, rng=seed),
            "one claim, verdict": lambda: verdicts_of(study, claim),
            "one claim, in full": lambda: mn.evaluate(study, claims=claim),
            "all claims, verdicts": lambda: all_verdicts(study),
            "all claims, in full": lambda: mn.evaluate(study),
            "MixedLM": lambda: mixed_lm(*rows),
        }
    )


def speed():
    print(f"studies of {PATIENTS} patients: ms, median of {STUDIES} studies, and MixedLM / ours")
    for design, claim in CLAIMS.items():
        studies = [of_study(design, claim, seed) for seed in range(STUDIES)]
        median = {name: float(np.median([s[name] for s in studies])) for name in studies[0]}
        print(f"\n{design}, {claim}")
        for name, ms in median.items():
            ratio = f"{median['MixedLM'] / ms:8.2f} x" if "claim" in name else ""
            print(f"  {name:<22}{ms:9.1f}{ratio}")
        one = median["draw the study"] + median["all claims, verdicts"]
        print(f"  1,000 studies x all claims, extrapolated: {one / 60:.1f} min")


def memory():
    """What is still held after 100 more studies, drawn and judged and let go."""

    def judge(seeds):
        for seed in seeds:
            verdicts_of(mn.simulate(PATIENTS, design="parallel", rng=seed), "reduces-scarring")
        gc.collect()

    judge(range(20))
    tracemalloc.start()
    judge(range(20, 30))
    before = tracemalloc.get_traced_memory()[0]
    judge(range(30, 130))
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    growth, peak = (after - before) / 2**10, peak / 2**20
    print(f"\nmemory: {growth:.0f} kB more after 100 further studies, peak {peak:.1f} MB")


if __name__ == "__main__":
    speed()
    memory()
