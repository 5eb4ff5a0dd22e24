# Reference numbers for mn.stats.turnbull and share_by: Turnbull's estimate by survival::survfit.
# Run from anywhere: Rscript tests/reference/interval_censored.R
suppressPackageStartupMessages({library(survival); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

visits <- function(seed, n, step, last) {
  set.seed(seed)
  time <- rweibull(n, 1.3, 9)
  left <- right <- numeric(n)
  for (i in seq_len(n)) {
    seen <- cumsum(sample(step, 20, replace = TRUE))
    seen <- c(0, seen[seen <= last])
    left[i] <- max(seen[seen < time[i]])
    later <- seen[seen >= time[i]]
    right[i] <- if (length(later)) min(later) else NA
  }
  list(left = left, right = right)
}
cases <- list(
  regular = visits(1, 40, 4, 24),
  uneven = visits(2, 60, c(2, 3, 4, 6, 8), 30),
  small = visits(3, 8, c(3, 5), 15),
  no_censoring = visits(4, 30, c(1, 2), 200)
)
# survfit stops its iterations early (differences of 1e-3 remain), so the likelihood is also maximised
# here by iterating until nothing moves by more than 1e-13.
maximised <- function(d, left, right) {
  high <- ifelse(is.na(d$right), Inf, d$right)
  holds <- outer(d$left, left, "<=") & outer(high, right, ">=")
  mass <- rep(1 / length(left), length(left))
  repeat {
    new <- mass * colMeans(holds / as.vector(holds %*% mass))
    if (max(abs(new - mass)) < 1e-13) return(new)
    mass <- new
  }
}
innermost <- function(d) {
  high <- ifelse(is.na(d$right), Inf, d$right)
  ends <- unique(rbind(cbind(high, 0), cbind(d$left, 1)))   # a right end comes before a left one
  ends <- ends[order(ends[, 1], ends[, 2]), ]
  at <- which(head(ends[, 2], -1) == 1 & tail(ends[, 2], -1) == 0)
  list(left = ends[at, 1], right = ends[at + 1, 1])
}
number <- function(x) ifelse(is.infinite(x), "inf", sprintf("%.17g", x))
fits <- lapply(cases, function(d) {
  fit <- survfit(Surv(d$left, d$right, type = "interval2") ~ 1)
  inner <- innermost(d)
  list(call = "survfit(Surv(left, right, type = 'interval2') ~ 1)",
       left = number(d$left), right = ifelse(is.na(d$right), "inf", number(d$right)),
       survfit = number(fit$surv), inner_left = number(inner$left),
       inner_right = number(inner$right),
       mass = number(maximised(d, inner$left, inner$right)))
})
out <- list(R = R.version.string, survival = as.character(packageVersion("survival")), cases = fits)
write(toJSON(out, auto_unbox = TRUE, pretty = TRUE), file.path(here, "interval_censored.json"))
