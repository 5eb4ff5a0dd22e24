"""Coverage of the intervals for a few studies, for rare rates and for rare events of two groups.

Run ``OMP_NUM_THREADS=1 python benchmarks/coverage.py [RUNS]`` (10,000 when not given; a fifth of
them for two groups). All runs of a cell are worked out together; every interval is looked at only
for whether it holds the truth, so that none has to be found. ``--check`` compares with the
functions of the package on a few runs. For two groups these functions are run themselves, once for
each set of counts.
"""

import argparse
import time

import numpy as np
from scipy import special, stats

from mnstudy.stats import arcsine_proportion, log_odds_ratio, pool, pool_counts, pool_rates

LEVEL, SCALE = 0.95, 0.5
# Variances of standardised differences of trials with about 20 to 80 people an arm.
VARIANCES = {2: [0.05, 0.10], 3: [0.03, 0.06, 0.10], 5: [0.025, 0.04, 0.06, 0.08, 0.10]}
TAUS = (0.0, 0.25, 0.5, 1.0)
# The 11 studies of plain needling in the claim rare-pih, people per study.
SIZES = np.array([39, 25, 30, 36, 32, 15, 31, 60, 32, 39, 24])
RATES, RHOS = (0.01, 0.02, 0.05), (0.0, 0.02, 0.05, 0.1)
# People in each group, study by study, and the risks of the two groups.
GROUPS = ((15,), (30,), (50,), (15, 30, 50))
RISKS = ((0.01, 0.01), (0.03, 0.03), (0.1, 0.1), (0.02, 0.1))
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(96)
MOST_ALIKE = 1 / 3
BLOCK = 2000


def given_tau(y, v, tau2):
    """Restricted log-likelihood, mean and error for every row of y and each tau² of its row."""
    w = 1 / (v + tau2[..., None])
    total = w.sum(axis=-1)
    mean = np.einsum("...k,...k->...", w, y[:, None, :]) / total
    q = (w * (y[:, None, :] - mean[..., None]) ** 2).sum(axis=-1)
    return 0.5 * (np.log(w).sum(axis=-1) - np.log(total) - q), mean, 1 / np.sqrt(total)


def posterior_below(y, v, truth, scale=SCALE):
    """Posterior probability that the mean is below the truth, row by row."""
    far = 8 * scale + 2 * np.sqrt(scale * np.ptp(y, axis=1))[:, None]
    # Points crowd at 0, where precise studies bend the posterior.
    x = 0.5 * (1 + NODES)
    tau = far * x**2
    height, mean, error = given_tau(y, v, tau**2)
    height = height - 0.5 * (tau / scale) ** 2 + np.log(x)
    share = np.exp(height - height.max(axis=1, keepdims=True)) * NODE_WEIGHTS
    return (share * special.ndtr((truth - mean) / error)).sum(axis=1) / share.sum(axis=1)


def reml(y, v):
    """REML estimate of tau² of every row: a grid, drawn together four times."""
    low, high = np.zeros(len(y)), 4 * np.var(y, axis=1) + 1e-6
    for _ in range(6):
        grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 41) ** 2
        top = given_tau(y, v, grid)[0].argmax(axis=1)
        rows = np.arange(len(y))
        low, high = grid[rows, np.maximum(top - 1, 0)], grid[rows, np.minimum(top + 1, 40)]
    return np.where(low == 0, np.where(top == 0, 0, (low + high) / 2), (low + high) / 2)


def knapp_hartung(y, v, truth):
    """Whether REML with Knapp-Hartung holds the truth, row by row."""
    tau2 = reml(y, v)[:, None]
    w = 1 / (v + tau2)
    mean = (w * y).sum(axis=1) / w.sum(axis=1)
    df = y.shape[1] - 1
    error = np.sqrt((w * (y - mean[:, None]) ** 2).sum(axis=1) / df / w.sum(axis=1))
    return np.abs(mean - truth) <= stats.t.ppf((1 + LEVEL) / 2, df) * error


def few_studies(runs, rng):
    """Rows of k, tau and the coverage of both intervals."""
    tail = (1 - LEVEL) / 2
    for k, v in VARIANCES.items():
        for tau in TAUS:
            held = np.zeros(2)
            for start in range(0, runs, BLOCK):
                size = min(BLOCK, runs - start)
                y = rng.normal(0.5, np.sqrt(np.array(v) + tau**2), (size, k))
                below = posterior_below(y, np.array(v), 0.5)
                held += (
                    ((below >= tail) & (below <= 1 - tail)).sum(),
                    knapp_hartung(y, np.array(v), 0.5).sum(),
                )
            yield k, tau, *(held / runs)


def counts_above(counts):
    """How many studies of each row have more than j, for every j."""
    return (counts[:, :, None] > np.arange(SIZES.max())).sum(axis=1).astype(float)


def log_likelihoods(events, means, rhos):
    """Beta-binomial log-likelihood, a row a run and a column a pair of mean and rho."""
    steps = rhos[:, None] * np.arange(SIZES.max())
    up = np.log(means[:, None] * (1 - rhos[:, None]) + steps)
    down = np.log((1 - means[:, None]) * (1 - rhos[:, None]) + steps)
    both = np.log(1 - rhos[:, None] + steps) @ counts_above(SIZES[None])[0]
    return counts_above(events) @ up.T + counts_above(SIZES - events) @ down.T - both


def beta_binomial(events, truth):
    """Whether the profile interval holds the true rate: its likelihood ratio, on a fine grid."""
    rhos = MOST_ALIKE * np.linspace(0, 1, 25) ** 2
    means = np.geomspace(2e-4, 0.6, 160)
    pairs = np.array(np.meshgrid(means, rhos)).reshape(2, -1)
    best = log_likelihoods(events, *pairs).max(axis=1)
    best = np.where(events.sum(axis=1) == 0, 0.0, best)
    there = log_likelihoods(events, np.full(len(rhos), truth), rhos).max(axis=1)
    return 2 * (np.maximum(best, there) - there) <= stats.chi2.ppf(LEVEL, 1)


def arcsine(events, truth):
    """Whether REML with Knapp-Hartung of the double arcsine, turned back, holds the rate."""
    found = arcsine_proportion(np.ravel(events), np.tile(SIZES, len(events)))
    y, v = found.effect.reshape(events.shape), found.variance[: len(SIZES)]
    return knapp_hartung(y, v, np.arcsin(np.sqrt(truth)))


def rare_rates(runs, rng):
    """Rows of rate, rho and the coverage of both intervals."""
    for rate in RATES:
        for rho in RHOS:
            held = np.zeros(2)
            for start in range(0, runs, BLOCK):
                shape = (min(BLOCK, runs - start), len(SIZES))
                a = (1 - rho) / rho if rho else None
                true = rng.beta(rate * a, (1 - rate) * a, shape) if rho else np.full(shape, rate)
                events = rng.binomial(SIZES, true)
                held += beta_binomial(events, rate).sum(), arcsine(events, rate).sum()
            yield rate, rho, *(held / runs)


def half_added(e1, e0, size, truth):
    """Whether the log odds ratio with 1/2 added where a cell is zero holds the truth."""
    found = log_odds_ratio(e1, size, e0, size)
    if len(size) == 1:
        return abs(found.effect[0] - truth) <= stats.norm.ppf((1 + LEVEL) / 2) * found.std_error[0]
    pooled = pool(found.effect, found.variance)
    return pooled.ci_low <= truth <= pooled.ci_high


def rare_events(runs, rng):
    """Rows of risks, sizes, share without any event, and the coverage of the three intervals."""
    for risks in RISKS:
        one, other = risks
        truth = special.logit(one) - special.logit(other)
        for size in map(np.array, GROUPS):
            drawn = rng.binomial(
                np.tile(size, 2), np.repeat(risks, len(size)), (runs, 2 * len(size))
            )
            held = np.zeros(3)
            tables, times = np.unique(drawn, axis=0, return_counts=True)
            for table, number in zip(tables, times, strict=True):
                e1, e0 = np.split(table, 2)
                ratio = pool_counts(e1, size, e0, size)
                apart = pool_counts(e1, size, e0, size, measure="risk_difference")
                held += number * np.array([
                    ratio.ci_low <= np.exp(truth) <= ratio.ci_high,
                    half_added(e1, e0, size, truth),
                    apart.ci_low <= one - other <= apart.ci_high,
                ])  # fmt: skip
            empty = (drawn.sum(axis=1) == 0).mean()
            yield risks, ", ".join(map(str, size)), empty, *(held / runs)


def check(rng):
    """Count the runs of each cell on which this script and the package disagree."""
    for k, v in VARIANCES.items():
        y = rng.normal(0.5, np.sqrt(np.array(v) + 0.25), (100, k))
        tail = (1 - LEVEL) / 2
        below = posterior_below(y, np.array(v), 0.5)
        ours = [pool(row, v, tau_prior=SCALE) for row in y]
        usual = [pool(row, v) for row in y]
        one = np.array([f.ci_low <= 0.5 <= f.ci_high for f in ours])
        two = np.array([f.ci_low <= 0.5 <= f.ci_high for f in usual])
        far = np.max(np.abs(below - [1 - f.chance_above(0.5) for f in ours]))
        other = (one != ((below >= tail) & (below <= 1 - tail))).sum()
        print(k, f"{far:.1e}", other, (two != knapp_hartung(y, np.array(v), 0.5)).sum())
    for rate in RATES:
        events = rng.binomial(SIZES, rng.beta(rate * 19, (1 - rate) * 19, (40, len(SIZES))))
        limits = [pool_rates(row, SIZES) for row in events]
        one = np.array([f.ci_low <= rate <= f.ci_high for f in limits])
        print(rate, (one != beta_binomial(events, rate)).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="?", type=int, default=10_000)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(18)
    if asked.check:
        check(rng)
        return
    start = time.perf_counter()
    print("| k | tau | half-normal prior | Knapp-Hartung |\n| ---: | ---: | ---: | ---: |")
    for k, tau, prior, usual in few_studies(asked.runs, rng):
        print(f"| {k} | {tau:g} | {100 * prior:.1f} | {100 * usual:.1f} |")
    print(f"{time.perf_counter() - start:.1f} s\n")
    start = time.perf_counter()
    print("| rate | rho | beta-binomial | arcsine |\n| ---: | ---: | ---: | ---: |")
    for rate, rho, profile, usual in rare_rates(asked.runs, rng):
        print(f"| {100 * rate:g} % | {rho:g} | {100 * profile:.1f} | {100 * usual:.1f} |")
    print(f"{time.perf_counter() - start:.1f} s\n")
    start = time.perf_counter()
    print("| risks | people a group | no event | exact | 1/2 added | difference |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for (one, other), size, *shares in rare_events(asked.runs // 5, rng):
        risks = f"{100 * one:g} and {100 * other:g} %"
        print(f"| {risks} | {size} |", *(f"{100 * x:.1f} |" for x in shares))
    print(f"{time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
