# Reference numbers for mn.stats.mean_of_intervals: normal mean of interval-known values by
# survival::survreg. Run from anywhere: Rscript tests/reference/interval_mean.R
suppressPackageStartupMessages({library(survival); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

classes <- function(low, high, n) list(low = rep(low, n), high = rep(high, n))
set.seed(7)
y <- rnorm(40, 35, 22)
cut_at <- c(-100, -25, 0, 25, 50, 75, 100)
at <- findInterval(y, cut_at)
half <- seq_len(40) %% 2 == 0
cases <- list(
  quarters = classes(c(0, 25.5, 50.5), c(25.5, 50.5, 75), c(6, 15, 7)),
  four_classes = classes(c(0, 25, 50, 75), c(25, 50, 75, 100), c(2, 13, 7, 6)),
  point_and_classes = classes(c(0, 0, 25, 50, 75), c(0, 25, 50, 75, 100), c(1, 3, 7, 9, 5)),
  uneven = classes(c(30, 50, 70), c(50, 70, 100), c(8, 27, 25)),
  exact = list(low = round(y, 2), high = round(y, 2)),
  mixed = list(low = ifelse(half, round(y, 2), cut_at[at]), high = ifelse(half, round(y, 2), cut_at[at + 1])),
  overlapping = list(low = c(0, 10, 20, 35, 60, -20, 5, 40), high = c(50, 30, 80, 35, 100, 10, 45, 41)),
  few = classes(c(0, 25, 50), c(25, 50, 100), c(1, 2, 2)),
  far = list(low = 1e6 + c(0, 1, 2, 2, 3, 5), high = 1e6 + c(1, 2, 3, 4, 5, 5))
)
number <- function(x) sprintf("%.17g", x)
fits <- lapply(cases, function(d) {
  # survreg scales badly far from 0: shifted there and back
  shift <- if (mean(d$low) > 1e5) 1e6 else 0
  fit <- survreg(Surv(d$low - shift, d$high - shift, type = "interval2") ~ 1, dist = "gaussian",
                 control = survreg.control(rel.tolerance = 1e-14, toler.chol = 1e-14, maxiter = 500))
  list(call = "survreg(Surv(low, high, type = 'interval2') ~ 1, dist = 'gaussian')",
       low = number(d$low), high = number(d$high), mean = number(coef(fit)[[1]] + shift),
       sd = number(fit$scale), error = number(sqrt(vcov(fit)[1, 1])), log_likelihood = number(fit$loglik[1]))
})
out <- list(R = R.version.string, survival = as.character(packageVersion("survival")), cases = fits)
write(toJSON(out, auto_unbox = TRUE, pretty = TRUE), file.path(here, "interval_mean.json"))
