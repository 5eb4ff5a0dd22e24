# Writes vote_direction.json beside this script. Run: Rscript vote_direction.R
suppressMessages(library(jsonlite))

cases <- list()
add <- function(func, inputs, options, call, expected)
  cases[[length(cases) + 1]] <<- list(func = func, inputs = inputs, options = options, call = call, expected = expected)

for (counts in list(c(28, 3), c(0, 1), c(6, 0), c(5, 1), c(4, 4), c(0, 9), c(11, 1), c(480, 430))) for (level in c(0.95, 0.9)) {
  f <- counts[1]; a <- counts[2]; n <- f + a
  x <- binom.test(f, n, conf.level = level)
  add("direction_share", as.list(counts), list(method = "clopper-pearson", confidence_level = level),
      sprintf("binom.test(%d, %d, conf.level=%g)", f, n, level),
      list(estimate = x$estimate[[1]], ci_low = x$conf.int[1], ci_high = x$conf.int[2], p_value = x$p.value))
  w <- suppressWarnings(prop.test(f, n, conf.level = level, correct = FALSE)$conf.int)
  add("direction_share", as.list(counts), list(method = "wilson", confidence_level = level),
      sprintf("prop.test(%d, %d, conf.level=%g, correct=FALSE); binom.test", f, n, level),
      list(estimate = f / n, ci_low = w[1], ci_high = w[2], p_value = x$p.value))
}

# Contours by root finding: the n at which effect / standard error is the normal quantile of p. The
# variances are the large-sample ones of d (two groups of n/2, one group of n) and of r.
variance <- list(
  "two groups" = function(d, n) 1 / (n / 2) + 1 / (n / 2) + d^2 / (2 * n),
  "one group" = function(d, n) 1 / n + d^2 / (2 * n),
  "correlation" = function(r, n) (1 - r^2)^2 / (n - 1))
for (measure in names(variance)) for (effect in c(0.1, 0.3, 0.8, -0.5)) for (p in c(1e-6, 0.005, 0.04, 0.3)) {
  side <- if (effect < 0) 1 - p else p
  gap <- function(logn) log(abs(effect) / sqrt(variance[[measure]](effect, 1 + exp(logn))) / qnorm(p, lower.tail = FALSE))
  # sizes under two have no meaning, and no root in this form
  if (gap(0) < 0) add("contour_n", list(side, effect), list(measure = measure),
                      "uniroot of |effect| / sqrt(variance(n)) = qnorm(1 - p)",
                      list(n = 1 + exp(uniroot(gap, c(0, 30), tol = 1e-14, maxiter = 10000)$root)))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/vote_direction.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "vote_direction.json")
