"""Bootstrap and permutation tests against scipy's in one run: time, ratio, largest difference.

Run ``python benchmarks/resampling.py``. scipy knows no patients, so there is one row per patient
here, except for the last lines, where scipy is given a statistic that gathers the rows of the
patients drawn. Differences between limits are Monte Carlo error, shown in standard errors.
"""

import time

import numpy as np
from scipy import stats

from mnstudy.stats.resampling.bootstrap import cluster_bootstrap
from mnstudy.stats.resampling.permutation import permute_arms, sign_flip

RESAMPLES = 9999
SECONDS = 0.5


def timed(run):
    run()
    start, reps = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        found, reps = run(), reps + 1
    return found, (time.perf_counter() - start) / reps


def show(label, n, ours, theirs, difference):
    (a, seconds), (b, other) = timed(ours), timed(theirs)
    ratio = other / seconds
    print(
        f"{label:<34} {n:>6} {1e3 * seconds:>9.2f} {1e3 * other:>9.2f} {ratio:>8.1f} "
        f"{difference(a, b):>9.1e}"
    )


def limits(a, b):
    low, high = b.confidence_interval
    return max(abs(a.ci_low - low), abs(a.ci_high - high)) / a.std_error


def p_values(a, b):
    return abs(a.p_value - b.pvalue)


def mean_difference(x, y, axis):
    return x.mean(axis=axis) - y.mean(axis=axis)


def bootstrap(n, method):
    x = np.random.default_rng(n).gamma(2.0, 10.0, n)
    show(
        f"bootstrap of a mean, {method}",
        n,
        lambda: cluster_bootstrap(x, None, rng=1, n_resamples=RESAMPLES, method=method),
        lambda: stats.bootstrap((x,), np.mean, rng=1, n_resamples=RESAMPLES, method=method),
        limits,
    )


def bootstrap_arms(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(40, 15, n // 2), rng.normal(30, 15, n // 2)
    both, arm = np.concatenate([x, y]), np.repeat([1, 0], n // 2)
    show(
        "bootstrap of a difference",
        n,
        lambda: cluster_bootstrap(both, None, arm, rng=1, n_resamples=RESAMPLES),
        lambda: stats.bootstrap(
            (x, y), mean_difference, rng=1, n_resamples=RESAMPLES, method="percentile"
        ),
        limits,
    )


def bootstrap_patients(n):
    rng = np.random.default_rng(n)
    patient = np.repeat(np.arange(n), 10)
    y = rng.normal(40, 10, n)[patient] + rng.normal(0, 10, 10 * n)
    rows = y.reshape(n, 10)

    def gather(drawn):
        return rows[drawn].mean()

    show(
        "bootstrap of patients, 10 rows each",
        n,
        lambda: cluster_bootstrap(y, patient, rng=1, n_resamples=RESAMPLES),
        lambda: stats.bootstrap(
            (np.arange(n),),
            gather,
            rng=1,
            n_resamples=RESAMPLES,
            method="percentile",
            vectorized=False,
        ),
        limits,
    )


def signs(n, n_resamples, label):
    d = np.random.default_rng(n).normal(3, 10, n)
    exact = None if n_resamples is None else False
    asked = {"n_resamples": n_resamples or 9999, "rng": 1}
    show(
        f"sign flips, {label}",
        n,
        lambda: sign_flip(d, exact=exact, **asked),
        lambda: stats.permutation_test(
            (d,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=n_resamples or np.inf,
            rng=1,
        ),
        p_values,
    )


def arms(n, n_resamples, label):
    rng = np.random.default_rng(n)
    x, y = rng.normal(36, 15, n // 2), rng.normal(30, 15, n // 2)
    both, arm = np.concatenate([x, y]), np.repeat([1, 0], n // 2)
    exact = None if n_resamples is None else False
    asked = {"n_resamples": n_resamples or 9999, "rng": 1}
    show(
        f"arms permuted, {label}",
        n,
        lambda: permute_arms(both, arm, exact=exact, **asked),
        lambda: stats.permutation_test(
            (x, y), mean_difference, vectorized=True, n_resamples=n_resamples or np.inf, rng=1
        ),
        p_values,
    )


def main():
    print(f"{RESAMPLES} resamples unless exact; milliseconds per analysis")
    print(f"{'analysis':<34} {'units':>6} {'mnstudy':>9} {'scipy':>9} {'ratio':>8} {'diff':>9}")
    for n in (20, 60, 1000):
        bootstrap(n, "percentile")
    bootstrap(60, "bca")
    bootstrap_arms(60)
    for n in (20, 60):
        bootstrap_patients(n)
    signs(12, None, "exact")
    signs(18, None, "exact")
    signs(60, RESAMPLES, "drawn")
    arms(12, None, "exact")
    arms(18, None, "exact")
    arms(60, RESAMPLES, "drawn")
    d = np.random.default_rng(1).normal(3, 10, 40)
    _, seconds = timed(lambda: sign_flip(d))
    print(f"sign flips, exact, 40 units: {1e3 * seconds:.0f} ms for 2^40 = 1.1e12 permutations")


if __name__ == "__main__":
    main()
