"""Speed and type-I error of the random-intercept model beside its alternatives.

    python benchmarks/mixed.py              speed and memory
    python benchmarks/mixed.py --type-one   false positives at 5 %

Alternatives: statsmodels MixedLM, lme4 (where Rscript is installed; time of lmer alone, without
reading data), and the plain numpy sums without which no fit can do. Set OMP_NUM_THREADS=1 to
compare single threads.
"""

import argparse
import gc
import shutil
import subprocess
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

from mnstudy.stats.mixed.model import random_intercept, random_intercept_batch

ROWS = (600, 3_000, 30_000, 300_000, 3_000_000)
STATSMODELS_UP_TO = 30_000
LME4_UP_TO = 300_000
VISITS = 6
METHODS = (
    ("satterthwaite", "bounded"),
    ("satterthwaite", "unbounded"),
    ("kenward-roger", "bounded"),
)
LMER = """
suppressMessages(library(lme4)); d <- read.csv("{file}")
best <- min(sapply(1:{repeats}, function(i)
  system.time(lmer(y ~ arm + visit + x + (1 | patient), d))[["elapsed"]]))
cat(best)
"""


def simulate(rows, rng, ratio=0.5, sizes=(VISITS,)):
    """Visits of patients in two arms; columns: intercept, arm, visit, a covariate."""
    sizes = np.resize(sizes, max(int(rows / np.mean(sizes)), 2))
    patient = np.repeat(np.arange(len(sizes)), sizes)
    n = len(patient)
    visit = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    x = np.column_stack([np.ones(n), patient % 2, visit, rng.normal(size=n)])
    effect = np.sqrt(ratio) * rng.normal(size=len(sizes))
    return x @ [20.0, 2.0, 1.0, 0.5] + effect[patient] + rng.normal(size=n), x, patient


def best_of(function, repeats):
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def numpy_sums(y, x, patient):
    np.bincount(patient)
    for column in (*x.T, y):
        np.bincount(patient, weights=column)
    return x.T @ x, x.T @ y, y @ y


def statsmodels_fit(y, x, patient):
    from statsmodels.regression.mixed_linear_model import MixedLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLM(y, x, patient).fit(reml=True)


def lme4_seconds(y, x, patient, repeats):
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        table = np.column_stack([y, x[:, 1:], patient])
        np.savetxt(file, table, delimiter=",", header="y,arm,visit,x,patient", comments="")
        script = LMER.format(file=file, repeats=repeats)
        run = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=False)
    return float(run.stdout) if run.returncode == 0 else None


def cell(seconds, ours):
    if seconds is None:
        return f"{'-':>20}"
    return f"{1000 * seconds:>10,.1f} {seconds / ours:>7,.1f} x"


def speed():
    print("Seconds of one fit, best of several, in milliseconds; ratio to ours beside it\n")
    print(f"{'rows':>10} {'ours':>10} {'statsmodels':>20} {'lme4':>20} {'ours / numpy sums':>20}")
    for rows in ROWS:
        y, x, patient = simulate(rows, np.random.default_rng(rows))
        repeats = 20 if rows < 30_000 else 5
        ours = best_of(lambda: random_intercept(y, x, patient), repeats)  # noqa: B023
        sums = best_of(lambda: numpy_sums(y, x, patient), repeats)  # noqa: B023
        other = None
        if rows <= STATSMODELS_UP_TO:
            other = best_of(lambda: statsmodels_fit(y, x, patient), 1)  # noqa: B023
        lme4 = lme4_seconds(y, x, patient, 3) if rows <= LME4_UP_TO else None
        ratio = f"{ours / sums:>18,.2f} x"
        print(f"{rows:>10,} {1000 * ours:>10,.1f} {cell(other, ours)} {cell(lme4, ours)} {ratio}")


def layouts():
    """Other layouts at three million rows: what changes is the order and size of groups."""
    print("\n3,000,000 rows, other layouts\n")
    rng = np.random.default_rng(3)
    y, x, patient = simulate(3_000_000, rng)
    order = rng.permutation(len(y))
    cases = {
        "rows in random order": (y[order], x[order], patient[order]),
        "1 to 40 rows per patient": simulate(3_000_000, rng, sizes=np.arange(1, 41)),
        "30 clinics": (y, x, patient % 30),
        "labels as text": (y, x, np.array([f"p{i:06d}" for i in range(patient[-1] + 1)])[patient]),
    }
    for name, case in cases.items():
        ours = best_of(lambda: random_intercept(*case), 2)  # noqa: B023
        print(f"{name:>28} {1000 * ours:>10,.0f} ms")


def batch():
    print("\n1,000 outcomes on one design: batch against a loop of single fits\n")
    for rows, sizes in [(60, (3,)), (600, (6,)), (600, np.arange(1, 12)), (3_000, (6,))]:
        y, x, patient = simulate(rows, np.random.default_rng(rows), sizes=sizes)
        noise = np.random.default_rng(1).normal(size=(len(y), 1_000))
        table = y[:, None] + noise
        for df, variance in METHODS:
            options = {"df": df, "variance": variance}
            together = best_of(lambda: random_intercept_batch(table, x, patient, **options), 3)  # noqa: B023
            start = time.perf_counter()
            for column in table.T[:200]:
                random_intercept(column, x, patient, **options)
            loop = 5 * (time.perf_counter() - start)
            unbalanced = "unbalanced" if len(sizes) > 1 else "balanced"
            print(
                f"{len(y):>6,} rows {unbalanced:>10} {variance:>9} {df:>13}: "
                f"batch {1000 * together:>4,.0f} ms, "
                f"loop {1000 * loop:>5,.0f} ms, {loop / together:.0f} x"
            )


def memory():
    data = simulate(3_000_000, np.random.default_rng(0))
    tracemalloc.start()
    random_intercept(*data)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    size = sum(part.nbytes for part in data) / 2**20
    print(f"\nMemory at 3,000,000 rows: {peak:.0f} MB at most beside {size:.0f} MB of data")


def design_for(patients, balanced):
    """Four visits each, or 2, 3, 4 and 7 in turn; sides alternate, arms alternate by patient."""
    sizes = np.resize([4] if balanced else [2, 3, 4, 7], patients)
    patient = np.repeat(np.arange(patients), sizes)
    side = (np.arange(len(patient)) - np.repeat(np.cumsum(sizes) - sizes, sizes)) % 2
    one = np.ones(len(patient))
    within, between = np.column_stack([one, side]), np.column_stack([one, patient % 2])
    return patient, {"within": within, "between": between}


def null_outcomes(patient, ratio, reps, rng):
    effects = np.sqrt(ratio) * rng.normal(size=(patient[-1] + 1, reps))
    return effects[patient] + rng.normal(size=(len(patient), reps))


def rate(p_values, error=np.inf):
    """Percentage of tests under 5 %, bold when over three Monte-Carlo errors away from it."""
    percent = 100 * np.mean(p_values[~np.isnan(p_values)] < 0.05)
    return f"**{percent:.1f}**" if abs(percent - 5) > 3 * error else f"{percent:.1f}"


def z_test(y, x, patient):
    try:
        return statsmodels_fit(y, x, patient).pvalues[1]
    except np.linalg.LinAlgError:
        return np.nan


def type_one(reps, slow_reps):
    error, slow = (100 * np.sqrt(0.05 * 0.95 / n) for n in (reps, slow_reps))
    print(
        f"False positives in % where 5.0 is promised; {reps:,} trials, Monte-Carlo error "
        f"{error:.2f}, bold beyond 3 errors; statsmodels {slow_reps:,} trials, error {slow:.1f}\n"
    )
    titles = [f"{df} {variance}" for df, variance in METHODS]
    head = [
        "patients",
        "rows",
        "ratio",
        "factor",
        *titles,
        "unbounded: no estimate",
        "statsmodels z",
    ]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for patients in (6, 10, 16, 30):
        for balanced in (True, False):
            patient, designs = design_for(patients, balanced)
            for ratio in (0.0, 0.5, 2.0):
                rng = np.random.default_rng([patients, balanced, int(10 * ratio)])
                y = null_outcomes(patient, ratio, reps, rng)
                for factor, x in designs.items():
                    p = [
                        random_intercept_batch(y, x, patient, df=df, variance=variance).p_value[
                            :, 1
                        ]
                        for df, variance in METHODS
                    ]
                    lost = f"{100 * np.isnan(p[1]).mean():.1f}" if np.isnan(p[1]).any() else ""
                    z = np.array([z_test(outcome, x, patient) for outcome in y.T[:slow_reps]])
                    rows = "balanced" if balanced else "unbalanced"
                    cells = [patients, rows, ratio, factor, *(rate(q, error) for q in p), lost]
                    print(f"| {' | '.join(map(str, cells))} | {rate(z)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--type-one", action="store_true", help="the table of false positives")
    parser.add_argument("--reps", type=int, default=20_000, help="trials per cell for ours")
    parser.add_argument("--slow-reps", type=int, default=400, help="trials for statsmodels")
    arguments = parser.parse_args()
    if arguments.type_one:
        type_one(arguments.reps, arguments.slow_reps)
        return
    speed()
    layouts()
    batch()
    memory()


if __name__ == "__main__":
    main()
