# Writes risk_ratios.json beside this script. Run: Rscript risk_ratios.R
suppressMessages(library(jsonlite))

# Separate groups: Koopman's score limits with the constrained proportions found by maximising the
# likelihood numerically, not by their closed form. Pairs: Bonett and Price's limits with the Wilson
# limits of prop.test at the reduced level.
pearson <- function(theta, e1, n1, e0, n0) {
  minus <- function(p0) -(dbinom(e1, n1, theta * p0, log = TRUE) + dbinom(e0, n0, p0, log = TRUE))
  p0 <- optimize(minus, c(0, min(1, 1 / theta)), tol = 1e-14)$minimum
  p <- c(theta * p0, p0); e <- c(e1, e0); n <- c(n1, n0)
  sum((e - n * p)^2 / (n * p * (1 - p)))
}
koopman <- function(e1, n1, e0, n0, level) {
  crit <- qchisq(level, 1); rr <- (e1 / n1) / (e0 / n0)
  f <- function(t) pearson(exp(t), e1, n1, e0, n0) - crit
  start <- if (is.finite(rr) && rr > 0) log(rr) else 0
  low <- if (e1 > 0) exp(uniroot(f, c(start - 8, if (e0 > 0) start else start + 8), tol = 1e-11)$root) else 0
  high <- if (e0 > 0) exp(uniroot(f, c(if (e1 > 0) start else start - 8, start + 8), tol = 1e-11)$root) else -1
  c(low, high)
}
bonett_price <- function(a, b, c, d, level) {
  ns <- a + b + c; x1 <- a + b; x0 <- a + c
  A <- sqrt((b + c + 2) / ((x1 + 1) * (x0 + 1)))
  B <- sqrt((1 - (x1 + 1) / (ns + 2)) / (x1 + 1)); C <- sqrt((1 - (x0 + 1) / (ns + 2)) / (x0 + 1))
  z <- A / (B + C) * qnorm(1 - (1 - level) / 2)
  w <- function(x) suppressWarnings(prop.test(x, ns, conf.level = 2 * pnorm(z) - 1, correct = FALSE)$conf.int)
  w1 <- w(x1); w0 <- w(x0)
  c(w1[1] / w0[2], w1[2] / w0[1])
}
groups <- list(list(7, 34, 1, 34, .95), list(12, 40, 20, 45, .95), list(3, 15, 3, 15, .9), list(0, 20, 5, 18, .95),
               list(6, 20, 0, 25, .95), list(80, 412, 60, 398, .99),
               list(6, 24, 4, 206, .95), list(6, 51, 24, 177, .95))  # home-riskier and shallow-safer of demo_clinic
pairs <- list(list(59, 6, 16, 80, .95), list(1, 1, 7, 12, .95), list(10, 4, 3, 3, .9), list(4, 8, 2, 26, .99),
              list(38, 0, 0, 2, .95))  # 10 points or more on the two sides of demo_split_face
cases <- c(
  lapply(groups, function(g) list(kind = "groups", counts = g[1:4], level = g[[5]],
    call = "score limits, likelihood maximised by optimize()", expected = as.list(do.call(koopman, g)))),
  lapply(pairs, function(g) list(kind = "pairs", counts = g[1:4], level = g[[5]],
    call = "Bonett-Price with prop.test(correct = FALSE)", expected = as.list(do.call(bonett_price, g)))))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17. An infinite limit is -1.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/risk_ratios.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = unname(cases))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "risk_ratios.json")
