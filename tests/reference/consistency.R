# Writes consistency.json beside this script. Run: Rscript consistency.R
suppressMessages(library(jsonlite))
cases <- list()
add <- function(func, args, call, expected) cases[[length(cases) + 1]] <<- list(
  func = func, args = args, call = call, expected = expected)

# p behind an interval: t with n - 1 degrees of freedom, the normal law without n, logarithms for ratios
for (x in list(c(3.4, 0.2, 6.5, 15), c(2.4, 0.01, 4.8, 15), c(0.4, -2.3, 3.5, 15), c(1, -1.4, 3.4, 15), c(1.23, 1.11, 1.34, 48)))
  for (level in c(0.95, 0.99)) {
    se <- (x[3] - x[2]) / 2 / qt((1 + level) / 2, x[4] - 1)
    add("p_from_interval", list(estimate = x[1], ci_low = x[2], ci_high = x[3], n = x[4], level = level),
        "2 * pt(-abs(estimate / se), n - 1), se = width / 2 / qt", 2 * pt(-abs(x[1] / se), x[4] - 1))
  }
for (x in list(c(1.96, 1.3, 2.95), c(0.71, 0.14, 3.62), c(2.97, 1.96, 4.51))) {
  se <- log(x[3] / x[2]) / 2 / qnorm(0.975)
  add("p_from_interval", list(estimate = x[1], ci_low = x[2], ci_high = x[3], ratio = TRUE),
      "2 * pnorm(-abs(log(estimate)) / se)", 2 * pnorm(-abs(log(x[1])) / se))
}

# data with exactly these means, spreads and correlation, then t.test itself
with_moments <- function(m, s, r, n) {
  z <- scale(matrix(sin(seq_len(2 * n) * 1.7) + cos(seq_len(2 * n)^2), n))
  z <- z %*% solve(chol(cov(z)))
  z <- z %*% chol(matrix(c(1, r, r, 1), 2))
  sweep(sweep(z, 2, s, "*"), 2, m, "+")
}
for (x in list(c(2.87, 2.03, 0.83, 1.16, 40), c(46.7, 29.5, 16.3, 15.1, 42), c(1.2, 1, 2, 1.8, 27)))
  for (r in c(0, 0.5, 0.9)) {
    d <- with_moments(x[1:2], x[3:4], r, x[5])
    add("p_from_change", list(before = x[1], after = x[2], sd_before = x[3], sd_after = x[4], n = x[5], r = r),
        "t.test(before, after, paired = TRUE) on data with these moments", t.test(d[, 1], d[, 2], paired = TRUE)$p.value)
  }
for (x in list(c(4.23, 1.3, 30, 4.98, 1.13, 30), c(3.23, 0.7, 43, 2.91, 0.69, 28), c(5.4, 2.1, 9, 4.2, 0.6, 15))) {
  a <- with_moments(c(x[1], 0), c(x[2], 1), 0, x[3])[, 1]
  b <- with_moments(c(x[4], 0), c(x[5], 1), 0, x[6])[, 1]
  add("p_from_arms", list(mean1 = x[1], sd1 = x[2], n1 = x[3], mean2 = x[4], sd2 = x[5], n2 = x[6]),
      "t.test(a, b) and t.test(a, b, var.equal = TRUE) on data with these moments",
      list(welch = t.test(a, b)$p.value, one_variance = t.test(a, b, var.equal = TRUE)$p.value))
}

# every data set of n whole numbers 0 to top: the printed pairs of mean and SD that occur (sprintf rounds)
for (x in list(c(4, 4), c(5, 3), c(6, 2))) {
  n <- x[1]; top <- x[2]
  grid <- as.matrix(expand.grid(rep(list(0:top), n)))
  grid <- unique(t(apply(grid, 1, sort)))
  pairs <- unique(paste(sprintf("%.2f", rowMeans(grid)), sprintf("%.2f", apply(grid, 1, sd))))
  add("grimmer", list(n = n, top = top), "unique(sprintf('%.2f', mean), sprintf('%.2f', sd)) over all data sets",
      as.list(sort(pairs)))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/consistency.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "consistency.json")
