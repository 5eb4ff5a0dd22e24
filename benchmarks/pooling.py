"""Pooling against metafor in one run: time per analysis, ratio, largest difference.

Run ``python benchmarks/pooling.py``. Without Rscript and metafor only our own times are printed.
"""

import json
import shutil
import subprocess
import timeit

import numpy as np

from mnstudy.stats.meta.pooling import pool

SIZES = (5, 20, 100, 1000)
SECONDS = 0.3
METAFOR = r"""
suppressMessages(library(metafor))
studies <- jsonlite::fromJSON(file("stdin"), simplifyVector = FALSE)
out <- lapply(studies, function(s) {
  y <- unlist(s$y); v <- unlist(s$v)
  # The work that pool() does: the fit, the interval of tau2, the prediction interval.
  run <- function() {
    x <- rma(y, v, test = "knha", control = list(threshold = 1e-10, maxiter = 1000))
    list(x, confint(x), predict(x))
  }
  x <- run()[[1]]
  reps <- max(1, ceiling(0.3 / system.time(run())[["elapsed"]]))
  list(seconds = system.time(for (i in seq_len(reps)) run())[["elapsed"]] / reps,
       fit = system.time(for (i in seq_len(reps)) rma(y, v, test = "knha"))[["elapsed"]] / reps,
       numbers = c(x$b[1], x$ci.lb, x$ci.ub, x$tau2))
})
cat(jsonlite::toJSON(out, auto_unbox = TRUE, digits = NA))
"""


def studies(k):
    rng = np.random.default_rng(k)
    v = rng.gamma(2.0, 0.05, k)
    return rng.normal(0.4, np.sqrt(v + 0.1)), v


def ours(y, v):
    timer = timeit.Timer(lambda: pool(y, v))
    once = timer.timeit(1)
    reps = max(1, int(SECONDS / once))
    found = pool(y, v)
    return timer.timeit(reps) / reps, [found.estimate, found.ci_low, found.ci_high, found.tau2]


def metafor(data):
    if shutil.which("Rscript") is None:
        return None
    text = json.dumps([{"y": y.tolist(), "v": v.tolist()} for y, v in data])
    done = subprocess.run(
        ["Rscript", "-e", METAFOR], input=text, capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def main():
    data = [studies(k) for k in SIZES]
    theirs = metafor(data)
    print("REML, Knapp-Hartung, Q-profile and prediction interval; milliseconds per analysis")
    print(
        f"{'studies':>8} {'mnstudy':>9} {'metafor':>9} {'ratio':>7} {'fit only':>9} {'max diff':>9}"
    )
    for index, (y, v) in enumerate(data):
        seconds, numbers = ours(y, v)
        line = f"{len(y):>8} {1e3 * seconds:>9.3f}"
        if theirs is not None:
            other = theirs[index]
            difference = np.max(np.abs(np.subtract(numbers, other["numbers"])))
            line += f" {1e3 * other['seconds']:>9.3f} {other['seconds'] / seconds:>7.1f}"
            line += f" {1e3 * other['fit']:>9.3f} {difference:>9.1e}"
        print(line)
    if theirs is None:
        print("Rscript with metafor and jsonlite was not found: nothing to compare with")


if __name__ == "__main__":
    main()
